/* What users ask about how many instances there are. Each request is checked as
 * a whole before anything changes. */
#include "aurora/core/internal.h"

#include "base/alloc.h"

#include <stdlib.h>

static uint32_t behind_highest(const struct job *job)
{
    uint32_t next = job->config->is_service ? 0 : job->instances;

    for (const struct task *t = job->active.first; t; t = t->next)
        if (t->instance >= next)
            next = t->instance + 1;
    return next;
}

static void start_more(struct aurora *a, struct job *job,
                       struct job_config *config, uint32_t first, uint32_t more,
                       int64_t now_ms, struct instance_list *touched)
{
    for (uint32_t instance = first; more > 0; instance++) {
        if (job_active(job, instance))
            continue;
        (void)task_start(a, job, config, instance, NULL, now_ms);
        *vec_add(touched) = instance;
        more--;
    }
}

/* The highest instance first, the older task of one first. */
static int by_instance_down(const void *a, const void *b)
{
    const struct task *x = *(struct task *const *)a,
                      *y = *(struct task *const *)b;

    if (x->instance != y->instance)
        return x->instance > y->instance ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

/* The `less` active tasks with the highest instance numbers. */
static void kill_highest(struct aurora *a, struct job *job, uint32_t less,
                         int64_t now_ms, struct instance_list *touched)
{
    struct task **living = xcalloc(job->active.count + 1, sizeof(void *));
    uint32_t count = 0;

    for (struct task *t = job->active.first; t; t = t->next)
        if (t->state != TASK_KILLING)
            living[count++] = t;
    qsort((void *)living, count, sizeof(void *), by_instance_down);
    for (uint32_t i = 0; i < count && i < less; i++) {
        *vec_add(touched) = living[i]->instance;
        (void)task_go(a, living[i], TASK_KILLING, "scaled down", now_ms);
    }
    free((void *)living);
}

static uint32_t instances_now(const struct job *job)
{
    return job->config->is_service ? job_living(job) : job->instances;
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
        start_more(a, job, job->config, first, wanted - have, now_ms, touched);
    else
        kill_highest(a, job, have - wanted, now_ms, touched);
}

int aurora_scale(struct aurora *a, const struct job_key *key, uint32_t wanted,
                 int64_t now_ms, struct instance_list *touched,
                 uint64_t *sequence, struct err *err)
{
    struct job *job;
    int rc = request_find_running(a, key, &job, err);

    if (rc == 0 && !(wanted == 0 && job->config->is_service))
        rc = request_check_count(a, wanted, err);
    if (rc == 0 && wanted > instances_now(job))
        rc = quota_check_more(a, job, job->config, wanted - instances_now(job),
                              wanted, err);
    if (rc < 0)
        return rc;
    *sequence = a->events.next;
    set_count(a, job, wanted, now_ms, touched);
    updater_go_on(a, now_ms);
    return 0;
}

/* What new instances run: as the job says, or as one of them does. */
static int find_like(const struct job *job, const uint32_t *like,
                     struct job_config **out, struct err *err)
{
    const struct task *task = like ? job_active(job, *like) : NULL;

    if (like && !task) {
        (void)err_set(err, ERR_NOT_FOUND, "instance %u is not active", *like);
        err_field(err, "template_instance");
        return -ERR_NOT_FOUND;
    }
    *out = task ? task->config : job->config;
    return 0;
}

int aurora_add(struct aurora *a, const struct job_key *key, uint32_t more,
               const uint32_t *like, int64_t now_ms,
               struct instance_list *touched, uint64_t *sequence,
               struct err *err)
{
    struct job_config *config = NULL;
    struct job *job;
    int rc = request_find_running(a, key, &job, err);

    if (rc == 0)
        rc = find_like(job, like, &config, err);
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
    rc = quota_check_more(a, job, config, more, instances_now(job) + more, err);
    if (rc < 0)
        return rc;
    job->instances = instances_now(job) + more;
    records_tell_job(a, EVENT_JOB_CHANGED, job, now_ms);
    *sequence = a->events.next - 1;
    start_more(a, job, config, first, more, now_ms, touched);
    return 0;
}
