/* param(name, {type =, default =, choices =, min =, max =, help =}): what a
 * file wants to be told, given with -p name=value. */
#include "base/text.h"
#include "script/convert.h"
#include "script/language.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_MAX = 200, REPORT_MAX = 600, SHOWN_MAX = 60 };

static const char *const TYPES[] = {"string", "integer", "number", "boolean",
                                    NULL};
enum { TYPE_STRING, TYPE_INTEGER, TYPE_NUMBER, TYPE_BOOLEAN, TYPE_COUNT };

static const char *given_value(const struct evaluation *e, const char *name)
{
    for (size_t i = e->parameter_count; i-- > 0;)
        if (strcmp(e->parameter[i].name, name) == 0)
            return e->parameter[i].value;
    return NULL;
}

static void report(lua_State *L, const char *name, const char *what,
                   const char *expected, const char *nearest)
{
    char message[REPORT_MAX];
    snprintf(message, sizeof message, "parameter '%.*s' %s", SHOWN_MAX, name,
             what);
    language_problem(L, "param", message, expected, nearest);
}

/* Options of param() that do not exist. */
static void check_options(lua_State *L, const char *name)
{
    static const char *const OPTIONS[] = {"type", "default", "choices", "min",
                                          "max",  "help",    NULL};
    char what[MESSAGE_MAX];
    lua_pushnil(L);
    while (lua_next(L, 2) != 0) {
        lua_pop(L, 1);
        const char *option =
            lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "?";
        bool is_known = false;
        for (size_t i = 0; OPTIONS[i] != NULL; i++)
            is_known |= strcmp(OPTIONS[i], option) == 0;
        if (is_known)
            continue;
        snprintf(what, sizeof what, "has an unknown option '%.*s'", SHOWN_MAX,
                 option);
        report(L, name, what, NULL, text_nearest(option, OPTIONS));
    }
}

static int option_type(lua_State *L, const char *name)
{
    if (lua_getfield(L, 2, "type") == LUA_TNIL)
        return TYPE_STRING;
    const char *type = lua_tostring(L, -1);
    for (int i = 0; type != NULL && TYPES[i] != NULL; i++)
        if (strcmp(TYPES[i], type) == 0)
            return i;
    report(L, name, "has an unknown type",
           "want 'string', 'integer', 'number' or 'boolean'", NULL);
    return TYPE_STRING;
}

static void push_zero(lua_State *L, int type)
{
    if (type == TYPE_STRING)
        lua_pushstring(L, "");
    else if (type == TYPE_BOOLEAN)
        lua_pushboolean(L, false);
    else
        lua_pushinteger(L, 0);
}

/* The text as a value of the type; false when it is none. */
static bool push_typed(lua_State *L, int type, const char *text)
{
    int64_t integer;
    switch (type) {
    case TYPE_INTEGER:
        if (text_int(text, INT64_MIN, INT64_MAX, &integer, NULL) < 0)
            return false;
        lua_pushinteger(L, integer);
        return true;
    case TYPE_NUMBER:
        if (lua_stringtonumber(L, text) == 0)
            return false;
        return true;
    case TYPE_BOOLEAN:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
            return false;
        lua_pushboolean(L, text[0] == 't');
        return true;
    default:
        lua_pushstring(L, text);
        return text_is_utf8((const uint8_t *)text, strlen(text));
    }
}

static bool is_type(lua_State *L, int index, int type)
{
    switch (type) {
    case TYPE_INTEGER:
        return lua_isinteger(L, index);
    case TYPE_NUMBER:
        return lua_type(L, index) == LUA_TNUMBER;
    case TYPE_BOOLEAN:
        return lua_isboolean(L, index);
    default:
        return lua_type(L, index) == LUA_TSTRING;
    }
}

/* The value on top against min, max and choices. */
static void check_range(lua_State *L, const char *name)
{
    int value = lua_gettop(L);
    char expected[MESSAGE_MAX];
    for (int i = 0; i < 2 && lua_type(L, value) == LUA_TNUMBER; i++) {
        const char *bound = i == 0 ? "min" : "max";
        if (lua_getfield(L, 2, bound) == LUA_TNUMBER &&
            lua_compare(L, i == 0 ? value : -1, i == 0 ? -1 : value,
                        LUA_OPLT)) {
            snprintf(expected, sizeof expected, "want at %s %s",
                     i == 0 ? "least" : "most", luaL_tolstring(L, -1, NULL));
            report(L, name, "is out of range", expected, NULL);
        }
        lua_settop(L, value);
    }
    if (lua_getfield(L, 2, "choices") == LUA_TTABLE) {
        bool is_one = false;
        lua_Integer count = luaL_len(L, -1);
        for (lua_Integer i = 1; i <= count; i++) {
            lua_rawgeti(L, value + 1, i);
            is_one |= lua_compare(L, value, -1, LUA_OPEQ);
            lua_pop(L, 1);
        }
        if (!is_one)
            report(L, name, "is none of its choices", NULL, NULL);
    }
    lua_settop(L, value);
}

static void declare(struct evaluation *e, const char *name)
{
    for (uint32_t i = 0; i < e->declared.count; i++)
        if (strcmp(e->declared.item[i].name, name) == 0)
            return;
    if (e->declared.count == PARAMETERS_MAX)
        luaL_error(e->sandbox.L, "param: want at most %d parameters",
                   PARAMETERS_MAX);
    struct parameter_use *use = vec_add(&e->declared);
    *use = (struct parameter_use){.is_declared = true};
    snprintf(use->name, sizeof use->name, "%s", name);
}

static int l_param(lua_State *L)
{
    struct evaluation *e = evaluation_of(L);
    char what[MESSAGE_MAX];
    evaluation_check_running(L, "param");
    const char *name = luaL_checkstring(L, 1);
    lua_settop(L, 2);
    if (lua_isnil(L, 2)) {
        lua_newtable(L);
        lua_replace(L, 2);
    }
    luaL_checktype(L, 2, LUA_TTABLE);
    check_options(L, name);
    int type = option_type(L, name);
    lua_settop(L, 2);
    declare(e, name);
    const char *text = given_value(e, name);
    if (text != NULL && !push_typed(L, type, text)) {
        lua_settop(L, 2);
        snprintf(what, sizeof what, "is '%.*s'", SHOWN_MAX, text);
        snprintf(what + strlen(what), sizeof what - strlen(what),
                 ": want a%s %s", type == TYPE_INTEGER ? "n" : "", TYPES[type]);
        report(L, name, what, NULL, NULL);
        push_zero(L, type);
    } else if (text == NULL && lua_getfield(L, 2, "default") == LUA_TNIL) {
        report(L, name, "is not given", "want -p name=value", NULL);
        push_zero(L, type);
    } else if (!is_type(L, -1, type)) {
        report(L, name, "has a default of another type", NULL, NULL);
        push_zero(L, type);
    } else {
        check_range(L, name);
    }
    return 1;
}

void parameter_check_given(struct evaluation *e)
{
    const char *names[PARAMETERS_MAX + 1];
    char message[REPORT_MAX];
    for (uint32_t i = 0; i < e->declared.count; i++)
        names[i] = e->declared.item[i].name;
    names[e->declared.count] = NULL;
    for (size_t i = 0; i < e->parameter_count; i++) {
        bool is_known = false;
        for (uint32_t j = 0; j < e->declared.count; j++)
            is_known |= strcmp(names[j], e->parameter[i].name) == 0;
        if (is_known)
            continue;
        struct problem_report undeclared = {
            .message = message,
            .nearest = text_nearest(e->parameter[i].name, names)};
        snprintf(message, sizeof message,
                 "parameter '%.*s' is given, but %s declares none of that name",
                 SHOWN_MAX, e->parameter[i].name, e->entry);
        (void)problem_add(e, &undeclared);
    }
}

void parameter_open(lua_State *L)
{
    lua_pushcfunction(L, l_param);
    lua_setfield(L, -2, "param");
}
