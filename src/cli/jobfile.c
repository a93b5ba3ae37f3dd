/* Choosing, evaluating and searching job files. */
#include "cli/jobfile.h"

#include "script/honour.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int jobfile_choose(struct cli *cli, const struct job_key *key, int index,
                   const char **out)
{
    if (index < cli->arg_count) {
        *out = cli->arg[index];
        return 0;
    }
    const char *named = arena_printf(&cli->arena, "./%s.lua", key->name);
    *out = access(named, R_OK) == 0 ? named : "./jobs.lua";
    if (access(*out, R_OK) != 0)
        return cli_refuse(cli, EXIT_BAD_CONFIG, "name the job file: KEY FILE",
                          "no job file: neither %s nor ./jobs.lua is here",
                          named);
    cli_say(cli, "using %s", *out);
    return 0;
}

void jobfile_problems_json(const struct cli *cli, struct json_writer *w,
                           const char *file,
                           const Perigee__Evaluation *evaluation)
{
    for (size_t i = 0; i < evaluation->n_problems; i++) {
        const Perigee__Problem *p = evaluation->problems[i];
        json_begin_object(w);
        json_put_string(w, "message", p->message ? p->message : "");
        json_put_string(w, "file", p->file ? p->file : file);
        json_put_int(w, "line", p->line);
        if (p->object != NULL)
            json_put_string(w, "object", p->object);
        if (p->field != NULL)
            json_put_string(w, "field", p->field);
        if (p->source != NULL)
            json_put_string(w, "source", p->source);
        if (p->has_mark)
            json_put_int(w, "column", p->mark);
        if (p->expected != NULL)
            json_put_string(w, "expected", p->expected);
        if (p->nearest != NULL)
            json_put_string(w, "nearest", p->nearest);
        if (p->count > 1)
            json_put_int(w, "count", p->count);
        json_put_bool(w, "runtime", p->runtime);
        if (cli->verbose && p->traceback != NULL)
            json_put_string(w, "traceback", p->traceback);
        json_end_object(w);
    }
}

void jobfile_error_json(struct json_writer *w, const char *file,
                        const struct err *err)
{
    json_begin_object(w);
    json_put_string(w, "message", err->text);
    json_put_string(w, "file", file);
    json_end_object(w);
}

/* The problems as data: {"error": {..., "problems": [...]}}. */
static void report_json(struct cli *cli, const char *file,
                        const Perigee__Evaluation *evaluation)
{
    struct json_writer w;

    buf_clear(&cli->out);
    json_init(&w, &cli->out, 2);
    json_begin_object(&w);
    json_key(&w, "error");
    json_begin_object(&w);
    json_put_string(&w, "code", "INVALID");
    json_put_string(&w, "message", "the job file has mistakes");
    json_put_string(&w, "place", file);
    json_key(&w, "problems");
    json_begin_array(&w);
    jobfile_problems_json(cli, &w, file, evaluation);
    json_end_array(&w);
    json_end_object(&w);
    json_end_object(&w);
    buf_add_char(&cli->out, '\n');
}

void jobfile_print_problems(struct cli *cli,
                            const Perigee__Evaluation *evaluation)
{
    struct buf text = {0};

    cli_progress_done(cli);
    script_print_problems(evaluation, cli->talks, &text);
    fputs(buf_text(&text), stderr);
    buf_release(&text);
    for (size_t i = 0; cli->verbose && i < evaluation->n_problems; i++)
        if (evaluation->problems[i]->traceback != NULL)
            fprintf(stderr, "%s\n", evaluation->problems[i]->traceback);
}

/* --- what the cluster cannot do --- */

enum { WARNINGS_MAX = 20 }; /* shown of one file */

struct warner {
    struct cli *cli;       /* to people, or */
    struct json_writer *w; /* to programs */
    const char *file;
    const Perigee__Job *job; /* NULL: it is about the whole file */
    size_t count;
};

static void warn(void *context, const char *field, const char *reason)
{
    struct warner *to = context;
    const Perigee__Job *job = to->job;
    char key[JOB_KEY_TEXT_MAX] = "";

    if (job != NULL)
        (void)snprintf(key, sizeof key, "%s/%s/%s/%s", job->cluster, job->role,
                       job->environment, job->name);
    to->count++;
    if (to->cli != NULL && to->count <= WARNINGS_MAX) {
        const char *yellow = to->cli->talks ? "\033[33m" : "";
        cli_say(to->cli, "%swarning:%s %s: %s%s%s: %s", yellow,
                to->cli->talks ? "\033[0m" : "", to->file, key,
                job != NULL ? ": " : "", field, reason);
    }
    if (to->w == NULL)
        return;
    json_begin_object(to->w);
    if (job != NULL)
        json_put_string(to->w, "job", key);
    json_put_string(to->w, "field", field);
    json_put_string(to->w, "reason", reason);
    json_end_object(to->w);
}

static size_t warn_all(struct warner *to, const Perigee__Evaluation *evaluation)
{
    for (size_t i = 0; i < evaluation->n_jobs; i++) {
        to->job = evaluation->jobs[i];
        (void)honour_check(to->job, warn, to);
    }
    to->job = NULL;
    (void)honour_check_file(evaluation, warn, to);
    return to->count;
}

size_t jobfile_warn(struct cli *cli, const char *file,
                    const Perigee__Evaluation *evaluation)
{
    struct warner to = {.cli = cli, .file = file};

    if (warn_all(&to, evaluation) > WARNINGS_MAX)
        cli_say(cli, "warning: %s: and %zu more like these", file,
                to.count - WARNINGS_MAX);
    return to.count;
}

size_t jobfile_warnings_json(struct json_writer *w,
                             const Perigee__Evaluation *evaluation)
{
    struct warner to = {.w = w};

    return warn_all(&to, evaluation);
}

int jobfile_report(struct cli *cli, const char *file,
                   const Perigee__Evaluation *evaluation)
{
    if (cli->json)
        report_json(cli, file, evaluation);
    else
        jobfile_print_problems(cli, evaluation);
    return EXIT_BAD_CONFIG;
}

int jobfile_look(struct cli *cli, const char *file, Perigee__Evaluation **out,
                 struct err *err)
{
    return script_evaluate_file(file, cli->root, cli->parameter,
                                cli->parameter_count, &SCRIPT_LIMITS, out, err);
}

int jobfile_evaluate(struct cli *cli, const char *file,
                     Perigee__Evaluation **out)
{
    struct err err = {0};

    if (jobfile_look(cli, file, out, &err) < 0)
        return cli_fail(cli, EXIT_BAD_CONFIG, &err);
    if ((*out)->n_problems == 0)
        return 0;
    int rc = jobfile_report(cli, file, *out);
    jobfile_free(*out);
    *out = NULL;
    return rc;
}

void jobfile_free(Perigee__Evaluation *evaluation)
{
    if (evaluation != NULL)
        perigee__evaluation__free_unpacked(evaluation, NULL);
}

struct job_key jobfile_key(const Perigee__Job *job)
{
    struct job_key key = {0};

    /* An evaluated job has passed the same checks. */
    (void)job_key_make(job->cluster, job->role, job->environment, job->name,
                       &key, NULL);
    return key;
}

bool jobfile_is(const Perigee__Job *job, const struct job_key *key)
{
    return strcmp(job->cluster, key->cluster) == 0 &&
           strcmp(job->role, key->role) == 0 &&
           strcmp(job->environment, key->env) == 0 &&
           strcmp(job->name, key->name) == 0;
}

int jobfile_find(struct cli *cli, const char *file,
                 const Perigee__Evaluation *evaluation,
                 const struct job_key *key, const Perigee__Job **out)
{
    struct buf known = {0};
    char text[JOB_KEY_TEXT_MAX];

    for (size_t i = 0; i < evaluation->n_jobs; i++)
        if (jobfile_is(evaluation->jobs[i], key)) {
            *out = evaluation->jobs[i];
            buf_release(&known);
            return 0;
        }
    for (size_t i = 0; i < evaluation->n_jobs && i < 20; i++) {
        const Perigee__Job *job = evaluation->jobs[i];
        buf_addf(&known, "%s%s/%s/%s/%s", i ? ", " : "", job->cluster,
                 job->role, job->environment, job->name);
    }
    int rc = cli_refuse(
        cli, EXIT_BAD_CONFIG,
        known.size
            ? arena_printf(&cli->arena, "it has %s", buf_text(&known))
            : "it returns no jobs; `return { Service {...} }` at its end",
        "%s has no job %s", file, job_key_text(key, text));
    buf_release(&known);
    return rc;
}
