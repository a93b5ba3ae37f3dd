#include "script/security_file.h"

#include "base/text.h"
#include "script/library.h"
#include "script/object_file.h"
#include "script/value.h"
#include "sys/secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The fields, their types and rules stand in lua/stdlib/schema; here is what
 * they come to, and what no field can tell by itself. */

enum { ROLES_MAX = 1000, PATH_MAX_SHOWN = 160, MESSAGE_MAX = 300 };

struct reading {
    lua_State *L;
    struct value *file; /* what mistakes are told of */
    struct users *users;
    int roles; /* index of the plain table of roles, or of nil */
};

/* A mistake at a path from a name that the file assigns. */
static void complain(struct reading *r, const char *path, const char *message,
                     const char *expected, const char *nearest)
{
    value_problem(r->L, r->file, path, message, expected, nearest);
}

/* Push the field's list; how many elements it has, 0 when it is unset. */
static int push_list(lua_State *L, int index, const char *name)
{
    (void)lua_getfield(L, index, name);
    const struct value *list = value_at(L, -1);

    return list ? (int)list->count : 0;
}

/* Push the plain table in the field's map, or nil. */
static bool push_map(lua_State *L, int index, const char *name)
{
    if (lua_getfield(L, index, name) == LUA_TNIL)
        return false;
    lua_getiuservalue(L, -1, 1);
    lua_remove(L, -2);
    return true;
}

/* --- permissions --- */

/* The Permission on top. */
static void read_rule(lua_State *L, struct rule *out)
{
    static const char *const part[OBJECT_PARTS] = {"cluster", "role",
                                                   "environment", "job"};
    int at = lua_gettop(L), count = push_list(L, at, "actions");

    *out = (struct rule){0};
    for (int i = 1; i <= count; i++) {
        lua_getiuservalue(L, at + 1, i);
        (void)action_set_parse(&out->actions, lua_tostring(L, -1), NULL);
        lua_pop(L, 1);
    }
    for (int i = 0; i < OBJECT_PARTS; i++) {
        lua_getfield(L, at, part[i]);
        (void)pattern_parse(&out->part[i], lua_tostring(L, -1), NULL);
        lua_pop(L, 1);
    }
    lua_settop(L, at);
}

/* Those of the list on top are the user's. */
static void add_rules(struct reading *r, struct user *user, const char *path)
{
    lua_State *L = r->L;
    const struct value *list = value_at(L, -1);
    struct err err = {0};
    struct rule rule;
    int at = lua_gettop(L);

    for (uint32_t i = 1; list && i <= list->count && !err.code; i++) {
        lua_getiuservalue(L, at, (int)i);
        read_rule(L, &rule);
        (void)user_add_rule(user, &rule, &err);
        lua_settop(L, at);
    }
    if (err.code)
        complain(r, path, err.text, NULL, NULL);
}

/* --- users --- */

static void no_such_role(struct reading *r, const char *path, const char *name)
{
    lua_State *L = r->L;
    const char *known[ROLES_MAX + 1];
    char message[MESSAGE_MAX];
    size_t count = 0;

    if (lua_istable(L, r->roles))
        for (lua_pushnil(L); lua_next(L, r->roles); lua_pop(L, 1))
            if (count < ROLES_MAX)
                known[count++] = lua_tostring(L, -2);
    known[count] = NULL;
    (void)snprintf(message, sizeof message, "'%.60s' is no role of this file",
                   name);
    complain(r, path, message, NULL, text_nearest(name, known));
}

static void add_roles(struct reading *r, int index, const char *where,
                      struct user *user)
{
    lua_State *L = r->L;
    char path[PATH_MAX_SHOWN + 16];
    int count = push_list(L, index, "roles"), at = lua_gettop(L);

    (void)snprintf(path, sizeof path, "%s.roles", where);
    for (int i = 1; i <= count; i++) {
        lua_getiuservalue(L, at, i);
        const char *name = lua_tostring(L, -1);
        bool is_known = lua_istable(L, r->roles) &&
                        lua_getfield(L, r->roles, name) != LUA_TNIL;
        if (is_known)
            add_rules(r, user, path);
        else
            no_such_role(r, path, name);
        lua_settop(L, at);
    }
    lua_settop(L, at - 1);
}

static const char *wrong_hash(enum secret_kind kind, const char *text)
{
    if (kind == SECRET_PASSWORD && !secret_hash_is_ours(text))
        return "want a hash, as `clusterctl user hash` prints it";
    if (kind == SECRET_TOKEN && !secret_token_hash_is_ours(text))
        return "want the hash of a token, as `clusterctl user token` prints it";
    return NULL;
}

static void add_secrets(struct reading *r, int index, const char *where,
                        const char *name, enum secret_kind kind,
                        struct user *user)
{
    lua_State *L = r->L;
    char path[PATH_MAX_SHOWN + 16], message[MESSAGE_MAX];
    int count = push_list(L, index, name), at = lua_gettop(L);

    (void)snprintf(path, sizeof path, "%s.%s", where, name);
    for (int i = 1; i <= count; i++) {
        struct err err = {0};
        lua_getiuservalue(L, at, i);
        const char *text = lua_tostring(L, -1);
        const char *expected = wrong_hash(kind, text);
        (void)snprintf(message, sizeof message, "'%s' is no hash", name);
        if (expected)
            complain(r, path, message, expected, NULL);
        else if (user_add_secret(user, kind, text, &err) < 0)
            complain(r, path, err.text, NULL, NULL);
        lua_settop(L, at);
    }
    lua_settop(L, at - 1);
}

static int64_t limit_of(lua_State *L, const char *name)
{
    lua_getfield(L, -1, name);
    int64_t value = lua_tointeger(L, -1);
    lua_pop(L, 1);
    return value;
}

static void read_limits(lua_State *L, int index, struct user_limits *out)
{
    if (lua_getfield(L, index, "limits") != LUA_TNIL)
        *out = (struct user_limits){
            .requests_per_second = limit_of(L, "requests_per_second"),
            .jobs = limit_of(L, "jobs"),
            .tasks = limit_of(L, "tasks"),
            .bundle_bytes = limit_of(L, "bundle_bytes")};
    lua_pop(L, 1);
}

/* The SecurityUser on top. */
static void read_user(struct reading *r, const char *name)
{
    lua_State *L = r->L;
    struct user *user;
    struct err err = {0};
    char where[PATH_MAX_SHOWN], path[PATH_MAX_SHOWN + 16];
    int at = lua_gettop(L);

    (void)snprintf(where, sizeof where, "users.%.100s", name);
    (void)snprintf(path, sizeof path, "%s.permissions", where);
    if (users_add(r->users, name, &user, &err) < 0) {
        complain(r, where, err.text, NULL, NULL);
        return;
    }
    add_secrets(r, at, where, "password", SECRET_PASSWORD, user);
    add_secrets(r, at, where, "token", SECRET_TOKEN, user);
    add_secrets(r, at, where, "certificate", SECRET_CERTIFICATE, user);
    add_roles(r, at, where, user);
    read_limits(L, at, &user->limits);
    lua_getfield(L, at, "permissions");
    add_rules(r, user, path);
    lua_settop(L, at);
}

/* file, light userdata -> nothing */
static int read_security(lua_State *L)
{
    struct reading *r = lua_touserdata(L, 2);
    struct err err = {0};

    luaL_checkstack(L, 32, "security file");
    r->L = L;
    r->file = value_at(L, 1);
    r->roles = 3;
    (void)push_map(L, 1, "roles");
    (void)push_map(L, 1, "users"); /* 4 */
    library_push_keys(L, 4);
    int count = (int)lua_rawlen(L, 5);
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, 5, i);
        const char *name = lua_tostring(L, 6);
        lua_getfield(L, 4, name);
        read_user(r, name);
        lua_settop(L, 5);
    }
    if (evaluation_of(L)->problems.count == 0 && users_seal(r->users, &err) < 0)
        complain(r, "users", err.text, NULL, NULL);
    return 0;
}

/* --- the file --- */

int security_file_check_mode(const char *path, struct err *err)
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

int security_file_look(struct evaluation *e, const char *path,
                       struct users **out, struct err *err)
{
    struct reading r = {.users = users_new()};
    int rc = security_file_check_mode(path, err);

    if (rc == 0)
        rc = object_file_read(e, path, "SecurityFile", read_security, &r, err);
    if (rc < 0)
        users_unref(r.users);
    else
        *out = r.users;
    return rc;
}

int security_file_load(const char *path, struct users **out, struct err *err)
{
    struct evaluation e;

    evaluation_init(&e);
    int rc = security_file_look(&e, path, out, err);
    evaluation_release(&e);
    return rc;
}

/* --- roles.lua --- */

static int by_role(const void *x, const void *y)
{
    return strcmp(((const struct os_user *)x)->role,
                  ((const struct os_user *)y)->role);
}

/* file, light userdata -> nothing */
static int read_roles(lua_State *L)
{
    struct os_users *out = lua_touserdata(L, 2);

    (void)push_map(L, 1, "roles"); /* 3 */
    for (lua_pushnil(L); lua_next(L, 3); lua_pop(L, 2)) {
        struct os_user *one = vec_add(&out->by_role);
        lua_getfield(L, -1, "user");
        (void)snprintf(one->role, sizeof one->role, "%s", lua_tostring(L, -3));
        (void)snprintf(one->user, sizeof one->user, "%s", lua_tostring(L, -1));
    }
    if (out->by_role.count > 0)
        qsort(out->by_role.item, out->by_role.count, sizeof *out->by_role.item,
              by_role);
    return 0;
}

int roles_file_look(struct evaluation *e, const char *path,
                    struct os_users *out, struct err *err)
{
    int rc = security_file_check_mode(path, err);

    *out = (struct os_users){0};
    if (rc == 0)
        rc = object_file_read(e, path, "RolesFile", read_roles, out, err);
    if (rc < 0)
        vec_free(&out->by_role);
    return rc;
}

int roles_file_load(const char *path, struct os_users *out, struct err *err)
{
    struct evaluation e;

    evaluation_init(&e);
    int rc = roles_file_look(&e, path, out, err);
    evaluation_release(&e);
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
