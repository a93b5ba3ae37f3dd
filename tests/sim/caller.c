#include "tests/sim/caller.h"

#include "wire/codec.h"

#include <stdio.h>
#include <stdlib.h>

enum { SECOND = 1000, CALL_MS = 10 * SECOND, TOLD_BYTES = 200 };

void caller_init(struct caller *c, const char *address, bool speaks_json,
                 int64_t first_ms, uint64_t fate)
{
    struct buf url = {0};

    buf_addf(&url, "http://%s/api/v1", address);
    c->url = buf_take(&url);
    c->speaks_json = speaks_json;
    c->at_ms = first_ms;
    rng_seed(&c->rng, fate);
}

void caller_release(struct caller *c)
{
    free(c->url);
}

bool caller_chance(struct caller *c, uint64_t n)
{
    return rng_below(&c->rng, n) == 0;
}

void caller_post(struct caller *c, const ProtobufCMessage *call,
                 const char *key, const char *authorization, struct effects *fx)
{
    enum media_type media = c->speaks_json ? MEDIA_JSON : MEDIA_PROTOBUF;
    struct http_header header[4] = {{"Content-Type", media_type_name(media)},
                                    {"Accept", media_type_name(media)}};
    uint32_t count = 2;
    struct buf body = {0};

    if (key != NULL)
        header[count++] = (struct http_header){"Idempotency-Key", key};
    if (authorization != NULL)
        header[count++] = (struct http_header){"Authorization", authorization};
    codec_encode(call, media, &body);
    c->calls++;
    c->exchange = ++c->next_exchange;
    effect_call(fx, c->exchange, c->url, header, count, buf_bytes(&body),
                CALL_MS);
    buf_release(&body);
}

bool caller_take_answer(struct caller *c, exchange_id exchange)
{
    if (exchange != c->exchange)
        return false;
    c->exchange = 0;
    return true;
}

void caller_blame(struct caller *c, const char *what,
                  const struct http_response *response)
{
    size_t size = response->body.size;

    (void)snprintf(c->problem, sizeof c->problem, "%s: %d %.*s", what,
                   response->status, size < TOLD_BYTES ? (int)size : TOLD_BYTES,
                   (const char *)response->body.data);
}

bool caller_is_due(const struct caller *c, int64_t now_ms)
{
    return c->exchange == 0 && now_ms >= c->at_ms;
}

void caller_on_broken(void *self, exchange_id exchange, const char *why,
                      int64_t now_ms, struct effects *fx)
{
    struct caller *c = self;

    (void)why;
    (void)fx;
    if (caller_take_answer(c, exchange))
        c->at_ms = now_ms + SECOND;
}

int64_t caller_next_ms(const void *self)
{
    const struct caller *c = self;

    return c->exchange == 0 ? c->at_ms : INT64_MAX;
}
