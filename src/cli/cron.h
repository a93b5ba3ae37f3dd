/* What the commands about cron jobs share. */
#pragma once
#include "cli/api.h"

/* One call about the job that argument 0 names. 0, or the exit code of what was
 * reported. `limit` 0: none. */
int cron_call(struct cli *cli, Perigee__Aurora__Call__Type type, uint32_t limit,
              struct job_key *key, Perigee__Aurora__Answer **answer);
/* Every cron job below argument 0 ([CLUSTER[/ROLE[/ENV]]]), of all pages, in
 * the order of their keys; in the run's arena. */
struct cron_list {
    Perigee__Aurora__CronView **item;
    uint32_t count;
};
int cron_list(struct cli *cli, struct cron_list *out);
/* "role/env/name", in the run's arena. */
const char *cron_name(struct cli *cli, const Perigee__Aurora__JobKey *key);
const char *cron_state_name(const Perigee__Aurora__FiringView *firing);
enum cli_colour cron_state_colour(const Perigee__Aurora__FiringView *firing);
