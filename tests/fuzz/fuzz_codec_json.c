/* JSON text as a call: refused or decoded, never a crash; what was decoded
 * prints to JSON that reads to the same print. */
#include "wire/codec.h"

#include "mesos/v1/scheduler.pb-c.h"
#include "perigee/aurora.pb-c.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const ProtobufCMessageDescriptor *type, struct bytes in)
{
    struct arena arena;
    struct buf once = {0}, twice = {0};
    ProtobufCMessage *message;

    arena_init(&arena);
    if (codec_decode(type, "Call", MEDIA_JSON, in, &arena, &message, NULL) ==
        0) {
        codec_encode(message, MEDIA_JSON, &once);
        assert(codec_decode(type, "Call", MEDIA_JSON, buf_bytes(&once), &arena,
                            &message, NULL) == 0);
        codec_encode(message, MEDIA_JSON, &twice);
        assert(bytes_equal(buf_bytes(&once), buf_bytes(&twice)));
    }
    buf_release(&once);
    buf_release(&twice);
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    round_trip(&mesos__v1__scheduler__call__descriptor, bytes_of(data, size));
    round_trip(&perigee__aurora__call__descriptor, bytes_of(data, size));
    return 0;
}
