#include "sys/daemon.h"
#include "base/alloc.h"
#include "sys/clock.h"
#include "sys/committer.h"
#include "sys/daemon_state.h"
#include "sys/http_client.h"
#include "sys/http_server.h"
#include "sys/log.h"
#include "sys/process.h"
#include "sys/store.h"
#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { END_MS_MAX = 1000 }; /* to hand out what is due, when stopping */

/* --- inputs --- */

void daemon_fact(struct daemon *d, uint32_t kind, const void *data, size_t size)
{
    inbox_fact(&d->inbox, kind, data, size, SIZE_MAX, bytes_of("", 0));
}

void daemon_fact_with(struct daemon *d, uint32_t kind, const void *data,
                      size_t size, size_t extra_at, struct bytes extra)
{
    inbox_fact(&d->inbox, kind, data, size, extra_at, extra);
}

/* --- running --- */

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
    if (d->local != NULL)
        http_server_drain(d->local);
    if (d->last_batch > 0)
        status = committer_wait(d->committer, d->last_batch, err);
    if (status == 0)
        status = daemon_release(d, err);
    if (status < 0)
        return status;
    struct event *timer = evtimer_new(d->base, on_end_timer, &is_over);
    evtimer_add(timer, &most);
    while (!is_over &&
           (daemon_unsent(d) > 0 || http_client_pending(d->client) > 0))
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

/* --- opening --- */

static void on_signal(evutil_socket_t signo, short what, void *arg)
{
    struct daemon *d = arg;

    (void)what;
    log_line(LOG_LEVEL_INFO, "stopping signal=%d", (int)signo);
    daemon_stop(d, EXIT_SUCCESS);
}

static void on_farewell(evutil_socket_t signo, short what, void *arg)
{
    struct daemon *d = arg;

    (void)what;
    log_line(LOG_LEVEL_INFO, "leaving signal=%d", (int)signo);
    daemon_fact(d, d->farewell_kind, "", 0);
}

void daemon_on_farewell(struct daemon *d, uint32_t kind)
{
    assert(d->on_farewell == NULL);
    d->farewell_kind = kind;
    d->on_farewell = evsignal_new(d->base, SIGUSR1, on_farewell, d);
    assert(d->on_farewell);
    event_add(d->on_farewell, NULL);
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
    /* Changes of interest are told to the kernel once per turn, and only what
     * is left of them: bufferevents change their mind a lot. */
    (void)event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    d->base = event_base_new_with_config(config);
    event_config_free(config);
    d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    d->alarm_fd =
        timerfd_create(d->config.is_steady ? CLOCK_BOOTTIME : CLOCK_REALTIME,
                       TFD_CLOEXEC | TFD_NONBLOCK);
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
    int status = store_open_each(&d->store, d->config.store_dir, on_stored,
                                 &replay, err);

    if (status == 0 && store_repaired(d->store) > 0)
        log_line(LOG_LEVEL_WARN,
                 "store_repaired flipped_bits=%u store=%s "
                 "message=\"nothing is lost; check this machine's disk and "
                 "memory\"",
                 store_repaired(d->store), log_value(d->config.store_dir));
    if (status == 0)
        status = committer_open(&d->committer, d->store, d->wake_fd, err);
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
    d->now_ms = daemon_now_ms(d);
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
        status = daemon_open_edges(d, err);
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
    daemon_close_edges(d);
    committer_close(d->committer);
    store_close(d->store);
    event_drop(d->on_term);
    event_drop(d->on_int);
    event_drop(d->on_farewell);
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

void daemon_on_refused(struct daemon *d, tls_refused *refused, void *context)
{
    if (d->tls != NULL)
        tls_on_refused(d->tls, refused, context);
}

void daemon_on_backup(struct daemon *d, daemon_backed_up *over, void *context)
{
    d->backed_up = over;
    d->backup_context = context;
}

int daemon_backup(struct daemon *d, const struct store_backup *request,
                  struct err *err)
{
    assert(d->committer != NULL && d->backed_up != NULL);
    return committer_backup(d->committer, request, err);
}

void daemon_add_route(struct daemon *d, const char *path_prefix,
                      daemon_route *route, void *context)
{
    assert(d->route_count < DAEMON_ROUTES_MAX);
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

void daemon_reply(struct daemon *d, exchange_id exchange,
                  const struct http_response *response)
{
    http_server_reply(daemon_server_of(d, exchange), exchange, response);
}

void daemon_reply_file(struct daemon *d, exchange_id exchange, int fd,
                       int64_t offset, int64_t size,
                       const struct http_response *head)
{
    http_server_reply_file(daemon_server_of(d, exchange), exchange, fd, offset,
                           size, head);
}
