/* What preemption shows of itself: in answers, and in metrics by Aurora's
 * names. */
#include "aurora/state.h"

#include "wire/metrics.h"

char *view_preemption(const struct aurora *a, const struct job_config *config,
                      int64_t now_ms, struct arena *arena)
{
    const struct preempt_outlook outlook = preempt_outlook(a, config, now_ms);
    long long seconds = (long long)(outlook.at_ms - now_ms + 999) / 1000;

    switch (outlook.kind) {
    case PREEMPT_LATER:
        return arena_printf(
            arena, "in %lld s others that give way may be pushed aside",
            seconds);
    case PREEMPT_SEEKS:
        return arena_printf(arena,
                            "others that give way may be pushed aside; the "
                            "next search for room is in %lld s",
                            seconds > 0 ? seconds : 0);
    case PREEMPT_WAITS:
        return arena_printf(
            arena, "%u task%s on %s give%s way to it, and %s ending",
            outlook.victims, outlook.victims == 1 ? "" : "s",
            outlook.host->hostname, outlook.victims == 1 ? "s" : "",
            outlook.victims == 1 ? "is" : "are");
    case PREEMPT_NO:
    default:
        return NULL;
    }
}

/* By whether those that wait are of production. */
static void both(struct metrics *m, const char *name, const char *help,
                 const uint64_t value[2])
{
    static const char *const kind[] = {"non_prod", "prod"};

    for (int i = 0; i < 2; i++)
        metrics_add(m, METRIC_COUNTER, name, NULL, help,
                    metric_label(m, "tier", kind[i]), (double)value[i]);
}

static void one(struct metrics *m, enum metric_kind kind, const char *name,
                const char *help, uint64_t value)
{
    metrics_add(m, kind, name, NULL, help, NULL, (double)value);
}

void preempt_metrics(const struct aurora *a, struct metrics *m)
{
    const struct preempt_counters *c = &a->preempt.counters;

    one(m, METRIC_COUNTER, "preemptor_task_processor_runs_total",
        "Passes of searching for room among tasks that give way", c->passes);
    one(m, METRIC_COUNTER, "preemptor_unmatched_tasks_total",
        "Tasks for which a pass found none", c->unmatched);
    one(m, METRIC_COUNTER, "preemptor_missing_attributes_total",
        "Hosts left out because they made no offer yet", c->unknown_hosts);
    one(m, METRIC_GAUGE, "preemptor_slot_cache_size", "Slots kept now",
        a->preempt.slots.count);
    one(m, METRIC_COUNTER, "preemptor_slot_cache_removals_total",
        "Slots used, refused or too old", c->slots_removed);
    both(m, "preemptor_slot_search_attempts_total", "Searches for a slot",
         c->searches);
    both(m, "preemptor_slot_search_successful_total", "Searches that found one",
         c->found);
    both(m, "preemptor_slot_search_failed_total", "Searches that found none",
         c->failed);
    both(m, "preemptor_slot_validation_successful_total", "Slots used",
         c->used);
    both(m, "preemptor_slot_validation_failed_total",
         "Slots that were none any more when it came to it", c->refused);
    both(m, "preemptor_tasks_preempted_total",
         "Tasks pushed aside, by their tier", c->preempted);
}
