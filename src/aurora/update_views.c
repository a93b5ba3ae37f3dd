/* Updates as the API shows them. */
#include "aurora/state.h"

typedef Perigee__Aurora__UpdateView UpdateView;
typedef Perigee__Aurora__UpdateInstanceView InstanceView;

static Perigee__Aurora__UpdateEvent *view_state(int64_t at_ms,
                                                enum update_state state,
                                                struct blob *message,
                                                struct arena *arena)
{
    Perigee__Aurora__UpdateEvent *out = arena_alloc(arena, sizeof *out);

    perigee__aurora__update_event__init(out);
    out->has_at_ms = out->has_state = true;
    out->at_ms = (uint64_t)at_ms;
    out->state = (Perigee__Aurora__UpdateState)state;
    out->message = view_text(message, arena);
    return out;
}

static Perigee__Aurora__UpdateInstanceEvent *view_slot_event(
    int64_t at_ms, enum slot_event_kind kind, struct arena *arena)
{
    Perigee__Aurora__UpdateInstanceEvent *out = arena_alloc(arena, sizeof *out);

    perigee__aurora__update_instance_event__init(out);
    out->has_at_ms = out->has_type = true;
    out->at_ms = (uint64_t)at_ms;
    out->type = (Perigee__Aurora__UpdateInstanceEvent__Type)kind;
    return out;
}

static UpdateView *view_head(struct job_config *config, struct blob *id,
                             enum update_state state, uint32_t instances,
                             const uint32_t *count, struct arena *arena)
{
    UpdateView *out = arena_alloc(arena, sizeof *out);

    perigee__aurora__update_view__init(out);
    out->update_id = view_text(id, arena);
    out->key = key_encode(&config->key, arena);
    out->has_state = out->has_instances = true;
    out->state = (Perigee__Aurora__UpdateState)state;
    out->config_id = config->id;
    out->instances = instances;
    out->has_waiting = out->has_working = true;
    out->has_done = out->has_failed = true;
    out->waiting = count[SLOT_WAITING];
    out->working = count[SLOT_WORKING];
    out->done = count[SLOT_DONE];
    out->failed = count[SLOT_FAILED];
    return out;
}

static InstanceView *view_slot(const struct slot *slot, struct arena *arena)
{
    InstanceView *out = arena_alloc(arena, sizeof *out);

    perigee__aurora__update_instance_view__init(out);
    out->has_instance = out->has_change = true;
    out->has_phase = out->has_failures = true;
    out->instance = slot->instance;
    out->change = (Perigee__Aurora__UpdateInstanceView__Change)slot->kind;
    out->phase = (Perigee__Aurora__UpdateInstanceView__Phase)slot->phase;
    out->failures = slot->failures;
    out->has_wait = out->has_again_ms = slot->wait != SLOT_WAITS_FOR_NOBODY;
    out->wait = (Perigee__Aurora__UpdateInstanceView__Wait)slot->wait;
    out->again_ms = (uint64_t)slot->again_ms;
    out->has_doubled = out->doubled = slot->task && slot->other;
    out->n_events = slot->event_count;
    out->events = arena_alloc(arena, (out->n_events + 1) * sizeof(void *));
    for (uint32_t i = 0; i < slot->event_count; i++)
        out->events[i] =
            view_slot_event(slot->event[i].at_ms, slot->event[i].kind, arena);
    return out;
}

UpdateView *view_update(const struct update *u, bool is_whole,
                        struct arena *arena)
{
    UpdateView *out =
        view_head(u->config, u->id, u->state, u->instances, u->count, arena);
    uint32_t n = u->events.count;

    out->has_created_ms = out->has_changed_ms = true;
    out->created_ms = (uint64_t)update_created_ms(u);
    out->changed_ms = (uint64_t)update_changed_ms(u);
    out->has_canary = update_is_active(u->state) && canary_is_on(u);
    out->canary = out->has_canary ? canary_size(u) : 0;
    if (n > 0)
        out->message = view_text(u->events.item[n - 1].message, arena);
    if (!is_whole)
        return out;
    out->job = job_with_instances(u->config, u->instances, arena);
    out->n_events = n;
    out->events = arena_alloc(arena, (n + 1) * sizeof(void *));
    for (uint32_t i = 0; i < n; i++)
        out->events[i] =
            view_state(u->events.item[i].at_ms, u->events.item[i].state,
                       u->events.item[i].message, arena);
    out->n_changes = u->slot_count;
    out->changes = arena_alloc(arena, (u->slot_count + 1) * sizeof(void *));
    for (uint32_t i = 0; i < u->slot_count; i++)
        out->changes[i] = view_slot(&u->slot[i], arena);
    return out;
}

static void add_instance(const struct event *event, UpdateView *out,
                         struct arena *arena)
{
    InstanceView *view = arena_alloc(arena, sizeof *view);

    perigee__aurora__update_instance_view__init(view);
    view->has_instance = view->has_failures = true;
    view->instance = event->instance;
    view->failures = event->failures;
    view->n_events = 1;
    view->events = arena_alloc(arena, sizeof(void *));
    view->events[0] = view_slot_event(event->at_ms, event->slot_event, arena);
    out->n_changes = 1;
    out->changes = arena_alloc(arena, sizeof(void *));
    out->changes[0] = view;
}

UpdateView *view_update_event(const struct event *event, struct arena *arena)
{
    UpdateView *out =
        view_head(event->config, event->update_id, event->update_state,
                  event->instances, event->slots, arena);

    out->has_canary = event->canary > 0;
    out->canary = event->canary;

    if (event->slot_event != 0) {
        add_instance(event, out, arena);
        return out;
    }
    out->message = view_text(event->message, arena);
    out->n_events = 1;
    out->events = arena_alloc(arena, sizeof(void *));
    out->events[0] =
        view_state(event->at_ms, event->update_state, event->message, arena);
    return out;
}
