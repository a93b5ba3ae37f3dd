/* The states of an update of a job. A pure table:
 *
 *   ROLLING_FORWARD ◄─► ROLL_FORWARD_PAUSED ◄─► ROLL_FORWARD_AWAITING_PULSE
 *      │        ╰──────────────┬───────────────────────╯
 *      ▼                       ▼
 *   ROLLED_FORWARD       ROLLING_BACK ◄─► ROLL_BACK_PAUSED, ..AWAITING_PULSE
 *                              ▼
 *                         ROLLED_BACK
 *
 * Any of them may be ABORTED or end in ERROR; those that roll may have FAILED.
 * Nothing leads out of an end. */
#pragma once
#include <stdbool.h>

/* The numbers are those of perigee.aurora.UpdateState. */
enum update_state {
    UPDATE_NONE,
    UPDATE_ROLLING_FORWARD,
    UPDATE_ROLLING_BACK,
    UPDATE_ROLL_FORWARD_PAUSED,
    UPDATE_ROLL_BACK_PAUSED,
    UPDATE_ROLL_FORWARD_AWAITING_PULSE,
    UPDATE_ROLL_BACK_AWAITING_PULSE,
    UPDATE_ROLLED_FORWARD,
    UPDATE_ROLLED_BACK,
    UPDATE_ABORTED,
    UPDATE_FAILED,
    UPDATE_ERROR,
    UPDATE_STATE_COUNT
};

bool update_machine(enum update_state from, enum update_state to);
/* Not ended. */
bool update_is_active(enum update_state state);
/* Instances are being changed. */
bool update_is_rolling(enum update_state state);
bool update_is_paused(enum update_state state);
bool update_awaits_pulse(enum update_state state);
/* On its way back to what ran before. */
bool update_is_back(enum update_state state);
/* "ROLLING_FORWARD" */
const char *update_state_name(enum update_state state);
