/* check, params: what can be said of job files without a cluster. */
#include "cli/command.h"
#include "cli/jobfile.h"

#include "wire/json.h"

#include <stdio.h>
#include <string.h>

/* --- check --- */

struct tally {
    size_t jobs, problems, files_bad;
};

static int check_file(struct cli *cli, const char *file, struct json_writer *w,
                      struct tally *tally)
{
    Perigee__Evaluation *evaluation = NULL;
    struct err err = {0};
    int rc = jobfile_look(cli, file, &evaluation, &err);

    if (cli->json) {
        json_begin_object(w);
        json_put_string(w, "file", file);
        json_put_bool(w, "ok", rc == 0 && evaluation->n_problems == 0);
        json_put_int(w, "jobs", rc == 0 ? (int64_t)evaluation->n_jobs : 0);
        json_key(w, "problems");
        json_begin_array(w);
        if (rc == 0)
            jobfile_problems_json(cli, w, file, evaluation);
        else
            jobfile_error_json(w, file, &err);
        json_end_array(w);
        json_key(w, "warnings");
        json_begin_array(w);
        if (rc == 0)
            (void)jobfile_warnings_json(w, evaluation);
        json_end_array(w);
        json_end_object(w);
    } else if (rc != 0) {
        (void)cli_fail(cli, EXIT_BAD_CONFIG, &err);
    } else if (evaluation->n_problems > 0) {
        jobfile_print_problems(cli, evaluation);
    } else {
        size_t warnings = jobfile_warn(cli, file, evaluation);
        buf_addf(&cli->out, "%s: fine, %zu job%s", file, evaluation->n_jobs,
                 evaluation->n_jobs == 1 ? "" : "s");
        if (warnings > 0)
            buf_addf(&cli->out, "; no cluster can do all of it yet (%zu)",
                     warnings);
        buf_add_char(&cli->out, '\n');
    }
    bool is_bad = rc != 0 || evaluation->n_problems > 0;
    tally->files_bad += is_bad;
    tally->problems += rc != 0 ? 1 : evaluation->n_problems;
    tally->jobs += rc == 0 ? evaluation->n_jobs : 0;
    jobfile_free(evaluation);
    return is_bad ? EXIT_BAD_CONFIG : EXIT_OK;
}

/* Every file is looked at, whatever the one before was like. */
int check_run(struct cli *cli)
{
    struct json_writer w;
    struct tally tally = {0};
    int worst = EXIT_OK;

    json_init(&w, &cli->out, 2);
    if (cli->json) {
        json_begin_object(&w);
        json_key(&w, "files");
        json_begin_array(&w);
    }
    for (int i = 0; i < cli->arg_count; i++) {
        int rc = check_file(cli, cli->arg[i], &w, &tally);
        worst = rc != 0 ? rc : worst;
    }
    if (cli->json) {
        json_end_array(&w);
        json_put_bool(&w, "ok", worst == EXIT_OK);
        json_put_int(&w, "jobs", (int64_t)tally.jobs);
        json_end_object(&w);
        buf_add_char(&cli->out, '\n');
    } else if (cli->arg_count > 1 && tally.files_bad > 0) {
        cli_say(cli, "%zu of %d files have mistakes", tally.files_bad,
                cli->arg_count);
    }
    return worst;
}

/* --- params --- */

static void param_json(struct json_writer *w, const Perigee__Parameter *p)
{
    json_begin_object(w);
    json_put_string(w, "name", p->name);
    json_put_string(w, "type", p->type);
    json_put_bool(w, "required", p->initial == NULL);
    if (p->initial != NULL)
        json_put_string(w, "default", p->initial);
    if (p->n_choices > 0) {
        json_key(w, "choices");
        json_begin_array(w);
        for (size_t i = 0; i < p->n_choices; i++)
            json_text(w, p->choices[i]);
        json_end_array(w);
    }
    if (p->min != NULL)
        json_put_string(w, "min", p->min);
    if (p->max != NULL)
        json_put_string(w, "max", p->max);
    if (p->help != NULL)
        json_put_string(w, "help", p->help);
    json_end_object(w);
}

/* "3 to 9", "a, b or c", "at least 1" */
static const char *range_text(struct cli *cli, const Perigee__Parameter *p)
{
    struct buf text = {0};

    for (size_t i = 0; i < p->n_choices; i++)
        buf_addf(&text, "%s%s",
                 i == 0                  ? ""
                 : i + 1 == p->n_choices ? " or "
                                         : ", ",
                 p->choices[i]);
    if (p->min != NULL && p->max != NULL)
        buf_addf(&text, "%s%s to %s", text.size ? "; " : "", p->min, p->max);
    else if (p->min != NULL || p->max != NULL)
        buf_addf(&text, "%sat %s %s", text.size ? "; " : "",
                 p->min ? "least" : "most", p->min ? p->min : p->max);
    const char *out = arena_strdup(&cli->arena, buf_text(&text));
    buf_release(&text);
    return out;
}

static void print_params(struct cli *cli, const Perigee__Evaluation *evaluation)
{
    size_t width[4] = {4, 4, 7, 6}; /* of the titles below */
    const char *cell[4];

    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1)
            buf_addf(&cli->out, "%-*s  %-*s  %-*s  %-*s  %s\n", (int)width[0],
                     "name", (int)width[1], "type", (int)width[2], "default",
                     (int)width[3], "values", "help");
        for (size_t i = 0; i < evaluation->n_parameters; i++) {
            const Perigee__Parameter *p = evaluation->parameters[i];
            cell[0] = p->name;
            cell[1] = p->type;
            cell[2] = p->initial ? p->initial : "(must be given)";
            cell[3] = range_text(cli, p);
            for (int c = 0; c < 4 && pass == 0; c++)
                if (strlen(cell[c]) > width[c])
                    width[c] = strlen(cell[c]);
            if (pass == 1)
                buf_addf(&cli->out, "%-*s  %-*s  %-*s  %-*s  %s\n",
                         (int)width[0], cell[0], (int)width[1], cell[1],
                         (int)width[2], cell[2], (int)width[3], cell[3],
                         p->help ? p->help : "");
        }
    }
}

/* A file whose parameters are missing has problems, and is listed all the
 * same: what is missing is the question. */
int params_run(struct cli *cli)
{
    Perigee__Evaluation *evaluation = NULL;
    struct json_writer w;
    struct err err = {0};
    const char *file = cli->arg[0];

    if (jobfile_look(cli, file, &evaluation, &err) != 0)
        return cli_fail(cli, EXIT_BAD_CONFIG, &err);
    if (evaluation->n_parameters == 0 && evaluation->n_problems > 0) {
        int rc = jobfile_report(cli, file, evaluation);
        jobfile_free(evaluation);
        return rc;
    }
    if (cli->json) {
        json_init(&w, &cli->out, 2);
        json_begin_array(&w);
        for (size_t i = 0; i < evaluation->n_parameters; i++)
            param_json(&w, evaluation->parameters[i]);
        json_end_array(&w);
        buf_add_char(&cli->out, '\n');
    } else if (evaluation->n_parameters == 0) {
        cli_say(cli, "%s declares no parameters", file);
    } else {
        print_params(cli, evaluation);
    }
    jobfile_free(evaluation);
    return EXIT_OK;
}
