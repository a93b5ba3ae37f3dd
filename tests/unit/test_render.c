#include "cli/render.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 4 };

/* a, then b and c, then d. */
struct world {
    struct arena arena;
    struct render render;
    struct err err;
    Perigee__Process process[COUNT];
    Perigee__Process *processes[COUNT];
    Perigee__OrderChain chain[2];
    Perigee__OrderChain *chains[2];
    Perigee__EnvVar own, common;
    Perigee__EnvVar *owns[1], *commons[1];
    Perigee__TaskConfig task;
    Perigee__Job job;
};

static char *abd[] = {(char *)"a", (char *)"b", (char *)"d"};
static char *acd[] = {(char *)"a", (char *)"c", (char *)"d"};
static char *ports[] = {(char *)"admin", (char *)"http"};

static int set_up(void **state)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    struct world *w = calloc(1, sizeof *w);

    arena_init(&w->arena);
    for (int i = 0; i < COUNT; i++) {
        perigee__process__init(&w->process[i]);
        w->process[i].name = (char *)names[i];
        w->process[i].cmdline = (char *)"true";
        w->processes[i] = &w->process[i];
    }
    for (int i = 0; i < 2; i++) {
        perigee__order_chain__init(&w->chain[i]);
        w->chain[i].n_order = 3;
        w->chain[i].order = i == 0 ? abd : acd;
        w->chains[i] = &w->chain[i];
    }
    perigee__env_var__init(&w->own);
    perigee__env_var__init(&w->common);
    w->own.name = w->common.name = (char *)"MODE";
    w->own.value = (char *)"own-{{mesos.instance}}";
    w->common.value = (char *)"common";
    w->owns[0] = &w->own;
    w->commons[0] = &w->common;
    perigee__task_config__init(&w->task);
    w->task.n_processes = COUNT;
    w->task.processes = w->processes;
    w->task.n_constraints = 2;
    w->task.constraints = w->chains;
    perigee__job__init(&w->job);
    w->job.cluster = (char *)"c";
    w->job.role = (char *)"r";
    w->job.environment = (char *)"e";
    w->job.name = (char *)"n";
    w->job.task = &w->task;
    w->job.n_port_names = 2;
    w->job.port_names = ports;
    w->job.n_env = 1;
    w->job.env = w->commons;
    w->process[1].n_env = 1;
    w->process[1].env = w->owns;
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    arena_release(&w->arena);
    free(w);
    return 0;
}

static int render(struct world *w, uint32_t instance, const char *host)
{
    return render_job(&w->job, instance, host, &w->arena, &w->render, &w->err);
}

static void expect_command(struct world *w, const char *cmdline,
                           const char *expected)
{
    w->process[0].cmdline = (char *)cmdline;
    assert_int_equal(render(w, 7, "h"), 0);
    assert_string_equal(w->render.process[0].cmdline, expected);
}

static void test_names_are_put_in(void **state)
{
    expect_command(*state, "x {{mesos.instance}} {{mesos.hostname}}", "x 7 h");
    expect_command(*state, "{{mesos.role}}/{{mesos.environment}}", "r/e");
    expect_command(*state, "{{thermos.ports[http]}}", "31001");
    expect_command(*state, "{{env[MODE]}}", "common");
    expect_command(*state, "{{thermos.user}}", "r");
}

static void test_what_only_the_machine_knows_stays(void **state)
{
    struct world *w = *state;

    expect_command(w, "{{thermos.task_id}} {{env[HOME]}} {{env[HOME]}}",
                   "{{thermos.task_id}} {{env[HOME]}} {{env[HOME]}}");
    w->process[0].cmdline = (char *)"{{mesos.hostname}}";
    assert_int_equal(render(w, 0, NULL), 0);
    assert_string_equal(w->render.process[0].cmdline, "{{mesos.hostname}}");
}

static void test_raw_text_is_left_alone(void **state)
{
    struct world *w = *state;

    w->process[0].raw = w->process[0].has_raw = true;
    expect_command(w, "{{.Id}}", "{{.Id}}");
}

static void test_a_process_overrides_the_job(void **state)
{
    struct world *w = *state;

    w->process[1].cmdline = (char *)"{{env[MODE]}}";
    assert_int_equal(render(w, 7, "h"), 0);
    assert_int_equal(w->render.process[0].env_count, 1);
    assert_string_equal(w->render.process[0].env[0].value, "common");
    assert_int_equal(w->render.process[1].env_count, 1);
    assert_string_equal(w->render.process[1].env[0].value, "own-7");
}

static void test_steps_follow_the_order(void **state)
{
    struct world *w = *state;
    static const uint32_t steps[] = {1, 2, 2, 3};

    assert_int_equal(render(w, 0, "h"), 0);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(w->render.process[i].step, steps[i]);
    assert_int_equal(w->render.process[3].after_count, 2);
    assert_string_equal(w->render.process[3].after[1], "c");
    assert_int_equal(w->render.process[1].after_count, 1);
}

static void test_what_nothing_binds_is_told(void **state)
{
    struct world *w = *state;

    w->process[2].cmdline = (char *)"{{mesos.nothing}}";
    assert_int_equal(render(w, 0, "h"), -ERR_INVALID);
    assert_non_null(strstr(w->err.text, "process 'c'"));
    assert_non_null(strstr(w->err.text, "mesos.nothing"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_names_are_put_in),
        TEST(test_what_only_the_machine_knows_stays),
        TEST(test_raw_text_is_left_alone),
        TEST(test_a_process_overrides_the_job),
        TEST(test_steps_follow_the_order),
        TEST(test_what_nothing_binds_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
