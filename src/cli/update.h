/* Updates of jobs, from the outside. */
#pragma once
#include "cli/api.h"

/* Wait until the update is over, drawing its instances meanwhile:
 *
 *     ROLLING_FORWARD  4 of 10 done  ####>>....
 *
 * '#' done, '>' being changed, '.' waiting, '!' failed. `id` NULL: the newest.
 * Returns 0 when it was rolled forward, EXIT_FAILED or EXIT_TIMED_OUT
 * (reported), ... */
int update_follow(struct cli *cli, const struct job_key *key, const char *id,
                  int64_t timeout_ms);
/* "ROLLING_FORWARD" */
const char *update_state_text(Perigee__Aurora__UpdateState state);
