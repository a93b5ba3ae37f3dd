/* Which times of a cron job start after an absence: the table of cron_rule.h,
 * row by row, and against a plain scan of every time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "aurora/core/cron_rule.h"
#include "base/rng.h"

enum { MINUTE = 60, HOUR = 3600, T = 1795212000 }; /* T is a whole hour */

static struct zone *utc;

static int set_up(void **unused)
{
    (void)unused;
    utc = zone_fixed(0);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    zone_free(utc);
    return 0;
}

static struct cron_rule *rule_of(const char *schedule, enum catch_up catch_up,
                                 int64_t epsilon_secs)
{
    struct cron_rule *rule = cron_rule_new();
    struct err err = {0};

    if (cron_parse(schedule, &rule->schedule, &err) < 0)
        fail_msg("%s", err.text);
    rule->zone = utc;
    rule->catch_up = catch_up;
    rule->epsilon_ms = epsilon_secs < 0 ? -1 : epsilon_secs * 1000;
    return rule;
}

struct expected {
    uint32_t starts;
    int64_t first_start, last_start, first_missed, last_missed; /* from T */
};

/* Decided up to T; the scheduler looks again `away` seconds later. */
static void expect(const char *schedule, enum catch_up catch_up,
                   int64_t epsilon_secs, int64_t away, struct expected want)
{
    struct cron_rule *rule = rule_of(schedule, catch_up, epsilon_secs);
    struct cron_due due;

    cron_due(rule, T, T, (T + away) * INT64_C(1000), &due);
    assert_int_equal(due.start.count, want.starts);
    if (want.starts > 0) {
        assert_int_equal(due.start.item[0].at - T, want.first_start);
        assert_int_equal(due.start.item[want.starts - 1].at - T,
                         want.last_start);
    }
    assert_int_equal(due.first_missed.at ? due.first_missed.at - T : 0,
                     want.first_missed);
    assert_int_equal(due.last_missed.at ? due.last_missed.at - T : 0,
                     want.last_missed);
    cron_due_release(&due);
    cron_rule_free(rule);
}

static void test_on_time_one_run_starts(void **unused)
{
    (void)unused;
    struct expected one = {1, HOUR, HOUR, 0, 0}, none = {0};
    for (enum catch_up c = CATCH_UP_NONE; c <= CATCH_UP_ALL; c++) {
        expect("0 * * * *", c, -1, HOUR, one);
        expect("0 * * * *", c, 0, HOUR, one);
        expect("0 * * * *", c, -1, HOUR + 60, one);
        expect("0 * * * *", c, -1, HOUR - 1, none);
    }
}

static void test_without_catch_up_a_minute_is_patience(void **unused)
{
    (void)unused;
    expect("0 * * * *", CATCH_UP_NONE, -1, HOUR + 61,
           (struct expected){0, 0, 0, HOUR, HOUR});
    expect("0 * * * *", CATCH_UP_NONE, -1, 5 * HOUR + 10,
           (struct expected){1, 5 * HOUR, 5 * HOUR, HOUR, 4 * HOUR});
    expect("* * * * *", CATCH_UP_NONE, -1, HOUR,
           (struct expected){1, HOUR, HOUR, MINUTE, HOUR - MINUTE});
}

static void test_epsilon_is_patience_where_it_is_given(void **unused)
{
    (void)unused;
    expect("0 * * * *", CATCH_UP_NONE, 600, 3 * HOUR + 600,
           (struct expected){1, 3 * HOUR, 3 * HOUR, HOUR, 2 * HOUR});
    expect("0 * * * *", CATCH_UP_NONE, 600, 3 * HOUR + 601,
           (struct expected){0, 0, 0, HOUR, 3 * HOUR});
    expect("0 * * * *", CATCH_UP_LAST, 600, 3 * HOUR + 601,
           (struct expected){0, 0, 0, HOUR, 3 * HOUR});
    expect("0 * * * *", CATCH_UP_ALL, 3 * HOUR, 5 * HOUR,
           (struct expected){4, 2 * HOUR, 5 * HOUR, HOUR, HOUR});
}

static void test_last_catches_up_with_the_newest(void **unused)
{
    (void)unused;
    expect("0 * * * *", CATCH_UP_LAST, -1, 100 * HOUR + 1800,
           (struct expected){1, 100 * HOUR, 100 * HOUR, HOUR, 99 * HOUR});
}

static void test_all_catches_up_with_each_up_to_a_thousand(void **unused)
{
    (void)unused;
    expect("0 * * * *", CATCH_UP_ALL, -1, 10 * HOUR,
           (struct expected){10, HOUR, 10 * HOUR, 0, 0});
    expect("* * * * *", CATCH_UP_ALL, -1, 5000 * MINUTE,
           (struct expected){CATCH_UP_MAX, 4001 * MINUTE, 5000 * MINUTE, MINUTE,
                             4000 * MINUTE});
}

/* Known to be the only one, it is decided upon alike. */
static void check_the_only_one(const struct cron_rule *rule,
                               const struct cron_run *run, int64_t now_ms,
                               const struct cron_due *due)
{
    struct cron_due one;

    cron_due_one(rule, run, now_ms, &one);
    assert_int_equal(one.start.count, due->start.count);
    assert_int_equal(one.first_missed.at, due->first_missed.at);
    assert_int_equal(one.last_missed.at, due->last_missed.at);
    assert_int_equal(one.last_missed.wall, due->last_missed.wall);
    if (one.start.count > 0)
        assert_memory_equal(one.start.item, due->start.item, sizeof *run);
    cron_due_release(&one);
}

/* Every due time is a start or between the missed ones, exactly once. */
static void check_against_scan(const struct cron_rule *rule, int64_t now_ms)
{
    struct cron_due due;
    struct cron_run run = {.at = T}, first = {0};
    uint32_t next = 0, count = 0;

    cron_due(rule, T, T, now_ms, &due);
    while (cron_next(&rule->schedule, rule->zone, T, run.at, &run) &&
           run.at <= now_ms / 1000) {
        if (count++ == 0)
            first = run;
        if (next < due.start.count && due.start.item[next].at == run.at) {
            next++;
            continue;
        }
        assert_int_equal(next, 0); /* what is missed is older than all starts */
        assert_true(run.at >= due.first_missed.at);
        assert_true(run.at <= due.last_missed.at);
    }
    assert_int_equal(next, due.start.count);
    assert_true(due.start.count == 0 ||
                due.last_missed.at < due.start.item[0].at);
    if (count == 1)
        check_the_only_one(rule, &first, now_ms, &due);
    cron_due_release(&due);
}

static void test_every_due_time_is_decided_upon_once(void **unused)
{
    (void)unused;
    static const char *const schedules[] = {
        "* * * * *",          "*/7 * * * *", "0 3 * * *", "R//PT45S",
        "15,45 1-23/2 * * *", "R5//PT1H",    "0 0 1 * *", "R3//P1D"};
    struct rng rng;
    rng_seed(&rng, 7);
    for (int i = 0; i < 2000; i++) {
        struct cron_rule *rule =
            rule_of(schedules[i % 8], (enum catch_up)rng_below(&rng, 3),
                    rng_below(&rng, 2) ? -1 : (int64_t)rng_below(&rng, 7200));
        check_against_scan(rule, T * INT64_C(1000) +
                                     (int64_t)rng_below(&rng, 200000000));
        cron_rule_free(rule);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_on_time_one_run_starts),
        cmocka_unit_test(test_without_catch_up_a_minute_is_patience),
        cmocka_unit_test(test_epsilon_is_patience_where_it_is_given),
        cmocka_unit_test(test_last_catches_up_with_the_newest),
        cmocka_unit_test(test_all_catches_up_with_each_up_to_a_thousand),
        cmocka_unit_test(test_every_due_time_is_decided_upon_once),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
