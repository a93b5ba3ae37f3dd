/* Containers with real processes: started, watched, and ended without a trace,
 * by control groups (as root, where they are) and by process groups. */
#include "agent/containers.h"
#include "agent/files.h"
#include "agent/procs.h"
#include "agent/sandbox.h"
#include "base/alloc.h"
#include "sys/clock.h"
#include "sys/daemon.h"
#include "sys/file.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { DEADLINE_MS = 20 * 1000 };

/* A program whose only business is to note facts and to stop at the last. */
struct stage {
    struct daemon *daemon;
    struct containers *containers;
    struct cgroups cgroups;
    bool has_cgroups;
    char *work_dir;
    uint32_t act; /* performed at the start */
    const void *data;
    bool destroys;      /* as soon as it started */
    bool grows;         /* to 128 MB then; and not down again */
    int64_t stop_at_ms; /* the deadline; stops with status 9 */
    struct agent_started started;
    struct agent_exited exited;
    struct agent_failed failed;
    struct agent_limited limited;
    int started_count, exited_count, failed_count, limited_count, alive_count;
};

static void destroy_now(struct stage *stage, const char *id)
{
    struct agent_destroy destroy = {.container_id = id};
    containers_act(stage->containers, AGENT_ACT_DESTROY, &destroy);
}

static void on_start(void *self, int64_t now_ms, struct effects *fx)
{
    struct stage *stage = self;
    (void)fx;
    stage->stop_at_ms = now_ms + DEADLINE_MS;
    containers_act(stage->containers, stage->act, stage->data);
}

static void on_fact(void *self, uint32_t kind, const void *data, int64_t now_ms,
                    struct effects *fx)
{
    struct stage *stage = self;
    (void)now_ms;
    switch ((enum agent_fact)kind) {
    case AGENT_FACT_ALIVE:
        stage->alive_count++;
        stage->started = *(const struct agent_started *)data;
        kill((pid_t)stage->started.pid, SIGKILL);
        break;
    case AGENT_FACT_STARTED:
        stage->started_count++;
        stage->started = *(const struct agent_started *)data;
        if (stage->destroys)
            destroy_now(stage, stage->started.container_id);
        for (int mb = 128; stage->grows && mb >= 64; mb -= 64) {
            struct agent_limit limit = {.container_id = "c1",
                                        .cpu_milli = 100,
                                        .mem_bytes = (int64_t)mb << 20};
            containers_act(stage->containers, AGENT_ACT_LIMIT, &limit);
        }
        break;
    case AGENT_FACT_LIMITED:
        stage->limited_count++;
        stage->limited = *(const struct agent_limited *)data;
        destroy_now(stage, stage->limited.container_id);
        break;
    case AGENT_FACT_EXITED:
        stage->exited_count++;
        stage->exited = *(const struct agent_exited *)data;
        effect_stop(fx, 0);
        break;
    case AGENT_FACT_LEAVE: /* nothing here gets that signal */
        break;
    case AGENT_FACT_FAILED:
        stage->failed_count++;
        stage->failed = *(const struct agent_failed *)data;
        effect_stop(fx, 0);
        break;
    }
}

static int64_t next_ms(const void *self)
{
    return ((const struct stage *)self)->stop_at_ms;
}

static void on_time(void *self, int64_t now_ms, struct effects *fx)
{
    struct stage *stage = self;
    if (now_ms >= stage->stop_at_ms)
        effect_stop(fx, 9);
}

static const struct program STAGE = {.name = "stage",
                                     .on_start = on_start,
                                     .on_fact = on_fact,
                                     .next_ms = next_ms,
                                     .on_time = on_time};

static int set_up(void **state, bool wants_cgroups)
{
    struct stage *stage = xcalloc(1, sizeof *stage);
    char template[] = "/tmp/perigee-containers-XXXXXX";
    stage->work_dir = xstrdup(mkdtemp(template));
    assert_int_equal(chmod(stage->work_dir, 0755), 0);
    stage->stop_at_ms = INT64_MAX;
    stage->has_cgroups = wants_cgroups && geteuid() == 0 &&
                         cgroups_open(&stage->cgroups, "/proc/mounts",
                                      "perigee-test", NULL) == 0;
    *state = stage;
    return 0;
}

static int set_up_posix(void **state)
{
    return set_up(state, false);
}

static int set_up_cgroups(void **state)
{
    return set_up(state, true);
}

static int tear_down(void **state)
{
    struct stage *stage = *state;
    assert_int_equal(dir_remove(stage->work_dir, NULL), 0);
    free(stage->work_dir);
    free(stage);
    return 0;
}

/* Perform one act and turn the loop until the container ended. */
static void play(struct stage *stage, uint32_t act, const void *data,
                 const char *fetcher)
{
    struct daemon_config config = {0};
    struct err err = {0};
    struct containers_config settings = {
        .cgroups = stage->has_cgroups ? &stage->cgroups : NULL,
        .fetcher = fetcher,
        .self = "/bin/false",
        .work_dir = stage->work_dir};
    stage->act = act;
    stage->data = data;
    assert_int_equal(daemon_open(&stage->daemon, &config, &STAGE, stage, &err),
                     0);
    assert_int_equal(
        containers_open(&stage->containers, stage->daemon, &settings, &err), 0);
    assert_int_equal(daemon_run(stage->daemon, &err), 0);
    containers_close(stage->containers);
    daemon_close(stage->daemon);
    if (stage->has_cgroups)
        assert_false(cgroup_exists(&stage->cgroups, "c1"));
}

static const char *sandbox(struct stage *stage)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/slaves/A/frameworks/F/executors/E/runs/c1",
             stage->work_dir);
    return path;
}

static struct agent_launch launch_of(struct stage *stage, const char *script)
{
    static const char *argv[4];
    static const char *envp[3];
    static char variable[600];
    snprintf(variable, sizeof variable, "MESOS_SANDBOX=%s", sandbox(stage));
    argv[0] = "sh";
    argv[1] = "-c";
    argv[2] = script;
    envp[0] = "PATH=/usr/bin:/bin";
    envp[1] = variable;
    return (struct agent_launch){.container_id = "c1",
                                 .sandbox = sandbox(stage),
                                 .user = "root",
                                 .path = "/bin/sh",
                                 .argv = argv,
                                 .envp = envp,
                                 .cpu_milli = 100,
                                 .mem_bytes = 64 << 20};
}

static void read_file(struct stage *stage, const char *name, struct buf *out)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", sandbox(stage), name);
    assert_true(file_read(path, 1 << 20, out, NULL) >= 0);
}

static void test_an_executor_runs_and_its_status_is_told(void **state)
{
    struct stage *stage = *state;
    struct buf out = {0};
    struct agent_launch launch =
        launch_of(stage, "pwd; echo \"$PERIGEE_HOME\"; echo oops >&2; exit 3");
    char link[600], wanted[700];
    play(stage, AGENT_ACT_LAUNCH, &launch, "/bin/false");
    assert_int_equal(stage->started_count, 1);
    assert_true(stage->started.pid > 0 && stage->started.born > 0);
    assert_int_equal(stage->exited_count, 1);
    assert_true(stage->exited.has_status);
    assert_int_equal(WEXITSTATUS(stage->exited.status), 3);
    read_file(stage, "stdout", &out);
    snprintf(wanted, sizeof wanted, "%s\n", sandbox(stage));
    assert_memory_equal(buf_text(&out), wanted, strlen(wanted));
    buf_clear(&out);
    read_file(stage, "stderr", &out);
    assert_string_equal(buf_text(&out), "oops\n");
    buf_release(&out);
    struct stat st;
    assert_int_equal(stat(sandbox(stage), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
    snprintf(link, sizeof link, "%.*slatest", (int)(strlen(sandbox(stage)) - 2),
             sandbox(stage));
    assert_int_equal(access(link, F_OK), 0);
}

static void test_a_program_that_is_missing_fails_the_launch(void **state)
{
    struct stage *stage = *state;
    struct agent_launch launch = launch_of(stage, "");
    launch.path = "/no/such/program";
    play(stage, AGENT_ACT_LAUNCH, &launch, "/bin/false");
    assert_int_equal(stage->failed_count, 1);
    assert_int_equal(stage->started_count, 0);
    assert_non_null(strstr(stage->failed.text, "Failed to launch container: "));
    assert_non_null(strstr(stage->failed.text, "/no/such/program"));
}

/* Waits until a pid is written, so that the orphan surely exists. */
static const char ORPHAN[] =
    "(setsid sh -c 'echo $$ >orphan.tmp; mv orphan.tmp orphan; exec sleep "
    "1000' &) ; while [ ! -e orphan ]; do :; done; ";

static pid_t orphan_of(struct stage *stage)
{
    struct buf out = {0};
    read_file(stage, "orphan", &out);
    pid_t pid = (pid_t)atoi(buf_text(&out));
    buf_release(&out);
    return pid;
}

static void test_orphans_of_a_dead_executor_are_ended(void **state)
{
    struct stage *stage = *state;
    char script[512];
    snprintf(script, sizeof script, "%s exit 7", ORPHAN);
    struct agent_launch launch = launch_of(stage, script);
    play(stage, AGENT_ACT_LAUNCH, &launch, "/bin/false");
    assert_int_equal(WEXITSTATUS(stage->exited.status), 7);
    assert_false(proc_is_alive(orphan_of(stage)));
}

static void test_destroy_ends_what_ignores_signals(void **state)
{
    struct stage *stage = *state;
    struct agent_launch launch =
        launch_of(stage, "trap '' TERM INT HUP; while :; do sleep 1; done");
    stage->destroys = true;
    play(stage, AGENT_ACT_LAUNCH, &launch, "/bin/false");
    assert_int_equal(stage->exited_count, 1);
    assert_true(WIFSIGNALED(stage->exited.status));
    assert_false(proc_is_alive((pid_t)stage->started.pid));
}

static void test_a_failed_fetch_is_told(void **state)
{
    struct stage *stage = *state;
    struct agent_uri uri = {.value = "file:///no/such/file", .extract = true};
    struct agent_launch launch = launch_of(stage, "exit 0");
    char fetcher[512];
    launch.uri = &uri;
    launch.uri_count = 1;
    snprintf(fetcher, sizeof fetcher, "%s/fetcher", stage->work_dir);
    assert_int_equal(
        file_write(fetcher,
                   bytes_of_text("#!/bin/sh\necho \"no $5\" >&2\nexit 1\n"),
                   0755, false, NULL),
        0);
    play(stage, AGENT_ACT_LAUNCH, &launch, fetcher);
    assert_int_equal(stage->failed_count, 1);
    assert_string_equal(
        stage->failed.text,
        "Failed to launch container: Failed to fetch all URIs for container "
        "'c1': exited with status 1: no file:///no/such/file");
}

static void test_what_was_fetched_is_there_before_the_start(void **state)
{
    struct stage *stage = *state;
    struct agent_uri uri[2] = {{.value = "one"}, {.value = "two"}};
    struct agent_launch launch =
        launch_of(stage, "[ \"$(cat got)\" = onetwo ]");
    char fetcher[512];
    launch.uri = uri;
    launch.uri_count = 2;
    snprintf(fetcher, sizeof fetcher, "%s/fetcher", stage->work_dir);
    assert_int_equal(
        file_write(fetcher,
                   bytes_of_text("#!/bin/sh\nprintf %s \"$4\" >>\"$2/got\"\n"),
                   0755, false, NULL),
        0);
    play(stage, AGENT_ACT_LAUNCH, &launch, fetcher);
    assert_int_equal(stage->failed_count, 0);
    assert_int_equal(stage->exited.status, 0);
}

static void test_the_memory_limit_grows_with_the_tasks(void **state)
{
    struct stage *stage = *state;
    char script[1024];
    if (!stage->has_cgroups || stage->cgroups.version != 1)
        skip();
    snprintf(script, sizeof script,
             "until [ \"$(cat %s/c1/memory.limit_in_bytes)\" = 134217728 ]; "
             "do :; done",
             stage->cgroups.base[CGROUP_MEMORY]);
    struct agent_launch launch = launch_of(stage, script);
    stage->grows = true;
    play(stage, AGENT_ACT_LAUNCH, &launch, "/bin/false");
    assert_int_equal(stage->exited.status, 0);
}

static void test_over_the_memory_limit_is_told_with_peak(void **state)
{
    struct stage *stage = *state;
    struct agent_launch launch = launch_of(
        stage, "x=x; while :; do x=$x$x; done"); /* grows without end */
    launch.mem_bytes = 32 << 20;
    if (!stage->has_cgroups)
        skip();
    play(stage, AGENT_ACT_LAUNCH, &launch, "/bin/false");
    assert_int_equal(stage->limited_count, 1);
    assert_int_equal(stage->limited.mem_limit_bytes, 32 << 20);
    assert_non_null(strstr(stage->limited.text,
                           "Memory limit exceeded: Requested: 32MB Maximum "
                           "Used: 3"));
}

/* A process that is not our child, as after a restart of the agent. */
static pid_t stranger(struct stage *stage, const char *script)
{
    char path[600];
    int pipefd[2];
    pid_t pid = 0;
    struct sandbox_user self;
    sandbox_user_self(&self);
    assert_int_equal(sandbox_make(sandbox(stage), &self, NULL), 0);
    assert_int_equal(pipe(pipefd), 0);
    if (stage->has_cgroups)
        assert_int_equal(cgroup_make(&stage->cgroups, "c1", NULL), 0);
    pid_t middle = fork();
    if (middle == 0) {
        pid_t child = fork();
        if (child == 0) {
            char files[CGROUP_CONTROLLERS][CGROUP_PATH_MAX];
            const char *file[CGROUP_CONTROLLERS + 1] = {NULL};
            setsid();
            if (stage->has_cgroups)
                cgroup_join_files(&stage->cgroups, "c1", files, file);
            for (int i = 0; file[i] != NULL; i++) {
                int fd = open(file[i], O_WRONLY);
                if (write(fd, "0", 1) != 1)
                    _exit(1);
                close(fd);
            }
            snprintf(path, sizeof path, "MESOS_SANDBOX=%s", sandbox(stage));
            char *envp[] = {path, NULL};
            child = getpid();
            if (write(pipefd[1], &child, sizeof child) < 0)
                _exit(1);
            execle("/bin/sh", "sh", "-c", script, NULL, envp);
        }
        _exit(0);
    }
    waitpid(middle, NULL, 0);
    assert_int_equal(read(pipefd[0], &pid, sizeof pid), sizeof pid);
    close(pipefd[0]);
    close(pipefd[1]);
    return pid;
}

static void test_a_living_executor_is_found_again_and_watched(void **state)
{
    struct stage *stage = *state;
    pid_t pid = stranger(stage, "sleep 1000");
    struct agent_recover recover = {.container_id = "c1",
                                    .sandbox = sandbox(stage),
                                    .pid = pid,
                                    .born = proc_born(pid),
                                    .mem_bytes = 64 << 20};
    play(stage, AGENT_ACT_RECOVER, &recover, "/bin/false");
    assert_int_equal(stage->alive_count, 1); /* then it was killed */
    assert_int_equal(stage->exited_count, 1);
    assert_false(stage->exited.has_status);
    assert_false(proc_is_alive(pid));
}

static void test_an_executor_without_a_noted_pid_is_searched(void **state)
{
    struct stage *stage = *state;
    pid_t pid = stranger(stage, "sleep 1000");
    struct agent_recover recover = {.container_id = "c1",
                                    .sandbox = sandbox(stage)};
    /* Until the exec, the search by its environment cannot find it. */
    while (procs_of_container(0, 0, sandbox(stage), &pid, 1) == 0)
        continue;
    play(stage, AGENT_ACT_RECOVER, &recover, "/bin/false");
    assert_int_equal(stage->alive_count, 1);
    assert_int_equal(stage->started.pid, pid);
}

static void test_a_pid_in_use_again_is_not_the_executor(void **state)
{
    struct stage *stage = *state;
    struct agent_recover recover = {.container_id = "c1",
                                    .sandbox = sandbox(stage),
                                    .pid = getpid(),
                                    .born = proc_born(getpid()) + 1};
    play(stage, AGENT_ACT_RECOVER, &recover, "/bin/false");
    assert_int_equal(stage->alive_count, 0);
    assert_int_equal(stage->exited_count, 1);
}

/* --- sandboxes and files --- */

static void test_an_unknown_user_names_the_remedy(void **state)
{
    struct sandbox_user user;
    struct err err = {0};
    (void)state;
    assert_true(sandbox_user_find("no-such-user", &user, &err) < 0);
    assert_string_equal(
        err.text, "user 'no-such-user' does not exist on this agent; create "
                  "it (useradd no-such-user) or choose another role");
}

/* The folder of the executors asks the file system to spread what is in it,
 * where that knows the wish (ext2 to ext4). */
static void assert_spread(struct stage *stage)
{
    char path[600];
    struct statfs fs;
    int flags = 0;
    snprintf(path, sizeof path, "%s/../../..", sandbox(stage));
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fstatfs(fd, &fs), 0);
    if (fs.f_type == EXT4_SUPER_MAGIC &&
        ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0)
        assert_true(flags & FS_TOPDIR_FL);
    close(fd);
}

static void test_a_sweep_removes_what_is_old_and_not_alive(void **state)
{
    struct stage *stage = *state;
    struct sandbox_user self;
    char path[600];
    char *none[] = {NULL}, *live[] = {(char *)"c1", NULL};
    int64_t later = clock_wall_ms() + 3600 * 1000;
    sandbox_user_self(&self);
    assert_int_equal(sandbox_make(sandbox(stage), &self, NULL), 0);
    assert_spread(stage);
    assert_int_equal(sandbox_sweep(stage->work_dir, 1000, none), 0);
    assert_int_equal(sandbox_sweep(stage->work_dir, later, live), 0);
    assert_int_equal(access(sandbox(stage), F_OK), 0);
    assert_int_equal(sandbox_sweep(stage->work_dir, later, none), 1);
    snprintf(path, sizeof path, "%s/slaves/A", stage->work_dir);
    assert_int_not_equal(access(path, F_OK), 0); /* nothing empty stays */
}

static void touch(struct stage *stage, const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", sandbox(stage), name);
    assert_int_equal(file_write(path, bytes_of_text("x"), 0644, false, NULL),
                     0);
}

static int resolve(struct stage *stage, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int resolve(struct stage *stage, const char *format, ...)
{
    char path[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(path, sizeof path, format, args);
    va_end(args);
    int fd = files_resolve(stage->work_dir, "A", path);
    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}

static void test_only_sandboxes_can_be_read(void **state)
{
    struct stage *stage = *state;
    struct sandbox_user self;
    char outside[600], link[600];
    const char *box = sandbox(stage);
    sandbox_user_self(&self);
    assert_int_equal(sandbox_make(box, &self, NULL), 0);
    touch(stage, "stdout");
    snprintf(outside, sizeof outside, "%s/secret", stage->work_dir);
    assert_int_equal(file_write(outside, bytes_of_text("s"), 0644, false, NULL),
                     0);
    snprintf(link, sizeof link, "%s/out", box);
    assert_int_equal(symlink(outside, link), 0);
    snprintf(link, sizeof link, "%s/in", box);
    assert_int_equal(symlink("stdout", link), 0);
    assert_int_equal(resolve(stage, "%s", box), 0);
    assert_int_equal(resolve(stage, "%s/stdout", box), 0);
    assert_int_equal(resolve(stage, "%s/in", box), 0);
    assert_int_equal(
        resolve(stage, "/frameworks/F/executors/E/runs/latest/stdout"), 0);
    assert_int_equal(resolve(stage, "%s/nope", box), -ENOENT);
    assert_int_equal(resolve(stage, "%s/stdout/x", box), -ENOENT);
    assert_int_equal(resolve(stage, "%s/out", box), -EXDEV);
    assert_int_equal(resolve(stage, "%s/..", box), -EXDEV);
    assert_int_equal(resolve(stage, "%s/../c1/../../../../secret", box),
                     -EXDEV);
    assert_int_equal(resolve(stage, "%s", outside), -ENOENT);
    assert_int_equal(resolve(stage, "%s/meta/version", stage->work_dir),
                     -ENOENT);
    assert_int_equal(resolve(stage,
                             "%s/slaves/A/frameworks/../executors/E/runs/c1",
                             stage->work_dir),
                     -ENOENT);
    assert_int_equal(resolve(stage, "/etc/passwd"), -ENOENT);
    assert_int_equal(resolve(stage, "%s", ""), -ENOENT);
}

static void test_v2_groups_are_plain_files_too(void **state)
{
    struct stage *stage = *state;
    struct cgroups c;
    struct buf text = {0};
    struct err err = {0};
    char path[600], mounts[600], line[1300];
    snprintf(path, sizeof path, "%s/cgroup.controllers", stage->work_dir);
    assert_int_equal(
        file_write(path, bytes_of_text("cpu memory pids\n"), 0644, false, NULL),
        0);
    snprintf(mounts, sizeof mounts, "%s/mounts", stage->work_dir);
    snprintf(line, sizeof line, "none %s cgroup2 rw 0 0\n", stage->work_dir);
    assert_int_equal(file_write(mounts, bytes_of_text(line), 0644, false, NULL),
                     0);
    assert_int_equal(cgroups_open(&c, mounts, "root", &err), 0);
    assert_int_equal(c.version, 2);
    assert_int_equal(cgroup_make(&c, "c1", &err), 0);
    snprintf(path, sizeof path, "%s/root/c1/memory.max", stage->work_dir);
    assert_int_equal(
        file_write(path, bytes_of_text("max\n"), 0644, false, NULL), 0);
    assert_int_equal(cgroup_limit(&c, "c1", 500, 64 << 20, &err), 0);
    assert_true(file_read(path, 64, &text, NULL) >= 0);
    assert_int_equal(strtoll(buf_text(&text), NULL, 10), 64 << 20);
    buf_clear(&text);
    assert_int_equal(cgroup_limit(&c, "c1", 500, 32 << 20, &err), 0);
    assert_true(file_read(path, 64, &text, NULL) >= 0);
    assert_int_equal(strtoll(buf_text(&text), NULL, 10), 64 << 20);
    buf_release(&text);
    assert_int_equal(cgroups_open(&c, "/dev/null", "root", &err),
                     -ERR_UNSUPPORTED);
}

int main(void)
{
#define BOTH(name)                                                       \
    {#name " (process groups)", name, set_up_posix, tear_down, NULL},    \
    {                                                                    \
#name " (control groups)", name, set_up_cgroups, tear_down, NULL \
    }
#define ONE(name) \
    cmocka_unit_test_setup_teardown(name, set_up_cgroups, tear_down)
    const struct CMUnitTest tests[] = {
        BOTH(test_an_executor_runs_and_its_status_is_told),
        BOTH(test_a_program_that_is_missing_fails_the_launch),
        BOTH(test_orphans_of_a_dead_executor_are_ended),
        BOTH(test_destroy_ends_what_ignores_signals),
        BOTH(test_a_failed_fetch_is_told),
        BOTH(test_what_was_fetched_is_there_before_the_start),
        BOTH(test_a_living_executor_is_found_again_and_watched),
        BOTH(test_an_executor_without_a_noted_pid_is_searched),
        BOTH(test_a_pid_in_use_again_is_not_the_executor),
        ONE(test_the_memory_limit_grows_with_the_tasks),
        ONE(test_over_the_memory_limit_is_told_with_peak),
        ONE(test_an_unknown_user_names_the_remedy),
        ONE(test_a_sweep_removes_what_is_old_and_not_alive),
        ONE(test_only_sandboxes_can_be_read),
        ONE(test_v2_groups_are_plain_files_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
