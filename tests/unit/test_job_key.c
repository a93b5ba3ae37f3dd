#include "base/job_key.h"
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static void test_a_key_is_read_and_printed(void **unused)
{
    (void)unused;
    struct job_key key;
    char text[JOB_KEY_TEXT_MAX];

    assert_int_equal(
        job_key_parse("devcluster/www-data/prod/hello", &key, NULL), 0);
    assert_string_equal(key.cluster, "devcluster");
    assert_string_equal(key.role, "www-data");
    assert_string_equal(key.env, "prod");
    assert_string_equal(key.name, "hello");
    assert_string_equal(job_key_text(&key, text),
                        "devcluster/www-data/prod/hello");
}

static void test_the_longest_key_fits(void **unused)
{
    (void)unused;
    struct job_key key;
    char part[JOB_KEY_PART_MAX + 1], text[5 * JOB_KEY_PART_MAX];
    char back[JOB_KEY_TEXT_MAX];

    memset(part, 'x', sizeof part);
    part[JOB_KEY_PART_MAX - 1] = '\0';
    snprintf(text, sizeof text, "%s/%s/%s/%s", part, part, part, part);
    assert_int_equal(job_key_parse(text, &key, NULL), 0);
    assert_string_equal(job_key_text(&key, back), text);
    part[JOB_KEY_PART_MAX - 1] = 'x';
    part[JOB_KEY_PART_MAX] = '\0';
    assert_false(job_key_part_ok(part));
    snprintf(text, sizeof text, "a/b/c/%s", part);
    assert_int_equal(job_key_parse(text, &key, NULL), -ERR_INVALID);
}

static void test_a_bad_key_leaves_the_output_alone(void **unused)
{
    (void)unused;
    struct job_key key = {.cluster = "kept"};
    struct err err = {0};
    static const char *const bad[] = {
        "",
        "a",
        "a/b",
        "a/b/c",
        "a/b/c/d/e",
        "a/b/c/d/",
        "/b/c/d",
        "a//c/d",
        "a/b/c/",
        "a/b/c/.",
        "a/../c/d",
        "a/b/c/d e",
        "a/b/c/\xc3\xa9",
        "a/b\n/c/d",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(job_key_parse(bad[i], &key, &err), -ERR_INVALID);
        assert_int_equal(job_key_parse(bad[i], &key, NULL), -ERR_INVALID);
        assert_string_equal(key.cluster, "kept");
    }
    assert_int_equal(job_key_parse("a/b", &key, &err), -ERR_INVALID);
    assert_string_equal(err.text, "job key 'a/b': want cluster/role/env/name");
    assert_int_equal(job_key_parse("a/b/c/d/e", &key, &err), -ERR_INVALID);
    assert_string_equal(err.text,
                        "job key 'a/b/c/d/e': want cluster/role/env/name");
    assert_int_equal(job_key_parse("a/b!/c/d", &key, &err), -ERR_INVALID);
    assert_string_equal(err.field, "role");
    assert_non_null(strstr(err.text, "job key 'a/b!/c/d': role 'b!': want"));
}

static void test_making_a_key_names_the_part_at_fault(void **unused)
{
    (void)unused;
    struct job_key key;
    struct err err = {0};

    assert_int_equal(job_key_make("c", "r", "e", "n", &key, &err), 0);
    assert_int_equal(job_key_make("c", "r", "e/", "n", &key, &err),
                     -ERR_INVALID);
    assert_string_equal(err.field, "env");
    assert_int_equal(job_key_make("c", "r", "e", "..", &key, &err),
                     -ERR_INVALID);
    assert_string_equal(err.field, "name");
}

static void test_keys_are_ordered_part_by_part(void **unused)
{
    (void)unused;
    struct job_key a, b;

    (void)job_key_make("c", "r", "e", "n", &a, NULL);
    (void)job_key_make("c", "r", "e", "n", &b, NULL);
    assert_true(job_key_equal(&a, &b));
    (void)job_key_make("c", "r", "f", "a", &b, NULL);
    assert_true(job_key_compare(&a, &b) < 0);
    assert_true(job_key_compare(&b, &a) > 0);
    /* '-' is before '/': comparing the whole texts would turn these round. */
    (void)job_key_make("c", "r", "e-x", "a", &a, NULL);
    (void)job_key_make("c", "r", "e", "z", &b, NULL);
    assert_true(job_key_compare(&b, &a) < 0);
}

static void test_instances_are_sorted_and_merged(void **unused)
{
    (void)unused;
    struct instance_set set;

    assert_int_equal(instance_set_parse("7-9,0,2,1,5,8-12", &set, NULL), 0);
    assert_int_equal(set.count, 3);
    assert_int_equal(set.range[0].first, 0);
    assert_int_equal(set.range[0].last, 2);
    assert_int_equal(set.range[1].first, 5);
    assert_int_equal(set.range[1].last, 5);
    assert_int_equal(set.range[2].first, 7);
    assert_int_equal(set.range[2].last, 12);
    assert_true(instance_set_has(&set, 5));
    assert_true(instance_set_has(&set, 12));
    assert_false(instance_set_has(&set, 6));
    assert_false(instance_set_has(&set, 13));
    assert_int_equal(instance_set_parse("4294967295,0-4294967294", &set, NULL),
                     0);
    assert_int_equal(set.count, 1);
    set.count = 0;
    assert_true(instance_set_has(&set, 77)); /* none named: all */
}

static void test_bad_instances_are_refused(void **unused)
{
    (void)unused;
    struct instance_set set = {.count = 7};
    struct err err = {0};
    char text[1000] = "";
    static const char *const bad[] = {
        "",   ",",   "1,",   ",1",         "a",  "1-",
        "-1", "2-1", "1--2", "4294967296", "1 ", "00000000000000000001"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(instance_set_parse(bad[i], &set, &err), -ERR_INVALID);
    for (int i = 0; i <= INSTANCE_RANGES_MAX; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%d",
                 i ? "," : "", 2 * i);
    assert_int_equal(instance_set_parse(text, &set, &err), -ERR_LIMIT);
    assert_int_equal(set.count, 7);
}

static void test_a_key_may_name_instances(void **unused)
{
    (void)unused;
    struct job_key key;
    struct instance_set set;
    struct err err = {0};

    assert_int_equal(job_key_parse_with_instances("c/r/e/n", &key, &set, NULL),
                     0);
    assert_int_equal(set.count, 0);
    assert_int_equal(
        job_key_parse_with_instances("c/r/e/n/0-1,4", &key, &set, NULL), 0);
    assert_string_equal(key.name, "n");
    assert_int_equal(set.count, 2);
    assert_int_equal(job_key_parse_with_instances("c/r/e/n/", &key, &set, &err),
                     -ERR_INVALID);
    assert_string_equal(err.text, "job key 'c/r/e/n/': instances '': want "
                                  "numbers and ranges, as in 0-2,5");
    assert_int_equal(job_key_parse_with_instances("c/r/e", &key, &set, NULL),
                     -ERR_INVALID);
    assert_int_equal(set.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_is_read_and_printed),
        cmocka_unit_test(test_the_longest_key_fits),
        cmocka_unit_test(test_a_bad_key_leaves_the_output_alone),
        cmocka_unit_test(test_making_a_key_names_the_part_at_fault),
        cmocka_unit_test(test_keys_are_ordered_part_by_part),
        cmocka_unit_test(test_instances_are_sorted_and_merged),
        cmocka_unit_test(test_bad_instances_are_refused),
        cmocka_unit_test(test_a_key_may_name_instances),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
