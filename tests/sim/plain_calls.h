/* The calls of a plain framework, and what it is made of; for its own two files
 * only. */
#pragma once
#include "base/rng.h"
#include "mesos/v1/scheduler.pb-c.h"
#include "tests/sim/plain.h"

typedef Mesos__V1__Scheduler__Call Call;
typedef Mesos__V1__Scheduler__Event Event;

/* An offer that asks for an agent. */
struct plain_inverse {
    char id[128];
};

struct plain {
    struct plain_options options;
    char *url; /* owned */
    struct arena arena;
    struct rng rng;
    char framework_id[128], stream_id[64];
    struct plain_task *task;           /* owned */
    exchange_id next_exchange, stream; /* stream 0: not subscribed */
    bool is_subscribed, is_suppressed;
    exchange_id revive; /* under way; 0: none */
    int64_t retry_at_ms, heard_ms;
    VEC(struct plain_inverse) inverses; /* not answered */
};

void plain_send(struct plain *p, Call *call, int type, struct effects *fx);
void plain_subscribe(struct plain *p, int64_t now_ms, struct effects *fx);
void plain_acknowledge(struct plain *p, const Mesos__V1__TaskStatus *status,
                       struct effects *fx);
void plain_kill(struct plain *p, const char *task_id, const char *agent_id,
                struct effects *fx);
void plain_reconcile(struct plain *p, const struct plain_task *task,
                     struct effects *fx);
void plain_bare_call(struct plain *p, int type, struct effects *fx);
void plain_set_filters(struct plain *p, Mesos__V1__Filters *filters);
void plain_decline(struct plain *p, Mesos__V1__Offer *offer,
                   struct effects *fx);
/* Some are answered, and some are not. */
void plain_on_inverse_offers(
    struct plain *p, const Mesos__V1__Scheduler__Event__InverseOffers *offers,
    struct effects *fx);
void plain_on_inverse_rescinded(
    struct plain *p,
    const Mesos__V1__Scheduler__Event__RescindInverseOffer *rescind);
