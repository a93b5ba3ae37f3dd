/* One schema, two encodings. Everything here is driven by the descriptors that
 * protoc-c generates, so a message type costs no code of its own.
 *
 * Reading never trusts: protobuf bytes are walked before protobuf-c may recurse
 * over them (depth, lengths, counts), JSON goes through jansson with the same
 * limits. Results live in an arena. Mesos' rules of JSON (anchor 1.1): names
 * are the proto names, unknown names are ignored, null is unset, enums are
 * names, bytes are base64, 64-bit integers are numbers (numeric strings are
 * read too), one object stands for a repeated field of one. */
#pragma once
#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "wire/http.h"
#include <protobuf-c/protobuf-c.h>

enum {
    CODEC_DEPTH_MAX = 32,        /* nested messages */
    CODEC_ELEMENTS_MAX = 1 << 20 /* fields and repeated elements, in all */
};

/* Decode into the arena. `media` is MEDIA_JSON or MEDIA_PROTOBUF. Errors are
 * ERR_INVALID with a field path, or ERR_LIMIT. Texts, as Mesos has them:
 *   "Failed to parse body into JSON: ..."            (not JSON)
 *   "Failed to convert JSON into Call protobuf: ..." (JSON, wrong shape; `what`
 *                                                     stands for "Call")
 *   "Failed to parse body into Call protobuf"        (bad protobuf)
 *   "Missing required fields: executor_id, update.status.state"  goes inside
 * the second form, with the paths of all fields that are missing. */
int codec_decode(const ProtobufCMessageDescriptor *type, const char *what,
                 enum media_type media, struct bytes in, struct arena *arena,
                 ProtobufCMessage **out, struct err *err);

/* The same for an API of our own, which must not guess: fields, enum values and
 * numbers that the schema has no place for are ERR_INVALID, with the path as
 * the error's field ("target.instances[2].first"). */
int codec_decode_strictly(const ProtobufCMessageDescriptor *type,
                          const char *what, enum media_type media,
                          struct bytes in, struct arena *arena,
                          ProtobufCMessage **out, struct err *err);

/* Append the encoding of `message`. JSON is compact ASCII, fields in the order
 * of declaration; set fields only, plus unset optional fields with an explicit
 * default. */
void codec_encode(const ProtobufCMessage *message, enum media_type media,
                  struct buf *out);
/* Indented JSON for people and files. */
void codec_encode_pretty(const ProtobufCMessage *message, struct buf *out);

/* Allocator that protobuf-c can use over an arena (free does nothing). */
ProtobufCAllocator codec_arena_allocator(struct arena *arena);
