/* The containers of this machine: the shell's side of acts.h. Starts executors
 * in their sandboxes, watches them, and ends everything they started: through
 * the container's control group where there are any, else through process
 * groups, sessions and sandboxes in /proc. Nothing here decides; every outcome
 * is a fact. */
#pragma once
#include "agent/acts.h"
#include "agent/cgroup.h"
#include "agent/program.h"
#include "base/err.h"

struct daemon;
struct containers;

struct containers_config {
    const struct cgroups *cgroups; /* NULL: by process groups */
    const char *fetcher;           /* path of perigee-fetch */
    const char *self;              /* path of this program, for the sweep */
    const char *work_dir;
    bool switch_user;      /* containers run as their user */
    bool allow_root;       /* also when that is root */
    int64_t disk_watch_ms; /* how often thermos looks at its disk; 0: as it
                              likes */
    const char *announcer_access; /* file for the announcer; NULL: none */
};

/* The daemon and the strings are borrowed. */
int containers_open(struct containers **out, struct daemon *daemon,
                    const struct containers_config *config, struct err *err);
/* Leaves what runs running. */
void containers_close(struct containers *containers);
/* A daemon_act with the containers as context. */
void containers_act(void *containers, uint32_t kind, const void *data);
/* An agent_usage_reader. */
bool containers_usage(void *containers, const char *container_id,
                      struct agent_usage *out);
