/* Which clusters there are, by name. In this order, the first that names the
 * cluster wins:
 *   $CLUSTERCTL_CLUSTERS                      (alone, when set)
 *   ~/.config/clusterctl/clusters.lua
 *   ~/.config/clusterctl/dev.lua              (written by `dev start`)
 *   /etc/perigee/clusters.lua
 *   ~/.aurora/clusters.json                   (as Apache Aurora's client has
 * it) $AURORA_CONFIG_ROOT/clusters.json, or /etc/aurora/clusters.json A Lua
 * file returns a list: return { { name = "west", aurora = "10.0.0.1:8081" }, {
 * name = "east", aurora = "aurora.east:8081", tls = true, ca = "east-ca.pem" }
 * }              (beside the list's file) */
#pragma once
#include "cli/cli.h"
#include "perigee/clusters.pb-c.h"

/* Find a cluster; *out lives in the run's arena. ERR_NOT_FOUND names the known
 * ones. */
int cluster_find(struct cli *cli, const char *name,
                 const Perigee__Cluster **out, struct err *err);
/* The only known cluster, or the one called devcluster, for commands that name
 * none. */
int cluster_default(struct cli *cli, const Perigee__Cluster **out,
                    struct err *err);
/* "~/.config/clusterctl", in the run's arena. */
const char *cluster_config_folder(struct cli *cli);
/* Where `dev start` writes its entry; the folder is made. */
int cluster_dev_file(struct cli *cli, const char **out, struct err *err);
/* The known clusters, one name a line; "" when a list cannot be read. */
char *cluster_names(struct cli *cli);
