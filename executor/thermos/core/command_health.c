#include "executor/thermos/core/command_health.h"

#include <assert.h>

static int64_t at_least(int64_t value, int64_t least)
{
    return value > least ? value : least;
}

void command_health_init(struct command_health *h,
                         const struct command_health_rule *rule)
{
    *h = (struct command_health){.rule = *rule, .next_ms = INT64_MAX};
    h->rule.delay_ms = at_least(rule->delay_ms, 0);
    h->rule.interval_ms =
        at_least(rule->interval_ms, COMMAND_HEALTH_INTERVAL_MIN_MS);
    h->rule.grace_ms = at_least(rule->grace_ms, 0);
    if (h->rule.failures_max == 0)
        h->rule.failures_max = 1;
}

void command_health_begin(struct command_health *h, int64_t now_ms)
{
    assert(h->attempts == 0 && !h->is_checking);
    h->began_ms = now_ms;
    h->next_ms = now_ms + h->rule.delay_ms;
}

bool command_health_take(struct command_health *h, int64_t now_ms)
{
    if (h->is_checking || now_ms < h->next_ms)
        return false;
    h->is_checking = true;
    h->next_ms = INT64_MAX;
    return true;
}

static enum command_health_news good(struct command_health *h)
{
    bool is_news = !h->was_good || h->failures > 0;
    h->was_good = true;
    h->failures = 0;
    return is_news ? COMMAND_HEALTH_GOOD : COMMAND_HEALTH_NO_NEWS;
}

static enum command_health_news bad(struct command_health *h, int64_t now_ms)
{
    if (!h->was_good && h->rule.grace_ms > 0 &&
        now_ms - h->began_ms <= h->rule.grace_ms)
        return COMMAND_HEALTH_NO_NEWS;
    h->failures++;
    return h->failures >= h->rule.failures_max ? COMMAND_HEALTH_HOPELESS
                                               : COMMAND_HEALTH_BAD;
}

enum command_health_news command_health_result(struct command_health *h,
                                               bool is_good, int64_t now_ms)
{
    enum command_health_news news;
    if (!h->is_checking)
        return COMMAND_HEALTH_NO_NEWS;
    h->is_checking = false;
    h->attempts++;
    news = is_good ? good(h) : bad(h, now_ms);
    if (news != COMMAND_HEALTH_HOPELESS)
        h->next_ms = now_ms + h->rule.interval_ms;
    return news;
}

void command_health_stop(struct command_health *h)
{
    h->is_checking = false;
    h->next_ms = INT64_MAX;
}

void command_health_check(const struct command_health *h)
{
    assert(!h->is_checking || h->next_ms == INT64_MAX);
    assert(h->failures <= h->rule.failures_max);
    assert(h->failures <= h->attempts);
    assert(!h->was_good || h->attempts > 0);
}
