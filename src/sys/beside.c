#include "sys/beside.h"
#include "base/alloc.h"
#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

enum { GIVE_WAY = 10 /* nice */, STACK_BYTES = 512 << 10 };

struct piece {
    struct piece *next;
    beside_work *work, *done;
    void *context;
};

struct pieces {
    struct piece *first, **last;
};

struct beside {
    struct event *on_wake; /* owned */
    int wake_fd;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t changed;
    struct pieces waiting, finished;
    bool is_ending;
};

static void pieces_init(struct pieces *pieces)
{
    pieces->first = NULL;
    pieces->last = &pieces->first;
}

static void pieces_add(struct pieces *pieces, struct piece *piece)
{
    piece->next = NULL;
    *pieces->last = piece;
    pieces->last = &piece->next;
}

static struct piece *pieces_take(struct pieces *pieces)
{
    struct piece *piece = pieces->first;

    if (piece == NULL)
        return NULL;
    pieces->first = piece->next;
    if (pieces->first == NULL)
        pieces->last = &pieces->first;
    return piece;
}

/* --- the thread --- */

static void wake(const struct beside *beside)
{
    uint64_t one = 1;

    while (write(beside->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static struct piece *next_piece(struct beside *beside)
{
    struct piece *piece = NULL;

    pthread_mutex_lock(&beside->mutex);
    while (!beside->is_ending &&
           (piece = pieces_take(&beside->waiting)) == NULL)
        pthread_cond_wait(&beside->changed, &beside->mutex);
    pthread_mutex_unlock(&beside->mutex);
    return piece;
}

static void *thread_main(void *arg)
{
    struct beside *beside = arg;
    struct piece *piece;

    /* Of this thread alone: the kernel's threads have one each. */
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), GIVE_WAY);
    while ((piece = next_piece(beside)) != NULL) {
        piece->work(piece->context);
        pthread_mutex_lock(&beside->mutex);
        pieces_add(&beside->finished, piece);
        pthread_mutex_unlock(&beside->mutex);
        wake(beside);
    }
    return NULL;
}

/* --- the loop --- */

static struct piece *finished_piece(struct beside *beside)
{
    pthread_mutex_lock(&beside->mutex);
    struct piece *piece = pieces_take(&beside->finished);
    pthread_mutex_unlock(&beside->mutex);
    return piece;
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct beside *beside = arg;
    struct piece *piece;
    uint64_t count;

    (void)what;
    (void)!read(fd, &count, sizeof count);
    while ((piece = finished_piece(beside)) != NULL) {
        piece->done(piece->context);
        free(piece);
    }
}

void beside_add(struct beside *beside, beside_work *work, beside_work *done,
                void *context)
{
    struct piece *piece = xcalloc(1, sizeof *piece);

    *piece = (struct piece){.work = work, .done = done, .context = context};
    pthread_mutex_lock(&beside->mutex);
    pieces_add(&beside->waiting, piece);
    pthread_cond_signal(&beside->changed);
    pthread_mutex_unlock(&beside->mutex);
}

/* --- life --- */

/* Signals are for the loop's thread. */
static int start_thread(struct beside *beside)
{
    pthread_attr_t attr;
    sigset_t all, before;

    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&beside->thread, &attr, thread_main, beside);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return error;
}

static void release(struct beside *beside)
{
    struct piece *piece;

    while ((piece = pieces_take(&beside->waiting)) != NULL ||
           (piece = pieces_take(&beside->finished)) != NULL)
        free(piece);
    if (beside->on_wake != NULL)
        event_free(beside->on_wake);
    if (beside->wake_fd >= 0)
        close(beside->wake_fd);
    pthread_mutex_destroy(&beside->mutex);
    pthread_cond_destroy(&beside->changed);
    free(beside);
}

int beside_open(struct beside **out, struct event_base *base, struct err *err)
{
    struct beside *beside = xcalloc(1, sizeof *beside);

    pieces_init(&beside->waiting);
    pieces_init(&beside->finished);
    pthread_mutex_init(&beside->mutex, NULL);
    pthread_cond_init(&beside->changed, NULL);
    beside->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int error = beside->wake_fd < 0 ? errno : start_thread(beside);
    if (error != 0) {
        release(beside);
        return err_set(err, ERR_IO, "cannot start a thread: %s",
                       strerror(error));
    }
    beside->on_wake =
        event_new(base, beside->wake_fd, EV_READ | EV_PERSIST, on_wake, beside);
    assert(beside->on_wake != NULL);
    event_add(beside->on_wake, NULL);
    *out = beside;
    return 0;
}

void beside_close(struct beside *beside)
{
    if (beside == NULL)
        return;
    pthread_mutex_lock(&beside->mutex);
    beside->is_ending = true;
    pthread_cond_signal(&beside->changed);
    pthread_mutex_unlock(&beside->mutex);
    pthread_join(beside->thread, NULL);
    release(beside);
}
