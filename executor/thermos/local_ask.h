/* One question over HTTP to a program on this machine, with a deadline, on a
 * connection of its own that is closed afterwards: a program that serves one
 * connection at a time is not kept from serving others. */
#pragma once
#include "wire/http.h"
#include <stdint.h>

struct event_base;
struct local_ask;

enum { LOCAL_ANSWER_MAX = 1 << 20 /* bytes; a longer answer is none */ };

/* Called at most once, from the loop. response NULL: nobody answered, and why.
 * The response is borrowed for the call. */
typedef void local_answered(void *context, const struct http_response *response,
                            const char *why);

struct local_ask *local_ask_begin(struct event_base *base,
                                  enum http_method method, uint32_t port,
                                  const char *path, int64_t timeout_ms,
                                  local_answered *answered, void *context);
/* Ends it; also to be called after the answer. Accepts NULL. Not from within
 * the callback. */
void local_ask_end(struct local_ask *ask);
