/* RecordIO: "<decimal length>\n<bytes>", repeated. The reader takes pieces cut
 * anywhere; a record over HTTP_BODY_MAX or a malformed length is an error. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

/* A stream of events has heartbeats, and says how often. Who follows it gives
 * it up when so many in a row are missing, and begins anew: 75 s with Mesos'
 * interval of 15 s. */
enum { HEARTBEATS_MISSED_MAX = 5 };

void recordio_frame(struct bytes record, struct buf *out);

struct recordio { /* zero-initialised is a fresh reader */
    struct buf pending;
    size_t taken; /* bytes at the front of pending already handed out */
};
void recordio_release(struct recordio *reader);
void recordio_feed(struct recordio *reader, struct bytes piece);
/* 1 and a record (borrowed until the next call), 0 when incomplete, -ERR_. */
int recordio_next(struct recordio *reader, struct bytes *out, struct err *err);
