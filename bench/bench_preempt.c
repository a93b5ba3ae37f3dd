/* Searching for tasks to push aside on 10,000 machines: the world of Aurora's
 * own PreemptorSlotSearch (machines of 8 cpus and 16 GB, tasks of 6 cpus and
 * 8 GB that fill them, 1,000 tasks that wait), and harder ones: every machine
 * has victims and none or one of them enough; many small tasks; a constraint
 * that leaves one rack. Beside it, in the same run: the same search without
 * sums, machine by machine, and what Aurora published. */
#include "aurora/core/aurora.h"
#include "aurora/core/internal.h"
#include "bench/kit.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOSTS = 10000, WAITING = 1000, RACK = 40, NOW_MS = 1700000000 };

struct world {
    struct aurora a;
    int offers;
    struct job_config *waiting[WAITING];
};

static void offer(struct world *w, int number, int64_t cpus, int64_t mem)
{
    struct attributes attributes = {0};
    struct amounts room = {cpus, mem, 262144000, 0};
    struct ranges ports = {0};
    char id[32], agent[32], name[32], rack[32];

    snprintf(id, sizeof id, "o-%d", ++w->offers);
    snprintf(agent, sizeof agent, "m-S%d", number);
    snprintf(name, sizeof name, "host%d", number);
    snprintf(rack, sizeof rack, "r%d", number / RACK);
    attributes_add_text(&attributes, "rack", rack);
    aurora_offer(&w->a, bytes_of_text(id), bytes_of_text(agent), name, "",
                 &attributes, &room, &ports, NOW_MS);
    attributes_release(&attributes);
}

static struct job *create(struct world *w, const char *role, int number,
                          bool is_preemptible, int64_t cpus, int64_t mem,
                          uint32_t instances, const char *rack)
{
    struct job_key key = {"c", "", "prod", ""};
    struct buf text = {0};
    uint64_t sequence;
    struct err err = {0};

    snprintf(key.role, sizeof key.role, "%s", role);
    snprintf(key.name, sizeof key.name, "job-%d", number);
    buf_addf(&text, "%s/%d", role, number);
    struct job_config *config = job_config_new(&key, buf_bytes(&text));
    buf_release(&text);
    config->is_service = true;
    config->is_preemptible = is_preemptible;
    config->task = config->need = (struct amounts){cpus, mem, 1000, 0};
    if (rack)
        job_config_add_constraint(config, "rack", CONSTRAINT_ONE_OF, &rack, 1,
                                  0);
    if (aurora_create_take(&w->a, config, instances, NOW_MS, &sequence, &err) <
        0)
        bench_fail("%s", err.text);
    return aurora_job(&w->a, &key);
}

/* What a launch left over comes back as another offer. */
static void offer_rest(struct world *w, const struct host *host)
{
    int number = atoi(host->hostname + strlen("host"));
    int64_t cpus = host->total.cpus - host->used.cpus;

    if (cpus > 0)
        offer(w, number, cpus, host->total.mem - host->used.mem);
}

static void place_all(struct world *w)
{
    for (int i = 0; i < 1000 && w->a.waiting_count > 0; i++) {
        w->a.place_wanted = true;
        aurora_place(&w->a, NOW_MS);
        for (uint32_t l = 0; l < w->a.work.launches.count; l++)
            if (!w->a.work.launches.item[l].host->offers)
                offer_rest(w, w->a.work.launches.item[l].host);
        aurora_reserve_sequence(&w->a);
        aurora_work_clear(&w->a);
    }
    if (w->a.waiting_count > 0)
        bench_fail("%u tasks found no place", w->a.waiting_count);
}

/* Tasks on every host, `per_host` of them, and what of it may not be pushed. */
struct kind {
    const char *name;
    int64_t cpus, mem;  /* of a victim */
    int64_t fixed_cpus; /* of a task of production beside them; 0: none */
    uint32_t per_host;
    bool has_needle;  /* one host more that has enough */
    const char *rack; /* wanted */
};

static struct world *world_new(const struct kind *kind)
{
    struct aurora_limits_config limits = {.tasks_per_job_max = 1000000,
                                          .placement = PLACEMENT_SPREAD,
                                          .offer_hold_ms = INT64_MAX / 4};
    struct world *w = calloc(1, sizeof *w);

    if (!w)
        abort();
    aurora_init(&w->a, &limits, 1);
    aurora_restored(&w->a, 0, NOW_MS);
    for (int i = 0; i < HOSTS; i++)
        offer(w, i, kind->cpus * kind->per_host + kind->fixed_cpus, 8192000);
    if (kind->fixed_cpus > 0)
        (void)create(w, "fixed", 0, false, kind->fixed_cpus, 1000, HOSTS, NULL);
    place_all(w);
    (void)create(w, "batch", 0, true, kind->cpus, kind->mem,
                 HOSTS * kind->per_host, NULL);
    place_all(w);
    if (kind->has_needle) {
        offer(w, HOSTS, 6000, 8192000);
        (void)create(w, "batch", 1, true, 6000, 8000000, 1, NULL);
        place_all(w);
    }
    for (int i = 0; i < WAITING; i++)
        w->waiting[i] =
            create(w, "web", i, false, 6000, 8000000, 1, kind->rack)->config;
    return w;
}

static void world_free(struct world *w)
{
    aurora_work_clear(&w->a);
    aurora_release(&w->a);
    free(w);
}

/* To the end of the table, however many steps that takes. */
static struct host *search(struct world *w, struct job_config *config,
                           int64_t *step_ns)
{
    uint32_t at = 0;
    bool is_soon;

    for (;;) {
        int64_t began = bench_ns();
        struct host *host = preempt_search(&w->a, config, &at, &is_soon);
        int64_t took = bench_ns() - began;
        if (took > *step_ns)
            *step_ns = took;
        if (host || at == UINT32_MAX)
            return host;
    }
}

/* Every waiting task, one after the other; what is found is taken. */
static void measure(const struct kind *kind, uint32_t wanted)
{
    static int64_t sample[WAITING], step_ns;
    struct world *w = world_new(kind);
    char name[64];
    uint32_t found = 0;

    step_ns = 0;
    for (int i = 0; i < WAITING; i++) {
        int64_t began = bench_ns();
        struct host *host = search(w, w->waiting[i], &step_ns);
        sample[i] = bench_ns() - began;
        found += host != NULL;
        if (host && !kind->has_needle && !kind->rack)
            host->victims.has_slot = true;
    }
    for (uint32_t i = 0; i < w->a.hosts.in_order.count; i++)
        w->a.hosts.in_order.item[i]->victims.has_slot = false;
    if (found != wanted)
        bench_fail("%s: %u found, want %u", kind->name, found, wanted);
    snprintf(name, sizeof name, "preempt_%s_p50", kind->name);
    int64_t p50 = bench_percentile(sample, WAITING, 50);
    bench_figure(name, (double)p50 / 1000, "us", (double)p50 / 50000,
                 "50 us wanted");
    snprintf(name, sizeof name, "preempt_%s_p99", kind->name);
    bench_figure(name, (double)bench_percentile(sample, WAITING, 99) / 1000,
                 "us", 0, NULL);
    world_free(w);
}

/* The same without sums: every host, task by task, for the cheapest. */
static void measure_scan(const struct kind *kind)
{
    struct world *w = world_new(kind);
    struct victims victims = {0};
    int64_t sample[5];
    uint32_t fits = 0;

    for (int i = 0; i < 5; i++) {
        int64_t began = bench_ns();
        for (uint32_t h = 0; h < w->a.hosts.in_order.count; h++)
            fits += preempt_at(&w->a, w->waiting[i],
                               w->a.hosts.in_order.item[h], &victims);
        sample[i] = bench_ns() - began;
    }
    if (fits == 0)
        bench_fail("the scan finds nothing");
    bench_figure("preempt_full_scan",
                 (double)bench_percentile(sample, 5, 50) / 1000, "us", 0, NULL);
    vec_free(&victims.task);
    world_free(w);
}

int main(int argc, char **argv)
{
    static const struct kind full = {"aurora_full", 6000, 8000000, 0, 1,
                                     false,         NULL};
    static const struct kind small = {"small_tasks", 500, 680000, 0, 12,
                                      false,         NULL};
    static const struct kind none = {"none_fits", 1000,  1000000, 5000,
                                     1,           false, NULL};
    static const struct kind needle = {"one_fits", 1000, 1000000, 5000,
                                       1,          true, NULL};
    static const struct kind rack = {"one_rack", 6000,  8000000, 0,
                                     1,          false, "r249"};

    bench_open(argc, argv, "preempt");
    bench_leans_on(BENCH_MEMORY);
    measure(&full, WAITING);
    measure(&small, WAITING);
    measure(&none, 0);
    measure(&needle, WAITING);
    measure(&rack, WAITING);
    measure_scan(&full);
    bench_figure("peer_aurora", 1e6 / 42, "us", 0, "published: 42-46 ops/s");
    return bench_close();
}
