/* JSON text into any message, by its descriptor, with Mesos' leniency and its
 * words (anchor 1.1): jansson reads the text, what follows gives it a shape. */
#include "wire/base64.h"
#include "wire/codec_internal.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JSON_NESTING_MAX = 100 }; /* Mesos' parser stops there, too */

struct reader {
    struct arena *arena;
    struct codec_absent *absent;
    struct buf *problem;
    struct buf *path; /* of what is being read; NULL: lenient, no path */
    uint32_t elements;
};

/* Strict readers know where they are. Whoever fails leaves the path as it is:
 * it names the place. */
static size_t enter(struct reader *r, const char *name)
{
    size_t before = r->path != NULL ? r->path->size : 0;

    if (r->path != NULL)
        buf_addf(r->path, before > 0 ? ".%s" : "%s", name);
    return before;
}

static size_t enter_element(struct reader *r, size_t index)
{
    size_t before = r->path != NULL ? r->path->size : 0;

    if (r->path != NULL)
        buf_addf(r->path, "[%zu]", index + 1);
    return before;
}

static void leave(struct reader *r, size_t before)
{
    if (r->path == NULL)
        return;
    r->path->size = before;
    if (r->path->text != NULL)
        r->path->text[before] = '\0';
}

/* --- text -------------------------------------------------------------------
 */

/* Brackets outside strings nested too deeply? jansson recurses. */
static bool too_deep(struct bytes in, size_t *at)
{
    int depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < in.size; i++) {
        uint8_t c = in.data[i];
        if (in_string) {
            if (c == '\\')
                i++;
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > JSON_NESTING_MAX) {
                *at = i;
                return true;
            }
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return false;
}

static int bad_text(struct reader *r, struct bytes in, size_t at)
{
    int line = 1;
    size_t shown = at < in.size ? in.size - at : 0;

    for (size_t i = 0; i < at && i < in.size; i++)
        line += in.data[i] == '\n';
    buf_addf(r->problem, "syntax error at line %d near: ", line);
    if (shown > 0)
        buf_add(r->problem, in.data + at, shown < 256 ? shown : 256);
    return -ERR_INVALID;
}

/* Where the token begins at which jansson stopped. */
static size_t failed_at(struct bytes in, const json_error_t *error)
{
    const char *near = strstr(error->text, " near '");
    size_t end = error->position < 0 ? 0 : (size_t)error->position;
    size_t size = 0;

    if (json_error_code(error) == json_error_premature_end_of_input)
        return in.size;
    if (near != NULL) {
        const char *last = strrchr(near, '\'');
        size = (size_t)(last - near) - strlen(" near '");
    }
    return size <= end ? end - size : 0;
}

/* Of two values under one name the last counts, as in Mesos; who reads strictly
 * refuses both. */
static json_t *load(struct bytes in, bool strict, json_error_t *error)
{
    const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL |
                         JSON_DISABLE_EOF_CHECK |
                         (strict ? JSON_REJECT_DUPLICATES : 0);
    const char *text = in.data != NULL ? (const char *)in.data : "";
    json_t *root = json_loadb(text, in.size, flags, error);

    /* Integers beyond 64 bits are numbers all the same. */
    if (root == NULL && json_error_code(error) == json_error_numeric_overflow)
        root =
            json_loadb(text, in.size, flags | JSON_DECODE_INT_AS_REAL, error);
    return root;
}

static int parse(struct reader *r, struct bytes in, json_t **out)
{
    json_error_t error;
    size_t at;

    if (too_deep(in, &at))
        return bad_text(r, in, at);
    json_t *root = load(in, r->path != NULL, &error);
    if (root == NULL && json_error_code(&error) == json_error_duplicate_key) {
        buf_addf(r->problem, "line %d: %s", error.line, error.text);
        return -ERR_CONFLICT;
    }
    if (root == NULL)
        return bad_text(r, in, failed_at(in, &error));
    at = (size_t)error.position;
    while (at < in.size && strchr(" \t\r\n", in.data[at]) != NULL &&
           in.data[at] != 0)
        at++;
    if (at < in.size) {
        buf_add_text(r->problem, "Parsed JSON included non-whitespace trailing "
                                 "characters: ");
        at = (size_t)error.position;
        buf_add(r->problem, in.data + at,
                in.size - at < 256 ? in.size - at : 256);
        json_decref(root);
        return -ERR_INVALID;
    }
    *out = root;
    return 0;
}

/* --- shape ------------------------------------------------------------------
 */

static int read_message(struct reader *r,
                        const ProtobufCMessageDescriptor *type, json_t *json,
                        int depth, ProtobufCMessage **out);

static int not_expecting(struct reader *r,
                         const ProtobufCFieldDescriptor *field, json_t *json)
{
    static const char *const kind[] = {
        [JSON_OBJECT] = "object", [JSON_ARRAY] = "array",
        [JSON_STRING] = "string", [JSON_INTEGER] = "number",
        [JSON_REAL] = "number",   [JSON_TRUE] = "boolean",
        [JSON_FALSE] = "boolean", [JSON_NULL] = "null",
    };

    buf_addf(r->problem, "Not expecting a JSON %s for field '%s'",
             kind[json_typeof(json)], field->name);
    return -ERR_CONFLICT;
}

/* The element was read; it was null or an unknown name and counts as unset. */
enum { READ_VALUE = 0, READ_UNSET = 1 };

static int64_t whole(const ProtobufCFieldDescriptor *field, double value)
{
    bool is_unsigned = field->type == PROTOBUF_C_TYPE_UINT64 ||
                       field->type == PROTOBUF_C_TYPE_FIXED64;

    if (isnan(value))
        return 0;
    if (is_unsigned && value >= 9223372036854775808.0)
        return (int64_t)(value >= 18446744073709551615.0 ? UINT64_MAX
                                                         : (uint64_t)value);
    if (value >= 9223372036854775807.0)
        return INT64_MAX;
    return value <= -9223372036854775808.0 ? INT64_MIN : (int64_t)value;
}

/* A number, or a string that holds one. */
static int read_number(struct reader *r, const ProtobufCFieldDescriptor *field,
                       json_t *json, double *real, int64_t *integer)
{
    if (json_is_integer(json)) {
        *integer = json_integer_value(json);
        *real = (double)*integer;
        return READ_VALUE;
    }
    if (json_is_real(json)) {
        *real = json_real_value(json);
        *integer = whole(field, *real);
        return READ_VALUE;
    }
    if (!json_is_string(json))
        return not_expecting(r, field, json);
    const char *text = json_string_value(json);
    char *end;
    *real = strtod(text, &end);
    if (end == text || *end != '\0') {
        buf_addf(r->problem,
                 "Failed to convert string '%s' of field '%s' into a number",
                 text, field->name);
        return -ERR_CONFLICT;
    }
    *integer = strtoll(text, &end, 10);
    if (*end != '\0') /* "1e3", "Infinity" */
        *integer = whole(field, *real);
    else if (text[0] != '-')
        *integer = (int64_t)strtoull(text, NULL, 10);
    return READ_VALUE;
}

/* Is the number one that the field can hold as it is written? */
static bool number_fits(const ProtobufCFieldDescriptor *field, json_t *json,
                        double real, int64_t integer)
{
    bool is_unsigned = field->type == PROTOBUF_C_TYPE_UINT32 ||
                       field->type == PROTOBUF_C_TYPE_FIXED32 ||
                       field->type == PROTOBUF_C_TYPE_UINT64 ||
                       field->type == PROTOBUF_C_TYPE_FIXED64;
    bool is_small = codec_element_size(field->type) == 4;

    if (field->type == PROTOBUF_C_TYPE_DOUBLE ||
        field->type == PROTOBUF_C_TYPE_FLOAT)
        return true;
    if (!json_is_integer(json) && real != trunc(real))
        return false;
    if (is_unsigned && real >= 9223372036854775808.0 && json_is_string(json)) {
        char exact[24]; /* a double cannot tell the largest from its next */
        snprintf(exact, sizeof exact, "%llu", (unsigned long long)integer);
        return !is_small && strcmp(exact, json_string_value(json)) == 0;
    }
    if (is_unsigned)
        return real >= 0 &&
               (is_small ? real <= UINT32_MAX : real < 18446744073709551616.0);
    if (is_small)
        return real >= INT32_MIN && real <= INT32_MAX;
    return json_is_integer(json) || (double)integer == real;
}

static int read_scalar(struct reader *r, const ProtobufCFieldDescriptor *field,
                       json_t *json, void *place)
{
    double real;
    int64_t integer;
    int rc = read_number(r, field, json, &real, &integer);

    if (rc != READ_VALUE)
        return rc;
    if (r->path != NULL && !number_fits(field, json, real, integer)) {
        buf_addf(r->problem, "%.15g: want a whole number in its range", real);
        return -ERR_CONFLICT;
    }
    if (field->type == PROTOBUF_C_TYPE_DOUBLE)
        *(double *)place = real;
    else if (field->type == PROTOBUF_C_TYPE_FLOAT)
        *(float *)place = (float)real;
    else if (codec_element_size(field->type) == 8)
        *(int64_t *)place = integer;
    else
        *(int32_t *)place = (int32_t)(uint32_t)integer;
    return READ_VALUE;
}

static int read_bool(struct reader *r, const ProtobufCFieldDescriptor *field,
                     json_t *json, protobuf_c_boolean *out)
{
    const char *text = json_string_value(json);

    if (json_is_boolean(json))
        *out = json_is_true(json);
    else if (text != NULL && strcmp(text, "true") == 0)
        *out = true;
    else if (text != NULL && strcmp(text, "false") == 0)
        *out = false;
    else
        return not_expecting(r, field, json);
    return READ_VALUE;
}

static int unknown_enum(struct reader *r, const ProtobufCFieldDescriptor *field,
                        const char *name)
{
    if (r->path == NULL)
        return READ_UNSET;
    buf_addf(r->problem, "'%.60s': ", name);
    codec_name_values(field->descriptor, name, r->problem);
    return -ERR_CONFLICT;
}

static int read_enum(struct reader *r, const ProtobufCFieldDescriptor *field,
                     json_t *json, int *out)
{
    if (!json_is_string(json))
        return not_expecting(r, field, json);
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value_by_name(field->descriptor,
                                                     json_string_value(json));
    if (value == NULL)
        return unknown_enum(r, field, json_string_value(json));
    *out = value->value;
    return READ_VALUE;
}

static void explain_base64(struct buf *problem, const char *text)
{
    size_t fine = strspn(text, BASE64_ALPHABET);
    if (text[fine] != '\0' && text[fine] != '=')
        buf_addf(problem, "Invalid character '%c'", text[fine]);
    else
        buf_addf(problem, "want groups of 4 characters, padded with '='");
}

static int read_bytes(struct reader *r, const ProtobufCFieldDescriptor *field,
                      json_t *json, ProtobufCBinaryData *out)
{
    struct bytes data;

    if (!json_is_string(json))
        return not_expecting(r, field, json);
    if (!base64_decode(
            bytes_of(json_string_value(json), json_string_length(json)),
            r->arena, &data)) {
        buf_addf(r->problem,
                 "Failed to base64 decode bytes field '%s': ", field->name);
        explain_base64(r->problem, json_string_value(json));
        return -ERR_CONFLICT;
    }
    *out = (ProtobufCBinaryData){data.size, (uint8_t *)data.data};
    return READ_VALUE;
}

/* One element of any type into its place. */
static int read_value(struct reader *r, const ProtobufCFieldDescriptor *field,
                      json_t *json, int depth, void *place)
{
    if (json_is_null(json))
        return READ_UNSET;
    if (++r->elements > CODEC_ELEMENTS_MAX) {
        buf_addf(r->problem, "more than %d elements", CODEC_ELEMENTS_MAX);
        return -ERR_CONFLICT;
    }
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        return read_bool(r, field, json, place);
    case PROTOBUF_C_TYPE_ENUM:
        return read_enum(r, field, json, place);
    case PROTOBUF_C_TYPE_STRING:
        if (!json_is_string(json))
            return not_expecting(r, field, json);
        if (r->path != NULL &&
            strlen(json_string_value(json)) != json_string_length(json)) {
            buf_add_text(r->problem, "a zero byte is not allowed");
            return -ERR_CONFLICT;
        }
        *(char **)place = arena_strndup(r->arena, json_string_value(json),
                                        json_string_length(json));
        return READ_VALUE;
    case PROTOBUF_C_TYPE_BYTES:
        return read_bytes(r, field, json, place);
    case PROTOBUF_C_TYPE_MESSAGE:
        if (!json_is_object(json))
            return not_expecting(r, field, json);
        return read_message(r, field->descriptor, json, depth + 1, place);
    default:
        return read_scalar(r, field, json, place);
    }
}

/* One entry of a map: {"key": value} as a message of key and value. */
static int read_entry(struct reader *r, const ProtobufCFieldDescriptor *field,
                      const char *key, json_t *value, int depth,
                      ProtobufCMessage **out)
{
    const ProtobufCMessageDescriptor *type = field->descriptor;
    ProtobufCMessage *entry = arena_alloc(r->arena, type->sizeof_message);

    protobuf_c_message_init(type, entry);
    *(char **)codec_place(entry, &type->fields[0]) =
        arena_strdup(r->arena, key);
    int rc = read_value(r, &type->fields[1], value, depth,
                        codec_place(entry, &type->fields[1]));
    if (rc == READ_VALUE && codec_element_size(type->fields[1].type) &&
        type->fields[1].type != PROTOBUF_C_TYPE_STRING &&
        type->fields[1].type != PROTOBUF_C_TYPE_MESSAGE)
        *(protobuf_c_boolean *)codec_quantifier(entry, &type->fields[1]) = true;
    *out = entry;
    return rc;
}

static int read_map(struct reader *r, ProtobufCMessage *message,
                    const ProtobufCFieldDescriptor *field, json_t *json,
                    int depth)
{
    size_t count = 0;
    ProtobufCMessage **list =
        arena_alloc(r->arena, sizeof *list * (json_object_size(json) + 1));
    const char *key;
    json_t *value;

    json_object_foreach(json, key, value)
    {
        int rc = read_entry(r, field, key, value, depth, &list[count]);
        if (rc < 0)
            return rc;
        count += rc == READ_VALUE;
    }
    *(ProtobufCMessage ***)codec_place(message, field) = list;
    *(size_t *)codec_quantifier(message, field) = count;
    return 0;
}

/* An array; anything else stands for an array of one. */
static int read_repeated(struct reader *r, ProtobufCMessage *message,
                         const ProtobufCFieldDescriptor *field, json_t *json,
                         int depth)
{
    if (codec_is_map(field) && json_is_object(json))
        return read_map(r, message, field, json, depth);

    bool is_array = json_is_array(json);
    size_t size = is_array ? json_array_size(json) : 1, count = 0;
    size_t step = codec_element_size(field->type);
    char *list = arena_zalloc(r->arena, step * (size + 1));

    for (size_t i = 0; i < size; i++) {
        size_t before = enter_element(r, i);
        int rc = read_value(r, field, is_array ? json_array_get(json, i) : json,
                            depth, list + count * step);
        if (rc < 0)
            return rc;
        leave(r, before);
        count += rc == READ_VALUE;
    }
    *(char **)codec_place(message, field) = list;
    *(size_t *)codec_quantifier(message, field) = count;
    return 0;
}

static int read_field(struct reader *r, ProtobufCMessage *message,
                      const ProtobufCFieldDescriptor *field, json_t *json,
                      int depth)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return json_is_null(json)
                   ? 0
                   : read_repeated(r, message, field, json, depth);
    int rc = read_value(r, field, json, depth, codec_place(message, field));
    if (rc != READ_VALUE)
        return rc < 0 ? rc : 0;
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        *(uint32_t *)codec_quantifier(message, field) = field->id;
    else if (field->label == PROTOBUF_C_LABEL_OPTIONAL &&
             field->type != PROTOBUF_C_TYPE_STRING &&
             field->type != PROTOBUF_C_TYPE_MESSAGE)
        *(protobuf_c_boolean *)codec_quantifier(message, field) = true;
    return 0;
}

static bool was_given(const ProtobufCFieldDescriptor *field, json_t *value)
{
    if (value == NULL || json_is_null(value))
        return false;
    return field->type != PROTOBUF_C_TYPE_ENUM || !json_is_string(value) ||
           protobuf_c_enum_descriptor_get_value_by_name(
               field->descriptor, json_string_value(value)) != NULL;
}

/* A required number cannot show in the struct that it was not given. */
static void note_absent(struct reader *r, const ProtobufCMessage *message,
                        json_t *json)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    struct codec_absent *absent = r->absent;

    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        if (field->label != PROTOBUF_C_LABEL_REQUIRED ||
            field->type == PROTOBUF_C_TYPE_STRING ||
            field->type == PROTOBUF_C_TYPE_MESSAGE ||
            was_given(field, json_object_get(json, field->name)) ||
            absent->count == CODEC_ABSENT_MAX)
            continue;
        absent->item[absent->count].message = message;
        absent->item[absent->count++].field = field;
    }
}

static int unknown_field(struct reader *r,
                         const ProtobufCMessageDescriptor *type,
                         const char *name)
{
    if (r->path == NULL)
        return 0;
    buf_addf(r->problem, "no such field");
    codec_name_nearest(type, name, r->problem);
    return -ERR_CONFLICT;
}

static int read_message(struct reader *r,
                        const ProtobufCMessageDescriptor *type, json_t *json,
                        int depth, ProtobufCMessage **out)
{
    const char *name;
    json_t *value;
    int rc;

    if (depth > CODEC_DEPTH_MAX) {
        buf_addf(r->problem, "messages nested more than %d deep",
                 CODEC_DEPTH_MAX);
        return -ERR_CONFLICT;
    }
    ProtobufCMessage *message = arena_alloc(r->arena, type->sizeof_message);
    protobuf_c_message_init(type, message);
    json_object_foreach(json, name, value)
    {
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field_by_name(type, name);
        size_t before = enter(r, name);
        if (field != NULL)
            rc = read_field(r, message, field, value, depth);
        else
            rc = unknown_field(r, type, name);
        if (rc < 0)
            return rc;
        leave(r, before);
    }
    note_absent(r, message, json);
    *out = message;
    return READ_VALUE;
}

int codec_read_json(const ProtobufCMessageDescriptor *type, struct bytes in,
                    struct arena *arena, ProtobufCMessage **out,
                    struct codec_absent *absent, struct buf *problem,
                    struct buf *path)
{
    struct reader r = {
        .arena = arena, .absent = absent, .problem = problem, .path = path};
    json_t *root = NULL;
    int rc = parse(&r, in, &root);

    if (rc != 0)
        return rc;
    if (!json_is_object(root)) {
        buf_add_text(problem, "Expecting a JSON object");
        rc = -ERR_CONFLICT;
    } else {
        rc = read_message(&r, type, root, 0, out);
    }
    json_decref(root);
    return rc;
}
