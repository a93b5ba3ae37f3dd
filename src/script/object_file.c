#include "script/object_file.h"
#include "script/config_file.h"
#include "script/library.h"
#include "script/value.h"
#include "sys/file.h"
#include <string.h>

struct reading {
    const struct schema_object *object;
    lua_CFunction read;
    void *context;
};

/* The names that the file assigned, as one plain table. */
static void push_given(lua_State *L, int lines, int environment)
{
    lua_newtable(L);
    lua_pushnil(L);
    while (lua_next(L, lines) != 0) {
        lua_pop(L, 1);
        lua_pushvalue(L, -1);
        lua_pushvalue(L, -1);
        lua_rawget(L, environment); /* given name name value */
        lua_rawset(L, -4);
    }
}

/* lines, environment, light userdata -> nothing */
static int construct(lua_State *L)
{
    const struct reading *reading = lua_touserdata(L, 3);
    struct evaluation *e = evaluation_of(L);
    struct call_site site = {.file = 1, .constructor = "", .is_global = true};
    value_open(L);
    push_given(L, 1, 2);
    (void)value_push(L, reading->object, site);
    value_construct(L, 4, NULL);
    if (e->problems.count > 0)
        return 0;
    lua_pushcfunction(L, reading->read);
    lua_insert(L, -2);
    lua_pushlightuserdata(L, reading->context);
    lua_call(L, 2, 0);
    return 0;
}

static int tell_first(struct evaluation *e, const char *path, struct err *err)
{
    Perigee__Evaluation told = PERIGEE__EVALUATION__INIT;
    struct buf line = {0};
    problems_pack(e, &told);
    const char *field = told.problems[0]->field;
    script_print_problem(told.problems[0], &line);
    if (field != NULL && strchr(field, '.') != NULL)
        buf_addf(&line, " (%s)", field);
    if (told.problems[0]->file == NULL)
        (void)err_set(err, ERR_INVALID, "%s: %s", path, buf_text(&line));
    else
        (void)err_set(err, ERR_INVALID, "%s", buf_text(&line));
    err_field(err, "%s", field != NULL ? field : "");
    err_hint(err, "clusterctl security check shows all %zu of its mistakes",
             told.n_problems);
    buf_release(&line);
    return -ERR_INVALID;
}

int object_file_read(struct evaluation *e, const char *path, const char *object,
                     lua_CFunction read, void *context, struct err *err)
{
    struct reading reading = {schema_object(object), read, context};
    struct sandbox_failure failure = {0};
    struct buf text = {0};
    if (file_read(path, CONFIG_FILE_BYTES_MAX, &text, err) < 0) {
        buf_release(&text);
        return err_wrap(err, "configuration");
    }
    struct bundle_file *file = bundle_files_take(&e->files, path, &text);
    int rc = sandbox_open(&e->sandbox, CONFIG_FILE_MEMORY_MAX, err);
    if (rc < 0)
        return rc;
    e->sandbox.owner = e;
    e->is_guarded = true;
    rc = config_file_execute(&e->sandbox, path, buf_bytes(&file->text),
                             &failure);
    if (rc == 0) {
        problem_add_twice(e, file);
        lua_pushcfunction(e->sandbox.L, construct);
        lua_insert(e->sandbox.L, 1);
        lua_pushlightuserdata(e->sandbox.L, &reading);
        rc = sandbox_call(&e->sandbox, 3, 0, &failure);
    }
    if (rc < 0)
        problem_add_failure(e, &failure);
    return e->problems.count > 0 ? tell_first(e, path, err) : 0;
}
