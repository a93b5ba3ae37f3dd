#include "executor/thermos/task_config.h"

#include "base/hash.h"
#include "base/substitute.h"
#include "executor/thermos/core/thermos.h"
#include "executor/thermos/task_environment.h"
#include "mesos/v1/mesos.pb-c.h"
#include "wire/codec.h"

#include <stdio.h>
#include <string.h>

typedef Perigee__AssignedTask assigned_task;

/* --- an assigned task --- */

struct builder {
    const assigned_task *task;
    const struct task_host *host;
    struct task_config *config;
    struct bindings bindings;
};

static int substituted(struct builder *b, const char *text, const char **out,
                       struct err *err)
{
    struct buf buf = {0};
    int rc = substitute(text, &b->bindings, &buf, err);
    if (rc == 0)
        *out = arena_strndup(&b->config->arena, buf_text(&buf), buf.size);
    buf_release(&buf);
    return rc;
}

static const struct binding *bind_ports(struct builder *b)
{
    struct arena *arena = &b->config->arena;
    size_t count = b->task->n_ports;
    struct binding *port = arena_zalloc(arena, (count + 1) * sizeof *port);
    for (size_t i = 0; i < count; i++) {
        const Perigee__AssignedPort *from = b->task->ports[i];
        port[i].name = from->name ? from->name : "";
        port[i].value = arena_printf(arena, "%u", from->port);
    }
    b->config->port = b->task->ports;
    b->config->port_count = count;
    return port;
}

static uint32_t bind_env_of(struct binding *to, Perigee__EnvVar *const *from,
                            size_t count)
{
    uint32_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (from[i]->name != NULL && from[i]->value != NULL)
            to[n++] = (struct binding){from[i]->name, from[i]->value};
    return n;
}

/* env[NAME] means, in this order: the process's, the job's, the executor's. */
static void bind_env(struct builder *b, const Perigee__Process *process)
{
    struct arena *arena = &b->config->arena;
    const Perigee__Job *job = b->task->job;
    size_t most =
        process->n_env + job->n_env + environment_inherited_count(b->host);
    struct binding *env = arena_zalloc(arena, (most + 1) * sizeof *env);
    uint32_t n = bind_env_of(env, process->env, process->n_env);
    n += bind_env_of(env + n, job->env, job->n_env);
    for (const char *const *at = b->host->environ; *at != NULL; at++) {
        const char *item = *at;
        const char *equals = strchr(item, '=');
        if (equals != NULL)
            env[n++] = (struct binding){
                arena_strndup(arena, item, (size_t)(equals - item)),
                equals + 1};
    }
    b->bindings.env = env;
    b->bindings.env_count = n;
}

static int put_variables(struct builder *b, struct environment *env,
                         Perigee__EnvVar *const *from, size_t count,
                         struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        const char *value = from[i]->value ? from[i]->value : "";
        if (from[i]->secret != NULL)
            return err_set(err, ERR_UNSUPPORTED,
                           "variable '%s': no secrets on this machine",
                           from[i]->name ? from[i]->name : "");
        int rc = substituted(b, value, &value, err);
        if (rc == 0)
            rc = environment_put(env, from[i]->name ? from[i]->name : "", value,
                                 err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int build_environment(struct builder *b, const Perigee__Process *process,
                             struct environment *env, struct err *err)
{
    const char *path = environment_inherited(b->host, "PATH");
    const char *const base[][2] = {
        {"HOME", b->host->home},
        {"USER", b->host->user},
        {"LOGNAME", b->host->user},
        {"PATH", path ? path : "/usr/local/bin:/usr/bin:/bin"},
        {"SHELL", b->host->shell}, /* else bash asks who its user is */
        {"MESOS_SANDBOX", b->host->sandbox}};
    int rc = 0;

    environment_init(env, &b->config->arena,
                     sizeof base / sizeof *base + b->task->job->n_env +
                         process->n_env);
    for (size_t i = 0; i < sizeof base / sizeof *base && rc == 0; i++)
        rc = environment_put(env, base[i][0], base[i][1], err);
    if (rc == 0)
        rc = put_variables(b, env, b->task->job->env, b->task->job->n_env, err);
    if (rc == 0)
        rc = put_variables(b, env, process->env, process->n_env, err);
    return rc;
}

static int build_log(const Perigee__Logger *logger, struct log_rule *out,
                     struct err *err)
{
    static const char *const names[] = {[LOG_FILE] = "file",
                                        [LOG_CONSOLE] = "console",
                                        [LOG_BOTH] = "both",
                                        [LOG_NONE] = "none"};
    *out = (struct log_rule){LOG_FILE, LOG_SIZE, LOG_BACKUPS};
    if (logger == NULL)
        return 0;
    if (logger->destination != NULL && *logger->destination != '\0') {
        uint32_t i = 0;
        while (i <= LOG_NONE && strcmp(names[i], logger->destination) != 0)
            i++;
        if (i > LOG_NONE)
            return err_set(err, ERR_INVALID,
                           "logger.destination '%.50s': want file, console, "
                           "both or none",
                           logger->destination);
        out->destination = (enum log_destination)i;
    }
    if (logger->mode != NULL && strcmp(logger->mode, "standard") == 0)
        out->size = 0;
    else if (logger->has_log_size && logger->log_size > 0)
        out->size = logger->log_size;
    if (logger->has_backups)
        out->backups = logger->backups < LOG_BACKUPS_MAX ? logger->backups
                                                         : LOG_BACKUPS_MAX;
    return 0;
}

static int check_name(const struct task_config *config, uint32_t at,
                      struct err *err)
{
    const char *name = config->process[at].name;
    if (*name == '\0' || *name == '.' || strchr(name, '/') != NULL ||
        strlen(name) > 200)
        return err_set(err, ERR_INVALID,
                       "process name '%.100s': want 1 to 200 bytes, no '/', "
                       "no leading dot",
                       name);
    for (uint32_t i = 0; i < at; i++)
        if (strcmp(config->process[i].name, name) == 0)
            return err_set(err, ERR_INVALID, "process '%s': named twice", name);
    return 0;
}

static const char *const *shell_argv(struct builder *b, const char *cmdline)
{
    const char **argv = arena_zalloc(&b->config->arena, 4 * sizeof *argv);
    argv[0] = b->host->shell;
    argv[1] = "-c";
    argv[2] = cmdline;
    return argv;
}

static int build_process(struct builder *b, uint32_t at, struct err *err)
{
    const Perigee__Process *from = b->task->job->task->processes[at];
    struct process_config *process = &b->config->process[at];
    struct environment env;
    const char *cmdline = from->cmdline ? from->cmdline : "";
    bool is_raw = from->has_raw && from->raw;
    int rc;

    process->name = from->name ? from->name : "";
    b->config->process_rule[at] = (struct process_rule){
        .max_failures = from->has_max_failures ? from->max_failures : 1,
        .min_duration_ms =
            (int64_t)(from->has_min_duration ? from->min_duration : 5) * 1000,
        .is_daemon = from->has_daemon && from->daemon,
        .is_ephemeral = from->has_ephemeral && from->ephemeral,
        .is_final = from->has_final && from->final};
    bind_env(b, from);
    if ((rc = check_name(b->config, at, err)) != 0)
        return rc;
    if ((!is_raw && substituted(b, cmdline, &cmdline, err) != 0) ||
        build_environment(b, from, &env, err) != 0 ||
        build_log(from->logger, &process->log, err) != 0)
        return err_wrap(err, "process '%s'", process->name);
    process->path = b->host->shell;
    process->argv = shell_argv(b, cmdline);
    process->envp = env.item;
    return 0;
}

static int find_process(const struct task_config *config, const char *name,
                        uint32_t *out, struct err *err)
{
    for (uint32_t i = 0; i < config->count; i++)
        if (strcmp(config->process[i].name, name) == 0) {
            *out = i;
            return 0;
        }
    return err_set(err, ERR_INVALID, "order: there is no process '%.100s'",
                   name);
}

static int build_orders(struct builder *b, struct err *err)
{
    const Perigee__TaskConfig *task = b->task->job->task;
    struct task_config *config = b->config;
    size_t pairs = 0;
    for (size_t i = 0; i < task->n_constraints; i++)
        pairs += task->constraints[i]->n_order;
    if (pairs > PLAN_EDGES_MAX)
        return err_set(err, ERR_LIMIT, "constraints: at most %d pairs",
                       PLAN_EDGES_MAX);
    config->order =
        arena_zalloc(&config->arena, (pairs + 1) * sizeof *config->order);
    for (size_t i = 0; i < task->n_constraints; i++) {
        const Perigee__OrderChain *chain = task->constraints[i];
        uint32_t before = 0, after = 0;
        for (size_t k = 0; k < chain->n_order; k++) {
            int rc = find_process(config, chain->order[k], &after, err);
            if (rc != 0)
                return rc;
            if (k > 0)
                config->order[config->order_count++] =
                    (struct plan_edge){before, after};
            before = after;
        }
    }
    return 0;
}

static const char *base_name(struct arena *arena, const char *uri)
{
    size_t size = strcspn(uri, "?#");
    size_t begin = size;
    while (begin > 0 && uri[begin - 1] != '/')
        begin--;
    return arena_strndup(arena, uri + begin, size - begin);
}

static int build_fetch_one(struct builder *b, const Perigee__Fetch *from,
                           struct fetch_config *out, struct err *err)
{
    const char *uri = from->uri ? from->uri : "";
    int rc = substituted(b, uri, &uri, err);
    if (rc != 0)
        return err_wrap(err, "fetch");
    *out = (struct fetch_config){
        .uri = uri,
        .output = from->output != NULL && *from->output != '\0'
                      ? from->output
                      : base_name(&b->config->arena, uri),
        .sha256 =
            from->sha256 != NULL && *from->sha256 != '\0' ? from->sha256 : NULL,
        .is_asset = from->has_asset && from->asset,
        .extract = from->has_extract && from->extract,
        .executable = from->has_executable && from->executable};
    if (*out->output == '\0' || strchr(out->output, '/') != NULL ||
        strcmp(out->output, ".") == 0 || strcmp(out->output, "..") == 0)
        return err_set(err, ERR_INVALID,
                       "fetch '%.200s': want a file name for the sandbox", uri);
    if (out->is_asset && out->sha256 == NULL)
        return err_set(err, ERR_INVALID,
                       "fetch '%.200s': an asset needs its "
                       "sha256",
                       uri);
    return 0;
}

static int build_fetch(struct builder *b, struct err *err)
{
    const Perigee__TaskConfig *task = b->task->job->task;
    struct task_config *config = b->config;
    if (task->n_fetch > TASK_FETCH_MAX)
        return err_set(err, ERR_LIMIT, "fetch: at most %d entries",
                       TASK_FETCH_MAX);
    config->fetch = arena_zalloc(&config->arena,
                                 (task->n_fetch + 1) * sizeof *config->fetch);
    for (size_t i = 0; i < task->n_fetch; i++) {
        int rc = build_fetch_one(b, task->fetch[i], &config->fetch[i], err);
        if (rc != 0)
            return rc;
    }
    config->fetch_count = (uint32_t)task->n_fetch;
    config->asset_url = b->task->asset_url;
    return 0;
}

static void bind_names(struct builder *b)
{
    const Perigee__Job *job = b->task->job;
    b->bindings = (struct bindings){
        .cluster = job->cluster,
        .role = job->role,
        .environment = job->environment,
        .name = job->name,
        .hostname = b->task->hostname ? b->task->hostname : b->host->hostname,
        .instance = arena_printf(&b->config->arena, "%u", b->task->instance),
        .task_id = b->config->task_id,
        .user = b->host->user,
        .port = bind_ports(b),
        .port_count = (uint32_t)b->task->n_ports};
}

static int build_assigned(struct builder *b, struct err *err)
{
    const Perigee__Job *job = b->task->job;
    struct task_config *config = b->config;
    int rc = 0;

    if (job == NULL || job->task == NULL || job->task->n_processes == 0)
        return err_set(err, ERR_INVALID,
                       "assigned task: want a job with a task and processes");
    if (job->task->n_processes > PLAN_PROCESSES_MAX)
        return err_set(err, ERR_LIMIT, "processes: at most %d",
                       PLAN_PROCESSES_MAX);
    const Perigee__TaskConfig *task = job->task;
    config->count = (uint32_t)task->n_processes;
    config->process =
        arena_zalloc(&config->arena, config->count * sizeof *config->process);
    config->process_rule = arena_zalloc(
        &config->arena, config->count * sizeof *config->process_rule);
    config->rule = (struct task_rule){
        .max_failures = task->has_max_failures ? task->max_failures : 1,
        .max_concurrency = task->max_concurrency,
        .finalization_ms =
            (int64_t)(task->has_finalization_wait ? task->finalization_wait
                                                  : 30) *
            1000};
    if (config->task_id == NULL)
        config->task_id = b->task->task_id ? b->task->task_id : "";
    config->instance = b->task->instance;
    config->job_key = arena_printf(
        &config->arena, "%s/%s/%s/%s", job->cluster ? job->cluster : "",
        job->role ? job->role : "", job->environment ? job->environment : "",
        job->name ? job->name : "");
    bind_names(b);
    for (uint32_t i = 0; i < config->count && rc == 0; i++)
        rc = build_process(b, i, err);
    if (rc == 0)
        rc = build_orders(b, err);
    return rc == 0 ? build_fetch(b, err) : rc;
}

static int decode_assigned(struct bytes bytes, const struct task_host *host,
                           struct task_config *config, struct err *err)
{
    bool is_json = bytes.size > 0 && bytes.data[0] == '{';
    ProtobufCMessage *message;
    int rc = codec_decode(&perigee__assigned_task__descriptor, "AssignedTask",
                          is_json ? MEDIA_JSON : MEDIA_PROTOBUF, bytes,
                          &config->arena, &message, err);
    if (rc != 0)
        return rc;
    struct builder b = {
        .task = (const assigned_task *)message, .host = host, .config = config};
    return build_assigned(&b, err);
}

/* --- what surrounds the processes --- */

static struct builder surroundings(struct task_config *scratch,
                                   const Perigee__AssignedTask *task,
                                   const struct task_host *host)
{
    static const Perigee__Process none = PERIGEE__PROCESS__INIT;
    struct builder b = {.task = task, .host = host, .config = scratch};
    scratch->task_id = task->task_id ? task->task_id : "";
    bind_names(&b);
    bind_env(&b, &none);
    return b;
}

int task_config_command(struct task_config *scratch,
                        const Perigee__AssignedTask *task,
                        const struct task_host *host, const char *cmdline,
                        struct process_config *out, struct err *err)
{
    static const Perigee__Process none = PERIGEE__PROCESS__INIT;
    struct builder b = surroundings(scratch, task, host);
    struct environment env;
    int rc = substituted(&b, cmdline, &cmdline, err);
    if (rc == 0)
        rc = build_environment(&b, &none, &env, err);
    if (rc == 0)
        *out = (struct process_config){.path = host->shell,
                                       .argv = shell_argv(&b, cmdline),
                                       .envp = env.item};
    return rc;
}

/* --- a plain command --- */

static const char *const *command_argv(const Mesos__V1__CommandInfo *command,
                                       struct arena *arena)
{
    size_t n = command->n_arguments;
    const char **argv = arena_zalloc(arena, (n + 4) * sizeof *argv);
    if (command->shell) {
        argv[0] = "sh";
        argv[1] = "-c";
        argv[2] = command->value;
    } else if (n == 0) {
        argv[0] = command->value;
    } else {
        for (size_t i = 0; i < n; i++)
            argv[i] = command->arguments[i];
    }
    return argv;
}

int task_config_plain(struct task_config *scratch,
                      const Mesos__V1__CommandInfo *command,
                      const struct task_host *host, struct process_config *out,
                      struct err *err)
{
    struct environment env;
    struct arena *arena = &scratch->arena;
    int rc;

    if (command->value == NULL)
        return err_set(err, ERR_INVALID, "command: want a value");
    const Mesos__V1__Environment *given = command->environment;
    environment_init(&env, arena,
                     environment_inherited_count(host) +
                         (given ? given->n_variables : 0));
    if ((rc = environment_inherit(&env, host, err)) != 0)
        return rc;
    for (size_t i = 0; given != NULL && i < given->n_variables && rc == 0; i++)
        if (given->variables[i]->value != NULL)
            rc = environment_put(&env, given->variables[i]->name,
                                 given->variables[i]->value, err);
    if (rc == 0)
        *out = (struct process_config){.path = command->shell ? "/bin/sh"
                                                              : command->value,
                                       .argv = command_argv(command, arena),
                                       .envp = env.item};
    return rc;
}

static int build_command(const Mesos__V1__CommandInfo *command,
                         const struct task_host *host,
                         struct task_config *config, struct err *err)
{
    struct arena *arena = &config->arena;

    config->is_command = true;
    config->count = 1;
    config->rule = (struct task_rule){
        .max_failures = 1, .finalization_ms = THERMOS_COMMAND_GRACE_MS};
    config->process_rule = arena_zalloc(arena, sizeof *config->process_rule);
    config->process_rule->max_failures = 1;
    config->process = arena_zalloc(arena, sizeof *config->process);
    int rc = task_config_plain(config, command, host, config->process, err);
    config->process->name = "command";
    config->process->log.destination = LOG_CONSOLE;
    return rc;
}

/* --- the two doors --- */

int task_config_from_info(struct bytes task_info, const struct task_host *host,
                          struct task_config *out, struct err *err)
{
    struct task_config config = {.hash = hash64(task_info, 0)};
    ProtobufCMessage *message;
    arena_init(&config.arena);
    int rc =
        codec_decode(&mesos__v1__task_info__descriptor, "TaskInfo",
                     MEDIA_PROTOBUF, task_info, &config.arena, &message, err);
    if (rc == 0) {
        const Mesos__V1__TaskInfo *info = (const void *)message;
        config.task_id = info->task_id->value;
        if (info->executor == NULL && info->command != NULL)
            rc = build_command(info->command, host, &config, err);
        else if (info->has_data)
            rc = decode_assigned(bytes_of(info->data.data, info->data.len),
                                 host, &config, err);
        else
            rc = err_set(err, ERR_INVALID,
                         "task: want a command, or data that holds a "
                         "perigee.AssignedTask");
    }
    if (rc != 0) {
        arena_release(&config.arena);
        return rc;
    }
    *out = config;
    return 0;
}

int task_config_from_assigned(struct bytes assigned,
                              const struct task_host *host,
                              struct task_config *out, struct err *err)
{
    struct task_config config = {.hash = hash64(assigned, 0)};
    arena_init(&config.arena);
    int rc = decode_assigned(assigned, host, &config, err);
    if (rc != 0) {
        arena_release(&config.arena);
        return rc;
    }
    *out = config;
    return 0;
}

void task_config_release(struct task_config *config)
{
    arena_release(&config->arena);
    *config = (struct task_config){0};
}

int task_config_plan(const struct task_config *config, struct task_run *out,
                     struct err *err)
{
    struct task_run run;
    uint32_t at;
    int rc = 0;

    task_run_init(&run, &config->rule, config->process_rule, config->count);
    for (uint32_t i = 0; i < config->order_count && rc == 0; i++)
        rc = task_run_order(&run, config->order[i].before,
                            config->order[i].after, err);
    if (rc == 0 && (planner_has_cycle(&run.regular.graph, &at) ||
                    planner_has_cycle(&run.final.graph, &at)))
        rc = err_set(err, ERR_INVALID,
                     "order: process '%s' would wait for itself",
                     config->process[at].name);
    if (rc != 0) {
        task_run_release(&run);
        return rc;
    }
    *out = run;
    return 0;
}
