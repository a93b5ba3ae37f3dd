/* An HTTP request and response as plain values: what a routing table sees,
 * whether a socket or the simulator brought it. Everything points into the
 * arena or buffers of whoever made the message; nothing is owned here. */
#pragma once
#include "base/arena.h"
#include "base/bytes.h"
#include <stdbool.h>
#include <stdint.h>

enum http_limits {
    HTTP_HEADERS_MAX = 64,
    HTTP_PATH_MAX = 4096,
    HTTP_BODY_MAX = 8 << 20 /* 413 beyond; also the largest RecordIO record */
};

enum http_method { /* order is that of the names in http.c */
                   HTTP_GET,
                   HTTP_POST,
                   HTTP_PUT,
                   HTTP_DELETE,
                   HTTP_HEAD,
                   HTTP_OPTIONS,
                   HTTP_OTHER
};

enum media_type {
    MEDIA_NONE,     /* absent */
    MEDIA_JSON,     /* application/json, any parameters */
    MEDIA_PROTOBUF, /* application/x-protobuf */
    MEDIA_RECORDIO, /* application/recordio */
    MEDIA_TEXT,     /* text/plain; charset=utf-8 */
    MEDIA_HTML,
    MEDIA_METRICS, /* text/plain; version=0.0.4; charset=utf-8 (Prometheus) */
    MEDIA_BYTES,   /* application/octet-stream */
    MEDIA_OTHER
};

struct http_header {
    const char *name, *value;
};

struct http_request {
    enum http_method method;
    const char *method_name;
    const char *path;  /* decoded, without the query, starts with '/' */
    const char *query; /* raw text behind '?', "" when none */
    const struct http_header *header;
    uint32_t header_count;
    struct bytes body;
    const char *peer; /* "127.0.0.1:53412", for the audit log; never NULL */
    /* The common name of the client's certificate, which was verified against
     * the listener's CA; NULL when it showed none, and on a plain connection.
     * Never empty. */
    const char *certificate;
    /* The name of the user who makes it, where a gate has found that out
     * (sys/gate.h); NULL: nobody, or nobody was asked. */
    const char *principal;
};

struct http_response {
    int status;
    enum media_type type;             /* MEDIA_NONE: no Content-Type */
    const struct http_header *header; /* extra headers */
    uint32_t header_count;
    struct bytes body;
};

/* Value of a header, name in any case; NULL when absent. */
const char *http_header(const struct http_request *request, const char *name);
/* Value of ?name=, percent-decoded into the arena; NULL when absent. */
const char *http_query(const struct http_request *request, const char *name,
                       struct arena *arena);
/* What a Range header wants of `size` bytes, "bytes=a-b", "bytes=a-" or
 * "bytes=-n" (RFC 9110, 14.1.2): 1 with its first and last byte; 0: send all
 * (none, several, or not understood); -1: it lies outside (416). */
int http_range(const char *text, int64_t size, int64_t *first, int64_t *last);
/* The type named by a Content-Type value; NULL gives MEDIA_NONE. */
enum media_type media_type_parse(const char *value);
/* The same as Mesos' v1 APIs read it: with a parameter it is another type. */
enum media_type media_type_exact(const char *value);
const char *media_type_name(enum media_type type);
/* What to answer in: MEDIA_JSON or MEDIA_PROTOBUF; MEDIA_OTHER when Accept
 * allows neither (406). Absent, star-slash-star, application/star and q-values
 * mean JSON. */
enum media_type media_type_accepted(const char *accept);
const char *http_status_text(int status);
const char *http_method_name(enum http_method method);
