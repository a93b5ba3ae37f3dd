#include "executor/thermos/core/task_planner.h"

#include "base/alloc.h"

#include <assert.h>

void task_planner_init(struct task_planner *plan,
                       const struct process_rule *rule, uint32_t count,
                       bool final_stage)
{
    planner_init(&plan->graph, count);
    plan->rule = rule;
    plan->history = xcalloc(count ? count : 1, sizeof *plan->history);
    plan->runs_max = PLAN_RUNS_MAX;
    for (uint32_t i = 0; i < count; i++)
        if (rule[i].is_final == final_stage)
            planner_add(&plan->graph, i);
}

void task_planner_release(struct task_planner *plan)
{
    planner_release(&plan->graph);
    free(plan->history);
    plan->history = NULL;
}

bool task_planner_next(const struct task_planner *plan, int64_t now_ms,
                       uint32_t *out)
{
    for (uint32_t i = 0; i < plan->graph.count; i++)
        if (planner_is_runnable(&plan->graph, i) &&
            plan->history[i].ready_ms <= now_ms) {
            *out = i;
            return true;
        }
    return false;
}

void task_planner_started(struct task_planner *plan, uint32_t process)
{
    planner_run(&plan->graph, process);
}

static bool is_over_limit(const struct task_planner *plan, uint32_t process)
{
    const struct process_rule *rule = &plan->rule[process];
    const struct process_history *history = &plan->history[process];
    return (rule->max_failures != 0 &&
            history->failures >= rule->max_failures) ||
           history->runs >= plan->runs_max;
}

void task_planner_ended(struct task_planner *plan, uint32_t process,
                        enum run_outcome outcome, int64_t now_ms)
{
    const struct process_rule *rule = &plan->rule[process];
    struct process_history *history = &plan->history[process];

    history->runs++;
    history->failures += outcome == RUN_FAILED;
    history->ready_ms = now_ms + rule->min_duration_ms;
    if (outcome == RUN_SUCCESS && !rule->is_daemon)
        planner_finish(&plan->graph, process);
    else if (is_over_limit(plan, process))
        planner_fail(&plan->graph, process);
    else
        planner_reset(&plan->graph, process);
}

int64_t task_planner_next_ms(const struct task_planner *plan)
{
    int64_t next_ms = INT64_MAX;
    for (uint32_t i = 0; i < plan->graph.count; i++)
        if (planner_is_runnable(&plan->graph, i) &&
            plan->history[i].ready_ms < next_ms)
            next_ms = plan->history[i].ready_ms;
    return next_ms;
}

bool task_planner_is_complete(const struct task_planner *plan)
{
    for (uint32_t i = 0; i < plan->graph.count; i++) {
        if (!plan->graph.node[i].is_member || plan->rule[i].is_ephemeral)
            continue;
        enum plan_state state = plan->graph.node[i].state;
        if (state != PLAN_FINISHED && state != PLAN_FAILED)
            return false;
    }
    return true;
}

bool task_planner_is_stuck(const struct task_planner *plan)
{
    for (uint32_t i = 0; i < plan->graph.count; i++)
        if (!plan->rule[i].is_ephemeral &&
            (plan->graph.node[i].state == PLAN_RUNNING ||
             planner_is_runnable(&plan->graph, i)))
            return false;
    return !task_planner_is_complete(plan);
}

static uint32_t count_state(const struct task_planner *plan,
                            enum plan_state state, bool with_ephemeral)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < plan->graph.count; i++)
        n += plan->graph.node[i].state == state &&
             (with_ephemeral || !plan->rule[i].is_ephemeral);
    return n;
}

uint32_t task_planner_running(const struct task_planner *plan)
{
    return count_state(plan, PLAN_RUNNING, true);
}

uint32_t task_planner_failed(const struct task_planner *plan)
{
    return count_state(plan, PLAN_FAILED, false);
}

void task_planner_check(const struct task_planner *plan)
{
    planner_check(&plan->graph);
    for (uint32_t i = 0; i < plan->graph.count; i++) {
        const struct process_history *history = &plan->history[i];
        assert(history->failures <= history->runs);
        assert(history->runs <= plan->runs_max);
        if (planner_is_runnable(&plan->graph, i))
            assert(!is_over_limit(plan, i));
    }
}
