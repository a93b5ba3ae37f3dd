/* POST /api/v1/executor: the Mesos v1 executor API, in its order of checks. */
#include "agent/internal.h"
#include <stdio.h>
#include <string.h>

#define INVALID "Failed to validate Executor::Call: "

void *agent_api_decode(struct agent_program *p, exchange_id exchange,
                       const struct http_request *request,
                       const ProtobufCMessageDescriptor *type,
                       struct effects *fx)
{
    ProtobufCMessage *message = NULL;
    struct err err = {0};
    if (request->method != HTTP_POST) {
        struct http_header allow = {"Allow", "POST"};
        const char *text = arena_printf(
            &p->arena,
            "405 Method Not Allowed. Expecting one of { 'POST' }, but "
            "received '%s'.",
            request->method_name);
        effect_reply_full(fx, exchange,
                          &(struct http_response){405, MEDIA_TEXT, &allow, 1,
                                                  bytes_of_text(text)});
        return NULL;
    }
    enum media_type media =
        media_type_exact(http_header(request, "Content-Type"));
    if (media == MEDIA_NONE) {
        effect_reply_text(fx, exchange, 400,
                          "Expecting 'Content-Type' to be present");
        return NULL;
    }
    if (media != MEDIA_JSON && media != MEDIA_PROTOBUF) {
        effect_reply_text(fx, exchange, 415,
                          "Expecting 'Content-Type' of application/json or "
                          "application/x-protobuf");
        return NULL;
    }
    if (codec_decode(type, "Call", media, request->body, &p->arena, &message,
                     &err) < 0) {
        effect_reply_text(fx, exchange, 400, "%s", err.text);
        return NULL;
    }
    return message;
}

/* What is wrong with an UPDATE, or NULL. */
static const char *update_problem(const Mesos__V1__Executor__Call *call,
                                  const Mesos__V1__TaskStatus *status,
                                  struct arena *arena)
{
    const char *executor_id = call->executor_id->value;
    const char *framework_id = call->framework_id->value;
    if (!status->has_uuid)
        return "Expecting 'uuid' to be present";
    if (status->uuid.len != UUID_BYTES)
        return "Not a valid UUID";
    if (status->executor_id != NULL &&
        strcmp(status->executor_id->value, executor_id) != 0)
        return arena_printf(arena,
                            "ExecutorID in Call: %s does not match ExecutorID "
                            "in TaskStatus: %s",
                            executor_id, status->executor_id->value);
    if (!status->has_source ||
        status->source != MESOS__V1__TASK_STATUS__SOURCE__SOURCE_EXECUTOR)
        return arena_printf(arena,
                            "Received Call from executor %s of framework %s "
                            "with invalid source, expecting 'SOURCE_EXECUTOR'",
                            executor_id, framework_id);
    if (protobuf_c_enum_descriptor_get_value(&mesos__v1__task_state__descriptor,
                                             (int)status->state) == NULL)
        return "Expecting 'state' to be known";
    if (status->state == MESOS__V1__TASK_STATE__TASK_STAGING)
        return arena_printf(arena,
                            "Received TASK_STAGING from executor %s of "
                            "framework %s which is not allowed",
                            executor_id, framework_id);
    return NULL;
}

static const char *call_problem(const Mesos__V1__Executor__Call *call,
                                struct arena *arena)
{
    if (!call->has_type)
        return "Expecting 'type' to be present";
    switch (call->type) {
    case MESOS__V1__EXECUTOR__CALL__TYPE__SUBSCRIBE:
        return call->subscribe ? NULL : "Expecting 'subscribe' to be present";
    case MESOS__V1__EXECUTOR__CALL__TYPE__UPDATE:
        return call->update ? update_problem(call, call->update->status, arena)
                            : "Expecting 'update' to be present";
    case MESOS__V1__EXECUTOR__CALL__TYPE__MESSAGE:
        return call->message ? NULL : "Expecting 'message' to be present";
    default:
        return NULL;
    }
}

/* The agent knows where the task runs better than its executor does. */
static void complete_status(const struct agent_program *p,
                            const struct agent_executor *executor,
                            int64_t now_ms, Mesos__V1__TaskStatus *status,
                            struct arena *arena)
{
    status->agent_id = agent_agent_id(arena, p->agent_id);
    if (status->executor_id == NULL)
        status->executor_id = agent_executor_id(arena, executor->id);
    if (!status->has_timestamp)
        status->timestamp = (double)now_ms / 1000;
    status->has_timestamp = true;
    Mesos__V1__ContainerStatus *container = status->container_status;
    if (container == NULL) {
        container = arena_alloc(arena, sizeof *container);
        mesos__v1__container_status__init(container);
        status->container_status = container;
    }
    if (container->container_id == NULL) {
        container->container_id =
            arena_alloc(arena, sizeof *container->container_id);
        mesos__v1__container_id__init(container->container_id);
        container->container_id->value =
            arena_strdup(arena, executor->container_id);
    }
    if (!container->has_executor_pid && executor->pid != 0) {
        container->has_executor_pid = true;
        container->executor_pid = (uint32_t)executor->pid;
    }
    if (container->n_network_infos > 0)
        return;
    Mesos__V1__NetworkInfo__IPAddress *address =
        arena_alloc(arena, sizeof *address);
    Mesos__V1__NetworkInfo *network = arena_alloc(arena, sizeof *network);
    mesos__v1__network_info__ipaddress__init(address);
    mesos__v1__network_info__init(network);
    address->has_protocol = true;
    address->protocol = MESOS__V1__NETWORK_INFO__PROTOCOL__IPv4;
    address->ip_address = p->ip;
    network->n_ip_addresses = 1;
    network->ip_addresses = arena_memdup(arena, &address, sizeof address);
    container->n_network_infos = 1;
    container->network_infos = arena_memdup(arena, &network, sizeof network);
}

static struct agent_status to_status(const struct agent_program *p,
                                     const struct agent_executor *executor,
                                     int64_t now_ms,
                                     Mesos__V1__TaskStatus *status,
                                     struct arena *arena)
{
    complete_status(p, executor, now_ms, status, arena);
    struct agent_status out = {.task_id = status->task_id->value,
                               .state = (enum agent_task_state)status->state,
                               .status = agent_pack(arena, status)};
    memcpy(out.uuid.byte, status->uuid.data, UUID_BYTES);
    return out;
}

static void subscribe(struct agent_program *p, exchange_id exchange,
                      enum media_type media,
                      const Mesos__V1__Executor__Call *call,
                      struct agent_executor *executor, int64_t now_ms,
                      struct effects *fx)
{
    struct arena *arena = &p->arena;
    const Mesos__V1__Executor__Call__Subscribe *from = call->subscribe;
    struct agent_subscribe subscribe = {
        .executor = executor, .stream = exchange, .media = (int)media};
    struct agent_status *update = arena_alloc(
        arena, (from->n_unacknowledged_updates + 1) * sizeof *update);
    const char **task_id = arena_alloc(
        arena, (from->n_unacknowledged_tasks + 1) * sizeof *task_id);
    for (size_t i = 0; i < from->n_unacknowledged_updates; i++) {
        Mesos__V1__TaskStatus *status = from->unacknowledged_updates[i]->status;
        if (update_problem(call, status, arena) == NULL)
            update[subscribe.update_count++] =
                to_status(p, executor, now_ms, status, arena);
    }
    for (size_t i = 0; i < from->n_unacknowledged_tasks; i++)
        task_id[subscribe.task_count++] =
            from->unacknowledged_tasks[i]->task_id->value;
    subscribe.update = update;
    subscribe.task_id = task_id;
    /* Without last words for a reader too slow: an ERROR tells an executor to
     * end itself and its tasks, a broken stream to subscribe again. */
    effect_stream(fx, exchange,
                  &(struct http_response){.status = 200, .type = media});
    effect_log(fx, 2,
               "executor_subscribed executor=%s framework=%s "
               "container=%s",
               agent_shown(arena, executor->id),
               agent_shown(arena, executor->framework->id),
               executor->container_id);
    agent_core_subscribe(p->core, &subscribe, now_ms, &p->core_fx);
}

static void accepted(struct effects *fx, exchange_id exchange)
{
    effect_reply(fx, exchange, 202, MEDIA_NONE, (struct bytes){NULL, 0});
}

static void update(struct agent_program *p, exchange_id exchange,
                   const Mesos__V1__Executor__Call *call,
                   struct agent_executor *executor, int64_t now_ms,
                   struct effects *fx)
{
    struct agent_status status =
        to_status(p, executor, now_ms, call->update->status, &p->arena);
    if (agent_core_update(p->core, executor, &status, now_ms, &p->core_fx) <
        0) {
        struct http_header later = {"Retry-After", "10"};
        effect_reply_full(
            fx, exchange,
            &(struct http_response){
                503, MEDIA_TEXT, &later, 1,
                bytes_of_text("Too many updates of this task wait for the "
                              "framework's acknowledgement")});
        return;
    }
    accepted(fx, exchange);
}

static void message(struct agent_program *p, exchange_id exchange,
                    const Mesos__V1__Executor__Call *from,
                    const struct agent_executor *executor, struct effects *fx)
{
    Perigee__Agent__Call__Message message = PERIGEE__AGENT__CALL__MESSAGE__INIT;
    Perigee__Agent__Call call = PERIGEE__AGENT__CALL__INIT;
    message.framework_id =
        agent_framework_id(&p->arena, executor->framework->id);
    message.executor_id = agent_executor_id(&p->arena, executor->id);
    message.has_data = true;
    message.data = from->message->data;
    call.has_type = true;
    call.type = PERIGEE__AGENT__CALL__TYPE__MESSAGE;
    call.message = &message;
    agent_link_call(p, &call, fx);
    accepted(fx, exchange);
}

/* Since this agent started. An update from before its last end must come with a
 * SUBSCRIBE, which says what stood behind it: alone it may be one that was
 * acknowledged and forgotten, and would be taken for news. */
static bool has_subscribed(const struct agent_executor *executor)
{
    if (executor->is_recovering)
        return false;
    return executor->stream != 0 || executor->state == AGENT_EXECUTOR_RUNNING;
}

/* The executor that makes the call; answers 400 or 403 when it may not. */
static struct agent_executor *caller(struct agent_program *p,
                                     exchange_id exchange,
                                     const Mesos__V1__Executor__Call *call,
                                     struct effects *fx)
{
    struct agent_framework *framework =
        agent_core_framework(p->core, call->framework_id->value);
    if (framework == NULL) {
        effect_reply_text(fx, exchange, 400, "Framework cannot be found");
        return NULL;
    }
    struct agent_executor *executor =
        agent_core_executor(framework, call->executor_id->value);
    if (executor == NULL) {
        effect_reply_text(fx, exchange, 400, "Executor cannot be found");
        return NULL;
    }
    if (!has_subscribed(executor) &&
        call->type != MESOS__V1__EXECUTOR__CALL__TYPE__SUBSCRIBE) {
        effect_reply_text(fx, exchange, 403, "Executor is not subscribed");
        return NULL;
    }
    return executor;
}

enum { REFUSED_LOG_MS = 100 }; /* at most one line in so long */

static void refuse_token(struct agent_program *p, exchange_id exchange,
                         const struct http_request *request, int64_t now_ms,
                         struct effects *fx)
{
    const struct http_header challenge = {
        "WWW-Authenticate", "Bearer realm=\"mesos-agent-executor\""};
    p->count.denied++;
    if (now_ms >= p->refused_log_ms + REFUSED_LOG_MS) {
        p->refused_log_ms = now_ms;
        effect_log(fx, 1, "executor_refused peer=%s token=%s", request->peer,
                   http_header(request, "Authorization") ? "wrong" : "none");
    }
    effect_reply_full(
        fx, exchange,
        &(struct http_response){401, MEDIA_TEXT, &challenge, 1,
                                bytes_of_text("want the token of an executor "
                                              "of this agent")});
}

void agent_executor_api(struct agent_program *p, exchange_id exchange,
                        const struct http_request *request, int64_t now_ms,
                        struct effects *fx)
{
    const Mesos__V1__Executor__Call *call = agent_api_decode(
        p, exchange, request, &mesos__v1__executor__call__descriptor, fx);
    if (call == NULL)
        return;
    const char *problem = call_problem(call, &p->arena);
    if (problem != NULL) {
        effect_reply_text(fx, exchange, 400, INVALID "%s", problem);
        return;
    }
    if (!agent_executor_proves(p, request, call->framework_id->value,
                               call->executor_id->value)) {
        refuse_token(p, exchange, request, now_ms, fx);
        return;
    }
    enum media_type media = media_type_accepted(http_header(request, "Accept"));
    if (call->type == MESOS__V1__EXECUTOR__CALL__TYPE__SUBSCRIBE &&
        media == MEDIA_OTHER) {
        effect_reply_text(fx, exchange, 406,
                          "Expecting 'Accept' to allow "
                          "'application/x-protobuf' or 'application/json'");
        return;
    }
    if (call->type == MESOS__V1__EXECUTOR__CALL__TYPE__HEARTBEAT) {
        accepted(fx, exchange);
        return;
    }
    struct agent_executor *executor = caller(p, exchange, call, fx);
    if (executor == NULL)
        return;
    switch (call->type) {
    case MESOS__V1__EXECUTOR__CALL__TYPE__SUBSCRIBE:
        subscribe(p, exchange, media, call, executor, now_ms, fx);
        break;
    case MESOS__V1__EXECUTOR__CALL__TYPE__UPDATE:
        update(p, exchange, call, executor, now_ms, fx);
        break;
    case MESOS__V1__EXECUTOR__CALL__TYPE__MESSAGE:
        message(p, exchange, call, executor, fx);
        break;
    default:
        effect_reply_text(fx, exchange, 501, "501 Not Implemented.");
        break;
    }
    agent_deliver(p, now_ms, fx);
}
