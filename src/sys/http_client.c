#include "sys/http_client.h"
#include "base/alloc.h"
#include "sys/address.h"
#include "sys/http_call.h"
#include "sys/http_reader.h"
#include "sys/id_map.h"
#include "sys/tcp.h"
#include "sys/tls.h"
#include "wire/recordio.h"
#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HOST_PORT_MAX = ADDRESS_NAME_MAX + ADDRESS_SOCKET_MAX + 16,
    READ_VIEW_MAX = 64 << 10 /* bytes looked at in one go */
};

/* One exchange. It waits in its host's queue, then owns a link. */
struct call {
    exchange_id id;
    struct http_client *client;
    struct host *host; /* NULL for a stream */
    struct link *link; /* NULL while waiting */
    struct event *timer;
    struct sockaddr_storage address;
    socklen_t address_size;
    char *tls_host; /* whom we want to talk to; owned; NULL: in plain */
    bool is_stream;
    bool is_head_request;
    bool has_head;   /* the head of a stream was reported */
    struct buf text; /* the request, until it is sent */
    struct buf body; /* of the answer */
    struct recordio records;
    TAILQ_ENTRY(call) next;
};

/* One connection, serving one exchange at a time. */
struct link {
    struct http_client *client;
    struct host *host; /* NULL for a stream's */
    struct call *call; /* NULL while idle */
    struct bufferevent *bev;
    struct http_reader reader;
    char *tls_host; /* owned; NULL: in plain */
    bool is_connected;
};

struct host {
    char name[HOST_PORT_MAX]; /* "http://127.0.0.1:5050" */
    struct link *link;        /* owned; NULL when there is none */
    TAILQ_HEAD(, call) waiting;
    uint32_t waiting_count;
    struct host *next;
};

struct http_client {
    struct event_base *base;
    struct http_client_config config;
    struct host *host;  /* a list, kept for ever: they are few; owned */
    struct id_map call; /* by exchange; owned */
    uint32_t pending;
};

static void host_advance(struct host *host);

/* `host` is the link's; NULL for a stream's. */
static void link_free(struct host *host, struct link *link)
{
    if (host != NULL)
        host->link = NULL;
    bufferevent_free(link->bev);
    http_reader_release(&link->reader);
    free(link->tls_host);
    free(link);
}

/* Detach from everything and free. The link, if any, survives. */
static void call_free(struct call *call)
{
    struct http_client *client = call->client;

    if (call->link != NULL)
        call->link->call = NULL;
    else if (call->host != NULL) {
        TAILQ_REMOVE(&call->host->waiting, call, next);
        call->host->waiting_count--;
    }
    if (!call->is_stream)
        client->pending--;
    (void)id_map_remove(&client->call, call->id);
    if (call->timer != NULL)
        event_free(call->timer);
    buf_release(&call->text);
    buf_release(&call->body);
    recordio_release(&call->records);
    free(call->tls_host);
    free(call);
}

/* End the exchange on a link that cannot be used again. */
static void call_break(struct call *call, const char *why)
{
    struct http_client *client = call->client;
    struct host *host = call->host;
    struct link *link = call->link;
    exchange_id id = call->id;

    call_free(call);
    if (link != NULL)
        link_free(host, link);
    client->config.on_broken(client->config.context, id, why);
    if (host != NULL)
        host_advance(host);
}

static void link_idle(struct link *link)
{
    static const struct timeval keep = {.tv_sec = HTTP_KEEP_ALIVE_MS / 1000};

    http_reader_clear(&link->reader);
    bufferevent_set_timeouts(link->bev, &keep, NULL);
}

/* The answer came whole: tell, and give the link to the next call. */
static void call_finish(struct call *call)
{
    struct http_client *client = call->client;
    struct host *host = call->host;
    struct link *link = call->link;
    struct http_response response = link->reader.response;
    exchange_id id = call->id;

    if (call->has_head) {
        call_break(call, "stream ended");
        return;
    }
    struct buf body = call->body;
    call->body = (struct buf){0};
    response.body = bytes_of(buf_text(&body), body.size);
    call_free(call);
    client->config.on_answer(client->config.context, id, &response);
    buf_release(&body);
    if (host == NULL || !link->reader.is_keep_alive)
        link_free(host, link);
    else
        link_idle(link);
    if (host != NULL)
        host_advance(host);
}

static int take_piece(struct call *call, struct bytes piece, struct err *err)
{
    struct http_client *client = call->client;
    struct bytes record;
    int status;

    if (!call->has_head) {
        if (call->body.size + piece.size > client->config.body_max)
            return err_set(err, ERR_LIMIT, "answer: longer than %zu bytes",
                           client->config.body_max);
        buf_add_bytes(&call->body, piece);
        return 0;
    }
    recordio_feed(&call->records, piece);
    while ((status = recordio_next(&call->records, &record, err)) > 0)
        client->config.on_record(client->config.context, call->id, record);
    return status;
}

static void take_head(struct call *call)
{
    struct http_client *client = call->client;

    if (!call->is_stream || call->link->reader.response.status != 200)
        return;
    call->has_head = true;
    event_del(call->timer);
    client->config.on_answer(client->config.context, call->id,
                             &call->link->reader.response);
}

/* Returns 1 when the answer is over, 0 when it is not, or -ERR_. */
static int take_view(struct link *link, struct bytes *view, struct err *err)
{
    struct bytes piece;

    for (;;) {
        int what = http_reader_next(&link->reader, view, &piece, err);
        if (what == HTTP_READ_HEAD)
            take_head(link->call);
        else if (what == HTTP_READ_PIECE)
            what = take_piece(link->call, piece, err);
        else
            return what == HTTP_READ_END ? 1 : what;
        if (what < 0)
            return what;
    }
}

/* Understand what came; false when the call or the link ended over it. */
static bool take_input(struct link *link)
{
    struct evbuffer *in = bufferevent_get_input(link->bev);
    struct err err = {0};
    size_t size;

    while ((size = evbuffer_get_length(in)) > 0) {
        if (link->call == NULL) { /* nobody asked: not a server to trust */
            link_free(link->host, link);
            return false;
        }
        if (size > READ_VIEW_MAX)
            size = READ_VIEW_MAX;
        struct bytes view = {evbuffer_pullup(in, (ev_ssize_t)size), size};
        int status = take_view(link, &view, &err);
        if (status < 0) {
            call_break(link->call, err.text);
            return false;
        }
        evbuffer_drain(in, size - view.size);
        if (status == 1) {
            call_finish(link->call); /* may free the link */
            return false;
        }
        if (view.size == size)
            break; /* an incomplete line: wait for more */
    }
    return true;
}

static void on_read(struct bufferevent *bev, void *arg)
{
    (void)bev;
    (void)take_input(arg);
}

/* A server that refuses a long body answers and closes before it read all. Our
 * writing fails then, but the answer is there to be read. */
static bool take_last_words(struct link *link)
{
    struct evbuffer *in = bufferevent_get_input(link->bev);

    if (link->tls_host != NULL) {
        tls_last_words(link->client->config.tls, link->bev, in);
        return take_input(link);
    }
    evbuffer_unfreeze(in, 0);
    while (evbuffer_read(in, bufferevent_getfd(link->bev), READ_VIEW_MAX) > 0)
        ;
    evbuffer_freeze(in, 0);
    return take_input(link);
}

static void on_end(struct link *link, const char *why)
{
    struct err err = {0};

    if (link->call == NULL) {
        struct host *host = link->host;
        link_free(host, link);
        host_advance(host);
        return;
    }
    if (why == NULL && http_reader_eof(&link->reader, &err) == HTTP_READ_END) {
        link->reader.is_keep_alive = false;
        call_finish(link->call);
        return;
    }
    call_break(link->call, why != NULL ? why : err.text);
}

/* What a connection that was refused on the spot leaves behind says little. */
static const char *connect_reason(int error)
{
    return strerror(error == 0 || error == EINPROGRESS ? ECONNREFUSED : error);
}

static void say_why(struct link *link, int error, char *out, size_t size)
{
    char tls[160];

    if (link->tls_host != NULL &&
        tls_failure(link->client->config.tls, link->bev, link->tls_host, tls,
                    sizeof tls))
        snprintf(out, size, "%s: %s",
                 link->is_connected ? "connection broke" : "cannot connect",
                 tls);
    else if (!link->is_connected)
        snprintf(out, size, "cannot connect: %s", connect_reason(error));
    else
        snprintf(out, size, "connection broke: %s", strerror(error));
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct link *link = arg;
    int error = EVUTIL_SOCKET_ERROR();
    char why[192];

    (void)bev;
    if (what & BEV_EVENT_CONNECTED) {
        link->is_connected = true;
        return;
    }
    if ((what & BEV_EVENT_WRITING) && link->is_connected &&
        link->call != NULL && !take_last_words(link))
        return;
    if (what & BEV_EVENT_EOF) {
        on_end(link, NULL);
        return;
    }
    say_why(link, error, why, sizeof why);
    on_end(link, why);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct call *call = arg;

    (void)fd;
    (void)what;
    call_break(call, call->link != NULL && !call->link->is_connected
                         ? "cannot connect: timed out"
                         : "no answer: timed out");
}

/* Behind TLS the socket connects first: the handshake waits until it can be
 * written to, and then finds what became of it. */
static struct bufferevent *make_bufferevent(struct call *call, int fd)
{
    struct http_client *client = call->client;

    if (call->tls_host == NULL)
        return bufferevent_socket_new(client->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (fd >= 0)
        (void)connect(fd, (struct sockaddr *)&call->address,
                      call->address_size);
    return tls_connect(client->config.tls, client->base, fd, call->tls_host);
}

static struct link *link_open(struct call *call)
{
    struct link *link = xcalloc(1, sizeof *link);
    int fd = socket(call->address.ss_family,
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    link->client = call->client;
    link->host = call->host;
    if (call->tls_host != NULL)
        link->tls_host = xstrdup(call->tls_host);
    http_reader_init(&link->reader);
    if (fd >= 0 && call->address.ss_family != AF_UNIX)
        tcp_prepare(fd);
    link->bev = make_bufferevent(call, fd);
    assert(link->bev != NULL);
    bufferevent_setcb(link->bev, on_read, NULL, on_event, link);
    if (link->host != NULL)
        link->host->link = link;
    return link;
}

/* Put the request on a link, connecting it when it is new. Most failures to
 * connect are reported by on_event, from the loop; -1 is one at once. */
static int call_send(struct call *call, struct link *link)
{
    struct evbuffer *out = bufferevent_get_output(link->bev);
    bool is_new = !link->is_connected;

    call->link = link;
    link->call = call;
    link->reader.is_head_request = call->is_head_request;
    evbuffer_add(out, call->text.data, call->text.size);
    buf_release(&call->text);
    bufferevent_set_timeouts(link->bev, NULL, NULL);
    if (is_new && link->tls_host == NULL &&
        bufferevent_socket_connect(link->bev, (struct sockaddr *)&call->address,
                                   (int)call->address_size) < 0)
        return -1;
    bufferevent_enable(link->bev, EV_READ | EV_WRITE);
    return 0;
}

/* As call_send, but a failure ends the exchange. */
static void call_send_or_break(struct host *host, struct call *call,
                               struct link *link)
{
    struct http_client *client = call->client;
    exchange_id id = call->id;
    char why[160];

    if (call_send(call, link) == 0)
        return;
    snprintf(why, sizeof why, "cannot connect: %s", connect_reason(errno));
    call_free(call);
    link_free(host, link);
    client->config.on_broken(client->config.context, id, why);
}

/* Give the host's connection to the next call in line. */
static void host_advance(struct host *host)
{
    struct call *call;

    while ((host->link == NULL || host->link->call == NULL) &&
           (call = TAILQ_FIRST(&host->waiting)) != NULL) {
        TAILQ_REMOVE(&host->waiting, call, next);
        host->waiting_count--;
        call_send_or_break(host, call,
                           host->link != NULL ? host->link : link_open(call));
    }
}

static struct host *host_of(struct http_client *client, const struct url *url)
{
    char name[HOST_PORT_MAX];
    struct host *host;

    snprintf(name, sizeof name, "%s%s%s:%d", url->is_tls ? "https://" : "",
             url->socket, url->host, url->port);
    for (host = client->host; host != NULL; host = host->next)
        if (strcmp(host->name, name) == 0)
            return host;
    host = xcalloc(1, sizeof *host);
    memcpy(host->name, name, sizeof name);
    TAILQ_INIT(&host->waiting);
    host->next = client->host;
    client->host = host;
    return host;
}

static struct call *call_new(struct http_client *client,
                             const struct http_call *in, const struct url *url)
{
    struct call *call = xcalloc(1, sizeof *call);
    int64_t ms = in->timeout_ms > 0 ? in->timeout_ms
                 : in->is_stream    ? HTTP_FOLLOW_HEAD_MS
                                    : HTTP_CALL_MS_DEFAULT;
    struct timeval timeout = {ms / 1000, ms % 1000 * 1000};

    call->id = in->exchange;
    call->client = client;
    call->is_stream = in->is_stream;
    call->is_head_request = in->method == HTTP_HEAD;
    http_call_write(&call->text, in, url);
    call->timer = evtimer_new(client->base, on_timer, call);
    assert(call->timer != NULL);
    evtimer_add(call->timer, &timeout);
    if (!call->is_stream)
        client->pending++;
    id_map_put(&client->call, call->id, call);
    return call;
}

static int find_address(struct http_client *client, const struct url *url,
                        struct sockaddr_storage *out, socklen_t *out_size,
                        struct err *err)
{
    if (url->is_tls && client->config.tls == NULL)
        return err_set(err, ERR_UNSUPPORTED,
                       "https://%s: this program was given no TLS", url->host);
    if (url->socket[0] != '\0')
        return address_of_socket(url->socket, out, out_size, err);
    if (client->config.resolve != NULL)
        return client->config.resolve(url->host, url->port, out, out_size, err);
    return address_parse(url->host, url->port, out, out_size, err);
}

void http_client_begin(struct http_client *client, const struct http_call *in)
{
    struct sockaddr_storage address;
    socklen_t address_size;
    struct url url;
    struct err err = {0};
    struct host *host = NULL;

    if (url_parse(in->url, &url, &err) < 0 || http_call_check(in, &err) < 0 ||
        find_address(client, &url, &address, &address_size, &err) < 0)
        goto broken;
    if (!in->is_stream) {
        host = host_of(client, &url);
        if (host->waiting_count == HTTP_CALLS_WAITING_MAX) {
            (void)err_set(&err, ERR_BUSY, "%u calls to %s wait already",
                          host->waiting_count, host->name);
            goto broken;
        }
    }
    struct call *call = call_new(client, in, &url);
    call->address = address;
    call->address_size = address_size;
    if (url.is_tls)
        call->tls_host = xstrdup(url.host);
    if (in->is_stream) {
        call_send_or_break(NULL, call, link_open(call));
        return;
    }
    call->host = host;
    TAILQ_INSERT_TAIL(&host->waiting, call, next);
    host->waiting_count++;
    host_advance(host);
    return;

broken:
    client->config.on_broken(client->config.context, in->exchange, err.text);
}

void http_client_hangup(struct http_client *client, exchange_id exchange)
{
    struct call *call = id_map_get(&client->call, exchange);

    if (call == NULL)
        return;
    struct host *host = call->host;
    struct link *link = call->link;
    call_free(call);
    if (link != NULL)
        link_free(host, link);
    if (host != NULL)
        host_advance(host);
}

struct http_client *http_client_open(struct event_base *base,
                                     const struct http_client_config *config)
{
    struct http_client *client = xcalloc(1, sizeof *client);

    client->base = base;
    client->config = *config;
    return client;
}

void http_client_close(struct http_client *client)
{
    struct call *call;
    struct host *host;
    uint32_t at = 0;

    if (client == NULL)
        return;
    while ((call = id_map_next(&client->call, &at)) != NULL) {
        struct link *link = call->link;
        struct host *its_host = call->host;
        call_free(call);
        if (link != NULL)
            link_free(its_host, link);
        at = 0; /* freeing moved the entries */
    }
    id_map_release(&client->call);
    while ((host = client->host) != NULL) {
        client->host = host->next;
        if (host->link != NULL)
            link_free(host, host->link);
        free(host);
    }
    free(client);
}

void http_client_set_tls(struct http_client *client, struct tls *tls)
{
    client->config.tls = tls;
}

void http_client_set_resolver(struct http_client *client,
                              http_client_resolve *resolve)
{
    client->config.resolve = resolve;
}

uint32_t http_client_pending(const struct http_client *client)
{
    return client->pending;
}
