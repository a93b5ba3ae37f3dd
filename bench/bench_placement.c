/* Placing on a cluster that is 85 % full and never at rest: a decision takes a
 * random task away from its host (the undo) and places another one:
 * constraints, choice by the score, index update. Beside it, in the same run:
 * the same decision by a full scan with vector instructions, dependent loads
 * from memory, and what others published.
 *
 * A rate without its quality is no result: a separate pass of a million
 * decisions compares each one's score with the best a full scan finds. Twice:
 * by the score alone, and by the placer's whole order, in which a host that
 * would be stranded comes behind all others (docs/decisions/012).
 *
 * Rates are of the clock on the wall; `_cpu` rates of the processor time of the
 * same decisions: what they are on a machine that has nothing else to do.
 * Worlds with constraints take turns with a plain one. */
#include "bench/placement_aurora.h"
#include "bench/placement_scan.h"
#include "bench/placement_world.h"

#include <string.h>
#include <time.h>

enum {
    QUICK_DECISIONS = 100000,
    DECISIONS = 1000000,
    QUICK_SHARE_50K = 5,
    SLICES = 10
};

struct placed_task {
    struct host *host;
    uint32_t job;
    uint32_t port; /* jobs have one at most; 0: none */
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
    uint64_t port = ports->count > 0 ? ranges_items(ports)->first : 0;

    *vec_add(&w->tasks) = (struct placed_task){host, w->adding, (uint32_t)port};
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
    struct ranges ports = {0};

    if (task->port != 0)
        ranges_add(&ports, (struct range){task->port, task->port});
    host_unuse(task->host, &w->job[task->job]->need);
    limit_counts_remove(&w->limits[task->job], &w->hosts, task->host);
    hosts_give(&w->hosts, task->host, &w->job[task->job]->need, &ports);
    ranges_release(&ports);
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

static int64_t cpu_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Decisions per second of the wall, and of the processor. */
struct rate {
    double wall, cpu;
};

struct spent {
    int64_t wall, cpu; /* ns */
};

/* Decide that often, and add the times up. */
static void slice(struct world *w, uint32_t decisions, struct spent *sum)
{
    int64_t began = bench_ns(), cpu_began = cpu_ns();

    for (uint32_t i = 0; i < decisions; i++)
        (void)decide(w);
    sum->cpu += cpu_ns() - cpu_began;
    sum->wall += bench_ns() - began;
}

static struct rate rate_of(struct world *w, uint32_t decisions,
                           const struct spent *spent)
{
    if (w->failed * 50 > decisions)
        bench_fail("%llu of %u decisions found no host",
                   (unsigned long long)w->failed, decisions);
    index_check(&w->hosts.index);
    return (struct rate){decisions * 1e9 / (double)spent->wall,
                         decisions * 1e9 / (double)spent->cpu};
}

/* Two worlds in turns: what the machine does meanwhile, it does to both. The
 * other one may be NULL. */
static void rates_of(struct world *const world[2], uint32_t decisions,
                     struct rate rate[2])
{
    struct spent spent[2] = {{0}}, warm = {0};

    for (int i = 0; i < 2; i++)
        if (world[i])
            slice(world[i], decisions / SLICES, &warm);
    for (int n = 0; n < SLICES; n++)
        for (int i = 0; i < 2; i++)
            if (world[i])
                slice(world[i], decisions / SLICES, &spent[i]);
    for (int i = 0; i < 2; i++)
        if (world[i])
            rate[i] = rate_of(world[i], decisions, &spent[i]);
}

/* What a host costs, by the score alone and in the placer's order. */
static struct scan_cost cost_on(const struct host *host,
                                const struct amounts *free,
                                const struct amounts *need)
{
    int64_t whole = placer_cost(PLACEMENT_PACK, free, &host->total, need);
    int64_t score = placer_score(PLACEMENT_PACK, free, &host->total, need);

    return (struct scan_cost){(int32_t)(2 * SHARE_ONE - score), (int32_t)whole};
}

/* Means of scores against the mean of what full scans find best. */
struct quality {
    int64_t score, score_best, whole, whole_best;
};

/* One decision beside its scan. */
static void judge_one(struct world *w, struct quality *sum)
{
    uint32_t leaves = (uint32_t)rng_below(&w->rng, w->tasks.count);
    const struct host *host = w->tasks.item[leaves].host;

    remove_task(w, leaves);
    scan_load(&w->scan, world_number(host), host);
    uint32_t job = (uint32_t)rng_below(&w->rng, WORLD_JOBS);
    struct amounts need = w->job[job]->need;
    struct scan_cost best = scan_best(&w->scan, w->job[job]);
    bool had = add_task(w, job);
    if (had != (best.whole < SCAN_NONE))
        bench_fail("a full scan says otherwise");
    if (!had)
        return;
    host = w->tasks.item[w->tasks.count - 1].host;
    struct amounts before = host->free;
    scan_load(&w->scan, world_number(host), host);
    before.cpus += need.cpus;
    before.mem += need.mem;
    struct scan_cost paid = cost_on(host, &before, &need);
    if (paid.whole < best.whole || paid.score < best.score)
        bench_fail("better than the best");
    sum->score += 2 * SHARE_ONE - paid.score;
    sum->score_best += 2 * SHARE_ONE - best.score;
    sum->whole += 2 * SHARE_ONE - paid.whole;
    sum->whole_best += 2 * SHARE_ONE - best.whole;
}

static void quality_of(struct world *w, uint32_t decisions, const char *size)
{
    struct quality sum = {0};
    char name[64];

    scan_open(&w->scan, w->host, w->count);
    for (uint32_t i = 0; i < decisions; i++)
        judge_one(w, &sum);
    scan_close(&w->scan);
    (void)snprintf(name, sizeof name, "placement_quality_%s", size);
    bench_figure(name, (double)sum.score / (double)sum.score_best, "", 0, NULL);
    (void)snprintf(name, sizeof name, "placement_quality_%s_order", size);
    bench_figure(name, (double)sum.whole / (double)sum.whole_best, "", 0, NULL);
    (void)snprintf(name, sizeof name, "placement_judged_%s", size);
    bench_figure(name, decisions, "decisions", 0, NULL);
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

static void plain_figures(struct world *w, const char *size, struct rate rate)
{
    uint32_t judged = bench_is_quick() ? QUICK_DECISIONS : DECISIONS;
    double scan = scan_rate(w, bench_is_quick() ? 2000 : 20000);
    char name[64];

    if (bench_is_quick() && w->count > 10000)
        judged /= QUICK_SHARE_50K;
    (void)snprintf(name, sizeof name, "placement_rate_%s", size);
    bench_figure(name, rate.wall, "1/s", rate.wall / scan, "a full scan");
    (void)snprintf(name, sizeof name, "placement_rate_%s_cpu", size);
    bench_figure(name, rate.cpu, "1/s", 0, NULL);
    (void)snprintf(name, sizeof name, "scan_rate_%s", size);
    bench_figure(name, scan, "1/s", 0, NULL);
    quality_of(w, judged, size);
}

/* A rule's rate, and what share it is of a plain world's that is as new. */
static void rule_figures(uint32_t count, const char *size, enum rule rule,
                         uint32_t decisions)
{
    struct world *world[2] = {world_new(count, PLAIN), world_new(count, rule)};
    struct rate rate[2];
    char name[64];

    rates_of(world, decisions, rate);
    (void)snprintf(name, sizeof name, "placement_rate_%s%s", size,
                   RULE_NAMES[rule]);
    bench_figure(name, rate[1].wall, "1/s", rate[1].cpu / rate[0].cpu,
                 "the plain rate, in processor time");
    world_free(world[0]);
    world_free(world[1]);
}

static double measure(uint32_t count, const char *size)
{
    uint32_t decisions = bench_is_quick() ? QUICK_DECISIONS : DECISIONS;
    struct world *plain[2] = {world_new(count, PLAIN), NULL};
    struct rate rate[2];

    rates_of(plain, decisions, rate);
    plain_figures(plain[0], size, rate[0]);
    world_free(plain[0]);
    for (int rule = PLAIN + 1; rule < RULES; rule++)
        rule_figures(count, size, (enum rule)rule, decisions);
    return rate[0].wall;
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
