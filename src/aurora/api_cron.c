/* Calls about jobs that the clock starts. */
#include "aurora/api.h"
#include "aurora/security.h"

#include <stdio.h>
#include <string.h>

typedef Perigee__Aurora__Answer Answer;
typedef Perigee__Aurora__Call__Cron Query;

static int find_key(struct request *r, struct job_key *key, struct err *err)
{
    int rc = key_decode(r->p, r->call->cron->key, key, err);

    if (rc < 0)
        err_field(err, "cron.key");
    return rc;
}

static void answer_cron(struct request *r, const struct job_key *key,
                        uint32_t firings, int64_t now_ms, struct effects *fx)
{
    Answer *answer = api_answer_new(r);

    answer->n_crons = 1;
    answer->crons = arena_alloc(&r->arena, sizeof(void *));
    answer->crons[0] =
        view_cron(aurora_job(&r->p->core, key), firings, &r->arena);
    api_answer(r, answer, now_ms, fx);
}

void api_cron_start(struct request *r, int64_t now_ms, struct effects *fx)
{
    const struct firing *firing;
    struct err err = {0};
    struct job_key key;
    uint64_t sequence;

    if (find_key(r, &key, &err) < 0 ||
        aurora_cron_start(&r->p->core, &key, now_ms, &firing, &sequence, &err) <
            0) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    Answer *answer = api_answer_new(r);
    answer->sequence = sequence;
    answer->firing = view_firing(firing, &r->arena);
    api_answer(r, answer, now_ms, fx);
}

static int change(struct request *r, const struct job_key *key, int64_t now_ms,
                  struct err *err)
{
    struct aurora *core = &r->p->core;
    uint64_t sequence;

    switch (r->call->type) {
    case PERIGEE__AURORA__CALL__TYPE__PAUSE_CRON:
        return aurora_cron_pause(core, key, true, now_ms, &sequence, err);
    case PERIGEE__AURORA__CALL__TYPE__RESUME_CRON:
        return aurora_cron_pause(core, key, false, now_ms, &sequence, err);
    default:
        return aurora_cron_deschedule(core, key, now_ms, &sequence, err);
    }
}

void api_cron_change(struct request *r, int64_t now_ms, struct effects *fx)
{
    struct err err = {0};
    struct job_key key;

    if (find_key(r, &key, &err) < 0 || change(r, &key, now_ms, &err) < 0)
        api_refuse(r, &err, now_ms, fx);
    else
        answer_cron(r, &key, 1, now_ms, fx);
}

void api_cron_get(struct request *r, int64_t now_ms, struct effects *fx)
{
    struct err err = {0};
    struct job_key key;
    char text[JOB_KEY_TEXT_MAX];
    uint32_t limit = r->call->cron->limit;

    if (find_key(r, &key, &err) == 0) {
        const struct job *job = aurora_job(&r->p->core, &key);
        if (!job || !job->cron)
            (void)err_set(&err, ERR_NOT_FOUND, "cron job '%s' does not exist",
                          job_key_text(&key, text));
    }
    if (err.code)
        api_refuse(r, &err, now_ms, fx);
    else
        answer_cron(r, &key, limit > 0 ? limit : UINT32_MAX, now_ms, fx);
}

/* --- the list --- */

static bool matches(const char *wanted, const char *has)
{
    return !wanted || !*wanted || strcmp(wanted, has) == 0;
}

static bool is_listed(const struct request *r, const struct job *job,
                      const Query *q)
{
    return job->cron && !job->is_removed && matches(q->role, job->key.role) &&
           matches(q->environment, job->key.env) && security_sees(r, &job->key);
}

static int list_start(struct request *r, const Query *q, uint32_t *at,
                      struct err *err)
{
    struct aurora_program *p = r->p;
    struct job_key behind;
    char text[JOB_KEY_TEXT_MAX];

    *at = 0;
    if (!q->cursor || !*q->cursor)
        return 0;
    (void)snprintf(text, sizeof text, "%s/%s", p->options.cluster, q->cursor);
    if (job_key_parse(text, &behind, NULL) < 0) {
        (void)err_set(err, ERR_INVALID, "cursor '%s': not one of ours",
                      q->cursor);
        err_field(err, "cron.cursor");
        return -ERR_INVALID;
    }
    *at = aurora_job_at(&p->core, &behind);
    if (*at < p->core.jobs.count &&
        job_key_equal(&p->core.jobs.item[*at]->key, &behind))
        (*at)++;
    return 0;
}

void api_cron_list(struct request *r, int64_t now_ms, struct effects *fx)
{
    static const Query all = PERIGEE__AURORA__CALL__CRON__INIT;
    const Query *q = r->call->cron ? r->call->cron : &all;
    const struct aurora *core = &r->p->core;
    uint32_t at, size = api_page_size(q->limit);
    const struct job *last = NULL;
    struct err err = {0};
    char text[JOB_KEY_TEXT_MAX];

    if (list_start(r, q, &at, &err) < 0) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    Answer *answer = api_answer_new(r);
    answer->crons = arena_alloc(&r->arena, (size + 1) * sizeof(void *));
    for (; at < core->jobs.count; at++) {
        const struct job *job = core->jobs.item[at];
        if (!is_listed(r, job, q))
            continue;
        if (answer->n_crons == size) {
            answer->cursor =
                arena_strdup(&r->arena, job_store_key(&last->key, text));
            break;
        }
        answer->crons[answer->n_crons++] = view_cron(job, 0, &r->arena);
        last = job;
    }
    api_answer(r, answer, now_ms, fx);
}
