/* The core under random orders: users, a master that tells late and twice,
 * agents that come and go. Every invariant is checked after every step; when
 * the noise ends every job must have what it wants. */
#include "aurora/core/aurora.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { AGENTS = 4, KEYS = 5, TASKS_MAX = 4096, STEPS = 600, SEEDS = 120 };

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

static struct job_key key_of(int n)
{
    struct job_key key = {"c", "www", "prod", ""};

    snprintf(key.name, sizeof key.name, "job%d", n);
    return key;
}

static struct bytes text(const char *s)
{
    return bytes_of_text(s);
}

/* --- what the core asks of the world --- */

static struct real *find_real(struct world *w, struct bytes id)
{
    for (int i = 0; i < w->count; i++)
        if (bytes_equal_text(id, w->task[i].id))
            return &w->task[i];
    return NULL;
}

static int agent_of(struct bytes id)
{
    return id.data[id.size - 1] - '0';
}

static void real_end(struct world *w, struct real *task, enum task_state state)
{
    if (task_machine_is_terminal(task->state))
        return;
    task->state = state;
    w->agent[task->agent].cpus += task->cpus;
    w->agent[task->agent].mem += task->mem;
}

static void do_launch(struct world *w, const struct launch *launch)
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

static void do_kill(struct world *w, const struct task_ref *ref)
{
    struct real *real = find_real(w, blob_bytes(ref->task_id));

    if (real && rng_below(&w->rng, 10) != 0)
        real->is_dying = true;
}

static void do_reconcile(struct world *w, const struct task_ref *ref)
{
    struct bytes id = blob_bytes(ref->task_id);
    struct real *real = find_real(w, id);

    aurora_report(&w->a, id, blob_bytes(ref->agent_id),
                  real ? real->state : TASK_LOST, "reconciled", w->now_ms);
    if (real)
        real->told = real->state;
}

static void do_decline(struct world *w, struct blob *offer)
{
    for (int i = 0; i < AGENTS; i++)
        if (bytes_equal_text(blob_bytes(offer), w->agent[i].offer))
            w->agent[i].offer[0] = '\0';
}

/* An update that ended leaves the job as it said. */
static void check_ended(const struct update *u)
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
static void check_ends(struct world *w)
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
static void count_rolled(struct world *w)
{
    for (; w->rolling_at < w->a.events.next; w->rolling_at++) {
        const struct event *e = event_log_get(&w->a.events, w->rolling_at);
        if (e && e->kind == EVENT_ROLLING_CHANGED && e->part_phase == 0)
            w->rolled[e->rolling_state]++;
    }
}

static void perform(struct world *w)
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

static void offer_one(struct world *w, int agent)
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

static void rescind_one(struct world *w, int agent)
{
    if (!w->agent[agent].offer[0])
        return;
    aurora_rescind(&w->a, text(w->agent[agent].offer));
    w->agent[agent].offer[0] = '\0';
}

static void advance(struct world *w, struct real *task)
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
static void tell(struct world *w, struct real *task)
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

static void toggle_connection(struct world *w)
{
    w->is_connected = !w->is_connected;
    for (int i = 0; i < AGENTS; i++)
        w->agent[i].offer[0] = '\0';
    if (w->is_connected)
        aurora_connected(&w->a, w->now_ms);
    else
        aurora_disconnected(&w->a);
}

static void agent_lost(struct world *w, int agent)
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

/* --- what users do --- */

static void set_update(struct job_config *config, int kind)
{
    const uint32_t size[] = {1, 2};
    struct update_settings settings = {
        .strategy = (enum update_strategy)(1 + kind % 4),
        .size = kind % 4 == 2 ? size : size + kind % 2,
        .size_count = kind % 4 == 2 ? 2 : 1,
        .minimum_health_milli = 500 * (uint32_t)(kind % 3),
        .maximum_over_milli = 500 * (uint32_t)(kind / 2 % 3),
        .canary_count = kind % 5 < 2 ? 1 + (uint32_t)kind % 2 : 0,
        .canary_ms = 10000,
        .canary_failures_max = kind % 2 == 0,
        .autopause = kind % 4 == 1,
        .rolls_back = kind % 3 != 1,
        .instance_failures_max = kind % 2 == 0 ? 3 : 0,
        .failures_max = kind % 7 == 0 ? 1 : 0,
        .watch_ms = kind % 3 * 5000,
        .pulse_ms = kind % 6 == 5 ? 60000 : 0};

    job_config_set_update(config, &settings);
}

/* `version` makes another config; even and odd ones run the same. Of job 4
 * those from 2 on differ from those before in constraints alone. */
static struct job_config *config_of(int n, unsigned version)
{
    struct job_key key = key_of(n);
    unsigned stands = version / (n == 4 ? 4 : 2);
    const char *rack = "r0";
    char bytes[2 * JOB_KEY_PART_MAX];

    snprintf(bytes, sizeof bytes, "%s v%u", key.name, version);
    struct job_config *config = job_config_new(&key, text(bytes));
    snprintf(bytes, sizeof bytes, "%s v%u", key.name, version / 2);
    job_config_id(text(bytes), config->runs_id);
    snprintf(bytes, sizeof bytes, "%s v%u", key.name, stands);
    job_config_id(text(bytes), config->stands_id);
    config->is_service = n >= 2;
    set_update(config, n + (int)version);
    config->priority = n % 3 + (int)(version % 2);
    config->failures_max = n == 1 ? 3 : 1;
    config->task = config->need =
        (struct amounts){100 * (1 + n + (int)stands), 64000, 1000, 0};
    if (n == 4 && version / 2 % 2 == 1)
        job_config_add_constraint(config, "rack", CONSTRAINT_ONE_OF, &rack, 1,
                                  0);
    if (n == 3) {
        const char *none = NULL;
        job_config_add_constraint(config, "rack", CONSTRAINT_LIMIT, &none, 0,
                                  6);
    }
    return config;
}

static void create(struct world *w, int n)
{
    uint64_t sequence;

    (void)aurora_create_take(&w->a, config_of(n, 0),
                             1 + (uint32_t)rng_below(&w->rng, 6), w->now_ms,
                             &sequence, NULL);
}

static void start_update(struct world *w, int n)
{
    struct instance_pair pair = {(uint32_t)rng_below(&w->rng, 3), 4};
    struct instances scope = {&pair, rng_below(&w->rng, 6) == 0};
    struct update_request request = {
        .instances = 1 + (uint32_t)rng_below(&w->rng, 6),
        .scope = &scope,
        .has_batch_size = rng_below(&w->rng, 4) == 0,
        .batch_size = (uint32_t)rng_below(&w->rng, 3),
        .message = "test"};
    struct update *update;
    uint64_t sequence;

    (void)aurora_update_start_take(
        &w->a, config_of(n, (unsigned)rng_below(&w->rng, 6)), &request,
        w->now_ms, &update, &sequence, NULL);
}

static void act_on_update(struct world *w, const struct job_key *key)
{
    struct update *update;
    uint64_t sequence;
    bool is_over;

    if (rng_below(&w->rng, 4) == 0)
        (void)aurora_update_pulse(&w->a, key, NULL, w->now_ms, &is_over, NULL);
    else
        (void)aurora_update_act(&w->a, key, NULL,
                                (enum update_verb)rng_below(&w->rng, 4), "test",
                                w->now_ms, &update, &sequence, NULL);
}

/* Whoever began an update sees it through. */
static void see_updates_through(struct world *w)
{
    struct update *update;
    uint64_t sequence;
    bool is_over;

    for (uint32_t i = 0; i < w->a.jobs.count; i++) {
        const struct job *job = w->a.jobs.item[i];
        if (!job->update)
            continue;
        if (update_is_paused(job->update->state))
            (void)aurora_update_act(&w->a, &job->key, NULL, UPDATE_RESUME, NULL,
                                    w->now_ms, &update, &sequence, NULL);
        if (job->update)
            (void)aurora_update_pulse(&w->a, &job->key, NULL, w->now_ms,
                                      &is_over, NULL);
    }
}

/* Half of them in batches, judged by how it goes. */
static void roll(struct world *w, const struct job_key *key,
                 const struct instances *some)
{
    struct instance_list touched = {0};
    uint64_t sequence;
    struct rolling_request request = {
        .kind = rng_below(&w->rng, 2) ? ROLLING_RESTART : ROLLING_KILL,
        .instances = some,
        .is_strict = rng_below(&w->rng, 4) == 0,
        .message = "test"};

    request.settings.batch_size = (uint32_t)rng_below(&w->rng, 3);
    request.settings.watch_ms = (int64_t)rng_below(&w->rng, 3) * 5000;
    request.settings.instance_failures_max = (uint32_t)rng_below(&w->rng, 2);
    request.settings.failures_max = (uint32_t)rng_below(&w->rng, 2);
    if (rng_below(&w->rng, 5) == 0)
        (void)aurora_roll_cancel(&w->a, key, "test", w->now_ms, &sequence,
                                 NULL);
    else
        (void)aurora_roll(&w->a, key, &request, w->now_ms, &touched, &sequence,
                          NULL);
    vec_free(&touched);
}

static void user(struct world *w)
{
    struct job_key key = key_of((int)rng_below(&w->rng, KEYS));
    struct instance_list touched = {0};
    struct instance_pair pair = {(uint32_t)rng_below(&w->rng, 4), 0};
    struct instances some = {&pair, (uint32_t)rng_below(&w->rng, 2)};
    uint64_t sequence;
    uint32_t n = (uint32_t)rng_below(&w->rng, 7);

    pair.last = pair.first + 1;
    switch (rng_below(&w->rng, 11)) {
    case 0:
    case 1:
        create(w, key.name[3] - '0');
        break;
    case 2:
        (void)aurora_kill(&w->a, &key, &some, "test", w->now_ms, &touched,
                          &sequence, NULL);
        break;
    case 3:
        (void)aurora_restart(&w->a, &key, &some, n % 3, "test", w->now_ms,
                             &touched, &sequence, NULL);
        break;
    case 4:
    case 5:
        start_update(w, key.name[3] - '0');
        break;
    case 6:
        act_on_update(w, &key);
        break;
    case 7:
        (void)aurora_scale(&w->a, &key, n, w->now_ms, &touched, &sequence,
                           NULL);
        break;
    case 8:
    case 9:
        roll(w, &key, &some);
        break;
    default:
        (void)aurora_add(&w->a, &key, n % 3, NULL, w->now_ms, &touched,
                         &sequence, NULL);
        break;
    }
    vec_free(&touched);
}

/* What the link does every hour: everything is reported once more. */
static void reconcile_implicitly(struct world *w)
{
    for (int i = 0; i < w->count; i++)
        if (!task_machine_is_terminal(w->task[i].state))
            w->task[i].told = TASK_NONE;
}

static void step(struct world *w)
{
    int agent = (int)rng_below(&w->rng, AGENTS);
    uint64_t noise = w->is_quiet ? 30 : rng_below(&w->rng, 40);

    w->now_ms += (int64_t)rng_below(&w->rng, 4000);
    if (w->is_quiet)
        see_updates_through(w);
    if (noise < 3)
        user(w);
    else if (noise == 3 || (w->is_quiet && !w->is_connected))
        toggle_connection(w);
    else if (noise == 4 || (w->is_quiet && w->agent[agent].is_away))
        agent_lost(w, agent);
    else if (noise < 7)
        rescind_one(w, agent);
    if (rng_below(&w->rng, 100) == 0)
        reconcile_implicitly(w);
    perform(w);
    offer_one(w, agent);
    perform(w);
    for (int i = 0; i < w->count; i++) {
        if (w->agent[w->task[i].agent].is_away)
            continue;
        if (rng_below(&w->rng, 3) == 0)
            advance(w, &w->task[i]);
        if (rng_below(&w->rng, 2) == 0)
            tell(w, &w->task[i]);
        perform(w);
    }
    aurora_time(&w->a, w->now_ms);
    perform(w);
    if (w->is_connected)
        aurora_place(&w->a, w->now_ms);
    perform(w);
}

/* Every instance once for services; nothing active left of what was killed. */
static bool is_settled(struct world *w)
{
    for (uint32_t i = 0; i < w->a.jobs.count; i++) {
        const struct job *job = w->a.jobs.item[i];
        uint32_t running = 0;
        for (const struct task *t = job->active.first; t; t = t->next)
            running += t->state == TASK_RUNNING;
        if (job->update || job_rolling(job) ||
            (job->is_killed && job->active.count > 0))
            return false;
        if (!job->config->is_service && job->active.count > 0)
            return false;
        if (job->config->is_service && !job->is_removed &&
            (running != job->active.count || running != job->instances))
            return false;
    }
    for (int i = 0; i < w->count; i++) { /* no strangers left behind */
        const struct real *real = &w->task[i];
        if (task_machine_is_terminal(real->state))
            continue;
        const struct task *task = aurora_task(&w->a, text(real->id));
        if (!task || !task_machine_is_active(task->state))
            return false;
    }
    return true;
}

static void say_what_is_open(struct world *w, uint64_t seed)
{
    for (uint32_t i = 0; i < w->a.jobs.count; i++) {
        const struct job *job = w->a.jobs.item[i];
        print_message("seed %d %s killed=%d wants=%u active=%u:", (int)seed,
                      job->key.name, job->is_killed, job->instances,
                      job->active.count);
        for (const struct task *t = job->active.first; t; t = t->next)
            print_message(" %u=%s", t->instance, task_machine_name(t->state));
        print_message("\n");
    }
    fail_msg("seed %d does not settle", (int)seed);
}

static void one_seed(uint64_t seed, uint32_t ends[UPDATE_STATE_COUNT],
                     uint32_t rolled[ROLLING_STATE_COUNT])
{
    struct world *w = xcalloc(1, sizeof *w);
    struct aurora_limits_config limits = {.tasks_per_job_max = 12,
                                          .offer_hold_ms = 60000,
                                          .offer_jitter_ms = 9,
                                          .keeps_places = true};

    rng_seed(&w->rng, seed);
    w->now_ms = 1000000;
    w->is_connected = true;
    aurora_init(&w->a, &limits, seed);
    aurora_restored(&w->a, 0, w->now_ms);
    for (int i = 0; i < AGENTS; i++) {
        w->agent[i].cpus = 8000;
        w->agent[i].mem = 4096000;
    }
    for (int i = 0; i < STEPS; i++)
        step(w);
    w->is_quiet = true;
    int more = 0;
    for (; more < 3000 && !is_settled(w); more++)
        step(w);
    if (!is_settled(w))
        say_what_is_open(w, seed);
    for (int i = 0; i < UPDATE_STATE_COUNT; i++)
        ends[i] += w->ends[i];
    for (int i = 0; i < ROLLING_STATE_COUNT; i++)
        rolled[i] += w->rolled[i];
    aurora_release(&w->a);
    free(w);
}

static void test_random_orders_keep_every_invariant(void **unused)
{
    uint32_t ends[UPDATE_STATE_COUNT] = {0};
    uint32_t rolled[ROLLING_STATE_COUNT] = {0};

    (void)unused;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        one_seed(seed, ends, rolled);
    for (int i = UPDATE_ROLLED_FORWARD; i <= UPDATE_FAILED; i++) {
        print_message("%u updates ended %s\n", ends[i],
                      update_state_name((enum update_state)i));
        assert_true(ends[i] > 0);
    }
    print_message("restarts and kills: %u done, %u failed, %u cancelled\n",
                  rolled[ROLLING_DONE], rolled[ROLLING_FAILED],
                  rolled[ROLLING_CANCELLED]);
    assert_true(rolled[ROLLING_DONE] > 0 && rolled[ROLLING_FAILED] > 0 &&
                rolled[ROLLING_CANCELLED] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_orders_keep_every_invariant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
