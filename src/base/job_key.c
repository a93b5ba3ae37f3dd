#include "base/job_key.h"
#include "base/text.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { PARTS = 4, QUOTE_MAX = 100 };

static const char *const part_name[PARTS] = {"cluster", "role", "env", "name"};

static bool is_part_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

bool job_key_part_ok(const char *part)
{
    size_t size = strnlen(part, JOB_KEY_PART_MAX);

    if (size == 0 || size == JOB_KEY_PART_MAX)
        return false;
    for (const char *c = part; *c; c++)
        if (!is_part_char(*c))
            return false;
    return strcmp(part, ".") != 0 && strcmp(part, "..") != 0;
}

static char *part_of(struct job_key *key, int part)
{
    char *const at[PARTS] = {key->cluster, key->role, key->env, key->name};

    return at[part];
}

/* A part must be legal; the text is the whole key as it was given. */
static int part_check(const char *part, int which, struct err *err)
{
    if (job_key_part_ok(part))
        return 0;
    (void)err_set(err, ERR_INVALID,
                  "%s '%.*s': want 1 to %d of A-Z a-z 0-9 _ . -, and not '.' "
                  "or '..'",
                  part_name[which], QUOTE_MAX, part, JOB_KEY_PART_MAX - 1);
    err_field(err, "%s", part_name[which]);
    return -ERR_INVALID;
}

/* Copy the part at *text up to '/' or the end, and go behind it. A part that
 * is too long is cut to a size that is still too long. */
static void part_cut(const char **text, char out[JOB_KEY_PART_MAX + 1])
{
    size_t size = strcspn(*text, "/");
    size_t kept = size < JOB_KEY_PART_MAX ? size : JOB_KEY_PART_MAX;

    memcpy(out, *text, kept);
    out[kept] = '\0';
    *text += size;
}

/* Read four parts; *end is behind the fourth. */
static int key_read(const char *text, struct job_key *out, const char **end,
                    struct err *err)
{
    struct job_key key = {0};
    const char *at = text;

    for (int i = 0; i < PARTS; i++) {
        char part[JOB_KEY_PART_MAX + 1];
        if (i > 0 && *at++ != '/')
            return err_set(err, ERR_INVALID,
                           "job key '%.*s': want cluster/role/env/name",
                           QUOTE_MAX, text);
        part_cut(&at, part);
        if (part_check(part, i, err) < 0)
            return err ? err_wrap(err, "job key '%.*s'", QUOTE_MAX, text)
                       : -ERR_INVALID;
        memcpy(part_of(&key, i), part, strlen(part) + 1);
    }
    *out = key;
    *end = at;
    return 0;
}

int job_key_parse(const char *text, struct job_key *out, struct err *err)
{
    struct job_key key;
    const char *end = text;
    int rc = key_read(text, &key, &end, err);

    if (rc < 0)
        return rc;
    if (*end != '\0')
        return err_set(err, ERR_INVALID,
                       "job key '%.*s': want cluster/role/env/name", QUOTE_MAX,
                       text);
    *out = key;
    return 0;
}

int job_key_make(const char *cluster, const char *role, const char *env,
                 const char *name, struct job_key *out, struct err *err)
{
    const char *const part[PARTS] = {cluster, role, env, name};
    struct job_key key = {0};

    for (int i = 0; i < PARTS; i++) {
        int rc = part_check(part[i], i, err);
        if (rc < 0)
            return rc;
        memcpy(part_of(&key, i), part[i], strlen(part[i]) + 1);
    }
    *out = key;
    return 0;
}

char *job_key_text(const struct job_key *key, char out[JOB_KEY_TEXT_MAX])
{
    (void)snprintf(out, JOB_KEY_TEXT_MAX, "%s/%s/%s/%s", key->cluster,
                   key->role, key->env, key->name);
    return out;
}

int job_key_compare(const struct job_key *a, const struct job_key *b)
{
    int order = strcmp(a->cluster, b->cluster);

    if (order == 0)
        order = strcmp(a->role, b->role);
    if (order == 0)
        order = strcmp(a->env, b->env);
    if (order == 0)
        order = strcmp(a->name, b->name);
    return order;
}

bool job_key_equal(const struct job_key *a, const struct job_key *b)
{
    return job_key_compare(a, b) == 0;
}

/* Put one range in, merging what it overlaps or touches; false when full. */
static bool set_add(struct instance_set *set, struct instance_range range)
{
    struct instance_set merged = {0};
    uint32_t i = 0;

    /* 64 bits, because last + 1 may not fit in 32. */
    for (; i < set->count && (uint64_t)set->range[i].last + 1 < range.first;
         i++)
        merged.range[merged.count++] = set->range[i];
    for (; i < set->count && set->range[i].first <= (uint64_t)range.last + 1;
         i++) {
        if (set->range[i].first < range.first)
            range.first = set->range[i].first;
        if (set->range[i].last > range.last)
            range.last = set->range[i].last;
    }
    if (merged.count + 1 + (set->count - i) > INSTANCE_RANGES_MAX)
        return false;
    merged.range[merged.count++] = range;
    for (; i < set->count; i++)
        merged.range[merged.count++] = set->range[i];
    *set = merged;
    return true;
}

/* One number at *text, and go behind it. */
static bool number_read(const char **text, uint32_t *out)
{
    size_t size = strspn(*text, "0123456789");
    char digits[16];
    int64_t value;

    if (size == 0 || size >= sizeof digits)
        return false;
    memcpy(digits, *text, size);
    digits[size] = '\0';
    if (text_int(digits, 0, UINT32_MAX, &value, NULL) < 0)
        return false;
    *out = (uint32_t)value;
    *text += size;
    return true;
}

int instance_set_parse(const char *text, struct instance_set *out,
                       struct err *err)
{
    struct instance_set set = {0};
    const char *at = text;

    for (;;) {
        struct instance_range range;
        if (!number_read(&at, &range.first))
            break;
        range.last = range.first;
        if (*at == '-') {
            at++;
            if (!number_read(&at, &range.last) || range.last < range.first)
                break;
        }
        if (!set_add(&set, range))
            return err_set(err, ERR_LIMIT,
                           "instances '%.*s': want at most %d ranges",
                           QUOTE_MAX, text, INSTANCE_RANGES_MAX);
        if (*at == '\0') {
            *out = set;
            return 0;
        }
        if (*at++ != ',')
            break;
    }
    return err_set(err, ERR_INVALID,
                   "instances '%.*s': want numbers and ranges, as in 0-2,5",
                   QUOTE_MAX, text);
}

bool instance_set_has(const struct instance_set *set, uint32_t instance)
{
    if (set->count == 0)
        return true;
    for (uint32_t i = 0; i < set->count; i++)
        if (set->range[i].first <= instance && instance <= set->range[i].last)
            return true;
    return false;
}

int job_key_parse_with_instances(const char *text, struct job_key *key,
                                 struct instance_set *set, struct err *err)
{
    struct job_key parsed;
    struct instance_set instances = {0};
    const char *end = text;
    int rc = key_read(text, &parsed, &end, err);

    if (rc < 0)
        return rc;
    if (*end == '/') {
        rc = instance_set_parse(end + 1, &instances, err);
        if (rc < 0)
            return err ? err_wrap(err, "job key '%.*s'", QUOTE_MAX, text) : rc;
    }
    *key = parsed;
    *set = instances;
    return 0;
}
