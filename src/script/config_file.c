#include "script/config_file.h"
#include "script/library.h"
#include "script/sandbox.h"
#include "sys/file.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* env("NAME") -> text or nil */
static int l_env(lua_State *L)
{
    lua_pushstring(L, getenv(luaL_checkstring(L, 1)));
    return 1;
}

static int64_t memory_mb(void)
{
    int64_t pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGE_SIZE);
    return pages / 1024 * size / 1024;
}

static void push_host(lua_State *L)
{
    char name[256] = "localhost";
    (void)gethostname(name, sizeof name - 1);
    lua_createtable(L, 0, 3);
    lua_pushstring(L, name);
    lua_setfield(L, -2, "hostname");
    lua_pushinteger(L, sysconf(_SC_NPROCESSORS_ONLN));
    lua_setfield(L, -2, "cpus");
    lua_pushinteger(L, memory_mb());
    lua_setfield(L, -2, "mem_mb");
    library_freeze(L, "'host'");
}

/* __newindex of the file's environment: note the line of a name's first
 * assignment. Upvalues: lines, the sandbox's own __newindex. */
static int on_assign(lua_State *L)
{
    char file[SANDBOX_FILE_MAX];
    int line;
    sandbox_where(L, file, &line);
    lua_pushvalue(L, 2);
    lua_pushinteger(L, line);
    lua_rawset(L, lua_upvalueindex(1));
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_insert(L, 1);
    lua_call(L, 3, 0);
    return 0;
}

/* Arguments none; leaves: lines, environment. */
static int prepare(lua_State *L)
{
    sandbox_push_language(L);
    lua_pushcfunction(L, l_env);
    lua_setfield(L, -2, "env");
    push_host(L);
    lua_setfield(L, -2, "host");
    lua_newtable(L);             /* lines */
    sandbox_push_environment(L); /* lines environment */
    lua_getmetatable(L, -1);     /* lines environment meta */
    lua_pushvalue(L, -3);        /* ... lines */
    lua_getfield(L, -2, "__newindex");
    lua_pushcclosure(L, on_assign, 2);
    lua_setfield(L, -2, "__newindex");
    lua_pop(L, 1);
    return 2;
}

/* --- values as the text that a flag would have --- */

static void add_scalar(lua_State *L, int index, struct buf *out)
{
    if (lua_isboolean(L, index)) {
        buf_add_text(out, lua_toboolean(L, index) ? "true" : "false");
        return;
    }
    if (lua_isinteger(L, index)) {
        buf_addf(out, "%lld", (long long)lua_tointeger(L, index));
        return;
    }
    if (lua_type(L, index) == LUA_TNUMBER) {
        buf_addf(out, "%.14g", lua_tonumber(L, index));
        return;
    }
    if (lua_type(L, index) != LUA_TSTRING)
        luaL_error(L, "want a string, number or boolean, got a %s",
                   luaL_typename(L, index));
    buf_add_text(out, lua_tostring(L, index));
}

/* "a,b" */
static void add_list(lua_State *L, int index, struct buf *out)
{
    lua_Integer size = (lua_Integer)lua_rawlen(L, index);
    for (lua_Integer at = 1; at <= size; at++) {
        if (at > 1)
            buf_add_char(out, ',');
        lua_rawgeti(L, index, at);
        add_scalar(L, lua_gettop(L), out);
        lua_pop(L, 1);
    }
}

/* "key=value,key=value" */
static void add_pairs(lua_State *L, const char *name, int table,
                      struct buf *out)
{
    library_push_keys(L, table);
    int keys = lua_gettop(L);
    lua_Integer count = (lua_Integer)lua_rawlen(L, keys);
    if (count == 0)
        luaL_error(L, "'%s' is empty: want values", name);
    if (out->size > 0)
        buf_add_char(out, ';');
    for (lua_Integer at = 1; at <= count; at++) {
        lua_rawgeti(L, keys, at);
        if (lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "want names as keys, got a %s", luaL_typename(L, -1));
        buf_addf(out, "%s%s", at == 1 ? name : "", at == 1 ? ":" : ",");
        buf_addf(out, "%s=", lua_tostring(L, -1));
        lua_rawget(L, table);
        add_scalar(L, lua_gettop(L), out);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* One "name:value"; a list of values repeats the name, as attributes do. */
static void add_entry(lua_State *L, const char *name, int value,
                      struct buf *out)
{
    lua_Integer size = 1;
    bool is_list = lua_istable(L, value);
    if (is_list)
        size = (lua_Integer)lua_rawlen(L, value);
    if (is_list && size == 0) {
        add_pairs(L, name, value, out);
        return;
    }
    for (lua_Integer at = 1; at <= size; at++) {
        if (out->size > 0)
            buf_add_char(out, ';');
        buf_addf(out, "%s:", name);
        if (is_list)
            lua_rawgeti(L, value, at);
        else
            lua_pushvalue(L, value);
        add_scalar(L, lua_gettop(L), out);
        lua_pop(L, 1);
    }
}

/* { cpus = 4, mem = 4096 } -> "cpus:4;mem:4096" */
static void add_table(lua_State *L, int index, struct buf *out)
{
    if (lua_rawlen(L, index) > 0) {
        add_list(L, index, out);
        return;
    }
    library_push_keys(L, index);
    int keys = lua_gettop(L);
    lua_Integer count = (lua_Integer)lua_rawlen(L, keys);
    for (lua_Integer at = 1; at <= count; at++) {
        lua_rawgeti(L, keys, at);
        lua_pushvalue(L, -1);
        lua_rawget(L, index);
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "want names as keys, got a %s", luaL_typename(L, -2));
        add_entry(L, lua_tostring(L, -2), lua_gettop(L), out);
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
}

/* lightuserdata buf, value -> nothing */
static int print_value(lua_State *L)
{
    struct buf *out = lua_touserdata(L, 1);
    if (lua_istable(L, 2))
        add_table(L, 2, out);
    else
        add_scalar(L, 2, out);
    return 0;
}

/* --- running --- */

static int fail(struct err *err, const char *path,
                const struct sandbox_failure *failure)
{
    int rc;
    if (failure->line > 0)
        rc = err_set(err, ERR_INVALID, "%s:%d: %s", path, failure->line,
                     failure->text);
    else
        rc = err_set(err, ERR_INVALID, "%s: %s", path, failure->text);
    return rc;
}

/* stack: lines environment keys; tell assignment number `at`. */
static int tell(struct sandbox *s, lua_Integer at, const char *path,
                config_assigned *assigned, void *context, struct err *err)
{
    lua_State *L = s->L;
    struct buf value = {0};
    struct sandbox_failure failure;
    lua_rawgeti(L, 3, at);
    lua_pushvalue(L, -1);
    lua_rawget(L, 1);
    int line = (int)lua_tointeger(L, -1);
    lua_pop(L, 1); /* lines environment keys name */
    lua_pushcfunction(L, print_value);
    lua_pushlightuserdata(L, &value);
    lua_pushvalue(L, -3);
    lua_rawget(L, 2);
    int rc = sandbox_call(s, 2, 0, &failure);
    const char *name = lua_tostring(L, -1);
    if (rc < 0)
        rc = err_set(err, ERR_INVALID, "%s:%d: option '%s': %s", path, line,
                     name, failure.text);
    else
        rc = assigned(context, name, buf_text(&value), line, err);
    buf_release(&value);
    lua_pop(L, 1);
    return rc;
}

/* environment -> keys; names can only be strings here. */
static int list_names(lua_State *L)
{
    library_push_keys(L, 1);
    return 1;
}

int config_file_execute(struct sandbox *s, const char *path, struct bytes text,
                        struct sandbox_failure *failure)
{
    lua_pushcfunction(s->L, prepare);
    if (sandbox_call(s, 0, 2, failure) < 0)
        return -ERR_INVALID;
    sandbox_limit_steps(s, CONFIG_FILE_STEPS_MAX);
    if (sandbox_load(s, path, (const char *)text.data, text.size, failure) <
            0 ||
        sandbox_call(s, 0, 0, failure) < 0)
        return -ERR_INVALID;
    return 0;
}

static int run(struct sandbox *s, const char *path, config_assigned *assigned,
               void *context, struct err *err)
{
    lua_State *L = s->L;
    struct sandbox_failure failure;
    lua_pushcfunction(L, list_names);
    lua_pushvalue(L, 2);
    if (sandbox_call(s, 1, 1, &failure) < 0)
        return fail(err, path, &failure);
    lua_Integer count = (lua_Integer)lua_rawlen(L, 3);
    int rc = 0;
    for (lua_Integer at = 1; rc == 0 && at <= count; at++)
        rc = tell(s, at, path, assigned, context, err);
    return rc;
}

/* The file's sandbox, with lines and environment on its stack. */
static int open_file(struct sandbox *s, const char *path, struct err *err)
{
    struct buf text = {0};
    struct sandbox_failure failure;
    int rc = file_read(path, CONFIG_FILE_BYTES_MAX, &text, err);
    if (rc < 0)
        err_wrap(err, "configuration");
    else
        rc = sandbox_open(s, CONFIG_FILE_MEMORY_MAX, err);
    if (rc == 0 && config_file_execute(s, path, buf_bytes(&text), &failure) < 0)
        rc = fail(err, path, &failure);
    buf_release(&text);
    return rc;
}

int config_file_run(const char *path, config_assigned *assigned, void *context,
                    struct err *err)
{
    struct sandbox sandbox = {0};
    int rc = open_file(&sandbox, path, err);
    if (rc == 0)
        rc = run(&sandbox, path, assigned, context, err);
    sandbox_close(&sandbox);
    return rc;
}
