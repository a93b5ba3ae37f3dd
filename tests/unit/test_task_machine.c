/* The whole table, from x to, against a list written down independently. */
#include "aurora/core/task_machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* One row: from, to, and the effects as letters in their order:
 * f count failure, s save, r reschedule, l to LOST, k kill, d delete. A row
 * with '!' is illegal with a kill. What has no row is illegal without one. */
struct row {
    enum task_state from;
    const char *to, *effects;
};

/* A batch job whose failures are used up: nothing is rescheduled by itself. */
static const struct row BATCH[] = {
    {TASK_INIT, "PENDING THROTTLED", "s"},
    {TASK_THROTTLED, "PENDING", "s"},
    {TASK_THROTTLED, "KILLING", "sd"},
    {TASK_PENDING, "ASSIGNED", "s"},
    {TASK_PENDING, "KILLING", "sd"},
    {TASK_ASSIGNED, "STARTING RUNNING FINISHED", "s"},
    {TASK_ASSIGNED, "FAILED", "fs"},
    {TASK_ASSIGNED, "RESTARTING DRAINING PREEMPTING KILLING", "sk"},
    {TASK_ASSIGNED, "KILLED", "sr"},
    {TASK_ASSIGNED, "LOST", "srk"},
    {TASK_STARTING, "RUNNING FINISHED PARTITIONED", "s"},
    {TASK_STARTING, "FAILED", "fs"},
    {TASK_STARTING, "RESTARTING DRAINING PREEMPTING KILLING", "sk"},
    {TASK_STARTING, "KILLED LOST", "sr"},
    {TASK_RUNNING, "FINISHED PARTITIONED", "s"},
    {TASK_RUNNING, "FAILED", "fs"},
    {TASK_RUNNING, "RESTARTING DRAINING PREEMPTING KILLING", "sk"},
    {TASK_RUNNING, "KILLED LOST", "sr"},
    {TASK_PREEMPTING, "FINISHED FAILED KILLED", "sr"},
    {TASK_PREEMPTING, "KILLING", "s"},
    {TASK_PREEMPTING, "LOST", "srk"},
    {TASK_PREEMPTING, "PARTITIONED", "sl"},
    {TASK_PREEMPTING, "ASSIGNED STARTING RUNNING", "!"},
    {TASK_RESTARTING, "FINISHED FAILED KILLED", "sr"},
    {TASK_RESTARTING, "KILLING", "s"},
    {TASK_RESTARTING, "LOST", "srk"},
    {TASK_RESTARTING, "PARTITIONED", "sl"},
    {TASK_RESTARTING, "ASSIGNED STARTING RUNNING", "!"},
    {TASK_DRAINING, "FINISHED FAILED KILLED", "sr"},
    {TASK_DRAINING, "KILLING", "s"},
    {TASK_DRAINING, "LOST", "srk"},
    {TASK_DRAINING, "PARTITIONED", "sl"},
    {TASK_DRAINING, "ASSIGNED STARTING RUNNING", "!"},
    {TASK_KILLING, "FINISHED FAILED KILLED LOST", "s"},
    {TASK_KILLING, "DELETED", "d"},
    {TASK_KILLING, "PARTITIONED", "sl"},
    {TASK_PARTITIONED, "ASSIGNED STARTING RUNNING FINISHED", "s"},
    {TASK_PARTITIONED, "FAILED", "fs"},
    {TASK_PARTITIONED, "RESTARTING DRAINING PREEMPTING KILLING", "sl"},
    {TASK_PARTITIONED, "KILLED", "sr"},
    {TASK_PARTITIONED, "LOST", "srk"},
    {TASK_FINISHED, "DELETED", "d"},
    {TASK_FAILED, "DELETED", "d"},
    {TASK_KILLED, "DELETED", "d"},
    {TASK_LOST, "DELETED", "d"},
    {TASK_FINISHED, "ASSIGNED STARTING RUNNING PARTITIONED", "!"},
    {TASK_FAILED, "ASSIGNED STARTING RUNNING PARTITIONED", "!"},
    {TASK_KILLED, "ASSIGNED STARTING RUNNING PARTITIONED", "!"},
    {TASK_LOST, "ASSIGNED STARTING RUNNING PARTITIONED", "!"},
    {TASK_NONE, "ASSIGNED STARTING RUNNING PARTITIONED", "!"},
};

/* Where a service differs: it runs again after these ends. */
static const struct row SERVICE[] = {
    {TASK_ASSIGNED, "FINISHED", "sr"},    {TASK_ASSIGNED, "FAILED", "fsr"},
    {TASK_STARTING, "FINISHED", "sr"},    {TASK_STARTING, "FAILED", "fsr"},
    {TASK_RUNNING, "FINISHED", "sr"},     {TASK_RUNNING, "FAILED", "fsr"},
    {TASK_PARTITIONED, "FINISHED", "sr"}, {TASK_PARTITIONED, "FAILED", "fsr"},
};

static bool has_word(const char *words, const char *word)
{
    size_t size = strlen(word);

    for (const char *at = words; (at = strstr(at, word)); at += size)
        if ((at == words || at[-1] == ' ') &&
            (at[size] == ' ' || at[size] == '\0'))
            return true;
    return false;
}

static const char *find(const struct row *row, size_t count,
                        enum task_state from, enum task_state to)
{
    for (size_t i = 0; i < count; i++)
        if (row[i].from == from && has_word(row[i].to, task_machine_name(to)))
            return row[i].effects;
    return NULL;
}

static uint32_t bits_of(const char *letters)
{
    static const char order[] = "fsrlkd";
    uint32_t bits = 0;

    for (; *letters; letters++)
        bits |= 1U << (strchr(order, *letters) - order);
    return bits;
}

static void check_pair(enum task_state from, enum task_state to,
                       const struct task_facts *facts, const char *expected)
{
    struct task_change change = task_machine(from, to, facts);
    char what[80];

    snprintf(what, sizeof what, "%s -> %s", task_machine_name(from),
             task_machine_name(to));
    if (from == to) {
        if (change.verdict != TASK_SAME)
            fail_msg("%s: want SAME", what);
    } else if (!expected || *expected == '!') {
        if (change.verdict != TASK_ILLEGAL ||
            change.effects != (expected ? (uint32_t)TASK_KILL : 0))
            fail_msg("%s: want illegal%s", what, expected ? ", kill" : "");
    } else if (change.verdict != TASK_ALLOWED ||
               change.effects != bits_of(expected)) {
        fail_msg("%s: want %s, got %#x", what, expected, change.effects);
    }
}

static void test_every_change_of_a_batch_job(void **unused)
{
    struct task_facts facts = {.failures_max = 1};

    (void)unused;
    for (int from = TASK_NONE; from < TASK_STATE_COUNT; from++)
        for (int to = TASK_INIT; to < TASK_STATE_COUNT; to++)
            check_pair((enum task_state)from, (enum task_state)to, &facts,
                       find(BATCH, sizeof BATCH / sizeof *BATCH,
                            (enum task_state)from, (enum task_state)to));
}

static void test_every_change_of_a_service(void **unused)
{
    struct task_facts facts = {.is_service = true, .failures_max = 1};

    (void)unused;
    for (int from = TASK_NONE; from < TASK_STATE_COUNT; from++)
        for (int to = TASK_INIT; to < TASK_STATE_COUNT; to++) {
            const char *expected =
                find(SERVICE, sizeof SERVICE / sizeof *SERVICE,
                     (enum task_state)from, (enum task_state)to);
            if (!expected)
                expected = find(BATCH, sizeof BATCH / sizeof *BATCH,
                                (enum task_state)from, (enum task_state)to);
            check_pair((enum task_state)from, (enum task_state)to, &facts,
                       expected);
        }
}

static bool fails_into_new_task(int32_t max, uint32_t failures)
{
    struct task_facts facts = {.failures_max = max, .failures = failures};

    return task_machine(TASK_RUNNING, TASK_FAILED, &facts).effects &
           TASK_RESCHEDULE;
}

static void test_failures_are_limited(void **unused)
{
    (void)unused;
    assert_false(fails_into_new_task(1, 0));
    assert_true(fails_into_new_task(10, 8));
    assert_false(fails_into_new_task(10, 9));
    assert_false(fails_into_new_task(10, 10));
    assert_true(fails_into_new_task(-1, 4000000000U));
}

static void test_a_partitioned_task_that_was_killed_stays_dead(void **unused)
{
    struct task_facts facts = {.is_service = true, .was_killing = true};

    (void)unused;
    assert_false(task_machine(TASK_PARTITIONED, TASK_LOST, &facts).effects &
                 TASK_RESCHEDULE);
    facts.was_killing = false;
    assert_true(task_machine(TASK_PARTITIONED, TASK_LOST, &facts).effects &
                TASK_RESCHEDULE);
}

static void test_a_killed_task_is_never_rescheduled(void **unused)
{
    struct task_facts facts = {.is_service = true, .failures_max = -1};

    (void)unused;
    for (int to = TASK_INIT; to < TASK_STATE_COUNT; to++)
        assert_false(
            task_machine(TASK_KILLING, (enum task_state)to, &facts).effects &
            TASK_RESCHEDULE);
}

static void test_state_sets(void **unused)
{
    (void)unused;
    for (int s = TASK_INIT; s < TASK_STATE_COUNT; s++) {
        enum task_state state = (enum task_state)s;
        bool ended = state >= TASK_FINISHED && state <= TASK_LOST;
        assert_int_equal(task_machine_is_terminal(state), ended);
        assert_int_equal(task_machine_is_active(state),
                         !ended && state != TASK_INIT && state != TASK_DELETED);
        assert_int_equal(task_machine_is_assigned(state),
                         task_machine_is_active(state) &&
                             state != TASK_THROTTLED && state != TASK_PENDING);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_change_of_a_batch_job),
        cmocka_unit_test(test_every_change_of_a_service),
        cmocka_unit_test(test_failures_are_limited),
        cmocka_unit_test(test_a_partitioned_task_that_was_killed_stays_dead),
        cmocka_unit_test(test_a_killed_task_is_never_rescheduled),
        cmocka_unit_test(test_state_sets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
