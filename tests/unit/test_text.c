#include "base/rng.h"
#include "base/text.h"
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_integers_have_limits(void **unused)
{
    (void)unused;
    int64_t value = 0;
    struct err err = {0};
    static const char *const bad[] = {"",
                                      "-",
                                      "+",
                                      "1 ",
                                      " 1",
                                      "1.0",
                                      "0x1",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "99999999999999999999999999"};

    assert_int_equal(text_int("-12", -20, 20, &value, NULL), 0);
    assert_int_equal(value, -12);
    assert_int_equal(text_int("+7", -20, 20, &value, NULL), 0);
    assert_int_equal(value, 7);
    assert_int_equal(
        text_int("-9223372036854775808", INT64_MIN, INT64_MAX, &value, NULL),
        0);
    assert_true(value == INT64_MIN);
    assert_int_equal(
        text_int("9223372036854775807", INT64_MIN, INT64_MAX, &value, NULL), 0);
    assert_true(value == INT64_MAX);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(text_int(bad[i], INT64_MIN, INT64_MAX, &value, NULL),
                         -ERR_INVALID);
    assert_true(value == INT64_MAX);
    assert_int_equal(text_int("21", -20, 20, &value, &err), -ERR_INVALID);
    assert_string_equal(err.text, "'21': want an integer between -20 and 20");
}

static void test_durations_are_read_as_mesos_writes_them(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"15secs", 15000},
        {"1.5mins", 90000},
        {"250ms", 250},
        {"1hrs", 3600000},
        {"2days", 172800000},
        {"1weeks", 604800000},
        {"100us", 1},
        {"5ns", 1},
        {"0ns", 0},
        {"1001us", 2},
        {"2", 2000},
        {"0.25", 250},
        {".5secs", 500},
        {"1.0001secs", 1001},
        {"1.00000000000000000001secs", 1001},
        {"0.001weeks", 604800},
        {"15250weeks", 9223200000000},
    };
    static const char *const bad[] = {
        "",       "secs", "-1secs", "1 secs",     "1sec",
        "1m",     ".",    "1e3",    "99999weeks", "9223372036854775807",
        "1secsx",
    };
    int64_t ms = -1;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(text_duration_ms(good[i].text, &ms, NULL), 0);
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = {0};
        assert_int_equal(text_duration_ms(bad[i], &ms, &err), -ERR_INVALID);
        assert_non_null(strstr(err.text, "want"));
    }
}

static void test_durations_are_printed_in_the_largest_whole_unit(void **unused)
{
    (void)unused;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "0ns"},
        {1, "1ms"},
        {5000, "5secs"},
        {1500, "1500ms"},
        {90000, "90secs"},
        {120000, "2mins"},
        {3600000, "1hrs"},
        {86400000, "1days"},
        {604800000, "1weeks"},
        {864000000, "10days"},
        {-5000, "-5secs"},
    };
    char text[32];
    int64_t back;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(text_duration(cases[i].ms, text, sizeof text),
                            cases[i].text);
        if (cases[i].ms < 0)
            continue;
        assert_int_equal(text_duration_ms(text, &back, NULL), 0);
        assert_int_equal(back, cases[i].ms);
    }
}

static void test_sizes_are_powers_of_1024(void **unused)
{
    (void)unused;
    int64_t bytes = 0;
    static const char *const bad[] = {
        "", "KB", "1kb", "1.5KB", "-1", "9000000TB", "99999999999999999999"};

    assert_int_equal(text_size_bytes("512", &bytes, NULL), 0);
    assert_int_equal(bytes, 512);
    assert_int_equal(text_size_bytes("7B", &bytes, NULL), 0);
    assert_int_equal(bytes, 7);
    assert_int_equal(text_size_bytes("64KB", &bytes, NULL), 0);
    assert_int_equal(bytes, 65536);
    assert_int_equal(text_size_bytes("2TB", &bytes, NULL), 0);
    assert_true(bytes == INT64_C(2) << 40);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(text_size_bytes(bad[i], &bytes, NULL), -ERR_INVALID);
}

static void test_thousandths_round_half_away_from_zero(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        int64_t milli;
    } good[] = {
        {"1.5", 1500},
        {"0", 0},
        {"1.5011", 1501},
        {"1.5015", 1502},
        {"1.50149999999999", 1501},
        {"-1.5015", -1502},
        {"+2", 2000},
        {".5", 500},
        {"5.", 5000},
        {"0.00001", 0},
        {"-0", 0},
        {"0.9999", 1000},
        {"9223372036854775.807", INT64_MAX},
    };
    static const char *const bad[] = {"",
                                      ".",
                                      "-",
                                      "1e3",
                                      "nan",
                                      "0x10",
                                      "1 ",
                                      "9223372036854775.808",
                                      "99999999999999999999"};
    int64_t milli = 7;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(text_milli(good[i].text, &milli, NULL), 0);
        assert_true(milli == good[i].milli);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(text_milli(bad[i], &milli, NULL), -ERR_INVALID);
}

static void test_thousandths_have_no_trailing_zeros(void **unused)
{
    (void)unused;
    char text[32];
    struct rng rng;

    assert_string_equal(text_from_milli(1500, text, sizeof text), "1.5");
    assert_string_equal(text_from_milli(1050, text, sizeof text), "1.05");
    assert_string_equal(text_from_milli(1, text, sizeof text), "0.001");
    assert_string_equal(text_from_milli(-1, text, sizeof text), "-0.001");
    assert_string_equal(text_from_milli(0, text, sizeof text), "0");
    assert_string_equal(text_from_milli(4000, text, sizeof text), "4");
    assert_string_equal(text_from_milli(INT64_MIN, text, sizeof text),
                        "-9223372036854775.808");
    rng_seed(&rng, 3);
    for (int i = 0; i < 10000; i++) {
        int64_t milli = (int64_t)(rng_next(&rng) >> rng_below(&rng, 64));
        int64_t back;
        if (milli == INT64_MIN)
            continue; /* has no positive twin */
        text_from_milli(milli, text, sizeof text);
        assert_int_equal(text_milli(text, &back, NULL), 0);
        assert_true(back == milli);
    }
}

static void test_numbers_are_put_as_printf_does(void **unused)
{
    (void)unused;
    char text[TEXT_INT_MAX], want[32];
    struct rng rng;

    assert_ptr_equal(text_put_int(text, 0), text + 1);
    assert_string_equal(text, "0");
    text_put_int(text, INT64_MIN);
    assert_string_equal(text, "-9223372036854775808");
    rng_seed(&rng, 5);
    for (int i = 0; i < 10000; i++) {
        int64_t value = (int64_t)(rng_next(&rng) >> rng_below(&rng, 64));
        (void)snprintf(want, sizeof want, "%lld", (long long)value);
        assert_ptr_equal(text_put_int(text, value), text + strlen(want));
        assert_string_equal(text, want);
    }
}

static void test_the_nearest_name_is_offered(void **unused)
{
    (void)unused;
    static const char *const names[] = {
        "cpu", "ram", "disk", "gpus", "instances", "update_config", NULL};
    char large[200];

    assert_string_equal(text_nearest("instnaces", names), "instances");
    assert_string_equal(text_nearest("cpus", names), "cpu");
    assert_string_equal(text_nearest("rma", names), "ram");
    assert_string_equal(text_nearest("update_confg", names), "update_config");
    assert_string_equal(text_nearest("disk", names), "disk");
    assert_null(text_nearest("dsik_space", names));
    assert_null(text_nearest("xyz", names));
    assert_null(text_nearest("", names));
    memset(large, 'a', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    assert_null(text_nearest(large, names));
    assert_null(text_nearest("a", (const char *const[]){large, NULL}));
    assert_null(text_nearest("a", (const char *const[]){NULL}));
}

static void test_globs_match_the_whole_text(void **unused)
{
    (void)unused;
    assert_true(text_glob("*", ""));
    assert_true(text_glob("", ""));
    assert_false(text_glob("", "a"));
    assert_false(text_glob("?", ""));
    assert_true(text_glob("a*c", "abbc"));
    assert_true(text_glob("a*c*", "acbc"));
    assert_false(text_glob("a*c", "abcd"));
    assert_true(text_glob("*/prod/*", "www/prod/hello"));
    assert_true(text_glob("h?llo", "hello"));
    assert_true(text_glob("**a**b**", "xxaxxbxx"));
    assert_false(text_glob("*ab", "aba"));
}

/* The usual trap: many stars must not cost exponential time. */
static void test_a_hostile_glob_ends_soon(void **unused)
{
    (void)unused;
    char pattern[2001], text[10001];

    for (size_t i = 0; i < sizeof pattern - 1; i += 2)
        memcpy(pattern + i, "*a", 2);
    pattern[sizeof pattern - 1] = '\0';
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    text[sizeof text - 2] = 'b';
    assert_false(text_glob(pattern, text));
}

static void test_utf8_is_strict(void **unused)
{
    (void)unused;
    static const char *const good[] = {"",
                                       "plain",
                                       "\xc3\xa9",
                                       "\xe2\x82\xac",
                                       "\xf0\x9f\x98\x80",
                                       "\xed\x9f\xbf",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {
        "\x80",
        "\xc3",
        "\xc0\x80",
        "\xc1\xbf",
        "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "\xe2\x82",
        "\xe2\x28\xa1",
        "a\xc3(",
    };

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(text_is_utf8((const uint8_t *)good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(text_is_utf8((const uint8_t *)bad[i], strlen(bad[i])));
    assert_true(text_is_utf8((const uint8_t *)"a\0b", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers_have_limits),
        cmocka_unit_test(test_durations_are_read_as_mesos_writes_them),
        cmocka_unit_test(test_durations_are_printed_in_the_largest_whole_unit),
        cmocka_unit_test(test_sizes_are_powers_of_1024),
        cmocka_unit_test(test_thousandths_round_half_away_from_zero),
        cmocka_unit_test(test_thousandths_have_no_trailing_zeros),
        cmocka_unit_test(test_numbers_are_put_as_printf_does),
        cmocka_unit_test(test_the_nearest_name_is_offered),
        cmocka_unit_test(test_globs_match_the_whole_text),
        cmocka_unit_test(test_a_hostile_glob_ends_soon),
        cmocka_unit_test(test_utf8_is_strict),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
