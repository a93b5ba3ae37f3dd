/* Who may push whom aside (the table of preempt.h), and which of several
 * victims it takes. Pure: no hosts, no tasks. */
#pragma once
#include "aurora/core/job_config.h"
#include <stdbool.h>
#include <stdint.h>

/* `pending` and `victim` are configs of different jobs. */
bool preempt_allows(const struct job_config *pending,
                    const struct job_config *victim);

/* What a victim has to give; the order breaks ties. */
struct preempt_gift {
    struct amounts amounts;
    uint32_t ports;
    int32_t priority;
    uint64_t age; /* higher is younger */
    bool is_taken;
};

/* What is lacking before anybody has gone: negative or 0 is no lack. */
struct preempt_lack {
    struct amounts amounts;
    int64_t ports;
};

/* Take gifts until nothing lacks: each time what covers most of the lack, of
 * equal ones the smallest, the lowest priority, the youngest; then give back
 * what is not needed. The number taken; 0: all together are not enough. */
uint32_t preempt_choose(const struct preempt_lack *lack,
                        struct preempt_gift *gift, uint32_t count);
