/* The graph of a task's processes, and nothing else: who waits for whom, who
 * may start. Time, failures and limits are task_planner's.
 *
 * Processes are numbered 0..count-1. A process is
 *
 *     WAITING ──► RUNNING ──► FINISHED    lets its successors go
 *        ▲           │  └───► FAILED      never lets them go
 *        └── reset ──┘
 *
 * Runnable means WAITING with every predecessor FINISHED. */
#pragma once
#include "base/err.h"
#include "base/vec.h"
#include <stdbool.h>
#include <stdint.h>

enum { PLAN_PROCESSES_MAX = 1000, PLAN_EDGES_MAX = 20000 };

enum plan_state { PLAN_WAITING, PLAN_RUNNING, PLAN_FINISHED, PLAN_FAILED };

struct plan_node {
    enum plan_state state;
    uint32_t blockers; /* predecessors that have not finished */
    bool is_member;    /* part of this plan at all */
};

struct plan_edge {
    uint32_t before, after;
};

struct planner {
    uint32_t count;
    struct plan_node *node; /* owned */
    VEC(struct plan_edge) edges;
};

void planner_init(struct planner *planner, uint32_t count);
void planner_release(struct planner *planner);
/* Make a process part of the plan; those left out do not exist for it. */
void planner_add(struct planner *planner, uint32_t process);
/* `after` starts only when `before` has finished. Both are members. ERR_LIMIT
 * beyond PLAN_EDGES_MAX. A repeated pair counts once. */
int planner_order(struct planner *planner, uint32_t before, uint32_t after,
                  struct err *err);
/* Is there a process that waits for itself? Then *out is one of its circle. */
bool planner_has_cycle(const struct planner *planner, uint32_t *out);

bool planner_is_runnable(const struct planner *planner, uint32_t process);
enum plan_state planner_state(const struct planner *planner, uint32_t process);
void planner_run(struct planner *planner, uint32_t process);
void planner_finish(struct planner *planner, uint32_t process);
void planner_fail(struct planner *planner, uint32_t process);
/* It ran and is to run again. A finished process cannot be reset. */
void planner_reset(struct planner *planner, uint32_t process);
/* Blockers agree with the edges; asserts. */
void planner_check(const struct planner *planner);
