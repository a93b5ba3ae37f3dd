#include "executor/thermos/core/teardown.h"

#include <assert.h>

void teardown_init(struct teardown *t, const struct teardown_rule *rule)
{
    *t = (struct teardown){
        .rule = *rule, .next_ms = INT64_MAX, .until_ms = INT64_MAX};
}

static bool has_step(const struct teardown *t, enum teardown_step step)
{
    if (step == TEARDOWN_DONE)
        return true;
    return step == TEARDOWN_LEAVING ? t->rule.is_announced
                                    : t->rule.has_endpoints;
}

static int64_t length_ms(const struct teardown *t)
{
    switch (t->step) {
    case TEARDOWN_LEAVING:
        return TEARDOWN_LEAVE_MS;
    case TEARDOWN_QUITTING:
    case TEARDOWN_ABORTING:
        return TEARDOWN_POST_MS;
    case TEARDOWN_QUIT:
        return t->rule.quit_wait_ms;
    case TEARDOWN_ABORTED:
        return t->rule.abort_wait_ms;
    default:
        return INT64_MAX;
    }
}

static void enter(struct teardown *t, enum teardown_step step, int64_t now_ms)
{
    while (!has_step(t, step) || now_ms >= t->until_ms) {
        if (step == TEARDOWN_DONE)
            break;
        step++;
    }
    t->step = step;
    int64_t length = length_ms(t);
    t->next_ms = length == INT64_MAX ? INT64_MAX : now_ms + length;
    if (step != TEARDOWN_DONE && t->next_ms > t->until_ms)
        t->next_ms = t->until_ms;
}

void teardown_begin(struct teardown *t, bool is_up, int64_t now_ms,
                    int64_t until_ms)
{
    assert(t->step == TEARDOWN_IDLE);
    t->until_ms = until_ms;
    t->rule.has_endpoints = t->rule.has_endpoints && is_up;
    enter(t, TEARDOWN_LEAVING, now_ms);
}

void teardown_hurry(struct teardown *t, int64_t until_ms)
{
    if (until_ms >= t->until_ms)
        return;
    t->until_ms = until_ms;
    if (t->next_ms > until_ms && t->next_ms != INT64_MAX)
        t->next_ms = until_ms;
}

void teardown_answer(struct teardown *t, enum teardown_step step, bool is_good,
                     int64_t now_ms)
{
    if (t->step != step)
        return; /* too late */
    if (step == TEARDOWN_LEAVING || is_good)
        enter(t, step + 1, now_ms);
    else
        enter(t, step + 2, now_ms);
}

bool teardown_time(struct teardown *t, int64_t now_ms)
{
    if (now_ms < t->next_ms)
        return false;
    /* A POST that nobody answered in time is like one that was refused. */
    bool is_post = t->step == TEARDOWN_QUITTING || t->step == TEARDOWN_ABORTING;
    enter(t, t->step + (is_post ? 2 : 1), now_ms);
    return true;
}

void teardown_check(const struct teardown *t)
{
    assert((t->next_ms == INT64_MAX) ==
           (t->step == TEARDOWN_IDLE || t->step == TEARDOWN_DONE));
    assert(t->next_ms == INT64_MAX || t->next_ms <= t->until_ms);
}
