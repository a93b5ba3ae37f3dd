/* The program: every input ends with one list, in this order: place what
 * waits, save, tell, call. */
#include "aurora/program.h"
#include "aurora/api.h"
#include "aurora/assets.h"
#include "aurora/event_line.h"
#include "aurora/link.h"
#include "sys/address.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SWEEP_INTERVAL_MS = 15 * 60 * 1000 };

const struct aurora_options AURORA_OPTIONS = {
    .cluster = "devcluster",
    .master = "127.0.0.1:5050",
    .hostname = "localhost",
    .user = "root",
    .thermos_path = "thermos",
    .stdlib_hash = "",
    .environments = "prod|devel|test|staging\\d*",
    .tasks_per_job_max = 4000,
    .sla_instances_min = 20,
    .sla_duration_max_ms = (int64_t)2 * 60 * 60 * 1000,
    .drain_poll_ms = 60 * 1000,
    .away_window_ms = 6 * 60 * 1000,
    .spares_cpus = true,
    .preempt = {true, 3 * 60 * 1000, 3 * 60 * 1000, 60 * 1000, 5 * 60 * 1000,
                5},
    .offer_hold_ms = 5 * 60 * 1000,
    .offer_jitter_ms = 60 * 1000,
    .keeps_places = true,
    .executor_cpus_milli = 10,
    .executor_mem_milli = 16 * 1000,
    .failover_timeout_ms = (int64_t)21 * 24 * 60 * 60 * 1000,
    .heartbeat_ms = 15 * 1000,
    .announce_root = "/aurora",
    .reconcile_batch = 1000,
    .reconcile_pause_ms = 5 * 1000,
    .reconcile_first_ms = 60 * 1000,
    .reconcile_explicit_ms = 60 * 60 * 1000,
    .reconcile_implicit_ms = 60 * 60 * 1000,
    .requests_per_second = 2000,
    .timezone = "UTC",
    .notice_give_up_ms = (int64_t)6 * 60 * 60 * 1000,
    .seed = 1,
    .log_level = 2,
};

/* POSIX expressions know no \d; the whole text must match. */
static void compile_environments(struct aurora_program *p)
{
    struct buf text = {0};
    const char *from = p->options.environments;

    buf_add_text(&text, "^(");
    for (; *from; from++) {
        if (from[0] == '\\' && from[1] == 'd') {
            buf_add_text(&text, "[0-9]");
            from++;
        } else {
            buf_add_char(&text, *from);
        }
    }
    buf_add_text(&text, ")$");
    int rc =
        regcomp(&p->environments, buf_text(&text), REG_EXTENDED | REG_NOSUB);
    assert(rc == 0); /* main checked what people wrote */
    (void)rc;
    buf_release(&text);
}

static void copy_options(struct aurora_program *p,
                         const struct aurora_options *options)
{
    struct aurora_options *o = &p->options;

    *o = *options;
    o->cluster = xstrdup(options->cluster);
    o->master = xstrdup(options->master);
    o->hostname = xstrdup(options->hostname);
    o->user = xstrdup(options->user);
    o->thermos_path = xstrdup(options->thermos_path);
    o->environments = xstrdup(options->environments);
    o->stdlib_hash = xstrdup(options->stdlib_hash);
    o->zookeeper = options->zookeeper ? xstrdup(options->zookeeper) : NULL;
    o->announce_root = xstrdup(options->announce_root);
    o->timezone = xstrdup(options->timezone);
    o->tiers = NULL;
    o->mail_from = options->mail_from ? xstrdup(options->mail_from) : NULL;
    o->endpoint = NULL;
    int rc = tiers_parse(options->tiers, &p->tiers, NULL);
    assert(rc == 0); /* main checked what people wrote */
    (void)rc;
}

struct aurora_program *aurora_program_new(const struct aurora_options *options)
{
    struct aurora_program *p = xcalloc(1, sizeof *p);
    struct aurora_limits_config limits = {
        .tasks_per_job_max = options->tasks_per_job_max,
        .sla = {options->sla_instances_min, options->sla_protects_all},
        .drain_poll_ms = options->drain_poll_ms,
        .away_window_ms = options->away_window_ms,
        .offer_hold_ms = options->offer_hold_ms,
        .offer_jitter_ms = options->offer_jitter_ms,
        .keeps_places = options->keeps_places,
        .preempt = options->preempt,
        .placement = options->spreads ? PLACEMENT_SPREAD : PLACEMENT_PACK,
        .notice_give_up_ms = options->notice_give_up_ms,
    };

    copy_options(p, options);
    compile_environments(p);
    aurora_init(&p->core, &limits, options->seed);
    link_init(p);
    audit_init(p);
    if (options->endpoint)
        aurora_program_set_endpoint(p, options->endpoint);
    p->heartbeat_at_ms = p->sweep_at_ms = p->backups.due_ms = INT64_MAX;
    return p;
}

void aurora_program_free(struct aurora_program *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; i < p->decoding.count; i++)
        request_free(p->decoding.item[i]);
    vec_free(&p->decoding);
    for (uint32_t i = 0; i < p->evaluating.count; i++)
        request_free(p->evaluating.item[i]);
    vec_free(&p->evaluating);
    judgings_release(p);
    backups_release(p);
    stream_release(p);
    sign_in_release(p);
    audit_release(p);
    keys_release(p);
    store_release(p);
    link_release(p);
    aurora_release(&p->core);
    assets_release(p);
    releases_release(p);
    schema_release(p);
    rates_release(p);
    regfree(&p->environments);
    free((char *)p->options.cluster);
    free((char *)p->options.master);
    free((char *)p->options.hostname);
    free((char *)p->options.user);
    free((char *)p->options.thermos_path);
    free((char *)p->options.environments);
    free((char *)p->options.stdlib_hash);
    free((char *)p->options.zookeeper);
    free((char *)p->options.announce_root);
    free((char *)p->options.timezone);
    free((char *)p->options.mail_from);
    zones_release(p);
    free(p->asset_url);
    free(p);
}

const struct aurora *aurora_program_core(const struct aurora_program *program)
{
    return &program->core;
}

void aurora_program_set_endpoint(struct aurora_program *p, const char *endpoint)
{
    struct buf url = {0};

    buf_addf(&url, "%s%s/assets/", address_scheme(endpoint), endpoint);
    free(p->asset_url);
    p->asset_url = buf_take(&url);
}

/* --- the end of every input --- */

/* Nobody asked for it, and somebody lost by it: who, and for whom. */
static void audit_event(struct aurora_program *p, const struct event *event,
                        struct effects *fx)
{
    if (event->kind != EVENT_TASK_CHANGED || event->state != TASK_PREEMPTING)
        return;
    audit_own(p, "task.preempt", view_text(event->key_text, &fx->arena),
              arena_printf(
                  &fx->arena, "%s: %s", view_text(event->task_id, &fx->arena),
                  event->message ? view_text(event->message, &fx->arena) : ""),
              fx);
}

static void log_events(struct aurora_program *p, struct effects *fx)
{
    const struct event_log *log = &p->core.events;
    uint64_t at = p->logged + 1;

    if (at < event_log_first(log))
        at = event_log_first(log);
    for (; at < log->next; at++) {
        const struct event *event = event_log_get(log, at);
        event_line(event, p->options.log_level, fx);
        audit_event(p, event, fx);
    }
    p->logged = log->next - 1;
}

static void finish(struct aurora_program *p, struct effects *fx)
{
    coordinators_send(p, fx); /* it may change what is saved */
    notices_go_on(&p->core);
    notices_send(p, fx); /* so may this */
    aurora_reserve_sequence(&p->core);
    store_save(p, fx);
    questions_ask(p, fx);
    calls_from_work(p);
    calls_send(p, fx);
    if (!stream_send(p, fx))
        p->streams_late = true;
    log_events(p, fx);
    aurora_work_clear(&p->core);
}

static int on_stored(void *self, const char *table, struct bytes key,
                     struct bytes value, struct err *err)
{
    return store_take(self, table, key, value, err);
}

static void on_start(void *self, int64_t now_ms, struct effects *fx)
{
    struct aurora_program *p = self;
    struct err err = {0};

    p->now_ms = now_ms;
    if (store_done(p, now_ms, &err) < 0) {
        effect_log(fx, 0, "store_damaged why=\"%s\"", err.text);
        effect_stop(fx, 1);
        return;
    }
    effect_log(fx, 2, "started cluster=%s jobs=%u", p->options.cluster,
               p->core.jobs.count);
    p->heartbeat_at_ms = now_ms + p->options.heartbeat_ms;
    p->sweep_at_ms = now_ms + SWEEP_INTERVAL_MS;
    backups_start(p, now_ms);
    asset_key_make(p, fx);
    link_start(p, now_ms, fx);
    finish(p, fx);
}

static void on_request(void *self, exchange_id exchange,
                       const struct http_request *request, int64_t now_ms,
                       struct effects *fx)
{
    struct aurora_program *p = self;

    p->now_ms = now_ms;
    api_request(p, exchange, request, now_ms, fx);
    finish(p, fx);
}

static void on_gone(void *self, exchange_id exchange, int64_t now_ms,
                    struct effects *fx)
{
    struct aurora_program *p = self;

    (void)fx;
    p->now_ms = now_ms;
    api_gone(p, exchange);
}

static void on_answer(void *self, exchange_id exchange,
                      const struct http_response *response, int64_t now_ms,
                      struct effects *fx)
{
    struct aurora_program *p = self;

    p->now_ms = now_ms;
    link_answer(p, exchange, response, now_ms, fx);
    finish(p, fx);
}

static void on_record(void *self, exchange_id exchange, struct bytes record,
                      int64_t now_ms, struct effects *fx)
{
    struct aurora_program *p = self;

    p->now_ms = now_ms;
    link_record(p, exchange, record, now_ms, fx);
    finish(p, fx);
}

static void on_broken(void *self, exchange_id exchange, const char *why,
                      int64_t now_ms, struct effects *fx)
{
    struct aurora_program *p = self;

    p->now_ms = now_ms;
    link_broken(p, exchange, why, now_ms, fx);
    finish(p, fx);
}

static void on_fact(void *self, uint32_t kind, const void *data, int64_t now_ms,
                    struct effects *fx)
{
    struct aurora_program *p = self;

    p->now_ms = now_ms;
    if (kind == AURORA_FACT_EVALUATED)
        api_evaluated(p, data, now_ms, fx);
    if (kind == AURORA_FACT_JUDGED) {
        questions_judged(p, data, now_ms);
        judgings_go_on(p, now_ms, fx);
    }
    if (kind == AURORA_FACT_COORDINATED)
        coordinators_answered(p, data, now_ms, fx);
    if (kind == AURORA_FACT_NOTIFIED)
        notices_answered(p, data, now_ms);
    if (kind == AURORA_FACT_BACKED_UP)
        backups_done(p, data, now_ms, fx);
    if (kind == AURORA_FACT_BACKUPS)
        backups_listed(p, data, now_ms, fx);
    if (kind == AURORA_FACT_DECODED)
        api_decoded(p, data, now_ms, fx);
    if (kind == AURORA_FACT_VERIFIED)
        sign_in_verified(p, data, now_ms, fx);
    if (kind == AURORA_FACT_SECURITY)
        sign_in_reloaded(p, data, now_ms, fx);
    if (kind == AURORA_FACT_HANDSHAKE)
        audit_handshake(p, data, fx);
    finish(p, fx);
}

/* --- time --- */

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Placing happens in on_time, so that the inputs of one turn are placed
 * together; "now" is the time of the last input. */
static int64_t next_ms(const void *self)
{
    const struct aurora_program *p = self;
    int64_t next = aurora_next_ms(&p->core);

    if (p->core.place_wanted && p->core.waiting_count > 0 &&
        p->link.state == LINK_UP)
        return p->now_ms;
    if (p->streams_late)
        next = sooner(next, p->now_ms + 5);
    next = sooner(next, link_next_ms(p));
    next = sooner(next, audit_next_ms(p));
    next = sooner(next, backups_next_ms(p));
    next = sooner(next, judgings_next_ms(p));
    if (p->subscribers.count > 0)
        next = sooner(next, p->heartbeat_at_ms);
    return sooner(next, p->sweep_at_ms);
}

static void on_time(void *self, int64_t now_ms, struct effects *fx)
{
    struct aurora_program *p = self;

    p->now_ms = now_ms;
    p->streams_late = false;
    link_time(p, now_ms, fx);
    backups_time(p, now_ms, fx);
    audit_time(p, now_ms, fx);
    aurora_time(&p->core, now_ms);
    judgings_go_on(p, now_ms, fx);
    if (p->link.state == LINK_UP)
        aurora_place(&p->core, now_ms);
    if (now_ms >= p->heartbeat_at_ms) {
        stream_heartbeat(p, now_ms, fx);
        p->heartbeat_at_ms = now_ms + p->options.heartbeat_ms;
    }
    if (now_ms >= p->sweep_at_ms) {
        keys_sweep(p, now_ms, fx);
        assets_sweep(p, now_ms, fx);
        audit_sweep(p, now_ms, fx);
        releases_sweep(p, fx);
        p->sweep_at_ms = now_ms + SWEEP_INTERVAL_MS;
    }
    finish(p, fx);
}

static void check(const void *self)
{
    const struct aurora_program *p = self;

    aurora_check(&p->core);
    assert(p->link.acks_in_flight <= p->link.acks.count);
    assert(p->evaluating.count <= EVALUATIONS_MAX);
    assert(p->judging.count <= JUDGINGS_MAX);
}

const struct program AURORA_PROGRAM = {
    .name = "aurora",
    .on_stored = on_stored,
    .on_start = on_start,
    .on_request = on_request,
    .on_gone = on_gone,
    .on_answer = on_answer,
    .on_record = on_record,
    .on_broken = on_broken,
    .on_fact = on_fact,
    .next_ms = next_ms,
    .on_time = on_time,
    .metrics = aurora_metrics,
    .check = check,
    .guards_metrics = true,
};
