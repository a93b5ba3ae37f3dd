/* Whatever arrives at the scheduler: bodies of calls (JSON and protobuf),
 * paths and their parameters, records of the master's stream, stored records,
 * verdicts of script workers. Nothing may crash it, and every invariant must
 * hold afterwards. The first byte of the input says where the rest arrives.
 * There is a job already, and a host that offers itself, so that calls find
 * something; JSON calls come one per line, each after what the last one did. */
#include "aurora/program.h"
#include "mesos/v1/scheduler.pb-c.h"
#include "wire/codec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void subscribe(struct aurora_program *p, exchange_id stream,
                      struct effects *fx)
{
    static const struct http_header header = {"Mesos-Stream-Id", "s"};
    struct http_response head = {
        .status = 200, .header = &header, .header_count = 1};
    /* SUBSCRIBED with framework id "f" */
    static const uint8_t subscribed[] = {0x08, 0x01, 0x12, 0x05, 0x0a,
                                         0x03, 0x0a, 0x01, 'f'};

    AURORA_PROGRAM.on_answer(p, stream, &head, 1000, fx);
    AURORA_PROGRAM.on_record(p, stream, bytes_of(subscribed, sizeof subscribed),
                             1000, fx);
}

static void request(struct aurora_program *p, const char *type,
                    enum http_method method, const char *path,
                    const char *query, struct bytes body, struct effects *fx)
{
    struct http_header header[] = {
        {"Content-Type", type}, {"Accept", type}, {"Idempotency-Key", "k"}};
    struct http_request http = {.method = method,
                                .method_name = "X",
                                .path = path,
                                .query = query,
                                .header = header,
                                .header_count = 3,
                                .body = body,
                                .peer = "fuzz"};

    AURORA_PROGRAM.on_request(p, 7, &http, 2000, fx);
}

static void get(struct aurora_program *p, struct bytes rest, struct effects *fx)
{
    char path[512] = "/", *query;
    size_t size = rest.size < 500 ? rest.size : 500;

    memcpy(path + 1, rest.data, size);
    query = path + strcspn(path, "?");
    if (*query)
        *query++ = '\0';
    request(p, "application/json", HTTP_GET, path, query, bytes_of("", 0), fx);
}

static void post_lines(struct aurora_program *p, struct bytes rest,
                       struct effects *fx)
{
    while (rest.size > 0) {
        const uint8_t *end = memchr(rest.data, '\n', rest.size);
        size_t size = end ? (size_t)(end - rest.data) : rest.size;
        request(p, "application/json", HTTP_POST, "/api/v1", "",
                bytes_of(rest.data, size), fx);
        AURORA_PROGRAM.check(p);
        size += end != NULL;
        rest = bytes_of(rest.data + size, rest.size - size);
    }
}

/* A service of three, and a host with room for two of them. */
static void furnish(struct aurora_program *p, exchange_id stream,
                    struct effects *fx)
{
    static const char job[] =
        "{\"type\":\"CREATE_JOB\",\"create_job\":{\"job\":{\"cluster\":"
        "\"devcluster\",\"role\":\"www\",\"environment\":\"prod\",\"name\":"
        "\"web\",\"service\":true,\"instances\":3,\"port_names\":[\"http\"],"
        "\"task\":{\"name\":\"t\",\"processes\":[{\"name\":\"p\","
        "\"cmdline\":\"serve {{thermos.ports[http]}}\"}],\"resources\":{"
        "\"cpu_milli\":500,\"ram_bytes\":134217728,\"disk_bytes\":134217728}"
        "}}}}";
    static const char offer[] =
        "{\"type\":\"OFFERS\",\"offers\":{\"offers\":[{\"id\":{\"value\":"
        "\"o\"},\"framework_id\":{\"value\":\"f\"},\"agent_id\":{\"value\":"
        "\"m-S0\"},\"hostname\":\"h\",\"resources\":[{\"name\":\"cpus\","
        "\"type\":\"SCALAR\",\"scalar\":{\"value\":1.1}},{\"name\":\"mem\","
        "\"type\":\"SCALAR\",\"scalar\":{\"value\":4096}},{\"name\":\"disk\","
        "\"type\":\"SCALAR\",\"scalar\":{\"value\":4096}},{\"name\":\"ports\","
        "\"type\":\"RANGES\",\"ranges\":{\"range\":[{\"begin\":31000,"
        "\"end\":31009}]}}]}]}}";
    ProtobufCMessage *event;
    struct buf packed = {0};
    struct arena arena;

    post_lines(p, bytes_of_text(job), fx);
    arena_init(&arena);
    if (codec_decode(&mesos__v1__scheduler__event__descriptor, "Event",
                     MEDIA_JSON, bytes_of_text(offer), &arena, &event,
                     NULL) < 0)
        abort();
    codec_encode(event, MEDIA_PROTOBUF, &packed);
    AURORA_PROGRAM.on_record(p, stream, buf_bytes(&packed), 1000, fx);
    AURORA_PROGRAM.on_time(p, 1000, fx);
    buf_release(&packed);
    arena_release(&arena);
}

static void arrive(struct aurora_program *p, uint8_t where, exchange_id stream,
                   struct bytes rest, struct effects *fx)
{
    static const char *const table[] = {
        "config", "host",        "job",       "request", "task",
        "asset",  "bundle",      "scheduler", "update",  "update_instance",
        "group",  "group_member"};
    const size_t tables = sizeof table / sizeof *table;
    struct err err = {0};

    switch (where % 6) {
    case 0:
        post_lines(p, rest, fx);
        break;
    case 1:
        request(p, "application/x-protobuf", HTTP_POST, "/api/v1", "", rest,
                fx);
        break;
    case 2:
        AURORA_PROGRAM.on_record(p, stream, rest, 2000, fx);
        break;
    case 3:
        get(p, rest, fx);
        break;
    case 4: {
        struct aurora_evaluated fact = {.ticket = 1, .result = rest};
        AURORA_PROGRAM.on_fact(p, AURORA_FACT_EVALUATED, &fact, 2000, fx);
        break;
    }
    default:
        /* A record only counts before the start: see below. */
        (void)AURORA_PROGRAM.on_stored(p, table[where / 6 % tables],
                                       bytes_of_text("k"), rest, &err);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct aurora_options options = AURORA_OPTIONS;
    exchange_id stream = 1;
    struct effects fx;

    if (size == 0)
        return 0;
    struct aurora_program *p = aurora_program_new(&options);
    struct bytes rest = bytes_of(data + 1, size - 1);
    effects_init(&fx);
    if (data[0] % 6 == 5) {
        arrive(p, data[0], stream, rest, &fx);
        AURORA_PROGRAM.on_start(p, 1000, &fx);
    } else {
        AURORA_PROGRAM.on_start(p, 1000, &fx);
        subscribe(p, stream, &fx);
        furnish(p, stream, &fx);
        arrive(p, data[0], stream, rest, &fx);
        AURORA_PROGRAM.on_time(p, 3000, &fx);
        AURORA_PROGRAM.check(p);
    }
    effects_release(&fx);
    aurora_program_free(p);
    return 0;
}
