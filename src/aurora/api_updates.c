/* Calls about updates that exist; START_UPDATE is in api_jobs.c, because it
 * evaluates a bundle like CREATE_JOB. */
#include "aurora/api.h"
#include "aurora/security.h"

#include <stdio.h>
#include <string.h>

typedef Perigee__Aurora__Answer Answer;
typedef Perigee__Aurora__Call__Update Query;

void api_update_answer(struct request *r, const struct update *update,
                       uint64_t sequence, int64_t now_ms, struct effects *fx)
{
    Answer *answer = api_answer_new(r);

    answer->sequence = sequence;
    if (!update) {
        answer->note = "no instance has to change";
        api_answer(r, answer, now_ms, fx);
        return;
    }
    answer->n_updates = 1;
    answer->updates = arena_alloc(&r->arena, sizeof(void *));
    answer->updates[0] = view_update(update, false, &r->arena);
    api_answer(r, answer, now_ms, fx);
}

static int find_key(struct request *r, struct job_key *key, struct err *err)
{
    if (r->call->update)
        return key_decode(r->p, r->call->update->key, key, err);
    (void)err_set(err, ERR_INVALID, "update: missing");
    err_field(err, "update");
    return -ERR_INVALID;
}

static enum update_verb verb_of(Perigee__Aurora__Call__Type type)
{
    switch (type) {
    case PERIGEE__AURORA__CALL__TYPE__RESUME_UPDATE:
        return UPDATE_RESUME;
    case PERIGEE__AURORA__CALL__TYPE__ABORT_UPDATE:
        return UPDATE_ABORT;
    case PERIGEE__AURORA__CALL__TYPE__ROLLBACK_UPDATE:
        return UPDATE_ROLLBACK;
    default:
        return UPDATE_PAUSE;
    }
}

void api_update_act(struct request *r, int64_t now_ms, struct effects *fx)
{
    struct update *update = NULL;
    struct job_key key;
    struct err err = {0};
    uint64_t sequence = 0;

    if (find_key(r, &key, &err) < 0 ||
        aurora_update_act(&r->p->core, &key, r->call->update->update_id,
                          verb_of(r->call->type), r->call->update->message,
                          now_ms, &update, &sequence, &err) < 0)
        api_refuse(r, &err, now_ms, fx);
    else
        api_update_answer(r, update, sequence, now_ms, fx);
}

void api_update_pulse(struct request *r, int64_t now_ms, struct effects *fx)
{
    struct job_key key;
    struct err err = {0};
    bool is_over = false;

    if (find_key(r, &key, &err) < 0 ||
        aurora_update_pulse(&r->p->core, &key, r->call->update->update_id,
                            now_ms, &is_over, &err) < 0) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    Answer *answer = api_answer_new(r);
    answer->has_pulse = true;
    answer->pulse = is_over ? PERIGEE__AURORA__ANSWER__PULSE_STATUS__FINISHED
                            : PERIGEE__AURORA__ANSWER__PULSE_STATUS__OK;
    api_answer(r, answer, now_ms, fx);
}

void api_update_get(struct request *r, int64_t now_ms, struct effects *fx)
{
    struct update *update = NULL;
    struct job_key key;
    struct err err = {0};
    char text[JOB_KEY_TEXT_MAX];

    if (find_key(r, &key, &err) == 0) {
        const char *id = r->call->update->update_id;
        update = aurora_update(&r->p->core, &key, id);
        if (!update)
            (void)err_set(&err, ERR_NOT_FOUND, "job '%s' has no update%s%s",
                          job_key_text(&key, text), id && *id ? " " : "",
                          id ? id : "");
        if (!update && id && *id)
            err_field(&err, "update_id");
    }
    if (!update) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    Answer *answer = api_answer_new(r);
    answer->n_updates = 1;
    answer->updates = arena_alloc(&r->arena, sizeof(void *));
    answer->updates[0] = view_update(update, true, &r->arena);
    api_answer(r, answer, now_ms, fx);
}

/* --- lists --- */

static bool matches(const char *wanted, const char *has)
{
    return !wanted || !*wanted || strcmp(wanted, has) == 0;
}

static bool is_listed(const struct request *r, const struct job *job,
                      const Query *q, const struct job_key *key)
{
    return (!q->key || job_key_equal(&job->key, key)) &&
           matches(q->role, job->key.role) &&
           matches(q->environment, job->key.env) && security_sees(r, &job->key);
}

/* All of one job stand on one page, so a page may be a little longer. */
static void add_updates(const struct job *job, const Query *q, Answer *answer,
                        struct arena *arena)
{
    for (uint32_t i = 0; i < job->updates.count; i++)
        if (!q->active_only || job->updates.item[i] == job->update)
            answer->updates[answer->n_updates++] =
                view_update(job->updates.item[i], false, arena);
}

static int list_start(struct request *r, const Query *q, struct job_key *key,
                      uint32_t *at, struct err *err)
{
    struct aurora_program *p = r->p;
    struct job_key behind;
    char text[JOB_KEY_TEXT_MAX];

    *at = 0;
    if (q->key && key_decode(p, q->key, key, err) < 0)
        return -ERR_INVALID;
    if (!q->cursor || !*q->cursor)
        return 0;
    snprintf(text, sizeof text, "%s/%s", p->options.cluster, q->cursor);
    if (job_key_parse(text, &behind, NULL) < 0) {
        (void)err_set(err, ERR_INVALID, "cursor '%s': not one of ours",
                      q->cursor);
        err_field(err, "update.cursor");
        return -ERR_INVALID;
    }
    *at = aurora_job_at(&p->core, &behind);
    if (*at < p->core.jobs.count &&
        job_key_equal(&p->core.jobs.item[*at]->key, &behind))
        (*at)++;
    return 0;
}

void api_update_list(struct request *r, int64_t now_ms, struct effects *fx)
{
    static const Query all = PERIGEE__AURORA__CALL__UPDATE__INIT;
    const Query *q = r->call->update ? r->call->update : &all;
    const struct aurora *core = &r->p->core;
    uint32_t at, size = api_page_size(q->limit);
    struct job_key key = {0};
    struct err err = {0};
    char text[JOB_KEY_TEXT_MAX];

    if (list_start(r, q, &key, &at, &err) < 0) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    Answer *answer = api_answer_new(r);
    answer->updates =
        arena_alloc(&r->arena, (size + UPDATES_PER_JOB + 1) * sizeof(void *));
    for (; at < core->jobs.count; at++) {
        const struct job *job = core->jobs.item[at];
        if (is_listed(r, job, q, &key))
            add_updates(job, q, answer, &r->arena);
        if (answer->n_updates >= size && at + 1 < core->jobs.count) {
            answer->cursor =
                arena_strdup(&r->arena, job_store_key(&job->key, text));
            break;
        }
    }
    api_answer(r, answer, now_ms, fx);
}
