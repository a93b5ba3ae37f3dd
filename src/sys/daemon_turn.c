#include "sys/clock.h"
#include "sys/daemon_state.h"
#include "sys/http_client.h"
#include "sys/http_server.h"
#include "sys/log.h"
#include "sys/store_copy.h"
#include "sys/trace.h"
#include <assert.h>
#include <string.h>
#include <sys/timerfd.h>

enum {
    TURN_INPUTS_MAX = 4096, /* the rest waits for the next turn */
    TURN_WARN_MS = 100,
    TURNS_WAITING_MAX = 1024 /* undurable; beyond we wait for the disk */
};

/* --- feeding --- */

static void print_metrics(struct daemon *d, bool is_text, struct buf *out)
{
    struct committer_figures commits = {0};
    struct metrics metrics;

    metrics_init(&metrics);
    if (d->program->metrics != NULL)
        d->program->metrics(d->self, &metrics);
    if (d->committer != NULL)
        committer_figures(d->committer, &commits);
    if (d->server != NULL)
        d->figures.streams = http_server_streams(d->server);
    if (d->local != NULL)
        d->figures.streams += http_server_streams(d->local);
    daemon_figures_report(&d->figures, &commits, d->program->name, &metrics);
    if (is_text)
        metrics_print_text(&metrics, out);
    else
        metrics_print_snapshot(&metrics, out);
    metrics_release(&metrics);
}

static bool serve_metrics(struct daemon *d, exchange_id exchange,
                          const struct http_request *request,
                          struct effects *fx)
{
    bool is_text = strcmp(request->path, "/metrics") == 0;
    struct buf out = {0};

    if ((!is_text && strcmp(request->path, "/metrics/snapshot") != 0) ||
        request->method != HTTP_GET || d->program->guards_metrics)
        return false;
    print_metrics(d, is_text, &out);
    effect_reply(fx, exchange, 200, is_text ? MEDIA_METRICS : MEDIA_JSON,
                 buf_bytes(&out));
    buf_release(&out);
    return true;
}

static bool serve_route(struct daemon *d, exchange_id exchange,
                        const struct http_request *request)
{
    for (uint32_t i = 0; i < d->route_count; i++) {
        const struct route *route = &d->route[i];
        if (strncmp(request->path, route->prefix, strlen(route->prefix)) == 0 &&
            route->serve(route->context, exchange, request))
            return true;
    }
    return false;
}

static void feed_request(struct daemon *d, const struct input *input,
                         struct effects *fx)
{
    if (serve_metrics(d, input->exchange, &input->request, fx) ||
        serve_route(d, input->exchange, &input->request))
        return;
    if (d->program->on_request != NULL)
        d->program->on_request(d->self, input->exchange, &input->request,
                               d->now_ms, fx);
    else
        effect_reply_text(fx, input->exchange, 404, "Not found.");
}

static void feed(struct daemon *d, const struct input *input,
                 struct effects *fx)
{
    const struct program *p = d->program;

    switch (input->kind) {
    case INPUT_REQUEST:
        feed_request(d, input, fx);
        break;
    case INPUT_GONE:
        if (p->on_gone != NULL)
            p->on_gone(d->self, input->exchange, d->now_ms, fx);
        break;
    case INPUT_ANSWER:
        if (p->on_answer != NULL)
            p->on_answer(d->self, input->exchange, &input->response, d->now_ms,
                         fx);
        break;
    case INPUT_RECORD:
        if (p->on_record != NULL)
            p->on_record(d->self, input->exchange, input->record, d->now_ms,
                         fx);
        break;
    case INPUT_BROKEN:
        if (p->on_broken != NULL)
            p->on_broken(d->self, input->exchange, input->why, d->now_ms, fx);
        break;
    case INPUT_FACT:
        if (p->on_fact != NULL)
            p->on_fact(d->self, input->fact.kind, input->fact.data, d->now_ms,
                       fx);
        break;
    }
}

static void check(struct daemon *d)
{
    if (d->is_checked && d->program->check != NULL)
        d->program->check(d->self);
}

static int64_t next_ms(const struct daemon *d)
{
    return d->program->next_ms != NULL ? d->program->next_ms(d->self)
                                       : INT64_MAX;
}

static void feed_all(struct daemon *d, struct effects *fx)
{
    struct input *input;

    for (int i = 0; i < TURN_INPUTS_MAX && (input = inbox_take(&d->inbox));
         i++) {
        trace_input(input);
        feed(d, input, fx);
        input_free(input);
        check(d);
        d->figures.inputs++;
    }
    if (d->program->on_time != NULL && next_ms(d) <= d->now_ms) {
        d->program->on_time(d->self, d->now_ms, fx);
        check(d);
    }
}

/* --- effects --- */

static void begin_call(struct daemon *d, const struct effect *effect)
{
    http_client_begin(d->client, &(struct http_call){
                                     .exchange = effect->exchange,
                                     .method = effect->call.method,
                                     .url = effect->call.url,
                                     .header = effect->call.header,
                                     .header_count = effect->call.header_count,
                                     .body = effect->bytes,
                                     .timeout_ms = effect->call.timeout_ms,
                                     .is_stream = effect->kind == EFFECT_FOLLOW,
                                 });
}

static void perform_served(struct daemon *d, const struct effect *effect)
{
    struct http_server *server = daemon_server_of(d, effect->exchange);

    if (server == NULL)
        return; /* nobody asked, so nobody waits */
    if (effect->kind == EFFECT_REPLY)
        http_server_reply(server, effect->exchange, &effect->response);
    else if (effect->kind == EFFECT_STREAM)
        http_server_stream(server, effect->exchange, &effect->response);
    else if (effect->kind == EFFECT_RECORD)
        http_server_record(server, effect->exchange, effect->bytes);
    else
        http_server_end(server, effect->exchange);
}

static void reply_metrics(struct daemon *d, const struct effect *effect)
{
    bool is_text = bytes_equal_text(effect->bytes, "/metrics");
    struct buf out = {0};

    print_metrics(d, is_text, &out);
    struct http_response response = {.status = 200,
                                     .type =
                                         is_text ? MEDIA_METRICS : MEDIA_JSON,
                                     .body = buf_bytes(&out)};
    if (d->server != NULL)
        http_server_reply(d->server, effect->exchange, &response);
    buf_release(&out);
}

static void perform(struct daemon *d, const struct effect *effect)
{
    trace_effect(effect);
    switch (effect->kind) {
    case EFFECT_PERSIST:
        break; /* that was step 3 */
    case EFFECT_REPLY:
    case EFFECT_STREAM:
    case EFFECT_RECORD:
    case EFFECT_CLOSE:
        perform_served(d, effect);
        break;
    case EFFECT_METRICS:
        reply_metrics(d, effect);
        break;
    case EFFECT_CALL:
    case EFFECT_FOLLOW:
        begin_call(d, effect);
        break;
    case EFFECT_HANGUP:
        http_client_hangup(d->client, effect->exchange);
        break;
    case EFFECT_ACT:
        assert(d->act != NULL);
        d->act(d->act_context, effect->act.kind, effect->act.data);
        break;
    case EFFECT_LOG:
        log_line((enum log_level)effect->level, "%.*s", (int)effect->bytes.size,
                 (const char *)effect->bytes.data);
        break;
    case EFFECT_STOP:
        daemon_stop(d, effect->status);
        break;
    }
}

int daemon_release(struct daemon *d, struct err *err)
{
    uint64_t durable = 0;
    struct turn *turn;
    int status = 0;

    if (d->committer != NULL)
        status = committer_durable(d->committer, &durable, err);
    if (status < 0)
        return status;
    while ((turn = turns_first(&d->turns)) != NULL && turn->batch <= durable) {
        for (uint32_t i = 0; i < turn->fx.count; i++)
            perform(d, &turn->fx.item[i]);
        turns_done(&d->turns);
    }
    return 0;
}

/* Step 3. Effects of a turn that persists nothing wait for the newest batch
 * before it, because they may tell of it. */
static void persist(struct daemon *d, struct turn *turn)
{
    turn_collect(turn);
    if (turn->op_count > 0) {
        assert(d->committer != NULL);
        d->last_batch = committer_push(d->committer, turn->op, turn->op_count);
    }
    turn->batch = d->last_batch;
}

/* --- the turn --- */

static void tell_backup(struct daemon *d)
{
    struct backup_result result;

    if (d->backed_up != NULL && d->committer != NULL &&
        committer_backup_take(d->committer, &result))
        d->backed_up(d->backup_context, &result);
}

static void arm_alarm(struct daemon *d)
{
    int64_t at = next_ms(d);
    struct itimerspec spec = {0};

    if (at == d->alarm_ms)
        return;
    d->alarm_ms = at;
    if (at != INT64_MAX) {
        if (at <= 0)
            at = 1; /* zero would disarm */
        spec.it_value.tv_sec = at / 1000;
        spec.it_value.tv_nsec = at % 1000 * 1000000;
    }
    int flags = d->config.is_steady
                    ? TFD_TIMER_ABSTIME
                    : TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
    (void)timerfd_settime(d->alarm_fd, flags, &spec, NULL);
}

static void note_turn(struct daemon *d, int64_t began_ns, uint32_t inputs)
{
    int64_t took_ns = clock_monotonic_ns() - began_ns;

    d->figures.turns++;
    if (took_ns > d->figures.turn_ns_max)
        d->figures.turn_ns_max = took_ns;
    if (took_ns > (int64_t)TURN_WARN_MS * 1000000)
        log_line(LOG_LEVEL_WARN, "turn_slow took_ms=%lld inputs=%u",
                 (long long)(took_ns / 1000000), inputs);
}

int64_t daemon_now_ms(const struct daemon *d)
{
    return d->config.is_steady ? clock_boot_ms() : clock_wall_ms();
}

int daemon_turn(struct daemon *d, bool is_first, struct err *err)
{
    int64_t began_ns = clock_monotonic_ns();
    struct turn *turn = turns_begin(&d->turns);
    uint32_t inputs = d->inbox.count;

    d->now_ms = daemon_now_ms(d);
    if (is_first && d->program->on_start != NULL) {
        d->program->on_start(d->self, d->now_ms, &turn->fx);
        check(d);
    }
    feed_all(d, &turn->fx);
    persist(d, turn);
    turns_end(&d->turns);
    /* A disk that does not keep up slows us down instead of filling memory. */
    if (d->turns.waiting > TURNS_WAITING_MAX) {
        int status =
            committer_wait(d->committer, turns_first(&d->turns)->batch, err);
        if (status < 0)
            return status;
    }
    int status = daemon_release(d, err);
    if (status < 0)
        return status;
    tell_backup(d);
    arm_alarm(d);
    note_turn(d, began_ns, inputs);
    return 0;
}
