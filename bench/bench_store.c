/* The store against the disk it lies on: every commit is one record of 200
 * bytes made durable; raw is the same number of bytes written over blocks that
 * were written before, and fdatasync. The two take turns, so that a slow moment
 * of the disk hits both. */
#include "bench/kit.h"
#include "sys/committer.h"
#include "sys/store.h"
#include "sys/store_log.h"
#include <errno.h>
#include <fcntl.h>
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
    WINDOW = 64 /* batches under way with the committer */
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

static void reopen(const char *dir)
{
    struct store *store;
    struct err err = {0};
    int records = 0;
    int64_t began = bench_ns();

    if (store_open(&store, dir, &err) < 0 ||
        store_each(store, count, &records, &err) < 0)
        bench_fail("%s", err.text);
    bench_figure("open and read 100000 records",
                 (double)(bench_ns() - began) / 1e6, "ms", 0, NULL);
    store_close(store);
}

static void fill(struct store *store)
{
    static struct store_op op[1000];
    static char key[1000][16];
    struct err err = {0};

    for (int i = 0; i < 100; i++) {
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
    fill(store);
    store_close(store);
    reopen(dir);
    return bench_close();
}
