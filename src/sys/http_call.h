/* A request of ours, and its text on the wire. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "wire/program.h"
#include <stdbool.h>

struct url;

/* What EFFECT_CALL and EFFECT_FOLLOW hold. Borrowed for the call. */
struct http_call {
    exchange_id exchange;
    enum http_method method;
    const char *url;
    const struct http_header *header;
    uint32_t header_count;
    struct bytes body;
    int64_t timeout_ms; /* 0: the default; of a stream: until its head */
    bool is_stream;
};

/* A line break in a header or in the url would make two requests of one:
 * ERR_INVALID. */
int http_call_check(const struct http_call *call, struct err *err);
/* `url` is call->url, parsed. */
void http_call_write(struct buf *out, const struct http_call *call,
                     const struct url *url);
