/* Bytes in three forms: a view that owns nothing, a growing buffer, and an
 * immutable shared blob. Text from outside is `struct bytes` until checked. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A view. Owns nothing; valid as long as what it points into. */
struct bytes {
    const uint8_t *data;
    size_t size;
};

struct bytes bytes_of(const void *data, size_t size);
struct bytes bytes_of_text(const char *text); /* without the NUL */
bool bytes_equal(struct bytes a, struct bytes b);
/* As memcmp; of two that begin alike the shorter one comes first. */
int bytes_compare(struct bytes a, struct bytes b);
bool bytes_equal_text(struct bytes a, const char *text);
bool bytes_starts_with(struct bytes whole, const char *prefix);

/* A growing buffer, always NUL-terminated behind `size`, so that `text` is a C
 * string when no NUL was put in. Zero-initialised is a valid empty buffer. */
struct buf {
    union {
        char *text;
        uint8_t *data; /* owned; NULL while empty */
    };
    size_t size;
    size_t capacity;
};

void buf_init(struct buf *buf);
void buf_release(struct buf *buf);
void buf_clear(struct buf *buf); /* empties, keeps the memory */
void buf_reserve(struct buf *buf, size_t more);
void buf_add(struct buf *buf, const void *data, size_t size);
void buf_add_bytes(struct buf *buf, struct bytes bytes);
void buf_add_text(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char c);
void buf_addf(struct buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buf_addfv(struct buf *buf, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
/* Remove `size` bytes from the front. */
void buf_drop(struct buf *buf, size_t size);
struct bytes buf_bytes(const struct buf *buf);
/* The text, never NULL ("" while empty). */
const char *buf_text(const struct buf *buf);
/* Give the memory away as a malloc'ed string and become empty. */
char *buf_take(struct buf *buf);

/* Immutable shared bytes, for a body that a core hands on unread. */
struct blob {
    uint32_t refs;
    uint32_t size;
    uint8_t data[];
};

struct blob *blob_new(struct bytes bytes);        /* one reference */
struct blob *blob_ref(struct blob *blob);         /* accepts NULL */
void blob_unref(struct blob *blob);               /* accepts NULL */
struct bytes blob_bytes(const struct blob *blob); /* NULL is empty */
