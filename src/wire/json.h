/* A streaming JSON writer: appends compact UTF-8 to a buffer, never builds a
 * tree. Quotes, backslashes and control characters are escaped, what is not
 * UTF-8 becomes \ufffd. Commas and nesting are its business; misuse (a value
 * without a key in an object, unbalanced ends) is asserted. Reading is
 * jansson's business (wire/codec.c). */
#pragma once
#include "base/bytes.h"
#include <stdbool.h>
#include <stdint.h>

enum { JSON_DEPTH_MAX = 64 };

struct json_writer {
    struct buf *out; /* borrowed */
    int indent;      /* spaces per level; 0 is compact */
    int depth;
    uint8_t state[JSON_DEPTH_MAX];
};

void json_init(struct json_writer *w, struct buf *out, int indent);
void json_begin_object(struct json_writer *w);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w);
void json_end_array(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);
/* (jansson owns the names json_string and json_null.) */
void json_text(struct json_writer *w, const char *value); /* NULL: null */
void json_text_n(struct json_writer *w, struct bytes value);
void json_int(struct json_writer *w, int64_t value);
void json_uint(struct json_writer *w, uint64_t value);
/* A scalar of thousandths with a fraction always shown: 4.0, 0.1 (Mesos). */
void json_milli(struct json_writer *w, int64_t milli);
void json_double(struct json_writer *w, double value);
void json_bool(struct json_writer *w, bool value);
void json_nothing(struct json_writer *w);                /* null */
void json_raw(struct json_writer *w, struct bytes json); /* well-formed */
/* key and value in one call */
void json_put_string(struct json_writer *w, const char *key, const char *value);
void json_put_int(struct json_writer *w, const char *key, int64_t value);
void json_put_milli(struct json_writer *w, const char *key, int64_t milli);
void json_put_bool(struct json_writer *w, const char *key, bool value);
