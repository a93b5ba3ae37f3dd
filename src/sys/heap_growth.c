#include "sys/heap_growth.h"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    STEP_MIN = 32 << 20,
    STEP_MAX = 512 << 20,
    STEP_USUAL = 128 << 10, /* glibc's own */
    HUGE_BYTES = 2 << 20
};

static uintptr_t heap_end(void)
{
    return (uintptr_t)sbrk(0);
}

/* The more there is, the more will come. */
static void set_step(uintptr_t grown)
{
    uintptr_t step = grown / 2;
    if (step < STEP_MIN)
        step = STEP_MIN;
    if (step > STEP_MAX)
        step = STEP_MAX;
    (void)mallopt(M_TOP_PAD, (int)step);
}

/* The allocator moved the end of the heap; what is new has not been touched. */
static void advise(struct heap_growth *growth)
{
    uintptr_t end = heap_end();
    uintptr_t from =
        (growth->advised + HUGE_BYTES - 1) & ~(uintptr_t)(HUGE_BYTES - 1);

    if (end <= growth->advised)
        return;
    if (from < end)
        (void)madvise((void *)from, end - from, MADV_HUGEPAGE);
    growth->advised = end;
    set_step(end - growth->begun);
}

void heap_growth_add(struct heap_growth *growth)
{
    if (++growth->things < HEAP_GROWTH_AFTER ||
        growth->things % HEAP_GROWTH_EVERY != 0)
        return;
    if (growth->begun != 0) {
        advise(growth);
        return;
    }
    growth->begun = growth->advised = heap_end();
    set_step(0);
}

void heap_growth_end(struct heap_growth *growth)
{
    if (growth->begun != 0) {
        advise(growth);
        (void)mallopt(M_TOP_PAD, STEP_USUAL);
    }
    *growth = (struct heap_growth){0};
}
