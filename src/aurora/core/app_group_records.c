/* Application groups come, are marked for saving, are restored, and go. */
#include "aurora/core/app_groups.h"
#include "aurora/core/internal.h"

#include <assert.h>
#include <string.h>

/* --- marking --- */

void mark_group(struct aurora *a, struct app_group *group)
{
    if (group->is_dirty)
        return;
    group->is_dirty = true;
    *vec_add(&a->work.groups) = group;
}

void mark_member(struct aurora *a, struct app_member *member)
{
    if (member->job)
        quota_note(a, member->job); /* what is promised to it counts */
    if (member->is_dirty)
        return;
    member->is_dirty = true;
    *vec_add(&a->work.members) = member;
}

void app_groups_work_clear(struct aurora *a)
{
    struct work *w = &a->work;

    for (uint32_t i = 0; i < w->groups.count; i++)
        w->groups.item[i]->is_dirty = false;
    for (uint32_t i = 0; i < w->members.count; i++)
        w->members.item[i]->is_dirty = false;
    w->groups.count = w->members.count = 0;
}

/* --- members --- */

struct app_member *aurora_member_by_key(const struct aurora *a,
                                        const struct job_key *key)
{
    struct app_member *member = NULL;
    char text[JOB_KEY_TEXT_MAX];

    if (a->app_members) {
        (void)job_key_text(key, text);
        HASH_FIND(hh, a->app_members, text, strlen(text), member);
    }
    return member;
}

void records_put_member(struct aurora *a, struct app_member *member)
{
    assert(!aurora_member_by_key(a, &member->key));
    HASH_ADD_KEYPTR(hh, a->app_members, member->key_text->data,
                    member->key_text->size, member);
    member->job = aurora_job(a, &member->key);
}

void app_groups_note_coming(struct aurora *a, struct job *job)
{
    struct app_member *member = aurora_member(a, job);

    if (member)
        member->job = job;
}

void app_groups_note_going(struct aurora *a, const struct job *job)
{
    struct app_member *member = aurora_member(a, job);

    if (member)
        member->job = NULL;
}

void records_forget_member(struct aurora *a, struct app_member *member)
{
    if (member->job)
        quota_note(a, member->job);
    char key[JOB_KEY_TEXT_MAX];

    HASH_DELETE(hh, a->app_members, member);
    for (uint32_t i = 0; member->is_dirty && i < a->work.members.count; i++)
        if (a->work.members.item[i] == member) {
            vec_remove(&a->work.members, i);
            break;
        }
    mark_forgotten(a, RECORD_APP_MEMBER,
                   bytes_of_text(job_store_key(&member->key, key)));
    if (member->config)
        records_unuse_config(a, member->config);
    member->config = NULL;
}

/* --- groups --- */

static void forget_due(struct aurora *a, const struct app_group *group)
{
    for (uint32_t i = a->due_groups.count; i-- > 0;)
        if (a->due_groups.item[i] == group)
            vec_remove(&a->due_groups, i);
}

void records_delete_group(struct aurora *a, struct app_group *group)
{
    uint32_t at = aurora_group_at(a, &group->key);
    char key[JOB_KEY_TEXT_MAX];

    assert(a->app_groups.item[at] == group);
    vec_remove(&a->app_groups, at);
    for (uint32_t i = 0; i < group->members.count; i++)
        records_forget_member(a, group->members.item[i]);
    for (uint32_t i = 0; group->is_dirty && i < a->work.groups.count; i++)
        if (a->work.groups.item[i] == group) {
            vec_remove(&a->work.groups, i);
            break;
        }
    forget_due(a, group);
    mark_forgotten(a, RECORD_APP_GROUP,
                   bytes_of_text(job_store_key(&group->key, key)));
    app_group_free(group);
}

void app_groups_release(struct aurora *a)
{
    while (a->app_groups.count > 0)
        records_delete_group(a, a->app_groups.item[a->app_groups.count - 1]);
    vec_free(&a->app_groups);
    vec_free(&a->due_groups);
    vec_free(&a->work.groups);
    vec_free(&a->work.members);
}

/* --- after a restart --- */

static bool is_sound(const struct aurora *a, const struct app_group *group)
{
    uint32_t n = group->tree.members;

    if (group->state <= APP_GROUP_NONE || group->state >= APP_GROUP_REMOVED ||
        group->events.count == 0 || group->members.count < n || n == 0 ||
        aurora_group(a, &group->key))
        return false;
    for (uint32_t i = 0; i < group->members.count; i++) {
        const struct app_member *m = group->members.item[i];
        if (m->action < MEMBER_KEEP || m->action >= MEMBER_ACTION_COUNT ||
            m->phase < MEMBER_WAITING || m->phase >= MEMBER_PHASE_COUNT ||
            (m->config && m->action != MEMBER_UPDATE) ||
            m->is_leaving != (i >= n) || aurora_member_by_key(a, &m->key) ||
            (m->action == MEMBER_UPDATE && m->phase == MEMBER_WAITING &&
             !m->config))
            return false;
        for (uint32_t j = 0; j < i; j++)
            if (job_key_equal(&group->members.item[j]->key, &m->key))
                return false;
    }
    return true;
}

int aurora_restore_group_take(struct aurora *a, struct app_group *group,
                              struct err *err)
{
    if (!is_sound(a, group)) {
        int rc = err_set(
            err, ERR_DAMAGED, "group '%.*s' contradicts other records",
            (int)group->key_text->size, (const char *)group->key_text->data);
        app_group_free(group);
        return rc;
    }
    uint32_t at = aurora_group_at(a, &group->key);
    (void)vec_add(&a->app_groups);
    memmove(&a->app_groups.item[at + 1], &a->app_groups.item[at],
            (a->app_groups.count - 1 - at) * sizeof(void *));
    a->app_groups.item[at] = group;
    for (uint32_t i = 0; i < group->members.count; i++) {
        struct app_member *m = group->members.item[i];
        records_put_member(a, m);
        if (m->config)
            restored_use(a, m->config);
    }
    return 0;
}

void app_groups_restored(struct aurora *a)
{
    for (uint32_t i = 0; i < a->app_groups.count; i++)
        app_group_set_due(a, a->app_groups.item[i]);
}

/* --- invariants --- */

void app_groups_check(const struct aurora *a)
{
    uint32_t members = 0;

    for (uint32_t i = 0; i < a->app_groups.count; i++) {
        const struct app_group *group = a->app_groups.item[i];
        app_group_check(group);
        members += group->members.count;
        for (uint32_t j = 0; j < group->members.count; j++) {
            const struct app_member *m = group->members.item[j];
            const struct job *job = app_member_job(m);
            assert(m && aurora_member_by_key(a, &m->key) == m);
            assert(aurora_job(a, &m->key) == m->job);
            assert(!m->config || m->config->users > 0);
            /* What waits to be created has no task. */
            assert(!job || !app_member_is_held(m) || job->active.count == 0);
        }
    }
    assert(HASH_COUNT(a->app_members) == members);
}
