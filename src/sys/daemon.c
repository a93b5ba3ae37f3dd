#include "sys/daemon.h"
#include "base/alloc.h"
#include "base/vec.h"
#include "sys/clock.h"
#include "sys/committer.h"
#include "sys/http_client.h"
#include "sys/http_server.h"
#include "sys/inbox.h"
#include "sys/log.h"
#include "sys/process.h"
#include "sys/store.h"
#include "sys/trace.h"
#include "sys/turn.h"
#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    ROUTES_MAX = 16,
    TURN_INPUTS_MAX = 4096, /* the rest waits for the next turn */
    TURN_WARN_MS = 100,
    TURNS_WAITING_MAX = 1024, /* undurable; beyond we wait for the disk */
    END_MS_MAX = 1000         /* to hand out what is due, when stopping */
};

struct route {
    const char *prefix; /* borrowed */
    daemon_route *serve;
    void *context;
};

struct daemon {
    const struct program *program;
    void *self;
    struct daemon_config config;
    struct event_base *base;
    struct event *on_term, *on_int, *on_wake, *on_alarm;
    int wake_fd;  /* eventfd: the committer made progress */
    int alarm_fd; /* timerfd on the wall clock */
    int64_t alarm_ms;
    struct store *store;
    struct committer *committer;
    struct http_server *server; /* NULL: does not listen */
    struct http_client *client;
    struct inbox inbox;
    struct turns turns;
    uint64_t last_batch; /* number of the newest batch; 0: none */
    daemon_act *act;
    void *act_context;
    struct route route[ROUTES_MAX];
    uint32_t route_count;
    struct daemon_figures figures;
    int64_t now_ms;
    bool is_checked; /* verify the program after every step */
    bool is_stopping;
    int status;
};

/* --- inputs --------------------------------------------------------------- */

static void on_request(void *context, exchange_id exchange,
                       const struct http_request *request)
{
    inbox_request(&((struct daemon *)context)->inbox, exchange, request);
}

static void on_gone(void *context, exchange_id exchange)
{
    inbox_gone(&((struct daemon *)context)->inbox, exchange);
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

void daemon_fact(struct daemon *d, uint32_t kind, const void *data, size_t size)
{
    inbox_fact(&d->inbox, kind, data, size, SIZE_MAX, bytes_of("", 0));
}

void daemon_fact_with(struct daemon *d, uint32_t kind, const void *data,
                      size_t size, size_t extra_at, struct bytes extra)
{
    inbox_fact(&d->inbox, kind, data, size, extra_at, extra);
}

/* --- feeding -------------------------------------------------------------- */

static bool serve_metrics(struct daemon *d, exchange_id exchange,
                          const struct http_request *request,
                          struct effects *fx)
{
    bool is_text = strcmp(request->path, "/metrics") == 0;

    if ((!is_text && strcmp(request->path, "/metrics/snapshot") != 0) ||
        request->method != HTTP_GET)
        return false;
    struct committer_figures commits = {0};
    struct metrics metrics;
    struct buf out = {0};

    metrics_init(&metrics);
    if (d->program->metrics != NULL)
        d->program->metrics(d->self, &metrics);
    if (d->committer != NULL)
        committer_figures(d->committer, &commits);
    if (d->server != NULL)
        d->figures.streams = http_server_streams(d->server);
    daemon_figures_report(&d->figures, &commits, d->program->name, &metrics);
    if (is_text)
        metrics_print_text(&metrics, &out);
    else
        metrics_print_snapshot(&metrics, &out);
    effect_reply(fx, exchange, 200, is_text ? MEDIA_METRICS : MEDIA_JSON,
                 buf_bytes(&out));
    buf_release(&out);
    metrics_release(&metrics);
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

/* --- effects -------------------------------------------------------------- */

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
    if (d->server == NULL)
        return; /* nobody asked, so nobody waits */
    if (effect->kind == EFFECT_REPLY)
        http_server_reply(d->server, effect->exchange, &effect->response);
    else if (effect->kind == EFFECT_STREAM)
        http_server_stream(d->server, effect->exchange, &effect->response);
    else if (effect->kind == EFFECT_RECORD)
        http_server_record(d->server, effect->exchange, effect->bytes);
    else
        http_server_end(d->server, effect->exchange);
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

/* Perform, in order, the effects of all turns that are durable. */
static int release(struct daemon *d, struct err *err)
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

/* --- the turn ------------------------------------------------------------- */

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
    (void)timerfd_settime(
        d->alarm_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec, NULL);
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

static int daemon_turn(struct daemon *d, bool is_first, struct err *err)
{
    int64_t began_ns = clock_monotonic_ns();
    struct turn *turn = turns_begin(&d->turns);
    uint32_t inputs = d->inbox.count;

    d->now_ms = clock_wall_ms();
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
    int status = release(d, err);
    if (status < 0)
        return status;
    arm_alarm(d);
    note_turn(d, began_ns, inputs);
    return 0;
}

static void on_end_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    *(bool *)arg = true;
}

/* In good order: everything decided becomes durable and is said; the kernel
 * gets a while to take the answers, and the other side to take our calls. */
static int finish(struct daemon *d, struct err *err)
{
    struct timeval most = {END_MS_MAX / 1000, END_MS_MAX % 1000 * 1000};
    bool is_over = false;
    int status = 0;

    if (d->server != NULL)
        http_server_drain(d->server);
    if (d->last_batch > 0)
        status = committer_wait(d->committer, d->last_batch, err);
    if (status == 0)
        status = release(d, err);
    if (status < 0)
        return status;
    struct event *timer = evtimer_new(d->base, on_end_timer, &is_over);
    evtimer_add(timer, &most);
    while (!is_over && ((d->server && http_server_unsent(d->server) > 0) ||
                        http_client_pending(d->client) > 0))
        event_base_loop(d->base, EVLOOP_ONCE);
    event_free(timer);
    return 0;
}

int daemon_run(struct daemon *d, struct err *err)
{
    struct err failed = {0};
    int status = daemon_turn(d, true, &failed);

    while (status == 0 && !d->is_stopping) {
        /* What is left of a large turn goes first. */
        event_base_loop(d->base,
                        d->inbox.count > 0 ? EVLOOP_NONBLOCK : EVLOOP_ONCE);
        status = daemon_turn(d, false, &failed);
    }
    if (status == 0)
        status = finish(d, &failed);
    if (status == 0)
        return d->status;
    log_line(LOG_LEVEL_ERROR, "store_failed reason=%s hint=%s",
             log_value(failed.text), log_value(failed.hint));
    if (err != NULL)
        *err = failed;
    return EXIT_FAILURE;
}

void daemon_stop(struct daemon *d, int status)
{
    if (!d->is_stopping)
        d->status = status;
    d->is_stopping = true;
}

/* --- opening -------------------------------------------------------------- */

static void on_signal(evutil_socket_t signo, short what, void *arg)
{
    struct daemon *d = arg;

    (void)what;
    log_line(LOG_LEVEL_INFO, "stopping signal=%d", (int)signo);
    daemon_stop(d, EXIT_SUCCESS);
}

/* An eventfd and a timerfd are read to be silent again; the turn that follows
 * every wake-up does the rest. */
static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct daemon *d = arg;
    uint64_t count;

    (void)what;
    (void)!read(fd, &count, sizeof count);
    if (fd == d->alarm_fd)
        d->alarm_ms = INT64_MIN; /* rang, or the clock was set: arm again */
}

static void on_libevent_log(int severity, const char *text)
{
    log_line(severity >= EVENT_LOG_WARN ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG,
             "libevent message=%s", log_value(text));
}

static int open_loop(struct daemon *d, struct err *err)
{
    struct event_config *config = event_config_new();

    event_set_log_callback(on_libevent_log);
    (void)event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    d->base = event_base_new_with_config(config);
    event_config_free(config);
    d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    d->alarm_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (d->base == NULL || d->wake_fd < 0 || d->alarm_fd < 0)
        return err_set(err, ERR_IO, "cannot make an event loop: %s",
                       strerror(errno));
    d->on_term = evsignal_new(d->base, SIGTERM, on_signal, d);
    d->on_int = evsignal_new(d->base, SIGINT, on_signal, d);
    d->on_wake =
        event_new(d->base, d->wake_fd, EV_READ | EV_PERSIST, on_readable, d);
    d->on_alarm =
        event_new(d->base, d->alarm_fd, EV_READ | EV_PERSIST, on_readable, d);
    assert(d->on_term && d->on_int && d->on_wake && d->on_alarm);
    event_add(d->on_term, NULL);
    event_add(d->on_int, NULL);
    event_add(d->on_wake, NULL);
    event_add(d->on_alarm, NULL);
    return 0;
}

struct replay {
    const struct program *program;
    void *self;
};

static int on_stored(void *context, const char *table, struct bytes key,
                     struct bytes value, struct err *err)
{
    struct replay *replay = context;

    if (replay->program->on_stored == NULL)
        return 0;
    return replay->program->on_stored(replay->self, table, key, value, err);
}

static int open_store(struct daemon *d, struct err *err)
{
    struct replay replay = {d->program, d->self};
    int status = store_open(&d->store, d->config.store_dir, err);

    if (status == 0)
        status = store_each(d->store, on_stored, &replay, err);
    if (status == 0)
        status = committer_open(&d->committer, d->store, d->wake_fd, err);
    return status;
}

static int open_edges(struct daemon *d, struct err *err)
{
    struct http_client_config client = {on_answer, on_record, on_broken, d,
                                        HTTP_BODY_MAX};
    struct http_server_config server = {
        d->config.ip, d->config.port, d->config.stream_bound,
        on_request,   on_gone,        d};
    int status;

    d->client = http_client_open(d->base, &client);
    if (d->config.ip == NULL)
        return 0;
    status = http_server_open(&d->server, d->base, &server, err);
    if (status == 0 && d->config.ready_text != NULL)
        log_line(LOG_LEVEL_INFO, "%s address=%s port=%d", d->config.ready_text,
                 d->config.ip, http_server_port(d->server));
    return status;
}

static bool wants_checks(void)
{
    const char *wish = getenv("PERIGEE_CHECK");

#ifndef _FORTIFY_SOURCE /* a debug or sanitized build */
    return wish == NULL || strcmp(wish, "0") != 0;
#else
    return wish != NULL && strcmp(wish, "0") != 0;
#endif
}

int daemon_open(struct daemon **out, const struct daemon_config *config,
                const struct program *program, void *self, struct err *err)
{
    struct daemon *d = xcalloc(1, sizeof *d);
    int status;

    d->program = program;
    d->self = self;
    d->config = *config;
    d->alarm_ms = INT64_MAX;
    d->wake_fd = d->alarm_fd = -1;
    d->now_ms = clock_wall_ms();
    d->figures.started_ns = clock_monotonic_ns();
    d->is_checked = wants_checks();
    inbox_init(&d->inbox);
    turns_init(&d->turns);
    signal(SIGPIPE, SIG_IGN);
    process_raise_files();
    /* The edges last: who can connect is served at once. */
    status = open_loop(d, err);
    if (status == 0 && config->store_dir != NULL)
        status = open_store(d, err);
    if (status == 0)
        status = open_edges(d, err);
    if (status < 0) {
        daemon_close(d);
        return status;
    }
    *out = d;
    return 0;
}

static void event_drop(struct event *event)
{
    if (event != NULL)
        event_free(event);
}

void daemon_close(struct daemon *d)
{
    if (d == NULL)
        return;
    http_server_close(d->server);
    http_client_close(d->client);
    committer_close(d->committer);
    store_close(d->store);
    event_drop(d->on_term);
    event_drop(d->on_int);
    event_drop(d->on_wake);
    event_drop(d->on_alarm);
    if (d->base != NULL)
        event_base_free(d->base);
    if (d->wake_fd >= 0)
        close(d->wake_fd);
    if (d->alarm_fd >= 0)
        close(d->alarm_fd);
    inbox_release(&d->inbox);
    turns_release(&d->turns);
    free(d);
}

void daemon_on_act(struct daemon *d, daemon_act *act, void *context)
{
    d->act = act;
    d->act_context = context;
}

void daemon_add_route(struct daemon *d, const char *path_prefix,
                      daemon_route *route, void *context)
{
    assert(d->route_count < ROUTES_MAX);
    d->route[d->route_count++] = (struct route){path_prefix, route, context};
}

struct event_base *daemon_base(const struct daemon *d)
{
    return d->base;
}

int daemon_port(const struct daemon *d)
{
    return d->server != NULL ? http_server_port(d->server) : 0;
}

int64_t daemon_now_ms(const struct daemon *d)
{
    return d->now_ms;
}

void daemon_reply(struct daemon *d, exchange_id exchange,
                  const struct http_response *response)
{
    http_server_reply(d->server, exchange, response);
}

void daemon_reply_file(struct daemon *d, exchange_id exchange, int fd,
                       int64_t offset, int64_t size,
                       const struct http_response *head)
{
    http_server_reply_file(d->server, exchange, fd, offset, size, head);
}
