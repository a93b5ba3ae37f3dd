/* What survives. The log is the truth, LMDB is its checkpoint: a commit appends
 * one framed, checksummed batch to the log and syncs once; batches are applied
 * to LMDB without sync; LMDB is synced every 64 MiB or 10 s with the log's
 * position in the same transaction; opening replays the tail. Every LMDB value
 * carries a checksum. The directory holds: store.lock, log/NNNNNNNNNN.log,
 * data.mdb, version.
 *
 * store_commit runs on the committer thread; everything else before it starts.
 * LMDB's own rules: never across fork(), never opened twice, no long readers,
 * no remote filesystem. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include <stdint.h>

enum { STORE_VERSION = 1, STORE_KEY_MAX = 500, STORE_VALUE_MAX = 16 << 20 };

struct store;

struct store_op {
    const char *table;
    struct bytes key;
    struct bytes value; /* data == NULL deletes */
};

/* Create or open. ERR_BUSY when another process holds the lock; ERR_DAMAGED
 * with what to do next; ERR_UNSUPPORTED for a newer version. A helper process
 * scans the checkpoint first, so damage cannot crash the daemon. */
int store_open(struct store **out, const char *dir, struct err *err);
void store_close(struct store *store); /* checkpoints; accepts NULL */
typedef int store_visit(void *context, const char *table, struct bytes key,
                        struct bytes value, struct err *err);
/* Every record, by table then key, in byte order. */
int store_each(struct store *store, store_visit *visit, void *context,
               struct err *err);
/* One atomic durable batch. ERR_NO_SPACE, ERR_IO: nothing of it is kept, and
 * the store refuses all further commits. */
int store_commit(struct store *store, const struct store_op *op, size_t count,
                 struct err *err);
