/* Our own requests, over libevent: calls that are answered whole, and streams
 * that are followed record by record.
 *
 * Calls to one host:port go over one kept connection, one after another, so
 * that they arrive in the order in which they were made. Each stream has a
 * connection of its own. Every exchange that was begun ends in exactly one of:
 * on_answer (a call, or a stream whose status was not 200), on_broken, or
 * http_client_hangup. A call is never repeated here: whether it may be is for
 * the program to say.
 *
 * Callbacks come from the loop and from http_client_begin; they may only take
 * note. Hosts are numeric or "localhost", unless there is somebody to resolve
 * names; "http://unix:/socket:/path" is a socket of this machine. */
#pragma once
#include "base/err.h"
#include "sys/http_call.h"
#include "wire/program.h"
#include <stdbool.h>

#include <sys/socket.h>

struct event_base;
struct http_client;
struct tls;

enum {
    HTTP_CALLS_WAITING_MAX = 4096, /* per host:port; beyond: broken at once */
    HTTP_CALL_MS_DEFAULT = 60000,  /* for calls that name no timeout */
    HTTP_FOLLOW_HEAD_MS = 30000,   /* until the head of a stream is there */
    HTTP_KEEP_ALIVE_MS = 30000     /* an idle connection is closed after */
};

typedef int http_client_resolve(const char *host, int port,
                                struct sockaddr_storage *out,
                                socklen_t *out_size, struct err *err);

struct http_client_config {
    /* The head of a stream that was accepted, or a whole answer. Borrowed. */
    void (*on_answer)(void *context, exchange_id exchange,
                      const struct http_response *response);
    void (*on_record)(void *context, exchange_id exchange, struct bytes record);
    void (*on_broken)(void *context, exchange_id exchange, const char *why);
    void *context;
    size_t body_max; /* a longer answer is broken off */
    /* Spoken with https:// urls; borrowed. NULL: those are broken at once. */
    struct tls *tls;
    /* The address of a host; NULL: address_parse. May block: for programs that
     * do one thing at a time. */
    http_client_resolve *resolve;
};

struct http_client *http_client_open(struct event_base *base,
                                     const struct http_client_config *config);
void http_client_close(struct http_client *client); /* tells nobody */
void http_client_begin(struct http_client *client,
                       const struct http_call *call);
void http_client_hangup(struct http_client *client, exchange_id exchange);
/* From now on https:// is spoken like this. */
void http_client_set_tls(struct http_client *client, struct tls *tls);
void http_client_set_resolver(struct http_client *client,
                              http_client_resolve *resolve);
/* Calls (not streams) that have no answer yet. */
uint32_t http_client_pending(const struct http_client *client);
