/* Deployments under way: facts about members are gathered, the rule is asked,
 * its answer carried out. Changes of jobs only mark their group; the work is
 * done by app_groups_go_on at the end of an input. */
#include "aurora/core/app_groups.h"
#include "aurora/core/internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* --- what is there --- */

struct app_member *aurora_member(const struct aurora *a, const struct job *job)
{
    struct app_member *member = NULL;

    if (a->app_members)
        HASH_FIND(hh, a->app_members, job->key_text->data, job->key_text->size,
                  member);
    return member;
}

struct job *app_member_job(const struct app_member *member)
{
    struct job *job = member->job;

    return job && !job->is_removed ? job : NULL;
}

/* Has the last task of some instance ended other than FINISHED? Only of jobs
 * that have no active task (any more). */
static bool has_failed(const struct job *job)
{
    uint32_t size = 0;
    bool is_bad = false;

    for (const struct task *t = job->ended.first; t; t = t->next)
        size = t->instance >= size ? t->instance + 1 : size;
    bool *failed = xcalloc(size + 1, sizeof *failed);
    for (const struct task *t = job->ended.first; t; t = t->next)
        failed[t->instance] = t->state != TASK_FINISHED;
    for (uint32_t i = 0; i < size; i++)
        is_bad |= failed[i];
    free(failed);
    return is_bad;
}

bool job_is_broken(const struct job *job)
{
    return !job->config->is_service && job->active.count == 0 &&
           has_failed(job);
}

bool app_member_is_up(const struct app_member *member)
{
    const struct job *job = app_member_job(member);

    if (!job || job->is_killed || app_member_is_held(member))
        return false;
    if (job->config->is_service)
        return job->running >= job->instances;
    return job->active.count == 0 && !has_failed(job);
}

/* --- waiting --- */

/* Up, and not about to be changed: others may count on it. */
static bool is_ready(const struct app_member *member)
{
    return member->phase == MEMBER_DONE && app_member_is_up(member);
}

static void add_missing(const struct app_group *group, uint32_t member,
                        struct buf *out)
{
    static const char *const changing[MEMBER_ACTION_COUNT] = {
        [MEMBER_UPDATE] = ", is updated", [MEMBER_SCALE] = ", is scaled"};
    const struct app_member *m = group->members.item[member];
    const struct job *job = app_member_job(m);
    const char *change = m->phase == MEMBER_DONE ? NULL : changing[m->action];

    group_tree_path(&group->tree, group_tree_node_of(&group->tree, member),
                    out);
    if (!job || job->is_killed)
        buf_add_text(out, " (it is gone)");
    else if (job->config->is_service)
        buf_addf(out, " (%u of %u running%s)", job->running, job->instances,
                 change ? change : "");
    else
        buf_add_text(out, job_is_broken(job) ? " (it failed)"
                                             : " (it has not finished)");
}

void app_group_ready(const struct app_group *group, bool *out)
{
    for (uint32_t i = 0; i < group->members.count; i++)
        out[i] = is_ready(group->members.item[i]);
}

void app_member_waits(const struct app_group *group, uint32_t at,
                      const bool *is_ready, struct buf *out)
{
    enum { SHOWN_MAX = 3 };
    const struct app_member *member = group->members.item[at];
    uint32_t missing[TREE_MEMBERS_MAX];

    if (member->phase != MEMBER_WAITING || member->action == MEMBER_REMOVE ||
        group->is_backward)
        return;
    uint32_t count =
        group_tree_waits(&group->tree, at, is_ready, missing, TREE_MEMBERS_MAX);
    for (uint32_t i = 0; i < count && i < SHOWN_MAX; i++) {
        buf_add_text(out, i ? ", " : "waits for ");
        add_missing(group, missing[i], out);
    }
    if (count > SHOWN_MAX)
        buf_addf(out, " and %u more", count - SHOWN_MAX);
    if (count == 0 && member->judged_by_ms != 0)
        buf_add_text(out, "waits for scripts to judge its hosts");
    if (group->state == APP_GROUP_FAILED)
        buf_addf(out, "%sits group FAILED", count ? "; " : "");
}

void app_job_waits(const struct app_member *member, struct buf *out)
{
    const struct app_group *group = member->group;
    bool *is_ready = xcalloc(group->members.count + 1, sizeof *is_ready);
    uint32_t at = 0;

    while (group->members.item[at] != member)
        at++;
    app_group_ready(group, is_ready);
    app_member_waits(group, at, is_ready, out);
    free(is_ready);
}

/* --- marking --- */

void app_group_set_due(struct aurora *a, struct app_group *group)
{
    if (group->is_due || !app_group_is_busy(group->state))
        return;
    group->is_due = true;
    *vec_add(&a->due_groups) = group;
}

void app_groups_note(struct aurora *a, const struct job *job)
{
    struct app_member *member = aurora_member(a, job);

    if (member)
        app_group_set_due(a, member->group);
}

void app_groups_judged(struct aurora *a)
{
    if (!a->groups_await)
        return;
    a->groups_await = false;
    for (uint32_t i = 0; i < a->app_groups.count; i++) {
        struct app_group *group = a->app_groups.item[i];
        for (uint32_t m = 0; m < group->members.count; m++)
            if (group->members.item[m]->judged_by_ms != 0)
                app_group_set_due(a, group);
    }
}

void app_group_enter(struct aurora *a, struct app_group *group,
                     enum app_group_state to, const char *message,
                     int64_t now_ms)
{
    assert(app_group_machine(group->state, to));
    group->state = to;
    app_group_add_event(group, to, message, now_ms);
    (void)event_log_group(&a->events, group, NULL, now_ms);
    if (to != APP_GROUP_REMOVED)
        mark_group(a, group);
    app_group_set_due(a, group);
}

static void set_phase(struct aurora *a, struct app_member *m,
                      enum member_phase phase, const char *message,
                      int64_t now_ms)
{
    m->phase = phase;
    blob_unref(m->message);
    m->message =
        message && *message
            ? blob_new(bytes_of(message, strnlen(message, MEMBER_MESSAGE_MAX)))
            : NULL;
    if (phase != MEMBER_WAITING && m->config) {
        records_unuse_config(a, m->config);
        m->config = NULL;
    }
    mark_member(a, m);
    (void)event_log_group(&a->events, m->group, m, now_ms);
}

/* --- beginning --- */

static void begin_create(struct aurora *a, struct app_member *m, int64_t now_ms)
{
    struct job *job = app_member_job(m);

    set_phase(a, m, MEMBER_WORKING, NULL, now_ms);
    for (uint32_t i = 0; i < job->instances; i++)
        (void)task_start(a, job, job->config, i, NULL, now_ms);
}

static int begin_update(struct aurora *a, struct app_member *m, int64_t now_ms,
                        struct err *err)
{
    struct update_request request = {.instances = m->instances,
                                     .message = "its group changes"};
    struct update *update = NULL;
    uint64_t sequence;
    int rc = aurora_update_start_take(a, job_config_ref(m->config), &request,
                                      now_ms, &update, &sequence, err);

    if (rc < 0)
        return rc;
    m->update = update ? update->number : 0;
    set_phase(a, m, MEMBER_WORKING, NULL, now_ms);
    return 0;
}

static int begin_scale(struct aurora *a, struct app_member *m, int64_t now_ms,
                       struct err *err)
{
    struct instance_list touched = {0};
    uint64_t sequence;
    int rc = aurora_scale(a, &m->key, m->instances, now_ms, &touched, &sequence,
                          err);

    vec_free(&touched);
    if (rc == 0)
        set_phase(a, m, MEMBER_WORKING, NULL, now_ms);
    return rc;
}

/* An update under way does not keep its job from going. */
static int begin_remove(struct aurora *a, struct app_member *m, int64_t now_ms,
                        struct err *err)
{
    struct job *job = app_member_job(m);
    struct instance_list touched = {0};
    uint64_t sequence;
    int rc = 0;

    if (m->phase != MEMBER_WORKING)
        set_phase(a, m, MEMBER_WORKING, NULL, now_ms);
    if (job->update)
        updater_abort(a, job->update, "its group is removed", now_ms);
    if (!job->is_killed)
        rc = aurora_kill(a, &m->key, NULL, "removed with its group", now_ms,
                         &touched, &sequence, err);
    vec_free(&touched);
    return rc;
}

/* An update waits for scripts that judge the hosts of its tasks, but not for
 * ever (aurora_awaits_judging). */
static bool may_begin(struct aurora *a, struct app_member *m, int64_t now_ms)
{
    if (m->action != MEMBER_UPDATE ||
        !aurora_awaits_judging(a, m->config, now_ms))
        return true;
    if (m->judged_by_ms == 0) {
        m->judged_by_ms = now_ms + UPDATE_JUDGED_MS;
        heap_push(&a->timers, m->judged_by_ms, TIMER_JUDGED, 0);
    }
    bool is_late = now_ms >= m->judged_by_ms;
    a->groups_await |= !is_late;
    return is_late;
}

static void begin(struct aurora *a, struct app_member *m, int64_t now_ms)
{
    struct err err = {0};
    int rc = 0;

    m->judged_by_ms = 0;

    switch (m->action) {
    case MEMBER_CREATE:
        begin_create(a, m, now_ms);
        break;
    case MEMBER_UPDATE:
        rc = begin_update(a, m, now_ms, &err);
        break;
    case MEMBER_SCALE:
        rc = begin_scale(a, m, now_ms, &err);
        break;
    case MEMBER_REMOVE:
        rc = begin_remove(a, m, now_ms, &err);
        break;
    case MEMBER_KEEP:
    case MEMBER_ACTION_COUNT:
        set_phase(a, m, MEMBER_WORKING, NULL, now_ms);
        break;
    }
    if (rc < 0)
        set_phase(a, m, MEMBER_FAILED, err.text, now_ms);
}

/* --- one pass over a group --- */

/* By the places of members. */
struct pass {
    bool *is_up, *is_done, *is_ready, *is_clear;
};

static struct member_facts facts_of(const struct aurora *a,
                                    const struct app_member *m, bool is_up,
                                    bool is_clear)
{
    const struct job *job = app_member_job(m);
    const struct update *update =
        m->update ? aurora_update_by_number(a, m->update) : NULL;

    return (struct member_facts){
        .action = m->action,
        .phase = m->phase,
        .is_clear = is_clear,
        .is_here = job && !job->is_killed,
        .is_gone = !job,
        .is_up = is_up,
        .is_broken = job && job_is_broken(job),
        .update = update ? update->state : UPDATE_NONE,
    };
}

static uint32_t highest_leaving(const struct app_group *group)
{
    uint32_t high = 0;

    for (uint32_t i = group->tree.members; i < group->members.count; i++) {
        const struct app_member *m = group->members.item[i];
        if (m->phase != MEMBER_DONE && m->level > high)
            high = m->level;
    }
    return high;
}

/* What leaves may need what stays, and no tree says so any more: where all are
 * removed, it goes first. */
static void hold_for_leaving(const struct app_group *group, bool *is_clear)
{
    bool are_leaving = false;

    for (uint32_t i = group->tree.members; i < group->members.count; i++)
        are_leaving |= group->members.item[i]->phase != MEMBER_DONE;
    for (uint32_t i = 0; i < group->tree.members; i++)
        is_clear[i] &= !are_leaving;
}

/* Who may begin: with everything ready that it waits for; against the order
 * when all that wait for it are done; those that leave at the end, from the
 * top. */
static void find_clear(const struct app_group *group, struct pass *pass)
{
    uint32_t high = highest_leaving(group);
    bool is_backward = group->state == APP_GROUP_REMOVING || group->is_backward;
    bool all_done = true;

    if (is_backward)
        group_tree_may_stop(&group->tree, pass->is_done, pass->is_clear);
    else
        group_tree_may_start(&group->tree, pass->is_ready, pass->is_clear);
    for (uint32_t i = 0; i < group->tree.members; i++)
        all_done &= pass->is_done[i];
    for (uint32_t i = group->tree.members; i < group->members.count; i++)
        pass->is_clear[i] = (all_done || group->state == APP_GROUP_REMOVING) &&
                            group->members.item[i]->level == high;
    if (group->state == APP_GROUP_REMOVING)
        hold_for_leaving(group, pass->is_clear);
}

/* The newest reason in its history. */
static void describe_update(const struct update *update, struct buf *out)
{
    const struct blob *why = NULL;

    for (uint32_t i = update->events.count; i-- > 0 && !why;)
        why = update->events.item[i].message;
    buf_addf(out, "its update is %s", update_state_name(update->state));
    if (why)
        buf_addf(out, ": %.*s", (int)why->size, (const char *)why->data);
}

static void describe_failure(const struct aurora *a, const struct app_member *m,
                             struct buf *out)
{
    const struct job *job = app_member_job(m);
    const struct update *update =
        m->update ? aurora_update_by_number(a, m->update) : NULL;

    if (!job || job->is_killed) {
        buf_add_text(out, "it was killed");
    } else if (update && update->state != UPDATE_ROLLED_FORWARD) {
        describe_update(update, out);
    } else {
        buf_add_text(out, "an instance ended and did not finish");
    }
}

/* True when something happened. */
static bool work_on(struct aurora *a, struct app_member *m, bool is_up,
                    bool is_clear, int64_t now_ms)
{
    struct member_facts facts = facts_of(a, m, is_up, is_clear);
    struct buf why = {0};

    switch (member_rule(&facts)) {
    case ACT_WAIT:
        return false;
    case ACT_BEGIN:
        if (!may_begin(a, m, now_ms))
            return false;
        begin(a, m, now_ms);
        break;
    case ACT_DONE:
        set_phase(a, m, MEMBER_DONE, NULL, now_ms);
        break;
    case ACT_FAIL:
        describe_failure(a, m, &why);
        set_phase(a, m, MEMBER_FAILED, buf_text(&why), now_ms);
        buf_release(&why);
        break;
    }
    return true;
}

void app_member_drop(struct aurora *a, struct app_member *m)
{
    struct app_group *group = m->group;

    for (uint32_t i = 0; i < group->members.count; i++)
        if (group->members.item[i] == m) {
            vec_remove(&group->members, i);
            break;
        }
    records_forget_member(a, m);
    app_member_free(m);
    mark_group(a, group); /* its record says how many they are */
}

static void drop_left(struct aurora *a, struct app_group *group)
{
    for (uint32_t i = group->members.count; i-- > group->tree.members;)
        if (group->members.item[i]->phase == MEMBER_DONE)
            app_member_drop(a, group->members.item[i]);
}

/* What follows when every member has been looked at. */
static void conclude(struct aurora *a, struct app_group *group, int64_t now_ms)
{
    uint32_t count[MEMBER_PHASE_COUNT];
    struct buf why = {0};

    app_group_count(group, count);
    for (uint32_t i = 0; why.size == 0 && i < group->members.count; i++) {
        const struct app_member *m = group->members.item[i];
        if (m->phase == MEMBER_FAILED)
            buf_addf(&why, "%s: %.*s", m->key.name,
                     m->message ? (int)m->message->size : 0,
                     m->message ? (const char *)m->message->data : "");
    }
    if (count[MEMBER_FAILED] > 0)
        app_group_enter(a, group, APP_GROUP_FAILED, buf_text(&why), now_ms);
    else if (count[MEMBER_WAITING] + count[MEMBER_WORKING] == 0)
        app_group_enter(a, group,
                        group->state == APP_GROUP_REMOVING ? APP_GROUP_REMOVED
                                                           : APP_GROUP_RUNNING,
                        NULL, now_ms);
    buf_release(&why);
    if (group->state == APP_GROUP_REMOVED)
        records_delete_group(a, group);
}

/* Of a service it must be news that it is up; what ended by itself has. */
static bool is_believed(const struct aurora *a, const struct app_member *m,
                        int64_t now_ms)
{
    const struct job *job = app_member_job(m);

    return !job || !job->config->is_service || job_is_settled(a, job, now_ms);
}

static void step(struct aurora *a, struct app_group *group, int64_t now_ms)
{
    uint32_t n = group->members.count;
    bool *flags = xcalloc(4 * (size_t)n + 1, sizeof *flags);
    struct pass pass = {flags, flags + n, flags + 2 * (size_t)n,
                        flags + 3 * (size_t)n};
    bool has_moved = false;

    app_group_ready(group, pass.is_ready);
    for (uint32_t i = 0; i < n; i++) {
        bool is_known = is_believed(a, group->members.item[i], now_ms);
        pass.is_ready[i] &= is_known;
        pass.is_up[i] = is_known && app_member_is_up(group->members.item[i]);
        pass.is_done[i] = group->members.item[i]->phase == MEMBER_DONE;
    }
    find_clear(group, &pass);
    for (uint32_t i = 0; i < n; i++)
        has_moved |= work_on(a, group->members.item[i], pass.is_up[i],
                             pass.is_clear[i], now_ms);
    free(flags);
    drop_left(a, group);
    if (has_moved)
        app_group_set_due(a, group);
    conclude(a, group, now_ms);
}

void app_groups_go_on(struct aurora *a, int64_t now_ms)
{
    if (a->is_in_groups)
        return;
    a->is_in_groups = true;
    while (a->due_groups.count > 0) {
        struct app_group *group = a->due_groups.item[--a->due_groups.count];
        group->is_due = false;
        if (app_group_is_busy(group->state))
            step(a, group, now_ms);
    }
    a->is_in_groups = false;
}
