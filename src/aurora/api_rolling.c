/* Calls that kill and restart instances, at once or in batches. */
#include "aurora/api.h"

typedef Perigee__Aurora__Answer Answer;
typedef Perigee__Aurora__Call__Target Target;

enum { WATCH_SECS_MAX = 24 * 60 * 60 };

static void answer_target(struct request *r, const struct job_key *key,
                          const struct instance_list *touched,
                          uint64_t sequence, bool rolls, int64_t now_ms,
                          struct effects *fx)
{
    const struct job *job = aurora_job(&r->p->core, key);
    Answer *answer = api_answer_new(r);

    answer->sequence = sequence;
    answer->n_instances = touched->count;
    if (touched->count > 0)
        answer->instances = arena_memdup(
            &r->arena, touched->item, touched->count * sizeof *touched->item);
    if (rolls && job && job->rolling)
        answer->rolling = view_rolling(job->rolling, &r->arena);
    api_answer(r, answer, now_ms, fx);
}

static int refuse(struct err *err, const char *field, const char *want)
{
    (void)err_set(err, ERR_INVALID, "%s: %s", field, want);
    err_field(err, "%s", field);
    return -ERR_INVALID;
}

/* Unset and -1 mean any. */
static uint32_t limit_of(bool has, int32_t max)
{
    return has && max >= 0 ? (uint32_t)max : ROLLING_FAILURES_ANY;
}

static int read_settings(const struct request *r, const Target *target,
                         struct rolling_settings *out, struct err *err)
{
    if (target->watch_secs > WATCH_SECS_MAX)
        return refuse(err, "watch_secs", "want at most 86400");
    if (target->max_instance_failures < -1)
        return refuse(err, "max_instance_failures", "want -1 or more");
    if (target->max_total_failures < -1)
        return refuse(err, "max_total_failures", "want -1 or more");
    if (r->call->type == PERIGEE__AURORA__CALL__TYPE__KILL_JOB &&
        (target->has_watch_secs || target->has_max_instance_failures))
        return refuse(err,
                      target->has_watch_secs ? "watch_secs"
                                             : "max_instance_failures",
                      "only restarts have it");
    *out = (struct rolling_settings){
        .batch_size = target->batch_size,
        .instance_failures_max = limit_of(target->has_max_instance_failures,
                                          target->max_instance_failures),
        .failures_max = limit_of(target->has_max_total_failures,
                                 target->max_total_failures),
        .watch_ms = (int64_t)target->watch_secs * 1000};
    return 0;
}

/* A kill is done at once unless it is asked for in batches. */
static bool rolls(const struct request *r)
{
    return r->call->type == PERIGEE__AURORA__CALL__TYPE__RESTART_JOB ||
           r->call->target->batch_size > 0 || r->call->target->strict;
}

static int perform(struct request *r, const struct job_key *key, int64_t now_ms,
                   struct instance_list *touched, uint64_t *sequence,
                   struct err *err)
{
    const Target *target = r->call->target;
    struct instances instances =
        api_instances(target->instances, target->n_instances, &r->arena);
    struct rolling_request request = {
        .kind = r->call->type == PERIGEE__AURORA__CALL__TYPE__KILL_JOB
                    ? ROLLING_KILL
                    : ROLLING_RESTART,
        .instances = &instances,
        .is_strict = target->strict,
        .message = target->message};
    int rc = api_check_ranges(target->instances, target->n_instances, err);

    if (rc == 0)
        rc = read_settings(r, target, &request.settings, err);
    if (rc < 0)
        return rc;
    if (!rolls(r))
        return aurora_kill(&r->p->core, key, &instances, target->message,
                           now_ms, touched, sequence, err);
    return aurora_roll(&r->p->core, key, &request, now_ms, touched, sequence,
                       err);
}

void api_target(struct request *r, int64_t now_ms, struct effects *fx)
{
    struct instance_list touched = {0};
    struct err err = {0};
    struct job_key key;
    uint64_t sequence = 0;

    if (key_decode(r->p, r->call->target->key, &key, &err) == 0)
        (void)perform(r, &key, now_ms, &touched, &sequence, &err);
    if (err.code)
        api_refuse(r, &err, now_ms, fx);
    else
        answer_target(r, &key, &touched, sequence,
                      rolls(r) && touched.count > 0, now_ms, fx);
    vec_free(&touched);
}

void api_cancel_rolling(struct request *r, int64_t now_ms, struct effects *fx)
{
    static const struct instance_list none = {0};
    struct err err = {0};
    struct job_key key;
    uint64_t sequence = 0;

    if (key_decode(r->p, r->call->target->key, &key, &err) < 0 ||
        aurora_roll_cancel(&r->p->core, &key, r->call->target->message, now_ms,
                           &sequence, &err) < 0)
        api_refuse(r, &err, now_ms, fx);
    else
        answer_target(r, &key, &none, sequence, true, now_ms, fx);
}
