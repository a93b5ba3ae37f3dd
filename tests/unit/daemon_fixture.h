/* For tests of the daemon's shell: a small program in a child process, a table
 * of texts that can be put, read and followed over HTTP, and a client that asks
 * it. Each test binary includes this once. */
#pragma once
#include "sys/daemon.h"
#include "base/alloc.h"
#include "base/vec.h"
#include "sys/client.h"
#include "sys/clock.h"
#include "sys/file.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum {
    WAIT_MS = 10000,
    FOLLOWERS_MAX = 64,
    STREAM_BOUND = 1 << 20,
    CONNECTIONS_MAX = 100
};

/* --- the program --- */

struct pad {
    VEC(struct {
        char *key;
        char *value;
    })
    entry;
    exchange_id follower[FOLLOWERS_MAX];
    uint32_t follower_count;
    exchange_id held;    /* GET /hold waits here */
    exchange_id relayed; /* POST /relay waits here for our own call */
    exchange_id next_call;
    int64_t alarm_ms;
    exchange_id alarm_for;
    uint32_t gone;
};

static struct bytes text_bytes(const char *text)
{
    return bytes_of_text(text);
}

static char **slot(struct pad *pad, const char *key)
{
    for (uint32_t i = 0; i < pad->entry.count; i++)
        if (strcmp(pad->entry.item[i].key, key) == 0)
            return &pad->entry.item[i].value;
    (void)vec_add(&pad->entry);
    pad->entry.item[pad->entry.count - 1].key = xstrdup(key);
    pad->entry.item[pad->entry.count - 1].value = NULL;
    return &pad->entry.item[pad->entry.count - 1].value;
}

static int pad_stored(void *self, const char *table, struct bytes key,
                      struct bytes value, struct err *err)
{
    char name[256];
    (void)err;
    assert(strcmp(table, "texts") == 0);
    snprintf(name, sizeof name, "%.*s", (int)key.size, (const char *)key.data);
    *slot(self, name) = xstrndup((const char *)value.data, value.size);
    return 0;
}

static void put(struct pad *pad, const char *key, struct bytes value,
                struct effects *fx)
{
    char **at = slot(pad, key);
    free(*at);
    *at = xstrndup((const char *)value.data, value.size);
    effect_persist(fx, "texts", text_bytes(key), value);
    for (uint32_t i = 0; i < pad->follower_count; i++)
        effect_record(fx, pad->follower[i], value);
}

static void pad_request(void *self, exchange_id exchange,
                        const struct http_request *request, int64_t now_ms,
                        struct effects *fx)
{
    struct pad *pad = self;
    const char *path = request->path;
    char url[128];

    if (strncmp(path, "/put/", 5) == 0) {
        put(pad, path + 5, request->body, fx);
        effect_reply(fx, exchange, 202, MEDIA_NONE, bytes_of("", 0));
    } else if (strncmp(path, "/get/", 5) == 0) {
        char *value = *slot(pad, path + 5);
        effect_reply_text(fx, exchange, value ? 200 : 404, "%s",
                          value ? value : "none");
    } else if (strcmp(path, "/who") == 0) {
        effect_reply_text(fx, exchange, 200, "%s",
                          request->certificate ? request->certificate
                                               : "nobody");
    } else if (strcmp(path, "/follow") == 0) {
        effect_stream(
            fx, exchange,
            &(struct http_response){.status = 200, .type = MEDIA_JSON});
        pad->follower[pad->follower_count++] = exchange;
        effect_record(fx, exchange, text_bytes("hello"));
    } else if (strcmp(path, "/warned") == 0) {
        effect_stream(fx, exchange,
                      &(struct http_response){.status = 200,
                                              .type = MEDIA_JSON,
                                              .body = text_bytes("slow")});
        pad->follower[pad->follower_count++] = exchange;
        effect_record(fx, exchange, text_bytes("hello"));
    } else if (strcmp(path, "/unfollow") == 0) {
        while (pad->follower_count > 0)
            effect_close(fx, pad->follower[--pad->follower_count]);
        effect_reply(fx, exchange, 200, MEDIA_TEXT, text_bytes("bye"));
    } else if (strcmp(path, "/hold") == 0) {
        pad->held = exchange;
    } else if (strcmp(path, "/gone") == 0) {
        effect_reply_text(fx, exchange, 200, "%u", pad->gone);
    } else if (strcmp(path, "/relay") == 0) {
        snprintf(url, sizeof url, "%.*s", (int)request->body.size,
                 (const char *)request->body.data);
        pad->relayed = exchange;
        effect_call(fx, ++pad->next_call, url, NULL, 0, text_bytes("relayed"),
                    2000);
    } else if (strcmp(path, "/alarm") == 0) {
        pad->alarm_ms = now_ms + 30;
        pad->alarm_for = exchange;
    } else if (strcmp(path, "/flood") == 0) {
        static char big[64 << 10];
        memset(big, 'x', sizeof big);
        for (int i = 0; i < 400; i++)
            for (uint32_t f = 0; f < pad->follower_count; f++)
                effect_record(fx, pad->follower[f], bytes_of(big, sizeof big));
        effect_reply_text(fx, exchange, 200, "flooded");
    } else if (strcmp(path, "/stop") == 0) {
        effect_reply_text(fx, exchange, 200, "stopping");
        effect_stop(fx, 7);
    } else if (strcmp(path, "/echo") == 0) {
        effect_reply_text(fx, exchange, 200, "%s %s?%s %zu",
                          request->method_name, path, request->query,
                          request->body.size);
    } else {
        effect_reply_text(fx, exchange, 404, "no %s", path);
    }
}

static void pad_gone(void *self, exchange_id exchange, int64_t now_ms,
                     struct effects *fx)
{
    struct pad *pad = self;
    (void)now_ms;
    (void)fx;
    pad->gone++;
    for (uint32_t i = 0; i < pad->follower_count; i++)
        if (pad->follower[i] == exchange)
            pad->follower[i] = pad->follower[--pad->follower_count];
}

static void pad_answer(void *self, exchange_id exchange,
                       const struct http_response *response, int64_t now_ms,
                       struct effects *fx)
{
    struct pad *pad = self;
    (void)exchange;
    (void)now_ms;
    effect_reply_text(fx, pad->relayed, 200, "answer %d %.*s", response->status,
                      (int)response->body.size,
                      (const char *)response->body.data);
}

static void pad_broken(void *self, exchange_id exchange, const char *why,
                       int64_t now_ms, struct effects *fx)
{
    struct pad *pad = self;
    (void)exchange;
    (void)now_ms;
    effect_reply_text(fx, pad->relayed, 200, "broken: %s", why);
}

static int64_t pad_next(const void *self)
{
    const struct pad *pad = self;
    return pad->alarm_for ? pad->alarm_ms : INT64_MAX;
}

static void pad_time(void *self, int64_t now_ms, struct effects *fx)
{
    struct pad *pad = self;
    assert(now_ms >= pad->alarm_ms);
    effect_reply_text(fx, pad->alarm_for, 200, "rang");
    pad->alarm_for = 0;
}

static const struct program pad_program = {
    .name = "pad",
    .on_stored = pad_stored,
    .on_request = pad_request,
    .on_gone = pad_gone,
    .on_answer = pad_answer,
    .on_broken = pad_broken,
    .next_ms = pad_next,
    .on_time = pad_time,
};

/* --- running it --- */

struct fixture {
    char dir[64];
    char store[96];
    char root[64]; /* "http://127.0.0.1:PORT" */
    int port;
    pid_t pid;
    struct client *client;
    struct arena arena;
};

static bool serve_file(void *context, exchange_id exchange,
                       const struct http_request *request)
{
    struct daemon *d = *(struct daemon **)context;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (strcmp(request->path, "/files/self") != 0) {
        close(fd);
        return false;
    }
    fstat(fd, &st);
    daemon_reply_file(
        d, exchange, fd, 4, 200000,
        &(struct http_response){.status = 200, .type = MEDIA_BYTES});
    return true;
}

/* What the daemon listens with; set before `start` by tests of TLS. */
static struct daemon_tls fixture_tls;

static void child(const char *store, int port_fd)
{
    struct daemon_config config = {.ip = "127.0.0.1",
                                   .store_dir = store,
                                   .stream_bound = STREAM_BOUND,
                                   .tls = fixture_tls,
                                   .connections_max = CONNECTIONS_MAX};
    struct pad pad = {0};
    struct daemon *d;
    struct err err = {0};

    if (daemon_open(&d, &config, &pad_program, &pad, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        _exit(9);
    }
    daemon_add_route(d, "/files/", serve_file, &d);
    int port = daemon_port(d);
    if (write(port_fd, &port, sizeof port) != sizeof port)
        _exit(9);
    int status = daemon_run(d, &err);
    daemon_close(d);
    _exit(status);
}

static void start(struct fixture *f)
{
    int port_pipe[2];

    assert_int_equal(pipe(port_pipe), 0);
    f->pid = fork();
    if (f->pid == 0)
        child(f->store, port_pipe[1]);
    close(port_pipe[1]);
    assert_int_equal(read(port_pipe[0], &f->port, sizeof f->port),
                     sizeof f->port);
    close(port_pipe[0]);
    snprintf(f->root, sizeof f->root, "http%s://127.0.0.1:%d",
             fixture_tls.files.cert != NULL ? "s" : "", f->port);
}

static int stop(struct fixture *f, int signo)
{
    int status;
    if (f->pid == 0)
        return 0;
    kill(f->pid, signo);
    assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
    f->pid = 0;
    return status;
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);

    snprintf(f->dir, sizeof f->dir, "/tmp/perigee-daemon.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->store, sizeof f->store, "%s/store", f->dir);
    start(f);
    f->client = client_open();
    arena_init(&f->arena);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    stop(f, SIGKILL);
    client_close(f->client);
    arena_release(&f->arena);
    dir_remove(f->dir, NULL);
    free(f);
    return 0;
}

static struct http_response ask(struct fixture *f, enum http_method method,
                                const char *path, struct bytes body)
{
    struct http_response response = {0};
    struct err err = {0};
    char url[8192];

    snprintf(url, sizeof url, "%s%s", f->root, path);
    if (client_call(f->client, method, url, NULL, 0, body, WAIT_MS, &f->arena,
                    &response, &err) < 0)
        fail_msg("%s", err.text);
    return response;
}

static void expect(struct fixture *f, const char *path, const char *body,
                   int status, const char *text)
{
    struct http_response r =
        ask(f, *body ? HTTP_POST : HTTP_GET, path, bytes_of_text(body));
    assert_int_equal(r.status, status);
    assert_string_equal((const char *)r.body.data, text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
