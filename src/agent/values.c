#include "agent/internal.h"
#include "base/text.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define NEW(arena, Type, TYPE)                                           \
    ((Type *)memcpy(arena_alloc(arena, sizeof(Type)), &(const Type)TYPE, \
                    sizeof(Type)))

void *agent_unpack(struct arena *arena, const ProtobufCMessageDescriptor *type,
                   struct bytes packed)
{
    ProtobufCMessage *message = NULL;
    int rc = codec_decode(type, type->short_name, MEDIA_PROTOBUF, packed, arena,
                          &message, NULL);
    assert(rc >= 0 && message != NULL); /* we packed it */
    (void)rc;
    return message;
}

struct bytes agent_pack(struct arena *arena, const void *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = arena_alloc(arena, size + 1);
    protobuf_c_message_pack(message, data);
    return (struct bytes){data, size};
}

Mesos__V1__FrameworkID *agent_framework_id(struct arena *arena,
                                           const char *value)
{
    Mesos__V1__FrameworkID *id =
        NEW(arena, Mesos__V1__FrameworkID, MESOS__V1__FRAMEWORK_ID__INIT);
    id->value = arena_strdup(arena, value);
    return id;
}

Mesos__V1__ExecutorID *agent_executor_id(struct arena *arena, const char *value)
{
    Mesos__V1__ExecutorID *id =
        NEW(arena, Mesos__V1__ExecutorID, MESOS__V1__EXECUTOR_ID__INIT);
    id->value = arena_strdup(arena, value);
    return id;
}

Mesos__V1__AgentID *agent_agent_id(struct arena *arena, const char *value)
{
    Mesos__V1__AgentID *id =
        NEW(arena, Mesos__V1__AgentID, MESOS__V1__AGENT_ID__INIT);
    id->value = arena_strdup(arena, value);
    return id;
}

Mesos__V1__TaskID *agent_task_id(struct arena *arena, const char *value)
{
    Mesos__V1__TaskID *id =
        NEW(arena, Mesos__V1__TaskID, MESOS__V1__TASK_ID__INIT);
    id->value = arena_strdup(arena, value);
    return id;
}

Mesos__V1__AgentInfo *agent_info(const struct agent_program *p,
                                 struct arena *arena)
{
    Mesos__V1__AgentInfo *info =
        NEW(arena, Mesos__V1__AgentInfo, MESOS__V1__AGENT_INFO__INIT);
    info->hostname = arena_strdup(arena, p->hostname);
    info->has_port = true;
    info->port = p->port;
    info->resources = resources_encode(&p->resources, RESOURCE_FORMAT_REFINED,
                                       arena, &info->n_resources);
    info->attributes =
        attributes_encode(&p->attributes, arena, &info->n_attributes);
    if (p->agent_id[0] != '\0')
        info->id = agent_agent_id(arena, p->agent_id);
    return info;
}

/* --- statuses --- */

static Mesos__V1__TaskResourceLimitation *limitation(int64_t mem_bytes,
                                                     struct arena *arena)
{
    Mesos__V1__TaskResourceLimitation *out =
        NEW(arena, Mesos__V1__TaskResourceLimitation,
            MESOS__V1__TASK_RESOURCE_LIMITATION__INIT);
    struct resources mem = {0};
    resources_add_scalar(&mem, "mem", mem_bytes / (1 << 20) * 1000);
    out->resources = resources_encode(&mem, RESOURCE_FORMAT_REFINED, arena,
                                      &out->n_resources);
    resources_release(&mem);
    return out;
}

static Mesos__V1__TaskStatus *own_status(const struct agent_program *p,
                                         const struct agent_update *update,
                                         struct arena *arena)
{
    const struct agent_task *task = update->task;
    Mesos__V1__TaskStatus *status =
        NEW(arena, Mesos__V1__TaskStatus, MESOS__V1__TASK_STATUS__INIT);
    status->task_id = agent_task_id(arena, task->id);
    status->state = (Mesos__V1__TaskState)update->state;
    if (update->message != NULL)
        status->message = arena_strdup(arena, update->message);
    status->has_source = true;
    status->source = MESOS__V1__TASK_STATUS__SOURCE__SOURCE_AGENT;
    status->has_reason = update->reason != AGENT_REASON_NONE;
    if (status->has_reason)
        status->reason = (Mesos__V1__TaskStatus__Reason)update->reason;
    status->agent_id = agent_agent_id(arena, p->agent_id);
    status->executor_id = agent_executor_id(arena, task->executor->id);
    status->has_timestamp = true;
    status->timestamp = (double)update->at_ms / 1000;
    status->has_uuid = true;
    status->uuid.len = UUID_BYTES;
    status->uuid.data = arena_memdup(arena, update->uuid.byte, UUID_BYTES);
    if (update->limit_mem_bytes > 0)
        status->limitation = limitation(update->limit_mem_bytes, arena);
    return status;
}

Mesos__V1__TaskStatus *agent_status(const struct agent_program *p,
                                    const struct agent_update *update,
                                    struct arena *arena)
{
    if (update->status == NULL)
        return own_status(p, update, arena);
    return agent_unpack(arena, &mesos__v1__task_status__descriptor,
                        blob_bytes(update->status));
}

static void add_statuses(const struct agent_program *p,
                         const struct agent_task *task, bool has_history,
                         struct arena *arena, Mesos__V1__Task *out)
{
    uint32_t count = task->updates.count;
    uint32_t first = has_history || count == 0 ? 0 : count - 1;
    out->statuses =
        arena_alloc(arena, (task->updates.count + 1) * sizeof *out->statuses);
    for (uint32_t i = first; i < count; i++)
        out->statuses[out->n_statuses++] =
            agent_status(p, task->updates.item[i], arena);
    /* What was last told to the master: the head, or the last acknowledged. */
    const struct agent_update *told = agent_task_head(task);
    if (told == NULL && task->updates.count > 0)
        told = task->updates.item[task->updates.count - 1];
    if (told == NULL)
        return;
    out->has_status_update_state = true;
    out->status_update_state = (Mesos__V1__TaskState)told->state;
    out->has_status_update_uuid = true;
    out->status_update_uuid.len = UUID_BYTES;
    out->status_update_uuid.data =
        arena_memdup(arena, told->uuid.byte, UUID_BYTES);
}

Mesos__V1__Task *agent_task_message(const struct agent_program *p,
                                    const struct agent_task *task,
                                    bool has_history, struct arena *arena)
{
    const struct agent_executor *executor = task->executor;
    const Mesos__V1__TaskInfo *info = agent_unpack(
        arena, &mesos__v1__task_info__descriptor, blob_bytes(task->info));
    Mesos__V1__Task *out = NEW(arena, Mesos__V1__Task, MESOS__V1__TASK__INIT);
    out->name = info->name;
    out->task_id = info->task_id;
    out->framework_id = agent_framework_id(arena, executor->framework->id);
    if (!executor->is_command)
        out->executor_id = agent_executor_id(arena, executor->id);
    out->agent_id = agent_agent_id(arena, p->agent_id);
    out->state = (Mesos__V1__TaskState)task->state;
    out->n_resources = info->n_resources;
    out->resources = info->resources;
    add_statuses(p, task, has_history, arena, out);
    out->labels = info->labels;
    out->discovery = info->discovery;
    out->container = info->container;
    out->health_check = info->health_check;
    out->kill_policy = info->kill_policy;
    if (info->command != NULL && info->command->user != NULL)
        out->user = info->command->user;
    return out;
}

void agent_framework_decode(const Mesos__V1__FrameworkInfo *info,
                            struct arena *arena,
                            struct agent_framework_head *out)
{
    *out = (struct agent_framework_head){
        .id = info->id ? info->id->value : "",
        .user = info->user,
        .is_checkpointing = info->has_checkpoint && info->checkpoint,
        .info = agent_pack(arena, info)};
    for (size_t i = 0; i < info->n_capabilities; i++)
        if (info->capabilities[i]->has_type &&
            info->capabilities[i]->type ==
                MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__PARTITION_AWARE)
            out->is_partition_aware = true;
}

enum { SHOWN_MAX = 200 };

const char *agent_shown(struct arena *arena, const char *text)
{
    size_t size = strcspn(text, "\r\n");
    if (size > SHOWN_MAX)
        size = SHOWN_MAX;
    if (size > 0 && strcspn(text, " =\"\\\t") >= size)
        return arena_strndup(arena, text, size);
    char *out = arena_alloc(arena, 2 * size + 3), *at = out;
    *at++ = '"';
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"' || text[i] == '\\')
            *at++ = '\\';
        *at++ = text[i];
    }
    *at++ = '"';
    *at = '\0';
    return out;
}

const char *agent_state_name(int state)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
        &mesos__v1__task_state__descriptor, state);
    return value ? value->name : "TASK_UNKNOWN";
}
