/* The fixtures of the Aurora scheduler's own benchmarks (offers of 8 cpus,
 * 16 GB, 256 GB; tasks of 6 cpus, 8 GB), in tasks placed and in attempts per
 * second. "against" are its published figures. */
#pragma once
#include "aurora/core/placer.h"
#include "base/alloc.h"
#include "base/rng.h"
#include "bench/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct job_key KEY = {"c", "role", "prod", "bench"};

static inline void add_hosts(struct hosts *hosts, int count, bool is_varied,
                             const char *attribute)
{
    struct rng rng;

    rng_seed(&rng, 1);
    for (int i = 0; i < count; i++) {
        struct attributes attributes = {0};
        struct ranges ports = {0};
        struct amounts free = {8000, 16384000, 262144000, 0};
        char id[32], name[32], offer[32], rack[32];

        if (is_varied) {
            free.cpus -= (int64_t)rng_below(&rng, 80) * 100;
            free.mem -= (int64_t)rng_below(&rng, 16000) * 1000;
        }
        snprintf(id, sizeof id, "m-S%d", i);
        snprintf(name, sizeof name, "host%d", i);
        snprintf(offer, sizeof offer, "o%d", i);
        snprintf(rack, sizeof rack, "r%d", i / 40);
        attributes_add_text(&attributes, attribute, rack);
        ranges_add(&ports, (struct range){31000, 31999});
        struct host *host =
            hosts_update(hosts, bytes_of_text(id), name, "", &attributes);
        hosts_add_offer(hosts, host, bytes_of_text(offer), &free, &ports, 0);
        attributes_release(&attributes);
        ranges_release(&ports);
    }
}

static inline struct job_config *new_config(int64_t cpus, int64_t mem)
{
    struct job_config *config = job_config_new(&KEY, bytes_of_text("bench"));

    config->task = config->need = (struct amounts){cpus, mem, 1000, 0};
    return config;
}

static inline bool aurora_placed(void *context, struct host *host,
                                 const struct ranges *ports)
{
    (void)context;
    (void)host;
    (void)ports;
    return true;
}

/* Ten tasks an attempt on an empty cluster, until `tasks` are placed. */
static inline void fill_cluster(int count, int tasks, double against)
{
    struct hosts hosts = {0};
    struct job_config *config = new_config(6000, 8192000);
    struct limit_counts counts = {0};
    char name[64];

    add_hosts(&hosts, count, false, "rack");
    int64_t began = bench_ns();
    for (int placed = 0; placed < tasks; placed += 10)
        if (placer_place(&hosts, config, &counts, 10, 0, aurora_placed, NULL) !=
            10)
            bench_fail("the cluster is full");
    double rate = (double)tasks / ((double)(bench_ns() - began) / 1e9);
    snprintf(name, sizeof name, "tasks placed, %d empty hosts", count);
    bench_figure(name, rate, "1/s", against > 0 ? rate / against : 0,
                 against > 0 ? "Aurora FillCluster" : NULL);
    job_config_unref(config);
    hosts_release(&hosts);
}

/* Attempts that find nothing. `cached`: nothing changed since the last. */
static inline void no_match(const char *what, int count,
                            struct job_config *config, bool is_varied,
                            bool cached, double against)
{
    struct hosts hosts = {0};
    struct limit_counts counts = {0};
    int attempts = bench_is_quick() ? 200 : 2000;
    char name[96];

    add_hosts(&hosts, count, is_varied, "rack");
    uint64_t since = cached ? hosts.generation : 0;
    int64_t began = bench_ns();
    for (int i = 0; i < attempts; i++)
        if (placer_place(&hosts, config, &counts, 1, since, aurora_placed,
                         NULL))
            bench_fail("%s: a host matched", what);
    double rate = (double)attempts / ((double)(bench_ns() - began) / 1e9);
    snprintf(name, sizeof name, "attempts, %s, %d hosts, %s%s", what, count,
             is_varied ? "all different" : "equal", cached ? ", cached" : "");
    bench_figure(name, rate, "1/s", against > 0 ? rate / against : 0,
                 against > 0 ? "Aurora, same case" : NULL);
    hosts_release(&hosts);
}

static inline void no_match_cases(void)
{
    static const char *const nowhere = "nowhere", *none = NULL;
    struct job_config *large = new_config(64000, 8192000);
    struct job_config *value = new_config(100, 1000);
    struct job_config *limit = new_config(100, 1000);

    job_config_add_constraint(value, "rack", CONSTRAINT_ONE_OF, &nowhere, 1, 0);
    job_config_add_constraint(limit, "zone", CONSTRAINT_LIMIT, &none, 0, 1);
    no_match("too little cpu", 1000, large, false, true, 24000);
    no_match("too little cpu", 1000, large, false, false, 3400);
    no_match("too little cpu", 1000, large, true, false, 3400);
    no_match("value constraint", 1000, value, true, false, 18400);
    no_match("limit constraint", 1000, limit, true, false, 2200);
    no_match("too little cpu", 10000, large, true, true, 64000);
    no_match("too little cpu", 10000, large, true, false, 0);
    job_config_unref(large);
    job_config_unref(value);
    job_config_unref(limit);
}

static inline void aurora_fixtures(void)
{
    fill_cluster(1000, 1000, 0);
    fill_cluster(10000, 10000, 0);
    fill_cluster(200000, bench_is_quick() ? 2000 : 20000, 876);
    no_match_cases();
}
