/* tier list. */
#include "cli/api.h"
#include "cli/cluster.h"
#include "cli/command.h"

typedef Perigee__Aurora__Answer Answer;
typedef Perigee__Aurora__TierView TierView;

static const char *meaning(const TierView *tier)
{
    if (!tier->served)
        return "refused here: the scheduler takes no revocable resources";
    if (tier->revocable)
        return "on resources that may be taken back at any time";
    if (tier->preemptible)
        return "gives way to production, and to priority within its role";
    return "production: held to the quota, gives way to priority within its "
           "role";
}

static void print_tier(struct cli *cli, const TierView *tier)
{
    buf_addf(&cli->out, "%-16s %-12s %-10s %s\n", tier->name,
             tier->preemptible ? "preemptible" : "-",
             tier->revocable ? "revocable" : "-", meaning(tier));
}

int tier_list_run(struct cli *cli)
{
    Perigee__Aurora__Call message = PERIGEE__AURORA__CALL__INIT;
    const char *name = cli->arg_count > 0 ? cli->arg[0] : NULL;
    const Perigee__Cluster *cluster;
    struct err err = {0};
    Answer *answer;

    if (!name && cluster_default(cli, &cluster, &err) < 0)
        return cli_fail(cli, cli_exit_code(&err), &err);
    message.has_type = true;
    message.type = PERIGEE__AURORA__CALL__TYPE__LIST_TIERS;
    int rc = api_call(cli, name ? name : cluster->name, &message, &answer);
    if (rc != 0)
        return rc;
    if (cli->json) {
        api_print_json(cli, &answer->base);
        return EXIT_OK;
    }
    for (size_t i = 0; i < answer->n_tiers; i++)
        print_tier(cli, answer->tiers[i]);
    return EXIT_OK;
}
