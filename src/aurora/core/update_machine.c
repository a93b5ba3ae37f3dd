#include "aurora/core/update_machine.h"

#include <assert.h>

#define TO(state) (1u << UPDATE_##state)

/* clang-format off */
static const unsigned next[UPDATE_STATE_COUNT] = {
    [UPDATE_NONE] = TO(ROLLING_FORWARD) | TO(ROLL_FORWARD_AWAITING_PULSE),
    [UPDATE_ROLLING_FORWARD] =
        TO(ROLLING_BACK) | TO(ROLL_FORWARD_PAUSED) |
        TO(ROLL_FORWARD_AWAITING_PULSE) | TO(ROLLED_FORWARD) | TO(ABORTED) |
        TO(FAILED) | TO(ERROR),
    [UPDATE_ROLLING_BACK] =
        TO(ROLL_BACK_PAUSED) | TO(ROLL_BACK_AWAITING_PULSE) | TO(ROLLED_BACK) |
        TO(ABORTED) | TO(FAILED) | TO(ERROR),
    [UPDATE_ROLL_FORWARD_PAUSED] =
        TO(ROLL_FORWARD_AWAITING_PULSE) | TO(ROLLING_FORWARD) |
        TO(ROLLING_BACK) | TO(ABORTED) | TO(ERROR),
    [UPDATE_ROLL_FORWARD_AWAITING_PULSE] =
        TO(ROLL_FORWARD_PAUSED) | TO(ROLLING_FORWARD) | TO(ROLLING_BACK) |
        TO(ABORTED) | TO(ERROR),
    [UPDATE_ROLL_BACK_PAUSED] =
        TO(ROLL_BACK_AWAITING_PULSE) | TO(ROLLING_BACK) | TO(ABORTED) |
        TO(ERROR),
    [UPDATE_ROLL_BACK_AWAITING_PULSE] =
        TO(ROLL_BACK_PAUSED) | TO(ROLLING_BACK) | TO(ABORTED) | TO(ERROR),
};
/* clang-format on */

bool update_machine(enum update_state from, enum update_state to)
{
    assert(from < UPDATE_STATE_COUNT && to < UPDATE_STATE_COUNT);
    return (next[from] >> to & 1u) != 0;
}

bool update_is_active(enum update_state state)
{
    return state >= UPDATE_ROLLING_FORWARD &&
           state <= UPDATE_ROLL_BACK_AWAITING_PULSE;
}

bool update_is_rolling(enum update_state state)
{
    return state == UPDATE_ROLLING_FORWARD || state == UPDATE_ROLLING_BACK;
}

bool update_is_paused(enum update_state state)
{
    return state == UPDATE_ROLL_FORWARD_PAUSED ||
           state == UPDATE_ROLL_BACK_PAUSED;
}

bool update_awaits_pulse(enum update_state state)
{
    return state == UPDATE_ROLL_FORWARD_AWAITING_PULSE ||
           state == UPDATE_ROLL_BACK_AWAITING_PULSE;
}

bool update_is_back(enum update_state state)
{
    return state == UPDATE_ROLLING_BACK || state == UPDATE_ROLL_BACK_PAUSED ||
           state == UPDATE_ROLL_BACK_AWAITING_PULSE ||
           state == UPDATE_ROLLED_BACK;
}

const char *update_state_name(enum update_state state)
{
    static const char *const name[UPDATE_STATE_COUNT] = {
        [UPDATE_NONE] = "NONE",
        [UPDATE_ROLLING_FORWARD] = "ROLLING_FORWARD",
        [UPDATE_ROLLING_BACK] = "ROLLING_BACK",
        [UPDATE_ROLL_FORWARD_PAUSED] = "ROLL_FORWARD_PAUSED",
        [UPDATE_ROLL_BACK_PAUSED] = "ROLL_BACK_PAUSED",
        [UPDATE_ROLL_FORWARD_AWAITING_PULSE] = "ROLL_FORWARD_AWAITING_PULSE",
        [UPDATE_ROLL_BACK_AWAITING_PULSE] = "ROLL_BACK_AWAITING_PULSE",
        [UPDATE_ROLLED_FORWARD] = "ROLLED_FORWARD",
        [UPDATE_ROLLED_BACK] = "ROLLED_BACK",
        [UPDATE_ABORTED] = "ABORTED",
        [UPDATE_FAILED] = "FAILED",
        [UPDATE_ERROR] = "ERROR",
    };
    return state < UPDATE_STATE_COUNT ? name[state] : "UNKNOWN";
}
