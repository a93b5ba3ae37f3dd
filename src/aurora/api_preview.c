/* PREVIEW_UPDATE: what an update would do with which instances. */
#include "aurora/api.h"

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

static int preview(struct request *r, struct preview_list *list,
                   struct err *err)
{
    const Perigee__Aurora__Call__CreateJob *create = r->call->create_job;
    struct instances scope =
        api_instances(create->instances, create->n_instances, &r->arena);
    struct update_request request = {.scope = &scope};
    struct job_config *config = NULL;
    int rc = api_check_ranges(create->instances, create->n_instances, err);

    if (rc == 0 && !create->job) {
        rc = err_set(err, ERR_INVALID, "create_job.job: missing");
        err_field(err, "create_job.job");
    }
    if (rc == 0)
        rc = job_complete(create->job, &r->arena, err);
    if (rc == 0)
        rc = job_decode_preview(r->p, create->job, &config, &request.instances,
                                err);
    if (rc < 0)
        return rc;
    rc = aurora_update_preview(&r->p->core, config, &request, list, err);
    job_config_unref(config);
    return rc;
}

void api_preview(struct request *r, int64_t now_ms, struct effects *fx)
{
    struct preview_list list = {0};
    struct err err = {0};

    if (preview(r, &list, &err) < 0)
        api_refuse(r, &err, now_ms, fx);
    else
        answer_preview(r, &list, now_ms, fx);
    vec_free(&list);
}
