#include "tests/sim/plain_calls.h"

#include "wire/codec.h"

#include <stdio.h>
#include <string.h>

enum { CALL_MS = 20000, REFUSE_SECONDS = 5 };

void plain_send(struct plain *p, Call *call, int type, struct effects *fx)
{
    enum media_type media =
        p->options.speaks_json ? MEDIA_JSON : MEDIA_PROTOBUF;
    Mesos__V1__FrameworkID id = MESOS__V1__FRAMEWORK_ID__INIT;
    struct http_header header[3] = {{"Content-Type", media_type_name(media)},
                                    {"Accept", media_type_name(media)},
                                    {"Mesos-Stream-Id", p->stream_id}};
    struct buf body = {0};

    call->has_type = 1;
    call->type = (Mesos__V1__Scheduler__Call__Type)type;
    if (p->framework_id[0] != '\0') {
        id.value = p->framework_id;
        call->framework_id = &id;
    }
    codec_encode(&call->base, media, &body);
    exchange_id exchange = ++p->next_exchange;
    if (type == MESOS__V1__SCHEDULER__CALL__TYPE__SUBSCRIBE) {
        p->stream = exchange;
        effect_follow(fx, exchange, p->url, header, 2, buf_bytes(&body));
    } else {
        effect_call(fx, exchange, p->url, header, 3, buf_bytes(&body), CALL_MS);
    }
    buf_release(&body);
}

void plain_subscribe(struct plain *p, int64_t now_ms, struct effects *fx)
{
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;
    Mesos__V1__Scheduler__Call__Subscribe subscribe =
        MESOS__V1__SCHEDULER__CALL__SUBSCRIBE__INIT;
    Mesos__V1__FrameworkInfo info = MESOS__V1__FRAMEWORK_INFO__INIT;
    Mesos__V1__FrameworkInfo__Capability aware =
        MESOS__V1__FRAMEWORK_INFO__CAPABILITY__INIT;
    Mesos__V1__FrameworkInfo__Capability *capabilities[] = {&aware};
    Mesos__V1__FrameworkID id = MESOS__V1__FRAMEWORK_ID__INIT;

    aware.has_type = 1;
    aware.type = MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__PARTITION_AWARE;
    info.user = (char *)"root";
    info.name = (char *)"plain";
    info.has_failover_timeout = 1;
    info.failover_timeout = 7 * 24 * 3600.0;
    info.has_checkpoint = 1;
    info.checkpoint = 1;
    if (p->options.is_partition_aware) {
        info.n_capabilities = 1;
        info.capabilities = capabilities;
    }
    if (p->framework_id[0] != '\0') {
        id.value = p->framework_id;
        info.id = &id;
    }
    subscribe.framework_info = &info;
    call.subscribe = &subscribe;
    p->stream_id[0] = '\0';
    p->is_subscribed = false;
    p->retry_at_ms = INT64_MAX;
    p->heard_ms = now_ms;
    plain_send(p, &call, MESOS__V1__SCHEDULER__CALL__TYPE__SUBSCRIBE, fx);
}

void plain_acknowledge(struct plain *p, const Mesos__V1__TaskStatus *status,
                       struct effects *fx)
{
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;
    Mesos__V1__Scheduler__Call__Acknowledge acknowledge =
        MESOS__V1__SCHEDULER__CALL__ACKNOWLEDGE__INIT;

    acknowledge.agent_id = status->agent_id;
    acknowledge.task_id = status->task_id;
    acknowledge.uuid = status->uuid;
    call.acknowledge = &acknowledge;
    plain_send(p, &call, MESOS__V1__SCHEDULER__CALL__TYPE__ACKNOWLEDGE, fx);
}

void plain_kill(struct plain *p, const char *task_id, const char *agent_id,
                struct effects *fx)
{
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;
    Mesos__V1__Scheduler__Call__Kill kill =
        MESOS__V1__SCHEDULER__CALL__KILL__INIT;
    Mesos__V1__TaskID task = MESOS__V1__TASK_ID__INIT;
    Mesos__V1__AgentID agent = MESOS__V1__AGENT_ID__INIT;

    task.value = (char *)task_id;
    agent.value = (char *)agent_id;
    kill.task_id = &task;
    if (agent_id[0] != '\0')
        kill.agent_id = &agent;
    call.kill = &kill;
    plain_send(p, &call, MESOS__V1__SCHEDULER__CALL__TYPE__KILL, fx);
}

void plain_reconcile(struct plain *p, const struct plain_task *task,
                     struct effects *fx)
{
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;
    Mesos__V1__Scheduler__Call__Reconcile reconcile =
        MESOS__V1__SCHEDULER__CALL__RECONCILE__INIT;
    Mesos__V1__Scheduler__Call__Reconcile__Task one =
        MESOS__V1__SCHEDULER__CALL__RECONCILE__TASK__INIT;
    Mesos__V1__Scheduler__Call__Reconcile__Task *tasks[] = {&one};
    Mesos__V1__TaskID id = MESOS__V1__TASK_ID__INIT;
    Mesos__V1__AgentID agent = MESOS__V1__AGENT_ID__INIT;
    char text[64];

    id.value = plain_task_id(task, text, sizeof text);
    agent.value = (char *)task->agent_id;
    one.task_id = &id;
    if (task->agent_id[0] != '\0')
        one.agent_id = &agent;
    reconcile.n_tasks = 1;
    reconcile.tasks = tasks;
    call.reconcile = &reconcile;
    plain_send(p, &call, MESOS__V1__SCHEDULER__CALL__TYPE__RECONCILE, fx);
}

void plain_bare_call(struct plain *p, int type, struct effects *fx)
{
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;

    plain_send(p, &call, type, fx);
}

void plain_set_filters(struct plain *p, Mesos__V1__Filters *filters)
{
    *filters = (Mesos__V1__Filters)MESOS__V1__FILTERS__INIT;
    filters->has_refuse_seconds = 1;
    filters->refuse_seconds = (double)rng_below(&p->rng, REFUSE_SECONDS + 1);
}

void plain_decline(struct plain *p, Mesos__V1__Offer *offer, struct effects *fx)
{
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;
    Mesos__V1__Scheduler__Call__Decline decline =
        MESOS__V1__SCHEDULER__CALL__DECLINE__INIT;
    Mesos__V1__Filters filters;

    plain_set_filters(p, &filters);
    decline.n_offer_ids = 1;
    decline.offer_ids = &offer->id;
    decline.filters = &filters;
    call.decline = &decline;
    plain_send(p, &call, MESOS__V1__SCHEDULER__CALL__TYPE__DECLINE, fx);
}

/* --- machines that go --- */

uint32_t plain_inverses(const struct plain *p)
{
    return p->inverses.count;
}

static void answer_inverse(struct plain *p, Mesos__V1__OfferID *id, bool is_yes,
                           struct effects *fx)
{
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;
    Mesos__V1__Scheduler__Call__AcceptInverseOffers accept =
        MESOS__V1__SCHEDULER__CALL__ACCEPT_INVERSE_OFFERS__INIT;
    Mesos__V1__Scheduler__Call__DeclineInverseOffers decline =
        MESOS__V1__SCHEDULER__CALL__DECLINE_INVERSE_OFFERS__INIT;
    Mesos__V1__Filters filters;

    plain_set_filters(p, &filters);
    accept.n_inverse_offer_ids = decline.n_inverse_offer_ids = 1;
    accept.inverse_offer_ids = decline.inverse_offer_ids = &id;
    accept.filters = decline.filters = &filters;
    call.accept_inverse_offers = is_yes ? &accept : NULL;
    call.decline_inverse_offers = is_yes ? NULL : &decline;
    plain_send(p, &call,
               is_yes
                   ? MESOS__V1__SCHEDULER__CALL__TYPE__ACCEPT_INVERSE_OFFERS
                   : MESOS__V1__SCHEDULER__CALL__TYPE__DECLINE_INVERSE_OFFERS,
               fx);
}

void plain_on_inverse_offers(
    struct plain *p, const Mesos__V1__Scheduler__Event__InverseOffers *offers,
    struct effects *fx)
{
    for (size_t i = 0; i < offers->n_inverse_offers; i++) {
        Mesos__V1__OfferID *id = offers->inverse_offers[i]->id;
        uint64_t says = rng_below(&p->rng, 4);
        if (says < 2)
            answer_inverse(p, id, says == 1, fx);
        else
            (void)snprintf(vec_add(&p->inverses)->id,
                           sizeof(struct plain_inverse), "%.127s", id->value);
    }
}

void plain_on_inverse_rescinded(
    struct plain *p,
    const Mesos__V1__Scheduler__Event__RescindInverseOffer *rescind)
{
    for (uint32_t i = p->inverses.count; i-- > 0;)
        if (strcmp(p->inverses.item[i].id, rescind->inverse_offer_id->value) ==
            0)
            vec_remove(&p->inverses, i);
}
