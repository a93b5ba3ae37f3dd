/* What users may do at an agent's port, whose sandboxes they read, and what
 * executors prove themselves with. */
#include "access_kit.h"
#include "agent_kit.h"
#include "perigee/job.pb-c.h"
#include "sys/gate.h"
#include "wire/base64.h"

static const struct access_user USERS[] = {{"root", "*", NULL},
                                           {"looker", "cluster.read", NULL},
                                           {"alice", "job.*", "al"},
                                           {"bob", "job.*", "bob"},
                                           {"team", "job.*", "team"}};
enum { USER_COUNT = sizeof USERS / sizeof *USERS };

static int begin(void **state)
{
    int rc = set_up(state);
    struct fixture *f = *state;
    struct access access = access_all(access_users(USERS, USER_COUNT));
    agent_program_set_access(f->program, &access);
    return rc;
}

static int status_of(struct fixture *f)
{
    const struct effect *reply = first(f, EFFECT_REPLY);
    int status = reply ? reply->response.status : 0;
    if (first(f, EFFECT_METRICS))
        status = 200;
    next_turn(f);
    return status;
}

static int get(struct fixture *f, const char *who, const char *path)
{
    f->principal = who;
    (void)request(f, HTTP_GET, path, NULL, NULL, "");
    return status_of(f);
}

static int call(struct fixture *f, const char *who, const char *type)
{
    f->principal = who;
    (void)request(f, HTTP_POST, "/api/v1", "application/json", NULL,
                  arena_printf(&f->arena, "{\"type\":\"%s\"}", type));
    return status_of(f);
}

static void test_endpoints(void **state)
{
    static const char *const closed[] = {
        "/state",   "/slave(1)/state",   "//containers", "/monitor/statistics",
        "/metrics", "/metrics/snapshot", "/nothing"};
    struct fixture *f = *state;
    assert_int_equal(get(f, NULL, "/health"), 200);
    assert_int_equal(get(f, NULL, "/slave(1)/version"), 200);
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++) {
        assert_int_equal(get(f, NULL, closed[i]), 403);
        assert_int_equal(get(f, "alice", closed[i]), 403);
        assert_int_not_equal(get(f, "looker", closed[i]), 403);
    }
}

static void test_calls(void **state)
{
    static const char *const closed[] = {"GET_FLAGS",      "GET_STATE",
                                         "GET_FRAMEWORKS", "GET_EXECUTORS",
                                         "GET_TASKS",      "GET_AGENT"};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++) {
        assert_int_equal(call(f, NULL, closed[i]), 403);
        assert_int_equal(call(f, "alice", closed[i]), 403);
        assert_int_equal(call(f, "looker", closed[i]), 200);
    }
    assert_int_equal(call(f, NULL, "GET_HEALTH"), 403);
    assert_int_equal(call(f, "alice", "GET_HEALTH"), 200);
    assert_int_equal(call(f, "alice", "GET_VERSION"), 200);
    assert_int_equal(call(f, "root", "KILL_CONTAINER"), 501);
}

static void test_it_says_who_it_is(void **state)
{
    struct fixture *f = *state;
    AGENT_PROGRAM.on_start(f->program, NOW, &f->fx);
    const struct effect *follow = first(f, EFFECT_FOLLOW);
    assert_int_equal(follow->call.header_count, 3);
    assert_string_equal(follow->call.header[2].name, "Authorization");
    assert_string_equal(follow->call.header[2].value, "Basic YTpi");
}

/* --- sandboxes --- */

static bool reads(const struct fixture *f, const char *who,
                  const char *framework, const char *executor)
{
    const struct agent_run_name run = {framework, executor, "latest"};
    return agent_program_reads(f->program, who, &run) == AGENT_READS;
}

/* A task of thermos, of a framework of everybody's; its job is al/test/web. */
static const char *thermos_task(struct fixture *f)
{
    Perigee__AssignedTask data = PERIGEE__ASSIGNED_TASK__INIT;
    Perigee__Job job = PERIGEE__JOB__INIT;
    uint8_t packed[256];
    struct buf text = {0};
    job.cluster = (char *)"c";
    job.role = (char *)"al";
    job.environment = (char *)"test";
    job.name = (char *)"web";
    data.job = &job;
    size_t size = perigee__assigned_task__pack(&data, packed);
    base64_encode(bytes_of(packed, size), &text);
    const char *out = arena_printf(
        &f->arena,
        "{\"name\":\"x\",\"task_id\":{\"value\":\"x\"},\"agent_id\":{\"value\":"
        "\"M-S0\"}," RESOURCES ",\"data\":\"%s\"}",
        buf_text(&text));
    buf_release(&text);
    return out;
}

static char container[64]; /* of the last one */

static void run_thermos(struct fixture *f, exchange_id stream)
{
    order(f, stream,
          arena_printf(&f->arena,
                       "{\"type\":\"RUN\",\"run\":{" FRAMEWORK
                       ",\"executor\":{\"executor_id\":{\"value\":\"e\"},"
                       "\"command\":{\"shell\":false,\"value\":\"/t\"}},"
                       "\"tasks\":[%s]}}",
                       thermos_task(f)));
    const struct agent_launch *launch = act(f, AGENT_ACT_LAUNCH);
    assert_non_null(launch);
    snprintf(container, sizeof container, "%s", launch->container_id);
    assert_string_equal(launch->owner, "job c/al/test/web");
    next_turn(f);
}

static void test_what_was_written_counts(void **state)
{
    static const struct {
        const char *owner, *may;
    } CASE[] = {{"job c/al/test/web", "alice"},
                {"job c/bob/test/web", "bob"},
                {"role team", "team"},
                {"role *", NULL},
                {"job al", NULL},
                {"", NULL},
                {"role ", NULL},
                {NULL, NULL}};
    static const char *const who[] = {"alice", "bob", "team", "looker", NULL};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++)
        for (int j = 0; j < 5; j++) {
            bool may =
                CASE[i].may && who[j] && strcmp(CASE[i].may, who[j]) == 0;
            assert_int_equal(
                agent_program_owner_may(f->program, who[j], CASE[i].owner),
                may);
        }
    assert_true(agent_program_owner_may(f->program, "root", "role *"));
}

static void test_a_sandbox_is_its_jobs(void **state)
{
    struct fixture *f = *state;
    run_thermos(f, link_up(f));
    struct agent_run_name run = {"F", "e", container};
    assert_int_equal(agent_program_reads(f->program, "alice", &run),
                     AGENT_READS);
    assert_int_equal(agent_program_reads(f->program, "bob", &run),
                     AGENT_READS_NOT);
    run.container = "another";
    assert_int_equal(agent_program_reads(f->program, "alice", &run),
                     AGENT_READS_UNKNOWN);
    assert_int_equal(agent_program_reads(f->program, "root", &run),
                     AGENT_READS);
    assert_true(reads(f, "alice", "F", "e"));
    assert_true(reads(f, "root", "F", "e"));
    assert_false(reads(f, "bob", "F", "e"));
    assert_false(reads(f, "looker", "F", "e"));
    assert_false(reads(f, "team", "F", "e"));
    assert_false(reads(f, NULL, "F", "e"));
    assert_false(reads(f, "alice", "F", "other"));
    assert_false(reads(f, "alice", "G", "e"));
    assert_false(reads(f, "alice", "", ""));
    assert_true(reads(f, "root", "G", "e")); /* if there is one */
}

static void test_a_sandbox_is_its_frameworks(void **state)
{
    struct fixture *f = *state;
    exchange_id stream = link_up(f);
    order(f, stream,
          "{\"type\":\"RUN\",\"run\":{\"framework\":{\"user\":\"www\",\"name\":"
          "\"n\",\"id\":{\"value\":\"F\"},\"role\":\"team\"},\"tasks\":[" TASK(
              "t1") "]}}");
    next_turn(f);
    assert_true(reads(f, "team", "F", "t1"));
    assert_true(reads(f, "root", "F", "t1"));
    assert_false(reads(f, "bob", "F", "t1"));
    order(f, stream,
          "{\"type\":\"RUN\",\"run\":{\"framework\":{\"user\":\"www\",\"name\":"
          "\"n\",\"id\":{\"value\":\"G\"},\"roles\":[\"team\",\"bob\"],"
          "\"capabilities\":[{\"type\":\"MULTI_ROLE\"}]},\"tasks\":[" TASK(
              "t2") "]}}");
    next_turn(f);
    assert_false(reads(f, "team", "G", "t2"));
    assert_false(reads(f, "bob", "G", "t2"));
    order(f, stream,
          "{\"type\":\"RUN\",\"run\":{\"framework\":{\"user\":\"www\",\"name\":"
          "\"n\",\"id\":{\"value\":\"H\"}},\"tasks\":[" TASK("t3") "]}}");
    next_turn(f);
    assert_false(reads(f, "team", "H", "t3"));
    assert_true(reads(f, "root", "H", "t3"));
}

static void test_new_users(void **state)
{
    struct fixture *f = *state;
    run_thermos(f, link_up(f));
    struct gate_fact fact = {access_users(USERS, 2)};
    AGENT_PROGRAM.on_fact(f->program, AGENT_FACT_USERS, &fact, NOW, &f->fx);
    next_turn(f);
    assert_false(reads(f, "alice", "F", "e"));
    assert_true(reads(f, "root", "F", "e"));
}

/* --- executors --- */

static const char *token_of(const struct agent_launch *launch)
{
    static const char NAME[] = "MESOS_EXECUTOR_AUTHENTICATION_TOKEN=";
    assert_non_null(launch);
    for (int i = 0; launch->envp[i]; i++)
        if (strncmp(launch->envp[i], NAME, sizeof NAME - 1) == 0)
            return launch->envp[i] + sizeof NAME - 1;
    fail_msg("no token");
    return NULL;
}

static int executor_says(struct fixture *f, const char *authorization)
{
    f->authorization = authorization;
    (void)post(f, SUBSCRIBE);
    if (first(f, EFFECT_STREAM)) {
        next_turn(f);
        return 200;
    }
    return status_of(f);
}

static void test_executors_show_their_token(void **state)
{
    struct fixture *f = *state;
    exchange_id stream = link_up(f);
    run_command(f, stream);
    const struct agent_launch *launch = act(f, AGENT_ACT_LAUNCH);
    const char *token = arena_strdup(&f->arena, token_of(launch));
    assert_true(strlen(token) >= 32);
    const char *right = arena_printf(&f->arena, "Bearer %s", token);
    snprintf(container, sizeof container, "%s", launch->container_id);
    next_turn(f);
    order(f, stream,
          "{\"type\":\"RUN\",\"run\":{" FRAMEWORK
          ",\"tasks\":[" TASK("t2") "]}}");
    const char *other = arena_printf(&f->arena, "Bearer %s",
                                     token_of(act(f, AGENT_ACT_LAUNCH)));
    next_turn(f);
    started(f, container);
    next_turn(f);
    assert_string_not_equal(right, other);
    assert_int_equal(executor_says(f, NULL), 401);
    assert_int_equal(executor_says(f, "Bearer "), 401);
    assert_int_equal(executor_says(f, "Bearer x"), 401);
    assert_int_equal(executor_says(f, other), 401);
    assert_int_equal(
        executor_says(f, arena_printf(&f->arena, "Basic %s", token)), 401);
    f->principal = "root"; /* no executor */
    assert_int_equal(executor_says(f, NULL), 401);
    assert_int_equal(executor_says(f, right), 200);
    f->authorization = other;
    (void)post(f, update_body(f, "TASK_RUNNING", UUID1));
    assert_int_equal(status_of(f), 401);
    f->authorization = right;
    (void)post(f, update_body(f, "TASK_RUNNING", UUID1));
    assert_int_equal(status_of(f), 202);
}

static void test_unknown_executors_look_like_wrong_ones(void **state)
{
    struct fixture *f = *state;
    (void)link_up(f);
    assert_int_equal(executor_says(f, "Bearer x"), 401);
    f->authorization = NULL;
    (void)post(f, "{" WHO ",\"type\":\"HEARTBEAT\"}");
    assert_int_equal(status_of(f), 401);
}

static void test_realms(void **state)
{
    static const struct {
        const char *path;
        enum realm realm;
    } PATH[] = {{"/health", REALM_OPEN},
                {"/slave(1)/version", REALM_OPEN},
                {"//api/v1/executor", REALM_OPEN},
                {"/api/v1/executor/", REALM_OPEN},
                {"/api/v1/executors", REALM_READWRITE},
                {"/slave(1)/api/v1", REALM_READWRITE},
                {"/files/read", REALM_READONLY},
                {"/slave(1)/files/browse", REALM_READONLY},
                {"/healthy", REALM_READONLY},
                {"/", REALM_READONLY}};
    (void)state;
    for (size_t i = 0; i < sizeof PATH / sizeof *PATH; i++) {
        struct http_request r = {.path = PATH[i].path};
        assert_int_equal(agent_realm_of(&r), PATH[i].realm);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_endpoints),
        TEST(test_calls),
        TEST(test_it_says_who_it_is),
        TEST(test_a_sandbox_is_its_jobs),
        TEST(test_what_was_written_counts),
        TEST(test_a_sandbox_is_its_frameworks),
        TEST(test_new_users),
        TEST(test_executors_show_their_token),
        TEST(test_unknown_executors_look_like_wrong_ones),
        cmocka_unit_test(test_realms),
    };
    return cmocka_run_group_tests_name("agent_access", tests, NULL, NULL);
}
