/* A live backup: a thread of its own reads the checkpoint as it was saved last
 * and writes a backup (sys/backup_file.h) of it, not faster than it was told.
 * While it reads, the store saves no other checkpoint; commits go on, into the
 * log, undisturbed. sys/store.c keeps that order.
 *
 * The file is written under another name, synced, renamed, and its directory
 * synced; then backups beyond the number wanted are removed. A copy that fails
 * leaves nothing behind and does the store no harm. */
#pragma once
#include "sys/backup_dir.h"
#include "sys/backup_file.h"

struct store_backup {
    char dir[PATH_MAX]; /* made when it is missing */
    int64_t created_ms; /* wall time; names the backup */
    uint32_t keep;      /* newest backups of `dir`; at least 1 */
    int64_t bytes_per_s;
};

struct backup_result {
    char name[BACKUP_NAME_MAX];
    struct err err; /* code ERR_NONE: it is there */
    struct backup_summary summary;
    int64_t took_ms;
};

struct store_copy;
/* `data_path`: the checkpoint; `sequence`: of the last batch in it. */
int store_copy_begin(struct store_copy **out, const char *data_path,
                     uint64_t sequence, const struct store_backup *request,
                     struct err *err);
bool store_copy_is_over(struct store_copy *copy);
/* A sync of the log just took so long: the copy leaves the disk to others for
 * some time, but for a piece in between. */
enum { STORE_COPY_SLOW_NS = 4000000, STORE_COPY_REST_MS = 20 };
void store_copy_note_sync(struct store_copy *copy, int64_t took_ns);
/* From now on as fast as it goes. */
void store_copy_hurry(struct store_copy *copy);
/* End it soon, with this as the reason. */
void store_copy_cancel(struct store_copy *copy, const char *why);
/* Waits for the end; *out (may be NULL) is what became of it. */
void store_copy_end(struct store_copy *copy, struct backup_result *out);
