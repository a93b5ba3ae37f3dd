/* The ports of a job: who names them, and what depends on them. */
#include "perigee/job.pb-c.h"
#include "script/job_build.h"
#include "script/job_check.h"
#include "script/template.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_MAX = 300 };

static const char HEALTH[] = "health";

struct ports {
    Perigee__Job *job;
    struct arena *arena;
    job_problem *problem;
    void *context;
    bool is_good;
    size_t count; /* names in commands */
    char *name[JOB_PORTS_MAX + 1];
};

static void tell(struct ports *p, const char *field, const char *message,
                 const char *expected)
{
    p->is_good = false;
    p->problem(p->context, field, message, expected, NULL);
}

/* --- names --- */

static bool has_name(const struct ports *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->name[i], name) == 0)
            return true;
    return false;
}

static void add_name(struct ports *p, struct bytes name)
{
    char *copy;
    for (size_t i = 0; i < p->count; i++)
        if (bytes_equal_text(name, p->name[i]))
            return;
    if (p->count > JOB_PORTS_MAX)
        return;
    copy = arena_strndup(p->arena, (const char *)name.data, name.size);
    p->name[p->count++] = copy;
}

static void add_command(struct ports *p, const char *command)
{
    struct buf message = {0}, expected = {0};
    struct template_ref ref;
    struct bytes text = bytes_of_text(command);
    for (int found; (found = template_next(&text, &ref, &message, &expected));)
        if (found > 0 && ref.port.size > 0)
            add_name(p, ref.port);
    buf_release(&message);
    buf_release(&expected);
}

static void add_commands(struct ports *p)
{
    const Perigee__TaskConfig *task = p->job->task;
    const Perigee__HealthCheck *check = p->job->health_check;
    for (size_t i = 0; task != NULL && i < task->n_processes; i++)
        if (task->processes[i]->cmdline != NULL && !task->processes[i]->raw)
            add_command(p, task->processes[i]->cmdline);
    if (check != NULL && check->shell != NULL && !check->shell->raw &&
        check->shell->shell_command != NULL)
        add_command(p, check->shell->shell_command);
}

/* --- the announcer's map --- */

static const Perigee__PortAlias *find_alias(const Perigee__Announcer *announce,
                                            const char *name)
{
    for (size_t i = 0; announce != NULL && i < announce->n_portmap; i++)
        if (announce->portmap[i]->name != NULL &&
            strcmp(announce->portmap[i]->name, name) == 0)
            return announce->portmap[i];
    return NULL;
}

/* Unless the file has a map of its own, "aurora" is the primary port. */
static void set_portmap(struct ports *p)
{
    Perigee__Announcer *announce = p->job->announce;
    if (announce == NULL || announce->n_portmap > 0 ||
        announce->primary_port == NULL ||
        strcmp(announce->primary_port, "aurora") == 0)
        return;
    Perigee__PortAlias *alias = arena_alloc(p->arena, sizeof *alias);
    perigee__port_alias__init(alias);
    alias->name = arena_strdup(p->arena, "aurora");
    alias->target = announce->primary_port;
    announce->portmap = arena_memdup(p->arena, &alias, sizeof alias);
    announce->n_portmap = 1;
}

/* What a name means in the end: another name, or NULL for a number, a cycle,
 * or nothing. */
static const char *resolve(const struct ports *p, const char *name)
{
    const Perigee__Announcer *announce = p->job->announce;
    size_t left = announce != NULL ? announce->n_portmap : 0;
    for (;; left--) {
        const Perigee__PortAlias *alias = find_alias(announce, name);
        if (alias == NULL)
            return name;
        if (alias->target == NULL || left == 0)
            return NULL;
        name = alias->target;
    }
}

static bool is_static(const struct ports *p, const char *name)
{
    const Perigee__PortAlias *alias = find_alias(p->job->announce, name);
    for (size_t left = JOB_PORTS_MAX; alias != NULL && left > 0; left--) {
        if (alias->has_port)
            return true;
        if (alias->target == NULL)
            return false;
        alias = find_alias(p->job->announce, alias->target);
    }
    return false;
}

static void check_portmap(struct ports *p)
{
    const Perigee__Announcer *announce = p->job->announce;
    char field[160], message[MESSAGE_MAX];
    for (size_t i = 0; i < announce->n_portmap; i++) {
        const Perigee__PortAlias *alias = announce->portmap[i];
        if (alias->name == NULL || alias->target == NULL ||
            resolve(p, alias->name) != NULL || is_static(p, alias->name))
            continue; /* good, or without a name, which is told elsewhere */
        snprintf(field, sizeof field, "announce.portmap.%.60s", alias->name);
        snprintf(message, sizeof message,
                 "the port '%.60s' is another name of itself", alias->name);
        tell(p, field, message, "want names that end at a port");
        return; /* each name of the cycle would say the same */
    }
}

/* --- what is asked for --- */

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_resolved(const struct ports *p, const char *name, char **list,
                         size_t *count)
{
    const char *port = resolve(p, name);
    for (size_t i = 0; port != NULL && i < *count; i++)
        if (strcmp(list[i], port) == 0)
            return;
    if (port != NULL && *count <= JOB_PORTS_MAX)
        list[(*count)++] = arena_strdup(p->arena, port);
}

static void set_port_names(struct ports *p)
{
    Perigee__Job *job = p->job;
    char *list[JOB_PORTS_MAX + 1];
    size_t count = 0;
    for (size_t i = 0; i < p->count; i++)
        add_resolved(p, p->name[i], list, &count);
    for (size_t i = 0; job->announce != NULL && i < job->announce->n_portmap;
         i++)
        if (job->announce->portmap[i]->target != NULL)
            add_resolved(p, job->announce->portmap[i]->target, list, &count);
    job->n_port_names = 0;
    if (count > JOB_PORTS_MAX || p->count > JOB_PORTS_MAX) {
        tell(p, "task", "the task names more than 256 ports",
             "want at most 256");
        return;
    }
    if (count == 0)
        return;
    qsort(list, count, sizeof *list, compare_text);
    job->port_names = arena_memdup(p->arena, list, count * sizeof *list);
    job->n_port_names = count;
}

/* Does anything stand behind this name? */
static bool is_known(const struct ports *p, const char *name)
{
    for (size_t i = 0; i < p->job->n_port_names; i++)
        if (strcmp(p->job->port_names[i], name) == 0)
            return true;
    return has_name(p, name) || find_alias(p->job->announce, name) != NULL;
}

/* --- health and lifecycle --- */

static void unknown_port(struct ports *p, const char *field, const char *name)
{
    char message[MESSAGE_MAX];
    snprintf(message, sizeof message,
             "the port '%.60s' is named by nothing in the task", name);
    tell(p, field, message, "want a command with its {{thermos.ports[NAME]}}");
}

/* `health` if there is one, else the announced one, else the only one. */
static char *health_port(const struct ports *p)
{
    const Perigee__Job *job = p->job;
    if (is_known(p, HEALTH))
        return arena_strdup(p->arena, HEALTH);
    if (job->announce != NULL)
        return job->announce->primary_port;
    return job->n_port_names == 1 ? job->port_names[0] : NULL;
}

static void set_check_port(struct ports *p, const char *field, char **port)
{
    if (*port != NULL && !is_known(p, *port)) {
        unknown_port(p, field, *port);
    } else if (*port == NULL) {
        *port = health_port(p);
        if (*port == NULL)
            tell(p, field, "no port for the health check",
                 "want port = NAME, a port named health, or a task with one "
                 "port");
    }
}

static Perigee__HttpCheck *new_http(struct ports *p)
{
    Perigee__HttpCheck *http = arena_alloc(p->arena, sizeof *http);
    perigee__http_check__init(http);
    build_defaults(schema_object("HttpCheck"), &http->base, p->arena);
    return http;
}

static void set_health_check(struct ports *p)
{
    Perigee__HealthCheck *check = p->job->health_check;
    if (check == NULL && !is_known(p, HEALTH))
        return;
    if (check == NULL) {
        check = arena_alloc(p->arena, sizeof *check);
        perigee__health_check__init(check);
        build_defaults(schema_object("HealthCheck"), &check->base, p->arena);
        p->job->health_check = check;
    }
    if (check->shell == NULL && check->tcp == NULL && check->lua == NULL &&
        check->http == NULL)
        check->http = new_http(p);
    if (check->http != NULL)
        set_check_port(p, "health_check.http.port", &check->http->port);
    if (check->tcp != NULL)
        set_check_port(p, "health_check.tcp.port", &check->tcp->port);
}

/* Unset: over HTTP, if the task has the port. Without a port: disabled. */
static void set_lifecycle(struct ports *p)
{
    Perigee__Lifecycle *lifecycle = p->job->lifecycle;
    if (lifecycle == NULL && is_known(p, HEALTH)) {
        lifecycle = arena_alloc(p->arena, sizeof *lifecycle);
        perigee__lifecycle__init(lifecycle);
        build_defaults(schema_object("HttpLifecycle"), &lifecycle->base,
                       p->arena);
        p->job->lifecycle = lifecycle;
    } else if (lifecycle != NULL && lifecycle->port != NULL &&
               !is_known(p, lifecycle->port)) {
        unknown_port(p, "lifecycle.http.port", lifecycle->port);
    }
}

/* A process that cannot know the port does not serve it; one that always has
 * the same need not be told. */
static void check_primary(struct ports *p)
{
    const char *primary = p->job->announce->primary_port;
    const char *port = primary != NULL ? resolve(p, primary) : NULL;
    if (primary == NULL || has_name(p, primary) || is_static(p, primary) ||
        (port != NULL && has_name(p, port)) || !p->is_good)
        return;
    for (size_t i = 0; i < p->count; i++) {
        const char *other = resolve(p, p->name[i]);
        if (other != NULL && port != NULL && strcmp(other, port) == 0)
            return;
    }
    unknown_port(p, "announce.primary_port", primary);
}

bool job_resolve(Perigee__Job *job, struct arena *arena, job_problem *problem,
                 void *context)
{
    struct ports p;
    p.job = job;
    p.arena = arena;
    p.problem = problem;
    p.context = context;
    p.is_good = true;
    p.count = 0;
    add_commands(&p);
    if (job->announce != NULL) {
        set_portmap(&p);
        check_portmap(&p);
        check_primary(&p);
    }
    set_port_names(&p);
    set_health_check(&p);
    set_lifecycle(&p);
    return p.is_good;
}
