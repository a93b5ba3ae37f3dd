/* Cron at work: the scheduler's whole program with a real store. A million
 * entries, 100,000 of them due in one second: how long until every one of these
 * has its record and its PENDING task on the disk? Then 10,000 in each second,
 * spread over it, and after that all of them due when it begins: how late is
 * each, from its scheduled time to its commit?
 *
 * The clock of the program is set; it goes on as the machine's does. Beside it:
 * as many records of the same size written to the same kind of store by nobody
 * who thinks. */
#include "bench/kit.h"

#include "aurora/core/aurora.h"
#include "aurora/program.h"
#include "base/alloc.h"
#include "perigee/aurora_store.pb-c.h"
#include "perigee/job.pb-c.h"
#include "sys/committer.h"
#include "sys/store.h"
#include "sys/turn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    ENTRIES = 1000000,
    DUE = 100000,           /* in one second */
    RATE = 10000,           /* a second, */
    SECONDS = 10,           /* for so long */
    SPREAD_AT = 600 * 1000, /* ms after midnight */
    AT_ONCE_AT = 660 * 1000,
    MIDNIGHT = 1795219200
};

struct world {
    struct aurora_program *p;
    struct store *store;
    struct committer *committer;
    int wake_fd;
    int64_t entries, due, rate;
    struct turns turns; /* whose batches are under way */
    uint64_t last_batch;
    /* Of the fires of one part of the measurement. */
    int64_t began_ns; /* when the clock showed began_ms after midnight */
    int64_t began_ms;
    int64_t *late; /* ns, each from its time to the disk; owned */
    size_t fires;
    int64_t bytes, records;
};

/* --- a store full of jobs --- */

static void take(struct world *w, const char *table, const char *key,
                 const ProtobufCMessage *message)
{
    struct err err = {0};
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = malloc(size + 1);

    if (!packed)
        bench_fail("no memory");
    (void)protobuf_c_message_pack(message, packed);
    if (AURORA_PROGRAM.on_stored(w->p, table, bytes_of_text(key),
                                 bytes_of(packed, size), &err) < 0)
        bench_fail("%s", err.text);
    free(packed);
}

static void put_config(struct world *w, Perigee__Job *job,
                       char id[CONFIG_ID_MAX])
{
    Perigee__Aurora__ConfigRecord record = PERIGEE__AURORA__CONFIG_RECORD__INIT;
    uint8_t packed[2048];

    record.job = job;
    size_t size = perigee__job__pack(job, packed);
    (void)job_config_id(bytes_of(packed, size), id);
    take(w, "config", id, &record.base);
}

static void put_job(struct world *w, char *name, const char *config_id)
{
    Perigee__Aurora__JobRecord record = PERIGEE__AURORA__JOB_RECORD__INIT;
    Perigee__Aurora__JobRecord__Cron cron =
        PERIGEE__AURORA__JOB_RECORD__CRON__INIT;
    Perigee__Aurora__JobKey key = PERIGEE__AURORA__JOB_KEY__INIT;
    char store_key[64];

    key.cluster = (char *)"devcluster";
    key.role = (char *)"www";
    key.environment = (char *)"prod";
    key.name = name;
    record.key = &key;
    record.config_id = (char *)config_id;
    record.has_instances = record.has_created_ms = true;
    record.instances = 1;
    record.created_ms = (uint64_t)(MIDNIGHT - 3600) * 1000;
    cron.has_made = cron.has_decided = true;
    cron.made = cron.decided = MIDNIGHT - 60;
    record.cron = &cron;
    (void)snprintf(store_key, sizeof store_key, "www/prod/%s", name);
    take(w, "job", store_key, &record.base);
}

/* When an entry is due, in ms after midnight: the first `due` of them at once,
 * then `rate` in each second, twice; the others (-1) in the afternoon. */
static int64_t due_ms(const struct world *w, int64_t i)
{
    int64_t second = (i - w->due) / w->rate, place = (i - w->due) % w->rate;

    if (i < w->due)
        return 0;
    if (second < SECONDS)
        return SPREAD_AT + second * 1000 + place * 1000 / w->rate;
    return second < 2 * SECONDS ? AT_ONCE_AT + (second - SECONDS) * 1000 : -1;
}

static void schedule_of(const struct world *w, int64_t i, char out[64])
{
    int64_t ms = due_ms(w, i);

    if (ms > 0)
        (void)snprintf(out, 64, "R/2026-11-21T00:%02d:%02d.%03dZ/P1D",
                       (int)(ms / 60000), (int)(ms / 1000 % 60),
                       (int)(ms % 1000));
    else
        (void)snprintf(out, 64, "%d %d * * *", ms == 0 ? 0 : (int)(i % 60),
                       ms == 0 ? 0 : 12 + (int)(i % 12));
}

static void put_entry(struct world *w, int64_t i)
{
    Perigee__Job job = PERIGEE__JOB__INIT;
    Perigee__TaskConfig task = PERIGEE__TASK_CONFIG__INIT;
    Perigee__Process process = PERIGEE__PROCESS__INIT;
    Perigee__Process *processes[] = {&process};
    Perigee__ResourceAmounts resources = PERIGEE__RESOURCE_AMOUNTS__INIT;
    Perigee__Cron cron = PERIGEE__CRON__INIT;
    char name[32], schedule[64], id[CONFIG_ID_MAX];

    (void)snprintf(name, sizeof name, "job%07lld", (long long)i);
    schedule_of(w, i, schedule);
    process.name = (char *)"p";
    process.cmdline = (char *)"exec ./report --of yesterday";
    resources.has_cpu_milli = resources.has_ram_bytes = true;
    resources.has_disk_bytes = true;
    resources.cpu_milli = 100;
    resources.ram_bytes = resources.disk_bytes = 64 << 20;
    task.name = name;
    task.n_processes = 1;
    task.processes = processes;
    task.resources = &resources;
    cron.schedule = schedule;
    job.cluster = (char *)"devcluster";
    job.role = (char *)"www";
    job.environment = (char *)"prod";
    job.name = name;
    job.task = &task;
    job.cron = &cron;
    put_config(w, &job, id);
    put_job(w, name, id);
}

/* --- turns --- */

/* "www/prod/job0000012@1795219200" is entry 12. */
static int64_t late_ns(const struct world *w, struct bytes key, int64_t now_ns)
{
    static const char head[] = "www/prod/job";
    int64_t i = strtoll((const char *)key.data + sizeof head - 1, NULL, 10);

    return now_ns - w->began_ns + (w->began_ms - due_ms(w, i)) * 1000000;
}

/* What is durable now counts; its turns are over, as a daemon's are. */
static void release(struct world *w)
{
    struct err err = {0};
    struct turn *turn;
    uint64_t durable;

    if (committer_durable(w->committer, &durable, &err) < 0)
        bench_fail("%s", err.text);
    int64_t now_ns = bench_ns();
    while ((turn = turns_first(&w->turns)) && turn->batch <= durable) {
        for (uint32_t i = 0; i < turn->op_count; i++)
            if (strcmp(turn->op[i].table, "firing") == 0 &&
                w->fires < (size_t)w->due)
                w->late[w->fires++] = late_ns(w, turn->op[i].key, now_ns);
        turns_done(&w->turns);
    }
}

/* Hand what is to be saved to the committer, as a daemon does. */
static void end_turn(struct world *w, struct turn *turn)
{
    turn_collect(turn);
    for (uint32_t i = 0; i < turn->op_count; i++)
        w->bytes += (int64_t)(turn->op[i].key.size + turn->op[i].value.size);
    w->records += turn->op_count;
    if (turn->op_count > 0)
        w->last_batch = committer_push(w->committer, turn->op, turn->op_count);
    turn->batch = w->last_batch;
    turns_end(&w->turns);
    release(w);
}

static void wait_for_all(struct world *w)
{
    struct err err = {0};
    struct turn *turn;

    while ((turn = turns_first(&w->turns))) {
        if (committer_wait(w->committer, turn->batch, &err) < 0)
            bench_fail("%s", err.text);
        release(w);
    }
}

/* One turn when something is due; false: nothing was. */
static bool run_turn(struct world *w, int64_t now_ms)
{
    if (AURORA_PROGRAM.next_ms(w->p) > now_ms)
        return false;
    struct turn *turn = turns_begin(&w->turns);
    AURORA_PROGRAM.on_time(w->p, now_ms, &turn->fx);
    end_turn(w, turn);
    return true;
}

static int64_t cpu_ns(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static uint32_t pending(const struct world *w)
{
    return aurora_program_core(w->p)->counters.tasks[TASK_PENDING];
}

/* Seconds until all that is due at midnight is durable. */
static double burst(struct world *w)
{
    int64_t here = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
    int64_t all = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);

    w->began_ns = bench_ns();
    while (run_turn(w, (int64_t)MIDNIGHT * 1000))
        ;
    wait_for_all(w);
    int64_t took_ns = bench_ns() - w->began_ns;
    here = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - here;
    all = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - all;
    bench_figure("a fire, deciding thread", (double)here / 1e3 / (double)w->due,
                 "us", 0, NULL);
    bench_figure("a fire, other threads",
                 (double)(all - here) / 1e3 / (double)w->due, "us", 0, NULL);
    if (pending(w) != (uint32_t)w->due || w->fires != (size_t)w->due)
        bench_fail("%u of %lld fired, %zu durably", pending(w),
                   (long long)w->due, w->fires);
    return (double)took_ns / 1e9;
}

static void nap(void)
{
    struct timespec span = {0, 100000};

    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &span, NULL);
}

/* SECONDS from `ms` after midnight on, as they pass, and some more for what is
 * due at their end. */
static void flow(struct world *w, int64_t ms, const char *p50, const char *p99)
{
    size_t count = (size_t)(w->rate * SECONDS);
    int64_t passed_ms, end_ms = SECONDS * 1000 + 100;

    w->fires = 0;
    w->began_ms = ms;
    w->began_ns = bench_ns();
    while ((passed_ms = (bench_ns() - w->began_ns) / 1000000) < end_ms)
        if (!run_turn(w, (int64_t)MIDNIGHT * 1000 + ms + passed_ms)) {
            release(w);
            nap();
        }
    wait_for_all(w);
    if (w->fires != count)
        bench_fail("%zu of %zu fired", w->fires, count);
    bench_figure(p50, (double)bench_percentile(w->late, count, 50) / 1e6, "ms",
                 0, NULL);
    bench_figure(p99, (double)bench_percentile(w->late, count, 99) / 1e6, "ms",
                 0, NULL);
}

/* As many records of that size to the same store, and nothing else. */
static double plain_s(struct world *w, int64_t records, int64_t bytes)
{
    struct store_op *op = xcalloc((size_t)records, sizeof *op);
    size_t size = records > 0 ? (size_t)(bytes / records) - 11 : 0;
    uint8_t *value = xcalloc(1, size);
    char(*key)[24] = xcalloc((size_t)records, sizeof *key);
    struct err err = {0};
    int64_t began = bench_ns();

    for (int64_t i = 0; i < records; i++) {
        (void)snprintf(key[i], sizeof key[i], "%011lld", (long long)i);
        op[i] = (struct store_op){"plain", bytes_of_text(key[i]),
                                  bytes_of(value, size)};
    }
    uint64_t number = committer_push(w->committer, op, (size_t)records);
    if (committer_wait(w->committer, number, &err) < 0)
        bench_fail("%s", err.text);
    double s = (double)(bench_ns() - began) / 1e9;
    free(op);
    free(value);
    free(key);
    return s;
}

static long memory_kib(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[200];
    long kib = 0;

    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmRSS: %ld", &kib) == 1)
            break;
    if (file)
        (void)fclose(file);
    return kib;
}

static void open_world(struct world *w)
{
    struct aurora_options options = AURORA_OPTIONS;
    struct err err = {0};

    w->entries = bench_is_quick() ? ENTRIES / 10 : ENTRIES;
    w->due = bench_is_quick() ? DUE / 10 : DUE;
    w->rate = bench_is_quick() ? RATE / 10 : RATE;
    w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (store_open(&w->store, bench_dir(), &err) < 0 ||
        committer_open(&w->committer, w->store, w->wake_fd, &err) < 0)
        bench_fail("%s", err.text);
    turns_init(&w->turns);
    w->late = xcalloc((size_t)w->due, sizeof *w->late);
    w->p = aurora_program_new(&options);
}

static void close_world(struct world *w)
{
    aurora_program_free(w->p);
    committer_close(w->committer);
    store_close(w->store);
    turns_release(&w->turns);
    free(w->late);
    (void)close(w->wake_fd);
}

int main(int argc, char **argv)
{
    static struct world w;
    long empty_kib;

    bench_open(argc, argv, "fires");
    bench_leans_on(BENCH_MEMORY | BENCH_DISK);
    open_world(&w);
    empty_kib = memory_kib();
    for (int64_t i = 0; i < w.entries; i++)
        put_entry(&w, i);
    struct turn *first = turns_begin(&w.turns);
    AURORA_PROGRAM.on_start(w.p, ((int64_t)MIDNIGHT - 30) * 1000, &first->fx);
    end_turn(&w, first);
    wait_for_all(&w);
    bench_figure("memory of an entry",
                 (double)(memory_kib() - empty_kib) * 1024 / (double)w.entries,
                 "B", 0, NULL);
    w.bytes = w.records = 0;
    double s = burst(&w);
    int64_t records = w.records, bytes = w.bytes;
    flow(&w, SPREAD_AT, "lateness at 10k/s, p50", "lateness at 10k/s, p99");
    flow(&w, AT_ONCE_AT, "lateness, 10k at once, p50",
         "lateness, 10k at once, p99");
    double plain = plain_s(&w, records, bytes);
    bench_figure("100,000 due in one second", s, "s", s / plain,
                 "the same records, unthinking");
    bench_figure("records of a fire", (double)records / (double)w.due, "", 0,
                 NULL);
    close_world(&w);
    return bench_close();
}
