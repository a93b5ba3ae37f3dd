#include "sys/client.h"
#include "base/alloc.h"
#include "sys/http_client.h"
#include <assert.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_BYTES_MAX = 512 << 20 }; /* the state of a very large cluster */

struct client {
    struct event_base *base;
    struct http_client *http;
    exchange_id last_id;

    /* The exchange under way. */
    bool is_over;
    bool is_stream;
    struct event *silence; /* at its end the stream has been silent too long */
    int64_t silence_ms;    /* 0: it may be silent for ever */
    struct arena *arena;   /* of the caller, for the response */
    struct http_response *out;
    client_record *record;
    void *context;
    enum err_code broken; /* ERR_NONE unless it failed */
    char why[ERR_TEXT_MAX];
};

static void keep_response(struct client *client,
                          const struct http_response *response)
{
    struct arena *arena = client->arena;
    struct http_header *header =
        arena_alloc(arena, (response->header_count + 1) * sizeof *header);
    uint8_t *body = arena_alloc(arena, response->body.size + 1);

    for (uint32_t i = 0; i < response->header_count; i++) {
        header[i].name = arena_strdup(arena, response->header[i].name);
        header[i].value = arena_strdup(arena, response->header[i].value);
    }
    if (response->body.size > 0)
        memcpy(body, response->body.data, response->body.size);
    body[response->body.size] = 0;
    *client->out = *response;
    client->out->header = header;
    client->out->body = bytes_of(body, response->body.size);
}

static void on_answer(void *context, exchange_id exchange,
                      const struct http_response *response)
{
    struct client *client = context;

    (void)exchange;
    keep_response(client, response);
    client->is_over = !client->is_stream || response->status != 200;
}

static void arm(struct event *timer, int64_t ms)
{
    struct timeval most = {ms / 1000, ms % 1000 * 1000};

    if (ms > 0)
        evtimer_add(timer, &most);
}

static void on_record(void *context, exchange_id exchange, struct bytes record)
{
    struct client *client = context;

    (void)exchange;
    if (!client->is_over && !client->record(client->context, record))
        client->is_over = true;
    arm(client->silence, client->silence_ms);
}

void client_expect(struct client *client, int64_t silence_ms)
{
    client->silence_ms = silence_ms;
}

static void on_broken(void *context, exchange_id exchange, const char *why)
{
    struct client *client = context;
    size_t size = strlen(why);
    bool is_end = client->is_stream && strcmp(why, "stream ended") == 0;

    (void)exchange;
    if (client->is_over)
        return;
    client->is_over = true;
    if (is_end)
        return;
    client->broken = size >= 9 && strcmp(why + size - 9, "timed out") == 0
                         ? ERR_TIMEOUT
                         : ERR_NETWORK;
    snprintf(client->why, sizeof client->why, "%s", why);
}

static void on_silence(evutil_socket_t fd, short what, void *arg)
{
    struct client *client = arg;

    (void)fd;
    (void)what;
    on_broken(client, client->last_id, "no heartbeat: timed out");
}

struct client *client_open(void)
{
    struct client *client = xcalloc(1, sizeof *client);
    struct http_client_config config = {.on_answer = on_answer,
                                        .on_record = on_record,
                                        .on_broken = on_broken,
                                        .context = client,
                                        .body_max = ANSWER_BYTES_MAX};

    signal(SIGPIPE, SIG_IGN);
    client->base = event_base_new();
    assert(client->base != NULL);
    client->silence = evtimer_new(client->base, on_silence, client);
    client->http = http_client_open(client->base, &config);
    return client;
}

void client_set_tls(struct client *client, struct tls *tls)
{
    http_client_set_tls(client->http, tls);
}

void client_set_resolver(struct client *client, client_resolver *resolve)
{
    http_client_set_resolver(client->http, resolve);
}

void client_close(struct client *client)
{
    if (client == NULL)
        return;
    http_client_close(client->http);
    event_free(client->silence);
    event_base_free(client->base);
    free(client);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct client *client = arg;

    (void)fd;
    (void)what;
    on_broken(client, client->last_id, "timed out");
}

/* Run one exchange to its end. */
static int run(struct client *client, struct http_call *call,
               int64_t deadline_ms, struct arena *arena,
               struct http_response *out, struct err *err)
{
    struct http_response response = {0};
    struct event *timer = evtimer_new(client->base, on_deadline, client);

    client->is_over = false;
    client->is_stream = call->is_stream;
    client->broken = ERR_NONE;
    client->arena = arena;
    client->out = &response;
    call->exchange = ++client->last_id;
    client->silence_ms = 0;
    arm(timer, deadline_ms);
    http_client_begin(client->http, call);
    while (!client->is_over)
        event_base_loop(client->base, EVLOOP_ONCE);
    http_client_hangup(client->http, call->exchange);
    event_free(timer);
    evtimer_del(client->silence);
    if (client->broken != ERR_NONE)
        return err_set(err, client->broken, "%s: %s", call->url, client->why);
    *out = response;
    return 0;
}

int client_call(struct client *client, enum http_method method, const char *url,
                const struct http_header *header, uint32_t header_count,
                struct bytes body, int64_t timeout_ms, struct arena *arena,
                struct http_response *out, struct err *err)
{
    struct http_call call = {.method = method,
                             .url = url,
                             .header = header,
                             .header_count = header_count,
                             .body = body,
                             .timeout_ms = timeout_ms};

    return run(client, &call, 0, arena, out, err);
}

/* NOLINTNEXTLINE(readability-function-size): what one call needs to know */
int client_follow(struct client *client, const char *url,
                  const struct http_header *header, uint32_t header_count,
                  struct bytes body, int64_t timeout_ms, client_record *record,
                  void *context, struct arena *arena, struct http_response *out,
                  struct err *err)
{
    struct http_call call = {.method = HTTP_POST,
                             .url = url,
                             .header = header,
                             .header_count = header_count,
                             .body = body,
                             .is_stream = true};

    client->record = record;
    client->context = context;
    return run(client, &call, timeout_ms, arena, out, err);
}
