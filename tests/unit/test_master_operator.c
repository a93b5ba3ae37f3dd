/* The operator API, the plain endpoints and the metrics of the master. Facts
 * from recordings of a real Mesos. */
#include "master_kit.h"

#define KEPT                                                             \
    ",\"roles\":[\"dev\"],\"checkpoint\":true,\"failover_timeout\":100," \
    "\"capabilities\":[{\"type\":\"MULTI_ROLE\"},{\"type\":"             \
    "\"PARTITION_AWARE\"}]"

static void ask(struct kit *k, const char *type)
{
    char body[128];
    snprintf(body, sizeof body, "{\"type\":\"%s\"}", type);
    (void)kit_post(k, "/api/v1", NULL, body);
}

static void has(const struct kit *k, const char *part)
{
    if (!strstr(k->body, part))
        fail_msg("want %s\nin %s", part, k->body);
}

/* One agent, one framework, task t1 running and t2 over. */
static struct kit_framework populate(struct kit *k, struct kit_agent *agent)
{
    char offer[128], task[1024];
    *agent = kit_new_agent(k, 5051);
    struct kit_framework f = kit_subscribe(k, KEPT, "");
    for (int i = 1; i <= 2; i++) {
        char id[4] = {'t', (char)('0' + i), '\0'};
        kit_offer(k, &f, offer, sizeof offer);
        kit_launch(k, &f, offer,
                   kit_task(task, sizeof task, id, agent->id,
                            "\"command\":{\"value\":\"true\"},\"labels\":{"
                            "\"labels\":[{\"key\":\"a\",\"value\":\"b\"}]}"),
                   ",\"filters\":{\"refuse_seconds\":0}");
    }
    kit_offer(k, &f, offer, sizeof offer);
    kit_update(k, agent, &f, "t1", "TASK_RUNNING", 'a');
    kit_update(k, agent, &f, "t2", "TASK_FINISHED", 'b');
    kit_acknowledge(k, &f, agent, "t2", 'b');
    return f;
}

static void test_checks_in_front_of_a_question(void **state)
{
    struct kit *k = *state;
    const char *const json[] = {"Content-Type: application/json", NULL};
    const char *const text[] = {"Content-Type: text/plain", NULL};
    const char *const none[] = {NULL};
    const char *const html[] = {"Content-Type: application/json",
                                "Accept: text/html", NULL};
    (void)kit_request(k, "GET", "/api/v1", "", json);
    assert_int_equal(k->status, 405);
    assert_string_equal(k->body, "405 Method Not Allowed. Expecting one of { "
                                 "'POST' }, but received 'GET'.");
    (void)kit_request(k, "POST", "/api/v1", "{}", json);
    assert_int_equal(k->status, 400);
    assert_string_equal(
        k->body,
        "Failed to validate master::Call: Expecting 'type' to be present");
    ask(k, "NOPE");
    assert_int_equal(k->status, 400);
    ask(k, "UNKNOWN");
    assert_int_equal(k->status, 501);
    assert_string_equal(k->body, "501 Not Implemented.");
    ask(k, "UPDATE_QUOTA");
    assert_int_equal(k->status, 501);
    assert_string_equal(k->body,
                        "UPDATE_QUOTA is not supported by this master");
    (void)kit_request(k, "POST", "/api/v1", "{\"type\":\"GET_HEALTH\"}", text);
    assert_int_equal(k->status, 415);
    (void)kit_request(k, "POST", "/api/v1", "{\"type\":\"GET_HEALTH\"}", none);
    assert_int_equal(k->status, 400);
    (void)kit_request(k, "POST", "/api/v1", "{\"type\":\"GET_HEALTH\"}", html);
    assert_int_equal(k->status, 406);
}

static void test_small_answers(void **state)
{
    struct kit *k = *state;
    ask(k, "GET_HEALTH");
    assert_string_equal(
        k->body, "{\"type\":\"GET_HEALTH\",\"get_health\":{\"healthy\":true}}");
    ask(k, "GET_VERSION");
    assert_string_equal(k->body,
                        "{\"type\":\"GET_VERSION\",\"get_version\":{\"version_"
                        "info\":{\"version\":\"1.12.0\"}}}");
    ask(k, "GET_AGENTS");
    assert_string_equal(k->body,
                        "{\"type\":\"GET_AGENTS\",\"get_agents\":{\"agents\":["
                        "],\"recovered_agents\":[]}}");
    ask(k, "GET_TASKS");
    assert_string_equal(k->body, "{\"type\":\"GET_TASKS\",\"get_tasks\":{"
                                 "\"tasks\":[],\"unreachable_tasks\":[],"
                                 "\"completed_tasks\":[]}}");
    ask(k, "GET_FLAGS");
    assert_int_equal(k->status, 200);
}

static void test_protobuf_answers(void **state)
{
    struct kit *k = *state;
    const char *const header[] = {"Content-Type: application/json",
                                  "Accept: application/x-protobuf", NULL};
    (void)kit_request(k, "POST", "/api/v1", "{\"type\":\"GET_HEALTH\"}",
                      header);
    static const char WANT[] = "\x08\x01\x12\x02\x08\x01";
    assert_memory_equal(k->body, WANT, sizeof WANT);
}

static void test_agents_are_listed(void **state)
{
    struct kit *k = *state;
    struct kit_agent agent;
    (void)populate(k, &agent);
    ask(k, "GET_AGENTS");
    has(k, "\"agents\":[{\"agent_info\":{\"hostname\":\"localhost\"");
    has(k, "\"active\":true,\"deactivated\":false,\"version\":\"1.12.0\","
           "\"pid\":\"slave(1)@127.0.0.1:5051\",\"registered_time\":{"
           "\"nanoseconds\":1700000000000000000}");
    has(k, "\"allocated_resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\","
           "\"scalar\":{\"value\":0.1},\"role\":\"*\",\"allocation_info\":{"
           "\"role\":\"dev\"}}");
    kit_restart(k);
    ask(k, "GET_AGENTS");
    has(k, "\"agents\":[],\"recovered_agents\":[{\"hostname\":\"localhost\"");
}

static void test_tasks_are_listed(void **state)
{
    struct kit *k = *state;
    struct kit_agent agent;
    (void)populate(k, &agent);
    ask(k, "GET_TASKS");
    has(k, "\"tasks\":[{\"name\":\"t1\",\"task_id\":{\"value\":\"t1\"},"
           "\"framework_id\":{\"value\":\"");
    has(k, "\"state\":\"TASK_RUNNING\",\"resources\":[{\"name\":\"cpus\","
           "\"type\":\"SCALAR\",\"scalar\":{\"value\":0.1},"
           "\"allocation_info\":{\"role\":\"dev\"}}");
    has(k, "\"status_update_state\":\"TASK_RUNNING\",\"status_update_uuid\":"
           "\"YWFhYWFhYWFhYWFhYWFhYQ==\",\"labels\":{\"labels\":[{\"key\":"
           "\"a\",\"value\":\"b\"}]}");
    has(k, "\"completed_tasks\":[{\"name\":\"t2\"");
}

static void test_frameworks_are_listed(void **state)
{
    struct kit *k = *state;
    struct kit_agent agent;
    struct kit_framework f = populate(k, &agent);
    ask(k, "GET_FRAMEWORKS");
    has(k, "\"active\":true,\"connected\":true,\"recovered\":false,");
    has(k, "\"offers\":[{\"id\":{\"value\":\"");
    has(k, "\"completed_frameworks\":[]");
    kit_call(k, &f, "TEARDOWN", "");
    ask(k, "GET_FRAMEWORKS");
    has(k, "\"frameworks\":[],\"completed_frameworks\":[{");
    ask(k, "GET_STATE");
    has(k, "{\"type\":\"GET_STATE\",\"get_state\":{\"get_tasks\":{\"tasks\":["
           "],");
    has(k, "\"get_executors\":{\"executors\":[]},\"get_frameworks\":{");
}

static void test_state_is_what_dashboards_read(void **state)
{
    struct kit *k = *state;
    struct kit_agent agent;
    (void)populate(k, &agent);
    kit_get(k, "/master/state");
    assert_int_equal(k->status, 200);
    has(k, "{\"version\":\"1.12.0\",\"start_time\":1700000000.0,");
    has(k, "\"activated_slaves\":1.0,\"deactivated_slaves\":0.0,"
           "\"unreachable_slaves\":0.0,\"leader\":\"master@127.0.0.1:5050\"");
    has(k, "\"resources\":{\"disk\":8192.0,\"mem\":4096.0,\"gpus\":0.0,"
           "\"cpus\":4.0,\"ports\":\"[31000-31999]\"}");
    has(k, "\"used_resources\":{\"disk\":0.0,\"mem\":32.0,\"gpus\":0.0,"
           "\"cpus\":0.1}");
    has(k, "\"roles\":[\"dev\"],\"tasks\":[{\"id\":\"t1\",\"name\":\"t1\"");
    has(k, "\"executor_id\":\"\",\"slave_id\":\"");
    has(k, "\"completed_tasks\":[{\"id\":\"t2\"");
    has(k, "\"orphan_tasks\":[],\"unregistered_frameworks\":[]}");
}

static void test_plain_endpoints(void **state)
{
    struct kit *k = *state;
    static const char *const HEALTH[] = {"/health",    "/master/health",
                                         "//health",   "/health/",
                                         "/health/x/", "/master(1)/health"};
    for (size_t i = 0; i < sizeof HEALTH / sizeof *HEALTH; i++) {
        kit_get(k, HEALTH[i]);
        assert_int_equal(k->status, 200);
        assert_string_equal(k->body, "");
    }
    kit_get(k, "/redirect");
    assert_int_equal(k->status, 307);
    assert_string_equal(k->location, "//localhost:5050");
    kit_get(k, "/version");
    has(k, "{\"version\":\"1.12.0\",");
    kit_get(k, "/flags");
    assert_string_equal(k->body, "{\"flags\":{}}");
    static const char *const NOWHERE[] = {"/nope", "/", "/state.json",
                                          "/healthy", "/api/v2"};
    for (size_t i = 0; i < sizeof NOWHERE / sizeof *NOWHERE; i++) {
        kit_get(k, NOWHERE[i]);
        assert_int_equal(k->status, 404);
        assert_string_equal(k->body, "404 Not Found.");
    }
    (void)kit_post(k, "/api/v1/schedulerx", NULL, "{\"type\":\"GET_HEALTH\"}");
    assert_int_equal(k->status, 200); /* paths match by whole parts */
}

static void test_metrics_have_both_names(void **state)
{
    struct kit *k = *state;
    struct kit_agent agent;
    (void)populate(k, &agent);
    struct metrics metrics;
    struct buf text = {0}, snapshot = {0};
    metrics_init(&metrics);
    MASTER_PROGRAM.metrics(k->p, &metrics);
    metrics_print_text(&metrics, &text);
    metrics_print_snapshot(&metrics, &snapshot);
    assert_non_null(
        strstr(buf_text(&text), "master_tasks{state=\"RUNNING\"} 1"));
    assert_non_null(strstr(buf_text(&text), "master_agents_connected 1"));
    assert_non_null(strstr(buf_text(&snapshot), "\"master/tasks_running\":1"));
    assert_non_null(strstr(buf_text(&snapshot), "\"master/cpus_used\":0.1"));
    assert_non_null(strstr(buf_text(&snapshot), "\"master/elected\":1"));
    buf_release(&text);
    buf_release(&snapshot);
    metrics_release(&metrics);
}

static void test_bad_options_are_named(void **state)
{
    (void)state;
    struct master_options options;
    struct err err = {0};
    master_options_init(&options);
    options.core.allocation_interval_ms = 0;
    assert_true(master_options_check(&options, &err) < 0);
    assert_non_null(strstr(err.text, "allocation_interval"));
    master_options_init(&options);
    options.core.min_allocatable_resources = "cpus:lots";
    assert_true(master_options_check(&options, &err) < 0);
    assert_non_null(strstr(err.text, "min_allocatable_resources"));
}

static void test_damaged_records_are_refused(void **state)
{
    struct kit *k = *state;
    struct err err = {0};
    assert_int_equal(MASTER_PROGRAM.on_stored(k->p, "agents",
                                              bytes_of_text("x"),
                                              bytes_of_text("\xff\xff"), &err),
                     -ERR_DAMAGED);
    assert_non_null(strstr(err.text, "record 'x' of table 'agents'"));
    assert_int_equal(MASTER_PROGRAM.on_stored(k->p, "frameworks",
                                              bytes_of_text("x"),
                                              bytes_of_text(""), &err),
                     -ERR_DAMAGED);
    assert_int_equal(MASTER_PROGRAM.on_stored(k->p, "of_a_newer_release",
                                              bytes_of_text("x"),
                                              bytes_of_text("y"), &err),
                     0);
}

int main(void)
{
#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, kit_set_up, kit_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_checks_in_front_of_a_question),
        TEST(test_small_answers),
        TEST(test_protobuf_answers),
        TEST(test_agents_are_listed),
        TEST(test_tasks_are_listed),
        TEST(test_frameworks_are_listed),
        TEST(test_state_is_what_dashboards_read),
        TEST(test_plain_endpoints),
        TEST(test_metrics_have_both_names),
        TEST(test_bad_options_are_named),
        TEST(test_damaged_records_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
