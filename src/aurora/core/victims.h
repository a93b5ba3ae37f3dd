/* Which tasks stand on a host, in sum: what preemption (preempt.h) wants to
 * know of thousands of hosts without looking at their tasks.
 *
 * An active task on a host is in one of three **standings**:
 *
 *     preemptible   of a preemptible tier, and nothing ends it yet
 *     leaving       on its way out: what it has comes free by itself
 *     spared        the rest: of production, or out of reach
 *
 * The **reach** of a host is an upper bound of what it can give to a task of
 * production: all that it has but for what spared tasks use. Hosts with
 * preemptible tasks stand in a table by blocks; of each block the largest
 * reach is known, so that a search passes over most blocks at once. */
#pragma once
#include "aurora/core/job_config.h"
#include "base/vec.h"
#include <stdbool.h>
#include <stdint.h>

struct aurora;
struct host;
struct task;

enum { VICTIM_BLOCK = 64 };

enum standing {
    STANDING_NOWHERE, /* not on a host */
    STANDING_SPARED,
    STANDING_PREEMPTIBLE,
    STANDING_LEAVING
};

/* Of one host; zero-initialised has no tasks. They stand in its list. */
struct host_victims {
    struct amounts spared;  /* used by them */
    struct amounts leaving; /* likewise; without cpus that are revocable */
    uint32_t leaving_ports;
    uint32_t preemptible; /* how many */
    bool has_slot;        /* somebody is about to push there */
    uint32_t entry;       /* place in the table + 1; 0: not in it */
    uint64_t looked;      /* by the search of this number */
};

struct victim_block {
    int64_t cpus, mem; /* no entry of it reaches further */
    bool is_stale;     /* they may be too large */
};

struct victim_table { /* zero-initialised is empty */
    struct victim_entry {
        struct host *host;
        int64_t cpus, mem; /* its reach */
    } * item;              /* owned */
    uint32_t count, capacity;
    VEC(struct victim_block) blocks;
    uint64_t searches;
};

/* A task has another state, and still knows its host. */
void victims_note(struct aurora *a, struct task *task);
/* The host has other totals. */
void victims_note_total(struct aurora *a, struct host *host);
/* The next host at or behind *at of the table that may reach that far; NULL:
 * there is none. *at is behind it then. `looked_at` grows by what was looked
 * at on the way. */
struct host *victims_next(struct victim_table *table,
                          const struct amounts *need, uint32_t *at,
                          uint32_t *looked_at);
void victims_release(struct victim_table *table);
void victims_check(const struct aurora *a);
