/* What those have in common who call somebody's API at seeded times: one call
 * at a time; who hears nothing of it asks again a second later; what was wrong
 * with an answer is kept for the checks. A program's state begins with it. */
#pragma once
#include "base/rng.h"
#include "tests/sim/node.h"
#include <protobuf-c/protobuf-c.h>

struct caller {
    char *url; /* owned */
    struct rng rng;
    bool speaks_json;
    exchange_id next_exchange, exchange; /* under way; 0: none */
    int64_t at_ms;                       /* of the next call */
    uint32_t calls;
    char problem[300]; /* "": none */
};

/* `address`: "host:port"; the API is its /api/v1. The first call is due at
 * first_ms, INT64_MAX: never. */
void caller_init(struct caller *c, const char *address, bool speaks_json,
                 int64_t first_ms, uint64_t fate);
void caller_release(struct caller *c);
/* True once in n times. */
bool caller_chance(struct caller *c, uint64_t n);

/* Begin a call. `key`: its Idempotency-Key, `authorization`: that header; NULL:
 * without. */
void caller_post(struct caller *c, const ProtobufCMessage *call,
                 const char *key, const char *authorization,
                 struct effects *fx);
/* Is that the call under way? Then none is any more. */
bool caller_take_answer(struct caller *c, exchange_id exchange);
/* "WHAT: 409 the body" is what is wrong. */
void caller_blame(struct caller *c, const char *what,
                  const struct http_response *response);
/* Is a call due, and none under way? */
bool caller_is_due(const struct caller *c, int64_t now_ms);

/* For the struct program of a state that begins with a caller. */
void caller_on_broken(void *self, exchange_id exchange, const char *why,
                      int64_t now_ms, struct effects *fx);
int64_t caller_next_ms(const void *self);
