/* Whether who asks may have what was asked for. Every path into the scheduler
 * comes by here: calls (api.c), GETs (rest.c), streams (streams.c), assets. */
#pragma once
#include "aurora/api.h"
#include "base/permission.h"

/* May the request's user do what its route does? ERR_DENIED; of a call that
 * only looks at one job, ERR_NOT_FOUND, whether that exists or not. */
int security_permit(struct request *r, struct err *err);
/* Are the rules in force still those that the request came under? ERR_BUSY: it
 * is to be asked again, under the new ones. What waited asks before it goes on.
 */
int security_check_rules(const struct request *r, struct err *err);
/* For what a call's function finds: may its user do that to this job? */
bool security_may_job(const struct request *r, enum action action,
                      const struct job_key *key);
/* May it see the job? */
bool security_sees(const struct request *r, const struct job_key *key);
/* The same of an event. */
struct event;
bool security_sees_event(const struct aurora_program *p,
                         const struct user *user, const struct event *event);
/* What is refused from here on names no job that the request's user may not
 * see; NULL: it was served. */
void security_look_as(struct aurora_program *p, const struct request *r);
/* Somebody asked, by an id, for what is there and they may not see: let the
 * refusal that follows stand in the audit log. */
void security_note_hidden(struct request *r);
/* May it do that to the cluster as a whole? */
bool security_may_cluster(const struct request *r, enum action action);
bool security_may_role(const struct request *r, enum action action,
                       const char *role);
/* The cron jobs that the job runs after are such as its user may see; of others
 * it is told, as of those that do not exist, ERR_NOT_FOUND. */
int security_check_parents(const struct request *r, const Perigee__Job *job,
                           struct err *err);
/* Cron jobs name those that they run after, and those that run after them: take
 * out of the answer what its user may not see. */
void security_hide_relatives(const struct request *r,
                             Perigee__Aurora__Answer *answer);
/* ERR_DENIED, in words. */
int security_refuse(const struct request *r, enum action action,
                    const struct job_key *key, struct err *err);
