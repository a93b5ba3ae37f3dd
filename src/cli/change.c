#include "cli/change.h"

#include "cli/fields.h"

#include <string.h>

static bool has_functions(const Perigee__Job *job)
{
    bool has = job->place != NULL || job->rank != NULL ||
               (job->health_check != NULL && job->health_check->lua != NULL);

    for (size_t i = 0; i < job->n_notify; i++)
        has |= job->notify[i]->script != NULL;
    return has;
}

/* The next line at or behind `from` with this path, or the list's count. */
static uint32_t find_path(const struct field_list *list, uint32_t from,
                          const char *path)
{
    while (from < list->count && strcmp(list->item[from].path, path) != 0)
        from++;
    return from;
}

static void add(struct change_list *out, const char *path, const char *before,
                const char *after)
{
    *vec_add(out) = (struct change){path, before, after};
}

/* Both lists are in the schema's order, so equal paths mostly stand at equal
 * places; what is skipped over in `b` is new. Headings carry nothing. */
static void merge(const struct field_list *a, const struct field_list *b,
                  bool *used, struct change_list *out)
{
    for (uint32_t i = 0; i < a->count; i++) {
        const struct field_line *line = &a->item[i];
        uint32_t at = 0;
        if (line->text == NULL)
            continue;
        do
            at = find_path(b, at, line->path);
        while (at < b->count && used[at] && ++at);
        if (at == b->count) {
            add(out, line->path, line->text, NULL);
            continue;
        }
        used[at] = true;
        if (b->item[at].text == NULL ||
            strcmp(b->item[at].text, line->text) != 0)
            add(out, line->path, line->text, b->item[at].text);
    }
    for (uint32_t i = 0; i < b->count; i++)
        if (!used[i] && b->item[i].text != NULL)
            add(out, b->item[i].path, NULL, b->item[i].text);
}

void change_find(struct cli *cli, const Perigee__Job *before,
                 const Perigee__Job *after, struct change_list *out)
{
    static const char *const skip[] = {"instances", "bundle_hash", NULL};
    bool with_source = has_functions(before) && has_functions(after);
    struct field_list a = {0}, b = {0};

    fields_of(&before->base, skip, &cli->arena, &a);
    fields_of(&after->base, skip, &cli->arena, &b);
    bool *used = arena_zalloc(&cli->arena, b.count + 1);
    merge(&a, &b, used, out);
    if (with_source && before->bundle_hash != NULL &&
        after->bundle_hash != NULL &&
        strcmp(before->bundle_hash, after->bundle_hash) != 0)
        add(out, "bundle_hash (its functions)",
            arena_strdup(&cli->arena, before->bundle_hash),
            arena_strdup(&cli->arena, after->bundle_hash));
    vec_free(&a);
    vec_free(&b);
}

static void print_side(struct cli *cli, const char *text, char sign,
                       enum cli_colour colour, int indent)
{
    if (text == NULL)
        return;
    for (const char *line = text;;) {
        size_t size = strcspn(line, "\n");
        buf_addf(&cli->out, "%*s%s%c %.*s%s\n", indent, "",
                 cli_colour(cli, colour), sign, (int)size, line,
                 cli_colour(cli, CLI_PLAIN));
        if (line[size] == '\0' || line[size + 1] == '\0')
            return;
        line += size + 1;
    }
}

void change_print(struct cli *cli, const struct change_list *list, int indent)
{
    for (uint32_t i = 0; i < list->count; i++) {
        const struct change *c = &list->item[i];
        buf_addf(&cli->out, "%*s%s\n", indent, "", c->path);
        print_side(cli, c->before, '-', CLI_RED, indent + 2);
        print_side(cli, c->after, '+', CLI_GREEN, indent + 2);
    }
}

void change_json(struct json_writer *w, const struct change_list *list)
{
    json_begin_array(w);
    for (uint32_t i = 0; i < list->count; i++) {
        const struct change *c = &list->item[i];
        json_begin_object(w);
        json_put_string(w, "field", c->path);
        if (c->before != NULL)
            json_put_string(w, "before", c->before);
        if (c->after != NULL)
            json_put_string(w, "after", c->after);
        json_end_object(w);
    }
    json_end_array(w);
}
