#include "script/judge.h"
#include "base/alloc.h"
#include "base/text.h"
#include "script/convert.h"
#include "script/cpu_budget.h"
#include "script/expression.h"
#include "script/function.h"
#include "script/image.h"
#include "script/library.h"
#include "script/notify_call.h"
#include "script/value.h"
#include "script/worker_process.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    VERDICT_BYTES_MAX = JUDGE_TEXT_MAX + 40,
    GARBAGE_BYTES_MAX = 16 << 20 /* collected between calls, never in one */
};

/* What the signal handler goes on with when a call sits in C. */
struct judge {
    struct evaluation *e;
    const Perigee__Judgement *question;
    int fd;
    size_t count; /* answers wanted: hosts, or the one event */
    size_t done;
    int call_ms; /* CPU time of a call */
    /* 'V' and packed verdicts; room for all from the start, so that the
     * handler allocates nothing. */
    uint8_t *answer;
    size_t size;
};

/* --- verdicts --- */

/* One element of Verdicts.verdicts, as it stands on the wire. Calls nothing
 * that a signal handler may not. */
static void add_verdict(struct judge *j, const Perigee__Verdict *verdict)
{
    size_t size = perigee__verdict__get_packed_size(verdict);
    uint8_t *at = j->answer + j->size;
    *at++ = 1 << 3 | 2; /* field 1, with a length of one or two bytes */
    if (size >= 0x80)
        *at++ = (uint8_t)(size | 0x80);
    *at++ = (uint8_t)(size >= 0x80 ? size >> 7 : size);
    at += perigee__verdict__pack(verdict, at);
    j->size = (size_t)(at - j->answer);
    j->done++;
}

static void add_value(struct judge *j, int64_t number)
{
    Perigee__Verdict verdict = PERIGEE__VERDICT__INIT;
    verdict.has_value = true;
    verdict.value = number;
    add_verdict(j, &verdict);
}

static void add_failure(struct judge *j, const char *file, int line,
                        const char *why, bool is_passing)
{
    char text[JUDGE_TEXT_MAX];
    Perigee__Verdict verdict = PERIGEE__VERDICT__INIT;
    if (*file != '\0')
        snprintf(text, sizeof text, "%.*s:%d: %s", JUDGE_TEXT_MAX / 2, file,
                 line, why);
    else
        snprintf(text, sizeof text, "%s", why);
    /* A cut may have split a character, a file may raise any bytes. */
    for (size_t size = strlen(text);
         size > 0 && !text_is_utf8((const uint8_t *)text, size);)
        text[--size] = '\0';
    verdict.failure = text;
    verdict.has_passing = is_passing;
    verdict.passing = is_passing;
    add_verdict(j, &verdict);
}

static bool write_answer(const struct judge *j)
{
    for (size_t at = 0; at < j->size;) {
        ssize_t done = write(j->fd, j->answer + at, j->size - at);
        if (done < 0 && errno != EINTR)
            return false; /* the parent has gone */
        at += done > 0 ? (size_t)done : 0;
    }
    return true;
}

/* --- the clock --- */

static void on_time_in_lua(lua_State *L, void *context)
{
    char text[128];
    sandbox_of(L)->is_spent = true;
    worker_time_text(((const struct judge *)context)->call_ms, text,
                     sizeof text);
    luaL_error(L, "%s", text);
}

/* The process ends here; the hosts that are left share the failure. */
static void on_time_in_c(void *context)
{
    struct judge *j = context;
    char file[SANDBOX_FILE_MAX] = "", text[128];
    int line = 0;
    sandbox_where(j->e->sandbox.L, file, &line);
    worker_time_text(j->call_ms, text, sizeof text);
    while (j->done < j->count)
        add_failure(j, file, line, text, true);
    (void)write_answer(j);
}

/* --- the host as a function sees it --- */

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

/* Name to text, or to a list where the agent gave several values. Attributes
 * are few; names repeat rarely. */
static void push_attributes(lua_State *L, const Perigee__Host *host)
{
    lua_createtable(L, 0, (int)host->n_attributes);
    int map = lua_gettop(L);
    for (size_t i = 0; i < host->n_attributes; i++) {
        const char *name = or_empty(host->attributes[i]->name);
        size_t count = 0, at = 0;
        if (lua_getfield(L, map, name) != LUA_TNIL) {
            lua_pop(L, 1);
            continue; /* was the first of several */
        }
        lua_pop(L, 1);
        for (size_t k = i; k < host->n_attributes; k++)
            count += strcmp(or_empty(host->attributes[k]->name), name) == 0;
        if (count > 1)
            (void)value_push_list(L, count);
        for (size_t k = i; k < host->n_attributes; k++) {
            if (strcmp(or_empty(host->attributes[k]->name), name) != 0)
                continue;
            lua_pushstring(L, or_empty(host->attributes[k]->value));
            if (count > 1)
                lua_setiuservalue(L, -2, (int)++at);
        }
        lua_setfield(L, map, name);
    }
    (void)value_wrap_map(L);
}

static void set_integer(lua_State *L, const char *name, int64_t number)
{
    lua_pushinteger(L, number);
    lua_setfield(L, -2, name);
}

static void set_text(lua_State *L, const char *name, const char *text)
{
    lua_pushstring(L, or_empty(text));
    lua_setfield(L, -2, name);
}

/* cpu in cores, as in the job language: 4, 0.5 */
static void push_resources(lua_State *L, const Perigee__Host *host)
{
    lua_createtable(L, 0, 5);
    if (host->cpu_milli % 1000 == 0)
        lua_pushinteger(L, host->cpu_milli / 1000);
    else
        lua_pushnumber(L, (lua_Number)host->cpu_milli / 1000);
    lua_setfield(L, -2, "cpu");
    set_integer(L, "ram", host->ram_bytes);
    set_integer(L, "disk", host->disk_bytes);
    set_integer(L, "gpu", host->gpu);
    set_integer(L, "ports", host->ports);
    library_freeze_record(L, "host.resources");
}

/* lightuserdata perigee.Host, function -> function, host */
static int prepare(lua_State *L)
{
    const Perigee__Host *host = lua_touserdata(L, 1);
    lua_createtable(L, 0, 8);
    set_text(L, "hostname", host->hostname);
    set_text(L, "id", host->id);
    set_text(L, "region", host->region);
    set_text(L, "zone", host->zone);
    set_text(L, "role", host->role);
    push_attributes(L, host);
    lua_setfield(L, -2, "attributes");
    push_resources(L, host);
    lua_setfield(L, -2, "resources");
    library_freeze_record(L, "the host");
    return 1;
}

/* --- calls --- */

/* The result on top as a verdict. */
static void take_result(struct judge *j, lua_State *L)
{
    char text[128];
    bool is_place = j->question->kind == PERIGEE__JUDGEMENT__KIND__PLACE;
    int is_integer = 0;
    lua_Integer number = 0;
    if (lua_type(L, -1) == LUA_TNUMBER)
        number = lua_tointegerx(L, -1, &is_integer);
    if (is_place && lua_isboolean(L, -1)) {
        add_value(j, lua_toboolean(L, -1));
    } else if (!is_place && is_integer) {
        add_value(j, number);
    } else {
        snprintf(text, sizeof text, "%s returned %s%s: want %s",
                 is_place ? "place" : "rank", lua_isnil(L, -1) ? "" : "a ",
                 value_type_name(L, -1),
                 is_place ? "true or false" : "an integer");
        add_failure(j, "", 0, text, false);
    }
    lua_pop(L, 1);
}

struct calls {
    struct judge *j;
    struct image image;
    struct cpu_budget budget;
};

/* The result on top as deliveries, or as a failure. */
static void take_deliveries(struct judge *j, lua_State *L)
{
    struct sandbox_failure failure;
    struct arena arena;
    Perigee__Verdicts verdicts = PERIGEE__VERDICTS__INIT;
    arena_init(&arena);
    lua_pushcfunction(L, notify_read_result);
    lua_insert(L, -2);
    lua_pushlightuserdata(L, &arena);
    lua_pushlightuserdata(L, &verdicts);
    if (sandbox_call(&j->e->sandbox, 3, 0, &failure) < 0) {
        add_failure(j, "", 0, failure.text, false);
    } else {
        size_t size = perigee__verdicts__get_packed_size(&verdicts);
        j->answer = xrealloc(j->answer, j->size + size + 1);
        j->size += perigee__verdicts__pack(&verdicts, j->answer + j->size);
        j->done++;
    }
    arena_release(&arena);
}

/* The function is at the bottom of the stack. */
static void call_one(struct calls *c, void *subject)
{
    bool is_notify = c->j->question->kind == PERIGEE__JUDGEMENT__KIND__NOTIFY;
    struct sandbox *sandbox = &c->j->e->sandbox;
    struct sandbox_failure failure;
    lua_State *L = sandbox->L;
    lua_pushcfunction(L, is_notify ? notify_push_event : prepare);
    lua_pushlightuserdata(L, subject);
    int rc = sandbox_call(sandbox, 1, 1, &failure);
    if (rc == 0) {
        lua_pushvalue(L, 1);
        lua_insert(L, -2);
        cpu_budget_start(&c->budget);
        rc = sandbox_call(sandbox, 1, 1, &failure);
        cpu_budget_stop();
    }
    if (rc == 0 && is_notify)
        take_deliveries(c->j, L);
    else if (rc == 0)
        take_result(c->j, L);
    else
        add_failure(c->j, failure.file, failure.line, failure.text,
                    sandbox->is_spent);
    sandbox->is_spent = false;
    sandbox->refused = (struct sandbox_failure){0};
}

/* function, lightuserdata struct calls */
static int take_image(lua_State *L)
{
    struct calls *c = lua_touserdata(L, 2);
    lua_settop(L, 1);
    image_take(L, &c->image);
    return 0;
}

static int restore_image(lua_State *L)
{
    const struct calls *c = lua_touserdata(L, 1);
    (void)image_restore(L, &c->image);
    return 0;
}

static int protected_step(struct calls *c, lua_CFunction step, bool is_first,
                          struct sandbox_failure *failure)
{
    lua_State *L = c->j->e->sandbox.L;
    lua_pushcfunction(L, step);
    if (is_first)
        lua_pushvalue(L, 1);
    lua_pushlightuserdata(L, c);
    return sandbox_call(&c->j->e->sandbox, is_first ? 2 : 1, 0, failure);
}

static void fail_rest(struct judge *j, const struct sandbox_failure *failure)
{
    while (j->done < j->count)
        add_failure(j, failure->file, failure->line, failure->text, true);
}

/* The function is the only thing on the stack. The collector stays off while a
 * call runs: the garbage of the file is not the function's to pay for. */
static void call_all(struct judge *j)
{
    struct sandbox *sandbox = &j->e->sandbox;
    struct sandbox_failure failure;
    struct calls c = {.j = j,
                      .budget = {.sandbox = sandbox,
                                 .cpu_ms = j->call_ms,
                                 .in_lua = on_time_in_lua,
                                 .in_c = on_time_in_c,
                                 .context = j}};
    j->e->is_over = true;
    lua_gc(sandbox->L, LUA_GCCOLLECT);
    int rc = protected_step(&c, take_image, true, &failure);
    lua_gc(sandbox->L, LUA_GCSTOP);
    size_t clean_bytes = sandbox->used_bytes;
    for (size_t i = 0; rc == 0 && i < j->count; i++) {
        call_one(&c, j->question->event != NULL
                         ? (void *)j->question->event
                         : (void *)j->question->hosts[i]);
        rc = protected_step(&c, restore_image, false, &failure);
        if (sandbox->used_bytes > clean_bytes + GARBAGE_BYTES_MAX)
            lua_gc(sandbox->L, LUA_GCCOLLECT);
    }
    if (rc < 0)
        fail_rest(j, &failure);
}

/* --- expressions --- */

static void match_one(struct judge *j, struct expression *expression,
                      const Perigee__Host *host)
{
    const char *attribute = or_empty(j->question->attribute);
    struct err err = {0};
    bool is_named = false;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < host->n_attributes; i++) {
        if (strcmp(or_empty(host->attributes[i]->name), attribute) != 0)
            continue;
        is_named = true;
        rc = expression_match(
            expression, bytes_of_text(or_empty(host->attributes[i]->value)),
            &err);
    }
    if (!is_named && strcmp(attribute, "host") == 0)
        rc = expression_match(expression,
                              bytes_of_text(or_empty(host->hostname)), &err);
    if (rc < 0)
        add_failure(j, "", 0, err.text, false);
    else
        add_value(j, rc);
}

static void match_all(struct judge *j)
{
    struct expression *expression = NULL;
    struct err err = {0};
    if (expression_new(or_empty(j->question->expression), &expression, &err) <
        0) {
        for (size_t i = 0; i < j->count; i++)
            add_failure(j, "", 0, err.text, false);
        return;
    }
    for (size_t i = 0; i < j->count; i++)
        match_one(j, expression, j->question->hosts[i]);
    expression_free(expression);
}

/* --- one question --- */

Perigee__Judgement *judge_unpack(struct bytes bytes)
{
    Perigee__Judgement *out =
        perigee__judgement__unpack(NULL, bytes.size, bytes.data);
    bool is_one = out != NULL && out->n_hosts <= JUDGE_HOSTS_MAX &&
                  out->kind >= PERIGEE__JUDGEMENT__KIND__PLACE &&
                  out->kind <= PERIGEE__JUDGEMENT__KIND__LIKE &&
                  out->event == NULL;
    if (out != NULL && out->kind == PERIGEE__JUDGEMENT__KIND__NOTIFY)
        is_one = out->event != NULL && out->n_hosts == 0;
    if (is_one)
        return out;
    perigee__judgement__free_unpacked(out, NULL);
    return NULL;
}

bool judge_run(struct evaluation *e, const Perigee__Judgement *judgement,
               const char *problem, int fd)
{
    bool is_notify = judgement->kind == PERIGEE__JUDGEMENT__KIND__NOTIFY;
    struct judge j = {.e = e,
                      .question = judgement,
                      .fd = fd,
                      .count = is_notify ? 1 : judgement->n_hosts,
                      .call_ms = is_notify ? JUDGE_NOTIFY_MS : JUDGE_CALL_MS};
    struct sandbox_failure none = {0};
    j.answer = xcalloc(1 + j.count, VERDICT_BYTES_MAX);
    j.answer[j.size++] = 'V';
    if (e->sandbox.L != NULL)
        lua_settop(e->sandbox.L, 0);
    if (judgement->kind == PERIGEE__JUDGEMENT__KIND__LIKE) {
        match_all(&j);
    } else if (e->sandbox.L != NULL &&
               function_push(e->sandbox.L, judgement->ordinal)) {
        call_all(&j);
    } else {
        snprintf(none.text, sizeof none.text, "%s",
                 problem != NULL ? problem
                                 : "the bundle has no function of that number");
        fail_rest(&j, &none);
    }
    bool is_written = write_answer(&j);
    free(j.answer);
    return is_written;
}
