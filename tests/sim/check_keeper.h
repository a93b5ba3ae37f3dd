/* Drains under faults: what was acknowledged is in force, no drain takes what a
 * policy protects before its time is up, and one that may go on does. That
 * nothing of ours lives on a drained host, as far as the scheduler knows, is
 * its own check. */
#pragma once
#include <stdint.h>

struct cluster;

/* After a step of the scheduler. */
void check_keeper(struct cluster *c);
void final_keeper(struct cluster *c);

/* What it remembers between steps. */
struct keeper_look {
    uint64_t life, drained;
    int64_t clock_off_ms, calm_since_ms; /* 0: nothing drains */
};
