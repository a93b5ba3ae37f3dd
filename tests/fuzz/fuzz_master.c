/* A master with an agent, a framework and a running task gets a series of
 * bodies. Every one is answered, and the state stays whole.
 *
 * Input: repeated { kind byte, 2 bytes of size, body }. The kind picks path and
 * encoding. "%I", "%A", "%O" in a JSON body stand for the ids of framework,
 * agent and offer. */
#include "master/program.h"
#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REQUESTS_MAX = 32 };

struct target {
    struct master_program *p;
    struct effects fx;
    exchange_id last;
    int64_t now_ms;
    bool was_answered;
    char stream_id[64], framework[128], agent[128], offer[128];
};

static void pick(const char *text, const char *before, char out[128])
{
    const char *at = strstr(text, before);
    if (!at)
        return;
    at += strlen(before);
    size_t length = strcspn(at, "\"");
    if (length > 127)
        length = 127;
    memcpy(out, at, length);
    out[length] = '\0';
}

static void look(struct target *t, const struct effect *e)
{
    if (e->kind == EFFECT_REPLY || e->kind == EFFECT_STREAM)
        t->was_answered |= e->exchange == t->last;
    if (e->kind == EFFECT_STREAM && e->response.header_count > 0 &&
        !t->stream_id[0])
        strncpy(t->stream_id, e->response.header[0].value,
                sizeof t->stream_id - 1);
    if (e->kind != EFFECT_RECORD)
        return;
    char *text = strndup((const char *)e->bytes.data, e->bytes.size);
    if (!t->framework[0])
        pick(text, "\"framework_id\":{\"value\":\"", t->framework);
    if (!t->agent[0])
        pick(text, "\"agent_id\":{\"value\":\"", t->agent);
    pick(text, "\"offers\":[{\"id\":{\"value\":\"", t->offer);
    free(text);
}

static void settle(struct target *t)
{
    do {
        for (uint32_t i = 0; i < t->fx.count; i++)
            look(t, &t->fx.item[i]);
        effects_clear(&t->fx);
        MASTER_PROGRAM.check(t->p);
        if (MASTER_PROGRAM.next_ms(t->p) > t->now_ms)
            break;
        MASTER_PROGRAM.on_time(t->p, t->now_ms, &t->fx);
    } while (true);
}

static void post(struct target *t, const char *path, const char *type,
                 struct bytes body, bool with_stream_id)
{
    struct http_header header[] = {{"Content-Type", type},
                                   {"Accept", "application/json"},
                                   {"Mesos-Stream-Id", t->stream_id}};
    struct http_request request = {
        .method = HTTP_POST,
        .method_name = "POST",
        .path = path,
        .query = "",
        .header = header,
        .header_count = with_stream_id && t->stream_id[0] ? 3 : 2,
        .body = body,
        .peer = "127.0.0.1:1",
    };
    t->was_answered = false;
    MASTER_PROGRAM.on_request(t->p, ++t->last, &request, t->now_ms, &t->fx);
    settle(t);
    assert(t->was_answered);
}

static void fill_in(const struct target *t, struct bytes body, struct buf *out)
{
    for (size_t i = 0; i < body.size; i++) {
        char next = i + 1 < body.size ? (char)body.data[i + 1] : '\0';
        const char *id = next == 'I'   ? t->framework
                         : next == 'A' ? t->agent
                         : next == 'O' ? t->offer
                                       : NULL;
        if (body.data[i] == '%' && id) {
            buf_add_text(out, id);
            i++;
        } else {
            buf_add_char(out, (char)body.data[i]);
        }
    }
}

static const char AGENT[] =
    "{\"type\":\"SUBSCRIBE\",\"subscribe\":{\"agent_info\":{\"hostname\":"
    "\"h\",\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{"
    "\"value\":4}},{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{"
    "\"value\":4096}}]},\"endpoint\":\"127.0.0.1:5051\"}}";
static const char FRAMEWORK[] =
    "{\"type\":\"SUBSCRIBE\",\"subscribe\":{\"framework_info\":{\"user\":"
    "\"root\",\"name\":\"f\",\"checkpoint\":true,\"failover_timeout\":60}}}";
static const char LAUNCH[] =
    "{\"type\":\"ACCEPT\",\"framework_id\":{\"value\":\"%I\"},\"accept\":{"
    "\"offer_ids\":[{\"value\":\"%O\"}],\"operations\":[{\"type\":\"LAUNCH\","
    "\"launch\":{\"task_infos\":[{\"name\":\"t\",\"task_id\":{\"value\":"
    "\"t1\"},\"agent_id\":{\"value\":\"%A\"},\"command\":{\"value\":\"x\"},"
    "\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{"
    "\"value\":1}}]}]}}],\"filters\":{\"refuse_seconds\":0}}}";

static void begin(struct target *t)
{
    struct master_options options;
    struct buf body = {0};
    master_options_init(&options);
    options.core.seed = 1;
    t->p = master_program_new(&options);
    t->now_ms = 1000000;
    effects_init(&t->fx);
    MASTER_PROGRAM.on_start(t->p, t->now_ms, &t->fx);
    settle(t);
    post(t, "/api/v1/agent", "application/json", bytes_of_text(AGENT), false);
    post(t, "/api/v1/scheduler", "application/json", bytes_of_text(FRAMEWORK),
         false);
    fill_in(t, bytes_of_text(LAUNCH), &body);
    post(t, "/api/v1/scheduler", "application/json", buf_bytes(&body), true);
    buf_release(&body);
}

static void request(struct target *t, uint8_t kind, struct bytes body)
{
    static const char *const PATH[] = {"/api/v1/scheduler", "/api/v1/agent",
                                       "/api/v1", "/master/state"};
    bool is_json = !(kind & 4);
    struct buf text = {0};
    if (is_json)
        fill_in(t, body, &text);
    else
        buf_add_bytes(&text, body);
    t->now_ms += (kind >> 4) * 1000;
    post(t, PATH[kind & 3],
         is_json ? "application/json" : "application/x-protobuf",
         buf_bytes(&text), !(kind & 8));
    buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct target t = {0};
    begin(&t);
    for (int i = 0; i < REQUESTS_MAX && size >= 3; i++) {
        size_t length = (size_t)data[1] << 8 | data[2];
        if (length > size - 3)
            length = size - 3;
        request(&t, data[0], bytes_of(data + 3, length));
        data += 3 + length;
        size -= 3 + length;
    }
    master_program_free(t.p);
    effects_release(&t.fx);
    return 0;
}
