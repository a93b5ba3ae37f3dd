#include "sys/http_request.h"
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static enum http_method method_of(enum evhttp_cmd_type command)
{
    switch (command) {
    case EVHTTP_REQ_GET:
        return HTTP_GET;
    case EVHTTP_REQ_POST:
        return HTTP_POST;
    case EVHTTP_REQ_PUT:
        return HTTP_PUT;
    case EVHTTP_REQ_DELETE:
        return HTTP_DELETE;
    case EVHTTP_REQ_HEAD:
        return HTTP_HEAD;
    case EVHTTP_REQ_OPTIONS:
        return HTTP_OPTIONS;
    default:
        return HTTP_OTHER;
    }
}

static const char *method_name_of(enum evhttp_cmd_type command)
{
    switch (command) {
    case EVHTTP_REQ_PATCH:
        return "PATCH";
    case EVHTTP_REQ_TRACE:
        return "TRACE";
    case EVHTTP_REQ_CONNECT:
        return "CONNECT";
    default:
        return http_method_name(method_of(command));
    }
}

/* Copy the header list; NULL or what is wrong with it. Two lengths, or a
 * length beside chunks, are how one request is smuggled behind another. */
static const char *read_headers(const struct evkeyvalq *in,
                                struct http_header *out, uint32_t *count)
{
    const struct evkeyval *header;
    int lengths = 0, encodings = 0;

    for (header = in->tqh_first; header; header = header->next.tqe_next) {
        if (*count == HTTP_HEADERS_MAX)
            return "too many header lines";
        if (strcasecmp(header->key, "Content-Length") == 0) {
            lengths++;
            if (strspn(header->value, "0123456789") != strlen(header->value))
                return "Content-Length: want a decimal number";
        }
        if (strcasecmp(header->key, "Transfer-Encoding") == 0) {
            encodings++;
            if (strcasecmp(header->value, "chunked") != 0)
                return "Transfer-Encoding: want chunked";
        }
        out[(*count)++] = (struct http_header){header->key, header->value};
    }
    if (lengths > 1)
        return "Content-Length: given more than once";
    if (lengths + encodings > 1)
        return "Content-Length: not together with Transfer-Encoding";
    return NULL;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Decode %XX of a path. */
static const char *decode_path(const char *raw, size_t size, char *out)
{
    for (size_t i = 0; i < size; i++) {
        char c = raw[i];
        if (c == '%') {
            if (i + 2 >= size || hex(raw[i + 1]) < 0 || hex(raw[i + 2]) < 0)
                return "path: want two hexadecimal digits behind '%'";
            c = (char)(hex(raw[i + 1]) << 4 | hex(raw[i + 2]));
            i += 2;
            if (c == 0)
                return "path: a zero byte is not allowed";
        }
        *out++ = c;
    }
    *out = 0;
    return NULL;
}

/* "/p?q", "http://host/p?q" and "*" as path and query. */
static const char *read_target(const char *uri, char path[HTTP_PATH_MAX],
                               const char **query)
{
    if (strncasecmp(uri, "http://", 7) == 0 ||
        strncasecmp(uri, "https://", 8) == 0) {
        uri = strchr(uri, '/') + 2;
        uri += strcspn(uri, "/?#");
    }
    size_t size = strcspn(uri, "?#");
    *query = uri[size] == '?' ? uri + size + 1 : "";
    if (size == 0 || strcmp(uri, "*") == 0) {
        memcpy(path, "/", 2);
        return NULL;
    }
    if (*uri != '/')
        return "request target: want a path that starts with '/'";
    return decode_path(uri, size, path);
}

static struct bytes read_body(struct evhttp_request *request)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(request);
    size_t size = evbuffer_get_length(in);

    if (size == 0)
        return bytes_of("", 0);
    return bytes_of(evbuffer_pullup(in, -1), size);
}

static void read_peer(struct evhttp_request *request, char *out, size_t size)
{
    char *address = NULL;
    ev_uint16_t port = 0;

    evhttp_connection_get_peer(evhttp_request_get_connection(request), &address,
                               &port);
    snprintf(out, size, strchr(address, ':') ? "[%s]:%u" : "%s:%u", address,
             port);
}

int http_request_read(struct evhttp_request *request,
                      struct http_request_room *room, struct http_request *out,
                      const char **why)
{
    enum evhttp_cmd_type command = evhttp_request_get_command(request);
    const char *uri = evhttp_request_get_uri(request);
    struct http_request in = {
        .method = method_of(command),
        .method_name = method_name_of(command),
        .path = room->path,
        .header = room->header,
        .peer = room->peer,
    };

    *why = "request target: longer than 4095 bytes";
    if (strlen(uri) >= sizeof room->path)
        return 414;
    *why = read_headers(evhttp_request_get_input_headers(request), room->header,
                        &in.header_count);
    if (*why != NULL)
        return in.header_count == HTTP_HEADERS_MAX ? 431 : 400;
    *why = read_target(uri, room->path, &in.query);
    if (*why != NULL)
        return 400;
    in.body = read_body(request);
    read_peer(request, room->peer, sizeof room->peer);
    *out = in;
    return 0;
}
