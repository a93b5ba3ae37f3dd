#include "sys/store_copy.h"
#include "base/alloc.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/store_checkpoint.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STACK_BYTES = 256 << 10, NAP_MS = 20 };

struct store_copy {
    struct store_backup request;
    char *data_path; /* owned */
    uint64_t sequence;
    pthread_t thread;
    atomic_bool is_over, is_hurried;
    _Atomic(const char *) cancelled; /* why; NULL: go on */
    _Atomic int64_t rest_until_ns;   /* the disk is slow for others */
    int64_t began_ns;
    int64_t written; /* bytes */
    struct backup_result result;
};

/* How long until as many bytes are allowed as were written, and no rest is
 * wanted. One that was asked for later is for the next piece: pieces go on. */
static int64_t wait_ms(const struct store_copy *copy, int64_t rest_until_ns)
{
    int64_t now = clock_monotonic_ns();
    int64_t due_ms = copy->written / (copy->request.bytes_per_s / 1000 + 1);
    int64_t wait = due_ms - (now - copy->began_ns) / 1000000;
    int64_t rest = (rest_until_ns - now) / 1000000;

    return wait > rest ? wait : rest;
}

static int pace(void *context, size_t bytes, struct err *err)
{
    struct store_copy *copy = context;
    int64_t rest_until_ns = atomic_load(&copy->rest_until_ns);
    const char *why;

    copy->written += (int64_t)bytes;
    while ((why = atomic_load(&copy->cancelled)) == NULL &&
           !atomic_load(&copy->is_hurried)) {
        int64_t nap = wait_ms(copy, rest_until_ns);
        if (nap <= 0)
            break;
        (void)poll(NULL, 0, nap < NAP_MS ? (int)nap : NAP_MS);
    }
    return why == NULL ? 0 : err_set(err, ERR_BUSY, "%s", why);
}

static int add(void *context, const char *table, struct bytes key,
               struct bytes value, struct err *err)
{
    return backup_writer_add(context, table, key, value, err);
}

static int write_file(struct store_copy *copy, const char *path,
                      struct err *err)
{
    struct backup_summary head = {.created_ms = copy->request.created_ms,
                                  .sequence = copy->sequence};
    struct backup_writer *writer = NULL;
    int status = backup_writer_open(&writer, path, &head, pace, copy, err);

    if (status == 0)
        status = store_checkpoint_read(copy->data_path, add, writer, err);
    if (status == 0)
        status = backup_writer_end(writer, &copy->result.summary, err);
    backup_writer_free(writer);
    return status;
}

static int publish(const char *temp, const char *path, const char *dir,
                   struct err *err)
{
    int fd = -1;

    if (rename(temp, path) == 0 &&
        (fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0 &&
        fsync(fd) == 0) {
        close(fd);
        return 0;
    }
    int status = err_set(err, ERR_IO, "cannot finish backup '%s': %s", path,
                         strerror(errno));
    if (fd >= 0)
        close(fd);
    return status;
}

static int make(struct store_copy *copy, struct err *err)
{
    const struct store_backup *request = &copy->request;
    const char *name = copy->result.name;
    char path[PATH_MAX], temp[PATH_MAX + 8];
    int status = dir_make(request->dir, 0700, err);

    if (status == 0)
        status = backup_path(request->dir, name, path, err);
    if (status < 0)
        return status;
    if (access(path, F_OK) == 0)
        return err_set(err, ERR_EXISTS, "backup '%s' exists", path);
    (void)snprintf(temp, sizeof temp, "%s.part", path);
    (void)unlink(temp); /* of a life before this one */
    status = write_file(copy, temp, err);
    if (status == 0)
        status = publish(temp, path, request->dir, err);
    if (status < 0) {
        (void)unlink(temp);
        return status;
    }
    /* One too many is no reason to call the new one a failure. */
    (void)backup_prune(request->dir, request->keep, name, NULL);
    return 0;
}

/* Others first: they answer people. */
static void step_back(void)
{
    enum { NICE = 10, IO_OF_THREAD = 1, IO_IDLE = 3 << 13 };

    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    (void)syscall(SYS_ioprio_set, IO_OF_THREAD, 0, IO_IDLE);
}

static void *run(void *arg)
{
    struct store_copy *copy = arg;

    step_back();
    (void)make(copy, &copy->result.err);
    copy->result.took_ms = (clock_monotonic_ns() - copy->began_ns) / 1000000;
    atomic_store(&copy->is_over, true);
    return NULL;
}

int store_copy_begin(struct store_copy **out, const char *data_path,
                     uint64_t sequence, const struct store_backup *request,
                     struct err *err)
{
    struct store_copy *copy = xcalloc(1, sizeof *copy);
    pthread_attr_t attr;
    sigset_t all, before;
    int error;

    copy->request = *request;
    copy->data_path = xstrdup(data_path);
    copy->sequence = sequence;
    copy->began_ns = clock_monotonic_ns();
    (void)backup_name(request->created_ms, copy->result.name);
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&copy->thread, &attr, run, copy);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (error == 0) {
        *out = copy;
        return 0;
    }
    free(copy->data_path);
    free(copy);
    return err_set(err, ERR_BUSY, "cannot start a backup: %s", strerror(error));
}

bool store_copy_is_over(struct store_copy *copy)
{
    return atomic_load(&copy->is_over);
}

void store_copy_note_sync(struct store_copy *copy, int64_t took_ns)
{
    if (took_ns > STORE_COPY_SLOW_NS)
        atomic_store(&copy->rest_until_ns,
                     clock_monotonic_ns() +
                         (int64_t)STORE_COPY_REST_MS * 1000000);
}

void store_copy_hurry(struct store_copy *copy)
{
    atomic_store(&copy->is_hurried, true);
}

void store_copy_cancel(struct store_copy *copy, const char *why)
{
    atomic_store(&copy->cancelled, why);
}

void store_copy_end(struct store_copy *copy, struct backup_result *out)
{
    pthread_join(copy->thread, NULL);
    if (out != NULL)
        *out = copy->result;
    free(copy->data_path);
    free(copy);
}
