/* What must hold for the fields of one object together, once all are in. */
#include "script/convert.h"
#include "script/job_build.h"
#include "script/job_check.h"
#include <stdio.h>
#include <string.h>

enum { MESSAGE_MAX = 300, SHOWN_MAX = 60, BUILT_BYTES_MAX = 128 << 20 };

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
    lua_getiuservalue(L, index, value_slot(self->object, "uri"));
    lua_getiuservalue(L, index, value_slot(self->object, "sha256"));
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
    lua_getiuservalue(L, index, value_slot(object, "name"));
    if (lua_isnil(L, -1) && schema_field(object, "task") != NULL) {
        lua_getiuservalue(L, index, value_slot(object, "task"));
        if (value_at(L, -1) != NULL)
            (void)push_name(L, lua_gettop(L));
    } else if (lua_isnil(L, -1) && schema_field(object, "processes") != NULL) {
        lua_getiuservalue(L, index, value_slot(object, "processes"));
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
    lua_getiuservalue(L, index, value_slot(object, "production"));
    lua_getiuservalue(L, index, value_slot(object, "tier"));
    const char *wrong = job_tier_problem(
        lua_toboolean(L, -2) && !value_is_mark(L, -2), lua_tostring(L, -1));
    lua_pop(L, 2);
    if (wrong != NULL)
        value_problem(L, self, "tier", wrong, "want one of them", NULL);
    lua_getiuservalue(L, index, value_slot(object, "name"));
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
/* --- small objects --- */

static bool is_set(lua_State *L, const struct value *self, int index,
                   const char *name)
{
    int slot = value_slot(self->object, name);
    bool is_set = lua_getiuservalue(L, index, slot) != LUA_TNIL;
    lua_pop(L, 1);
    return is_set;
}

static bool is_true(lua_State *L, const struct value *self, int index,
                    const char *name)
{
    lua_getiuservalue(L, index, value_slot(self->object, name));
    bool is_true = lua_isboolean(L, -1) && lua_toboolean(L, -1);
    lua_pop(L, 1);
    return is_true;
}

/* Of some fields exactly one is wanted, or at most one. */
static bool check_one_of(lua_State *L, struct value *self, int index,
                         const char *const *names, bool is_required)
{
    char message[MESSAGE_MAX], expected[MESSAGE_MAX] = "want one of ";
    const char *first = NULL;
    size_t used = strlen(expected);
    for (size_t i = 0; names[i] != NULL; i++) {
        used += (size_t)snprintf(expected + used, sizeof expected - used,
                                 "%s%s", i == 0 ? "" : ", ", names[i]);
        if (!is_set(L, self, index, names[i]))
            continue;
        if (first != NULL) {
            snprintf(message, sizeof message,
                     "'%s' and '%s' cannot be given both", first, names[i]);
            value_problem(L, self, names[i], message, "want one of them", NULL);
            return false;
        }
        first = names[i];
    }
    if (first != NULL || !is_required || self->has_mark)
        return true;
    snprintf(message, sizeof message, "a %s without what it is about",
             self->object->name);
    value_problem(L, self, "", message, expected, NULL);
    return false;
}

/* Does the object in slot `slot` say any of `names`? */
static const char *inner_field(lua_State *L, int index, int slot,
                               const char *const *names)
{
    const char *found = NULL;
    lua_getiuservalue(L, index, slot);
    const struct value *inner = value_at(L, -1);
    for (size_t i = 0; inner != NULL && names[i] != NULL; i++)
        if (is_set(L, inner, lua_gettop(L), names[i]))
            found = names[i];
    lua_pop(L, 1);
    return found;
}

/* A field may be given directly or in Aurora's place for it, not in both. */
static void check_place(lua_State *L, struct value *self, int index,
                        const char *place, const char *const *names)
{
    char message[MESSAGE_MAX];
    const char *inner =
        inner_field(L, index, value_slot(self->object, place), names);
    for (size_t i = 0; inner != NULL && names[i] != NULL; i++)
        if (is_set(L, self, index, names[i])) {
            snprintf(message, sizeof message,
                     "'%s' and '%s.%s' cannot be given both", names[i], place,
                     inner);
            value_problem(L, self, place, message, "want one of them", NULL);
        }
}

static void finish_container(lua_State *L, struct value *self, int index)
{
    static const char *const file_system[] = {"docker", "image", NULL};
    static const char *const inside[] = {"image", NULL};
    static const char *const volumes[] = {"volumes", NULL};
    const char *inner =
        inner_field(L, index, value_slot(self->object, "mesos"), inside);
    (void)check_one_of(L, self, index, file_system, false);
    if (inner != NULL && is_set(L, self, index, "docker"))
        value_problem(L, self, "mesos",
                      "'docker' and 'mesos.image' cannot be given both",
                      "want one of them", NULL);
    else
        check_place(L, self, index, "mesos", inside);
    check_place(L, self, index, "mesos", volumes);
}

static void finish_cron(lua_State *L, struct value *self, int index)
{
    static const char *const when[] = {"schedule", "after", NULL};
    bool has_when =
        is_set(L, self, index, "schedule") || is_set(L, self, index, "after");
    if (!has_when && !self->has_mark)
        value_missing(L, self, schema_field(self->object, "schedule"));
    (void)check_one_of(L, self, index, when, false);
}

static void finish_health_check(lua_State *L, struct value *self, int index)
{
    static const char *const kinds[] = {"http", "tcp", "shell", "lua", NULL};
    static const char *const inside[] = {"http", "shell", NULL};
    (void)check_one_of(L, self, index, kinds, false);
    if (inner_field(L, index, value_slot(self->object, "health_checker"),
                    inside) == NULL)
        return;
    for (size_t i = 0; kinds[i] != NULL; i++)
        if (is_set(L, self, index, kinds[i]))
            value_problem(L, self, "health_checker",
                          "'health_checker' says another kind of check",
                          "want one of http, tcp, shell, lua", NULL);
}

static void finish_notify(lua_State *L, struct value *self, int index)
{
    static const char *const how[] = {"url", "email", "script", NULL};
    (void)check_one_of(L, self, index, how, true);
}

static void finish_sla(lua_State *L, struct value *self, int index)
{
    static const char *const what[] = {"count", "percentage", "coordinator_url",
                                       NULL};
    if (!check_one_of(L, self, index, what, true) || self->has_mark)
        return;
    bool is_asking = is_set(L, self, index, "coordinator_url");
    if (!is_asking && !is_set(L, self, index, "duration_secs"))
        value_missing(L, self, schema_field(self->object, "duration_secs"));
    if (is_asking && is_set(L, self, index, "duration_secs"))
        value_problem(L, self, "duration_secs",
                      "a coordinator decides by itself how long",
                      "want no "
                      "duration_secs",
                      NULL);
    if (!is_asking && is_set(L, self, index, "status_key"))
        value_problem(L, self, "status_key", "no coordinator is asked",
                      "want coordinator_url, or no status_key", NULL);
}

static void finish_update(lua_State *L, struct value *self, int index)
{
    if (!is_set(L, self, index, "update_strategy"))
        return;
    lua_getiuservalue(L, index, value_slot(self->object, "batch_size"));
    bool has_size = lua_isinteger(L, -1) && lua_tointeger(L, -1) > 1;
    lua_pop(L, 1);
    if (has_size)
        value_problem(L, self, "batch_size",
                      "'batch_size' and 'update_strategy' say two sizes",
                      "want the size in the strategy", NULL);
    if (is_true(L, self, index, "wait_for_batch_completion"))
        value_problem(L, self, "wait_for_batch_completion",
                      "'wait_for_batch_completion' and 'update_strategy' say "
                      "two strategies",
                      "want BatchUpdateStrategy alone", NULL);
}

static void finish_volume(lua_State *L, struct value *self, int index)
{
    static const char *const what[] = {"host_path", "name", NULL};
    if (!check_one_of(L, self, index, what, true) || self->has_mark)
        return;
    bool has_name = is_set(L, self, index, "name");
    bool has_size = is_set(L, self, index, "size");
    if (has_name && !has_size)
        value_missing(L, self, schema_field(self->object, "size"));
    if (!has_name && has_size)
        value_problem(L, self, "size", "a folder of the machine has no size",
                      "want name and size for a persistent volume", NULL);
}

void value_check(lua_State *L, struct value *self, int index)
{
    typedef void finish(lua_State *, struct value *, int);
    static finish *const check[] = {[CHECK_NONE] = NULL,
                                    [CHECK_CONTAINER] = finish_container,
                                    [CHECK_CRON] = finish_cron,
                                    [CHECK_FETCH] = finish_fetch,
                                    [CHECK_HEALTH_CHECK] = finish_health_check,
                                    [CHECK_JOB] = finish_job,
                                    [CHECK_NOTIFY] = finish_notify,
                                    [CHECK_SLA] = finish_sla,
                                    [CHECK_TASK] = finish_task,
                                    [CHECK_UPDATE] = finish_update,
                                    [CHECK_VOLUME] = finish_volume};
    if (check[self->object->check] != NULL)
        check[self->object->check](L, self, index);
}
