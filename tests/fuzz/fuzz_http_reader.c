/* An answer on the wire means the same however it was cut into pieces. */
#include "base/hash.h"
#include "sys/http_reader.h"
#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Everything that was understood, as one hash; pieces are joined. */
static uint64_t understand(struct bytes all, size_t step)
{
    struct http_reader reader;
    struct buf pending = {0}, out = {0};
    size_t fed = 0;
    int what = HTTP_READ_MORE;

    http_reader_init(&reader);
    while (what >= 0 && what != HTTP_READ_END) {
        struct bytes in = buf_bytes(&pending), piece = {0};
        what = http_reader_next(&reader, &in, &piece, NULL);
        if (what == HTTP_READ_HEAD)
            buf_addf(&out, "%d %u|", reader.response.status,
                     reader.response.header_count);
        else if (what == HTTP_READ_PIECE)
            buf_add_bytes(&out, piece);
        buf_drop(&pending, pending.size - in.size);
        if (what != HTTP_READ_MORE)
            continue;
        if (fed == all.size) {
            what = http_reader_eof(&reader, NULL);
            continue;
        }
        size_t more = all.size - fed < step ? all.size - fed : step;
        buf_add(&pending, all.data + fed, more);
        fed += more;
    }
    /* Only whole lines are judged, so how it ended depends on the cut alone
     * when it ended badly. */
    if (what == HTTP_READ_END)
        buf_addf(&out, "|%d", reader.is_keep_alive);
    else
        buf_clear(&out);
    uint64_t hash = hash64(buf_bytes(&out), 0);
    http_reader_release(&reader);
    buf_release(&pending);
    buf_release(&out);
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes all = bytes_of(data, size);
    uint64_t whole = understand(all, size + 1);

    assert(understand(all, 1) == whole);
    assert(understand(all, 7) == whole);
    return 0;
}
