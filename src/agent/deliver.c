/* Effects of the core become effects of the program. */
#include "agent/internal.h"
#include <stdio.h>
#include <string.h>

/* --- to an executor --- */

static void send_event(struct agent_program *p,
                       const struct agent_executor *executor,
                       const Mesos__V1__Executor__Event *event,
                       struct effects *fx)
{
    struct buf body = {0};
    if (executor->stream == 0)
        return; /* it went away within the step */
    codec_encode(&event->base, (enum media_type)executor->media, &body);
    effect_record(fx, executor->stream, buf_bytes(&body));
    buf_release(&body);
    (void)p;
}

static void send_subscribed(struct agent_program *p,
                            const struct agent_executor *executor,
                            struct effects *fx)
{
    struct arena *arena = &p->arena;
    Mesos__V1__ContainerID container_id = MESOS__V1__CONTAINER_ID__INIT;
    Mesos__V1__Executor__Event__Subscribed subscribed =
        MESOS__V1__EXECUTOR__EVENT__SUBSCRIBED__INIT;
    Mesos__V1__Executor__Event event = MESOS__V1__EXECUTOR__EVENT__INIT;
    event.has_type = true;
    event.type = MESOS__V1__EXECUTOR__EVENT__TYPE__SUBSCRIBED;
    event.subscribed = &subscribed;
    container_id.value = (char *)executor->container_id;
    subscribed.executor_info =
        agent_unpack(arena, &mesos__v1__executor_info__descriptor,
                     blob_bytes(executor->info));
    subscribed.framework_info =
        agent_unpack(arena, &mesos__v1__framework_info__descriptor,
                     blob_bytes(executor->framework->info));
    subscribed.agent_info = agent_info(p, arena);
    subscribed.container_id = &container_id;
    send_event(p, executor, &event, fx);
}

static void send_launch(struct agent_program *p,
                        const struct agent_effect *effect, struct effects *fx)
{
    Mesos__V1__Executor__Event__Launch launch =
        MESOS__V1__EXECUTOR__EVENT__LAUNCH__INIT;
    Mesos__V1__Executor__Event event = MESOS__V1__EXECUTOR__EVENT__INIT;
    event.has_type = true;
    event.type = MESOS__V1__EXECUTOR__EVENT__TYPE__LAUNCH;
    event.launch = &launch;
    launch.task = agent_unpack(&p->arena, &mesos__v1__task_info__descriptor,
                               blob_bytes(effect->task->info));
    send_event(p, effect->executor, &event, fx);
}

static void send_kill(struct agent_program *p,
                      const struct agent_effect *effect, struct effects *fx)
{
    Mesos__V1__TaskID task_id = MESOS__V1__TASK_ID__INIT;
    Mesos__V1__DurationInfo grace = MESOS__V1__DURATION_INFO__INIT;
    Mesos__V1__KillPolicy policy = MESOS__V1__KILL_POLICY__INIT;
    Mesos__V1__Executor__Event__Kill kill =
        MESOS__V1__EXECUTOR__EVENT__KILL__INIT;
    Mesos__V1__Executor__Event event = MESOS__V1__EXECUTOR__EVENT__INIT;
    event.has_type = true;
    event.type = MESOS__V1__EXECUTOR__EVENT__TYPE__KILL;
    event.kill = &kill;
    task_id.value = effect->task->id;
    kill.task_id = &task_id;
    if (effect->task->grace_ms >= 0) {
        grace.nanoseconds = effect->task->grace_ms * 1000000;
        policy.grace_period = &grace;
        kill.kill_policy = &policy;
    }
    send_event(p, effect->executor, &event, fx);
}

static void send_acknowledged(struct agent_program *p,
                              const struct agent_effect *effect,
                              struct effects *fx)
{
    Mesos__V1__TaskID task_id = MESOS__V1__TASK_ID__INIT;
    Mesos__V1__Executor__Event__Acknowledged acknowledged =
        MESOS__V1__EXECUTOR__EVENT__ACKNOWLEDGED__INIT;
    Mesos__V1__Executor__Event event = MESOS__V1__EXECUTOR__EVENT__INIT;
    event.has_type = true;
    event.type = MESOS__V1__EXECUTOR__EVENT__TYPE__ACKNOWLEDGED;
    event.acknowledged = &acknowledged;
    task_id.value = (char *)effect->task_id;
    acknowledged.task_id = &task_id;
    acknowledged.uuid.len = UUID_BYTES;
    acknowledged.uuid.data = (uint8_t *)effect->uuid.byte;
    send_event(p, effect->executor, &event, fx);
}

static void send_message(struct agent_program *p,
                         const struct agent_effect *effect, struct effects *fx)
{
    Mesos__V1__Executor__Event__Message message =
        MESOS__V1__EXECUTOR__EVENT__MESSAGE__INIT;
    Mesos__V1__Executor__Event event = MESOS__V1__EXECUTOR__EVENT__INIT;
    event.has_type = true;
    event.type = MESOS__V1__EXECUTOR__EVENT__TYPE__MESSAGE;
    event.message = &message;
    message.data.len = effect->payload.size;
    message.data.data = (uint8_t *)effect->payload.data;
    send_event(p, effect->executor, &event, fx);
}

static void send_plain(struct agent_program *p,
                       const struct agent_executor *executor,
                       Mesos__V1__Executor__Event__Type type,
                       struct effects *fx)
{
    Mesos__V1__Executor__Event event = MESOS__V1__EXECUTOR__EVENT__INIT;
    event.has_type = true;
    event.type = type;
    send_event(p, executor, &event, fx);
}

/* --- to the master --- */

static void call_update(struct agent_program *p, const char *framework_id,
                        Mesos__V1__TaskStatus *status,
                        enum agent_task_state latest, struct effects *fx)
{
    Perigee__Agent__Call__Update update = PERIGEE__AGENT__CALL__UPDATE__INIT;
    Perigee__Agent__Call call = PERIGEE__AGENT__CALL__INIT;
    update.framework_id = agent_framework_id(&p->arena, framework_id);
    update.status = status;
    update.has_latest_state = true;
    update.latest_state = (Mesos__V1__TaskState)latest;
    call.has_type = true;
    call.type = PERIGEE__AGENT__CALL__TYPE__UPDATE;
    call.update = &update;
    agent_link_call(p, &call, fx);
}

static void forward(struct agent_program *p, const struct agent_effect *effect,
                    struct effects *fx)
{
    p->count.updates++;
    call_update(p, effect->task->executor->framework->id,
                agent_status(p, effect->update, &p->arena), effect->task->state,
                fx);
}

static void call_notice(struct agent_program *p,
                        const struct agent_notice *notice, int64_t now_ms,
                        struct effects *fx)
{
    Mesos__V1__TaskStatus status = MESOS__V1__TASK_STATUS__INIT;
    status.task_id = agent_task_id(&p->arena, notice->task_id);
    status.state = (Mesos__V1__TaskState)notice->state;
    status.message = (char *)notice->message;
    status.has_source = true;
    status.source = MESOS__V1__TASK_STATUS__SOURCE__SOURCE_AGENT;
    status.has_reason = true;
    status.reason = (Mesos__V1__TaskStatus__Reason)notice->reason;
    status.agent_id = agent_agent_id(&p->arena, p->agent_id);
    status.has_timestamp = true;
    status.timestamp = (double)now_ms / 1000;
    call_update(p, notice->framework_id, &status, notice->state, fx);
}

static void call_exited(struct agent_program *p,
                        const struct agent_effect *effect, struct effects *fx)
{
    const struct agent_executor *executor = effect->executor;
    Perigee__Agent__Call__ExitedExecutor exited =
        PERIGEE__AGENT__CALL__EXITED_EXECUTOR__INIT;
    Perigee__Agent__Call call = PERIGEE__AGENT__CALL__INIT;
    exited.framework_id =
        agent_framework_id(&p->arena, executor->framework->id);
    exited.executor_id = agent_executor_id(&p->arena, executor->id);
    exited.has_status = true;
    exited.status = effect->status;
    exited.has_command_executor = true;
    exited.command_executor = executor->is_command;
    call.has_type = true;
    call.type = PERIGEE__AGENT__CALL__TYPE__EXITED_EXECUTOR;
    call.exited_executor = &exited;
    agent_link_call(p, &call, fx);
}

/* --- containers --- */

static void act_limit(const struct agent_executor *executor, struct effects *fx)
{
    struct agent_limit limit = {
        .container_id = arena_strdup(&fx->arena, executor->container_id)};
    agent_limits(executor, &limit.cpu_milli, &limit.mem_bytes);
    effect_act(fx, AGENT_ACT_LIMIT, &limit, sizeof limit);
}

static void act_destroy(const struct agent_executor *executor,
                        struct effects *fx)
{
    struct agent_destroy destroy = {
        .container_id = arena_strdup(&fx->arena, executor->container_id)};
    effect_act(fx, AGENT_ACT_DESTROY, &destroy, sizeof destroy);
}

static void act_recover(struct agent_program *p,
                        const struct agent_executor *executor,
                        struct effects *fx)
{
    struct agent_recover recover = {
        .container_id = arena_strdup(&fx->arena, executor->container_id),
        .sandbox = agent_sandbox(p, executor, &fx->arena),
        .pid = executor->pid,
        .born = executor->born,
        .rebooted = strcmp(p->boot_id, p->stored_boot_id) != 0};
    agent_limits(executor, &recover.cpu_milli, &recover.mem_bytes);
    effect_act(fx, AGENT_ACT_RECOVER, &recover, sizeof recover);
}

/* --- all of them --- */

static void log_update(struct agent_program *p,
                       const struct agent_update *update, struct effects *fx)
{
    const struct agent_task *task = update->task;
    if (agent_task_state_is_terminal(update->state))
        p->count.tasks_ended[update->state]++;
    effect_log(fx, 2, "task_update task=%s framework=%s state=%s",
               agent_shown(&p->arena, task->id),
               agent_shown(&p->arena, task->executor->framework->id),
               agent_state_name((int)update->state));
}

static void log_executor(struct agent_program *p, const char *event,
                         const struct agent_executor *executor,
                         const char *more, struct effects *fx)
{
    effect_log(fx, 2, "%s container=%s framework=%s executor=%s%s", event,
               executor->container_id,
               agent_shown(&p->arena, executor->framework->id),
               agent_shown(&p->arena, executor->id), more);
}

static void log_effect(struct agent_program *p,
                       const struct agent_effect *effect, struct effects *fx)
{
    const struct agent_executor *executor = effect->executor;
    switch (effect->kind) {
    case AGENT_START:
        p->count.launches++;
        log_executor(p, "container_launch", executor, "", fx);
        break;
    case AGENT_DESTROY:
        log_executor(
            p, "container_destroy", executor,
            arena_printf(&p->arena, " why=%s",
                         agent_shown(&p->arena, executor->cause.message
                                                    ? executor->cause.message
                                                    : "asked for")),
            fx);
        break;
    case AGENT_EXITED:
        log_executor(p, "container_exited", executor,
                     arena_printf(&p->arena, " status=%d", effect->status), fx);
        break;
    case AGENT_SAVE_UPDATE:
        if (!effect->update->is_acknowledged)
            log_update(p, effect->update, fx);
        break;
    default:
        break;
    }
}

static void deliver_one(struct agent_program *p,
                        const struct agent_effect *effect, int64_t now_ms,
                        struct effects *fx)
{
    switch (effect->kind) {
    case AGENT_FORWARD:
        forward(p, effect, fx);
        break;
    case AGENT_NOTICE:
        call_notice(p, &effect->notice, now_ms, fx);
        break;
    case AGENT_EXITED:
        call_exited(p, effect, fx);
        break;
    case AGENT_SUBSCRIBED:
        send_subscribed(p, effect->executor, fx);
        break;
    case AGENT_LAUNCH_TASK:
        send_launch(p, effect, fx);
        break;
    case AGENT_KILL_TASK:
        send_kill(p, effect, fx);
        break;
    case AGENT_ACKNOWLEDGED:
        send_acknowledged(p, effect, fx);
        break;
    case AGENT_MESSAGE:
        send_message(p, effect, fx);
        break;
    case AGENT_SHUTDOWN:
        send_plain(p, effect->executor,
                   MESOS__V1__EXECUTOR__EVENT__TYPE__SHUTDOWN, fx);
        break;
    case AGENT_HEARTBEAT:
        send_plain(p, effect->executor,
                   MESOS__V1__EXECUTOR__EVENT__TYPE__HEARTBEAT, fx);
        break;
    case AGENT_HANG_UP:
        effect_close(fx, effect->stream);
        break;
    case AGENT_START:
        agent_start(p, effect->executor, fx);
        break;
    case AGENT_LIMIT:
        act_limit(effect->executor, fx);
        break;
    case AGENT_DESTROY:
        act_destroy(effect->executor, fx);
        break;
    case AGENT_RECOVER:
        act_recover(p, effect->executor, fx);
        break;
    case AGENT_RECOVERED:
        p->is_recovered = true;
        if (!agent_link_leave_on(p, now_ms, fx))
            agent_link_open(p, now_ms, fx);
        break;
    default:
        agent_store_effect(p, effect, fx);
        break;
    }
}

void agent_deliver(struct agent_program *p, int64_t now_ms, struct effects *fx)
{
    for (uint32_t i = 0; i < p->core_fx.count; i++) {
        log_effect(p, &p->core_fx.item[i], fx);
        deliver_one(p, &p->core_fx.item[i], now_ms, fx);
    }
    p->core_fx.count = 0;
    /* Gone when nothing runs any more and the master heard our goodbye. */
    if (p->is_leaving && p->link.made.count == 0 &&
        HASH_CNT(by_serial, p->core->executors_by_serial) == 0) {
        agent_store_forget_agent(fx);
        effect_stop(fx, 0);
    }
}
