/* The agent's records: proto/perigee/agent_store.proto says what is kept. */
#include "agent/internal.h"
#include "base/text.h"
#include "perigee/agent_store.pb-c.h"
#include <stdio.h>
#include <string.h>

enum { KEY_MAX = UUID_TEXT_MAX + 1 + ID_MAX + 1 + 10 };

/* --- writing --- */

static struct bytes executor_key(const struct agent_executor *executor)
{
    return bytes_of_text(executor->container_id);
}

static struct bytes task_key(const struct agent_task *task, char *out)
{
    snprintf(out, KEY_MAX, "%s/%s", task->executor->container_id, task->id);
    return bytes_of_text(out);
}

static struct bytes update_key(const struct agent_update *update, char *out)
{
    snprintf(out, KEY_MAX, "%s/%s/%010llu",
             update->task->executor->container_id, update->task->id,
             (unsigned long long)update->sequence);
    return bytes_of_text(out);
}

static void save_agent(struct agent_program *p, char *id, struct effects *fx)
{
    Perigee__AgentStore__Agent record = PERIGEE__AGENT_STORE__AGENT__INIT;
    record.agent_id = id;
    record.boot_id = p->boot_id;
    effect_persist(fx, "agent", bytes_of_text("agent"),
                   agent_pack(&p->arena, &record));
}

void agent_store_save_agent(struct agent_program *p, struct effects *fx)
{
    save_agent(p, p->agent_id, fx);
}

void agent_store_drop_id(struct agent_program *p, struct effects *fx)
{
    save_agent(p, (char *)"", fx);
}

void agent_store_forget_agent(struct effects *fx)
{
    effect_forget(fx, "agent", bytes_of_text("agent"));
}

static void save_framework(struct agent_program *p,
                           const struct agent_framework *framework,
                           struct effects *fx)
{
    Perigee__AgentStore__Framework record =
        PERIGEE__AGENT_STORE__FRAMEWORK__INIT;
    record.info =
        agent_unpack(&p->arena, &mesos__v1__framework_info__descriptor,
                     blob_bytes(framework->info));
    effect_persist(fx, "frameworks", bytes_of_text(framework->id),
                   agent_pack(&p->arena, &record));
}

static void save_executor(struct agent_program *p,
                          const struct agent_executor *executor,
                          struct effects *fx)
{
    Perigee__AgentStore__Executor record = PERIGEE__AGENT_STORE__EXECUTOR__INIT;
    record.framework_id = executor->framework->id;
    record.container_id = (char *)executor->container_id;
    record.info = agent_unpack(&p->arena, &mesos__v1__executor_info__descriptor,
                               blob_bytes(executor->info));
    record.has_is_command = record.is_command = executor->is_command;
    record.has_pid = record.has_born = executor->pid != 0;
    record.pid = executor->pid;
    record.born = executor->born;
    record.has_is_terminated = record.is_terminated =
        executor->state == AGENT_EXECUTOR_TERMINATED;
    record.has_is_ending = record.is_ending =
        executor->state == AGENT_EXECUTOR_TERMINATING;
    effect_persist(fx, "executors", executor_key(executor),
                   agent_pack(&p->arena, &record));
}

static void save_task(struct agent_program *p, const struct agent_task *task,
                      struct effects *fx)
{
    char key[KEY_MAX];
    Perigee__AgentStore__Task record = PERIGEE__AGENT_STORE__TASK__INIT;
    record.framework_id = task->executor->framework->id;
    record.executor_id = task->executor->id;
    record.info = agent_unpack(&p->arena, &mesos__v1__task_info__descriptor,
                               blob_bytes(task->info));
    record.has_is_killed = record.is_killed = task->is_killed;
    record.has_grace_ms = task->is_killed;
    record.grace_ms = task->grace_ms;
    effect_persist(fx, "tasks", task_key(task, key),
                   agent_pack(&p->arena, &record));
}

static void save_update(struct agent_program *p,
                        const struct agent_update *update, struct effects *fx)
{
    char key[KEY_MAX];
    Perigee__AgentStore__Update record = PERIGEE__AGENT_STORE__UPDATE__INIT;
    record.status = agent_status(p, update, &p->arena);
    record.has_is_acknowledged = record.is_acknowledged =
        update->is_acknowledged;
    effect_persist(fx, "updates", update_key(update, key),
                   agent_pack(&p->arena, &record));
}

void agent_store_effect(struct agent_program *p,
                        const struct agent_effect *effect, struct effects *fx)
{
    char key[KEY_MAX];
    switch (effect->kind) {
    case AGENT_SAVE_FRAMEWORK:
        save_framework(p, effect->framework, fx);
        break;
    case AGENT_FORGET_FRAMEWORK:
        effect_forget(fx, "frameworks", bytes_of_text(effect->framework->id));
        break;
    case AGENT_SAVE_EXECUTOR:
        save_executor(p, effect->executor, fx);
        break;
    case AGENT_FORGET_EXECUTOR:
        effect_forget(fx, "executors", executor_key(effect->executor));
        break;
    case AGENT_SAVE_TASK:
        save_task(p, effect->task, fx);
        break;
    case AGENT_FORGET_TASK:
        effect_forget(fx, "tasks", task_key(effect->task, key));
        break;
    case AGENT_SAVE_UPDATE:
        save_update(p, effect->update, fx);
        break;
    case AGENT_FORGET_UPDATE:
        effect_forget(fx, "updates", update_key(effect->update, key));
        break;
    default:
        break;
    }
}

/* --- reading --- */

static int read_agent(struct agent_program *p,
                      const Perigee__AgentStore__Agent *record, struct err *err)
{
    if (record->agent_id == NULL || strlen(record->agent_id) >= ID_MAX)
        return err_set(err, ERR_DAMAGED, "agent record: no agent id");
    snprintf(p->agent_id, sizeof p->agent_id, "%s", record->agent_id);
    if (record->boot_id != NULL)
        snprintf(p->stored_boot_id, sizeof p->stored_boot_id, "%s",
                 record->boot_id);
    return 0;
}

static int read_framework(struct agent_program *p,
                          const Perigee__AgentStore__Framework *record,
                          struct err *err)
{
    struct agent_framework_head head;
    if (record->info == NULL || record->info->id == NULL)
        return err_set(err, ERR_DAMAGED, "framework record: no id");
    agent_framework_decode(record->info, &p->arena, &head);
    agent_core_restore_framework(p->core, &head);
    return 0;
}

static int read_executor(struct agent_program *p,
                         const Perigee__AgentStore__Executor *record,
                         struct err *err)
{
    struct resources resources;
    if (record->info == NULL || record->framework_id == NULL ||
        record->container_id == NULL)
        return err_set(err, ERR_DAMAGED, "executor record: a part is missing");
    int rc = resources_decode(record->info->resources,
                              record->info->n_resources, &resources, err);
    if (rc < 0)
        return rc;
    const Mesos__V1__DurationInfo *grace = record->info->shutdown_grace_period;
    struct agent_stored_executor stored = {
        .framework_id = record->framework_id,
        .container_id = record->container_id,
        .head = {.id = record->info->executor_id->value,
                 .is_command = record->is_command,
                 .info = agent_pack(&p->arena, record->info),
                 .resources = &resources,
                 .grace_ms = grace ? grace->nanoseconds / 1000000 : -1},
        .pid = record->pid,
        .born = record->born,
        .is_terminated = record->is_terminated,
        .is_ending = record->is_ending};
    rc = agent_core_restore_executor(p->core, &stored, err);
    resources_release(&resources);
    return rc;
}

/* "<container>/<task>" or "<container>/<task>/<sequence>"; ids have no '/'. */
static int split_key(struct arena *arena, struct bytes key, char *part[3])
{
    char *text = arena_strndup(arena, (const char *)key.data, key.size);
    int count = 0;
    while (count < 3 && text != NULL) {
        part[count++] = text;
        text = strchr(text, '/');
        if (text != NULL)
            *text++ = '\0';
    }
    return count;
}

static int read_task(struct agent_program *p, struct bytes key,
                     const Perigee__AgentStore__Task *record, struct err *err)
{
    struct resources resources;
    char *part[3];
    if (record->info == NULL || split_key(&p->arena, key, part) != 2)
        return err_set(err, ERR_DAMAGED, "task record: a part is missing");
    int rc = resources_decode(record->info->resources,
                              record->info->n_resources, &resources, err);
    if (rc < 0)
        return rc;
    struct agent_stored_task stored = {
        .container_id = part[0],
        .head = {.id = record->info->task_id->value,
                 .info = agent_pack(&p->arena, record->info),
                 .resources = &resources},
        .is_killed = record->is_killed,
        .grace_ms = record->has_grace_ms ? record->grace_ms : -1};
    rc = agent_core_restore_task(p->core, &stored, err);
    resources_release(&resources);
    return rc;
}

static int read_update(struct agent_program *p, struct bytes key,
                       const Perigee__AgentStore__Update *record,
                       struct err *err)
{
    char *part[3];
    int64_t sequence;
    if (record->status == NULL || !record->status->has_uuid ||
        record->status->uuid.len != UUID_BYTES ||
        split_key(&p->arena, key, part) != 3)
        return err_set(err, ERR_DAMAGED, "update record: a part is missing");
    int rc = text_int(part[2], 1, INT64_MAX, &sequence, err);
    if (rc < 0)
        return err_set(err, ERR_DAMAGED, "update record: bad sequence '%s'",
                       part[2]);
    struct agent_stored_update stored = {
        .container_id = part[0],
        .task_id = part[1],
        .sequence = (uint64_t)sequence,
        .state = (enum agent_task_state)record->status->state,
        .is_acknowledged = record->is_acknowledged,
        .status = agent_pack(&p->arena, record->status)};
    memcpy(stored.uuid.byte, record->status->uuid.data, UUID_BYTES);
    return agent_core_restore_update(p->core, &stored, err);
}

/* A table that this version does not know is left alone. */
static const ProtobufCMessageDescriptor *record_type(const char *table)
{
    if (strcmp(table, "agent") == 0)
        return &perigee__agent_store__agent__descriptor;
    if (strcmp(table, "frameworks") == 0)
        return &perigee__agent_store__framework__descriptor;
    if (strcmp(table, "executors") == 0)
        return &perigee__agent_store__executor__descriptor;
    if (strcmp(table, "tasks") == 0)
        return &perigee__agent_store__task__descriptor;
    if (strcmp(table, "updates") == 0)
        return &perigee__agent_store__update__descriptor;
    return NULL;
}

int agent_store_read(struct agent_program *p, const char *table,
                     struct bytes key, struct bytes value, struct err *err)
{
    const ProtobufCMessageDescriptor *type = record_type(table);
    ProtobufCMessage *record = NULL;
    if (type == NULL)
        return 0;
    if (codec_decode(type, type->short_name, MEDIA_PROTOBUF, value, &p->arena,
                     &record, err) < 0)
        return err_set(err, ERR_DAMAGED, "table '%s': not a record", table);
    if (type == &perigee__agent_store__agent__descriptor)
        return read_agent(p, (void *)record, err);
    if (type == &perigee__agent_store__framework__descriptor)
        return read_framework(p, (void *)record, err);
    if (type == &perigee__agent_store__executor__descriptor)
        return read_executor(p, (void *)record, err);
    if (type == &perigee__agent_store__task__descriptor)
        return read_task(p, key, (void *)record, err);
    return read_update(p, key, (void *)record, err);
}
