/* audit: who changed what. security status: who am I, and which rules hold. */
#include "base/calendar.h"
#include "base/text.h"
#include "cli/api.h"
#include "cli/cluster.h"
#include "cli/command.h"
#include "sys/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef Perigee__Aurora__Answer Answer;
typedef Perigee__Aurora__AuditView View;
typedef Perigee__Aurora__Call Call;

enum { SHOWN_DEFAULT = 50, SHOWN_MAX = 100000, PAGE = 1000 };

static int choose_cluster(struct cli *cli, const char **out)
{
    const Perigee__Cluster *cluster;
    struct err err = {0};

    if (cli->arg_count > 0) {
        *out = cli->arg[0];
        return EXIT_OK;
    }
    if (cluster_default(cli, &cluster, &err) < 0)
        return cli_fail(cli, cli_exit_code(&err), &err);
    *out = cluster->name;
    return EXIT_OK;
}

/* "2hrs" ago, "2026-11-21" or "2026-11-21T13:00:00Z". */
static int read_time(struct cli *cli, const char *option, const char *text,
                     protobuf_c_boolean *has, uint64_t *out)
{
    int year, month, day, hour = 0, minute = 0, second = 0, end = 0;
    int64_t ago_ms;

    if (text == NULL)
        return EXIT_OK;
    *has = true;
    if ((sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2dZ%n", &year, &month, &day, &hour,
                &minute, &second, &end) == 6 ||
         sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &end) == 3) &&
        text[end] == '\0' && year >= 1970 && month >= 1 && month <= 12 &&
        day >= 1 && day <= calendar_days_in(year, month) && hour >= 0 &&
        hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 60) {
        *out = (uint64_t)((calendar_days(year, month, day) * DAY_SECS +
                           hour * HOUR_SECS + minute * MINUTE_SECS + second) *
                          1000);
        return EXIT_OK;
    }
    if (text_duration_ms(text, &ago_ms, NULL) < 0 || ago_ms < 0)
        return cli_refuse(cli, EXIT_BAD_PARAMETER,
                          "as in 2hrs (ago), 2026-11-21, 2026-11-21T13:00:00Z",
                          "--%s '%s': want a time", option, text);
    *out = (uint64_t)(ago_ms < clock_wall_ms() ? clock_wall_ms() - ago_ms : 0);
    return EXIT_OK;
}

static void print_time(struct cli *cli, uint64_t at_ms)
{
    int64_t secs = (int64_t)(at_ms / 1000);
    struct date date = calendar_date(floor_div(secs, DAY_SECS));
    int64_t clock = floor_mod(secs, DAY_SECS);

    buf_addf(&cli->out, "%04d-%02d-%02dT%02d:%02d:%02dZ", date.year, date.month,
             date.day, (int)(clock / HOUR_SECS),
             (int)(clock % HOUR_SECS / MINUTE_SECS),
             (int)(clock % MINUTE_SECS));
}

/* What came from outside shall not move the cursor. */
static const char *plain(struct cli *cli, const char *text)
{
    char *out = arena_strdup(&cli->arena, text ? text : "");

    for (char *c = out; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
    return out;
}

static void print_view(struct cli *cli, const View *view)
{
    bool is_fine = view->result && strcmp(view->result, "OK") == 0;

    print_time(cli, view->at_ms);
    buf_addf(&cli->out, "  %-12s  %-21s  ", view->user ? view->user : "-",
             view->peer ? view->peer : "-");
    buf_addf(
        &cli->out, "%s%-15s%s  %s",
        cli_colour(cli, is_fine ? CLI_GREEN : CLI_RED),
        view->result ? view->result : "", cli_colour(cli, CLI_PLAIN),
        plain(cli, view->action && *view->action ? view->action : view->call));
    if (view->key)
        buf_addf(&cli->out, "  %s", plain(cli, view->key));
    if (view->count > 1)
        buf_addf(&cli->out, "  x%u", view->count);
    if (view->message && *view->message)
        buf_addf(&cli->out, "  \"%s\"", plain(cli, view->message));
    buf_add_char(&cli->out, '\n');
}

static int read_query(struct cli *cli, Perigee__Aurora__Call__Audit *query)
{
    int rc = read_time(cli, "since", cli->since, &query->has_since_ms,
                       &query->since_ms);

    if (rc == EXIT_OK)
        rc = read_time(cli, "until", cli->until, &query->has_until_ms,
                       &query->until_ms);
    query->user = (char *)(uintptr_t)cli->user;
    query->action = (char *)(uintptr_t)cli->action;
    query->key = (char *)(uintptr_t)cli->key;
    query->result = (char *)(uintptr_t)cli->result;
    return rc;
}

/* Every page, until `most` entries are there. */
static int collect(struct cli *cli, const char *cluster,
                   Perigee__Aurora__Call__Audit *query, size_t most,
                   Answer *out)
{
    Call call = PERIGEE__AURORA__CALL__INIT;
    Answer *answer;

    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__LIST_AUDIT;
    call.audit = query;
    out->audit = arena_alloc(&cli->arena, (most + 1) * sizeof(void *));
    do {
        query->has_limit = true;
        query->limit =
            (uint32_t)(most - out->n_audit < PAGE ? most - out->n_audit : PAGE);
        int rc = api_call(cli, cluster, &call, &answer);
        if (rc != 0)
            return rc;
        for (size_t i = 0; i < answer->n_audit && out->n_audit < most; i++)
            out->audit[out->n_audit++] = answer->audit[i];
        query->cursor = answer->cursor;
    } while (out->n_audit < most && answer->cursor != NULL &&
             answer->cursor[0] != '\0');
    return EXIT_OK;
}

int audit_run(struct cli *cli)
{
    Perigee__Aurora__Call__Audit query = PERIGEE__AURORA__CALL__AUDIT__INIT;
    Answer all = PERIGEE__AURORA__ANSWER__INIT;
    int64_t most = SHOWN_DEFAULT;
    const char *cluster = NULL;
    int rc = choose_cluster(cli, &cluster);

    if (rc == EXIT_OK && cli->count != NULL)
        rc = cli_number(cli, "--count", cli->count, 1, SHOWN_MAX, &most);
    if (rc == EXIT_OK)
        rc = read_query(cli, &query);
    if (rc == EXIT_OK)
        rc = collect(cli, cluster, &query, (size_t)most, &all);
    if (rc != EXIT_OK)
        return rc;
    if (cli->json) {
        api_print_json(cli, &all.base);
        return EXIT_OK;
    }
    /* The newest stands last, where one looks. */
    for (size_t i = all.n_audit; i-- > 0;)
        print_view(cli, all.audit[i]);
    if (all.n_audit == 0)
        buf_add_text(&cli->out, "nothing\n");
    return EXIT_OK;
}

/* --- security status --- */

static void print_security(struct cli *cli,
                           const Perigee__Aurora__SecurityView *view)
{
    if (!view->on) {
        buf_add_text(&cli->out, "security is off: everybody who reaches the "
                                "scheduler may do everything\n");
        return;
    }
    buf_addf(&cli->out, "you are %s\n", view->user ? view->user : "-");
    buf_add_text(&cli->out, "somewhere you may:");
    for (size_t i = 0; i < view->n_actions; i++)
        buf_addf(&cli->out, " %s", view->actions[i]);
    buf_add_text(&cli->out, view->n_actions == 0 ? " nothing\n" : "\n");
    if (view->file == NULL)
        return;
    buf_addf(&cli->out, "rules of %s: %u users, read ", view->file,
             view->users);
    print_time(cli, view->loaded_ms);
    buf_add_char(&cli->out, '\n');
    if (!view->has_failed_ms)
        return;
    buf_addf(&cli->out, "%sthe file is refused since ",
             cli_colour(cli, CLI_RED));
    print_time(cli, view->failed_ms);
    buf_addf(&cli->out, ", older rules are in force%s\n  %s\n",
             cli_colour(cli, CLI_PLAIN), view->failure ? view->failure : "");
}

int security_status_run(struct cli *cli)
{
    Call call = PERIGEE__AURORA__CALL__INIT;
    const char *cluster = NULL;
    Answer *answer;
    int rc = choose_cluster(cli, &cluster);

    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__GET_SECURITY;
    if (rc != EXIT_OK || (rc = api_call(cli, cluster, &call, &answer)) != 0)
        return rc;
    if (cli->json)
        api_print_json(cli, &answer->base);
    else if (answer->security != NULL)
        print_security(cli, answer->security);
    return EXIT_OK;
}
