/* The allocator by itself: a cluster of agents and frameworks, what a first
 * round costs, and what it costs to give one task's resources back and offer
 * them again. The measure beside it is copying the same resources, which any
 * allocator has to do. */
#include "bench/kit.h"
#include "master/core/allocator.h"
#include <stdio.h>

enum { AGENTS = 10000, FRAMEWORKS = 200, ROLES = 20, RETURNS = 200000 };

struct cluster {
    struct allocator *a;
    struct rng rng;
    struct resources total, task;
    struct allocations made;
};

static void parse(const char *text, struct resources *out)
{
    struct err err = {0};
    if (resources_parse(text, "*", out, &err) < 0)
        bench_fail("%s", err.text);
}

static void build(struct cluster *c, uint64_t agents)
{
    struct allocator_options options = {.interval_ms = 1000,
                                        .min_allocatable = "cpus:0.01|mem:32"};
    rng_seed(&c->rng, 1);
    if (allocator_new(&c->a, &options, &c->rng, NULL) < 0)
        bench_fail("cannot make an allocator");
    parse("cpus:32;mem:131072;disk:1000000;ports:[31000-31999]", &c->total);
    parse("cpus:0.5;mem:512", &c->task);
    for (uint64_t i = 0; i < FRAMEWORKS; i++) {
        char id[32], role[32];
        const char *name = role;
        snprintf(id, sizeof id, "framework-%llu", (unsigned long long)i);
        snprintf(role, sizeof role, "role-%llu",
                 (unsigned long long)(i % ROLES));
        struct allocator_framework f = {.number = i + 1,
                                        .id = id,
                                        .role = (char *const *)&name,
                                        .role_count = 1};
        allocator_set_framework(c->a, &f);
        allocator_set_framework_active(c->a, i + 1, true);
    }
    for (uint64_t i = 0; i < agents; i++)
        allocator_add_agent(c->a, i + 1, &c->total);
}

static void end(struct cluster *c)
{
    allocations_release(&c->made);
    allocator_free(c->a);
    resources_release(&c->total);
    resources_release(&c->task);
}

static double copy_ns(const struct resources *r, int count)
{
    int64_t began = bench_ns();
    for (int i = 0; i < count; i++) {
        struct resources copy;
        resources_copy(&copy, r);
        resources_release(&copy);
    }
    return (double)(bench_ns() - began) / count;
}

static double first_round_ms(struct cluster *c)
{
    int64_t began = bench_ns();
    allocator_run(c->a, 0, &c->made);
    return (double)(bench_ns() - began) / 1e6;
}

/* A task ends, its resources are offered again, the framework takes them. */
static double return_ns(struct cluster *c, int count)
{
    int64_t began = bench_ns();
    for (int i = 0; i < count; i++) {
        const struct allocation *held =
            &c->made.item[(uint32_t)i * 7919u % c->made.count];
        struct allocations again = {0};
        allocator_recover(c->a, held->framework, held->agent, held->role,
                          &c->task, REFUSE_NOTHING, 0, i);
        allocator_run(c->a, i, &again);
        if (again.count != 1)
            bench_fail("offered %u times", again.count);
        /* Whoever it went to hands it to the one who holds the agent. */
        allocator_recover(c->a, again.item[0].framework, held->agent,
                          again.item[0].role, &again.item[0].resources,
                          REFUSE_NOTHING, 0, i);
        if (!allocator_use(c->a, held->framework, held->agent, held->role,
                           &c->task))
            bench_fail("not given back");
        allocations_release(&again);
    }
    return (double)(bench_ns() - began) / count;
}

int main(int argc, char **argv)
{
    struct cluster c = {0};
    bench_open(argc, argv, "allocator");
    bench_leans_on(BENCH_MEMORY);
    uint64_t agents = bench_is_quick() ? AGENTS / 10 : AGENTS;
    int returns = bench_is_quick() ? RETURNS / 10 : RETURNS;
    build(&c, agents);
    double copy = copy_ns(&c.total, returns);
    double first_ms = first_round_ms(&c);
    if (c.made.count != agents)
        bench_fail("%u of %llu agents were given", c.made.count,
                   (unsigned long long)agents);
    double per_agent = first_ms * 1e6 / (double)agents;
    double per_return = return_ns(&c, returns);
    bench_figure("first_round", first_ms, "ms", 0, NULL);
    bench_figure("first_round_per_agent", per_agent, "ns", per_agent / copy,
                 "copying its resources");
    bench_figure("return_and_offer", per_return, "ns", per_return / copy,
                 "copying its resources");
    allocator_check(c.a);
    end(&c);
    return bench_close();
}
