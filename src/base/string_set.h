/* A sorted set of distinct strings; zero-initialised is empty. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct string_set {
    uint32_t count;
    char **item; /* owned, ascending by bytes */
};

void string_set_release(struct string_set *set); /* leaves it empty */
bool string_set_has(const struct string_set *set, const char *text);
bool string_set_equal(const struct string_set *a, const struct string_set *b);
bool string_set_contain(const struct string_set *whole,
                        const struct string_set *part);
/* Copies what is missing; `more` may be in any order and repeat itself. */
void string_set_add_all(struct string_set *to, const struct string_set *more);
void string_set_subtract_all(struct string_set *from,
                             const struct string_set *less);
