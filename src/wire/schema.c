#include "wire/schema.h"
#include "wire/codec_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { DEFINITIONS_MAX = 512 }; /* messages that one API has */

static int compare(const void *name, const void *comment)
{
    return strcmp(name, ((const struct schema_comment *)comment)->name);
}

const char *schema_comment(const char *name)
{
    const struct schema_comment *found =
        bsearch(name, SCHEMA_COMMENTS, SCHEMA_COMMENT_COUNT,
                sizeof *SCHEMA_COMMENTS, compare);

    return found != NULL ? found->text : NULL;
}

static void put_comment(struct json_writer *w, const char *owner,
                        const char *name)
{
    struct buf whole = {0};

    buf_addf(&whole, "%s.%s", owner, name);
    const char *text = schema_comment(buf_text(&whole));
    if (text != NULL)
        json_put_string(w, "description", text);
    buf_release(&whole);
}

static void put_reference(struct json_writer *w, const char *name)
{
    struct buf whole = {0};

    buf_addf(&whole, "#/$defs/%s", name);
    json_put_string(w, "$ref", buf_text(&whole));
    buf_release(&whole);
}

static void put_range(struct json_writer *w, int64_t least, uint64_t most)
{
    json_put_string(w, "type", "integer");
    json_put_int(w, "minimum", least);
    json_key(w, "maximum");
    json_uint(w, most);
}

/* The keywords for one value, inside an object that is open. */
static void put_type(struct json_writer *w,
                     const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        put_range(w, INT32_MIN, INT32_MAX);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        put_range(w, 0, UINT32_MAX);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        put_range(w, INT64_MIN, INT64_MAX);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        put_range(w, 0, UINT64_MAX);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        json_put_string(w, "type", "number");
        break;
    case PROTOBUF_C_TYPE_BOOL:
        json_put_string(w, "type", "boolean");
        break;
    case PROTOBUF_C_TYPE_STRING:
        json_put_string(w, "type", "string");
        break;
    case PROTOBUF_C_TYPE_BYTES:
        json_put_string(w, "type", "string");
        json_put_string(w, "contentEncoding", "base64");
        break;
    case PROTOBUF_C_TYPE_ENUM:
        put_reference(
            w, ((const ProtobufCEnumDescriptor *)field->descriptor)->name);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        put_reference(
            w, ((const ProtobufCMessageDescriptor *)field->descriptor)->name);
        break;
    }
}

static void put_map(struct json_writer *w,
                    const ProtobufCFieldDescriptor *field)
{
    const ProtobufCMessageDescriptor *entry = field->descriptor;

    json_put_string(w, "type", "object");
    json_key(w, "additionalProperties");
    json_begin_object(w);
    put_type(w, &entry->fields[1]);
    json_end_object(w);
}

static void put_field(struct json_writer *w,
                      const ProtobufCMessageDescriptor *message,
                      const ProtobufCFieldDescriptor *field, const char *type)
{
    json_key(w, field->name);
    json_begin_object(w);
    put_comment(w, message->name, field->name);
    if (type != NULL && strcmp(field->name, "type") == 0) {
        json_put_string(w, "const", type);
    } else if (codec_is_map(field)) {
        put_map(w, field);
    } else if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        json_put_string(w, "type", "array");
        json_key(w, "items");
        json_begin_object(w);
        put_type(w, field);
        json_end_object(w);
    } else {
        put_type(w, field);
    }
    json_end_object(w);
}

/* Is the name in a list of names that are each followed by a space? */
static bool is_listed(const char *list, const char *name)
{
    size_t size = strlen(name);

    if (list == NULL)
        return true;
    for (const char *at = list; *at != '\0';) {
        size_t length = strcspn(at, " ");
        if (length == size && strncmp(at, name, size) == 0)
            return true;
        at += length + strspn(at + length, " ");
    }
    return false;
}

static void put_required(struct json_writer *w,
                         const struct schema_variant *variant)
{
    const ProtobufCMessageDescriptor *message = variant->message;

    json_key(w, "required");
    json_begin_array(w);
    for (unsigned i = 0; i < message->n_fields; i++) {
        const char *name = message->fields[i].name;
        if (message->fields[i].label == PROTOBUF_C_LABEL_REQUIRED ||
            is_listed(variant->required, name) ||
            (variant->type != NULL && strcmp(name, "type") == 0))
            json_text(w, name);
    }
    json_end_array(w);
}

void schema_write_variant(struct json_writer *w,
                          const struct schema_variant *variant)
{
    const ProtobufCMessageDescriptor *message = variant->message;

    json_begin_object(w);
    if (variant->description != NULL)
        json_put_string(w, "description", variant->description);
    json_put_string(w, "type", "object");
    json_key(w, "properties");
    json_begin_object(w);
    for (unsigned i = 0; i < message->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->fields[i];
        if (is_listed(variant->fields, field->name) ||
            (variant->type != NULL && strcmp(field->name, "type") == 0))
            put_field(w, message, field, variant->type);
    }
    json_end_object(w);
    put_required(w, variant);
    json_put_bool(w, "additionalProperties", false);
    json_end_object(w);
}

/* --- definitions --- */

/* Messages and enums met so far; those before `done` are written. */
struct walk {
    const ProtobufCMessageDescriptor *message[DEFINITIONS_MAX];
    const ProtobufCEnumDescriptor *enumeration[DEFINITIONS_MAX];
    uint32_t messages, enumerations;
};

static void meet_message(struct walk *walk,
                         const ProtobufCMessageDescriptor *message)
{
    for (uint32_t i = 0; i < walk->messages; i++)
        if (walk->message[i] == message)
            return;
    assert(walk->messages < DEFINITIONS_MAX);
    walk->message[walk->messages++] = message;
}

static void meet_enum(struct walk *walk,
                      const ProtobufCEnumDescriptor *enumeration)
{
    for (uint32_t i = 0; i < walk->enumerations; i++)
        if (walk->enumeration[i] == enumeration)
            return;
    assert(walk->enumerations < DEFINITIONS_MAX);
    walk->enumeration[walk->enumerations++] = enumeration;
}

static void meet_fields(struct walk *walk,
                        const ProtobufCMessageDescriptor *message)
{
    for (unsigned i = 0; i < message->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->fields[i];
        if (field->type == PROTOBUF_C_TYPE_MESSAGE)
            meet_message(walk, field->descriptor);
        else if (field->type == PROTOBUF_C_TYPE_ENUM)
            meet_enum(walk, field->descriptor);
    }
}

static void put_enum(struct json_writer *w,
                     const ProtobufCEnumDescriptor *enumeration)
{
    const char *comment = schema_comment(enumeration->name);

    json_key(w, enumeration->name);
    json_begin_object(w);
    if (comment != NULL)
        json_put_string(w, "description", comment);
    json_key(w, "enum");
    json_begin_array(w);
    for (unsigned i = 0; i < enumeration->n_values; i++)
        json_text(w, enumeration->values[i].name);
    json_end_array(w);
    json_end_object(w);
}

void schema_write_definitions(struct json_writer *w,
                              const ProtobufCMessageDescriptor *const *root,
                              uint32_t count)
{
    struct walk walk = {.messages = 0};

    for (uint32_t i = 0; i < count; i++)
        meet_message(&walk, root[i]);
    for (uint32_t i = 0; i < walk.messages; i++) {
        const ProtobufCMessageDescriptor *message = walk.message[i];
        meet_fields(&walk, message);
        json_key(w, message->name);
        schema_write_variant(w,
                             &(struct schema_variant){
                                 .message = message,
                                 .required = "",
                                 .description = schema_comment(message->name)});
    }
    for (uint32_t i = 0; i < walk.enumerations; i++)
        put_enum(w, walk.enumeration[i]);
}
