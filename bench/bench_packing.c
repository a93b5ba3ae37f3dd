/* Packing: 200,000 tasks of log-normal sizes (cpu and memory correlated, mean
 * about 1.3 % of a machine), placed one after the other as they come on equal
 * machines, none moved again. How many machines are used, against the least
 * that any plan could need: all cpu, or all memory, in whole machines. Beside
 * ours, on the same tasks: first fit, best fit (least sum left) and dot product
 * (the machine whose free shares point where the task's do). */
#include "bench/placement_world.h"

#include <string.h>

enum { TASKS = 200000, MACHINES = 3200 };

struct size {
    int64_t cpu, mem;
};

struct machine {
    struct size free;
    bool is_used;
};

static void draw(struct size *size, int count)
{
    struct rng rng;
    double cpu, mem;

    rng_seed(&rng, 11);
    for (int i = 0; i < count; i++) {
        world_task(&rng, &cpu, &mem);
        size[i].cpu = 1 + (int64_t)(cpu * WORLD_CPUS);
        size[i].mem = 1 + (int64_t)(mem * (double)WORLD_MEM);
    }
}

static double least(const struct size *size, int count)
{
    double cpu = 0, mem = 0;

    for (int i = 0; i < count; i++) {
        cpu += (double)size[i].cpu / WORLD_CPUS;
        mem += (double)size[i].mem / (double)WORLD_MEM;
    }
    return ceil(fmax(cpu, mem));
}

/* --- the others: every machine is looked at --- */

typedef double liking(const struct machine *machine, const struct size *task);

static double by_place(const struct machine *machine, const struct size *task)
{
    (void)machine;
    (void)task;
    return 0; /* the first that fits */
}

static double by_left(const struct machine *machine, const struct size *task)
{
    (void)task;
    return -((double)machine->free.cpu / WORLD_CPUS +
             (double)machine->free.mem / (double)WORLD_MEM);
}

static double by_dot(const struct machine *machine, const struct size *task)
{
    double cpu = (double)machine->free.cpu / WORLD_CPUS;
    double mem = (double)machine->free.mem / (double)WORLD_MEM;

    return ((double)task->cpu / WORLD_CPUS * cpu +
            (double)task->mem / (double)WORLD_MEM * mem) /
           (cpu * cpu + mem * mem + 1e-9);
}

static double others(const struct size *size, int count, liking *like)
{
    struct machine *machine = xcalloc(MACHINES, sizeof *machine);
    int used = 0;

    for (int i = 0; i < MACHINES; i++)
        machine[i].free = (struct size){WORLD_CPUS, WORLD_MEM};
    for (int i = 0; i < count; i++) {
        int best = -1;
        double best_liked = 0;
        /* A new machine only when no used one has room. */
        for (int m = 0; m < used; m++) {
            if (machine[m].free.cpu < size[i].cpu ||
                machine[m].free.mem < size[i].mem)
                continue;
            double liked = like(&machine[m], &size[i]);
            if (best >= 0 && liked <= best_liked)
                continue;
            best = m;
            best_liked = liked;
        }
        if (best < 0)
            best = used++;
        if (used > MACHINES)
            bench_fail("more than %d machines", MACHINES);
        machine[best].free.cpu -= size[i].cpu;
        machine[best].free.mem -= size[i].mem;
    }
    free(machine);
    return used;
}

/* --- ours --- */

static bool on_placed(void *context, struct host *host,
                      const struct ranges *ports)
{
    (void)context;
    (void)ports;
    host->tasks++;
    return true;
}

static double ours(const struct size *size, int count)
{
    static const struct job_key key = {"c", "role", "prod", "packing"};
    struct job_config *config = job_config_new(&key, bytes_of_text("x"));
    struct limit_counts none = {0};
    struct hosts hosts = {0};
    struct attributes attributes = {0};
    struct ranges ports = {0};
    const struct amounts all = {WORLD_CPUS, WORLD_MEM, 0, 0};
    double used = 0;

    for (int i = 0; i < MACHINES; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "m-S%d", i);
        struct host *host =
            hosts_update(&hosts, bytes_of_text(id), id, "", &attributes);
        (void)hosts_add_offer(&hosts, host, bytes_of_text(id), &all, &ports, 0);
    }
    for (int i = 0; i < count; i++) {
        config->need = (struct amounts){size[i].cpu, size[i].mem, 0, 0};
        if (placer_place(&hosts, config, &none, 1, 0, on_placed, NULL) != 1)
            bench_fail("more than %d machines", MACHINES);
    }
    for (const struct host *h = hosts.by_agent; h; h = h->hh.next)
        used += h->tasks > 0;
    hosts_release(&hosts);
    job_config_unref(config);
    return used;
}

int main(int argc, char **argv)
{
    bench_open(argc, argv, "packing");
    bench_leans_on(0); /* numbers of machines do not drift */
    int count = bench_is_quick() ? TASKS / 10 : TASKS;
    struct size *size = xcalloc((size_t)count, sizeof *size);
    draw(size, count);
    double bound = least(size, count);
    bench_figure("packing_lower_bound", bound, "", 0, NULL);
    const struct {
        const char *name;
        double used;
    } row[] = {
        {"packing_ours", ours(size, count)},
        {"packing_first_fit", others(size, count, by_place)},
        {"packing_best_fit", others(size, count, by_left)},
        {"packing_dot_product", others(size, count, by_dot)},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        bench_figure(row[i].name, row[i].used, "", row[i].used / bound,
                     "the lower bound");
    free(size);
    return bench_close();
}
