/* Coordinators of jobs: services outside that say whether a task may be ended
 * now. Asking is an act of the shell with a ticket; the answer comes back as a
 * fact. One question at a time for each URL, COORDINATORS_MAX in all: whoever
 * finds it taken tries again later, as after a refusal. Nothing of this is
 * stored: after a restart everybody asks anew. */
#pragma once
#include "base/vec.h"
#include <stdbool.h>
#include <stdint.h>

struct aurora;
struct job_config;
struct task;

enum { COORDINATORS_MAX = 10 };

struct coordination {
    uint64_t ticket;
    uint64_t task;             /* number; it may be gone meanwhile */
    struct job_config *config; /* owned reference; whose policy it is */
};

struct coordinations {
    struct coordination *item;
    uint32_t count, capacity;
    uint64_t next_ticket;
    uint64_t asked, refused, skipped; /* so far */
};

/* False when the URL or the last place is taken. */
bool coordinators_ask(struct aurora *a, struct job_config *config,
                      const struct task *task);
/* Under way about this task? */
bool coordinators_asked(const struct aurora *a, const struct task *task);
/* NULL when it is not under way (any more). */
const struct coordination *aurora_coordination(const struct aurora *a,
                                               uint64_t ticket);
/* What the coordinator says: the task may end, or not now. */
void aurora_coordinated(struct aurora *a, uint64_t ticket, bool may_end,
                        int64_t now_ms);
void coordinators_release(struct aurora *a);
