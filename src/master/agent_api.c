/* POST /api/v1/agent: agents subscribe, read their orders, and report. */
#include "master/layer.h"
#include "perigee/agent.pb-c.h"
#include <stdio.h>

typedef Perigee__Agent__Call Call;
typedef Perigee__Agent__Call__Subscribe Subscribe;

/* --- SUBSCRIBE: wire messages to reports --- */

/* "ip:port"; false when it is not that. */
static bool endpoint_parse(const char *text, char ip[64], int32_t *port)
{
    const char *colon = text ? strrchr(text, ':') : NULL;
    if (!colon || colon == text || colon - text >= 64)
        return false;
    snprintf(ip, 64, "%.*s", (int)(colon - text), text);
    char *end;
    long number = strtol(colon + 1, &end, 10);
    *port = (int32_t)number;
    return *end == '\0' && number > 0 && number < 65536;
}

/* The role that resources are allocated to. */
static const char *role_of(Mesos__V1__Resource *const *item, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (item[i]->allocation_info && item[i]->allocation_info->role)
            return item[i]->allocation_info->role;
    return "*";
}

static int plain_resources(Mesos__V1__Resource *const *item, size_t count,
                           struct resources *out, struct err *err)
{
    *out = (struct resources){0};
    int rc = resources_decode(item, count, out, err);
    if (rc == 0)
        resources_allocate(out, "");
    return rc;
}

/* As it is kept: without the data, which only the framework wants. */
static struct blob *kept_status(Mesos__V1__TaskStatus *wire,
                                struct arena *arena)
{
    Mesos__V1__TaskStatus copy = *wire;
    copy.has_data = 0;
    copy.data = (ProtobufCBinaryData){0};
    return blob_new(pack(&copy, arena));
}

static void statuses_report(const Mesos__V1__Task *task,
                            struct task_report *out, struct arena *arena)
{
    out->status =
        arena_zalloc(arena, (task->n_statuses + 1) * sizeof *out->status);
    for (size_t i = 0; i < task->n_statuses; i++) {
        struct status *status = &out->status[out->status_count++];
        status->state = (enum task_state)task->statuses[i]->state;
        status->reason = STATUS_REASON_NONE;
        status->wire = kept_status(task->statuses[i], arena);
    }
}

static int task_report(const Mesos__V1__Task *task, struct task_report *out,
                       struct arena *arena, struct err *err)
{
    if (id_check(task->task_id->value, err) < 0 ||
        plain_resources(task->resources, task->n_resources, &out->resources,
                        err) < 0)
        return err_wrap(err, "task '%s'", task->task_id->value);
    out->framework_id = task->framework_id->value;
    out->id = task->task_id->value;
    out->executor_id = task->executor_id ? task->executor_id->value : "";
    out->role = role_of(task->resources, task->n_resources);
    out->state = (enum task_state)task->state;
    statuses_report(task, out, arena);
    Mesos__V1__Task about = *task;
    about.n_statuses = 0;
    about.has_status_update_state = 0;
    about.has_status_update_uuid = 0;
    out->about = pack(&about, arena);
    return 0;
}

static int executor_report(const Mesos__V1__ExecutorInfo *info,
                           struct executor_report *out, struct arena *arena,
                           struct err *err)
{
    if (!info->framework_id)
        return err_set(err, ERR_INVALID, "executor '%s': want a framework_id",
                       info->executor_id->value);
    if (plain_resources(info->resources, info->n_resources, &out->resources,
                        err) < 0)
        return err_wrap(err, "executor '%s'", info->executor_id->value);
    out->framework_id = info->framework_id->value;
    out->id = info->executor_id->value;
    out->role = role_of(info->resources, info->n_resources);
    out->info = pack(info, arena);
    return 0;
}

static int frameworks_report(const Subscribe *subscribe,
                             struct agent_subscribe *out, struct arena *arena,
                             struct err *err)
{
    struct framework_head *head =
        arena_zalloc(arena, (subscribe->n_frameworks + 1) * sizeof *head);
    for (size_t i = 0; i < subscribe->n_frameworks; i++) {
        const Mesos__V1__FrameworkInfo *info = subscribe->frameworks[i];
        if (!info->id || !info->id->value[0])
            return err_set(err, ERR_INVALID, "framework '%s': want an id",
                           info->name);
        int rc = framework_head_decode(info, arena, &head[i], err);
        if (rc < 0)
            return rc;
        head[i].info = pack(info, arena);
    }
    out->framework = head;
    out->framework_count = (uint32_t)subscribe->n_frameworks;
    return 0;
}

static int work_report(const Subscribe *subscribe, struct agent_subscribe *out,
                       struct arena *arena, struct err *err)
{
    struct task_report *task =
        arena_zalloc(arena, (subscribe->n_tasks + 1) * sizeof *task);
    struct executor_report *executor =
        arena_zalloc(arena, (subscribe->n_executors + 1) * sizeof *executor);
    out->task = task;
    out->executor = executor;
    for (size_t i = 0; i < subscribe->n_tasks; i++) {
        int rc = task_report(subscribe->tasks[i], &task[i], arena, err);
        out->task_count++;
        if (rc < 0)
            return rc;
    }
    for (size_t i = 0; i < subscribe->n_executors; i++) {
        int rc =
            executor_report(subscribe->executors[i], &executor[i], arena, err);
        out->executor_count++;
        if (rc < 0)
            return rc;
    }
    return 0;
}

static void report_release(struct agent_subscribe *report)
{
    attributes_release(&report->attributes);
    resources_release(&report->total);
    for (uint32_t i = 0; i < report->executor_count; i++) {
        struct resources r = report->executor[i].resources;
        resources_release(&r);
    }
    for (uint32_t i = 0; i < report->task_count; i++) {
        const struct task_report *task = &report->task[i];
        struct resources r = task->resources;
        resources_release(&r);
        for (uint32_t k = 0; k < task->status_count; k++)
            blob_unref(task->status[k].wire);
    }
}

/* The id goes into the AgentInfo, which is kept. */
static void choose_id(struct request *r, Mesos__V1__AgentInfo *info,
                      struct agent_subscribe *out)
{
    char id[ID_MAX];
    out->is_first_contact = !info->id || !info->id->value[0];
    if (out->is_first_contact)
        info->id = agent_id_make(
            master_new_agent_id(r->p->core, out->ip, out->port, id),
            &r->p->arena);
    out->id = info->id->value;
    out->info = pack(info, &r->p->arena);
}

static int report_decode(struct request *r, const Subscribe *subscribe,
                         struct agent_subscribe *out, struct err *err)
{
    struct arena *arena = &r->p->arena;
    Mesos__V1__AgentInfo *info = subscribe->agent_info;
    char ip[64];
    if (!info)
        return err_set(err, ERR_INVALID,
                       "Expecting 'subscribe.agent_info' to be present");
    if (!endpoint_parse(subscribe->endpoint, ip, &out->port))
        return err_set(err, ERR_INVALID,
                       "Expecting 'subscribe.endpoint' to be 'ip:port'");
    if (info->id && info->id->value[0] && id_check(info->id->value, err) < 0)
        return -(int)err->code;
    out->ip = arena_strdup(arena, ip);
    out->hostname = info->hostname;
    out->version = subscribe->version ? subscribe->version : MASTER_API_VERSION;
    int rc =
        resources_decode(info->resources, info->n_resources, &out->total, err);
    if (rc == 0)
        rc = attributes_decode(info->attributes, info->n_attributes,
                               &out->attributes, err);
    if (rc == 0)
        rc = frameworks_report(subscribe, out, arena, err);
    if (rc == 0)
        rc = work_report(subscribe, out, arena, err);
    if (rc == 0)
        choose_id(r, info, out);
    return rc;
}

/* One that has run before may still run something: it is told to end it. A new
 * one tries again until its machine is up. */
static void turn_away(struct request *r, const struct agent_subscribe *report)
{
    if (report->is_first_contact)
        request_refuse(r, 503, "The machine '%s' at %s is down for maintenance",
                       report->hostname, report->ip);
    else
        master_turn_away(r->p->core, report->id, r->exchange, (int)r->accept,
                         r->now_ms, &r->p->outputs);
}

static void subscribe(struct request *r, const Call *call)
{
    struct agent_subscribe report = {0};
    struct err err = {0};
    if (!call->subscribe) {
        request_refuse(r, 400,
                       "Failed to validate agent::Call: Expecting "
                       "'subscribe' to be present");
        return;
    }
    if (!request_check_accept(r))
        return;
    request_note(r, "SUBSCRIBE_agent");
    if (report_decode(r, call->subscribe, &report, &err) < 0)
        request_refuse(r, 400, "Failed to validate agent::Call: %s", err.text);
    else if (master_is_down(r->p->core, report.hostname, report.ip))
        turn_away(r, &report);
    else if (!master_agent_subscribe(r->p->core, &report, r->exchange,
                                     (int)r->accept, r->now_ms, &r->p->outputs,
                                     &err))
        request_refuse(r, err.code == ERR_BUSY ? 503 : 409, "%s", err.text);
    report_release(&report);
}

/* --- reports --- */

static const char *update_status_problem(
    const Perigee__Agent__Call__Update *update)
{
    if (!update || !update->status || !update->framework_id)
        return "Expecting 'update' with framework_id and status";
    bool is_notice =
        !update->status->has_uuid &&
        task_state_is_terminal((enum task_state)update->status->state);
    if (!is_notice && update->status->uuid.len != UUID_BYTES)
        return "Not a valid UUID";
    return NULL;
}

static void take_update(struct request *r, struct agent *agent,
                        const Perigee__Agent__Call__Update *in)
{
    Mesos__V1__TaskStatus *status = in->status;
    struct arena *arena = &r->p->arena;
    struct update update = {
        .framework_id = in->framework_id->value,
        .task_id = status->task_id->value,
        .executor_id = status->executor_id ? status->executor_id->value : "",
        .latest_state = (enum task_state)(
            in->has_latest_state ? in->latest_state : status->state),
        .status = {.state = (enum task_state)status->state,
                   .reason = STATUS_REASON_NONE,
                   .wire = kept_status(status, arena)},
    };
    update.forward = status->has_data ? blob_new(pack(status, arena))
                                      : blob_ref(update.status.wire);
    update.is_notice = !status->has_uuid;
    if (!update.is_notice)
        memcpy(update.uuid.byte, status->uuid.data, UUID_BYTES);
    master_update(r->p->core, agent, &update, r->now_ms, &r->p->outputs);
    blob_unref(update.forward);
    blob_unref(update.status.wire);
}

/* NULL when the report was taken, else what is wrong with it. */
static const char *take_report(struct request *r, struct agent *agent,
                               const Call *call)
{
    struct master *core = r->p->core;
    const Perigee__Agent__Call__ExitedExecutor *exited = call->exited_executor;
    const Perigee__Agent__Call__Message *message = call->message;
    const char *problem;
    switch ((int)call->type) {
    case PERIGEE__AGENT__CALL__TYPE__PONG:
        master_pong(agent);
        return NULL;
    case PERIGEE__AGENT__CALL__TYPE__UPDATE:
        problem = update_status_problem(call->update);
        if (!problem)
            take_update(r, agent, call->update);
        return problem;
    case PERIGEE__AGENT__CALL__TYPE__EXITED_EXECUTOR:
        if (!exited || !exited->framework_id || !exited->executor_id)
            return "Expecting 'exited_executor' with its ids";
        master_executor_exited(core, agent, exited->framework_id->value,
                               exited->executor_id->value, exited->status,
                               exited->command_executor, r->now_ms,
                               &r->p->outputs);
        return NULL;
    case PERIGEE__AGENT__CALL__TYPE__MESSAGE:
        if (!message || !message->framework_id || !message->executor_id)
            return "Expecting 'message' with its ids";
        master_agent_message(core, agent, message->framework_id->value,
                             message->executor_id->value,
                             bytes_of(message->data.data, message->data.len),
                             &r->p->outputs);
        return NULL;
    case PERIGEE__AGENT__CALL__TYPE__UNSUBSCRIBE:
        master_agent_unsubscribe(core, agent, r->now_ms, &r->p->outputs);
        return NULL;
    default:
        return "Expecting 'type' to be present";
    }
}

/* The agent that speaks, on its present stream; NULL: answered. A stale epoch
 * is refused before anything else, so that what an agent said before its
 * stream broke cannot be taken for what it says now. */
static struct agent *find_caller(struct request *r, const Call *call)
{
    struct agent *agent =
        call->agent_id ? master_agent(r->p->core, call->agent_id->value) : NULL;
    if (!agent || agent->state != AGENT_CONNECTED ||
        call->epoch != agent->epoch) {
        request_refuse(r, 409, "Agent is not subscribed with this epoch");
        return NULL;
    }
    agent->is_confirmed = true;
    return agent;
}

void agent_api(struct request *r)
{
    if (!request_check_head(r))
        return;
    Call *call = request_decode(r, &perigee__agent__call__descriptor, "Call");
    if (!call)
        return;
    if (call->type == PERIGEE__AGENT__CALL__TYPE__SUBSCRIBE) {
        subscribe(r, call);
        return;
    }
    struct agent *agent = find_caller(r, call);
    if (!agent)
        return;
    const char *problem = take_report(r, agent, call);
    if (problem)
        request_refuse(r, 400, "Failed to validate agent::Call: %s", problem);
    else
        request_accepted(r);
}
