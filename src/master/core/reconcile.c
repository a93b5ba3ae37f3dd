/* RECONCILE: what the master knows about a task, or why it says nothing. */
#include "master/core/internal.h"

struct answer {
    enum task_state state;
    const char *text;
    int64_t unreachable_ms;
};

static void tell_state(const struct framework *f, const struct task *task,
                       enum task_state state, struct outputs *out)
{
    const struct status *last = task_last_status(task);
    tell_status(
        out, f, task->id, task->agent_id, state, STATUS_REASON_RECONCILIATION,
        "Reconciliation: Latest task state", 0, last ? last->wire : NULL);
}

/* As far as updates have been passed on: the rest of them will follow. */
static void tell_known(const struct framework *f, const struct task *task,
                       struct outputs *out)
{
    tell_state(f, task, task->has_update ? task->update_state : task->state,
               out);
}

/* A task the master does not have, on an agent that the framework names. */
static bool answer_by_agent(const struct agent *agent, struct answer *answer)
{
    switch (agent->state) {
    case AGENT_RECOVERED:
        return false; /* the agent may come back with it */
    case AGENT_CONNECTED:
    case AGENT_DISCONNECTED:
        *answer = (struct answer){
            TASK_STATE_GONE, "Reconciliation: Task is unknown to the agent", 0};
        return true;
    case AGENT_UNREACHABLE:
        *answer = (struct answer){TASK_STATE_UNREACHABLE,
                                  "Reconciliation: Task is unreachable",
                                  agent->unreachable_ms};
        return true;
    }
    return false;
}

static bool answer_unknown(const struct master *m, const char *agent_id,
                           struct answer *answer)
{
    if (!agent_id && m->recovered_agents > 0)
        return false;
    const struct agent *agent = agent_id ? master_agent(m, agent_id) : NULL;
    if (agent)
        return answer_by_agent(agent, answer);
    *answer = (struct answer){TASK_STATE_UNKNOWN,
                              "Reconciliation: Task is unknown", 0};
    return true;
}

static void reconcile_one(const struct master *m, const struct framework *f,
                          const struct reconcile_task *wanted,
                          struct outputs *out)
{
    const struct task *task = find_task(f->tasks, wanted->task_id);
    if (task) {
        tell_known(f, task, out);
        return;
    }
    const char *agent_id = wanted->agent_id;
    struct answer answer;
    task = find_task(f->unreachable, wanted->task_id);
    if (task) {
        agent_id = task->agent_id;
        answer = (struct answer){TASK_STATE_UNREACHABLE,
                                 "Reconciliation: Task is unreachable",
                                 task->unreachable_ms};
    } else if (!answer_unknown(m, agent_id, &answer)) {
        return;
    } else if (answer.state == TASK_STATE_UNREACHABLE &&
               (task = find_task(f->completed, wanted->task_id)) != NULL) {
        /* It ended before its agent was lost; that news may not have reached
         * the framework, and nobody is left to send it again. Mesos says
         * UNREACHABLE here, and takes the end back. */
        tell_state(f, task, task->state, out);
        return;
    }
    tell_status(
        out, f, wanted->task_id, agent_id, framework_view(f, answer.state),
        STATUS_REASON_RECONCILIATION, answer.text,
        f->flags & FRAMEWORK_PARTITION_AWARE ? answer.unreachable_ms : 0, NULL);
}

void master_reconcile(struct master *m, struct framework *f,
                      const struct reconcile_task *task, uint32_t count,
                      struct outputs *out)
{
    if (count == 0)
        for (const struct task *t = f->tasks; t; t = t->hh.next)
            tell_known(f, t, out);
    for (uint32_t i = 0; i < count; i++)
        reconcile_one(m, f, &task[i], out);
}
