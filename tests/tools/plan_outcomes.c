/* plan-outcomes FIRST COUNT: random tasks and what our planner makes of them,
 * one line each, for the oracle in tests/lua/plan_oracle.lua to judge. A task
 * is its number's alone: the same line in every run.
 *
 *     max_failures concurrency finalization runs kill_at grace orphans stubborn
 *     | per process: max_failures min_duration flags lasts ends
 *     | orders: before>after
 *     | STATE ended_at culprit starts      or   refused ORDER      or   circle
 *
 * Flags are letters: d(aemon) e(phemeral) f(inal) i(gnores SIGTERM), or -.
 * kill_at 0: never; a culprit of -: none; starts are process@time. */
#include "tests/support/task_world.h"

#include "base/rng.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { ORDERS_MAX = 12, ENDS_MAX = 5, START_MS = 1000 };

struct plan {
    struct task_rule rule;
    uint32_t count, runs_max, orphans;
    bool stubborn; /* the orphans ignore SIGTERM */
    int64_t kill_ms, grace_ms;
    struct process_rule process[N_MAX];
    struct actor actor[N_MAX];
    char ends[N_MAX][ENDS_MAX];
    struct plan_edge order[ORDERS_MAX];
    uint32_t order_count;
};

static uint32_t below(struct rng *rng, uint32_t bound)
{
    return (uint32_t)rng_below(rng, bound);
}

static bool one_in(struct rng *rng, uint32_t n)
{
    return below(rng, n) == 0;
}

static void draw_process(struct plan *plan, uint32_t i, struct rng *rng)
{
    static const char letters[] = "sssffkl";
    uint32_t size = 1 + below(rng, ENDS_MAX - 1);
    plan->process[i] = (struct process_rule){.max_failures = below(rng, 4),
                                             .min_duration_ms = below(rng, 30),
                                             .is_daemon = one_in(rng, 10),
                                             .is_ephemeral = one_in(rng, 8),
                                             .is_final = one_in(rng, 6)};
    for (uint32_t at = 0; at < size; at++)
        plan->ends[i][at] = letters[below(rng, sizeof letters - 1)];
    plan->actor[i] = (struct actor){.lasts_ms = 1 + below(rng, 40),
                                    .ends = plan->ends[i],
                                    .ignores_term = one_in(rng, 6)};
}

/* Mostly forwards and between processes that may be ordered; else the planner
 * would have little to do but to refuse. */
static void draw_orders(struct plan *plan, struct rng *rng)
{
    bool is_wild = one_in(rng, 8);
    uint32_t wanted = below(rng, ORDERS_MAX + 1);
    for (uint32_t i = 0; i < wanted && plan->count > 1; i++) {
        uint32_t a = below(rng, plan->count), b = below(rng, plan->count);
        const struct process_rule *before, *after;
        if (!is_wild && a > b) {
            uint32_t swap = a;
            a = b;
            b = swap;
        }
        before = &plan->process[a];
        after = &plan->process[b];
        if (is_wild || (a != b && before->is_final == after->is_final &&
                        !before->is_daemon &&
                        (!before->is_ephemeral || after->is_ephemeral)))
            plan->order[plan->order_count++] = (struct plan_edge){a, b};
    }
}

static void draw(struct plan *plan, uint64_t number)
{
    struct rng rng;
    rng_seed(&rng, number);
    *plan = (struct plan){.count = 1 + below(&rng, N_MAX)};
    plan->rule = (struct task_rule){
        .max_failures = below(&rng, 4),
        .max_concurrency = one_in(&rng, 3) ? 1 + below(&rng, 3) : 0,
        .finalization_ms = below(&rng, 80)};
    plan->runs_max = one_in(&rng, 50) ? PLAN_RUNS_MAX : 2 + below(&rng, 5);
    if (one_in(&rng, 3)) {
        plan->kill_ms = START_MS + 1 + below(&rng, 150);
        plan->grace_ms = below(&rng, 80);
    }
    plan->orphans = one_in(&rng, 8);
    plan->stubborn = one_in(&rng, 2);
    for (uint32_t i = 0; i < plan->count; i++)
        draw_process(plan, i, &rng);
    draw_orders(plan, &rng);
}

static void print_plan(const struct plan *plan)
{
    printf("%u %u %" PRId64 " %u %" PRId64 " %" PRId64 " %u %d|",
           plan->rule.max_failures, plan->rule.max_concurrency,
           plan->rule.finalization_ms, plan->runs_max, plan->kill_ms,
           plan->grace_ms, plan->orphans, plan->stubborn);
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct process_rule *rule = &plan->process[i];
        printf("%u %" PRId64 " -%s%s%s%s %" PRId64 " %s;", rule->max_failures,
               rule->min_duration_ms, rule->is_daemon ? "d" : "",
               rule->is_ephemeral ? "e" : "", rule->is_final ? "f" : "",
               plan->actor[i].ignores_term ? "i" : "", plan->actor[i].lasts_ms,
               plan->ends[i]);
    }
    (void)putchar('|');
    for (uint32_t i = 0; i < plan->order_count; i++)
        printf("%u>%u ", plan->order[i].before, plan->order[i].after);
    (void)putchar('|');
}

static void print_outcome(const struct world *w)
{
    static const char *const names[TASK_RUN_STATE_COUNT] = {
        [TASK_RUN_SUCCESS] = "SUCCESS",
        [TASK_RUN_FAILED] = "FAILED",
        [TASK_RUN_KILLED] = "KILLED"};
    printf("%s %" PRId64 " ", names[w->run.state], w->now_ms);
    if (w->run.culprit == TASK_RUN_NONE)
        (void)putchar('-');
    else
        printf("%u", w->run.culprit);
    for (size_t i = 0; w->log[i] != '\0'; i++)
        printf(" %c@%" PRId64, w->log[i], w->log_ms[i]);
    (void)putchar('\n');
}

/* False: it was refused, and that is said. */
static bool order_all(const struct plan *plan, struct task_run *run)
{
    uint32_t at;
    for (uint32_t i = 0; i < plan->order_count; i++)
        if (task_run_order(run, plan->order[i].before, plan->order[i].after,
                           NULL) != 0) {
            printf("refused %u\n", i);
            return false;
        }
    if (planner_has_cycle(&run->regular.graph, &at) ||
        planner_has_cycle(&run->final.graph, &at)) {
        (void)puts("circle");
        return false;
    }
    return true;
}

static void play(const struct plan *plan)
{
    struct world w;
    world_init(&w, &plan->rule, plan->process, plan->actor, plan->count);
    w.run.regular.runs_max = w.run.final.runs_max = plan->runs_max;
    w.orphans = plan->orphans;
    w.orphans_ignore_term = plan->stubborn;
    if (order_all(plan, &w.run)) {
        if (plan->kill_ms != 0) {
            go(&w, plan->kill_ms);
            if (!task_run_is_over(&w.run)) {
                w.now_ms = plan->kill_ms;
                task_run_kill(&w.run, plan->grace_ms, w.now_ms);
            }
        }
        go(&w, INT64_MAX - 1);
        print_outcome(&w);
    }
    task_run_release(&w.run);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        (void)fputs("usage: plan-outcomes FIRST COUNT\n", stderr);
        return 5;
    }
    uint64_t first = strtoull(argv[1], NULL, 10);
    uint64_t count = strtoull(argv[2], NULL, 10);
    for (uint64_t i = 0; i < count; i++) {
        struct plan plan;
        draw(&plan, first + i);
        print_plan(&plan);
        play(&plan);
    }
    return 0;
}
