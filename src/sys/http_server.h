/* HTTP/1.1 and 1.0 for a program (wire/program.h), on libevent's evhttp. A
 * request arrives whole; it is answered whole, as a file, or as a stream of
 * RecordIO records, one HTTP chunk each. Everything waits in memory only up to
 * a bound. What breaks the rules of HTTP is refused here (400, 413, 414, 431,
 * 501) and the program never hears of it.
 *
 * An exchange ends when it was answered (to the end, for a stream) or when the
 * other side left; effects for an exchange that ended are ignored. Callbacks
 * come from the loop, and from http_server_record for a reader that is too
 * slow. */
#pragma once
#include "base/err.h"
#include "wire/program.h"
#include <stdbool.h>

struct event_base;
struct http_server;
struct tls;

enum {
    HTTP_IDLE_SECONDS_MAX = 120, /* without a byte: a request half sent, an
                                    answer nobody reads, a kept connection */
    HTTP_PIPELINE_BYTES_MAX = 64 << 10, /* read ahead while we answer */
    HTTP_DESCRIPTORS_SPARE = 128        /* never taken for connections */
};

struct http_server_config {
    const char *ip;      /* numeric, or "localhost" */
    const char *socket;  /* instead of ip and port: a socket of this machine,
                            which everybody here may use; or NULL */
    int port;            /* 0: any */
    size_t stream_bound; /* bytes of a stream that may wait for its reader */
    /* The request is borrowed for the call. */
    void (*on_request)(void *context, exchange_id exchange,
                       const struct http_request *request);
    /* An exchange that was not answered to its end lost its other side. */
    void (*on_gone)(void *context, exchange_id exchange);
    void *context;
    /* Further ones wait, in the kernel's queue, until others are closed. 0: as
     * many as there are descriptors, some for our own files and calls apart. */
    uint32_t connections_max;
    exchange_id ids_from; /* exchanges are numbered from here, upwards */
    struct tls *tls; /* every connection speaks it; borrowed; NULL: plain */
    /* A request whose connection shows no certificate is answered 403, except
     * below this path (NULL: everywhere). */
    bool wants_certificate;
    const char *open_path;
};

int http_server_open(struct http_server **out, struct event_base *base,
                     const struct http_server_config *config, struct err *err);
void http_server_close(struct http_server *server); /* accepts NULL */
int http_server_port(const struct http_server *server);

void http_server_reply(struct http_server *server, exchange_id exchange,
                       const struct http_response *response);
/* `size` bytes of an open file from `offset` on; the descriptor is ours now. */
void http_server_reply_file(struct http_server *server, exchange_id exchange,
                            int fd, int64_t offset, int64_t size,
                            const struct http_response *head);
/* head->body: the record that a reader who is too slow gets as its last. */
void http_server_stream(struct http_server *server, exchange_id exchange,
                        const struct http_response *head);
void http_server_record(struct http_server *server, exchange_id exchange,
                        struct bytes record);
void http_server_end(struct http_server *server, exchange_id exchange);

/* For an orderly end: no new connections; answers say "Connection: close". */
void http_server_drain(struct http_server *server);
/* Answers and streams of which the kernel has not taken all. */
uint32_t http_server_unsent(const struct http_server *server);
uint32_t http_server_streams(const struct http_server *server);
