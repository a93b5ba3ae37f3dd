/* What users ask about updates: start, pause, resume, abort, roll back, pulse.
 * Each request is checked as a whole before anything changes. */
#include "aurora/core/internal.h"
#include "aurora/core/moving.h"
#include "base/id.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* --- finding --- */

struct update *aurora_update(const struct aurora *a, const struct job_key *key,
                             const char *id)
{
    struct job *job = aurora_job(a, key);
    uint32_t n = job ? job->updates.count : 0;

    if (!id || !*id)
        return n > 0 ? job->updates.item[n - 1] : NULL;
    while (n-- > 0)
        if (bytes_equal_text(blob_bytes(job->updates.item[n]->id), id))
            return job->updates.item[n];
    return NULL;
}

int request_check_idle(const struct job *job, struct err *err)
{
    const struct update *u = job ? job->update : NULL;
    char text[JOB_KEY_TEXT_MAX];

    if (!u)
        return 0;
    (void)err_set(err, ERR_JOB_UPDATING, "job '%s': update %.*s is %s",
                  job_key_text(&job->key, text), (int)u->id->size,
                  (const char *)u->id->data, update_state_name(u->state));
    err_hint(err, "wait for it, or end it: clusterctl update abort %s", text);
    return -ERR_JOB_UPDATING;
}

static int find_active(const struct aurora *a, const struct job_key *key,
                       const char *id, struct update **out, struct err *err)
{
    struct update *u = aurora_update(a, key, id);
    char text[JOB_KEY_TEXT_MAX];

    (void)job_key_text(key, text);
    if (!u) {
        (void)err_set(err, ERR_NOT_FOUND, "job '%s' has no update%s%s", text,
                      id && *id ? " " : "", id ? id : "");
        if (id && *id)
            err_field(err, "update_id");
        return -ERR_NOT_FOUND;
    }
    if (!update_is_active(u->state)) {
        (void)err_set(err, ERR_CONFLICT, "job '%s': update %.*s is over: %s",
                      text, (int)u->id->size, (const char *)u->id->data,
                      update_state_name(u->state));
        err_hint(err, "see it with: clusterctl update info %s", text);
        return -ERR_CONFLICT;
    }
    *out = u;
    return 0;
}

/* --- starting --- */

/* Instances of a scope are the job's, or are to be. */
static int check_scope(const struct job *job,
                       const struct update_request *request, struct err *err)
{
    const struct instances *scope = request->scope;

    for (uint32_t i = 0; scope && i < scope->count; i++) {
        uint32_t first = scope->range[i].first, last = scope->range[i].last;
        uint32_t have = 0;
        if (first < request->instances)
            first = request->instances;
        const struct task *t = job ? job->active.first : NULL;
        for (; t; t = t->next)
            have += t->state != TASK_KILLING && t->instance >= first &&
                    t->instance <= last;
        if (last < first || have > last - first)
            continue;
        (void)err_set(err, ERR_INVALID,
                      "instances %u-%u: the job neither has them all nor is to "
                      "have them",
                      first, last);
        err_field(err, "instances");
        return -ERR_INVALID;
    }
    return 0;
}

static int check_start(const struct aurora *a, const struct job *job,
                       const struct job_config *config,
                       const struct update_request *request, struct err *err)
{
    char text[JOB_KEY_TEXT_MAX];
    int rc = request_check_idle(job, err);

    if (rc == 0)
        rc = request_check_no_kill(job, err);
    if (rc == 0)
        rc = request_check_held(a, job, err);
    if (rc == 0)
        rc = request_check_count(a, request->instances, err);
    if (rc < 0)
        return rc;
    (void)job_key_text(&config->key, text);
    if (!config->is_service ||
        (job && !job->config->is_service && job->active.count > 0)) {
        (void)err_set(err, ERR_CONFLICT,
                      "job '%s' %s a service: want a service", text,
                      config->is_service ? "is not" : "would not be");
        err_field(err, "service");
        err_hint(err, "kill it and create it anew: clusterctl killall %s",
                 text);
        return -ERR_CONFLICT;
    }
    rc = check_scope(job, request, err);
    if (rc < 0)
        return rc;
    if (job && job->is_killed && job->active.count > 0)
        return err_set(err, ERR_CONFLICT, "job '%s' is being killed", text);
    if (!job && a->jobs.count >= JOBS_MAX)
        return err_set(err, ERR_BUSY, "this scheduler has %u jobs: want fewer",
                       a->jobs.count);
    return 0;
}

static bool same_run(const struct job_config *a, const struct job_config *b)
{
    return strcmp(a->runs_id, b->runs_id) == 0;
}

static int by_instance(const void *x, const void *y)
{
    const struct task *a = *(struct task *const *)x;
    const struct task *b = *(struct task *const *)y;

    return a->instance < b->instance ? -1 : a->instance > b->instance;
}

/* Active tasks by instance; those being killed are not what runs before. */
static struct task **sorted_tasks(const struct job *job, uint32_t *count)
{
    struct task **task = xcalloc(job->active.count + 1, sizeof(void *));

    *count = 0;
    for (struct task *t = job->active.first; t; t = t->next)
        if (t->state != TASK_KILLING)
            task[(*count)++] = t;
    qsort(task, *count, sizeof(void *), by_instance);
    return task;
}

static void add_slot(struct aurora *a, struct update *u, uint32_t instance,
                     const struct task *task, bool is_wanted)
{
    enum slot_kind kind = !task       ? SLOT_CREATE
                          : is_wanted ? SLOT_CHANGE
                                      : SLOT_KILL;

    if (task && is_wanted && same_run(task->config, u->config))
        return;
    struct slot *slot = update_add_slot(u, instance, kind);
    if (task) {
        slot->before = task->config;
        records_use_config(a, slot->before);
    }
}

/* A slot for every instance of the scope that is not yet as it should be. */
static void add_slots(struct aurora *a, struct update *u,
                      const struct instances *scope)
{
    uint32_t count, at = 0, instance = 0;
    struct task **task = sorted_tasks(u->job, &count);

    while (instance < u->instances || at < count) {
        if (instance >= u->instances)
            instance = task[at]->instance;
        bool is_here = at < count && task[at]->instance == instance;
        if (instances_have(scope, instance))
            add_slot(a, u, instance, is_here ? task[at] : NULL,
                     instance < u->instances);
        at += is_here;
        instance++;
    }
    free(task);
    update_index(u);
}

/* Tasks that differ in constraints alone, and suit the new ones where they are,
 * have them from here on. */
static void let_stay(struct aurora *a, struct update *u,
                     const struct instances *scope)
{
    struct moving_list list = {0};

    moving_list_of(u->job, u->config, &a->hosts, &list);
    for (uint32_t i = 0; i < list.count; i++)
        if (list.item[i].what == MOVING_STAYS &&
            instances_have(scope, list.item[i].task->instance))
            updater_take_config(a, list.item[i].task, u->config);
    vec_free(&list);
}

static struct job *job_for(struct aurora *a, struct job_config *config,
                           const struct update_request *request, int64_t now_ms)
{
    struct job *job = aurora_job(a, &config->key);

    if (job && (job->active.count > 0 || !job->is_removed))
        return job;
    if (!job) {
        job = job_new(&config->key);
        records_put_job(a, job);
    }
    updater_adopt(a, job, config);
    rolling_forget(a, job); /* of another life under this key */
    job->instances = request->instances;
    job->created_ms = now_ms;
    job->is_killed = job->is_removed = false;
    records_tell_job(a, EVENT_JOB_CREATED, job, now_ms);
    return job;
}

static struct update *make(struct aurora *a, struct job *job,
                           struct job_config *config,
                           const struct update_request *request)
{
    struct uuid uuid = uuid_random(&a->rng);
    char text[UUID_TEXT_MAX];
    struct update *u = update_new(bytes_of_text(uuid_text(&uuid, text)), job);

    u->config = config;
    records_use_config(a, config);
    u->instances = request->instances;
    u->is_partial = request->scope && request->scope->count > 0;
    let_stay(a, u, request->scope);
    add_slots(a, u, request->scope);
    u->has_batch_size = request->has_batch_size;
    u->batch_size = request->batch_size > 0 ? request->batch_size
                    : u->slot_count > 0     ? u->slot_count
                                            : 1;
    return u;
}

/* Nothing that runs changes: only what the scheduler itself reads. */
static void take_quietly(struct aurora *a, struct update *u, int64_t now_ms)
{
    struct job *job = u->job;

    if (!u->is_partial && job->config != u->config) {
        updater_adopt(a, job, u->config);
        records_tell_job(a, EVENT_JOB_CHANGED, job, now_ms);
    }
    records_unuse_config(a, u->config);
    update_free(u);
}

/* What is being killed already, the update's quota does not count for. */
static void set_beside(struct aurora *a, struct job *job)
{
    for (struct task *t = job->active.first; t; t = t->next) {
        bool is_beside = t->state == TASK_KILLING;
        if (t->is_beside != is_beside)
            mark_task(a, t);
        t->is_beside = is_beside;
    }
}

int aurora_update_start_take(struct aurora *a, struct job_config *config,
                             const struct update_request *request,
                             int64_t now_ms, struct update **out,
                             uint64_t *sequence, struct err *err)
{
    struct job_config *known = aurora_config(a, config->id);
    const struct job *there = aurora_job(a, &config->key);
    int rc = check_start(a, there, config, request, err);

    if (rc == 0)
        rc = quota_check_update(a, there, config, request, err);
    if (rc < 0) {
        job_config_unref(config);
        return rc;
    }
    struct job_config *held = job_config_ref(known ? known : config);
    job_config_unref(config);
    *sequence = a->events.next;
    struct job *job = job_for(a, held, request, now_ms);
    struct update *u = make(a, job, held, request);
    job_config_unref(held);
    *out = NULL;
    if (u->slot_count == 0) {
        take_quietly(a, u, now_ms);
        *sequence = a->events.next - 1;
        return 0;
    }
    rolling_cancel(a, job, "an update began", now_ms);
    records_put_update(a, u);
    job->update = u;
    for (uint32_t i = 0; i < u->slot_count; i++)
        mark_slot(a, u, &u->slot[i]);
    set_beside(a, job);
    quota_recount(a, job);
    updater_begin(a, u, request->message, now_ms);
    *out = u;
    updater_go_on(a, now_ms);
    return 0;
}

static enum preview_kind preview_of(const struct moving_task *task,
                                    const struct update_request *request)
{
    static const enum preview_kind kind[] = {
        [MOVING_SAME] = PREVIEW_KEEP,
        [MOVING_STAYS] = PREVIEW_KEEP,
        [MOVING_MOVES] = PREVIEW_MOVE,
        [MOVING_RESTART] = PREVIEW_RESTART,
    };

    if (!task)
        return PREVIEW_ADD;
    if (!instances_have(request->scope, task->task->instance))
        return PREVIEW_KEEP;
    return task->task->instance < request->instances ? kind[task->what]
                                                     : PREVIEW_REMOVE;
}

static void add_preview(struct preview_list *out, uint32_t instance,
                        enum preview_kind kind)
{
    *vec_add(out) = (struct preview){instance, kind};
}

int aurora_update_preview(struct aurora *a, struct job_config *config,
                          const struct update_request *request,
                          struct preview_list *out, struct err *err)
{
    const struct job *job = aurora_job(a, &config->key);
    struct moving_list list = {0};
    uint32_t at = 0, instance = 0;
    int rc = check_start(a, job, config, request, err);

    if (rc == 0)
        rc = quota_check_update(a, job, config, request, err);
    if (rc < 0)
        return rc;
    judging_share(a, config);
    if (job)
        moving_list_of(job, config, &a->hosts, &list);
    while (instance < request->instances || at < list.count) {
        if (instance >= request->instances)
            instance = list.item[at].task->instance;
        bool is_here =
            at < list.count && list.item[at].task->instance == instance;
        if (is_here || instances_have(request->scope, instance))
            add_preview(out, instance,
                        preview_of(is_here ? &list.item[at] : NULL, request));
        while (at < list.count && list.item[at].task->instance == instance)
            at++; /* a surge has two of one instance */
        instance++;
    }
    vec_free(&list);
    return 0;
}

/* --- while it is under way --- */

static int refuse_state(const struct update *u, const char *verb,
                        struct err *err)
{
    return err_set(err, ERR_CONFLICT, "update %.*s is %s: it cannot be %s",
                   (int)u->id->size, (const char *)u->id->data,
                   update_state_name(u->state), verb);
}

static int act(struct aurora *a, struct update *u, enum update_verb verb,
               const char *message, int64_t now_ms, struct err *err)
{
    switch (verb) {
    case UPDATE_PAUSE:
        if (update_is_paused(u->state))
            return refuse_state(u, "paused", err);
        updater_pause(a, u, message, now_ms);
        return 0;
    case UPDATE_RESUME:
        if (!update_is_paused(u->state))
            return refuse_state(u, "resumed", err);
        updater_resume(a, u, message, now_ms);
        return 0;
    case UPDATE_ABORT:
        updater_abort(a, u, message, now_ms);
        return 0;
    case UPDATE_ROLLBACK:
        if (update_is_back(u->state))
            return refuse_state(u, "rolled back", err);
        updater_turn_back(a, u, message, now_ms);
        return 0;
    }
    return 0;
}

int aurora_update_act(struct aurora *a, const struct job_key *key,
                      const char *id, enum update_verb verb,
                      const char *message, int64_t now_ms, struct update **out,
                      uint64_t *sequence, struct err *err)
{
    struct update *u;
    int rc = find_active(a, key, id, &u, err);

    if (rc < 0)
        return rc;
    *sequence = a->events.next;
    rc = act(a, u, verb, message, now_ms, err);
    if (rc < 0)
        return rc;
    *out = u;
    updater_go_on(a, now_ms);
    return 0;
}

int aurora_update_pulse(struct aurora *a, const struct job_key *key,
                        const char *id, int64_t now_ms, bool *is_over,
                        struct err *err)
{
    struct update *u = aurora_update(a, key, id);

    *is_over = !u || !update_is_active(u->state);
    if (*is_over)
        return 0;
    if (u->config->update.pulse_ms == 0) {
        (void)err_set(err, ERR_CONFLICT,
                      "update %.*s wants no pulses: its job has no "
                      "pulse_interval_secs",
                      (int)u->id->size, (const char *)u->id->data);
        return -ERR_CONFLICT;
    }
    updater_pulse(a, u, now_ms);
    updater_go_on(a, now_ms);
    return 0;
}
