/* Collections of resources: addition, subtraction, containment. */
#include "base/resources.h"
#include "base/alloc.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* --- amounts: what is behind the kind --- */

static bool is_empty(const struct resource *one)
{
    switch (one->kind->type) {
    case RESOURCE_SCALAR:
        return one->milli == 0;
    case RESOURCE_RANGES:
        return one->ranges.count == 0;
    case RESOURCE_SET:
        return one->set.count == 0;
    }
    abort(); /* no such type */
}

static bool amount_equal(const struct resource *a, const struct resource *b)
{
    switch (a->kind->type) {
    case RESOURCE_SCALAR:
        return a->milli == b->milli;
    case RESOURCE_RANGES:
        return ranges_equal(&a->ranges, &b->ranges);
    case RESOURCE_SET:
        return string_set_equal(&a->set, &b->set);
    }
    abort();
}

static bool amount_contains(const struct resource *whole,
                            const struct resource *part)
{
    switch (whole->kind->type) {
    case RESOURCE_SCALAR:
        return whole->milli >= part->milli;
    case RESOURCE_RANGES:
        return ranges_contain(&whole->ranges, &part->ranges);
    case RESOURCE_SET:
        return string_set_contain(&whole->set, &part->set);
    }
    abort();
}

static void amount_add(struct resource *to, const struct resource *more)
{
    switch (to->kind->type) {
    case RESOURCE_SCALAR: {
        bool overflows =
            __builtin_add_overflow(to->milli, more->milli, &to->milli);
        assert(!overflows); /* inputs are limited to RESOURCE_MILLI_MAX */
        break;
    }
    case RESOURCE_RANGES:
        ranges_add_all(&to->ranges, &more->ranges);
        break;
    case RESOURCE_SET:
        string_set_add_all(&to->set, &more->set);
        break;
    }
}

static void amount_subtract(struct resource *from, const struct resource *less)
{
    switch (from->kind->type) {
    case RESOURCE_SCALAR:
        from->milli -= less->milli;
        break;
    case RESOURCE_RANGES:
        ranges_subtract_all(&from->ranges, &less->ranges);
        break;
    case RESOURCE_SET:
        string_set_subtract_all(&from->set, &less->set);
        break;
    }
}

static void resource_release(struct resource *one)
{
    if (one->kind->type == RESOURCE_RANGES)
        ranges_release(&one->ranges);
    else if (one->kind->type == RESOURCE_SET)
        string_set_release(&one->set);
    resource_kind_unref(one->kind);
}

static void resource_copy(struct resource *to, const struct resource *from)
{
    to->kind = resource_kind_ref(from->kind);
    if (from->kind->type == RESOURCE_SCALAR) {
        to->milli = from->milli;
    } else if (from->kind->type == RESOURCE_RANGES) {
        ranges_copy(&to->ranges, &from->ranges);
    } else {
        to->set = (struct string_set){0};
        string_set_add_all(&to->set, &from->set);
    }
}

/* --- collections --- */

static struct resource *items(struct resources *r)
{
    return r->capacity ? r->heap : r->inlined;
}

const struct resource *resources_items(const struct resources *r)
{
    return r->capacity ? r->heap : r->inlined;
}

void resources_release(struct resources *r)
{
    struct resource *item = items(r);

    for (uint32_t i = 0; i < r->count; i++)
        resource_release(&item[i]);
    if (r->capacity)
        free(r->heap);
    r->count = r->capacity = 0;
}

void resources_copy(struct resources *to, const struct resources *from)
{
    const struct resource *item = resources_items(from);

    to->count = from->count;
    to->capacity = 0;
    if (from->count > RESOURCES_INLINE) {
        to->capacity = from->count;
        to->heap = xreallocarray(NULL, to->capacity, sizeof *to->heap);
    }
    for (uint32_t i = 0; i < from->count; i++)
        resource_copy(&items(to)[i], &item[i]);
}

void resources_move(struct resources *to, struct resources *from)
{
    *to = *from;
    from->count = from->capacity = 0;
}

bool resources_is_empty(const struct resources *r)
{
    return r->count == 0;
}

bool resources_equal(const struct resources *a, const struct resources *b)
{
    const struct resource *x = resources_items(a), *y = resources_items(b);

    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (resource_kind_compare(x[i].kind, y[i].kind) != 0 ||
            !amount_equal(&x[i], &y[i]))
            return false;
    return true;
}

/* The first entry at or after `from` that is not before `kind`. */
static uint32_t find(const struct resources *r, uint32_t from,
                     const struct resource_kind *kind, bool *out_is_there)
{
    const struct resource *item = resources_items(r);
    int order = -1;

    for (; from < r->count; from++) {
        order = resource_kind_compare(item[from].kind, kind);
        if (order >= 0)
            break;
    }
    *out_is_there = order == 0;
    return from;
}

bool resources_contain(const struct resources *whole,
                       const struct resources *part)
{
    const struct resource *in = resources_items(whole),
                          *want = resources_items(part);
    uint32_t at = 0;

    for (uint32_t i = 0; i < part->count; i++) {
        bool is_there;
        at = find(whole, at, want[i].kind, &is_there);
        if (!is_there || !amount_contains(&in[at], &want[i]))
            return false;
    }
    return true;
}

static void insert_copy(struct resources *to, uint32_t at,
                        const struct resource *one)
{
    uint32_t capacity = to->capacity ? to->capacity : RESOURCES_INLINE;

    if (to->count == capacity) {
        assert(capacity < UINT32_MAX / 2);
        struct resource *grown =
            xreallocarray(NULL, capacity * 2, sizeof *grown);
        memcpy(grown, items(to), to->count * sizeof *grown);
        if (to->capacity)
            free(to->heap);
        to->heap = grown;
        to->capacity = capacity * 2;
    }
    struct resource *item = items(to);
    memmove(item + at + 1, item + at, (to->count - at) * sizeof *item);
    resource_copy(&item[at], one);
    to->count++;
}

static void remove_at(struct resources *from, uint32_t at)
{
    struct resource *item = items(from);

    resource_release(&item[at]);
    memmove(item + at, item + at + 1, (from->count - at - 1) * sizeof *item);
    from->count--;
}

/* Add one entry, looking from `at` on; where it is now. */
static uint32_t add_from(struct resources *to, uint32_t at,
                         const struct resource *one)
{
    bool is_there;

    if (is_empty(one))
        return at;
    at = find(to, at, one->kind, &is_there);
    if (is_there)
        amount_add(&items(to)[at], one);
    else
        insert_copy(to, at, one);
    return at;
}

void resources_add(struct resources *to, const struct resources *more)
{
    const struct resource *item = resources_items(more);
    uint32_t at = 0;

    assert(to != more);
    for (uint32_t i = 0; i < more->count; i++)
        at = add_from(to, at, &item[i]);
}

void resources_add_one(struct resources *to, const struct resource *one)
{
    assert(one->kind->type != RESOURCE_SCALAR || one->milli >= 0);
    (void)add_from(to, 0, one);
}

/* Take `less` from entry `at`, which must contain it. */
static void subtract_at(struct resources *from, uint32_t at,
                        const struct resource *less)
{
    struct resource *item = &items(from)[at];

    assert(amount_contains(item, less));
    amount_subtract(item, less);
    if (is_empty(item))
        remove_at(from, at);
}

void resources_add_scalar(struct resources *to, const char *name, int64_t milli)
{
    const struct resource_kind like = {.type = RESOURCE_SCALAR, .name = name};
    struct resource one = {.kind = resource_kind_make(&like)};

    if (milli >= 0) {
        one.milli = milli;
        resources_add_one(to, &one);
    } else {
        bool is_there;
        uint32_t at = find(to, 0, one.kind, &is_there);
        one.milli = -milli;
        assert(is_there);
        subtract_at(to, at, &one);
    }
    resource_kind_unref(one.kind);
}

void resources_subtract(struct resources *from, const struct resources *less)
{
    const struct resource *item = resources_items(less);
    uint32_t at = 0;

    assert(from != less);
    for (uint32_t i = 0; i < less->count; i++) {
        bool is_there;
        at = find(from, at, item[i].kind, &is_there);
        assert(is_there);
        subtract_at(from, at, &item[i]);
    }
}

static bool has_name(const struct resource *one, const char *name)
{
    return one->kind->name == name || strcmp(one->kind->name, name) == 0;
}

int64_t resources_scalar(const struct resources *r, const char *name)
{
    const struct resource *item = resources_items(r);
    int64_t sum = 0;

    for (uint32_t i = 0; i < r->count; i++)
        if (item[i].kind->type == RESOURCE_SCALAR && has_name(&item[i], name))
            sum += item[i].milli;
    return sum;
}

void resources_ranges(const struct resources *r, const char *name,
                      struct ranges *out)
{
    const struct resource *item = resources_items(r);

    *out = (struct ranges){0};
    for (uint32_t i = 0; i < r->count; i++)
        if (item[i].kind->type == RESOURCE_RANGES && has_name(&item[i], name))
            ranges_add_all(out, &item[i].ranges);
}

/* A kind without any mark: neither reserved nor allocated nor special. */
static bool is_plain(const struct resource_kind *kind)
{
    return strcmp(kind->role, "*") == 0 && !kind->allocation[0] &&
           !kind->reservation[0] && !kind->disk[0] && !kind->revocable &&
           !kind->shared;
}

/* Do all kinds of one name and type together cover `part`? */
static bool is_covered(const struct resources *whole,
                       const struct resource *part)
{
    const struct resource *item = resources_items(whole);
    struct resource sum = {.kind = part->kind};

    if (part->kind->type == RESOURCE_SCALAR)
        return resources_scalar(whole, part->kind->name) >= part->milli;
    if (part->kind->type == RESOURCE_RANGES)
        resources_ranges(whole, part->kind->name, &sum.ranges);
    else
        for (uint32_t i = 0; i < whole->count; i++)
            if (item[i].kind->type == RESOURCE_SET &&
                has_name(&item[i], part->kind->name))
                string_set_add_all(&sum.set, &item[i].set);
    bool result = amount_contains(&sum, part);
    if (part->kind->type == RESOURCE_RANGES)
        ranges_release(&sum.ranges);
    else
        string_set_release(&sum.set);
    return result;
}

bool resources_contain_any(const struct resources *whole,
                           const struct resources *part)
{
    const struct resource *item = resources_items(part);
    struct resources marked = {0}, left;
    bool result;

    /* Entries with a mark take exactly what they name, first. */
    for (uint32_t i = 0; i < part->count; i++)
        if (!is_plain(item[i].kind))
            resources_add_one(&marked, &item[i]);
    result = resources_contain(whole, &marked);
    resources_copy(&left, whole);
    if (result)
        resources_subtract(&left, &marked);
    for (uint32_t i = 0; result && i < part->count; i++)
        if (is_plain(item[i].kind))
            result = is_covered(&left, &item[i]);
    resources_release(&marked);
    resources_release(&left);
    return result;
}

static const struct resource_kind *with_allocation(
    const struct resource_kind *kind, const char *role)
{
    struct resource_kind like = *kind;

    like.allocation = role;
    return resource_kind_make(&like);
}

void resources_allocate(struct resources *r, const char *role)
{
    struct resource *item = items(r);
    struct resources result = {0};
    bool is_uniform = true;

    /* Entries of one allocation keep their order and stay different. */
    for (uint32_t i = 1; i < r->count; i++)
        if (strcmp(item[i].kind->allocation, item[0].kind->allocation) != 0)
            is_uniform = false;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct resource_kind *old = item[i].kind;
        if (strcmp(old->allocation, role) != 0) {
            item[i].kind = with_allocation(old, role);
            resource_kind_unref(old);
        }
        if (!is_uniform)
            resources_add_one(&result, &item[i]);
    }
    if (!is_uniform) {
        resources_release(r);
        resources_move(r, &result);
    }
}

void resources_make_revocable(struct resources *r)
{
    struct resource *item = items(r);
    struct resources result = {0};

    for (uint32_t i = 0; i < r->count; i++) {
        struct resource_kind like = *item[i].kind;
        like.revocable = true;
        const struct resource_kind *old = item[i].kind;
        item[i].kind = resource_kind_make(&like);
        resource_kind_unref(old);
        resources_add_one(&result, &item[i]);
    }
    resources_release(r);
    resources_move(r, &result);
}

bool resources_any_revocable(const struct resources *r)
{
    const struct resource *item = resources_items(r);

    for (uint32_t i = 0; i < r->count; i++)
        if (item[i].kind->revocable)
            return true;
    return false;
}

void resources_firm(const struct resources *r, struct resources *out)
{
    const struct resource *item = resources_items(r);

    *out = (struct resources){0};
    for (uint32_t i = 0; i < r->count; i++)
        if (!item[i].kind->revocable)
            resources_add_one(out, &item[i]);
}

static void amount_check(const struct resource *one)
{
    assert(!is_empty(one));
    if (one->kind->type == RESOURCE_SCALAR)
        assert(one->milli > 0);
    else if (one->kind->type == RESOURCE_RANGES)
        ranges_check(&one->ranges);
    else
        for (uint32_t i = 1; i < one->set.count; i++)
            assert(strcmp(one->set.item[i - 1], one->set.item[i]) < 0);
}

void resources_check(const struct resources *r)
{
    const struct resource *item = resources_items(r);

    assert(r->count <= (r->capacity ? r->capacity : RESOURCES_INLINE));
    for (uint32_t i = 0; i < r->count; i++) {
        amount_check(&item[i]);
        assert(item[i].kind->name[0] != '\0');
        assert(i == 0 ||
               resource_kind_compare(item[i - 1].kind, item[i].kind) < 0);
    }
}
