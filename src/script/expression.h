/* The regular expressions of `like` and `unlike`: PCRE2, for the whole value.
 * They come from users and backtrack, so they are only ever matched in a child
 * (script/judge.h), and there with limits. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include <stdbool.h>

enum {
    EXPRESSION_MAX = 1024,          /* bytes */
    EXPRESSION_STEPS_MAX = 1000000, /* of one match: some milliseconds */
    EXPRESSION_HEAP_MAX = 1024      /* KiB */
};

struct expression;

/* ERR_INVALID says what is wrong, and where: "at 3: missing closing
 * parenthesis". */
int expression_new(const char *text, struct expression **out, struct err *err);
void expression_free(struct expression *expression); /* accepts NULL */
/* 1 or 0; ERR_LIMIT when it takes too long, ERR_INVALID for a value that is no
 * UTF-8. */
int expression_match(struct expression *expression, struct bytes value,
                     struct err *err);
/* Is it one at all? */
int expression_check(const char *text, struct err *err);
