/* Constructors: the fields of one table, checked, into a new value. */
#include "script/convert.h"
#include "script/job_build.h"
#include "script/job_check.h"
#include <stdio.h>
#include <string.h>

enum { MESSAGE_MAX = 300, SHOWN_MAX = 60, BUILT_BYTES_MAX = 128 << 20 };

static int slot(const struct schema_object *object, const char *name)
{
    return 1 + (int)(schema_field(object, name) - object->field);
}

/* --- fetch --- */

bool convert_check_fetch(lua_State *L, struct value *self, const char *path,
                         const char *uri, const char *sha256)
{
    struct evaluation *e = evaluation_of(L);
    struct err err = {0};
    char file_path[BUNDLE_PATH_MAX], message[MESSAGE_MAX + SHOWN_MAX];
    if (strstr(uri, "://") != NULL)
        return true;
    const struct bundle_file *file = NULL;
    if (bundle_path_join(e->entry, uri, file_path, &err) == 0)
        file = bundle_files_read(&e->files, file_path, true, &err);
    if (file == NULL) {
        snprintf(message, sizeof message, "cannot fetch: %.*s", MESSAGE_MAX,
                 err.text);
        value_problem(L, self, path, message, "want a file beside the job file",
                      NULL);
        return false;
    }
    if (sha256 != NULL && strcmp(sha256, file->sha256) != 0) {
        snprintf(message, sizeof message, "'%.*s' has another sha256: %s",
                 SHOWN_MAX, uri, file->sha256);
        value_problem(L, self, "sha256", message, NULL, NULL);
        return false;
    }
    return true;
}

static void finish_fetch(lua_State *L, struct value *self, int index)
{
    lua_getiuservalue(L, index, slot(self->object, "uri"));
    lua_getiuservalue(L, index, slot(self->object, "sha256"));
    if (lua_type(L, -2) == LUA_TSTRING && !value_is_mark(L, -1))
        (void)convert_check_fetch(L, self, "uri", lua_tostring(L, -2),
                                  lua_tostring(L, -1));
    lua_pop(L, 2);
}

/* --- task --- */

struct told {
    lua_State *L;
    struct value *self;
};

static void on_problem(void *context, const char *field, const char *message,
                       const char *expected, const char *nearest)
{
    struct told *told = context;
    value_problem(told->L, told->self, field, message, expected, nearest);
}

/* One chain through all processes, in the order of the list. */
static void make_sequential(lua_State *L, struct value *self, int index)
{
    const struct schema_object *chain = schema_object("Constraint");
    int constraints = slot(self->object, "constraints");
    if (lua_getiuservalue(L, index, constraints) != LUA_TNIL) {
        value_problem(L, self, "constraints",
                      "a SequentialTask has an order already",
                      "want Task for an order of your own", NULL);
        lua_pop(L, 1);
        return;
    }
    lua_getiuservalue(L, index, slot(self->object, "processes"));
    const struct value *processes = value_at(L, -1);
    if (processes == NULL || processes->has_mark) {
        lua_pop(L, 2);
        return;
    }
    int list = lua_gettop(L);
    (void)value_push_list(L, processes->count);
    for (uint32_t i = 1; i <= processes->count; i++) {
        const struct value *process;
        lua_getiuservalue(L, list, (int)i);
        process = value_at(L, -1);
        lua_getiuservalue(L, -1, slot(process->object, "name"));
        lua_setiuservalue(L, list + 1, (int)i);
        lua_pop(L, 1);
    }
    (void)value_push(L, chain, self->site);
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, slot(chain, "order"));
    (void)value_push_list(L, 1);
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, 1);
    lua_setiuservalue(L, index, constraints);
    lua_settop(L, list - 2);
}

static void finish_task(lua_State *L, struct value *self, int index)
{
    struct evaluation *e = evaluation_of(L);
    struct told told = {L, self};
    if (self->has_mark)
        return; /* names or orders are missing: every word would be noise */
    /* The jobs will need this message too, unless thousands of tasks are made
     * that no job needs. */
    bool is_kept = e->arena.total < BUILT_BYTES_MAX;
    struct arena *arena = is_kept ? &e->arena : &e->scratch;
    arena_clear(&e->scratch);
    ProtobufCMessage *message = build_message(L, index, self->object, arena);
    task_check((const Perigee__TaskConfig *)message, on_problem, &told);
    if (is_kept && !self->has_mark)
        self->built = message;
}

/* --- job --- */

/* The name of a job is that of its task, that of a task its first process'. */
static bool push_name(lua_State *L, int index)
{
    const struct value *value = value_at(L, index);
    const struct schema_object *object = value->object;
    int top = lua_gettop(L);
    lua_getiuservalue(L, index, slot(object, "name"));
    if (lua_isnil(L, -1) && schema_field(object, "task") != NULL) {
        lua_getiuservalue(L, index, slot(object, "task"));
        if (value_at(L, -1) != NULL)
            (void)push_name(L, lua_gettop(L));
    } else if (lua_isnil(L, -1) && schema_field(object, "processes") != NULL) {
        lua_getiuservalue(L, index, slot(object, "processes"));
        const struct value *list = value_at(L, -1);
        if (list != NULL && list->count > 0) {
            lua_getiuservalue(L, -1, 1);
            if (value_at(L, -1) != NULL)
                (void)push_name(L, lua_gettop(L));
        }
    }
    if (lua_gettop(L) > top + 1)
        lua_replace(L, top + 1);
    lua_settop(L, top + 1);
    return lua_type(L, -1) == LUA_TSTRING;
}

bool value_push_name(lua_State *L, int index)
{
    return push_name(L, lua_absindex(L, index));
}

static void finish_job(lua_State *L, struct value *self, int index)
{
    struct buf expected = {0};
    char message[MESSAGE_MAX];
    const struct schema_object *object = self->object;
    lua_getiuservalue(L, index, slot(object, "production"));
    lua_getiuservalue(L, index, slot(object, "tier"));
    const char *wrong = job_tier_problem(
        lua_toboolean(L, -2) && !value_is_mark(L, -2), lua_tostring(L, -1));
    lua_pop(L, 2);
    if (wrong != NULL)
        value_problem(L, self, "tier", wrong, "want one of them", NULL);
    lua_getiuservalue(L, index, slot(object, "name"));
    bool is_given = !lua_isnil(L, -1);
    lua_pop(L, 1);
    if (is_given || self->has_mark)
        return;
    bool has_name = value_push_name(L, index);
    const char *name = has_name ? lua_tostring(L, -1) : "";
    if (!schema_check_text(schema_field(object, "name"), name, strlen(name),
                           &expected)) {
        snprintf(message, sizeof message,
                 "the task's name '%.*s' cannot be the job's", SHOWN_MAX, name);
        value_problem(L, self, "name", message, buf_text(&expected), NULL);
        buf_release(&expected);
    }
    lua_pop(L, 1);
}

/* --- fields --- */

static void unknown_field(lua_State *L, struct value *self, const char *name)
{
    char message[MESSAGE_MAX], field[SHOWN_MAX + 1];
    snprintf(field, sizeof field, "%s", name);
    snprintf(message, sizeof message, "unknown field '%s'", field);
    value_problem(L, self, field, message, NULL,
                  schema_nearest(self->object, name));
}

/* key and value are on top of the stack. */
static void set_field(lua_State *L, struct value *self, int index)
{
    char message[MESSAGE_MAX];
    int given = lua_gettop(L);
    if (lua_type(L, given - 1) != LUA_TSTRING) {
        snprintf(message, sizeof message, "a %s without a name",
                 value_type_name(L, given));
        value_problem(L, self, "", message, "want name = value", NULL);
        return;
    }
    int at = value_field(L, self->object, given - 1);
    if (at < 0) {
        unknown_field(L, self, lua_tostring(L, given - 1));
        return;
    }
    if (value_is_unset(L, given)) {
        lua_pushnil(L);
    } else {
        const char *path = lua_tostring(L, given - 1);
        (void)value_convert(L, self, given, &self->object->field[at], path);
    }
    if ((size_t)at < self->object->stored_count)
        lua_setiuservalue(L, index, at + 1);
}

static void set_name(lua_State *L, struct value *self, int given)
{
    lua_pushstring(L, "name");
    lua_rawget(L, given);
    if (lua_type(L, -1) == LUA_TSTRING)
        self->name = lua_tostring(L, -1); /* the table keeps it alive */
    lua_pop(L, 1);
}

static void check_required(lua_State *L, struct value *self, int index)
{
    const struct schema_object *object = self->object;
    for (size_t i = 0; i < object->stored_count; i++) {
        const struct schema_field *field = &object->field[i];
        if (!field->is_required)
            continue;
        bool is_set = lua_getiuservalue(L, index, (int)i + 1) != LUA_TNIL;
        lua_pop(L, 1);
        if (is_set)
            continue;
        struct buf expected = {0};
        char message[MESSAGE_MAX];
        snprintf(message, sizeof message, "missing field '%s'", field->name);
        schema_describe(field, &expected);
        value_problem(L, self, field->name, message, buf_text(&expected), NULL);
        buf_release(&expected);
        value_push_mark(L);
        lua_setiuservalue(L, index, (int)i + 1);
    }
}

static void check_whole(lua_State *L, struct value *self, int index)
{
    switch (self->object->check) {
    case CHECK_FETCH:
        finish_fetch(L, self, index);
        break;
    case CHECK_TASK:
        finish_task(L, self, index);
        break;
    case CHECK_JOB:
        finish_job(L, self, index);
        break;
    case CHECK_NONE:
        break;
    }
}

void value_construct(lua_State *L, int given,
                     const struct schema_constructor *constructor)
{
    int index = lua_gettop(L);
    struct value *self = value_at(L, index);
    if (given != 0) {
        set_name(L, self, given);
        lua_pushnil(L);
        while (lua_next(L, given) != 0) {
            set_field(L, self, index);
            lua_settop(L, index + 1);
        }
    }
    if (constructor != NULL && (constructor->flags & CONSTRUCT_SERVICE)) {
        int service = slot(self->object, "service");
        if (lua_getiuservalue(L, index, service) == LUA_TNIL) {
            lua_pushboolean(L, true);
            lua_setiuservalue(L, index, service);
        }
        lua_pop(L, 1);
    }
    if (constructor != NULL && (constructor->flags & CONSTRUCT_SEQUENTIAL))
        make_sequential(L, self, index);
    check_required(L, self, index);
    check_whole(L, self, index);
    self->name = NULL; /* from here on the field says it */
}

/* --- copies --- */

int value_copy(lua_State *L)
{
    const struct value *from = value_at(L, 1);
    if (from->kind != VALUE_OBJECT)
        return luaL_error(L, "a %s cannot be called", value_type_name(L, 1));
    if (!lua_istable(L, 2) || lua_gettop(L) != 2)
        return luaL_error(L, "a copy of a %s: want one table of changes",
                          from->object->name);
    struct value *copy =
        value_push(L, from->object, evaluation_site(evaluation_of(L), ""));
    copy->has_mark = from->has_mark;
    copy->problem = from->problem;
    for (size_t i = 0; i < from->object->stored_count; i++) {
        lua_getiuservalue(L, 1, (int)i + 1);
        lua_setiuservalue(L, 3, (int)i + 1);
    }
    value_construct(L, 2, NULL);
    return 1;
}
