#include "sys/store_log.h"
#include "base/alloc.h"
#include "base/vec.h"
#include "sys/store_frame.h"
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SEGMENT_DIGITS = 10,
    FRAME_KEPT = 4 << 20, /* bytes of memory, between appends */
    WRITE_AT_ONCE = 64 << 10
};

/* --- reading --- */

int store_log_next(struct bytes segment, uint64_t expected, uint64_t applied,
                   size_t *offset, struct bytes *payload, struct err *err)
{
    uint64_t missed = expected > applied ? expected : applied + 1;
    struct store_frame found;
    size_t at = *offset;

    if (store_frame_read(segment, at, &found) && found.sequence == expected) {
        *payload = found.payload;
        *offset = at + store_frame_step(found.size);
        return 1;
    }
    if (at < segment.size && store_frame_has_successor(segment, at, missed))
        return err_set(err, ERR_DAMAGED,
                       "offset %zu: a frame is damaged or missing", at);
    return 0;
}

uint64_t store_log_first(struct bytes segment)
{
    struct store_frame frame;

    return store_frame_read(segment, 0, &frame) ? frame.sequence : 0;
}

static void segment_path(char *out, size_t size, const char *dir,
                         uint64_t number)
{
    snprintf(out, size, "%s/%0*llu.log", dir, SEGMENT_DIGITS,
             (unsigned long long)number);
}

static int by_number(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

struct numbers {
    uint64_t *item;
    uint32_t count, capacity;
};

/* Segment numbers in a directory, rising. */
static int list_segments(const char *path, struct numbers *out, struct err *err)
{
    struct dirent *entry;
    DIR *dir = opendir(path);

    if (dir == NULL)
        return err_set(err, ERR_IO, "cannot open '%s': %s", path,
                       strerror(errno));
    while ((entry = readdir(dir)) != NULL) {
        unsigned long long number;
        int end = 0;
        if (sscanf(entry->d_name, "%10llu.log%n", &number, &end) == 1 &&
            end == SEGMENT_DIGITS + 4 && entry->d_name[end] == 0)
            *vec_add(out) = number;
    }
    closedir(dir);
    if (out->count > 1)
        qsort(out->item, out->count, sizeof *out->item, by_number);
    return 0;
}

/* --- replaying --- */

int store_log_read_segment(struct store_log_reading *reading, uint8_t *data,
                           size_t size, struct err *err)
{
    struct bytes segment = bytes_of(data, size), payload = {0};
    size_t offset = 0;
    int status;
    uint64_t first = store_log_first(segment);

    /* What the checkpoint holds may begin and be missing anywhere. */
    if (first != 0 && first <= reading->applied + 1 &&
        (!reading->has_begun || first > reading->last))
        reading->last = first - 1;
    reading->has_begun = true;
    for (;;) {
        status = store_log_next(segment, reading->last + 1, reading->applied,
                                &offset, &payload, err);
        if (status == 0 &&
            store_frame_repair(data, size, offset, reading->last + 1)) {
            reading->repaired++;
            continue;
        }
        if (status == 0 && reading->last >= reading->applied &&
            store_frame_was_durable(segment, offset, reading->last + 1))
            status = err_set(err, ERR_DAMAGED, "offset %zu: a frame is damaged",
                             offset);
        if (status <= 0)
            return status;
        reading->last++;
        if (reading->last <= reading->applied)
            continue;
        status = reading->visit(reading->context, reading->last, payload, err);
        if (status < 0)
            return status;
    }
}

static int replay_file(struct store_log_reading *reading, const char *path,
                       struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), status;
    struct stat st;
    void *map;

    if (fd < 0 || fstat(fd, &st) < 0) {
        status =
            err_set(err, ERR_IO, "cannot open '%s': %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return status;
    }
    if (st.st_size == 0) {
        close(fd);
        return 0;
    }
    /* Private: what is put right in it is our copy. */
    map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE,
               fd, 0);
    close(fd);
    if (map == MAP_FAILED)
        return err_set(err, ERR_IO, "cannot map '%s': %s", path,
                       strerror(errno));
    status = store_log_read_segment(reading, map, (size_t)st.st_size, err);
    if (status < 0)
        status = err_wrap(err, "log '%s'", path);
    munmap(map, (size_t)st.st_size);
    return status;
}

int store_log_replay(const char *dir, uint64_t applied, store_log_visit *visit,
                     void *context, uint64_t *last, uint32_t *repaired,
                     struct err *err)
{
    struct store_log_reading reading = {.visit = visit,
                                        .context = context,
                                        .applied = applied,
                                        .last = applied};
    struct numbers segments = {0};
    char path[PATH_MAX];
    int status = list_segments(dir, &segments, err);

    for (uint32_t i = 0; i < segments.count && status >= 0; i++) {
        segment_path(path, sizeof path, dir, segments.item[i]);
        status = replay_file(&reading, path, err);
    }
    vec_free(&segments);
    if (status >= 0) {
        *last = reading.last > applied ? reading.last : applied;
        *repaired = reading.repaired;
    }
    return status;
}

/* --- writing --- */

struct store_log {
    char *dir;         /* owned */
    int dir_fd;        /* to sync names */
    int fd;            /* the segment */
    uint64_t number;   /* of the segment */
    uint64_t spare;    /* number of the segment to write over next; 0: none */
    uint64_t sequence; /* of the last frame */
    size_t offset;     /* where the next frame goes */
    size_t written;    /* bytes of the segment that were ever written */
    struct buf frame;  /* the last one, or the next */
    size_t payload;    /* bytes of it in the last one */
    bool is_broken;
};

static int log_error(struct store_log *log, const char *verb, struct err *err)
{
    enum err_code code =
        errno == ENOSPC || errno == EDQUOT ? ERR_NO_SPACE : ERR_IO;
    char path[PATH_MAX];

    log->is_broken = true;
    segment_path(path, sizeof path, log->dir, log->number);
    (void)err_set(err, code, "cannot %s log '%s': %s", verb, path,
                  strerror(errno));
    if (code == ERR_NO_SPACE)
        err_hint(err, "free space on this filesystem, then start again; "
                      "nothing that was acknowledged is lost");
    return -(int)code;
}

static int write_at(int fd, const uint8_t *data, size_t size, size_t offset)
{
    while (size > 0) {
        ssize_t put = pwrite(fd, data, size, (off_t)offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return -1;
        data += put;
        size -= (size_t)put;
        offset += (size_t)put;
    }
    return 0;
}

/* Write zeroes ahead so that `need` bytes fit behind the offset. */
static int extend(struct store_log *log, size_t need)
{
    static const uint8_t zeroes[64 << 10];

    while (log->offset + need > log->written) {
        size_t end = log->written + STORE_LOG_EXTEND;
        for (; log->written < end; log->written += sizeof zeroes)
            if (write_at(log->fd, zeroes, sizeof zeroes, log->written) < 0)
                return -1;
    }
    return fdatasync(log->fd);
}

struct buf *store_log_begin(struct store_log *log)
{
    if (log->frame.capacity > FRAME_KEPT)
        buf_release(&log->frame); /* one big batch is no reason to stay big */
    store_frame_begin(&log->frame);
    return &log->frame;
}

void store_log_take(struct store_log *log, struct buf *frame)
{
    struct buf mine = log->frame;

    assert(frame->size >= STORE_LOG_HEADER_BYTES);
    log->frame = *frame;
    *frame = mine;
}

struct bytes store_log_payload(const struct store_log *log)
{
    return bytes_of(log->frame.data + STORE_LOG_HEADER_BYTES, log->payload);
}

int store_log_write(struct store_log *log, struct err *err)
{
    struct buf *frame = &log->frame;

    log->payload = frame->size - STORE_LOG_HEADER_BYTES;
    if (log->is_broken)
        return err_set(err, ERR_IO, "log '%s': it failed before", log->dir);
    if (log->payload > STORE_LOG_PAYLOAD_MAX)
        return err_set(err, ERR_LIMIT, "log '%s': a batch of %zu bytes",
                       log->dir, log->payload);
    store_frame_end(frame, log->sequence + 1);
    if (log->offset + frame->size > log->written &&
        extend(log, frame->size) < 0)
        return log_error(log, "extend", err);
    if (write_at(log->fd, frame->data, frame->size, log->offset) < 0)
        return log_error(log, "write", err);
    if (frame->size >= WRITE_AT_ONCE) /* only earlier; the sync waits for it */
        (void)sync_file_range(log->fd, (off_t)log->offset, (off_t)frame->size,
                              SYNC_FILE_RANGE_WRITE);
    return 0;
}

int store_log_sync(struct store_log *log, struct err *err)
{
    if (fdatasync(log->fd) < 0)
        return log_error(log, "sync", err);
    log->offset += store_frame_step(log->payload); /* over its foot */
    log->sequence++;
    return 0;
}

int store_log_append(struct store_log *log, struct bytes payload,
                     struct err *err)
{
    buf_add_bytes(store_log_begin(log), payload);
    int status = store_log_write(log, err);
    return status < 0 ? status : store_log_sync(log, err);
}

static int open_segment(struct store_log *log, struct err *err)
{
    char path[PATH_MAX];
    struct stat st;

    segment_path(path, sizeof path, log->dir, log->number);
    log->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (log->fd < 0 || fstat(log->fd, &st) < 0)
        return log_error(log, "open", err);
    log->written = (size_t)st.st_size;
    log->offset = 0;
    if (fsync(log->dir_fd) < 0)
        return log_error(log, "sync the directory of", err);
    if (log->written == 0 && extend(log, 1) < 0)
        return log_error(log, "extend", err);
    return 0;
}

/* All segments there are hold nothing that is needed: the newest becomes the
 * next one, the one before it the spare, the rest goes. */
static int recycle(struct store_log *log, struct err *err)
{
    struct numbers segments = {0};
    char from[PATH_MAX], to[PATH_MAX];
    int status = list_segments(log->dir, &segments, err);

    for (uint32_t i = 0; i < segments.count && status >= 0; i++) {
        segment_path(from, sizeof from, log->dir, segments.item[i]);
        if (i + 2 < segments.count) {
            status = unlink(from);
        } else if (i + 1 < segments.count) {
            log->spare = segments.item[i];
        } else {
            log->number = segments.item[i] + 1;
            segment_path(to, sizeof to, log->dir, log->number);
            status = rename(from, to);
        }
        if (status < 0)
            status = log_error(log, "recycle", err);
    }
    vec_free(&segments);
    return status;
}

int store_log_open(struct store_log **out, const char *dir, uint64_t last,
                   struct err *err)
{
    struct store_log *log = xcalloc(1, sizeof *log);
    int status;

    log->dir = xstrdup(dir);
    log->fd = -1;
    log->number = 1;
    log->sequence = last;
    log->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    status = log->dir_fd < 0 ? log_error(log, "open", err) : recycle(log, err);
    if (status >= 0)
        status = open_segment(log, err);
    if (status < 0) {
        store_log_close(log);
        return status;
    }
    *out = log;
    return 0;
}

void store_log_close(struct store_log *log)
{
    if (log == NULL)
        return;
    if (log->fd >= 0)
        close(log->fd);
    if (log->dir_fd >= 0)
        close(log->dir_fd);
    buf_release(&log->frame);
    free(log->dir);
    free(log);
}

int store_log_switch(struct store_log *log, struct err *err)
{
    char from[PATH_MAX], to[PATH_MAX];
    uint64_t full = log->number;

    segment_path(from, sizeof from, log->dir, log->spare);
    segment_path(to, sizeof to, log->dir, full + 1);
    if (log->spare != 0 && rename(from, to) < 0)
        return log_error(log, "recycle", err);
    close(log->fd);
    log->number = full + 1;
    log->spare = full;
    return open_segment(log, err);
}

uint64_t store_log_sequence(const struct store_log *log)
{
    return log->sequence;
}

size_t store_log_size(const struct store_log *log)
{
    return log->offset;
}
