#include "master/core/status.h"

bool task_state_is_terminal(enum task_state state)
{
    switch (state) {
    case TASK_STATE_FINISHED:
    case TASK_STATE_FAILED:
    case TASK_STATE_KILLED:
    case TASK_STATE_LOST:
    case TASK_STATE_ERROR:
    case TASK_STATE_DROPPED:
    case TASK_STATE_GONE:
    case TASK_STATE_GONE_BY_OPERATOR:
        return true;
    case TASK_STATE_STARTING:
    case TASK_STATE_RUNNING:
    case TASK_STATE_STAGING:
    case TASK_STATE_KILLING:
    case TASK_STATE_UNREACHABLE:
    case TASK_STATE_UNKNOWN:
    case TASK_STATE_COUNT:
        return false;
    }
    return false;
}

void status_release(struct status *status)
{
    blob_unref(status->wire);
    *status = (struct status){0};
}
