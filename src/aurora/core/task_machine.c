#include "aurora/core/task_machine.h"

#include <assert.h>

/* Bits of a rule beyond those of enum task_effect. A rule of 0 is illegal. */
enum {
    LEGAL = 1 << 8,
    IF_SERVICE = 1 << 9,  /* reschedule a service */
    IF_RETRIES = 1 << 10, /* reschedule while failures are allowed */
    UNLESS_KILLED = 1 << 11,
    REPORT_KILL = 1 << 12 /* illegal, and what reported it must die */
};

#define S (LEGAL | TASK_SAVE)
#define K TASK_KILL
#define R TASK_RESCHEDULE
#define L TASK_TO_LOST
#define D TASK_DELETE
#define FINISHED_RULE (S | IF_SERVICE)
#define FAILED_RULE (S | TASK_COUNT_FAILURE | IF_RETRIES)

/* Any active report about a task that has ended, or that nobody knows. */
#define STRAY_REPORTS                                             \
    [TASK_ASSIGNED] = REPORT_KILL, [TASK_STARTING] = REPORT_KILL, \
    [TASK_RUNNING] = REPORT_KILL, [TASK_PARTITIONED] = REPORT_KILL

/* PREEMPTING, RESTARTING and DRAINING: on the way out to come back elsewhere;
 * an end of any kind reschedules. */
#define LEAVING                                                                \
    {                                                                          \
        [TASK_FINISHED] = S | R, [TASK_FAILED] = S | R, [TASK_KILLED] = S | R, \
        [TASK_KILLING] = S, [TASK_LOST] = S | K | R,                           \
        [TASK_PARTITIONED] = S | L, [TASK_ASSIGNED] = REPORT_KILL,             \
        [TASK_STARTING] = REPORT_KILL, [TASK_RUNNING] = REPORT_KILL            \
    }

/* clang-format off */
static const uint16_t rule[TASK_STATE_COUNT][TASK_STATE_COUNT] = {
    [TASK_NONE] = {
        STRAY_REPORTS,
    },
    [TASK_INIT] = {
        [TASK_PENDING] = S,            [TASK_THROTTLED] = S,
    },
    [TASK_THROTTLED] = {
        [TASK_PENDING] = S,            [TASK_KILLING] = S | D,
    },
    [TASK_PENDING] = {
        [TASK_ASSIGNED] = S,           [TASK_KILLING] = S | D,
    },
    [TASK_ASSIGNED] = {
        [TASK_STARTING] = S,           [TASK_RUNNING] = S,
        [TASK_FINISHED] = FINISHED_RULE,
        [TASK_FAILED] = FAILED_RULE,
        [TASK_RESTARTING] = S | K,     [TASK_DRAINING] = S | K,
        [TASK_PREEMPTING] = S | K,     [TASK_KILLING] = S | K,
        [TASK_KILLED] = S | R,         [TASK_LOST] = S | K | R,
    },
    [TASK_STARTING] = {
        [TASK_RUNNING] = S,
        [TASK_FINISHED] = FINISHED_RULE,
        [TASK_FAILED] = FAILED_RULE,
        [TASK_RESTARTING] = S | K,     [TASK_DRAINING] = S | K,
        [TASK_PREEMPTING] = S | K,     [TASK_KILLING] = S | K,
        [TASK_KILLED] = S | R,         [TASK_LOST] = S | R,
        [TASK_PARTITIONED] = S,
    },
    [TASK_RUNNING] = {
        [TASK_FINISHED] = FINISHED_RULE,
        [TASK_FAILED] = FAILED_RULE,
        [TASK_RESTARTING] = S | K,     [TASK_DRAINING] = S | K,
        [TASK_PREEMPTING] = S | K,     [TASK_KILLING] = S | K,
        [TASK_KILLED] = S | R,         [TASK_LOST] = S | R,
        [TASK_PARTITIONED] = S,
    },
    [TASK_PREEMPTING] = LEAVING,
    [TASK_RESTARTING] = LEAVING,
    [TASK_DRAINING]   = LEAVING,
    [TASK_KILLING] = {
        [TASK_FINISHED] = S,           [TASK_FAILED] = S,
        [TASK_KILLED] = S,             [TASK_LOST] = S,
        [TASK_DELETED] = LEGAL | D,    [TASK_PARTITIONED] = S | L,
    },
    /* KILLED is our addition: an agent that comes back may report it, and an
     * end that was reported must never be lost. */
    [TASK_PARTITIONED] = {
        [TASK_ASSIGNED] = S,           [TASK_STARTING] = S,
        [TASK_RUNNING] = S,
        [TASK_FINISHED] = FINISHED_RULE,
        [TASK_FAILED] = FAILED_RULE,
        [TASK_RESTARTING] = S | L,     [TASK_DRAINING] = S | L,
        [TASK_PREEMPTING] = S | L,     [TASK_KILLING] = S | L,
        [TASK_KILLED] = S | R | UNLESS_KILLED,
        [TASK_LOST] = S | K | R | UNLESS_KILLED,
    },
    [TASK_FINISHED] = { STRAY_REPORTS, [TASK_DELETED] = LEGAL | D, },
    [TASK_FAILED]   = { STRAY_REPORTS, [TASK_DELETED] = LEGAL | D, },
    [TASK_KILLED]   = { STRAY_REPORTS, [TASK_DELETED] = LEGAL | D, },
    [TASK_LOST]     = { STRAY_REPORTS, [TASK_DELETED] = LEGAL | D, },
};
/* clang-format on */

static bool retries_left(const struct task_facts *facts)
{
    return facts->is_service || facts->failures_max == -1 ||
           (int64_t)facts->failures < (int64_t)facts->failures_max - 1;
}

struct task_change task_machine(enum task_state from, enum task_state to,
                                const struct task_facts *facts)
{
    assert(from < TASK_STATE_COUNT && to < TASK_STATE_COUNT);
    if (from == to)
        return (struct task_change){TASK_SAME, 0};
    uint32_t bits = rule[from][to];
    if (!(bits & LEGAL))
        return (struct task_change){
            TASK_ILLEGAL, bits & REPORT_KILL ? (uint32_t)TASK_KILL : 0};

    uint32_t effects = bits & (LEGAL - 1);
    if (bits & IF_SERVICE && facts->is_service)
        effects |= TASK_RESCHEDULE;
    if (bits & IF_RETRIES && retries_left(facts))
        effects |= TASK_RESCHEDULE;
    if (bits & UNLESS_KILLED && facts->was_killing)
        effects &= ~(uint32_t)TASK_RESCHEDULE;
    return (struct task_change){TASK_ALLOWED, effects};
}

bool task_machine_is_active(enum task_state state)
{
    return state >= TASK_THROTTLED && state <= TASK_PARTITIONED;
}

bool task_machine_is_assigned(enum task_state state)
{
    return state >= TASK_ASSIGNED && state <= TASK_PARTITIONED;
}

bool task_machine_is_terminal(enum task_state state)
{
    return state >= TASK_FINISHED && state <= TASK_LOST;
}

bool task_machine_is_transient(enum task_state state)
{
    return state == TASK_ASSIGNED ||
           (state >= TASK_PREEMPTING && state <= TASK_KILLING);
}

const char *task_machine_name(enum task_state state)
{
    static const char *const name[TASK_STATE_COUNT] = {
        [TASK_NONE] = "NONE",
        [TASK_INIT] = "INIT",
        [TASK_THROTTLED] = "THROTTLED",
        [TASK_PENDING] = "PENDING",
        [TASK_ASSIGNED] = "ASSIGNED",
        [TASK_STARTING] = "STARTING",
        [TASK_RUNNING] = "RUNNING",
        [TASK_PREEMPTING] = "PREEMPTING",
        [TASK_RESTARTING] = "RESTARTING",
        [TASK_DRAINING] = "DRAINING",
        [TASK_KILLING] = "KILLING",
        [TASK_PARTITIONED] = "PARTITIONED",
        [TASK_FINISHED] = "FINISHED",
        [TASK_FAILED] = "FAILED",
        [TASK_KILLED] = "KILLED",
        [TASK_LOST] = "LOST",
        [TASK_DELETED] = "DELETED",
    };
    return state < TASK_STATE_COUNT ? name[state] : "UNKNOWN";
}
