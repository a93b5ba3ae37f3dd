/* What a master says about hosts that will be away: unavailability in offers,
 * and offers that ask for hosts back. */
#include "aurora/inverse.h"

#include "mesos/v1/scheduler.pb-c.h"

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

/* We give the host, or do not know it. */
static void answer(struct aurora_program *p, const char *id, bool is_accepted)
{
    Mesos__V1__Scheduler__Call__AcceptInverseOffers accept =
        MESOS__V1__SCHEDULER__CALL__ACCEPT_INVERSE_OFFERS__INIT;
    Mesos__V1__Scheduler__Call__DeclineInverseOffers decline =
        MESOS__V1__SCHEDULER__CALL__DECLINE_INVERSE_OFFERS__INIT;
    Mesos__V1__OfferID offer = MESOS__V1__OFFER_ID__INIT, *offers = &offer;
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;

    offer.value = (char *)id;
    accept.n_inverse_offer_ids = decline.n_inverse_offer_ids = 1;
    accept.inverse_offer_ids = decline.inverse_offer_ids = &offers;
    call.type = is_accepted
                    ? MESOS__V1__SCHEDULER__CALL__TYPE__ACCEPT_INVERSE_OFFERS
                    : MESOS__V1__SCHEDULER__CALL__TYPE__DECLINE_INVERSE_OFFERS;
    call.accept_inverse_offers = is_accepted ? &accept : NULL;
    call.decline_inverse_offers = is_accepted ? NULL : &decline;
    (void)calls_enqueue(p, &call);
}

void inverse_offers(struct aurora_program *p,
                    const Mesos__V1__Scheduler__Event__InverseOffers *offers,
                    int64_t now_ms)
{
    for (size_t i = 0; offers && i < offers->n_inverse_offers; i++) {
        const Mesos__V1__InverseOffer *offer = offers->inverse_offers[i];
        struct away away = away_of(offer->unavailability);
        struct bytes id = bytes_of_text(offer->id->value);
        bool is_known = offer->agent_id &&
                        aurora_inverse_offer(
                            &p->core, id, bytes_of_text(offer->agent_id->value),
                            away.from_ms, away.until_ms, now_ms);
        answer(p, offer->id->value, is_known);
    }
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
