/* What a master says about hosts that will be away: unavailability in offers,
 * and offers that ask for hosts back. */
#include "aurora/inverse.h"

#include "base/alloc.h"
#include "mesos/v1/scheduler.pb-c.h"

#include <stdlib.h>

typedef Mesos__V1__Scheduler__Call Call;

/* When a host is away, in ms; {0, 0}: not at all. */
struct away {
    int64_t from_ms, until_ms;
};

static struct away away_of(const Mesos__V1__Unavailability *u)
{
    static const int64_t ms = 1000 * 1000;
    struct away away = {0, 0};

    if (!u || !u->start || u->start->nanoseconds < ms)
        return away;
    away.from_ms = u->start->nanoseconds / ms;
    away.until_ms = INT64_MAX;
    if (u->duration && u->duration->nanoseconds >= 0)
        away.until_ms = away.from_ms + u->duration->nanoseconds / ms;
    return away;
}

/* What is answered in one call. */
struct answered {
    Mesos__V1__OfferID **id;
    size_t count;
};

/* We give the hosts, and want to be asked again (core/maintenance.h) ... */
static void give(struct aurora_program *p, const struct answered *known)
{
    Mesos__V1__Scheduler__Call__AcceptInverseOffers accept =
        MESOS__V1__SCHEDULER__CALL__ACCEPT_INVERSE_OFFERS__INIT;
    Mesos__V1__Filters filters = MESOS__V1__FILTERS__INIT;
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;

    filters.has_refuse_seconds = true;
    filters.refuse_seconds = AWAY_REPEAT_SECS;
    accept.n_inverse_offer_ids = known->count;
    accept.inverse_offer_ids = known->id;
    accept.filters = &filters;
    call.type = MESOS__V1__SCHEDULER__CALL__TYPE__ACCEPT_INVERSE_OFFERS;
    call.accept_inverse_offers = &accept;
    (void)calls_enqueue(p, &call);
}

/* ... or do not know them, yet: soon again. */
static void refuse(struct aurora_program *p, const struct answered *unknown)
{
    Mesos__V1__Scheduler__Call__DeclineInverseOffers decline =
        MESOS__V1__SCHEDULER__CALL__DECLINE_INVERSE_OFFERS__INIT;
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;

    decline.n_inverse_offer_ids = unknown->count;
    decline.inverse_offer_ids = unknown->id;
    call.type = MESOS__V1__SCHEDULER__CALL__TYPE__DECLINE_INVERSE_OFFERS;
    call.decline_inverse_offers = &decline;
    (void)calls_enqueue(p, &call);
}

/* Do we know the host? */
static bool take(struct aurora_program *p, const Mesos__V1__InverseOffer *offer,
                 int64_t now_ms)
{
    struct away away = away_of(offer->unavailability);

    return offer->agent_id &&
           aurora_inverse_offer(&p->core, bytes_of_text(offer->id->value),
                                bytes_of_text(offer->agent_id->value),
                                away.from_ms, away.until_ms, now_ms);
}

void inverse_offers(struct aurora_program *p,
                    const Mesos__V1__Scheduler__Event__InverseOffers *offers,
                    int64_t now_ms)
{
    size_t count = offers ? offers->n_inverse_offers : 0;
    Mesos__V1__OfferID **id = xcalloc(2 * count + 1, sizeof *id);
    struct answered known = {id, 0}, unknown = {id + count, 0};

    for (size_t i = 0; i < count; i++) {
        const Mesos__V1__InverseOffer *offer = offers->inverse_offers[i];
        struct answered *to = take(p, offer, now_ms) ? &known : &unknown;
        to->id[to->count++] = offer->id;
    }
    if (known.count > 0)
        give(p, &known);
    if (unknown.count > 0)
        refuse(p, &unknown);
    free(id);
}

void inverse_note_offer(struct aurora_program *p, const Mesos__V1__Offer *offer,
                        int64_t now_ms)
{
    struct bytes agent_id = bytes_of_text(offer->agent_id->value);
    struct host *host = hosts_find(&p->core.hosts, agent_id);
    struct away away = away_of(offer->unavailability);

    if (host)
        aurora_unavailable(&p->core, host, away.from_ms, away.until_ms, now_ms);
}
