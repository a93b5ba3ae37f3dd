/* What an executor reads from an assigned task about looking after it. */
#include "executor/thermos/task_care.h"

#include "mesos/v1/mesos.pb-c.h"
#include "wire/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *const environment[] = {"PATH=/bin", NULL};
static const struct task_host host = {.sandbox = "/box",
                                      .hostname = "here",
                                      .user = "u",
                                      .home = "/home/u",
                                      .environ = environment,
                                      .shell = "/bin/bash",
                                      .is_bash = true};

/* A TaskInfo whose data is an AssignedTask as JSON; `job` is what its job says
 * besides the task. */
static void make(const char *more, const char *job, struct buf *out)
{
    struct buf data = {0};
    Mesos__V1__TaskInfo info = MESOS__V1__TASK_INFO__INIT;
    Mesos__V1__TaskID id = MESOS__V1__TASK_ID__INIT;
    Mesos__V1__AgentID agent = MESOS__V1__AGENT_ID__INIT;
    Mesos__V1__ExecutorInfo executor = MESOS__V1__EXECUTOR_INFO__INIT;
    Mesos__V1__ExecutorID executor_id = MESOS__V1__EXECUTOR_ID__INIT;

    buf_addf(&data,
             "{\"task_id\":\"t\",\"instance\":3,\"hostname\":\"10.0.0.9\",%s"
             "\"ports\":[{\"name\":\"http\",\"port\":31000},"
             "{\"name\":\"admin\",\"port\":31001}],"
             "\"job\":{\"role\":\"r\",\"task\":{\"name\":\"x\",\"processes\":"
             "[{\"name\":\"p\",\"cmdline\":\"true\"}],\"resources\":"
             "{\"disk_bytes\":1048576}}%s}}",
             more, job);
    id.value = executor_id.value = agent.value = info.name = (char *)"t";
    executor.executor_id = &executor_id;
    info.task_id = &id;
    info.agent_id = &agent;
    info.executor = &executor;
    info.has_data = 1;
    info.data.data = data.data;
    info.data.len = data.size;
    codec_encode(&info.base, MEDIA_PROTOBUF, out);
    buf_release(&data);
}

static int read_care(const char *more, const char *job,
                     struct thermos_care *rules, struct task_care *care,
                     struct err *err)
{
    struct buf packed = {0};
    make(more, job, &packed);
    task_care_rules(buf_bytes(&packed), rules);
    int rc = task_care_open(buf_bytes(&packed), &host, care, err);
    buf_release(&packed);
    return rc;
}

static void test_a_job_that_asks_for_nothing(void **unused)
{
    (void)unused;
    struct thermos_care rules;
    struct task_care care;
    assert_int_equal(read_care("", "", &rules, &care, NULL), 0);
    assert_int_equal(care.kind, CHECK_NONE);
    assert_false(rules.has_health);
    assert_false(rules.teardown.is_announced);
    assert_false(rules.teardown.has_endpoints);
    assert_int_equal(rules.disk_bytes, 1048576);
    task_care_release(&care);
}

static void test_what_cannot_be_read_asks_for_nothing(void **unused)
{
    (void)unused;
    struct thermos_care rules;
    struct task_care care;
    struct err err = {0};
    task_care_rules(bytes_of_text("garbage"), &rules);
    assert_false(rules.has_health);
    assert_int_equal(rules.disk_bytes, 0);
    assert_int_equal(
        task_care_open(bytes_of_text("garbage"), &host, &care, &err), 0);
    task_care_release(&care);
}

static void test_a_check_without_numbers_has_auroras(void **unused)
{
    (void)unused;
    struct thermos_care rules;
    struct task_care care;
    assert_int_equal(read_care("",
                               ",\"health_check\":{\"http\":{\"port\":"
                               "\"admin\"}}",
                               &rules, &care, NULL),
                     0);
    assert_true(rules.has_health);
    assert_int_equal(rules.health.initial_ms, 15000);
    assert_int_equal(rules.health.interval_ms, 10000);
    assert_int_equal(rules.health.failures_max, 0);
    assert_int_equal(rules.health.successes_min, 1);
    assert_int_equal(rules.announce_ms, 15000);
    assert_int_equal(care.kind, CHECK_HTTP);
    assert_int_equal(care.check_port, 31001);
    assert_string_equal(care.endpoint, "/health");
    assert_string_equal(care.expected, "ok");
    assert_int_equal(care.timeout_ms, 1000);
    task_care_release(&care);
}

static void test_a_command_is_filled_in(void **unused)
{
    (void)unused;
    struct thermos_care rules;
    struct task_care care;
    assert_int_equal(
        read_care("",
                  ",\"env\":[{\"name\":\"A\",\"value\":\"b\"}],"
                  "\"health_check\":{\"shell\":{\"shell_command\":"
                  "\"ask {{thermos.ports[http]}} {{mesos.instance}}\"}}",
                  &rules, &care, NULL),
        0);
    assert_string_equal(care.command.path, "/bin/bash");
    assert_string_equal(care.command.argv[2], "ask 31000 3");
    bool has_variable = false;
    for (const char *const *at = care.command.envp; *at != NULL; at++)
        has_variable |= strcmp(*at, "A=b") == 0;
    assert_true(has_variable);
    task_care_release(&care);
}

static void test_endpoints_need_their_port(void **unused)
{
    (void)unused;
    struct thermos_care rules;
    struct task_care care;
    assert_int_equal(read_care("", ",\"lifecycle\":{}", &rules, &care, NULL),
                     0);
    assert_false(rules.teardown.has_endpoints);
    task_care_release(&care);
    assert_int_equal(read_care("",
                               ",\"lifecycle\":{\"port\":\"admin\","
                               "\"graceful_shutdown_endpoint\":\"bye\","
                               "\"graceful_shutdown_wait_secs\":123,"
                               "\"shutdown_wait_secs\":456}",
                               &rules, &care, NULL),
                     0);
    assert_true(rules.teardown.has_endpoints);
    assert_int_equal(rules.teardown.quit_wait_ms, 123000);
    assert_int_equal(rules.teardown.abort_wait_ms, 456000);
    assert_int_equal(care.lifecycle_port, 31001);
    assert_string_equal(care.quit_endpoint, "/bye");
    assert_string_equal(care.abort_endpoint, "/abortabortabort");
    task_care_release(&care);
}

#define ZK "\"zookeeper\":\"127.0.0.1:2181\",\"announce_path\":\"/a/r/e/n\","

static void test_a_member_names_every_port(void **unused)
{
    (void)unused;
    struct thermos_care rules;
    struct task_care care;
    assert_int_equal(
        read_care(ZK,
                  ",\"announce\":{\"primary_port\":\"main\",\"portmap\":["
                  "{\"name\":\"main\",\"target\":\"web\"},"
                  "{\"name\":\"web\",\"target\":\"http\"},"
                  "{\"name\":\"fixed\",\"port\":80}]}",
                  &rules, &care, NULL),
        0);
    assert_true(rules.teardown.is_announced);
    assert_string_equal(care.announce_path, "/a/r/e/n");
    assert_string_equal(
        care.member,
        "{\"serviceEndpoint\":{\"host\":\"10.0.0.9\",\"port\":31000},"
        "\"additionalEndpoints\":{"
        "\"http\":{\"host\":\"10.0.0.9\",\"port\":31000},"
        "\"admin\":{\"host\":\"10.0.0.9\",\"port\":31001},"
        "\"main\":{\"host\":\"10.0.0.9\",\"port\":31000},"
        "\"web\":{\"host\":\"10.0.0.9\",\"port\":31000},"
        "\"fixed\":{\"host\":\"10.0.0.9\",\"port\":80},"
        "\"aurora\":{\"host\":\"10.0.0.9\",\"port\":31000}},"
        "\"shard\":3,\"status\":\"ALIVE\"}");
    task_care_release(&care);
}

static void test_what_is_wrong_is_named(void **unused)
{
    (void)unused;
    static const struct {
        const char *more, *job, *text;
    } cases[] = {
        {"", ",\"health_check\":{\"tcp\":{\"port\":\"x\"}}",
         "health_check.tcp.port 'x': the task has no such port"},
        {"",
         ",\"health_check\":{\"http\":{\"port\":\"http\","
         "\"endpoint\":\"/a b\"}}",
         "health_check.http.endpoint: want a path without spaces"},
        {"",
         ",\"health_check\":{\"shell\":{\"shell_command\":"
         "\"{{thermos.ports[x]}}\"}}",
         "health_check.shell.shell_command: "},
        {"", ",\"health_check\":{\"lua\":{\"ordinal\":1}}",
         "health_check.lua: the task came without its job file"},
        {"", ",\"announce\":{}", "announce: the scheduler knows no ZooKeeper"},
        {ZK, ",\"announce\":{\"primary_port\":\"x\"}",
         "announce.primary_port 'x': the task has no such port"},
        {ZK,
         ",\"announce\":{\"portmap\":[{\"name\":\"a\",\"target\":\"b\"},"
         "{\"name\":\"b\",\"target\":\"a\"}]}",
         "announce.portmap 'a': the task has no such port"},
        {"\"zookeeper\":\"zk.example:2181\",\"announce_path\":\"/a\",",
         ",\"announce\":{}", "announce: zookeeper: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct thermos_care rules;
        struct task_care care;
        struct err err = {0};
        assert_true(
            read_care(cases[i].more, cases[i].job, &rules, &care, &err) < 0);
        if (strncmp(err.text, cases[i].text, strlen(cases[i].text)) != 0)
            fail_msg("want %s, got %s", cases[i].text, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_job_that_asks_for_nothing),
        cmocka_unit_test(test_what_cannot_be_read_asks_for_nothing),
        cmocka_unit_test(test_a_check_without_numbers_has_auroras),
        cmocka_unit_test(test_a_command_is_filled_in),
        cmocka_unit_test(test_endpoints_need_their_port),
        cmocka_unit_test(test_a_member_names_every_port),
        cmocka_unit_test(test_what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
