/* The records of updates: one for each update, one for each of its instances,
 * so that a change of one instance writes little however large the job is. */
#include "aurora/state.h"

#include "perigee/aurora_store.pb-c.h"

#include <stdlib.h>
#include <string.h>

typedef Perigee__Aurora__UpdateRecord UpdateRecord;
typedef Perigee__Aurora__UpdateInstanceRecord SlotRecord;
typedef Perigee__Aurora__UpdateInstanceEvent SlotEvent;

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

/* --- reading --- */

static int by_age(const void *x, const void *y)
{
    const UpdateRecord *a = *(UpdateRecord *const *)x;
    const UpdateRecord *b = *(UpdateRecord *const *)y;

    return a->number < b->number ? -1 : a->number > b->number;
}

static int by_place(const void *x, const void *y)
{
    const SlotRecord *a = *(SlotRecord *const *)x;
    const SlotRecord *b = *(SlotRecord *const *)y;
    int order = strcmp(or_empty(a->update_id), or_empty(b->update_id));

    if (order != 0)
        return order;
    return a->instance < b->instance ? -1 : a->instance > b->instance;
}

/* Where the records of an update begin. */
static uint32_t first_of(SlotRecord *const *record, uint32_t count,
                         const char *id)
{
    uint32_t low = 0, high = count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (strcmp(or_empty(record[middle]->update_id), id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int restore_slot(struct aurora_program *p, const SlotRecord *r,
                        struct update *u)
{
    if (u->slot_count > 0 && u->slot[u->slot_count - 1].instance >= r->instance)
        return -ERR_DAMAGED;
    struct slot *slot =
        update_add_slot(u, r->instance, (enum slot_kind)r->change);
    slot->phase = (enum slot_phase)r->phase;
    slot->group = r->group;
    slot->failures = r->failures;
    if (r->before) {
        slot->before = aurora_config(&p->core, r->before);
        if (!slot->before)
            return -ERR_DAMAGED;
    }
    for (size_t i = 0; i < r->n_events && i < SLOT_EVENTS_MAX; i++)
        slot_add_event(slot, (enum slot_event_kind)r->events[i]->type,
                       (int64_t)r->events[i]->at_ms);
    return 0;
}

static void restore_head(const UpdateRecord *r, struct update *u)
{
    u->number = r->number;
    u->instances = r->instances;
    u->has_batch_size = r->has_batch_size;
    u->batch_size = r->batch_size > 0 ? r->batch_size : 1;
    u->is_partial = r->partial;
    u->state = (enum update_state)r->state;
    u->groups = r->groups;
    u->pause_group = r->pause_group;
    u->is_judged = r->judged;
    u->borne = r->borne;
    for (size_t i = 0; i < r->n_events && i < UPDATE_EVENTS_MAX; i++)
        update_add_event(u, (enum update_state)r->events[i]->state,
                         r->events[i]->message, (int64_t)r->events[i]->at_ms);
}

static int restore_update(struct aurora_program *p, const UpdateRecord *r,
                          SlotRecord *const *slot, uint32_t slot_count,
                          struct err *err)
{
    const char *id = or_empty(r->update_id);
    struct job_key key;
    int rc = 0;

    if (key_decode(p, r->key, &key, err) < 0)
        return store_damaged(err, "update", bytes_of_text(id));
    struct job *job = aurora_job(&p->core, &key);
    struct job_config *config = aurora_config(&p->core, or_empty(r->config_id));
    if (!job || !config)
        return store_damaged(err, "update", bytes_of_text(id));
    struct update *u = update_new(bytes_of_text(id), job);
    u->config = config;
    restore_head(r, u);
    for (uint32_t i = first_of(slot, slot_count, id);
         rc == 0 && i < slot_count &&
         strcmp(or_empty(slot[i]->update_id), id) == 0;
         i++)
        rc = restore_slot(p, slot[i], u);
    if (rc < 0 || u->slot_count != r->changes) {
        update_free(u);
        return store_damaged(err, "update", bytes_of_text(id));
    }
    return aurora_restore_update_take(&p->core, u, err);
}

static UpdateRecord **unpack_updates(struct aurora_program *p, struct err *err)
{
    uint32_t count = p->stored_updates.count;
    UpdateRecord **record = xcalloc(count + 1, sizeof(void *));

    for (uint32_t i = 0; i < count; i++) {
        struct bytes value = blob_bytes(p->stored_updates.item[i]);
        record[i] = perigee__aurora__update_record__unpack(NULL, value.size,
                                                           value.data);
        if (!record[i]) {
            (void)store_damaged(err, "update", bytes_of_text(""));
            return record;
        }
    }
    qsort(record, count, sizeof(void *), by_age);
    return record;
}

static SlotRecord **unpack_slots(struct aurora_program *p, struct err *err)
{
    uint32_t count = p->stored_slots.count;
    SlotRecord **record = xcalloc(count + 1, sizeof(void *));

    for (uint32_t i = 0; i < count; i++) {
        struct bytes value = blob_bytes(p->stored_slots.item[i]);
        record[i] = perigee__aurora__update_instance_record__unpack(
            NULL, value.size, value.data);
        if (!record[i]) {
            (void)store_damaged(err, "update_instance", bytes_of_text(""));
            return record;
        }
    }
    qsort(record, count, sizeof(void *), by_place);
    return record;
}

int updates_restore(struct aurora_program *p, struct err *err)
{
    struct err why = {0};
    UpdateRecord **update = unpack_updates(p, &why);
    SlotRecord **slot = unpack_slots(p, &why);

    for (uint32_t i = 0; i < p->stored_updates.count && !why.code; i++)
        (void)restore_update(p, update[i], slot, p->stored_slots.count, &why);
    for (uint32_t i = 0; update[i]; i++)
        perigee__aurora__update_record__free_unpacked(update[i], NULL);
    for (uint32_t i = 0; slot[i]; i++)
        perigee__aurora__update_instance_record__free_unpacked(slot[i], NULL);
    free(update);
    free(slot);
    if (why.code && err)
        *err = why;
    return -(int)why.code;
}

void updates_store_release(struct aurora_program *p)
{
    for (uint32_t i = 0; i < p->stored_updates.count; i++)
        blob_unref(p->stored_updates.item[i]);
    for (uint32_t i = 0; i < p->stored_slots.count; i++)
        blob_unref(p->stored_slots.item[i]);
    vec_free(&p->stored_updates);
    vec_free(&p->stored_slots);
}

/* --- writing --- */

static void fill_events(const struct update *u, UpdateRecord *r,
                        struct arena *arena)
{
    r->n_events = u->events.count;
    r->events = arena_alloc(arena, (r->n_events + 1) * sizeof(void *));
    for (uint32_t i = 0; i < u->events.count; i++) {
        Perigee__Aurora__UpdateEvent *event = arena_alloc(arena, sizeof *event);
        perigee__aurora__update_event__init(event);
        event->has_at_ms = event->has_state = true;
        event->at_ms = (uint64_t)u->events.item[i].at_ms;
        event->state = (Perigee__Aurora__UpdateState)u->events.item[i].state;
        event->message = view_text(u->events.item[i].message, arena);
        r->events[i] = event;
    }
}

static void save_update(const struct update *u, struct effects *fx)
{
    UpdateRecord r = PERIGEE__AURORA__UPDATE_RECORD__INIT;

    r.update_id = view_text(u->id, &fx->arena);
    r.key = key_encode(&u->job->key, &fx->arena);
    r.config_id = u->config->id;
    r.has_number = r.has_instances = true;
    r.has_state = true;
    r.number = u->number;
    r.instances = u->instances;
    r.state = (Perigee__Aurora__UpdateState)u->state;
    r.has_batch_size = u->has_batch_size;
    r.batch_size = u->batch_size;
    r.has_partial = r.partial = u->is_partial;
    r.has_groups = r.has_pause_group = r.has_changes = true;
    r.groups = u->groups;
    r.pause_group = u->pause_group;
    r.changes = u->slot_count;
    r.has_judged = r.judged = u->is_judged;
    r.has_borne = u->borne > 0;
    r.borne = u->borne;
    fill_events(u, &r, &fx->arena);
    store_persist(fx, "update", blob_bytes(u->id), &r.base);
}

static void save_slot(const struct update *u, const struct slot *slot,
                      struct effects *fx)
{
    SlotRecord r = PERIGEE__AURORA__UPDATE_INSTANCE_RECORD__INIT;
    SlotEvent event[SLOT_EVENTS_MAX], *events[SLOT_EVENTS_MAX];
    char key[UPDATE_KEY_MAX];

    r.update_id = view_text(u->id, &fx->arena);
    r.has_instance = r.has_change = r.has_phase = true;
    r.instance = slot->instance;
    r.change = (Perigee__Aurora__UpdateInstanceView__Change)slot->kind;
    r.phase = (Perigee__Aurora__UpdateInstanceView__Phase)slot->phase;
    r.has_group = slot->group > 0;
    r.group = slot->group;
    r.has_failures = slot->failures > 0;
    r.failures = slot->failures;
    r.before = slot->before ? slot->before->id : NULL;
    r.n_events = slot->event_count;
    r.events = events;
    for (uint32_t i = 0; i < slot->event_count; i++) {
        perigee__aurora__update_instance_event__init(&event[i]);
        event[i].has_at_ms = event[i].has_type = true;
        event[i].at_ms = (uint64_t)slot->event[i].at_ms;
        event[i].type =
            (Perigee__Aurora__UpdateInstanceEvent__Type)slot->event[i].kind;
        events[i] = &event[i];
    }
    store_persist(fx, "update_instance",
                  bytes_of_text(update_slot_key(u, slot, key)), &r.base);
}

void updates_save(struct aurora_program *p, struct effects *fx)
{
    const struct work *w = &p->core.work;

    for (uint32_t i = 0; i < w->updates.count; i++)
        save_update(w->updates.item[i], fx);
    for (uint32_t i = 0; i < w->slots.count; i++) {
        const struct slot_ref *ref = &w->slots.item[i];
        save_slot(ref->update, &ref->update->slot[ref->at], fx);
    }
}
