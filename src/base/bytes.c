#include "base/bytes.h"
#include "base/alloc.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_MIN = 64 };

struct bytes bytes_of(const void *data, size_t size)
{
    return (struct bytes){data, size};
}

struct bytes bytes_of_text(const char *text)
{
    return bytes_of(text, strlen(text));
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size &&
           (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

int bytes_compare(struct bytes a, struct bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size > 0 ? memcmp(a.data, b.data, size) : 0;

    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

bool bytes_equal_text(struct bytes a, const char *text)
{
    return bytes_equal(a, bytes_of_text(text));
}

bool bytes_starts_with(struct bytes whole, const char *prefix)
{
    size_t size = strlen(prefix);

    return whole.size >= size &&
           (size == 0 || memcmp(whole.data, prefix, size) == 0);
}

void buf_init(struct buf *buf)
{
    *buf = (struct buf){0};
}

void buf_release(struct buf *buf)
{
    free(buf->data);
    buf_init(buf);
}

void buf_clear(struct buf *buf)
{
    buf->size = 0;
    if (buf->data)
        buf->text[0] = '\0';
}

void buf_reserve(struct buf *buf, size_t more)
{
    if (more > SIZE_MAX / 4 || buf->size > SIZE_MAX / 4)
        abort();                        /* the sums below would wrap */
    size_t need = buf->size + more + 1; /* the NUL */
    if (need <= buf->capacity)
        return;
    size_t capacity = buf->capacity ? buf->capacity * 2 : BUF_MIN;
    if (capacity < need)
        capacity = need;
    buf->data = xrealloc(buf->data, capacity);
    buf->capacity = capacity;
    buf->text[buf->size] = '\0';
}

void buf_add(struct buf *buf, const void *data, size_t size)
{
    buf_reserve(buf, size);
    if (size)
        memcpy(buf->data + buf->size, data, size);
    buf->size += size;
    buf->text[buf->size] = '\0';
}

void buf_add_bytes(struct buf *buf, struct bytes bytes)
{
    buf_add(buf, bytes.data, bytes.size);
}

void buf_add_text(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_add_char(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void buf_addfv(struct buf *buf, const char *format, va_list args)
{
    va_list again;

    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    assert(length >= 0);
    buf_reserve(buf, (size_t)length);
    (void)vsnprintf(buf->text + buf->size, (size_t)length + 1, format, again);
    va_end(again);
    buf->size += (size_t)length;
}

void buf_addf(struct buf *buf, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    buf_addfv(buf, format, args);
    va_end(args);
}

void buf_drop(struct buf *buf, size_t size)
{
    assert(size <= buf->size);
    if (size == 0)
        return;
    memmove(buf->data, buf->data + size, buf->size - size);
    buf->size -= size;
    buf->text[buf->size] = '\0';
}

struct bytes buf_bytes(const struct buf *buf)
{
    return bytes_of(buf->data, buf->size);
}

const char *buf_text(const struct buf *buf)
{
    return buf->data ? buf->text : "";
}

char *buf_take(struct buf *buf)
{
    char *text = buf->data ? buf->text : xstrdup("");

    buf_init(buf);
    return text;
}

struct blob *blob_new(struct bytes bytes)
{
    assert(bytes.size <= UINT32_MAX);
    struct blob *blob = xmalloc(sizeof *blob + bytes.size);

    blob->refs = 1;
    blob->size = (uint32_t)bytes.size;
    if (bytes.size)
        memcpy(blob->data, bytes.data, bytes.size);
    return blob;
}

struct blob *blob_ref(struct blob *blob)
{
    if (blob) {
        assert(blob->refs > 0 && blob->refs < UINT32_MAX);
        blob->refs++;
    }
    return blob;
}

void blob_unref(struct blob *blob)
{
    if (!blob)
        return;
    assert(blob->refs > 0);
    if (--blob->refs == 0)
        free(blob);
}

struct bytes blob_bytes(const struct blob *blob)
{
    return blob ? bytes_of(blob->data, blob->size) : bytes_of(NULL, 0);
}
