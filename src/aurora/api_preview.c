/* PREVIEW_UPDATE: what an update would do with which instances; PREVIEW_QUOTA:
 * what quotas would refuse of a whole file. */
#include "aurora/api.h"
#include "aurora/security.h"

#include "script/job_check.h"

typedef Perigee__Aurora__InstanceRange Range;

/* The instances of one kind as ranges. */
static Range **ranges_of(const struct preview_list *list,
                         enum preview_kind kind, size_t *count,
                         struct arena *arena)
{
    Range **out = arena_alloc(arena, (list->count + 1) * sizeof *out);
    size_t n = 0;

    for (uint32_t i = 0; i < list->count; i++) {
        uint32_t instance = list->item[i].instance;
        if (list->item[i].kind != kind)
            continue;
        if (n > 0 && out[n - 1]->last + 1 == instance) {
            out[n - 1]->last = instance;
            continue;
        }
        out[n] = arena_alloc(arena, sizeof **out);
        perigee__aurora__instance_range__init(out[n]);
        out[n]->has_first = out[n]->has_last = true;
        out[n]->first = out[n]->last = instance;
        n++;
    }
    *count = n;
    return out;
}

static void answer_preview(struct request *r, const struct preview_list *list,
                           int64_t now_ms, struct effects *fx)
{
    Perigee__Aurora__Answer *answer = api_answer_new(r);
    Perigee__Aurora__Preview *out = arena_alloc(&r->arena, sizeof *out);

    perigee__aurora__preview__init(out);
    out->keep = ranges_of(list, PREVIEW_KEEP, &out->n_keep, &r->arena);
    out->add = ranges_of(list, PREVIEW_ADD, &out->n_add, &r->arena);
    out->remove = ranges_of(list, PREVIEW_REMOVE, &out->n_remove, &r->arena);
    out->restart = ranges_of(list, PREVIEW_RESTART, &out->n_restart, &r->arena);
    out->move = ranges_of(list, PREVIEW_MOVE, &out->n_move, &r->arena);
    answer->preview = out;
    api_answer(r, answer, now_ms, fx);
}

/* The job of the call, to look at. */
static int decode_job(struct request *r, struct job_config **config,
                      uint32_t *instances, struct err *err)
{
    const Perigee__Aurora__Call__CreateJob *create = r->call->create_job;
    int rc = api_check_ranges(create->instances, create->n_instances, err);

    if (rc == 0 && !create->job) {
        rc = err_set(err, ERR_INVALID, "create_job.job: missing");
        err_field(err, "create_job.job");
    }
    if (rc == 0)
        rc = job_complete(create->job, &r->arena, err);
    if (rc == 0)
        rc = job_decode_preview(r->p, create->job, config, instances, err);
    return rc;
}

/* Its hosts are judged: request_then. */
static void preview(struct request *r, struct job_config *config,
                    uint32_t instances, int64_t now_ms, struct effects *fx)
{
    const Perigee__Aurora__Call__CreateJob *create = r->call->create_job;
    struct instances scope =
        api_instances(create->instances, create->n_instances, &r->arena);
    struct update_request request = {.instances = instances, .scope = &scope};
    struct preview_list list = {0};
    struct err err = {0};

    if (aurora_update_preview(&r->p->core, config, &request, &list, &err) < 0)
        api_refuse(r, &err, now_ms, fx);
    else
        answer_preview(r, &list, now_ms, fx);
    job_config_unref(config);
    vec_free(&list);
}

void api_preview(struct request *r, int64_t now_ms, struct effects *fx)
{
    struct job_config *config = NULL;
    struct err err = {0};
    uint32_t instances = 0;

    if (decode_job(r, &config, &instances, &err) < 0)
        api_refuse(r, &err, now_ms, fx);
    else if (!judgings_hold(r, config, instances, preview, now_ms, fx))
        preview(r, config, instances, now_ms, fx);
}

/* --- quotas --- */

enum { PREVIEW_JOBS_MAX = 1000 };

typedef Perigee__Aurora__Call__PreviewQuota PreviewQuota;
typedef Perigee__Aurora__QuotaRefusal Refusal;

static int check_preview(const PreviewQuota *call, struct err *err)
{
    if (call->n_jobs > PREVIEW_JOBS_MAX) {
        (void)err_set(err, ERR_LIMIT, "preview of %zu jobs: want at most %d",
                      call->n_jobs, PREVIEW_JOBS_MAX);
        err_field(err, "preview_quota.jobs");
        return -ERR_LIMIT;
    }
    if (call->n_removed > PREVIEW_JOBS_MAX) {
        (void)err_set(err, ERR_LIMIT,
                      "removal of %zu jobs: want at most %d in a preview",
                      call->n_removed, PREVIEW_JOBS_MAX);
        err_field(err, "preview_quota.removed");
        return -ERR_LIMIT;
    }
    if (call->n_groups == 0 || call->n_groups == call->n_jobs)
        return 0;
    (void)err_set(err, ERR_INVALID,
                  "preview_quota.groups: want none, or one for each job");
    err_field(err, "preview_quota.groups");
    return -ERR_INVALID;
}

static int decode_wish(struct request *r, Perigee__Job *job,
                       struct quota_wish *out, struct err *err)
{
    struct job_key key;
    int rc = job_complete(job, &r->arena, err);

    if (rc == 0)
        rc = job_key_make(job->cluster, job->role, job->environment, job->name,
                          &key, err);
    if (rc == 0 && !security_may_job(r, ACTION_JOB_READ, &key))
        rc = security_refuse(r, ACTION_JOB_READ, &key, err);
    if (rc == 0)
        rc = job_decode_preview(r->p, job, &out->config, &out->instances, err);
    if (rc < 0)
        (void)err_wrap(err, "job '%s'", job->name ? job->name : "");
    return rc;
}

/* Those that there are. */
static int find_removed(struct request *r, const PreviewQuota *call,
                        struct quota_gone *out, struct err *err)
{
    int rc = 0;

    out->behind = call->removed_behind;
    out->job = arena_alloc(&r->arena, (call->n_removed + 1) * sizeof *out->job);
    for (size_t i = 0; i < call->n_removed && rc == 0; i++) {
        struct job_key key;
        rc = key_decode(r->p, call->removed[i], &key, err);
        if (rc == 0 && !security_may_job(r, ACTION_JOB_READ, &key))
            rc = security_refuse(r, ACTION_JOB_READ, &key, err);
        if (rc < 0) {
            err_field(err, "preview_quota.removed[%zu]", i);
            break;
        }
        const struct job *job = aurora_job(&r->p->core, &key);
        if (job)
            out->job[out->count++] = job;
    }
    return rc;
}

struct telling {
    struct request *r;
    Perigee__Aurora__Answer *answer;
};

static void tell_refusal(void *context, uint32_t first, uint32_t count,
                         const struct err *err)
{
    struct telling *to = context;
    struct arena *arena = &to->r->arena;
    Refusal *refusal = arena_alloc(arena, sizeof *refusal);
    Perigee__Aurora__Error *error = arena_alloc(arena, sizeof *error);

    perigee__aurora__quota_refusal__init(refusal);
    perigee__aurora__error__init(error);
    error->code = (char *)(uintptr_t)err_code_name(err->code);
    error->message = arena_strdup(arena, err->text);
    error->hint = arena_strdup(arena, err->hint);
    refusal->has_first = refusal->has_count = true;
    refusal->first = first;
    refusal->count = count;
    refusal->error = error;
    to->answer->quota_refusals[to->answer->n_quota_refusals++] = refusal;
}

void api_preview_quota(struct request *r, int64_t now_ms, struct effects *fx)
{
    const PreviewQuota *call = r->call->preview_quota;
    struct telling to = {.r = r, .answer = api_answer_new(r)};
    struct err err = {0};
    struct quota_gone gone = {0};
    int rc = check_preview(call, &err);
    uint32_t count = 0;
    struct quota_wish *wish =
        arena_zalloc(&r->arena, (PREVIEW_JOBS_MAX + 1) * sizeof *wish);

    while (rc == 0 && count < call->n_jobs) {
        rc = decode_wish(r, call->jobs[count], &wish[count], &err);
        wish[count].group = call->n_groups > 0 ? call->groups[count] : 0;
        count += rc == 0;
    }
    to.answer->quota_refusals = arena_alloc(
        &r->arena, (QUOTA_PREVIEW_TOLD_MAX + 1) * sizeof(Refusal *));
    if (rc == 0)
        rc = find_removed(r, call, &gone, &err);
    if (rc == 0)
        aurora_quota_preview(&r->p->core, wish, count, &gone, tell_refusal,
                             &to);
    for (uint32_t i = 0; i < count; i++)
        job_config_unref(wish[i].config);
    if (rc < 0)
        api_refuse(r, &err, now_ms, fx);
    else
        api_answer(r, to.answer, now_ms, fx);
}
