/* RecordIO: records come out whole, wherever the stream was cut. */
#include "base/rng.h"
#include "wire/http.h"
#include "wire/recordio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { RECORDS = 40, ROUNDS = 200 };

/* Record `i` of a round: 1 to 300 bytes that differ from their neighbours'. */
static size_t record_make(uint64_t round, int i, uint8_t record[300])
{
    struct rng rng;

    rng_seed(&rng, round * RECORDS + (uint64_t)i);
    size_t size = 1 + rng_below(&rng, rng_below(&rng, 2) ? 300 : 3);
    for (size_t at = 0; at < size; at++)
        record[at] = (uint8_t)rng_next(&rng);
    return size;
}

/* Every record that is whole by now is the next one expected. */
static void drain(struct recordio *reader, uint64_t round, int *next)
{
    uint8_t want[300];
    struct bytes got;
    struct err err = {0};
    int rc;

    while ((rc = recordio_next(reader, &got, &err)) == 1) {
        assert_true(*next < RECORDS);
        size_t size = record_make(round, (*next)++, want);
        assert_int_equal(got.size, size);
        assert_memory_equal(got.data, want, size);
    }
    assert_int_equal(rc, 0);
}

static void test_records_survive_any_cut(void **state)
{
    struct rng rng;

    (void)state;
    rng_seed(&rng, 1);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        struct recordio reader = {0};
        struct buf stream = {0};
        uint8_t record[300];
        int next = 0;

        for (int i = 0; i < RECORDS; i++)
            recordio_frame(bytes_of(record, record_make(round, i, record)),
                           &stream);
        uint64_t longest = 1 + rng_below(&rng, 600);
        for (size_t at = 0; at < stream.size;) {
            size_t size = 1 + rng_below(&rng, longest);
            if (size > stream.size - at)
                size = stream.size - at;
            recordio_feed(&reader, bytes_of(stream.data + at, size));
            at += size;
            drain(&reader, round, &next);
        }
        assert_int_equal(next, RECORDS);
        recordio_release(&reader);
        buf_release(&stream);
    }
}

static void test_a_frame_is_length_newline_bytes(void **state)
{
    struct buf out = {0};

    (void)state;
    recordio_frame(bytes_of_text("hello"), &out);
    recordio_frame(bytes_of_text("0123456789ab"), &out);
    assert_string_equal(buf_text(&out), "5\nhello12\n0123456789ab");
    buf_release(&out);
}

static void refuses(const char *stream, int code, const char *part)
{
    struct recordio reader = {0};
    struct bytes record;
    struct err err = {0};

    recordio_feed(&reader, bytes_of_text(stream));
    assert_int_equal(recordio_next(&reader, &record, &err), -code);
    assert_non_null(strstr(err.text, part));
    /* There is no way on behind it. */
    recordio_feed(&reader, bytes_of_text("1\nx"));
    assert_int_equal(recordio_next(&reader, &record, &err), -code);
    recordio_release(&reader);
}

static void test_malformed_lengths_are_errors(void **state)
{
    (void)state;
    refuses("x", ERR_INVALID, "0x78 is not a digit");
    refuses("\n", ERR_INVALID, "at least 1");
    refuses("0\n", ERR_INVALID, "at least 1");
    refuses("-1\n", ERR_INVALID, "0x2d");
    refuses("+5\nhello", ERR_INVALID, "0x2b");
    refuses(" 5\nhello", ERR_INVALID, "0x20");
    refuses("5\r\nhello", ERR_INVALID, "0x0d");
    refuses("8388609\n", ERR_LIMIT, "8388608");
    refuses("99999999999999999999999", ERR_LIMIT, "8388608");
    refuses("000000000000000000000000005\n", ERR_LIMIT, "8388608");
}

static void test_the_largest_record_passes(void **state)
{
    struct recordio reader = {0};
    struct bytes record;
    struct err err = {0};
    struct buf stream = {0};
    uint8_t *large = calloc(1, HTTP_BODY_MAX);

    (void)state;
    assert_non_null(large);
    large[HTTP_BODY_MAX - 1] = 7;
    recordio_frame(bytes_of(large, HTTP_BODY_MAX), &stream);
    recordio_feed(&reader, bytes_of(stream.data, stream.size - 1));
    assert_int_equal(recordio_next(&reader, &record, &err), 0);
    recordio_feed(&reader, bytes_of(stream.data + stream.size - 1, 1));
    assert_int_equal(recordio_next(&reader, &record, &err), 1);
    assert_int_equal(record.size, HTTP_BODY_MAX);
    assert_memory_equal(record.data, large, HTTP_BODY_MAX);
    recordio_release(&reader);
    buf_release(&stream);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_survive_any_cut),
        cmocka_unit_test(test_a_frame_is_length_newline_bytes),
        cmocka_unit_test(test_malformed_lengths_are_errors),
        cmocka_unit_test(test_the_largest_record_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
