#include "executor/thermos/check_command.h"

#include "base/alloc.h"
#include "executor/thermos/process_tree.h"
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

enum { SAID_MAX = 256 /* bytes of its last words */ };

/* Lives until its child is reaped, dropped or not. */
struct check_command {
    pid_t pid;
    int said_fd;                    /* what it writes to stdout and stderr */
    struct event *readable, *timer; /* owned */
    int64_t timeout_ms;
    bool is_late;
    char said[SAID_MAX + 1]; /* the end of it */
    size_t used;
    check_command_done *done; /* NULL: dropped */
    void *context;
};

static void add_said(struct check_command *c, const char *text, size_t size)
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

static void read_said(struct check_command *c)
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
    struct check_command *c = context;
    (void)fd;
    (void)what;
    c->is_late = true;
    tree_signal(c->pid, SIGKILL);
}

static const char *said(struct check_command *c)
{
    while (c->used > 0 && c->said[c->used - 1] <= ' ')
        c->used--;
    for (size_t i = 0; i < c->used; i++)
        if ((unsigned char)c->said[i] < ' ' || c->said[i] == 127)
            c->said[i] = ' ';
    c->said[c->used] = '\0';
    return c->said;
}

static void write_reason(struct check_command *c, int wait_status, char *out,
                         size_t size)
{
    char how[128] = "";

    *out = '\0';
    if (c->is_late)
        (void)snprintf(how, sizeof how, "timed out after %lld ms",
                       (long long)c->timeout_ms);
    else if (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status) != 0)
        (void)process_status_text(wait_status, how, sizeof how);
    if (*how == '\0')
        return;
    read_said(c);
    (void)snprintf(out, size, "the command %s%s%s", how,
                   c->used > 0 ? ": " : "", said(c));
}

static void on_exit_of(void *context, pid_t pid, int wait_status)
{
    struct check_command *c = context;
    char reason[512];
    (void)kill(-pid, SIGKILL); /* what it left behind in its session */
    write_reason(c, wait_status, reason, sizeof reason);
    event_free(c->timer);
    event_free(c->readable);
    (void)close(c->said_fd);
    check_command_done *done = c->done;
    void *its_context = c->context;
    free(c);
    if (done != NULL)
        done(its_context, reason);
}

static int spawn(struct check_command *c, const struct process_config *config,
                 const char *sandbox, int writer, struct err *err)
{
    struct process_spec spec = {.path = config->path,
                                .argv = config->argv,
                                .envp = config->envp,
                                .cwd = sandbox,
                                .fd = {-1, writer, writer},
                                .fd_count = 3,
                                .new_session = true,
                                .uid = -1,
                                .gid = -1};
    return process_spawn(&spec, &c->pid, err);
}

int check_command_start(struct event_base *base, struct process_watch *watch,
                        const struct process_config *config,
                        const char *sandbox, int64_t timeout_ms,
                        check_command_done *done, void *context,
                        struct check_command **out, struct err *err)
{
    struct timeval limit = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
    struct check_command *c;
    int pair[2];

    if (pipe2(pair, O_CLOEXEC) != 0)
        return err_set(err, ERR_IO, "pipe: %s", strerror(errno));
    (void)evutil_make_socket_nonblocking(pair[0]);
    c = xcalloc(1, sizeof *c);
    *c = (struct check_command){.said_fd = pair[0],
                                .timeout_ms = timeout_ms,
                                .done = done,
                                .context = context};
    int rc = spawn(c, config, sandbox, pair[1], err);
    (void)close(pair[1]);
    if (rc != 0) {
        (void)close(pair[0]);
        free(c);
        return rc;
    }
    c->readable =
        event_new(base, c->said_fd, EV_READ | EV_PERSIST, on_readable, c);
    c->timer = evtimer_new(base, on_late, c);
    (void)event_add(c->readable, NULL);
    (void)evtimer_add(c->timer, &limit);
    process_watch_add(watch, c->pid, on_exit_of, c);
    *out = c;
    return 0;
}

void check_command_drop(struct check_command *c)
{
    if (c == NULL)
        return;
    c->done = NULL;
    tree_signal(c->pid, SIGKILL);
}
