/* Calls about how long instances are up, and about what jobs would be left with
 * if hosts went. */
#include "aurora/api.h"
#include "aurora/core/sla_figures.h"
#include "aurora/security.h"

#include <string.h>

typedef Perigee__Aurora__Answer Answer;
typedef Perigee__Aurora__Call__Sla Query;
typedef Perigee__Aurora__HostProbe Probe;

enum {
    FIGURES_MAX = 100, /* durations, or percentiles, in one call */
    PROBED_MAX = 200,  /* hosts in one call */
    PERCENTAGE_DEFAULT = 95 * 1000,
    DURATION_DEFAULT_SECS = 30 * 60,
    INSTANCES_MIN_DEFAULT = 10
};
#define DURATION_MAX_SECS (UINT64_C(10) * 366 * 24 * 60 * 60)

static int refuse(struct err *err, const char *field, const char *want)
{
    (void)err_set(err, ERR_INVALID, "%s: %s", field, want);
    err_field(err, "sla.%s", field);
    return -ERR_INVALID;
}

/* --- one job --- */

static void view_up(const struct sla_uptimes *uptimes, const Query *query,
                    Perigee__Aurora__SlaView *out, struct arena *arena)
{
    out->up =
        arena_alloc(arena, (query->n_durations_secs + 1) * sizeof(void *));
    for (size_t i = 0; i < query->n_durations_secs; i++) {
        Perigee__Aurora__SlaView__Up *up = arena_alloc(arena, sizeof *up);
        perigee__aurora__sla_view__up__init(up);
        up->has_duration_secs = up->has_instances = true;
        up->has_percentage_milli = true;
        up->duration_secs = query->durations_secs[i];
        up->instances = sla_up_for(uptimes, (int64_t)up->duration_secs * 1000);
        up->percentage_milli =
            uptimes->count == 0 ? 0
                                : sla_percentage(up->instances, uptimes->count);
        out->up[out->n_up++] = up;
    }
}

static void view_uptimes(const struct sla_uptimes *uptimes, const Query *query,
                         Perigee__Aurora__SlaView *out, struct arena *arena)
{
    out->uptimes =
        arena_alloc(arena, (query->n_percentiles_milli + 1) * sizeof(void *));
    for (size_t i = 0; i < query->n_percentiles_milli; i++) {
        Perigee__Aurora__SlaView__Uptime *up = arena_alloc(arena, sizeof *up);
        perigee__aurora__sla_view__uptime__init(up);
        up->has_percentile_milli = up->has_uptime_secs = true;
        up->percentile_milli = query->percentiles_milli[i];
        up->uptime_secs =
            (uint64_t)sla_uptime_at(uptimes, up->percentile_milli) / 1000;
        out->uptimes[out->n_uptimes++] = up;
    }
}

static int check_figures(const Query *query, struct err *err)
{
    if (query->n_durations_secs > FIGURES_MAX)
        return refuse(err, "durations_secs", "want at most 100");
    if (query->n_percentiles_milli > FIGURES_MAX)
        return refuse(err, "percentiles_milli", "want at most 100");
    for (size_t i = 0; i < query->n_durations_secs; i++)
        if (query->durations_secs[i] > DURATION_MAX_SECS)
            return refuse(err, "durations_secs", "want at most ten years");
    for (size_t i = 0; i < query->n_percentiles_milli; i++)
        if (query->percentiles_milli[i] == 0 ||
            query->percentiles_milli[i] >= SLA_WHOLE)
            return refuse(err, "percentiles_milli",
                          "want above 0 and below 100 %");
    return 0;
}

void api_sla_get(struct request *r, int64_t now_ms, struct effects *fx)
{
    const Query *query = r->call->sla;
    Perigee__Aurora__SlaView *view;
    struct sla_uptimes uptimes;
    struct err err = {0};
    struct job *job;

    if (check_figures(query, &err) < 0 ||
        api_find_job(r, query->key, false, &job, &err) < 0) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    Answer *answer = api_answer_new(r);
    sla_uptimes_of(job, NULL, 0, now_ms, &uptimes);
    view = arena_alloc(&r->arena, sizeof *view);
    perigee__aurora__sla_view__init(view);
    view->key = key_encode(&job->key, &r->arena);
    view->has_instances = true;
    view->instances = uptimes.count;
    view_up(&uptimes, query, view, &r->arena);
    view_uptimes(&uptimes, query, view, &r->arena);
    vec_free(&uptimes);
    answer->sla = view;
    api_answer(r, answer, now_ms, fx);
}

/* --- what if --- */

struct wanted {
    uint32_t percentage_milli, instances_min;
    int64_t duration_ms;
};

static int read_wanted(const Query *query, struct wanted *out, struct err *err)
{
    out->percentage_milli = query->has_percentage_milli
                                ? query->percentage_milli
                                : PERCENTAGE_DEFAULT;
    out->instances_min =
        query->has_instances_min ? query->instances_min : INSTANCES_MIN_DEFAULT;
    if (out->percentage_milli > SLA_WHOLE)
        return refuse(err, "percentage_milli", "want at most 100 %");
    uint64_t secs =
        query->has_duration_secs ? query->duration_secs : DURATION_DEFAULT_SECS;
    if (secs > DURATION_MAX_SECS)
        return refuse(err, "duration_secs", "want at most ten years");
    out->duration_ms = (int64_t)secs * 1000;
    return 0;
}

static bool is_safe(const struct sla_probe *probe, const struct wanted *wanted)
{
    return sla_percentage(probe->up, probe->active) >= wanted->percentage_milli;
}

/* Does anybody promise that its instances stay up? */
static bool counts(const struct request *r, const struct job *job)
{
    return job->config->is_production || r->p->core.limits.sla.protects_all;
}

static Perigee__Aurora__HostProbe__Job *view_job_probe(
    struct request *r, const struct sla_probe *probe,
    const struct wanted *wanted, const struct host *const *host, uint32_t count,
    int64_t now_ms)
{
    Perigee__Aurora__HostProbe__Job *out = arena_alloc(&r->arena, sizeof *out);
    int64_t left_ms =
        sla_safe_in_ms(probe, host, count, wanted->percentage_milli,
                       wanted->duration_ms, now_ms);

    perigee__aurora__host_probe__job__init(out);
    out->key = key_encode(&probe->job->key, &r->arena);
    out->has_instances = out->has_here = out->has_percentage_milli = true;
    out->has_safe = out->has_production = true;
    out->instances = probe->active;
    out->here = probe->here;
    out->percentage_milli = sla_percentage(probe->up, probe->active);
    out->safe = is_safe(probe, wanted);
    out->production = probe->job->config->is_production;
    out->has_safe_in_secs = left_ms >= 0;
    out->safe_in_secs = left_ms > 0 ? (uint64_t)(left_ms + 999) / 1000 : 0;
    return out;
}

/* All of the hosts go at once: every job is told of once. */
static Probe *view_probe(struct request *r, const char *name,
                         const struct host *const *host, uint32_t count,
                         const struct wanted *wanted, int64_t now_ms)
{
    Probe *out = arena_alloc(&r->arena, sizeof *out);
    struct sla_probes probes;

    perigee__aurora__host_probe__init(out);
    out->name = (char *)name;
    out->has_safe = out->safe = true;
    sla_probe_hosts(host, count, wanted->duration_ms, now_ms, &probes);
    out->jobs = arena_alloc(&r->arena, (probes.count + 1) * sizeof(void *));
    for (uint32_t i = 0; i < probes.count; i++) {
        const struct sla_probe *probe = &probes.item[i];
        out->safe &= !counts(r, probe->job) || is_safe(probe, wanted);
        if (security_sees(r, &probe->job->key))
            out->jobs[out->n_jobs++] =
                view_job_probe(r, probe, wanted, host, count, now_ms);
    }
    vec_free(&probes);
    return out;
}

/* The hosts that any of the names means; names without one are told. */
static uint32_t find_hosts(struct request *r, const Query *query,
                           const struct host **host, Answer *answer)
{
    const struct aurora *core = &r->p->core;
    bool *is_known = arena_alloc(&r->arena, query->n_hosts + 1);
    uint32_t count = 0;

    memset(is_known, 0, query->n_hosts + 1);
    for (uint32_t i = 0; i < core->hosts.in_order.count; i++) {
        const struct host *h = core->hosts.in_order.item[i];
        bool is_named = false;
        for (size_t n = 0; n < query->n_hosts; n++)
            if (maintenance_names(query->hosts[n], h))
                is_known[n] = is_named = true;
        if (is_named)
            host[count++] = h;
    }
    answer->unknown_hosts =
        arena_alloc(&r->arena, (query->n_hosts + 1) * sizeof(char *));
    for (size_t n = 0; n < query->n_hosts; n++)
        if (!is_known[n])
            answer->unknown_hosts[answer->n_unknown_hosts++] = query->hosts[n];
    return count;
}

void api_sla_probe(struct request *r, int64_t now_ms, struct effects *fx)
{
    const Query *query = r->call->sla;
    const struct aurora *core = &r->p->core;
    struct wanted wanted;
    struct err err = {0};
    int rc = read_wanted(query, &wanted, &err);

    if (rc == 0 && (query->n_hosts == 0 || query->n_hosts > PROBED_MAX))
        rc = refuse(&err, "hosts", "want 1 to 200 names");
    if (rc < 0) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    Answer *answer = api_answer_new(r);
    const struct host **host =
        arena_alloc(&r->arena, (core->hosts.in_order.count + 1) * sizeof *host);
    uint32_t count = find_hosts(r, query, host, answer);
    answer->probes = arena_alloc(&r->arena, sizeof(void *));
    if (count > 0)
        answer->probes[answer->n_probes++] =
            view_probe(r, count == 1 ? host[0]->hostname : "all of them", host,
                       count, &wanted, now_ms);
    api_answer(r, answer, now_ms, fx);
}

/* --- hosts that nobody would miss --- */

static bool is_host_safe(const struct request *r, const struct host *host,
                         const struct wanted *wanted, int64_t now_ms,
                         uint64_t *steps)
{
    struct sla_probes probes;
    bool is_fine = true;

    sla_probe_hosts(&host, 1, wanted->duration_ms, now_ms, &probes);
    for (uint32_t i = 0; i < probes.count; i++) {
        const struct sla_probe *probe = &probes.item[i];
        *steps += probe->active + 1;
        if (probe->active >= wanted->instances_min && counts(r, probe->job))
            is_fine &= is_safe(probe, wanted);
    }
    vec_free(&probes);
    return is_fine;
}

/* Behind the host that the cursor names: its number in host order. */
static uint32_t first_host(const struct hosts *hosts, const char *cursor)
{
    uint32_t at = 0;

    if (!cursor || !*cursor)
        return 0;
    while (at < hosts->in_order.count) {
        struct bytes id = blob_bytes(hosts->in_order.item[at++]->agent_id);
        size_t size = strlen(cursor);
        if (id.size > size)
            return at - 1;
        if (id.size == size && memcmp(id.data, cursor, size) >= 0)
            return memcmp(id.data, cursor, size) == 0 ? at : at - 1;
    }
    return at;
}

enum { STEPS_MAX = 500000 }; /* tasks looked at for one page */

void api_sla_safe(struct request *r, int64_t now_ms, struct effects *fx)
{
    static const Query all = PERIGEE__AURORA__CALL__SLA__INIT;
    const Query *query = r->call->sla ? r->call->sla : &all;
    const struct hosts *hosts = &r->p->core.hosts;
    uint32_t size = api_page_size(query->limit);
    struct wanted wanted;
    struct err err = {0};
    uint64_t steps = 0;

    if (read_wanted(query, &wanted, &err) < 0) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    Answer *answer = api_answer_new(r);
    answer->probes = arena_alloc(&r->arena, (size + 1) * sizeof(void *));
    uint32_t at = first_host(hosts, query->cursor);
    for (; at < hosts->in_order.count && answer->n_probes < size &&
           steps < STEPS_MAX;
         at++) {
        const struct host *host = hosts->in_order.item[at];
        if (!is_host_safe(r, host, &wanted, now_ms, &steps))
            continue;
        Probe *probe = arena_alloc(&r->arena, sizeof *probe);
        perigee__aurora__host_probe__init(probe);
        probe->name = host->hostname;
        probe->has_safe = probe->safe = true;
        answer->probes[answer->n_probes++] = probe;
    }
    if (at > 0 && at < hosts->in_order.count)
        answer->cursor =
            view_text(hosts->in_order.item[at - 1]->agent_id, &r->arena);
    api_answer(r, answer, now_ms, fx);
}
