/* One frame of a store's log (store_log.h), in memory: making it, reading it,
 * and telling a flipped bit from a torn write.
 *
 *   frame:  magic u32 | size u32 | sequence u64 | checksum u64 | payload | pad
 *   foot:   magic u32 | count u32 | sequence u64 | checksum u64 | sum u32 ...
 *
 * Little-endian, both at multiples of 8. A frame whose payload is larger than
 * STORE_LOG_REPAIR_MAX is written together with a foot: one sum for each
 * STORE_FRAME_PART bytes of its payload. The next frame is written over the
 * foot: it matters only while its frame is the last one, which has no successor
 * to tell damage from a torn write. A foot is no frame: to who does not know of
 * it, it is the end of the log. */
#pragma once
#include "base/bytes.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    STORE_FRAME_PART = 4096,
    STORE_FRAME_FOOT_MAGIC = 0x31664c50 /* PLf1 */
};

struct store_frame {
    uint32_t magic, size;
    uint64_t sequence, checksum;
    struct bytes payload;
};

/* Bytes from one frame to the next. */
size_t store_frame_step(size_t payload_size);
/* Append a frame to `out`, and its foot when it has one. */
void store_frame_build(struct bytes payload, uint64_t sequence,
                       struct buf *out);
/* The same without a copy: make an empty `out` begin with a head, append the
 * payload to it, end the frame. */
void store_frame_begin(struct buf *out);
void store_frame_end(struct buf *out, uint64_t sequence);
/* A whole frame with a right checksum at `offset`? */
bool store_frame_read(struct bytes segment, size_t offset,
                      struct store_frame *out);
/* Is there a good frame behind a bad one, that came after it? */
bool store_frame_has_successor(struct bytes segment, size_t offset,
                               uint64_t expected);
/* Does the next frame begin where this one, which is bad, says that it ends? It
 * is written only when this one is durable, so this one is damaged even when
 * the next one was torn. */
bool store_frame_was_durable(struct bytes segment, size_t offset,
                             uint64_t expected);
/* Turn one bit so that the frame at `offset` is whole. False: no bit does it;
 * nothing was changed. */
bool store_frame_repair(uint8_t *data, size_t size, size_t offset,
                        uint64_t expected);
