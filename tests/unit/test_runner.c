/* A real runner with real processes. The test is the executor: it is the
 * subreaper, forks the runner, hears its control line, tells it the exit
 * statuses of what it adopted, and kills it when it likes. */
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

/* --- a task written down -------------------------------------------------- */

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

static void write_process(struct written *w, const struct script *script,
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
static struct written *write_task(const struct script *script, size_t count,
                                  bool ordered)
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

/* --- the executor's part -------------------------------------------------- */

struct rig {
    char dir[64];
    struct buf task;
    bool is_assigned;
    pid_t runner;
    int control;
    VEC(struct control_message) exits;
    VEC(int) held; /* reading ends, for ever */
    bool is_running, is_over;
    enum thermos_state state;
    char text[THERMOS_MESSAGE_MAX + 1];
    int runners;
};

static void rig_init(struct rig *r)
{
    *r = (struct rig){.control = -1, .dir = "/tmp/test_runner.XXXXXX"};
    assert_non_null(mkdtemp(r->dir));
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
}

static void rig_release(struct rig *r)
{
    if (r->control >= 0)
        (void)close(r->control);
    assert_int_equal(dir_remove(r->dir, NULL), 0);
    buf_release(&r->task);
    vec_free(&r->exits);
    for (uint32_t i = 0; i < r->held.count; i++)
        (void)close(r->held.item[i]);
    vec_free(&r->held);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left */
    assert_int_equal(errno, ECHILD);
}

static void tell(struct rig *r, struct control_message message)
{
    if (r->control >= 0)
        (void)control_send(r->control, &message);
}

static void run_child(const struct rig *r, int control)
{
    struct runner_options options = {.task = buf_bytes(&r->task),
                                     .is_assigned = r->is_assigned,
                                     .sandbox = r->dir,
                                     .user = "somebody",
                                     .home = "/nowhere",
                                     .control = 3,
                                     .executor_pid = getppid(),
                                     .take_over = r->runners > 0};
    int null = open("/dev/null", O_RDWR);
    (void)dup2(null, 1);
    (void)dup2(null, 2);
    if (control != 3)
        (void)dup2(control, 3);
    (void)fcntl(3, F_SETFD, FD_CLOEXEC);
    (void)close_range(4, ~0u, 0);
    (void)setsid();
    _exit(runner_main(&options));
}

static void start(struct rig *r)
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
    for (uint32_t i = 0; i < r->exits.count; i++)
        tell(r, r->exits.item[i]);
    tell(r, (struct control_message){.kind = CONTROL_READY});
}

static void hear(struct rig *r)
{
    struct control_message message;
    int fds[CONTROL_FDS_MAX];
    while (control_receive(r->control, &message, fds) == 1) {
        for (int i = 0; i < CONTROL_FDS_MAX; i++)
            if (fds[i] >= 0)
                *vec_add(&r->held) = fds[i];
        if (message.kind == CONTROL_RUNNING)
            r->is_running = true;
        if (message.kind == CONTROL_ENDED && !r->is_over) {
            r->is_over = true;
            r->state = (enum thermos_state)message.state;
            memcpy(r->text, message.text, sizeof r->text);
        }
    }
}

static void reap(struct rig *r, bool restart)
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
        struct control_message gone = {
            .kind = CONTROL_EXIT, .pid = pid, .status = status};
        *vec_add(&r->exits) = gone;
        tell(r, gone);
    }
}

static void turn(struct rig *r, int ms)
{
    struct pollfd in = {.fd = r->control, .events = POLLIN};
    (void)poll(&in, 1, ms);
    hear(r);
    reap(r, true);
}

/* Until the task is over and the runner gone. */
static void finish(struct rig *r)
{
    int64_t until_ms = clock_wall_ms() + DEADLINE_MS;
    while (!r->is_over || r->runner != 0) {
        turn(r, 5);
        assert_true(clock_wall_ms() < until_ms);
    }
}

static void until_running(struct rig *r)
{
    int64_t until_ms = clock_wall_ms() + DEADLINE_MS;
    while (!r->is_running) {
        turn(r, 5);
        assert_true(clock_wall_ms() < until_ms);
    }
}

static bool exists(const struct rig *r, const char *name)
{
    char path[400];
    (void)snprintf(path, sizeof path, "%s/%s", r->dir, name);
    return access(path, F_OK) == 0;
}

static void until_exists(struct rig *r, const char *name)
{
    int64_t until_ms = clock_wall_ms() + DEADLINE_MS;
    while (!exists(r, name)) {
        turn(r, 2);
        assert_true(clock_wall_ms() < until_ms);
    }
}

static char *content(const struct rig *r, const char *name)
{
    char path[400];
    struct buf out = {0};
    (void)snprintf(path, sizeof path, "%s/%s", r->dir, name);
    if (file_read(path, 1 << 20, &out, NULL) != 0)
        return xstrdup("(no such file)");
    buf_reserve(&out, 1);
    return buf_take(&out);
}

static void assert_content(const struct rig *r, const char *name,
                           const char *want)
{
    char *have = content(r, name);
    assert_string_equal(have, want);
    free(have);
}

static void give(struct rig *r, struct written *w)
{
    codec_encode(&w->task.base, MEDIA_PROTOBUF, &r->task);
    r->is_assigned = true;
    free(w);
}

static void run_scripts(struct rig *r, const struct script *script,
                        size_t count, bool ordered)
{
    rig_init(r);
    give(r, write_task(script, count, ordered));
    start(r);
}

/* --- running -------------------------------------------------------------- */

static void test_output_environment_and_names(void **unused)
{
    (void)unused;
    struct script script[] = {
        {.name = "setup",
         .cmdline = "printf 'export FOO=1\\nexport BAR=2\\n' "
                    ">.thermos_profile"},
        {.name = "show", .cmdline = "echo $FOO $BAR; echo bad >&2"},
        {.name = "names",
         .cmdline = "echo {{mesos.instance}} {{thermos.task_id}} "
                    "{{mesos.cluster}} $USER $LOGNAME $HOME; pwd"}};
    struct rig r;
    char want[200];
    run_scripts(&r, script, 3, true);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FINISHED);
    assert_content(&r, ".logs/show/0/stdout", "1 2\n");
    assert_content(&r, ".logs/show/0/stderr", "bad\n");
    (void)snprintf(want, sizeof want,
                   "3 the-task c somebody somebody /nowhere\n%s\n", r.dir);
    assert_content(&r, ".logs/names/0/stdout", want);
    rig_release(&r);
}

static void test_a_failure_says_who_how_and_why(void **unused)
{
    (void)unused;
    struct script script = {.name = "web",
                            .max_failures = 2,
                            .cmdline = "echo no such port >&2; exit 7"};
    struct rig r;
    run_scripts(&r, &script, 1, false);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FAILED);
    assert_string_equal(r.text,
                        "process 'web' failed: it exited with status 7 (run "
                        "2, the last it may have); the end of its stderr:\n"
                        "no such port");
    rig_release(&r);
}

static void test_an_unbound_name_fails_before_anything_runs(void **unused)
{
    (void)unused;
    struct script script[] = {
        {.name = "a", .cmdline = "touch ran"},
        {.name = "b", .cmdline = "echo {{thermos.ports[http]}}"}};
    struct rig r;
    run_scripts(&r, script, 2, false);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FAILED);
    assert_false(r.is_running);
    assert_false(exists(&r, "ran"));
    assert_non_null(strstr(r.text, "process 'b': '{{thermos.ports[http]}}': "
                                   "nothing binds this name"));
    rig_release(&r);
}

static void test_garbage_fails(void **unused)
{
    (void)unused;
    struct rig r;
    rig_init(&r);
    buf_add_text(&r.task, "\xff\xff\xffgarbage");
    r.is_assigned = true;
    start(&r);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FAILED);
    assert_false(r.is_running);
    rig_release(&r);
}

static void test_what_outlives_its_process_is_ended(void **unused)
{
    (void)unused;
    struct script script = {
        .name = "a",
        .cmdline = "sleep 1000 & echo $! >>pids;"
                   "(setsid sleep 1000 & echo $! >>pids); wait %9; sleep 0.1"};
    struct rig r;
    long pid[2];
    run_scripts(&r, &script, 1, false);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FINISHED);
    char *text = content(&r, "pids");
    assert_int_equal(sscanf(text, "%ld %ld", &pid[0], &pid[1]), 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(kill((pid_t)pid[i], 0), -1);
        assert_int_equal(errno, ESRCH);
    }
    free(text);
    rig_release(&r);
}

static void test_a_kill_ends_what_ignores_sigterm(void **unused)
{
    (void)unused;
    struct script script = {
        .name = "a",
        .cmdline = "trap '' TERM; touch up; while :; do sleep 0.05; done"};
    struct rig r;
    run_scripts(&r, &script, 1, false);
    until_exists(&r, "up");
    int64_t asked_ms = clock_wall_ms();
    tell(&r, (struct control_message){.kind = CONTROL_KILL, .number = 1000});
    finish(&r);
    int64_t took_ms = clock_wall_ms() - asked_ms;
    assert_int_equal(r.state, THERMOS_KILLED);
    assert_true(took_ms >= 950 && took_ms < 3000);
    rig_release(&r);
}

static void test_final_processes_run_when_killed(void **unused)
{
    (void)unused;
    struct script script[] = {
        {.name = "a", .cmdline = "touch up; exec sleep 1000"},
        {.name = "bye", .cmdline = "touch finalized", .final = true}};
    struct rig r;
    run_scripts(&r, script, 2, false);
    until_exists(&r, "up");
    tell(&r, (struct control_message){.kind = CONTROL_KILL, .number = 5000});
    finish(&r);
    assert_int_equal(r.state, THERMOS_KILLED);
    assert_true(exists(&r, "finalized"));
    rig_release(&r);
}

static void test_no_descriptor_is_inherited(void **unused)
{
    (void)unused;
    struct script script = {.name = "a", .cmdline = "ls /proc/self/fd | wc -l"};
    struct rig r;
    run_scripts(&r, &script, 1, false);
    finish(&r);
    assert_content(&r, ".logs/a/0/stdout", "4\n"); /* 0 1 2 and the listing */
    rig_release(&r);
}

/* --- logs ----------------------------------------------------------------- */

static void test_logs_rotate_at_their_size(void **unused)
{
    (void)unused;
    struct script script = {.name = "a",
                            .log_size = 70,
                            .cmdline =
                                "for i in $(seq 10 40); do echo line$i; done"};
    struct rig r;
    run_scripts(&r, &script, 1, false);
    finish(&r);
    assert_content(&r, ".logs/a/0/stdout", "line40\n");
    assert_content(&r, ".logs/a/0/stdout.1",
                   "line30\nline31\nline32\nline33\nline34\n"
                   "line35\nline36\nline37\nline38\nline39\n");
    assert_true(exists(&r, ".logs/a/0/stdout.2"));
    assert_false(exists(&r, ".logs/a/0/stdout.3"));
    assert_content(&r, ".logs/a/0/stderr", "");
    rig_release(&r);
}

static void test_log_destinations(void **unused)
{
    (void)unused;
    struct script script[] = {
        {.name = "none", .destination = "none", .cmdline = "echo x"},
        {.name = "console", .destination = "console", .cmdline = "echo x"},
        {.name = "both", .destination = "both", .cmdline = "echo x"},
        {.name = "wrong", .destination = "wrong", .cmdline = "echo x"}};
    struct rig r;
    run_scripts(&r, script, 3, false);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FINISHED);
    assert_false(exists(&r, ".logs/none"));
    assert_false(exists(&r, ".logs/console"));
    assert_content(&r, ".logs/both/0/stdout", "x\n");
    rig_release(&r);

    run_scripts(&r, script + 3, 1, false);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FAILED);
    assert_non_null(strstr(r.text, "logger.destination 'wrong'"));
    rig_release(&r);
}

static void test_much_output_is_whole(void **unused)
{
    (void)unused;
    struct script script = {.name = "a",
                            .cmdline = "head -c 3000000 /dev/zero"};
    struct rig r;
    struct stat st;
    char path[200];
    run_scripts(&r, &script, 1, false);
    finish(&r);
    (void)snprintf(path, sizeof path, "%s/.logs/a/0/stdout", r.dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 3000000);
    rig_release(&r);
}

/* --- deaths --------------------------------------------------------------- */

static void test_a_killed_process_runs_again(void **unused)
{
    (void)unused;
    struct script script = {
        .name = "a",
        .cmdline = "test -e first && exit 0; touch first; kill -9 $$"};
    struct rig r;
    run_scripts(&r, &script, 1, false);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FINISHED);
    assert_true(exists(&r, ".logs/a/1/stdout"));
    assert_false(exists(&r, ".logs/a/2"));
    rig_release(&r);
}

/* Killed at any instant, as often as one likes: nothing is lost, nothing runs
 * twice, and all output is there. */
static void test_a_killed_runner_is_followed_by_another(void **unused)
{
    (void)unused;
    struct script script[] = {
        {.name = "one", .cmdline = "echo x >>one; echo out; sleep 0.02"},
        {.name = "two", .cmdline = "echo x >>two; echo out; sleep 0.02"},
        {.name = "three", .cmdline = "echo x >>three; echo out"}};
    struct rng rng;
    rng_seed(&rng, 7);
    for (int round = 0; round < 25; round++) {
        struct rig r;
        run_scripts(&r, script, 3, true);
        for (int deaths = 0; deaths < 3 && !r.is_over; deaths++) {
            int64_t at_ns =
                clock_monotonic_ns() + (int64_t)rng_below(&rng, 30000000);
            while (clock_monotonic_ns() < at_ns && !r.is_over)
                turn(&r, 1);
            if (!r.is_over && r.runner != 0)
                (void)kill(r.runner, SIGKILL);
        }
        finish(&r);
        assert_int_equal(r.state, THERMOS_FINISHED);
        assert_content(&r, "one", "x\n");
        assert_content(&r, "two", "x\n");
        assert_content(&r, "three", "x\n");
        assert_content(&r, ".logs/one/0/stdout", "out\n");
        assert_content(&r, ".logs/two/0/stdout", "out\n");
        rig_release(&r);
    }
}

static void test_runner_and_process_killed_together(void **unused)
{
    (void)unused;
    struct script script = {
        .name = "a",
        .cmdline = "test -e pid && exit 0; echo $$ >pid.new; mv pid.new pid;"
                   " exec sleep 1000"};
    struct rig r;
    run_scripts(&r, &script, 1, false);
    until_exists(&r, "pid");
    char *pid = content(&r, "pid");
    (void)kill(r.runner, SIGKILL);
    (void)kill((pid_t)strtol(pid, NULL, 10), SIGKILL);
    free(pid);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FINISHED);
    assert_true(exists(&r, ".logs/a/1/stdout"));
    rig_release(&r);
}

static void test_an_adopted_process_ends_as_it_did(void **unused)
{
    (void)unused;
    struct script script = {
        .name = "a",
        .cmdline = "touch up; while ! test -e go; do sleep 0.02; done;"
                   " echo said by an orphan >&2; exit 9"};
    struct rig r;
    char path[100];
    run_scripts(&r, &script, 1, false);
    until_exists(&r, "up");
    (void)kill(r.runner, SIGKILL);
    while (r.runners < 2)
        turn(&r, 5);
    (void)snprintf(path, sizeof path, "%s/go", r.dir);
    assert_int_equal(file_write(path, bytes_of("", 0), 0644, false, NULL), 0);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FAILED);
    assert_string_equal(r.text, "process 'a' failed: it exited with status 9; "
                                "the end of its stderr:\nsaid by an orphan");
    rig_release(&r);
}

static void test_a_kill_survives_the_runner(void **unused)
{
    (void)unused;
    struct script script = {
        .name = "a",
        .cmdline = "trap '' TERM; touch up; while :; do sleep 0.05; done"};
    struct rig r;
    run_scripts(&r, &script, 1, false);
    until_exists(&r, "up");
    tell(&r, (struct control_message){.kind = CONTROL_KILL, .number = 500});
    for (int i = 0; i < 20; i++)
        turn(&r, 5);
    (void)kill(r.runner, SIGKILL);
    finish(&r);
    assert_int_equal(r.state, THERMOS_KILLED);
    rig_release(&r);
}

static void until_runner_gone(struct rig *r)
{
    int64_t until_ms = clock_wall_ms() + DEADLINE_MS;
    while (r->runner != 0) {
        reap(r, false);
        (void)poll(NULL, 0, 5);
        assert_true(clock_wall_ms() < until_ms);
    }
}

static void test_without_executor_the_task_ends(void **unused)
{
    (void)unused;
    struct script script = {.name = "a",
                            .cmdline = "touch up; exec sleep 1000"};
    for (int later = 0; later < 2; later++) {
        struct rig r;
        run_scripts(&r, &script, 1, false);
        int64_t until_ms = later ? clock_wall_ms() + 700 : 0;
        tell(&r, (struct control_message){.kind = CONTROL_LINK,
                                          .number = until_ms});
        until_exists(&r, "up");
        (void)close(r.control);
        r.control = -1;
        until_runner_gone(&r);
        assert_true(clock_wall_ms() >= until_ms);
        rig_release(&r);
    }
}

/* --- fetching ------------------------------------------------------------- */

static void fetch_asset(struct rig *r, const char *hash, bool executable)
{
    struct script script = {.name = "a", .cmdline = "./tool.sh"};
    struct bytes bytes = bytes_of_text("#!/bin/sh\necho fetched\n");
    char url[400], path[300], right[SHA256_TEXT_MAX];

    rig_init(r);
    (void)snprintf(path, sizeof path, "%s/from", r->dir);
    assert_int_equal(mkdir(path, 0755), 0);
    (void)snprintf(url, sizeof url, "file://%s/", path);
    (void)sha256_text(bytes, right);
    hash = hash ? hash : right;
    (void)snprintf(path, sizeof path, "%s/from/%s", r->dir, hash);
    assert_int_equal(file_write(path, bytes, 0644, false, NULL), 0);
    struct written *w = write_task(&script, 1, false);
    w->fetch.uri = (char *)(uintptr_t) "tool.sh";
    w->fetch.has_asset = 1;
    w->fetch.asset = 1;
    w->fetch.has_executable = 1;
    w->fetch.executable = executable;
    w->fetch.sha256 = (char *)(uintptr_t)hash;
    w->task.asset_url = url;
    w->config.fetch = w->fetch_list;
    w->config.n_fetch = 1;
    give(r, w);
    start(r);
    finish(r);
}

static void test_an_asset_lands_in_the_sandbox(void **unused)
{
    (void)unused;
    struct rig r;
    fetch_asset(&r, NULL, true);
    assert_int_equal(r.state, THERMOS_FINISHED);
    assert_content(&r, ".logs/a/0/stdout", "fetched\n");
    rig_release(&r);
}

static void test_a_wrong_hash_fails_before_anything_runs(void **unused)
{
    (void)unused;
    struct rig r;
    fetch_asset(&r, "00", true);
    assert_int_equal(r.state, THERMOS_FAILED);
    assert_false(r.is_running);
    assert_non_null(strstr(r.text, "fetch 'tool.sh': its SHA-256 is "));
    assert_false(exists(&r, ".logs/a"));
    rig_release(&r);
}

/* A scheduler that takes the connection and says nothing. */
static void test_a_kill_while_fetching_runs_nothing(void **unused)
{
    (void)unused;
    struct script script = {.name = "a", .cmdline = "touch ran"};
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;
    char url[64];
    struct rig r;
    int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(silent, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(silent, 4), 0);
    assert_int_equal(getsockname(silent, (struct sockaddr *)&at, &size), 0);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/", ntohs(at.sin_port));
    rig_init(&r);
    struct written *w = write_task(&script, 1, false);
    w->fetch.uri = (char *)(uintptr_t) "tool.sh";
    w->fetch.has_asset = 1;
    w->fetch.asset = 1;
    w->fetch.sha256 = (char *)(uintptr_t) "00";
    w->task.asset_url = url;
    w->config.fetch = w->fetch_list;
    w->config.n_fetch = 1;
    give(&r, w);
    start(&r);
    struct pollfd asked = {.fd = silent, .events = POLLIN};
    assert_int_equal(poll(&asked, 1, DEADLINE_MS), 1);
    tell(&r, (struct control_message){.kind = CONTROL_KILL, .number = 3000});
    finish(&r);
    assert_int_equal(r.state, THERMOS_KILLED);
    assert_false(r.is_running);
    assert_false(exists(&r, "ran"));
    (void)close(silent);
    rig_release(&r);
}

/* --- plain commands ------------------------------------------------------- */

static void command(struct rig *r, const char *value, bool shell)
{
    Mesos__V1__TaskInfo info = MESOS__V1__TASK_INFO__INIT;
    Mesos__V1__TaskID task_id = MESOS__V1__TASK_ID__INIT;
    Mesos__V1__AgentID agent_id = MESOS__V1__AGENT_ID__INIT;
    Mesos__V1__CommandInfo run = MESOS__V1__COMMAND_INFO__INIT;

    task_id.value = agent_id.value = (char *)(uintptr_t) "t1";
    info.name = (char *)(uintptr_t) "t1";
    info.task_id = &task_id;
    info.agent_id = &agent_id;
    info.command = &run;
    run.value = (char *)(uintptr_t)value;
    run.has_shell = 1;
    run.shell = shell;
    rig_init(r);
    codec_encode(&info.base, MEDIA_PROTOBUF, &r->task);
    start(r);
}

static void test_commands_end_in_mesos_words(void **unused)
{
    static const struct {
        const char *value;
        bool shell;
        enum thermos_state state;
        const char *text;
    } rows[] = {
        {"true", true, THERMOS_FINISHED, "Command exited with status 0"},
        {"exit 3", true, THERMOS_FAILED, "Command exited with status 3"},
        {"/no/such/binary", false, THERMOS_FAILED,
         "Command exited with status 1"},
        {"ulimit -c 0; kill -SEGV $$", true, THERMOS_FAILED,
         "Command terminated with signal Segmentation fault"},
        {"kill -KILL $$", true, THERMOS_FAILED,
         "Command terminated with signal Killed"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rig r;
        command(&r, rows[i].value, rows[i].shell);
        finish(&r);
        assert_string_equal(r.text, rows[i].text);
        assert_int_equal(r.state, rows[i].state);
        assert_false(exists(&r, ".logs"));
        rig_release(&r);
    }
}

static void test_a_killed_command_tells_its_signal(void **unused)
{
    (void)unused;
    struct rig r;
    command(&r, "sleep 1000", true);
    until_running(&r);
    tell(&r, (struct control_message){.kind = CONTROL_KILL, .number = 3000});
    finish(&r);
    assert_int_equal(r.state, THERMOS_KILLED);
    assert_string_equal(r.text, "Command terminated with signal Terminated");
    rig_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_environment_and_names),
        cmocka_unit_test(test_a_failure_says_who_how_and_why),
        cmocka_unit_test(test_an_unbound_name_fails_before_anything_runs),
        cmocka_unit_test(test_garbage_fails),
        cmocka_unit_test(test_what_outlives_its_process_is_ended),
        cmocka_unit_test(test_a_kill_ends_what_ignores_sigterm),
        cmocka_unit_test(test_final_processes_run_when_killed),
        cmocka_unit_test(test_no_descriptor_is_inherited),
        cmocka_unit_test(test_logs_rotate_at_their_size),
        cmocka_unit_test(test_log_destinations),
        cmocka_unit_test(test_much_output_is_whole),
        cmocka_unit_test(test_a_killed_process_runs_again),
        cmocka_unit_test(test_a_killed_runner_is_followed_by_another),
        cmocka_unit_test(test_runner_and_process_killed_together),
        cmocka_unit_test(test_an_adopted_process_ends_as_it_did),
        cmocka_unit_test(test_a_kill_survives_the_runner),
        cmocka_unit_test(test_without_executor_the_task_ends),
        cmocka_unit_test(test_an_asset_lands_in_the_sandbox),
        cmocka_unit_test(test_a_wrong_hash_fails_before_anything_runs),
        cmocka_unit_test(test_a_kill_while_fetching_runs_nothing),
        cmocka_unit_test(test_commands_end_in_mesos_words),
        cmocka_unit_test(test_a_killed_command_tells_its_signal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
