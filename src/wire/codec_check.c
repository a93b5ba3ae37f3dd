/* A look at protobuf bytes before protobuf-c recurses over them. It believes
 * every length and depth (a 34 KB body of nested ids overflows its stack), so
 * here they are checked against the descriptor first. */
#include "wire/codec_internal.h"

enum wire_kind { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct walk {
    uint32_t elements; /* fields seen in all */
    struct err *err;
};

/* One varint from the front; false when it does not end. */
static bool take_varint(struct bytes *in, uint64_t *out)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < 10 && i < in->size; i++) {
        value |= (uint64_t)(in->data[i] & 0x7f) << (7 * i);
        if (in->data[i] < 0x80) {
            in->data += i + 1;
            in->size -= i + 1;
            *out = value;
            return true;
        }
    }
    return false;
}

static bool take(struct bytes *in, uint64_t size, struct bytes *out)
{
    if (size > in->size)
        return false;
    *out = (struct bytes){in->data, (size_t)size};
    in->data += size;
    in->size -= (size_t)size;
    return true;
}

static enum wire_kind kind_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return WIRE_32;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return WIRE_64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_BYTES;
    default:
        return WIRE_VARINT;
    }
}

/* Numbers may come packed into one run of bytes. */
static bool fits(const ProtobufCFieldDescriptor *field, enum wire_kind kind)
{
    enum wire_kind own = kind_of(field->type);

    return kind == own || (field->label == PROTOBUF_C_LABEL_REPEATED &&
                           own != WIRE_BYTES && kind == WIRE_BYTES);
}

static int bad(struct walk *walk, const char *why)
{
    return err_set(walk->err, ERR_INVALID, "%s", why);
}

static int check(struct walk *walk, const ProtobufCMessageDescriptor *type,
                 struct bytes in, int depth);

/* The value behind one key. */
static int check_value(struct walk *walk, const ProtobufCFieldDescriptor *field,
                       enum wire_kind kind, struct bytes *in, int depth)
{
    struct bytes value;
    uint64_t number;

    switch (kind) {
    case WIRE_VARINT:
        return take_varint(in, &number) ? 0
                                        : bad(walk, "a number is cut short");
    case WIRE_64:
        return take(in, 8, &value) ? 0 : bad(walk, "a number is cut short");
    case WIRE_32:
        return take(in, 4, &value) ? 0 : bad(walk, "a number is cut short");
    case WIRE_BYTES:
        if (!take_varint(in, &number) || !take(in, number, &value))
            return bad(walk, "a length is longer than what follows");
        if (field != NULL && field->type != PROTOBUF_C_TYPE_MESSAGE &&
            field->label == PROTOBUF_C_LABEL_REPEATED &&
            (walk->elements += (uint32_t)value.size) > CODEC_ELEMENTS_MAX)
            return err_set(walk->err, ERR_LIMIT, "more than %d elements",
                           CODEC_ELEMENTS_MAX);
        return field != NULL && field->type == PROTOBUF_C_TYPE_MESSAGE
                   ? check(walk, field->descriptor, value, depth + 1)
                   : 0;
    }
    return bad(walk, "an unknown wire type");
}

static int check(struct walk *walk, const ProtobufCMessageDescriptor *type,
                 struct bytes in, int depth)
{
    if (depth > CODEC_DEPTH_MAX)
        return err_set(walk->err, ERR_LIMIT,
                       "messages nested more than %d deep", CODEC_DEPTH_MAX);
    while (in.size > 0) {
        uint64_t key;
        if (!take_varint(&in, &key) || key >> 3 == 0 || key >> 32 != 0)
            return bad(walk, "a malformed field key");
        if (++walk->elements > CODEC_ELEMENTS_MAX)
            return err_set(walk->err, ERR_LIMIT, "more than %d elements",
                           CODEC_ELEMENTS_MAX);
        enum wire_kind kind = (enum wire_kind)(key & 7);
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(type, (unsigned)(key >> 3));
        if (field != NULL && !fits(field, kind))
            return bad(walk, "a field has the wrong wire type");
        int rc = check_value(walk, field, kind, &in, depth);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int codec_check_bytes(const ProtobufCMessageDescriptor *type, struct bytes in,
                      struct err *err)
{
    struct walk walk = {.err = err};

    return check(&walk, type, in, 0);
}
