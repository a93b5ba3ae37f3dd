/* Application groups as the scheduler runs them: asking for a deployment, and
 * what a member waits for. Deployments go on at the end of each input. */
#pragma once
#include "aurora/core/aurora.h"

/* A member as it is wanted. */
struct group_wish {
    struct job_config *config; /* one reference */
    uint32_t instances;
};

struct group_request {
    struct job_key key;
    struct group_tree tree;        /* sealed */
    struct bytes source;           /* the tree as users wrote it */
    const struct group_wish *wish; /* one for each member of the tree */
    bool must_be_new;              /* neither the group nor a job may exist */
    bool prunes;         /* remove jobs that the group has no more; else they
                            leave it and run on */
    const char *message; /* may be NULL */
};

/* Store the group and its jobs, all or nothing, and begin to bring them: what
 * is new is started, what differs is updated, each when everything is up that
 * it waits for; what is dropped is removed last, dependants first. A group that
 * exists is changed; *out has is_due and no new event when there is nothing to
 * do. Takes the tree and the configs, also on failure.
 * ERR_EXISTS, ERR_CONFLICT (a job is in another group, is being killed, or
 * cannot be changed while it runs), ERR_JOB_UPDATING, ERR_INVALID. */
int aurora_group_deploy_take(struct aurora *a, struct group_request *request,
                             int64_t now_ms, struct app_group **out,
                             uint64_t *sequence, struct err *err);
/* Multiply the instances of every service in it, rounded up: more in the order
 * of the group, fewer against it. */
int aurora_group_scale(struct aurora *a, const struct job_key *key,
                       uint32_t factor_milli, const char *message,
                       int64_t now_ms, struct app_group **out,
                       uint64_t *sequence, struct err *err);
/* Kill its jobs, dependants first, each when those have ended; then forget it.
 * *out may be gone at once: NULL. */
int aurora_group_remove(struct aurora *a, const struct job_key *key,
                        const char *message, int64_t now_ms,
                        struct app_group **out, uint64_t *sequence,
                        struct err *err);

struct app_group *aurora_group(const struct aurora *a,
                               const struct job_key *key);
/* Place in `app_groups` of the first key >= key. */
uint32_t aurora_group_at(const struct aurora *a, const struct job_key *key);
/* The member that the job is, or NULL. */
struct app_member *aurora_member(const struct aurora *a, const struct job *job);
/* Its job, or NULL when there is none (any more). */
struct job *app_member_job(const struct app_member *member);
/* Are all its instances RUNNING, or FINISHED if it ends by itself? */
bool app_member_is_up(const struct app_member *member);
/* For each member: is it up, and not about to be changed? */
void app_group_ready(const struct app_group *group, bool *out);
/* "waits for storage/db (1 of 3 running)"; nothing when the member at that
 * place waits for nobody. */
void app_member_waits(const struct app_group *group, uint32_t at,
                      const bool *is_ready, struct buf *out);
/* The same of one alone. */
void app_job_waits(const struct app_member *member, struct buf *out);
