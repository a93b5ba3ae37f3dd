/* What a file gave, checked as a whole and turned into messages. */
#include "script/collect.h"
#include "base/hash.h"
#include "script/health_call.h"
#include "script/job_build.h"
#include "script/job_check.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_TEXT_MAX = 300, MESSAGE_MAX = 400 };

/* --- what the file gave --- */

/* Is what stands at `index` a list of jobs? Records what is wrong. */
static bool check_list(lua_State *L, struct evaluation *e, int index)
{
    char message[MESSAGE_MAX];
    const struct value *value = value_at(L, index);
    if (!lua_istable(L, index) &&
        (value == NULL || value->kind != VALUE_LIST)) {
        snprintf(message, sizeof message, "the file gives a %s",
                 value != NULL && value->kind == VALUE_OBJECT
                     ? value->object->name
                     : luaL_typename(L, index));
        evaluation_problem(e, message,
                           "want its list of jobs: return { job, ... }");
        return false;
    }
    lua_Integer size = luaL_len(L, index);
    if (size > JOBS_MAX) {
        snprintf(message, sizeof message, "the file gives %lld jobs",
                 (long long)size);
        evaluation_problem(e, message, "want at most 200000");
        return false;
    }
    if (size == 0 && lua_istable(L, index)) {
        lua_pushnil(L);
        if (lua_next(L, index) != 0) {
            lua_pop(L, 2);
            evaluation_problem(e, "the file gives a table of names",
                               "want its list of jobs: return { job, ... }");
            return false;
        }
    }
    return true;
}

/* --- paths --- */

static void set_path(struct evaluation *e, const struct value *value,
                     const char *path)
{
    for (uint32_t at = value->problem; at != 0;
         at = e->problems.item[at - 1].previous)
        if (*e->problems.item[at - 1].path == '\0')
            e->problems.item[at - 1].path = arena_strdup(&e->arena, path);
}

/* Problems of what is inside the value at the top; depth is bounded by the
 * schema: objects and lists of objects, four deep. */
void collect_paths(lua_State *L, struct evaluation *e, const char *path)
{
    const struct value *value = value_at(L, -1);
    char inner[KEY_TEXT_MAX];
    if (value == NULL || !(value->has_mark || value->problem))
        return;
    luaL_checkstack(L, 8, "job file");
    if (value->kind == VALUE_OBJECT)
        set_path(e, value, path);
    for (size_t i = 0;
         value->kind == VALUE_OBJECT && i < value->object->stored_count; i++) {
        lua_getiuservalue(L, -1, (int)i + 1);
        snprintf(inner, sizeof inner, "%.200s.%s", path,
                 value->object->field[i].name);
        collect_paths(L, e, inner);
        lua_pop(L, 1);
    }
    for (uint32_t i = 1; value->kind == VALUE_LIST && i <= value->count; i++) {
        lua_getiuservalue(L, -1, (int)i);
        snprintf(inner, sizeof inner, "%.200s[%u]", path, i);
        collect_paths(L, e, inner);
        lua_pop(L, 1);
    }
}

/* --- jobs --- */

static void complete_fetch(struct evaluation *e, Perigee__Fetch *fetch)
{
    char path[BUNDLE_PATH_MAX];
    const struct bundle_file *file = NULL;
    fetch->has_asset = true;
    if (fetch->uri == NULL)
        return; /* its problem is recorded */
    if (strstr(fetch->uri, "://") == NULL &&
        bundle_path_join(e->entry, fetch->uri, path, NULL) == 0)
        file = bundle_files_find(&e->files, path, true);
    if (file != NULL) {
        fetch->asset = true;
        fetch->sha256 = arena_strdup(&e->arena, file->sha256);
        fetch->has_size_bytes = true;
        fetch->size_bytes = file->size;
        fetch->executable |= file->is_executable;
    }
    if (fetch->output == NULL) {
        const char *slash = strrchr(fetch->uri, '/');
        fetch->output = slash != NULL ? (char *)slash + 1 : fetch->uri;
    }
}

static Perigee__Job *build_job(lua_State *L, struct evaluation *e)
{
    int index = lua_gettop(L);
    Perigee__Job *job = (Perigee__Job *)build_message(
        L, index, schema_object("Job"), &e->arena);
    if (value_push_name(L, index))
        job->name = arena_strdup(&e->arena, lua_tostring(L, -1));
    lua_settop(L, index);
    if (job->tier == NULL)
        job->tier = arena_strdup(&e->arena,
                                 job->production ? "preferred" : "preemptible");
    if (job->task == NULL)
        return job;
    Perigee__TaskConfig *task = job->task;
    if (task->name == NULL && task->n_processes > 0)
        task->name = task->processes[0]->name;
    for (size_t i = 0; i < task->n_fetch; i++)
        complete_fetch(e, task->fetch[i]);
    return job;
}

struct told {
    struct evaluation *e;
    const struct value *job;
    const char *name;
};

static void on_job_problem(void *context, const char *field,
                           const char *message, const char *expected,
                           const char *nearest)
{
    const struct told *told = context;
    struct problem_report report = {.site = told->job->site,
                                    .object = "Job",
                                    .name = told->name,
                                    .field = field,
                                    .message = message,
                                    .expected = expected,
                                    .nearest = nearest};
    uint32_t at = problem_add(told->e, &report);
    struct problem *problem = &told->e->problems.item[at - 1];
    if (*problem->path == '\0')
        problem->path = arena_strdup(&told->e->arena, told->name);
}

/* What depends on more than one field. A job with holes in it would only make
 * noise. */
static void check_job(lua_State *L, struct evaluation *e, Perigee__Job *job)
{
    struct told told = {e, value_at(L, -1), job->name};
    if (told.job->has_mark || job->name == NULL)
        return;
    if (job_resolve(job, &e->arena, on_job_problem, &told))
        job_rules(job, on_job_problem, &told);
}

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static uint64_t key_hash(const Perigee__Job *job)
{
    const char *part[] = {job->cluster, job->role, job->environment, job->name};
    uint64_t hash = 1;
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        hash = hash64(bytes_of_text(or_empty(part[i])), hash);
    return hash;
}

static bool is_same_key(const Perigee__Job *a, const Perigee__Job *b)
{
    return strcmp(or_empty(a->cluster), or_empty(b->cluster)) == 0 &&
           strcmp(or_empty(a->role), or_empty(b->role)) == 0 &&
           strcmp(or_empty(a->environment), or_empty(b->environment)) == 0 &&
           strcmp(or_empty(a->name), or_empty(b->name)) == 0;
}

/* Two jobs of one key. Jobs without a complete key have their problem. */
static void check_keys(const struct collector *c)
{
    struct evaluation *e = c->e;
    Perigee__Job *const *job = c->job;
    const struct call_site *site = c->site;
    size_t count = c->count, size = 16;
    while (size < 2 * count)
        size *= 2;
    uint32_t *slot = xcalloc(size, sizeof *slot);
    for (size_t i = 0; i < count; i++) {
        if (!job[i]->cluster || !job[i]->role || !job[i]->environment ||
            !job[i]->name)
            continue;
        uint64_t at = key_hash(job[i]);
        while (slot[at % size] != 0 &&
               !is_same_key(job[slot[at % size] - 1], job[i]))
            at++;
        if (slot[at % size] == 0) {
            slot[at % size] = (uint32_t)i + 1;
            continue;
        }
        char message[MESSAGE_MAX];
        snprintf(message, sizeof message, "two jobs have the key %s/%s/%s/%s",
                 job[i]->cluster, job[i]->role, job[i]->environment,
                 job[i]->name);
        struct problem_report report = {.site = site[i],
                                        .object = "Job",
                                        .field = "name",
                                        .message = message,
                                        .expected = "want names that differ"};
        (void)problem_add(e, &report);
    }
    free(slot);
}

/* --- the list --- */

/* Registry key of a table of the jobs there are: as soon as there is a group,
 * a job may stand in the list and in groups, and is one job. */
static const char SEEN = 0;

static bool is_seen(struct collector *c, int index)
{
    lua_State *L = c->L;
    if (!c->has_groups)
        return false;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &SEEN);
    lua_pushvalue(L, index);
    bool is_seen = lua_rawget(L, -2) != LUA_TNIL;
    lua_pop(L, 1);
    lua_pushvalue(L, index);
    lua_pushinteger(L, (lua_Integer)c->count);
    if (is_seen)
        lua_pop(L, 2);
    else
        lua_rawset(L, -3);
    lua_pop(L, 1);
    return is_seen;
}

/* Room for one more; what is outgrown stays in the arena. */
static void reserve(struct collector *c)
{
    enum { FIRST = 64 };
    if (c->count < c->capacity)
        return;
    size_t capacity = c->capacity == 0 ? FIRST : 2 * c->capacity;
    Perigee__Job **job =
        arena_alloc(&c->e->arena, (capacity + 1) * sizeof *job);
    struct call_site *site =
        arena_alloc(&c->e->arena, (capacity + 1) * sizeof *site);
    if (c->count > 0) {
        memcpy(job, c->job, c->count * sizeof *job);
        memcpy(site, c->site, c->count * sizeof *site);
    }
    c->job = job;
    c->site = site;
    c->capacity = capacity;
}

/* A health function takes its file along to every machine and evaluates it
 * there for each check: it must be small and quick. */
static void check_health(struct collector *c, const Perigee__Job *job,
                         struct call_site site)
{
    struct problem_report report = {.site = site,
                                    .object = "Job",
                                    .field = "health_check",
                                    .expected =
                                        "give the job a file of its own"};
    char message[MESSAGE_MAX];
    if (job->health_check == NULL || job->health_check->lua == NULL)
        return;
    int64_t took_ms = evaluation_cpu_ms(c->e);
    if (c->e->files.text_bytes > HEALTH_TEXT_MAX)
        snprintf(message, sizeof message,
                 "the health function comes with %zu KiB of Lua: want at most "
                 "%d KiB",
                 c->e->files.text_bytes >> 10, HEALTH_TEXT_MAX >> 10);
    else if (took_ms > HEALTH_CHECKED_MS)
        snprintf(message, sizeof message,
                 "the health function's file takes %lld ms to evaluate: want "
                 "at most %d ms",
                 (long long)took_ms, HEALTH_CHECKED_MS);
    else
        return;
    report.message = message;
    (void)problem_add(c->e, &report);
}

void collect_job(struct collector *c, int index)
{
    lua_State *L = c->L;
    char path[KEY_TEXT_MAX];
    if (is_seen(c, index))
        return;
    if (c->count == JOBS_MAX)
        luaL_error(L, "the file gives more than %d jobs", JOBS_MAX);
    reserve(c);
    lua_pushvalue(L, index);
    Perigee__Job *job = build_job(L, c->e);
    check_job(L, c->e, job);
    check_health(c, job, value_at(L, index)->site);
    c->site[c->count] = value_at(L, index)->site;
    c->job[c->count++] = job;
    snprintf(path, sizeof path, "%s", or_empty(job->name));
    if (*path == '\0')
        snprintf(path, sizeof path, "jobs[%zu]", c->count);
    collect_paths(L, c->e, path);
    lua_pop(L, 1);
}

static void wrong_element(struct collector *c, int index, size_t at)
{
    char message[MESSAGE_MAX];
    const struct value *value = value_at(c->L, index);
    bool is_object = value != NULL && value->kind == VALUE_OBJECT;
    if (value != NULL && value->kind == VALUE_REFUSED)
        return; /* was told where it was made */
    snprintf(message, sizeof message, "element %zu of the list of jobs is a %s",
             at, is_object ? value->object->name : luaL_typename(c->L, index));
    evaluation_problem(c->e, message, "want jobs: return { Job {...}, ... }");
}

/* Quotas, roles, users: a list of one kind in the result. */
static void add_plain(struct collector *c, int index, void ***list,
                      size_t *count, size_t most)
{
    lua_State *L = c->L;
    const struct value *value = value_at(L, index);
    char path[KEY_TEXT_MAX];
    if (*list == NULL)
        *list = arena_alloc(&c->e->arena, (most + 1) * sizeof **list);
    (*list)[*count] = build_message(L, index, value->object, &c->e->arena);
    ++*count;
    snprintf(path, sizeof path, "%ss[%zu]", value->object->name, *count);
    for (char *at = path; *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);
    lua_pushvalue(L, index);
    collect_paths(L, c->e, path);
    lua_pop(L, 1);
}

static void collect_element(struct collector *c, int index, size_t at)
{
    Perigee__Evaluation *out = c->out;
    const struct value *value = value_at(c->L, index);
    const char *kind =
        value != NULL && value->kind == VALUE_OBJECT ? value->object->name : "";
    if (strcmp(kind, "Job") == 0)
        collect_job(c, index);
    else if (strcmp(kind, "Quota") == 0)
        add_plain(c, index, (void ***)&out->quotas, &out->n_quotas, c->size);
    else if (strcmp(kind, "Role") == 0)
        add_plain(c, index, (void ***)&out->roles, &out->n_roles, c->size);
    else if (strcmp(kind, "User") == 0)
        add_plain(c, index, (void ***)&out->users, &out->n_users, c->size);
    else if (strcmp(kind, "Group") != 0)
        wrong_element(c, index, at);
}

/* Is there a group in the list? */
static bool has_groups(lua_State *L, size_t size)
{
    bool is_found = false;
    for (size_t i = 1; i <= size && !is_found; i++) {
        lua_geti(L, 1, (lua_Integer)i);
        is_found = value_of(L, -1, schema_object("Group")) != NULL;
        lua_pop(L, 1);
    }
    return is_found;
}

int collect_result(lua_State *L)
{
    struct collector c = {
        .L = L, .e = evaluation_of(L), .out = lua_touserdata(L, 2)};
    lua_settop(L, 1);
    if (!check_list(L, c.e, 1))
        return 0;
    c.size = (size_t)luaL_len(L, 1);
    c.has_groups = has_groups(L, c.size);
    if (c.has_groups) {
        lua_newtable(L);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &SEEN);
    }
    for (size_t i = 1; i <= c.size; i++) {
        lua_geti(L, 1, (lua_Integer)i);
        collect_element(&c, 2, i);
        lua_settop(L, 1);
    }
    if (c.has_groups)
        collect_groups(&c, 1);
    check_keys(&c);
    c.out->jobs = c.job;
    c.out->n_jobs = c.count;
    return 0;
}
