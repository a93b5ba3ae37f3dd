/* Figures about how long instances are up: of one job, and of what would be
 * left of jobs without a host. An instance is up for as long as its task has
 * been RUNNING; every active instance counts, those that wait are up for no
 * time. Pure looks at tasks; nothing is remembered. */
#pragma once
#include "base/table.h"
#include <stdbool.h>
#include <stdint.h>

struct host;
struct job;

/* In ms, of each active instance, the shortest first; free with vec_free. */
struct sla_uptimes {
    int64_t *item;
    uint32_t count, capacity;
};
/* `without`: tasks on this host are left out; NULL: all count. */
void sla_uptimes_of(const struct job *job, const struct host *const *without,
                    uint32_t without_count, int64_t now_ms,
                    struct sla_uptimes *out);
/* How many are up for that long, or longer. */
uint32_t sla_up_for(const struct sla_uptimes *uptimes, int64_t duration_ms);
/* That share (in thousandths of a per cent, below SLA_WHOLE) of the instances
 * is up for so long, or longer. */
int64_t sla_uptime_at(const struct sla_uptimes *uptimes,
                      uint32_t percentile_milli);
/* `part` of `whole` in thousandths of a per cent; of nothing all is up. */
uint32_t sla_percentage(uint32_t part, uint32_t whole);

/* One job on a host. */
struct sla_probe {
    const struct job *job;
    uint32_t active; /* instances */
    uint32_t here;   /* of them, on the hosts */
    uint32_t up;     /* of the others, for the duration */
};
struct sla_probes { /* by job key; free with vec_free */
    struct sla_probe *item;
    uint32_t count, capacity;
};
/* What would be left of each job that has tasks there, if the hosts went. */
void sla_probe_hosts(const struct host *const *host, uint32_t count,
                     int64_t duration_ms, int64_t now_ms,
                     struct sla_probes *out);
/* In how many ms `wanted` of its instances elsewhere will be up for the
 * duration, if none of them ends; -1: there are too few. */
int64_t sla_safe_in_ms(const struct sla_probe *probe,
                       const struct host *const *host, uint32_t count,
                       uint32_t wanted_milli, int64_t duration_ms,
                       int64_t now_ms);
