#include "script/evaluation.h"
#include "base/hash.h"
#include "script/job_build.h"
#include "script/job_check.h"
#include "script/language.h"
#include "script/library.h"
#include "script/stdlib.h"
#include "script/value.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_TEXT_MAX = 300, MESSAGE_MAX = 400 };

struct evaluation *evaluation_of(lua_State *L)
{
    return sandbox_of(L)->owner;
}

void evaluation_check_running(lua_State *L, const char *function)
{
    if (evaluation_of(L)->is_over)
        luaL_error(L, "%s works while the file runs, not in its functions",
                   function);
}

void evaluation_init(struct evaluation *e)
{
    *e = (struct evaluation){0};
    arena_init(&e->arena);
    arena_init(&e->scratch);
}

void evaluation_release(struct evaluation *e)
{
    sandbox_close(&e->sandbox);
    bundle_files_release(&e->files);
    arena_release(&e->arena);
    arena_release(&e->scratch);
    vec_free(&e->problems);
    vec_free(&e->declared);
    free(e->problem_index);
    perigee__bundle__free_unpacked(e->bundle, NULL);
}

void evaluation_set_parameters(struct evaluation *e, size_t count,
                               Perigee__EnvVar *const *from)
{
    struct script_parameter *parameter =
        arena_alloc(&e->arena, (count + 1) * sizeof *parameter);
    for (size_t i = 0; i < count; i++)
        parameter[i] = (struct script_parameter){from[i]->name, from[i]->value};
    e->parameter = parameter;
    e->parameter_count = count;
}

int evaluation_open_bundle(struct evaluation *e, struct bytes bytes,
                           struct err *err)
{
    Perigee__Bundle *bundle =
        perigee__bundle__unpack(NULL, bytes.size, bytes.data);
    if (bundle == NULL)
        return err_set(err, ERR_INVALID, "bundle: not a perigee.Bundle");
    int rc = bundle_check(bundle, &e->limits, err);
    if (rc < 0) {
        perigee__bundle__free_unpacked(bundle, NULL);
        return rc;
    }
    e->bundle = bundle;
    e->files.limits = &e->limits;
    e->files.bundle = bundle;
    snprintf(e->entry, sizeof e->entry, "%s", bundle->entry);
    evaluation_set_parameters(e, bundle->n_parameters, bundle->parameters);
    return 0;
}

/* A problem of the file as a whole. */
static void add_problem(struct evaluation *e, const char *message,
                        const char *expected)
{
    struct problem_report report = {.message = message, .expected = expected};
    if (e->files.list.count > 0)
        report.site.file = 1; /* the entry is read first */
    (void)problem_add(e, &report);
}

/* --- what the file gave --- */

static const struct schema_object *job_object(void)
{
    return schema_object("Job");
}

/* One element of the list, at the top of the stack. */
static void check_element(lua_State *L, struct evaluation *e, lua_Integer at)
{
    char message[MESSAGE_MAX];
    const struct value *value = value_at(L, -1);
    if (value_of(L, -1, job_object()) != NULL ||
        (value != NULL && value->kind == VALUE_REFUSED))
        return;
    if (value != NULL && value->kind == VALUE_OBJECT)
        snprintf(message, sizeof message,
                 "element %lld of the list of jobs is a %s", (long long)at,
                 value->object->name);
    else
        snprintf(message, sizeof message,
                 "element %lld of the list of jobs is a %s", (long long)at,
                 luaL_typename(L, -1));
    add_problem(e, message, "want jobs: return { Job {...}, ... }");
}

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
        add_problem(e, message, "want its list of jobs: return { job, ... }");
        return false;
    }
    lua_Integer size = luaL_len(L, index);
    if (size > JOBS_MAX) {
        snprintf(message, sizeof message, "the file gives %lld jobs",
                 (long long)size);
        add_problem(e, message, "want at most 200000");
        return false;
    }
    if (size == 0 && lua_istable(L, index)) {
        lua_pushnil(L);
        if (lua_next(L, index) != 0) {
            lua_pop(L, 2);
            add_problem(e, "the file gives a table of names",
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
    if (value->problem == 0)
        return;
    for (uint32_t i = 0; i < e->problems.count; i++) {
        struct problem *p = &e->problems.item[i];
        const struct problem *last = &e->problems.item[value->problem - 1];
        if (*p->path == '\0' && p->site.file == last->site.file &&
            p->site.line == last->site.line &&
            strcmp(p->object, last->object) == 0)
            p->path = arena_strdup(&e->arena, path);
    }
}

/* Problems of what is inside the value at the top; depth is bounded by the
 * schema: objects and lists of objects, four deep. */
static void find_paths(lua_State *L, struct evaluation *e, const char *path)
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
        find_paths(L, e, inner);
        lua_pop(L, 1);
    }
    for (uint32_t i = 1; value->kind == VALUE_LIST && i <= value->count; i++) {
        lua_getiuservalue(L, -1, (int)i);
        snprintf(inner, sizeof inner, "%.200s[%u]", path, i);
        find_paths(L, e, inner);
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
    Perigee__Job *job =
        (Perigee__Job *)build_message(L, index, job_object(), &e->arena);
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
static void check_keys(struct evaluation *e, Perigee__Job *const *job,
                       const struct call_site *site, size_t count)
{
    size_t size = 16;
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

/* list, lightuserdata Perigee__Evaluation -> nothing */
static int collect(lua_State *L)
{
    struct evaluation *e = evaluation_of(L);
    Perigee__Evaluation *out = lua_touserdata(L, 2);
    char path[KEY_TEXT_MAX];
    lua_settop(L, 1);
    if (!check_list(L, e, 1))
        return 0;
    size_t count = (size_t)luaL_len(L, 1), jobs = 0;
    Perigee__Job **job = arena_alloc(&e->arena, (count + 1) * sizeof *job);
    struct call_site *site = arena_alloc(&e->arena, (count + 1) * sizeof *site);
    for (size_t i = 1; i <= count; i++) {
        lua_geti(L, 1, (lua_Integer)i);
        check_element(L, e, (lua_Integer)i);
        const struct value *value = value_of(L, -1, job_object());
        if (value != NULL) {
            site[jobs] = value->site;
            job[jobs] = build_job(L, e);
            check_job(L, e, job[jobs]);
            snprintf(path, sizeof path, "%s", or_empty(job[jobs]->name));
            if (*path == '\0')
                snprintf(path, sizeof path, "jobs[%zu]", i);
            jobs++;
            find_paths(L, e, path);
        }
        lua_settop(L, 1);
    }
    check_keys(e, job, site, jobs);
    out->jobs = job;
    out->n_jobs = jobs;
    return 0;
}

/* --- running --- */

static int open_language(lua_State *L)
{
    sandbox_push_language(L);
    language_open(L);
    module_open(L);
    parameter_open(L);
    return 0;
}

/* -> the list of jobs: what the file returns, or its global `jobs`. */
static int run_entry(lua_State *L)
{
    struct evaluation *e = evaluation_of(L);
    module_load(L, e->files.list.item[0]); /* environment chunk */
    lua_call(L, 0, 1);                     /* environment result */
    lua_pushstring(L, "jobs");
    lua_rawget(L, -3); /* environment result jobs */
    bool has_result = !lua_isnil(L, -2), has_jobs = !lua_isnil(L, -1);
    if (has_result && has_jobs)
        add_problem(e, "the file both returns a value and assigns 'jobs'",
                    "want one of them");
    else if (!has_result && !has_jobs)
        return luaL_error(L, "the file gives no jobs: want it to end with "
                             "return { job, ... }");
    if (has_result)
        lua_pop(L, 1);
    return 1;
}

static void read_entry(struct evaluation *e, struct err *err)
{
    if (bundle_files_read(&e->files, e->entry, false, err) == NULL)
        add_problem(e, err->text, NULL);
}

static void finish(struct evaluation *e, Perigee__Evaluation *out)
{
    struct sandbox_failure failure;
    lua_State *L = e->sandbox.L;
    parameter_check_given(e);
    lua_pushcfunction(L, collect);
    lua_insert(L, -2);
    lua_pushlightuserdata(L, out);
    if (sandbox_call(&e->sandbox, 2, 0, &failure) < 0)
        problem_add_failure(e, &failure);
}

/* Identity of what was read, also when there are problems. */
static void set_bundle(struct evaluation *e, Perigee__Evaluation *out)
{
    struct buf bytes = {0};
    char hash[65];
    out->stdlib_hash = (char *)STDLIB_HASH;
    if (e->files.bundle != NULL) {
        out->bundle_hash =
            arena_strdup(&e->arena, bundle_hash(e->files.bundle, hash));
        return;
    }
    if (e->files.list.count == 0)
        return;
    bundle_pack(&e->files, e->entry, e->parameter, e->parameter_count, &bytes);
    out->has_bundle = true;
    out->bundle.len = bytes.size;
    out->bundle.data = arena_memdup(&e->arena, bytes.data, bytes.size);
    Perigee__Bundle *bundle =
        perigee__bundle__unpack(NULL, bytes.size, bytes.data);
    out->bundle_hash = arena_strdup(&e->arena, bundle_hash(bundle, hash));
    perigee__bundle__free_unpacked(bundle, NULL);
    buf_release(&bytes);
}

static Perigee__Evaluation *new_result(struct evaluation *e)
{
    Perigee__Evaluation *out = arena_alloc(&e->arena, sizeof *out);
    perigee__evaluation__init(out);
    return out;
}

static Perigee__Evaluation *settle(struct evaluation *e,
                                   Perigee__Evaluation *out)
{
    if (e->problems.count > 0) {
        problems_pack(e, out);
        out->n_jobs = 0;
    }
    set_bundle(e, out);
    for (size_t i = 0; i < out->n_jobs; i++)
        out->jobs[i]->bundle_hash = out->bundle_hash;
    return out;
}

/* Record what ended the run; without a line it is the entry's fault. */
static void stop_at(struct evaluation *e, struct sandbox_failure *failure)
{
    if (failure->file[0] == '\0')
        snprintf(failure->file, sizeof failure->file, "%s", e->entry);
    problem_add_failure(e, failure);
}

Perigee__Evaluation *evaluation_run(struct evaluation *e)
{
    struct err err = {0};
    struct sandbox_failure failure = {0};
    Perigee__Evaluation *out = new_result(e);
    read_entry(e, &err);
    if (e->files.list.count == 0)
        return settle(e, out);
    if (sandbox_open(&e->sandbox, (size_t)e->limits.memory_bytes, &err) < 0) {
        add_problem(e, err.text, NULL);
        return settle(e, out);
    }
    e->sandbox.owner = e;
    lua_pushcfunction(e->sandbox.L, open_language);
    int rc = sandbox_call(&e->sandbox, 0, 0, &failure);
    if (rc == 0) {
        lua_pushcfunction(e->sandbox.L, run_entry);
        rc = sandbox_call(&e->sandbox, 0, 1, &failure);
    }
    if (rc == 0)
        finish(e, out);
    else if (!e->is_told)
        stop_at(e, &failure);
    return settle(e, out);
}

bool evaluation_again(struct evaluation *e)
{
    struct sandbox_failure failure;
    lua_State *L = e->sandbox.L;
    lua_pushcfunction(L, run_entry);
    if (sandbox_call(&e->sandbox, 0, 1, &failure) < 0) {
        if (!e->is_told)
            stop_at(e, &failure);
        return false;
    }
    lua_pushvalue(L, -1);
    finish(e, new_result(e));
    return true;
}

Perigee__Evaluation *evaluation_stop(struct evaluation *e, const char *why)
{
    struct sandbox_failure failure = {0};
    sandbox_where(e->sandbox.L, failure.file, &failure.line);
    snprintf(failure.text, sizeof failure.text, "%s", why);
    stop_at(e, &failure);
    return settle(e, new_result(e));
}
