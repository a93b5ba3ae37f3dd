/* What becomes of the task: its runner, its health, its disk, its end. */
#include "executor/thermos/core/thermos_parts.h"

#include "base/alloc.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { KIB = 1024, MIB = 1024 * 1024 };

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void thermos_task_init(struct thermos *t)
{
    t->limit_ms = INT64_MAX;
    t->announced_ms = INT64_MAX;
    t->measure_ms = INT64_MAX;
    t->grace_left_ms = INT64_MAX;
    t->hard_ms = INT64_MAX;
    t->kill_ms = INT64_MAX;
    t->cause_reason = THERMOS_REASON_NONE;
    health_init(&t->health, &(struct health_rule){0});
    command_health_init(&t->command_health, &(struct command_health_rule){0});
    teardown_init(&t->teardown, &(struct teardown_rule){0});
}

/* --- the runner --- */

static void start_runner(struct thermos *t, struct thermos_effects *fx)
{
    thermos_add(fx, THERMOS_START_RUNNER)->take_over = t->runners > 0;
    t->runners++;
    t->is_runner_alive = true;
    t->has_taken_over = false;
}

/* Should this executor die while the agent sees it, the agent ends the task and
 * the runner must not go on; with the agent away it may, until the agent's
 * patience with us is over. */
void thermos_tell_link(const struct thermos *t, struct thermos_effects *fx)
{
    if (t->is_runner_alive)
        thermos_add(fx, THERMOS_TELL_LINK)->until_ms =
            t->link == THERMOS_UP ? 0 : t->give_up_ms;
}

/* --- states --- */

/* The task entered a state: remember it and tell the agent. */
static void report(struct thermos *t, enum thermos_state state,
                   const char *message, int reason, int64_t now_ms)
{
    assert(!thermos_state_is_terminal(t->state));
    t->state = state;
    thermos_report_of(t, t->task_id, state, message, reason, now_ms);
    if (thermos_state_is_terminal(state))
        t->linger_ms = now_ms + THERMOS_LINGER_MS;
}

static void stop_care(struct thermos *t, struct thermos_effects *fx)
{
    if (t->health.is_checking || t->command_health.is_checking)
        thermos_add(fx, THERMOS_STOP_CHECKS);
    health_stop(&t->health);
    command_health_stop(&t->command_health);
    t->announced_ms = INT64_MAX;
    t->measure_ms = INT64_MAX;
}

static void end_task(struct thermos *t, enum thermos_state state,
                     const char *text, int64_t now_ms,
                     struct thermos_effects *fx)
{
    int reason = THERMOS_REASON_NONE;

    stop_care(t, fx);
    if (t->teardown.rule.is_announced && t->torn < TEARDOWN_LEAVING)
        thermos_add(fx, THERMOS_TEAR)->step = TEARDOWN_LEAVING;
    if (t->cause == THERMOS_CAUSE_TIME) {
        state = THERMOS_FAILED;
        reason = THERMOS_REASON_TIME;
    } else if (t->cause == THERMOS_CAUSE_FAILURE) {
        state = THERMOS_FAILED;
        reason = t->cause_reason;
        text = t->cause_text;
    } else if (t->cause == THERMOS_CAUSE_KILL ||
               t->cause == THERMOS_CAUSE_UNHEALTHY) {
        state = THERMOS_KILLED;
    }
    report(t, state, text, reason, now_ms);
}

/* --- ending it --- */

static void send_kill(struct thermos *t, int64_t now_ms,
                      struct thermos_effects *fx)
{
    int64_t left_ms = t->hard_ms > now_ms ? t->hard_ms - now_ms : 0;
    int64_t grace_ms = earlier(t->grace_left_ms, left_ms);

    if (now_ms + grace_ms >= t->kill_ms)
        return; /* a later kill can only shorten */
    t->kill_ms = now_ms + grace_ms;
    thermos_add(fx, THERMOS_KILL_TASK)->grace_ms = grace_ms;
}

/* Who obeys must not be started again. */
static void ask_to_end(enum teardown_step step, struct thermos_effects *fx)
{
    if (step == TEARDOWN_QUITTING || step == TEARDOWN_ABORTING)
        thermos_add(fx, THERMOS_DRAIN);
    thermos_add(fx, THERMOS_TEAR)->step = step;
}

/* Do what the present step of the teardown asks for, unless it was done. */
static void tear(struct thermos *t, int64_t now_ms, struct thermos_effects *fx)
{
    do {
        enum teardown_step step = t->teardown.step;
        if (step == t->torn)
            continue;
        t->torn = step;
        if (step == TEARDOWN_DONE)
            send_kill(t, now_ms, fx);
        else if (step != TEARDOWN_QUIT && step != TEARDOWN_ABORTED)
            ask_to_end(step, fx);
    } while (teardown_time(&t->teardown, now_ms));
}

/* The first cause begins the end; every one may shorten it. */
static void end_within(struct thermos *t, enum thermos_cause cause,
                       int64_t grace_ms, int64_t now_ms,
                       struct thermos_effects *fx)
{
    if (!thermos_is_active(t))
        return;
    t->grace_left_ms = earlier(t->grace_left_ms, grace_ms);
    if (t->cause != THERMOS_CAUSE_NONE) {
        if (t->torn == TEARDOWN_DONE)
            send_kill(t, now_ms, fx);
        return;
    }
    t->cause = cause;
    stop_care(t, fx);
    teardown_begin(&t->teardown, t->is_up, now_ms, INT64_MAX);
    tear(t, now_ms, fx);
    if (cause != THERMOS_CAUSE_FAILURE && t->has_killing_state)
        report(t, THERMOS_KILLING, NULL, THERMOS_REASON_NONE, now_ms);
}

static void fail_task(struct thermos *t, int reason, const char *text,
                      int64_t now_ms, struct thermos_effects *fx)
{
    if (t->cause != THERMOS_CAUSE_NONE || !thermos_is_active(t))
        return;
    thermos_say(fx, 1, "task_fails reason=\"%.160s\"", text);
    t->cause_text = xstrdup(text);
    t->cause_reason = reason;
    end_within(t, THERMOS_CAUSE_FAILURE, t->grace_ms, now_ms, fx);
}

void thermos_task_torn(struct thermos *t, const struct thermos_input *input,
                       int64_t now_ms)
{
    teardown_answer(&t->teardown, input->step, input->ok, now_ms);
}

/* --- what the agent says --- */

void thermos_task_launch(struct thermos *t, const struct thermos_input *input,
                         int64_t now_ms, struct thermos_effects *fx)
{
    char text[512];
    if (t->task != NULL) {
        if (strcmp(t->task_id, input->task_id) == 0)
            return; /* told twice */
        (void)snprintf(text, sizeof text,
                       "this executor runs one task, and has '%.255s' already",
                       t->task_id);
        thermos_report_of(t, input->task_id, THERMOS_FAILED, text,
                          THERMOS_REASON_NONE, now_ms);
        return;
    }
    t->task = blob_ref(input->task);
    t->task_id = xstrdup(input->task_id);
    t->is_grace_told = input->grace_ms < 0;
    t->grace_ms =
        t->is_grace_told ? THERMOS_ASSIGNED_GRACE_MS : input->grace_ms;
    if (input->limit_ms > 0)
        t->limit_ms = now_ms + input->limit_ms;
    if (input->care != NULL)
        t->care = *input->care;
    health_init(&t->health, &t->care.health);
    command_health_init(&t->command_health, &t->care.command_health);
    teardown_init(&t->teardown, &t->care.teardown);
    t->teardown.rule.is_announced = false; /* it is not, yet */
    report(t, THERMOS_STARTING, NULL, THERMOS_REASON_NONE, now_ms);
    start_runner(t, fx);
    thermos_tell_link(t, fx);
}

void thermos_task_kill(struct thermos *t, const struct thermos_input *input,
                       int64_t now_ms, struct thermos_effects *fx)
{
    if (t->task == NULL || strcmp(t->task_id, input->task_id) != 0) {
        thermos_say(fx, 1, "kill_ignored reason=\"not our task\"");
        return;
    }
    end_within(t, THERMOS_CAUSE_KILL,
               input->grace_ms >= 0 ? input->grace_ms : t->grace_ms, now_ms,
               fx);
}

/* The agent destroys everything soon: half of the time left is for the
 * teardown, the rest for the processes. */
void thermos_task_shut_down(struct thermos *t, int64_t now_ms,
                            struct thermos_effects *fx)
{
    int64_t grace_ms = t->options.shutdown_grace_ms;

    t->is_shut_down = true;
    t->hard_ms = earlier(t->hard_ms, now_ms + grace_ms);
    end_within(t, THERMOS_CAUSE_KILL, earlier(grace_ms, t->grace_ms), now_ms,
               fx);
    teardown_hurry(&t->teardown, now_ms + grace_ms / 2);
}

/* --- what the runner says --- */

static void become_running(struct thermos *t, int64_t now_ms,
                           struct thermos_effects *fx)
{
    if (t->state != THERMOS_STARTING || t->cause != THERMOS_CAUSE_NONE)
        return;
    report(t, THERMOS_RUNNING, NULL, THERMOS_REASON_NONE, now_ms);
    if (t->care.teardown.is_announced) {
        t->teardown.rule.is_announced = true;
        t->announced_ms = now_ms + t->care.announce_ms;
        thermos_add(fx, THERMOS_ANNOUNCE);
    }
}

void thermos_task_running(struct thermos *t, int64_t grace_ms, int64_t now_ms,
                          struct thermos_effects *fx)
{
    t->has_taken_over = true;
    if (t->is_grace_told)
        t->grace_ms = grace_ms;
    if (t->is_up || t->cause != THERMOS_CAUSE_NONE || !thermos_is_active(t))
        return;
    t->is_up = true;
    if (t->care.disk_bytes > 0)
        t->measure_ms = now_ms + t->care.disk_interval_ms;
    if (t->care.has_health)
        health_begin(&t->health, now_ms);
    if (t->care.has_command_health)
        command_health_begin(&t->command_health, now_ms);
    if (!t->care.has_health || t->health.state == HEALTH_RUNNING)
        become_running(t, now_ms, fx);
}

void thermos_task_ended(struct thermos *t, enum thermos_state state,
                        const char *text, int64_t now_ms,
                        struct thermos_effects *fx)
{
    if (thermos_is_active(t))
        end_task(t, state, text, now_ms, fx);
}

void thermos_runner_died(struct thermos *t, const char *why, int64_t now_ms,
                         struct thermos_effects *fx)
{
    char text[512];

    t->is_runner_alive = false;
    if (!thermos_is_active(t))
        return;
    t->failed_takeovers = t->has_taken_over ? 0 : t->failed_takeovers + 1;
    if (t->failed_takeovers < THERMOS_TAKEOVERS_MAX &&
        t->runners < THERMOS_RUNNERS_MAX) {
        thermos_say(fx, 1, "runner_died reason=\"%.100s\" restarting", why);
        start_runner(t, fx);
        thermos_tell_link(t, fx);
        if (t->torn >= TEARDOWN_QUITTING && t->torn < TEARDOWN_DONE)
            thermos_add(fx, THERMOS_DRAIN);
        if (t->kill_ms != INT64_MAX)
            thermos_add(fx, THERMOS_KILL_TASK)->grace_ms =
                t->kill_ms > now_ms ? t->kill_ms - now_ms : 0;
        return;
    }
    thermos_add(fx, THERMOS_DESTROY);
    (void)snprintf(text, sizeof text,
                   "the runner of this task died and could not be replaced "
                   "after %u attempts: it %.200s",
                   t->runners, why);
    end_task(t, THERMOS_KILLED, text, now_ms, fx);
}

/* --- health and disk --- */

/* With an agent that is away nobody needs to hear of every change. */
static void forget_newest_health(struct thermos *t)
{
    struct thermos_update *newest = &t->updates.item[t->updates.count - 1];
    if (t->updates.count < THERMOS_HEALTH_UPDATES_MAX ||
        newest->reason != THERMOS_REASON_HEALTH ||
        newest->number == t->in_flight)
        return;
    thermos_forget_update(t, t->updates.count - 1);
}

static void command_checked(struct thermos *t,
                            const struct thermos_input *input, int64_t now_ms,
                            struct thermos_effects *fx)
{
    enum command_health_news news;
    if (!t->command_health.is_checking ||
        input->number != t->command_health.attempts + 1)
        return; /* of a check that was dropped */
    news = command_health_result(&t->command_health, input->ok, now_ms);
    if (!input->ok)
        thermos_say(fx, 1,
                    "health_check_failed attempt=%llu in_a_row=%u "
                    "reason=\"%.120s\"",
                    (unsigned long long)t->command_health.attempts,
                    t->command_health.failures,
                    input->text != NULL ? input->text : "");
    if (news == COMMAND_HEALTH_NO_NEWS || t->state != THERMOS_RUNNING)
        return;
    forget_newest_health(t);
    report(t, THERMOS_RUNNING, NULL, THERMOS_REASON_HEALTH, now_ms);
    if (news == COMMAND_HEALTH_HOPELESS)
        end_within(t, THERMOS_CAUSE_UNHEALTHY, t->grace_ms, now_ms, fx);
}

static void job_checked(struct thermos *t, const struct thermos_input *input,
                        int64_t now_ms, struct thermos_effects *fx)
{
    const char *reason = input->text != NULL ? input->text : "";
    char text[THERMOS_MESSAGE_MAX];

    if (!t->health.is_checking ||
        input->number != (uint64_t)t->health.attempts + 1)
        return; /* of a check that was dropped */
    health_result(&t->health, input->ok, now_ms);
    if (!input->ok)
        thermos_say(fx, 1,
                    "health_check_failed attempt=%lld in_a_row=%lld "
                    "reason=\"%.120s\"",
                    (long long)t->health.attempts,
                    (long long)t->health.failures, reason);
    if (t->health.state == HEALTH_RUNNING) {
        become_running(t, now_ms, fx);
    } else if (t->health.state == HEALTH_FAILED) {
        (void)snprintf(text, sizeof text, "Failed health check! %s", reason);
        fail_task(t, THERMOS_REASON_HEALTH, text, now_ms, fx);
    }
}

void thermos_task_checked(struct thermos *t, const struct thermos_input *input,
                          int64_t now_ms, struct thermos_effects *fx)
{
    if (t->care.has_command_health)
        command_checked(t, input, now_ms, fx);
    else
        job_checked(t, input, now_ms, fx);
}

/* "12.5 MB", "900 KB": enough to see which is more. */
static void size_text(int64_t bytes, char *out, size_t size)
{
    int64_t unit = bytes >= MIB ? MIB : KIB;
    int64_t tenths = bytes / unit * 10 + bytes % unit * 10 / unit;
    (void)snprintf(out, size, "%lld.%lld %s", (long long)(tenths / 10),
                   (long long)(tenths % 10), unit == MIB ? "MB" : "KB");
}

void thermos_task_measured(struct thermos *t, int64_t bytes, int64_t now_ms,
                           struct thermos_effects *fx)
{
    char text[256], used[32], allowed[32];

    if (!t->is_measuring)
        return;
    t->is_measuring = false;
    if (t->cause != THERMOS_CAUSE_NONE || !thermos_is_active(t))
        return;
    t->measure_ms = now_ms + t->care.disk_interval_ms;
    if (bytes <= t->care.disk_bytes)
        return;
    size_text(bytes, used, sizeof used);
    size_text(t->care.disk_bytes, allowed, sizeof allowed);
    (void)snprintf(text, sizeof text,
                   "disk limit exceeded: the sandbox holds %s, %s are allowed",
                   used, allowed);
    fail_task(t, THERMOS_REASON_DISK, text, now_ms, fx);
}

/* --- time --- */

static void care_time(struct thermos *t, int64_t now_ms,
                      struct thermos_effects *fx)
{
    char text[160];

    if (health_take(&t->health, now_ms))
        thermos_add(fx, THERMOS_CHECK)->number =
            (uint64_t)t->health.attempts + 1;
    if (command_health_take(&t->command_health, now_ms))
        thermos_add(fx, THERMOS_CHECK)->number = t->command_health.attempts + 1;
    if (now_ms >= t->measure_ms && !t->is_measuring) {
        t->is_measuring = true;
        t->measure_ms = INT64_MAX;
        thermos_add(fx, THERMOS_MEASURE);
    }
    if (now_ms >= t->announced_ms) {
        (void)snprintf(text, sizeof text,
                       "the task could not be announced within %lld s: "
                       "ZooKeeper did not answer",
                       (long long)(t->care.announce_ms / 1000));
        fail_task(t, THERMOS_REASON_NONE, text, now_ms, fx);
    }
}

void thermos_task_time(struct thermos *t, int64_t now_ms,
                       struct thermos_effects *fx)
{
    if (!thermos_is_active(t))
        return;
    care_time(t, now_ms, fx);
    if (now_ms >= t->limit_ms && t->cause == THERMOS_CAUSE_NONE)
        end_within(t, THERMOS_CAUSE_TIME, t->grace_ms, now_ms, fx);
    tear(t, now_ms, fx);
    if (t->kill_ms != INT64_MAX &&
        now_ms >= t->kill_ms + THERMOS_KILL_SLACK_MS) {
        thermos_add(fx, THERMOS_DESTROY);
        end_task(t, THERMOS_KILLED, "killed; the runner did not report in time",
                 now_ms, fx);
    }
}

int64_t thermos_task_next_ms(const struct thermos *t)
{
    int64_t next_ms = earlier(t->health.next_ms, t->teardown.next_ms);

    if (!thermos_is_active(t))
        return INT64_MAX;
    next_ms = earlier(next_ms, t->command_health.next_ms);
    next_ms = earlier(next_ms, earlier(t->measure_ms, t->announced_ms));
    if (t->cause == THERMOS_CAUSE_NONE)
        next_ms = earlier(next_ms, t->limit_ms);
    if (t->kill_ms != INT64_MAX)
        next_ms = earlier(next_ms, t->kill_ms + THERMOS_KILL_SLACK_MS);
    return next_ms;
}

void thermos_task_check(const struct thermos *t)
{
    health_check(&t->health);
    command_health_check(&t->command_health);
    assert(!t->care.has_health || !t->care.has_command_health);
    teardown_check(&t->teardown);
    assert((t->teardown.step == TEARDOWN_IDLE) ==
           (t->cause == THERMOS_CAUSE_NONE));
    assert(t->cause == THERMOS_CAUSE_NONE ||
           (t->health.next_ms == INT64_MAX &&
            t->command_health.next_ms == INT64_MAX));
    assert((t->cause == THERMOS_CAUSE_FAILURE) == (t->cause_text != NULL));
    /* Healthy first, then RUNNING. */
    assert(t->state != THERMOS_RUNNING || !t->care.has_health ||
           t->health.state != HEALTH_STARTING);
}
