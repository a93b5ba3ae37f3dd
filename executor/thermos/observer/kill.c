/* thermos kill: end a task of this machine, by its runner. */
#include "executor/thermos/observer/command.h"

#include "sys/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int no_runner(const struct machine_task *task)
{
    struct err err = {0};
    if (history_is_over(&task->history)) {
        err_set(&err, ERR_CONFLICT, "task %s has ended already: %s", task->id,
                history_task_state_name(task->history.state));
        return command_fail(&err, COMMAND_FAILED);
    }
    err_set(&err, ERR_CONFLICT, "task %s has no runner that lives", task->id);
    err_hint(&err, "its executor starts another one; otherwise `thermos run` "
                   "takes the task up again");
    return command_fail(&err, COMMAND_FAILED);
}

/* A runner that died without a word is followed by another one. */
static int tell_end(struct request *r)
{
    struct err err = {0};
    const struct machine_task *task;
    char *id = xstrdup(r->task->id);

    machine_look(&r->machine);
    int rc = machine_find(&r->machine, id, &task, &err);
    if (rc == 0 && !history_is_over(&task->history))
        rc = err_set(&err, ERR_CONFLICT,
                     "the runner of %s ended, but not the task", id);
    if (rc == 0)
        buf_addf(&r->out, "%s: %s\n", id,
                 history_task_state_name(task->history.state));
    free(id);
    return rc == 0 ? COMMAND_OK : command_fail(&err, COMMAND_FAILED);
}

static int wait_for(struct request *r, int runner)
{
    struct pollfd polled = {.fd = runner, .events = POLLIN};
    struct err err = {0};
    int64_t until_ms = clock_monotonic_ms() + r->timeout_ms;
    int n;

    do {
        int64_t left_ms = until_ms - clock_monotonic_ms();
        n = poll(&polled, 1, left_ms > 0 ? (int)left_ms : 0);
    } while (n < 0 && errno == EINTR);
    if (n > 0)
        return tell_end(r);
    err_set(&err, ERR_TIMEOUT, "task %s was told to end, but has not yet",
            r->task->id);
    err_hint(&err, "its processes may take their time; wait longer with "
                   "--timeout");
    return command_fail(&err, COMMAND_FAILED);
}

int command_kill(struct request *r)
{
    struct err err = {0};
    int runner = machine_runner(r->task);
    int status = COMMAND_OK;

    if (runner < 0)
        return no_runner(r->task);
    if (syscall(SYS_pidfd_send_signal, runner, SIGTERM, NULL, 0) != 0) {
        err_set(&err, ERR_DENIED, "task %s: %s", r->task->id, strerror(errno));
        err_hint(&err, "a task is ended by its user, or by root");
        status = command_fail(&err, COMMAND_FAILED);
    } else if (!r->no_wait) {
        status = wait_for(r, runner);
    }
    (void)close(runner);
    return status;
}
