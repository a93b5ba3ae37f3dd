/* The lists of clusters of Apache Aurora's client, as they are: clusters.json,
 * a list of objects with name, scheduler_uri and more. What this client cannot
 * do (a scheduler found through ZooKeeper, Kerberos) is refused by name, once
 * such a cluster is asked for. */
#pragma once
#include "cli/cli.h"
#include "perigee/clusters.pb-c.h"

enum { CLUSTER_JSON_BYTES_MAX = 1 << 20, CLUSTER_JSON_MAX = 1000 };

/* Put their paths behind `count` others; returns how many there are then. At
 * most two. */
size_t cluster_json_files(struct cli *cli, const char **file, size_t count);
bool cluster_json_is(const char *path);
int cluster_json_load(struct cli *cli, const char *path,
                      Perigee__ClusterList **out, struct err *err);
/* Is it an entry that cannot be used? Then why. */
bool cluster_json_is_refused(const Perigee__Cluster *cluster);
int cluster_json_refuse(const Perigee__Cluster *cluster, struct err *err);
