/* What a strict reader refuses, and how it says so. */
#include "base/text.h"
#include "wire/codec_internal.h"

#include <string.h>

enum { NAMES_MAX = 128 };

void codec_name_nearest(const ProtobufCMessageDescriptor *type,
                        const char *name, struct buf *out)
{
    const char *known[NAMES_MAX + 1];
    unsigned count = type->n_fields < NAMES_MAX ? type->n_fields : NAMES_MAX;

    for (unsigned i = 0; i < count; i++)
        known[i] = type->fields[i].name;
    known[count] = NULL;
    const char *nearest = text_nearest(name, known);
    if (nearest != NULL)
        buf_addf(out, "; nearest known name: '%s'", nearest);
}

/* The nearest name first: the list may be longer than a message. */
void codec_name_values(const ProtobufCEnumDescriptor *type, const char *name,
                       struct buf *out)
{
    const char *known[NAMES_MAX + 1];
    unsigned count = 0;

    for (unsigned i = 0; i < type->n_values && count < NAMES_MAX; i++)
        if (type->values[i].value != 0) /* 0: nothing was said */
            known[count++] = type->values[i].name;
    known[count] = NULL;
    const char *nearest = text_nearest(name, known);
    if (nearest != NULL)
        buf_addf(out, "nearest known name: '%s'; ", nearest);
    buf_add_text(out, "want one of ");
    for (unsigned i = 0; i < count; i++)
        buf_addf(out, i > 0 ? ", %s" : "%s", known[i]);
}

static int check_enum(const ProtobufCFieldDescriptor *field, int number,
                      struct buf *problem)
{
    if (protobuf_c_enum_descriptor_get_value(field->descriptor, number) != NULL)
        return 0;
    buf_addf(problem, "%d: ", number);
    codec_name_values(field->descriptor, "", problem);
    return -ERR_CONFLICT;
}

static int check_value(const ProtobufCFieldDescriptor *field, const void *place,
                       struct buf *path, struct buf *problem)
{
    if (field->type == PROTOBUF_C_TYPE_ENUM)
        return check_enum(field, *(const int *)place, problem);
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return codec_check_known(*(const ProtobufCMessage *const *)place, path,
                                 problem);
    return 0;
}

static void cut(struct buf *path, size_t size)
{
    path->size = size;
    if (path->text != NULL)
        path->text[size] = '\0';
}

static int check_field(const ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *field, struct buf *path,
                       struct buf *problem)
{
    bool is_list = field->label == PROTOBUF_C_LABEL_REPEATED;
    const char *place = codec_place(message, field);
    size_t count = 1, before = path->size;

    if (field->type != PROTOBUF_C_TYPE_ENUM &&
        field->type != PROTOBUF_C_TYPE_MESSAGE)
        return 0;
    if (is_list) {
        count = *(const size_t *)codec_quantifier(message, field);
        place = *(const char *const *)codec_place(message, field);
    } else if (!codec_is_set(message, field)) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        buf_addf(path, before > 0 ? ".%s" : "%s", field->name);
        if (is_list)
            buf_addf(path, "[%zu]", i + 1);
        int rc = check_value(field, place + i * codec_element_size(field->type),
                             path, problem);
        if (rc < 0)
            return rc;
        cut(path, before);
    }
    return 0;
}

/* Messages are nested at most CODEC_DEPTH_MAX deep: codec_check_bytes. */
int codec_check_known(const ProtobufCMessage *message, struct buf *path,
                      struct buf *problem)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;

    if (message->n_unknown_fields > 0) {
        buf_addf(problem, "no such field: number %u",
                 message->unknown_fields[0].tag);
        return -ERR_CONFLICT;
    }
    for (unsigned i = 0; i < type->n_fields; i++) {
        int rc = check_field(message, &type->fields[i], path, problem);
        if (rc < 0)
            return rc;
    }
    return 0;
}
