#include "executor/thermos/task_care.h"

#include "executor/thermos/plain_care.h"
#include "sys/address.h"
#include "sys/zookeeper.h"
#include "wire/codec.h"
#include "wire/http.h"
#include "wire/json.h"

#include <string.h>

enum {
    INITIAL_MS = 15000, /* of a health check that does not say */
    INTERVAL_MS = 10000,
    TIMEOUT_MS = 1000,
    LIFECYCLE_WAIT_S = 5
};

typedef Perigee__AssignedTask assigned_task;

/* --- reading --- */

/* NULL for what cannot be read. */
static const Mesos__V1__TaskInfo *read_info(struct bytes task_info,
                                            struct arena *arena)
{
    ProtobufCMessage *message;
    if (codec_decode(&mesos__v1__task_info__descriptor, "TaskInfo",
                     MEDIA_PROTOBUF, task_info, arena, &message, NULL) != 0)
        return NULL;
    return (const void *)message;
}

/* NULL for a plain command, and for what cannot be read. */
static const assigned_task *read_task(const Mesos__V1__TaskInfo *info,
                                      struct arena *arena)
{
    ProtobufCMessage *message;
    if (info == NULL || info->executor == NULL || !info->has_data ||
        info->data.len == 0)
        return NULL;
    bool is_json = info->data.data[0] == '{';
    if (codec_decode(&perigee__assigned_task__descriptor, "AssignedTask",
                     is_json ? MEDIA_JSON : MEDIA_PROTOBUF,
                     bytes_of(info->data.data, info->data.len), arena, &message,
                     NULL) != 0)
        return NULL;
    const assigned_task *task = (const void *)message;
    return task->job != NULL && task->job->task != NULL ? task : NULL;
}

static int64_t or_else(bool has, uint64_t value, int64_t other)
{
    if (!has)
        return other;
    return value < INT32_MAX ? (int64_t)value : INT32_MAX;
}

static enum check_kind kind_of(const Perigee__HealthCheck *check)
{
    if (check == NULL)
        return CHECK_NONE;
    if (check->shell != NULL)
        return CHECK_SHELL;
    if (check->tcp != NULL)
        return CHECK_TCP;
    if (check->lua != NULL)
        return CHECK_LUA;
    return check->http != NULL ? CHECK_HTTP : CHECK_NONE;
}

static const Perigee__PortAlias *alias_of(const assigned_task *task,
                                          const char *name)
{
    const Perigee__Announcer *announce = task->job->announce;
    for (size_t i = 0; announce != NULL && i < announce->n_portmap; i++)
        if (announce->portmap[i]->name != NULL &&
            strcmp(announce->portmap[i]->name, name) == 0)
            return announce->portmap[i];
    return NULL;
}

/* A port of the task, or another name for one. */
static bool find_port(const assigned_task *task, const char *name,
                      uint32_t *out)
{
    for (int hops = 0; name != NULL && hops < CARE_ALIASES_MAX; hops++) {
        for (size_t i = 0; i < task->n_ports; i++)
            if (task->ports[i]->name != NULL &&
                strcmp(task->ports[i]->name, name) == 0) {
                *out = task->ports[i]->port;
                return true;
            }
        const Perigee__PortAlias *alias = alias_of(task, name);
        if (alias == NULL)
            return false;
        if (alias->has_port && alias->port > 0 && alias->port < 65536) {
            *out = alias->port;
            return true;
        }
        name = alias->target;
    }
    return false;
}

static const char *lifecycle_port_name(const Perigee__Lifecycle *lifecycle)
{
    return lifecycle->port != NULL ? lifecycle->port : "health";
}

/* --- rules --- */

static void health_rules(const Perigee__HealthCheck *check,
                         struct thermos_care *out)
{
    out->has_health = kind_of(check) != CHECK_NONE;
    out->health = (struct health_rule){.initial_ms = INITIAL_MS,
                                       .interval_ms = INTERVAL_MS,
                                       .successes_min = 1};
    if (check == NULL)
        return;
    out->health = (struct health_rule){
        .initial_ms = or_else(check->has_initial_interval_ms,
                              check->initial_interval_ms, INITIAL_MS),
        .interval_ms =
            or_else(check->has_interval_ms, check->interval_ms, INTERVAL_MS),
        .failures_max = check->max_consecutive_failures,
        .successes_min = check->has_min_consecutive_successes
                             ? check->min_consecutive_successes
                             : 1};
}

/* Without the port there is nobody to ask: only signals, then. */
static void teardown_rules(const assigned_task *task, struct teardown_rule *out)
{
    const Perigee__Lifecycle *lifecycle = task->job->lifecycle;
    uint32_t port;

    out->is_announced = task->job->announce != NULL;
    out->has_endpoints = lifecycle != NULL &&
                         find_port(task, lifecycle_port_name(lifecycle), &port);
    if (!out->has_endpoints)
        return;
    out->quit_wait_ms =
        or_else(lifecycle->has_graceful_shutdown_wait_secs,
                lifecycle->graceful_shutdown_wait_secs, LIFECYCLE_WAIT_S) *
        1000;
    out->abort_wait_ms =
        or_else(lifecycle->has_shutdown_wait_secs,
                lifecycle->shutdown_wait_secs, LIFECYCLE_WAIT_S) *
        1000;
}

void task_care_rules(struct bytes task_info, struct thermos_care *out)
{
    struct arena arena;
    struct thermos_care care = {0};

    arena_init(&arena);
    const Mesos__V1__TaskInfo *info = read_info(task_info, &arena);
    const assigned_task *task = read_task(info, &arena);
    plain_care_rules(info, &care);
    if (task != NULL) {
        const Perigee__ResourceAmounts *amounts = task->job->task->resources;
        health_rules(task->job->health_check, &care);
        teardown_rules(task, &care.teardown);
        care.announce_ms =
            care.health.initial_ms +
            (int64_t)care.health.failures_max * care.health.interval_ms;
        if (amounts != NULL && amounts->disk_bytes < INT64_MAX)
            care.disk_bytes = (int64_t)amounts->disk_bytes;
    }
    *out = care;
    arena_release(&arena);
}

/* --- the shell's part --- */

static int want_port(const assigned_task *task, const char *field,
                     const char *name, uint32_t *out, struct err *err)
{
    if (find_port(task, name, out))
        return 0;
    return err_set(err, ERR_INVALID, "%s '%.100s': the task has no such port",
                   field, name ? name : "");
}

int task_care_path(struct task_care *care, const char *field, const char *path,
                   const char *other, const char **out, struct err *err)
{
    if (path == NULL || *path == '\0')
        path = other;
    for (const char *at = path; *at != '\0'; at++)
        if ((unsigned char)*at <= ' ' || *at == 127)
            return err_set(err, ERR_INVALID, "%s: want a path without spaces",
                           field);
    if (strlen(path) >= HTTP_PATH_MAX)
        return err_set(err, ERR_LIMIT, "%s: at most %d bytes", field,
                       HTTP_PATH_MAX - 1);
    *out = *path == '/' ? path : arena_printf(&care->words.arena, "/%s", path);
    return 0;
}

static int open_http(struct task_care *care, const Perigee__HttpCheck *http,
                     struct err *err)
{
    int rc = task_care_path(care, "health_check.http.endpoint", http->endpoint,
                            "/health", &care->endpoint, err);
    if (rc != 0)
        return rc;
    care->expected = http->expected_response ? http->expected_response : "ok";
    care->expected_code = http->expected_response_code;
    return want_port(care->task, "health_check.http.port", http->port,
                     &care->check_port, err);
}

/* The command is the shell of the function's sh(). */
static int open_function(struct task_care *care, const struct task_host *host,
                         struct err *err)
{
    if (care->task->health_bundle.len == 0)
        return err_set(err, ERR_INVALID,
                       "health_check.lua: the task came without its job file");
    return task_config_command(&care->words, care->task, host, "",
                               &care->command, err);
}

static int open_health(struct task_care *care, const struct task_host *host,
                       struct err *err)
{
    const Perigee__HealthCheck *check = care->task->job->health_check;
    const char *command;

    care->kind = kind_of(check);
    if (care->kind == CHECK_NONE)
        return 0;
    care->timeout_ms =
        or_else(check->has_timeout_ms, check->timeout_ms, TIMEOUT_MS);
    switch (care->kind) {
    case CHECK_HTTP:
        return open_http(care, check->http, err);
    case CHECK_TCP:
        return want_port(care->task, "health_check.tcp.port", check->tcp->port,
                         &care->check_port, err);
    case CHECK_SHELL:
        command = check->shell->shell_command;
        if (task_config_command(&care->words, care->task, host,
                                command ? command : "", &care->command,
                                err) != 0)
            return err_wrap(err, "health_check.shell.shell_command");
        return 0;
    default:
        return open_function(care, host, err);
    }
}

static int open_lifecycle(struct task_care *care, struct err *err)
{
    const Perigee__Lifecycle *lifecycle = care->task->job->lifecycle;
    if (lifecycle == NULL ||
        !find_port(care->task, lifecycle_port_name(lifecycle),
                   &care->lifecycle_port))
        return 0;
    int rc = task_care_path(care, "lifecycle.graceful_shutdown_endpoint",
                            lifecycle->graceful_shutdown_endpoint,
                            "/quitquitquit", &care->quit_endpoint, err);
    return rc == 0
               ? task_care_path(care, "lifecycle.shutdown_endpoint",
                                lifecycle->shutdown_endpoint,
                                "/abortabortabort", &care->abort_endpoint, err)
               : rc;
}

static void put_endpoint(struct json_writer *w, const char *key,
                         const char *host, uint32_t port)
{
    json_key(w, key);
    json_begin_object(w);
    json_put_string(w, "host", host);
    json_put_int(w, "port", port);
    json_end_object(w);
}

static bool is_port(const assigned_task *task, const char *name)
{
    for (size_t i = 0; i < task->n_ports; i++)
        if (task->ports[i]->name != NULL &&
            strcmp(task->ports[i]->name, name) == 0)
            return true;
    return false;
}

/* Every port of the task, every other name of one, and the name by which
 * Aurora's own users look for the primary one. */
static int put_endpoints(const assigned_task *task, const char *host,
                         uint32_t primary, struct json_writer *w,
                         struct err *err)
{
    const Perigee__Announcer *announce = task->job->announce;
    for (size_t i = 0; i < task->n_ports; i++)
        if (task->ports[i]->name != NULL)
            put_endpoint(w, task->ports[i]->name, host, task->ports[i]->port);
    for (size_t i = 0; i < announce->n_portmap; i++) {
        const char *name = announce->portmap[i]->name;
        uint32_t port;
        int rc = want_port(task, "announce.portmap", name, &port, err);
        if (rc != 0)
            return rc;
        if (!is_port(task, name))
            put_endpoint(w, name, host, port);
    }
    if (!is_port(task, "aurora") && alias_of(task, "aurora") == NULL)
        put_endpoint(w, "aurora", host, primary);
    return 0;
}

static int open_announce(struct task_care *care, const struct task_host *host,
                         struct err *err)
{
    const assigned_task *task = care->task;
    const char *name = task->hostname ? task->hostname : host->hostname;
    struct json_writer w;
    struct buf json = {0};
    uint32_t primary;
    int rc;

    if (task->job->announce == NULL)
        return 0;
    if (task->zookeeper == NULL || task->announce_path == NULL)
        return err_set(err, ERR_INVALID,
                       "announce: the scheduler knows no ZooKeeper");
    rc = address_check_list(task->zookeeper, ZK_SERVERS_MAX, err);
    if (rc != 0)
        return err_wrap(err, "announce: zookeeper");
    care->zookeeper = task->zookeeper;
    care->announce_path = task->announce_path;
    const char *port_name = task->job->announce->primary_port;
    rc = want_port(task, "announce.primary_port",
                   port_name ? port_name : "http", &primary, err);
    if (rc != 0)
        return rc;
    json_init(&w, &json, 0);
    json_begin_object(&w);
    put_endpoint(&w, "serviceEndpoint", name, primary);
    json_key(&w, "additionalEndpoints");
    json_begin_object(&w);
    rc = put_endpoints(task, name, primary, &w, err);
    if (rc == 0) {
        json_end_object(&w);
        json_put_int(&w, "shard", task->instance);
        json_put_string(&w, "status", "ALIVE");
        json_end_object(&w);
        care->member = arena_strdup(&care->words.arena, buf_text(&json));
    }
    buf_release(&json);
    return rc;
}

int task_care_open(struct bytes task_info, const struct task_host *host,
                   struct task_care *out, struct err *err)
{
    struct task_care care = {0};
    int rc = 0;

    arena_init(&care.words.arena);
    const Mesos__V1__TaskInfo *info = read_info(task_info, &care.words.arena);
    care.task = read_task(info, &care.words.arena);
    rc = plain_care_open(&care, info, host, err);
    if (care.task != NULL) {
        rc = open_health(&care, host, err);
        if (rc == 0)
            rc = open_announce(&care, host, err);
        if (rc == 0)
            rc = open_lifecycle(&care, err);
    }
    if (rc != 0) {
        arena_release(&care.words.arena);
        return rc;
    }
    *out = care;
    return 0;
}

void task_care_release(struct task_care *care)
{
    arena_release(&care->words.arena);
    *care = (struct task_care){0};
}
