/* What users ask: create, kill, restart. Each request is checked as a whole
 * before anything changes. */
#include "aurora/core/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool instances_have(const struct instances *instances, uint32_t instance)
{
    if (!instances || instances->count == 0)
        return true;
    for (uint32_t i = 0; i < instances->count; i++)
        if (instance >= instances->range[i].first &&
            instance <= instances->range[i].last)
            return true;
    return false;
}

static bool is_all(const struct instances *instances)
{
    return !instances || instances->count == 0;
}

static int find_job(const struct aurora *a, const struct job_key *key,
                    struct job **out, struct err *err)
{
    struct job *job = aurora_job(a, key);
    char text[JOB_KEY_TEXT_MAX];

    if (!job || job->is_removed) {
        (void)err_set(err, ERR_NOT_FOUND, "job '%s' does not exist",
                      job_key_text(key, text));
        err_hint(err, "list the jobs of the role with: clusterctl list %s/%s",
                 key->cluster, key->role);
        return -ERR_NOT_FOUND;
    }
    *out = job;
    return 0;
}

int request_check_no_kill(const struct job *job, struct err *err)
{
    const struct rolling *r = job ? job_rolling(job) : NULL;
    char text[JOB_KEY_TEXT_MAX];

    if (!r || r->kind != ROLLING_KILL)
        return 0;
    (void)err_set(err, ERR_CONFLICT,
                  "job '%s': a kill is under way, %u instances are left",
                  job_key_text(&job->key, text), rolling_left(r));
    err_hint(err, "wait for it, or end it: clusterctl cancel %s", text);
    return -ERR_CONFLICT;
}

static int refuse_cron_change(const char *key, struct err *err)
{
    (void)err_set(err, ERR_CONFLICT, "job '%s' is a cron job", key);
    err_hint(err, "change its file, then: clusterctl cron schedule %s FILE",
             key);
    return -ERR_CONFLICT;
}

int request_find_running(const struct aurora *a, const struct job_key *key,
                         struct job **out, struct err *err)
{
    char text[JOB_KEY_TEXT_MAX];
    int rc = find_job(a, key, out, err);

    if (rc == 0)
        rc = request_check_idle(*out, err);
    if (rc == 0)
        rc = request_check_no_kill(*out, err);
    if (rc == 0)
        rc = request_check_held(a, *out, err);
    if (rc < 0)
        return rc;
    if ((*out)->is_killed)
        return err_set(err, ERR_CONFLICT, "job '%s' is being killed",
                       job_key_text(key, text));
    if ((*out)->cron)
        return refuse_cron_change(job_key_text(key, text), err);
    if ((*out)->active.count == 0 && !job_is_suspended(*out))
        return err_set(err, ERR_CONFLICT, "job '%s' has no active tasks",
                       job_key_text(key, text));
    return 0;
}

int request_check_count(const struct aurora *a, uint32_t wanted,
                        struct err *err)
{
    if (wanted > 0 && wanted <= a->limits.tasks_per_job_max)
        return 0;
    (void)err_set(err, ERR_INVALID, "instances %u: want 1 to %u", wanted,
                  a->limits.tasks_per_job_max);
    err_field(err, "instances");
    err_hint(err, "max_tasks_per_job of the scheduler sets the limit");
    return -ERR_INVALID;
}

static int refuse_cron(const char *key, struct err *err)
{
    (void)err_set(err, ERR_EXISTS, "job '%s' exists, and has a schedule", key);
    err_hint(err, "end that first: clusterctl cron deschedule %s", key);
    return -ERR_EXISTS;
}

static int check_create(const struct aurora *a, const struct job *job,
                        const struct job_config *config, uint32_t instances,
                        struct err *err)
{
    char text[JOB_KEY_TEXT_MAX];
    int rc = request_check_idle(job, err);

    if (rc == 0)
        rc = request_check_held(a, job, err);
    if (rc < 0)
        return rc;
    (void)job_key_text(&config->key, text);
    if (config->cron && (rc = cron_check_create(a, job, config, err)) < 0)
        return rc;
    if (!config->cron && job && job->cron && !job->is_removed)
        return refuse_cron(text, err);
    if (!config->cron && job &&
        (job->active.count > 0 || job_is_suspended(job))) {
        (void)err_set(err, ERR_EXISTS, "job '%s' %s", text,
                      job->is_killed ? "is being killed" : "exists already");
        err_hint(err,
                 job->is_killed ? "wait with: clusterctl wait %s --for GONE"
                                : "change it with clusterctl apply, or kill it "
                                  "first: clusterctl killall %s",
                 text);
        return -ERR_EXISTS;
    }
    if (!job && a->jobs.count >= JOBS_MAX)
        return err_set(err, ERR_BUSY, "this scheduler has %u jobs: want fewer",
                       a->jobs.count);
    return request_check_count(a, instances, err);
}

int aurora_create_take(struct aurora *a, struct job_config *config,
                       uint32_t instances, int64_t now_ms, uint64_t *sequence,
                       struct err *err)
{
    struct job *job = aurora_job(a, &config->key);

    cron_settle(a, job, now_ms);
    int rc = check_create(a, job, config, instances, err);
    if (rc == 0)
        rc = quota_check_create(a, job, config, instances, err);
    if (rc < 0) {
        job_config_unref(config);
        return rc;
    }
    struct job_config *known = aurora_config(a, config->id);
    struct job_config *before = job ? job->config : NULL;
    bool is_changed = job && job->cron && config->cron && !job->is_removed;
    if (!job) {
        job = job_new(&config->key);
        records_put_job(a, job);
    }
    job->config = known ? known : config;
    records_use_config(a, job->config);
    job_config_unref(config);
    job->instances = instances;
    if (!is_changed) {
        job->created_ms = now_ms;
        rolling_forget(a, job); /* of another life under this key */
    }
    job->is_killed = job->is_removed = false;
    if (job->config->cron)
        cron_scheduled(a, job, is_changed ? before->cron : NULL, now_ms);
    else
        cron_drop(a, job);
    if (before)
        records_unuse_config(a, before);
    records_tell_job(a, is_changed ? EVENT_JOB_CHANGED : EVENT_JOB_CREATED, job,
                     now_ms);
    *sequence = a->events.next - 1;
    for (uint32_t i = 0; i < instances && !job->cron; i++)
        (void)task_start(a, job, job->config, i, NULL, now_ms);
    return 0;
}

/* Numbers of the active tasks of these instances, oldest first. */
static void collect(const struct job *job, const struct instances *instances,
                    bool only_restartable, struct task_numbers *out)
{
    for (const struct task *t = job->active.first; t; t = t->next)
        if (instances_have(instances, t->instance) &&
            (!only_restartable || task_can_restart(t)))
            *vec_add(out) = t->number;
}

static void kill_all(struct aurora *a, const struct task_numbers *numbers,
                     const char *message, int64_t now_ms,
                     struct instance_list *touched)
{
    for (uint32_t i = 0; i < numbers->count; i++) {
        struct task *task = aurora_task_by_number(a, numbers->item[i]);
        if (!task || !task_machine_is_active(task->state))
            continue;
        *vec_add(touched) = task->instance;
        (void)task_go(a, task, TASK_KILLING, message, now_ms);
    }
}

static int check_touched(const struct job_key *key, uint32_t count,
                         struct err *err)
{
    char text[JOB_KEY_TEXT_MAX];

    if (count > 0)
        return 0;
    (void)err_set(err, ERR_NOT_FOUND,
                  "job '%s' has no active task of these instances",
                  job_key_text(key, text));
    err_field(err, "instances");
    return -ERR_NOT_FOUND;
}

/* Those that are being killed already were counted when that began. */
static uint32_t count_doomed(const struct aurora *a,
                             const struct task_numbers *numbers)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < numbers->count; i++)
        count +=
            aurora_task_by_number(a, numbers->item[i])->state != TASK_KILLING;
    return count;
}

/* Fewer instances are wanted, or none at all. */
static void note_kill(struct aurora *a, struct job *job,
                      const struct instances *instances,
                      const struct task_numbers *numbers)
{
    uint32_t doomed = count_doomed(a, numbers);

    if (job->cron)
        return; /* it ends a run, not the schedule */
    if (is_all(instances) || doomed == job_living(job))
        job->is_killed = true;
    else
        job->instances -= doomed < job->instances ? doomed : job->instances;
}

/* All at once takes the place of what is under way; less would count instances
 * twice. */
static int check_kill(struct job *job, const struct instances *instances,
                      struct err *err)
{
    int rc = request_check_idle(job, err);

    return rc < 0 || is_all(instances) ? rc : request_check_no_kill(job, err);
}

int aurora_kill(struct aurora *a, const struct job_key *key,
                const struct instances *instances, const char *message,
                int64_t now_ms, struct instance_list *touched,
                uint64_t *sequence, struct err *err)
{
    struct job *job;
    struct task_numbers numbers = {0};
    int rc = find_job(a, key, &job, err);

    if (rc == 0)
        rc = check_kill(job, instances, err);
    if (rc < 0)
        return rc;
    collect(job, instances, false, &numbers);
    if (!is_all(instances))
        rc = check_touched(key, numbers.count, err);
    if (rc == 0) {
        if (is_all(instances))
            rolling_cancel(a, job, "the job was killed", now_ms);
        note_kill(a, job, instances, &numbers);
        records_tell_job(a, EVENT_JOB_CHANGED, job, now_ms);
        *sequence = a->events.next - 1;
        kill_all(a, &numbers, message && *message ? message : "killed", now_ms,
                 touched);
        job_settle(a, job, now_ms);
        updater_go_on(a, now_ms);
    }
    vec_free(&numbers);
    return rc;
}

/* --- in batches --- */

/* Every number in the ranges must be that of an active instance. */
static int check_strict(const struct job *job,
                        const struct instances *instances, struct err *err)
{
    for (uint32_t i = 0; i < instances->count; i++)
        for (uint32_t n = instances->range[i].first;
             n <= instances->range[i].last; n++) {
            if (job_active(job, n))
                continue;
            (void)err_set(err, ERR_NOT_FOUND, "instance %u is not active", n);
            err_field(err, "instances");
            err_hint(err, "leave it out, or do not ask for strictness");
            return -ERR_NOT_FOUND;
        }
    return 0;
}

static int check_roll(struct aurora *a, const struct job_key *key,
                      const struct rolling_request *request, struct job **job,
                      struct err *err)
{
    bool is_kill = request->kind == ROLLING_KILL;
    int rc = is_kill ? find_job(a, key, job, err)
                     : request_find_running(a, key, job, err);

    if (rc == 0 && is_kill)
        rc = request_check_idle(*job, err);
    if (rc == 0 && is_kill)
        rc = request_check_no_kill(*job, err);
    if (rc < 0)
        return rc;
    const struct rolling *r = job_rolling(*job);
    if (r && !is_kill) {
        (void)err_set(err, ERR_CONFLICT,
                      "a restart is under way: %u instances are left",
                      rolling_left(r));
        err_hint(err, "wait for it, or end it with: clusterctl cancel");
        return -ERR_CONFLICT;
    }
    if (request->is_strict && !is_all(request->instances))
        return check_strict(*job, request->instances, err);
    return 0;
}

static int by_number(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

    return a < b ? -1 : a > b;
}

/* Each instance once, by number: while one task of it ends, or in a surge, it
 * has two. Returns how many are left. */
static uint32_t sort_instances(uint32_t *instance, uint32_t count)
{
    uint32_t left = 0;

    qsort(instance, count, sizeof *instance, by_number);
    for (uint32_t i = 0; i < count; i++)
        if (left == 0 || instance[left - 1] != instance[i])
            instance[left++] = instance[i];
    return left;
}

static struct rolling *make_rolling(const struct rolling_request *request,
                                    const uint32_t *instance, uint32_t count)
{
    struct rolling *r = rolling_new(request->kind);

    for (uint32_t i = 0; i < count; i++)
        (void)rolling_add(r, instance[i], PART_WAITING);
    r->settings = request->settings;
    if (r->settings.batch_size == 0)
        r->settings.batch_size = count;
    if (request->message && *request->message)
        r->message = blob_new(bytes_of(
            request->message, strnlen(request->message, TASK_MESSAGE_MAX - 1)));
    return r;
}

static void begin_rolling(struct aurora *a, struct job *job,
                          const struct rolling_request *request,
                          const struct task_numbers *numbers, int64_t now_ms,
                          struct instance_list *touched)
{
    uint32_t before = touched->count;

    for (uint32_t i = 0; i < numbers->count; i++)
        *vec_add(touched) =
            aurora_task_by_number(a, numbers->item[i])->instance;
    uint32_t count = sort_instances(touched->item + before, numbers->count);
    touched->count = before + count;
    struct rolling *r = make_rolling(request, touched->item + before, count);
    if (request->kind == ROLLING_KILL) {
        rolling_cancel(a, job, "the job was killed", now_ms);
        note_kill(a, job, request->instances, numbers);
        r->is_whole = job->is_killed;
    }
    records_tell_job(a, EVENT_JOB_CHANGED, job, now_ms);
    rolling_begin_take(a, job, r, now_ms);
    updater_go_on(a, now_ms);
}

int aurora_roll(struct aurora *a, const struct job_key *key,
                const struct rolling_request *request, int64_t now_ms,
                struct instance_list *touched, uint64_t *sequence,
                struct err *err)
{
    bool is_kill = request->kind == ROLLING_KILL;
    struct task_numbers numbers = {0};
    struct job *job;
    int rc = check_roll(a, key, request, &job, err);

    if (rc < 0)
        return rc;
    collect(job, request->instances, !is_kill, &numbers);
    rc =
        is_all(request->instances) ? 0 : check_touched(key, numbers.count, err);
    *sequence = a->events.next;
    if (rc == 0 && numbers.count > 0)
        begin_rolling(a, job, request, &numbers, now_ms, touched);
    else if (rc == 0 && is_kill) /* it goes at once: nothing of it runs */
        rc = aurora_kill(a, key, NULL, request->message, now_ms, touched,
                         sequence, err);
    else if (rc == 0)
        *sequence = a->events.next - 1;
    vec_free(&numbers);
    return rc;
}

int aurora_restart(struct aurora *a, const struct job_key *key,
                   const struct instances *instances, uint32_t batch_size,
                   const char *message, int64_t now_ms,
                   struct instance_list *touched, uint64_t *sequence,
                   struct err *err)
{
    struct rolling_request request = {
        .kind = ROLLING_RESTART,
        .instances = instances,
        .message = message,
        .settings = {.batch_size = batch_size,
                     .instance_failures_max = ROLLING_FAILURES_ANY,
                     .failures_max = ROLLING_FAILURES_ANY}};

    return aurora_roll(a, key, &request, now_ms, touched, sequence, err);
}

int aurora_roll_cancel(struct aurora *a, const struct job_key *key,
                       const char *message, int64_t now_ms, uint64_t *sequence,
                       struct err *err)
{
    struct job *job;
    char text[JOB_KEY_TEXT_MAX];
    int rc = find_job(a, key, &job, err);

    if (rc < 0)
        return rc;
    if (!job_rolling(job))
        return err_set(err, ERR_NOT_FOUND,
                       "job '%s': no restart or kill is under way",
                       job_key_text(key, text));
    *sequence = a->events.next;
    rolling_cancel(a, job, message && *message ? message : "cancelled", now_ms);
    updater_go_on(a, now_ms);
    return 0;
}
