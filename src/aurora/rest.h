/* GETs outside the typed API: /health, /version, /state, /assets/SHA256, and
 * the addresses that lead people elsewhere. */
#pragma once
#include "aurora/state.h"

/* Answers; 404 when nothing is there. */
void rest_other(struct aurora_program *p, exchange_id exchange,
                const struct http_request *http, struct effects *fx);
