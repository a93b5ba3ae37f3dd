#include "tests/sim/stranger.h"
#include "tests/sim/caller.h"
#include "tests/sim/people.h"

#include "base/alloc.h"
#include "perigee/aurora.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef Perigee__Aurora__Call Call;
#define TYPE(name) PERIGEE__AURORA__CALL__TYPE__##name

enum { SECOND = 1000 };

struct stranger {
    struct caller caller; /* first: caller.h */
    struct user_options options;
    int type; /* of the call under way */
    const char *as;
};

struct stranger *stranger_new(const struct user_options *options)
{
    struct stranger *s = xcalloc(1, sizeof *s);

    s->options = *options;
    caller_init(&s->caller, options->aurora, options->speaks_json,
                options->is_idle ? INT64_MAX : options->first_ms,
                options->fate);
    return s;
}

void stranger_free(struct stranger *s)
{
    caller_release(&s->caller);
    free(s);
}

const char *stranger_problem(const struct stranger *s)
{
    return s->caller.problem;
}

/* --- what is asked for --- */

static void post(struct stranger *s, const Call *call, struct effects *fx)
{
    char key[32];

    /* Now and then a key that bob uses. */
    bool is_bobs = s->as == NULL || strcmp(s->as, "bob") != 0;
    is_bobs &= caller_chance(&s->caller, 2);
    (void)snprintf(key, sizeof key, "%s-%u", is_bobs ? "bank" : "stranger",
                   s->caller.calls);
    caller_post(&s->caller, &call->base, key,
                s->as != NULL ? people_authorization(s->as) : NULL, fx);
}

/* A job of alice's, of bob's; and who is not its owner. */
static void choose(struct stranger *s, struct user_job *job)
{
    static const char *const mine[] = {"web", "db", "ci", "team"};
    static const char *const other[] = {NULL, "mallory", "operator"};
    uint64_t who = rng_below(&s->caller.rng, 4);
    bool is_bobs = rng_below(&s->caller.rng, 2) == 0;
    uint32_t number =
        (uint32_t)rng_below(&s->caller.rng, is_bobs ? 6 : USER_JOBS);

    *job = (struct user_job){
        .is_service = true, .length_ms = -1, .cpu_milli = 50, .ram_mib = 16};
    (void)snprintf(job->env, sizeof job->env, "prod");
    if (!is_bobs) {
        (void)snprintf(job->role, sizeof job->role, "%s",
                       mine[rng_below(&s->caller.rng, 4)]);
        (void)snprintf(job->name, sizeof job->name,
                       strcmp(job->role, "team") == 0 ? "team-%u" : "job-%u",
                       number % USER_JOBS);
    } else if (rng_below(&s->caller.rng, 2) == 0) {
        (void)snprintf(job->role, sizeof job->role, "cron");
        (void)snprintf(job->name, sizeof job->name, "cron-%u", number);
    } else {
        (void)snprintf(job->role, sizeof job->role, "bank-a");
        (void)snprintf(job->name, sizeof job->name, "work-%u", number);
    }
    s->as = who == 3 ? (is_bobs ? "alice" : "bob") : other[who];
}

struct wish {
    Call call;
    Perigee__Aurora__Call__CreateJob create;
    Perigee__Aurora__Call__Scale scale;
    Perigee__Aurora__Call__Target target;
    Perigee__Aurora__Call__Cron cron;
    Perigee__Aurora__Call__Groups groups;
    Perigee__Aurora__Call__Tasks tasks;
    Perigee__Aurora__Call__SetQuota set;
    Perigee__Aurora__JobKey key;
    Perigee__Quota quota, *quotas[1];
    Perigee__QuotaAmounts most;
};

static void wish_init(struct wish *w)
{
    perigee__aurora__call__init(&w->call);
    perigee__aurora__call__create_job__init(&w->create);
    perigee__aurora__call__scale__init(&w->scale);
    perigee__aurora__call__target__init(&w->target);
    perigee__aurora__call__cron__init(&w->cron);
    perigee__aurora__call__groups__init(&w->groups);
    perigee__aurora__call__tasks__init(&w->tasks);
    perigee__aurora__call__set_quota__init(&w->set);
    perigee__aurora__job_key__init(&w->key);
    perigee__quota__init(&w->quota);
    perigee__quota_amounts__init(&w->most);
    w->target.key = w->cron.key = w->groups.key = w->tasks.key = &w->key;
    w->scale.key = &w->key;
    w->scale.has_instances = true;
    w->quotas[0] = &w->quota;
    w->set.n_quotas = 1;
    w->set.quotas = w->quotas;
    w->quota.production = &w->most;
}

static void fill(struct stranger *s, struct wish *w, const struct user_job *job,
                 struct arena *arena)
{
    static const int types[] = {
        TYPE(KILL_JOB),      TYPE(RESTART_JOB), TYPE(SCALE_JOB),
        TYPE(ADD_INSTANCES), TYPE(PAUSE_CRON),  TYPE(DESCHEDULE_CRON),
        TYPE(START_CRON),    TYPE(CREATE_JOB),  TYPE(START_UPDATE),
        TYPE(REMOVE_GROUP),  TYPE(SET_QUOTA),   TYPE(GET_JOB)};

    s->type = types[rng_below(&s->caller.rng, sizeof types / sizeof *types)];
    w->scale.instances = 1 + (uint32_t)rng_below(&s->caller.rng, 5);
    w->call.has_type = true;
    w->call.type = (Perigee__Aurora__Call__Type)s->type;
    w->call.target = &w->target;
    if (s->type != TYPE(KILL_JOB) && s->type != TYPE(RESTART_JOB))
        w->call.target = NULL;
    if (s->type == TYPE(SCALE_JOB) || s->type == TYPE(ADD_INSTANCES))
        w->call.scale = &w->scale;
    else if (s->type == TYPE(PAUSE_CRON) || s->type == TYPE(START_CRON) ||
             s->type == TYPE(DESCHEDULE_CRON))
        w->call.cron = &w->cron;
    else if (s->type == TYPE(REMOVE_GROUP))
        w->call.groups = &w->groups;
    else if (s->type == TYPE(SET_QUOTA))
        w->call.set_quota = &w->set;
    else if (s->type == TYPE(GET_JOB))
        w->call.tasks = &w->tasks;
    if (s->type != TYPE(CREATE_JOB) && s->type != TYPE(START_UPDATE))
        return;
    w->create.job =
        user_member_message(s->options.cluster, job, 1, s->caller.calls, arena);
    w->call.create_job = &w->create;
}

static void ask(struct stranger *s, struct effects *fx)
{
    struct user_job job;
    struct arena arena;
    struct wish w;

    choose(s, &job);
    wish_init(&w);
    w.key.cluster = (char *)s->options.cluster;
    w.key.role = w.quota.role = job.role;
    w.key.environment = job.env;
    w.key.name = job.name;
    arena_init(&arena);
    fill(s, &w, &job, &arena);
    post(s, &w.call, fx);
    arena_release(&arena);
}

/* --- the program --- */

/* What may not be seen is not there. */
static bool is_refused(const struct stranger *s, int status)
{
    bool is_read = s->type == TYPE(GET_JOB);
    bool is_known = s->as != NULL && strcmp(s->as, "mallory") != 0;

    if (status == 429 || status == 503)
        return true;
    return status == (!is_known ? 401 : is_read ? 404 : 403);
}

static void on_answer(void *self, exchange_id exchange,
                      const struct http_response *response, int64_t now_ms,
                      struct effects *fx)
{
    struct stranger *s = self;
    char what[64];

    (void)fx;
    if (!caller_take_answer(&s->caller, exchange))
        return;
    s->caller.at_ms =
        now_ms + 2 * SECOND + (int64_t)rng_below(&s->caller.rng, 20 * SECOND);
    (void)snprintf(what, sizeof what, "call %d as %s", s->type,
                   s->as != NULL ? s->as : "nobody");
    if (!is_refused(s, response->status))
        caller_blame(&s->caller, what, response);
}

static void on_time(void *self, int64_t now_ms, struct effects *fx)
{
    struct stranger *s = self;

    if (!caller_is_due(&s->caller, now_ms))
        return;
    if (now_ms >= s->options.last_ms)
        s->caller.at_ms = INT64_MAX;
    else
        ask(s, fx);
}

const struct program STRANGER_PROGRAM = {.name = "stranger",
                                         .on_answer = on_answer,
                                         .on_broken = caller_on_broken,
                                         .next_ms = caller_next_ms,
                                         .on_time = on_time};
