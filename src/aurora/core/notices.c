/* Lines of notices: made, served, tried again, given up. */
#include "aurora/core/internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *notice_id(const struct notice *notice, char out[NOTICE_ID_MAX])
{
    (void)snprintf(out, NOTICE_ID_MAX, "%020" PRIu64 "-%010" PRIu64,
                   notice->life, notice->number);
    return out;
}

const struct notify_rule *notice_rule(const struct notice *notice)
{
    return &notice->config->notify[notice->rule];
}

/* The name of its line, without the job's key. */
const char *notice_receiver(const struct notice *notice)
{
    return strchr(notice->line->name, ' ') + 1;
}

void mark_notice(struct aurora *a, struct notice *notice)
{
    if (notice->dirty_at)
        return;
    *vec_add(&a->work.notices) = notice;
    notice->dirty_at = a->work.notices.count;
}

/* --- the queue --- */

static void queue_add(struct notices *n, struct notice_line *line)
{
    if (line->is_queued)
        return;
    line->is_queued = true;
    line->before = n->queue_last;
    line->behind = NULL;
    if (n->queue_last)
        n->queue_last->behind = line;
    else
        n->queue_first = line;
    n->queue_last = line;
}

static void queue_remove(struct notices *n, struct notice_line *line)
{
    if (!line->is_queued)
        return;
    line->is_queued = false;
    if (line->before)
        line->before->behind = line->behind;
    else
        n->queue_first = line->behind;
    if (line->behind)
        line->behind->before = line->before;
    else
        n->queue_last = line->before;
    line->before = line->behind = NULL;
}

/* --- lines --- */

static struct notice_line *line_find(const struct notices *n, const char *name)
{
    struct notice_line *line;

    HASH_FIND_STR(n->by_name, name, line);
    return line;
}

static char *line_name(const struct job_config *config, uint32_t rule,
                       const char *receiver)
{
    char key[JOB_KEY_TEXT_MAX];
    struct buf out = {0};

    buf_addf(&out, "%s ", job_key_text(&config->key, key));
    if (*receiver)
        buf_add_text(&out, receiver);
    else
        buf_addf(&out, "script %u", rule);
    return buf_take(&out);
}

/* The line of this name, which it takes; made when there is none. */
static struct notice_line *line_of_take(struct notices *n, char *name)
{
    struct notice_line *line = line_find(n, name);

    if (line) {
        free(name);
        return line;
    }
    line = xcalloc(1, sizeof *line);
    line->name = name;
    line->number = ++n->next_line;
    HASH_ADD_KEYPTR(hh, n->by_name, line->name, strlen(line->name), line);
    HASH_ADD(hh_number, n->by_number, number, sizeof line->number, line);
    return line;
}

static void line_free(struct notices *n, struct notice_line *line)
{
    assert(line->count == 0 && line->ticket == 0);
    queue_remove(n, line);
    HASH_DELETE(hh, n->by_name, line);
    HASH_DELETE(hh_number, n->by_number, line);
    free(line->name);
    free(line);
}

static void line_add(struct notices *n, struct notice_line *line,
                     struct notice *notice)
{
    notice->line = line;
    if (line->last)
        line->last->next = notice;
    else
        line->first = notice;
    line->last = notice;
    line->count++;
    n->count++;
}

/* --- notices come and go --- */

static void share_facts(struct notice_facts *facts)
{
    (void)blob_ref(facts->task_id);
    (void)blob_ref(facts->update_id);
    (void)blob_ref(facts->message);
}

static void notice_free(struct notice *notice)
{
    blob_unref(notice->facts.task_id);
    blob_unref(notice->facts.update_id);
    blob_unref(notice->facts.message);
    blob_unref(notice->delivery);
    free(notice->why);
    free(notice);
}

/* Too many already: those that wait know that there were more. */
static void drop(struct aurora *a, struct notice_line *line)
{
    a->notices.dropped++;
    if (!line)
        return;
    line->last->more++;
    mark_notice(a, line->last);
}

static void add(struct aurora *a, struct job_config *config, uint32_t rule,
                const struct notice_facts *facts, const char *receiver,
                struct blob *delivery)
{
    struct notices *n = &a->notices;
    char *name = line_name(config, rule, receiver);
    struct notice_line *line = line_find(n, name);

    if (n->count >= NOTICES_MAX ||
        (line && line->count >= NOTICES_PER_LINE_MAX)) {
        drop(a, line);
        free(name);
        return;
    }
    struct notice *notice = xcalloc(1, sizeof *notice);
    *notice = (struct notice){.life = n->life,
                              .number = ++n->next_notice,
                              .config = config,
                              .rule = rule,
                              .facts = *facts,
                              .delivery = blob_ref(delivery)};
    share_facts(&notice->facts);
    records_use_config(a, config);
    line = line_of_take(n, name);
    line_add(n, line, notice);
    n->made++;
    mark_notice(a, notice);
    if (line->count == 1)
        queue_add(n, line);
}

void notices_tell(struct aurora *a, struct job_config *config,
                  const struct notice_facts *facts)
{
    for (uint32_t i = 0; i < config->notify_count; i++)
        if (config->notify[i].on & 1U << facts->what)
            add(a, config, i, facts, config->notify[i].target, NULL);
}

/* The first of its line is told, or given up. */
static void first_gone(struct aurora *a, struct notice_line *line)
{
    struct notice *notice = line->first;
    char id[NOTICE_ID_MAX];

    line->first = notice->next;
    if (!line->first)
        line->last = NULL;
    line->count--;
    a->notices.count--;
    if (notice->dirty_at)
        a->work.notices.item[notice->dirty_at - 1] = NULL;
    mark_forgotten(a, RECORD_NOTICE, bytes_of_text(notice_id(notice, id)));
    records_unuse_config(a, notice->config);
    notice_free(notice);
}

/* --- serving --- */

static struct notice_line *line_under_way(const struct aurora *a,
                                          uint64_t ticket)
{
    for (uint32_t i = 0; i < a->notices.under_way; i++)
        if (a->notices.serving[i]->ticket == ticket)
            return a->notices.serving[i];
    return NULL;
}

const struct notice *aurora_notice(const struct aurora *a, uint64_t ticket)
{
    const struct notice_line *line = line_under_way(a, ticket);

    return line ? line->first : NULL;
}

void notices_go_on(struct aurora *a)
{
    struct notices *n = &a->notices;

    while (n->queue_first && n->under_way < NOTICES_UNDER_WAY_MAX) {
        struct notice_line *line = n->queue_first;
        queue_remove(n, line);
        line->ticket = ++a->next_ticket;
        n->serving[n->under_way++] = line;
        *vec_add(&a->work.tellings) = line->ticket;
    }
}

/* Out of the hands of the shell. */
static void come_back(struct aurora *a, struct notice_line *line)
{
    struct notices *n = &a->notices;
    uint32_t at = 0;

    while (n->serving[at] != line)
        at++;
    n->serving[at] = n->serving[--n->under_way];
    line->ticket = 0;
}

/* Behind the others; or away, when nothing is left. */
static void next_of_line(struct aurora *a, struct notice_line *line)
{
    if (line->count == 0)
        line_free(&a->notices, line);
    else
        queue_add(&a->notices, line);
}

static void wait(struct aurora *a, struct notice_line *line, int64_t delay_ms,
                 int64_t now_ms)
{
    heap_push(&a->timers, now_ms + delay_ms, TIMER_NOTICE, line->number);
}

/* Twice as long each time, up to the most; a quarter of it is chance, so that
 * those who failed together do not come back together. */
static int64_t retry_ms(struct aurora *a, uint32_t failures)
{
    int64_t delay_ms = NOTICE_RETRY_FIRST_MS;

    for (uint32_t i = 1; i < failures && delay_ms < NOTICE_RETRY_MAX_MS; i++)
        delay_ms *= 2;
    if (delay_ms > NOTICE_RETRY_MAX_MS)
        delay_ms = NOTICE_RETRY_MAX_MS;
    return delay_ms - (int64_t)rng_below(&a->rng, (uint64_t)delay_ms / 4);
}

static void give_up(struct aurora *a, struct notice_line *line, int64_t now_ms)
{
    a->notices.given_up++;
    (void)event_log_notice(&a->events, line->first, now_ms);
    first_gone(a, line);
}

void aurora_notified(struct aurora *a, uint64_t ticket)
{
    struct notice_line *line = line_under_way(a, ticket);

    if (!line)
        return; /* asked in another life */
    come_back(a, line);
    a->notices.delivered++;
    line->failures = 0;
    first_gone(a, line);
    next_of_line(a, line);
}

void aurora_not_notified(struct aurora *a, uint64_t ticket, const char *why,
                         bool is_final, int64_t now_ms)
{
    struct notice_line *line = line_under_way(a, ticket);

    if (!line)
        return;
    struct notice *notice = line->first;
    come_back(a, line);
    a->notices.failed++;
    line->failures++;
    notice->tries++;
    free(notice->why);
    notice->why = xstrndup(why, NOTICE_WHY_MAX);
    mark_notice(a, notice);
    if (is_final || now_ms - notice->facts.at_ms >= a->notices.give_up_ms)
        give_up(a, line, now_ms);
    if (line->count == 0)
        line_free(&a->notices, line);
    else if (is_final)
        queue_add(&a->notices, line);
    else
        wait(a, line, retry_ms(a, line->failures), now_ms);
}

void aurora_notify_busy(struct aurora *a, uint64_t ticket, int64_t now_ms)
{
    struct notice_line *line = line_under_way(a, ticket);

    if (!line)
        return;
    come_back(a, line);
    wait(a, line, NOTICE_BUSY_MS, now_ms);
}

void aurora_notice_parts(struct aurora *a, uint64_t ticket,
                         const struct notice_part *part, uint32_t count)
{
    struct notice_line *line = line_under_way(a, ticket);

    assert(count <= NOTICE_PARTS_MAX);
    for (uint32_t i = 0; line && i < count; i++) {
        struct notice *notice = line->first;
        struct blob *delivery = blob_new(part[i].delivery);
        add(a, notice->config, notice->rule, &notice->facts, part[i].receiver,
            delivery);
        blob_unref(delivery);
    }
    aurora_notified(a, ticket);
}

void notices_timer(struct aurora *a, uint64_t number)
{
    struct notice_line *line;

    HASH_FIND(hh_number, a->notices.by_number, &number, sizeof number, line);
    if (line && line->ticket == 0)
        queue_add(&a->notices, line);
}

/* --- another life --- */

static bool facts_are_sound(const struct notice_facts *facts)
{
    return (unsigned)facts->what - 1 < NOTIFY_WHAT_COUNT - 1 &&
           (unsigned)facts->state < TASK_STATE_COUNT &&
           (unsigned)facts->before < TASK_STATE_COUNT &&
           (unsigned)facts->firing < FIRING_STATE_COUNT &&
           (unsigned)facts->update < UPDATE_STATE_COUNT;
}

int aurora_restore_notice(struct aurora *a, const struct notice *record,
                          const char *config_id, const char *receiver,
                          struct err *err)
{
    struct job_config *config = aurora_config(a, config_id);
    char id[NOTICE_ID_MAX];

    if (!config || record->rule >= config->notify_count ||
        !facts_are_sound(&record->facts))
        return err_set(err, ERR_DAMAGED,
                       "notice '%s' contradicts other records",
                       notice_id(record, id));
    struct notice *notice = xcalloc(1, sizeof *notice);
    *notice = *record;
    notice->config = config;
    share_facts(&notice->facts);
    (void)blob_ref(notice->delivery);
    notice->why = record->why ? xstrdup(record->why) : NULL;
    restored_use(a, config);
    if (!receiver)
        receiver = config->notify[notice->rule].target;
    line_add(
        &a->notices,
        line_of_take(&a->notices, line_name(config, notice->rule, receiver)),
        notice);
    return 0;
}

void notices_restored(struct aurora *a, uint64_t ceiling)
{
    struct notices *n = &a->notices;

    n->life = ceiling;
    for (struct notice_line *l = n->by_number; l; l = l->hh_number.next)
        queue_add(n, l);
}

void notices_release(struct aurora *a)
{
    struct notices *n = &a->notices;

    while (n->by_name) {
        struct notice_line *line = n->by_name;
        line->ticket = 0;
        while (line->first)
            first_gone(a, line);
        line_free(n, line);
    }
}

void notices_check(const struct aurora *a)
{
    const struct notices *n = &a->notices;
    uint32_t count = 0, under_way = 0, queued = 0;

    for (const struct notice_line *l = n->by_name; l; l = l->hh.next) {
        uint32_t of_line = 0;
        for (const struct notice *x = l->first; x; x = x->next) {
            assert(x->line == l && x->config->users > 0);
            assert(x->next || x == l->last);
            of_line++;
        }
        assert(of_line > 0 && of_line == l->count);
        assert(!(l->is_queued && l->ticket));
        count += of_line;
        under_way += l->ticket != 0;
        queued += l->is_queued;
    }
    for (const struct notice_line *l = n->queue_first; l; l = l->behind)
        queued--;
    assert(count == n->count && under_way == n->under_way && queued == 0);
    assert(under_way <= NOTICES_UNDER_WAY_MAX && count <= NOTICES_MAX);
}
