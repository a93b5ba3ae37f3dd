/* A checkpoint of any bytes: reading ends, stays inside, and what was read,
 * framed anew, reads the same. */
#include "executor/thermos/stream.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes file = bytes_of(data, size), record;
    struct buf again = {0};
    struct err err = {0};
    size_t at = 0;
    int rc;

    while ((rc = stream_frame_next(file, &at, &record, &err)) == 1) {
        assert(record.size > 0 && record.data >= data);
        assert(record.data + record.size <= data + size);
        stream_frame(record, &again);
    }
    assert(rc == 0 || rc == -ERR_DAMAGED);
    assert(again.size == at);
    assert(at == 0 || memcmp(again.data, data, at) == 0);
    buf_release(&again);
    return 0;
}
