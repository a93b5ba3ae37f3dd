/* What jobs got in the last minute, computed once a minute from the histories
 * of their tasks, a slice at a time, so that the loop is never held up:
 *
 *   platform uptime   the share of time in which instances that should run did.
 *                     Down they are after LOST, DRAINING or PREEMPTING, until
 *                     they run again; what users and programs end does not
 *                     count. PARTITIONED ones are taken to run.
 *   job uptime        for how long 50, 75, 90, 95 and 99 % of them were up
 *   medians           from PENDING to ASSIGNED, STARTING and RUNNING, of tasks
 *                     that came there in the minute: by job, for the cluster,
 *                     and by size of the task
 *
 * Only jobs that a policy may protect count (of production, unless the
 * scheduler protects all). The figures of a pass stand until the next one is
 * done; nothing is stored. */
#pragma once
#include "aurora/core/job_config.h"
#include "base/bytes.h"
#include "base/job_key.h"
#include "base/vec.h"
#include <stdbool.h>
#include <stdint.h>

struct aurora;
struct blob;

enum {
    SLA_STATS_MS = 60 * 1000,
    SLA_STATS_STEPS = 20000,   /* events looked at in one turn */
    SLA_STATS_JOBS_MAX = 1000, /* with figures of their own */
    SLA_ANCESTORS_MAX = 8,     /* of a task, looked at for its last minute */
    SLA_PERCENTILES = 5
};
extern const uint32_t SLA_PERCENTILE_MILLI[SLA_PERCENTILES];

enum sla_wait { SLA_ASSIGNED, SLA_STARTING, SLA_RUNNING, SLA_WAITS };

/* Of the cluster as a whole, and of tasks by size. */
enum sla_group {
    SLA_CLUSTER,
    SLA_CPU, /* five sizes from here on */
    SLA_RAM = SLA_CPU + 5,
    SLA_DISK = SLA_RAM + 5,
    SLA_GROUPS = SLA_DISK + 5
};
/* "cluster", "cpu_small", ... "disk_xxlarge". */
const char *sla_group_name(enum sla_group group);

struct sla_job_stats {
    struct blob *key_text; /* owned reference */
    uint32_t uptime_milli; /* thousandths of a per cent */
    int64_t job_uptime_ms[SLA_PERCENTILES];
    int64_t median_ms[SLA_WAITS];
};

struct sla_waited { /* ms */
    int64_t *item;
    uint32_t count, capacity;
};

/* The result of one pass. */
struct sla_figures {
    struct {
        struct sla_job_stats *item;
        uint32_t count, capacity;
    } jobs;
    int64_t up_ms, down_ms;
    int64_t median_ms[SLA_GROUPS][SLA_WAITS];
};

struct sla_stats {
    struct sla_figures done, next;                  /* owned */
    struct sla_waited times[SLA_GROUPS][SLA_WAITS]; /* of the pass under way */
    int64_t from_ms, to_ms;
    bool is_under_way;
    bool is_counted;   /* all jobs were looked at: medians are left */
    struct job_key at; /* the job that is next */
    uint32_t sorted;   /* of the medians */
    uint64_t passes;   /* done so far */
};

/* The first pass begins a minute from now. */
void sla_stats_begin(struct aurora *a, int64_t now_ms);
void sla_stats_timer(struct aurora *a, int64_t now_ms);
void sla_stats_release(struct aurora *a);
