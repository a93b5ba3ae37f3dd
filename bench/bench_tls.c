/* The same daemon over plain connections and over TLS, asked by our own client
 * in turns: a request on a kept connection, and one on a connection of its own,
 * which is a handshake with both certificates checked. */
#include "base/alloc.h"
#include "base/arena.h"
#include "bench/kit.h"
#include "sys/client.h"
#include "sys/daemon.h"
#include "sys/file.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 5 };

static char folder[] = "/tmp/perigee-bench-tls.XXXXXX";
static char cert[64], key[64];

static void answer(void *self, exchange_id exchange,
                   const struct http_request *in, int64_t now_ms,
                   struct effects *fx)
{
    (void)self;
    (void)in;
    (void)now_ms;
    effect_reply(fx, exchange, 200, MEDIA_TEXT, bytes_of_text("hello"));
}

struct server {
    pid_t pid;
    char url[64];
};

static void serve(int port_fd, bool is_tls)
{
    struct program program = {.name = "bench", .on_request = answer};
    struct daemon_config config = {.ip = "127.0.0.1", .stream_bound = 1 << 20};
    struct daemon *d;
    struct err err = {0};

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (is_tls)
        config.tls = (struct daemon_tls){.files = {cert, key, cert},
                                         .wants_client = true};
    if (daemon_open(&d, &config, &program, NULL, &err) < 0)
        _exit(1);
    int port = daemon_port(d);
    if (write(port_fd, &port, sizeof port) != sizeof port)
        _exit(1);
    _exit(daemon_run(d, &err));
}

static struct server start(bool is_tls)
{
    struct server server = {0};
    int ends[2] = {-1, -1}, port = 0;

    if (pipe(ends) < 0)
        bench_fail("no pipe");
    server.pid = fork();
    if (server.pid == 0)
        serve(ends[1], is_tls);
    close(ends[1]);
    if (read(ends[0], &port, sizeof port) != sizeof port)
        bench_fail("a server did not start");
    close(ends[0]);
    snprintf(server.url, sizeof server.url, "http%s://127.0.0.1:%d/",
             is_tls ? "s" : "", port);
    return server;
}

static void ask(struct client *client, const char *url)
{
    struct http_response response;
    struct arena arena;
    struct err err = {0};

    arena_init(&arena);
    if (client_call(client, HTTP_GET, url, NULL, 0, bytes_of("", 0), 10000,
                    &arena, &response, &err) < 0)
        bench_fail("%s", err.text);
    if (response.status != 200)
        bench_fail("answered %d", response.status);
    arena_release(&arena);
}

/* Requests a second, one after the other. */
static double rate(const char *url, struct tls *tls, int count, bool is_kept)
{
    struct client *client = NULL;
    int64_t began = bench_ns();

    for (int i = 0; i < count; i++) {
        if (client == NULL) {
            client = client_open();
            client_set_tls(client, tls);
        }
        ask(client, url);
        if (!is_kept) {
            client_close(client);
            client = NULL;
        }
    }
    client_close(client);
    return count * 1e9 / (double)(bench_ns() - began);
}

static void compare(const char *what, const struct server server[2],
                    struct tls *tls, int count, bool is_kept)
{
    double best[2] = {0};
    char name[64];

    for (int i = 0; i < ROUNDS; i++) /* in turns; the best of each counts */
        for (int k = 0; k < 2; k++) {
            double now = rate(server[k].url, tls, count, is_kept);
            best[k] = now > best[k] ? now : best[k];
        }
    snprintf(name, sizeof name, "%s, plain", what);
    bench_figure(name, best[0], "1/s", 0, NULL);
    snprintf(name, sizeof name, "%s, TLS", what);
    bench_figure(name, best[1], "1/s", best[1] / best[0], "plain");
}

static void make_certificate(void)
{
    char line[512];

    if (mkdtemp(folder) == NULL)
        bench_fail("no folder");
    snprintf(cert, sizeof cert, "%s/cert.pem", folder);
    snprintf(key, sizeof key, "%s/key.pem", folder);
    snprintf(line, sizeof line,
             "openssl req -x509 -newkey ec -pkeyopt "
             "ec_paramgen_curve:P-256 -nodes -keyout %s -out %s -days 2 -subj "
             "/CN=bench -addext subjectAltName=IP:127.0.0.1 2>/dev/null",
             key, cert);
    if (system(line) != 0)
        bench_fail("openssl makes no certificate");
}

int main(int argc, char **argv)
{
    bench_open(argc, argv, "tls");
    bench_leans_on(BENCH_LOOPBACK);
    make_certificate();
    int count = bench_is_quick() ? 400 : 4000;
    struct server server[2] = {start(false), start(true)};
    struct tls_files files = {cert, key, cert};
    struct tls *tls = NULL;
    struct err err = {0};

    if (tls_open_client(&tls, &files, &err) < 0)
        bench_fail("%s", err.text);
    compare("requests on one connection", server, tls, count, true);
    compare("connections with one request", server, tls, count / 4, false);
    tls_close(tls);
    for (int k = 0; k < 2; k++) {
        kill(server[k].pid, SIGKILL);
        waitpid(server[k].pid, NULL, 0);
    }
    (void)dir_remove(folder, NULL);
    return bench_close();
}
