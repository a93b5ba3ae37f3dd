/* A Lua file's value as JSON. */
#include "script/data.h"

#include "script/library.h"
#include "script/sandbox.h"
#include "sys/file.h"
#include "wire/json.h"

enum {
    DATA_MEMORY_MAX = 16 << 20,
    DATA_STEPS_MAX = 10000000,
    DATA_BYTES_MAX = 1 << 20,
    DATA_DEPTH_MAX = 16
};

static void write_value(lua_State *L, int index, struct json_writer *w,
                        int depth);

static void write_list(lua_State *L, int index, struct json_writer *w,
                       int depth)
{
    lua_Integer size = (lua_Integer)lua_rawlen(L, index);

    json_begin_array(w);
    for (lua_Integer at = 1; at <= size; at++) {
        lua_rawgeti(L, index, at);
        write_value(L, lua_gettop(L), w, depth);
        lua_pop(L, 1);
    }
    json_end_array(w);
}

static void write_table(lua_State *L, int index, struct json_writer *w,
                        int depth)
{
    library_push_keys(L, index);
    int keys = lua_gettop(L);
    lua_Integer count = (lua_Integer)lua_rawlen(L, keys);

    json_begin_object(w);
    for (lua_Integer at = 1; at <= count; at++) {
        lua_rawgeti(L, keys, at); /* keys ... key */
        if (lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "want names as keys, got a %s", luaL_typename(L, -1));
        json_key(w, lua_tostring(L, -1));
        lua_rawget(L, index); /* keys ... value */
        write_value(L, lua_gettop(L), w, depth);
        lua_pop(L, 1);
    }
    json_end_object(w);
    lua_pop(L, 1);
}

static void write_value(lua_State *L, int index, struct json_writer *w,
                        int depth)
{
    luaL_checkstack(L, 8, "too deep");
    if (depth == DATA_DEPTH_MAX)
        luaL_error(L, "tables nested more than %d deep", DATA_DEPTH_MAX);
    switch (lua_type(L, index)) {
    case LUA_TSTRING:
        json_text(w, lua_tostring(L, index));
        break;
    case LUA_TBOOLEAN:
        json_bool(w, lua_toboolean(L, index));
        break;
    case LUA_TNUMBER:
        if (!lua_isinteger(L, index))
            json_double(w, lua_tonumber(L, index));
        else
            json_int(w, lua_tointeger(L, index));
        break;
    case LUA_TTABLE:
        if (lua_rawlen(L, index) > 0)
            write_list(L, index, w, depth + 1);
        else
            write_table(L, index, w, depth + 1);
        break;
    default:
        luaL_error(L, "a %s cannot be data", luaL_typename(L, index));
    }
}

/* lightuserdata buf, lightuserdata name, value -> nothing */
static int print_data(lua_State *L)
{
    struct json_writer w;
    const char *list = lua_touserdata(L, 2);

    json_init(&w, lua_touserdata(L, 1), 0);
    if (!lua_istable(L, 3))
        luaL_error(L, "the file must return %s",
                   list != NULL ? "a list of tables" : "a table");
    if (list == NULL) {
        write_value(L, 3, &w, 0);
        return 0;
    }
    json_begin_object(&w);
    json_key(&w, list);
    write_list(L, 3, &w, 0);
    json_end_object(&w);
    return 0;
}

static int prepare(lua_State *L)
{
    sandbox_push_environment(L);
    return 1;
}

static int run(struct sandbox *s, const char *path, struct bytes text,
               const char *list, struct buf *json,
               struct sandbox_failure *failure)
{
    lua_State *L = s->L;

    lua_pushcfunction(L, prepare);
    if (sandbox_call(s, 0, 1, failure) < 0)
        return -1;
    sandbox_limit_steps(s, DATA_STEPS_MAX);
    lua_pushcfunction(L, print_data); /* environment print */
    lua_pushlightuserdata(L, json);
    lua_pushlightuserdata(L, (void *)list);
    lua_pushvalue(L, 1); /* environment print buf name environment */
    if (sandbox_load(s, path, (const char *)text.data, text.size, failure) < 0)
        return -1;
    lua_remove(L, -2); /* environment print buf name file */
    if (sandbox_call(s, 0, 1, failure) < 0)
        return -1;
    return sandbox_call(s, 3, 0, failure);
}

int script_data_file(const char *path, const char *list, struct buf *json,
                     struct err *err)
{
    struct sandbox sandbox = {0};
    struct sandbox_failure failure = {0};
    struct buf text = {0};
    size_t before = json->size;
    int rc = file_read(path, DATA_BYTES_MAX, &text, err);

    if (rc == 0)
        rc = sandbox_open(&sandbox, DATA_MEMORY_MAX, err);
    if (rc == 0 &&
        run(&sandbox, path, buf_bytes(&text), list, json, &failure) < 0) {
        json->size = before;
        rc = err_set(err, ERR_INVALID, "%s", failure.text);
        if (failure.line > 0)
            err_place(err, "%s:%d", path, failure.line);
        else
            err_place(err, "%s", path);
    }
    sandbox_close(&sandbox);
    buf_release(&text);
    return rc;
}
