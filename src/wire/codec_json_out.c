/* Any message as JSON, streamed over its descriptor. Fields come in the order
 * of declaration, as Mesos prints them. */
#include "wire/base64.h"
#include "wire/codec_internal.h"
#include "wire/json.h"

#include <string.h>

enum { FIELDS_MAX = 128 };

static void write_message(struct json_writer *w,
                          const ProtobufCMessage *message);

/* protoc-c sorts descriptors by number; the members of the struct are in the
 * order of declaration. Nearly sorted already, so insertion is cheap. */
static unsigned in_order(const ProtobufCMessageDescriptor *type,
                         const ProtobufCFieldDescriptor *order[FIELDS_MAX])
{
    unsigned count = type->n_fields < FIELDS_MAX ? type->n_fields : FIELDS_MAX;

    for (unsigned i = 0; i < count; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        unsigned at = i;
        while (at > 0 && order[at - 1]->offset > field->offset) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = field;
    }
    return count;
}

static const char *enum_name(const ProtobufCFieldDescriptor *field, int number)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(field->descriptor, number);

    return value != NULL ? value->name : NULL;
}

static void write_bytes(struct json_writer *w, const ProtobufCBinaryData *data)
{
    struct buf text = {0};

    base64_encode((struct bytes){data->data, data->len}, &text);
    json_text_n(w, buf_bytes(&text));
    buf_release(&text);
}

static void write_value(struct json_writer *w,
                        const ProtobufCFieldDescriptor *field,
                        const void *place)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        json_int(w, *(const int32_t *)place);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        json_uint(w, *(const uint32_t *)place);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        json_int(w, *(const int64_t *)place);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        json_uint(w, *(const uint64_t *)place);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        json_double(w, (double)*(const float *)place);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        json_double(w, *(const double *)place);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        json_bool(w, *(const protobuf_c_boolean *)place);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        json_text(w, enum_name(field, *(const int *)place));
        break;
    case PROTOBUF_C_TYPE_STRING:
        json_text(w, *(const char *const *)place);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        write_bytes(w, place);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        write_message(w, *(const ProtobufCMessage *const *)place);
        break;
    }
}

static void write_map(struct json_writer *w, ProtobufCMessage *const *entry,
                      size_t count)
{
    json_begin_object(w);
    for (size_t i = 0; i < count; i++) {
        const ProtobufCFieldDescriptor *field = entry[i]->descriptor->fields;
        const char *key = *(const char *const *)codec_place(entry[i], field);
        json_key(w, key != NULL ? key : "");
        if (codec_is_set(entry[i], &field[1]))
            write_value(w, &field[1], codec_place(entry[i], &field[1]));
        else
            json_nothing(w);
    }
    json_end_object(w);
}

static void write_repeated(struct json_writer *w,
                           const ProtobufCMessage *message,
                           const ProtobufCFieldDescriptor *field)
{
    size_t count = *(const size_t *)codec_quantifier(message, field);
    const char *list = *(const char *const *)codec_place(message, field);
    size_t step = codec_element_size(field->type);

    if (count == 0)
        return;
    json_key(w, field->name);
    if (codec_is_map(field)) {
        write_map(w, (ProtobufCMessage *const *)(const void *)list, count);
        return;
    }
    json_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        const void *place = list + i * step;
        if (field->type != PROTOBUF_C_TYPE_ENUM ||
            enum_name(field, *(const int *)place) != NULL)
            write_value(w, field, place);
    }
    json_end_array(w);
}

static void write_default(struct json_writer *w,
                          const ProtobufCFieldDescriptor *field)
{
    if (field->default_value == NULL ||
        field->flags & PROTOBUF_C_FIELD_FLAG_DEPRECATED)
        return;
    json_key(w, field->name);
    if (field->type == PROTOBUF_C_TYPE_STRING)
        json_text(w, field->default_value);
    else
        write_value(w, field, field->default_value);
}

static void write_field(struct json_writer *w, const ProtobufCMessage *message,
                        const ProtobufCFieldDescriptor *field)
{
    const void *place = codec_place(message, field);

    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        write_repeated(w, message, field);
        return;
    }
    if (!codec_is_set(message, field)) {
        write_default(w, field);
        return;
    }
    if (field->type == PROTOBUF_C_TYPE_ENUM &&
        enum_name(field, *(const int *)place) == NULL)
        return;
    json_key(w, field->name);
    write_value(w, field, place);
}

static void write_message(struct json_writer *w,
                          const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *order[FIELDS_MAX];
    unsigned count = in_order(message->descriptor, order);

    json_begin_object(w);
    for (unsigned i = 0; i < count; i++)
        write_field(w, message, order[i]);
    json_end_object(w);
}

void codec_write_json(const ProtobufCMessage *message, int indent,
                      struct buf *out)
{
    struct json_writer w;

    json_init(&w, out, indent);
    write_message(&w, message);
}
