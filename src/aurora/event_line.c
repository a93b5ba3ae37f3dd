#include "aurora/event_line.h"
#include "aurora/core/aurora.h"
#include "base/arena.h"

#include <string.h>

/* An event's message on one line, within quotes; "" when it has none. */
static const char *message_of(const struct event *event, struct arena *arena)
{
    enum { SHOWN_MAX = 200 };
    struct blob *message = event->message;

    if (!message)
        return "";
    struct bytes bytes = blob_bytes(message);
    size_t size = bytes.size < SHOWN_MAX ? bytes.size : SHOWN_MAX;
    char *text = arena_strndup(arena, (const char *)bytes.data, size);

    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127 || *c == '"')
            *c = *c == '"' ? '\'' : ' ';
    return text;
}

static void log_host(const struct event *event, struct effects *fx)
{
    static const char *const change[] = {[HOST_SEEN] = "SEEN",
                                         [HOST_CHANGED] = "CHANGED",
                                         [HOST_LOST] = "LOST",
                                         [HOST_IN_TROUBLE] = "IN_TROUBLE",
                                         [HOST_RECOVERED] = "RECOVERED",
                                         [HOST_FORGOTTEN] = "FORGOTTEN",
                                         [HOST_MAINTENANCE] = "MAINTENANCE"};

    effect_log(fx, 2, "host_changed agent=%.*s host=%.*s change=%s",
               (int)event->agent_id->size, (const char *)event->agent_id->data,
               (int)event->hostname->size, (const char *)event->hostname->data,
               change[event->host_change]);
}

static void log_rolling(const struct event *event, struct effects *fx)
{
    static const char *const state[ROLLING_STATE_COUNT] = {
        [ROLLING_UNDER_WAY] = "UNDER_WAY",
        [ROLLING_DONE] = "DONE",
        [ROLLING_FAILED] = "FAILED",
        [ROLLING_CANCELLED] = "CANCELLED",
    };
    struct bytes key = blob_bytes(event->key_text);

    if (event->part_phase != 0)
        return;
    effect_log(fx, 2, "%s_changed job=%.*s state=%s message=\"%s\"",
               event->rolling_kind == ROLLING_KILL ? "kill" : "restart",
               (int)key.size, (const char *)key.data,
               state[event->rolling_state], message_of(event, &fx->arena));
}

/* Jobs that come and go, tasks and runs that end other than they should; every
 * change of a task and a run with log_level debug. */
static int level_of(const struct event *event)
{
    switch (event->kind) {
    case EVENT_TASK_CHANGED:
        return event->state == TASK_FAILED || event->state == TASK_LOST ? 2 : 3;
    case EVENT_FIRING_CHANGED:
        return event->firing->state <= FIRING_SUCCEEDED ? 3 : 2;
    case EVENT_NOTICE_GIVEN_UP:
        return 1;
    default:
        return 2;
    }
}

static void log_job(const char *what, const struct event *event,
                    struct effects *fx)
{
    struct bytes key = blob_bytes(event->key_text);

    effect_log(fx, 2, "%s job=%.*s instances=%u", what, (int)key.size,
               (const char *)key.data, event->instances);
}

static void log_task(const struct event *event, struct effects *fx)
{
    effect_log(fx, level_of(event),
               "task_changed task=%.*s state=%s message=\"%s\"",
               (int)event->task_id->size, (const char *)event->task_id->data,
               task_machine_name(event->state), message_of(event, &fx->arena));
}

static void log_update(const struct event *event, struct effects *fx)
{
    struct bytes key = blob_bytes(event->key_text);

    if (event->slot_event != 0)
        return; /* of one instance: its task has a line */
    effect_log(
        fx, 2, "update_changed job=%.*s update=%.*s state=%s message=\"%s\"",
        (int)key.size, (const char *)key.data, (int)event->update_id->size,
        (const char *)event->update_id->data,
        update_state_name(event->update_state), message_of(event, &fx->arena));
}

static void log_firing(const struct event *event, struct effects *fx)
{
    struct bytes key = blob_bytes(event->key_text);

    effect_log(fx, level_of(event),
               "firing_changed job=%.*s scheduled=%lld state=%s", (int)key.size,
               (const char *)key.data, (long long)event->firing->at,
               firing_state_name(event->firing->state));
}

static void log_notice(const struct event *event, struct effects *fx)
{
    struct bytes key = blob_bytes(event->key_text);

    effect_log(fx, level_of(event),
               "notification_given_up job=%.*s what=%s tries=%u why=\"%s\"",
               (int)key.size, (const char *)key.data,
               notify_what_name(event->what), event->failures,
               message_of(event, &fx->arena));
}

static void log_group(const struct event *event, struct effects *fx)
{
    struct bytes key = blob_bytes(event->key_text);

    if (event->member)
        return; /* its job has lines */
    effect_log(fx, 2, "group_changed group=%.*s state=%s message=\"%s\"",
               (int)key.size, (const char *)key.data,
               app_group_state_name(event->group_state),
               message_of(event, &fx->arena));
}

static void log_any(const struct event *event, struct effects *fx)
{
    switch (event->kind) {
    case EVENT_JOB_CREATED:
        log_job("job_created", event, fx);
        break;
    case EVENT_JOB_CHANGED:
        log_job("job_changed", event, fx);
        break;
    case EVENT_JOB_REMOVED:
        log_job("job_removed", event, fx);
        break;
    case EVENT_TASK_CHANGED:
        log_task(event, fx);
        break;
    case EVENT_UPDATE_CHANGED:
        log_update(event, fx);
        break;
    case EVENT_HOST_CHANGED:
        log_host(event, fx);
        break;
    case EVENT_ROLLING_CHANGED:
        log_rolling(event, fx);
        break;
    case EVENT_GROUP_CHANGED:
        log_group(event, fx);
        break;
    case EVENT_FIRING_CHANGED:
        log_firing(event, fx);
        break;
    case EVENT_NOTICE_GIVEN_UP:
        log_notice(event, fx);
        break;
    case EVENT_QUOTA_CHANGED:
        effect_log(fx, 2, "quota_changed role=%s removed=%d",
                   event->quota->role, quota_is_empty(event->quota));
        break;
    }
}

void event_line(const struct event *event, int level, struct effects *fx)
{
    if (level_of(event) <= level)
        log_any(event, fx);
}
