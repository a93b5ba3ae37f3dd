#include "script/security_file.h"

#include "base/job_key.h"
#include "base/text.h"
#include "script/config_file.h"
#include "script/library.h"
#include "sys/secret.h"

#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { ROLES_MAX = 1000, WHERE_MAX = 200 };

struct role {
    char name[USER_NAME_MAX];
    VEC(struct rule) rules;
};

struct reading {
    struct users *users;
    VEC(struct role) roles;
};

/* --- values --- */

/* Raise what `err` says, with where in the file. */
static void complain(lua_State *L, const char *where, const struct err *err)
{
    char copy[ERR_TEXT_MAX];

    (void)snprintf(copy, sizeof copy, "%s", err->text);
    luaL_error(L, "%s: %s", where, copy);
}

static void want_table(lua_State *L, int index, const char *where)
{
    if (!lua_istable(L, index))
        luaL_error(L, "%s: want a table, got a %s", where,
                   luaL_typename(L, index));
}

/* Every key of the table at `index` is among `known` (NULL-terminated). */
static void check_names(lua_State *L, int index, const char *where,
                        const char *const *known)
{
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        bool is_known = false;
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "%s: want names, got a %s", where,
                       luaL_typename(L, -2));
        const char *name = lua_tostring(L, -2);
        for (const char *const *k = known; *k; k++)
            is_known |= strcmp(*k, name) == 0;
        if (is_known)
            continue;
        const char *near = text_nearest(name, known);
        if (near)
            luaL_error(L, "%s.%s: no such field; nearest known name: '%s'",
                       where, name, near);
        luaL_error(L, "%s.%s: no such field", where, name);
    }
}

/* Field `name` of the table at `index`: how many texts it is, one or a list; it
 * stays on the stack. */
static lua_Integer push_texts(lua_State *L, int index, const char *where,
                              const char *name)
{
    int type = lua_getfield(L, index, name);

    if (type == LUA_TNIL)
        return 0;
    if (type == LUA_TSTRING)
        return 1;
    if (type != LUA_TTABLE)
        luaL_error(L, "%s.%s: want a text or a list of texts", where, name);
    return (lua_Integer)lua_rawlen(L, -1);
}

/* The at-th of them (from 1); it is pushed, to keep it. */
static const char *text_at(lua_State *L, lua_Integer at, const char *where,
                           const char *name)
{
    size_t size = 0;

    if (lua_type(L, -1) == LUA_TSTRING)
        lua_pushvalue(L, -1);
    else
        lua_rawgeti(L, -1, at);
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "%s.%s: want texts, got a %s", where, name,
                   luaL_typename(L, -1));
    const char *text = lua_tolstring(L, -1, &size);
    if (strlen(text) != size)
        luaL_error(L, "%s.%s: a zero byte is not allowed", where, name);
    return text;
}

/* A number of something, or a size like "4MB"; 0 without. */
static int64_t number_of(lua_State *L, int index, const char *where,
                         const char *name)
{
    int64_t value = 0;
    struct err err = {0};
    char place[WHERE_MAX + 64];
    int type = lua_getfield(L, index, name);

    (void)snprintf(place, sizeof place, "%s.%s", where, name);
    if (type == LUA_TSTRING) {
        if (text_size_bytes(lua_tostring(L, -1), &value, &err) < 0)
            complain(L, place, &err);
    } else if (type != LUA_TNIL) {
        if (!lua_isinteger(L, -1))
            luaL_error(L, "%s: want a whole number", place);
        value = lua_tointeger(L, -1);
    }
    if (type != LUA_TNIL && (value < 1 || value > (int64_t)1 << 40))
        luaL_error(L, "%s: want 1 to 1099511627776", place);
    lua_pop(L, 1);
    return value;
}

/* --- permissions --- */

static void read_pattern(lua_State *L, int index, const char *where,
                         const char *name, struct pattern *out)
{
    struct err err = {0};
    char place[WHERE_MAX + 64];
    int type = lua_getfield(L, index, name);

    (void)snprintf(place, sizeof place, "%s.%s", where, name);
    if (type != LUA_TNIL && type != LUA_TSTRING)
        luaL_error(L, "%s: want a text", place);
    if (type == LUA_TSTRING && *lua_tostring(L, -1) == '\0')
        luaL_error(L, "%s: empty; '*' is any", place);
    if (pattern_parse(out, lua_tostring(L, -1), &err) < 0)
        complain(L, place, &err);
    lua_pop(L, 1);
}

static void read_rule(lua_State *L, int index, const char *where,
                      struct rule *out)
{
    static const char *const known[] = {"actions",     "cluster", "role",
                                        "environment", "job",     NULL};
    struct err err = {0};

    *out = (struct rule){0};
    want_table(L, index, where);
    check_names(L, index, where, known);
    lua_Integer count = push_texts(L, index, where, "actions");
    for (lua_Integer i = 1; i <= count; i++) {
        if (action_set_parse(&out->actions, text_at(L, i, where, "actions"),
                             &err) < 0)
            complain(L, where, &err);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    if (count == 0)
        luaL_error(L, "%s.actions: missing", where);
    read_pattern(L, index, where, "cluster", &out->part[0]);
    read_pattern(L, index, where, "role", &out->part[1]);
    read_pattern(L, index, where, "environment", &out->part[2]);
    read_pattern(L, index, where, "job", &out->part[3]);
}

/* One permission, or a list of them, is on top. */
static lua_Integer rule_count(lua_State *L, const char *where)
{
    want_table(L, -1, where);
    int type = lua_getfield(L, -1, "actions");
    lua_pop(L, 1);
    return type != LUA_TNIL ? 0 : (lua_Integer)lua_rawlen(L, -1);
}

typedef void keep_rule(lua_State *L, void *context, const char *where,
                       const struct rule *rule);

static void read_rules(lua_State *L, const char *where, keep_rule *keep,
                       void *context)
{
    lua_Integer count = rule_count(L, where);
    struct rule rule;
    char place[WHERE_MAX + 32];

    if (count > USER_RULES_MAX)
        luaL_error(L, "%s: want at most %d permissions", where, USER_RULES_MAX);
    if (count == 0) {
        lua_pushnil(L);
        bool is_empty = lua_next(L, -2) == 0;
        lua_settop(L, is_empty ? lua_gettop(L) : lua_gettop(L) - 2);
        if (is_empty)
            return;
        read_rule(L, lua_gettop(L), where, &rule);
        keep(L, context, where, &rule);
        return;
    }
    for (lua_Integer i = 1; i <= count; i++) {
        (void)snprintf(place, sizeof place, "%s[%lld]", where, (long long)i);
        lua_rawgeti(L, -1, i);
        read_rule(L, lua_gettop(L), place, &rule);
        lua_pop(L, 1);
        keep(L, context, place, &rule);
    }
}

static void keep_of_role(lua_State *L, void *context, const char *where,
                         const struct rule *rule)
{
    struct role *role = context;

    (void)L;
    (void)where;
    *vec_add(&role->rules) = *rule;
}

static void keep_of_user(lua_State *L, void *context, const char *where,
                         const struct rule *rule)
{
    struct err err = {0};

    if (user_add_rule(context, rule, &err) < 0)
        complain(L, where, &err);
}

/* Names of the table on top, in order, become the list on top. */
static lua_Integer push_names(lua_State *L, const char *where)
{
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "%s: want names, got a %s", where,
                       luaL_typename(L, -2));
    library_push_keys(L, lua_gettop(L));
    return (lua_Integer)lua_rawlen(L, -1);
}

/* stack: ... roles names */
static void read_role(lua_State *L, struct reading *r, const char *name)
{
    char where[WHERE_MAX];

    if (strlen(name) >= USER_NAME_MAX || r->roles.count >= ROLES_MAX)
        luaL_error(L,
                   "roles: want at most %d, with names of at most %d "
                   "characters",
                   ROLES_MAX, USER_NAME_MAX - 1);
    struct role *role = vec_add(&r->roles);
    memset(role, 0, sizeof *role);
    (void)snprintf(role->name, sizeof role->name, "%s", name);
    (void)snprintf(where, sizeof where, "roles.%s", name);
    lua_getfield(L, -3, name); /* below: names, name */
    read_rules(L, where, keep_of_role, role);
    lua_pop(L, 1);
}

static const struct role *find_role(const struct reading *r, const char *name)
{
    for (uint32_t i = 0; i < r->roles.count; i++)
        if (strcmp(r->roles.item[i].name, name) == 0)
            return &r->roles.item[i];
    return NULL;
}

/* --- users --- */

static void add_secrets(lua_State *L, int index, const char *where,
                        const char *name, enum secret_kind kind,
                        struct user *user)
{
    struct err err = {0};
    lua_Integer count = push_texts(L, index, where, name);

    for (lua_Integer i = 1; i <= count; i++) {
        const char *text = text_at(L, i, where, name);
        if (kind == SECRET_PASSWORD && !secret_hash_is_ours(text))
            luaL_error(L,
                       "%s.%s: want a hash, as `clusterctl user hash` makes it",
                       where, name);
        if (kind == SECRET_TOKEN && !secret_token_hash_is_ours(text))
            luaL_error(L,
                       "%s.%s: want the hash of a token, as `clusterctl user "
                       "token` makes it",
                       where, name);
        if (user_add_secret(user, kind, text, &err) < 0)
            complain(L, where, &err);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static void add_roles(lua_State *L, int index, const char *where,
                      const struct reading *r, struct user *user)
{
    lua_Integer count = push_texts(L, index, where, "roles");

    for (lua_Integer i = 1; i <= count; i++) {
        const char *name = text_at(L, i, where, "roles");
        const struct role *role = find_role(r, name);
        if (!role) {
            luaL_error(L, "%s.roles: no role '%s' stands in this file", where,
                       name);
            return; /* never reached */
        }
        for (uint32_t k = 0; k < role->rules.count; k++)
            keep_of_user(L, user, where, &role->rules.item[k]);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static void read_limits(lua_State *L, int index, const char *user_where,
                        struct user_limits *out)
{
    static const char *const known[] = {"requests_per_second", "jobs", "tasks",
                                        "bundle_bytes", NULL};
    char where[WHERE_MAX + 16];

    if (lua_getfield(L, index, "limits") != LUA_TNIL) {
        int at = lua_gettop(L);
        (void)snprintf(where, sizeof where, "%s.limits", user_where);
        want_table(L, at, where);
        check_names(L, at, where, known);
        out->requests_per_second =
            number_of(L, at, where, "requests_per_second");
        out->jobs = number_of(L, at, where, "jobs");
        out->tasks = number_of(L, at, where, "tasks");
        out->bundle_bytes = number_of(L, at, where, "bundle_bytes");
    }
    lua_pop(L, 1);
}

/* stack: ... users names name */
static void read_user(lua_State *L, struct reading *r, const char *name)
{
    static const char *const known[] = {"password", "token",  "certificate",
                                        "roles",    "limits", "permissions",
                                        NULL};
    struct user *user;
    struct err err = {0};
    char where[WHERE_MAX], place[WHERE_MAX + 16];

    (void)snprintf(where, sizeof where, "users.%.100s", name);
    if (users_add(r->users, name, &user, &err) < 0)
        complain(L, "users", &err);
    lua_getfield(L, -3, name);
    int at = lua_gettop(L);
    want_table(L, at, where);
    check_names(L, at, where, known);
    add_secrets(L, at, where, "password", SECRET_PASSWORD, user);
    add_secrets(L, at, where, "token", SECRET_TOKEN, user);
    add_secrets(L, at, where, "certificate", SECRET_CERTIFICATE, user);
    add_roles(L, at, where, r, user);
    read_limits(L, at, where, &user->limits);
    if (lua_getfield(L, at, "permissions") != LUA_TNIL) {
        (void)snprintf(place, sizeof place, "%s.permissions", where);
        read_rules(L, place, keep_of_user, user);
    }
    lua_settop(L, at - 1);
}

/* --- the file --- */

typedef void read_one(lua_State *L, struct reading *r, const char *name);

static void read_all(lua_State *L, struct reading *r, const char *what,
                     read_one *one)
{
    lua_pushstring(L, what);
    if (lua_rawget(L, 2) == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    want_table(L, -1, what);
    lua_Integer count = push_names(L, what);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, -1, i);
        one(L, r, lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
}

/* A file that assigns another name misspelt one: everybody would be denied. */
static void check_assigned(lua_State *L, const char *const *known,
                           const char *must)
{
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        const char *name = lua_tostring(L, -2);
        bool is_known = false;
        for (const char *const *k = known; *k; k++)
            is_known |= strcmp(*k, name) == 0;
        if (!is_known)
            luaL_error(L, "line %d: '%s' means nothing here; want %s",
                       (int)lua_tointeger(L, -1), name, must);
    }
    lua_pushstring(L, must);
    if (lua_rawget(L, 2) == LUA_TNIL)
        luaL_error(L, "%s: missing", must);
    lua_pop(L, 1);
}

/* lines, names, light userdata -> nothing */
static int read_security(lua_State *L)
{
    static const char *const known[] = {"users", "roles", NULL};
    struct reading *r = lua_touserdata(L, 3);

    check_assigned(L, known, "users");
    read_all(L, r, "roles", read_role);
    read_all(L, r, "users", read_user);
    return 0;
}

/* Who may write the file may do everything. */
static int check_mode(const char *path, struct err *err)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return err_set(err, ERR_NOT_FOUND, "'%s' cannot be read: %s", path,
                       strerror(errno));
    if (!(st.st_mode & (S_IWGRP | S_IWOTH)))
        return 0;
    (void)err_set(err, ERR_DENIED, "'%s' may be written by others", path);
    err_hint(err, "chmod go-w %s", path);
    return -ERR_DENIED;
}

int security_file_load(const char *path, struct users **out, struct err *err)
{
    struct reading r = {.users = users_new()};
    int rc = check_mode(path, err);

    if (rc == 0)
        rc = config_file_read(path, read_security, &r, err);
    if (rc == 0) {
        rc = users_seal(r.users, err);
        if (rc < 0)
            (void)err_wrap(err, "%s", path);
    }
    for (uint32_t i = 0; i < r.roles.count; i++)
        vec_free(&r.roles.item[i].rules);
    vec_free(&r.roles);
    if (rc < 0)
        users_unref(r.users);
    else
        *out = r.users;
    return rc;
}

/* --- roles.lua --- */

static bool is_os_user(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

    return *name && *name != '-' && strlen(name) < OS_USER_MAX &&
           name[strspn(name, letters)] == '\0';
}

/* lines, names, light userdata -> nothing */
static int read_roles(lua_State *L)
{
    static const char *const top[] = {"roles", NULL};
    static const char *const known[] = {"user", NULL};
    struct os_users *out = lua_touserdata(L, 3);

    check_assigned(L, top, "roles");
    lua_getfield(L, 2, "roles");
    want_table(L, -1, "roles");
    lua_Integer count = push_names(L, "roles");
    if (count > OS_USERS_MAX)
        luaL_error(L, "roles: want at most %d", OS_USERS_MAX);
    for (lua_Integer i = 1; i <= count; i++) {
        char where[WHERE_MAX];
        lua_rawgeti(L, -1, i);
        const char *role = lua_tostring(L, -1);
        (void)snprintf(where, sizeof where, "roles.%.100s", role);
        if (!job_key_part_ok(role))
            luaL_error(L, "%s: no role can have this name", where);
        lua_getfield(L, -3, role);
        want_table(L, -1, where);
        check_names(L, lua_gettop(L), where, known);
        lua_getfield(L, -1, "user");
        if (lua_type(L, -1) != LUA_TSTRING || !is_os_user(lua_tostring(L, -1)))
            luaL_error(L, "%s.user: want the name of an operating-system user",
                       where);
        struct os_user *one = vec_add(&out->by_role);
        (void)snprintf(one->role, sizeof one->role, "%s", role);
        (void)snprintf(one->user, sizeof one->user, "%s", lua_tostring(L, -1));
        lua_pop(L, 3);
    }
    return 0;
}

static int by_role(const void *x, const void *y)
{
    return strcmp(((const struct os_user *)x)->role,
                  ((const struct os_user *)y)->role);
}

int roles_file_load(const char *path, struct os_users *out, struct err *err)
{
    int rc = check_mode(path, err);

    *out = (struct os_users){0};
    if (rc == 0)
        rc = config_file_read(path, read_roles, out, err);
    if (rc < 0)
        vec_free(&out->by_role);
    else if (out->by_role.count > 0)
        qsort(out->by_role.item, out->by_role.count, sizeof *out->by_role.item,
              by_role);
    return rc;
}

const char *os_user_of(const struct os_users *users, const char *role)
{
    struct os_user key;

    if (users->by_role.count == 0 || strlen(role) >= sizeof key.role)
        return NULL;
    (void)snprintf(key.role, sizeof key.role, "%s", role);
    const struct os_user *found =
        bsearch(&key, users->by_role.item, users->by_role.count,
                sizeof *users->by_role.item, by_role);
    return found ? found->user : NULL;
}
