/* Calls about hosts that people take out of use. */
#include "aurora/api.h"
#include "aurora/security.h"

#include <stdlib.h>
#include <string.h>

typedef Perigee__Aurora__Answer Answer;
typedef Perigee__Aurora__MaintenanceView View;
typedef Perigee__Aurora__Call__Maintenance Query;

enum {
    DAY_SECS = 24 * 60 * 60,
    WEEK_SECS = 7 * DAY_SECS,
    WAITING_SHOWN_MAX = 1000 /* tasks in one answer */
};

/* --- views --- */

/* Names by their bytes, so that many are found at once. */
struct viewed {
    char *name;
    View *view;
    UT_hash_handle hh;
};

struct viewing {
    struct request *r;
    struct viewed *by_name;
    uint32_t tasks; /* room for so many more */
};

static void view_drain(const struct maintenance *m, View *out,
                       struct arena *arena)
{
    out->since_ms = (uint64_t)m->since_ms;
    out->has_since_ms = true;
    out->mode = (Perigee__Aurora__MaintenanceView__Mode)m->mode;
    out->reason = m->reason;
    if (m->mode < MAINTENANCE_DRAINING)
        return;
    out->has_began_ms = out->has_deadline_ms = true;
    out->began_ms = (uint64_t)m->began_ms;
    out->deadline_ms = (uint64_t)(m->began_ms + m->timeout_ms);
    if (m->policy.kind == SLA_NONE)
        return;
    out->default_policy = arena_alloc(arena, sizeof *out->default_policy);
    perigee__sla_policy__init(out->default_policy);
    sla_view(&m->policy, out->default_policy);
}

/* The view of a name, in the answer; made when it is not there. */
static void add_name(struct viewing *v, Answer *answer, const char *name)
{
    struct arena *arena = &v->r->arena;
    const struct maintenance *m = aurora_maintenance(&v->r->p->core, name);
    struct viewed *found;
    size_t size = strlen(name);

    HASH_FIND(hh, v->by_name, name, size, found);
    if (found)
        return;
    found = arena_alloc(arena, sizeof *found);
    found->name = arena_strdup(arena, name);
    found->view = arena_alloc(arena, sizeof *found->view);
    perigee__aurora__maintenance_view__init(found->view);
    found->view->name = found->name;
    found->view->has_mode = true;
    if (m)
        view_drain(m, found->view, arena);
    HASH_ADD_KEYPTR(hh, v->by_name, found->name, size, found);
    answer->maintenance[answer->n_maintenance++] = found->view;
}

static void *grown(struct arena *arena, void *item, size_t count)
{
    void **more;

    /* Powers of two are full. */
    if (count > 0 && (count & (count - 1)) != 0)
        return item;
    more = arena_alloc(arena, (count ? 2 * count : 1) * sizeof *more);
    if (count > 0)
        memcpy((void *)more, item, count * sizeof *more);
    return (void *)more;
}

static void add_task(struct viewing *v, const struct task *task, View *out)
{
    struct arena *arena = &v->r->arena;
    Perigee__Aurora__MaintenanceView__Task *one;

    if (v->tasks == 0 || !security_sees(v->r, &task->job->key))
        return;
    v->tasks--;
    one = arena_alloc(arena, sizeof *one);
    perigee__aurora__maintenance_view__task__init(one);
    one->task_id = view_text(task->id, arena);
    one->key = key_encode(&task->job->key, arena);
    one->has_instance = one->has_state = one->has_wait = true;
    one->has_again_ms = true;
    one->instance = task->instance;
    one->state = (Perigee__Aurora__TaskState)task->state;
    one->hostname = task->host->hostname;
    one->wait = task->state >= TASK_PREEMPTING && task->state <= TASK_KILLING
                    ? PERIGEE__AURORA__MAINTENANCE_VIEW__WAIT__END
                    : (Perigee__Aurora__MaintenanceView__Wait)task->drain_wait;
    one->again_ms = (uint64_t)task->drain_again_ms;
    out->tasks = grown(arena, (void *)out->tasks, out->n_tasks);
    out->tasks[out->n_tasks++] = one;
}

static void add_host(struct viewing *v, const struct host *host,
                     struct bytes name)
{
    struct arena *arena = &v->r->arena;
    Perigee__Aurora__MaintenanceView__Host *one;
    struct viewed *found;

    HASH_FIND(hh, v->by_name, name.data, name.size, found);
    if (!found)
        return;
    one = arena_alloc(arena, sizeof *one);
    perigee__aurora__maintenance_view__host__init(one);
    one->agent_id = view_text(host->agent_id, arena);
    one->hostname = host->hostname;
    one->has_tasks = one->has_mode = true;
    one->tasks = host->tasks;
    one->mode = (Perigee__Aurora__MaintenanceView__Mode)host->mode;
    one->has_away_from_ms = host->away_from_ms > 0;
    one->away_from_ms = (uint64_t)host->away_from_ms;
    one->has_away_until_ms =
        host->away_from_ms > 0 && host->away_until_ms < INT64_MAX;
    one->away_until_ms = (uint64_t)host->away_until_ms;
    found->view->hosts =
        grown(arena, (void *)found->view->hosts, found->view->n_hosts);
    found->view->hosts[found->view->n_hosts++] = one;
    for (const struct task *t = host->is_closed ? host->first_task : NULL; t;
         t = t->host_next)
        add_task(v, t, found->view);
}

static void answer_names(struct request *r, const char **name, uint32_t count,
                         Answer *answer)
{
    const struct aurora *core = &r->p->core;
    struct viewing v = {.r = r, .tasks = WAITING_SHOWN_MAX};

    answer->maintenance = arena_alloc(&r->arena, (count + 1) * sizeof(void *));
    for (uint32_t i = 0; i < count; i++)
        add_name(&v, answer, name[i]);
    for (uint32_t i = 0; i < core->hosts.in_order.count; i++) {
        const struct host *host = core->hosts.in_order.item[i];
        add_host(&v, host, bytes_of_text(host->hostname));
        add_host(&v, host, blob_bytes(host->agent_id));
    }
    HASH_CLEAR(hh, v.by_name);
}

/* --- calls that change something --- */

static int drain(struct request *r, struct host_names *names, int64_t now_ms,
                 struct err *err)
{
    const Query *query = r->call->maintenance;
    const Perigee__SlaPolicy *sla = query->default_policy;
    struct drain_request request = {.reason = query->reason};
    uint64_t timeout = sla ? WEEK_SECS : DAY_SECS;

    if (query->has_timeout_secs)
        timeout = query->timeout_secs;
    if (timeout > (uint64_t)DRAIN_TIMEOUT_MAX_MS / 1000)
        timeout = (uint64_t)DRAIN_TIMEOUT_MAX_MS / 1000 + 1; /* refused */
    request.timeout_ms = (int64_t)timeout * 1000;
    if (sla && sla_read(r->p, sla, &request.policy, err) < 0)
        return -ERR_INVALID;
    return aurora_maintenance_drain(&r->p->core, names, &request, now_ms, err);
}

static int change(struct request *r, struct host_names *names, int64_t now_ms,
                  struct err *err)
{
    struct aurora *core = &r->p->core;

    switch (r->call->type) {
    case PERIGEE__AURORA__CALL__TYPE__START_MAINTENANCE:
        return aurora_maintenance_schedule(
            core, names, r->call->maintenance->reason, now_ms, err);
    case PERIGEE__AURORA__CALL__TYPE__DRAIN_HOSTS:
        return drain(r, names, now_ms, err);
    default:
        return aurora_maintenance_end(core, names, now_ms, err);
    }
}

static void names_of(const Query *query, struct host_names *out,
                     struct arena *arena)
{
    *out = (struct host_names){.count = (uint32_t)query->n_hosts};
    out->item = arena_alloc(arena, (query->n_hosts + 1) * sizeof *out->item);
    for (size_t i = 0; i < query->n_hosts; i++)
        out->item[i] = (struct maintenance_of){.name = query->hosts[i]};
}

/* Those that are known get a view, the others are named. */
static void answer_known(struct request *r, const struct host_names *names,
                         Answer *answer)
{
    const char **known =
        arena_alloc(&r->arena, (names->count + 1) * sizeof *known);
    uint32_t count = 0;

    answer->unknown_hosts =
        arena_alloc(&r->arena, (names->count + 1) * sizeof(char *));
    for (uint32_t i = 0; i < names->count; i++)
        if (names->item[i].is_known)
            known[count++] = names->item[i].name;
        else
            answer->unknown_hosts[answer->n_unknown_hosts++] =
                (char *)names->item[i].name;
    answer_names(r, known, count, answer);
}

void api_maintenance_change(struct request *r, int64_t now_ms,
                            struct effects *fx)
{
    struct host_names names;
    struct err err = {0};

    names_of(r->call->maintenance, &names, &r->arena);
    if (change(r, &names, now_ms, &err) < 0) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    Answer *answer = api_answer_new(r);
    answer_known(r, &names, answer);
    api_answer(r, answer, now_ms, fx);
}

/* --- looking --- */

static int by_text(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* Every name that something was asked about, in order, from the cursor on. */
static void answer_all(struct request *r, const Query *query, Answer *answer)
{
    const struct maintenance *m = r->p->core.maintenances.by_name;
    uint32_t size = api_page_size(query->limit), count = 0;
    const char **name =
        arena_alloc(&r->arena, (HASH_COUNT(m) + 1) * sizeof *name);
    const char *behind = query->cursor ? query->cursor : "";

    for (; m; m = m->hh.next)
        if (strcmp(m->name, behind) > 0)
            name[count++] = m->name;
    if (count > 0)
        qsort((void *)name, count, sizeof *name, by_text);
    if (count > size) {
        answer->cursor = arena_strdup(&r->arena, name[size - 1]);
        count = size;
    }
    answer_names(r, name, count, answer);
}

static void look_up(struct request *r, struct host_names *names)
{
    const struct aurora *core = &r->p->core;

    for (uint32_t i = 0; i < names->count; i++) {
        const char *name = names->item[i].name;
        names->item[i].is_known = aurora_maintenance(core, name) != NULL;
        for (uint32_t j = 0;
             !names->item[i].is_known && j < core->hosts.in_order.count; j++)
            names->item[i].is_known =
                maintenance_names(name, core->hosts.in_order.item[j]);
    }
}

enum { STATUS_NAMES_MAX = 200 };

void api_maintenance_status(struct request *r, int64_t now_ms,
                            struct effects *fx)
{
    static const Query all = PERIGEE__AURORA__CALL__MAINTENANCE__INIT;
    const Query *query = r->call->maintenance ? r->call->maintenance : &all;
    struct host_names names;
    struct err err = {0};

    if (query->n_hosts > STATUS_NAMES_MAX) {
        (void)err_set(&err, ERR_LIMIT, "%zu hosts: want at most %d at a time",
                      query->n_hosts, STATUS_NAMES_MAX);
        err_field(&err, "maintenance.hosts");
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    Answer *answer = api_answer_new(r);
    if (query->n_hosts == 0) {
        answer_all(r, query, answer);
    } else {
        names_of(query, &names, &r->arena);
        look_up(r, &names);
        answer_known(r, &names, answer);
    }
    api_answer(r, answer, now_ms, fx);
}
