/* Metrics in their two forms. */
#include "wire/metrics.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void test_the_text_form(void **state)
{
    struct metrics m;
    struct buf out = {0};

    (void)state;
    metrics_init(&m);
    metrics_add(&m, METRIC_GAUGE, "a_tasks", NULL, "Tasks by\nstate \\ x.",
                metric_label(&m, "state", "RUNNING"), 3);
    metrics_add(&m, METRIC_GAUGE, "a_tasks", NULL, "not said twice",
                metric_label(&m, "state", "q\"b\\s\nn"), 0);
    metrics_add(&m, METRIC_COUNTER, "a_calls_total", "a/calls", NULL, NULL,
                9007199254740.0);
    metrics_add(&m, METRIC_GAUGE, "a_ratio", NULL, NULL, "", 0.125);
    metrics_add(&m, METRIC_GAUGE, "a_odd", NULL, NULL, "v=\"1\"", (double)NAN);
    metrics_add(&m, METRIC_GAUGE, "a_odd", NULL, NULL, "v=\"2\"",
                (double)INFINITY);
    metrics_add(&m, METRIC_GAUGE, "a_odd", NULL, NULL, "v=\"3\"",
                -(double)INFINITY);
    metrics_print_text(&m, &out);
    assert_string_equal(buf_text(&out),
                        "# HELP a_tasks Tasks by\\nstate \\\\ x.\n"
                        "# TYPE a_tasks gauge\n"
                        "a_tasks{state=\"RUNNING\"} 3\n"
                        "a_tasks{state=\"q\\\"b\\\\s\\nn\"} 0\n"
                        "# TYPE a_calls_total counter\n"
                        "a_calls_total 9007199254740\n"
                        "# TYPE a_ratio gauge\n"
                        "a_ratio 0.125\n"
                        "# TYPE a_odd gauge\n"
                        "a_odd{v=\"1\"} NaN\n"
                        "a_odd{v=\"2\"} +Inf\n"
                        "a_odd{v=\"3\"} -Inf\n");
    buf_release(&out);
    metrics_release(&m);
}

/* Only what has a name of Mesos, one flat object of numbers. */
static void test_the_snapshot(void **state)
{
    struct metrics m;
    struct buf out = {0};

    (void)state;
    metrics_init(&m);
    metrics_print_snapshot(&m, &out);
    assert_string_equal(buf_text(&out), "{}");
    buf_clear(&out);
    metrics_add(&m, METRIC_GAUGE, "master_elected", "master/elected", NULL,
                NULL, 1);
    metrics_add(&m, METRIC_GAUGE, "own", NULL, NULL, NULL, 2);
    metrics_add(&m, METRIC_GAUGE, "odd", "master/odd", NULL, NULL, (double)NAN);
    metrics_add(&m, METRIC_COUNTER, "up", "master/uptime_secs", NULL, NULL,
                12.5);
    metrics_print_snapshot(&m, &out);
    json_error_t error;
    json_t *root = json_loadb(out.text, out.size, 0, &error);
    assert_non_null(root);
    assert_true(json_number_value(json_object_get(root, "master/elected")) ==
                1.0);
    assert_true(
        json_number_value(json_object_get(root, "master/uptime_secs")) == 12.5);
    assert_null(json_object_get(root, "own"));
    json_decref(root);
    buf_release(&out);
    metrics_release(&m);
}

/* What is added is copied: names and labels may be on the caller's stack. */
static void test_texts_are_copied(void **state)
{
    struct metrics m;
    struct buf out = {0};
    char name[16] = "one", label[16] = "a=\"1\"", help[16] = "Help.";

    (void)state;
    metrics_init(&m);
    for (int i = 0; i < 100; i++)
        metrics_add(&m, METRIC_GAUGE, name, NULL, help, label, i);
    memset(name, 'x', sizeof name - 1);
    memset(label, 'x', sizeof label - 1);
    memset(help, 'x', sizeof help - 1);
    metrics_print_text(&m, &out);
    assert_null(strchr(buf_text(&out), 'x'));
    assert_non_null(strstr(buf_text(&out), "one{a=\"1\"} 99\n"));
    buf_release(&out);
    metrics_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_text_form),
        cmocka_unit_test(test_the_snapshot),
        cmocka_unit_test(test_texts_are_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
