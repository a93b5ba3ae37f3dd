/* The loop of a runner. It waits in poll(), turns what happened into inputs of
 * core/task_run, and does what that asks for. */
#include "executor/thermos/runner_state.h"

#include "executor/thermos/fetch_stage.h"
#include "executor/thermos/process_tree.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { ORPHAN_GRACE_MS = 3000, POLL_MS_MAX = 60 * 1000 };

const char *runner_hostname(void)
{
    static struct utsname name;
    return uname(&name) == 0 ? name.nodename : "localhost";
}

/* --- telling --- */

static void tell_executor(struct runner *r, const struct runner_event *event)
{
    struct control_message message = {0};
    if (event->kind == RUNNER_RUNNING) {
        message.kind = CONTROL_RUNNING;
        message.number = r->run.rule.finalization_ms;
    } else if (event->kind == RUNNER_ENDED) {
        message.kind = CONTROL_ENDED;
        message.state = (uint32_t)event->state;
        (void)snprintf(message.text, sizeof message.text, "%s", event->text);
    } else {
        return;
    }
    (void)control_send(r->control, &message); /* it sees our exit as well */
}

void runner_tell(struct runner *r, struct runner_event event)
{
    if (r->control >= 0)
        tell_executor(r, &event);
    if (r->options->listener != NULL)
        r->options->listener(r->options->context, &event);
}

void runner_tell_running(struct runner *r)
{
    if (!r->is_told)
        runner_tell(r, (struct runner_event){.kind = RUNNER_RUNNING});
    r->is_told = true;
}

/* --- doing what the core asks --- */

static void perform(struct runner *r, const struct task_run_effect *effect,
                    int64_t now_ms)
{
    switch (effect->act) {
    case TASK_RUN_START:
        runner_start(r, effect->process, now_ms);
        break;
    case TASK_RUN_SIGNAL:
        tree_signal(r->process[effect->process].pid, effect->signal);
        break;
    case TASK_RUN_SWEEP:
        runner_sweep(r, effect->signal);
        break;
    case TASK_RUN_ENTER:
        if (effect->state >= TASK_RUN_SUCCESS)
            runner_write_text(r);
        runner_record_state(r, effect->state, now_ms);
        runner_tell(r, (struct runner_event){.kind = RUNNER_STATE,
                                             .task_state = effect->state});
        break;
    }
}

static void step(struct runner *r)
{
    struct task_run_effects fx = {0};
    do {
        int64_t now_ms = clock_boot_ms();
        fx.list.count = 0;
        task_run_step(&r->run, now_ms, &fx);
        for (uint32_t i = 0; i < fx.list.count; i++)
            perform(r, &fx.list.item[i], now_ms);
    } while (fx.list.count > 0);
    vec_free(&fx.list);
}

/* --- what happens --- */

static void kill_task(struct runner *r, int64_t grace_ms)
{
    int64_t now_ms = clock_boot_ms();
    task_run_kill(&r->run, grace_ms, now_ms);
    runner_record_kill(r, now_ms);
    if (r->fetch_pid != 0)
        tree_signal(r->fetch_pid, SIGKILL);
}

static void on_child_exit(struct runner *r, pid_t pid, int wait_status)
{
    for (uint32_t i = 0; i < r->config.count; i++)
        if (r->process[i].pid == pid) {
            runner_process_ended(r, i, wait_status, false, clock_boot_ms());
            return;
        }
    task_run_orphan_gone(&r->run);
}

static void read_fetch_text(struct runner *r)
{
    ssize_t n;
    size_t used = strlen(r->text);
    while ((n = read(r->fetch_text, r->text + used, FETCH_TEXT_MAX - used)) > 0)
        used += (size_t)n;
    while (used > 0 && r->text[used - 1] == '\n')
        used--;
    r->text[used] = '\0';
}

/* The sandbox is filled, or the task ends here. */
static void on_fetched(struct runner *r, int wait_status)
{
    read_fetch_text(r);
    (void)close(r->fetch_text);
    r->fetch_text = -1;
    r->fetch_pid = 0;
    r->is_prepared = true;
    if (r->run.is_killed) {
        r->text[0] = '\0';
        return;
    }
    if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0) {
        r->text[0] = '\0';
        runner_record_state(r, TASK_RUN_ACTIVE, clock_boot_ms());
        return;
    }
    if (r->text[0] == '\0')
        (void)snprintf(r->text, sizeof r->text,
                       "the sandbox could not be filled: the fetching "
                       "process died");
    r->run.state = TASK_RUN_FAILED;
    runner_record_state(r, TASK_RUN_FAILED, clock_boot_ms());
}

/* Look first, record, then reap: should we die in between, the executor finds
 * the child still there to be reaped, and the record says what is known. */
static void reap(struct runner *r)
{
    for (;;) {
        siginfo_t info = {0};
        int wait_status;
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
            info.si_pid == 0)
            return;
        wait_status =
            info.si_code == CLD_EXITED
                ? (info.si_status & 0xff) << 8
                : info.si_status | (info.si_code == CLD_DUMPED ? 0x80 : 0);
        if (info.si_pid == r->fetch_pid)
            on_fetched(r, wait_status);
        else
            on_child_exit(r, info.si_pid, wait_status);
        (void)waitpid(info.si_pid, NULL, WNOHANG);
    }
}

static void on_signals(struct runner *r)
{
    struct signalfd_siginfo info;
    while (read(r->signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGCHLD) {
            reap(r);
            continue;
        }
        r->interrupts++;
        kill_task(r, r->interrupts > 1 ? 0 : r->run.rule.finalization_ms);
    }
}

/* The agent saw the executor die, and ends the task: so do we. When the agent
 * itself was away we go on until its patience is over. */
static void on_executor_gone(struct runner *r)
{
    int64_t now_ms = clock_boot_ms();
    (void)close(r->control);
    r->control = -1;
    runner_watch_adopted(r);
    log_line(LOG_LEVEL_WARN, "executor_gone");
    if (r->orphaned_ms <= now_ms)
        kill_task(r, ORPHAN_GRACE_MS);
}

static void on_message(struct runner *r, const struct control_message *message)
{
    switch (message->kind) {
    case CONTROL_EXIT:
        on_child_exit(r, message->pid, message->status);
        break;
    case CONTROL_KILL:
        kill_task(r, message->number);
        break;
    case CONTROL_DRAIN:
        task_run_drain(&r->run);
        break;
    case CONTROL_LINK:
        r->orphaned_ms = message->number;
        break;
    default:
        break;
    }
}

static void on_control(struct runner *r)
{
    struct control_message message;
    int none[CONTROL_FDS_MAX], rc;
    while ((rc = control_receive(r->control, &message, none)) == 1)
        on_message(r, &message);
    if (rc < 0)
        on_executor_gone(r);
}

/* --- waiting --- */

static int64_t next_ms(const struct runner *r)
{
    int64_t next = r->is_prepared || r->run.is_killed
                       ? task_run_next_ms(&r->run)
                       : INT64_MAX;
    for (uint32_t i = 0; i < r->config.count; i++)
        if (r->process[i].suspect_ms != 0 && r->process[i].suspect_ms < next)
            next = r->process[i].suspect_ms;
    if (r->has_executor && r->control < 0 && !r->run.is_killed &&
        r->orphaned_ms < next)
        next = r->orphaned_ms;
    return next;
}

static void on_time(struct runner *r)
{
    int64_t now_ms = clock_boot_ms();
    for (uint32_t i = 0; i < r->config.count; i++)
        if (r->process[i].suspect_ms != 0 && r->process[i].suspect_ms <= now_ms)
            runner_process_ended(r, i, -1, true, now_ms);
    if (r->has_executor && r->control < 0 && !r->run.is_killed &&
        r->orphaned_ms <= now_ms)
        kill_task(r, ORPHAN_GRACE_MS);
}

static uint32_t add_poll(struct runner *r, int fd)
{
    if (fd < 0)
        return 0;
    *vec_add(&r->polled) = (struct pollfd){.fd = fd, .events = POLLIN};
    return r->polled.count - 1;
}

static bool is_due(const struct runner *r, uint32_t slot)
{
    return r->polled.item[slot].revents != 0;
}

static void on_logs(struct runner *r)
{
    for (uint32_t i = r->logs.count; i-- > 0;) {
        struct runner_log *log = &r->logs.item[i];
        if (!is_due(r, log->slot))
            continue;
        (void)task_log_pump(&log->log);
        if (log->log.pipe < 0)
            runner_log_ended(r, i);
    }
}

static void on_pidfds(struct runner *r)
{
    for (uint32_t i = 0; i < r->config.count; i++)
        if (is_due(r, r->process[i].slot))
            runner_process_ended(r, i, -1, true, clock_boot_ms());
}

static int poll_ms(int64_t until_ms)
{
    int64_t left_ms = until_ms - clock_boot_ms();
    if (until_ms == INT64_MAX)
        return -1;
    if (left_ms > POLL_MS_MAX) /* poll's clock stands still in a sleep */
        return POLL_MS_MAX;
    return left_ms > 0 ? (int)left_ms : 0;
}

static void wait_and_see(struct runner *r, int64_t until_ms)
{
    r->polled.count = 0;
    *vec_add(&r->polled) = (struct pollfd){.fd = -1};
    uint32_t signals = add_poll(r, r->signals);
    uint32_t control = add_poll(r, r->control);
    int64_t files_ms = runner_make_log_files(r);
    for (uint32_t i = 0; i < r->logs.count; i++) {
        struct runner_log *log = &r->logs.item[i];
        log->slot = add_poll(r, log->missing_ms == 0 ? log->log.pipe : -1);
    }
    for (uint32_t i = 0; i < r->config.count; i++)
        r->process[i].slot = add_poll(r, r->process[i].pidfd);
    if (poll(r->polled.item, r->polled.count,
             poll_ms(files_ms < until_ms ? files_ms : until_ms)) > 0) {
        on_logs(r);
        on_pidfds(r);
        if (is_due(r, signals))
            on_signals(r);
        if (r->control >= 0 && is_due(r, control))
            on_control(r);
    }
    on_time(r);
}

/* --- beginning and end --- */

static void open_signals(struct runner *r)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigprocmask(SIG_SETMASK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void runner_host(const char *sandbox, const char *user, const char *home,
                 struct task_host *out)
{
    bool has_bash = access("/bin/bash", X_OK) == 0;
    user = user ? user : getenv("USER");
    home = home ? home : getenv("HOME");
    *out = (struct task_host){.sandbox = sandbox,
                              .hostname = runner_hostname(),
                              .user = user ? user : "nobody",
                              .home = home ? home : sandbox,
                              .environ = (const char *const *)environ,
                              .shell = has_bash ? "/bin/bash" : "/bin/sh",
                              .is_bash = has_bash};
}

static int read_config(struct runner *r, struct err *err)
{
    const struct runner_options *options = r->options;
    struct task_host host;
    runner_host(options->sandbox, options->user, options->home, &host);
    int rc =
        options->is_assigned
            ? task_config_from_assigned(options->task, &host, &r->config, err)
            : task_config_from_info(options->task, &host, &r->config, err);
    if (rc != 0)
        return rc;
    r->process = xcalloc(r->config.count, sizeof *r->process);
    for (uint32_t i = 0; i < r->config.count; i++)
        r->process[i] = (struct runner_process){.pidfd = -1, .wait_status = -1};
    return task_config_plan(&r->config, &r->run, err);
}

static int prepare(struct runner *r, struct err *err)
{
    if (r->is_prepared)
        return 0;
    if (r->config.fetch_count > 0)
        return fetch_stage_start(&r->config, &r->fetch_pid, &r->fetch_text,
                                 err);
    r->is_prepared = true;
    runner_record_state(r, TASK_RUN_ACTIVE, clock_boot_ms());
    return 0;
}

/* An image may have no devices. To read from, an empty file does as well; what
 * is written to nowhere goes another way then (task_log.c). */
static int open_null(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    fd = memfd_create("null", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd >= 0)
        (void)fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_WRITE);
    return fd;
}

static int begin(struct runner *r, struct err *err)
{
    if (chdir(r->options->sandbox) != 0)
        return err_set(err, ERR_IO, "sandbox '%s': %s", r->options->sandbox,
                       strerror(errno));
    if (mkdir(".thermos", 0755) != 0 && errno != EEXIST)
        return err_set(err, ERR_IO, "sandbox '%s': %s", r->options->sandbox,
                       strerror(errno));
    (void)umask(022); /* as it is under an agent, whoever calls */
    /* What we were given, too, is not for processes to inherit. */
    (void)close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
    child_files_open(open_null(), &r->files);
    open_signals(r);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    int rc = read_config(r, err);
    if (rc == 0)
        rc = runner_open_stream(r, err);
    if (r->stream.fd > r->files.last)
        r->files.last = r->stream.fd;
    return rc;
}

static void take_over(struct runner *r)
{
    if (r->is_replayed)
        runner_reopen_logs(r); /* before the first end can be told */
    runner_adopt(r, clock_boot_ms());
    if (r->is_prepared)
        runner_tell_running(r);
}

static void finish(struct runner *r)
{
    runner_tell(r, (struct runner_event){.kind = RUNNER_ENDED,
                                         .state = runner_final_state(r),
                                         .text = r->text});
    for (uint32_t i = 0; i < r->logs.count; i++) {
        task_log_drain(&r->logs.item[i].log);
        task_log_close(&r->logs.item[i].log);
    }
    /* An executor brings the end to the agent, which makes it last. */
    stream_close(&r->stream, !r->has_executor);
}

static int refuse(struct runner *r, const struct err *err)
{
    (void)snprintf(r->text, sizeof r->text, "%s%s%s", err->text,
                   *err->hint ? "; " : "", err->hint);
    runner_tell(r, (struct runner_event){.kind = RUNNER_ENDED,
                                         .state = THERMOS_FAILED,
                                         .text = r->text});
    return 3;
}

int runner_main(const struct runner_options *options)
{
    struct err err = {0};
    struct runner *r = xcalloc(1, sizeof *r);
    r->options = options;
    r->control = options->control;
    r->has_executor = options->control >= 0;
    r->fetch_text = r->signals = -1;
    r->stream.fd = -1;
    if (begin(r, &err) != 0)
        return refuse(r, &err);
    if (!r->is_recorded_over) {
        take_over(r);
        if (prepare(r, &err) != 0)
            return refuse(r, &err);
    }
    while (!task_run_is_over(&r->run)) {
        if (r->is_prepared || (r->run.is_killed && r->fetch_pid == 0))
            step(r);
        if (!task_run_is_over(&r->run))
            wait_and_see(r, next_ms(r));
    }
    finish(r);
    return r->run.state == TASK_RUN_SUCCESS ? 0 : 1;
}
