/* A stream cut in two at any place gives the records of the whole. */
#include "wire/recordio.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All records with their framing put back, and how it ended. */
static int collect(struct recordio *reader, struct buf *out)
{
    struct bytes record;
    int rc;

    while ((rc = recordio_next(reader, &record, NULL)) > 0)
        recordio_frame(record, out);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct recordio whole = {0}, cut = {0};
    struct buf a = {0}, b = {0};
    size_t at = size > 0 ? data[0] % size : 0;

    recordio_feed(&whole, bytes_of(data, size));
    int rc_whole = collect(&whole, &a);
    recordio_feed(&cut, bytes_of(data, at));
    int rc_cut = collect(&cut, &b);
    if (rc_cut == 0) {
        recordio_feed(&cut, bytes_of(data + at, size - at));
        rc_cut = collect(&cut, &b);
    }
    assert((rc_whole < 0) == (rc_cut < 0));
    if (rc_whole == 0)
        assert(bytes_equal(buf_bytes(&a), buf_bytes(&b)));
    recordio_release(&whole);
    recordio_release(&cut);
    buf_release(&a);
    buf_release(&b);
    return 0;
}
