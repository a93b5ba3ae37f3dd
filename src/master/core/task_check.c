/* May this task be launched? Mesos' checks in Mesos' order and words. What only
 * the wire message can tell comes as a text in the head. */
#include "master/core/internal.h"

static bool say(struct buf *text, const char *problem)
{
    if (problem)
        buf_add_text(text, problem);
    return problem != NULL;
}

static bool id_in_use(const struct framework *f, const struct task_head *task,
                      struct buf *text)
{
    if (find_task(f->tasks, task->id)) {
        buf_addf(text, "Task has duplicate ID: %s", task->id);
        return true;
    }
    if (find_task(f->unreachable, task->id)) {
        buf_addf(text, "Task reuses the ID of an unreachable task: %s",
                 task->id);
        return true;
    }
    return false;
}

static bool own_problem(const struct framework *f, const struct agent *agent,
                        const struct task_head *task, struct buf *text)
{
    struct err err = {0};
    if (id_check(task->id, &err) < 0)
        return say(text, err.text);
    if (id_in_use(f, task, text))
        return true;
    if (HASH_COUNT(f->tasks) >= MASTER_TASKS_MAX) {
        buf_addf(text, "Framework has %d tasks already", MASTER_TASKS_MAX);
        return true;
    }
    if (strcmp(task->agent_id, agent->id) != 0) {
        buf_addf(text, "Task uses invalid agent %s while agent %s is expected",
                 task->agent_id, agent->id);
        return true;
    }
    if (task->is_kill_grace_negative)
        return say(text,
                   "Task's 'kill_policy.grace_period' must be non-negative");
    if (task->is_completion_time_negative)
        return say(text, "Task's `max_completion_time` must be non-negative");
    if (say(text, task->check_problem))
        return true;
    if (task->resources.count == 0)
        return say(text, "Task uses no resources");
    return say(text, task->command_problem) || say(text, task->limits_problem);
}

static bool executor_problem(const struct framework *f,
                             const struct agent *agent,
                             const struct executor_head *executor,
                             struct buf *text)
{
    if (say(text, executor->type_problem))
        return true;
    if (executor->is_framework_wrong) {
        buf_addf(text, "ExecutorInfo has an invalid FrameworkID (Expected: %s)",
                 f->id);
        return true;
    }
    const struct executor *running = executor_find(agent, f->id, executor->id);
    if (running && !bytes_equal(blob_bytes(running->info), executor->info))
        return say(text, "ExecutorInfo is not compatible with existing "
                         "ExecutorInfo with same ExecutorID.");
    if (!executor->is_custom_or_unset)
        return say(text, "'ExecutorInfo.type' must be 'CUSTOM'");
    if (!executor->has_command)
        return say(text, "'ExecutorInfo.command' must be set");
    return false;
}

/* Task and, when it is not running yet, executor, against what is offered. */
static bool size_problem(const struct framework *f, const struct agent *agent,
                         const struct task_head *task,
                         const struct resources *offered, const char *role,
                         struct buf *text)
{
    struct resources total;
    resources_copy(&total, &task->resources);
    if (task->has_executor && !executor_find(agent, f->id, task->executor.id))
        resources_add(&total, &task->executor.resources);
    resources_allocate(&total, role);
    bool fits = resources_contain(offered, &total);
    if (!fits) {
        buf_add_text(text, "Total resources ");
        resources_print(&total, text);
        buf_add_text(text, " required by task and its executor is more than "
                           "available ");
        resources_print(offered, text);
    }
    resources_release(&total);
    return !fits;
}

bool task_problem(const struct framework *f, const struct agent *agent,
                  const struct task_head *task, const struct resources *offered,
                  const char *role, struct buf *text)
{
    if (own_problem(f, agent, task, text))
        return true;
    if (task->has_executor == task->has_command)
        return say(text, "Task should have at least one (but not both) of "
                         "CommandInfo or ExecutorInfo present");
    if (task->has_executor && executor_problem(f, agent, &task->executor, text))
        return true;
    if (size_problem(f, agent, task, offered, role, text))
        return true;
    if (task->has_unshared_cgroups)
        return say(text, "Only tasks in a task group may have "
                         "'share_cgroups' set to 'false'");
    return false;
}
