#include "aurora/core/app_group_plan.h"
#include "aurora/core/internal.h"

#include <stdlib.h>
#include <string.h>

int app_group_refuse_removing(const struct app_group *group, struct err *err)
{
    (void)err_set(err, ERR_CONFLICT, "group '%.*s' is being removed",
                  (int)group->key_text->size,
                  (const char *)group->key_text->data);
    err_hint(err, "wait until it is gone");
    return -ERR_CONFLICT;
}

static bool same_run(const struct job_config *a, const struct job_config *b)
{
    return strcmp(a->runs_id, b->runs_id) == 0;
}

static bool runs_all(const struct job *job, const struct job_config *config)
{
    for (const struct task *t = job->active.first; t; t = t->next)
        if (!same_run(t->config, config))
            return false;
    return same_run(job->config, config);
}

static int refuse_batch(const struct job *job, struct err *err)
{
    (void)err_set(err, ERR_CONFLICT,
                  "job '%.*s' is not a service: it cannot be changed while it "
                  "runs",
                  (int)job->key_text->size, (const char *)job->key_text->data);
    err_hint(err, "wait for it, or kill it: clusterctl killall %.*s",
             (int)job->key_text->size, (const char *)job->key_text->data);
    return -ERR_CONFLICT;
}

/* A job that lives, and what is wanted of it. */
static int compare(const struct job *job, const struct group_wish *wish,
                   struct member_step *out, struct err *err)
{
    const struct update *u = job->update;
    bool is_same = runs_all(job, wish->config);
    bool is_service = job->config->is_service && wish->config->is_service;

    *out = (struct member_step){.action = MEMBER_KEEP, .phase = MEMBER_WORKING};
    if (u && strcmp(u->config->id, wish->config->id) == 0 &&
        u->instances == wish->instances && !u->is_partial &&
        !update_is_back(u->state)) {
        out->action = MEMBER_UPDATE;
        out->update = u->number;
        return 0;
    }
    if (u)
        return request_check_idle(job, err);
    out->is_quiet = is_same && strcmp(job->config->id, wish->config->id) != 0;
    if (is_same && job->instances == wish->instances && !job_is_broken(job))
        return 0;
    out->phase = MEMBER_WAITING;
    if (!is_service && job->active.count > 0)
        return refuse_batch(job, err);
    if (!is_service || job->active.count == 0)
        out->action = MEMBER_CREATE;
    else
        out->action = is_same ? MEMBER_SCALE : MEMBER_UPDATE;
    out->is_quiet &= out->action == MEMBER_SCALE;
    return 0;
}

/* A group begins its jobs one after the other and says when they are up; a cron
 * job is begun by the clock and is never up. */
static int check_cron(const struct group_wish *wish, const struct job *job,
                      struct err *err)
{
    bool has_schedule = job && job->cron && !job->is_removed;
    char text[JOB_KEY_TEXT_MAX];

    if (!wish->config->cron && !has_schedule)
        return 0;
    (void)err_set(err, ERR_INVALID, "job '%s' %s: no group may hold it",
                  job_key_text(&wish->config->key, text),
                  wish->config->cron ? "is a cron job" : "has a schedule");
    err_field(err, "group");
    err_hint(err, "put it beside the group; what has to run in an order can "
                  "name the other jobs in Cron's `after`");
    return -ERR_INVALID;
}

static int check_owner(const struct app_member *m,
                       const struct app_group *group, const struct job *job,
                       bool must_be_new, struct err *err)
{
    if (m && m->group != group) {
        (void)err_set(err, ERR_CONFLICT, "job '%.*s' is in group '%.*s'",
                      (int)m->key_text->size, (const char *)m->key_text->data,
                      (int)m->group->key_text->size,
                      (const char *)m->group->key_text->data);
        err_hint(err, "take it out of that group first");
        return -ERR_CONFLICT;
    }
    if (!must_be_new || !job || job->is_removed || job->active.count == 0)
        return 0;
    (void)err_set(err, ERR_EXISTS, "job '%.*s' exists already",
                  (int)job->key_text->size, (const char *)job->key_text->data);
    err_hint(err, "change it with clusterctl apply, or kill it first");
    return -ERR_EXISTS;
}

static int plan_member(const struct aurora *a, const struct app_group *group,
                       const struct group_request *request, uint32_t at,
                       struct member_step *out, struct err *err)
{
    const struct group_wish *wish = &request->wish[at];
    const struct job *job = aurora_job(a, &wish->config->key);
    const struct app_member *m = aurora_member_by_key(a, &wish->config->key);
    int rc = request_check_count(a, wish->instances, err);

    *out =
        (struct member_step){.action = MEMBER_CREATE, .phase = MEMBER_WAITING};
    if (rc == 0)
        rc = check_cron(wish, job, err);
    if (rc == 0)
        rc = check_owner(m, group, job, request->must_be_new, err);
    if (rc < 0 || !job || job->is_removed || (m && app_member_is_held(m)))
        return rc;
    if (job->is_killed) {
        (void)err_set(err, ERR_CONFLICT, "job '%.*s' is being killed",
                      (int)job->key_text->size,
                      (const char *)job->key_text->data);
        err_hint(err, "wait with: clusterctl wait %.*s --for GONE",
                 (int)job->key_text->size, (const char *)job->key_text->data);
        return -ERR_CONFLICT;
    }
    if (request->must_be_new)
        return 0; /* it ended: run it anew */
    return compare(job, wish, out, err);
}

static int by_key(const void *x, const void *y)
{
    const struct job_config *a = *(struct job_config *const *)x;
    const struct job_config *b = *(struct job_config *const *)y;

    return job_key_compare(&a->key, &b->key);
}

/* Of the group's role and environment, each once. */
static int check_keys(const struct group_request *request, struct err *err)
{
    uint32_t n = request->tree.members;
    const struct job_config **config = xcalloc(n + 1, sizeof(void *));
    const struct job_key *key = &request->key;
    char text[JOB_KEY_TEXT_MAX];
    int rc = 0;

    for (uint32_t i = 0; i < n; i++)
        config[i] = request->wish[i].config;
    qsort(config, n, sizeof(void *), by_key);
    for (uint32_t i = 0; i < n && rc == 0; i++) {
        const struct job_key *k = &config[i]->key;
        (void)job_key_text(k, text);
        if (i > 0 && job_key_equal(&config[i - 1]->key, k))
            rc = err_set(err, ERR_INVALID,
                         "group '%s': job '%s' stands in it twice", key->name,
                         text);
        else if (strcmp(k->cluster, key->cluster) != 0 ||
                 strcmp(k->role, key->role) != 0 ||
                 strcmp(k->env, key->env) != 0)
            rc = err_set(err, ERR_INVALID,
                         "group '%s': job '%s': want all jobs of one role and "
                         "environment, %s/%s",
                         key->name, text, key->role, key->env);
    }
    if (rc < 0)
        err_field(err, "group.jobs");
    free(config);
    return rc;
}

static int check_room(const struct aurora *a, const struct app_group *group,
                      const struct member_step *step, uint32_t count,
                      struct err *err)
{
    uint32_t created = 0;

    for (uint32_t i = 0; i < count; i++)
        created += step[i].action == MEMBER_CREATE;
    if (a->jobs.count + created > JOBS_MAX)
        return err_set(err, ERR_BUSY, "this scheduler has %u jobs: want fewer",
                       a->jobs.count);
    if (!group && a->app_groups.count >= APP_GROUPS_MAX)
        return err_set(err, ERR_BUSY,
                       "this scheduler has %u groups: want fewer",
                       a->app_groups.count);
    return 0;
}

int app_group_plan(const struct aurora *a, const struct app_group *group,
                   const struct group_request *request,
                   struct member_step *step, struct err *err)
{
    int rc = check_keys(request, err);

    if (rc == 0 && request->tree.members == 0) {
        rc = err_set(err, ERR_INVALID, "group '%s' has no job",
                     request->key.name);
        err_field(err, "group.jobs");
    }
    if (rc == 0 && group && group->state == APP_GROUP_REMOVING)
        rc = app_group_refuse_removing(group, err);
    if (rc == 0 && group && request->must_be_new) {
        rc = err_set(err, ERR_EXISTS, "group '%.*s' exists already",
                     (int)group->key_text->size,
                     (const char *)group->key_text->data);
        err_hint(err, "change it with: clusterctl apply FILE");
    }
    for (uint32_t i = 0; i < request->tree.members && rc == 0; i++)
        rc = plan_member(a, group, request, i, &step[i], err);
    return rc < 0 ? rc : check_room(a, group, step, request->tree.members, err);
}
