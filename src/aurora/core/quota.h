/* What each role may have, and what it has: a tree of roles with sums that are
 * kept, so that a question costs the depth of the tree and not the number of
 * tasks. It knows neither jobs nor tasks: who does (quota_jobs.h) says what a
 * job counts as.
 *
 * There are two sums. PRODUCTION is what counts against a quota as Aurora has
 * it: work of a tier that is neither preemptible nor revocable, on hosts that
 * are not dedicated. ALL is all work, whatever it is.
 *
 * A role may have a parent, whose quota holds the sum of its whole tree; that
 * one may have a parent too. Roles are named by their jobs' keys, so the place
 * of a role in the tree is said by its quota's `parent`, not by its name.
 *
 * What bounds a sum, at each role up to the root:
 *
 *   PRODUCTION  what the quota says; a role with a parent and without a word
 *               about production has what the parent has; without either: 0
 *   ALL         what the quota says; no bound for what it does not name
 *
 * Invariants, asserted by quotas_check: `tree` of a role is its `own` and the
 * `tree` of every child; a parent has a quota; no chain is longer than
 * QUOTA_DEPTH_MAX. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "base/job_key.h"
#include "base/table.h"
#include <stdbool.h>
#include <stdint.h>

enum quota_resource {
    QUOTA_CPU,  /* thousandths */
    QUOTA_RAM,  /* MiB */
    QUOTA_DISK, /* MiB */
    QUOTA_GPUS,
    QUOTA_PORTS,
    QUOTA_TASKS,
    QUOTA_RESOURCES
};

enum quota_pool { QUOTA_PRODUCTION, QUOTA_ALL, QUOTA_POOLS };

enum {
    QUOTA_DEPTH_MAX = 8, /* of the tree of roles */
    QUOTAS_MAX = 10000,  /* roles with a quota */
    QUOTA_ALL_RESOURCES = (1 << QUOTA_RESOURCES) - 1
};

/* No sum goes beyond it, whatever the quotas say. */
#define QUOTA_SUM_MAX (INT64_C(1) << 53)

struct quota_amounts {
    int64_t item[QUOTA_RESOURCES];
};

struct quota_use {
    struct quota_amounts pool[QUOTA_POOLS];
};
void quota_use_add(struct quota_use *sum, const struct quota_use *more);
void quota_use_subtract(struct quota_use *sum, const struct quota_use *less);
/* Of each amount the greater one. */
void quota_use_max(struct quota_use *sum, const struct quota_use *other);
/* Add it so many times; what would be beyond QUOTA_SUM_MAX stops just there
 * behind it, so that no quota allows it. */
void quota_use_add_times(struct quota_use *sum, const struct quota_use *more,
                         uint64_t times);
bool quota_use_equal(const struct quota_use *a, const struct quota_use *b);

/* Bounds: a bit in `set` for each resource that has one in `most`. */
struct quota_limit {
    uint32_t set;
    struct quota_amounts most;
};

struct quota {
    char role[JOB_KEY_PART_MAX];
    char parent[JOB_KEY_PART_MAX]; /* "": none */
    bool has_production;
    struct quota_limit limit[QUOTA_POOLS]; /* production: when has_production */
};
bool quota_equal(const struct quota *a, const struct quota *b);
/* It says nothing: such a quota is none. */
bool quota_is_empty(const struct quota *quota);

struct quota_role {
    struct quota quota; /* its role is set always */
    bool has_quota;     /* a record of its own */
    struct quota_role *parent;
    uint32_t jobs, children;
    struct quota_use own, tree;
    bool is_dirty;           /* to be saved */
    struct quota_use before; /* scratch of quotas_set, as below */
    struct quota_limit bound[QUOTA_POOLS];
    UT_hash_handle hh;
};

/* Zero-initialised is empty. */
struct quotas {
    struct quota_role *roles; /* owned, by name */
    uint32_t count;           /* of those with a quota */
};
void quotas_release(struct quotas *quotas);
/* NULL when it has neither a quota nor a job. */
struct quota_role *quotas_find(const struct quotas *quotas, const char *role);
/* Count a job of the role; take one back. Without jobs and quota it goes. */
struct quota_role *quotas_hold(struct quotas *quotas, const char *role);
void quotas_let_go(struct quotas *quotas, struct quota_role *role);
/* What something of the role counts as changed. */
void quotas_change(struct quota_role *role, const struct quota_use *from,
                   const struct quota_use *to);
/* What bounds the role's tree there. */
struct quota_limit quota_bound(const struct quota_role *role,
                               enum quota_pool pool);

/* Where a sum would be too high: the resources in `set`, of one role and one
 * pool. */
struct quota_shortage {
    const struct quota_role *role; /* NULL: it has no quota, and no job yet */
    enum quota_pool pool;
    uint32_t set;
    struct quota_amounts used, asked, most;
};
/* May something of the role count as `to` instead of as `from`? What does not
 * grow is not asked about. `name` may be nobody's yet. */
bool quotas_allow(const struct quotas *quotas, const char *name,
                  const struct quota_use *from, const struct quota_use *to,
                  struct quota_shortage *out);

/* Take these quotas, all or none; an empty one removes its role's. ERR_INVALID
 * (a name twice, a parent without a quota, a circle, too deep), ERR_LIMIT,
 * ERR_QUOTA: below what is in use, unless `is_forced`. `index` is which of them
 * is to blame. A role that differs now is dirty. */
int quotas_set(struct quotas *quotas, const struct quota *list, uint32_t count,
               bool is_forced, uint32_t *index, struct err *err);
/* The role's change is on its way to the store. */
void quotas_saved(struct quotas *quotas, struct quota_role *role);
/* From the store, parents before or after their children; quotas_restored, when
 * they are all there, says whether they make a tree. */
int quotas_restore(struct quotas *quotas, const struct quota *quota,
                   struct err *err);
int quotas_restored(struct quotas *quotas, struct err *err);
void quotas_check(const struct quotas *quotas);

/* "cpu", "ram", ... */
const char *quota_resource_name(enum quota_resource resource);
/* "production" or "all" */
const char *quota_pool_name(enum quota_pool pool);
/* "2.5", "512 MB", "3 GB", "7" */
void quota_amount_text(enum quota_resource resource, int64_t amount,
                       struct buf *out);
