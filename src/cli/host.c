/* host deactivate, activate, status, list. */
#include "cli/host.h"

#include "base/table.h"
#include "base/text.h"
#include "base/vec.h"
#include "cli/cluster.h"
#include "cli/command.h"
#include "sys/clock.h"
#include "sys/file.h"

#include <stdio.h>
#include <string.h>

typedef Perigee__Aurora__Call Call;
typedef Perigee__Aurora__Answer Answer;
typedef Perigee__Aurora__MaintenanceView View;

enum { FILE_BYTES_MAX = 4 << 20 };

/* --- which hosts --- */

/* Each once: what is done behind a host is done once. */
struct named {
    const char *name;
    UT_hash_handle hh;
};

static void add_name(struct cli *cli, const char *name, struct named **seen,
                     struct host_list *out)
{
    struct named *one;

    HASH_FIND_STR(*seen, name, one);
    if (one != NULL)
        return;
    one = arena_zalloc(&cli->arena, sizeof *one);
    one->name = name;
    HASH_ADD_KEYPTR(hh, *seen, name, strlen(name), one);
    out->item[out->count++] = (char *)name;
}

/* Names with spaces, commas or lines between them; behind '#' up to the end of
 * the line stands what is for people. */
static void add_names(struct cli *cli, const char *text, struct named **seen,
                      struct host_list *out)
{
    static const char between[] = " \t\r\n,";

    while (*(text += strspn(text, between))) {
        size_t size =
            *text == '#' ? strcspn(text, "\n") : strcspn(text, " \t\r\n,#");
        if (*text != '#')
            add_name(cli, arena_strndup(&cli->arena, text, size), seen, out);
        text += size;
    }
}

/* At most so many stand there. */
static size_t count_names(const char *text)
{
    return strlen(text) / 2 + 1;
}

static int read_names(struct cli *cli, struct buf *text)
{
    struct err err = {0};

    if (cli->file == NULL)
        return 0;
    if (file_read(cli->file, FILE_BYTES_MAX, text, &err) < 0)
        return cli_fail(cli, EXIT_BAD_PARAMETER, &err);
    return 0;
}

int host_names(struct cli *cli, struct host_list *out)
{
    struct buf text = {0};
    int rc = read_names(cli, &text);

    if (rc != 0) {
        buf_release(&text);
        return rc;
    }
    struct named *seen = NULL;
    size_t room = count_names(buf_text(&text));
    for (int i = 0; i < cli->arg_count; i++)
        room += count_names(cli->arg[i]);
    *out = (struct host_list){
        .item = arena_alloc(&cli->arena, (room + 1) * sizeof(char *))};
    for (int i = 0; i < cli->arg_count; i++)
        add_names(cli, cli->arg[i], &seen, out);
    add_names(cli, buf_text(&text), &seen, out);
    HASH_CLEAR(hh, seen);
    buf_release(&text);
    if (out->count > 0)
        return 0;
    return cli_refuse(cli, EXIT_BAD_PARAMETER,
                      "name them, or a file of them with --file",
                      "no host is named");
}

int host_cluster(struct cli *cli, const char **out)
{
    const Perigee__Cluster *cluster;
    struct err err = {0};

    *out = cli->cluster;
    if (*out != NULL)
        return 0;
    if (cluster_default(cli, &cluster, &err) < 0)
        return cli_fail(cli, cli_exit_code(&err), &err);
    *out = cluster->name;
    return 0;
}

/* --- calls --- */

int host_call(struct cli *cli, Perigee__Aurora__Call__Type type,
              const Perigee__Aurora__Call__Maintenance *about, Answer **answer)
{
    Call call = PERIGEE__AURORA__CALL__INIT;
    const char *cluster;
    int rc = host_cluster(cli, &cluster);

    if (rc != 0)
        return rc;
    call.has_type = true;
    call.type = type;
    call.maintenance = (Perigee__Aurora__Call__Maintenance *)about;
    return api_call(cli, cluster, &call, answer);
}

void host_gather(struct cli *cli, Answer *all, const Answer *answer)
{
    size_t views = all->n_maintenance + answer->n_maintenance;
    size_t unknown = all->n_unknown_hosts + answer->n_unknown_hosts;
    View **view = arena_alloc(&cli->arena, (views + 1) * sizeof *view);
    char **name = arena_alloc(&cli->arena, (unknown + 1) * sizeof *name);

    for (size_t i = 0; i < views; i++)
        view[i] = i < all->n_maintenance
                      ? all->maintenance[i]
                      : answer->maintenance[i - all->n_maintenance];
    for (size_t i = 0; i < unknown; i++)
        name[i] = i < all->n_unknown_hosts
                      ? all->unknown_hosts[i]
                      : answer->unknown_hosts[i - all->n_unknown_hosts];
    all->maintenance = view;
    all->n_maintenance = views;
    all->unknown_hosts = name;
    all->n_unknown_hosts = unknown;
    all->has_sequence = answer->has_sequence;
    all->sequence = answer->sequence;
}

int host_call_parts(struct cli *cli, Perigee__Aurora__Call__Type type,
                    Perigee__Aurora__Call__Maintenance *about,
                    const struct host_list *hosts, size_t size, Answer *all)
{
    Answer *answer;
    int rc = 0;

    perigee__aurora__answer__init(all);
    for (size_t at = 0; rc == 0 && at < hosts->count; at += size) {
        about->n_hosts = hosts->count - at < size ? hosts->count - at : size;
        about->hosts = &hosts->item[at];
        rc = host_call(cli, type, about, &answer);
        if (rc == 0)
            host_gather(cli, all, answer);
    }
    return rc;
}

int host_call_all(struct cli *cli, Answer **out)
{
    Perigee__Aurora__Call__Maintenance about =
        PERIGEE__AURORA__CALL__MAINTENANCE__INIT;
    VEC(View *) all = {0};
    int rc;

    do {
        rc = host_call(cli, PERIGEE__AURORA__CALL__TYPE__MAINTENANCE_STATUS,
                       &about, out);
        if (rc != 0)
            break;
        for (size_t i = 0; i < (*out)->n_maintenance; i++)
            *vec_add(&all) = (*out)->maintenance[i];
        about.cursor = (*out)->cursor;
    } while (about.cursor != NULL && *about.cursor);
    if (rc == 0 && all.count > 0) {
        (*out)->maintenance =
            arena_alloc(&cli->arena, all.count * sizeof(void *));
        memcpy((void *)(*out)->maintenance, all.item,
               all.count * sizeof(void *));
        (*out)->n_maintenance = all.count;
    }
    vec_free(&all);
    return rc;
}

int host_unknown(struct cli *cli, const Answer *answer, int rc)
{
    struct buf names = {0};

    if (answer->n_unknown_hosts == 0)
        return rc;
    for (size_t i = 0; i < answer->n_unknown_hosts && i < 20; i++)
        buf_addf(&names, "%s%s", i > 0 ? ", " : "", answer->unknown_hosts[i]);
    if (answer->n_unknown_hosts > 20)
        buf_add_text(&names, ", ...");
    const char *text = arena_strdup(&cli->arena, buf_text(&names));
    buf_release(&names);
    if (cli->json)
        return EXIT_FAILED; /* the answer names them */
    return cli_refuse(cli, EXIT_FAILED,
                      "`clusterctl host list` names the hosts that are known; "
                      "the others were dealt with",
                      "no such host: %s", text);
}

int host_percentage(struct cli *cli, const char *text, uint32_t *out_milli)
{
    int64_t milli;

    if (text_milli(text, &milli, NULL) < 0 || milli < 0 ||
        milli > INT64_C(100) * 1000)
        return cli_refuse(cli, EXIT_BAD_PARAMETER, "95 leaves 95 of 100 alone",
                          "percentage '%s': want 0 to 100", text);
    *out_milli = (uint32_t)milli;
    return 0;
}

/* --- words --- */

const char *host_mode_name(Perigee__Aurora__MaintenanceView__Mode mode)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
        &perigee__aurora__maintenance_view__mode__descriptor, (int)mode);

    return value ? value->name : "?";
}

enum cli_colour host_mode_colour(Perigee__Aurora__MaintenanceView__Mode mode)
{
    switch (mode) {
    case PERIGEE__AURORA__MAINTENANCE_VIEW__MODE__DRAINED:
        return CLI_GREEN;
    case PERIGEE__AURORA__MAINTENANCE_VIEW__MODE__NONE:
        return CLI_PLAIN;
    default:
        return CLI_YELLOW;
    }
}

const char *host_wait_text(Perigee__Aurora__MaintenanceView__Wait wait)
{
    static const char *const text[] = {
        "is about to be ended",
        "was told to end",
        "too few others of its job run",
        "its coordinator did not agree",
        "its coordinator is asked",
        "its coordinator is asked about another one",
        "too few others of its job were heard of, yet",
    };

    return (unsigned)wait < sizeof text / sizeof *text ? text[wait] : "?";
}

/* --- tables --- */

static uint32_t tasks_of(const View *view)
{
    uint32_t tasks = 0;

    for (size_t i = 0; i < view->n_hosts; i++)
        tasks += view->hosts[i]->tasks;
    return tasks;
}

static void print_away(struct cli *cli,
                       const Perigee__Aurora__MaintenanceView__Host *host)
{
    char from[32];

    if (!host->has_away_from_ms)
        return;
    buf_addf(&cli->out, "    %s is announced to go at %s\n", host->hostname,
             clock_utc_text((int64_t)host->away_from_ms, from, sizeof from));
}

static void print_task(struct cli *cli,
                       const Perigee__Aurora__MaintenanceView__Task *task)
{
    int64_t left = (int64_t)task->again_ms - clock_wall_ms();
    char again[TEXT_AGE_MAX];

    buf_addf(&cli->out, "    %s/%s/%s/%u %s: %s", task->key->role,
             task->key->environment, task->key->name, task->instance,
             api_state_name(task->state), host_wait_text(task->wait));
    if (task->again_ms > 0 && left > 0)
        buf_addf(&cli->out, ", asked again in %s", text_age(left, again));
    buf_add_char(&cli->out, '\n');
}

static void print_view(struct cli *cli, const View *view)
{
    char since[TEXT_AGE_MAX] = "-", when[32];

    if (view->has_since_ms)
        (void)text_age(clock_wall_ms() - (int64_t)view->since_ms, since);
    buf_addf(&cli->out, "%-32s %s%-9s%s %6s %5zu %5u  %s\n", view->name,
             cli_colour(cli, host_mode_colour(view->mode)),
             host_mode_name(view->mode), cli_colour(cli, CLI_PLAIN), since,
             view->n_hosts, tasks_of(view), view->reason ? view->reason : "");
    if (view->mode == PERIGEE__AURORA__MAINTENANCE_VIEW__MODE__DRAINING)
        buf_addf(&cli->out, "    what is left at %s ends without asking\n",
                 clock_utc_text((int64_t)view->deadline_ms, when, sizeof when));
    for (size_t i = 0; i < view->n_hosts; i++)
        print_away(cli, view->hosts[i]);
    for (size_t i = 0; i < view->n_tasks; i++)
        print_task(cli, view->tasks[i]);
}

void host_print(struct cli *cli, const Answer *answer)
{
    if (cli->json) {
        api_print_json(cli, &answer->base);
        return;
    }
    if (answer->n_maintenance == 0) {
        if (answer->n_unknown_hosts == 0)
            buf_add_text(&cli->out, "no host is in maintenance\n");
        return;
    }
    buf_addf(&cli->out, "%-32s %-9s %6s %5s %5s  %s\n", "NAME", "MODE", "SINCE",
             "HOSTS", "TASKS", "REASON");
    for (size_t i = 0; i < answer->n_maintenance; i++)
        print_view(cli, answer->maintenance[i]);
}

/* --- commands --- */

static int change(struct cli *cli, Perigee__Aurora__Call__Type type)
{
    Perigee__Aurora__Call__Maintenance about =
        PERIGEE__AURORA__CALL__MAINTENANCE__INIT;
    struct host_list hosts;
    Answer all;
    int rc = host_names(cli, &hosts);

    if (rc != 0)
        return rc;
    about.reason = (char *)cli->reason;
    rc = host_call_parts(cli, type, &about, &hosts, HOSTS_PER_CALL, &all);
    if (rc != 0)
        return rc;
    host_print(cli, &all);
    return host_unknown(cli, &all, EXIT_OK);
}

int host_deactivate_run(struct cli *cli)
{
    return change(cli, PERIGEE__AURORA__CALL__TYPE__START_MAINTENANCE);
}

int host_activate_run(struct cli *cli)
{
    return change(cli, PERIGEE__AURORA__CALL__TYPE__END_MAINTENANCE);
}

int host_status_run(struct cli *cli)
{
    Perigee__Aurora__Call__Maintenance about =
        PERIGEE__AURORA__CALL__MAINTENANCE__INIT;
    struct host_list hosts = {0};
    Answer some, *answer = &some;
    int rc = 0;

    if (cli->arg_count > 0 || cli->file != NULL) {
        if ((rc = host_names(cli, &hosts)) != 0)
            return rc;
        rc = host_call_parts(cli,
                             PERIGEE__AURORA__CALL__TYPE__MAINTENANCE_STATUS,
                             &about, &hosts, HOSTS_PER_LOOK, &some);
    } else {
        rc = host_call_all(cli, &answer);
    }
    if (rc != 0)
        return rc;
    host_print(cli, answer);
    return host_unknown(cli, answer, EXIT_OK);
}

/* --- list --- */

static void print_host(struct cli *cli, const Perigee__Aurora__HostView *h)
{
    char cpu[32], total[32], seen[TEXT_AGE_MAX];
    const char *note = h->lost ? "lost" : h->avoided ? "in trouble" : "";

    if (h->has_away_from_ms)
        note = "is announced to go";
    buf_addf(&cli->out, "%-24s %-42s %s%-9s%s %5u %7s/%-6s %6s  %s\n",
             h->hostname, h->agent_id,
             cli_colour(cli, host_mode_colour(h->mode)),
             host_mode_name(h->mode), cli_colour(cli, CLI_PLAIN), h->tasks,
             text_from_milli((int64_t)h->used->cpu_milli, cpu, sizeof cpu),
             text_from_milli((int64_t)h->total->cpu_milli, total, sizeof total),
             text_age(clock_wall_ms() - (int64_t)h->seen_ms, seen), note);
}

int host_list_run(struct cli *cli)
{
    Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__Hosts query = PERIGEE__AURORA__CALL__HOSTS__INIT;
    Answer *answer;
    const char *cluster;
    int rc = host_cluster(cli, &cluster);

    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__LIST_HOSTS;
    call.hosts = &query;
    if (rc == 0)
        rc = api_list(cli, cluster, &call, &query.cursor, &answer);
    if (rc != 0)
        return rc;
    if (cli->json) {
        api_print_json(cli, &answer->base);
        return EXIT_OK;
    }
    buf_addf(&cli->out, "%-24s %-42s %-9s %5s %14s %6s\n", "HOST", "AGENT",
             "MODE", "TASKS", "CPU", "SEEN");
    for (size_t i = 0; i < answer->n_hosts; i++)
        print_host(cli, answer->hosts[i]);
    return EXIT_OK;
}
