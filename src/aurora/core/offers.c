/* What the master says, and what time does. */
#include "aurora/core/internal.h"

#include <assert.h>
#include <string.h>

void aurora_offer(struct aurora *a, struct bytes offer_id,
                  struct bytes agent_id, const char *hostname,
                  const char *endpoint, const struct attributes *attributes,
                  const struct amounts *free, const struct ranges *ports,
                  int64_t now_ms)
{
    struct host *known = hosts_find(&a->hosts, agent_id);
    struct amounts total = known ? known->total : (struct amounts){0};
    bool was_dirty = known && known->is_dirty;
    bool is_renamed = known && strcmp(known->hostname, hostname) != 0;
    struct host *host =
        hosts_update(&a->hosts, agent_id, hostname, endpoint, attributes);
    bool changed = host->is_dirty && !was_dirty;
    struct offer *offer =
        hosts_add_offer(&a->hosts, host, offer_id, free, ports, now_ms);

    a->counters.offers_received++;
    if (is_renamed)
        maintenance_apply_all(a, now_ms);
    else if (!known)
        maintenance_apply(a, host, now_ms);
    if (changed || total.cpus != host->total.cpus ||
        total.mem != host->total.mem || total.disk != host->total.disk ||
        total.gpus != host->total.gpus) {
        host->is_dirty = was_dirty;
        mark_host(a, host);
        if (known && !host->is_lost)
            (void)event_log_host(&a->events, HOST_CHANGED, host, NULL, now_ms);
        victims_note_total(a, host);
    }
    if (!known || host->is_lost)
        (void)event_log_host(&a->events, HOST_SEEN, host, NULL, now_ms);
    host->is_lost = false;
    if (!offer)
        return; /* told twice */
    int64_t hold_ms = a->limits.offer_hold_ms;
    if (a->limits.offer_jitter_ms > 0)
        hold_ms +=
            (int64_t)rng_below(&a->rng, (uint64_t)a->limits.offer_jitter_ms);
    heap_push(&a->timers, now_ms + hold_ms, TIMER_OFFER, offer->number);
    a->place_wanted = true;
}

void aurora_offer_spare(struct aurora *a, struct bytes offer_id,
                        const struct revocable *spare)
{
    struct offer *offer = hosts_find_offer(&a->hosts, offer_id);

    if (offer && offer->spare.cpus == 0 && offer->spare.mem == 0)
        hosts_add_spare(&a->hosts, offer, spare);
}

void aurora_rescind(struct aurora *a, struct bytes offer_id)
{
    struct offer *offer = hosts_find_offer(&a->hosts, offer_id);

    if (!offer)
        return;
    hosts_remove_offer(&a->hosts, offer);
    a->counters.offers_rescinded++;
}

void aurora_agent_lost(struct aurora *a, struct bytes agent_id, int64_t now_ms)
{
    struct host *host = hosts_find(&a->hosts, agent_id);

    if (!host)
        return;
    hosts_remove_offers_of(&a->hosts, host);
    keeps_drop_host(a, host);
    preempt_forget_host(a, host);
    if (!host->is_lost)
        (void)event_log_host(&a->events, HOST_LOST, host, NULL, now_ms);
    host->is_lost = true;
}

void aurora_report(struct aurora *a, struct bytes task_id,
                   struct bytes agent_id, enum task_state state,
                   const char *message, int64_t now_ms)
{
    struct task *task = aurora_task(a, task_id);

    if (task) {
        settle_note_heard(a, task, now_ms);
        (void)task_go(a, task, state, message, now_ms);
        updater_go_on(a, now_ms);
        return;
    }
    struct task_facts nobody = {0};
    struct task_change change = task_machine(TASK_NONE, state, &nobody);
    if (!(change.effects & TASK_KILL) || state == TASK_PARTITIONED)
        return;
    a->counters.illegal_changes++;
    *vec_add(&a->work.kills) = (struct task_ref){
        blob_new(task_id), agent_id.size ? blob_new(agent_id) : NULL};
}

static void reconcile_all(struct aurora *a, bool again, int64_t now_ms)
{
    for (struct task *t = a->task_by_number; t; t = t->hh_number.next) {
        if (!task_machine_is_assigned(t->state))
            continue;
        *vec_add(&a->work.reconcile) = (struct task_ref){
            blob_ref(t->id), blob_ref(t->placement->agent_id)};
        if (again && t->kill_at_ms > 0)
            send_kill(a, t, now_ms);
    }
}

void aurora_reconcile(struct aurora *a)
{
    reconcile_all(a, false, 0);
}

void aurora_connected(struct aurora *a, int64_t now_ms)
{
    hosts_remove_all_offers(&a->hosts);
    settle_connected(a, now_ms);
    reconcile_all(a, true, now_ms);
    updater_go_on(a, now_ms);
}

void aurora_disconnected(struct aurora *a)
{
    a->is_connected = false;
    hosts_remove_all_offers(&a->hosts);
}

/* --- time --- */

static void on_task_deadline(struct aurora *a, uint64_t number, int64_t now_ms)
{
    struct task *task = aurora_task_by_number(a, number);
    static const char lost[] = "no news for 5 minutes";

    if (!task || task->deadline_ms == 0 || task->deadline_ms > now_ms)
        return;
    if (task->state == TASK_THROTTLED) {
        (void)task_go(a, task, TASK_PENDING, NULL, now_ms);
    } else if (task->state == TASK_PARTITIONED) {
        (void)task_go(a, task, TASK_LOST, "its agent is unreachable", now_ms);
    } else if (task_machine_is_transient(task->state)) {
        a->counters.timeouts++;
        (void)task_go(a, task, TASK_LOST, lost, now_ms);
    }
}

static void on_kill_retry(struct aurora *a, uint64_t number, int64_t now_ms)
{
    struct task *task = aurora_task_by_number(a, number);

    if (!task || task->kill_at_ms == 0 || task->kill_at_ms > now_ms)
        return;
    a->counters.kill_retries++;
    send_kill(a, task, now_ms);
}

static void on_offer_held(struct aurora *a, uint64_t number)
{
    struct offer *offer = hosts_offer_by_number(&a->hosts, number);

    if (!offer)
        return;
    *vec_add(&a->work.declines) = blob_ref(offer->id);
    a->counters.offers_declined++;
    a->revive_useful = true;
    hosts_remove_offer(&a->hosts, offer);
}

/* Terminal tasks go after two days, or when there are more than enough of
 * them; never within their first hour. */
static void prune_job(struct aurora *a, struct job *job, int64_t now_ms)
{
    while (job->ended.first) {
        struct task *task = job->ended.first;
        int64_t end_ms = task->events.item[task->events.count - 1].at_ms;
        int64_t age_ms = now_ms - end_ms;
        if (age_ms < HISTORY_MIN_MS ||
            (job->ended.count <= HISTORY_PER_JOB && age_ms < HISTORY_MAX_MS))
            break;
        records_delete_task(a, task);
        a->counters.pruned++;
    }
}

/* Updates that ended go after a month. */
static void prune_updates(struct aurora *a, struct job *job, int64_t now_ms)
{
    while (job->updates.count > 0) {
        struct update *update = job->updates.item[0];
        if (update == job->update ||
            now_ms - update_changed_ms(update) < UPDATE_KEPT_MS)
            break;
        records_delete_update(a, update);
    }
}

static void prune_hosts(struct aurora *a, int64_t now_ms)
{
    struct host *host, *next;

    for (host = a->hosts.by_agent; host; host = next) {
        next = host->hh.next;
        if (host->offers || host->tasks > 0 || host->is_dirty ||
            now_ms - host->seen_ms < HOST_FORGET_MS)
            continue;
        mark_forgotten(a, RECORD_HOST, blob_bytes(host->agent_id));
        (void)event_log_host(&a->events, HOST_FORGOTTEN, host, NULL, now_ms);
        trouble_forget(a, host);
        preempt_forget_host(a, host);
        hosts_remove(&a->hosts, host);
    }
}

static void prune(struct aurora *a, int64_t now_ms)
{
    for (uint32_t i = a->jobs.count; i-- > 0;) {
        struct job *job = a->jobs.item[i];
        prune_job(a, job, now_ms);
        prune_updates(a, job, now_ms);
        if (job->active.count > 0 || job->ended.count > 0 || job->update ||
            job_is_suspended(job) ||
            (!job->is_removed && aurora_member_by_key(a, &job->key)))
            continue; /* a group remembers what has come to its end */
        if (job->cron && !job->is_removed)
            continue;
        if (!job->is_removed) {
            job->is_removed = true;
            records_tell_job(a, EVENT_JOB_REMOVED, job, now_ms);
        }
        if (job->updates.count == 0) /* they are kept longer than tasks */
            records_delete_job(a, job);
    }
    prune_hosts(a, now_ms);
    heap_push(&a->timers, now_ms + PRUNE_INTERVAL_MS, TIMER_PRUNE, 0);
}

int64_t aurora_next_ms(const struct aurora *a)
{
    return heap_next_ms(&a->timers);
}

void aurora_time(struct aurora *a, int64_t now_ms)
{
    struct heap_entry entry;
    /* What is left is due at once: what is decided here is written while the
     * next part is decided. */
    while (a->ringing_crons.count < CRON_TURN_MAX &&
           heap_pop(&a->timers, now_ms, &entry)) {
        switch ((enum timer_kind)entry.kind) {
        case TIMER_TASK:
            on_task_deadline(a, entry.id, now_ms);
            break;
        case TIMER_KILL:
            on_kill_retry(a, entry.id, now_ms);
            break;
        case TIMER_OFFER:
            on_offer_held(a, entry.id);
            break;
        case TIMER_PRUNE:
            prune(a, now_ms);
            break;
        case TIMER_QUESTION:
            judging_again(a, entry.id, now_ms);
            break;
        case TIMER_CRON:
            cron_timer(a, entry.id);
            break;
        case TIMER_UPDATE:
            updater_timer(a, entry.id);
            break;
        case TIMER_KEEP:
            keeps_timer(a, entry.id);
            break;
        case TIMER_HOST:
            trouble_timer(a, entry.id, now_ms);
            break;
        case TIMER_SLA:
            sla_stats_timer(a, now_ms);
            break;
        case TIMER_DRAIN:
            maintenance_timer(a, now_ms);
            break;
        case TIMER_PREEMPT:
            preempt_timer(a, now_ms);
            break;
        case TIMER_ROLLING:
            rolling_timer(a, entry.id);
            break;
        case TIMER_NOTICE:
            notices_timer(a, entry.id);
            break;
        case TIMER_WAITS:
            notices_wait_timer(a, entry.id, now_ms);
            break;
        case TIMER_JUDGED:
            app_groups_judged(a);
            break;
        case TIMER_SETTLE:
            settle_timer(a, entry.id, now_ms);
            break;
        }
    }
    crons_ring(a, now_ms);
    updater_go_on(a, now_ms);
}
