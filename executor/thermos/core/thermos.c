/* See thermos.h. Every input changes the state; settle() then makes whatever
 * the state calls for: a subscription, a report, a runner, the end. */
#include "executor/thermos/core/thermos_parts.h"

#include "base/alloc.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { BACKOFF_FIRST_MS = 50, SEND_RETRY_MS = 500 };

bool thermos_state_is_terminal(enum thermos_state state)
{
    return state == THERMOS_FINISHED || state == THERMOS_FAILED ||
           state == THERMOS_KILLED;
}

void thermos_init(struct thermos *t, const struct thermos_options *options)
{
    *t = (struct thermos){.options = *options,
                          .state = THERMOS_NONE,
                          .linger_ms = INT64_MAX,
                          .give_up_ms = INT64_MAX,
                          .next_number = 1};
    rng_seed(&t->rng, options->seed);
    thermos_task_init(t);
}

static void update_release(struct thermos_update *update)
{
    free(update->task_id);
    free(update->message);
}

void thermos_release(struct thermos *t)
{
    for (uint32_t i = 0; i < t->updates.count; i++)
        update_release(&t->updates.item[i]);
    vec_free(&t->updates);
    blob_unref(t->task);
    free(t->task_id);
    free(t->cause_text);
    *t = (struct thermos){0};
}

/* --- effects --- */

struct thermos_effect *thermos_add(struct thermos_effects *fx,
                                   enum thermos_act act)
{
    struct thermos_effect *effect = vec_add(&fx->list);
    *effect = (struct thermos_effect){.act = act};
    return effect;
}

void thermos_say(struct thermos_effects *fx, int level, const char *format, ...)
{
    struct thermos_effect *effect = thermos_add(fx, THERMOS_LOG);
    va_list args;
    effect->level = level;
    va_start(args, format);
    (void)vsnprintf(effect->text, sizeof effect->text, format, args);
    va_end(args);
}

/* Of a plain command: in updates about its health, and when that was its
 * end. */
static int command_healthy(const struct thermos *t, enum thermos_state state,
                           int reason)
{
    if (reason == THERMOS_REASON_HEALTH)
        return t->command_health.failures == 0;
    return state == THERMOS_KILLED && t->cause == THERMOS_CAUSE_UNHEALTHY ? 0
                                                                          : -1;
}

/* What is known of the task's health when it enters the state. */
static int healthy(const struct thermos *t, enum thermos_state state,
                   int reason)
{
    if (t->care.has_command_health)
        return command_healthy(t, state, reason);
    if (!t->care.has_health || t->health.attempts == 0 ||
        state == THERMOS_STARTING)
        return -1;
    return t->health.failures == 0;
}

void thermos_report_of(struct thermos *t, const char *task_id,
                       enum thermos_state state, const char *message,
                       int reason, int64_t now_ms)
{
    if (t->updates.count == THERMOS_UPDATES_MAX)
        return; /* refused tasks beyond the bound; ours are at most four */
    *vec_add(&t->updates) = (struct thermos_update){
        .number = t->next_number++,
        .uuid = uuid_random(&t->rng),
        .task_id = xstrdup(task_id),
        .state = state,
        .message = message != NULL && *message != '\0'
                       ? xstrndup(message, THERMOS_MESSAGE_MAX)
                       : NULL,
        .reason = reason,
        .healthy = task_id == t->task_id ? healthy(t, state, reason) : -1,
        .at_ms = now_ms};
}

void thermos_forget_update(struct thermos *t, uint32_t at)
{
    update_release(&t->updates.item[at]);
    vec_remove(&t->updates, at);
}

bool thermos_is_active(const struct thermos *t)
{
    return t->state != THERMOS_NONE && !thermos_state_is_terminal(t->state);
}

/* --- the agent --- */

static void on_subscribed(struct thermos *t, const struct thermos_input *input,
                          int64_t now_ms, struct thermos_effects *fx)
{
    t->link = THERMOS_UP;
    t->was_subscribed = true;
    t->attempts = 0;
    t->give_up_ms = INT64_MAX;
    t->has_killing_state = input->has_killing_state;
    for (uint32_t i = 0; i < t->updates.count; i++)
        t->updates.item[i].resend_ms = now_ms + THERMOS_RESEND_MS;
    thermos_tell_link(t, fx);
}

static void on_link_lost(struct thermos *t, const char *why, int64_t now_ms,
                         struct thermos_effects *fx)
{
    int64_t most_ms = BACKOFF_FIRST_MS;
    bool was_up = t->link == THERMOS_UP;

    t->link = THERMOS_DOWN;
    t->in_flight = 0;
    if (t->is_stopped)
        return;
    if (was_up)
        t->give_up_ms = now_ms + t->options.recovery_timeout_ms;
    for (uint32_t i = 0; i < t->attempts; i++)
        most_ms = most_ms * 2 < t->options.backoff_max_ms
                      ? most_ms * 2
                      : t->options.backoff_max_ms;
    if (t->attempts < 16)
        t->attempts++;
    t->retry_ms =
        now_ms + 1 + (int64_t)rng_below(&t->rng, (uint64_t)most_ms + 1);
    thermos_say(fx, was_up ? 1 : 3, "agent_lost reason=\"%.120s\" retrying",
                why);
    thermos_tell_link(t, fx);
}

static void subscribe(struct thermos *t, struct thermos_effects *fx)
{
    t->link = THERMOS_OPENING;
    for (uint32_t i = 0; i < t->updates.count; i++)
        t->updates.item[i].is_sent = true; /* they go with it */
    t->in_flight = 0;
    thermos_add(fx, THERMOS_SUBSCRIBE);
}

static void on_acknowledged(struct thermos *t, const struct uuid *uuid)
{
    for (uint32_t i = 0; i < t->updates.count; i++) {
        struct thermos_update *update = &t->updates.item[i];
        if (!uuid_equal(&update->uuid, uuid))
            continue;
        if (t->task_id != NULL && strcmp(update->task_id, t->task_id) == 0)
            t->is_task_known = true;
        if (t->in_flight == update->number)
            t->in_flight = 0;
        thermos_forget_update(t, i);
        return;
    }
}

static void on_update_done(struct thermos *t, const struct thermos_input *input,
                           int64_t now_ms)
{
    if (t->in_flight != input->number)
        return; /* of an earlier connection, or acknowledged meanwhile */
    t->in_flight = 0;
    for (uint32_t i = 0; i < t->updates.count; i++) {
        struct thermos_update *update = &t->updates.item[i];
        if (update->number != input->number)
            continue;
        update->is_sent = input->ok;
        update->resend_ms = now_ms + THERMOS_RESEND_MS;
    }
    if (!input->ok)
        t->send_ms = now_ms + SEND_RETRY_MS;
}

static void send_next(struct thermos *t, int64_t now_ms,
                      struct thermos_effects *fx)
{
    if (t->link != THERMOS_UP || t->in_flight != 0 || now_ms < t->send_ms)
        return;
    for (uint32_t i = 0; i < t->updates.count; i++) {
        struct thermos_update *update = &t->updates.item[i];
        if (update->is_sent && now_ms < update->resend_ms)
            continue;
        t->in_flight = update->number;
        thermos_add(fx, THERMOS_REPORT)->update = update;
        return;
    }
}

/* --- time and the end --- */

static void on_time(struct thermos *t, int64_t now_ms,
                    struct thermos_effects *fx)
{
    if (t->link == THERMOS_DOWN && now_ms >= t->retry_ms)
        subscribe(t, fx);
    if (now_ms >= t->give_up_ms && !t->is_shut_down)
        thermos_task_shut_down(t, now_ms, fx);
    thermos_task_time(t, now_ms, fx);
}

static bool is_done(const struct thermos *t, int64_t now_ms)
{
    if (t->task == NULL)
        return t->is_shut_down;
    if (!thermos_state_is_terminal(t->state))
        return false;
    if (now_ms >= t->linger_ms && t->link == THERMOS_UP)
        return true;
    if (t->link != THERMOS_UP && now_ms >= t->give_up_ms)
        return true;
    return t->updates.count == 0 && !t->is_runner_alive;
}

static void settle(struct thermos *t, int64_t now_ms,
                   struct thermos_effects *fx)
{
    send_next(t, now_ms, fx);
    if (!is_done(t, now_ms))
        return;
    t->is_stopped = true;
    thermos_add(fx, THERMOS_STOP)->status = t->updates.count == 0 ? 0 : 1;
}

void thermos_begin(struct thermos *t, int64_t now_ms,
                   struct thermos_effects *fx)
{
    t->give_up_ms = now_ms + THERMOS_REGISTER_MS;
    subscribe(t, fx);
}

void thermos_step(struct thermos *t, const struct thermos_input *input,
                  int64_t now_ms, struct thermos_effects *fx)
{
    if (t->is_stopped)
        return;
    switch (input->kind) {
    case THERMOS_IN_SUBSCRIBED:
        on_subscribed(t, input, now_ms, fx);
        break;
    case THERMOS_IN_LAUNCH:
        thermos_task_launch(t, input, now_ms, fx);
        break;
    case THERMOS_IN_REFUSE:
        thermos_report_of(t, input->task_id, THERMOS_FAILED, input->text,
                          THERMOS_REASON_NONE, now_ms);
        break;
    case THERMOS_IN_KILL:
        thermos_task_kill(t, input, now_ms, fx);
        break;
    case THERMOS_IN_ACKNOWLEDGED:
        on_acknowledged(t, &input->uuid);
        break;
    case THERMOS_IN_SHUTDOWN:
        thermos_task_shut_down(t, now_ms, fx);
        break;
    case THERMOS_IN_LINK_LOST:
        on_link_lost(t, input->text, now_ms, fx);
        break;
    case THERMOS_IN_UPDATE_DONE:
        on_update_done(t, input, now_ms);
        break;
    case THERMOS_IN_TASK_RUNNING:
        thermos_task_running(t, input->grace_ms, now_ms, fx);
        break;
    case THERMOS_IN_TASK_ENDED:
        thermos_task_ended(t, input->state, input->text, now_ms, fx);
        break;
    case THERMOS_IN_RUNNER_DIED:
        thermos_runner_died(t, input->text, now_ms, fx);
        break;
    case THERMOS_IN_CHECKED:
        thermos_task_checked(t, input, now_ms, fx);
        break;
    case THERMOS_IN_TORN:
        thermos_task_torn(t, input, now_ms);
        break;
    case THERMOS_IN_ANNOUNCED:
        t->announced_ms = INT64_MAX;
        break;
    case THERMOS_IN_MEASURED:
        thermos_task_measured(t, input->bytes, now_ms, fx);
        break;
    case THERMOS_IN_TIME:
        break;
    }
    on_time(t, now_ms, fx);
    settle(t, now_ms, fx);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When an unsent or unacknowledged update is due. */
static int64_t next_send_ms(const struct thermos *t)
{
    int64_t next_ms = INT64_MAX;
    if (t->link != THERMOS_UP || t->in_flight != 0)
        return INT64_MAX;
    for (uint32_t i = 0; i < t->updates.count; i++)
        next_ms = earlier(next_ms, t->updates.item[i].is_sent
                                       ? t->updates.item[i].resend_ms
                                       : t->send_ms);
    return next_ms > t->send_ms || next_ms == INT64_MAX ? next_ms : t->send_ms;
}

int64_t thermos_next_ms(const struct thermos *t)
{
    int64_t next_ms = next_send_ms(t);

    if (t->is_stopped)
        return INT64_MAX;
    next_ms = earlier(next_ms, thermos_task_next_ms(t));
    if (t->link == THERMOS_DOWN)
        next_ms = earlier(next_ms, t->retry_ms);
    if (!t->is_shut_down || thermos_state_is_terminal(t->state))
        next_ms = earlier(next_ms, t->give_up_ms);
    if (t->link == THERMOS_UP)
        next_ms = earlier(next_ms, t->linger_ms);
    return next_ms;
}

void thermos_check(const struct thermos *t)
{
    assert((t->task == NULL) == (t->state == THERMOS_NONE));
    assert(t->updates.count <= THERMOS_UPDATES_MAX);
    for (uint32_t i = 0; i < t->updates.count; i++) {
        const struct thermos_update *update = &t->updates.item[i];
        assert(update->number < t->next_number);
        if (i > 0)
            assert(t->updates.item[i - 1].number < update->number);
        if (thermos_state_is_terminal(update->state) && t->task_id != NULL &&
            strcmp(update->task_id, t->task_id) == 0)
            assert(i + 1 == t->updates.count ||
                   strcmp(t->updates.item[i + 1].task_id, t->task_id) != 0);
    }
    if (thermos_state_is_terminal(t->state))
        assert(t->linger_ms != INT64_MAX);
    thermos_task_check(t);
}
