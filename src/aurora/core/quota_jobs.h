/* What jobs count as against the quotas of their roles (quota.h), and whether
 * what users ask for is within them. A job counts as
 *
 *   its active tasks, but for those of instances that an update changes;
 *   and, while an update is under way, for each of these instances the greater
 *   of what it ran before and what it is to run; in a surge so much of the new
 *   ones more as may live beside the old ones;
 *   a cron job at least as one run of it;
 *   a member of an application group that waits for others at least as what it
 *   is to be.
 *
 * So nothing that goes on by itself (a task that follows another one, the next
 * step of an update, its way back, a run by the clock) needs more than was
 * allowed when somebody asked for it. Two things are asked about when they
 * come: a run beside another one of the job, and the retry of such a run.
 *
 * What changed is only noted; the sums follow when they are wanted, and at the
 * end of each input. */
#pragma once
#include "aurora/core/quota.h"
#include <stdbool.h>
#include <stdint.h>

struct app_group;
struct aurora;
struct group_request;
struct job;
struct job_config;
struct job_key;
struct member_step;
struct task;
struct update_request;

/* Kept with each job. */
struct job_quota {
    struct quota_role *role;
    struct quota_use counted; /* in the sums of its role */
    struct quota_use tasks;   /* active ones, without those `update` is for */
    struct quota_use update;  /* of the one under way */
    bool is_due;              /* noted, not counted yet */
};

/* What one task of this configuration counts as. */
struct quota_use quota_use_of(const struct job_config *config);

/* --- notes --- */

/* The job's record comes, or is about to go. */
void quota_note_coming(struct aurora *a, struct job *job);
void quota_note_going(struct aurora *a, struct job *job);
/* Something about it changed that counts. */
void quota_note(struct aurora *a, struct job *job);
/* A task is one of its active ones now; is about to be that no more. */
void quota_note_task(struct aurora *a, const struct task *task);
void quota_note_task_gone(struct aurora *a, const struct task *task);
/* An update of it begins or is over: its tasks count in another way. */
void quota_recount(struct aurora *a, struct job *job);
/* Everything noted is counted. */
void quota_settle(struct aurora *a);
void quota_restored(struct aurora *a);
void quota_jobs_check(const struct aurora *a);

/* --- questions; each is ERR_QUOTA with the sum in a->quota_lines --- */

/* A new job, or another schedule of a cron job; `job` is what has its key. */
int quota_check_create(struct aurora *a, const struct job *job,
                       const struct job_config *config, uint32_t instances,
                       struct err *err);
/* `more` tasks of the job; it is to have `wanted` then. */
int quota_check_more(struct aurora *a, const struct job *job,
                     const struct job_config *config, uint32_t more,
                     uint32_t wanted, struct err *err);
/* A run of a cron job beside those that are under way. */
int quota_check_run(struct aurora *a, const struct job *job, struct err *err);
int quota_check_update(struct aurora *a, const struct job *job,
                       const struct job_config *config,
                       const struct update_request *request, struct err *err);
/* All that the deployment brings. */
int quota_check_group(struct aurora *a, const struct group_request *request,
                      const struct member_step *step, struct err *err);
/* Each service of the group has so many instances then. */
int quota_check_group_scale(struct aurora *a, const struct app_group *group,
                            uint32_t factor_milli, struct err *err);

/* What the job would count as with this configuration and so many instances:
 * created, or, when it is a service that runs, updated. */
struct quota_use quota_use_wanted(struct aurora *a, const struct job *job,
                                  const struct job_config *config,
                                  uint32_t instances);
/* Things that come all or not at all, as a group does. */
struct quota_part {
    const struct job_config *config; /* borrowed */
    uint32_t instances;
    bool is_new;
    struct quota_use from, to; /* what it counts as now and then */
};
/* What would be refused, if these were asked for one after
 * the other; nothing changes. */
enum { QUOTA_PREVIEW_TOLD_MAX = 100 }; /* refusals; behind them it ends */
struct quota_wish {
    struct job_config *config;
    uint32_t instances;
    uint32_t group; /* neighbours of one number come together; 0: by itself */
};
/* Jobs that are gone when the wish `behind` is come to. One that stands twice
 * goes once. */
struct quota_gone {
    const struct job **job; /* borrowed */
    uint32_t count, behind;
};
typedef void quota_refused(void *context, uint32_t first, uint32_t count,
                           const struct err *err);
void aurora_quota_preview(struct aurora *a, const struct quota_wish *wish,
                          uint32_t count, const struct quota_gone *gone,
                          quota_refused *refused, void *context);

/* quota_refusal.c: say why. `more` NULL: nothing can be said of what would
 * fit. */
struct quota_asked {
    const struct job_key *key; /* of what is asked for */
    const char *what;          /* "job", "group" */
    uint32_t count;            /* of instances; 0: not to be told */
    uint32_t fits;             /* of them; when `has_fits` */
    bool has_fits;
    const char *parts; /* what would fit of several; or NULL */
};
/* quota_preview.c: may all these parts come at once? `asked` without a count:
 * they are a group. */
int quota_check_parts(struct aurora *a, struct quota_asked asked,
                      const struct quota_part *part, uint32_t count,
                      struct err *err);
int quota_refuse(struct aurora *a, const struct quota_shortage *shortage,
                 const struct quota_asked *asked, struct err *err);
