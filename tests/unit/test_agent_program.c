/* The agent's program: requests and records in, effects out. */
#include "agent/acts.h"
#include "agent/program.h"
#include "base/id.h"
#include "mesos/v1/executor.pb-c.h"
#include "perigee/agent.pb-c.h"
#include "wire/codec.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NOW = 1700000000, STORED_MAX = 64 };

struct fixture {
    struct agent_program *program;
    struct effects fx;
    struct arena arena;
    struct resources resources;
    struct attributes attributes;
    exchange_id next; /* of requests to the agent */
    uint64_t epoch;
    /* What a store would hold. */
    struct {
        char table[16], key[400];
        struct buf value;
    } stored[STORED_MAX];
    int stored_count;
};

static struct agent_program *new_program(struct fixture *f)
{
    struct agent_flag flag = {"port", "5051"};
    struct agent_options options = {.master = "127.0.0.1:5050",
                                    .ip = "127.0.0.1",
                                    .port = 5051,
                                    .hostname = "localhost",
                                    .work_dir = "/w",
                                    .executor = "/bin/thermos",
                                    .boot_id = "boot",
                                    .resources = &f->resources,
                                    .attributes = &f->attributes,
                                    .seed = 7,
                                    .executor_registration_timeout_ms = 60000,
                                    .executor_reregistration_timeout_ms = 2000,
                                    .executor_shutdown_grace_ms = 5000,
                                    .recovery_timeout_ms = 900000,
                                    .gc_delay_ms = 604800000,
                                    .flag = &flag,
                                    .flag_count = 1};
    return agent_program_new(&options);
}

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){.next = 100};
    effects_init(&f.fx);
    arena_init(&f.arena);
    assert_int_equal(resources_parse("cpus:4;mem:4096;disk:8192;"
                                     "ports:[31000-31999]",
                                     "*", &f.resources, NULL),
                     0);
    assert_int_equal(attributes_parse("rack:r1;size:3.5", &f.attributes, NULL),
                     0);
    f.program = new_program(&f);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    agent_program_free(f->program);
    effects_release(&f->fx);
    arena_release(&f->arena);
    resources_release(&f->resources);
    attributes_release(&f->attributes);
    for (int i = 0; i < f->stored_count; i++)
        buf_release(&f->stored[i].value);
    return 0;
}

/* Keep what the turn persisted, as a store would. */
static void keep(struct fixture *f, const struct effect *effect)
{
    int at = 0;
    while (at < f->stored_count &&
           (strcmp(f->stored[at].table, effect->persist.table) != 0 ||
            !bytes_equal_text(effect->persist.key, f->stored[at].key)))
        at++;
    if (effect->bytes.data == NULL) {
        if (at == f->stored_count)
            return;
        buf_release(&f->stored[at].value);
        f->stored[at] = f->stored[--f->stored_count];
        return;
    }
    if (at == f->stored_count) {
        assert_true(f->stored_count++ < STORED_MAX);
        memset(&f->stored[at], 0, sizeof f->stored[at]);
        snprintf(f->stored[at].table, sizeof f->stored[at].table, "%s",
                 effect->persist.table);
        snprintf(f->stored[at].key, sizeof f->stored[at].key, "%.*s",
                 (int)effect->persist.key.size,
                 (const char *)effect->persist.key.data);
    }
    buf_clear(&f->stored[at].value);
    buf_add_bytes(&f->stored[at].value, effect->bytes);
}

static void next_turn(struct fixture *f)
{
    for (uint32_t i = 0; i < f->fx.count; i++)
        if (f->fx.item[i].kind == EFFECT_PERSIST)
            keep(f, &f->fx.item[i]);
    AGENT_PROGRAM.check(f->program);
    effects_clear(&f->fx);
}

static const struct effect *nth(const struct fixture *f, enum effect_kind kind,
                                int n)
{
    for (uint32_t i = 0; i < f->fx.count; i++)
        if (f->fx.item[i].kind == kind && n-- == 0)
            return &f->fx.item[i];
    return NULL;
}

static const struct effect *first(const struct fixture *f,
                                  enum effect_kind kind)
{
    return nth(f, kind, 0);
}

static const void *act(const struct fixture *f, enum agent_act kind)
{
    for (uint32_t i = 0; i < f->fx.count; i++)
        if (f->fx.item[i].kind == EFFECT_ACT && f->fx.item[i].act.kind == kind)
            return f->fx.item[i].act.data;
    return NULL;
}

/* --- the master's side --- */

static void tell(struct fixture *f, exchange_id stream,
                 Perigee__Agent__Event *event)
{
    struct buf packed = {0};
    event->has_type = true;
    codec_encode(&event->base, MEDIA_PROTOBUF, &packed);
    AGENT_PROGRAM.on_record(f->program, stream, buf_bytes(&packed), NOW,
                            &f->fx);
    buf_release(&packed);
}

static exchange_id stream_of(const struct fixture *f)
{
    const struct effect *follow = first(f, EFFECT_FOLLOW);
    assert_non_null(follow);
    assert_string_equal(follow->call.url, "http://127.0.0.1:5050/api/v1/agent");
    return follow->exchange;
}

static void subscribed_as(struct fixture *f, exchange_id stream,
                          const char *agent_id)
{
    Mesos__V1__AgentID id = MESOS__V1__AGENT_ID__INIT;
    Perigee__Agent__Event__Subscribed subscribed =
        PERIGEE__AGENT__EVENT__SUBSCRIBED__INIT;
    Perigee__Agent__Event event = PERIGEE__AGENT__EVENT__INIT;
    struct http_response head = {.status = 200, .type = MEDIA_PROTOBUF};
    id.value = (char *)agent_id;
    subscribed.agent_id = &id;
    subscribed.has_epoch = subscribed.has_ping_timeout_ms = true;
    subscribed.epoch = ++f->epoch;
    subscribed.ping_timeout_ms = 75000;
    event.type = PERIGEE__AGENT__EVENT__TYPE__SUBSCRIBED;
    event.subscribed = &subscribed;
    AGENT_PROGRAM.on_answer(f->program, stream, &head, NOW, &f->fx);
    tell(f, stream, &event);
}

static void subscribed(struct fixture *f, exchange_id stream)
{
    subscribed_as(f, stream, "M-S0");
}

static exchange_id link_up(struct fixture *f)
{
    AGENT_PROGRAM.on_start(f->program, NOW, &f->fx);
    exchange_id stream = stream_of(f);
    next_turn(f);
    subscribed(f, stream);
    next_turn(f);
    return stream;
}

static Perigee__Agent__Call *call_in(struct fixture *f,
                                     const struct effect *effect)
{
    ProtobufCMessage *message = NULL;
    assert_non_null(effect);
    assert_int_equal(codec_decode(&perigee__agent__call__descriptor, "Call",
                                  MEDIA_PROTOBUF, effect->bytes, &f->arena,
                                  &message, NULL),
                     0);
    return (Perigee__Agent__Call *)(void *)message;
}

/* JSON is the shortest way to write a message down. */
static void *from_json(struct fixture *f,
                       const ProtobufCMessageDescriptor *type, const char *json)
{
    ProtobufCMessage *message = NULL;
    struct err err = {0};
    if (codec_decode(type, "Event", MEDIA_JSON, bytes_of_text(json), &f->arena,
                     &message, &err) < 0)
        fail_msg("%s", err.text);
    return message;
}

static void order(struct fixture *f, exchange_id stream, const char *json)
{
    Perigee__Agent__Event *event =
        from_json(f, &perigee__agent__event__descriptor, json);
    tell(f, stream, event);
}

#define FRAMEWORK                                                       \
    "\"framework\":{\"user\":\"www\",\"name\":\"n\",\"id\":{\"value\":" \
    "\"F\"},\"checkpoint\":true}"
#define RESOURCES                                                             \
    "\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{"      \
    "\"value\":0.5},\"allocation_info\":{\"role\":\"*\"}},{\"name\":\"mem\"," \
    "\"type\":\"SCALAR\",\"scalar\":{\"value\":64},\"allocation_info\":{"     \
    "\"role\":\"*\"}}]"
#define TASK(id)                                        \
    "{\"name\":\"" id "\",\"task_id\":{\"value\":\"" id \
    "\"},\"agent_id\":{\"value\":\"M-S0\"}," RESOURCES  \
    ",\"command\":{\"value\":\"echo hello world, it is me\"}}"

static void run_command(struct fixture *f, exchange_id stream)
{
    order(f, stream,
          "{\"type\":\"RUN\",\"run\":{" FRAMEWORK
          ",\"tasks\":[" TASK("t1") "]}}");
}

/* --- the executor's side --- */

static exchange_id request(struct fixture *f, enum http_method method,
                           const char *path, const char *type,
                           const char *accept, const char *body)
{
    struct http_header header[2];
    uint32_t count = 0;
    if (type != NULL)
        header[count++] = (struct http_header){"Content-Type", type};
    if (accept != NULL)
        header[count++] = (struct http_header){"Accept", accept};
    struct http_request request = {.method = method,
                                   .method_name = http_method_name(method),
                                   .path = path,
                                   .query = "",
                                   .header = header,
                                   .header_count = count,
                                   .body = bytes_of_text(body),
                                   .peer = "127.0.0.1:1"};
    AGENT_PROGRAM.on_request(f->program, ++f->next, &request, NOW, &f->fx);
    return f->next;
}

static exchange_id post(struct fixture *f, const char *body)
{
    return request(f, HTTP_POST, "/api/v1/executor", "application/json",
                   "application/json", body);
}

#define WHO \
    "\"executor_id\":{\"value\":\"t1\"},\"framework_id\":{\"value\":\"F\"}"
#define UUID1 "AAAAAAAAQACAAAAAAAAAAQ=="
#define UUID2 "AAAAAAAAQACAAAAAAAAAAg=="

static const char *update_body(struct fixture *f, const char *state,
                               const char *uuid)
{
    return arena_printf(&f->arena,
                        "{" WHO ",\"type\":\"UPDATE\",\"update\":{\"status\":{"
                        "\"task_id\":{\"value\":\"t1\"},\"state\":\"%s\","
                        "\"source\":\"SOURCE_EXECUTOR\",\"uuid\":\"%s\"}}}",
                        state, uuid);
}

static const char SUBSCRIBE[] =
    "{" WHO ",\"type\":\"SUBSCRIBE\",\"subscribe\":{}}";

static void started(struct fixture *f, const char *container_id)
{
    struct agent_started fact = {.pid = 4242, .born = 99};
    snprintf(fact.container_id, sizeof fact.container_id, "%s", container_id);
    AGENT_PROGRAM.on_fact(f->program, AGENT_FACT_STARTED, &fact, NOW, &f->fx);
}

/* A command task that is subscribed; returns its stream. */
static exchange_id run_to_subscribed(struct fixture *f, exchange_id stream,
                                     char container[64])
{
    run_command(f, stream);
    const struct agent_launch *launch = act(f, AGENT_ACT_LAUNCH);
    assert_non_null(launch);
    snprintf(container, 64, "%s", launch->container_id);
    next_turn(f);
    started(f, container);
    next_turn(f);
    exchange_id executor = post(f, SUBSCRIBE);
    assert_int_equal(first(f, EFFECT_STREAM)->exchange, executor);
    return executor;
}

static void has_text(struct bytes bytes, const char *text)
{
    if (memmem(bytes.data, bytes.size, text, strlen(text)) == NULL)
        fail_msg("'%s' is not in '%.*s'", text, (int)bytes.size,
                 (const char *)bytes.data);
}

/* --- tests --- */

static void test_it_subscribes_with_what_it_has(void **state)
{
    struct fixture *f = *state;
    AGENT_PROGRAM.on_start(f->program, NOW, &f->fx);
    Perigee__Agent__Call *call = call_in(f, first(f, EFFECT_FOLLOW));
    assert_int_equal(call->type, PERIGEE__AGENT__CALL__TYPE__SUBSCRIBE);
    assert_null(call->subscribe->agent_info->id);
    assert_int_equal(call->subscribe->agent_info->n_resources, 4);
    assert_int_equal(call->subscribe->agent_info->n_attributes, 2);
    assert_string_equal(call->subscribe->endpoint, "127.0.0.1:5051");
    next_turn(f);
}

static void test_the_first_id_is_saved(void **state)
{
    struct fixture *f = *state;
    AGENT_PROGRAM.on_start(f->program, NOW, &f->fx);
    exchange_id stream = stream_of(f);
    subscribed(f, stream);
    assert_string_equal(first(f, EFFECT_PERSIST)->persist.table, "agent");
    assert_string_equal(agent_program_id(f->program), "M-S0");
    next_turn(f);
}

static void test_a_broken_link_is_opened_again_with_backoff(void **state)
{
    struct fixture *f = *state;
    exchange_id stream = link_up(f);
    AGENT_PROGRAM.on_broken(f->program, stream, "reset", NOW, &f->fx);
    assert_null(first(f, EFFECT_FOLLOW));
    next_turn(f);
    int64_t at = AGENT_PROGRAM.next_ms(f->program);
    assert_in_range(at, NOW + 50, NOW + 100);
    AGENT_PROGRAM.on_time(f->program, at, &f->fx);
    Perigee__Agent__Call *call = call_in(f, first(f, EFFECT_FOLLOW));
    assert_string_equal(call->subscribe->agent_info->id->value, "M-S0");
    exchange_id again = stream_of(f);
    next_turn(f);
    order(f, stream, "{\"type\":\"PING\"}"); /* of the stream that is no more */
    assert_null(first(f, EFFECT_CALL));
    AGENT_PROGRAM.on_broken(f->program, again, "refused", at, &f->fx);
    next_turn(f);
    assert_in_range(AGENT_PROGRAM.next_ms(f->program), at + 100, at + 200);
}

static void test_a_silent_master_is_left(void **state)
{
    struct fixture *f = *state;
    exchange_id stream = link_up(f);
    order(f, stream, "{\"type\":\"PING\"}");
    assert_int_equal(call_in(f, first(f, EFFECT_CALL))->type,
                     PERIGEE__AGENT__CALL__TYPE__PONG);
    next_turn(f);
    AGENT_PROGRAM.on_time(f->program, NOW + 74999, &f->fx);
    assert_null(first(f, EFFECT_HANGUP));
    next_turn(f);
    AGENT_PROGRAM.on_time(f->program, NOW + 75000, &f->fx);
    assert_int_equal(first(f, EFFECT_HANGUP)->exchange, stream);
    next_turn(f);
}

static const char *variable(const struct agent_launch *launch, const char *name)
{
    size_t size = strlen(name);
    for (const char *const *entry = launch->envp; *entry != NULL; entry++)
        if (strncmp(*entry, name, size) == 0 && (*entry)[size] == '=')
            return *entry + size + 1;
    return NULL;
}

static void test_a_command_task_starts_our_executor(void **state)
{
    struct fixture *f = *state;
    exchange_id stream = link_up(f);
    run_command(f, stream);
    const struct agent_launch *launch = act(f, AGENT_ACT_LAUNCH);
    assert_non_null(launch);
    assert_string_equal(launch->path, "/bin/thermos");
    assert_string_equal(launch->argv[1], "executor");
    assert_string_equal(launch->user, "www");
    assert_int_equal(launch->cpu_milli, 600);      /* + 0.1 */
    assert_int_equal(launch->mem_bytes, 96 << 20); /* + 32 MB */
    char wanted[256];
    snprintf(wanted, sizeof wanted,
             "/w/slaves/M-S0/frameworks/F/executors/t1/runs/%s",
             launch->container_id);
    assert_string_equal(launch->sandbox, wanted);
    assert_string_equal(variable(launch, "MESOS_SANDBOX"), wanted);
    assert_string_equal(variable(launch, "MESOS_DIRECTORY"), wanted);
    assert_string_equal(variable(launch, "MESOS_EXECUTOR_ID"), "t1");
    assert_string_equal(variable(launch, "MESOS_FRAMEWORK_ID"), "F");
    assert_string_equal(variable(launch, "MESOS_SLAVE_ID"), "M-S0");
    assert_string_equal(variable(launch, "MESOS_SLAVE_PID"),
                        "slave(1)@127.0.0.1:5051");
    assert_string_equal(variable(launch, "MESOS_AGENT_ENDPOINT"),
                        "127.0.0.1:5051");
    assert_string_equal(variable(launch, "MESOS_CHECKPOINT"), "1");
    assert_string_equal(variable(launch, "MESOS_RECOVERY_TIMEOUT"), "15mins");
    assert_string_equal(
        variable(launch, "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD"), "5secs");
    assert_non_null(variable(launch, "PATH"));
    /* saved before it starts */
    assert_true(first(f, EFFECT_PERSIST) < first(f, EFFECT_ACT));
    next_turn(f);
}

static void test_the_life_of_a_command_task(void **state)
{
    struct fixture *f = *state;
    char container[64];
    exchange_id stream = link_up(f);
    exchange_id executor = run_to_subscribed(f, stream, container);
    has_text(nth(f, EFFECT_RECORD, 0)->bytes, "\"type\":\"SUBSCRIBED\"");
    has_text(nth(f, EFFECT_RECORD, 0)->bytes,
             "\"name\":\"Command Executor (Task: t1) (Command: sh -c 'echo "
             "hello w...')\"");
    has_text(nth(f, EFFECT_RECORD, 1)->bytes, "\"type\":\"LAUNCH\"");
    has_text(nth(f, EFFECT_RECORD, 1)->bytes,
             "\"value\":\"echo hello world, it is me\"");
    next_turn(f);

    exchange_id update = post(f, update_body(f, "TASK_RUNNING", UUID1));
    assert_int_equal(first(f, EFFECT_REPLY)->exchange, update);
    assert_int_equal(first(f, EFFECT_REPLY)->response.status, 202);
    assert_int_equal(first(f, EFFECT_RECORD)->exchange, executor);
    has_text(first(f, EFFECT_RECORD)->bytes, "\"type\":\"ACKNOWLEDGED\"");
    Perigee__Agent__Call *call = call_in(f, first(f, EFFECT_CALL));
    assert_int_equal(call->type, PERIGEE__AGENT__CALL__TYPE__UPDATE);
    assert_int_equal(call->epoch, 1);
    const Mesos__V1__TaskStatus *status = call->update->status;
    assert_string_equal(status->agent_id->value, "M-S0");
    assert_string_equal(status->executor_id->value, "t1");
    assert_string_equal(status->container_status->container_id->value,
                        container);
    assert_int_equal(status->container_status->executor_pid, 4242);
    assert_string_equal(
        status->container_status->network_infos[0]->ip_addresses[0]->ip_address,
        "127.0.0.1");
    exchange_id made = first(f, EFFECT_CALL)->exchange;
    next_turn(f);
    struct http_response accepted = {.status = 202};
    AGENT_PROGRAM.on_answer(f->program, made, &accepted, NOW, &f->fx);

    post(f, update_body(f, "TASK_FINISHED", UUID2));
    assert_null(first(f, EFFECT_CALL)); /* one at a time */
    next_turn(f);
    order(f, stream,
          "{\"type\":\"ACKNOWLEDGE\",\"acknowledge\":{\"framework_id\":{"
          "\"value\":\"F\"},\"task_id\":{\"value\":\"t1\"},\"uuid\":\"" UUID1
          "\"}}");
    assert_int_equal(call_in(f, first(f, EFFECT_CALL))->update->status->state,
                     MESOS__V1__TASK_STATE__TASK_FINISHED);
    next_turn(f);
    struct agent_exited exited = {.has_status = true};
    snprintf(exited.container_id, sizeof exited.container_id, "%s", container);
    AGENT_PROGRAM.on_fact(f->program, AGENT_FACT_EXITED, &exited, NOW, &f->fx);
    assert_int_equal(first(f, EFFECT_CLOSE)->exchange, executor);
    call = call_in(f, first(f, EFFECT_CALL));
    assert_int_equal(call->type, PERIGEE__AGENT__CALL__TYPE__EXITED_EXECUTOR);
    assert_true(call->exited_executor->command_executor);
    next_turn(f);
    order(f, stream,
          "{\"type\":\"ACKNOWLEDGE\",\"acknowledge\":{\"framework_id\":{"
          "\"value\":\"F\"},\"task_id\":{\"value\":\"t1\"},\"uuid\":\"" UUID2
          "\"}}");
    next_turn(f);
    assert_int_equal(f->stored_count, 1); /* the agent's own record */
}

static void test_after_a_crash_the_task_goes_on(void **state)
{
    struct fixture *f = *state;
    char container[64];
    exchange_id stream = link_up(f);
    run_to_subscribed(f, stream, container);
    next_turn(f);
    post(f, update_body(f, "TASK_RUNNING", UUID1));
    next_turn(f);

    agent_program_free(f->program);
    f->program = new_program(f);
    static const char *const tables[] = {"agent", "executors", "frameworks",
                                         "tasks", "updates"};
    struct err err = {0};
    for (size_t t = 0; t < 5; t++)
        for (int i = 0; i < f->stored_count; i++)
            if (strcmp(f->stored[i].table, tables[t]) == 0)
                assert_int_equal(AGENT_PROGRAM.on_stored(
                                     f->program, f->stored[i].table,
                                     bytes_of_text(f->stored[i].key),
                                     buf_bytes(&f->stored[i].value), &err),
                                 0);
    AGENT_PROGRAM.on_start(f->program, NOW, &f->fx);
    const struct agent_recover *recover = act(f, AGENT_ACT_RECOVER);
    assert_string_equal(recover->container_id, container);
    assert_int_equal(recover->pid, 4242);
    assert_int_equal(recover->born, 99);
    assert_false(recover->rebooted);
    assert_null(first(f, EFFECT_FOLLOW)); /* not before all are back */
    next_turn(f);
    post(f, SUBSCRIBE);
    assert_null(nth(f, EFFECT_RECORD, 1)); /* no second LAUNCH */
    Perigee__Agent__Call *call = call_in(f, first(f, EFFECT_FOLLOW));
    assert_string_equal(call->subscribe->agent_info->id->value, "M-S0");
    assert_int_equal(call->subscribe->n_tasks, 1);
    assert_int_equal(call->subscribe->n_executors, 0); /* a command executor */
    assert_int_equal(call->subscribe->tasks[0]->state,
                     MESOS__V1__TASK_STATE__TASK_RUNNING);
    exchange_id again = stream_of(f);
    next_turn(f);
    subscribed(f, again); /* the update nobody acknowledged goes out again */
    assert_int_equal(call_in(f, first(f, EFFECT_CALL))->update->status->state,
                     MESOS__V1__TASK_STATE__TASK_RUNNING);
    next_turn(f);
}

static void test_damaged_records_are_refused(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    assert_int_equal(AGENT_PROGRAM.on_stored(f->program, "executors",
                                             bytes_of_text("c"),
                                             bytes_of_text("\xff\xff"), &err),
                     -ERR_DAMAGED);
    assert_int_equal(AGENT_PROGRAM.on_stored(f->program, "tasks",
                                             bytes_of_text("c"),
                                             bytes_of_text(""), &err),
                     -ERR_DAMAGED);
    assert_int_equal(AGENT_PROGRAM.on_stored(f->program, "later",
                                             bytes_of_text("c"),
                                             bytes_of_text("?"), &err),
                     0);
}

#define BAD "Failed to validate Executor::Call: "
#define EF \
    "\"executor_id\":{\"value\":\"e\"},\"framework_id\":{\"value\":\"f\"}"
#define STATUS(more)                                                    \
    "{" EF ",\"type\":\"UPDATE\",\"update\":{\"status\":{\"task_id\":{" \
    "\"value\":\"x\"}," more "}}}"

static void test_executor_calls_are_checked_in_order(void **state)
{
    struct fixture *f = *state;
    static const char *const json = "application/json";
    /* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding) */
    const struct {
        enum http_method method;
        const char *type, *accept, *body;
        int status;
        const char *text;
    } row[] = {
        {HTTP_GET, json, json, "", 405,
         "405 Method Not Allowed. Expecting one of { 'POST' }, but received "
         "'GET'."},
        {HTTP_POST, NULL, json, "{}", 400,
         "Expecting 'Content-Type' to be present"},
        {HTTP_POST, "text/plain", json, "{}", 415,
         "Expecting 'Content-Type' of application/json or "
         "application/x-protobuf"},
        {HTTP_POST, json, json, "{", 400, "Failed to parse body into JSON: "},
        {HTTP_POST, json, json, "{}", 400,
         "Failed to convert JSON into Call protobuf: Missing required fields: "
         "executor_id, framework_id"},
        {HTTP_POST, json, json, "{" EF ",\"type\":\"NOPE\"}", 400,
         BAD "Expecting 'type' to be present"},
        {HTTP_POST, json, json, "{" EF ",\"type\":\"SUBSCRIBE\"}", 400,
         BAD "Expecting 'subscribe' to be present"},
        {HTTP_POST, json, "text/html",
         "{" EF ",\"type\":\"SUBSCRIBE\",\"subscribe\":{}}", 406,
         "Expecting 'Accept' to allow 'application/x-protobuf' or "
         "'application/json'"},
        {HTTP_POST, json, json,
         "{" EF ",\"type\":\"SUBSCRIBE\",\"subscribe\":{}}", 400,
         "Framework cannot be found"},
        {HTTP_POST, json, json, "{" EF ",\"type\":\"HEARTBEAT\"}", 202, ""},
        {HTTP_POST, json, json, STATUS("\"state\":\"TASK_RUNNING\""), 400,
         BAD "Expecting 'uuid' to be present"},
        {HTTP_POST, json, json,
         STATUS("\"state\":\"TASK_RUNNING\",\"uuid\":\"AAAA\""), 400,
         BAD "Not a valid UUID"},
        {HTTP_POST, json, json,
         STATUS("\"state\":\"TASK_RUNNING\",\"source\":\"SOURCE_MASTER\","
                "\"uuid\":\"" UUID1 "\""),
         400,
         BAD "Received Call from executor e of framework f with invalid "
             "source, expecting 'SOURCE_EXECUTOR'"},
        {HTTP_POST, json, json,
         STATUS("\"state\":\"TASK_STAGING\",\"source\":\"SOURCE_EXECUTOR\","
                "\"uuid\":\"" UUID1 "\""),
         400,
         BAD "Received TASK_STAGING from executor e of framework f which is "
             "not allowed"},
        {HTTP_POST, json, json,
         STATUS("\"state\":\"TASK_RUNNING\",\"source\":\"SOURCE_EXECUTOR\","
                "\"uuid\":\"" UUID1 "\""),
         400, "Framework cannot be found"},
        {HTTP_POST, json, json,
         "{" EF ",\"type\":\"MESSAGE\",\"message\":{\"data\":\"aGk=\"}}", 400,
         "Framework cannot be found"},
    };
    (void)link_up(f);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        request(f, row[i].method, "/slave(1)/api/v1/executor", row[i].type,
                row[i].accept, row[i].body);
        const struct effect *reply = first(f, EFFECT_REPLY);
        assert_non_null(reply);
        assert_int_equal(reply->response.status, row[i].status);
        struct bytes body = reply->response.body;
        if (body.size < strlen(row[i].text) ||
            memcmp(body.data, row[i].text, strlen(row[i].text)) != 0)
            fail_msg("row %zu: want '%s', got '%.*s'", i, row[i].text,
                     (int)body.size, (const char *)body.data);
        next_turn(f);
    }
}

static void test_an_unknown_or_unsubscribed_executor_is_refused(void **state)
{
    struct fixture *f = *state;
    exchange_id stream = link_up(f);
    run_command(f, stream);
    next_turn(f);
    post(f, update_body(f, "TASK_RUNNING", UUID1));
    assert_int_equal(first(f, EFFECT_REPLY)->response.status, 403);
    has_text(first(f, EFFECT_REPLY)->response.body,
             "Executor is not subscribed");
    next_turn(f);
    post(f, "{\"executor_id\":{\"value\":\"x\"},\"framework_id\":{\"value\":"
            "\"F\"},\"type\":\"SUBSCRIBE\",\"subscribe\":{}}");
    assert_int_equal(first(f, EFFECT_REPLY)->response.status, 400);
    has_text(first(f, EFFECT_REPLY)->response.body, "Executor cannot be found");
    next_turn(f);
}

static void test_what_the_agent_cannot_do_is_refused_by_name(void **state)
{
    struct fixture *f = *state;
    exchange_id stream = link_up(f);
    order(f, stream,
          "{\"type\":\"RUN\",\"run\":{" FRAMEWORK
          ",\"tasks\":[{\"name\":\"t1\",\"task_id\":{\"value\":\"t1\"},"
          "\"agent_id\":{\"value\":\"M-S0\"}," RESOURCES
          ",\"command\":{\"value\":\"true\"},\"container\":{\"type\":"
          "\"DOCKER\",\"docker\":{\"image\":\"x\"}}}]}}");
    assert_null(act(f, AGENT_ACT_LAUNCH));
    Perigee__Agent__Call *update = NULL;
    for (int i = 0; nth(f, EFFECT_CALL, i) != NULL; i++) {
        Perigee__Agent__Call *call = call_in(f, nth(f, EFFECT_CALL, i));
        if (call->type == PERIGEE__AGENT__CALL__TYPE__UPDATE)
            update = call;
    }
    assert_string_equal(update ? update->update->status->message : "no update",
                        "Failed to launch container: this agent does not "
                        "support Docker containers");
    next_turn(f);
    request(f, HTTP_POST, "/api/v1", "application/json", NULL,
            "{\"type\":\"PRUNE_IMAGES\"}");
    assert_int_equal(first(f, EFFECT_REPLY)->response.status, 501);
    has_text(first(f, EFFECT_REPLY)->response.body, "PRUNE_IMAGES");
    next_turn(f);
}

static void test_reads_have_mesos_form(void **state)
{
    struct fixture *f = *state;
    char container[64];
    exchange_id stream = link_up(f);
    run_to_subscribed(f, stream, container);
    next_turn(f);
    post(f, update_body(f, "TASK_RUNNING", UUID1));
    next_turn(f);
    const struct {
        const char *path, *body, *text;
    } row[] = {
        {"/state", NULL,
         "\"resources\":{\"disk\":8192.0,\"mem\":4096.0,\"gpus\":0.0,\"cpus\":"
         "4.0,\"ports\":\"[31000-31999]\"}"},
        {"/state", NULL, "\"attributes\":{\"rack\":\"r1\",\"size\":3.5}"},
        {"/slave(1)/state", NULL,
         "\"unreserved_resources_allocated\":{\"disk\":0.0,\"mem\":96.0,"
         "\"gpus\":0.0,\"cpus\":0.6}"},
        {"/state", NULL, "\"state\":\"TASK_RUNNING\""},
        {"/state/", NULL, "\"flags\":{\"port\":\"5051\"}"},
        {"/version", NULL, "\"version\":\"1.12.0\""},
        {"/containers", NULL, "\"executor_pid\":4242"},
        {"/monitor/statistics", NULL, "\"mem_soft_limit_bytes\":100663296"},
        {"/api/v1", "GET_HEALTH",
         "{\"type\":\"GET_HEALTH\",\"get_health\":{\"healthy\":true}}"},
        {"/api/v1", "GET_VERSION", "\"version_info\":{\"version\":\"1.12.0\""},
        {"/api/v1", "GET_FLAGS", "{\"name\":\"port\",\"value\":\"5051\"}"},
        {"/api/v1", "GET_TASKS", "\"launched_tasks\":[{\"name\":\"t1\""},
        {"/api/v1", "GET_EXECUTORS", "\"executor_id\":{\"value\":\"t1\"}"},
        {"/api/v1", "GET_FRAMEWORKS", "\"framework_info\":{\"user\":\"www\""},
        {"/api/v1", "GET_AGENT", "\"id\":{\"value\":\"M-S0\"}"},
        {"/api/v1", "GET_STATE", "\"get_state\":{\"get_tasks\":"},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        if (row[i].body == NULL)
            request(f, HTTP_GET, row[i].path, NULL, NULL, "");
        else
            request(f, HTTP_POST, row[i].path, "application/json", NULL,
                    arena_printf(&f->arena, "{\"type\":\"%s\"}", row[i].body));
        const struct effect *reply = first(f, EFFECT_REPLY);
        assert_int_equal(reply->response.status, 200);
        has_text(reply->response.body, row[i].text);
        next_turn(f);
    }
    request(f, HTTP_GET, "/health", NULL, NULL, "");
    assert_int_equal(first(f, EFFECT_REPLY)->response.status, 200);
    assert_int_equal(first(f, EFFECT_REPLY)->response.body.size, 0);
    next_turn(f);
    request(f, HTTP_GET, "/nope", NULL, NULL, "");
    has_text(first(f, EFFECT_REPLY)->response.body, "404 Not Found.");
    next_turn(f);
}

static void test_a_removed_agent_ends_everything_then_stops(void **state)
{
    struct fixture *f = *state;
    char container[64];
    exchange_id stream = link_up(f);
    run_to_subscribed(f, stream, container);
    next_turn(f);
    order(f, stream, "{\"type\":\"SHUTDOWN\"}");
    has_text(first(f, EFFECT_RECORD)->bytes, "\"type\":\"SHUTDOWN\"");
    assert_null(first(f, EFFECT_STOP));
    next_turn(f);
    struct agent_exited exited = {.has_status = true};
    snprintf(exited.container_id, sizeof exited.container_id, "%s", container);
    AGENT_PROGRAM.on_fact(f->program, AGENT_FACT_EXITED, &exited, NOW, &f->fx);
    assert_int_equal(first(f, EFFECT_STOP)->status, 0);
    next_turn(f);
    assert_int_equal(f->stored_count, 0);
}

static void test_another_id_ends_what_ran_under_the_old_one(void **state)
{
    struct fixture *f = *state;
    char container[64];
    exchange_id stream = link_up(f);
    run_to_subscribed(f, stream, container);
    next_turn(f);
    AGENT_PROGRAM.on_broken(f->program, stream, "reset", NOW, &f->fx);
    next_turn(f);
    AGENT_PROGRAM.on_time(f->program, NOW + 1000, &f->fx);
    exchange_id again = stream_of(f);
    next_turn(f);
    subscribed_as(f, again, "N-S5"); /* a master that never heard of us */
    has_text(first(f, EFFECT_RECORD)->bytes, "\"type\":\"SHUTDOWN\"");
    assert_string_equal(agent_program_id(f->program), "N-S5");
    next_turn(f);
}

static void test_malformed_orders_are_ignored(void **state)
{
    struct fixture *f = *state;
    exchange_id stream = link_up(f);
    static const char *const orders[] = {"{\"type\":\"RUN\"}",
                                         "{\"type\":\"KILL\"}",
                                         "{\"type\":\"ACKNOWLEDGE\"}",
                                         "{\"type\":\"MESSAGE\"}",
                                         "{\"type\":\"RECONCILE\"}",
                                         "{\"type\":\"SHUTDOWN_EXECUTOR\"}",
                                         "{\"type\":\"RUN\",\"run\":{" FRAMEWORK
                                         ",\"tasks\":[" TASK("a/b") "]}}",
                                         "{}"};
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        order(f, stream, orders[i]);
        assert_null(act(f, AGENT_ACT_LAUNCH));
        assert_null(first(f, EFFECT_HANGUP));
        next_turn(f);
    }
    AGENT_PROGRAM.on_record(f->program, stream, bytes_of_text("\xff"), NOW,
                            &f->fx);
    assert_non_null(first(f, EFFECT_HANGUP)); /* not even a message */
    next_turn(f);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_it_subscribes_with_what_it_has),
        TEST(test_the_first_id_is_saved),
        TEST(test_a_broken_link_is_opened_again_with_backoff),
        TEST(test_a_silent_master_is_left),
        TEST(test_a_command_task_starts_our_executor),
        TEST(test_the_life_of_a_command_task),
        TEST(test_after_a_crash_the_task_goes_on),
        TEST(test_damaged_records_are_refused),
        TEST(test_executor_calls_are_checked_in_order),
        TEST(test_an_unknown_or_unsubscribed_executor_is_refused),
        TEST(test_what_the_agent_cannot_do_is_refused_by_name),
        TEST(test_reads_have_mesos_form),
        TEST(test_a_removed_agent_ends_everything_then_stops),
        TEST(test_another_id_ends_what_ran_under_the_old_one),
        TEST(test_malformed_orders_are_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
