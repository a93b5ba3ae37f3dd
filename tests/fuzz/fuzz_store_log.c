/* A segment of the store's log: whatever the bytes, reading ends, stays inside
 * them, and gives only frames that were framed; what it gives decodes or is
 * refused, and encodes back to the same bytes. */
#include "sys/store_batch.h"
#include "sys/store_log.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int encode_back(void *context, const struct store_op *op,
                       struct err *err)
{
    return store_batch_encode(op, 1, context, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes segment = bytes_of(data, size), payload;
    uint64_t expected = store_log_first(segment);
    struct buf back = {0};
    size_t offset = 0;

    while (store_log_next(segment, expected, &offset, &payload, NULL) == 1) {
        assert(payload.data >= data &&
               payload.data + payload.size <= data + size);
        expected++;
        buf_clear(&back);
        if (store_batch_decode(payload, encode_back, &back, NULL) == 0)
            assert(bytes_equal(payload, buf_bytes(&back)));
    }
    buf_clear(&back);
    if (store_batch_decode(segment, encode_back, &back, NULL) == 0)
        assert(bytes_equal(segment, buf_bytes(&back)));
    buf_release(&back);
    return 0;
}
