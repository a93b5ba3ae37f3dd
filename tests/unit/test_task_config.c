/* From what a framework sends to what a runner does: good and bad tasks. */
#include "executor/thermos/task_config.h"

#include "mesos/v1/mesos.pb-c.h"
#include "wire/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *const machine[] = {"PATH=/bin", "SECRET=s", "ODD", NULL};
static const struct task_host host = {.sandbox = "/box",
                                      .hostname = "here",
                                      .user = "www",
                                      .home = "/home/www",
                                      .environ = machine,
                                      .shell = "/bin/bash",
                                      .is_bash = true};

static int read_json(const char *json, struct task_config *out, struct err *err)
{
    return task_config_from_assigned(bytes_of_text(json), &host, out, err);
}

static bool has(const char *const *env, const char *item)
{
    for (; *env != NULL; env++)
        if (strcmp(*env, item) == 0)
            return true;
    return false;
}

static void test_a_full_task_is_read(void **unused)
{
    (void)unused;
    struct task_config c;
    struct err err = {0};
    int rc = read_json(
        "{\"task_id\":\"t\",\"instance\":4,\"hostname\":\"other\","
        "\"asset_url\":\"http://a/\",\"ports\":[{\"name\":\"http\",\"port\":"
        "31000}],\"job\":{\"cluster\":\"c\",\"role\":\"r\",\"environment\":"
        "\"e\",\"name\":\"n\",\"env\":[{\"name\":\"A\",\"value\":"
        "\"{{mesos.instance}}\"},{\"name\":\"B\",\"value\":\"job\"}],"
        "\"task\":{\"max_failures\":2,\"max_concurrency\":3,"
        "\"finalization_wait\":7,\"constraints\":[{\"order\":[\"p\",\"q\"]}],"
        "\"fetch\":[{\"uri\":\"http://x/y.tgz?z\",\"extract\":true}],"
        "\"processes\":[{\"name\":\"p\",\"cmdline\":\"{{mesos.hostname}} "
        "{{thermos.ports[http]}} {{env[B]}} {{env[SECRET]}} "
        "{{thermos.user}}\",\"max_failures\":0,\"min_duration\":1,"
        "\"daemon\":true,\"env\":[{\"name\":\"B\",\"value\":\"own\"}],"
        "\"logger\":{\"destination\":\"both\",\"mode\":\"standard\"}},"
        "{\"name\":\"q\",\"cmdline\":\"{{.Id}}\",\"raw\":true}]}}}",
        &c, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(rc, 0);
    assert_int_equal(c.rule.max_failures, 2);
    assert_int_equal(c.rule.max_concurrency, 3);
    assert_int_equal(c.rule.finalization_ms, 7000);
    assert_int_equal(c.count, 2);
    assert_string_equal(c.process[0].argv[0], "/bin/bash");
    assert_string_equal(c.process[0].argv[2], "other 31000 own s www");
    assert_string_equal(c.process[1].argv[2], "{{.Id}}");
    assert_int_equal(c.process_rule[0].max_failures, 0);
    assert_int_equal(c.process_rule[0].min_duration_ms, 1000);
    assert_true(c.process_rule[0].is_daemon);
    assert_int_equal(c.process_rule[1].max_failures, 1);
    assert_int_equal(c.process_rule[1].min_duration_ms, 5000);
    assert_int_equal(c.process[0].log.destination, LOG_BOTH);
    assert_int_equal(c.process[0].log.size, 0);
    assert_int_equal(c.process[1].log.size, LOG_SIZE);
    assert_int_equal(c.order_count, 1);
    assert_string_equal(c.fetch[0].output, "y.tgz");
    assert_true(c.fetch[0].extract);
    const char *const *env = c.process[0].envp;
    assert_true(has(env, "A=4") && has(env, "B=own") && has(env, "USER=www"));
    assert_true(has(env, "HOME=/home/www") && has(env, "PATH=/bin"));
    assert_true(has(env, "MESOS_SANDBOX=/box"));
    assert_false(has(env, "SECRET=s"));
    task_config_release(&c);
}

#define TASK(text) "{\"job\":{\"task\":{" text "}}}"
#define ONE "\"processes\":[{\"name\":\"p\",\"cmdline\":\"x\"}]"

static void test_bad_tasks_are_refused_by_name(void **unused)
{
    static const char *const rows[][2] = {
        {"{}", "assigned task: want a job with a task and processes"},
        {TASK(""), "assigned task: want a job with a task and processes"},
        {TASK("\"processes\":[{\"name\":\"a/b\",\"cmdline\":\"x\"}]"),
         "process name 'a/b': want 1 to 200 bytes, no '/', no leading dot"},
        {TASK("\"processes\":[{\"cmdline\":\"x\"}]"),
         "process name '': want 1 to 200 bytes, no '/', no leading dot"},
        {TASK("\"processes\":[{\"name\":\"p\"},{\"name\":\"p\"}]"),
         "process 'p': named twice"},
        {TASK(ONE ",\"constraints\":[{\"order\":[\"p\",\"q\"]}]"),
         "order: there is no process 'q'"},
        {TASK(ONE ",\"fetch\":[{\"uri\":\"http://x/\"}]"),
         "fetch 'http://x/': want a file name for the sandbox"},
        {TASK(ONE ",\"fetch\":[{\"uri\":\"a\",\"output\":\"../b\"}]"),
         "fetch 'a': want a file name for the sandbox"},
        {TASK(ONE ",\"fetch\":[{\"uri\":\"a\",\"asset\":true}]"),
         "fetch 'a': an asset needs its sha256"},
        {TASK("\"processes\":[{\"name\":\"p\",\"cmdline\":\"{{ x }}\"}]"),
         "process 'p': '{{ x }}': want no spaces between {{ and }}"},
        {TASK("\"processes\":[{\"name\":\"p\",\"env\":[{\"name\":\"A=\","
              "\"value\":\"1\"}]}]"),
         "process 'p': environment variable 'A=': want a name without ="},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct task_config c;
        struct err err = {0};
        assert_true(read_json(rows[i][0], &c, &err) < 0);
        assert_string_equal(err.text, rows[i][1]);
    }
}

static void test_circles_are_refused_by_name(void **unused)
{
    (void)unused;
    struct task_config c;
    struct task_run run;
    struct err err = {0};
    assert_int_equal(
        read_json(TASK("\"processes\":[{\"name\":\"p\"},{\"name\":\"q\"}],"
                       "\"constraints\":[{\"order\":[\"p\",\"q\",\"p\"]}]"),
                  &c, &err),
        0);
    assert_int_equal(task_config_plan(&c, &run, &err), -ERR_INVALID);
    assert_string_equal(err.text, "order: process 'p' would wait for itself");
    task_config_release(&c);
}

static int read_command(Mesos__V1__CommandInfo *command, struct task_config *c,
                        struct err *err)
{
    Mesos__V1__TaskInfo info = MESOS__V1__TASK_INFO__INIT;
    Mesos__V1__TaskID task_id = MESOS__V1__TASK_ID__INIT;
    Mesos__V1__AgentID agent_id = MESOS__V1__AGENT_ID__INIT;
    struct buf packed = {0};
    task_id.value = agent_id.value = (char *)(uintptr_t) "t";
    info.name = task_id.value;
    info.task_id = &task_id;
    info.agent_id = &agent_id;
    info.command = command;
    codec_encode(&info.base, MEDIA_PROTOBUF, &packed);
    int rc = task_config_from_info(buf_bytes(&packed), &host, c, err);
    buf_release(&packed);
    return rc;
}

static void test_a_command_inherits_and_adds(void **unused)
{
    (void)unused;
    Mesos__V1__CommandInfo command = MESOS__V1__COMMAND_INFO__INIT;
    Mesos__V1__Environment env = MESOS__V1__ENVIRONMENT__INIT;
    Mesos__V1__Environment__Variable path =
        MESOS__V1__ENVIRONMENT__VARIABLE__INIT;
    Mesos__V1__Environment__Variable *list[] = {&path};
    struct task_config c;
    path.name = (char *)(uintptr_t) "PATH";
    path.value = (char *)(uintptr_t) "/other";
    env.variables = list;
    env.n_variables = 1;
    command.value = (char *)(uintptr_t) "echo {{not.ours}}";
    command.environment = &env;
    assert_int_equal(read_command(&command, &c, NULL), 0);
    assert_true(c.is_command);
    assert_string_equal(c.process[0].path, "/bin/sh");
    assert_string_equal(c.process[0].argv[0], "sh");
    assert_string_equal(c.process[0].argv[2], "echo {{not.ours}}");
    assert_true(has(c.process[0].envp, "PATH=/other"));
    assert_false(has(c.process[0].envp, "PATH=/bin"));
    assert_true(has(c.process[0].envp, "SECRET=s"));
    assert_int_equal(c.process[0].log.destination, LOG_CONSOLE);
    task_config_release(&c);
}

static void test_a_command_without_shell_is_its_arguments(void **unused)
{
    (void)unused;
    Mesos__V1__CommandInfo command = MESOS__V1__COMMAND_INFO__INIT;
    char *arguments[] = {(char *)(uintptr_t) "echo", (char *)(uintptr_t) "hi"};
    struct task_config c;
    command.has_shell = 1;
    command.shell = 0;
    command.value = (char *)(uintptr_t) "/bin/echo";
    command.arguments = arguments;
    command.n_arguments = 2;
    assert_int_equal(read_command(&command, &c, NULL), 0);
    assert_string_equal(c.process[0].path, "/bin/echo");
    assert_string_equal(c.process[0].argv[0], "echo");
    assert_string_equal(c.process[0].argv[1], "hi");
    assert_null(c.process[0].argv[2]);
    task_config_release(&c);
}

static void test_neither_command_nor_data_is_refused(void **unused)
{
    (void)unused;
    struct task_config c;
    struct err err = {0};
    Mesos__V1__CommandInfo empty = MESOS__V1__COMMAND_INFO__INIT;
    assert_int_equal(read_command(&empty, &c, &err), -ERR_INVALID);
    assert_string_equal(err.text, "command: want a value");
    assert_int_equal(read_command(NULL, &c, &err), -ERR_INVALID);
    assert_non_null(strstr(err.text, "want a command, or data"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_full_task_is_read),
        cmocka_unit_test(test_bad_tasks_are_refused_by_name),
        cmocka_unit_test(test_circles_are_refused_by_name),
        cmocka_unit_test(test_a_command_inherits_and_adds),
        cmocka_unit_test(test_a_command_without_shell_is_its_arguments),
        cmocka_unit_test(test_neither_command_nor_data_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
