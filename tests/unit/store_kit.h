/* A store in a directory of its own, for tests: opening, writing, reading,
 * crashing, and damage to its files. */
#pragma once
#include "base/alloc.h"
#include "sys/file.h"
#include "sys/store.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    char root[64];
    char dir[96];
};

static inline int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);

    snprintf(f->root, sizeof f->root, "/tmp/perigee-store.XXXXXX");
    assert_non_null(mkdtemp(f->root));
    snprintf(f->dir, sizeof f->dir, "%s/store", f->root);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;

    dir_remove(f->root, NULL);
    free(f);
    return 0;
}

static inline struct store *must_open(const struct fixture *f)
{
    struct store *store;
    struct err err = {0};

    if (store_open(&store, f->dir, &err) < 0)
        fail_msg("%s", err.text);
    return store;
}

static inline struct store_op op_put(const char *table, const char *key,
                                     const char *value)
{
    return (struct store_op){table, bytes_of_text(key), bytes_of_text(value)};
}

static inline struct store_op op_delete(const char *table, const char *key)
{
    return (struct store_op){table, bytes_of_text(key), {0}};
}

static inline void must_commit(struct store *store, struct store_op op)
{
    struct err err = {0};
    if (store_commit(store, &op, 1, &err) < 0)
        fail_msg("%s", err.text);
}

static inline int show(void *context, const char *table, struct bytes key,
                       struct bytes value, struct err *err)
{
    (void)err;
    buf_addf(context, "%s/%.*s=%.*s ", table, (int)key.size,
             (const char *)key.data, (int)value.size, (const char *)value.data);
    return 0;
}

static inline void expect(struct store *store, const char *want)
{
    struct buf out = {0};
    struct err err = {0};

    if (store_each(store, show, &out, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(buf_text(&out), want);
    buf_release(&out);
}

/* End a process that did `work` on the store without letting it close. */
static inline void crash_after(const struct fixture *f,
                               void (*work)(struct store *store))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        work(must_open(f));
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static inline void segment(const struct fixture *f, char path[256])
{
    char log[128];
    struct dirent *entry;

    snprintf(log, sizeof log, "%s/log", f->dir);
    DIR *dir = opendir(log);
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        if (strstr(entry->d_name, ".log"))
            snprintf(path, 256, "%s/%.20s", log, entry->d_name);
    closedir(dir);
}

static inline void flip(const char *path, long at)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, at, at < 0 ? SEEK_END : SEEK_SET);
    int byte = fgetc(file);
    fseek(file, -1, SEEK_CUR);
    fputc(byte ^ 0x40, file);
    fclose(file);
}

/* Bytes that did not reach the disk. */
static inline void tear(const char *path, long at, long size)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, at, SEEK_SET);
    for (long i = 0; i < size; i++)
        fputc(0, file);
    fclose(file);
}

static inline void work_three(struct store *store)
{
    must_commit(store, op_put("t", "a", "1"));
    must_commit(store, op_put("t", "b", "2"));
    must_commit(store, op_put("t", "c", "3"));
}

static inline void work_checkpoints(struct store *store)
{
    char key[32];

    for (int i = 0; i < 3 * STORE_SAVE_RECORDS / 64; i++) {
        struct store_op op[64];
        char keys[64][32];
        for (int k = 0; k < 64; k++) {
            snprintf(keys[k], sizeof keys[k], "%08d", i * 64 + k);
            op[k] = op_put("t", keys[k], "value");
        }
        assert_int_equal(store_commit(store, op, 64, NULL), 0);
    }
    snprintf(key, sizeof key, "last");
    must_commit(store, op_put("u", key, "x"));
}

static inline void expect_refusal(const struct fixture *f, enum err_code code,
                                  const char *part, const char *hint)
{
    struct store *store;
    struct err err = {0};

    assert_int_equal(store_open(&store, f->dir, &err), -(int)code);
    if (strstr(err.text, part) == NULL)
        fail_msg("'%s' lacks '%s'", err.text, part);
    if (strstr(err.hint, hint) == NULL)
        fail_msg("hint '%s' lacks '%s'", err.hint, hint);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
