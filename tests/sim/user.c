#include "tests/sim/user_parts.h"

#include "base/alloc.h"
#include "wire/codec.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SECOND = 1000,
    MINUTE = 60 * SECOND,
    CALL_MS = 10 * SECOND,
    READ_MS = 15 * SECOND,   /* between two reads */
    JUDGED_MS = 10 * SECOND, /* updates wait that long for scripts */
    LARGE_MILLI = 2500       /* cpus of what others push aside */
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
    static const enum user_verb verbs[] = {USER_SCALE,    USER_ADD,
                                           USER_RESTART,  USER_UPDATE,
                                           USER_KILL_ONE, USER_CANCEL};
    uint32_t more = (uint32_t)rng_below(rng, USER_STEPS_MAX - 1);
    int64_t from_ms = job->step[0].at_ms;
    bool ends = rng_below(rng, 3) == 0;

    for (uint32_t i = 0; i < more; i++) {
        struct user_step *step = &job->step[job->steps++];
        step->verb = verbs[rng_below(rng, 6)];
        step->argument =
            (uint32_t)rng_below(rng, step->verb == USER_ADD      ? 2
                                     : step->verb == USER_UPDATE ? 60
                                                                 : 5) +
            (step->verb != USER_RESTART && step->verb != USER_UPDATE);
        step->at_ms = from_ms + (int64_t)rng_below(
                                    rng, (uint64_t)(o->last_ms - from_ms) + 1);
        if (step->verb == USER_CANCEL && job->is_picky && job->limit == 0)
            step->verb = USER_REWORD;
    }
    qsort(job->step + 1, job->steps - 1, sizeof *job->step, compare_steps);
    if (ends && job->steps > 1) {
        job->step[job->steps - 1].verb = USER_KILL;
        job->step[job->steps - 1].argument = job->number % 3;
    }
}

/* Half of the services are of production; a third of the batch jobs are large
 * and last for a while, so that there is something to push aside. */
static void choose_tier(struct user_job *job)
{
    job->is_production = job->is_service && job->number % 2 == 0;
    job->priority = (int32_t)(job->number / 2 % 3);
    if (job->is_service || job->number % 3 != 0)
        return;
    job->is_large = true;
    job->cpu_milli = LARGE_MILLI;
    job->length_ms += 2 * MINUTE;
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
    if (job->is_service && job->number % 3 == 0)
        job->patience_secs = 20 + 2 * job->number;
    choose_tier(job);
    job->steps = 1;
    job->step[0].verb =
        rng_below(rng, 4) == 0 ? USER_CREATE_BUNDLE : USER_CREATE;
    job->step[0].argument = 1 + (uint32_t)rng_below(rng, 4);
    job->step[0].at_ms =
        o->first_ms + (int64_t)rng_below(rng, (uint64_t)span_ms);
    if (job->is_large) /* they may have to wait long */
        job->step[0].at_ms -= (job->step[0].at_ms - o->first_ms) / 2;
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
    u->read_at_ms = u->quota_at_ms = options->first_ms;
    u->has_quota = options->is_idle;
    for (uint32_t i = 0; options->is_idle && i < USER_JOBS; i++) {
        u->job[i].steps = 0;
        u->job[i].retry_ms = u->read_at_ms = INT64_MAX;
    }
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

const struct user_job *user_job_of(const struct user *u, const char *instance)
{
    char name[64];

    for (uint32_t i = 0; i < USER_JOBS; i++) {
        const struct user_job *job = &u->job[i];
        int size = snprintf(name, sizeof name, "%s/%s/%s/", job->role, job->env,
                            job->name);
        if (strncmp(instance, name, (size_t)size) == 0)
            return job;
    }
    return NULL;
}

bool user_step_surges(const struct user_step *step)
{
    return step->verb == USER_UPDATE && step->argument % 5 < 2;
}

bool user_has_surged(const struct user_job *job)
{
    for (uint32_t i = 0; i <= job->done && i < job->steps; i++)
        if (user_step_surges(&job->step[i]))
            return true;
    return false;
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
    job->asked_ms = 0;
    job->exchange = 0;
    job->retry_ms = next_step_ms(job);
}

/* An update brings the instances from 0 on: where others run, wording the
 * expression anew would do more than that. */
static bool is_pointless(const struct user_job *job)
{
    enum user_verb verb = job->step[job->done].verb;

    return (verb == USER_KILL_ONE && __builtin_popcount(job->wanted) < 2) ||
           (verb == USER_REWORD && (job->wanted & (job->wanted + 1)) != 0);
}

static void begin_step(struct user *u, struct user_job *job, int64_t now_ms,
                       struct effects *fx)
{
    const struct user_step *step = &job->step[job->done];
    struct arena arena;
    Call call = PERIGEE__AURORA__CALL__INIT;
    char key[48];

    if (is_pointless(job)) {
        step_done(job);
        return;
    }
    if (job->asked_ms == 0) {
        job->asked_ms = now_ms;
        job->clock_off_ms = *u->options.clock_off_ms;
    }
    arena_init(&arena);
    call.has_type = 1;
    if (step->verb == USER_CREATE || step->verb == USER_CREATE_BUNDLE)
        user_set_create(u, job, step, &arena, &call);
    else if (step->verb == USER_SCALE || step->verb == USER_ADD)
        user_set_scale(u, job, step, &arena, &call);
    else if (step->verb == USER_UPDATE || step->verb == USER_REWORD)
        user_set_update(u, job, step, &arena, &call);
    else
        user_set_target(u, job, step, &arena, &call);
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
    case USER_CANCEL:
        break;
    case USER_UPDATE:
    case USER_REWORD:
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

/* What to do about it next: mostly look. What insists is never stopped; nor is
 * one that flaps, which would hardly ever run while it is not. */
static void choose_call(struct user *u, struct user_job *job,
                        Perigee__Aurora__UpdateState state)
{
    uint64_t die = rng_below(&u->rng, job->insists ? 40 : 60);

    job->next_call = PERIGEE__AURORA__CALL__TYPE__GET_UPDATE;
    if (is_paused(state) && die < 20)
        job->next_call = PERIGEE__AURORA__CALL__TYPE__RESUME_UPDATE;
    else if (die < 3 && !job->flaps)
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
        if (job->step[job->done].verb == USER_REWORD)
            job->words++;
        else
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

/* Every host suits the new words as it did the old ones. Only when scripts had
 * not said so in time, by the scheduler's clock, do tasks move all the same. */
static bool moves_in_vain(const struct user *u, const struct user_job *job,
                          int64_t now_ms)
{
    return job->step[job->done].verb == USER_REWORD && !job->insists &&
           now_ms - job->asked_ms < JUDGED_MS &&
           job->clock_off_ms == *u->options.clock_off_ms;
}

static void on_update_answer(struct user *u, struct user_job *job, int status,
                             const Answer *answer, int64_t now_ms)
{
    const Perigee__Aurora__UpdateView *view =
        answer != NULL && answer->n_updates == 1 ? answer->updates[0] : NULL;
    bool was_care = job->update_id[0] != '\0';
    bool may_be_none = job->insists || job->step[job->done].verb == USER_REWORD;

    job->calls++;
    job->exchange = 0;
    job->retry_ms = now_ms + SECOND + (int64_t)rng_below(&u->rng, 5 * SECOND);
    if (was_care && status == 409) { /* it went on meanwhile */
        job->next_call = PERIGEE__AURORA__CALL__TYPE__GET_UPDATE;
        return;
    }
    if (status == 200 && may_be_none && !was_care && answer != NULL &&
        answer->n_updates == 0) { /* all had come, and not all well */
        update_ended(job, PERIGEE__AURORA__UPDATE_STATE__ROLLED_FORWARD,
                     now_ms);
        return;
    }
    if (status != 200 || view == NULL || view->update_id == NULL) {
        complain(u, job, status, "an update is not as it was told");
        return;
    }
    if (!was_care && moves_in_vain(u, job, now_ms))
        complain(u, job, status, "tasks move that need not");
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

/* Until a kill is done nothing else may change how many there are. An update
 * that was aborted while all of a job was on its way out leaves it so. */
static bool is_in_the_way(const struct user_job *job, int status,
                          const char *message)
{
    return status == 409 && message != NULL &&
           (strstr(message, "a kill is under way") != NULL ||
            (job->insists && strstr(message, "is being killed") != NULL));
}

static void on_step_answer(struct user *u, struct user_job *job,
                           const struct http_response *response,
                           const Answer *answer, int64_t now_ms)
{
    const char *message =
        answer != NULL && answer->error != NULL ? answer->error->message : "";

    if (is_later(response->status) ||
        (job->step[job->done].verb != USER_RESTART &&
         is_in_the_way(job, response->status, message))) {
        again(u, job, now_ms);
        return;
    }
    if (job->step[job->done].verb == USER_UPDATE ||
        job->step[job->done].verb == USER_REWORD) {
        on_update_answer(u, job, response->status, answer, now_ms);
        return;
    }
    if (response->status == 200 && answer != NULL) {
        apply(u, job, answer);
        step_done(job);
    } else if (job->step[job->done].verb == USER_RESTART &&
               response->status == 409) {
        step_done(job); /* one is under way already */
    } else if (job->step[job->done].verb == USER_CANCEL &&
               response->status == 404) {
        step_done(job); /* none is */
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
    tasks.key = user_key_message(u, job, &arena);
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

/* --- quotas --- */

static void ask_quota(struct user *u, struct effects *fx)
{
    struct arena arena;
    Call call = PERIGEE__AURORA__CALL__INIT;

    arena_init(&arena);
    user_set_quota(&arena, &call);
    u->quota = post(u, &call, "quota", fx);
    arena_release(&arena);
}

static void on_quota_answer(struct user *u, int status, int64_t now_ms)
{
    u->quota = 0;
    u->quota_at_ms = now_ms + SECOND;
    u->has_quota = status == 200;
    if (status != 200 && !is_later(status))
        complain(u, &u->job[0], status, "our roles get no quota");
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
    if (exchange == u->quota)
        on_quota_answer(u, response->status, now_ms);
    else if (job != NULL)
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
    else if (exchange == u->quota)
        on_quota_answer(u, 503, u->quota_at_ms);
}

static bool may_begin(const struct user *u, const struct user_job *job)
{
    return job->exchange == 0 && (u->has_quota || !job->is_production);
}

static int64_t next_ms(const void *self)
{
    const struct user *u = self;
    int64_t at_ms = u->read == 0 ? u->read_at_ms : INT64_MAX;

    for (uint32_t i = 0; i < USER_JOBS; i++)
        if (may_begin(u, &u->job[i]) && u->job[i].retry_ms < at_ms)
            at_ms = u->job[i].retry_ms;
    if (!u->has_quota && u->quota == 0 && u->quota_at_ms < at_ms)
        at_ms = u->quota_at_ms;
    return at_ms;
}

static void on_time(void *self, int64_t now_ms, struct effects *fx)
{
    struct user *u = self;

    for (uint32_t i = 0; i < USER_JOBS; i++) {
        struct user_job *job = &u->job[i];
        if (may_begin(u, job) && job->done < job->steps &&
            now_ms >= job->retry_ms)
            begin_step(u, job, now_ms, fx);
    }
    if (!u->has_quota && u->quota == 0 && now_ms >= u->quota_at_ms)
        ask_quota(u, fx);
    if (u->read == 0 && now_ms >= u->read_at_ms)
        begin_read(u, now_ms, fx);
}

const struct program USER_PROGRAM = {.name = "user",
                                     .on_answer = on_answer,
                                     .on_broken = on_broken,
                                     .next_ms = next_ms,
                                     .on_time = on_time};
