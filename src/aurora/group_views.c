/* Application groups as the API shows them. */
#include "aurora/state.h"

#include "aurora/core/app_groups.h"
#include "wire/codec.h"

typedef Perigee__Aurora__GroupView GroupView;
typedef Perigee__Aurora__GroupMemberView MemberView;
typedef Perigee__Aurora__GroupEvent GroupEvent;

static GroupEvent *view_state(int64_t at_ms, enum app_group_state state,
                              struct blob *message, struct arena *arena)
{
    GroupEvent *out = arena_alloc(arena, sizeof *out);

    perigee__aurora__group_event__init(out);
    out->has_at_ms = out->has_state = true;
    out->at_ms = (uint64_t)at_ms;
    out->state = (Perigee__Aurora__GroupState)state;
    out->message = view_text(message, arena);
    return out;
}

GroupEvent **view_group_history(const struct app_group *group,
                                struct arena *arena)
{
    uint32_t n = group->events.count;
    GroupEvent **out = arena_alloc(arena, (n + 1) * sizeof(void *));

    for (uint32_t i = 0; i < n; i++)
        out[i] =
            view_state(group->events.item[i].at_ms, group->events.item[i].state,
                       group->events.item[i].message, arena);
    return out;
}

static char *take_text(struct buf *text, struct arena *arena)
{
    char *out = NULL;

    if (text->size > 0)
        out = arena_strndup(arena, buf_text(text), text->size);
    buf_release(text);
    return out;
}

char *view_waits(const struct app_member *member, struct arena *arena)
{
    struct buf text = {0};

    app_job_waits(member, &text);
    return take_text(&text, arena);
}

static MemberView *view_member_head(const struct job_key *key,
                                    enum member_action action,
                                    enum member_phase phase,
                                    struct blob *message, struct arena *arena)
{
    MemberView *out = arena_alloc(arena, sizeof *out);

    perigee__aurora__group_member_view__init(out);
    out->key = key_encode(key, arena);
    out->has_action = out->has_phase = true;
    out->action = (Perigee__Aurora__GroupMemberView__Action)action;
    out->phase = (Perigee__Aurora__GroupMemberView__Phase)phase;
    out->message = view_text(message, arena);
    return out;
}

static MemberView *view_member(const struct app_group *group, uint32_t at,
                               const bool *is_ready, struct arena *arena)
{
    const struct app_member *m = group->members.item[at];
    struct buf waits = {0};
    MemberView *out =
        view_member_head(&m->key, m->action, m->phase, m->message, arena);
    const struct job *job = app_member_job(m);

    out->has_up = true;
    out->up = app_member_is_up(m);
    out->has_leaving = out->leaving = m->is_leaving;
    app_member_waits(group, at, is_ready, &waits);
    out->waits_for = take_text(&waits, arena);
    if (!job)
        return out;
    out->has_instances = out->has_running = out->has_service = true;
    out->instances = job->instances;
    out->running = job->running;
    out->service = job->config->is_service;
    if (job->update)
        out->update = view_update(job->update, false, arena);
    return out;
}

static GroupView *view_head(const struct job_key *key,
                            enum app_group_state state, const uint32_t *count,
                            struct arena *arena)
{
    GroupView *out = arena_alloc(arena, sizeof *out);

    perigee__aurora__group_view__init(out);
    out->key = key_encode(key, arena);
    out->has_state = true;
    out->state = (Perigee__Aurora__GroupState)state;
    out->has_waiting = out->has_working = true;
    out->has_done = out->has_failed = true;
    out->waiting = count[MEMBER_WAITING];
    out->working = count[MEMBER_WORKING];
    out->done = count[MEMBER_DONE];
    out->failed = count[MEMBER_FAILED];
    return out;
}

/* The stored tree, whole, in the arena. */
static Perigee__Group *tree_of(const struct app_group *group,
                               struct arena *arena)
{
    ProtobufCAllocator allocator = codec_arena_allocator(arena);

    return perigee__group__unpack(&allocator, group->source->size,
                                  group->source->data);
}

GroupView *view_group(const struct app_group *group, bool is_whole,
                      struct arena *arena)
{
    uint32_t count[MEMBER_PHASE_COUNT], n = group->members.count;

    app_group_count(group, count);
    GroupView *out = view_head(&group->key, group->state, count, arena);
    out->has_created_ms = out->has_changed_ms = true;
    out->created_ms = (uint64_t)app_group_created_ms(group);
    out->changed_ms = (uint64_t)app_group_changed_ms(group);
    out->message =
        view_text(group->events.item[group->events.count - 1].message, arena);
    if (!is_whole)
        return out;
    out->tree = tree_of(group, arena);
    out->events = view_group_history(group, arena);
    out->n_events = group->events.count;
    out->n_members = n;
    out->members = arena_alloc(arena, (n + 1) * sizeof(void *));
    bool *is_ready = arena_zalloc(arena, n + 1);
    app_group_ready(group, is_ready);
    for (uint32_t i = 0; i < n; i++)
        out->members[i] = view_member(group, i, is_ready, arena);
    return out;
}

static struct job_key key_of(const struct blob *text, struct arena *arena)
{
    struct job_key key = {0};

    (void)job_key_parse(
        arena_strndup(arena, (const char *)text->data, text->size), &key, NULL);
    return key;
}

GroupView *view_group_event(const struct event *event, struct arena *arena)
{
    struct job_key key = key_of(event->key_text, arena);
    GroupView *out = view_head(&key, event->group_state, event->phases, arena);

    if (event->member) {
        key = key_of(event->member, arena);
        out->n_members = 1;
        out->members = arena_alloc(arena, sizeof(void *));
        out->members[0] =
            view_member_head(&key, event->member_action, event->member_phase,
                             event->message, arena);
        return out;
    }
    out->message = view_text(event->message, arena);
    out->n_events = 1;
    out->events = arena_alloc(arena, sizeof(void *));
    out->events[0] =
        view_state(event->at_ms, event->group_state, event->message, arena);
    return out;
}
