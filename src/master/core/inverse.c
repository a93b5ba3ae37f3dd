/* Inverse offers: frameworks are asked for agents that will be away. Who uses
 * something there is asked once, and again when the filter of the answer is
 * over. One timer per agent says when to look at it. */
#include "master/core/internal.h"
#include <assert.h>

/* --- asked or not -----------------------------------------------------------
 */

static struct inverse *inverse_of(struct agent *agent, struct framework *f)
{
    struct inverse *inverse;
    DL_FOREACH2(agent->inverses, inverse, agent_next)
    {
        if (inverse->framework == f)
            return inverse;
    }
    inverse = xcalloc(1, sizeof *inverse);
    inverse->framework = f;
    inverse->agent = agent;
    DL_APPEND2(agent->inverses, inverse, agent_prev, agent_next);
    DL_APPEND2(f->inverses, inverse, framework_prev, framework_next);
    return inverse;
}

/* NOLINTNEXTLINE(readability-function-size): macros of uthash */
static void put_out(struct master *m, struct inverse *inverse)
{
    inverse->number = m->next_offer++;
    inverse->is_out = true;
    HASH_ADD(hh, m->inverses, number, sizeof inverse->number, inverse);
    m->counters.inverse_offers_made++;
}

static void take_in(struct master *m, struct inverse *inverse)
{
    if (!inverse->is_out)
        return;
    HASH_DEL(m->inverses, inverse);
    inverse->is_out = false;
}

static void inverse_free(struct master *m, struct inverse *inverse)
{
    take_in(m, inverse);
    DL_DELETE2(inverse->agent->inverses, inverse, agent_prev, agent_next);
    DL_DELETE2(inverse->framework->inverses, inverse, framework_prev,
               framework_next);
    free(inverse);
}

/* --- withdrawing ------------------------------------------------------------
 */

void inverse_withdraw_agent(struct master *m, struct agent *agent,
                            struct outputs *out)
{
    struct inverse *inverse;
    DL_FOREACH2(agent->inverses, inverse, agent_next)
    {
        if (inverse->is_out)
            (void)offer_tell_gone(m, inverse->framework, OUTPUT_RESCIND_INVERSE,
                                  inverse->number, out);
        take_in(m, inverse);
    }
}

void inverse_forget_agent(struct master *m, struct agent *agent,
                          struct outputs *out)
{
    struct inverse *inverse, *next;
    inverse_withdraw_agent(m, agent, out);
    DL_FOREACH_SAFE2(agent->inverses, inverse, next, agent_next)
    inverse_free(m, inverse);
}

void inverse_withdraw_framework(struct master *m, struct framework *f)
{
    struct inverse *inverse;
    DL_FOREACH2(f->inverses, inverse, framework_next)
    {
        take_in(m, inverse);
        inverse->again_ms = 0;
    }
}

void inverse_forget_framework(struct master *m, struct framework *f)
{
    struct inverse *inverse, *next;
    DL_FOREACH_SAFE2(f->inverses, inverse, next, framework_next)
    inverse_free(m, inverse);
}

/* --- when to ask ------------------------------------------------------------
 */

void inverse_wake(struct master *m, struct agent *agent, int64_t at_ms)
{
    if (!agent->is_going ||
        (agent->inverse_at_ms != 0 && agent->inverse_at_ms <= at_ms))
        return;
    agent->inverse_at_ms = at_ms;
    heap_push(&m->timers, at_ms, TIMER_INVERSE, agent->number);
}

void inverse_wake_framework(struct master *m, const struct framework *f,
                            int64_t now_ms)
{
    if (!m->machines)
        return;
    for (const struct task *task = f->tasks; task; task = task->hh.next)
        if (task->agent)
            inverse_wake(m, task->agent, now_ms);
    const struct executor *executor;
    DL_FOREACH(f->executors, executor)
    inverse_wake(m, executor->agent, now_ms);
}

void inverse_revive(struct master *m, struct framework *f, int64_t now_ms)
{
    struct inverse *inverse;
    DL_FOREACH2(f->inverses, inverse, framework_next)
    {
        inverse->again_ms = 0;
        inverse_wake(m, inverse->agent, now_ms);
    }
}

/* --- asking -----------------------------------------------------------------
 */

struct asking {
    struct master *m;
    struct agent *agent;
    int64_t now_ms;
    uint64_t mark;                /* frameworks that were looked at */
    VEC(struct framework *) list; /* that are asked something */
};

static void ask_framework(struct asking *asking, struct framework *f)
{
    if (f->mark == asking->mark || f->stream == 0)
        return;
    f->mark = asking->mark;
    struct inverse *inverse = inverse_of(asking->agent, f);
    if (inverse->is_out)
        return;
    if (inverse->again_ms > asking->now_ms) {
        inverse_wake(asking->m, asking->agent, inverse->again_ms);
        return;
    }
    put_out(asking->m, inverse);
    if (f->asked.count == 0)
        *vec_add(&asking->list) = f;
    *vec_add(&f->asked) = inverse;
}

/* Everybody who uses something there. What is only offered is told when. */
static void ask_users(struct asking *asking)
{
    asking->mark = ++asking->m->next_mark;
    const struct task *task;
    DL_FOREACH2(asking->agent->tasks, task, agent_next)
    {
        if (task->is_charged)
            ask_framework(asking, task->framework);
    }
    for (const struct executor *e = asking->agent->executors; e; e = e->hh.next)
        ask_framework(asking, e->framework);
}

static void tell_asked(struct framework *f, struct outputs *out)
{
    for (uint32_t at = 0; at < f->asked.count;) {
        uint32_t count = f->asked.count - at;
        if (count > MASTER_OFFERS_PER_EVENT)
            count = MASTER_OFFERS_PER_EVENT;
        struct output *output = framework_output(out, f, OUTPUT_INVERSE_OFFERS);
        assert(output);
        output->inverse = arena_memdup(&out->arena, f->asked.item + at,
                                       count * sizeof *f->asked.item);
        output->count = count;
        at += count;
    }
    f->asked.count = 0;
}

void inverse_run(struct master *m, int64_t now_ms, struct outputs *out)
{
    struct asking asking = {.m = m, .now_ms = now_ms};
    for (uint32_t i = 0; i < m->asking.count; i++) {
        struct agent *agent = master_agent_numbered(m, m->asking.item[i]);
        if (!agent || agent->state != AGENT_CONNECTED || !agent->is_going)
            continue;
        asking.agent = agent;
        ask_users(&asking);
    }
    m->asking.count = 0;
    for (uint32_t i = 0; i < asking.list.count; i++)
        tell_asked(asking.list.item[i], out);
    vec_free(&asking.list);
}

void master_answer_inverse(struct master *m, struct framework *f,
                           const char *const *id, uint32_t count,
                           bool is_accepted, struct filters filters,
                           int64_t now_ms)
{
    int64_t wait_ms = m->config.allocation_interval_ms;
    if (filters.refusal == REFUSE_FOR_TIME && filters.refuse_ms > wait_ms)
        wait_ms = filters.refuse_ms;
    for (uint32_t i = 0; i < count; i++) {
        struct inverse *inverse = NULL;
        uint64_t number;
        if (offer_number_parse(m, id[i], &number))
            HASH_FIND(hh, m->inverses, &number, sizeof number, inverse);
        if (!inverse || inverse->framework != f)
            continue;
        take_in(m, inverse);
        inverse->answer = is_accepted ? INVERSE_ACCEPTED : INVERSE_DECLINED;
        inverse->answered_ms = now_ms;
        inverse->again_ms = now_ms + wait_ms;
        inverse_wake(m, inverse->agent, inverse->again_ms);
    }
}
