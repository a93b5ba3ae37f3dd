#include "base/heap.h"
#include "base/alloc.h"
#include <assert.h>
#include <stdlib.h>

/* Entry i is not later than its children 2i + 1 and 2i + 2. */

static bool is_before(const struct heap_entry *a, const struct heap_entry *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

void heap_release(struct heap *heap)
{
    free(heap->entry);
    *heap = (struct heap){0};
}

void heap_push(struct heap *heap, int64_t at_ms, uint32_t kind, uint64_t id)
{
    struct heap_entry entry = {at_ms, heap->next_order++, kind, id};

    if (heap->count == heap->capacity) {
        assert(heap->capacity < UINT32_MAX / 2);
        heap->capacity = heap->capacity ? heap->capacity * 2 : 16;
        heap->entry =
            xreallocarray(heap->entry, heap->capacity, sizeof *heap->entry);
    }
    uint32_t at = heap->count++;
    while (at > 0 && is_before(&entry, &heap->entry[(at - 1) / 2])) {
        heap->entry[at] = heap->entry[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->entry[at] = entry;
}

/* Let `entry` sink from the top into the hole that a pop left. */
static void sink(struct heap *heap, struct heap_entry entry)
{
    uint32_t at = 0;

    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= heap->count)
            break;
        /* The children's children are asked next: a heap of a million is in no
         * cache. */
        if (2 * (size_t)child + 4 < heap->count) {
            __builtin_prefetch(&heap->entry[2 * (size_t)child + 1]);
            __builtin_prefetch(&heap->entry[2 * (size_t)child + 4]);
        }
        if (child + 1 < heap->count &&
            is_before(&heap->entry[child + 1], &heap->entry[child]))
            child++;
        if (!is_before(&heap->entry[child], &entry))
            break;
        heap->entry[at] = heap->entry[child];
        at = child;
    }
    heap->entry[at] = entry;
}

bool heap_pop(struct heap *heap, int64_t now_ms, struct heap_entry *out)
{
    if (heap->count == 0 || heap->entry[0].at_ms > now_ms)
        return false;
    *out = heap->entry[0];
    heap->count--;
    if (heap->count > 0)
        sink(heap, heap->entry[heap->count]);
    return true;
}

int64_t heap_next_ms(const struct heap *heap)
{
    return heap->count ? heap->entry[0].at_ms : INT64_MAX;
}
