/* Problems as people read them:
 *
 *   hello.lua:12: unknown field 'rma', did you mean 'ram'?
 *     in Resources begun at hello.lua:11 (web.task.resources.rma)
 *     12 |   rma = 256*MB,
 *        |   ^^^
 */
#include "script/evaluate.h"
#include <stdio.h>
#include <string.h>

enum { PRINTED_MAX = 50 };

static const char *const BOLD = "\033[1m", *const RED = "\033[31m",
                         *const PLAIN = "\033[0m";

static void add_colour(struct buf *out, bool colour, const char *code)
{
    if (colour)
        buf_add_text(out, code);
}

static void print_head(const Perigee__Problem *p, bool colour, struct buf *out)
{
    add_colour(out, colour, BOLD);
    if (p->file != NULL && p->has_line)
        buf_addf(out, "%s:%u: ", p->file, p->line);
    else if (p->file != NULL)
        buf_addf(out, "%s: ", p->file);
    add_colour(out, colour, PLAIN);
    buf_add_text(out, p->message != NULL ? p->message : "?");
    if (p->expected != NULL)
        buf_addf(out, ": %s", p->expected);
    if (p->nearest != NULL)
        buf_addf(out, ", did you mean '%s'?", p->nearest);
    if (p->count > 1)
        buf_addf(out, " (%u times)", p->count);
}

void script_print_problem(const Perigee__Problem *problem, struct buf *out)
{
    print_head(problem, false, out);
}

static void print_context(const Perigee__Problem *p, struct buf *out)
{
    bool has_field = p->field != NULL && p->field[0] != '\0';
    if (p->object == NULL && !has_field)
        return;
    buf_addf(out, "  in %s", p->object != NULL ? p->object : p->field);
    if (p->object != NULL && has_field)
        buf_addf(out, " (%s)", p->field);
    buf_add_char(out, '\n');
}

/* The mark stands under what it marks: tabs stay tabs, and a character is one
 * column whatever its bytes. */
static void print_mark(const Perigee__Problem *p, bool colour, struct buf *out)
{
    size_t size = strlen(p->source), begin = p->mark - 1;
    for (size_t i = 0; i < begin && i < size; i++)
        if (((unsigned char)p->source[i] & 0xc0) != 0x80)
            buf_add_char(out, p->source[i] == '\t' ? '\t' : ' ');
    add_colour(out, colour, RED);
    for (size_t i = begin; i < begin + p->mark_size && i < size; i++)
        if (((unsigned char)p->source[i] & 0xc0) != 0x80)
            buf_add_char(out, '^');
    add_colour(out, colour, PLAIN);
    buf_add_char(out, '\n');
}

static void print_source(const Perigee__Problem *p, bool colour,
                         struct buf *out)
{
    if (p->source == NULL || p->source[0] == '\0' || !p->has_line)
        return;
    buf_addf(out, "%6u | %s\n", p->line, p->source);
    if (p->mark > 0 && p->mark <= strlen(p->source)) {
        buf_add_text(out, "       | ");
        print_mark(p, colour, out);
    }
}

void script_print_problems(const Perigee__Evaluation *evaluation, bool colour,
                           struct buf *out)
{
    size_t left_out = 0;
    for (size_t i = 0; i < evaluation->n_problems; i++) {
        const Perigee__Problem *p = evaluation->problems[i];
        /* The one that ended the run is always told. */
        if (i >= PRINTED_MAX && !p->runtime) {
            left_out++;
            continue;
        }
        print_head(p, colour, out);
        buf_add_char(out, '\n');
        print_context(p, out);
        print_source(p, colour, out);
        if (p->runtime)
            buf_add_text(out, "  evaluation stopped here\n");
    }
    if (left_out > 0)
        buf_addf(out, "and %zu more\n", left_out);
}
