#include "base/substitute.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct binding ports[] = {{"http", "31001"}, {"admin", "31002"}};
static const struct binding env[] = {{"HOME", "/h"}, {"HOME", "/second"}};
static const struct bindings all = {.cluster = "devcluster",
                                    .role = "www-data",
                                    .environment = "prod",
                                    .name = "web",
                                    .hostname = "host-1",
                                    .instance = "7",
                                    .task_id = "t-1",
                                    .user = "www-data",
                                    .port = ports,
                                    .port_count = 2,
                                    .env = env,
                                    .env_count = 2};

static void test_every_name_is_bound(void **unused)
{
    static const char *const rows[][2] = {
        {"plain", "plain"},
        {"", ""},
        {"{{mesos.instance}}", "7"},
        {"{{mesos.hostname}}:{{thermos.ports[http]}}", "host-1:31001"},
        {"{{mesos.role}}/{{mesos.environment}}/{{mesos.name}}",
         "www-data/prod/web"},
        {"{{mesos.cluster}}", "devcluster"},
        {"{{thermos.task_id}} {{thermos.user}}", "t-1 www-data"},
        {"{{thermos.ports[admin]}}", "31002"},
        {"{{env[HOME]}}", "/h"},
        {"awk '{print $1}' }} {", "awk '{print $1}' }} {"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf out = {0};
        struct err err = {0};
        assert_int_equal(substitute(rows[i][0], &all, &out, &err), 0);
        assert_string_equal(buf_text(&out), rows[i][1]);
        buf_release(&out);
    }
}

static void test_what_is_wrong_is_said(void **unused)
{
    static const char *const rows[][2] = {
        {"{{mesos.instanc}}", "'{{mesos.instanc}}': nothing binds this name"},
        {"{{ mesos.instance }}",
         "'{{ mesos.instance }}': want no spaces between {{ and }}"},
        {"{{thermos.ports[{{mesos.name}}]}}",
         "'{{thermos.ports[{{mesos.name}}': {{ }} cannot be nested"},
        {"a {{b", "'{{b': {{ without }}"},
        {"{{thermos.ports[none]}}",
         "'{{thermos.ports[none]}}': nothing binds this name"},
        {"{{thermos.ports[]}}",
         "'{{thermos.ports[]}}': nothing binds this name"},
        {"{{env[NOPE]}}", "'{{env[NOPE]}}': nothing binds this name"},
        {"{{}}", "'{{}}': nothing binds this name"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf out = {0};
        struct err err = {0};
        buf_add_text(&out, "before");
        assert_int_equal(substitute(rows[i][0], &all, &out, &err),
                         -ERR_INVALID);
        assert_string_equal(err.text, rows[i][1]);
        assert_string_equal(buf_text(&out), "before");
        buf_release(&out);
    }
}

static void test_a_result_is_bounded(void **unused)
{
    (void)unused;
    struct buf text = {0}, out = {0};
    char big[4001];
    memset(big, 'x', 4000);
    big[4000] = '\0';
    struct bindings bindings = {.name = big};
    struct err err = {0};
    for (int i = 0; i < 300; i++)
        buf_add_text(&text, "{{mesos.name}}");
    assert_int_equal(substitute(buf_text(&text), &bindings, &out, &err),
                     -ERR_LIMIT);
    assert_int_equal(out.size, 0);
    buf_release(&text);
    buf_release(&out);
}

static void test_a_very_long_name_is_refused(void **unused)
{
    (void)unused;
    char text[400] = "{{";
    struct buf out = {0};
    struct err err = {0};
    memset(text + 2, 'n', 300);
    memcpy(text + 302, "}}", 3);
    assert_int_equal(substitute(text, &all, &out, &err), -ERR_INVALID);
    assert_non_null(strstr(err.text, "too long"));
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_name_is_bound),
        cmocka_unit_test(test_what_is_wrong_is_said),
        cmocka_unit_test(test_a_result_is_bounded),
        cmocka_unit_test(test_a_very_long_name_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
