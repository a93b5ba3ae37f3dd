#include "aurora/core/update_rule.h"

#include <assert.h>

static bool is_leaving(enum task_state state)
{
    return state >= TASK_PREEMPTING && state <= TASK_KILLING;
}

static enum update_action rule_unwanted(const struct update_facts *facts)
{
    if (!facts->has_task)
        return UPDATE_ACT_DONE;
    return facts->state == TASK_KILLING ? UPDATE_ACT_WAIT : UPDATE_ACT_KILL;
}

enum update_action update_rule(const struct update_facts *facts,
                               const struct update_settings *settings,
                               int64_t now_ms)
{
    if (!facts->is_wanted)
        return rule_unwanted(facts);
    if (facts->failures > settings->instance_failures_max)
        return UPDATE_ACT_FAIL;
    if (!facts->has_task)
        return UPDATE_ACT_ADD;
    if (!facts->is_same)
        return is_leaving(facts->state) ? UPDATE_ACT_WAIT : UPDATE_ACT_CHANGE;
    if (facts->state != TASK_RUNNING)
        return UPDATE_ACT_WAIT;
    if (now_ms - facts->running_ms < settings->watch_ms)
        return UPDATE_ACT_WATCH;
    return facts->is_settled ? UPDATE_ACT_DONE : UPDATE_ACT_WAIT;
}

uint32_t update_room(const struct update_settings *settings, uint32_t working,
                     uint32_t groups)
{
    uint32_t at =
        groups < settings->size_count ? groups : settings->size_count - 1;

    assert(settings->size_count > 0);
    if (settings->strategy == UPDATE_QUEUE)
        return working < settings->size[0] ? settings->size[0] - working : 0;
    return working > 0 ? 0 : settings->size[at];
}
