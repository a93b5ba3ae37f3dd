#include "sys/store_scan.h"
#include "sys/store_batch.h"
#include "sys/store_checkpoint.h"
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
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
    BATCH_BYTES = 256 << 10,          /* handed over at a time */
    PIPE_BYTES = 1 << 20,
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

/* --- handing over, in the child --- */

struct sender {
    int fd;           /* a pipe; -1: nobody reads */
    struct buf batch; /* behind the room for its u32 size */
};

static void send_batch(struct sender *sender)
{
    uint32_t size = (uint32_t)(sender->batch.size - sizeof size);
    const uint8_t *at = sender->batch.data;
    size_t left = sender->batch.size;

    if (sender->fd < 0 || left == 0)
        return;
    memcpy(sender->batch.data, &size, sizeof size);
    while (left > 0) {
        ssize_t done = write(sender->fd, at, left);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            _exit(SCAN_FAILED); /* the parent has given up */
        at += done;
        left -= (size_t)done;
    }
    buf_clear(&sender->batch);
}

static int hand_over(struct sender *sender, const char *table, struct bytes key,
                     struct bytes content)
{
    struct store_op op = {table, key, content};

    if (sender->fd < 0 || strcmp(table, STORE_META_TABLE) == 0)
        return 0;
    if (sender->batch.size == 0)
        buf_add(&sender->batch, "size", sizeof(uint32_t));
    if (store_batch_encode(&op, 1, &sender->batch, NULL) < 0)
        return MDB_CORRUPTED;
    if (sender->batch.size >= BATCH_BYTES)
        send_batch(sender);
    return 0;
}

/* --- looking --- */

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
static int scan_table(MDB_txn *txn, const char *name, struct sums *sums,
                      struct sender *sender)
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
        rc = hand_over(sender, name, k, content);
        if (rc != 0)
            return rc;
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

static int scan_tables(MDB_txn *txn, struct sender *sender)
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
        rc = scan_table(txn, table, &sums, sender);
        if (rc != 0)
            return rc;
    }
    if (rc == MDB_NOTFOUND && sums.tables > 0 &&
        (!sums.is_ours || (sums.is_said && sums.said[0] == sums.applied &&
                           sums.said[1] != sums.seen)))
        return MDB_CORRUPTED;
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Where in the log the checkpoint is: the first thing that is handed over. */
static int send_position(MDB_txn *txn, struct sender *sender)
{
    struct bytes key = bytes_of_text(STORE_META_APPLIED), content;
    char name[] = STORE_META_APPLIED;
    MDB_val mdb_key = {sizeof name - 1, name}, found;
    uint64_t applied = 0;
    MDB_dbi dbi;
    int rc;

    if (sender->fd < 0)
        return 0;
    rc = mdb_dbi_open(txn, STORE_META_TABLE, 0, &dbi);
    if (rc == 0)
        rc = mdb_get(txn, dbi, &mdb_key, &found);
    if (rc == 0 &&
        (!store_value_open(key, bytes_of(found.mv_data, found.mv_size),
                           &content) ||
         content.size != sizeof applied))
        rc = MDB_CORRUPTED;
    if (rc != 0 && rc != MDB_NOTFOUND)
        return rc;
    if (rc == 0)
        memcpy(&applied, content.data, sizeof applied);
    buf_add(&sender->batch, "size", sizeof(uint32_t));
    buf_add(&sender->batch, &applied, sizeof applied);
    send_batch(sender);
    return 0;
}

/* 0, an errno, or LMDB's own numbers, which are negative. */
static int scan_file(const char *path, struct sender *sender)
{
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    int rc;

    if ((rc = mdb_env_create(&env)) == 0 &&
        (rc = mdb_env_set_maxdbs(env, STORE_TABLES_MAX)) == 0 &&
        (rc = mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_RDONLY,
                           0600)) == 0 &&
        (rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn)) == 0 &&
        (rc = send_position(txn, sender)) == 0 &&
        (rc = scan_tables(txn, sender)) == 0)
        rc = scan_free_list(env, txn);
    if (rc == 0)
        send_batch(sender);
    buf_release(&sender->batch);
    if (txn != NULL)
        mdb_txn_abort(txn);
    if (env != NULL)
        mdb_env_close(env);
    return rc;
}

int store_scan_here(const char *data_path)
{
    struct sender nobody = {.fd = -1};

    return scan_file(data_path, &nobody) == 0 ? 0 : -ERR_DAMAGED;
}

/* In the child: it never returns, and tidies nothing up. */
static void scan_and_exit(const char *path, int64_t size, int fd)
{
    rlim_t seconds = SCAN_SECONDS_MIN + (rlim_t)(size / SCAN_BYTES_PER_SECOND);
    struct rlimit cpu = {seconds, seconds}, no_core = {0, 0};
    struct sender sender = {.fd = fd};

    (void)setrlimit(RLIMIT_CPU, &cpu);
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)signal(SIGPIPE, SIG_IGN);
    int rc = scan_file(path, &sender);
    _exit(rc == 0                  ? SCAN_SOUND
          : rc > 0 && rc != ENOENT ? SCAN_FAILED /* an errno */
                                   : SCAN_DAMAGED);
}

/* --- in the parent --- */

static int verdict(const char *path, int status, struct err *err)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == SCAN_SOUND)
        return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == SCAN_FAILED)
        return err_set(err, ERR_IO, "cannot read '%s'", path);
    return err_set(err, ERR_DAMAGED, "checkpoint '%s' is damaged: %s", path,
                   WIFSIGNALED(status)
                       ? "reading it crashes"
                       : "a checksum or the structure is wrong");
}

/* All of `size`, or less at the end of the pipe. */
static size_t take(int fd, void *data, size_t size)
{
    size_t taken = 0;

    while (taken < size) {
        ssize_t got = read(fd, (char *)data + taken, size - taken);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        taken += (size_t)got;
    }
    return taken;
}

static int visit_op(void *context, const struct store_op *op, struct err *err)
{
    const struct store_scan_reader *reader = context;

    return reader->visit(reader->context, op->table, op->key, op->value, err);
}

/* What the child hands over until it ends. */
static int receive(int fd, const struct store_scan_reader *reader,
                   struct err *err)
{
    struct store_scan_reader copy = *reader;
    struct buf batch = {0};
    uint64_t applied;
    uint32_t size;
    int status = 0;

    if (take(fd, &size, sizeof size) == sizeof size &&
        take(fd, &applied, sizeof applied) == sizeof applied)
        status = reader->begun(reader->context, applied, err);
    while (status == 0 && take(fd, &size, sizeof size) == sizeof size) {
        buf_clear(&batch);
        buf_reserve(&batch, size);
        batch.size = take(fd, batch.data, size);
        if (batch.size == size)
            status =
                store_batch_decode(buf_bytes(&batch), visit_op, &copy, err);
    }
    buf_release(&batch);
    return status;
}

static int scan(const char *data_path, int64_t size,
                const struct store_scan_reader *reader, struct err *err)
{
    int ends[2] = {-1, -1}, status = 0, received = 0;
    pid_t pid;

    if (reader != NULL && pipe2(ends, O_CLOEXEC) < 0)
        return err_set(err, ERR_IO, "cannot make a pipe: %s", strerror(errno));
    if (reader != NULL)
        (void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES); /* faster, if it may */
    pid = fork();
    if (pid == 0) {
        if (ends[0] >= 0)
            close(ends[0]); /* it must hear when the parent is gone */
        scan_and_exit(data_path, size, ends[1]);
    }
    if (ends[1] >= 0)
        close(ends[1]);
    if (pid > 0 && reader != NULL)
        received = receive(ends[0], reader, err);
    if (ends[0] >= 0)
        close(ends[0]);
    if (pid < 0)
        return err_set(err, ERR_IO, "cannot fork to check '%s': %s", data_path,
                       strerror(errno));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return received < 0 ? received : verdict(data_path, status, err);
}

/* Bytes of the file; 0: there is none, or nothing was ever written. */
static int size_of(const char *data_path, int64_t *out, struct err *err)
{
    struct stat st;

    if (stat(data_path, &st) == 0)
        *out = st.st_size;
    else if (errno == ENOENT)
        *out = 0;
    else
        return err_set(err, ERR_IO, "cannot open '%s': %s", data_path,
                       strerror(errno));
    return 0;
}

int store_scan(const char *data_path, struct err *err)
{
    int64_t size = 0;
    int status;

    status = size_of(data_path, &size, err);
    return status < 0 || size == 0 ? status : scan(data_path, size, NULL, err);
}

int store_scan_read(const char *data_path,
                    const struct store_scan_reader *reader, struct err *err)
{
    int64_t size = 0;
    int status;

    status = size_of(data_path, &size, err);
    if (status < 0)
        return status;
    return size == 0 ? reader->begun(reader->context, 0, err)
                     : scan(data_path, size, reader, err);
}
