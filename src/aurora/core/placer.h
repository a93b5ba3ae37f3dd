/* Which machine a task goes to, and why it goes to none. Pure decisions over
 * the index of hosts: nothing is spent here but by placer_place.
 *
 * Order of the checks, first veto wins: dedicated, maintenance, value
 * constraints, place, rank, counting constraints, a host in trouble
 * (hosts_trouble.h), then cpu, memory, disk, gpus, ports. What a script has not
 * judged yet is no place. Score after placement, in 1/1024: 1 - |free cpu share
 * - free memory share|, plus, when packing, 1 minus the larger of both
 * (machines fill up one after the other), or, when spreading, plus the larger
 * of both (all machines fill up alike). Disk is not part of it: of disk there
 * is nearly always plenty, and a share that is always large would hide how full
 * a machine is. A host without maintenance ahead wins, then the one that goes
 * last, then the highest rank, then a host that is not stranded, then the
 * highest score, then the first host in host order; how exactly, and what
 * stranded means, hosts_index.h says. */
#pragma once
#include "aurora/core/hosts.h"
#include "aurora/core/job_config.h"
#include "aurora/core/limits.h"
#include "base/bytes.h"
#include "base/vec.h"
#include <stdbool.h>
#include <stdint.h>

enum veto {
    VETO_NONE,
    VETO_NO_OFFER, /* nothing of the host is offered to us now */
    VETO_CPU,
    VETO_MEM,
    VETO_DISK,
    VETO_GPU,
    VETO_PORTS,
    VETO_PLACE,        /* the job's function says no */
    VETO_UNJUDGED,     /* a script has not been asked yet, or not answered */
    VETO_PLACE_FAILED, /* the function does, with a reason */
    VETO_RANK_FAILED,
    VETO_LIKE_FAILED, /* an expression does; `constraint` says which */
    VETO_LIMIT,       /* `constraint` says which */
    VETO_CONSTRAINT,  /* `constraint` says which */
    VETO_TROUBLE,     /* the host fails what others run */
    VETO_DEDICATED,
    VETO_MAINTENANCE, /* the host is drained, or about to go */
    VETO_COUNT
};

/* May the host run one more task of this config? On refusal *constraint is the
 * index of the constraint to blame, when one is. */
enum veto placer_veto(const struct host *host, const struct job_config *config,
                      struct limit_counts *counts, uint32_t *constraint);
/* Do the constraints allow one more task on the host, whatever room it has?
 * What no script has judged does not suit. */
bool placer_suits(const struct host *host, const struct job_config *config,
                  struct limit_counts *counts);
/* Is it only for want of a script's verdict that the host does not suit? */
bool placer_awaits(const struct host *host, const struct job_config *config);
/* Why a script failed for this host; "" when none did. Borrowed. */
const char *placer_failure(const struct host *host,
                           const struct job_config *config, enum veto veto,
                           uint32_t constraint);
/* Score of a host once the task is on it; it must fit. */
int64_t placer_score(enum placement_policy policy, const struct amounts *free,
                     const struct amounts *total, const struct amounts *need);
/* The same as what is searched for the least of (index_cost). */
int64_t placer_cost(enum placement_policy policy, const struct amounts *free,
                    const struct amounts *total, const struct amounts *need);
/* May it be placed there now, and at which cost? */
bool placer_allows(struct hosts *hosts, struct job_config *config,
                   struct limit_counts *counts, struct host *host,
                   int64_t *cost);

/* Called for each task placed: `ports` (port_count numbers in `ports`) were
 * taken from the host. Return false to place no more. */
typedef bool placer_placed(void *context, struct host *host,
                           const struct ranges *ports);
/* Place up to `count` equal tasks one after the other, each on the best host;
 * returns how many. Hosts not changed since `since` need not be looked at:
 * none of them fits. `counts` are prepared (limits.h). */
uint32_t placer_place(struct hosts *hosts, struct job_config *config,
                      struct limit_counts *counts, uint32_t count,
                      uint64_t since, placer_placed *placed, void *context);

/* Place one there, if it may be; `placed` is called then. */
bool placer_place_on(struct hosts *hosts, struct job_config *config,
                     struct limit_counts *counts, struct host *host,
                     placer_placed *placed, void *context);

/* Why a task does not run: how many hosts each reason excludes, and the host
 * that comes nearest to fitting. */
struct why {
    uint32_t hosts; /* looked at */
    uint32_t vetoed[VETO_COUNT];
    uint32_t by_constraint[CONSTRAINTS_MAX]; /* VETO_CONSTRAINT, VETO_LIMIT */
    uint32_t fits;                           /* hosts with no veto */
    const char *failure[VETO_COUNT];         /* borrowed; of *_FAILED, one */
    const struct host *nearest;              /* borrowed; NULL without hosts */
    enum veto nearest_veto;
    uint32_t nearest_constraint;
    int64_t nearest_score; /* veto score: smaller is nearer */
};
void placer_why(const struct hosts *hosts, const struct job_config *config,
                struct limit_counts *counts, struct why *out);
/* "1.5 cpu", "512 MB of memory", "constraint rack: ...": what the nearest host
 * lacks. */
void why_lacks(const struct why *why, const struct job_config *config,
               struct buf *out);
/* What to do about it; a full sentence without a full stop. */
void why_advice(const struct why *why, const struct job_config *config,
                struct buf *out);
/* "not enough cpu", "constraint rack": the name of a reason. */
void veto_name(enum veto veto, const struct job_config *config,
               uint32_t constraint, struct buf *out);
