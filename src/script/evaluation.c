#include "script/evaluation.h"
#include "script/collect.h"
#include "script/language.h"
#include "script/library.h"
#include "script/stdlib.h"
#include "script/value.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

void evaluation_problem(struct evaluation *e, const char *message,
                        const char *expected)
{
    struct problem_report report = {.message = message, .expected = expected};
    if (e->files.list.count > 0)
        report.site.file = 1; /* the entry is read first */
    (void)problem_add(e, &report);
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
    lua_call(L, 0, 2);                     /* environment result more */
    if (!lua_isnil(L, -1))
        evaluation_problem(e, "the file returns more than one value",
                           "want one list of jobs: return { job, ... }");
    lua_pop(L, 1);
    lua_pushstring(L, "jobs");
    lua_rawget(L, -3); /* environment result jobs */
    bool has_result = !lua_isnil(L, -2), has_jobs = !lua_isnil(L, -1);
    if (has_result && has_jobs)
        evaluation_problem(e,
                           "the file both returns a value and assigns 'jobs'",
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
        evaluation_problem(e, err->text, NULL);
}

static void finish(struct evaluation *e, Perigee__Evaluation *out)
{
    struct sandbox_failure failure;
    lua_State *L = e->sandbox.L;
    parameter_check_given(e);
    lua_pushcfunction(L, collect_result);
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
    parameter_pack(e, out);
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

static int64_t cpu_ms_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t evaluation_cpu_ms(const struct evaluation *e)
{
    return cpu_ms_now() - e->began_cpu_ms;
}

Perigee__Evaluation *evaluation_run(struct evaluation *e)
{
    struct err err = {0};
    struct sandbox_failure failure = {0};
    Perigee__Evaluation *out = new_result(e);
    e->began_cpu_ms = cpu_ms_now();
    read_entry(e, &err);
    if (e->files.list.count == 0)
        return settle(e, out);
    if (sandbox_open(&e->sandbox, (size_t)e->limits.memory_bytes, &err) < 0) {
        evaluation_problem(e, err.text, NULL);
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
