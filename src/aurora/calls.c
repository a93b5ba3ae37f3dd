/* Our calls to the master. Those about tasks leave one after the other, so that
 * a KILL never overtakes its ACCEPT; acknowledgements may. What is lost with
 * the connection is found again by reconciling after the next subscription. */
#include "aurora/assets.h"
#include "aurora/inverse.h"
#include "aurora/link.h"
#include "aurora/state.h"
#include "sys/address.h"

#include "mesos/v1/scheduler.pb-c.h"
#include "wire/codec.h"
#include "wire/values.h"

#include <stdlib.h>
#include <string.h>

typedef Mesos__V1__Scheduler__Call Call;
typedef Mesos__V1__Scheduler__Call__Reconcile__Task ReconcileTask;

static void call_release(struct master_call *call)
{
    buf_release(&call->body);
    for (uint32_t i = 0; i < call->tasks.count; i++)
        blob_unref(call->tasks.item[i]);
    vec_free(&call->tasks);
}

static void forget_asked(struct master_link *link)
{
    for (uint32_t i = 0; i < link->asking.count; i++) {
        blob_unref(link->asking.item[i].task_id);
        blob_unref(link->asking.item[i].agent_id);
    }
    link->asking.count = link->asked = 0;
}

void calls_clear(struct aurora_program *p)
{
    struct master_link *link = &p->link;

    for (uint32_t i = 0; i < link->ordered.count; i++)
        call_release(&link->ordered.item[i]);
    for (uint32_t i = 0; i < link->acks.count; i++)
        call_release(&link->acks.item[i]);
    forget_asked(link);
    link->ordered.count = link->acks.count = 0;
    link->acks_in_flight = 0;
}

/* Encode with our framework id and append to the ordered calls. */
struct master_call *calls_enqueue(struct aurora_program *p,
                                  Mesos__V1__Scheduler__Call *call)
{
    Mesos__V1__FrameworkID id = MESOS__V1__FRAMEWORK_ID__INIT;
    struct master_call *out = vec_add(&p->link.ordered);

    *out = (struct master_call){0};
    id.value = p->link.framework_id;
    call->framework_id = &id;
    call->has_type = true;
    codec_encode(&call->base, MEDIA_PROTOBUF, &out->body);
    call->framework_id = NULL;
    return out;
}

/* --- ids --- */

static Mesos__V1__TaskID *task_id_of(struct blob *blob, struct arena *arena)
{
    Mesos__V1__TaskID *id = arena_alloc(arena, sizeof *id);

    mesos__v1__task_id__init(id);
    id->value = view_text(blob, arena);
    return id;
}

static Mesos__V1__AgentID *agent_id_of(struct blob *blob, struct arena *arena)
{
    if (!blob)
        return NULL;
    Mesos__V1__AgentID *id = arena_alloc(arena, sizeof *id);

    mesos__v1__agent_id__init(id);
    id->value = view_text(blob, arena);
    return id;
}

static Mesos__V1__OfferID **offer_ids_of(struct blob *const *blob, size_t count,
                                         struct arena *arena)
{
    Mesos__V1__OfferID **ids = arena_alloc(arena, count * sizeof(void *));

    for (size_t i = 0; i < count; i++) {
        ids[i] = arena_alloc(arena, sizeof *ids[i]);
        mesos__v1__offer_id__init(ids[i]);
        ids[i]->value = view_text(blob[i], arena);
    }
    return ids;
}

/* --- launching --- */

static void add_kind(struct aurora_program *p, const struct job_config *config,
                     const struct resource_kind *plain, int64_t milli,
                     struct resources *out)
{
    struct resource one = {.kind = tier_kind(p, config, plain), .milli = milli};

    resources_add_one(out, &one);
    resource_kind_unref(one.kind);
}

static Mesos__V1__Resource **resources_of(struct aurora_program *p,
                                          const struct task *task,
                                          const struct amounts *amounts,
                                          const struct placement *place,
                                          struct arena *arena, size_t *count)
{
    struct resources r = {0};

    add_kind(p, task->config, &RESOURCE_CPUS, amounts->cpus, &r);
    add_kind(p, task->config, &RESOURCE_MEM, amounts->mem, &r);
    resources_add_scalar(&r, "disk", amounts->disk);
    resources_add_scalar(&r, "gpus", amounts->gpus);
    if (place && place->port_count > 0) {
        struct resource ports = {.kind = &RESOURCE_PORTS};
        for (uint32_t i = 0; i < place->port_count; i++)
            ranges_add(&ports.ranges,
                       (struct range){place->port[i], place->port[i]});
        resources_add_one(&r, &ports);
        ranges_release(&ports.ranges);
    }
    Mesos__V1__Resource **out =
        resources_encode(&r, RESOURCE_FORMAT_OLD, arena, count);
    resources_release(&r);
    return out;
}

/* The operating system's. */
static const char *user_of(const struct aurora_program *p, const char *role)
{
    const char *user = os_user_of(&p->sign_in.os_users, role);

    return user ? user : role;
}

static Mesos__V1__ExecutorInfo *executor_of(struct aurora_program *p,
                                            const struct task *task,
                                            struct arena *arena)
{
    static char *arguments[] = {"thermos", "executor"};
    Mesos__V1__ExecutorInfo *executor = arena_alloc(arena, sizeof *executor);
    Mesos__V1__ExecutorID *id = arena_alloc(arena, sizeof *id);
    Mesos__V1__FrameworkID *framework = arena_alloc(arena, sizeof *framework);
    Mesos__V1__CommandInfo *command = arena_alloc(arena, sizeof *command);
    struct amounts own = {.cpus = p->options.executor_cpus_milli,
                          .mem = p->options.executor_mem_milli};

    mesos__v1__executor_info__init(executor);
    mesos__v1__executor_id__init(id);
    mesos__v1__framework_id__init(framework);
    mesos__v1__command_info__init(command);
    id->value = view_executor_id(task->id, arena);
    framework->value = p->link.framework_id;
    command->has_shell = true;
    command->shell = false;
    command->value = (char *)p->options.thermos_path;
    command->n_arguments = sizeof arguments / sizeof *arguments;
    command->arguments = arguments;
    command->user = (char *)user_of(p, task->config->key.role);
    executor->has_type = true;
    executor->type = MESOS__V1__EXECUTOR_INFO__TYPE__CUSTOM;
    executor->executor_id = id;
    executor->framework_id = framework;
    executor->command = command;
    executor->name = "thermos";
    executor->resources =
        resources_of(p, task, &own, NULL, arena, &executor->n_resources);
    return executor;
}

static void name_announcement(const struct aurora_program *p,
                              const struct task *task,
                              Perigee__AssignedTask *data, struct arena *arena)
{
    const Perigee__Announcer *announce = data->job->announce;
    const struct job_key *key = &task->config->key;

    if (!announce || !p->options.zookeeper)
        return;
    data->zookeeper = (char *)p->options.zookeeper;
    data->announce_path =
        announce->zk_path && *announce->zk_path
            ? announce->zk_path
            : arena_printf(arena, "%s/%s/%s/%s", p->options.announce_root,
                           key->role, key->env, key->name);
}

/* A health function travels with the file that it stands in, and with the job
 * library that it came with when agents may not have that any more. */
static void add_health_bundle(struct aurora_program *p,
                              Perigee__AssignedTask *data)
{
    const Perigee__HealthCheck *check = data->job->health_check;

    if (!check || !check->lua || !data->job->bundle_hash)
        return;
    struct bytes bytes = bundle_bytes(p, data->job->bundle_hash);
    data->has_health_bundle = bytes.size > 0;
    data->health_bundle.data = (uint8_t *)(uintptr_t)bytes.data;
    data->health_bundle.len = bytes.size;
    struct bytes release = release_of(p, data->job->bundle_hash);
    data->health_stdlib_hash =
        (char *)(uintptr_t)bundle_release(p, data->job->bundle_hash);
    data->has_health_stdlib = release.size > 0;
    data->health_stdlib.data = (uint8_t *)(uintptr_t)release.data;
    data->health_stdlib.len = release.size;
}

static void pack_assigned(struct aurora_program *p, const struct task *task,
                          ProtobufCBinaryData *out, struct arena *arena)
{
    Perigee__AssignedTask data = PERIGEE__ASSIGNED_TASK__INIT;
    const struct placement *place = task->placement;

    data.task_id = view_text(task->id, arena);
    data.job = job_with_instances(task->config, task->job->instances, arena);
    data.has_instance = true;
    data.instance = task->instance;
    data.asset_url = asset_url_of(p, task->config->key.role, arena);
    data.hostname = place->hostname;
    name_announcement(p, task, &data, arena);
    add_health_bundle(p, &data);
    data.n_ports = place->port_count;
    data.ports = arena_alloc(arena, (place->port_count + 1) * sizeof(void *));
    for (uint32_t i = 0; i < place->port_count; i++) {
        Perigee__AssignedPort *port = arena_alloc(arena, sizeof *port);
        perigee__assigned_port__init(port);
        port->name = task->config->port_name[i];
        port->has_port = true;
        port->port = place->port[i];
        data.ports[i] = port;
    }
    out->len = perigee__assigned_task__get_packed_size(&data);
    out->data = arena_alloc(arena, out->len + 1);
    perigee__assigned_task__pack(&data, out->data);
}

static Mesos__V1__TaskInfo *task_info_of(struct aurora_program *p,
                                         const struct task *task,
                                         struct arena *arena)
{
    Mesos__V1__TaskInfo *info = arena_alloc(arena, sizeof *info);

    mesos__v1__task_info__init(info);
    info->name = task->config->key.name;
    info->task_id = task_id_of(task->id, arena);
    info->agent_id = agent_id_of(task->placement->agent_id, arena);
    info->resources = resources_of(p, task, &task->config->task,
                                   task->placement, arena, &info->n_resources);
    info->executor = executor_of(p, task, arena);
    info->has_data = true;
    pack_assigned(p, task, &info->data, arena);
    return info;
}

static void enqueue_launch(struct aurora_program *p,
                           const struct launch *launch, struct arena *arena)
{
    Mesos__V1__Offer__Operation__Launch body =
        MESOS__V1__OFFER__OPERATION__LAUNCH__INIT;
    Mesos__V1__Offer__Operation operation = MESOS__V1__OFFER__OPERATION__INIT;
    Mesos__V1__Offer__Operation *operations = &operation;
    Mesos__V1__Filters filters = MESOS__V1__FILTERS__INIT;
    Mesos__V1__Scheduler__Call__Accept accept =
        MESOS__V1__SCHEDULER__CALL__ACCEPT__INIT;
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;
    VEC(struct blob *) ids = {0};

    body.task_infos = arena_alloc(arena, launch->tasks.count * sizeof(void *));
    for (uint32_t i = 0; i < launch->tasks.count; i++) {
        const struct task *task =
            aurora_task_by_number(&p->core, launch->tasks.item[i]);
        if (!task || task->state != TASK_ASSIGNED)
            continue;
        body.task_infos[body.n_task_infos++] = task_info_of(p, task, arena);
        *vec_add(&ids) = blob_ref(task->id);
    }
    operation.has_type = true;
    operation.type = MESOS__V1__OFFER__OPERATION__TYPE__LAUNCH;
    operation.launch = &body;
    filters.has_refuse_seconds = true;
    filters.refuse_seconds = 0; /* what is left may come back at once */
    accept.n_offer_ids = launch->offers.count;
    accept.offer_ids =
        offer_ids_of(launch->offers.item, launch->offers.count, arena);
    accept.n_operations = 1;
    accept.operations = &operations;
    accept.filters = &filters;
    call.type = MESOS__V1__SCHEDULER__CALL__TYPE__ACCEPT;
    call.accept = &accept;
    struct master_call *out = calls_enqueue(p, &call);
    out->is_accept = true;
    memcpy(&out->tasks, &ids, sizeof ids);
}

/* --- the other calls --- */

static void enqueue_kill(struct aurora_program *p, const struct task_ref *ref,
                         struct arena *arena)
{
    Mesos__V1__Scheduler__Call__Kill kill =
        MESOS__V1__SCHEDULER__CALL__KILL__INIT;
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;

    kill.task_id = task_id_of(ref->task_id, arena);
    kill.agent_id = agent_id_of(ref->agent_id, arena);
    call.type = MESOS__V1__SCHEDULER__CALL__TYPE__KILL;
    call.kill = &kill;
    (void)calls_enqueue(p, &call);
}

static void enqueue_declines(struct aurora_program *p, struct arena *arena)
{
    Mesos__V1__Scheduler__Call__Decline decline =
        MESOS__V1__SCHEDULER__CALL__DECLINE__INIT;
    Mesos__V1__Filters filters = MESOS__V1__FILTERS__INIT;
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;
    const struct work *w = &p->core.work;

    filters.has_refuse_seconds = true;
    filters.refuse_seconds = DECLINE_FILTER_SECONDS;
    decline.filters = &filters;
    decline.n_offer_ids = w->declines.count;
    decline.offer_ids =
        offer_ids_of(w->declines.item, w->declines.count, arena);
    call.type = MESOS__V1__SCHEDULER__CALL__TYPE__DECLINE;
    call.decline = &decline;
    (void)calls_enqueue(p, &call);
}

static void enqueue_reconcile(struct aurora_program *p,
                              const struct task_ref *ref, uint32_t count,
                              struct arena *arena)
{
    Mesos__V1__Scheduler__Call__Reconcile reconcile =
        MESOS__V1__SCHEDULER__CALL__RECONCILE__INIT;
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;

    reconcile.n_tasks = count;
    reconcile.tasks = arena_alloc(arena, (count + 1) * sizeof(void *));
    for (uint32_t i = 0; i < count; i++) {
        ReconcileTask *task = arena_alloc(arena, sizeof *task);
        mesos__v1__scheduler__call__reconcile__task__init(task);
        task->task_id = task_id_of(ref[i].task_id, arena);
        task->agent_id = agent_id_of(ref[i].agent_id, arena);
        reconcile.tasks[i] = task;
    }
    call.type = MESOS__V1__SCHEDULER__CALL__TYPE__RECONCILE;
    call.reconcile = &reconcile;
    (void)calls_enqueue(p, &call);
}

void calls_reconcile_implicitly(struct aurora_program *p)
{
    struct arena arena;

    if (p->link.state != LINK_UP)
        return;
    arena_init(&arena);
    enqueue_reconcile(p, NULL, 0, &arena);
    arena_release(&arena);
}

/* All over again: the tasks that are to be asked after now. */
static void begin_asking(struct aurora_program *p)
{
    struct master_link *link = &p->link;
    const struct work *w = &p->core.work;

    forget_asked(link);
    for (uint32_t i = 0; i < w->reconcile.count; i++)
        *vec_add(&link->asking) =
            (struct task_ref){blob_ref(w->reconcile.item[i].task_id),
                              blob_ref(w->reconcile.item[i].agent_id)};
    link->ask_ms = p->now_ms;
}

/* Is the task one that should be on an agent, still? */
static bool is_to_be_asked(struct aurora_program *p, const struct task_ref *ref)
{
    const struct task *task = aurora_task(&p->core, blob_bytes(ref->task_id));

    return task && task_machine_is_assigned(task->state);
}

void calls_ask_on(struct aurora_program *p, int64_t now_ms)
{
    struct master_link *link = &p->link;
    uint32_t count = 0, most = p->options.reconcile_batch;
    struct arena arena;

    if (link->state != LINK_UP || link->asked >= link->asking.count ||
        now_ms < link->ask_ms)
        return;
    arena_init(&arena);
    struct task_ref *batch = arena_alloc(&arena, most * sizeof *batch);
    while (link->asked < link->asking.count && count < most) {
        const struct task_ref *ref = &link->asking.item[link->asked++];
        if (is_to_be_asked(p, ref))
            batch[count++] = *ref;
    }
    /* Without a task it would ask after everything. */
    if (count > 0)
        enqueue_reconcile(p, batch, count, &arena);
    arena_release(&arena);
    link->ask_ms = now_ms + p->options.reconcile_pause_ms;
    if (link->asked == link->asking.count)
        forget_asked(link);
}

void calls_from_work(struct aurora_program *p)
{
    const struct work *w = &p->core.work;
    struct arena arena;

    if (p->link.state != LINK_UP)
        return;
    arena_init(&arena);
    for (uint32_t i = 0; i < w->launches.count; i++)
        enqueue_launch(p, &w->launches.item[i], &arena);
    for (uint32_t i = 0; i < w->kills.count; i++)
        enqueue_kill(p, &w->kills.item[i], &arena);
    if (w->declines.count > 0)
        enqueue_declines(p, &arena);
    if (w->reconcile.count > 0) {
        begin_asking(p);
        calls_ask_on(p, p->now_ms);
    }
    if (w->ask_again.count > 0)
        enqueue_reconcile(p, w->ask_again.item, w->ask_again.count, &arena);
    if (w->revive) {
        Call call = MESOS__V1__SCHEDULER__CALL__INIT;
        call.type = MESOS__V1__SCHEDULER__CALL__TYPE__REVIVE;
        (void)calls_enqueue(p, &call);
    }
    arena_release(&arena);
}

void calls_acknowledge(struct aurora_program *p, struct bytes task_id,
                       struct bytes agent_id, struct bytes uuid)
{
    Mesos__V1__Scheduler__Call__Acknowledge acknowledge =
        MESOS__V1__SCHEDULER__CALL__ACKNOWLEDGE__INIT;
    Mesos__V1__FrameworkID framework = MESOS__V1__FRAMEWORK_ID__INIT;
    Mesos__V1__TaskID task = MESOS__V1__TASK_ID__INIT;
    Mesos__V1__AgentID agent = MESOS__V1__AGENT_ID__INIT;
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;
    struct master_call *out;

    if (p->link.state != LINK_UP)
        return;
    framework.value = p->link.framework_id;
    /* Ids come from decoded messages: terminated texts. */
    task.value = (char *)task_id.data;
    agent.value = (char *)agent_id.data;
    acknowledge.task_id = &task;
    acknowledge.agent_id = &agent;
    acknowledge.uuid.data = (uint8_t *)uuid.data;
    acknowledge.uuid.len = uuid.size;
    call.has_type = true;
    call.type = MESOS__V1__SCHEDULER__CALL__TYPE__ACKNOWLEDGE;
    call.framework_id = &framework;
    call.acknowledge = &acknowledge;
    out = vec_add(&p->link.acks);
    *out = (struct master_call){0};
    codec_encode(&call.base, MEDIA_PROTOBUF, &out->body);
}

/* --- sending --- */

static void send_one(struct aurora_program *p, struct master_call *call,
                     struct effects *fx)
{
    const struct http_header header[] = {
        {"Content-Type", "application/x-protobuf"},
        {"Accept", "application/x-protobuf"},
        {"Mesos-Stream-Id", p->link.stream_id},
        {"Authorization", p->options.authorization},
    };

    call->exchange = ++p->next_exchange;
    effect_call(fx, call->exchange,
                arena_printf(&fx->arena, "%s%s/api/v1/scheduler",
                             address_scheme(p->link.address), p->link.address),
                header, p->options.authorization ? 4 : 3,
                buf_bytes(&call->body), CALL_TIMEOUT_MS);
    buf_release(&call->body);
    call->body = (struct buf){0};
}

void calls_send(struct aurora_program *p, struct effects *fx)
{
    struct master_link *link = &p->link;

    if (link->state != LINK_UP || !link->stream_id)
        return;
    if (link->ordered.count > 0 && link->ordered.item[0].exchange == 0)
        send_one(p, &link->ordered.item[0], fx);
    for (uint32_t i = link->acks_in_flight;
         i < link->acks.count && link->acks_in_flight < ACKS_IN_FLIGHT_MAX;
         i++) {
        send_one(p, &link->acks.item[i], fx);
        link->acks_in_flight++;
    }
}

/* The tasks of a broken ACCEPT: were they launched? */
static void ask_after(struct aurora_program *p, struct master_call *call)
{
    struct arena arena;
    struct task_ref *ref = xcalloc(call->tasks.count + 1, sizeof *ref);
    uint32_t count = 0;

    for (uint32_t i = 0; i < call->tasks.count; i++) {
        struct task *task =
            aurora_task(&p->core, blob_bytes(call->tasks.item[i]));
        if (task && task->placement)
            ref[count++] =
                (struct task_ref){task->id, task->placement->agent_id};
    }
    arena_init(&arena);
    if (count > 0)
        enqueue_reconcile(p, ref, count, &arena);
    arena_release(&arena);
    free(ref);
}

/* Refusals that mean "subscribe again"; others blame the call alone. */
static bool stream_is_stale(int status, struct bytes text)
{
    static const char framework[] = "Framework cannot be found";
    static const char stream[] = "stream ID";

    if (status == 401 || status == 403)
        return true;
    return status == 400 && text.size > 0 &&
           (memmem(text.data, text.size, framework, sizeof framework - 1) ||
            memmem(text.data, text.size, stream, sizeof stream - 1));
}

static void on_ordered_done(struct aurora_program *p, int status,
                            struct bytes text, struct effects *fx)
{
    struct master_link *link = &p->link;
    struct master_call call = link->ordered.item[0];

    vec_remove(&link->ordered, 0);
    if (status != 202) {
        link->calls_failed++;
        effect_log(fx, 1, "call_failed status=%d why=\"%.*s\"", status,
                   (int)(text.size < 200 ? text.size : 200),
                   (const char *)text.data);
        if (call.is_accept)
            ask_after(p, &call);
        else if (link->explicit_ms > p->now_ms + RECONCILE_RETRY_MS)
            link->explicit_ms = p->now_ms + RECONCILE_RETRY_MS;
        /* A lost KILL may be of a task that we gave up: only a report of
         * everything shows it again. */
        if (link->implicit_ms > p->now_ms + p->options.reconcile_first_ms)
            link->implicit_ms = p->now_ms + p->options.reconcile_first_ms;
    }
    call_release(&call);
    if (stream_is_stale(status, text))
        link_drop(p, "the master does not know this stream", p->now_ms, fx);
}

bool calls_done(struct aurora_program *p, exchange_id exchange, int status,
                struct bytes text, struct effects *fx)
{
    struct master_link *link = &p->link;

    if (link->ordered.count > 0 && link->ordered.item[0].exchange == exchange) {
        on_ordered_done(p, status, text, fx);
        return true;
    }
    for (uint32_t i = 0; i < link->acks_in_flight; i++) {
        if (link->acks.item[i].exchange != exchange)
            continue;
        call_release(&link->acks.item[i]);
        vec_remove(&link->acks, i);
        link->acks_in_flight--;
        link->calls_failed += status != 202;
        return true;
    }
    return false;
}
