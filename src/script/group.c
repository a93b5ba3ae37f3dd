/* Groups: jobs and groups that start in order. */
#include "base/text.h"
#include "script/collect.h"
#include "script/convert.h"
#include "script/job_build.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_MAX = 400 };

/* What stands in one list: its jobs and groups, by name. */
struct siblings {
    size_t count;
    const char **name;      /* NULL: it has none */
    Perigee__Group **group; /* NULL: a job */
    struct call_site *site;
};

static void tell(struct collector *c, struct call_site site, const char *name,
                 const char *field, const char *message, const char *expected,
                 const char *nearest)
{
    struct problem_report report = {.site = site,
                                    .object = "Group",
                                    .name = name,
                                    .field = field,
                                    .message = message,
                                    .expected = expected,
                                    .nearest = nearest};
    (void)problem_add(c->e, &report);
}

static void check_names(struct collector *c, const struct siblings *s)
{
    char message[MESSAGE_MAX];
    for (size_t i = 0; i < s->count; i++) {
        for (size_t j = 0; s->group[i] != NULL && j < s->count; j++) {
            bool is_other = j < i || (s->group[j] == NULL && j != i);
            if (!is_other || s->name[i] == NULL || s->name[j] == NULL ||
                strcmp(s->name[i], s->name[j]) != 0)
                continue;
            snprintf(message, sizeof message,
                     "'%.60s' stands beside another of that name", s->name[i]);
            tell(c, s->site[i], s->name[i], "name", message,
                 "want names that differ", NULL);
            break;
        }
    }
}

/* The group of that name; s->count: none. */
static size_t find(const struct siblings *s, const char *name)
{
    size_t at = 0;
    while (at < s->count &&
           (s->name[at] == NULL || strcmp(s->name[at], name) != 0))
        at++;
    return at;
}

static void check_unknown(struct collector *c, const struct siblings *s,
                          size_t at, size_t number)
{
    enum { SHOWN_MAX = 256 };
    const char *name = s->group[at]->depends_on[number];
    const char *names[SHOWN_MAX + 1];
    char message[MESSAGE_MAX], field[64];
    size_t count = 0;
    for (size_t i = 0; i < s->count && count < SHOWN_MAX; i++)
        if (i != at && s->name[i] != NULL)
            names[count++] = s->name[i];
    names[count] = NULL;
    snprintf(message, sizeof message, "nothing beside it is named '%.60s'",
             name);
    snprintf(field, sizeof field, "depends_on[%zu]", number + 1);
    tell(c, s->site[at], s->name[at], field, message,
         "want a job or group of the same list", text_nearest(name, names));
}

/* What this one waits for and that is left. */
static size_t next_left(const struct siblings *s, size_t at, const bool *gone)
{
    const Perigee__Group *group = s->group[at];
    for (size_t i = 0; i < group->n_depends_on; i++) {
        size_t other = find(s, group->depends_on[i]);
        if (other < s->count && !gone[other])
            return other;
    }
    return s->count;
}

/* Go along from one that is left, until one comes again: from there on it is a
 * circle. */
static void tell_cycle(struct collector *c, const struct siblings *s,
                       const bool *gone)
{
    bool *is_met = arena_zalloc(&c->e->arena, s->count + 1);
    struct buf message = {0};
    size_t at = 0;
    while (gone[at])
        at++;
    for (; !is_met[at]; at = next_left(s, at, gone))
        is_met[at] = true;
    size_t first = at;
    buf_addf(&message, "'%.60s' waits for itself: ", s->name[first]);
    do {
        buf_addf(&message, "%.60s -> ", s->name[at]);
        at = next_left(s, at, gone);
    } while (at != first && message.size < MESSAGE_MAX);
    buf_addf(&message, "%.60s", at == first ? s->name[first] : "...");
    tell(c, s->site[first], s->name[first], "depends_on", buf_text(&message),
         "want an order without a cycle", NULL);
    buf_release(&message);
}

/* Take away, again and again, the groups that wait for nothing that is left. */
static void check_cycle(struct collector *c, const struct siblings *s,
                        bool *gone)
{
    bool is_moving = true;
    while (is_moving) {
        is_moving = false;
        for (size_t i = 0; i < s->count; i++) {
            const Perigee__Group *group = s->group[i];
            bool waits = false;
            for (size_t j = 0; group && !gone[i] && j < group->n_depends_on;
                 j++) {
                size_t other = find(s, group->depends_on[j]);
                waits |= other < s->count && !gone[other];
            }
            if (gone[i] || waits)
                continue;
            gone[i] = is_moving = true;
        }
    }
    for (size_t i = 0; i < s->count; i++)
        if (!gone[i]) {
            tell_cycle(c, s, gone);
            return; /* each of the cycle would say the same */
        }
}

static void check_siblings(struct collector *c, const struct siblings *s)
{
    check_names(c, s);
    for (size_t i = 0; i < s->count; i++)
        for (size_t j = 0; s->group[i] && j < s->group[i]->n_depends_on; j++)
            if (find(s, s->group[i]->depends_on[j]) == s->count)
                check_unknown(c, s, i, j);
    check_cycle(c, s, arena_zalloc(&c->e->arena, s->count + 1));
}

/* --- messages --- */

static const char *name_of(struct collector *c, int index)
{
    const char *name = NULL;
    if (value_push_name(c->L, index))
        name = arena_strdup(&c->e->arena, lua_tostring(c->L, -1));
    lua_pop(c->L, 1);
    return name;
}

static const char *field_text(struct collector *c, int index, const char *name)
{
    const struct value *value = value_at(c->L, index);
    lua_getiuservalue(c->L, index, value_slot(value->object, name));
    const char *text = lua_type(c->L, -1) == LUA_TSTRING
                           ? arena_strdup(&c->e->arena, lua_tostring(c->L, -1))
                           : "";
    lua_pop(c->L, 1);
    return text;
}

static char *key_of(struct collector *c, int index, const char *name)
{
    return arena_printf(&c->e->arena, "%s/%s/%s/%s",
                        field_text(c, index, "cluster"),
                        field_text(c, index, "role"),
                        field_text(c, index, "environment"), name);
}

static Perigee__Group *group_of(struct collector *c, int index, int depth);

/* The elements of the list or table at `list`; `owner` gets them as members,
 * unless it is NULL. */
static void read_members(struct collector *c, int list, size_t count,
                         Perigee__Group *owner, struct siblings *s, int depth)
{
    lua_State *L = c->L;
    struct arena *arena = &c->e->arena;
    s->name = arena_zalloc(arena, (count + 1) * sizeof *s->name);
    s->group = arena_zalloc(arena, (count + 1) * sizeof *s->group);
    s->site = arena_zalloc(arena, (count + 1) * sizeof *s->site);
    for (size_t i = 1; i <= count; i++) {
        lua_geti(L, list, (lua_Integer)i);
        int at = lua_gettop(L);
        bool is_job = value_of(L, at, schema_object("Job")) != NULL;
        bool is_group = value_of(L, at, schema_object("Group")) != NULL;
        if (is_job || is_group) {
            size_t n = s->count++;
            s->name[n] = name_of(c, at);
            s->site[n] = value_at(L, at)->site;
            if (is_job)
                collect_job(c, at);
            else
                s->group[n] = group_of(c, at, depth);
            if (owner != NULL && is_job && s->name[n] != NULL)
                owner->jobs[owner->n_jobs++] = key_of(c, at, s->name[n]);
            else if (owner != NULL && is_group)
                owner->groups[owner->n_groups++] = s->group[n];
        }
        lua_settop(L, at - 1);
    }
}

/* Bounded by GROUP_DEPTH_MAX. */
static Perigee__Group *group_of(struct collector *c, int index, int depth)
{
    lua_State *L = c->L;
    const struct value *value = value_at(L, index);
    struct siblings s = {0};
    if (depth == GROUP_DEPTH_MAX)
        luaL_error(L, "groups nested more than %d deep", GROUP_DEPTH_MAX);
    luaL_checkstack(L, 12, "job file");
    Perigee__Group *group =
        (Perigee__Group *)build_message(L, index, value->object, &c->e->arena);
    lua_pushvalue(L, index);
    collect_paths(L, c->e, group->name != NULL ? group->name : "group");
    lua_pop(L, 1);
    lua_getiuservalue(L, index, value_slot(value->object, "jobs"));
    const struct value *list = value_at(L, -1);
    size_t count = list != NULL ? list->count : 0;
    group->jobs = arena_alloc(&c->e->arena, (count + 1) * sizeof(char *));
    group->groups = arena_alloc(&c->e->arena, (count + 1) * sizeof(void *));
    read_members(c, lua_gettop(L), count, group, &s, depth + 1);
    lua_pop(L, 1);
    check_siblings(c, &s);
    return group;
}

void collect_groups(struct collector *c, int index)
{
    struct siblings s = {0};
    read_members(c, index, c->size, NULL, &s, 0);
    check_siblings(c, &s);
    c->out->groups = arena_alloc(&c->e->arena, (s.count + 1) * sizeof(void *));
    for (size_t i = 0; i < s.count; i++)
        if (s.group[i] != NULL)
            c->out->groups[c->out->n_groups++] = s.group[i];
}
