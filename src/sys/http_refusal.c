#include "sys/http_refusal.h"
#include "base/alloc.h"
#include "sys/clock.h"
#include "sys/tls.h"
#include "wire/http.h"
#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct foreign_page {
    struct foreign_page *next;
    struct bufferevent *bev; /* a reference of our own */
};

/* All of this process: what evhttp hands us names only the evhttp. */
static struct http_refusal *refusals;

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

/* Where a socket is written directly, the front of its output is frozen. */
static void replace(struct evbuffer *out, bool is_frozen)
{
    char line[16] = "";
    int status = 0;

    (void)evbuffer_copyout(out, line, sizeof line - 1);
    if (sscanf(line, "HTTP/%*u.%*u %d", &status) != 1)
        return; /* the connection ended meanwhile */
    const char *text = refusal_text(status);
    evbuffer_unfreeze(out, 1);
    evbuffer_drain(out, evbuffer_get_length(out));
    if (is_frozen)
        evbuffer_freeze(out, 1);
    evbuffer_add_printf(out,
                        "HTTP/1.1 %d %s\r\nDate: %s\r\n"
                        "Content-Length: %zu\r\nConnection: close\r\n"
                        "Content-Type: %s\r\n\r\n%s",
                        status, http_status_text(status), clock_http_date(),
                        strlen(text), media_type_name(MEDIA_TEXT), text);
}

static void on_page(evutil_socket_t fd, short what, void *arg)
{
    struct http_refusal *refusal = arg;
    struct foreign_page *page;

    (void)fd;
    (void)what;
    refusal->is_ours = true;
    while ((page = refusal->page) != NULL) {
        refusal->page = page->next;
        if (bufferevent_getfd(page->bev) >= 0)
            replace(bufferevent_get_output(page->bev), refusal->tls == NULL);
        bufferevent_decref(page->bev);
        free(page);
    }
    refusal->is_ours = false;
}

/* Whose connection this is: evhttp hands no context of ours through. */
static struct http_refusal *owner_of(struct bufferevent *bev)
{
    bufferevent_data_cb on_read, on_write;
    bufferevent_event_cb on_event;
    void *connection = NULL;
    struct http_refusal *refusal;

    bufferevent_getcb(bev, &on_read, &on_write, &on_event, &connection);
    if (connection == NULL)
        return NULL;
    for (refusal = refusals; refusal != NULL; refusal = refusal->next)
        if (refusal->http == evhttp_connection_get_server(connection))
            break;
    return refusal;
}

static void on_output(struct evbuffer *out, const struct evbuffer_cb_info *info,
                      void *arg)
{
    struct bufferevent *bev = arg;
    struct http_refusal *refusal;
    struct foreign_page *page;
    char line[12];

    if (info->orig_size > 0 || info->n_added < sizeof line ||
        evbuffer_copyout(out, line, sizeof line) < (ev_ssize_t)sizeof line ||
        strncmp(line + 8, " 100", 4) == 0)
        return;
    refusal = owner_of(bev);
    if (refusal == NULL || refusal->is_ours)
        return;
    page = xmalloc(sizeof *page);
    *page = (struct foreign_page){refusal->page, bev};
    refusal->page = page;
    bufferevent_incref(bev);
    event_active(refusal->on_page, EV_TIMEOUT, 1);
}

static struct bufferevent *make_bufferevent(struct event_base *base, void *arg)
{
    struct http_refusal *refusal = arg;
    struct bufferevent *bev =
        refusal->tls != NULL
            ? tls_accept(refusal->tls, base)
            : bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);

    assert(bev != NULL);
    evbuffer_add_cb(bufferevent_get_output(bev), on_output, bev);
    if (refusal->on_connection != NULL)
        refusal->on_connection(refusal->context);
    return bev;
}

void http_refusal_init(struct http_refusal *refusal, struct event_base *base,
                       struct evhttp *http)
{
    *refusal = (struct http_refusal){.http = http, .next = refusals};
    refusal->on_page = event_new(base, -1, 0, on_page, refusal);
    assert(refusal->on_page != NULL);
    refusals = refusal;
    evhttp_set_bevcb(http, make_bufferevent, refusal);
}

void http_refusal_release(struct http_refusal *refusal)
{
    on_page(-1, 0, refusal); /* let go of the references */
    for (struct http_refusal **at = &refusals; *at != NULL; at = &(*at)->next)
        if (*at == refusal) {
            *at = refusal->next;
            break;
        }
    event_free(refusal->on_page);
}
