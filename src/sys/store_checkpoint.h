/* The checkpoint of a store: an LMDB file that holds what the log has said so
 * far. Batches are gathered in memory, as they are in the log; a save applies
 * them in one transaction and commits it, synced, with the sequence of the last
 * batch in it. (LMDB's own NOSYNC would let a power cut leave a meta page that
 * points to pages which were never written.)
 *
 * A save may go on beside, in a thread of its own; batches that come meanwhile
 * are the next one's. Every function but that thread's belongs to one thread at
 * a time. The only files that know LMDB are this one and store_scan.c. */
#pragma once
#include "sys/store.h"

/* A table of our own: the position in the log, and the sum over all records
 * with the position that it belongs to. LMDB checks nothing of its own pages;
 * a pointer that turned to an old page gives old records, all of them sound.
 * The sum tells. */
#define STORE_META_TABLE "_store"
#define STORE_META_APPLIED "applied" /* u64 */
#define STORE_META_SUM "sum"         /* u64 applied | u64 sum */

struct store_checkpoint;

/* Open or create it. Scan the file first (sys/store_scan.h). */
int store_checkpoint_open(struct store_checkpoint **out, const char *path,
                          struct err *err);
/* What was not saved is forgotten: the log has it. Accepts NULL. */
void store_checkpoint_close(struct store_checkpoint *checkpoint);
/* Sequence of the last batch applied. */
uint64_t store_checkpoint_applied(const struct store_checkpoint *checkpoint);
/* Records put or deleted since the last save began, and when the first was
 * (clock_monotonic_ns; INT64_MAX: there is none). */
uint32_t store_checkpoint_records(const struct store_checkpoint *checkpoint);
int64_t store_checkpoint_since_ns(const struct store_checkpoint *checkpoint);

/* A batch that will be applied next, if it becomes durable: the work that this
 * is can be done while the disk works. Nothing counts before it is applied. */
void store_checkpoint_expect(struct store_checkpoint *checkpoint,
                             struct bytes batch);
/* Gather an encoded batch (sys/store_batch.h) of so many records; while a save
 * falls far behind, wait for it. What is wrong with a batch, saving tells. */
int store_checkpoint_apply(struct store_checkpoint *checkpoint,
                           struct bytes batch, uint32_t records,
                           uint64_t sequence, struct err *err);

/* Save everything applied, now. */
int store_checkpoint_save(struct store_checkpoint *checkpoint, struct err *err);
/* Save beside; not while another save is under way. */
int store_checkpoint_begin(struct store_checkpoint *checkpoint,
                           struct err *err);
/* Is a save under way? Takes note of one that ended; -ERR_ when it failed. */
int store_checkpoint_is_saving(struct store_checkpoint *checkpoint,
                               struct err *err);

/* Every record, by table then key. Saves first. */
int store_checkpoint_each(struct store_checkpoint *checkpoint,
                          store_visit *visit, void *context, struct err *err);

/* Every record of the checkpoint at `path` as it was saved last, from any
 * thread, while nobody saves it: pages of the last save stay as they are until
 * the next one. */
int store_checkpoint_read(const char *path, store_visit *visit, void *context,
                          struct err *err);
