#include "tests/sim/describe.h"

#include "base/arena.h"
#include "mesos/v1/executor.pb-c.h"
#include "mesos/v1/scheduler.pb-c.h"
#include "perigee/agent.pb-c.h"
#include "perigee/aurora.pb-c.h"
#include "wire/codec.h"

#include <stdio.h>
#include <string.h>

enum { SHOWN_MAX = 700 };

static const struct {
    const char *about;
    const ProtobufCMessageDescriptor *type;
} KNOWN[] = {
    {"agent.call", &perigee__agent__call__descriptor},
    {"agent.event", &perigee__agent__event__descriptor},
    {"scheduler.call", &mesos__v1__scheduler__call__descriptor},
    {"scheduler.event", &mesos__v1__scheduler__event__descriptor},
    {"executor.call", &mesos__v1__executor__call__descriptor},
    {"executor.event", &mesos__v1__executor__event__descriptor},
    {"aurora.call", &perigee__aurora__call__descriptor},
    {"aurora.answer", &perigee__aurora__answer__descriptor},
    {"aurora.event", &perigee__aurora__event__descriptor},
};

static void add_plain(struct bytes body, struct buf *out)
{
    size_t size = body.size < SHOWN_MAX ? body.size : SHOWN_MAX;

    for (size_t i = 0; i < size; i++)
        buf_add_char(out, body.data[i] >= ' ' && body.data[i] < 127
                              ? (char)body.data[i]
                              : '.');
    if (size < body.size)
        buf_addf(out, "... (%zu bytes)", body.size);
}

void describe(struct bytes body, const char *about, struct buf *out)
{
    struct arena arena;
    ProtobufCMessage *message = NULL;
    struct buf json = {0};

    if (body.size == 0)
        return;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
        if (strncmp(about, KNOWN[i].about, strlen(KNOWN[i].about)) == 0 &&
            body.data[0] != '{' &&
            codec_decode(KNOWN[i].type, "Message", MEDIA_PROTOBUF, body, &arena,
                         &message, NULL) == 0) {
            codec_encode(message, MEDIA_JSON, &json);
            break;
        }
    add_plain(message != NULL ? buf_bytes(&json) : body, out);
    buf_release(&json);
    arena_release(&arena);
}
