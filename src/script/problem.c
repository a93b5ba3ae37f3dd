#include "base/hash.h"
#include "base/text.h"
#include "script/evaluation.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INDEX_SIZE = 4096 }; /* a power of two, over PROBLEMS_MAX */

struct call_site evaluation_site(struct evaluation *e, const char *constructor)
{
    struct call_site site = {.constructor = constructor};
    lua_Debug frame;
    for (int level = 0; lua_getstack(e->sandbox.L, level, &frame); level++) {
        if (!lua_getinfo(e->sandbox.L, "Sl", &frame) || frame.source[0] != '@')
            continue;
        site.line = (uint32_t)frame.currentline;
        if (frame.source == e->where_source) {
            site.file = e->where_file;
            return site;
        }
        for (uint32_t i = 0; i < e->files.list.count; i++) {
            const struct bundle_file *file = e->files.list.item[i];
            if (!file->is_asset && strcmp(file->path, frame.source + 1) == 0)
                site.file = i + 1;
        }
        e->where_source = frame.source;
        e->where_file = site.file;
        return site;
    }
    return site;
}

static struct bundle_file *file_at(const struct evaluation *e, uint32_t file)
{
    return file == 0 ? NULL : e->files.list.item[file - 1];
}

/* Copy; what is not UTF-8 or could move a terminal's cursor becomes '?'. */
static const char *keep(struct evaluation *e, const char *text)
{
    if (text == NULL || *text == '\0')
        return "";
    char *copy = arena_strdup(&e->arena, text);
    bool is_utf8 = text_is_utf8((const uint8_t *)copy, strlen(copy));
    for (char *c = copy; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f ||
            (!is_utf8 && (unsigned char)*c >= 0x80))
            *c = '?';
    return copy;
}

/* Bytes stay where they are, for the mark. */
static void hide_quoted(char *line)
{
    char quote = '\0';
    for (char *c = line; *c != '\0'; c++) {
        if (quote == '\0' && (*c == '"' || *c == '\''))
            quote = *c;
        else if (quote != '\0' && *c == quote)
            quote = '\0';
        else if (quote != '\0')
            *c = '*';
    }
}

static const char *keep_source(struct evaluation *e, struct bytes source)
{
    enum { SOURCE_SHOWN_MAX = 400 };
    size_t size =
        source.size < SOURCE_SHOWN_MAX ? source.size : SOURCE_SHOWN_MAX;
    while (size < source.size && size > 0 && (source.data[size] & 0xc0) == 0x80)
        size--;
    if (size == 0 || !text_is_utf8(source.data, size))
        return "";
    char *copy = arena_strndup(&e->arena, (const char *)source.data, size);
    for (char *c = copy; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 && *c != '\t')
            *c = '?';
    if (e->is_guarded)
        hide_quoted(copy);
    return copy;
}

static uint64_t report_hash(const struct problem_report *r)
{
    uint64_t hash = ((uint64_t)r->site.file << 32) | r->site.line;
    const char *text[] = {r->message, r->field, r->object};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        if (text[i] != NULL)
            hash = hash64(bytes_of_text(text[i]), hash);
    return hash;
}

static bool is_same(const struct problem *p, const struct problem_report *r)
{
    return p->site.file == r->site.file && p->site.line == r->site.line &&
           strcmp(p->message, r->message) == 0 &&
           strcmp(p->field, r->field ? r->field : "") == 0 &&
           strcmp(p->object, r->object ? r->object : "") == 0;
}

/* The slot of an equal problem, or the empty one where it belongs. */
static uint32_t *find_slot(struct evaluation *e, const struct problem_report *r)
{
    if (e->problem_index == NULL)
        e->problem_index = xcalloc(INDEX_SIZE, sizeof *e->problem_index);
    for (uint64_t at = report_hash(r);; at++) {
        uint32_t *slot = &e->problem_index[at % INDEX_SIZE];
        if (*slot == 0 || is_same(&e->problems.item[*slot - 1], r))
            return slot;
    }
}

/* Where a problem stands, with its line. */
static void locate(struct evaluation *e, const struct problem_report *r,
                   const char *field, struct location *where)
{
    const char *constructor = r->site.constructor ? r->site.constructor : "";
    struct bundle_file *file = file_at(e, r->site.file);
    if (file == NULL)
        return;
    const struct locator *locator = bundle_file_locator(file);
    if (r->site.is_global)
        locator_find_global(locator, field, where);
    else if (r->is_missing)
        locator_find_lack(locator, r->site.line, constructor, field, where);
    else
        locator_find(locator, r->site.line, constructor, field, where);
    where->source = bytes_of_text(keep_source(e, where->source));
}

uint32_t problem_add(struct evaluation *e, const struct problem_report *r)
{
    uint32_t *slot = find_slot(e, r);
    if (*slot != 0) {
        e->problems.item[*slot - 1].count++;
        return *slot;
    }
    if (e->problems.count == PROBLEMS_MAX) {
        e->problems_dropped++;
        return PROBLEMS_MAX;
    }
    struct problem p = {
        .site = r->site, .count = 1, .path = "", .previous = r->previous};
    p.where.line = r->site.line;
    p.message = keep(e, r->message);
    p.object = keep(e, r->object);
    p.name = keep(e, r->name);
    p.field = keep(e, r->field);
    p.expected = keep(e, r->expected);
    p.nearest = keep(e, r->nearest);
    p.where.source = bytes_of_text("");
    locate(e, r, p.field, &p.where);
    *vec_add(&e->problems) = p;
    *slot = e->problems.count;
    return *slot;
}

void problem_add_at(struct evaluation *e, struct bundle_file *file,
                    const struct location *where, const char *message,
                    const char *expected)
{
    struct problem p = {.count = 1,
                        .path = "",
                        .object = "",
                        .name = "",
                        .field = "",
                        .nearest = "",
                        .where = *where};
    if (e->problems.count == PROBLEMS_MAX) {
        e->problems_dropped++;
        return;
    }
    for (uint32_t i = 0; i < e->files.list.count; i++)
        if (e->files.list.item[i] == file)
            p.site.file = i + 1;
    p.message = keep(e, message);
    p.expected = keep(e, expected);
    p.where.source = bytes_of_text(keep_source(e, where->source));
    *vec_add(&e->problems) = p;
}

struct twice {
    struct evaluation *e;
    struct bundle_file *file;
};

static void on_twice(void *context, const char *key,
                     const struct location *second, uint32_t first_line)
{
    struct twice *twice = context;
    char message[160], expected[80];
    snprintf(message, sizeof message, "'%s' stands twice in one table", key);
    snprintf(expected, sizeof expected, "first in line %u", first_line);
    problem_add_at(twice->e, twice->file, second, message, expected);
}

void problem_add_twice(struct evaluation *e, struct bundle_file *file)
{
    struct twice twice = {e, file};
    locator_duplicates(bundle_file_locator(file), on_twice, &twice);
}

/* Lua quotes the token or name it stumbled over: mark it. */
static void mark_quoted(struct bundle_file *file, const char *text,
                        struct location *where)
{
    char word[64] = "";
    const char *near = strstr(text, "near '");
    const char *quote = near != NULL ? near + 5 : strchr(text, '\'');
    const char *end = quote != NULL ? strchr(quote + 1, '\'') : NULL;
    if (end != NULL && (size_t)(end - quote) < sizeof word)
        snprintf(word, sizeof word, "%.*s", (int)(end - quote - 1), quote + 1);
    locator_mark(bundle_file_locator(file), where->line, word, where);
}

/* Lua quotes what it stumbled over, which may be a string. */
static const char *keep_failure(struct evaluation *e, const char *text)
{
    char *copy = arena_strdup(&e->arena, text);
    char *near = e->is_guarded ? strstr(copy, " near '") : NULL;
    if (near != NULL)
        *near = '\0';
    return keep(e, copy);
}

/* Several lines, unlike keep(). */
static const char *keep_lines(struct evaluation *e, const char *text)
{
    size_t size = strnlen(text, SANDBOX_TRACE_MAX);
    return text_is_utf8((const uint8_t *)text, size)
               ? arena_strndup(&e->arena, text, size)
               : NULL;
}

void problem_add_failure(struct evaluation *e,
                         const struct sandbox_failure *failure)
{
    struct problem p = {.count = 1,
                        .path = "",
                        .object = "",
                        .name = "",
                        .field = "",
                        .nearest = "",
                        .expected = ""};
    p.is_runtime = true;
    p.traceback = keep_lines(e, failure->trace);
    p.message = keep_failure(e, failure->text);
    p.where.line = (uint32_t)failure->line;
    for (uint32_t i = 0; i < e->files.list.count; i++) {
        struct bundle_file *file = e->files.list.item[i];
        if (file->is_asset || strcmp(file->path, failure->file) != 0)
            continue;
        p.site.file = i + 1;
        if (failure->line > 0)
            mark_quoted(file, failure->text, &p.where);
    }
    p.where.source = bytes_of_text(keep_source(e, p.where.source));
    *vec_add(&e->problems) = p;
}

/* --- as messages --- */

/* In the order of the files' reading, then of lines; the runtime error last. */
static int compare(const void *a, const void *b)
{
    const struct problem *one = a, *two = b;
    if (one->is_runtime != two->is_runtime)
        return one->is_runtime - two->is_runtime;
    if (one->site.file != two->site.file)
        return one->site.file < two->site.file ? -1 : 1;
    if (one->where.line != two->where.line)
        return one->where.line < two->where.line ? -1 : 1;
    if (one->where.mark != two->where.mark)
        return one->where.mark < two->where.mark ? -1 : 1;
    int order = strcmp(one->field, two->field);
    return order != 0 ? order : strcmp(one->message, two->message);
}

static char *object_text(struct evaluation *e, const struct problem *p,
                         const struct bundle_file *file)
{
    if (*p->object == '\0' || p->site.is_global)
        return NULL;
    bool has_name = *p->name != '\0' && *p->path == '\0';
    const char *what = p->site.constructor; /* "" of a copy */
    if (what == NULL || *what == '\0')
        what = p->object;
    return arena_printf(&e->arena, "%s%s%s%s begun at %s:%u", what,
                        has_name ? " '" : "", has_name ? p->name : "",
                        has_name ? "'" : "", file ? file->path : "?",
                        p->site.line);
}

static char *field_text(struct evaluation *e, const struct problem *p)
{
    if (*p->path == '\0')
        return (char *)p->field;
    const char *between = *p->field == '\0' || *p->field == '[' ? "" : ".";
    return arena_printf(&e->arena, "%s%s%s", p->path, between, p->field);
}

static Perigee__Problem *pack_one(struct evaluation *e, const struct problem *p)
{
    const struct bundle_file *file = file_at(e, p->site.file);
    Perigee__Problem *out = arena_alloc(&e->arena, sizeof *out);
    perigee__problem__init(out);
    out->message = (char *)p->message;
    out->file = file != NULL ? file->path : NULL;
    out->has_line = p->where.line > 0;
    out->line = p->where.line;
    out->object = object_text(e, p, file);
    out->field = field_text(e, p);
    out->source = (char *)(uintptr_t)p->where.source.data;
    /* A line with a NUL in it is shown up to there. */
    out->has_mark = out->has_mark_size = p->where.mark > 0 &&
                                         out->source != NULL &&
                                         p->where.mark <= strlen(out->source);
    out->mark = out->has_mark ? p->where.mark : 0;
    out->mark_size = out->has_mark ? p->where.mark_size : 0;
    out->expected = *p->expected ? (char *)p->expected : NULL;
    out->nearest = *p->nearest ? (char *)p->nearest : NULL;
    out->has_count = true;
    out->count = p->count;
    out->has_runtime = true;
    out->runtime = p->is_runtime;
    if (p->traceback != NULL && *p->traceback != '\0')
        out->traceback = (char *)p->traceback;
    return out;
}

static Perigee__Problem *pack_dropped(struct evaluation *e)
{
    Perigee__Problem *out = arena_alloc(&e->arena, sizeof *out);
    perigee__problem__init(out);
    out->message =
        arena_printf(&e->arena, "and %llu more problems of other kinds",
                     (unsigned long long)e->problems_dropped);
    out->has_count = true;
    out->count = 1;
    return out;
}

void problems_pack(struct evaluation *e, Perigee__Evaluation *out)
{
    uint32_t count = e->problems.count;
    if (count > 1)
        qsort(e->problems.item, count, sizeof *e->problems.item, compare);
    out->problems = arena_alloc(&e->arena, (count + 1) * sizeof(void *));
    for (uint32_t i = 0; i < count; i++)
        out->problems[i] = pack_one(e, &e->problems.item[i]);
    out->n_problems = count;
    if (e->problems_dropped > 0)
        out->problems[out->n_problems++] = pack_dropped(e);
}
