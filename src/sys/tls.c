#include "sys/tls.h"
#include "base/alloc.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/openssl.h"
#include "sys/tls_files.h"
#include <arpa/inet.h>
#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { LOOK_MS = 1000, SAY_MS = 1000, LAST_PIECES_MAX = 64 };

struct tls {
    const struct openssl *openssl;
    struct tls_material material; /* owned */
    SSL_CTX *context;             /* owned; what is in force */
    int64_t look_again_ms;
    int64_t say_again_ms;
    uint32_t unsaid;      /* refusals that were not logged one by one */
    tls_refused *refused; /* is told of certificates; or NULL */
    void *refused_context;
};

/* A client that has not shown that it can speak. Freed with its SSL. */
struct handshake {
    struct tls *tls;
    SSL *ssl;                   /* it belongs to */
    struct event *timer;        /* NULL: over */
    char subject[TLS_NAME_MAX]; /* of a certificate that does not stand up */
};

/* --- files, and what is in force --- */

static int replace_context(struct tls *tls, struct err *err)
{
    SSL_CTX *context = NULL;
    int rc = tls_material_read(&tls->material, tls->openssl, &context, err);

    if (rc < 0)
        return rc;
    if (tls->context != NULL)
        tls->openssl->SSL_CTX_free(tls->context);
    tls->context = context;
    return 0;
}

int tls_reload(struct tls *tls, struct err *err)
{
    struct err failed = {0};
    int rc = replace_context(tls, &failed);

    if (rc == 0)
        log_line(LOG_LEVEL_INFO, "tls_reloaded");
    else
        log_line(LOG_LEVEL_ERROR,
                 "tls_reload_failed reason=%s hint=%s message=\"what was in "
                 "force stays in force\"",
                 log_value(failed.text), log_value(failed.hint));
    if (rc < 0 && err != NULL)
        *err = failed;
    return rc;
}

static void look(struct tls *tls)
{
    int64_t now_ms = clock_monotonic_ms();

    if (now_ms < tls->look_again_ms)
        return;
    tls->look_again_ms = now_ms + LOOK_MS;
    if (tls_material_changed(&tls->material))
        (void)tls_reload(tls, NULL);
}

static void on_info(const SSL *ssl, int where, int ret);
static int on_verify(int is_good, X509_STORE_CTX *store);
static void on_ssl_free(void *parent, void *data, CRYPTO_EX_DATA *all,
                        int index, long argl, void *argp);

/* Where a connection keeps its handshake; the same in the whole process. */
static int handshake_index(const struct openssl *openssl)
{
    static int index = -1;

    if (index < 0)
        index = openssl->CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL, 0, NULL,
                                                 NULL, NULL, on_ssl_free);
    return index;
}

static int open_side(struct tls **out, const struct tls_files *files,
                     bool is_server, struct err *err)
{
    struct tls *tls = xcalloc(1, sizeof *tls);
    int rc = openssl_load(&tls->openssl, err);

    tls_material_init(&tls->material, files, is_server);
    if (rc == 0)
        rc = tls_material_check(&tls->material, err);
    if (rc == 0) {
        tls->material.on_info = is_server ? on_info : NULL;
        tls->material.on_verify = is_server ? on_verify : NULL;
        rc = replace_context(tls, err);
    }
    if (rc < 0) {
        tls_close(tls);
        return rc;
    }
    *out = tls;
    return 0;
}

int tls_open_server(struct tls **out, const struct tls_files *files,
                    struct err *err)
{
    return open_side(out, files, true, err);
}

int tls_open_client(struct tls **out, const struct tls_files *files,
                    struct err *err)
{
    return open_side(out, files, false, err);
}

void tls_close(struct tls *tls)
{
    if (tls == NULL)
        return;
    if (tls->context != NULL)
        tls->openssl->SSL_CTX_free(tls->context);
    tls_material_release(&tls->material);
    free(tls);
}

/* --- why --- */

/* A reason of ours for those that people meet. */
static const char *known_reason(unsigned long error)
{
    switch (ERR_GET_REASON(error)) {
    case SSL_R_HTTP_REQUEST:
        return "plain HTTP where TLS is spoken";
    case SSL_R_WRONG_VERSION_NUMBER:
        return "the other side does not speak TLS";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
        return "the other side does not know the CA of our certificate";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
        return "the other side says that our certificate has expired";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
        return "the other side refuses our certificate";
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_UNSUPPORTED_PROTOCOL:
        return "the other side speaks no TLS as new as 1.2";
    default:
        return NULL;
    }
}

static bool say_why(const struct openssl *openssl, SSL *ssl,
                    unsigned long error, const char *host, char *out,
                    size_t size)
{
    long verified = openssl->SSL_get_verify_result(ssl);
    const char *reason = known_reason(error);

    if (verified != X509_V_OK) {
        snprintf(out, size, "TLS: certificate of %s: %s", host,
                 openssl->X509_verify_cert_error_string(verified));
        return true;
    }
    if (error == 0)
        return false;
    if (reason == NULL)
        reason = openssl->ERR_reason_error_string(error);
    snprintf(out, size, "TLS: %s", reason != NULL ? reason : "unknown error");
    return true;
}

bool tls_failure(const struct tls *tls, struct bufferevent *bev,
                 const char *host, char *out, size_t size)
{
    const struct openssl *openssl = tls->openssl;
    unsigned long error = openssl->bufferevent_get_openssl_error(bev);

    if (ERR_GET_LIB(error) == 0)
        error = 0; /* the socket's affair */
    return say_why(openssl, openssl->bufferevent_openssl_get_ssl(bev), error,
                   host, out, size);
}

/* --- names --- */

/* Text that can stand in a log and in a rule as it is. */
static bool is_plain(const unsigned char *text, size_t size)
{
    if (size == 0 || size >= TLS_NAME_MAX)
        return false;
    for (size_t i = 0; i < size; i++)
        if (text[i] < ' ' || text[i] == 0x7f)
            return false;
    return true;
}

static bool copy_name(const struct openssl *openssl, const ASN1_STRING *name,
                      char out[TLS_NAME_MAX])
{
    unsigned char *text = NULL;
    int size = openssl->ASN1_STRING_to_UTF8(&text, name);
    bool is_good = size > 0 && is_plain(text, (size_t)size);

    if (is_good) {
        memcpy(out, text, (size_t)size);
        out[size] = '\0';
    }
    if (size >= 0)
        openssl->CRYPTO_free(text, __FILE__, __LINE__);
    return is_good;
}

/* The one common name of a certificate. */
static const char *subject_of(const struct openssl *openssl,
                              const X509 *certificate, char out[TLS_NAME_MAX])
{
    X509_NAME *subject = openssl->X509_get_subject_name(certificate);
    int at = openssl->X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

    if (at < 0 ||
        openssl->X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
        return NULL;
    const ASN1_STRING *name = openssl->X509_NAME_ENTRY_get_data(
        openssl->X509_NAME_get_entry(subject, at));
    return copy_name(openssl, name, out) ? out : NULL;
}

/* --- listeners --- */

static void peer_text(int fd, char *out, size_t size)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer = {0};
    socklen_t length = sizeof peer;

    char address[INET6_ADDRSTRLEN];
    bool is_v6;

    snprintf(out, size, "unknown");
    if (getpeername(fd, &peer.any, &length) < 0)
        return;
    is_v6 = peer.any.sa_family == AF_INET6;
    if (inet_ntop(peer.any.sa_family,
                  is_v6 ? (const void *)&peer.v6.sin6_addr
                        : (const void *)&peer.v4.sin_addr,
                  address, sizeof address) != NULL)
        snprintf(out, size, "%s:%u", address,
                 ntohs(is_v6 ? peer.v6.sin6_port : peer.v4.sin_port));
}

/* At most one line a second: anybody can cause them. */
static void log_refusal(struct tls *tls, int fd, const char *why)
{
    int64_t now_ms = clock_monotonic_ms();
    char peer[64];

    if (now_ms < tls->say_again_ms) {
        tls->unsaid++;
        return;
    }
    peer_text(fd, peer, sizeof peer);
    log_line(LOG_LEVEL_WARN, "tls_refused peer=%s reason=%s more=%u", peer,
             log_value(why), tls->unsaid);
    tls->say_again_ms = now_ms + SAY_MS;
    tls->unsaid = 0;
}

/* What came is taken off first: a socket closed with input left is reset, and
 * our last word would be lost with it. */
static void drain(int fd)
{
    char waste[4096];

    for (int i = 0; i < 16 && recv(fd, waste, sizeof waste, MSG_DONTWAIT) > 0;
         i++)
        ;
}

static void answer_plainly(int fd)
{
    static const char text[] = "this port speaks TLS only: ask with https://\n";
    char answer[256];

    int size = snprintf(answer, sizeof answer,
                        "HTTP/1.1 400 Bad Request\r\nContent-Length: %zu\r\n"
                        "Connection: close\r\nContent-Type: text/plain; "
                        "charset=utf-8\r\n\r\n%s",
                        sizeof text - 1, text);
    (void)!send(fd, answer, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void handshake_over(struct handshake *handshake)
{
    if (handshake->timer != NULL)
        event_free(handshake->timer);
    handshake->timer = NULL;
}

static void on_ssl_free(void *parent, void *data, CRYPTO_EX_DATA *all,
                        int index, long argl, void *argp)
{
    struct handshake *handshake = data;

    (void)parent;
    (void)all;
    (void)index;
    (void)argl;
    (void)argp;
    if (handshake == NULL)
        return;
    handshake_over(handshake);
    free(handshake);
}

void tls_on_refused(struct tls *tls, tls_refused *refused, void *context)
{
    tls->refused = refused;
    tls->refused_context = context;
}

/* Verification failed: whose certificate it says to be is not kept by OpenSSL.
 */
static int on_verify(int is_good, X509_STORE_CTX *store)
{
    const struct openssl *openssl;

    if (is_good || openssl_load(&openssl, NULL) < 0)
        return is_good;
    const SSL *ssl = openssl->X509_STORE_CTX_get_ex_data(
        store, openssl->SSL_get_ex_data_X509_STORE_CTX_idx());
    struct handshake *handshake =
        ssl != NULL ? openssl->SSL_get_ex_data(ssl, handshake_index(openssl))
                    : NULL;
    const X509 *shown = openssl->X509_STORE_CTX_get0_cert(store);
    if (handshake != NULL && shown != NULL &&
        subject_of(openssl, shown, handshake->subject) == NULL)
        handshake->subject[0] = '\0';
    return is_good;
}

static void tell_refusal(const struct handshake *handshake, const SSL *ssl,
                         int fd)
{
    const struct tls *tls = handshake->tls;
    long verified = tls->openssl->SSL_get_verify_result(ssl);
    char peer[64];

    if (tls->refused == NULL || verified == X509_V_OK)
        return;
    peer_text(fd, peer, sizeof peer);
    const struct tls_refusal refusal = {
        .peer = peer,
        .subject = handshake->subject[0] ? handshake->subject : NULL,
        .why = tls->openssl->X509_verify_cert_error_string(verified)};
    tls->refused(tls->refused_context, &refusal);
}

static void handshake_failed(struct handshake *handshake, SSL *ssl)
{
    const struct openssl *openssl = handshake->tls->openssl;
    unsigned long error = openssl->ERR_peek_last_error();
    int fd = openssl->SSL_get_fd(ssl);
    char why[200];

    if (!say_why(openssl, ssl, error, "the client", why, sizeof why))
        return; /* it waits for more */
    tell_refusal(handshake, ssl, fd);
    drain(fd);
    if (ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST)
        answer_plainly(fd);
    (void)shutdown(fd, SHUT_WR);
    log_refusal(handshake->tls, fd, why);
}

static void on_info(const SSL *ssl, int where, int ret)
{
    const struct openssl *openssl;
    struct handshake *handshake;

    if (openssl_load(&openssl, NULL) < 0)
        return;
    handshake = openssl->SSL_get_ex_data(ssl, handshake_index(openssl));
    if (handshake == NULL || handshake->timer == NULL)
        return;
    if (where & SSL_CB_HANDSHAKE_DONE)
        handshake_over(handshake);
    else if (where == SSL_CB_ACCEPT_EXIT && ret <= 0)
        handshake_failed(handshake, (SSL *)(uintptr_t)ssl);
}

/* Whoever owns the connection sees it end. */
static void on_too_long(evutil_socket_t fd, short what, void *arg)
{
    struct handshake *handshake = arg;
    SSL *ssl = handshake->ssl;

    (void)fd;
    (void)what;
    int socket = handshake->tls->openssl->SSL_get_fd(ssl);
    log_refusal(handshake->tls, socket, "TLS: the handshake takes too long");
    if (socket >= 0)
        (void)shutdown(socket, SHUT_RDWR);
}

struct bufferevent *tls_accept(struct tls *tls, struct event_base *base)
{
    const struct openssl *openssl = tls->openssl;
    const struct timeval most = {.tv_sec = TLS_HANDSHAKE_MS / 1000};

    look(tls);
    SSL *ssl = openssl->SSL_new(tls->context);
    assert(ssl != NULL);
    struct handshake *handshake = xcalloc(1, sizeof *handshake);
    handshake->tls = tls;
    handshake->ssl = ssl;
    handshake->timer = evtimer_new(base, on_too_long, handshake);
    assert(handshake->timer != NULL);
    evtimer_add(handshake->timer, &most);
    openssl->SSL_set_ex_data(ssl, handshake_index(openssl), handshake);
    struct bufferevent *bev = openssl->bufferevent_openssl_socket_new(
        base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    assert(bev != NULL);
    openssl->bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    return bev;
}

/* --- our own connections --- */

/* Whom we want to talk to. An address is looked for among the addresses of the
 * certificate, and is not told to the other side. */
static void want_host(const struct openssl *openssl, SSL *ssl, const char *host)
{
    unsigned char address[16];

    if (inet_pton(AF_INET, host, address) == 1 ||
        inet_pton(AF_INET6, host, address) == 1) {
        (void)openssl->X509_VERIFY_PARAM_set1_ip_asc(
            openssl->SSL_get0_param(ssl), host);
        return;
    }
    openssl->SSL_set_hostflags(ssl, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                                        X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    (void)openssl->SSL_set1_host(ssl, host);
    (void)openssl->SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME,
                            TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)host);
}

struct bufferevent *tls_connect(struct tls *tls, struct event_base *base,
                                int fd, const char *host)
{
    const struct openssl *openssl = tls->openssl;

    look(tls);
    SSL *ssl = openssl->SSL_new(tls->context);
    assert(ssl != NULL);
    want_host(openssl, ssl, host);
    struct bufferevent *bev = openssl->bufferevent_openssl_socket_new(
        base, fd, ssl, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
    assert(bev != NULL);
    return bev;
}

void tls_last_words(const struct tls *tls, struct bufferevent *bev,
                    struct evbuffer *out)
{
    const struct openssl *openssl = tls->openssl;
    SSL *ssl = openssl->bufferevent_openssl_get_ssl(bev);
    char piece[4096];
    int size;

    for (int i = 0; i < LAST_PIECES_MAX &&
                    (size = openssl->SSL_read(ssl, piece, sizeof piece)) > 0;
         i++)
        evbuffer_add(out, piece, (size_t)size);
    openssl->ERR_clear_error();
}

/* --- who the other side is --- */

const char *tls_peer_name(const struct tls *tls, struct bufferevent *bev,
                          char out[TLS_NAME_MAX])
{
    const struct openssl *openssl = tls->openssl;
    SSL *ssl = openssl->bufferevent_openssl_get_ssl(bev);
    X509 *peer = ssl != NULL ? openssl->SSL_get0_peer_certificate(ssl) : NULL;

    if (peer == NULL || openssl->SSL_get_verify_result(ssl) != X509_V_OK)
        return NULL;
    return subject_of(openssl, peer, out);
}
