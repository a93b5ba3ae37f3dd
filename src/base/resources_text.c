/* The text forms of resources: what an operator writes and what Mesos prints.
 * Error texts are Mesos', followed by the part of the text they are about. */
#include "base/resources.h"
#include "base/alloc.h"
#include "base/id.h"
#include "base/text.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A text this long cannot hold so many scalars that their sum overflows. */
enum { QUOTE_MAX = 120, TEXT_MAX = 128 << 10 };

/* Cut white space at both ends, in place; the new start. */
static char *trim(char *text)
{
    static const char space[] = " \t\n\r";
    size_t size;

    text += strspn(text, space);
    size = strlen(text);
    while (size > 0 && strchr(space, text[size - 1]))
        text[--size] = '\0';
    return text;
}

static void remove_spaces(char *text)
{
    char *to = text;

    for (; *text; text++)
        if (*text != ' ')
            *to++ = *text;
    *to = '\0';
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "{a,b}", cut in place. The items stay in `text`; the array is the caller's
 * to free. Empty items vanish. */
static int set_read(char *text, struct string_set *out, struct err *err)
{
    struct string_set set = {0};
    size_t size = strlen(text);
    char *rest = NULL;

    if (size < 2 || text[size - 1] != '}' ||
        strcspn(text + 1, "{}[]()") != size - 2)
        return err_set(err, ERR_INVALID, "Mismatched brackets");
    set.item = xreallocarray(NULL, size, sizeof *set.item);
    for (char *item = strtok_r(text, "{},", &rest); item;
         item = strtok_r(NULL, "{},", &rest))
        set.item[set.count++] = item;
    qsort(set.item, set.count, sizeof *set.item, compare_texts);
    for (uint32_t i = 1; i < set.count; i++)
        if (strcmp(set.item[i - 1], set.item[i]) == 0) {
            free(set.item);
            return err_set(err, ERR_INVALID,
                           "Invalid set resource: duplicated elements");
        }
    *out = set;
    return 0;
}

static int scalar_read(const char *name, const char *text, int64_t *out,
                       struct err *err)
{
    if (text[0] == '-' || text_milli(text, out, NULL) < 0)
        return err_set(err, ERR_INVALID,
                       "Bad type for resource %s value %.*s type TEXT", name,
                       QUOTE_MAX, text);
    if (*out == 0 && text[strspn(text, "+0.")] != '\0')
        return err_set(err, ERR_INVALID, "Invalid scalar resource: value <= 0");
    if (*out > RESOURCE_MILLI_MAX)
        return err_set(err, ERR_LIMIT, "Invalid scalar resource: value > %lld",
                       (long long)(RESOURCE_MILLI_MAX / 1000));
    return 0;
}

/* Add `name` with the amount in `value`, which is cut up. */
static int value_add(struct resources *to, struct resource_kind *like,
                     char *value, struct err *err)
{
    struct resource one = {0};
    int rc;

    if (value[0] == '[') {
        like->type = RESOURCE_RANGES;
        rc = ranges_parse(value, &one.ranges, err);
    } else if (value[0] == '{') {
        like->type = RESOURCE_SET;
        rc = set_read(value, &one.set, err);
    } else {
        like->type = RESOURCE_SCALAR;
        rc = scalar_read(like->name, value, &one.milli, err);
    }
    if (rc < 0)
        return rc;
    one.kind = resource_kind_make(like);
    resources_add_one(to, &one);
    resource_kind_unref(one.kind);
    if (like->type == RESOURCE_RANGES)
        ranges_release(&one.ranges);
    else if (like->type == RESOURCE_SET)
        free(one.set.item);
    return 0;
}

/* Split "name(role)" in place; *role stays as it is when there is none. */
static int head_read(char *head, char **name, const char **role,
                     struct err *err)
{
    char *open = strchr(head, '('), *close = strchr(head, ')');

    if (open || close) {
        if (!open || !close || close < open || *trim(close + 1))
            return err_set(err, ERR_INVALID,
                           "Bad value for resources, mismatched parentheses");
        *open = *close = '\0';
        *role = trim(open + 1);
    }
    *name = trim(head);
    if (!**name)
        return err_set(err, ERR_INVALID, "Empty resource name");
    return role_check(*role, err);
}

/* One "name(role):value", cut up. */
static int part_add(struct resources *to, char *part, const char *role,
                    struct err *err)
{
    char *value = strchr(part, ':'), *name = NULL;
    struct buf reservation = {0};

    if (!value || strchr(value + 1, ':') || value == part || !value[1])
        return err_set(err, ERR_INVALID,
                       "Bad value for resources, missing or extra ':'");
    *value++ = '\0';
    remove_spaces(value);
    int rc = head_read(part, &name, &role, err);
    if (rc < 0)
        return rc;
    struct resource_kind like = {.name = name, .role = role};
    if (strcmp(role, "*") != 0) {
        buf_addf(&reservation, "(STATIC,%s)", role);
        like.reservation = buf_text(&reservation);
    }
    rc = value_add(to, &like, value, err);
    buf_release(&reservation);
    return rc;
}

/* Zero amounts have vanished before this looks; so does Mesos. */
static int types_check(const struct resources *r, struct err *err)
{
    const struct resource *item = resources_items(r);

    for (uint32_t i = 1; i < r->count; i++)
        if (strcmp(item[i - 1].kind->name, item[i].kind->name) == 0 &&
            item[i - 1].kind->type != item[i].kind->type)
            return err_set(err, ERR_INVALID,
                           "Resources with the same name ('%.*s') but "
                           "different types are not allowed",
                           QUOTE_MAX, item[i].kind->name);
    return 0;
}

static int amounts_check(const struct resources *r, struct err *err)
{
    const struct resource *item = resources_items(r);

    for (uint32_t i = 0; i < r->count; i++)
        if (item[i].kind->type == RESOURCE_SCALAR &&
            item[i].milli > RESOURCE_MILLI_MAX)
            return err_set(err, ERR_LIMIT,
                           "resource %.*s: want at most %lld in all", QUOTE_MAX,
                           item[i].kind->name,
                           (long long)(RESOURCE_MILLI_MAX / 1000));
    return types_check(r, err);
}

int resources_parse(const char *text, const char *role, struct resources *out,
                    struct err *err)
{
    struct resources parsed = {0};
    char *copy, *rest = NULL;
    int rc = 0;

    if (strnlen(text, TEXT_MAX) == TEXT_MAX)
        return err_set(err, ERR_LIMIT, "resources: want at most %d bytes",
                       TEXT_MAX - 1);
    copy = xstrdup(text);
    for (char *part = strtok_r(copy, ";", &rest); part && rc == 0;
         part = strtok_r(NULL, ";", &rest)) {
        /* The same place in the caller's text, which stays whole. */
        const char *original = text + (part - copy);
        int size = (int)strlen(part);
        if (!*trim(part))
            continue;
        rc = part_add(&parsed, trim(part), role ? role : "*", err);
        if (rc < 0 && err)
            (void)err_set(err, err->code, "%s in '%.*s'", err->text,
                          size < QUOTE_MAX ? size : QUOTE_MAX, original);
        if (rc == 0 && parsed.count > RESOURCES_MAX)
            rc = err_set(err, ERR_LIMIT, "resources: want at most %d",
                         RESOURCES_MAX);
    }
    free(copy);
    if (rc == 0)
        rc = amounts_check(&parsed, err);
    if (rc < 0)
        resources_release(&parsed);
    else
        *out = parsed;
    return rc;
}

static void amount_print(const struct resource *one, struct buf *out)
{
    char number[32];

    switch (one->kind->type) {
    case RESOURCE_SCALAR:
        buf_add_text(out, text_from_milli(one->milli, number, sizeof number));
        break;
    case RESOURCE_RANGES:
        ranges_print(&one->ranges, out);
        break;
    case RESOURCE_SET:
        buf_add_char(out, '{');
        for (uint32_t i = 0; i < one->set.count; i++)
            buf_addf(out, "%s%s", i ? ", " : "", one->set.item[i]);
        buf_add_char(out, '}');
        break;
    }
}

static void kind_print(const struct resource_kind *kind, struct buf *out)
{
    buf_add_text(out, kind->name);
    if (kind->allocation[0])
        buf_addf(out, "(allocated: %s)", kind->allocation);
    if (kind->reservation[0])
        buf_addf(out, "(reservations: [%s])", kind->reservation);
    if (kind->disk[0])
        buf_addf(out, "[%s]", kind->disk);
    if (kind->revocable)
        buf_add_text(out, "{REV}");
    if (kind->shared)
        buf_add_text(out, "<SHARED>");
}

void resources_print(const struct resources *r, struct buf *out)
{
    const struct resource *item = resources_items(r);

    if (r->count == 0)
        buf_add_text(out, "{}");
    for (uint32_t i = 0; i < r->count; i++) {
        if (i > 0)
            buf_add_text(out, "; ");
        kind_print(item[i].kind, out);
        buf_add_char(out, ':');
        amount_print(&item[i], out);
    }
}
