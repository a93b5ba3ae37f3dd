#include "executor/thermos/program_parts.h"

#include "base/alloc.h"
#include "executor/thermos/task_care.h"
#include "mesos/v1/executor.pb-c.h"
#include "wire/codec.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

typedef Mesos__V1__Executor__Event event_t;

/* --- from the core's effects to the shell's --- */

static void act(struct executor_program *p, const struct thermos_effect *todo,
                struct effects *fx)
{
    switch (todo->act) {
    case THERMOS_SUBSCRIBE:
        executor_subscribe(p, fx);
        break;
    case THERMOS_REPORT:
        executor_send_update(p, todo->update, fx);
        break;
    case THERMOS_START_RUNNER: {
        struct bytes task = blob_bytes(p->core.task);
        struct executor_start start = {
            .task_info = bytes_of(
                arena_memdup(&fx->arena, task.data, task.size), task.size),
            .take_over = todo->take_over};
        effect_act(fx, EXECUTOR_ACT_START_RUNNER, &start, sizeof start);
        break;
    }
    case THERMOS_KILL_TASK: {
        struct executor_kill kill = {todo->grace_ms};
        effect_act(fx, EXECUTOR_ACT_KILL_TASK, &kill, sizeof kill);
        break;
    }
    case THERMOS_TELL_LINK: {
        struct executor_tell_link link = {todo->until_ms};
        effect_act(fx, EXECUTOR_ACT_TELL_LINK, &link, sizeof link);
        break;
    }
    case THERMOS_DESTROY:
        effect_act(fx, EXECUTOR_ACT_DESTROY, NULL, 0);
        break;
    case THERMOS_CHECK: {
        struct executor_check check = {todo->number};
        effect_act(fx, EXECUTOR_ACT_CHECK, &check, sizeof check);
        break;
    }
    case THERMOS_STOP_CHECKS:
        effect_act(fx, EXECUTOR_ACT_STOP_CHECKS, NULL, 0);
        break;
    case THERMOS_DRAIN:
        effect_act(fx, EXECUTOR_ACT_DRAIN, NULL, 0);
        break;
    case THERMOS_ANNOUNCE:
        effect_act(fx, EXECUTOR_ACT_ANNOUNCE, NULL, 0);
        break;
    case THERMOS_TEAR: {
        struct executor_tear tear = {todo->step};
        effect_act(fx, EXECUTOR_ACT_TEAR, &tear, sizeof tear);
        break;
    }
    case THERMOS_MEASURE:
        effect_act(fx, EXECUTOR_ACT_MEASURE, NULL, 0);
        break;
    case THERMOS_STOP:
        effect_stop(fx, todo->status);
        break;
    case THERMOS_LOG:
        effect_log(fx, todo->level, "%s", todo->text);
        break;
    }
}

static void perform(struct executor_program *p, struct effects *fx)
{
    for (uint32_t i = 0; i < p->todo.list.count; i++)
        act(p, &p->todo.list.item[i], fx);
    p->todo.list.count = 0;
}

static void step(struct executor_program *p, const struct thermos_input *input,
                 int64_t now_ms, struct effects *fx)
{
    thermos_step(&p->core, input, now_ms, &p->todo);
    perform(p, fx);
}

static void link_lost(struct executor_program *p, const char *why,
                      int64_t now_ms, struct effects *fx)
{
    p->follow = 0;
    if (p->update != 0)
        effect_hangup(fx, p->update);
    p->update = 0;
    step(p, &(struct thermos_input){.kind = THERMOS_IN_LINK_LOST, .text = why},
         now_ms, fx);
}

/* --- events --- */

static int64_t grace_ms(const Mesos__V1__KillPolicy *policy, int64_t other_ms)
{
    if (policy == NULL || policy->grace_period == NULL ||
        policy->grace_period->nanoseconds < 0)
        return other_ms;
    return policy->grace_period->nanoseconds / 1000000;
}

static bool has_killing_state(const Mesos__V1__FrameworkInfo *framework)
{
    for (size_t i = 0; i < framework->n_capabilities; i++)
        if (framework->capabilities[i]->type ==
            MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__TASK_KILLING_STATE)
            return true;
    return false;
}

/* Without a policy an assigned task may take as long as its finalization_wait
 * says, which the runner will tell: -1. */
static int64_t own_grace_ms(const Mesos__V1__TaskInfo *task)
{
    return grace_ms(task->kill_policy,
                    task->executor == NULL ? THERMOS_COMMAND_GRACE_MS : -1);
}

static void on_launch(struct executor_program *p,
                      const Mesos__V1__TaskInfo *task, int64_t now_ms,
                      struct effects *fx)
{
    struct buf packed = {0};
    struct thermos_care care;
    codec_encode(&task->base, MEDIA_PROTOBUF, &packed);
    struct blob *blob = blob_new(buf_bytes(&packed));
    buf_release(&packed);
    task_care_rules(blob_bytes(blob), &care);
    care.disk_interval_ms = p->disk_interval_ms;
    step(p,
         &(struct thermos_input){
             .kind = THERMOS_IN_LAUNCH,
             .task_id = task->task_id->value,
             .task = blob,
             .grace_ms = own_grace_ms(task),
             .limit_ms = task->max_completion_time != NULL
                             ? task->max_completion_time->nanoseconds / 1000000
                             : 0,
             .care = &care},
         now_ms, fx);
    blob_unref(blob);
}

static void on_group(struct executor_program *p,
                     const Mesos__V1__TaskGroupInfo *group, int64_t now_ms,
                     struct effects *fx)
{
    for (size_t i = 0; i < group->n_tasks; i++)
        step(p,
             &(struct thermos_input){
                 .kind = THERMOS_IN_REFUSE,
                 .task_id = group->tasks[i]->task_id->value,
                 .text = "this executor does not run task groups"},
             now_ms, fx);
}

static void on_kill(struct executor_program *p,
                    const Mesos__V1__Executor__Event__Kill *kill,
                    int64_t now_ms, struct effects *fx)
{
    step(p,
         &(struct thermos_input){.kind = THERMOS_IN_KILL,
                                 .task_id = kill->task_id->value,
                                 .grace_ms = grace_ms(kill->kill_policy, -1)},
         now_ms, fx);
}

static void on_acknowledged(struct executor_program *p,
                            const Mesos__V1__Executor__Event__Acknowledged *ack,
                            int64_t now_ms, struct effects *fx)
{
    struct thermos_input input = {.kind = THERMOS_IN_ACKNOWLEDGED};
    if (ack->uuid.len != UUID_BYTES)
        return;
    memcpy(input.uuid.byte, ack->uuid.data, UUID_BYTES);
    step(p, &input, now_ms, fx);
}

static void on_event(struct executor_program *p, const event_t *event,
                     int64_t now_ms, struct effects *fx)
{
    switch (event->has_type ? event->type : 0) {
    case MESOS__V1__EXECUTOR__EVENT__TYPE__SUBSCRIBED:
        if (event->subscribed != NULL)
            step(p,
                 &(struct thermos_input){
                     .kind = THERMOS_IN_SUBSCRIBED,
                     .has_killing_state =
                         has_killing_state(event->subscribed->framework_info)},
                 now_ms, fx);
        break;
    case MESOS__V1__EXECUTOR__EVENT__TYPE__LAUNCH:
        if (event->launch != NULL)
            on_launch(p, event->launch->task, now_ms, fx);
        break;
    case MESOS__V1__EXECUTOR__EVENT__TYPE__LAUNCH_GROUP:
        if (event->launch_group != NULL)
            on_group(p, event->launch_group->task_group, now_ms, fx);
        break;
    case MESOS__V1__EXECUTOR__EVENT__TYPE__KILL:
        if (event->kill != NULL)
            on_kill(p, event->kill, now_ms, fx);
        break;
    case MESOS__V1__EXECUTOR__EVENT__TYPE__ACKNOWLEDGED:
        if (event->acknowledged != NULL)
            on_acknowledged(p, event->acknowledged, now_ms, fx);
        break;
    case MESOS__V1__EXECUTOR__EVENT__TYPE__SHUTDOWN:
        step(p, &(struct thermos_input){.kind = THERMOS_IN_SHUTDOWN}, now_ms,
             fx);
        break;
    case MESOS__V1__EXECUTOR__EVENT__TYPE__ERROR:
        effect_log(fx, 0, "agent_error message=\"%.200s\"",
                   event->error != NULL ? event->error->message : "");
        step(p, &(struct thermos_input){.kind = THERMOS_IN_SHUTDOWN}, now_ms,
             fx);
        break;
    default: /* MESSAGE and HEARTBEAT ask for nothing */
        break;
    }
}

/* --- the program's entries --- */

static void on_start(void *self, int64_t now_ms, struct effects *fx)
{
    struct executor_program *p = self;
    thermos_begin(&p->core, now_ms, &p->todo);
    perform(p, fx);
}

static void on_record(void *self, exchange_id exchange, struct bytes record,
                      int64_t now_ms, struct effects *fx)
{
    struct executor_program *p = self;
    struct arena arena;
    struct err err = {0};
    ProtobufCMessage *message;

    if (exchange != p->follow)
        return; /* of an earlier subscription */
    arena_init(&arena);
    if (codec_decode(&mesos__v1__executor__event__descriptor, "Event",
                     MEDIA_PROTOBUF, record, &arena, &message, &err) == 0)
        on_event(p, (const event_t *)message, now_ms, fx);
    else
        effect_log(fx, 1, "event_unreadable reason=\"%.200s\" ignoring",
                   err.text);
    arena_release(&arena);
}

static void on_update_answer(struct executor_program *p, bool ok,
                             int64_t now_ms, struct effects *fx)
{
    p->update = 0;
    step(p,
         &(struct thermos_input){.kind = THERMOS_IN_UPDATE_DONE,
                                 .number = p->update_number,
                                 .ok = ok},
         now_ms, fx);
}

static void on_answer(void *self, exchange_id exchange,
                      const struct http_response *response, int64_t now_ms,
                      struct effects *fx)
{
    struct executor_program *p = self;
    char why[160];

    if (response->status / 100 == 2) {
        if (exchange == p->update)
            on_update_answer(p, true, now_ms, fx);
        return; /* a subscription's head; SUBSCRIBED follows */
    }
    (void)snprintf(why, sizeof why, "%d %.*s", response->status,
                   response->body.size > 100 ? 100 : (int)response->body.size,
                   response->body.size ? (const char *)response->body.data
                                       : "");
    if (exchange == p->follow) {
        link_lost(p, why, now_ms, fx);
    } else if (exchange == p->update) {
        effect_log(fx, 1, "update_refused answer=\"%s\" retrying", why);
        on_update_answer(p, false, now_ms, fx);
    }
}

static void on_broken(void *self, exchange_id exchange, const char *why,
                      int64_t now_ms, struct effects *fx)
{
    struct executor_program *p = self;
    if (exchange == p->follow)
        link_lost(p, why, now_ms, fx);
    else if (exchange == p->update)
        on_update_answer(p, false, now_ms, fx);
}

static void runner_died(struct executor_program *p, int wait_status,
                        int64_t now_ms, struct effects *fx)
{
    char text[128];
    if (WIFSIGNALED(wait_status))
        (void)snprintf(text, sizeof text, "was terminated by signal %d",
                       WTERMSIG(wait_status));
    else
        (void)snprintf(text, sizeof text, "exited with status %d",
                       WEXITSTATUS(wait_status));
    step(p,
         &(struct thermos_input){.kind = THERMOS_IN_RUNNER_DIED, .text = text},
         now_ms, fx);
}

static void on_ended(struct executor_program *p,
                     const struct executor_ended *ended, int64_t now_ms,
                     struct effects *fx)
{
    char *text = ended->text.size > 0 ? xstrndup((const char *)ended->text.data,
                                                 ended->text.size)
                                      : NULL;
    step(p,
         &(struct thermos_input){.kind = THERMOS_IN_TASK_ENDED,
                                 .state = ended->state,
                                 .text = text},
         now_ms, fx);
    free(text);
}

static void on_checked(struct executor_program *p,
                       const struct executor_checked *checked, int64_t now_ms,
                       struct effects *fx)
{
    char *text = xstrndup((const char *)checked->text.data, checked->text.size);
    step(p,
         &(struct thermos_input){.kind = THERMOS_IN_CHECKED,
                                 .number = checked->number,
                                 .ok = checked->ok,
                                 .text = text},
         now_ms, fx);
    free(text);
}

static void on_fact(void *self, uint32_t kind, const void *data, int64_t now_ms,
                    struct effects *fx)
{
    struct executor_program *p = self;
    switch ((enum executor_fact)kind) {
    case EXECUTOR_FACT_RUNNING: {
        const struct executor_running *running = data;
        step(p,
             &(struct thermos_input){.kind = THERMOS_IN_TASK_RUNNING,
                                     .grace_ms = running->grace_ms},
             now_ms, fx);
        break;
    }
    case EXECUTOR_FACT_ENDED:
        on_ended(p, data, now_ms, fx);
        break;
    case EXECUTOR_FACT_RUNNER_DIED: {
        const struct executor_runner_died *died = data;
        runner_died(p, died->wait_status, now_ms, fx);
        break;
    }
    case EXECUTOR_FACT_CHECKED:
        on_checked(p, data, now_ms, fx);
        break;
    case EXECUTOR_FACT_TORN: {
        const struct executor_torn *torn = data;
        step(p,
             &(struct thermos_input){
                 .kind = THERMOS_IN_TORN, .step = torn->step, .ok = torn->ok},
             now_ms, fx);
        break;
    }
    case EXECUTOR_FACT_ANNOUNCED:
        step(p, &(struct thermos_input){.kind = THERMOS_IN_ANNOUNCED}, now_ms,
             fx);
        break;
    case EXECUTOR_FACT_MEASURED: {
        const struct executor_measured *measured = data;
        step(p,
             &(struct thermos_input){.kind = THERMOS_IN_MEASURED,
                                     .bytes = measured->bytes},
             now_ms, fx);
        break;
    }
    }
}

static int64_t next_ms(const void *self)
{
    const struct executor_program *p = self;
    return thermos_next_ms(&p->core);
}

static void on_time(void *self, int64_t now_ms, struct effects *fx)
{
    step(self, &(struct thermos_input){.kind = THERMOS_IN_TIME}, now_ms, fx);
}

static void check(const void *self)
{
    const struct executor_program *p = self;
    thermos_check(&p->core);
}

const struct program EXECUTOR_PROGRAM = {.name = "thermos",
                                         .on_start = on_start,
                                         .on_answer = on_answer,
                                         .on_record = on_record,
                                         .on_broken = on_broken,
                                         .on_fact = on_fact,
                                         .next_ms = next_ms,
                                         .on_time = on_time,
                                         .check = check};

struct executor_program *executor_program_new(
    const struct executor_options *options)
{
    struct executor_program *p = xcalloc(1, sizeof *p);
    struct buf url = {0}, authorization = {0};

    if (options->agent_socket != NULL)
        buf_addf(&url, "http://unix:%s:/api/v1/executor",
                 options->agent_socket);
    else
        buf_addf(&url, "http://%s/api/v1/executor", options->agent_endpoint);
    p->url = buf_take(&url);
    p->framework_id = xstrdup(options->framework_id);
    p->executor_id = xstrdup(options->executor_id);
    p->disk_interval_ms = options->disk_interval_ms > 0
                              ? options->disk_interval_ms
                              : EXECUTOR_DISK_INTERVAL_MS;
    if (options->token != NULL) {
        buf_addf(&authorization, "Bearer %s", options->token);
        p->authorization = buf_take(&authorization);
    }
    p->wall_ms = options->wall_ms;
    thermos_init(&p->core,
                 &(struct thermos_options){
                     .framework_id = p->framework_id,
                     .executor_id = p->executor_id,
                     .recovery_timeout_ms = options->recovery_timeout_ms,
                     .backoff_max_ms = options->backoff_max_ms,
                     .shutdown_grace_ms = options->shutdown_grace_ms,
                     .seed = options->seed});
    return p;
}

void executor_program_free(struct executor_program *p)
{
    if (p == NULL)
        return;
    thermos_release(&p->core);
    vec_free(&p->todo.list);
    free(p->url);
    free(p->framework_id);
    free(p->executor_id);
    free(p->authorization);
    free(p);
}

const struct thermos *executor_program_state(const struct executor_program *p)
{
    return &p->core;
}
