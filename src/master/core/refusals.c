/* What frameworks do not want for a while. */
#include "master/core/allocator_state.h"
#include <assert.h>

static void refusal_drop(struct allocator *a, struct refusal_entry *entry)
{
    struct refusals *set = entry->set;
    HASH_DEL(a->refusals, entry);
    DL_DELETE(set->entry, entry);
    if (!set->entry) {
        HASH_DEL(entry->client->refusals, set);
        free(set);
    }
    resources_release(&entry->resources);
    free(entry);
}

void client_forgive(struct allocator *a, struct client *client)
{
    struct refusals *set, *next_set;
    HASH_ITER(hh, client->refusals, set, next_set)
    {
        struct refusal_entry *entry = set->entry;
        while (entry) {
            /* The last entry frees the set. */
            struct refusal_entry *next = entry->next;
            refusal_drop(a, entry);
            entry = next;
        }
    }
    assert(!client->refusals);
}

bool client_refuses(const struct client *client, uint64_t agent,
                    const struct resources *resources)
{
    struct refusals *set;
    HASH_FIND(hh, client->refusals, &agent, sizeof agent, set);
    if (!set)
        return false;
    for (const struct refusal_entry *e = set->entry; e; e = e->next)
        if (resources_contain(&e->resources, resources))
            return true;
    return false;
}

int64_t tick_after(const struct allocator *a, int64_t at_ms)
{
    int64_t since = at_ms - a->start_ms;
    return a->start_ms + (since / a->interval_ms + 1) * a->interval_ms;
}

/* NOLINTNEXTLINE(readability-function-size): macros of uthash */
static struct refusals *refusals_of(struct client *client, uint64_t agent)
{
    struct refusals *set;
    HASH_FIND(hh, client->refusals, &agent, sizeof agent, set);
    if (!set) {
        set = xcalloc(1, sizeof *set);
        set->agent = agent;
        HASH_ADD(hh, client->refusals, agent, sizeof set->agent, set);
    }
    return set;
}

/* NOLINTNEXTLINE(readability-function-size): macros of uthash */
static void index_refusal(struct allocator *a, struct refusal_entry *entry)
{
    HASH_ADD(hh, a->refusals, number, sizeof entry->number, entry);
}

void client_refuse(struct allocator *a, struct client *client, uint64_t agent,
                   const struct resources *resources, int64_t end_ms)
{
    struct refusal_entry *entry = xcalloc(1, sizeof *entry);
    entry->number = ++a->next_refusal;
    entry->client = client;
    entry->set = refusals_of(client, agent);
    resources_copy(&entry->resources, resources);
    DL_APPEND(entry->set->entry, entry);
    index_refusal(a, entry);
    heap_push(&a->ends, end_ms, 0, entry->number);
}

void client_forgive_agent(struct allocator *a, struct client *client,
                          uint64_t agent)
{
    struct refusals *set;
    HASH_FIND(hh, client->refusals, &agent, sizeof agent, set);
    struct refusal_entry *entry = set ? set->entry : NULL;
    while (entry) {
        struct refusal_entry *next = entry->next;
        refusal_drop(a, entry);
        entry = next;
    }
}

/* Forgiven refusals leave their entry in the heap; when most entries are such,
 * the heap is made anew. */
static void drop_old_ends(struct allocator *a)
{
    if (a->ends.count <= 64 + 2 * HASH_COUNT(a->refusals))
        return;
    struct heap fresh = {0};
    for (uint32_t i = 0; i < a->ends.count; i++) {
        const struct heap_entry *end = &a->ends.entry[i];
        struct refusal_entry *entry;
        HASH_FIND(hh, a->refusals, &end->id, sizeof end->id, entry);
        if (entry)
            heap_push(&fresh, end->at_ms, end->kind, end->id);
    }
    heap_release(&a->ends);
    a->ends = fresh;
}

/* A refusal ends at the first tick after its time. */
void end_refusals(struct allocator *a, int64_t now_ms)
{
    for (;;) {
        struct heap_entry due;
        int64_t end_ms = heap_next_ms(&a->ends);
        if (end_ms == INT64_MAX || tick_after(a, end_ms) > now_ms)
            break;
        if (!heap_pop(&a->ends, now_ms, &due))
            break;
        struct refusal_entry *entry;
        HASH_FIND(hh, a->refusals, &due.id, sizeof due.id, entry);
        if (!entry)
            continue;
        struct agent_entry *agent = find_agent(a, entry->set->agent);
        refusal_drop(a, entry);
        if (agent)
            touch(a, agent);
    }
    drop_old_ends(a);
}
