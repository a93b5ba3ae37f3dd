#include "tests/sim/crons.h"

#include "base/alloc.h"
#include "perigee/aurora.pb-c.h"
#include "wire/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef Perigee__Aurora__Call Call;
typedef Perigee__Aurora__Answer Answer;
typedef Perigee__Aurora__CronView CronView;
typedef Perigee__Aurora__FiringView Firing;

enum {
    SECOND = 1000,
    MINUTE = 60 * SECOND,
    CALL_MS = 10 * SECOND,
    READ_MS = 20 * SECOND,
    /* Behind the last fault, so that all has settled when it ends. */
    GOES_MS = 7 * MINUTE,
    PATIENCE_SECS = 60 /* of a job without epsilon that catches nothing up */
};

#define STATE(name) PERIGEE__AURORA__FIRING_VIEW__STATE__##name

struct crons {
    struct user_options options;
    char *url; /* owned */
    struct rng rng;
    struct cron_job job[CRON_USED];
    exchange_id next_exchange;
    char problem[300];
};

#define NEW(arena, type, name, initial)            \
    type *name = arena_alloc(arena, sizeof *name); \
    *name = (type)initial

/* --- what is wanted --- */

static void add_step(struct cron_job *j, enum cron_verb verb, int64_t at_ms)
{
    j->step[j->steps].verb = verb;
    j->step[j->steps++].at_ms = at_ms;
}

/* Now and then just when times of whole minutes come. */
static int64_t near_minute(int64_t at_ms, struct rng *rng)
{
    int64_t by_ms = (int64_t)rng_below(rng, 11) - 7;

    return rng_below(rng, 2) == 0 ? at_ms : at_ms - at_ms % MINUTE + by_ms;
}

/* Those that run after others come after them, and go before them. */
static void make_steps(struct cron_job *j, uint32_t at, struct rng *rng,
                       const struct user_options *o)
{
    int64_t span_ms = o->last_ms - o->first_ms;
    int64_t from_ms = o->first_ms + 30 * SECOND +
                      (int64_t)rng_below(rng, (uint64_t)span_ms / 4);
    uint64_t left = (uint64_t)(o->last_ms - from_ms) / 3;
    int64_t second_ms = from_ms + 1 + (int64_t)rng_below(rng, left);
    int64_t third_ms = second_ms + 1 + (int64_t)rng_below(rng, left);
    uint64_t die = rng_below(rng, at < CRON_CLOCKED ? 5 : 3);

    add_step(j, CRON_CREATE, from_ms);
    if (die == 0) {
        add_step(j, CRON_PAUSE, near_minute(second_ms, rng));
        add_step(j, CRON_RESUME, third_ms);
    } else if (die > 2) {
        add_step(j, CRON_CHANGE, near_minute(second_ms, rng));
        add_step(j, CRON_CHANGE, near_minute(third_ms, rng));
    } else {
        add_step(j, CRON_START, second_ms);
        add_step(j, CRON_START, third_ms);
    }
    add_step(j, CRON_DESCHEDULE,
             o->last_ms + GOES_MS - (int64_t)at * 5 * SECOND);
    j->retry_ms = from_ms;
    j->read_ms = INT64_MAX;
}

static void make_plans(struct cron_job *j, struct rng *rng)
{
    cron_plan_make(&j->plan[0], rng);
    j->has_anchor = j->plan[0].has_anchor;
    j->anchor = j->plan[0].anchor;
    for (uint32_t i = 1; i < CRON_PLANS_MAX; i++)
        cron_plan_change(&j->plan[i], &j->plan[i - 1], rng);
}

static void make_job(struct crons *u, uint32_t at)
{
    static const char *const collision[] = {"KILL_EXISTING", "CANCEL_NEW",
                                            "RUN_OVERLAP"};
    static const char *const catch_up[] = {"NONE", "LAST", "ALL"};
    struct cron_job *j = &u->job[at];
    struct rng *rng = &u->rng;

    (void)snprintf(j->job.role, sizeof j->job.role, "cron");
    (void)snprintf(j->job.env, sizeof j->job.env, "prod");
    (void)snprintf(j->job.name, sizeof j->job.name, "cron-%u", at);
    j->job.length_ms = 1 + (int64_t)rng_below(rng, 8 * SECOND);
    if (rng_below(rng, 4) == 0)
        j->job.length_ms = MINUTE + (int64_t)rng_below(rng, MINUTE);
    j->job.status = rng_below(rng, 6) == 0;
    j->job.cpu_milli = 50;
    j->job.ram_mib = 16;
    j->epsilon = rng_below(rng, 2) == 0 ? -1 : (int64_t)rng_below(rng, 90);
    j->retries = (uint32_t)rng_below(rng, 3);
    j->collision = collision[rng_below(rng, 3)];
    j->catch_up = catch_up[rng_below(rng, 3)];
    if (at < CRON_CLOCKED)
        make_plans(j, rng);
    else
        j->after = at == CRON_CLOCKED ? 1 : 2 | 1u << CRON_CLOCKED;
    make_steps(j, at, rng, &u->options);
}

struct crons *crons_new(const struct user_options *options)
{
    struct crons *u = xcalloc(1, sizeof *u);
    struct buf url = {0};

    u->options = *options;
    buf_addf(&url, "http://%s/api/v1", options->aurora);
    u->url = buf_take(&url);
    rng_seed(&u->rng, options->fate);
    for (uint32_t i = 0; i < CRON_USED; i++)
        make_job(u, i);
    return u;
}

void crons_free(struct crons *u)
{
    for (uint32_t i = 0; i < CRON_USED; i++)
        free(u->job[i].seen);
    free(u->url);
    free(u);
}

const char *crons_problem(const struct crons *u)
{
    return u->problem;
}

const struct cron_plan *cron_job_plan(const struct cron_job *job)
{
    return &job->plan[job->at];
}

struct cron_job *crons_job(struct crons *u, uint32_t at)
{
    return &u->job[at];
}

/* --- calls --- */

static void complain(struct crons *u, const struct cron_job *j,
                     const char *what, int64_t at)
{
    if (u->problem[0] == '\0')
        (void)snprintf(u->problem, sizeof u->problem,
                       "%s (%s, %s, %s): %s %lld", j->job.name,
                       cron_job_plan(j)->schedule, j->collision, j->catch_up,
                       what, (long long)at);
}

static void post(struct crons *u, struct cron_job *j, const Call *call,
                 const char *key, struct effects *fx)
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
    j->exchange = u->next_exchange;
}

static void set_query(const struct crons *u, const struct cron_job *j,
                      struct arena *arena, Call *call)
{
    NEW(arena, Perigee__Aurora__Call__Cron, query,
        PERIGEE__AURORA__CALL__CRON__INIT);
    NEW(arena, Perigee__Aurora__JobKey, key, PERIGEE__AURORA__JOB_KEY__INIT);

    key->cluster = (char *)u->options.cluster;
    key->role = (char *)j->job.role;
    key->environment = (char *)j->job.env;
    key->name = (char *)j->job.name;
    query->key = key;
    call->cron = query;
}

static void set_create(const struct crons *u, const struct cron_job *j,
                       struct arena *arena, Call *call)
{
    NEW(arena, Perigee__Aurora__Call__CreateJob, create,
        PERIGEE__AURORA__CALL__CREATE_JOB__INIT);
    NEW(arena, Perigee__Cron, cron, PERIGEE__CRON__INIT);

    const struct cron_plan *plan = cron_job_plan(j);
    cron->schedule = plan->schedule[0] ? (char *)plan->schedule : NULL;
    cron->timezone = (char *)plan->zone;
    cron->collision_policy = (char *)j->collision;
    cron->catch_up = (char *)j->catch_up;
    cron->has_retries = true;
    cron->retries = j->retries;
    cron->has_epsilon_secs = j->epsilon >= 0;
    cron->epsilon_secs = (uint32_t)(j->epsilon >= 0 ? j->epsilon : 0);
    cron->after = arena_alloc(arena, CRON_USED * sizeof(char *));
    for (uint32_t i = 0; i < CRON_USED; i++)
        if ((j->after >> i & 1) != 0)
            cron->after[cron->n_after++] =
                arena_printf(arena, "%s/%s/%s/%s", u->options.cluster,
                             j->job.role, j->job.env, u->job[i].job.name);
    create->job =
        user_member_message(u->options.cluster, &j->job, 1, j->at, arena);
    create->job->cron = cron;
    call->create_job = create;
}

static void begin_step(struct crons *u, struct cron_job *j, struct effects *fx)
{
    static const Perigee__Aurora__Call__Type type[] = {
        [CRON_CREATE] = PERIGEE__AURORA__CALL__TYPE__CREATE_JOB,
        [CRON_PAUSE] = PERIGEE__AURORA__CALL__TYPE__PAUSE_CRON,
        [CRON_RESUME] = PERIGEE__AURORA__CALL__TYPE__RESUME_CRON,
        [CRON_START] = PERIGEE__AURORA__CALL__TYPE__START_CRON,
        [CRON_CHANGE] = PERIGEE__AURORA__CALL__TYPE__CREATE_JOB,
        [CRON_DESCHEDULE] = PERIGEE__AURORA__CALL__TYPE__DESCHEDULE_CRON};
    enum cron_verb verb = j->step[j->done].verb;
    Call call = PERIGEE__AURORA__CALL__INIT;
    struct arena arena;
    char key[48];

    arena_init(&arena);
    call.has_type = true;
    call.type = type[verb];
    if (verb == CRON_CHANGE && !j->is_asked)
        j->at++;
    j->is_asked = true;
    if (verb == CRON_CREATE || verb == CRON_CHANGE)
        set_create(u, j, &arena, &call);
    else
        set_query(u, j, &arena, &call);
    if (verb == CRON_RESUME)
        j->resumes = 1;
    (void)snprintf(key, sizeof key, "%s-%u-%u", j->job.name, j->done, j->calls);
    post(u, j, &call, key, fx);
    j->is_reading = false;
    arena_release(&arena);
}

static void begin_read(struct crons *u, struct cron_job *j, struct effects *fx)
{
    Call call = PERIGEE__AURORA__CALL__INIT;
    struct arena arena;

    arena_init(&arena);
    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__GET_CRON;
    set_query(u, j, &arena, &call);
    post(u, j, &call, NULL, fx);
    j->is_reading = true;
    arena_release(&arena);
}

/* --- what answers say --- */

static bool is_over(int state)
{
    return state != STATE(WAITING) && state != STATE(ACTIVE);
}

/* Once it was put on another schedule: all are times of one of them, and none
 * has two records. (That none is missing is cron_spans.h's.) */
static void check_mixed(struct crons *u, struct cron_job *j,
                        const struct seen_firing *f, uint32_t count)
{
    int64_t newest = 0;

    for (uint32_t i = 0; i < count; i++) {
        bool fits = false;
        if (f[i].is_manual)
            continue;
        for (uint32_t p = 0; p <= j->at; p++)
            fits |= cron_plan_has(&j->plan[p], f[i].at);
        if (!fits)
            complain(u, j, "a time of no schedule it had:", f[i].at);
        if (f[i].first <= newest)
            complain(u, j, "a time that has its record already:", f[i].at);
        newest = f[i].at;
    }
    j->newest = newest;
}

/* The times of the schedule, one after the other; a pause makes one gap. */
static void check_times(struct crons *u, struct cron_job *j,
                        const struct seen_firing *f, uint32_t count)
{
    int64_t expected = 0, period = j->plan[0].period;
    uint32_t gaps = 0;

    for (uint32_t i = 0; i < count && j->plan[0].schedule[0]; i++) {
        if (f[i].is_manual)
            continue;
        if (!j->has_anchor) {
            j->anchor = f[i].first;
            j->has_anchor = true;
        }
        if ((f[i].at - j->anchor) % period != 0 ||
            (f[i].first - j->anchor) % period != 0 || f[i].first > f[i].at)
            complain(u, j, "a time of another schedule:", f[i].at);
        if (expected != 0 && f[i].first < expected)
            complain(u, j, "a time that has its record already:", f[i].at);
        gaps += expected != 0 && f[i].first > expected;
        if (gaps > j->resumes)
            complain(u, j, "no record of the times before", f[i].first);
        expected = f[i].at + period;
        j->newest = f[i].at;
    }
}

static void check_patience(struct crons *u, const struct cron_job *j,
                           const struct seen_firing *f)
{
    bool is_patient = strcmp(j->catch_up, "NONE") != 0 && j->epsilon < 0;
    int64_t most = j->epsilon >= 0 ? j->epsilon : PATIENCE_SECS;

    if (f->state == STATE(MISSED) || f->is_manual || !j->plan[0].schedule[0])
        return;
    if (!is_patient && f->decided_ms - f->at * 1000 > most * 1000)
        complain(u, j, "starts later than it may:", f->at);
    if (f->tries > j->retries + 1)
        complain(u, j, "was tried too often:", f->at);
}

static const struct seen_firing *find(const struct seen_firing *list,
                                      uint32_t count,
                                      const struct seen_firing *wanted)
{
    for (uint32_t i = 0; i < count; i++)
        if (list[i].at == wanted->at && list[i].is_manual == wanted->is_manual)
            return &list[i];
    return NULL;
}

/* What was shown once stays true. */
static void check_memory(struct crons *u, const struct cron_job *j,
                         const struct seen_firing *list, uint32_t count)
{
    for (uint32_t i = 0; i < j->seen_count; i++) {
        const struct seen_firing *old = &j->seen[i];
        const struct seen_firing *now = find(list, count, old);
        if (now == NULL)
            complain(u, j, "forgot", old->at);
        else if (is_over(old->state) && now->state != old->state)
            complain(u, j, "was over, and is not:", old->at);
        else if (now->tries < old->tries ||
                 now->decided_ms != old->decided_ms ||
                 now->first != old->first ||
                 (old->state == STATE(ACTIVE) && now->state == STATE(WAITING)))
            complain(u, j, "was decided upon again:", old->at);
    }
}

/* Each run needs a success of its own of every parent; and one that may run
 * does. */
static void check_after(struct crons *u, const struct cron_job *j,
                        const CronView *view, uint32_t runs)
{
    for (uint32_t i = 0; i < CRON_USED; i++)
        if ((u->job[i].after & 1u << (j - u->job)) != 0 &&
            u->job[i].runs > view->successes)
            complain(u, &u->job[i], "runs more often than its parent succeeds:",
                     u->job[i].runs);
    bool may_run = view->n_after > 0 && view->blocked_by == NULL &&
                   !view->paused && !view->descheduled;
    bool waits = false;
    for (size_t i = 0; i < view->n_firings; i++)
        waits |= view->firings[i]->state == STATE(WAITING);
    if (may_run && !waits)
        complain(u, j, "nothing blocks it, and it does not run:", runs);
}

static void take_view(struct crons *u, struct cron_job *j, const CronView *view)
{
    uint32_t count = (uint32_t)view->n_firings, runs = 0;
    struct seen_firing *list = xcalloc(count + 1, sizeof *list);

    for (uint32_t i = 0; i < count; i++) {
        const Firing *f = view->firings[i];
        list[i] = (struct seen_firing){
            .at = (int64_t)f->scheduled_secs,
            .first = (int64_t)(f->has_first_secs ? f->first_secs
                                                 : f->scheduled_secs),
            .decided_ms = (int64_t)f->decided_ms,
            .tries = f->tries,
            .state = (int)f->state,
            .is_manual = f->manual};
        runs += !f->manual;
        check_patience(u, j, &list[i]);
    }
    if (j->at == 0)
        check_times(u, j, list, count);
    else
        check_mixed(u, j, list, count);
    check_memory(u, j, list, count);
    check_after(u, j, view, runs);
    free(j->seen);
    j->seen = list;
    j->seen_count = count;
    j->runs = runs;
    j->successes = view->successes;
    j->is_fresh = true;
}

static void again(struct crons *u, struct cron_job *j, int64_t now_ms)
{
    int64_t wait_ms = SECOND + (int64_t)rng_below(&u->rng, 3 * SECOND);

    j->exchange = 0;
    if (j->is_reading)
        j->read_ms = now_ms + wait_ms;
    else
        j->retry_ms = now_ms + wait_ms;
}

static void step_done(struct cron_job *j, int64_t now_ms)
{
    bool is_gone = j->step[j->done].verb == CRON_DESCHEDULE;

    j->done++;
    j->is_asked = false;
    j->read_ms = is_gone ? INT64_MAX : now_ms + SECOND;
    j->retry_ms = is_gone ? INT64_MAX : j->step[j->done].at_ms;
}

/* A parent that is not created yet, a child that is still there: later. */
static bool is_too_early(const struct cron_job *j, int status)
{
    if (status == 429 || status == 503)
        return true;
    if (j->is_reading || j->done == j->steps)
        return false;
    enum cron_verb verb = j->step[j->done].verb;
    return (verb == CRON_CREATE && status == 404) ||
           (verb == CRON_DESCHEDULE && status == 409);
}

static void on_result(struct crons *u, struct cron_job *j, int status,
                      const Answer *answer, int64_t now_ms)
{
    if (is_too_early(j, status)) {
        if (status == 404 || status == 409)
            j->calls++;
        again(u, j, now_ms);
        return;
    }
    if (status != 200 || answer == NULL) {
        complain(u, j,
                 answer && answer->error ? answer->error->message : "answer",
                 status);
        return;
    }
    j->exchange = 0;
    if (!j->is_reading) {
        step_done(j, now_ms);
        return;
    }
    j->read_ms = now_ms + READ_MS;
    if (answer->n_crons == 1)
        take_view(u, j, answer->crons[0]);
    else
        complain(u, j, "no such view", 0);
}

/* --- the program --- */

static struct cron_job *job_of(struct crons *u, exchange_id exchange)
{
    for (uint32_t i = 0; i < CRON_USED; i++)
        if (u->job[i].exchange == exchange)
            return &u->job[i];
    return NULL;
}

static void on_answer(void *self, exchange_id exchange,
                      const struct http_response *response, int64_t now_ms,
                      struct effects *fx)
{
    struct crons *u = self;
    struct cron_job *j = job_of(u, exchange);
    ProtobufCMessage *message = NULL;
    struct arena arena;

    (void)fx;
    if (j == NULL)
        return;
    arena_init(&arena);
    (void)codec_decode(&perigee__aurora__answer__descriptor, "Answer",
                       response->type, response->body, &arena, &message, NULL);
    on_result(u, j, response->status, (const Answer *)message, now_ms);
    arena_release(&arena);
}

static void on_broken(void *self, exchange_id exchange, const char *why,
                      int64_t now_ms, struct effects *fx)
{
    struct crons *u = self;
    struct cron_job *j = job_of(u, exchange);

    (void)why;
    (void)fx;
    if (j != NULL)
        again(u, j, now_ms);
}

static int64_t next_of(const struct cron_job *j)
{
    return j->retry_ms < j->read_ms ? j->retry_ms : j->read_ms;
}

static int64_t next_ms(const void *self)
{
    const struct crons *u = self;
    int64_t at_ms = INT64_MAX;

    for (uint32_t i = 0; i < CRON_USED; i++)
        if (u->job[i].exchange == 0 && next_of(&u->job[i]) < at_ms)
            at_ms = next_of(&u->job[i]);
    return at_ms;
}

static void on_time(void *self, int64_t now_ms, struct effects *fx)
{
    struct crons *u = self;

    for (uint32_t i = 0; i < CRON_USED; i++) {
        struct cron_job *j = &u->job[i];
        if (j->exchange != 0)
            continue;
        if (now_ms >= j->retry_ms)
            begin_step(u, j, fx);
        else if (now_ms >= j->read_ms)
            begin_read(u, j, fx);
    }
}

const struct program CRONS_PROGRAM = {.name = "crons",
                                      .on_answer = on_answer,
                                      .on_broken = on_broken,
                                      .next_ms = next_ms,
                                      .on_time = on_time};
