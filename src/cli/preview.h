/* What an update would do with which instances, and why: asked of the
 * scheduler, which knows the hosts that they stand on. */
#pragma once
#include "cli/api.h"
#include "cli/change.h"
#include "wire/json.h"

/* *out NULL: the scheduler would refuse it now, or cannot say. */
void preview_ask(struct cli *cli, const struct job_key *key,
                 const Perigee__Job *job, const Perigee__Aurora__Preview **out);
/* Why its quota would not allow the job as it is to be, or NULL. Only of
 * services that have no schedule, and of each by itself. */
const char *preview_quota(struct cli *cli, const struct job_key *key,
                          const Perigee__Job *job);
/* "restarts 0-2: task.processes; moves 3: its host does not suit the new
 * constraints; leaves 4-9". `changes` are those of the job. */
void preview_print(struct cli *cli, const Perigee__Aurora__Preview *preview,
                   const struct change_list *changes, int indent);
/* As keys of the object that is open. */
void preview_json(struct json_writer *w,
                  const Perigee__Aurora__Preview *preview);
