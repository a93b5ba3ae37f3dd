#include "aurora/api.h"
#include "sys/backup_dir.h"
#include "wire/codec.h"

#include <stdlib.h>
#include <string.h>

typedef Perigee__Aurora__Answer Answer;

/* --- making one --- */

static void begin(struct aurora_program *p, int64_t now_ms, struct effects *fx)
{
    struct aurora_backup act = {.created_ms = now_ms};

    p->backups.running_ms = now_ms;
    effect_act(fx, AURORA_ACT_BACKUP, &act, sizeof act);
}

void backups_start(struct aurora_program *p, int64_t now_ms)
{
    struct backups *b = &p->backups;
    int64_t last = p->options.backup_last_ms;

    if (last < 0 || last > now_ms)
        last = now_ms; /* a file says what it likes */
    b->made_ms = last;
    b->due_ms = INT64_MAX;
    if (p->options.backup_interval_ms <= 0)
        return;
    /* Neither one per restart nor none because of many restarts. */
    b->due_ms = last + p->options.backup_interval_ms;
    if (b->due_ms < now_ms + BACKUP_RETRY_MS)
        b->due_ms = now_ms + BACKUP_RETRY_MS;
    if (b->due_ms > now_ms + p->options.backup_interval_ms)
        b->due_ms = now_ms + p->options.backup_interval_ms;
}

int64_t backups_next_ms(const struct aurora_program *p)
{
    return p->backups.running_ms != 0 ? INT64_MAX : p->backups.due_ms;
}

void backups_time(struct aurora_program *p, int64_t now_ms, struct effects *fx)
{
    int64_t most;

    if (p->backups.due_ms == INT64_MAX || p->backups.running_ms != 0)
        return;
    if (now_ms >= p->backups.due_ms)
        begin(p, now_ms, fx);
    /* A clock that was set back must not put backups off for as long. */
    most = now_ms + p->options.backup_interval_ms;
    if (p->backups.due_ms > most)
        p->backups.due_ms = most;
}

static void note_failure(struct backups *b, const char *why)
{
    b->failed++;
    b->failed_ms = b->running_ms;
    free(b->why);
    b->why = xstrdup(why);
}

void backups_done(struct aurora_program *p,
                  const struct aurora_backup_fact *fact, int64_t now_ms,
                  struct effects *fx)
{
    struct backups *b = &p->backups;
    char name[BACKUP_NAME_MAX];

    if (b->running_ms == 0)
        return;
    (void)backup_name(b->running_ms, name);
    if (fact->failed) {
        struct buf why = {0};
        buf_add_bytes(&why, fact->result);
        note_failure(b, buf_text(&why));
        effect_log(fx, 0, "backup_failed backup=%s why=\"%s\"", name, b->why);
        buf_release(&why);
    } else {
        b->made++;
        b->made_ms = b->running_ms;
        effect_log(fx, 2, "backup_made backup=%s bytes=%llu took_ms=%lld", name,
                   (unsigned long long)fact->bytes,
                   (long long)(now_ms - b->running_ms));
    }
    if (b->due_ms != INT64_MAX)
        b->due_ms = now_ms + (fact->failed && p->options.backup_interval_ms >
                                                  BACKUP_RETRY_MS
                                  ? BACKUP_RETRY_MS
                                  : p->options.backup_interval_ms);
    b->running_ms = 0;
}

/* --- what clients ask --- */

static void tell_state(struct request *r, Answer *answer)
{
    const struct backups *b = &r->p->backups;
    char name[BACKUP_NAME_MAX];

    if (b->running_ms != 0)
        answer->backup_running =
            arena_strdup(&r->arena, backup_name(b->running_ms, name));
    if (b->why) {
        answer->backup_failed =
            arena_strdup(&r->arena, backup_name(b->failed_ms, name));
        answer->note = arena_strdup(&r->arena, b->why);
    }
}

void api_backup_create(struct request *r, int64_t now_ms, struct effects *fx)
{
    struct err err = {0};

    if (!r->p->options.can_back_up) {
        (void)err_set(&err, ERR_UNSUPPORTED,
                      "this scheduler has no directory for backups");
        err_hint(&err, "start it with --backup_dir=DIR");
    } else if (r->p->backups.running_ms != 0) {
        (void)err_set(&err, ERR_BUSY, "a backup is under way");
    }
    if (err.code) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    begin(r->p, now_ms, fx);
    Answer *answer = api_answer_new(r);
    tell_state(r, answer);
    api_answer(r, answer, now_ms, fx);
}

void api_list_backups(struct request *r, int64_t now_ms, struct effects *fx)
{
    struct backups *b = &r->p->backups;
    struct aurora_list_backups act = {0};
    struct err err = {0};

    if (!r->p->options.can_back_up)
        (void)err_set(&err, ERR_UNSUPPORTED,
                      "this scheduler has no directory for backups");
    else if (b->lists.count == BACKUP_LISTS_MAX)
        (void)err_set(&err, ERR_BUSY, "too many lists of backups at once");
    if (err.code) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    act.ticket = r->ticket = ++b->next_ticket;
    *vec_add(&b->lists) = r;
    effect_act(fx, AURORA_ACT_LIST_BACKUPS, &act, sizeof act);
}

void backups_listed(struct aurora_program *p,
                    const struct aurora_backup_fact *fact, int64_t now_ms,
                    struct effects *fx)
{
    struct backups *b = &p->backups;
    struct request *r = NULL;
    ProtobufCMessage *listed = NULL;
    struct err err = {0};

    for (uint32_t i = 0; i < b->lists.count && !r; i++)
        if (b->lists.item[i]->ticket == fact->ticket) {
            r = b->lists.item[i];
            vec_remove(&b->lists, i);
        }
    if (!r)
        return;
    if (codec_decode(&perigee__aurora__answer__descriptor, "Answer",
                     MEDIA_PROTOBUF, fact->result, &r->arena, &listed,
                     &err) < 0) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    Answer *answer = api_answer_new(r);
    answer->n_backups = ((Answer *)listed)->n_backups;
    answer->backups = ((Answer *)listed)->backups;
    tell_state(r, answer);
    api_answer(r, answer, now_ms, fx);
}

bool backups_gone(struct aurora_program *p, exchange_id exchange)
{
    for (uint32_t i = 0; i < p->backups.lists.count; i++)
        if (p->backups.lists.item[i]->exchange == exchange) {
            p->backups.lists.item[i]->is_gone = true;
            return true;
        }
    return false;
}

void backups_release(struct aurora_program *p)
{
    for (uint32_t i = 0; i < p->backups.lists.count; i++)
        request_free(p->backups.lists.item[i]);
    vec_free(&p->backups.lists);
    free(p->backups.why);
}

void backups_metrics(const struct aurora_program *p, struct metrics *m)
{
    const struct backups *b = &p->backups;
    int64_t made_s = b->made_ms / 1000;

    metrics_add(m, METRIC_COUNTER, "aurora_backups_total", NULL, "Backups made",
                NULL, (double)b->made);
    metrics_add(m, METRIC_COUNTER, "aurora_backups_failed_total", NULL,
                "Backups that failed", NULL, (double)b->failed);
    metrics_add(m, METRIC_GAUGE, "aurora_backup_made_seconds", NULL,
                "When the newest backup was begun, since the epoch; 0: none",
                NULL, (double)made_s);
}
