#include "tests/sim/bank.h"
#include "tests/sim/caller.h"

#include "base/alloc.h"
#include "perigee/aurora.pb-c.h"

#include <stdio.h>
#include <stdlib.h>

typedef Perigee__Aurora__Call Call;
#define TYPE(name) PERIGEE__AURORA__CALL__TYPE__##name

enum { SECOND = 1000, JOBS = 6 };

struct bank {
    struct caller caller; /* first: caller.h */
    struct user_options options;
    bool has_quota;
};

struct bank *bank_new(const struct user_options *options)
{
    struct bank *b = xcalloc(1, sizeof *b);

    b->options = *options;
    caller_init(&b->caller, options->aurora, options->speaks_json,
                options->is_idle ? INT64_MAX : options->first_ms,
                options->fate);
    return b;
}

void bank_free(struct bank *b)
{
    caller_release(&b->caller);
    free(b);
}

const char *bank_problem(const struct bank *b)
{
    return b->caller.problem;
}

static bool chance(struct bank *b, uint64_t n)
{
    return caller_chance(&b->caller, n);
}

/* --- what is asked for --- */

static void post(struct bank *b, const Call *call, struct effects *fx)
{
    char key[32];

    (void)snprintf(key, sizeof key, "bank-%u", b->caller.calls);
    caller_post(&b->caller, &call->base, key, NULL, fx);
}

static Perigee__Quota *quota(struct arena *arena, const char *role,
                             uint64_t cpu_milli, const char *parent)
{
    Perigee__Quota *q = arena_alloc(arena, sizeof *q);
    Perigee__QuotaAmounts *most = arena_alloc(arena, sizeof *most);

    perigee__quota__init(q);
    perigee__quota_amounts__init(most);
    q->role = (char *)role;
    q->parent = (char *)parent;
    q->production = most;
    most->has_cpu_milli = most->has_ram_bytes = most->has_disk_bytes = true;
    most->cpu_milli = cpu_milli;
    most->ram_bytes = most->disk_bytes = UINT64_C(1) << 40;
    return q;
}

static void set_quotas(struct bank *b, struct effects *fx)
{
    Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__SetQuota set =
        PERIGEE__AURORA__CALL__SET_QUOTA__INIT;
    Perigee__Quota *list[1 + BANK_ROLES];
    struct arena arena;

    arena_init(&arena);
    list[0] = quota(&arena, "bank", BANK_CPU, NULL);
    for (int i = 0; i < BANK_ROLES; i++)
        list[i + 1] = quota(&arena, bank_role(i), BANK_ROLE_CPU, "bank");
    call.has_type = true;
    call.type = TYPE(SET_QUOTA);
    call.set_quota = &set;
    set.n_quotas = 1 + BANK_ROLES;
    set.quotas = list;
    post(b, &call, fx);
    arena_release(&arena);
}

static struct user_job job_of(struct bank *b, uint32_t number)
{
    struct user_job job = {
        .number = number,
        .is_service = number < JOBS,
        .length_ms = number < JOBS ? -1 : 60 * SECOND,
        .cpu_milli = 100 * (1 + (uint32_t)rng_below(&b->caller.rng, 5)),
        .ram_mib = 16};

    (void)snprintf(job.role, sizeof job.role, "%s",
                   bank_role((int)number % BANK_ROLES));
    (void)snprintf(job.env, sizeof job.env, "prod");
    (void)snprintf(job.name, sizeof job.name, "work-%u", number);
    return job;
}

static Perigee__Job *message_of(struct bank *b, const struct user_job *job,
                                struct arena *arena)
{
    uint32_t instances = 1 + (uint32_t)rng_below(&b->caller.rng, 5);
    /* Each call asks for a version of its own, as the checks of surges want. */
    Perigee__Job *message = user_member_message(
        b->options.cluster, job, instances, b->caller.calls, arena);

    message->n_notify = 0; /* it would crowd out what others have to tell */
    message->notify = NULL;
    if (!chance(b, 5)) {
        message->has_production = message->production = true;
        message->tier = (char *)"preferred";
    }
    if (chance(b, 2)) {
        message->update->has_strategy = true;
        message->update->strategy = PERIGEE__UPDATE_CONFIG__STRATEGY__SURGE;
        message->update->has_minimum_health_capacity_milli = true;
        message->update->minimum_health_capacity_milli =
            250 * (uint32_t)rng_below(&b->caller.rng, 5);
        message->update->has_maximum_over_capacity_milli = true;
        message->update->maximum_over_capacity_milli =
            250 * (uint32_t)rng_below(&b->caller.rng, 5);
    }
    if (!job->is_service) {
        Perigee__Cron *cron = arena_alloc(arena, sizeof *cron);
        perigee__cron__init(cron);
        cron->schedule = (char *)"*/3 * * * *";
        cron->collision_policy = (char *)"RUN_OVERLAP";
        message->cron = cron;
        message->update = NULL;
    }
    return message;
}

struct asked {
    Call call;
    Perigee__Aurora__Call__CreateJob create;
    Perigee__Aurora__Call__Scale scale;
    Perigee__Aurora__Call__Target target;
    Perigee__Aurora__Call__Update update;
    Perigee__Aurora__Call__Cron cron;
    Perigee__Aurora__JobKey key;
};

static void ask_update(struct bank *b, struct asked *a)
{
    static const int end[] = {TYPE(ROLLBACK_UPDATE), TYPE(ABORT_UPDATE)};

    a->call.type =
        (Perigee__Aurora__Call__Type)end[rng_below(&b->caller.rng, 2)];
    a->call.update = &a->update;
    a->update.key = &a->key;
}

static void ask_cron(struct bank *b, struct asked *a, const struct user_job *j,
                     struct arena *arena)
{
    if (chance(b, 4)) {
        a->call.type = TYPE(CREATE_JOB);
        a->call.create_job = &a->create;
        a->create.job = message_of(b, j, arena);
        return;
    }
    a->call.type = TYPE(START_CRON);
    a->call.cron = &a->cron;
    a->cron.key = &a->key;
}

static void ask_service(struct bank *b, struct asked *a,
                        const struct user_job *j, struct arena *arena)
{
    static const int verb[] = {
        TYPE(CREATE_JOB),    TYPE(START_UPDATE), TYPE(START_UPDATE),
        TYPE(START_UPDATE),  TYPE(SCALE_JOB),    TYPE(SCALE_JOB),
        TYPE(ADD_INSTANCES), TYPE(ABORT_UPDATE), TYPE(KILL_JOB)};

    a->call.type = (Perigee__Aurora__Call__Type)
        verb[rng_below(&b->caller.rng, sizeof verb / sizeof *verb)];
    if (a->call.type == TYPE(CREATE_JOB) ||
        a->call.type == TYPE(START_UPDATE)) {
        a->call.create_job = &a->create;
        a->create.job = message_of(b, j, arena);
    } else if (a->call.type == TYPE(KILL_JOB)) {
        a->call.target = &a->target;
        a->target.key = &a->key;
    } else if (a->call.type == TYPE(ABORT_UPDATE)) {
        ask_update(b, a);
    } else {
        a->call.scale = &a->scale;
        a->scale.key = &a->key;
        a->scale.has_instances = true;
        a->scale.instances = 1 + (uint32_t)rng_below(&b->caller.rng, 6);
    }
}

static void ask(struct bank *b, struct effects *fx)
{
    struct asked a = {.call = PERIGEE__AURORA__CALL__INIT,
                      .create = PERIGEE__AURORA__CALL__CREATE_JOB__INIT,
                      .scale = PERIGEE__AURORA__CALL__SCALE__INIT,
                      .target = PERIGEE__AURORA__CALL__TARGET__INIT,
                      .update = PERIGEE__AURORA__CALL__UPDATE__INIT,
                      .cron = PERIGEE__AURORA__CALL__CRON__INIT,
                      .key = PERIGEE__AURORA__JOB_KEY__INIT};
    struct user_job job =
        job_of(b, (uint32_t)rng_below(&b->caller.rng, JOBS + BANK_ROLES));
    struct arena arena;

    arena_init(&arena);
    a.key.cluster = (char *)b->options.cluster;
    a.key.role = job.role;
    a.key.environment = job.env;
    a.key.name = job.name;
    a.call.has_type = true;
    if (job.is_service)
        ask_service(b, &a, &job, &arena);
    else
        ask_cron(b, &a, &job, &arena);
    post(b, &a.call, fx);
    arena_release(&arena);
}

/* --- the program --- */

/* What is not there, is there already, is being changed or is too much. */
static bool is_usual(int status)
{
    return status == 200 || status == 404 || status == 409 || status == 429 ||
           status == 503;
}

static void on_answer(void *self, exchange_id exchange,
                      const struct http_response *response, int64_t now_ms,
                      struct effects *fx)
{
    struct bank *b = self;

    (void)fx;
    if (!caller_take_answer(&b->caller, exchange))
        return;
    b->caller.at_ms =
        now_ms + SECOND + (int64_t)rng_below(&b->caller.rng, 6 * SECOND);
    if (!is_usual(response->status))
        caller_blame(&b->caller, "bank", response);
    else if (!b->has_quota)
        b->has_quota = response->status == 200;
}

static void on_time(void *self, int64_t now_ms, struct effects *fx)
{
    struct bank *b = self;

    if (!caller_is_due(&b->caller, now_ms))
        return;
    if (now_ms >= b->options.last_ms)
        b->caller.at_ms = INT64_MAX;
    else if (b->has_quota)
        ask(b, fx);
    else
        set_quotas(b, fx);
}

const struct program BANK_PROGRAM = {.name = "bank",
                                     .on_answer = on_answer,
                                     .on_broken = caller_on_broken,
                                     .next_ms = caller_next_ms,
                                     .on_time = on_time};
