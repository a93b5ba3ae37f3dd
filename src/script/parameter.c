/* param(name, {type =, default =, choices =, min =, max =, help =}): what a
 * file wants to be told, given with -p name=value. A missing or ill-typed one
 * counts as the zero of its type, so that the run goes on and finds the other
 * problems too. */
#include "base/text.h"
#include "script/convert.h"
#include "script/language.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MESSAGE_MAX = 200,
    REPORT_MAX = 600,
    SHOWN_MAX = 60,
    CHOICES_MAX = 256,
    HELP_MAX = 1000
};

static const char *const TYPES[] = {"string", "integer", "number", "boolean",
                                    NULL};
enum { TYPE_STRING, TYPE_INTEGER, TYPE_NUMBER, TYPE_BOOLEAN };

/* Stack of l_param. */
enum { NAME = 1, OPTIONS, RESULT };

/* One call of param(). */
struct declaration {
    lua_State *L;
    struct evaluation *e;
    const char *name;
    int type;
    Perigee__Parameter *message; /* in the arena */
};

static const char *given_value(const struct evaluation *e, const char *name)
{
    for (size_t i = e->parameter_count; i-- > 0;)
        if (strcmp(e->parameter[i].name, name) == 0)
            return e->parameter[i].value;
    return NULL;
}

static void report(const struct declaration *d, const char *what,
                   const char *expected, const char *nearest)
{
    char message[REPORT_MAX];
    snprintf(message, sizeof message, "parameter '%.*s' %s", SHOWN_MAX, d->name,
             what);
    language_problem(d->L, "param", message, expected, nearest);
}

/* --- values --- */

static const char *article(int type)
{
    return type == TYPE_INTEGER ? "an" : "a";
}

static void push_zero(lua_State *L, int type)
{
    if (type == TYPE_STRING)
        lua_pushstring(L, "");
    else if (type == TYPE_BOOLEAN)
        lua_pushboolean(L, false);
    else
        lua_pushinteger(L, 0);
}

static bool is_finite(lua_State *L, int index)
{
    return lua_isinteger(L, index) || isfinite(lua_tonumber(L, index));
}

/* The text as a value of the type; false, and nothing, when it is none. */
static bool push_typed(lua_State *L, int type, const char *text)
{
    int64_t integer;
    switch (type) {
    case TYPE_INTEGER:
        if (text_int(text, INT64_MIN, INT64_MAX, &integer, NULL) < 0)
            return false;
        lua_pushinteger(L, integer);
        return true;
    case TYPE_NUMBER:
        if (lua_stringtonumber(L, text) == 0)
            return false;
        if (is_finite(L, -1))
            return true;
        lua_pop(L, 1);
        return false;
    case TYPE_BOOLEAN:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
            return false;
        lua_pushboolean(L, text[0] == 't');
        return true;
    default:
        if (!text_is_utf8((const uint8_t *)text, strlen(text)))
            return false;
        lua_pushstring(L, text);
        return true;
    }
}

/* Is the value on top of the type? 3.0 is an integer, and becomes 3. */
static bool take_type(lua_State *L, int type)
{
    int is_integer = 0;
    lua_Integer integer;
    switch (type) {
    case TYPE_INTEGER:
        if (lua_type(L, -1) != LUA_TNUMBER)
            return false;
        integer = lua_tointegerx(L, -1, &is_integer);
        if (!is_integer)
            return false;
        lua_pop(L, 1);
        lua_pushinteger(L, integer);
        return true;
    case TYPE_NUMBER:
        return lua_type(L, -1) == LUA_TNUMBER && is_finite(L, -1);
    case TYPE_BOOLEAN:
        return lua_isboolean(L, -1);
    default:
        return lua_type(L, -1) == LUA_TSTRING;
    }
}

/* The value on top as -p takes it, in the arena. */
static char *value_text(const struct declaration *d)
{
    char *text = arena_strdup(&d->e->arena, luaL_tolstring(d->L, -1, NULL));
    lua_pop(d->L, 1);
    return text;
}

/* --- options --- */

static void check_names(const struct declaration *d)
{
    static const char *const KNOWN[] = {"type", "default", "choices", "min",
                                        "max",  "help",    NULL};
    lua_State *L = d->L;
    char what[MESSAGE_MAX];
    lua_pushnil(L);
    while (lua_next(L, OPTIONS) != 0) {
        lua_pop(L, 1);
        const char *option =
            lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "?";
        bool is_known = false;
        for (size_t i = 0; KNOWN[i] != NULL; i++)
            is_known |= strcmp(KNOWN[i], option) == 0;
        if (is_known)
            continue;
        snprintf(what, sizeof what, "has an unknown option '%.*s'", SHOWN_MAX,
                 option);
        report(d, what, NULL, text_nearest(option, KNOWN));
    }
}

static void read_type(struct declaration *d)
{
    lua_State *L = d->L;
    d->type = TYPE_STRING;
    if (lua_getfield(L, OPTIONS, "type") != LUA_TNIL) {
        const char *type =
            lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
        int at = 0;
        while (TYPES[at] != NULL && strcmp(TYPES[at], type) != 0)
            at++;
        if (TYPES[at] != NULL)
            d->type = at;
        else
            report(d, "has an unknown type",
                   "want 'string', 'integer', 'number' or 'boolean'",
                   text_nearest(type, TYPES));
    }
    lua_pop(L, 1);
    d->message->type = (char *)(uintptr_t)TYPES[d->type];
}

static void read_help(struct declaration *d)
{
    lua_State *L = d->L;
    if (lua_getfield(L, OPTIONS, "help") == LUA_TSTRING &&
        lua_rawlen(L, -1) <= HELP_MAX)
        d->message->help = arena_strdup(&d->e->arena, lua_tostring(L, -1));
    else if (!lua_isnil(L, -1))
        report(d, "has a help that cannot be shown",
               "want a string of at most 1000 bytes", NULL);
    lua_pop(L, 1);
}

/* min or max; what is wrong becomes nil in the copied options. */
static char *read_bound(struct declaration *d, const char *name)
{
    lua_State *L = d->L;
    char what[MESSAGE_MAX];
    char *text = NULL;
    bool is_number = d->type == TYPE_INTEGER || d->type == TYPE_NUMBER;
    if (lua_getfield(L, OPTIONS, name) == LUA_TNIL) {
        lua_pop(L, 1);
        return NULL;
    }
    if (is_number && take_type(L, d->type)) {
        text = value_text(d);
    } else {
        snprintf(what, sizeof what, "has a %s that is no %s", name,
                 is_number ? TYPES[d->type] : "bound of its type");
        report(d, what, is_number ? NULL : "want min and max of numbers only",
               NULL);
        lua_pop(L, 1);
        lua_pushnil(L);
    }
    lua_setfield(L, OPTIONS, name);
    return text;
}

/* Bounds that no value keeps: the maximum is dropped once that is told. */
static void check_order(struct declaration *d)
{
    lua_State *L = d->L;
    char expected[MESSAGE_MAX];
    int top = lua_gettop(L);
    lua_getfield(L, OPTIONS, "min");
    lua_getfield(L, OPTIONS, "max");
    if (lua_isnumber(L, -2) && lua_isnumber(L, -1) &&
        lua_compare(L, -1, -2, LUA_OPLT)) {
        snprintf(expected, sizeof expected, "want max to be at least %s",
                 d->message->min);
        report(d, "has a min above its max", expected, NULL);
        d->message->max = NULL;
        lua_pushnil(L);
        lua_setfield(L, OPTIONS, "max");
    }
    lua_settop(L, top);
}

static void read_choices(struct declaration *d)
{
    lua_State *L = d->L;
    if (lua_getfield(L, OPTIONS, "choices") == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    size_t count = lua_istable(L, -1) ? lua_rawlen(L, -1) : 0;
    bool is_good = count > 0 && count <= CHOICES_MAX;
    char **list = arena_alloc(&d->e->arena, (CHOICES_MAX + 1) * sizeof *list);
    for (size_t i = 0; is_good && i < count; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        is_good = take_type(L, d->type);
        if (is_good)
            list[i] = value_text(d);
        lua_pop(L, 1);
    }
    if (is_good) {
        d->message->choices = list;
        d->message->n_choices = count;
    } else {
        char expected[MESSAGE_MAX];
        snprintf(expected, sizeof expected,
                 "want a list of 1 to %d values, each %s %s", CHOICES_MAX,
                 article(d->type), TYPES[d->type]);
        report(d, "has choices that are none", expected, NULL);
        lua_pushnil(L);
        lua_setfield(L, OPTIONS, "choices");
    }
    lua_pop(L, 1);
}

/* --- the value against its options --- */

static void check_bound(const struct declaration *d, const char *name,
                        const char *words)
{
    lua_State *L = d->L;
    char what[MESSAGE_MAX], expected[MESSAGE_MAX];
    int value = lua_gettop(L);
    if (lua_type(L, value) != LUA_TNUMBER ||
        lua_getfield(L, OPTIONS, name) == LUA_TNIL) {
        lua_settop(L, value);
        return;
    }
    bool is_min = name[1] == 'i';
    if (lua_compare(L, is_min ? value : -1, is_min ? -1 : value, LUA_OPLT)) {
        snprintf(expected, sizeof expected, "want at %s %s",
                 is_min ? "least" : "most", luaL_tolstring(L, -1, NULL));
        snprintf(what, sizeof what, "%s out of range", words);
        report(d, what, expected, NULL);
    }
    lua_settop(L, value);
}

static void check_choices(const struct declaration *d, const char *words)
{
    const Perigee__Parameter *p = d->message;
    struct buf expected = {0};
    char what[MESSAGE_MAX];
    if (p->n_choices == 0)
        return;
    const char *text = value_text(d);
    for (size_t i = 0; i < p->n_choices; i++)
        if (strcmp(p->choices[i], text) == 0)
            return;
    buf_add_text(&expected, "want ");
    for (size_t i = 0; i < p->n_choices && expected.size < 100; i++)
        buf_addf(&expected, "%s'%.*s'", i > 0 ? ", " : "", SHOWN_MAX,
                 p->choices[i]);
    if (expected.size >= 100)
        buf_add_text(&expected, ", ...");
    p->choices[p->n_choices] = NULL;
    snprintf(what, sizeof what, "%s none of its choices", words);
    report(d, what, buf_text(&expected),
           text_nearest(text, (const char *const *)p->choices));
    buf_release(&expected);
}

static void check_value(const struct declaration *d, const char *words)
{
    check_bound(d, "min", words);
    check_bound(d, "max", words);
    check_choices(d, words);
}

/* --- declaring --- */

static Perigee__Parameter *find_declared(const struct evaluation *e,
                                         const char *name)
{
    for (uint32_t i = 0; i < e->declared.count; i++)
        if (strcmp(e->declared.item[i]->name, name) == 0)
            return e->declared.item[i];
    return NULL;
}

static bool is_name(const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < size; i++) {
        char c = name[i];
        bool is_letter =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        bool is_inner = (c >= '0' && c <= '9') || c == '-' || c == '.';
        if (!is_letter && !(i > 0 && is_inner))
            return false;
    }
    return size > 0 && size < PARAMETER_NAME_MAX;
}

static bool is_same(const Perigee__Parameter *a, const Perigee__Parameter *b)
{
    struct buf one = {0}, two = {0};
    buf_reserve(&one, perigee__parameter__get_packed_size(a));
    one.size = perigee__parameter__pack(a, one.data);
    buf_reserve(&two, perigee__parameter__get_packed_size(b));
    two.size = perigee__parameter__pack(b, two.data);
    bool is_equal = bytes_equal(buf_bytes(&one), buf_bytes(&two));
    buf_release(&one);
    buf_release(&two);
    return is_equal;
}

/* The same name may be declared by two files, if they mean the same. */
static void declare(struct declaration *d)
{
    const Perigee__Parameter *before = find_declared(d->e, d->name);
    if (before != NULL) {
        if (!is_same(before, d->message))
            report(d, "is declared twice, and differs",
                   "want one declaration, or equal ones", NULL);
        return;
    }
    if (!is_name(d->name))
        report(d, "cannot be given with -p name=value",
               "want letters, digits, '_', '-' and '.', at most 63 of them, "
               "and a letter first",
               NULL);
    if (d->e->declared.count == PARAMETERS_MAX)
        luaL_error(d->L, "param: want at most %d parameters", PARAMETERS_MAX);
    *vec_add(&d->e->declared) = d->message;
}

/* Push the default, or the zero of the type without one. */
static bool push_default(struct declaration *d)
{
    lua_State *L = d->L;
    char what[MESSAGE_MAX];
    if (lua_getfield(L, OPTIONS, "default") == LUA_TNIL) {
        lua_pop(L, 1);
        push_zero(L, d->type);
        return false;
    }
    if (!take_type(L, d->type)) {
        snprintf(what, sizeof what, "has a default that is no %s",
                 TYPES[d->type]);
        report(d, what, NULL, NULL);
        lua_pop(L, 1);
        push_zero(L, d->type);
    } else {
        check_value(d, "has a default");
    }
    d->message->initial = value_text(d);
    return true;
}

/* What was given instead of the default on top. */
static void take_given(struct declaration *d, const char *text)
{
    lua_State *L = d->L;
    char what[MESSAGE_MAX], expected[MESSAGE_MAX];
    lua_pop(L, 1);
    if (!push_typed(L, d->type, text)) {
        snprintf(what, sizeof what, "is '%.*s'", SHOWN_MAX, text);
        snprintf(expected, sizeof expected, "want %s %s", article(d->type),
                 TYPES[d->type]);
        report(d, what, expected, NULL);
        push_zero(L, d->type);
    } else {
        check_value(d, "is");
    }
}

/* Options are copied, so that what is wrong in them can be dropped. */
static void copy_options(lua_State *L)
{
    lua_settop(L, OPTIONS);
    if (!lua_isnil(L, OPTIONS))
        luaL_checktype(L, OPTIONS, LUA_TTABLE);
    lua_newtable(L);
    if (lua_istable(L, OPTIONS)) {
        lua_pushnil(L);
        while (lua_next(L, OPTIONS) != 0) {
            lua_pushvalue(L, -2);
            lua_insert(L, -2);
            lua_rawset(L, OPTIONS + 1);
        }
    }
    lua_replace(L, OPTIONS);
}

static int l_param(lua_State *L)
{
    struct declaration d = {.L = L, .e = evaluation_of(L)};
    evaluation_check_running(L, "param");
    luaL_checktype(L, NAME, LUA_TSTRING);
    d.name = lua_tostring(L, NAME);
    copy_options(L);
    d.message = arena_alloc(&d.e->arena, sizeof *d.message);
    perigee__parameter__init(d.message);
    d.message->name = arena_strdup(&d.e->arena, d.name);
    check_names(&d);
    read_type(&d);
    read_help(&d);
    d.message->min = read_bound(&d, "min");
    d.message->max = read_bound(&d, "max");
    check_order(&d);
    read_choices(&d);
    bool has_default = push_default(&d);
    declare(&d);
    const char *text = given_value(d.e, d.name);
    if (text != NULL)
        take_given(&d, text);
    else if (!has_default)
        report(&d, "is not given", "want -p name=value", NULL);
    lua_settop(L, RESULT);
    return 1;
}

/* --- after the run --- */

void parameter_check_given(struct evaluation *e)
{
    const char *names[PARAMETERS_MAX + 1];
    char message[REPORT_MAX];
    for (uint32_t i = 0; i < e->declared.count; i++)
        names[i] = e->declared.item[i]->name;
    names[e->declared.count] = NULL;
    for (size_t i = 0; i < e->parameter_count; i++) {
        if (find_declared(e, e->parameter[i].name) != NULL)
            continue;
        struct problem_report undeclared = {
            .message = message,
            .nearest = text_nearest(e->parameter[i].name, names)};
        snprintf(message, sizeof message,
                 "parameter '%.*s' is given, but %s declares none of that name",
                 SHOWN_MAX, e->parameter[i].name, e->entry);
        (void)problem_add(e, &undeclared);
    }
}

void parameter_pack(struct evaluation *e, Perigee__Evaluation *out)
{
    out->n_parameters = e->declared.count;
    out->parameters =
        arena_alloc(&e->arena, (e->declared.count + 1) * sizeof(void *));
    for (uint32_t i = 0; i < e->declared.count; i++)
        out->parameters[i] = e->declared.item[i];
}

void parameter_open(lua_State *L)
{
    lua_pushcfunction(L, l_param);
    lua_setfield(L, -2, "param");
}
