/* SCALE_JOB, ADD_INSTANCES. */
#include "aurora/api.h"
#include "aurora/user_limits.h"

typedef Perigee__Aurora__Answer Answer;

static void answer_change(struct request *r,
                          const struct instance_list *touched,
                          uint64_t sequence, int64_t now_ms, struct effects *fx)
{
    Answer *answer = api_answer_new(r);

    answer->sequence = sequence;
    answer->n_instances = touched->count;
    if (touched->count > 0)
        answer->instances = arena_memdup(
            &r->arena, touched->item, touched->count * sizeof *touched->item);
    api_answer(r, answer, now_ms, fx);
}

static void end_change(struct request *r, struct instance_list *touched,
                       uint64_t sequence, const struct err *err, int64_t now_ms,
                       struct effects *fx)
{
    if (err->code)
        api_refuse(r, err, now_ms, fx);
    else
        answer_change(r, touched, sequence, now_ms, fx);
    vec_free(touched);
}

static int scale_job(struct request *r, const struct job_key *key,
                     int64_t now_ms, struct instance_list *touched,
                     uint64_t *sequence, struct err *err)
{
    const Perigee__Aurora__Call__Scale *scale = r->call->scale;
    bool adds = r->call->type == PERIGEE__AURORA__CALL__TYPE__ADD_INSTANCES;
    const struct job *job = aurora_job(&r->p->core, key);
    uint64_t wanted =
        (uint64_t)scale->instances + (adds && job ? job->instances : 0);
    struct growth growth = {
        *key, wanted < UINT32_MAX ? (uint32_t)wanted : UINT32_MAX, false};
    const uint32_t *like =
        scale->has_template_instance ? &scale->template_instance : NULL;
    int rc = 0;

    /* Of a job that does not exist the core says so. */
    if (job && !job->is_removed)
        rc = user_limits_check(r, &growth, 1, err);
    if (rc == 0 && adds)
        rc = aurora_add(&r->p->core, key, scale->instances, like, now_ms,
                        touched, sequence, err);
    else if (rc == 0)
        rc = aurora_scale(&r->p->core, key, scale->instances, now_ms, touched,
                          sequence, err);
    if (rc == 0)
        user_limits_own(r, &growth, 1);
    return rc;
}

void api_scale(struct request *r, int64_t now_ms, struct effects *fx)
{
    const Perigee__Aurora__Call__Scale *scale = r->call->scale;
    struct instance_list touched = {0};
    struct err err = {0};
    struct job_key key;
    uint64_t sequence = 0;

    if (!scale) {
        (void)err_set(&err, ERR_INVALID, "scale: missing");
        err_field(&err, "scale");
    } else if (key_decode(r->p, scale->key, &key, &err) == 0) {
        if (!scale->has_instances) {
            /* Not 0: a call that was cut short would end every task. */
            (void)err_set(&err, ERR_INVALID, "instances: missing");
            err_field(&err, "instances");
        } else {
            (void)scale_job(r, &key, now_ms, &touched, &sequence, &err);
        }
    }
    end_change(r, &touched, sequence, &err, now_ms, fx);
}
