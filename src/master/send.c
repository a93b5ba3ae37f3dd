/* Outputs of the core become effects: events on streams, records, log lines. */
#include "master/layer.h"
#include "mesos/v1/scheduler.pb-c.h"
#include "perigee/agent.pb-c.h"
#include <assert.h>

#define NEW(arena, type, name, initial)            \
    type *name = arena_alloc(arena, sizeof *name); \
    *name = (type)initial

struct sending {
    struct master_program *p;
    struct arena *arena;
    int64_t now_ms;
    struct effects *fx;
};

static void send_message(struct sending *s, uint64_t stream, int media,
                         const void *message)
{
    buf_clear(&s->p->buf);
    codec_encode(message, (enum media_type)media, &s->p->buf);
    effect_record(s->fx, stream, buf_bytes(&s->p->buf));
}

#define TOO_SLOW \
    "Events wait that this subscriber does not read: subscribe again"

/* `last`: what a reader too slow gets as its last record, or NULL. */
static void open_stream(struct sending *s, uint64_t stream, int media,
                        const char *stream_id, const void *last)
{
    struct http_header header = {"Mesos-Stream-Id", stream_id};
    buf_clear(&s->p->buf);
    if (last != NULL)
        codec_encode(last, (enum media_type)media, &s->p->buf);
    struct http_response head = {
        .body = buf_bytes(&s->p->buf),
        .status = 200,
        .type = (enum media_type)media,
        .header = &header,
        .header_count = stream_id ? 1 : 0,
    };
    effect_stream(s->fx, stream, &head);
}

static ProtobufCBinaryData binary(struct bytes bytes, struct arena *arena)
{
    return (ProtobufCBinaryData){
        .len = bytes.size,
        .data = arena_memdup(
            arena, bytes.data ? bytes.data : (const uint8_t *)"", bytes.size),
    };
}

/* --- events of frameworks --- */

typedef Mesos__V1__Scheduler__Event Event;

static Event *event_make(struct sending *s,
                         Mesos__V1__Scheduler__Event__Type type)
{
    NEW(s->arena, Event, event, MESOS__V1__SCHEDULER__EVENT__INIT);
    event->has_type = 1;
    event->type = type;
    return event;
}

static void send_event(struct sending *s, const struct output *o,
                       const Event *event)
{
    send_message(s, o->stream, o->media, event);
}

static Event *error_make(struct sending *s, const char *text)
{
    Event *event = event_make(s, MESOS__V1__SCHEDULER__EVENT__TYPE__ERROR);
    NEW(s->arena, Mesos__V1__Scheduler__Event__Error, error,
        MESOS__V1__SCHEDULER__EVENT__ERROR__INIT);
    error->message = arena_strdup(s->arena, text);
    event->error = error;
    return event;
}

static void send_subscribed(struct sending *s, const struct output *o)
{
    open_stream(s, o->stream, o->media, o->framework->stream_id,
                error_make(s, TOO_SLOW));
    Event *event = event_make(s, MESOS__V1__SCHEDULER__EVENT__TYPE__SUBSCRIBED);
    NEW(s->arena, Mesos__V1__Scheduler__Event__Subscribed, subscribed,
        MESOS__V1__SCHEDULER__EVENT__SUBSCRIBED__INIT);
    subscribed->framework_id = framework_id_make(o->framework->id, s->arena);
    subscribed->has_heartbeat_interval_seconds = 1;
    subscribed->heartbeat_interval_seconds =
        (double)s->p->core->config.heartbeat_interval_ms / 1000;
    subscribed->master_info = master_info(s->p, s->arena);
    event->subscribed = subscribed;
    send_event(s, o, event);
    effect_log(s->fx, 2, "framework_subscribed framework=%s", o->framework->id);
}

static void send_offers(struct sending *s, const struct output *o)
{
    Event *event = event_make(s, MESOS__V1__SCHEDULER__EVENT__TYPE__OFFERS);
    NEW(s->arena, Mesos__V1__Scheduler__Event__Offers, offers,
        MESOS__V1__SCHEDULER__EVENT__OFFERS__INIT);
    offers->n_offers = o->count;
    offers->offers = arena_alloc(s->arena, o->count * sizeof *offers->offers);
    for (uint32_t i = 0; i < o->count; i++)
        offers->offers[i] = offer_encode(s->p, o->offer[i], s->arena);
    event->offers = offers;
    send_event(s, o, event);
    effect_log(s->fx, 3, "offers_sent framework=%s offers=%u", o->framework->id,
               o->count);
}

static void send_inverse_offers(struct sending *s, const struct output *o)
{
    Event *event =
        event_make(s, MESOS__V1__SCHEDULER__EVENT__TYPE__INVERSE_OFFERS);
    NEW(s->arena, Mesos__V1__Scheduler__Event__InverseOffers, offers,
        MESOS__V1__SCHEDULER__EVENT__INVERSE_OFFERS__INIT);
    offers->n_inverse_offers = o->count;
    offers->inverse_offers =
        arena_alloc(s->arena, o->count * sizeof *offers->inverse_offers);
    for (uint32_t i = 0; i < o->count; i++)
        offers->inverse_offers[i] =
            inverse_encode(s->p, o->inverse[i], s->arena);
    event->inverse_offers = offers;
    send_event(s, o, event);
    effect_log(s->fx, 3, "inverse_offers_sent framework=%s offers=%u",
               o->framework->id, o->count);
}

static void send_rescind(struct sending *s, const struct output *o)
{
    NEW(s->arena, Mesos__V1__OfferID, id, MESOS__V1__OFFER_ID__INIT);
    id->value = arena_strdup(s->arena, o->offer_id);
    if (o->kind == OUTPUT_RESCIND_INVERSE) {
        Event *event = event_make(
            s, MESOS__V1__SCHEDULER__EVENT__TYPE__RESCIND_INVERSE_OFFER);
        NEW(s->arena, Mesos__V1__Scheduler__Event__RescindInverseOffer, rescind,
            MESOS__V1__SCHEDULER__EVENT__RESCIND_INVERSE_OFFER__INIT);
        rescind->inverse_offer_id = id;
        event->rescind_inverse_offer = rescind;
        send_event(s, o, event);
        return;
    }
    Event *event = event_make(s, MESOS__V1__SCHEDULER__EVENT__TYPE__RESCIND);
    NEW(s->arena, Mesos__V1__Scheduler__Event__Rescind, rescind,
        MESOS__V1__SCHEDULER__EVENT__RESCIND__INIT);
    rescind->offer_id = id;
    event->rescind = rescind;
    send_event(s, o, event);
}

static void send_update(struct sending *s, const struct output *o,
                        Mesos__V1__TaskStatus *status)
{
    Event *event = event_make(s, MESOS__V1__SCHEDULER__EVENT__TYPE__UPDATE);
    NEW(s->arena, Mesos__V1__Scheduler__Event__Update, update,
        MESOS__V1__SCHEDULER__EVENT__UPDATE__INIT);
    update->status = status;
    event->update = update;
    send_event(s, o, event);
    effect_log(s->fx, 2, "task_update task=%s state=%s", o->task_id,
               task_state_name(o->state));
}

/* A status made here may repeat details of the latest one of the agent's. */
static void send_made_status(struct sending *s, const struct output *o)
{
    Mesos__V1__TaskStatus *status =
        made_status(o->task_id, o->agent_id, o->state, o->reason, o->text,
                    o->unreachable_ms, s->now_ms, s->arena);
    if (o->blob) {
        const Mesos__V1__TaskStatus *like =
            unpack_own(&mesos__v1__task_status__descriptor, o->blob, s->arena);
        status->has_healthy = like->has_healthy;
        status->healthy = like->healthy;
        status->check_status = like->check_status;
        status->labels = like->labels;
        status->container_status = like->container_status;
    }
    send_update(s, o, status);
}

static void send_operation_error(struct sending *s, const struct output *o)
{
    Event *event = event_make(
        s, MESOS__V1__SCHEDULER__EVENT__TYPE__UPDATE_OPERATION_STATUS);
    NEW(s->arena, Mesos__V1__Scheduler__Event__UpdateOperationStatus, update,
        MESOS__V1__SCHEDULER__EVENT__UPDATE_OPERATION_STATUS__INIT);
    NEW(s->arena, Mesos__V1__OperationStatus, status,
        MESOS__V1__OPERATION_STATUS__INIT);
    NEW(s->arena, Mesos__V1__OperationID, id, MESOS__V1__OPERATION_ID__INIT);
    id->value = arena_strdup(s->arena, o->task_id);
    status->operation_id = id;
    status->state = MESOS__V1__OPERATION_STATE__OPERATION_ERROR;
    status->message = arena_strdup(s->arena, o->text);
    update->status = status;
    event->update_operation_status = update;
    send_event(s, o, event);
}

static void send_failure(struct sending *s, const struct output *o)
{
    Event *event = event_make(s, MESOS__V1__SCHEDULER__EVENT__TYPE__FAILURE);
    NEW(s->arena, Mesos__V1__Scheduler__Event__Failure, failure,
        MESOS__V1__SCHEDULER__EVENT__FAILURE__INIT);
    failure->agent_id = agent_id_make(o->agent_id, s->arena);
    if (o->executor_id) {
        failure->executor_id = executor_id_make(o->executor_id, s->arena);
        failure->has_status = 1;
        failure->status = (int32_t)o->number;
    }
    event->failure = failure;
    send_event(s, o, event);
}

static void send_framework_message(struct sending *s, const struct output *o)
{
    Event *event = event_make(s, MESOS__V1__SCHEDULER__EVENT__TYPE__MESSAGE);
    NEW(s->arena, Mesos__V1__Scheduler__Event__Message, message,
        MESOS__V1__SCHEDULER__EVENT__MESSAGE__INIT);
    message->agent_id = agent_id_make(o->agent_id, s->arena);
    message->executor_id = executor_id_make(o->executor_id, s->arena);
    message->data = binary(blob_bytes(o->blob), s->arena);
    event->message = message;
    send_event(s, o, event);
}

static void send_error(struct sending *s, uint64_t stream, int media,
                       const char *text)
{
    send_message(s, stream, media, error_make(s, text));
}

void send_subscribe_refusal(struct request *r, const char *text)
{
    struct sending s = {r->p, &r->p->arena, r->now_ms, r->fx};
    struct uuid uuid = uuid_random(&r->p->core->rng);
    char stream_id[UUID_TEXT_MAX];
    open_stream(&s, r->exchange, (int)r->accept, uuid_text(&uuid, stream_id),
                NULL);
    send_error(&s, r->exchange, (int)r->accept, text);
    effect_close(r->fx, r->exchange);
}

/* --- events of agents --- */

typedef Perigee__Agent__Event AgentEvent;

static AgentEvent *agent_event(struct sending *s,
                               Perigee__Agent__Event__Type type)
{
    NEW(s->arena, AgentEvent, event, PERIGEE__AGENT__EVENT__INIT);
    event->has_type = 1;
    event->type = type;
    return event;
}

static void open_agent_stream(struct sending *s, const struct output *o,
                              const char *id, uint64_t epoch)
{
    const struct master_config *config = &s->p->core->config;
    AgentEvent *last = agent_event(s, PERIGEE__AGENT__EVENT__TYPE__ERROR);
    NEW(s->arena, Perigee__Agent__Event__Error, error,
        PERIGEE__AGENT__EVENT__ERROR__INIT);
    error->message = TOO_SLOW;
    last->error = error;
    open_stream(s, o->stream, o->media, NULL, last);
    AgentEvent *event = agent_event(s, PERIGEE__AGENT__EVENT__TYPE__SUBSCRIBED);
    NEW(s->arena, Perigee__Agent__Event__Subscribed, subscribed,
        PERIGEE__AGENT__EVENT__SUBSCRIBED__INIT);
    subscribed->agent_id = agent_id_make(id, s->arena);
    subscribed->has_epoch = 1;
    subscribed->epoch = epoch;
    subscribed->has_ping_timeout_ms = 1;
    int64_t silence_ms =
        config->agent_ping_timeout_ms * config->max_agent_ping_timeouts;
    subscribed->ping_timeout_ms =
        silence_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)silence_ms;
    event->subscribed = subscribed;
    send_message(s, o->stream, o->media, event);
}

static void send_agent_subscribed(struct sending *s, const struct output *o)
{
    open_agent_stream(s, o, o->agent->id, o->agent->epoch);
    effect_log(s->fx, 2, "agent_subscribed agent=%s epoch=%llu", o->agent->id,
               (unsigned long long)o->agent->epoch);
}

static void send_agent_shutdown(struct sending *s, const struct output *o)
{
    send_message(s, o->stream, o->media,
                 agent_event(s, PERIGEE__AGENT__EVENT__TYPE__SHUTDOWN));
}

/* It listens to a master that it has subscribed to, so it gets that first. */
static void send_turned_away(struct sending *s, const struct output *o)
{
    open_agent_stream(s, o, o->agent_id, (uint64_t)o->number);
    send_agent_shutdown(s, o);
    effect_close(s->fx, o->stream);
    effect_log(s->fx, 1, "agent_turned_away agent=%s its machine is down",
               o->agent_id);
}

static void send_run(struct sending *s, const struct output *o)
{
    AgentEvent *event = agent_event(s, PERIGEE__AGENT__EVENT__TYPE__RUN);
    NEW(s->arena, Perigee__Agent__Event__Run, run,
        PERIGEE__AGENT__EVENT__RUN__INIT);
    run->framework = unpack_own(&mesos__v1__framework_info__descriptor,
                                o->framework->info, s->arena);
    run->n_tasks = 1;
    run->tasks = arena_alloc(s->arena, sizeof *run->tasks);
    run->tasks[0] =
        unpack_own(&mesos__v1__task_info__descriptor, o->blob, s->arena);
    if (o->blob2)
        run->executor = unpack_own(&mesos__v1__executor_info__descriptor,
                                   o->blob2, s->arena);
    event->run = run;
    send_message(s, o->stream, o->media, event);
    effect_log(s->fx, 2, "task_launched task=%s framework=%s agent=%s",
               o->task_id, o->framework->id, o->agent->id);
}

static void send_kill(struct sending *s, const struct output *o)
{
    AgentEvent *event = agent_event(s, PERIGEE__AGENT__EVENT__TYPE__KILL);
    NEW(s->arena, Perigee__Agent__Event__Kill, kill,
        PERIGEE__AGENT__EVENT__KILL__INIT);
    kill->framework_id = framework_id_make(o->framework_id, s->arena);
    kill->task_id = task_id_make(o->task_id, s->arena);
    if (o->blob)
        kill->kill_policy =
            unpack_own(&mesos__v1__kill_policy__descriptor, o->blob, s->arena);
    event->kill = kill;
    send_message(s, o->stream, o->media, event);
}

static void send_acknowledge(struct sending *s, const struct output *o)
{
    AgentEvent *event =
        agent_event(s, PERIGEE__AGENT__EVENT__TYPE__ACKNOWLEDGE);
    NEW(s->arena, Perigee__Agent__Event__Acknowledge, ack,
        PERIGEE__AGENT__EVENT__ACKNOWLEDGE__INIT);
    ack->framework_id = framework_id_make(o->framework_id, s->arena);
    ack->task_id = task_id_make(o->task_id, s->arena);
    ack->has_uuid = 1;
    ack->uuid = binary(bytes_of(o->uuid.byte, UUID_BYTES), s->arena);
    event->acknowledge = ack;
    send_message(s, o->stream, o->media, event);
}

static void send_executor_message(struct sending *s, const struct output *o)
{
    AgentEvent *event = agent_event(s, PERIGEE__AGENT__EVENT__TYPE__MESSAGE);
    NEW(s->arena, Perigee__Agent__Event__Message, message,
        PERIGEE__AGENT__EVENT__MESSAGE__INIT);
    message->framework_id = framework_id_make(o->framework_id, s->arena);
    message->executor_id = executor_id_make(o->executor_id, s->arena);
    message->has_data = 1;
    message->data = binary(blob_bytes(o->blob), s->arena);
    event->message = message;
    send_message(s, o->stream, o->media, event);
}

static void send_shutdown(struct sending *s, const struct output *o)
{
    Mesos__V1__FrameworkID *id = framework_id_make(o->framework_id, s->arena);
    if (o->kind == OUTPUT_SHUTDOWN_FRAMEWORK) {
        AgentEvent *event =
            agent_event(s, PERIGEE__AGENT__EVENT__TYPE__SHUTDOWN_FRAMEWORK);
        NEW(s->arena, Perigee__Agent__Event__ShutdownFramework, shutdown,
            PERIGEE__AGENT__EVENT__SHUTDOWN_FRAMEWORK__INIT);
        shutdown->framework_id = id;
        event->shutdown_framework = shutdown;
        send_message(s, o->stream, o->media, event);
        return;
    }
    AgentEvent *event =
        agent_event(s, PERIGEE__AGENT__EVENT__TYPE__SHUTDOWN_EXECUTOR);
    NEW(s->arena, Perigee__Agent__Event__ShutdownExecutor, shutdown,
        PERIGEE__AGENT__EVENT__SHUTDOWN_EXECUTOR__INIT);
    shutdown->framework_id = id;
    shutdown->executor_id = executor_id_make(o->executor_id, s->arena);
    event->shutdown_executor = shutdown;
    send_message(s, o->stream, o->media, event);
}

static void send_reconcile(struct sending *s, const struct output *o)
{
    AgentEvent *event = agent_event(s, PERIGEE__AGENT__EVENT__TYPE__RECONCILE);
    NEW(s->arena, Perigee__Agent__Event__Reconcile, reconcile,
        PERIGEE__AGENT__EVENT__RECONCILE__INIT);
    reconcile->framework_id = framework_id_make(o->framework_id, s->arena);
    reconcile->n_task_ids = 1;
    reconcile->task_ids = arena_alloc(s->arena, sizeof *reconcile->task_ids);
    reconcile->task_ids[0] = task_id_make(o->task_id, s->arena);
    event->reconcile = reconcile;
    send_message(s, o->stream, o->media, event);
}

static void send_update_framework(struct sending *s, const struct output *o)
{
    AgentEvent *event =
        agent_event(s, PERIGEE__AGENT__EVENT__TYPE__UPDATE_FRAMEWORK);
    NEW(s->arena, Perigee__Agent__Event__UpdateFramework, update,
        PERIGEE__AGENT__EVENT__UPDATE_FRAMEWORK__INIT);
    update->framework = unpack_own(&mesos__v1__framework_info__descriptor,
                                   o->framework->info, s->arena);
    event->update_framework = update;
    send_message(s, o->stream, o->media, event);
}

/* --- all of them --- */

static void send_to_agent(struct sending *s, const struct output *o)
{
    switch (o->kind) {
    case OUTPUT_AGENT_SUBSCRIBED:
        send_agent_subscribed(s, o);
        break;
    case OUTPUT_AGENT_SHUTDOWN:
        send_agent_shutdown(s, o);
        break;
    case OUTPUT_AGENT_TURNED_AWAY:
        send_turned_away(s, o);
        break;
    case OUTPUT_PING:
        send_message(s, o->stream, o->media,
                     agent_event(s, PERIGEE__AGENT__EVENT__TYPE__PING));
        break;
    case OUTPUT_RUN:
        send_run(s, o);
        break;
    case OUTPUT_KILL:
        send_kill(s, o);
        break;
    case OUTPUT_ACKNOWLEDGE:
        send_acknowledge(s, o);
        break;
    case OUTPUT_EXECUTOR_MESSAGE:
        send_executor_message(s, o);
        break;
    case OUTPUT_SHUTDOWN_EXECUTOR:
    case OUTPUT_SHUTDOWN_FRAMEWORK:
        send_shutdown(s, o);
        break;
    case OUTPUT_UPDATE_FRAMEWORK:
        send_update_framework(s, o);
        break;
    case OUTPUT_RECONCILE:
        send_reconcile(s, o);
        break;
    default:
        assert(false && "not an output for an agent");
    }
}

static void keep_record(struct sending *s, const struct output *o)
{
    switch (o->kind) {
    case OUTPUT_PERSIST_START:
        record_start((uint64_t)o->number, s->fx);
        break;
    case OUTPUT_PERSIST_MAINTENANCE:
        record_maintenance(s->p, s->fx);
        break;
    case OUTPUT_PERSIST_AGENT:
        record_agent(s->p, o->agent, s->fx);
        break;
    case OUTPUT_FORGET_AGENT:
        effect_forget(s->fx, "agents", bytes_of_text(o->agent_id));
        break;
    case OUTPUT_PERSIST_FRAMEWORK:
        record_framework(s->p, o->framework, "frameworks", s->fx);
        break;
    case OUTPUT_FORGET_FRAMEWORK:
        effect_forget(s->fx, "frameworks", bytes_of_text(o->framework_id));
        break;
    case OUTPUT_PERSIST_COMPLETED:
        if (o->framework)
            record_framework(s->p, o->framework, "completed", s->fx);
        break;
    case OUTPUT_FORGET_COMPLETED:
        effect_forget(s->fx, "completed", bytes_of_text(o->framework_id));
        break;
    case OUTPUT_LOG:
        effect_log(s->fx, (int)o->number, "%s", o->text);
        break;
    default:
        send_to_agent(s, o);
    }
}

static void send_one(struct sending *s, const struct output *o)
{
    switch (o->kind) {
    case OUTPUT_SUBSCRIBED:
        send_subscribed(s, o);
        break;
    case OUTPUT_HEARTBEAT:
        send_event(s, o,
                   event_make(s, MESOS__V1__SCHEDULER__EVENT__TYPE__HEARTBEAT));
        break;
    case OUTPUT_OFFERS:
        send_offers(s, o);
        break;
    case OUTPUT_INVERSE_OFFERS:
        send_inverse_offers(s, o);
        break;
    case OUTPUT_RESCIND:
    case OUTPUT_RESCIND_INVERSE:
        send_rescind(s, o);
        break;
    case OUTPUT_UPDATE:
        send_update(
            s, o,
            unpack_own(&mesos__v1__task_status__descriptor, o->blob, s->arena));
        break;
    case OUTPUT_STATUS:
        send_made_status(s, o);
        break;
    case OUTPUT_OPERATION_ERROR:
        send_operation_error(s, o);
        break;
    case OUTPUT_FAILURE:
        send_failure(s, o);
        break;
    case OUTPUT_FRAMEWORK_MESSAGE:
        send_framework_message(s, o);
        break;
    case OUTPUT_ERROR:
        send_error(s, o->stream, o->media, o->text);
        break;
    case OUTPUT_END:
        effect_close(s->fx, o->stream);
        break;
    default:
        keep_record(s, o);
    }
}

void send_outputs(struct master_program *p, int64_t now_ms, struct effects *fx)
{
    struct sending s = {p, &p->arena, now_ms, fx};
    for (uint32_t i = 0; i < p->outputs.count; i++)
        send_one(&s, &p->outputs.item[i]);
    outputs_clear(&p->outputs);
}
