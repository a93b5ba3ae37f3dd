#include "aurora/core/surge.h"

static uint64_t share(uint32_t milli)
{
    return milli < 1000 ? milli : 1000;
}

struct surge_limits surge_limits_of(uint32_t instances,
                                    uint32_t minimum_health_milli,
                                    uint32_t maximum_over_milli)
{
    uint64_t least = instances * share(minimum_health_milli);
    uint64_t most = instances * (1000 + share(maximum_over_milli));
    struct surge_limits limits = {(uint32_t)((least + 999) / 1000),
                                  (uint32_t)(most / 1000)};

    if (limits.healthy_min == limits.tasks_max)
        limits.tasks_max++;
    return limits;
}

uint32_t surge_may_start(const struct surge_limits *limits,
                         const struct surge_facts *facts)
{
    return facts->tasks < limits->tasks_max ? limits->tasks_max - facts->tasks
                                            : 0;
}

uint32_t surge_may_stop(const struct surge_limits *limits,
                        const struct surge_facts *facts)
{
    if (facts->on_way > 0 || facts->healthy <= limits->healthy_min)
        return 0;
    return facts->healthy - limits->healthy_min;
}
