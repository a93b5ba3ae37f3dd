#include "master/layer.h"
#include <arpa/inet.h>
#include <assert.h>
#include <math.h>
#include <stdio.h>

#define NEW(arena, type, initial)                        \
    type *message = arena_alloc(arena, sizeof *message); \
    *message = (type)initial

struct bytes pack(const void *message, struct arena *arena)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = arena_alloc(arena, size ? size : 1);
    protobuf_c_message_pack(message, data);
    return bytes_of(data, size);
}

void *unpack(const ProtobufCMessageDescriptor *type, struct bytes bytes,
             struct arena *arena, struct err *err)
{
    ProtobufCMessage *message;
    if (codec_decode(type, type->short_name, MEDIA_PROTOBUF, bytes, arena,
                     &message, err) < 0)
        return NULL;
    return message;
}

void *unpack_own(const ProtobufCMessageDescriptor *type,
                 const struct blob *blob, struct arena *arena)
{
    void *message = unpack(type, blob_bytes(blob), arena, NULL);
    assert(message);
    return message;
}

/* --- ids and times --- */

Mesos__V1__TaskID *task_id_make(const char *id, struct arena *arena)
{
    NEW(arena, Mesos__V1__TaskID, MESOS__V1__TASK_ID__INIT);
    message->value = arena_strdup(arena, id);
    return message;
}

Mesos__V1__AgentID *agent_id_make(const char *id, struct arena *arena)
{
    NEW(arena, Mesos__V1__AgentID, MESOS__V1__AGENT_ID__INIT);
    message->value = arena_strdup(arena, id);
    return message;
}

Mesos__V1__FrameworkID *framework_id_make(const char *id, struct arena *arena)
{
    NEW(arena, Mesos__V1__FrameworkID, MESOS__V1__FRAMEWORK_ID__INIT);
    message->value = arena_strdup(arena, id);
    return message;
}

Mesos__V1__ExecutorID *executor_id_make(const char *id, struct arena *arena)
{
    NEW(arena, Mesos__V1__ExecutorID, MESOS__V1__EXECUTOR_ID__INIT);
    message->value = arena_strdup(arena, id);
    return message;
}

Mesos__V1__TimeInfo *time_encode(int64_t ms, struct arena *arena)
{
    NEW(arena, Mesos__V1__TimeInfo, MESOS__V1__TIME_INFO__INIT);
    message->nanoseconds = ms * 1000000;
    return message;
}

/* --- frameworks --- */

enum resource_format framework_format(const struct framework *f)
{
    if (f->flags & FRAMEWORK_RESERVATION_REFINEMENT)
        return RESOURCE_FORMAT_REFINED;
    return f->flags & FRAMEWORK_MULTI_ROLE ? RESOURCE_FORMAT_MULTI_ROLE
                                           : RESOURCE_FORMAT_OLD;
}

static uint32_t flags_decode(const Mesos__V1__FrameworkInfo *info)
{
    uint32_t flags = info->checkpoint ? FRAMEWORK_CHECKPOINT : 0;
    for (size_t i = 0; i < info->n_capabilities; i++) {
        const Mesos__V1__FrameworkInfo__Capability *c = info->capabilities[i];
        switch ((int)(c->has_type ? c->type : 0)) {
        case MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__PARTITION_AWARE:
            flags |= FRAMEWORK_PARTITION_AWARE;
            break;
        case MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__MULTI_ROLE:
            flags |= FRAMEWORK_MULTI_ROLE;
            break;
        case MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__RESERVATION_REFINEMENT:
            flags |= FRAMEWORK_RESERVATION_REFINEMENT;
            break;
        case MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__TASK_KILLING_STATE:
            flags |= FRAMEWORK_TASK_KILLING_STATE;
            break;
        case MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__GPU_RESOURCES:
            flags |= FRAMEWORK_GPU_RESOURCES;
            break;
        case MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__REVOCABLE_RESOURCES:
            flags |= FRAMEWORK_REVOCABLE_RESOURCES;
            break;
        default:
            break;
        }
    }
    return flags;
}

bool framework_info_has_role(const Mesos__V1__FrameworkInfo *info)
{
    /* An unset field points to the default of its schema. */
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(
            &mesos__v1__framework_info__descriptor, "role");
    return info->role && info->role != (const char *)field->default_value;
}

/* Mesos keeps durations as nanoseconds in 64 bits; what does not fit there is
 * invalid. Negative means none. */
static int timeout_decode(double seconds, int64_t *out, struct err *err)
{
    if (!(fabs(seconds) < 9223372036.0))
        return err_set(err, ERR_INVALID,
                       "The framework failover_timeout (%g) is invalid",
                       seconds);
    *out = seconds > 0 ? (int64_t)ceil(seconds * 1000) : 0;
    return 0;
}

int framework_head_decode(const Mesos__V1__FrameworkInfo *info,
                          struct arena *arena, struct framework_head *out,
                          struct err *err)
{
    static const char STAR[] = "*";
    struct framework_head head = {
        .id = info->id ? info->id->value : "",
        .name = info->name,
        .principal = info->principal,
        .flags = flags_decode(info),
    };
    const char **role;
    if (head.flags & FRAMEWORK_MULTI_ROLE) {
        head.role = (const char *const *)info->roles;
        head.role_count = (uint32_t)info->n_roles;
    } else {
        role = arena_alloc(arena, sizeof *role);
        *role = info->role ? info->role : STAR;
        head.role = role;
        head.role_count = 1;
    }
    int rc =
        timeout_decode(info->failover_timeout, &head.failover_timeout_ms, err);
    *out = head;
    return rc;
}

/* --- who we are --- */

static Mesos__V1__Address *address_make(const char *hostname, const char *ip,
                                        int port, struct arena *arena)
{
    NEW(arena, Mesos__V1__Address, MESOS__V1__ADDRESS__INIT);
    message->hostname = arena_strdup(arena, hostname);
    message->ip = arena_strdup(arena, ip);
    message->port = port;
    return message;
}

static void add_master_capabilities(Mesos__V1__MasterInfo *info,
                                    struct arena *arena)
{
    static const Mesos__V1__MasterInfo__Capability__Type TYPE[] = {
        MESOS__V1__MASTER_INFO__CAPABILITY__TYPE__AGENT_UPDATE,
    };
    info->n_capabilities = sizeof TYPE / sizeof *TYPE;
    info->capabilities =
        arena_alloc(arena, info->n_capabilities * sizeof *info->capabilities);
    for (size_t i = 0; i < info->n_capabilities; i++) {
        NEW(arena, Mesos__V1__MasterInfo__Capability,
            MESOS__V1__MASTER_INFO__CAPABILITY__INIT);
        message->has_type = 1;
        message->type = TYPE[i];
        info->capabilities[i] = message;
    }
}

Mesos__V1__MasterInfo *master_info(const struct master_program *p,
                                   struct arena *arena)
{
    NEW(arena, Mesos__V1__MasterInfo, MESOS__V1__MASTER_INFO__INIT);
    struct in_addr address = {0};
    (void)inet_pton(AF_INET, p->ip, &address);
    message->id = arena_strdup(arena, p->core->id);
    message->ip =
        address.s_addr; /* as its bytes lie, which is how Mesos does */
    message->port = (uint32_t)p->port;
    message->pid = arena_printf(arena, "master@%s:%d", p->ip, p->port);
    message->hostname = arena_strdup(arena, p->hostname);
    message->version = arena_strdup(arena, MASTER_API_VERSION);
    message->address = address_make(p->hostname, p->ip, p->port, arena);
    add_master_capabilities(message, arena);
    return message;
}

/* --- offers --- */

static Mesos__V1__URL *url_make(const struct agent *agent, struct arena *arena)
{
    NEW(arena, Mesos__V1__URL, MESOS__V1__URL__INIT);
    message->scheme = arena_strdup(arena, "http");
    message->address =
        address_make(agent->hostname, agent->ip, agent->port, arena);
    message->path = arena_strdup(arena, "/slave(1)");
    return message;
}

Mesos__V1__Unavailability *unavailability_encode(
    const struct unavailability *when, struct arena *arena)
{
    NEW(arena, Mesos__V1__Unavailability, MESOS__V1__UNAVAILABILITY__INIT);
    message->start = arena_alloc(arena, sizeof *message->start);
    *message->start = (Mesos__V1__TimeInfo)MESOS__V1__TIME_INFO__INIT;
    message->start->nanoseconds = when->start_ns;
    if (when->duration_ns < 0)
        return message;
    message->duration = arena_alloc(arena, sizeof *message->duration);
    *message->duration =
        (Mesos__V1__DurationInfo)MESOS__V1__DURATION_INFO__INIT;
    message->duration->nanoseconds = when->duration_ns;
    return message;
}

static Mesos__V1__OfferID *offer_id_make(const struct master_program *p,
                                         uint64_t number, struct arena *arena)
{
    NEW(arena, Mesos__V1__OfferID, MESOS__V1__OFFER_ID__INIT);
    char id[ID_MAX];
    message->value =
        arena_strdup(arena, offer_number_text(p->core, number, id, sizeof id));
    return message;
}

Mesos__V1__InverseOffer *inverse_encode(const struct master_program *p,
                                        const struct inverse *inverse,
                                        struct arena *arena)
{
    NEW(arena, Mesos__V1__InverseOffer, MESOS__V1__INVERSE_OFFER__INIT);
    const struct agent *agent = inverse->agent;
    message->id = offer_id_make(p, inverse->number, arena);
    message->url = url_make(agent, arena);
    message->framework_id = framework_id_make(inverse->framework->id, arena);
    message->agent_id = agent_id_make(agent->id, arena);
    message->unavailability = unavailability_encode(&agent->away, arena);
    return message;
}

static Mesos__V1__Resource__AllocationInfo *allocation_make(const char *role,
                                                            struct arena *arena)
{
    NEW(arena, Mesos__V1__Resource__AllocationInfo,
        MESOS__V1__RESOURCE__ALLOCATION_INFO__INIT);
    message->role = arena_strdup(arena, role);
    return message;
}

/* Executors of this framework that already run there. */
static void add_executor_ids(Mesos__V1__Offer *offer, const struct agent *agent,
                             const struct framework *f, struct arena *arena)
{
    size_t count = 0;
    for (const struct executor *e = agent->executors; e; e = e->hh.next)
        count += e->framework == f;
    offer->executor_ids =
        arena_alloc(arena, count * sizeof *offer->executor_ids + 1);
    for (const struct executor *e = agent->executors; e; e = e->hh.next)
        if (e->framework == f)
            offer->executor_ids[offer->n_executor_ids++] =
                executor_id_make(e->id, arena);
}

Mesos__V1__Offer *offer_encode(const struct master_program *p,
                               const struct offer *offer, struct arena *arena)
{
    NEW(arena, Mesos__V1__Offer, MESOS__V1__OFFER__INIT);
    const struct agent *agent = offer->agent;
    message->id = offer_id_make(p, offer->number, arena);
    message->framework_id = framework_id_make(offer->framework->id, arena);
    message->agent_id = agent_id_make(agent->id, arena);
    message->hostname = arena_strdup(arena, agent->hostname);
    message->url = url_make(agent, arena);
    message->resources =
        resources_encode(&offer->resources, framework_format(offer->framework),
                         arena, &message->n_resources);
    message->attributes =
        attributes_encode(&agent->attributes, arena, &message->n_attributes);
    add_executor_ids(message, agent, offer->framework, arena);
    if (agent->is_going)
        message->unavailability = unavailability_encode(&agent->away, arena);
    if (offer->framework->flags & FRAMEWORK_MULTI_ROLE)
        message->allocation_info = allocation_make(offer->role, arena);
    return message;
}

/* --- tasks --- */

Mesos__V1__TaskStatus *made_status(const char *task_id, const char *agent_id,
                                   enum task_state state,
                                   enum status_reason reason, const char *text,
                                   int64_t unreachable_ms, int64_t now_ms,
                                   struct arena *arena)
{
    NEW(arena, Mesos__V1__TaskStatus, MESOS__V1__TASK_STATUS__INIT);
    message->task_id = task_id_make(task_id, arena);
    message->state = (Mesos__V1__TaskState)state;
    message->message = text ? arena_strdup(arena, text) : NULL;
    message->has_source = 1;
    message->source = MESOS__V1__TASK_STATUS__SOURCE__SOURCE_MASTER;
    if (reason != STATUS_REASON_NONE) {
        message->has_reason = 1;
        message->reason = (Mesos__V1__TaskStatus__Reason)reason;
    }
    if (agent_id)
        message->agent_id = agent_id_make(agent_id, arena);
    message->has_timestamp = 1;
    message->timestamp = (double)now_ms / 1000;
    if (unreachable_ms)
        message->unreachable_time = time_encode(unreachable_ms, arena);
    return message;
}

Mesos__V1__TaskStatus *status_encode(const struct task *task,
                                     const struct status *status,
                                     struct arena *arena)
{
    if (status->wire)
        return unpack_own(&mesos__v1__task_status__descriptor, status->wire,
                          arena);
    return made_status(task->id, task->agent_id, status->state, status->reason,
                       status->message, status->unreachable_ms, status->at_ms,
                       arena);
}

Mesos__V1__Task *task_encode(const struct task *task, struct arena *arena)
{
    Mesos__V1__Task *message =
        unpack_own(&mesos__v1__task__descriptor, task->about, arena);
    message->state = (Mesos__V1__TaskState)task->state;
    message->n_statuses = task->statuses.count;
    message->statuses = arena_alloc(
        arena, task->statuses.count * sizeof *message->statuses + 1);
    for (uint32_t i = 0; i < task->statuses.count; i++)
        message->statuses[i] =
            status_encode(task, &task->statuses.item[i], arena);
    if (task->has_update) {
        message->has_status_update_state = 1;
        message->status_update_state = (Mesos__V1__TaskState)task->update_state;
        message->has_status_update_uuid = 1;
        message->status_update_uuid.len = UUID_BYTES;
        message->status_update_uuid.data =
            arena_memdup(arena, task->update_uuid.byte, UUID_BYTES);
    }
    return message;
}

const char *task_state_name(enum task_state state)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
        &mesos__v1__task_state__descriptor, (int)state);
    return value ? value->name : "TASK_UNKNOWN";
}

/* --- sums --- */

void agent_offered(const struct agent *agent, struct resources *out)
{
    const struct offer *offer;
    *out = (struct resources){0};
    DL_FOREACH2(agent->offers, offer, agent_next)
    resources_add(out, &offer->resources);
}

void agent_used(const struct agent *agent, struct resources *out)
{
    const struct task *task;
    *out = (struct resources){0};
    DL_FOREACH2(agent->tasks, task, agent_next)
    if (task->is_charged)
        resources_add(out, &task->resources);
    for (const struct executor *e = agent->executors; e; e = e->hh.next)
        resources_add(out, &e->resources);
}

void framework_offered(const struct framework *f, struct resources *out)
{
    const struct offer *offer;
    *out = (struct resources){0};
    DL_FOREACH2(f->offers, offer, framework_next)
    resources_add(out, &offer->resources);
}

void framework_used(const struct framework *f, struct resources *out)
{
    const struct executor *executor;
    *out = (struct resources){0};
    for (const struct task *t = f->tasks; t; t = t->hh.next)
        if (t->is_charged)
            resources_add(out, &t->resources);
    DL_FOREACH(f->executors, executor)
    resources_add(out, &executor->resources);
}

static_assert(
    (int)TASK_STATE_UNKNOWN == (int)MESOS__V1__TASK_STATE__TASK_UNKNOWN &&
        (int)TASK_STATE_KILLING == (int)MESOS__V1__TASK_STATE__TASK_KILLING &&
        (int)TASK_STATE_STAGING == (int)MESOS__V1__TASK_STATE__TASK_STAGING &&
        (int)TASK_STATE_LOST == (int)MESOS__V1__TASK_STATE__TASK_LOST &&
        (int)TASK_STATE_UNREACHABLE ==
            (int)MESOS__V1__TASK_STATE__TASK_UNREACHABLE &&
        (int)TASK_STATE_GONE_BY_OPERATOR ==
            (int)MESOS__V1__TASK_STATE__TASK_GONE_BY_OPERATOR,
    "the core's task states carry the wire's numbers");
