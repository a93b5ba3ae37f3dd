/* The processes of a task and what they leave behind: starting them with their
 * logs (runner_logs.c), recording their ends, finding orphans. */
#include "executor/thermos/runner_state.h"

#include "base/alloc.h"
#include "executor/thermos/child.h"
#include "executor/thermos/fault.h"
#include "executor/thermos/process_tree.h"
#include "sys/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_UNRUNNABLE = 127 };

/* --- processes --- */

static void forget_reason(struct runner_process *process)
{
    free(process->unrunnable);
    process->unrunnable = NULL;
    process->is_unlogged = false;
}

/* An end of its own, while it was about to be ended for the want of a log, is
 * its end. */
static enum run_outcome outcome_of(const struct runner *r,
                                   struct runner_process *process,
                                   int wait_status, bool is_lost)
{
    if (process->is_unlogged && (is_lost || WIFSIGNALED(wait_status)))
        return process->may_pass ? RUN_LOST : RUN_FAILED;
    if (process->is_unlogged)
        forget_reason(process);
    return is_lost ? RUN_LOST : runner_outcome(r, wait_status);
}

void runner_process_ended(struct runner *r, uint32_t at, int wait_status,
                          bool is_lost, int64_t now_ms)
{
    static const Perigee__Thermos__Process__State states[] = {
        [RUN_SUCCESS] = PERIGEE__THERMOS__PROCESS__STATE__SUCCESS,
        [RUN_FAILED] = PERIGEE__THERMOS__PROCESS__STATE__FAILED,
        [RUN_KILLED] = PERIGEE__THERMOS__PROCESS__STATE__KILLED,
        [RUN_LOST] = PERIGEE__THERMOS__PROCESS__STATE__LOST};
    struct runner_process *process = &r->process[at];
    enum run_outcome outcome = outcome_of(r, process, wait_status, is_lost);
    uint32_t run = r->run.process[at].run;

    /* Logs first: once the end is recorded nobody looks for them. */
    runner_drop_logs(r, at, run);
    if (process->is_unlogged)
        runner_forget_logs(r, at, run);
    runner_record_process(r, at, states[outcome], is_lost ? -1 : wait_status,
                          now_ms);
    if (process->pidfd >= 0)
        (void)close(process->pidfd);
    *process =
        (struct runner_process){.pidfd = -1,
                                .wait_status = is_lost ? -1 : wait_status,
                                .unrunnable = process->unrunnable,
                                .is_unlogged = process->is_unlogged};
    task_run_ended(&r->run, at, outcome, now_ms);
    runner_tell(r, (struct runner_event){.kind = RUNNER_PROCESS_ENDED,
                                         .process = r->config.process[at].name,
                                         .run = run,
                                         .outcome = outcome,
                                         .wait_status = process->wait_status,
                                         .text = process->is_unlogged
                                                     ? process->unrunnable
                                                     : NULL});
}

/* What a child does before it begins (child.h). */
struct beginning {
    struct runner *r;
    uint32_t process;
    uint64_t ticks; /* before it was born */
};

/* Born between two looks at the clock that show the same tick, it was born in
 * that tick; asking /proc takes longer than all else that a child does. */
static uint64_t born_at(const struct beginning *at, pid_t pid)
{
    uint64_t ticks = tree_ticks_now();
    return ticks != 0 && ticks == at->ticks ? ticks : tree_start_ticks(pid);
}

static int record_beginning(void *context, pid_t pid, struct err *err)
{
    const struct beginning *at = context;
    struct runner_process *process = &at->r->process[at->process];
    process->pid = pid;
    process->start_ticks = born_at(at, pid);
    return runner_record_start(at->r, at->process, err);
}

static int begin(struct runner *r, uint32_t at, const int writer[3],
                 struct child *out, struct err *err)
{
    struct beginning beginning = {r, at, tree_ticks_now()};
    const struct child_spec spec = {
        .config = &r->config.process[at],
        .out = writer[1],
        .err = writer[2],
        .files = &r->files,
        .has_profile =
            !r->config.is_command && access(".thermos_profile", R_OK) == 0,
        .sandbox = r->options->sandbox,
        .exit_unrunnable = r->config.is_command ? 1 : EXIT_UNRUNNABLE,
        .record = record_beginning,
        .context = &beginning};
    struct stream_mark mark = stream_mark(&r->stream);
    int rc = child_start(&spec, out, err);

    if (rc != 0)
        r->process[at].pid = 0;
    if (out->is_torn)
        stream_rewind(&r->stream, &mark);
    return rc;
}

static size_t bytes_in(const char *const *list)
{
    size_t size = 0;
    for (; *list != NULL; list++)
        size += strlen(*list) + 1;
    return size;
}

/* The command line, where it matters. */
static size_t longest_in(const char *const *list)
{
    size_t longest = 0;
    for (; *list != NULL; list++)
        if (strlen(*list) > longest)
            longest = strlen(*list);
    return longest;
}

static void tell_unrunnable(const struct process_config *config, int cause,
                            struct err *err)
{
    if (cause != E2BIG)
        (void)err_set(err, ERR_IO, "cannot run '%s': %s", config->path,
                      strerror(cause));
    else
        (void)err_set(err, ERR_LIMIT,
                      "cannot run '%s': %s: its command line has %zu bytes, "
                      "its environment %zu; the kernel takes 131071 in one "
                      "word or variable, and a quarter of the stack's limit "
                      "in all",
                      config->path, strerror(cause), longest_in(config->argv),
                      bytes_in(config->envp));
}

static int launch(struct runner *r, uint32_t at, struct err *err)
{
    struct child child = {0};
    int writer[3], rc = runner_open_logs(r, at, writer, err);

    if (rc == 0)
        rc = begin(r, at, writer, &child, err);
    for (int stream = 1; stream <= 2; stream++)
        if (writer[stream] >= 0)
            (void)close(writer[stream]);
    if (rc == 0 && child.unrunnable != 0)
        tell_unrunnable(&r->config.process[at], child.unrunnable, err);
    return rc;
}

/* Only now: an earlier run's reason is of no interest once another began. */
static void note_unrunnable(struct runner *r, uint32_t at,
                            const struct err *err)
{
    forget_reason(&r->process[at]);
    if (err->code != ERR_NONE)
        r->process[at].unrunnable = xstrdup(err->text);
}

static void not_started(struct runner *r, uint32_t at, bool is_lost,
                        int64_t now_ms)
{
    uint32_t run = r->run.process[at].run;
    log_line(LOG_LEVEL_WARN, "process_not_started process=%s reason=%s%s",
             log_value(r->config.process[at].name),
             log_value(r->process[at].unrunnable), is_lost ? " retrying" : "");
    runner_drop_logs(r, at, run);
    if (!is_lost)
        runner_record_unrunnable(r, at, now_ms);
    task_run_ended(&r->run, at, is_lost ? RUN_LOST : RUN_FAILED, now_ms);
    if (!is_lost)
        runner_tell(r,
                    (struct runner_event){.kind = RUNNER_PROCESS_ENDED,
                                          .process = r->config.process[at].name,
                                          .run = run,
                                          .outcome = RUN_FAILED,
                                          .wait_status = -1,
                                          .text = r->process[at].unrunnable});
}

void runner_start(struct runner *r, uint32_t at, int64_t now_ms)
{
    struct err err = {0};
    int rc = launch(r, at, &err);

    note_unrunnable(r, at, &err);
    if (rc != 0) {
        not_started(r, at, fault_passes(rc), now_ms);
        return;
    }
    task_run_started(&r->run, at);
    runner_tell_running(r);
    runner_tell(r, (struct runner_event){.kind = RUNNER_PROCESS_STARTED,
                                         .process = r->config.process[at].name,
                                         .run = r->run.process[at].run,
                                         .pid = r->process[at].pid});
}

/* --- orphans --- */

static bool is_known(const struct runner *r, pid_t pid)
{
    if (pid == getpid() || pid == r->fetch_pid)
        return true;
    for (uint32_t i = 0; i < r->config.count; i++)
        if (r->process[i].pid == pid)
            return true;
    return false;
}

static void signal_orphan(struct runner *r, pid_t pid, int signal)
{
    for (uint32_t i = 0; i < r->orphans.count; i++)
        if (r->orphans.item[i].pid == pid) {
            if (r->orphans.item[i].signal != signal)
                tree_signal(pid, signal);
            r->orphans.item[i].signal = signal;
            return;
        }
    *vec_add(&r->orphans) = (struct runner_orphan){pid, signal};
    tree_signal(pid, signal);
}

static uint32_t sweep_children_of(struct runner *r, pid_t parent, int signal)
{
    static pid_t children[TREE_CHILDREN_MAX];
    size_t count = tree_children(parent, children, TREE_CHILDREN_MAX);
    uint32_t found = 0;
    for (size_t i = 0; i < count; i++)
        if (!is_known(r, children[i])) {
            signal_orphan(r, children[i], signal);
            found++;
        }
    return found;
}

void runner_sweep(struct runner *r, int signal)
{
    uint32_t found = sweep_children_of(r, getpid(), signal);
    if (r->options->take_over && r->control >= 0)
        found += sweep_children_of(r, r->options->executor_pid, signal);
    task_run_swept(&r->run, found);
}
