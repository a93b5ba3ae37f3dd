/* Protobuf bytes of any of our messages: refused or decoded, never a crash; and
 * what was decoded encodes to bytes that decode to the same. */
#include "wire/codec.h"

#include "mesos/v1/executor.pb-c.h"
#include "mesos/v1/scheduler.pb-c.h"
#include "perigee/agent.pb-c.h"
#include "perigee/aurora.pb-c.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const ProtobufCMessageDescriptor *const type[] = {
        &mesos__v1__scheduler__call__descriptor,
        &mesos__v1__scheduler__event__descriptor,
        &mesos__v1__executor__call__descriptor,
        &perigee__agent__call__descriptor,
        &perigee__aurora__call__descriptor,
    };
    struct arena arena;
    struct buf once = {0}, twice = {0};
    ProtobufCMessage *message;

    if (size == 0)
        return 0;
    const ProtobufCMessageDescriptor *kind =
        type[data[0] % (sizeof type / sizeof type[0])];
    arena_init(&arena);
    if (codec_decode(kind, "X", MEDIA_PROTOBUF, bytes_of(data + 1, size - 1),
                     &arena, &message, NULL) == 0) {
        codec_encode(message, MEDIA_PROTOBUF, &once);
        assert(codec_decode(kind, "X", MEDIA_PROTOBUF, buf_bytes(&once), &arena,
                            &message, NULL) == 0);
        codec_encode(message, MEDIA_PROTOBUF, &twice);
        assert(bytes_equal(buf_bytes(&once), buf_bytes(&twice)));
    }
    buf_release(&once);
    buf_release(&twice);
    arena_release(&arena);
    return 0;
}
