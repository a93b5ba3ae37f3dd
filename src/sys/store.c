#include "sys/store.h"
#include "base/alloc.h"
#include "base/hash.h"
#include "base/text.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/store_batch.h"
#include "sys/store_log.h"
#include "sys/store_scan.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Where the checkpoint's position in the log lives: a table of our own. */
#define META_TABLE "_store"
#define META_APPLIED "applied"

static const size_t MAP_BYTES = (size_t)16 << 30; /* of address space */

struct table {
    char name[STORE_TABLE_MAX + 1];
    MDB_dbi dbi;
};

struct store {
    char *dir; /* owned */
    int lock_fd;
    MDB_env *env;
    MDB_txn *txn; /* what was applied since the last checkpoint; or NULL */
    struct table table[STORE_TABLES_MAX];
    uint32_t table_count;
    struct store_log *log;
    uint64_t applied; /* sequence of the last batch in env or txn */
    uint32_t records; /* put or deleted in txn */
    int64_t due_ns;   /* of the next checkpoint; INT64_MAX: none */
    struct buf batch; /* the last one appended, encoded */
    struct buf value; /* scratch */
    bool is_broken;
};

static void path_in(char out[PATH_MAX], const char *dir, const char *name)
{
    snprintf(out, PATH_MAX, "%s/%s", dir, name);
}

static int lmdb_error(struct store *store, int rc, struct err *err)
{
    enum err_code code = rc == ENOSPC || rc == EDQUOT || rc == MDB_MAP_FULL
                             ? ERR_NO_SPACE
                         : rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND ||
                                 rc == MDB_INVALID || rc == MDB_PANIC
                             ? ERR_DAMAGED
                             : ERR_IO;
    store->is_broken = true;
    return err_set(err, code, "store '%s': checkpoint: %s", store->dir,
                   mdb_strerror(rc));
}

/* --- applying ------------------------------------------------------------- */

static int begin(struct store *store, struct err *err)
{
    int rc;

    if (store->txn != NULL)
        return 0;
    rc = mdb_txn_begin(store->env, NULL, 0, &store->txn);
    return rc == 0 ? 0 : lmdb_error(store, rc, err);
}

/* Tables are made by their first record and stay open. Needs the txn. */
static int table_open(struct store *store, const char *name, MDB_dbi *out,
                      struct err *err)
{
    struct table *table;
    int rc;

    for (uint32_t i = 0; i < store->table_count; i++)
        if (strcmp(store->table[i].name, name) == 0) {
            *out = store->table[i].dbi;
            return 0;
        }
    if (store->table_count == STORE_TABLES_MAX)
        return err_set(err, ERR_LIMIT, "store '%s': more than %d tables",
                       store->dir, STORE_TABLES_MAX);
    table = &store->table[store->table_count];
    rc = mdb_dbi_open(store->txn, name, MDB_CREATE, &table->dbi);
    if (rc != 0)
        return lmdb_error(store, rc, err);
    snprintf(table->name, sizeof table->name, "%s", name);
    store->table_count++;
    *out = table->dbi;
    return 0;
}

static int put(struct store *store, MDB_dbi dbi, struct bytes key,
               struct bytes value, struct err *err)
{
    uint64_t sum = store_value_checksum(key, value);
    MDB_val mdb_key, mdb_value;
    union {
        const void *in;
        void *out;
    } data = {key.data};
    int rc;

    buf_clear(&store->value);
    buf_add(&store->value, &sum, sizeof sum);
    buf_add_bytes(&store->value, value);
    mdb_key = (MDB_val){key.size, data.out};
    mdb_value = (MDB_val){store->value.size, store->value.data};
    rc = mdb_put(store->txn, dbi, &mdb_key, &mdb_value, 0);
    return rc == 0 ? 0 : lmdb_error(store, rc, err);
}

static int forget(struct store *store, MDB_dbi dbi, struct bytes key,
                  struct err *err)
{
    union {
        const void *in;
        void *out;
    } data = {key.data};
    MDB_val mdb_key = {key.size, data.out};
    int rc = mdb_del(store->txn, dbi, &mdb_key, NULL);

    return rc == 0 || rc == MDB_NOTFOUND ? 0 : lmdb_error(store, rc, err);
}

static int apply_op(void *context, const struct store_op *op, struct err *err)
{
    struct store *store = context;
    MDB_dbi dbi = 0;
    int status = table_open(store, op->table, &dbi, err);

    if (status < 0)
        return status;
    if (store->records++ == 0)
        store->due_ns =
            clock_monotonic_ns() + (int64_t)STORE_CHECKPOINT_MS * 1000000;
    return op->value.data == NULL ? forget(store, dbi, op->key, err)
                                  : put(store, dbi, op->key, op->value, err);
}

int store_apply(struct store *store, struct err *err)
{
    int status = begin(store, err);

    if (status == 0)
        status =
            store_batch_decode(buf_bytes(&store->batch), apply_op, store, err);
    if (status == 0)
        store->applied = store_log_sequence(store->log);
    else
        store->is_broken = true;
    return status;
}

/* Pages that were looked at stay mapped; the page cache has them anyway. */
static void let_go(struct store *store)
{
    MDB_envinfo info;

    if (mdb_env_info(store->env, &info) == 0 && info.me_mapaddr != NULL)
        (void)madvise(info.me_mapaddr, info.me_mapsize, MADV_DONTNEED);
}

/* The checkpoint's transaction, with the position, synced by LMDB's commit. */
static int flush(struct store *store, struct err *err)
{
    MDB_dbi dbi = 0;
    int status = begin(store, err);

    if (status == 0)
        status = table_open(store, META_TABLE, &dbi, err);
    if (status == 0)
        status = put(store, dbi, bytes_of_text(META_APPLIED),
                     bytes_of(&store->applied, sizeof store->applied), err);
    if (status < 0)
        return status;
    int rc = mdb_txn_commit(store->txn);
    store->txn = NULL; /* commit frees it, also when it fails */
    if (rc != 0)
        return lmdb_error(store, rc, err);
    let_go(store);
    store->records = 0;
    store->due_ns = INT64_MAX;
    return 0;
}

int store_checkpoint(struct store *store, bool only_if_due, struct err *err)
{
    int status;

    if (store->txn == NULL)
        return 0;
    if (only_if_due && store->records < STORE_CHECKPOINT_RECORDS &&
        store_log_size(store->log) < STORE_CHECKPOINT_BYTES &&
        clock_monotonic_ns() < store->due_ns)
        return 0;
    status = flush(store, err);
    return status < 0 ? status : store_log_rotate(store->log, err);
}

int64_t store_checkpoint_due_ns(const struct store *store)
{
    return store->due_ns;
}

/* --- committing ----------------------------------------------------------- */

int store_append(struct store *store, const struct store_op *op, size_t count,
                 struct err *err)
{
    int status;

    if (store->is_broken)
        return err_set(err, ERR_IO, "store '%s': it failed before", store->dir);
    buf_clear(&store->batch);
    status = store_batch_encode(op, count, &store->batch, err);
    if (status < 0)
        return err_wrap(err, "store '%s'", store->dir);
    status = store_log_append(store->log, buf_bytes(&store->batch), err);
    if (status < 0)
        store->is_broken = true;
    return status;
}

int store_commit(struct store *store, const struct store_op *op, size_t count,
                 struct err *err)
{
    int status = store_append(store, op, count, err);

    if (status == 0)
        status = store_apply(store, err);
    if (status == 0)
        status = store_checkpoint(store, true, err);
    return status;
}

/* --- reading -------------------------------------------------------------- */

static int each_record(struct store *store, MDB_txn *txn, const char *table,
                       store_visit *visit, void *context, struct err *err)
{
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    MDB_dbi dbi;
    int status = 0;
    int rc = mdb_dbi_open(txn, table, 0, &dbi);

    if (rc == 0)
        rc = mdb_cursor_open(txn, dbi, &cursor);
    while (rc == 0 &&
           (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        struct bytes k = bytes_of(key.mv_data, key.mv_size), v;
        if (!store_value_open(k, bytes_of(value.mv_data, value.mv_size), &v))
            status =
                err_set(err, ERR_DAMAGED,
                        "store '%s': table %s: a record fails its checksum",
                        store->dir, table);
        else
            status = visit(context, table, k, v, err);
        if (status < 0)
            break;
    }
    mdb_cursor_close(cursor);
    if (status == 0 && rc != MDB_NOTFOUND)
        status = lmdb_error(store, rc, err);
    return status < 0 ? status : 0;
}

static int each_table(struct store *store, MDB_txn *txn, store_visit *visit,
                      void *context, struct err *err)
{
    MDB_cursor *cursor = NULL;
    MDB_val name, unused;
    MDB_dbi names;
    int status = 0;
    int rc = mdb_dbi_open(txn, NULL, 0, &names);

    if (rc == 0)
        rc = mdb_cursor_open(txn, names, &cursor);
    while (rc == 0 && status == 0 &&
           (rc = mdb_cursor_get(cursor, &name, &unused, MDB_NEXT)) == 0) {
        char table[STORE_TABLE_MAX + 1];
        snprintf(table, sizeof table, "%.*s", (int)name.mv_size,
                 (const char *)name.mv_data);
        if (strcmp(table, META_TABLE) != 0)
            status = each_record(store, txn, table, visit, context, err);
    }
    mdb_cursor_close(cursor);
    if (status == 0 && rc != MDB_NOTFOUND)
        status = lmdb_error(store, rc, err);
    return status;
}

int store_each(struct store *store, store_visit *visit, void *context,
               struct err *err)
{
    MDB_txn *txn;
    int status = store_checkpoint(store, false, err);

    if (status < 0)
        return status;
    int rc = mdb_txn_begin(store->env, NULL, 0, &txn);
    if (rc != 0)
        return lmdb_error(store, rc, err);
    status = each_table(store, txn, visit, context, err);
    mdb_txn_abort(txn);
    let_go(store);
    return status;
}

/* --- opening -------------------------------------------------------------- */

static int lock(struct store *store, struct err *err)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char path[PATH_MAX], owner[32] = "";

    path_in(path, store->dir, "store.lock");
    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock_fd < 0)
        return err_set(err, ERR_IO, "cannot open '%s': %s", path,
                       strerror(errno));
    if (fcntl(store->lock_fd, F_OFD_SETLK, &whole) == 0) {
        int size = snprintf(owner, sizeof owner, "%d\n", (int)getpid());
        /* Only a courtesy to whoever reads the next message. */
        (void)!ftruncate(store->lock_fd, 0);
        (void)!pwrite(store->lock_fd, owner, (size_t)size, 0);
        return 0;
    }
    (void)!read(store->lock_fd, owner, sizeof owner - 1);
    owner[strcspn(owner, "\n")] = 0;
    (void)err_set(err, ERR_BUSY, "store '%s': process %s has it open",
                  store->dir, owner);
    err_hint(err, "end that process, or name another directory");
    return -ERR_BUSY;
}

static int check_version(struct store *store, struct err *err)
{
    char path[PATH_MAX], text[16];
    struct buf found = {0};
    int64_t version = 0;
    int status;

    path_in(path, store->dir, "version");
    status = file_read(path, 64, &found, NULL);
    if (status == -ERR_NOT_FOUND) {
        snprintf(text, sizeof text, "%d\n", STORE_VERSION);
        return file_write(path, bytes_of_text(text), 0600, true, err);
    }
    if (status == 0 && found.size > 0 && found.text[found.size - 1] == '\n')
        found.text[found.size - 1] = 0;
    if (status < 0 || text_int(buf_text(&found), 1, INT32_MAX, &version, NULL))
        status = err_set(err, ERR_DAMAGED,
                         "store '%s': cannot read its version", store->dir);
    else if (version > STORE_VERSION) {
        status = err_set(err, ERR_UNSUPPORTED,
                         "store '%s': version %lld, this program knows %d",
                         store->dir, (long long)version, STORE_VERSION);
        err_hint(err, "run the newer program again, or restore a backup that "
                      "this one made");
    }
    buf_release(&found);
    return status;
}

static int open_env(struct store *store, struct err *err)
{
    char path[PATH_MAX];
    int rc;

    path_in(path, store->dir, "data.mdb");
    if ((rc = mdb_env_create(&store->env)) == 0 &&
        (rc = mdb_env_set_maxdbs(store->env, STORE_TABLES_MAX)) == 0 &&
        (rc = mdb_env_set_mapsize(store->env, MAP_BYTES)) == 0)
        rc = mdb_env_open(store->env, path,
                          MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS | MDB_NORDAHEAD,
                          0600);
    return rc == 0 ? 0 : lmdb_error(store, rc, err);
}

static int read_applied(struct store *store, struct err *err)
{
    struct bytes key = bytes_of_text(META_APPLIED), value;
    MDB_val mdb_value;
    MDB_val mdb_key = {sizeof META_APPLIED - 1, META_APPLIED};
    MDB_dbi dbi = 0;
    int status = begin(store, err);

    if (status == 0)
        status = table_open(store, META_TABLE, &dbi, err);
    if (status < 0)
        return status;
    int rc = mdb_get(store->txn, dbi, &mdb_key, &mdb_value);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc != 0)
        return lmdb_error(store, rc, err);
    if (!store_value_open(key, bytes_of(mdb_value.mv_data, mdb_value.mv_size),
                          &value) ||
        value.size != sizeof store->applied)
        return lmdb_error(store, MDB_CORRUPTED, err);
    memcpy(&store->applied, value.data, sizeof store->applied);
    return 0;
}

static int replay_batch(void *context, uint64_t sequence, struct bytes payload,
                        struct err *err)
{
    struct store *store = context;
    int status = begin(store, err);

    if (status == 0)
        status = store_batch_decode(payload, apply_op, store, err);
    if (status < 0)
        return status;
    store->applied = sequence;
    return store->records < STORE_CHECKPOINT_RECORDS ? 0 : flush(store, err);
}

static int open_parts(struct store *store, struct err *err)
{
    char log_dir[PATH_MAX], data[PATH_MAX];
    uint64_t last = 0;
    int status;

    path_in(log_dir, store->dir, "log");
    path_in(data, store->dir, "data.mdb");
    if ((status = dir_make(store->dir, 0700, err)) < 0 ||
        (status = dir_make(log_dir, 0700, err)) < 0 ||
        (status = lock(store, err)) < 0 ||
        (status = check_version(store, err)) < 0 ||
        (status = store_scan(data, err)) < 0 ||
        (status = open_env(store, err)) < 0 ||
        (status = read_applied(store, err)) < 0 ||
        (status = store_log_replay(log_dir, store->applied, replay_batch, store,
                                   &last, err)) < 0 ||
        (status = flush(store, err)) < 0)
        return status;
    return store_log_open(&store->log, log_dir, store->applied, err);
}

int store_open(struct store **out, const char *dir, struct err *err)
{
    struct store *store = xcalloc(1, sizeof *store);
    struct err failed = {0};

    store->dir = xstrdup(dir);
    store->lock_fd = -1;
    store->due_ns = INT64_MAX;
    if (open_parts(store, &failed) == 0) {
        *out = store;
        return 0;
    }
    if (failed.code == ERR_DAMAGED && failed.hint[0] == 0)
        err_hint(&failed,
                 "restore a backup into '%s', or move that directory "
                 "away to begin empty",
                 dir);
    if ((failed.code == ERR_IO || failed.code == ERR_DENIED) &&
        failed.hint[0] == 0)
        err_hint(&failed, "name a directory that this user may write");
    store->is_broken = true;
    store_close(store);
    if (err != NULL)
        *err = failed;
    return -(int)failed.code;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    if (store->log != NULL && !store->is_broken)
        (void)store_checkpoint(store, false, NULL); /* the log has it all */
    if (store->txn != NULL)
        mdb_txn_abort(store->txn);
    store_log_close(store->log);
    if (store->env != NULL)
        mdb_env_close(store->env);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    buf_release(&store->batch);
    buf_release(&store->value);
    free(store->dir);
    free(store);
}
