/* The checkpoint of one task: records (proto/perigee/thermos.proto) in a file
 * that only grows. A frame is
 *
 *     u32 size | u32 check | size bytes
 *
 * little endian; check is the low half of the XXH64 of the bytes. A tail that
 * was torn by a crash is dropped; damage with more behind it is an error that
 * names the place: nothing is guessed over.
 *
 * One writer: the file is locked. Appending does not sync; processes do not
 * survive a power cut either. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "perigee/thermos.pb-c.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    STREAM_RECORD_MAX = 1 << 20,
    STREAM_FILE_MAX = 64 << 20,
    STREAM_UNWRITTEN_MAX = 1 << 20 /* bytes; then the newest are forgotten */
};

struct stream {
    int fd;
    int64_t end;          /* of what is whole in the file */
    uint64_t sequence;    /* of the newest process or task record */
    struct buf unwritten; /* owned: frames that wait for room on the disk */
};

/* Where a stream stood. A child that shares our memory (child.h) may append to
 * it and be killed at any instant of that. */
struct stream_mark {
    int64_t end;
    uint64_t sequence;
    size_t unwritten;
};
enum { STREAM_MARK_ROOM = 512 };

/* Read the frame at *at and move *at behind it. 1: a record; 0: the end, or a
 * torn tail, which begins at *at; -ERR_DAMAGED. */
int stream_frame_next(struct bytes file, size_t *at, struct bytes *out,
                      struct err *err);
void stream_frame(struct bytes record, struct buf *out);

typedef int stream_visit(void *context, const Perigee__Thermos__Record *record,
                         struct err *err);
/* Open or create, give every record to `visit`, cut off a torn tail. ERR_BUSY
 * when another runner has it. Sequence numbers must grow by one: a lower or
 * repeated one is skipped, a gap is ERR_DAMAGED. */
int stream_open(struct stream *out, const char *path, stream_visit *visit,
                void *context, struct err *err);
/* Numbers the record and appends it with one write, behind what waits to be
 * written. On failure it is as if nobody had asked. ERR_LIMIT: nobody could
 * read a record that large. */
int stream_append(struct stream *stream, Perigee__Thermos__Record *record,
                  struct err *err);
/* The same for what has happened and cannot be taken back: on failure, which is
 * reported all the same, the record waits and goes with the next one. */
int stream_append_fact(struct stream *stream, Perigee__Thermos__Record *record,
                       struct err *err);
/* Until stream_rewind() one record of at most STREAM_MARK_ROOM bytes may be
 * appended, and nothing of that allocates memory. */
struct stream_mark stream_mark(struct stream *stream);
/* As if nothing had been appended since. */
void stream_rewind(struct stream *stream, const struct stream_mark *mark);
/* Tries once more to write what waits. */
void stream_close(struct stream *stream, bool sync);
