#include "script/honour.h"
#include "base/arena.h"
#include "script/job_build.h"
#include <string.h>

/* Does the message say anything but the defaults of its objects? `more` may be
 * NULL: an object whose fields stand in the same message. */
static bool differs(const ProtobufCMessage *message, const char *object,
                    const char *more)
{
    struct arena arena = {0};
    struct buf one = {0}, two = {0};
    arena_init(&arena);
    ProtobufCMessage *plain =
        arena_alloc(&arena, message->descriptor->sizeof_message);
    protobuf_c_message_init(message->descriptor, plain);
    build_defaults(schema_object(object), plain, &arena);
    if (more != NULL)
        build_defaults(schema_object(more), plain, &arena);
    buf_reserve(&one, protobuf_c_message_get_packed_size(message));
    one.size = protobuf_c_message_pack(message, one.data);
    buf_reserve(&two, protobuf_c_message_get_packed_size(plain));
    two.size = protobuf_c_message_pack(plain, two.data);
    bool is_same =
        one.size == two.size && memcmp(one.data, two.data, one.size) == 0;
    buf_release(&one);
    buf_release(&two);
    arena_release(&arena);
    return !is_same;
}

static bool asks_docker(const Perigee__Job *job)
{
    return job->container != NULL && job->container->docker != NULL;
}

static bool asks_image(const Perigee__Job *job)
{
    return job->container != NULL && job->container->image != NULL;
}

static bool asks_volumes(const Perigee__Job *job)
{
    return job->container != NULL && job->container->n_volumes > 0;
}

static bool asks_executor(const Perigee__Job *job)
{
    return job->executor_config != NULL &&
           differs(&job->executor_config->base, "ExecutorConfig", NULL);
}

static bool asks_process_resources(const Perigee__Job *job)
{
    for (size_t i = 0; job->task != NULL && i < job->task->n_processes; i++)
        if (job->task->processes[i]->resources != NULL)
            return true;
    return false;
}

static bool has_secret(Perigee__EnvVar *const *variable, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (variable[i]->secret != NULL)
            return true;
    return false;
}

static bool asks_secret(const Perigee__Job *job)
{
    for (size_t i = 0; job->task != NULL && i < job->task->n_processes; i++)
        if (has_secret(job->task->processes[i]->env,
                       job->task->processes[i]->n_env))
            return true;
    return has_secret(job->env, job->n_env);
}

static const struct {
    const char *field, *reason;
    bool (*is_asked)(const Perigee__Job *job);
} ROWS[] = {
    {"container.docker", "no agent runs Docker containers yet", asks_docker},
    {"container.image", "no agent runs file system images yet", asks_image},
    {"container.volumes", "no agent mounts volumes yet", asks_volumes},
    {"env", "no agent resolves secrets yet", asks_secret},
    {"executor_config", "thermos is the only executor yet", asks_executor},
    {"task.processes.resources", "resources are the whole task's yet",
     asks_process_resources},
};

size_t honour_check(const Perigee__Job *job, honour_refused *tell,
                    void *context)
{
    size_t count = 0;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        if (!ROWS[i].is_asked(job))
            continue;
        tell(context, ROWS[i].field, ROWS[i].reason);
        count++;
    }
    return count;
}

/* --- besides jobs --- */

enum { DEPTH_MAX = 32 };

/* "cluster/role/environment/" of the first job. */
struct scope {
    const char *key;
    size_t size;
};

static bool same_scope(const Perigee__Group *group, struct scope *scope,
                       int depth)
{
    for (size_t i = 0; i < group->n_jobs; i++) {
        const char *slash = strrchr(group->jobs[i], '/');
        size_t size = slash != NULL ? (size_t)(slash - group->jobs[i]) + 1 : 0;
        if (scope->size == 0)
            *scope = (struct scope){group->jobs[i], size};
        if (size != scope->size ||
            memcmp(scope->key, group->jobs[i], size) != 0)
            return false;
    }
    for (size_t i = 0; depth < DEPTH_MAX && i < group->n_groups; i++)
        if (!same_scope(group->groups[i], scope, depth + 1))
            return false;
    return true;
}

/* What keeps a scheduler from storing the group, or NULL. */
static const char *group_problem(const Perigee__Group *group)
{
    struct scope scope = {0};
    if (group->n_depends_on > 0)
        return "one at the top of a file cannot wait for what is beside it: "
               "put both into one Group";
    if (!same_scope(group, &scope, 0))
        return "its jobs are of more than one cluster, role or environment";
    if (scope.size == 0)
        return "there is no job in it";
    return NULL;
}

size_t honour_check_file(const Perigee__Evaluation *evaluation,
                         honour_refused *tell, void *context)
{
    const struct {
        size_t count;
        const char *field, *reason;
    } rows[] = {
        {evaluation->n_roles, "Role",
         "roles stand in the security.lua of the scheduler"},
        {evaluation->n_users, "User",
         "users stand in the security.lua of the scheduler"},
    };
    size_t count = 0;
    for (size_t i = 0; i < evaluation->n_groups; i++) {
        const char *problem = group_problem(evaluation->groups[i]);
        if (problem == NULL)
            continue;
        tell(context, "Group", problem);
        count++;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].count == 0)
            continue;
        tell(context, rows[i].field, rows[i].reason);
        count++;
    }
    return count;
}

static bool holds(const Perigee__Group *group, const char *key, int depth)
{
    for (size_t i = 0; i < group->n_jobs; i++)
        if (strcmp(group->jobs[i], key) == 0)
            return true;
    for (size_t i = 0; depth < DEPTH_MAX && i < group->n_groups; i++)
        if (holds(group->groups[i], key, depth + 1))
            return true;
    return false;
}

const char *honour_group(const Perigee__Evaluation *evaluation,
                         const Perigee__Job *job)
{
    struct buf key = {0};
    const char *name = NULL;
    buf_addf(&key, "%s/%s/%s/%s", job->cluster, job->role, job->environment,
             job->name);
    for (size_t i = 0; i < evaluation->n_groups && name == NULL; i++)
        if (holds(evaluation->groups[i], buf_text(&key), 0))
            name = evaluation->groups[i]->name;
    buf_release(&key);
    return name;
}
