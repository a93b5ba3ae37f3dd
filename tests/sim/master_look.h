/* A look into the master at machines in maintenance. */
#pragma once
#include "tests/sim/warden.h"

struct master_program;

enum warden_mode master_look_mode(const struct master_program *master,
                                  const char *host);
/* Machines in the schedule. */
uint32_t master_look_machines(const struct master_program *master);
/* What contradicts the schedule: an agent on a machine that is down, or an
 * offer that asks for one that stays. Then says what. */
bool master_look_broke(const struct master_program *master, char *out,
                       size_t size);
