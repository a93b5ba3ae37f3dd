/* The checkpoint's side of a runner: writing what happened, and finding out
 * after a death what still lives. */
#include "executor/thermos/runner_state.h"

#include "base/alloc.h"
#include "base/text.h"
#include "executor/thermos/process_tree.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef Perigee__Thermos__Record record_t;
typedef Perigee__Thermos__Process process_t;
typedef Perigee__Thermos__Task task_t;

enum {
    DOUBT_MS = 1000, /* the executor's word may be on its way */
    CMDLINE_MAX = 4096,
    CMDLINES_MAX = STREAM_RECORD_MAX / 2 /* all of a task's, in its header */
};

/* --- writing --- */

static void append_task(struct runner *r, task_t *task)
{
    record_t record = PERIGEE__THERMOS__RECORD__INIT;
    struct err err = {0};
    record.task = task;
    if (stream_append_fact(&r->stream, &record, &err) != 0)
        log_line(LOG_LEVEL_WARN, "checkpoint_failed reason=%s retrying",
                 log_value(err.text));
}

static process_t process_record(const struct runner *r, uint32_t process,
                                Perigee__Thermos__Process__State state,
                                int64_t now_ms)
{
    process_t record = PERIGEE__THERMOS__PROCESS__INIT;
    record.has_process = record.has_run = record.has_state = 1;
    record.has_at_ms = record.has_boot_ms = 1;
    record.process = process;
    record.run = r->run.process[process].run;
    record.state = state;
    record.at_ms = (uint64_t)clock_wall_ms();
    record.boot_ms = (uint64_t)now_ms;
    return record;
}

int runner_record_start(struct runner *r, uint32_t process, struct err *err)
{
    process_t record = process_record(
        r, process, PERIGEE__THERMOS__PROCESS__STATE__RUNNING, clock_boot_ms());
    record.has_pid = record.has_start_ticks = 1;
    record.pid = r->process[process].pid;
    record.start_ticks = r->process[process].start_ticks;
    record_t whole = PERIGEE__THERMOS__RECORD__INIT;
    whole.process = &record;
    return stream_append(&r->stream, &whole, err);
}

void runner_record_process(struct runner *r, uint32_t process,
                           Perigee__Thermos__Process__State state,
                           int wait_status, int64_t now_ms)
{
    struct err err = {0};
    process_t record = process_record(r, process, state, now_ms);
    record.has_wait_status = wait_status >= 0;
    record.wait_status = wait_status;
    record_t whole = PERIGEE__THERMOS__RECORD__INIT;
    whole.process = &record;
    if (stream_append_fact(&r->stream, &whole, &err) != 0)
        log_line(LOG_LEVEL_WARN, "checkpoint_failed reason=%s retrying",
                 log_value(err.text));
}

void runner_record_unrunnable(struct runner *r, uint32_t process,
                              int64_t now_ms)
{
    struct err err = {0};
    process_t record = process_record(
        r, process, PERIGEE__THERMOS__PROCESS__STATE__FAILED, now_ms);
    record.reason = r->process[process].unrunnable;
    record_t whole = PERIGEE__THERMOS__RECORD__INIT;
    whole.process = &record;
    if (stream_append_fact(&r->stream, &whole, &err) != 0)
        log_line(LOG_LEVEL_WARN, "checkpoint_failed reason=%s retrying",
                 log_value(err.text));
}

/* On the stream states are one more than in the core: 0 is unspecified. */
static Perigee__Thermos__Task__State state_on_stream(enum task_run_state state)
{
    switch (state) {
    case TASK_RUN_ACTIVE:
        return PERIGEE__THERMOS__TASK__STATE__ACTIVE;
    case TASK_RUN_CLEANING:
        return PERIGEE__THERMOS__TASK__STATE__CLEANING;
    case TASK_RUN_FINALIZING:
        return PERIGEE__THERMOS__TASK__STATE__FINALIZING;
    case TASK_RUN_SUCCESS:
        return PERIGEE__THERMOS__TASK__STATE__SUCCESS;
    case TASK_RUN_FAILED:
        return PERIGEE__THERMOS__TASK__STATE__FAILED;
    case TASK_RUN_KILLED:
        return PERIGEE__THERMOS__TASK__STATE__KILLED;
    default:
        return PERIGEE__THERMOS__TASK__STATE__STATE_UNSPECIFIED;
    }
}

static bool state_from_stream(Perigee__Thermos__Task__State state,
                              enum task_run_state *out)
{
    for (int i = 0; i < TASK_RUN_STATE_COUNT; i++)
        if (state_on_stream((enum task_run_state)i) == state &&
            i != TASK_RUN_ENDING) {
            *out = (enum task_run_state)i;
            return true;
        }
    return false;
}

static task_t task_record(const struct runner *r, int64_t now_ms)
{
    task_t record = PERIGEE__THERMOS__TASK__INIT;
    int64_t deadline_ms = r->run.deadline_ms;
    record.has_at_ms = record.has_boot_ms = record.has_runner_pid = 1;
    record.at_ms = (uint64_t)clock_wall_ms();
    record.boot_ms = (uint64_t)now_ms;
    record.runner_pid = getpid();
    if (deadline_ms != INT64_MAX) {
        record.has_remaining_ms = 1;
        record.remaining_ms =
            deadline_ms > now_ms ? (uint64_t)(deadline_ms - now_ms) : 0;
    }
    record.has_killed = r->run.is_killed;
    record.killed = r->run.is_killed;
    return record;
}

void runner_record_state(struct runner *r, enum task_run_state state,
                         int64_t now_ms)
{
    if (state == TASK_RUN_ENDING)
        return; /* a new runner gets there by the deadline */
    task_t record = task_record(r, now_ms);
    record.has_state = 1;
    record.state = state_on_stream(state);
    if (state >= TASK_RUN_SUCCESS)
        record.message = r->text;
    append_task(r, &record);
}

void runner_record_kill(struct runner *r, int64_t now_ms)
{
    task_t record = task_record(r, now_ms);
    append_task(r, &record);
}

/* The next runner's word to those after it: which boot the times are of. */
static void record_takeover(struct runner *r, int64_t now_ms)
{
    task_t record = task_record(r, now_ms);
    record.boot_id = r->boot_id;
    append_task(r, &record);
}

static const char *kind_of(const struct process_rule *rule)
{
    return rule->is_final       ? "final"
           : rule->is_ephemeral ? "ephemeral"
           : rule->is_daemon    ? "daemon"
                                : "";
}

/* What people want to know of each process: the last word of "sh -c WORD", or
 * all words of a plain command, cut to `max` bytes. */
static char *cmdline_of(struct arena *arena, const struct process_config *from,
                        size_t max)
{
    struct buf text = {0};
    const char *const *word = from->argv;
    size_t skip =
        word[0] != NULL && word[1] != NULL && strcmp(word[1], "-c") == 0 ? 2
                                                                         : 0;
    for (size_t i = skip; word[i] != NULL && text.size < max; i++)
        buf_addf(&text, "%s%s", i > skip ? " " : "", word[i]);
    size_t size = text.size;
    if (size > max)
        size = text_whole_characters(text.data, max);
    char *out = arena_strndup(arena, buf_text(&text), size);
    buf_release(&text);
    return out;
}

static void describe_processes(struct runner *r,
                               Perigee__Thermos__Header *header)
{
    struct arena *arena = &r->config.arena;
    size_t count = r->config.count, size = (count + 1) * sizeof(char *);
    size_t most = CMDLINES_MAX / (count + 1);
    most = most < CMDLINE_MAX ? most : CMDLINE_MAX;

    header->processes = arena_zalloc(arena, size);
    header->cmdlines = arena_zalloc(arena, size);
    header->kinds = arena_zalloc(arena, size);
    header->n_processes = header->n_cmdlines = header->n_kinds = count;
    for (uint32_t i = 0; i < count; i++) {
        header->processes[i] = arena_strdup(arena, r->config.process[i].name);
        header->cmdlines[i] = cmdline_of(arena, &r->config.process[i], most);
        header->kinds[i] =
            arena_strdup(arena, kind_of(&r->config.process_rule[i]));
    }
    if (r->config.job_key != NULL) {
        header->job_key = arena_strdup(arena, r->config.job_key);
        header->has_instance = 1;
        header->instance = r->config.instance;
    }
}

static int write_header(struct runner *r, struct err *err)
{
    char hash[17];
    record_t record = PERIGEE__THERMOS__RECORD__INIT;
    Perigee__Thermos__Header header = PERIGEE__THERMOS__HEADER__INIT;

    (void)snprintf(hash, sizeof hash, "%016llx",
                   (unsigned long long)r->config.hash);
    header.has_format = header.has_started_ms = header.has_uid = 1;
    header.format = 1;
    header.started_ms = (uint64_t)clock_wall_ms();
    header.boot_id = r->boot_id;
    header.task_id = arena_strdup(&r->config.arena, r->config.task_id);
    header.sandbox = arena_strdup(&r->config.arena, r->options->sandbox);
    header.hostname = arena_strdup(&r->config.arena, runner_hostname());
    header.user = arena_strdup(&r->config.arena,
                               r->options->user ? r->options->user : "");
    header.uid = (uint32_t)getuid();
    header.ports = r->config.port;
    header.n_ports = r->config.port_count;
    header.task_hash = hash;
    describe_processes(r, &header);
    record.header = &header;
    return stream_append(&r->stream, &record, err);
}

/* --- replay --- */

/* Times that follow are of this boot of the machine. Where the kernel does not
 * name its boots, all are one. */
static void replay_boot(struct runner *r, const char *boot_id)
{
    r->is_this_boot =
        boot_id == NULL || *boot_id == '\0' || strcmp(boot_id, r->boot_id) == 0;
}

/* A time of another boot has passed, by how much nobody knows. */
static int64_t replayed_ms(const struct runner *r, uint64_t boot_ms)
{
    return r->is_this_boot ? (int64_t)boot_ms : r->began_ms;
}

static int replay_header(struct runner *r,
                         const Perigee__Thermos__Header *header,
                         struct err *err)
{
    char hash[17];
    (void)snprintf(hash, sizeof hash, "%016llx",
                   (unsigned long long)r->config.hash);
    if (header->format != 1)
        return err_set(err, ERR_UNSUPPORTED,
                       "checkpoint: format %u; this program knows 1",
                       header->format);
    if (header->task_hash == NULL || strcmp(header->task_hash, hash) != 0) {
        int rc = err_set(err, ERR_CONFLICT,
                         "checkpoint: it is of another task ('%.100s')",
                         header->task_id ? header->task_id : "");
        err_hint(err, "use another directory, or remove its .thermos");
        return rc;
    }
    r->is_replayed = true;
    replay_boot(r, header->boot_id);
    return 0;
}

static enum run_outcome outcome_of(Perigee__Thermos__Process__State state)
{
    switch (state) {
    case PERIGEE__THERMOS__PROCESS__STATE__SUCCESS:
        return RUN_SUCCESS;
    case PERIGEE__THERMOS__PROCESS__STATE__FAILED:
        return RUN_FAILED;
    case PERIGEE__THERMOS__PROCESS__STATE__KILLED:
        return RUN_KILLED;
    default:
        return RUN_LOST;
    }
}

static int replay_process(struct runner *r, const process_t *record,
                          struct err *err)
{
    uint32_t at = record->process;
    bool starts = record->state == PERIGEE__THERMOS__PROCESS__STATE__RUNNING;
    bool never_began = !starts && record->reason != NULL;
    struct runner_process *process = &r->process[at];

    if (at >= r->config.count ||
        r->run.process[at].is_alive == (starts || never_began))
        return err_set(err, ERR_DAMAGED,
                       "checkpoint: record %llu contradicts those before",
                       (unsigned long long)record->sequence);
    if (starts) {
        process->pid = record->pid;
        /* 0: of another boot, so it lives no more, whoever has its pid. */
        process->start_ticks = r->is_this_boot ? record->start_ticks : 0;
        process->is_adopted = true;
        free(process->unrunnable); /* of a run before it */
        process->unrunnable = NULL;
        task_run_replay_started(&r->run, at, record->run);
        return 0;
    }
    if (never_began) {
        task_run_replay_started(&r->run, at, record->run);
        free(process->unrunnable);
        process->unrunnable = xstrdup(record->reason);
    }
    process->pid = 0;
    process->wait_status = record->has_wait_status ? record->wait_status : -1;
    task_run_ended(&r->run, at, outcome_of(record->state),
                   replayed_ms(r, record->boot_ms));
    return 0;
}

static void replay_task(struct runner *r, const task_t *record)
{
    enum task_run_state state = r->run.state;
    int64_t deadline_ms = INT64_MAX;

    if (record->has_remaining_ms)
        deadline_ms =
            replayed_ms(r, record->boot_ms) + (int64_t)record->remaining_ms;
    if (record->boot_id != NULL)
        replay_boot(r, record->boot_id);
    r->run.is_killed |= record->has_killed && record->killed;
    if (record->has_state)
        (void)state_from_stream(record->state, &state);
    r->is_prepared |= record->has_state || r->run.is_killed;
    task_run_replay_state(&r->run, state, deadline_ms);
    r->is_recorded_over = task_run_is_over(&r->run);
    if (record->message != NULL)
        (void)snprintf(r->text, sizeof r->text, "%s", record->message);
}

static int visit(void *context, const record_t *record, struct err *err)
{
    struct runner *r = context;
    if (record->header != NULL)
        return replay_header(r, record->header, err);
    if (!r->is_replayed)
        return err_set(err, ERR_DAMAGED, "checkpoint: it has no header");
    if (record->process != NULL)
        return replay_process(r, record->process, err);
    if (record->task != NULL)
        replay_task(r, record->task);
    return 0;
}

int runner_open_stream(struct runner *r, struct err *err)
{
    r->began_ms = clock_boot_ms();
    clock_boot_id(r->boot_id);
    int rc = stream_open(&r->stream, ".thermos/stream", visit, r, err);
    if (rc != 0)
        return rc;
    if (!r->is_replayed)
        return write_header(r, err);
    if (!r->is_recorded_over)
        record_takeover(r, r->began_ms);
    return 0;
}

/* --- adoption --- */

static void reopen_log(struct runner *r, uint32_t process, uint32_t run,
                       int stream, int pipe)
{
    const struct process_config *config = &r->config.process[process];
    struct task_log_id id = {config->name, run, stream};
    struct task_log log;
    task_log_reopen(&log, &config->log, id, pipe);
    runner_add_log(r, &log, process);
}

/* A FIFO of an earlier runner: "<process>.<run>.stdout". The process may be
 * gone while children of it still write. */
static void reopen_named(struct runner *r, const char *name)
{
    const char *dot = strrchr(name, '.');
    int stream = dot == NULL                   ? 0
                 : strcmp(dot, ".stdout") == 0 ? 1
                 : strcmp(dot, ".stderr") == 0 ? 2
                                               : 0;
    for (uint32_t i = 0; stream != 0 && i < r->config.count; i++) {
        const struct process_config *config = &r->config.process[i];
        size_t size = strlen(config->name);
        char *end = NULL;
        if (strncmp(name, config->name, size) != 0 || name[size] != '.')
            continue;
        unsigned long run = strtoul(name + size + 1, &end, 10);
        if (end != dot || end == name + size + 1 || run >= PLAN_RUNS_MAX)
            continue;
        reopen_log(r, i, (uint32_t)run, stream, -1);
        return;
    }
}

/* What an earlier runner gave the executor to hold (log_key). */
static void reopen_held(struct runner *r, const struct control_held *held)
{
    uint32_t process = (uint32_t)(held->key >> 32), run = (uint32_t)held->key;
    for (int i = 0; i < CONTROL_FDS_MAX && process < r->config.count; i++)
        if (held->fd[i] >= 0)
            reopen_log(r, process, run, i + 1, held->fd[i]);
}

void runner_reopen_logs(struct runner *r)
{
    for (size_t i = 0; i < r->options->held_count; i++)
        reopen_held(r, &r->options->held[i]);
    if (r->has_executor)
        return;
    DIR *dir = opendir(".thermos");
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL)
        reopen_named(r, entry->d_name);
    if (dir != NULL)
        (void)closedir(dir);
}

static int watch(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

static bool is_alive(const struct runner_process *process)
{
    return process->start_ticks != 0 &&
           tree_start_ticks(process->pid) == process->start_ticks;
}

/* The executor tells how its own children end; of others, left by an executor
 * before it, we see only that they do. */
static void adopt_one(struct runner *r, uint32_t at)
{
    struct runner_process *process = &r->process[at];
    if (r->control < 0 || tree_parent(process->pid) != r->options->executor_pid)
        process->pidfd = watch(process->pid);
    runner_tell(r, (struct runner_event){.kind = RUNNER_PROCESS_ADOPTED,
                                         .process = r->config.process[at].name,
                                         .run = r->run.process[at].run,
                                         .pid = process->pid});
}

static bool is_told_gone(struct runner *r, uint32_t at, int64_t now_ms)
{
    const struct control_exit *exits = r->options->exits;
    for (size_t i = r->options->exit_count; i-- > 0;) /* the newest of a pid */
        if (exits[i].pid == r->process[at].pid) {
            runner_process_ended(r, at, exits[i].status, false, now_ms);
            return true;
        }
    return false;
}

void runner_adopt(struct runner *r, int64_t now_ms)
{
    for (uint32_t i = 0; i < r->config.count; i++) {
        struct runner_process *process = &r->process[i];
        if (process->pid == 0)
            continue;
        if (is_alive(process)) /* what was told was of another one's pid */
            adopt_one(r, i);
        else if (!is_told_gone(r, i, now_ms))
            /* Without an executor nobody will ever tell. */
            process->suspect_ms = r->control >= 0 ? now_ms + DOUBT_MS : now_ms;
    }
}

void runner_watch_adopted(struct runner *r)
{
    for (uint32_t i = 0; i < r->config.count; i++)
        if (r->process[i].pid != 0 && r->process[i].is_adopted &&
            r->process[i].pidfd < 0)
            r->process[i].pidfd = watch(r->process[i].pid);
}
