/* The core's objects as the API shows them. Messages live in the caller's
 * arena and may borrow from the objects. */
#include "aurora/state.h"

#include "aurora/core/app_groups.h"
#include "base/id.h"

#include <string.h>

typedef Perigee__Aurora__TaskView TaskView;
typedef Perigee__Aurora__JobView JobView;
typedef Perigee__Aurora__Event Event;

char *view_text(struct blob *blob, struct arena *arena)
{
    if (!blob)
        return NULL;
    return arena_strndup(arena, (const char *)blob->data, blob->size);
}

char *view_executor_id(const struct blob *task_id, struct arena *arena)
{
    static const char prefix[] = "thermos-";
    size_t room = ID_MAX - sizeof prefix, skip = 0;

    if (task_id->size > room)
        skip = task_id->size - room;
    return arena_printf(arena, "%s%.*s", prefix, (int)(task_id->size - skip),
                        (const char *)task_id->data + skip);
}

static void view_place(struct aurora_program *p, struct job_config *config,
                       const struct placement *place, struct blob *task_id,
                       TaskView *out, struct arena *arena)
{
    out->agent_id = view_text(place->agent_id, arena);
    out->hostname = place->hostname;
    out->agent_endpoint = place->endpoint;
    if (p->link.framework_id)
        out->sandbox = arena_printf(
            arena, "/frameworks/%s/executors/%s/runs/latest",
            p->link.framework_id, view_executor_id(task_id, arena));
    out->n_ports = place->port_count;
    out->ports = arena_alloc(arena, (place->port_count + 1) * sizeof(void *));
    for (uint32_t i = 0; i < place->port_count; i++) {
        Perigee__AssignedPort *port = arena_alloc(arena, sizeof *port);
        perigee__assigned_port__init(port);
        port->name = i < config->port_count ? config->port_name[i] : NULL;
        port->has_port = true;
        port->port = place->port[i];
        out->ports[i] = port;
    }
}

static Perigee__Aurora__TaskEvent *view_task_event(int64_t at_ms,
                                                   enum task_state state,
                                                   struct blob *message,
                                                   struct arena *arena)
{
    Perigee__Aurora__TaskEvent *event = arena_alloc(arena, sizeof *event);

    perigee__aurora__task_event__init(event);
    event->has_at_ms = event->has_state = true;
    event->at_ms = (uint64_t)at_ms;
    event->state = (Perigee__Aurora__TaskState)state;
    event->message = view_text(message, arena);
    return event;
}

/* What a task and an event of a task have in common. */
static TaskView *view_head(struct job_config *config, struct blob *id,
                           uint32_t instance, enum task_state state,
                           uint32_t failures, struct arena *arena)
{
    TaskView *out = arena_alloc(arena, sizeof *out);

    perigee__aurora__task_view__init(out);
    out->task_id = view_text(id, arena);
    out->key = key_encode(&config->key, arena);
    out->has_instance = out->has_state = out->has_failures = true;
    out->instance = instance;
    out->state = (Perigee__Aurora__TaskState)state;
    out->failures = failures;
    out->config_id = config->id;
    return out;
}

TaskView *view_task(struct aurora_program *p, const struct task *task,
                    struct arena *arena)
{
    TaskView *out = view_head(task->config, task->id, task->instance,
                              task->state, task->failures, arena);

    out->ancestor_id = view_text(task->ancestor, arena);
    if (task->placement)
        view_place(p, task->config, task->placement, task->id, out, arena);
    out->n_events = task->events.count;
    out->events = arena_alloc(arena, (out->n_events + 1) * sizeof(void *));
    for (uint32_t i = 0; i < task->events.count; i++) {
        const struct task_event *e = &task->events.item[i];
        out->events[i] = view_task_event(e->at_ms, e->state, e->message, arena);
    }
    return out;
}

JobView *view_job(const struct aurora_program *p, const struct job *job,
                  struct arena *arena)
{
    const struct app_member *member = aurora_member(&p->core, job);
    JobView *out = arena_alloc(arena, sizeof *out);

    perigee__aurora__job_view__init(out);
    out->job = job_with_instances(job->config, job->instances, arena);
    out->has_pending = out->has_active = out->has_finished = true;
    out->has_failed = out->has_created_ms = true;
    out->has_mixed = true;
    for (const struct task *t = job->active.first; t; t = t->next) {
        out->mixed |= strcmp(t->config->runs_id, job->config->runs_id) != 0;
        if (task_machine_is_assigned(t->state))
            out->active++;
        else
            out->pending++;
    }
    for (const struct task *t = job->ended.first; t; t = t->next) {
        out->finished += t->state == TASK_FINISHED;
        out->failed += t->state == TASK_FAILED || t->state == TASK_LOST;
    }
    out->created_ms = (uint64_t)job->created_ms;
    out->config_id = job->config->id;
    out->has_killed = out->killed = job->is_killed;
    if (job->cron)
        out->cron = view_cron(job, 0, arena);
    if (job->rolling)
        out->rolling = view_rolling(job->rolling, arena);
    const struct rolling *rolling = job_rolling(job);
    if (rolling) {
        out->has_restarting = rolling->kind == ROLLING_RESTART;
        out->restarting = out->has_restarting ? rolling_left(rolling) : 0;
    }
    if (job->update) {
        out->has_restarting = true;
        out->restarting =
            job->update->count[SLOT_WAITING] + job->update->count[SLOT_WORKING];
        out->update = view_update(job->update, false, arena);
    }
    if (member) {
        out->group = key_encode(&member->group->key, arena);
        if (app_member_is_held(member))
            out->waits_for = view_waits(member, arena);
    }
    return out;
}

Event *view_event(struct aurora_program *p, const struct event *event,
                  struct arena *arena)
{
    Event *out = arena_alloc(arena, sizeof *out);

    perigee__aurora__event__init(out);
    out->has_type = out->has_sequence = out->has_at_ms = true;
    out->type = (Perigee__Aurora__Event__Type)event->kind;
    out->sequence = event->sequence;
    out->at_ms = (uint64_t)event->at_ms;
    if (event->kind == EVENT_HOST_CHANGED) {
        out->host = view_host_event(event, arena);
        return out;
    }
    if (event->kind == EVENT_QUOTA_CHANGED) {
        out->quota = quota_view(event->quota, arena);
        return out;
    }
    if (event->kind == EVENT_GROUP_CHANGED) {
        out->group = view_group_event(event, arena);
        out->key = out->group->key;
        return out;
    }
    out->key = key_encode(&event->config->key, arena);
    if (event->kind == EVENT_ROLLING_CHANGED) {
        out->rolling = view_rolling_event(event, arena);
        return out;
    }
    if (event->kind == EVENT_FIRING_CHANGED) {
        out->firing = view_firing(event->firing, arena);
        return out;
    }
    if (event->kind == EVENT_NOTICE_GIVEN_UP) {
        out->notification = view_notice_event(event, arena);
        return out;
    }
    if (event->kind == EVENT_UPDATE_CHANGED) {
        out->update = view_update_event(event, arena);
        return out;
    }
    if (event->kind != EVENT_TASK_CHANGED) {
        out->job = job_with_instances(event->config, event->instances, arena);
        return out;
    }
    TaskView *task = view_head(event->config, event->task_id, event->instance,
                               event->state, event->failures, arena);
    task->ancestor_id = view_text(event->ancestor, arena);
    if (event->placement)
        view_place(p, event->config, event->placement, event->task_id, task,
                   arena);
    task->n_events = 1;
    task->events = arena_alloc(arena, sizeof(void *));
    task->events[0] =
        view_task_event(event->at_ms, event->state, event->message, arena);
    out->task = task;
    return out;
}
