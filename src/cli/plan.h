/* What applying a job file would do: one step per job, decided here, carried
 * out by apply. Only services are updated; a batch job keeps what it was
 * created with, and is created anew when it has ended and differs.
 *
 * Removal is careful: a job goes only when it stands in a role and environment
 * that the file has jobs in, and was created from a file of the same name. */
#pragma once
#include "base/vec.h"
#include "cli/api.h"
#include "cli/change.h"
#include "cli/preview.h"

enum plan_kind {
    PLAN_KEEP,
    PLAN_CREATE,
    PLAN_UPDATE, /* the configuration, and perhaps the instances */
    PLAN_SCALE,  /* only the instances */
    PLAN_REMOVE,
    PLAN_STUCK /* differs, and cannot be changed in place: see `why` */
};

struct plan_step {
    enum plan_kind kind;
    uint32_t group; /* place in `groups` + 1: part of its step; 0: of none */
    struct job_key key;
    const Perigee__Job *job;  /* wanted; NULL for PLAN_REMOVE */
    const Perigee__Job *runs; /* NULL: nothing of it lives */
    bool is_busy;             /* another update of it is under way */
    bool is_ending;           /* PLAN_CREATE: one of this key is being killed */
    bool is_cron; /* both have a schedule: to update it is to create it again */
    struct change_list changes;
    const Perigee__Aurora__Preview *preview; /* of PLAN_UPDATE; or NULL */
    const char *why;
};

/* A group is brought, changed or removed by one call, with all its jobs. */
struct plan_group {
    enum plan_kind kind; /* never PLAN_SCALE */
    struct job_key key;
    const Perigee__Group *group; /* wanted; NULL for PLAN_REMOVE */
    const char *why;
};

struct plan {
    VEC(struct plan_step) steps;   /* in the order of the file, then removals */
    VEC(struct plan_group) groups; /* the same */
    uint32_t count[PLAN_STUCK + 1]; /* steps by kind */
    uint32_t quotas;                /* roles whose quota changes */
    struct buf quota_text;          /* how, for people */
    bool removes_first; /* quotas have no room for both, new and old */
};

/* Compare; reports and returns an exit code, 0 when fine. With `prune`, jobs
 * that are no longer in the file are steps too. Release it in any case. */
int plan_make(struct cli *cli, const char *file,
              const Perigee__Evaluation *evaluation, bool prune,
              struct plan *out);
/* plan_quota.c: a part of plan_make. */
void plan_ask_quotas(struct cli *cli, struct plan *plan);
void plan_release(struct plan *plan);
bool plan_is_empty(const struct plan *plan);
/* "create", "update", ... */
const char *plan_verb(enum plan_kind kind);
void plan_print(struct cli *cli, const struct plan *plan);
void plan_json(struct json_writer *w, const struct plan *plan);
