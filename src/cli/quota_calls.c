/* What the scheduler is asked about quotas, and the quotas of a file. */
#include "cli/quota.h"

#include "cli/cluster.h"
#include "cli/jobfile.h"

#include <string.h>

typedef Perigee__Aurora__Answer Answer;
typedef Perigee__Aurora__Call Call;
typedef Perigee__Aurora__QuotaView QuotaView;

/* Of a dev cluster. */
static const uint64_t GIVEN_GB = 1024ULL * 1024 * 1024;
enum { GIVEN_TIMEOUT_MS = 5000 };

int quota_fetch(struct cli *cli, const char *cluster, const char *role,
                struct quota_list *out)
{
    Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__Quotas query = PERIGEE__AURORA__CALL__QUOTAS__INIT;
    Answer *answer;

    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__LIST_QUOTAS;
    call.quotas = &query;
    query.role = (char *)role;
    do {
        int rc = api_call(cli, cluster, &call, &answer);
        if (rc != 0)
            return rc;
        for (size_t i = 0; i < answer->n_quotas; i++)
            *vec_add(out) = answer->quotas[i];
        query.cursor = answer->cursor;
    } while (answer->cursor && *answer->cursor);
    return 0;
}

static void make_set(struct cli *cli, Perigee__Quota **quotas, size_t count,
                     bool adds, Call *call,
                     Perigee__Aurora__Call__SetQuota *set)
{
    perigee__aurora__call__init(call);
    perigee__aurora__call__set_quota__init(set);
    call->has_type = true;
    call->type = PERIGEE__AURORA__CALL__TYPE__SET_QUOTA;
    call->set_quota = set;
    set->quotas = quotas;
    set->n_quotas = count;
    set->has_add = set->add = adds;
    set->has_force = set->force = cli->force;
}

int quota_send(struct cli *cli, const char *cluster, Perigee__Quota **quotas,
               size_t count, bool adds, Answer **out)
{
    Perigee__Aurora__Call__SetQuota set;
    Call call;

    make_set(cli, quotas, count, adds, &call, &set);
    return api_call(cli, cluster, &call, out);
}

void quota_give(struct cli *cli, const char *cluster, const char *role)
{
    Perigee__QuotaAmounts amounts = PERIGEE__QUOTA_AMOUNTS__INIT;
    Perigee__Quota quota = PERIGEE__QUOTA__INIT, *list = &quota;
    Perigee__Aurora__Call__SetQuota set;
    Perigee__Aurora__Call__Quotas query = PERIGEE__AURORA__CALL__QUOTAS__INIT;
    Call call = PERIGEE__AURORA__CALL__INIT;
    Answer *answer;

    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__LIST_QUOTAS;
    call.quotas = &query;
    query.role = (char *)role;
    if (api_try(cli, cluster, &call, GIVEN_TIMEOUT_MS, &answer) < 0 ||
        answer->n_quotas != 1 || answer->quotas[0]->quota)
        return;
    quota.role = (char *)role;
    quota.production = &amounts;
    amounts.has_cpu_milli = amounts.has_ram_bytes = true;
    amounts.has_disk_bytes = amounts.has_gpus = true;
    amounts.cpu_milli = 64 * 1000;
    amounts.ram_bytes = 256 * GIVEN_GB;
    amounts.disk_bytes = 1024 * GIVEN_GB;
    amounts.gpus = 8;
    make_set(cli, &list, 1, false, &call, &set);
    (void)api_try(cli, cluster, &call, GIVEN_TIMEOUT_MS, &answer);
}

/* --- what is used up --- */

static uint64_t amount_of(const Perigee__QuotaAmounts *a,
                          enum quota_column column, bool *is_set)
{
    const uint64_t value[] = {a->cpu_milli, a->ram_bytes, a->disk_bytes,
                              a->gpus,      a->ports,     a->tasks};
    const bool set[] = {a->has_cpu_milli, a->has_ram_bytes, a->has_disk_bytes,
                        a->has_gpus,      a->has_ports,     a->has_tasks};

    *is_set = set[column];
    return value[column];
}

static void print_full(struct cli *cli, const char *role, const char *of,
                       const Perigee__QuotaAmounts *used,
                       const Perigee__QuotaAmounts *most)
{
    for (int c = 0; used && most && c < QUOTA_COLUMNS; c++) {
        bool is_bounded, is_known;
        uint64_t bound = amount_of(most, (enum quota_column)c, &is_bounded);
        uint64_t now = amount_of(used, (enum quota_column)c, &is_known);
        if (!is_bounded || now == 0 || now < bound)
            continue;
        buf_addf(&cli->out, "role %s has no more %s: ", role,
                 quota_column_name((enum quota_column)c));
        (void)quota_amount(used, (enum quota_column)c, &cli->out);
        buf_add_text(&cli->out, " of ");
        (void)quota_amount(most, (enum quota_column)c, &cli->out);
        buf_addf(&cli->out, " for %s are in use\n", of);
    }
}

void quota_print_full(struct cli *cli, const char *cluster, const char *role)
{
    Perigee__Aurora__Call__Quotas query = PERIGEE__AURORA__CALL__QUOTAS__INIT;
    Call call = PERIGEE__AURORA__CALL__INIT;
    Answer *answer = NULL;

    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__LIST_QUOTAS;
    call.quotas = &query;
    query.role = (char *)role;
    if (api_try(cli, cluster, &call, GIVEN_TIMEOUT_MS, &answer) < 0 ||
        answer->n_quotas != 1 || !answer->quotas[0]->quota)
        return;
    const QuotaView *view = answer->quotas[0];
    print_full(cli, role, "production", view->production,
               view->quota->production);
    print_full(cli, role, "all work", view->all, view->quota->all);
}

/* --- of a file --- */

static const Perigee__Quota *present(const struct quota_list *list,
                                     const char *role)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (strcmp(list->item[i]->role, role) == 0)
            return list->item[i]->quota;
    return NULL;
}

static void add_part(struct buf *out, const char *prefix,
                     const Perigee__QuotaAmounts *was,
                     const Perigee__QuotaAmounts *is)
{
    struct buf before = {0}, after = {0};

    for (int c = 0; c < QUOTA_COLUMNS; c++) {
        buf_clear(&before);
        buf_clear(&after);
        (void)quota_amount(was, (enum quota_column)c, &before);
        (void)quota_amount(is, (enum quota_column)c, &after);
        if (strcmp(buf_text(&before), buf_text(&after)) != 0)
            buf_addf(out, "    %s%s: %s -> %s\n", prefix,
                     quota_column_name((enum quota_column)c), buf_text(&before),
                     buf_text(&after));
    }
    buf_release(&before);
    buf_release(&after);
}

/* As the scheduler has it: cpu, ram, disk and gpus of production are 0 where
 * the file says nothing. */
static Perigee__QuotaAmounts filled(const Perigee__QuotaAmounts *amounts)
{
    Perigee__QuotaAmounts out = *amounts;

    out.has_cpu_milli = out.has_ram_bytes = true;
    out.has_disk_bytes = out.has_gpus = true;
    return out;
}

static bool add_change(struct buf *out, const Perigee__Quota *was,
                       const Perigee__Quota *is)
{
    static const Perigee__Quota none = PERIGEE__QUOTA__INIT;
    const Perigee__Quota *old = was ? was : &none;
    const char *before = old->parent ? old->parent : "-";
    const char *after = is->parent && *is->parent ? is->parent : "-";
    Perigee__QuotaAmounts production;
    struct buf lines = {0};

    if (strcmp(before, after) != 0)
        buf_addf(&lines, "    parent: %s -> %s\n", before, after);
    if (is->production)
        production = filled(is->production);
    if (!is->production != !old->production)
        buf_addf(&lines, "    production: %s -> %s\n",
                 old->production ? "bounded" : "-",
                 is->production ? "bounded" : "-");
    add_part(&lines, "production.", old->production,
             is->production ? &production : NULL);
    add_part(&lines, "all.", old->all, is->all);
    bool differs = lines.size > 0;
    if (differs) {
        buf_addf(out, "%s quota of role %s\n", was ? "change" : "set   ",
                 is->role);
        buf_add_bytes(out, buf_bytes(&lines));
    }
    buf_release(&lines);
    return differs;
}

/* A quota names no cluster; jobs beside it do. */
static int find_cluster(struct cli *cli, const Perigee__Evaluation *evaluation,
                        const char **out)
{
    const Perigee__Cluster *cluster;
    struct err err = {0};

    if (evaluation->n_jobs > 0) {
        *out = evaluation->jobs[0]->cluster;
        return 0;
    }
    if (cluster_default(cli, &cluster, &err) < 0)
        return cli_fail(cli, cli_exit_code(&err), &err);
    *out = cluster->name;
    return 0;
}

int quota_plan(struct cli *cli, const Perigee__Evaluation *evaluation,
               struct buf *out, uint32_t *changes)
{
    struct quota_list list = {0};
    const char *cluster = NULL;

    *changes = 0;
    if (evaluation->n_quotas == 0)
        return 0;
    int rc = find_cluster(cli, evaluation, &cluster);
    if (rc == 0)
        rc = quota_fetch(cli, cluster, NULL, &list);
    for (size_t i = 0; i < evaluation->n_quotas && rc == 0; i++)
        *changes += add_change(out, present(&list, evaluation->quotas[i]->role),
                               evaluation->quotas[i]);
    vec_free(&list);
    return rc;
}

int quota_apply(struct cli *cli, const Perigee__Evaluation *evaluation)
{
    const char *cluster = NULL;
    Answer *answer;
    int rc = find_cluster(cli, evaluation, &cluster);

    return rc != 0 ? rc
                   : quota_send(cli, cluster, evaluation->quotas,
                                evaluation->n_quotas, false, &answer);
}
