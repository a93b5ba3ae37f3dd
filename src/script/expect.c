/* expect(value) and its methods. */
#include "script/tests.h"
#include "script/value.h"

#include "script/library.h"

#include <stdio.h>
#include <string.h>

/* Registry key of the methods, and key of the value in an expectation. */
static const char METHODS = 0, SUBJECT = 0, NUMBER = 0;

enum { DEPTH_MAX = 16, SHOWN_MAX = 200, ELEMENTS_SHOWN = 8 };

/* --- values as text --- */

static bool is_kind(lua_State *L, int index, enum value_kind kind)
{
    const struct value *value = value_at(L, index);

    return value != NULL && value->kind == kind;
}

static bool is_sequence(lua_State *L, int index)
{
    return lua_istable(L, index) || is_kind(L, index, VALUE_LIST);
}

static void show(lua_State *L, int index, struct buf *out, int depth);

/* What is set in a value, as a plain table. */
static void push_names(lua_State *L, int index)
{
    const struct value *value = value_at(L, index);

    lua_newtable(L);
    if (value == NULL || value->kind == VALUE_MAP) {
        lua_pop(L, 1);
        if (value != NULL)
            lua_getiuservalue(L, index, 1);
        else
            lua_pushvalue(L, index);
        return;
    }
    for (size_t i = 0;
         value->kind == VALUE_OBJECT && i < value->object->stored_count; i++) {
        lua_getiuservalue(L, index, (int)i + 1);
        if (lua_isnil(L, -1) || value_is_mark(L, -1))
            lua_pop(L, 1);
        else
            lua_setfield(L, -2, value->object->field[i].name);
    }
}

static void show_elements(lua_State *L, int index, struct buf *out, int depth)
{
    lua_Integer count = luaL_len(L, index);

    buf_add_text(out, "{");
    for (lua_Integer i = 1; i <= count && i <= ELEMENTS_SHOWN; i++) {
        buf_add_text(out, i > 1 ? ", " : " ");
        lua_geti(L, index, i);
        show(L, lua_gettop(L), out, depth + 1);
        lua_pop(L, 1);
    }
    buf_add_text(out, count > ELEMENTS_SHOWN ? ", ... }"
                      : count > 0            ? " }"
                                             : "}");
}

/* { a = 1, b = 2 }: a table without elements, or a map. */
static void show_names(lua_State *L, int index, struct buf *out, int depth)
{
    int top = lua_gettop(L);

    push_names(L, index);
    library_push_keys(L, top + 1);
    lua_Integer count = luaL_len(L, top + 2);
    buf_add_text(out, "{");
    for (lua_Integer i = 1; i <= count && i <= ELEMENTS_SHOWN; i++) {
        lua_geti(L, top + 2, i);
        buf_addf(out, "%s%s = ", i > 1 ? ", " : " ",
                 library_push_text(L, top + 3));
        lua_pushvalue(L, top + 3);
        lua_rawget(L, top + 1);
        show(L, lua_gettop(L), out, depth + 1);
        lua_settop(L, top + 2);
    }
    buf_add_text(out, count > ELEMENTS_SHOWN ? ", ... }"
                      : count > 0            ? " }"
                                             : "}");
    lua_settop(L, top);
}

static bool is_named(lua_State *L, int index)
{
    return is_kind(L, index, VALUE_MAP) ||
           (lua_istable(L, index) && lua_rawlen(L, index) == 0);
}

/* As a file would write it, cut short. Depth is bounded. */
static void show(lua_State *L, int index, struct buf *out, int depth)
{
    if (is_kind(L, index, VALUE_RAW))
        lua_getiuservalue(L, index, 1);
    else
        lua_pushvalue(L, index);
    if (lua_type(L, -1) == LUA_TSTRING) {
        const char *text = lua_tostring(L, -1);
        buf_addf(out, "\"%.*s\"%s", SHOWN_MAX, text,
                 strlen(text) > SHOWN_MAX ? "..." : "");
    } else if (is_named(L, index) && depth < 3) {
        show_names(L, index, out, depth);
    } else if (is_sequence(L, index) && depth < 3) {
        show_elements(L, index, out, depth);
    } else {
        buf_add_text(out, library_push_text(L, index));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* --- equality --- */

static bool is_same(lua_State *L, int a, int b, int depth);

static bool same_sequence(lua_State *L, int a, int b, int depth)
{
    lua_Integer count = luaL_len(L, a);
    bool same = count == luaL_len(L, b);

    for (lua_Integer i = 1; i <= count && same; i++) {
        lua_geti(L, a, i);
        lua_geti(L, b, i);
        same = is_same(L, lua_gettop(L) - 1, lua_gettop(L), depth + 1);
        lua_pop(L, 2);
    }
    return same;
}

/* Every name that is set in `a` has the same value in `b`. */
static bool names_in(lua_State *L, int a, int b, int depth)
{
    bool same = true;
    int top = lua_gettop(L);

    library_push_keys(L, a);
    lua_Integer count = luaL_len(L, top + 1);
    for (lua_Integer i = 1; i <= count && same; i++) {
        lua_geti(L, top + 1, i);
        if (lua_isinteger(L, -1)) {
            lua_settop(L, top + 1);
            continue;
        }
        lua_pushvalue(L, -1);
        lua_gettable(L, a);
        lua_pushvalue(L, -2);
        lua_gettable(L, b);
        same = is_same(L, lua_gettop(L) - 1, lua_gettop(L), depth + 1);
        lua_settop(L, top + 1);
    }
    lua_settop(L, top);
    return same;
}

static bool has_names(lua_State *L, int index)
{
    return lua_istable(L, index) || is_kind(L, index, VALUE_OBJECT) ||
           is_kind(L, index, VALUE_MAP);
}

static bool same_names(lua_State *L, int a, int b, int depth)
{
    int top = lua_gettop(L);

    push_names(L, a);
    push_names(L, b);
    bool same = names_in(L, top + 1, top + 2, depth) &&
                names_in(L, top + 2, top + 1, depth);
    lua_settop(L, top);
    return same;
}

/* Push text for a raw text, the value itself otherwise. */
static void push_plain(lua_State *L, int index)
{
    if (is_kind(L, index, VALUE_RAW))
        lua_getiuservalue(L, index, 1);
    else
        lua_pushvalue(L, index);
}

/* Lists by their elements, objects and maps by what is set, a table like the
 * value it would make. */
static bool is_same(lua_State *L, int a, int b, int depth)
{
    luaL_checkstack(L, 16, "expect");
    push_plain(L, a);
    push_plain(L, b);
    bool same = lua_compare(L, -2, -1, LUA_OPEQ);
    lua_pop(L, 2);
    if (same || depth >= DEPTH_MAX)
        return same;
    const struct value *x = value_at(L, a), *y = value_at(L, b);
    if (x != NULL && y != NULL &&
        (x->kind != y->kind || x->object != y->object))
        return false;
    if (is_sequence(L, a) && is_sequence(L, b) &&
        !same_sequence(L, a, b, depth))
        return false;
    if (has_names(L, a) && has_names(L, b))
        return same_names(L, a, b, depth);
    return is_sequence(L, a) && is_sequence(L, b);
}

/* --- methods --- */

/* The stack becomes: expectation, argument, value. */
static void take(lua_State *L, const char *method)
{
    lua_settop(L, 2);
    if (!lua_istable(L, 1))
        luaL_error(L, "want a colon: expect(value):%s(...)", method);
    lua_rawgetp(L, 1, &NUMBER);
    tests_settle(L, lua_tointeger(L, -1));
    lua_pop(L, 1);
    lua_rawgetp(L, 1, &SUBJECT);
}

/* "expected WHAT ARGUMENT, got VALUE" unless it held; the expectation again, so
 * that another method can follow. */
static int judge(lua_State *L, bool held, const char *what, bool with_argument)
{
    struct buf text = {0};

    if (!held) {
        buf_addf(&text, "expected %s%s", what,
                 *what && with_argument ? " " : "");
        if (with_argument)
            show(L, 2, &text, 0);
        buf_add_text(&text, ", got ");
        show(L, 3, &text, 0);
    }
    tests_count(L, held ? NULL : buf_text(&text));
    buf_release(&text);
    lua_settop(L, 1);
    return 1;
}

static int l_equals(lua_State *L)
{
    take(L, "equals");
    return judge(L, is_same(L, 3, 2, 0), "", true);
}

static int l_differs(lua_State *L)
{
    take(L, "differs");
    return judge(L, !is_same(L, 3, 2, 0), "something else than", true);
}

static int l_matches(lua_State *L)
{
    take(L, "matches");
    luaL_checktype(L, 2, LUA_TSTRING);
    push_plain(L, 3);
    bool held = lua_type(L, -1) == LUA_TSTRING;
    if (held) {
        sandbox_push_language(L);
        lua_getfield(L, -1, "string");
        lua_getfield(L, -1, "find");
        lua_pushvalue(L, 4);
        lua_pushvalue(L, 2);
        lua_call(L, 2, 1);
        held = !lua_isnil(L, -1);
    }
    lua_settop(L, 3);
    return judge(L, held, "a match of", true);
}

static bool is_inside(lua_State *L)
{
    push_plain(L, 3);
    if (lua_type(L, -1) == LUA_TSTRING) {
        size_t size, part;
        const char *text = lua_tolstring(L, -1, &size);
        const char *wanted = luaL_checklstring(L, 2, &part);
        return memmem(text, size, wanted, part) != NULL;
    }
    lua_settop(L, 3);
    if (is_sequence(L, 3)) {
        lua_Integer count = luaL_len(L, 3);
        for (lua_Integer i = 1; i <= count; i++) {
            lua_geti(L, 3, i);
            if (is_same(L, 4, 2, 0))
                return true;
            lua_settop(L, 3);
        }
    }
    if (!has_names(L, 3))
        return false;
    push_names(L, 3); /* at 4: a name, or some names with their values */
    if (has_names(L, 2)) {
        push_names(L, 2);
        return names_in(L, 5, 4, 0);
    }
    lua_pushvalue(L, 2);
    return !lua_isnil(L, 2) && lua_rawget(L, 4) != LUA_TNIL;
}

static int l_contains(lua_State *L)
{
    take(L, "contains");
    bool held = is_inside(L);
    lua_settop(L, 3);
    return judge(L, held, "something with", true);
}

static int l_lacks(lua_State *L)
{
    take(L, "lacks");
    bool held = !is_inside(L);
    lua_settop(L, 3);
    return judge(L, held, "something without", true);
}

static int l_is_nil(lua_State *L)
{
    take(L, "is_nil");
    return judge(L, lua_isnil(L, 3), "nothing", false);
}

static int l_is_true(lua_State *L)
{
    take(L, "is_true");
    return judge(L, lua_isboolean(L, 3) && lua_toboolean(L, 3), "true", false);
}

static int l_is_false(lua_State *L)
{
    take(L, "is_false");
    return judge(L, lua_isboolean(L, 3) && !lua_toboolean(L, 3), "false",
                 false);
}

/* Of a function: calling it fails or records a problem; of evaluate(): the file
 * has problems then. With a text, one that says so. */
static int l_is_error(lua_State *L)
{
    char message[TEST_MESSAGE_MAX];

    take(L, "is_error");
    const char *wanted = luaL_optstring(L, 2, "");
    if (lua_isfunction(L, 3))
        tests_push_failure(L, 3);
    else if (!tests_push_problems(L, 3))
        return luaL_error(L, "is_error: want expect(function() ... end) or "
                             "expect(evaluate { ... })");
    const char *problems = lua_tostring(L, 4);
    bool held = problems != NULL && strstr(problems, wanted) != NULL;
    if (problems == NULL)
        snprintf(message, sizeof message, "expected an error%s%.*s, got none",
                 *wanted ? " with " : "", SHOWN_MAX, wanted);
    else
        snprintf(message, sizeof message, "expected an error with %.*s, got %s",
                 SHOWN_MAX, wanted, problems);
    tests_count(L, held ? NULL : message);
    lua_settop(L, 1);
    return 1;
}

static int l_expect(lua_State *L)
{
    lua_settop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, 1);
    lua_rawsetp(L, -2, &SUBJECT);
    lua_pushinteger(L, tests_promise(L));
    lua_rawsetp(L, -2, &NUMBER);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &METHODS);
    lua_setmetatable(L, -2);
    return 1;
}

void expect_open(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"equals", l_equals},     {"differs", l_differs},
        {"matches", l_matches},   {"contains", l_contains},
        {"lacks", l_lacks},       {"is_nil", l_is_nil},
        {"is_true", l_is_true},   {"is_false", l_is_false},
        {"is_error", l_is_error}, {NULL, NULL}};
    lua_newtable(L);
    luaL_newlib(L, methods);
    library_freeze(L, "an expectation");
    lua_setfield(L, -2, "__index");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &METHODS);
    lua_pushcfunction(L, l_expect);
    lua_setfield(L, -2, "expect");
}
