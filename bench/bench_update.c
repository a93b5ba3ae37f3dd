/* A rolling update of 10,000 instances, as the scheduler sees it: its program
 * with all its codecs, a master that is played, and the processor time spent in
 * the program alone. No socket and no disk: what is to be stored is encoded.
 *
 * A transition is a change of a task or of an instance of the update, with its
 * record, its event and the calls it takes; all of them are counted by the
 * sequence numbers of events. */
#include "bench/kit.h"

#include "aurora/core/aurora.h"
#include "aurora/program.h"
#include "base/alloc.h"
#include "mesos/v1/scheduler.pb-c.h"
#include "wire/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef Mesos__V1__Scheduler__Call Call;
typedef Mesos__V1__Scheduler__Event Event;

enum { INSTANCES = 10000, HOSTS = 200, AT_ONCE = 500, WAITING_MAX = 65536 };

/* What the master will say of a task. */
struct report {
    char task[128], agent[16];
    Mesos__V1__TaskState state;
};

struct world {
    struct aurora_program *p;
    struct effects fx;
    struct arena arena;
    int64_t now_ms, cpu_ns;
    exchange_id stream, requests;
    uint64_t offers;
    bool has_offer[HOSTS];
    struct report *report;
    uint32_t reports;
    exchange_id *answer; /* calls to accept */
    uint32_t answers;
};

static int64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

#define TIMED(w, call)                   \
    do {                                 \
        int64_t began = cpu_ns();        \
        call;                            \
        (w)->cpu_ns += cpu_ns() - began; \
        take_effects(w);                 \
    } while (0)

/* --- the master's side --- */

static void add_report(struct world *w, const char *task, const char *agent,
                       Mesos__V1__TaskState state)
{
    if (w->reports == WAITING_MAX)
        bench_fail("more reports wait than there is room for");
    struct report *r = &w->report[w->reports++];
    snprintf(r->task, sizeof r->task, "%s", task);
    snprintf(r->agent, sizeof r->agent, "%s", agent);
    r->state = state;
}

static void take_accept(struct world *w,
                        const Mesos__V1__Scheduler__Call__Accept *a)
{
    for (size_t o = 0; o < a->n_operations; o++) {
        const Mesos__V1__Offer__Operation__Launch *l = a->operations[o]->launch;
        for (size_t i = 0; l && i < l->n_task_infos; i++) {
            const Mesos__V1__TaskInfo *t = l->task_infos[i];
            add_report(w, t->task_id->value, t->agent_id->value,
                       MESOS__V1__TASK_STATE__TASK_STARTING);
            add_report(w, t->task_id->value, t->agent_id->value,
                       MESOS__V1__TASK_STATE__TASK_RUNNING);
            w->has_offer[atoi(t->agent_id->value + 1)] = false;
        }
    }
}

static void take_call(struct world *w, const struct effect *e)
{
    ProtobufCMessage *message;
    struct err err = {0};

    if (codec_decode(&mesos__v1__scheduler__call__descriptor, "Call",
                     MEDIA_PROTOBUF, e->bytes, &w->arena, &message, &err) < 0)
        bench_fail("%s", err.text);
    const Call *call = (const Call *)message;
    if (call->type == MESOS__V1__SCHEDULER__CALL__TYPE__ACCEPT)
        take_accept(w, call->accept);
    if (call->type == MESOS__V1__SCHEDULER__CALL__TYPE__KILL)
        add_report(w, call->kill->task_id->value,
                   call->kill->agent_id ? call->kill->agent_id->value : "",
                   MESOS__V1__TASK_STATE__TASK_KILLED);
    if (w->answers == WAITING_MAX)
        bench_fail("more calls wait than there is room for");
    w->answer[w->answers++] = e->exchange;
}

static void take_effects(struct world *w)
{
    for (uint32_t i = 0; i < w->fx.count; i++) {
        const struct effect *e = &w->fx.item[i];
        if (e->kind == EFFECT_FOLLOW)
            w->stream = e->exchange;
        if (e->kind == EFFECT_CALL)
            take_call(w, e);
        if (e->kind == EFFECT_REPLY && e->response.status != 200)
            bench_fail("status %d: %.*s", e->response.status,
                       (int)e->bytes.size, (const char *)e->bytes.data);
    }
    effects_clear(&w->fx);
    arena_release(&w->arena);
    arena_init(&w->arena);
}

static void send_event(struct world *w, Event *event)
{
    struct buf out = {0};

    codec_encode(&event->base, MEDIA_PROTOBUF, &out);
    TIMED(w, AURORA_PROGRAM.on_record(w->p, w->stream, buf_bytes(&out),
                                      w->now_ms, &w->fx));
    buf_release(&out);
}

static void send_json_event(struct world *w, const char *json)
{
    ProtobufCMessage *message;
    struct arena arena;
    struct err err = {0};

    arena_init(&arena);
    if (codec_decode(&mesos__v1__scheduler__event__descriptor, "Event",
                     MEDIA_JSON, bytes_of_text(json), &arena, &message,
                     &err) < 0)
        bench_fail("%s", err.text);
    send_event(w, (Event *)message);
    arena_release(&arena);
}

static void offer(struct world *w, int host)
{
    char json[900];

    w->has_offer[host] = true;
    snprintf(
        json, sizeof json,
        "{\"type\":\"OFFERS\",\"offers\":{\"offers\":[{\"id\":{\"value\":"
        "\"o-%llu\"},\"framework_id\":{\"value\":\"f\"},\"agent_id\":{"
        "\"value\":\"h%d\"},\"hostname\":\"host%d\",\"resources\":[{\"name\":"
        "\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":64}},{\"name\":"
        "\"mem\",\"type\":\"SCALAR\",\"scalar\":{\"value\":65536}},{\"name\":"
        "\"disk\",\"type\":\"SCALAR\",\"scalar\":{\"value\":65536}}]}]}}",
        (unsigned long long)++w->offers, host, host);
    send_json_event(w, json);
}

static void send_reports(struct world *w)
{
    struct report *list = xcalloc(w->reports + 1, sizeof *list);
    uint32_t count = w->reports;
    char json[700];

    memcpy(list, w->report, count * sizeof *list);
    w->reports = 0;
    for (uint32_t i = 0; i < count; i++) {
        snprintf(json, sizeof json,
                 "{\"type\":\"UPDATE\",\"update\":{\"status\":{\"task_id\":{"
                 "\"value\":\"%s\"},\"agent_id\":{\"value\":\"%s\"},\"uuid\":"
                 "\"MDEyMzQ1Njc4OWFiY2RlZg==\",\"state\":\"%s\"}}}",
                 list[i].task, list[i].agent,
                 list[i].state == MESOS__V1__TASK_STATE__TASK_KILLED
                     ? "TASK_KILLED"
                 : list[i].state == MESOS__V1__TASK_STATE__TASK_RUNNING
                     ? "TASK_RUNNING"
                     : "TASK_STARTING");
        send_json_event(w, json);
    }
    free(list);
}

static void send_answers(struct world *w)
{
    struct http_response ok = {.status = 202};

    while (w->answers > 0) {
        exchange_id exchange = w->answer[--w->answers];
        TIMED(w,
              AURORA_PROGRAM.on_answer(w->p, exchange, &ok, w->now_ms, &w->fx));
    }
}

/* A moment passes. */
static void turn(struct world *w)
{
    w->now_ms += 10;
    send_answers(w);
    send_reports(w);
    send_answers(w);
    for (int host = 0; host < HOSTS; host++)
        if (!w->has_offer[host])
            offer(w, host);
    if (AURORA_PROGRAM.next_ms(w->p) <= w->now_ms)
        TIMED(w, AURORA_PROGRAM.on_time(w->p, w->now_ms, &w->fx));
}

/* --- the user's side --- */

static void start(struct world *w, const char *version, const char *update)
{
    static const struct http_header header[] = {
        {"Content-Type", "application/json"}, {"Accept", "application/json"}};
    struct buf body = {0};

    buf_addf(&body,
             "{\"type\":\"START_UPDATE\",\"create_job\":{\"job\":{\"cluster\":"
             "\"devcluster\",\"role\":\"www\",\"environment\":\"prod\","
             "\"name\":\"web\",\"service\":true,\"instances\":%d,\"update\":{"
             "\"watch_secs\":0,%s},\"task\":{\"name\":\"web\",\"processes\":[{"
             "\"name\":\"p\",\"cmdline\":\"%s\"}],\"resources\":{\"cpu_milli\":"
             "100,\"ram_bytes\":134217728,\"disk_bytes\":134217728}}}}}",
             bench_is_quick() ? INSTANCES / 10 : INSTANCES, update, version);
    struct http_request http = {.method = HTTP_POST,
                                .method_name = "POST",
                                .path = "/api/v1",
                                .query = "",
                                .header = header,
                                .header_count = 2,
                                .body = buf_bytes(&body),
                                .peer = "127.0.0.1:1"};
    TIMED(w, AURORA_PROGRAM.on_request(w->p, ++w->requests, &http, w->now_ms,
                                       &w->fx));
    buf_release(&body);
}

static void roll(struct world *w, const char *name, const char *version,
                 const char *update)
{
    const struct aurora *core = aurora_program_core(w->p);
    uint64_t ended = core->counters.updates_ended[UPDATE_ROLLED_FORWARD];
    uint64_t events = core->events.next;
    char text[64];

    w->cpu_ns = 0;
    start(w, version, update);
    for (int i = 0;
         core->counters.updates_ended[UPDATE_ROLLED_FORWARD] == ended; i++) {
        if (i > 1000000)
            bench_fail("the update does not end");
        turn(w);
    }
    double seconds = (double)w->cpu_ns / 1e9;
    uint64_t transitions = core->events.next - events;
    snprintf(text, sizeof text, "%s_cpu", name);
    bench_figure(text, seconds, "s", 0, NULL);
    snprintf(text, sizeof text, "%s_transitions", name);
    bench_figure(text, (double)transitions / seconds, "1/s", 0, NULL);
}

static struct world *world_new(void)
{
    static const struct http_header header = {"Mesos-Stream-Id", "s"};
    struct http_response head = {.status = 200,
                                 .type = MEDIA_PROTOBUF,
                                 .header = &header,
                                 .header_count = 1};
    struct world *w = xcalloc(1, sizeof *w);
    struct aurora_options options = AURORA_OPTIONS;

    w->report = xcalloc(WAITING_MAX, sizeof *w->report);
    w->answer = xcalloc(WAITING_MAX, sizeof *w->answer);
    effects_init(&w->fx);
    arena_init(&w->arena);
    w->now_ms = 1700000000000;
    options.tasks_per_job_max = INSTANCES;
    options.offer_jitter_ms = 0;
    options.endpoint = "127.0.0.1:8081";
    w->p = aurora_program_new(&options);
    TIMED(w, AURORA_PROGRAM.on_start(w->p, w->now_ms, &w->fx));
    TIMED(w,
          AURORA_PROGRAM.on_answer(w->p, w->stream, &head, w->now_ms, &w->fx));
    send_json_event(w, "{\"type\":\"SUBSCRIBED\",\"subscribed\":{"
                       "\"framework_id\":{\"value\":\"f\"},"
                       "\"heartbeat_interval_seconds\":100000}}");
    return w;
}

int main(int argc, char **argv)
{
    char size[64];

    bench_open(argc, argv, "update");
    bench_leans_on(BENCH_MEMORY);
    struct world *w = world_new();
    snprintf(size, sizeof size, "\"batch_size\":%d", AT_ONCE);
    roll(w, "create_10k", "v1", size);
    roll(w, "update_10k", "v2", size);
    roll(w, "update_10k_one_by_one", "v3", "\"batch_size\":1");
    roll(w, "surge_10k", "v4", "\"strategy\":\"SURGE\"");
    roll(w, "surge_10k_by_two_percent", "v5",
         "\"strategy\":\"SURGE\",\"maximum_over_capacity_milli\":20");
    aurora_program_free(w->p);
    effects_release(&w->fx);
    arena_release(&w->arena);
    free(w->report);
    free(w->answer);
    free(w);
    return bench_close();
}
