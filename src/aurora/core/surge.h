/* How far a surge may go: new instances come before old ones go, within two
 * bounds that are Marathon's, to the unit. Pure arithmetic.
 *
 *   healthy_min   instances x minimum_health_capacity, rounded up
 *   tasks_max     instances x (1 + maximum_over_capacity), rounded down; one
 *                 more when both are equal, or nothing could ever move
 *
 * The capacities are thousandths; what is above 1000 counts as 1000. */
#pragma once
#include <stdint.h>

struct surge_limits {
    uint32_t healthy_min; /* no old one is ended first below this */
    uint32_t tasks_max;   /* no new one is started above this */
};

struct surge_limits surge_limits_of(uint32_t instances,
                                    uint32_t minimum_health_milli,
                                    uint32_t maximum_over_milli);

/* What there is of the job now. */
struct surge_facts {
    uint32_t tasks;   /* old and new, also those that are being killed */
    uint32_t healthy; /* RUNNING; new ones for as long as they are watched */
    uint32_t on_way;  /* new ones on a host that are not healthy yet */
};

/* How many new ones may be started now. */
uint32_t surge_may_start(const struct surge_limits *limits,
                         const struct surge_facts *facts);
/* How many healthy old ones may be ended now before their successors run. None
 * while others are on their way: a round ends before the next one begins. */
uint32_t surge_may_stop(const struct surge_limits *limits,
                        const struct surge_facts *facts);
