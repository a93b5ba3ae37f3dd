#include "aurora/post_shell.h"
#include "aurora/notify_mail.h"
#include "aurora/program.h"
#include "base/alloc.h"
#include "sys/daemon.h"
#include "sys/process.h"

#include <assert.h>
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
    COORDINATOR_TIMEOUT_S = 60,
    NOTIFY_TIMEOUT_S = 15,  /* the next one waits behind it */
    ANSWER_MAX = 64 * 1024, /* perigee-post cuts it off there */
    CPU_SECONDS = 10,
    MEMORY_BYTES = 512 << 20,
    ARGUMENTS_MAX = 16
};

/* --- where mails go --- */

int post_mail_check(const struct post_mail *mail, struct err *err)
{
    if (strcmp(mail->tls, "offered") != 0 &&
        strcmp(mail->tls, "required") != 0 && strcmp(mail->tls, "wrapped") != 0)
        return err_set(err, ERR_INVALID,
                       "mail_tls '%s': want offered, required or wrapped",
                       mail->tls);
    if ((!mail->server) != (!mail->from) || (!mail->user) != (!mail->password))
        return err_set(err, ERR_INVALID,
                       "mail: mail_server and mail_from go together, so do "
                       "mail_user and mail_password_file");
    if (mail->from && !mail_address_ok(mail->from))
        return err_set(err, ERR_INVALID, "mail_from '%s': want name@host",
                       mail->from);
    if (mail->server &&
        (strlen(mail->server) > 300 || !strchr(mail->server, ':') ||
         strpbrk(mail->server, "/@ \r\n")))
        return err_set(err, ERR_INVALID, "mail_server '%.300s': want host:port",
                       mail->server);
    return 0;
}

/* A password goes out in the clear to this machine at most. */
static bool needs_tls(const struct post_mail *mail)
{
    bool is_loopback = strncmp(mail->server, "127.", 4) == 0 ||
                       strncmp(mail->server, "localhost:", 10) == 0;

    return strcmp(mail->tls, "offered") != 0 || (mail->user && !is_loopback);
}

/* --- children --- */

struct posted {
    struct post_shell *shell;
    uint32_t kind; /* of the act */
    uint64_t ticket;
    pid_t pid;
    int out; /* a file in memory: what the child wrote */
};

static void tell(const struct posted *posted, uint32_t status,
                 struct bytes result)
{
    struct aurora_coordinated_fact answer = {posted->ticket, status, {0}};
    struct aurora_notified_fact taken = {posted->ticket, status, {0}};

    if (posted->kind == AURORA_ACT_COORDINATE)
        daemon_fact_with(posted->shell->daemon, AURORA_FACT_COORDINATED,
                         &answer, sizeof answer,
                         offsetof(struct aurora_coordinated_fact, result),
                         result);
    else
        daemon_fact_with(posted->shell->daemon, AURORA_FACT_NOTIFIED, &taken,
                         sizeof taken,
                         offsetof(struct aurora_notified_fact, result), result);
}

static void forget(struct posted *posted)
{
    struct post_shell *shell = posted->shell;

    for (uint32_t i = 0; i < shell->posted.count; i++)
        if (shell->posted.item[i] == posted) {
            vec_remove(&shell->posted, i);
            break;
        }
    if (posted->out >= 0)
        (void)close(posted->out);
    free(posted);
}

/* "STATUS\n", then the body. A child that failed wrote why, or died. */
static void on_exited(void *context, pid_t pid, int wait_status)
{
    struct posted *posted = context;
    char text[ANSWER_MAX + 64];
    ssize_t size = pread(posted->out, text, sizeof text - 1, 0);
    char *end;

    (void)pid;
    text[size > 0 ? size : 0] = '\0';
    unsigned long status = strtoul(text, &end, 10);
    if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0 &&
        *end == '\n' && status >= 100 && status < 600) {
        end++;
        tell(posted, (uint32_t)status,
             bytes_of(end, (size_t)size - (size_t)(end - text)));
    } else {
        if (size <= 0)
            (void)process_status_text(wait_status, text, sizeof text);
        text[strcspn(text, "\n")] = '\0';
        tell(posted, 0, bytes_of_text(text));
    }
    forget(posted);
}

/* A file in memory with these bytes, at its beginning. */
static int memory_file(struct bytes content)
{
    int fd = memfd_create("post", MFD_CLOEXEC);
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

/* What the child is started with: its arguments, and what it is fed. */
struct post {
    const char *argv[ARGUMENTS_MAX + 1];
    uint32_t count;
    struct buf input;
};

static void add(struct post *post, const char *option, const char *value)
{
    if (!value)
        return;
    assert(post->count + 2 <= ARGUMENTS_MAX);
    post->argv[post->count++] = option;
    post->argv[post->count++] = value;
}

static int spawn(struct posted *posted, const struct post *post,
                 struct err *err)
{
    int in = memory_file(buf_bytes(&post->input));
    struct process_spec spec = {.path = posted->shell->post,
                                .argv = post->argv,
                                .fd = {in, posted->out, posted->out},
                                .fd_count = 3,
                                .uid = -1,
                                .gid = -1,
                                .cpu_seconds_max = CPU_SECONDS,
                                .memory_bytes_max = MEMORY_BYTES};
    int rc =
        in < 0 || posted->out < 0
            ? err_set(err, ERR_IO, "no file in memory: %s", strerror(errno))
            : process_spawn(&spec, &posted->pid, err);

    if (in >= 0)
        (void)close(in);
    return rc;
}

static void start(struct post_shell *shell, uint32_t kind, uint64_t ticket,
                  int timeout_s, struct post *post)
{
    struct posted *posted = xcalloc(1, sizeof *posted);
    char timeout[16];
    struct err err = {0};

    (void)snprintf(timeout, sizeof timeout, "%d", timeout_s);
    add(post, "--timeout", timeout);
    post->argv[post->count++] = "-";
    *posted =
        (struct posted){shell, kind, ticket, -1, memory_file(bytes_of("", 0))};
    *vec_add(&shell->posted) = posted;
    if (spawn(posted, post, &err) < 0) {
        tell(posted, 0, bytes_of_text(err.text));
        forget(posted);
    } else {
        process_watch_add(shell->watch, posted->pid, on_exited, posted);
    }
    buf_release(&post->input);
}

static void ask(struct post_shell *shell, const struct aurora_coordinate *act)
{
    struct post post = {.argv = {"perigee-post"}, .count = 1};

    buf_addf(&post.input, "%s\n\n", act->url);
    buf_add_bytes(&post.input, act->body);
    start(shell, AURORA_ACT_COORDINATE, act->ticket, COORDINATOR_TIMEOUT_S,
          &post);
}

static void notify(struct post_shell *shell, const struct aurora_notify *act)
{
    const struct post_mail *mail = &shell->mail;
    struct post post = {.argv = {"perigee-post"}, .count = 1};

    if (act->url) {
        add(&post, "--type", act->type);
        buf_addf(&post.input, "%s\n", act->url);
        for (uint32_t i = 0; i < act->header_count; i++)
            buf_addf(&post.input, "%s\n", act->header[i]);
    } else {
        add(&post, "--mail-from", mail->from);
        add(&post, "--mail-to", act->to);
        add(&post, "--tls", needs_tls(mail) ? "required" : "offered");
        add(&post, "--ca", mail->ca);
        add(&post, "--user", mail->user);
        add(&post, "--password", mail->password);
        buf_addf(&post.input, "%s://%s\n",
                 strcmp(mail->tls, "wrapped") == 0 ? "smtps" : "smtp",
                 mail->server);
    }
    buf_add_char(&post.input, '\n');
    buf_add_bytes(&post.input, act->body);
    start(shell, AURORA_ACT_NOTIFY, act->ticket, NOTIFY_TIMEOUT_S, &post);
}

bool post_shell_act(struct post_shell *shell, uint32_t kind, const void *data)
{
    if (kind == AURORA_ACT_COORDINATE)
        ask(shell, data);
    else if (kind == AURORA_ACT_NOTIFY)
        notify(shell, data);
    else
        return false;
    return true;
}

void post_shell_attach(struct post_shell *shell, struct daemon *daemon,
                       struct event_base *base, const char *post)
{
    shell->daemon = daemon;
    shell->watch = process_watch_open(base, NULL, NULL);
    (void)snprintf(shell->post, sizeof shell->post, "%s", post);
}

void post_shell_close(struct post_shell *shell)
{
    for (uint32_t i = 0; i < shell->posted.count; i++) {
        (void)kill(shell->posted.item[i]->pid, SIGKILL);
        (void)close(shell->posted.item[i]->out);
        free(shell->posted.item[i]);
    }
    vec_free(&shell->posted);
    if (shell->watch)
        process_watch_close(shell->watch);
}
