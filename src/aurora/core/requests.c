/* What users ask: create, kill, restart, scale, add. Each request is checked
 * as a whole before anything changes. */
#include "aurora/core/internal.h"

#include <assert.h>
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

/* Jobs that may take more work: alive and not being killed. */
static int find_running(const struct aurora *a, const struct job_key *key,
                        struct job **out, struct err *err)
{
    char text[JOB_KEY_TEXT_MAX];
    int rc = find_job(a, key, out, err);

    if (rc == 0)
        rc = request_check_idle(*out, err);
    if (rc < 0)
        return rc;
    if ((*out)->is_killed)
        return err_set(err, ERR_CONFLICT, "job '%s' is being killed",
                       job_key_text(key, text));
    if ((*out)->active.count == 0)
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

static int check_create(const struct aurora *a, const struct job *job,
                        const struct job_config *config, uint32_t instances,
                        struct err *err)
{
    char text[JOB_KEY_TEXT_MAX];
    int rc = request_check_idle(job, err);

    if (rc < 0)
        return rc;
    (void)job_key_text(&config->key, text);
    if (job && job->active.count > 0) {
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
    int rc = check_create(a, job, config, instances, err);

    if (rc < 0) {
        job_config_unref(config);
        return rc;
    }
    struct job_config *known = aurora_config(a, config->id);
    struct job_config *before = job ? job->config : NULL;
    if (!job) {
        job = job_new(&config->key);
        records_put_job(a, job);
    }
    job->config = known ? known : config;
    records_use_config(a, job->config);
    if (before)
        records_unuse_config(a, before);
    job_config_unref(config);
    job->instances = instances;
    job->created_ms = now_ms;
    job->is_killed = job->is_removed = false;
    records_tell_job(a, EVENT_JOB_CREATED, job, now_ms);
    *sequence = a->events.next - 1;
    for (uint32_t i = 0; i < instances; i++)
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

/* Active tasks that nobody is killing yet. */
static uint32_t count_living(const struct job *job)
{
    uint32_t count = 0;

    for (const struct task *t = job->active.first; t; t = t->next)
        count += t->state != TASK_KILLING;
    return count;
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

    if (is_all(instances) || doomed == count_living(job))
        job->is_killed = true;
    else
        job->instances -= doomed < job->instances ? doomed : job->instances;
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
        rc = request_check_idle(job, err);
    if (rc < 0)
        return rc;
    collect(job, instances, false, &numbers);
    if (!is_all(instances))
        rc = check_touched(key, numbers.count, err);
    if (rc == 0) {
        note_kill(a, job, instances, &numbers);
        records_tell_job(a, EVENT_JOB_CHANGED, job, now_ms);
        *sequence = a->events.next - 1;
        kill_all(a, &numbers, message && *message ? message : "killed", now_ms,
                 touched);
        job_settle(a, job, now_ms);
    }
    vec_free(&numbers);
    return rc;
}

int aurora_restart(struct aurora *a, const struct job_key *key,
                   const struct instances *instances, uint32_t batch_size,
                   const char *message, int64_t now_ms,
                   struct instance_list *touched, uint64_t *sequence,
                   struct err *err)
{
    struct job *job;
    struct task_numbers numbers = {0};
    int rc = find_running(a, key, &job, err);

    if (rc < 0)
        return rc;
    if (job->restart.batch_size > 0)
        return err_set(err, ERR_CONFLICT,
                       "a restart is under way: %u instances are left",
                       job->restart.left.count + job->restart.under_way.count);
    collect(job, instances, true, &numbers);
    rc = is_all(instances) ? 0 : check_touched(key, numbers.count, err);
    if (rc < 0 || numbers.count == 0) {
        *sequence = a->events.next - 1;
        vec_free(&numbers);
        return rc;
    }
    for (uint32_t i = 0; i < numbers.count; i++) {
        uint32_t instance = aurora_task_by_number(a, numbers.item[i])->instance;
        *vec_add(touched) = instance;
        *vec_add(&job->restart.left) = instance;
    }
    job->restart.batch_size = batch_size ? batch_size : numbers.count;
    job->restart.message = message && *message ? xstrdup(message) : NULL;
    records_tell_job(a, EVENT_JOB_CHANGED, job, now_ms);
    *sequence = a->events.next - 1;
    restart_go_on(a, job, now_ms);
    vec_free(&numbers);
    return 0;
}

static uint32_t behind_highest(const struct job *job)
{
    uint32_t next = job->config->is_service ? 0 : job->instances;

    for (const struct task *t = job->active.first; t; t = t->next)
        if (t->instance >= next)
            next = t->instance + 1;
    return next;
}

static void start_more(struct aurora *a, struct job *job, uint32_t first,
                       uint32_t more, int64_t now_ms,
                       struct instance_list *touched)
{
    for (uint32_t instance = first; more > 0; instance++) {
        if (job_active(job, instance))
            continue;
        (void)task_start(a, job, job->config, instance, NULL, now_ms);
        *vec_add(touched) = instance;
        more--;
    }
}

/* The `less` active tasks with the highest instance numbers. */
static void kill_highest(struct aurora *a, struct job *job, uint32_t less,
                         int64_t now_ms, struct instance_list *touched)
{
    for (; less > 0; less--) {
        struct task *highest = NULL;
        for (struct task *t = job->active.first; t; t = t->next)
            if (t->state != TASK_KILLING &&
                (!highest || t->instance > highest->instance))
                highest = t;
        if (!highest)
            return;
        *vec_add(touched) = highest->instance;
        (void)task_go(a, highest, TASK_KILLING, "scaled down", now_ms);
    }
}

static uint32_t instances_now(const struct job *job)
{
    return job->config->is_service ? count_living(job) : job->instances;
}

/* The event comes first: its number is that of the change. */
static void set_count(struct aurora *a, struct job *job, uint32_t wanted,
                      int64_t now_ms, struct instance_list *touched)
{
    uint32_t have = instances_now(job);
    uint32_t first = job->config->is_service ? 0 : behind_highest(job);

    job->instances = wanted;
    records_tell_job(a, EVENT_JOB_CHANGED, job, now_ms);
    if (wanted > have)
        start_more(a, job, first, wanted - have, now_ms, touched);
    else
        kill_highest(a, job, have - wanted, now_ms, touched);
}

int aurora_scale(struct aurora *a, const struct job_key *key, uint32_t wanted,
                 int64_t now_ms, struct instance_list *touched,
                 uint64_t *sequence, struct err *err)
{
    struct job *job;
    int rc = find_running(a, key, &job, err);

    if (rc == 0)
        rc = request_check_count(a, wanted, err);
    if (rc < 0)
        return rc;
    *sequence = a->events.next;
    set_count(a, job, wanted, now_ms, touched);
    return 0;
}

int aurora_add(struct aurora *a, const struct job_key *key, uint32_t more,
               int64_t now_ms, struct instance_list *touched,
               uint64_t *sequence, struct err *err)
{
    struct job *job;
    int rc = find_running(a, key, &job, err);

    if (rc < 0)
        return rc;
    uint32_t first = behind_highest(job);
    if (more == 0 || more > a->limits.tasks_per_job_max)
        return request_check_count(a, more, err);
    rc = request_check_count(a, instances_now(job) + more, err);
    if (rc < 0)
        return rc;
    if (first > INSTANCES_MAX - more)
        return err_set(err, ERR_LIMIT, "instance numbers end at %d",
                       INSTANCES_MAX);
    job->instances = instances_now(job) + more;
    records_tell_job(a, EVENT_JOB_CHANGED, job, now_ms);
    *sequence = a->events.next - 1;
    start_more(a, job, first, more, now_ms, touched);
    return 0;
}
