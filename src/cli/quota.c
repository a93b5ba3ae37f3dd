/* quota get, set, increase, remove, list; role list. */
#include "cli/quota.h"

#include "cli/cluster.h"
#include "cli/command.h"

#include <string.h>

typedef Perigee__Aurora__Answer Answer;
typedef Perigee__Aurora__QuotaView QuotaView;
typedef Perigee__QuotaAmounts Amounts;

/* --- whose --- */

/* CLUSTER/ROLE, or CLUSTER alone when that will do. */
static int read_place(struct cli *cli, bool wants_role, const char **cluster,
                      const char **role)
{
    const Perigee__Cluster *found;
    struct err err = {0};

    *cluster = *role = NULL;
    if (cli->arg_count == 0) {
        if (cluster_default(cli, &found, &err) < 0)
            return cli_fail(cli, cli_exit_code(&err), &err);
        *cluster = found->name;
        return 0;
    }
    char *text = arena_strdup(&cli->arena, cli->arg[0]);
    char *slash = strchr(text, '/');
    if (slash) {
        *slash = '\0';
        *role = slash + 1;
    }
    *cluster = text;
    if ((!*role && !wants_role) || (*role && job_key_part_ok(*role)))
        return 0;
    return cli_refuse(cli, EXIT_BAD_PARAMETER, NULL,
                      "'%s': want CLUSTER/ROLE, as devcluster/www-data",
                      cli->arg[0]);
}

/* --- showing --- */

static void add_row(struct buf *out, const char *name, const Amounts *amounts)
{
    struct buf text = {0};

    buf_addf(out, "  %-24s", name);
    for (int c = 0; c < QUOTA_COLUMNS; c++) {
        buf_clear(&text);
        (void)quota_amount(amounts, (enum quota_column)c, &text);
        buf_addf(out, " %9s", buf_text(&text));
    }
    buf_add_char(out, '\n');
    buf_release(&text);
}

static void add_head(struct buf *out, const char *title)
{
    buf_addf(out, "%-26s", title);
    for (int c = 0; c < QUOTA_COLUMNS; c++)
        buf_addf(out, " %9s", quota_column_name((enum quota_column)c));
    buf_add_char(out, '\n');
}

static bool is_zero(const Amounts *a)
{
    return !a || (!a->cpu_milli && !a->ram_bytes && !a->disk_bytes &&
                  !a->gpus && !a->ports && !a->tasks);
}

static void add_family(struct buf *out, const QuotaView *view)
{
    if (view->quota && view->quota->parent)
        buf_addf(out, "within the quota of %s\n", view->quota->parent);
    for (size_t i = 0; i < view->n_children; i++)
        buf_addf(out, "%s%s", i ? ", " : "holds the quotas of ",
                 view->children[i]);
    if (view->n_children > 0)
        buf_add_char(out, '\n');
}

static void show(struct cli *cli, const QuotaView *view)
{
    const Perigee__Quota *quota = view->quota;
    struct buf *out = &cli->out;

    if (!quota)
        buf_addf(out,
                 "role %s has no quota: none for production, no bound for "
                 "the rest\n",
                 view->role);
    add_head(out, view->role);
    if (quota)
        add_row(out, "quota for production", quota->production);
    if (quota && quota->all)
        add_row(out, "quota for all work", quota->all);
    add_row(out, "production in use", view->production);
    if (view->n_children > 0)
        add_row(out, "  of the role itself", view->own_production);
    if (!is_zero(view->dedicated_production))
        add_row(out, "dedicated production", view->dedicated_production);
    add_row(out, "other work", view->other);
    if (!is_zero(view->dedicated_other))
        add_row(out, "dedicated other work", view->dedicated_other);
    if (quota && quota->all)
        add_row(out, "all work in use", view->all);
    add_family(out, view);
}

int quota_get_run(struct cli *cli)
{
    struct quota_list list = {0};
    const char *cluster, *role;
    int rc = read_place(cli, true, &cluster, &role);

    if (rc == 0)
        rc = quota_fetch(cli, cluster, role, &list);
    if (rc == 0 && list.count == 0)
        rc = cli_refuse(cli, EXIT_FAILED, NULL,
                        "role '%s': nothing is known of it", role);
    if (rc == 0 && cli->json)
        api_print_json(cli, &list.item[0]->base);
    else if (rc == 0)
        show(cli, list.item[0]);
    vec_free(&list);
    return rc;
}

/* "3/10", "3/-" */
static void add_share(struct buf *out, const Amounts *used, const Amounts *most,
                      enum quota_column column)
{
    struct buf text = {0};

    (void)quota_amount(used, column, &text);
    buf_add_char(&text, '/');
    (void)quota_amount(most, column, &text);
    buf_addf(out, " %15s", buf_text(&text));
    buf_release(&text);
}

/* Nobody's word about production is none of it, unless a parent has one. */
static const Amounts *production_of(const Perigee__Quota *quota)
{
    static const Amounts none = {
        .base = PROTOBUF_C_MESSAGE_INIT(&perigee__quota_amounts__descriptor),
        .has_cpu_milli = true,
        .has_ram_bytes = true,
        .has_disk_bytes = true};

    if (quota && (quota->production || quota->parent))
        return quota->production;
    return &none;
}

static void add_role(struct buf *out, const QuotaView *view)
{
    static const enum quota_column shown[] = {
        QUOTA_COLUMN_CPU, QUOTA_COLUMN_RAM, QUOTA_COLUMN_DISK};
    const Perigee__Quota *quota = view->quota;

    buf_addf(out, "%-20s %-16s %5u", view->role,
             quota && quota->parent ? quota->parent : "-", view->jobs);
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        add_share(out, view->production, production_of(quota), shown[i]);
    add_share(out, view->all, quota ? quota->all : NULL, QUOTA_COLUMN_TASKS);
    buf_add_char(out, '\n');
}

static int list_roles(struct cli *cli, bool only_quotas)
{
    struct quota_list list = {0};
    const char *cluster, *role;
    int rc = read_place(cli, false, &cluster, &role);

    if (rc == 0)
        rc = quota_fetch(cli, cluster, role, &list);
    if (rc == 0 && cli->json) {
        Answer all = PERIGEE__AURORA__ANSWER__INIT;
        all.quotas = list.item;
        all.n_quotas = list.count;
        api_print_json(cli, &all.base);
    } else if (rc == 0) {
        buf_addf(&cli->out, "%-20s %-16s %5s %15s %15s %15s %15s\n", "ROLE",
                 "PARENT", "JOBS", "CPU", "RAM", "DISK", "TASKS");
        for (uint32_t i = 0; i < list.count; i++)
            if (!only_quotas || list.item[i]->quota)
                add_role(&cli->out, list.item[i]);
    }
    vec_free(&list);
    return rc;
}

int quota_list_run(struct cli *cli)
{
    return list_roles(cli, true);
}

int role_list_run(struct cli *cli)
{
    return list_roles(cli, false);
}

/* --- setting --- */

struct setting {
    Perigee__Quota quota;
    Amounts production, all;
};

/* name=amount, all.name=amount, parent=role */
static int take_named(struct cli *cli, const char *text, struct setting *out)
{
    char *name = arena_strdup(&cli->arena, text);
    char *value = strchr(name, '=');

    *value++ = '\0';
    if (strcmp(name, "parent") == 0) {
        out->quota.parent = value;
        return 0;
    }
    if (strncmp(name, "all.", 4) == 0) {
        out->quota.all = &out->all;
        return quota_take_amount(cli, name + 4, value, &out->all);
    }
    out->quota.production = &out->production;
    if (strncmp(name, "production.", 11) == 0)
        name += 11;
    return quota_take_amount(cli, name, value, &out->production);
}

/* Amounts by name, or as Aurora has them: CPU RAM DISK. */
static int take_all(struct cli *cli, struct setting *out)
{
    static const char *const order[] = {"cpu", "ram", "disk"};
    int plain = 0, rc = 0;

    for (int i = 1; i < cli->arg_count && rc == 0; i++) {
        if (strchr(cli->arg[i], '=')) {
            rc = take_named(cli, cli->arg[i], out);
            continue;
        }
        if (plain == 3)
            return cli_refuse(cli, EXIT_BAD_PARAMETER, NULL,
                              "'%s': want CPU RAM DISK, then NAME=AMOUNT",
                              cli->arg[i]);
        out->quota.production = &out->production;
        rc = quota_take_amount(cli, order[plain++], cli->arg[i],
                               &out->production);
    }
    if (rc == 0 && plain > 0 && plain < 3)
        return cli_refuse(cli, EXIT_BAD_PARAMETER, NULL,
                          "want CPU RAM DISK together, or NAME=AMOUNT");
    return rc;
}

static int change(struct cli *cli, bool adds, bool removes)
{
    struct setting setting = {PERIGEE__QUOTA__INIT,
                              PERIGEE__QUOTA_AMOUNTS__INIT,
                              PERIGEE__QUOTA_AMOUNTS__INIT};
    Perigee__Quota *list = &setting.quota;
    const char *cluster, *role;
    Answer *answer;
    int rc = read_place(cli, true, &cluster, &role);

    if (rc == 0)
        rc = take_all(cli, &setting);
    if (rc != 0)
        return rc;
    setting.quota.role = (char *)role;
    if ((rc = quota_send(cli, cluster, &list, 1, adds, &answer)) != 0)
        return rc;
    if (cli->json)
        api_print_json(cli, &answer->base);
    else if (removes)
        buf_addf(&cli->out, "role %s has no quota now\n", role);
    else
        show(cli, answer->quotas[0]);
    return EXIT_OK;
}

int quota_set_run(struct cli *cli)
{
    return change(cli, false, false);
}

int quota_increase_run(struct cli *cli)
{
    return change(cli, true, false);
}

int quota_remove_run(struct cli *cli)
{
    return change(cli, false, true);
}
