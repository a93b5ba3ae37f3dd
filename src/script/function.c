#include "script/function.h"
#include <stdio.h>
#include <string.h>

/* Registry key of a table: ordinal to function, and function to ordinal. */
static const char FUNCTIONS = 0;

bool function_is_lua(lua_State *L, int index)
{
    return lua_isfunction(L, index) && !lua_iscfunction(L, index);
}

static void push_table(lua_State *L)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &FUNCTIONS) != LUA_TNIL)
        return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &FUNCTIONS);
}

/* The ordinal of the function at `index`, a new one when it has none; 0 when
 * there are enough. */
static uint32_t ordinal_of(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    push_table(L);
    int table = lua_gettop(L);
    lua_pushvalue(L, index);
    lua_Integer ordinal = 0;
    if (lua_rawget(L, table) != LUA_TNIL) {
        ordinal = lua_tointeger(L, -1);
    } else {
        ordinal = (lua_Integer)lua_rawlen(L, table) + 1;
        if (ordinal > FUNCTIONS_MAX) {
            lua_settop(L, table - 1);
            return 0;
        }
        lua_pushvalue(L, index);
        lua_rawseti(L, table, ordinal);
        lua_pushvalue(L, index);
        lua_pushinteger(L, ordinal);
        lua_rawset(L, table);
    }
    lua_settop(L, table - 1);
    return (uint32_t)ordinal;
}

static void tell_too_many(struct evaluation *e, const Perigee__Function *which)
{
    char message[100];
    struct problem_report report = {
        .site = {.line = which->line},
        .message = message,
        .expected = "want one that they share, made outside the loop"};
    for (uint32_t i = 0; i < e->files.list.count; i++)
        if (strcmp(e->files.list.item[i]->path, which->file) == 0)
            report.site.file = i + 1;
    snprintf(message, sizeof message, "the jobs have more than %d functions",
             FUNCTIONS_MAX);
    (void)problem_add(e, &report);
}

Perigee__Function *function_message(lua_State *L, int index,
                                    struct arena *arena)
{
    Perigee__Function *out = arena_alloc(arena, sizeof *out);
    lua_Debug about;
    perigee__function__init(out);
    out->has_ordinal = out->has_line = true;
    out->ordinal = ordinal_of(L, index);
    lua_pushvalue(L, index);
    (void)lua_getinfo(L, ">S", &about);
    bool has_mark = about.source[0] == '@' || about.source[0] == '=';
    out->file = arena_strdup(arena, about.source + has_mark);
    out->line = about.linedefined > 0 ? (uint32_t)about.linedefined : 0;
    if (out->ordinal == 0)
        tell_too_many(evaluation_of(L), out);
    return out;
}

bool function_push(lua_State *L, uint32_t ordinal)
{
    push_table(L);
    bool is_one = lua_rawgeti(L, -1, (lua_Integer)ordinal) == LUA_TFUNCTION;
    lua_remove(L, -2);
    if (!is_one)
        lua_pop(L, 1);
    return is_one;
}
