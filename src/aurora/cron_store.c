/* The records of cron jobs: what a job's record says of its schedule, and one
 * record for each scheduled time. */
#include "aurora/state.h"

typedef Perigee__Aurora__JobRecord__Cron CronRecord;
typedef Perigee__Aurora__FiringRecord FiringRecord;

/* --- a job's --- */

CronRecord *cron_record(const struct cron *cron, struct arena *arena)
{
    const struct cron_stats *s = &cron->stats;
    CronRecord *out = arena_alloc(arena, sizeof *out);

    *out = (CronRecord){
        .base = PROTOBUF_C_MESSAGE_INIT(
            &perigee__aurora__job_record__cron__descriptor),
        .has_made = true,
        .made = cron->made,
        .has_decided = true,
        .decided = cron->decided,
        .has_paused = cron->is_paused,
        .paused = cron->is_paused,
        .has_successes = true,
        .successes = s->successes,
        .has_errors = true,
        .errors = s->errors,
        .has_errors_since_success = true,
        .errors_since_success = s->errors_since_success,
        .has_cancelled = true,
        .cancelled = s->cancelled,
        .has_missed = true,
        .missed = s->missed,
        .has_retried = true,
        .retried = s->retried,
        .has_last_success_ms = true,
        .last_success_ms = s->last_success_ms,
        .has_last_error_ms = true,
        .last_error_ms = s->last_error_ms,
        .has_last_start_ms = true,
        .last_start_ms = s->last_start_ms,
        .has_duration_last_ms = true,
        .duration_last_ms = s->duration_last_ms,
        .has_duration_max_ms = true,
        .duration_max_ms = s->duration_max_ms,
        .has_duration_sum_ms = true,
        .duration_sum_ms = s->duration_sum_ms,
        .has_runs = true,
        .runs = s->runs,
        .has_lateness_last_ms = true,
        .lateness_last_ms = s->lateness_last_ms,
        .has_lateness_max_ms = true,
        .lateness_max_ms = s->lateness_max_ms,
        .has_lateness_sum_ms = true,
        .lateness_sum_ms = s->lateness_sum_ms,
    };
    out->n_seen = cron->parent_count;
    out->seen = arena_alloc(arena, (out->n_seen + 1) * sizeof *out->seen);
    for (uint32_t i = 0; i < cron->parent_count; i++)
        out->seen[i] = cron->parent[i].seen;
    return out;
}

void cron_restore(const CronRecord *r, struct cron *cron)
{
    cron->made = r->made;
    cron->decided = r->decided;
    cron->is_paused = r->paused;
    cron_expect_parents(cron, r->seen,
                        r->n_seen < CRON_PARENTS_MAX ? (uint32_t)r->n_seen
                                                     : CRON_PARENTS_MAX);
    cron->stats = (struct cron_stats){
        .successes = r->successes,
        .errors = r->errors,
        .errors_since_success = r->errors_since_success,
        .cancelled = r->cancelled,
        .missed = r->missed,
        .retried = r->retried,
        .last_success_ms = r->last_success_ms,
        .last_error_ms = r->last_error_ms,
        .last_start_ms = r->last_start_ms,
        .duration_last_ms = r->duration_last_ms,
        .duration_max_ms = r->duration_max_ms,
        .duration_sum_ms = r->duration_sum_ms,
        .runs = r->runs,
        .lateness_last_ms = r->lateness_last_ms,
        .lateness_max_ms = r->lateness_max_ms,
        .lateness_sum_ms = r->lateness_sum_ms,
    };
}

/* --- firings --- */

static int restore_firing(struct aurora_program *p, struct bytes value,
                          struct err *err)
{
    FiringRecord *r =
        perigee__aurora__firing_record__unpack(NULL, value.size, value.data);
    struct job_key key;
    struct job *job = NULL;

    if (r && key_decode(p, r->key, &key, err) == 0)
        job = aurora_job(&p->core, &key);
    int rc = job ? 0 : store_damaged(err, "firing", bytes_of_text(""));
    if (job) {
        struct firing firing = {.id = r->id,
                                .at = r->at,
                                .wall = r->wall,
                                .first = r->first,
                                .decided_ms = r->decided_ms,
                                .started_ms = r->started_ms,
                                .ended_ms = r->ended_ms,
                                .tries = r->tries,
                                .instances = r->instances,
                                .finished = r->finished,
                                .state = (enum firing_state)r->state,
                                .is_killed = r->killed};
        rc = aurora_restore_firing(&p->core, job, &firing, err);
    }
    if (r)
        perigee__aurora__firing_record__free_unpacked(r, NULL);
    return rc;
}

int firings_restore(struct aurora_program *p, struct err *err)
{
    int rc = 0;

    for (uint32_t i = 0; i < p->stored_firings.count && rc == 0; i++)
        rc = restore_firing(p, blob_bytes(p->stored_firings.item[i]), err);
    return rc;
}

void firings_store_release(struct aurora_program *p)
{
    for (uint32_t i = 0; i < p->stored_firings.count; i++)
        blob_unref(p->stored_firings.item[i]);
    vec_free(&p->stored_firings);
}

static void save_firing(const struct firing *f, struct effects *fx)
{
    char key[JOB_KEY_TEXT_MAX + FIRING_ID_TEXT_MAX];
    Perigee__Aurora__JobKey job = key_borrow(&f->job->key);
    FiringRecord r = {
        .base = PROTOBUF_C_MESSAGE_INIT(
            &perigee__aurora__firing_record__descriptor),
        .key = &job,
        .has_id = true,
        .id = f->id,
        .has_at = true,
        .at = f->at,
        .has_wall = true,
        .wall = f->wall,
        .has_first = true,
        .first = f->first,
        .has_state = true,
        .state = (Perigee__Aurora__FiringView__State)f->state,
        .has_decided_ms = true,
        .decided_ms = f->decided_ms,
        .has_started_ms = true,
        .started_ms = f->started_ms,
        .has_ended_ms = true,
        .ended_ms = f->ended_ms,
        .has_tries = true,
        .tries = f->tries,
        .has_instances = true,
        .instances = f->instances,
        .has_finished = true,
        .finished = f->finished,
        .has_killed = f->is_killed,
        .killed = f->is_killed,
    };

    store_persist(fx, "firing",
                  bytes_of_text(firing_store_key(f, key, sizeof key)), &r.base);
}

void firings_save(struct aurora_program *p, struct effects *fx)
{
    const struct work *w = &p->core.work;

    for (uint32_t i = 0; i < w->firings.count; i++)
        if (w->firings.item[i])
            save_firing(w->firings.item[i], fx);
}
