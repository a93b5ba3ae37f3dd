/* Who is offered what. The allocator knows agents, frameworks and roles only by
 * what it needs to divide resources; it sends nothing and knows no messages.
 *
 * Fairness is DRF: among roles, and within a role among its frameworks, the one
 * with the smallest dominant share (over its weight) goes first; ties go to the
 * one that was given something less often, then by name. Whoever goes first is
 * given all that an agent has free for its role.
 *
 * Work follows change. An agent is looked at when something became free on it
 * or when somebody new wants resources; a refusal is a filter that ends at the
 * first tick of the allocation interval after its time. Nothing is polled: when
 * there is nothing to do, allocator_next_ms() says so.
 *
 * Invariant: for every agent, allocated (offered or used) + free = total. */
#pragma once
#include "base/err.h"
#include "base/resources.h"
#include "base/rng.h"
#include "base/vec.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    ALLOCATOR_SCALARS_MAX = 16, /* names that count for fairness */
    ALLOCATOR_ALTERNATIVES_MAX = 8
};

/* Text as the flag has it: "cpus:0.01|mem:32"; ';' is and, '|' is or. */
struct allocator_options {
    int64_t interval_ms;
    const char *min_allocatable;
};

/* One decision: all of `resources` of the agent go to the framework. */
struct allocation {
    uint64_t framework, agent;
    const char *role;           /* borrowed from the allocator, lives with it */
    struct resources resources; /* unallocated kinds; owned by the list */
};
struct allocations {
    struct allocation *item;
    uint32_t count, capacity;
};
void allocations_release(struct allocations *list);

struct allocator;
/* `rng` is borrowed and shuffles agents. */
int allocator_new(struct allocator **out,
                  const struct allocator_options *options, struct rng *rng,
                  struct err *err);
void allocator_free(struct allocator *a); /* accepts NULL */
/* Ticks are start_ms + n * interval_ms. */
void allocator_set_start(struct allocator *a, int64_t start_ms);
void allocator_set_weight(struct allocator *a, const char *role,
                          int64_t weight_milli);

/* Agents and frameworks are named by numbers of the caller's. */
void allocator_add_agent(struct allocator *a, uint64_t agent,
                         const struct resources *total);
void allocator_remove_agent(struct allocator *a, uint64_t agent);
/* An inactive agent keeps its allocations and is not offered. */
void allocator_set_agent_active(struct allocator *a, uint64_t agent,
                                bool is_active);

/* What it offers is not what was refused before. */
void allocator_renew_agent(struct allocator *a, uint64_t agent);

struct allocator_framework {
    uint64_t number;
    const char *id; /* decides ties */
    char *const *role;
    uint32_t role_count;
    char *const *suppressed_role;
    uint32_t suppressed_count;
    bool takes_gpus;      /* agents with gpus are kept for those that do */
    bool takes_revocable; /* nobody else is offered such resources */
};
/* Add, or replace roles and suppression. Starts inactive. */
void allocator_set_framework(struct allocator *a,
                             const struct allocator_framework *framework);
/* Everything allocated to it must have been recovered before. */
void allocator_remove_framework(struct allocator *a, uint64_t framework);
void allocator_set_framework_active(struct allocator *a, uint64_t framework,
                                    bool is_active);
/* role NULL: all roles of the framework. Reviving drops its filters. */
void allocator_suppress(struct allocator *a, uint64_t framework,
                        const char *role);
void allocator_revive(struct allocator *a, uint64_t framework,
                      const char *role);

/* Resources that are in use before any offer: tasks of an agent that came
 * back. False, and no change, when the agent has not that much free. */
bool allocator_use(struct allocator *a, uint64_t framework, uint64_t agent,
                   const char *role, const struct resources *resources);

enum refusal { REFUSE_NOTHING, REFUSE_UNTIL_TICK, REFUSE_FOR_TIME };
/* Give back. With a refusal they are not offered to the same framework and
 * role again, alone, before the first tick (after refuse_ms). Giving back to an
 * agent that is gone does nothing. */
void allocator_recover(struct allocator *a, uint64_t framework, uint64_t agent,
                       const char *role, const struct resources *resources,
                       enum refusal refusal, int64_t refuse_ms, int64_t now_ms);

/* When allocator_run() has something to do; INT64_MIN: at once. */
int64_t allocator_next_ms(const struct allocator *a);
void allocator_run(struct allocator *a, int64_t now_ms,
                   struct allocations *out);

struct allocator_counts {
    uint64_t runs, filters;
    uint64_t deadlines; /* kept for filters, also of forgiven ones */
};
struct allocator_counts allocator_counts(const struct allocator *a);
/* Free now on an agent; NULL when it is unknown. */
const struct resources *allocator_free_on(const struct allocator *a,
                                          uint64_t agent);
/* Every invariant; asserts. */
void allocator_check(const struct allocator *a);
