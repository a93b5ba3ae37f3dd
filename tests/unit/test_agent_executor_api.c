/* The agent's executor API and reads: what is refused, and in which words. */
#include "agent_kit.h"

#define BAD "Failed to validate Executor::Call: "
#define EF \
    "\"executor_id\":{\"value\":\"e\"},\"framework_id\":{\"value\":\"f\"}"
#define STATUS(more)                                                    \
    "{" EF ",\"type\":\"UPDATE\",\"update\":{\"status\":{\"task_id\":{" \
    "\"value\":\"x\"}," more "}}}"

static void test_executor_calls_are_checked_in_order(void **state)
{
    struct fixture *f = *state;
    static const char *const json = "application/json";
    /* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding) */
    const struct {
        enum http_method method;
        const char *type, *accept, *body;
        int status;
        const char *text;
    } row[] = {
        {HTTP_GET, json, json, "", 405,
         "405 Method Not Allowed. Expecting one of { 'POST' }, but received "
         "'GET'."},
        {HTTP_POST, NULL, json, "{}", 400,
         "Expecting 'Content-Type' to be present"},
        {HTTP_POST, "text/plain", json, "{}", 415,
         "Expecting 'Content-Type' of application/json or "
         "application/x-protobuf"},
        {HTTP_POST, json, json, "{", 400, "Failed to parse body into JSON: "},
        {HTTP_POST, json, json, "{}", 400,
         "Failed to convert JSON into Call protobuf: Missing required fields: "
         "executor_id, framework_id"},
        {HTTP_POST, json, json, "{" EF ",\"type\":\"NOPE\"}", 400,
         BAD "Expecting 'type' to be present"},
        {HTTP_POST, json, json, "{" EF ",\"type\":\"SUBSCRIBE\"}", 400,
         BAD "Expecting 'subscribe' to be present"},
        {HTTP_POST, json, "text/html",
         "{" EF ",\"type\":\"SUBSCRIBE\",\"subscribe\":{}}", 406,
         "Expecting 'Accept' to allow 'application/x-protobuf' or "
         "'application/json'"},
        {HTTP_POST, json, json,
         "{" EF ",\"type\":\"SUBSCRIBE\",\"subscribe\":{}}", 400,
         "Framework cannot be found"},
        {HTTP_POST, json, json, "{" EF ",\"type\":\"HEARTBEAT\"}", 202, ""},
        {HTTP_POST, json, json, STATUS("\"state\":\"TASK_RUNNING\""), 400,
         BAD "Expecting 'uuid' to be present"},
        {HTTP_POST, json, json,
         STATUS("\"state\":\"TASK_RUNNING\",\"uuid\":\"AAAA\""), 400,
         BAD "Not a valid UUID"},
        {HTTP_POST, json, json,
         STATUS("\"state\":\"TASK_RUNNING\",\"source\":\"SOURCE_MASTER\","
                "\"uuid\":\"" UUID1 "\""),
         400,
         BAD "Received Call from executor e of framework f with invalid "
             "source, expecting 'SOURCE_EXECUTOR'"},
        {HTTP_POST, json, json,
         STATUS("\"state\":\"TASK_STAGING\",\"source\":\"SOURCE_EXECUTOR\","
                "\"uuid\":\"" UUID1 "\""),
         400,
         BAD "Received TASK_STAGING from executor e of framework f which is "
             "not allowed"},
        {HTTP_POST, json, json,
         STATUS("\"state\":\"TASK_RUNNING\",\"source\":\"SOURCE_EXECUTOR\","
                "\"uuid\":\"" UUID1 "\""),
         400, "Framework cannot be found"},
        {HTTP_POST, json, json,
         "{" EF ",\"type\":\"MESSAGE\",\"message\":{\"data\":\"aGk=\"}}", 400,
         "Framework cannot be found"},
    };
    (void)link_up(f);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        request(f, row[i].method, "/slave(1)/api/v1/executor", row[i].type,
                row[i].accept, row[i].body);
        const struct effect *reply = first(f, EFFECT_REPLY);
        assert_non_null(reply);
        assert_int_equal(reply->response.status, row[i].status);
        struct bytes body = reply->response.body;
        if (body.size < strlen(row[i].text) ||
            memcmp(body.data, row[i].text, strlen(row[i].text)) != 0)
            fail_msg("row %zu: want '%s', got '%.*s'", i, row[i].text,
                     (int)body.size, (const char *)body.data);
        next_turn(f);
    }
}

static void test_an_unknown_or_unsubscribed_executor_is_refused(void **state)
{
    struct fixture *f = *state;
    exchange_id stream = link_up(f);
    run_command(f, stream);
    next_turn(f);
    post(f, update_body(f, "TASK_RUNNING", UUID1));
    assert_int_equal(first(f, EFFECT_REPLY)->response.status, 403);
    has_text(first(f, EFFECT_REPLY)->response.body,
             "Executor is not subscribed");
    next_turn(f);
    post(f, "{\"executor_id\":{\"value\":\"x\"},\"framework_id\":{\"value\":"
            "\"F\"},\"type\":\"SUBSCRIBE\",\"subscribe\":{}}");
    assert_int_equal(first(f, EFFECT_REPLY)->response.status, 400);
    has_text(first(f, EFFECT_REPLY)->response.body, "Executor cannot be found");
    next_turn(f);
}

static void test_what_the_agent_cannot_do_is_refused_by_name(void **state)
{
    struct fixture *f = *state;
    exchange_id stream = link_up(f);
    order(f, stream,
          "{\"type\":\"RUN\",\"run\":{" FRAMEWORK
          ",\"tasks\":[{\"name\":\"t1\",\"task_id\":{\"value\":\"t1\"},"
          "\"agent_id\":{\"value\":\"M-S0\"}," RESOURCES
          ",\"command\":{\"value\":\"true\"},\"container\":{\"type\":"
          "\"DOCKER\",\"docker\":{\"image\":\"x\"}}}]}}");
    assert_null(act(f, AGENT_ACT_LAUNCH));
    Perigee__Agent__Call *update = NULL;
    for (int i = 0; nth(f, EFFECT_CALL, i) != NULL; i++) {
        Perigee__Agent__Call *call = call_in(f, nth(f, EFFECT_CALL, i));
        if (call->type == PERIGEE__AGENT__CALL__TYPE__UPDATE)
            update = call;
    }
    assert_string_equal(update ? update->update->status->message : "no update",
                        "Failed to launch container: this agent does not "
                        "support Docker containers");
    next_turn(f);
    request(f, HTTP_POST, "/api/v1", "application/json", NULL,
            "{\"type\":\"PRUNE_IMAGES\"}");
    assert_int_equal(first(f, EFFECT_REPLY)->response.status, 501);
    has_text(first(f, EFFECT_REPLY)->response.body, "PRUNE_IMAGES");
    next_turn(f);
}

static void test_reads_have_mesos_form(void **state)
{
    struct fixture *f = *state;
    char container[64];
    exchange_id stream = link_up(f);
    run_to_subscribed(f, stream, container);
    next_turn(f);
    post(f, update_body(f, "TASK_RUNNING", UUID1));
    next_turn(f);
    const struct {
        const char *path, *body, *text;
    } row[] = {
        {"/state", NULL,
         "\"resources\":{\"disk\":8192.0,\"mem\":4096.0,\"gpus\":0.0,\"cpus\":"
         "4.0,\"ports\":\"[31000-31999]\"}"},
        {"/state", NULL, "\"attributes\":{\"rack\":\"r1\",\"size\":3.5}"},
        {"/slave(1)/state", NULL,
         "\"unreserved_resources_allocated\":{\"disk\":0.0,\"mem\":96.0,"
         "\"gpus\":0.0,\"cpus\":0.6}"},
        {"/state", NULL, "\"state\":\"TASK_RUNNING\""},
        {"/state/", NULL, "\"flags\":{\"port\":\"5051\"}"},
        {"/version", NULL, "\"version\":\"1.12.0\""},
        {"/containers", NULL, "\"executor_pid\":4242"},
        {"/monitor/statistics", NULL, "\"mem_soft_limit_bytes\":100663296"},
        {"/api/v1", "GET_HEALTH",
         "{\"type\":\"GET_HEALTH\",\"get_health\":{\"healthy\":true}}"},
        {"/api/v1", "GET_VERSION", "\"version_info\":{\"version\":\"1.12.0\""},
        {"/api/v1", "GET_FLAGS", "{\"name\":\"port\",\"value\":\"5051\"}"},
        {"/api/v1", "GET_TASKS", "\"launched_tasks\":[{\"name\":\"t1\""},
        {"/api/v1", "GET_EXECUTORS", "\"executor_id\":{\"value\":\"t1\"}"},
        {"/api/v1", "GET_FRAMEWORKS", "\"framework_info\":{\"user\":\"www\""},
        {"/api/v1", "GET_AGENT", "\"id\":{\"value\":\"M-S0\"}"},
        {"/api/v1", "GET_STATE", "\"get_state\":{\"get_tasks\":"},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        if (row[i].body == NULL)
            request(f, HTTP_GET, row[i].path, NULL, NULL, "");
        else
            request(f, HTTP_POST, row[i].path, "application/json", NULL,
                    arena_printf(&f->arena, "{\"type\":\"%s\"}", row[i].body));
        const struct effect *reply = first(f, EFFECT_REPLY);
        assert_int_equal(reply->response.status, 200);
        has_text(reply->response.body, row[i].text);
        next_turn(f);
    }
    request(f, HTTP_GET, "/health", NULL, NULL, "");
    assert_int_equal(first(f, EFFECT_REPLY)->response.status, 200);
    assert_int_equal(first(f, EFFECT_REPLY)->response.body.size, 0);
    next_turn(f);
    request(f, HTTP_GET, "/nope", NULL, NULL, "");
    has_text(first(f, EFFECT_REPLY)->response.body, "404 Not Found.");
    next_turn(f);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_executor_calls_are_checked_in_order),
        TEST(test_an_unknown_or_unsubscribed_executor_is_refused),
        TEST(test_what_the_agent_cannot_do_is_refused_by_name),
        TEST(test_reads_have_mesos_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
