/* JSON Schema (2020-12) of messages, written from their descriptors and from
 * the comments of our .proto files. It describes what is written and what a
 * strict reader (codec_decode_strictly) takes without any leniency: numbers as
 * numbers, lists as lists, bytes as base64, enums by name, nothing unknown. */
#pragma once
#include "wire/json.h"
#include <protobuf-c/protobuf-c.h>

/* A message of which only some fields are meant. */
struct schema_variant {
    const ProtobufCMessageDescriptor *message;
    const char *type;        /* the only value of its field `type`; NULL: any */
    const char *fields;      /* names, each followed by a space; NULL: all */
    const char *required;    /* the same; "" none */
    const char *description; /* NULL: none */
};
/* One schema object. */
void schema_write_variant(struct json_writer *w,
                          const struct schema_variant *variant);

/* "perigee.aurora.Job": {...} for each message and enum that the roots reach,
 * in the order in which they are met. What variants refer to. */
void schema_write_definitions(struct json_writer *w,
                              const ProtobufCMessageDescriptor *const *root,
                              uint32_t count);

/* What a comment says of "perigee.aurora.Call.KILL_JOB"; NULL: nothing. */
const char *schema_comment(const char *name);

struct schema_comment {
    const char *name, *text;
};
extern const struct schema_comment SCHEMA_COMMENTS[]; /* by name; generated */
extern const uint32_t SCHEMA_COMMENT_COUNT;
