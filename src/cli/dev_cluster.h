/* A dev cluster as it lies in its directory D:
 *
 *   D/cluster.json      what was started: ports, agents (perigee.Cluster)
 *   D/run/NAME.pid      "<pid> <start time>" of each daemon
 *   D/log/NAME.log      what each daemon says
 *   D/NAME/             its work_dir: master, aurora, agent-0, agent-1, ...
 *   D/bin/              thermos and perigee-fetch, in reach of every user
 *
 * Ports: master BASE, aurora BASE+1, observer BASE+2, agent i BASE+10+i. Every
 * daemon's command line holds D, by its work_dir. */
#pragma once
#include "cli/cli.h"
#include "perigee/clusters.pb-c.h"
#include <sys/types.h>

enum {
    DEV_AGENTS_MAX = 100,
    DEV_AGENTS_DEFAULT = 2,
    DEV_PORT_DEFAULT = 5050,
    DEV_TASK_PORTS_FIRST = 31000,
    DEV_TASK_PORTS = 1000, /* for each agent */
    DEV_ARGS_MAX = 24
};

struct dev_daemon {
    const char *name; /* "master", "agent-0" */
    int port;
    const char *argv[DEV_ARGS_MAX]; /* NULL-terminated */
};

struct dev_cluster {
    const char *dir;
    const char *cgroups_root; /* "perigee-dev-5050": where its tasks live */
    int port;
    uint32_t agents;
    uint32_t task_port[DEV_AGENTS_MAX];
    struct dev_daemon *daemon; /* master, aurora, observer, agents;
                                  in the arena */
    uint32_t daemon_count;
};

/* The directory of --dir; else of the dev cluster that clusterctl knows; else
 * the default one (root: /var/lib/perigee/dev). */
const char *dev_directory(struct cli *cli);
/* What is in the directory, with the options of this run applied. ERR_NOT_FOUND
 * when nothing was ever started there and `must_exist`. */
int dev_cluster_load(struct cli *cli, bool must_exist, struct dev_cluster *out,
                     struct err *err);
/* Put what tasks need into D/bin, where it changed. */
int dev_cluster_equip(struct cli *cli, const struct dev_cluster *cluster,
                      struct err *err);
/* Write D/cluster.json and clusterctl's own list. */
int dev_cluster_save(struct cli *cli, const struct dev_cluster *cluster,
                     struct err *err);
/* Forget it in clusterctl's list; what lies in D stays. */
void dev_cluster_forget(struct cli *cli);
/* The entry as the wire message, in the arena. */
Perigee__Cluster *dev_cluster_entry(struct cli *cli,
                                    const struct dev_cluster *cluster);

/* --- its processes (dev_process.c) --- */

/* The daemon's pid, 0 when it does not run. A reused pid is not taken for it:
 * the start time and the command line are compared. */
pid_t dev_daemon_pid(struct cli *cli, const struct dev_cluster *cluster,
                     const struct dev_daemon *daemon);
/* Is its port free to listen on? */
bool dev_port_is_free(int port);
/* Does anybody listen in [first, first + count)? */
bool dev_range_is_taken(uint32_t first, uint32_t count);
int dev_daemon_start(struct cli *cli, const struct dev_cluster *cluster,
                     const struct dev_daemon *daemon, struct err *err);
/* End every process of the cluster: daemons by SIGTERM first, then whatever
 * belongs to its tasks (control groups, environment, working directory), then
 * SIGKILL. Returns how many there were; ERR_TIMEOUT when some stay. */
int dev_cluster_end(struct cli *cli, const struct dev_cluster *cluster,
                    struct err *err);
