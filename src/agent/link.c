/* The link to the master: SUBSCRIBE, follow its orders, make calls. A call that
 * cannot be made breaks the link; a new SUBSCRIBE tells everything again. */
#include "agent/internal.h"
#include "sys/address.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
    BACKOFF_FIRST_MS = 100,
    BACKOFF_LAST_MS = 5 * 1000,
    ANSWER_MS = 30 * 1000,       /* a SUBSCRIBE or a call may take this long */
    PING_TIMEOUT_MS = 75 * 1000, /* until the master says another */
    CALLS_AT_ONCE = 16,
    CALLS_WAITING_MAX = 20000 /* beyond: start over with a SUBSCRIBE */
};

struct headers {
    struct http_header item[3];
    uint32_t count;
};

static struct headers headers(const struct agent_program *p)
{
    struct headers out = {{{"Content-Type", "application/x-protobuf"},
                           {"Accept", "application/x-protobuf"}},
                          2};
    if (p->authorization != NULL)
        out.item[out.count++] =
            (struct http_header){"Authorization", p->authorization};
    return out;
}

static const char *url(struct agent_program *p)
{
    return arena_printf(&p->arena, "%s%s/api/v1/agent",
                        address_scheme(p->master), p->master);
}

void agent_link_free(struct agent_link *link)
{
    for (uint32_t i = 0; i < link->waiting.count; i++)
        buf_release(&link->waiting.item[i]);
    vec_free(&link->waiting);
    vec_free(&link->made);
}

static void link_down(struct agent_program *p, const char *why, int64_t now_ms,
                      struct effects *fx)
{
    struct agent_link *link = &p->link;
    if (link->state == LINK_DOWN)
        return;
    effect_hangup(fx, link->stream);
    for (uint32_t i = 0; i < link->made.count; i++)
        effect_hangup(fx, link->made.item[i]);
    for (uint32_t i = 0; i < link->waiting.count; i++)
        buf_release(&link->waiting.item[i]);
    link->made.count = 0;
    link->waiting.count = 0;
    link->is_overfull = false;
    uint32_t shift = link->failures < 8 ? link->failures : 8;
    int64_t base = (int64_t)BACKOFF_FIRST_MS << shift;
    if (base > BACKOFF_LAST_MS)
        base = BACKOFF_LAST_MS;
    link->failures++;
    link->state = LINK_DOWN;
    link->retry_at_ms =
        now_ms + base / 2 + (int64_t)rng_below(&p->rng, (uint64_t)base / 2);
    agent_core_unlinked(p->core);
    effect_log(fx, 1, "master_link_down master=%s why=%s retry_ms=%lld",
               p->master, agent_shown(&p->arena, why),
               (long long)(link->retry_at_ms - now_ms));
}

/* --- SUBSCRIBE --- */

static Mesos__V1__ExecutorInfo *executor_info(
    struct agent_program *p, const struct agent_executor *executor)
{
    Mesos__V1__ExecutorInfo *info =
        agent_unpack(&p->arena, &mesos__v1__executor_info__descriptor,
                     blob_bytes(executor->info));
    info->framework_id = agent_framework_id(&p->arena, executor->framework->id);
    return info;
}

static void add_framework(struct agent_program *p,
                          const struct agent_framework *framework,
                          Perigee__Agent__Call__Subscribe *subscribe)
{
    subscribe->frameworks[subscribe->n_frameworks++] =
        agent_unpack(&p->arena, &mesos__v1__framework_info__descriptor,
                     blob_bytes(framework->info));
    for (uint32_t i = 0; i < framework->executors.count; i++) {
        const struct agent_executor *executor = framework->executors.item[i];
        /* The master makes no record of command executors. */
        if (executor->state != AGENT_EXECUTOR_TERMINATED &&
            !executor->is_command)
            subscribe->executors[subscribe->n_executors++] =
                executor_info(p, executor);
        for (uint32_t j = 0; j < executor->tasks.count; j++)
            subscribe->tasks[subscribe->n_tasks++] = agent_task_message(
                p, executor->tasks.item[j], false, &p->arena);
    }
}

static void subscribe(struct agent_program *p, int64_t now_ms,
                      struct effects *fx)
{
    struct agent_core *core = p->core;
    struct arena *arena = &p->arena;
    Perigee__Agent__Call__Subscribe subscribe =
        PERIGEE__AGENT__CALL__SUBSCRIBE__INIT;
    Perigee__Agent__Call call = PERIGEE__AGENT__CALL__INIT;
    call.has_type = true;
    call.type = PERIGEE__AGENT__CALL__TYPE__SUBSCRIBE;
    call.subscribe = &subscribe;
    subscribe.agent_info = agent_info(p, arena);
    subscribe.version = arena_strdup(arena, AGENT_API_VERSION);
    subscribe.endpoint = arena_printf(arena, "%s:%d", p->ip, p->port);
    subscribe.frameworks =
        arena_alloc(arena, (HASH_CNT(by_id, core->frameworks) + 1) *
                               sizeof *subscribe.frameworks);
    subscribe.executors =
        arena_alloc(arena, (HASH_CNT(by_container, core->containers) + 1) *
                               sizeof *subscribe.executors);
    subscribe.tasks =
        arena_alloc(arena, (core->task_count + 1) * sizeof *subscribe.tasks);
    for (const struct agent_framework *framework = core->frameworks;
         framework != NULL; framework = framework->by_id.next)
        if (!framework->is_ending)
            add_framework(p, framework, &subscribe);
    p->link.state = LINK_WAITING;
    p->link.stream = ++p->next_exchange;
    p->link.deadline_ms = now_ms + ANSWER_MS;
    struct headers head = headers(p);
    effect_follow(fx, p->link.stream, url(p), head.item, head.count,
                  agent_pack(arena, &call));
}

void agent_link_open(struct agent_program *p, int64_t now_ms,
                     struct effects *fx)
{
    if (p->link.state == LINK_DOWN && p->is_recovered && !p->is_leaving)
        subscribe(p, now_ms, fx);
}

/* --- calls --- */

static void make_call(struct agent_program *p, struct bytes body,
                      struct effects *fx)
{
    exchange_id exchange = ++p->next_exchange;
    *vec_add(&p->link.made) = exchange;
    struct headers head = headers(p);
    effect_call(fx, exchange, url(p), head.item, head.count, body, ANSWER_MS);
}

void agent_link_call(struct agent_program *p, Perigee__Agent__Call *call,
                     struct effects *fx)
{
    struct agent_link *link = &p->link;
    if (link->waiting.count >= CALLS_WAITING_MAX)
        link->is_overfull = true;
    if (link->state != LINK_UP || link->is_overfull || p->is_leaving)
        return; /* what is said behind a goodbye is refused */
    call->agent_id = agent_agent_id(&p->arena, p->agent_id);
    call->has_epoch = true;
    call->epoch = link->epoch;
    struct bytes body = agent_pack(&p->arena, call);
    if (link->made.count < CALLS_AT_ONCE) {
        make_call(p, body, fx);
        return;
    }
    struct buf kept = {0};
    buf_add_bytes(&kept, body);
    *vec_add(&link->waiting) = kept;
}

/* A call was answered or failed; false when it was none of this epoch's. */
static bool call_ended(struct agent_program *p, exchange_id exchange,
                       struct effects *fx)
{
    struct agent_link *link = &p->link;
    for (uint32_t i = 0; i < link->made.count; i++) {
        if (link->made.item[i] != exchange)
            continue;
        vec_remove(&link->made, i);
        if (link->waiting.count > 0) {
            struct buf next = link->waiting.item[0];
            vec_remove(&link->waiting, 0);
            make_call(p, buf_bytes(&next), fx);
            buf_release(&next);
        }
        return true;
    }
    return false;
}

void agent_link_answer(struct agent_program *p, exchange_id exchange,
                       const struct http_response *response, int64_t now_ms,
                       struct effects *fx)
{
    int status = response->status;
    const char *why = arena_printf(
        &p->arena, "%d %s: %.*s", status, http_status_text(status),
        (int)(response->body.size < 200 ? response->body.size : 200),
        (const char *)response->body.data);
    if (exchange == p->link.stream && p->link.state != LINK_DOWN) {
        if (status != 200)
            link_down(p, why, now_ms, fx);
        return;
    }
    if (!call_ended(p, exchange, fx) || status / 100 == 2)
        return;
    p->count.refused_calls++;
    if (status == 400 || status == 413) /* this call only; it is told later */
        effect_log(fx, 1, "call_refused why=%s", agent_shown(&p->arena, why));
    else
        link_down(p, why, now_ms, fx);
}

void agent_link_broken(struct agent_program *p, exchange_id exchange,
                       const char *why, int64_t now_ms, struct effects *fx)
{
    if ((exchange == p->link.stream && p->link.state != LINK_DOWN) ||
        call_ended(p, exchange, fx))
        link_down(p, why, now_ms, fx);
}

void agent_link_tick(struct agent_program *p, int64_t now_ms,
                     struct effects *fx)
{
    struct agent_link *link = &p->link;
    if (link->state != LINK_DOWN && link->is_overfull)
        link_down(p, "too many calls wait for an answer", now_ms, fx);
    else if (link->state != LINK_DOWN && now_ms >= link->deadline_ms)
        link_down(p, "no sign of life", now_ms, fx);
    else if (link->state == LINK_DOWN && now_ms >= link->retry_at_ms)
        agent_link_open(p, now_ms, fx);
}

int64_t agent_link_next_ms(const struct agent_program *p)
{
    if (p->link.state != LINK_DOWN)
        return p->link.is_overfull ? 0 : p->link.deadline_ms;
    return p->is_recovered && !p->is_leaving ? p->link.retry_at_ms : INT64_MAX;
}

/* --- orders --- */

static void on_subscribed(struct agent_program *p,
                          const Perigee__Agent__Event__Subscribed *subscribed,
                          int64_t now_ms, struct effects *fx)
{
    struct agent_link *link = &p->link;
    if (subscribed->agent_id == NULL ||
        id_problem(subscribed->agent_id->value) != NULL) {
        link_down(p, "SUBSCRIBED without an agent id", now_ms, fx);
        return;
    }
    const char *id = subscribed->agent_id->value;
    link->state = LINK_UP;
    link->epoch = subscribed->epoch;
    link->failures = 0;
    link->ping_timeout_ms = subscribed->has_ping_timeout_ms
                                ? (int64_t)subscribed->ping_timeout_ms
                                : PING_TIMEOUT_MS;
    if (strcmp(id, p->agent_id) != 0) {
        /* What ran under another id belongs to an agent that is no more. */
        if (p->agent_id[0] != '\0')
            agent_core_shutdown_all(p->core, now_ms, &p->core_fx);
        snprintf(p->agent_id, sizeof p->agent_id, "%s", id);
        agent_store_save_agent(p, fx);
    }
    effect_log(fx, 2, "agent_subscribed master=%s agent=%s epoch=%llu",
               p->master, id, (unsigned long long)link->epoch);
    agent_core_linked(p->core, now_ms, &p->core_fx);
}

static void run_task(struct agent_program *p,
                     const Perigee__Agent__Event__Run *order,
                     const Mesos__V1__TaskInfo *task, int64_t now_ms,
                     struct effects *fx)
{
    struct arena *arena = &p->arena;
    struct resources of_task = {0}, of_executor = {0};
    struct agent_run run = {0};
    struct err err = {0};
    const Mesos__V1__ExecutorInfo *executor = order->executor;
    agent_framework_decode(order->framework, arena, &run.framework);
    run.executor.is_command = executor == NULL;
    if (executor == NULL)
        executor = agent_command_executor(p, order->framework->id, task, arena);
    if (resources_decode(task->resources, task->n_resources, &of_task, &err) <
            0 ||
        resources_decode(executor->resources, executor->n_resources,
                         &of_executor, &err) < 0)
        run.problem = err.text;
    else if (order->is_group)
        run.problem = "Failed to launch container: this agent does not "
                      "support task groups";
    else
        run.problem = agent_launch_problem(task, executor, arena);
    run.problem_state = AGENT_TASK_FAILED;
    run.problem_reason = AGENT_REASON_LAUNCH_FAILED;
    const Mesos__V1__DurationInfo *grace = executor->shutdown_grace_period;
    run.executor.grace_ms = grace ? grace->nanoseconds / 1000000 : -1;
    run.executor.id = executor->executor_id->value;
    run.executor.info = agent_pack(arena, executor);
    run.executor.resources = &of_executor;
    run.task = (struct agent_task_head){.id = task->task_id->value,
                                        .info = agent_pack(arena, task),
                                        .resources = &of_task};
    agent_core_run(p->core, &run, now_ms, &p->core_fx);
    agent_deliver(p, now_ms, fx);
    resources_release(&of_task);
    resources_release(&of_executor);
}

static void on_run(struct agent_program *p,
                   const Perigee__Agent__Event__Run *order, int64_t now_ms,
                   struct effects *fx)
{
    if (order == NULL || order->framework == NULL ||
        order->framework->id == NULL ||
        id_problem(order->framework->id->value) != NULL ||
        (order->executor != NULL &&
         id_problem(order->executor->executor_id->value) != NULL)) {
        effect_log(fx, 1, "order_malformed type=RUN ignoring");
        return;
    }
    for (size_t i = 0; i < order->n_tasks; i++)
        if (id_problem(order->tasks[i]->task_id->value) == NULL)
            run_task(p, order, order->tasks[i], now_ms, fx);
}

static void on_reconcile(struct agent_program *p,
                         const Perigee__Agent__Event__Reconcile *order,
                         int64_t now_ms, struct effects *fx)
{
    for (size_t i = 0; i < order->n_task_ids; i++) {
        agent_core_reconcile(p->core, order->framework_id->value,
                             order->task_ids[i]->value, &p->core_fx);
        agent_deliver(p, now_ms, fx);
    }
}

static void on_acknowledge(struct agent_program *p,
                           const Perigee__Agent__Event__Acknowledge *order,
                           int64_t now_ms)
{
    struct uuid uuid;
    if (order->uuid.len != UUID_BYTES)
        return;
    memcpy(uuid.byte, order->uuid.data, UUID_BYTES);
    agent_core_acknowledge(p->core, order->framework_id->value,
                           order->task_id->value, uuid, now_ms, &p->core_fx);
}

static void leave(struct agent_program *p, const char *event, int64_t now_ms,
                  struct effects *fx)
{
    effect_log(fx, 1,
               "%s agent=%s every task ends; start the agent again to join "
               "as a new one",
               event, p->agent_id);
    p->is_leaving = true;
    agent_store_drop_id(p, fx);
    agent_core_shutdown_all(p->core, now_ms, &p->core_fx);
}

void agent_link_leave(struct agent_program *p, int64_t now_ms,
                      struct effects *fx)
{
    Perigee__Agent__Call call = PERIGEE__AGENT__CALL__INIT;
    if (p->is_leaving)
        return;
    call.has_type = true;
    call.type = PERIGEE__AGENT__CALL__TYPE__UNSUBSCRIBE;
    agent_link_call(p, &call, fx);
    leave(p, "agent_leaves", now_ms, fx);
}

/* Whoever has run something had an id, and gives it up when it leaves: what was
 * kept under it nobody would acknowledge to another agent. */
bool agent_link_leave_on(struct agent_program *p, int64_t now_ms,
                         struct effects *fx)
{
    if (p->agent_id[0] != '\0' || p->core->frameworks == NULL)
        return false;
    leave(p, "agent_leaves_on", now_ms, fx);
    return true;
}

static void on_kill(struct agent_program *p,
                    const Perigee__Agent__Event__Kill *order, int64_t now_ms)
{
    const Mesos__V1__KillPolicy *policy = order->kill_policy;
    int64_t grace_ms = policy && policy->grace_period
                           ? policy->grace_period->nanoseconds / 1000000
                           : -1;
    agent_core_kill(p->core, order->framework_id->value, order->task_id->value,
                    grace_ms, now_ms, &p->core_fx);
}

/* Is every part there that the order's handler reads? */
static bool is_complete(const Perigee__Agent__Event *event)
{
    switch (event->type) {
    case PERIGEE__AGENT__EVENT__TYPE__SUBSCRIBED:
        return event->subscribed != NULL;
    case PERIGEE__AGENT__EVENT__TYPE__KILL:
        return event->kill && event->kill->framework_id && event->kill->task_id;
    case PERIGEE__AGENT__EVENT__TYPE__ACKNOWLEDGE:
        return event->acknowledge && event->acknowledge->framework_id &&
               event->acknowledge->task_id;
    case PERIGEE__AGENT__EVENT__TYPE__MESSAGE:
        return event->message && event->message->framework_id &&
               event->message->executor_id;
    case PERIGEE__AGENT__EVENT__TYPE__SHUTDOWN_EXECUTOR:
        return event->shutdown_executor &&
               event->shutdown_executor->framework_id &&
               event->shutdown_executor->executor_id;
    case PERIGEE__AGENT__EVENT__TYPE__SHUTDOWN_FRAMEWORK:
        return event->shutdown_framework &&
               event->shutdown_framework->framework_id;
    case PERIGEE__AGENT__EVENT__TYPE__RECONCILE:
        return event->reconcile && event->reconcile->framework_id;
    case PERIGEE__AGENT__EVENT__TYPE__UPDATE_FRAMEWORK:
        return event->update_framework && event->update_framework->framework &&
               event->update_framework->framework->id;
    default:
        return true;
    }
}

static void obey(struct agent_program *p, const Perigee__Agent__Event *event,
                 int64_t now_ms, struct effects *fx)
{
    struct agent_core *core = p->core;
    struct agent_effects *core_fx = &p->core_fx;
    struct agent_framework_head head;
    switch (event->type) {
    case PERIGEE__AGENT__EVENT__TYPE__PING: {
        Perigee__Agent__Call call = PERIGEE__AGENT__CALL__INIT;
        call.has_type = true;
        call.type = PERIGEE__AGENT__CALL__TYPE__PONG;
        agent_link_call(p, &call, fx);
        break;
    }
    case PERIGEE__AGENT__EVENT__TYPE__RUN:
        on_run(p, event->run, now_ms, fx);
        break;
    case PERIGEE__AGENT__EVENT__TYPE__KILL:
        on_kill(p, event->kill, now_ms);
        break;
    case PERIGEE__AGENT__EVENT__TYPE__ACKNOWLEDGE:
        on_acknowledge(p, event->acknowledge, now_ms);
        break;
    case PERIGEE__AGENT__EVENT__TYPE__MESSAGE:
        agent_core_message(
            core, event->message->framework_id->value,
            event->message->executor_id->value,
            bytes_of(event->message->data.data, event->message->data.len),
            core_fx);
        break;
    case PERIGEE__AGENT__EVENT__TYPE__SHUTDOWN_EXECUTOR:
        agent_core_shutdown_executor(
            core, event->shutdown_executor->framework_id->value,
            event->shutdown_executor->executor_id->value, now_ms, core_fx);
        break;
    case PERIGEE__AGENT__EVENT__TYPE__SHUTDOWN_FRAMEWORK:
        agent_core_shutdown_framework(
            core, event->shutdown_framework->framework_id->value, now_ms,
            core_fx);
        break;
    case PERIGEE__AGENT__EVENT__TYPE__RECONCILE:
        on_reconcile(p, event->reconcile, now_ms, fx);
        break;
    case PERIGEE__AGENT__EVENT__TYPE__UPDATE_FRAMEWORK:
        agent_framework_decode(event->update_framework->framework, &p->arena,
                               &head);
        agent_core_update_framework(core, &head, core_fx);
        break;
    case PERIGEE__AGENT__EVENT__TYPE__SHUTDOWN:
        leave(p, "agent_removed", now_ms, fx);
        link_down(p, "removed", now_ms, fx);
        break;
    default:
        effect_log(fx, 1, "order_unknown type=%d ignoring", (int)event->type);
        break;
    }
}

void agent_link_record(struct agent_program *p, exchange_id exchange,
                       struct bytes record, int64_t now_ms, struct effects *fx)
{
    struct agent_link *link = &p->link;
    ProtobufCMessage *message = NULL;
    struct err err = {0};
    if (exchange != link->stream || link->state == LINK_DOWN)
        return;
    /* We were away (paused, asleep) longer than the master waits: it has given
     * our tasks up, and an order from before then may name one that runs
     * elsewhere by now. */
    if (link->state == LINK_UP && now_ms >= link->deadline_ms) {
        link_down(p, "silent for too long", now_ms, fx);
        return;
    }
    if (codec_decode(&perigee__agent__event__descriptor, "Event",
                     MEDIA_PROTOBUF, record, &p->arena, &message, &err) < 0) {
        link_down(p, err.text, now_ms, fx);
        return;
    }
    const Perigee__Agent__Event *event = (const void *)message;
    if (!is_complete(event)) {
        effect_log(fx, 1, "order_malformed type=%d ignoring", (int)event->type);
    } else if (event->type == PERIGEE__AGENT__EVENT__TYPE__SUBSCRIBED) {
        on_subscribed(p, event->subscribed, now_ms, fx);
    } else if (event->type == PERIGEE__AGENT__EVENT__TYPE__ERROR) {
        link_down(p,
                  event->error && event->error->message ? event->error->message
                                                        : "ERROR",
                  now_ms, fx);
        return;
    } else if (link->state == LINK_UP) {
        obey(p, event, now_ms, fx);
    }
    link->deadline_ms = now_ms + link->ping_timeout_ms;
    agent_deliver(p, now_ms, fx);
}
