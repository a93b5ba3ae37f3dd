/* The states of updates, the rule for one instance, and batches: tables. */
#include "aurora/core/update_machine.h"
#include "aurora/core/settle.h"
#include "aurora/core/update_rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Every legal change, once more, as a list; all others are illegal. */
static const struct {
    enum update_state from, to;
} LEGAL[] = {
    {UPDATE_NONE, UPDATE_ROLLING_FORWARD},
    {UPDATE_NONE, UPDATE_ROLL_FORWARD_AWAITING_PULSE},
    {UPDATE_ROLLING_FORWARD, UPDATE_ROLLING_BACK},
    {UPDATE_ROLLING_FORWARD, UPDATE_ROLL_FORWARD_PAUSED},
    {UPDATE_ROLLING_FORWARD, UPDATE_ROLL_FORWARD_AWAITING_PULSE},
    {UPDATE_ROLLING_FORWARD, UPDATE_ROLLED_FORWARD},
    {UPDATE_ROLLING_FORWARD, UPDATE_ABORTED},
    {UPDATE_ROLLING_FORWARD, UPDATE_FAILED},
    {UPDATE_ROLLING_FORWARD, UPDATE_ERROR},
    {UPDATE_ROLLING_BACK, UPDATE_ROLL_BACK_PAUSED},
    {UPDATE_ROLLING_BACK, UPDATE_ROLL_BACK_AWAITING_PULSE},
    {UPDATE_ROLLING_BACK, UPDATE_ROLLED_BACK},
    {UPDATE_ROLLING_BACK, UPDATE_ABORTED},
    {UPDATE_ROLLING_BACK, UPDATE_FAILED},
    {UPDATE_ROLLING_BACK, UPDATE_ERROR},
    {UPDATE_ROLL_FORWARD_PAUSED, UPDATE_ROLL_FORWARD_AWAITING_PULSE},
    {UPDATE_ROLL_FORWARD_PAUSED, UPDATE_ROLLING_FORWARD},
    {UPDATE_ROLL_FORWARD_PAUSED, UPDATE_ROLLING_BACK},
    {UPDATE_ROLL_FORWARD_PAUSED, UPDATE_ABORTED},
    {UPDATE_ROLL_FORWARD_PAUSED, UPDATE_ERROR},
    {UPDATE_ROLL_FORWARD_AWAITING_PULSE, UPDATE_ROLL_FORWARD_PAUSED},
    {UPDATE_ROLL_FORWARD_AWAITING_PULSE, UPDATE_ROLLING_FORWARD},
    {UPDATE_ROLL_FORWARD_AWAITING_PULSE, UPDATE_ROLLING_BACK},
    {UPDATE_ROLL_FORWARD_AWAITING_PULSE, UPDATE_ABORTED},
    {UPDATE_ROLL_FORWARD_AWAITING_PULSE, UPDATE_ERROR},
    {UPDATE_ROLL_BACK_PAUSED, UPDATE_ROLL_BACK_AWAITING_PULSE},
    {UPDATE_ROLL_BACK_PAUSED, UPDATE_ROLLING_BACK},
    {UPDATE_ROLL_BACK_PAUSED, UPDATE_ABORTED},
    {UPDATE_ROLL_BACK_PAUSED, UPDATE_ERROR},
    {UPDATE_ROLL_BACK_AWAITING_PULSE, UPDATE_ROLL_BACK_PAUSED},
    {UPDATE_ROLL_BACK_AWAITING_PULSE, UPDATE_ROLLING_BACK},
    {UPDATE_ROLL_BACK_AWAITING_PULSE, UPDATE_ABORTED},
    {UPDATE_ROLL_BACK_AWAITING_PULSE, UPDATE_ERROR},
};

static bool is_legal(int from, int to)
{
    for (size_t i = 0; i < sizeof LEGAL / sizeof *LEGAL; i++)
        if ((int)LEGAL[i].from == from && (int)LEGAL[i].to == to)
            return true;
    return false;
}

static void test_every_change_of_state(void **unused)
{
    (void)unused;
    for (int from = 0; from < UPDATE_STATE_COUNT; from++)
        for (int to = 0; to < UPDATE_STATE_COUNT; to++)
            if (update_machine((enum update_state)from,
                               (enum update_state)to) != is_legal(from, to))
                fail_msg("%s to %s", update_state_name((enum update_state)from),
                         update_state_name((enum update_state)to));
}

static void test_nothing_leads_out_of_an_end(void **unused)
{
    (void)unused;
    for (int state = 1; state < UPDATE_STATE_COUNT; state++) {
        bool leads_on = false;
        for (int to = 0; to < UPDATE_STATE_COUNT; to++)
            leads_on |=
                update_machine((enum update_state)state, (enum update_state)to);
        assert_int_equal(leads_on, update_is_active((enum update_state)state));
    }
}

enum { SEC = 1000 };

static const uint32_t SIZES[] = {1, 2, 4};

static const struct update_settings SETTINGS = {
    .strategy = UPDATE_QUEUE,
    .size = SIZES,
    .size_count = 1,
    .instance_failures_max = 1,
    .watch_ms = 45 * SEC,
};

static enum update_action rule(struct update_facts facts)
{
    return update_rule(&facts, &SETTINGS, 100 * SEC);
}

#define FACTS(...) ((struct update_facts){__VA_ARGS__})
#define OF(same, task)                                                        \
    .is_wanted = true, .has_task = true, .is_settled = true, .is_same = same, \
    .state = TASK_##task

static void test_the_rule_for_one_instance(void **unused)
{
    (void)unused;
    assert_int_equal(rule(FACTS(.is_wanted = true)), UPDATE_ACT_ADD);
    assert_int_equal(rule(FACTS(.is_wanted = false)), UPDATE_ACT_DONE);
    assert_int_equal(rule(FACTS(.has_task = true, .state = TASK_RUNNING)),
                     UPDATE_ACT_KILL);
    assert_int_equal(rule(FACTS(.has_task = true, .state = TASK_KILLING)),
                     UPDATE_ACT_WAIT);
    assert_int_equal(rule(FACTS(OF(false, RUNNING))), UPDATE_ACT_CHANGE);
    assert_int_equal(rule(FACTS(OF(false, PENDING))), UPDATE_ACT_CHANGE);
    assert_int_equal(rule(FACTS(OF(false, THROTTLED))), UPDATE_ACT_CHANGE);
    assert_int_equal(rule(FACTS(OF(false, PARTITIONED))), UPDATE_ACT_CHANGE);
    assert_int_equal(rule(FACTS(OF(false, KILLING))), UPDATE_ACT_WAIT);
    assert_int_equal(rule(FACTS(OF(false, RESTARTING))), UPDATE_ACT_WAIT);
    assert_int_equal(rule(FACTS(OF(true, PENDING))), UPDATE_ACT_WAIT);
    assert_int_equal(rule(FACTS(OF(true, STARTING))), UPDATE_ACT_WAIT);
    assert_int_equal(rule(FACTS(OF(true, RUNNING), .running_ms = 55 * SEC + 1)),
                     UPDATE_ACT_WATCH);
    assert_int_equal(rule(FACTS(OF(true, RUNNING), .running_ms = 55 * SEC)),
                     UPDATE_ACT_DONE);
}

/* What is only remembered is no reason to go on. */
static void test_nobody_is_judged_blindly(void **unused)
{
    struct update_facts facts = FACTS(OF(true, RUNNING));

    (void)unused;
    facts.is_settled = false;
    assert_int_equal(rule(facts), UPDATE_ACT_WAIT);
    facts.running_ms = 56 * SEC; /* the watch is not over in any case */
    assert_int_equal(rule(facts), UPDATE_ACT_WATCH);
    facts.failures = 2;
    assert_int_equal(rule(facts), UPDATE_ACT_FAIL);
}

static void test_when_memory_becomes_news(void **unused)
{
    static const struct {
        bool is_connected, is_unheard;
        int64_t for_ms;
        bool is_settled;
    } row[] = {
        {false, false, 0, false},
        {false, true, 0, false},
        {false, true, SETTLE_MS, false},
        {false, false, SETTLE_MS, false},
        {true, false, 0, true},
        {true, true, 0, false},
        {true, true, SETTLE_MS - 1, false},
        {true, true, SETTLE_MS, true},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct settle_facts facts = {row[i].is_connected, row[i].is_unheard,
                                     100 * SEC};
        assert_int_equal(settle_rule(&facts, 100 * SEC + row[i].for_ms),
                         row[i].is_settled);
    }
}

static void test_ends_are_counted_before_anything_else(void **unused)
{
    (void)unused;
    assert_int_equal(rule(FACTS(OF(true, RUNNING), .failures = 1)),
                     UPDATE_ACT_DONE);
    assert_int_equal(rule(FACTS(OF(true, RUNNING), .failures = 2)),
                     UPDATE_ACT_FAIL);
    assert_int_equal(rule(FACTS(.is_wanted = true, .failures = 2)),
                     UPDATE_ACT_FAIL);
    /* What is only to go away cannot fail. */
    assert_int_equal(rule(FACTS(.failures = 2)), UPDATE_ACT_DONE);
}

static void test_how_many_begin(void **unused)
{
    struct update_settings s = SETTINGS;

    (void)unused;
    s.size = &SIZES[2];
    assert_int_equal(update_room(&s, 0, 0), 4);
    assert_int_equal(update_room(&s, 3, 7), 1);
    assert_int_equal(update_room(&s, 5, 7), 0);
    s.strategy = UPDATE_BATCH;
    assert_int_equal(update_room(&s, 0, 9), 4);
    assert_int_equal(update_room(&s, 1, 9), 0);
    s.strategy = UPDATE_VARIABLE_BATCH;
    s.size = SIZES;
    s.size_count = 3;
    assert_int_equal(update_room(&s, 0, 0), 1);
    assert_int_equal(update_room(&s, 0, 1), 2);
    assert_int_equal(update_room(&s, 1, 1), 0);
    assert_int_equal(update_room(&s, 0, 2), 4);
    assert_int_equal(update_room(&s, 0, 200), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_change_of_state),
        cmocka_unit_test(test_nothing_leads_out_of_an_end),
        cmocka_unit_test(test_the_rule_for_one_instance),
        cmocka_unit_test(test_ends_are_counted_before_anything_else),
        cmocka_unit_test(test_nobody_is_judged_blindly),
        cmocka_unit_test(test_when_memory_becomes_news),
        cmocka_unit_test(test_how_many_begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
