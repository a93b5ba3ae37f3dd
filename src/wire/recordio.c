#include "wire/recordio.h"

#include "wire/http.h"

enum { LENGTH_DIGITS_MAX = 20 }; /* of a uint64 */

void recordio_frame(struct bytes record, struct buf *out)
{
    buf_reserve(out, record.size + LENGTH_DIGITS_MAX + 1);
    buf_addf(out, "%zu\n", record.size);
    buf_add_bytes(out, record);
}

void recordio_release(struct recordio *reader)
{
    buf_release(&reader->pending);
    reader->taken = 0;
}

void recordio_feed(struct recordio *reader, struct bytes piece)
{
    /* Moving the rest to the front costs its length: wait until what was
     * handed out is the larger half. */
    if (reader->taken && reader->taken >= reader->pending.size / 2) {
        buf_drop(&reader->pending, reader->taken);
        reader->taken = 0;
    }
    buf_add_bytes(&reader->pending, piece);
}

/* Length line at the front: its size including the newline, 0 when it has not
 * come whole, -ERR_. */
static int length_line(struct bytes in, size_t *length, struct err *err)
{
    size_t value = 0, i = 0;
    for (; i < in.size && in.data[i] != '\n'; i++) {
        if (in.data[i] < '0' || in.data[i] > '9')
            return err_set(err, ERR_INVALID,
                           "record length: byte 0x%02x is not a digit",
                           in.data[i]);
        value = value * 10 + (size_t)(in.data[i] - '0');
        if (value > HTTP_BODY_MAX || i >= LENGTH_DIGITS_MAX)
            return err_set(err, ERR_LIMIT,
                           "record length: want at most %d bytes",
                           HTTP_BODY_MAX);
    }
    if (i == in.size)
        return 0;
    if (value == 0)
        return err_set(err, ERR_INVALID, "record length: want at least 1");
    *length = value;
    return (int)i + 1;
}

int recordio_next(struct recordio *reader, struct bytes *out, struct err *err)
{
    if (reader->taken == reader->pending.size) {
        buf_clear(&reader->pending);
        reader->taken = 0;
        return 0;
    }
    struct bytes rest = {reader->pending.data + reader->taken,
                         reader->pending.size - reader->taken};
    size_t length = 0;
    int line = length_line(rest, &length, err);
    if (line <= 0 || rest.size - (size_t)line < length)
        return line < 0 ? line : 0;
    *out = (struct bytes){rest.data + line, length};
    reader->taken += (size_t)line + length;
    return 1;
}
