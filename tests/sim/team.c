#include "tests/sim/team.h"

#include "base/alloc.h"
#include "perigee/aurora.pb-c.h"
#include "wire/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef Perigee__Aurora__Call Call;
typedef Perigee__Aurora__Answer Answer;

enum { SECOND = 1000, MINUTE = 60 * SECOND, CALL_MS = 10 * SECOND };

struct team {
    struct user_options options;
    char *url; /* owned */
    struct rng rng;
    struct team_group group[TEAM_GROUPS];
    exchange_id next_exchange;
    char problem[300];
};

#define NEW(arena, type, name, initial)            \
    type *name = arena_alloc(arena, sizeof *name); \
    *name = (type)initial

/* --- what is wanted --- */

static void make_member(struct team_group *group, uint32_t at, struct rng *rng)
{
    struct team_member *m = &group->member[at];
    struct user_job *job = &m->job;

    (void)snprintf(job->role, sizeof job->role, "team");
    (void)snprintf(job->env, sizeof job->env, "prod");
    (void)snprintf(job->name, sizeof job->name, "%s-%u", group->name, at);
    job->is_service = at != 1 || rng_below(rng, 2) == 0;
    job->length_ms =
        job->is_service ? -1 : 1000 + (int64_t)rng_below(rng, 9000);
    job->cpu_milli = 50;
    job->ram_mib = 16;
    for (uint32_t i = 0; i < at; i++)
        if (rng_below(rng, 3) == 0)
            m->needs |= 1u << i;
    m->is_in = true;
}

static int compare_times(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void make_group(struct team_group *group, uint32_t number,
                       struct rng *rng, const struct user_options *o)
{
    int64_t at_ms[TEAM_STEPS_MAX];

    (void)snprintf(group->name, sizeof group->name, "team-%u", number);
    group->members = 2 + (uint32_t)rng_below(rng, TEAM_MEMBERS_MAX - 1);
    for (uint32_t i = 0; i < group->members; i++)
        make_member(group, i, rng);
    group->steps = 1 + (uint32_t)rng_below(rng, TEAM_STEPS_MAX);
    for (uint32_t i = 0; i < group->steps; i++)
        at_ms[i] = o->first_ms + (int64_t)rng_below(
                                     rng, (uint64_t)(o->last_ms - o->first_ms));
    qsort(at_ms, group->steps, sizeof *at_ms, compare_times);
    for (uint32_t i = 0; i < group->steps; i++) {
        uint64_t die = rng_below(rng, 6);
        group->step[i].verb = i == 0 || die < 3 ? TEAM_DEPLOY
                              : die < 5         ? TEAM_SCALE
                                                : TEAM_REMOVE;
        group->step[i].at_ms = at_ms[i];
        group->step[i].hurries = rng_below(rng, 4) == 0;
    }
    group->retry_ms = at_ms[0];
}

struct team *team_new(const struct user_options *options)
{
    struct team *t = xcalloc(1, sizeof *t);
    struct buf url = {0};

    t->options = *options;
    buf_addf(&url, "http://%s/api/v1", options->aurora);
    t->url = buf_take(&url);
    rng_seed(&t->rng, options->fate);
    for (uint32_t i = 0; i < TEAM_GROUPS; i++)
        make_group(&t->group[i], i, &t->rng, options);
    for (uint32_t i = 0; options->is_idle && i < TEAM_GROUPS; i++) {
        t->group[i].steps = 0;
        t->group[i].retry_ms = INT64_MAX;
    }
    return t;
}

void team_free(struct team *t)
{
    free(t->url);
    free(t);
}

const char *team_problem(const struct team *t)
{
    return t->problem;
}

struct team_group *team_group(struct team *t, uint32_t at)
{
    return &t->group[at];
}

/* --- what runs --- */

static struct team_member *find_member(struct team *t, const char *instance,
                                       struct team_group **group)
{
    char name[64];

    for (uint32_t g = 0; g < TEAM_GROUPS; g++)
        for (uint32_t i = 0; i < t->group[g].members; i++) {
            const struct user_job *job = &t->group[g].member[i].job;
            int size = snprintf(name, sizeof name, "%s/%s/%s/", job->role,
                                job->env, job->name);
            if (strncmp(instance, name, (size_t)size) != 0)
                continue;
            *group = &t->group[g];
            return &t->group[g].member[i];
        }
    return NULL;
}

static bool was_up(const struct team_member *m)
{
    if (!m->job.is_service)
        return m->has_finished;
    return (uint32_t)__builtin_popcount(m->begun) >= m->least;
}

const char *team_on_begin(struct team *t, const char *instance)
{
    struct team_group *group;
    struct team_member *m = find_member(t, instance, &group);
    const char *problem = NULL;

    if (m == NULL)
        return NULL;
    for (uint32_t i = 0; m->begun == 0 && i < group->members; i++)
        if ((m->needs >> i & 1) != 0 && !was_up(&group->member[i]))
            problem = group->member[i].job.name;
    m->begun |= 1u << strtoul(strrchr(instance, '/') + 1, NULL, 10) % 32;
    return problem;
}

void team_on_end(struct team *t, const char *instance, bool has_finished)
{
    struct team_group *group;
    struct team_member *m = find_member(t, instance, &group);

    if (m != NULL)
        m->has_finished |= has_finished;
}

/* --- calls --- */

static exchange_id post(struct team *t, const Call *call, const char *key,
                        struct effects *fx)
{
    enum media_type media =
        t->options.speaks_json ? MEDIA_JSON : MEDIA_PROTOBUF;
    struct http_header header[] = {{"Content-Type", media_type_name(media)},
                                   {"Accept", media_type_name(media)},
                                   {"Idempotency-Key", key}};
    struct buf body = {0};

    codec_encode(&call->base, media, &body);
    effect_call(fx, ++t->next_exchange, t->url, header, key != NULL ? 3 : 2,
                buf_bytes(&body), CALL_MS);
    buf_release(&body);
    return t->next_exchange;
}

static Perigee__Aurora__JobKey *key_message(const struct team *t,
                                            const struct team_group *group,
                                            struct arena *arena)
{
    NEW(arena, Perigee__Aurora__JobKey, key, PERIGEE__AURORA__JOB_KEY__INIT);

    key->cluster = (char *)t->options.cluster;
    key->role = (char *)"team";
    key->environment = (char *)"prod";
    key->name = (char *)group->name;
    return key;
}

/* Each job in a group of its own, which can be waited for. */
static Perigee__Group *tree_message(const struct team *t,
                                    const struct team_group *group,
                                    struct arena *arena)
{
    NEW(arena, Perigee__Group, tree, PERIGEE__GROUP__INIT);

    tree->name = (char *)group->name;
    tree->groups = arena_alloc(arena, group->members * sizeof(void *));
    for (uint32_t i = 0; i < group->members; i++) {
        const struct team_member *m = &group->member[i];
        NEW(arena, Perigee__Group, one, PERIGEE__GROUP__INIT);
        if (!m->is_in)
            continue;
        one->name = (char *)m->job.name;
        one->n_jobs = 1;
        one->jobs = arena_alloc(arena, sizeof(char *));
        one->jobs[0] = arena_printf(arena, "%s/%s/%s/%s", t->options.cluster,
                                    m->job.role, m->job.env, m->job.name);
        one->depends_on = arena_alloc(arena, group->members * sizeof(char *));
        for (uint32_t j = 0; j < i; j++)
            if ((m->needs >> j & 1) != 0)
                one->depends_on[one->n_depends_on++] =
                    (char *)group->member[j].job.name;
        tree->groups[tree->n_groups++] = one;
    }
    return tree;
}

static uint32_t instances_of(const struct team_member *m)
{
    return (uint32_t)__builtin_popcount(m->job.wanted);
}

static void set_deploy(const struct team *t, const struct team_group *group,
                       struct arena *arena, Call *call)
{
    NEW(arena, Perigee__Aurora__Call__DeployGroup, deploy,
        PERIGEE__AURORA__CALL__DEPLOY_GROUP__INIT);

    deploy->key = key_message(t, group, arena);
    deploy->group = tree_message(t, group, arena);
    deploy->jobs = arena_alloc(arena, group->members * sizeof(void *));
    for (uint32_t i = 0; i < group->members; i++) {
        const struct team_member *m = &group->member[i];
        if (m->is_in)
            deploy->jobs[deploy->n_jobs++] = user_member_message(
                t->options.cluster, &m->job,
                m->job.is_service ? instances_of(m) : 1, m->job.version, arena);
    }
    deploy->has_prune = deploy->prune = 1;
    call->type = PERIGEE__AURORA__CALL__TYPE__DEPLOY_GROUP;
    call->deploy_group = deploy;
}

static void set_scale(const struct team *t, const struct team_group *group,
                      struct arena *arena, Call *call)
{
    NEW(arena, Perigee__Aurora__Call__ScaleGroup, scale,
        PERIGEE__AURORA__CALL__SCALE_GROUP__INIT);

    scale->key = key_message(t, group, arena);
    scale->has_factor_milli = 1;
    scale->factor_milli = group->done % 2 != 0 ? 2000 : 500;
    call->type = PERIGEE__AURORA__CALL__TYPE__SCALE_GROUP;
    call->scale_group = scale;
}

static void set_query(const struct team *t, const struct team_group *group,
                      Perigee__Aurora__Call__Type type, struct arena *arena,
                      Call *call)
{
    NEW(arena, Perigee__Aurora__Call__Groups, groups,
        PERIGEE__AURORA__CALL__GROUPS__INIT);

    groups->key = key_message(t, group, arena);
    call->type = type;
    call->groups = groups;
}

/* --- steps --- */

/* Other versions and numbers; the last member leaves, or comes back. */
static void choose_deploy(struct team *t, struct team_group *group)
{
    for (uint32_t i = 0; i < group->members; i++) {
        struct team_member *m = &group->member[i];
        uint32_t n = 1 + (uint32_t)rng_below(&t->rng, TEAM_INSTANCES_MAX);
        bool is_newer = rng_below(&t->rng, 2) == 0;
        bool is_moved = rng_below(&t->rng, 4) == 0;
        if (i + 1 == group->members && i > 1 && is_moved) {
            m->is_in = !m->is_in;
            m->begun = 0;
        }
        m->job.version += m->job.is_service && is_newer;
        m->job.wanted = m->job.is_service && m->is_in ? (1u << n) - 1 : 0;
        if (!group->is_there) {
            m->begun = 0;
            m->has_finished = false;
        }
        if (!group->is_there || n < m->least)
            m->least = n;
    }
    group->is_there = true;
}

static void choose_scale(struct team_group *group)
{
    for (uint32_t i = 0; i < group->members; i++) {
        struct team_member *m = &group->member[i];
        uint32_t n = instances_of(m);
        if (!m->is_in || !m->job.is_service)
            continue;
        n = group->done % 2 != 0 ? 2 * n : (n + 1) / 2;
        m->job.wanted = (uint32_t)((UINT64_C(1) << n) - 1);
        if (n < m->least)
            m->least = n;
    }
}

static void choose_remove(struct team_group *group)
{
    for (uint32_t i = 0; i < group->members; i++)
        group->member[i].job.wanted = 0;
    group->is_there = false;
}

static void step_done(struct team_group *group)
{
    group->done++;
    group->exchange = 0;
    group->is_chosen = group->is_watched = false;
    group->retry_ms =
        group->done < group->steps ? group->step[group->done].at_ms : INT64_MAX;
}

static void choose(struct team *t, struct team_group *group)
{
    group->is_chosen = true;
    if (group->step[group->done].verb == TEAM_DEPLOY)
        choose_deploy(t, group);
    else if (group->step[group->done].verb == TEAM_SCALE)
        choose_scale(group);
    else
        choose_remove(group);
}

static void begin_call(struct team *t, struct team_group *group,
                       struct effects *fx)
{
    enum team_verb verb = group->step[group->done].verb;
    Call call = PERIGEE__AURORA__CALL__INIT;
    struct arena arena;
    char key[48];

    if (verb != TEAM_DEPLOY && !group->is_there && !group->is_chosen) {
        step_done(group);
        return;
    }
    if (!group->is_chosen)
        choose(t, group);
    arena_init(&arena);
    call.has_type = 1;
    if (group->is_watched)
        set_query(t, group, PERIGEE__AURORA__CALL__TYPE__GET_GROUP, &arena,
                  &call);
    else if (verb == TEAM_DEPLOY)
        set_deploy(t, group, &arena, &call);
    else if (verb == TEAM_SCALE)
        set_scale(t, group, &arena, &call);
    else
        set_query(t, group, PERIGEE__AURORA__CALL__TYPE__REMOVE_GROUP, &arena,
                  &call);
    (void)snprintf(key, sizeof key, "%s-%u-%u", group->name, group->done,
                   group->calls);
    group->exchange = post(t, &call, group->is_watched ? NULL : key, fx);
    group->retry_ms = INT64_MAX;
    arena_release(&arena);
}

static void again(struct team *t, struct team_group *group, int64_t now_ms)
{
    group->exchange = 0;
    group->retry_ms = now_ms + SECOND + (int64_t)rng_below(&t->rng, 4 * SECOND);
}

static void complain(struct team *t, const struct team_group *group, int status,
                     const Answer *answer)
{
    (void)snprintf(
        t->problem, sizeof t->problem, "team: %s step %u: %d %.180s",
        group->name, group->done, status,
        answer != NULL && answer->error != NULL ? answer->error->message : "");
}

/* Is it done? A deployment that failed is begun again. */
static void on_watched(struct team *t, struct team_group *group, int status,
                       const Answer *answer, int64_t now_ms)
{
    bool is_gone = status == 404;
    enum team_verb verb = group->step[group->done].verb;

    if (is_gone != (verb == TEAM_REMOVE) && (is_gone || status != 200)) {
        complain(t, group, status, answer);
        return;
    }
    again(t, group, now_ms);
    if (is_gone) {
        step_done(group);
        return;
    }
    if (answer == NULL || answer->n_groups != 1) {
        complain(t, group, status, answer);
        return;
    }
    Perigee__Aurora__GroupState state = answer->groups[0]->state;
    if (verb != TEAM_REMOVE &&
        state == PERIGEE__AURORA__GROUP_STATE__GROUP_RUNNING)
        step_done(group);
    else if (state == PERIGEE__AURORA__GROUP_STATE__GROUP_FAILED) {
        group->step[group->done].verb =
            verb == TEAM_REMOVE ? TEAM_REMOVE : TEAM_DEPLOY;
        group->is_watched = false;
        group->calls++;
    }
}

static void on_step_answer(struct team *t, struct team_group *group,
                           const struct http_response *response,
                           const Answer *answer, int64_t now_ms)
{
    int status = response->status;
    bool hurries = group->step[group->done].hurries &&
                   group->done + 1 < group->steps &&
                   group->step[group->done + 1].verb != TEAM_SCALE;

    if (status == 429 || status == 503) {
        again(t, group, now_ms);
        return;
    }
    if (group->is_watched) {
        on_watched(t, group, status, answer, now_ms);
        return;
    }
    /* Something of the step before is under way still. */
    if (status == 409) {
        group->calls++;
        again(t, group, now_ms);
        return;
    }
    if (status != 200) {
        complain(t, group, status, answer);
        return;
    }
    if (hurries && group->step[group->done].verb == TEAM_DEPLOY) {
        step_done(group);
        return;
    }
    group->is_watched = true;
    again(t, group, now_ms);
}

/* --- the program --- */

static struct team_group *group_of(struct team *t, exchange_id exchange)
{
    for (uint32_t i = 0; i < TEAM_GROUPS; i++)
        if (t->group[i].exchange == exchange)
            return &t->group[i];
    return NULL;
}

static void on_answer(void *self, exchange_id exchange,
                      const struct http_response *response, int64_t now_ms,
                      struct effects *fx)
{
    struct team *t = self;
    struct team_group *group = group_of(t, exchange);
    ProtobufCMessage *message = NULL;
    struct arena arena;

    (void)fx;
    if (group == NULL)
        return;
    arena_init(&arena);
    (void)codec_decode(&perigee__aurora__answer__descriptor, "Answer",
                       response->type, response->body, &arena, &message, NULL);
    on_step_answer(t, group, response, (const Answer *)message, now_ms);
    arena_release(&arena);
}

static void on_broken(void *self, exchange_id exchange, const char *why,
                      int64_t now_ms, struct effects *fx)
{
    struct team *t = self;
    struct team_group *group = group_of(t, exchange);

    (void)why;
    (void)fx;
    if (group != NULL)
        again(t, group, now_ms);
}

static int64_t next_ms(const void *self)
{
    const struct team *t = self;
    int64_t at_ms = INT64_MAX;

    for (uint32_t i = 0; i < TEAM_GROUPS; i++)
        if (t->group[i].exchange == 0 && t->group[i].retry_ms < at_ms)
            at_ms = t->group[i].retry_ms;
    return at_ms;
}

static void on_time(void *self, int64_t now_ms, struct effects *fx)
{
    struct team *t = self;

    for (uint32_t i = 0; i < TEAM_GROUPS; i++) {
        struct team_group *group = &t->group[i];
        if (group->exchange == 0 && group->done < group->steps &&
            now_ms >= group->retry_ms)
            begin_call(t, group, fx);
    }
}

const struct program TEAM_PROGRAM = {.name = "team",
                                     .on_answer = on_answer,
                                     .on_broken = on_broken,
                                     .next_ms = next_ms,
                                     .on_time = on_time};
