#include "tests/sim/keeper.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "perigee/aurora.pb-c.h"
#include "wire/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef Perigee__Aurora__Call Call;
typedef Perigee__Aurora__Answer Answer;

enum { SECOND = 1000, MINUTE = 60 * SECOND, CALL_MS = 10 * SECOND };

struct keeper {
    struct keeper_options options;
    char *url; /* owned */
    struct rng rng;
    struct keeper_window window[KEEPER_WINDOWS_MAX];
    uint32_t windows;
    uint32_t done; /* steps: KEEPER_VERBS of each window */
    uint32_t calls;
    bool is_acknowledged; /* the drain of the window under way */
    exchange_id exchange, next_exchange;
    int64_t retry_ms;
    char problem[300];
};

/* --- what is wanted --- */

/* Long enough to see that a drain comes to its end, though nobody may be
 * asked. */
static void make_window(struct keeper *k, struct keeper_window *w,
                        int64_t from_ms, int64_t span_ms)
{
    int64_t late_ms = (int64_t)rng_below(&k->rng, (uint64_t)span_ms / 4);
    int64_t notice_ms = (int64_t)rng_below(&k->rng, 60 * SECOND);

    w->host = k->options.host[rng_below(&k->rng, KEEPER_HOSTS)];
    w->timeout_secs = 20 + (uint32_t)rng_below(&k->rng, 100);
    w->percentage =
        rng_below(&k->rng, 2) == 0 ? 0 : 30 + (uint32_t)rng_below(&k->rng, 60);
    w->at_ms[KEEPER_SCHEDULE] = from_ms + late_ms;
    w->at_ms[KEEPER_DRAIN] = from_ms + late_ms + notice_ms;
    w->at_ms[KEEPER_END] =
        from_ms + span_ms - (int64_t)rng_below(&k->rng, (uint64_t)span_ms / 4);
}

struct keeper *keeper_new(const struct keeper_options *options)
{
    struct keeper *k = xcalloc(1, sizeof *k);
    struct buf url = {0};

    k->options = *options;
    buf_addf(&url, "http://%s/api/v1", options->aurora);
    k->url = buf_take(&url);
    rng_seed(&k->rng, options->fate);
    k->windows = options->is_idle
                     ? 0
                     : (uint32_t)rng_below(&k->rng, KEEPER_WINDOWS_MAX + 1);
    for (uint32_t i = 0; i < k->windows; i++) {
        int64_t span_ms = (options->last_ms - options->first_ms) / k->windows;
        make_window(k, &k->window[i], options->first_ms + i * span_ms, span_ms);
    }
    k->retry_ms = k->windows > 0 ? k->window[0].at_ms[0] : INT64_MAX;
    return k;
}

void keeper_free(struct keeper *k)
{
    free(k->url);
    free(k);
}

const char *keeper_problem(const struct keeper *k)
{
    return k->problem;
}

bool keeper_is_done(const struct keeper *k)
{
    return k->done == k->windows * KEEPER_VERBS;
}

const struct keeper_window *keeper_draining(const struct keeper *k)
{
    return k->is_acknowledged ? &k->window[k->done / KEEPER_VERBS] : NULL;
}

/* --- calls --- */

static void fill(const struct keeper_window *w, enum keeper_verb verb,
                 Perigee__Aurora__Call__Maintenance *about,
                 Perigee__SlaPolicy *sla)
{
    about->n_hosts = 1;
    about->hosts = (char **)(uintptr_t)&w->host;
    if (verb != KEEPER_DRAIN)
        return;
    about->has_timeout_secs = true;
    about->timeout_secs = w->timeout_secs;
    if (w->percentage == 0)
        return;
    sla->has_percentage_milli = sla->has_duration_secs = true;
    sla->percentage_milli = w->percentage * 1000;
    sla->duration_secs = 5;
    about->default_policy = sla;
}

static void begin_step(struct keeper *k, struct effects *fx)
{
    static const Perigee__Aurora__Call__Type type[] = {
        [KEEPER_SCHEDULE] = PERIGEE__AURORA__CALL__TYPE__START_MAINTENANCE,
        [KEEPER_DRAIN] = PERIGEE__AURORA__CALL__TYPE__DRAIN_HOSTS,
        [KEEPER_END] = PERIGEE__AURORA__CALL__TYPE__END_MAINTENANCE};
    enum keeper_verb verb = (enum keeper_verb)(k->done % KEEPER_VERBS);
    Perigee__Aurora__Call__Maintenance about =
        PERIGEE__AURORA__CALL__MAINTENANCE__INIT;
    Perigee__SlaPolicy sla = PERIGEE__SLA_POLICY__INIT;
    enum media_type media =
        k->options.speaks_json ? MEDIA_JSON : MEDIA_PROTOBUF;
    Call call = PERIGEE__AURORA__CALL__INIT;
    struct buf body = {0};
    char key[48];

    (void)snprintf(key, sizeof key, "keeper-%u-%u", k->done, k->calls);
    struct http_header header[] = {{"Content-Type", media_type_name(media)},
                                   {"Accept", media_type_name(media)},
                                   {"Idempotency-Key", key}};
    call.has_type = true;
    call.type = type[verb];
    call.maintenance = &about;
    fill(&k->window[k->done / KEEPER_VERBS], verb, &about, &sla);
    codec_encode(&call.base, media, &body);
    effect_call(fx, ++k->next_exchange, k->url, header, 3, buf_bytes(&body),
                CALL_MS);
    buf_release(&body);
    k->exchange = k->next_exchange;
    if (verb == KEEPER_END)
        k->is_acknowledged = false;
}

/* --- what answers say --- */

static void again(struct keeper *k, int64_t now_ms)
{
    k->exchange = 0;
    k->retry_ms = now_ms + SECOND + (int64_t)rng_below(&k->rng, 3 * SECOND);
}

static void step_done(struct keeper *k)
{
    enum keeper_verb verb = (enum keeper_verb)(k->done % KEEPER_VERBS);

    k->exchange = 0;
    k->is_acknowledged = verb == KEEPER_DRAIN;
    k->done++;
    k->retry_ms =
        keeper_is_done(k)
            ? INT64_MAX
            : k->window[k->done / KEEPER_VERBS].at_ms[k->done % KEEPER_VERBS];
}

static void on_result(struct keeper *k, int status, const Answer *answer,
                      int64_t now_ms)
{
    if (status == 429 || status == 503) {
        again(k, now_ms);
        return;
    }
    if (status != 200 || answer == NULL) {
        (void)snprintf(k->problem, sizeof k->problem, "keeper: status %d: %s",
                       status,
                       answer && answer->error ? answer->error->message : "");
        return;
    }
    if (answer->n_unknown_hosts > 0) { /* it has made no offer yet */
        k->calls++;
        again(k, now_ms);
        return;
    }
    step_done(k);
}

/* --- the program --- */

static void on_answer(void *self, exchange_id exchange,
                      const struct http_response *response, int64_t now_ms,
                      struct effects *fx)
{
    struct keeper *k = self;
    ProtobufCMessage *message = NULL;
    struct arena arena;

    (void)fx;
    if (exchange != k->exchange)
        return;
    arena_init(&arena);
    (void)codec_decode(&perigee__aurora__answer__descriptor, "Answer",
                       response->type, response->body, &arena, &message, NULL);
    on_result(k, response->status, (const Answer *)message, now_ms);
    arena_release(&arena);
}

static void on_broken(void *self, exchange_id exchange, const char *why,
                      int64_t now_ms, struct effects *fx)
{
    struct keeper *k = self;

    (void)why;
    (void)fx;
    if (exchange == k->exchange)
        again(k, now_ms);
}

static int64_t next_ms(const void *self)
{
    const struct keeper *k = self;

    return k->exchange == 0 ? k->retry_ms : INT64_MAX;
}

static void on_time(void *self, int64_t now_ms, struct effects *fx)
{
    struct keeper *k = self;

    if (k->exchange == 0 && now_ms >= k->retry_ms && !keeper_is_done(k))
        begin_step(k, fx);
}

const struct program KEEPER_PROGRAM = {.name = "keeper",
                                       .on_answer = on_answer,
                                       .on_broken = on_broken,
                                       .next_ms = next_ms,
                                       .on_time = on_time};
