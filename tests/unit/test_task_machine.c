/* The whole table, from x to, against a text written down independently. */
#include "aurora/core/task_machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The states and what each may go to, as Aurora's users know them. "+k" kill on
 * the agent, "+r" a new task takes its place, "+R" the same for services and
 * while failures are left, "+U" unless it was being killed, "+f" the failure
 * counts, "+d" forget it, "+l" go on to LOST at once; "!" is illegal, and what
 * reported it is killed. Everything legal is saved but DELETED. What is not
 * listed is illegal and changes nothing.
 *
 * PARTITIONED to KILLED is ours: an agent that comes back may report it. */
static const char *const TABLE[] = {
    "INIT: PENDING THROTTLED",
    "THROTTLED: PENDING KILLING+d",
    "PENDING: ASSIGNED KILLING+d",
    "ASSIGNED: STARTING RUNNING FINISHED+S FAILED+f+R RESTARTING+k DRAINING+k "
    "PREEMPTING+k KILLING+k KILLED+r LOST+k+r",
    "STARTING: RUNNING FINISHED+S FAILED+f+R RESTARTING+k DRAINING+k "
    "PREEMPTING+k KILLING+k KILLED+r LOST+r PARTITIONED",
    "RUNNING: FINISHED+S FAILED+f+R RESTARTING+k DRAINING+k "
    "PREEMPTING+k KILLING+k KILLED+r LOST+r PARTITIONED",
    "PREEMPTING: FINISHED+r FAILED+r KILLED+r KILLING LOST+k+r PARTITIONED+l "
    "ASSIGNED! STARTING! RUNNING!",
    "RESTARTING: FINISHED+r FAILED+r KILLED+r KILLING LOST+k+r PARTITIONED+l "
    "ASSIGNED! STARTING! RUNNING!",
    "DRAINING: FINISHED+r FAILED+r KILLED+r KILLING LOST+k+r PARTITIONED+l "
    "ASSIGNED! STARTING! RUNNING!",
    "KILLING: FINISHED FAILED KILLED LOST DELETED+d PARTITIONED+l",
    "PARTITIONED: ASSIGNED STARTING RUNNING FINISHED+S FAILED+f+R "
    "RESTARTING+l DRAINING+l PREEMPTING+l KILLING+l KILLED+r+U LOST+k+r+U",
    "FINISHED: DELETED+d ASSIGNED! STARTING! RUNNING! PARTITIONED!",
    "FAILED: DELETED+d ASSIGNED! STARTING! RUNNING! PARTITIONED!",
    "KILLED: DELETED+d ASSIGNED! STARTING! RUNNING! PARTITIONED!",
    "LOST: DELETED+d ASSIGNED! STARTING! RUNNING! PARTITIONED!",
    "NONE: ASSIGNED! STARTING! RUNNING! PARTITIONED!",
};

/* The entry of `to` in the row of `from`, from behind its name; or NULL. */
static const char *find(enum task_state from, enum task_state to)
{
    char head[32], word[32];

    snprintf(head, sizeof head, "%s:", task_machine_name(from));
    snprintf(word, sizeof word, " %s", task_machine_name(to));
    for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++) {
        const char *at = TABLE[i];
        if (strncmp(at, head, strlen(head)) != 0)
            continue;
        for (; (at = strstr(at, word)); at += strlen(word))
            if (strchr(" +!", at[strlen(word)]))
                return at + strlen(word);
    }
    return NULL;
}

static bool has(const char *entry, char mark)
{
    for (; *entry && *entry != ' '; entry++)
        if (*entry == '+' && entry[1] == mark)
            return true;
    return false;
}

static bool is_rescheduled(const char *entry, const struct task_facts *facts)
{
    bool has_retries = facts->is_service || facts->failures_max == -1 ||
                       (int64_t)facts->failures + 1 < facts->failures_max;

    return (has(entry, 'r') && !(has(entry, 'U') && facts->was_killing)) ||
           (has(entry, 'S') && facts->is_service) ||
           (has(entry, 'R') && has_retries);
}

/* In the order in which they are carried out, from the lowest bit. */
static uint32_t effects_of(const char *entry, enum task_state to,
                           const struct task_facts *facts)
{
    return (has(entry, 'f') ? 1U : 0) | (to != TASK_DELETED ? 2U : 0) |
           (is_rescheduled(entry, facts) ? 4U : 0) |
           (has(entry, 'l') ? 8U : 0) | (has(entry, 'k') ? 16U : 0) |
           (has(entry, 'd') ? 32U : 0);
}

static void check_pair(enum task_state from, enum task_state to,
                       const struct task_facts *facts)
{
    struct task_change change = task_machine(from, to, facts);
    const char *entry = find(from, to);
    char what[80];

    snprintf(what, sizeof what, "%s -> %s", task_machine_name(from),
             task_machine_name(to));
    if (from == to) {
        if (change.verdict != TASK_SAME)
            fail_msg("%s: want SAME", what);
    } else if (!entry || *entry == '!') {
        if (change.verdict != TASK_ILLEGAL ||
            change.effects != (entry ? (uint32_t)TASK_KILL : 0))
            fail_msg("%s: want illegal%s", what, entry ? ", kill" : "");
    } else if (change.verdict != TASK_ALLOWED ||
               change.effects != effects_of(entry, to, facts)) {
        fail_msg("%s: want %#x, got %#x", what, effects_of(entry, to, facts),
                 change.effects);
    }
}

static void check_all(const struct task_facts *facts)
{
    for (int from = TASK_NONE; from < TASK_STATE_COUNT; from++)
        for (int to = TASK_INIT; to < TASK_STATE_COUNT; to++)
            check_pair((enum task_state)from, (enum task_state)to, facts);
}

static void test_every_change_is_as_the_table_says(void **unused)
{
    static const int32_t max[] = {1, 2, 10, -1};

    (void)unused;
    for (int bits = 0; bits < 4; bits++)
        for (int i = 0; i < 4; i++)
            for (uint32_t failures = 0; failures < 11; failures++) {
                struct task_facts facts = {.is_service = bits & 1,
                                           .was_killing = bits & 2,
                                           .failures_max = max[i],
                                           .failures = failures};
                check_all(&facts);
            }
}

static bool fails_into_new_task(int32_t max, uint32_t failures)
{
    struct task_facts facts = {.failures_max = max, .failures = failures};

    return task_machine(TASK_RUNNING, TASK_FAILED, &facts).effects &
           TASK_RESCHEDULE;
}

static void test_76_failures_are_limited(void **unused)
{
    (void)unused;
    assert_false(fails_into_new_task(1, 0));
    assert_true(fails_into_new_task(10, 8));
    assert_false(fails_into_new_task(10, 9));
    assert_false(fails_into_new_task(10, 10));
    assert_true(fails_into_new_task(-1, 4000000000U));
}

static void test_77_a_partitioned_task_that_was_killed_stays_dead(void **unused)
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
        cmocka_unit_test(test_every_change_is_as_the_table_says),
        cmocka_unit_test(test_76_failures_are_limited),
        cmocka_unit_test(test_77_a_partitioned_task_that_was_killed_stays_dead),
        cmocka_unit_test(test_a_killed_task_is_never_rescheduled),
        cmocka_unit_test(test_state_sets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
