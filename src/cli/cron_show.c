/* cron show, cron history: cron jobs and their runs as tables. */
#include "cli/command.h"
#include "cli/cron.h"
#include "cli/scope.h"
#include "sys/clock.h"

#include <stdio.h>
#include <string.h>

typedef Perigee__Aurora__Answer Answer;
typedef Perigee__Aurora__CronView CronView;
typedef Perigee__Aurora__FiringView FiringView;

enum { HISTORY_DEFAULT = 20, HISTORY_MAX = 1000 };

const char *cron_name(struct cli *cli, const Perigee__Aurora__JobKey *key)
{
    return arena_printf(&cli->arena, "%s/%s/%s", key->role, key->environment,
                        key->name);
}

const char *cron_state_name(const FiringView *firing)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
        &perigee__aurora__firing_view__state__descriptor, (int)firing->state);

    return value ? value->name : "?";
}

enum cli_colour cron_state_colour(const FiringView *firing)
{
    switch (firing->state) {
    case PERIGEE__AURORA__FIRING_VIEW__STATE__SUCCEEDED:
        return CLI_GREEN;
    case PERIGEE__AURORA__FIRING_VIEW__STATE__FAILED:
        return CLI_RED;
    case PERIGEE__AURORA__FIRING_VIEW__STATE__KILLED:
    case PERIGEE__AURORA__FIRING_VIEW__STATE__MISSED:
        return CLI_YELLOW;
    default:
        return CLI_PLAIN;
    }
}

/* --- the list --- */

int cron_list(struct cli *cli, struct cron_list *out)
{
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__Cron query = PERIGEE__AURORA__CALL__CRON__INIT;
    struct scope scope;
    Answer *answer;
    int rc = scope_read(cli, 3, &scope);

    *out = (struct cron_list){0};
    if (rc != 0)
        return rc;
    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__LIST_CRON;
    call.cron = &query;
    query.role = (char *)scope.role;
    query.environment = (char *)scope.env;
    rc = api_list(cli, scope.cluster, &call, &query.cursor, &answer);
    if (rc != 0)
        return rc;
    out->item = answer->crons;
    out->count = (uint32_t)answer->n_crons;
    return 0;
}

static const char *utc(struct cli *cli, int64_t secs)
{
    char *out = arena_alloc(&cli->arena, 32);

    return clock_utc_text(secs * 1000, out, 32);
}

/* "after a, b", or the schedule with its zone. */
static const char *when_text(struct cli *cli, const CronView *c)
{
    struct buf text = {0};

    if (c->schedule)
        buf_addf(&text, "%s%s%s", c->schedule, c->timezone ? " " : "",
                 c->timezone ? c->timezone : "");
    for (size_t i = 0; i < c->n_after; i++)
        buf_addf(&text, "%s%s", i == 0 ? "after " : ", ", c->after[i]->name);
    const char *out = arena_strdup(&cli->arena, buf_text(&text));
    buf_release(&text);
    return out;
}

static const char *next_text(struct cli *cli, const CronView *c)
{
    if (c->descheduled)
        return "descheduled";
    if (c->paused)
        return "paused";
    if (c->has_next_secs)
        return utc(cli, (int64_t)c->next_secs);
    if (c->blocked_by)
        return arena_printf(&cli->arena, "waits for %s", c->blocked_by->name);
    return c->n_after > 0 ? "ready" : "never again";
}

static void print_row(struct cli *cli, const CronView *c)
{
    buf_addf(&cli->out, "%-32s %-28s %-24s %s%-10s%s %5llu %5llu\n",
             cron_name(cli, c->key), when_text(cli, c), next_text(cli, c),
             c->last ? cli_colour(cli, cron_state_colour(c->last)) : "",
             c->last ? cron_state_name(c->last) : "-",
             c->last ? cli_colour(cli, CLI_PLAIN) : "",
             (unsigned long long)c->successes, (unsigned long long)c->errors);
}

static void list_json(struct cli *cli, const struct cron_list *list)
{
    Answer all = PERIGEE__AURORA__ANSWER__INIT;

    all.crons = list->item;
    all.n_crons = list->count;
    api_print_json(cli, &all.base);
}

/* --- one job --- */

static const char *millis(struct cli *cli, int64_t ms)
{
    if (ms < 10000)
        return arena_printf(&cli->arena, "%lld ms", (long long)ms);
    return arena_printf(&cli->arena, "%lld s", (long long)(ms / 1000));
}

static void print_times(struct cli *cli, const CronView *c)
{
    if (c->has_duration_mean_ms)
        buf_addf(&cli->out, "took      last %s, mean %s, most %s\n",
                 millis(cli, (int64_t)c->duration_last_ms),
                 millis(cli, (int64_t)c->duration_mean_ms),
                 millis(cli, (int64_t)c->duration_max_ms));
    if (c->has_lateness_mean_ms)
        buf_addf(&cli->out, "late      last %s, mean %s, most %s\n",
                 millis(cli, c->lateness_last_ms),
                 millis(cli, c->lateness_mean_ms),
                 millis(cli, c->lateness_max_ms));
}

static void print_one(struct cli *cli, const CronView *c)
{
    buf_addf(&cli->out, "job       %s\nruns      %s\nnext      %s\n",
             cron_name(cli, c->key), when_text(cli, c), next_text(cli, c));
    if (c->blocked_by)
        buf_addf(&cli->out, "blocked   by %s: %s\n",
                 cron_name(cli, c->blocked_by), c->blocked_why);
    for (size_t i = 0; i < c->n_before; i++)
        buf_addf(&cli->out, "%s%s\n",
                 i == 0 ? "followed  by " : "             ",
                 cron_name(cli, c->before[i]));
    buf_addf(&cli->out, "collision %s, catch-up %s\n",
             c->collision_policy ? c->collision_policy : "KILL_EXISTING",
             c->catch_up ? c->catch_up : "NONE");
    buf_addf(&cli->out,
             "runs      %llu succeeded, %llu failed (%llu since the last "
             "success), %llu cancelled, %llu missed\n",
             (unsigned long long)c->successes, (unsigned long long)c->errors,
             (unsigned long long)c->errors_since_success,
             (unsigned long long)c->cancelled, (unsigned long long)c->missed);
    if (c->has_last_success_ms)
        buf_addf(&cli->out, "success   last %s\n",
                 utc(cli, (int64_t)c->last_success_ms / 1000));
    if (c->has_last_error_ms)
        buf_addf(&cli->out, "failure   last %s\n",
                 utc(cli, (int64_t)c->last_error_ms / 1000));
    print_times(cli, c);
}

static bool is_key(const char *text)
{
    int slashes = 0;

    for (; *text; text++)
        slashes += *text == '/';
    return slashes == 3;
}

int cron_show_run(struct cli *cli)
{
    struct cron_list list;
    struct job_key key;
    Answer *answer;
    int rc;

    if (cli->arg_count > 0 && is_key(cli->arg[0])) {
        rc = cron_call(cli, PERIGEE__AURORA__CALL__TYPE__GET_CRON, 1, &key,
                       &answer);
        if (rc == 0 && cli->json)
            api_print_json(cli, &answer->base);
        else if (rc == 0)
            print_one(cli, answer->crons[0]);
        return rc;
    }
    if ((rc = cron_list(cli, &list)) != 0)
        return rc;
    if (cli->json) {
        list_json(cli, &list);
        return EXIT_OK;
    }
    buf_addf(&cli->out, "%-32s %-28s %-24s %-10s %5s %5s\n", "job", "runs",
             "next", "last", "good", "bad");
    for (uint32_t i = 0; i < list.count; i++)
        print_row(cli, list.item[i]);
    return EXIT_OK;
}

/* --- history --- */

static void print_firing(struct cli *cli, const FiringView *f)
{
    const char *late = "-", *took = "-";

    if (f->has_started_ms)
        late = millis(cli, (int64_t)f->started_ms -
                               (int64_t)f->scheduled_secs * 1000);
    if (f->has_ended_ms)
        took = millis(cli, (int64_t)(f->ended_ms - f->started_ms));
    buf_addf(&cli->out, "%s %s%-9s%s %8s %8s %5u %9s",
             utc(cli, (int64_t)f->scheduled_secs),
             cli_colour(cli, cron_state_colour(f)), cron_state_name(f),
             cli_colour(cli, CLI_PLAIN), late, took, f->tries,
             f->has_finished ? arena_printf(&cli->arena, "%u of %u",
                                            f->finished, f->instances)
                             : "-");
    if (f->manual)
        buf_add_text(&cli->out, "  started by hand");
    if (f->has_first_secs && f->first_secs != f->scheduled_secs)
        buf_addf(&cli->out, "  all since %s", utc(cli, (int64_t)f->first_secs));
    buf_add_char(&cli->out, '\n');
}

int cron_history_run(struct cli *cli)
{
    int64_t count = HISTORY_DEFAULT;
    struct job_key key;
    Answer *answer;
    int rc = cli->count ? cli_number(cli, "--count", cli->count, 1, HISTORY_MAX,
                                     &count)
                        : 0;

    if (rc == 0)
        rc = cron_call(cli, PERIGEE__AURORA__CALL__TYPE__GET_CRON,
                       (uint32_t)count, &key, &answer);
    if (rc != 0)
        return rc;
    if (cli->json) {
        api_print_json(cli, &answer->base);
        return EXIT_OK;
    }
    buf_addf(&cli->out, "%-23s %-9s %8s %8s %5s %9s\n", "scheduled", "state",
             "late", "took", "tries", "instances");
    for (size_t i = 0; i < answer->crons[0]->n_firings; i++)
        print_firing(cli, answer->crons[0]->firings[i]);
    return EXIT_OK;
}
