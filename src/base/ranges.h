/* Sorted, disjoint, coalesced intervals of unsigned integers: the ports of an
 * agent. Two intervals fit inline, so the usual case allocates nothing. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

enum { RANGES_INLINE = 2, RANGES_MAX = 16384 };

struct range {
    uint64_t first, last; /* inclusive, first <= last */
};

struct ranges {
    uint32_t count, capacity; /* capacity 0: the intervals are inline */
    union {
        struct range inlined[RANGES_INLINE];
        struct range *heap; /* owned */
    };
};

void ranges_release(struct ranges *ranges);
void ranges_copy(struct ranges *to, const struct ranges *from); /* to: unset */
const struct range *ranges_items(const struct ranges *ranges);
bool ranges_equal(const struct ranges *a, const struct ranges *b);
bool ranges_contain(const struct ranges *whole, const struct ranges *part);
void ranges_add(struct ranges *to, struct range range);
void ranges_add_all(struct ranges *to, const struct ranges *more);
void ranges_subtract(struct ranges *from, struct range range);
void ranges_subtract_all(struct ranges *from, const struct ranges *less);
/* How many integers are inside. */
uint64_t ranges_size(const struct ranges *ranges);
/* Take the lowest n integers out of `from` into `out` (unset); false, and no
 * change, when there are fewer. */
bool ranges_take(struct ranges *from, uint64_t n, struct ranges *out);
/* "[31000-31999, 32500-32500]", as Mesos prints ports. */
void ranges_print(const struct ranges *ranges, struct buf *out);
/* The text form: "[31000-32000,5-9]", spaces anywhere between numbers; what
 * overlaps or touches is merged. "[]" is empty. `out` is unset before. */
int ranges_parse(const char *text, struct ranges *out, struct err *err);
/* Every invariant above; asserts. */
void ranges_check(const struct ranges *ranges);
