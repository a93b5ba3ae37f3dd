#include "aurora/user_limits.h"

#include "aurora/core/app_groups.h"

#include <inttypes.h>
#include <string.h>

struct use {
    uint64_t jobs, tasks;
};

/* Its work is done: nothing starts again by itself. */
static bool is_over(const struct job *job)
{
    return !job->config->is_service && !job->cron && job->active.count == 0;
}

/* What it has now or is on its way to. */
static uint32_t wanted_of(const struct aurora *a, const struct job *job)
{
    const struct app_member *member = aurora_member(a, job);
    uint32_t wanted = is_over(job) ? 0 : job->instances;

    if (job->update && job->update->instances > wanted)
        wanted = job->update->instances;
    if (member && member->phase != MEMBER_DONE && member->instances > wanted)
        wanted = member->instances;
    return wanted;
}

static const struct growth *find(const struct growth *growth, uint32_t count,
                                 const struct job_key *key)
{
    for (uint32_t i = 0; i < count; i++)
        if (job_key_equal(&growth[i].key, key))
            return &growth[i];
    return NULL;
}

/* The user's jobs beside those that are about to change. */
static struct use use_of(const struct aurora *a, const char *user,
                         const struct growth *growth, uint32_t count)
{
    struct use use = {0};

    for (uint32_t i = 0; i < a->jobs.count; i++) {
        const struct job *job = a->jobs.item[i];
        const struct growth *change;
        if (job->is_removed || !job->owner || strcmp(job->owner, user) != 0)
            continue;
        change = find(growth, count, &job->key);
        if (change && change->grows)
            continue; /* counted as it will be */
        use.jobs++;
        use.tasks += wanted_of(a, job);
    }
    return use;
}

static int refuse(const struct request *r, const char *what, uint64_t had,
                  uint64_t more, int64_t most, struct err *err)
{
    (void)err_set(err, ERR_LIMIT,
                  "user '%s': %" PRIu64 " %s and %" PRIu64
                  " of this change are %" PRIu64 ": want at most %" PRId64,
                  r->user->name, had, what, more, had + more, most);
    err_hint(err, "limits of users stand in the scheduler's security.lua");
    return -ERR_LIMIT;
}

int user_limits_check(struct request *r, struct growth *growth, uint32_t count,
                      struct err *err)
{
    const struct aurora *a = &r->p->core;
    struct use more = {0};

    for (uint32_t i = 0; i < count; i++) {
        const struct job *job = aurora_job(a, &growth[i].key);
        growth[i].grows =
            !job || job->is_removed || growth[i].instances > wanted_of(a, job);
        more.jobs += growth[i].grows;
        more.tasks += growth[i].grows ? growth[i].instances : 0;
    }
    if (!r->user || more.jobs == 0)
        return 0;
    const struct user_limits *limits = &r->user->limits;
    if (limits->jobs == 0 && limits->tasks == 0)
        return 0;
    struct use had = use_of(a, r->user->name, growth, count);
    if (limits->jobs > 0 && had.jobs + more.jobs > (uint64_t)limits->jobs)
        return refuse(r, "jobs", had.jobs, more.jobs, limits->jobs, err);
    if (limits->tasks > 0 && had.tasks + more.tasks > (uint64_t)limits->tasks)
        return refuse(r, "tasks", had.tasks, more.tasks, limits->tasks, err);
    return 0;
}

void user_limits_own(struct request *r, const struct growth *growth,
                     uint32_t count)
{
    for (uint32_t i = 0; r->user && i < count; i++) {
        struct job *job = aurora_job(&r->p->core, &growth[i].key);
        if (job && growth[i].grows)
            aurora_job_own(&r->p->core, job, r->user->name);
    }
}

int user_limits_check_bytes(const struct request *r, struct err *err)
{
    const Perigee__Aurora__Call *call = r->call;
    size_t size = 0;

    if (!r->user || r->user->limits.bundle_bytes == 0)
        return 0;
    if (call->create_job)
        size = call->create_job->bundle.len;
    if (call->deploy_group)
        size = call->deploy_group->bundle.len;
    if (call->put_asset)
        size = call->put_asset->content.len;
    if (size <= (uint64_t)r->user->limits.bundle_bytes)
        return 0;
    (void)err_set(err, ERR_LIMIT,
                  "user '%s': a bundle or asset of %zu bytes: want at most "
                  "%" PRId64,
                  r->user->name, size, r->user->limits.bundle_bytes);
    err_hint(err, "limits of users stand in the scheduler's security.lua");
    return -ERR_LIMIT;
}
