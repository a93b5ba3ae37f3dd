#include "sys/store_checkpoint.h"
#include "base/alloc.h"
#include "sys/clock.h"
#include "sys/store_batch.h"
#include "sys/store_changes.h"
#include <assert.h>
#include <errno.h>
#include <lmdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    GATHERED_BYTES_MAX = 64 << 20, /* beside a save; then we wait for it */
    GATHERED_BYTES_KEPT = 8 << 20, /* of memory, between saves; more while
                                      there is use for it */
    GATHERED_USED_FACTOR = 4,
    STACK_BYTES = 128 << 10,
    RECORDS_MAPPED = 16384 /* looked at; then their pages are let go */
};
static const size_t MAP_BYTES = (size_t)16 << 30; /* of address space */

struct table {
    char name[STORE_TABLE_MAX + 1];
    MDB_dbi dbi;
};

struct store_checkpoint {
    char *path;            /* owned */
    struct buf gathered;   /* batches since the last save, each behind its u32
                              size */
    struct bytes expected; /* one that stands behind them already */
    uint64_t applied;      /* sequence of the last of them */
    uint32_t records;      /* in them */
    int64_t since_ns;      /* when the first came */
    bool is_saving;        /* what follows is the thread's */
    pthread_t thread;
    atomic_bool is_saved; /* told by the thread, at its end */

    MDB_env *env;
    MDB_txn *txn; /* NULL between saves */
    struct table table[STORE_TABLES_MAX];
    uint32_t table_count;
    uint64_t sum;       /* over all records */
    struct buf value;   /* scratch */
    struct buf saving;  /* batches that go into the file */
    uint64_t position;  /* sequence of the last of them */
    struct err failure; /* of the thread */
};

static int lmdb_error(const struct store_checkpoint *checkpoint, int rc,
                      struct err *err)
{
    enum err_code code = rc == ENOSPC || rc == EDQUOT || rc == MDB_MAP_FULL
                             ? ERR_NO_SPACE
                         : rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND ||
                                 rc == MDB_INVALID || rc == MDB_PANIC
                             ? ERR_DAMAGED
                             : ERR_IO;
    return err_set(err, code, "checkpoint '%s': %s", checkpoint->path,
                   mdb_strerror(rc));
}

/* --- applying --- */

static int begin(struct store_checkpoint *checkpoint, struct err *err)
{
    int rc;

    if (checkpoint->txn != NULL)
        return 0;
    rc = mdb_txn_begin(checkpoint->env, NULL, 0, &checkpoint->txn);
    return rc == 0 ? 0 : lmdb_error(checkpoint, rc, err);
}

/* Tables are made by their first record and stay open. Needs the txn. */
static int table_open(struct store_checkpoint *checkpoint, const char *name,
                      MDB_dbi *out, struct err *err)
{
    struct table *table;
    int rc;

    for (uint32_t i = 0; i < checkpoint->table_count; i++)
        if (strcmp(checkpoint->table[i].name, name) == 0) {
            *out = checkpoint->table[i].dbi;
            return 0;
        }
    if (checkpoint->table_count == STORE_TABLES_MAX)
        return err_set(err, ERR_LIMIT, "checkpoint '%s': more than %d tables",
                       checkpoint->path, STORE_TABLES_MAX);
    table = &checkpoint->table[checkpoint->table_count];
    rc = mdb_dbi_open(checkpoint->txn, name, MDB_CREATE, &table->dbi);
    if (rc != 0)
        return lmdb_error(checkpoint, rc, err);
    snprintf(table->name, sizeof table->name, "%s", name);
    checkpoint->table_count++;
    *out = table->dbi;
    return 0;
}

/* LMDB wants pointers to non-const for what it only reads. */
static MDB_val mdb_val(struct bytes bytes)
{
    union {
        const void *in;
        void *out;
    } data = {bytes.data};
    return (MDB_val){bytes.size, data.out};
}

/* Checksum and value, in the scratch. */
static MDB_val sealed(struct store_checkpoint *checkpoint, struct bytes key,
                      struct bytes value)
{
    uint64_t sum = store_value_checksum(key, value);

    buf_clear(&checkpoint->value);
    buf_add(&checkpoint->value, &sum, sizeof sum);
    buf_add_bytes(&checkpoint->value, value);
    return mdb_val(buf_bytes(&checkpoint->value));
}

static int put(struct store_checkpoint *checkpoint, MDB_dbi dbi,
               struct bytes key, struct bytes value, struct err *err)
{
    MDB_val mdb_key = mdb_val(key);
    MDB_val mdb_value = sealed(checkpoint, key, value);
    int rc = mdb_put(checkpoint->txn, dbi, &mdb_key, &mdb_value, 0);

    return rc == 0 ? 0 : lmdb_error(checkpoint, rc, err);
}

/* What was there goes out of the sum, what comes goes into it. Keys rise: the
 * cursor is near, and seldom begins at the root. */
static int apply(struct store_checkpoint *checkpoint, MDB_cursor *cursor,
                 const char *table, const struct store_change *change)
{
    MDB_val key = mdb_val(change->key), value;
    int rc = mdb_cursor_get(cursor, &key, &value, MDB_SET);

    if (rc == 0)
        checkpoint->sum -=
            store_record_sum(table, bytes_of(value.mv_data, value.mv_size));
    if (change->value.data == NULL)
        return rc == 0 ? mdb_cursor_del(cursor, 0) : rc;
    if (rc != 0 && rc != MDB_NOTFOUND)
        return rc;
    key = mdb_val(change->key);
    value = sealed(checkpoint, change->key, change->value);
    checkpoint->sum += store_record_sum(table, buf_bytes(&checkpoint->value));
    return mdb_cursor_put(cursor, &key, &value, 0);
}

/* Those of one table, from *at on. */
static int apply_table(struct store_checkpoint *checkpoint,
                       const struct store_changes *changes, uint32_t *at,
                       struct err *err)
{
    uint32_t number = changes->item[*at].table;
    const char *table = changes->table[number];
    MDB_cursor *cursor = NULL;
    MDB_dbi dbi = 0;
    int rc, status = table_open(checkpoint, table, &dbi, err);

    if (status < 0)
        return status;
    rc = mdb_cursor_open(checkpoint->txn, dbi, &cursor);
    for (;
         rc == 0 && *at < changes->count && changes->item[*at].table == number;
         ++*at) {
        rc = apply(checkpoint, cursor, table, &changes->item[*at]);
        if (rc == MDB_NOTFOUND)
            rc = 0; /* deleted, and never there */
    }
    mdb_cursor_close(cursor);
    return rc == 0 ? 0 : lmdb_error(checkpoint, rc, err);
}

static int apply_all(struct store_checkpoint *checkpoint, struct err *err)
{
    struct store_changes changes;
    uint32_t at = 0;
    int status =
        store_changes_read(&changes, buf_bytes(&checkpoint->saving), err);

    if (status == 0)
        status = begin(checkpoint, err);
    while (status == 0 && at < changes.count)
        status = apply_table(checkpoint, &changes, &at, err);
    store_changes_release(&changes);
    return status;
}

/* --- saving --- */

/* Pages that were looked at stay mapped; the page cache has them anyway. */
static void let_go(const struct store_checkpoint *checkpoint)
{
    MDB_envinfo info;

    if (mdb_env_info(checkpoint->env, &info) == 0 && info.me_mapaddr != NULL)
        (void)madvise(info.me_mapaddr, info.me_mapsize, MADV_DONTNEED);
}

/* The transaction ends in the position. */
static int seal(struct store_checkpoint *checkpoint, struct err *err)
{
    uint64_t sum[2] = {checkpoint->position, checkpoint->sum};
    MDB_dbi dbi = 0;
    int status = table_open(checkpoint, STORE_META_TABLE, &dbi, err);

    if (status == 0)
        status = put(
            checkpoint, dbi, bytes_of_text(STORE_META_APPLIED),
            bytes_of(&checkpoint->position, sizeof checkpoint->position), err);
    if (status == 0)
        status = put(checkpoint, dbi, bytes_of_text(STORE_META_SUM),
                     bytes_of(sum, sizeof sum), err);
    return status;
}

/* What is in `saving` goes into the file, durably. */
static int write_out(struct store_checkpoint *checkpoint, struct err *err)
{
    int rc, status = apply_all(checkpoint, err);

    if (status == 0)
        status = seal(checkpoint, err);
    if (status < 0)
        return status;
    rc = mdb_txn_commit(checkpoint->txn);
    checkpoint->txn = NULL;
    if (rc != 0)
        return lmdb_error(checkpoint, rc, err);
    let_go(checkpoint);
    return 0;
}

/* Memory that was just used is there already, which new memory is not. */
static bool is_wasted(const struct buf *memory, size_t used)
{
    return memory->capacity > GATHERED_BYTES_KEPT &&
           memory->capacity / GATHERED_USED_FACTOR > used;
}

/* Batches that come from now on are the next save's. */
static void hand_to_save(struct store_checkpoint *checkpoint)
{
    struct buf empty = checkpoint->saving;

    if (is_wasted(&empty, checkpoint->gathered.size))
        buf_release(&empty);
    buf_clear(&empty);
    checkpoint->saving = checkpoint->gathered;
    checkpoint->gathered = empty;
    checkpoint->expected = (struct bytes){0};
    checkpoint->position = checkpoint->applied;
    checkpoint->records = 0;
    checkpoint->since_ns = INT64_MAX;
}

/* The thread that saved is over, or must be waited for. */
static int join(struct store_checkpoint *checkpoint, struct err *err)
{
    pthread_join(checkpoint->thread, NULL);
    checkpoint->is_saving = false;
    if (checkpoint->failure.code == ERR_NONE)
        return 0;
    if (err != NULL)
        *err = checkpoint->failure;
    return -(int)checkpoint->failure.code;
}

int store_checkpoint_save(struct store_checkpoint *checkpoint, struct err *err)
{
    int status = checkpoint->is_saving ? join(checkpoint, err) : 0;

    if (status < 0)
        return status;
    hand_to_save(checkpoint);
    return write_out(checkpoint, err);
}

static void *save_beside(void *arg)
{
    struct store_checkpoint *checkpoint = arg;

    (void)write_out(checkpoint, &checkpoint->failure);
    atomic_store(&checkpoint->is_saved, true);
    return NULL;
}

int store_checkpoint_begin(struct store_checkpoint *checkpoint, struct err *err)
{
    pthread_attr_t attr;
    sigset_t all, before;
    int error;

    assert(!checkpoint->is_saving);
    hand_to_save(checkpoint);
    atomic_store(&checkpoint->is_saved, false);
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&checkpoint->thread, &attr, save_beside, checkpoint);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (error != 0)
        return write_out(checkpoint, err); /* then not beside */
    checkpoint->is_saving = true;
    return 0;
}

int store_checkpoint_is_saving(struct store_checkpoint *checkpoint,
                               struct err *err)
{
    if (!checkpoint->is_saving)
        return 0;
    return atomic_load(&checkpoint->is_saved) ? join(checkpoint, err) : 1;
}

void store_checkpoint_expect(struct store_checkpoint *checkpoint,
                             struct bytes batch)
{
    uint32_t size = (uint32_t)batch.size;

    buf_reserve(&checkpoint->gathered, sizeof size + batch.size);
    uint8_t *end = checkpoint->gathered.data + checkpoint->gathered.size;
    memcpy(end, &size, sizeof size);
    if (size > 0)
        memcpy(end + sizeof size, batch.data, size);
    checkpoint->expected = batch;
}

int store_checkpoint_apply(struct store_checkpoint *checkpoint,
                           struct bytes batch, uint32_t records,
                           uint64_t sequence, struct err *err)
{
    int status = store_checkpoint_is_saving(checkpoint, err);

    if (status > 0 && checkpoint->gathered.size > GATHERED_BYTES_MAX)
        status = join(checkpoint, err);
    if (status < 0)
        return status;
    if (checkpoint->expected.data == NULL ||
        checkpoint->expected.data != batch.data ||
        checkpoint->expected.size != batch.size)
        store_checkpoint_expect(checkpoint, batch);
    checkpoint->expected = (struct bytes){0};
    checkpoint->gathered.size += sizeof(uint32_t) + batch.size;
    checkpoint->records += records;
    checkpoint->applied = sequence;
    if (checkpoint->since_ns == INT64_MAX)
        checkpoint->since_ns = clock_monotonic_ns();
    return 0;
}

uint64_t store_checkpoint_applied(const struct store_checkpoint *checkpoint)
{
    return checkpoint->applied;
}

uint32_t store_checkpoint_records(const struct store_checkpoint *checkpoint)
{
    return checkpoint->records;
}

int64_t store_checkpoint_since_ns(const struct store_checkpoint *checkpoint)
{
    return checkpoint->since_ns;
}

/* --- reading --- */

static int each_record(const struct store_checkpoint *checkpoint, MDB_txn *txn,
                       const char *table, store_visit *visit, void *context,
                       struct err *err)
{
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    MDB_dbi dbi = 0;
    int status = 0;
    uint32_t count = 0;
    int rc = mdb_dbi_open(txn, table, 0, &dbi);

    if (rc == 0)
        rc = mdb_cursor_open(txn, dbi, &cursor);
    while (rc == 0 && status == 0 &&
           (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        struct bytes k = bytes_of(key.mv_data, key.mv_size), v;
        if (++count % RECORDS_MAPPED == 0)
            let_go(checkpoint);
        if (!store_value_open(k, bytes_of(value.mv_data, value.mv_size), &v))
            rc = MDB_CORRUPTED;
        else
            status = visit(context, table, k, v, err);
    }
    mdb_cursor_close(cursor);
    if (status == 0 && rc != MDB_NOTFOUND)
        status = lmdb_error(checkpoint, rc, err);
    return status < 0 ? status : 0;
}

static int each_table(const struct store_checkpoint *checkpoint, MDB_txn *txn,
                      store_visit *visit, void *context, struct err *err)
{
    MDB_cursor *cursor = NULL;
    MDB_val name, unused;
    MDB_dbi names = 0;
    int status = 0;
    int rc = mdb_dbi_open(txn, NULL, 0, &names);

    if (rc == 0)
        rc = mdb_cursor_open(txn, names, &cursor);
    while (rc == 0 && status == 0 &&
           (rc = mdb_cursor_get(cursor, &name, &unused, MDB_NEXT)) == 0) {
        char table[STORE_TABLE_MAX + 1];
        snprintf(table, sizeof table, "%.*s", (int)name.mv_size,
                 (const char *)name.mv_data);
        if (strcmp(table, STORE_META_TABLE) != 0)
            status = each_record(checkpoint, txn, table, visit, context, err);
    }
    mdb_cursor_close(cursor);
    if (status == 0 && rc != MDB_NOTFOUND)
        status = lmdb_error(checkpoint, rc, err);
    return status;
}

int store_checkpoint_each(struct store_checkpoint *checkpoint,
                          store_visit *visit, void *context, struct err *err)
{
    MDB_txn *txn;
    int status = store_checkpoint_save(checkpoint, err);

    if (status < 0)
        return status;
    int rc = mdb_txn_begin(checkpoint->env, NULL, 0, &txn);
    if (rc != 0)
        return lmdb_error(checkpoint, rc, err);
    status = each_table(checkpoint, txn, visit, context, err);
    mdb_txn_abort(txn);
    let_go(checkpoint);
    return status;
}

int store_checkpoint_read(const char *path, store_visit *visit, void *context,
                          struct err *err)
{
    /* An environment of its own: with MDB_NOLOCK it shares nothing with the
     * store's but the file. */
    struct store_checkpoint reader = {.path = (char *)(uintptr_t)path};
    MDB_txn *txn = NULL;
    int status, rc;

    if ((rc = mdb_env_create(&reader.env)) == 0 &&
        (rc = mdb_env_set_maxdbs(reader.env, STORE_TABLES_MAX)) == 0 &&
        (rc = mdb_env_open(reader.env, path,
                           MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS | MDB_RDONLY |
                               MDB_NORDAHEAD,
                           0600)) == 0)
        rc = mdb_txn_begin(reader.env, NULL, MDB_RDONLY, &txn);
    status = rc == 0 ? each_table(&reader, txn, visit, context, err)
                     : lmdb_error(&reader, rc, err);
    if (txn != NULL)
        mdb_txn_abort(txn);
    if (reader.env != NULL)
        mdb_env_close(reader.env);
    return status;
}

/* --- opening --- */

/* A value of our own table: `size` bytes to *out. 1: it is there. */
static int read_meta(struct store_checkpoint *checkpoint, const char *name,
                     void *out, size_t size, struct err *err)
{
    struct bytes key = bytes_of_text(name), value;
    MDB_val mdb_key = mdb_val(key), found;
    MDB_dbi dbi = 0;
    int status = begin(checkpoint, err);

    if (status == 0)
        status = table_open(checkpoint, STORE_META_TABLE, &dbi, err);
    if (status < 0)
        return status;
    int rc = mdb_get(checkpoint->txn, dbi, &mdb_key, &found);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc == 0 && (!store_value_open(
                        key, bytes_of(found.mv_data, found.mv_size), &value) ||
                    value.size != size))
        rc = MDB_CORRUPTED;
    if (rc != 0)
        return lmdb_error(checkpoint, rc, err);
    memcpy(out, value.data, size);
    return 1;
}

static int add_to_sum(void *context, const char *table, struct bytes key,
                      struct bytes value, struct err *err)
{
    uint64_t checksum = store_value_checksum(key, value);

    (void)err;
    *(uint64_t *)context +=
        store_record_sum(table, bytes_of(&checksum, sizeof checksum));
    return 0;
}

/* A program that knew no sum may have written last: then it is made anew. */
static int read_position(struct store_checkpoint *checkpoint, struct err *err)
{
    uint64_t sum[2] = {0};
    int status = read_meta(checkpoint, STORE_META_APPLIED, &checkpoint->applied,
                           sizeof checkpoint->applied, err);

    if (status > 0)
        status = read_meta(checkpoint, STORE_META_SUM, sum, sizeof sum, err);
    else
        return status;
    if (status < 0)
        return status;
    if (status > 0 && sum[0] == checkpoint->applied) {
        checkpoint->sum = sum[1];
        return 0;
    }
    return each_table(checkpoint, checkpoint->txn, add_to_sum, &checkpoint->sum,
                      err);
}

int store_checkpoint_open(struct store_checkpoint **out, const char *path,
                          struct err *err)
{
    struct store_checkpoint *checkpoint;
    int rc, status;

    checkpoint = xcalloc(1, sizeof *checkpoint);
    checkpoint->path = xstrdup(path);
    checkpoint->since_ns = INT64_MAX;
    if ((rc = mdb_env_create(&checkpoint->env)) == 0 &&
        (rc = mdb_env_set_maxdbs(checkpoint->env, STORE_TABLES_MAX)) == 0 &&
        (rc = mdb_env_set_mapsize(checkpoint->env, MAP_BYTES)) == 0)
        rc = mdb_env_open(checkpoint->env, path,
                          MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS | MDB_NORDAHEAD,
                          0600);
    status = rc == 0 ? read_position(checkpoint, err)
                     : lmdb_error(checkpoint, rc, err);
    if (status < 0) {
        store_checkpoint_close(checkpoint);
        return status;
    }
    *out = checkpoint;
    return 0;
}

void store_checkpoint_close(struct store_checkpoint *checkpoint)
{
    if (checkpoint == NULL)
        return;
    if (checkpoint->is_saving)
        pthread_join(checkpoint->thread, NULL);
    if (checkpoint->txn != NULL)
        mdb_txn_abort(checkpoint->txn);
    if (checkpoint->env != NULL)
        mdb_env_close(checkpoint->env);
    buf_release(&checkpoint->gathered);
    buf_release(&checkpoint->saving);
    buf_release(&checkpoint->value);
    free(checkpoint->path);
    free(checkpoint);
}
