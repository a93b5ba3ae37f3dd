/* The job language's objects: one table (lua/stdlib/schema, flattened into C by
 * lua/embed.lua) from which come the constructors, their checks and messages,
 * the conversion to perigee.Job, and the checks of jobs that come as JSON. */
#pragma once
#include "base/bytes.h"
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_type {
    FIELD_STRING,
    FIELD_TEMPLATE, /* text with {{...}}, or raw text */
    FIELD_BOOLEAN,
    FIELD_INTEGER,
    FIELD_MILLI,     /* a number; thousandths on the wire */
    FIELD_MEBIBYTES, /* bytes, rounded down to whole MiB */
    FIELD_OBJECT,    /* of the object `of` */
    FIELD_LIST,      /* of `of`, or of strings when it is NULL */
    FIELD_MAP,       /* name to `of`, which has a `key` */
    FIELD_REFUSED    /* understood, but this cluster cannot do it */
};

/* What a text must look like. */
enum field_rule {
    RULE_NONE,
    RULE_ATTRIBUTE,
    RULE_ENVIRONMENT,
    RULE_FILE_NAME,
    RULE_IDENTIFIER,
    RULE_LITERAL, /* no {{...}}: it would not be substituted */
    RULE_SHA256,
    RULE_URI,
    RULE_VARIABLE
};

enum default_kind { DEFAULT_NONE, DEFAULT_TEXT, DEFAULT_NUMBER };

struct schema_object;
struct schema_field {
    const char *name, *alias; /* alias: a second name, or NULL */
    const char *wire;         /* in the message; "*": fields of the object
                                 are fields of the enclosing message */
    const char *help;
    enum field_type type;
    enum field_rule rule;
    const struct schema_object *of;
    const char *const *choices; /* NULL-terminated, or NULL */
    int64_t min, max;           /* of a number; of a text's or list's size */
    enum default_kind initial;
    const char *initial_text;
    int64_t initial_number; /* booleans too */
    bool is_required;
    bool is_single; /* LIST: one element may stand for a list */
    bool is_always; /* OBJECT: unset means one of defaults */
};

enum { SCHEMA_FIELDS_MAX = 64, SCHEMA_OBJECTS_MAX = 32 };

/* What is checked when all fields are in. */
enum schema_check { CHECK_NONE, CHECK_FETCH, CHECK_TASK, CHECK_JOB };

struct schema_object {
    const char *name, *help;
    const ProtobufCMessageDescriptor *message;
    const struct schema_field *field;
    size_t field_count;
    size_t stored_count; /* the fields behind are refused, and never held */
    enum schema_check check;
    const char *key, *value; /* wire names, when it is the element of a map;
                                value: the map's values are plain texts */
    const char *shorthand;   /* a text alone stands for this field */
};

enum constructor_flags { CONSTRUCT_SEQUENTIAL = 1, CONSTRUCT_SERVICE = 2 };

struct schema_constructor {
    const char *name; /* NULL ends the table */
    const struct schema_object *object;
    unsigned flags;
};

struct schema_refused {
    const char *within; /* NULL, or the name it is a field of */
    const char *name;   /* NULL ends the table */
};

extern const struct schema_object SCHEMA[]; /* a NULL name ends it */
extern const struct schema_constructor SCHEMA_CONSTRUCTORS[];
extern const struct schema_refused SCHEMA_REFUSED[]; /* sorted by within */

/* NULL when there is none. */
const struct schema_object *schema_object(const char *name);
const struct schema_field *schema_field(const struct schema_object *object,
                                        const char *name);
/* The field of the message that a schema field is kept in; NULL for "*" and
 * for what is refused. */
const ProtobufCFieldDescriptor *schema_wire(const struct schema_object *object,
                                            const struct schema_field *field);

/* Does the value obey the field? On false, `expected` (replaced) says what is
 * wanted. `size` of a text; numbers as on the wire. */
bool schema_check_text(const struct schema_field *field, const char *text,
                       size_t size, struct buf *expected);
bool schema_check_number(const struct schema_field *field, int64_t number,
                         struct buf *expected);
bool schema_check_count(const struct schema_field *field, size_t count,
                        struct buf *expected);
/* The key of a map under the field's rule. */
bool schema_check_key(const struct schema_field *field, const char *text,
                      size_t size, struct buf *expected);
/* "want a number >= 0.001": what the field takes at all. */
void schema_describe(const struct schema_field *field, struct buf *out);
/* The nearest field name (refused ones too), or NULL. */
const char *schema_nearest(const struct schema_object *object,
                           const char *name);
