/* The entry of the codec: which encoding, which words for a refusal. */
#include "wire/codec_internal.h"

#include "base/alloc.h"

#include <assert.h>
#include <string.h>

static void *allocate(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void forget(void *arena, void *memory)
{
    (void)arena;
    (void)memory; /* goes with the arena */
}

ProtobufCAllocator codec_arena_allocator(struct arena *arena)
{
    return (ProtobufCAllocator){
        .alloc = allocate, .free = forget, .allocator_data = arena};
}

static int unpack(const ProtobufCMessageDescriptor *type, const char *what,
                  struct bytes in, struct arena *arena, ProtobufCMessage **out,
                  struct err *err)
{
    static const uint8_t nothing[1] = {0};
    ProtobufCAllocator allocator = codec_arena_allocator(arena);
    struct err cause = {0};
    int rc = codec_check_bytes(type, in, &cause);

    if (rc == -ERR_LIMIT)
        return err_set(err, ERR_LIMIT,
                       "Failed to parse body into %s protobuf: %s", what,
                       cause.text);
    ProtobufCMessage *message =
        rc < 0 ? NULL
               : protobuf_c_message_unpack(type, &allocator, in.size,
                                           in.data ? in.data : nothing);
    if (message == NULL)
        return err_set(err, ERR_INVALID,
                       "Failed to parse body into %s protobuf", what);
    *out = message;
    return 0;
}

static int decode_protobuf(const ProtobufCMessageDescriptor *type,
                           const char *what, struct bytes in,
                           struct arena *arena, ProtobufCMessage **out,
                           struct err *err)
{
    int rc = unpack(type, what, in, arena, out, err);

    if (rc == 0)
        codec_drop_unknown_enums(*out);
    return rc;
}

static int decode_json(const ProtobufCMessageDescriptor *type, const char *what,
                       struct bytes in, struct arena *arena,
                       ProtobufCMessage **out, struct err *err)
{
    struct buf problem = {0}, missing = {0};
    struct codec_absent absent = {.count = 0};
    ProtobufCMessage *message = NULL;
    int rc =
        codec_read_json(type, in, arena, &message, &absent, &problem, NULL);

    if (rc == -ERR_INVALID)
        (void)err_set(err, ERR_INVALID, "Failed to parse body into JSON: %s",
                      buf_text(&problem));
    else if (rc < 0)
        rc = err_set(err, ERR_INVALID,
                     "Failed to convert JSON into %s protobuf: %s", what,
                     buf_text(&problem));
    else if (codec_missing_required(message, &absent, &missing))
        rc = err_set(err, ERR_INVALID,
                     "Failed to convert JSON into %s protobuf: Missing "
                     "required fields: %s",
                     what, buf_text(&missing));
    buf_release(&problem);
    buf_release(&missing);
    if (rc == 0)
        *out = message;
    return rc;
}

int codec_decode(const ProtobufCMessageDescriptor *type, const char *what,
                 enum media_type media, struct bytes in, struct arena *arena,
                 ProtobufCMessage **out, struct err *err)
{
    assert(media == MEDIA_JSON || media == MEDIA_PROTOBUF);
    return media == MEDIA_PROTOBUF
               ? decode_protobuf(type, what, in, arena, out, err)
               : decode_json(type, what, in, arena, out, err);
}

/* --- strictly --- */

static int strict_json(const ProtobufCMessageDescriptor *type, struct bytes in,
                       struct arena *arena, ProtobufCMessage **out,
                       struct buf *path, struct buf *problem)
{
    struct codec_absent absent = {.count = 0};
    int rc = codec_read_json(type, in, arena, out, &absent, problem, path);

    if (rc == 0 && codec_missing_required(*out, &absent, path)) {
        buf_add_text(problem, "missing");
        return -ERR_CONFLICT;
    }
    return rc;
}

static int strict_protobuf(const ProtobufCMessageDescriptor *type,
                           const char *what, struct bytes in,
                           struct arena *arena, ProtobufCMessage **out,
                           struct buf *path, struct buf *problem,
                           struct err *err)
{
    int rc = unpack(type, what, in, arena, out, err);

    return rc < 0 ? rc : codec_check_known(*out, path, problem);
}

int codec_decode_strictly(const ProtobufCMessageDescriptor *type,
                          const char *what, enum media_type media,
                          struct bytes in, struct arena *arena,
                          ProtobufCMessage **out, struct err *err)
{
    struct buf path = {0}, problem = {0};
    ProtobufCMessage *message = NULL;
    struct err failed = {0};
    int rc;

    assert(media == MEDIA_JSON || media == MEDIA_PROTOBUF);
    rc = media == MEDIA_JSON
             ? strict_json(type, in, arena, &message, &path, &problem)
             : strict_protobuf(type, what, in, arena, &message, &path, &problem,
                               &failed);
    if (failed.code != ERR_NONE && err != NULL) {
        *err = failed;
    } else if (rc == -ERR_INVALID) {
        (void)err_set(err, ERR_INVALID, "Failed to parse body into JSON: %s",
                      buf_text(&problem));
    } else if (rc < 0) {
        rc = err_set(err, ERR_INVALID, "%s%s%s", buf_text(&path),
                     path.size > 0 ? ": " : "", buf_text(&problem));
        err_field(err, "%s", buf_text(&path));
    } else {
        *out = message;
    }
    buf_release(&path);
    buf_release(&problem);
    return rc;
}

static void encode_protobuf(const ProtobufCMessage *message, struct buf *out)
{
    size_t size = protobuf_c_message_get_packed_size(message);

    buf_reserve(out, size + 1);
    out->size += protobuf_c_message_pack(message, out->data + out->size);
    out->data[out->size] = 0;
}

void codec_encode(const ProtobufCMessage *message, enum media_type media,
                  struct buf *out)
{
    assert(media == MEDIA_JSON || media == MEDIA_PROTOBUF);
    if (media == MEDIA_PROTOBUF)
        encode_protobuf(message, out);
    else
        codec_write_json(message, 0, out);
}

void codec_encode_pretty(const ProtobufCMessage *message, struct buf *out)
{
    codec_write_json(message, 2, out);
}
