#include "script/tests.h"
#include "base/text.h"
#include "base/vec.h"
#include "script/language.h"
#include "script/library.h"
#include "script/value.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Registry key of the run; keys in the metatable of an evaluate()'s result. */
static const char RUN = 0, JOBS = 0, PROBLEMS = 0;

/* An expect() that no method has followed yet. */
struct promise {
    int64_t number;
    const struct bundle_file *file;
    uint32_t line;
    const char *name; /* of the test it stands in, or NULL */
    bool is_kept;
};

enum { PROMISES_MAX = 10000 }; /* open ones; more are not looked after */

struct tests {
    struct evaluation *e;
    VEC(struct promise) promises; /* oldest first; ends with an open one */
    int64_t last_promise;
    Perigee__TestReport *report;
    const char *name;                     /* of the test that runs, or NULL */
    const struct script_parameter *given; /* with the command */
    size_t given_count;
};

static struct tests *tests_of(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &RUN);
    struct tests *t = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return t;
}

/* --- failures --- */

static const char *line_text(struct evaluation *e,
                             const struct bundle_file *file, uint32_t line)
{
    struct bytes text = locator_line(buf_bytes(&file->text), line);
    size_t size = text.size < 400 ? text.size : 400;

    if (!text_is_utf8(text.data, size))
        return "";
    return arena_strndup(&e->arena, (const char *)text.data, size);
}

static void add_failure(struct tests *t, const struct bundle_file *file,
                        uint32_t line, const char *message)
{
    struct arena *arena = &t->e->arena;
    Perigee__TestReport *r = t->report;

    if (r->n_failures == TEST_FAILURES_MAX)
        return;
    if (r->failures == NULL)
        r->failures =
            arena_alloc(arena, TEST_FAILURES_MAX * sizeof *r->failures);
    Perigee__TestFailure *failure = arena_alloc(arena, sizeof *failure);
    perigee__test_failure__init(failure);
    char *text = arena_strdup(arena, message);
    if (!text_is_utf8((const uint8_t *)text, strlen(text)))
        for (char *c = text; *c != '\0'; c++)
            *c = (unsigned char)*c < 0x80 ? *c : '?';
    failure->message = text;
    failure->test = (char *)t->name;
    if (file != NULL) {
        failure->file = file->path;
        failure->has_line = line > 0;
        failure->line = line;
        failure->source = (char *)line_text(t->e, file, line);
    }
    r->failures[r->n_failures++] = failure;
}

void tests_count(lua_State *L, const char *message)
{
    struct tests *t = tests_of(L);
    struct call_site site = evaluation_site(t->e, "expect");

    t->report->expectations++;
    if (message != NULL)
        add_failure(t,
                    site.file > 0 ? t->e->files.list.item[site.file - 1] : NULL,
                    site.line, message);
}

int64_t tests_promise(lua_State *L)
{
    struct tests *t = tests_of(L);
    struct call_site site = evaluation_site(t->e, "expect");

    if (t->promises.count >= PROMISES_MAX)
        return 0;
    *vec_add(&t->promises) = (struct promise){
        .number = ++t->last_promise,
        .file = site.file > 0 ? t->e->files.list.item[site.file - 1] : NULL,
        .line = site.line,
        .name = t->name};
    return t->last_promise;
}

void tests_settle(lua_State *L, int64_t number)
{
    struct tests *t = tests_of(L);
    uint32_t at = t->promises.count;

    while (at > 0 && t->promises.item[at - 1].number > number)
        at--;
    if (at > 0 && t->promises.item[at - 1].number == number)
        t->promises.item[at - 1].is_kept = true;
    while (t->promises.count > 0 &&
           t->promises.item[t->promises.count - 1].is_kept)
        t->promises.count--;
}

static void add_promises(struct tests *t)
{
    for (uint32_t i = 0; i < t->promises.count; i++) {
        const struct promise *promise = &t->promises.item[i];
        if (promise->is_kept)
            continue;
        t->name = promise->name;
        t->report->expectations++;
        add_failure(t, promise->file, promise->line,
                    "expect(value) alone says nothing: want a method behind "
                    "it, as expect(value):equals(other)");
    }
    t->name = NULL;
    vec_free(&t->promises);
}

static void add_error(struct tests *t, const struct sandbox_failure *failure)
{
    const struct bundle_file *file =
        bundle_files_find(&t->e->files, failure->file, false);

    t->report->expectations++;
    add_failure(t, file, failure->line > 0 ? (uint32_t)failure->line : 0,
                failure->text);
}

/* --- a second look at the file --- */

/* What an evaluation records, put aside while another one runs. */
struct aside {
    struct problem *item;
    uint32_t count, capacity;
    uint32_t *index;
    uint64_t dropped;
    bool is_told;
};

static void put_aside(struct evaluation *e, struct aside *aside)
{
    *aside = (struct aside){e->problems.item,     e->problems.count,
                            e->problems.capacity, e->problem_index,
                            e->problems_dropped,  e->is_told};
    e->problems.item = NULL;
    e->problems.count = e->problems.capacity = 0;
    e->problem_index = NULL;
    e->problems_dropped = 0;
    e->is_told = false;
}

static void put_back(struct evaluation *e, const struct aside *aside)
{
    vec_free(&e->problems);
    free(e->problem_index);
    e->problems.item = aside->item;
    e->problems.count = aside->count;
    e->problems.capacity = aside->capacity;
    e->problem_index = aside->index;
    e->problems_dropped = aside->dropped;
    e->is_told = aside->is_told;
}

static void add_problem(struct buf *text, const Perigee__Problem *p)
{
    buf_add_text(text, p->message);
    if (p->expected != NULL)
        buf_addf(text, ": %s", p->expected);
    if (p->nearest != NULL)
        buf_addf(text, ", did you mean '%s'?", p->nearest);
}

/* Push the problems recorded since put_aside() as one text, or nil. */
static void push_recorded(lua_State *L, struct evaluation *e)
{
    Perigee__Evaluation found = PERIGEE__EVALUATION__INIT;
    struct buf text = {0};

    problems_pack(e, &found);
    for (size_t i = 0; i < found.n_problems; i++) {
        const Perigee__Problem *p = found.problems[i];
        buf_addf(&text, "%s%s:%u: ", i ? "\n" : "", p->file ? p->file : "?",
                 p->line);
        add_problem(&text, p);
    }
    if (found.n_problems > 0)
        lua_pushlstring(L, buf_text(&text), text.size);
    else
        lua_pushnil(L);
    buf_release(&text);
}

void tests_push_failure(lua_State *L, int index)
{
    struct evaluation *e = evaluation_of(L);
    struct sandbox_failure failure;
    struct aside aside;

    put_aside(e, &aside);
    lua_pushvalue(L, index);
    if (sandbox_call(&e->sandbox, 0, 0, &failure) < 0)
        problem_add_failure(e, &failure);
    push_recorded(L, e);
    put_back(e, &aside);
}

/* --- evaluate() --- */

/* A job by its name or key; the rest is refused with what there is. */
static int on_result_index(lua_State *L)
{
    enum { NAMES_MAX = 256 };
    const char *names[NAMES_MAX + 1];
    size_t count = 0;

    if (lua_type(L, 2) != LUA_TSTRING)
        return 0;
    if (!lua_isnil(L, lua_upvalueindex(2)))
        return luaL_error(L, "the file has mistakes: %s",
                          lua_tostring(L, lua_upvalueindex(2)));
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
        return 1;
    lua_pushnil(L);
    while (count < NAMES_MAX && lua_next(L, lua_upvalueindex(1)) != 0) {
        lua_pop(L, 1);
        names[count++] = lua_tostring(L, -1);
    }
    names[count] = NULL;
    const char *nearest = text_nearest(lua_tostring(L, 2), names);
    return luaL_error(L, "the file gives no job '%s'%s%s%s", lua_tostring(L, 2),
                      nearest ? ", did you mean '" : "", nearest ? nearest : "",
                      nearest ? "'?" : "");
}

static int on_result_write(lua_State *L)
{
    return luaL_error(L, "the jobs of a file cannot be changed");
}

/* jobs problems -> the result that stands for both */
static void wrap_result(lua_State *L)
{
    int problems = lua_gettop(L), jobs = problems - 1;

    lua_newtable(L);
    lua_newtable(L); /* jobs problems result meta */
    lua_pushvalue(L, jobs);
    lua_rawsetp(L, -2, &JOBS);
    lua_pushvalue(L, problems);
    lua_rawsetp(L, -2, &PROBLEMS);
    lua_pushvalue(L, jobs);
    lua_pushvalue(L, problems);
    lua_pushcclosure(L, on_result_index, 2);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, on_result_write);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, -2);
    lua_replace(L, jobs);
    lua_settop(L, jobs);
}

bool tests_push_problems(lua_State *L, int index)
{
    if (!lua_istable(L, index) || !lua_getmetatable(L, index))
        return false;
    bool is_result = lua_rawgetp(L, -1, &JOBS) == LUA_TTABLE;
    lua_pop(L, 1);
    if (is_result)
        lua_rawgetp(L, -1, &PROBLEMS);
    lua_remove(L, is_result ? -2 : -1);
    return is_result;
}

/* Jobs by name, the first of a name, and by key. The list is on top, and is
 * replaced by the table. */
static void index_jobs(lua_State *L)
{
    static const char *const part[] = {"cluster", "role", "environment"};
    int list = lua_gettop(L);

    lua_newtable(L);
    lua_Integer count = luaL_len(L, list);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_geti(L, list, i);
        int job = lua_gettop(L);
        if (value_push_name(L, job)) {
            const char *name = lua_tostring(L, -1);
            lua_pushstring(L, "");
            for (int k = 0; k < 3; k++) {
                lua_getfield(L, job, part[k]);
                lua_pushstring(L, "/");
                lua_concat(L, 3);
            }
            lua_pushstring(L, name);
            lua_concat(L, 2);
            lua_pushvalue(L, job);
            lua_rawset(L, list + 1);
            lua_pushstring(L, name);
            if (lua_rawget(L, list + 1) == LUA_TNIL) {
                lua_pushstring(L, name);
                lua_pushvalue(L, job);
                lua_rawset(L, list + 1);
            }
        }
        lua_settop(L, list + 1);
    }
    lua_remove(L, list);
}

/* Evaluate the file once more; push the result. */
static void evaluate(lua_State *L, struct tests *t)
{
    struct evaluation *e = t->e;
    struct aside aside;
    int top = lua_gettop(L);

    put_aside(e, &aside);
    module_forget(L);
    e->declared.count = 0;
    bool has_list = evaluation_again(e);
    push_recorded(L, e);
    put_back(e, &aside);
    if (lua_isnil(L, -1) && has_list) {
        lua_pop(L, 1);
        index_jobs(L);
        lua_pushnil(L);
    } else {
        lua_settop(L, has_list ? top + 2 : top + 1);
        lua_newtable(L);
        lua_insert(L, -2);
        if (has_list)
            lua_remove(L, top + 1);
    }
    wrap_result(L);
}

/* One more parameter, in place of the command's of this name. */
static size_t put_parameter(struct script_parameter *list, size_t count,
                            const char *name, const char *value)
{
    size_t at = 0;

    while (at < count && strcmp(list[at].name, name) != 0)
        at++;
    list[at] = (struct script_parameter){name, value};
    return at == count ? count + 1 : count;
}

/* evaluate { name = value, ... } */
static int l_evaluate(lua_State *L)
{
    struct tests *t = tests_of(L);
    struct evaluation *e = t->e;
    struct script_parameter *list = arena_alloc(
        &e->arena, (t->given_count + PARAMETERS_MAX) * sizeof *list);
    size_t count = t->given_count;

    lua_settop(L, 1);
    if (!lua_isnil(L, 1))
        luaL_checktype(L, 1, LUA_TTABLE);
    else
        lua_newtable(L), lua_replace(L, 1);
    memcpy(list, t->given, count * sizeof *list);
    lua_pushnil(L);
    for (int more = 0; lua_next(L, 1) != 0; more++) {
        if (lua_type(L, 2) != LUA_TSTRING || more == PARAMETERS_MAX ||
            lua_type(L, 3) == LUA_TTABLE || lua_type(L, 3) == LUA_TFUNCTION)
            return luaL_error(L,
                              "evaluate: want { name = value, ... }, at "
                              "most %d",
                              PARAMETERS_MAX);
        const char *value = library_push_text(L, 3);
        count = put_parameter(list, count,
                              arena_strdup(&e->arena, lua_tostring(L, 2)),
                              arena_strdup(&e->arena, value));
        lua_settop(L, 2);
    }
    e->parameter = list;
    e->parameter_count = count;
    evaluate(L, t);
    e->parameter = t->given;
    e->parameter_count = t->given_count;
    return 1;
}

/* --- running --- */

/* test("name", function() ... end) */
static int l_test(lua_State *L)
{
    struct tests *t = tests_of(L);
    struct sandbox_failure failure;
    const char *name = luaL_checkstring(L, 1);

    luaL_checktype(L, 2, LUA_TFUNCTION);
    if (t->name != NULL)
        return luaL_error(L, "test '%s' stands inside test '%s'", name,
                          t->name);
    lua_settop(L, 2);
    t->name = arena_strdup(&t->e->arena, name);
    t->report->tests++;
    if (sandbox_call(&t->e->sandbox, 0, 0, &failure) < 0)
        add_error(t, &failure);
    t->name = NULL;
    return 0;
}

static bool is_word(const char *text)
{
    if (isdigit((unsigned char)*text))
        return false;
    for (; *text != '\0'; text++)
        if (!isalnum((unsigned char)*text) && *text != '_')
            return false;
    return true;
}

/* Names of the language and of this folder go before names of jobs. */
static void add_names(lua_State *L, int environment, int result)
{
    if (!lua_getmetatable(L, result))
        return;
    lua_rawgetp(L, -1, &JOBS);
    sandbox_push_language(L);
    int language = lua_gettop(L), jobs = language - 1;
    lua_pushnil(L);
    while (lua_next(L, jobs) != 0) {
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -1);
        bool is_free = lua_rawget(L, language) == LUA_TNIL;
        lua_pop(L, 1);
        if (is_word(lua_tostring(L, -1)) && is_free) {
            lua_pushvalue(L, -2);
            lua_rawset(L, environment);
            lua_pop(L, 1);
        } else {
            lua_pop(L, 2);
        }
    }
    lua_settop(L, result);
}

static int run_file(lua_State *L)
{
    struct tests *t = tests_of(L);
    struct bundle_file *file = lua_touserdata(L, 1);
    struct sandbox_failure failure;

    sandbox_push_environment(L);
    int environment = lua_gettop(L);
    evaluate(L, t);
    add_names(L, environment, lua_gettop(L));
    lua_pushstring(L, "jobs");
    lua_insert(L, -2);
    lua_rawset(L, environment);
    static const luaL_Reg own[] = {
        {"test", l_test}, {"evaluate", l_evaluate}, {NULL, NULL}};
    lua_newtable(L);
    luaL_setfuncs(L, own, 0);
    expect_open(L);
    lua_pushnil(L);
    while (lua_next(L, environment + 1) != 0) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, environment);
    }
    lua_settop(L, environment);
    if (sandbox_load(&t->e->sandbox, file->path, buf_text(&file->text),
                     file->text.size, &failure) < 0 ||
        sandbox_call(&t->e->sandbox, 0, 0, &failure) < 0)
        add_error(t, &failure);
    return 0;
}

/* A constructor that the test file calls wrongly records it and goes on; what
 * is expected of such a value says nothing. */
static void add_mistakes(struct tests *t)
{
    Perigee__Evaluation found = PERIGEE__EVALUATION__INIT;

    problems_pack(t->e, &found);
    for (size_t i = 0; i < found.n_problems; i++) {
        const Perigee__Problem *p = found.problems[i];
        struct buf text = {0};
        add_problem(&text, p);
        t->report->expectations++;
        add_failure(t,
                    p->file != NULL
                        ? bundle_files_find(&t->e->files, p->file, false)
                        : NULL,
                    p->line, buf_text(&text));
        buf_release(&text);
    }
}

Perigee__TestReport *tests_run(struct evaluation *e, const char *path)
{
    struct tests t = {
        .e = e, .given = e->parameter, .given_count = e->parameter_count};
    struct sandbox_failure failure = {0};
    struct err err = {0};

    if (e->sandbox.L == NULL || e->is_told)
        return NULL;
    t.report = arena_alloc(&e->arena, sizeof *t.report);
    perigee__test_report__init(t.report);
    t.report->has_tests = t.report->has_expectations = true;
    struct bundle_file *file = bundle_files_read(&e->files, path, false, &err);
    if (file == NULL) {
        t.report->expectations++;
        add_failure(&t, NULL, 0, err.text);
        return t.report;
    }
    lua_State *L = e->sandbox.L;
    lua_pushlightuserdata(L, &t);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &RUN);
    lua_pushcfunction(L, run_file);
    lua_pushlightuserdata(L, file);
    if (sandbox_call(&e->sandbox, 1, 0, &failure) < 0)
        add_error(&t, &failure);
    add_promises(&t);
    add_mistakes(&t);
    return t.report;
}
