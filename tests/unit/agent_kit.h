/* An agent program in a glass box: requests and records in, effects out, and
 * the store a list. */
#pragma once
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
    const char *principal;     /* who asks; NULL: nobody */
    const char *authorization; /* what an executor sends; NULL: nothing */
    /* What a store would hold. */
    struct {
        char table[16], key[400];
        struct buf value;
    } stored[STORED_MAX];
    int stored_count;
};

static inline struct agent_program *new_program(struct fixture *f)
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
                                    .authorization = "Basic YTpi",
                                    .executor_key = "a key of 32 characters or "
                                                    "more",
                                    .executor_registration_timeout_ms = 60000,
                                    .executor_reregistration_timeout_ms = 2000,
                                    .executor_shutdown_grace_ms = 5000,
                                    .recovery_timeout_ms = 900000,
                                    .gc_delay_ms = 604800000,
                                    .flag = &flag,
                                    .flag_count = 1};
    return agent_program_new(&options);
}

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
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
static inline void keep(struct fixture *f, const struct effect *effect)
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

static inline void next_turn(struct fixture *f)
{
    for (uint32_t i = 0; i < f->fx.count; i++)
        if (f->fx.item[i].kind == EFFECT_PERSIST)
            keep(f, &f->fx.item[i]);
    AGENT_PROGRAM.check(f->program);
    effects_clear(&f->fx);
}

static inline const struct effect *nth(const struct fixture *f,
                                       enum effect_kind kind, int n)
{
    for (uint32_t i = 0; i < f->fx.count; i++)
        if (f->fx.item[i].kind == kind && n-- == 0)
            return &f->fx.item[i];
    return NULL;
}

static inline const struct effect *first(const struct fixture *f,
                                         enum effect_kind kind)
{
    return nth(f, kind, 0);
}

static inline const void *act(const struct fixture *f, enum agent_act kind)
{
    for (uint32_t i = 0; i < f->fx.count; i++)
        if (f->fx.item[i].kind == EFFECT_ACT && f->fx.item[i].act.kind == kind)
            return f->fx.item[i].act.data;
    return NULL;
}

/* --- the master's side --- */

static inline void tell(struct fixture *f, exchange_id stream,
                        Perigee__Agent__Event *event)
{
    struct buf packed = {0};
    event->has_type = true;
    codec_encode(&event->base, MEDIA_PROTOBUF, &packed);
    AGENT_PROGRAM.on_record(f->program, stream, buf_bytes(&packed), NOW,
                            &f->fx);
    buf_release(&packed);
}

static inline exchange_id stream_of(const struct fixture *f)
{
    const struct effect *follow = first(f, EFFECT_FOLLOW);
    assert_non_null(follow);
    assert_string_equal(follow->call.url, "http://127.0.0.1:5050/api/v1/agent");
    return follow->exchange;
}

static inline void subscribed_as(struct fixture *f, exchange_id stream,
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

static inline void subscribed(struct fixture *f, exchange_id stream)
{
    subscribed_as(f, stream, "M-S0");
}

static inline exchange_id link_up(struct fixture *f)
{
    AGENT_PROGRAM.on_start(f->program, NOW, &f->fx);
    exchange_id stream = stream_of(f);
    next_turn(f);
    subscribed(f, stream);
    next_turn(f);
    return stream;
}

static inline Perigee__Agent__Call *call_in(struct fixture *f,
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
static inline void *from_json(struct fixture *f,
                              const ProtobufCMessageDescriptor *type,
                              const char *json)
{
    ProtobufCMessage *message = NULL;
    struct err err = {0};
    if (codec_decode(type, "Event", MEDIA_JSON, bytes_of_text(json), &f->arena,
                     &message, &err) < 0)
        fail_msg("%s", err.text);
    return message;
}

static inline void order(struct fixture *f, exchange_id stream,
                         const char *json)
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

static inline void run_command(struct fixture *f, exchange_id stream)
{
    order(f, stream,
          "{\"type\":\"RUN\",\"run\":{" FRAMEWORK
          ",\"tasks\":[" TASK("t1") "]}}");
}

/* --- the executor's side --- */

static inline exchange_id request(struct fixture *f, enum http_method method,
                                  const char *path, const char *type,
                                  const char *accept, const char *body)
{
    struct http_header header[3];
    uint32_t count = 0;
    if (f->authorization != NULL)
        header[count++] =
            (struct http_header){"Authorization", f->authorization};
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
                                   .peer = "127.0.0.1:1",
                                   .principal = f->principal};
    AGENT_PROGRAM.on_request(f->program, ++f->next, &request, NOW, &f->fx);
    return f->next;
}

static inline exchange_id post(struct fixture *f, const char *body)
{
    return request(f, HTTP_POST, "/api/v1/executor", "application/json",
                   "application/json", body);
}

#define WHO \
    "\"executor_id\":{\"value\":\"t1\"},\"framework_id\":{\"value\":\"F\"}"
#define UUID1 "AAAAAAAAQACAAAAAAAAAAQ=="
#define UUID2 "AAAAAAAAQACAAAAAAAAAAg=="

static inline const char *update_body(struct fixture *f, const char *state,
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

static inline void started(struct fixture *f, const char *container_id)
{
    struct agent_started fact = {.pid = 4242, .born = 99};
    snprintf(fact.container_id, sizeof fact.container_id, "%s", container_id);
    AGENT_PROGRAM.on_fact(f->program, AGENT_FACT_STARTED, &fact, NOW, &f->fx);
}

/* A command task that is subscribed; returns its stream. */
static inline exchange_id run_to_subscribed(struct fixture *f,
                                            exchange_id stream,
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

static inline void has_text(struct bytes bytes, const char *text)
{
    if (memmem(bytes.data, bytes.size, text, strlen(text)) == NULL)
        fail_msg("'%s' is not in '%.*s'", text, (int)bytes.size,
                 (const char *)bytes.data);
}
