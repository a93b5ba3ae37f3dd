/* sla task-up-count, job-uptime, probe, safe-domain. */
#include "cli/command.h"
#include "cli/host.h"
#include "cli/span.h"

#include "base/text.h"
#include "base/vec.h"

#include <string.h>

typedef Perigee__Aurora__Call Call;
typedef Perigee__Aurora__Answer Answer;
typedef Perigee__Aurora__Call__Sla Query;

enum { FIGURES_MAX = 100, DURATION_DEFAULT_SECS = 30 * 60 };

/* "95", "99.5": thousandths of a per cent on people's terms. */
static const char *percent(struct cli *cli, uint32_t milli)
{
    return arena_printf(&cli->arena, "%u.%02u", milli / 1000,
                        milli % 1000 / 10);
}

static int ask_job(struct cli *cli, Query *query, Answer **answer)
{
    Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__JobKey wire_key;
    struct job_key key;
    int rc = cli_key(cli, 0, &key, NULL);

    if (rc != 0)
        return rc;
    api_key(&key, &wire_key);
    query->key = &wire_key;
    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__GET_SLA;
    call.sla = query;
    rc = api_call(cli, key.cluster, &call, answer);
    query->key = NULL;
    if (rc == 0 && (*answer)->sla == NULL)
        rc = cli_refuse(cli, EXIT_API, NULL,
                        "the scheduler's answer has no figures");
    return rc;
}

/* --- one job --- */

int sla_task_up_count_run(struct cli *cli)
{
    uint64_t secs[FIGURES_MAX];
    Query query = PERIGEE__AURORA__CALL__SLA__INIT;
    char *save = NULL,
         *list = arena_strdup(&cli->arena, cli->durations ? cli->durations
                                                          : "1m,10m,1h,12h,7d");
    Answer *answer;
    int rc = 0;

    query.durations_secs = secs;
    for (char *one = strtok_r(list, ", ", &save); one != NULL;
         one = strtok_r(NULL, ", ", &save)) {
        int64_t ms;
        if (query.n_durations_secs == FIGURES_MAX)
            return cli_refuse(cli, EXIT_BAD_PARAMETER, NULL,
                              "durations: want at most %d", FIGURES_MAX);
        if ((rc = span_read(cli, "duration", one, &ms)) != 0)
            return rc;
        secs[query.n_durations_secs++] = (uint64_t)(ms / 1000);
    }
    if ((rc = ask_job(cli, &query, &answer)) != 0)
        return rc;
    if (cli->json) {
        api_print_json(cli, &answer->base);
        return EXIT_OK;
    }
    for (size_t i = 0; i < answer->sla->n_up; i++)
        buf_addf(&cli->out, "%-8s\t- %s %%\n",
                 span_text(cli, (int64_t)answer->sla->up[i]->duration_secs),
                 percent(cli, answer->sla->up[i]->percentage_milli));
    return EXIT_OK;
}

static int read_percentile(struct cli *cli, const char *text, uint32_t *out)
{
    int64_t milli;

    if (text_milli(text, &milli, NULL) < 0 || milli <= 0 ||
        milli >= INT64_C(100) * 1000)
        return cli_refuse(cli, EXIT_BAD_PARAMETER,
                          "99 asks for how long 99 of 100 instances were up",
                          "percentile '%s': want above 0 and below 100", text);
    *out = (uint32_t)milli;
    return 0;
}

int sla_job_uptime_run(struct cli *cli)
{
    uint32_t milli[FIGURES_MAX];
    Query query = PERIGEE__AURORA__CALL__SLA__INIT;
    char *save = NULL,
         *list = arena_strdup(&cli->arena, cli->percentiles
                                               ? cli->percentiles
                                               : "99,95,90,85,75,60,50,30,10");
    char text[32];
    Answer *answer;
    int rc = 0;

    query.percentiles_milli = milli;
    for (char *one = strtok_r(list, ", ", &save); one != NULL;
         one = strtok_r(NULL, ", ", &save)) {
        if (query.n_percentiles_milli == FIGURES_MAX)
            return cli_refuse(cli, EXIT_BAD_PARAMETER, NULL,
                              "percentiles: want at most %d", FIGURES_MAX);
        rc = read_percentile(cli, one, &milli[query.n_percentiles_milli++]);
        if (rc != 0)
            return rc;
    }
    if ((rc = ask_job(cli, &query, &answer)) != 0)
        return rc;
    if (cli->json) {
        api_print_json(cli, &answer->base);
        return EXIT_OK;
    }
    for (size_t i = 0; i < answer->sla->n_uptimes; i++)
        buf_addf(&cli->out, "%s percentile\t- %llu seconds\n",
                 text_from_milli(answer->sla->uptimes[i]->percentile_milli,
                                 text, sizeof text),
                 (unsigned long long)answer->sla->uptimes[i]->uptime_secs);
    return EXIT_OK;
}

/* --- hosts --- */

static int read_wanted(struct cli *cli, Query *query)
{
    int64_t ms, count;
    int rc = 0;

    if (cli->percentage != NULL) {
        query->has_percentage_milli = true;
        rc = host_percentage(cli, cli->percentage, &query->percentage_milli);
    }
    if (rc == 0 && cli->duration != NULL) {
        rc = span_read(cli, "duration", cli->duration, &ms);
        query->has_duration_secs = rc == 0;
        query->duration_secs = rc == 0 ? (uint64_t)(ms / 1000) : 0;
    }
    if (rc == 0 && cli->instances_min != NULL) {
        rc = cli_number(cli, "minimum", cli->instances_min, 0, 1000000, &count);
        query->has_instances_min = rc == 0;
        query->instances_min = rc == 0 ? (uint32_t)count : 0;
    }
    return rc;
}

static int ask_hosts(struct cli *cli, Perigee__Aurora__Call__Type type,
                     Query *query, Answer **answer)
{
    Call call = PERIGEE__AURORA__CALL__INIT;
    const char *cluster;
    int rc = host_cluster(cli, &cluster);

    call.has_type = true;
    call.type = type;
    call.sla = query;
    return rc != 0 ? rc : api_call(cli, cluster, &call, answer);
}

static void print_probe(struct cli *cli, const Perigee__Aurora__HostProbe *p)
{
    buf_addf(&cli->out, "%s: %s%s%s\n", p->name,
             cli_colour(cli, p->safe ? CLI_GREEN : CLI_RED),
             p->safe ? "may go" : "should stay", cli_colour(cli, CLI_PLAIN));
    if (p->n_jobs > 0)
        buf_addf(&cli->out, "  %-40s %9s %5s %9s  %s\n", "JOB", "INSTANCES",
                 "HERE", "LEFT UP", "SAFE");
    for (size_t i = 0; i < p->n_jobs; i++) {
        const Perigee__Aurora__HostProbe__Job *j = p->jobs[i];
        const char *name = arena_printf(&cli->arena, "%s/%s/%s", j->key->role,
                                        j->key->environment, j->key->name);
        buf_addf(&cli->out, "  %-40s %9u %5u %7s %%  ", name, j->instances,
                 j->here, percent(cli, j->percentage_milli));
        if (!j->production)
            buf_add_text(&cli->out, "not of production\n");
        else if (j->safe)
            buf_add_text(&cli->out, "yes\n");
        else if (j->has_safe_in_secs)
            buf_addf(&cli->out, "in %s\n",
                     span_text(cli, (int64_t)j->safe_in_secs));
        else
            buf_add_text(&cli->out, "no\n");
    }
}

int sla_probe_run(struct cli *cli)
{
    Query query = PERIGEE__AURORA__CALL__SLA__INIT;
    struct host_list hosts;
    Answer *answer;
    int rc = host_names(cli, &hosts);

    if (rc == 0)
        rc = read_wanted(cli, &query);
    if (rc != 0)
        return rc;
    query.n_hosts = hosts.count;
    query.hosts = hosts.item;
    rc = ask_hosts(cli, PERIGEE__AURORA__CALL__TYPE__PROBE_HOSTS, &query,
                   &answer);
    if (rc != 0)
        return rc;
    if (cli->json)
        api_print_json(cli, &answer->base);
    for (size_t i = 0; !cli->json && i < answer->n_probes; i++)
        print_probe(cli, answer->probes[i]);
    return host_unknown(cli, answer, EXIT_OK);
}

int sla_safe_domain_run(struct cli *cli)
{
    Query query = PERIGEE__AURORA__CALL__SLA__INIT;
    VEC(Perigee__Aurora__HostProbe *) safe = {0};
    Answer all = PERIGEE__AURORA__ANSWER__INIT, *answer;
    int rc = read_wanted(cli, &query);

    while (rc == 0) {
        rc = ask_hosts(cli, PERIGEE__AURORA__CALL__TYPE__LIST_SAFE_HOSTS,
                       &query, &answer);
        if (rc != 0)
            break;
        for (size_t i = 0; i < answer->n_probes; i++)
            *vec_add(&safe) = answer->probes[i];
        query.cursor = answer->cursor;
        if (query.cursor == NULL || *query.cursor == '\0')
            break;
    }
    all.probes = safe.item;
    all.n_probes = safe.count;
    if (rc == 0 && cli->json)
        api_print_json(cli, &all.base);
    for (uint32_t i = 0; rc == 0 && !cli->json && i < safe.count; i++)
        buf_addf(&cli->out, "%s\n", safe.item[i]->name);
    vec_free(&safe);
    return rc;
}
