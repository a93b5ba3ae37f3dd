/* What travels between nodes, as inputs of the side it reaches: copies, because
 * the side that made it may be gone by then. Each is described by the message
 * that its body should hold, for traces. */
#pragma once
#include "tests/sim/node.h"

struct message_names { /* "" for what nobody describes */
    const char *path, *call, *answer, *event;
};

/* The path within "http://host:port/path?query"; the address into `out`. */
const char *message_split(const char *url, char *out, size_t size);
const struct message_names *message_names(const char *path);

struct input *message_request(const struct effect *effect, const char *path,
                              const char *peer, const char *authorization);
struct input *message_answer(exchange_id made,
                             const struct message_names *about,
                             const struct http_response *response,
                             struct bytes body);
struct input *message_record(exchange_id made,
                             const struct message_names *about,
                             struct bytes record);
