#include "sys/store_scan.h"
#include "sys/store_batch.h"
#include "sys/store_checkpoint.h"
#include <errno.h>
#include <lmdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SCAN_SECONDS_MIN = 30, /* of CPU; damage can make LMDB run in circles */
    SCAN_BYTES_PER_SECOND = 32 << 20, /* far below what any disk does */
    SCAN_SOUND = 0,
    SCAN_DAMAGED = 3,
    SCAN_FAILED = 4
};

enum { FREE_LIST = 0, PAGE_FIRST = 2 /* behind the two meta pages */ };

static bool is_behind(struct bytes key, struct bytes last)
{
    size_t size = key.size < last.size ? key.size : last.size;
    int order = memcmp(key.data, last.data, size);

    return order > 0 || (order == 0 && key.size > last.size);
}

/* The sum over all records, and what our own table says of it. */
struct sums {
    uint64_t seen, applied;
    uint64_t said[2]; /* applied, sum */
    bool is_said;
    bool is_ours;    /* our own table is there: no save is without it */
    uint32_t tables; /* none: nothing was saved yet */
};

static void take_meta(struct sums *sums, struct bytes key, struct bytes content)
{
    if (bytes_equal_text(key, STORE_META_APPLIED) &&
        content.size == sizeof sums->applied) {
        memcpy(&sums->applied, content.data, content.size);
        sums->is_ours = true;
    }
    if (bytes_equal_text(key, STORE_META_SUM) &&
        content.size == sizeof sums->said) {
        memcpy(sums->said, content.data, content.size);
        sums->is_said = true;
    }
}

/* What the checksums do not cover must agree with what they do: the order of
 * the keys, their number, the kind of the table. */
static int scan_table(MDB_txn *txn, const char *name, struct sums *sums)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    MDB_dbi dbi;
    MDB_stat stat;
    unsigned flags = 0;
    size_t count = 0;
    uint8_t last[STORE_KEY_MAX];
    size_t last_size = 0;
    struct bytes content;
    bool is_meta = strcmp(name, STORE_META_TABLE) == 0;
    int rc = mdb_dbi_open(txn, name, 0, &dbi);

    if (rc != 0 || (rc = mdb_dbi_flags(txn, dbi, &flags)) != 0 ||
        (rc = mdb_stat(txn, dbi, &stat)) != 0 ||
        (rc = mdb_cursor_open(txn, dbi, &cursor)) != 0)
        return rc;
    if (flags != 0)
        return MDB_CORRUPTED;
    while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        struct bytes k = bytes_of(key.mv_data, key.mv_size);
        if (k.size > sizeof last || !is_behind(k, bytes_of(last, last_size)) ||
            !store_value_open(k, bytes_of(value.mv_data, value.mv_size),
                              &content))
            return MDB_CORRUPTED;
        if (is_meta)
            take_meta(sums, k, content);
        else
            sums->seen +=
                store_record_sum(name, bytes_of(value.mv_data, value.mv_size));
        memcpy(last, k.data, k.size);
        last_size = k.size;
        count++;
    }
    return rc != MDB_NOTFOUND         ? rc
           : count != stat.ms_entries ? MDB_CORRUPTED
                                      : 0;
}

/* One entry of the free list: a count, then page numbers that fall. */
static bool pages_are_free(MDB_val value, size_t last_page, uint8_t *seen)
{
    size_t count = value.mv_size / sizeof(size_t), page, before = SIZE_MAX;

    if (count == 0 || value.mv_size % sizeof page != 0)
        return false;
    memcpy(&page, value.mv_data, sizeof page);
    if (page > count - 1)
        return false; /* fewer is fine: entries are reserved in advance */
    count = page + 1;
    for (size_t i = 1; i < count; i++) {
        memcpy(&page, (char *)value.mv_data + i * sizeof page, sizeof page);
        if (page < PAGE_FIRST || page > last_page || page >= before ||
            (seen[page / 8] & 1 << page % 8) != 0)
            return false;
        seen[page / 8] |= (uint8_t)(1 << page % 8);
        before = page;
    }
    return true;
}

/* LMDB writes to the pages of the free list without another look. */
static int scan_free_list(MDB_env *env, MDB_txn *txn)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    MDB_envinfo info;
    uint8_t *seen;
    int rc = mdb_env_info(env, &info);

    if (rc == 0)
        rc = mdb_cursor_open(txn, FREE_LIST, &cursor);
    if (rc != 0)
        return rc;
    seen = calloc(info.me_last_pgno / 8 + 1, 1);
    if (seen == NULL)
        return ENOMEM;
    while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        if (!pages_are_free(value, info.me_last_pgno, seen))
            return MDB_CORRUPTED;
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int scan_tables(MDB_txn *txn)
{
    MDB_cursor *cursor;
    MDB_val name, unused;
    MDB_dbi names;
    char table[STORE_TABLE_MAX + 1];
    struct sums sums = {0};
    int rc = mdb_dbi_open(txn, NULL, 0, &names);

    if (rc == 0)
        rc = mdb_cursor_open(txn, names, &cursor);
    if (rc != 0)
        return rc;
    while ((rc = mdb_cursor_get(cursor, &name, &unused, MDB_NEXT)) == 0) {
        if (name.mv_size > STORE_TABLE_MAX)
            return MDB_CORRUPTED;
        memcpy(table, name.mv_data, name.mv_size);
        table[name.mv_size] = 0;
        sums.tables++;
        rc = scan_table(txn, table, &sums);
        if (rc != 0)
            return rc;
    }
    if (rc == MDB_NOTFOUND && sums.tables > 0 &&
        (!sums.is_ours || (sums.is_said && sums.said[0] == sums.applied &&
                           sums.said[1] != sums.seen)))
        return MDB_CORRUPTED;
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* 0, an errno, or LMDB's own numbers, which are negative. */
static int scan_file(const char *path)
{
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    int rc;

    if ((rc = mdb_env_create(&env)) == 0 &&
        (rc = mdb_env_set_maxdbs(env, STORE_TABLES_MAX)) == 0 &&
        (rc = mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_RDONLY,
                           0600)) == 0 &&
        (rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn)) == 0 &&
        (rc = scan_tables(txn)) == 0)
        rc = scan_free_list(env, txn);
    if (txn != NULL)
        mdb_txn_abort(txn);
    if (env != NULL)
        mdb_env_close(env);
    return rc;
}

int store_scan_here(const char *data_path)
{
    return scan_file(data_path) == 0 ? 0 : -ERR_DAMAGED;
}

/* In the child: it never returns, and tidies nothing up. */
static void scan_and_exit(const char *path, int64_t size)
{
    rlim_t seconds = SCAN_SECONDS_MIN + (rlim_t)(size / SCAN_BYTES_PER_SECOND);
    struct rlimit cpu = {seconds, seconds}, no_core = {0, 0};

    (void)setrlimit(RLIMIT_CPU, &cpu);
    (void)setrlimit(RLIMIT_CORE, &no_core);
    int rc = scan_file(path);
    _exit(rc == 0                  ? SCAN_SOUND
          : rc > 0 && rc != ENOENT ? SCAN_FAILED /* an errno */
                                   : SCAN_DAMAGED);
}

int store_scan(const char *data_path, struct err *err)
{
    struct stat st;
    int status = 0;
    pid_t pid;

    if (stat(data_path, &st) < 0)
        return errno == ENOENT ? 0
                               : err_set(err, ERR_IO, "cannot open '%s': %s",
                                         data_path, strerror(errno));
    if (st.st_size == 0)
        return 0; /* made, and never written */
    pid = fork();
    if (pid == 0)
        scan_and_exit(data_path, st.st_size);
    if (pid < 0)
        return err_set(err, ERR_IO, "cannot fork to check '%s': %s", data_path,
                       strerror(errno));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == SCAN_SOUND)
        return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == SCAN_FAILED)
        return err_set(err, ERR_IO, "cannot read '%s'", data_path);
    return err_set(
        err, ERR_DAMAGED, "checkpoint '%s' is damaged: %s", data_path,
        WIFSIGNALED(status) ? "reading it crashes"
                            : "a checksum or the structure is wrong");
}
