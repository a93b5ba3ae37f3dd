/* Children: what they get from us, what we hear of them. */
#include "sys/process.h"
#include "base/alloc.h"
#include "sys/file.h"
#include <event2/event.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static struct process_spec shell(const char *const argv[4])
{
    return (struct process_spec){.path = "/bin/sh",
                                 .argv = argv,
                                 .fd = {-1, -1, -1},
                                 .fd_count = 3,
                                 .uid = -1,
                                 .gid = -1};
}

/* Run a line of shell and give what it wrote to its standard output. */
static int run(struct process_spec *spec, char *out, size_t size)
{
    int ends[2], status;
    pid_t pid;
    struct err err = {0};
    ssize_t got, used = 0;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    spec->fd[1] = ends[1];
    if (process_spawn(spec, &pid, &err) < 0)
        fail_msg("%s", err.text);
    close(ends[1]);
    while ((got = read(ends[0], out + used, size - 1 - (size_t)used)) > 0)
        used += got;
    out[used] = 0;
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void expect(const char *line, const char *want)
{
    const char *const argv[4] = {"sh", "-c", line, NULL};
    struct process_spec spec = shell(argv);
    char out[4096];

    assert_int_equal(run(&spec, out, sizeof out), 0);
    assert_string_equal(out, want);
}

static void test_runs_with_the_given_world(void **state)
{
    const char *const argv[4] = {"sh", "-c", "echo $X; pwd; cat", NULL};
    const char *const envp[] = {"X=y z", NULL};
    struct process_spec spec = shell(argv);
    char out[256];

    (void)state;
    spec.envp = envp;
    spec.cwd = "/usr";
    assert_int_equal(run(&spec, out, sizeof out), 0);
    assert_string_equal(out, "y z\n/usr\n");
}

static void test_no_descriptor_leaks(void **state)
{
    int leak = open("/dev/null", O_RDONLY); /* a library forgot O_CLOEXEC */

    (void)state;
    assert_true(leak > 2);
    expect("ls /proc/self/fd | wc -l", "4\n"); /* and the one ls reads */
    close(leak);
}

static void test_descriptors_are_placed(void **state)
{
    const char *const argv[4] = {"sh", "-c", "echo four >&4; echo one", NULL};
    struct process_spec spec = shell(argv);
    char out[64], path[] = "/tmp/perigee-process.XXXXXX";
    struct buf text = {0};

    (void)state;
    /* A source that is itself a wanted number must not be lost. */
    spec.fd[2] = spec.fd[3] = -1;
    spec.fd[4] = mkstemp(path);
    spec.fd_count = 5;
    assert_int_equal(run(&spec, out, sizeof out), 0);
    assert_string_equal(out, "one\n");
    assert_int_equal(file_read(path, 100, &text, NULL), 0);
    assert_string_equal(buf_text(&text), "four\n");
    close(spec.fd[4]);
    unlink(path);
    buf_release(&text);
}

static void test_failures_name_the_step(void **state)
{
    const char *const argv[4] = {"x", NULL, NULL, NULL};
    struct process_spec spec = shell(argv);
    struct err err = {0};
    pid_t pid = 0;

    (void)state;
    spec.path = "/nonexistent/x";
    assert_int_equal(process_spawn(&spec, &pid, &err), -ERR_IO);
    assert_string_equal(err.text, "cannot run '/nonexistent/x': "
                                  "No such file or directory");
    spec.path = "/bin/sh";
    spec.cwd = "/nonexistent";
    assert_int_equal(process_spawn(&spec, &pid, &err), -ERR_IO);
    assert_string_equal(err.text,
                        "cannot run '/bin/sh': cannot enter directory "
                        "/nonexistent: No such file or directory");
    spec.cwd = NULL;
    spec.cgroup_procs[0] = "/nonexistent/cgroup.procs";
    assert_int_equal(process_spawn(&spec, &pid, &err), -ERR_IO);
    assert_non_null(strstr(err.text, "cannot join cgroup "
                                     "/nonexistent/cgroup.procs"));
    assert_int_equal(pid, 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* none is left */
}

static void test_signals_and_session_are_fresh(void **state)
{
    const char *const argv[4] = {"sh", "-c",
                                 "grep -E '^Sig(Blk|Ign)' /proc/self/status; "
                                 "cut -d' ' -f6 /proc/self/stat | grep -cx $$",
                                 NULL};
    struct process_spec spec = shell(argv);
    sigset_t blocked;
    char out[256];

    (void)state;
    spec.new_session = true;
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    assert_int_equal(run(&spec, out, sizeof out), 0);
    sigprocmask(SIG_UNBLOCK, &blocked, NULL);
    /* 32 and 33 belong to the C library, which lets nobody change them: whoever
     * started us may have left them ignored. */
    unsigned long long is_blocked, is_ignored;
    int leads_session;
    assert_int_equal(sscanf(out, "SigBlk:\t%llx\nSigIgn:\t%llx\n%d",
                            &is_blocked, &is_ignored, &leads_session),
                     3);
    assert_true(is_blocked == 0);
    assert_true((is_ignored & ~0x180000000ULL) == 0);
    assert_int_equal(leads_session, 1);
}

static void test_limits_are_set(void **state)
{
    const char *const argv[4] = {"sh", "-c", "ulimit -t; ulimit -v", NULL};
    struct process_spec spec = shell(argv);
    char out[64];

    (void)state;
    spec.cpu_seconds_max = 7;
    spec.memory_bytes_max = 1 << 30;
    assert_int_equal(run(&spec, out, sizeof out), 0);
    assert_string_equal(out, "7\n1048576\n");
}

static void test_children_get_our_first_file_limit(void **state)
{
    struct rlimit small, now;
    char want[32];

    (void)state;
    getrlimit(RLIMIT_NOFILE, &small);
    if (small.rlim_max <= 512)
        skip();
    small.rlim_cur = 512;
    setrlimit(RLIMIT_NOFILE, &small);
    process_raise_files();
    getrlimit(RLIMIT_NOFILE, &now);
    assert_int_equal(now.rlim_cur, small.rlim_max);
    snprintf(want, sizeof want, "512\n");
    expect("ulimit -n", want);
}

static void test_another_user(void **state)
{
    const char *const argv[4] = {"sh", "-c", "id -u; id -g; id -G", NULL};
    struct process_spec spec = shell(argv);
    char out[64];

    (void)state;
    if (getuid() != 0)
        skip();
    spec.uid = 12345;
    spec.gid = 23456;
    assert_int_equal(run(&spec, out, sizeof out), 0);
    assert_string_equal(out, "12345\n23456\n23456\n");
    assert_int_equal(getuid(), 0);
}

struct seen {
    struct event_base *base;
    pid_t pid, other;
    int status;
    int left;
};

static void on_exit_seen(void *context, pid_t pid, int status)
{
    struct seen *seen = context;
    seen->pid = pid;
    seen->status = status;
    if (--seen->left == 0)
        event_base_loopbreak(seen->base);
}

static void on_other(void *context, pid_t pid, int status)
{
    struct seen *seen = context;
    (void)status;
    seen->other = pid;
    if (--seen->left == 0)
        event_base_loopbreak(seen->base);
}

static void test_watch_tells_exits_and_orphans(void **state)
{
    const char *const argv[4] = {"sh", "-c", "kill -9 $$", NULL};
    const char *const other_argv[4] = {"sh", "-c", "exit 3", NULL};
    struct process_spec spec = shell(argv), other = shell(other_argv);
    struct seen seen = {.base = event_base_new(), .left = 2};
    struct process_watch *watch =
        process_watch_open(seen.base, on_other, &seen);
    pid_t pid, other_pid;
    char text[64];

    (void)state;
    assert_int_equal(process_spawn(&spec, &pid, NULL), 0);
    process_watch_add(watch, pid, on_exit_seen, &seen);
    assert_int_equal(process_spawn(&other, &other_pid, NULL), 0);
    event_base_dispatch(seen.base);
    assert_int_equal(seen.pid, pid);
    assert_int_equal(seen.other, other_pid);
    assert_string_equal(process_status_text(seen.status, text, sizeof text),
                        "terminated by signal 9 (Killed)");
    assert_string_equal(process_status_text(3 << 8, text, sizeof text),
                        "exited with status 3");
    process_watch_close(watch);
    event_base_free(seen.base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs_with_the_given_world),
        cmocka_unit_test(test_no_descriptor_leaks),
        cmocka_unit_test(test_descriptors_are_placed),
        cmocka_unit_test(test_failures_name_the_step),
        cmocka_unit_test(test_signals_and_session_are_fresh),
        cmocka_unit_test(test_limits_are_set),
        cmocka_unit_test(test_children_get_our_first_file_limit),
        cmocka_unit_test(test_another_user),
        cmocka_unit_test(test_watch_tells_exits_and_orphans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
