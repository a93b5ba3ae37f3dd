#include "aurora/core/app_group.h"
#include "base/alloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct app_group *app_group_new(const struct job_key *key)
{
    struct app_group *group = xcalloc(1, sizeof *group);
    char text[JOB_KEY_TEXT_MAX];

    group->key = *key;
    group->key_text = blob_new(bytes_of_text(job_key_text(key, text)));
    return group;
}

void app_member_free(struct app_member *member)
{
    blob_unref(member->key_text);
    blob_unref(member->message);
    free(member);
}

void app_group_free(struct app_group *group)
{
    for (uint32_t i = 0; i < group->members.count; i++)
        app_member_free(group->members.item[i]);
    for (uint32_t i = 0; i < group->events.count; i++)
        blob_unref(group->events.item[i].message);
    vec_free(&group->members);
    vec_free(&group->events);
    group_tree_release(&group->tree);
    blob_unref(group->key_text);
    blob_unref(group->source);
    free(group);
}

struct app_member *app_group_add(struct app_group *group,
                                 const struct job_key *key)
{
    struct app_member *member = xcalloc(1, sizeof *member);
    char text[JOB_KEY_TEXT_MAX];

    member->group = group;
    member->key = *key;
    member->key_text = blob_new(bytes_of_text(job_key_text(key, text)));
    member->action = MEMBER_KEEP;
    member->phase = MEMBER_DONE;
    *vec_add(&group->members) = member;
    return member;
}

void app_group_add_event(struct app_group *group, enum app_group_state state,
                         const char *message, int64_t now_ms)
{
    struct blob *text = NULL;

    if (message && *message)
        text =
            blob_new(bytes_of(message, strnlen(message, MEMBER_MESSAGE_MAX)));
    if (group->events.count == APP_GROUP_EVENTS_MAX) {
        blob_unref(group->events.item[1].message);
        vec_remove(&group->events, 1);
    }
    *vec_add(&group->events) = (struct app_group_event){now_ms, state, text};
}

int64_t app_group_created_ms(const struct app_group *group)
{
    return group->events.count ? group->events.item[0].at_ms : 0;
}

int64_t app_group_changed_ms(const struct app_group *group)
{
    uint32_t n = group->events.count;

    return n ? group->events.item[n - 1].at_ms : 0;
}

bool app_member_is_held(const struct app_member *member)
{
    return member->action == MEMBER_CREATE && member->phase == MEMBER_WAITING;
}

void app_group_count(const struct app_group *group,
                     uint32_t count[MEMBER_PHASE_COUNT])
{
    memset(count, 0, MEMBER_PHASE_COUNT * sizeof *count);
    for (uint32_t i = 0; i < group->members.count; i++)
        count[group->members.item[i]->phase]++;
}

void app_group_check(const struct app_group *group)
{
    assert(group->events.count > 0 && group->state != APP_GROUP_NONE);
    assert(group->members.count >= group->tree.members);
    for (uint32_t i = 0; i < group->members.count; i++) {
        const struct app_member *m = group->members.item[i];
        assert(m->group == group);
        assert(m->is_leaving == (i >= group->tree.members));
        assert(m->phase >= MEMBER_WAITING && m->phase < MEMBER_PHASE_COUNT);
        assert(!m->is_leaving || m->action == MEMBER_REMOVE);
        assert(!m->config || m->action == MEMBER_UPDATE);
    }
}
