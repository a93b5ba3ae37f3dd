/* The graph of a task's processes. */
#include "base/text.h"
#include "script/job_check.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { PROCESSES_MAX = 1000, FIELD_TEXT_MAX = 64, MESSAGE_TEXT_MAX = 400 };

struct graph {
    const Perigee__TaskConfig *task;
    job_problem *problem;
    void *context;
    uint8_t after[PROCESSES_MAX][PROCESSES_MAX / 8]; /* [a] bit b: b waits */
    uint16_t waits[PROCESSES_MAX];                   /* how many it waits for */
};

static void tell(const struct graph *g, const char *field, size_t at,
                 const char *message, const char *expected, const char *nearest)
{
    char text[FIELD_TEXT_MAX];
    snprintf(text, sizeof text, "%s[%zu]", field, at + 1);
    g->problem(g->context, text, message, expected, nearest);
}

static const Perigee__Process *process_at(const struct graph *g, size_t at)
{
    return g->task->processes[at];
}

static size_t find(const struct graph *g, const char *name)
{
    size_t at = 0;
    while (at < g->task->n_processes &&
           strcmp(process_at(g, at)->name, name) != 0)
        at++;
    return at;
}

static void check_names(const struct graph *g)
{
    char message[MESSAGE_TEXT_MAX];
    for (size_t i = 1; i < g->task->n_processes; i++) {
        size_t first = find(g, process_at(g, i)->name);
        if (first == i)
            continue;
        snprintf(message, sizeof message,
                 "two processes are named '%.60s' (%zu and %zu)",
                 process_at(g, i)->name, first + 1, i + 1);
        g->problem(g->context, "processes", message, "want names that differ",
                   NULL);
    }
}

static void unknown_process(const struct graph *g, size_t chain,
                            const char *name)
{
    const char *names[PROCESSES_MAX + 1];
    char message[MESSAGE_TEXT_MAX];
    size_t count = g->task->n_processes;
    for (size_t i = 0; i < count; i++)
        names[i] = process_at(g, i)->name;
    names[count] = NULL;
    snprintf(message, sizeof message, "order names no process: '%.60s'", name);
    tell(g, "constraints", chain, message, NULL, text_nearest(name, names));
}

/* May `b` wait for `a`? */
static void check_edge(const struct graph *g, size_t chain, size_t a, size_t b)
{
    const Perigee__Process *before = process_at(g, a),
                           *after = process_at(g, b);
    const char *what = NULL, *expected = NULL;
    char message[MESSAGE_TEXT_MAX];
    if (before->final != after->final) {
        snprintf(message, sizeof message,
                 "order mixes '%.60s' and '%.60s', of which one is final",
                 before->name, after->name);
        tell(g, "constraints", chain, message,
             "want final processes in an order of their own: they run last "
             "anyway",
             NULL);
        return;
    }
    if (before->daemon) {
        what = "the daemon";
        expected = "want an order without it: a daemon never ends";
    } else if (before->ephemeral && !after->ephemeral) {
        what = "the ephemeral";
        expected = "want an order without it: it may not have run";
    }
    if (what == NULL)
        return;
    snprintf(message, sizeof message, "'%.60s' waits for %s '%.60s'",
             after->name, what, before->name);
    tell(g, "constraints", chain, message, expected, NULL);
}

static void add_edge(struct graph *g, size_t chain, size_t a, size_t b)
{
    uint8_t bit = (uint8_t)(1u << (b % 8));
    if (g->after[a][b / 8] & bit)
        return;
    g->after[a][b / 8] |= bit;
    g->waits[b]++;
    check_edge(g, chain, a, b);
}

static void add_chain(struct graph *g, size_t at)
{
    const Perigee__OrderChain *chain = g->task->constraints[at];
    size_t last = g->task->n_processes;
    for (size_t i = 0; i < chain->n_order; i++) {
        size_t one = find(g, chain->order[i]);
        if (one == g->task->n_processes) {
            unknown_process(g, at, chain->order[i]);
            continue;
        }
        if (last != g->task->n_processes)
            add_edge(g, at, last, one);
        last = one;
    }
}

static bool has_edge(const struct graph *g, size_t a, size_t b)
{
    return g->after[a][b / 8] & (1u << (b % 8));
}

/* Take away, again and again, what waits for nothing; 0 left: no cycle. */
static size_t reduce(struct graph *g, bool gone[PROCESSES_MAX])
{
    size_t count = g->task->n_processes, left = count;
    bool is_moving = true;
    while (is_moving) {
        is_moving = false;
        for (size_t a = 0; a < count; a++) {
            if (gone[a] || g->waits[a] > 0)
                continue;
            gone[a] = is_moving = true;
            left--;
            for (size_t b = 0; b < count; b++)
                if (has_edge(g, a, b))
                    g->waits[b]--;
        }
    }
    return left;
}

/* Someone that is left waits for another that is left: walk back until a
 * process comes again. */
static void tell_cycle(const struct graph *g, const bool gone[PROCESSES_MAX])
{
    size_t count = g->task->n_processes, at = 0, length = 0;
    size_t path[PROCESSES_MAX + 1];
    bool seen[PROCESSES_MAX] = {0};
    while (gone[at])
        at++;
    for (;; length++) {
        path[length] = at;
        if (seen[at])
            break;
        seen[at] = true;
        size_t before = 0;
        while (gone[before] || !has_edge(g, before, at))
            before++;
        assert(before < count);
        at = before;
    }
    char message[MESSAGE_TEXT_MAX];
    int used = snprintf(message, sizeof message, "order has a cycle: %.40s",
                        process_at(g, at)->name);
    size_t shown = 0;
    while (length > 0 && path[length - 1] != at && shown++ < 6)
        used += snprintf(message + used, sizeof message - (size_t)used,
                         " -> %.40s", process_at(g, path[--length])->name);
    snprintf(message + used, sizeof message - (size_t)used, "%s -> %.40s",
             length > 0 && path[length - 1] != at ? " -> ..." : "",
             process_at(g, at)->name);
    g->problem(g->context, "constraints", message, NULL, NULL);
}

static const char *output_name(const Perigee__Fetch *fetch)
{
    const char *slash = strrchr(fetch->uri, '/');
    if (fetch->output != NULL && fetch->output[0] != '\0')
        return fetch->output;
    return slash != NULL ? slash + 1 : fetch->uri;
}

static void check_fetch(const struct graph *g)
{
    const Perigee__TaskConfig *task = g->task;
    char message[MESSAGE_TEXT_MAX];
    for (size_t i = 1; i < task->n_fetch; i++) {
        for (size_t j = 0; j < i; j++) {
            const char *name = output_name(task->fetch[i]);
            if (strcmp(output_name(task->fetch[j]), name) != 0)
                continue;
            snprintf(message, sizeof message,
                     "two fetches put '%.60s' into the sandbox", name);
            tell(g, "fetch", i, message,
                 "want names that differ: output = ", NULL);
            break;
        }
    }
}

void task_check(const Perigee__TaskConfig *task, job_problem *problem,
                void *context)
{
    struct graph g;
    bool gone[PROCESSES_MAX] = {0};
    g.task = task;
    g.problem = problem;
    g.context = context;
    check_fetch(&g);
    if (task->n_processes > PROCESSES_MAX)
        return; /* its own problem, by the schema */
    check_names(&g);
    if (task->n_constraints == 0)
        return; /* the usual case, and the graph is large */
    memset(g.after, 0, sizeof g.after);
    memset(g.waits, 0, sizeof g.waits);
    for (size_t i = 0; i < task->n_constraints; i++)
        add_chain(&g, i);
    if (reduce(&g, gone) > 0)
        tell_cycle(&g, gone);
}
