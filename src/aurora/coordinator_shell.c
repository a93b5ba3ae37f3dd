#include "aurora/coordinator_shell.h"
#include "aurora/program.h"
#include "base/alloc.h"
#include "sys/daemon.h"
#include "sys/process.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    TIMEOUT_S = 60,
    ANSWER_MAX = 64 * 1024, /* perigee-post cuts it off there */
    CPU_SECONDS = 10,
    MEMORY_BYTES = 512 << 20
};

struct asked {
    struct coordinator_shell *shell;
    uint64_t ticket;
    pid_t pid;
    int out; /* a file in memory: what the child wrote */
};

static void tell(struct coordinator_shell *shell, uint64_t ticket,
                 uint32_t status, struct bytes result)
{
    struct aurora_coordinated_fact fact = {.ticket = ticket, .status = status};

    daemon_fact_with(shell->daemon, AURORA_FACT_COORDINATED, &fact, sizeof fact,
                     offsetof(struct aurora_coordinated_fact, result), result);
}

static void forget(struct asked *asked)
{
    struct coordinator_shell *shell = asked->shell;

    for (uint32_t i = 0; i < shell->asked.count; i++)
        if (shell->asked.item[i] == asked) {
            vec_remove(&shell->asked, i);
            break;
        }
    if (asked->out >= 0)
        (void)close(asked->out);
    free(asked);
}

/* "STATUS\n", then the body. A child that failed wrote why, or died. */
static void on_exited(void *context, pid_t pid, int wait_status)
{
    struct asked *asked = context;
    char text[ANSWER_MAX + 64];
    ssize_t size = pread(asked->out, text, sizeof text - 1, 0);
    char *end;

    (void)pid;
    text[size > 0 ? size : 0] = '\0';
    unsigned long status = strtoul(text, &end, 10);
    if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0 &&
        *end == '\n' && status >= 100 && status < 600) {
        end++;
        tell(asked->shell, asked->ticket, (uint32_t)status,
             bytes_of(end, (size_t)size - (size_t)(end - text)));
    } else {
        if (size <= 0)
            (void)process_status_text(wait_status, text, sizeof text);
        text[strcspn(text, "\n")] = '\0';
        tell(asked->shell, asked->ticket, 0, bytes_of_text(text));
    }
    forget(asked);
}

/* A file in memory with these bytes, at its beginning. */
static int memory_file(struct bytes content)
{
    int fd = memfd_create("coordinator", MFD_CLOEXEC);
    size_t at = 0;

    while (fd >= 0 && at < content.size) {
        ssize_t n = write(fd, content.data + at, content.size - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            (void)close(fd);
            return -1;
        }
        at += (size_t)n;
    }
    if (fd >= 0)
        (void)lseek(fd, 0, SEEK_SET);
    return fd;
}

static int spawn(struct coordinator_shell *shell, const char *url, int in,
                 struct asked *asked, struct err *err)
{
    char timeout[16];
    const char *argv[] = {"perigee-post", "--timeout", timeout, url, NULL};
    struct process_spec spec = {.path = shell->post,
                                .argv = argv,
                                .fd = {in, asked->out, asked->out},
                                .fd_count = 3,
                                .uid = -1,
                                .gid = -1,
                                .cpu_seconds_max = CPU_SECONDS,
                                .memory_bytes_max = MEMORY_BYTES};

    (void)snprintf(timeout, sizeof timeout, "%d", TIMEOUT_S);
    if (in < 0 || asked->out < 0)
        return err_set(err, ERR_IO, "no file in memory: %s", strerror(errno));
    return process_spawn(&spec, &asked->pid, err);
}

static void ask(struct coordinator_shell *shell,
                const struct aurora_coordinate *act)
{
    struct asked *asked = xcalloc(1, sizeof *asked);
    int in = memory_file(act->body);
    struct err err = {0};

    *asked =
        (struct asked){shell, act->ticket, -1, memory_file(bytes_of("", 0))};
    *vec_add(&shell->asked) = asked;
    if (spawn(shell, act->url, in, asked, &err) < 0) {
        tell(shell, act->ticket, 0, bytes_of_text(err.text));
        forget(asked);
    } else {
        process_watch_add(shell->watch, asked->pid, on_exited, asked);
    }
    if (in >= 0)
        (void)close(in);
}

bool coordinator_shell_act(struct coordinator_shell *shell, uint32_t kind,
                           const void *data)
{
    if (kind != AURORA_ACT_COORDINATE)
        return false;
    ask(shell, data);
    return true;
}

void coordinator_shell_attach(struct coordinator_shell *shell,
                              struct daemon *daemon, struct event_base *base,
                              const char *post)
{
    shell->daemon = daemon;
    shell->watch = process_watch_open(base, NULL, NULL);
    (void)snprintf(shell->post, sizeof shell->post, "%s", post);
}

void coordinator_shell_close(struct coordinator_shell *shell)
{
    for (uint32_t i = 0; i < shell->asked.count; i++) {
        (void)kill(shell->asked.item[i]->pid, SIGKILL);
        (void)close(shell->asked.item[i]->out);
        free(shell->asked.item[i]);
    }
    vec_free(&shell->asked);
    if (shell->watch)
        process_watch_close(shell->watch);
}
