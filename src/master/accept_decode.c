/* The operations of an ACCEPT: wire messages to heads. What travels on to the
 * agent is completed (allocation role, framework id) and packed here. */
#include "master/layer.h"

/* --- completing --------------------------------------------------------------
 */

static void allocate_all(Mesos__V1__Resource **item, size_t count,
                         const char *role, struct arena *arena)
{
    for (size_t i = 0; i < count; i++) {
        if (item[i]->allocation_info)
            continue;
        Mesos__V1__Resource__AllocationInfo *info =
            arena_alloc(arena, sizeof *info);
        *info = (Mesos__V1__Resource__AllocationInfo)
            MESOS__V1__RESOURCE__ALLOCATION_INFO__INIT;
        info->role = arena_strdup(arena, role);
        item[i]->allocation_info = info;
    }
}

static void complete_health_check(Mesos__V1__HealthCheck *check)
{
    if (!check || check->has_type)
        return;
    if (check->command && !check->http) {
        check->has_type = 1;
        check->type = MESOS__V1__HEALTH_CHECK__TYPE__COMMAND;
    } else if (check->http && !check->command) {
        check->has_type = 1;
        check->type = MESOS__V1__HEALTH_CHECK__TYPE__HTTP;
    }
}

/* --- resources --- */

static const char *resources_of(Mesos__V1__Resource *const *item, size_t count,
                                struct resources *out, struct arena *arena)
{
    struct err err = {0};
    *out = (struct resources){0};
    if (resources_decode(item, count, out, &err) < 0)
        return arena_strdup(arena, err.text);
    resources_allocate(out, "");
    return NULL;
}

static int64_t scalar_of(const struct task_head *task, const char *name)
{
    return resources_scalar(&task->resources, name);
}

static const char *limits_problem(const Mesos__V1__TaskInfo *info,
                                  const struct task_head *task)
{
    for (size_t i = 0; i < info->n_limits; i++) {
        const Mesos__V1__TaskInfo__LimitsEntry *limit = info->limits[i];
        bool is_cpus = strcmp(limit->key, "cpus") == 0;
        if (!is_cpus && strcmp(limit->key, "mem") != 0)
            return "Only cpus and mem may be included in a task's resource "
                   "limits";
        int64_t wanted = scalar_of(task, limit->key);
        if (wanted == 0)
            return is_cpus ? "When a CPU limit is specified, a CPU request "
                             "must also be specified"
                           : "When a memory limit is specified, a memory "
                             "request must also be specified";
        int64_t most;
        if (limit->value &&
            milli_from_double(limit->value->value, &most) == 0 && most < wanted)
            return is_cpus ? "The cpu limit must be greater than or equal to "
                             "the cpu request"
                           : "The memory limit must be greater than or equal "
                             "to the memory request";
    }
    return NULL;
}

/* --- executors --- */

static const char *type_problem(const Mesos__V1__ExecutorInfo *info,
                                struct arena *arena)
{
    if (info->has_type &&
        info->type == MESOS__V1__EXECUTOR_INFO__TYPE__DEFAULT && info->command)
        return "'ExecutorInfo.command' must not be set for 'DEFAULT' executor";
    if (info->has_type &&
        info->type == MESOS__V1__EXECUTOR_INFO__TYPE__CUSTOM && !info->command)
        return "'ExecutorInfo.command' must be set for 'CUSTOM' executor";
    struct err err = {0};
    if (id_check(info->executor_id->value, &err) < 0)
        return arena_strdup(arena, err.text);
    if (info->shutdown_grace_period &&
        info->shutdown_grace_period->nanoseconds < 0)
        return "ExecutorInfo's 'shutdown_grace_period' must be non-negative";
    const char *problem = command_problem(info->command, arena);
    return problem
               ? arena_printf(arena, "Executor's `CommandInfo` is invalid: %s",
                              problem)
               : NULL;
}

static const char *executor_decode(Mesos__V1__ExecutorInfo *info,
                                   const struct framework *f, const char *role,
                                   struct executor_head *out,
                                   struct arena *arena)
{
    out->id = info->executor_id->value;
    out->type_problem = type_problem(info, arena);
    out->has_framework_id = true;
    out->is_framework_wrong =
        info->framework_id && strcmp(info->framework_id->value, f->id) != 0;
    out->is_custom_or_unset =
        !info->has_type || info->type == MESOS__V1__EXECUTOR_INFO__TYPE__CUSTOM;
    out->has_command = info->command != NULL;
    const char *problem = resources_of(info->resources, info->n_resources,
                                       &out->resources, arena);
    if (!info->framework_id)
        info->framework_id = framework_id_make(f->id, arena);
    allocate_all(info->resources, info->n_resources, role, arena);
    out->info = pack(info, arena);
    return problem;
}

/* --- tasks --- */

/* What /state and the operator API show of it. */
static struct bytes about_task(const Mesos__V1__TaskInfo *info,
                               const struct framework *f, struct arena *arena)
{
    Mesos__V1__Task task = MESOS__V1__TASK__INIT;
    task.name = info->name;
    task.task_id = info->task_id;
    task.framework_id = framework_id_make(f->id, arena);
    if (info->executor)
        task.executor_id = info->executor->executor_id;
    task.agent_id = info->agent_id;
    task.state = MESOS__V1__TASK_STATE__TASK_STAGING;
    task.n_resources = info->n_resources;
    task.resources = info->resources;
    task.labels = info->labels;
    task.discovery = info->discovery;
    task.container = info->container;
    task.health_check = info->health_check;
    task.kill_policy = info->kill_policy;
    return pack(&task, arena);
}

static const char *container_problem(const Mesos__V1__ContainerInfo *container)
{
    if (!container)
        return NULL;
    if (container->type == MESOS__V1__CONTAINER_INFO__TYPE__DOCKER &&
        !container->docker)
        return "Task's `ContainerInfo` is invalid: DockerInfo 'docker' is not "
               "set for DOCKER typed ContainerInfo";
    return NULL;
}

static const char *commands_problem(const Mesos__V1__TaskInfo *info,
                                    struct arena *arena)
{
    const char *problem = command_problem(info->command, arena);
    if (problem)
        return arena_printf(arena, "Task's `CommandInfo` is invalid: %s",
                            problem);
    return container_problem(info->container);
}

static const char *checks_problem(const Mesos__V1__TaskInfo *info,
                                  struct arena *arena)
{
    const char *problem = check_problem(info->check, arena);
    if (problem)
        return arena_printf(arena, "Task uses invalid check: %s", problem);
    problem = health_check_problem(info->health_check, arena);
    if (problem)
        return arena_printf(arena, "Task uses invalid health check: %s",
                            problem);
    return NULL;
}

static bool is_negative(const Mesos__V1__DurationInfo *duration)
{
    return duration && duration->nanoseconds < 0;
}

/* NULL, or what is wrong with its resources. */
static const char *task_decode(Mesos__V1__TaskInfo *info,
                               const struct framework *f, const char *role,
                               struct task_head *out, struct arena *arena)
{
    complete_health_check(info->health_check);
    out->id = info->task_id->value;
    out->agent_id = info->agent_id->value;
    out->has_command = info->command != NULL;
    out->has_executor = info->executor != NULL;
    out->is_kill_grace_negative =
        info->kill_policy && is_negative(info->kill_policy->grace_period);
    out->is_completion_time_negative = is_negative(info->max_completion_time);
    out->check_problem = checks_problem(info, arena);
    out->command_problem = commands_problem(info, arena);
    out->has_unshared_cgroups =
        info->container && info->container->linux_info &&
        info->container->linux_info->has_share_cgroups &&
        !info->container->linux_info->share_cgroups;
    const char *problem = resources_of(info->resources, info->n_resources,
                                       &out->resources, arena);
    out->limits_problem = limits_problem(info, out);
    allocate_all(info->resources, info->n_resources, role, arena);
    if (info->executor) {
        const char *executor_problem =
            executor_decode(info->executor, f, role, &out->executor, arena);
        problem = problem ? problem : executor_problem;
    }
    out->info = pack(info, arena);
    out->about = about_task(info, f, arena);
    return problem;
}

static void tasks_decode(Mesos__V1__TaskInfo **item, size_t count,
                         const struct framework *f, const char *role,
                         struct operation *out, struct arena *arena)
{
    out->task = arena_zalloc(arena, (count + 1) * sizeof *out->task);
    out->task_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        const char *problem =
            task_decode(item[i], f, role, &out->task[i], arena);
        if (problem && !out->problem)
            out->problem = problem;
    }
}

/* --- operations --- */

static void operation_decode(Mesos__V1__Offer__Operation *in,
                             const struct framework *f, const char *role,
                             struct operation *out, struct arena *arena)
{
    const ProtobufCEnumValue *type =
        in->has_type
            ? protobuf_c_enum_descriptor_get_value(
                  &mesos__v1__offer__operation__type__descriptor, (int)in->type)
            : NULL;
    out->id = in->id ? in->id->value : NULL;
    out->name = type ? type->name : "";
    out->kind = OPERATION_NONE;
    if (!type || in->type == MESOS__V1__OFFER__OPERATION__TYPE__UNKNOWN)
        return;
    switch ((int)in->type) {
    case MESOS__V1__OFFER__OPERATION__TYPE__LAUNCH:
        out->kind = OPERATION_LAUNCH;
        if (in->launch)
            tasks_decode(in->launch->task_infos, in->launch->n_task_infos, f,
                         role, out, arena);
        break;
    case MESOS__V1__OFFER__OPERATION__TYPE__LAUNCH_GROUP:
        out->kind = OPERATION_LAUNCH_GROUP;
        if (in->launch_group && in->launch_group->task_group)
            tasks_decode(in->launch_group->task_group->tasks,
                         in->launch_group->task_group->n_tasks, f, role, out,
                         arena);
        break;
    default:
        out->kind = OPERATION_OTHER;
    }
}

struct operation *operations_decode(struct master_program *p,
                                    const struct framework *f, const char *role,
                                    Mesos__V1__Offer__Operation *const *item,
                                    size_t count)
{
    struct operation *operation =
        arena_zalloc(&p->arena, (count + 1) * sizeof *operation);
    for (size_t i = 0; i < count; i++)
        operation_decode(item[i], f, role, &operation[i], &p->arena);
    return operation;
}

void operations_release(struct operation *operation, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < operation[i].task_count; k++) {
            resources_release(&operation[i].task[k].resources);
            resources_release(&operation[i].task[k].executor.resources);
        }
    }
}
