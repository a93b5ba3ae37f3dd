/* status, list: what jobs do. */
#include "cli/api.h"
#include "cli/command.h"
#include "cli/rolling.h"
#include "cli/scope.h"
#include "cli/update.h"

#include "base/text.h"
#include "sys/clock.h"

#include <stdio.h>
#include <string.h>

static enum cli_colour state_colour(Perigee__Aurora__TaskState state)
{
    switch (state) {
    case PERIGEE__AURORA__TASK_STATE__RUNNING:
    case PERIGEE__AURORA__TASK_STATE__FINISHED:
        return CLI_GREEN;
    case PERIGEE__AURORA__TASK_STATE__FAILED:
    case PERIGEE__AURORA__TASK_STATE__LOST:
        return CLI_RED;
    case PERIGEE__AURORA__TASK_STATE__KILLED:
        return CLI_DIM;
    default:
        return CLI_YELLOW;
    }
}

/* `brought`: the configuration that an update under way brings, or NULL. */
static void print_task(struct cli *cli, const Perigee__Aurora__TaskView *task,
                       const char *brought)
{
    const Perigee__Aurora__TaskEvent *last =
        task->n_events ? task->events[task->n_events - 1] : NULL;
    char since[TEXT_AGE_MAX] = "-";

    if (last != NULL)
        (void)text_age(clock_wall_ms() - (int64_t)last->at_ms, since);
    buf_addf(&cli->out, "  %4u  %s%-11s%s  %6s  %-15s", task->instance,
             cli_colour(cli, state_colour(task->state)),
             api_state_name(task->state), cli_colour(cli, CLI_PLAIN), since,
             task->hostname && task->hostname[0] ? task->hostname : "-");
    for (size_t i = 0; i < task->n_ports; i++)
        buf_addf(&cli->out, " %s:%u", task->ports[i]->name,
                 task->ports[i]->port);
    if (brought != NULL && task->config_id != NULL &&
        strcmp(task->config_id, brought) == 0)
        buf_add_text(&cli->out, "  new version");
    if (last != NULL && last->message != NULL) /* its first line */
        buf_addf(&cli->out, "  %.*s", (int)strcspn(last->message, "\n"),
                 last->message);
    buf_add_char(&cli->out, '\n');
    if (cli->verbose)
        buf_addf(&cli->out, "        %s\n", task->task_id);
}

static void print_tasks(struct cli *cli, const Perigee__Aurora__Answer *answer,
                        bool terminal, const char *title)
{
    const Perigee__Aurora__JobView *view =
        answer->n_jobs ? answer->jobs[0] : NULL;
    const char *brought = view != NULL && view->update != NULL && !terminal
                              ? view->update->config_id
                              : NULL;
    bool begun = false;

    for (size_t i = 0; i < answer->n_tasks; i++) {
        if (api_state_is_terminal(answer->tasks[i]->state) != terminal)
            continue;
        if (!begun)
            buf_addf(&cli->out, "%s\n  %4s  %-11s  %6s  %-15s\n", title, "inst",
                     "state", "since", "host");
        begun = true;
        print_task(cli, answer->tasks[i], brought);
    }
}

static const char *kind_text(const Perigee__Aurora__JobView *view,
                             const char *batch)
{
    if (view->cron != NULL)
        return "cron";
    return view->job->service ? "service" : batch;
}

/* "next 2026-11-21T11:00:00Z": behind a job that the clock starts. */
static const char *next_run(struct cli *cli,
                            const Perigee__Aurora__CronView *cron)
{
    char at[32];

    if (cron->descheduled)
        return "descheduled";
    if (cron->paused)
        return "paused";
    if (cron->has_next_secs)
        return arena_printf(
            &cli->arena, "next %s",
            clock_utc_text((int64_t)cron->next_secs * 1000, at, sizeof at));
    if (cron->blocked_by != NULL)
        return arena_printf(&cli->arena, "waits for %s",
                            cron->blocked_by->name);
    return cron->n_after > 0 ? "ready" : "never again";
}

static void print_job_line(struct cli *cli,
                           const Perigee__Aurora__JobView *view)
{
    const Perigee__Job *job = view->job;
    char key[JOB_KEY_TEXT_MAX];

    (void)snprintf(key, sizeof key, "%s/%s/%s/%s", job->cluster, job->role,
                   job->environment, job->name);
    buf_addf(&cli->out, "%-48s %-8s %4u %7u %6u %8u %6u%s%s\n", key,
             kind_text(view, "batch"), job->instances, view->pending,
             view->active, view->finished, view->failed, view->cron ? "  " : "",
             view->cron ? next_run(cli, view->cron) : "");
}

int status_run(struct cli *cli)
{
    Perigee__Aurora__Answer *answer;
    struct job_key key;
    char text[JOB_KEY_TEXT_MAX];
    int rc;

    if ((rc = cli_key(cli, 0, &key, NULL)) != 0 ||
        (rc = api_job(cli, &key, &answer)) != 0)
        return rc;
    if (cli->json) {
        api_print_json(cli, &answer->base);
        return EXIT_OK;
    }
    const Perigee__Aurora__JobView *view =
        answer->n_jobs ? answer->jobs[0] : NULL;
    buf_addf(&cli->out, "%s%s%s", cli_colour(cli, CLI_BOLD),
             job_key_text(&key, text), cli_colour(cli, CLI_PLAIN));
    if (view != NULL && view->job != NULL)
        buf_addf(&cli->out, "  %s, %u instance%s",
                 view->cron ? "cron job" : kind_text(view, "batch job"),
                 view->job->instances, view->job->instances == 1 ? "" : "s");
    if (view != NULL && view->cron != NULL)
        buf_addf(&cli->out, ", %s", next_run(cli, view->cron));
    if (view != NULL && view->group != NULL)
        buf_addf(&cli->out, ", of group %s", view->group->name);
    buf_add_char(&cli->out, '\n');
    if (view != NULL && view->rolling != NULL)
        rolling_print(cli, view->rolling);
    if (view != NULL && view->waits_for != NULL)
        buf_addf(&cli->out, "%s%s%s\n", cli_colour(cli, CLI_YELLOW),
                 view->waits_for, cli_colour(cli, CLI_PLAIN));
    if (view != NULL && view->update != NULL)
        buf_addf(&cli->out, "update %s is %s\n", view->update->update_id,
                 update_state_text(view->update->state));
    print_tasks(cli, answer, false, "active");
    print_tasks(cli, answer, true, "ended");
    return EXIT_OK;
}

int list_run(struct cli *cli)
{
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__List list = PERIGEE__AURORA__CALL__LIST__INIT;
    Perigee__Aurora__Answer *answer;
    struct scope scope;
    int rc = scope_read(cli, 3, &scope);

    if (rc != 0)
        return rc;
    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__LIST_JOBS;
    call.list = &list;
    list.role = (char *)scope.role;
    list.environment = (char *)scope.env;
    rc = api_list(cli, scope.cluster, &call, &list.cursor, &answer);
    if (rc != 0)
        return rc;
    if (cli->json) {
        api_print_json(cli, &answer->base);
        return EXIT_OK;
    }
    buf_addf(&cli->out, "%-48s %-8s %4s %7s %6s %8s %6s\n", "job", "kind",
             "inst", "pending", "active", "finished", "failed");
    for (size_t i = 0; i < answer->n_jobs; i++)
        print_job_line(cli, answer->jobs[i]);
    return EXIT_OK;
}
