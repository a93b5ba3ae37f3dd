/* What only the wire message can tell about a task; Mesos' rules and words. */
#include "master/layer.h"

static const char *variable_problem(const Mesos__V1__Environment__Variable *v,
                                    struct arena *arena)
{
    bool is_secret = v->type == MESOS__V1__ENVIRONMENT__VARIABLE__TYPE__SECRET;
    const char *type = is_secret ? "SECRET" : "VALUE";
    if (!is_secret && v->type != MESOS__V1__ENVIRONMENT__VARIABLE__TYPE__VALUE)
        return "Environment variable of type 'UNKNOWN' is not allowed";
    const char *has = is_secret ? "secret" : "value";
    const char *lacks = is_secret ? "value" : "secret";
    if (!(is_secret ? v->secret != NULL : v->value != NULL))
        return arena_printf(arena,
                            "Environment variable '%s' of type '%s' "
                            "must have a %s set",
                            v->name, type, has);
    if (is_secret ? v->value != NULL : v->secret != NULL)
        return arena_printf(arena,
                            "Environment variable '%s' of type '%s' "
                            "must not have a %s set",
                            v->name, type, lacks);
    if (is_secret)
        return arena_printf(arena,
                            "Environment variable '%s' is a secret, "
                            "which is not supported by this master",
                            v->name);
    return NULL;
}

const char *command_problem(const Mesos__V1__CommandInfo *command,
                            struct arena *arena)
{
    if (!command || !command->environment)
        return NULL;
    for (size_t i = 0; i < command->environment->n_variables; i++) {
        const char *problem =
            variable_problem(command->environment->variables[i], arena);
        if (problem)
            return problem;
    }
    return NULL;
}

static const char *checked_command_problem(const char *kind, const char *Kind,
                                           const Mesos__V1__CommandInfo *c,
                                           struct arena *arena)
{
    if (!c)
        return arena_printf(arena,
                            "Expecting 'command' to be set for COMMAND "
                            "%s",
                            kind);
    if (!c->value)
        return arena_printf(arena, "%s must contain %s",
                            strcmp(kind, "check") ? "Command health check"
                                                  : "Command check",
                            c->shell ? "'shell command'" : "'executable path'");
    const char *problem = command_problem(c, arena);
    return problem ? arena_printf(arena, "%s's `CommandInfo` is invalid: %s",
                                  Kind, problem)
                   : NULL;
}

static const char *times_problem(double delay, double grace, double interval,
                                 double timeout)
{
    if (delay < 0)
        return "Expecting 'delay_seconds' to be non-negative";
    if (grace < 0)
        return "Expecting 'grace_period_seconds' to be non-negative";
    if (interval < 0)
        return "Expecting 'interval_seconds' to be non-negative";
    if (timeout < 0)
        return "Expecting 'timeout_seconds' to be non-negative";
    return NULL;
}

static const char *http_problem(const Mesos__V1__HealthCheck__HTTPCheckInfo *h,
                                struct arena *arena)
{
    if (!h)
        return "Expecting 'http' to be set for HTTP health check";
    if (h->scheme && strcmp(h->scheme, "http") != 0 &&
        strcmp(h->scheme, "https") != 0)
        return arena_printf(arena, "Unsupported HTTP health check scheme: '%s'",
                            h->scheme);
    if (h->path && h->path[0] != '/')
        return arena_printf(arena,
                            "The path '%s' of HTTP health check must "
                            "start with '/'",
                            h->path);
    return NULL;
}

const char *health_check_problem(const Mesos__V1__HealthCheck *check,
                                 struct arena *arena)
{
    const char *problem = NULL;
    if (!check)
        return NULL;
    if (!check->has_type)
        return "HealthCheck must specify 'type'";
    switch ((int)check->type) {
    case MESOS__V1__HEALTH_CHECK__TYPE__COMMAND:
        problem = checked_command_problem("health check", "Health check",
                                          check->command, arena);
        break;
    case MESOS__V1__HEALTH_CHECK__TYPE__HTTP:
        problem = http_problem(check->http, arena);
        break;
    case MESOS__V1__HEALTH_CHECK__TYPE__TCP:
        if (!check->tcp)
            problem = "Expecting 'tcp' to be set for TCP health check";
        break;
    default:
        problem = "'UNKNOWN' is not a valid health check type";
    }
    return problem
               ? problem
               : times_problem(check->delay_seconds,
                               check->grace_period_seconds,
                               check->interval_seconds, check->timeout_seconds);
}

const char *check_problem(const Mesos__V1__CheckInfo *check,
                          struct arena *arena)
{
    const char *problem = NULL;
    if (!check)
        return NULL;
    if (!check->has_type)
        return "CheckInfo must specify 'type'";
    switch ((int)check->type) {
    case MESOS__V1__CHECK_INFO__TYPE__COMMAND:
        problem = checked_command_problem(
            "check", "Check", check->command ? check->command->command : NULL,
            arena);
        break;
    case MESOS__V1__CHECK_INFO__TYPE__HTTP:
        if (!check->http)
            problem = "Expecting 'http' to be set for HTTP check";
        else if (check->http->path && check->http->path[0] != '/')
            problem = arena_printf(arena,
                                   "The path '%s' of HTTP check must "
                                   "start with '/'",
                                   check->http->path);
        break;
    case MESOS__V1__CHECK_INFO__TYPE__TCP:
        if (!check->tcp)
            problem = "Expecting 'tcp' to be set for TCP check";
        break;
    default:
        problem = "'UNKNOWN' is not a valid check type";
    }
    return problem
               ? problem
               : times_problem(check->delay_seconds, 0, check->interval_seconds,
                               check->timeout_seconds);
}
