/* The store: what a commit promised is there again, whatever happened. */
#include "sys/committer.h"
#include "sys/store_batch.h"
#include "sys/store_log.h"
#include "tests/unit/store_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void test_records_come_back_in_order(void **state)
{
    struct store *store = must_open(*state);

    must_commit(store, op_put("tasks", "b", "2"));
    must_commit(store, op_put("tasks", "a", "1"));
    must_commit(store, op_put("jobs", "z", ""));
    must_commit(store, op_put("tasks", "c", "3"));
    must_commit(store, op_delete("tasks", "b"));
    must_commit(store, op_delete("tasks", "never"));
    store_close(store);
    store = must_open(*state);
    expect(store, "jobs/z= tasks/a=1 tasks/c=3 ");
    must_commit(store, op_put("jobs", "z", "9"));
    expect(store, "jobs/z=9 tasks/a=1 tasks/c=3 ");
    store_close(store);
}

static void test_a_crash_loses_no_commit(void **state)
{
    crash_after(*state, work_three);
    struct store *store = must_open(*state);
    expect(store, "t/a=1 t/b=2 t/c=3 ");
    store_close(store);
}

static void work_more(struct store *store)
{
    must_commit(store, op_put("t", "b", "22"));
    must_commit(store, op_delete("t", "a"));
}

static void test_crash_after_crash(void **state)
{
    crash_after(*state, work_three);
    for (int i = 0; i < 5; i++)
        crash_after(*state, work_more);
    struct store *store = must_open(*state);
    expect(store, "t/b=22 t/c=3 ");
    store_close(store);
}

static void test_opening_gives_every_record_once(void **state)
{
    const struct fixture *f = *state;
    struct store *store;
    struct buf seen = {0};

    store = must_open(f);
    must_commit(store, op_put("a", "x", "0"));
    must_commit(store, op_put("t", "a", "0"));
    must_commit(store, op_put("t", "e", "0"));
    store_close(store);
    crash_after(f, work_three); /* what follows is in the log alone */
    crash_after(f, work_more);
    assert_int_equal(store_open_each(&store, f->dir, show, &seen, NULL), 0);
    assert_string_equal(buf_text(&seen), "a/x=0 t/b=22 t/c=3 t/e=0 ");
    expect(store, "a/x=0 t/b=22 t/c=3 t/e=0 ");
    store_close(store);
    buf_release(&seen);
}

static int refuse(void *context, const char *table, struct bytes key,
                  struct bytes value, struct err *err)
{
    (void)context;
    (void)table;
    (void)key;
    (void)value;
    return err_set(err, ERR_UNSUPPORTED, "not of mine");
}

static void test_a_refused_record_refuses_the_store(void **state)
{
    const struct fixture *f = *state;
    struct store *store = must_open(f);
    struct err err = {0};

    work_three(store);
    store_close(store);
    assert_int_equal(store_open_each(&store, f->dir, refuse, NULL, &err),
                     -ERR_UNSUPPORTED);
    assert_string_equal(err.text, "not of mine");
    store = must_open(f);
    expect(store, "t/a=1 t/b=2 t/c=3 ");
    store_close(store);
}

static int count(void *context, const char *table, struct bytes key,
                 struct bytes value, struct err *err)
{
    (void)table;
    (void)key;
    (void)value;
    (void)err;
    ++*(int *)context;
    return 0;
}

static void test_a_crash_behind_checkpoints(void **state)
{
    int records = 0;

    crash_after(*state, work_checkpoints);
    struct store *store = must_open(*state);
    assert_int_equal(store_each(store, count, &records, NULL), 0);
    assert_int_equal(records, 3 * STORE_SAVE_RECORDS + 1);
    store_close(store);
}

/* Commit 1, 2, 3, ... as fast as possible and tell each number once it is
 * durable. */
static void count_for_ever(const struct fixture *f, int told)
{
    struct store *store = must_open(f);
    char key[16], value[1500];

    memset(value, 'v', sizeof value);
    for (int i = 1;; i++) {
        snprintf(key, sizeof key, "%08d", i);
        struct store_op op = op_put("t", key, "");
        op.value = bytes_of(value, (size_t)(i * 37) % sizeof value + 1);
        if (store_commit(store, &op, 1, NULL) < 0 ||
            write(told, &i, sizeof i) != sizeof i)
            _exit(1);
    }
}

static void test_kill_at_any_moment_loses_nothing_told(void **state)
{
    struct fixture *f = *state;

    for (int round = 1; round <= 15; round++) {
        int ends[2], last = 0, records = 0;
        assert_int_equal(pipe(ends), 0);
        pid_t pid = fork();
        if (pid == 0)
            count_for_ever(f, ends[1]);
        close(ends[1]);
        while (last < round * 61)
            assert_int_equal(read(ends[0], &last, sizeof last), sizeof last);
        kill(pid, SIGKILL);
        while (read(ends[0], &last, sizeof last) == sizeof last)
            ;
        close(ends[0]);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        struct store *store = must_open(f);
        assert_int_equal(store_each(store, count, &records, NULL), 0);
        assert_true(records >= last);
        store_close(store);
    }
}

static void work_nothing(struct store *store)
{
    (void)store;
}

static void test_a_crash_before_the_first_commit(void **state)
{
    crash_after(*state, work_nothing);
    crash_after(*state, work_three);
    struct store *store = must_open(*state);
    expect(store, "t/a=1 t/b=2 t/c=3 ");
    store_close(store);
}

static void test_a_second_opener_is_refused(void **state)
{
    struct store *store = must_open(*state);

    expect_refusal(*state, ERR_BUSY, "has it open", "end that process");
    store_close(store);
}

static void test_a_newer_version_is_refused(void **state)
{
    struct fixture *f = *state;
    char path[128];
    struct store *store = must_open(f);

    store_close(store);
    snprintf(path, sizeof path, "%s/version", f->dir);
    assert_int_equal(file_write(path, bytes_of_text("2\n"), 0600, false, NULL),
                     0);
    expect_refusal(f, ERR_UNSUPPORTED, "version 2, this program knows 1",
                   "newer program");
}

static void test_limits_are_refused_and_change_nothing(void **state)
{
    struct store *store = must_open(*state);
    char key[STORE_KEY_MAX + 2];
    struct store_op op[2] = {op_put("t", "a", "1"), op_put("t", key, "2")};
    struct err err = {0};

    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = 0;
    op[1].key = bytes_of_text(key);
    assert_int_equal(store_commit(store, op, 2, &err), -ERR_LIMIT);
    expect(store, "");
    op[1].key.size = STORE_KEY_MAX;
    assert_int_equal(store_commit(store, op, 2, &err), 0);
    store_close(store);
}

static void test_a_full_disk_stops_the_store(void **state)
{
    struct rlimit before, small = {3 << 20, 3 << 20};
    struct store *store = must_open(*state);
    size_t size = 2 << 20;
    char *big = xcalloc(1, size);
    struct store_op op = op_put("t", "big", "");
    struct err err = {0};

    must_commit(store, op_put("t", "a", "1"));
    op.value = bytes_of(big, size);
    /* A file that may not grow stands for a disk that is full. */
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_FSIZE, &small);
    int status = store_commit(store, &op, 1, &err);
    if (status == 0)
        status = store_commit(store, &op, 1, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_true(status == -ERR_NO_SPACE || status == -ERR_IO);
    op = op_put("t", "later", "x");
    assert_true(store_commit(store, &op, 1, &err) < 0);
    store_close(store);
    free(big);
    store = must_open(*state);
    struct buf out = {0};
    assert_int_equal(store_each(store, show, &out, NULL), 0);
    assert_non_null(strstr(buf_text(&out), "t/a=1 "));
    assert_null(strstr(buf_text(&out), "later"));
    buf_release(&out);
    store_close(store);
}

static void test_committer_keeps_order_and_finishes(void **state)
{
    struct store *store = must_open(*state);
    struct committer *committer;
    int wake = eventfd(0, EFD_CLOEXEC);
    static const char *const value[] = {"0", "1", "2", "3", "4",
                                        "5", "6", "7", "8", "9"};
    struct store_op op[1000];
    uint64_t durable = 0;

    assert_int_equal(committer_open(&committer, store, wake, NULL), 0);
    for (int i = 0; i < 1000; i++) {
        op[i] = op_put("t", value[i / 10 % 10], value[i % 10]);
        assert_int_equal(committer_push(committer, &op[i], 1), i + 1);
    }
    assert_int_equal(committer_wait(committer, 500, NULL), 0);
    assert_int_equal(committer_durable(committer, &durable, NULL), 0);
    assert_true(durable >= 500);
    committer_close(committer);
    expect(store, "t/0=9 t/1=9 t/2=9 t/3=9 t/4=9 t/5=9 t/6=9 t/7=9 t/8=9 "
                  "t/9=9 ");
    store_close(store);
    close(wake);
}

static void test_committer_tells_of_failure(void **state)
{
    struct store *store = must_open(*state);
    struct committer *committer;
    int wake = eventfd(0, EFD_CLOEXEC);
    struct store_op op = op_put("t", "", "no key");
    struct err err = {0};

    assert_int_equal(committer_open(&committer, store, wake, NULL), 0);
    uint64_t number = committer_push(committer, &op, 1);
    assert_int_equal(committer_wait(committer, number, &err), -ERR_LIMIT);
    assert_non_null(strstr(err.text, "key of 0 bytes"));
    op = op_put("t", "later", "good");
    number = committer_push(committer, &op, 1);
    assert_int_equal(committer_wait(committer, number, NULL), -ERR_LIMIT);
    committer_close(committer);
    expect(store, "");
    store_close(store);
    close(wake);
}

/* Every byte of a value is the number that its key is. */
static int check_block(void *context, const char *table, struct bytes key,
                       struct bytes value, struct err *err)
{
    int number = 0;

    (void)table;
    (void)err;
    for (size_t i = 0; i < key.size; i++)
        number = number * 10 + key.data[i] - '0';
    for (size_t i = 0; i < value.size; i += 4095)
        assert_int_equal(value.data[i], number);
    *(size_t *)context += value.size;
    return 0;
}

/* What a batch points to may go as soon as it was pushed; groups are cut where
 * they would become too large. */
static void test_committer_copies_what_it_is_given(void **state)
{
    enum { BATCHES = 40, BYTES = 1 << 20 };
    struct store *store = must_open(*state);
    struct committer *committer;
    struct committer_figures figures;
    int wake = eventfd(0, EFD_CLOEXEC);
    char key[8], *value = xcalloc(1, BYTES);
    size_t bytes = 0;

    assert_int_equal(committer_open(&committer, store, wake, NULL), 0);
    for (int i = 0; i < BATCHES; i++) {
        (void)snprintf(key, sizeof key, "%03d", i);
        memset(value, i, BYTES);
        struct store_op op = {"t", bytes_of_text(key), bytes_of(value, BYTES)};
        assert_int_equal(committer_push(committer, &op, 1), i + 1);
    }
    memset(value, 0xff, BYTES);
    assert_int_equal(committer_wait(committer, BATCHES, NULL), 0);
    committer_figures(committer, &figures);
    assert_int_equal(figures.batches, BATCHES);
    assert_true(figures.syncs >= 3); /* 16 MiB each */
    committer_close(committer);
    assert_int_equal(store_each(store, check_block, &bytes, NULL), 0);
    assert_int_equal(bytes, (size_t)BATCHES * BYTES);
    store_close(store);
    free(value);
    close(wake);
}

static int sum_op(void *context, const struct store_op *op, struct err *err)
{
    (void)err;
    *(size_t *)context += op->key.size + op->value.size;
    return 0;
}

static void test_malformed_batches_are_damage(void **state)
{
    struct store_op op[2] = {op_put("t", "a", "1"), op_delete("t", "b")};
    struct buf batch = {0};
    size_t sum = 0;

    (void)state;
    assert_int_equal(store_batch_encode(op, 2, &batch, NULL), 0);
    assert_int_equal(store_batch_decode(buf_bytes(&batch), sum_op, &sum, NULL),
                     0);
    assert_int_equal(sum, 3);
    for (size_t size = 1; size < batch.size; size++) {
        if (size == 11) /* the end of the first op */
            continue;
        assert_int_equal(
            store_batch_decode(bytes_of(batch.data, size), sum_op, &sum, NULL),
            -ERR_DAMAGED);
    }
    buf_release(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_records_come_back_in_order),
        TEST(test_a_crash_loses_no_commit),
        TEST(test_crash_after_crash),
        TEST(test_a_crash_behind_checkpoints),
        TEST(test_opening_gives_every_record_once),
        TEST(test_a_refused_record_refuses_the_store),
        TEST(test_kill_at_any_moment_loses_nothing_told),
        TEST(test_a_crash_before_the_first_commit),
        TEST(test_a_second_opener_is_refused),
        TEST(test_a_newer_version_is_refused),
        TEST(test_limits_are_refused_and_change_nothing),
        TEST(test_a_full_disk_stops_the_store),
        TEST(test_committer_keeps_order_and_finishes),
        TEST(test_committer_copies_what_it_is_given),
        TEST(test_committer_tells_of_failure),
        TEST(test_malformed_batches_are_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
