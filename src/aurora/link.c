/* The link to the master: a Mesos v1 scheduler that subscribes with its stored
 * framework id, watches heartbeats, and comes back with growing pauses. */
#include "aurora/inverse.h"
#include "aurora/link.h"
#include "aurora/state.h"
#include "sys/address.h"

#include "mesos/v1/scheduler.pb-c.h"
#include "wire/codec.h"
#include "wire/recordio.h"
#include "wire/values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef Mesos__V1__Scheduler__Event Event;
typedef Mesos__V1__Scheduler__Call Call;

void link_init(struct aurora_program *p)
{
    p->link = (struct master_link){.state = LINK_DOWN,
                                   .heartbeat_ms = HEARTBEAT_DEFAULT_MS,
                                   .explicit_ms = INT64_MAX,
                                   .implicit_ms = INT64_MAX,
                                   .address = xstrdup(p->options.master)};
}

void link_release(struct aurora_program *p)
{
    calls_clear(p);
    vec_free(&p->link.ordered);
    vec_free(&p->link.acks);
    vec_free(&p->link.asking);
    free(p->link.address);
    free(p->link.stream_id);
    free(p->link.framework_id);
}

/* --- subscribing --- */

static void set_text(char **to, const char *text)
{
    char *copy = text ? xstrdup(text) : NULL;

    free(*to);
    *to = copy;
}

static void pack_subscribe(struct aurora_program *p, struct buf *out)
{
    Mesos__V1__FrameworkInfo info = MESOS__V1__FRAMEWORK_INFO__INIT;
    Mesos__V1__FrameworkID id = MESOS__V1__FRAMEWORK_ID__INIT;
    Mesos__V1__FrameworkInfo__Capability aware =
        MESOS__V1__FRAMEWORK_INFO__CAPABILITY__INIT;
    Mesos__V1__FrameworkInfo__Capability spare =
        MESOS__V1__FRAMEWORK_INFO__CAPABILITY__INIT;
    Mesos__V1__FrameworkInfo__Capability *capability[] = {&aware, &spare};
    Mesos__V1__Scheduler__Call__Subscribe subscribe =
        MESOS__V1__SCHEDULER__CALL__SUBSCRIBE__INIT;
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;

    aware.has_type = true;
    aware.type = MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__PARTITION_AWARE;
    info.user = (char *)p->options.user;
    info.principal = (char *)(uintptr_t)p->options.principal;
    info.name = "perigee-aurora";
    info.hostname = (char *)p->options.hostname;
    info.has_checkpoint = info.checkpoint = true;
    info.has_failover_timeout = true;
    info.failover_timeout = (double)p->options.failover_timeout_ms / 1000.0;
    spare.has_type = true;
    spare.type =
        MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__REVOCABLE_RESOURCES;
    info.n_capabilities = p->options.takes_revocable ? 2 : 1;
    info.capabilities = capability;
    subscribe.framework_info = &info;
    call.has_type = true;
    call.type = MESOS__V1__SCHEDULER__CALL__TYPE__SUBSCRIBE;
    call.subscribe = &subscribe;
    if (p->link.framework_id) {
        id.value = p->link.framework_id;
        info.id = call.framework_id = &id;
    }
    codec_encode(&call.base, MEDIA_PROTOBUF, out);
}

static void subscribe(struct aurora_program *p, int64_t now_ms,
                      struct effects *fx)
{
    struct buf body = {0};
    struct master_link *link = &p->link;
    const struct http_header header[] = {
        {"Content-Type", "application/x-protobuf"},
        {"Accept", "application/x-protobuf"},
        {"Authorization", p->options.authorization},
    };

    link->state = LINK_SUBSCRIBING;
    link->stream = ++p->next_exchange;
    link->heard_ms = now_ms;
    link->got_subscribed = false;
    set_text(&link->stream_id, NULL);
    pack_subscribe(p, &body);
    effect_follow(fx, link->stream,
                  arena_printf(&fx->arena, "%s%s/api/v1/scheduler",
                               address_scheme(link->address), link->address),
                  header, p->options.authorization ? 3 : 2, buf_bytes(&body));
    buf_release(&body);
}

void link_start(struct aurora_program *p, int64_t now_ms, struct effects *fx)
{
    subscribe(p, now_ms, fx);
}

/* First at once or nearly so, then 0.1 s doubling to 15 s, each with jitter. */
static int64_t pause_ms(struct aurora_program *p)
{
    int64_t pause = RECONNECT_FIRST_MS;

    for (uint32_t i = 1; i < p->link.failures && pause < RECONNECT_MAX_MS; i++)
        pause *= 2;
    if (pause > RECONNECT_MAX_MS)
        pause = RECONNECT_MAX_MS;
    return pause / 2 + (int64_t)rng_below(&p->core.rng, (uint64_t)pause);
}

void link_drop(struct aurora_program *p, const char *why, int64_t now_ms,
               struct effects *fx)
{
    struct master_link *link = &p->link;

    if (link->state == LINK_DOWN)
        return;
    if (link->stream)
        effect_hangup(fx, link->stream);
    link->state = LINK_DOWN;
    link->stream = 0;
    link->failures++;
    link->explicit_ms = link->implicit_ms = INT64_MAX;
    link->retry_ms = now_ms + pause_ms(p);
    if (link->failures > 1)
        set_text(&link->address, p->options.master);
    calls_clear(p);
    aurora_disconnected(&p->core);
    effect_log(fx, 1, "master_lost master=%s retry_ms=%d why=\"%s\"",
               link->address, (int)(link->retry_ms - now_ms), why);
}

int64_t link_next_ms(const struct aurora_program *p)
{
    const struct master_link *link = &p->link;
    int64_t next = link->retry_ms;

    if (link->state == LINK_DOWN)
        return next;
    next = link->heard_ms + HEARTBEATS_MISSED_MAX * link->heartbeat_ms;
    if (link->explicit_ms < next)
        next = link->explicit_ms;
    if (link->implicit_ms < next)
        next = link->implicit_ms;
    if (link->asked < link->asking.count && link->ask_ms < next)
        next = link->ask_ms;
    return next;
}

/* In the middle between two explicit ones. */
static void plan_implicit(struct aurora_program *p, int64_t now_ms)
{
    struct master_link *link = &p->link;
    int64_t apart = p->options.reconcile_explicit_ms / 2;
    int64_t interval = p->options.reconcile_implicit_ms;
    int64_t next = link->explicit_ms - apart, soonest = now_ms + apart / 2;

    if (next <= soonest)
        next += ((soonest - next) / interval + 1) * interval;
    link->implicit_ms = next;
}

void link_time(struct aurora_program *p, int64_t now_ms, struct effects *fx)
{
    struct master_link *link = &p->link;

    if (link->state == LINK_DOWN) {
        if (now_ms >= link->retry_ms)
            subscribe(p, now_ms, fx);
        return;
    }
    if (now_ms >= link->heard_ms + HEARTBEATS_MISSED_MAX * link->heartbeat_ms) {
        link_drop(p, "no heartbeat", now_ms, fx);
        return;
    }
    if (now_ms >= link->explicit_ms && link->asking.count > 0) {
        /* To begin anew would never come to the last ones. */
        link->explicit_ms = now_ms + RECONCILE_RETRY_MS;
    } else if (now_ms >= link->explicit_ms) {
        aurora_reconcile(&p->core);
        link->explicit_ms = now_ms + p->options.reconcile_explicit_ms;
    }
    if (now_ms >= link->implicit_ms) {
        calls_reconcile_implicitly(p);
        plan_implicit(p, now_ms);
    }
    calls_ask_on(p, now_ms);
}

/* --- what comes back --- */

static const char *response_header(const struct http_response *response,
                                   const char *name)
{
    for (uint32_t i = 0; i < response->header_count; i++)
        if (strcasecmp(response->header[i].name, name) == 0)
            return response->header[i].value;
    return NULL;
}

/* "//host:port/path": the leader is elsewhere. Where TLS was asked for, no
 * answer leads out of it. */
static bool follow_redirect(struct aurora_program *p,
                            const struct http_response *response)
{
    const char *to = response_header(response, "Location");

    if (response->status != 307 || !to)
        return false;
    bool is_tls = address_is_tls(p->options.master);
    if (strncmp(to, "http:", 5) == 0 && !is_tls)
        to += 5;
    else if (strncmp(to, "https:", 6) == 0 && is_tls)
        to += 6;
    if (strncmp(to, "//", 2) != 0)
        return false;
    to += 2;
    struct buf address = {0};
    buf_addf(&address, "%s%.*s", is_tls ? "https://" : "",
             (int)strcspn(to, "/"), to);
    free(p->link.address);
    p->link.address = buf_take(&address);
    return true;
}

void link_answer(struct aurora_program *p, exchange_id exchange,
                 const struct http_response *response, int64_t now_ms,
                 struct effects *fx)
{
    struct master_link *link = &p->link;
    const char *id;

    if (exchange != link->stream) {
        (void)calls_done(p, exchange, response->status, response->body, fx);
        return;
    }
    link->heard_ms = now_ms;
    if (follow_redirect(p, response)) {
        link->stream = 0; /* over already */
        subscribe(p, now_ms, fx);
        return;
    }
    id = response_header(response, "Mesos-Stream-Id");
    if (response->status != 200 || !id) {
        char *why = arena_printf(
            &fx->arena, "SUBSCRIBE was answered %d: %.*s", response->status,
            (int)(response->body.size < 200 ? response->body.size : 200),
            (const char *)response->body.data);
        link->stream = 0;
        link_drop(p, why, now_ms, fx);
        return;
    }
    set_text(&link->stream_id, id);
}

void link_broken(struct aurora_program *p, exchange_id exchange,
                 const char *why, int64_t now_ms, struct effects *fx)
{
    if (exchange != p->link.stream) {
        (void)calls_done(p, exchange, 0, bytes_of_text(why), fx);
        return;
    }
    p->link.stream = 0;
    link_drop(p, why, now_ms, fx);
}

/* --- events --- */

static int64_t heartbeat_of(const Mesos__V1__Scheduler__Event__Subscribed *s)
{
    double seconds = s->heartbeat_interval_seconds;

    if (!s->has_heartbeat_interval_seconds || !(seconds >= 0.001))
        return HEARTBEAT_DEFAULT_MS;
    return seconds * 1000 < HEARTBEAT_MAX_MS ? (int64_t)(seconds * 1000)
                                             : HEARTBEAT_MAX_MS;
}

static void on_subscribed(struct aurora_program *p, const Event *event,
                          int64_t now_ms, struct effects *fx)
{
    struct master_link *link = &p->link;
    const Mesos__V1__Scheduler__Event__Subscribed *s = event->subscribed;

    if (!s || !s->framework_id || !s->framework_id->value)
        return;
    if (!link->framework_id ||
        strcmp(link->framework_id, s->framework_id->value) != 0) {
        set_text(&link->framework_id, s->framework_id->value);
        store_save_scheduler(p, fx);
    }
    link->heartbeat_ms = heartbeat_of(s);
    link->state = LINK_UP;
    link->failures = 0;
    link->subscriptions++;
    link->got_subscribed = true;
    /* aurora_connected asks after our tasks at once. Soon the rest: tasks that
     * we gave up may have come back with their agent while nobody could tell
     * us. */
    link->explicit_ms = now_ms + p->options.reconcile_explicit_ms;
    link->implicit_ms = now_ms + p->options.reconcile_first_ms;
    effect_log(fx, 2, "master_subscribed master=%s framework=%s", link->address,
               link->framework_id);
    aurora_connected(&p->core, now_ms);
}

/* Unreserved cpus and memory that may be taken back. */
static void add_spare(struct revocable *spare, const struct resource *one)
{
    const struct resource_kind *kind = one->kind;

    if (kind->type != RESOURCE_SCALAR || kind->shared || *kind->reservation ||
        *kind->allocation || *kind->disk || strcmp(kind->role, "*") != 0)
        return;
    if (strcmp(kind->name, "cpus") == 0)
        spare->cpus += one->milli;
    if (strcmp(kind->name, "mem") == 0)
        spare->mem += one->milli;
}

/* What of an offer is free to everybody and of a kind we use. */
static int offer_amounts(const Mesos__V1__Offer *offer, struct amounts *amounts,
                         struct revocable *spare, struct ranges *ports,
                         struct err *err)
{
    struct resources all;
    int rc = resources_decode(offer->resources, offer->n_resources, &all, err);

    *amounts = (struct amounts){0};
    *spare = (struct revocable){0};
    *ports = (struct ranges){0};
    if (rc < 0)
        return rc;
    const struct resource *item = resources_items(&all);
    for (uint32_t i = 0; i < all.count; i++) {
        if (item[i].kind == &RESOURCE_CPUS)
            amounts->cpus = item[i].milli;
        else if (item[i].kind == &RESOURCE_MEM)
            amounts->mem = item[i].milli;
        else if (item[i].kind == &RESOURCE_DISK)
            amounts->disk = item[i].milli;
        else if (item[i].kind == &RESOURCE_GPUS)
            amounts->gpus = item[i].milli;
        else if (item[i].kind == &RESOURCE_PORTS)
            ranges_add_all(ports, &item[i].ranges);
        else if (item[i].kind->revocable)
            add_spare(spare, &item[i]);
    }
    resources_release(&all);
    return 0;
}

static void on_offer(struct aurora_program *p, const Mesos__V1__Offer *offer,
                     int64_t now_ms, struct effects *fx)
{
    struct attributes attributes = {0};
    struct amounts amounts;
    struct revocable spare;
    struct ranges ports;
    struct err err = {0};
    const char *endpoint = "";

    if (!offer->id || !offer->agent_id || !offer->hostname)
        return;
    if (offer_amounts(offer, &amounts, &spare, &ports, &err) < 0 ||
        attributes_decode(offer->attributes, offer->n_attributes, &attributes,
                          &err) < 0) {
        effect_log(fx, 1, "offer_ignored offer=%s why=\"%s\"", offer->id->value,
                   err.text);
        return;
    }
    if (offer->url && offer->url->address) {
        const Mesos__V1__Address *a = offer->url->address;
        endpoint = arena_printf(&fx->arena, "%s:%d",
                                a->ip ? a->ip : offer->hostname, a->port);
    }
    aurora_offer(&p->core, bytes_of_text(offer->id->value),
                 bytes_of_text(offer->agent_id->value), offer->hostname,
                 endpoint, &attributes, &amounts, &ports, now_ms);
    aurora_offer_spare(&p->core, bytes_of_text(offer->id->value), &spare);
    inverse_note_offer(p, offer, now_ms);
    attributes_release(&attributes);
    ranges_release(&ports);
}

/* TASK_ERROR is a task that can never run: it counts as a failure, so that it
 * is neither forgotten nor tried for ever. */
static enum task_state state_of(Mesos__V1__TaskState state)
{
    switch (state) {
    case MESOS__V1__TASK_STATE__TASK_STAGING:
        return TASK_ASSIGNED;
    case MESOS__V1__TASK_STATE__TASK_STARTING:
        return TASK_STARTING;
    case MESOS__V1__TASK_STATE__TASK_RUNNING:
        return TASK_RUNNING;
    case MESOS__V1__TASK_STATE__TASK_FINISHED:
        return TASK_FINISHED;
    case MESOS__V1__TASK_STATE__TASK_FAILED:
    case MESOS__V1__TASK_STATE__TASK_ERROR:
        return TASK_FAILED;
    case MESOS__V1__TASK_STATE__TASK_KILLED:
        return TASK_KILLED;
    case MESOS__V1__TASK_STATE__TASK_LOST:
    case MESOS__V1__TASK_STATE__TASK_DROPPED:
    case MESOS__V1__TASK_STATE__TASK_GONE:
    case MESOS__V1__TASK_STATE__TASK_GONE_BY_OPERATOR:
    case MESOS__V1__TASK_STATE__TASK_UNKNOWN:
        return TASK_LOST;
    case MESOS__V1__TASK_STATE__TASK_UNREACHABLE:
        return TASK_PARTITIONED;
    case MESOS__V1__TASK_STATE__TASK_KILLING:
    default:
        return TASK_NONE; /* tells nothing that we act on */
    }
}

/* Of what was taken back the message says so, whatever the agent says. */
static const char *message_of(const Mesos__V1__TaskStatus *status,
                              char text[TASK_MESSAGE_MAX])
{
    if (!status->has_reason ||
        status->reason !=
            MESOS__V1__TASK_STATUS__REASON__REASON_CONTAINER_PREEMPTED)
        return status->message;
    (void)snprintf(
        text, TASK_MESSAGE_MAX, "its revocable resources were taken back%s%s",
        status->message ? ": " : "", status->message ? status->message : "");
    return text;
}

static void on_update(struct aurora_program *p,
                      const Mesos__V1__TaskStatus *status, int64_t now_ms)
{
    if (!status || !status->task_id || !status->task_id->value)
        return;
    struct bytes task_id = bytes_of_text(status->task_id->value);
    struct bytes agent_id = {0};
    enum task_state state = state_of(status->state);
    char text[TASK_MESSAGE_MAX];

    if (status->agent_id && status->agent_id->value)
        agent_id = bytes_of_text(status->agent_id->value);
    p->link.updates++;
    if (state != TASK_NONE)
        aurora_report(&p->core, task_id, agent_id, state,
                      message_of(status, text), now_ms);
    if (status->has_uuid && status->uuid.len > 0 && agent_id.size > 0)
        calls_acknowledge(p, task_id, agent_id,
                          bytes_of(status->uuid.data, status->uuid.len));
}

static void on_error(struct aurora_program *p, const char *message,
                     int64_t now_ms, struct effects *fx)
{
    effect_log(fx, 0, "master_error message=\"%s\"", message);
    if (strcmp(message, "Framework has been removed") == 0) {
        /* Its tasks are gone with it: begin anew, the reconciliation will
         * say so about each of them. */
        set_text(&p->link.framework_id, NULL);
        store_save_scheduler(p, fx);
    }
    if (p->link.failures < 5)
        p->link.failures = 5; /* do not fight with another scheduler */
    link_drop(p, message, now_ms, fx);
}

static void on_event(struct aurora_program *p, const Event *event,
                     int64_t now_ms, struct effects *fx)
{
    switch (event->type) {
    case MESOS__V1__SCHEDULER__EVENT__TYPE__SUBSCRIBED:
        on_subscribed(p, event, now_ms, fx);
        break;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__OFFERS:
        for (size_t i = 0; event->offers && i < event->offers->n_offers; i++)
            on_offer(p, event->offers->offers[i], now_ms, fx);
        break;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__RESCIND:
        if (event->rescind && event->rescind->offer_id)
            aurora_rescind(&p->core,
                           bytes_of_text(event->rescind->offer_id->value));
        break;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__INVERSE_OFFERS:
        inverse_offers(p, event->inverse_offers, now_ms);
        break;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__RESCIND_INVERSE_OFFER:
        if (event->rescind_inverse_offer &&
            event->rescind_inverse_offer->inverse_offer_id)
            aurora_inverse_rescind(
                &p->core,
                bytes_of_text(
                    event->rescind_inverse_offer->inverse_offer_id->value),
                now_ms);
        break;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__UPDATE:
        if (event->update)
            on_update(p, event->update->status, now_ms);
        break;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__FAILURE:
        if (event->failure && event->failure->agent_id &&
            !event->failure->executor_id) {
            aurora_agent_lost(&p->core,
                              bytes_of_text(event->failure->agent_id->value),
                              now_ms);
            /* A master that was started since does not know its tasks, so it
             * tells of each only when it is asked. */
            if (p->link.explicit_ms > now_ms + RECONCILE_RETRY_MS)
                p->link.explicit_ms = now_ms + RECONCILE_RETRY_MS;
        }
        break;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__ERROR:
        on_error(p,
                 event->error && event->error->message ? event->error->message
                                                       : "no message",
                 now_ms, fx);
        break;
    default: /* HEARTBEAT; and what this scheduler did not ask for */
        break;
    }
}

void link_record(struct aurora_program *p, exchange_id exchange,
                 struct bytes record, int64_t now_ms, struct effects *fx)
{
    ProtobufCMessage *message;
    struct arena arena;
    struct err err = {0};

    if (exchange != p->link.stream)
        return; /* of a stream that was given up */
    p->link.heard_ms = now_ms;
    arena_init(&arena);
    if (codec_decode(&mesos__v1__scheduler__event__descriptor, "Event",
                     MEDIA_PROTOBUF, record, &arena, &message, &err) < 0)
        effect_log(fx, 1, "event_ignored why=\"%s\"", err.text);
    else
        on_event(p, (const Event *)message, now_ms, fx);
    arena_release(&arena);
}
