#include "sys/http_server.h"
#include "base/alloc.h"
#include "sys/clock.h"
#include "sys/http_listen.h"
#include "sys/http_pump.h"
#include "sys/http_refusal.h"
#include "sys/http_request.h"
#include "sys/id_map.h"
#include "sys/log.h"
#include "sys/tls.h"
#include "wire/recordio.h"
#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    ACCEPT_PAUSE_MS = 100, /* after accept() failed, for want of descriptors */
    FULL_SAID_MS = 10000,
    METHODS_KNOWN = EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
                    EVHTTP_REQ_DELETE | EVHTTP_REQ_HEAD | EVHTTP_REQ_OPTIONS |
                    EVHTTP_REQ_PATCH | EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT
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
    struct blob *last_words; /* for a reader too slow; owned, or NULL */
    struct http_pump *pump;  /* of a file that TLS sends; owned, or NULL */
};

struct http_server {
    struct http_server_config config;
    struct evhttp *http;
    struct evconnlistener *listener; /* evhttp's once bound */
    struct event *accept_again;      /* owned */
    struct id_map exchange;          /* by id; owned */
    struct evbuffer *scratch;        /* empty between calls; owned */
    struct buf frame;                /* one framed record; owned */
    exchange_id last_id;
    uint32_t streams;
    uint32_t unsent;
    int port;
    int descriptors_max;   /* open ones, at which we stop accepting */
    int64_t full_again_ms; /* say so again when it was not for so long */
    bool is_draining;
    struct http_refusal refusal;
};

static struct exchange *find(struct http_server *server, exchange_id id)
{
    return id_map_get(&server->exchange, id);
}

static void forget(struct exchange *exchange)
{
    struct http_server *server = exchange->server;

    if (exchange->state == EXCHANGE_STREAMING)
        server->streams--;
    if (exchange->state == EXCHANGE_SENT)
        server->unsent--;
    (void)id_map_remove(&server->exchange, exchange->id);
    blob_unref(exchange->last_words);
    http_pump_free(exchange->pump);
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
    id_map_put(&server->exchange, exchange->id, exchange);
    evhttp_connection_set_closecb(connection, on_closed, exchange);
    evhttp_request_set_on_complete_cb(request, on_complete, exchange);
    return exchange;
}

/* --- answering --- */

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

    evhttp_add_header(out, "Date", clock_http_date());
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
    exchange->server->refusal.is_ours = true;
    evhttp_send_reply(exchange->request, response->status,
                      http_status_text(response->status), body);
    exchange->server->refusal.is_ours = false;
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
    exchange->server->refusal.is_ours = true;
    evhttp_send_reply_start(exchange->request, status,
                            http_status_text(status));
    exchange->server->refusal.is_ours = false;
}

/* By sendfile: a mapped file that shrinks under us is a SIGBUS. */
static void send_region(struct exchange *exchange, int fd, int64_t offset,
                        int64_t size)
{
    struct evbuffer *region = evbuffer_new();

    evbuffer_set_flags(region, EVBUFFER_FLAG_DRAINS_TO_FD);
    evbuffer_add_file(region, fd, (ev_off_t)offset, (ev_off_t)size);
    evhttp_send_reply_chunk(exchange->request, region);
    evbuffer_free(region);
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
    } else if (server->config.tls != NULL) {
        exchange->pump = http_pump_new(exchange->request, fd, offset, size);
        http_pump_start(exchange->pump); /* which ends the reply, too */
        return;
    } else {
        send_region(exchange, fd, offset, size);
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
    if (head->body.size > 0)
        exchange->last_words = blob_new(head->body);
    exchange->state = EXCHANGE_STREAMING;
    server->streams++;
    send_head(exchange, head->status);
}

static void send_record(struct exchange *exchange, struct bytes record)
{
    struct http_server *server = exchange->server;
    struct evbuffer *piece = server->scratch;

    buf_clear(&server->frame);
    recordio_frame(record, &server->frame);
    evbuffer_add(piece, server->frame.data, server->frame.size);
    evhttp_send_reply_chunk(exchange->request, piece);
    evbuffer_drain(piece, evbuffer_get_length(piece)); /* left for a HEAD */
}

/* A reader too slow for its stream. It gets its last words behind what waits
 * already, and the end; without such words it is cut off. */
static void give_up(struct exchange *exchange)
{
    struct http_server *server = exchange->server;
    exchange_id id = exchange->id;

    log_line(LOG_LEVEL_WARN,
             "stream_dropped exchange=%llu reason=\"reader too slow\" "
             "bound_bytes=%zu",
             (unsigned long long)id, server->config.stream_bound);
    if (exchange->last_words == NULL) {
        evhttp_connection_free(
            evhttp_request_get_connection(exchange->request));
        return;
    }
    send_record(exchange, blob_bytes(exchange->last_words));
    mark_sent(exchange);
    evhttp_send_reply_end(exchange->request);
    server->config.on_gone(server->config.context, id);
}

void http_server_record(struct http_server *server, exchange_id id,
                        struct bytes record)
{
    struct exchange *exchange = find(server, id);

    if (exchange == NULL || exchange->state != EXCHANGE_STREAMING)
        return;
    size_t waiting = evbuffer_get_length(bufferevent_get_output(exchange->bev));
    if (waiting + record.size > server->config.stream_bound)
        give_up(exchange);
    else
        send_record(exchange, record);
}

void http_server_end(struct http_server *server, exchange_id id)
{
    struct exchange *exchange = find(server, id);

    if (exchange == NULL || exchange->state != EXCHANGE_STREAMING)
        return;
    mark_sent(exchange);
    evhttp_send_reply_end(exchange->request);
}

/* --- asking --- */

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

static bool is_open(const struct http_server *server, const char *path)
{
    const char *open = server->config.open_path;

    return !server->config.wants_certificate ||
           (open != NULL && strncmp(path, open, strlen(open)) == 0);
}

static void on_request(struct evhttp_request *request, void *arg)
{
    struct http_server *server = arg;
    struct exchange *exchange = exchange_new(server, request);
    struct http_request_room room;
    struct http_request in;
    char name[TLS_NAME_MAX];
    const char *why;

    watch_for_close(exchange);
    int status = http_request_read(request, &room, &in, &why);
    if (status == 0 && server->config.tls != NULL)
        in.certificate = tls_peer_name(server->config.tls, exchange->bev, name);
    if (status != 0)
        refuse(exchange, status, why);
    else if (in.certificate == NULL && !is_open(server, in.path))
        refuse(exchange, 403,
               "a client certificate is wanted here, from this listener's CA "
               "and with one common name\n");
    else
        server->config.on_request(server->config.context, exchange->id, &in);
}

/* --- listening --- */

static void on_accept_again(evutil_socket_t fd, short what, void *arg)
{
    struct http_server *server = arg;

    (void)fd;
    (void)what;
    if (server->listener != NULL)
        evconnlistener_enable(server->listener);
}

static void pause_accepting(struct http_server *server)
{
    struct timeval pause = {.tv_usec = ACCEPT_PAUSE_MS * 1000};

    evconnlistener_disable(server->listener);
    evtimer_add(server->accept_again, &pause);
}

/* Without a pause the loop would spin: the connection stays in the queue. */
static void on_accept_failed(struct evconnlistener *listener, void *arg)
{
    (void)listener;
    log_line(LOG_LEVEL_WARN, "accept_failed reason=%s, retrying",
             log_value(strerror(errno)));
    pause_accepting(arg);
}

/* A new descriptor gets the lowest free number, so it tells how many are open.
 * Nobody tells us when evhttp closes one: we look again after a while. */
static void on_connection(void *context)
{
    struct http_server *server = context;
    int fd = fcntl(evconnlistener_get_fd(server->listener), F_DUPFD_CLOEXEC, 0);

    if (fd >= 0)
        close(fd);
    if (fd >= 0 && fd < server->descriptors_max)
        return;
    if (clock_monotonic_ms() >= server->full_again_ms)
        log_line(LOG_LEVEL_WARN,
                 "connections_full descriptors=%d, waiting until some close",
                 server->descriptors_max);
    server->full_again_ms = clock_monotonic_ms() + FULL_SAID_MS;
    pause_accepting(server);
}

static int descriptors_max(const struct http_server_config *config)
{
    struct rlimit limit = {.rlim_cur = 1024};
    rlim_t most =
        config->connections_max > 0 && config->connections_max < INT_MAX / 2
            ? config->connections_max + HTTP_DESCRIPTORS_SPARE
            : INT_MAX;

    (void)getrlimit(RLIMIT_NOFILE, &limit);
    rlim_t usable = limit.rlim_cur > 2 * (rlim_t)HTTP_DESCRIPTORS_SPARE
                        ? limit.rlim_cur - HTTP_DESCRIPTORS_SPARE
                        : limit.rlim_cur / 2;
    return (int)(most < usable ? most : usable);
}

int http_server_open(struct http_server **out, struct event_base *base,
                     const struct http_server_config *config, struct err *err)
{
    struct http_server *server = xcalloc(1, sizeof *server);
    int status;

    server->config = *config;
    server->last_id = config->ids_from;
    status = http_listen(base, config, &server->listener, err);
    if (status < 0) {
        free(server);
        return status;
    }
    server->port = http_listen_port(server->listener);
    server->http = evhttp_new(base);
    server->scratch = evbuffer_new();
    server->accept_again = evtimer_new(base, on_accept_again, server);
    assert(server->http && server->scratch && server->accept_again);
    http_refusal_init(&server->refusal, base, server->http);
    server->refusal.tls = config->tls;
    server->refusal.on_connection = on_connection;
    server->refusal.context = server;
    server->descriptors_max = descriptors_max(config);
    evhttp_set_allowed_methods(server->http, METHODS_KNOWN);
    evhttp_set_default_content_type(server->http, NULL);
    evhttp_set_max_headers_size(server->http, HTTP_HEADERS_BYTES_MAX);
    evhttp_set_max_body_size(server->http, HTTP_BODY_MAX);
    evhttp_set_timeout(server->http, HTTP_IDLE_SECONDS_MAX);
    evhttp_set_gencb(server->http, on_request, server);
    evhttp_bind_listener(server->http, server->listener);
    evconnlistener_set_error_cb(server->listener, on_accept_failed);
    *out = server;
    return 0;
}

void http_server_close(struct http_server *server)
{
    struct exchange *exchange;

    if (server == NULL)
        return;
    /* evhttp frees connections with their requests; nobody is told. */
    while ((exchange = id_map_take(&server->exchange)) != NULL) {
        evhttp_connection_set_closecb(
            evhttp_request_get_connection(exchange->request), NULL, NULL);
        blob_unref(exchange->last_words);
        http_pump_free(exchange->pump);
        free(exchange);
    }
    id_map_release(&server->exchange);
    http_refusal_release(&server->refusal);
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
    const struct exchange *exchange;
    uint32_t count = server->unsent, at = 0;

    while ((exchange = id_map_next(&server->exchange, &at)) != NULL)
        if (exchange->state == EXCHANGE_STREAMING &&
            evbuffer_get_length(bufferevent_get_output(exchange->bev)) > 0)
            count++;
    return count;
}

uint32_t http_server_streams(const struct http_server *server)
{
    return server->streams;
}
