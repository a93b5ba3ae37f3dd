/* The way to the master: the stream that brings its events (link.c), and the
 * calls that answer them (calls.c). The structs are in state.h. */
#pragma once
#include "aurora/state.h"

/* --- link.c --- */
void link_init(struct aurora_program *p);
void link_release(struct aurora_program *p);
void link_start(struct aurora_program *p, int64_t now_ms, struct effects *fx);
int64_t link_next_ms(const struct aurora_program *p);
void link_time(struct aurora_program *p, int64_t now_ms, struct effects *fx);
/* Is the exchange ours? Then it was dealt with. */
void link_answer(struct aurora_program *p, exchange_id exchange,
                 const struct http_response *response, int64_t now_ms,
                 struct effects *fx);
void link_record(struct aurora_program *p, exchange_id exchange,
                 struct bytes record, int64_t now_ms, struct effects *fx);
void link_broken(struct aurora_program *p, exchange_id exchange,
                 const char *why, int64_t now_ms, struct effects *fx);
void link_drop(struct aurora_program *p, const char *why, int64_t now_ms,
               struct effects *fx);

/* --- calls.c --- */
/* Queue what the core's work asks of the master. */
void calls_from_work(struct aurora_program *p);
void calls_acknowledge(struct aurora_program *p, struct bytes task_id,
                       struct bytes agent_id, struct bytes uuid);
void calls_reconcile_implicitly(struct aurora_program *p);
/* The next batch of those that the master is asked after, if any is due. */
void calls_ask_on(struct aurora_program *p, int64_t now_ms);
/* Send what may be on its way now. */
void calls_send(struct aurora_program *p, struct effects *fx);
void calls_clear(struct aurora_program *p);
/* An answer or a break of a call; false when the exchange is none. */
bool calls_done(struct aurora_program *p, exchange_id exchange, int status,
                struct bytes text, struct effects *fx);
