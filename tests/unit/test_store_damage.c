/* The store beside damage to its files: what was torn is dropped, what turned
 * is put right or refused, nothing is guessed over. */
#include "tests/unit/store_kit.h"

#include <sys/stat.h>

static void test_a_torn_tail_is_dropped(void **state)
{
    char path[256];

    crash_after(*state, work_three);
    segment(*state, path);
    /* The third frame: two of 24 bytes of head and 11 of batch, padded. */
    tear(path, 2 * (24 + 16) + 28, 12);
    struct store *store = must_open(*state);
    assert_int_equal(store_repaired(store), 0);
    expect(store, "t/a=1 t/b=2 ");
    must_commit(store, op_put("t", "d", "4"));
    store_close(store);
    store = must_open(*state);
    expect(store, "t/a=1 t/b=2 t/d=4 ");
    store_close(store);
}

static void test_a_flipped_bit_of_the_last_frame_is_put_right(void **state)
{
    struct fixture *f = *state;
    char path[256], copy[160];

    crash_after(f, work_three);
    segment(f, path);
    struct buf log = {0};
    assert_int_equal(file_read(path, 64 << 20, &log, NULL), 0);
    for (long bit = 0; bit < 8 * (24 + 11); bit++) {
        snprintf(copy, sizeof copy, "%s/data.mdb", f->dir);
        unlink(copy); /* the log holds everything */
        struct bytes all = buf_bytes(&log);
        assert_int_equal(file_write(path, all, 0600, false, NULL), 0);
        FILE *file = fopen(path, "r+b");
        assert_non_null(file);
        fseek(file, 2 * (24 + 16) + bit / 8, SEEK_SET);
        fputc(log.data[2 * (24 + 16) + bit / 8] ^ 1 << bit % 8, file);
        fclose(file);
        struct store *store = must_open(f);
        assert_int_equal(store_repaired(store), 1);
        expect(store, "t/a=1 t/b=2 t/c=3 ");
        store_close(store);
        /* It went on in another segment. */
        snprintf(copy, sizeof copy, "%s/log/0000000002.log", f->dir);
        unlink(copy);
    }
    buf_release(&log);
}

static void test_a_damaged_middle_is_refused(void **state)
{
    char path[256];

    crash_after(*state, work_three);
    segment(*state, path);
    flip(path, 24 + 16 + 30);
    expect_refusal(*state, ERR_DAMAGED,
                   "offset 40: a frame is damaged or missing",
                   "clusterctl backup restore");
    flip(path, 24 + 16 + 30);
    struct store *store = must_open(*state);
    expect(store, "t/a=1 t/b=2 t/c=3 ");
    store_close(store);
}

static void test_a_damaged_checkpoint_is_refused_not_crashed_on(void **state)
{
    struct fixture *f = *state;
    char path[128];
    struct stat st;
    int refused = 0;
    struct store *store = must_open(f);

    work_checkpoints(store);
    store_close(store);
    snprintf(path, sizeof path, "%s/data.mdb", f->dir);
    assert_int_equal(stat(path, &st), 0);
    /* A bit of content, of a page's head and of its pointers, in turn; each
     * either hurts or lies in a free page. */
    static const long inside[] = {3990, 10, 20};
    for (int i = 0; (2 + 7 * i + 1) * 4096 < st.st_size; i++) {
        long at = (2 + 7 * i) * 4096 + inside[i % 3];
        struct err err = {0};
        flip(path, at);
        int status = store_open(&store, f->dir, &err);
        if (status == 0) {
            store_close(store);
        } else {
            assert_int_equal(status, -ERR_DAMAGED);
            assert_non_null(strstr(err.hint, "move that directory"));
            refused++;
        }
        flip(path, at);
    }
    assert_true(refused >= 5);
}

static void test_an_overwritten_checkpoint_is_refused(void **state)
{
    struct fixture *f = *state;
    char path[128];
    struct store *store = must_open(f);

    work_three(store);
    store_close(store);
    snprintf(path, sizeof path, "%s/data.mdb", f->dir);
    assert_int_equal(file_write(path, bytes_of_text("not a database at all"),
                                0600, false, NULL),
                     0);
    expect_refusal(f, ERR_DAMAGED, "data.mdb", "clusterctl backup restore");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_torn_tail_is_dropped),
        TEST(test_a_flipped_bit_of_the_last_frame_is_put_right),
        TEST(test_a_damaged_middle_is_refused),
        TEST(test_a_damaged_checkpoint_is_refused_not_crashed_on),
        TEST(test_an_overwritten_checkpoint_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
