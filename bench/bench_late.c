/* A scheduler's loop beside hostile job files. It ticks each millisecond, once
 * alone and once while script workers sit on files that take their whole
 * budget, in turns: how much later does it come to its ticks because of them?
 * Then each call of the API with the largest body it may have: how long does
 * the loop work on it? */
#include "bench/kit.h"
#include "script/bundle.h"
#include "script/evaluate.h"
#include "script/worker.h"
#include "sys/file.h"
#include "sys/process.h"
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    ROUNDS = 10,
    FILES = 16, /* of one round; two workers take turns */
    BUDGET_MS = 100,
    TICK_US = 1000,
    TICKS_MAX = 100000,
    FILE_BYTES = (4 << 20) - 4096 /* the largest there are */
};

static const char *const HOSTILE[] = {
    "while true do pcall(function() while true do end end) end",
    "return (('a'):rep(40)):find(('a*'):rep(20) .. 'b')",
    "local t = {} for i = 1, math.huge do t[i] = { i } end",
    "while true do string.rep('x', 1 << 26) end",
};

/* What one kind of round saw. */
struct ticks {
    int64_t late_ns[TICKS_MAX], work_ns[TICKS_MAX];
    uint32_t count;
};

struct loop {
    struct event_base *base;
    struct event *tick;
    struct ticks *seen;
    int64_t due_ns, cpu_ns;
    uint32_t open; /* what the round waits for */
};

static int64_t thread_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct loop *loop = context;
    struct ticks *seen = loop->seen;
    const struct timeval step = {0, TICK_US};
    int64_t cpu_ns = thread_cpu_ns();
    if (seen->count < TICKS_MAX) {
        seen->late_ns[seen->count] = bench_ns() - loop->due_ns;
        seen->work_ns[seen->count++] = cpu_ns - loop->cpu_ns;
    }
    loop->cpu_ns = cpu_ns;
    if (loop->open == 0) {
        event_base_loopbreak(loop->base);
        return;
    }
    loop->due_ns = bench_ns() + TICK_US * 1000;
    event_add(loop->tick, &step);
}

static void run(struct loop *loop, struct ticks *seen)
{
    const struct timeval step = {0, TICK_US};
    loop->seen = seen;
    loop->due_ns = bench_ns() + TICK_US * 1000;
    loop->cpu_ns = thread_cpu_ns();
    event_add(loop->tick, &step);
    event_base_dispatch(loop->base);
}

static void on_done(void *context, uint64_t ticket, struct bytes result)
{
    struct loop *loop = context;
    (void)ticket;
    (void)result;
    loop->open--;
}

static void on_idle(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    ((struct loop *)context)->open = 0;
}

static void run_alone(struct loop *loop, struct ticks *seen, int64_t ns)
{
    const struct timeval end = {ns / 1000000000, ns % 1000000000 / 1000};
    loop->open = 1;
    event_base_once(loop->base, -1, EV_TIMEOUT, on_idle, loop, &end);
    run(loop, seen);
}

/* The canonical bundle of a text. */
static struct buf make_bundle(const char *text)
{
    struct bundle_files files = {.limits = &SCRIPT_LIMITS};
    struct buf out = {0};
    struct err err = {0};
    char path[4200];
    snprintf(path, sizeof path, "%s/bundle.lua", bench_dir());
    if (file_write(path, bytes_of_text(text), 0600, false, &err) < 0)
        bench_fail("%s", err.text);
    files.root = strdup(bench_dir());
    if (bundle_files_read(&files, "bundle.lua", false, &err) == NULL)
        bench_fail("%s", err.text);
    bundle_pack(&files, "bundle.lua", NULL, 0, &out);
    bundle_files_release(&files);
    return out;
}

static struct buf hostile_bundle(int number)
{
    struct buf text = {0};
    buf_addf(&text, "-- %d\n", number);
    while (text.size < FILE_BYTES)
        buf_add_text(&text, "-- sixty-four bytes that say nothing at all, "
                            "again and again.\n");
    buf_add_text(&text,
                 HOSTILE[(size_t)number % (sizeof HOSTILE / sizeof *HOSTILE)]);
    struct buf bundle = make_bundle(buf_text(&text));
    buf_release(&text);
    return bundle;
}

/* One round of files; the longest that the loop was busy queueing one. */
static int64_t run_hostile(struct loop *loop, struct worker_pool *pool,
                           const struct buf *bundle, struct ticks *seen)
{
    struct err err = {0};
    int64_t longest_ns = 0;
    for (int i = 0; i < FILES; i++) {
        int64_t from_ns = thread_cpu_ns();
        if (worker_pool_evaluate(pool, (uint64_t)i, buf_bytes(&bundle[i]), NULL,
                                 &err) < 0)
            bench_fail("%s", err.text);
        if (thread_cpu_ns() - from_ns > longest_ns)
            longest_ns = thread_cpu_ns() - from_ns;
        loop->open++;
    }
    run(loop, seen);
    return longest_ns;
}

/* --- what was seen --- */

/* Of sorted samples, in milliseconds. */
static double per_mille(const int64_t *sample, size_t count, size_t mille)
{
    size_t at = count * mille / 1000;
    return (double)sample[at < count ? at : count - 1] / 1e6;
}

static void tell_late(struct ticks *with, struct ticks *alone)
{
    static const struct {
        const char *name, *bare, *beyond;
        size_t mille;
    } figure[] = {
        {"loop_late_p99", "alone_late_p99", "loop_late_p99_beyond", 990},
        {"loop_late_p999", "alone_late_p999", "loop_late_p999_beyond", 999},
        {"loop_late_max", "alone_late_max", "loop_late_max_beyond", 1000},
    };
    (void)bench_percentile(with->late_ns, with->count, 50); /* sorts */
    (void)bench_percentile(alone->late_ns, alone->count, 50);
    for (size_t i = 0; i < sizeof figure / sizeof *figure; i++) {
        double one = per_mille(with->late_ns, with->count, figure[i].mille);
        double other = per_mille(alone->late_ns, alone->count, figure[i].mille);
        bench_figure(figure[i].name, one, "ms", one / other, "the loop alone");
        bench_figure(figure[i].bare, other, "ms", 0, NULL);
        bench_figure(figure[i].beyond, one > other ? one - other : 0, "ms", 0,
                     NULL);
    }
    bench_figure("loop_work_max",
                 (double)bench_percentile(with->work_ns, with->count, 100) /
                     1e6,
                 "ms", 0, NULL);
}

static void measure_late(void)
{
    static struct ticks with, alone;
    static struct loop loop;
    struct script_limits limits = SCRIPT_LIMITS;
    struct worker_pool *pool = NULL;
    struct buf bundle[FILES];
    struct err err = {0};
    int64_t queued_ns = 0;
    limits.cpu_ms = bench_is_quick() ? BUDGET_MS / 5 : BUDGET_MS;
    loop.base = event_base_new();
    loop.tick = event_new(loop.base, -1, 0, on_tick, &loop);
    if (worker_pool_open(&pool, loop.base, &limits, on_done, &loop, &err) < 0)
        bench_fail("%s", err.text);
    for (int i = 0; i < FILES; i++)
        bundle[i] = hostile_bundle(i);
    for (int i = 0; i < ROUNDS; i++) {
        int64_t began = bench_ns();
        int64_t took = run_hostile(&loop, pool, bundle, &with);
        queued_ns = took > queued_ns ? took : queued_ns;
        run_alone(&loop, &alone, bench_ns() - began);
    }
    tell_late(&with, &alone);
    bench_figure("queue_call_max", (double)queued_ns / 1e6, "ms", 0, NULL);
    worker_pool_close(pool);
    event_free(loop.tick);
    event_base_free(loop.base);
    for (int i = 0; i < FILES; i++)
        buf_release(&bundle[i]);
}

int main(int argc, char **argv)
{
    int status = script_worker_main(argc, argv);
    if (status >= 0)
        return status;
    bench_open(argc, argv, "late");
    bench_leans_on(BENCH_MEMORY | BENCH_SPAWN);
    process_wake_promptly(); /* as the scheduler does */
    measure_late();
    return bench_close();
}
