#include "tests/sim/cluster.h"
#include "tests/sim/bank.h"
#include "tests/sim/crons.h"
#include "tests/sim/keeper.h"
#include "tests/sim/plain.h"
#include "tests/sim/stranger.h"
#include "tests/sim/team.h"
#include "tests/sim/user.h"
#include "tests/sim/warden.h"

#include "aurora/program.h"
#include "base/alloc.h"
#include "master/program.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SECOND = 1000,
    MINUTE = 60 * SECOND,
    PLAIN_TASKS = 60,
    MORE_MS = 5 * MINUTE
};

const char *cluster_master_address(const struct cluster *c)
{
    return c->master.address;
}

int64_t cluster_disk_ms(struct cluster *c, const struct node *node)
{
    if (node == c->slow_disk && c->w->now_ms < c->slow_disk_until)
        return world_between(c->w, 50, 3 * SECOND);
    return world_between(c->w, 1, 5);
}

static void down(struct node *node, const char *why, int status)
{
    (void)status;
    cluster_on_down(node->context, node, why);
}

/* --- the master --- */

static void *master_begin(struct node *node)
{
    struct master_options options;
    struct err err = {0};

    master_options_init(&options);
    options.ip = node->host;
    options.port = 5050;
    options.hostname = node->host;
    options.core.seed = node->seed + node->life;
    if (master_options_check(&options, &err) < 0)
        world_fail(node->w, "master: %s", err.text);
    return master_program_new(&options);
}

static void master_end(void *self)
{
    master_program_free(self);
}

static const struct node_kind MASTER_KIND = {.program = &MASTER_PROGRAM,
                                             .begin = master_begin,
                                             .end = master_end,
                                             .on_down = down};

/* --- the plain framework --- */

static void *plain_begin(struct node *node)
{
    const struct cluster *c = node->context;

    return plain_new(
        &(struct plain_options){.master = cluster_master_address(c),
                                .tasks = PLAIN_TASKS,
                                .first_ms = WALL_START_MS + 5 * SECOND,
                                .last_ms = WALL_START_MS + FAULTS_END_MS,
                                .speaks_json = c->plain_speaks_json,
                                .is_partition_aware = c->plain_is_aware,
                                .fate = c->plain_fate,
                                .seed = node->seed + node->life});
}

static void plain_end(void *self)
{
    plain_free(self);
}

static const struct node_kind PLAIN_KIND = {.program = &PLAIN_PROGRAM,
                                            .begin = plain_begin,
                                            .end = plain_end,
                                            .on_down = down};

/* --- aurora, and its script workers -----------------------------------------
 */

static void *aurora_begin(struct node *node)
{
    struct cluster *c = node->context;
    struct os_users os_users = {0};
    struct aurora_options options = AURORA_OPTIONS;

    options.sla_instances_min = 2;
    options.sla_protects_all = true;
    options.master = cluster_master_address(c);
    options.hostname = node->host;
    options.endpoint = node->address;
    options.seed = node->seed + node->life;
    /* What got lost must be found within the quiet time at the end. */
    options.reconcile_explicit_ms = 20 * 60 * SECOND;
    options.reconcile_implicit_ms = 10 * 60 * SECOND;
    options.preempt =
        (struct preempt_rules){true, 5000, 5000, 5000, 60 * SECOND, 5};
    options.can_back_up = true;
    options.zone_load = cron_plan_zone;
    options.backup_interval_ms = 5 * 60 * SECOND;
    struct aurora_program *p = aurora_program_new(&options);
    if (c->people.is_on)
        aurora_program_set_security(p, people_rules(c), &os_users,
                                    "security.lua", node_wall_ms(node));
    return p;
}

static void aurora_end(void *self)
{
    aurora_program_free(self);
}

static void aurora_judge(struct node *node, const struct aurora_judge *act)
{
    struct aurora_judged_fact fact = {.ticket = act->ticket};
    struct buf result = {0};
    bool fails = world_once_in(node->w, 10);

    fact.is_busy = world_once_in(node->w, 10);
    if (!fact.is_busy)
        user_judge(act->judgement, fails, &result);
    if (!fact.is_busy && !fails)
        posts_asked(node->context, act->judgement);
    fact.result = buf_bytes(&result);
    node_fact_with(node, world_between(node->w, 1, 2 * SECOND),
                   AURORA_FACT_JUDGED, &fact, sizeof fact,
                   offsetof(struct aurora_judged_fact, result), "JUDGED");
    buf_release(&result);
}

/* It takes its time, and fails now and then. */
static void aurora_backup(struct node *node)
{
    struct aurora_backup_fact fact = {.bytes = 1,
                                      .failed = world_once_in(node->w, 5)};

    fact.result = bytes_of_text(fact.failed ? "the disk is full" : "");
    node_fact_with(node, world_between(node->w, 1, 60 * SECOND),
                   AURORA_FACT_BACKED_UP, &fact, sizeof fact,
                   offsetof(struct aurora_backup_fact, result), "BACKED_UP");
}

/* Mostly a coordinator agrees; or he does not, fails, or cannot be reached: as
 * long as the world is not quiet, since who is refused waits for minutes. */
static void aurora_coordinate(struct node *node,
                              const struct aurora_coordinate *act)
{
    static const struct {
        uint32_t status;
        const char *text;
    } answers[] = {{200, "{\"drain\":true}"},
                   {200, "{\"drain\":false}"},
                   {500, "{\"drain\":true}"},
                   {0, "nobody listens"}};
    size_t at = node->w->is_quiet || !world_once_in(node->w, 4)
                    ? 0
                    : (size_t)world_between(node->w, 1, 3);
    struct aurora_coordinated_fact fact = {.ticket = act->ticket,
                                           .status = answers[at].status};

    fact.result = bytes_of_text(answers[at].text);
    node_fact_with(node, world_between(node->w, 1, 60 * SECOND),
                   AURORA_FACT_COORDINATED, &fact, sizeof fact,
                   offsetof(struct aurora_coordinated_fact, result),
                   "COORDINATED");
}

/* A worker's verdict; now and then they are all busy. */
static void aurora_act(struct node *node, uint32_t kind, const void *data)
{
    if (kind == AURORA_ACT_BACKUP) {
        aurora_backup(node);
        return;
    }
    if (kind == AURORA_ACT_NOTIFY) {
        posts_take(node->context, node, data);
        return;
    }
    if (kind == AURORA_ACT_COORDINATE) {
        aurora_coordinate(node, data);
        return;
    }
    if (kind == AURORA_ACT_JUDGE) {
        aurora_judge(node, data);
        return;
    }
    if (kind == AURORA_ACT_DECODE) {
        const struct aurora_decode *decode = data;
        struct aurora_decoded fact = {.ticket = decode->ticket};
        aurora_decode_run(decode->work);
        node_fact_later(node, world_between(node->w, 1, 2 * SECOND),
                        AURORA_FACT_DECODED, &fact, sizeof fact, "DECODED");
        return;
    }
    const struct aurora_evaluate *act = data;
    struct aurora_evaluated fact = {.ticket = act->ticket};
    struct buf result = {0};

    fact.is_busy = world_once_in(node->w, 10);
    if (!fact.is_busy)
        user_evaluate(act->bundle, &result);
    fact.result = buf_bytes(&result);
    node_fact_with(node, world_between(node->w, 1, 2 * SECOND),
                   AURORA_FACT_EVALUATED, &fact, sizeof fact,
                   offsetof(struct aurora_evaluated, result), "EVALUATED");
    buf_release(&result);
}

static const struct node_kind AURORA_KIND = {.program = &AURORA_PROGRAM,
                                             .begin = aurora_begin,
                                             .end = aurora_end,
                                             .act = aurora_act,
                                             .on_down = down};

/* --- the users --- */

static struct user_options options_with(const struct cluster *c, uint64_t fate,
                                        bool is_idle)
{
    return (struct user_options){.aurora = c->aurora.address,
                                 .clock_off_ms = &c->aurora.clock_off_ms,
                                 .cluster = AURORA_OPTIONS.cluster,
                                 .speaks_json = c->user_speaks_json,
                                 .first_ms = WALL_START_MS + 5 * SECOND,
                                 .last_ms = WALL_START_MS + FAULTS_END_MS,
                                 .is_idle = is_idle,
                                 .fate = fate};
}

static void *user_begin(struct node *node)
{
    const struct cluster *c = node->context;
    struct user_options options =
        options_with(c, c->user_fate, c->w->has_cron_only);

    return user_new(&options);
}

static void user_end(void *self)
{
    user_free(self);
}

static const struct node_kind USER_KIND = {
    .program = &USER_PROGRAM, .begin = user_begin, .end = user_end};

static void *team_begin(struct node *node)
{
    const struct cluster *c = node->context;
    struct user_options options =
        options_with(c, ~c->user_fate, c->w->has_cron_only);

    return team_new(&options);
}

static void team_end(void *self)
{
    team_free(self);
}

static const struct node_kind TEAM_KIND = {
    .program = &TEAM_PROGRAM, .begin = team_begin, .end = team_end};

static void *crons_begin(struct node *node)
{
    const struct cluster *c = node->context;
    struct user_options options = options_with(c, c->user_fate ^ 1, false);

    return crons_new(&options);
}

static void crons_end(void *self)
{
    crons_free(self);
}

static const struct node_kind CRONS_KIND = {
    .program = &CRONS_PROGRAM, .begin = crons_begin, .end = crons_end};

static void *keeper_begin(struct node *node)
{
    const struct cluster *c = node->context;
    struct keeper_options options = {.aurora = c->aurora.address,
                                     .cluster = AURORA_OPTIONS.cluster,
                                     .speaks_json = c->user_speaks_json,
                                     .first_ms = WALL_START_MS + MINUTE,
                                     .last_ms = WALL_START_MS + FAULTS_END_MS,
                                     .is_idle = c->w->has_cron_only,
                                     .fate = c->user_fate ^ 2};

    for (uint32_t i = 0; i < KEEPER_HOSTS; i++)
        options.host[i] = c->machine[i].agent.host;
    return keeper_new(&options);
}

static void keeper_end(void *self)
{
    keeper_free(self);
}

static const struct node_kind KEEPER_KIND = {
    .program = &KEEPER_PROGRAM, .begin = keeper_begin, .end = keeper_end};

static void *bank_begin(struct node *node)
{
    const struct cluster *c = node->context;
    struct user_options options =
        options_with(c, c->user_fate ^ 4, c->w->has_cron_only);

    return bank_new(&options);
}

static void bank_end(void *self)
{
    bank_free(self);
}

static const struct node_kind BANK_KIND = {
    .program = &BANK_PROGRAM, .begin = bank_begin, .end = bank_end};

static void *stranger_begin(struct node *node)
{
    const struct cluster *c = node->context;
    struct user_options options =
        options_with(c, c->user_fate ^ 8, !c->people.is_on);

    /* Also in the life that is there at the end. */
    options.last_ms += 10 * MINUTE;
    return stranger_new(&options);
}

static void stranger_end(void *self)
{
    stranger_free(self);
}

static const struct node_kind STRANGER_KIND = {
    .program = &STRANGER_PROGRAM, .begin = stranger_begin, .end = stranger_end};

static void *warden_begin(struct node *node)
{
    const struct cluster *c = node->context;
    struct warden_options options = {.master = cluster_master_address(c),
                                     .speaks_json = c->user_speaks_json,
                                     .first_ms = WALL_START_MS + 2 * MINUTE,
                                     .last_ms = WALL_START_MS + FAULTS_END_MS,
                                     .is_idle = c->w->has_cron_only,
                                     .fate = c->user_fate ^ 16};

    for (uint32_t i = 0; i < WARDEN_HOSTS; i++)
        options.host[i] = c->machine[i].agent.host;
    return warden_new(&options);
}

static void warden_end(void *self)
{
    warden_free(self);
}

static const struct node_kind WARDEN_KIND = {
    .program = &WARDEN_PROGRAM, .begin = warden_begin, .end = warden_end};

/* --- all of them --- */

static void on_batch(void *context, const struct effects *batch)
{
    posts_on_batch(context, batch);
    people_on_batch(context, batch);
}

static void build(struct cluster *c)
{
    struct world *w = c->w;

    w->cluster = c;
    network_init(&c->network, w);
    c->machine_count = (uint32_t)world_between(w, MACHINES_MIN, MACHINES_MAX);
    c->fault_rate = (uint32_t)world_between(w, 0, 3);
    c->plain_fate = rng_next(&w->rng);
    c->plain_speaks_json = world_once_in(w, 4);
    c->plain_is_aware = !world_once_in(w, 3);
    c->user_fate = rng_next(&w->rng);
    c->user_speaks_json = world_once_in(w, 4);
    c->people.is_on = world_once_in(w, 3);
    node_init(&c->master, w, &MASTER_KIND, "master", "10.0.0.1:5050", c);
    node_init(&c->plain, w, &PLAIN_KIND, "plain", "10.0.0.2:0", c);
    node_init(&c->aurora, w, &AURORA_KIND, "aurora", "10.0.0.3:8081", c);
    c->aurora.disk.on_batch = on_batch;
    c->aurora.disk.context = c;
    node_init(&c->user, w, &USER_KIND, "user", "10.0.0.4:0", c);
    node_init(&c->team, w, &TEAM_KIND, "team", "10.0.0.5:0", c);
    node_init(&c->crons, w, &CRONS_KIND, "crons", "10.0.0.6:0", c);
    node_init(&c->keeper, w, &KEEPER_KIND, "keeper", "10.0.0.7:0", c);
    node_init(&c->bank, w, &BANK_KIND, "bank", "10.0.0.8:0", c);
    node_init(&c->stranger, w, &STRANGER_KIND, "stranger", "10.0.0.10:0", c);
    node_init(&c->warden, w, &WARDEN_KIND, "warden", "10.0.0.11:0", c);
    if (c->people.is_on)
        people_prepare(c);
    network_listen(&c->network, &c->master);
    network_listen(&c->network, &c->aurora);
    for (uint32_t i = 0; i < c->machine_count; i++) {
        machine_init(&c->machine[i], c, i,
                     "cpus:8;mem:8192;disk:20000;ports:[31000-31049]");
        network_listen(&c->network, &c->machine[i].agent);
    }
}

static void start_all(struct cluster *c)
{
    node_start(&c->master);
    for (uint32_t i = 0; i < c->machine_count; i++)
        node_start(&c->machine[i].agent);
    node_start(&c->plain);
    node_start(&c->aurora);
    node_start(&c->user);
    node_start(&c->team);
    node_start(&c->crons);
    node_start(&c->keeper);
    node_start(&c->bank);
    node_start(&c->stranger);
    node_start(&c->warden);
}

static void release(struct cluster *c)
{
    for (uint32_t i = 0; i < c->machine_count; i++)
        machine_release(&c->machine[i]);
    node_release(&c->warden);
    node_release(&c->stranger);
    node_release(&c->bank);
    node_release(&c->keeper);
    node_release(&c->crons);
    node_release(&c->team);
    node_release(&c->user);
    node_release(&c->aurora);
    node_release(&c->plain);
    node_release(&c->master);
    checks_release(&c->checks);
    pushes_release(&c->pushes);
    posts_release(&c->posts);
}

void cluster_run(struct world *w)
{
    struct cluster *c = xcalloc(1, sizeof *c);

    c->w = w;
    build(c);
    faults_begin(c);
    start_all(c);
    int64_t end_ms = WORLD_END_MS;
    while (world_step(w, end_ms) ||
           (checks_take_turns(c) && (end_ms += MORE_MS) <= TURNS_END_MS))
        ;
    checks_final(c);
    w->restarts = c->aurora.life - 1;
    release(c);
    world_release(w);
    network_release(&c->network);
    free(c);
}
