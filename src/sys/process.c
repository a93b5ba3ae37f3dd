/* Spawning: clone() with shared memory and a suspended parent, which costs the
 * same for a daemon of any size. In the child only system calls are made, on a
 * stack of its own; a failure comes back through the shared memory. */
#include "sys/process.h"
#include "base/alloc.h"
#include "sys/id_map.h"
#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    FDS_MAX = 8,
    CHILD_STACK_BYTES = 32 << 10,
    CHILD_FAILED = 127 /* like a shell's "command not found" */
};

/* What the child was doing when it failed. */
enum step {
    STEP_NONE,
    STEP_CGROUP,
    STEP_FD,
    STEP_LIMIT,
    STEP_CWD,
    STEP_USER,
    STEP_EXEC
};

struct birth {
    const struct process_spec *spec;
    char *const *envp;
    enum step step;
    int error;      /* errno of the failed step; 0: none failed */
    const char *at; /* the path it failed at */
};

/* The child runs on a stack inside a frame of its parent, and never returns:
 * the sanitizer's marks for its frames would stay behind. */
#define IN_CHILD __attribute__((no_sanitize("address")))

/* The limit of open files this process was born with; unset: rlim_max 0. */
static struct rlimit files_before;

extern char **environ;

void process_raise_files(void)
{
    struct rlimit now;

    if (getrlimit(RLIMIT_NOFILE, &now) < 0 || now.rlim_cur == now.rlim_max)
        return;
    files_before = now;
    now.rlim_cur = now.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &now); /* we live with fewer as well */
}

IN_CHILD static int fail_at(struct birth *birth, enum step step, const char *at)
{
    birth->error = errno;
    birth->step = step;
    birth->at = at;
    return -1;
}

IN_CHILD static void reset_signals(void)
{
    struct sigaction initial = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int signo = 1; signo < NSIG; signo++)
        (void)sigaction(signo, &initial, NULL); /* KILL and STOP refuse */
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

IN_CHILD static int join_cgroups(struct birth *birth)
{
    for (int i = 0; i < 8 && birth->spec->cgroup_procs[i] != NULL; i++) {
        const char *path = birth->spec->cgroup_procs[i];
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, "0", 1) != 1)
            return fail_at(birth, STEP_CGROUP, path);
        close(fd);
    }
    return 0;
}

/* Copies first go above the numbers they end at, so that no wanted descriptor
 * is overwritten before it was copied. */
IN_CHILD static int place_fds(struct birth *birth)
{
    const struct process_spec *spec = birth->spec;
    int copy[FDS_MAX];

    for (int i = 0; i < spec->fd_count; i++) {
        int from = spec->fd[i];
        if (from < 0)
            from = open("/dev/null", O_RDWR | O_CLOEXEC);
        copy[i] = fcntl(from, F_DUPFD_CLOEXEC, FDS_MAX);
        if (copy[i] < 0)
            return fail_at(birth, STEP_FD, "descriptor");
    }
    for (int i = 0; i < spec->fd_count; i++)
        if (dup2(copy[i], i) < 0)
            return fail_at(birth, STEP_FD, "descriptor");
    /* All are close-on-exec already; this covers what a library forgot. */
    (void)syscall(SYS_close_range, (unsigned)spec->fd_count, ~0U, 0);
    return 0;
}

IN_CHILD static int set_limit(int which, uint64_t value)
{
    struct rlimit limit = {value, value};
    return value == 0 ? 0 : setrlimit((__rlimit_resource_t)which, &limit);
}

IN_CHILD static int set_limits(struct birth *birth)
{
    if (set_limit(RLIMIT_CPU, birth->spec->cpu_seconds_max) < 0 ||
        set_limit(RLIMIT_AS, birth->spec->memory_bytes_max) < 0 ||
        (files_before.rlim_max != 0 &&
         setrlimit(RLIMIT_NOFILE, &files_before) < 0))
        return fail_at(birth, STEP_LIMIT, "resource limits");
    return 0;
}

/* By system call: the library's setuid would make the threads of the parent,
 * whose memory this is, follow. */
IN_CHILD static int switch_user(struct birth *birth)
{
    const struct process_spec *spec = birth->spec;

    if ((spec->gid >= 0 || spec->uid >= 0) &&
        syscall(SYS_setgroups, 0, NULL) < 0)
        return fail_at(birth, STEP_USER, "clear groups");
    if (spec->gid >= 0 && syscall(SYS_setresgid, (gid_t)spec->gid,
                                  (gid_t)spec->gid, (gid_t)spec->gid) < 0)
        return fail_at(birth, STEP_USER, "set group id");
    if (spec->uid >= 0 && syscall(SYS_setresuid, (uid_t)spec->uid,
                                  (uid_t)spec->uid, (uid_t)spec->uid) < 0)
        return fail_at(birth, STEP_USER, "set user id");
    return 0;
}

IN_CHILD static int child_main(void *arg)
{
    struct birth *birth = arg;
    const struct process_spec *spec = birth->spec;

    reset_signals();
    if (spec->new_session)
        (void)setsid(); /* fails only for a leader, which is what is wanted */
    if (join_cgroups(birth) < 0 || place_fds(birth) < 0 ||
        set_limits(birth) < 0)
        _exit(CHILD_FAILED);
    if (spec->cwd != NULL && chdir(spec->cwd) < 0) {
        (void)fail_at(birth, STEP_CWD, spec->cwd);
        _exit(CHILD_FAILED);
    }
    if (switch_user(birth) < 0)
        _exit(CHILD_FAILED);
    /* execve wants pointers to non-const for history's sake. */
    union {
        const char *const *in;
        char *const *out;
    } argv = {.in = spec->argv};
    execve(spec->path, argv.out, birth->envp);
    (void)fail_at(birth, STEP_EXEC, spec->path);
    _exit(CHILD_FAILED);
}

static int report(const struct birth *birth, struct err *err)
{
    static const char *const verb[] = {
        [STEP_CGROUP] = "join cgroup", [STEP_FD] = "pass",
        [STEP_LIMIT] = "set",          [STEP_CWD] = "enter directory",
        [STEP_USER] = "change user:",
    };
    const char *why = strerror(birth->error);

    if (birth->step == STEP_EXEC)
        return err_set(err, ERR_IO, "cannot run '%s': %s", birth->spec->path,
                       why);
    return err_set(err, ERR_IO, "cannot run '%s': cannot %s %s: %s",
                   birth->spec->path, verb[birth->step], birth->at, why);
}

int process_spawn(const struct process_spec *spec, pid_t *out, struct err *err)
{
    union {
        const char *const *in;
        char *const *out;
    } envp = {.in = spec->envp};
    struct birth birth = {.spec = spec,
                          .envp = envp.in != NULL ? envp.out : environ};
    _Alignas(16) char stack[CHILD_STACK_BYTES];
    sigset_t all, before;
    pid_t pid;

    assert(spec->fd_count >= 3 && spec->fd_count <= FDS_MAX);
    /* No handler of ours may run in the child while it shares our memory. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = clone(child_main, stack + sizeof stack,
                CLONE_VM | CLONE_VFORK | SIGCHLD, &birth);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid < 0)
        return err_set(err, ERR_IO, "cannot run '%s': cannot fork: %s",
                       spec->path, strerror(error));
    if (birth.error != 0) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
        return report(&birth, err);
    }
    *out = pid;
    return 0;
}

struct watched {
    process_exited *exited;
    void *context;
};

struct process_watch {
    struct event *signal;  /* owned */
    struct id_map by_pid;  /* of struct watched; owned */
    process_exited *other; /* for children nobody asked for; may be NULL */
    void *context;
};

static void on_child(evutil_socket_t fd, short what, void *arg)
{
    struct process_watch *watch = arg;
    int status;
    pid_t pid;

    (void)fd;
    (void)what;
    /* Signals merge: reap until there is none. */
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct watched *found = id_map_remove(&watch->by_pid, (uint64_t)pid);
        if (found != NULL) {
            found->exited(found->context, pid, status);
            free(found);
        } else if (watch->other != NULL) {
            watch->other(watch->context, pid, status);
        }
    }
}

struct process_watch *process_watch_open(struct event_base *base,
                                         process_exited *other, void *context)
{
    struct process_watch *watch = xcalloc(1, sizeof *watch);

    watch->other = other;
    watch->context = context;
    watch->signal = evsignal_new(base, SIGCHLD, on_child, watch);
    assert(watch->signal != NULL);
    event_add(watch->signal, NULL);
    /* Children that ended before we watched raised their signal in vain. */
    event_active(watch->signal, EV_SIGNAL, 1);
    return watch;
}

void process_watch_close(struct process_watch *watch)
{
    struct watched *watched;

    if (watch == NULL)
        return;
    event_free(watch->signal);
    while ((watched = id_map_take(&watch->by_pid)) != NULL)
        free(watched);
    id_map_release(&watch->by_pid);
    free(watch);
}

void process_watch_add(struct process_watch *watch, pid_t pid,
                       process_exited *exited, void *context)
{
    struct watched *watched = xcalloc(1, sizeof *watched);

    watched->exited = exited;
    watched->context = context;
    id_map_put(&watch->by_pid, (uint64_t)pid, watched);
}

/* The kernel's struct sched_attr, which the C library does not have yet. */
struct schedule {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
};

void process_wake_promptly(void)
{
    enum { RESET_ON_FORK = 1, SLICE_NS = 100000 /* the shortest there is */ };
    struct schedule wish = {.size = sizeof wish,
                            .policy = SCHED_OTHER,
                            .flags = RESET_ON_FORK,
                            .nice = getpriority(PRIO_PROCESS, 0),
                            .runtime_ns = SLICE_NS};

    if (sched_getscheduler(0) == SCHED_OTHER) /* else somebody chose for us */
        (void)syscall(SYS_sched_setattr, 0, &wish, 0);
}

int64_t process_cpu_ms(const struct rusage *usage)
{
    return (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000 +
           (usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1000;
}

const char *process_status_text(int wait_status, char *out, size_t size)
{
    if (WIFSIGNALED(wait_status))
        snprintf(out, size, "terminated by signal %d (%s)%s",
                 WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)),
                 WCOREDUMP(wait_status) ? ", core dumped" : "");
    else
        snprintf(out, size, "exited with status %d", WEXITSTATUS(wait_status));
    return out;
}
