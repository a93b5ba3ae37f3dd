/* Hosts in the order of a job's own `rank`, for one attempt at placing: the
 * highest rank first, then the least cost, then host order. Every host that
 * changed is judged once; one that a task was placed on is judged again. */
#pragma once
#include "aurora/core/hosts.h"
#include "aurora/core/limits.h"
#include <stdint.h>

struct ranked {
    int64_t rank, cost;
    struct host *host;
};

struct ranking {
    struct hosts *hosts;
    struct job_config *config;
    struct limit_counts *counts;
    struct {
        struct ranked *item;
        uint32_t count, capacity;
    } heap;             /* best first */
    struct host *taken; /* by the last task; not in the heap */
};

void ranking_open(struct ranking *ranking, struct hosts *hosts,
                  struct job_config *config, struct limit_counts *counts,
                  uint64_t since);
/* NULL: no host may have one more task. */
struct host *ranking_next(struct ranking *ranking);
void ranking_close(struct ranking *ranking);
