/* The one other thread of a daemon: it owns the store and makes batches
 * durable, in the order in which they came. While one sync is under way others
 * queue up; the next sync takes them together. They are encoded for the log as
 * they come, by who brings them: that is when they are near, and the thread has
 * only to sum, write and sync.
 *
 * After the first failure nothing is durable any more: committer_durable tells
 * it, and the daemon stops. */
#pragma once
#include "base/err.h"
#include "sys/store.h"

struct committer;
struct store_backup;
struct backup_result;

struct committer_figures {
    uint64_t batches; /* durable */
    uint64_t syncs;   /* of the log */
    int64_t sync_ns;  /* sum over syncs, from taking batches to durable */
    int64_t sync_ns_max;
};

/* Takes the store over until committer_close. `wake_fd` is an eventfd that is
 * raised when something became durable or failed. */
int committer_open(struct committer **out, struct store *store, int wake_fd,
                   struct err *err);
/* Finishes what is queued, ends the thread. The store may be closed then. */
void committer_close(struct committer *committer); /* accepts NULL */

/* Queue one batch, copied. Returns its number, 1, 2, ...  A batch that no store
 * takes is a failure, as if the disk had refused it. */
uint64_t committer_push(struct committer *committer, const struct store_op *op,
                        size_t count);
/* The number of the last durable batch in *out; or the failure. */
int committer_durable(struct committer *committer, uint64_t *out,
                      struct err *err);
/* Wait until the batch is durable or the store failed. */
int committer_wait(struct committer *committer, uint64_t number,
                   struct err *err);
void committer_figures(struct committer *committer,
                       struct committer_figures *out);

/* Begin a live backup of all that is durable now (sys/store_copy.h). ERR_BUSY
 * while one is under way. Its end raises wake_fd. */
int committer_backup(struct committer *committer,
                     const struct store_backup *request, struct err *err);
/* Is it over? Then *out is what became of it, told once. */
bool committer_backup_take(struct committer *committer,
                           struct backup_result *out);
