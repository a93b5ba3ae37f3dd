#include "sys/store_frame.h"

#include "base/hash.h"
#include "sys/store_log.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

/* Of frame and foot, as they are on the disk. */
struct header {
    uint32_t magic;
    uint32_t size;
    uint64_t sequence;
    uint64_t checksum;
};
static_assert(sizeof(struct header) == STORE_LOG_HEADER_BYTES, "no padding");

static size_t padded(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

size_t store_frame_step(size_t payload_size)
{
    return sizeof(struct header) + padded(payload_size);
}

static uint64_t checksum(struct bytes payload, uint64_t sequence)
{
    return hash64(payload, sequence ^ (uint64_t)payload.size << 40);
}

/* --- making --- */

static size_t part_count(size_t size)
{
    return (size + STORE_FRAME_PART - 1) / STORE_FRAME_PART;
}

static struct bytes part(struct bytes payload, size_t number)
{
    size_t from = number * STORE_FRAME_PART;
    size_t left = payload.size - from;
    return bytes_of(payload.data + from,
                    left < STORE_FRAME_PART ? left : STORE_FRAME_PART);
}

static uint32_t part_sum(struct bytes part, uint64_t sequence, size_t number)
{
    return (uint32_t)hash64(part, sequence + ((uint64_t)number << 40));
}

static void put_header(uint8_t *at, uint32_t magic, size_t size,
                       uint64_t sequence, uint64_t sum)
{
    struct header header = {htole32(magic), htole32((uint32_t)size),
                            htole64(sequence), htole64(sum)};
    memcpy(at, &header, sizeof header);
}

static void add_zeroes(struct buf *out, size_t size)
{
    static const uint8_t zero[sizeof(struct header)];
    buf_add(out, zero, size);
}

/* Every sum in its place; then their own. */
static void add_foot(struct buf *out, struct bytes payload, uint64_t sequence)
{
    size_t count = part_count(payload.size), at = out->size;

    add_zeroes(out, sizeof(struct header));
    for (size_t i = 0; i < count; i++) {
        uint32_t sum = htole32(part_sum(part(payload, i), sequence, i));
        buf_add(out, &sum, sizeof sum);
    }
    struct bytes sums =
        bytes_of(out->data + at + sizeof(struct header), count * 4);
    put_header(out->data + at, STORE_FRAME_FOOT_MAGIC, count, sequence,
               checksum(sums, sequence));
    add_zeroes(out, padded(sums.size) - sums.size);
}

void store_frame_begin(struct buf *out)
{
    buf_clear(out);
    add_zeroes(out, sizeof(struct header));
}

/* Room for all of it first: what is summed must not move. */
void store_frame_end(struct buf *out, uint64_t sequence)
{
    size_t size = out->size - sizeof(struct header);

    buf_reserve(out, 2 * sizeof(struct header) + part_count(size) * 4 + 16);
    struct bytes payload = bytes_of(out->data + sizeof(struct header), size);
    put_header(out->data, STORE_LOG_MAGIC, size, sequence,
               checksum(payload, sequence));
    add_zeroes(out, padded(size) - size);
    if (size > STORE_LOG_REPAIR_MAX)
        add_foot(out, payload, sequence);
}

void store_frame_build(struct bytes payload, uint64_t sequence, struct buf *out)
{
    struct buf frame = {0};

    store_frame_begin(&frame);
    buf_add_bytes(&frame, payload);
    store_frame_end(&frame, sequence);
    buf_add_bytes(out, buf_bytes(&frame));
    buf_release(&frame);
}

/* --- reading --- */

static bool read_header(struct bytes segment, size_t offset, uint32_t magic,
                        struct header *out)
{
    struct header raw;

    if (segment.size < sizeof raw || offset > segment.size - sizeof raw)
        return false;
    memcpy(&raw, segment.data + offset, sizeof raw);
    *out = (struct header){le32toh(raw.magic), le32toh(raw.size),
                           le64toh(raw.sequence), le64toh(raw.checksum)};
    return out->magic == magic;
}

/* The head is right, and what belongs to it lies within the segment. */
static bool read_head(struct bytes segment, size_t offset,
                      struct store_frame *out)
{
    struct header header;

    if (!read_header(segment, offset, STORE_LOG_MAGIC, &header) ||
        header.size > segment.size - offset - sizeof header ||
        header.size > STORE_LOG_PAYLOAD_MAX)
        return false;
    *out = (struct store_frame){
        .magic = header.magic,
        .size = header.size,
        .sequence = header.sequence,
        .checksum = header.checksum,
        .payload =
            bytes_of(segment.data + offset + sizeof header, header.size)};
    return true;
}

bool store_frame_read(struct bytes segment, size_t offset,
                      struct store_frame *out)
{
    return read_head(segment, offset, out) &&
           checksum(out->payload, out->sequence) == out->checksum;
}

bool store_frame_has_successor(struct bytes segment, size_t offset,
                               uint64_t expected)
{
    static const uint8_t magic[] = {'P', 'L', 'g', '1'};
    struct store_frame frame;

    while (offset < segment.size) {
        const uint8_t *found =
            memmem(segment.data + offset, segment.size - offset, magic, 4);
        if (found == NULL)
            return false;
        offset = (size_t)(found - segment.data);
        if (offset % 8 == 0 && store_frame_read(segment, offset, &frame) &&
            frame.sequence >= expected)
            return true;
        offset++;
    }
    return false;
}

bool store_frame_was_durable(struct bytes segment, size_t offset,
                             uint64_t expected)
{
    struct store_frame frame;
    struct header next;

    return read_head(segment, offset, &frame) && frame.sequence == expected &&
           read_header(segment, offset + store_frame_step(frame.size),
                       STORE_LOG_MAGIC, &next) &&
           next.sequence == expected + 1;
}

/* --- one flipped bit --- */

/* Cheap questions first: it is asked for many bits. */
static bool is_whole(struct bytes segment, size_t offset, uint64_t expected)
{
    struct header raw;
    struct store_frame frame;

    return read_header(segment, offset, STORE_LOG_MAGIC, &raw) &&
           raw.sequence == expected &&
           store_frame_read(segment, offset, &frame);
}

/* What a turned bit must lead to. */
struct goal {
    struct bytes segment;
    size_t offset;
    uint64_t expected;
    struct bytes part; /* of no size: the frame as a whole is asked */
    size_t number;     /* of the part */
    uint32_t sum;      /* of the part */
};

static bool is_reached(const struct goal *goal)
{
    if (goal->part.size > 0 &&
        part_sum(goal->part, goal->expected, goal->number) != goal->sum)
        return false;
    return is_whole(goal->segment, goal->offset, goal->expected);
}

/* Turn each bit of [from, to) until the goal is reached; a bit that does not
 * help is turned back. */
static bool try_bits(const struct goal *goal, uint8_t *data, size_t from,
                     size_t to)
{
    for (size_t at = from; at < to; at++)
        for (int bit = 0; bit < 8; bit++) {
            data[at] ^= (uint8_t)(1 << bit);
            if (is_reached(goal))
                return true;
            data[at] ^= (uint8_t)(1 << bit);
        }
    return false;
}

/* The foot of this very frame. */
static const uint8_t *find_sums(struct bytes segment, size_t offset,
                                const struct store_frame *frame)
{
    size_t at = offset + store_frame_step(frame->size);
    size_t size = part_count(frame->size) * 4;
    struct header foot;

    if (!read_header(segment, at, STORE_FRAME_FOOT_MAGIC, &foot) ||
        foot.sequence != frame->sequence ||
        foot.size != part_count(frame->size) ||
        size > segment.size - at - sizeof foot)
        return NULL;
    const uint8_t *sums = segment.data + at + sizeof foot;
    return checksum(bytes_of(sums, size), foot.sequence) == foot.checksum
               ? sums
               : NULL;
}

static uint32_t sum_at(const uint8_t *sums, size_t number)
{
    uint32_t sum;
    memcpy(&sum, sums + number * 4, sizeof sum);
    return le32toh(sum);
}

/* A flipped bit leaves one part wrong; a torn write, which lacks whole sectors,
 * a part that no bit puts right. */
static bool repair_part(uint8_t *data, struct goal *goal,
                        const struct store_frame *frame)
{
    const uint8_t *sums = find_sums(goal->segment, goal->offset, frame);
    size_t wrong = 0, from;

    for (size_t i = 0; sums != NULL && i < part_count(frame->size); i++) {
        struct bytes one = part(frame->payload, i);
        if (part_sum(one, frame->sequence, i) == sum_at(sums, i))
            continue;
        goal->part = one;
        goal->number = i;
        goal->sum = sum_at(sums, i);
        wrong++;
    }
    if (wrong != 1)
        return false;
    from = (size_t)(goal->part.data - goal->segment.data);
    return try_bits(goal, data, from, from + goal->part.size);
}

bool store_frame_repair(uint8_t *data, size_t size, size_t offset,
                        uint64_t expected)
{
    struct goal goal = {bytes_of(data, size), offset, expected, {0}, 0, 0};
    struct goal in_part = goal;
    size_t body = offset + sizeof(struct header);
    struct store_frame frame;

    if (size < sizeof(struct header) || offset > size - sizeof(struct header))
        return false;
    if (read_head(goal.segment, offset, &frame) && frame.sequence == expected) {
        if (frame.size > STORE_LOG_REPAIR_MAX
                ? repair_part(data, &in_part, &frame)
                : try_bits(&goal, data, body, body + frame.size))
            return true;
    }
    return try_bits(&goal, data, offset, body);
}
