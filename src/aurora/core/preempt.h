/* Preemption: tasks that have waited long push others aside.
 *
 * A task may be a **victim** of one that waits when
 *
 *     the one that waits   the victim     role     priority
 *     not preemptible      preemptible    any      any
 *     either               the same       its own  the victim's is lower
 *
 * so production never pushes aside production of another role, nor a job
 * itself: its own priority is one.
 *
 * Once a minute the groups that have waited for three take turns in searching:
 * a **slot** is a host where one task of the group fits when some victims have
 * gone. Of the victims there those are chosen that cover most of what is
 * lacking, and then none that is not needed; constraints hold, and what is free
 * or comes free by itself counts. A host where the task will fit anyway is
 * waited for.
 *
 * A slot is used by the next attempt at placing, when the group still does not
 * fit: everything is looked at again, the victims go PREEMPTING with a message
 * that names the winner, and the room they leave is kept for it (keeps.h).
 * Slots are soft state: what is stored are the victims' states.
 *
 *     victims.h          which hosts may have room for whom
 *     preempt_rule.h     who may push whom aside; a set of victims
 *     preempt_search.c   one search, over hosts
 *     preempt.c          when, for whom, and the push itself */
#pragma once
#include "aurora/core/preempt_rules.h"
#include "aurora/core/victims.h"
#include "base/vec.h"
#include <stdbool.h>
#include <stdint.h>

struct aurora;
struct host;
struct job_config;
struct task;

enum {
    SLOTS_MAX = 4096,      /* kept; then no more are searched for */
    SEARCHERS_MAX = 1000,  /* groups in one pass; the others next time */
    SEARCH_FITS = 4,       /* hosts that fit, the best of which is taken */
    SEARCH_STEP = 4096,    /* looked at, then others get their turn */
    SEARCH_STEPS_MAX = 16, /* of all groups, then the loop gets its turn */
    SEARCH_PAUSE_MS = 10,  /* until the pass goes on */
    ROLE_TASKS_MAX = 1024  /* of the role looked at in one search */
};

struct preempt_slot {
    struct job_config *config; /* one reference */
    struct host *host;         /* borrowed; preempt_forget_host takes it out */
    int64_t until_ms;
};

/* A group in the pass under way. */
struct preempt_searcher {
    struct job_config *config; /* one reference */
    uint32_t wanted;           /* slots, still */
    uint32_t at;               /* hosts of the table before it were looked at */
};

struct preempt_counters {
    /* [1]: of production */
    uint64_t searches[2], found[2], failed[2]; /* slots */
    uint64_t used[2], refused[2]; /* slots, when they were looked at again */
    uint64_t preempted[2];        /* tasks */
    uint64_t passes, unmatched, unknown_hosts, slots_removed;
};

struct preemption {
    int64_t at_ms; /* the next pass, or its next step; 0: nobody waits */
    bool is_started;
    VEC(struct preempt_slot) slots;
    VEC(struct preempt_searcher) searchers;
    uint32_t turn;     /* of the searchers: whose it is */
    uint64_t began_at; /* groups that were left over go first */
    struct preempt_counters counters;
};

/* What becomes of those of a group that wait. */
struct preempt_outlook {
    enum {
        PREEMPT_NO,    /* they push nobody */
        PREEMPT_LATER, /* room is sought from at_ms on */
        PREEMPT_SEEKS, /* next at at_ms */
        PREEMPT_WAITS  /* for `victims` that end on `host` */
    } kind;
    int64_t at_ms;
    const struct host *host;
    uint32_t victims;
};
struct preempt_outlook preempt_outlook(const struct aurora *a,
                                       const struct job_config *config,
                                       int64_t now_ms);

/* Somebody waits: search when it is time. */
void preempt_arm(struct aurora *a, int64_t now_ms);
/* The timer is due. */
void preempt_timer(struct aurora *a, int64_t now_ms);
/* Use the slots of groups that do not fit. */
void preempt_use(struct aurora *a, int64_t now_ms);
/* The host is about to be forgotten, or is lost. */
void preempt_forget_host(struct aurora *a, const struct host *host);
void preempt_release(struct aurora *a);
void preempt_check(const struct aurora *a);

/* Tasks that would have to go for one of this config; `task` is owned. */
struct victims {
    VEC(struct task *) task;
    bool is_soon; /* it fits when those have gone that are leaving anyway */
};
/* Whom would one more task of the config push aside on that host? False: it
 * would not fit even so, or needs no push (is_soon). */
bool preempt_at(struct aurora *a, struct job_config *config, struct host *host,
                struct victims *out);
/* Find a host for one more task of the config, from *at of the table on; NULL:
 * none yet, or, when *is_soon is set, it has only to wait. *at is UINT32_MAX
 * when all were looked at in vain. */
struct host *preempt_search(struct aurora *a, struct job_config *config,
                            uint32_t *at, bool *is_soon);
