/* What there is to tell: of tasks, runs and updates. */
#include "aurora/core/internal.h"

enum { TASKS_SEARCHED_MAX = 1000 };

static bool wants(const struct job_config *config, enum notify_what what)
{
    for (uint32_t i = 0; i < config->notify_count; i++)
        if (config->notify[i].on & 1U << what)
            return true;
    return false;
}

static void fill_task(const struct task *task, struct notice_facts *facts)
{
    facts->task_id = task->id;
    facts->instance = task->instance;
    facts->state = task->state;
    facts->failures = task->failures;
    if (task->events.count > 0)
        facts->message = task->events.item[task->events.count - 1].message;
}

/* --- tasks --- */

static enum notify_what what_of_task(const struct task *task,
                                     enum task_state before)
{
    switch (task->state) {
    case TASK_LOST:
        return NOTIFY_LOST;
    case TASK_RUNNING: /* it may only have been out of reach */
        return before == TASK_PARTITIONED ? 0 : NOTIFY_STARTED;
    case TASK_FINISHED:
        return NOTIFY_FINISHED;
    case TASK_FAILED:
        return NOTIFY_FAILED;
    case TASK_KILLED:
        return NOTIFY_KILLED;
    default:
        return 0;
    }
}

void notices_tell_task(struct aurora *a, const struct task *task,
                       enum task_state before, int64_t now_ms)
{
    struct job_config *config = task->job->config;

    if (config->notify_count == 0)
        return;
    struct notice_facts facts = {
        .what = what_of_task(task, before), .at_ms = now_ms, .before = before};
    if (facts.what == 0 || (config->cron && facts.what != NOTIFY_LOST))
        return;
    fill_task(task, &facts);
    if (task->state == TASK_FAILED && facts.failures > 0)
        facts.failures--; /* this one is no retry */
    notices_tell(a, config, &facts);
}

/* How long a task may wait for a machine before that is late. */
static int64_t wait_ms(const struct job_config *config)
{
    if (!config->cron)
        return NOTICE_WAIT_MS;
    return config->cron->epsilon_ms > 0 ? config->cron->epsilon_ms
                                        : CRON_PATIENCE_MS;
}

void notices_note_waits(struct aurora *a, const struct task *task)
{
    const struct job_config *config = task->job->config;

    if (task->state == TASK_PENDING && wants(config, NOTIFY_SLA))
        heap_push(&a->timers, task_since_ms(task) + wait_ms(config),
                  TIMER_WAITS, task->number);
}

void notices_wait_timer(struct aurora *a, uint64_t number, int64_t now_ms)
{
    const struct task *task = aurora_task_by_number(a, number);

    if (!task || task->state != TASK_PENDING)
        return;
    struct notice_facts facts = {.what = NOTIFY_SLA,
                                 .at_ms = now_ms,
                                 .before = TASK_PENDING,
                                 .late_ms = now_ms - task_since_ms(task)};
    fill_task(task, &facts);
    notices_tell(a, task->job->config, &facts);
}

/* --- runs --- */

static enum notify_what what_of_run(const struct firing *firing)
{
    switch (firing->state) {
    case FIRING_ACTIVE:
        return firing->tries == 1 ? NOTIFY_STARTED : 0;
    case FIRING_SUCCEEDED:
        return NOTIFY_FINISHED;
    case FIRING_FAILED:
        return NOTIFY_FAILED;
    case FIRING_KILLED:
        return NOTIFY_KILLED;
    case FIRING_CANCELLED:
    case FIRING_MISSED:
        return NOTIFY_SLA;
    default:
        return 0;
    }
}

/* The newest task of the run that did not do well; else its newest one. */
static const struct task *telling_task(const struct firing *firing)
{
    const struct task *found = NULL, *task = firing->job->ended.last;

    for (int i = 0; task && i < TASKS_SEARCHED_MAX; i++, task = task->prev) {
        if (task->firing != firing->id)
            continue;
        if (task->state != TASK_FINISHED)
            return task;
        if (!found)
            found = task;
    }
    return found;
}

static void tell_run(struct aurora *a, const struct firing *firing,
                     enum notify_what what, int64_t now_ms)
{
    struct job_config *config = firing->job->config;
    struct notice_facts facts = {.what = what,
                                 .at_ms = now_ms,
                                 .scheduled = firing->at,
                                 .firing = firing->state,
                                 .tries = firing->tries,
                                 .late_ms = cron_late_ms(firing, now_ms)};

    if (what == 0 || !wants(config, what))
        return;
    const struct task *task =
        firing_is_over(firing) ? telling_task(firing) : NULL;
    if (task)
        fill_task(task, &facts);
    facts.failures = firing->tries > 0 ? firing->tries - 1 : 0;
    notices_tell(a, config, &facts);
}

/* What a person starts has no time to keep. */
void notices_tell_run(struct aurora *a, const struct firing *firing,
                      int64_t now_ms)
{
    bool is_manual = firing->id % 2 != 0;
    enum notify_what what = what_of_run(firing);

    if (firing->job->config->notify_count == 0)
        return;
    if (!(is_manual && what == NOTIFY_SLA))
        tell_run(a, firing, what, now_ms);
    if (what == NOTIFY_STARTED && !is_manual &&
        cron_late_ms(firing, now_ms) > wait_ms(firing->job->config))
        tell_run(a, firing, NOTIFY_SLA, now_ms);
}

/* --- updates --- */

void notices_tell_update(struct aurora *a, const struct update *update,
                         int64_t now_ms)
{
    struct notice_facts facts = {.what = NOTIFY_UPDATED,
                                 .at_ms = now_ms,
                                 .update_id = update->id,
                                 .update = update->state};

    if (update->events.count > 0)
        facts.message = update->events.item[update->events.count - 1].message;
    notices_tell(a, update->config, &facts);
}
