#include "base/ranges.h"
#include "base/alloc.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct range *items(struct ranges *r)
{
    return r->capacity ? r->heap : r->inlined;
}

const struct range *ranges_items(const struct ranges *r)
{
    return r->capacity ? r->heap : r->inlined;
}

void ranges_release(struct ranges *r)
{
    if (r->capacity)
        free(r->heap);
    *r = (struct ranges){0};
}

void ranges_copy(struct ranges *to, const struct ranges *from)
{
    *to = (struct ranges){.count = from->count};
    if (from->count > RANGES_INLINE) {
        to->capacity = from->count;
        to->heap = xreallocarray(NULL, to->capacity, sizeof *to->heap);
    }
    memcpy(items(to), ranges_items(from), from->count * sizeof(struct range));
}

bool ranges_equal(const struct ranges *a, const struct ranges *b)
{
    return a->count == b->count && memcmp(ranges_items(a), ranges_items(b),
                                          a->count * sizeof(struct range)) == 0;
}

/* Is there at least one integer between the two, so that they cannot merge? */
static bool has_gap(uint64_t last, uint64_t next_first)
{
    return last < next_first && next_first - last > 1;
}

/* The first interval that ends at or behind `value`; count when none does. */
static uint32_t find(const struct ranges *r, uint64_t value)
{
    const struct range *item = ranges_items(r);
    uint32_t low = 0, high = r->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (item[middle].last < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void reserve(struct ranges *r, uint32_t count)
{
    uint32_t capacity = r->capacity ? r->capacity : RANGES_INLINE;

    if (count <= capacity)
        return;
    assert(count < UINT32_MAX / 2);
    while (capacity < count)
        capacity *= 2;
    struct range *grown = xreallocarray(NULL, capacity, sizeof *grown);
    memcpy(grown, ranges_items(r), r->count * sizeof *grown);
    if (r->capacity)
        free(r->heap);
    r->heap = grown;
    r->capacity = capacity;
}

/* Put `count` intervals in the place of those in [from, to). */
static void splice(struct ranges *r, uint32_t from, uint32_t to,
                   const struct range *put, uint32_t count)
{
    assert(from <= to && to <= r->count);
    reserve(r, r->count - (to - from) + count);
    struct range *item = items(r);
    memmove(item + from + count, item + to, (r->count - to) * sizeof *item);
    memcpy(item + from, put, count * sizeof *item);
    r->count = r->count - (to - from) + count;
}

bool ranges_contain(const struct ranges *whole, const struct ranges *part)
{
    const struct range *in = ranges_items(whole), *p = ranges_items(part);
    uint32_t at = 0;

    for (uint32_t i = 0; i < part->count; i++) {
        while (at < whole->count && in[at].last < p[i].first)
            at++;
        if (at == whole->count || in[at].first > p[i].first ||
            in[at].last < p[i].last)
            return false;
    }
    return true;
}

void ranges_add(struct ranges *to, struct range range)
{
    const struct range *item = ranges_items(to);

    assert(range.first <= range.last);
    /* From the first that overlaps or touches, also from the left ... */
    uint32_t from = find(to, range.first ? range.first - 1 : 0), end = from;
    /* ... to the last. */
    for (; end < to->count && !has_gap(range.last, item[end].first); end++) {
        if (item[end].first < range.first)
            range.first = item[end].first;
        if (item[end].last > range.last)
            range.last = item[end].last;
    }
    splice(to, from, end, &range, 1);
}

/* Append in ascending order of `first`, merging with the last interval. */
static void append(struct ranges *to, struct range range)
{
    struct range *last = to->count ? &items(to)[to->count - 1] : NULL;

    assert(!last || last->first <= range.first);
    if (!last || has_gap(last->last, range.first))
        splice(to, to->count, to->count, &range, 1);
    else if (range.last > last->last)
        last->last = range.last;
}

void ranges_add_all(struct ranges *to, const struct ranges *more)
{
    const struct range *a = ranges_items(to), *b = ranges_items(more);
    struct ranges merged = {0};
    uint32_t i = 0, j = 0;

    assert(to != more);
    if (more->count <= RANGES_INLINE) {
        for (; j < more->count; j++)
            ranges_add(to, b[j]);
        return;
    }
    reserve(&merged, to->count + more->count);
    while (i < to->count || j < more->count) {
        bool is_from_a =
            j == more->count || (i < to->count && a[i].first <= b[j].first);
        append(&merged, is_from_a ? a[i++] : b[j++]);
    }
    ranges_release(to);
    *to = merged;
}

void ranges_subtract(struct ranges *from, struct range range)
{
    const struct range *item = ranges_items(from);
    struct range rest[2];
    uint32_t begin = find(from, range.first), end = begin, count = 0;

    assert(range.first <= range.last);
    while (end < from->count && item[end].first <= range.last)
        end++;
    if (begin == end)
        return;
    if (item[begin].first < range.first)
        rest[count++] = (struct range){item[begin].first, range.first - 1};
    if (item[end - 1].last > range.last)
        rest[count++] = (struct range){range.last + 1, item[end - 1].last};
    splice(from, begin, end, rest, count);
}

void ranges_subtract_all(struct ranges *from, const struct ranges *less)
{
    const struct range *a = ranges_items(from), *b = ranges_items(less);
    struct ranges rest = {0};
    uint32_t j = 0;

    assert(from != less);
    if (less->count <= RANGES_INLINE) {
        for (; j < less->count; j++)
            ranges_subtract(from, b[j]);
        return;
    }
    for (uint32_t i = 0; i < from->count; i++) {
        struct range left = a[i];
        bool is_used_up = false;
        while (j < less->count && b[j].last < left.first)
            j++;
        /* j stays at the last one seen: it may reach into the next item. */
        for (uint32_t k = j; k < less->count && b[k].first <= left.last; k++) {
            j = k;
            if (b[k].first > left.first)
                append(&rest, (struct range){left.first, b[k].first - 1});
            is_used_up = b[k].last >= left.last;
            if (is_used_up)
                break;
            left.first = b[k].last + 1;
        }
        if (!is_used_up)
            append(&rest, left);
    }
    ranges_release(from);
    *from = rest;
}

uint64_t ranges_size(const struct ranges *r)
{
    const struct range *item = ranges_items(r);
    uint64_t size = 0;

    for (uint32_t i = 0; i < r->count; i++) {
        uint64_t one = item[i].last - item[i].first;
        /* Only all of 0 to UINT64_MAX does not fit, by one. */
        size = one == UINT64_MAX ? UINT64_MAX : size + one + 1;
    }
    return size;
}

bool ranges_take(struct ranges *from, uint64_t n, struct ranges *out)
{
    struct ranges taken = {0};
    const struct range *item = ranges_items(from);

    if (ranges_size(from) < n)
        return false;
    for (uint32_t i = 0; n > 0; i++) {
        struct range range = item[i];
        if (range.last - range.first >= n)
            range.last = range.first + n - 1;
        n -= range.last - range.first + 1;
        append(&taken, range);
    }
    ranges_subtract_all(from, &taken);
    *out = taken;
    return true;
}

/* One number at *at, and go behind it. */
static bool number_read(const char **at, uint64_t *out)
{
    uint64_t value = 0;

    *at += strspn(*at, " ");
    if (**at < '0' || **at > '9')
        return false;
    for (; **at >= '0' && **at <= '9'; (*at)++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(**at - '0'), &value))
            return false;
    *at += strspn(*at, " ");
    *out = value;
    return true;
}

int ranges_parse(const char *text, struct ranges *out, struct err *err)
{
    struct ranges parsed = {0};
    const char *at = text + strspn(text, " ");
    struct range range;

    if (*at++ != '[')
        goto fail;
    at += strspn(at, " ");
    while (*at != ']') {
        if (!number_read(&at, &range.first) || *at++ != '-' ||
            !number_read(&at, &range.last) || (*at != ',' && *at != ']'))
            goto fail;
        at += *at == ',';
        if (range.first > range.last) {
            ranges_release(&parsed);
            return err_set(err, ERR_INVALID,
                           "Invalid ranges resource: begin > end");
        }
        ranges_add(&parsed, range);
        if (parsed.count > RANGES_MAX) {
            ranges_release(&parsed);
            return err_set(err, ERR_LIMIT, "Expecting at most %d \"ranges\"",
                           RANGES_MAX);
        }
    }
    if (at[1 + strspn(at + 1, " ")] != '\0')
        goto fail;
    *out = parsed;
    return 0;
fail:
    ranges_release(&parsed);
    return err_set(err, ERR_INVALID,
                   "Expecting one or more \"ranges\" of non-negative "
                   "integers, as in [1-5,8-8]");
}

void ranges_print(const struct ranges *r, struct buf *out)
{
    const struct range *item = ranges_items(r);

    buf_add_char(out, '[');
    for (uint32_t i = 0; i < r->count; i++)
        buf_addf(out, "%s%llu-%llu", i ? ", " : "",
                 (unsigned long long)item[i].first,
                 (unsigned long long)item[i].last);
    buf_add_char(out, ']');
}

void ranges_check(const struct ranges *r)
{
    const struct range *item = ranges_items(r);

    assert(r->count <= (r->capacity ? r->capacity : RANGES_INLINE));
    for (uint32_t i = 0; i < r->count; i++) {
        assert(item[i].first <= item[i].last);
        assert(i == 0 || has_gap(item[i - 1].last, item[i].first));
    }
}
