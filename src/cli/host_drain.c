/* host drain: all at once or so many at a time, with a picture of what each
 * batch waits for, and a command to run when a host is empty. */
#include "cli/command.h"
#include "cli/host.h"
#include "cli/span.h"
#include "cli/watch.h"

#include "sys/clock.h"
#include "sys/process.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef Perigee__Aurora__Answer Answer;
typedef Perigee__Aurora__MaintenanceView View;
typedef Perigee__Aurora__Call__Maintenance About;

enum { LOOK_MS = 1000, DURATION_DEFAULT_SECS = 30 * 60 };

/* --- what is asked --- */

static int policy_of(struct cli *cli, Perigee__SlaPolicy *out)
{
    int64_t ms = DURATION_DEFAULT_SECS * 1000;
    int rc = host_percentage(cli, cli->percentage, &out->percentage_milli);

    if (rc == 0 && cli->duration != NULL)
        rc = span_read(cli, "duration", cli->duration, &ms);
    out->has_percentage_milli = out->has_duration_secs = true;
    out->duration_secs = (uint32_t)(ms / 1000);
    return rc;
}

static int read_request(struct cli *cli, About *about, Perigee__SlaPolicy *sla)
{
    int64_t ms;
    int rc = 0;

    about->reason = (char *)cli->reason;
    if (cli->duration != NULL && cli->percentage == NULL)
        return cli_refuse(cli, EXIT_BAD_PARAMETER, NULL,
                          "--duration: want it with --percentage");
    if (cli->percentage != NULL) {
        if ((rc = policy_of(cli, sla)) != 0)
            return rc;
        about->default_policy = sla;
    }
    if (cli->force_after != NULL) {
        rc = span_read(cli, "force-after", cli->force_after, &ms);
        about->has_timeout_secs = rc == 0;
        about->timeout_secs = rc == 0 ? (uint64_t)(ms / 1000) : 0;
    }
    return rc;
}

/* --- the command behind each host --- */

static int run_script(struct cli *cli, const char *host)
{
    const char *argv[] = {"/bin/sh",   "-c", "exec \"$0\" \"$1\"",
                          cli->script, host, NULL};
    struct process_spec spec = {.path = "/bin/sh",
                                .argv = argv,
                                .fd = {-1, STDERR_FILENO, STDERR_FILENO},
                                .fd_count = 3,
                                .uid = -1,
                                .gid = -1};
    struct err err = {0};
    int status = 0;
    pid_t pid;

    cli_progress_done(cli);
    if (process_spawn(&spec, &pid, &err) < 0)
        return cli_fail(cli, EXIT_FAILED, &err);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    return cli_refuse(cli, EXIT_FAILED,
                      "no further host is drained; those that are stay so "
                      "until `clusterctl host activate`",
                      "%s %s: failed with status %d", cli->script, host,
                      WIFEXITED(status) ? WEXITSTATUS(status)
                                        : 128 + WTERMSIG(status));
}

/* --- one batch --- */

struct batch {
    struct cli *cli;
    char **item;
    bool *is_done; /* the script ran for it */
    size_t count, done;
    const char *what; /* "2 of 3", for people */
    int64_t end_ms;   /* 0: wait for ever */
};

static const View *view_of(const Answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->n_maintenance; i++)
        if (strcmp(answer->maintenance[i]->name, name) == 0)
            return answer->maintenance[i];
    return NULL;
}

static void show(const struct batch *b, const Answer *answer)
{
    const Perigee__Aurora__MaintenanceView__Task *first = NULL;
    uint32_t tasks = 0, wait = 0;

    for (size_t i = 0; i < answer->n_maintenance; i++) {
        const View *v = answer->maintenance[i];
        for (size_t h = 0; h < v->n_hosts; h++)
            tasks += v->hosts[h]->tasks;
        for (size_t t = 0; t < v->n_tasks; t++) {
            bool waits = v->tasks[t]->wait !=
                         PERIGEE__AURORA__MAINTENANCE_VIEW__WAIT__END;
            wait += waits;
            if (waits && first == NULL)
                first = v->tasks[t];
        }
    }
    if (first == NULL)
        cli_progress(b->cli, "%s: %zu of %zu hosts drained, %u tasks end",
                     b->what, b->done, b->count, tasks);
    else
        cli_progress(b->cli,
                     "%s: %zu of %zu hosts drained, %u tasks left, %u wait: "
                     "%s/%s/%s/%u: %s",
                     b->what, b->done, b->count, tasks, wait, first->key->role,
                     first->key->environment, first->key->name, first->instance,
                     host_wait_text(first->wait));
}

/* Hosts that came to their end since the last look. */
static int note_drained(struct batch *b, const Answer *answer, size_t from,
                        size_t to)
{
    int rc = 0;

    for (size_t i = from; i < to && rc == 0; i++) {
        const View *view = view_of(answer, b->item[i]);
        if (b->is_done[i])
            continue;
        if (view == NULL ||
            view->mode == PERIGEE__AURORA__MAINTENANCE_VIEW__MODE__NONE)
            return cli_refuse(b->cli, EXIT_FAILED, NULL,
                              "%s: somebody ended its maintenance", b->item[i]);
        if (view->mode != PERIGEE__AURORA__MAINTENANCE_VIEW__MODE__DRAINED)
            continue;
        b->is_done[i] = true;
        b->done++;
        if (b->cli->script != NULL)
            rc = run_script(b->cli, b->item[i]);
    }
    return rc;
}

static int look(struct batch *b)
{
    About about = PERIGEE__AURORA__CALL__MAINTENANCE__INIT;
    Answer *answer;
    int rc = 0;

    for (size_t from = 0; from < b->count && rc == 0; from += HOSTS_PER_LOOK) {
        size_t to = from + HOSTS_PER_LOOK;
        if (to > b->count)
            to = b->count;
        about.n_hosts = to - from;
        about.hosts = &b->item[from];
        rc = host_call(b->cli, PERIGEE__AURORA__CALL__TYPE__MAINTENANCE_STATUS,
                       &about, &answer);
        if (rc == 0)
            show(b, answer);
        if (rc == 0)
            rc = note_drained(b, answer, from, to);
    }
    return rc;
}

static int follow(struct batch *b)
{
    for (;;) {
        int rc = look(b);
        if (rc != 0 || b->done == b->count)
            return rc;
        if (b->end_ms > 0 && clock_monotonic_ms() >= b->end_ms)
            return cli_refuse(b->cli, EXIT_TIMED_OUT,
                              "the drain goes on without us: `clusterctl host "
                              "status`",
                              "%zu of %zu hosts are not drained after %s s",
                              b->count - b->done, b->count, b->cli->timeout);
        (void)poll(NULL, 0, LOOK_MS);
    }
}

/* Those that the scheduler knows, in the order of the request. */
static void keep_known(struct batch *b, const Answer *answer)
{
    size_t count = 0;

    for (size_t i = 0; i < b->count; i++)
        if (view_of(answer, b->item[i]) != NULL)
            b->item[count++] = b->item[i];
    b->count = count;
}

/* --- all of them --- */

struct drain {
    struct cli *cli;
    struct host_list hosts;
    About about;
    Perigee__SlaPolicy sla;
    size_t batch_size;
    bool waits;
    int64_t end_ms;
    Answer last; /* of all batches */
};

static int one_batch(struct drain *d, size_t from, size_t count)
{
    size_t of = (d->hosts.count + d->batch_size - 1) / d->batch_size;
    struct batch b = {.cli = d->cli,
                      .item = &d->hosts.item[from],
                      .count = count,
                      .end_ms = d->end_ms};
    Answer *answer;
    int rc;

    d->about.n_hosts = count;
    d->about.hosts = b.item;
    rc = host_call(d->cli, PERIGEE__AURORA__CALL__TYPE__DRAIN_HOSTS, &d->about,
                   &answer);
    if (rc != 0)
        return rc;
    keep_known(&b, answer);
    b.is_done = arena_alloc(&d->cli->arena, b.count + 1);
    memset(b.is_done, 0, b.count + 1);
    b.what = arena_printf(&d->cli->arena, "batch %zu of %zu",
                          from / d->batch_size + 1, of);
    if (d->waits)
        rc = follow(&b);
    cli_progress_done(d->cli);
    if (rc == 0 && d->waits && b.count > 0) { /* as it is now */
        Answer *now = NULL;
        d->about.n_hosts = b.count < HOSTS_PER_LOOK ? b.count : HOSTS_PER_LOOK;
        d->about.hosts = b.item;
        rc = host_call(d->cli, PERIGEE__AURORA__CALL__TYPE__MAINTENANCE_STATUS,
                       &d->about, &now);
        if (rc == 0) {
            now->unknown_hosts = answer->unknown_hosts;
            now->n_unknown_hosts = answer->n_unknown_hosts;
            answer = now;
        }
    }
    if (rc == 0)
        host_gather(d->cli, &d->last, answer);
    return rc;
}

static int read_batches(struct drain *d)
{
    struct cli *cli = d->cli;
    int64_t size = 0, timeout_ms = 0;
    int rc = watch_timeout(cli, &timeout_ms);

    if (rc == 0 && cli->batch_size != NULL)
        rc = cli_number(cli, "batch size", cli->batch_size, 0, HOSTS_PER_CALL,
                        &size);
    d->waits = cli->wait || cli->script != NULL || size > 0;
    d->batch_size = size > 0 ? (size_t)size : HOSTS_PER_CALL;
    d->end_ms = timeout_ms > 0 ? clock_monotonic_ms() + timeout_ms : 0;
    return rc;
}

int host_drain_run(struct cli *cli)
{
    struct drain d = {.cli = cli,
                      .about = PERIGEE__AURORA__CALL__MAINTENANCE__INIT,
                      .sla = PERIGEE__SLA_POLICY__INIT,
                      .last = PERIGEE__AURORA__ANSWER__INIT};
    int rc = host_names(cli, &d.hosts);

    if (rc == 0)
        rc = read_request(cli, &d.about, &d.sla);
    if (rc == 0)
        rc = read_batches(&d);
    for (size_t at = 0; rc == 0 && at < d.hosts.count; at += d.batch_size)
        rc = one_batch(&d, at,
                       d.hosts.count - at < d.batch_size ? d.hosts.count - at
                                                         : d.batch_size);
    if (rc != 0)
        return rc;
    host_print(cli, &d.last);
    return host_unknown(cli, &d.last, EXIT_OK);
}
