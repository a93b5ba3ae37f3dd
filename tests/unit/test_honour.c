/* What is asked of the cluster and cannot be done is told by name; what says
 * nothing but defaults asks for nothing. */
#include "script_kit.h"

#include "base/arena.h"
#include "script/honour.h"
#include <stdio.h>
#include <string.h>

static void add_field(void *context, const char *field, const char *reason)
{
    struct buf *told = context;
    assert_true(strlen(reason) > 10);
    buf_addf(told, "%s%s", told->size > 0 ? " " : "", field);
}

/* The fields refused for a job with these fields of its own. */
static void refuses(const char *fields, const char *want)
{
    char text[1024];
    struct buf told = {0};
    snprintf(text, sizeof text,
             "return { Job { cluster = 'c', role = 'r', environment = 'test', "
             "name = 'j', instances = 3, task = SimpleTask('t', "
             "'x {{thermos.ports[health]}}') } { %s } }",
             fields);
    Perigee__Evaluation *evaluation = script_evaluated(text);
    assert_int_equal(evaluation->n_jobs, 1);
    size_t count = honour_check(evaluation->jobs[0], add_field, &told);
    assert_string_equal(buf_text(&told), want);
    assert_int_equal(count > 0, *want != '\0');
    buf_release(&told);
    perigee__evaluation__free_unpacked(evaluation, NULL);
}

static void test_defaults_ask_for_nothing(void **unused)
{
    (void)unused;
    refuses("", "");
    refuses("update = Update {}", "");
    refuses("update = Update { strategy = QueueUpdateStrategy {} }", "");
    refuses("sla = Sla { count = 1, duration_secs = 5 }", "");
    refuses("partition = Partition {}", "");
    refuses("lifecycle = Lifecycle { http = {} }", "");
    refuses("lifecycle = DisableLifecycle", "");
    refuses("health_check = HealthCheck {}", "");
    refuses("executor_config = ExecutorConfig {}", "");
    refuses("container = Container {}", "");
    refuses("constraints = { a = limit(1), b = 'x,y', c = none_of('z') }", "");
}

static void test_what_nobody_does_is_told_by_name(void **unused)
{
    (void)unused;
    refuses("container = Docker { image = 'nginx' }", "container.docker");
    refuses("container = Container { image = DockerImage { name = 'a', "
            "tag = 'b' }, volumes = { { container_path = '/a', "
            "host_path = '/b' } } }",
            "container.image container.volumes");
    refuses("env = Env { A = secret('x') }", "env");
    refuses("executor_config = { name = 'own' }", "executor_config");
    refuses("task = SimpleTask('t', 'x') { processes = { Process { name = 'p', "
            "cmdline = 'x', resources = Resources { cpu = 1, ram = 1*MB, "
            "disk = 1*MB } } } }",
            "task.processes.resources");
}

static void test_what_a_file_gives_besides_jobs_is_told(void **unused)
{
    (void)unused;
    struct buf told = {0};
    Perigee__Evaluation *evaluation = script_evaluated(
        "local function job(name) return Job { cluster = 'c', role = 'r', "
        "environment = 'test', name = name, task = SimpleTask('t', 'x') } end\n"
        "local a, b = job 'a', job 'b'\n"
        "return { a, b, Group { name = 'g', jobs = { Group { name = 'h', "
        "jobs = { b } } } }, User { name = 'ada' } }");
    assert_int_equal(honour_check_file(evaluation, add_field, &told), 1);
    assert_string_equal(buf_text(&told), "User");
    assert_null(honour_group(evaluation, evaluation->jobs[0]));
    assert_string_equal(honour_group(evaluation, evaluation->jobs[1]), "g");
    buf_release(&told);
    perigee__evaluation__free_unpacked(evaluation, NULL);
}

static void groups(const char *list, size_t count)
{
    struct buf told = {0}, text = {0};
    buf_addf(&text,
             "local function job(name, role) return Job { cluster = 'c', role "
             "= role or 'r', environment = 'test', name = name, task = "
             "SimpleTask('t', 'x') } end\nlocal a, b = job 'a', job('b', 'q')\n"
             "return { a, %s }",
             list);
    Perigee__Evaluation *evaluation = script_evaluated(buf_text(&text));
    assert_int_equal(honour_check_file(evaluation, add_field, &told), count);
    buf_release(&told);
    buf_release(&text);
    perigee__evaluation__free_unpacked(evaluation, NULL);
}

static void test_groups_that_no_scheduler_takes_are_told(void **unused)
{
    (void)unused;
    groups("Group { name = 'g', jobs = { a } }", 0);
    groups("Group { name = 'g', jobs = { b } }", 0);
    groups("Group { name = 'g', jobs = { a, b } }", 1);
    groups("Group { name = 'g', jobs = { a, Group { name = 'h', jobs = { b } } "
           "} }",
           1);
    groups("Group { name = 'g', jobs = {} }", 1);
    groups("Group { name = 'g', jobs = { b }, depends_on = a }", 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_ask_for_nothing),
        cmocka_unit_test(test_what_nobody_does_is_told_by_name),
        cmocka_unit_test(test_what_a_file_gives_besides_jobs_is_told),
        cmocka_unit_test(test_groups_that_no_scheduler_takes_are_told),
    };
    return SCRIPT_TESTS(NULL, tests, argc, argv);
}
