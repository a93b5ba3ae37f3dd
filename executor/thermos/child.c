#include "executor/thermos/child.h"

#include "executor/thermos/task_log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

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

static int descriptor(const struct child_spec *spec, int fd, int ours)
{
    if (fd == LOG_WRITER_OURS)
        return ours;
    return fd == LOG_WRITER_NULL ? spec->null : fd;
}

/* Put the streams to 0, 1, 2. Sources are above 2, or already in place. */
static void set_streams(const struct child_spec *spec)
{
    (void)dup2(spec->null, 0);
    int out = descriptor(spec, spec->out, 1);
    int err = descriptor(spec, spec->err, 2);
    if (out != 1)
        (void)dup2(out, 1);
    if (err != 2)
        (void)dup2(err, 2);
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

/* Wait for the word to begin. Its sender's death means no: the process dies by
 * a signal, which a planner counts as "runs again". */
static void wait_for_go(int fd)
{
    char byte;
    ssize_t n;
    do
        n = read(fd, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n != 1) {
        (void)kill(getpid(), SIGKILL);
        _exit(1);
    }
}

static char *const *with_profile(const struct child_spec *spec, char *text,
                                 size_t size)
{
    const char **env = (const char **)(uintptr_t)spec->config->envp;
    if (spec->has_profile) {
        size_t n = 0;
        (void)snprintf(text, size, "BASH_ENV=%s/.thermos_profile",
                       spec->sandbox);
        while (env[n] != NULL)
            n++;
        env[n] = text; /* room for one is kept (task_config.c) */
    }
    return (char *const *)(uintptr_t)env;
}

static void become(const struct child_spec *spec, int go)
{
    char profile[4096];
    const struct process_config *config = spec->config;

    (void)setsid();
    set_streams(spec);
    reset_signals();
    if (files_before.rlim_max != 0)
        (void)setrlimit(RLIMIT_NOFILE, &files_before);
    char *const *env = with_profile(spec, profile, sizeof profile);
    wait_for_go(go);
    (void)execvpe(config->path, (char *const *)(uintptr_t)config->argv, env);
    (void)dprintf(2, "cannot run '%s': %s\n", config->path, strerror(errno));
    _exit(spec->exit_unrunnable);
}

int child_start(const struct child_spec *spec, pid_t *out, int *go,
                struct err *err)
{
    int pipe_fd[2];
    if (pipe2(pipe_fd, O_CLOEXEC) != 0)
        return err_set(err, ERR_IO, "pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid < 0) {
        int cause = errno;
        (void)close(pipe_fd[0]);
        (void)close(pipe_fd[1]);
        return err_set(err, ERR_IO, "cannot start a process: %s",
                       strerror(cause));
    }
    if (pid == 0) {
        (void)close(pipe_fd[1]);
        become(spec, pipe_fd[0]);
    }
    (void)close(pipe_fd[0]);
    *out = pid;
    *go = pipe_fd[1];
    return 0;
}

void child_go(int go)
{
    (void)!write(go, "g", 1); /* a child that is gone shows as an exit */
    (void)close(go);
}

void child_cancel(int go)
{
    (void)close(go);
}
