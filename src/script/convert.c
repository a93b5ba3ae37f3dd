/* From what a file gave to what a field holds. */
#include "script/convert.h"
#include "base/text.h"
#include "script/function.h"
#include "script/template.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The constructor that the file wrote, and the field's path in it. */
static struct value *outermost(struct value *self, const char *field,
                               char path[CONVERT_PATH_MAX])
{
    snprintf(path, CONVERT_PATH_MAX, "%s", field != NULL ? field : "");
    for (; self->outer != NULL; self = self->outer) {
        char inner[CONVERT_PATH_MAX];
        bool is_named = !self->is_alone && *path != '\0';
        snprintf(inner, sizeof inner, "%s", path);
        snprintf(path, CONVERT_PATH_MAX, "%s%s%.100s", self->outer_path,
                 is_named && inner[0] != '[' ? "." : "", is_named ? inner : "");
        self->has_mark = true;
    }
    return self;
}

static void record(lua_State *L, struct value *self,
                   struct problem_report report)
{
    struct evaluation *e = evaluation_of(L);
    char path[CONVERT_PATH_MAX];
    if (self == NULL) {
        report.site = evaluation_site(e, "");
        (void)problem_add(e, &report);
        return;
    }
    if (self->outer != NULL) {
        self = outermost(self, report.field, path);
        report.field = path;
    }
    report.site = self->site;
    report.object = self->object->name;
    report.name = self->name;
    report.previous = self->problem;
    self->problem = problem_add(e, &report);
    self->has_mark = true;
}

void value_problem(lua_State *L, struct value *self, const char *field,
                   const char *message, const char *expected,
                   const char *nearest)
{
    record(L, self,
           (struct problem_report){.field = field,
                                   .message = message,
                                   .expected = expected,
                                   .nearest = nearest});
}

void value_missing(lua_State *L, struct value *self,
                   const struct schema_field *field)
{
    struct buf expected = {0};
    char message[CONVERT_PATH_MAX];
    snprintf(message, sizeof message, "missing field '%s'", field->name);
    schema_describe(field, &expected);
    record(L, self,
           (struct problem_report){.field = field->name,
                                   .message = message,
                                   .expected = buf_text(&expected),
                                   .is_missing = self->outer == NULL});
    buf_release(&expected);
}

const char *value_type_name(lua_State *L, int index)
{
    static const char *const kind[] = {[VALUE_LIST] = "list",
                                       [VALUE_MAP] = "map",
                                       [VALUE_RAW] = "raw text",
                                       [VALUE_SECRET] = "secret",
                                       [VALUE_REFUSED] = "refused value"};
    const struct value *value = value_at(L, index);
    if (value != NULL)
        return value->kind == VALUE_OBJECT ? value->object->name
                                           : kind[value->kind];
    if (value_is_unset(L, index))
        return "unset";
    return luaL_typename(L, index);
}

bool convert_wrong(lua_State *L, struct value *self, int index,
                   const struct schema_field *field, const char *path)
{
    struct buf expected = {0};
    char message[CONVERT_MESSAGE_MAX];
    index = lua_absindex(L, index);
    int top = lua_gettop(L);
    if (field->type == FIELD_STRING && field->choices == NULL)
        buf_add_text(&expected, "want a string");
    else
        schema_describe(field, &expected);
    if (field->flags & IS_SECRET)
        snprintf(message, sizeof message, "'%s' is a %s", path,
                 value_type_name(L, index));
    else if (lua_type(L, index) == LUA_TSTRING)
        snprintf(message, sizeof message, "'%s' is the string '%.*s'", path,
                 CONVERT_SHOWN_MAX, lua_tostring(L, index));
    else if (lua_type(L, index) == LUA_TNUMBER ||
             lua_type(L, index) == LUA_TBOOLEAN)
        snprintf(message, sizeof message, "'%s' is %s", path,
                 luaL_tolstring(L, index, NULL));
    else
        snprintf(message, sizeof message, "'%s' is a %s", path,
                 value_type_name(L, index));
    lua_settop(L, top);
    value_problem(L, self, path, message, buf_text(&expected), NULL);
    buf_release(&expected);
    value_push_mark(L);
    return false;
}

bool convert_refuse(lua_State *L, struct value *self, const char *path,
                    const char *message, struct buf *expected)
{
    value_problem(L, self, path, message, buf_text(expected), NULL);
    buf_release(expected);
    value_push_mark(L);
    return false;
}

/* --- plain values --- */

bool convert_string(lua_State *L, struct value *self, int index,
                    const struct schema_field *field, const char *path)
{
    struct buf expected = {0};
    char message[CONVERT_MESSAGE_MAX];
    size_t size;
    if (lua_type(L, index) != LUA_TSTRING)
        return convert_wrong(L, self, index, field, path);
    const char *text = lua_tolstring(L, index, &size);
    if (!schema_check_text(field, text, size, &expected)) {
        const char *nearest = schema_nearest_text(field, text);
        if (field->flags & IS_SECRET)
            snprintf(message, sizeof message, "'%s' is wrong", path);
        else
            snprintf(message, sizeof message, "'%s' is '%.*s'", path,
                     CONVERT_SHOWN_MAX, text);
        value_problem(L, self, path, message, buf_text(&expected), nearest);
        buf_release(&expected);
        value_push_mark(L);
        return false;
    }
    lua_pushvalue(L, index);
    return true;
}

static bool check_template(lua_State *L, struct value *self, int index,
                           const char *path)
{
    struct buf message = {0}, expected = {0};
    struct template_ref ref;
    size_t size;
    bool is_good = true;
    const char *data = lua_tolstring(L, index, &size);
    struct bytes text = bytes_of(data, size);
    for (int found; (found = template_next(&text, &ref, &message, &expected));)
        if (found < 0) {
            value_problem(L, self, path, buf_text(&message),
                          buf_text(&expected), NULL);
            is_good = false;
        }
    buf_release(&message);
    buf_release(&expected);
    return is_good;
}

static bool convert_template(lua_State *L, struct value *self, int index,
                             const struct schema_field *field, const char *path)
{
    const struct value *value = value_at(L, index);
    if (value != NULL && value->kind == VALUE_RAW) {
        lua_getiuservalue(L, index, 1);
        bool is_good = convert_string(L, self, lua_gettop(L), field, path);
        if (is_good) { /* the value itself, not its text */
            lua_pushvalue(L, index);
            lua_replace(L, -2);
        }
        lua_remove(L, -2);
        return is_good;
    }
    if (!convert_string(L, self, index, field, path))
        return false;
    if (check_template(L, self, index, path))
        return true;
    lua_pop(L, 1);
    value_push_mark(L);
    return false;
}

/* Bytes that are written as "4MB". */
static int is_size(lua_State *L, int index, const struct schema_field *field,
                   lua_Integer *out)
{
    int64_t bytes;
    if (field->rule != RULE_SIZE || lua_type(L, index) != LUA_TSTRING ||
        text_size_bytes(lua_tostring(L, index), &bytes, NULL) < 0)
        return 0;
    *out = bytes;
    return 1;
}

/* 3.0 is an integer, 1.5 is not. */
static bool convert_integer(lua_State *L, struct value *self, int index,
                            const struct schema_field *field, const char *path)
{
    enum { MEBIBYTE = 1 << 20 };
    struct buf expected = {0};
    int is_integer = 0;
    lua_Integer number = 0;
    if (lua_type(L, index) == LUA_TNUMBER)
        number = lua_tointegerx(L, index, &is_integer);
    else
        is_integer = is_size(L, index, field, &number);
    if (!is_integer)
        return convert_wrong(L, self, index, field, path);
    if (field->type == FIELD_MEBIBYTES && number > 0)
        number -= number % MEBIBYTE;
    if (!schema_check_number(field, number, &expected)) {
        buf_release(&expected);
        return convert_wrong(L, self, index, field, path);
    }
    lua_pushinteger(L, number);
    return true;
}

bool value_milli(lua_State *L, int index, int64_t *out)
{
    static const lua_Number LIMIT = 9e15; /* beyond, doubles skip integers */
    lua_Number number = lua_tonumber(L, index) * 1000;
    if (!(number > -LIMIT && number < LIMIT))
        return false;
    *out = llround(number);
    return true;
}

static bool convert_milli(lua_State *L, struct value *self, int index,
                          const struct schema_field *field, const char *path)
{
    struct buf expected = {0};
    int64_t milli;
    if (lua_type(L, index) != LUA_TNUMBER || !value_milli(L, index, &milli) ||
        !schema_check_number(field, milli, &expected)) {
        buf_release(&expected);
        return convert_wrong(L, self, index, field, path);
    }
    lua_pushvalue(L, index);
    return true;
}

/* --- one value of a kind --- */

static bool convert_refused(lua_State *L, struct value *self, int index,
                            const struct schema_field *field, const char *path)
{
    char message[CONVERT_MESSAGE_MAX];
    (void)index;
    snprintf(message, sizeof message, "'%s' is refused: %s", field->name,
             field->help);
    value_problem(L, self, path, message, NULL, NULL);
    self->has_mark = true;
    value_push_mark(L);
    return false;
}

static bool convert_boolean(lua_State *L, struct value *self, int index,
                            const struct schema_field *field, const char *path)
{
    if (!lua_isboolean(L, index))
        return convert_wrong(L, self, index, field, path);
    lua_pushvalue(L, index);
    return true;
}

static bool convert_function(lua_State *L, struct value *self, int index,
                             const struct schema_field *field, const char *path)
{
    if (!lua_isfunction(L, index))
        return convert_wrong(L, self, index, field, path);
    if (!function_is_lua(L, index)) {
        char message[CONVERT_MESSAGE_MAX];
        snprintf(message, sizeof message, "'%s' is a function of the language",
                 path);
        value_problem(L, self, path, message,
                      "want a function that is written in the file", NULL);
        value_push_mark(L);
        return false;
    }
    lua_pushvalue(L, index);
    return true;
}

bool value_convert(lua_State *L, struct value *self, int index,
                   const struct schema_field *field, const char *path)
{
    typedef bool convert_type(lua_State *, struct value *, int,
                              const struct schema_field *, const char *);
    static convert_type *const convert[] = {
        [FIELD_STRING] = convert_string,   [FIELD_TEMPLATE] = convert_template,
        [FIELD_BOOLEAN] = convert_boolean, [FIELD_INTEGER] = convert_integer,
        [FIELD_MILLI] = convert_milli,     [FIELD_MEBIBYTES] = convert_integer,
        [FIELD_OBJECT] = convert_object,   [FIELD_LIST] = convert_list,
        [FIELD_MAP] = convert_map,         [FIELD_FUNCTION] = convert_function,
        [FIELD_TAG] = convert_refused,     [FIELD_INTO] = convert_refused,
        [FIELD_REFUSED] = convert_refused};
    luaL_checkstack(L, 12, "job file");
    const struct value *value = value_at(L, index);
    if (value_is_mark(L, index) || /* it was reported where it was made */
        (value != NULL && value->kind == VALUE_REFUSED)) {
        self->has_mark = true;
        value_push_mark(L);
        return false;
    }
    return convert[field->type](L, self, lua_absindex(L, index), field, path);
}
