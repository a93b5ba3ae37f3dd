#include "executor/thermos/check_child.h"

#include "base/alloc.h"
#include "executor/thermos/check_function.h"
#include "executor/thermos/process_tree.h"
#include "script/health_call.h"
#include "sys/process.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SAID_MAX = HEALTH_REASON_MAX - 1, /* bytes of its last words */
    SHOWN_MAX = 256                   /* of those, what a reason shows */
};

/* Lives until the process is reaped, dropped or not. */
struct check_child {
    pid_t pid;
    int said_fd;                    /* what it writes to stdout and stderr */
    struct event *readable, *timer; /* owned */
    int64_t timeout_ms;
    bool is_function;
    bool is_late;
    char said[SAID_MAX + 1]; /* the end of it */
    size_t used;
    check_child_done *done; /* NULL: dropped */
    void *context;
};

static void add_said(struct check_child *c, const char *text, size_t size)
{
    size_t keep = c->used;
    if (size > SAID_MAX) {
        text += size - SAID_MAX;
        size = SAID_MAX;
    }
    if (keep + size > SAID_MAX)
        keep = SAID_MAX - size;
    memmove(c->said, c->said + c->used - keep, keep);
    memcpy(c->said + keep, text, size);
    c->used = keep + size;
}

static void read_said(struct check_child *c)
{
    char text[4096];
    ssize_t n;
    while ((n = read(c->said_fd, text, sizeof text)) > 0)
        add_said(c, text, (size_t)n);
    if (n == 0)
        (void)event_del(c->readable);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    read_said(context);
}

static void on_late(evutil_socket_t fd, short what, void *context)
{
    struct check_child *c = context;
    (void)fd;
    (void)what;
    c->is_late = true;
    tree_signal(c->pid, SIGKILL);
}

static const char *said(struct check_child *c)
{
    if (c->used > SHOWN_MAX) {
        memmove(c->said, c->said + c->used - SHOWN_MAX, SHOWN_MAX);
        c->used = SHOWN_MAX;
    }
    while (c->used > 0 && c->said[c->used - 1] <= ' ')
        c->used--;
    for (size_t i = 0; i < c->used; i++)
        if ((unsigned char)c->said[i] < ' ' || c->said[i] == 127)
            c->said[i] = ' ';
    c->said[c->used] = '\0';
    return c->said;
}

static void judge_command(struct check_child *c, int wait_status, char *out,
                          size_t size)
{
    char how[128] = "";

    if (c->is_late)
        (void)snprintf(how, sizeof how, "timed out after %lld ms",
                       (long long)c->timeout_ms);
    else if (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status) != 0)
        (void)process_status_text(wait_status, how, sizeof how);
    if (*how != '\0')
        (void)snprintf(out, size, "the command %s%s%.256s", how,
                       c->used > 0 ? ": " : "", said(c));
}

static void judge(struct check_child *c, int wait_status,
                  char out[HEALTH_REASON_MAX])
{
    *out = '\0';
    read_said(c);
    if (!c->is_function)
        judge_command(c, wait_status, out, HEALTH_REASON_MAX);
    else if (c->is_late)
        (void)snprintf(out, HEALTH_REASON_MAX,
                       "the health function timed out after %lld ms",
                       (long long)c->timeout_ms);
    else
        (void)script_health_answer(bytes_of(c->said, c->used), wait_status,
                                   out);
}

static void on_exit_of(void *context, pid_t pid, int wait_status)
{
    struct check_child *c = context;
    char reason[HEALTH_REASON_MAX];
    (void)kill(-pid, SIGKILL); /* what it left behind in its session */
    judge(c, wait_status, reason);
    event_free(c->timer);
    event_free(c->readable);
    (void)close(c->said_fd);
    check_child_done *done = c->done;
    void *its_context = c->context;
    free(c);
    if (done != NULL)
        done(its_context, reason);
}

static int spawn(const struct check_child_config *config, int writer,
                 pid_t *out, struct err *err)
{
    const struct process_config *command = &config->care->command;
    struct process_spec spec = {.path = command->path,
                                .argv = command->argv,
                                .envp = command->envp,
                                .cwd = config->sandbox,
                                .fd = {-1, writer, writer},
                                .fd_count = 3,
                                .new_session = true,
                                .uid = -1,
                                .gid = -1};
    return process_spawn(&spec, out, err);
}

static int fork_function(const struct check_child_config *config,
                         uint32_t attempt, int writer, pid_t *out,
                         struct err *err)
{
    pid_t pid = fork();
    if (pid < 0)
        return err_set(err, ERR_IO, "cannot fork: %s", strerror(errno));
    if (pid == 0)
        check_function_run(config->care, config->sandbox, attempt, writer);
    *out = pid;
    return 0;
}

static struct check_child *child_new(const struct check_child_config *config,
                                     pid_t pid, int said_fd)
{
    int64_t limit_ms = config->care->timeout_ms;
    struct timeval limit = {limit_ms / 1000, limit_ms % 1000 * 1000};
    struct check_child *c = xcalloc(1, sizeof *c);

    *c = (struct check_child){.pid = pid,
                              .said_fd = said_fd,
                              .timeout_ms = limit_ms,
                              .done = config->done,
                              .context = config->context};
    (void)evutil_make_socket_nonblocking(said_fd);
    c->readable =
        event_new(config->base, said_fd, EV_READ | EV_PERSIST, on_readable, c);
    c->timer = evtimer_new(config->base, on_late, c);
    (void)event_add(c->readable, NULL);
    (void)evtimer_add(c->timer, &limit);
    process_watch_add(config->watch, pid, on_exit_of, c);
    return c;
}

/* attempt 0: the command. */
static int start(const struct check_child_config *config, uint32_t attempt,
                 struct check_child **out, struct err *err)
{
    int pair[2], rc;
    pid_t pid;

    if (pipe2(pair, O_CLOEXEC) != 0)
        return err_set(err, ERR_IO, "pipe: %s", strerror(errno));
    rc = attempt == 0 ? spawn(config, pair[1], &pid, err)
                      : fork_function(config, attempt, pair[1], &pid, err);
    (void)close(pair[1]);
    if (rc != 0) {
        (void)close(pair[0]);
        return rc;
    }
    *out = child_new(config, pid, pair[0]);
    (*out)->is_function = attempt != 0;
    return 0;
}

int check_child_command(const struct check_child_config *config,
                        struct check_child **out, struct err *err)
{
    return start(config, 0, out, err);
}

int check_child_function(const struct check_child_config *config,
                         uint32_t attempt, struct check_child **out,
                         struct err *err)
{
    return start(config, attempt > 0 ? attempt : 1, out, err);
}

void check_child_drop(struct check_child *c)
{
    if (c == NULL)
        return;
    c->done = NULL;
    tree_signal(c->pid, SIGKILL);
}
