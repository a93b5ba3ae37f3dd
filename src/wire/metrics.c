#include "wire/metrics.h"

#include "base/vec.h"
#include "wire/json.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct metric {
    enum metric_kind kind;
    const char *name, *mesos_name, *help, *labels; /* in the arena */
    double value;
};

void metrics_init(struct metrics *m)
{
    *m = (struct metrics){0};
    arena_init(&m->arena);
}

void metrics_release(struct metrics *m)
{
    arena_release(&m->arena);
    vec_free(m);
}

static const char *keep(struct metrics *m, const char *text)
{
    return text ? arena_strdup(&m->arena, text) : NULL;
}

void metrics_add(struct metrics *m, enum metric_kind kind, const char *name,
                 const char *mesos_name, const char *help, const char *labels,
                 double value)
{
    const struct metric *last = &m->item[m->count > 0 ? m->count - 1 : 0];
    bool same = m->count > 0 && strcmp(last->name, name) == 0;
    struct metric metric = {
        .kind = kind,
        .name = same ? last->name : keep(m, name),
        .mesos_name = keep(m, mesos_name),
        .help = same ? last->help : keep(m, help),
        .labels = keep(m, labels),
        .value = value,
    };
    *vec_add(m) = metric;
}

/* Backslash and newline are escaped everywhere, quotes inside labels. */
static void add_escaped(struct buf *out, const char *text, bool is_label)
{
    for (; *text; text++) {
        if (*text == '\n') {
            buf_add_text(out, "\\n");
            continue;
        }
        if (*text == '\\' || (is_label && *text == '"'))
            buf_add_char(out, '\\');
        buf_add_char(out, *text);
    }
}

const char *metric_label(struct metrics *m, const char *name, const char *value)
{
    struct buf text = {0};
    buf_addf(&text, "%s=\"", name);
    add_escaped(&text, value, true);
    buf_add_char(&text, '"');
    const char *label = arena_strndup(&m->arena, text.text, text.size);
    buf_release(&text);
    return label;
}

static void print_value(struct buf *out, double value)
{
    if (isnan(value))
        buf_add_text(out, "NaN");
    else if (isinf(value))
        buf_add_text(out, value > 0 ? "+Inf" : "-Inf");
    else
        buf_addf(out, "%.15g", value);
}

static void print_head(struct buf *out, const struct metric *metric)
{
    if (metric->help) {
        buf_addf(out, "# HELP %s ", metric->name);
        add_escaped(out, metric->help, false);
        buf_add_char(out, '\n');
    }
    buf_addf(out, "# TYPE %s %s\n", metric->name,
             metric->kind == METRIC_COUNTER ? "counter" : "gauge");
}

void metrics_print_text(const struct metrics *m, struct buf *out)
{
    const char *name = "";
    for (uint32_t i = 0; i < m->count; i++) {
        const struct metric *metric = &m->item[i];
        if (strcmp(metric->name, name) != 0)
            print_head(out, metric);
        name = metric->name;
        buf_add_text(out, name);
        if (metric->labels && *metric->labels)
            buf_addf(out, "{%s}", metric->labels);
        buf_add_char(out, ' ');
        print_value(out, metric->value);
        buf_add_char(out, '\n');
    }
}

void metrics_print_snapshot(const struct metrics *m, struct buf *out)
{
    struct json_writer w;
    json_init(&w, out, 0);
    json_begin_object(&w);
    for (uint32_t i = 0; i < m->count; i++) {
        if (!m->item[i].mesos_name)
            continue;
        json_key(&w, m->item[i].mesos_name);
        json_double(&w, m->item[i].value);
    }
    json_end_object(&w);
}
