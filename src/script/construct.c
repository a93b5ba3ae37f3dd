/* Constructors: the fields of one table, checked, into a new value. */
#include "script/convert.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_MAX = 300, SHOWN_MAX = 60 };

int value_slot(const struct schema_object *object, const char *name)
{
    return 1 + (int)(schema_field(object, name) - object->field);
}

/* One chain through all processes, in the order of the list. */
static void make_sequential(lua_State *L, struct value *self, int index)
{
    const struct schema_object *chain = schema_object("Constraint");
    int constraints = value_slot(self->object, "constraints");
    if (lua_getiuservalue(L, index, constraints) != LUA_TNIL) {
        value_problem(L, self, "constraints",
                      "a SequentialTask has an order already",
                      "want Task for an order of your own", NULL);
        lua_pop(L, 1);
        return;
    }
    lua_getiuservalue(L, index, value_slot(self->object, "processes"));
    const struct value *processes = value_at(L, -1);
    if (processes == NULL || processes->has_mark) {
        lua_pop(L, 2);
        return;
    }
    int list = lua_gettop(L);
    (void)value_push_list(L, processes->count);
    for (uint32_t i = 1; i <= processes->count; i++) {
        const struct value *process;
        lua_getiuservalue(L, list, (int)i);
        process = value_at(L, -1);
        lua_getiuservalue(L, -1, value_slot(process->object, "name"));
        lua_setiuservalue(L, list + 1, (int)i);
        lua_pop(L, 1);
    }
    (void)value_push(L, chain, self->site);
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, value_slot(chain, "order"));
    (void)value_push_list(L, 1);
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, 1);
    lua_setiuservalue(L, index, constraints);
    lua_settop(L, list - 2);
}

/* --- fields --- */

static void unknown_field(lua_State *L, struct value *self, const char *name)
{
    char message[MESSAGE_MAX], field[SHOWN_MAX + 1];
    snprintf(field, sizeof field, "%s", name);
    snprintf(message, sizeof message, "unknown field '%s'", field);
    value_problem(L, self, field, message, NULL,
                  schema_nearest(self->object, name));
}

/* The reading of one table. */
struct reading {
    struct value *self;
    int index;      /* of self */
    uint64_t given; /* bits of the fields that were in the table */
    uint64_t later; /* of those that say part of another field */
};

/* Aliases say the same field: only one of them may be there. */
static bool is_first(lua_State *L, struct reading *r, int field)
{
    char message[MESSAGE_MAX];
    uint64_t bit = (uint64_t)1 << field;
    static_assert(SCHEMA_FIELDS_MAX <= 64, "one bit for each field");
    if (!(r->given & bit)) {
        r->given |= bit;
        return true;
    }
    snprintf(message, sizeof message, "'%s' is given under two names",
             r->self->object->field[field].name);
    value_problem(L, r->self, r->self->object->field[field].name, message,
                  "want one of them", NULL);
    return false;
}

/* key and value are on top of the stack. */
static void set_field(lua_State *L, struct reading *r)
{
    char message[MESSAGE_MAX];
    struct value *self = r->self;
    int given = lua_gettop(L);
    if (lua_type(L, given - 1) != LUA_TSTRING) {
        snprintf(message, sizeof message, "a %s without a name",
                 value_type_name(L, given));
        value_problem(L, self, "", message, "want name = value", NULL);
        return;
    }
    const char *path = lua_tostring(L, given - 1);
    int at = value_field(L, self->object, given - 1);
    if (at < 0) {
        unknown_field(L, self, path);
        return;
    }
    const struct schema_field *field = &self->object->field[at];
    if (!is_first(L, r, at))
        return;
    if (field->type == FIELD_INTO) {
        r->later |= (uint64_t)1 << at;
        return;
    }
    if (value_is_unset(L, given))
        lua_pushnil(L);
    else
        (void)value_convert(L, self, given, field, path);
    if ((size_t)at < self->object->stored_count)
        lua_setiuservalue(L, r->index, at + 1);
}

/* Push a copy of the object in a slot, or a new one. */
static struct value *push_part(lua_State *L, const struct reading *r,
                               const struct schema_field *whole)
{
    const struct schema_object *object = whole->of;
    lua_getiuservalue(L, r->index, value_slot(r->self->object, whole->name));
    int from = lua_gettop(L);
    struct value *part = value_push(L, object, r->self->site);
    if (value_of(L, from, object) != NULL)
        for (size_t i = 1; i <= object->stored_count; i++) {
            lua_getiuservalue(L, from, (int)i);
            lua_setiuservalue(L, -2, (int)i);
        }
    lua_remove(L, from);
    return part;
}

/* cron_schedule = "..." is cron = Cron { schedule = "..." }; the value is on
 * top of the stack. */
static void set_into(lua_State *L, struct reading *r,
                     const struct schema_field *field)
{
    char message[MESSAGE_MAX];
    int given = lua_gettop(L);
    const struct schema_object *object = r->self->object;
    const struct schema_field *whole = schema_field(object, field->into_field);
    if (r->given & (uint64_t)1 << (whole - object->field)) {
        snprintf(message, sizeof message, "'%s' and '%s' say the same thing",
                 field->name, whole->name);
        value_problem(L, r->self, field->name, message, "want one of them",
                      NULL);
        return;
    }
    struct value *part = push_part(L, r, whole);
    const struct schema_field *into = schema_field(whole->of, field->into_name);
    if (value_is_unset(L, given))
        lua_pushnil(L);
    else if (!value_convert(L, r->self, given, into, field->name))
        part->has_mark = true;
    lua_setiuservalue(L, -2, value_slot(whole->of, into->name));
    lua_setiuservalue(L, r->index, value_slot(object, whole->name));
}

/* Is no field of the value on top set? */
static bool is_bare(lua_State *L, const struct value *value)
{
    bool is_bare = true;
    for (size_t i = 1; i <= value->object->stored_count && is_bare; i++) {
        is_bare = lua_getiuservalue(L, -1, (int)i) == LUA_TNIL;
        lua_pop(L, 1);
    }
    return is_bare;
}

/* Fields that say part of another one, in the schema's order, and then the
 * check of what they made. */
static void set_parts(lua_State *L, struct reading *r, int given)
{
    const struct schema_object *object = r->self->object;
    const struct schema_field *whole = NULL;
    for (size_t i = object->stored_count; i < object->field_count; i++) {
        const struct schema_field *field = &object->field[i];
        if (!(r->later & (uint64_t)1 << i))
            continue;
        lua_getfield(L, given, field->name);
        set_into(L, r, field);
        whole = schema_field(object, field->into_field);
        lua_settop(L, r->index);
    }
    if (whole == NULL)
        return;
    lua_getiuservalue(L, r->index, value_slot(object, whole->name));
    struct value *part = value_of(L, -1, whole->of);
    if (part != NULL && !part->has_mark && is_bare(L, part)) {
        lua_pushnil(L); /* all that was said of it was taken away */
        lua_setiuservalue(L, r->index, value_slot(object, whole->name));
    } else if (part != NULL && !part->has_mark) {
        part->outer = r->self;
        part->outer_path = whole->name;
        value_check(L, part, lua_gettop(L));
        part->outer = NULL;
    }
    lua_settop(L, r->index);
}

static void set_name(lua_State *L, struct value *self, int given)
{
    lua_pushstring(L, "name");
    lua_rawget(L, given);
    if (lua_type(L, -1) == LUA_TSTRING)
        self->name = lua_tostring(L, -1); /* the table keeps it alive */
    lua_pop(L, 1);
}

static void check_required(lua_State *L, struct value *self, int index)
{
    const struct schema_object *object = self->object;
    for (size_t i = 0; i < object->stored_count; i++) {
        const struct schema_field *field = &object->field[i];
        if (!(field->flags & IS_REQUIRED))
            continue;
        bool is_set = lua_getiuservalue(L, index, (int)i + 1) != LUA_TNIL;
        lua_pop(L, 1);
        if (is_set)
            continue;
        value_missing(L, self, field);
        value_push_mark(L);
        lua_setiuservalue(L, index, (int)i + 1);
    }
}

static void read_table(lua_State *L, struct value *self, int index, int given)
{
    struct reading r = {.self = self, .index = index};
    set_name(L, self, given);
    lua_pushnil(L);
    while (lua_next(L, given) != 0) {
        set_field(L, &r);
        lua_settop(L, index + 1);
    }
    if (r.later != 0)
        set_parts(L, &r, given);
}

static void set_service(lua_State *L, struct value *self, int index)
{
    int service = value_slot(self->object, "service");
    if (lua_getiuservalue(L, index, service) == LUA_TNIL) {
        lua_pushboolean(L, true);
        lua_setiuservalue(L, index, service);
    }
    lua_pop(L, 1);
}

void value_construct(lua_State *L, int given,
                     const struct schema_constructor *constructor)
{
    int index = lua_gettop(L);
    struct value *self = value_at(L, index);
    unsigned flags = constructor != NULL ? constructor->flags : 0;
    luaL_checkstack(L, 12, "job file");
    if (given != 0)
        read_table(L, self, index, given);
    if (flags & CONSTRUCT_SERVICE)
        set_service(L, self, index);
    if (flags & CONSTRUCT_SEQUENTIAL)
        make_sequential(L, self, index);
    check_required(L, self, index);
    value_check(L, self, index);
    self->name = NULL; /* from here on the field says it */
}

/* --- copies --- */

int value_copy(lua_State *L)
{
    const struct value *from = value_at(L, 1);
    if (from->kind != VALUE_OBJECT)
        return luaL_error(L, "a %s cannot be called", value_type_name(L, 1));
    if (!lua_istable(L, 2) || lua_gettop(L) != 2)
        return luaL_error(L, "a copy of a %s: want one table of changes",
                          from->object->name);
    struct value *copy =
        value_push(L, from->object, evaluation_site(evaluation_of(L), ""));
    copy->has_mark = from->has_mark;
    copy->problem = from->problem;
    for (size_t i = 0; i < from->object->stored_count; i++) {
        lua_getiuservalue(L, 1, (int)i + 1);
        lua_setiuservalue(L, 3, (int)i + 1);
    }
    value_construct(L, 2, NULL);
    return 1;
}
