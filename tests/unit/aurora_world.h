/* A made-up world around aurora's core, for random tests: a master that tells
 * late and twice, agents that come and go, tasks that run. */
#pragma once
#include "aurora/core/aurora.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { AGENTS = 4, KEYS = 5, TASKS_MAX = 4096 };

/* What really is: tasks on agents, as the master would know them. */
struct real {
    char id[256];
    int agent;
    enum task_state state; /* newest that is true */
    enum task_state told;  /* newest that was reported */
    int64_t cpus, mem;
    bool is_dying;
};

struct world {
    struct aurora a;
    uint32_t rolled[ROLLING_STATE_COUNT];
    uint64_t rolling_at; /* events up to here were looked at */
    struct rng rng;
    int64_t now_ms;
    struct real task[TASKS_MAX];
    int count;
    struct {
        int64_t cpus, mem; /* not used by tasks */
        char offer[32];    /* outstanding, or "" */
        int64_t o_cpus, o_mem;
        bool is_away;
    } agent[AGENTS];
    int next_offer;
    bool is_connected;
    bool is_quiet; /* no more noise */
    bool is_service[KEYS];
    int64_t largest[KEYS];
    uint32_t ended_update; /* the newest that was looked at */
    uint32_t ends[UPDATE_STATE_COUNT];
};

static inline struct job_key key_of(int n)
{
    struct job_key key = {"c", "www", "prod", ""};

    snprintf(key.name, sizeof key.name, "job%d", n);
    return key;
}

static inline struct bytes text(const char *s)
{
    return bytes_of_text(s);
}

/* --- what the core asks of the world --- */

static inline struct real *find_real(struct world *w, struct bytes id)
{
    for (int i = 0; i < w->count; i++)
        if (bytes_equal_text(id, w->task[i].id))
            return &w->task[i];
    return NULL;
}

static inline int agent_of(struct bytes id)
{
    return id.data[id.size - 1] - '0';
}

static inline void real_end(struct world *w, struct real *task,
                            enum task_state state)
{
    if (task_machine_is_terminal(task->state))
        return;
    task->state = state;
    w->agent[task->agent].cpus += task->cpus;
    w->agent[task->agent].mem += task->mem;
}

static inline void do_launch(struct world *w, const struct launch *launch)
{
    int agent = agent_of(blob_bytes(launch->host->agent_id));

    assert_int_equal(launch->offers.count, 1);
    bool valid = bytes_equal_text(blob_bytes(launch->offers.item[0]),
                                  w->agent[agent].offer);
    if (valid)
        w->agent[agent].offer[0] = '\0';
    for (uint32_t i = 0; i < launch->tasks.count; i++) {
        struct task *task = aurora_task_by_number(&w->a, launch->tasks.item[i]);
        assert_non_null(task);
        assert_int_equal(task->state, TASK_ASSIGNED);
        if (!valid || rng_below(&w->rng, 50) == 0)
            continue; /* lost on the way */
        assert_true(w->count < TASKS_MAX);
        struct real *real = &w->task[w->count++];
        *real = (struct real){.agent = agent,
                              .state = TASK_STARTING,
                              .told = TASK_ASSIGNED,
                              .cpus = task->config->need.cpus,
                              .mem = task->config->need.mem};
        snprintf(real->id, sizeof real->id, "%.*s", (int)task->id->size,
                 (const char *)task->id->data);
        w->agent[agent].cpus -= real->cpus;
        w->agent[agent].mem -= real->mem;
        assert_true(w->agent[agent].cpus >= 0 && w->agent[agent].mem >= 0);
    }
}

static inline void do_kill(struct world *w, const struct task_ref *ref)
{
    struct real *real = find_real(w, blob_bytes(ref->task_id));

    if (real && rng_below(&w->rng, 10) != 0)
        real->is_dying = true;
}

static inline void do_reconcile(struct world *w, const struct task_ref *ref)
{
    struct bytes id = blob_bytes(ref->task_id);
    struct real *real = find_real(w, id);

    aurora_report(&w->a, id, blob_bytes(ref->agent_id),
                  real ? real->state : TASK_LOST, "reconciled", w->now_ms);
    if (real)
        real->told = real->state;
}

static inline void do_decline(struct world *w, struct blob *offer)
{
    for (int i = 0; i < AGENTS; i++)
        if (bytes_equal_text(blob_bytes(offer), w->agent[i].offer))
            w->agent[i].offer[0] = '\0';
}

/* An update that ended leaves the job as it said. */
static inline void check_ended(const struct update *u)
{
    const struct job *job = u->job;

    if (job->is_killed || u->is_partial)
        return;
    if (update_is_surge(u) && u->count[SLOT_FAILED] > 0)
        return; /* what failed left the old ones where they are */
    if (u->state == UPDATE_ROLLED_FORWARD) {
        uint32_t living = 0; /* an earlier one may leave what is killed */
        for (const struct task *t = job->active.first; t; t = t->next) {
            if (t->state == TASK_KILLING)
                continue;
            assert_ptr_equal(t->config, u->config);
            assert_true(!t->host || t->config->is_limited ||
                        placer_suits(t->host, t->config, NULL));
            living++;
        }
        assert_int_equal(living, u->instances);
    }
    if (u->state == UPDATE_ROLLED_BACK)
        for (uint32_t i = 0; i < u->slot_count; i++) {
            const struct task *t = job_active(job, u->slot[i].instance);
            if (u->slot[i].before)
                assert_true(t && t->state != TASK_KILLING &&
                            strcmp(t->config->runs_id,
                                   u->slot[i].before->runs_id) == 0);
            else
                assert_true(!t || t->state == TASK_KILLING);
        }
}

/* In the moment of its end: later requests change the job again. */
static inline void check_ends(struct world *w)
{
    for (uint32_t i = 0; i < w->a.jobs.count; i++) {
        const struct job *job = w->a.jobs.item[i];
        uint32_t n = job->updates.count;
        if (n > 0 && !job->update &&
            job->updates.item[n - 1]->number > w->ended_update) {
            w->ended_update = job->updates.item[n - 1]->number;
            if (update_changed_ms(job->updates.item[n - 1]) == w->now_ms)
                check_ended(job->updates.item[n - 1]);
            w->ends[job->updates.item[n - 1]->state]++;
        }
    }
}

/* Ends of restarts and kills that the events tell of. */
static inline void count_rolled(struct world *w)
{
    for (; w->rolling_at < w->a.events.next; w->rolling_at++) {
        const struct event *e = event_log_get(&w->a.events, w->rolling_at);
        if (e && e->kind == EVENT_ROLLING_CHANGED && e->part_phase == 0)
            w->rolled[e->rolling_state]++;
    }
}

static inline void perform(struct world *w)
{
    struct task_ref reconcile[512];
    uint32_t count = 0;

    aurora_reserve_sequence(&w->a);
    for (uint32_t i = 0; i < w->a.work.launches.count; i++)
        do_launch(w, &w->a.work.launches.item[i]);
    for (uint32_t i = 0; i < w->a.work.kills.count; i++)
        if (w->is_connected)
            do_kill(w, &w->a.work.kills.item[i]);
    for (uint32_t i = 0; i < w->a.work.declines.count; i++)
        do_decline(w, w->a.work.declines.item[i]);
    for (uint32_t i = 0; i < w->a.work.reconcile.count && count < 512; i++)
        reconcile[count++] =
            (struct task_ref){blob_ref(w->a.work.reconcile.item[i].task_id),
                              blob_ref(w->a.work.reconcile.item[i].agent_id)};
    aurora_work_clear(&w->a);
    check_ends(w);
    count_rolled(w);
    for (uint32_t i = 0; i < count; i++) {
        do_reconcile(w, &reconcile[i]);
        blob_unref(reconcile[i].task_id);
        blob_unref(reconcile[i].agent_id);
    }
    aurora_check(&w->a);
}

/* --- what the world does --- */

static inline void offer_one(struct world *w, int agent)
{
    struct attributes attributes = {0};
    struct amounts amounts = {w->agent[agent].cpus, w->agent[agent].mem,
                              1000000, 0};
    struct ranges ports = {0};
    char id[32], name[32], rack[32];

    if (w->agent[agent].offer[0] || w->agent[agent].is_away ||
        !w->is_connected || amounts.cpus == 0)
        return;
    snprintf(w->agent[agent].offer, 32, "o-%d", ++w->next_offer);
    snprintf(id, sizeof id, "m-S%d", agent);
    snprintf(name, sizeof name, "host%d", agent);
    snprintf(rack, sizeof rack, "r%d", agent % 2);
    attributes_add_text(&attributes, "rack", rack);
    ranges_add(&ports, (struct range){31000, 31009});
    aurora_offer(&w->a, text(w->agent[agent].offer), text(id), name, "",
                 &attributes, &amounts, &ports, w->now_ms);
    if (rng_below(&w->rng, 8) == 0) /* told twice */
        aurora_offer(&w->a, text(w->agent[agent].offer), text(id), name, "",
                     &attributes, &amounts, &ports, w->now_ms);
    attributes_release(&attributes);
    ranges_release(&ports);
}

static inline void rescind_one(struct world *w, int agent)
{
    if (!w->agent[agent].offer[0])
        return;
    aurora_rescind(&w->a, text(w->agent[agent].offer));
    w->agent[agent].offer[0] = '\0';
}

static inline void advance(struct world *w, struct real *task)
{
    if (task_machine_is_terminal(task->state))
        return;
    if (task->is_dying && rng_below(&w->rng, 2) == 0) {
        real_end(w, task, TASK_KILLED);
        return;
    }
    if (task->state == TASK_STARTING) {
        task->state = TASK_RUNNING;
        return;
    }
    bool is_batch = strstr(task->id, "-job0-") || strstr(task->id, "-job1-");
    if (is_batch && rng_below(&w->rng, 3) == 0)
        real_end(w, task,
                 rng_below(&w->rng, 4) || w->is_quiet ? TASK_FINISHED
                                                      : TASK_FAILED);
    else if (!w->is_quiet && rng_below(&w->rng, 40) == 0)
        real_end(w, task, rng_below(&w->rng, 2) ? TASK_FAILED : TASK_KILLED);
}

/* Report the newest state, at least once. */
static inline void tell(struct world *w, struct real *task)
{
    char agent[32];

    if (!w->is_connected || task->told == task->state)
        return;
    snprintf(agent, sizeof agent, "m-S%d", task->agent);
    for (int times = rng_below(&w->rng, 6) == 0 ? 2 : 1; times > 0; times--)
        aurora_report(&w->a, text(task->id), text(agent), task->state, NULL,
                      w->now_ms);
    task->told = task->state;
}

static inline void toggle_connection(struct world *w)
{
    w->is_connected = !w->is_connected;
    for (int i = 0; i < AGENTS; i++)
        w->agent[i].offer[0] = '\0';
    if (w->is_connected)
        aurora_connected(&w->a, w->now_ms);
    else
        aurora_disconnected(&w->a);
}

static inline void agent_lost(struct world *w, int agent)
{
    char id[32];

    snprintf(id, sizeof id, "m-S%d", agent);
    w->agent[agent].is_away = !w->agent[agent].is_away;
    w->agent[agent].offer[0] = '\0';
    if (!w->agent[agent].is_away)
        return;
    aurora_agent_lost(&w->a, text(id), w->now_ms);
    for (int i = 0; i < w->count && w->is_connected; i++)
        if (w->task[i].agent == agent &&
            !task_machine_is_terminal(w->task[i].state)) {
            aurora_report(&w->a, text(w->task[i].id), text(id),
                          TASK_PARTITIONED, "unreachable", w->now_ms);
            w->task[i].told = TASK_PARTITIONED; /* told again on return */
        }
}
