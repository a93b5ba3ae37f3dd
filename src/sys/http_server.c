#include "sys/http_server.h"
#include "base/alloc.h"
#include "base/arena.h"
#include "sys/address.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "wire/recordio.h"
#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <uthash.h>

enum {
    LISTEN_BACKLOG = 1024,
    ACCEPT_PAUSE_MS = 100, /* after accept() failed, for want of descriptors */
    METHODS_ALL = 0xffff
};

enum exchange_state {
    EXCHANGE_OPEN,      /* with the program */
    EXCHANGE_STREAMING, /* its head is out */
    EXCHANGE_SENT       /* answered; the kernel has not taken it all */
};

struct exchange {
    exchange_id id;
    enum exchange_state state;
    struct evhttp_request *request; /* evhttp's, except when it came loose */
    struct bufferevent *bev;        /* evhttp's */
    struct http_server *server;
    UT_hash_handle hh;
};

struct foreign;

struct http_server {
    struct http_server_config config;
    struct evhttp *http;
    struct evconnlistener *listener; /* evhttp's once bound */
    struct event *accept_again;      /* owned */
    struct exchange *exchange;       /* by id; owned */
    struct evbuffer *scratch;        /* empty between calls; owned */
    struct buf frame;                /* one framed record; owned */
    exchange_id last_id;
    uint32_t streams;
    uint32_t unsent;
    int port;
    bool is_draining;
    bool is_writing;          /* what goes out now is ours */
    struct foreign *foreign;  /* pages to replace; owned */
    struct event *on_foreign; /* owned */
    struct http_server *next; /* in `servers` */
    time_t date_at;           /* the second that date[] stands for */
    char date[32];
};

/* All servers of this process: what evhttp makes names only the evhttp. */
static struct http_server *servers;

static struct exchange *find(struct http_server *server, exchange_id id)
{
    struct exchange *found;
    HASH_FIND(hh, server->exchange, &id, sizeof id, found);
    return found;
}

static void forget(struct exchange *exchange)
{
    struct http_server *server = exchange->server;

    if (exchange->state == EXCHANGE_STREAMING)
        server->streams--;
    if (exchange->state == EXCHANGE_SENT)
        server->unsent--;
    HASH_DEL(server->exchange, exchange);
    free(exchange);
}

/* The connection goes down under an exchange. evhttp hands an unanswered
 * request back to us, and frees any other itself. */
static void on_closed(struct evhttp_connection *connection, void *arg)
{
    struct exchange *exchange = arg;
    struct http_server *server = exchange->server;
    exchange_id id = exchange->id;
    bool is_unanswered = exchange->state != EXCHANGE_SENT;

    (void)connection;
    if (evhttp_request_get_connection(exchange->request) == NULL)
        evhttp_request_free(exchange->request);
    forget(exchange);
    if (is_unanswered)
        server->config.on_gone(server->config.context, id);
}

static const struct timeval idle = {.tv_sec = HTTP_IDLE_SECONDS_MAX};

/* The answer has left. Idle connections are timed again, and the next request
 * may be of any size again. */
static void on_complete(struct evhttp_request *request, void *arg)
{
    struct exchange *exchange = arg;

    evhttp_connection_set_closecb(evhttp_request_get_connection(request), NULL,
                                  NULL);
    bufferevent_set_timeouts(exchange->bev, &idle, &idle);
    bufferevent_setwatermark(exchange->bev, EV_READ, 0, 0);
    forget(exchange);
}

/* While the program thinks and while we stream, we read on, because only a
 * reader learns that the other side left. What comes is the next request: kept
 * up to a bound. A stream may be idle for ever; an unread answer may not. */
static void watch_for_close(struct exchange *exchange)
{
    bufferevent_data_cb on_read, on_write;
    bufferevent_event_cb on_event;
    void *arg;

    bufferevent_getcb(exchange->bev, &on_read, &on_write, &on_event, &arg);
    bufferevent_setcb(exchange->bev, NULL, on_write, on_event, arg);
    bufferevent_set_timeouts(exchange->bev, NULL, &idle);
    bufferevent_setwatermark(exchange->bev, EV_READ, 0,
                             HTTP_PIPELINE_BYTES_MAX);
    bufferevent_enable(exchange->bev, EV_READ);
}

static struct exchange *exchange_new(struct http_server *server,
                                     struct evhttp_request *request)
{
    struct evhttp_connection *connection =
        evhttp_request_get_connection(request);
    struct exchange *exchange = xcalloc(1, sizeof *exchange);

    exchange->id = ++server->last_id;
    exchange->request = request;
    exchange->server = server;
    exchange->bev = evhttp_connection_get_bufferevent(connection);
    HASH_ADD(hh, server->exchange, id, sizeof exchange->id, exchange);
    evhttp_connection_set_closecb(connection, on_closed, exchange);
    evhttp_request_set_on_complete_cb(request, on_complete, exchange);
    return exchange;
}

/* --- answering ------------------------------------------------------------ */

static const char *date_now(struct http_server *server)
{
    time_t now = (time_t)(clock_wall_ms() / 1000);
    struct tm utc;

    if (now != server->date_at) {
        gmtime_r(&now, &utc);
        strftime(server->date, sizeof server->date, "%a, %d %b %Y %H:%M:%S GMT",
                 &utc);
        server->date_at = now;
    }
    return server->date;
}

static bool may_have_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

/* Head lines in the order in which Mesos sends them. `length` < 0: a stream. */
static void put_head(struct exchange *exchange,
                     const struct http_response *response, int64_t length)
{
    struct http_server *server = exchange->server;
    struct evkeyvalq *out =
        evhttp_request_get_output_headers(exchange->request);
    char text[24];

    evhttp_add_header(out, "Date", date_now(server));
    if (length >= 0 && may_have_body(response->status)) {
        snprintf(text, sizeof text, "%lld", (long long)length);
        evhttp_add_header(out, "Content-Length", text);
    }
    /* A value with a line break is not sent: evhttp refuses it. */
    for (uint32_t i = 0; i < response->header_count; i++)
        (void)evhttp_add_header(out, response->header[i].name,
                                response->header[i].value);
    if (response->type != MEDIA_NONE)
        evhttp_add_header(out, "Content-Type", media_type_name(response->type));
    if (server->is_draining)
        evhttp_add_header(out, "Connection", "close");
}

static void mark_sent(struct exchange *exchange)
{
    if (exchange->state == EXCHANGE_STREAMING)
        exchange->server->streams--;
    exchange->state = EXCHANGE_SENT;
    exchange->server->unsent++;
}

static void send_whole(struct exchange *exchange,
                       const struct http_response *response)
{
    struct evbuffer *body = exchange->server->scratch;
    bool is_head =
        evhttp_request_get_command(exchange->request) == EVHTTP_REQ_HEAD;

    put_head(exchange, response, (int64_t)response->body.size);
    if (!is_head && may_have_body(response->status))
        evbuffer_add(body, response->body.data, response->body.size);
    mark_sent(exchange);
    exchange->server->is_writing = true;
    evhttp_send_reply(exchange->request, response->status,
                      http_status_text(response->status), body);
    exchange->server->is_writing = false;
    assert(evbuffer_get_length(body) == 0);
}

void http_server_reply(struct http_server *server, exchange_id id,
                       const struct http_response *response)
{
    struct exchange *exchange = find(server, id);

    if (exchange != NULL && exchange->state == EXCHANGE_OPEN)
        send_whole(exchange, response);
}

static void send_head(struct exchange *exchange, int status)
{
    exchange->server->is_writing = true;
    evhttp_send_reply_start(exchange->request, status,
                            http_status_text(status));
    exchange->server->is_writing = false;
}

void http_server_reply_file(struct http_server *server, exchange_id id, int fd,
                            int64_t offset, int64_t size,
                            const struct http_response *head)
{
    struct exchange *exchange = find(server, id);
    bool is_head;

    if (exchange == NULL || exchange->state != EXCHANGE_OPEN) {
        close(fd);
        return;
    }
    is_head = evhttp_request_get_command(exchange->request) == EVHTTP_REQ_HEAD;
    put_head(exchange, head, size);
    mark_sent(exchange);
    send_head(exchange, head->status);
    if (is_head || size == 0) {
        close(fd);
    } else {
        struct evbuffer *region = evbuffer_new();
        /* By sendfile: a mapped file that shrinks under us is a SIGBUS. */
        evbuffer_set_flags(region, EVBUFFER_FLAG_DRAINS_TO_FD);
        evbuffer_add_file(region, fd, (ev_off_t)offset, (ev_off_t)size);
        evhttp_send_reply_chunk(exchange->request, region);
        evbuffer_free(region);
    }
    evhttp_send_reply_end(exchange->request);
}

/* HTTP/1.0 has no chunks: there a stream ends with its connection. */
static bool is_http_1_0(struct evhttp_request *request)
{
    return request->major == 1 && request->minor == 0;
}

void http_server_stream(struct http_server *server, exchange_id id,
                        const struct http_response *head)
{
    struct exchange *exchange = find(server, id);

    if (exchange == NULL || exchange->state != EXCHANGE_OPEN)
        return;
    put_head(exchange, head, -1);
    if (is_http_1_0(exchange->request))
        evhttp_add_header(evhttp_request_get_output_headers(exchange->request),
                          "Connection", "close");
    exchange->state = EXCHANGE_STREAMING;
    server->streams++;
    send_head(exchange, head->status);
}

/* A reader too slow for its stream: what waits for it is dropped with it. */
static void drop(struct exchange *exchange)
{
    log_line(LOG_LEVEL_WARN,
             "stream_dropped exchange=%llu reason=\"reader too slow\" "
             "bound_bytes=%zu",
             (unsigned long long)exchange->id,
             exchange->server->config.stream_bound);
    evhttp_connection_free(evhttp_request_get_connection(exchange->request));
}

void http_server_record(struct http_server *server, exchange_id id,
                        struct bytes record)
{
    struct exchange *exchange = find(server, id);
    struct evbuffer *piece = server->scratch;

    if (exchange == NULL || exchange->state != EXCHANGE_STREAMING)
        return;
    size_t waiting = evbuffer_get_length(bufferevent_get_output(exchange->bev));
    if (waiting + record.size > server->config.stream_bound) {
        drop(exchange);
        return;
    }
    buf_clear(&server->frame);
    recordio_frame(record, &server->frame);
    evbuffer_add(piece, server->frame.data, server->frame.size);
    evhttp_send_reply_chunk(exchange->request, piece);
    evbuffer_drain(piece, evbuffer_get_length(piece)); /* left for a HEAD */
}

void http_server_end(struct http_server *server, exchange_id id)
{
    struct exchange *exchange = find(server, id);

    if (exchange == NULL || exchange->state != EXCHANGE_STREAMING)
        return;
    mark_sent(exchange);
    evhttp_send_reply_end(exchange->request);
}

/* --- asking --------------------------------------------------------------- */

static void refuse(struct exchange *exchange, int status, const char *why)
{
    evhttp_add_header(evhttp_request_get_output_headers(exchange->request),
                      "Connection", "close");
    send_whole(exchange, &(struct http_response){
                             .status = status,
                             .type = MEDIA_TEXT,
                             .body = bytes_of_text(why),
                         });
}

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

/* Decode %XX of a path in place of evhttp's own, which stops at nothing. */
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
    if (strncasecmp(uri, "http://", 7) == 0) {
        uri += 7;
        uri += strcspn(uri, "/?#");
    }
    size_t size = strcspn(uri, "?#");
    *query = uri[size] == '?' ? uri + size + 1 : "";
    if (size == 0 || strcmp(uri, "*") == 0) {
        strcpy(path, "/");
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

static void on_request(struct evhttp_request *request, void *arg)
{
    struct http_server *server = arg;
    struct exchange *exchange = exchange_new(server, request);
    struct http_header header[HTTP_HEADERS_MAX];
    char path[HTTP_PATH_MAX], peer[64];
    const char *uri = evhttp_request_get_uri(request), *wrong;
    struct http_request in = {.header = header, .path = path, .peer = peer};
    char *address;
    ev_uint16_t port;

    watch_for_close(exchange);
    if (strlen(uri) >= sizeof path) {
        refuse(exchange, 414, "request target: longer than 4095 bytes\n");
        return;
    }
    wrong = read_headers(evhttp_request_get_input_headers(request), header,
                         &in.header_count);
    if (wrong == NULL)
        wrong = read_target(uri, path, &in.query);
    if (wrong != NULL) {
        refuse(exchange, in.header_count == HTTP_HEADERS_MAX ? 431 : 400,
               wrong);
        return;
    }
    in.method = method_of(evhttp_request_get_command(request));
    in.method_name = method_name_of(evhttp_request_get_command(request));
    in.body = read_body(request);
    evhttp_connection_get_peer(evhttp_request_get_connection(request), &address,
                               &port);
    snprintf(peer, sizeof peer, strchr(address, ':') ? "[%s]:%u" : "%s:%u",
             address, port);
    server->config.on_request(server->config.context, exchange->id, &in);
}

/* --- refusals of evhttp's own --------------------------------------------- */

/* evhttp answers what it cannot parse, and a body that is too long, by itself,
 * with a page for browsers. There is no hook for that in 2.1, so we watch what
 * is put into a connection's output: a status line that is not ours is such a
 * page, and gives way to a plain text before the loop can write it. */
struct foreign {
    struct foreign *next;
    struct bufferevent *bev; /* a reference of our own */
};

static const char *refusal_text(int status)
{
    switch (status) {
    case 413:
        return "request body: too long, want at most 8388608 bytes\n";
    case 417:
        return "Expect: want 100-continue\n";
    case 501:
        return "request method: want GET, HEAD, POST, PUT, DELETE or "
               "OPTIONS\n";
    default:
        return "request: want well-formed HTTP/1.1, with at most 65536 bytes "
               "of header lines\n";
    }
}
static_assert(HTTP_BODY_MAX == 8388608 && HTTP_HEADERS_BYTES_MAX == 65536,
              "the limits in the texts above");

static void replace_page(struct http_server *server, struct evbuffer *out)
{
    char line[16] = "";
    int status = 0;

    (void)evbuffer_copyout(out, line, sizeof line - 1);
    if (sscanf(line, "HTTP/%*u.%*u %d", &status) != 1)
        return; /* the connection ended meanwhile */
    const char *text = refusal_text(status);
    evbuffer_unfreeze(out, 1);
    evbuffer_drain(out, evbuffer_get_length(out));
    evbuffer_freeze(out, 1);
    evbuffer_add_printf(out,
                        "HTTP/1.1 %d %s\r\nDate: %s\r\n"
                        "Content-Length: %zu\r\nConnection: close\r\n"
                        "Content-Type: %s\r\n\r\n%s",
                        status, http_status_text(status), date_now(server),
                        strlen(text), media_type_name(MEDIA_TEXT), text);
}

static void on_foreign(evutil_socket_t fd, short what, void *arg)
{
    struct http_server *server = arg;
    struct foreign *foreign;

    (void)fd;
    (void)what;
    while ((foreign = server->foreign) != NULL) {
        server->foreign = foreign->next;
        if (bufferevent_getfd(foreign->bev) >= 0)
            replace_page(server, bufferevent_get_output(foreign->bev));
        bufferevent_decref(foreign->bev);
        free(foreign);
    }
}

/* A connection's server. evhttp hands no context of ours through. */
static struct http_server *server_of(struct bufferevent *bev)
{
    struct evhttp_connection *connection = NULL;
    struct http_server *server;

    bufferevent_getcb(bev, NULL, NULL, NULL, (void **)&connection);
    if (connection == NULL)
        return NULL;
    for (server = servers; server != NULL; server = server->next)
        if (server->http == evhttp_connection_get_server(connection))
            break;
    return server;
}

static void on_output(struct evbuffer *out, const struct evbuffer_cb_info *info,
                      void *arg)
{
    struct bufferevent *bev = arg;
    struct http_server *server;
    struct foreign *foreign;
    char line[12];

    if (info->orig_size > 0 || info->n_added < sizeof line ||
        evbuffer_copyout(out, line, sizeof line) < (ev_ssize_t)sizeof line ||
        strncmp(line + 8, " 100", 4) == 0)
        return;
    server = server_of(bev);
    if (server == NULL || server->is_writing)
        return;
    foreign = xmalloc(sizeof *foreign);
    *foreign = (struct foreign){server->foreign, bev};
    server->foreign = foreign;
    bufferevent_incref(bev);
    event_active(server->on_foreign, EV_TIMEOUT, 1);
}

static struct bufferevent *make_bufferevent(struct event_base *base, void *arg)
{
    struct bufferevent *bev =
        bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);

    (void)arg;
    assert(bev != NULL);
    evbuffer_add_cb(bufferevent_get_output(bev), on_output, bev);
    return bev;
}

/* --- listening ------------------------------------------------------------ */

static void on_accept_again(evutil_socket_t fd, short what, void *arg)
{
    struct http_server *server = arg;

    (void)fd;
    (void)what;
    if (server->listener != NULL)
        evconnlistener_enable(server->listener);
}

/* Without a pause the loop would spin: the connection stays in the queue. */
static void on_accept_failed(struct evconnlistener *listener, void *arg)
{
    struct http_server *server = arg;
    struct timeval pause = {.tv_usec = ACCEPT_PAUSE_MS * 1000};

    log_line(LOG_LEVEL_WARN, "accept_failed reason=%s, retrying",
             log_value(strerror(errno)));
    evconnlistener_disable(listener);
    evtimer_add(server->accept_again, &pause);
}

static int bound_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;

    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return -1;
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static int listen_at(struct http_server *server, struct event_base *base,
                     struct err *err)
{
    const struct http_server_config *config = &server->config;
    struct sockaddr_storage address;
    socklen_t size;
    int one = 1, status;

    status = address_parse(config->ip, config->port, &address, &size, err);
    if (status < 0)
        return status;
    server->listener = evconnlistener_new_bind(
        base, NULL, NULL,
        LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE,
        LISTEN_BACKLOG, (struct sockaddr *)&address, (int)size);
    if (server->listener == NULL) {
        bool is_taken = errno == EADDRINUSE;
        status = err_set(err, is_taken ? ERR_BUSY : ERR_NETWORK,
                         "cannot listen on %s:%d: %s", config->ip, config->port,
                         strerror(errno));
        if (is_taken)
            err_hint(err, "another process has this port; choose one with "
                          "--port, or end that process");
        return status;
    }
    evutil_socket_t fd = evconnlistener_get_fd(server->listener);
    /* Accepted sockets inherit it. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    server->port = bound_port(fd);
    return 0;
}

int http_server_open(struct http_server **out, struct event_base *base,
                     const struct http_server_config *config, struct err *err)
{
    struct http_server *server = xcalloc(1, sizeof *server);
    int status;

    server->config = *config;
    status = listen_at(server, base, err);
    if (status < 0) {
        free(server);
        return status;
    }
    server->http = evhttp_new(base);
    server->scratch = evbuffer_new();
    server->accept_again = evtimer_new(base, on_accept_again, server);
    server->on_foreign = event_new(base, -1, 0, on_foreign, server);
    assert(server->http && server->scratch && server->accept_again &&
           server->on_foreign);
    server->next = servers;
    servers = server;
    evhttp_set_allowed_methods(server->http, METHODS_ALL);
    evhttp_set_default_content_type(server->http, NULL);
    evhttp_set_max_headers_size(server->http, HTTP_HEADERS_BYTES_MAX);
    evhttp_set_max_body_size(server->http, HTTP_BODY_MAX);
    evhttp_set_timeout(server->http, HTTP_IDLE_SECONDS_MAX);
    evhttp_set_gencb(server->http, on_request, server);
    evhttp_set_bevcb(server->http, make_bufferevent, server);
    evhttp_bind_listener(server->http, server->listener);
    evconnlistener_set_error_cb(server->listener, on_accept_failed);
    *out = server;
    return 0;
}

void http_server_close(struct http_server *server)
{
    struct exchange *exchange, *next;

    if (server == NULL)
        return;
    /* evhttp frees connections with their requests; nobody is told. */
    HASH_ITER(hh, server->exchange, exchange, next)
    {
        evhttp_connection_set_closecb(
            evhttp_request_get_connection(exchange->request), NULL, NULL);
        HASH_DEL(server->exchange, exchange);
        free(exchange);
    }
    on_foreign(-1, 0, server); /* let go of the references */
    for (struct http_server **at = &servers; *at != NULL; at = &(*at)->next)
        if (*at == server) {
            *at = server->next;
            break;
        }
    event_free(server->on_foreign);
    event_free(server->accept_again);
    evhttp_free(server->http);
    evbuffer_free(server->scratch);
    buf_release(&server->frame);
    free(server);
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

void http_server_drain(struct http_server *server)
{
    server->is_draining = true;
    evconnlistener_disable(server->listener);
    event_del(server->accept_again);
}

uint32_t http_server_unsent(const struct http_server *server)
{
    uint32_t count = server->unsent;

    for (struct exchange *e = server->exchange; e != NULL; e = e->hh.next)
        if (e->state == EXCHANGE_STREAMING &&
            evbuffer_get_length(bufferevent_get_output(e->bev)) > 0)
            count++;
    return count;
}

uint32_t http_server_streams(const struct http_server *server)
{
    return server->streams;
}
