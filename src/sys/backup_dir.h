/* A directory of backups (sys/backup_file.h): NAME.backup, where a name is the
 * time of its making, "20261121T091250.123Z", so that names sort by age. What
 * is being written has another ending and is no backup yet. */
#pragma once
#include "base/err.h"
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum { BACKUP_NAME_MAX = 24, BACKUPS_LISTED_MAX = 1000 };

struct backup_names {
    char (*item)[BACKUP_NAME_MAX]; /* owned; oldest first */
    uint32_t count, capacity;
};

/* The name of a backup made then. */
char *backup_name(int64_t created_ms, char out[BACKUP_NAME_MAX]);
bool backup_name_ok(const char *name);
/* DIR/NAME.backup; ERR_LIMIT when that is too long. */
int backup_path(const char *dir, const char *name, char out[PATH_MAX],
                struct err *err);

/* The newest BACKUPS_LISTED_MAX of a directory; a directory that is not there
 * has none. The caller frees with vec_free. */
int backup_list(const char *dir, struct backup_names *out, struct err *err);
/* Remove all but the newest `keep`, and `name` in any case stays. Also what
 * unfinished writing left behind. */
int backup_prune(const char *dir, uint32_t keep, const char *name,
                 struct err *err);
