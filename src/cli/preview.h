/* What an update would do with which instances, and why: asked of the
 * scheduler, which knows the hosts that they stand on. */
#pragma once
#include "cli/api.h"
#include "cli/change.h"
#include "wire/json.h"

/* *out NULL: the scheduler would refuse it now, or cannot say. */
void preview_ask(struct cli *cli, const struct job_key *key,
                 const Perigee__Job *job, const Perigee__Aurora__Preview **out);
/* What is to come, one after the other; `why` NULL: no quota stands against
 * it. Neighbours of one `group` (not 0) come together; the first is told. */
struct preview_wish {
    const Perigee__Job *job;
    uint32_t group;
    const char *why; /* set by preview_quotas; the arena's */
};
/* Jobs that are gone when the wish `behind` is come to. */
struct preview_gone {
    const struct job_key *const *key;
    size_t count, behind;
};
void preview_quotas(struct cli *cli, struct preview_wish *wish, size_t count,
                    const struct preview_gone *gone);
/* "restarts 0-2: task.processes; moves 3: its host does not suit the new
 * constraints; leaves 4-9". `changes` are those of the job. */
void preview_print(struct cli *cli, const Perigee__Aurora__Preview *preview,
                   const struct change_list *changes, int indent);
/* As keys of the object that is open. */
void preview_json(struct json_writer *w,
                  const Perigee__Aurora__Preview *preview);
