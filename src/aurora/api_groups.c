/* Calls about application groups. A group comes from a bundle, which is
 * evaluated beside the core first, or as a tree with its jobs. */
#include "aurora/api.h"
#include "aurora/assets.h"
#include "aurora/security.h"
#include "aurora/user_limits.h"

#include "aurora/core/app_groups.h"
#include "script/honour.h"
#include "script/job_check.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef Perigee__Aurora__Answer Answer;
typedef Perigee__Aurora__Call__DeployGroup DeployGroup;
typedef Perigee__Aurora__Call__Groups Query;

/* --- answering --- */

/* A change is answered with the head alone: answers are kept with their
 * Idempotency-Keys. */
static void answer_group(struct request *r, const struct app_group *group,
                         uint64_t sequence, const char *note, int64_t now_ms,
                         struct effects *fx)
{
    const Query *query = r->call->groups;
    bool is_whole = query && query->key &&
                    r->call->type != PERIGEE__AURORA__CALL__TYPE__REMOVE_GROUP;
    Answer *answer = api_answer_new(r);

    answer->sequence = sequence;
    answer->note = (char *)note;
    if (group) {
        answer->n_groups = 1;
        answer->groups = arena_alloc(&r->arena, sizeof(void *));
        answer->groups[0] = view_group(group, is_whole, &r->arena);
    }
    api_answer(r, answer, now_ms, fx);
}

static int refuse_missing(struct err *err, const char *field)
{
    (void)err_set(err, ERR_INVALID, "%s: missing", field);
    err_field(err, "%s", field);
    return -ERR_INVALID;
}

/* --- deploying --- */

/* The jobs of a tree, in the order of its members. */
struct members {
    const Perigee__Job **job;
    uint32_t count;
};

static bool is_job(const Perigee__Job *job, const struct job_key *key)
{
    return job->cluster && job->role && job->environment && job->name &&
           strcmp(job->name, key->name) == 0 &&
           strcmp(job->environment, key->env) == 0 &&
           strcmp(job->role, key->role) == 0 &&
           strcmp(job->cluster, key->cluster) == 0;
}

static const Perigee__Job *find_job(Perigee__Job *const *job, size_t count,
                                    const char *text)
{
    struct job_key key;

    if (job_key_parse(text, &key, NULL) < 0)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (is_job(job[i], &key))
            return job[i];
    return NULL;
}

/* Bounded: the tree was decoded, so it is not deep. */
static int collect(const Perigee__Group *group, Perigee__Job *const *job,
                   size_t count, struct members *out, struct err *err)
{
    for (size_t i = 0; i < group->n_jobs; i++) {
        const Perigee__Job *found = find_job(job, count, group->jobs[i]);
        if (!found) {
            (void)err_set(err, ERR_INVALID,
                          "group '%s': its job '%s' is not here", group->name,
                          group->jobs[i]);
            err_field(err, "deploy_group.jobs");
            return -ERR_INVALID;
        }
        out->job[out->count++] = found;
    }
    for (size_t i = 0; i < group->n_groups; i++) {
        int rc = collect(group->groups[i], job, count, out, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Who may deploy the group may still not create every job. */
static int check_member(const struct request *r, const Perigee__Job *job,
                        struct err *err)
{
    struct job_key key;
    int rc = job_key_make(job->cluster, job->role, job->environment, job->name,
                          &key, err);

    if (rc < 0 || security_may_job(r, ACTION_JOB_CREATE, &key))
        return rc;
    return security_refuse(r, ACTION_JOB_CREATE, &key, err);
}

/* Every job as a config, or none. */
static int decode_jobs(struct request *r, const struct members *members,
                       struct group_wish *wish, struct growth *growth,
                       struct err *err)
{
    int rc = 0;

    for (uint32_t i = 0; i < members->count && rc == 0; i++) {
        const Perigee__Job *job = members->job[i];
        rc = check_member(r, job, err);
        if (rc == 0)
            rc = api_check_assets(r->p, job, err);
        if (rc == 0)
            rc =
                job_decode(r->p, job, &wish[i].config, &wish[i].instances, err);
        if (rc < 0) {
            wish[i].config = NULL;
            (void)err_wrap(err, "job '%s'", job->name ? job->name : "");
        }
    }
    for (uint32_t i = 0; rc == 0 && i < members->count; i++)
        growth[i] =
            (struct growth){wish[i].config->key, wish[i].instances, false};
    if (rc == 0)
        rc = user_limits_check(r, growth, members->count, err);
    for (uint32_t i = 0; rc < 0 && i < members->count; i++)
        job_config_unref(wish[i].config);
    return rc;
}

static void deploy(struct request *r, const struct job_key *key,
                   const Perigee__Group *tree, const struct members *members,
                   struct group_request *request, int64_t now_ms,
                   struct effects *fx)
{
    const DeployGroup *call = r->call->deploy_group;
    struct group_wish *wish =
        arena_zalloc(&r->arena, (members->count + 1) * sizeof *wish);
    struct blob *source = group_source(tree);
    struct app_group *group = NULL;
    struct err err = {0};
    uint64_t sequence = 0, before = r->p->core.events.next;
    struct growth *growth =
        arena_zalloc(&r->arena, (members->count + 1) * sizeof *growth);
    int rc = decode_jobs(r, members, wish, growth, &err);

    request->key = *key;
    request->source = blob_bytes(source);
    request->wish = wish;
    request->must_be_new = call->must_be_new;
    request->prunes = call->prune;
    request->message = call->message;
    if (rc == 0)
        rc = aurora_group_deploy_take(&r->p->core, request, now_ms, &group,
                                      &sequence, &err);
    else
        group_tree_release(&request->tree);
    if (rc == 0)
        user_limits_own(r, growth, members->count);
    if (rc < 0)
        api_refuse(r, &err, now_ms, fx);
    else
        answer_group(r, group, sequence,
                     r->p->core.events.next == before ? "nothing had to change"
                                                      : NULL,
                     now_ms, fx);
    blob_unref(source);
}

/* The tree and its jobs, from wherever they came. */
static void store_group(struct request *r, const Perigee__Group *tree,
                        Perigee__Job *const *job, size_t count, int64_t now_ms,
                        struct effects *fx)
{
    struct group_request request = {0};
    struct members members = {0};
    struct job_key key;
    struct err err = {0};
    int rc = key_decode(r->p, r->call->deploy_group->key, &key, &err);

    assert(tree != NULL);
    if (rc == 0)
        rc = group_tree_decode(tree, &request.tree, &err);
    if (rc == 0 && strcmp(tree->name, key.name) != 0) {
        rc = err_set(&err, ERR_INVALID, "group '%s': want the name '%s'",
                     tree->name, key.name);
        err_field(&err, "deploy_group.key.name");
    }
    if (rc == 0) {
        members.job = arena_alloc(&r->arena, (request.tree.members + 1) *
                                                 sizeof *members.job);
        rc = collect(tree, job, count, &members, &err);
    }
    if (rc < 0) {
        group_tree_release(&request.tree);
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    deploy(r, &key, tree, &members, &request, now_ms, fx);
}

static int check_size(const DeployGroup *call, struct err *err)
{
    if (call->n_jobs <= TREE_MEMBERS_MAX &&
        call->n_expected <= TREE_MEMBERS_MAX)
        return 0;
    (void)err_set(err, ERR_LIMIT, "a group with %zu jobs: want at most %d",
                  call->n_jobs > call->n_expected ? call->n_jobs
                                                  : call->n_expected,
                  TREE_MEMBERS_MAX);
    err_field(err, "deploy_group.jobs");
    return -ERR_LIMIT;
}

void api_group_deploy(struct request *r, int64_t now_ms, struct effects *fx)
{
    const DeployGroup *call = r->call->deploy_group;
    struct job_key key;
    struct err err = {0};
    int rc = call ? key_decode(r->p, call->key, &key, &err)
                  : refuse_missing(&err, "deploy_group");

    if (rc == 0)
        rc = check_size(call, &err);
    if (rc == 0 && call->has_bundle && call->bundle.len > 0) {
        api_begin_evaluation(r, bytes_of(call->bundle.data, call->bundle.len),
                             arena_printf(&fx->arena, "group:%s", key.name),
                             now_ms, fx);
        return;
    }
    if (rc == 0 && !call->group)
        rc = refuse_missing(&err, "deploy_group.group");
    for (size_t i = 0; rc == 0 && i < call->n_jobs; i++)
        rc = job_complete(call->jobs[i], &r->arena, &err);
    if (rc < 0)
        api_refuse(r, &err, now_ms, fx);
    else
        store_group(r, call->group, call->jobs, call->n_jobs, now_ms, fx);
}

static const Perigee__Group *find_group(const Perigee__Evaluation *evaluation,
                                        const char *name)
{
    for (size_t i = 0; i < evaluation->n_groups; i++)
        if (evaluation->groups[i]->name &&
            strcmp(evaluation->groups[i]->name, name) == 0)
            return evaluation->groups[i];
    return NULL;
}

/* Did the client get the same jobs? Else the request is refused. */
static bool refuse_difference(struct request *r,
                              const Perigee__Evaluation *evaluation,
                              int64_t now_ms, struct effects *fx)
{
    const DeployGroup *call = r->call->deploy_group;

    if (call->accept_server)
        return false;
    for (size_t i = 0; i < call->n_expected; i++)
        for (size_t j = 0; j < evaluation->n_jobs; j++) {
            const Perigee__Job *a = call->expected[i], *b = evaluation->jobs[j];
            if (!a->name || !a->role || !a->environment ||
                strcmp(a->name, b->name) != 0 ||
                strcmp(a->role, b->role) != 0 ||
                strcmp(a->environment, b->environment) != 0)
                continue;
            if (api_refuse_difference(r, b, a, evaluation->stdlib_hash, now_ms,
                                      fx))
                return true;
        }
    return false;
}

void api_group_evaluated(struct request *r,
                         const Perigee__Evaluation *evaluation, int64_t now_ms,
                         struct effects *fx)
{
    const DeployGroup *call = r->call->deploy_group;
    const Perigee__Group *group = find_group(evaluation, call->key->name);
    struct err err = {0};

    if (!group) {
        (void)err_set(&err, ERR_NOT_FOUND,
                      "group '%s' is not in the file, which has %zu",
                      call->key->name, evaluation->n_groups);
        err_field(&err, "deploy_group.key.name");
    }
    if (!err.code && refuse_difference(r, evaluation, now_ms, fx))
        return;
    if (!err.code)
        (void)bundle_put(r->p, &r->body, evaluation->bundle_hash, now_ms, fx,
                         &err);
    if (err.code)
        api_refuse(r, &err, now_ms, fx);
    else
        store_group(r, group, evaluation->jobs, evaluation->n_jobs, now_ms, fx);
}

/* --- scaling, removing, looking --- */

/* What becomes of its services; nothing of a group that does not exist. */
static int check_growth(struct request *r, const struct job_key *key,
                        uint32_t factor_milli, struct growth **out,
                        uint32_t *count, struct err *err)
{
    const struct app_group *group = aurora_group(&r->p->core, key);
    uint32_t most = group ? group->members.count : 0;

    *out = arena_zalloc(&r->arena, (most + 1) * sizeof **out);
    *count = 0;
    for (uint32_t i = 0; i < most; i++) {
        const struct job *job = app_member_job(group->members.item[i]);
        uint64_t wanted =
            job ? ((uint64_t)job->instances * factor_milli + 999) / 1000 : 0;
        if (job && job->config->is_service)
            (*out)[(*count)++] = (struct growth){
                job->key, wanted < UINT32_MAX ? (uint32_t)wanted : UINT32_MAX,
                false};
    }
    return user_limits_check(r, *out, *count, err);
}

void api_group_scale(struct request *r, int64_t now_ms, struct effects *fx)
{
    struct growth *growth = NULL;
    uint32_t count = 0;
    const Perigee__Aurora__Call__ScaleGroup *call = r->call->scale_group;
    struct app_group *group = NULL;
    struct job_key key;
    struct err err = {0};
    uint64_t sequence = 0, before = r->p->core.events.next;
    int rc = call ? key_decode(r->p, call->key, &key, &err)
                  : refuse_missing(&err, "scale_group");

    if (rc == 0)
        rc = check_growth(r, &key, call->factor_milli, &growth, &count, &err);
    if (rc == 0)
        rc = aurora_group_scale(&r->p->core, &key, call->factor_milli,
                                call->message, now_ms, &group, &sequence, &err);
    if (rc == 0)
        user_limits_own(r, growth, count);
    if (rc < 0)
        api_refuse(r, &err, now_ms, fx);
    else
        answer_group(r, group, sequence,
                     r->p->core.events.next == before ? "nothing had to change"
                                                      : NULL,
                     now_ms, fx);
}

void api_group_remove(struct request *r, int64_t now_ms, struct effects *fx)
{
    const Query *query = r->call->groups;
    struct app_group *group = NULL;
    struct job_key key;
    struct err err = {0};
    uint64_t sequence = 0;
    int rc = query ? key_decode(r->p, query->key, &key, &err)
                   : refuse_missing(&err, "groups");

    if (rc == 0)
        rc = aurora_group_remove(&r->p->core, &key, query->message, now_ms,
                                 &group, &sequence, &err);
    if (rc < 0)
        api_refuse(r, &err, now_ms, fx);
    else
        answer_group(r, group, sequence, group ? NULL : "it is gone", now_ms,
                     fx);
}

void api_group_get(struct request *r, int64_t now_ms, struct effects *fx)
{
    const Query *query = r->call->groups;
    struct app_group *group = NULL;
    char text[JOB_KEY_TEXT_MAX];
    struct job_key key;
    struct err err = {0};
    int rc = query ? key_decode(r->p, query->key, &key, &err)
                   : refuse_missing(&err, "groups");

    if (rc == 0)
        group = aurora_group(&r->p->core, &key);
    if (rc == 0 && !group) {
        rc = err_set(&err, ERR_NOT_FOUND, "group '%s' does not exist",
                     job_key_text(&key, text));
        err_hint(&err,
                 "list the groups of the role with: clusterctl group list "
                 "%s/%s",
                 key.cluster, key.role);
    }
    if (rc < 0)
        api_refuse(r, &err, now_ms, fx);
    else
        answer_group(r, group, r->p->core.events.next - 1, NULL, now_ms, fx);
}

/* Where a page begins: behind the group that the cursor names. */
static int list_start(struct aurora_program *p, const char *cursor,
                      uint32_t *out, struct err *err)
{
    char text[JOB_KEY_TEXT_MAX + JOB_KEY_PART_MAX];
    struct job_key key;

    *out = 0;
    if (!cursor || !*cursor)
        return 0;
    snprintf(text, sizeof text, "%s/%s", p->options.cluster, cursor);
    if (job_key_parse(text, &key, NULL) < 0) {
        (void)err_set(err, ERR_INVALID, "cursor '%s': not one of ours", cursor);
        err_field(err, "cursor");
        return -ERR_INVALID;
    }
    *out = aurora_group_at(&p->core, &key);
    *out += aurora_group(&p->core, &key) != NULL;
    return 0;
}

static bool matches(const char *wanted, const char *has)
{
    return !wanted || !*wanted || strcmp(wanted, has) == 0;
}

void api_group_list(struct request *r, int64_t now_ms, struct effects *fx)
{
    static const Query all = PERIGEE__AURORA__CALL__GROUPS__INIT;
    const Query *query = r->call->groups ? r->call->groups : &all;
    const struct aurora *a = &r->p->core;
    uint32_t at, size = api_page_size(query->limit);
    char text[JOB_KEY_TEXT_MAX];
    const struct app_group *last = NULL;
    struct err err = {0};

    if (list_start(r->p, query->cursor, &at, &err) < 0) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    Answer *answer = api_answer_new(r);
    answer->groups = arena_alloc(&r->arena, (size + 1) * sizeof(void *));
    for (; at < a->app_groups.count; at++) {
        const struct app_group *group = a->app_groups.item[at];
        if (!matches(query->role, group->key.role) ||
            !matches(query->environment, group->key.env) ||
            !security_sees(r, &group->key))
            continue;
        if (answer->n_groups == size) {
            answer->cursor =
                arena_strdup(&r->arena, job_store_key(&last->key, text));
            break;
        }
        answer->groups[answer->n_groups++] =
            view_group(group, false, &r->arena);
        last = group;
    }
    api_answer(r, answer, now_ms, fx);
}
