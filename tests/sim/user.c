#include "tests/sim/user.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "perigee/aurora.pb-c.h"
#include "perigee/script.pb-c.h"
#include "sys/sha256.h"
#include "wire/codec.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SECOND = 1000,
    MINUTE = 60 * SECOND,
    CALL_MS = 10 * SECOND,
    READ_MS = 15 * SECOND /* between two reads */
};

typedef Perigee__Aurora__Call Call;
typedef Perigee__Aurora__Answer Answer;

struct user {
    struct user_options options;
    char *url; /* owned */
    struct rng rng;
    struct user_job job[USER_JOBS];
    exchange_id next_exchange;
    exchange_id read; /* under way; 0: none */
    uint32_t read_job;
    bool read_is_clear; /* no step of that job was under way meanwhile */
    int64_t read_at_ms;
    char problem[300];
};

/* --- what is wanted --- */

static int compare_steps(const void *a, const void *b)
{
    const struct user_step *x = a, *y = b;

    return (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);
}

static void make_service_steps(struct user_job *job, struct rng *rng,
                               const struct user_options *o)
{
    static const enum user_verb verbs[] = {USER_SCALE, USER_ADD, USER_RESTART,
                                           USER_UPDATE, USER_KILL_ONE};
    uint32_t more = (uint32_t)rng_below(rng, USER_STEPS_MAX - 1);
    int64_t from_ms = job->step[0].at_ms;
    bool ends = rng_below(rng, 3) == 0;

    for (uint32_t i = 0; i < more; i++) {
        struct user_step *step = &job->step[job->steps++];
        step->verb = verbs[rng_below(rng, 5)];
        step->argument =
            (uint32_t)rng_below(rng, step->verb == USER_ADD      ? 2
                                     : step->verb == USER_UPDATE ? 60
                                                                 : 5) +
            (step->verb != USER_RESTART && step->verb != USER_UPDATE);
        step->at_ms = from_ms + (int64_t)rng_below(
                                    rng, (uint64_t)(o->last_ms - from_ms) + 1);
    }
    qsort(job->step + 1, job->steps - 1, sizeof *job->step, compare_steps);
    if (ends && job->steps > 1) {
        job->step[job->steps - 1].verb = USER_KILL;
        job->step[job->steps - 1].argument = 0;
    }
}

static void make_job(struct user_job *job, struct rng *rng,
                     const struct user_options *o)
{
    static const char *const roles[] = {"web", "db", "ci"};
    static const char *const envs[] = {"prod", "devel", "test"};
    int64_t span_ms = o->last_ms - o->first_ms;

    (void)snprintf(job->role, sizeof job->role, "%s", roles[rng_below(rng, 3)]);
    (void)snprintf(job->env, sizeof job->env, "%s", envs[rng_below(rng, 3)]);
    (void)snprintf(job->name, sizeof job->name, "job-%u", job->number);
    job->is_service = rng_below(rng, 2) == 0;
    job->flaps = job->is_service && rng_below(rng, 6) == 0;
    job->length_ms = job->is_service && !job->flaps
                         ? -1
                         : 1000 + (int64_t)rng_below(rng, 2 * MINUTE);
    job->status = !job->is_service && rng_below(rng, 5) == 0;
    job->cpu_milli = 50 + 50 * (uint32_t)rng_below(rng, 4);
    job->ram_mib = 16U << rng_below(rng, 3);
    job->limit = rng_below(rng, 5) == 0 ? 4 : 0;
    job->wants_port = rng_below(rng, 4) == 0;
    job->is_picky = rng_below(rng, 3) == 0;
    job->steps = 1;
    job->step[0].verb =
        rng_below(rng, 4) == 0 ? USER_CREATE_BUNDLE : USER_CREATE;
    job->step[0].argument = 1 + (uint32_t)rng_below(rng, 4);
    job->step[0].at_ms =
        o->first_ms + (int64_t)rng_below(rng, (uint64_t)span_ms);
    if (job->is_service)
        make_service_steps(job, rng, o);
    job->retry_ms = job->step[0].at_ms;
}

struct user *user_new(const struct user_options *options)
{
    struct user *u = xcalloc(1, sizeof *u);
    struct buf url = {0};

    u->options = *options;
    buf_addf(&url, "http://%s/api/v1", options->aurora);
    u->url = buf_take(&url);
    rng_seed(&u->rng, options->fate);
    for (uint32_t i = 0; i < USER_JOBS; i++) {
        u->job[i].number = i;
        make_job(&u->job[i], &u->rng, options);
    }
    u->read_at_ms = options->first_ms;
    return u;
}

void user_free(struct user *u)
{
    free(u->url);
    free(u);
}

const char *user_problem(const struct user *u)
{
    return u->problem;
}

const struct user_job *user_job(const struct user *u, uint32_t at)
{
    return &u->job[at];
}

/* --- messages --- */

#define NEW(arena, type, name, initial)            \
    type *name = arena_alloc(arena, sizeof *name); \
    *name = (type)initial

static void *list_of(struct arena *arena, void *one)
{
    return arena_memdup(arena, &one, sizeof one);
}

static Perigee__TaskConfig *task_message(const struct user_job *job,
                                         uint32_t version, struct arena *arena)
{
    NEW(arena, Perigee__TaskConfig, task, PERIGEE__TASK_CONFIG__INIT);
    NEW(arena, Perigee__Process, process, PERIGEE__PROCESS__INIT);
    NEW(arena, Perigee__ResourceAmounts, amounts,
        PERIGEE__RESOURCE_AMOUNTS__INIT);

    process->name = (char *)"main";
    process->cmdline = arena_printf(
        arena, "sim %lld %d v%u%s", (long long)job->length_ms, job->status,
        version, job->wants_port ? " {{thermos.ports[http]}}" : "");
    amounts->has_cpu_milli = amounts->has_ram_bytes = 1;
    amounts->has_disk_bytes = 1;
    amounts->cpu_milli = job->cpu_milli;
    amounts->ram_bytes = (uint64_t)job->ram_mib << 20;
    amounts->disk_bytes = 16 << 20;
    task->name = (char *)job->name;
    task->n_processes = 1;
    task->processes = list_of(arena, process);
    task->resources = amounts;
    return task;
}

/* A port that is served is one that can be asked: now and then it is. */
static void add_care(Perigee__Job *message, struct arena *arena)
{
    NEW(arena, Perigee__HealthCheck, health, PERIGEE__HEALTH_CHECK__INIT);
    NEW(arena, Perigee__TcpCheck, tcp, PERIGEE__TCP_CHECK__INIT);
    NEW(arena, Perigee__Lifecycle, lifecycle, PERIGEE__LIFECYCLE__INIT);

    tcp->port = lifecycle->port = (char *)"http";
    health->tcp = tcp;
    health->has_initial_interval_ms = health->has_interval_ms = 1;
    health->initial_interval_ms = 5000;
    health->interval_ms = 3000;
    health->has_max_consecutive_failures = 1;
    health->max_consecutive_failures = 1;
    message->health_check = health;
    message->lifecycle = lifecycle;
}

/* What only script workers can say: user_judge() plays them. */
static void add_picky(Perigee__Job *message, struct arena *arena)
{
    NEW(arena, Perigee__HostConstraint, unlike, PERIGEE__HOST_CONSTRAINT__INIT);
    Perigee__HostConstraint **both = arena_alloc(arena, 2 * sizeof *both);

    unlike->attribute = (char *)"shape";
    unlike->has_kind = 1;
    unlike->kind = PERIGEE__HOST_CONSTRAINT__KIND__UNLIKE;
    unlike->n_values = 1;
    unlike->values = list_of(arena, (void *)"shunned");
    if (message->n_constraints > 0)
        both[0] = message->constraints[0];
    both[message->n_constraints++] = unlike;
    message->constraints = both;
}

/* Functions travel in a bundle only. */
static void add_functions(Perigee__Job *message, struct arena *arena)
{
    NEW(arena, Perigee__Function, place, PERIGEE__FUNCTION__INIT);
    NEW(arena, Perigee__Function, rank, PERIGEE__FUNCTION__INIT);

    place->has_ordinal = rank->has_ordinal = 1;
    place->ordinal = 1;
    rank->ordinal = 2;
    message->place = place;
    message->rank = rank;
}

static Perigee__Job *job_message(const struct user *u,
                                 const struct user_job *job, uint32_t instances,
                                 uint32_t version, struct arena *arena)
{
    NEW(arena, Perigee__Job, message, PERIGEE__JOB__INIT);

    message->cluster = (char *)u->options.cluster;
    message->role = (char *)job->role;
    message->environment = (char *)job->env;
    message->name = (char *)job->name;
    message->has_instances = 1;
    message->instances = instances;
    message->has_service = 1;
    message->service = job->is_service;
    message->task = task_message(job, version, arena);
    if (job->limit > 0) {
        NEW(arena, Perigee__HostConstraint, limit,
            PERIGEE__HOST_CONSTRAINT__INIT);
        limit->attribute = (char *)"host";
        limit->has_kind = limit->has_limit = 1;
        limit->kind = PERIGEE__HOST_CONSTRAINT__KIND__LIMIT;
        limit->limit = job->limit;
        message->n_constraints = 1;
        message->constraints = list_of(arena, limit);
    }
    if (job->is_picky)
        add_picky(message, arena);
    if (job->wants_port) {
        message->n_port_names = 1;
        message->port_names = list_of(arena, (void *)"http");
        if (job->is_service)
            add_care(message, arena);
    }
    return message;
}

/* A bundle whose job file is the evaluated job itself. */
static void set_bundle(struct arena *arena,
                       Perigee__Aurora__Call__CreateJob *create)
{
    Perigee__Bundle bundle = PERIGEE__BUNDLE__INIT;
    Perigee__BundleFile file = PERIGEE__BUNDLE_FILE__INIT;
    Perigee__BundleFile *files[] = {&file};
    struct buf packed = {0};

    codec_encode(&create->job->base, MEDIA_PROTOBUF, &packed);
    create->job = NULL;
    file.path = bundle.entry = (char *)"job.lua";
    file.has_content = 1;
    file.content.data = packed.data;
    file.content.len = packed.size;
    bundle.has_format = 1;
    bundle.format = 1;
    bundle.n_files = 1;
    bundle.files = files;
    create->has_bundle = 1;
    create->bundle.len = perigee__bundle__get_packed_size(&bundle);
    create->bundle.data = arena_alloc(arena, create->bundle.len);
    perigee__bundle__pack(&bundle, create->bundle.data);
    buf_release(&packed);
}

void user_evaluate(struct bytes bytes, struct buf *out)
{
    Perigee__Bundle *bundle =
        perigee__bundle__unpack(NULL, bytes.size, bytes.data);
    Perigee__Evaluation evaluation = PERIGEE__EVALUATION__INIT;

    assert(bundle != NULL && bundle->n_files == 1);
    Perigee__Job *job = perigee__job__unpack(
        NULL, bundle->files[0]->content.len, bundle->files[0]->content.data);
    assert(job != NULL);
    free(job->bundle_hash);
    job->bundle_hash = sha256_text(bytes, xcalloc(1, SHA256_TEXT_MAX));
    evaluation.n_jobs = 1;
    evaluation.jobs = &job;
    codec_encode(&evaluation.base, MEDIA_PROTOBUF, out);
    perigee__job__free_unpacked(job, NULL);
    perigee__bundle__free_unpacked(bundle, NULL);
}

/* Every function says yes, and ranks hosts by their last digit; every
 * expression is like the shunned host alone. */
static void fill_verdict(const Perigee__Judgement *judgement,
                         const Perigee__Host *host, bool fails,
                         Perigee__Verdict *out)
{
    const char *name = host->hostname != NULL ? host->hostname : "";

    perigee__verdict__init(out);
    out->has_value = 1;
    if (judgement->kind == PERIGEE__JUDGEMENT__KIND__LIKE) {
        out->value = strcmp(name, USER_SHUNNED) == 0;
        return;
    }
    out->value = 1;
    if (judgement->kind == PERIGEE__JUDGEMENT__KIND__RANK && *name)
        out->value = name[strlen(name) - 1];
    if (fails) {
        out->failure = (char *)"runs longer than 1 ms of CPU time";
        out->has_passing = out->passing = 1;
    }
}

void user_judge(struct bytes bytes, bool fails, struct buf *out)
{
    Perigee__Judgement *judgement =
        perigee__judgement__unpack(NULL, bytes.size, bytes.data);
    Perigee__Verdicts verdicts = PERIGEE__VERDICTS__INIT;

    assert(judgement != NULL && judgement->n_hosts > 0);
    Perigee__Verdict *verdict = xcalloc(judgement->n_hosts, sizeof *verdict);
    verdicts.verdicts = xcalloc(judgement->n_hosts, sizeof(void *));
    for (size_t i = 0; i < judgement->n_hosts; i++) {
        fill_verdict(judgement, judgement->hosts[i], fails, &verdict[i]);
        verdicts.verdicts[i] = &verdict[i];
    }
    verdicts.n_verdicts = judgement->n_hosts;
    codec_encode(&verdicts.base, MEDIA_PROTOBUF, out);
    free(verdicts.verdicts);
    free(verdict);
    perigee__judgement__free_unpacked(judgement, NULL);
}

static Perigee__Aurora__JobKey *key_message(const struct user *u,
                                            const struct user_job *job,
                                            struct arena *arena)
{
    NEW(arena, Perigee__Aurora__JobKey, key, PERIGEE__AURORA__JOB_KEY__INIT);

    key->cluster = (char *)u->options.cluster;
    key->role = (char *)job->role;
    key->environment = (char *)job->env;
    key->name = (char *)job->name;
    return key;
}

static uint32_t lowest(uint32_t set)
{
    return (uint32_t)__builtin_ctz(set);
}

static void set_target(const struct user *u, const struct user_job *job,
                       const struct user_step *step, struct arena *arena,
                       Call *call)
{
    NEW(arena, Perigee__Aurora__Call__Target, target,
        PERIGEE__AURORA__CALL__TARGET__INIT);

    target->key = key_message(u, job, arena);
    if (step->verb == USER_RESTART) {
        target->has_batch_size = 1;
        target->batch_size = step->argument;
    }
    if (step->verb == USER_KILL_ONE) {
        NEW(arena, Perigee__Aurora__InstanceRange, range,
            PERIGEE__AURORA__INSTANCE_RANGE__INIT);
        range->has_first = range->has_last = 1;
        range->first = range->last = lowest(job->wanted);
        target->n_instances = 1;
        target->instances = list_of(arena, range);
    }
    call->target = target;
    call->type = step->verb == USER_RESTART
                     ? PERIGEE__AURORA__CALL__TYPE__RESTART_JOB
                     : PERIGEE__AURORA__CALL__TYPE__KILL_JOB;
}

static void set_create(const struct user *u, const struct user_job *job,
                       const struct user_step *step, struct arena *arena,
                       Call *call)
{
    NEW(arena, Perigee__Aurora__Call__CreateJob, create,
        PERIGEE__AURORA__CALL__CREATE_JOB__INIT);

    create->job = job_message(u, job, step->argument, 0, arena);
    if (step->verb == USER_CREATE_BUNDLE) {
        if (job->is_picky)
            add_functions(create->job, arena);
        create->key = key_message(u, job, arena);
        set_bundle(arena, create);
    }
    call->create_job = create;
    call->type = PERIGEE__AURORA__CALL__TYPE__CREATE_JOB;
}

/* A quarter of the updates are judged strictly, so that faults turn them back;
 * others bear everything, as does what follows an update that left the job half
 * way. */
static void add_update(const struct user_job *job, const struct user_step *step,
                       Perigee__Job *message, struct arena *arena)
{
    NEW(arena, Perigee__UpdateConfig, update, PERIGEE__UPDATE_CONFIG__INIT);
    bool is_strict = !job->insists && step->argument % 4 == 3;

    update->has_strategy = update->has_batch_size = 1;
    update->strategy = step->argument % 2 == 0
                           ? PERIGEE__UPDATE_CONFIG__STRATEGY__QUEUE
                           : PERIGEE__UPDATE_CONFIG__STRATEGY__BATCH;
    update->batch_size = 1 + step->argument % 3;
    update->has_autopause_after_batch = 1;
    update->autopause_after_batch = step->argument % 3 == 1;
    update->has_watch_secs = update->has_max_per_shard_failures = 1;
    update->watch_secs = job->flaps ? 0 : 3 * (step->argument % 3);
    update->max_per_shard_failures = is_strict ? 0 : 1000;
    update->has_rollback_on_failure = 1;
    update->rollback_on_failure = job->number % 3 != 0;
    message->update = update;
}

/* By the next version, with now and then one instance more; every other time
 * evaluated by a script worker. */
static void set_start(const struct user *u, struct user_job *job,
                      const struct user_step *step, struct arena *arena,
                      Call *call)
{
    NEW(arena, Perigee__Aurora__Call__CreateJob, create,
        PERIGEE__AURORA__CALL__CREATE_JOB__INIT);

    job->updated = (uint32_t)__builtin_popcount(job->wanted);
    if (step->argument % 5 == 4 && job->updated < USER_INSTANCES_MAX)
        job->updated++;
    create->job = job_message(u, job, job->updated, job->version + 1, arena);
    add_update(job, step, create->job, arena);
    if (job->version % 2 != 0) {
        if (job->is_picky)
            add_functions(create->job, arena);
        create->key = key_message(u, job, arena);
        set_bundle(arena, create);
    }
    call->create_job = create;
    call->type = PERIGEE__AURORA__CALL__TYPE__START_UPDATE;
}

/* Look after the update that was started, or interfere. */
static void set_care(const struct user *u, struct user_job *job,
                     struct arena *arena, Call *call)
{
    NEW(arena, Perigee__Aurora__Call__Update, update,
        PERIGEE__AURORA__CALL__UPDATE__INIT);

    update->key = key_message(u, job, arena);
    update->update_id = job->update_id;
    call->update = update;
    call->type = (Perigee__Aurora__Call__Type)job->next_call;
}

static void set_update(const struct user *u, struct user_job *job,
                       const struct user_step *step, struct arena *arena,
                       Call *call)
{
    if (job->update_id[0] != '\0')
        set_care(u, job, arena, call);
    else
        set_start(u, job, step, arena, call);
}

static void set_scale(const struct user *u, const struct user_job *job,
                      const struct user_step *step, struct arena *arena,
                      Call *call)
{
    NEW(arena, Perigee__Aurora__Call__Scale, scale,
        PERIGEE__AURORA__CALL__SCALE__INIT);

    scale->key = key_message(u, job, arena);
    scale->has_instances = 1;
    scale->instances = step->argument;
    call->scale = scale;
    call->type = step->verb == USER_SCALE
                     ? PERIGEE__AURORA__CALL__TYPE__SCALE_JOB
                     : PERIGEE__AURORA__CALL__TYPE__ADD_INSTANCES;
}

static exchange_id post(struct user *u, const Call *call, const char *key,
                        struct effects *fx)
{
    enum media_type media =
        u->options.speaks_json ? MEDIA_JSON : MEDIA_PROTOBUF;
    struct http_header header[] = {{"Content-Type", media_type_name(media)},
                                   {"Accept", media_type_name(media)},
                                   {"Idempotency-Key", key}};
    struct buf body = {0};

    codec_encode(&call->base, media, &body);
    effect_call(fx, ++u->next_exchange, u->url, header, key != NULL ? 3 : 2,
                buf_bytes(&body), CALL_MS);
    buf_release(&body);
    return u->next_exchange;
}

/* --- steps --- */

static int64_t next_step_ms(const struct user_job *job)
{
    return job->done < job->steps ? job->step[job->done].at_ms : INT64_MAX;
}

static void step_done(struct user_job *job)
{
    job->done++;
    job->exchange = 0;
    job->retry_ms = next_step_ms(job);
}

static void begin_step(struct user *u, struct user_job *job, struct effects *fx)
{
    const struct user_step *step = &job->step[job->done];
    struct arena arena;
    Call call = PERIGEE__AURORA__CALL__INIT;
    char key[48];

    if (step->verb == USER_KILL_ONE && __builtin_popcount(job->wanted) < 2) {
        step_done(job);
        return;
    }
    arena_init(&arena);
    call.has_type = 1;
    if (step->verb == USER_CREATE || step->verb == USER_CREATE_BUNDLE)
        set_create(u, job, step, &arena, &call);
    else if (step->verb == USER_SCALE || step->verb == USER_ADD)
        set_scale(u, job, step, &arena, &call);
    else if (step->verb == USER_UPDATE)
        set_update(u, job, step, &arena, &call);
    else
        set_target(u, job, step, &arena, &call);
    (void)snprintf(key, sizeof key, "%s-%u-%u", job->name, job->done,
                   job->calls);
    job->exchange = post(u, &call, key, fx);
    job->retry_ms = INT64_MAX;
    u->read_is_clear &= u->read_job != job->number;
    arena_release(&arena);
}

static void again(struct user *u, struct user_job *job, int64_t now_ms)
{
    job->exchange = 0;
    job->retry_ms = now_ms + 500 + (int64_t)rng_below(&u->rng, 3 * SECOND);
}

static void complain(struct user *u, const struct user_job *job, int status,
                     const char *what)
{
    (void)snprintf(u->problem, sizeof u->problem,
                   "user: %s/%s/%s step %u: %d %.180s", job->role, job->env,
                   job->name, job->done, status, what);
}

/* What was touched and was there is gone now; what was not is there. */
static void apply(struct user *u, struct user_job *job, const Answer *answer)
{
    const struct user_step *step = &job->step[job->done];

    switch (step->verb) {
    case USER_CREATE:
    case USER_CREATE_BUNDLE:
        job->is_created = true;
        job->created = step->argument;
        job->wanted = (1u << step->argument) - 1;
        break;
    case USER_RESTART:
        break;
    case USER_UPDATE:
        break; /* not before it has ended */
    case USER_KILL:
        job->is_killed = true;
        job->wanted = 0;
        break;
    case USER_SCALE:
    case USER_ADD:
    case USER_KILL_ONE:
        for (size_t i = 0; i < answer->n_instances; i++) {
            if (answer->instances[i] >= USER_INSTANCES_MAX) {
                complain(u, job, 200, "an instance out of range");
                return;
            }
            job->wanted ^= 1u << answer->instances[i];
        }
        if (step->verb == USER_SCALE &&
            __builtin_popcount(job->wanted) != (int)step->argument)
            complain(u, job, 200, "scaled to another number");
        break;
    }
}

/* --- updates --- */

static bool has_ended(Perigee__Aurora__UpdateState state)
{
    return state >= PERIGEE__AURORA__UPDATE_STATE__ROLLED_FORWARD;
}

static bool is_paused(Perigee__Aurora__UpdateState state)
{
    return state == PERIGEE__AURORA__UPDATE_STATE__ROLL_FORWARD_PAUSED ||
           state == PERIGEE__AURORA__UPDATE_STATE__ROLL_BACK_PAUSED;
}

/* What to do about it next: mostly look. What insists is never stopped. */
static void choose_call(struct user *u, struct user_job *job,
                        Perigee__Aurora__UpdateState state)
{
    uint64_t die = rng_below(&u->rng, job->insists ? 40 : 60);

    job->next_call = PERIGEE__AURORA__CALL__TYPE__GET_UPDATE;
    if (is_paused(state) && die < 20)
        job->next_call = PERIGEE__AURORA__CALL__TYPE__RESUME_UPDATE;
    else if (die < 3)
        job->next_call = PERIGEE__AURORA__CALL__TYPE__PAUSE_UPDATE;
    else if (die == 58)
        job->next_call = PERIGEE__AURORA__CALL__TYPE__ROLLBACK_UPDATE;
    else if (die == 59)
        job->next_call = PERIGEE__AURORA__CALL__TYPE__ABORT_UPDATE;
}

/* Forward or back, the job is whole; otherwise another update must make it
 * so. */
static void update_ended(struct user_job *job,
                         Perigee__Aurora__UpdateState state, int64_t now_ms)
{
    job->update_id[0] = '\0';
    job->insists = false;
    if (state == PERIGEE__AURORA__UPDATE_STATE__ROLLED_FORWARD) {
        job->version++;
        job->wanted = (uint32_t)((UINT64_C(1) << job->updated) - 1);
    } else if (state != PERIGEE__AURORA__UPDATE_STATE__ROLLED_BACK) {
        job->insists = true;
        job->retry_ms = now_ms;
        job->exchange = 0;
        return;
    }
    step_done(job);
}

static void on_update_answer(struct user *u, struct user_job *job, int status,
                             const Answer *answer, int64_t now_ms)
{
    const Perigee__Aurora__UpdateView *view =
        answer != NULL && answer->n_updates == 1 ? answer->updates[0] : NULL;
    bool was_care = job->update_id[0] != '\0';

    job->calls++;
    job->exchange = 0;
    job->retry_ms = now_ms + SECOND + (int64_t)rng_below(&u->rng, 5 * SECOND);
    if (was_care && status == 409) { /* it went on meanwhile */
        job->next_call = PERIGEE__AURORA__CALL__TYPE__GET_UPDATE;
        return;
    }
    if (status == 200 && job->insists && !was_care && answer != NULL &&
        answer->n_updates == 0) { /* all had come, and not all well */
        update_ended(job, PERIGEE__AURORA__UPDATE_STATE__ROLLED_FORWARD,
                     now_ms);
        return;
    }
    if (status != 200 || view == NULL || view->update_id == NULL) {
        complain(u, job, status, "an update is not as it was told");
        return;
    }
    (void)snprintf(job->update_id, sizeof job->update_id, "%s",
                   view->update_id);
    choose_call(u, job, view->state);
    if (has_ended(view->state))
        update_ended(job, view->state, now_ms);
}

static bool is_later(int status)
{
    return status == 429 || status == 503;
}

static void on_step_answer(struct user *u, struct user_job *job,
                           const struct http_response *response,
                           const Answer *answer, int64_t now_ms)
{
    const char *message =
        answer != NULL && answer->error != NULL ? answer->error->message : "";

    if (is_later(response->status)) {
        again(u, job, now_ms);
        return;
    }
    if (job->step[job->done].verb == USER_UPDATE) {
        on_update_answer(u, job, response->status, answer, now_ms);
        return;
    }
    if (response->status == 200 && answer != NULL) {
        apply(u, job, answer);
        step_done(job);
    } else if (job->step[job->done].verb == USER_RESTART &&
               response->status == 409) {
        step_done(job); /* one is under way already */
    } else {
        complain(u, job, response->status, message);
    }
}

/* --- reads --- */

static void begin_read(struct user *u, int64_t now_ms, struct effects *fx)
{
    uint32_t at = (uint32_t)rng_below(&u->rng, USER_JOBS);
    struct user_job *job = &u->job[at];
    struct arena arena;
    Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__Tasks tasks = PERIGEE__AURORA__CALL__TASKS__INIT;

    u->read_at_ms = now_ms + READ_MS;
    if (job->exchange != 0 || !job->is_created)
        return;
    arena_init(&arena);
    tasks.key = key_message(u, job, &arena);
    call.has_type = 1;
    call.type = PERIGEE__AURORA__CALL__TYPE__GET_JOB;
    call.tasks = &tasks;
    u->read_job = at;
    u->read_is_clear = true;
    u->read = post(u, &call, NULL, fx);
    arena_release(&arena);
}

static void on_read_answer(struct user *u, int status, const Answer *answer)
{
    const struct user_job *job = &u->job[u->read_job];

    u->read = 0;
    if (!u->read_is_clear || is_later(status))
        return;
    if (job->is_service && !job->is_killed &&
        (status != 200 || answer == NULL || answer->n_jobs != 1))
        complain(u, job, status, "a job that was acknowledged is not there");
}

/* --- the program --- */

static struct user_job *job_of_exchange(struct user *u, exchange_id exchange)
{
    for (uint32_t i = 0; i < USER_JOBS; i++)
        if (u->job[i].exchange == exchange)
            return &u->job[i];
    return NULL;
}

static void on_answer(void *self, exchange_id exchange,
                      const struct http_response *response, int64_t now_ms,
                      struct effects *fx)
{
    struct user *u = self;
    struct user_job *job = job_of_exchange(u, exchange);
    struct arena arena;
    ProtobufCMessage *message = NULL;

    (void)fx;
    arena_init(&arena);
    (void)codec_decode(&perigee__aurora__answer__descriptor, "Answer",
                       response->type, response->body, &arena, &message, NULL);
    if (job != NULL)
        on_step_answer(u, job, response, (const Answer *)message, now_ms);
    else if (exchange == u->read)
        on_read_answer(u, response->status, (const Answer *)message);
    arena_release(&arena);
}

static void on_broken(void *self, exchange_id exchange, const char *why,
                      int64_t now_ms, struct effects *fx)
{
    struct user *u = self;
    struct user_job *job = job_of_exchange(u, exchange);

    (void)why;
    (void)fx;
    if (job != NULL)
        again(u, job, now_ms);
    else if (exchange == u->read)
        u->read = 0;
}

static int64_t next_ms(const void *self)
{
    const struct user *u = self;
    int64_t at_ms = u->read == 0 ? u->read_at_ms : INT64_MAX;

    for (uint32_t i = 0; i < USER_JOBS; i++)
        if (u->job[i].exchange == 0 && u->job[i].retry_ms < at_ms)
            at_ms = u->job[i].retry_ms;
    return at_ms;
}

static void on_time(void *self, int64_t now_ms, struct effects *fx)
{
    struct user *u = self;

    for (uint32_t i = 0; i < USER_JOBS; i++) {
        struct user_job *job = &u->job[i];
        if (job->exchange == 0 && job->done < job->steps &&
            now_ms >= job->retry_ms)
            begin_step(u, job, fx);
    }
    if (u->read == 0 && now_ms >= u->read_at_ms)
        begin_read(u, now_ms, fx);
}

const struct program USER_PROGRAM = {.name = "user",
                                     .on_answer = on_answer,
                                     .on_broken = on_broken,
                                     .next_ms = next_ms,
                                     .on_time = on_time};
