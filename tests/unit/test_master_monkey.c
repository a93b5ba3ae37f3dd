/* A monkey at the keys: agents and frameworks do whatever comes to mind, in a
 * seeded order, with kills of the master in between. The kit checks every
 * invariant after every step; here we only look that the monkey got around. */
#include "master_kit.h"

enum { AGENTS = 4, FRAMEWORKS = 3, STEPS = 3000, TASKS = 40 };

struct monkey {
    struct kit *k;
    struct rng rng;
    struct kit_agent agent[AGENTS];
    bool is_up[AGENTS];
    struct kit_framework f[FRAMEWORKS];
    bool is_subscribed[FRAMEWORKS];
    uint64_t ran, offered, asked; /* before the last restart */
};

#define INFO_A                                                                \
    ",\"checkpoint\":true,\"failover_timeout\":1000,\"roles\":[\"a\",\"b\"]," \
    "\"capabilities\":[{\"type\":\"MULTI_ROLE\"},{\"type\":"                  \
    "\"PARTITION_AWARE\"}]"
#define INFO_B                                                            \
    ",\"checkpoint\":true,\"roles\":[\"a\"],\"capabilities\":[{\"type\":" \
    "\"MULTI_ROLE\"},{\"type\":\"RESERVATION_REFINEMENT\"}]"

static const char *const INFO[FRAMEWORKS] = {",\"failover_timeout\":30", INFO_A,
                                             INFO_B};

static uint32_t pick(struct monkey *m, uint32_t bound)
{
    return (uint32_t)rng_below(&m->rng, bound);
}

/* --- agents --- */

static void subscribe_agent(struct monkey *m, uint32_t at)
{
    struct kit_agent *agent = &m->agent[at];
    struct buf more = {0};
    const struct kit_framework *f = &m->f[pick(m, FRAMEWORKS)];
    bool is_down =
        master_is_down(master_program_core(m->k->p), "localhost", "127.0.0.1");
    agent->port = 5051 + (int)at;
    if (is_down && !agent->id[0])
        return; /* it would not be let in */
    if (!is_down && pick(m, 8) == 0)
        agent->id[0] = '\0'; /* a new machine at the old address */
    if (agent->id[0] && f->id[0] && pick(m, 2) == 0)
        buf_addf(&more,
                 ",\"tasks\":[{\"name\":\"x\",\"task_id\":{\"value\":\"t%u\"},"
                 "\"framework_id\":{\"value\":\"%s\"},\"agent_id\":{"
                 "\"value\":\"%s\"},\"state\":\"%s\",\"resources\":[{\"name\":"
                 "\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":0.1}}]}]",
                 pick(m, TASKS), f->id, agent->id,
                 pick(m, 3) ? "TASK_RUNNING" : "TASK_FAILED");
    kit_agent_subscribe(m->k, agent, buf_text(&more));
    buf_release(&more);
    m->is_up[at] = true;
}

static void agent_step(struct monkey *m)
{
    static const char *const STATE[] = {"TASK_STARTING", "TASK_RUNNING",
                                        "TASK_FINISHED", "TASK_FAILED",
                                        "TASK_LOST"};
    uint32_t at = pick(m, AGENTS);
    char id[16], rest[512];
    const struct kit_framework *f = &m->f[pick(m, FRAMEWORKS)];
    switch (pick(m, 8)) {
    case 0:
        subscribe_agent(m, at);
        break;
    case 1:
        if (m->is_up[at] && !kit_is_closed(m->k, m->agent[at].stream))
            kit_hang_up(m->k, m->agent[at].stream);
        m->is_up[at] = false;
        break;
    case 2:
        kit_report(m->k, &m->agent[at], pick(m, 9) ? "PONG" : "UNSUBSCRIBE",
                   "");
        break;
    case 3:
        snprintf(rest, sizeof rest,
                 ",\"exited_executor\":{\"framework_id\":{\"value\":\"%s\"},"
                 "\"executor_id\":{\"value\":\"e%u\"},\"status\":9}",
                 f->id, pick(m, 3));
        kit_report(m->k, &m->agent[at], "EXITED_EXECUTOR", rest);
        break;
    default:
        snprintf(id, sizeof id, "t%u", pick(m, TASKS));
        snprintf(rest, sizeof rest,
                 ",\"update\":{\"framework_id\":{\"value\":\"%s\"},\"status\":"
                 "{\"task_id\":{\"value\":\"%s\"},\"state\":\"%s\",\"uuid\":"
                 "\"%s\"},\"latest_state\":\"%s\"}",
                 f->id, id, STATE[pick(m, 5)],
                 kit_uuid((char)('a' + pick(m, 20)), (char[32]){0}),
                 STATE[pick(m, 5)]);
        kit_report(m->k, &m->agent[at], "UPDATE", rest);
    }
}

/* --- frameworks --- */

/* The latest offer of the stream, read or not, good or not. */
static const char *some_offer(struct monkey *m, const struct kit_framework *f,
                              char out[128], char agent_id[128])
{
    for (uint32_t i = m->k->records.count; i > 0; i--) {
        const struct kit_record *record = &m->k->records.item[i - 1];
        if (record->exchange != f->stream ||
            !strstr(record->text, "\"OFFERS\""))
            continue;
        kit_pick(record->text, "\"agent_id\":{\"value\":\"", agent_id, 128);
        return kit_pick(record->text, "\"offers\":[{\"id\":{\"value\":\"", out,
                        128);
    }
    snprintf(agent_id, 128, "nobody");
    snprintf(out, 128, "nothing");
    return out;
}

#define EXECUTOR_1                                                            \
    "\"executor\":{\"executor_id\":{\"value\":\"e1\"},\"command\":{"          \
    "\"value\":\"x\"},\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\"," \
    "\"scalar\":{\"value\":0.5}}]}"
#define EXECUTOR_2                                                   \
    "\"executor\":{\"executor_id\":{\"value\":\"e2\"},\"command\":{" \
    "\"value\":\"x\"}}"

static void launch(struct monkey *m, const struct kit_framework *f)
{
    static const char *const WHAT[] = {"\"command\":{\"value\":\"true\"}",
                                       EXECUTOR_1, EXECUTOR_2, "\"data\":\"\""};
    char offer[128], agent_id[128], id[16], task[1024];
    some_offer(m, f, offer, agent_id);
    snprintf(id, sizeof id, "t%u", pick(m, TASKS));
    kit_task(task, sizeof task, id, agent_id, WHAT[pick(m, 4)]);
    struct buf rest = {0};
    buf_addf(&rest,
             ",\"accept\":{\"offer_ids\":[{\"value\":\"%s\"}],\"operations\":["
             "{\"type\":\"LAUNCH\",\"launch\":{\"task_infos\":[%s]}}],"
             "\"filters\":{\"refuse_seconds\":%u}}",
             offer, task, pick(m, 4));
    kit_call(m->k, f, "ACCEPT", buf_text(&rest));
    buf_release(&rest);
}

static void answer_inverse(struct monkey *m, const struct kit_framework *f)
{
    char id[128] = "nothing", rest[512];
    const char *kind = pick(m, 2) ? "accept" : "decline";
    for (uint32_t i = m->k->records.count; i > 0; i--) {
        const struct kit_record *record = &m->k->records.item[i - 1];
        if (record->exchange != f->stream ||
            !strstr(record->text, "\"INVERSE_OFFERS\""))
            continue;
        kit_pick(record->text, "\"inverse_offers\":[{\"id\":{\"value\":\"", id,
                 sizeof id);
        break;
    }
    snprintf(rest, sizeof rest,
             ",\"%s_inverse_offers\":{\"inverse_offer_ids\":[{\"value\":"
             "\"%s\"}],\"filters\":{\"refuse_seconds\":%u}}",
             kind, id, pick(m, 9));
    kit_call(m->k, f,
             kind[0] == 'a' ? "ACCEPT_INVERSE_OFFERS"
                            : "DECLINE_INVERSE_OFFERS",
             rest);
}

static void small_call(struct monkey *m, const struct kit_framework *f)
{
    char offer[128], agent_id[128], rest[512];
    some_offer(m, f, offer, agent_id);
    uint32_t task = pick(m, TASKS);
    switch (pick(m, 7)) {
    case 6:
        answer_inverse(m, f);
        break;
    case 0:
        snprintf(rest, sizeof rest,
                 ",\"decline\":{\"offer_ids\":[{\"value\":\"%s\"}],"
                 "\"filters\":{\"refuse_seconds\":%u}}",
                 offer, pick(m, 20));
        kit_call(m->k, f, "DECLINE", rest);
        break;
    case 1:
        snprintf(rest, sizeof rest,
                 ",\"kill\":{\"task_id\":{\"value\":\"t%u\"}}", task);
        kit_call(m->k, f, "KILL", rest);
        break;
    case 2:
        snprintf(rest, sizeof rest,
                 ",\"acknowledge\":{\"agent_id\":{\"value\":\"%s\"},"
                 "\"task_id\":{\"value\":\"t%u\"},\"uuid\":\"%s\"}",
                 m->agent[pick(m, AGENTS)].id, task,
                 kit_uuid((char)('a' + pick(m, 20)), (char[32]){0}));
        kit_call(m->k, f, "ACKNOWLEDGE", rest);
        break;
    case 3:
        kit_call(m->k, f, "RECONCILE", ",\"reconcile\":{}");
        break;
    case 4:
        kit_call(m->k, f, "SUPPRESS", "");
        break;
    default:
        kit_call(m->k, f, "REVIVE", "");
    }
}

static void framework_step(struct monkey *m)
{
    uint32_t at = pick(m, FRAMEWORKS);
    struct kit_framework *f = &m->f[at];
    uint32_t dice = pick(m, 40);
    if (!m->is_subscribed[at] || kit_is_closed(m->k, f->stream)) {
        if (f->id[0] && pick(m, 5))
            *f = kit_resubscribe(m->k, f, INFO[at]);
        else
            *f = kit_subscribe(m->k, INFO[at], "");
        m->is_subscribed[at] = !kit_is_closed(m->k, f->stream);
        if (!m->is_subscribed[at])
            f->id[0] = '\0'; /* removed: be somebody new */
    } else if (dice == 0) {
        kit_call(m->k, f, "TEARDOWN", "");
    } else if (dice == 1) {
        kit_hang_up(m->k, f->stream);
        m->is_subscribed[at] = false;
    } else if (dice == 2) {
        *f = kit_resubscribe(m->k, f, INFO[at]);
    } else if (dice < 25) {
        launch(m, f);
    } else {
        small_call(m, f);
    }
}

/* All agents are of one machine, which has three names. */
static void maintenance_step(struct monkey *m)
{
    static const char *const NAME[] = {
        "{\"hostname\":\"localhost\"}", "{\"ip\":\"127.0.0.1\"}",
        "{\"hostname\":\"localhost\",\"ip\":\"127.0.0.1\"}"};
    char body[512];
    const char *name = NAME[pick(m, 3)];
    switch (pick(m, 6)) {
    case 0:
        (void)kit_post(m->k, "/maintenance/schedule", NULL, "{}");
        break;
    case 1:
    case 2:
        snprintf(body, sizeof body,
                 "{\"windows\":[{\"machine_ids\":[%s],\"unavailability\":"
                 "{\"start\":{\"nanoseconds\":%u}}}]}",
                 name, pick(m, 3));
        (void)kit_post(m->k, "/maintenance/schedule", NULL, body);
        break;
    case 3:
        snprintf(body, sizeof body, "[%s]", name);
        (void)kit_post(m->k, "/machine/down", NULL, body);
        break;
    default:
        for (int i = 0; i < 3; i++) {
            snprintf(body, sizeof body, "[%s]", NAME[i]);
            (void)kit_post(m->k, "/machine/up", NULL, body);
        }
    }
}

static void count(struct monkey *m)
{
    const struct master_counters *c = &master_program_core(m->k->p)->counters;
    m->ran += c->tasks_launched;
    m->offered += c->offers_made;
    m->asked += c->inverse_offers_made;
}

static void step(struct monkey *m)
{
    uint32_t dice = pick(m, 100);
    if (dice == 0 && pick(m, 10) == 0) {
        count(m);
        kit_restart(m->k);
        memset(m->is_up, 0, sizeof m->is_up);
        memset(m->is_subscribed, 0, sizeof m->is_subscribed);
    } else if (dice < 20) {
        kit_wait(m->k, pick(m, 3000));
    } else if (dice == 20) {
        m->k->is_deaf = true;
        kit_wait(m->k, 80000);
        m->k->is_deaf = false;
    } else if (dice == 21) {
        maintenance_step(m);
    } else if (dice < 50) {
        agent_step(m);
    } else {
        framework_step(m);
    }
    if (m->k->records.count > 2000)
        kit_trim(m->k);
}

static void test_a_monkey_finds_no_broken_invariant(void **state)
{
    struct monkey m = {.k = *state};
    for (uint64_t seed = 1; seed <= 12; seed++) {
        rng_seed(&m.rng, seed);
        for (int i = 0; i < STEPS; i++)
            step(&m);
    }
    count(&m);
    assert_true(m.ran > 500);
    assert_true(m.offered > 2000);
    assert_true(m.asked > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_monkey_finds_no_broken_invariant,
                                        kit_set_up, kit_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
