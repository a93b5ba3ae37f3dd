/* A cluster as clusters are: machines in the sizes of Google's 2011 trace (53 %
 * half cpu and half memory, 31 % a quarter of the memory, 8 % three quarters,
 * 6 % whole ones, the rest small), no two with quite the same memory, in racks
 * and zones; jobs of log-normal sizes, cpu and memory correlated, mean about
 * 1.3 % of a machine, one in four with ports. The same numbers at every run.
 * For benchmarks only: sizes are drawn with floating point. */
#pragma once
#include "aurora/core/placer.h"
#include "base/rng.h"
#include "bench/kit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    WORLD_JOBS = 1024,
    WORLD_RACK = 40, /* machines in one */
    WORLD_CPUS = 64000,
    WORLD_DISK = 1000 * 1000 * 1000
};
#define WORLD_MEM ((int64_t)256 * 1024 * 1000)

static inline double world_normal(struct rng *rng)
{
    double sum = -6;

    for (int i = 0; i < 12; i++)
        sum += (double)(rng_next(rng) >> 11) * 0x1p-53;
    return sum;
}

static inline void world_machine(struct rng *rng, int64_t *cpus, int64_t *mem)
{
    uint64_t percent = rng_below(rng, 100);

    *cpus = WORLD_CPUS / 2;
    *mem = WORLD_MEM / 2;
    if (percent >= 53 && percent < 84)
        *mem = WORLD_MEM / 4;
    else if (percent >= 84 && percent < 92)
        *mem = WORLD_MEM / 4 * 3;
    else if (percent >= 92 && percent < 98)
        *cpus = WORLD_CPUS, *mem = WORLD_MEM;
    else if (percent >= 98)
        *cpus = WORLD_CPUS / 4, *mem = WORLD_MEM / 4;
}

/* Shares of a whole machine; mean 1.3 %, half of one at most. */
static inline void world_task(struct rng *rng, double *cpu, double *mem)
{
    double common = world_normal(rng);
    double a = 0.8 * common + 0.6 * world_normal(rng);
    double b = 0.8 * common + 0.6 * world_normal(rng);

    *cpu = fmin(0.5, 0.0079 * exp(a));
    *mem = fmin(0.5, 0.0079 * exp(b));
}

static inline struct host *world_host(struct hosts *hosts, int number,
                                      struct rng *rng)
{
    struct attributes attributes = {0};
    struct ranges ports = {0};
    struct amounts free = {0, 0, WORLD_DISK, 0};
    char id[32], name[32], offer[32], value[32];

    world_machine(rng, &free.cpus, &free.mem);
    free.mem -= (int64_t)rng_below(rng, 1000) * 1000;
    if (number % 50 == 0)
        free.gpus = 4000;
    (void)snprintf(id, sizeof id, "m-S%d", number);
    (void)snprintf(name, sizeof name, "host%d", number);
    (void)snprintf(offer, sizeof offer, "o%d", number);
    (void)snprintf(value, sizeof value, "r%d", number / WORLD_RACK);
    attributes_add_text(&attributes, "rack", value);
    (void)snprintf(value, sizeof value, "z%d", number / WORLD_RACK % 3);
    attributes_add_text(&attributes, "zone", value);
    attributes_add_text(&attributes, "kernel", number % 4 ? "6.1" : "5.10");
    ranges_add(&ports, (struct range){31000, 31999});
    struct host *host =
        hosts_update(hosts, bytes_of_text(id), name, "", &attributes);
    (void)hosts_add_offer(hosts, host, bytes_of_text(offer), &free, &ports, 0);
    attributes_release(&attributes);
    ranges_release(&ports);
    return host;
}

static inline uint32_t world_number(const struct host *host)
{
    return (uint32_t)atoi(host->hostname + 4);
}

static inline struct job_config *world_job(int number, struct rng *rng)
{
    struct job_key key = {"c", "role", "prod", ""};
    double cpu, mem;
    char name[16];

    (void)snprintf(name, sizeof name, "job%d", number);
    (void)snprintf(key.name, sizeof key.name, "%s", name);
    struct job_config *config = job_config_new(&key, bytes_of_text(name));
    world_task(rng, &cpu, &mem);
    config->task = config->need = (struct amounts){
        100 + (int64_t)(cpu * WORLD_CPUS), 32000 + (int64_t)(mem * WORLD_MEM),
        1000 * (int64_t)(1 + rng_below(rng, 4000)), 0};
    if (number % 4 == 0)
        job_config_add_port(config, "http");
    return config;
}
