/* inspect: what a job says, from its file without a cluster, or as the
 * scheduler has stored it; --source: the files that a stored job came from. */
#include "cli/api.h"
#include "cli/command.h"
#include "cli/fields.h"
#include "cli/jobfile.h"

#include "wire/codec.h"
#include "wire/json.h"

#include <string.h>

enum { LABEL_WIDTH = 22 };

/* --- a job, field by field --- */

/* Lines behind the first stand below it. */
static void print_text(struct cli *cli, const char *text, int indent)
{
    for (const char *line = text;;) {
        size_t size = strcspn(line, "\n");
        buf_add(&cli->out, line, size);
        buf_add_char(&cli->out, '\n');
        if (line[size] == '\0' || line[size + 1] == '\0')
            return;
        line += size + 1;
        buf_addf(&cli->out, "%*s", indent, "");
    }
}

static void print_line(struct cli *cli, const struct field_line *line)
{
    int indent = 2 + 2 * line->depth;
    int width = LABEL_WIDTH - 2 * line->depth;
    int size = (int)strlen(line->label);

    if (line->text == NULL) {
        buf_addf(&cli->out, "%*s%s%s%s\n", indent, "",
                 cli_colour(cli, CLI_BOLD), line->label,
                 cli_colour(cli, CLI_PLAIN));
        return;
    }
    if (width < size)
        width = size;
    buf_addf(&cli->out, "%*s%s%s%s%*s  ", indent, "", cli_colour(cli, CLI_DIM),
             line->label, cli_colour(cli, CLI_PLAIN), width - size, "");
    print_text(cli, line->text, indent + width + 2);
}

static void print_job(struct cli *cli, const Perigee__Job *job)
{
    static const char *const skip[] = {"cluster", "role", "environment", "name",
                                       NULL};
    struct field_list list = {0};

    buf_addf(&cli->out, "%sjob %s/%s/%s/%s%s\n", cli_colour(cli, CLI_BOLD),
             job->cluster, job->role, job->environment, job->name,
             cli_colour(cli, CLI_PLAIN));
    fields_of(&job->base, skip, &cli->arena, &list);
    for (uint32_t i = 0; i < list.count; i++)
        print_line(cli, &list.item[i]);
    vec_free(&list);
}

static void show_job(struct cli *cli, const Perigee__Job *job)
{
    if (cli->json)
        api_print_json(cli, &job->base);
    else
        print_job(cli, job);
}

static int inspect_file(struct cli *cli, const struct job_key *key,
                        const char *file)
{
    Perigee__Evaluation *evaluation = NULL;
    const Perigee__Job *job;
    int rc = jobfile_evaluate(cli, file, &evaluation);

    if (rc == 0)
        rc = jobfile_find(cli, file, evaluation, key, &job);
    if (rc == 0)
        show_job(cli, job);
    jobfile_free(evaluation);
    return rc;
}

/* --- the stored source --- */

static void source_json(struct cli *cli, const char *hash,
                        const Perigee__Bundle *bundle)
{
    struct json_writer w;

    json_init(&w, &cli->out, 2);
    json_begin_object(&w);
    json_put_string(&w, "bundle_hash", hash);
    json_put_string(&w, "entry", bundle->entry);
    json_put_string(&w, "stdlib_hash", bundle->stdlib_hash);
    json_key(&w, "parameters");
    json_begin_object(&w);
    for (size_t i = 0; i < bundle->n_parameters; i++)
        json_put_string(&w, bundle->parameters[i]->name,
                        bundle->parameters[i]->value);
    json_end_object(&w);
    json_key(&w, "files");
    json_begin_array(&w);
    for (size_t i = 0; i < bundle->n_files; i++) {
        const Perigee__BundleFile *file = bundle->files[i];
        json_begin_object(&w);
        json_put_string(&w, "path", file->path);
        json_put_bool(&w, "asset", file->asset);
        json_put_string(&w, "sha256", file->sha256);
        json_put_int(&w, "size_bytes", (int64_t)file->size_bytes);
        if (!file->asset) {
            json_key(&w, "content");
            json_text_n(&w, bytes_of(file->content.data, file->content.len));
        }
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    buf_add_char(&cli->out, '\n');
}

static void source_text(struct cli *cli, const Perigee__Bundle *bundle)
{
    const char *dim = cli_colour(cli, CLI_DIM);
    const char *plain = cli_colour(cli, CLI_PLAIN);

    for (size_t i = 0; i < bundle->n_parameters; i++)
        buf_addf(&cli->out, "%s-- parameter %s = %s%s\n", dim,
                 bundle->parameters[i]->name, bundle->parameters[i]->value,
                 plain);
    for (size_t i = 0; i < bundle->n_files; i++) {
        const Perigee__BundleFile *file = bundle->files[i];
        bool is_entry = strcmp(file->path, bundle->entry) == 0;
        buf_addf(&cli->out, "%s-- %s%s, %llu bytes, sha256 %.12s%s\n", dim,
                 file->path,
                 file->asset ? " (asset)"
                 : is_entry  ? " (the job file)"
                             : "",
                 (unsigned long long)file->size_bytes, file->sha256, plain);
        if (file->asset)
            continue;
        buf_add(&cli->out, file->content.data, file->content.len);
        if (file->content.len > 0 &&
            file->content.data[file->content.len - 1] != '\n')
            buf_add_char(&cli->out, '\n');
    }
}

static int inspect_source(struct cli *cli, const struct job_key *key,
                          const Perigee__Job *job)
{
    const Perigee__Bundle *bundle;
    char text[JOB_KEY_TEXT_MAX];

    if (job->bundle_hash == NULL || job->bundle_hash[0] == '\0')
        return cli_refuse(cli, EXIT_FAILED,
                          "it was created from JSON; `clusterctl inspect KEY` "
                          "shows what is stored",
                          "job %s came from no job file",
                          job_key_text(key, text));
    int rc = api_bundle(cli, key->cluster, job->bundle_hash, &bundle);
    if (rc != 0)
        return rc;
    if (cli->json)
        source_json(cli, job->bundle_hash, bundle);
    else
        source_text(cli, bundle);
    return EXIT_OK;
}

static int inspect_stored(struct cli *cli, const struct job_key *key)
{
    Perigee__Aurora__Answer *answer;
    int rc = api_job(cli, key, &answer);

    if (rc != 0)
        return rc;
    const Perigee__Job *job = answer->jobs[0]->job;
    if (cli->source)
        return inspect_source(cli, key, job);
    show_job(cli, job);
    return EXIT_OK;
}

int inspect_run(struct cli *cli)
{
    struct job_key key;
    int rc = cli_key(cli, 0, &key, NULL);

    if (rc != 0)
        return rc;
    if (cli->arg_count == 1)
        return inspect_stored(cli, &key);
    if (cli->source)
        return cli_refuse(cli, EXIT_BAD_PARAMETER,
                          "--source shows what the cluster has stored: leave "
                          "the file out",
                          "both --source and a file are given");
    return inspect_file(cli, &key, cli->arg[1]);
}
