#include "aurora/core/app_group_machine.h"

#include <assert.h>

#define TO(state) (1u << APP_GROUP_##state)

/* clang-format off */
static const unsigned next[APP_GROUP_STATE_COUNT] = {
    [APP_GROUP_NONE]      = TO(DEPLOYING),
    [APP_GROUP_DEPLOYING] = TO(DEPLOYING) | TO(RUNNING) | TO(FAILED) |
                            TO(REMOVING),
    [APP_GROUP_RUNNING]   = TO(DEPLOYING) | TO(REMOVING),
    [APP_GROUP_FAILED]    = TO(DEPLOYING) | TO(REMOVING),
    [APP_GROUP_REMOVING]  = TO(REMOVED) | TO(FAILED),
};
/* clang-format on */

bool app_group_machine(enum app_group_state from, enum app_group_state to)
{
    assert(from < APP_GROUP_STATE_COUNT && to < APP_GROUP_STATE_COUNT);
    return (next[from] >> to & 1u) != 0;
}

bool app_group_is_busy(enum app_group_state state)
{
    return state == APP_GROUP_DEPLOYING || state == APP_GROUP_REMOVING;
}

const char *app_group_state_name(enum app_group_state state)
{
    static const char *const name[APP_GROUP_STATE_COUNT] = {
        [APP_GROUP_NONE] = "NONE",         [APP_GROUP_DEPLOYING] = "DEPLOYING",
        [APP_GROUP_RUNNING] = "RUNNING",   [APP_GROUP_FAILED] = "FAILED",
        [APP_GROUP_REMOVING] = "REMOVING", [APP_GROUP_REMOVED] = "REMOVED",
    };

    return state < APP_GROUP_STATE_COUNT ? name[state] : "UNKNOWN";
}

/* What was begun: is it up, will it ever be? */
static enum member_act rule_working(const struct member_facts *facts)
{
    if (!facts->is_here || facts->is_broken)
        return ACT_FAIL;
    if (facts->update != UPDATE_NONE && update_is_active(facts->update))
        return ACT_WAIT;
    if (facts->update != UPDATE_NONE && facts->update != UPDATE_ROLLED_FORWARD)
        return ACT_FAIL;
    return facts->is_up ? ACT_DONE : ACT_WAIT;
}

enum member_act member_rule(const struct member_facts *facts)
{
    if (facts->phase == MEMBER_DONE || facts->phase == MEMBER_FAILED)
        return ACT_WAIT;
    if (facts->action == MEMBER_REMOVE && facts->is_gone)
        return ACT_DONE;
    if (facts->phase == MEMBER_WAITING) {
        /* Somebody killed what has not begun. */
        if (facts->action == MEMBER_CREATE && !facts->is_here)
            return ACT_FAIL;
        return facts->is_clear ? ACT_BEGIN : ACT_WAIT;
    }
    if (facts->action != MEMBER_REMOVE)
        return rule_working(facts);
    /* Somebody ended its end: begin it again. */
    return facts->is_here ? ACT_BEGIN : ACT_WAIT;
}
