/* What must hold of groups (team.h): no job starts before everything that it
 * waits for was up, none is told to end before what waits for it has ended, and
 * at the end each group is as it was wanted. */
#pragma once
#include "tests/sim/checks.h"

struct user_job;

/* After every step of aurora or the team. */
void check_team(struct cluster *c);
/* An instance of a job begins to run. */
void check_order(struct cluster *c, const char *instance);
void final_team(struct cluster *c);
/* checks.c: which of its instances live, a bit for each. */
uint32_t checks_alive(struct cluster *c, const struct user_job *job);
/* checks.c: it runs as wanted, and nothing else of it. */
void checks_final_job(struct cluster *c, const struct user_job *job);
