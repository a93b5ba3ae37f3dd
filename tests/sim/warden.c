#include "tests/sim/warden.h"
#include "tests/sim/caller.h"

#include "base/alloc.h"
#include "mesos/v1/master.pb-c.h"

#include <stdlib.h>

typedef Mesos__V1__Master__Call Call;
#define TYPE(name) MESOS__V1__MASTER__CALL__TYPE__##name

enum { SECOND = 1000, MINUTE = 60 * SECOND };
#define MS_NS INT64_C(1000000)

struct warden {
    struct caller caller; /* first: caller.h */
    struct warden_options options;
    struct warden_window window[WARDEN_WINDOWS_MAX];
    uint32_t windows;
    uint32_t at; /* the window under way */
    enum warden_verb verb;
    bool is_unsure; /* a call of this step was not answered */
};

/* --- what is wanted --- */

static int64_t between(struct warden *w, int64_t low, int64_t high)
{
    return low + (int64_t)rng_below(&w->caller.rng, (uint64_t)(high - low));
}

/* Known long before, or when it is nearly too late to empty the machine; taken
 * down when it was said, sometimes sooner. */
static void make_window(struct warden *w, struct warden_window *out,
                        int64_t from_ms, int64_t span_ms)
{
    int64_t first_ms = from_ms + between(w, 0, span_ms / 4);
    bool is_sudden = caller_chance(&w->caller, 3);
    int64_t notice_ms = between(w, 4 * MINUTE, 9 * MINUTE);

    if (is_sudden)
        notice_ms = between(w, 0, MINUTE);
    out->host = w->options.host[rng_below(&w->caller.rng, WARDEN_HOSTS)];
    out->goes_down = !caller_chance(&w->caller, 3);
    out->is_by_hostname = caller_chance(&w->caller, 2);
    out->start_ms = first_ms + notice_ms;
    out->duration_ms = -1;
    if (caller_chance(&w->caller, 2))
        out->duration_ms = between(w, 2 * MINUTE, 20 * MINUTE);
    out->at_ms[WARDEN_SCHEDULE] = first_ms;
    out->at_ms[WARDEN_DOWN] =
        out->start_ms + between(w, -20 * SECOND, 90 * SECOND);
    out->at_ms[WARDEN_UP] =
        out->goes_down
            ? out->at_ms[WARDEN_DOWN] + between(w, 10 * SECOND, 4 * MINUTE)
            : first_ms + between(w, 10 * SECOND, 14 * MINUTE);
}

struct warden *warden_new(const struct warden_options *options)
{
    struct warden *w = xcalloc(1, sizeof *w);

    w->options = *options;
    caller_init(&w->caller, options->master, options->speaks_json, INT64_MAX,
                options->fate);
    if (!options->is_idle)
        w->windows =
            (uint32_t)rng_below(&w->caller.rng, WARDEN_WINDOWS_MAX + 1);
    for (uint32_t i = 0; i < w->windows; i++) {
        int64_t span_ms = (options->last_ms - options->first_ms) / w->windows;
        make_window(w, &w->window[i], options->first_ms + i * span_ms, span_ms);
    }
    if (w->windows > 0)
        w->caller.at_ms = w->window[0].at_ms[WARDEN_SCHEDULE];
    return w;
}

void warden_free(struct warden *w)
{
    caller_release(&w->caller);
    free(w);
}

const char *warden_problem(const struct warden *w)
{
    return w->caller.problem;
}

bool warden_is_done(const struct warden *w)
{
    return w->at == w->windows;
}

/* What the next step is to change is not certain from its first call on. */
struct warden_fact warden_fact(const struct warden *w)
{
    if (warden_is_done(w) || w->caller.exchange != 0 || w->is_unsure)
        return (struct warden_fact){NULL, WARDEN_IS_UP};
    const struct warden_window *window = &w->window[w->at];
    if (w->verb == WARDEN_SCHEDULE)
        return (struct warden_fact){window->host, WARDEN_IS_UP};
    return (struct warden_fact){window->host,
                                w->verb == WARDEN_UP && window->goes_down
                                    ? WARDEN_IS_DOWN
                                    : WARDEN_IS_GOING};
}

/* --- calls --- */

struct asked {
    Call call;
    Mesos__V1__Master__Call__UpdateMaintenanceSchedule update;
    Mesos__V1__Master__Call__StartMaintenance start;
    Mesos__V1__Master__Call__StopMaintenance stop;
    Mesos__V1__Maintenance__Schedule schedule;
    Mesos__V1__Maintenance__Window window, *windows[1];
    Mesos__V1__Unavailability away;
    Mesos__V1__TimeInfo start_time;
    Mesos__V1__DurationInfo duration;
    Mesos__V1__MachineID machine, *machines[1];
};

static void init(struct asked *a, const struct warden_window *window)
{
    mesos__v1__master__call__init(&a->call);
    mesos__v1__master__call__update_maintenance_schedule__init(&a->update);
    mesos__v1__master__call__start_maintenance__init(&a->start);
    mesos__v1__master__call__stop_maintenance__init(&a->stop);
    mesos__v1__maintenance__schedule__init(&a->schedule);
    mesos__v1__maintenance__window__init(&a->window);
    mesos__v1__unavailability__init(&a->away);
    mesos__v1__time_info__init(&a->start_time);
    mesos__v1__duration_info__init(&a->duration);
    mesos__v1__machine_id__init(&a->machine);
    a->machine.hostname = (char *)window->host;
    if (!window->is_by_hostname)
        a->machine.ip = (char *)window->host;
    a->machines[0] = &a->machine;
    a->windows[0] = &a->window;
    a->call.has_type = true;
}

/* With the window, or without any. */
static void fill_schedule(struct asked *a, const struct warden_window *window,
                          bool has_window)
{
    a->call.type = TYPE(UPDATE_MAINTENANCE_SCHEDULE);
    a->call.update_maintenance_schedule = &a->update;
    a->update.schedule = &a->schedule;
    if (!has_window)
        return;
    a->schedule.n_windows = 1;
    a->schedule.windows = a->windows;
    a->window.n_machine_ids = 1;
    a->window.machine_ids = a->machines;
    a->window.unavailability = &a->away;
    a->away.start = &a->start_time;
    a->start_time.nanoseconds = window->start_ms * MS_NS;
    if (window->duration_ms < 0)
        return;
    a->away.duration = &a->duration;
    a->duration.nanoseconds = window->duration_ms * MS_NS;
}

static void begin_step(struct warden *w, struct effects *fx)
{
    const struct warden_window *window = &w->window[w->at];
    struct asked a;

    init(&a, window);
    if (w->verb == WARDEN_DOWN) {
        a.call.type = TYPE(START_MAINTENANCE);
        a.call.start_maintenance = &a.start;
        a.start.n_machines = 1;
        a.start.machines = a.machines;
    } else if (w->verb == WARDEN_UP && window->goes_down) {
        a.call.type = TYPE(STOP_MAINTENANCE);
        a.call.stop_maintenance = &a.stop;
        a.stop.n_machines = 1;
        a.stop.machines = a.machines;
    } else {
        fill_schedule(&a, window, w->verb == WARDEN_SCHEDULE);
    }
    caller_post(&w->caller, &a.call.base, NULL, NULL, fx);
}

/* --- what answers say --- */

static void step_done(struct warden *w)
{
    w->is_unsure = false;
    w->verb++;
    if (w->verb == WARDEN_DOWN && !w->window[w->at].goes_down)
        w->verb++;
    if (w->verb == WARDEN_VERBS) {
        w->verb = WARDEN_SCHEDULE;
        w->at++;
    }
    w->caller.at_ms =
        warden_is_done(w) ? INT64_MAX : w->window[w->at].at_ms[w->verb];
}

/* What was done by a call whose answer got lost cannot be done again. */
static bool is_done_already(const struct warden *w, int status)
{
    return status == 400 && w->is_unsure && w->window[w->at].goes_down &&
           w->verb != WARDEN_SCHEDULE;
}

static void on_answer(void *self, exchange_id exchange,
                      const struct http_response *response, int64_t now_ms,
                      struct effects *fx)
{
    struct warden *w = self;

    (void)fx;
    if (!caller_take_answer(&w->caller, exchange))
        return;
    if (response->status == 429 || response->status == 503)
        w->caller.at_ms = now_ms + between(w, SECOND, 4 * SECOND);
    else if (response->status == 200 || is_done_already(w, response->status))
        step_done(w);
    else
        caller_blame(&w->caller, "warden", response);
}

static void on_broken(void *self, exchange_id exchange, const char *why,
                      int64_t now_ms, struct effects *fx)
{
    struct warden *w = self;

    w->is_unsure |= exchange == w->caller.exchange;
    caller_on_broken(self, exchange, why, now_ms, fx);
}

static void on_time(void *self, int64_t now_ms, struct effects *fx)
{
    struct warden *w = self;

    if (caller_is_due(&w->caller, now_ms) && !warden_is_done(w))
        begin_step(w, fx);
}

const struct program WARDEN_PROGRAM = {.name = "warden",
                                       .on_answer = on_answer,
                                       .on_broken = on_broken,
                                       .next_ms = caller_next_ms,
                                       .on_time = on_time};
