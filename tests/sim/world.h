/* The simulated world: virtual time, a queue of events, one seeded source of
 * chance, a trace of everything that happened and its hash. Nothing in it asks
 * the real clock, the real disk or the address of anything, so a seed is a
 * whole history and replays exactly.
 *
 * An event is a malloc'ed struct that begins with a `struct event`; the world
 * owns it from world_at() on. Equal times happen in the order of scheduling. */
#pragma once
#include "base/bytes.h"
#include "base/heap.h"
#include "base/rng.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    TRACE_LINES = 30,          /* shown when an invariant is violated */
    TRACE_BODY_MAX = 4096,     /* bytes of a body kept for that */
    WORLD_EVENTS_MAX = 5000000 /* more in one run: something spins */
};

struct world;
struct cluster;

struct event {
    void (*run)(struct world *w, struct event *event);
    /* What run owns beyond the struct itself; NULL: nothing. Called instead of
     * run when the world ends first, and after run otherwise. */
    void (*release)(struct event *event);
};

/* One line of the trace. Bodies are put into words only when shown. */
struct note {
    int64_t at_ms;
    const char *who;  /* borrowed for the life of the world */
    const char *what; /* a literal: "request", "persist" */
    uint64_t exchange;
    char text[160]; /* path, table and key, fact */
    struct buf body;
};

struct world {
    uint64_t seed;
    int64_t now_ms; /* since the world began */
    uint64_t events;
    struct heap queue;
    struct rng rng;      /* what happens: delays, faults, fates */
    uint64_t hash;       /* of every note so far */
    bool is_traced;      /* print every note as it comes */
    bool is_quiet;       /* no faults any more */
    bool restarts_often; /* the scheduler dies every few seconds, too */
    bool has_cron_only;  /* the users of jobs and groups want nothing */
    uint64_t restarts;   /* of the scheduler, in the end */
    struct note ring[TRACE_LINES];
    uint64_t notes;
    struct cluster *cluster; /* borrowed: who lives in it */
};

void world_init(struct world *w, uint64_t seed, bool is_traced);
void world_release(struct world *w);
/* Take over the event and run it at the given time (not before now). */
void world_at(struct world *w, int64_t at_ms, struct event *event);
/* Run the next event that is due by `until_ms`; false when there is none; then
 * it is until_ms. */
bool world_step(struct world *w, int64_t until_ms);

/* Chance. Uniform in [low, high]; true once in n times; true in `permille`. */
int64_t world_between(struct world *w, int64_t low, int64_t high);
bool world_once_in(struct world *w, uint64_t n);
bool world_chance(struct world *w, uint32_t permille);

/* Add to the trace and its hash. */
void world_note(struct world *w, const char *who, const char *what,
                uint64_t exchange, struct bytes body, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
/* Report a violated invariant with the last lines of the trace and the command
 * that replays it, and end the process with status 1. */
void world_fail(struct world *w, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));
/* The same for what the programs' own assertions and the alarm clock find:
 * this world is the one that failed when a signal ends the process. */
void world_guard(struct world *w);
