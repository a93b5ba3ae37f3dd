/* The scheduler as a program: requests and a played master go in, effects come
 * out. No socket, no disk, no clock. */
#include "aurora/program.h"
#include "mesos/v1/scheduler.pb-c.h"
#include "perigee/aurora.pb-c.h"
#include "perigee/job.pb-c.h"
#include "perigee/script.pb-c.h"
#include "base/alloc.h"
#include "wire/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef Mesos__V1__Scheduler__Call MasterCall;
typedef Mesos__V1__Scheduler__Event MasterEvent;
typedef Perigee__Aurora__Answer Answer;

enum { RECORDS_MAX = 512 };

/* A world of one scheduler and a master that we play. */
struct world {
    struct aurora_program *p;
    struct effects fx;
    struct arena arena; /* decoded messages */
    int64_t now_ms;
    exchange_id stream, next_exchange;
    uint64_t next_offer, seed;
    struct {
        char table[16], key[300];
        struct buf value;
        bool is_used;
    } record[RECORDS_MAX];
    /* What came out since the last look. */
    struct {
        MasterCall *item[64];
        exchange_id exchange[64];
        int count;
    } calls;
    struct http_response reply;         /* the newest */
    Perigee__Aurora__Event *last_words; /* of the newest stream */
    exchange_id replied;
    bool is_api; /* the answer is an Answer */
    Answer *answer;
    struct {
        Perigee__Aurora__Event *item[256];
        int count;
    } events;
    struct aurora_evaluate act;
    int acts;
};

static void keep_record(struct world *w, const struct effect *e)
{
    int free_at = -1;

    for (int i = 0; i < RECORDS_MAX; i++) {
        if (!w->record[i].is_used) {
            free_at = free_at < 0 ? i : free_at;
            continue;
        }
        if (strcmp(w->record[i].table, e->persist.table) == 0 &&
            bytes_equal_text(e->persist.key, w->record[i].key)) {
            free_at = i;
            buf_release(&w->record[i].value);
            w->record[i].is_used = false;
            break;
        }
    }
    if (!e->bytes.data)
        return;
    assert_true(free_at >= 0);
    snprintf(w->record[free_at].table, 16, "%s", e->persist.table);
    snprintf(w->record[free_at].key, 300, "%.*s", (int)e->persist.key.size,
             (const char *)e->persist.key.data);
    w->record[free_at].value = (struct buf){0};
    buf_add_bytes(&w->record[free_at].value, e->bytes);
    w->record[free_at].is_used = true;
}

static void *decode(struct world *w, const ProtobufCMessageDescriptor *type,
                    enum media_type media, struct bytes bytes)
{
    ProtobufCMessage *message;
    struct err err = {0};

    if (codec_decode(type, "Message", media, bytes, &w->arena, &message, &err) <
        0)
        fail_msg("%s", err.text);
    return message;
}

static void look(struct world *w)
{
    AURORA_PROGRAM.check(w->p);
    for (uint32_t i = 0; i < w->fx.count; i++) {
        const struct effect *e = &w->fx.item[i];
        switch (e->kind) {
        case EFFECT_PERSIST:
            keep_record(w, e);
            break;
        case EFFECT_FOLLOW:
            w->stream = e->exchange;
            break;
        case EFFECT_CALL:
            assert_true(w->calls.count < 64);
            w->calls.exchange[w->calls.count] = e->exchange;
            w->calls.item[w->calls.count++] =
                decode(w, &mesos__v1__scheduler__call__descriptor,
                       MEDIA_PROTOBUF, e->bytes);
            break;
        case EFFECT_REPLY:
            w->reply = e->response;
            w->replied = e->exchange;
            w->reply.body =
                bytes_of(arena_memdup(&w->arena, e->bytes.data, e->bytes.size),
                         e->bytes.size);
            if (e->response.type == MEDIA_JSON && w->is_api)
                w->answer = decode(w, &perigee__aurora__answer__descriptor,
                                   MEDIA_JSON, e->bytes);
            break;
        case EFFECT_STREAM:
            w->last_words = decode(w, &perigee__aurora__event__descriptor,
                                   MEDIA_JSON, e->response.body);
            break;
        case EFFECT_RECORD:
            assert_true(w->events.count < 256);
            w->events.item[w->events.count++] = decode(
                w, &perigee__aurora__event__descriptor, MEDIA_JSON, e->bytes);
            break;
        case EFFECT_ACT:
            w->act = *(const struct aurora_evaluate *)e->act.data;
            w->act.bundle = bytes_of(
                arena_memdup(&w->arena, w->act.bundle.data, w->act.bundle.size),
                w->act.bundle.size);
            w->acts++;
            break;
        default:
            break;
        }
    }
    effects_clear(&w->fx);
}

/* Time passes; everything due happens. */
static void pass(struct world *w, int64_t ms)
{
    int64_t end = w->now_ms + ms, next;

    while ((next = AURORA_PROGRAM.next_ms(w->p)) <= end) {
        if (next > w->now_ms)
            w->now_ms = next;
        AURORA_PROGRAM.on_time(w->p, w->now_ms, &w->fx);
        look(w);
    }
    w->now_ms = end;
}

static void event_in(struct world *w, MasterEvent *event)
{
    struct buf out = {0};

    codec_encode(&event->base, MEDIA_PROTOBUF, &out);
    AURORA_PROGRAM.on_record(w->p, w->stream, buf_bytes(&out), w->now_ms,
                             &w->fx);
    buf_release(&out);
    look(w);
}

static void subscribed(struct world *w, const char *framework)
{
    static const struct http_header header = {"Mesos-Stream-Id", "s-1"};
    struct http_response head = {.status = 200,
                                 .type = MEDIA_PROTOBUF,
                                 .header = &header,
                                 .header_count = 1};
    MasterEvent event = MESOS__V1__SCHEDULER__EVENT__INIT;
    Mesos__V1__Scheduler__Event__Subscribed s =
        MESOS__V1__SCHEDULER__EVENT__SUBSCRIBED__INIT;
    Mesos__V1__FrameworkID id = MESOS__V1__FRAMEWORK_ID__INIT;

    AURORA_PROGRAM.on_answer(w->p, w->stream, &head, w->now_ms, &w->fx);
    id.value = (char *)framework;
    s.framework_id = &id;
    s.has_heartbeat_interval_seconds = true;
    s.heartbeat_interval_seconds = 15;
    event.has_type = true;
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__SUBSCRIBED;
    event.subscribed = &s;
    event_in(w, &event);
}

static struct aurora_program *new_program(uint64_t seed)
{
    struct aurora_options options = AURORA_OPTIONS;

    options.seed = seed;
    options.offer_jitter_ms = 0;
    options.endpoint = "10.0.0.1:8081";
    return aurora_program_new(&options);
}

static struct world *world_new(void)
{
    struct world *w = xcalloc(1, sizeof *w);

    effects_init(&w->fx);
    arena_init(&w->arena);
    w->now_ms = 1700000000000;
    w->p = new_program(++w->seed);
    AURORA_PROGRAM.on_start(w->p, w->now_ms, &w->fx);
    look(w);
    subscribed(w, "fw-1");
    return w;
}

/* kill -9 and a new life on the same store. */
static void reborn(struct world *w)
{
    struct err err = {0};
    /* As a store lists them: by table, then key. */
    static const char *const order[] = {"asset",     "bundle", "config",
                                        "host",      "job",    "request",
                                        "scheduler", "task"};

    aurora_program_free(w->p);
    w->p = new_program(++w->seed);
    w->calls.count = w->events.count = 0;
    for (size_t t = 0; t < sizeof order / sizeof *order; t++)
        for (int i = 0; i < RECORDS_MAX; i++)
            if (w->record[i].is_used &&
                strcmp(w->record[i].table, order[t]) == 0 &&
                AURORA_PROGRAM.on_stored(
                    w->p, w->record[i].table, bytes_of_text(w->record[i].key),
                    buf_bytes(&w->record[i].value), &err) < 0)
                fail_msg("%s", err.text);
    AURORA_PROGRAM.on_start(w->p, w->now_ms, &w->fx);
    look(w);
}

static void world_free(struct world *w)
{
    aurora_program_free(w->p);
    for (int i = 0; i < RECORDS_MAX; i++)
        if (w->record[i].is_used)
            buf_release(&w->record[i].value);
    effects_release(&w->fx);
    arena_release(&w->arena);
    free(w);
}

/* --- the master's side
 * ------------------------------------------------------------*/

static void offer(struct world *w, const char *agent, int cpus)
{
    MasterEvent event = MESOS__V1__SCHEDULER__EVENT__INIT;
    Mesos__V1__Scheduler__Event__Offers offers =
        MESOS__V1__SCHEDULER__EVENT__OFFERS__INIT;
    static const char json[] =
        "{\"id\":{\"value\":\"o-%d\"},\"framework_id\":{\"value\":\"fw-1\"},"
        "\"agent_id\":{\"value\":\"%s\"},\"hostname\":\"%s.host\","
        "\"url\":{\"scheme\":\"http\",\"path\":\"/slave(1)\",\"address\":"
        "{\"ip\":\"10.0.0.9\",\"port\":5051}},\"resources\":["
        "{\"name\":\"ports\",\"type\":\"RANGES\",\"ranges\":{\"range\":["
        "{\"begin\":31000,\"end\":31009}]},\"role\":\"*\"},"
        "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":%d},"
        "\"role\":\"*\"},{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":"
        "{\"value\":4096},\"role\":\"*\"},{\"name\":\"disk\",\"type\":"
        "\"SCALAR\",\"scalar\":{\"value\":10240},\"role\":\"*\"}],"
        "\"attributes\":[{\"name\":\"rack\",\"type\":\"TEXT\",\"text\":"
        "{\"value\":\"r-%s\"}}]}";
    char *text = arena_printf(&w->arena, json, (int)++w->next_offer, agent,
                              agent, cpus, agent);
    Mesos__V1__Offer *one = decode(w, &mesos__v1__offer__descriptor, MEDIA_JSON,
                                   bytes_of_text(text));

    offers.n_offers = 1;
    offers.offers = &one;
    event.has_type = true;
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__OFFERS;
    event.offers = &offers;
    event_in(w, &event);
    pass(w, 0);
}

/* Answer every call that waits, until none is left; keeps what was asked. */
static void accept_calls(struct world *w)
{
    struct http_response ok = {.status = 202};

    for (int i = 0; i < w->calls.count; i++) {
        exchange_id exchange = w->calls.exchange[i];
        if (exchange == 0)
            continue;
        w->calls.exchange[i] = 0;
        AURORA_PROGRAM.on_answer(w->p, exchange, &ok, w->now_ms, &w->fx);
        look(w);
    }
}

static MasterCall *find_call(struct world *w,
                             Mesos__V1__Scheduler__Call__Type type, int nth)
{
    for (int i = 0; i < w->calls.count; i++)
        if (w->calls.item[i]->type == type && nth-- == 0)
            return w->calls.item[i];
    return NULL;
}

static int count_calls(struct world *w, Mesos__V1__Scheduler__Call__Type type)
{
    int count = 0;

    while (find_call(w, type, count))
        count++;
    return count;
}

#define CALL(name) MESOS__V1__SCHEDULER__CALL__TYPE__##name

static Mesos__V1__TaskInfo *launched(struct world *w, int nth)
{
    for (int i = 0; i < w->calls.count; i++) {
        MasterCall *call = w->calls.item[i];
        if (call->type != CALL(ACCEPT))
            continue;
        Mesos__V1__Offer__Operation__Launch *launch =
            call->accept->operations[0]->launch;
        if (nth < (int)launch->n_task_infos)
            return launch->task_infos[nth];
        nth -= (int)launch->n_task_infos;
    }
    return NULL;
}

static void update(struct world *w, const char *task, const char *agent,
                   Mesos__V1__TaskState state, const char *message)
{
    MasterEvent event = MESOS__V1__SCHEDULER__EVENT__INIT;
    Mesos__V1__Scheduler__Event__Update u =
        MESOS__V1__SCHEDULER__EVENT__UPDATE__INIT;
    Mesos__V1__TaskStatus status = MESOS__V1__TASK_STATUS__INIT;
    Mesos__V1__TaskID task_id = MESOS__V1__TASK_ID__INIT;
    Mesos__V1__AgentID agent_id = MESOS__V1__AGENT_ID__INIT;
    static uint8_t uuid[16] = "0123456789abcdef";

    task_id.value = (char *)task;
    agent_id.value = (char *)agent;
    status.task_id = &task_id;
    status.agent_id = &agent_id;
    status.state = state;
    status.message = (char *)message;
    status.has_uuid = true;
    status.uuid.data = uuid;
    status.uuid.len = sizeof uuid;
    u.status = &status;
    event.has_type = true;
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__UPDATE;
    event.update = &u;
    event_in(w, &event);
    pass(w, 0);
}

#define STATE(name) MESOS__V1__TASK_STATE__TASK_##name

/* --- the users' side
 * ------------------------------------------------------------------*/

static void request(struct world *w, enum http_method method, const char *path,
                    const char *query, const char *key, const char *body)
{
    struct http_header header[3] = {{"Content-Type", "application/json"},
                                    {"Accept", "application/json"}};
    struct http_request http = {.method = method,
                                .method_name = http_method_name(method),
                                .path = path,
                                .query = query,
                                .header = header,
                                .header_count = key ? 3 : 2,
                                .body = bytes_of_text(body),
                                .peer = "127.0.0.1:1"};

    header[2] = (struct http_header){"Idempotency-Key", key};
    w->replied = 0;
    w->answer = NULL;
    w->is_api = strncmp(path, "/api", 4) == 0;
    AURORA_PROGRAM.on_request(w->p, ++w->next_exchange, &http, w->now_ms,
                              &w->fx);
    look(w);
    pass(w, 0);
}

static void post(struct world *w, const char *body)
{
    request(w, HTTP_POST, "/api/v1", "", NULL, body);
}

static void get(struct world *w, const char *path)
{
    request(w, HTTP_GET, path, "", NULL, "");
}

static void expect_status(struct world *w, int status)
{
    if (w->replied != w->next_exchange || w->reply.status != status)
        fail_msg("want %d, got %d: %.*s", status,
                 w->replied == w->next_exchange ? w->reply.status : 0,
                 (int)w->reply.body.size, (const char *)w->reply.body.data);
}

#define KEY                                                                 \
    "\"key\":{\"cluster\":\"devcluster\",\"role\":\"www\",\"environment\":" \
    "\"prod\",\"name\":\"web\"}"
#define JOB(more)                                                            \
    "{\"cluster\":\"devcluster\",\"role\":\"www\",\"environment\":\"prod\"," \
    "\"name\":\"web\"," more ",\"task\":{\"name\":\"web\",\"processes\":[{"  \
    "\"name\":\"p\",\"cmdline\":\"sleep 1\"}],\"resources\":{\"cpu_milli\":" \
    "500,\"ram_bytes\":134217728,\"disk_bytes\":134217728}}}"
#define CREATE(more) \
    "{\"type\":\"CREATE_JOB\",\"create_job\":{\"job\":" JOB(more) "}}"
#define SERVICE(n) CREATE("\"service\":true,\"instances\":" n)
#define BATCH(n) CREATE("\"service\":false,\"instances\":" n)
#define ABOUT(type) "{\"type\":\"" type "\",\"target\":{" KEY "}}"

static Answer *get_job(struct world *w)
{
    post(w, "{\"type\":\"GET_JOB\",\"tasks\":{" KEY "}}");
    return w->answer;
}

static int count_state(const Answer *a, Perigee__Aurora__TaskState state)
{
    int count = 0;

    for (size_t i = 0; i < a->n_tasks; i++)
        count += a->tasks[i]->state == state;
    return count;
}

#define SHOWN(name) PERIGEE__AURORA__TASK_STATE__##name

/* Bring every launched task to RUNNING. */
static void run_all(struct world *w, const char *agent)
{
    Mesos__V1__TaskInfo *info;

    accept_calls(w);
    for (int i = 0; (info = launched(w, i)); i++) {
        update(w, info->task_id->value, agent, STATE(STARTING), NULL);
        update(w, info->task_id->value, agent, STATE(RUNNING), NULL);
        accept_calls(w);
    }
    w->calls.count = 0;
}

/* --- tests
 * ----------------------------------------------------------------------------*/

static void test_a_job_becomes_tasks_on_an_offer(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, SERVICE("3"));
    expect_status(w, 200);
    assert_true(w->answer->has_sequence && w->answer->sequence > 0);
    assert_int_equal(w->answer->n_jobs, 1);
    assert_int_equal(w->answer->jobs[0]->pending, 3);
    offer(w, "m-S0", 4);
    assert_int_equal(count_calls(w, CALL(ACCEPT)), 1);
    MasterCall *accept = find_call(w, CALL(ACCEPT), 0);
    assert_int_equal(accept->accept->n_offer_ids, 1);
    assert_true(accept->accept->filters->refuse_seconds == 0);
    assert_non_null(launched(w, 2));
    assert_null(launched(w, 3));
    Mesos__V1__TaskInfo *info = launched(w, 0);
    assert_memory_equal(info->task_id->value, "www-prod-web-0-", 15);
    assert_string_equal(info->executor->command->user, "www");
    assert_false(info->executor->command->shell);
    char id[300];
    snprintf(id, sizeof id, "thermos-%s", info->task_id->value);
    assert_string_equal(info->executor->executor_id->value, id);
    Perigee__AssignedTask *data =
        decode(w, &perigee__assigned_task__descriptor, MEDIA_PROTOBUF,
               bytes_of(info->data.data, info->data.len));
    assert_string_equal(data->job->task->processes[0]->cmdline, "sleep 1");
    assert_string_equal(data->asset_url, "http://10.0.0.1:8081/assets/");
    assert_string_equal(data->hostname, "m-S0.host");
    world_free(w);
}

static void test_a_held_offer_is_used_at_once(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    offer(w, "m-S0", 4);
    assert_int_equal(w->calls.count, 0);
    int64_t before = w->now_ms;
    post(w, SERVICE("1"));
    assert_int_equal(count_calls(w, CALL(ACCEPT)), 1);
    assert_true(w->now_ms == before);
    world_free(w);
}

static void test_an_unused_offer_goes_back_after_a_while(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    offer(w, "m-S0", 4);
    pass(w, 60 * 1000);
    assert_int_equal(count_calls(w, CALL(DECLINE)), 0);
    accept_calls(w); /* it asked after its tasks */
    /* Heartbeats keep the link alive meanwhile. */
    for (int i = 0; i < 10; i++) {
        MasterEvent event = MESOS__V1__SCHEDULER__EVENT__INIT;
        event.has_type = true;
        event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__HEARTBEAT;
        event_in(w, &event);
        pass(w, 60 * 1000);
    }
    assert_int_equal(count_calls(w, CALL(DECLINE)), 1);
    accept_calls(w);
    post(w, SERVICE("1")); /* nothing is held now: ask for offers */
    assert_int_equal(count_calls(w, CALL(REVIVE)), 1);
    world_free(w);
}

static void test_updates_are_shown_and_acknowledged(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, SERVICE("2"));
    offer(w, "m-S0", 4);
    char *id = launched(w, 0)->task_id->value;
    accept_calls(w);
    update(w, id, "m-S0", STATE(STARTING), NULL);
    assert_int_equal(count_calls(w, CALL(ACKNOWLEDGE)), 1);
    assert_string_equal(
        find_call(w, CALL(ACKNOWLEDGE), 0)->acknowledge->task_id->value, id);
    update(w, id, "m-S0", STATE(RUNNING), "here we go");
    update(w, id, "m-S0", STATE(RUNNING), "again"); /* a duplicate */
    assert_int_equal(count_calls(w, CALL(ACKNOWLEDGE)), 3);
    Answer *a = get_job(w);
    assert_int_equal(count_state(a, SHOWN(RUNNING)), 1);
    assert_int_equal(count_state(a, SHOWN(ASSIGNED)), 1);
    const Perigee__Aurora__TaskView *task = a->tasks[0];
    assert_string_equal(task->task_id, id);
    assert_int_equal(task->n_events, 4);
    assert_string_equal(task->events[3]->message, "here we go");
    assert_string_equal(task->agent_endpoint, "10.0.0.9:5051");
    assert_non_null(strstr(task->sandbox, id));
    world_free(w);
}

static void test_a_service_is_restarted_and_then_throttled(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, SERVICE("1"));
    for (int flap = 0; flap < 2; flap++) {
        offer(w, "m-S0", 4);
        char *id = launched(w, 0)->task_id->value;
        accept_calls(w);
        update(w, id, "m-S0", STATE(RUNNING), NULL);
        update(w, id, "m-S0", STATE(FAILED), "exit 1");
        accept_calls(w);
        w->calls.count = 0;
    }
    Answer *a = get_job(w);
    assert_int_equal(count_state(a, SHOWN(FAILED)), 2);
    assert_int_equal(count_state(a, SHOWN(THROTTLED)), 1);
    offer(w, "m-S0", 4);
    assert_int_equal(count_calls(w, CALL(ACCEPT)), 0);
    pass(w, 30 * 1000);
    assert_int_equal(count_calls(w, CALL(ACCEPT)), 1);
    world_free(w);
}

static void test_a_batch_job_finishes_and_may_be_created_again(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, BATCH("2"));
    offer(w, "m-S0", 4);
    char *first = launched(w, 0)->task_id->value;
    char *second = launched(w, 1)->task_id->value;
    accept_calls(w);
    update(w, first, "m-S0", STATE(FINISHED), NULL);
    post(w, BATCH("2"));
    expect_status(w, 409);
    assert_string_equal(w->answer->error->code, "EXISTS");
    update(w, second, "m-S0", STATE(FAILED), "exit 3");
    Answer *a = get_job(w);
    assert_int_equal(count_state(a, SHOWN(FINISHED)), 1);
    assert_int_equal(count_state(a, SHOWN(FAILED)), 1);
    assert_int_equal(a->jobs[0]->active + a->jobs[0]->pending, 0);
    post(w, BATCH("1"));
    expect_status(w, 200);
    world_free(w);
}

static void test_a_killed_job_goes_away(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, SERVICE("2"));
    offer(w, "m-S0", 1); /* room for one */
    char *id = launched(w, 0)->task_id->value;
    run_all(w, "m-S0");
    post(w, ABOUT("KILL_JOB"));
    expect_status(w, 200);
    assert_int_equal(w->answer->n_instances, 2);
    assert_int_equal(count_calls(w, CALL(KILL)), 1);
    assert_string_equal(find_call(w, CALL(KILL), 0)->kill->task_id->value, id);
    assert_int_equal(count_state(get_job(w), SHOWN(KILLING)), 1);
    post(w, SERVICE("2"));
    expect_status(w, 409);
    accept_calls(w);
    pass(w, 15 * 1000); /* nobody answered: again */
    assert_int_equal(count_calls(w, CALL(KILL)), 2);
    update(w, id, "m-S0", STATE(KILLED), NULL);
    get_job(w);
    expect_status(w, 404);
    post(w, SERVICE("2"));
    expect_status(w, 200);
    world_free(w);
}

static void test_scale_add_and_kill_instances(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, SERVICE("2"));
    post(w, "{\"type\":\"SCALE_JOB\",\"scale\":{" KEY ",\"instances\":4}}");
    expect_status(w, 200);
    assert_int_equal(w->answer->n_instances, 2);
    assert_int_equal(get_job(w)->jobs[0]->job->instances, 4);
    post(w, "{\"type\":\"KILL_JOB\",\"target\":{" KEY
            ",\"instances\":[{\"first\":1,\"last\":1}]}}");
    expect_status(w, 200);
    assert_int_equal(get_job(w)->jobs[0]->job->instances, 3);
    post(w, "{\"type\":\"SCALE_JOB\",\"scale\":{" KEY ",\"instances\":4}}");
    assert_int_equal(w->answer->n_instances, 1);
    assert_int_equal(w->answer->instances[0], 1);
    post(w, "{\"type\":\"ADD_INSTANCES\",\"scale\":{" KEY ",\"instances\":1}}");
    assert_int_equal(w->answer->instances[0], 4);
    post(w, "{\"type\":\"SCALE_JOB\",\"scale\":{" KEY ",\"instances\":1}}");
    assert_int_equal(w->answer->n_instances, 4);
    assert_int_equal(get_job(w)->n_tasks, 1);
    post(w, "{\"type\":\"SCALE_JOB\",\"scale\":{" KEY ",\"instances\":0}}");
    expect_status(w, 400);
    post(w, "{\"type\":\"SCALE_JOB\",\"scale\":{" KEY ",\"instances\":4001}}");
    expect_status(w, 400);
    assert_string_equal(w->answer->error->field, "instances");
    world_free(w);
}

static void test_a_rolling_restart_goes_batch_by_batch(void **unused)
{
    struct world *w = world_new();
    char id[3][300];

    (void)unused;
    post(w, SERVICE("3"));
    offer(w, "m-S0", 8);
    for (int i = 0; i < 3; i++)
        snprintf(id[i], 300, "%s", launched(w, i)->task_id->value);
    run_all(w, "m-S0");
    post(w, "{\"type\":\"RESTART_JOB\",\"target\":{" KEY ",\"batch_size\":1}}");
    expect_status(w, 200);
    assert_int_equal(w->answer->n_instances, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(count_calls(w, CALL(KILL)), 1);
        assert_string_equal(find_call(w, CALL(KILL), 0)->kill->task_id->value,
                            id[i]);
        accept_calls(w);
        w->calls.count = 0;
        update(w, id[i], "m-S0", STATE(KILLED), NULL);
        assert_int_equal(count_calls(w, CALL(KILL)), 0);
        accept_calls(w);
        if (i == 1) { /* a restart survives the scheduler */
            reborn(w);
            subscribed(w, "fw-1");
            accept_calls(w);
            w->calls.count = 0;
        }
        offer(w, "m-S0", 8);
        Mesos__V1__TaskInfo *info = launched(w, 0);
        assert_non_null(info);
        accept_calls(w);
        w->calls.count = 0;
        update(w, info->task_id->value, "m-S0", STATE(RUNNING), NULL);
    }
    assert_int_equal(count_calls(w, CALL(KILL)), 0);
    assert_int_equal(count_state(get_job(w), SHOWN(RUNNING)), 3);
    world_free(w);
}

static void test_everything_survives_a_new_life(void **unused)
{
    struct world *w = world_new();
    char running[300], starting[300];

    (void)unused;
    post(w, SERVICE("3"));
    offer(w, "m-S0", 1); /* room for one */
    snprintf(running, 300, "%s", launched(w, 0)->task_id->value);
    run_all(w, "m-S0");
    offer(w, "m-S1", 1);
    snprintf(starting, 300, "%s", launched(w, 0)->task_id->value);
    reborn(w);
    Answer *a = get_job(w);
    assert_int_equal(a->n_tasks, 3);
    assert_int_equal(count_state(a, SHOWN(RUNNING)), 1);
    assert_int_equal(count_state(a, SHOWN(ASSIGNED)), 1);
    assert_int_equal(count_state(a, SHOWN(PENDING)), 1);
    subscribed(w, "fw-1");
    MasterCall *reconcile = find_call(w, CALL(RECONCILE), 0);
    assert_int_equal(reconcile->reconcile->n_tasks, 2);
    accept_calls(w);
    /* The launch never arrived. */
    w->calls.count = 0;
    update(w, starting, "m-S1", STATE(GONE), "Reconciliation: unknown");
    assert_string_equal(find_call(w, CALL(KILL), 0)->kill->task_id->value,
                        starting);
    accept_calls(w);
    a = get_job(w);
    assert_int_equal(count_state(a, SHOWN(PENDING)), 2);
    assert_int_equal(count_state(a, SHOWN(LOST)), 1);
    world_free(w);
}

static void test_a_broken_accept_is_asked_after(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, SERVICE("1"));
    offer(w, "m-S0", 4);
    char *id = launched(w, 0)->task_id->value;
    AURORA_PROGRAM.on_broken(w->p, w->calls.exchange[0], "reset", w->now_ms,
                             &w->fx);
    look(w);
    MasterCall *reconcile = find_call(w, CALL(RECONCILE), 0);
    assert_non_null(reconcile);
    assert_string_equal(reconcile->reconcile->tasks[0]->task_id->value, id);
    world_free(w);
}

static void test_strangers_are_killed(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    update(w, "who-is-this", "m-S0", STATE(RUNNING), NULL);
    assert_int_equal(count_calls(w, CALL(KILL)), 1);
    assert_int_equal(count_calls(w, CALL(ACKNOWLEDGE)), 1);
    accept_calls(w);
    w->calls.count = 0;
    update(w, "who-is-this", "m-S0", STATE(KILLED), NULL);
    assert_int_equal(count_calls(w, CALL(KILL)), 0);
    assert_int_equal(count_calls(w, CALL(ACKNOWLEDGE)), 1);
    world_free(w);
}

static void test_an_unreachable_task_is_replaced(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, SERVICE("1"));
    offer(w, "m-S0", 4);
    char *id = launched(w, 0)->task_id->value;
    run_all(w, "m-S0");
    update(w, id, "m-S0", STATE(UNREACHABLE), "health check timed out");
    Answer *a = get_job(w);
    assert_int_equal(count_state(a, SHOWN(LOST)), 1);
    assert_int_equal(count_state(a, SHOWN(PENDING)), 1);
    assert_int_equal(count_calls(w, CALL(KILL)), 1);
    accept_calls(w);
    w->calls.count = 0;
    update(w, id, "m-S0", STATE(RUNNING), "the agent is back");
    assert_int_equal(count_calls(w, CALL(KILL)), 1);
    world_free(w);
}

static void test_a_task_that_says_nothing_is_lost(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, SERVICE("1"));
    offer(w, "m-S0", 4);
    accept_calls(w);
    for (int i = 0; i < 10; i++) {
        MasterEvent event = MESOS__V1__SCHEDULER__EVENT__INIT;
        event.has_type = true;
        event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__HEARTBEAT;
        event_in(w, &event);
        pass(w, 30 * 1000);
    }
    Answer *a = get_job(w);
    assert_int_equal(count_state(a, SHOWN(LOST)), 1);
    assert_int_equal(count_state(a, SHOWN(PENDING)), 1);
    world_free(w);
}

static void test_events_follow_and_replay(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, "{\"type\":\"SUBSCRIBE\",\"subscribe\":{" KEY "}}");
    assert_int_equal(w->events.count, 1);
    assert_int_equal(w->events.item[0]->type,
                     PERIGEE__AURORA__EVENT__TYPE__SUBSCRIBED);
    assert_int_equal(w->last_words->type, PERIGEE__AURORA__EVENT__TYPE__ERROR);
    assert_string_equal(w->last_words->error->code, "LIMIT");
    post(w, SERVICE("1"));
    uint64_t created = w->answer->sequence;
    assert_int_equal(w->events.count, 3);
    assert_int_equal(w->events.item[1]->type,
                     PERIGEE__AURORA__EVENT__TYPE__JOB_CREATED);
    assert_true(w->events.item[1]->sequence == created);
    assert_int_equal(w->events.item[2]->task->state, SHOWN(PENDING));
    post(w, ABOUT("KILL_JOB"));
    int last = w->events.count - 1;
    assert_int_equal(w->events.item[last]->type,
                     PERIGEE__AURORA__EVENT__TYPE__JOB_REMOVED);
    for (int i = 2; i <= last; i++)
        assert_true(w->events.item[i]->sequence ==
                    w->events.item[i - 1]->sequence + 1);
    /* Replay from the creation on. */
    int before = w->events.count;
    char *body = arena_printf(&w->arena,
                              "{\"type\":\"SUBSCRIBE\",\"subscribe\":{"
                              "\"from_sequence\":%llu}}",
                              (unsigned long long)created);
    post(w, body);
    assert_int_equal(w->events.count - before, 1 + before - 1);
    /* What was before this life is gone. */
    reborn(w);
    post(w, body);
    expect_status(w, 410);
    assert_true(w->answer->error->first_sequence > created);
    world_free(w);
}

static void test_an_idempotency_key_makes_a_change_once(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    request(w, HTTP_POST, "/api/v1", "", "k1", SERVICE("1"));
    expect_status(w, 200);
    uint64_t sequence = w->answer->sequence;
    request(w, HTTP_POST, "/api/v1", "", "k1", SERVICE("1"));
    expect_status(w, 200);
    assert_true(w->answer->sequence == sequence);
    request(w, HTTP_POST, "/api/v1", "", "k1", SERVICE("2"));
    expect_status(w, 409);
    reborn(w);
    request(w, HTTP_POST, "/api/v1", "", "k1", SERVICE("1"));
    expect_status(w, 200);
    assert_true(w->answer->sequence == sequence);
    request(w, HTTP_POST, "/api/v1", "", "k2", SERVICE("1"));
    expect_status(w, 409);
    request(w, HTTP_POST, "/api/v1", "", "k2", ABOUT("KILL_JOB"));
    expect_status(w, 200); /* refusals are not remembered */
    pass(w, (int64_t)25 * 60 * 60 * 1000);
    request(w, HTTP_POST, "/api/v1", "", "k1", SERVICE("1"));
    expect_status(w, 200);
    assert_true(w->answer->sequence > sequence);
    world_free(w);
}

static const struct refusal {
    const char *body;
    int status;
    const char *code, *text;
} REFUSALS[] = {
    {"", 400, "INVALID", "JSON"},
    {"not json", 400, "INVALID", "Failed to parse body into JSON"},
    {"[1]", 400, "INVALID", ""},
    {"{}", 400, "INVALID", "type"},
    {"{\"type\":\"DANCE\"}", 400, "INVALID", "type"},
    {"{\"type\":\"CREATE_JOB\"}", 400, "INVALID", "create_job"},
    {"{\"type\":\"KILL_JOB\"}", 400, "INVALID", "target"},
    {ABOUT("KILL_JOB"), 404, "NOT_FOUND", "devcluster/www/prod/web"},
    {ABOUT("RESTART_JOB"), 404, "NOT_FOUND", "does not exist"},
    {"{\"type\":\"GET_JOB\",\"tasks\":{" KEY "}}", 404, "NOT_FOUND", "exist"},
    {"{\"type\":\"WHY\",\"why\":{" KEY "}}", 404, "NOT_FOUND", "exist"},
    {"{\"type\":\"GET_JOB\",\"tasks\":{\"key\":{\"cluster\":\"other\"}}}", 400,
     "INVALID", "this scheduler is 'devcluster'"},
    {SERVICE("0"), 400, "INVALID", "instances"},
    {SERVICE("4001"), 400, "INVALID", "4000"},
    {CREATE("\"service\":true,\"environment\":\"moon\""), 400, "INVALID",
     "moon"},
    {CREATE("\"role\":\"a b\""), 400, "INVALID", "role"},
    {CREATE("\"max_task_failures\":0"), 400, "INVALID", "max_task_failures"},
    {CREATE("\"constraints\":[{\"attribute\":\"rack\",\"kind\":\"LIMIT\"}]"),
     400, "INVALID", "limit"},
    {CREATE("\"constraints\":[{\"attribute\":\"dedicated\",\"kind\":"
            "\"ONE_OF\",\"values\":[\"mail/x\"]}]"),
     400, "INVALID", "dedicated"},
    {"{\"type\":\"CREATE_JOB\",\"create_job\":{\"bundle\":\"////\"," KEY "}}",
     400, "INVALID", "bundle"},
    {"{\"type\":\"GET_BUNDLE\",\"get_bundle\":{\"sha256\":\"00\"}}", 404,
     "NOT_FOUND", "bundle"},
    {"{\"type\":\"PUT_ASSET\",\"put_asset\":{\"sha256\":\"00\",\"content\":"
     "\"aGk=\"}}",
     400, "INVALID", "SHA-256"},
};

static void test_refusals_say_what_and_change_nothing(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    for (size_t i = 0; i < sizeof REFUSALS / sizeof *REFUSALS; i++) {
        const struct refusal *r = &REFUSALS[i];
        post(w, r->body);
        expect_status(w, r->status);
        assert_non_null(w->answer->error);
        if (strcmp(w->answer->error->code, r->code) != 0 ||
            !strstr(w->answer->error->message, r->text))
            fail_msg("%s: got %s, %s", r->body, w->answer->error->code,
                     w->answer->error->message);
    }
    for (int i = 0; i < RECORDS_MAX; i++)
        assert_false(w->record[i].is_used &&
                     strcmp(w->record[i].table, "scheduler") != 0);
    world_free(w);
}

static void test_reads_over_get(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, SERVICE("3"));
    get(w, "/api/v1/jobs");
    expect_status(w, 200);
    assert_int_equal(w->answer->n_jobs, 1);
    get(w, "/api/v1/jobs/nobody");
    assert_int_equal(w->answer->n_jobs, 0);
    get(w, "/api/v1/jobs/www/prod/web");
    expect_status(w, 200);
    assert_int_equal(w->answer->n_tasks, 3);
    char *id = w->answer->tasks[0]->task_id;
    get(w, arena_printf(&w->arena, "/api/v1/tasks/%s", id));
    assert_string_equal(w->answer->tasks[0]->task_id, id);
    request(w, HTTP_GET, "/api/v1/jobs/www/prod/web/tasks", "limit=2", NULL,
            "");
    assert_int_equal(w->answer->n_tasks, 2);
    char *query =
        arena_printf(&w->arena, "limit=2&cursor=%s", w->answer->cursor);
    request(w, HTTP_GET, "/api/v1/jobs/www/prod/web/tasks", query, NULL, "");
    assert_int_equal(w->answer->n_tasks, 1);
    assert_int_equal(w->answer->tasks[0]->instance, 2);
    assert_null(w->answer->cursor);
    request(w, HTTP_GET, "/api/v1/jobs", "limit=x", NULL, "");
    expect_status(w, 400);
    get(w, "/api/v1/jobs/www/prod/other");
    expect_status(w, 404);
    get(w, "/health");
    expect_status(w, 200);
    get(w, "/nowhere");
    expect_status(w, 404);
    get(w, "/assets/00");
    expect_status(w, 404);
    request(w, HTTP_DELETE, "/api/v1/jobs", "", NULL, "");
    expect_status(w, 405);
    request(w, HTTP_GET, "/api/v1", "", NULL, "");
    expect_status(w, 405);
    world_free(w);
}

static void test_why_says_what_is_missing(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, CREATE("\"service\":true,\"instances\":2,\"constraints\":[{"
                   "\"attribute\":\"rack\",\"kind\":\"ONE_OF\",\"values\":["
                   "\"r-m-S1\"]}]"));
    post(w, "{\"type\":\"WHY\",\"why\":{" KEY "}}");
    assert_int_equal(w->answer->why->pending, 2);
    assert_int_equal(w->answer->why->hosts, 0);
    assert_non_null(strstr(w->answer->why->advice, "no host"));
    offer(w, "m-S0", 4);
    post(w, "{\"type\":\"WHY\",\"why\":{" KEY "}}");
    assert_int_equal(w->answer->why->hosts, 1);
    assert_string_equal(w->answer->why->reasons[0]->veto, "constraint rack");
    assert_string_equal(w->answer->why->nearest_host, "m-S0.host");
    assert_non_null(strstr(w->answer->why->nearest_lacks, "'r-m-S1'"));
    offer(w, "m-S1", 4);
    assert_non_null(launched(w, 1));
    post(w, "{\"type\":\"WHY\",\"why\":{" KEY "}}");
    assert_int_equal(w->answer->why->pending, 0);
    world_free(w);
}

/* --- bundles
 * ----------------------------------------------------------------------------*/

static void verdict(struct world *w, const Perigee__Evaluation *evaluation)
{
    struct buf out = {0};
    struct aurora_evaluated fact = {.ticket = w->act.ticket};

    codec_encode(&evaluation->base, MEDIA_PROTOBUF, &out);
    fact.result = buf_bytes(&out);
    w->replied = 0;
    AURORA_PROGRAM.on_fact(w->p, AURORA_FACT_EVALUATED, &fact, w->now_ms,
                           &w->fx);
    buf_release(&out);
    look(w);
    pass(w, 0);
}

/* base64 of a perigee.Bundle with one file of text and one asset "hi". */
static char *bundle_body(struct world *w, bool with_expected)
{
    Perigee__Bundle bundle = PERIGEE__BUNDLE__INIT;
    Perigee__BundleFile text = PERIGEE__BUNDLE_FILE__INIT;
    Perigee__BundleFile asset = PERIGEE__BUNDLE_FILE__INIT;
    Perigee__BundleFile *files[] = {&asset, &text};
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__CreateJob create =
        PERIGEE__AURORA__CALL__CREATE_JOB__INIT;
    struct buf packed = {0}, out = {0};

    asset.path = "hi.sh";
    asset.has_asset = asset.asset = true;
    asset.has_content = true;
    asset.content = (ProtobufCBinaryData){2, (uint8_t *)"hi"};
    asset.sha256 = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2d"
                   "c327aa4";
    text.path = "web.lua";
    text.has_content = true;
    text.content = (ProtobufCBinaryData){4, (uint8_t *)"code"};
    bundle.has_format = true;
    bundle.format = 1;
    bundle.entry = "web.lua";
    bundle.n_files = 2;
    bundle.files = files;
    bundle.stdlib_hash = "1111111111111111";
    codec_encode(&bundle.base, MEDIA_PROTOBUF, &packed);
    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__CREATE_JOB;
    call.create_job = &create;
    create.has_bundle = true;
    create.bundle.data = packed.data;
    create.bundle.len = packed.size;
    Perigee__Aurora__JobKey key = PERIGEE__AURORA__JOB_KEY__INIT;
    key.cluster = "devcluster";
    key.role = "www";
    key.environment = "prod";
    key.name = "web";
    create.key = &key;
    if (with_expected)
        create.expected = decode(w, &perigee__job__descriptor, MEDIA_JSON,
                                 bytes_of_text(JOB("\"service\":true")));
    codec_encode(&call.base, MEDIA_JSON, &out);
    char *body = arena_strndup(&w->arena, buf_text(&out), out.size);
    buf_release(&out);
    buf_release(&packed);
    return body;
}

static void test_a_bundle_is_evaluated_and_kept(void **unused)
{
    struct world *w = world_new();
    Perigee__Evaluation evaluation = PERIGEE__EVALUATION__INIT;
    static const char hi[] = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1a"
                             "c88b59b2dc327aa4";
    Perigee__Job *job = decode(w, &perigee__job__descriptor, MEDIA_JSON,
                               bytes_of_text(JOB("\"service\":true")));

    (void)unused;
    request(w, HTTP_POST, "/api/v1", "", "k", bundle_body(w, true));
    assert_int_equal(w->acts, 1);
    assert_int_equal(w->replied, 0);
    request(w, HTTP_POST, "/api/v1", "", "k", bundle_body(w, true));
    expect_status(w, 503); /* the first is under way */
    w->next_exchange--;
    evaluation.n_jobs = 1;
    evaluation.jobs = &job;
    evaluation.stdlib_hash = "1111111111111111";
    verdict(w, &evaluation);
    expect_status(w, 200);
    w->next_exchange++;
    get(w, arena_printf(&w->arena, "/assets/%s", hi));
    expect_status(w, 200);
    assert_true(bytes_equal_text(w->reply.body, "hi"));
    reborn(w);
    get(w, arena_printf(&w->arena, "/assets/%s", hi));
    assert_true(bytes_equal_text(w->reply.body, "hi"));
    assert_int_equal(get_job(w)->n_tasks, 1);
    world_free(w);
}

static void test_a_different_result_is_refused(void **unused)
{
    struct world *w = world_new();
    Perigee__Evaluation evaluation = PERIGEE__EVALUATION__INIT;
    Perigee__Job *job =
        decode(w, &perigee__job__descriptor, MEDIA_JSON,
               bytes_of_text(JOB("\"service\":true,\"priority\":7")));

    (void)unused;
    post(w, bundle_body(w, true));
    evaluation.n_jobs = 1;
    evaluation.jobs = &job;
    evaluation.stdlib_hash = "2222222222222222";
    verdict(w, &evaluation);
    expect_status(w, 409);
    assert_non_null(strstr(w->answer->error->message, "222222222222"));
    assert_non_null(strstr(w->answer->error->hint, "--accept-server"));
    assert_true(w->answer->error->n_details > 0);
    get_job(w);
    expect_status(w, 404);
    world_free(w);
}

static void test_problems_of_a_job_file_are_listed(void **unused)
{
    struct world *w = world_new();
    Perigee__Evaluation evaluation = PERIGEE__EVALUATION__INIT;
    Perigee__Problem problem = PERIGEE__PROBLEM__INIT;
    Perigee__Problem *problems[] = {&problem, &problem};

    (void)unused;
    post(w, bundle_body(w, false));
    problem.message = "unknown field 'rma'";
    problem.file = "web.lua";
    problem.has_line = true;
    problem.line = 12;
    problem.field = "web.task.resources.rma";
    problem.nearest = "ram";
    evaluation.n_problems = 2;
    evaluation.problems = problems;
    verdict(w, &evaluation);
    expect_status(w, 400);
    assert_string_equal(w->answer->error->place, "web.lua:12");
    assert_string_equal(w->answer->error->field, "web.task.resources.rma");
    assert_int_equal(w->answer->error->n_details, 2);
    assert_non_null(strstr(w->answer->error->details[0], "'ram'"));
    world_free(w);
}

static void test_busy_workers_are_429(void **unused)
{
    struct world *w = world_new();
    struct aurora_evaluated fact = {.is_busy = 1};

    (void)unused;
    post(w, bundle_body(w, false));
    fact.ticket = w->act.ticket;
    AURORA_PROGRAM.on_fact(w->p, AURORA_FACT_EVALUATED, &fact, w->now_ms,
                           &w->fx);
    look(w);
    expect_status(w, 429);
    assert_string_equal(w->reply.header[0].name, "Retry-After");
    world_free(w);
}

/* --- the link
 * ----------------------------------------------------------------------------*/

static void test_a_silent_master_is_left_and_found_again(void **unused)
{
    struct world *w = world_new();
    exchange_id first = w->stream;

    (void)unused;
    pass(w, 74 * 1000);
    assert_true(w->stream == first);
    pass(w, 2 * 1000);
    assert_true(w->stream != first);
    subscribed(w, "fw-1");
    post(w, SERVICE("1"));
    offer(w, "m-S0", 4);
    assert_int_equal(count_calls(w, CALL(ACCEPT)), 1);
    world_free(w);
}

static void test_a_redirect_is_followed(void **unused)
{
    struct world *w = world_new();
    static const struct http_header header = {"Location",
                                              "//10.1.1.1:5050/api"};
    struct http_response head = {
        .status = 307, .header = &header, .header_count = 1};

    (void)unused;
    AURORA_PROGRAM.on_broken(w->p, w->stream, "gone", w->now_ms, &w->fx);
    look(w);
    pass(w, 1000);
    AURORA_PROGRAM.on_answer(w->p, w->stream, &head, w->now_ms, &w->fx);
    bool found = false;
    for (uint32_t i = 0; i < w->fx.count; i++)
        found = found || (w->fx.item[i].kind == EFFECT_FOLLOW &&
                          strstr(w->fx.item[i].call.url, "10.1.1.1:5050"));
    assert_true(found);
    look(w);
    world_free(w);
}

static void test_a_removed_framework_begins_anew(void **unused)
{
    struct world *w = world_new();
    MasterEvent event = MESOS__V1__SCHEDULER__EVENT__INIT;
    Mesos__V1__Scheduler__Event__Error error =
        MESOS__V1__SCHEDULER__EVENT__ERROR__INIT;

    (void)unused;
    error.message = "Framework has been removed";
    event.has_type = true;
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__ERROR;
    event.error = &error;
    event_in(w, &event);
    pass(w, 20 * 1000);
    subscribed(w, "fw-2");
    get(w, "/state");
    assert_non_null(strstr((const char *)w->reply.body.data, "fw-2"));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_job_becomes_tasks_on_an_offer),
        cmocka_unit_test(test_a_held_offer_is_used_at_once),
        cmocka_unit_test(test_an_unused_offer_goes_back_after_a_while),
        cmocka_unit_test(test_updates_are_shown_and_acknowledged),
        cmocka_unit_test(test_a_service_is_restarted_and_then_throttled),
        cmocka_unit_test(test_a_batch_job_finishes_and_may_be_created_again),
        cmocka_unit_test(test_a_killed_job_goes_away),
        cmocka_unit_test(test_scale_add_and_kill_instances),
        cmocka_unit_test(test_a_rolling_restart_goes_batch_by_batch),
        cmocka_unit_test(test_everything_survives_a_new_life),
        cmocka_unit_test(test_a_broken_accept_is_asked_after),
        cmocka_unit_test(test_strangers_are_killed),
        cmocka_unit_test(test_an_unreachable_task_is_replaced),
        cmocka_unit_test(test_a_task_that_says_nothing_is_lost),
        cmocka_unit_test(test_events_follow_and_replay),
        cmocka_unit_test(test_an_idempotency_key_makes_a_change_once),
        cmocka_unit_test(test_refusals_say_what_and_change_nothing),
        cmocka_unit_test(test_reads_over_get),
        cmocka_unit_test(test_why_says_what_is_missing),
        cmocka_unit_test(test_a_bundle_is_evaluated_and_kept),
        cmocka_unit_test(test_a_different_result_is_refused),
        cmocka_unit_test(test_problems_of_a_job_file_are_listed),
        cmocka_unit_test(test_busy_workers_are_429),
        cmocka_unit_test(test_a_silent_master_is_left_and_found_again),
        cmocka_unit_test(test_a_redirect_is_followed),
        cmocka_unit_test(test_a_removed_framework_begins_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
