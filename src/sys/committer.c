#include "sys/committer.h"
#include "base/alloc.h"
#include "base/vec.h"
#include "sys/clock.h"
#include "sys/store_batch.h"
#include "sys/store_copy.h"
#include "sys/store_frame.h"
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    GROUP_OPS_MAX = 65536,      /* batches synced together */
    GROUP_BYTES_MAX = 16 << 20, /* unless one batch alone is larger */
    FRAME_KEPT = 4 << 20,       /* of memory, for the next group */
    STACK_BYTES = 256 << 10
};

/* Batches that go to the disk together. */
struct group {
    struct buf frame; /* as the log writes it, but for its sums */
    uint32_t ops;
    uint32_t batches;
};

struct committer {
    struct store *store; /* the thread's, while it runs */
    int wake_fd;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t work;   /* something was queued, or the end is near */
    pthread_cond_t done;   /* something became durable, or failed */
    struct {
        struct group *item;
        uint32_t count, capacity;
    } queue;          /* the last one is open, and may be empty */
    uint64_t pushed;  /* number of the last batch queued */
    uint64_t durable; /* number of the last durable batch */
    bool is_ending;
    struct err failure;
    struct committer_figures figures;
    bool is_backing_up;           /* from the wish to the result taken */
    struct store_backup *wanted;  /* owned; a backup that is to begin */
    struct backup_result *result; /* owned; not taken yet */
};

static size_t batch_bytes(const struct store_op *op, size_t count)
{
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += op[i].key.size + op[i].value.size;
    return bytes;
}

/* Make it empty, with the memory that it has. */
static void group_begin(struct group *group)
{
    if (group->frame.capacity > FRAME_KEPT)
        buf_release(&group->frame);
    store_frame_begin(&group->frame);
    group->ops = group->batches = 0;
}

/* The group that this batch goes to. Locked. */
static struct group *group_for(struct committer *committer,
                               const struct store_op *op, size_t count)
{
    struct group *last = &committer->queue.item[committer->queue.count - 1];

    if (last->batches == 0 ||
        (last->ops + count <= GROUP_OPS_MAX &&
         last->frame.size + batch_bytes(op, count) <= GROUP_BYTES_MAX))
        return last;
    last = vec_add(&committer->queue);
    *last = (struct group){.batches = 0};
    group_begin(last);
    return last;
}

/* The oldest group, for an empty one. Locked. */
static void take_group(struct committer *committer, struct group *group)
{
    struct group taken = committer->queue.item[0];

    if (taken.batches == 0)
        return;
    if (committer->queue.count == 1) {
        committer->queue.item[0] = *group;
    } else {
        buf_release(&group->frame);
        vec_remove(&committer->queue, 0);
    }
    *group = taken;
}

static void wake(struct committer *committer)
{
    uint64_t one = 1;

    pthread_cond_broadcast(&committer->done);
    while (write(committer->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

/* The first failure is the one that is told. Locked. */
static void fail(struct committer *committer, const struct err *err)
{
    if (committer->failure.code == ERR_NONE)
        committer->failure = *err;
    wake(committer);
}

static void note_durable(struct committer *committer, const struct group *group,
                         int64_t took_ns)
{
    struct committer_figures *figures = &committer->figures;

    pthread_mutex_lock(&committer->mutex);
    committer->durable += group->batches;
    figures->batches += group->batches;
    figures->syncs++;
    figures->sync_ns += took_ns;
    if (took_ns > figures->sync_ns_max)
        figures->sync_ns_max = took_ns;
    wake(committer);
    pthread_mutex_unlock(&committer->mutex);
}

/* Durable first, told next; the checkpoint can wait. */
static int commit_group(struct committer *committer, struct group *group,
                        struct err *err)
{
    int64_t began = clock_monotonic_ns();
    int status =
        store_append_frame(committer->store, &group->frame, group->ops, err);

    if (status < 0)
        return status;
    note_durable(committer, group, clock_monotonic_ns() - began);
    status = store_apply(committer->store, err);
    return status < 0 ? status : store_save_if_due(committer->store, err);
}

/* Wait for work, the end, or the time of the next checkpoint. Locked. */
static void wait_for_work(struct committer *committer)
{
    int64_t due = store_save_due_ns(committer->store);
    struct timespec at = {due / 1000000000, due % 1000000000};

    if (due == INT64_MAX)
        pthread_cond_wait(&committer->work, &committer->mutex);
    else
        (void)pthread_cond_timedwait(&committer->work, &committer->mutex, &at);
}

/* Locked; takes the result. */
static void note_result(struct committer *committer,
                        const struct backup_result *result)
{
    free(committer->result);
    committer->result = xmemdup(result, sizeof *result);
    wake(committer);
}

/* A backup that was wished for begins. Locked. */
static void begin_backup(struct committer *committer)
{
    struct backup_result refused = {.name = ""};

    if (committer->wanted == NULL)
        return;
    if (store_backup_begin(committer->store, committer->wanted, &refused.err) <
        0)
        note_result(committer, &refused);
    free(committer->wanted);
    committer->wanted = NULL;
}

static void tell_backup(struct committer *committer)
{
    struct backup_result result;

    if (!store_backup_take(committer->store, &result))
        return;
    pthread_mutex_lock(&committer->mutex);
    note_result(committer, &result);
    pthread_mutex_unlock(&committer->mutex);
}

static int run(struct committer *committer, struct group *group,
               struct err *err)
{
    for (;;) {
        bool is_ending, has_failed;
        group_begin(group);
        pthread_mutex_lock(&committer->mutex);
        if (committer->queue.item[0].batches == 0 && !committer->is_ending &&
            committer->wanted == NULL)
            wait_for_work(committer);
        is_ending = committer->is_ending;
        has_failed = committer->failure.code != ERR_NONE;
        take_group(committer, group);
        begin_backup(committer);
        pthread_mutex_unlock(&committer->mutex);
        if (has_failed)
            return 0;
        int status = group->batches > 0
                         ? commit_group(committer, group, err)
                         : store_save_if_due(committer->store, err);
        if (status < 0)
            return status;
        tell_backup(committer);
        if (is_ending && group->batches == 0)
            return 0;
    }
}

static void *thread_main(void *arg)
{
    struct committer *committer = arg;
    struct group group = {0};
    struct err err = {0};

    if (run(committer, &group, &err) < 0) {
        pthread_mutex_lock(&committer->mutex);
        fail(committer, &err);
        pthread_mutex_unlock(&committer->mutex);
    }
    buf_release(&group.frame);
    return NULL;
}

/* Signals are for the loop's thread; the stack is small and said to be. */
static int start_thread(struct committer *committer)
{
    pthread_attr_t attr;
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&committer->thread, &attr, thread_main, committer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return error;
}

static void release_queue(struct committer *committer)
{
    for (uint32_t i = 0; i < committer->queue.count; i++)
        buf_release(&committer->queue.item[i].frame);
    vec_free(&committer->queue);
}

int committer_open(struct committer **out, struct store *store, int wake_fd,
                   struct err *err)
{
    struct committer *committer = xcalloc(1, sizeof *committer);
    pthread_condattr_t monotonic;

    committer->store = store;
    committer->wake_fd = wake_fd;
    *vec_add(&committer->queue) = (struct group){.batches = 0};
    group_begin(&committer->queue.item[0]);
    pthread_mutex_init(&committer->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&committer->work, &monotonic);
    pthread_cond_init(&committer->done, NULL);
    pthread_condattr_destroy(&monotonic);
    int error = start_thread(committer);
    if (error != 0) {
        release_queue(committer);
        free(committer);
        return err_set(err, ERR_IO, "cannot start the committer: %s",
                       strerror(error));
    }
    *out = committer;
    return 0;
}

void committer_close(struct committer *committer)
{
    if (committer == NULL)
        return;
    pthread_mutex_lock(&committer->mutex);
    committer->is_ending = true;
    pthread_cond_signal(&committer->work);
    pthread_mutex_unlock(&committer->mutex);
    pthread_join(committer->thread, NULL);
    pthread_cond_destroy(&committer->work);
    pthread_cond_destroy(&committer->done);
    pthread_mutex_destroy(&committer->mutex);
    release_queue(committer);
    free(committer->wanted);
    free(committer->result);
    free(committer);
}

/* Locked. */
static void add_batch(struct committer *committer, const struct store_op *op,
                      size_t count)
{
    struct group *group = group_for(committer, op, count);
    struct err err = {0};

    if (store_batch_encode(op, count, &group->frame, &err) < 0) {
        fail(committer, &err);
        return;
    }
    group->ops += (uint32_t)count;
    group->batches++;
}

uint64_t committer_push(struct committer *committer, const struct store_op *op,
                        size_t count)
{
    uint64_t number;

    pthread_mutex_lock(&committer->mutex);
    if (committer->failure.code == ERR_NONE)
        add_batch(committer, op, count);
    number = ++committer->pushed;
    pthread_cond_signal(&committer->work);
    pthread_mutex_unlock(&committer->mutex);
    return number;
}

static int result(const struct committer *committer, uint64_t *out,
                  struct err *err)
{
    if (committer->failure.code != ERR_NONE) {
        if (err != NULL)
            *err = committer->failure;
        return -(int)committer->failure.code;
    }
    *out = committer->durable;
    return 0;
}

int committer_durable(struct committer *committer, uint64_t *out,
                      struct err *err)
{
    pthread_mutex_lock(&committer->mutex);
    int status = result(committer, out, err);
    pthread_mutex_unlock(&committer->mutex);
    return status;
}

int committer_wait(struct committer *committer, uint64_t number,
                   struct err *err)
{
    uint64_t durable;

    pthread_mutex_lock(&committer->mutex);
    while (committer->durable < number && committer->failure.code == ERR_NONE)
        pthread_cond_wait(&committer->done, &committer->mutex);
    int status = result(committer, &durable, err);
    pthread_mutex_unlock(&committer->mutex);
    return status;
}

void committer_figures(struct committer *committer,
                       struct committer_figures *out)
{
    pthread_mutex_lock(&committer->mutex);
    *out = committer->figures;
    pthread_mutex_unlock(&committer->mutex);
}

int committer_backup(struct committer *committer,
                     const struct store_backup *request, struct err *err)
{
    int status = 0;

    pthread_mutex_lock(&committer->mutex);
    if (committer->is_backing_up) {
        status = err_set(err, ERR_BUSY, "a backup is under way");
    } else {
        committer->is_backing_up = true;
        committer->wanted = xmemdup(request, sizeof *request);
        pthread_cond_signal(&committer->work);
    }
    pthread_mutex_unlock(&committer->mutex);
    return status;
}

bool committer_backup_take(struct committer *committer,
                           struct backup_result *out)
{
    bool is_over;

    pthread_mutex_lock(&committer->mutex);
    is_over = committer->result != NULL;
    if (is_over) {
        *out = *committer->result;
        free(committer->result);
        committer->result = NULL;
        committer->is_backing_up = false;
    }
    pthread_mutex_unlock(&committer->mutex);
    return is_over;
}
