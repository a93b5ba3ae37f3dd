/* Memory that grows by a lot at once: when a large store is read, a page of
 * 4 KiB after the other would be asked of the kernel and cleared, which takes
 * longer than to fill it. What the allocator takes meanwhile is taken in large
 * steps, and in pages of 2 MiB where the kernel allows that (`madvise' or
 * `always' in /sys/kernel/mm/transparent_hugepage/enabled). Memory that nobody
 * has touched is no memory: what was taken in vain costs nothing.
 *
 * A thread has the kernel clear it, a little ahead of who fills it: a processor
 * more is at work, and a virtual machine whose host has to find the memory
 * first waits for it beside. Nothing is different without the thread. */
#pragma once
#include <stdint.h>

enum {
    HEAP_GROWTH_AFTER = 50000,   /* things; before, nothing is done */
    HEAP_GROWTH_EVERY = 1024,    /* things, between two looks */
    HEAP_GROWTH_AHEAD = 32 << 20 /* bytes that are cleared in advance */
};

struct heap_clearing;

struct heap_growth { /* zeroes: nothing grew */
    uint64_t things;
    uintptr_t begun;   /* where the heap ended; 0: it has not begun */
    uintptr_t advised; /* up to here */
    struct heap_clearing *clearing; /* owned; NULL: it has not begun, or there
                                       is no thread */
};

/* One more thing, of which there may be many, is about to be made. */
void heap_growth_add(struct heap_growth *growth);
/* That was all: memory grows as usual again. */
void heap_growth_end(struct heap_growth *growth);
