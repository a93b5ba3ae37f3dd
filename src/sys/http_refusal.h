/* evhttp answers what it cannot parse, and a body that is too long, by itself,
 * with a page for browsers. There is no hook for that in 2.1, so this watches
 * what is put into a connection's output: a status line that is not ours is
 * such a page, and gives way to a plain text before the loop can write it. */
#pragma once
#include <stdbool.h>

struct bufferevent;
struct event;
struct event_base;
struct evhttp;
struct tls;

enum { HTTP_HEADERS_BYTES_MAX = 64 << 10 }; /* all header lines of a request */

/* One per evhttp; the storage must stay where it is. */
struct http_refusal {
    struct evhttp *http;       /* borrowed */
    bool is_ours;              /* set around our own writing */
    struct foreign_page *page; /* to be replaced; owned */
    struct event *on_page;     /* owned */
    struct tls *tls; /* spoken on its connections; borrowed, or NULL */
    void (*on_connection)(void *context); /* one was accepted; or NULL */
    void *context;
    struct http_refusal *next; /* of this process */
};

void http_refusal_init(struct http_refusal *refusal, struct event_base *base,
                       struct evhttp *http);
/* Before the evhttp is freed. */
void http_refusal_release(struct http_refusal *refusal);
