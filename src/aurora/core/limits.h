/* How many active tasks of one job stand on hosts, by the value of each
 * attribute that a constraint of the job counts by. Kept with the job and
 * changed with every task that is placed or ends; counted anew when hosts were
 * renamed, or when a constraint counts by another attribute. */
#pragma once
#include "aurora/core/hosts.h"
#include "aurora/core/job_config.h"
#include <stdbool.h>
#include <stdint.h>

struct job;

/* Tasks per value: an open table, its size a power of two. */
struct tally {
    struct tally_entry {
        uint64_t value; /* the number of a text; 0: empty */
        uint32_t tasks;
    } * entry; /* owned */
    uint32_t count, capacity;
};
uint32_t tally_of(const struct tally *tally, uint64_t value);
void tally_add(struct tally *tally, uint64_t value);
void tally_remove(struct tally *tally, uint64_t value);
void tally_release(struct tally *tally);

struct limit_count {
    char *attribute; /* owned */
    bool is_host;    /* the attribute is "host" */
    uint64_t name;   /* of the attribute; 0: no host has it */
    struct tally tally;
    /* What GROUP_BY and CLUSTER want to know, found when first wanted. */
    bool is_known;
    uint32_t fewest;
    uint64_t fullest;
};

struct limit_counts { /* zero-initialised counts nothing */
    struct limit_count *item;
    uint32_t count, capacity;
    uint64_t renamed; /* of hosts, when it was counted */
    /* Found sound for this config while there were these names. */
    char sound_for[CONFIG_ID_MAX]; /* its id */
    uint64_t sound_at;
};

/* Count by what the config's constraints count by; `job` may be NULL: it has no
 * tasks yet. */
void limit_counts_prepare(struct limit_counts *counts, const struct job *job,
                          const struct job_config *config,
                          const struct hosts *hosts);
/* A task came to the host, or left it. */
void limit_counts_add(struct limit_counts *counts, const struct hosts *hosts,
                      const struct host *host);
void limit_counts_remove(struct limit_counts *counts, const struct hosts *hosts,
                         const struct host *host);
void limit_counts_release(struct limit_counts *counts);
/* Does this constraint, which counts, allow one more task on the host? */
bool limit_allows(struct limit_counts *counts, const struct constraint *c,
                  const struct host *host);
/* Is it what counting the job's tasks would give? */
void limit_counts_check(const struct limit_counts *counts,
                        const struct job *job, const struct hosts *hosts);
