#include "executor/thermos/stream.h"

#include "base/hash.h"
#include "executor/thermos/fault.h"
#include "wire/codec.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    FRAME_HEAD = 8,
    SEARCH_MAX = 1 << 20,        /* bytes searched behind a broken frame */
    SEARCH_RECORD_MAX = 1 << 16, /* for records of at most so many */
    LOCK_TRIES = 200, /* a killed writer's lock goes with its last child */
    LOCK_PAUSE_NS = 10 * 1000 * 1000
};

static uint32_t check_of(struct bytes record)
{
    return (uint32_t)hash64(record, 0);
}

static uint32_t read_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
           (uint32_t)at[3] << 24;
}

static void write_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

void stream_frame(struct bytes record, struct buf *out)
{
    uint8_t head[FRAME_HEAD];
    write_u32(head, (uint32_t)record.size);
    write_u32(head + 4, check_of(record));
    buf_add(out, head, sizeof head);
    buf_add_bytes(out, record);
}

/* A whole frame that begins at `at`? */
static bool read_frame(struct bytes file, size_t at, struct bytes *out)
{
    if (file.size - at < FRAME_HEAD)
        return false;
    uint32_t size = read_u32(file.data + at);
    if (size == 0 || size > STREAM_RECORD_MAX ||
        size > file.size - at - FRAME_HEAD)
        return false;
    *out = bytes_of(file.data + at + FRAME_HEAD, size);
    return check_of(*out) == read_u32(file.data + at + 4);
}

/* Looking for life behind a broken frame: its size may be what is broken. */
static bool is_frame_behind(struct bytes file, size_t at)
{
    size_t end = file.size - at > SEARCH_MAX ? at + SEARCH_MAX : file.size;
    struct bytes record;
    while (++at < end)
        if (file.size - at >= FRAME_HEAD &&
            read_u32(file.data + at) <= SEARCH_RECORD_MAX &&
            read_frame(file, at, &record))
            return true;
    return false;
}

int stream_frame_next(struct bytes file, size_t *at, struct bytes *out,
                      struct err *err)
{
    if (read_frame(file, *at, out)) {
        *at += FRAME_HEAD + out->size;
        return 1;
    }
    if (!is_frame_behind(file, *at))
        return 0; /* the end, or a torn tail */
    return err_set(err, ERR_DAMAGED,
                   "checkpoint: byte %zu: a damaged record with others behind "
                   "it",
                   *at);
}

/* The number of a record, NULL when it has none. */
static uint64_t *sequence_of(Perigee__Thermos__Record *record)
{
    if (record->process != NULL) {
        record->process->has_sequence = 1;
        return &record->process->sequence;
    }
    if (record->task != NULL) {
        record->task->has_sequence = 1;
        return &record->task->sequence;
    }
    return NULL;
}

static int visit_one(struct stream *stream, struct bytes bytes,
                     stream_visit *visit, void *context, struct err *err)
{
    struct arena arena;
    ProtobufCMessage *message;
    arena_init(&arena);
    int rc = codec_decode(&perigee__thermos__record__descriptor, "Record",
                          MEDIA_PROTOBUF, bytes, &arena, &message, err);
    if (rc == 0) {
        Perigee__Thermos__Record *record = (void *)message;
        const uint64_t *sequence = sequence_of(record);
        if (sequence == NULL || *sequence == stream->sequence + 1) {
            stream->sequence += sequence != NULL;
            rc = visit(context, record, err);
        } else if (*sequence > stream->sequence + 1) {
            rc = err_set(err, ERR_DAMAGED,
                         "checkpoint: record %llu is followed by %llu",
                         (unsigned long long)stream->sequence,
                         (unsigned long long)*sequence);
        }
    }
    arena_release(&arena);
    return rc;
}

static int replay(struct stream *stream, const struct buf *file,
                  stream_visit *visit, void *context, struct err *err)
{
    struct bytes all = buf_bytes(file), record = {0};
    size_t at = 0;
    int rc;

    while ((rc = stream_frame_next(all, &at, &record, err)) == 1) {
        rc = visit_one(stream, record, visit, context, err);
        if (rc < 0)
            return rc;
    }
    if (rc < 0)
        return rc;
    if (at < all.size && ftruncate(stream->fd, (off_t)at) != 0)
        return err_set(err, ERR_IO, "checkpoint: cannot cut the torn tail: %s",
                       strerror(errno));
    stream->end = (int64_t)at;
    return 0;
}

static int read_all(int fd, struct buf *out, struct err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return err_set(err, ERR_IO, "checkpoint: %s", strerror(errno));
    if (st.st_size > STREAM_FILE_MAX)
        return err_set(err, ERR_LIMIT, "checkpoint: over %d bytes",
                       STREAM_FILE_MAX);
    buf_reserve(out, (size_t)st.st_size);
    while (out->size < (size_t)st.st_size) {
        ssize_t n = pread(fd, out->data + out->size,
                          (size_t)st.st_size - out->size, (off_t)out->size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(err, ERR_IO, "checkpoint: %s", strerror(errno));
        if (n == 0)
            break;
        out->size += (size_t)n;
    }
    return 0;
}

static int lock(int fd, struct err *err)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
            return 0;
        if (errno != EAGAIN && errno != EACCES && errno != EINTR)
            break;
        (void)nanosleep(&pause, NULL);
    }
    return err_set(err, ERR_BUSY, "checkpoint: another runner has this task");
}

int stream_open(struct stream *out, const char *path, stream_visit *visit,
                void *context, struct err *err)
{
    struct stream stream = {.sequence = 0};
    struct buf file = {0};
    int rc;

    stream.fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (stream.fd < 0)
        return err_set(err, ERR_IO, "checkpoint '%s': %s", path,
                       strerror(errno));
    if ((rc = lock(stream.fd, err)) == 0 &&
        (rc = read_all(stream.fd, &file, err)) == 0)
        rc = replay(&stream, &file, visit, context, err);
    buf_release(&file);
    if (rc < 0) {
        (void)close(stream.fd);
        return rc;
    }
    *out = stream;
    return 0;
}

/* All that waits, or nothing: half a frame must not stand in the middle. */
static int write_whole(struct stream *stream, struct err *err)
{
    struct bytes bytes = buf_bytes(&stream->unwritten);
    ssize_t n;
    do
        n = write(stream->fd, bytes.data, bytes.size);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)bytes.size) {
        stream->end += n;
        stream->unwritten.size = 0;
        return 0;
    }
    int cause = n < 0 ? errno : ENOSPC;
    if (n > 0 && ftruncate(stream->fd, stream->end) != 0)
        cause = errno;
    return err_set(err, fault_code(cause), "checkpoint: cannot write: %s",
                   strerror(cause));
}

static int add_frame(struct buf *out, const Perigee__Thermos__Record *record,
                     struct err *err)
{
    uint8_t head[FRAME_HEAD] = {0};
    size_t at = out->size;
    buf_add(out, head, sizeof head);
    codec_encode(&record->base, MEDIA_PROTOBUF, out);
    struct bytes body =
        bytes_of(out->data + at + FRAME_HEAD, out->size - at - FRAME_HEAD);
    if (body.size > STREAM_RECORD_MAX)
        return err_set(err, ERR_LIMIT,
                       "checkpoint: a record of %zu bytes, more than %d; the "
                       "task's names, ports and command lines are too long",
                       body.size, STREAM_RECORD_MAX);
    write_u32(out->data + at, (uint32_t)body.size);
    write_u32(out->data + at + 4, check_of(body));
    return 0;
}

static int append(struct stream *stream, Perigee__Thermos__Record *record,
                  bool is_fact, struct err *err)
{
    size_t before = stream->unwritten.size;
    uint64_t *sequence = sequence_of(record);

    if (sequence != NULL)
        *sequence = ++stream->sequence;
    int rc = add_frame(&stream->unwritten, record, err);
    bool is_legible = rc == 0;
    if (is_legible)
        rc = write_whole(stream, err);
    if (rc != 0 && (!is_fact || !is_legible ||
                    stream->unwritten.size > STREAM_UNWRITTEN_MAX)) {
        stream->unwritten.size = before;
        stream->sequence -= sequence != NULL;
    }
    return rc;
}

struct stream_mark stream_mark(struct stream *stream)
{
    buf_reserve(&stream->unwritten, FRAME_HEAD + STREAM_MARK_ROOM);
    return (struct stream_mark){stream->end, stream->sequence,
                                stream->unwritten.size};
}

void stream_rewind(struct stream *stream, const struct stream_mark *mark)
{
    stream->end = mark->end;
    stream->sequence = mark->sequence;
    stream->unwritten.size = mark->unwritten;
    (void)!ftruncate(stream->fd, mark->end); /* nothing to cut, mostly */
}

int stream_append(struct stream *stream, Perigee__Thermos__Record *record,
                  struct err *err)
{
    return append(stream, record, false, err);
}

int stream_append_fact(struct stream *stream, Perigee__Thermos__Record *record,
                       struct err *err)
{
    return append(stream, record, true, err);
}

void stream_close(struct stream *stream, bool sync)
{
    if (stream->fd < 0)
        return;
    if (stream->unwritten.size > 0)
        (void)write_whole(stream, NULL);
    if (sync)
        (void)fdatasync(stream->fd); /* nobody is left to be told */
    (void)close(stream->fd);
    buf_release(&stream->unwritten);
    stream->fd = -1;
}
