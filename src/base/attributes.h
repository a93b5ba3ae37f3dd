/* What an operator says about a machine: "rack:r1;zone:a;gen:7;slots:[1-4]".
 * A name may have several values. Mesos' typing: a value that is a number is a
 * scalar, [..] ranges, everything else text. */
#pragma once
#include "base/err.h"
#include "base/ranges.h"
#include <stdbool.h>
#include <stdint.h>

enum { ATTRIBUTES_MAX = 256 };
enum attribute_type { ATTRIBUTE_TEXT, ATTRIBUTE_SCALAR, ATTRIBUTE_RANGES };

struct attribute {
    char *name; /* owned */
    enum attribute_type type;
    char *text;           /* owned; as written, for every type */
    int64_t milli;        /* ATTRIBUTE_SCALAR */
    struct ranges ranges; /* ATTRIBUTE_RANGES */
};

struct attributes { /* zero-initialised is empty */
    uint32_t count, capacity;
    struct attribute *item; /* owned, in the order given */
};

void attributes_release(struct attributes *a);
void attributes_copy(struct attributes *to, const struct attributes *from);
void attributes_add_text(struct attributes *a, const char *name,
                         const char *text); /* types the text */
int attributes_parse(const char *text, struct attributes *out, struct err *err);
/* First value of a name, NULL when it has none. */
const char *attributes_value(const struct attributes *a, const char *name);
/* The same values, in whatever order. */
bool attributes_equal(const struct attributes *a, const struct attributes *b);
