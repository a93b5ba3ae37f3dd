/* The log of a store: what a torn write and a flipped bit leave of its last
 * frame, above all of a large one. */
#include "sys/store_log.h"
#include "base/alloc.h"
#include "sys/file.h"
#include "sys/store_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    LARGE = 3 * STORE_LOG_REPAIR_MAX + 777,
    SMALL = 100,
    SECTOR = 512,
    HEAD = STORE_LOG_HEADER_BYTES
};

/* A segment as a log wrote it: frames 1 (small), 2 (large), and maybe more. */
struct fixture {
    char dir[64];
    struct store_log *log;
    struct buf payload; /* of frame 2 */
    size_t second;      /* where it begins */
    size_t third;       /* where the next one does */
    struct buf image;   /* to be damaged */
    uint64_t last;      /* as the reading found it */
    uint32_t repaired;
};

static void append(struct fixture *f, size_t size, uint64_t seed)
{
    struct buf payload = {0};
    uint64_t word = seed;
    while (payload.size < size) {
        word = word * 6364136223846793005ULL + 1442695040888963407ULL;
        buf_add(&payload, &word, sizeof word);
    }
    payload.size = size;
    assert_int_equal(store_log_append(f->log, buf_bytes(&payload), NULL), 0);
    if (store_log_sequence(f->log) == 2)
        f->payload = payload;
    else
        buf_release(&payload);
}

static void take_image(struct fixture *f)
{
    char path[128];
    buf_release(&f->image);
    (void)snprintf(path, sizeof path, "%s/0000000001.log", f->dir);
    assert_int_equal(file_read(path, 64 << 20, &f->image, NULL), 0);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/perigee-log.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(store_log_open(&f->log, f->dir, 0, NULL), 0);
    append(f, SMALL, 1);
    f->second = store_frame_step(SMALL);
    append(f, LARGE, 2);
    f->third = f->second + store_frame_step(LARGE);
    assert_int_equal(store_log_size(f->log), f->third);
    take_image(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    store_log_close(f->log);
    (void)dir_remove(f->dir, NULL);
    buf_release(&f->payload);
    buf_release(&f->image);
    free(f);
    return 0;
}

static int see(void *context, uint64_t sequence, struct bytes payload,
               struct err *err)
{
    struct fixture *f = context;
    (void)err;
    if (sequence == 2)
        assert_true(bytes_equal(payload, buf_bytes(&f->payload)));
    f->last = sequence;
    return 0;
}

static int read_it(struct fixture *f)
{
    struct store_log_reading reading = {.visit = see, .context = f};
    f->last = 0;
    int status =
        store_log_read_segment(&reading, f->image.data, f->image.size, NULL);
    f->repaired = reading.repaired;
    return status;
}

static void turn(struct fixture *f, size_t bit)
{
    f->image.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

static void expect_put_right(struct fixture *f, size_t bit)
{
    turn(f, bit);
    assert_int_equal(read_it(f), 0);
    if (f->last != 2 || f->repaired != 1)
        fail_msg("bit %zu: the last frame is lost", bit);
}

static void test_a_flipped_bit_of_a_large_last_frame(void **state)
{
    struct fixture *f = *state;
    size_t body = 8 * (f->second + HEAD), end = body + (size_t)8 * LARGE;
    assert_int_equal(read_it(f), 0);
    assert_int_equal(f->last, 2);
    assert_int_equal(f->repaired, 0);
    for (size_t bit = 8 * f->second; bit < body; bit++)
        expect_put_right(f, bit);
    for (size_t bit = body; bit < end; bit += 99991)
        expect_put_right(f, bit);
    for (size_t bit = end - 9; bit < end; bit++)
        expect_put_right(f, bit);
    /* And each of the foot, which matters to nobody while the frame is whole.
     */
    for (size_t bit = 8 * f->third; bit < 8 * (f->third + HEAD + 100); bit++) {
        turn(f, bit);
        assert_int_equal(read_it(f), 0);
        assert_int_equal(f->last, 2);
        turn(f, bit);
    }
}

/* Any part of it did not reach the disk; the foot did, or did not. */
static void test_a_torn_large_frame_is_dropped(void **state)
{
    struct fixture *f = *state;
    struct buf whole = {0};
    buf_add_bytes(&whole, buf_bytes(&f->image));
    for (int foot = 0; foot < 2; foot++)
        for (size_t at = f->second + HEAD; at < f->third; at += 7 * SECTOR) {
            size_t size = f->third - at < SECTOR ? f->third - at : SECTOR;
            memcpy(f->image.data, whole.data, whole.size);
            memset(f->image.data + at, 0, size);
            if (!foot)
                memset(f->image.data + f->third, 0, 4096);
            assert_int_equal(read_it(f), 0);
            assert_int_equal(f->last, 1);
        }
    buf_release(&whole);
}

/* A frame was there before, at the same place, and its foot still is. */
static void test_a_foot_of_an_older_frame_says_nothing(void **state)
{
    struct fixture *f = *state;
    struct buf other = {0}, payload = {0};
    buf_add_bytes(&payload, buf_bytes(&f->payload));
    payload.data[0] ^= 1; /* one bit is what tells them apart */
    payload.data[LARGE - 1] ^= 1;
    store_frame_build(buf_bytes(&payload), 2, &other);
    memcpy(f->image.data + f->third, other.data + store_frame_step(LARGE),
           other.size - store_frame_step(LARGE));
    assert_int_equal(read_it(f), 0);
    assert_int_equal(f->last, 2); /* whole */
    memset(f->image.data + f->second + HEAD + SECTOR, 0, SECTOR);
    assert_int_equal(read_it(f), 0);
    assert_int_equal(f->last, 1);
    buf_release(&other);
    buf_release(&payload);
}

/* The next frame is written over the foot. When that is torn and a bit turned,
 * too, the frame was told to be durable all the same. */
static void test_damage_before_a_torn_frame(void **state)
{
    struct fixture *f = *state;
    append(f, SMALL, 3);
    take_image(f);
    assert_int_equal(read_it(f), 0);
    assert_int_equal(f->last, 3);
    memset(f->image.data + f->third + HEAD, 0, SMALL); /* torn */
    assert_int_equal(read_it(f), 0);
    assert_int_equal(f->last, 2);
    turn(f, 8 * (f->second + HEAD + 5000));
    assert_int_equal(read_it(f), -ERR_DAMAGED);
    /* Of a small frame the bit is found without help. */
    turn(f, 8 * (f->second + HEAD + 5000));
    turn(f, 8 * (HEAD + 50));
    assert_int_equal(read_it(f), -ERR_DAMAGED); /* frame 2 stands behind it */
}

/* A recycled segment begins with frames that the checkpoint holds. The first
 * write over them, torn so that its middle came alone, leaves the oldest and the
 * youngest of them whole: none of that is a loss. */
static void test_a_torn_first_write_over_older_frames(void **state)
{
    struct fixture *f = *state;
    size_t step = store_frame_step(SMALL);
    for (uint64_t i = 3; i <= 5; i++)
        append(f, SMALL, i);
    take_image(f);
    for (size_t torn = 1; torn < step; torn++) {
        struct store_log_reading covered = {
            .visit = see, .context = f, .applied = 5, .last = 5};
        memset(f->image.data + f->third + step, (int)torn, torn);
        assert_int_equal(store_log_read_segment(&covered, f->image.data,
                                                f->image.size, NULL),
                         0);
        assert_true(covered.last <= 5);
    }
    assert_int_equal(read_it(f), -ERR_DAMAGED); /* were they still needed */
}

static void test_small_frames_have_no_foot(void **state)
{
    struct buf frame = {0};
    static const uint8_t zeroes[STORE_LOG_REPAIR_MAX + 1];
    (void)state;
    store_frame_build(bytes_of(zeroes, STORE_LOG_REPAIR_MAX), 7, &frame);
    assert_int_equal(frame.size, store_frame_step(STORE_LOG_REPAIR_MAX));
    buf_clear(&frame);
    store_frame_build(bytes_of(zeroes, STORE_LOG_REPAIR_MAX + 1), 7, &frame);
    assert_int_equal(frame.size, store_frame_step(STORE_LOG_REPAIR_MAX + 1) +
                                     HEAD + 9 * 4 + 4);
    buf_release(&frame);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_flipped_bit_of_a_large_last_frame),
        TEST(test_a_torn_large_frame_is_dropped),
        TEST(test_a_foot_of_an_older_frame_says_nothing),
        TEST(test_damage_before_a_torn_frame),
        TEST(test_a_torn_first_write_over_older_frames),
        TEST(test_small_frames_have_no_foot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
