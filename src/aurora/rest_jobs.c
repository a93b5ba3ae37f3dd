/* GETs about jobs: their tasks, updates, groups and schedules. */
#include "aurora/rest.h"
#include "aurora/security.h"

#include <string.h>

typedef Perigee__Aurora__Call__Tasks Tasks;

/* --- jobs and their tasks --- */

int rest_get_jobs(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__List *list = arena_alloc(&g->r->arena, sizeof *list);

    perigee__aurora__call__list__init(list);
    g->r->call->list = list;
    list->role = rest_part_or(g, 0, "role");
    list->environment = rest_part_or(g, 1, "environment");
    if (rest_flag(g, "keys_only", &list->has_keys_only, &list->keys_only, err) <
            0 ||
        rest_page(g, &list->has_limit, &list->limit, &list->cursor, err) < 0)
        return -ERR_INVALID;
    rest_perform(g, TYPE(LIST_JOBS));
    return 0;
}

static int fill_tasks(struct get *g, struct err *err)
{
    Tasks *tasks = arena_alloc(&g->r->arena, sizeof *tasks);

    perigee__aurora__call__tasks__init(tasks);
    g->r->call->tasks = tasks;
    tasks->key = rest_path_key(g);
    if (rest_flag(g, "active", &tasks->has_active_only, &tasks->active_only,
                  err) < 0)
        return -ERR_INVALID;
    return rest_page(g, &tasks->has_limit, &tasks->limit, &tasks->cursor, err);
}

int rest_get_job(struct get *g, struct err *err)
{
    if (fill_tasks(g, err) < 0)
        return -ERR_INVALID;
    rest_perform(g, TYPE(GET_JOB));
    return 0;
}

int rest_get_tasks(struct get *g, struct err *err)
{
    if (fill_tasks(g, err) < 0)
        return -ERR_INVALID;
    rest_perform(g, TYPE(GET_TASKS));
    return 0;
}

int rest_get_instance(struct get *g, struct err *err)
{
    Perigee__Aurora__InstanceRange *range =
        arena_alloc(&g->r->arena, sizeof *range);
    int64_t instance = rest_number("instance", g->part[3], INSTANCES_MAX, err);

    if (instance < 0 || fill_tasks(g, err) < 0)
        return -ERR_INVALID;
    perigee__aurora__instance_range__init(range);
    range->has_first = true;
    range->first = (uint32_t)instance;
    g->r->call->tasks->n_instances = 1;
    g->r->call->tasks->instances =
        arena_memdup(&g->r->arena, &range, sizeof range);
    rest_perform(g, TYPE(GET_TASKS));
    return 0;
}

int rest_get_configs(struct get *g, struct err *err)
{
    if (fill_tasks(g, err) < 0)
        return -ERR_INVALID;
    rest_perform(g, TYPE(LIST_CONFIGS));
    return 0;
}

int rest_get_why(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__Why *why = arena_alloc(&g->r->arena, sizeof *why);

    (void)err;
    perigee__aurora__call__why__init(why);
    why->key = rest_path_key(g);
    g->r->call->why = why;
    rest_perform(g, TYPE(WHY));
    return 0;
}

int rest_get_task(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__GetTask *task =
        arena_alloc(&g->r->arena, sizeof *task);

    (void)err;
    perigee__aurora__call__get_task__init(task);
    task->task_id = (char *)g->part[0];
    g->r->call->get_task = task;
    rest_perform(g, TYPE(GET_TASK));
    return 0;
}

/* "RUNNING,PENDING" */
static int read_states(struct get *g, Perigee__Aurora__Call__FindTasks *find,
                       struct err *err)
{
    const ProtobufCEnumDescriptor *type =
        &perigee__aurora__task_state__descriptor;
    char *save = NULL, *text = rest_parameter(g, "state");

    if (!text)
        return 0;
    find->states =
        arena_alloc(&g->r->arena, (strlen(text) + 1) * sizeof *find->states);
    for (char *name = strtok_r(text, ",", &save); name;
         name = strtok_r(NULL, ",", &save)) {
        const ProtobufCEnumValue *value =
            protobuf_c_enum_descriptor_get_value_by_name(type, name);
        if (!value) {
            (void)err_set(err, ERR_INVALID,
                          "state '%s': want names of task states, separated "
                          "by commas",
                          name);
            err_field(err, "state");
            return -ERR_INVALID;
        }
        find->states[find->n_states++] =
            (Perigee__Aurora__TaskState)value->value;
    }
    return 0;
}

int rest_find_tasks(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__FindTasks *find =
        arena_alloc(&g->r->arena, sizeof *find);

    perigee__aurora__call__find_tasks__init(find);
    g->r->call->find_tasks = find;
    find->role = rest_parameter(g, "role");
    find->environment = rest_parameter(g, "environment");
    find->name = rest_parameter(g, "name");
    find->hostname = rest_parameter(g, "hostname");
    find->agent_id = rest_parameter(g, "agent_id");
    if (read_states(g, find, err) < 0 ||
        rest_page(g, &find->has_limit, &find->limit, &find->cursor, err) < 0)
        return -ERR_INVALID;
    rest_perform(g, TYPE(LIST_TASKS));
    return 0;
}

/* --- updates --- */

int rest_get_updates(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__Update *update =
        arena_alloc(&g->r->arena, sizeof *update);

    perigee__aurora__call__update__init(update);
    g->r->call->update = update;
    if (g->part[2]) {
        update->key = rest_path_key(g);
    } else {
        update->role = rest_parameter(g, "role");
        update->environment = rest_parameter(g, "environment");
    }
    if (rest_flag(g, "active", &update->has_active_only, &update->active_only,
                  err) < 0 ||
        rest_page(g, &update->has_limit, &update->limit, &update->cursor, err) <
            0)
        return -ERR_INVALID;
    rest_perform(g, TYPE(LIST_UPDATES));
    return 0;
}

int rest_get_update(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__Update *query =
        arena_alloc(&g->r->arena, sizeof *query);
    const struct update *u = g->r->p->core.update_by_number;

    while (u && !bytes_equal_text(blob_bytes(u->id), g->part[0]))
        u = u->hh.next;
    bool is_hidden = u && !security_sees(g->r, &u->job->key);
    if (is_hidden) {
        g->r->route = api_route(TYPE(GET_UPDATE));
        security_note_hidden(g->r);
    }
    if (!u || is_hidden) {
        (void)err_set(err, ERR_NOT_FOUND, "update '%s' does not exist",
                      g->part[0]);
        err_field(err, "update_id");
        return -ERR_NOT_FOUND;
    }
    perigee__aurora__call__update__init(query);
    query->key = key_encode(&u->job->key, &g->r->arena);
    query->update_id = (char *)g->part[0];
    g->r->call->update = query;
    rest_perform(g, TYPE(GET_UPDATE));
    return 0;
}

int rest_get_groups(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__Groups *q = arena_alloc(&g->r->arena, sizeof *q);

    perigee__aurora__call__groups__init(q);
    g->r->call->groups = q;
    q->role = rest_part_or(g, 0, "role");
    q->environment = rest_part_or(g, 1, "environment");
    q->key = g->part[2] ? rest_path_key(g) : NULL;
    if (rest_page(g, &q->has_limit, &q->limit, &q->cursor, err) < 0)
        return -ERR_INVALID;
    rest_perform(g, q->key ? TYPE(GET_GROUP) : TYPE(LIST_GROUPS));
    return 0;
}

int rest_get_crons(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__Cron *q = arena_alloc(&g->r->arena, sizeof *q);

    perigee__aurora__call__cron__init(q);
    g->r->call->cron = q;
    q->role = rest_part_or(g, 0, "role");
    q->environment = rest_part_or(g, 1, "environment");
    q->key = g->part[2] ? rest_path_key(g) : NULL;
    if (rest_page(g, &q->has_limit, &q->limit, &q->cursor, err) < 0)
        return -ERR_INVALID;
    rest_perform(g, q->key ? TYPE(GET_CRON) : TYPE(LIST_CRON));
    return 0;
}
