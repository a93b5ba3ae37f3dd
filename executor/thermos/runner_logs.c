/* The logs of a task's processes: pipes that a runner reads, and the executor
 * holds for the next one. */
#include "executor/thermos/runner_state.h"

#include "base/alloc.h"
#include "executor/thermos/fault.h"
#include "executor/thermos/process_tree.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    FILE_RETRY_MS = 100,
    FILE_PATIENCE_MS = 2000 /* what a process may run without a place for its
                               output: so long it may wait for us, too */
};

/* --- pipes --- */

/* Names the pipes of one run to the executor; runner_replay.c reads it. */
static int64_t log_key(uint32_t process, uint32_t run)
{
    return (int64_t)process << 32 | run;
}

static bool has_log(const struct runner *r, uint32_t process, uint32_t run)
{
    for (uint32_t i = 0; i < r->logs.count; i++)
        if (r->logs.item[i].process == process && r->logs.item[i].run == run)
            return true;
    return false;
}

void runner_log_ended(struct runner *r, uint32_t at)
{
    struct runner_log log = r->logs.item[at];
    task_log_close(&log.log);
    vec_remove(&r->logs, at);
    if (r->control >= 0 && !has_log(r, log.process, log.run))
        (void)control_send(
            r->control,
            &(struct control_message){.kind = CONTROL_RELEASE,
                                      .number = log_key(log.process, log.run)});
}

void runner_drop_logs(struct runner *r, uint32_t process, uint32_t run)
{
    for (uint32_t i = r->logs.count; i-- > 0;) {
        struct runner_log *log = &r->logs.item[i];
        if (log->process != process || log->run != run)
            continue;
        task_log_drain(&log->log);
        if (log->log.pipe < 0)
            runner_log_ended(r, i);
        /* else a child of it still writes */
    }
}

void runner_forget_logs(struct runner *r, uint32_t process, uint32_t run)
{
    for (uint32_t i = r->logs.count; i-- > 0;)
        if (r->logs.item[i].process == process && r->logs.item[i].run == run)
            runner_log_ended(r, i);
}

void runner_add_log(struct runner *r, const struct task_log *log,
                    uint32_t process)
{
    if (log->pipe < 0)
        return;
    struct runner_log *added = vec_add(&r->logs);
    *added = (struct runner_log){
        .log = *log, .process = process, .run = log->id.run};
    added->log.reader = r->options->reader;
}

/* Should this runner die, the executor still has what the process wrote. */
static void hold_logs(const struct runner *r, uint32_t process, uint32_t run)
{
    int fds[CONTROL_FDS_MAX];
    size_t count = 0;
    for (uint32_t i = 0; i < r->logs.count && count < CONTROL_FDS_MAX; i++)
        if (r->logs.item[i].process == process && r->logs.item[i].run == run)
            fds[count++] = r->logs.item[i].log.pipe;
    if (r->control >= 0 && count > 0)
        (void)control_send_fds(
            r->control,
            &(struct control_message){.kind = CONTROL_HOLD,
                                      .number = log_key(process, run)},
            fds, count);
}

int runner_open_logs(struct runner *r, uint32_t at, int writer[3],
                     struct err *err)
{
    const struct process_config *config = &r->config.process[at];
    uint32_t run = r->run.process[at].run;
    int rc = 0;

    writer[1] = writer[2] = LOG_WRITER_NULL;
    runner_forget_logs(r, at, run); /* prepared by a runner before us */
    for (int stream = 1; stream <= 2 && rc == 0; stream++) {
        struct task_log log;
        struct task_log_id id = {config->name, run, stream};
        rc = task_log_open(&log, &config->log, id, !r->has_executor,
                           &writer[stream], err);
        if (rc == 0)
            runner_add_log(r, &log, at);
    }
    hold_logs(r, at, run);
    return rc;
}

/* --- files --- */

/* To the same end as one whose directories cannot be made: it is tried again,
 * or has failed, for the reason (fault.h). */
static void end_process_of(struct runner *r, const struct runner_log *log,
                           int rc, const struct err *err)
{
    struct runner_process *process = &r->process[log->process];
    if (process->pid == 0 || process->unrunnable != NULL ||
        r->run.process[log->process].run != log->run)
        return; /* it ended by itself, or has been told to */
    process->unrunnable = xstrdup(err->text);
    process->is_unlogged = true;
    process->may_pass = fault_passes(rc);
    tree_signal(process->pid, SIGKILL);
}

static void not_made(struct runner *r, struct runner_log *log, int rc,
                     const struct err *err, int64_t now_ms)
{
    if (log->missing_ms == 0) {
        log->missing_ms = now_ms;
        log_line(LOG_LEVEL_WARN,
                 "log_not_made process=%s run=%u reason=%s "
                 "retrying",
                 log_value(log->log.id.process), log->run,
                 log_value(err->text));
    } else if (now_ms - log->missing_ms >= FILE_PATIENCE_MS) {
        end_process_of(r, log, rc, err);
    }
}

int64_t runner_make_log_files(struct runner *r)
{
    int64_t next_ms = INT64_MAX;
    for (uint32_t i = 0; i < r->logs.count; i++) {
        struct runner_log *log = &r->logs.item[i];
        struct err err = {0};
        int rc = task_log_make_file(&log->log, &err);
        if (rc == 0) {
            log->missing_ms = 0;
            continue;
        }
        int64_t now_ms = clock_boot_ms();
        not_made(r, log, rc, &err, now_ms);
        next_ms = now_ms + FILE_RETRY_MS;
    }
    return next_ms;
}

void runner_write_lost_output(struct runner *r)
{
    for (uint32_t i = 0; i < r->logs.count; i++) {
        struct task_log *log = &r->logs.item[i].log;
        size_t used = strlen(r->text), waiting = task_log_waiting(log);
        struct err err = {0};
        if (waiting == 0 || task_log_make_file(log, &err) == 0)
            continue;
        (void)snprintf(r->text + used, sizeof r->text - used,
                       "%s%zu bytes that process '%s' wrote are lost: %s",
                       used > 0 ? "; " : "", waiting, log->id.process,
                       err.text);
    }
}
