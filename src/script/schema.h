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
    FIELD_OBJECT,    /* of the object `of`, or one of `variants` */
    FIELD_LIST,      /* of what `element` says */
    FIELD_MAP,       /* name to `of`, which has a `key` */
    FIELD_FUNCTION,  /* of Lua; perigee.Function on the wire */
    FIELD_TAG,       /* never written: says on the wire which object it is */
    FIELD_INTO,      /* sets a field of the object in another field */
    FIELD_REFUSED    /* understood, but never done here: help says why */
};

/* What a text must look like; in words in lua/stdlib/schema/rules.lua. */
enum field_rule {
    RULE_NONE,
    RULE_ABSOLUTE, /* a path that begins with '/' */
    RULE_ACTION,   /* of a permission: base/permission.h */
    RULE_ATTRIBUTE,
    RULE_CRON,
    RULE_EMAIL,
    RULE_ENDPOINT, /* of an address: '/' and what may follow in a request */
    RULE_ENVIRONMENT,
    RULE_FILE_NAME,
    RULE_IDENTIFIER,
    RULE_JOB_KEY,
    RULE_LABEL,
    RULE_LITERAL, /* no {{...}}: it would not be substituted */
    RULE_OS_USER,
    RULE_PATTERN, /* of a part of a key: base/permission.h */
    RULE_PORT,    /* the name of one */
    RULE_SHA256,
    RULE_SIZE, /* INTEGER: bytes, or "4MB" */
    RULE_TIMEZONE,
    RULE_URI,
    RULE_URL,
    RULE_USER, /* the name of one who signs in */
    RULE_VARIABLE,
    RULE_WORD /* without spaces */
};

enum default_kind { DEFAULT_NONE, DEFAULT_TEXT, DEFAULT_NUMBER };

enum field_flag {
    IS_REQUIRED = 1,
    IS_ONE = 2,     /* LIST: one element may stand for a list */
    IS_ALWAYS = 4,  /* OBJECT: unset means one of defaults */
    IS_ALONE = 8,   /* its value alone may stand for the whole object */
    IS_PLAIN = 16,  /* OBJECT, LIST: plain tables are taken for objects */
    IS_QUIET = 32,  /* Job: another value restarts nothing */
    IS_MOVES = 64,  /* Job: it moves instances from hosts that do not suit */
    IS_LISTS = 128, /* MAP: of lists of `of`, or of one alone */
    IS_SECRET = 256 /* its value stands in no message */
};

struct schema_object;
struct schema_field {
    const char *name;
    const char *const *aliases; /* further names, NULL-terminated, or NULL */
    const char *wire;           /* in the message; "*": fields of the object
                                   are fields of the enclosing message;
                                   "-": nowhere */
    const char *help;
    enum field_type type;
    enum field_rule rule;
    const struct schema_object *of;
    const struct schema_object *const *variants; /* NULL-terminated, `of` is the
                                                    first; or NULL: just `of` */
    enum field_type element;    /* LIST: STRING, INTEGER or OBJECT */
    const char *const *choices; /* NULL-terminated, or NULL */
    int64_t min, max;           /* of a number; of a text's or list's size */
    int64_t each_min, each_max; /* LIST: of its integers, of its texts' size */
    enum default_kind initial;
    const char *initial_text;
    int64_t initial_number;             /* booleans too */
    const char *into_field, *into_name; /* INTO: cron, schedule */
    unsigned flags;
};

enum { SCHEMA_FIELDS_MAX = 64, SCHEMA_OBJECTS_MAX = 64 };

/* What is checked when all fields are in. */
enum schema_check {
    CHECK_NONE,
    CHECK_CONTAINER,
    CHECK_CRON,
    CHECK_FETCH,
    CHECK_HEALTH_CHECK,
    CHECK_JOB,
    CHECK_NOTIFY,
    CHECK_SLA,
    CHECK_TASK,
    CHECK_UPDATE,
    CHECK_VOLUME
};

struct schema_object {
    const char *name, *help;
    const ProtobufCMessageDescriptor *message; /* NULL: of an operator's file */
    const struct schema_field *field;
    size_t field_count;
    size_t stored_count; /* the fields behind are never held: INTO, REFUSED */
    enum schema_check check;
    const char *key, *value; /* wire names, when it is the element of a map;
                                value: the map's values are plain texts */
};

enum constructor_flags { CONSTRUCT_SEQUENTIAL = 1, CONSTRUCT_SERVICE = 2 };

struct schema_constructor {
    const char *name; /* NULL ends the table */
    const struct schema_object *object;
    unsigned flags;
};

/* A function of the language that is written in Lua. */
struct schema_library {
    const char *within; /* NULL, or the table it is in: Tasks */
    const char *name;   /* NULL ends the table */
    const char *module, *function;
};

extern const struct schema_object SCHEMA[]; /* a NULL name ends it */
extern const struct schema_constructor SCHEMA_CONSTRUCTORS[];
/* "a path that begins with '/'": what is wanted, by rule. */
extern const char *const SCHEMA_RULE_TEXT[];
extern const struct schema_library SCHEMA_LIBRARY[]; /* by within, NULL first */

/* NULL when there is none. */
const struct schema_object *schema_object(const char *name);
const struct schema_field *schema_field(const struct schema_object *object,
                                        const char *name);
/* Does the field hold such objects? */
bool schema_takes(const struct schema_field *field,
                  const struct schema_object *object);
/* Are the object's fields fields of the enclosing message? */
bool schema_is_flat(const struct schema_field *field);
/* What the elements of a list or map are, as a field of their own. */
struct schema_field schema_element(const struct schema_field *list);
/* What says on the wire that a message is of this object, or NULL. */
const struct schema_field *schema_tag(const struct schema_object *object);
/* Which object of the field's a message on the wire is. */
const struct schema_object *schema_variant(const struct schema_field *field,
                                           const ProtobufCMessage *message);
/* The field of the message that a schema field is kept in; NULL for "*", "-"
 * and for what is not stored. */
const ProtobufCFieldDescriptor *schema_wire(const struct schema_object *object,
                                            const struct schema_field *field);

/* Does the value obey the field? On false, `expected` (replaced) says what is
 * wanted. `size` of a text; numbers as on the wire. */
bool schema_check_text(const struct schema_field *field, const char *text,
                       size_t size, struct buf *expected);
/* What was meant instead of a text that is wrong, or NULL. */
const char *schema_nearest_text(const struct schema_field *field,
                                const char *text);
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
