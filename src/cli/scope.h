/* Which part of a cluster a list is of: CLUSTER[/ROLE[/ENV[/NAME]]]. */
#pragma once
#include "cli/cli.h"

struct scope {
    /* NULL: not said; of the cluster: the default one. */
    const char *cluster, *role, *env, *name;
};

/* The first argument, or all of the default cluster when there is none; at most
 * `parts_max` of its parts. A slash may end it. 0, or the exit code of a
 * refusal that was reported: a part too many would be a filter that is not
 * heeded. */
int scope_read(struct cli *cli, int parts_max, struct scope *out);
