/* Placing without an index: every host is looked at, by vector instructions
 * (AVX2 where the machine has it). Twice: quickly, in single precision, as the
 * yardstick; and exactly, as the oracle: quotients of these numbers are never
 * rounded up to a whole one in double precision. Both pack; the yardstick by
 * the score, the oracle by that and by the placer's whole order as well, in
 * which stranded hosts come last. */
#pragma once
#include "aurora/core/placer.h"
#include "bench/kit.h"

#include <stdlib.h>
#include <string.h>

typedef float scan_f8 __attribute__((vector_size(32)));
typedef int32_t scan_i8 __attribute__((vector_size(32)));
typedef double scan_d4 __attribute__((vector_size(32)));
typedef int64_t scan_l4 __attribute__((vector_size(32)));

enum scan_column {
    CPUS,
    MEM,
    DISK,
    GPUS,
    PORTS,
    CPUS_TOTAL,
    MEM_TOTAL,
    COLUMNS
};
enum { SCAN_NONE = 1 << 20 };

struct scan_cost {
    int32_t score, whole; /* by the score alone, and with the last ones last */
};

struct scan {
    uint32_t count; /* a multiple of 8; what is too much has nothing free */
    float *quick[COLUMNS];  /* totals: 1024 divided by them */
    double *exact[COLUMNS]; /* owned, all */
};

static inline void *scan_new_column(uint32_t count, size_t size)
{
    void *column = aligned_alloc(64, (count * size + 63) / 64 * 64);

    if (!column)
        bench_fail("no memory");
    return memset(column, 0, count * size);
}

static inline void scan_load(struct scan *s, uint32_t i, const struct host *h)
{
    const int64_t value[COLUMNS] = {h->free.cpus, h->free.mem,   h->free.disk,
                                    h->free.gpus, h->ports_open, h->total.cpus,
                                    h->total.mem};

    for (int c = 0; c < COLUMNS; c++) {
        s->exact[c][i] = (double)value[c];
        s->quick[c][i] =
            c < CPUS_TOTAL ? (float)value[c] : 1024.0F / (float)value[c];
    }
}

static inline void scan_open(struct scan *s, struct host **host, uint32_t count)
{
    s->count = (count + 7) / 8 * 8;
    for (int c = 0; c < COLUMNS; c++) {
        s->quick[c] = scan_new_column(s->count, sizeof(float));
        s->exact[c] = scan_new_column(s->count, sizeof(double));
    }
    for (uint32_t i = count; i < s->count; i++)
        s->exact[CPUS_TOTAL][i] = s->exact[MEM_TOTAL][i] = 1;
    for (uint32_t i = 0; i < count; i++)
        scan_load(s, i, host[i]);
}

static inline void scan_close(struct scan *s)
{
    for (int c = 0; c < COLUMNS; c++) {
        free(s->quick[c]);
        free(s->exact[c]);
    }
    *s = (struct scan){0};
}

/* The least costs; SCAN_NONE: nothing fits. */
static inline __attribute__((always_inline)) struct scan_cost scan_exactly(
    const struct scan *s, const struct job_config *config)
{
    const struct amounts *n = &config->need;
    int32_t least[4] = {SCAN_NONE, SCAN_NONE, SCAN_NONE, SCAN_NONE};
    int32_t plain[4] = {SCAN_NONE, SCAN_NONE, SCAN_NONE, SCAN_NONE};

    for (uint32_t i = 0; i < s->count; i += 4) {
        scan_d4 cpus, mem, disk, gpus, ports, cpus_total, mem_total;
        memcpy(&cpus, &s->exact[CPUS][i], sizeof cpus);
        memcpy(&mem, &s->exact[MEM][i], sizeof mem);
        memcpy(&disk, &s->exact[DISK][i], sizeof disk);
        memcpy(&gpus, &s->exact[GPUS][i], sizeof gpus);
        memcpy(&ports, &s->exact[PORTS][i], sizeof ports);
        memcpy(&cpus_total, &s->exact[CPUS_TOTAL][i], sizeof cpus);
        memcpy(&mem_total, &s->exact[MEM_TOTAL][i], sizeof cpus);
        scan_l4 fits = (cpus >= (double)n->cpus) & (mem >= (double)n->mem) &
                       (disk >= (double)n->disk) & (gpus >= (double)n->gpus) &
                       (ports >= (double)config->port_count);
        scan_d4 c = (cpus - (double)n->cpus) * 1024.0 / cpus_total;
        scan_d4 m = (mem - (double)n->mem) * 1024.0 / mem_total;
        for (int k = 0; k < 4; k++) {
            int32_t x = (int32_t)c[k], y = (int32_t)m[k];
            int32_t most = x > y ? x : y, apart = x > y ? x - y : y - x;
            int32_t left = most - apart, cost = apart + most;
            cost = fits[k] ? cost : SCAN_NONE;
            plain[k] = cost < plain[k] ? cost : plain[k];
            if (left < STRANDED_LESS && most > STRANDED_MORE)
                cost += INDEX_STRANDED;
            least[k] = cost < least[k] ? cost : least[k];
        }
    }
    for (int k = 1; k < 4; k++) {
        least[0] = least[k] < least[0] ? least[k] : least[0];
        plain[0] = plain[k] < plain[0] ? plain[k] : plain[0];
    }
    return (struct scan_cost){plain[0], least[0]};
}

/* The place of the best host; 0 when nothing fits. */
static inline __attribute__((always_inline)) uint32_t scan_quickly(
    const struct scan *s, const struct job_config *config)
{
    const struct amounts *n = &config->need;
    scan_f8 best = (scan_f8){0} + (float)SCAN_NONE;
    scan_i8 at = {0}, here = {0, 1, 2, 3, 4, 5, 6, 7};
    uint32_t lane = 0;

    for (uint32_t i = 0; i < s->count; i += 8) {
        scan_f8 cpus, mem, disk, gpus, ports, cpus_part, mem_part;
        memcpy(&cpus, &s->quick[CPUS][i], sizeof cpus);
        memcpy(&mem, &s->quick[MEM][i], sizeof mem);
        memcpy(&disk, &s->quick[DISK][i], sizeof disk);
        memcpy(&gpus, &s->quick[GPUS][i], sizeof gpus);
        memcpy(&ports, &s->quick[PORTS][i], sizeof ports);
        memcpy(&cpus_part, &s->quick[CPUS_TOTAL][i], sizeof cpus);
        memcpy(&mem_part, &s->quick[MEM_TOTAL][i], sizeof cpus);
        scan_f8 c = (cpus - (float)n->cpus) * cpus_part;
        scan_f8 m = (mem - (float)n->mem) * mem_part;
        scan_i8 more = c > m; /* cost: 2 * the larger - the smaller */
        scan_f8 x = 2 * c - m, y = 2 * m - c;
        scan_i8 cost = (more & (scan_i8)x) | (~more & (scan_i8)y);
        scan_i8 better = ((scan_f8)cost < best) & (cpus >= (float)n->cpus) &
                         (mem >= (float)n->mem) & (disk >= (float)n->disk) &
                         (gpus >= (float)n->gpus) &
                         (ports >= (float)config->port_count);
        best = (scan_f8)((better & cost) | (~better & (scan_i8)best));
        at = (better & here) | (~better & at);
        here += 8;
    }
    for (uint32_t k = 1; k < 8; k++)
        lane = best[k] < best[lane] ? k : lane;
    return (uint32_t)at[lane];
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static struct scan_cost scan_exactly_avx2(
    const struct scan *s, const struct job_config *config)
{
    return scan_exactly(s, config);
}

__attribute__((target("avx2"))) static uint32_t scan_quickly_avx2(
    const struct scan *s, const struct job_config *config)
{
    return scan_quickly(s, config);
}
#endif

static inline struct scan_cost scan_best(const struct scan *s,
                                         const struct job_config *config)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2"))
        return scan_exactly_avx2(s, config);
#endif
    return scan_exactly(s, config);
}

static inline uint32_t scan_quick(const struct scan *s,
                                  const struct job_config *config)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2"))
        return scan_quickly_avx2(s, config);
#endif
    return scan_quickly(s, config);
}

static inline void scan_take(struct scan *s, uint32_t at,
                             const struct job_config *config, float times)
{
    s->quick[CPUS][at] -= times * (float)config->need.cpus;
    s->quick[MEM][at] -= times * (float)config->need.mem;
    s->quick[DISK][at] -= times * (float)config->need.disk;
    s->quick[PORTS][at] -= times * (float)config->port_count;
}

/* Loads that each wait for the one before, all over `size` bytes. */
static inline double dependent_load_ns(size_t size)
{
    size_t count = size / 64, at = 0;
    size_t *next = scan_new_column((uint32_t)count, 64);
    size_t *order = scan_new_column((uint32_t)count, sizeof *order);
    struct rng rng;
    enum { LOADS = 2000000 };

    rng_seed(&rng, 7);
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    for (size_t i = count - 1; i > 0; i--) {
        size_t j = rng_below(&rng, i), held = order[i];
        order[i] = order[j];
        order[j] = held;
    }
    for (size_t i = 0; i < count; i++)
        next[order[i] * 8] = order[(i + 1) % count];
    int64_t began = bench_ns();
    for (int i = 0; i < LOADS; i++)
        at = next[at * 8];
    int64_t ns = bench_ns() - began;
    __asm__ volatile("" : : "r"(at));
    free(next);
    free(order);
    return (double)ns / LOADS;
}
