/* cron graph: which cron job runs after which, as text, DOT and JSON. */
#include "base/vec.h"
#include "cli/command.h"
#include "cli/cron.h"
#include "wire/json.h"

#include <string.h>

typedef Perigee__Aurora__CronView CronView;

static bool same_key(const Perigee__Aurora__JobKey *a,
                     const Perigee__Aurora__JobKey *b)
{
    return strcmp(a->role, b->role) == 0 &&
           strcmp(a->environment, b->environment) == 0 &&
           strcmp(a->name, b->name) == 0;
}

static const CronView *find(const struct cron_list *list,
                            const Perigee__Aurora__JobKey *key)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (same_key(list->item[i]->key, key))
            return list->item[i];
    return NULL;
}

static const char *last_name(const CronView *c)
{
    return c->last ? cron_state_name(c->last) : "not run yet";
}

/* --- text --- */

static void print_line(struct cli *cli, const CronView *c, uint32_t depth)
{
    for (uint32_t i = 1; i < depth; i++)
        buf_add_text(&cli->out, "    ");
    buf_addf(&cli->out, "%s%s  %s%s%s", depth > 0 ? "  > " : "",
             cron_name(cli, c->key),
             c->last ? cli_colour(cli, cron_state_colour(c->last)) : "",
             last_name(c), c->last ? cli_colour(cli, CLI_PLAIN) : "");
    if (c->blocked_by)
        buf_addf(&cli->out, "  (waits for %s: %s)",
                 cron_name(cli, c->blocked_by), c->blocked_why);
    if (c->n_after > 1)
        buf_addf(&cli->out, "  [after %zu jobs]", c->n_after);
    buf_add_char(&cli->out, '\n');
}

/* Below each job those that run after it; one with several parents stands below
 * each of them. Without recursion, and with an end: a list has no circles, and
 * no more lines than LINES_MAX. */
static void print_tree(struct cli *cli, const struct cron_list *list,
                       const CronView *root)
{
    enum { LINES_MAX = 10000 };
    struct line {
        const CronView *cron;
        uint32_t depth;
    };
    VEC(struct line) stack = {0};
    uint32_t lines = 0;

    *vec_add(&stack) = (struct line){root, 0};
    while (stack.count > 0 && lines++ < LINES_MAX) {
        struct line line = stack.item[--stack.count];
        print_line(cli, line.cron, line.depth);
        for (size_t i = line.cron->n_before; i-- > 0;) {
            const CronView *child = find(list, line.cron->before[i]);
            if (child)
                *vec_add(&stack) = (struct line){child, line.depth + 1};
        }
    }
    vec_free(&stack);
}

/* --- DOT and JSON --- */

static const char *dot_colour(const CronView *c)
{
    switch (c->last ? cron_state_colour(c->last) : CLI_PLAIN) {
    case CLI_GREEN:
        return "palegreen";
    case CLI_RED:
        return "salmon";
    case CLI_YELLOW:
        return "khaki";
    default:
        return "white";
    }
}

static void print_dot(struct cli *cli, const struct cron_list *list)
{
    buf_add_text(&cli->out, "digraph cron {\n  node [shape=box, "
                            "style=filled];\n");
    for (uint32_t i = 0; i < list->count; i++)
        buf_addf(&cli->out, "  \"%s\" [fillcolor=%s, label=\"%s\\n%s\"];\n",
                 cron_name(cli, list->item[i]->key), dot_colour(list->item[i]),
                 cron_name(cli, list->item[i]->key), last_name(list->item[i]));
    for (uint32_t i = 0; i < list->count; i++)
        for (size_t j = 0; j < list->item[i]->n_after; j++)
            buf_addf(&cli->out, "  \"%s\" -> \"%s\";\n",
                     cron_name(cli, list->item[i]->after[j]),
                     cron_name(cli, list->item[i]->key));
    buf_add_text(&cli->out, "}\n");
}

static void node_json(struct cli *cli, const CronView *c, struct json_writer *w)
{
    json_begin_object(w);
    json_put_string(w, "job", cron_name(cli, c->key));
    json_put_string(w, "last", c->last ? cron_state_name(c->last) : NULL);
    json_put_int(w, "successes", (int64_t)c->successes);
    json_put_int(w, "errors", (int64_t)c->errors);
    json_key(w, "after");
    json_begin_array(w);
    for (size_t i = 0; i < c->n_after; i++)
        json_text(w, cron_name(cli, c->after[i]));
    json_end_array(w);
    if (c->blocked_by) {
        json_put_string(w, "blocked_by", cron_name(cli, c->blocked_by));
        json_put_string(w, "blocked_why", c->blocked_why);
    }
    json_end_object(w);
}

static void print_json(struct cli *cli, const struct cron_list *list)
{
    struct json_writer w;

    json_init(&w, &cli->out, 2);
    json_begin_object(&w);
    json_key(&w, "jobs");
    json_begin_array(&w);
    for (uint32_t i = 0; i < list->count; i++)
        node_json(cli, list->item[i], &w);
    json_end_array(&w);
    json_end_object(&w);
    buf_add_char(&cli->out, '\n');
}

int cron_graph_run(struct cli *cli)
{
    struct cron_list list;
    int rc = cron_list(cli, &list);

    if (rc != 0)
        return rc;
    if (cli->json) {
        print_json(cli, &list);
    } else if (cli->dot) {
        print_dot(cli, &list);
    } else {
        for (uint32_t i = 0; i < list.count; i++)
            if (list.item[i]->n_after == 0)
                print_tree(cli, &list, list.item[i]);
    }
    return EXIT_OK;
}
