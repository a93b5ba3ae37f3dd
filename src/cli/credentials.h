/* Who we are to a cluster. The first that is there:
 *   ~/.config/clusterctl/credentials/CLUSTER.lua
 *       return { user = "alice", password = "..." }
 *       return { token = "..." }
 *       return { cert = "alice.pem", key = "alice.key" }    besides, or alone
 *   ~/.netrc, its entry for the scheduler's host
 * Both must be ours alone: what others may read is refused, naming the chmod.
 *
 * A secret leaves us over TLS or to this machine itself; anything else is
 * refused unless --insecure says otherwise. It is in no argument, no error text
 * and no core file. */
#pragma once
#include "cli/cli.h"
#include "perigee/clusters.pb-c.h"
#include "sys/address.h"

enum { CREDENTIALS_BYTES_MAX = 64 << 10, SECRET_BYTES_MAX = 4096 };

/* What there is for the cluster whose scheduler is at `url`; all of *out in the
 * run's arena. An empty one: nobody in particular. */
int credentials_find(struct cli *cli, const Perigee__Cluster *cluster,
                     const struct url *url, Perigee__Credentials *out,
                     struct err *err);
/* The value of Authorization, or NULL when there is no secret to send. */
int credentials_header(struct cli *cli, const Perigee__Credentials *who,
                       const struct url *url, const char **out,
                       struct err *err);
/* The file of a cluster; `make` makes its folder (0700). */
int credentials_path(struct cli *cli, const char *cluster, bool make,
                     const char **out, struct err *err);
