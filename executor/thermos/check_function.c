#include "executor/thermos/check_function.h"

#include "script/evaluate.h"
#include "script/health_call.h"
#include "sys/address.h"
#include "sys/client.h"
#include "sys/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ANSWER_FD = 3 };

/* Everything here waits as it likes: the parent keeps the clock. */
struct reach {
    const struct task_care *care;
    const char *sandbox;
};

static int http_get(void *context, const char *url, int *status,
                    struct buf *body, struct err *err)
{
    const struct reach *reach = context;
    struct http_response response;
    struct client *client = client_open();
    struct arena arena;

    arena_init(&arena);
    int rc = client_call(client, HTTP_GET, url, NULL, 0, bytes_of("", 0),
                         reach->care->timeout_ms, &arena, &response, err);
    if (rc == 0) {
        *status = response.status;
        buf_add_bytes(body, bytes_of(response.body.data,
                                     response.body.size < HEALTH_BODY_MAX
                                         ? response.body.size
                                         : HEALTH_BODY_MAX));
    }
    client_close(client);
    arena_release(&arena);
    return rc;
}

static int tcp_connect(void *context, const char *host, uint16_t port,
                       struct err *err)
{
    struct sockaddr_storage to;
    socklen_t size;
    (void)context;
    int rc = address_parse(host, port, &to, &size, err);
    if (rc < 0)
        return rc;
    int fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, size) != 0)
        rc =
            err_set(err, ERR_NETWORK, "%s:%u: %s", host, port, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

static void read_output(int fd, struct buf *output)
{
    char text[4096];
    ssize_t n;
    while ((n = read(fd, text, sizeof text)) != 0) {
        if (n < 0 && errno != EINTR)
            break;
        if (n > 0 && output->size < HEALTH_BODY_MAX)
            buf_add(output, text, (size_t)n);
    }
}

static int sh(void *context, const char *command, int *exit_status,
              struct buf *output, struct err *err)
{
    const struct reach *reach = context;
    const struct process_config *shell = &reach->care->command;
    const char *const argv[] = {shell->path, "-c", command, NULL};
    int pair[2], wait_status;
    pid_t pid;

    if (pipe2(pair, O_CLOEXEC) != 0)
        return err_set(err, ERR_IO, "pipe: %s", strerror(errno));
    struct process_spec spec = {.path = shell->path,
                                .argv = argv,
                                .envp = shell->envp,
                                .cwd = reach->sandbox,
                                .fd = {-1, pair[1], pair[1]},
                                .fd_count = 3,
                                .uid = -1,
                                .gid = -1};
    int rc = process_spawn(&spec, &pid, err);
    (void)close(pair[1]);
    if (rc == 0) {
        read_output(pair[0], output);
        while (waitpid(pid, &wait_status, 0) < 0 && errno == EINTR)
            ;
        /* As a shell tells it. */
        *exit_status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status)
                                              : 128 + WTERMSIG(wait_status);
    }
    (void)close(pair[0]);
    return rc;
}

/* The loop's handlers and descriptors are the parent's. */
static void leave_the_parent(int fd)
{
    static const int handled[] = {SIGTERM, SIGINT, SIGCHLD, SIGHUP};
    for (size_t i = 0; i < sizeof handled / sizeof *handled; i++)
        (void)signal(handled[i], SIG_DFL);
    (void)setsid();
    if (fd != ANSWER_FD && dup2(fd, ANSWER_FD) < 0)
        _exit(1);
    (void)fcntl(ANSWER_FD, F_SETFD, FD_CLOEXEC);
    (void)close_range(ANSWER_FD + 1, ~0u, 0);
    (void)prctl(PR_SET_NAME, "thermos-health");
}

/* Empty: our own is the right one, or the only one there is. */
static struct bytes stdlib_of(const Perigee__AssignedTask *task)
{
    const char *hash = task->health_stdlib_hash;
    if (hash != NULL && strcmp(hash, script_stdlib_hash()) == 0)
        return bytes_of("", 0);
    return bytes_of(task->health_stdlib.data, task->health_stdlib.len);
}

_Noreturn void check_function_run(const struct task_care *care,
                                  const char *sandbox, uint32_t attempt, int fd)
{
    const Perigee__AssignedTask *task = care->task;
    struct reach reach = {care, sandbox};
    const struct health_tools tools = {.context = &reach,
                                       .http_get = http_get,
                                       .tcp_connect = tcp_connect,
                                       .sh = sh};
    struct arena arena;
    arena_init(&arena);
    struct health_port *port =
        arena_zalloc(&arena, (task->n_ports + 1) * sizeof *port);
    for (size_t i = 0; i < task->n_ports; i++)
        port[i] = (struct health_port){
            task->ports[i]->name ? task->ports[i]->name : "",
            task->ports[i]->port};
    struct health_context context = {.port = port,
                                     .port_count = task->n_ports,
                                     .hostname = task->hostname ? task->hostname
                                                                : "localhost",
                                     .sandbox = sandbox,
                                     .instance = task->instance,
                                     .attempt = attempt};

    leave_the_parent(fd);
    script_health_run(
        bytes_of(task->health_bundle.data, task->health_bundle.len),
        stdlib_of(task), task->job->health_check->lua->ordinal, &context,
        &tools, ANSWER_FD);
}
