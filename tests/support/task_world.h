/* A task in a made-up world: processes last as long, and end as, a script
 * says; time is a number. At each instant what is due ends, in the order of the
 * processes' numbers, and then the task does what it has to do. */
#pragma once
#include "executor/thermos/core/task_run.h"

#include <assert.h>
#include <string.h>

enum { N_MAX = 8, RUNS_SHOWN = 200 };

/* How one process behaves. */
struct actor {
    int64_t lasts_ms;
    const char *ends;  /* per run: 's'uccess, 'f'ailed, 'k'illed, 'l'ost; the
                          last letter repeats */
    bool ignores_term; /* ends by SIGKILL only */
};

struct world {
    struct task_run run;
    const struct actor *actor;
    int64_t now_ms;
    int64_t ends_ms[N_MAX]; /* of what is alive */
    uint32_t starts[N_MAX]; /* how often */
    uint32_t outcomes[N_MAX][4];
    uint32_t orphans; /* alive, beside the processes */
    bool orphans_ignore_term;
    char log[RUNS_SHOWN + 1];   /* starts, in order, as digits */
    int64_t log_ms[RUNS_SHOWN]; /* and when */
    uint32_t most_at_once, alive;
    enum task_run_state states[16];
    uint32_t state_count;
};

static inline void world_init(struct world *w, const struct task_rule *rule,
                              const struct process_rule *process,
                              const struct actor *actor, uint32_t count)
{
    *w = (struct world){.actor = actor, .now_ms = 1000};
    task_run_init(&w->run, rule, process, count);
}

static inline void end(struct world *w, uint32_t i, enum run_outcome outcome)
{
    w->alive--;
    w->ends_ms[i] = 0;
    w->outcomes[i][outcome]++;
    task_run_ended(&w->run, i, outcome, w->now_ms);
}

static inline enum run_outcome scripted(const struct world *w, uint32_t i)
{
    const char *ends = w->actor[i].ends;
    size_t size = strlen(ends), at = w->starts[i] - 1;
    switch (ends[at < size ? at : size - 1]) {
    case 's':
        return RUN_SUCCESS;
    case 'f':
        return RUN_FAILED;
    case 'k':
        return RUN_KILLED;
    default:
        return RUN_LOST;
    }
}

static inline void start(struct world *w, uint32_t i)
{
    size_t used = strlen(w->log);
    if (used < RUNS_SHOWN) {
        w->log[used] = (char)('0' + i);
        w->log_ms[used] = w->now_ms;
    }
    w->starts[i]++;
    w->alive++;
    if (w->alive > w->most_at_once)
        w->most_at_once = w->alive;
    w->ends_ms[i] = w->now_ms + w->actor[i].lasts_ms;
    task_run_started(&w->run, i);
}

static inline void perform(struct world *w,
                           const struct task_run_effect *effect)
{
    uint32_t i = effect->process;
    switch (effect->act) {
    case TASK_RUN_START:
        start(w, i);
        break;
    case TASK_RUN_SIGNAL:
        if (effect->signal == TASK_RUN_KILL || !w->actor[i].ignores_term)
            end(w, i, RUN_KILLED);
        break;
    case TASK_RUN_SWEEP:
        if (effect->signal == TASK_RUN_KILL || !w->orphans_ignore_term)
            w->orphans = 0;
        task_run_swept(&w->run, w->orphans);
        break;
    case TASK_RUN_ENTER:
        assert(w->state_count < 16);
        w->states[w->state_count++] = effect->state;
        break;
    }
}

static inline void settle(struct world *w)
{
    struct task_run_effects fx = {0};
    do {
        fx.list.count = 0;
        task_run_step(&w->run, w->now_ms, &fx);
        for (uint32_t i = 0; i < fx.list.count; i++)
            perform(w, &fx.list.item[i]);
        task_run_check(&w->run);
    } while (fx.list.count > 0);
    vec_free(&fx.list);
}

static inline int64_t next_event_ms(const struct world *w)
{
    int64_t next_ms = task_run_next_ms(&w->run);
    for (uint32_t i = 0; i < w->run.count; i++)
        if (w->ends_ms[i] != 0 && w->ends_ms[i] < next_ms)
            next_ms = w->ends_ms[i];
    return next_ms;
}

/* Go on until the task is over or until_ms. */
static inline void go(struct world *w, int64_t until_ms)
{
    settle(w);
    while (!task_run_is_over(&w->run)) {
        int64_t next_ms = next_event_ms(w);
        if (next_ms > until_ms)
            break;
        assert(next_ms < INT64_MAX);
        if (next_ms > w->now_ms)
            w->now_ms = next_ms;
        for (uint32_t i = 0; i < w->run.count; i++)
            if (w->ends_ms[i] != 0 && w->ends_ms[i] <= w->now_ms)
                end(w, i, scripted(w, i));
        settle(w);
    }
}
