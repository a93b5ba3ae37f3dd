/* test: run the assertions that stand beside job files. */
#include "cli/command.h"
#include "cli/jobfile.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct totals {
    uint32_t files, tests, expectations, failures;
};

/* --- for people --- */

static void print_failure(struct cli *cli, const Perigee__TestFailure *f)
{
    const char *red = cli_colour(cli, CLI_RED);
    const char *plain = cli_colour(cli, CLI_PLAIN);

    if (f->file != NULL)
        buf_addf(&cli->out, "%s:%u: ", f->file, f->line);
    if (f->test != NULL)
        buf_addf(&cli->out, "%s: ", f->test);
    buf_addf(&cli->out, "%s%s%s\n", red, f->message, plain);
    if (f->source != NULL && f->source[0] != '\0')
        buf_addf(&cli->out, "  %4u | %s\n", f->line, f->source);
}

static void print_report(struct cli *cli, const char *file,
                         const Perigee__Evaluation *evaluation)
{
    const Perigee__TestReport *r = evaluation->test;

    for (size_t i = 0; i < r->n_failures; i++)
        print_failure(cli, r->failures[i]);
    if (r->n_failures == 0) {
        buf_addf(&cli->out, "%s: %sfine%s, %u expectation%s in %u test%s\n",
                 file, cli_colour(cli, CLI_GREEN), cli_colour(cli, CLI_PLAIN),
                 r->expectations, r->expectations == 1 ? "" : "s", r->tests,
                 r->tests == 1 ? "" : "s");
        return;
    }
    buf_addf(&cli->out, "%s: %s%zu of %u expectations failed%s\n", file,
             cli_colour(cli, CLI_RED), r->n_failures, r->expectations,
             cli_colour(cli, CLI_PLAIN));
    if (evaluation->n_problems > 0)
        jobfile_print_problems(cli, evaluation);
}

/* --- for programs --- */

static void failure_json(struct json_writer *w, const Perigee__TestFailure *f)
{
    json_begin_object(w);
    if (f->test != NULL)
        json_put_string(w, "test", f->test);
    json_put_string(w, "message", f->message);
    if (f->file != NULL) {
        json_put_string(w, "file", f->file);
        json_put_int(w, "line", f->line);
        json_put_string(w, "source", f->source);
    }
    json_end_object(w);
}

static void report_json(const struct cli *cli, struct json_writer *w,
                        const char *file, const Perigee__Evaluation *evaluation)
{
    const Perigee__TestReport *r = evaluation->test;

    json_begin_object(w);
    json_put_string(w, "file", file);
    json_put_int(w, "tests", r != NULL ? r->tests : 0);
    json_put_int(w, "expectations", r != NULL ? r->expectations : 0);
    json_key(w, "failures");
    json_begin_array(w);
    for (size_t i = 0; r != NULL && i < r->n_failures; i++)
        failure_json(w, r->failures[i]);
    json_end_array(w);
    if (evaluation->n_problems > 0) {
        json_key(w, "problems");
        json_begin_array(w);
        jobfile_problems_json(cli, w, file, evaluation);
        json_end_array(w);
    }
    json_end_object(w);
}

/* --- the command --- */

/* The job file of what was named: also of its _test.lua. */
static const char *job_file(struct cli *cli, const char *named)
{
    static const char tail[] = "_test.lua";
    size_t size = strlen(named), end = sizeof tail - 1;

    if (size <= end || strcmp(named + size - end, tail) != 0)
        return named;
    return arena_printf(&cli->arena, "%.*s.lua", (int)(size - end), named);
}

static int check_files(struct cli *cli, const char *file)
{
    char *test = script_test_path(file);
    int rc = EXIT_OK;

    if (access(file, R_OK) != 0)
        rc = cli_refuse(cli, EXIT_BAD_CONFIG, NULL, "job file '%s': not there",
                        file);
    else if (access(test, R_OK) != 0)
        rc = cli_refuse(cli, EXIT_BAD_CONFIG,
                        "write expect(...):equals(...) lines into it; man "
                        "clusterctl has an example",
                        "%s has no tests: %s is not there", file, test);
    free(test);
    return rc;
}

static int test_file(struct cli *cli, const char *file, struct json_writer *w,
                     struct totals *totals)
{
    Perigee__Evaluation *evaluation = NULL;
    struct err err = {0};
    int rc = check_files(cli, file);

    if (rc != 0)
        return rc;
    if (script_test_file(file, cli->root, cli->parameter, cli->parameter_count,
                         &evaluation, &err) < 0)
        return cli_fail(cli, EXIT_BAD_CONFIG, &err);
    const Perigee__TestReport *r = evaluation->test;
    totals->files++;
    if (r != NULL) {
        totals->tests += r->tests;
        totals->expectations += r->expectations;
        totals->failures += (uint32_t)r->n_failures;
        rc = r->n_failures > 0 ? EXIT_FAILED : EXIT_OK;
    } else {
        rc = EXIT_BAD_CONFIG;
    }
    if (cli->json)
        report_json(cli, w, file, evaluation);
    else if (r == NULL)
        jobfile_print_problems(cli, evaluation);
    else
        print_report(cli, file, evaluation);
    jobfile_free(evaluation);
    return rc;
}

int test_run(struct cli *cli)
{
    struct totals totals = {0};
    struct json_writer w;
    int worst = EXIT_OK;

    json_init(&w, &cli->out, 2);
    if (cli->json) {
        json_begin_object(&w);
        json_key(&w, "files");
        json_begin_array(&w);
    }
    for (int i = 0; i < cli->arg_count; i++) {
        int rc = test_file(cli, job_file(cli, cli->arg[i]), &w, &totals);
        worst = rc != 0 ? rc : worst;
        if (rc != 0 && cli->json && totals.files != (uint32_t)i + 1)
            return rc; /* the error is the document */
    }
    if (cli->json) {
        json_end_array(&w);
        json_put_bool(&w, "ok", worst == EXIT_OK);
        json_put_int(&w, "tests", totals.tests);
        json_put_int(&w, "expectations", totals.expectations);
        json_put_int(&w, "failures", totals.failures);
        json_end_object(&w);
        buf_add_char(&cli->out, '\n');
    } else if (cli->arg_count > 1) {
        buf_addf(&cli->out, "%u files, %u expectations, %u failed\n",
                 totals.files, totals.expectations, totals.failures);
    }
    return worst;
}
