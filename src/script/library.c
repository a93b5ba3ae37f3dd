#include "script/library.h"
#include "base/text.h"
#include "script/sandbox.h"
#include <string.h>

/* --- one order of keys --- */

/* Rank of a key's type; 0: has no place in the order. */
static int key_rank(lua_State *L, int index)
{
    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
        return 1;
    case LUA_TSTRING:
        return 2;
    case LUA_TBOOLEAN:
        return lua_toboolean(L, index) ? 4 : 3;
    default:
        return 0;
    }
}

static int check_key(lua_State *L, int index)
{
    int rank = key_rank(L, index);
    if (rank == 0)
        luaL_error(L,
                   "a %s as a table key has no order: want numbers, "
                   "strings or booleans",
                   luaL_typename(L, index));
    return rank;
}

static bool key_less(lua_State *L, int a, int b)
{
    int rank_a = check_key(L, a), rank_b = check_key(L, b);
    if (rank_a != rank_b)
        return rank_a < rank_b;
    if (rank_a == 1)
        return lua_compare(L, a, b, LUA_OPLT);
    if (rank_a > 2)
        return false;
    size_t size_a, size_b;
    const char *text_a = lua_tolstring(L, a, &size_a);
    const char *text_b = lua_tolstring(L, b, &size_b);
    int order = memcmp(text_a, text_b, size_a < size_b ? size_a : size_b);
    return order != 0 ? order < 0 : size_a < size_b;
}

/* --- a stable merge sort over t[1..n] --- */

/* Is the value at `a` less than the one at `b`? Function at stack index
 * `less`, 0 for the order of keys, -1 for Lua's `<`. */
static bool sort_less(lua_State *L, int less, int a, int b)
{
    if (less == 0)
        return key_less(L, a, b);
    if (less < 0)
        return lua_compare(L, a, b, LUA_OPLT);
    lua_pushvalue(L, less);
    lua_pushvalue(L, a);
    lua_pushvalue(L, b);
    lua_call(L, 2, 1);
    bool is_less = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return is_less;
}

/* Merge from[low, middle) and from[middle, high) into `to`. */
static void merge(lua_State *L, int from, int to, int less, lua_Integer low,
                  lua_Integer middle, lua_Integer high)
{
    lua_Integer a = low, b = middle;
    for (lua_Integer at = low; at < high; at++) {
        bool take_b = a >= middle;
        if (a < middle && b < high) {
            lua_rawgeti(L, from, a);
            lua_rawgeti(L, from, b);
            int top = lua_gettop(L);
            take_b = sort_less(L, less, top, top - 1);
            lua_pop(L, 2);
        }
        lua_rawgeti(L, from, take_b ? b++ : a++);
        lua_rawseti(L, to, at);
    }
}

/* Bottom-up, so that nothing recurses; `table` and a scratch table swap. */
static void merge_sort(lua_State *L, int table, lua_Integer size, int less)
{
    lua_createtable(L, size < INT32_MAX ? (int)size : 0, 0);
    int from = table, to = lua_gettop(L);
    for (lua_Integer width = 1; width < size; width *= 2) {
        for (lua_Integer low = 1; low <= size; low += 2 * width) {
            lua_Integer middle = low + width, high = low + 2 * width;
            merge(L, from, to, less, low, middle > size + 1 ? size + 1 : middle,
                  high > size + 1 ? size + 1 : high);
        }
        int swap = from;
        from = to;
        to = swap;
    }
    if (from != table) {
        for (lua_Integer at = 1; at <= size; at++) {
            lua_rawgeti(L, from, at);
            lua_rawseti(L, table, at);
        }
    }
    lua_settop(L, less > 0 ? less : table);
}

static int l_sort(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    bool has_less = !lua_isnoneornil(L, 2);
    if (has_less)
        luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, has_less ? 2 : 1);
    merge_sort(L, 1, (lua_Integer)lua_rawlen(L, 1), has_less ? 2 : -1);
    return 0;
}

void library_push_keys(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    lua_newtable(L);
    int keys = lua_gettop(L);
    lua_Integer count = 0;
    bool is_sorted = true;
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_pop(L, 1);
        check_key(L, -1);
        if (count > 0 && is_sorted) {
            lua_rawgeti(L, keys, count);
            is_sorted = key_less(L, keys + 2, keys + 1);
            lua_pop(L, 1);
        }
        lua_pushvalue(L, -1);
        lua_rawseti(L, keys, ++count);
    }
    if (!is_sorted)
        merge_sort(L, keys, count, 0);
}

/* --- base --- */

/* The iterator keeps the table itself: handing it out would give a file the
 * real table behind a read-only view. Upvalues: keys, position, table. */
static int on_pair(lua_State *L)
{
    lua_Integer at = lua_tointeger(L, lua_upvalueindex(2));
    for (;;) {
        at++;
        if (lua_rawgeti(L, lua_upvalueindex(1), at) == LUA_TNIL)
            return 1;
        lua_pushvalue(L, -1);
        if (lua_rawget(L, lua_upvalueindex(3)) != LUA_TNIL)
            break;
        lua_pop(L, 2); /* removed while we went through */
    }
    lua_pushinteger(L, at);
    lua_replace(L, lua_upvalueindex(2));
    return 2;
}

void library_push_iterator(lua_State *L, int index)
{
    lua_pushvalue(L, index);
    library_push_keys(L, -1);
    lua_pushinteger(L, 0);
    lua_rotate(L, -3, 2); /* keys position table */
    lua_pushcclosure(L, on_pair, 3);
}

static int l_pairs(lua_State *L)
{
    luaL_checkany(L, 1);
    if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
        lua_pushvalue(L, 1);
        lua_call(L, 1, 1);
    } else {
        luaL_checktype(L, 1, LUA_TTABLE);
        library_push_iterator(L, 1);
    }
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

/* The least key above the given one: linear, but nearly always asked once, to
 * see whether a table is empty. */
static int l_next(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    bool is_first = lua_isnil(L, 2);
    if (!is_first)
        check_key(L, 2);
    lua_pushnil(L); /* 3: best so far */
    lua_pushnil(L); /* 4: key */
    while (lua_next(L, 1) != 0) {
        lua_pop(L, 1);
        check_key(L, 4);
        if ((is_first || key_less(L, 2, 4)) &&
            (lua_isnil(L, 3) || key_less(L, 4, 3))) {
            lua_pushvalue(L, 4);
            lua_replace(L, 3);
        }
    }
    lua_settop(L, 3);
    if (lua_isnil(L, 3))
        return 1;
    lua_pushvalue(L, 3);
    lua_rawget(L, 1);
    return 2;
}

const char *library_push_text(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    if (luaL_callmeta(L, index, "__tostring")) {
        if (!lua_isstring(L, -1))
            luaL_error(L, "__tostring must return a string");
        return lua_tostring(L, -1);
    }
    switch (lua_type(L, index)) {
    case LUA_TTABLE:
    case LUA_TFUNCTION:
    case LUA_TUSERDATA:
    case LUA_TLIGHTUSERDATA:
        return lua_pushstring(L, luaL_typename(L, index)); /* no address */
    default:
        return luaL_tolstring(L, index, NULL);
    }
}

static int l_tostring(lua_State *L)
{
    luaL_checkany(L, 1);
    library_push_text(L, 1);
    return 1;
}

/* After a failed protected call: a spent budget is not for files to catch. */
static void pass_spent(lua_State *L, int status)
{
    struct sandbox *s = sandbox_of(L);
    if (status == LUA_ERRMEM)
        s->is_spent = true;
    if (s->is_spent)
        lua_error(L);
}

static int l_pcall(lua_State *L)
{
    luaL_checkany(L, 1);
    int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    if (status != LUA_OK)
        pass_spent(L, status);
    lua_pushboolean(L, status == LUA_OK);
    lua_insert(L, 1);
    return lua_gettop(L);
}

static int l_xpcall(lua_State *L)
{
    luaL_checktype(L, 2, LUA_TFUNCTION);
    int arguments = lua_gettop(L) - 2;
    lua_pushvalue(L, 1);
    lua_insert(L, 3); /* function handler function arguments */
    int status = lua_pcall(L, arguments, LUA_MULTRET, 2);
    if (status != LUA_OK)
        pass_spent(L, status);
    lua_pushboolean(L, status == LUA_OK);
    lua_replace(L, 2);
    return lua_gettop(L) - 1;
}

/* --- string --- */

/* string.format: %s as tostring() has it, no %p. */
static int l_format(lua_State *L)
{
    size_t size;
    const char *format = luaL_checklstring(L, 1, &size);
    int argument = 1;
    for (const char *at = format; at < format + size; at++) {
        if (*at != '%')
            continue;
        at++;
        if (*at == '%')
            continue;
        at += strspn(at, "-+ #0123456789.");
        argument++;
        if (*at == 'p')
            return luaL_error(L, "%%p would show an address");
        if (*at == 's' && !lua_isstring(L, argument) &&
            !lua_isnone(L, argument)) {
            library_push_text(L, argument);
            lua_replace(L, argument);
        }
    }
    lua_pushvalue(L, lua_upvalueindex(1)); /* Lua's own */
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

/* --- tables that cannot be written --- */

static int on_frozen(lua_State *L)
{
    return luaL_error(L, "%s cannot be changed",
                      lua_tostring(L, lua_upvalueindex(1)));
}

static int on_frozen_pairs(lua_State *L)
{
    library_push_iterator(L, lua_upvalueindex(1));
    return 1;
}

/* Upvalues: the table, what it is called. */
static int on_record_index(lua_State *L)
{
    enum { NAMES_MAX = 64 };
    const char *names[NAMES_MAX + 1];
    int count = 0;
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL ||
        lua_type(L, 2) != LUA_TSTRING)
        return 1;
    lua_pushnil(L);
    while (lua_next(L, lua_upvalueindex(1)) != 0) {
        lua_pop(L, 1);
        if (count < NAMES_MAX && lua_type(L, -1) == LUA_TSTRING)
            names[count++] = lua_tostring(L, -1);
    }
    names[count] = NULL;
    const char *what = lua_tostring(L, lua_upvalueindex(2));
    const char *name = lua_tostring(L, 2);
    const char *nearest = text_nearest(name, names);
    return luaL_error(L, "%s has no '%s'%s%s%s", what, name,
                      nearest ? ", did you mean '" : "", nearest ? nearest : "",
                      nearest ? "'?" : "");
}

/* Table on top -> table view meta, with what views have in common. */
static void push_view(lua_State *L, const char *what)
{
    lua_newtable(L);
    lua_createtable(L, 0, 3); /* table view meta */
    lua_pushstring(L, what);
    lua_pushcclosure(L, on_frozen, 1);
    lua_setfield(L, -2, "__newindex");
    lua_pushvalue(L, -3);
    lua_pushcclosure(L, on_frozen_pairs, 1);
    lua_setfield(L, -2, "__pairs");
}

void library_freeze_record(lua_State *L, const char *what)
{
    push_view(L, what);
    lua_pushvalue(L, -3);
    lua_pushstring(L, what);
    lua_pushcclosure(L, on_record_index, 2);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_remove(L, -2);
}

void library_freeze(lua_State *L, const char *what)
{
    push_view(L, what);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_remove(L, -2);
}

/* --- what is visible --- */

static void open_base(lua_State *L)
{
    static const char *const kept[] = {"assert", "error",    "ipairs", "select",
                                       "type",   "tonumber", NULL};
    static const luaL_Reg own[] = {
        {"next", l_next},         {"pairs", l_pairs},   {"pcall", l_pcall},
        {"tostring", l_tostring}, {"xpcall", l_xpcall}, {NULL, NULL}};
    int language = lua_gettop(L);
    luaL_requiref(L, LUA_GNAME, luaopen_base, 0);
    for (int i = 0; kept[i] != NULL; i++) {
        lua_getfield(L, -1, kept[i]);
        lua_setfield(L, language, kept[i]);
    }
    lua_pop(L, 1);
    luaL_setfuncs(L, own, 0);
}

/* Remove names from the library on top. */
static void hide(lua_State *L, const char *const *name)
{
    for (; *name != NULL; name++) {
        lua_pushnil(L);
        lua_setfield(L, -2, *name);
    }
}

static void open_string(lua_State *L)
{
    static const char *const hidden[] = {"dump", NULL};
    luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 0);
    hide(L, hidden);
    lua_getfield(L, -1, "format");
    lua_pushcclosure(L, l_format, 1);
    lua_setfield(L, -2, "format");
    /* Methods of strings find the library itself, files only its view. */
    library_freeze(L, "'string'");
    lua_setfield(L, -2, LUA_STRLIBNAME);
}

void library_open(lua_State *L)
{
    static const char *const random[] = {"random", "randomseed", NULL};
    open_base(L);
    open_string(L);

    luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 0);
    lua_pushcfunction(L, l_sort);
    lua_setfield(L, -2, "sort");
    library_freeze(L, "'table'");
    lua_setfield(L, -2, LUA_TABLIBNAME);

    luaL_requiref(L, LUA_MATHLIBNAME, luaopen_math, 0);
    hide(L, random);
    library_freeze(L, "'math'");
    lua_setfield(L, -2, LUA_MATHLIBNAME);

    luaL_requiref(L, LUA_UTF8LIBNAME, luaopen_utf8, 0);
    library_freeze(L, "'utf8'");
    lua_setfield(L, -2, LUA_UTF8LIBNAME);
}
