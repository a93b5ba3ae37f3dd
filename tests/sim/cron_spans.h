/* Of each cron job, which schedule was in force when, and whether every time of
 * it has its record. A **span** is a time in which a job had one schedule and
 * was not paused, or was paused; a change ends it. A scheduler that died may
 * have forgotten the newest change, which nobody was told of: then the span
 * before it goes on. */
#pragma once
#include "tests/sim/crons.h"

enum { CRON_SPANS_MAX = 12 };

struct cron_span {
    uint32_t plan;
    bool is_paused;
    int64_t anchor;     /* of a plan that has none of its own */
    int64_t begin, end; /* seconds: times in (begin, end] are its own */
    int64_t checked;    /* up to here each has its record */
};

struct cron_spans {
    struct cron_span span[CRON_SPANS_MAX];
    uint32_t count;
    uint64_t life; /* of the scheduler */
};

/* The scheduler when it was last looked at. */
struct cron_seen {
    uint64_t life, events;
    int64_t now;
    bool is_done;
};

struct cluster;
/* After a step of the scheduler. */
void cron_spans_check(struct cluster *c);
