#include "base/attributes.h"
#include "base/alloc.h"
#include "base/text.h"
#include "base/vec.h"
#include <stdlib.h>
#include <string.h>

enum { QUOTE_MAX = 120, PARSE_MAX = 1 << 20 };

static void attribute_release(struct attribute *one)
{
    free(one->name);
    free(one->text);
    ranges_release(&one->ranges);
}

void attributes_release(struct attributes *a)
{
    for (uint32_t i = 0; i < a->count; i++)
        attribute_release(&a->item[i]);
    vec_free(a);
}

void attributes_copy(struct attributes *to, const struct attributes *from)
{
    *to = (struct attributes){0};
    for (uint32_t i = 0; i < from->count; i++) {
        const struct attribute *one = &from->item[i];
        struct attribute *copy = vec_add(to);
        *copy = *one;
        copy->name = xstrdup(one->name);
        copy->text = xstrdup(one->text);
        ranges_copy(&copy->ranges, &one->ranges);
    }
}

/* A view of the text without white space at its ends. */
static struct bytes trimmed(const char *text, size_t size)
{
    static const char space[] = " \t\r";

    while (size > 0 && strchr(space, *text)) {
        text++;
        size--;
    }
    while (size > 0 && strchr(space, text[size - 1]))
        size--;
    return bytes_of(text, size);
}

static void add(struct attributes *a, struct bytes name, struct bytes value)
{
    struct attribute one = {
        .name = xstrndup((const char *)name.data, name.size),
        .text = xstrndup((const char *)value.data, value.size),
    };

    if (ranges_parse(one.text, &one.ranges, NULL) == 0)
        one.type = ATTRIBUTE_RANGES;
    else if (one.text[0] != '-' && text_milli(one.text, &one.milli, NULL) == 0)
        one.type = ATTRIBUTE_SCALAR;
    *vec_add(a) = one;
}

void attributes_add_text(struct attributes *a, const char *name,
                         const char *text)
{
    add(a, bytes_of_text(name), bytes_of_text(text));
}

/* One "name:value" of `size` bytes. */
static int part_add(struct attributes *a, const char *part, size_t size,
                    struct err *err)
{
    int shown = (int)(size < QUOTE_MAX ? size : QUOTE_MAX);
    const char *colon = memchr(part, ':', size);
    size_t head = colon ? (size_t)(colon - part) : size;
    struct bytes name = trimmed(part, head), value = {0};

    if (colon)
        value = trimmed(colon + 1, size - head - 1);
    if (name.size == 0 || value.size == 0)
        return err_set(err, ERR_INVALID,
                       "Invalid attribute key:value pair '%.*s'", shown, part);
    if (value.data[0] == '{')
        return err_set(err, ERR_INVALID,
                       "Bad type for attribute '%.*s': want a number, [ranges] "
                       "or text, not a set",
                       shown, part);
    add(a, name, value);
    if (value.data[0] == '[' && a->item[a->count - 1].type != ATTRIBUTE_RANGES)
        return err_set(err, ERR_INVALID,
                       "Bad ranges for attribute '%.*s': want [1-5,8-8]", shown,
                       part);
    return 0;
}

int attributes_parse(const char *text, struct attributes *out, struct err *err)
{
    struct attributes parsed = {0};
    int rc = 0;

    if (strnlen(text, PARSE_MAX) == PARSE_MAX)
        return err_set(err, ERR_LIMIT, "attributes: want at most %d bytes",
                       PARSE_MAX - 1);
    while (*text && rc == 0) {
        size_t size = strcspn(text, ";\n");
        if (trimmed(text, size).size > 0)
            rc = part_add(&parsed, text, size, err);
        if (rc == 0 && parsed.count > ATTRIBUTES_MAX)
            rc = err_set(err, ERR_LIMIT, "attributes: want at most %d",
                         ATTRIBUTES_MAX);
        text += size + (text[size] != '\0');
    }
    if (rc < 0)
        attributes_release(&parsed);
    else
        *out = parsed;
    return rc;
}

const char *attributes_value(const struct attributes *a, const char *name)
{
    for (uint32_t i = 0; i < a->count; i++)
        if (strcmp(a->item[i].name, name) == 0)
            return a->item[i].text;
    return NULL;
}

static bool attribute_equal(const struct attribute *a,
                            const struct attribute *b)
{
    if (a->type != b->type || strcmp(a->name, b->name) != 0)
        return false;
    if (a->type == ATTRIBUTE_SCALAR)
        return a->milli == b->milli;
    if (a->type == ATTRIBUTE_RANGES)
        return ranges_equal(&a->ranges, &b->ranges);
    return strcmp(a->text, b->text) == 0;
}

static uint32_t times_in(const struct attributes *a,
                         const struct attribute *wanted)
{
    uint32_t times = 0;

    for (uint32_t i = 0; i < a->count; i++)
        times += attribute_equal(&a->item[i], wanted);
    return times;
}

bool attributes_equal(const struct attributes *a, const struct attributes *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (times_in(a, &a->item[i]) != times_in(b, &a->item[i]))
            return false;
    return true;
}
