/* How an executor is started: its ExecutorInfo when it has none, its command,
 * environment and limits. */
#include "agent/internal.h"
#include "base/text.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    COMMAND_SHOWN_MAX = 12, /* characters of a command in an executor's name */
    MEM_BYTES_MIN = 32 << 20
};

static const char DEFAULT_PATH[] =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* "Command Executor (Task: run1) (Command: sh -c 'echo out; ec...')" */
static char *command_name(const Mesos__V1__TaskInfo *task, struct arena *arena)
{
    const Mesos__V1__CommandInfo *command = task->command;
    const char *value = command && command->value ? command->value : "";
    bool is_shell = command == NULL || !command->has_shell || command->shell;
    bool is_long = strlen(value) > COMMAND_SHOWN_MAX + 3;
    return arena_printf(arena,
                        "Command Executor (Task: %s) (Command: %s%.*s%s%s)",
                        task->task_id->value, is_shell ? "sh -c '" : "",
                        is_long ? COMMAND_SHOWN_MAX : (int)strlen(value), value,
                        is_long ? "..." : "", is_shell ? "'" : "");
}

static Mesos__V1__CommandInfo *command_command(const struct agent_program *p,
                                               const Mesos__V1__TaskInfo *task,
                                               struct arena *arena)
{
    Mesos__V1__CommandInfo *command = arena_alloc(arena, sizeof *command);
    mesos__v1__command_info__init(command);
    command->has_shell = true;
    command->shell = false;
    command->value = p->executor;
    command->n_arguments = 2;
    command->arguments = arena_alloc(arena, 2 * sizeof(char *));
    command->arguments[0] = arena_strdup(arena, "thermos");
    command->arguments[1] = arena_strdup(arena, "executor");
    if (task->command != NULL) {
        command->user = task->command->user;
        command->n_uris = task->command->n_uris;
        command->uris = task->command->uris;
    }
    return command;
}

/* 0.1 cpus and 32 MB, in the role the task's resources are allocated to. */
static void command_resources(const Mesos__V1__TaskInfo *task,
                              struct arena *arena,
                              Mesos__V1__ExecutorInfo *info)
{
    struct resources own = {0};
    resources_add_scalar(&own, "cpus", 100);
    resources_add_scalar(&own, "mem", 32000);
    const Mesos__V1__Resource__AllocationInfo *allocation =
        task->n_resources > 0 ? task->resources[0]->allocation_info : NULL;
    if (allocation != NULL && allocation->role != NULL)
        resources_allocate(&own, allocation->role);
    info->resources = resources_encode(&own, RESOURCE_FORMAT_REFINED, arena,
                                       &info->n_resources);
    resources_release(&own);
}

Mesos__V1__ExecutorInfo *agent_command_executor(
    const struct agent_program *p, const Mesos__V1__FrameworkID *framework_id,
    const Mesos__V1__TaskInfo *task, struct arena *arena)
{
    Mesos__V1__ExecutorInfo *info = arena_alloc(arena, sizeof *info);
    mesos__v1__executor_info__init(info);
    info->executor_id = agent_executor_id(arena, task->task_id->value);
    info->framework_id = agent_framework_id(arena, framework_id->value);
    info->command = command_command(p, task, arena);
    command_resources(task, arena, info);
    info->name = command_name(task, arena);
    info->source = arena_strdup(arena, task->task_id->value);
    info->discovery = task->discovery;
    info->labels = task->labels;
    return info;
}

static const char *container_problem(const Mesos__V1__ContainerInfo *container,
                                     struct arena *arena)
{
    if (container == NULL)
        return NULL;
    const char *what = NULL;
    if (container->type == MESOS__V1__CONTAINER_INFO__TYPE__DOCKER)
        what = "Docker containers";
    else if (container->mesos != NULL && container->mesos->image != NULL)
        what = "container images";
    else if (container->n_volumes > 0)
        what = "container volumes";
    else if (container->n_network_infos > 0)
        what = "container networks";
    else if (container->linux_info != NULL || container->rlimit_info != NULL ||
             container->tty_info != NULL || container->hostname != NULL)
        what = "the settings of its ContainerInfo";
    return what == NULL
               ? NULL
               : arena_printf(arena,
                              "Failed to launch container: this agent does "
                              "not support %s",
                              what);
}

/* What our executor cannot check is not run unchecked. */
static const char *health_problem(const Mesos__V1__HealthCheck *check)
{
    if (check == NULL)
        return NULL;
    if (check->http != NULL && check->http->scheme != NULL &&
        strcasecmp(check->http->scheme, "http") != 0)
        return "Failed to launch container: this agent does not support "
               "health checks of command tasks over HTTPS";
    if ((check->http != NULL &&
         check->http->protocol != MESOS__V1__NETWORK_INFO__PROTOCOL__IPv4) ||
        (check->tcp != NULL &&
         check->tcp->protocol != MESOS__V1__NETWORK_INFO__PROTOCOL__IPv4))
        return "Failed to launch container: this agent does not support "
               "health checks of command tasks over IPv6";
    return NULL;
}

const char *agent_launch_problem(const Mesos__V1__TaskInfo *task,
                                 const Mesos__V1__ExecutorInfo *executor,
                                 struct arena *arena)
{
    const char *problem = container_problem(task->container, arena);
    if (problem == NULL)
        problem = container_problem(executor->container, arena);
    if (problem == NULL && task->n_limits > 0)
        problem = "Failed to launch container: this agent does not support "
                  "task resource limits";
    /* A custom executor may know what to do with checks; ours does not. */
    if (problem == NULL && task->executor == NULL)
        problem = health_problem(task->health_check);
    if (problem == NULL && task->executor == NULL && task->check != NULL)
        problem = "Failed to launch container: this agent does not support "
                  "checks of command tasks";
    if (problem == NULL && executor->has_type &&
        executor->type == MESOS__V1__EXECUTOR_INFO__TYPE__DEFAULT)
        problem = "Failed to launch container: this agent does not support "
                  "the DEFAULT executor";
    if (problem == NULL &&
        (executor->command == NULL || executor->command->value == NULL))
        problem = "Failed to launch container: its executor has no command";
    return problem;
}

const char *agent_sandbox(const struct agent_program *p,
                          const struct agent_executor *executor,
                          struct arena *arena)
{
    return arena_printf(arena,
                        "%s/slaves/%s/frameworks/%s/executors/%s/runs/%s",
                        p->work_dir, p->agent_id, executor->framework->id,
                        executor->id, executor->container_id);
}

void agent_limits(const struct agent_executor *executor, int64_t *cpu_milli,
                  int64_t *mem_bytes)
{
    struct resources total, firm;
    agent_executor_total(executor, &total);
    /* What may be taken back weighs a hundredth, as with Mesos: who pays for
     * his cpus has them first. */
    resources_firm(&total, &firm);
    int64_t cpus = resources_scalar(&firm, "cpus");
    *cpu_milli = cpus + (resources_scalar(&total, "cpus") - cpus) / 100;
    resources_release(&firm);
    *mem_bytes = resources_scalar(&total, "mem") * (1 << 20) / 1000;
    if (*mem_bytes < MEM_BYTES_MIN)
        *mem_bytes = MEM_BYTES_MIN;
    resources_release(&total);
}

/* --- the environment --- */

struct environment {
    struct arena *arena;
    VEC(const char *) entry;
};

static void environment_set(struct environment *env, const char *name,
                            const char *value)
{
    size_t size = strlen(name);
    const char *entry = arena_printf(env->arena, "%s=%s", name, value);
    for (uint32_t i = 0; i < env->entry.count; i++)
        if (strncmp(env->entry.item[i], entry, size + 1) == 0) {
            env->entry.item[i] = entry;
            return;
        }
    *vec_add(&env->entry) = entry;
}

static void set_times(const struct agent_program *p,
                      const struct agent_executor *executor,
                      struct environment *env)
{
    char text[32];
    environment_set(env, "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD",
                    text_duration(executor->grace_ms, text, sizeof text));
    if (!executor->framework->is_checkpointing)
        return;
    environment_set(env, "MESOS_RECOVERY_TIMEOUT",
                    text_duration(p->times.recovery, text, sizeof text));
    /* An executor that waits at most half the time it is given is back. */
    environment_set(
        env, "MESOS_SUBSCRIPTION_BACKOFF_MAX",
        text_duration(p->times.reregistration / 2, text, sizeof text));
}

/* Mesos' command executor tells its task for which role it runs; its whole
 * environment is the task's. */
static void set_role(const struct agent_executor *executor,
                     const Mesos__V1__ExecutorInfo *info,
                     struct environment *env)
{
    if (!executor->is_command)
        return;
    for (size_t i = 0; i < info->n_resources; i++) {
        const Mesos__V1__Resource__AllocationInfo *allocation =
            info->resources[i]->allocation_info;
        if (allocation != NULL && allocation->role != NULL)
            environment_set(env, "MESOS_ALLOCATION_ROLE", allocation->role);
    }
}

static const char *const *environment(const struct agent_program *p,
                                      const struct agent_executor *executor,
                                      const Mesos__V1__ExecutorInfo *info,
                                      struct arena *arena)
{
    struct environment env = {.arena = arena};
    const Mesos__V1__Environment *given = info->command->environment;
    const char *sandbox = agent_sandbox(p, executor, arena);
    const char *endpoint = arena_printf(arena, "%s:%d", p->ip, p->port);
    environment_set(&env, "PATH", DEFAULT_PATH);
    for (size_t i = 0; given != NULL && i < given->n_variables; i++)
        if (given->variables[i]->value != NULL)
            environment_set(&env, given->variables[i]->name,
                            given->variables[i]->value);
    environment_set(&env, "LIBPROCESS_IP", p->ip);
    environment_set(&env, "LIBPROCESS_PORT", "0");
    environment_set(&env, "MESOS_AGENT_ENDPOINT", endpoint);
    if (p->executor_socket != NULL)
        environment_set(&env, "MESOS_DOMAIN_SOCKET", p->executor_socket);
    if (p->tls_ca != NULL)
        environment_set(&env, "PERIGEE_TLS_CA", p->tls_ca);
    environment_set(&env, "MESOS_CHECKPOINT",
                    executor->framework->is_checkpointing ? "1" : "0");
    environment_set(&env, "MESOS_DIRECTORY", sandbox);
    environment_set(&env, "MESOS_EXECUTOR_ID", executor->id);
    environment_set(&env, "MESOS_FRAMEWORK_ID", executor->framework->id);
    environment_set(&env, "MESOS_HTTP_COMMAND_EXECUTOR", "0");
    environment_set(&env, "MESOS_SANDBOX", sandbox);
    environment_set(&env, "MESOS_SLAVE_ID", p->agent_id);
    environment_set(&env, "MESOS_SLAVE_PID",
                    arena_printf(arena, "slave(1)@%s", endpoint));
    if (p->executor_key != NULL) {
        char token[SECRET_HASH_MAX];
        agent_executor_token(p, executor, arena, token);
        environment_set(&env, "MESOS_EXECUTOR_AUTHENTICATION_TOKEN", token);
    }
    set_role(executor, info, &env);
    set_times(p, executor, &env);
    *vec_add(&env.entry) = NULL;
    const char *const *out = arena_memdup(
        arena, env.entry.item, env.entry.count * sizeof *env.entry.item);
    vec_free(&env.entry);
    return out;
}

/* --- the act --- */

static void set_command(const Mesos__V1__CommandInfo *command,
                        struct arena *arena, struct agent_launch *launch)
{
    bool is_shell = !command->has_shell || command->shell;
    size_t count = is_shell ? 3 : command->n_arguments;
    const char **argv = arena_zalloc(arena, (count + 2) * sizeof *argv);
    if (is_shell) {
        launch->path = "/bin/sh";
        argv[0] = "sh";
        argv[1] = "-c";
        argv[2] = arena_strdup(arena, command->value);
    } else {
        launch->path = arena_strdup(arena, command->value);
        for (size_t i = 0; i < count; i++)
            argv[i] = arena_strdup(arena, command->arguments[i]);
        if (count == 0)
            argv[0] = launch->path;
    }
    launch->argv = argv;
}

static void set_uris(const Mesos__V1__CommandInfo *command, struct arena *arena,
                     struct agent_launch *launch)
{
    struct agent_uri *uri =
        arena_zalloc(arena, (command->n_uris + 1) * sizeof *uri);
    for (size_t i = 0; i < command->n_uris; i++) {
        const Mesos__V1__CommandInfo__URI *from = command->uris[i];
        uri[i].value = arena_strdup(arena, from->value);
        if (from->output_file != NULL)
            uri[i].output_file = arena_strdup(arena, from->output_file);
        uri[i].executable = from->has_executable && from->executable;
        uri[i].extract = !from->has_extract || from->extract;
    }
    launch->uri = uri;
    launch->uri_count = (uint32_t)command->n_uris;
}

void agent_start(const struct agent_program *p,
                 const struct agent_executor *executor, struct effects *fx)
{
    struct arena *arena = &fx->arena; /* the act points into it */
    const Mesos__V1__ExecutorInfo *info =
        agent_unpack(arena, &mesos__v1__executor_info__descriptor,
                     blob_bytes(executor->info));
    const Mesos__V1__CommandInfo *command = info->command;
    assert(command != NULL && command->value != NULL);
    struct agent_launch launch = {
        .container_id = arena_strdup(arena, executor->container_id),
        .sandbox = agent_sandbox(p, executor, arena),
        .is_tidy = strcmp(command->value, p->executor) == 0,
        .owner = agent_owner(p, executor, arena),
        .user = arena_strdup(arena, command->user ? command->user
                                                  : executor->framework->user),
        .envp = environment(p, executor, info, arena)};
    set_command(command, arena, &launch);
    set_uris(command, arena, &launch);
    agent_limits(executor, &launch.cpu_milli, &launch.mem_bytes);
    effect_act(fx, AGENT_ACT_LAUNCH, &launch, sizeof launch);
}
