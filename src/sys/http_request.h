/* From evhttp's request to ours, with a second look at what evhttp lets pass:
 * repeated lengths, strange encodings, escapes in the path. */
#pragma once
#include "wire/http.h"

struct evhttp_request;

/* Room for what is not in evhttp's own memory. */
struct http_request_room {
    struct http_header header[HTTP_HEADERS_MAX];
    char path[HTTP_PATH_MAX];
    char peer[64];
};

/* Fill *out, which points into `room` and the request. Returns 0, or the status
 * to refuse it with, and the text in *why. */
int http_request_read(struct evhttp_request *request,
                      struct http_request_room *room, struct http_request *out,
                      const char **why);
