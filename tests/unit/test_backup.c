/* Backups: taken while commits go on, whole or refused, and a store again. */
#include "base/alloc.h"
#include "base/hash.h"
#include "base/vec.h"
#include "sys/backup_restore.h"
#include "sys/committer.h"
#include "sys/file.h"
#include "sys/store_copy.h"
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

enum { KEYS = 2000, MADE_MS = 1000000 };

struct fixture {
    char root[64], store[96], backups[96], again[96];
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);

    snprintf(f->root, sizeof f->root, "/tmp/perigee-backup.XXXXXX");
    assert_non_null(mkdtemp(f->root));
    snprintf(f->store, sizeof f->store, "%s/store", f->root);
    snprintf(f->backups, sizeof f->backups, "%s/backups", f->root);
    snprintf(f->again, sizeof f->again, "%s/again", f->root);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    dir_remove(f->root, NULL);
    free(f);
    return 0;
}

static struct store *must_open(const char *dir)
{
    struct store *store;
    struct err err = {0};

    if (store_open(&store, dir, &err) < 0)
        fail_msg("%s", err.text);
    return store;
}

static void put(struct store *store, const char *table, int key, int value)
{
    char k[16], v[64];
    struct err err = {0};

    snprintf(k, sizeof k, "%06d", key);
    snprintf(v, sizeof v, "value %d of the key %d", value, key);
    struct store_op op = {table, bytes_of_text(k), bytes_of_text(v)};
    if (store_commit(store, &op, 1, &err) < 0)
        fail_msg("%s", err.text);
}

static struct store_backup request_of(const struct fixture *f, int64_t ms)
{
    struct store_backup request = {
        .created_ms = ms, .keep = 48, .bytes_per_s = INT64_C(1) << 40};

    snprintf(request.dir, sizeof request.dir, "%s", f->backups);
    return request;
}

static void wait_over(struct store *store, struct backup_result *result)
{
    struct err err = {0};

    for (int i = 0; i < 2000; i++) {
        if (store_save_if_due(store, &err) < 0)
            fail_msg("%s", err.text);
        if (store_backup_take(store, result))
            return;
        (void)poll(NULL, 0, 5);
    }
    fail_msg("the backup does not end");
}

static void path_of(const struct fixture *f, int64_t ms, char path[PATH_MAX])
{
    char name[BACKUP_NAME_MAX];

    assert_int_equal(backup_path(f->backups, backup_name(ms, name), path, NULL),
                     0);
}

/* A small store and its backup; the path of that. */
static void make_small(const struct fixture *f, char path[PATH_MAX])
{
    struct backup_result result;
    struct store_backup request = request_of(f, MADE_MS);
    struct store *store = must_open(f->store);

    for (int i = 0; i < 20; i++)
        put(store, i % 2 ? "odd" : "even", i, 7);
    assert_int_equal(store_backup_begin(store, &request, NULL), 0);
    wait_over(store, &result);
    assert_int_equal(result.err.code, ERR_NONE);
    store_close(store);
    path_of(f, MADE_MS, path);
}

static int sum(void *context, const char *table, struct bytes key,
               struct bytes value, struct err *err)
{
    uint64_t *total = context;

    (void)err;
    *total = hash64(value, hash64(key, hash64(bytes_of_text(table), *total)));
    return 0;
}

static uint64_t sum_of_store(const char *dir)
{
    struct store *store = must_open(dir);
    uint64_t total = 0;

    assert_int_equal(store_each(store, sum, &total, NULL), 0);
    store_close(store);
    return total;
}

/* --- tests --- */

static void test_a_backup_is_the_store_of_one_moment(void **state)
{
    const struct fixture *f = *state;
    struct backup_result result;
    struct store_backup request = request_of(f, MADE_MS);
    struct backup_summary summary;
    char path[PATH_MAX];
    uint64_t before = 0, backed_up = 0;
    struct store *store = must_open(f->store);

    for (int i = 0; i < KEYS; i++)
        put(store, "t", i, 1);
    assert_int_equal(store_each(store, sum, &before, NULL), 0);
    request.bytes_per_s = 128 << 10; /* slow enough to be overtaken */
    assert_int_equal(store_backup_begin(store, &request, NULL), 0);
    assert_int_equal(store_backup_begin(store, &request, NULL), -ERR_BUSY);
    assert_int_equal(store_save_if_due(store, NULL), 0); /* this moment */
    for (int i = 0; !store_backup_take(store, &result); i++) {
        put(store, "t", i % (2 * KEYS), 2);
        put(store, "later", i % KEYS, 3);
    }
    if (result.err.code != ERR_NONE)
        fail_msg("%s", result.err.text);
    store_close(store);
    path_of(f, MADE_MS, path);
    assert_int_equal(backup_read(path, sum, &backed_up, &summary, NULL), 0);
    assert_int_equal(backup_records(&summary, "t"), KEYS);
    assert_int_equal(backup_records(&summary, "later"), 0);
    assert_int_equal(summary.sequence, KEYS);
    assert_true(before == backed_up);
}

static void test_restored_it_is_the_same_store(void **state)
{
    const struct fixture *f = *state;
    char path[PATH_MAX], kept[PATH_MAX];
    struct backup_summary summary;

    make_small(f, path);
    assert_int_equal(
        backup_restore(path, f->again, NULL, NULL, &summary, kept, NULL), 0);
    assert_string_equal(kept, "");
    assert_true(sum_of_store(f->again) == sum_of_store(f->store));
}

static void test_what_was_replaced_is_kept(void **state)
{
    const struct fixture *f = *state;
    char path[PATH_MAX], kept[PATH_MAX];
    struct backup_summary summary;
    uint64_t before;

    make_small(f, path);
    struct store *store = must_open(f->again);
    put(store, "t", 1, 1);
    struct err err = {0};
    assert_int_equal(
        backup_restore(path, f->again, NULL, NULL, &summary, kept, &err),
        -ERR_BUSY);
    store_close(store);
    before = sum_of_store(f->again);
    if (backup_restore(path, f->again, NULL, NULL, &summary, kept, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(sum_of_store(f->again) == sum_of_store(f->store));
    assert_true(sum_of_store(kept) == before);
}

/* The folder around a store, or any other, is not taken for it. */
static void test_only_a_store_is_replaced(void **state)
{
    const struct fixture *f = *state;
    char path[PATH_MAX], kept[PATH_MAX], inner[PATH_MAX + 16];
    struct backup_summary summary;
    struct err err = {0};

    make_small(f, path);
    assert_int_equal(mkdir(f->again, 0700), 0);
    (void)snprintf(inner, sizeof inner, "%s/store", f->again);
    store_close(must_open(inner));
    assert_int_equal(
        backup_restore(path, f->again, NULL, NULL, &summary, kept, &err),
        -ERR_CONFLICT);
    assert_non_null(strstr(err.text, "is no store"));
    assert_non_null(strstr(err.hint, "WORK_DIR/store"));
    assert_int_equal(dir_remove(inner, NULL), 0);
    assert_int_equal(
        backup_restore(path, f->again, NULL, NULL, &summary, kept, &err), 0);
}

static void change_file(const char *path, long at, int mask)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    uint8_t byte;

    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= (uint8_t)mask;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void test_every_flip_and_every_cut_is_refused(void **state)
{
    const struct fixture *f = *state;
    char path[PATH_MAX], kept[PATH_MAX];
    struct backup_summary summary;
    struct stat st;
    struct err err = {0};

    make_small(f, path);
    assert_int_equal(stat(path, &st), 0);
    for (long bit = 0; bit < 8 * st.st_size; bit++) {
        change_file(path, bit / 8, 1 << bit % 8);
        assert_int_equal(backup_read(path, NULL, NULL, NULL, &err),
                         -ERR_DAMAGED);
        change_file(path, bit / 8, 1 << bit % 8);
    }
    assert_non_null(strstr(err.hint, "another backup"));
    assert_int_equal(backup_read(path, NULL, NULL, NULL, NULL), 0);
    for (long size = st.st_size; size-- > 0;) {
        assert_int_equal(truncate(path, size), 0);
        assert_int_equal(backup_read(path, NULL, NULL, NULL, NULL),
                         -ERR_DAMAGED);
        assert_int_equal(backup_summarize(path, &summary, NULL), -ERR_DAMAGED);
    }
    assert_int_equal(
        backup_restore(path, f->again, NULL, NULL, &summary, kept, NULL),
        -ERR_DAMAGED);
    assert_int_equal(access(f->again, F_OK), -1);
}

static void test_frames_of_another_backup_are_refused(void **state)
{
    const struct fixture *f = *state;
    struct backup_summary head = {.created_ms = 1}, summary;
    char path[2][PATH_MAX];
    uint8_t tail[2][4096];
    ssize_t size = 0;

    assert_int_equal(dir_make(f->backups, 0700, NULL), 0);
    for (int i = 0; i < 2; i++) {
        struct backup_writer *w;
        path_of(f, i, path[i]);
        head.sequence = (uint64_t)i;
        assert_int_equal(
            backup_writer_open(&w, path[i], &head, NULL, NULL, NULL), 0);
        assert_int_equal(backup_writer_add(w, "t", bytes_of_text("k"),
                                           bytes_of_text(""), NULL),
                         0);
        assert_int_equal(backup_writer_end(w, &summary, NULL), 0);
        backup_writer_free(w);
        int fd = open(path[i], O_RDONLY | O_CLOEXEC);
        size = read(fd, tail[i], sizeof tail[i]);
        close(fd);
    }
    /* The head of the one, the rest of the other. */
    uint32_t head_size;
    memcpy(&head_size, tail[0] + 4, sizeof head_size);
    size_t at = 24 + head_size;
    int fd = open(path[0], O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, tail[1] + at, (size_t)size - at, (off_t)at),
                     size - (ssize_t)at);
    close(fd);
    assert_int_equal(backup_read(path[0], NULL, NULL, NULL, NULL),
                     -ERR_DAMAGED);
    assert_int_equal(backup_read(path[1], NULL, NULL, NULL, NULL), 0);
}

/* One frame, as backup_file.h draws it. */
static uint64_t add_frame(struct buf *to, const char *magic, uint64_t before,
                          const void *data, uint32_t size)
{
    uint8_t head[16];

    memcpy(head, magic, 4);
    memcpy(head + 4, &size, 4);
    memcpy(head + 8, &before, 8);
    uint64_t sum =
        hash64(bytes_of(data, size), hash64(bytes_of(head, sizeof head), 0));
    buf_add(to, head, sizeof head);
    buf_add(to, &sum, sizeof sum);
    buf_add(to, data, size);
    return sum;
}

/* Its head has field 1 (format) or 4 (version of the store) one too high. */
static void test_a_newer_one_is_refused(void **state)
{
    static const uint8_t heads[2][4] = {
        {0x08, BACKUP_FORMAT + 1, 0x20, 1},
        {0x08, BACKUP_FORMAT, 0x20, STORE_VERSION + 1}};
    const struct fixture *f = *state;
    char path[128];

    snprintf(path, sizeof path, "%s/newer.backup", f->root);
    for (int i = 0; i < 2; i++) {
        struct buf file = {0};
        struct err err = {0};
        uint64_t before = add_frame(&file, "PBkH", 0, heads[i], 4);
        uint64_t end = file.size;
        (void)add_frame(&file, "PBkE", before, "", 0);
        buf_add(&file, &end, sizeof end);
        buf_add(&file, "PBkTail1", 8);
        assert_int_equal(file_write(path, buf_bytes(&file), 0600, false, NULL),
                         0);
        assert_int_equal(backup_read(path, NULL, NULL, NULL, &err),
                         -ERR_UNSUPPORTED);
        assert_non_null(strstr(err.hint, "programs that made it"));
        buf_release(&file);
    }
}

static void test_one_over_the_limit_and_the_oldest_goes(void **state)
{
    const struct fixture *f = *state;
    struct store *store = must_open(f->store);
    struct backup_names names = {0};
    char name[BACKUP_NAME_MAX], left[PATH_MAX];

    put(store, "t", 1, 1);
    assert_int_equal(dir_make(f->backups, 0700, NULL), 0);
    snprintf(left, sizeof left, "%s/%s.backup.part", f->backups,
             backup_name(5, name));
    assert_int_equal(file_write(left, bytes_of_text("x"), 0600, false, NULL),
                     0);
    for (int64_t ms = 1; ms <= 4; ms++) {
        struct backup_result result;
        struct store_backup request = request_of(f, ms * 86400000);
        request.keep = 3;
        assert_int_equal(store_backup_begin(store, &request, NULL), 0);
        wait_over(store, &result);
        assert_int_equal(result.err.code, ERR_NONE);
    }
    store_close(store);
    assert_int_equal(backup_list(f->backups, &names, NULL), 0);
    assert_int_equal(names.count, 3);
    assert_string_equal(names.item[0], "19700103T000000.000Z");
    assert_string_equal(names.item[2], "19700105T000000.000Z");
    assert_int_equal(access(left, F_OK), -1);
    vec_free(&names);
}

static void test_one_that_fails_does_no_harm(void **state)
{
    const struct fixture *f = *state;
    struct store *store = must_open(f->store);
    struct backup_result result;
    struct store_backup request = request_of(f, MADE_MS);

    put(store, "t", 1, 1);
    assert_int_equal(
        file_write(f->backups, bytes_of_text("in the way"), 0600, false, NULL),
        0);
    assert_int_equal(store_backup_begin(store, &request, NULL), 0);
    wait_over(store, &result);
    assert_int_not_equal(result.err.code, ERR_NONE);
    put(store, "t", 2, 2);
    assert_int_equal(unlink(f->backups), 0);
    assert_int_equal(store_backup_begin(store, &request, NULL), 0);
    wait_over(store, &result);
    assert_int_equal(result.err.code, ERR_NONE);
    store_close(store);
}

static void test_one_that_is_overtaken_too_far_is_given_up(void **state)
{
    const struct fixture *f = *state;
    struct store *store = must_open(f->store);
    struct backup_result result;
    struct store_backup request = request_of(f, MADE_MS);
    struct store_op op[4096];
    static char key[4096][16];
    char path[PATH_MAX];
    struct err err = {0};

    for (int i = 0; i < 4096; i++) {
        snprintf(key[i], sizeof key[i], "%06d", i);
        op[i] = (struct store_op){"t", bytes_of_text(key[i]),
                                  bytes_of_text(f->root)};
    }
    request.bytes_per_s = 1;
    assert_int_equal(store_commit(store, op, 4096, NULL), 0);
    for (int i = 0; i < 4; i++) { /* more than one frame */
        for (int k = 0; k < 4096; k++)
            key[k][0] = (char)('a' + i);
        assert_int_equal(store_commit(store, op, 4096, NULL), 0);
    }
    assert_int_equal(store_backup_begin(store, &request, NULL), 0);
    while (!store_backup_take(store, &result))
        if (store_commit(store, op, 4096, &err) < 0)
            fail_msg("%s", err.text);
    /* It hurried, or was given up: both are fine, waiting is not. */
    if (result.err.code != ERR_NONE) {
        assert_int_equal(result.err.code, ERR_BUSY);
        path_of(f, MADE_MS, path);
        assert_int_equal(access(path, F_OK), -1);
    }
    store_close(store);
}

/* A disk that is slow all the time holds a backup up, but does not stop it. */
static void test_one_that_rests_goes_on(void **state)
{
    enum { BYTES = 8 * BACKUP_PIECE_BYTES };
    const struct fixture *f = *state;
    struct store *store = must_open(f->store);
    struct store_backup request = request_of(f, MADE_MS);
    struct store_op op = {"t", bytes_of_text("large"), {NULL, BYTES}};
    struct backup_result result;
    struct store_copy *copy;
    char data[PATH_MAX], *value = xcalloc(1, BYTES);
    struct err err = {0};

    op.value.data = (const uint8_t *)value;
    assert_int_equal(store_commit(store, &op, 1, NULL), 0);
    store_close(store);
    snprintf(data, sizeof data, "%s/data.mdb", f->store);
    assert_int_equal(store_copy_begin(&copy, data, 1, &request, &err), 0);
    while (!store_copy_is_over(copy)) {
        store_copy_note_sync(copy, STORE_COPY_SLOW_NS + 1);
        (void)poll(NULL, 0, 1);
    }
    store_copy_end(copy, &result);
    assert_int_equal(result.err.code, ERR_NONE);
    assert_int_equal(backup_records(&result.summary, "t"), 1);
    assert_true(result.took_ms < 8 * 60 * STORE_COPY_REST_MS);
    free(value);
}

static void test_the_committer_makes_them(void **state)
{
    const struct fixture *f = *state;
    struct store *store = must_open(f->store);
    struct store_backup request = request_of(f, MADE_MS);
    struct backup_result result;
    struct committer *committer;
    struct pollfd wake = {.fd = eventfd(0, EFD_CLOEXEC), .events = POLLIN};
    uint64_t count;

    assert_int_equal(committer_open(&committer, store, wake.fd, NULL), 0);
    assert_int_equal(committer_backup(committer, &request, NULL), 0);
    assert_int_equal(committer_backup(committer, &request, NULL), -ERR_BUSY);
    while (!committer_backup_take(committer, &result)) {
        assert_int_equal(poll(&wake, 1, 10000), 1);
        (void)!read(wake.fd, &count, sizeof count);
    }
    assert_int_equal(result.err.code, ERR_NONE);
    assert_string_equal(result.name, "19700101T001640.000Z");
    assert_int_equal(committer_backup(committer, &request, NULL), 0);
    committer_close(committer); /* in the middle of it, or before */
    store_close(store);
    close(wake.fd);
}

static void test_names(void **state)
{
    (void)state;
    assert_true(backup_name_ok("20261121T091250.123Z"));
    assert_false(backup_name_ok("20261121T091250.123Z/"));
    assert_false(backup_name_ok("2026112xT091250.123Z"));
    assert_false(backup_name_ok("../../etc/passwd"));
    assert_false(backup_name_ok(""));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_backup_is_the_store_of_one_moment),
        TEST(test_restored_it_is_the_same_store),
        TEST(test_what_was_replaced_is_kept),
        TEST(test_only_a_store_is_replaced),
        TEST(test_every_flip_and_every_cut_is_refused),
        TEST(test_frames_of_another_backup_are_refused),
        TEST(test_a_newer_one_is_refused),
        TEST(test_one_over_the_limit_and_the_oldest_goes),
        TEST(test_one_that_fails_does_no_harm),
        TEST(test_one_that_is_overtaken_too_far_is_given_up),
        TEST(test_one_that_rests_goes_on),
        TEST(test_the_committer_makes_them),
        TEST(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
