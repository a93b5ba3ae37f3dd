/* The states of an application group and what happens to a member next. Pure:
 * app_group_driver.c gathers the facts and carries the answers out.
 *
 *            ╭──────────────╮
 *            ▼              │ (another one)
 *   ─► DEPLOYING ──► RUNNING, FAILED
 *            │          │
 *            ╰────┬─────╯
 *                 ▼
 *             REMOVING ──► REMOVED, FAILED
 *
 * A deployment may follow a deployment that is not over. FAILED is one that
 * cannot go on: what it began runs on, what waits goes on waiting. */
#pragma once
#include "aurora/core/update_machine.h"
#include <stdbool.h>

/* The numbers are those of perigee.aurora.GroupState. */
enum app_group_state {
    APP_GROUP_NONE,
    APP_GROUP_DEPLOYING,
    APP_GROUP_RUNNING, /* every member has been up */
    APP_GROUP_FAILED,
    APP_GROUP_REMOVING,
    APP_GROUP_REMOVED,
    APP_GROUP_STATE_COUNT
};

bool app_group_machine(enum app_group_state from, enum app_group_state to);
/* Members are being brought or taken away. */
bool app_group_is_busy(enum app_group_state state);
const char *app_group_state_name(enum app_group_state state);

/* What the deployment under way, or the last one, does to a member. The numbers
 * are those of perigee.aurora.GroupMemberView.Action. */
enum member_action {
    MEMBER_KEEP = 1,
    MEMBER_CREATE,
    MEMBER_UPDATE, /* to another configuration, and perhaps other instances */
    MEMBER_SCALE,  /* to other instances */
    MEMBER_REMOVE,
    MEMBER_ACTION_COUNT
};

/* The numbers are those of perigee.aurora.GroupMemberView.Phase. */
enum member_phase {
    MEMBER_WAITING = 1, /* for others; a CREATE has no task yet */
    MEMBER_WORKING,
    MEMBER_DONE, /* it was up, or it is gone */
    MEMBER_FAILED,
    MEMBER_PHASE_COUNT
};

struct member_facts {
    enum member_action action;
    enum member_phase phase;
    bool is_clear;            /* nothing that it waits for is missing */
    bool is_here;             /* its job exists and is not being killed */
    bool is_gone;             /* its job does not exist (any more) */
    bool is_up;               /* all instances RUNNING, or FINISHED */
    bool is_broken;           /* it never will be: an instance has failed */
    enum update_state update; /* of the deployment; UPDATE_NONE: none */
};

enum member_act { ACT_WAIT, ACT_BEGIN, ACT_DONE, ACT_FAIL };

enum member_act member_rule(const struct member_facts *facts);
