/* Cron jobs and their firings as messages. */
#include "aurora/state.h"

typedef Perigee__Aurora__CronView CronView;
typedef Perigee__Aurora__FiringView FiringView;
typedef Perigee__Aurora__JobKey JobKey;

FiringView *view_firing(const struct firing *f, struct arena *arena)
{
    FiringView *out = arena_alloc(arena, sizeof *out);

    perigee__aurora__firing_view__init(out);
    out->has_scheduled_secs = out->has_wall_secs = out->has_state = true;
    out->scheduled_secs = (uint64_t)f->at;
    out->wall_secs = f->wall;
    out->state = (Perigee__Aurora__FiringView__State)f->state;
    out->has_manual = out->manual = f->id % 2 != 0;
    out->has_decided_ms = true;
    out->decided_ms = (uint64_t)f->decided_ms;
    out->has_started_ms = f->started_ms > 0;
    out->started_ms = (uint64_t)f->started_ms;
    out->has_ended_ms = f->ended_ms > 0;
    out->ended_ms = (uint64_t)f->ended_ms;
    out->has_tries = out->has_instances = out->has_finished = f->tries > 0;
    out->tries = f->tries;
    out->instances = f->instances;
    out->finished = f->finished;
    out->has_first_secs = f->state == FIRING_MISSED;
    out->first_secs = (uint64_t)f->first;
    return out;
}

static void fill_stats(const struct cron_stats *s, CronView *out)
{
    int64_t runs = s->runs > 0 ? (int64_t)s->runs : 1;

    out->has_successes = out->has_errors = out->has_errors_since_success = true;
    out->successes = s->successes;
    out->errors = s->errors;
    out->errors_since_success = s->errors_since_success;
    out->has_last_success_ms = s->last_success_ms > 0;
    out->last_success_ms = (uint64_t)s->last_success_ms;
    out->has_last_error_ms = s->last_error_ms > 0;
    out->last_error_ms = (uint64_t)s->last_error_ms;
    out->has_last_start_ms = s->last_start_ms > 0;
    out->last_start_ms = (uint64_t)s->last_start_ms;
    out->has_cancelled = out->has_missed = out->has_retried = true;
    out->cancelled = s->cancelled;
    out->missed = s->missed;
    out->retried = s->retried;
    if (s->runs == 0)
        return;
    out->has_duration_last_ms = out->has_duration_mean_ms = true;
    out->has_duration_max_ms = out->has_lateness_last_ms = true;
    out->has_lateness_mean_ms = out->has_lateness_max_ms = true;
    out->duration_last_ms = (uint64_t)s->duration_last_ms;
    out->duration_mean_ms = (uint64_t)(s->duration_sum_ms / runs);
    out->duration_max_ms = (uint64_t)s->duration_max_ms;
    out->lateness_last_ms = s->lateness_last_ms;
    out->lateness_mean_ms = s->lateness_sum_ms / runs;
    out->lateness_max_ms = s->lateness_max_ms;
}

static void fill_relatives(const struct cron *cron, CronView *out,
                           struct arena *arena)
{
    const struct cron *blocking;
    enum cron_block block = cron_blocked_by(cron, &blocking);

    out->after = arena_alloc(arena, (cron->parent_count + 1) * sizeof(void *));
    for (uint32_t i = 0; i < cron->parent_count; i++)
        out->after[out->n_after++] =
            key_encode(&cron->parent[i].cron->job->key, arena);
    out->before =
        arena_alloc(arena, (cron->children.count + 1) * sizeof(void *));
    for (uint32_t i = 0; i < cron->children.count; i++)
        out->before[out->n_before++] =
            key_encode(&cron->children.item[i]->job->key, arena);
    if (block == CRON_READY)
        return;
    out->blocked_by = key_encode(&blocking->job->key, arena);
    out->blocked_why = arena_strdup(
        arena, block == CRON_PARENT_FAILED
                   ? "its last run did not succeed"
                   : "it had no success since this job's last start");
}

static void fill_firings(const struct cron *cron, uint32_t most, CronView *out,
                         struct arena *arena)
{
    uint32_t count = cron->firings.count;
    uint32_t first = count > most ? count - most : 0;

    if (count > 0)
        out->last = view_firing(cron->firings.item[count - 1], arena);
    out->firings = arena_alloc(arena, (count - first + 1) * sizeof(void *));
    for (uint32_t i = first; i < count; i++)
        out->firings[out->n_firings++] =
            view_firing(cron->firings.item[i], arena);
}

CronView *view_cron(const struct job *job, uint32_t firings,
                    struct arena *arena)
{
    const struct cron *cron = job->cron;
    const Perigee__Cron *said = job_of(job->config)->cron;
    CronView *out = arena_alloc(arena, sizeof *out);

    perigee__aurora__cron_view__init(out);
    out->key = key_encode(&job->key, arena);
    out->schedule = said->schedule;
    out->timezone = said->timezone;
    out->collision_policy = said->collision_policy;
    out->catch_up = said->catch_up;
    out->has_paused = out->paused = cron->is_paused;
    out->has_descheduled = out->descheduled = job->is_killed;
    out->has_next_secs = cron->next.at > 0;
    out->next_secs = (uint64_t)cron->next.at;
    fill_relatives(cron, out, arena);
    fill_stats(&cron->stats, out);
    fill_firings(cron, firings, out, arena);
    return out;
}
