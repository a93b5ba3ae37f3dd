/* Host constraints: the operators limit, one_of, like, ... and Aurora's
 * spelling, "a,b", "!a" and "limit:2". */
#include "base/text.h"
#include "script/convert.h"
#include "script/expression.h"
#include "script/language.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_MAX = 300 };

/* What an operator works on. */
enum operand {
    NUMBER,
    NUMBER_OR_NONE,
    VALUES,
    VALUE,
    VALUE_OR_NONE,
    EXPRESSION,
    NOTHING
};

struct operator
{
    const char *name;
    Perigee__HostConstraint__Kind kind;
    enum operand operand;
};

static const struct operator OPERATORS[] = {
    {"cluster_on", PERIGEE__HOST_CONSTRAINT__KIND__CLUSTER, VALUE_OR_NONE},
    {"dedicated", PERIGEE__HOST_CONSTRAINT__KIND__ONE_OF, VALUE},
    {"group_by", PERIGEE__HOST_CONSTRAINT__KIND__GROUP_BY, NUMBER_OR_NONE},
    {"like", PERIGEE__HOST_CONSTRAINT__KIND__LIKE, EXPRESSION},
    {"limit", PERIGEE__HOST_CONSTRAINT__KIND__LIMIT, NUMBER},
    {"max_per", PERIGEE__HOST_CONSTRAINT__KIND__MAX_PER, NUMBER},
    {"none_of", PERIGEE__HOST_CONSTRAINT__KIND__NONE_OF, VALUES},
    {"one_of", PERIGEE__HOST_CONSTRAINT__KIND__ONE_OF, VALUES},
    {"unique", PERIGEE__HOST_CONSTRAINT__KIND__UNIQUE, NOTHING},
    {"unlike", PERIGEE__HOST_CONSTRAINT__KIND__UNLIKE, EXPRESSION},
};

/* Push a HostConstraint; the operand on top of the stack is a frozen list, a
 * number, or nil, and is taken away. */
static void push_constraint(lua_State *L, struct call_site site, int kind)
{
    const struct schema_object *object = schema_object("HostConstraint");
    int operand = lua_gettop(L);
    struct value *value = value_push(L, object, site);
    const struct value *list = value_at(L, operand);
    value->has_mark = list != NULL && list->has_mark;
    lua_pushinteger(L, kind);
    lua_setiuservalue(L, -2, value_slot(object, "kind"));
    lua_pushvalue(L, operand);
    lua_setiuservalue(L, -2,
                      value_slot(object, list != NULL ? "values" : "limit"));
    lua_remove(L, operand);
}

/* --- functions --- */

static bool check_count(lua_State *L, const struct operator* op, int count)
{
    static const struct {
        int least, most;
        const char *expected;
    } counts[] = {[NUMBER] = {1, 1, "want one number"},
                  [NUMBER_OR_NONE] = {0, 1, "want one number, or nothing"},
                  [VALUES] = {1, LIST_MAX, "want at least one"},
                  [VALUE] = {1, 1, "want one string"},
                  [VALUE_OR_NONE] = {0, 1, "want one string, or nothing"},
                  [EXPRESSION] = {1, 1, "want one expression"},
                  [NOTHING] = {0, 0, "want unique()"}};
    char message[MESSAGE_MAX];
    if (count >= counts[op->operand].least && count <= counts[op->operand].most)
        return true;
    snprintf(message, sizeof message, "%s of %d values", op->name, count);
    language_problem(L, op->name, count == 0 ? "no values" : message,
                     counts[op->operand].expected, NULL);
    return false;
}

static bool check_expression(lua_State *L, const struct operator* op)
{
    struct err err = {0};
    char message[MESSAGE_MAX + ERR_TEXT_MAX];
    if (lua_type(L, 1) != LUA_TSTRING)
        return true; /* the values are checked next */
    if (expression_check(lua_tostring(L, 1), &err) == 0)
        return true;
    snprintf(message, sizeof message, "'%.*s' is no expression: %s",
             CONVERT_SHOWN_MAX, lua_tostring(L, 1), err.text);
    language_problem(L, op->name, message, NULL, NULL);
    return false;
}

/* The arguments, checked and frozen, on top of the stack. */
static bool push_operand(lua_State *L, const struct operator* op,
                         struct value *holder, int count)
{
    const struct schema_object *object = holder->object;
    bool is_number = op->operand == NUMBER || op->operand == NUMBER_OR_NONE;
    if (count == 0) {
        lua_pushnil(L);
        return true;
    }
    if (is_number)
        return value_convert(L, holder, 1, schema_field(object, "limit"),
                             "limit");
    if (op->operand == EXPRESSION && !check_expression(L, op))
        return false;
    if (op->operand == VALUES) {
        language_push_arguments(L, count);
    } else {
        lua_createtable(L, 1, 0);
        lua_pushvalue(L, 1);
        lua_rawseti(L, -2, 1);
    }
    return value_convert(L, holder, lua_gettop(L),
                         schema_field(object, "values"), "values");
}

/* one_of("a", "b"), limit(2), ...; upvalue: the operator */
static int l_operator(lua_State *L)
{
    const struct operator* op = lua_touserdata(L, lua_upvalueindex(1));
    struct call_site site = evaluation_site(evaluation_of(L), op->name);
    int count = lua_gettop(L);
    luaL_checkstack(L, 12, "job file");
    struct value *holder = value_push(L, schema_object("HostConstraint"), site);
    if (!check_count(L, op, count) || !push_operand(L, op, holder, count)) {
        value_push_refused(L); /* its problem is told */
        return 1;
    }
    push_constraint(L, site, (int)op->kind);
    return 1;
}

void operators_open(lua_State *L)
{
    for (size_t i = 0; i < sizeof OPERATORS / sizeof *OPERATORS; i++) {
        lua_pushlightuserdata(L, (void *)(uintptr_t)&OPERATORS[i]);
        lua_pushcclosure(L, l_operator, 1);
        lua_setfield(L, -2, OPERATORS[i].name);
    }
}

/* --- Aurora's spelling --- */

/* "a,b" -> a frozen list of strings */
static void push_split(lua_State *L, const char *text)
{
    uint32_t count = 1, at = 1;
    for (const char *c = text; *c != '\0'; c++)
        count += *c == ',';
    (void)value_push_list(L, count);
    for (const char *part = text; part != NULL; at++) {
        size_t size = strcspn(part, ",");
        lua_pushlstring(L, part, size);
        lua_setiuservalue(L, -2, (int)at);
        part = part[size] == ',' ? part + size + 1 : NULL;
    }
}

static bool refuse(lua_State *L, struct value *self, const char *path,
                   const char *text, const char *expected)
{
    char message[CONVERT_MESSAGE_MAX];
    snprintf(message, sizeof message, "'%s' is '%.*s'", path, CONVERT_SHOWN_MAX,
             text);
    value_problem(L, self, path, message, expected, NULL);
    value_push_mark(L);
    return false;
}

bool convert_constraint(lua_State *L, struct value *self, int index,
                        const char *path)
{
    static const char LIMIT[] = "limit:";
    const char *text = lua_tostring(L, index);
    int kind = PERIGEE__HOST_CONSTRAINT__KIND__LIMIT;
    if (strncmp(text, LIMIT, sizeof LIMIT - 1) == 0) {
        int64_t limit;
        if (text_int(text + sizeof LIMIT - 1, 1, 1000000, &limit, NULL) < 0)
            return refuse(L, self, path, text,
                          "want limit:N, N from 1 to 1000000");
        lua_pushinteger(L, limit);
    } else {
        const char *values = text + (text[0] == '!');
        if (values[0] == '\0' || values[0] == ',' || strstr(values, ",,") ||
            values[strlen(values) - 1] == ',')
            return refuse(L, self, path, text,
                          "want 'a,b', '!a,b' or 'limit:N'");
        kind = text[0] == '!' ? PERIGEE__HOST_CONSTRAINT__KIND__NONE_OF
                              : PERIGEE__HOST_CONSTRAINT__KIND__ONE_OF;
        push_split(L, values);
    }
    push_constraint(L, self->site, kind);
    return true;
}
