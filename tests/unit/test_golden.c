/* Bytes that another encoder made (tests/golden/make.sh): ours are the same,
 * and so is the JSON of them, in both directions. Runs in the root of the
 * source tree, as every test does. */
#include "base/alloc.h"
#include "wire/codec.h"

#include "mesos/v1/scheduler.pb-c.h"
#include "perigee/agent.pb-c.h"
#include "perigee/job.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { FILE_MAX = 64 << 10 };

static const struct golden {
    const char *name;
    const ProtobufCMessageDescriptor *type;
} GOLDEN[] = {
    {"subscribe", &mesos__v1__scheduler__call__descriptor},
    {"accept", &mesos__v1__scheduler__call__descriptor},
    {"offers", &mesos__v1__scheduler__event__descriptor},
    {"update", &mesos__v1__scheduler__event__descriptor},
    {"run", &perigee__agent__event__descriptor},
    {"job", &perigee__job__descriptor},
};

static struct bytes read_golden(const char *name, const char *ending,
                                struct arena *arena)
{
    const char *path = arena_printf(arena, "tests/golden/%s.%s", name, ending);
    uint8_t *data = arena_alloc(arena, FILE_MAX);
    FILE *file = fopen(path, "rb");

    if (file == NULL)
        fail_msg("%s cannot be read", path);
    size_t size = fread(data, 1, FILE_MAX, file);
    fclose(file);
    assert_in_range(size, 1, FILE_MAX - 1);
    data[size] = 0;
    return bytes_of(data, size);
}

static void same_text(const char *name, struct bytes got, struct bytes want)
{
    size_t at = 0;

    while (at < got.size && at < want.size && got.data[at] == want.data[at])
        at++;
    if (at < got.size || at < want.size)
        fail_msg("%s.json differs at byte %zu: '%.40s', want '%.40s'", name, at,
                 got.data + at, want.data + at);
}

static ProtobufCMessage *decoded(const struct golden *g, enum media_type media,
                                 struct bytes in, struct arena *arena)
{
    ProtobufCMessage *message;
    struct err err = {0};

    if (codec_decode(g->type, g->name, media, in, arena, &message, &err) < 0)
        fail_msg("%s: %s", g->name, err.text);
    return message;
}

static void test_one(void **state)
{
    const struct golden *g = *state;
    struct arena arena;
    struct buf out = {0};

    arena_init(&arena);
    struct bytes packed = read_golden(g->name, "bin", &arena);
    struct bytes json = read_golden(g->name, "json", &arena);
    ProtobufCMessage *of_packed = decoded(g, MEDIA_PROTOBUF, packed, &arena);
    ProtobufCMessage *of_json = decoded(g, MEDIA_JSON, json, &arena);

    codec_encode(of_packed, MEDIA_PROTOBUF, &out);
    assert_int_equal(out.size, packed.size);
    assert_memory_equal(out.data, packed.data, packed.size);
    buf_clear(&out);
    codec_encode_pretty(of_packed, &out);
    buf_add_char(&out, '\n');
    same_text(g->name, buf_bytes(&out), json);
    buf_clear(&out);
    codec_encode_pretty(of_json, &out);
    buf_add_char(&out, '\n');
    same_text(g->name, buf_bytes(&out), json);
    buf_release(&out);
    arena_release(&arena);
}

/* Every shorter beginning of the bytes is refused or is a message; none of
 * them is read beyond its end (ASan looks). */
static void test_beginnings(void **state)
{
    const struct golden *g = *state;
    struct arena arena;

    arena_init(&arena);
    struct bytes packed = read_golden(g->name, "bin", &arena);
    for (size_t size = 0; size < packed.size; size++) {
        struct arena inner;
        ProtobufCMessage *message;
        struct err err = {0};
        uint8_t *cut = xmemdup(packed.data, size);

        arena_init(&inner);
        if (codec_decode(g->type, "X", MEDIA_PROTOBUF, bytes_of(cut, size),
                         &inner, &message, &err) < 0)
            assert_string_equal(err.text, "Failed to parse body into X "
                                          "protobuf");
        arena_release(&inner);
        free(cut);
    }
    arena_release(&arena);
}

int main(void)
{
    enum { COUNT = sizeof GOLDEN / sizeof *GOLDEN };
    static char name[2 * COUNT][64];
    struct CMUnitTest tests[2 * COUNT];

    for (size_t i = 0; i < 2 * COUNT; i++) {
        const struct golden *g = &GOLDEN[i / 2];
        snprintf(name[i], sizeof name[i], "%s%s", g->name,
                 i % 2 ? ", cut short" : "");
        tests[i] = (struct CMUnitTest){
            .name = name[i],
            .test_func = i % 2 ? test_beginnings : test_one,
            .initial_state = (void *)g,
        };
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
