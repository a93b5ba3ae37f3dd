/* What users ask of cron jobs: schedule, deschedule, start, pause, resume. */
#include "aurora/core/internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* --- attaching: a job becomes a cron job, or another one --- */

void cron_put(struct aurora *a, struct job *job)
{
    struct cron *cron = cron_new(job);

    if (a->free_crons.count > 0) {
        cron->number = a->free_crons.item[--a->free_crons.count];
    } else {
        cron->number = a->crons.count;
        (void)vec_add(&a->crons);
    }
    a->crons.item[cron->number] = cron;
    job->cron = cron;
}

void cron_drop(struct aurora *a, struct job *job)
{
    struct cron *cron = job->cron;

    if (!cron)
        return;
    cron_drop_parents(cron);
    while (cron->firings.count > 0) {
        struct firing *gone = cron->firings.item[cron->firings.count - 1];
        cron->firings.count--;
        records_free_firing(a, gone);
    }
    /* A timer of it that rings for the next one of this number finds that its
     * time has not come. */
    a->crons.item[cron->number] = NULL;
    *vec_add(&a->free_crons) = cron->number;
    job->cron = NULL;
    cron_free(cron);
}

static struct cron *find_parent(const struct aurora *a, const char *text)
{
    struct job_key key;
    struct job *job =
        job_key_parse(text, &key, NULL) < 0 ? NULL : aurora_job(a, &key);

    return job && job->cron && !job->is_removed && !job->is_killed ? job->cron
                                                                   : NULL;
}

/* "a after b after a" */
static int refuse_circle(const struct aurora *a,
                         const struct cron_circle *circle,
                         const struct job_key *key, struct err *err)
{
    char text[JOB_KEY_TEXT_MAX];
    struct buf way = {0};

    buf_addf(&way, "%s", job_key_text(key, text));
    for (uint32_t i = 0; i < circle->count; i++) {
        const struct job_key *next = &circle->item[i]->job->key;
        buf_addf(&way, " after %s",
                 aurora_shows(a, next) ? job_key_text(next, text)
                                       : "one that you may not see");
    }
    (void)err_set(err, ERR_INVALID, "after: a circle: %s", buf_text(&way));
    err_field(err, "cron.after");
    buf_release(&way);
    return -ERR_INVALID;
}

static int check_parent(const struct aurora *a, const struct cron *cron,
                        const struct job_key *key, const char *text,
                        struct err *err)
{
    const struct cron *parent = find_parent(a, text);
    struct cron_circle circle;

    if (!parent) {
        (void)err_set(err, ERR_NOT_FOUND, "after: '%s' is no cron job here",
                      text);
        err_field(err, "cron.after");
        err_hint(err, "schedule it first: clusterctl create %s FILE", text);
        return -ERR_NOT_FOUND;
    }
    if (!cron || !cron_closes_circle(cron, parent, &circle))
        return 0;
    int rc = refuse_circle(a, &circle, key, err);
    vec_free(&circle);
    return rc;
}

int cron_check_create(const struct aurora *a, const struct job *job,
                      const struct job_config *config, struct err *err)
{
    const struct cron_rule *rule = config->cron;
    char text[JOB_KEY_TEXT_MAX];

    if (job && !job->is_removed && (job->is_killed || !job->cron)) {
        (void)err_set(
            err, ERR_EXISTS, "job '%s' %s", job_key_text(&job->key, text),
            job->is_killed ? "is being killed" : "exists, and is no cron job");
        err_hint(err, "end it first: clusterctl killall %s", text);
        return -ERR_EXISTS;
    }
    for (uint32_t i = 0; i < rule->parent_count; i++) {
        int rc = check_parent(a, job ? job->cron : NULL, &config->key,
                              rule->parent[i], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static bool same_times(const struct cron_rule *x, const struct cron_rule *y)
{
    return x->zone == y->zone && x->zone &&
           cron_equal(&x->schedule, &y->schedule);
}

/* Parents that stay keep what was seen of them. */
static void take_parents(struct aurora *a, struct cron *cron)
{
    const struct cron_rule *rule = cron->job->config->cron;
    struct cron_parent before[CRON_PARENTS_MAX];
    uint32_t count = cron->parent_count;

    for (uint32_t i = 0; i < count; i++)
        before[i] = cron->parent[i];
    cron_drop_parents(cron);
    for (uint32_t i = 0; i < rule->parent_count; i++) {
        struct cron *parent = find_parent(a, rule->parent[i]);
        assert(parent);
        cron_add_parent(cron, parent);
        for (uint32_t j = 0; j < count; j++)
            if (before[j].cron == parent)
                cron->parent[i].seen = before[j].seen;
    }
}

void cron_settle(struct aurora *a, struct job *job, int64_t now_ms)
{
    struct cron *cron = job ? job->cron : NULL;

    if (!cron || job->is_removed)
        return;
    cron_timer(a, cron->number);
    crons_ring(a, now_ms);
}

void cron_scheduled(struct aurora *a, struct job *job,
                    const struct cron_rule *before, int64_t now_ms)
{
    if (!job->cron)
        cron_put(a, job);
    struct cron *cron = job->cron;
    if (!before || !same_times(before, job->config->cron)) {
        cron->made = now_ms / 1000;
        /* An interval that names no start starts with a run. */
        bool starts_now = job->config->cron->schedule.kind == CRON_INTERVAL &&
                          !job->config->cron->schedule.interval.has_start;
        int64_t decided =
            starts_now ? cron->made - 1 : cron_clock_ms(job, now_ms) / 1000;
        /* Also in a second in which a time of the old one was decided upon. */
        bool is_free = starts_now && cron->decided == cron->made &&
                       !cron_firing(cron, cron->made * 2);
        if (decided > cron->decided || is_free)
            cron->decided = decided;
    }
    take_parents(a, cron);
    cron_arm(a, cron);
    mark_job(a, job);
}

/* --- calls --- */

static int find_cron(const struct aurora *a, const struct job_key *key,
                     struct job **out, struct err *err)
{
    struct job *job = aurora_job(a, key);
    char text[JOB_KEY_TEXT_MAX];

    if (!job || job->is_removed || !job->cron) {
        (void)err_set(err, ERR_NOT_FOUND, "cron job '%s' does not exist",
                      job_key_text(key, text));
        err_hint(err, job && !job->is_removed
                          ? "the job of that key has no schedule"
                          : "list cron jobs with: clusterctl cron show");
        return -ERR_NOT_FOUND;
    }
    if (job->is_killed)
        return err_set(err, ERR_CONFLICT,
                       "cron job '%s' is descheduled; its last run is ending",
                       job_key_text(key, text));
    *out = job;
    return 0;
}

int aurora_cron_start(struct aurora *a, const struct job_key *key,
                      int64_t now_ms, const struct firing **out,
                      uint64_t *sequence, struct err *err)
{
    struct job *job;
    int rc = find_cron(a, key, &job, err);

    if (rc == 0 && job->active.count > 0 &&
        job->config->cron->collision == COLLISION_RUN_OVERLAP)
        rc = quota_check_run(a, job, err);
    if (rc < 0)
        return rc;
    struct cron_run run = {.at = now_ms / 1000};
    while (cron_firing(job->cron, run.at * 2 + 1))
        run.at++;
    *out = cron_fire_now(a, job->cron, run, now_ms);
    *sequence = a->events.next - 1;
    updater_go_on(a, now_ms);
    return 0;
}

int aurora_cron_pause(struct aurora *a, const struct job_key *key, bool pause,
                      int64_t now_ms, uint64_t *sequence, struct err *err)
{
    struct job *job;
    char text[JOB_KEY_TEXT_MAX];
    int rc = find_cron(a, key, &job, err);

    if (rc < 0)
        return rc;
    if (job->cron->is_paused == pause)
        return err_set(err, ERR_CONFLICT, "cron job '%s' is %s",
                       job_key_text(key, text),
                       pause ? "paused already" : "not paused");
    cron_settle(a, job, now_ms);
    job->cron->is_paused = pause;
    /* Times that pass while it is paused are nobody's. */
    int64_t now = cron_clock_ms(job, now_ms) / 1000;
    if (!pause && job->cron->decided < now)
        job->cron->decided = now;
    cron_arm(a, job->cron);
    cron_look_again(a, job->cron);
    records_tell_job(a, EVENT_JOB_CHANGED, job, now_ms);
    *sequence = a->events.next - 1;
    updater_go_on(a, now_ms);
    return 0;
}

/* One that may be named, if there is any. */
static int refuse_children(const struct aurora *a, const struct cron *cron,
                           struct err *err)
{
    char text[JOB_KEY_TEXT_MAX], child[JOB_KEY_TEXT_MAX];
    const struct job_key *shown = NULL;

    (void)job_key_text(&cron->job->key, text);
    for (uint32_t i = 0; i < cron->children.count && !shown; i++) {
        const struct job_key *key = &cron->children.item[i]->job->key;
        shown = aurora_shows(a, key) ? key : NULL;
    }
    if (!shown) {
        (void)err_set(err, ERR_CONFLICT,
                      "cron job '%s': one that you may not see runs after it",
                      text);
        err_hint(err, "ask an operator whose it is");
        return -ERR_CONFLICT;
    }
    (void)err_set(err, ERR_CONFLICT, "cron job '%s': '%s' runs after it", text,
                  job_key_text(shown, child));
    err_hint(err, "deschedule that one first: clusterctl cron deschedule %s",
             child);
    return -ERR_CONFLICT;
}

int aurora_cron_deschedule(struct aurora *a, const struct job_key *key,
                           int64_t now_ms, uint64_t *sequence, struct err *err)
{
    struct job *job;
    int rc = find_cron(a, key, &job, err);

    if (rc < 0)
        return rc;
    if (job->cron->children.count > 0)
        return refuse_children(a, job->cron, err);
    cron_settle(a, job, now_ms);
    job->is_killed = true;
    cron_drop_parents(job->cron);
    cron_arm(a, job->cron);
    cron_cancel_waiting(a, job->cron, now_ms);
    records_tell_job(a, EVENT_JOB_CHANGED, job, now_ms);
    job_settle(a, job, now_ms);
    *sequence = a->events.next - 1;
    updater_go_on(a, now_ms);
    return 0;
}

/* --- after a restart --- */

int aurora_restore_firing(struct aurora *a, struct job *job,
                          const struct firing *record, struct err *err)
{
    (void)a;
    struct cron *cron = job->cron;
    char key[JOB_KEY_TEXT_MAX];

    if (!cron || record->id < 0 || cron_firing(cron, record->id) ||
        record->state < FIRING_WAITING || record->state >= FIRING_STATE_COUNT)
        return err_set(err, ERR_DAMAGED,
                       "firing %lld of '%s' contradicts other records",
                       (long long)record->at, job_store_key(&job->key, key));
    struct firing *f = cron_add_firing(cron, record->id);
    *f = *record;
    f->job = job;
    f->dirty_at = 0;
    /* The job's record may be older than a run that is under way. */
    if (f->id % 2 == 0 && f->at > cron->decided)
        cron->decided = f->at;
    if (f->started_ms > cron->stats.last_start_ms)
        cron->stats.last_start_ms = f->started_ms;
    return 0;
}

/* Parents are resolved when all jobs are there. */
static void restore_parents(struct aurora *a, struct cron *cron)
{
    const struct cron_rule *rule = cron->job->config->cron;

    for (uint32_t i = 0; i < rule->parent_count; i++) {
        struct cron *parent = find_parent(a, rule->parent[i]);
        if (!parent)
            continue; /* descheduled in a store that was put together by hand */
        cron_add_parent(cron, parent);
        cron->parent[cron->parent_count - 1].seen =
            i < cron->expected_count ? cron->expected[i] : 0;
    }
    cron_expect_parents(cron, NULL, 0);
}

void crons_restored(struct aurora *a)
{
    for (uint32_t i = 0; i < a->jobs.count; i++) {
        struct job *job = a->jobs.item[i];
        if (!job->cron)
            continue;
        if (!job->is_removed && !job->is_killed)
            restore_parents(a, job->cron);
        cron_arm(a, job->cron);
        cron_look_again(a, job->cron);
    }
}

/* --- invariants --- */

void cron_check(const struct job *job)
{
    const struct cron *cron = job->cron;

    if (!cron)
        return;
    assert(cron->job == job && job->config->cron);
    for (uint32_t i = 0; i < cron->firings.count; i++) {
        const struct firing *f = cron->firings.item[i];
        assert(f->job == job);
        assert(i == 0 || cron->firings.item[i - 1]->id < f->id);
        assert(f->id % 2 != 0 || f->at <= cron->decided);
        assert((f->state == FIRING_ACTIVE) <= (f->started_ms > 0));
    }
}
