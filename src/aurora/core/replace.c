/* Replacing what a service runs: the new configuration is the job's from now
 * on, and instances that run another one are restarted in batches. */
#include "aurora/core/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static int check_service(const struct job *job, const struct job_config *config,
                         struct err *err)
{
    char text[JOB_KEY_TEXT_MAX];

    if (job->config->is_service && config->is_service)
        return 0;
    (void)err_set(err, ERR_CONFLICT, "job '%s' %s a service: want a service",
                  job_key_text(&job->key, text),
                  job->config->is_service ? "would no longer be" : "is not");
    err_field(err, "service");
    err_hint(err, "kill it and create it anew: clusterctl killall %s", text);
    return -ERR_CONFLICT;
}

/* The job's configuration; the caller's reference goes. */
static void set_config(struct aurora *a, struct job *job,
                       struct job_config *config)
{
    struct job_config *known = aurora_config(a, config->id);
    struct job_config *before = job->config;

    job->config = known ? known : config;
    records_use_config(a, job->config);
    records_unuse_config(a, before);
    job_config_unref(config);
}

/* A task that nothing has to be started anew for: it waits, or what it runs is
 * the same. */
static void take_config(struct aurora *a, struct task *task)
{
    struct job_config *before = task->config;
    bool waits = task->state == TASK_PENDING;

    if (waits)
        group_remove(a, task);
    task->config = task->job->config;
    records_use_config(a, task->config);
    if (waits)
        group_add(a, task);
    records_unuse_config(a, before);
    mark_task(a, task);
}

static bool is_in(const uint32_t *item, uint32_t count, uint32_t instance)
{
    for (uint32_t i = 0; i < count; i++)
        if (item[i] == instance)
            return true;
    return false;
}

static bool same_run(const struct job_config *a, const struct job_config *b)
{
    return strcmp(a->runs_id, b->runs_id) == 0;
}

/* Bring the tasks that may to the new configuration; the instances of the
 * others are collected. Those on their way out are followed by new ones. */
static void collect_stale(struct aurora *a, struct job *job,
                          struct instance_list *stale)
{
    for (struct task *t = job->active.first; t; t = t->next) {
        if (t->config == job->config)
            continue;
        if (t->state == TASK_PENDING || t->state == TASK_THROTTLED ||
            same_run(t->config, job->config))
            take_config(a, t);
        else if (task_can_restart(t))
            *vec_add(stale) = t->instance;
    }
}

/* What an earlier restart or replacement left to do is still to be done, and
 * first what is under way and stale: it is not up anyway. */
static void begin(struct aurora *a, struct job *job,
                  const struct instance_list *stale, uint32_t batch_size,
                  const char *message)
{
    struct restart *r = &job->restart;
    struct instance_list left = {0};

    r->is_replacement = r->batch_size == 0 || r->is_replacement;
    for (uint32_t i = r->under_way.count; i-- > 0;)
        if (is_in(stale->item, stale->count, r->under_way.item[i])) {
            *vec_add(&left) = r->under_way.item[i];
            vec_remove(&r->under_way, i);
        }
    for (uint32_t i = 0; i < stale->count; i++)
        if (!is_in(left.item, left.count, stale->item[i]))
            *vec_add(&left) = stale->item[i];
    for (uint32_t i = 0; i < r->left.count; i++)
        if (!is_in(left.item, left.count, r->left.item[i]))
            *vec_add(&left) = r->left.item[i];
    vec_free(&r->left);
    for (uint32_t i = 0; i < left.count; i++)
        *vec_add(&r->left) = left.item[i];
    free(r->message);
    r->message = message && *message ? xstrdup(message) : NULL;
    if (left.count + r->under_way.count > 0)
        r->batch_size = batch_size       ? batch_size
                        : left.count > 0 ? left.count
                                         : r->under_way.count;
    vec_free(&left);
    mark_job(a, job);
}

int aurora_replace_take(struct aurora *a, struct job_config *config,
                        const struct replacement *how, int64_t now_ms,
                        struct instance_list *touched, uint64_t *sequence,
                        struct err *err)
{
    struct job *job;
    struct instance_list stale = {0};
    int rc = request_find_running(a, &config->key, &job, err);

    if (rc == 0)
        rc = check_service(job, config, err);
    if (rc == 0)
        rc = request_check_count(a, how->instances, err);
    if (rc < 0) {
        job_config_unref(config);
        return rc;
    }
    set_config(a, job, config);
    *sequence = a->events.next;
    request_set_count(a, job, how->instances, now_ms, touched);
    collect_stale(a, job, &stale);
    if (stale.count > 0 || job->restart.batch_size > 0)
        begin(a, job, &stale, how->batch_size, how->message);
    for (uint32_t i = 0; i < stale.count; i++)
        *vec_add(touched) = stale.item[i];
    restart_go_on(a, job, now_ms);
    vec_free(&stale);
    return 0;
}
