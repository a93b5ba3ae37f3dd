#include "agent/container.h"
#include "agent/procs.h"
#include "base/alloc.h"
#include "sys/process.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FETCH_TALK_MAX = 1024 /* of what the fetcher said */ };

/* --- what to start -----------------------------------------------------------
 */

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
                                   const struct sandbox_user *user,
                                   const struct containers_config *config)
{
    size_t count = 0;
    while (envp[count] != NULL)
        count++;
    const char **more = arena_zalloc(arena, (count + 5) * sizeof *more);
    memcpy(more, envp, count * sizeof *more);
    more[count++] = arena_printf(arena, "PERIGEE_USER=%s", user->name);
    more[count++] = arena_printf(arena, "PERIGEE_HOME=%s", user->home);
    if (config->disk_watch_ms > 0)
        more[count++] =
            arena_printf(arena, "PERIGEE_DISK_WATCH_INTERVAL=%lldms",
                         (long long)config->disk_watch_ms);
    if (config->announcer_access != NULL)
        more[count++] = arena_printf(arena, "PERIGEE_ANNOUNCER_AUTH_CONFIG=%s",
                                     config->announcer_access);
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
    launch->owner = from->owner ? arena_strdup(arena, from->owner) : NULL;
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
    container->is_tidy = from->is_tidy;
    container->cpu_milli = from->cpu_milli;
    container->mem_bytes = from->mem_bytes;
}

/* The user's fetcher has filled the sandbox: the name may be a link to, or
 * another name of, a file that is somebody else's, or a pipe that nobody
 * reads. */
static int open_plain(const char *path, struct err *err)
{
    struct stat st;
    int fd = open(path,
                  O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW |
                      O_NONBLOCK,
                  0644);
    if (fd < 0)
        return err_set(err, ERR_IO, "'%s': cannot open: %s", path,
                       strerror(errno));
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
        fcntl(fd, F_SETFL, O_APPEND) == 0)
        return fd;
    close(fd);
    return err_set(err, ERR_DENIED,
                   "'%s': want a plain file with one name; what was fetched "
                   "has put something else there",
                   path);
}

static int open_output(const struct container *container, const char *name,
                       struct err *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", container->sandbox, name);
    int fd = open_plain(path, err);
    if (fd < 0)
        return fd;
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
        container_fail(container, err.text);
        return;
    }
    container->pid = pid;
    container->born = proc_born(pid);
    container->is_child = true;
    container->has_status = false;
    container->state = CONTAINER_RUNNING;
    process_watch_add(all->watch, pid, container_executor_exited, container);
    arena_clear(&container->arena);
    container->launch = (struct agent_launch){0};
    container_started(container, AGENT_FACT_STARTED);
}

/* --- fetching --- */

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
        container_look(container);
        return;
    }
    container->pid = 0;
    container->is_child = false;
    if (status != 0) {
        snprintf(text, sizeof text,
                 "Failed to fetch all URIs for container '%s': %s%s%s",
                 container->id, process_status_text(status, how, sizeof how),
                 talk[0] != '\0' ? ": " : "", talk);
        container_fail(container, text);
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
        container_fail(container,
                       err.text[0] != '\0' ? err.text : strerror(errno));
        return;
    }
    container->pid = pid;
    container->born = proc_born(pid);
    container->is_child = true;
    container->has_status = false;
    process_watch_add(all->watch, pid, on_fetcher_exit, container);
}

/* --- all of it --- */

static int choose_user(struct container *container, struct err *err)
{
    const struct containers_config *config = &container->all->config;
    sandbox_user_self(&container->user);
    if (!config->switch_user)
        return 0;
    int rc = sandbox_user_find(container->launch.user, &container->user, err);
    if (rc != 0 || container->user.uid != 0 || config->allow_root)
        return rc;
    return err_set(err, ERR_DENIED,
                   "user '%.64s': tasks do not run as root on this agent; "
                   "choose another role, or start the agent with --allow_root",
                   container->launch.user);
}

static int prepare(struct container *container, struct err *err)
{
    struct containers *all = container->all;
    int rc = choose_user(container, err);
    if (rc == 0)
        rc = sandbox_make(container->sandbox, &container->user, err);
    if (rc == 0 && container->launch.owner != NULL)
        rc =
            sandbox_set_owner(container->sandbox, container->launch.owner, err);
    if (rc == 0 && all->config.cgroups != NULL)
        rc = cgroup_make(all->config.cgroups, container->id, err);
    if (rc == 0 && all->config.cgroups != NULL)
        rc = cgroup_limit(all->config.cgroups, container->id,
                          container->cpu_milli, container->mem_bytes, err);
    return rc;
}

void container_launch(struct containers *all, const struct agent_launch *launch)
{
    struct container *container =
        container_add(all, launch->container_id, launch->sandbox);
    struct err err = {0};
    keep_launch(container, launch);
    container->state = CONTAINER_FETCHING;
    int rc = prepare(container, &err);
    container->launch.envp = add_user(&container->arena, container->launch.envp,
                                      &container->user, &all->config);
    if (rc < 0) {
        container_fail(container, err.text);
        return;
    }
    container_watch_memory(container);
    fetch_next(container);
}
