/* The daemon's shell, driven by a small program in a child process: a table of
 * texts that can be put, read and followed over HTTP. */
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

enum { WAIT_MS = 10000, FOLLOWERS_MAX = 64, STREAM_BOUND = 1 << 20 };

/* --- the program ---------------------------------------------------------- */

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
    } else if (strcmp(path, "/follow") == 0) {
        effect_stream(
            fx, exchange,
            &(struct http_response){.status = 200, .type = MEDIA_JSON});
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

/* --- running it ----------------------------------------------------------- */

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

static void child(const char *store, int port_fd)
{
    struct daemon_config config = {
        .ip = "127.0.0.1", .store_dir = store, .stream_bound = STREAM_BOUND};
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
    snprintf(f->root, sizeof f->root, "http://127.0.0.1:%d", f->port);
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

/* --- tests ---------------------------------------------------------------- */

static void test_what_was_acknowledged_survives_kill(void **state)
{
    struct fixture *f = *state;

    expect(f, "/put/a", "one", 202, "");
    expect(f, "/put/b", "two", 202, "");
    expect(f, "/put/a", "three", 202, "");
    stop(f, SIGKILL);
    start(f);
    expect(f, "/get/a", "", 200, "three");
    expect(f, "/get/b", "", 200, "two");
    assert_int_equal(stop(f, SIGTERM), 0);
    start(f);
    expect(f, "/get/a", "", 200, "three");
}

static void test_stop_effect_gives_the_status_and_the_answer(void **state)
{
    struct fixture *f = *state;

    expect(f, "/stop", "", 200, "stopping");
    int status = 0;
    assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
    f->pid = 0;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

struct following {
    struct fixture *f;
    char seen[256];
    int count, want;
};

static bool on_record(void *context, struct bytes record)
{
    struct following *following = context;
    size_t used = strlen(following->seen);

    snprintf(following->seen + used, sizeof following->seen - used, "%.*s;",
             (int)record.size, (const char *)record.data);
    if (++following->count == 1) { /* from another connection, while we read */
        struct client *other = client_open();
        struct http_response r;
        struct arena arena;
        char url[128];
        arena_init(&arena);
        for (int i = 0; i < 3; i++) {
            snprintf(url, sizeof url, "%s/put/k%d", following->f->root, i);
            assert_int_equal(client_call(other, HTTP_POST, url, NULL, 0,
                                         bytes_of_text("value"), WAIT_MS,
                                         &arena, &r, NULL),
                             0);
        }
        snprintf(url, sizeof url, "%s/unfollow", following->f->root);
        assert_int_equal(client_call(other, HTTP_POST, url, NULL, 0,
                                     bytes_of("", 0), WAIT_MS, &arena, &r,
                                     NULL),
                         0);
        arena_release(&arena);
        client_close(other);
    }
    return following->count != following->want;
}

static int follow(struct fixture *f, struct following *following)
{
    struct http_response response = {0};
    char url[128];
    struct err err = {0};

    following->f = f;
    snprintf(url, sizeof url, "%s/follow", f->root);
    int status =
        client_follow(f->client, url, NULL, 0, bytes_of("", 0), WAIT_MS,
                      on_record, following, &f->arena, &response, &err);
    assert_int_equal(response.status, 200);
    return status;
}

static void test_a_stream_carries_records_and_ends(void **state)
{
    struct following following = {.want = -1};

    assert_int_equal(follow(*state, &following), 0);
    assert_string_equal(following.seen, "hello;value;value;value;");
}

static void test_a_follower_may_stop(void **state)
{
    struct fixture *f = *state;
    struct following following = {.want = 2};

    assert_int_equal(follow(f, &following), 0);
    assert_string_equal(following.seen, "hello;value;");
    expect(f, "/get/k0", "", 200, "value");
}

static void test_timers_ring(void **state)
{
    int64_t began = clock_monotonic_ns();
    expect(*state, "/alarm", "", 200, "rang");
    assert_true(clock_monotonic_ns() - began >= 25000000);
}

static void test_the_program_can_call(void **state)
{
    struct fixture *f = *state;
    char url[128];

    snprintf(url, sizeof url, "%s/put/relay", f->root);
    expect(f, "/relay", url, 200, "answer 202 ");
    expect(f, "/get/relay", "", 200, "relayed");
    expect(f, "/relay", "http://127.0.0.1:1/x", 200,
           "broken: cannot connect: Connection refused");
    expect(f, "/relay", "ftp://x", 200,
           "broken: url 'ftp://x': want http://host:port/path");
}

static void test_paths_and_queries_come_decoded(void **state)
{
    struct fixture *f = *state;

    expect(f, "/echo?a=%20b&c", "", 200, "GET /echo?a=%20b&c 0");
    expect(f, "/%65cho", "12345", 200, "POST /echo? 5");
    expect(f, "/%zz", "", 400, "path: want two hexadecimal digits behind '%'");
    expect(f, "/%00", "", 400, "path: a zero byte is not allowed");
}

static void test_metrics_are_served(void **state)
{
    struct fixture *f = *state;
    struct http_response r;

    expect(f, "/put/a", "one", 202, "");
    r = ask(f, HTTP_GET, "/metrics", bytes_of("", 0));
    assert_int_equal(r.status, 200);
    assert_int_equal(r.type, MEDIA_METRICS);
    assert_non_null(strstr((const char *)r.body.data, "pad_commits_total 1"));
    r = ask(f, HTTP_GET, "/metrics/snapshot", bytes_of("", 0));
    assert_int_equal(r.type, MEDIA_JSON);
}

static void test_a_file_region_is_sent(void **state)
{
    struct fixture *f = *state;
    struct http_response r = ask(f, HTTP_GET, "/files/self", bytes_of("", 0));
    struct buf self = {0};

    assert_int_equal(r.status, 200);
    assert_int_equal(file_read("/proc/self/exe", 100 << 20, &self, NULL), 0);
    assert_int_equal(r.body.size, 200000);
    assert_memory_equal(r.body.data, self.data + 4, 200000);
    buf_release(&self);
    expect(f, "/files/other", "", 404, "no /files/other");
}

/* --- raw sockets ---------------------------------------------------------- */

static int dial(struct fixture *f)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)f->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = WAIT_MS / 1000};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Read until the text appears; fails when the connection ends before. */
static void hear(int fd, const char *text)
{
    char got[16384] = "";
    size_t size = 0;

    while (strstr(got, text) == NULL) {
        ssize_t more = recv(fd, got + size, sizeof got - 1 - size, 0);
        if (more <= 0)
            fail_msg("wanted '%s', got '%s'", text, got);
        size += (size_t)more;
        got[size] = 0;
    }
}

static void hear_end(int fd)
{
    char got[4096];
    ssize_t more;
    while ((more = recv(fd, got, sizeof got, 0)) > 0)
        ;
    assert_true(more == 0 || errno == ECONNRESET);
}

static void raw(struct fixture *f, const char *request, const char *answer)
{
    int fd = dial(f);
    say(fd, request);
    hear(fd, answer);
    close(fd);
}

static void test_odd_requests_get_clear_answers(void **state)
{
    struct fixture *f = *state;
    char *huge = xmalloc(100000);

    raw(f,
        "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        "POST /echo? 5");
    raw(f,
        "POST /echo HTTP/1.1\r\nExpect: 100-continue\r\n"
        "Content-Length: 3\r\n\r\n",
        "HTTP/1.1 100 Continue");
    raw(f, "GET /echo HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK");
    raw(f, "GET http://h:1/echo?x HTTP/1.1\r\n\r\n", "GET /echo?x 0");
    raw(f, "PATCH /echo HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        "PATCH /echo? 0");
    raw(f,
        "POST /echo HTTP/1.1\r\nContent-Length: 3\r\n"
        "Content-Length: 4\r\n\r\nabcd",
        "given more than once");
    raw(f,
        "POST /echo HTTP/1.1\r\nContent-Length: 3\r\n"
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 400 Bad Request\r\nDate: ");
    raw(f, "POST /echo HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
        "HTTP/1.1 413");
    raw(f, "POST /echo HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 400");
    raw(f, "NONSENSE\r\n\r\n", "request: want well-formed HTTP/1.1");
    raw(f, "BREW /echo HTTP/1.1\r\n\r\n", "OTHER /echo? 0");
    raw(f,
        "POST /echo HTTP/1.1\r\nExpect: 100-continue\r\n"
        "Content-Length: 99999999\r\n\r\n",
        "request body: too long, want at most 8388608 bytes");
    strcpy(huge, "GET /echo?");
    memset(huge + 10, 'q', 5000);
    strcpy(huge + 5010, " HTTP/1.1\r\n\r\n");
    raw(f, huge, "HTTP/1.1 414");
    free(huge);
    expect(f, "/echo", "", 200, "GET /echo? 0");
}

static void test_a_long_body_is_refused_while_it_is_sent(void **state)
{
    struct fixture *f = *state;
    size_t size = 100 << 20;
    char *body = xcalloc(1, size);
    struct http_response r;

    r = ask(f, HTTP_POST, "/put/long", bytes_of(body, size));
    assert_int_equal(r.status, 413);
    assert_string_equal((const char *)r.body.data,
                        "request body: too long, want at most 8388608 bytes\n");
    free(body);
    expect(f, "/get/long", "", 404, "none");
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f);

    say(fd, "POST /put/p HTTP/1.1\r\nContent-Length: 1\r\n\r\nx"
            "GET /get/p HTTP/1.1\r\n\r\n"
            "GET /echo HTTP/1.1\r\n\r\n");
    hear(fd, "GET /echo? 0");
    close(fd);
}

static void test_a_body_cut_short_changes_nothing(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f);

    say(fd, "POST /put/cut HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf");
    shutdown(fd, SHUT_WR);
    hear_end(fd);
    close(fd);
    expect(f, "/get/cut", "", 404, "none");
}

static void wait_gone(struct fixture *f, const char *want)
{
    for (int64_t end = clock_wall_ms() + WAIT_MS; clock_wall_ms() < end;) {
        struct http_response r = ask(f, HTTP_GET, "/gone", bytes_of("", 0));
        if (strcmp((const char *)r.body.data, want) == 0)
            return;
    }
    fail_msg("nobody noticed that the other side left");
}

static void test_who_leaves_is_noticed(void **state)
{
    struct fixture *f = *state;
    int held = dial(f), stream = dial(f);

    say(held, "GET /hold HTTP/1.1\r\n\r\n");
    say(stream, "POST /follow HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    hear(stream, "5\nhello");
    close(held);
    wait_gone(f, "1");
    close(stream);
    wait_gone(f, "2");
}

static void test_a_slow_reader_is_dropped(void **state)
{
    struct fixture *f = *state;
    int stream = dial(f);

    say(stream, "POST /follow HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    hear(stream, "5\nhello");
    expect(f, "/flood", "", 200, "flooded");
    wait_gone(f, "1");
    hear_end(stream);
    close(stream);
}

static void test_http_1_0_streams_end_with_the_connection(void **state)
{
    struct fixture *f = *state;
    int stream = dial(f);

    say(stream, "POST /follow HTTP/1.0\r\nContent-Length: 0\r\n\r\n");
    hear(stream, "\r\n\r\n5\nhello");
    expect(f, "/unfollow", "", 200, "bye");
    hear_end(stream);
    close(stream);
}

static void test_a_full_disk_stops_the_daemon_in_words(void **state)
{
    struct fixture *f = *state;
    struct rlimit before, small = {0, 0};
    struct http_response r = {0};
    char url[128];
    int status;

    /* A file that may not grow stands for a disk that is full. */
    stop(f, SIGTERM);
    getrlimit(RLIMIT_FSIZE, &before);
    small = (struct rlimit){3 << 20, before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    start(f);
    setrlimit(RLIMIT_FSIZE, &before);
    expect(f, "/put/a", "one", 202, "");
    char *big = xcalloc(1, 4 << 20);
    snprintf(url, sizeof url, "%s/put/big", f->root);
    assert_int_equal(client_call(f->client, HTTP_POST, url, NULL, 0,
                                 bytes_of(big, 4 << 20), WAIT_MS, &f->arena, &r,
                                 NULL),
                     -ERR_NETWORK); /* not acknowledged */
    free(big);
    assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
    f->pid = 0;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE);
    start(f);
    expect(f, "/get/a", "", 200, "one");
    expect(f, "/get/big", "", 404, "none");
}

static void test_a_port_in_use_is_named(void **state)
{
    struct fixture *f = *state;
    struct daemon_config config = {.ip = "127.0.0.1", .port = f->port};
    struct daemon *d;
    struct err err = {0};
    char want[128];

    snprintf(want, sizeof want,
             "cannot listen on 127.0.0.1:%d: Address already in use", f->port);
    assert_true(daemon_open(&d, &config, &pad_program, NULL, &err) < 0);
    assert_string_equal(err.text, want);
    assert_non_null(strstr(err.hint, "--port"));
}

static void test_a_store_in_use_is_named(void **state)
{
    struct fixture *f = *state;
    struct daemon_config config = {.ip = "127.0.0.1", .store_dir = f->store};
    struct daemon *d;
    struct err err = {0};

    assert_int_equal(daemon_open(&d, &config, &pad_program, NULL, &err),
                     -ERR_BUSY);
    assert_non_null(strstr(err.text, "has it open"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_was_acknowledged_survives_kill),
        TEST(test_stop_effect_gives_the_status_and_the_answer),
        TEST(test_a_stream_carries_records_and_ends),
        TEST(test_a_follower_may_stop),
        TEST(test_timers_ring),
        TEST(test_the_program_can_call),
        TEST(test_paths_and_queries_come_decoded),
        TEST(test_metrics_are_served),
        TEST(test_a_file_region_is_sent),
        TEST(test_odd_requests_get_clear_answers),
        TEST(test_a_long_body_is_refused_while_it_is_sent),
        TEST(test_pipelined_requests_are_answered_in_order),
        TEST(test_a_body_cut_short_changes_nothing),
        TEST(test_who_leaves_is_noticed),
        TEST(test_a_slow_reader_is_dropped),
        TEST(test_http_1_0_streams_end_with_the_connection),
        TEST(test_a_full_disk_stops_the_daemon_in_words),
        TEST(test_a_port_in_use_is_named),
        TEST(test_a_store_in_use_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
