/* What users may do at the master's port. */
#include "access_kit.h"
#include "master_kit.h"
#include "sys/gate.h"

static const struct access_user USERS[] = {
    {"root", "*", NULL},
    {"aurora", "framework.register", NULL},
    {"team", "framework.register", "team"},
    {"host", "agent.register", NULL},
    {"looker", "*.read", NULL},
    {"bob", "job.*", "bob"},
};
enum { USER_COUNT = sizeof USERS / sizeof *USERS };

static int set_up(void **state)
{
    int rc = kit_set_up(state);
    struct kit *k = *state;
    struct access access = access_all(access_users(USERS, USER_COUNT));
    master_program_set_access(k->p, &access);
    return rc;
}

static int ask(struct kit *k, const char *who, const char *type)
{
    char body[256];
    snprintf(body, sizeof body,
             "{\"type\":\"%s\",\"start_maintenance\":{\"machines\":[]},"
             "\"stop_maintenance\":{\"machines\":[]},"
             "\"update_maintenance_schedule\":{\"schedule\":{}}}",
             type);
    k->principal = who;
    (void)kit_post(k, "/api/v1", NULL, body);
    return k->status;
}

static void test_calls_of_the_operator(void **state)
{
    static const struct {
        const char *type;
        int nobody, bob, looker, root;
    } CALL[] = {
        {"GET_HEALTH", 403, 200, 200, 200},
        {"GET_VERSION", 403, 200, 200, 200},
        {"GET_FLAGS", 403, 403, 200, 200},
        {"GET_STATE", 403, 403, 200, 200},
        {"GET_AGENTS", 403, 403, 200, 200},
        {"GET_FRAMEWORKS", 403, 403, 200, 200},
        {"GET_EXECUTORS", 403, 403, 200, 200},
        {"GET_TASKS", 403, 403, 200, 200},
        {"GET_MAINTENANCE_STATUS", 403, 403, 200, 200},
        {"GET_MAINTENANCE_SCHEDULE", 403, 403, 200, 200},
        {"UPDATE_MAINTENANCE_SCHEDULE", 403, 403, 403, 200},
        {"START_MAINTENANCE", 403, 403, 403, 400},
        {"STOP_MAINTENANCE", 403, 403, 403, 400},
        {"GET_ROLES", 403, 403, 501, 501},
    };
    struct kit *k = *state;
    for (size_t i = 0; i < sizeof CALL / sizeof *CALL; i++) {
        assert_int_equal(ask(k, NULL, CALL[i].type), CALL[i].nobody);
        assert_int_equal(ask(k, "bob", CALL[i].type), CALL[i].bob);
        assert_int_equal(ask(k, "looker", CALL[i].type), CALL[i].looker);
        int got = ask(k, "root", CALL[i].type);
        if (got != CALL[i].root && got != 200)
            fail_msg("%s: %d %s", CALL[i].type, got, k->body);
    }
}

static void test_plain_endpoints(void **state)
{
    static const char *const open[] = {"/health", "/version", "/redirect",
                                       "//master/health"};
    static const char *const closed[] = {"/flags",
                                         "/state",
                                         "/master/state",
                                         "//state//x",
                                         "/metrics",
                                         "/metrics/snapshot",
                                         "/maintenance/schedule",
                                         "/maintenance/status",
                                         "/nothing",
                                         "/"};
    struct kit *k = *state;
    k->principal = NULL;
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        kit_get(k, open[i]);
        assert_true(k->status / 100 == 2 || k->status == 307);
    }
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++) {
        k->principal = NULL;
        kit_get(k, closed[i]);
        assert_int_equal(k->status, 403);
    }
    k->principal = "bob";
    kit_get(k, "/state");
    assert_int_equal(k->status, 403);
    k->principal = "looker";
    kit_get(k, "/state");
    assert_int_equal(k->status, 200);
    (void)kit_post(k, "/machine/down", NULL, "[]");
    assert_int_equal(k->status, 403);
}

static const char BODY[] =
    "{\"type\":\"SUBSCRIBE\",\"subscribe\":{\"framework_info\":{\"user\":"
    "\"root\",\"name\":\"rec\"%s}}}";

static exchange_id subscribe(struct kit *k, const char *who, const char *info)
{
    char body[512];
    snprintf(body, sizeof body, BODY, info);
    k->principal = who;
    return kit_post(k, "/api/v1/scheduler", NULL, body);
}

static void test_frameworks_are_who_they_say(void **state)
{
    struct kit *k = *state;
    (void)subscribe(k, "aurora", ",\"principal\":\"root\"");
    assert_int_equal(k->status, 400);
    assert_string_equal(
        k->body, "Failed to validate scheduler::Call: Authenticated principal "
                 "'aurora' does not match principal 'root' set in "
                 "`FrameworkInfo`");
    exchange_id stream = subscribe(k, "bob", "");
    assert_int_equal(k->status, 200);
    kit_next(k, stream, "Not authorized to use roles '*'");
    assert_true(kit_is_closed(k, stream));
    stream = subscribe(k, "team", "");
    kit_next(k, stream, "Not authorized to use roles '*'");
    (void)subscribe(k, NULL, "");
    assert_int_equal(k->status, 403);
    stream = subscribe(k, "team", ",\"role\":\"team\"");
    kit_next(k, stream, "SUBSCRIBED");
    k->principal = "aurora";
    (void)kit_subscribe(k, "", "");
    k->principal = "root";
    kit_get(k, "/state");
    assert_non_null(strstr(k->body, "\"principal\":\"aurora\""));
}

static void test_frameworks_are_left_alone(void **state)
{
    struct kit *k = *state;
    k->principal = "aurora";
    struct kit_framework f = kit_subscribe(k, ",\"failover_timeout\":60", "");
    const char *const others[] = {"team", "bob", "host"};
    for (int i = 0; i < 3; i++) {
        k->principal = others[i];
        kit_call(k, &f, "TEARDOWN", "");
        assert_int_equal(k->status, 400);
        assert_string_equal(k->body, "Framework cannot be found");
    }
    k->principal = NULL;
    kit_call(k, &f, "TEARDOWN", "");
    assert_int_equal(k->status, 403);
    /* Even who may register frameworks: it is another's. */
    k->principal = "root";
    kit_call(k, &f, "TEARDOWN", "");
    assert_int_equal(k->status, 400);
    struct kit_framework other = kit_resubscribe(k, &f, "");
    kit_next(k, other.stream, "Changing framework's principal is not allowed.");
    assert_false(kit_is_closed(k, f.stream));
    k->principal = "aurora";
    kit_call(k, &f, "REVIVE", "");
    assert_int_equal(k->status, 202);
}

static void test_agents_are_asked(void **state)
{
    struct kit *k = *state;
    const char *const others[] = {"aurora", "bob", "looker", NULL};
    for (int i = 0; i < 4; i++) {
        k->principal = others[i];
        (void)kit_post(k, "/api/v1/agent", NULL, "{\"type\":\"SUBSCRIBE\"}");
        assert_int_equal(k->status, 403);
    }
    k->principal = "host";
    struct kit_agent agent = kit_new_agent(k, 5051);
    assert_string_not_equal(agent.id, "");
}

static void test_who_may_no_more_loses_his_stream(void **state)
{
    struct kit *k = *state;
    k->principal = "team";
    exchange_id gone = subscribe(k, "team", ",\"role\":\"team\"");
    struct kit_framework f = {0};
    k->principal = "aurora";
    f = kit_subscribe(k, "", "");
    struct gate_fact fact = {access_users(USERS, 2)};
    MASTER_PROGRAM.on_fact(k->p, MASTER_FACT_USERS, &fact, k->now_ms, &k->fx);
    kit_run(k);
    assert_true(kit_is_closed(k, gone));
    assert_false(kit_is_closed(k, f.stream));
    kit_call(k, &f, "REVIVE", "");
    assert_int_equal(k->status, 202);
}

/* A master that begins to ask does not lose the framework it has. */
static void test_a_framework_is_given_its_principal(void **state)
{
    struct kit *k = *state;
    struct access none = {0};
    struct access all = access_all(access_users(USERS, USER_COUNT));
    master_program_set_access(k->p, &none);
    struct kit_framework f = kit_subscribe(k, ",\"failover_timeout\":60", "");
    master_program_set_access(k->p, &all);
    k->principal = "team";
    struct kit_framework again =
        kit_resubscribe(k, &f, ",\"role\":\"team\",\"failover_timeout\":60");
    kit_next(k, again.stream, "Not authorized to use roles '*'");
    k->principal = "aurora";
    again = kit_resubscribe(k, &f, ",\"failover_timeout\":60");
    kit_next(k, again.stream, "SUBSCRIBED");
    k->principal = "root";
    again = kit_resubscribe(k, &f, ",\"failover_timeout\":60");
    kit_next(k, again.stream, "Changing framework's principal");
}

static void test_realms(void **state)
{
    static const struct {
        const char *path;
        enum realm realm;
    } PATH[] = {{"/health", REALM_OPEN},
                {"/master/version", REALM_OPEN},
                {"/state", REALM_READONLY},
                {"/api/v1", REALM_READWRITE},
                {"/master(1)/api/v1/", REALM_READWRITE},
                {"/api/v1/scheduler", REALM_SCHEDULER},
                {"/api//v1/agent/x", REALM_AGENT},
                {"/machine/up", REALM_READWRITE},
                {"/x", REALM_READONLY},
                {"", REALM_READONLY}};
    (void)state;
    for (size_t i = 0; i < sizeof PATH / sizeof *PATH; i++) {
        struct http_request r = {.path = PATH[i].path};
        assert_int_equal(master_realm_of(&r), PATH[i].realm);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, kit_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_calls_of_the_operator),
        TEST(test_plain_endpoints),
        TEST(test_frameworks_are_who_they_say),
        TEST(test_frameworks_are_left_alone),
        TEST(test_agents_are_asked),
        TEST(test_who_may_no_more_loses_his_stream),
        TEST(test_a_framework_is_given_its_principal),
        cmocka_unit_test(test_realms),
    };
    return cmocka_run_group_tests_name("master_access", tests, NULL, NULL);
}
