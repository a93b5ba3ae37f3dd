#include "aurora/core/cron_rule.h"
#include "base/alloc.h"
#include "base/vec.h"

#include <stdlib.h>

struct cron_rule *cron_rule_new(void)
{
    struct cron_rule *rule = xcalloc(1, sizeof *rule);

    rule->epsilon_ms = -1;
    return rule;
}

void cron_rule_free(struct cron_rule *rule)
{
    if (!rule)
        return;
    for (uint32_t i = 0; i < rule->parent_count; i++)
        free(rule->parent[i]);
    free(rule->parent);
    free(rule);
}

void cron_rule_add_parent(struct cron_rule *rule, const char *key)
{
    rule->parent = xreallocarray(rule->parent, rule->parent_count + 1,
                                 sizeof *rule->parent);
    rule->parent[rule->parent_count++] = xstrdup(key);
}

/* --- due times --- */

struct question {
    const struct cron_rule *rule;
    int64_t made, now; /* seconds */
};

static bool next_due(const struct question *q, int64_t after,
                     struct cron_run *out)
{
    return cron_next(&q->rule->schedule, q->rule->zone, q->made, after, out) &&
           out->at <= q->now;
}

/* -1: for ever */
static int64_t patience_ms(const struct cron_rule *rule)
{
    if (rule->epsilon_ms >= 0)
        return rule->epsilon_ms;
    return rule->catch_up == CATCH_UP_NONE ? CRON_PATIENCE_MS : -1;
}

/* The newest due time after `after`: whether there is one behind an instant
 * can only change once, from yes to no, so halving finds it. */
static bool newest_due(const struct question *q, int64_t after,
                       struct cron_run *out)
{
    int64_t low = after, high = q->now;
    struct cron_run run;

    if (!next_due(q, low, out))
        return false;
    while (low < high) {
        int64_t middle = low + (high - low + 1) / 2;
        if (next_due(q, middle, &run)) {
            *out = run;
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return true;
}

/* Where patience begins: times up to there are too late. */
static int64_t too_late(const struct cron_rule *rule, int64_t decided,
                        int64_t now_ms)
{
    int64_t patience = patience_ms(rule);
    /* A time of second s is within reach while now <= s + patience. */
    int64_t edge =
        patience < 0 ? decided : (now_ms - patience + 999) / 1000 - 1;

    return edge > decided ? edge : decided;
}

/* From the newest back, then turned round. */
static void start_all(const struct question *q, int64_t after,
                      struct cron_due *out)
{
    struct question left = *q;
    struct cron_run run;

    while (out->start.count < CATCH_UP_MAX && newest_due(&left, after, &run)) {
        *vec_add(&out->start) = run;
        left.now = run.at - 1;
    }
    for (uint32_t i = 0, j = out->start.count; i + 1 < j; i++) {
        run = out->start.item[i];
        out->start.item[i] = out->start.item[--j];
        out->start.item[j] = run;
    }
}

/* What is due and does not start; the starts are known. */
static void note_missed(const struct question *q, int64_t decided,
                        struct cron_due *out)
{
    struct question missed = *q;

    if (out->start.count > 0)
        missed.now = out->start.item[0].at - 1;
    if (next_due(&missed, decided, &out->first_missed))
        (void)newest_due(&missed, decided, &out->last_missed);
    else
        out->first_missed = (struct cron_run){0};
}

void cron_due(const struct cron_rule *rule, int64_t made, int64_t decided,
              int64_t now_ms, struct cron_due *out)
{
    struct question q = {rule, made, now_ms / 1000};
    int64_t after = too_late(rule, decided, now_ms);
    struct cron_run run;

    *out = (struct cron_due){0};
    if (!rule->zone)
        return;
    if (rule->catch_up == CATCH_UP_ALL)
        start_all(&q, after, out);
    else if (newest_due(&q, after, &run))
        *vec_add(&out->start) = run;
    note_missed(&q, decided, out);
}

void cron_due_one(const struct cron_rule *rule, const struct cron_run *due,
                  int64_t now_ms, struct cron_due *out)
{
    *out = (struct cron_due){0};
    if (due->at > too_late(rule, due->at - 1, now_ms))
        *vec_add(&out->start) = *due;
    else
        out->first_missed = out->last_missed = *due;
}

void cron_due_release(struct cron_due *due)
{
    vec_free(&due->start);
}
