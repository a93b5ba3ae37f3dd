/* render: what an instance of a job would run. */
#include "cli/render.h"
#include "cli/command.h"
#include "cli/jobfile.h"

#include "base/text.h"

#include <string.h>

/* --- for people --- */

static void print_lines(struct cli *cli, const char *text, int indent)
{
    for (const char *line = text; *line != '\0';) {
        size_t size = strcspn(line, "\n");
        buf_addf(&cli->out, "%*s%.*s\n", indent, "", (int)size, line);
        line += size + (line[size] == '\n');
    }
}

static void print_kind(struct cli *cli, const Perigee__Process *p)
{
    if (p->daemon)
        buf_add_text(&cli->out, ", daemon");
    if (p->ephemeral)
        buf_add_text(&cli->out, ", ephemeral");
    if (p->final)
        buf_add_text(&cli->out, ", final");
    if (p->max_failures == 0)
        buf_add_text(&cli->out, ", tried without end");
    else if (p->max_failures > 1)
        buf_addf(&cli->out, ", up to %u failures", p->max_failures);
}

static void print_process(struct cli *cli, const struct render_process *p)
{
    buf_addf(&cli->out, "\n%sprocess %s%s", cli_colour(cli, CLI_BOLD),
             p->process->name, cli_colour(cli, CLI_PLAIN));
    print_kind(cli, p->process);
    buf_add_char(&cli->out, '\n');
    for (size_t i = 0; i < p->env_count; i++)
        buf_addf(&cli->out, "  %s%s=%s%s\n", cli_colour(cli, CLI_DIM),
                 p->env[i].name, p->env[i].value, cli_colour(cli, CLI_PLAIN));
    print_lines(cli, p->cmdline, 2);
}

static void print_after(struct cli *cli, const struct render_process *p)
{
    for (size_t i = 0; i < p->after_count; i++)
        buf_addf(&cli->out, "%s%s", i == 0 ? "   after " : ", ", p->after[i]);
}

static size_t count_step(const struct render *r, bool is_final, uint32_t step)
{
    size_t count = 0;

    for (size_t i = 0; i < r->process_count; i++)
        count += r->process[i].process->final == is_final &&
                 r->process[i].step == step;
    return count;
}

/* The processes of one step, one to a line. */
static void draw_step(struct cli *cli, const struct render *r, bool is_final,
                      uint32_t step, int width)
{
    size_t count = count_step(r, is_final, step), at = 0;

    for (size_t i = 0; i < r->process_count; i++) {
        const struct render_process *p = &r->process[i];
        if (p->process->final != is_final || p->step != step)
            continue;
        const char *edge = count == 1        ? "─"
                           : at == 0         ? "┬"
                           : at == count - 1 ? "└"
                                             : "├";
        at++;
        buf_addf(&cli->out, "  %s─ %-*s", edge, width, p->process->name);
        print_after(cli, p);
        if (p->process->daemon || p->process->ephemeral)
            buf_addf(&cli->out, "   %s%s%s", p->process->daemon ? "daemon" : "",
                     p->process->daemon && p->process->ephemeral ? ", " : "",
                     p->process->ephemeral ? "ephemeral" : "");
        while (cli->out.text[cli->out.size - 1] == ' ')
            cli->out.size--;
        buf_add_char(&cli->out, '\n');
    }
}

/* Steps from top to bottom; what stands in one step may run at once. */
static void draw_order(struct cli *cli, const struct render *r)
{
    static const char *const title[] = {"\norder\n",
                                        "at the end, whatever happened\n"};
    size_t width = 0;

    for (size_t i = 0; i < r->process_count; i++)
        if (strlen(r->process[i].process->name) > width)
            width = strlen(r->process[i].process->name);
    for (int is_final = 0; is_final < 2; is_final++) {
        const char *before = title[is_final];
        for (uint32_t step = 1; step <= r->process_count; step++) {
            if (count_step(r, is_final, step) == 0)
                continue;
            buf_add_text(&cli->out, before);
            draw_step(cli, r, is_final, step, (int)width);
            before = "  │\n";
        }
    }
}

/* The number of a port that the job names, or its alias as it is written. */
static const char *port_number(const struct render *r, const char *name)
{
    for (size_t i = 0; name != NULL && i < r->port_count; i++)
        if (strcmp(r->port[i].name, name) == 0)
            return r->port[i].value;
    return name != NULL ? name : "?";
}

static void print_health(struct cli *cli, const struct render *r)
{
    const Perigee__HealthCheck *check = r->job->health_check;
    char every[32];

    if (check == NULL)
        return;
    text_from_milli((int64_t)check->interval_ms, every, sizeof every);
    buf_addf(&cli->out, "health      every %s s: ", every);
    if (r->health != NULL)
        buf_add_text(&cli->out, r->health);
    else if (check->http != NULL)
        buf_addf(&cli->out, "GET http://127.0.0.1:%s%s",
                 port_number(r, check->http->port),
                 check->http->endpoint ? check->http->endpoint : "/health");
    else if (check->tcp != NULL)
        buf_addf(&cli->out, "connect to 127.0.0.1:%s",
                 port_number(r, check->tcp->port));
    else if (check->lua != NULL)
        buf_addf(&cli->out, "the function at %s:%u",
                 check->lua->file ? check->lua->file : "?", check->lua->line);
    buf_add_char(&cli->out, '\n');
}

static void print_lifecycle(struct cli *cli, const struct render *r)
{
    const Perigee__Lifecycle *cycle = r->job->lifecycle;

    if (cycle == NULL || cycle->port == NULL)
        return;
    const char *port = port_number(r, cycle->port);
    buf_addf(&cli->out,
             "to end it   POST http://127.0.0.1:%s%s, %u s later %s, %u s "
             "later by signals\n",
             port,
             cycle->graceful_shutdown_endpoint
                 ? cycle->graceful_shutdown_endpoint
                 : "",
             cycle->graceful_shutdown_wait_secs,
             cycle->shutdown_endpoint ? cycle->shutdown_endpoint : "",
             cycle->shutdown_wait_secs);
}

static void print_render(struct cli *cli, const struct render *r,
                         const struct job_key *key)
{
    const Perigee__ResourceAmounts *need = r->job->task->resources;
    char text[JOB_KEY_TEXT_MAX], cpu[32];

    buf_addf(&cli->out, "%s%s/%u%s on %s\n", cli_colour(cli, CLI_BOLD),
             job_key_text(key, text), r->instance, cli_colour(cli, CLI_PLAIN),
             cli->host ? cli->host : "any host");
    buf_addf(&cli->out, "needs       cpu %s, ram %llu MB, disk %llu MB\n",
             text_from_milli((int64_t)need->cpu_milli, cpu, sizeof cpu),
             (unsigned long long)need->ram_bytes >> 20,
             (unsigned long long)need->disk_bytes >> 20);
    for (size_t i = 0; i < r->port_count; i++)
        buf_addf(&cli->out, "port        %s = %s (for example)\n",
                 r->port[i].name, r->port[i].value);
    for (size_t i = 0; i < r->job->task->n_fetch; i++)
        buf_addf(&cli->out, "fetch       %s as %s\n", r->fetch[i],
                 r->job->task->fetch[i]->output ? r->job->task->fetch[i]->output
                                                : "?");
    print_health(cli, r);
    print_lifecycle(cli, r);
    for (size_t i = 0; i < r->process_count; i++)
        print_process(cli, &r->process[i]);
    draw_order(cli, r);
}

/* --- for programs --- */

static void process_json(struct json_writer *w, const struct render_process *p)
{
    json_begin_object(w);
    json_put_string(w, "name", p->process->name);
    json_put_string(w, "cmdline", p->cmdline);
    json_key(w, "env");
    json_begin_object(w);
    for (size_t i = 0; i < p->env_count; i++)
        json_put_string(w, p->env[i].name, p->env[i].value);
    json_end_object(w);
    json_put_int(w, "step", p->step);
    json_key(w, "after");
    json_begin_array(w);
    for (size_t i = 0; i < p->after_count; i++)
        json_text(w, p->after[i]);
    json_end_array(w);
    json_put_bool(w, "daemon", p->process->daemon);
    json_put_bool(w, "ephemeral", p->process->ephemeral);
    json_put_bool(w, "final", p->process->final);
    json_put_int(w, "max_failures", p->process->max_failures);
    json_put_int(w, "min_duration", p->process->min_duration);
    json_end_object(w);
}

static void render_json(struct cli *cli, const struct render *r,
                        const struct job_key *key)
{
    struct json_writer w;
    char text[JOB_KEY_TEXT_MAX];

    json_init(&w, &cli->out, 2);
    json_begin_object(&w);
    json_put_string(&w, "key", job_key_text(key, text));
    json_put_int(&w, "instance", r->instance);
    if (cli->host != NULL)
        json_put_string(&w, "hostname", cli->host);
    json_key(&w, "ports");
    json_begin_object(&w);
    for (size_t i = 0; i < r->port_count; i++)
        json_put_int(&w, r->port[i].name, RENDER_FIRST_PORT + (int64_t)i);
    json_end_object(&w);
    json_key(&w, "fetch");
    json_begin_array(&w);
    for (size_t i = 0; i < r->job->task->n_fetch; i++) {
        json_begin_object(&w);
        json_put_string(&w, "uri", r->fetch[i]);
        json_put_string(&w, "output", r->job->task->fetch[i]->output);
        json_end_object(&w);
    }
    json_end_array(&w);
    if (r->health != NULL)
        json_put_string(&w, "health_command", r->health);
    json_key(&w, "processes");
    json_begin_array(&w);
    for (size_t i = 0; i < r->process_count; i++)
        process_json(&w, &r->process[i]);
    json_end_array(&w);
    json_end_object(&w);
    buf_add_char(&cli->out, '\n');
}

/* --- the command --- */

static int choose_instance(struct cli *cli, const struct instance_set *set,
                           const Perigee__Job *job, uint32_t *out)
{
    *out = set->count ? set->range[0].first : 0;
    if (set->count > 1 || (set->count && set->range[0].last != *out))
        return cli_refuse(cli, EXIT_BAD_PARAMETER,
                          "name one, as in devcluster/www-data/prod/web/0",
                          "render shows one instance");
    if (*out < job->instances)
        return 0;
    return cli_refuse(cli, EXIT_BAD_PARAMETER,
                      arena_printf(&cli->arena, "its instances are 0 to %u",
                                   job->instances - 1),
                      "job %s has no instance %u", job->name, *out);
}

int render_run(struct cli *cli)
{
    Perigee__Evaluation *evaluation = NULL;
    const Perigee__Job *job;
    struct instance_set set = {0};
    struct job_key key;
    struct render r;
    struct err err = {0};
    uint32_t instance;
    int rc;

    if ((rc = cli_key(cli, 0, &key, &set)) != 0 ||
        (rc = jobfile_evaluate(cli, cli->arg[1], &evaluation)) != 0)
        return rc;
    if ((rc = jobfile_find(cli, cli->arg[1], evaluation, &key, &job)) == 0 &&
        (rc = choose_instance(cli, &set, job, &instance)) == 0) {
        if (render_job(job, instance, cli->host, &cli->arena, &r, &err) < 0)
            rc = cli_fail(cli, EXIT_BAD_CONFIG, &err);
        else if (cli->json)
            render_json(cli, &r, &key);
        else
            print_render(cli, &r, &key);
    }
    jobfile_free(evaluation);
    return rc;
}
