#include "base/string_set.h"
#include "base/alloc.h"
#include <stdlib.h>
#include <string.h>

/* Where `text` is or belongs. */
static uint32_t find(const struct string_set *set, const char *text,
                     bool *out_is_there)
{
    uint32_t low = 0, high = set->count;

    *out_is_there = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = strcmp(set->item[middle], text);
        if (order == 0) {
            *out_is_there = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool string_set_has(const struct string_set *set, const char *text)
{
    bool is_there;

    (void)find(set, text, &is_there);
    return is_there;
}

bool string_set_contain(const struct string_set *whole,
                        const struct string_set *part)
{
    for (uint32_t i = 0; i < part->count; i++)
        if (!string_set_has(whole, part->item[i]))
            return false;
    return true;
}

void string_set_add_all(struct string_set *to, const struct string_set *more)
{
    if (more->count == 0)
        return;
    to->item = xreallocarray(to->item, (size_t)to->count + more->count,
                             sizeof *to->item);
    for (uint32_t i = 0; i < more->count; i++) {
        bool is_there;
        uint32_t at = find(to, more->item[i], &is_there);
        if (is_there)
            continue;
        memmove(to->item + at + 1, to->item + at,
                (to->count - at) * sizeof *to->item);
        to->item[at] = xstrdup(more->item[i]);
        to->count++;
    }
}

void string_set_subtract_all(struct string_set *from,
                             const struct string_set *less)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < from->count; i++) {
        if (string_set_has(less, from->item[i]))
            free(from->item[i]);
        else
            from->item[kept++] = from->item[i];
    }
    from->count = kept;
}

void string_set_release(struct string_set *set)
{
    for (uint32_t i = 0; i < set->count; i++)
        free(set->item[i]);
    free(set->item);
    *set = (struct string_set){0};
}

bool string_set_equal(const struct string_set *a, const struct string_set *b)
{
    return a->count == b->count && string_set_contain(a, b);
}
