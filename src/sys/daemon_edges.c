/* Where a daemon meets others: its listeners, its own calls, and TLS. */
#include "sys/daemon_state.h"
#include "sys/http_client.h"
#include "sys/http_server.h"
#include "sys/log.h"
#include <assert.h>
#include <event2/event.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* Exchanges of the second listener are numbered from here. */
static const exchange_id LOCAL_IDS_FROM = UINT64_C(1) << 62;

void daemon_on_ask(struct daemon *d, daemon_ask *ask, daemon_gone *gone,
                   void *context)
{
    d->ask = ask;
    d->gone = gone;
    d->ask_context = context;
}

void daemon_admit(struct daemon *d, exchange_id exchange,
                  const struct http_request *request)
{
    inbox_request(&d->inbox, exchange, request);
}

static void on_request(void *context, exchange_id exchange,
                       const struct http_request *request)
{
    struct daemon *d = context;

    if (d->ask != NULL)
        d->ask(d->ask_context, exchange, request);
    else
        daemon_admit(d, exchange, request);
}

static void on_gone(void *context, exchange_id exchange)
{
    struct daemon *d = context;

    if (d->ask == NULL || !d->gone(d->ask_context, exchange))
        inbox_gone(&d->inbox, exchange);
}

static void on_answer(void *context, exchange_id exchange,
                      const struct http_response *response)
{
    inbox_answer(&((struct daemon *)context)->inbox, exchange, response);
}

static void on_record(void *context, exchange_id exchange, struct bytes record)
{
    inbox_record(&((struct daemon *)context)->inbox, exchange, record);
}

static void on_broken(void *context, exchange_id exchange, const char *why)
{
    inbox_broken(&((struct daemon *)context)->inbox, exchange, why);
}

/* The second listener is for one purpose. */
static void on_local_request(void *context, exchange_id exchange,
                             const struct http_request *request)
{
    struct daemon *d = context;

    if (strcmp(request->path, d->config.local.path) == 0) {
        daemon_admit(d, exchange, request);
        return;
    }
    http_server_reply(
        d->local, exchange,
        &(struct http_response){
            .status = 403,
            .type = MEDIA_TEXT,
            .body = bytes_of_text("this socket serves executors only\n"),
        });
}

struct http_server *daemon_server_of(const struct daemon *d,
                                     exchange_id exchange)
{
    return exchange > LOCAL_IDS_FROM ? d->local : d->server;
}

uint32_t daemon_unsent(const struct daemon *d)
{
    return (d->server != NULL ? http_server_unsent(d->server) : 0) +
           (d->local != NULL ? http_server_unsent(d->local) : 0);
}

/* --- TLS --- */

/* A file that is bad is told of in the log. */
static void on_hup(evutil_socket_t signo, short what, void *arg)
{
    struct daemon *d = arg;

    (void)signo;
    (void)what;
    if (d->tls != NULL)
        (void)tls_reload(d->tls, NULL);
    if (d->tls_out != NULL)
        (void)tls_reload(d->tls_out, NULL);
}

static bool is_given(const char *path)
{
    return path != NULL && *path != '\0';
}

static int open_tls(struct daemon *d, struct err *err)
{
    const struct daemon_tls *tls = &d->config.tls;
    int rc = 0;

    if (tls->wants_client &&
        (!is_given(tls->files.ca) || !is_given(tls->files.cert))) {
        (void)err_set(err, ERR_INVALID,
                      "TLS: clients' certificates cannot be wanted without a "
                      "certificate of our own and a CA");
        err_hint(err, "give tls_cert, tls_key and tls_ca besides "
                      "tls_require_client");
        return -ERR_INVALID;
    }
    if (is_given(tls->files.cert) || is_given(tls->files.key))
        rc = tls_open_server(&d->tls, &tls->files, err);
    if (rc == 0 && tls->calls_out)
        rc = tls_open_client(&d->tls_out, &tls->files, err);
    if (rc < 0 || (d->tls == NULL && d->tls_out == NULL))
        return rc;
    d->on_hup = evsignal_new(d->base, SIGHUP, on_hup, d);
    assert(d->on_hup != NULL);
    event_add(d->on_hup, NULL);
    return 0;
}

/* --- opening --- */

static int open_local(struct daemon *d, struct err *err)
{
    struct http_server_config config = {
        .socket = d->config.local.socket,
        .stream_bound = d->config.stream_bound,
        .on_request = on_local_request,
        .on_gone = on_gone,
        .context = d,
        .ids_from = LOCAL_IDS_FROM,
    };

    if (config.socket == NULL)
        return 0;
    return http_server_open(&d->local, d->base, &config, err);
}

int daemon_open_edges(struct daemon *d, struct err *err)
{
    int status = open_tls(d, err);
    struct http_client_config client = {.on_answer = on_answer,
                                        .on_record = on_record,
                                        .on_broken = on_broken,
                                        .context = d,
                                        .body_max = HTTP_BODY_MAX,
                                        .tls = d->tls_out};
    struct http_server_config server = {
        .ip = d->config.ip,
        .port = d->config.port,
        .stream_bound = d->config.stream_bound,
        .on_request = on_request,
        .on_gone = on_gone,
        .context = d,
        .connections_max = d->config.connections_max,
        .tls = d->tls,
        .wants_certificate = d->config.tls.wants_client,
        .open_path = d->config.tls.open_path,
    };

    if (status < 0)
        return status;
    d->client = http_client_open(d->base, &client);
    if (d->config.ip == NULL)
        return 0;
    status = open_local(d, err);
    if (status == 0)
        status = http_server_open(&d->server, d->base, &server, err);
    if (status == 0 && d->config.ready_text != NULL)
        log_line(LOG_LEVEL_INFO, "%s address=%s port=%d%s",
                 d->config.ready_text, d->config.ip,
                 http_server_port(d->server), d->tls != NULL ? " tls=yes" : "");
    return status;
}

void daemon_close_edges(struct daemon *d)
{
    http_server_close(d->server);
    http_server_close(d->local);
    if (d->local != NULL)
        (void)unlink(d->config.local.socket);
    http_client_close(d->client);
    if (d->on_hup != NULL)
        event_free(d->on_hup);
    tls_close(d->tls);
    tls_close(d->tls_out);
}
