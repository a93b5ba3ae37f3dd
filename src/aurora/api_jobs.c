/* Calls that change jobs. Bundles are evaluated beside the core first. */
#include "aurora/api.h"
#include "aurora/assets.h"
#include "aurora/security.h"
#include "aurora/user_limits.h"

#include "script/honour.h"
#include "script/job_check.h"
#include "wire/codec.h"

#include <stdlib.h>
#include <string.h>

enum { DETAILS_MAX = 50 };

typedef Perigee__Aurora__Answer Answer;

static char *or_empty(char *text)
{
    return text ? text : "";
}

/* --- storing a job --- */

/* Every asset that the job fetches must be here. */
int api_check_assets(struct aurora_program *p, const Perigee__Job *job,
                     struct err *err)
{
    for (size_t i = 0; job->task && i < job->task->n_fetch; i++) {
        const Perigee__Fetch *fetch = job->task->fetch[i];
        if (!fetch->asset || asset_find(p, fetch->sha256))
            continue;
        (void)err_set(err, ERR_INVALID, "asset '%s': its content is not here",
                      fetch->uri ? fetch->uri : "?");
        err_field(err, "task.fetch[%zu]", i + 1);
        err_hint(err, "send it first with PUT_ASSET");
        return -ERR_INVALID;
    }
    return 0;
}

static void answer_job(struct request *r, const struct job_key *key,
                       const struct instance_list *touched, uint64_t sequence,
                       int64_t now_ms, struct effects *fx)
{
    Answer *answer = api_answer_new(r);

    answer->sequence = sequence;
    answer->n_jobs = 1;
    answer->jobs = arena_alloc(&r->arena, sizeof(void *));
    answer->jobs[0] = view_job(r->p, aurora_job(&r->p->core, key), &r->arena);
    answer->n_instances = touched->count;
    if (touched->count > 0)
        answer->instances = arena_memdup(
            &r->arena, touched->item, touched->count * sizeof *touched->item);
    api_answer(r, answer, now_ms, fx);
}

static void start_update(struct request *r, struct job_config *config,
                         uint32_t instances, int64_t now_ms, struct effects *fx)
{
    const Perigee__Aurora__Call__CreateJob *create = r->call->create_job;
    struct instances scope =
        api_instances(create->instances, create->n_instances, &r->arena);
    struct update_request request = {.instances = instances,
                                     .scope = &scope,
                                     .has_batch_size = create->has_batch_size,
                                     .batch_size = create->batch_size,
                                     .message = create->message};
    struct growth growth = {config->key, instances, false};
    struct update *update;
    struct err err = {0};
    uint64_t sequence = 0;

    if (api_check_ranges(create->instances, create->n_instances, &err) < 0 ||
        user_limits_check(r, &growth, 1, &err) < 0) {
        job_config_unref(config);
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    if (judgings_hold(r, config, instances, start_update, now_ms, fx))
        return;
    if (aurora_update_start_take(&r->p->core, config, &request, now_ms, &update,
                                 &sequence, &err) < 0) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    user_limits_own(r, &growth, 1);
    api_update_answer(r, update, sequence, now_ms, fx);
}

static void create_job(struct request *r, struct job_config *config,
                       uint32_t instances, int64_t now_ms, struct effects *fx)
{
    static const struct instance_list none = {0};
    struct growth growth = {config->key, instances, false};
    struct err err = {0};
    uint64_t sequence = 0;

    if (user_limits_check(r, &growth, 1, &err) < 0) {
        job_config_unref(config);
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    if (aurora_create_take(&r->p->core, config, instances, now_ms, &sequence,
                           &err) < 0)
        api_refuse(r, &err, now_ms, fx);
    else {
        user_limits_own(r, &growth, 1);
        answer_job(r, &growth.key, &none, sequence, now_ms, fx);
    }
}

static void store_job(struct request *r, const Perigee__Job *job,
                      int64_t now_ms, struct effects *fx)
{
    struct aurora_program *p = r->p;
    struct job_config *config;
    struct err err = {0};
    uint32_t instances;

    if (api_check_assets(p, job, &err) < 0 ||
        security_check_parents(r, job, &err) < 0 ||
        job_decode(p, job, &config, &instances, &err) < 0)
        api_refuse(r, &err, now_ms, fx);
    else if (r->call->type == PERIGEE__AURORA__CALL__TYPE__START_UPDATE)
        start_update(r, config, instances, now_ms, fx);
    else
        create_job(r, config, instances, now_ms, fx);
}

/* --- evaluating --- */

static size_t evaluating_bytes(const struct aurora_program *p)
{
    size_t bytes = 0;

    for (uint32_t i = 0; i < p->evaluating.count; i++)
        bytes += p->evaluating.item[i]->canonical.size;
    return bytes;
}

/* The job that is wanted of the file; NULL: all of them. */
static const char *picked(const Perigee__Aurora__Call__CreateJob *create,
                          struct arena *arena)
{
    const Perigee__Aurora__JobKey *key = create->key;

    if (!key)
        return NULL;
    return arena_printf(arena, "%s/%s/%s/%s", or_empty(key->cluster),
                        or_empty(key->role), or_empty(key->environment),
                        or_empty(key->name));
}

/* Hand the bundle to a script worker; the request waits for the verdict. */
void api_begin_evaluation(struct request *r, struct bytes bundle,
                          const char *pick, int64_t now_ms, struct effects *fx)
{
    struct aurora_program *p = r->p;
    struct err err = {0};

    if (p->evaluating.count >= EVALUATIONS_MAX ||
        evaluating_bytes(p) >= EVALUATIONS_BYTES_MAX)
        (void)err_set(&err, ERR_BUSY, "%u job files are being evaluated",
                      p->evaluating.count);
    else
        (void)bundle_check_here(p, r->body.bundle, now_ms, &err);
    if (err.code) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    struct aurora_evaluate act = {.ticket = ++p->next_ticket, .pick = pick};
    r->ticket = act.ticket;
    r->canonical = bundle; /* the request's own */
    act.bundle = bundle;
    effect_act(fx, AURORA_ACT_EVALUATE, &act, sizeof act);
    *vec_add(&p->evaluating) = r;
}

static void evaluate(struct request *r, int64_t now_ms, struct effects *fx)
{
    const Perigee__Aurora__Call__CreateJob *create = r->call->create_job;

    api_begin_evaluation(r, bytes_of(create->bundle.data, create->bundle.len),
                         picked(create, &fx->arena), now_ms, fx);
}

void api_create(struct request *r, int64_t now_ms, struct effects *fx)
{
    const Perigee__Aurora__Call__CreateJob *create = r->call->create_job;
    struct err err = {0};

    if (create && create->has_bundle && create->bundle.len > 0) {
        struct job_key key;
        if (key_decode(r->p, create->key, &key, &err) < 0)
            api_refuse(r, &err, now_ms, fx);
        else
            evaluate(r, now_ms, fx);
        return;
    }
    if (create && create->job) {
        if (job_complete(create->job, &r->arena, &err) < 0)
            api_refuse(r, &err, now_ms, fx);
        else
            store_job(r, create->job, now_ms, fx);
        return;
    }
    (void)err_set(&err, ERR_INVALID, "create_job: want {bundle, key} or {job}");
    err_field(&err, "create_job");
    api_refuse(r, &err, now_ms, fx);
}

void api_evaluate(struct request *r, int64_t now_ms, struct effects *fx)
{
    const Perigee__Aurora__Call__CreateJob *create = r->call->create_job;
    struct err err = {0};

    if (create && create->has_bundle && create->bundle.len > 0) {
        evaluate(r, now_ms, fx);
        return;
    }
    (void)err_set(&err, ERR_INVALID, "create_job.bundle: missing");
    err_field(&err, "create_job.bundle");
    api_refuse(r, &err, now_ms, fx);
}

/* --- the verdict --- */

static char *problem_text(const Perigee__Problem *problem, struct arena *arena)
{
    struct buf out = {0};

    if (problem->file)
        buf_addf(&out, "%s:%u: ", problem->file, problem->line);
    if (problem->field && *problem->field)
        buf_addf(&out, "%s: ", problem->field);
    buf_add_text(&out, problem->message ? problem->message : "problem");
    if (problem->expected && *problem->expected)
        buf_addf(&out, ", %s", problem->expected);
    if (problem->nearest && *problem->nearest)
        buf_addf(&out, "; nearest known name: '%s'", problem->nearest);
    char *text = arena_strndup(arena, buf_text(&out), out.size);
    buf_release(&out);
    return text;
}

static void refuse_problems(struct request *r,
                            const Perigee__Evaluation *evaluation,
                            int64_t now_ms, struct effects *fx)
{
    const Perigee__Problem *first = evaluation->problems[0];
    size_t count = evaluation->n_problems;
    char *detail[DETAILS_MAX];
    struct err err = {0};

    if (count > DETAILS_MAX)
        count = DETAILS_MAX;
    for (size_t i = 0; i < count; i++)
        detail[i] = problem_text(evaluation->problems[i], &r->arena);
    (void)err_set(&err, ERR_INVALID, "job file: %s",
                  first->message ? first->message : "problem");
    if (first->field)
        err_field(&err, "%s", first->field);
    if (first->file)
        err_place(&err, "%s:%u", first->file, first->line);
    api_refuse_with(r, 0, &err, detail, count, now_ms, fx);
}

/* Lines of one text that the other has not, at the same place. */
static size_t diff_lines(char *mine, char *theirs, char **detail, size_t max,
                         struct arena *arena)
{
    size_t count = 0;
    char *save_a = NULL, *save_b = NULL;
    char *a = strtok_r(mine, "\n", &save_a);
    char *b = strtok_r(theirs, "\n", &save_b);

    while ((a || b) && count + 1 < max) {
        if (!a || !b || strcmp(a, b) != 0)
            detail[count++] = arena_printf(arena, "yours: %s  here: %s",
                                           b ? b + strspn(b, " ") : "nothing",
                                           a ? a + strspn(a, " ") : "nothing");
        a = a ? strtok_r(NULL, "\n", &save_a) : NULL;
        b = b ? strtok_r(NULL, "\n", &save_b) : NULL;
    }
    return count;
}

static bool jobs_equal(const Perigee__Job *a, const Perigee__Job *b,
                       struct arena *arena)
{
    size_t size = perigee__job__get_packed_size(a);

    if (size != perigee__job__get_packed_size(b))
        return false;
    uint8_t *x = arena_alloc(arena, size + 1),
            *y = arena_alloc(arena, size + 1);
    perigee__job__pack(a, x);
    perigee__job__pack(b, y);
    return memcmp(x, y, size) == 0;
}

static const char *bundle_stdlib(struct request *r)
{
    return or_empty(r->body.bundle->stdlib_hash);
}

/* The client evaluated the same bundle, and got something else, or with another
 * release of the job library: then even an equal job may mean something else.
 */
bool api_refuse_difference(struct request *r, const Perigee__Job *job,
                           const Perigee__Job *expected,
                           const char *stdlib_hash, int64_t now_ms,
                           struct effects *fx)
{
    const char *theirs = bundle_stdlib(r);
    bool is_other_release =
        stdlib_hash && *theirs && strcmp(theirs, stdlib_hash) != 0;
    bool differs = expected && !jobs_equal(job, expected, &r->arena);
    struct buf here = {0}, there = {0};
    char *detail[DETAILS_MAX];
    struct err err = {0};
    size_t count = 0;

    if (!is_other_release && !differs)
        return false;
    if (differs) {
        codec_encode_pretty(&job->base, &here);
        codec_encode_pretty(&expected->base, &there);
        count =
            diff_lines(here.text, there.text, detail, DETAILS_MAX, &r->arena);
    }
    if (is_other_release) {
        (void)err_set(&err, ERR_CONFLICT,
                      "the job library here is %.12s, yours is %.12s%s",
                      stdlib_hash, theirs,
                      differs    ? ", and the job differs"
                      : expected ? "; the job is the same"
                                 : "");
        err_hint(&err, "take this scheduler's result with --accept-server, "
                       "or use the client of its release");
    } else {
        (void)err_set(&err, ERR_CONFLICT,
                      "the job file means something else here than it did "
                      "for you");
        err_hint(&err, "please report this: one bundle must have one meaning");
    }
    api_refuse_with(r, 0, &err, detail, count, now_ms, fx);
    buf_release(&here);
    buf_release(&there);
    return true;
}

static const Perigee__Job *find_job(const Perigee__Evaluation *evaluation,
                                    const struct job_key *key)
{
    for (size_t i = 0; i < evaluation->n_jobs; i++) {
        const Perigee__Job *job = evaluation->jobs[i];
        if (strcmp(or_empty(job->cluster), key->cluster) == 0 &&
            strcmp(or_empty(job->role), key->role) == 0 &&
            strcmp(or_empty(job->environment), key->env) == 0 &&
            strcmp(or_empty(job->name), key->name) == 0)
            return job;
    }
    return NULL;
}

static void refuse_no_job(struct request *r,
                          const Perigee__Evaluation *evaluation,
                          const struct job_key *key, int64_t now_ms,
                          struct effects *fx)
{
    char *detail[DETAILS_MAX], text[JOB_KEY_TEXT_MAX];
    size_t count = evaluation->n_jobs;
    struct err err = {0};

    if (count > DETAILS_MAX)
        count = DETAILS_MAX;
    for (size_t i = 0; i < count; i++) {
        const Perigee__Job *job = evaluation->jobs[i];
        detail[i] =
            arena_printf(&r->arena, "%s/%s/%s/%s", or_empty(job->cluster),
                         or_empty(job->role), or_empty(job->environment),
                         or_empty(job->name));
    }
    (void)err_set(&err, ERR_NOT_FOUND,
                  "job '%s' is not in the file, which "
                  "has %zu",
                  job_key_text(key, text),
                  evaluation->has_jobs_in_all ? evaluation->jobs_in_all
                                              : evaluation->n_jobs);
    api_refuse_with(r, 0, &err, detail, count, now_ms, fx);
}

/* One that runs may be updated by itself. */
static bool begins_with_group(struct request *r,
                              const Perigee__Evaluation *evaluation,
                              const Perigee__Job *job,
                              const struct job_key *key, struct err *err)
{
    const char *group = honour_group(evaluation, job);
    const struct job *runs = aurora_job(&r->p->core, key);

    if (!group || (r->call->type == PERIGEE__AURORA__CALL__TYPE__START_UPDATE &&
                   runs && runs->active.count > 0))
        return false;
    (void)err_set(err, ERR_INVALID, "job: it begins with its group '%.60s'",
                  group);
    err_field(err, "create_job.key");
    err_hint(err, "create the group: clusterctl apply FILE");
    return true;
}

static void create_from(struct request *r,
                        const Perigee__Evaluation *evaluation, int64_t now_ms,
                        struct effects *fx)
{
    const Perigee__Aurora__Call__CreateJob *create = r->call->create_job;
    struct job_key key;
    struct err err = {0};

    if (key_decode(r->p, create->key, &key, &err) < 0) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    const Perigee__Job *job = find_job(evaluation, &key);
    if (!job) {
        refuse_no_job(r, evaluation, &key, now_ms, fx);
        return;
    }
    if (begins_with_group(r, evaluation, job, &key, &err)) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    if (!create->accept_server &&
        api_refuse_difference(r, job, create->expected, evaluation->stdlib_hash,
                              now_ms, fx))
        return;
    if (bundle_put(r->p, &r->body, evaluation->bundle_hash, now_ms, fx, &err) <
        0) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    store_job(r, job, now_ms, fx);
}

static void answer_evaluation(struct request *r,
                              const Perigee__Evaluation *evaluation,
                              int64_t now_ms, struct effects *fx)
{
    Answer *answer = api_answer_new(r);

    answer->n_jobs = evaluation->n_jobs;
    answer->jobs =
        arena_alloc(&r->arena, (evaluation->n_jobs + 1) * sizeof(void *));
    for (size_t i = 0; i < evaluation->n_jobs; i++) {
        Perigee__Aurora__JobView *view = arena_alloc(&r->arena, sizeof *view);
        perigee__aurora__job_view__init(view);
        view->job = evaluation->jobs[i];
        answer->jobs[i] = view;
    }
    api_answer(r, answer, now_ms, fx);
}

static void on_verdict(struct request *r, struct bytes result, int64_t now_ms,
                       struct effects *fx)
{
    Perigee__Evaluation *evaluation =
        perigee__evaluation__unpack(NULL, result.size, result.data);
    struct err err = {0};

    if (!evaluation) {
        (void)err_set(&err, ERR_INTERNAL, "the script worker gave no verdict");
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    if (evaluation->n_problems > 0)
        refuse_problems(r, evaluation, now_ms, fx);
    else if (r->call->type == PERIGEE__AURORA__CALL__TYPE__EVALUATE)
        answer_evaluation(r, evaluation, now_ms, fx);
    else if (r->call->type == PERIGEE__AURORA__CALL__TYPE__DEPLOY_GROUP)
        api_group_evaluated(r, evaluation, now_ms, fx);
    else
        create_from(r, evaluation, now_ms, fx);
    perigee__evaluation__free_unpacked(evaluation, NULL);
}

void api_evaluated(struct aurora_program *p,
                   const struct aurora_evaluated *fact, int64_t now_ms,
                   struct effects *fx)
{
    struct request *r = NULL;
    struct err err = {0};

    for (uint32_t i = 0; i < p->evaluating.count; i++)
        if (p->evaluating.item[i]->ticket == fact->ticket) {
            r = p->evaluating.item[i];
            vec_remove(&p->evaluating, i);
            break;
        }
    if (!r)
        return;
    if (fact->is_busy) {
        (void)err_set(&err, ERR_BUSY, "the script workers are busy");
        err_hint(&err, "ask again in a second");
    }
    if (fact->is_busy || security_check_rules(r, &err) < 0) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    security_look_as(p, r);
    on_verdict(r, fact->result, now_ms, fx);
    security_look_as(p, NULL);
}

/* --- ranges of instances --- */

static int check_range(const Perigee__Aurora__InstanceRange *range, size_t i,
                       struct err *err)
{
    const char *field = range->has_first ? "last" : "first";

    if (range->has_first && !(range->has_last && range->last < range->first))
        return 0;
    if (range->has_first)
        (void)err_set(err, ERR_INVALID, "instances[%zu].last: %u is before %u",
                      i + 1, range->last, range->first);
    else
        (void)err_set(err, ERR_INVALID, "instances[%zu].first: missing", i + 1);
    err_field(err, "instances[%zu].%s", i + 1, field);
    return -ERR_INVALID;
}

int api_check_ranges(Perigee__Aurora__InstanceRange *const *range, size_t count,
                     struct err *err)
{
    if (count > CALL_RANGES_MAX) {
        (void)err_set(err, ERR_INVALID,
                      "instances: %zu ranges: want at most %d", count,
                      CALL_RANGES_MAX);
        err_field(err, "instances");
        return -ERR_INVALID;
    }
    for (size_t i = 0; i < count; i++)
        if (check_range(range[i], i, err) < 0)
            return -ERR_INVALID;
    return 0;
}

struct instances api_instances(Perigee__Aurora__InstanceRange *const *range,
                               size_t count, struct arena *arena)
{
    struct instance_pair *pair = arena_alloc(arena, (count + 1) * sizeof *pair);

    for (size_t i = 0; i < count; i++) {
        pair[i].first = range[i]->first;
        pair[i].last = range[i]->has_last ? range[i]->last : range[i]->first;
    }
    return (struct instances){pair, (uint32_t)count};
}
