/* What jobs get, and what drains wait for, as metrics. */
#include "aurora/state.h"

enum { COUNTDOWNS_MAX = 1000 };

static double percent(uint32_t milli)
{
    return (double)milli / 1000;
}

static const char *job_label(struct metrics *m, struct blob *key_text)
{
    return metric_label(m, "job", view_text(key_text, &m->arena));
}

static void platform_uptime(const struct sla_figures *f, struct metrics *m)
{
    int64_t all_ms = f->up_ms + f->down_ms;

    metrics_add(m, METRIC_GAUGE, "sla_cluster_platform_uptime_percent", NULL,
                "Time of the last minute in which instances were not down on "
                "account of the cluster",
                NULL,
                all_ms > 0 ? 100.0 * (double)f->up_ms / (double)all_ms : 100.0);
    for (uint32_t i = 0; i < f->jobs.count; i++)
        metrics_add(m, METRIC_GAUGE, "sla_job_platform_uptime_percent", NULL,
                    "The same of one job",
                    job_label(m, f->jobs.item[i].key_text),
                    percent(f->jobs.item[i].uptime_milli));
}

static void job_uptime(const struct sla_figures *f, struct metrics *m)
{
    for (uint32_t i = 0; i < f->jobs.count; i++)
        for (int p = 0; p < SLA_PERCENTILES; p++)
            metrics_add(m, METRIC_GAUGE, "sla_job_uptime_seconds", NULL,
                        "For how long that share of the instances has been up",
                        arena_printf(&m->arena, "%s,percentile=\"%u.00\"",
                                     job_label(m, f->jobs.item[i].key_text),
                                     SLA_PERCENTILE_MILLI[p] / 1000),
                        (double)f->jobs.item[i].job_uptime_ms[p] / 1000);
}

static const char *const WAITS[SLA_WAITS] = {"mtta_seconds", "mtts_seconds",
                                             "mttr_seconds"};
static const char *const WAITS_HELP[SLA_WAITS] = {
    "Median time from PENDING to ASSIGNED in the last minute",
    "Median time from PENDING to STARTING in the last minute",
    "Median time from PENDING to RUNNING in the last minute"};

static void medians(const struct sla_figures *f, struct metrics *m)
{
    for (int group = 0; group < SLA_GROUPS; group++)
        for (int wait = 0; wait < SLA_WAITS; wait++)
            metrics_add(m, METRIC_GAUGE,
                        arena_printf(&m->arena, "sla_%s_%s",
                                     sla_group_name((enum sla_group)group),
                                     WAITS[wait]),
                        NULL, WAITS_HELP[wait], NULL,
                        (double)f->median_ms[group][wait] / 1000);
    for (int wait = 0; wait < SLA_WAITS; wait++)
        for (uint32_t i = 0; i < f->jobs.count; i++)
            metrics_add(m, METRIC_GAUGE,
                        arena_printf(&m->arena, "sla_job_%s", WAITS[wait]),
                        NULL, WAITS_HELP[wait],
                        job_label(m, f->jobs.item[i].key_text),
                        (double)f->jobs.item[i].median_ms[wait] / 1000);
}

/* --- maintenance --- */

static void countdown(const struct aurora_program *p, const struct task *task,
                      struct metrics *m)
{
    int64_t left_ms = drain_deadline_ms(&p->core, task->host) - p->now_ms;
    const struct job_key *key = &task->job->key;

    metrics_add(m, METRIC_GAUGE, "maintenance_countdown_seconds", NULL,
                "Until a task on a draining host is ended without asking",
                metric_label(m, "task",
                             arena_printf(&m->arena, "%s/%s/%s/%u", key->role,
                                          key->env, key->name, task->instance)),
                left_ms > 0 ? (double)left_ms / 1000 : 0);
}

static void maintenance(const struct aurora_program *p, struct metrics *m)
{
    const struct aurora *a = &p->core;
    uint32_t hosts[MAINTENANCE_DRAINED + 1] = {0}, left = COUNTDOWNS_MAX;

    for (uint32_t i = 0; i < a->hosts.in_order.count; i++) {
        const struct host *host = a->hosts.in_order.item[i];
        hosts[host->mode]++;
        for (const struct task *t = host->is_closed ? host->first_task : NULL;
             t && left > 0; t = t->host_next, left--)
            countdown(p, t, m);
    }
    for (int mode = MAINTENANCE_NONE; mode <= MAINTENANCE_DRAINED; mode++)
        metrics_add(
            m, METRIC_GAUGE, "aurora_maintenance_hosts", NULL, "Hosts by mode",
            metric_label(m, "mode",
                         maintenance_mode_name((enum maintenance_mode)mode)),
            hosts[mode]);
    metrics_add(m, METRIC_COUNTER, "aurora_drained_tasks_total", NULL,
                "Tasks that drains ended", NULL,
                (double)a->maintenances.drained);
    metrics_add(m, METRIC_COUNTER, "aurora_drained_tasks_forced_total", NULL,
                "Those of them that were ended without asking", NULL,
                (double)a->maintenances.forced);
}

void sla_metrics(const struct aurora_program *p, struct metrics *m)
{
    platform_uptime(&p->core.sla_stats.done, m);
    job_uptime(&p->core.sla_stats.done, m);
    medians(&p->core.sla_stats.done, m);
    maintenance(p, m);
}
