#include "executor/thermos/core/health.h"

#include <assert.h>

static int64_t at_most(int64_t value, int64_t most)
{
    return value < most ? value : most;
}

static int64_t at_least(int64_t value, int64_t least)
{
    return value > least ? value : least;
}

void health_init(struct health *h, const struct health_rule *rule)
{
    *h = (struct health){.rule = *rule, .next_ms = INT64_MAX};
    h->rule.interval_ms = at_least(rule->interval_ms, HEALTH_INTERVAL_MIN_MS);
    h->rule.initial_ms = at_least(rule->initial_ms, 0);
    h->rule.failures_max =
        (uint32_t)at_most(rule->failures_max, HEALTH_COUNT_MAX);
    h->rule.successes_min =
        (uint32_t)at_most(rule->successes_min, HEALTH_COUNT_MAX);
    h->grace = at_most(h->rule.initial_ms / h->rule.interval_ms +
                           (h->rule.initial_ms % h->rule.interval_ms != 0),
                       HEALTH_COUNT_MAX);
    h->attempts_max = h->grace + h->rule.failures_max + h->rule.successes_min;
}

void health_begin(struct health *h, int64_t now_ms)
{
    assert(h->attempts == 0 && !h->is_checking);
    h->next_ms = now_ms;
    if (h->rule.successes_min == 0)
        h->state = HEALTH_RUNNING;
}

bool health_take(struct health *h, int64_t now_ms)
{
    if (h->is_checking || now_ms < h->next_ms)
        return false;
    h->is_checking = true;
    h->next_ms = INT64_MAX;
    return true;
}

/* A forgiven failure breaks a row of successes, and that is all it does. */
static void count(struct health *h, bool is_good)
{
    if (is_good) {
        h->successes++;
        h->failures = 0;
        return;
    }
    h->successes = 0;
    if (h->attempts > h->grace)
        h->failures++;
}

static bool is_out_of_reach(const struct health *h)
{
    return h->rule.successes_min - h->successes > h->attempts_max - h->attempts;
}

void health_result(struct health *h, bool is_good, int64_t now_ms)
{
    if (!h->is_checking || h->state == HEALTH_FAILED)
        return;
    h->is_checking = false;
    h->attempts++;
    count(h, is_good);
    if (h->failures > h->rule.failures_max)
        h->state = HEALTH_FAILED;
    else if (h->state == HEALTH_STARTING &&
             h->successes >= h->rule.successes_min)
        h->state = HEALTH_RUNNING;
    else if (h->state == HEALTH_STARTING && is_out_of_reach(h))
        h->state = HEALTH_FAILED;
    if (h->state != HEALTH_FAILED)
        h->next_ms = now_ms + h->rule.interval_ms;
}

void health_stop(struct health *h)
{
    h->is_checking = false;
    h->next_ms = INT64_MAX;
}

void health_check(const struct health *h)
{
    assert(h->failures == 0 || h->successes == 0);
    assert(h->failures <= (int64_t)h->rule.failures_max + 1);
    assert(!h->is_checking || h->next_ms == INT64_MAX);
    assert(h->state != HEALTH_FAILED || h->next_ms == INT64_MAX);
    assert(h->state != HEALTH_STARTING || h->attempts <= h->attempts_max);
}
