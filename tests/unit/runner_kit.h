/* A real runner with real processes. The test is the executor: it is the
 * subreaper, forks the runner, hears its control line, tells it the exit
 * statuses of what it adopted, and kills it when it likes. */
#pragma once
#include "executor/thermos/control.h"
#include "executor/thermos/runner.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "base/vec.h"
#include "mesos/v1/mesos.pb-c.h"
#include "perigee/job.pb-c.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/log.h"
#include "sys/sha256.h"
#include "wire/codec.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { DEADLINE_MS = 20000, PROCESSES = 8 };

/* --- a task written down --- */

struct script {
    const char *name, *cmdline;
    uint32_t max_failures; /* 0 counts as 1 */
    bool ephemeral, final;
    uint64_t log_size;
    const char *destination;
};

struct written {
    Perigee__AssignedTask task;
    Perigee__Job job;
    Perigee__TaskConfig config;
    Perigee__Process process[PROCESSES], *process_list[PROCESSES];
    Perigee__Logger logger[PROCESSES];
    Perigee__OrderChain chain, *chain_list[1];
    char *names[PROCESSES];
    Perigee__Fetch fetch, *fetch_list[1];
};

static inline void write_process(struct written *w, const struct script *script,
                                 size_t i)
{
    Perigee__Process *p = &w->process[i];
    perigee__process__init(p);
    perigee__logger__init(&w->logger[i]);
    p->name = (char *)(uintptr_t)script->name;
    p->cmdline = (char *)(uintptr_t)script->cmdline;
    p->has_min_duration = 1;
    p->min_duration = 0;
    p->has_max_failures = 1;
    p->max_failures = script->max_failures ? script->max_failures : 1;
    p->has_ephemeral = p->has_final = 1;
    p->ephemeral = script->ephemeral;
    p->final = script->final;
    if (script->log_size || script->destination) {
        p->logger = &w->logger[i];
        p->logger->destination = (char *)(uintptr_t)script->destination;
        p->logger->has_log_size = script->log_size > 0;
        p->logger->log_size = script->log_size;
        p->logger->has_backups = 1;
        p->logger->backups = 2;
    }
    w->process_list[i] = p;
    w->names[i] = p->name;
}

/* `ordered`: each before the next. */
static inline struct written *write_task(const struct script *script,
                                         size_t count, bool ordered)
{
    struct written *w = xcalloc(1, sizeof *w);
    perigee__assigned_task__init(&w->task);
    perigee__job__init(&w->job);
    perigee__task_config__init(&w->config);
    perigee__order_chain__init(&w->chain);
    perigee__fetch__init(&w->fetch);
    for (size_t i = 0; i < count; i++)
        write_process(w, &script[i], i);
    w->config.processes = w->process_list;
    w->config.n_processes = count;
    w->config.has_finalization_wait = 1;
    w->config.finalization_wait = 5;
    w->chain.order = w->names;
    w->chain.n_order = count;
    w->chain_list[0] = &w->chain;
    w->fetch_list[0] = &w->fetch;
    if (ordered) {
        w->config.constraints = w->chain_list;
        w->config.n_constraints = 1;
    }
    w->job.cluster = (char *)(uintptr_t) "c";
    w->job.role = (char *)(uintptr_t) "r";
    w->job.environment = (char *)(uintptr_t) "e";
    w->job.name = (char *)(uintptr_t) "n";
    w->job.task = &w->config;
    w->task.job = &w->job;
    w->task.task_id = (char *)(uintptr_t) "the-task";
    w->task.has_instance = 1;
    w->task.instance = 3;
    return w;
}

/* --- the executor's part --- */

struct rig {
    char dir[64];
    struct buf task;
    bool is_assigned;
    pid_t runner;
    int control;
    VEC(struct control_exit) exits;
    VEC(struct control_held) held;
    bool is_running, is_over;
    enum thermos_state state;
    char text[THERMOS_MESSAGE_MAX + 1];
    int runners;
};

static inline void rig_init(struct rig *r)
{
    *r = (struct rig){.control = -1, .dir = "/tmp/test_runner.XXXXXX"};
    assert_non_null(mkdtemp(r->dir));
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
}

static inline void release(struct rig *r, int64_t key)
{
    for (uint32_t i = r->held.count; i-- > 0;) {
        if (r->held.item[i].key != key)
            continue;
        for (int j = 0; j < CONTROL_FDS_MAX; j++)
            (void)close(r->held.item[i].fd[j]);
        vec_remove(&r->held, i);
    }
}

static inline void rig_release(struct rig *r)
{
    if (r->control >= 0)
        (void)close(r->control);
    assert_int_equal(dir_remove(r->dir, NULL), 0);
    buf_release(&r->task);
    vec_free(&r->exits);
    while (r->held.count > 0) /* of a runner that lost us */
        release(r, r->held.item[0].key);
    vec_free(&r->held);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left */
    assert_int_equal(errno, ECHILD);
}

static inline void tell(struct rig *r, struct control_message message)
{
    if (r->control >= 0)
        (void)control_send(r->control, &message);
}

static inline void run_child(const struct rig *r, int control)
{
    struct runner_options options = {.task = buf_bytes(&r->task),
                                     .is_assigned = r->is_assigned,
                                     .sandbox = r->dir,
                                     .user = "somebody",
                                     .home = "/nowhere",
                                     .control = control,
                                     .executor_pid = getppid(),
                                     .take_over = r->runners > 0,
                                     .held = r->held.item,
                                     .held_count = r->held.count,
                                     .exits = r->exits.item,
                                     .exit_count = r->exits.count};
    const char *console = getenv("TEST_CONSOLE");
    int null = open("/dev/null", O_RDWR);
    int out =
        console ? open(console, O_WRONLY | O_CREAT | O_APPEND, 0644) : null;
    (void)dup2(out, 1);
    (void)dup2(out, 2);
    control_close_others(control, r->held.item, r->held.count);
    if (getenv("TEST_LEAK") != NULL)
        (void)dup2(1, 50); /* for every process to inherit */
    (void)setsid();
    _exit(runner_main(&options));
}

static inline void start(struct rig *r)
{
    int pair[2];
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    if (r->control >= 0)
        (void)close(r->control);
    r->runner = fork();
    if (r->runner == 0) {
        (void)close(pair[0]);
        run_child(r, pair[1]);
    }
    (void)close(pair[1]);
    r->control = pair[0];
    r->runners++;
}

static inline void hear(struct rig *r)
{
    struct control_message message;
    int fds[CONTROL_FDS_MAX];
    while (control_receive(r->control, &message, fds) == 1) {
        if (message.kind == CONTROL_HOLD || message.kind == CONTROL_RELEASE)
            release(r, message.number);
        if (message.kind == CONTROL_HOLD)
            *vec_add(&r->held) =
                (struct control_held){message.number, {fds[0], fds[1]}};
        if (message.kind == CONTROL_RUNNING)
            r->is_running = true;
        if (message.kind == CONTROL_ENDED && !r->is_over) {
            r->is_over = true;
            r->state = (enum thermos_state)message.state;
            memcpy(r->text, message.text, sizeof r->text);
        }
    }
}

static inline void reap(struct rig *r, bool restart)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == r->runner) {
            hear(r);
            r->runner = 0;
            if (!r->is_over && restart)
                start(r);
            continue;
        }
        *vec_add(&r->exits) = (struct control_exit){pid, status};
        tell(r, (struct control_message){
                    .kind = CONTROL_EXIT, .pid = pid, .status = status});
    }
}

static inline void turn(struct rig *r, int ms)
{
    struct pollfd in = {.fd = r->control, .events = POLLIN};
    (void)poll(&in, 1, ms);
    hear(r);
    reap(r, true);
}

/* Until the task is over and the runner gone. */
static inline void finish(struct rig *r)
{
    int64_t until_ms = clock_wall_ms() + DEADLINE_MS;
    while (!r->is_over || r->runner != 0) {
        turn(r, 5);
        assert_true(clock_wall_ms() < until_ms);
    }
}

static inline void until_running(struct rig *r)
{
    int64_t until_ms = clock_wall_ms() + DEADLINE_MS;
    while (!r->is_running) {
        turn(r, 5);
        assert_true(clock_wall_ms() < until_ms);
    }
}

static inline bool exists(const struct rig *r, const char *name)
{
    char path[400];
    (void)snprintf(path, sizeof path, "%s/%s", r->dir, name);
    return access(path, F_OK) == 0;
}

static inline void until_exists(struct rig *r, const char *name)
{
    int64_t until_ms = clock_wall_ms() + DEADLINE_MS;
    while (!exists(r, name)) {
        turn(r, 2);
        assert_true(clock_wall_ms() < until_ms);
    }
}

static inline char *content(const struct rig *r, const char *name)
{
    char path[400];
    struct buf out = {0};
    (void)snprintf(path, sizeof path, "%s/%s", r->dir, name);
    if (file_read(path, 1 << 20, &out, NULL) != 0)
        return xstrdup("(no such file)");
    buf_reserve(&out, 1);
    return buf_take(&out);
}

static inline void assert_content(const struct rig *r, const char *name,
                                  const char *want)
{
    char *have = content(r, name);
    assert_string_equal(have, want);
    free(have);
}

static inline void give(struct rig *r, struct written *w)
{
    codec_encode(&w->task.base, MEDIA_PROTOBUF, &r->task);
    r->is_assigned = true;
    free(w);
}

static inline void run_scripts(struct rig *r, const struct script *script,
                               size_t count, bool ordered)
{
    rig_init(r);
    give(r, write_task(script, count, ordered));
    start(r);
}
