/* Calls that look across jobs: tasks by what they are, tasks that wait, what
 * roles have; and which instances of a job run what. */
#include "aurora/api.h"
#include "aurora/security.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOOKED_AT_MAX = 200000, /* tasks of one LIST_TASKS; then comes a cursor */
    HOSTS_ASKED_MAX = 20000 /* of one LIST_PENDING: it looks at every host for
                               each reason */
};

typedef Perigee__Aurora__Answer Answer;
typedef Perigee__Aurora__Call__FindTasks FindTasks;
typedef Perigee__Aurora__Call__Roles Roles;

static bool matches(const char *wanted, const char *has)
{
    return !wanted || !*wanted || strcmp(wanted, has) == 0;
}

void api_get_task(struct request *r, int64_t now_ms, struct effects *fx)
{
    const char *id = r->call->get_task->task_id;
    struct task *task = id ? aurora_task(&r->p->core, bytes_of_text(id)) : NULL;
    struct err err = {0};

    bool is_hidden = task && !security_sees(r, &task->config->key);
    if (is_hidden)
        security_note_hidden(r);
    if (!task || is_hidden) {
        (void)err_set(&err, ERR_NOT_FOUND, "task '%s' does not exist",
                      id ? id : "");
        err_field(&err, "task_id");
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    Answer *answer = api_answer_new(r);
    answer->n_tasks = 1;
    answer->tasks = arena_alloc(&r->arena, sizeof(void *));
    answer->tasks[0] = view_task(r->p, task, &r->arena);
    api_answer(r, answer, now_ms, fx);
}

/* --- tasks of all jobs --- */

/* Behind which instance of which job a page begins. */
struct place {
    uint32_t job_at;
    bool has_instance;
    uint32_t instance; /* the last one shown of that job */
};

/* "role/env/name/instance" */
static int tasks_start(struct aurora_program *p, const char *cursor,
                       struct place *out, struct err *err)
{
    char text[JOB_KEY_TEXT_MAX + 16];
    struct job_key key;
    int64_t instance;
    char *last;

    *out = (struct place){0};
    if (!cursor || !*cursor)
        return 0;
    snprintf(text, sizeof text, "%s/%s", p->options.cluster, cursor);
    last = strrchr(text, '/');
    *last = '\0';
    if (text_int(last + 1, 0, UINT32_MAX, &instance, NULL) < 0 ||
        job_key_parse(text, &key, NULL) < 0)
        return api_refuse_cursor(err, "cursor", cursor);
    out->job_at = aurora_job_at(&p->core, &key);
    out->instance = (uint32_t)instance;
    out->has_instance =
        out->job_at < p->core.jobs.count &&
        job_key_equal(&p->core.jobs.item[out->job_at]->key, &key);
    return 0;
}

static bool is_wanted(const FindTasks *find, const struct task *task)
{
    const struct placement *place = task->placement;
    bool is_state = find->n_states == 0;

    for (size_t i = 0; i < find->n_states; i++)
        is_state |= (int)find->states[i] == (int)task->state;
    if (!is_state)
        return false;
    if (find->hostname && *find->hostname &&
        (!place || strcmp(place->hostname, find->hostname) != 0))
        return false;
    return !find->agent_id || !*find->agent_id ||
           (place &&
            bytes_equal_text(blob_bytes(place->agent_id), find->agent_id));
}

static int by_instance(const void *x, const void *y)
{
    const struct task *a = *(struct task *const *)x;
    const struct task *b = *(struct task *const *)y;

    if (a->instance != b->instance)
        return a->instance < b->instance ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

static void collect(const struct task_list *list, const FindTasks *find,
                    const struct place *from, struct task **out, size_t *count)
{
    for (struct task *t = list->first; t; t = t->next)
        if ((!from->has_instance || t->instance > from->instance) &&
            is_wanted(find, t))
            out[(*count)++] = t;
}

/* Room for `more` tasks; what grows doubles, since an arena keeps it all. */
static void reserve(Answer *answer, size_t more, size_t *capacity,
                    struct arena *arena)
{
    size_t wanted = answer->n_tasks + more;

    if (wanted <= *capacity)
        return;
    *capacity = wanted * 2;
    Perigee__Aurora__TaskView **all =
        arena_alloc(arena, *capacity * sizeof(void *));
    if (answer->n_tasks > 0)
        memcpy(all, answer->tasks, answer->n_tasks * sizeof(void *));
    answer->tasks = all;
}

/* The job's tasks until the page is full; true when some are left. */
static bool add_tasks(struct request *r, const struct job *job,
                      const struct place *from, uint32_t size, Answer *answer,
                      size_t *capacity)
{
    size_t count = 0, at = 0;
    char key[JOB_KEY_TEXT_MAX];
    struct task **task = xcalloc(job->active.count + job->ended.count + 1,
                                 sizeof(struct task *));

    collect(&job->active, r->call->find_tasks, from, task, &count);
    collect(&job->ended, r->call->find_tasks, from, task, &count);
    qsort(task, count, sizeof *task, by_instance);
    reserve(answer, count, capacity, &r->arena);
    for (; at < count; at++) {
        if (answer->n_tasks >= size && at > 0 &&
            task[at]->instance != task[at - 1]->instance)
            break;
        answer->tasks[answer->n_tasks++] = view_task(r->p, task[at], &r->arena);
    }
    if (at < count)
        answer->cursor =
            arena_printf(&r->arena, "%s/%u", job_store_key(&job->key, key),
                         task[at - 1]->instance);
    free(task);
    return at < count;
}

static bool is_job_wanted(const struct request *r, const FindTasks *find,
                          const struct job *job)
{
    return matches(find->role, job->key.role) &&
           matches(find->environment, job->key.env) &&
           matches(find->name, job->key.name) && security_sees(r, &job->key);
}

void api_find_tasks(struct request *r, int64_t now_ms, struct effects *fx)
{
    static const FindTasks all = PERIGEE__AURORA__CALL__FIND_TASKS__INIT;
    struct aurora *core = &r->p->core;
    struct place from;
    struct err err = {0};
    char key[JOB_KEY_TEXT_MAX];
    uint64_t looked_at = 0;
    size_t capacity = 0;

    if (!r->call->find_tasks)
        r->call->find_tasks = arena_memdup(&r->arena, &all, sizeof all);
    const FindTasks *find = r->call->find_tasks;
    uint32_t size = api_page_size(find->limit);
    if (tasks_start(r->p, find->cursor, &from, &err) < 0) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    Answer *answer = api_answer_new(r);
    for (uint32_t i = from.job_at; i < core->jobs.count; i++) {
        const struct job *job = core->jobs.item[i];
        if (!is_job_wanted(r, find, job))
            continue;
        looked_at += job->active.count + job->ended.count;
        if (add_tasks(r, job, &from, size, answer, &capacity))
            break;
        from.has_instance = false;
        if ((answer->n_tasks >= size || looked_at >= LOOKED_AT_MAX) &&
            i + 1 < core->jobs.count) {
            answer->cursor = arena_printf(
                &r->arena, "%s/%u", job_store_key(&job->key, key), UINT32_MAX);
            break;
        }
    }
    api_answer(r, answer, now_ms, fx);
}

/* --- which instances run what --- */

static int by_config(const void *x, const void *y)
{
    const struct task *a = *(struct task *const *)x;
    const struct task *b = *(struct task *const *)y;
    int order = strcmp(a->config->id, b->config->id);

    return order ? order : by_instance(x, y);
}

/* The tasks of one configuration, in the order of their instances. */
static Perigee__Aurora__ConfigGroup *view_config_group(const struct job *job,
                                                       struct task *const *task,
                                                       size_t count,
                                                       struct arena *arena)
{
    Perigee__Aurora__ConfigGroup *out = arena_alloc(arena, sizeof *out);
    Perigee__Aurora__InstanceRange *range = NULL;

    perigee__aurora__config_group__init(out);
    out->config_id = task[0]->config->id;
    out->has_count = out->has_current = true;
    out->count = (uint32_t)count;
    out->current = task[0]->config == job->config;
    out->job = (Perigee__Job *)job_of(task[0]->config);
    out->instances = arena_alloc(arena, count * sizeof(void *));
    for (size_t i = 0; i < count; i++) {
        uint32_t instance = task[i]->instance;
        if (range && instance <= range->last + 1) {
            range->last = instance;
            continue;
        }
        range = arena_alloc(arena, sizeof *range);
        perigee__aurora__instance_range__init(range);
        range->has_first = range->has_last = true;
        range->first = range->last = instance;
        out->instances[out->n_instances++] = range;
    }
    return out;
}

void api_configs(struct request *r, int64_t now_ms, struct effects *fx)
{
    struct err err = {0};
    struct job *job;
    size_t count = 0;

    if (api_find_job(r, r->call->tasks->key, false, &job, &err) < 0) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    Answer *answer = api_answer_new(r);
    struct task **task = xcalloc(job->active.count + 1, sizeof(struct task *));
    for (struct task *t = job->active.first; t; t = t->next)
        task[count++] = t;
    qsort(task, count, sizeof *task, by_config);
    answer->groups_by_config =
        arena_alloc(&r->arena, (count + 1) * sizeof(void *));
    for (size_t from = 0, to; from < count; from = to) {
        for (to = from + 1;
             to < count && task[to]->config == task[from]->config;)
            to++;
        answer->groups_by_config[answer->n_groups_by_config++] =
            view_config_group(job, &task[from], to - from, &r->arena);
    }
    free(task);
    api_answer(r, answer, now_ms, fx);
}

/* --- what waits --- */

static int by_key(const void *x, const void *y)
{
    const struct job_config *a = *(struct job_config *const *)x;
    const struct job_config *b = *(struct job_config *const *)y;
    int order = job_key_compare(&a->key, &b->key);

    return order ? order : strcmp(a->id, b->id);
}

/* Groups of tasks that wait, by key; *count of them, to be freed. */
static struct job_config **waiting_groups(const struct request *r,
                                          const char *role, size_t *count)
{
    const struct aurora *a = &r->p->core;
    size_t most = 0;

    *count = 0;
    for (struct job_config *g = a->group_first; g; g = g->group_next)
        most++;
    struct job_config **group = xcalloc(most + 1, sizeof *group);
    for (struct job_config *g = a->group_first; g; g = g->group_next)
        if (g->waiting_count > 0 && matches(role, g->key.role) &&
            security_sees(r, &g->key))
            group[(*count)++] = g;
    qsort(group, *count, sizeof *group, by_key);
    return group;
}

static char *group_cursor(const struct job_config *config, struct arena *arena)
{
    char key[JOB_KEY_TEXT_MAX];

    return arena_printf(arena, "%s/%s", job_store_key(&config->key, key),
                        config->id);
}

/* Behind the group that the cursor names, whether it still waits or not. */
static int pending_start(const struct aurora_program *p, const char *cursor,
                         struct job_config *const *group, size_t count,
                         size_t *at, struct err *err)
{
    char text[JOB_KEY_TEXT_MAX + CONFIG_ID_MAX];
    struct job_key key;

    if (!cursor || !*cursor)
        return 0;
    snprintf(text, sizeof text, "%s/%s", p->options.cluster, cursor);
    char *id = strrchr(text, '/');
    *id++ = '\0';
    if (job_key_parse(text, &key, NULL) < 0)
        return api_refuse_cursor(err, "cursor", cursor);
    while (*at < count) {
        int order = job_key_compare(&group[*at]->key, &key);
        if (order > 0 || (order == 0 && strcmp(group[*at]->id, id) > 0))
            break;
        (*at)++;
    }
    return 0;
}

static Perigee__Aurora__PendingView *view_pending(
    struct request *r, const struct job_config *config)
{
    Perigee__Aurora__PendingView *out = arena_alloc(&r->arena, sizeof *out);
    const struct task *oldest = config->waiting_first;

    perigee__aurora__pending_view__init(out);
    out->key = key_encode(&config->key, &r->arena);
    out->config_id = (char *)config->id;
    out->has_tasks = out->has_since_ms = true;
    out->tasks = config->waiting_count;
    if (oldest->events.count > 0)
        out->since_ms =
            (uint64_t)oldest->events.item[oldest->events.count - 1].at_ms;
    out->why = arena_alloc(&r->arena, sizeof *out->why);
    perigee__aurora__answer__why__init(out->why);
    out->why->has_pending = true;
    out->why->pending = config->waiting_count;
    api_fill_why(r, oldest->job, config, out->why);
    return out;
}

void api_pending(struct request *r, int64_t now_ms, struct effects *fx)
{
    static const Roles none = PERIGEE__AURORA__CALL__ROLES__INIT;
    const Roles *query = r->call->roles ? r->call->roles : &none;
    uint32_t size = api_page_size(query->limit);
    size_t count, at = 0;
    struct err err = {0};
    struct aurora *core = &r->p->core;
    struct job_config **group = waiting_groups(r, query->role, &count);
    Answer *answer = api_answer_new(r);
    uint64_t hosts = HASH_COUNT(core->hosts.by_agent), asked = 0;

    if (pending_start(r->p, query->cursor, group, count, &at, &err) < 0) {
        free(group);
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    answer->pending = arena_alloc(&r->arena, (size + 1) * sizeof(void *));
    for (; at < count; at++) {
        if (answer->n_pending == size || asked >= HOSTS_ASKED_MAX) {
            answer->cursor = group_cursor(group[at - 1], &r->arena);
            break;
        }
        answer->pending[answer->n_pending++] = view_pending(r, group[at]);
        asked += hosts + 1;
    }
    free(group);
    api_answer(r, answer, now_ms, fx);
}

/* --- roles --- */

static int compare_role(const void *role, const void *view)
{
    return strcmp(role, (*(Perigee__Aurora__RoleView *const *)view)->role);
}

static void count_pending(const struct request *r, Answer *answer)
{
    const struct aurora *a = &r->p->core;

    for (struct job_config *g = a->group_first; g; g = g->group_next) {
        if (!security_sees(r, &g->key))
            continue;
        Perigee__Aurora__RoleView **found =
            bsearch(g->key.role, answer->roles, answer->n_roles, sizeof(void *),
                    compare_role);
        if (found)
            (*found)->pending += g->waiting_count;
    }
}

static Perigee__Aurora__RoleView *add_role(Answer *answer, const char *role,
                                           struct arena *arena)
{
    Perigee__Aurora__RoleView *out = arena_alloc(arena, sizeof *out);

    perigee__aurora__role_view__init(out);
    out->role = (char *)role;
    out->has_jobs = out->has_services = true;
    out->has_active = out->has_pending = true;
    answer->roles[answer->n_roles++] = out;
    return out;
}

void api_roles(struct request *r, int64_t now_ms, struct effects *fx)
{
    static const Roles none = PERIGEE__AURORA__CALL__ROLES__INIT;
    const Roles *query = r->call->roles ? r->call->roles : &none;
    uint32_t size = api_page_size(query->limit);
    struct aurora *core = &r->p->core;
    Perigee__Aurora__RoleView *view = NULL;
    Answer *answer = api_answer_new(r);

    answer->roles = arena_alloc(&r->arena, (size + 1) * sizeof(void *));
    for (uint32_t i = 0; i < core->jobs.count; i++) {
        const struct job *job = core->jobs.item[i];
        if (job->is_removed || !matches(query->role, job->key.role) ||
            (query->cursor && strcmp(job->key.role, query->cursor) <= 0) ||
            !security_sees(r, &job->key))
            continue;
        if (!view || strcmp(view->role, job->key.role) != 0) {
            if (answer->n_roles == size) {
                answer->cursor = view ? view->role : NULL;
                break;
            }
            view = add_role(answer, job->key.role, &r->arena);
        }
        view->jobs++;
        view->services += job->config->is_service;
        view->active += job->active.count;
    }
    count_pending(r, answer);
    api_answer(r, answer, now_ms, fx);
}
