/* Calls about quotas. */
#include "aurora/api.h"
#include "aurora/security.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALL_QUOTAS_MAX = 1000, CALL_JOBS_MAX = 1000, LINES_MAX = 100 };

typedef Perigee__Aurora__Answer Answer;
typedef Perigee__Aurora__QuotaView QuotaView;
typedef Perigee__Aurora__Call__Quotas Query;

/* --- what is in use --- */

/* What Aurora shows beside the production that a quota counts. */
struct pools {
    struct quota_amounts dedicated_production, other, dedicated_other;
};

static void add_tasks(const struct job *job, struct pools *out)
{
    for (const struct task *t = job->active.first; t; t = t->next) {
        const struct job_config *c = t->config;
        struct quota_use one = quota_use_of(c);
        struct quota_amounts *sum = !c->is_dedicated ? &out->other
                                    : c->is_production
                                        ? &out->dedicated_production
                                        : &out->dedicated_other;
        if (c->is_production && !c->is_dedicated)
            continue;
        for (int r = 0; r < QUOTA_RESOURCES; r++)
            sum->item[r] += one.pool[QUOTA_ALL].item[r];
    }
}

static void count_pools(const struct aurora *core, const char *cluster,
                        const char *role, struct pools *out)
{
    struct job_key first = {0};

    *out = (struct pools){0};
    (void)snprintf(first.cluster, sizeof first.cluster, "%s", cluster);
    (void)snprintf(first.role, sizeof first.role, "%s", role);
    for (uint32_t i = aurora_job_at(core, &first); i < core->jobs.count; i++) {
        if (strcmp(core->jobs.item[i]->key.role, role) != 0)
            break;
        add_tasks(core->jobs.item[i], out);
    }
}

/* Those that who asks may read of; the sums are of all of them. */
static void add_children(const struct request *r, const struct quota_role *role,
                         QuotaView *view, struct arena *arena)
{
    const struct quota_role *other = r->p->core.quotas.roles;

    view->children = arena_alloc(arena, (role->children + 1) * sizeof(char *));
    for (uint32_t left = role->children; other && left > 0;
         other = other->hh.next) {
        if (other->parent != role)
            continue;
        left--;
        if (security_may_role(r, ACTION_QUOTA_READ, other->quota.role))
            view->children[view->n_children++] = (char *)other->quota.role;
    }
}

static QuotaView *view_role(struct request *r, const struct quota_role *role)
{
    const uint32_t all = QUOTA_ALL_RESOURCES;
    struct aurora_program *p = r->p;
    struct arena *arena = &r->arena;
    QuotaView *view = arena_alloc(arena, sizeof *view);
    struct pools pools;

    perigee__aurora__quota_view__init(view);
    view->role = arena_strdup(arena, role->quota.role);
    if (role->has_quota)
        view->quota = quota_view(&role->quota, arena);
    count_pools(&p->core, p->options.cluster, role->quota.role, &pools);
    view->production =
        quota_view_amounts(&role->tree.pool[QUOTA_PRODUCTION], all, arena);
    view->all = quota_view_amounts(&role->tree.pool[QUOTA_ALL], all, arena);
    view->own_production =
        quota_view_amounts(&role->own.pool[QUOTA_PRODUCTION], all, arena);
    view->own_all = quota_view_amounts(&role->own.pool[QUOTA_ALL], all, arena);
    view->dedicated_production =
        quota_view_amounts(&pools.dedicated_production, all, arena);
    view->other = quota_view_amounts(&pools.other, all, arena);
    view->dedicated_other =
        quota_view_amounts(&pools.dedicated_other, all, arena);
    view->has_jobs = true;
    view->jobs = role->jobs;
    add_children(r, role, view, arena);
    return view;
}

static int by_name(const void *x, const void *y)
{
    const struct quota_role *a = *(const struct quota_role *const *)x;
    const struct quota_role *b = *(const struct quota_role *const *)y;

    return strcmp(a->quota.role, b->quota.role);
}

static bool is_asked_for(const struct request *r, const Query *query,
                         const struct quota_role *role)
{
    const char *name = role->quota.role;

    return (!query->role || !*query->role || strcmp(query->role, name) == 0) &&
           (!query->cursor || strcmp(name, query->cursor) > 0) &&
           security_may_role(r, ACTION_QUOTA_READ, name);
}

/* A role that is asked for by name is answered about though nothing is known
 * of it: it may have jobs, but no production. */
static void add_unknown(struct request *r, const Query *query, Answer *answer)
{
    struct quota_role role = {0};

    if (!query->role || answer->n_quotas > 0 || !job_key_part_ok(query->role) ||
        !security_may_role(r, ACTION_QUOTA_READ, query->role))
        return;
    memcpy(role.quota.role, query->role, strlen(query->role) + 1);
    answer->quotas[answer->n_quotas++] = view_role(r, &role);
}

void api_list_quotas(struct request *r, int64_t now_ms, struct effects *fx)
{
    static const Query none = PERIGEE__AURORA__CALL__QUOTAS__INIT;
    const Query *query = r->call->quotas ? r->call->quotas : &none;
    uint32_t size = api_page_size(query->limit);
    struct quotas *quotas = &r->p->core.quotas;
    VEC(const struct quota_role *) list = {0};
    Answer *answer = api_answer_new(r);

    quota_settle(&r->p->core);
    for (const struct quota_role *x = quotas->roles; x; x = x->hh.next)
        if (is_asked_for(r, query, x))
            *vec_add(&list) = x;
    if (list.count > 0)
        qsort((void *)list.item, list.count, sizeof(void *), by_name);
    answer->quotas = arena_alloc(&r->arena, (size + 1) * sizeof(void *));
    for (uint32_t i = 0; i < list.count && i < size; i++)
        answer->quotas[answer->n_quotas++] = view_role(r, list.item[i]);
    if (list.count > size)
        answer->cursor = answer->quotas[size - 1]->role;
    add_unknown(r, query, answer);
    vec_free(&list);
    api_answer(r, answer, now_ms, fx);
}

/* --- setting --- */

/* What is no name is refused by whoever reads it. */
static int check_may_set(const struct request *r, const char *role,
                         struct err *err)
{
    struct job_key key = {0};

    if (!role || !job_key_part_ok(role) ||
        security_may_role(r, ACTION_QUOTA_SET, role))
        return 0;
    (void)snprintf(key.cluster, sizeof key.cluster, "%s",
                   r->p->options.cluster);
    (void)snprintf(key.role, sizeof key.role, "%s", role);
    return security_refuse(r, ACTION_QUOTA_SET, &key, err);
}

/* Whoever leaves a parent is no longer held by its bounds, and who comes to one
 * takes of what others have: each is the business of who sets that parent's. */
static int check_parents(const struct request *r, const struct quota *quota,
                         struct err *err)
{
    const struct quota_role *role =
        quotas_find(&r->p->core.quotas, quota->role);
    const char *before = role ? role->quota.parent : "";
    int rc = 0;

    if (strcmp(before, quota->parent) == 0)
        return 0;
    if (*before && (rc = check_may_set(r, before, err)) < 0)
        err_hint(err, "to stay within the quota of '%s' say parent=%s", before,
                 before);
    return rc < 0 || !quota->parent[0] ? rc
                                       : check_may_set(r, quota->parent, err);
}

static int decode(struct request *r, const Perigee__Aurora__Call__SetQuota *set,
                  struct quota *list, size_t *at, struct err *err)
{
    int rc = 0;

    for (*at = 0; *at < set->n_quotas; ++*at) {
        const Perigee__Quota *one = set->quotas[*at];
        rc = check_may_set(r, one->role, err);
        if (rc == 0 && set->add)
            rc = quota_decode_more(&r->p->core.quotas, one, &list[*at], err);
        else if (rc == 0)
            rc = quota_decode(one, &list[*at], err);
        if (rc == 0)
            rc = check_parents(r, &list[*at], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int check_count(size_t count, struct err *err)
{
    if (count > 0 && count <= CALL_QUOTAS_MAX)
        return 0;
    (void)err_set(err, ERR_INVALID, "quotas: %zu of them: want 1 to %d", count,
                  CALL_QUOTAS_MAX);
    err_field(err, "quotas");
    return -ERR_INVALID;
}

static void answer_set(struct request *r, const struct quota *list,
                       size_t count, uint64_t sequence, int64_t now_ms,
                       struct effects *fx)
{
    Answer *answer = api_answer_new(r);

    answer->sequence = sequence;
    answer->quotas = arena_alloc(&r->arena, (count + 1) * sizeof(void *));
    for (size_t i = 0; i < count; i++) {
        const struct quota_role *role =
            quotas_find(&r->p->core.quotas, list[i].role);
        struct quota_role gone = {.quota = list[i]};
        answer->quotas[answer->n_quotas++] = view_role(r, role ? role : &gone);
    }
    api_answer(r, answer, now_ms, fx);
}

void api_set_quota(struct request *r, int64_t now_ms, struct effects *fx)
{
    const Perigee__Aurora__Call__SetQuota *set = r->call->set_quota;
    struct quota *list =
        arena_zalloc(&r->arena, (set->n_quotas + 1) * sizeof *list);
    struct err err = {0};
    uint64_t sequence = 0;
    uint32_t index = 0;
    size_t at = 0;
    int rc = check_count(set->n_quotas, &err);

    if (rc == 0 && (rc = decode(r, set, list, &at, &err)) < 0)
        index = (uint32_t)at;
    else if (rc == 0)
        rc = aurora_quota_set(&r->p->core, list, (uint32_t)set->n_quotas,
                              set->force, now_ms, &index, &sequence, &err);
    if (rc == 0) {
        answer_set(r, list, set->n_quotas, sequence, now_ms, fx);
        return;
    }
    if (err.field[0] && strcmp(err.field, "quotas") != 0) {
        char field[ERR_FIELD_MAX];
        memcpy(field, err.field, sizeof field);
        err_field(&err, "quotas[%u].%.80s", index + 1, field);
    }
    api_refuse(r, &err, now_ms, fx);
}

/* --- the sum behind a refusal --- */

size_t api_quota_lines(struct request *r, char ***out)
{
    const struct buf *lines = &r->p->core.quota_lines;
    char *text = arena_strndup(&r->arena, buf_text(lines), lines->size);
    char **line = arena_alloc(&r->arena, LINES_MAX * sizeof(char *));
    size_t count = 0;

    for (char *at = text, *end; *at && count < LINES_MAX; at = end + 1) {
        end = strchr(at, '\n');
        line[count++] = at;
        if (!end)
            break;
        *end = '\0';
    }
    *out = line;
    return count;
}
