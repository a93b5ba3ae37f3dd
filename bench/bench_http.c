/* A daemon that answers every request against a bare evhttp that does, with the
 * same load from the same generator: the price of turns, inputs and effects. */
#include "base/alloc.h"
#include "bench/kit.h"
#include "sys/daemon.h"
#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 64, REQUESTS = 40000, ROUNDS = 5 };

static const char hello[] = "hello";
static const char request[] = "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n";

/* --- the two servers --- */

static void answer(void *self, exchange_id exchange,
                   const struct http_request *in, int64_t now_ms,
                   struct effects *fx)
{
    (void)self;
    (void)in;
    (void)now_ms;
    effect_reply(fx, exchange, 200, MEDIA_TEXT, bytes_of_text(hello));
}

static void tell_port(int fd, int port)
{
    if (write(fd, &port, sizeof port) != sizeof port)
        _exit(1);
    close(fd);
}

static void serve_daemon(int port_fd)
{
    struct program program = {.name = "bench", .on_request = answer};
    struct daemon_config config = {.ip = "127.0.0.1", .stream_bound = 1 << 20};
    struct daemon *d;
    struct err err = {0};

    if (daemon_open(&d, &config, &program, NULL, &err) < 0)
        _exit(1);
    tell_port(port_fd, daemon_port(d));
    _exit(daemon_run(d, &err));
}

static void answer_bare(struct evhttp_request *in, void *arg)
{
    struct evbuffer *body = evbuffer_new();

    (void)arg;
    evbuffer_add(body, hello, sizeof hello - 1);
    evhttp_send_reply(in, 200, "OK", body);
    evbuffer_free(body);
}

static void serve_bare(int port_fd)
{
    struct event_base *base = event_base_new();
    struct evhttp *http = evhttp_new(base);
    struct evhttp_bound_socket *bound =
        evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
    struct sockaddr_in at = {0};
    socklen_t size = sizeof at;

    evhttp_set_gencb(http, answer_bare, NULL);
    getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&at,
                &size);
    tell_port(port_fd, ntohs(at.sin_port));
    event_base_dispatch(base);
    _exit(0);
}

struct server {
    pid_t pid;
    int port;
};

static struct server start(void (*serve)(int port_fd))
{
    struct server server = {0};
    int ends[2] = {-1, -1};

    if (pipe(ends) < 0)
        bench_fail("no pipe: %s", strerror(errno));
    server.pid = fork();
    if (server.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(ends[1]);
    }
    close(ends[1]);
    if (read(ends[0], &server.port, sizeof server.port) != sizeof server.port)
        bench_fail("a server did not start");
    close(ends[0]);
    return server;
}

static void stop(const struct server *server)
{
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
}

/* --- the load --- */

struct connection {
    int fd;
    size_t got;
    int64_t began;
};

static int dial(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        bench_fail("cannot connect: %s", strerror(errno));
    return fd;
}

static void ask(struct connection *connection)
{
    connection->got = 0;
    connection->began = bench_ns();
    if (write(connection->fd, request, sizeof request - 1) < 0)
        bench_fail("cannot send: %s", strerror(errno));
}

/* Answers are all of one size; the first tells it. */
static size_t learn_size(int port)
{
    char in[4096] = "";
    size_t size = 0;
    struct connection one = {.fd = dial(port)};

    ask(&one);
    while (strstr(in, "\r\n\r\nhello") == NULL) {
        ssize_t more = read(one.fd, in + size, sizeof in - 1 - size);
        if (more <= 0)
            bench_fail("no answer");
        size += (size_t)more;
        in[size] = 0;
    }
    close(one.fd);
    return size;
}

/* Take what came; true when that was a whole answer. */
static bool take(struct connection *connection, size_t size)
{
    char in[4096];
    ssize_t more = read(connection->fd, in, sizeof in);

    if (more <= 0)
        bench_fail("the server hung up");
    connection->got += (size_t)more;
    return connection->got >= size;
}

/* Requests per second; latencies go to `sample`. */
static double load(int port, int connections, int requests, int64_t *sample)
{
    struct connection connection[CONNECTIONS_MAX];
    struct epoll_event event[CONNECTIONS_MAX];
    size_t size = learn_size(port);
    int epoll = epoll_create1(EPOLL_CLOEXEC), done = 0, asked = 0;
    int64_t began = bench_ns();

    for (; asked < connections; asked++) {
        struct epoll_event want = {.events = EPOLLIN,
                                   .data.ptr = &connection[asked]};
        connection[asked].fd = dial(port);
        epoll_ctl(epoll, EPOLL_CTL_ADD, connection[asked].fd, &want);
        ask(&connection[asked]);
    }
    while (done < requests) {
        int ready = epoll_wait(epoll, event, CONNECTIONS_MAX, -1);
        for (int i = 0; i < ready; i++) {
            struct connection *c = event[i].data.ptr;
            if (!take(c, size))
                continue;
            sample[done++] = bench_ns() - c->began;
            if (asked++ < requests)
                ask(c);
        }
    }
    double rate = requests * 1e9 / (double)(bench_ns() - began);
    for (int i = 0; i < connections; i++)
        close(connection[i].fd);
    close(epoll);
    return rate;
}

static void compare(int connections, int requests)
{
    struct server ours = start(serve_daemon), bare = start(serve_bare);
    int64_t *a = xmalloc((size_t)requests * sizeof *a);
    int64_t *b = xmalloc((size_t)requests * sizeof *b);
    double rate_a = 0, rate_b = 0;
    char name[64];

    for (int i = 0; i < ROUNDS; i++) { /* in turns; the best of each counts */
        double now = load(bare.port, connections, requests, b);
        rate_b = now > rate_b ? now : rate_b;
        now = load(ours.port, connections, requests, a);
        rate_a = now > rate_a ? now : rate_a;
    }
    snprintf(name, sizeof name, "bare evhttp, %d connections", connections);
    bench_figure(name, rate_b, "1/s", 0, NULL);
    snprintf(name, sizeof name, "daemon, %d connections", connections);
    bench_figure(name, rate_a, "1/s", rate_a / rate_b, "bare evhttp");
    snprintf(name, sizeof name, "daemon p99, %d connections", connections);
    double p99_a = (double)bench_percentile(a, (size_t)requests, 99);
    double p99_b = (double)bench_percentile(b, (size_t)requests, 99);
    bench_figure(name, p99_a / 1000, "us", p99_a / p99_b, "bare evhttp");
    free(a);
    free(b);
    stop(&ours);
    stop(&bare);
}

int main(int argc, char **argv)
{
    bench_open(argc, argv, "http");
    bench_leans_on(BENCH_LOOPBACK);
    int requests = bench_is_quick() ? REQUESTS / 10 : REQUESTS;
    compare(1, requests / 4);
    compare(16, requests);
    compare(64, requests);
    return bench_close();
}
