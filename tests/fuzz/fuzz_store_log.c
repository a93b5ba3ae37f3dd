/* A segment of the store's log: whatever the bytes, reading ends, stays inside
 * them, and gives only frames that were framed; what it gives decodes or is
 * refused, and encodes back to the same bytes. Putting a last frame right stays
 * inside them, too. */
#include "sys/store_batch.h"
#include "sys/store_log.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int encode_back(void *context, const struct store_op *op,
                       struct err *err)
{
    return store_batch_encode(op, 1, context, err);
}

static int take(void *context, uint64_t sequence, struct bytes payload,
                struct err *err)
{
    const struct bytes *segment = context;
    (void)sequence;
    (void)err;
    assert(payload.data >= segment->data &&
           payload.data + payload.size <= segment->data + segment->size);
    return 0;
}

/* It takes the square of a frame's size. */
static void put_right(struct bytes bytes, uint64_t expected)
{
    uint8_t *copy = malloc(bytes.size + 1);
    struct bytes segment = bytes_of(copy, bytes.size);
    struct store_log_reading reading = {.visit = take, .context = &segment};

    memcpy(copy, bytes.data, bytes.size);
    reading.applied = reading.last = expected > 0 ? expected - 1 : 0;
    (void)store_log_read_segment(&reading, copy, bytes.size, NULL);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes segment = bytes_of(data, size), payload;
    uint64_t expected = store_log_first(segment);
    struct buf back = {0};
    size_t offset = 0;

    while (store_log_next(segment, expected, 0, &offset, &payload, NULL) == 1) {
        assert(payload.data >= data &&
               payload.data + payload.size <= data + size);
        expected++;
        buf_clear(&back);
        if (store_batch_decode(payload, encode_back, &back, NULL) == 0)
            assert(bytes_equal(payload, buf_bytes(&back)));
    }
    if (size > 0 && size <= 2048)
        put_right(segment, expected);
    buf_clear(&back);
    if (store_batch_decode(segment, encode_back, &back, NULL) == 0)
        assert(bytes_equal(segment, buf_bytes(&back)));
    buf_release(&back);
    return 0;
}
