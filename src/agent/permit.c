/* Who may do what here (base/access.h); and what executors prove themselves
 * with: a token that only the agent can make, of the executor's ids. */
#include "agent/internal.h"
#include "base/job_key.h"
#include "perigee/job.pb-c.h"
#include "sys/secret.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- realms --- */

/* As on_request finds its way. */
const char *agent_plain_path(const char *path)
{
    static const char *const own[] = {"/slave(1)", "/agent"};
    while (path[0] == '/' && path[1] == '/')
        path++;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strncmp(path, own[i], strlen(own[i])) == 0)
            return path + strlen(own[i]);
    return path;
}

bool agent_is_path(const char *path, const char *name)
{
    size_t size = strlen(name);
    return strncmp(path, name, size) == 0 &&
           (path[size] == '\0' || path[size] == '/');
}

enum realm agent_realm_of(const struct http_request *request)
{
    const char *path = agent_plain_path(request->path);
    /* Executors show their tokens to the program. */
    if (agent_is_path(path, "/api/v1/executor") ||
        agent_is_path(path, "/health") || agent_is_path(path, "/version"))
        return REALM_OPEN;
    return agent_is_path(path, "/api/v1") ? REALM_READWRITE : REALM_READONLY;
}

void agent_program_set_access(struct agent_program *p,
                              const struct access *access)
{
    users_unref(p->access.users);
    p->access = *access;
}

bool agent_permit(struct agent_program *p, exchange_id exchange,
                  const struct http_request *request, enum realm realm,
                  enum action action, struct effects *fx)
{
    static const struct object cluster;
    const char *who = request->principal ? request->principal : "-";
    if (access_may(&p->access, realm, request->principal, action, &cluster))
        return true;
    p->count.denied++;
    effect_log(fx, 1, "denied principal=%s action=%s peer=%s", who,
               action_name(action), request->peer);
    effect_reply_text(fx, exchange, 403, "user '%.64s' may not %s here", who,
                      action_name(action));
    return false;
}

/* --- sandboxes --- */

struct reader {
    const struct agent_program *p;
    const char *principal;
    struct arena arena;
};

static bool may(const struct reader *reader, const struct object *object)
{
    return access_may(&reader->p->access, REALM_READONLY, reader->principal,
                      ACTION_JOB_READ, object);
}

/* The job of a task of thermos, as the framework that launched it says in what
 * it sends along: nobody else has a say in that, and it can give away nothing
 * but its own. */
static bool find_job(const struct agent_task *task, struct arena *arena,
                     struct object *out)
{
    struct err err = {0};
    ProtobufCMessage *message;
    const Mesos__V1__TaskInfo *info = agent_unpack(
        arena, &mesos__v1__task_info__descriptor, blob_bytes(task->info));
    if (!info->has_data ||
        codec_decode(&perigee__assigned_task__descriptor, "AssignedTask",
                     MEDIA_PROTOBUF, bytes_of(info->data.data, info->data.len),
                     arena, &message, &err) < 0)
        return false;
    const Perigee__Job *job = ((const Perigee__AssignedTask *)message)->job;
    if (job == NULL || job->role == NULL || job->environment == NULL ||
        job->name == NULL || !job_key_part_ok(job->role) ||
        !job_key_part_ok(job->environment) || !job_key_part_ok(job->name))
        return false;
    *out =
        (struct object){job->cluster, job->role, job->environment, job->name};
    return true;
}

/* A role of a framework; "*" is nobody's in particular. */
static bool may_role(const struct reader *reader, const char *role)
{
    const struct object object = {.role = strcmp(role, "*") != 0 ? role : NULL};
    return may(reader, &object);
}

static const Mesos__V1__FrameworkInfo *info_of(
    const struct agent_framework *framework, struct arena *arena)
{
    return framework->info == NULL
               ? NULL
               : agent_unpack(arena, &mesos__v1__framework_info__descriptor,
                              blob_bytes(framework->info));
}

/* Of every role that the framework has. */
static bool may_framework(struct reader *reader,
                          const struct agent_framework *framework)
{
    const Mesos__V1__FrameworkInfo *info = info_of(framework, &reader->arena);
    bool is_allowed = true;
    if (info == NULL || info->n_roles == 0)
        return may_role(reader, info && info->role ? info->role : "*");
    for (size_t i = 0; i < info->n_roles; i++)
        is_allowed &= may_role(reader, info->roles[i]);
    return is_allowed;
}

static bool may_task(struct reader *reader, const struct agent_task *task)
{
    struct object object;
    return find_job(task, &reader->arena, &object)
               ? may(reader, &object)
               : may_framework(reader, task->executor->framework);
}

/* All that it ever ran here. */
static bool may_executor(struct reader *reader,
                         const struct agent_executor *executor)
{
    if (executor->tasks.count + executor->completed.count == 0)
        return may_framework(reader, executor->framework);
    for (uint32_t i = 0; i < executor->tasks.count; i++)
        if (!may_task(reader, executor->tasks.item[i]))
            return false;
    for (uint32_t i = 0; i < executor->completed.count; i++)
        if (!may_task(reader, executor->completed.item[i]))
            return false;
    return true;
}

/* Of the executors of this name those that ran in this container, or all of
 * them when it is the latest; false when none is known, or one may not be. */
static bool may_runs(struct reader *reader, struct agent_executor *const *item,
                     uint32_t count, const struct agent_run_name *run,
                     bool *is_found)
{
    bool is_latest = strcmp(run->container, "latest") == 0;
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(item[i]->id, run->executor) != 0 ||
            (!is_latest && strcmp(item[i]->container_id, run->container) != 0))
            continue;
        if (!may_executor(reader, item[i]))
            return false;
        *is_found = true;
    }
    return true;
}

static const struct agent_framework *find_framework(
    const struct agent_core *core, const char *id)
{
    const struct agent_framework *framework = agent_core_framework(core, id);
    for (uint32_t i = core->completed.count; framework == NULL && i > 0; i--)
        if (strcmp(core->completed.item[i - 1]->id, id) == 0)
            framework = core->completed.item[i - 1];
    return framework;
}

enum agent_reading agent_program_reads(const struct agent_program *p,
                                       const char *principal,
                                       const struct agent_run_name *run)
{
    static const struct object cluster;
    struct reader reader = {.p = p, .principal = principal};
    bool is_found = false;
    if (may(&reader, &cluster))
        return AGENT_READS;
    const struct agent_framework *framework =
        find_framework(p->core, run->framework);
    if (framework == NULL)
        return AGENT_READS_UNKNOWN;
    arena_init(&reader.arena);
    bool is_allowed = may_runs(&reader, framework->executors.item,
                               framework->executors.count, run, &is_found) &&
                      may_runs(&reader, framework->completed.item,
                               framework->completed.count, run, &is_found);
    arena_release(&reader.arena);
    if (!is_allowed)
        return AGENT_READS_NOT;
    return is_found ? AGENT_READS : AGENT_READS_UNKNOWN;
}

/* --- what outlives us --- */

static const char OF_JOB[] = "job ", OF_ROLE[] = "role ";

static bool is_same(const struct object *a, const struct object *b)
{
    return strcmp(a->role, b->role) == 0 && strcmp(a->env, b->env) == 0 &&
           strcmp(a->name, b->name) == 0;
}

/* The one role of the executor's framework; NULL: it has several. */
static const char *owner_role(const struct agent_executor *executor,
                              struct arena *arena)
{
    const Mesos__V1__FrameworkInfo *info = info_of(executor->framework, arena);
    if (info == NULL || info->n_roles > 1)
        return NULL;
    if (info->n_roles == 1)
        return info->roles[0];
    return info->role ? info->role : "*";
}

/* Its tasks are of one job, or all of none. */
const char *agent_owner(const struct agent_program *p,
                        const struct agent_executor *executor,
                        struct arena *arena)
{
    struct object first = {0}, job;
    uint32_t jobs = 0;
    if (!p->access.asks[REALM_READONLY] || executor->tasks.count == 0)
        return NULL;
    for (uint32_t i = 0; i < executor->tasks.count; i++) {
        if (!find_job(executor->tasks.item[i], arena, &job))
            continue;
        if (jobs++ == 0)
            first = job;
        else if (!is_same(&first, &job))
            return NULL;
    }
    if (jobs == 0) {
        const char *role = owner_role(executor, arena);
        return role ? arena_printf(arena, "%s%s", OF_ROLE, role) : NULL;
    }
    if (jobs < executor->tasks.count || first.cluster == NULL)
        return NULL;
    return arena_printf(arena, "%s%s/%s/%s/%s", OF_JOB, first.cluster,
                        first.role, first.env, first.name);
}

bool agent_program_owner_may(const struct agent_program *p,
                             const char *principal, const char *owner)
{
    const struct reader reader = {.p = p, .principal = principal};
    struct job_key key;
    if (owner == NULL)
        return false;
    if (strncmp(owner, OF_ROLE, sizeof OF_ROLE - 1) == 0)
        return may_role(&reader, owner + sizeof OF_ROLE - 1);
    if (strncmp(owner, OF_JOB, sizeof OF_JOB - 1) != 0 ||
        job_key_parse(owner + sizeof OF_JOB - 1, &key, NULL) < 0)
        return false;
    const struct object object = {key.cluster, key.role, key.env, key.name};
    return may(&reader, &object);
}

/* --- executors --- */

void agent_executor_token(const struct agent_program *p,
                          const struct agent_executor *executor,
                          struct arena *arena, char out[SECRET_HASH_MAX])
{
    /* No id has a line end in it. */
    const char *text =
        arena_printf(arena, "%s\n%s\n%s", executor->framework->id, executor->id,
                     executor->container_id);
    secret_keyed(p->executor_key, text, out);
}

bool agent_executor_proves(struct agent_program *p,
                           const struct http_request *request,
                           const char *framework_id, const char *executor_id)
{
    const char *text = http_header(request, "Authorization");
    char token[SECRET_HASH_MAX];
    if (!p->access.asks[REALM_EXECUTOR])
        return true;
    const struct agent_framework *framework =
        agent_core_framework(p->core, framework_id);
    const struct agent_executor *executor =
        framework != NULL ? agent_core_executor(framework, executor_id) : NULL;
    if (text == NULL || executor == NULL || p->executor_key == NULL ||
        strncasecmp(text, "Bearer ", 7) != 0)
        return false;
    agent_executor_token(p, executor, &p->arena, token);
    bool is_right = secret_equal(token, text + 7 + strspn(text + 7, " "));
    secret_wipe(token, sizeof token);
    return is_right;
}
