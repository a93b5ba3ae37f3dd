/* A look into aurora's core at the groups of the team (team.h), apart because
 * the simulator's headers and the core's have words in common. */
#pragma once
#include "aurora/program.h"

/* "RUNNING", ...; "NONE": there is no such group. */
const char *group_look_state(const struct aurora_program *aurora,
                             const char *name);
/* Does the job exist? Is it being killed? */
bool group_look_is_here(const struct aurora_program *aurora, const char *job);
bool group_look_is_ending(const struct aurora_program *aurora, const char *job);
