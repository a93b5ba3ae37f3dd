/* What backup.c and backup_inspect.c share. */
#pragma once
#include "cli/cli.h"
#include <limits.h>

/* The file that argument 0 means: a path, or an id: in --backups, beside --store,
 * or where the scheduler says. 0, or the exit code after reporting. */
int backup_file(struct cli *cli, char path[PATH_MAX]);
