/* Changes of task states and their side effects. */
#include "aurora/core/internal.h"

#include <assert.h>
#include <stdio.h>

static struct task_facts facts_of(const struct task *task)
{
    return (struct task_facts){
        .is_service = task->config->is_service,
        .failures_max = task->config->failures_max,
        .failures = task->failures,
        .was_killing = task_was(task, TASK_KILLING),
    };
}

/* first, twice that, ... up to max. */
static int64_t backoff_ms(int64_t first_ms, int64_t max_ms, uint32_t times)
{
    int64_t delay_ms = first_ms;

    for (uint32_t i = 1; i < times && delay_ms < max_ms; i++)
        delay_ms *= 2;
    return delay_ms < max_ms ? delay_ms : max_ms;
}

static bool is_leaving(const struct task *task)
{
    return task->state >= TASK_PREEMPTING && task->state <= TASK_KILLING;
}

void send_kill(struct aurora *a, struct task *task, int64_t now_ms)
{
    struct blob *agent_id = task->placement ? task->placement->agent_id : NULL;

    *vec_add(&a->work.kills) =
        (struct task_ref){blob_ref(task->id), blob_ref(agent_id)};
    if (!is_leaving(task))
        return;
    task->kills++;
    task->kill_at_ms = now_ms + backoff_ms(KILL_RETRY_FIRST_MS,
                                           KILL_RETRY_MAX_MS, task->kills);
    heap_push(&a->timers, task->kill_at_ms, TIMER_KILL, task->number);
}

/* How long a task may stay in the state that it is in; -1: for ever. */
static int64_t patience_ms(const struct task *task)
{
    if (task_machine_is_transient(task->state))
        return TRANSIENT_TIMEOUT_MS;
    return task->state == TASK_PARTITIONED ? task->config->partition_ms : -1;
}

void task_arm(struct aurora *a, struct task *task)
{
    int64_t patience = patience_ms(task);

    /* The end of a penalty is decided when it begins, and stored. */
    if (task->state != TASK_THROTTLED)
        task->deadline_ms = patience < 0 ? 0 : task_since_ms(task) + patience;
    if (task->deadline_ms > 0)
        heap_push(&a->timers, task->deadline_ms, TIMER_TASK, task->number);
}

static void leave_host(struct aurora *a, struct task *task, int64_t now_ms)
{
    struct host *host = task->host;

    task_leave_host(task);
    if (host->tasks == 0 && host->is_closed)
        maintenance_note_empty(a, host, now_ms);
}

static void end_task(struct aurora *a, struct task *task, int64_t now_ms)
{
    struct job *job = task->job;

    if (task->host) {
        trouble_note_ended(a, task, now_ms);
        limit_counts_remove(&job->limits, &a->hosts, task->host);
        leave_host(a, task, now_ms);
    }
    task->kill_at_ms = 0;
    updater_note_ended(a, task);
    cron_note_ended(a, task);
    quota_note_task_gone(a, task);
    job_remove_active(job, task);
    task_list_add(&job->ended, task);
    a->counters.tasks_ended[task->state]++;
    group_retry(a, job);
}

/* Take the new state and tell everybody. */
static void enter(struct aurora *a, struct task *task, enum task_state to,
                  const char *message, int64_t now_ms)
{
    enum task_state before = task->state;

    if (task->state == TASK_PENDING)
        group_remove(a, task);
    records_count(a, task->state, to);
    task->job->running -= task->state == TASK_RUNNING;
    task->job->running += to == TASK_RUNNING;
    task->state = to;
    task_add_event(task, to, message, now_ms);
    (void)event_log_task(&a->events, task, now_ms);
    mark_task(a, task);
    task_arm(a, task);
    if (task->host)
        victims_note(a, task);
    notices_tell_task(a, task, before, now_ms);
    notices_note_waits(a, task);
    if (to == TASK_PENDING)
        group_add(a, task);
    else if (task_machine_is_terminal(to))
        end_task(a, task, now_ms);
    else if (to == TASK_RUNNING)
        trouble_note_running(a, task, now_ms);
    app_groups_note(a, task->job);
}

/* What has ended already was told so. */
static void drop(struct aurora *a, struct task *task, int64_t now_ms)
{
    if (!task_machine_is_terminal(task->state))
        (void)event_log_dropped(&a->events, task, now_ms);
    cron_note_ended(a, task);
    records_delete_task(a, task);
}

static void apply(struct aurora *a, struct task *task, enum task_state to,
                  uint32_t effects, const char *message, int64_t now_ms)
{
    struct job *job = task->job;

    if (effects & TASK_COUNT_FAILURE)
        task->failures++;
    if (effects & TASK_SAVE)
        enter(a, task, to, message, now_ms);
    if (effects & TASK_SAVE) {
        updater_note_changed(a, task);
        rolling_note(a, task);
    }
    if (effects & TASK_RESCHEDULE && !job->is_killed &&
        updater_has_successor(task)) {
        (void)task_start(a, job, updater_config_after(task), task->instance,
                         task, now_ms);
        a->counters.rescheduled++;
    }
    if (effects & TASK_TO_LOST) {
        (void)task_go(a, task, TASK_LOST, message, now_ms);
        return;
    }
    if (effects & TASK_KILL)
        send_kill(a, task, now_ms);
    if (effects & TASK_DELETE)
        drop(a, task, now_ms);
    if (effects & TASK_DELETE || task_machine_is_terminal(to))
        job_settle(a, job, now_ms);
}

bool task_go(struct aurora *a, struct task *task, enum task_state to,
             const char *message, int64_t now_ms)
{
    struct task_facts facts = facts_of(task);
    struct task_change change = task_machine(task->state, to, &facts);

    if (change.verdict == TASK_SAME)
        return true;
    if (change.verdict == TASK_ILLEGAL) {
        a->counters.illegal_changes++;
        /* What cannot be reached cannot be killed either: asking would only
         * bring the same report again. It is killed when it comes back. */
        if ((change.effects & TASK_KILL) && to != TASK_PARTITIONED)
            send_kill(a, task, now_ms);
        return false;
    }
    apply(a, task, to, change.effects, message, now_ms);
    return true;
}

/* Did it end soon after it last was active, on its own account? */
static bool flapped(const struct task *task)
{
    uint32_t n = task->events.count;
    const struct task_event *e = task->events.item;

    if (task_was(task, TASK_RESTARTING) || task_was(task, TASK_KILLING) ||
        task_was(task, TASK_DRAINING) || task_was(task, TASK_PREEMPTING))
        return false;
    return n >= 2 && e[n - 1].at_ms - e[n - 2].at_ms < FLAPPING_MS;
}

/* The first flap is never penalised; every further one in a row waits twice as
 * long, up to the most that anything waits: ancestors older than that are not
 * asked, nor those that the history has forgotten. */
static int64_t flapping_delay_ms(const struct aurora *a,
                                 const struct task *ended)
{
    const struct task *task = ended;
    int64_t delay_ms = 0;

    for (uint32_t flaps = 1; flapped(task); flaps++) {
        task =
            task->ancestor ? aurora_task(a, blob_bytes(task->ancestor)) : NULL;
        if (!task || !flapped(task) || delay_ms == FLAPPING_DELAY_MAX_MS)
            break;
        delay_ms =
            backoff_ms(FLAPPING_DELAY_FIRST_MS, FLAPPING_DELAY_MAX_MS, flaps);
    }
    return delay_ms;
}

struct task *task_start(struct aurora *a, struct job *job,
                        struct job_config *config, uint32_t instance,
                        const struct task *ancestor, int64_t now_ms)
{
    struct task *task = records_add_task(a, job, config, instance, now_ms);
    int64_t delay_ms = 0;
    char message[80];

    if (ancestor) {
        task->ancestor = blob_ref(ancestor->id);
        task->failures = ancestor->failures;
        cron_note_follows(a, task, ancestor);
        delay_ms = flapping_delay_ms(a, ancestor);
    }
    if (delay_ms == 0) {
        (void)task_go(a, task, TASK_PENDING, NULL, now_ms);
        if (ancestor)
            keeps_note_started(a, task, ancestor, now_ms);
        return task;
    }
    snprintf(message, sizeof message,
             "waits %d s: it ended too soon, as the one before it did",
             (int)(delay_ms / 1000));
    task->deadline_ms = now_ms + delay_ms;
    (void)task_go(a, task, TASK_THROTTLED, message, now_ms);
    return task;
}

bool task_can_restart(const struct task *task)
{
    return task &&
           (task->state == TASK_ASSIGNED || task->state == TASK_STARTING ||
            task->state == TASK_RUNNING || task->state == TASK_PARTITIONED);
}

void job_settle(struct aurora *a, struct job *job, int64_t now_ms)
{
    if (job->active.count == 0 && job->is_killed && !job->is_removed) {
        job->is_removed = true;
        records_tell_job(a, EVENT_JOB_REMOVED, job, now_ms);
    }
}
