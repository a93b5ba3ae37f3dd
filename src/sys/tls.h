/* TLS 1.2 and 1.3 for listeners and for our own connections, from files in PEM.
 *
 * What a side has is read again when one of its files changes (looked at once a
 * second, when somebody connects) and at tls_reload; a bad file leaves what was
 * in force and says so in the log. Connections that stand go on as they are. No
 * session is ever resumed: each connection shows its certificates anew.
 *
 * A listener that has a `ca` asks for a certificate: one that does not stand
 * up to it (another CA, expired) ends the connection; none at all is let
 * through, for http_server to decide. Our own connections check the other
 * side's chain, dates and name: the host as it was asked for, against the
 * alternative names of the certificate; a common name does not count.
 *
 * Keys that everybody may read are refused, as are those with a passphrase. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bufferevent;
struct event_base;
struct tls;

enum {
    TLS_FILE_BYTES_MAX = 1 << 20,
    TLS_HANDSHAKE_MS = 10000, /* a client that takes longer is cut off */
    TLS_NAME_MAX = 256        /* of a common name, with its NUL */
};

/* Each may be NULL or "". */
struct tls_files {
    const char *cert; /* our chain, our own first */
    const char *key;
    const char *ca; /* whom we believe; NULL: a listener asks for nothing, a
                       client believes whom the machine believes */
};

/* Of a listener; wants cert and key. Errors name the file. */
int tls_open_server(struct tls **out, const struct tls_files *files,
                    struct err *err);
/* Of our own connections; cert and key go together, or are both absent. */
int tls_open_client(struct tls **out, const struct tls_files *files,
                    struct err *err);
void tls_close(struct tls *tls); /* accepts NULL; after its connections */
/* Read the files now. 0, or why the old ones stay, which is logged too. */
int tls_reload(struct tls *tls, struct err *err);

/* A listener refused a client for the certificate that it showed. The texts are
 * gone after the call. Anybody can cause as many of them as handshakes. */
struct tls_refusal {
    const char *peer;    /* "10.0.0.1:4711" */
    const char *subject; /* common name in it, which nothing proves; or NULL */
    const char *why;     /* "certificate has expired" */
};
typedef void tls_refused(void *context, const struct tls_refusal *refusal);
void tls_on_refused(struct tls *tls, tls_refused *refused, void *context);

/* The connection of a client; the socket is set by whoever accepts it. It ends
 * by itself when the handshake takes too long. A client that speaks plain HTTP
 * is answered 400, in plain. */
struct bufferevent *tls_accept(struct tls *tls, struct event_base *base);
/* A connection of our own over `fd`, which may be connecting still. */
struct bufferevent *tls_connect(struct tls *tls, struct event_base *base,
                                int fd, const char *host);

/* The common name of the other side's certificate, once the handshake is over;
 * NULL: there is none, or not exactly one that is plain text. */
const char *tls_peer_name(const struct tls *tls, struct bufferevent *bev,
                          char out[TLS_NAME_MAX]);
/* What the other side said last, though writing to it failed: decrypted into
 * *out. */
struct evbuffer;
void tls_last_words(const struct tls *tls, struct bufferevent *bev,
                    struct evbuffer *out);
/* Why a connection broke: "certificate of 10.0.0.1: certificate has expired".
 * false: TLS is not to blame. */
bool tls_failure(const struct tls *tls, struct bufferevent *bev,
                 const char *host, char *out, size_t size);
