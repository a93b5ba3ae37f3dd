#include "sys/committer.h"
#include "base/alloc.h"
#include "base/vec.h"
#include "sys/clock.h"
#include "sys/store_copy.h"
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
    STACK_BYTES = 256 << 10
};

struct batch {
    const struct store_op *op; /* borrowed until durable */
    size_t count;
};

struct committer {
    struct store *store; /* the thread's, while it runs */
    int wake_fd;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t work;   /* something was queued, or the end is near */
    pthread_cond_t done;   /* something became durable, or failed */
    struct {
        struct batch *item;
        uint32_t count, capacity;
    } queue;          /* from `durable + taken + 1` on */
    uint64_t pushed;  /* number of the last batch queued */
    uint64_t durable; /* number of the last durable batch */
    bool is_ending;
    struct err failure;
    struct committer_figures figures;
    bool is_backing_up;           /* from the wish to the result taken */
    struct store_backup *wanted;  /* owned; a backup that is to begin */
    struct backup_result *result; /* owned; not taken yet */
};

/* The thread's own scratch. */
struct group {
    struct store_op *item;
    uint32_t count, capacity;
    uint32_t batches;
};

static size_t batch_bytes(const struct batch *batch)
{
    size_t bytes = 0;

    for (size_t i = 0; i < batch->count; i++)
        bytes += batch->op[i].key.size + batch->op[i].value.size;
    return bytes;
}

/* Move as many batches as belong into one sync out of the queue. */
static void take_group(struct committer *committer, struct group *group)
{
    size_t bytes = 0;

    group->count = group->batches = 0;
    while (group->batches < committer->queue.count) {
        struct batch *batch = &committer->queue.item[group->batches];
        bytes += batch_bytes(batch);
        if (group->batches > 0 &&
            (group->count + batch->count > GROUP_OPS_MAX ||
             bytes > GROUP_BYTES_MAX))
            break;
        for (size_t i = 0; i < batch->count; i++)
            *vec_add(group) = batch->op[i];
        group->batches++;
    }
    if (group->batches == 0)
        return;
    committer->queue.count -= group->batches;
    memmove(committer->queue.item, committer->queue.item + group->batches,
            committer->queue.count * sizeof *committer->queue.item);
}

static void wake(struct committer *committer)
{
    uint64_t one = 1;

    pthread_cond_broadcast(&committer->done);
    while (write(committer->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
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
static int commit_group(struct committer *committer, const struct group *group,
                        struct err *err)
{
    int64_t began = clock_monotonic_ns();
    int status = store_append(committer->store, group->item, group->count, err);

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
        bool is_ending;
        pthread_mutex_lock(&committer->mutex);
        if (committer->queue.count == 0 && !committer->is_ending &&
            committer->wanted == NULL)
            wait_for_work(committer);
        is_ending = committer->is_ending;
        take_group(committer, group);
        begin_backup(committer);
        pthread_mutex_unlock(&committer->mutex);
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
        committer->failure = err;
        wake(committer);
        pthread_mutex_unlock(&committer->mutex);
    }
    vec_free(&group);
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

int committer_open(struct committer **out, struct store *store, int wake_fd,
                   struct err *err)
{
    struct committer *committer = xcalloc(1, sizeof *committer);
    pthread_condattr_t monotonic;

    committer->store = store;
    committer->wake_fd = wake_fd;
    pthread_mutex_init(&committer->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&committer->work, &monotonic);
    pthread_cond_init(&committer->done, NULL);
    pthread_condattr_destroy(&monotonic);
    int error = start_thread(committer);
    if (error != 0) {
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
    vec_free(&committer->queue);
    free(committer->wanted);
    free(committer->result);
    free(committer);
}

uint64_t committer_push(struct committer *committer, const struct store_op *op,
                        size_t count)
{
    uint64_t number;

    pthread_mutex_lock(&committer->mutex);
    *vec_add(&committer->queue) = (struct batch){op, count};
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
