#include "aurora/core/events.h"
#include "base/alloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void event_log_init(struct event_log *log, uint64_t sequence)
{
    *log = (struct event_log){.next = sequence + 1};
}

static void event_release(struct event *event)
{
    blob_unref(event->key_text);
    job_config_unref(event->config);
    blob_unref(event->task_id);
    blob_unref(event->ancestor);
    placement_unref(event->placement);
    blob_unref(event->message);
    blob_unref(event->update_id);
    blob_unref(event->agent_id);
    blob_unref(event->hostname);
    blob_unref(event->endpoint);
    blob_unref(event->member);
    blob_unref(event->receiver);
    free(event->firing);
    free(event->quota);
}

void event_log_release(struct event_log *log)
{
    for (uint32_t i = 0; i < log->count; i++)
        event_release(&log->ring[(log->first + i) % log->capacity]);
    free(log->ring);
    *log = (struct event_log){.next = log->next};
}

static void grow(struct event_log *log)
{
    uint32_t capacity = log->capacity ? log->capacity * 2 : 64;
    struct event *ring = xcalloc(capacity, sizeof *ring);

    for (uint32_t i = 0; i < log->count; i++)
        ring[i] = log->ring[(log->first + i) % log->capacity];
    free(log->ring);
    log->ring = ring;
    log->capacity = capacity;
    log->first = 0;
}

/* What an event shares was last used long ago: it is on its way before the
 * event is released. */
static void fetch_ahead(const struct event_log *log)
{
    enum { AHEAD = 4 };
    const struct event *event =
        &log->ring[(log->first + AHEAD) % log->capacity];

    __builtin_prefetch(event->key_text);
    __builtin_prefetch(event->config);
    __builtin_prefetch(event->task_id);
    __builtin_prefetch(event->firing);
}

static struct event *add(struct event_log *log)
{
    if (log->count == log->capacity && log->capacity < EVENTS_MAX)
        grow(log);
    if (log->count == log->capacity) {
        fetch_ahead(log);
        event_release(&log->ring[log->first]);
        log->first = (log->first + 1) % log->capacity;
        log->count--;
    }
    return &log->ring[(log->first + log->count++) % log->capacity];
}

uint64_t event_log_job(struct event_log *log, enum event_kind kind,
                       const struct job *job, int64_t now_ms)
{
    struct event *event = add(log);

    *event = (struct event){.sequence = log->next++,
                            .at_ms = now_ms,
                            .kind = kind,
                            .key_text = blob_ref(job->key_text),
                            .config = job_config_ref(job->config),
                            .instances = job->instances};
    return event->sequence;
}

static uint64_t log_task(struct event_log *log, const struct task *task,
                         enum task_state state, int64_t now_ms)
{
    struct event *event = add(log);
    struct blob *message = NULL;

    if (task->events.count > 0)
        message = task->events.item[task->events.count - 1].message;
    *event = (struct event){.sequence = log->next++,
                            .at_ms = now_ms,
                            .kind = EVENT_TASK_CHANGED,
                            .key_text = blob_ref(task->job->key_text),
                            .config = job_config_ref(task->config),
                            .instances = task->job->instances,
                            .task_id = blob_ref(task->id),
                            .ancestor = blob_ref(task->ancestor),
                            .placement = placement_ref(task->placement),
                            .message = blob_ref(message),
                            .state = state,
                            .instance = task->instance,
                            .failures = task->failures};
    return event->sequence;
}

uint64_t event_log_task(struct event_log *log, const struct task *task,
                        int64_t now_ms)
{
    return log_task(log, task, task->state, now_ms);
}

uint64_t event_log_dropped(struct event_log *log, const struct task *task,
                           int64_t now_ms)
{
    return log_task(log, task, TASK_DELETED, now_ms);
}

uint64_t event_log_update(struct event_log *log, const struct update *update,
                          const struct slot *slot, int64_t now_ms)
{
    struct event *event = add(log);
    struct blob *message = NULL;

    if (!slot && update->events.count > 0)
        message = update->events.item[update->events.count - 1].message;
    *event = (struct event){.sequence = log->next++,
                            .at_ms = now_ms,
                            .kind = EVENT_UPDATE_CHANGED,
                            .key_text = blob_ref(update->job->key_text),
                            .config = job_config_ref(update->config),
                            .instances = update->instances,
                            .message = blob_ref(message),
                            .update_id = blob_ref(update->id),
                            .update_state = update->state};
    if (slot) {
        event->instance = slot->instance;
        event->failures = slot->failures;
        event->slot_event = slot->event[slot->event_count - 1].kind;
    }
    memcpy(event->slots, update->count, sizeof event->slots);
    event->canary = update_is_active(update->state) && canary_is_on(update)
                        ? canary_size(update)
                        : 0;
    return event->sequence;
}

uint64_t event_log_host(struct event_log *log, enum host_change change,
                        const struct host *host, const char *message,
                        int64_t now_ms)
{
    struct event *event = add(log);

    *event = (struct event){
        .sequence = log->next++,
        .at_ms = now_ms,
        .kind = EVENT_HOST_CHANGED,
        .host_change = change,
        .agent_id = blob_ref(host->agent_id),
        .hostname = blob_new(bytes_of_text(host->hostname)),
        .endpoint = blob_new(bytes_of_text(host->endpoint)),
        .message = message ? blob_new(bytes_of_text(message)) : NULL,
        .total = host->total};
    return event->sequence;
}

uint64_t event_log_rolling(struct event_log *log, const struct job *job,
                           const struct part *part, int64_t now_ms)
{
    const struct rolling *r = job->rolling;
    struct event *event = add(log);

    static_assert((int)PART_PHASE_COUNT <= (int)SLOT_PHASE_COUNT, "slots");
    *event = (struct event){.sequence = log->next++,
                            .at_ms = now_ms,
                            .kind = EVENT_ROLLING_CHANGED,
                            .key_text = blob_ref(job->key_text),
                            .config = job_config_ref(job->config),
                            .instances = job->instances,
                            .message = blob_ref(r->note),
                            .rolling_kind = r->kind,
                            .rolling_state = r->state,
                            .rolling_number = r->number};
    if (part) {
        event->instance = part->instance;
        event->failures = part->failures;
        event->part_phase = part->phase;
    }
    memcpy(event->slots, r->count, sizeof r->count);
    return event->sequence;
}

uint64_t event_log_group(struct event_log *log, const struct app_group *group,
                         const struct app_member *member, int64_t now_ms)
{
    struct event *event = add(log);
    struct blob *message =
        member ? member->message
               : group->events.item[group->events.count - 1].message;

    *event = (struct event){.sequence = log->next++,
                            .at_ms = now_ms,
                            .kind = EVENT_GROUP_CHANGED,
                            .key_text = blob_ref(group->key_text),
                            .message = blob_ref(message),
                            .group_state = group->state};
    if (member) {
        event->member = blob_ref(member->key_text);
        event->member_action = member->action;
        event->member_phase = member->phase;
    }
    app_group_count(group, event->phases);
    return event->sequence;
}

uint64_t event_log_first(const struct event_log *log)
{
    return log->next - log->count;
}

const struct event *event_log_get(const struct event_log *log,
                                  uint64_t sequence)
{
    if (sequence < event_log_first(log) || sequence >= log->next)
        return NULL;
    uint32_t at = (uint32_t)(sequence - event_log_first(log));
    return &log->ring[(log->first + at) % log->capacity];
}

uint64_t event_log_firing(struct event_log *log, const struct firing *firing,
                          int64_t now_ms)
{
    const struct job *job = firing->job;
    struct event *event = add(log);

    *event = (struct event){.sequence = log->next++,
                            .at_ms = now_ms,
                            .kind = EVENT_FIRING_CHANGED,
                            .key_text = blob_ref(job->key_text),
                            .config = job_config_ref(job->config),
                            .instances = job->instances,
                            .firing = xmemdup(firing, sizeof *firing)};
    event->firing->job = NULL; /* it may go before the event does */
    return event->sequence;
}

uint64_t event_log_notice(struct event_log *log, const struct notice *notice,
                          int64_t now_ms)
{
    char key[JOB_KEY_TEXT_MAX];
    struct event *event = add(log);

    (void)job_key_text(&notice->config->key, key);
    *event = (struct event){
        .sequence = log->next++,
        .at_ms = now_ms,
        .kind = EVENT_NOTICE_GIVEN_UP,
        .key_text = blob_new(bytes_of_text(key)),
        .config = job_config_ref(notice->config),
        .receiver = blob_new(bytes_of_text(notice_receiver(notice))),
        .message = notice->why ? blob_new(bytes_of_text(notice->why)) : NULL,
        .failures = notice->tries,
        .what = notice->facts.what};
    return event->sequence;
}

uint64_t event_log_quota(struct event_log *log, const struct quota *quota,
                         int64_t now_ms)
{
    struct event *event = add(log);

    *event = (struct event){.sequence = log->next++,
                            .at_ms = now_ms,
                            .kind = EVENT_QUOTA_CHANGED,
                            .quota = xmemdup(quota, sizeof *quota)};
    return event->sequence;
}
