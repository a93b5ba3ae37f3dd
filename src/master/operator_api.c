/* POST /api/v1: the operator's questions. Answers are written element by
 * element in both encodings, so that a large cluster needs no tree of messages,
 * and JSON has its empty arrays, as Mesos prints them. */
#include "master/layer.h"

typedef Mesos__V1__Master__Call Call;

/* --- writing one message in either encoding --- */

struct answer {
    enum media_type media;
    struct buf *out;
    struct json_writer json;
    struct arena arena; /* of one element */
};

enum { WIRE_VARINT = 0, WIRE_BYTES = 2 };

static void put_varint(struct buf *out, uint64_t value)
{
    while (value >= 0x80) {
        buf_add_char(out, (char)(value | 0x80));
        value >>= 7;
    }
    buf_add_char(out, (char)value);
}

static void put_tag(struct buf *out, uint32_t field, uint32_t wire_type)
{
    put_varint(out, (uint64_t)field << 3 | wire_type);
}

/* A repeated field begins; `name` is its JSON name. */
static void list_begin(struct answer *a, const char *name)
{
    if (a->media != MEDIA_JSON)
        return;
    json_key(&a->json, name);
    json_begin_array(&a->json);
}

static void list_end(struct answer *a)
{
    if (a->media == MEDIA_JSON)
        json_end_array(&a->json);
}

static void list_add(struct answer *a, uint32_t field, const void *message)
{
    struct buf one = {0};
    codec_encode(message, a->media, &one);
    if (a->media == MEDIA_JSON) {
        json_raw(&a->json, buf_bytes(&one));
    } else {
        put_tag(a->out, field, WIRE_BYTES);
        put_varint(a->out, one.size);
        buf_add_bytes(a->out, buf_bytes(&one));
    }
    buf_release(&one);
    arena_clear(&a->arena);
}

typedef void write_members(struct answer *a, const struct master_program *p);

/* A member that is a message, whose members `write` writes. */
static void member(struct answer *a, const char *name, uint32_t field,
                   write_members *write, const struct master_program *p)
{
    if (a->media == MEDIA_JSON) {
        json_key(&a->json, name);
        json_begin_object(&a->json);
        write(a, p);
        json_end_object(&a->json);
        return;
    }
    struct buf inner = {0};
    struct buf *outer = a->out;
    a->out = &inner;
    write(a, p);
    a->out = outer;
    put_tag(outer, field, WIRE_BYTES);
    put_varint(outer, inner.size);
    buf_add_bytes(outer, buf_bytes(&inner));
    buf_release(&inner);
}

/* --- tasks --- */

static void add_tasks(struct answer *a, uint32_t field,
                      const struct task *tasks)
{
    for (const struct task *t = tasks; t; t = t->hh.next)
        list_add(a, field, task_encode(t, &a->arena));
}

static void write_tasks(struct answer *a, const struct master_program *p)
{
    const struct master *m = p->core;
    const struct framework *f;
    list_begin(a, "tasks");
    for (f = m->frameworks; f; f = f->hh.next)
        add_tasks(a, 2, f->tasks);
    list_end(a);
    list_begin(a, "unreachable_tasks");
    for (f = m->frameworks; f; f = f->hh.next)
        add_tasks(a, 5, f->unreachable);
    list_end(a);
    list_begin(a, "completed_tasks");
    for (f = m->frameworks; f; f = f->hh.next)
        add_tasks(a, 3, f->completed);
    for (f = m->completed; f; f = f->hh.next)
        add_tasks(a, 3, f->completed);
    list_end(a);
}

static void write_executors(struct answer *a, const struct master_program *p)
{
    list_begin(a, "executors");
    for (const struct framework *f = p->core->frameworks; f; f = f->hh.next) {
        const struct executor *executor;
        DL_FOREACH(f->executors, executor)
        {
            Mesos__V1__Master__Response__GetExecutors__Executor message =
                MESOS__V1__MASTER__RESPONSE__GET_EXECUTORS__EXECUTOR__INIT;
            message.executor_info =
                unpack_own(&mesos__v1__executor_info__descriptor,
                           executor->info, &a->arena);
            message.agent_id = agent_id_make(executor->agent->id, &a->arena);
            list_add(a, 1, &message);
        }
    }
    list_end(a);
}

/* --- frameworks --- */

static Mesos__V1__Resource **sum_encode(struct resources sum,
                                        struct arena *arena, size_t *count)
{
    Mesos__V1__Resource **item =
        resources_encode(&sum, RESOURCE_FORMAT_MULTI_ROLE, arena, count);
    resources_release(&sum);
    return item;
}

static void add_framework(struct answer *a, const struct master_program *p,
                          uint32_t field, const struct framework *f)
{
    struct arena *arena = &a->arena;
    struct resources used, offered;
    Mesos__V1__Master__Response__GetFrameworks__Framework message =
        MESOS__V1__MASTER__RESPONSE__GET_FRAMEWORKS__FRAMEWORK__INIT;
    message.framework_info =
        unpack_own(&mesos__v1__framework_info__descriptor, f->info, arena);
    message.active = message.connected = f->stream != 0;
    message.recovered = f->is_recovered;
    message.registered_time = time_encode(f->registered_ms, arena);
    message.reregistered_time = time_encode(
        f->reregistered_ms ? f->reregistered_ms : f->registered_ms, arena);
    if (f->unregistered_ms)
        message.unregistered_time = time_encode(f->unregistered_ms, arena);
    const struct offer *offer;
    size_t count;
    DL_COUNT2(f->offers, offer, count, framework_next);
    message.offers = arena_alloc(arena, (count + 1) * sizeof *message.offers);
    DL_FOREACH2(f->offers, offer, framework_next)
    message.offers[message.n_offers++] = offer_encode(p, offer, arena);
    framework_used(f, &used);
    framework_offered(f, &offered);
    message.allocated_resources =
        sum_encode(used, arena, &message.n_allocated_resources);
    message.offered_resources =
        sum_encode(offered, arena, &message.n_offered_resources);
    Mesos__V1__Scheduler__OfferConstraints none =
        MESOS__V1__SCHEDULER__OFFER_CONSTRAINTS__INIT;
    message.offer_constraints = &none;
    list_add(a, field, &message);
}

static void write_frameworks(struct answer *a, const struct master_program *p)
{
    const struct framework *f;
    list_begin(a, "frameworks");
    for (f = p->core->frameworks; f; f = f->hh.next)
        add_framework(a, p, 1, f);
    list_end(a);
    list_begin(a, "completed_frameworks");
    for (f = p->core->completed; f; f = f->hh.next)
        add_framework(a, p, 2, f);
    list_end(a);
}

/* --- agents --- */

static void add_agent(struct answer *a, const struct agent *agent)
{
    struct arena *arena = &a->arena;
    struct resources total, used, offered;
    Mesos__V1__Master__Response__GetAgents__Agent message =
        MESOS__V1__MASTER__RESPONSE__GET_AGENTS__AGENT__INIT;
    message.agent_info =
        unpack_own(&mesos__v1__agent_info__descriptor, agent->info, arena);
    message.active = agent->state == AGENT_CONNECTED;
    message.has_deactivated = 1;
    message.version = agent->version;
    message.pid =
        arena_printf(arena, "slave(1)@%s:%d", agent->ip, (int)agent->port);
    message.registered_time = time_encode(agent->registered_ms, arena);
    if (agent->reregistered_ms)
        message.reregistered_time = time_encode(agent->reregistered_ms, arena);
    resources_copy(&total, &agent->total);
    agent_used(agent, &used);
    agent_offered(agent, &offered);
    message.total_resources =
        sum_encode(total, arena, &message.n_total_resources);
    message.allocated_resources =
        sum_encode(used, arena, &message.n_allocated_resources);
    message.offered_resources =
        sum_encode(offered, arena, &message.n_offered_resources);
    message.capabilities =
        agent_capabilities_encode(arena, &message.n_capabilities);
    list_add(a, 1, &message);
}

static void write_agents(struct answer *a, const struct master_program *p)
{
    const struct agent *agent;
    list_begin(a, "agents");
    for (agent = p->core->agents; agent; agent = agent->hh.next)
        if (agent->state == AGENT_CONNECTED ||
            agent->state == AGENT_DISCONNECTED)
            add_agent(a, agent);
    list_end(a);
    list_begin(a, "recovered_agents");
    for (agent = p->core->agents; agent; agent = agent->hh.next)
        if (agent->state == AGENT_RECOVERED)
            list_add(a, 2,
                     unpack_own(&mesos__v1__agent_info__descriptor, agent->info,
                                &a->arena));
    list_end(a);
}

static void write_state(struct answer *a, const struct master_program *p)
{
    member(a, "get_tasks", 1, write_tasks, p);
    member(a, "get_executors", 2, write_executors, p);
    member(a, "get_frameworks", 3, write_frameworks, p);
    member(a, "get_agents", 4, write_agents, p);
}

/* --- small answers --- */

static void write_health(struct answer *a, const struct master_program *p)
{
    (void)p;
    if (a->media == MEDIA_JSON) {
        json_put_bool(&a->json, "healthy", true);
        return;
    }
    put_tag(a->out, 1, WIRE_VARINT);
    put_varint(a->out, 1);
}

static void write_flags(struct answer *a, const struct master_program *p)
{
    list_begin(a, "flags");
    for (uint32_t i = 0; i < p->flags.count; i++) {
        Mesos__V1__Flag flag = MESOS__V1__FLAG__INIT;
        flag.name = (char *)p->flags.item[i].name;
        flag.value = (char *)p->flags.item[i].value;
        list_add(a, 1, &flag);
    }
    list_end(a);
}

static void write_version_info(struct answer *a, const struct master_program *p)
{
    (void)p;
    if (a->media == MEDIA_JSON) {
        json_put_string(&a->json, "version", MASTER_API_VERSION);
        return;
    }
    Mesos__V1__VersionInfo info = MESOS__V1__VERSION_INFO__INIT;
    info.version = MASTER_API_VERSION;
    codec_encode(&info.base, a->media, a->out);
}

static void write_version(struct answer *a, const struct master_program *p)
{
    member(a, "version_info", 1, write_version_info, p);
}

/* A member that is one message. */
static void put_message(struct answer *a, const char *name, uint32_t field,
                        const void *message)
{
    if (a->media == MEDIA_JSON)
        json_key(&a->json, name);
    list_add(a, field, message);
}

static void write_schedule(struct answer *a, const struct master_program *p)
{
    put_message(a, "schedule", 1, schedule_encode(p, &a->arena));
}

static void write_maintenance(struct answer *a, const struct master_program *p)
{
    put_message(a, "status", 1, cluster_status_encode(p, &a->arena));
}

/* --- dispatch --- */

static const struct question {
    Mesos__V1__Master__Call__Type type;
    Mesos__V1__Master__Response__Type answer_type;
    const char *member; /* of Response */
    uint32_t field;
    write_members *write;
} QUESTION[] = {
    {MESOS__V1__MASTER__CALL__TYPE__GET_HEALTH,
     MESOS__V1__MASTER__RESPONSE__TYPE__GET_HEALTH, "get_health", 2,
     write_health},
    {MESOS__V1__MASTER__CALL__TYPE__GET_FLAGS,
     MESOS__V1__MASTER__RESPONSE__TYPE__GET_FLAGS, "get_flags", 3, write_flags},
    {MESOS__V1__MASTER__CALL__TYPE__GET_VERSION,
     MESOS__V1__MASTER__RESPONSE__TYPE__GET_VERSION, "get_version", 4,
     write_version},
    {MESOS__V1__MASTER__CALL__TYPE__GET_STATE,
     MESOS__V1__MASTER__RESPONSE__TYPE__GET_STATE, "get_state", 9, write_state},
    {MESOS__V1__MASTER__CALL__TYPE__GET_AGENTS,
     MESOS__V1__MASTER__RESPONSE__TYPE__GET_AGENTS, "get_agents", 10,
     write_agents},
    {MESOS__V1__MASTER__CALL__TYPE__GET_FRAMEWORKS,
     MESOS__V1__MASTER__RESPONSE__TYPE__GET_FRAMEWORKS, "get_frameworks", 11,
     write_frameworks},
    {MESOS__V1__MASTER__CALL__TYPE__GET_EXECUTORS,
     MESOS__V1__MASTER__RESPONSE__TYPE__GET_EXECUTORS, "get_executors", 12,
     write_executors},
    {MESOS__V1__MASTER__CALL__TYPE__GET_TASKS,
     MESOS__V1__MASTER__RESPONSE__TYPE__GET_TASKS, "get_tasks", 13,
     write_tasks},
    {MESOS__V1__MASTER__CALL__TYPE__GET_MAINTENANCE_STATUS,
     MESOS__V1__MASTER__RESPONSE__TYPE__GET_MAINTENANCE_STATUS,
     "get_maintenance_status", 17, write_maintenance},
    {MESOS__V1__MASTER__CALL__TYPE__GET_MAINTENANCE_SCHEDULE,
     MESOS__V1__MASTER__RESPONSE__TYPE__GET_MAINTENANCE_SCHEDULE,
     "get_maintenance_schedule", 18, write_schedule},
};

static void answer(struct request *r, const struct question *q,
                   const char *type_name)
{
    struct answer a = {.media = r->accept, .out = &r->p->buf};
    arena_init(&a.arena);
    buf_clear(a.out);
    if (a.media == MEDIA_JSON) {
        json_init(&a.json, a.out, 0);
        json_begin_object(&a.json);
        json_put_string(&a.json, "type", type_name);
    } else {
        put_tag(a.out, 1, WIRE_VARINT);
        put_varint(a.out, (uint64_t)q->answer_type);
    }
    member(&a, q->member, q->field, q->write, r->p);
    if (a.media == MEDIA_JSON)
        json_end_object(&a.json);
    effect_reply(r->fx, r->exchange, 200, a.media, buf_bytes(a.out));
    arena_release(&a.arena);
}

static const struct question *find_question(const Call *call)
{
    for (size_t i = 0; i < sizeof QUESTION / sizeof *QUESTION; i++)
        if (QUESTION[i].type == call->type)
            return &QUESTION[i];
    return NULL;
}

static bool changes(Mesos__V1__Master__Call__Type type)
{
    return type == MESOS__V1__MASTER__CALL__TYPE__UPDATE_MAINTENANCE_SCHEDULE ||
           type == MESOS__V1__MASTER__CALL__TYPE__START_MAINTENANCE ||
           type == MESOS__V1__MASTER__CALL__TYPE__STOP_MAINTENANCE;
}

/* What a call wants to be allowed. */
static enum action action_of(Mesos__V1__Master__Call__Type type)
{
    switch ((int)type) {
    case MESOS__V1__MASTER__CALL__TYPE__GET_HEALTH:
    case MESOS__V1__MASTER__CALL__TYPE__GET_VERSION:
        return ACTION_NONE;
    case MESOS__V1__MASTER__CALL__TYPE__GET_MAINTENANCE_STATUS:
    case MESOS__V1__MASTER__CALL__TYPE__GET_MAINTENANCE_SCHEDULE:
        return ACTION_HOST_READ;
    case MESOS__V1__MASTER__CALL__TYPE__UPDATE_MAINTENANCE_SCHEDULE:
        return ACTION_HOST_DRAIN;
    case MESOS__V1__MASTER__CALL__TYPE__START_MAINTENANCE:
        return ACTION_HOST_DEACTIVATE;
    case MESOS__V1__MASTER__CALL__TYPE__STOP_MAINTENANCE:
        return ACTION_HOST_ACTIVATE;
    default: /* the rest looks, or is refused by name */
        return ACTION_CLUSTER_READ;
    }
}

void operator_api(struct request *r)
{
    if (!request_check_head(r))
        return;
    const Call *call =
        request_decode(r, &mesos__v1__master__call__descriptor, "Call");
    if (!call)
        return;
    const ProtobufCEnumValue *type =
        call->has_type
            ? protobuf_c_enum_descriptor_get_value(
                  &mesos__v1__master__call__type__descriptor, (int)call->type)
            : NULL;
    if (!type) {
        request_refuse(r, 400,
                       "Failed to validate master::Call: Expecting "
                       "'type' to be present");
        return;
    }
    if (!request_permit(r, action_of(call->type)))
        return;
    if (changes(call->type))
        request_note(r, type->name);
    if (maintenance_call(r, call) || !request_check_accept(r))
        return;
    const struct question *q = find_question(call);
    if (q)
        answer(r, q, type->name);
    else if (type->value == 0)
        request_refuse(r, 501, "501 Not Implemented.");
    else
        request_refuse(r, 501, "%s is not supported by this master",
                       type->name);
}
