#include "script/value.h"
#include "script/library.h"
#include <stdio.h>
#include <string.h>

/* Addresses are registry keys, and the two light userdata. */
static const char META = 0, MARK = 0, UNSET = 0;

struct value *value_at(lua_State *L, int index)
{
    return lua_type(L, index) == LUA_TUSERDATA ? lua_touserdata(L, index)
                                               : NULL;
}

struct value *value_of(lua_State *L, int index,
                       const struct schema_object *object)
{
    struct value *value = value_at(L, index);
    bool is_one =
        value != NULL && value->kind == VALUE_OBJECT && value->object == object;
    return is_one ? value : NULL;
}

void value_push_mark(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)(uintptr_t)&MARK);
}

bool value_is_mark(lua_State *L, int index)
{
    return lua_touserdata(L, index) == &MARK;
}

void value_push_unset(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)(uintptr_t)&UNSET);
}

bool value_is_unset(lua_State *L, int index)
{
    return lua_touserdata(L, index) == &UNSET;
}

/* --- making --- */

static struct value *push(lua_State *L, enum value_kind kind, size_t count)
{
    struct value *value = lua_newuserdatauv(L, sizeof *value, (int)count);
    *value = (struct value){.kind = kind, .count = (uint32_t)count};
    lua_rawgetp(L, LUA_REGISTRYINDEX, &META);
    lua_setmetatable(L, -2);
    return value;
}

struct value *value_push(lua_State *L, const struct schema_object *object,
                         struct call_site site)
{
    struct value *value = push(L, VALUE_OBJECT, object->stored_count);
    value->object = object;
    value->site = site;
    return value;
}

struct value *value_push_list(lua_State *L, size_t count)
{
    return push(L, VALUE_LIST, count);
}

static struct value *wrap(lua_State *L, enum value_kind kind)
{
    struct value *value = push(L, kind, 1);
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, 1);
    return value;
}

struct value *value_wrap_map(lua_State *L)
{
    return wrap(L, VALUE_MAP);
}

struct value *value_wrap_raw(lua_State *L)
{
    return wrap(L, VALUE_RAW);
}

struct value *value_wrap_secret(lua_State *L)
{
    return wrap(L, VALUE_SECRET);
}

void value_push_refused(lua_State *L)
{
    push(L, VALUE_REFUSED, 0);
}

/* --- reading --- */

int value_field(lua_State *L, const struct schema_object *object, int index)
{
    index = lua_absindex(L, index);
    lua_rawgetp(L, LUA_REGISTRYINDEX, object);
    lua_pushvalue(L, index);
    int at = lua_rawget(L, -2) == LUA_TNIL ? -1 : (int)lua_tointeger(L, -1);
    lua_pop(L, 2);
    return at;
}

/* 1000 is 1, 1500 is 1.5. */
static void push_milli(lua_State *L, int64_t milli)
{
    enum { MILLI = 1000 };
    if (milli % MILLI == 0)
        lua_pushinteger(L, (lua_Integer)(milli / MILLI));
    else
        lua_pushnumber(L, (lua_Number)milli / MILLI);
}

static void push_default(lua_State *L, const struct schema_field *field)
{
    if (field->initial == DEFAULT_TEXT)
        lua_pushstring(L, field->initial_text);
    else if (field->initial == DEFAULT_NUMBER && field->type == FIELD_BOOLEAN)
        lua_pushboolean(L, field->initial_number != 0);
    else if (field->initial == DEFAULT_NUMBER && field->type == FIELD_MILLI)
        push_milli(L, field->initial_number);
    else if (field->initial == DEFAULT_NUMBER)
        lua_pushinteger(L, (lua_Integer)field->initial_number);
    else
        lua_pushnil(L);
}

static int unknown_name(lua_State *L, const struct value *value)
{
    const char *name = lua_tostring(L, 2);
    const char *nearest = schema_nearest(value->object, name);
    return luaL_error(L, "a %s has no '%s'%s%s%s", value->object->name, name,
                      nearest ? ", did you mean '" : "", nearest ? nearest : "",
                      nearest ? "'?" : "");
}

/* A field of the object at `index` as a file reads it. */
static int push_field(lua_State *L, int index, const struct schema_field *field)
{
    const struct schema_object *object = value_at(L, index)->object;
    if (field->type == FIELD_INTO) { /* part of another field */
        const struct schema_field *whole =
            schema_field(object, field->into_field);
        lua_getiuservalue(L, index, value_slot(object, whole->name));
        if (value_at(L, -1) == NULL)
            return 0;
        index = lua_gettop(L);
        object = whole->of;
        field = schema_field(object, field->into_name);
    }
    if (field->type == FIELD_REFUSED)
        return 0;
    lua_getiuservalue(L, index, (int)(field - object->field) + 1);
    if (value_is_mark(L, -1))
        lua_pushnil(L);
    else if (lua_isnil(L, -1))
        push_default(L, field);
    return 1;
}

static int index_object(lua_State *L, const struct value *value)
{
    if (lua_type(L, 2) != LUA_TSTRING)
        return 0; /* so that ipairs() and [1] find nothing */
    int field = value_field(L, value->object, 2);
    if (field < 0)
        return unknown_name(L, value);
    return push_field(L, 1, &value->object->field[field]);
}

static int on_index(lua_State *L)
{
    const struct value *value = value_at(L, 1);
    lua_Integer at;
    switch (value->kind) {
    case VALUE_OBJECT:
        return index_object(L, value);
    case VALUE_LIST:
        if (!lua_isinteger(L, 2))
            return 0;
        at = lua_tointeger(L, 2);
        if (at < 1 || at > value->count)
            return 0;
        lua_getiuservalue(L, 1, (int)at);
        break;
    case VALUE_MAP:
        lua_getiuservalue(L, 1, 1);
        lua_pushvalue(L, 2);
        lua_rawget(L, -2);
        break;
    case VALUE_RAW:
    case VALUE_SECRET:
    case VALUE_REFUSED:
        return 0;
    }
    if (value_is_mark(L, -1))
        lua_pushnil(L);
    return 1;
}

static const char *kind_name(const struct value *value)
{
    static const char *const name[] = {
        [VALUE_OBJECT] = "value",  [VALUE_LIST] = "list",
        [VALUE_MAP] = "map",       [VALUE_RAW] = "raw text",
        [VALUE_SECRET] = "secret", [VALUE_REFUSED] = "refused value"};
    return value->kind == VALUE_OBJECT ? value->object->name
                                       : name[value->kind];
}

static int on_write(lua_State *L)
{
    const struct value *value = value_at(L, 1);
    return luaL_error(L, "a %s cannot be changed%s", kind_name(value),
                      value->kind == VALUE_OBJECT
                          ? ": call it with a table of changes for a copy"
                          : "");
}

static int on_length(lua_State *L)
{
    const struct value *value = value_at(L, 1);
    if (value->kind == VALUE_LIST)
        lua_pushinteger(L, value->count);
    else if (value->kind == VALUE_RAW)
        lua_pushinteger(L, 0);
    else
        return luaL_error(L, "a %s has no length", kind_name(value));
    return 1;
}

static int on_tostring(lua_State *L)
{
    const struct value *value = value_at(L, 1);
    int field = -1;
    if (value->kind == VALUE_OBJECT) {
        lua_pushstring(L, "name");
        field = value_field(L, value->object, -1);
    }
    if (field >= 0 && lua_getiuservalue(L, 1, field + 1) == LUA_TSTRING)
        lua_pushfstring(L, "%s '%s'", kind_name(value), lua_tostring(L, -1));
    else
        lua_pushstring(L, kind_name(value));
    return 1;
}

static int on_concat(lua_State *L)
{
    const struct value *value = value_at(L, 1);
    if (value == NULL)
        value = value_at(L, 2);
    return luaL_error(L, "a %s cannot be joined to text%s", kind_name(value),
                      value->kind == VALUE_RAW
                          ? ": want one raw [[...]] around all of it"
                          : "");
}

/* What is set, as a plain table for an iterator. */
static int on_pairs(lua_State *L)
{
    const struct value *value = value_at(L, 1);
    lua_newtable(L);
    int table = lua_gettop(L);
    if (value->kind == VALUE_MAP) {
        lua_getiuservalue(L, 1, 1);
        lua_replace(L, table);
    }
    for (size_t i = 0;
         value->kind == VALUE_OBJECT && i < value->object->stored_count; i++) {
        lua_getiuservalue(L, 1, (int)i + 1);
        if (value_is_mark(L, -1) || lua_isnil(L, -1))
            lua_pop(L, 1);
        else
            lua_setfield(L, table, value->object->field[i].name);
    }
    for (uint32_t i = 1; value->kind == VALUE_LIST && i <= value->count; i++) {
        lua_getiuservalue(L, 1, (int)i);
        if (value_is_mark(L, -1))
            lua_pop(L, 1);
        else
            lua_rawseti(L, table, i);
    }
    library_push_iterator(L, table);
    return 1;
}

/* --- set-up --- */

static void push_names(lua_State *L, const struct schema_object *object)
{
    lua_createtable(L, 0, (int)object->field_count);
    for (size_t i = 0; i < object->field_count; i++) {
        const char *const *alias = object->field[i].aliases;
        if (object->field[i].type == FIELD_TAG)
            continue; /* not a name of the language */
        lua_pushinteger(L, (lua_Integer)i);
        lua_setfield(L, -2, object->field[i].name);
        for (; alias != NULL && *alias != NULL; alias++) {
            lua_pushinteger(L, (lua_Integer)i);
            lua_setfield(L, -2, *alias);
        }
    }
}

void value_open(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"__index", on_index},   {"__newindex", on_write},
        {"__len", on_length},    {"__call", value_copy},
        {"__pairs", on_pairs},   {"__tostring", on_tostring},
        {"__concat", on_concat}, {NULL, NULL}};
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_pushstring(L, "value");
    lua_setfield(L, -2, "__name");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &META);
    for (const struct schema_object *object = SCHEMA; object->name; object++) {
        push_names(L, object);
        lua_rawsetp(L, LUA_REGISTRYINDEX, object);
    }
}
