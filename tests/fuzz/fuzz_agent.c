/* An agent that is subscribed gets a series of inputs: calls of executors and
 * operators, orders of a master, facts, stored records, the passing of time.
 * Every request is answered, and the state stays whole.
 *
 * Input: repeated { kind byte, 2 bytes of size (high first), body }. */
#include "agent/acts.h"
#include "agent/program.h"
#include "perigee/agent.pb-c.h"
#include "wire/codec.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUTS_MAX = 48 };

struct target {
    struct agent_program *p;
    struct effects fx;
    exchange_id last, stream;
    int64_t now_ms;
    bool was_answered;
    char container[AGENT_CONTAINER_ID_MAX]; /* launched last */
};

static void look(struct target *t, const struct effect *e)
{
    if (e->kind == EFFECT_REPLY || e->kind == EFFECT_STREAM)
        t->was_answered |= e->exchange == t->last;
    if (e->kind == EFFECT_FOLLOW)
        t->stream = e->exchange;
    if (e->kind == EFFECT_ACT && e->act.kind == AGENT_ACT_LAUNCH) {
        const struct agent_launch *launch = e->act.data;
        snprintf(t->container, sizeof t->container, "%s", launch->container_id);
    }
}

static void settle(struct target *t)
{
    for (uint32_t i = 0; i < t->fx.count; i++)
        look(t, &t->fx.item[i]);
    effects_clear(&t->fx);
    AGENT_PROGRAM.check(t->p);
}

/* JSON is what a mutator can change in a meaningful way. */
static void order(struct target *t, const char *json, size_t size)
{
    struct arena arena;
    struct buf packed = {0};
    ProtobufCMessage *event = NULL;

    arena_init(&arena);
    if (codec_decode(&perigee__agent__event__descriptor, "Event", MEDIA_JSON,
                     bytes_of(json, size), &arena, &event, NULL) == 0) {
        codec_encode(event, MEDIA_PROTOBUF, &packed);
        AGENT_PROGRAM.on_record(t->p, t->stream, buf_bytes(&packed), t->now_ms,
                                &t->fx);
    }
    buf_release(&packed);
    arena_release(&arena);
}

static void request(struct target *t, const char *path, const char *type,
                    const uint8_t *body, size_t size)
{
    struct http_header header = {"Content-Type", type};
    struct http_request request = {.method = HTTP_POST,
                                   .method_name = "POST",
                                   .path = path,
                                   .query = "",
                                   .header = &header,
                                   .header_count = 1,
                                   .body = bytes_of(body, size),
                                   .peer = "127.0.0.1:1"};
    t->was_answered = false;
    AGENT_PROGRAM.on_request(t->p, ++t->last, &request, t->now_ms, &t->fx);
    settle(t);
    assert(t->was_answered);
}

static void fact(struct target *t, uint8_t which)
{
    union {
        struct agent_started started;
        struct agent_failed failed;
        struct agent_exited exited;
        struct agent_limited limited;
        char container[AGENT_CONTAINER_ID_MAX];
    } fact = {0};

    snprintf(fact.container, sizeof fact.container, "%s", t->container);
    switch (which % 4) {
    case 0:
        fact.started.pid = fact.started.born = 1;
        AGENT_PROGRAM.on_fact(t->p, AGENT_FACT_STARTED, &fact, t->now_ms,
                              &t->fx);
        break;
    case 1:
        AGENT_PROGRAM.on_fact(t->p, AGENT_FACT_EXITED, &fact, t->now_ms,
                              &t->fx);
        break;
    case 2:
        AGENT_PROGRAM.on_fact(t->p, AGENT_FACT_FAILED, &fact, t->now_ms,
                              &t->fx);
        break;
    default:
        AGENT_PROGRAM.on_fact(t->p, AGENT_FACT_LIMITED, &fact, t->now_ms,
                              &t->fx);
    }
}

static void input(struct target *t, uint8_t kind, const uint8_t *body,
                  size_t size)
{
    static const char json[] = "application/json";
    static const char protobuf[] = "application/x-protobuf";

    switch (kind % 8) {
    case 0:
        order(t, (const char *)body, size);
        break;
    case 1:
        request(t, "/api/v1/executor", json, body, size);
        break;
    case 2:
        request(t, "/api/v1/executor", protobuf, body, size);
        break;
    case 3:
        request(t, "/api/v1", json, body, size);
        break;
    case 4:
        fact(t, size > 0 ? body[0] : 0);
        break;
    case 5:
        t->now_ms += size > 0 ? body[0] * 1000 : 0;
        AGENT_PROGRAM.on_time(t->p, t->now_ms, &t->fx);
        break;
    case 6:
        AGENT_PROGRAM.on_gone(t->p, t->last, t->now_ms, &t->fx);
        break;
    default:
        AGENT_PROGRAM.on_record(t->p, t->stream, bytes_of(body, size),
                                t->now_ms, &t->fx);
    }
    settle(t);
}

static struct agent_program *new_program(void)
{
    struct resources resources = {0};
    struct attributes attributes = {0};
    struct agent_options options = {.master = "m:1",
                                    .ip = "127.0.0.1",
                                    .port = 5051,
                                    .hostname = "h",
                                    .work_dir = "/w",
                                    .executor = "/x",
                                    .boot_id = "b",
                                    .resources = &resources,
                                    .attributes = &attributes,
                                    .executor_registration_timeout_ms = 60000,
                                    .executor_reregistration_timeout_ms = 2000,
                                    .executor_shutdown_grace_ms = 5000,
                                    .recovery_timeout_ms = 900000,
                                    .gc_delay_ms = 604800000};
    return agent_program_new(&options);
}

/* Whatever a store holds is read or refused. */
static void stored(struct target *t, const uint8_t *data, size_t size)
{
    static const char *const table[] = {"agent", "executors", "frameworks",
                                        "tasks", "updates"};
    size_t key = size > 1 ? data[1] % 40 : 0;
    if (size < key + 2)
        return;
    (void)AGENT_PROGRAM.on_stored(
        t->p, table[data[0] % 5], bytes_of(data + 2, key),
        bytes_of(data + 2 + key, size - 2 - key), NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char hello[] =
        "{\"type\":\"SUBSCRIBED\",\"subscribed\":{\"agent_id\":{\"value\":"
        "\"S0\"},\"epoch\":1,\"ping_timeout_ms\":75000}}";
    struct target t = {.now_ms = 1000000};

    effects_init(&t.fx);
    t.p = new_program();
    if (size > 0 && data[0] == 255) {
        stored(&t, data + 1, size - 1);
    } else {
        AGENT_PROGRAM.on_start(t.p, t.now_ms, &t.fx);
        settle(&t);
        order(&t, hello, strlen(hello));
        settle(&t);
        for (int i = 0; i < INPUTS_MAX && size >= 3; i++) {
            size_t part = (size_t)data[1] << 8 | data[2];
            if (part > size - 3)
                part = size - 3;
            input(&t, data[0], data + 3, part);
            data += 3 + part;
            size -= 3 + part;
        }
    }
    agent_program_free(t.p);
    effects_release(&t.fx);
    return 0;
}
