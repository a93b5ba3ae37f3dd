#include "executor/thermos/executor.h"

#include "base/alloc.h"
#include "base/text.h"
#include "base/vec.h"
#include "executor/thermos/care.h"
#include "executor/thermos/child.h"
#include "executor/thermos/control.h"
#include "executor/thermos/process_tree.h"
#include "executor/thermos/program.h"
#include "executor/thermos/runner.h"
#include "sys/clock.h"
#include "sys/daemon.h"
#include "sys/log.h"
#include "sys/process.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXITS_MAX = 4096, BACKOFF_MAX_MS = 2000 };

struct word { /* of ours to the runner; a packet would be larger */
    enum control_kind kind;
    struct control_exit exit;
    int64_t number;
};

struct executor {
    struct executor_options options;
    const char *sandbox;
    char *title;
    struct daemon *daemon;
    struct process_watch *watch;
    struct care *care;              /* owned */
    pid_t runner;                   /* 0: none */
    int control;                    /* to the runner; -1 */
    struct event *readable;         /* of control */
    struct event *writable;         /* of control, while words wait */
    VEC(struct word) words;         /* not yet taken by the line */
    VEC(struct control_exit) exits; /* of children that were not the runner */
    VEC(struct control_held) held;  /* pipes of logs */
    bool is_destroying;
};

/* --- what the runner tells --- */

static void close_held(struct control_held *held)
{
    for (int i = 0; i < CONTROL_FDS_MAX; i++)
        if (held->fd[i] >= 0)
            (void)close(held->fd[i]);
}

static void release_log(struct executor *x, int64_t key)
{
    for (uint32_t i = 0; i < x->held.count; i++)
        if (x->held.item[i].key == key) {
            close_held(&x->held.item[i]);
            vec_remove(&x->held, i);
            return;
        }
}

static void hold_log(struct executor *x, int64_t key, const int *fds)
{
    struct control_held held = {.key = key};
    memcpy(held.fd, fds, sizeof held.fd);
    release_log(x, key);
    *vec_add(&x->held) = held;
}

static void on_message(struct executor *x,
                       const struct control_message *message, const int *fds)
{
    if (message->kind == CONTROL_HOLD)
        hold_log(x, message->number, fds);
    else if (message->kind == CONTROL_RELEASE)
        release_log(x, message->number);
    else if (message->kind == CONTROL_RUNNING) {
        struct executor_running running = {message->number};
        daemon_fact(x->daemon, EXECUTOR_FACT_RUNNING, &running, sizeof running);
    } else if (message->kind == CONTROL_ENDED) {
        struct executor_ended ended = {.state =
                                           (enum thermos_state)message->state};
        daemon_fact_with(x->daemon, EXECUTOR_FACT_ENDED, &ended, sizeof ended,
                         offsetof(struct executor_ended, text),
                         bytes_of_text(message->text));
    }
}

static void read_control(struct executor *x)
{
    struct control_message message;
    int fds[CONTROL_FDS_MAX], rc = 0;
    while (x->control >= 0 &&
           (rc = control_receive(x->control, &message, fds)) > 0)
        on_message(x, &message, fds);
    if (rc < 0)
        (void)event_del(x->readable); /* its exit follows */
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    read_control(context);
}

/* --- what the runner is told --- */

static bool say(const struct executor *x, const struct word *word)
{
    struct control_message message = {.kind = word->kind,
                                      .pid = word->exit.pid,
                                      .status = word->exit.status,
                                      .number = word->number};
    return control_send(x->control, &message);
}

/* As many as the line takes; the others when it takes more. A runner that is
 * gone takes none, and its exit follows. */
static void say_waiting(struct executor *x)
{
    uint32_t said = 0;
    while (said < x->words.count && say(x, &x->words.item[said]))
        said++;
    x->words.count -= said;
    memmove(x->words.item, x->words.item + said,
            x->words.count * sizeof *x->words.item);
    if (x->words.count > 0)
        (void)event_add(x->writable, NULL);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    say_waiting(context);
}

static void tell(struct executor *x, struct word word)
{
    if (x->control < 0)
        return;
    *vec_add(&x->words) = word;
    say_waiting(x);
}

/* --- children --- */

static void close_control(struct executor *x)
{
    if (x->readable != NULL)
        event_free(x->readable);
    if (x->writable != NULL)
        event_free(x->writable);
    if (x->control >= 0)
        (void)close(x->control);
    x->readable = x->writable = NULL;
    x->words.count = 0;
    x->control = -1;
}

/* Everything below us; what is orphaned by that comes to us and is next. */
static void destroy(struct executor *x)
{
    static pid_t children[TREE_CHILDREN_MAX];
    size_t count = tree_children(getpid(), children, TREE_CHILDREN_MAX);
    x->is_destroying = true;
    for (size_t i = 0; i < count; i++)
        tree_signal(children[i], SIGKILL);
}

static void on_runner_exit(void *context, pid_t pid, int wait_status)
{
    struct executor *x = context;
    struct executor_runner_died died = {wait_status};
    (void)pid;
    read_control(x);
    close_control(x);
    x->runner = 0;
    daemon_fact(x->daemon, EXECUTOR_FACT_RUNNER_DIED, &died, sizeof died);
    if (x->is_destroying)
        destroy(x);
}

/* An orphan, or a process whose runner died: the present runner wants to know,
 * and so will the next. */
static void on_orphan_exit(void *context, pid_t pid, int wait_status)
{
    struct executor *x = context;
    if (x->exits.count == EXITS_MAX)
        vec_remove(&x->exits, 0);
    *vec_add(&x->exits) = (struct control_exit){pid, wait_status};
    tell(x, (struct word){.kind = CONTROL_EXIT, .exit = {pid, wait_status}});
    if (x->is_destroying)
        destroy(x);
}

/* --- starting a runner --- */

/* In the child: keep the standard streams, the control line and the logs,
 * nothing of the loop. */
static void become_runner(const struct executor *x, int control,
                          const struct executor_start *start)
{
    static const int handled[] = {SIGTERM, SIGINT, SIGCHLD, SIGHUP};
    struct runner_options options = {.task = start->task_info,
                                     .sandbox = x->sandbox,
                                     .user = getenv("PERIGEE_USER"),
                                     .home = getenv("PERIGEE_HOME"),
                                     .control = control,
                                     .executor_pid = getppid(),
                                     .take_over = start->take_over,
                                     .held = x->held.item,
                                     .held_count = x->held.count,
                                     .exits = x->exits.item,
                                     .exit_count = x->exits.count};

    /* The loop's handlers write into its pipe. */
    for (size_t i = 0; i < sizeof handled / sizeof *handled; i++)
        (void)signal(handled[i], SIG_DFL);
    control_close_others(control, x->held.item, x->held.count);
    (void)prctl(PR_SET_NAME, "thermos-runner");
    (void)memcpy(x->title, "runner\0", strlen("executor"));
    /* A session of its own: who ends the executor's group leaves the runner
     * the time to end the task. */
    (void)setsid();
    _exit(runner_main(&options));
}

static void start_failed(struct executor *x)
{
    struct executor_runner_died died = {1 << 8};
    log_line(LOG_LEVEL_ERROR, "runner_not_started reason=%s",
             log_value(strerror(errno)));
    daemon_fact(x->daemon, EXECUTOR_FACT_RUNNER_DIED, &died, sizeof died);
}

/* What its author got wrong ends the task before any of it runs. */
static bool begin_care(struct executor *x, const struct executor_start *start)
{
    struct executor_ended ended = {.state = THERMOS_FAILED};
    struct executor_runner_died died = {0};
    struct task_host host;
    struct err err = {0};

    runner_host(x->sandbox, getenv("PERIGEE_USER"), getenv("PERIGEE_HOME"),
                &host);
    if (care_begin(x->care, start->task_info, &host, &err) == 0)
        return true;
    daemon_fact_with(x->daemon, EXECUTOR_FACT_ENDED, &ended, sizeof ended,
                     offsetof(struct executor_ended, text),
                     bytes_of_text(err.text));
    daemon_fact(x->daemon, EXECUTOR_FACT_RUNNER_DIED, &died, sizeof died);
    return false;
}

static void start_runner(struct executor *x, const struct executor_start *start)
{
    int pair[2];
    pid_t pid = -1;

    if (!begin_care(x, start))
        return;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        start_failed(x);
        return;
    }
    pid = fork();
    if (pid == 0)
        become_runner(x, pair[1], start);
    (void)close(pair[1]);
    if (pid < 0) {
        (void)close(pair[0]);
        start_failed(x);
        return;
    }
    x->runner = pid;
    x->control = pair[0];
    (void)evutil_make_socket_nonblocking(x->control);
    x->readable = event_new(daemon_base(x->daemon), x->control,
                            EV_READ | EV_PERSIST, on_readable, x);
    (void)event_add(x->readable, NULL);
    x->writable =
        event_new(daemon_base(x->daemon), x->control, EV_WRITE, on_writable, x);
    process_watch_add(x->watch, pid, on_runner_exit, x);
}

static void on_act(void *context, uint32_t kind, const void *data)
{
    struct executor *x = context;
    if (care_act(x->care, kind, data))
        return;
    switch (kind) {
    case EXECUTOR_ACT_START_RUNNER:
        start_runner(x, data);
        break;
    case EXECUTOR_ACT_KILL_TASK: {
        const struct executor_kill *kill_task = data;
        tell(x, (struct word){.kind = CONTROL_KILL,
                              .number = kill_task->grace_ms});
        break;
    }
    case EXECUTOR_ACT_DRAIN:
        tell(x, (struct word){.kind = CONTROL_DRAIN});
        break;
    case EXECUTOR_ACT_TELL_LINK: {
        const struct executor_tell_link *link = data;
        tell(x, (struct word){.kind = CONTROL_LINK, .number = link->until_ms});
        break;
    }
    case EXECUTOR_ACT_DESTROY:
        destroy(x);
        break;
    }
}

/* --- the environment --- */

static int want(const char *name, const char **out, struct err *err)
{
    const char *value = getenv(name);
    if (value == NULL || *value == '\0') {
        int rc = err_set(err, ERR_INVALID, "environment: %s is not set", name);
        err_hint(err, "an agent starts this program; to run a job file "
                      "without a cluster use: thermos run FILE");
        return rc;
    }
    *out = value;
    return 0;
}

static int want_duration(const char *name, int64_t other_ms, int64_t *out,
                         struct err *err)
{
    const char *value = getenv(name);
    if (value == NULL) {
        *out = other_ms;
        return 0;
    }
    int rc = text_duration_ms(value, out, err);
    return rc == 0 ? 0 : err_wrap(err, "environment: %s", name);
}

static int read_durations(struct executor_options *o, struct err *err)
{
    const char *checkpoint = getenv("MESOS_CHECKPOINT");
    int64_t grace_ms = 0;
    int rc = want_duration("MESOS_RECOVERY_TIMEOUT", 15 * 60 * 1000,
                           &o->recovery_timeout_ms, err);
    if (rc == 0)
        rc = want_duration("MESOS_SUBSCRIPTION_BACKOFF_MAX", BACKOFF_MAX_MS,
                           &o->backoff_max_ms, err);
    if (rc == 0)
        rc = want_duration("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", 5000,
                           &grace_ms, err);
    if (rc == 0)
        rc =
            want_duration("PERIGEE_DISK_WATCH_INTERVAL",
                          EXECUTOR_DISK_INTERVAL_MS, &o->disk_interval_ms, err);
    if (checkpoint == NULL || strcmp(checkpoint, "1") != 0)
        o->recovery_timeout_ms = 0;
    /* The agent destroys everything when the period is over: be earlier. */
    o->shutdown_grace_ms = grace_ms - (grace_ms > 5000 ? 1000 : grace_ms / 5);
    return rc;
}

/* Deadlines count since the boot, what others read does not. */
static int64_t wall_of(int64_t boot_ms)
{
    return boot_ms + clock_wall_ms() - clock_boot_ms();
}

static int read_environment(struct executor *x, struct err *err)
{
    struct executor_options *o = &x->options;
    o->wall_ms = wall_of;
    int rc = want("MESOS_AGENT_ENDPOINT", &o->agent_endpoint, err);
    if (rc == 0)
        rc = want("MESOS_FRAMEWORK_ID", &o->framework_id, err);
    if (rc == 0)
        rc = want("MESOS_EXECUTOR_ID", &o->executor_id, err);
    if (rc == 0 && getenv("MESOS_SANDBOX") == NULL)
        rc = want("MESOS_DIRECTORY", &x->sandbox, err);
    else if (rc == 0)
        rc = want("MESOS_SANDBOX", &x->sandbox, err);
    o->agent_socket = getenv("MESOS_DOMAIN_SOCKET");
    if (o->agent_socket != NULL && *o->agent_socket == '\0')
        o->agent_socket = NULL;
    /* For us alone: what we start gets the rest of our environment. The text
     * stays where the kernel has put it. */
    o->token = getenv("MESOS_EXECUTOR_AUTHENTICATION_TOKEN");
    (void)unsetenv("MESOS_EXECUTOR_AUTHENTICATION_TOKEN");
    if (getrandom(&o->seed, sizeof o->seed, GRND_NONBLOCK) !=
        (ssize_t)sizeof o->seed)
        o->seed = (uint64_t)clock_monotonic_ns() ^ (uint64_t)getpid() << 32;
    return rc == 0 ? read_durations(o, err) : rc;
}

/* While the agent answers: what the first runner would have to make before its
 * first process. What cannot be made is its to tell. */
static void on_waiting(evutil_socket_t fd, short what, void *context)
{
    const struct executor *x = context;
    char path[PATH_MAX];
    (void)fd;
    (void)what;
    (void)snprintf(path, sizeof path, "%s/.thermos", x->sandbox);
    if (mkdir(path, 0755) != 0)
        return;
    (void)snprintf(path, sizeof path, "%s/.thermos/stream", x->sandbox);
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file >= 0)
        (void)close(file);
}

/* The first round of the loop connects and asks. */
static void on_first_round(evutil_socket_t fd, short what, void *context)
{
    const struct timeval at_once = {0};
    const struct executor *x = context;
    (void)fd;
    (void)what;
    (void)event_base_once(daemon_base(x->daemon), -1, EV_TIMEOUT, on_waiting,
                          context, &at_once);
}

static int run(struct executor *x, struct err *err)
{
    const struct timeval at_once = {0};
    struct daemon_config config = {.is_steady = true};
    struct executor_program *program = executor_program_new(&x->options);
    int rc = daemon_open(&x->daemon, &config, &EXECUTOR_PROGRAM, program, err);

    if (rc == 0) {
        daemon_on_act(x->daemon, on_act, x);
        x->watch =
            process_watch_open(daemon_base(x->daemon), on_orphan_exit, x);
        x->care = care_new(x->daemon, x->watch, x->sandbox);
        (void)event_base_once(daemon_base(x->daemon), -1, EV_TIMEOUT,
                              on_first_round, x, &at_once);
        rc = daemon_run(x->daemon, err);
        care_free(x->care);
        process_watch_close(x->watch);
        close_control(x);
        daemon_close(x->daemon);
    }
    executor_program_free(program);
    vec_free(&x->exits);
    vec_free(&x->words);
    for (uint32_t i = 0; i < x->held.count; i++)
        close_held(&x->held.item[i]);
    vec_free(&x->held);
    return rc;
}

int executor_main(char *title)
{
    struct executor x = {.control = -1, .title = title};
    struct err err = {0};

    log_open("thermos", LOG_LEVEL_INFO);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    child_raise_files();
    int rc = read_environment(&x, &err);
    if (rc == 0)
        rc = run(&x, &err);
    if (rc < 0) {
        (void)fprintf(stderr, "thermos: %s\n%s%s", err.text, err.hint,
                      *err.hint ? "\n" : "");
        return 3;
    }
    return rc;
}
