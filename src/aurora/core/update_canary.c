/* A first batch of an update that is judged by how it fares: whether it came
 * up, stayed healthy for a set time, and how often it failed. */
#include "aurora/core/updating.h"

#include <stdio.h>

uint32_t canary_size(const struct update *u)
{
    struct update_settings settings = update_settings_of(u);
    uint32_t wanted = u->slot_count - u->kills;

    return settings.canary_count < wanted ? settings.canary_count : wanted;
}

bool canary_is_on(const struct update *u)
{
    return !u->is_judged && !update_is_back(u->state) && canary_size(u) > 0;
}

static uint32_t begun(const struct update *u)
{
    return u->slot_count - u->count[SLOT_WAITING];
}

uint32_t canary_room(const struct update *u)
{
    uint32_t size = canary_size(u);

    if (!canary_is_on(u))
        return UINT32_MAX;
    return begun(u) < size ? size - begun(u) : 0;
}

uint32_t canary_failures_max(const struct update *u)
{
    struct update_settings settings = update_settings_of(u);

    if (canary_is_on(u))
        return settings.canary_failures_max;
    return u->borne > settings.failures_max ? u->borne : settings.failures_max;
}

void canary_judge(struct aurora *a, struct update *u, int64_t now_ms)
{
    uint32_t size = canary_size(u), failed = u->count[SLOT_FAILED];
    char message[128];

    if (!canary_is_on(u) || begun(u) < size || u->count[SLOT_WORKING] > 0)
        return;
    snprintf(message, sizeof message,
             "the canary is good: %u of %u instances ran for %lld s, "
             "%u failed: going on",
             size - failed, size, (long long)(updating_watch_ms(u) / 1000),
             failed);
    u->is_judged = true;
    u->borne = failed;
    updating_tell(a, u, message, now_ms);
}
