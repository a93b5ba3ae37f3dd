#include "executor/thermos/checker.h"

#include "base/alloc.h"
#include "executor/thermos/check_child.h"
#include "executor/thermos/local_ask.h"

#include <ctype.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SHOWN_MAX = 60 /* bytes of an answer that a reason shows */ };

struct checker {
    struct event_base *base;
    struct process_watch *watch;
    const struct task_care *care;
    const char *sandbox;
    checker_done *done;
    void *context;
    uint64_t number;           /* of the check under way; 0: none is */
    struct local_ask *ask;     /* HTTP; NULL: none */
    int socket;                /* TCP; -1: none */
    struct event *connected;   /* of socket */
    struct check_child *child; /* shell, Lua; NULL: none */
};

/* --- ends --- */

static void clear(struct checker *c)
{
    if (c->connected != NULL)
        event_free(c->connected);
    if (c->socket >= 0)
        (void)close(c->socket);
    check_child_drop(c->child);
    c->connected = NULL;
    c->socket = -1;
    c->child = NULL;
    c->number = 0;
}

static void finish(struct checker *c, const char *reason)
{
    uint64_t number = c->number;
    clear(c);
    c->done(c->context, number, *reason == '\0', reason);
}

/* --- HTTP --- */

static bool same_word(struct bytes body, const char *expected)
{
    const char *from = (const char *)body.data;
    size_t size = body.size;
    while (size > 0 && isspace((unsigned char)from[size - 1]))
        size--;
    while (size > 0 && isspace((unsigned char)*from)) {
        from++;
        size--;
    }
    return size == strlen(expected) && strncasecmp(from, expected, size) == 0;
}

/* The beginning of an answer, for people. */
static void shown(struct bytes body, char out[SHOWN_MAX + 1])
{
    size_t size = body.size < SHOWN_MAX ? body.size : SHOWN_MAX;
    for (size_t i = 0; i < size; i++)
        out[i] = isprint(body.data[i]) ? (char)body.data[i] : ' ';
    while (size > 0 && out[size - 1] == ' ')
        size--;
    out[size] = '\0';
}

/* As Mesos judges: any answer that is no error. */
static void judge_plain(const struct task_care *care,
                        const struct http_response *response, char *out,
                        size_t size)
{
    *out = '\0';
    if (response->status < 200 || response->status >= 400)
        (void)snprintf(out, size, "GET %s on port %u: got status %d",
                       care->endpoint, care->check_port, response->status);
}

/* An error has no body: what it says is not the answer that was asked for. */
static void judge(const struct task_care *care,
                  const struct http_response *response, char *out, size_t size)
{
    struct bytes body =
        response->status < 400 ? response->body : bytes_of("", 0);
    char text[SHOWN_MAX + 1];

    *out = '\0';
    shown(response->body, text);
    if (*care->expected != '\0' && !same_word(body, care->expected))
        (void)snprintf(out, size,
                       "GET %s on port %u: want \"%.60s\", got %d \"%s\"",
                       care->endpoint, care->check_port, care->expected,
                       response->status, text);
    else if (care->expected_code != 0 &&
             (uint32_t)response->status != care->expected_code)
        (void)snprintf(out, size, "GET %s on port %u: want status %u, got %d",
                       care->endpoint, care->check_port, care->expected_code,
                       response->status);
}

static void on_answer(void *context, const struct http_response *response,
                      const char *why)
{
    struct checker *c = context;
    char reason[CHECKER_REASON_MAX];

    if (c->number == 0)
        return;
    if (response == NULL)
        (void)snprintf(reason, sizeof reason, "GET %s on port %u: %s",
                       c->care->endpoint, c->care->check_port, why);
    else if (c->care->plain != NULL)
        judge_plain(c->care, response, reason, sizeof reason);
    else
        judge(c->care, response, reason, sizeof reason);
    finish(c, reason);
}

static void begin_http(struct checker *c)
{
    c->ask =
        local_ask_begin(c->base, HTTP_GET, c->care->check_port,
                        c->care->endpoint, c->care->timeout_ms, on_answer, c);
}

/* --- TCP --- */

static void tcp_ended(struct checker *c, int error)
{
    char reason[CHECKER_REASON_MAX] = "";
    if (error != 0)
        (void)snprintf(reason, sizeof reason, "cannot connect to port %u: %s",
                       c->care->check_port, strerror(error));
    finish(c, reason);
}

static void on_connected(evutil_socket_t fd, short what, void *context)
{
    struct checker *c = context;
    int error = ETIMEDOUT;
    socklen_t size = sizeof error;

    if (what & EV_WRITE && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size))
        error = errno;
    tcp_ended(c, error);
}

static void begin_tcp(struct checker *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)c->care->check_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {c->care->timeout_ms / 1000,
                            c->care->timeout_ms % 1000 * 1000};

    c->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->socket < 0) {
        tcp_ended(c, errno);
        return;
    }
    if (connect(c->socket, (struct sockaddr *)&to, sizeof to) == 0 ||
        errno != EINPROGRESS) {
        int error = 0;
        socklen_t size = sizeof error;
        (void)getsockopt(c->socket, SOL_SOCKET, SO_ERROR, &error, &size);
        tcp_ended(c, error);
        return;
    }
    c->connected = event_new(c->base, c->socket, EV_WRITE, on_connected, c);
    (void)event_add(c->connected, &limit);
}

/* --- a child --- */

static void on_child(void *context, const char *reason)
{
    struct checker *c = context;
    c->child = NULL; /* it frees itself */
    finish(c, reason);
}

static void begin_child(struct checker *c)
{
    struct check_child_config config = {.base = c->base,
                                        .watch = c->watch,
                                        .care = c->care,
                                        .sandbox = c->sandbox,
                                        .done = on_child,
                                        .context = c};
    struct err err = {0};
    int rc = c->care->kind == CHECK_SHELL
                 ? check_child_command(&config, &c->child, &err)
                 : check_child_function(&config, (uint32_t)c->number, &c->child,
                                        &err);
    if (rc != 0)
        finish(c, err.text);
}

/* --- the door --- */

struct checker *checker_open(struct event_base *base,
                             struct process_watch *watch,
                             const struct task_care *care, const char *sandbox,
                             checker_done *done, void *context)
{
    struct checker *c = xcalloc(1, sizeof *c);
    *c = (struct checker){.base = base,
                          .watch = watch,
                          .care = care,
                          .sandbox = sandbox,
                          .done = done,
                          .context = context,
                          .socket = -1};
    return c;
}

void checker_close(struct checker *c)
{
    if (c == NULL)
        return;
    checker_drop(c);
    free(c);
}

void checker_drop(struct checker *c)
{
    clear(c);
    local_ask_end(c->ask);
    c->ask = NULL;
}

static bool is_snoozed(const struct checker *c)
{
    char path[4096];
    if (c->care->plain != NULL)
        return false; /* Mesos knows no such thing */
    (void)snprintf(path, sizeof path, "%s/.healthchecksnooze", c->sandbox);
    return access(path, F_OK) == 0;
}

void checker_begin(struct checker *c, uint64_t number)
{
    checker_drop(c);
    c->number = number;
    if (is_snoozed(c)) {
        finish(c, "");
        return;
    }
    switch (c->care->kind) {
    case CHECK_HTTP:
        begin_http(c);
        break;
    case CHECK_TCP:
        begin_tcp(c);
        break;
    case CHECK_SHELL:
    case CHECK_LUA:
        begin_child(c);
        break;
    default:
        finish(c, "this task has no health check");
        break;
    }
}
