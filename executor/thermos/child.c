#include "executor/thermos/child.h"

#include "base/alloc.h"
#include "executor/thermos/fault.h"
#include "executor/thermos/task_log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Of the child, until its program begins; execvpe() looks for a program with
 * PATH_MAX bytes or two. */
enum { STACK_BYTES = 64 * 1024, PROFILE_MAX = 4096 + 64 };

/* As it was before child_raise_files(); rlim_max 0: not raised. */
static struct rlimit files_before;

void child_raise_files(void)
{
    struct rlimit raised;
    if (getrlimit(RLIMIT_NOFILE, &files_before) != 0)
        return;
    raised = files_before;
    raised.rlim_cur = raised.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &raised); /* fewer processes, else */
}

void child_files_open(int null, struct child_files *out)
{
    *out = (struct child_files){null, {-1, -1}, null};
    for (int i = 0; i < 2 && null >= 0; i++)
        out->stream[i] = fcntl(null, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    for (int i = 0; i < 2; i++)
        if (out->stream[i] > out->last)
            out->last = out->stream[i];
}

/* exec resets handlers by itself, but neither what is ignored nor the mask. */
static void reset_signals(void)
{
    static const int ignored[] = {SIGPIPE, SIGHUP};
    sigset_t none;
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        (void)signal(ignored[i], SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The environment's end, where BASH_ENV may stand: room is kept for one more
 * (task_config.c). */
static const char **environment_end(const struct process_config *config)
{
    const char **env = (const char **)(uintptr_t)config->envp;
    while (*env != NULL)
        env++;
    return env;
}

/* What parent and child know together. */
struct birth {
    const struct child_spec *spec;
    bool is_shared; /* the descriptors are, to begin with */
    int stream[2];  /* descriptors of the child's stdout and stderr */
    struct err *err;
    int rc; /* of record */
    bool is_recorded;
    int unrunnable;
};

static int descriptor(const struct child_spec *spec, int fd, int ours)
{
    if (fd == LOG_WRITER_OURS)
        return ours;
    return fd == LOG_WRITER_NULL ? spec->files->null : fd;
}

/* Where the child finds its streams when it has left all others behind. */
static void lend_streams(struct birth *birth)
{
    const struct child_spec *spec = birth->spec;
    const struct child_files *files = spec->files;
    birth->stream[0] = descriptor(spec, spec->out, STDOUT_FILENO);
    birth->stream[1] = descriptor(spec, spec->err, STDERR_FILENO);
    birth->is_shared = true;
    for (int i = 0; i < 2; i++)
        if (files->stream[i] < 0)
            birth->is_shared = false;
    for (int i = 0; i < 2 && birth->is_shared; i++) {
        if (birth->stream[i] <= files->last)
            continue;
        if (dup3(birth->stream[i], files->stream[i], O_CLOEXEC) < 0)
            birth->is_shared = false;
        else
            birth->stream[i] = files->stream[i];
    }
}

/* They would never come to an end, were we to keep them. */
static void take_back_streams(const struct birth *birth)
{
    const struct child_files *files = birth->spec->files;
    for (int i = 0; i < 2; i++)
        if (files->stream[i] >= 0 && birth->stream[i] == files->stream[i])
            (void)dup3(files->null, files->stream[i], O_CLOEXEC);
}

/* In the child: descriptors of its own, and few. */
static int leave_descriptors(const struct birth *birth)
{
    unsigned first = (unsigned)birth->spec->files->last + 1;
    if (!birth->is_shared ||
        close_range(first, ~0U, CLOSE_RANGE_UNSHARE) == 0 ||
        unshare(CLONE_FILES) == 0) /* a kernel before 5.9 */
        return 0;
    return err_set(birth->err, fault_code(errno), "cannot start a process: %s",
                   strerror(errno));
}

/* Put the streams to 0, 1, 2. Sources are above 2, or already in place. */
static void set_streams(const struct birth *birth)
{
    (void)dup2(birth->spec->files->null, STDIN_FILENO);
    if (birth->stream[0] != STDOUT_FILENO)
        (void)dup2(birth->stream[0], STDOUT_FILENO);
    if (birth->stream[1] != STDERR_FILENO)
        (void)dup2(birth->stream[1], STDERR_FILENO);
}

static _Noreturn void give_up(struct birth *birth)
{
    const struct child_spec *spec = birth->spec;
    int cause = errno;
    birth->unrunnable = cause;
    (void)dprintf(2, "cannot run '%s': %s\n", spec->config->path,
                  strerror(cause));
    if (fault_code(cause) != ERR_IO) /* a planner lets it run again */
        (void)kill(getpid(), SIGKILL);
    _exit(spec->exit_unrunnable);
}

/* In the child. */
static int become(void *context)
{
    struct birth *birth = context;
    const struct child_spec *spec = birth->spec;
    const struct process_config *config = spec->config;

    (void)setsid();
    birth->rc = leave_descriptors(birth);
    if (birth->rc == 0) {
        set_streams(birth);
        reset_signals();
        if (files_before.rlim_max != 0)
            (void)setrlimit(RLIMIT_NOFILE, &files_before);
        birth->rc = spec->record(spec->context, getpid(), birth->err);
    }
    birth->is_recorded = true;
    if (birth->rc != 0)
        _exit(1);
    (void)execvpe(config->path, (char *const *)(uintptr_t)config->argv,
                  (char *const *)(uintptr_t)config->envp);
    give_up(birth);
}

/* A script without an interpreter's name has its words copied there. */
static size_t stack_size(const struct process_config *config)
{
    size_t words = 0;
    while (config->argv[words] != NULL)
        words++;
    return STACK_BYTES + words / 2 * 2 * sizeof *config->argv;
}

/* As clone(): the child's id, or -1. */
static pid_t give_birth(struct birth *birth)
{
    const struct child_spec *spec = birth->spec;
    const char **end = environment_end(spec->config);
    size_t size = stack_size(spec->config);
    char *stack = xmalloc(size), profile[PROFILE_MAX];

    if (spec->has_profile) {
        (void)snprintf(profile, sizeof profile, "BASH_ENV=%s/.thermos_profile",
                       spec->sandbox);
        *end = profile;
    }
    lend_streams(birth);
    pid_t pid = clone(become, stack + size,
                      CLONE_VM | CLONE_VFORK | SIGCHLD |
                          (birth->is_shared ? CLONE_FILES : 0),
                      birth);
    int cause = errno;
    take_back_streams(birth);
    errno = cause;
    *end = NULL;
    free(stack);
    return pid;
}

int child_start(const struct child_spec *spec, struct child *out,
                struct err *err)
{
    struct birth birth = {.spec = spec, .err = err};
    pid_t pid = give_birth(&birth);
    int cause = errno;

    *out = (struct child){.is_torn = pid > 0 && !birth.is_recorded};
    if (pid < 0)
        return err_set(err, fault_code(cause), "cannot start a process: %s",
                       strerror(cause));
    if (out->is_torn)
        return err_set(err, ERR_BUSY, "it was killed before it began");
    if (birth.rc != 0)
        return birth.rc;
    out->pid = pid;
    out->unrunnable = birth.unrunnable;
    return 0;
}
