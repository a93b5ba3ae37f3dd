/* require "dir.name" and import "path/file.lua". Each file runs once and in an
 * environment of its own; nothing outside the root can be reached. */
#include "base/text.h"
#include "script/language.h"
#include "script/library.h"
#include "script/stdlib.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Registry keys: what files gave, by path; a light userdata while one runs. */
static const char LOADED = 0, RUNNING = 0;

enum { STDLIB_TEXT_MAX = 1 << 20 };

/* The stack holds the chunk's environment and the chunk; leave its result. */
static void run_chunk(lua_State *L)
{
    lua_call(L, 0, 1); /* environment result */
    if (!lua_isnil(L, -1)) {
        lua_remove(L, -2);
        return;
    }
    lua_pop(L, 1);
    library_freeze(L, "another file's names");
}

void module_load(lua_State *L, struct bundle_file *file)
{
    struct evaluation *e = evaluation_of(L);
    struct sandbox_failure failure;
    sandbox_push_environment(L);
    if (sandbox_load(&e->sandbox, file->path, buf_text(&file->text),
                     file->text.size, &failure) < 0) {
        problem_add_failure(e, &failure);
        e->is_told = true;
        luaL_error(L, "'%s' cannot be read", file->path);
    }
    problem_add_twice(e, file);
}

/* --- circles --- */

enum { KEY_MAX = 300 };
static const char STDLIB_CHUNK[] = "=stdlib/", STDLIB_KEY[] = "stdlib:";

/* What the file that the code in `frame` stands in is kept under; false for C.
 * Not only main chunks count: one that ends in a tail call is gone. */
static bool frame_key(lua_State *L, lua_Debug *frame, char key[KEY_MAX])
{
    enum { PREFIX = sizeof STDLIB_CHUNK - 1 };
    if (lua_getinfo(L, "S", frame) == 0 || *frame->what == 'C')
        return false;
    if (strncmp(frame->source, STDLIB_CHUNK, PREFIX) != 0) {
        snprintf(key, KEY_MAX, "%s", frame->source + 1);
        return true;
    }
    snprintf(key, KEY_MAX, "%s%s", STDLIB_KEY, frame->source + PREFIX);
    char *end = strrchr(key, '.'); /* of ".lua" */
    if (end != NULL)
        *end = '\0';
    for (char *c = key; *c != '\0'; c++)
        *c = *c == '/' ? '.' : *c;
    return true;
}

/* Push "a.lua -> b.lua -> a.lua": how the file kept under `name` came to need
 * itself. Pushes nothing and is false when it does not run: then it ended with
 * an error earlier. */
static bool push_circle(lua_State *L, const char *name)
{
    lua_Debug frame;
    char key[KEY_MAX], last[KEY_MAX];
    int level = 0;
    for (bool is_found = false; !is_found; level++) {
        if (!lua_getstack(L, level, &frame))
            return false;
        is_found = frame_key(L, &frame, key) && strcmp(key, name) == 0;
    }
    lua_pushstring(L, name);
    snprintf(last, sizeof last, "%s", name);
    for (level -= 2; level >= 0; level--) {
        if (!lua_getstack(L, level, &frame) || !frame_key(L, &frame, key) ||
            strcmp(key, last) == 0)
            continue;
        lua_pushfstring(L, "%s -> %s", lua_tostring(L, -1), key);
        lua_remove(L, -2);
        memcpy(last, key, sizeof last);
    }
    lua_pushfstring(L, "%s -> %s", lua_tostring(L, -1), name);
    lua_remove(L, -2);
    return true;
}

static void refuse_running(lua_State *L, const char *name)
{
    if (push_circle(L, name))
        luaL_error(L, "'%s' needs itself: %s", name, lua_tostring(L, -1));
    luaL_error(L, "'%s' ended with an error when it was needed before", name);
}

/* What is kept under `name`; false when it must be run, and then it counts as
 * running. */
static bool push_loaded(lua_State *L, const char *name)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &LOADED);
    lua_getfield(L, -1, name);
    if (lua_touserdata(L, -1) == &RUNNING)
        refuse_running(L, name);
    if (!lua_isnil(L, -1)) {
        lua_remove(L, -2);
        return true;
    }
    lua_pushlightuserdata(L, (void *)(uintptr_t)&RUNNING);
    lua_setfield(L, -3, name);
    lua_pop(L, 2);
    return false;
}

static void keep_loaded(lua_State *L, const char *name)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &LOADED);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

static void load_file(lua_State *L, struct bundle_file *file)
{
    if (push_loaded(L, file->path))
        return;
    module_load(L, file);
    run_chunk(L);
    keep_loaded(L, file->path);
}

/* --- the stdlib --- */

/* PERIGEE_STDLIB names a folder whose text goes before what is built in: for
 * work on the stdlib itself. */
static bool load_override(lua_State *L, const char *name)
{
    const char *folder = getenv("PERIGEE_STDLIB");
    char path[512], chunk[KEY_MAX];
    if (folder == NULL || *folder == '\0')
        return false;
    int used = snprintf(path, sizeof path, "%s/", folder);
    snprintf(path + used, sizeof path - (size_t)used, "%s.lua", name);
    for (char *c = path + used; c < path + strlen(path) - 4; c++)
        *c = *c == '.' ? '/' : *c;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    char *text = lua_newuserdatauv(L, STDLIB_TEXT_MAX, 0);
    size_t size = fread(text, 1, STDLIB_TEXT_MAX, file);
    fclose(file);
    snprintf(chunk, sizeof chunk, "%s%s.lua", STDLIB_CHUNK, name);
    if (luaL_loadbufferx(L, text, size, chunk, "t") != LUA_OK)
        lua_error(L);
    lua_remove(L, -2);
    return true;
}

static void load_code(lua_State *L, const char *name, const void *code,
                      size_t size)
{
    if (luaL_loadbufferx(L, code, size, name, "b") != LUA_OK)
        lua_error(L);
}

/* A release that a scheduler kept of a program like this one. */
static bool load_kept(lua_State *L, const Perigee__Release *release,
                      const char *name)
{
    for (size_t i = 0; i < release->n_modules; i++) {
        const Perigee__ReleaseModule *module = release->modules[i];
        if (module->name == NULL || strcmp(module->name, name) != 0)
            continue;
        load_code(L, name, module->code.data, module->code.len);
        return true;
    }
    return false;
}

static bool load_builtin(lua_State *L, const char *name)
{
    const Perigee__Release *kept = evaluation_of(L)->stdlib;
    if (kept != NULL)
        return load_kept(L, kept, name);
    for (const struct stdlib_module *module = STDLIB; module->name; module++) {
        if (strcmp(module->name, name) != 0)
            continue;
        load_code(L, name, module->code, module->size);
        return true;
    }
    return false;
}

static int l_stdlib_call(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* Functions of the stdlib are called through C: a file that ends in
 * `return template { ... }` would be gone from the stack by that tail call, and
 * problems would have no line. */
static void wrap_functions(lua_State *L)
{
    if (lua_type(L, -1) == LUA_TFUNCTION) {
        lua_pushcclosure(L, l_stdlib_call, 1);
        return;
    }
    if (!lua_istable(L, -1))
        return;
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        bool is_function = lua_type(L, -1) == LUA_TFUNCTION;
        lua_pushvalue(L, -2); /* table key value key */
        lua_insert(L, -2);
        if (is_function) {
            lua_pushcclosure(L, l_stdlib_call, 1);
            lua_rawset(L, -4);
        } else {
            lua_pop(L, 2);
        }
    }
}

bool module_push_stdlib(lua_State *L, const char *name)
{
    char key[KEY_MAX];
    snprintf(key, sizeof key, "%s%s", STDLIB_KEY, name);
    if (push_loaded(L, key))
        return true;
    sandbox_push_environment(L);
    if (!load_override(L, name) && !load_builtin(L, name)) {
        lua_pop(L, 1);
        lua_pushnil(L);
        keep_loaded(L, key);
        lua_pop(L, 1);
        return false;
    }
    lua_pushvalue(L, -2);
    lua_setupvalue(L, -2, 1);
    run_chunk(L);
    wrap_functions(L);
    if (lua_istable(L, -1))
        library_freeze(L, name);
    keep_loaded(L, key);
    return true;
}

/* --- functions --- */

/* "dir.name" -> "dir/name.lua" beside the job file */
static struct bundle_file *find_required(struct evaluation *e, const char *name)
{
    char relative[BUNDLE_PATH_MAX], path[BUNDLE_PATH_MAX];
    struct err err = {0};
    if (snprintf(relative, sizeof relative, "%s.lua", name) >=
        (int)sizeof relative)
        return NULL;
    for (char *c = relative; c < relative + strlen(name); c++)
        *c = *c == '.' ? '/' : *c;
    if (bundle_path_join(e->entry, relative, path, &err) < 0)
        return NULL;
    struct bundle_file *file = bundle_files_read(&e->files, path, false, &err);
    if (file == NULL && err.code != ERR_NOT_FOUND)
        luaL_error(e->sandbox.L, "require: %s", err.text);
    return file;
}

/* The nearest module of the stdlib that files are meant to use, or NULL. */
static const char *nearest_module(const char *name)
{
    enum { MODULES_MAX = 255 };
    static const char SCHEMA_PREFIX[] = "schema.";
    const char *names[MODULES_MAX + 1];
    size_t count = 0;
    for (const struct stdlib_module *module = STDLIB;
         module->name != NULL && count < MODULES_MAX; module++)
        if (strncmp(module->name, SCHEMA_PREFIX, sizeof SCHEMA_PREFIX - 1) != 0)
            names[count++] = module->name;
    names[count] = NULL;
    return text_nearest(name, names);
}

static int refuse_unknown(lua_State *L, const char *name)
{
    const char *nearest = nearest_module(name);
    lua_pushfstring(L, "require: no '%s' beside the job file or in the stdlib",
                    name);
    if (nearest != NULL)
        lua_pushfstring(L, ", did you mean '%s'?", nearest);
    else
        lua_pushliteral(L, "");
    return luaL_error(L, "%s%s", lua_tostring(L, -2), lua_tostring(L, -1));
}

static int l_require(lua_State *L)
{
    struct evaluation *e = evaluation_of(L);
    evaluation_check_running(L, "require");
    const char *name = luaL_checkstring(L, 1);
    struct bundle_file *file = find_required(e, name);
    if (file != NULL)
        load_file(L, file);
    else if (!module_push_stdlib(L, name))
        return refuse_unknown(L, name);
    return 1;
}

static int l_import(lua_State *L)
{
    struct evaluation *e = evaluation_of(L);
    evaluation_check_running(L, "import");
    const char *name = luaL_checkstring(L, 1);
    struct call_site site = evaluation_site(e, "import");
    const char *from =
        site.file > 0 ? e->files.list.item[site.file - 1]->path : e->entry;
    char path[BUNDLE_PATH_MAX];
    struct err err = {0};
    struct bundle_file *file = NULL;
    if (bundle_path_join(from, name, path, &err) == 0)
        file = bundle_files_read(&e->files, path, false, &err);
    if (file == NULL)
        return luaL_error(L, "import: %s", err.text);
    load_file(L, file);
    return 1;
}

void module_forget(lua_State *L)
{
    lua_newtable(L);
    int kept = lua_gettop(L);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &LOADED);
    lua_pushnil(L);
    while (lua_next(L, kept + 1) != 0) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        if (strncmp(lua_tostring(L, -2), "stdlib:", 7) == 0)
            lua_rawset(L, kept);
        else
            lua_pop(L, 2);
    }
    lua_settop(L, kept);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &LOADED);
}

static void add_units(lua_State *L)
{
    int language = lua_gettop(L);
    (void)module_push_stdlib(L, "units");
    static const char *const unit[] = {"KB",   "MB",   "GB",    "TB",
                                       "secs", "mins", "hours", "days"};
    for (size_t i = 0; i < sizeof unit / sizeof *unit; i++) {
        lua_getfield(L, -1, unit[i]);
        lua_setfield(L, language, unit[i]);
    }
    lua_pop(L, 1);
}

void module_open(lua_State *L)
{
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &LOADED);
    lua_pushcfunction(L, l_require);
    lua_setfield(L, -2, "require");
    lua_pushcfunction(L, l_import);
    lua_setfield(L, -2, "import");
    add_units(L);
}
