/* The codec on what a busy cluster says most: a status update and an OFFERS of
 * a hundred offers. Protobuf stands against protobuf-c alone (the price of
 * looking before it recurses, and of the arena), JSON against jansson alone
 * (the price of shape); each encoding against copying its own bytes. */
#include "bench/kit.h"
#include "mesos/v1/scheduler.pb-c.h"
#include "wire/codec.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { OFFERS = 100, ROUNDS = 7, SAMPLE_NS = 200000000 };

static const char UPDATE[] =
    "{\"type\":\"UPDATE\",\"update\":{\"status\":{\"task_id\":{\"value\":"
    "\"www-data-prod-web-17-0b4f\"},\"state\":\"TASK_RUNNING\",\"message\":"
    "\"\",\"source\":\"SOURCE_EXECUTOR\",\"agent_id\":{\"value\":"
    "\"5f1c-S12\"},\"executor_id\":{\"value\":\"thermos-17\"},\"timestamp\":"
    "1600000000.25,\"uuid\":\"MDEyMzQ1Njc4OWFiY2RlZg==\",\"container_status\":"
    "{\"container_id\":{\"value\":\"0b4f\"},\"executor_pid\":4711}}}}";

struct sample {
    const ProtobufCMessage *message;
    struct buf json, packed, out; /* out: scratch */
    struct arena arena;           /* scratch */
};

typedef void work(struct sample *s);

static ProtobufCMessage *decode(struct sample *s, enum media_type media,
                                struct arena *arena)
{
    ProtobufCMessage *message;
    struct err err = {0};

    if (codec_decode(&mesos__v1__scheduler__event__descriptor, "Event", media,
                     buf_bytes(media == MEDIA_JSON ? &s->json : &s->packed),
                     arena, &message, &err) < 0)
        bench_fail("%s", err.text);
    return message;
}

static void decode_protobuf(struct sample *s)
{
    decode(s, MEDIA_PROTOBUF, &s->arena);
    arena_clear(&s->arena);
}

static void decode_json(struct sample *s)
{
    decode(s, MEDIA_JSON, &s->arena);
    arena_clear(&s->arena);
}

static void unpack_alone(struct sample *s)
{
    ProtobufCMessage *message =
        protobuf_c_message_unpack(&mesos__v1__scheduler__event__descriptor,
                                  NULL, s->packed.size, s->packed.data);

    if (message == NULL)
        bench_fail("protobuf-c cannot unpack");
    protobuf_c_message_free_unpacked(message, NULL);
}

static void parse_alone(struct sample *s)
{
    json_error_t error;
    json_t *root = json_loadb(s->json.text, s->json.size, 0, &error);

    if (root == NULL)
        bench_fail("jansson: %s", error.text);
    json_decref(root);
}

static void encode_protobuf(struct sample *s)
{
    buf_clear(&s->out);
    codec_encode(s->message, MEDIA_PROTOBUF, &s->out);
}

static void encode_json(struct sample *s)
{
    buf_clear(&s->out);
    codec_encode(s->message, MEDIA_JSON, &s->out);
}

static void copy_protobuf(struct sample *s)
{
    buf_clear(&s->out);
    buf_add_bytes(&s->out, buf_bytes(&s->packed));
}

static void copy_json(struct sample *s)
{
    buf_clear(&s->out);
    buf_add_bytes(&s->out, buf_bytes(&s->json));
}

/* Median nanoseconds of one call. */
static double measure(struct sample *s, work *one)
{
    int64_t ns[ROUNDS];
    int64_t bound_ns = bench_is_quick() ? SAMPLE_NS / 10 : SAMPLE_NS;

    for (int round = 0; round < ROUNDS; round++) {
        int64_t count = 0, begin = bench_ns(), now;
        do {
            for (int i = 0; i < 16; i++)
                one(s);
            count += 16;
            now = bench_ns();
        } while (now - begin < bound_ns / ROUNDS);
        ns[round] = (now - begin) * 100 / count; /* hundredths */
    }
    return (double)bench_percentile(ns, ROUNDS, 50) / 100;
}

static void compare(const char *what, const char *name, struct sample *s,
                    work *ours, work *theirs, const char *against)
{
    char figure[64];
    double own = measure(s, ours), other = measure(s, theirs);

    snprintf(figure, sizeof figure, "%s_%s", what, name);
    bench_figure(figure, own / 1000, "us", own / other, against);
}

static void run(const char *what, const char *json)
{
    struct sample s = {.message = NULL};
    struct arena arena;

    arena_init(&arena);
    arena_init(&s.arena);
    buf_add_text(&s.json, json);
    s.message = decode(&s, MEDIA_JSON, &arena);
    codec_encode(s.message, MEDIA_PROTOBUF, &s.packed);
    compare(what, "from_protobuf", &s, decode_protobuf, unpack_alone,
            "protobuf-c alone");
    compare(what, "from_json", &s, decode_json, parse_alone, "jansson alone");
    compare(what, "to_protobuf", &s, encode_protobuf, copy_protobuf,
            "copying it");
    compare(what, "to_json", &s, encode_json, copy_json, "copying it");
    arena_release(&arena);
    arena_release(&s.arena);
    buf_release(&s.json);
    buf_release(&s.packed);
    buf_release(&s.out);
}

static void add_offer(struct buf *out, int i)
{
    buf_addf(
        out,
        "{\"id\":{\"value\":\"5f1c-O%d\"},\"framework_id\":{\"value\":"
        "\"5f1c-0000\"},\"agent_id\":{\"value\":\"5f1c-S%d\"},\"hostname\":"
        "\"host-%d.example.net\",\"resources\":["
        "{\"name\":\"ports\",\"type\":\"RANGES\",\"ranges\":{\"range\":["
        "{\"begin\":31000,\"end\":31499},{\"begin\":31501,\"end\":32000}]},"
        "\"role\":\"*\",\"allocation_info\":{\"role\":\"web\"}},"
        "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":31.5},"
        "\"role\":\"*\",\"allocation_info\":{\"role\":\"web\"}},"
        "{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{\"value\":128000.0},"
        "\"role\":\"*\",\"allocation_info\":{\"role\":\"web\"}}],"
        "\"attributes\":[{\"name\":\"rack\",\"type\":\"TEXT\",\"text\":{"
        "\"value\":\"r%d\"}}],\"allocation_info\":{\"role\":\"web\"}}",
        i, i, i, i);
}

int main(int argc, char **argv)
{
    struct buf offers = {0};

    bench_open(argc, argv, "codec");
    bench_leans_on(BENCH_MEMORY);
    run("update", UPDATE);
    buf_add_text(&offers, "{\"type\":\"OFFERS\",\"offers\":{\"offers\":[");
    for (int i = 0; i < OFFERS; i++) {
        buf_add_text(&offers, i > 0 ? "," : "");
        add_offer(&offers, i);
    }
    buf_add_text(&offers, "]}}");
    run("offers_100", buf_text(&offers));
    buf_release(&offers);
    return bench_close();
}
