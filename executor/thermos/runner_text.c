/* What a runner says about the end of a task: which process, how, and the last
 * lines of its stderr, so that a user can act on it. */
#include "executor/thermos/runner_state.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum { TAIL_MAX = 1024 };

/* A signal that a program brings upon itself is a failure of its own. */
static bool is_own_fault(int signal)
{
    return signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE ||
           signal == SIGILL || signal == SIGABRT || signal == SIGSYS ||
           signal == SIGTRAP;
}

enum run_outcome runner_outcome(const struct runner *r, int wait_status)
{
    if (WIFEXITED(wait_status))
        return WEXITSTATUS(wait_status) == 0 ? RUN_SUCCESS : RUN_FAILED;
    if (r->config.is_command || is_own_fault(WTERMSIG(wait_status)))
        return RUN_FAILED;
    return RUN_KILLED;
}

enum thermos_state runner_final_state(const struct runner *r)
{
    switch (r->run.state) {
    case TASK_RUN_SUCCESS:
        return THERMOS_FINISHED;
    case TASK_RUN_KILLED:
        return THERMOS_KILLED;
    default:
        return THERMOS_FAILED;
    }
}

/* Mesos' words: "exited with status 3", "terminated with signal Killed". */
static void status_text(int wait_status, char *out, size_t size)
{
    if (wait_status < 0)
        (void)snprintf(out, size, "ended in an unknown way");
    else if (WIFEXITED(wait_status))
        (void)snprintf(out, size, "exited with status %d",
                       WEXITSTATUS(wait_status));
    else
        (void)snprintf(out, size, "terminated with signal %s%s",
                       strsignal(WTERMSIG(wait_status)),
                       WCOREDUMP(wait_status) ? " (core dumped)" : "");
}

/* What became of a process that has a reason. */
static const char *not_run(const struct runner_process *process)
{
    return process->is_unlogged ? "was ended, its output had no place"
                                : "could not be started";
}

static void write_command(struct runner *r)
{
    char how[128];
    if (r->run.regular.history[0].runs == 0)
        return; /* it never ran */
    const struct runner_process *process = &r->process[0];
    if (process->is_unlogged ||
        (process->unrunnable != NULL && process->wait_status < 0)) {
        (void)snprintf(r->text, sizeof r->text, "Command %s: %s",
                       not_run(process), process->unrunnable);
        return;
    }
    status_text(r->process[0].wait_status, how, sizeof how);
    (void)snprintf(r->text, sizeof r->text, "Command %s", how);
}

static void add_tail(struct runner *r, uint32_t at)
{
    char tail[TAIL_MAX];
    const struct process_config *config = &r->config.process[at];
    struct task_log log = {.pipe = -1, .file = -1, .console = -1};
    size_t used = strlen(r->text);

    if (config->log.destination == LOG_CONSOLE ||
        config->log.destination == LOG_NONE)
        return;
    (void)snprintf(log.path, sizeof log.path, ".logs/%s/%u/stderr",
                   config->name, r->run.process[at].run);
    size_t size = task_log_tail(&log, tail, sizeof tail);
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)tail[i] < ' ' && tail[i] != '\n' && tail[i] != '\t')
            tail[i] = '?'; /* terminals obey control characters */
    if (size > 0)
        (void)snprintf(r->text + used, sizeof r->text - used,
                       "; the end of its stderr:\n%.*s", (int)size, tail);
}

static void write_failed(struct runner *r)
{
    uint32_t at = r->run.culprit;
    char how[128];

    if (at == TASK_RUN_NONE) {
        (void)snprintf(r->text, sizeof r->text,
                       "no process could go on, and the task was not complete");
        return;
    }
    uint32_t runs = r->run.regular.history[at].runs;
    const char *unrunnable = r->process[at].unrunnable;
    status_text(r->process[at].wait_status, how, sizeof how);
    (void)snprintf(r->text, sizeof r->text, "process '%s' failed: it %s%s%s",
                   r->config.process[at].name,
                   unrunnable ? not_run(&r->process[at]) : how,
                   unrunnable ? ": " : "", unrunnable ? unrunnable : "");
    size_t used = strlen(r->text);
    if (runs > 1)
        (void)snprintf(r->text + used, sizeof r->text - used,
                       " (run %u, the last it may have)", runs);
    if (unrunnable == NULL)
        add_tail(r, at);
}

void runner_write_text(struct runner *r)
{
    if (r->text[0] != '\0')
        return;
    if (r->config.is_command)
        write_command(r);
    else if (r->run.state == TASK_RUN_FAILED)
        write_failed(r);
    runner_write_lost_output(r);
}
