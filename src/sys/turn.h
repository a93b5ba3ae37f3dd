/* Turns of a daemon whose effects wait for the disk, oldest first, and what a
 * daemon counts about its turns. */
#pragma once
#include "sys/committer.h"
#include "sys/store.h"
#include "wire/metrics.h"
#include "wire/program.h"

struct turn {
    struct turn *next;
    struct effects fx;
    struct store_op *op; /* its PERSIST effects, pointing into fx */
    uint32_t op_count, op_capacity;
    uint64_t batch; /* that must be durable first; 0: none */
};

struct turns {
    struct turn *first, **last; /* waiting; owned */
    struct turn *now;           /* between begin and end; owned */
    struct turn *spare;         /* for reuse; owned */
    uint32_t waiting, spare_count;
};

void turns_init(struct turns *turns);
void turns_release(struct turns *turns);
struct turn *turns_begin(struct turns *turns);
/* The turn begun last waits now, unless it has no effects. */
void turns_end(struct turns *turns);
struct turn *turns_first(const struct turns *turns); /* NULL: none waits */
void turns_done(struct turns *turns);                /* with the first */

/* Gather the turn's PERSIST effects into its `op`. */
void turn_collect(struct turn *turn);

struct daemon_figures {
    int64_t started_ns;
    uint64_t turns;
    int64_t turn_ns_max;
    uint64_t inputs;
    uint32_t streams;
};

/* As metrics <name>_turns_total and so on. */
void daemon_figures_report(const struct daemon_figures *figures,
                           const struct committer_figures *commits,
                           const char *name, struct metrics *out);
