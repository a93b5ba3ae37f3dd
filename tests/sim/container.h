/* A container of a machine (machine.h has what it is made of): how it starts,
 * what its agent is told, how its executor and the imagined runner live and
 * end. */
#pragma once
#include "agent/acts.h"
#include "tests/sim/machine.h"

/* Listed by its machine, which owns it; nothing of it runs yet. */
struct container *container_new(struct machine *m,
                                const struct agent_launch *launch);
void container_free(struct container *c);
void container_start(struct container *c);
/* Ended soon, whatever is left of it. */
void container_destroy(struct container *c);
/* Over now; the agent is told, with no status when it is negative. */
void container_die(struct container *c, int status);
/* The agent is told which process it is: STARTED or ALIVE. */
void container_tell_pid(struct container *c, enum agent_fact kind);
/* Its task is no more, if it lived; the truth of the checks. */
void container_run_end(struct container *c, enum thermos_state end);
void container_runner_dies(struct container *c);
