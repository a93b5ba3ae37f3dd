/* A backup: every record of a store at one moment, in one file.
 *
 *   frame:  magic u32 | size u32 | before u64 | checksum u64 | payload
 *   file:   head frame | data frame... | end frame | offset of it u64 |
 * "PBkTail1"
 *
 * Little-endian. `before` is the checksum of the frame before (0: the head),
 * the checksum covers both and the payload: frames of two backups do not mix.
 * Head and end are messages of perigee/backup.proto; a data frame is a batch of
 * puts (sys/store_batch.h), by table, then key, in byte order. The end counts
 * the records of each table, so that a reader knows that it saw all.
 *
 * Nothing of LMDB and nothing of a machine is in it: a store of any program can
 * be made from it (sys/backup_restore.h). */
#pragma once
#include "sys/store.h"

enum {
    BACKUP_FORMAT = 1,
    BACKUP_FRAME_BYTES = 256 << 10, /* a data frame ends behind them */
    BACKUP_PIECE_BYTES = 64 << 10,  /* written and waited for at a time */
    BACKUP_FRAME_MAX = STORE_VALUE_MAX + (1 << 20)
};

struct backup_table {
    char name[STORE_TABLE_MAX + 1];
    uint64_t records, bytes;
};

/* What a backup says of itself. */
struct backup_summary {
    int64_t created_ms;
    uint64_t sequence; /* of the store's log */
    uint64_t bytes;    /* of the file */
    uint32_t store_version;
    char made_by[64];
    uint32_t table_count;
    struct backup_table table[STORE_TABLES_MAX];
};
/* Records in a table; 0 when there is no such table. */
uint64_t backup_records(const struct backup_summary *summary,
                        const char *table);

/* --- writing --- */

struct backup_writer;
/* Told of every piece that was written; negative ends the backup. It may take
 * its time: that is how a backup is slowed down. */
typedef int backup_pace(void *context, size_t bytes, struct err *err);

/* The file must not exist. `head` needs created_ms and sequence. */
int backup_writer_open(struct backup_writer **out, const char *path,
                       const struct backup_summary *head, backup_pace *pace,
                       void *context, struct err *err);
/* In the order of the file. */
int backup_writer_add(struct backup_writer *writer, const char *table,
                      struct bytes key, struct bytes value, struct err *err);
/* End and sync the file; what it says of itself goes to *out. */
int backup_writer_end(struct backup_writer *writer, struct backup_summary *out,
                      struct err *err);
/* Accepts NULL. A file without an end is left for the caller to remove. */
void backup_writer_free(struct backup_writer *writer);

/* --- reading --- */

/* Head and end only; ERR_DAMAGED when they are not those of a backup,
 * ERR_UNSUPPORTED for a newer format. */
int backup_summarize(const char *path, struct backup_summary *out,
                     struct err *err);
/* Verify all of it and visit every record (`visit` may be NULL). What was
 * visited counts only when 0 comes back. */
int backup_read(const char *path, store_visit *visit, void *context,
                struct backup_summary *out, struct err *err);
