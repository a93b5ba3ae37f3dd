/* The graph and its rules of time: Thermos' planner cases (order, circles,
 * daemons, ephemeral processes, minimum durations, lost runs, the run cap). */
#include "executor/thermos/core/task_planner.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct planner chain_of(uint32_t count, bool closed)
{
    struct planner p;
    planner_init(&p, count);
    for (uint32_t i = 0; i < count; i++)
        planner_add(&p, i);
    for (uint32_t i = 0; i + 1 < count; i++)
        assert_int_equal(planner_order(&p, i, i + 1, NULL), 0);
    if (closed)
        assert_int_equal(planner_order(&p, count - 1, 0, NULL), 0);
    return p;
}

static void test_case_27_circles_are_found(void **unused)
{
    (void)unused;
    for (uint32_t n = 2; n <= 3; n++) {
        struct planner p = chain_of(n, true);
        uint32_t at = 99;
        assert_true(planner_has_cycle(&p, &at));
        assert_true(at < n);
        planner_release(&p);
    }
    struct planner p = chain_of(3, false);
    uint32_t at;
    assert_false(planner_has_cycle(&p, &at));
    planner_release(&p);
}

static void test_case_27_a_successor_waits_for_the_finish(void **unused)
{
    (void)unused;
    struct planner p = chain_of(3, false);
    assert_true(planner_is_runnable(&p, 0));
    assert_false(planner_is_runnable(&p, 1));
    planner_run(&p, 0);
    assert_false(planner_is_runnable(&p, 0));
    planner_reset(&p, 0);
    assert_true(planner_is_runnable(&p, 0));
    planner_run(&p, 0);
    planner_finish(&p, 0);
    planner_check(&p);
    assert_true(planner_is_runnable(&p, 1));
    assert_false(planner_is_runnable(&p, 2));
    planner_release(&p);
}

static void test_a_pair_given_twice_counts_once(void **unused)
{
    (void)unused;
    struct planner p = chain_of(2, false);
    assert_int_equal(planner_order(&p, 0, 1, NULL), 0);
    assert_int_equal(p.edges.count, 1);
    planner_run(&p, 0);
    planner_finish(&p, 0);
    assert_true(planner_is_runnable(&p, 1));
    planner_release(&p);
}

/* --- with time --- */

static void run_once(struct task_planner *plan, uint32_t process,
                     enum run_outcome outcome, int64_t now_ms)
{
    task_planner_started(plan, process);
    task_planner_ended(plan, process, outcome, now_ms);
    task_planner_check(plan);
}

static bool is_ready(const struct task_planner *plan, int64_t now_ms)
{
    uint32_t at;
    return task_planner_next(plan, now_ms, &at);
}

static void test_case_28_ephemeral_processes_do_not_count(void **unused)
{
    (void)unused;
    struct process_rule rule[2] = {{.max_failures = 1},
                                   {.max_failures = 1, .is_ephemeral = true}};
    struct task_planner plan;
    task_planner_init(&plan, rule + 1, 1, false);
    assert_true(task_planner_is_complete(&plan));
    task_planner_release(&plan);

    task_planner_init(&plan, rule, 2, false);
    assert_false(task_planner_is_complete(&plan));
    run_once(&plan, 0, RUN_FAILED, 0);
    assert_true(task_planner_is_complete(&plan));
    assert_int_equal(task_planner_failed(&plan), 1);
    task_planner_release(&plan);
}

static void test_case_29_a_daemon_ends_by_failures_only(void **unused)
{
    (void)unused;
    for (uint32_t max = 1; max <= 2; max++) {
        struct process_rule rule = {.max_failures = max, .is_daemon = true};
        struct task_planner plan;
        task_planner_init(&plan, &rule, 1, false);
        for (int i = 0; i < 5; i++)
            run_once(&plan, 0, RUN_SUCCESS, i);
        for (uint32_t i = 0; i < max; i++) {
            assert_false(task_planner_is_complete(&plan));
            run_once(&plan, 0, RUN_FAILED, 10);
        }
        assert_true(task_planner_is_complete(&plan));
        assert_false(is_ready(&plan, INT64_MAX - 1));
        task_planner_release(&plan);
    }
}

static void test_case_30_without_a_limit_only_the_cap_ends_it(void **unused)
{
    (void)unused;
    struct process_rule rule[2] = {{.is_daemon = true},
                                   {.is_daemon = true, .is_ephemeral = true}};
    struct task_planner plan;
    task_planner_init(&plan, rule, 2, false);
    for (int i = 0; i < PLAN_RUNS_MAX; i++) {
        assert_false(task_planner_is_complete(&plan));
        run_once(&plan, 0, i % 3 == 0 ? RUN_SUCCESS : RUN_FAILED, i);
        run_once(&plan, 1, RUN_SUCCESS, i);
    }
    /* the ephemeral one is not waited for, and its end is no failure */
    assert_true(task_planner_is_complete(&plan));
    assert_int_equal(task_planner_failed(&plan), 1);
    task_planner_release(&plan);
}

static void test_case_31_a_failed_predecessor_lets_nobody_go(void **unused)
{
    (void)unused;
    struct process_rule rule[2] = {{.max_failures = 1}, {.max_failures = 1}};
    struct task_planner plan;
    task_planner_init(&plan, rule, 2, false);
    assert_int_equal(planner_order(&plan.graph, 0, 1, NULL), 0);
    run_once(&plan, 0, RUN_FAILED, 0);
    assert_false(is_ready(&plan, 1000000));
    assert_false(task_planner_is_complete(&plan));
    assert_true(task_planner_is_stuck(&plan));
    task_planner_release(&plan);
}

static void test_case_32_min_duration_is_from_end_to_start(void **unused)
{
    (void)unused;
    struct process_rule rule = {
        .max_failures = 2, .is_daemon = true, .min_duration_ms = 10000};
    struct task_planner plan;
    task_planner_init(&plan, &rule, 1, false);
    assert_true(is_ready(&plan, 0));
    run_once(&plan, 0, RUN_SUCCESS, 5000);
    assert_false(is_ready(&plan, 10000));
    assert_false(is_ready(&plan, 14999));
    assert_true(is_ready(&plan, 15000));
    assert_int_equal(task_planner_next_ms(&plan), 15000);
    run_once(&plan, 0, RUN_FAILED, 20000);
    run_once(&plan, 0, RUN_FAILED, 40000);
    assert_false(is_ready(&plan, 1000000));
    assert_int_equal(task_planner_next_ms(&plan), INT64_MAX);
    task_planner_release(&plan);
}

static void test_case_32_each_waits_its_own_time(void **unused)
{
    (void)unused;
    struct process_rule rule[3];
    struct task_planner plan;
    for (int i = 0; i < 3; i++)
        rule[i] = (struct process_rule){.max_failures = 1,
                                        .is_daemon = true,
                                        .min_duration_ms = 3000 + 2000 * i};
    task_planner_init(&plan, rule, 3, false);
    for (uint32_t i = 0; i < 3; i++)
        run_once(&plan, i, RUN_SUCCESS, 1000);
    assert_int_equal(task_planner_next_ms(&plan), 4000);
    uint32_t at;
    assert_true(task_planner_next(&plan, 4000, &at));
    assert_int_equal(at, 0);
    task_planner_started(&plan, 0);
    assert_int_equal(task_planner_next_ms(&plan), 6000);
    task_planner_release(&plan);
}

static void test_case_33_lost_and_killed_are_not_failures(void **unused)
{
    (void)unused;
    struct process_rule rule = {.max_failures = 2};
    struct task_planner plan;
    task_planner_init(&plan, &rule, 1, false);
    run_once(&plan, 0, RUN_FAILED, 0);
    run_once(&plan, 0, RUN_LOST, 0);
    run_once(&plan, 0, RUN_KILLED, 0);
    assert_true(is_ready(&plan, 0));
    run_once(&plan, 0, RUN_FAILED, 0);
    assert_false(is_ready(&plan, 0));
    assert_int_equal(task_planner_failed(&plan), 1);
    task_planner_release(&plan);
}

static void test_case_35_min_duration_holds_after_any_end(void **unused)
{
    (void)unused;
    for (int outcome = RUN_SUCCESS; outcome <= RUN_LOST; outcome++) {
        struct process_rule rule = {.is_daemon = true, .min_duration_ms = 100};
        struct task_planner plan;
        task_planner_init(&plan, &rule, 1, false);
        run_once(&plan, 0, (enum run_outcome)outcome, 1000);
        assert_false(is_ready(&plan, 1099));
        assert_true(is_ready(&plan, 1100));
        assert_int_equal(task_planner_next_ms(&plan), 1100);
        task_planner_release(&plan);
    }
}

static void test_case_34_all_runs_count_to_the_cap(void **unused)
{
    (void)unused;
    static const enum run_outcome rows[][3] = {
        {RUN_FAILED, RUN_LOST, RUN_FAILED},
        {RUN_FAILED, RUN_LOST, RUN_SUCCESS},
        {RUN_KILLED, RUN_KILLED, RUN_KILLED}};
    for (size_t i = 0; i < 3; i++) {
        struct process_rule rule = {.is_daemon = true};
        struct task_planner plan;
        task_planner_init(&plan, &rule, 1, false);
        plan.runs_max = 3;
        for (int k = 0; k < 3; k++) {
            assert_true(is_ready(&plan, 0));
            run_once(&plan, 0, rows[i][k], 0);
        }
        assert_false(is_ready(&plan, 0));
        task_planner_release(&plan);
    }
    struct process_rule rule = {.is_daemon = true};
    struct task_planner plan;
    task_planner_init(&plan, &rule, 1, false);
    for (int k = 0; k < PLAN_RUNS_MAX; k++)
        run_once(&plan, 0, RUN_FAILED, 0);
    assert_false(is_ready(&plan, 0));
    task_planner_release(&plan);
}

/* --- against an oracle --- */

/* Runnable, said anew from the history of a random graph: every predecessor
 * succeeded, it does not run, and it may run again. */
enum { ORACLE_N = 7, ORACLE_STEPS = 60 };

struct oracle {
    struct process_rule rule[ORACLE_N];
    bool before[ORACLE_N][ORACLE_N]; /* [b][a]: a waits for b */
    bool running[ORACLE_N], done[ORACLE_N];
    uint32_t runs[ORACLE_N], failures[ORACLE_N];
    int64_t ended_ms[ORACLE_N];
};

static bool oracle_may_run(const struct oracle *o, uint32_t i, int64_t now_ms)
{
    const struct process_rule *rule = &o->rule[i];
    if (o->running[i] || o->done[i])
        return false;
    if (rule->max_failures && o->failures[i] >= rule->max_failures)
        return false;
    if (o->runs[i] > 0 && now_ms < o->ended_ms[i] + rule->min_duration_ms)
        return false;
    for (uint32_t b = 0; b < ORACLE_N; b++)
        if (o->before[b][i] && !o->done[b])
            return false;
    return true;
}

static void oracle_random(struct oracle *o, struct rng *rng,
                          struct task_planner *plan)
{
    *o = (struct oracle){0};
    for (uint32_t i = 0; i < ORACLE_N; i++)
        o->rule[i] =
            (struct process_rule){.max_failures = (uint32_t)rng_below(rng, 4),
                                  .min_duration_ms = (int64_t)rng_below(rng, 5),
                                  .is_ephemeral = rng_below(rng, 6) == 0};
    task_planner_init(plan, o->rule, ORACLE_N, false);
    for (uint32_t b = 0; b < ORACLE_N; b++)
        for (uint32_t a = b + 1; a < ORACLE_N; a++)
            if (rng_below(rng, 4) == 0) {
                o->before[b][a] = true;
                assert_int_equal(planner_order(&plan->graph, b, a, NULL), 0);
            }
}

static void oracle_end(struct oracle *o, struct task_planner *plan, uint32_t i,
                       enum run_outcome outcome, int64_t now_ms)
{
    o->running[i] = false;
    o->runs[i]++;
    o->failures[i] += outcome == RUN_FAILED;
    o->ended_ms[i] = now_ms;
    o->done[i] = outcome == RUN_SUCCESS;
    task_planner_ended(plan, i, outcome, now_ms);
}

static void oracle_compare(const struct oracle *o,
                           const struct task_planner *plan, int64_t now_ms)
{
    uint32_t first = ORACLE_N, at = ORACLE_N;
    for (uint32_t i = ORACLE_N; i-- > 0;)
        if (oracle_may_run(o, i, now_ms))
            first = i;
    if (!task_planner_next(plan, now_ms, &at))
        at = ORACLE_N;
    assert_int_equal(at, first);
    task_planner_check(plan);
}

static void test_agrees_with_an_oracle_on_random_graphs(void **unused)
{
    (void)unused;
    struct rng rng;
    rng_seed(&rng, 20261121);
    for (int round = 0; round < 300; round++) {
        struct oracle o;
        struct task_planner plan;
        oracle_random(&o, &rng, &plan);
        for (int64_t now_ms = 0; now_ms < ORACLE_STEPS; now_ms++) {
            uint32_t at;
            oracle_compare(&o, &plan, now_ms);
            if (rng_below(&rng, 2) && task_planner_next(&plan, now_ms, &at)) {
                task_planner_started(&plan, at);
                o.running[at] = true;
            }
            at = (uint32_t)rng_below(&rng, ORACLE_N);
            if (o.running[at])
                oracle_end(&o, &plan, at, (enum run_outcome)rng_below(&rng, 4),
                           now_ms);
        }
        task_planner_release(&plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_27_circles_are_found),
        cmocka_unit_test(test_case_27_a_successor_waits_for_the_finish),
        cmocka_unit_test(test_a_pair_given_twice_counts_once),
        cmocka_unit_test(test_case_28_ephemeral_processes_do_not_count),
        cmocka_unit_test(test_case_29_a_daemon_ends_by_failures_only),
        cmocka_unit_test(test_case_30_without_a_limit_only_the_cap_ends_it),
        cmocka_unit_test(test_case_31_a_failed_predecessor_lets_nobody_go),
        cmocka_unit_test(test_case_32_min_duration_is_from_end_to_start),
        cmocka_unit_test(test_case_32_each_waits_its_own_time),
        cmocka_unit_test(test_case_33_lost_and_killed_are_not_failures),
        cmocka_unit_test(test_case_34_all_runs_count_to_the_cap),
        cmocka_unit_test(test_case_35_min_duration_holds_after_any_end),
        cmocka_unit_test(test_agrees_with_an_oracle_on_random_graphs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
