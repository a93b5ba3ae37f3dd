/* A queue of deadlines: a binary heap over (at_ms, order of insertion), so that
 * equal deadlines leave in the order they came. Entries carry two numbers that
 * mean something to the owner. Cancelling is lazy: the owner checks whether a
 * popped entry still applies. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct heap_entry {
    int64_t at_ms;
    uint64_t order; /* set by heap_push */
    uint32_t kind;  /* the owner's */
    uint64_t id;    /* the owner's */
};

struct heap {
    struct heap_entry *entry; /* owned */
    uint32_t count, capacity;
    uint64_t next_order;
};

void heap_release(struct heap *heap);
void heap_push(struct heap *heap, int64_t at_ms, uint32_t kind, uint64_t id);
/* Take the first entry due at or before now_ms; false when none is due. */
bool heap_pop(struct heap *heap, int64_t now_ms, struct heap_entry *out);
/* When the first entry is due, or INT64_MAX. */
int64_t heap_next_ms(const struct heap *heap);
