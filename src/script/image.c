#include "script/image.h"
#include "script/value.h"

/* Registry key of a Lua table that holds the image: per table the table and a
 * copy (2 slots), per upvalue its closure, its number and its value (3). */
static const char TABLES = 0, UPVALUES = 0;

struct walk {
    struct image *image;
    int seen, list, tables, upvalues; /* stack indices */
    lua_Integer todo;                 /* length of the list of what was met */
};

/* The value on top, unless it was met before; popped. */
static void meet(lua_State *L, struct walk *walk)
{
    int type = lua_type(L, -1);
    if (type != LUA_TTABLE && type != LUA_TFUNCTION && type != LUA_TUSERDATA) {
        lua_pop(L, 1);
        return;
    }
    lua_pushvalue(L, -1);
    if (lua_rawget(L, walk->seen) != LUA_TNIL) {
        lua_pop(L, 2);
        return;
    }
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_pushboolean(L, true);
    lua_rawset(L, walk->seen);
    lua_rawseti(L, walk->list, ++walk->todo);
}

/* The table on top; stays. */
static void walk_table(lua_State *L, struct walk *walk)
{
    int table = lua_gettop(L), copy = table + 1;
    lua_newtable(L);
    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        if (++walk->image->entries > IMAGE_ENTRIES_MAX)
            luaL_error(L, "the functions reach more than %d values",
                       IMAGE_ENTRIES_MAX);
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, copy);
        lua_pushvalue(L, -2);
        meet(L, walk);
        meet(L, walk);
    }
    lua_pushvalue(L, table);
    lua_rawseti(L, walk->tables, ++walk->image->tables);
    lua_rawseti(L, walk->tables, ++walk->image->tables);
    if (lua_getmetatable(L, table))
        meet(L, walk);
}

static void walk_function(lua_State *L, struct walk *walk)
{
    int function = lua_gettop(L);
    for (int i = 1; lua_getupvalue(L, function, i) != NULL; i++) {
        lua_pushvalue(L, function);
        lua_rawseti(L, walk->upvalues, ++walk->image->upvalues);
        lua_pushinteger(L, i);
        lua_rawseti(L, walk->upvalues, ++walk->image->upvalues);
        lua_pushvalue(L, -1);
        lua_rawseti(L, walk->upvalues, ++walk->image->upvalues);
        meet(L, walk);
    }
}

/* Every full userdata is a value of the language (script/value.h). */
static void walk_userdata(lua_State *L, struct walk *walk)
{
    int userdata = lua_gettop(L);
    for (int i = 1; lua_getiuservalue(L, userdata, i) != LUA_TNONE; i++)
        meet(L, walk);
    lua_pop(L, 1);
}

void image_take(lua_State *L, struct image *out)
{
    int base = lua_gettop(L);
    *out = (struct image){0};
    struct walk walk = {out, base + 1, base + 2, base + 3, base + 4, 0};
    luaL_checkstack(L, 20, "functions");
    for (int i = 0; i < 4; i++)
        lua_newtable(L);
    int top = lua_gettop(L);
    lua_pushvalue(L, base);
    meet(L, &walk);
    while (walk.todo > 0) {
        lua_rawgeti(L, walk.list, walk.todo);
        lua_pushnil(L);
        lua_rawseti(L, walk.list, walk.todo--);
        if (lua_istable(L, -1))
            walk_table(L, &walk);
        else if (lua_isfunction(L, -1))
            walk_function(L, &walk);
        else
            walk_userdata(L, &walk);
        lua_settop(L, top);
    }
    lua_rawsetp(L, LUA_REGISTRYINDEX, &UPVALUES);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &TABLES);
    lua_settop(L, base);
}

/* Has the table (at -2) what the copy (on top) has? */
static bool is_same(lua_State *L)
{
    int copy = lua_gettop(L), table = copy - 1;
    size_t count = 0, count_copy = 0;
    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        lua_pushvalue(L, -2);
        lua_rawget(L, copy);
        bool is_equal = lua_rawequal(L, -1, -2);
        lua_pop(L, 2);
        count++;
        if (!is_equal) {
            lua_settop(L, copy);
            return false;
        }
    }
    lua_pushnil(L);
    while (lua_next(L, copy) != 0) {
        lua_pop(L, 1);
        count_copy++;
    }
    return count == count_copy;
}

/* Make the table (at -2) what the copy (on top) is. */
static void refill(lua_State *L)
{
    int copy = lua_gettop(L), table = copy - 1;
    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        lua_pop(L, 1);
        lua_pushvalue(L, -1);
        lua_pushnil(L);
        lua_rawset(L, table);
    }
    lua_pushnil(L);
    while (lua_next(L, copy) != 0) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, table);
    }
}

static bool restore_tables(lua_State *L, lua_Integer count)
{
    bool has_changed = false;
    int top = lua_gettop(L);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &TABLES);
    for (lua_Integer at = 1; at < count; at += 2) {
        lua_rawgeti(L, top + 1, at);
        lua_rawgeti(L, top + 1, at + 1);
        if (!is_same(L)) {
            refill(L);
            has_changed = true;
        }
        lua_settop(L, top + 1);
    }
    lua_settop(L, top);
    return has_changed;
}

static bool restore_upvalues(lua_State *L, lua_Integer count)
{
    bool has_changed = false;
    int top = lua_gettop(L);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &UPVALUES);
    for (lua_Integer at = 1; at + 1 < count; at += 3) {
        lua_rawgeti(L, top + 1, at);
        lua_rawgeti(L, top + 1, at + 1);
        int number = (int)lua_tointeger(L, -1);
        lua_pop(L, 1);
        lua_rawgeti(L, top + 1, at + 2);
        (void)lua_getupvalue(L, top + 2, number);
        if (!lua_rawequal(L, -1, -2)) {
            lua_pop(L, 1);
            (void)lua_setupvalue(L, top + 2, number);
            has_changed = true;
        }
        lua_settop(L, top + 1);
    }
    lua_settop(L, top);
    return has_changed;
}

bool image_restore(lua_State *L, const struct image *image)
{
    luaL_checkstack(L, 12, "functions");
    bool has_changed = restore_tables(L, image->tables);
    return restore_upvalues(L, image->upvalues) || has_changed;
}
