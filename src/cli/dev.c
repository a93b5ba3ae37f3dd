/* dev: a whole cluster on this machine. */
#include "cli/api.h"
#include "cli/command.h"
#include "cli/dev_cluster.h"
#include "cli/quota.h"

#include "sys/client.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "wire/json.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    READY_WAIT_MS = 30000,
    READY_POLL_MS = 10,
    PORT_WAIT_MS = 1000,
    ASK_TIMEOUT_MS = 2000,
    LOG_TAIL = 2048 /* bytes of a dead daemon's log to show */
};

static int make_folders(struct cli *cli, const struct dev_cluster *c,
                        struct err *err)
{
    static const char *const folder[] = {"", "/run", "/log"};

    for (size_t i = 0; i < sizeof folder / sizeof folder[0]; i++) {
        int rc = dir_make(arena_printf(&cli->arena, "%s%s", c->dir, folder[i]),
                          0755, err);
        if (rc < 0) {
            err_hint(err, "--dir names another directory");
            return rc;
        }
    }
    return 0;
}

/* A daemon that was killed holds its port until its last thread is gone, which
 * may be a moment later than its process looks dead. */
static bool port_comes_free(int port)
{
    int64_t give_up = clock_monotonic_ms() + PORT_WAIT_MS;

    while (!dev_port_is_free(port)) {
        if (clock_monotonic_ms() > give_up)
            return false;
        (void)poll(NULL, 0, READY_POLL_MS);
    }
    return true;
}

/* Start what does not run; ours[i] says that this run started daemon i.
 * Strangers on our ports are found before anything is started, so that a
 * refusal changes nothing. */
static int start_dead(struct cli *cli, const struct dev_cluster *c, bool *ours,
                      struct err *err)
{

    for (uint32_t i = 0; i < c->daemon_count; i++) {
        const struct dev_daemon *d = &c->daemon[i];
        ours[i] = dev_daemon_pid(cli, c, d) == 0;
        if (ours[i] && !port_comes_free(d->port)) {
            (void)err_set(err, ERR_CONFLICT,
                          "port %d, wanted by %s, is in use by another program",
                          d->port, d->name);
            err_hint(err, "`clusterctl dev start --port BASE` takes others");
            return -ERR_CONFLICT;
        }
    }
    int rc = make_folders(cli, c, err);
    if (rc == 0)
        rc = dev_cluster_equip(cli, c, err);
    if (rc == 0)
        rc = dev_cluster_save(cli, c, err);
    for (uint32_t i = 0; rc == 0 && i < c->daemon_count; i++)
        if (ours[i])
            rc = dev_daemon_start(cli, c, &c->daemon[i], err);
    return rc;
}

/* A value of a flat JSON of numbers, such as /metrics/snapshot. */
static double snapshot_value(const struct http_response *response,
                             const char *name)
{
    char quoted[128];
    int size = snprintf(quoted, sizeof quoted, "\"%s\":", name);
    const char *at =
        memmem(response->body.data, response->body.size, quoted, (size_t)size);

    return at != NULL ? strtod(at + size, NULL) : 0;
}

static bool ask(struct cli *cli, int port, const char *path,
                struct http_response *out)
{
    const char *url =
        arena_printf(&cli->arena, "http://127.0.0.1:%d%s", port, path);

    if (cli->http == NULL)
        cli->http = client_open();
    return client_call(cli->http, HTTP_GET, url, NULL, 0, (struct bytes){0},
                       ASK_TIMEOUT_MS, &cli->arena, out, NULL) == 0 &&
           out->status == 200;
}

/* A master that asks who looks ($PERIGEE_SECURITY) does not tell us: then all
 * that is seen is that the agents answer. */
static bool is_joined(struct cli *cli, const struct dev_cluster *c)
{
    struct http_response r = {0};

    if (ask(cli, c->port, "/metrics/snapshot", &r))
        return snapshot_value(&r, "master/slaves_active") >= c->agents &&
               snapshot_value(&r, "master/frameworks_active") >= 1;
    for (uint32_t i = 3; r.status == 401 && i < c->daemon_count; i++)
        if (!ask(cli, c->daemon[i].port, "/health", &r))
            return false;
    return r.status == 401 || r.status == 200;
}

/* Ready: every agent and the scheduler are subscribed at the master, and the
 * scheduler and the observer answer. */
static bool is_ready(struct cli *cli, const struct dev_cluster *c)
{
    struct http_response r;

    return is_joined(cli, c) && ask(cli, c->port + 1, "/health", &r) &&
           ask(cli, c->port + 2, "/health", &r);
}

static int died(struct cli *cli, const struct dev_cluster *c,
                const struct dev_daemon *d, struct err *err)
{
    const char *path =
        arena_printf(&cli->arena, "%s/log/%s.log", c->dir, d->name);
    char tail[LOG_TAIL + 1] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        off_t size = lseek(fd, 0, SEEK_END);
        ssize_t got =
            pread(fd, tail, LOG_TAIL, size > LOG_TAIL ? size - LOG_TAIL : 0);
        tail[got > 0 ? got : 0] = '\0';
        close(fd);
    }
    char *end = tail + strlen(tail);
    while (end > tail && end[-1] == '\n')
        *--end = '\0';
    const char *last = strrchr(tail, '\n');
    (void)err_set(err, ERR_IO, "%s ended at once: %s", d->name,
                  last != NULL ? last + 1 : tail);
    err_hint(err, "the whole story is in %s", path);
    return -ERR_IO;
}

/* A daemon that we started and that ended is a failure to report; one that was
 * on its way out when we looked first is started now. */
static int mind_dead(struct cli *cli, const struct dev_cluster *c, bool *ours,
                     struct err *err)
{
    for (uint32_t i = 0; i < c->daemon_count; i++) {
        if (dev_daemon_pid(cli, c, &c->daemon[i]) != 0)
            continue;
        if (ours[i])
            return died(cli, c, &c->daemon[i], err);
        ours[i] = true;
        int rc = dev_daemon_start(cli, c, &c->daemon[i], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int wait_ready(struct cli *cli, const struct dev_cluster *c, bool *ours,
                      struct err *err)
{
    int64_t begin = clock_monotonic_ms();

    while (!is_ready(cli, c)) {
        int64_t waited = clock_monotonic_ms() - begin;
        int rc = mind_dead(cli, c, ours, err);
        if (rc < 0)
            return rc;
        if (waited > READY_WAIT_MS) {
            (void)err_set(err, ERR_TIMEOUT,
                          "the cluster is not ready after %d s",
                          READY_WAIT_MS / 1000);
            err_hint(err, "%s/log/ has what its daemons say", c->dir);
            return -ERR_TIMEOUT;
        }
        if (waited > 1000)
            cli_progress(cli, "waiting for the cluster, %lld s",
                         (long long)(waited / 1000));
        (void)poll(NULL, 0, READY_POLL_MS);
    }
    cli_progress_done(cli);
    return 0;
}

static void print_addresses(struct cli *cli, const struct dev_cluster *c)
{
    Perigee__Cluster *entry = dev_cluster_entry(cli, c);

    buf_addf(&cli->out,
             "  master    http://%s\n  aurora    http://%s\n"
             "  observer  http://127.0.0.1:%d\n",
             entry->master, entry->aurora, c->port + 2);
    for (size_t i = 0; i < entry->n_agents; i++)
        buf_addf(&cli->out, "  agent     http://%s  task ports %u-%u\n",
                 entry->agents[i], c->task_port[i],
                 c->task_port[i] + DEV_TASK_PORTS - 1);
    buf_addf(&cli->out, "  state     %s\n", c->dir);
}

static void print_json(struct cli *cli, const struct dev_cluster *c)
{
    Perigee__Cluster *entry = dev_cluster_entry(cli, c);
    struct json_writer w;

    json_init(&w, &cli->out, 2);
    json_begin_object(&w);
    json_put_string(&w, "master", entry->master);
    json_put_string(&w, "aurora", entry->aurora);
    json_put_string(&w, "observer",
                    arena_printf(&cli->arena, "127.0.0.1:%d", c->port + 2));
    json_key(&w, "agents");
    json_begin_array(&w);
    for (size_t i = 0; i < entry->n_agents; i++)
        json_text(&w, entry->agents[i]);
    json_end_array(&w);
    json_put_string(&w, "dir", entry->dir);
    json_end_object(&w);
    buf_add_char(&cli->out, '\n');
}

static int bring_up(struct cli *cli, struct dev_cluster *c, uint32_t *started)
{
    struct err err = {0};

    if (dev_cluster_load(cli, false, c, &err) < 0)
        return cli_fail(cli, cli_exit_code(&err), &err);
    bool *ours = arena_zalloc(&cli->arena, c->daemon_count);
    if (start_dead(cli, c, ours, &err) < 0 ||
        wait_ready(cli, c, ours, &err) < 0)
        return cli_fail(cli, cli_exit_code(&err), &err);
    for (uint32_t i = 0; i < c->daemon_count; i++)
        *started += ours[i];
    quota_give(cli, "devcluster", "www-data");
    return EXIT_OK;
}

int dev_start_run(struct cli *cli)
{
    struct dev_cluster c;
    uint32_t started = 0;
    int64_t begin = clock_monotonic_ms();
    int rc = bring_up(cli, &c, &started);

    if (rc != EXIT_OK)
        return rc;
    if (cli->json) {
        print_json(cli, &c);
        return EXIT_OK;
    }
    buf_addf(&cli->out, "devcluster is up: %u of %u daemons started, %lld ms\n",
             started, c.daemon_count,
             (long long)(clock_monotonic_ms() - begin));
    print_addresses(cli, &c);
    return EXIT_OK;
}

int dev_stop_run(struct cli *cli)
{
    struct dev_cluster c;
    struct err err = {0};

    if (dev_cluster_load(cli, true, &c, &err) < 0)
        return cli_fail(cli, cli_exit_code(&err), &err);
    int ended = dev_cluster_end(cli, &c, &err);
    if (ended < 0)
        return cli_fail(cli, cli_exit_code(&err), &err);
    dev_cluster_forget(cli);
    if (cli->json)
        print_json(cli, &c);
    else
        buf_addf(&cli->out, "devcluster is down; its state stays in %s\n",
                 c.dir);
    return EXIT_OK;
}

int dev_status_run(struct cli *cli)
{
    struct dev_cluster c;
    struct err err = {0};
    struct json_writer w;
    uint32_t up = 0;

    if (dev_cluster_load(cli, true, &c, &err) < 0)
        return cli_fail(cli, cli_exit_code(&err), &err);
    json_init(&w, &cli->out, 2);
    if (cli->json) {
        json_begin_object(&w);
        json_put_string(&w, "dir", c.dir);
        json_key(&w, "daemons");
        json_begin_array(&w);
    }
    for (uint32_t i = 0; i < c.daemon_count; i++) {
        const struct dev_daemon *d = &c.daemon[i];
        pid_t pid = dev_daemon_pid(cli, &c, d);
        up += pid > 0;
        if (cli->json) {
            json_begin_object(&w);
            json_put_string(&w, "name", d->name);
            json_put_int(&w, "port", d->port);
            json_put_int(&w, "pid", pid);
            json_end_object(&w);
        } else {
            buf_addf(&cli->out, "  %-9s %s%-5s%s port %d, pid %d\n", d->name,
                     cli_colour(cli, pid ? CLI_GREEN : CLI_RED),
                     pid ? "up" : "down", cli_colour(cli, CLI_PLAIN), d->port,
                     (int)pid);
        }
    }
    if (cli->json) {
        json_end_array(&w);
        json_put_bool(&w, "up", up == c.daemon_count);
        json_end_object(&w);
        buf_add_char(&cli->out, '\n');
    }
    return up == c.daemon_count ? EXIT_OK : EXIT_FAILED;
}

/* --- in the foreground --- */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signo)
{
    (void)signo;
    interrupted = 1;
}

/* Print what was added to a log since the last look. */
static void print_added(int log)
{
    char piece[4096];
    ssize_t size;

    while ((size = read(log, piece, sizeof piece)) > 0)
        (void)fwrite(piece, 1, (size_t)size, stdout);
    (void)fflush(stdout);
}

int dev_run(struct cli *cli)
{
    struct dev_cluster c;
    uint32_t started = 0;
    int rc = bring_up(cli, &c, &started);

    if (rc != EXIT_OK)
        return rc;
    int *log = arena_alloc(&cli->arena, sizeof *log * c.daemon_count);
    for (uint32_t i = 0; i < c.daemon_count; i++)
        log[i] = open(
            arena_printf(&cli->arena, "%s/log/%s.log", c.dir, c.daemon[i].name),
            O_RDONLY | O_CLOEXEC);
    (void)signal(SIGINT, on_interrupt);
    (void)signal(SIGTERM, on_interrupt);
    buf_add_text(&cli->out, "devcluster is up; Ctrl-C ends it\n");
    print_addresses(cli, &c);
    (void)fwrite(cli->out.text, 1, cli->out.size, stdout);
    buf_clear(&cli->out);
    while (!interrupted) {
        for (uint32_t i = 0; i < c.daemon_count; i++)
            print_added(log[i]);
        (void)poll(NULL, 0, 200);
    }
    for (uint32_t i = 0; i < c.daemon_count; i++)
        close(log[i]);
    return dev_stop_run(cli);
}
