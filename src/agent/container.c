#include "agent/container.h"
#include "agent/procs.h"
#include "base/alloc.h"
#include "sys/daemon.h"
#include "sys/log.h"
#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    RETRY_FIRST_MS = 1, /* between two looks at a container being destroyed */
    RETRY_LAST_MS = 200,
    LOOKS_WORTH_A_WORD = 60 /* about ten seconds */
};

/* --- making and ending the record --- */

/* NOLINTNEXTLINE(readability-function-size): macros of uthash */
struct container *container_find(struct containers *all, const char *id)
{
    struct container *found = NULL;
    HASH_FIND_STR(all->container, id, found);
    return found;
}

/* NOLINTNEXTLINE(readability-function-size): macros of uthash */
struct container *container_add(struct containers *all, const char *id,
                                const char *sandbox)
{
    assert(container_find(all, id) == NULL);
    struct container *container = xcalloc(1, sizeof *container);
    container->all = all;
    snprintf(container->id, sizeof container->id, "%s", id);
    container->sandbox = xstrdup(sandbox);
    container->watch_fd = container->memory_fd = container->talk_fd = -1;
    arena_init(&container->arena);
    HASH_ADD_STR(all->container, id, container);
    return container;
}

static void drop_event(struct event **event, int *fd)
{
    if (*event != NULL)
        event_free(*event);
    *event = NULL;
    if (fd != NULL && *fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

void container_forget(struct container *container)
{
    HASH_DEL(container->all->container, container);
    drop_event(&container->watch_event, &container->watch_fd);
    drop_event(&container->memory_event, &container->memory_fd);
    drop_event(&container->retry, &container->talk_fd);
    arena_release(&container->arena);
    free(container->sandbox);
    free(container);
}

/* Nothing of it is left: say so, once. */
static void finish(struct container *container)
{
    struct containers *all = container->all;
    sandbox_ended(container->sandbox);
    if (container->has_failed) {
        struct agent_failed fact = {0};
        snprintf(fact.container_id, sizeof fact.container_id, "%s",
                 container->id);
        snprintf(fact.text, sizeof fact.text, "%s", container->failure);
        daemon_fact(all->daemon, AGENT_FACT_FAILED, &fact, sizeof fact);
    } else {
        struct agent_exited fact = {.has_status = container->has_status,
                                    .status = container->status};
        snprintf(fact.container_id, sizeof fact.container_id, "%s",
                 container->id);
        daemon_fact(all->daemon, AGENT_FACT_EXITED, &fact, sizeof fact);
    }
    container_forget(container);
}

/* --- destroying --- */

/* Kill what is there; true when nothing was. */
static bool kill_by_group(struct container *container)
{
    const struct cgroups *cgroups = container->all->config.cgroups;
    if (cgroup_remove(cgroups, container->id) == 0)
        return true;
    cgroup_kill(cgroups, container->id);
    return cgroup_remove(cgroups, container->id) == 0;
}

static bool kill_by_search(struct container *container)
{
    pid_t *pid = xmalloc(CGROUP_PIDS_MAX * sizeof *pid);
    int count = procs_of_container(container->pid, container->born,
                                   container->sandbox, pid, CGROUP_PIDS_MAX);
    for (int i = 0; i < count; i++)
        (void)kill(pid[i], SIGKILL);
    free(pid);
    return count == 0;
}

void container_look(struct container *container)
{
    bool is_empty = container->all->config.cgroups != NULL
                        ? kill_by_group(container)
                        : kill_by_search(container);
    /* A child of ours is gone when it was reaped. */
    bool is_reaped = !container->is_child || container->has_status;
    if (is_empty && is_reaped) {
        finish(container);
        return;
    }
    if (++container->looks == LOOKS_WORTH_A_WORD)
        log_line(LOG_LEVEL_WARN, "container_lingers container=%s, retrying",
                 container->id);
    container->retry_ms *= 2;
    if (container->retry_ms > RETRY_LAST_MS)
        container->retry_ms = RETRY_LAST_MS;
    struct timeval delay = {container->retry_ms / 1000,
                            container->retry_ms % 1000 * 1000};
    evtimer_add(container->retry, &delay);
}

static void on_retry(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    container_look(context);
}

void container_destroy(struct container *container)
{
    if (container->state == CONTAINER_DESTROYING)
        return;
    if (container->state == CONTAINER_FETCHING && !container->has_failed) {
        container->has_failed = true;
        snprintf(container->failure, sizeof container->failure,
                 "Container destroyed while it was fetching");
    }
    container->state = CONTAINER_DESTROYING;
    container->retry_ms = RETRY_FIRST_MS;
    container->retry =
        evtimer_new(daemon_base(container->all->daemon), on_retry, container);
    drop_event(&container->memory_event, &container->memory_fd);
    container_look(container);
}

void container_fail(struct container *container, const char *text)
{
    container->has_failed = true;
    snprintf(container->failure, sizeof container->failure,
             "Failed to launch container: %s", text);
    container_destroy(container);
}

/* --- watching --- */

static bool is_trusted_end(const struct container *container)
{
    /* Our own executor that ended well took its tasks with it; looking through
     * all of /proc to prove it costs more than starting a task. */
    return container->all->config.cgroups == NULL && container->is_tidy &&
           container->status == 0 && kill(-container->pid, 0) < 0 &&
           errno == ESRCH;
}

void container_executor_exited(void *context, pid_t pid, int status)
{
    struct container *container = context;
    (void)pid;
    container->has_status = true;
    container->status = status;
    if (container->state == CONTAINER_DESTROYING)
        container_look(container); /* at once, not when the timer fires */
    else if (is_trusted_end(container))
        finish(container);
    else
        container_destroy(container);
}

/* The executor of the agent's former life ended; its status went to init. */
static void on_stranger_exit(evutil_socket_t fd, short what, void *context)
{
    struct container *container = context;
    (void)fd;
    (void)what;
    drop_event(&container->watch_event, &container->watch_fd);
    container_destroy(container);
}

static void on_memory(evutil_socket_t fd, short what, void *context)
{
    struct container *container = context;
    struct containers *all = container->all;
    char drain[4096];
    (void)what;
    ssize_t n = read(fd, drain, sizeof drain);
    if (n <= 0 || container->state == CONTAINER_DESTROYING ||
        !cgroup_is_out_of_memory(all->config.cgroups, container->id))
        return;
    struct agent_limited fact = {0};
    snprintf(fact.container_id, sizeof fact.container_id, "%s", container->id);
    fact.mem_limit_bytes = cgroup_memory_report(
        all->config.cgroups, container->id, fact.text, sizeof fact.text);
    daemon_fact(all->daemon, AGENT_FACT_LIMITED, &fact, sizeof fact);
}

void container_watch_memory(struct container *container)
{
    struct containers *all = container->all;
    if (all->config.cgroups == NULL)
        return;
    container->memory_fd =
        cgroup_watch_memory(all->config.cgroups, container->id);
    if (container->memory_fd < 0)
        return;
    container->memory_event =
        event_new(daemon_base(all->daemon), container->memory_fd,
                  EV_READ | EV_PERSIST, on_memory, container);
    event_add(container->memory_event, NULL);
}

void container_started(struct container *container, enum agent_fact kind)
{
    struct agent_started fact = {.pid = container->pid,
                                 .born = container->born};
    snprintf(fact.container_id, sizeof fact.container_id, "%s", container->id);
    daemon_fact(container->all->daemon, kind, &fact, sizeof fact);
}

/* --- taking up what ran before --- */

/* The executor among the processes a lost container has: it was first. */
static pid_t search_executor(struct container *container)
{
    const struct cgroups *cgroups = container->all->config.cgroups;
    pid_t *pid = xmalloc(CGROUP_PIDS_MAX * sizeof *pid);
    int count = cgroups != NULL && cgroup_exists(cgroups, container->id)
                    ? cgroup_pids(cgroups, container->id, pid, CGROUP_PIDS_MAX)
                    : procs_of_container(0, 0, container->sandbox, pid,
                                         CGROUP_PIDS_MAX);
    pid_t oldest = procs_oldest(pid, count);
    free(pid);
    return oldest;
}

static bool watch_stranger(struct container *container)
{
    struct event_base *base = daemon_base(container->all->daemon);
    container->watch_fd =
        (int)syscall(SYS_pidfd_open, (long)container->pid, 0L);
    if (container->watch_fd < 0 || proc_born(container->pid) != container->born)
        return false;
    container->watch_event = event_new(base, container->watch_fd, EV_READ,
                                       on_stranger_exit, container);
    event_add(container->watch_event, NULL);
    return true;
}

void container_recover(struct containers *all,
                       const struct agent_recover *recover)
{
    struct container *container =
        container_add(all, recover->container_id, recover->sandbox);
    container->state = CONTAINER_RUNNING;
    container->cpu_milli = recover->cpu_milli;
    container->mem_bytes = recover->mem_bytes;
    container->pid = (pid_t)recover->pid;
    container->born = recover->born;
    if (recover->rebooted) {
        container->pid = 0;
        container_destroy(container);
        return;
    }
    if (container->pid == 0) {
        container->pid = search_executor(container);
        container->born = proc_born(container->pid);
    }
    if (container->pid == 0 || !watch_stranger(container)) {
        container_destroy(container); /* and whatever it left behind */
        return;
    }
    container_watch_memory(container);
    container_started(container, AGENT_FACT_ALIVE);
}
