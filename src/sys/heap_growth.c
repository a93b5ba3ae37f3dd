#include "sys/heap_growth.h"
#include "base/alloc.h"

#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    STEP_MIN = 32 << 20,
    STEP_MAX = 512 << 20,
    STEP_USUAL = 128 << 10, /* glibc's own */
    HUGE_BYTES = 2 << 20,
    PAGE_BYTES = 4 << 10,
    STACK_BYTES = 64 << 10
};

/* --- clearing --- */

struct heap_clearing {
    pthread_t thread;
    sem_t more; /* what follows has changed */
    /* The allocator has given away what lies below `used`; it may give away
     * what lies below `end`. */
    atomic_uintptr_t used, end;
    atomic_bool is_over;
};

/* How far it may be cleared now. */
static uintptr_t limit_of(struct heap_clearing *clearing, uintptr_t *at)
{
    uintptr_t used =
        atomic_load(&clearing->used) & ~(uintptr_t)(PAGE_BYTES - 1);
    uintptr_t end = atomic_load(&clearing->end) & ~(uintptr_t)(PAGE_BYTES - 1);

    if (*at < used)
        *at = used; /* it was overtaken */
    return end < used + HEAP_GROWTH_AHEAD ? end : used + HEAP_GROWTH_AHEAD;
}

/* What is in use keeps its contents. A heap that shrank meanwhile, or a kernel
 * older than 5.14, is an error of the call and the end of the work. */
static void *clear_ahead(void *arg)
{
    struct heap_clearing *clearing = arg;
    uintptr_t at = 0, limit;

    while (sem_wait(&clearing->more) < 0 || !atomic_load(&clearing->is_over))
        while ((limit = limit_of(clearing, &at)) > at &&
               !atomic_load(&clearing->is_over)) {
            uintptr_t next = (at + HUGE_BYTES) & ~(uintptr_t)(HUGE_BYTES - 1);
            if (next > limit)
                next = limit;
            if (madvise((void *)at, next - at, MADV_POPULATE_WRITE) < 0)
                return NULL;
            at = next;
        }
    return NULL;
}

static struct heap_clearing *clearing_begin(void)
{
    struct heap_clearing *clearing = xcalloc(1, sizeof *clearing);
    pthread_attr_t attr;
    sigset_t all, before;

    sem_init(&clearing->more, 0, 0);
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&clearing->thread, &attr, clear_ahead, clearing);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (error == 0)
        return clearing;
    sem_destroy(&clearing->more);
    free(clearing);
    return NULL;
}

/* `keepcost': what the allocator holds at the end of the heap. */
static void clearing_go_on(struct heap_clearing *clearing, uintptr_t end)
{
    size_t kept = mallinfo2().keepcost;

    if (kept > end)
        return;
    atomic_store(&clearing->used, end - kept);
    atomic_store(&clearing->end, end);
    (void)sem_post(&clearing->more);
}

static void clearing_end(struct heap_clearing *clearing)
{
    if (clearing == NULL)
        return;
    atomic_store(&clearing->is_over, true);
    (void)sem_post(&clearing->more);
    pthread_join(clearing->thread, NULL);
    sem_destroy(&clearing->more);
    free(clearing);
}

/* --- growing --- */

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
        if (growth->clearing != NULL)
            clearing_go_on(growth->clearing, growth->advised);
        return;
    }
    growth->begun = growth->advised = heap_end();
    growth->clearing = clearing_begin();
    set_step(0);
}

void heap_growth_end(struct heap_growth *growth)
{
    clearing_end(growth->clearing);
    if (growth->begun != 0) {
        advise(growth);
        (void)mallopt(M_TOP_PAD, STEP_USUAL);
    }
    *growth = (struct heap_growth){0};
}
