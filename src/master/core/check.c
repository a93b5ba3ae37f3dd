/* What must always be true of the master's state. */
#include "master/core/internal.h"
#include <assert.h>

static void check_link(const struct master *m, uint64_t stream, bool is_agent,
                       uint64_t number)
{
    const struct link *link;
    HASH_FIND(hh, m->links, &stream, sizeof stream, link);
    assert(link && link->is_agent == is_agent && link->number == number);
}

/* Offered + used + free = total, and the allocator thinks the same. */
static void check_sum(const struct master *m, const struct agent *agent)
{
    struct resources sum = {0};
    const struct task *task;
    const struct offer *offer;
    DL_FOREACH2(agent->tasks, task, agent_next)
    if (task->is_charged)
        resources_add(&sum, &task->resources);
    DL_FOREACH2(agent->offers, offer, agent_next)
    resources_add(&sum, &offer->resources);
    for (const struct executor *e = agent->executors; e; e = e->hh.next)
        resources_add(&sum, &e->resources);
    resources_allocate(&sum, "");
    const struct resources *free_now =
        allocator_free_on(m->allocator, agent->number);
    assert(free_now);
    resources_add(&sum, free_now);
    assert(resources_equal(&sum, &agent->total));
    resources_release(&sum);
}

static void check_agent(const struct master *m, const struct agent *agent)
{
    bool is_known =
        agent->state == AGENT_CONNECTED || agent->state == AGENT_DISCONNECTED;
    assert((agent->state == AGENT_CONNECTED) == (agent->stream != 0));
    assert((agent->state == AGENT_UNREACHABLE) == (agent->unreachable_ms != 0));
    if (agent->stream != 0)
        check_link(m, agent->stream, true, agent->number);
    else
        assert(!agent->offers);
    const struct task *task;
    DL_FOREACH2(agent->tasks, task, agent_next)
    {
        assert(task->agent == agent);
        assert(strcmp(task->agent_id, agent->id) == 0);
        assert(find_task(task->framework->tasks, task->id) == task);
    }
    if (is_known) {
        assert(agent->ping_at_ms != 0);
        check_sum(m, agent);
    } else {
        assert(!agent->tasks && !agent->executors);
        assert(!allocator_free_on(m->allocator, agent->number));
    }
}

/* What is out is out for somebody who listens, and for an agent that goes. */
static uint32_t check_inverses(const struct master *m,
                               const struct agent *agent)
{
    uint32_t out = 0;
    const struct inverse *inverse;
    const struct master_machine *machine = machine_of_agent(m, agent);
    assert(agent->state != AGENT_CONNECTED ||
           agent->is_going == (machine != NULL));
    assert(!machine || !machine->is_down);
    DL_FOREACH2(agent->inverses, inverse, agent_next)
    {
        assert(inverse->agent == agent && agent->is_going);
        assert(!inverse->is_out || (agent->state == AGENT_CONNECTED &&
                                    inverse->framework->stream != 0));
        out += inverse->is_out;
    }
    return out;
}

static void check_tasks(const struct framework *f)
{
    for (const struct task *t = f->tasks; t; t = t->hh.next) {
        assert(t->framework == f && t->agent && !t->unreachable_ms);
        assert(t->is_charged == !task_state_is_terminal(t->state));
    }
    for (const struct task *t = f->unreachable; t; t = t->hh.next) {
        assert(!t->agent && !t->is_charged && t->unreachable_ms);
        assert(!find_task(f->tasks, t->id));
    }
    for (const struct task *t = f->completed; t; t = t->hh.next)
        assert(!t->agent && !t->is_charged && task_state_is_terminal(t->state));
}

static void check_framework(const struct master *m, const struct framework *f)
{
    assert(!master_completed_framework(m, f->id));
    assert((f->stream != 0) == (f->stream_id[0] != '\0'));
    assert((f->stream != 0) == (f->heartbeat_at_ms != 0));
    assert(!(f->stream != 0 && f->is_recovered));
    assert(f->fresh.count == 0 && f->asked.count == 0);
    if (f->stream != 0)
        check_link(m, f->stream, false, f->number);
    else
        assert(!f->offers && f->failover_at_ms != 0);
    check_tasks(f);
}

void master_check(const struct master *m)
{
    uint32_t recovered = 0, streams = 0, out = 0;
    for (const struct agent *a = m->agents; a; a = a->hh.next) {
        check_agent(m, a);
        out += check_inverses(m, a);
        recovered += a->state == AGENT_RECOVERED;
        streams += a->stream != 0;
    }
    assert(recovered == m->recovered_agents);
    assert(out == HASH_COUNT(m->inverses));
    for (const struct framework *f = m->frameworks; f; f = f->hh.next) {
        check_framework(m, f);
        streams += f->stream != 0;
    }
    assert(streams == HASH_COUNT(m->links));
    for (const struct framework *f = m->completed; f; f = f->hh.next)
        assert(!f->tasks && !f->unreachable && !f->executors && !f->offers);
    allocator_check(m->allocator);
}
