/* The plain endpoints that Mesos' monitoring tools read: /state, /containers,
 * /monitor/statistics. */
#include "agent/internal.h"
#include "base/version.h"
#include <stdio.h>
#include <string.h>

static void put_scalar(struct json_writer *w, const struct resources *r,
                       const char *name)
{
    json_put_milli(w, name, resources_scalar(r, name));
}

/* What may be taken back is left out.
 * {"disk":8192.0,"mem":4096.0,"gpus":0.0,"cpus":4.0,"ports":"[31000-31999]"} */
static void put_resources(struct json_writer *w, const char *key,
                          const struct resources *all)
{
    struct ranges ports;
    struct resources firm, *r = &firm;
    resources_firm(all, &firm);
    resources_ranges(r, "ports", &ports);
    if (key != NULL)
        json_key(w, key);
    json_begin_object(w);
    put_scalar(w, r, "disk");
    put_scalar(w, r, "mem");
    put_scalar(w, r, "gpus");
    put_scalar(w, r, "cpus");
    if (ports.count > 0) {
        struct buf text = {0};
        ranges_print(&ports, &text);
        json_put_string(w, "ports", buf_text(&text));
        buf_release(&text);
    }
    json_end_object(w);
    resources_release(&firm);
    ranges_release(&ports);
}

static void put_message(struct json_writer *w, const ProtobufCMessage *message)
{
    struct buf json = {0};
    codec_encode(message, MEDIA_JSON, &json);
    json_raw(w, buf_bytes(&json));
    buf_release(&json);
}

static const char *role_of(Mesos__V1__Resource *const *resource, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (resource[i]->allocation_info != NULL &&
            resource[i]->allocation_info->role != NULL)
            return resource[i]->allocation_info->role;
    return "*";
}

static void put_labels(struct json_writer *w, const Mesos__V1__Labels *labels)
{
    if (labels == NULL || labels->n_labels == 0)
        return;
    json_key(w, "labels");
    json_begin_array(w);
    for (size_t i = 0; i < labels->n_labels; i++)
        put_message(w, &labels->labels[i]->base);
    json_end_array(w);
}

static void put_statuses(struct json_writer *w, const Mesos__V1__Task *task)
{
    json_key(w, "statuses");
    json_begin_array(w);
    for (size_t i = 0; i < task->n_statuses; i++) {
        const Mesos__V1__TaskStatus *status = task->statuses[i];
        json_begin_object(w);
        json_put_string(w, "state", agent_state_name((int)status->state));
        json_key(w, "timestamp");
        json_double(w, status->timestamp);
        if (status->container_status != NULL) {
            /* without the pid, as Mesos has it here */
            Mesos__V1__ContainerStatus shown = *status->container_status;
            shown.has_executor_pid = false;
            json_key(w, "container_status");
            put_message(w, &shown.base);
        }
        if (status->has_healthy)
            json_put_bool(w, "healthy", status->healthy);
        json_end_object(w);
    }
    json_end_array(w);
}

static void put_task(const struct agent_program *p, struct json_writer *w,
                     const struct agent_task *task)
{
    struct arena arena;
    arena_init(&arena);
    const Mesos__V1__Task *message = agent_task_message(p, task, true, &arena);
    json_begin_object(w);
    json_put_string(w, "id", task->id);
    json_put_string(w, "name", message->name);
    json_put_string(w, "framework_id", message->framework_id->value);
    json_put_string(w, "executor_id",
                    message->executor_id ? message->executor_id->value : "");
    json_put_string(w, "slave_id", p->agent_id);
    json_put_string(w, "state", agent_state_name((int)message->state));
    put_resources(w, "resources", &task->resources);
    json_put_string(w, "role",
                    role_of(message->resources, message->n_resources));
    put_statuses(w, message);
    put_labels(w, message->labels);
    if (message->discovery != NULL) {
        json_key(w, "discovery");
        put_message(w, &message->discovery->base);
    }
    json_end_object(w);
    arena_release(&arena);
}

static void put_tasks(const struct agent_program *p, struct json_writer *w,
                      const struct agent_executor *executor)
{
    json_key(w, "tasks");
    json_begin_array(w);
    for (uint32_t i = 0; i < executor->tasks.count; i++)
        if (executor->tasks.item[i]->is_launched)
            put_task(p, w, executor->tasks.item[i]);
    json_end_array(w);
    json_key(w, "queued_tasks");
    json_begin_array(w);
    for (uint32_t i = 0; i < executor->tasks.count; i++)
        if (!executor->tasks.item[i]->is_launched)
            put_task(p, w, executor->tasks.item[i]);
    json_end_array(w);
    json_key(w, "completed_tasks");
    json_begin_array(w);
    for (uint32_t i = 0; i < executor->completed.count; i++)
        put_task(p, w, executor->completed.item[i]);
    json_end_array(w);
}

static void put_executor(const struct agent_program *p, struct json_writer *w,
                         const struct agent_executor *executor)
{
    struct arena arena;
    struct resources total;
    arena_init(&arena);
    const Mesos__V1__ExecutorInfo *info =
        agent_unpack(&arena, &mesos__v1__executor_info__descriptor,
                     blob_bytes(executor->info));
    agent_executor_total(executor, &total);
    json_begin_object(w);
    json_put_string(w, "id", executor->id);
    json_put_string(w, "name", info->name ? info->name : "");
    json_put_string(w, "source", info->source ? info->source : "");
    json_put_string(w, "container", executor->container_id);
    json_put_string(w, "directory", agent_sandbox(p, executor, &arena));
    put_resources(w, "resources", &total);
    json_put_string(w, "role", role_of(info->resources, info->n_resources));
    put_labels(w, info->labels);
    if (info->has_type)
        json_put_string(w, "type",
                        info->type == MESOS__V1__EXECUTOR_INFO__TYPE__CUSTOM
                            ? "CUSTOM"
                            : "DEFAULT");
    put_tasks(p, w, executor);
    json_end_object(w);
    resources_release(&total);
    arena_release(&arena);
}

static void put_roles(struct json_writer *w,
                      const Mesos__V1__FrameworkInfo *info)
{
    json_key(w, "roles");
    json_begin_array(w);
    if (info->n_roles == 0)
        json_text(w, info->role ? info->role : "*");
    for (size_t i = 0; i < info->n_roles; i++)
        json_text(w, info->roles[i]);
    json_end_array(w);
}

static void put_executors(const struct agent_program *p, struct json_writer *w,
                          const struct agent_framework *framework)
{
    json_key(w, "executors");
    json_begin_array(w);
    for (uint32_t i = 0; i < framework->executors.count; i++)
        put_executor(p, w, framework->executors.item[i]);
    json_end_array(w);
    json_key(w, "completed_executors");
    json_begin_array(w);
    for (uint32_t i = 0; i < framework->completed.count; i++)
        put_executor(p, w, framework->completed.item[i]);
    json_end_array(w);
}

static void put_framework(const struct agent_program *p, struct json_writer *w,
                          const struct agent_framework *framework)
{
    struct arena arena;
    arena_init(&arena);
    const Mesos__V1__FrameworkInfo *info =
        agent_unpack(&arena, &mesos__v1__framework_info__descriptor,
                     blob_bytes(framework->info));
    json_begin_object(w);
    json_put_string(w, "id", framework->id);
    json_put_string(w, "name", info->name);
    json_put_string(w, "user", info->user);
    json_key(w, "failover_timeout");
    json_double(w, info->failover_timeout);
    json_put_bool(w, "checkpoint", framework->is_checkpointing);
    json_put_string(w, "hostname", info->hostname ? info->hostname : "");
    if (info->principal != NULL)
        json_put_string(w, "principal", info->principal);
    put_roles(w, info);
    put_executors(p, w, framework);
    json_end_object(w);
    arena_release(&arena);
}

static void put_attributes(const struct agent_program *p, struct json_writer *w)
{
    json_key(w, "attributes");
    json_begin_object(w);
    for (uint32_t i = 0; i < p->attributes.count; i++) {
        const struct attribute *attribute = &p->attributes.item[i];
        if (attribute->type == ATTRIBUTE_SCALAR)
            json_put_milli(w, attribute->name, attribute->milli);
        else
            json_put_string(w, attribute->name, attribute->text);
    }
    json_end_object(w);
}

/* What live executors and their tasks hold. */
static void allocated(const struct agent_program *p, struct resources *out)
{
    *out = (struct resources){0};
    const struct agent_executor *executor = p->core->executors_by_serial;
    for (; executor != NULL; executor = executor->by_serial.next) {
        struct resources total;
        agent_executor_total(executor, &total);
        resources_allocate(&total, "");
        resources_add(out, &total);
        resources_release(&total);
    }
}

/* Nothing is reserved. */
static void put_nothing(struct json_writer *w, const char *key)
{
    json_key(w, key);
    json_begin_object(w);
    json_end_object(w);
}

static void put_full(struct json_writer *w, const struct resources *r)
{
    struct arena arena;
    size_t count = 0;
    arena_init(&arena);
    Mesos__V1__Resource **item =
        resources_encode(r, RESOURCE_FORMAT_OLD, &arena, &count);
    json_key(w, "unreserved_resources_full");
    json_begin_array(w);
    for (size_t i = 0; i < count; i++)
        put_message(w, &item[i]->base);
    json_end_array(w);
    arena_release(&arena);
}

static void put_self(const struct agent_program *p, struct json_writer *w)
{
    char pid[300];
    struct resources used;
    snprintf(pid, sizeof pid, "slave(1)@%s:%d", p->ip, p->port);
    json_put_string(w, "version", AGENT_API_VERSION);
    json_put_string(w, "perigee_version", PERIGEE_VERSION);
    json_key(w, "start_time");
    json_double(w, (double)p->start_ms / 1000);
    json_put_string(w, "id", p->agent_id);
    json_put_string(w, "pid", pid);
    json_put_string(w, "hostname", p->hostname);
    json_key(w, "capabilities");
    json_begin_array(w);
    for (size_t i = 0; i < AGENT_CAPABILITY_COUNT; i++)
        json_text(w, AGENT_CAPABILITY_NAME[i]);
    json_end_array(w);
    put_resources(w, "resources", &p->resources);
    put_nothing(w, "reserved_resources");
    put_resources(w, "unreserved_resources", &p->resources);
    put_nothing(w, "reserved_resources_full");
    put_full(w, &p->resources);
    put_nothing(w, "reserved_resources_allocated");
    allocated(p, &used);
    put_resources(w, "unreserved_resources_allocated", &used);
    resources_release(&used);
    put_attributes(p, w);
    json_key(w, "master_hostname");
    json_text_n(w, bytes_of(p->master, strcspn(p->master, ":")));
}

void agent_state_print(const struct agent_program *p, struct buf *out)
{
    struct json_writer w;
    json_init(&w, out, 0);
    json_begin_object(&w);
    put_self(p, &w);
    json_key(&w, "flags");
    json_begin_object(&w);
    for (uint32_t i = 0; i < p->flag_count; i++)
        json_put_string(&w, p->flag[i].name, p->flag[i].value);
    json_end_object(&w);
    json_key(&w, "frameworks");
    json_begin_array(&w);
    const struct agent_framework *framework = p->core->frameworks;
    for (; framework != NULL; framework = framework->by_id.next)
        put_framework(p, &w, framework);
    json_end_array(&w);
    json_key(&w, "completed_frameworks");
    json_begin_array(&w);
    for (uint32_t i = 0; i < p->core->completed.count; i++)
        put_framework(p, &w, p->core->completed.item[i]);
    json_end_array(&w);
    json_end_object(&w);
}

/* --- /containers --- */

static void put_usage(const struct agent_program *p, struct json_writer *w,
                      const struct agent_executor *executor, int64_t now_ms)
{
    struct agent_usage usage = {0};
    int64_t cpu_milli, mem_bytes;
    agent_limits(executor, &cpu_milli, &mem_bytes);
    bool is_known = p->usage != NULL &&
                    p->usage(p->usage_context, executor->container_id, &usage);
    json_key(w, "statistics");
    json_begin_object(w);
    struct resources total;
    agent_executor_total(executor, &total);
    json_put_milli(w, "cpus_soft_limit", resources_scalar(&total, "cpus"));
    resources_release(&total);
    json_put_int(w, "mem_soft_limit_bytes", mem_bytes);
    if (is_known) {
        json_put_milli(w, "cpus_system_time_secs", usage.cpu_system_ms);
        json_put_milli(w, "cpus_user_time_secs", usage.cpu_user_ms);
        json_put_int(w, "mem_limit_bytes", usage.mem_limit_bytes);
        json_put_int(w, "mem_total_bytes", usage.mem_bytes);
        json_put_int(w, "mem_rss_bytes", usage.mem_rss_bytes);
        json_put_int(w, "mem_cache_bytes", usage.mem_cache_bytes);
    }
    json_key(w, "timestamp");
    json_double(w, (double)now_ms / 1000);
    json_end_object(w);
}

static void put_container(const struct agent_program *p, struct json_writer *w,
                          const struct agent_executor *executor, int64_t now_ms,
                          bool with_status)
{
    struct arena arena;
    arena_init(&arena);
    const Mesos__V1__ExecutorInfo *info =
        agent_unpack(&arena, &mesos__v1__executor_info__descriptor,
                     blob_bytes(executor->info));
    json_begin_object(w);
    if (with_status)
        json_put_string(w, "container_id", executor->container_id);
    json_put_string(w, "executor_id", executor->id);
    json_put_string(w, "executor_name", info->name ? info->name : "");
    json_put_string(w, "framework_id", executor->framework->id);
    json_put_string(w, "source", info->source ? info->source : "");
    put_usage(p, w, executor, now_ms);
    if (with_status) {
        json_key(w, "status");
        json_begin_object(w);
        json_key(w, "container_id");
        json_begin_object(w);
        json_put_string(w, "value", executor->container_id);
        json_end_object(w);
        if (executor->pid != 0)
            json_put_int(w, "executor_pid", executor->pid);
        json_end_object(w);
    }
    json_end_object(w);
    arena_release(&arena);
}

void agent_containers_print(const struct agent_program *p, int64_t now_ms,
                            bool with_status, struct buf *out)
{
    struct json_writer w;
    json_init(&w, out, 0);
    json_begin_array(&w);
    const struct agent_executor *executor = p->core->executors_by_serial;
    for (; executor != NULL; executor = executor->by_serial.next)
        put_container(p, &w, executor, now_ms, with_status);
    json_end_array(&w);
}
