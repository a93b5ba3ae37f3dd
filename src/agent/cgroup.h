/* Control groups, version 1 or 2, whichever of this machine has the memory
 * controller. A container is one group: <mount>/<root>/<container id>, with
 * version 1 in every controller used (memory, cpu, pids, freezer, and cpuacct
 * where it is mounted). Making one costs a quarter of a millisecond.
 *
 * Version 1 processes are moved by "tasks", which takes no machine-wide lock
 * when a process moves itself; version 2 has only "cgroup.procs". */
#pragma once
#include "agent/program.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { CGROUP_PATH_MAX = 512, CGROUP_PIDS_MAX = 4096 };

enum cgroup_controller {
    CGROUP_MEMORY,
    CGROUP_CPU,
    CGROUP_PIDS,
    CGROUP_FREEZER,
    CGROUP_CPUACCT,
    CGROUP_CONTROLLERS
};

struct cgroups {
    int version; /* 1 or 2 */
    /* <mount>/<root> by controller; "" where not mounted. Version 2 uses
     * CGROUP_MEMORY's for all. */
    char base[CGROUP_CONTROLLERS][CGROUP_PATH_MAX];
};

/* Find the mounts in a file of /proc/mounts' form, make the root group.
 * ERR_UNSUPPORTED says what is missing. */
int cgroups_open(struct cgroups *out, const char *mounts, const char *root,
                 struct err *err);

/* Remove empty groups that are older than ten minutes: left behind by agents
 * that never came back. Those of other agents on this machine are either in
 * use or younger. */
void cgroups_tidy(const struct cgroups *c);

/* Make the container's group; limits follow with cgroup_limit. */
int cgroup_make(const struct cgroups *c, const char *id, struct err *err);
bool cgroup_exists(const struct cgroups *c, const char *id);
/* cpu shares; the memory limit is raised, never lowered. */
int cgroup_limit(const struct cgroups *c, const char *id, int64_t cpu_milli,
                 int64_t mem_bytes, struct err *err);
/* Files a child writes "0" into to join; NULL-terminated, into `path`. */
void cgroup_join_files(const struct cgroups *c, const char *id,
                       char path[CGROUP_CONTROLLERS][CGROUP_PATH_MAX],
                       const char *file[CGROUP_CONTROLLERS + 1]);
/* Remove the group when it is empty: 0, or -ERR_BUSY while it is not. */
int cgroup_remove(const struct cgroups *c, const char *id);
/* Freeze, SIGKILL every process, thaw. Ask cgroup_remove until it succeeds. */
void cgroup_kill(const struct cgroups *c, const char *id);
/* Processes inside; at most `max` are written. */
int cgroup_pids(const struct cgroups *c, const char *id, pid_t *out, int max);
/* A descriptor that becomes readable when the group runs out of memory, and
 * must be read empty then (version 1: eventfd; 2: inotify); -1 when there is
 * none. cgroup_is_out_of_memory tells a true alarm from a removed group. */
int cgroup_watch_memory(const struct cgroups *c, const char *id);
bool cgroup_is_out_of_memory(const struct cgroups *c, const char *id);
/* "Memory limit exceeded: Requested: 64MB Maximum Used: 64MB\n\nMEMORY
 * STATISTICS: ..."; returns the limit in bytes. */
int64_t cgroup_memory_report(const struct cgroups *c, const char *id, char *out,
                             size_t size);
bool cgroup_usage(const struct cgroups *c, const char *id,
                  struct agent_usage *out);
