/* Objects come, are marked for saving, and go. */
#include "aurora/core/internal.h"
#include "base/id.h"
#include "base/text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- marking --- */

void mark_config(struct aurora *a, struct job_config *config)
{
    if (config->is_dirty)
        return;
    config->is_dirty = true;
    *vec_add(&a->work.configs) = config;
}

void mark_job(struct aurora *a, struct job *job)
{
    quota_note(a, job);
    if (job->is_dirty)
        return;
    job->is_dirty = true;
    *vec_add(&a->work.jobs) = job;
}

void mark_task(struct aurora *a, struct task *task)
{
    if (task->dirty_at)
        return;
    *vec_add(&a->work.tasks) = task;
    task->dirty_at = a->work.tasks.count;
}

void mark_host(struct aurora *a, struct host *host)
{
    if (host->is_dirty)
        return;
    host->is_dirty = true;
    *vec_add(&a->work.hosts) = host;
}

void mark_update(struct aurora *a, struct update *update)
{
    if (update->is_dirty)
        return;
    update->is_dirty = true;
    *vec_add(&a->work.updates) = update;
}

void mark_slot(struct aurora *a, struct update *update, struct slot *slot)
{
    if (slot->is_dirty)
        return;
    slot->is_dirty = true;
    *vec_add(&a->work.slots) =
        (struct slot_ref){update, (uint32_t)(slot - update->slot)};
}

void mark_firing(struct aurora *a, struct firing *firing)
{
    if (firing->dirty_at)
        return;
    *vec_add(&a->work.firings) = firing;
    firing->dirty_at = a->work.firings.count;
}

void mark_forgotten(struct aurora *a, enum record_table table, struct bytes key)
{
    *vec_add(&a->work.forgotten) =
        (struct forgotten){table, xstrndup((const char *)key.data, key.size)};
}

static void launch_release(struct launch *launch)
{
    for (uint32_t i = 0; i < launch->offers.count; i++)
        blob_unref(launch->offers.item[i]);
    vec_free(&launch->offers);
    vec_free(&launch->tasks);
}

static void refs_clear(struct task_ref *ref, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        blob_unref(ref[i].task_id);
        blob_unref(ref[i].agent_id);
    }
}

void aurora_work_clear(struct aurora *a)
{
    struct work *w = &a->work;

    for (uint32_t i = 0; i < w->configs.count; i++)
        w->configs.item[i]->is_dirty = false;
    for (uint32_t i = 0; i < w->jobs.count; i++)
        w->jobs.item[i]->is_dirty = false;
    for (uint32_t i = 0; i < w->tasks.count; i++)
        if (w->tasks.item[i])
            w->tasks.item[i]->dirty_at = 0;
    for (uint32_t i = 0; i < w->hosts.count; i++)
        w->hosts.item[i]->is_dirty = false;
    for (uint32_t i = 0; i < w->maintenances.count; i++)
        w->maintenances.item[i]->is_dirty = false;
    w->maintenances.count = 0;
    for (uint32_t i = 0; i < w->updates.count; i++)
        w->updates.item[i]->is_dirty = false;
    for (uint32_t i = 0; i < w->slots.count; i++)
        w->slots.item[i].update->slot[w->slots.item[i].at].is_dirty = false;
    for (uint32_t i = 0; i < w->firings.count; i++)
        if (w->firings.item[i])
            w->firings.item[i]->dirty_at = 0;
    for (uint32_t i = 0; i < w->notices.count; i++)
        if (w->notices.item[i])
            w->notices.item[i]->dirty_at = 0;
    for (uint32_t i = 0; i < w->forgotten.count; i++)
        free(w->forgotten.item[i].key);
    for (uint32_t i = 0; i < w->launches.count; i++)
        launch_release(&w->launches.item[i]);
    for (uint32_t i = 0; i < w->declines.count; i++)
        blob_unref(w->declines.item[i]);
    refs_clear(w->kills.item, w->kills.count);
    refs_clear(w->reconcile.item, w->reconcile.count);
    refs_clear(w->ask_again.item, w->ask_again.count);
    w->configs.count = w->jobs.count = w->tasks.count = w->hosts.count = 0;
    w->updates.count = w->slots.count = w->firings.count = 0;
    w->quotas.count = 0;
    app_groups_work_clear(a);
    w->forgotten.count = w->launches.count = w->declines.count = 0;
    w->kills.count = w->reconcile.count = w->askings.count = 0;
    w->ask_again.count = 0;
    w->coordinations.count = w->notices.count = w->tellings.count = 0;
    w->revive = w->save_sequence = false;
}

/* --- configs --- */

struct job_config *aurora_config(const struct aurora *a, const char *id)
{
    struct job_config *config;

    HASH_FIND_STR(a->configs, id, config);
    return config;
}

void records_use_config(struct aurora *a, struct job_config *config)
{
    (void)job_config_ref(config);
    if (config->users++ > 0)
        return;
    HASH_ADD_STR(a->configs, id, config);
    judging_share(a, config);
    mark_config(a, config);
}

void records_unuse_config(struct aurora *a, struct job_config *config)
{
    assert(config->users > 0);
    if (--config->users == 0) {
        HASH_DEL(a->configs, config);
        for (uint32_t i = 0; i < a->work.configs.count; i++)
            if (a->work.configs.item[i] == config) {
                vec_remove(&a->work.configs, i);
                break;
            }
        config->is_dirty = false;
        mark_forgotten(a, RECORD_CONFIG, bytes_of_text(config->id));
    }
    job_config_unref(config);
}

/* --- tasks --- */

struct task *aurora_task(const struct aurora *a, struct bytes id)
{
    struct task *task;

    HASH_FIND(hh_id, a->task_by_id, id.data, id.size, task);
    return task;
}

struct task *aurora_task_by_number(const struct aurora *a, uint64_t number)
{
    struct task *task;

    HASH_FIND(hh_number, a->task_by_number, &number, sizeof number, task);
    return task;
}

void records_count(struct aurora *a, enum task_state from, enum task_state to)
{
    if (from != TASK_NONE) {
        assert(a->counters.tasks[from] > 0);
        a->counters.tasks[from]--;
    }
    if (to != TASK_NONE)
        a->counters.tasks[to]++;
}

void records_put_task(struct aurora *a, struct task *task)
{
    task->number = ++a->next_number;
    HASH_ADD_KEYPTR(hh_id, a->task_by_id, task->id->data, task->id->size, task);
    HASH_ADD(hh_number, a->task_by_number, number, sizeof task->number, task);
    records_count(a, TASK_NONE, task->state);
    records_use_config(a, task->config);
    job_config_unref(task->config); /* the use holds it from here on */
}

static char *put_part(char *to, const char *part)
{
    to = stpcpy(to, part);
    *to++ = '-';
    return to;
}

/* Ids of one job sort by the time at which their tasks were made. What follows
 * has 122 random bits: nobody looks whether a task has it already. */
static struct bytes new_task_id(struct aurora *a, const struct job_key *key,
                                uint32_t instance, int64_t now_ms,
                                char out[ID_MAX])
{
    char *to = text_put_int(out, now_ms);

    *to++ = '-';
    to = put_part(to, key->role);
    to = put_part(to, key->env);
    to = put_part(to, key->name);
    to = text_put_int(to, instance);
    *to++ = '-';
    assert(to + UUID_TEXT_MAX <= out + ID_MAX);
    struct uuid uuid = uuid_random(&a->rng);
    (void)uuid_text(&uuid, to);
    return bytes_of(out, (size_t)(to - out) + UUID_TEXT_MAX - 1);
}

struct task *records_add_task(struct aurora *a, struct job *job,
                              struct job_config *config, uint32_t instance,
                              int64_t now_ms)
{
    char id[ID_MAX];
    struct task *task = job_task_new(
        new_task_id(a, &job->key, instance, now_ms, id), job, config, instance);

    records_put_task(a, task);
    job_add_active(job, task);
    updater_note_started(a, task);
    quota_note_task(a, task);
    return task;
}

void records_delete_task(struct aurora *a, struct task *task)
{
    struct job *job = task->job;
    struct job_config *config = task->config;

    if (!task_machine_is_terminal(task->state)) {
        updater_note_ended(a, task);
        rolling_note(a, task);
    }
    if (task->dirty_at) {
        a->work.tasks.item[task->dirty_at - 1] = NULL;
        task->dirty_at = 0;
    }
    mark_forgotten(a, RECORD_TASK, blob_bytes(task->id));
    if (task_machine_is_terminal(task->state)) {
        task_list_remove(&job->ended, task);
    } else {
        quota_note_task_gone(a, task);
        job_remove_active(job, task);
    }
    HASH_DELETE(hh_id, a->task_by_id, task);
    HASH_DELETE(hh_number, a->task_by_number, task);
    records_count(a, task->state, TASK_NONE);
    job->running -= task->state == TASK_RUNNING;
    task->config = NULL;
    job_task_free(task);
    records_unuse_config(a, config);
}

/* --- jobs --- */

uint32_t aurora_job_at(const struct aurora *a, const struct job_key *key)
{
    uint32_t low = 0, high = a->jobs.count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (job_key_compare(&a->jobs.item[middle]->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct job *aurora_job(const struct aurora *a, const struct job_key *key)
{
    uint32_t at = aurora_job_at(a, key);

    if (at < a->jobs.count && job_key_equal(&a->jobs.item[at]->key, key))
        return a->jobs.item[at];
    return NULL;
}

struct job *job_new(const struct job_key *key)
{
    struct job *job = xcalloc(1, sizeof *job);
    char text[JOB_KEY_TEXT_MAX];

    job->key = *key;
    job->key_text = blob_new(bytes_of_text(job_key_text(key, text)));
    return job;
}

void aurora_job_own(struct aurora *a, struct job *job, const char *owner)
{
    if (job->owner && strcmp(job->owner, owner) == 0)
        return;
    free(job->owner);
    job->owner = xstrdup(owner);
    mark_job(a, job);
}

void job_free(struct job *job)
{
    blob_unref(job->key_text);
    free(job->owner);
    vec_free(&job->updates);
    rolling_free(job->rolling);
    limit_counts_release(&job->limits);
    free(job);
}

void records_put_job(struct aurora *a, struct job *job)
{
    uint32_t at = aurora_job_at(a, &job->key);

    (void)vec_add(&a->jobs);
    memmove(&a->jobs.item[at + 1], &a->jobs.item[at],
            (a->jobs.count - 1 - at) * sizeof a->jobs.item[0]);
    a->jobs.item[at] = job;
    quota_note_coming(a, job);
    app_groups_note_coming(a, job);
}

void records_delete_job(struct aurora *a, struct job *job)
{
    char key[JOB_KEY_TEXT_MAX];
    uint32_t at = aurora_job_at(a, &job->key);

    assert(job->active.count == 0 && job->ended.count == 0 && !job->update);
    cron_drop(a, job);
    while (job->updates.count > 0)
        records_delete_update(a, job->updates.item[0]);
    assert(a->jobs.item[at] == job);
    vec_remove(&a->jobs, at);
    app_groups_note_going(a, job);
    quota_note_going(a, job);
    for (uint32_t i = 0; job->is_dirty && i < a->work.jobs.count; i++)
        if (a->work.jobs.item[i] == job) {
            vec_remove(&a->work.jobs, i);
            break;
        }
    mark_forgotten(a, RECORD_JOB, bytes_of_text(job_store_key(&job->key, key)));
    rolling_forget(a, job);
    records_unuse_config(a, job->config);
    job_free(job);
}

/* --- updates --- */

struct update *aurora_update_by_number(const struct aurora *a, uint32_t number)
{
    struct update *update;

    HASH_FIND(hh, a->update_by_number, &number, sizeof number, update);
    return update;
}

void records_put_update(struct aurora *a, struct update *update)
{
    struct job *job = update->job;

    update->number = ++a->next_update;
    HASH_ADD(hh, a->update_by_number, number, sizeof update->number, update);
    while (job->updates.count >= UPDATES_PER_JOB)
        records_delete_update(a, job->updates.item[0]);
    *vec_add(&job->updates) = update;
    mark_update(a, update);
}

static void forget_slots(struct aurora *a, struct update *update)
{
    char key[UPDATE_KEY_MAX];

    for (uint32_t i = 0; i < update->slot_count; i++) {
        struct slot *slot = &update->slot[i];
        update_slot_key(update, slot, key);
        mark_forgotten(a, RECORD_SLOT, bytes_of_text(key));
        if (slot->before)
            records_unuse_config(a, slot->before);
    }
    for (uint32_t i = a->work.slots.count; i-- > 0;)
        if (a->work.slots.item[i].update == update)
            vec_remove(&a->work.slots, i);
}

void records_delete_update(struct aurora *a, struct update *update)
{
    struct job *job = update->job;

    assert(job->update != update);
    for (uint32_t i = 0; i < job->updates.count; i++)
        if (job->updates.item[i] == update) {
            vec_remove(&job->updates, i);
            break;
        }
    for (uint32_t i = 0; update->is_dirty && i < a->work.updates.count; i++)
        if (a->work.updates.item[i] == update) {
            vec_remove(&a->work.updates, i);
            break;
        }
    mark_forgotten(a, RECORD_UPDATE, blob_bytes(update->id));
    forget_slots(a, update);
    records_unuse_config(a, update->config);
    HASH_DELETE(hh, a->update_by_number, update);
    update_free(update);
}

void records_tell_job(struct aurora *a, enum event_kind kind, struct job *job,
                      int64_t now_ms)
{
    (void)event_log_job(&a->events, kind, job, now_ms);
    mark_job(a, job);
    app_groups_note(a, job);
}

void records_free_firing(struct aurora *a, struct firing *firing)
{
    char key[JOB_KEY_TEXT_MAX + FIRING_ID_TEXT_MAX];

    if (firing->dirty_at)
        a->work.firings.item[firing->dirty_at - 1] = NULL;
    mark_forgotten(a, RECORD_FIRING,
                   bytes_of_text(firing_store_key(firing, key, sizeof key)));
    free(firing);
}
