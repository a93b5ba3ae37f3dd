#include "agent/containers.h"
#include "agent/procs.h"
#include "agent/sandbox.h"
#include "base/alloc.h"
#include "base/arena.h"
#include "base/vec.h"
#include "sys/daemon.h"
#include "sys/log.h"
#include "sys/process.h"
#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define uthash_fatal(text) abort()
#include <uthash.h>

enum {
    RETRY_FIRST_MS = 1, /* between two looks at a container being destroyed */
    RETRY_LAST_MS = 200,
    FETCH_TALK_MAX = 1024 /* of what the fetcher said */
};

enum container_state {
    CONTAINER_FETCHING,   /* the fetcher runs */
    CONTAINER_RUNNING,    /* the executor runs */
    CONTAINER_DESTROYING, /* until no process is left */
};

struct container {
    struct containers *all;
    char id[AGENT_CONTAINER_ID_MAX];
    char *sandbox; /* owned */
    enum container_state state;
    pid_t pid; /* fetcher, then executor; 0: none or not known */
    uint64_t born;
    bool is_child;   /* of this process; else watched by its pidfd */
    bool has_failed; /* FAILED instead of EXITED at the end */
    bool has_status;
    int status;
    int watch_fd;  /* pidfd of an executor that is no child */
    int memory_fd; /* out of memory alarm */
    struct event *watch_event, *memory_event, *retry;
    int64_t retry_ms;
    int64_t cpu_milli, mem_bytes;
    struct arena arena;         /* of the launch */
    struct agent_launch launch; /* until the executor runs */
    struct sandbox_user user;
    uint32_t uris_fetched;
    int talk_fd; /* what the fetcher says, read when it exits */
    char failure[AGENT_FACT_TEXT_MAX];
    UT_hash_handle hh;
};

struct containers {
    struct daemon *daemon;
    struct containers_config config;
    struct process_watch *watch;
    struct container *container; /* by id */
    pid_t sweeper;               /* 0: none runs */
};

/* --- making and ending the record ---------------------------------------- */

static struct container *find(struct containers *all, const char *id)
{
    struct container *found = NULL;
    HASH_FIND_STR(all->container, id, found);
    return found;
}

static struct container *add(struct containers *all, const char *id,
                             const char *sandbox)
{
    assert(find(all, id) == NULL);
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

static void forget(struct container *container)
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
    forget(container);
}

/* --- destroying ---------------------------------------------------------- */

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

static void destroy_step(struct container *container)
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
    destroy_step(context);
}

static void destroy(struct container *container)
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
    destroy_step(container);
}

static void fail(struct container *container, const char *text)
{
    container->has_failed = true;
    snprintf(container->failure, sizeof container->failure,
             "Failed to launch container: %s", text);
    destroy(container);
}

/* --- watching ------------------------------------------------------------ */

static bool is_trusted_end(const struct container *container)
{
    /* An executor that ended well took its tasks with it; looking through all
     * of /proc to prove it costs more than starting a task. */
    return container->all->config.cgroups == NULL && container->has_status &&
           container->status == 0 && kill(-container->pid, 0) < 0 &&
           errno == ESRCH;
}

static void on_executor_exit(void *context, pid_t pid, int status)
{
    struct container *container = context;
    (void)pid;
    container->has_status = true;
    container->status = status;
    if (container->state == CONTAINER_DESTROYING)
        destroy_step(container); /* at once, not when the timer fires */
    else if (is_trusted_end(container))
        finish(container);
    else
        destroy(container);
}

/* The executor of the agent's former life ended; its status went to init. */
static void on_stranger_exit(evutil_socket_t fd, short what, void *context)
{
    struct container *container = context;
    (void)fd;
    (void)what;
    drop_event(&container->watch_event, &container->watch_fd);
    destroy(container);
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

static void watch_memory(struct container *container)
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

/* --- launching ----------------------------------------------------------- */

static const char *const *copy_list(struct arena *arena,
                                    const char *const *list)
{
    size_t count = 0;
    while (list[count] != NULL)
        count++;
    const char **copy = arena_zalloc(arena, (count + 1) * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = arena_strdup(arena, list[i]);
    return copy;
}

static const char *const *add_user(struct arena *arena, const char *const *envp,
                                   const struct sandbox_user *user)
{
    size_t count = 0;
    while (envp[count] != NULL)
        count++;
    const char **more = arena_zalloc(arena, (count + 3) * sizeof *more);
    memcpy(more, envp, count * sizeof *more);
    more[count] = arena_printf(arena, "PERIGEE_USER=%s", user->name);
    more[count + 1] = arena_printf(arena, "PERIGEE_HOME=%s", user->home);
    return more;
}

/* The act's strings die with the turn. */
static void keep_launch(struct container *container,
                        const struct agent_launch *from)
{
    struct arena *arena = &container->arena;
    struct agent_launch *launch = &container->launch;
    *launch = *from;
    launch->container_id = container->id;
    launch->sandbox = container->sandbox;
    launch->user = arena_strdup(arena, from->user);
    launch->path = arena_strdup(arena, from->path);
    launch->argv = copy_list(arena, from->argv);
    launch->envp = copy_list(arena, from->envp);
    struct agent_uri *uri =
        arena_zalloc(arena, (from->uri_count + 1) * sizeof *uri);
    for (uint32_t i = 0; i < from->uri_count; i++) {
        uri[i] = from->uri[i];
        uri[i].value = arena_strdup(arena, from->uri[i].value);
        if (from->uri[i].output_file != NULL)
            uri[i].output_file = arena_strdup(arena, from->uri[i].output_file);
    }
    launch->uri = uri;
    container->cpu_milli = from->cpu_milli;
    container->mem_bytes = from->mem_bytes;
}

static int open_output(const struct container *container, const char *name,
                       struct err *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", container->sandbox, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
                  0644);
    if (fd < 0)
        return err_set(err, ERR_IO, "'%s': cannot open: %s", path,
                       strerror(errno));
    if (container->user.uid >= 0 && fchown(fd, (uid_t)container->user.uid,
                                           (gid_t)container->user.gid) < 0) {
        close(fd);
        return err_set(err, ERR_IO, "'%s': cannot hand over: %s", path,
                       strerror(errno));
    }
    return fd;
}

/* Spawn inside the container: its user, its group, its sandbox. */
static int spawn(struct container *container, const char *path,
                 const char *const *argv, int out_fd, int err_fd, pid_t *out,
                 struct err *err)
{
    const struct cgroups *cgroups = container->all->config.cgroups;
    char files[CGROUP_CONTROLLERS][CGROUP_PATH_MAX];
    const char *file[CGROUP_CONTROLLERS + 1] = {NULL};
    struct process_spec spec = {.path = path,
                                .argv = argv,
                                .envp = container->launch.envp,
                                .cwd = container->sandbox,
                                .fd = {-1, out_fd, err_fd},
                                .fd_count = 3,
                                .new_session = true,
                                .uid = container->user.uid,
                                .gid = container->user.gid};
    if (cgroups != NULL)
        cgroup_join_files(cgroups, container->id, files, file);
    for (int i = 0; file[i] != NULL; i++)
        spec.cgroup_procs[i] = file[i];
    return process_spawn(&spec, out, err);
}

/* The program's path as execvp would find it, from the sandbox. */
static const char *resolve(struct container *container)
{
    const char *path = container->launch.path;
    struct arena *arena = &container->arena;
    if (path[0] == '/')
        return path;
    if (strchr(path, '/') != NULL)
        return arena_printf(arena, "%s/%s", container->sandbox, path);
    const char *list = "/usr/bin:/bin";
    for (const char *const *entry = container->launch.envp; *entry != NULL;
         entry++)
        if (strncmp(*entry, "PATH=", 5) == 0)
            list = *entry + 5;
    while (*list != '\0') {
        size_t size = strcspn(list, ":");
        const char *candidate =
            arena_printf(arena, "%.*s/%s", (int)size, list, path);
        if (size > 0 && access(candidate, X_OK) == 0)
            return candidate;
        list += size + (list[size] == ':');
    }
    return path;
}

static void start_executor(struct container *container)
{
    struct containers *all = container->all;
    struct err err = {0};
    pid_t pid = 0;
    int out_fd = open_output(container, "stdout", &err);
    int err_fd = out_fd < 0 ? -1 : open_output(container, "stderr", &err);
    int rc = err_fd < 0
                 ? -1
                 : spawn(container, resolve(container), container->launch.argv,
                         out_fd, err_fd, &pid, &err);
    if (out_fd >= 0)
        close(out_fd);
    if (err_fd >= 0)
        close(err_fd);
    if (rc < 0) {
        fail(container, err.text);
        return;
    }
    container->pid = pid;
    container->born = proc_born(pid);
    container->is_child = true;
    container->has_status = false;
    container->state = CONTAINER_RUNNING;
    process_watch_add(all->watch, pid, on_executor_exit, container);
    arena_clear(&container->arena);
    container->launch = (struct agent_launch){0};
    struct agent_started fact = {.pid = pid, .born = container->born};
    snprintf(fact.container_id, sizeof fact.container_id, "%s", container->id);
    daemon_fact(all->daemon, AGENT_FACT_STARTED, &fact, sizeof fact);
}

/* --- fetching ------------------------------------------------------------ */

static void fetch_next(struct container *container);

/* The last thing the fetcher said, without its newline. */
static void read_talk(struct container *container, char *out, size_t size)
{
    ssize_t n = pread(container->talk_fd, out, size - 1, 0);
    out[n < 0 ? 0 : n] = '\0';
    for (size_t end = strlen(out); end > 0 && out[end - 1] == '\n'; end--)
        out[end - 1] = '\0';
}

static void on_fetcher_exit(void *context, pid_t pid, int status)
{
    struct container *container = context;
    char talk[FETCH_TALK_MAX], how[64], text[FETCH_TALK_MAX + 128];
    (void)pid;
    container->has_status = true;
    read_talk(container, talk, sizeof talk);
    close(container->talk_fd);
    container->talk_fd = -1;
    if (container->state == CONTAINER_DESTROYING) {
        destroy_step(container);
        return;
    }
    container->pid = 0;
    container->is_child = false;
    if (status != 0) {
        snprintf(text, sizeof text,
                 "Failed to fetch all URIs for container '%s': %s%s%s",
                 container->id, process_status_text(status, how, sizeof how),
                 talk[0] != '\0' ? ": " : "", talk);
        fail(container, text);
        return;
    }
    container->uris_fetched++;
    fetch_next(container);
}

static void fetch_next(struct container *container)
{
    struct containers *all = container->all;
    const struct agent_launch *launch = &container->launch;
    if (container->uris_fetched == launch->uri_count) {
        start_executor(container);
        return;
    }
    const struct agent_uri *uri = &launch->uri[container->uris_fetched];
    const char *argv[12] = {"perigee-fetch", "--directory", container->sandbox};
    int argc = 3;
    if (uri->executable)
        argv[argc++] = "--executable";
    else if (uri->extract)
        argv[argc++] = "--extract";
    if (uri->output_file != NULL) {
        argv[argc++] = "--output";
        argv[argc++] = uri->output_file;
    }
    argv[argc++] = "--";
    argv[argc++] = uri->value;
    struct err err = {0};
    pid_t pid = 0;
    container->talk_fd = memfd_create("fetch", MFD_CLOEXEC);
    if (container->talk_fd < 0 ||
        spawn(container, all->config.fetcher, argv, -1, container->talk_fd,
              &pid, &err) < 0) {
        fail(container, err.text[0] != '\0' ? err.text : strerror(errno));
        return;
    }
    container->pid = pid;
    container->born = proc_born(pid);
    container->is_child = true;
    container->has_status = false;
    process_watch_add(all->watch, pid, on_fetcher_exit, container);
}

/* --- the acts ------------------------------------------------------------ */

static int prepare(struct container *container, struct err *err)
{
    struct containers *all = container->all;
    int rc = 0;
    sandbox_user_self(&container->user);
    if (all->config.switch_user)
        rc = sandbox_user_find(container->launch.user, &container->user, err);
    if (rc == 0)
        rc = sandbox_make(container->sandbox, &container->user, err);
    if (rc == 0 && all->config.cgroups != NULL)
        rc = cgroup_make(all->config.cgroups, container->id, err);
    if (rc == 0 && all->config.cgroups != NULL)
        rc = cgroup_limit(all->config.cgroups, container->id,
                          container->cpu_milli, container->mem_bytes, err);
    return rc;
}

static void act_launch(struct containers *all,
                       const struct agent_launch *launch)
{
    struct container *container =
        add(all, launch->container_id, launch->sandbox);
    struct err err = {0};
    keep_launch(container, launch);
    container->state = CONTAINER_FETCHING;
    int rc = prepare(container, &err);
    container->launch.envp =
        add_user(&container->arena, container->launch.envp, &container->user);
    if (rc < 0) {
        fail(container, err.text);
        return;
    }
    watch_memory(container);
    fetch_next(container);
}

static void act_limit(struct containers *all, const struct agent_limit *limit)
{
    struct container *container = find(all, limit->container_id);
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

static void act_recover(struct containers *all,
                        const struct agent_recover *recover)
{
    struct container *container =
        add(all, recover->container_id, recover->sandbox);
    container->state = CONTAINER_RUNNING;
    container->cpu_milli = recover->cpu_milli;
    container->mem_bytes = recover->mem_bytes;
    container->pid = (pid_t)recover->pid;
    container->born = recover->born;
    if (recover->rebooted) {
        container->pid = 0;
        destroy(container);
        return;
    }
    if (container->pid == 0) {
        container->pid = search_executor(container);
        container->born = proc_born(container->pid);
    }
    if (container->pid == 0 || !watch_stranger(container)) {
        destroy(container); /* and whatever it left behind */
        return;
    }
    watch_memory(container);
    struct agent_started fact = {.pid = container->pid,
                                 .born = container->born};
    snprintf(fact.container_id, sizeof fact.container_id, "%s", container->id);
    daemon_fact(all->daemon, AGENT_FACT_ALIVE, &fact, sizeof fact);
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
        act_launch(all, data);
        break;
    case AGENT_ACT_LIMIT:
        act_limit(all, data);
        break;
    case AGENT_ACT_DESTROY:
        container = find(all, victim->container_id);
        if (container != NULL) /* else its end is a fact under way */
            destroy(container);
        break;
    case AGENT_ACT_RECOVER:
        act_recover(all, data);
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
    forget(container);
    process_watch_close(all->watch);
    free(all);
}
