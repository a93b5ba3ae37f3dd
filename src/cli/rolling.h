/* Restarts and kills in batches, from the outside. */
#pragma once
#include "cli/api.h"

/* Wait until it is over, drawing its instances meanwhile:
 *
 *     restart  4 of 10 done  ####>>....
 *
 * '#' done, '>' under way, '.' waiting, '!' failed. `begun` is the view in the
 * answer that began it, `instance` are its instances. On success the final view
 * stands in *out, or NULL when the job has gone. EXIT_FAILED (reported): it
 * ended otherwise, or another one took its place. */
int rolling_follow(struct cli *cli, const struct job_key *key,
                   const Perigee__Aurora__RollingView *begun,
                   const uint32_t *instance, size_t count, int64_t timeout_ms,
                   Perigee__Aurora__RollingView **out);
/* "restart: 4 of 10 done, 1 failed", with what is to be known of it. */
void rolling_print(struct cli *cli, const Perigee__Aurora__RollingView *view);
