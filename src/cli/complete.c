/* complete: what a shell offers. `clusterctl complete -- AT WORDS...`: WORDS
 * are those behind "clusterctl", AT is the place of the one being typed, which
 * may be one behind the last. */
#include "cli/complete.h"
#include "cli/command.h"
#include "cli/jobfile.h"

#include "base/text.h"
#include "script/help.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct typing {
    struct cli *cli;
    char **word;
    int count;        /* words before the one being typed */
    const char *last; /* which is this; "" when nothing of it is there */
    const char *head; /* of the word, before `last`: "--for=", or "" */
};

void complete_offer(struct cli *cli, const char *word, const char *candidate,
                    const char *meaning)
{
    if (strncmp(candidate, word, strlen(word)) != 0)
        return;
    buf_add_text(&cli->out, candidate);
    if (meaning != NULL)
        buf_addf(&cli->out, "\t%s", meaning);
    buf_add_char(&cli->out, '\n');
}

static void offer(const struct typing *t, const char *candidate,
                  const char *meaning)
{
    const char *head = t->head != NULL ? t->head : "";
    struct arena *arena = &t->cli->arena;

    complete_offer(t->cli, arena_printf(arena, "%s%s", head, t->last),
                   arena_printf(arena, "%s%s", head, candidate), meaning);
}

/* --- verbs --- */

/* The first word of each; the second ones behind the first. */
static void offer_verbs(const struct typing *t, const char *first)
{
    const struct command *c;
    size_t size = strlen(first);

    for (int i = 0; (c = command_at(i)) != NULL; i++) {
        const char *space = strchr(c->name, ' ');
        if (c->summary == NULL)
            continue;
        if (*first == '\0' && space == NULL)
            offer(t, c->name, c->summary);
        else if (*first != '\0' && space != NULL &&
                 (size_t)(space - c->name) == size &&
                 strncmp(c->name, first, size) == 0)
            offer(t, space + 1, c->summary);
    }
}

static void offer_help(const struct typing *t)
{
    if (t->count == 1) {
        offer_verbs(t, "");
        offer(t, "object", "explain the job language");
    } else if (strcmp(t->word[1], "object") == 0 && t->count == 2) {
        for (const struct help_page *page = HELP; page->name != NULL; page++)
            offer(t, page->name, NULL);
    } else if (t->count == 2) {
        offer_verbs(t, t->word[1]);
    }
}

/* --- options --- */

static void offer_options(const struct typing *t, const struct command *command)
{
    struct option_info o;

    for (int i = 0; command_option(command, i, &o); i++)
        offer(t, arena_printf(&t->cli->arena, "--%s", o.name), o.help);
    offer(t, "--help", "explain this command");
}

/* The option that `word` is, when its value is the next word. */
static bool wants_value(const struct command *command, const char *word,
                        struct option_info *out)
{
    if (word[0] != '-' || strchr(word, '=') != NULL)
        return false;
    for (int i = 0; command_option(command, i, out); i++)
        if (out->value != NULL &&
            ((word[1] == '-' && strcmp(word + 2, out->name) == 0) ||
             (word[1] == out->letter && word[1] != '-' && word[2] == '\0')))
            return true;
    return false;
}

static const char *file_among(const struct typing *t)
{
    for (int i = t->count - 1; i >= 0; i--) {
        size_t size = strlen(t->word[i]);
        if (size > 4 && strcmp(t->word[i] + size - 4, ".lua") == 0 &&
            access(t->word[i], R_OK) == 0)
            return t->word[i];
    }
    return NULL;
}

/* NAME= of the parameters of the file on the line. */
static void offer_parameters(const struct typing *t)
{
    const char *file = file_among(t);
    Perigee__Evaluation *evaluation = NULL;

    if (file == NULL ||
        jobfile_look(t->cli, file, &evaluation, &(struct err){0}) < 0)
        return;
    for (size_t i = 0; i < evaluation->n_parameters; i++) {
        const Perigee__Parameter *p = evaluation->parameters[i];
        const char *equals = arena_printf(&t->cli->arena, "%s=", p->name);
        offer(t, equals, p->help);
        for (size_t k = 0;
             k < p->n_choices && strncmp(t->last, equals, strlen(equals)) == 0;
             k++)
            offer(t,
                  arena_printf(&t->cli->arena, "%s%s", equals, p->choices[k]),
                  NULL);
    }
    jobfile_free(evaluation);
}

static void offer_value(const struct typing *t, const struct option_info *o)
{
    static const char *const states[] = {"PENDING", "RUNNING", "FINISHED",
                                         "GONE"};
    bool is_for = strcmp(o->name, "for") == 0;

    if (strcmp(o->value, "DIR") == 0)
        buf_add_text(&t->cli->out, ":folders\n");
    else if (strcmp(o->value, "NAME=VALUE") == 0)
        offer_parameters(t);
    else if (strcmp(o->value, "STATE") == 0)
        for (int i = is_for ? 1 : 0; i < (is_for ? 4 : 3); i++)
            offer(t, states[i], NULL);
}

/* --- arguments --- */

/* The at-th word of "KEY [FILE]", without what surrounds it. "FILE..." goes on
 * for ever. */
static const char *argument_kind(struct cli *cli, const char *usage, int at)
{
    for (int i = 0;; i++) {
        size_t size = strcspn(usage, " ");
        bool repeats = size > 3 && strncmp(usage + size - 3, "...", 3) == 0;
        if (i == at || repeats)
            return arena_strndup(&cli->arena, usage, size);
        if (usage[size] == '\0')
            return "";
        usage += size + 1;
    }
}

static void offer_argument(const struct typing *t,
                           const struct command *command, int at)
{
    const char *kind = argument_kind(t->cli, command->usage, at);

    bool is_group = strncmp(command->name, "group ", 6) == 0;

    if (strstr(kind, "KEY") != NULL || strstr(kind, "CLUSTER") != NULL)
        complete_keys(t->cli, t->last, is_group);
    else if (strstr(kind, "FILE") != NULL)
        buf_add_text(&t->cli->out, ":files\n");
}

/* "--for=RU": the value in the same word. */
static bool offer_joined(const struct typing *t, const struct command *command)
{
    const char *equals = strchr(t->last, '=');
    struct typing inner = *t;
    struct option_info o;

    if (strncmp(t->last, "--", 2) != 0 || equals == NULL)
        return false;
    inner.head =
        arena_strndup(&t->cli->arena, t->last, (size_t)(equals + 1 - t->last));
    inner.last = equals + 1;
    const char *name =
        arena_strndup(&t->cli->arena, t->last, (size_t)(equals - t->last));
    if (wants_value(command, name, &o))
        offer_value(&inner, &o);
    return true;
}

static void offer_rest(const struct typing *t, const struct command *command,
                       int words)
{
    struct option_info o;
    int arguments = 0;

    for (int i = words; i < t->count; i++) {
        if (wants_value(command, t->word[i], &o)) {
            if (i + 1 == t->count) {
                offer_value(t, &o);
                return;
            }
            i++;
        } else if (t->word[i][0] != '-') {
            arguments++;
        }
    }
    if (offer_joined(t, command))
        return;
    if (t->last[0] == '-')
        offer_options(t, command);
    else
        offer_argument(t, command, arguments);
}

/* --- the command --- */

int complete_run(struct cli *cli)
{
    int64_t at;
    struct typing t = {.cli = cli, .last = ""};
    int words = 0;

    if (text_int(cli->arg[0], 0, cli->arg_count - 1, &at, NULL) != 0)
        return EXIT_BAD_PARAMETER;
    t.word = (char **)(uintptr_t)(cli->arg + 1);
    t.count = (int)at;
    if (t.count + 1 < cli->arg_count)
        t.last = cli->arg[t.count + 1];
    if (t.count == 0) {
        offer_verbs(&t, "");
        offer(&t, "help", "explain a command, or the job language");
        return EXIT_OK;
    }
    if (strcmp(t.word[0], "help") == 0) {
        offer_help(&t);
        return EXIT_OK;
    }
    const struct command *command = command_find(t.count, t.word, &words);
    if (t.count == 1)
        offer_verbs(&t, t.word[0]);
    if (command != NULL && cli->out.size == 0)
        offer_rest(&t, command, words);
    return EXIT_OK;
}
