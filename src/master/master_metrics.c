#include "master/layer.h"
#include <stdio.h>

static void gauge(struct metrics *out, const char *name, const char *mesos_name,
                  const char *help, double value)
{
    metrics_add(out, METRIC_GAUGE, name, mesos_name, help, NULL, value);
}

static void counter(struct metrics *out, const char *name,
                    const char *mesos_name, const char *help, uint64_t value)
{
    metrics_add(out, METRIC_COUNTER, name, mesos_name, help, NULL,
                (double)value);
}

static void report_agents(const struct master *m, struct metrics *out)
{
    int connected = 0, disconnected = 0, unreachable = 0, recovered = 0;
    for (const struct agent *a = m->agents; a; a = a->hh.next) {
        connected += a->state == AGENT_CONNECTED;
        disconnected += a->state == AGENT_DISCONNECTED;
        unreachable += a->state == AGENT_UNREACHABLE;
        recovered += a->state == AGENT_RECOVERED;
    }
    gauge(out, "master_agents_connected", "master/slaves_connected",
          "Agents with a stream.", connected);
    gauge(out, "master_agents_active", "master/slaves_active",
          "Agents whose resources are offered.", connected);
    gauge(out, "master_agents_disconnected", "master/slaves_disconnected",
          "Agents that lost their stream.", disconnected);
    gauge(out, "master_agents_inactive", "master/slaves_inactive",
          "Agents whose resources are not offered.", disconnected);
    gauge(out, "master_agents_unreachable", "master/slaves_unreachable",
          "Agents that were given up.", unreachable);
    gauge(out, "master_agents_recovered", NULL,
          "Agents expected back since the start.", recovered);
}

static void report_frameworks(const struct master *m, struct metrics *out)
{
    int connected = 0, disconnected = 0;
    for (const struct framework *f = m->frameworks; f; f = f->hh.next) {
        connected += f->stream != 0;
        disconnected += f->stream == 0;
    }
    gauge(out, "master_frameworks_connected", "master/frameworks_connected",
          "Frameworks with a stream.", connected);
    gauge(out, "master_frameworks_active", "master/frameworks_active",
          "Frameworks that get offers.", connected);
    gauge(out, "master_frameworks_disconnected",
          "master/frameworks_disconnected",
          "Frameworks that may still come back.", disconnected);
    gauge(out, "master_frameworks_inactive", "master/frameworks_inactive",
          "Frameworks that get no offers.", disconnected);
}

static const struct {
    enum task_state state;
    const char *label, *mesos_name;
} LIVE[] = {
    {TASK_STATE_STAGING, "STAGING", "master/tasks_staging"},
    {TASK_STATE_STARTING, "STARTING", "master/tasks_starting"},
    {TASK_STATE_RUNNING, "RUNNING", "master/tasks_running"},
    {TASK_STATE_KILLING, "KILLING", "master/tasks_killing"},
    {TASK_STATE_UNREACHABLE, "UNREACHABLE", "master/tasks_unreachable"},
};

static const struct {
    enum task_state state;
    const char *label, *mesos_name;
} ENDED[] = {
    {TASK_STATE_FINISHED, "FINISHED", "master/tasks_finished"},
    {TASK_STATE_FAILED, "FAILED", "master/tasks_failed"},
    {TASK_STATE_KILLED, "KILLED", "master/tasks_killed"},
    {TASK_STATE_LOST, "LOST", "master/tasks_lost"},
    {TASK_STATE_ERROR, "ERROR", "master/tasks_error"},
    {TASK_STATE_DROPPED, "DROPPED", "master/tasks_dropped"},
    {TASK_STATE_GONE, "GONE", "master/tasks_gone"},
    {TASK_STATE_GONE_BY_OPERATOR, "GONE_BY_OPERATOR",
     "master/tasks_gone_by_operator"},
};

static void report_tasks(const struct master *m, struct metrics *out)
{
    uint64_t count[TASK_STATE_COUNT] = {0};
    for (const struct framework *f = m->frameworks; f; f = f->hh.next) {
        for (const struct task *t = f->tasks; t; t = t->hh.next)
            count[t->state]++;
        count[TASK_STATE_UNREACHABLE] += HASH_COUNT(f->unreachable);
    }
    for (size_t i = 0; i < sizeof LIVE / sizeof *LIVE; i++)
        metrics_add(out, METRIC_GAUGE, "master_tasks", LIVE[i].mesos_name,
                    "Tasks that are not over, by state.",
                    metric_label(out, "state", LIVE[i].label),
                    (double)count[LIVE[i].state]);
    for (size_t i = 0; i < sizeof ENDED / sizeof *ENDED; i++)
        metrics_add(out, METRIC_COUNTER, "master_tasks_ended_total",
                    ENDED[i].mesos_name, "Tasks that ended, by state.",
                    metric_label(out, "state", ENDED[i].label),
                    (double)m->counters.tasks_ended[ENDED[i].state]);
}

static const struct {
    const char *name;
    const char *total, *used, *percent; /* Mesos' */
    const char *revocable; /* its name, when it may be taken back */
} SCALAR[] = {
    {"cpus", "master/cpus_total", "master/cpus_used", "master/cpus_percent",
     NULL},
    {"mem", "master/mem_total", "master/mem_used", "master/mem_percent", NULL},
    {"disk", "master/disk_total", "master/disk_used", "master/disk_percent",
     NULL},
    {"gpus", "master/gpus_total", "master/gpus_used", "master/gpus_percent",
     NULL},
    {"cpus_revocable", "master/cpus_revocable_total",
     "master/cpus_revocable_used", "master/cpus_revocable_percent", "cpus"},
    {"mem_revocable", "master/mem_revocable_total", "master/mem_revocable_used",
     "master/mem_revocable_percent", "mem"},
};

enum { SCALARS = sizeof SCALAR / sizeof *SCALAR };

/* What may be taken back is counted apart. */
static double amount_of(const struct resources *r, int row)
{
    const char *revocable = SCALAR[row].revocable;
    const char *name = revocable ? revocable : SCALAR[row].name;
    const struct resource *item = resources_items(r);
    int64_t milli = 0;
    for (uint32_t i = 0; i < r->count; i++)
        if (item[i].kind->type == RESOURCE_SCALAR &&
            item[i].kind->revocable == (revocable != NULL) &&
            strcmp(item[i].kind->name, name) == 0)
            milli += item[i].milli;
    return milli_to_double(milli);
}

static void report_resources(const struct master *m, struct metrics *out)
{
    double total[SCALARS] = {0}, used[SCALARS] = {0};
    for (const struct agent *a = m->agents; a; a = a->hh.next) {
        if (a->state != AGENT_CONNECTED)
            continue;
        struct resources in_use;
        agent_used(a, &in_use);
        for (int i = 0; i < SCALARS; i++) {
            total[i] += amount_of(&a->total, i);
            used[i] += amount_of(&in_use, i);
        }
        resources_release(&in_use);
    }
    for (int i = 0; i < SCALARS; i++)
        metrics_add(out, METRIC_GAUGE, "master_resources", SCALAR[i].total,
                    "Resources of connected agents.",
                    metric_label(out, "name", SCALAR[i].name), total[i]);
    for (int i = 0; i < SCALARS; i++)
        metrics_add(out, METRIC_GAUGE, "master_resources_used", SCALAR[i].used,
                    "Resources in use.",
                    metric_label(out, "name", SCALAR[i].name), used[i]);
    for (int i = 0; i < SCALARS; i++)
        metrics_add(out, METRIC_GAUGE, "master_resources_used_ratio",
                    SCALAR[i].percent, "Used part of the resources.",
                    metric_label(out, "name", SCALAR[i].name),
                    total[i] > 0 ? used[i] / total[i] : 0);
}

static void report_counters(const struct master *m, struct metrics *out)
{
    const struct master_counters *c = &m->counters;
    counter(out, "master_agent_registrations_total",
            "master/slave_registrations", "New agents.",
            c->agent_registrations);
    counter(out, "master_agent_reregistrations_total",
            "master/slave_reregistrations", "Agents that came back.",
            c->agent_reregistrations);
    counter(out, "master_agent_removals_total", "master/slave_removals",
            "Agents that were removed or given up.", c->agent_removals);
    counter(out, "master_agents_unreachable_total",
            "master/slave_unreachable_completed", "Agents that were given up.",
            c->agents_unreachable_completed);
    counter(out, "master_offers_made_total", NULL, "Offers made.",
            c->offers_made);
    counter(out, "master_offers_accepted_total", NULL, "Offers accepted.",
            c->offers_accepted);
    counter(out, "master_offers_declined_total",
            "master/messages_decline_offers", "Offers declined.",
            c->offers_declined);
    counter(out, "master_offers_rescinded_total", NULL, "Offers rescinded.",
            c->offers_rescinded);
    counter(out, "master_tasks_launched_total", "master/messages_launch_tasks",
            "Tasks launched.", c->tasks_launched);
    counter(out, "master_status_updates_valid_total",
            "master/valid_status_updates", "Updates that were forwarded.",
            c->updates_valid);
    counter(out, "master_status_updates_invalid_total",
            "master/invalid_status_updates",
            "Updates nobody could be told about.", c->updates_invalid);
}

void master_metrics(const void *self, struct metrics *out)
{
    const struct master_program *p = self;
    const struct master *m = p->core;
    struct allocator_counts allocator = allocator_counts(m->allocator);
    gauge(out, "master_elected", "master/elected", "1: this is the leader.", 1);
    report_agents(m, out);
    report_frameworks(m, out);
    report_tasks(m, out);
    report_resources(m, out);
    gauge(out, "master_outstanding_offers", "master/outstanding_offers",
          "Offers not answered yet.", HASH_COUNT(m->offers));
    report_counters(m, out);
    counter(out, "master_allocator_runs_total",
            "allocator/mesos/allocation_runs", "Rounds of dividing resources.",
            allocator.runs);
    gauge(out, "master_allocator_filters", NULL, "Refusals that hold.",
          (double)allocator.filters);
    counter(out, "master_denied_total", NULL,
            "Requests that their user may not make.", p->denied);
}
