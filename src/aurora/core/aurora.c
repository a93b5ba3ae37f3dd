/* Beginning, restoring, ending and verifying. */
#include "aurora/core/aurora.h"
#include "aurora/core/internal.h"

#include <assert.h>
#include <string.h>

enum { RESERVED_MAX = 65536 }; /* instances of a job, before they are seen */

void aurora_init(struct aurora *a, const struct aurora_limits_config *limits,
                 uint64_t seed)
{
    *a = (struct aurora){.limits = *limits};
    a->hosts.index.policy = limits->placement;
    a->notices.give_up_ms = limits->notice_give_up_ms;
    rng_seed(&a->rng, seed);
    event_log_init(&a->events, 0);
}

static void release_list(struct aurora *a, struct task_list *list)
{
    while (list->first) {
        struct task *task = list->first;
        if (task->state == TASK_PENDING)
            group_remove(a, task);
        records_delete_task(a, task);
    }
}

void aurora_release(struct aurora *a)
{
    aurora_work_clear(a);
    preempt_release(a);
    notices_release(a);
    event_log_release(&a->events);
    app_groups_release(a);
    for (uint32_t i = 0; i < a->jobs.count; i++)
        if (a->jobs.item[i]->cron)
            cron_drop_parents(a->jobs.item[i]->cron);
    while (a->jobs.count > 0) {
        struct job *job = a->jobs.item[a->jobs.count - 1];
        job->update = NULL;
        release_list(a, &job->active);
        release_list(a, &job->ended);
        records_delete_job(a, job);
    }
    for (struct job_config *c = a->configs, *next; c; c = next) {
        next = c->hh.next; /* restored, but nothing used them */
        HASH_DEL(a->configs, c);
        job_config_unref(c);
    }
    aurora_work_clear(a);
    judging_release(a);
    coordinators_release(a);
    maintenances_release(a);
    sla_stats_release(a);
    vec_free(&a->jobs);
    vec_free(&a->keeps);
    hosts_release(&a->hosts);
    heap_release(&a->timers);
    vec_free(&a->work.configs);
    vec_free(&a->work.jobs);
    vec_free(&a->work.tasks);
    vec_free(&a->work.hosts);
    vec_free(&a->work.updates);
    vec_free(&a->work.slots);
    vec_free(&a->work.firings);
    vec_free(&a->work.notices);
    vec_free(&a->work.tellings);
    vec_free(&a->due_updates);
    vec_free(&a->due_crons);
    vec_free(&a->ringing_crons);
    vec_free(&a->crons);
    vec_free(&a->free_crons);
    vec_free(&a->due_rolling);
    vec_free(&a->work.forgotten);
    vec_free(&a->work.launches);
    vec_free(&a->work.kills);
    vec_free(&a->work.declines);
    vec_free(&a->work.reconcile);
    vec_free(&a->work.ask_again);
    vec_free(&a->work.coordinations);
    vec_free(&a->work.quotas);
    vec_free(&a->due_quotas);
    quotas_release(&a->quotas);
    buf_release(&a->quota_lines);
}

/* --- after a restart --- */

void aurora_restore_config(struct aurora *a, struct job_config *config)
{
    assert(config->users == 0 && !aurora_config(a, config->id));
    HASH_ADD_STR(a->configs, id, config);
}

void restored_use(struct aurora *a, struct job_config *config)
{
    (void)job_config_ref(config);
    config->users++;
    judging_share(a, config);
}

void aurora_restore_host(struct aurora *a, struct bytes agent_id,
                         const char *hostname, const char *endpoint,
                         const struct attributes *attributes,
                         const struct amounts *total, int64_t seen_ms)
{
    struct host *host =
        hosts_update(&a->hosts, agent_id, hostname, endpoint, attributes);

    host->total = *total;
    host->seen_ms = seen_ms;
    host->is_dirty = false;
}

int aurora_restore_job(struct aurora *a, struct job *job, const char *config_id,
                       struct err *err)
{
    struct job_config *config = aurora_config(a, config_id);
    char text[JOB_KEY_TEXT_MAX];

    if (!config || !job_key_equal(&config->key, &job->key))
        return err_set(err, ERR_DAMAGED,
                       "job '%s': its configuration '%s' is not stored",
                       job_key_text(&job->key, text), config_id);
    restored_use(a, config);
    job->config = config;
    records_put_job(a, job);
    if (config->cron)
        cron_put(a, job);
    return 0;
}

/* A host that no record tells of is made from what the task knows of it. */
static struct host *host_of_place(struct aurora *a, const struct task *task)
{
    struct bytes agent_id = blob_bytes(task->placement->agent_id);
    struct host *host = hosts_find(&a->hosts, agent_id);
    struct attributes none = {0};

    if (host)
        return host;
    host = hosts_update(&a->hosts, agent_id, task->placement->hostname,
                        task->placement->endpoint, &none);
    host->is_dirty = false;
    return host;
}

static void restore_place(struct aurora *a, struct task *task)
{
    if (!task_machine_is_assigned(task->state) || !task->placement) {
        task->host = NULL;
        return;
    }
    struct host *host = task->host ? task->host : host_of_place(a, task);
    task_enter_host(task, host);
    limit_counts_add(&task->job->limits, &a->hosts, host);
    victims_note(a, task);
}

static void restore_active(struct job *job, struct task *task)
{
    bool is_first = job->active.count == 0;
    uint32_t instances = job->instances;

    job_add_active(job, task);
    if (is_first)
        table_reserve(task->hh_instance.tbl,
                      instances < RESERVED_MAX ? instances : RESERVED_MAX);
}

void aurora_restore_expect(struct aurora *a, uint32_t tasks)
{
    if (!a->task_by_id)
        return;
    table_reserve(a->task_by_id->hh_id.tbl, tasks);
    table_reserve(a->task_by_number->hh_number.tbl, tasks);
}

void aurora_restore_made(struct task *task)
{
    HASH_VALUE(task->id->data, task->id->size, task->hh_id.hashv);
}

void aurora_restore_far(const struct task *task)
{
    enum { LINE = 64 };
    const char *at = (const char *)task;

    for (size_t i = 0; i < sizeof *task; i += LINE)
        __builtin_prefetch(at + i, 1);
}

/* What task_enter_host and victims_note change, by lines of the cache. */
static void bring_host(const struct host *host)
{
    __builtin_prefetch(&host->tasks, 1);
    __builtin_prefetch(&host->later, 1);
    __builtin_prefetch(&host->first_task, 1);
    __builtin_prefetch(&host->victims.leaving, 1);
    __builtin_prefetch(&host->victims.entry, 1);
}

void aurora_restore_ahead(const struct aurora *a, struct task *task,
                          uint32_t ahead)
{
    uint64_t number = a->next_number + ahead + 1;
    const struct task *first = task->job->by_instance;
    unsigned hash;

    if (!a->task_by_id)
        return;
    HASH_VALUE(&number, sizeof number, task->hh_number.hashv);
    table_bring(a->task_by_id->hh_id.tbl, task->hh_id.hashv);
    table_bring(a->task_by_number->hh_number.tbl, task->hh_number.hashv);
    __builtin_prefetch(task->id);
    if (first) {
        HASH_VALUE(&task->instance, sizeof task->instance, hash);
        table_bring(first->hh_instance.tbl, hash);
    }
    if (task->host)
        bring_host(task->host);
}

void aurora_restore_soon(const struct aurora *a, const struct task *task)
{
    if (!a->task_by_id)
        return;
    table_bring_first(a->task_by_id->hh_id.tbl, task->hh_id.hashv);
    table_bring_first(a->task_by_number->hh_number.tbl, task->hh_number.hashv);
    if (task->host && task->host->first_task)
        __builtin_prefetch(&task->host->first_task->host_prev, 1);
}

int aurora_restore_task(struct aurora *a, struct task *task, struct err *err)
{
    struct job *job = task->job;
    bool is_ended = task_machine_is_terminal(task->state);

    if (task->state <= TASK_INIT || task->state >= TASK_DELETED ||
        task->events.count == 0 ||
        (task_machine_is_assigned(task->state) && !task->placement))
        return err_set(err, ERR_DAMAGED,
                       "task '%.*s' contradicts other records",
                       (int)task->id->size, (const char *)task->id->data);
    task->number = ++a->next_number;
    HASH_ADD_KEYPTR_BYHASHVALUE(hh_id, a->task_by_id, task->id->data,
                                task->id->size, task->hh_id.hashv, task);
    HASH_ADD(hh_number, a->task_by_number, number, sizeof task->number, task);
    records_count(a, TASK_NONE, task->state);
    task->config->users++;
    judging_share(a, task->config);
    if (is_ended)
        task_list_add(&job->ended, task);
    else
        restore_active(job, task);
    job->running += task->state == TASK_RUNNING;
    restore_place(a, task);
    if (task->state == TASK_PENDING)
        group_add(a, task);
    return 0;
}

static int check_restored(const struct aurora *a, const struct update *u,
                          struct err *err)
{
    bool is_sound = u->config && u->events.count > 0 && u->slot_count > 0 &&
                    u->state > UPDATE_NONE && u->state < UPDATE_STATE_COUNT &&
                    !(update_is_active(u->state) && u->job->update) &&
                    !aurora_update_by_number(a, u->number);

    for (uint32_t i = 0; is_sound && i < u->slot_count; i++) {
        const struct slot *slot = &u->slot[i];
        is_sound = slot->kind >= SLOT_CREATE && slot->kind <= SLOT_KILL &&
                   (slot->before == NULL) == (slot->kind == SLOT_CREATE) &&
                   slot->phase >= SLOT_WAITING &&
                   slot->phase < SLOT_PHASE_COUNT;
    }
    if (is_sound)
        return 0;
    return err_set(err, ERR_DAMAGED, "update '%.*s' contradicts other records",
                   (int)u->id->size, (const char *)u->id->data);
}

int aurora_restore_update_take(struct aurora *a, struct update *u,
                               struct err *err)
{
    int rc = check_restored(a, u, err);

    if (rc < 0) {
        update_free(u);
        return rc;
    }
    restored_use(a, u->config);
    for (uint32_t i = 0; i < u->slot_count; i++)
        if (u->slot[i].before)
            restored_use(a, u->slot[i].before);
    update_index(u);
    if (u->number > a->next_update)
        a->next_update = u->number;
    HASH_ADD(hh, a->update_by_number, number, sizeof u->number, u);
    *vec_add(&u->job->updates) = u;
    if (update_is_active(u->state))
        u->job->update = u;
    return 0;
}

/* --- instances --- */

static int by_instance(const void *x, const void *y)
{
    const struct task *a = *(struct task *const *)x;
    const struct task *b = *(struct task *const *)y;

    if (a->instance != b->instance)
        return a->instance < b->instance ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

/* May two tasks of an instance live at the same time? */
static bool may_both_live(const struct task *a, const struct task *b)
{
    struct update *u = a->job->update;
    const struct slot *slot =
        u && update_is_surge(u) ? update_slot(u, a->instance) : NULL;

    if (!slot || slot->kind != SLOT_CHANGE)
        return false;
    return (strcmp(a->config->runs_id, u->config->runs_id) == 0) !=
           (strcmp(b->config->runs_id, u->config->runs_id) == 0);
}

/* At most one task of an instance is alive, but in a surge: there it may be one
 * of each version. What is being killed does not count. The first that is one
 * too many, or NULL. */
static const struct task *find_surplus(const struct job *job)
{
    const struct task **task, *found = NULL;
    bool is_rising = true; /* as in a job that was made at once */
    uint32_t n = 0;

    if (job->active.count < 2)
        return NULL;
    task = xcalloc(job->active.count, sizeof(void *));
    for (const struct task *t = job->active.first; t; t = t->next) {
        if (t->state == TASK_KILLING)
            continue;
        is_rising =
            is_rising && (n == 0 || task[n - 1]->instance < t->instance);
        task[n++] = t;
    }
    if (is_rising)
        n = 0;
    qsort((void *)task, n, sizeof(void *), by_instance);
    for (uint32_t i = 1; i < n && !found; i++)
        if (task[i]->instance == task[i - 1]->instance &&
            (!may_both_live(task[i - 1], task[i]) ||
             (i > 1 && task[i - 2]->instance == task[i]->instance)))
            found = task[i];
    free((void *)task);
    return found;
}

int aurora_restore_check(const struct aurora *a, struct err *err)
{
    for (uint32_t i = 0; i < a->jobs.count; i++) {
        const struct task *task = find_surplus(a->jobs.item[i]);
        if (task)
            return err_set(err, ERR_DAMAGED,
                           "task '%.*s' contradicts other records: its "
                           "instance has another one",
                           (int)task->id->size, (const char *)task->id->data);
    }
    return 0;
}

static void drop_unused_configs(struct aurora *a)
{
    for (struct job_config *c = a->configs, *next; c; c = next) {
        next = c->hh.next;
        if (c->users > 0) {
            job_config_unref(c); /* the users hold it from here on */
            continue;
        }
        HASH_DEL(a->configs, c);
        mark_forgotten(a, RECORD_CONFIG, bytes_of_text(c->id));
        job_config_unref(c);
    }
}

static void arm(struct aurora *a, struct task *task, int64_t now_ms)
{
    task_arm(a, task);
    notices_note_waits(a, task);
    if (task->state >= TASK_PREEMPTING && task->state <= TASK_KILLING) {
        task->kill_at_ms = now_ms + KILL_RETRY_FIRST_MS;
        heap_push(&a->timers, task->kill_at_ms, TIMER_KILL, task->number);
    }
}

void aurora_restored(struct aurora *a, uint64_t ceiling, int64_t now_ms)
{
    event_log_release(&a->events);
    event_log_init(&a->events, ceiling);
    a->sequence_ceiling = ceiling;
    notices_restored(a, ceiling);
    drop_unused_configs(a);
    quota_restored(a);
    for (struct task *t = a->task_by_number; t; t = t->hh_number.next)
        arm(a, t, now_ms);
    for (uint32_t i = 0; i < a->jobs.count; i++) {
        job_sort_ended(a->jobs.item[i]);
        job_settle(a, a->jobs.item[i], now_ms);
    }
    crons_restored(a);
    maintenance_restored(a, now_ms);
    sla_stats_begin(a, now_ms);
    for (uint32_t i = 0; i < a->jobs.count; i++)
        if (a->jobs.item[i]->update)
            updater_restored(a, a->jobs.item[i]->update, now_ms);
    app_groups_restored(a);
    updater_go_on(a, now_ms);
    heap_push(&a->timers, now_ms + PRUNE_INTERVAL_MS, TIMER_PRUNE, 0);
    aurora_reserve_sequence(a);
}

void aurora_reserve_sequence(struct aurora *a)
{
    quota_settle(a);
    if (a->events.next + SEQUENCE_MARGIN <= a->sequence_ceiling)
        return;
    a->sequence_ceiling = a->events.next + SEQUENCE_BLOCK;
    a->work.save_sequence = true;
}

/* --- invariants --- */

/* The slots of an update under way know the tasks of their instances, but for
 * what is still being killed since before it. */
static void check_slots(const struct job *job)
{
    uint32_t tasks = 0;

    if (!job->update)
        return;
    for (const struct task *t = job->active.first; t; t = t->next) {
        const struct slot *slot = update_slot(job->update, t->instance);
        bool is_known = slot && (slot->task == t || slot->other == t);
        assert(!slot || is_known || t->state == TASK_KILLING);
        tasks += is_known;
    }
    for (uint32_t i = 0; i < job->update->slot_count; i++)
        tasks -= (uint32_t)(job->update->slot[i].task != NULL) +
                 (uint32_t)(job->update->slot[i].other != NULL);
    assert(tasks == 0);
}

static void check_job(const struct aurora *a, const struct job *job,
                      uint32_t by_state[TASK_STATE_COUNT])
{
    uint32_t n = 0, running = 0;

    assert(job->config->users > 0 && aurora_config(a, job->config->id));
    for (const struct task *t = job->active.first; t; t = t->next) {
        assert(t->job == job && task_machine_is_active(t->state));
        assert(task_machine_is_assigned(t->state) == (t->host != NULL));
        assert(!t->host || t->placement);
        assert(t->events.count > 0);
        n++;
        running += t->state == TASK_RUNNING;
        by_state[t->state]++;
    }
    assert(n == job->active.count && running == job->running);
    assert(!find_surplus(job));
    for (const struct task *t = job->ended.first; t; t = t->next) {
        assert(t->job == job && task_machine_is_terminal(t->state) && !t->host);
        by_state[t->state]++;
    }
    assert(!job->is_removed || job->active.count == 0);
    settle_check(a, job);
    cron_check(job);
    if (job->rolling)
        rolling_check(job->rolling);
    for (uint32_t i = 0; i < job->updates.count; i++) {
        const struct update *u = job->updates.item[i];
        update_check(u);
        assert(u->job == job &&
               update_is_active(u->state) == (u == job->update));
    }
    check_slots(job);
    limit_counts_check(&job->limits, job, &a->hosts);
}

static void check_groups(const struct aurora *a)
{
    uint32_t waiting = 0;

    for (const struct job_config *c = a->group_first; c; c = c->group_next) {
        uint32_t n = 0;
        for (const struct task *t = c->waiting_first; t; t = t->waiting_next) {
            assert(t->config == c && t->state == TASK_PENDING);
            n++;
        }
        assert(n == c->waiting_count && n > 0);
        assert(!c->group_next || c->group_next->priority <= c->priority);
        waiting += n;
    }
    assert(waiting == a->waiting_count);
}

void aurora_check(const struct aurora *a)
{
    uint32_t by_state[TASK_STATE_COUNT] = {0};

    for (uint32_t i = 0; i < a->jobs.count; i++) {
        check_job(a, a->jobs.item[i], by_state);
        if (i > 0)
            assert(job_key_compare(&a->jobs.item[i - 1]->key,
                                   &a->jobs.item[i]->key) < 0);
    }
    for (int state = 0; state < TASK_STATE_COUNT; state++)
        assert(by_state[state] == a->counters.tasks[state]);
    assert(by_state[TASK_PENDING] == a->waiting_count);
    check_groups(a);
    app_groups_check(a);
    hosts_check(&a->hosts);
    trouble_check(a);
    maintenance_check(a);
    quota_jobs_check(a);
    keeps_check(a);
    preempt_check(a);
    notices_check(a);
    assert(a->events.next <= a->sequence_ceiling || a->sequence_ceiling == 0 ||
           a->work.save_sequence);
}
