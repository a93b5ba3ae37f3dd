#include "executor/thermos/plain_care.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    TIMEOUT_S_MAX = 365 * 24 * 3600, /* of a check that may take for ever */
    PORT_MAX = 65535
};

static const Mesos__V1__HealthCheck *check_of(const Mesos__V1__TaskInfo *info)
{
    return info != NULL && info->executor == NULL && info->command != NULL
               ? info->health_check
               : NULL;
}

/* Negative or not a number: nothing. */
static int64_t milliseconds(double seconds)
{
    if (!(seconds > 0))
        return 0;
    return seconds < TIMEOUT_S_MAX ? (int64_t)(seconds * 1000)
                                   : (int64_t)TIMEOUT_S_MAX * 1000;
}

void plain_care_rules(const Mesos__V1__TaskInfo *info, struct thermos_care *out)
{
    const Mesos__V1__HealthCheck *check = check_of(info);
    if (check == NULL)
        return;
    out->has_command_health = true;
    out->command_health = (struct command_health_rule){
        .delay_ms = milliseconds(check->delay_seconds),
        .interval_ms = milliseconds(check->interval_seconds),
        .grace_ms = milliseconds(check->grace_period_seconds),
        .failures_max = check->consecutive_failures};
}

static int want_port(uint32_t port, uint32_t *out, struct err *err)
{
    if (port == 0 || port > PORT_MAX)
        return err_set(err, ERR_INVALID, "health check: port %u: want 1 to %d",
                       port, PORT_MAX);
    *out = port;
    return 0;
}

static int want_ipv4(Mesos__V1__NetworkInfo__Protocol protocol, struct err *err)
{
    if (protocol == MESOS__V1__NETWORK_INFO__PROTOCOL__IPv4)
        return 0;
    return err_set(err, ERR_INVALID,
                   "health check: this executor checks over IPv4 only");
}

static int open_http(struct task_care *care, struct err *err)
{
    const Mesos__V1__HealthCheck__HTTPCheckInfo *http = care->plain->http;
    int rc;
    if (http == NULL)
        return err_set(err, ERR_INVALID, "health check: want http");
    if (http->scheme != NULL && strcasecmp(http->scheme, "http") != 0)
        return err_set(err, ERR_INVALID,
                       "health check: this executor does not check over "
                       "'%.20s'",
                       http->scheme);
    rc = want_ipv4(http->protocol, err);
    if (rc == 0)
        rc = want_port(http->port, &care->check_port, err);
    care->kind = CHECK_HTTP;
    care->expected = "";
    return rc == 0 ? task_care_path(care, "health check: path", http->path, "/",
                                    &care->endpoint, err)
                   : rc;
}

static int open_tcp(struct task_care *care, struct err *err)
{
    const Mesos__V1__HealthCheck__TCPCheckInfo *tcp = care->plain->tcp;
    if (tcp == NULL)
        return err_set(err, ERR_INVALID, "health check: want tcp");
    int rc = want_ipv4(tcp->protocol, err);
    care->kind = CHECK_TCP;
    return rc == 0 ? want_port(tcp->port, &care->check_port, err) : rc;
}

/* A name without a slash is looked for as a shell does. What is not found is
 * left as it is: to start it tells why. */
static void find_program(struct task_care *care)
{
    const char *name = care->command.path;
    const char *at = getenv("PATH");
    if (strchr(name, '/') != NULL)
        return;
    while (at != NULL && *at != '\0') {
        int size = (int)strcspn(at, ":");
        const char *path =
            arena_printf(&care->words.arena, "%.*s/%s", size, at, name);
        if (size > 0 && access(path, X_OK) == 0) {
            care->command.path = path;
            return;
        }
        at += size;
        at += *at == ':';
    }
}

static int open_command(struct task_care *care, const struct task_host *host,
                        struct err *err)
{
    const Mesos__V1__CommandInfo *command = care->plain->command;
    if (command == NULL)
        return err_set(err, ERR_INVALID, "health check: want command");
    int rc =
        task_config_plain(&care->words, command, host, &care->command, err);
    care->kind = CHECK_SHELL;
    if (rc == 0)
        find_program(care);
    return rc;
}

int plain_care_open(struct task_care *care, const Mesos__V1__TaskInfo *info,
                    const struct task_host *host, struct err *err)
{
    care->plain = check_of(info);
    if (care->plain == NULL)
        return 0;
    care->timeout_ms = milliseconds(care->plain->timeout_seconds);
    if (care->timeout_ms == 0)
        care->timeout_ms = (int64_t)TIMEOUT_S_MAX * 1000;
    switch (care->plain->has_type ? (int)care->plain->type : 0) {
    case MESOS__V1__HEALTH_CHECK__TYPE__HTTP:
        return open_http(care, err);
    case MESOS__V1__HEALTH_CHECK__TYPE__TCP:
        return open_tcp(care, err);
    case MESOS__V1__HEALTH_CHECK__TYPE__COMMAND:
        return open_command(care, host, err);
    default:
        return err_set(err, ERR_INVALID, "health check: want a type");
    }
}
