#include "script/language.h"
#include "script/convert.h"
#include "script/library.h"
#include <stdio.h>
#include <string.h>

enum { MESSAGE_MAX = 300 };

void language_problem(lua_State *L, const char *function, const char *message,
                      const char *expected, const char *nearest)
{
    struct evaluation *e = evaluation_of(L);
    struct problem_report report = {.site = evaluation_site(e, function),
                                    .object = function,
                                    .message = message,
                                    .expected = expected,
                                    .nearest = nearest};
    (void)problem_add(e, &report);
}

/* --- constructors --- */

/* The one table of a constructor at 1; 0 when it got something else. */
static int check_table(lua_State *L, const char *name)
{
    char message[MESSAGE_MAX];
    if (lua_gettop(L) == 1 && lua_istable(L, 1))
        return 1;
    if (lua_gettop(L) > 1)
        snprintf(message, sizeof message, "%s takes one table, got %d values",
                 name, lua_gettop(L));
    else
        snprintf(message, sizeof message, "%s takes one table, got %s", name,
                 lua_isnone(L, 1) ? "nothing" : value_type_name(L, 1));
    language_problem(L, name, message, "want name = value in { }", NULL);
    return 0;
}

static int l_construct(lua_State *L)
{
    const struct schema_constructor *constructor =
        lua_touserdata(L, lua_upvalueindex(1));
    int given = check_table(L, constructor->name);
    struct value *value =
        value_push(L, constructor->object,
                   evaluation_site(evaluation_of(L), constructor->name));
    if (given != 0)
        value_construct(L, given, constructor);
    else
        value->has_mark = true;
    return 1;
}

/* A value of `object` from the plain table on top, in its place. */
static void construct_plain(lua_State *L, const char *object,
                            struct call_site site)
{
    int given = lua_gettop(L);
    (void)value_push(L, schema_object(object), site);
    value_construct(L, given, NULL);
    lua_remove(L, given);
}

static void copy_field(lua_State *L, int from, const char *name)
{
    lua_getfield(L, from, name);
    lua_setfield(L, -2, name);
}

static void push_simple_resources(lua_State *L, struct call_site site)
{
    static const lua_Integer GIBIBYTE = 1 << 30;
    lua_newtable(L);
    lua_pushinteger(L, 1);
    lua_setfield(L, -2, "cpu");
    lua_pushinteger(L, GIBIBYTE);
    lua_setfield(L, -2, "ram");
    lua_pushinteger(L, GIBIBYTE);
    lua_setfield(L, -2, "disk");
    construct_plain(L, "Resources", site);
}

/* The Task that the checked SimpleTask at `simple` stands for. */
static void push_simple_task(lua_State *L, int simple, struct call_site site)
{
    lua_newtable(L); /* of the task */
    lua_createtable(L, 1, 0);
    lua_newtable(L); /* of the process */
    copy_field(L, simple, "name");
    copy_field(L, simple, "cmdline");
    construct_plain(L, "Process", site);
    lua_rawseti(L, -2, 1);
    lua_setfield(L, -2, "processes");
    copy_field(L, simple, "name");
    copy_field(L, simple, "fetch");
    copy_field(L, simple, "resources");
    lua_getfield(L, -1, "resources");
    if (lua_isnil(L, -1)) {
        push_simple_resources(L, site);
        lua_setfield(L, -3, "resources");
    }
    lua_pop(L, 1);
    construct_plain(L, "Task", site);
}

/* SimpleTask { name =, cmdline =, ... } or SimpleTask(name, cmdline) */
static int l_simple_task(lua_State *L)
{
    struct call_site site = evaluation_site(evaluation_of(L), "SimpleTask");
    if (lua_gettop(L) == 2) {
        lua_newtable(L);
        lua_pushvalue(L, 1);
        lua_setfield(L, -2, "name");
        lua_pushvalue(L, 2);
        lua_setfield(L, -2, "cmdline");
        lua_replace(L, 1);
        lua_settop(L, 1);
    }
    int given = check_table(L, "SimpleTask");
    struct value *simple = value_push(L, schema_object("SimpleTask"), site);
    int index = lua_gettop(L);
    if (given != 0)
        value_construct(L, given, NULL);
    if (given != 0 && !simple->has_mark) {
        push_simple_task(L, index, site);
        return 1;
    }
    struct value *task = value_push(L, schema_object("Task"), site);
    task->has_mark = true;
    task->problem = simple->problem;
    return 1;
}

/* Env { NAME = "value" } */
static int l_env(lua_State *L)
{
    struct call_site site = evaluation_site(evaluation_of(L), "Env");
    const struct schema_object *job = schema_object("Job");
    int given = check_table(L, "Env");
    if (given == 0) {
        value_push_refused(L);
        return 1;
    }
    /* A job that nobody sees stands behind the checks. */
    struct value *holder = value_push(L, schema_object("EnvVar"), site);
    (void)value_convert(L, holder, 1, schema_field(job, "env"), "env");
    return 1;
}

/* --- functions that make values --- */

void language_push_arguments(lua_State *L, int count)
{
    const struct value *value = value_at(L, 1);
    bool is_list = count == 1 && (lua_istable(L, 1) ||
                                  (value != NULL && value->kind == VALUE_LIST));
    if (is_list) {
        lua_pushvalue(L, 1);
        return;
    }
    lua_createtable(L, count, 0);
    for (int i = 1; i <= count; i++) {
        lua_pushvalue(L, i);
        lua_rawseti(L, -2, i);
    }
}

/* order("a", b, ...) */
static int l_order(lua_State *L)
{
    struct call_site site = evaluation_site(evaluation_of(L), "order");
    language_push_arguments(L, lua_gettop(L));
    lua_newtable(L);
    lua_insert(L, -2);
    lua_setfield(L, -2, "order");
    construct_plain(L, "Constraint", site);
    return 1;
}

/* raw [[text]] */
static int l_raw(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TSTRING);
    lua_settop(L, 1);
    (void)value_wrap_raw(L);
    return 1;
}

/* secret("name") */
static int l_secret(lua_State *L)
{
    struct buf expected = {0};
    char message[MESSAGE_MAX];
    const struct schema_field *field =
        schema_field(schema_object("EnvVar"), "secret");
    luaL_checktype(L, 1, LUA_TSTRING);
    lua_settop(L, 1);
    const char *name = lua_tostring(L, 1);
    if (!schema_check_text(field, name, strlen(name), &expected)) {
        snprintf(message, sizeof message, "the secret '%.*s'",
                 CONVERT_SHOWN_MAX, name);
        language_problem(L, "secret", message, buf_text(&expected), NULL);
        buf_release(&expected);
        value_push_refused(L);
        return 1;
    }
    (void)value_wrap_secret(L);
    return 1;
}

/* Mode("RO"): Aurora's way to write "RO" */
static int l_mode(lua_State *L)
{
    struct call_site site = evaluation_site(evaluation_of(L), "Mode");
    const struct schema_object *volume = schema_object("Volume");
    lua_settop(L, 1);
    struct value *holder = value_push(L, volume, site);
    if (!value_convert(L, holder, 1, schema_field(volume, "mode"), "mode")) {
        lua_pop(L, 1);
        value_push_refused(L);
    }
    return 1;
}

/* A Lifecycle without http: no address is asked. */
static void push_disabled(lua_State *L)
{
    (void)value_push(L, schema_object("Lifecycle"), (struct call_site){0});
}

/* Copy the entries of the table or map at `from` into the table on top. */
static void copy_entries(lua_State *L, int from)
{
    const struct value *value = value_at(L, from);
    if (value != NULL && value->kind == VALUE_MAP)
        lua_getiuservalue(L, from, 1);
    else if (lua_istable(L, from))
        lua_pushvalue(L, from);
    else
        luaL_error(L, "extend: want tables or maps, got a %s",
                   value_type_name(L, from));
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        if (value_is_unset(L, -1)) {
            lua_pop(L, 1);
            lua_pushnil(L);
        }
        lua_rawset(L, -5); /* result entries key [key value] */
    }
    lua_pop(L, 1);
}

/* extend(map, { more }) -> a new table; `unset` takes a name away */
static int l_extend(lua_State *L)
{
    int count = lua_gettop(L);
    lua_newtable(L);
    for (int i = 1; i <= count; i++)
        copy_entries(L, i);
    return 1;
}

/* --- functions written in Lua --- */

/* Loaded when it is first called: most files never do. */
static int l_library(lua_State *L)
{
    const struct schema_library *row = lua_touserdata(L, lua_upvalueindex(1));
    int count = lua_gettop(L);
    if (!module_push_stdlib(L, row->module))
        return luaL_error(L, "the stdlib has no '%s'", row->module);
    lua_getfield(L, -1, row->function);
    lua_remove(L, -2);
    lua_insert(L, 1);
    lua_call(L, count, LUA_MULTRET);
    return lua_gettop(L);
}

static void push_library(lua_State *L, const struct schema_library *row)
{
    lua_pushlightuserdata(L, (void *)(uintptr_t)row);
    lua_pushcclosure(L, l_library, 1);
}

static void open_library(lua_State *L)
{
    int language = lua_gettop(L);
    const struct schema_library *row = SCHEMA_LIBRARY;
    for (; row->name != NULL && row->within == NULL; row++) {
        push_library(L, row);
        lua_setfield(L, language, row->name);
    }
    while (row->name != NULL) {
        const char *within = row->within;
        lua_newtable(L);
        for (; row->name != NULL && strcmp(row->within, within) == 0; row++) {
            push_library(L, row);
            lua_setfield(L, -2, row->name);
        }
        library_freeze(L, within);
        lua_setfield(L, language, within);
    }
}

/* --- all --- */

static void open_constructors(lua_State *L)
{
    for (const struct schema_constructor *c = SCHEMA_CONSTRUCTORS; c->name;
         c++) {
        lua_pushlightuserdata(L, (void *)(uintptr_t)c);
        lua_pushcclosure(L, l_construct, 1);
        lua_setfield(L, -2, c->name);
    }
}

void language_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"Env", l_env},       {"SimpleTask", l_simple_task},
        {"order", l_order},   {"secret", l_secret},
        {"Mode", l_mode},     {"raw", l_raw},
        {"extend", l_extend}, {NULL, NULL}};
    value_open(L);
    luaL_setfuncs(L, functions, 0);
    open_constructors(L);
    operators_open(L);
    open_library(L);
    push_disabled(L);
    lua_setfield(L, -2, "DisableLifecycle");
    value_push_unset(L);
    lua_setfield(L, -2, "unset");
}
