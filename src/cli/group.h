/* Groups of jobs, from the outside: sending them, waiting for them, drawing
 * them. A group's key is that of a job: cluster/role/environment/name. */
#pragma once
#include "cli/api.h"
#include "cli/jobfile.h"

/* The key of a group of the file: its name beside the cluster, role and
 * environment of its first job. False when it has no job. */
bool group_key(const Perigee__Group *group, struct job_key *out);
/* The group of that key in the file, or NULL. */
const Perigee__Group *group_find(const Perigee__Evaluation *evaluation,
                                 const struct job_key *key);
/* Is the job in it, or in a group in it? */
bool group_has(const Perigee__Group *group, const struct job_key *key);

/* What DEPLOY_GROUP says besides the group. */
struct group_deploy {
    bool must_be_new, prune;
};
int group_send(struct cli *cli, const struct job_key *key,
               const Perigee__Evaluation *evaluation,
               const Perigee__Group *group, const struct group_deploy *how,
               Perigee__Aurora__Answer **answer);
int group_send_remove(struct cli *cli, const struct job_key *key,
                      const char *message, Perigee__Aurora__Answer **answer);
/* The stored group with its tree and members, as it was at an event; *out NULL
 * when there is none. */
int group_ask(struct cli *cli, const struct job_key *key,
              const Perigee__Aurora__GroupView **out, uint64_t *sequence);

/* Wait until it is RUNNING (or, `is_gone`, removed), drawing its members:
 *
 *     DEPLOYING  2 of 5 done  ##>..  web waits for db (1 of 3 running)
 *
 * '#' done, '>' being brought, '.' waiting, '!' failed. Returns 0, EXIT_FAILED
 * or EXIT_TIMED_OUT (reported), ... */
int group_follow(struct cli *cli, const struct job_key *key, bool is_gone,
                 int64_t timeout_ms);
/* The tree with a line for each job, in the answer. */
void group_draw(struct cli *cli, const Perigee__Aurora__GroupView *view);
/* "DEPLOYING" */
const char *group_state_text(Perigee__Aurora__GroupState state);

/* create KEY [FILE], when KEY names a group. */
int group_create(struct cli *cli, const struct job_key *key,
                 const Perigee__Evaluation *evaluation,
                 const Perigee__Group *group, bool waits);
