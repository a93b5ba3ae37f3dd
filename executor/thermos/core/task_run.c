/* See task_run.h for the states. */
#include "executor/thermos/core/task_run.h"

#include "base/alloc.h"

#include <assert.h>

void task_run_init(struct task_run *run, const struct task_rule *rule,
                   const struct process_rule *process, uint32_t count)
{
    *run = (struct task_run){.rule = *rule,
                             .count = count,
                             .culprit = TASK_RUN_NONE,
                             .deadline_ms = INT64_MAX};
    run->process_rule = xmemdup(process, (count ? count : 1) * sizeof *process);
    run->process = xcalloc(count ? count : 1, sizeof *run->process);
    task_planner_init(&run->regular, run->process_rule, count, false);
    task_planner_init(&run->final, run->process_rule, count, true);
}

void task_run_release(struct task_run *run)
{
    task_planner_release(&run->regular);
    task_planner_release(&run->final);
    free(run->process_rule);
    free(run->process);
    *run = (struct task_run){0};
}

static struct task_planner *plan_of(struct task_run *run, uint32_t process)
{
    assert(process < run->count);
    return run->process_rule[process].is_final ? &run->final : &run->regular;
}

/* Why `after` may not wait for `before`; NULL when it may. */
static const char *order_problem(const struct process_rule *before,
                                 const struct process_rule *after)
{
    if (before->is_final != after->is_final)
        return "a final process and an ordinary one cannot be ordered";
    if (before->is_daemon)
        return "nothing can wait for a daemon, which never ends";
    if (before->is_ephemeral && !after->is_ephemeral)
        return "only an ephemeral process can wait for an ephemeral one";
    return NULL;
}

int task_run_order(struct task_run *run, uint32_t before, uint32_t after,
                   struct err *err)
{
    assert(before < run->count && after < run->count);
    const char *problem =
        order_problem(&run->process_rule[before], &run->process_rule[after]);
    if (problem != NULL)
        return err_set(err, ERR_INVALID, "order: %s", problem);
    return planner_order(&plan_of(run, before)->graph, before, after, err);
}

bool task_run_is_over(const struct task_run *run)
{
    return run->state >= TASK_RUN_SUCCESS;
}

/* --- inputs --- */

void task_run_started(struct task_run *run, uint32_t process)
{
    assert(planner_state(&plan_of(run, process)->graph, process) ==
           PLAN_RUNNING);
    assert(!run->process[process].is_alive);
    run->process[process].is_alive = true;
    run->process[process].signalled = 0;
}

void task_run_ended(struct task_run *run, uint32_t process,
                    enum run_outcome outcome, int64_t now_ms)
{
    struct task_planner *plan = plan_of(run, process);

    run->process[process].is_alive = false;
    run->is_sweep_wanted = true;
    task_planner_ended(plan, process, outcome, now_ms);
    if (planner_state(&plan->graph, process) == PLAN_FAILED &&
        !run->process_rule[process].is_ephemeral &&
        run->state == TASK_RUN_ACTIVE)
        run->culprit = process;
}

void task_run_kill(struct task_run *run, int64_t grace_ms, int64_t now_ms)
{
    assert(grace_ms >= 0);
    if (run->state >= TASK_RUN_ENDING)
        return;
    run->is_killed = true;
    if (now_ms + grace_ms < run->deadline_ms)
        run->deadline_ms = now_ms + grace_ms;
}

void task_run_drain(struct task_run *run)
{
    run->is_draining = true;
}

void task_run_swept(struct task_run *run, uint32_t alive)
{
    run->is_swept = alive == 0;
}

void task_run_orphan_gone(struct task_run *run)
{
    run->is_sweep_wanted = true;
}

void task_run_replay_started(struct task_run *run, uint32_t process,
                             uint32_t number)
{
    task_planner_started(plan_of(run, process), process);
    run->process[process].run = number;
    task_run_started(run, process);
}

void task_run_replay_state(struct task_run *run, enum task_run_state state,
                           int64_t deadline_ms)
{
    if (run->state == TASK_RUN_ACTIVE && state != TASK_RUN_ACTIVE)
        run->is_stuck = task_planner_is_stuck(&run->regular);
    run->state = state;
    run->deadline_ms = deadline_ms;
    run->is_sweep_wanted = true;
}

/* --- what to do --- */

static void enter(struct task_run *run, enum task_run_state state,
                  struct task_run_effects *fx)
{
    run->state = state;
    run->is_sweep_wanted = true;
    run->is_swept = false;
    *vec_add(&fx->list) =
        (struct task_run_effect){.act = TASK_RUN_ENTER, .state = state};
}

static bool is_unhealthy(const struct task_run *run)
{
    uint32_t failed = task_planner_failed(&run->regular);
    return (run->rule.max_failures != 0 && failed >= run->rule.max_failures) ||
           task_planner_is_stuck(&run->regular);
}

/* Start what may start, below max_concurrency. */
static void start_ready(struct task_run *run, struct task_planner *plan,
                        int64_t now_ms, struct task_run_effects *fx)
{
    uint32_t next;
    uint32_t limit =
        run->rule.max_concurrency ? run->rule.max_concurrency : UINT32_MAX;

    while (task_planner_running(plan) < limit &&
           task_planner_next(plan, now_ms, &next)) {
        task_planner_started(plan, next);
        run->process[next].run = plan->history[next].runs;
        *vec_add(&fx->list) =
            (struct task_run_effect){.act = TASK_RUN_START, .process = next};
    }
}

/* Once per process and signal; a sweep whenever children may have changed. */
static void signal_all(struct task_run *run, int signal,
                       struct task_run_effects *fx)
{
    for (uint32_t i = 0; i < run->count; i++) {
        struct run_process *process = &run->process[i];
        if (!process->is_alive || process->signalled == signal)
            continue;
        process->signalled = signal;
        *vec_add(&fx->list) = (struct task_run_effect){
            .act = TASK_RUN_SIGNAL, .process = i, .signal = signal};
    }
    if (!run->is_sweep_wanted)
        return;
    *vec_add(&fx->list) =
        (struct task_run_effect){.act = TASK_RUN_SWEEP, .signal = signal};
    run->is_sweep_wanted = false;
    run->is_swept = false;
}

static bool is_process_alive(const struct task_run *run)
{
    for (uint32_t i = 0; i < run->count; i++)
        if (run->process[i].is_alive)
            return true;
    return false;
}

static bool is_anything_alive(const struct task_run *run)
{
    return is_process_alive(run) || !run->is_swept;
}

static void step_active(struct task_run *run, int64_t now_ms,
                        struct task_run_effects *fx)
{
    run->is_unhealthy = is_unhealthy(run);
    if (!run->is_killed && !run->is_unhealthy &&
        !task_planner_is_complete(&run->regular)) {
        if (!run->is_draining)
            start_ready(run, &run->regular, now_ms, fx);
        if (!run->is_draining || is_process_alive(run))
            return;
        task_run_kill(run, run->rule.finalization_ms, now_ms);
    }
    run->is_stuck = task_planner_is_stuck(&run->regular);
    if (!run->is_killed)
        run->deadline_ms = now_ms + run->rule.finalization_ms;
    enter(run, TASK_RUN_CLEANING, fx);
}

static void begin_ending(struct task_run *run, int64_t now_ms,
                         struct task_run_effects *fx)
{
    run->deadline_ms = now_ms + TASK_RUN_ENDING_MS;
    enter(run, TASK_RUN_ENDING, fx);
}

static void step_cleaning(struct task_run *run, int64_t now_ms,
                          struct task_run_effects *fx)
{
    if (now_ms >= run->deadline_ms) {
        begin_ending(run, now_ms, fx);
        return;
    }
    signal_all(run, TASK_RUN_TERM, fx);
    if (!is_anything_alive(run))
        enter(run, TASK_RUN_FINALIZING, fx);
}

static void step_finalizing(struct task_run *run, int64_t now_ms,
                            struct task_run_effects *fx)
{
    if (now_ms >= run->deadline_ms || task_planner_is_complete(&run->final) ||
        task_planner_is_stuck(&run->final))
        begin_ending(run, now_ms, fx);
    else
        start_ready(run, &run->final, now_ms, fx);
}

static void step_ending(struct task_run *run, int64_t now_ms,
                        struct task_run_effects *fx)
{
    signal_all(run, TASK_RUN_KILL, fx);
    if (is_anything_alive(run) && now_ms < run->deadline_ms)
        return;
    run->deadline_ms = INT64_MAX;
    run->is_unhealthy = is_unhealthy(run);
    enter(run,
          run->is_killed      ? TASK_RUN_KILLED
          : run->is_unhealthy ? TASK_RUN_FAILED
                              : TASK_RUN_SUCCESS,
          fx);
}

void task_run_step(struct task_run *run, int64_t now_ms,
                   struct task_run_effects *fx)
{
    switch (run->state) {
    case TASK_RUN_ACTIVE:
        step_active(run, now_ms, fx);
        break;
    case TASK_RUN_CLEANING:
        step_cleaning(run, now_ms, fx);
        break;
    case TASK_RUN_FINALIZING:
        step_finalizing(run, now_ms, fx);
        break;
    case TASK_RUN_ENDING:
        step_ending(run, now_ms, fx);
        break;
    default:
        break;
    }
}

static int64_t start_ms(const struct task_run *run,
                        const struct task_planner *plan)
{
    if (run->rule.max_concurrency != 0 &&
        task_planner_running(plan) >= run->rule.max_concurrency)
        return INT64_MAX;
    return task_planner_next_ms(plan);
}

int64_t task_run_next_ms(const struct task_run *run)
{
    int64_t next_ms = run->deadline_ms;
    int64_t ready_ms = INT64_MAX;

    if (task_run_is_over(run))
        return INT64_MAX;
    if (run->state == TASK_RUN_ACTIVE && !run->is_draining)
        ready_ms = start_ms(run, &run->regular);
    else if (run->state == TASK_RUN_FINALIZING)
        ready_ms = start_ms(run, &run->final);
    return ready_ms < next_ms ? ready_ms : next_ms;
}

void task_run_check(const struct task_run *run)
{
    task_planner_check(&run->regular);
    task_planner_check(&run->final);
    for (uint32_t i = 0; i < run->count; i++) {
        const struct task_planner *plan =
            run->process_rule[i].is_final ? &run->final : &run->regular;
        if (run->process[i].is_alive)
            assert(plan->graph.node[i].state == PLAN_RUNNING);
        if (run->state == TASK_RUN_ACTIVE && run->process_rule[i].is_final)
            assert(!run->process[i].is_alive);
    }
    if (run->state == TASK_RUN_CLEANING || run->state == TASK_RUN_FINALIZING)
        assert(run->deadline_ms != INT64_MAX);
}
