/* Placing on a cluster that is 85 % full and never at rest: a decision takes a
 * random task away from its host (the undo) and places another one:
 * constraints, choice by the score, index update. Beside it, in the same run:
 * the same decision by a full scan with vector instructions, dependent loads
 * from memory, and what others published.
 *
 * A rate without its quality is no result: a separate pass of a million
 * decisions compares each one's score with the best a full scan finds. */
#include "bench/placement_aurora.h"
#include "bench/placement_scan.h"
#include "bench/placement_world.h"

#include <string.h>

enum { ORACLE_EVERY_50K = 5 };

struct placed_task {
    struct host *host;
    uint32_t job;
    struct ranges ports;
};

struct world {
    struct hosts hosts;
    struct rng rng;
    uint32_t count;
    struct host **host;
    struct job_config *job[WORLD_JOBS];
    struct limit_counts limits[WORLD_JOBS];
    VEC(struct placed_task) tasks;
    uint32_t adding; /* job of the task that is being placed */
    struct scan scan;
    uint64_t failed;
};

enum rule { PLAIN, ANTI_AFFINITY, SPREAD, VALUES, RULES };

static void constrain(struct job_config *config, enum rule rule)
{
    static const char *const zones[] = {"z0", "z1"}, *kernel = "5.10";

    if (rule == ANTI_AFFINITY)
        job_config_add_constraint(config, "host", CONSTRAINT_LIMIT, NULL, 0, 1);
    if (rule == SPREAD)
        job_config_add_constraint(config, "rack", CONSTRAINT_LIMIT, NULL, 0, 4);
    if (rule == VALUES) {
        job_config_add_constraint(config, "zone", CONSTRAINT_ONE_OF, zones, 2,
                                  0);
        job_config_add_constraint(config, "kernel", CONSTRAINT_NONE_OF, &kernel,
                                  1, 0);
    }
}

static bool on_placed(void *context, struct host *host,
                      const struct ranges *ports)
{
    struct world *w = context;
    struct placed_task *task = vec_add(&w->tasks);

    *task = (struct placed_task){.host = host, .job = w->adding};
    ranges_copy(&task->ports, ports);
    host_use(host, &w->job[w->adding]->need);
    return true;
}

static bool add_task(struct world *w, uint32_t job)
{
    w->adding = job;
    limit_counts_prepare(&w->limits[job], NULL, w->job[job], &w->hosts);
    return placer_place(&w->hosts, w->job[job], &w->limits[job], 1, 0,
                        on_placed, w) == 1;
}

static void remove_task(struct world *w, uint32_t at)
{
    struct placed_task *task = &w->tasks.item[at];

    host_unuse(task->host, &w->job[task->job]->need);
    limit_counts_remove(&w->limits[task->job], &w->hosts, task->host);
    hosts_give(&w->hosts, task->host, &w->job[task->job]->need, &task->ports);
    ranges_release(&task->ports);
    *task = w->tasks.item[--w->tasks.count];
}

static struct world *world_new(uint32_t count, enum rule rule)
{
    struct world *w = xcalloc(1, sizeof *w);
    int64_t total = 0, used = 0;

    rng_seed(&w->rng, 1);
    w->count = count;
    w->host = xcalloc(count, sizeof *w->host);
    for (uint32_t i = 0; i < count; i++) {
        w->host[i] = world_host(&w->hosts, (int)i, &w->rng);
        total += w->host[i]->total.cpus;
    }
    for (int i = 0; i < WORLD_JOBS; i++) {
        w->job[i] = world_job(i, &w->rng);
        constrain(w->job[i], rule);
    }
    /* A value constraint leaves half of the cluster to these jobs. */
    int64_t wanted = total / 100 * (rule == VALUES ? 42 : 85);
    while (used < wanted) {
        uint32_t job = (uint32_t)rng_below(&w->rng, WORLD_JOBS);
        if (!add_task(w, job) && ++w->failed > WORLD_JOBS)
            break;
        used += w->job[job]->need.cpus;
    }
    w->failed = 0;
    return w;
}

static void world_free(struct world *w)
{
    while (w->tasks.count > 0)
        remove_task(w, w->tasks.count - 1);
    for (int i = 0; i < WORLD_JOBS; i++) {
        limit_counts_release(&w->limits[i]);
        job_config_unref(w->job[i]);
    }
    hosts_release(&w->hosts);
    vec_free(&w->tasks);
    free(w->host);
    free(w);
}

/* One decision; false: nothing fits (the task removed is not put back). */
static bool decide(struct world *w)
{
    remove_task(w, (uint32_t)rng_below(&w->rng, w->tasks.count));
    if (add_task(w, (uint32_t)rng_below(&w->rng, WORLD_JOBS)))
        return true;
    w->failed++;
    return false;
}

static double rate_of(struct world *w, uint32_t decisions)
{
    for (uint32_t i = 0; i < decisions / 10; i++)
        (void)decide(w);
    int64_t began = bench_ns();
    for (uint32_t i = 0; i < decisions; i++)
        (void)decide(w);
    double rate = decisions / ((double)(bench_ns() - began) / 1e9);
    if (w->failed * 50 > decisions)
        bench_fail("%llu of %u decisions found no host",
                   (unsigned long long)w->failed, decisions);
    hosts_check(&w->hosts);
    return rate;
}

/* Mean score against the mean of what full scans find best, both by the cost
 * the placer goes by: a stranded host counts INDEX_STRANDED less. */
static double quality_of(struct world *w, uint32_t decisions)
{
    int64_t got = 0, best = 0;

    scan_open(&w->scan, w->host, w->count);
    for (uint32_t i = 0; i < decisions; i++) {
        uint32_t leaves = (uint32_t)rng_below(&w->rng, w->tasks.count);
        const struct host *left = w->tasks.item[leaves].host;
        remove_task(w, leaves);
        scan_load(&w->scan, world_number(left), left);
        uint32_t job = (uint32_t)rng_below(&w->rng, WORLD_JOBS);
        struct amounts need = w->job[job]->need;
        int64_t cost = scan_best(&w->scan, w->job[job]);
        bool had = add_task(w, job);
        if (had != (cost >= 0))
            bench_fail("decision %u: a full scan says otherwise", i);
        if (!had)
            continue;
        const struct host *host = w->tasks.item[w->tasks.count - 1].host;
        struct amounts before = host->free;
        scan_load(&w->scan, world_number(host), host);
        before.cpus += need.cpus;
        before.mem += need.mem;
        int64_t paid =
            placer_cost(PLACEMENT_PACK, &before, &host->total, &need);
        if (paid < cost)
            bench_fail("decision %u: better than the best", i);
        got += 2 * SHARE_ONE - paid;
        best += 2 * SHARE_ONE - cost;
    }
    scan_close(&w->scan);
    return (double)got / (double)best;
}

static double scan_rate(struct world *w, uint32_t decisions)
{
    volatile uint32_t sink = 0;

    scan_open(&w->scan, w->host, w->count);
    int64_t began = bench_ns();
    for (uint32_t i = 0; i < decisions; i++) {
        uint32_t at = scan_quick(&w->scan, w->job[i % WORLD_JOBS]);
        sink = at;
        /* Its update and the undo, as a scan has them. */
        scan_take(&w->scan, at, w->job[i % WORLD_JOBS], 1);
        scan_take(&w->scan, at, w->job[i % WORLD_JOBS], -1);
    }
    double rate = decisions / ((double)(bench_ns() - began) / 1e9);
    (void)sink;
    scan_close(&w->scan);
    return rate;
}

static const char *const RULE_NAMES[RULES] = {"", "_anti_affinity", "_spread",
                                              "_values"};

static double measure(uint32_t count, const char *size)
{
    uint32_t decisions = bench_is_quick() ? 100000 : 1000000;
    double plain = 0;
    char name[64];

    for (int rule = PLAIN; rule < RULES; rule++) {
        struct world *w = world_new(count, (enum rule)rule);
        double rate = rate_of(w, decisions);
        (void)snprintf(name, sizeof name, "placement_rate_%s%s", size,
                       RULE_NAMES[rule]);
        if (rule == PLAIN) {
            plain = rate;
            double scan = scan_rate(w, bench_is_quick() ? 2000 : 20000);
            bench_figure(name, rate, "1/s", rate / scan, "a full scan");
            (void)snprintf(name, sizeof name, "scan_rate_%s", size);
            bench_figure(name, scan, "1/s", 0, NULL);
            uint32_t judged =
                count > 10000 ? decisions / ORACLE_EVERY_50K : decisions;
            (void)snprintf(name, sizeof name, "placement_quality_%s", size);
            bench_figure(name, quality_of(w, judged), "", 0, NULL);
        } else {
            bench_figure(name, rate, "1/s", rate / plain, "the plain rate");
        }
        world_free(w);
    }
    return plain;
}

static void peers(double ours)
{
    static const struct {
        const char *name;
        double rate;
    } peer[] = {
        {"peer_aurora_tasks", 876},      {"peer_nomad", 3750},
        {"peer_kubernetes_plain", 1100}, {"peer_kubernetes_constraints", 220},
        {"peer_apollo", 20000},
    };

    for (size_t i = 0; i < sizeof peer / sizeof *peer; i++)
        bench_figure(peer[i].name, peer[i].rate, "1/s", peer[i].rate / ours,
                     "placement_rate_10k (published)");
}

int main(int argc, char **argv)
{
    bench_open(argc, argv, "placement");
    bench_leans_on(BENCH_MEMORY);
    bench_figure("dependent_load_2MiB", dependent_load_ns(2 << 20), "ns", 0,
                 NULL);
    bench_figure("dependent_load_64MiB", dependent_load_ns(64 << 20), "ns", 0,
                 NULL);
    double ours = measure(10000, "10k");
    (void)measure(50000, "50k");
    peers(ours);
    aurora_fixtures();
    return bench_close();
}
