/* How preemption (preempt.h) is set: what an operator may change of it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { SLOTS_PER_GROUP_MAX = 100 };

struct preempt_rules {
    bool is_on;
    int64_t delay_ms;    /* PENDING that long may push */
    int64_t first_ms;    /* from the start to the first search */
    int64_t interval_ms; /* between passes */
    int64_t hold_ms;     /* a slot is kept */
    uint32_t batch;      /* slots of one group in one pass */
};
