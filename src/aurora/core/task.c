#include "aurora/core/task.h"
#include "base/alloc.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *put_text(char *to, struct bytes text)
{
    if (text.size > 0)
        memcpy(to, text.data, text.size);
    to[text.size] = 0;
    return to;
}

struct placement *placement_new_take(struct blob *agent_id,
                                     struct bytes hostname,
                                     struct bytes endpoint, uint32_t port_count)
{
    struct placement *p;
    size_t head = sizeof *p + port_count * sizeof p->port[0];
    char *block = xcalloc(1, head + hostname.size + endpoint.size + 2);

    p = (struct placement *)(void *)block;
    p->refs = 1;
    p->agent_id = agent_id;
    p->hostname = put_text(block + head, hostname);
    p->endpoint = put_text(block + head + hostname.size + 1, endpoint);
    p->port_count = port_count;
    return p;
}

struct placement *placement_ref(struct placement *placement)
{
    if (placement)
        placement->refs++;
    return placement;
}

void placement_unref(struct placement *placement)
{
    if (!placement || --placement->refs > 0)
        return;
    blob_unref(placement->agent_id);
    free(placement);
}

void task_list_add(struct task_list *list, struct task *task)
{
    task->prev = list->last;
    task->next = NULL;
    if (list->last)
        list->last->next = task;
    else
        list->first = task;
    list->last = task;
    list->count++;
}

void task_list_remove(struct task_list *list, struct task *task)
{
    if (task->prev)
        task->prev->next = task->next;
    else
        list->first = task->next;
    if (task->next)
        task->next->prev = task->prev;
    else
        list->last = task->prev;
    task->prev = task->next = NULL;
    assert(list->count > 0);
    list->count--;
}

char *job_store_key(const struct job_key *key, char out[JOB_KEY_TEXT_MAX])
{
    snprintf(out, JOB_KEY_TEXT_MAX, "%s/%s/%s", key->role, key->env, key->name);
    return out;
}

struct task *job_task_new(struct bytes id, struct job *job,
                          struct job_config *config, uint32_t instance)
{
    struct task *task = xcalloc(1, sizeof *task);

    task->id = blob_new(id);
    task->job = job;
    task->config = job_config_ref(config);
    task->instance = instance;
    task->state = TASK_INIT;
    return task;
}

void job_task_free(struct task *task)
{
    assert(task->dirty_at == 0 && !task->prev && !task->next);
    for (uint32_t i = 0; i < task->events.count; i++)
        blob_unref(task->events.item[i].message);
    vec_free(&task->events);
    placement_unref(task->placement);
    job_config_unref(task->config);
    blob_unref(task->ancestor);
    blob_unref(task->id);
    free(task);
}

static void drop_event(struct task *task, uint32_t at)
{
    blob_unref(task->events.item[at].message);
    vec_remove(&task->events, at);
}

/* ... RUNNING PARTITIONED RUNNING PARTITIONED: forget the older pair. */
static void compact_events(struct task *task)
{
    uint32_t n = task->events.count;
    const struct task_event *e = task->events.item;

    if (n >= 4 && e[n - 1].state == e[n - 3].state &&
        e[n - 2].state == e[n - 4].state &&
        (e[n - 1].state == TASK_PARTITIONED ||
         e[n - 2].state == TASK_PARTITIONED)) {
        drop_event(task, n - 4);
        drop_event(task, n - 4);
    } else if (n > TASK_EVENTS_MAX) {
        drop_event(task, 1);
    }
}

void task_add_event(struct task *task, enum task_state state,
                    const char *message, int64_t now_ms)
{
    struct blob *blob = NULL;

    if (message && *message)
        blob = blob_new(bytes_of(message, strnlen(message, TASK_MESSAGE_MAX)));
    *vec_add(&task->events) =
        (struct task_event){.at_ms = now_ms, .state = state, .message = blob};
    compact_events(task);
}

void task_enter_host(struct task *task, struct host *host)
{
    task->host = host;
    task->host_prev = NULL;
    task->host_next = host->first_task;
    if (task->host_next)
        task->host_next->host_prev = task;
    host->first_task = task;
    host_use(host, &task->config->need);
}

void task_leave_host(struct task *task)
{
    if (task->host_prev)
        task->host_prev->host_next = task->host_next;
    else
        task->host->first_task = task->host_next;
    if (task->host_next)
        task->host_next->host_prev = task->host_prev;
    host_unuse(task->host, &task->config->need);
    task->host_prev = task->host_next = NULL;
    task->host = NULL;
}

bool task_was(const struct task *task, enum task_state state)
{
    for (uint32_t i = 0; i < task->events.count; i++)
        if (task->events.item[i].state == state)
            return true;
    return false;
}

int64_t task_since_ms(const struct task *task)
{
    assert(task->events.count > 0);
    return task->events.item[task->events.count - 1].at_ms;
}

void job_add_active(struct job *job, struct task *task)
{
    task_list_add(&job->active, task);
    HASH_ADD(hh_instance, job->by_instance, instance, sizeof task->instance,
             task);
}

void job_remove_active(struct job *job, struct task *task)
{
    job->unheard -= task->is_unheard;
    task->is_unheard = false;
    task_list_remove(&job->active, task);
    HASH_DELETE(hh_instance, job->by_instance, task);
}

struct task *job_active(const struct job *job, uint32_t instance)
{
    struct task *task;

    HASH_FIND(hh_instance, job->by_instance, &instance, sizeof instance, task);
    if (!task || task->state != TASK_KILLING)
        return task;
    /* Others of the instance are behind it in its bucket. */
    for (const UT_hash_handle *hh = task->hh_instance.hh_next; hh;
         hh = hh->hh_next) {
        struct task *other =
            (struct task *)(uintptr_t)((const char *)hh -
                                       offsetof(struct task, hh_instance));
        if (other->instance == instance && other->state != TASK_KILLING)
            return other;
    }
    return task;
}

uint32_t job_living(const struct job *job)
{
    uint32_t count = 0;

    for (const struct task *t = job->active.first; t; t = t->next)
        count += t->state != TASK_KILLING;
    return count;
}

bool job_is_suspended(const struct job *job)
{
    return job->instances == 0 && !job->is_killed && !job->is_removed &&
           job->config->is_service;
}

static int by_end(const void *x, const void *y)
{
    const struct task *a = *(struct task *const *)x;
    const struct task *b = *(struct task *const *)y;
    int64_t a_ms = task_since_ms(a), b_ms = task_since_ms(b);

    if (a_ms != b_ms)
        return a_ms < b_ms ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

void job_sort_ended(struct job *job)
{
    uint32_t count = job->ended.count, n = 0;
    struct task **task = xcalloc(count + 1, sizeof(void *));

    while (job->ended.first) {
        task[n++] = job->ended.first;
        task_list_remove(&job->ended, job->ended.first);
    }
    qsort(task, n, sizeof(void *), by_end);
    for (uint32_t i = 0; i < n; i++)
        task_list_add(&job->ended, task[i]);
    free(task);
}
