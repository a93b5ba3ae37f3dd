/* Looking at any message through its descriptor: what is set, what is missing,
 * what this schema does not know. */
#include "wire/codec_internal.h"

#include <stdio.h>
#include <string.h>

bool codec_is_set(const ProtobufCMessage *message,
                  const ProtobufCFieldDescriptor *field)
{
    const void *place = codec_place(message, field);
    const void *quantifier = codec_quantifier(message, field);

    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF &&
        *(const uint32_t *)quantifier != field->id)
        return false;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return *(ProtobufCMessage *const *)place != NULL;
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        const char *text = *(const char *const *)place;
        return text != NULL && (field->label == PROTOBUF_C_LABEL_REQUIRED
                                    ? true
                                    : text != field->default_value);
    }
    if (field->label == PROTOBUF_C_LABEL_OPTIONAL &&
        !(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
        return *(const protobuf_c_boolean *)quantifier;
    return true;
}

size_t codec_element_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return 4;
    }
}

bool codec_is_map(const ProtobufCFieldDescriptor *field)
{
    if (field->label != PROTOBUF_C_LABEL_REPEATED ||
        field->type != PROTOBUF_C_TYPE_MESSAGE)
        return false;
    const ProtobufCMessageDescriptor *entry = field->descriptor;
    size_t size = strlen(entry->short_name);
    return entry->n_fields == 2 && size > 5 &&
           strcmp(entry->short_name + size - 5, "Entry") == 0 &&
           entry->fields[0].id == 1 && entry->fields[1].id == 2 &&
           strcmp(entry->fields[0].name, "key") == 0 &&
           strcmp(entry->fields[1].name, "value") == 0;
}

/* Go over the messages inside a message, telling where each one is. */
typedef void visit_message(void *context, ProtobufCMessage *message,
                           const ProtobufCFieldDescriptor *field, size_t index);

static void each_message(const ProtobufCMessage *message,
                         const ProtobufCFieldDescriptor *field,
                         visit_message *visit, void *context)
{
    if (field->type != PROTOBUF_C_TYPE_MESSAGE)
        return;
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        if (codec_is_set(message, field))
            visit(context, *(ProtobufCMessage **)codec_place(message, field),
                  field, 0);
        return;
    }
    size_t count = *(size_t *)codec_quantifier(message, field);
    ProtobufCMessage **list =
        *(ProtobufCMessage ***)codec_place(message, field);
    for (size_t i = 0; i < count; i++)
        visit(context, list[i], field, i);
}

/* --- missing required fields ------------------------------------------------
 */

struct missing {
    const struct codec_absent *absent;
    struct buf *found;
    uint32_t count;
    char path[512]; /* of the message being looked at, with a dot behind */
};

static void look_for_missing(struct missing *m,
                             const ProtobufCMessage *message);

static void visit_missing(void *context, ProtobufCMessage *message,
                          const ProtobufCFieldDescriptor *field, size_t index)
{
    struct missing *m = context;
    size_t before = strlen(m->path), room = sizeof m->path - before;

    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        snprintf(m->path + before, room, "%s[%zu].", field->name, index);
    else
        snprintf(m->path + before, room, "%s.", field->name);
    look_for_missing(m, message);
    m->path[before] = '\0';
}

static bool is_missing(const struct missing *m, const ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *field)
{
    if (field->label != PROTOBUF_C_LABEL_REQUIRED)
        return false;
    if (!codec_is_set(message, field))
        return true;
    for (uint32_t i = 0; i < m->absent->count; i++)
        if (m->absent->item[i].message == message &&
            m->absent->item[i].field == field)
            return true;
    return false;
}

/* A message's own fields come before those of the messages in it. */
static void look_for_missing(struct missing *m, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;

    for (unsigned i = 0; i < type->n_fields; i++)
        if (m->count < CODEC_ABSENT_MAX &&
            is_missing(m, message, &type->fields[i]))
            buf_addf(m->found, "%s%s%s", m->count++ ? ", " : "", m->path,
                     type->fields[i].name);
    for (unsigned i = 0; i < type->n_fields; i++)
        each_message(message, &type->fields[i], visit_missing, m);
}

bool codec_missing_required(const ProtobufCMessage *message,
                            const struct codec_absent *absent,
                            struct buf *paths)
{
    struct missing m = {.absent = absent, .found = paths, .path = ""};

    look_for_missing(&m, message);
    return m.count > 0;
}

/* --- unknown enum numbers ---------------------------------------------------
 */

static void visit_enums(void *context, ProtobufCMessage *message,
                        const ProtobufCFieldDescriptor *field, size_t index)
{
    (void)context;
    (void)field;
    (void)index;
    codec_drop_unknown_enums(message);
}

static void drop_enum(ProtobufCMessage *message,
                      const ProtobufCFieldDescriptor *field)
{
    int *value = codec_place(message, field);

    if (!codec_is_set(message, field) ||
        protobuf_c_enum_descriptor_get_value(field->descriptor, *value) != NULL)
        return;
    *(protobuf_c_boolean *)codec_quantifier(message, field) = false;
    *value =
        field->default_value != NULL ? *(const int *)field->default_value : 0;
}

void codec_drop_unknown_enums(ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;

    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        if (field->type == PROTOBUF_C_TYPE_ENUM &&
            field->label == PROTOBUF_C_LABEL_OPTIONAL &&
            !(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
            drop_enum(message, field);
        each_message(message, field, visit_enums, NULL);
    }
}
