#include "agent/core/state.h"
#include "base/alloc.h"
#include <assert.h>
#include <string.h>

bool agent_task_state_is_terminal(enum agent_task_state state)
{
    switch (state) {
    case AGENT_TASK_FINISHED:
    case AGENT_TASK_FAILED:
    case AGENT_TASK_KILLED:
    case AGENT_TASK_LOST:
    case AGENT_TASK_ERROR:
    case AGENT_TASK_DROPPED:
    case AGENT_TASK_GONE:
        return true;
    case AGENT_TASK_STARTING:
    case AGENT_TASK_RUNNING:
    case AGENT_TASK_STAGING:
    case AGENT_TASK_KILLING:
        return false;
    }
    return false; /* a state of a later Mesos: wait for a known one */
}

bool agent_task_is_terminal(const struct agent_task *task)
{
    return agent_task_state_is_terminal(task->state);
}

struct agent_update *agent_task_head(const struct agent_task *task)
{
    return task->acknowledged < task->updates.count
               ? task->updates.item[task->acknowledged]
               : NULL;
}

void agent_executor_total(const struct agent_executor *executor,
                          struct resources *out)
{
    resources_copy(out, &executor->resources);
    for (uint32_t i = 0; i < executor->tasks.count; i++)
        if (!agent_task_is_terminal(executor->tasks.item[i]))
            resources_add(out, &executor->tasks.item[i]->resources);
}

/* NOLINTNEXTLINE(readability-function-size): macros of uthash */
struct agent_framework *agent_core_framework(const struct agent_core *core,
                                             const char *id)
{
    struct agent_framework *found = NULL;
    HASH_FIND(by_id, core->frameworks, id, strlen(id), found);
    return found;
}

/* NOLINTNEXTLINE(readability-function-size): macros of uthash */
struct agent_executor *agent_core_executor(
    const struct agent_framework *framework, const char *id)
{
    struct agent_executor *found = NULL;
    HASH_FIND(by_id, framework->live, id, strlen(id), found);
    return found;
}

/* NOLINTNEXTLINE(readability-function-size): macros of uthash */
struct agent_executor *agent_core_container(const struct agent_core *core,
                                            const char *container_id)
{
    struct agent_executor *found = NULL;
    HASH_FIND(by_container, core->containers, container_id,
              strlen(container_id), found);
    return found;
}

/* NOLINTNEXTLINE(readability-function-size): macros of uthash */
struct agent_task *agent_core_task(const struct agent_framework *framework,
                                   const char *id)
{
    struct agent_task *found = NULL;
    HASH_FIND(by_id, framework->tasks, id, strlen(id), found);
    return found;
}

/* A framework that was here before goes on with its history. */
static struct agent_framework *take_completed(struct agent_core *core,
                                              const char *id)
{
    for (uint32_t i = 0; i < core->completed.count; i++) {
        struct agent_framework *framework = core->completed.item[i];
        if (strcmp(framework->id, id) != 0)
            continue;
        vec_remove(&core->completed, i);
        return framework;
    }
    return NULL;
}

/* NOLINTNEXTLINE(readability-function-size): macros of uthash */
struct agent_framework *agent_core_add_framework(struct agent_core *core,
                                                 const char *id)
{
    assert(agent_core_framework(core, id) == NULL);
    struct agent_framework *framework = take_completed(core, id);
    if (framework == NULL) {
        framework = xcalloc(1, sizeof *framework);
        framework->id = xstrdup(id);
    }
    framework->is_ending = false;
    HASH_ADD_KEYPTR(by_id, core->frameworks, framework->id,
                    strlen(framework->id), framework);
    return framework;
}

/* NOLINTNEXTLINE(readability-function-size): macros of uthash */
struct agent_executor *agent_core_add_executor(
    struct agent_core *core, struct agent_framework *framework, const char *id,
    const char *container_id)
{
    assert(agent_core_executor(framework, id) == NULL);
    assert(strlen(container_id) < UUID_TEXT_MAX);
    struct agent_executor *executor = xcalloc(1, sizeof *executor);
    executor->id = xstrdup(id);
    memcpy(executor->container_id, container_id, strlen(container_id) + 1);
    executor->framework = framework;
    executor->serial = ++core->next_serial;
    executor->grace_ms = core->times.shutdown_grace;
    HASH_ADD_KEYPTR(by_id, framework->live, executor->id, strlen(executor->id),
                    executor);
    HASH_ADD_KEYPTR(by_container, core->containers, executor->container_id,
                    strlen(executor->container_id), executor);
    HASH_ADD(by_serial, core->executors_by_serial, serial,
             sizeof executor->serial, executor);
    *vec_add(&framework->executors) = executor;
    return executor;
}

/* NOLINTNEXTLINE(readability-function-size): macros of uthash */
struct agent_task *agent_core_add_task(struct agent_core *core,
                                       struct agent_executor *executor,
                                       const char *id)
{
    struct agent_framework *framework = executor->framework;
    assert(agent_core_task(framework, id) == NULL);
    struct agent_task *task = xcalloc(1, sizeof *task);
    task->id = xstrdup(id);
    task->executor = executor;
    task->serial = ++core->next_serial;
    task->state = AGENT_TASK_STAGING;
    task->grace_ms = -1;
    task->next_sequence = 1;
    HASH_ADD_KEYPTR(by_id, framework->tasks, task->id, strlen(task->id), task);
    HASH_ADD(by_serial, core->tasks_by_serial, serial, sizeof task->serial,
             task);
    *vec_add(&executor->tasks) = task;
    core->task_count++;
    return task;
}

void agent_core_bury_update(struct agent_core *core,
                            struct agent_update *update)
{
    *vec_add(&core->grave_updates) = update;
}

/* The container is gone: its name is free for another executor. */
void agent_core_end_executor(struct agent_core *core,
                             struct agent_executor *executor)
{
    assert(executor->state != AGENT_EXECUTOR_TERMINATED);
    executor->state = AGENT_EXECUTOR_TERMINATED;
    executor->silent_at_ms = 0;
    executor->shutdown_at_ms = 0;
    executor->is_recovering = false;
    HASH_DELETE(by_id, executor->framework->live, executor);
    HASH_DELETE(by_serial, core->executors_by_serial, executor);
}

#define remove_from(list, what)                         \
    do {                                                \
        for (uint32_t at = 0; at < (list)->count; at++) \
            if ((list)->item[at] == (what)) {           \
                vec_remove(list, at);                   \
                break;                                  \
            }                                           \
    } while (0)

void agent_core_complete_task(struct agent_core *core, struct agent_task *task)
{
    struct agent_executor *executor = task->executor;
    HASH_DELETE(by_id, executor->framework->tasks, task);
    HASH_DELETE(by_serial, core->tasks_by_serial, task);
    remove_from(&executor->tasks, task);
    core->task_count--;
    task->retry_at_ms = 0;
    if (executor->completed.count == AGENT_COMPLETED_TASKS_MAX) {
        *vec_add(&core->grave_tasks) = executor->completed.item[0];
        vec_remove(&executor->completed, 0);
    }
    *vec_add(&executor->completed) = task;
}

void agent_core_complete_executor(struct agent_core *core,
                                  struct agent_executor *executor)
{
    struct agent_framework *framework = executor->framework;
    assert(executor->state == AGENT_EXECUTOR_TERMINATED);
    assert(executor->tasks.count == 0);
    HASH_DELETE(by_container, core->containers, executor);
    remove_from(&framework->executors, executor);
    if (framework->completed.count == AGENT_COMPLETED_EXECUTORS_MAX) {
        *vec_add(&core->grave_executors) = framework->completed.item[0];
        vec_remove(&framework->completed, 0);
    }
    *vec_add(&framework->completed) = executor;
}

void agent_core_complete_framework(struct agent_core *core,
                                   struct agent_framework *framework)
{
    assert(framework->executors.count == 0);
    HASH_DELETE(by_id, core->frameworks, framework);
    if (core->completed.count == AGENT_COMPLETED_FRAMEWORKS_MAX) {
        *vec_add(&core->grave_frameworks) = core->completed.item[0];
        vec_remove(&core->completed, 0);
    }
    *vec_add(&core->completed) = framework;
}

static void update_free(struct agent_update *update)
{
    blob_unref(update->status);
    free(update->message);
    free(update);
}

static void task_free(struct agent_task *task)
{
    for (uint32_t i = 0; i < task->updates.count; i++)
        update_free(task->updates.item[i]);
    vec_free(&task->updates);
    blob_unref(task->info);
    resources_release(&task->resources);
    free(task->id);
    free(task);
}

static void executor_free(struct agent_executor *executor)
{
    for (uint32_t i = 0; i < executor->tasks.count; i++)
        task_free(executor->tasks.item[i]);
    for (uint32_t i = 0; i < executor->completed.count; i++)
        task_free(executor->completed.item[i]);
    vec_free(&executor->tasks);
    vec_free(&executor->completed);
    blob_unref(executor->info);
    resources_release(&executor->resources);
    free(executor->cause.message);
    free(executor->id);
    free(executor);
}

void agent_framework_free(struct agent_framework *framework)
{
    HASH_CLEAR(by_id, framework->tasks);
    HASH_CLEAR(by_id, framework->live);
    for (uint32_t i = 0; i < framework->executors.count; i++)
        executor_free(framework->executors.item[i]);
    for (uint32_t i = 0; i < framework->completed.count; i++)
        executor_free(framework->completed.item[i]);
    vec_free(&framework->executors);
    vec_free(&framework->completed);
    blob_unref(framework->info);
    free(framework->user);
    free(framework->id);
    free(framework);
}

void agent_core_clear_graves(struct agent_core *core)
{
    for (uint32_t i = 0; i < core->grave_updates.count; i++)
        update_free(core->grave_updates.item[i]);
    for (uint32_t i = 0; i < core->grave_tasks.count; i++)
        task_free(core->grave_tasks.item[i]);
    for (uint32_t i = 0; i < core->grave_executors.count; i++)
        executor_free(core->grave_executors.item[i]);
    for (uint32_t i = 0; i < core->grave_frameworks.count; i++)
        agent_framework_free(core->grave_frameworks.item[i]);
    core->grave_updates.count = 0;
    core->grave_tasks.count = 0;
    core->grave_executors.count = 0;
    core->grave_frameworks.count = 0;
}
