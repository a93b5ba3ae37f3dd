/* The counting of health checks: the cases of Aurora's health checker, by their
 * numbers in docs/thermos-cases.md, on a clock that only the test moves. */
#include "executor/thermos/core/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { INTERVAL = 10000 };

struct health_case {
    const char *name;
    int64_t initial_ms;
    uint32_t failures_max, successes_min;
    const char *checks; /* '+' good, '-' bad, in order */
    const char *states; /* after each: 'S', 'R' or 'F' */
};

/* clang-format off */
static const struct health_case cases[] = {
    {"44 grace of 15 s forgives two of all bad", 15000, 0, 1, "---", "SSF"},
    {"46 outside of grace a failure after RUNNING counts",
     15000, 0, 1, "+--", "RRF"},
    {"47 tolerated failures extend the way to RUNNING",
     15000, 4, 1, "------+-----", "SSSSSSRRRRRF"},
    {"48 two successes, then more failures than tolerated",
     15000, 2, 2, "++---", "SRRRF"},
    {"49 fails as soon as success is out of reach",
     15000, 2, 4, "-----", "SSSSF"},
    {"no grace, nothing tolerated", 0, 0, 1, "-", "F"},
    {"no grace, good at once", 0, 0, 1, "+-", "RF"},
    {"45 in grace a failure after RUNNING is forgiven", 30000, 0, 1,
     "+--+-", "RRRRF"},
    {"a success clears the count", 0, 1, 1, "-+-+-+--", "SRRRRRRF"},
    {"grace is rounded up: 10.001 s are two checks", 10001, 0, 1, "--+", "SSR"},
    {"grace of exactly one interval is one check", 10000, 0, 1, "--", "SF"},
    {"50 successes have to be in a row, in grace too", 20000, 0, 2,
     "+-++", "SSSR"},
    {"out of reach before the tolerated failures are used up", 0, 3, 3,
     "+-+-", "SSSF"},
    {"no success wanted: RUNNING at once, failures count", 0, 0, 0, "+-", "RF"},
};
/* clang-format on */

static char letter(const struct health *h)
{
    return "SRF"[h->state];
}

static void run_case(const struct health_case *c)
{
    struct health h;
    int64_t now_ms = 1000;

    health_init(&h, &(struct health_rule){c->initial_ms, INTERVAL,
                                          c->failures_max, c->successes_min});
    health_begin(&h, now_ms);
    for (size_t i = 0; c->checks[i] != '\0'; i++) {
        if (!health_take(&h, now_ms))
            fail_msg("%s: check %zu is not due", c->name, i + 1);
        assert_false(health_take(&h, now_ms));
        now_ms += 700; /* a check takes its time */
        health_result(&h, c->checks[i] == '+', now_ms);
        health_check(&h);
        if (letter(&h) != c->states[i])
            fail_msg("%s: after check %zu want %c, got %c", c->name, i + 1,
                     c->states[i], letter(&h));
        if (h.state == HEALTH_FAILED) {
            assert_int_equal(c->checks[i + 1], '\0');
            return;
        }
        assert_int_equal(h.next_ms, now_ms + INTERVAL);
        assert_false(health_take(&h, now_ms + INTERVAL - 1));
        now_ms += INTERVAL;
    }
}

static void test_every_case_of_the_table(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        run_case(&cases[i]);
}

/* The same rules in their plainest form: from the whole history each time. */
static char judged(const struct health_rule *rule, const char *history)
{
    int64_t grace = (rule->initial_ms + INTERVAL - 1) / INTERVAL;
    int64_t most = grace + rule->failures_max + rule->successes_min;
    int64_t bad = 0, good = 0;
    bool running = rule->successes_min == 0;

    for (int64_t n = 1; history[n - 1] != '\0'; n++) {
        bool is_good = history[n - 1] == '+';
        good = is_good ? good + 1 : 0;
        bad = is_good ? 0 : n > grace ? bad + 1 : bad;
        if (bad > rule->failures_max)
            return 'F';
        running = running || good >= rule->successes_min;
        if (!running && rule->successes_min - good > most - n)
            return 'F';
    }
    return running ? 'R' : 'S';
}

static void check_history(const struct health_rule *rule, unsigned bits,
                          unsigned length)
{
    struct health h;
    char history[16] = "";

    health_init(&h, rule);
    health_begin(&h, 0);
    for (unsigned i = 0; i < length && h.state != HEALTH_FAILED; i++) {
        assert_true(health_take(&h, h.next_ms));
        history[i] = bits >> i & 1 ? '+' : '-';
        health_result(&h, history[i] == '+', 0);
        health_check(&h);
        if (letter(&h) != judged(rule, history))
            fail_msg("grace %lld, failures %u, successes %u, %s: %c",
                     (long long)h.grace, rule->failures_max,
                     rule->successes_min, history, letter(&h));
    }
}

static void test_all_short_histories_agree_with_the_plain_rules(void **unused)
{
    (void)unused;
    for (uint32_t grace = 0; grace <= 3; grace++)
        for (uint32_t bad = 0; bad <= 3; bad++)
            for (uint32_t good = 0; good <= 3; good++)
                for (unsigned bits = 0; bits < 1u << 10; bits++)
                    check_history(&(struct health_rule){grace * INTERVAL,
                                                        INTERVAL, bad, good},
                                  bits, 10);
}

static void test_the_first_check_is_due_at_once(void **unused)
{
    (void)unused;
    struct health h;
    health_init(&h, &(struct health_rule){15000, INTERVAL, 0, 1});
    assert_int_equal(h.next_ms, INT64_MAX);
    assert_false(health_take(&h, 5000));
    health_begin(&h, 5000);
    assert_int_equal(h.next_ms, 5000);
    assert_true(health_take(&h, 5000));
}

static void test_a_stopped_one_asks_for_nothing(void **unused)
{
    (void)unused;
    struct health h;
    health_init(&h, &(struct health_rule){0, INTERVAL, 0, 1});
    health_begin(&h, 0);
    assert_true(health_take(&h, 0));
    health_stop(&h);
    health_result(&h, false, 10); /* came too late */
    assert_int_equal(h.state, HEALTH_STARTING);
    assert_int_equal(h.next_ms, INT64_MAX);
    assert_false(health_take(&h, INT64_MAX - 1));
}

static void test_absurd_rules_are_bounded(void **unused)
{
    (void)unused;
    struct health h;
    health_init(&h,
                &(struct health_rule){INT64_MAX, -5, UINT32_MAX, UINT32_MAX});
    assert_int_equal(h.rule.interval_ms, HEALTH_INTERVAL_MIN_MS);
    assert_int_equal(h.attempts_max, 3 * HEALTH_COUNT_MAX);
    health_init(&h, &(struct health_rule){INT64_MIN, 0, 0, 1});
    assert_int_equal(h.grace, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_case_of_the_table),
        cmocka_unit_test(test_all_short_histories_agree_with_the_plain_rules),
        cmocka_unit_test(test_the_first_check_is_due_at_once),
        cmocka_unit_test(test_a_stopped_one_asks_for_nothing),
        cmocka_unit_test(test_absurd_rules_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
