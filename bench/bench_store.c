/* The store against the disk it lies on: every commit is one record of 200
 * bytes made durable; raw is the same number of bytes written over blocks that
 * were written before, and fdatasync. The two take turns, so that a slow moment
 * of the disk hits both. In bulk, raw writes and syncs the same bytes in as
 * many pieces. Beside a backup, raw syncs beside a copy that writes as fast, as
 * the backup does it, but for the rests that a backup takes when syncs are
 * slow; and commits without a backup. */
#include "bench/kit.h"
#include "sys/committer.h"
#include "sys/store_copy.h"
#include "sys/store_log.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    VALUE_BYTES = 200,
    FRAME_BYTES = STORE_LOG_HEADER_BYTES + 8 + 5 + 12 + VALUE_BYTES,
    TURNS = 20, /* of store and raw */
    COMMITS = 4000,
    KEYS = 1000,
    RAW_BYTES = 8 << 20,
    FILLED = 400, /* thousands of records */
    WINDOW = 64   /* batches under way with the committer */
};

static char value[VALUE_BYTES];

static struct store_op make_op(char key[16], int i)
{
    snprintf(key, 16, "task-%07d", i % KEYS);
    memset(value, 'a' + i % 26, sizeof value);
    return (struct store_op){"tasks", bytes_of_text(key),
                             bytes_of(value, sizeof value)};
}

static int open_raw(void)
{
    static const char zero[64 << 10];
    char path[4200];

    snprintf(path, sizeof path, "%s/raw", bench_dir());
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    for (int at = 0; at < RAW_BYTES; at += (int)sizeof zero)
        if (pwrite(fd, zero, sizeof zero, at) < 0)
            bench_fail("cannot write '%s': %s", path, strerror(errno));
    fsync(fd);
    return fd;
}

static int64_t raw_commit(int fd, int i)
{
    static char frame[FRAME_BYTES];
    int64_t began = bench_ns();
    long at = (long)i * FRAME_BYTES % (RAW_BYTES - FRAME_BYTES);

    frame[0] = (char)i;
    if (pwrite(fd, frame, sizeof frame, at) < 0 || fdatasync(fd) < 0)
        bench_fail("cannot sync: %s", strerror(errno));
    return bench_ns() - began;
}

static int64_t store_commit_one(struct store *store, int i)
{
    struct err err = {0};
    char key[16];
    struct store_op op = make_op(key, i);
    int64_t began = bench_ns();

    if (store_commit(store, &op, 1, &err) < 0)
        bench_fail("%s", err.text);
    return bench_ns() - began;
}

static double sum(const int64_t *sample, int count)
{
    double total = 0;
    for (int i = 0; i < count; i++)
        total += (double)sample[i];
    return total;
}

static void one_by_one(struct store *store, int commits)
{
    int64_t *raw = malloc((size_t)commits * sizeof *raw);
    int64_t *ours = malloc((size_t)commits * sizeof *ours);
    int fd = open_raw(), turn = commits / TURNS;

    for (int t = 0; t < TURNS; t++) {
        for (int i = t * turn; i < (t + 1) * turn; i++)
            ours[i] = store_commit_one(store, i);
        for (int i = t * turn; i < (t + 1) * turn; i++)
            raw[i] = raw_commit(fd, i);
    }
    close(fd);
    double ours_s = commits * 1e9 / sum(ours, commits);
    double raw_s = commits * 1e9 / sum(raw, commits);
    bench_figure("raw syncs", raw_s, "1/s", 0, NULL);
    bench_figure("commits", ours_s, "1/s", ours_s / raw_s, "raw syncs");
    static const int percent[] = {50, 99};
    for (int i = 0; i < 2; i++) {
        double a = (double)bench_percentile(ours, (size_t)commits, percent[i]);
        double b = (double)bench_percentile(raw, (size_t)commits, percent[i]);
        char name[32];
        snprintf(name, sizeof name, "commit p%d", percent[i]);
        bench_figure(name, a / 1000, "us", a / b, "raw syncs");
    }
    free(raw);
    free(ours);
}

/* As a busy daemon does it: many turns decided while one sync is under way. */
static void grouped(struct store *store, int commits)
{
    static struct {
        char key[16];
        struct store_op op;
    } slot[WINDOW];
    struct committer *committer;
    struct err err = {0};
    int wake = eventfd(0, EFD_CLOEXEC);

    if (committer_open(&committer, store, wake, &err) < 0)
        bench_fail("%s", err.text);
    int64_t began = bench_ns();
    for (int i = 0; i < commits; i++) {
        if (i >= WINDOW &&
            committer_wait(committer, (uint64_t)i - WINDOW + 1, &err) < 0)
            bench_fail("%s", err.text);
        slot[i % WINDOW].op = make_op(slot[i % WINDOW].key, i);
        (void)committer_push(committer, &slot[i % WINDOW].op, 1);
    }
    if (committer_wait(committer, (uint64_t)commits, &err) < 0)
        bench_fail("%s", err.text);
    double took = (double)(bench_ns() - began);
    committer_close(committer);
    close(wake);
    bench_figure("batches, 64 under way", commits * 1e9 / took, "1/s", 0, NULL);
}

/* --- in bulk --- */

static int count(void *context, const char *table, struct bytes key,
                 struct bytes content, struct err *err)
{
    (void)table;
    (void)key;
    (void)content;
    (void)err;
    ++*(int *)context;
    return 0;
}

enum {
    BULK_OPS = 100,
    BULK_WINDOW = 32, /* batches under way with the committer */
    BULK_WARM = 8,    /* turns, not counted */
    BULK_TURNS = 40,
    BULK_ROOM = 64 << 20, /* raw goes round in it; as large as a segment */
    BULK_BYTES = BULK_OPS * (FRAME_BYTES - STORE_LOG_HEADER_BYTES)
};

/* Batches that are ready to be committed: to make records is not the store's
 * work, and raw gets its bytes for nothing, too. */
struct bulk_slot {
    char key[BULK_OPS][16];
    char value[VALUE_BYTES];
    struct store_op op[BULK_OPS];
};

static struct bulk_slot *bulk_slots(void)
{
    struct bulk_slot *slot = calloc(BULK_WINDOW, sizeof *slot);

    for (int s = 0; s < BULK_WINDOW; s++) {
        memset(slot[s].value, 'a' + s % 26, VALUE_BYTES);
        for (int k = 0; k < BULK_OPS; k++) {
            slot[s].op[k] = make_op(slot[s].key[k], s * BULK_OPS + k);
            slot[s].op[k].value = bytes_of(slot[s].value, VALUE_BYTES);
        }
    }
    return slot;
}

/* Write over blocks that were written before, as a log in use does. */
static int open_raw_bulk(void)
{
    char path[4200], *zero = calloc(1, 1 << 20);

    snprintf(path, sizeof path, "%s/bulk", bench_dir());
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    for (off_t at = 0; at < BULK_ROOM; at += 1 << 20)
        if (pwrite(fd, zero, 1 << 20, at) < 0)
            bench_fail("cannot write '%s': %s", path, strerror(errno));
    fsync(fd);
    free(zero);
    return fd;
}

static int64_t raw_bulk(int fd, size_t bytes, uint64_t syncs)
{
    static size_t at;
    size_t piece = bytes / syncs;
    char *data = calloc(1, piece);
    int64_t began = bench_ns();

    for (uint64_t i = 0; i < syncs; i++, at += piece) {
        if (at + piece > BULK_ROOM)
            at = 0;
        memset(data, (int)i, piece);
        if (pwrite(fd, data, piece, (off_t)at) < 0 || fdatasync(fd) < 0)
            bench_fail("cannot sync: %s", strerror(errno));
    }
    int64_t took = bench_ns() - began;
    free(data);
    return took;
}

struct bulk_turn {
    int64_t ns;
    uint64_t syncs;
};

/* From the first batch to the last one that is durable. */
static struct bulk_turn bulk_turn(struct store *store, struct bulk_slot *slot,
                                  uint64_t batches, int wake)
{
    struct committer *committer;
    struct committer_figures figures;
    struct err err = {0};

    if (committer_open(&committer, store, wake, &err) < 0)
        bench_fail("%s", err.text);
    int64_t began = bench_ns();
    for (uint64_t i = 1; i <= batches; i++) {
        if (i > BULK_WINDOW &&
            committer_wait(committer, i - BULK_WINDOW, &err) < 0)
            bench_fail("%s", err.text);
        (void)committer_push(committer, slot[i % BULK_WINDOW].op, BULK_OPS);
    }
    if (committer_wait(committer, batches, &err) < 0)
        bench_fail("%s", err.text);
    int64_t took = bench_ns() - began;
    committer_figures(committer, &figures);
    committer_close(committer);
    return (struct bulk_turn){took, figures.syncs};
}

static void bulk_figures(int64_t ours, int64_t raw, double bytes, double syncs)
{
    double records = bytes / BULK_BYTES * BULK_OPS * 1e9 / (double)ours;

    bench_figure("raw pipeline", bytes * 1e3 / (double)raw, "MB/s", 0, NULL);
    bench_figure("commits in bulk", bytes * 1e3 / (double)ours, "MB/s",
                 (double)raw / (double)ours, "raw pipeline");
    bench_figure("bytes of a sync", bytes / syncs, "B", 0, NULL);
    bench_figure("records in bulk", records, "1/s", 0, NULL);
    /* Published: commits 4bc524614 of Aurora (50,000 pending tasks inserted in
     * one write), and LMDB by itself with its two syncs of a commit. */
    bench_figure("peer_aurora_inserts", 6200, "1/s", 6200 / records,
                 "records in bulk (published)");
    bench_figure("peer_lmdb_puts_synced", 72000, "1/s", 72000 / records,
                 "records in bulk (batches of 1000)");
}

/* Turns of store and raw; what the store still saves beside is waited for in
 * between, so that it does not slow raw down. The first turns are not counted:
 * segments of the log grow in them, as raw's file has grown before. */
static void bulk(struct store *store, int batches)
{
    struct bulk_slot *slot = bulk_slots();
    size_t bytes = (size_t)batches * BULK_BYTES;
    int wake = eventfd(0, EFD_CLOEXEC), fd = open_raw_bulk(), records = 0;
    int64_t ours = 0, raw = 0;
    uint64_t syncs = 0;

    for (int t = -BULK_WARM; t < BULK_TURNS; t++) {
        struct bulk_turn turn = bulk_turn(store, slot, (uint64_t)batches, wake);
        if (store_each(store, count, &records, NULL) < 0)
            bench_fail("the store cannot be read");
        int64_t raw_took = raw_bulk(fd, bytes, turn.syncs);
        if (t < 0)
            continue;
        ours += turn.ns;
        raw += raw_took;
        syncs += turn.syncs;
    }
    close(wake);
    close(fd);
    free(slot);
    bulk_figures(ours, raw, (double)bytes * BULK_TURNS, (double)syncs);
}

/* --- beside a backup --- */

enum {
    BACKUP_RATE = 32 << 20,
    ROUNDS = 4,
    SAMPLES = 40000, /* of a round, at most */
    COPY_PIECE = BACKUP_PIECE_BYTES
};

struct copying {
    atomic_bool is_over;
    int64_t bytes;
};

/* What a backup does to the disk, without a store. */
static void *copy_beside(void *arg)
{
    struct copying *copying = arg;
    static char piece[COPY_PIECE];
    char path[4200];
    int64_t began = bench_ns();

    snprintf(path, sizeof path, "%s/copy", bench_dir());
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    for (int64_t done = 0; done < copying->bytes; done += COPY_PIECE) {
        if (write(fd, piece, sizeof piece) < 0)
            break;
        (void)sync_file_range(fd, 0, 0,
                              SYNC_FILE_RANGE_WAIT_BEFORE |
                                  SYNC_FILE_RANGE_WRITE |
                                  SYNC_FILE_RANGE_WAIT_AFTER);
        int64_t due = done * 1000 / BACKUP_RATE;
        int64_t nap = due - (bench_ns() - began) / 1000000;
        if (nap > 0)
            (void)poll(NULL, 0, (int)nap);
    }
    (void)fdatasync(fd);
    close(fd);
    (void)unlink(path);
    atomic_store(&copying->is_over, true);
    return NULL;
}

/* Times of many rounds, one behind the other. */
struct times {
    int64_t *item;
    size_t count;
};

static struct times times_new(void)
{
    return (struct times){malloc((size_t)ROUNDS * SAMPLES * sizeof(int64_t)),
                          0};
}

static void add_time(struct times *times, size_t *left, int64_t took)
{
    if (*left == 0)
        return;
    times->item[times->count++] = took;
    --*left;
}

static void raw_beside_a_copy(struct times *raw, int64_t bytes)
{
    struct copying copying = {.bytes = bytes};
    pthread_t thread;
    size_t left = SAMPLES;
    int fd = open_raw();

    if (pthread_create(&thread, NULL, copy_beside, &copying) != 0)
        bench_fail("no thread");
    for (int i = 0; !atomic_load(&copying.is_over) && left > 0; i++)
        add_time(raw, &left, raw_commit(fd, i));
    pthread_join(thread, NULL);
    close(fd);
}

static void commits_beside_a_backup(struct store *store, struct times *ours,
                                    int round, struct backup_result *result)
{
    struct store_backup request = {.created_ms = 1795253739000 + round,
                                   .keep = 1,
                                   .bytes_per_s = BACKUP_RATE};
    struct err err = {0};
    size_t left = SAMPLES;

    snprintf(request.dir, sizeof request.dir, "%s/backups", bench_dir());
    if (store_backup_begin(store, &request, &err) < 0)
        bench_fail("%s", err.text);
    for (int i = 0; !store_backup_take(store, result); i++)
        add_time(ours, &left, store_commit_one(store, i));
    if (result->err.code != ERR_NONE)
        bench_fail("%s", result->err.text);
}

/* What comes too late without any backup is not a backup's doing. */
static void commits_alone(struct store *store, struct times *alone,
                          size_t count)
{
    size_t left = count;

    for (int i = 0; left > 0; i++)
        add_time(alone, &left, store_commit_one(store, i));
}

static void late_figure(const char *name, const struct times *times,
                        double limit)
{
    size_t late = 0;

    for (size_t i = 0; i < times->count; i++)
        late += (double)times->item[i] > limit + 5e6;
    bench_figure(name, 100.0 * (double)late / (double)times->count, "%", 0,
                 NULL);
}

static void backup_figures(struct times *ours, struct times *raw,
                           const struct times *alone)
{
    double limit = (double)bench_percentile(raw->item, raw->count, 99);
    double p99 = (double)bench_percentile(ours->item, ours->count, 99);
    double most = (double)ours->item[ours->count - 1]; /* it is sorted now */

    bench_figure("sync p99 beside a copy", limit / 1000, "us", 0, NULL);
    bench_figure("sync at most beside a copy",
                 (double)raw->item[raw->count - 1] / 1000, "us", 0, NULL);
    bench_figure("commit p99 beside a backup", p99 / 1000, "us", p99 / limit,
                 "sync p99 beside a copy");
    bench_figure("commit at most beside a backup", most / 1000, "us",
                 most / limit, "sync p99 beside a copy");
    late_figure("commits 5 ms beyond it", ours, limit);
    late_figure("syncs beside a copy 5 ms beyond it", raw, limit);
    late_figure("commits without a backup, 5 ms beyond it", alone, limit);
}

static void beside_a_backup(struct store *store)
{
    struct times ours = times_new(), raw = times_new(), alone = times_new();
    struct backup_result result;
    int rounds = bench_is_quick() ? 1 : ROUNDS, records = 0;

    /* What the store was filled with is saved in any case. */
    if (store_each(store, count, &records, NULL) < 0)
        bench_fail("the store cannot be read");
    for (int round = 0; round < rounds; round++) {
        size_t before = ours.count;
        commits_beside_a_backup(store, &ours, round, &result);
        raw_beside_a_copy(&raw, (int64_t)result.summary.bytes);
        commits_alone(store, &alone, ours.count - before);
    }
    bench_figure("a backup", (double)result.summary.bytes / (1 << 20), "MB", 0,
                 NULL);
    bench_figure("a backup took", (double)result.took_ms, "ms", 0, NULL);
    backup_figures(&ours, &raw, &alone);
    free(ours.item);
    free(raw.item);
    free(alone.item);
}

static void reopen(const char *dir)
{
    struct store *store;
    struct err err = {0};
    int records = 0;
    int64_t began = bench_ns();

    if (store_open_each(&store, dir, count, &records, &err) < 0)
        bench_fail("%s", err.text);
    bench_figure("open and read 400000 records",
                 (double)(bench_ns() - began) / 1e6, "ms", 0, NULL);
    store_close(store);
}

static void fill(struct store *store)
{
    static struct store_op op[1000];
    static char key[1000][16];
    struct err err = {0};

    for (int i = 0; i < FILLED; i++) {
        for (int k = 0; k < 1000; k++) {
            snprintf(key[k], sizeof key[k], "many-%07d", i * 1000 + k);
            op[k] = (struct store_op){"many", bytes_of_text(key[k]),
                                      bytes_of(value, sizeof value)};
        }
        if (store_commit(store, op, 1000, &err) < 0)
            bench_fail("%s", err.text);
    }
}

int main(int argc, char **argv)
{
    struct store *store;
    struct err err = {0};
    char dir[4200];

    bench_open(argc, argv, "store");
    bench_leans_on(BENCH_DISK);
    int commits = bench_is_quick() ? COMMITS / 10 : COMMITS;
    snprintf(dir, sizeof dir, "%s/store", bench_dir());
    if (store_open(&store, dir, &err) < 0)
        bench_fail("%s", err.text);
    one_by_one(store, commits);
    grouped(store, commits * 5);
    bulk(store, commits / 4);
    fill(store);
    beside_a_backup(store);
    store_close(store);
    reopen(dir);
    return bench_close();
}
