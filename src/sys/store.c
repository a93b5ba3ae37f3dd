#include "sys/store.h"
#include "base/alloc.h"
#include "base/text.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/heap_growth.h"
#include "sys/store_batch.h"
#include "sys/store_checkpoint.h"
#include "sys/store_copy.h"
#include "sys/store_log.h"
#include "sys/store_scan.h"
#include "sys/store_tail.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A backup begins with a save, so that it holds everything up to now, and then
 * reads what was saved. */
enum backup_state { BACKUP_NONE, BACKUP_WANTED, BACKUP_SAVING, BACKUP_COPYING };
enum { BACKUP_LOOK_MS = 20 };

struct store {
    char *dir; /* owned */
    int lock_fd;
    struct store_checkpoint *checkpoint;
    struct store_log *log;
    bool is_broken;
    int64_t rest_until_ns; /* no other save before, without need */
    uint32_t repaired;     /* frames of the log, when it was opened */
    uint32_t appended;     /* records of the last batch */
    enum backup_state backup;
    struct store_backup *wanted; /* owned; NULL without a backup */
    struct store_copy *copy;     /* owned; while it is copied */
    uint64_t saved;              /* sequence of the save that is copied */
    struct backup_result *over;  /* owned; not told yet, or NULL */
};

static void path_in(char out[PATH_MAX], const char *dir, const char *name)
{
    snprintf(out, PATH_MAX, "%s/%s", dir, name);
}

/* --- committing --- */

/* What failed once is not tried again: nobody knows what it left behind. */
static int note(struct store *store, int status)
{
    if (status < 0)
        store->is_broken = true;
    return status;
}

static int sync_log(struct store *store, struct err *err)
{
    int64_t began = clock_monotonic_ns();
    int status = store_log_sync(store->log, err);

    if (store->copy != NULL)
        store_copy_note_sync(store->copy, clock_monotonic_ns() - began);
    return status;
}

/* The log has the batch in its hands. */
static int append(struct store *store, size_t records, struct err *err)
{
    int status = store_log_write(store->log, err);

    store->appended = (uint32_t)records;
    if (status == 0) {
        store_checkpoint_expect(store->checkpoint,
                                store_log_payload(store->log));
        status = sync_log(store, err);
    }
    return note(store, status);
}

static int refuse_more(const struct store *store, struct err *err)
{
    return err_set(err, ERR_IO, "store '%s': it failed before", store->dir);
}

int store_append(struct store *store, const struct store_op *op, size_t count,
                 struct err *err)
{
    if (store->is_broken)
        return refuse_more(store, err);
    if (store_batch_encode(op, count, store_log_begin(store->log), err) < 0)
        return err_wrap(err, "store '%s'", store->dir);
    return append(store, count, err);
}

int store_append_frame(struct store *store, struct buf *frame, uint32_t records,
                       struct err *err)
{
    if (store->is_broken)
        return refuse_more(store, err);
    store_log_take(store->log, frame);
    return append(store, records, err);
}

int store_apply(struct store *store, struct err *err)
{
    return note(store,
                store_checkpoint_apply(
                    store->checkpoint, store_log_payload(store->log),
                    store->appended, store_log_sequence(store->log), err));
}

/* So many times as much as a save is made for? */
static bool has_gathered(const struct store *store, uint32_t times)
{
    return store_checkpoint_records(store->checkpoint) >=
               times * STORE_SAVE_RECORDS ||
           store_log_size(store->log) >= (size_t)times * STORE_SAVE_BYTES;
}

static int64_t time_is_up_ns(const struct store *store)
{
    int64_t since = store_checkpoint_since_ns(store->checkpoint);

    return since == INT64_MAX ? INT64_MAX
                              : since + (int64_t)STORE_SAVE_MS * 1000000;
}

/* A save costs the log a new segment and the disk two syncs, and of what is
 * saved together only the last word on each record counts: so saves are not
 * made one behind the other. */
static bool save_is_due(const struct store *store)
{
    int64_t now = clock_monotonic_ns();

    if (has_gathered(store, 1) && now >= store->rest_until_ns)
        return true;
    return has_gathered(store, STORE_SAVE_HURRY_FACTOR) ||
           store_log_size(store->log) >= STORE_SAVE_BYTES ||
           now >= time_is_up_ns(store);
}

/* --- backups --- */

int store_backup_begin(struct store *store, const struct store_backup *request,
                       struct err *err)
{
    if (store->backup != BACKUP_NONE)
        return err_set(err, ERR_BUSY, "store '%s': a backup is under way",
                       store->dir);
    store->wanted = xmemdup(request, sizeof *request);
    store->backup = BACKUP_WANTED;
    return 0;
}

static void backup_over(struct store *store)
{
    free(store->wanted);
    store->wanted = NULL;
    store->copy = NULL;
    store->backup = BACKUP_NONE;
}

/* The save is through. A copy that cannot begin is a backup that failed. */
static void begin_copy(struct store *store)
{
    char data[PATH_MAX];
    struct err err = {0};

    path_in(data, store->dir, "data.mdb");
    store->backup = BACKUP_COPYING;
    if (store_copy_begin(&store->copy, data, store->saved, store->wanted,
                         &err) == 0)
        return;
    free(store->over);
    store->over = xcalloc(1, sizeof *store->over);
    store->over->err = err;
    backup_over(store);
}

static void look_at_copy(struct store *store)
{
    if (store_copy_is_over(store->copy)) {
        free(store->over);
        store->over = xcalloc(1, sizeof *store->over);
        store_copy_end(store->copy, store->over);
        backup_over(store);
    } else if (has_gathered(store, STORE_GIVE_UP_FACTOR)) {
        store_copy_cancel(store->copy,
                          "too much changed while the backup was made");
    } else if (has_gathered(store, STORE_HURRY_FACTOR)) {
        store_copy_hurry(store->copy);
    }
}

/* Carry the backup on; true while nothing may be saved because of it. */
static bool backup_holds(struct store *store)
{
    if (store->backup == BACKUP_SAVING)
        begin_copy(store);
    else if (store->backup == BACKUP_COPYING)
        look_at_copy(store);
    return store->backup == BACKUP_COPYING;
}

bool store_backup_take(struct store *store, struct backup_result *out)
{
    if (store->over == NULL)
        return false;
    *out = *store->over;
    free(store->over);
    store->over = NULL;
    return true;
}

/* --- saving --- */

/* Batches go to the next segment of the log from now on; when the save is
 * through, the segments before it are superfluous. */
static int save_beside(struct store *store, struct err *err)
{
    int status = store_log_switch(store->log, err);

    store->rest_until_ns =
        clock_monotonic_ns() + (int64_t)STORE_SAVE_PAUSE_MS * 1000000;
    return status < 0 ? status : store_checkpoint_begin(store->checkpoint, err);
}

int store_save_if_due(struct store *store, struct err *err)
{
    int status = store_checkpoint_is_saving(store->checkpoint, err);

    if (status == 0 && !backup_holds(store)) {
        if (store->backup == BACKUP_WANTED) {
            store->saved = store_log_sequence(store->log);
            store->backup = BACKUP_SAVING;
            status = save_beside(store, err);
        } else if (save_is_due(store)) {
            status = save_beside(store, err);
        }
    }
    return note(store, status < 0 ? status : 0);
}

int64_t store_save_due_ns(const struct store *store)
{
    if (store->backup != BACKUP_NONE)
        return clock_monotonic_ns() + (int64_t)BACKUP_LOOK_MS * 1000000;
    return time_is_up_ns(store);
}

int store_commit(struct store *store, const struct store_op *op, size_t count,
                 struct err *err)
{
    int status = store_append(store, op, count, err);

    if (status == 0)
        status = store_apply(store, err);
    if (status == 0)
        status = store_save_if_due(store, err);
    return status;
}

uint32_t store_repaired(const struct store *store)
{
    return store->repaired;
}

int store_each(struct store *store, store_visit *visit, void *context,
               struct err *err)
{
    return store_checkpoint_each(store->checkpoint, visit, context, err);
}

/* --- opening --- */

/* A process that was killed holds its lock until its last thread is gone, which
 * may be a moment later than its successor starts. */
static bool take_lock(int fd)
{
    enum { TRIES = 100, PAUSE_MS = 5 };
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    for (int i = 0; i < TRIES; i++) {
        if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
            return true;
        (void)poll(NULL, 0, PAUSE_MS);
    }
    return false;
}

int store_lock(const char *dir, int *out_fd, struct err *err)
{
    char path[PATH_MAX], owner[32] = "";
    int fd;

    path_in(path, dir, "store.lock");
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(err, ERR_IO, "cannot open '%s': %s", path,
                       strerror(errno));
    if (take_lock(fd)) {
        int size = snprintf(owner, sizeof owner, "%d\n", (int)getpid());
        /* Only a courtesy to whoever reads the next message. */
        (void)!ftruncate(fd, 0);
        (void)!pwrite(fd, owner, (size_t)size, 0);
        *out_fd = fd;
        return 0;
    }
    (void)!read(fd, owner, sizeof owner - 1);
    close(fd);
    owner[strcspn(owner, "\n")] = 0;
    (void)err_set(err, ERR_BUSY, "store '%s': process %s has it open", dir,
                  owner);
    err_hint(err, "end that process, or name another directory");
    return -ERR_BUSY;
}

static int check_version(struct store *store, struct err *err)
{
    char path[PATH_MAX], text[16];
    struct buf found = {0};
    int64_t version = 0;
    int status;

    path_in(path, store->dir, "version");
    status = file_read(path, 64, &found, NULL);
    if (status == -ERR_NOT_FOUND) {
        snprintf(text, sizeof text, "%d\n", STORE_VERSION);
        return file_write(path, bytes_of_text(text), 0600, true, err);
    }
    if (status == 0 && found.size > 0 && found.text[found.size - 1] == '\n')
        found.text[found.size - 1] = 0;
    if (status < 0 || text_int(buf_text(&found), 1, INT32_MAX, &version, NULL))
        status = err_set(err, ERR_DAMAGED,
                         "store '%s': cannot read its version", store->dir);
    else if (version > STORE_VERSION) {
        status = err_set(err, ERR_UNSUPPORTED,
                         "store '%s': version %lld, this program knows %d",
                         store->dir, (long long)version, STORE_VERSION);
        err_hint(err, "run the newer program again, or put a backup that this "
                      "one made in its place: `clusterctl backup restore`");
    }
    buf_release(&found);
    return status;
}

static int replay_batch(void *context, uint64_t sequence, struct bytes payload,
                        struct err *err)
{
    struct store_checkpoint *checkpoint = context;
    int status = store_checkpoint_apply(
        checkpoint, payload, store_batch_count(payload), sequence, err);

    if (status == 0 &&
        store_checkpoint_records(checkpoint) >= STORE_SAVE_RECORDS)
        status = store_checkpoint_save(checkpoint, err);
    return status;
}

/* Records on their way from the scan to who wants them. */
struct opening {
    const char *log_dir;
    struct store_tail tail;
    store_visit *visit;
    void *context;
    struct heap_growth growth; /* of what is made of them */
};

static int scan_begun(void *context, uint64_t applied, struct err *err)
{
    struct opening *opening = context;

    return store_tail_read(&opening->tail, opening->log_dir, applied, err);
}

static int scan_visit(void *context, const char *table, struct bytes key,
                      struct bytes value, struct err *err)
{
    struct opening *opening = context;

    heap_growth_add(&opening->growth);
    return store_tail_merge(&opening->tail, table, key, value, opening->visit,
                            opening->context, err);
}

static int scan_and_visit(struct opening *opening, const char *data,
                          struct err *err)
{
    struct store_scan_reader reader = {scan_begun, scan_visit, opening};
    int status = store_scan_read(data, &reader, err);

    if (status == 0)
        status = store_tail_merge(&opening->tail, NULL, (struct bytes){0},
                                  (struct bytes){0}, opening->visit,
                                  opening->context, err);
    store_tail_release(&opening->tail);
    heap_growth_end(&opening->growth);
    return status;
}

/* `visit` may be NULL. */
static int open_parts(struct store *store, store_visit *visit, void *context,
                      struct err *err)
{
    char log_dir[PATH_MAX], data[PATH_MAX];
    struct opening opening = {
        .log_dir = log_dir, .visit = visit, .context = context};
    uint64_t last = 0;
    int status;

    path_in(log_dir, store->dir, "log");
    path_in(data, store->dir, "data.mdb");
    if ((status = dir_make(store->dir, 0700, err)) < 0 ||
        (status = dir_make(log_dir, 0700, err)) < 0 ||
        (status = store_lock(store->dir, &store->lock_fd, err)) < 0 ||
        (status = check_version(store, err)) < 0 ||
        (status = visit == NULL ? store_scan(data, err)
                                : scan_and_visit(&opening, data, err)) < 0 ||
        (status = store_checkpoint_open(&store->checkpoint, data, err)) < 0 ||
        (status = store_log_replay(
             log_dir, store_checkpoint_applied(store->checkpoint), replay_batch,
             store->checkpoint, &last, &store->repaired, err)) < 0 ||
        (status = store_checkpoint_save(store->checkpoint, err)) < 0)
        return status;
    return store_log_open(&store->log, log_dir, last, err);
}

int store_open_each(struct store **out, const char *dir, store_visit *visit,
                    void *context, struct err *err)
{
    struct store *store = xcalloc(1, sizeof *store);
    struct err failed = {0};

    store->dir = xstrdup(dir);
    store->lock_fd = -1;
    if (open_parts(store, visit, context, &failed) == 0) {
        *out = store;
        return 0;
    }
    if (failed.code == ERR_DAMAGED && failed.hint[0] == 0)
        err_hint(&failed,
                 "`clusterctl backup restore ID --store %s` puts a backup in "
                 "its place; or move that directory away to begin empty",
                 dir);
    if ((failed.code == ERR_IO || failed.code == ERR_DENIED) &&
        failed.hint[0] == 0)
        err_hint(&failed, "name a directory that this user may write");
    store->is_broken = true;
    store_close(store);
    if (err != NULL)
        *err = failed;
    return -(int)failed.code;
}

int store_open(struct store **out, const char *dir, struct err *err)
{
    return store_open_each(out, dir, NULL, NULL, err);
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    if (store->copy != NULL) {
        store_copy_cancel(store->copy, "the store was closed");
        store_copy_end(store->copy, NULL);
    }
    free(store->wanted);
    free(store->over);
    if (!store->is_broken) /* a failure loses nothing: the log has it all */
        (void)store_checkpoint_save(store->checkpoint, NULL);
    store_checkpoint_close(store->checkpoint);
    store_log_close(store->log);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    free(store->dir);
    free(store);
}
