/* The log of a store: frames (store_frame.h) in segment files NNNNNNNNNN.log of
 * one directory. Sequences rise by one without a gap. A frame is written only
 * after the one before it is durable; so a bad frame with no good one behind it
 * is the torn end of a write that nobody was told of, and is dropped, while one
 * with a good successor is damage.
 *
 * Segments are written over blocks that were written before (an fdatasync
 * there costs half, there is no size to record): a new one is filled with
 * zeroes ahead of the frames, and a segment that the checkpoint has made
 * superfluous is renamed to be the next one. What it still holds are frames
 * with older sequences, which end a reading like zeroes do. So two files take
 * turns: one is written while the checkpoint that covers the other is saved. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    STORE_LOG_MAGIC = 0x31674c50, /* "PLg1" */
    STORE_LOG_HEADER_BYTES = 24,
    STORE_LOG_PAYLOAD_MAX = 128 << 20,
    STORE_LOG_REPAIR_MAX = 32 << 10, /* it takes the square of it; a larger
                                        frame has a foot */
    STORE_LOG_EXTEND = 1 << 20       /* zeroes written ahead; a commit waits for
                                        them */
};

/* Reading one segment that lies in memory: returns 1 and the payload of the
 * frame with sequence `expected` at *offset (which moves on), 0 when the log
 * ends at *offset, or -ERR_DAMAGED: a frame behind `applied` comes later. Older
 * ones are no sign of damage: the checkpoint holds them, and a torn write into
 * a recycled segment may leave any of them. The text names the offset only. */
int store_log_next(struct bytes segment, uint64_t expected, uint64_t applied,
                   size_t *offset, struct bytes *payload, struct err *err);
/* Sequence of the frame at the start of a segment; 0 when there is none. */
uint64_t store_log_first(struct bytes segment);

struct store_log;
typedef int store_log_visit(void *context, uint64_t sequence,
                            struct bytes payload, struct err *err);

/* Reading segments one after the other, oldest first. Begin with what the
 * checkpoint holds: {visit, context, applied, applied}. */
struct store_log_reading {
    store_log_visit *visit;
    void *context;
    uint64_t applied;
    uint64_t last;     /* sequence of the last good frame */
    bool has_begun;    /* the oldest segment was looked at */
    uint32_t repaired; /* frames that one flipped bit had damaged */
};

/* The next segment, which lies in memory. The last frame of a log has no
 * successor to tell damage from a torn write. When turning one bit of it makes
 * it whole it was one of the two, and both allow to take it: what was told to
 * anybody is kept, and what was not may be. The bit is turned in `data`, not on
 * the disk. When a torn write came behind it, it is damage that is refused,
 * where no bit helps. */
int store_log_read_segment(struct store_log_reading *reading, uint8_t *data,
                           size_t size, struct err *err);

/* Read all segments of `dir` in order and visit every frame behind `applied`;
 * *last becomes the sequence of the last frame, or `applied`; *repaired counts
 * frames that were put right. */
int store_log_replay(const char *dir, uint64_t applied, store_log_visit *visit,
                     void *context, uint64_t *last, uint32_t *repaired,
                     struct err *err);

/* Begin to write behind sequence `last`, all of which the checkpoint holds: the
 * old segments are superfluous. */
int store_log_open(struct store_log **out, const char *dir, uint64_t last,
                   struct err *err);
void store_log_close(struct store_log *log); /* accepts NULL */
/* Append one frame and wait until it is durable. After a failure the log
 * takes no more. */
int store_log_append(struct store_log *log, struct bytes payload,
                     struct err *err);
/* The same in steps and without a copy: what is added to the buffer becomes the
 * payload of the next frame, which then is written, and then durable. The disk
 * is at work between the last two. The payload can be read until the next
 * begin. */
struct buf *store_log_begin(struct store_log *log);
/* Instead of begin, when the frame was made elsewhere (store_frame_begin, then
 * its payload): it is the log's, and a buffer of the log's is yours. */
void store_log_take(struct store_log *log, struct buf *frame);
int store_log_write(struct store_log *log, struct err *err);
int store_log_sync(struct store_log *log, struct err *err);
struct bytes store_log_payload(const struct store_log *log);
/* Frames go to another segment from now on. Call it when the checkpoint holds
 * everything that came before the last switch: that segment is the one that is
 * written over. */
int store_log_switch(struct store_log *log, struct err *err);
uint64_t store_log_sequence(const struct store_log *log); /* the last one */
size_t store_log_size(const struct store_log *log);       /* of this segment */
