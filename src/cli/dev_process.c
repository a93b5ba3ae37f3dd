/* The processes of a dev cluster: which run, starting one, ending all. Linux's
 * /proc is the witness; nothing is guessed from a pid alone. */
#include "cli/dev_cluster.h"

#include "base/text.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/process.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PROC_BYTES_MAX = 256 << 10, /* of one /proc file */
    TERM_WAIT_MS = 3000,        /* for SIGTERM to be obeyed */
    KILL_WAIT_MS = 10000,
    POLL_MS = 5
};

/* A process as /proc/PID/stat tells it. */
struct life {
    char state;      /* 'Z': it has ended and nobody asked yet */
    long long start; /* field 22: clock ticks since boot */
};

static struct life life_of(pid_t pid)
{
    char path[64];
    struct buf text = {0};
    struct life life = {.state = 'Z', .start = -1};

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (file_read(path, PROC_BYTES_MAX, &text, NULL) == 0) {
        char *at = strrchr(buf_text(&text), ')'); /* the name may hold spaces */
        if (at != NULL && strlen(at) > 2)
            life.state = at[2];
        for (int field = 2; at != NULL && field < 22; field++)
            at = strchr(at + 1, ' ');
        if (at != NULL)
            life.start = strtoll(at, NULL, 10);
    }
    buf_release(&text);
    return life;
}

/* Does /proc/PID/<file> hold the text anywhere? */
static bool proc_holds(pid_t pid, const char *file, const char *text)
{
    char path[64];
    struct buf content = {0};

    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    bool holds = file_read(path, PROC_BYTES_MAX, &content, NULL) == 0 &&
                 memmem(content.data ? content.data : (void *)"", content.size,
                        text, strlen(text)) != NULL;
    buf_release(&content);
    return holds;
}

static const char *pid_path(struct cli *cli, const struct dev_cluster *c,
                            const char *name)
{
    return arena_printf(&cli->arena, "%s/run/%s.pid", c->dir, name);
}

pid_t dev_daemon_pid(struct cli *cli, const struct dev_cluster *c,
                     const struct dev_daemon *daemon)
{
    struct buf text = {0};
    int pid = 0;
    long long start = 0;
    bool known =
        file_read(pid_path(cli, c, daemon->name), 256, &text, NULL) == 0 &&
        sscanf(buf_text(&text), "%d %lld", &pid, &start) == 2;

    buf_release(&text);
    if (!known || pid <= 1)
        return 0;
    /* A start time is not given out twice in this boot; D in the command line
     * says that it is no pid of an earlier boot. One that has only just been
     * spawned shows no command line yet. */
    struct life life = life_of(pid);
    if (life.start != start || life.state == 'Z')
        return 0;
    return proc_holds(pid, "cmdline", c->dir) ||
                   !proc_holds(pid, "cmdline", "/")
               ? pid
               : 0;
}

bool dev_port_is_free(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port)};
    int yes = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    bool is_free = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return is_free;
}

bool dev_range_is_taken(uint32_t first, uint32_t count)
{
    enum { LISTENING = 0x0A };
    FILE *file = fopen("/proc/net/tcp", "re");
    char line[512];
    bool taken = false;

    while (file != NULL && !taken && fgets(line, sizeof line, file) != NULL) {
        unsigned port, state;
        if (sscanf(line, "%*u: %*x:%x %*x:%*x %x", &port, &state) == 2)
            taken = state == LISTENING && port >= first && port < first + count;
    }
    if (file != NULL)
        fclose(file);
    return taken;
}

int dev_daemon_start(struct cli *cli, const struct dev_cluster *c,
                     const struct dev_daemon *daemon, struct err *err)
{
    const char *path =
        arena_printf(&cli->arena, "%s/log/%s.log", c->dir, daemon->name);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    char text[64];
    pid_t pid;

    if (log < 0)
        return err_set(err, ERR_IO, "log '%s': %s", path, strerror(errno));
    struct process_spec spec = {
        .path = daemon->argv[0],
        .argv = daemon->argv,
        .cwd = "/",
        .fd = {-1, log, log},
        .fd_count = 3,
        .new_session = true,
        .uid = -1,
        .gid = -1,
    };
    int rc = process_spawn(&spec, &pid, err);
    close(log);
    if (rc < 0)
        return rc;
    int size =
        snprintf(text, sizeof text, "%d %lld\n", (int)pid, life_of(pid).start);
    return file_write(pid_path(cli, c, daemon->name),
                      bytes_of(text, (size_t)size), 0644, false, err);
}

/* --- ending --- */

/* Does this process belong to the cluster? Daemons and executors by their
 * command line or environment, tasks by those or by where they stand. */
static bool belongs(pid_t pid, const struct dev_cluster *c)
{
    char path[64], cwd[4096], with_slash[4096];

    (void)snprintf(with_slash, sizeof with_slash, "%s/", c->dir);
    (void)snprintf(path, sizeof path, "/proc/%d/cwd", (int)pid);
    ssize_t size = readlink(path, cwd, sizeof cwd - 1);
    if (size > 0) {
        cwd[size] = '\0';
        if (strncmp(cwd, with_slash, strlen(with_slash)) == 0)
            return true;
    }
    return proc_holds(pid, "environ", with_slash);
}

/* Send a signal to every process of a control group's file. */
static int signal_group(const char *procs, int signo)
{
    FILE *file = fopen(procs, "re");
    int pid, count = 0;

    while (file != NULL && fscanf(file, "%d", &pid) == 1)
        count += kill(pid, signo) == 0;
    if (file != NULL)
        fclose(file);
    return count;
}

typedef int visit_group(const char *path, int signo);

/* Every control group at or below `path`, deepest first; bounded depth. */
static int each_group(const char *path, int depth, visit_group *visit,
                      int signo)
{
    DIR *dir = depth > 0 ? opendir(path) : NULL;
    struct dirent *entry;
    int count = 0;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char below[4096];
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        if (snprintf(below, sizeof below, "%s/%s", path, entry->d_name) <
            (int)sizeof below)
            count += each_group(below, depth - 1, visit, signo);
    }
    if (dir != NULL) {
        closedir(dir);
        count += visit(path, signo);
    }
    return count;
}

static int visit_signal(const char *path, int signo)
{
    char procs[4200];

    (void)snprintf(procs, sizeof procs, "%s/cgroup.procs", path);
    return signal_group(procs, signo);
}

static int visit_remove(const char *path, int signo)
{
    (void)signo;
    (void)rmdir(path); /* still busy: the next `dev stop` tries again */
    return 0;
}

/* The cluster's folder in every hierarchy that is mounted. */
static int each_hierarchy(const struct dev_cluster *c, visit_group *visit,
                          int signo)
{
    DIR *dir = opendir("/sys/fs/cgroup");
    struct dirent *entry;
    char path[4096];
    int count = 0;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.' || entry->d_type == DT_REG)
            continue;
        (void)snprintf(path, sizeof path, "/sys/fs/cgroup/%s/%s", entry->d_name,
                       c->cgroups_root);
        count += each_group(path, 8, visit, signo);
    }
    if (dir != NULL)
        closedir(dir);
    (void)snprintf(path, sizeof path, "/sys/fs/cgroup/%s", c->cgroups_root);
    return count + each_group(path, 8, visit, signo);
}

/* Signal every process of the cluster that is not one of its daemons; count. */
static int signal_tasks(const struct dev_cluster *c, int signo)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    int count = each_hierarchy(c, visit_signal, signo);

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        int64_t pid;
        if (text_int(entry->d_name, 2, INT32_MAX, &pid, NULL) < 0 ||
            pid == getpid() || !belongs((pid_t)pid, c))
            continue;
        count += kill((pid_t)pid, signo) == 0;
    }
    if (dir != NULL)
        closedir(dir);
    return count;
}

static int signal_daemons(struct cli *cli, const struct dev_cluster *c,
                          int signo)
{
    int count = 0;

    for (uint32_t i = 0; i < c->daemon_count; i++) {
        pid_t pid = dev_daemon_pid(cli, c, &c->daemon[i]);
        if (pid > 0)
            count += kill(pid, signo) == 0;
    }
    return count;
}

int dev_cluster_end(struct cli *cli, const struct dev_cluster *c,
                    struct err *err)
{
    int ended = signal_daemons(cli, c, SIGTERM);
    int64_t begin = clock_monotonic_ms();

    /* Daemons first: nobody is left to start a task anew. */
    while (signal_daemons(cli, c, 0) > 0)
        if (clock_monotonic_ms() - begin > TERM_WAIT_MS)
            (void)signal_daemons(cli, c, SIGKILL);
        else
            (void)poll(NULL, 0, POLL_MS);
    int tasks = signal_tasks(c, SIGTERM);
    int signo = SIGKILL;

    begin = clock_monotonic_ms();
    while (signal_tasks(c, signo) > 0) {
        if (clock_monotonic_ms() - begin > KILL_WAIT_MS)
            return err_set(err, ERR_TIMEOUT, "processes of %s do not end",
                           c->dir);
        (void)poll(NULL, 0, POLL_MS);
    }
    (void)each_hierarchy(c, visit_remove, 0);
    return ended + tasks;
}
