#include "executor/thermos/local_ask.h"

#include "base/alloc.h"
#include "sys/http_client.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

enum { QUESTION = 1 /* the only exchange of its client */ };

struct local_ask {
    struct http_client *client; /* owned; NULL once it is over */
    struct event *after;        /* the callback of the client is over; owned */
    local_answered *answered;
    void *context;
    bool is_begun;
    char early[160]; /* why it broke before it was begun */
};

static void on_after(evutil_socket_t fd, short what, void *context)
{
    struct local_ask *ask = context;
    (void)fd;
    (void)what;
    http_client_close(ask->client);
    ask->client = NULL;
    if (ask->early[0] != '\0')
        ask->answered(ask->context, NULL, ask->early);
}

static void on_answer(void *context, exchange_id exchange,
                      const struct http_response *response)
{
    struct local_ask *ask = context;
    (void)exchange;
    event_active(ask->after, 0, 0);
    ask->answered(ask->context, response, NULL);
}

static void on_broken(void *context, exchange_id exchange, const char *why)
{
    struct local_ask *ask = context;
    (void)exchange;
    event_active(ask->after, 0, 0);
    if (ask->is_begun)
        ask->answered(ask->context, NULL, why);
    else
        (void)snprintf(ask->early, sizeof ask->early, "%s", why);
}

struct local_ask *local_ask_begin(struct event_base *base,
                                  enum http_method method, uint32_t port,
                                  const char *path, int64_t timeout_ms,
                                  local_answered *answered, void *context)
{
    static const struct http_header close_it = {"Connection", "close"};
    struct local_ask *ask = xcalloc(1, sizeof *ask);
    struct http_client_config config = {.on_answer = on_answer,
                                        .on_broken = on_broken,
                                        .context = ask,
                                        .body_max = LOCAL_ANSWER_MAX};
    char url[64 + HTTP_PATH_MAX];

    (void)snprintf(url, sizeof url, "http://localhost:%u%s", port, path);
    ask->answered = answered;
    ask->context = context;
    ask->after = event_new(base, -1, 0, on_after, ask);
    ask->client = http_client_open(base, &config);
    struct http_call call = {.exchange = QUESTION,
                             .method = method,
                             .url = url,
                             .header = &close_it,
                             .header_count = 1,
                             .timeout_ms = timeout_ms > 0 ? timeout_ms : 1};
    http_client_begin(ask->client, &call);
    ask->is_begun = true;
    return ask;
}

void local_ask_end(struct local_ask *ask)
{
    if (ask == NULL)
        return;
    http_client_close(ask->client);
    event_free(ask->after);
    free(ask);
}
