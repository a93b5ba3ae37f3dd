/* What /metrics says of the scheduler. */
#include "aurora/state.h"

static void gauge(struct metrics *m, const char *name, const char *help,
                  uint64_t value)
{
    metrics_add(m, METRIC_GAUGE, name, NULL, help, NULL, (double)value);
}

static void counter(struct metrics *m, const char *name, const char *help,
                    uint64_t value)
{
    metrics_add(m, METRIC_COUNTER, name, NULL, help, NULL, (double)value);
}

static void task_metrics(const struct aurora *a, struct metrics *m)
{
    for (int state = TASK_THROTTLED; state < TASK_DELETED; state++)
        metrics_add(
            m, METRIC_GAUGE, "aurora_tasks", NULL, "Tasks by state",
            metric_label(m, "state", task_machine_name((enum task_state)state)),
            (double)a->counters.tasks[state]);
    for (int state = TASK_FINISHED; state <= TASK_LOST; state++)
        metrics_add(
            m, METRIC_COUNTER, "aurora_tasks_ended_total", NULL,
            "Tasks that ended, by final state",
            metric_label(m, "state", task_machine_name((enum task_state)state)),
            (double)a->counters.tasks_ended[state]);
}

static void update_metrics(const struct aurora *a, struct metrics *m)
{
    uint32_t active = 0;

    for (uint32_t i = 0; i < a->jobs.count; i++)
        active += a->jobs.item[i]->update != NULL;
    gauge(m, "aurora_updates", "Updates under way", active);
    for (int state = UPDATE_ROLLED_FORWARD; state <= UPDATE_ERROR; state++)
        metrics_add(m, METRIC_COUNTER, "aurora_updates_ended_total", NULL,
                    "Updates that ended, by final state",
                    metric_label(m, "state",
                                 update_state_name((enum update_state)state)),
                    (double)a->counters.updates_ended[state]);
}

static void core_metrics(const struct aurora *a, struct metrics *m)
{
    gauge(m, "aurora_jobs", "Jobs with a record", a->jobs.count);
    gauge(m, "aurora_hosts", "Hosts known", HASH_COUNT(a->hosts.by_agent));
    gauge(m, "aurora_offers", "Offers held",
          HASH_CNT(hh_id, a->hosts.offer_by_id));
    gauge(m, "aurora_waiting_tasks", "Tasks that wait for a host",
          a->waiting_count);
    counter(m, "aurora_launches_total", "ACCEPTs sent", a->counters.launches);
    counter(m, "aurora_offers_received_total", "Offers received",
            a->counters.offers_received);
    counter(m, "aurora_offers_declined_total", "Offers given back",
            a->counters.offers_declined);
    counter(m, "aurora_offers_rescinded_total", "Offers withdrawn",
            a->counters.offers_rescinded);
    counter(m, "aurora_rescheduled_total", "Tasks replaced by a new one",
            a->counters.rescheduled);
    counter(m, "aurora_timed_out_tasks_total", "Transient states that lasted",
            a->counters.timeouts);
    counter(m, "aurora_kill_retries_total", "Kills sent again",
            a->counters.kill_retries);
    counter(m, "aurora_illegal_changes_total", "Reports that fit no state",
            a->counters.illegal_changes);
    counter(m, "aurora_tasks_pruned_total", "Old tasks forgotten",
            a->counters.pruned);
    counter(m, "aurora_questions_total", "Requests to judge hosts",
            a->counters.questions);
    counter(m, "aurora_verdicts_total", "Hosts judged by scripts",
            a->counters.verdicts);
    counter(m, "aurora_verdicts_failed_total", "Hosts that a script failed on",
            a->counters.verdicts_failed);
    counter(m, "aurora_coordinators_asked_total", "Questions to coordinators",
            a->coordinations.asked);
    counter(m, "aurora_coordinators_refused_total",
            "Questions to which they said no, or nothing",
            a->coordinations.refused);
    counter(m, "aurora_coordinators_skipped_total",
            "Questions put off: one was under way already",
            a->coordinations.skipped);
    counter(m, "aurora_events_total", "Events made", a->events.next - 1);
}

/* Of our clients and the master. */
static void edge_metrics(const struct aurora_program *p, struct metrics *m)
{
    gauge(m, "aurora_framework_registered", "1 while the master knows us",
          p->link.state == LINK_UP);
    gauge(m, "aurora_subscribers", "Clients that follow events",
          p->subscribers.count);
    gauge(m, "aurora_asset_bytes", "Bytes of assets kept", p->asset_bytes);
    counter(m, "aurora_requests_total", "Requests served", p->requests);
    counter(m, "aurora_refusals_total", "Requests refused", p->refusals);
    counter(m, "aurora_rate_refusals_total", "Requests of who asks too often",
            p->rate_refusals);
    counter(m, "aurora_status_updates_total", "Task statuses received",
            p->link.updates);
    counter(m, "aurora_master_calls_failed_total", "Calls the master refused",
            p->link.calls_failed);
    counter(m, "aurora_subscriptions_total", "Times we subscribed",
            p->link.subscriptions);
}

void aurora_metrics(const void *self, struct metrics *m)
{
    const struct aurora_program *p = self;
    const struct aurora *a = &p->core;

    task_metrics(a, m);
    update_metrics(a, m);
    preempt_metrics(a, m);
    core_metrics(a, m);
    edge_metrics(p, m);
    backups_metrics(p, m);
    sla_metrics(p, m);
    sign_in_metrics(p, m);
    notices_metrics(&a->notices, m);
}
