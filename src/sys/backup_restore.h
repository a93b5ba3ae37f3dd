/* A backup becomes the store of a program that does not run. The store is made
 * beside the directory wanted, wholly and durably, then takes its place in one
 * step; what was there is kept as DIR.replaced-TIME. */
#pragma once
#include "sys/backup_file.h"
#include <limits.h>

enum { BACKUP_KEEP, BACKUP_CHANGE, BACKUP_LEAVE_OUT };

/* Look at a record on its way into the store: keep it, store what was put into
 * *value instead (empty at first), or leave it out; negative refuses. */
typedef int backup_edit(void *context, const char *table, struct bytes key,
                        struct bytes old, struct buf *value, struct err *err);

/* ERR_BUSY while a process has the store open, ERR_CONFLICT when `dir` holds
 * things and is no store. `kept` becomes the path of what
 * was replaced, "" when there was nothing. `edit` may be NULL. */
int backup_restore(const char *path, const char *dir, backup_edit *edit,
                   void *context, struct backup_summary *out,
                   char kept[PATH_MAX], struct err *err);
