/* inspect, check: what job files say, without a cluster. */
#include "cli/api.h"
#include "cli/command.h"
#include "cli/jobfile.h"

#include "base/text.h"
#include "wire/json.h"

#include <string.h>

static void print_order(struct cli *cli, const Perigee__TaskConfig *task)
{
    for (size_t i = 0; i < task->n_constraints; i++) {
        const Perigee__OrderChain *chain = task->constraints[i];
        buf_add_text(&cli->out, "  order       ");
        for (size_t k = 0; k < chain->n_order; k++)
            buf_addf(&cli->out, "%s%s", k ? " -> " : "", chain->order[k]);
        buf_add_char(&cli->out, '\n');
    }
}

static void print_process(struct cli *cli, const Perigee__Process *process)
{
    buf_addf(&cli->out, "\n  process '%s%s%s'\n", cli_colour(cli, CLI_BOLD),
             process->name, cli_colour(cli, CLI_PLAIN));
    buf_addf(&cli->out, "    cmdline       %s\n", process->cmdline);
    buf_addf(&cli->out, "    max_failures  %u, min_duration %u s%s%s%s\n",
             process->max_failures, process->min_duration,
             process->daemon ? ", daemon" : "",
             process->ephemeral ? ", ephemeral" : "",
             process->final ? ", final" : "");
    for (size_t i = 0; i < process->n_env; i++)
        buf_addf(&cli->out, "    env           %s=%s\n", process->env[i]->name,
                 process->env[i]->value);
}

static void print_constraint(struct cli *cli,
                             const Perigee__HostConstraint *constraint)
{
    buf_addf(&cli->out, "  constraint  %s ", constraint->attribute);
    if (constraint->kind == PERIGEE__HOST_CONSTRAINT__KIND__LIMIT) {
        buf_addf(&cli->out, "at most %u per value\n", constraint->limit);
        return;
    }
    buf_add_text(&cli->out,
                 constraint->kind == PERIGEE__HOST_CONSTRAINT__KIND__NONE_OF
                     ? "none of"
                     : "one of");
    for (size_t i = 0; i < constraint->n_values; i++)
        buf_addf(&cli->out, "%s %s", i ? "," : "", constraint->values[i]);
    buf_add_char(&cli->out, '\n');
}

static void print_job(struct cli *cli, const Perigee__Job *job)
{
    const Perigee__TaskConfig *task = job->task;
    const Perigee__ResourceAmounts *need = task->resources;
    char cpu[32];

    buf_addf(&cli->out, "%sjob %s/%s/%s/%s%s\n", cli_colour(cli, CLI_BOLD),
             job->cluster, job->role, job->environment, job->name,
             cli_colour(cli, CLI_PLAIN));
    buf_addf(&cli->out, "  %s, %u instance%s, tier %s\n",
             job->service ? "service" : "batch job", job->instances,
             job->instances == 1 ? "" : "s",
             job->tier != NULL && job->tier[0] ? job->tier : "preemptible");
    for (size_t i = 0; i < job->n_constraints; i++)
        print_constraint(cli, job->constraints[i]);
    for (size_t i = 0; i < job->n_port_names; i++)
        buf_addf(&cli->out, "  port        %s\n", job->port_names[i]);
    buf_addf(&cli->out,
             "task '%s'\n  needs       cpu %s, ram %llu MB, disk %llu MB\n",
             task->name,
             text_from_milli((int64_t)need->cpu_milli, cpu, sizeof cpu),
             (unsigned long long)need->ram_bytes >> 20,
             (unsigned long long)need->disk_bytes >> 20);
    for (size_t i = 0; i < task->n_fetch; i++)
        buf_addf(&cli->out, "  fetch       %s\n", task->fetch[i]->uri);
    print_order(cli, task);
    for (size_t i = 0; i < task->n_processes; i++)
        print_process(cli, task->processes[i]);
}

int inspect_run(struct cli *cli)
{
    Perigee__Evaluation *evaluation = NULL;
    const Perigee__Job *job;
    struct job_key key;
    int rc;

    if ((rc = cli_key(cli, 0, &key, NULL)) != 0 ||
        (rc = jobfile_evaluate(cli, cli->arg[1], &evaluation)) != 0)
        return rc;
    rc = jobfile_find(cli, cli->arg[1], evaluation, &key, &job);
    if (rc == 0 && cli->json)
        api_print_json(cli, &job->base);
    else if (rc == 0)
        print_job(cli, job);
    jobfile_free(evaluation);
    return rc;
}

/* check: every file is looked at, whatever the one before was like. */
int check_run(struct cli *cli)
{
    struct json_writer w;
    int worst = EXIT_OK;

    for (int i = 0; i < cli->arg_count; i++) {
        Perigee__Evaluation *evaluation = NULL;
        int rc = jobfile_evaluate(cli, cli->arg[i], &evaluation);

        if (rc != 0) {
            worst = rc;
            if (cli->json)
                return rc;
            continue;
        }
        if (!cli->json)
            buf_addf(&cli->out, "%s: fine, %zu job%s\n", cli->arg[i],
                     evaluation->n_jobs, evaluation->n_jobs == 1 ? "" : "s");
        jobfile_free(evaluation);
    }
    if (cli->json) {
        json_init(&w, &cli->out, 2);
        json_begin_object(&w);
        json_put_bool(&w, "ok", true);
        json_put_int(&w, "files", cli->arg_count);
        json_end_object(&w);
        buf_add_char(&cli->out, '\n');
    }
    return worst;
}
