/* What users ask about application groups: deploy, scale, remove. Each request
 * is checked as a whole before anything changes. */
#include "aurora/core/app_group_plan.h"
#include "aurora/core/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* --- finding --- */

uint32_t aurora_group_at(const struct aurora *a, const struct job_key *key)
{
    uint32_t low = 0, high = a->app_groups.count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (job_key_compare(&a->app_groups.item[middle]->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct app_group *aurora_group(const struct aurora *a,
                               const struct job_key *key)
{
    uint32_t at = aurora_group_at(a, key);

    if (at < a->app_groups.count &&
        job_key_equal(&a->app_groups.item[at]->key, key))
        return a->app_groups.item[at];
    return NULL;
}

static int find_group(const struct aurora *a, const struct job_key *key,
                      struct app_group **out, struct err *err)
{
    char text[JOB_KEY_TEXT_MAX];

    *out = aurora_group(a, key);
    if (*out)
        return 0;
    (void)err_set(err, ERR_NOT_FOUND, "group '%s' does not exist",
                  job_key_text(key, text));
    err_hint(err,
             "list the groups of the role with: clusterctl group list "
             "%s/%s",
             key->cluster, key->role);
    return -ERR_NOT_FOUND;
}

int request_check_held(const struct aurora *a, const struct job *job,
                       struct err *err)
{
    const struct app_member *m = job ? aurora_member(a, job) : NULL;
    struct buf why = {0};

    if (!m || job->is_removed || !app_member_is_held(m))
        return 0;
    app_job_waits(m, &why);
    (void)err_set(err, ERR_CONFLICT,
                  "job '%.*s' begins with its group '%s'%s%s",
                  (int)job->key_text->size, (const char *)job->key_text->data,
                  m->group->key.name, why.size ? ": it " : "", buf_text(&why));
    err_hint(err, "change the group: clusterctl apply FILE");
    buf_release(&why);
    return -ERR_CONFLICT;
}

/* --- making it so --- */

/* The one that is stored with these bytes, or this one. */
static struct job_config *stored(const struct aurora *a,
                                 struct job_config *config)
{
    struct job_config *known = aurora_config(a, config->id);

    return known ? known : config;
}

/* A job without a task: they come when the member begins. */
static void hold_job(struct aurora *a, const struct group_wish *wish,
                     int64_t now_ms)
{
    struct job_config *config = stored(a, wish->config);
    struct job *job = aurora_job(a, &config->key);
    struct job_config *before = job ? job->config : NULL;
    bool is_known = job && !job->is_removed;

    if (!job) {
        job = job_new(&config->key);
        records_put_job(a, job);
    }
    records_use_config(a, config);
    job->config = config;
    if (before)
        records_unuse_config(a, before);
    job->instances = wish->instances;
    if (!is_known) {
        job->created_ms = now_ms;
        rolling_forget(a, job);
    }
    job->is_killed = job->is_removed = false;
    records_tell_job(a, is_known ? EVENT_JOB_CHANGED : EVENT_JOB_CREATED, job,
                     now_ms);
}

static void set_member(struct aurora *a, struct app_member *m,
                       const struct group_wish *wish,
                       const struct member_step *step, int64_t now_ms)
{
    struct job_config *before = m->config;

    m->action = step->action;
    m->phase = step->phase;
    m->update = step->update;
    m->instances = wish->instances;
    m->is_leaving = false;
    m->judged_by_ms = 0;
    m->config = NULL;
    blob_unref(m->message);
    m->message = NULL;
    if (m->action == MEMBER_UPDATE && m->phase == MEMBER_WAITING) {
        m->config = stored(a, wish->config);
        records_use_config(a, m->config);
    }
    if (before)
        records_unuse_config(a, before);
    if (m->action == MEMBER_CREATE)
        hold_job(a, wish, now_ms);
    if (step->is_quiet) {
        struct job *job = app_member_job(m);
        updater_adopt(a, job, stored(a, wish->config));
        records_tell_job(a, EVENT_JOB_CHANGED, job, now_ms);
    }
    if (m->action == MEMBER_KEEP && app_member_is_up(m))
        m->phase = MEMBER_DONE;
    mark_member(a, m);
}

/* In the tree that is about to go. */
static uint32_t level_of(const struct app_group *group,
                         const struct app_member *m)
{
    uint32_t at = 0;

    while (group->members.item[at] != m)
        at++;
    at = group_tree_node_of(&group->tree, at);
    assert(at != TREE_NONE);
    return group->tree.item[at].level;
}

/* Dropped: it leaves at the end, or just so. */
static void let_go(struct aurora *a, struct app_group *group,
                   struct app_member *m, bool prunes)
{
    bool is_held = app_member_is_held(m);
    bool is_here = app_member_job(m) != NULL;

    if (!is_here || (!prunes && !is_held && !m->is_leaving)) {
        app_member_drop(a, m);
        return;
    }
    if (!m->is_leaving)
        m->level = level_of(group, m);
    if (m->config)
        records_unuse_config(a, m->config);
    m->config = NULL;
    m->is_leaving = true;
    m->action = MEMBER_REMOVE;
    if (m->phase != MEMBER_WORKING || is_held)
        m->phase = MEMBER_WAITING;
    mark_member(a, m);
}

static bool is_wanted(const struct app_member *m,
                      const struct group_request *request)
{
    for (uint32_t i = 0; i < request->tree.members; i++)
        if (job_key_equal(&request->wish[i].config->key, &m->key))
            return true;
    return false;
}

static struct app_member *member_of(struct aurora *a, struct app_group *group,
                                    const struct job_key *key)
{
    struct app_member *m = aurora_member_by_key(a, key);

    if (m)
        return m;
    m = app_group_add(group, key);
    records_put_member(a, m);
    return m;
}

/* The tree's members first, in its order. */
static void sort_members(struct aurora *a, struct app_group *group,
                         const struct group_request *request)
{
    uint32_t n = request->tree.members, at = n;
    struct app_member **sorted =
        xcalloc(group->members.count + 1, sizeof(void *));

    for (uint32_t i = 0; i < n; i++)
        sorted[i] = aurora_member_by_key(a, &request->wish[i].config->key);
    for (uint32_t i = 0; i < group->members.count; i++)
        if (group->members.item[i]->is_leaving)
            sorted[at++] = group->members.item[i];
    assert(at == group->members.count);
    memcpy(group->members.item, sorted, at * sizeof(void *));
    free(sorted);
}

/* The new tree takes the place of the old one, with all that follows. True when
 * there is something to bring or to take away. */
static bool take_over(struct aurora *a, struct app_group *group,
                      struct group_request *request,
                      const struct member_step *step, int64_t now_ms)
{
    bool is_work = false;

    for (uint32_t i = group->members.count; i-- > 0;)
        if (!is_wanted(group->members.item[i], request))
            let_go(a, group, group->members.item[i], request->prunes);
    for (uint32_t i = 0; i < request->tree.members; i++)
        set_member(a, member_of(a, group, &request->wish[i].config->key),
                   &request->wish[i], &step[i], now_ms);
    sort_members(a, group, request);
    group_tree_release(&group->tree);
    group->tree = request->tree;
    request->tree = (struct group_tree){0};
    blob_unref(group->source);
    group->source = blob_new(request->source);
    for (uint32_t i = 0; i < group->members.count; i++)
        is_work |= group->members.item[i]->action != MEMBER_KEEP;
    return is_work;
}

static struct app_group *put_group(struct aurora *a, const struct job_key *key)
{
    struct app_group *group = app_group_new(key);
    uint32_t at = aurora_group_at(a, key);

    (void)vec_add(&a->app_groups);
    memmove(&a->app_groups.item[at + 1], &a->app_groups.item[at],
            (a->app_groups.count - 1 - at) * sizeof(void *));
    a->app_groups.item[at] = group;
    return group;
}

/* Nothing is to be done to a group that was brought before: what is down just
 * now is not the deployment's business. */
static void rest(struct aurora *a, struct app_group *group)
{
    for (uint32_t i = 0; i < group->members.count; i++)
        group->members.item[i]->phase = MEMBER_DONE;
    mark_group(a, group);
}

static void deploy(struct aurora *a, struct group_request *request,
                   const struct member_step *step, int64_t now_ms,
                   struct app_group **out)
{
    struct app_group *group = aurora_group(a, &request->key);

    if (!group)
        group = put_group(a, &request->key);
    bool is_work = take_over(a, group, request, step, now_ms);
    *out = group;
    if (!is_work && group->state == APP_GROUP_RUNNING) {
        rest(a, group);
        return;
    }
    group->is_backward = false;
    app_group_enter(a, group, APP_GROUP_DEPLOYING, request->message, now_ms);
    app_groups_go_on(a, now_ms);
}

int aurora_group_deploy_take(struct aurora *a, struct group_request *request,
                             int64_t now_ms, struct app_group **out,
                             uint64_t *sequence, struct err *err)
{
    uint32_t n = request->tree.members;
    struct member_step *step = xcalloc(n + 1, sizeof *step);
    int rc =
        app_group_plan(a, aurora_group(a, &request->key), request, step, err);

    if (rc == 0)
        rc = quota_check_group(a, request, step, err);
    if (rc == 0) {
        uint64_t before = a->events.next;
        deploy(a, request, step, now_ms, out);
        *sequence = a->events.next > before ? before : before - 1;
    }
    group_tree_release(&request->tree);
    for (uint32_t i = 0; i < n; i++)
        job_config_unref(request->wish[i].config);
    free(step);
    return rc;
}

/* --- scaling --- */

uint32_t app_group_scaled(uint32_t instances, uint32_t factor_milli)
{
    uint64_t wanted = ((uint64_t)instances * factor_milli + 999) / 1000;

    return wanted < UINT32_MAX ? (uint32_t)wanted : UINT32_MAX;
}

static int check_scale(const struct aurora *a, const struct app_group *group,
                       uint32_t factor_milli, struct err *err)
{
    int rc = 0;

    if (factor_milli == 0) {
        rc = err_set(err, ERR_INVALID, "factor: want more than 0");
        err_field(err, "scale_group.factor_milli");
        return rc;
    }
    if (group->state != APP_GROUP_RUNNING) {
        (void)err_set(
            err, ERR_CONFLICT, "group '%.*s' is %s: want a RUNNING one",
            (int)group->key_text->size, (const char *)group->key_text->data,
            app_group_state_name(group->state));
        err_hint(err, "see what it waits for: clusterctl group status %.*s",
                 (int)group->key_text->size,
                 (const char *)group->key_text->data);
        return -ERR_CONFLICT;
    }
    for (uint32_t i = 0; i < group->members.count && rc == 0; i++) {
        const struct app_member *m = group->members.item[i];
        const struct job *job = app_member_job(m);
        if (!job || job->is_killed)
            rc = err_set(err, ERR_CONFLICT, "job '%.*s' was killed",
                         (int)m->key_text->size,
                         (const char *)m->key_text->data);
        else if (job->config->is_service && job->instances > 0)
            rc = request_check_count(
                a, app_group_scaled(job->instances, factor_milli), err);
        if (rc == 0)
            rc = request_check_idle(job, err);
    }
    return rc;
}

int aurora_group_scale(struct aurora *a, const struct job_key *key,
                       uint32_t factor_milli, const char *message,
                       int64_t now_ms, struct app_group **out,
                       uint64_t *sequence, struct err *err)
{
    struct app_group *group;
    bool is_work = false;
    int rc = find_group(a, key, &group, err);

    if (rc == 0)
        rc = check_scale(a, group, factor_milli, err);
    if (rc == 0)
        rc = quota_check_group_scale(a, group, factor_milli, err);
    if (rc < 0)
        return rc;
    *sequence = a->events.next - 1;
    *out = group;
    for (uint32_t i = 0; i < group->members.count; i++) {
        struct app_member *m = group->members.item[i];
        const struct job *job = app_member_job(m);
        uint32_t wanted = app_group_scaled(job->instances, factor_milli);
        bool is_scaled = job->config->is_service && wanted != job->instances;
        m->action = is_scaled ? MEMBER_SCALE : MEMBER_KEEP;
        m->phase = is_scaled ? MEMBER_WAITING : MEMBER_DONE;
        m->instances = is_scaled ? wanted : 0;
        m->update = 0;
        is_work |= is_scaled;
        mark_member(a, m);
    }
    if (!is_work)
        return 0;
    *sequence = a->events.next;
    group->is_backward = factor_milli < 1000;
    app_group_enter(a, group, APP_GROUP_DEPLOYING, message, now_ms);
    app_groups_go_on(a, now_ms);
    return 0;
}

/* --- removing --- */

int aurora_group_remove(struct aurora *a, const struct job_key *key,
                        const char *message, int64_t now_ms,
                        struct app_group **out, uint64_t *sequence,
                        struct err *err)
{
    struct app_group *group;
    int rc = find_group(a, key, &group, err);

    if (rc == 0 && group->state == APP_GROUP_REMOVING)
        rc = app_group_refuse_removing(group, err);
    if (rc < 0)
        return rc;
    *sequence = a->events.next;
    for (uint32_t i = 0; i < group->members.count; i++) {
        struct app_member *m = group->members.item[i];
        if (m->config)
            records_unuse_config(a, m->config);
        m->config = NULL;
        m->action = MEMBER_REMOVE;
        m->phase = MEMBER_WAITING;
        m->instances = m->update = 0;
        mark_member(a, m);
    }
    app_group_enter(a, group, APP_GROUP_REMOVING, message, now_ms);
    app_groups_go_on(a, now_ms);
    *out = aurora_group(a, key);
    return 0;
}
