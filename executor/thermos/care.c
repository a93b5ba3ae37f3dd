#include "executor/thermos/care.h"

#include "base/alloc.h"
#include "executor/thermos/announcer.h"
#include "executor/thermos/announcer_access.h"
#include "executor/thermos/checker.h"
#include "executor/thermos/local_ask.h"
#include "executor/thermos/program.h"
#include "executor/thermos/usage.h"
#include "sys/daemon.h"
#include "sys/log.h"
#include "sys/process.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MEASURE_NICE = 19 };

struct care {
    struct daemon *daemon;
    struct process_watch *watch;
    const char *sandbox;
    bool is_begun;
    struct task_care task;
    struct checker *checker;      /* owned */
    struct announcer *announcer;  /* owned */
    struct zk_access access;      /* of the announcer */
    struct arena access_arena;    /* its texts */
    struct local_ask *ask;        /* the POST of the teardown; owned */
    enum teardown_step asked;     /* which one */
    int measured;                 /* what the measuring child writes; -1 */
    struct event *measured_event; /* owned */
};

/* --- health --- */

static void on_checked(void *context, uint64_t number, bool is_good,
                       const char *reason)
{
    struct care *c = context;
    struct executor_checked fact = {.number = number, .ok = is_good};
    daemon_fact_with(c->daemon, EXECUTOR_FACT_CHECKED, &fact, sizeof fact,
                     offsetof(struct executor_checked, text),
                     bytes_of_text(reason));
}

/* --- teardown --- */

static void tell_torn(struct care *c, enum teardown_step step, bool ok)
{
    struct executor_torn fact = {.step = step, .ok = ok};
    daemon_fact(c->daemon, EXECUTOR_FACT_TORN, &fact, sizeof fact);
}

static void on_posted(void *context, const struct http_response *response,
                      const char *why)
{
    struct care *c = context;
    (void)why;
    tell_torn(c, c->asked, response != NULL);
}

static void tear(struct care *c, enum teardown_step step)
{
    if (step == TEARDOWN_LEAVING) {
        if (c->announcer != NULL)
            announcer_leave(c->announcer);
        else
            tell_torn(c, step, true);
        return;
    }
    local_ask_end(c->ask);
    c->asked = step;
    c->ask = local_ask_begin(daemon_base(c->daemon), HTTP_POST,
                             c->task.lifecycle_port,
                             step == TEARDOWN_QUITTING ? c->task.quit_endpoint
                                                       : c->task.abort_endpoint,
                             TEARDOWN_POST_MS, on_posted, c);
}

/* --- announcement --- */

static void on_joined(void *context)
{
    const struct care *c = context;
    daemon_fact(c->daemon, EXECUTOR_FACT_ANNOUNCED, NULL, 0);
}

static void on_left(void *context)
{
    tell_torn(context, TEARDOWN_LEAVING, true);
}

static int read_access(struct care *c, struct err *err)
{
    const char *path = getenv("PERIGEE_ANNOUNCER_AUTH_CONFIG");
    if (c->task.announce_path == NULL || path == NULL || *path == '\0')
        return 0;
    return announcer_access_read(path, &c->access_arena, &c->access, err);
}

/* What is wrong with the servers' addresses ends the task as servers that do
 * not answer would; the log says which it is. */
static void announce(struct care *c)
{
    struct announcer_config config = {.servers = c->task.zookeeper,
                                      .path = c->task.announce_path,
                                      .member = c->task.member,
                                      .access = &c->access,
                                      .joined = on_joined,
                                      .left = on_left,
                                      .context = c};
    struct err err = {0};
    if (c->announcer == NULL &&
        announcer_open(&c->announcer, daemon_base(c->daemon), &config, &err) !=
            0)
        log_line(LOG_LEVEL_ERROR, "announce_impossible reason=%s",
                 log_value(err.text));
}

/* --- disk --- */

static void end_measure(struct care *c)
{
    if (c->measured_event != NULL)
        event_free(c->measured_event);
    if (c->measured >= 0)
        (void)close(c->measured);
    c->measured_event = NULL;
    c->measured = -1;
}

/* Nothing was read when the child died: unknown. */
static void on_measured(evutil_socket_t fd, short what, void *context)
{
    struct care *c = context;
    struct executor_measured fact = {.bytes = -1};
    int64_t bytes;
    (void)what;
    if (read(fd, &bytes, sizeof bytes) == (ssize_t)sizeof bytes)
        fact.bytes = bytes;
    end_measure(c);
    daemon_fact(c->daemon, EXECUTOR_FACT_MEASURED, &fact, sizeof fact);
}

/* A walk over a million files takes long: a child does it. */
static void become_measurer(const struct care *c, int out)
{
    (void)signal(SIGTERM, SIG_DFL);
    (void)setpriority(PRIO_PROCESS, 0, MEASURE_NICE);
    int64_t bytes = usage_of_disk(c->sandbox);
    _exit(write(out, &bytes, sizeof bytes) == (ssize_t)sizeof bytes ? 0 : 1);
}

static void ignore_exit(void *context, pid_t pid, int wait_status)
{
    (void)context;
    (void)pid;
    (void)wait_status;
}

static void measure(struct care *c)
{
    struct executor_measured unknown = {.bytes = -1};
    int pair[2];
    pid_t pid = -1;

    end_measure(c);
    if (pipe2(pair, O_CLOEXEC) == 0) {
        pid = fork();
        if (pid == 0)
            become_measurer(c, pair[1]);
        (void)close(pair[1]);
        if (pid < 0)
            (void)close(pair[0]);
    }
    if (pid < 0) {
        daemon_fact(c->daemon, EXECUTOR_FACT_MEASURED, &unknown,
                    sizeof unknown);
        return;
    }
    process_watch_add(c->watch, pid, ignore_exit, NULL);
    c->measured = pair[0];
    c->measured_event =
        event_new(daemon_base(c->daemon), c->measured, EV_READ, on_measured, c);
    (void)event_add(c->measured_event, NULL);
}

/* --- the door --- */

struct care *care_new(struct daemon *daemon, struct process_watch *watch,
                      const char *sandbox)
{
    struct care *c = xcalloc(1, sizeof *c);
    *c = (struct care){
        .daemon = daemon, .watch = watch, .sandbox = sandbox, .measured = -1};
    arena_init(&c->access_arena);
    return c;
}

void care_free(struct care *c)
{
    if (c == NULL)
        return;
    checker_close(c->checker);
    announcer_close(c->announcer);
    local_ask_end(c->ask);
    end_measure(c);
    if (c->is_begun)
        task_care_release(&c->task);
    arena_release(&c->access_arena);
    free(c);
}

int care_begin(struct care *c, struct bytes task_info,
               const struct task_host *host, struct err *err)
{
    if (c->is_begun)
        return 0;
    int rc = task_care_open(task_info, host, &c->task, err);
    if (rc != 0)
        return rc;
    c->is_begun = true;
    rc = read_access(c, err);
    if (rc != 0)
        return rc;
    if (c->task.kind != CHECK_NONE)
        c->checker = checker_open(daemon_base(c->daemon), c->watch, &c->task,
                                  c->sandbox, on_checked, c);
    return 0;
}

bool care_act(struct care *c, uint32_t kind, const void *data)
{
    switch (kind) {
    case EXECUTOR_ACT_CHECK:
        checker_begin(c->checker,
                      ((const struct executor_check *)data)->number);
        return true;
    case EXECUTOR_ACT_STOP_CHECKS:
        checker_drop(c->checker);
        return true;
    case EXECUTOR_ACT_TEAR:
        tear(c, ((const struct executor_tear *)data)->step);
        return true;
    case EXECUTOR_ACT_MEASURE:
        measure(c);
        return true;
    case EXECUTOR_ACT_ANNOUNCE:
        announce(c);
        return true;
    default:
        return false;
    }
}
