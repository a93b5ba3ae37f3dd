/* The invariants that hold at every step, whatever happens (ARCHITECTURE.md),
 * and those that hold when all has been quiet for a while. The belief of the
 * programs is compared with what really runs (machine.h) and with what went
 * over the wire. */
#pragma once
#include "base/id.h"
#include "base/vec.h"
#include "tests/sim/check_keeper.h"
#include "tests/sim/check_warden.h"
#include "tests/sim/cron_spans.h"
#include "wire/program.h"
#include <stdbool.h>
#include <stdint.h>

struct cluster;
struct node;
struct run;
struct machine;
struct input;

enum { AGENT_LOOKS = 16 };

/* An agent's offers and tasks, when they were added up last. */
struct agent_look {
    uint64_t agent, mark, steps;
};

/* The scheduler's stream of events: what it hears on it is news. */
struct news {
    uint64_t life, streams; /* how many there were */
    int64_t since_ms;       /* the last one; by the scheduler's clock */
};

/* What a framework was told about one of its tasks. */
struct told;
struct owed;

struct checks {
    struct told *told; /* by framework and task id */
    struct owed *owed; /* updates, by uuid */
    uint64_t updates;
    struct news news;
    struct keeper_look keeper;
    struct warden_look warden;
    struct cron_spans crons[CRON_CLOCKED];
    struct cron_seen crons_seen;
    struct agent_look agent[AGENT_LOOKS];
};

void checks_release(struct checks *checks);
/* A request from the host `peer` was worked off. The effects from `from` on are
 * its own. */
void cluster_on_served(struct cluster *c, const struct node *node,
                       const char *peer, const struct effects *fx,
                       uint32_t from);
/* After every step of a node. */
void cluster_check(struct cluster *c, struct node *node);
/* A record of a stream is about to be given to its reader. */
void cluster_on_record(struct cluster *c, struct node *node,
                       const struct input *input);
/* A task really begins or ended. */
void cluster_on_run_begin(struct cluster *c, struct run *run);
void cluster_on_run_end(struct cluster *c, struct run *run);
/* The disk of a machine is gone: what only it knew is not owed any more. */
void cluster_on_disk_lost(struct cluster *c, const struct machine *m);
/* The time is over. */
/* Do large batch tasks still run, or wait for the room of another one? */
bool checks_take_turns(struct cluster *c);
void checks_final(struct cluster *c);
