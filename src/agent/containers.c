#include "agent/container.h"
#include "base/alloc.h"
#include "base/vec.h"
#include "sys/daemon.h"
#include "sys/log.h"
#include "sys/process.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void act_limit(struct containers *all, const struct agent_limit *limit)
{
    struct container *container = container_find(all, limit->container_id);
    struct err err = {0};
    if (container == NULL || all->config.cgroups == NULL ||
        (container->cpu_milli == limit->cpu_milli &&
         container->mem_bytes == limit->mem_bytes))
        return;
    container->cpu_milli = limit->cpu_milli;
    container->mem_bytes = limit->mem_bytes;
    if (cgroup_limit(all->config.cgroups, container->id, limit->cpu_milli,
                     limit->mem_bytes, &err) < 0)
        log_line(LOG_LEVEL_WARN,
                 "container_limit container=%s error=%s, "
                 "ignoring",
                 container->id, log_value(err.text));
}

static void on_sweep_exit(void *context, pid_t pid, int status)
{
    struct containers *all = context;
    (void)pid;
    all->sweeper = 0;
    if (status != 0)
        log_line(LOG_LEVEL_WARN, "sandbox_sweep status=%d, ignoring", status);
}

static void act_sweep(struct containers *all, const struct agent_sweep *sweep)
{
    VEC(const char *) argv = {0};
    struct err err = {0};
    char before[32];
    if (all->sweeper != 0)
        return; /* the last one still removes */
    snprintf(before, sizeof before, "%lld", (long long)sweep->before_ms);
    *vec_add(&argv) = "perigee-agent";
    *vec_add(&argv) = "sweep";
    *vec_add(&argv) = all->config.work_dir;
    *vec_add(&argv) = before;
    for (const char *const *live = sweep->live; *live != NULL; live++)
        *vec_add(&argv) = *live;
    *vec_add(&argv) = NULL;
    struct process_spec spec = {.path = all->config.self,
                                .argv = argv.item,
                                .fd = {-1, -1, STDERR_FILENO},
                                .fd_count = 3,
                                .uid = -1,
                                .gid = -1};
    if (process_spawn(&spec, &all->sweeper, &err) < 0)
        log_line(LOG_LEVEL_WARN, "sandbox_sweep error=%s, ignoring",
                 log_value(err.text));
    else
        process_watch_add(all->watch, all->sweeper, on_sweep_exit, all);
    vec_free(&argv);
}

void containers_act(void *context, uint32_t kind, const void *data)
{
    struct containers *all = context;
    const struct agent_destroy *victim = data;
    struct container *container;
    switch ((enum agent_act)kind) {
    case AGENT_ACT_LAUNCH:
        container_launch(all, data);
        break;
    case AGENT_ACT_LIMIT:
        act_limit(all, data);
        break;
    case AGENT_ACT_DESTROY:
        container = container_find(all, victim->container_id);
        if (container != NULL) /* else its end is a fact under way */
            container_destroy(container);
        break;
    case AGENT_ACT_RECOVER:
        container_recover(all, data);
        break;
    case AGENT_ACT_SWEEP:
        act_sweep(all, data);
        break;
    }
}

bool containers_usage(void *context, const char *container_id,
                      struct agent_usage *out)
{
    struct containers *all = context;
    return all->config.cgroups != NULL &&
           cgroup_usage(all->config.cgroups, container_id, out);
}

int containers_open(struct containers **out, struct daemon *daemon,
                    const struct containers_config *config, struct err *err)
{
    struct containers *all = xcalloc(1, sizeof *all);
    all->daemon = daemon;
    all->config = *config;
    all->watch = process_watch_open(daemon_base(daemon), NULL, NULL);
    if (all->watch == NULL) {
        free(all);
        return err_set(err, ERR_IO, "cannot watch children");
    }
    if (config->cgroups != NULL)
        cgroups_tidy(config->cgroups);
    *out = all;
    return 0;
}

void containers_close(struct containers *all)
{
    if (all == NULL)
        return;
    struct container *container, *next;
    HASH_ITER(hh, all->container, container, next)
    container_forget(container);
    process_watch_close(all->watch);
    free(all);
}
