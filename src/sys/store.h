/* What survives. The log (sys/store_log.h) is the truth, an LMDB file
 * (sys/store_checkpoint.h) is its checkpoint: a commit appends one framed,
 * checksummed batch to the log and syncs once. Batches are gathered
 * and saved into the checkpoint, beside, every 64 MiB of log, 8192 records (as
 * many as come within 100 ms, up to 65536) or 10 s; opening replays the tail.
 * Every stored value carries a checksum of itself and its key. The directory
 * holds: store.lock, log/NNNNNNNNNN.log, data.mdb, version.
 *
 * Once a committer (sys/committer.h) runs, its thread owns the store.
 * LMDB's own rules: never across fork(), never opened twice, no long readers,
 * no remote filesystem. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    STORE_VERSION = 1,
    STORE_KEY_MAX = 500,
    STORE_TABLE_MAX = 64, /* bytes of a name */
    STORE_TABLES_MAX = 64,
    STORE_VALUE_MAX = 16 << 20,
    STORE_SAVE_BYTES = 64 << 20,
    STORE_SAVE_RECORDS = 8192, /* bounds the transaction's memory */
    STORE_SAVE_MS = 10000,
    STORE_SAVE_PAUSE_MS = 100, /* since the last one, unless much more waits */
    STORE_SAVE_HURRY_FACTOR = 8,
    /* While a backup is made nothing is saved. When this many times more than
     * usual waits, the backup hurries; then it is given up. */
    STORE_HURRY_FACTOR = 2,
    STORE_GIVE_UP_FACTOR = 8
};

struct store;
struct store_backup;
struct backup_result;

struct store_op {
    const char *table;
    struct bytes key;
    struct bytes value; /* data == NULL deletes */
};

typedef int store_visit(void *context, const char *table, struct bytes key,
                        struct bytes value, struct err *err);

/* Create or open. ERR_BUSY when another process holds the lock; ERR_DAMAGED
 * with what to do next; ERR_UNSUPPORTED for a newer version. A child process
 * scans the checkpoint first, so damage cannot crash the daemon. */
int store_open(struct store **out, const char *dir, struct err *err);
/* The same, and visit every record while it is verified: twice as fast as
 * store_each behind it. When it fails, nothing that was visited counts. */
int store_open_each(struct store **out, const char *dir, store_visit *visit,
                    void *context, struct err *err);
void store_close(struct store *store); /* saves; accepts NULL */
/* How many frames of the log had one flipped bit, which was put right. Somebody
 * should hear of it: the disk or the memory of this machine is failing. */
uint32_t store_repaired(const struct store *store);
/* Every record, by table then key, in byte order. */
int store_each(struct store *store, store_visit *visit, void *context,
               struct err *err);
/* One atomic durable batch. ERR_NO_SPACE, ERR_IO: nothing of it is kept, and
 * the store refuses all further commits. */
int store_commit(struct store *store, const struct store_op *op, size_t count,
                 struct err *err);

/* The same in steps, for who wants to tell others as early as possible: after
 * store_append the batch is durable and `op` is not needed any more;
 * store_apply brings that batch into the checkpoint; store_save_if_due begins
 * to save it, or takes note of a save that ended. */
int store_append(struct store *store, const struct store_op *op, size_t count,
                 struct err *err);
/* For who has the ops encoded elsewhere: `frame` is what store_frame_begin and
 * store_batch_encode made of `records` ops. It is the store's, and another
 * buffer comes back. */
int store_append_frame(struct store *store, struct buf *frame, uint32_t records,
                       struct err *err);
int store_apply(struct store *store, struct err *err);
int store_save_if_due(struct store *store, struct err *err);
/* When the next save is due (clock_monotonic_ns), INT64_MAX for never. */
int64_t store_save_due_ns(const struct store *store);

/* Begin a live backup of everything appended so far (sys/store_copy.h); the
 * saves above carry it on. ERR_BUSY while another one is under way. */
int store_backup_begin(struct store *store, const struct store_backup *request,
                       struct err *err);
/* Is one over? Then *out is what became of it, told once. */
bool store_backup_take(struct store *store, struct backup_result *out);

/* Take the lock of a store's directory without opening what it holds; close
 * *out_fd to let go. ERR_BUSY when another process has it. */
int store_lock(const char *dir, int *out_fd, struct err *err);
