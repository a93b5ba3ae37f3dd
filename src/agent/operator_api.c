/* POST /api/v1: the reads of the Mesos v1 operator API that an agent answers.
 * The rest is refused by name. */
#include "agent/internal.h"
#include "mesos/v1/agent.pb-c.h"
#include <stdio.h>
#include <string.h>

typedef Mesos__V1__Agent__Response__GetTasks get_tasks;
typedef Mesos__V1__Agent__Response__GetExecutors get_executors;
typedef Mesos__V1__Agent__Response__GetFrameworks get_frameworks;

struct answer {
    const struct agent_program *p;
    struct arena *arena;
    Mesos__V1__Agent__Response response;
};

static void *grown(struct arena *arena, void *list, size_t count, size_t size)
{
    if (count % 16 != 0)
        return list;
    void *bigger = arena_alloc(arena, (count + 16) * size);
    if (count > 0)
        memcpy(bigger, list, count * size);
    return bigger;
}
#define append(arena, list, count, value)                \
    ((list) = grown(arena, list, count, sizeof *(list)), \
     (list)[(count)++] = (value))

static get_frameworks *frameworks(struct answer *a)
{
    typedef Mesos__V1__Agent__Response__GetFrameworks__Framework entry;
    get_frameworks *out = arena_alloc(a->arena, sizeof *out);
    mesos__v1__agent__response__get_frameworks__init(out);
    const struct agent_core *core = a->p->core;
    const struct agent_framework *live = core->frameworks;
    for (uint32_t i = 0; live != NULL || i < core->completed.count;) {
        bool is_live = live != NULL;
        const struct agent_framework *from =
            is_live ? live : core->completed.item[i];
        entry *framework = arena_alloc(a->arena, sizeof *framework);
        mesos__v1__agent__response__get_frameworks__framework__init(framework);
        framework->framework_info =
            agent_unpack(a->arena, &mesos__v1__framework_info__descriptor,
                         blob_bytes(from->info));
        if (is_live) {
            append(a->arena, out->frameworks, out->n_frameworks, framework);
            live = live->by_id.next;
        } else {
            append(a->arena, out->completed_frameworks,
                   out->n_completed_frameworks, framework);
            i++;
        }
    }
    return out;
}

static Mesos__V1__Agent__Response__GetExecutors__Executor *executor_entry(
    struct answer *a, const struct agent_executor *from)
{
    Mesos__V1__Agent__Response__GetExecutors__Executor *entry =
        arena_alloc(a->arena, sizeof *entry);
    mesos__v1__agent__response__get_executors__executor__init(entry);
    entry->executor_info =
        agent_unpack(a->arena, &mesos__v1__executor_info__descriptor,
                     blob_bytes(from->info));
    entry->executor_info->framework_id =
        agent_framework_id(a->arena, from->framework->id);
    return entry;
}

static void executors_of(struct answer *a,
                         const struct agent_framework *framework,
                         get_executors *out)
{
    for (uint32_t i = 0; i < framework->executors.count; i++)
        append(a->arena, out->executors, out->n_executors,
               executor_entry(a, framework->executors.item[i]));
    for (uint32_t i = 0; i < framework->completed.count; i++)
        append(a->arena, out->completed_executors, out->n_completed_executors,
               executor_entry(a, framework->completed.item[i]));
}

static get_executors *executors(struct answer *a)
{
    get_executors *out = arena_alloc(a->arena, sizeof *out);
    mesos__v1__agent__response__get_executors__init(out);
    const struct agent_framework *framework = a->p->core->frameworks;
    for (; framework != NULL; framework = framework->by_id.next)
        executors_of(a, framework, out);
    for (uint32_t i = 0; i < a->p->core->completed.count; i++)
        executors_of(a, a->p->core->completed.item[i], out);
    return out;
}

static void tasks_of_executor(struct answer *a,
                              const struct agent_executor *executor,
                              get_tasks *out)
{
    for (uint32_t i = 0; i < executor->tasks.count; i++) {
        const struct agent_task *task = executor->tasks.item[i];
        Mesos__V1__Task *entry = agent_task_message(a->p, task, true, a->arena);
        if (agent_task_is_terminal(task))
            append(a->arena, out->terminated_tasks, out->n_terminated_tasks,
                   entry);
        else if (task->is_launched)
            append(a->arena, out->launched_tasks, out->n_launched_tasks, entry);
        else
            append(a->arena, out->queued_tasks, out->n_queued_tasks, entry);
    }
    for (uint32_t i = 0; i < executor->completed.count; i++)
        append(a->arena, out->completed_tasks, out->n_completed_tasks,
               agent_task_message(a->p, executor->completed.item[i], true,
                                  a->arena));
}

static void tasks_of(struct answer *a, const struct agent_framework *framework,
                     get_tasks *out)
{
    for (uint32_t i = 0; i < framework->executors.count; i++)
        tasks_of_executor(a, framework->executors.item[i], out);
    for (uint32_t i = 0; i < framework->completed.count; i++)
        tasks_of_executor(a, framework->completed.item[i], out);
}

static get_tasks *tasks(struct answer *a)
{
    get_tasks *out = arena_alloc(a->arena, sizeof *out);
    mesos__v1__agent__response__get_tasks__init(out);
    const struct agent_framework *framework = a->p->core->frameworks;
    for (; framework != NULL; framework = framework->by_id.next)
        tasks_of(a, framework, out);
    for (uint32_t i = 0; i < a->p->core->completed.count; i++)
        tasks_of(a, a->p->core->completed.item[i], out);
    return out;
}

/* --- one function per call --- */

static void answer_health(struct answer *a)
{
    Mesos__V1__Agent__Response__GetHealth *health =
        arena_alloc(a->arena, sizeof *health);
    mesos__v1__agent__response__get_health__init(health);
    health->healthy = true;
    a->response.get_health = health;
}

static void answer_version(struct answer *a)
{
    Mesos__V1__Agent__Response__GetVersion *version =
        arena_alloc(a->arena, sizeof *version);
    Mesos__V1__VersionInfo *info = arena_alloc(a->arena, sizeof *info);
    mesos__v1__agent__response__get_version__init(version);
    mesos__v1__version_info__init(info);
    info->version = arena_strdup(a->arena, AGENT_API_VERSION);
    version->version_info = info;
    a->response.get_version = version;
}

static void answer_flags(struct answer *a)
{
    Mesos__V1__Agent__Response__GetFlags *flags =
        arena_alloc(a->arena, sizeof *flags);
    mesos__v1__agent__response__get_flags__init(flags);
    for (uint32_t i = 0; i < a->p->flag_count; i++) {
        Mesos__V1__Flag *flag = arena_alloc(a->arena, sizeof *flag);
        mesos__v1__flag__init(flag);
        flag->name = (char *)a->p->flag[i].name;
        flag->value = (char *)a->p->flag[i].value;
        append(a->arena, flags->flags, flags->n_flags, flag);
    }
    a->response.get_flags = flags;
}

static void answer_state(struct answer *a)
{
    Mesos__V1__Agent__Response__GetState *state =
        arena_alloc(a->arena, sizeof *state);
    mesos__v1__agent__response__get_state__init(state);
    state->get_tasks = tasks(a);
    state->get_executors = executors(a);
    state->get_frameworks = frameworks(a);
    a->response.get_state = state;
}

static void answer_frameworks(struct answer *a)
{
    a->response.get_frameworks = frameworks(a);
}

static void answer_executors(struct answer *a)
{
    a->response.get_executors = executors(a);
}

static void answer_tasks(struct answer *a)
{
    a->response.get_tasks = tasks(a);
}

static void answer_agent(struct answer *a)
{
    Mesos__V1__Agent__Response__GetAgent *agent =
        arena_alloc(a->arena, sizeof *agent);
    mesos__v1__agent__response__get_agent__init(agent);
    agent->agent_info = agent_info(a->p, a->arena);
    a->response.get_agent = agent;
}

static const struct {
    Mesos__V1__Agent__Call__Type call;
    Mesos__V1__Agent__Response__Type response;
    void (*answer)(struct answer *a);
} CALLS[] = {
#define ROW(name, function)                                    \
    {                                                          \
        MESOS__V1__AGENT__CALL__TYPE__##name,                  \
            MESOS__V1__AGENT__RESPONSE__TYPE__##name, function \
    }
    ROW(GET_HEALTH, answer_health),
    ROW(GET_VERSION, answer_version),
    ROW(GET_FLAGS, answer_flags),
    ROW(GET_STATE, answer_state),
    ROW(GET_FRAMEWORKS, answer_frameworks),
    ROW(GET_EXECUTORS, answer_executors),
    ROW(GET_TASKS, answer_tasks),
    ROW(GET_AGENT, answer_agent),
#undef ROW
};

static void refuse(exchange_id exchange, Mesos__V1__Agent__Call__Type type,
                   struct effects *fx)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
        &mesos__v1__agent__call__type__descriptor, (int)type);
    effect_reply_text(fx, exchange, 501,
                      "501 Not Implemented. This agent does not answer %s.",
                      value ? value->name : "this call");
}

void agent_operator_api(struct agent_program *p, exchange_id exchange,
                        const struct http_request *request, int64_t now_ms,
                        struct effects *fx)
{
    (void)now_ms;
    const Mesos__V1__Agent__Call *call = agent_api_decode(
        p, exchange, request, &mesos__v1__agent__call__descriptor, fx);
    if (call == NULL)
        return;
    if (!call->has_type) {
        effect_reply_text(fx, exchange, 400,
                          "Failed to validate agent::Call: Expecting 'type' "
                          "to be present");
        return;
    }
    bool is_open = call->type == MESOS__V1__AGENT__CALL__TYPE__GET_HEALTH ||
                   call->type == MESOS__V1__AGENT__CALL__TYPE__GET_VERSION;
    if (!agent_permit(p, exchange, request, REALM_READWRITE,
                      is_open ? ACTION_NONE : ACTION_CLUSTER_READ, fx))
        return;
    enum media_type media = media_type_accepted(http_header(request, "Accept"));
    if (media == MEDIA_OTHER) {
        effect_reply_text(fx, exchange, 406,
                          "Expecting 'Accept' to allow "
                          "'application/x-protobuf' or 'application/json'");
        return;
    }
    for (size_t i = 0; i < sizeof CALLS / sizeof CALLS[0]; i++) {
        if (CALLS[i].call != call->type)
            continue;
        struct answer a = {p, &p->arena, MESOS__V1__AGENT__RESPONSE__INIT};
        struct buf body = {0};
        a.response.has_type = true;
        a.response.type = CALLS[i].response;
        CALLS[i].answer(&a);
        codec_encode(&a.response.base, media, &body);
        effect_reply(fx, exchange, 200, media, buf_bytes(&body));
        buf_release(&body);
        return;
    }
    refuse(exchange, call->type, fx);
}
