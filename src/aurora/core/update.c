#include "aurora/core/update.h"
#include "aurora/core/task.h"
#include "base/alloc.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct update *update_new(struct bytes id, struct job *job)
{
    struct update *update = xcalloc(1, sizeof *update);

    update->id = blob_new(id);
    update->job = job;
    return update;
}

void update_free(struct update *update)
{
    for (uint32_t i = 0; i < update->events.count; i++)
        blob_unref(update->events.item[i].message);
    vec_free(&update->events);
    vec_free(&update->changed);
    vec_free(&update->to_start);
    vec_free(&update->to_stop);
    free(update->slot);
    free(update->order);
    blob_unref(update->id);
    free(update);
}

char *update_slot_key(const struct update *update, const struct slot *slot,
                      char out[UPDATE_KEY_MAX])
{
    snprintf(out, UPDATE_KEY_MAX, "%.*s/%u", (int)update->id->size,
             (const char *)update->id->data, slot->instance);
    return out;
}

struct slot *update_add_slot(struct update *update, uint32_t instance,
                             enum slot_kind kind)
{
    uint32_t n = update->slot_count;

    assert(n == 0 || update->slot[n - 1].instance < instance);
    if ((n & (n - 1)) == 0) /* capacities are powers of two */
        update->slot =
            xreallocarray(update->slot, n ? 2 * n : 1, sizeof *update->slot);
    update->slot[n] = (struct slot){
        .instance = instance, .kind = kind, .phase = SLOT_WAITING};
    update->slot_count++;
    return &update->slot[n];
}

static uint32_t add_kind(struct update *update, enum slot_kind kind,
                         uint32_t *n)
{
    uint32_t before = *n;

    for (uint32_t i = 0; i < update->slot_count; i++)
        if (update->slot[i].kind == kind)
            update->order[(*n)++] = i;
    return *n - before;
}

/* Forward the first that waits, back the one behind the last that waits. */
static uint32_t find_next(const struct update *update)
{
    uint32_t n = update->slot_count;

    if (update_is_back(update->state)) {
        while (n > 0 &&
               update->slot[update->order[n - 1]].phase != SLOT_WAITING)
            n--;
        return n;
    }
    for (uint32_t i = 0; i < n; i++)
        if (update->slot[update->order[i]].phase == SLOT_WAITING)
            return i;
    return n;
}

void update_index(struct update *update)
{
    uint32_t n = 0;

    free(update->order);
    update->order = xcalloc(update->slot_count + 1, sizeof update->order[0]);
    update->creates = add_kind(update, SLOT_CREATE, &n);
    (void)add_kind(update, SLOT_CHANGE, &n);
    update->kills = add_kind(update, SLOT_KILL, &n);
    assert(n == update->slot_count);
    memset(update->count, 0, sizeof update->count);
    for (uint32_t i = 0; i < n; i++)
        update->count[update->slot[i].phase]++;
    update->next = find_next(update);
    update->surplus = 0;
}

struct slot *update_slot(struct update *update, uint32_t instance)
{
    uint32_t low = 0, high = update->slot_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (update->slot[middle].instance < instance)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < update->slot_count && update->slot[low].instance == instance)
        return &update->slot[low];
    return NULL;
}

void update_set_phase(struct update *update, struct slot *slot,
                      enum slot_phase phase)
{
    assert(update->count[slot->phase] > 0);
    update->count[slot->phase]--;
    slot->phase = phase;
    update->count[phase]++;
}

struct job_config *update_wanted(const struct update *update,
                                 const struct slot *slot)
{
    if (update_is_back(update->state))
        return slot->before;
    return slot->kind == SLOT_KILL ? NULL : update->config;
}

bool slot_has_begun(const struct slot *slot)
{
    return slot->phase == SLOT_WORKING || slot->phase == SLOT_DONE ||
           slot->phase == SLOT_FAILED;
}

void slot_add_event(struct slot *slot, enum slot_event_kind kind,
                    int64_t now_ms)
{
    assert(slot->event_count < SLOT_EVENTS_MAX);
    slot->event[slot->event_count++] = (struct slot_event){now_ms, kind};
}

void update_add_event(struct update *update, enum update_state state,
                      const char *message, int64_t now_ms)
{
    struct blob *text = NULL;

    if (message && *message) {
        size_t size = strnlen(message, TASK_MESSAGE_MAX);
        text = blob_new(bytes_of(message, size));
    }
    if (update->events.count == UPDATE_EVENTS_MAX) {
        blob_unref(update->events.item[1].message);
        vec_remove(&update->events, 1);
    }
    *vec_add(&update->events) = (struct update_event){now_ms, state, text};
}

int64_t update_created_ms(const struct update *update)
{
    return update->events.count > 0 ? update->events.item[0].at_ms : 0;
}

int64_t update_changed_ms(const struct update *update)
{
    uint32_t n = update->events.count;

    return n > 0 ? update->events.item[n - 1].at_ms : 0;
}

struct update_settings update_settings_of(const struct update *update)
{
    struct update_settings settings = update->config->update;

    if (update->has_batch_size) {
        settings.strategy = UPDATE_QUEUE;
        settings.size = &update->batch_size;
        settings.size_count = 1;
        settings.autopause = false;
        settings.canary_count = 0;
    }
    return settings;
}

bool update_is_surge(const struct update *update)
{
    return !update->has_batch_size &&
           update->config->update.strategy == UPDATE_SURGE;
}

struct task **update_side(const struct update *update, struct slot *slot,
                          const struct task *task)
{
    const struct job_config *wanted = update_wanted(update, slot);

    if (!wanted || !update_is_surge(update) ||
        strcmp(task->config->runs_id, wanted->runs_id) == 0)
        return &slot->task;
    return &slot->other;
}

void update_seat(const struct update *update, struct slot *slot,
                 struct task *task)
{
    struct task **side = update_side(update, slot, task);

    if (!*side || (*side)->state == TASK_KILLING)
        *side = task;
}

uint32_t update_target(const struct update *update)
{
    return update->beside + update->slot_count -
           (update_is_back(update->state) ? update->creates : update->kills);
}

void update_check(const struct update *update)
{
    uint32_t count[SLOT_PHASE_COUNT] = {0}, on_way = 0, unproven = 0;
    bool is_back = update_is_back(update->state);

    assert(update->config->users > 0 && update->events.count > 0);
    for (uint32_t i = 0; i < update->slot_count; i++) {
        const struct slot *slot = &update->slot[i];
        count[slot->phase]++;
        assert(i == 0 || update->slot[i - 1].instance < slot->instance);
        assert((slot->before == NULL) == (slot->kind == SLOT_CREATE));
        assert(!slot->before || slot->before->users > 0);
        if (slot->task)
            assert(slot->task->instance == slot->instance &&
                   slot->task->job == update->job);
        if (slot->other)
            assert(update_is_surge(update) && slot->other != slot->task &&
                   slot->other->instance == slot->instance &&
                   slot->other->job == update->job);
        on_way += slot->is_on_way;
        unproven += slot->is_unproven;
    }
    for (int i = 0; i < SLOT_PHASE_COUNT; i++)
        assert(count[i] == update->count[i]);
    assert(on_way == update->on_way && unproven == update->unproven);
    if (!update_is_active(update->state))
        return;
    for (uint32_t i = 0; i < update->slot_count; i++)
        if (is_back ? i >= update->next : i < update->next)
            assert(update->slot[update->order[i]].phase != SLOT_WAITING);
    assert(is_back || count[SLOT_LEFT_OUT] == 0);
}
