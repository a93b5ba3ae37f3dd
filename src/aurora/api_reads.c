/* Calls that only look. Lists come in pages: a page that is not the last has a
 * cursor, which names the last thing shown. */
#include "aurora/api.h"
#include "aurora/security.h"

#include "aurora/core/app_groups.h"
#include "base/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef Perigee__Aurora__Answer Answer;

const char aurora_version[] = PERIGEE_VERSION;

static bool matches(const char *wanted, const char *has)
{
    return !wanted || !*wanted || strcmp(wanted, has) == 0;
}

uint32_t api_page_size(uint32_t limit)
{
    if (limit == 0)
        return PAGE_DEFAULT;
    return limit < PAGE_MAX ? limit : PAGE_MAX;
}

int api_refuse_cursor(struct err *err, const char *field, const char *cursor)
{
    (void)err_set(err, ERR_INVALID, "cursor '%s': not one of ours", cursor);
    err_field(err, "%s", field);
    err_hint(err, "send the `cursor` of the page before, as it is");
    return -ERR_INVALID;
}

/* --- jobs --- */

/* Where a page begins: behind the job that the cursor names. */
static int list_start(struct aurora_program *p, const char *cursor,
                      uint32_t *out, struct err *err)
{
    struct job_key key;
    char text[JOB_KEY_TEXT_MAX];

    *out = 0;
    if (!cursor || !*cursor)
        return 0;
    snprintf(text, sizeof text, "%s/%s", p->options.cluster, cursor);
    if (job_key_parse(text, &key, NULL) < 0)
        return api_refuse_cursor(err, "list.cursor", cursor);
    *out = aurora_job_at(&p->core, &key);
    if (*out < p->core.jobs.count &&
        job_key_equal(&p->core.jobs.item[*out]->key, &key))
        (*out)++;
    return 0;
}

static bool is_listed(const struct request *r, const struct job *job,
                      const Perigee__Aurora__Call__List *list)
{
    return !job->is_removed && matches(list->cluster, r->p->options.cluster) &&
           matches(list->role, job->key.role) &&
           matches(list->environment, job->key.env) &&
           security_sees(r, &job->key);
}

/* For who only completes a name. */
static Perigee__Aurora__JobView *view_key(const struct job *job,
                                          struct arena *arena)
{
    Perigee__Aurora__JobView *view = arena_alloc(arena, sizeof *view);

    perigee__aurora__job_view__init(view);
    view->job = arena_alloc(arena, sizeof *view->job);
    perigee__job__init(view->job);
    view->job->cluster = (char *)job->key.cluster;
    view->job->role = (char *)job->key.role;
    view->job->environment = (char *)job->key.env;
    view->job->name = (char *)job->key.name;
    return view;
}

void api_list(struct request *r, int64_t now_ms, struct effects *fx)
{
    static const Perigee__Aurora__Call__List all =
        PERIGEE__AURORA__CALL__LIST__INIT;
    const Perigee__Aurora__Call__List *list =
        r->call->list ? r->call->list : &all;
    struct aurora_program *p = r->p;
    uint32_t at, size = api_page_size(list->limit);
    char text[JOB_KEY_TEXT_MAX];
    struct err err = {0};

    if (list_start(p, list->cursor, &at, &err) < 0) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    Answer *answer = api_answer_new(r);
    answer->jobs = arena_alloc(&r->arena, (size + 1) * sizeof(void *));
    const struct job *last = NULL;
    for (; at < p->core.jobs.count; at++) {
        const struct job *job = p->core.jobs.item[at];
        if (!is_listed(r, job, list))
            continue;
        if (answer->n_jobs == size) {
            answer->cursor =
                arena_strdup(&r->arena, job_store_key(&last->key, text));
            break;
        }
        answer->jobs[answer->n_jobs++] = list->keys_only
                                             ? view_key(job, &r->arena)
                                             : view_job(p, job, &r->arena);
        last = job;
    }
    api_answer(r, answer, now_ms, fx);
}

/* --- tasks --- */

static int by_instance(const void *x, const void *y)
{
    const struct task *a = *(struct task *const *)x;
    const struct task *b = *(struct task *const *)y;

    if (a->instance != b->instance)
        return a->instance < b->instance ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

static bool is_asked(const Perigee__Aurora__Call__Tasks *query,
                     uint32_t instance)
{
    for (size_t i = 0; i < query->n_instances; i++) {
        const Perigee__Aurora__InstanceRange *range = query->instances[i];
        uint32_t last = range->has_last ? range->last : range->first;
        if (instance >= range->first && instance <= last)
            return true;
    }
    return query->n_instances == 0;
}

static void collect(const struct task_list *list,
                    const Perigee__Aurora__Call__Tasks *query,
                    struct task **out, size_t *count)
{
    for (struct task *t = list->first; t; t = t->next)
        if (is_asked(query, t->instance))
            out[(*count)++] = t;
}

/* "instance:number", as we write it and no other way. */
static bool read_place(const char *cursor, unsigned *instance,
                       unsigned long long *number)
{
    char again[48];

    if (sscanf(cursor, "%u:%llu", instance, number) != 2)
        return false;
    (void)snprintf(again, sizeof again, "%u:%llu", *instance, *number);
    return strcmp(again, cursor) == 0;
}

/* Tasks by instance, then age, from behind the cursor "instance:number". */
static int add_tasks(struct request *r, const struct job *job,
                     const Perigee__Aurora__Call__Tasks *query, uint32_t size,
                     Answer *answer, struct err *err)
{
    size_t count = 0, at = 0;
    unsigned instance = 0;
    unsigned long long number = 0;
    struct task **task = arena_alloc(
        &r->arena, (job->active.count + job->ended.count + 1) * sizeof *task);

    if (query->cursor && *query->cursor &&
        !read_place(query->cursor, &instance, &number))
        return api_refuse_cursor(err, "tasks.cursor", query->cursor);
    collect(&job->active, query, task, &count);
    if (!query->active_only)
        collect(&job->ended, query, task, &count);
    qsort(task, count, sizeof *task, by_instance);
    while (query->cursor && *query->cursor && at < count &&
           (task[at]->instance < instance ||
            (task[at]->instance == instance && task[at]->number <= number)))
        at++;
    answer->tasks = arena_alloc(&r->arena, (count + 1) * sizeof(void *));
    for (; at < count && answer->n_tasks < size; at++)
        answer->tasks[answer->n_tasks++] = view_task(r->p, task[at], &r->arena);
    if (at < count)
        answer->cursor =
            arena_printf(&r->arena, "%u:%llu", task[at - 1]->instance,
                         (unsigned long long)task[at - 1]->number);
    return 0;
}

static bool has_config(const Answer *answer, const struct job_config *config)
{
    for (size_t i = 0; i < answer->n_configs; i++)
        if (strcmp(answer->configs[i]->config_id, config->id) == 0)
            return true;
    return false;
}

/* What active tasks run that is not what the job says now. */
static void add_configs(struct request *r, const struct job *job,
                        Answer *answer)
{
    answer->configs =
        arena_alloc(&r->arena, (job->active.count + 1) * sizeof(void *));
    for (const struct task *t = job->active.first; t; t = t->next) {
        if (t->config == job->config || has_config(answer, t->config))
            continue;
        Perigee__Aurora__ConfigView *view =
            arena_alloc(&r->arena, sizeof *view);
        perigee__aurora__config_view__init(view);
        view->config_id = t->config->id;
        view->job = (Perigee__Job *)job_of(t->config);
        answer->configs[answer->n_configs++] = view;
    }
}

int api_find_job(struct request *r, const Perigee__Aurora__JobKey *wire,
                 bool also_removed, struct job **out, struct err *err)
{
    struct job_key key;
    char text[JOB_KEY_TEXT_MAX];
    int rc = key_decode(r->p, wire, &key, err);

    if (rc < 0)
        return rc;
    *out = aurora_job(&r->p->core, &key);
    if (*out && (also_removed || !(*out)->is_removed))
        return 0;
    (void)err_set(err, ERR_NOT_FOUND, "job '%s' does not exist",
                  job_key_text(&key, text));
    err_hint(err, "list the jobs of the role with: clusterctl list %s/%s",
             key.cluster, key.role);
    return -ERR_NOT_FOUND;
}

static void show_tasks(struct request *r, bool with_job, int64_t now_ms,
                       struct effects *fx)
{
    const Perigee__Aurora__Call__Tasks *query = r->call->tasks;
    Answer *answer = api_answer_new(r);
    struct err err = {0};
    struct job *job;

    uint32_t size =
        with_job && !query->limit ? UINT32_MAX : api_page_size(query->limit);
    if (api_find_job(r, query->key, !with_job, &job, &err) < 0 ||
        add_tasks(r, job, query, size, answer, &err) < 0) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    if (with_job) {
        answer->n_jobs = 1;
        answer->jobs = arena_alloc(&r->arena, sizeof(void *));
        answer->jobs[0] = view_job(r->p, job, &r->arena);
        add_configs(r, job, answer);
    }
    api_answer(r, answer, now_ms, fx);
}

void api_get_job(struct request *r, int64_t now_ms, struct effects *fx)
{
    show_tasks(r, true, now_ms, fx);
}

void api_get_tasks(struct request *r, int64_t now_ms, struct effects *fx)
{
    show_tasks(r, false, now_ms, fx);
}

/* --- why --- */

static void add_reason(Perigee__Aurora__Answer__Why *out, enum veto kind,
                       const char *veto, uint32_t hosts, struct arena *arena)
{
    Perigee__Aurora__Answer__Reason *reason =
        arena_alloc(arena, sizeof *reason);

    perigee__aurora__answer__reason__init(reason);
    reason->veto = arena_strdup(arena, veto);
    reason->has_hosts = true;
    reason->hosts = hosts;
    reason->has_kind = true;
    reason->kind = (Perigee__Aurora__Answer__Veto)kind;
    out->reasons[out->n_reasons++] = reason;
}

static void fill_reasons(const struct why *why, const struct job_config *config,
                         Perigee__Aurora__Answer__Why *out, struct arena *arena)
{
    struct buf name = {0};

    out->reasons =
        arena_alloc(arena, (VETO_COUNT + CONSTRAINTS_MAX) * sizeof(void *));
    for (enum veto veto = VETO_NO_OFFER; veto < VETO_COUNT; veto++) {
        if (why->vetoed[veto] == 0 || veto == VETO_LIMIT ||
            veto == VETO_CONSTRAINT)
            continue;
        buf_clear(&name);
        veto_name(veto, config, 0, &name);
        if (why->failure[veto] && *why->failure[veto])
            buf_addf(&name, ": %s", why->failure[veto]);
        add_reason(out, veto, buf_text(&name), why->vetoed[veto], arena);
    }
    for (uint32_t i = 0; i < config->constraint_count; i++) {
        if (why->by_constraint[i] == 0)
            continue;
        enum veto veto = constraint_counts(config->constraint[i].kind)
                             ? VETO_LIMIT
                             : VETO_CONSTRAINT;
        buf_clear(&name);
        veto_name(veto, config, i, &name);
        add_reason(out, veto, buf_text(&name), why->by_constraint[i], arena);
        out->reasons[out->n_reasons - 1]->attribute =
            arena_strdup(arena, config->constraint[i].attribute);
    }
    buf_release(&name);
}

static void add_lack(Perigee__Aurora__Answer__Why *out, enum veto resource,
                     int64_t free, int64_t need, struct arena *arena)
{
    if (free >= need)
        return;
    Perigee__Aurora__Answer__Lack *lack = arena_alloc(arena, sizeof *lack);
    perigee__aurora__answer__lack__init(lack);
    lack->has_resource = lack->has_milli = true;
    lack->resource = (Perigee__Aurora__Answer__Veto)resource;
    lack->milli = need - free;
    out->lacks[out->n_lacks++] = lack;
}

/* The host that comes nearest, as data. */
static void fill_nearest(const struct why *why, const struct job_config *config,
                         Perigee__Aurora__Answer__Why *out, struct arena *arena)
{
    const struct host *host = why->nearest;
    const struct amounts open = host->offers ? host_open(host) : host->total;
    const struct amounts *need = &config->need;
    uint32_t ports = host->offers ? host->ports_open : PORT_NAMES_MAX;

    out->has_nearest_veto = true;
    out->nearest_veto = (Perigee__Aurora__Answer__Veto)why->nearest_veto;
    out->lacks = arena_alloc(arena, 5 * sizeof(void *));
    add_lack(out, VETO_CPU, open.cpus, need->cpus, arena);
    add_lack(out, VETO_MEM, open.mem, need->mem, arena);
    add_lack(out, VETO_DISK, open.disk, need->disk, arena);
    add_lack(out, VETO_GPU, open.gpus, need->gpus, arena);
    add_lack(out, VETO_PORTS, (int64_t)ports * 1000,
             (int64_t)config->port_count * 1000, arena);
    if (why->nearest_veto == VETO_LIMIT || why->nearest_veto == VETO_CONSTRAINT)
        out->relax = arena_strdup(
            arena, config->constraint[why->nearest_constraint].attribute);
}

void api_fill_why(struct request *r, const struct job *job,
                  const struct job_config *config,
                  Perigee__Aurora__Answer__Why *out)
{
    struct limit_counts counts = {0};
    struct buf text = {0};
    struct why why;

    limit_counts_prepare(&counts, job, config, &r->p->core.hosts);
    placer_why(&r->p->core.hosts, config, &counts, &why);
    limit_counts_release(&counts);
    fill_reasons(&why, config, out, &r->arena);
    out->has_hosts = true;
    out->hosts = why.hosts;
    out->has_fits = true;
    out->fits = why.fits;
    if (why.nearest && why.fits == 0) {
        fill_nearest(&why, config, out, &r->arena);
        out->nearest_host = arena_strdup(&r->arena, why.nearest->hostname);
        why_lacks(&why, config, &text);
        out->nearest_lacks = arena_strdup(&r->arena, buf_text(&text));
        buf_clear(&text);
    }
    out->preemption =
        view_preemption(&r->p->core, config, r->p->now_ms, &r->arena);
    if (r->p->link.state != LINK_UP)
        buf_addf(&text, "this scheduler has no link to the master at %s",
                 r->p->link.address);
    else
        why_advice(&why, config, &text);
    out->advice = arena_strdup(&r->arena, buf_text(&text));
    buf_release(&text);
}

/* Who waits longest for a host, or NULL. While an update is under way it wants
 * something else than its job does. */
static const struct task *waits_longest(const struct job *job)
{
    const struct task *task = job->active.first;

    while (task && task->state != TASK_PENDING)
        task = task->next;
    return task;
}

void api_why(struct request *r, int64_t now_ms, struct effects *fx)
{
    Answer *answer = api_answer_new(r);
    Perigee__Aurora__Answer__Why *out = arena_alloc(&r->arena, sizeof *out);
    struct err err = {0};
    struct job *job;

    if (api_find_job(r, r->call->why ? r->call->why->key : NULL, false, &job,
                     &err) < 0) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    perigee__aurora__answer__why__init(out);
    out->has_pending = true;
    const struct app_member *member = aurora_member(&r->p->core, job);
    const struct task *longest = waits_longest(job);
    uint32_t throttled = 0;
    for (const struct task *t = job->active.first; t; t = t->next) {
        out->pending += t->state == TASK_PENDING || t->state == TASK_THROTTLED;
        throttled += t->state == TASK_THROTTLED;
    }
    if (member && app_member_is_held(member)) {
        out->pending = job->instances;
        out->advice = arena_printf(
            &r->arena, "%s: it begins with its group '%s'",
            view_waits(member, &r->arena), member->group->key.name);
    } else if (longest) {
        api_fill_why(r, job, longest->config, out);
    } else if (throttled > 0) {
        out->advice =
            arena_printf(&r->arena,
                         "%u wait because they ended too soon again and again: "
                         "look at their logs",
                         throttled);
    }
    answer->why = out;
    api_answer(r, answer, now_ms, fx);
}

void api_version(struct request *r, int64_t now_ms, struct effects *fx)
{
    Answer *answer = api_answer_new(r);
    Perigee__Aurora__Answer__Version *version =
        arena_alloc(&r->arena, sizeof *version);

    perigee__aurora__answer__version__init(version);
    version->version = (char *)aurora_version;
    version->stdlib_hash = (char *)r->p->options.stdlib_hash;
    version->cluster = (char *)r->p->options.cluster;
    answer->version = version;
    api_answer(r, answer, now_ms, fx);
}
