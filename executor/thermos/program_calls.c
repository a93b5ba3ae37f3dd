/* The calls of the Mesos v1 executor API that an executor makes. */
#include "executor/thermos/program_parts.h"

#include "mesos/v1/executor.pb-c.h"
#include "wire/codec.h"

#include <string.h>

typedef Mesos__V1__Executor__Call call_t;

enum { UPDATE_TIMEOUT_MS = 10000, HEADERS_MAX = 4 };

struct identity { /* the ids every call carries */
    Mesos__V1__ExecutorID executor;
    Mesos__V1__FrameworkID framework;
};

static call_t call_init(struct executor_program *p, struct identity *id,
                        Mesos__V1__Executor__Call__Type type)
{
    call_t call = MESOS__V1__EXECUTOR__CALL__INIT;
    *id = (struct identity){MESOS__V1__EXECUTOR_ID__INIT,
                            MESOS__V1__FRAMEWORK_ID__INIT};
    id->executor.value = p->executor_id;
    id->framework.value = p->framework_id;
    call.executor_id = &id->executor;
    call.framework_id = &id->framework;
    call.has_type = 1;
    call.type = type;
    return call;
}

static uint32_t headers(const struct executor_program *p,
                        struct http_header out[HEADERS_MAX])
{
    uint32_t n = 0;
    out[n++] = (struct http_header){"Content-Type", "application/x-protobuf"};
    out[n++] = (struct http_header){"Accept", "application/x-protobuf"};
    if (p->authorization != NULL)
        out[n++] = (struct http_header){"Authorization", p->authorization};
    return n;
}

static Mesos__V1__TaskStatus *status_of(const struct executor_program *p,
                                        const struct thermos_update *update,
                                        struct arena *arena)
{
    Mesos__V1__TaskStatus *status = arena_alloc(arena, sizeof *status);
    Mesos__V1__TaskID *task_id = arena_alloc(arena, sizeof *task_id);
    Mesos__V1__ExecutorID *executor_id =
        arena_alloc(arena, sizeof *executor_id);

    mesos__v1__task_status__init(status);
    mesos__v1__task_id__init(task_id);
    mesos__v1__executor_id__init(executor_id);
    task_id->value = update->task_id;
    executor_id->value = p->executor_id;
    status->task_id = task_id;
    status->executor_id = executor_id;
    status->state = (Mesos__V1__TaskState)update->state;
    status->has_source = 1;
    status->source = MESOS__V1__TASK_STATUS__SOURCE__SOURCE_EXECUTOR;
    status->message = update->message;
    status->has_reason = update->reason >= 0;
    if (status->has_reason)
        status->reason = (Mesos__V1__TaskStatus__Reason)update->reason;
    status->has_healthy = update->healthy >= 0;
    status->healthy = update->healthy == 1;
    status->has_timestamp = 1;
    int64_t at_ms =
        p->wall_ms != NULL ? p->wall_ms(update->at_ms) : update->at_ms;
    status->timestamp = (double)at_ms / 1000.0;
    status->has_uuid = 1;
    status->uuid.len = UUID_BYTES;
    status->uuid.data = arena_memdup(arena, update->uuid.byte, UUID_BYTES);
    return status;
}

static void send_call(struct executor_program *p, const call_t *call,
                      exchange_id exchange, bool follow, struct effects *fx)
{
    struct http_header header[HEADERS_MAX];
    uint32_t count = headers(p, header);
    struct buf body = {0};

    codec_encode(&call->base, MEDIA_PROTOBUF, &body);
    if (follow)
        effect_follow(fx, exchange, p->url, header, count, buf_bytes(&body));
    else
        effect_call(fx, exchange, p->url, header, count, buf_bytes(&body),
                    UPDATE_TIMEOUT_MS);
    buf_release(&body);
}

/* The task, while none of its updates was acknowledged. */
static void add_unknown_task(const struct executor_program *p,
                             Mesos__V1__Executor__Call__Subscribe *subscribe,
                             struct arena *arena)
{
    ProtobufCMessage *task;
    if (p->core.task == NULL || p->core.is_task_known)
        return;
    if (codec_decode(&mesos__v1__task_info__descriptor, "TaskInfo",
                     MEDIA_PROTOBUF, blob_bytes(p->core.task), arena, &task,
                     NULL) != 0)
        return; /* it was decoded before, so this cannot be */
    subscribe->unacknowledged_tasks =
        arena_alloc(arena, sizeof *subscribe->unacknowledged_tasks);
    subscribe->unacknowledged_tasks[0] = (Mesos__V1__TaskInfo *)task;
    subscribe->n_unacknowledged_tasks = 1;
}

void executor_subscribe(struct executor_program *p, struct effects *fx)
{
    struct identity id;
    call_t call = call_init(p, &id, MESOS__V1__EXECUTOR__CALL__TYPE__SUBSCRIBE);
    Mesos__V1__Executor__Call__Subscribe message =
        MESOS__V1__EXECUTOR__CALL__SUBSCRIBE__INIT;
    Mesos__V1__Executor__Call__Update *update;
    struct arena arena;
    uint32_t n = p->core.updates.count;

    arena_init(&arena);
    message.unacknowledged_updates =
        arena_zalloc(&arena, (n + 1) * sizeof(void *));
    message.n_unacknowledged_updates = n;
    for (uint32_t i = 0; i < n; i++) {
        update = arena_alloc(&arena, sizeof *update);
        mesos__v1__executor__call__update__init(update);
        update->status = status_of(p, &p->core.updates.item[i], &arena);
        message.unacknowledged_updates[i] = update;
    }
    add_unknown_task(p, &message, &arena);
    call.subscribe = &message;
    if (p->update != 0)
        effect_hangup(fx, p->update);
    p->update = 0;
    p->follow = ++p->next_exchange;
    send_call(p, &call, p->follow, true, fx);
    arena_release(&arena);
}

void executor_send_update(struct executor_program *p,
                          const struct thermos_update *update,
                          struct effects *fx)
{
    struct identity id;
    call_t call = call_init(p, &id, MESOS__V1__EXECUTOR__CALL__TYPE__UPDATE);
    Mesos__V1__Executor__Call__Update message =
        MESOS__V1__EXECUTOR__CALL__UPDATE__INIT;
    struct arena arena;

    arena_init(&arena);
    message.status = status_of(p, update, &arena);
    call.update = &message;
    p->update = ++p->next_exchange;
    p->update_number = update->number;
    send_call(p, &call, p->update, false, fx);
    arena_release(&arena);
}
