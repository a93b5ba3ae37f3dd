/* A scheduler's loop beside hostile job files. It ticks each millisecond, once
 * alone and once while script workers sit on files that take their whole
 * budget, in turns: how much later does it come to its ticks because of them?
 * Then each call of the API with the largest body it may have: how long does
 * the loop work on it? */
#include "aurora/program.h"
#include "bench/kit.h"
#include "perigee/aurora.pb-c.h"
#include "script/bundle.h"
#include "script/evaluate.h"
#include "script/worker.h"
#include "sys/file.h"
#include "sys/process.h"
#include "wire/codec.h"
#include <event2/event.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    ROUNDS = 20,
    FILES = 8, /* of one round; two workers take turns */
    BUDGET_MS = 50,
    TICK_US = 1000,
    TICKS_MAX = 100000,
    FILE_BYTES = (4 << 20) - 4096, /* the largest there are */
    CALL_TURNS = 5,
    FAT_PROCESSES = 1000
};

#define JOB_HEAD                                                             \
    "{\"cluster\":\"devcluster\",\"role\":\"www\",\"environment\":\"prod\"," \
    "\"name\":\"web\",\"service\":true,\"instances\":1,\"task\":{\"name\":"  \
    "\"web\",\"resources\":{\"cpu_milli\":100,\"ram_bytes\":1048576,"        \
    "\"disk_bytes\":1048576},\"processes\":["

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

/* --- the longest that a call holds the loop --- */

struct scheduler {
    struct aurora_program *program;
    struct effects fx;
    exchange_id exchange;
    struct bytes verdict; /* of the script worker */
    int64_t longest_ns;
    int status;
};

static void note_step(struct scheduler *s, int64_t began_ns)
{
    int64_t took_ns = thread_cpu_ns() - began_ns;
    if (took_ns > s->longest_ns)
        s->longest_ns = took_ns;
}

static void *read_beside(void *work)
{
    aurora_decode_run(work);
    return NULL;
}

/* The act is data of effects that go now. */
static void decode(struct scheduler *s, struct aurora_decode act)
{
    struct aurora_decoded fact = {.ticket = act.ticket};
    pthread_t thread;
    if (pthread_create(&thread, NULL, read_beside, act.work) != 0)
        bench_fail("no thread");
    pthread_join(thread, NULL);
    effects_clear(&s->fx);
    int64_t began_ns = thread_cpu_ns();
    AURORA_PROGRAM.on_fact(s->program, AURORA_FACT_DECODED, &fact, 1, &s->fx);
    note_step(s, began_ns);
}

static void evaluate(struct scheduler *s, uint64_t ticket)
{
    struct aurora_evaluated fact = {.ticket = ticket, .result = s->verdict};
    effects_clear(&s->fx);
    int64_t began_ns = thread_cpu_ns();
    AURORA_PROGRAM.on_fact(s->program, AURORA_FACT_EVALUATED, &fact, 1, &s->fx);
    note_step(s, began_ns);
}

/* One effect that the shell must act on; false when there is none. */
static bool act(struct scheduler *s)
{
    for (uint32_t i = 0; i < s->fx.count; i++) {
        const struct effect *effect = &s->fx.item[i];
        const struct aurora_evaluate *bundle = effect->act.data;
        const struct aurora_decode *body = effect->act.data;
        if (effect->kind == EFFECT_REPLY)
            s->status = effect->response.status;
        if (effect->kind != EFFECT_ACT)
            continue;
        if (effect->act.kind == AURORA_ACT_DECODE)
            decode(s, *body);
        else if (effect->act.kind == AURORA_ACT_EVALUATE)
            evaluate(s, bundle->ticket);
        return true;
    }
    return false;
}

static void call(struct scheduler *s, struct bytes body, enum media_type type)
{
    const struct http_header header[] = {
        {"Content-Type", media_type_name(type)},
        {"Accept", "application/x-protobuf"}};
    struct http_request request = {.method = HTTP_POST,
                                   .method_name = "POST",
                                   .path = "/api/v1",
                                   .query = "",
                                   .header = header,
                                   .header_count = 2,
                                   .body = body,
                                   .peer = "127.0.0.1:1"};
    int64_t began_ns = thread_cpu_ns();
    AURORA_PROGRAM.on_request(s->program, ++s->exchange, &request, 1, &s->fx);
    note_step(s, began_ns);
    while (act(s))
        ;
    effects_clear(&s->fx);
}

/* The longest step of several turns, each in a new scheduler: memory that was
 * touched before costs less. */
static void measure_call(const char *name, struct bytes body,
                         enum media_type type, struct bytes verdict, int status)
{
    struct scheduler s = {.verdict = verdict};
    char figure[64];
    effects_init(&s.fx);
    for (int i = 0; i < CALL_TURNS; i++) {
        s.program = aurora_program_new(&AURORA_OPTIONS);
        AURORA_PROGRAM.on_start(s.program, 1, &s.fx);
        effects_clear(&s.fx);
        call(&s, body, type);
        aurora_program_free(s.program);
        if (s.status != status)
            bench_fail("%s: status %d, want %d", name, s.status, status);
    }
    effects_release(&s.fx);
    snprintf(figure, sizeof figure, "call_%s", name);
    bench_figure(figure, (double)s.longest_ns / 1e6, "ms", 0, NULL);
}

static void measure_both(const char *name, const Perigee__Aurora__Call *made,
                         struct bytes verdict)
{
    static const struct {
        enum media_type type;
        const char *name;
    } media[] = {{MEDIA_PROTOBUF, "protobuf"}, {MEDIA_JSON, "json"}};
    for (int i = 0; i < 2; i++) {
        struct buf body = {0};
        char figure[48];
        codec_encode(&made->base, media[i].type, &body);
        snprintf(figure, sizeof figure, "%s_%s", name, media[i].name);
        if (body.size <= HTTP_BODY_MAX)
            measure_call(figure, buf_bytes(&body), media[i].type, verdict, 200);
        buf_release(&body);
    }
}

static ProtobufCBinaryData noise(size_t size)
{
    uint8_t *data = malloc(size);
    uint32_t state = 1;
    if (data == NULL)
        bench_fail("no memory");
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)((state = state * 1664525 + 1013904223) >> 24);
    return (ProtobufCBinaryData){size, data};
}

static void measure_asset(void)
{
    Perigee__Aurora__Call made = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__PutAsset put =
        PERIGEE__AURORA__CALL__PUT_ASSET__INIT;
    made.has_type = put.has_content = true;
    made.type = PERIGEE__AURORA__CALL__TYPE__PUT_ASSET;
    made.put_asset = &put;
    put.content = noise(FILE_BYTES);
    measure_both("put_asset", &made, bytes_of("", 0));
    free(put.content.data);
}

/* What the worker would say of it: one job, as fat as `commands`. */
static struct buf make_verdict(int commands)
{
    Perigee__Evaluation evaluation = PERIGEE__EVALUATION__INIT;
    struct arena arena;
    struct buf text = {0}, out = {0};
    ProtobufCMessage *job = NULL;
    struct err err = {0};
    arena_init(&arena);
    buf_add_text(&text, JOB_HEAD);
    for (int i = 0; i < commands; i++)
        buf_addf(&text, "%s{\"name\":\"p%d\",\"cmdline\":\"%0900d {{x}}\"}",
                 i > 0 ? "," : "", i, i);
    buf_add_text(&text, "]}}");
    if (codec_decode(&perigee__job__descriptor, "Job", MEDIA_JSON,
                     buf_bytes(&text), &arena, &job, &err) < 0)
        bench_fail("%s", err.text);
    evaluation.n_jobs = 1;
    evaluation.jobs = (Perigee__Job *[]){(Perigee__Job *)job};
    evaluation.bundle_hash = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1a"
                             "c88b59b2dc327aa4";
    codec_encode(&evaluation.base, MEDIA_PROTOBUF, &out);
    arena_release(&arena);
    buf_release(&text);
    return out;
}

static struct buf largest_bundle(void)
{
    Perigee__Bundle bundle = PERIGEE__BUNDLE__INIT;
    Perigee__BundleFile text = PERIGEE__BUNDLE_FILE__INIT;
    Perigee__BundleFile asset = PERIGEE__BUNDLE_FILE__INIT;
    Perigee__BundleFile *files[] = {&asset, &text};
    struct buf out = {0};
    bundle.has_format = true;
    bundle.format = 1;
    bundle.entry = text.path = "web.lua";
    bundle.files = files;
    bundle.n_files = 2;
    text.has_content = asset.has_content = asset.has_asset = true;
    asset.asset = true;
    text.content = asset.content = noise(FILE_BYTES);
    asset.path = "tool";
    asset.sha256 = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc"
                   "327aa5";
    codec_encode(&bundle.base, MEDIA_PROTOBUF, &out);
    free(text.content.data);
    return out;
}

static void measure_create(void)
{
    Perigee__Aurora__Call made = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__CreateJob create =
        PERIGEE__AURORA__CALL__CREATE_JOB__INIT;
    Perigee__Aurora__JobKey key = PERIGEE__AURORA__JOB_KEY__INIT;
    struct buf bundle = largest_bundle();
    struct buf plain = make_verdict(1), fat = make_verdict(FAT_PROCESSES);
    key.cluster = "devcluster";
    key.role = "www";
    key.environment = "prod";
    key.name = "web";
    made.has_type = true;
    made.type = PERIGEE__AURORA__CALL__TYPE__CREATE_JOB;
    made.create_job = &create;
    create.key = &key;
    create.has_bundle = create.has_accept_server = create.accept_server = true;
    create.bundle = (ProtobufCBinaryData){bundle.size, bundle.data};
    measure_both("create_bundle", &made, buf_bytes(&plain));
    create.bundle = (ProtobufCBinaryData){2, (uint8_t *)"\x08\x01"};
    measure_both("create_fat_job", &made, buf_bytes(&fat));
    buf_release(&bundle);
    buf_release(&plain);
    buf_release(&fat);
}

/* Bodies made to cost: `size` bytes of many values, refused. */
static void measure_nonsense(const char *name, size_t size, int status)
{
    struct buf body = {0};
    buf_add_text(&body, "{\"type\":\"KILL_JOB\",\"target\":{\"instances\":[");
    while (body.size < size - 64)
        buf_add_text(&body, "{\"first\":1,\"last\":1},");
    buf_add_text(&body, "{\"first\":1}]}}");
    measure_call(name, buf_bytes(&body), MEDIA_JSON, bytes_of("", 0), status);
    buf_release(&body);
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
    measure_asset();
    measure_create();
    measure_nonsense("1m_of_ranges", 1 << 20, 400);
    measure_nonsense("8m_of_ranges", HTTP_BODY_MAX, 413);
    return bench_close();
}
