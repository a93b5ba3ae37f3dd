/* What a master says about hosts that will be away (core/maintenance.h). For
 * link.c and nobody else. */
#pragma once
#include "aurora/state.h"
#include "mesos/v1/scheduler.pb-c.h"

/* An offer was taken: will its host be away? */
void inverse_note_offer(struct aurora_program *p, const Mesos__V1__Offer *offer,
                        int64_t now_ms);
/* Each is answered: accepted, or declined when nobody knows the host. */
void inverse_offers(struct aurora_program *p,
                    const Mesos__V1__Scheduler__Event__InverseOffers *offers,
                    int64_t now_ms);
/* calls.c: the call waits for its turn. */
struct master_call *calls_enqueue(struct aurora_program *p,
                                  Mesos__V1__Scheduler__Call *call);
