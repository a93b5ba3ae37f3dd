#include "tests/sim/world.h"
#include "tests/sim/describe.h"

#include "base/alloc.h"
#include "base/hash.h"

#include <assert.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GUARD_SECONDS = 60 }; /* of real time for one seed */

void world_init(struct world *w, uint64_t seed, bool is_traced)
{
    *w = (struct world){.seed = seed, .is_traced = is_traced, .hash = seed};
    rng_seed(&w->rng, seed);
}

static void drop(struct event *event)
{
    if (event->release != NULL)
        event->release(event);
    free(event);
}

void world_release(struct world *w)
{
    struct heap_entry entry;

    while (heap_pop(&w->queue, INT64_MAX, &entry))
        drop((struct event *)(uintptr_t)entry.id);
    heap_release(&w->queue);
    for (int i = 0; i < TRACE_LINES; i++)
        buf_release(&w->ring[i].body);
}

void world_at(struct world *w, int64_t at_ms, struct event *event)
{
    assert(event->run != NULL);
    heap_push(&w->queue, at_ms > w->now_ms ? at_ms : w->now_ms, 0,
              (uint64_t)(uintptr_t)event);
}

bool world_step(struct world *w, int64_t until_ms)
{
    struct heap_entry entry;

    if (!heap_pop(&w->queue, until_ms, &entry)) {
        w->now_ms = until_ms;
        return false;
    }
    struct event *event = (struct event *)(uintptr_t)entry.id;
    assert(entry.at_ms >= w->now_ms);
    w->now_ms = entry.at_ms;
    if (++w->events > WORLD_EVENTS_MAX)
        world_fail(w, "the run does not settle: %d events", WORLD_EVENTS_MAX);
    event->run(w, event);
    drop(event);
    return true;
}

int64_t world_between(struct world *w, int64_t low, int64_t high)
{
    assert(low <= high);
    return low + (int64_t)rng_below(&w->rng, (uint64_t)(high - low) + 1);
}

bool world_once_in(struct world *w, uint64_t n)
{
    return rng_below(&w->rng, n) == 0;
}

bool world_chance(struct world *w, uint32_t permille)
{
    return rng_below(&w->rng, 1000) < permille;
}

/* --- the trace --- */

static void print_note(FILE *out, const struct note *note)
{
    struct buf text = {0};

    describe(buf_bytes(&note->body), note->text, &text);
    fprintf(out, "%8lld.%03lld %-11s %-8s", (long long)(note->at_ms / 1000),
            (long long)(note->at_ms % 1000), note->who, note->what);
    if (note->exchange != 0)
        fprintf(out, " #%llu", (unsigned long long)note->exchange);
    fprintf(out, " %s %s\n", note->text, buf_text(&text));
    buf_release(&text);
}

void world_note(struct world *w, const char *who, const char *what,
                uint64_t exchange, struct bytes body, const char *format, ...)
{
    struct note *note = &w->ring[w->notes++ % TRACE_LINES];
    uint64_t head[2] = {(uint64_t)w->now_ms, exchange};
    va_list args;

    note->at_ms = w->now_ms;
    note->who = who;
    note->what = what;
    note->exchange = exchange;
    va_start(args, format);
    (void)vsnprintf(note->text, sizeof note->text, format, args);
    va_end(args);
    buf_clear(&note->body);
    buf_add(&note->body, body.data,
            body.size < TRACE_BODY_MAX ? body.size : TRACE_BODY_MAX);
    w->hash = hash64(bytes_of(head, sizeof head), w->hash);
    w->hash = hash64(bytes_of_text(who), w->hash);
    w->hash = hash64(bytes_of_text(what), w->hash);
    w->hash = hash64(bytes_of_text(note->text), w->hash);
    w->hash = hash64(body, w->hash);
    if (w->is_traced)
        print_note(stdout, note);
}

/* --- failure --- */

static void print_failure(struct world *w, const char *why)
{
    uint64_t first = w->notes > TRACE_LINES ? w->notes - TRACE_LINES : 0;

    printf("seed %llu FAILED at %lld.%03lld s: %s\n",
           (unsigned long long)w->seed, (long long)(w->now_ms / 1000),
           (long long)(w->now_ms % 1000), why);
    printf("the last events:\n");
    for (uint64_t i = first; i < w->notes; i++)
        print_note(stdout, &w->ring[i % TRACE_LINES]);
    printf("replay: make sim SEED=%llu\n", (unsigned long long)w->seed);
    fflush(stdout);
}

void world_fail(struct world *w, const char *format, ...)
{
    char why[512];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(why, sizeof why, format, args);
    va_end(args);
    print_failure(w, why);
    _exit(EXIT_FAILURE);
}

static struct world *guarded;

/* Printing from a handler is not safe in general. Here one thread was stopped
 * at a known place or will never go on; a second signal ends it for good. */
static void on_signal(int signo)
{
    const char *why = "a program asserts (its text is above)";

    signal(signo, SIG_DFL);
    if (signo == SIGALRM)
        why = "a step takes for ever";
    else if (signo == SIGSEGV || signo == SIGBUS || signo == SIGFPE)
        why = "a program crashed";
    print_failure(guarded, why);
    if (signo != SIGALRM)
        raise(signo); /* the default: a core for those who want one */
    _exit(EXIT_FAILURE);
}

void world_guard(struct world *w)
{
    static const int fatal[] = {SIGABRT, SIGALRM,
#ifndef __SANITIZE_ADDRESS__
                                SIGSEGV, SIGBUS, SIGFPE
#endif
    };

    guarded = w;
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
        signal(fatal[i], w != NULL ? on_signal : SIG_DFL);
    alarm(w != NULL ? GUARD_SECONDS : 0);
}
