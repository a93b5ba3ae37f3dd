/* From what a file gave to what a field holds. */
#include "script/convert.h"
#include "base/text.h"
#include "script/template.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PATH_TEXT_MAX = 160, SHOWN_MAX = 60, MESSAGE_MAX = 400 };

void value_problem(lua_State *L, struct value *self, const char *field,
                   const char *message, const char *expected,
                   const char *nearest)
{
    struct evaluation *e = evaluation_of(L);
    struct problem_report report = {.field = field,
                                    .message = message,
                                    .expected = expected,
                                    .nearest = nearest};
    if (self == NULL) {
        report.site = evaluation_site(e, "");
        (void)problem_add(e, &report);
        return;
    }
    report.site = self->site;
    report.object = self->object->name;
    report.name = self->name;
    self->problem = problem_add(e, &report);
    self->has_mark = true;
}

const char *value_type_name(lua_State *L, int index)
{
    static const char *const kind[] = {[VALUE_LIST] = "list",
                                       [VALUE_MAP] = "map",
                                       [VALUE_RAW] = "raw text",
                                       [VALUE_REFUSED] = "refused value"};
    const struct value *value = value_at(L, index);
    if (value != NULL)
        return value->kind == VALUE_OBJECT ? value->object->name
                                           : kind[value->kind];
    if (value_is_unset(L, index))
        return "unset";
    return luaL_typename(L, index);
}

/* Record that the value at `index` is not what the field takes; push a mark. */
static bool wrong(lua_State *L, struct value *self, int index,
                  const struct schema_field *field, const char *path)
{
    struct buf expected = {0};
    char message[MESSAGE_MAX];
    index = lua_absindex(L, index);
    int top = lua_gettop(L);
    if (field->type == FIELD_STRING && field->choices == NULL)
        buf_add_text(&expected, "want a string");
    else
        schema_describe(field, &expected);
    if (lua_type(L, index) == LUA_TSTRING)
        snprintf(message, sizeof message, "'%s' is the string '%.*s'", path,
                 SHOWN_MAX, lua_tostring(L, index));
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

/* Record what a check expected; push a mark. */
static bool refuse(lua_State *L, struct value *self, const char *path,
                   const char *message, struct buf *expected)
{
    value_problem(L, self, path, message, buf_text(expected), NULL);
    buf_release(expected);
    value_push_mark(L);
    return false;
}

/* --- plain values --- */

static bool convert_string(lua_State *L, struct value *self, int index,
                           const struct schema_field *field, const char *path)
{
    struct buf expected = {0};
    char message[MESSAGE_MAX];
    size_t size;
    if (lua_type(L, index) != LUA_TSTRING)
        return wrong(L, self, index, field, path);
    const char *text = lua_tolstring(L, index, &size);
    if (!schema_check_text(field, text, size, &expected)) {
        const char *nearest = NULL;
        if (field->choices != NULL)
            nearest = text_nearest(text, field->choices);
        snprintf(message, sizeof message, "'%s' is '%.*s'", path, SHOWN_MAX,
                 text);
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
    if (!is_integer)
        return wrong(L, self, index, field, path);
    if (field->type == FIELD_MEBIBYTES && number > 0)
        number -= number % MEBIBYTE;
    if (!schema_check_number(field, number, &expected)) {
        buf_release(&expected);
        return wrong(L, self, index, field, path);
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
        return wrong(L, self, index, field, path);
    }
    lua_pushvalue(L, index);
    return true;
}

/* --- host constraints in Aurora's spelling --- */

void convert_push_constraint(lua_State *L, struct call_site site, int kind,
                             int operand)
{
    const struct schema_object *object = schema_object("HostConstraint");
    operand = lua_absindex(L, operand);
    struct value *value = value_push(L, object, site);
    const struct value *list = value_at(L, operand);
    value->has_mark = list != NULL && list->has_mark;
    lua_pushinteger(L, kind);
    lua_setiuservalue(L, -2,
                      1 + (int)(schema_field(object, "kind") - object->field));
    lua_pushvalue(L, operand);
    const char *name = kind == CONSTRAINT_LIMIT ? "limit" : "values";
    lua_setiuservalue(L, -2,
                      1 + (int)(schema_field(object, name) - object->field));
}

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

/* "a,b", "!a,b", "limit:2" */
static bool parse_constraint(lua_State *L, struct value *self, int index,
                             const char *path)
{
    static const char LIMIT[] = "limit:";
    const char *text = lua_tostring(L, index);
    char message[MESSAGE_MAX];
    int kind = CONSTRAINT_ONE_OF;
    snprintf(message, sizeof message, "'%s' is '%.*s'", path, SHOWN_MAX, text);
    if (strncmp(text, LIMIT, sizeof LIMIT - 1) == 0) {
        int64_t limit;
        kind = CONSTRAINT_LIMIT;
        if (text_int(text + sizeof LIMIT - 1, 1, 1000000, &limit, NULL) < 0) {
            value_problem(L, self, path, message,
                          "want limit:N, N from 1 to 1000000", NULL);
            value_push_mark(L);
            return false;
        }
        lua_pushinteger(L, limit);
    } else {
        kind = text[0] == '!' ? CONSTRAINT_NONE_OF : CONSTRAINT_ONE_OF;
        const char *values = text + (text[0] == '!');
        if (values[0] == '\0' || values[0] == ',' || strstr(values, ",,") ||
            values[strlen(values) - 1] == ',') {
            value_problem(L, self, path, message,
                          "want 'a,b', '!a,b' or 'limit:N'", NULL);
            value_push_mark(L);
            return false;
        }
        push_split(L, values);
    }
    convert_push_constraint(L, self->site, kind, -1);
    lua_remove(L, -2);
    return true;
}

/* --- objects --- */

static bool is_element(const struct schema_field *field, const char *object)
{
    return field->of != NULL && strcmp(field->of->name, object) == 0;
}

/* A string that stands for a whole Fetch. */
static bool convert_fetch(lua_State *L, struct value *self, int index,
                          const struct schema_field *field, const char *path)
{
    const struct schema_field *uri = schema_field(field->of, "uri");
    if (!convert_string(L, self, index, uri, path))
        return false;
    struct value *fetch = value_push(L, field->of, self->site);
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, 1 + (int)(uri - field->of->field));
    if (convert_check_fetch(L, self, path, lua_tostring(L, index), NULL))
        return true;
    fetch->has_mark = true;
    lua_pop(L, 1);
    value_push_mark(L);
    return false;
}

static bool convert_object(lua_State *L, struct value *self, int index,
                           const struct schema_field *field, const char *path)
{
    const struct value *value = value_at(L, index);
    if (value != NULL && value->kind == VALUE_OBJECT &&
        value->object == field->of) {
        self->has_mark |= value->has_mark;
        lua_pushvalue(L, index);
        return true;
    }
    if (value_is_mark(L, index) ||
        (value != NULL && value->kind == VALUE_REFUSED)) {
        self->has_mark = true; /* was reported where it was made */
        value_push_mark(L);
        return false;
    }
    if (lua_type(L, index) == LUA_TSTRING) {
        if (is_element(field, "HostConstraint"))
            return parse_constraint(L, self, index, path);
        if (field->of->shorthand != NULL)
            return convert_fetch(L, self, index, field, path);
    }
    return wrong(L, self, index, field, path);
}

/* --- lists --- */

/* What a list's elements are, as a field of its own. */
static struct schema_field element_of(const struct schema_field *list)
{
    enum { ELEMENT_TEXT_MAX = 1024 };
    return (struct schema_field){.name = list->name,
                                 .wire = "",
                                 .type = list->of != NULL ? FIELD_OBJECT
                                                          : FIELD_STRING,
                                 .rule = list->rule,
                                 .of = list->of,
                                 .min = list->of != NULL ? 0 : 1,
                                 .max = ELEMENT_TEXT_MAX};
}

/* Where a name is wanted, a process stands for its own. */
static bool convert_name(lua_State *L, struct value *self, int index,
                         const struct schema_field *element, const char *path)
{
    const struct schema_object *process = schema_object("Process");
    const struct value *value = value_of(L, index, process);
    if (value == NULL)
        return value_convert(L, self, index, element, path);
    int name = 1 + (int)(schema_field(process, "name") - process->field);
    lua_getiuservalue(L, index, name);
    if (lua_type(L, -1) == LUA_TSTRING)
        return true;
    self->has_mark = true;
    lua_pop(L, 1);
    value_push_mark(L);
    return false;
}

/* Keys besides 1..n of a plain table. */
static bool check_sequence(lua_State *L, struct value *self, int index,
                           lua_Integer size, const char *path)
{
    char message[MESSAGE_MAX];
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_pop(L, 1);
        if (lua_isinteger(L, -1) && lua_tointeger(L, -1) >= 1 &&
            lua_tointeger(L, -1) <= size)
            continue;
        if (lua_type(L, -1) == LUA_TSTRING)
            snprintf(message, sizeof message, "'%s' has a name '%.*s'", path,
                     SHOWN_MAX, lua_tostring(L, -1));
        else
            snprintf(message, sizeof message, "'%s' has holes", path);
        lua_pop(L, 1);
        value_problem(L, self, path, message, "want a list: { a, b }", NULL);
        return false;
    }
    return true;
}

static bool convert_elements(lua_State *L, struct value *self, int index,
                             const struct schema_field *field, const char *path,
                             lua_Integer size)
{
    struct schema_field element = element_of(field);
    struct value *list = value_push_list(L, (size_t)size);
    int at = lua_gettop(L);
    for (lua_Integer i = 1; i <= size; i++) {
        char inner[PATH_TEXT_MAX];
        lua_geti(L, index, i);
        int given = lua_gettop(L);
        const struct value *good = value_of(L, given, element.of);
        if (good != NULL && element.of != NULL) { /* no path is needed */
            self->has_mark |= good->has_mark;
            list->has_mark |= good->has_mark;
            lua_setiuservalue(L, at, (int)i);
            continue;
        }
        snprintf(inner, sizeof inner, "%s[%lld]", path, (long long)i);
        if (element.type == FIELD_STRING)
            list->has_mark |= !convert_name(L, self, given, &element, inner);
        else
            list->has_mark |= !value_convert(L, self, given, &element, inner);

        lua_setiuservalue(L, at, (int)i);
        lua_settop(L, at);
    }
    return true;
}

static bool convert_list(lua_State *L, struct value *self, int index,
                         const struct schema_field *field, const char *path)
{
    struct buf expected = {0};
    const struct value *value = value_at(L, index);
    if (field->is_single && value != NULL && value->kind == VALUE_OBJECT) {
        lua_createtable(L, 1, 0);
        lua_pushvalue(L, index);
        lua_rawseti(L, -2, 1);
        lua_replace(L, index);
    } else if (!lua_istable(L, index) &&
               (value == NULL || value->kind != VALUE_LIST)) {
        return wrong(L, self, index, field, path);
    }
    lua_Integer size = luaL_len(L, index);
    if (lua_istable(L, index) && !check_sequence(L, self, index, size, path)) {
        value_push_mark(L);
        return false;
    }
    int64_t max = field->max < LIST_MAX ? field->max : LIST_MAX;
    if (size > max || !schema_check_count(field, (size_t)size, &expected)) {
        char message[MESSAGE_MAX];
        snprintf(message, sizeof message, "'%s' has %lld elements", path,
                 (long long)size);
        if (expected.size == 0)
            buf_addf(&expected, "want at most %lld", (long long)max);
        return refuse(L, self, path, message, &expected);
    }
    return convert_elements(L, self, index, field, path, size);
}

/* --- maps --- */

/* key and value are on top of the stack; leave the converted value there. */
static bool convert_entry(lua_State *L, struct value *self,
                          const struct schema_field *field, const char *path)
{
    struct buf expected = {0};
    char message[MESSAGE_MAX], inner[PATH_TEXT_MAX];
    struct schema_field element = element_of(field);
    int given = lua_gettop(L), key = given - 1;
    size_t size;
    if (lua_type(L, key) != LUA_TSTRING) {
        snprintf(message, sizeof message, "'%s' has a %s as a name", path,
                 value_type_name(L, key));
        value_problem(L, self, path, message, "want name = value", NULL);
        value_push_mark(L);
        return false;
    }
    const char *name = lua_tolstring(L, key, &size);
    snprintf(inner, sizeof inner, "%s.%.*s", path, SHOWN_MAX, name);
    if (!schema_check_key(field, name, size, &expected)) {
        snprintf(message, sizeof message, "'%s' has the name '%.*s'", path,
                 SHOWN_MAX, name);
        return refuse(L, self, inner, message, &expected);
    }
    if (is_element(field, "HostConstraint") && strcmp(name, "dedicated") == 0) {
        value_problem(L, self, inner, REFUSED_TEXT("dedicated"), NULL, NULL);
        value_push_mark(L);
        return false;
    }
    if (field->of->value != NULL)
        return convert_string(L, self, given,
                              schema_field(field->of, field->of->value), inner);
    return value_convert(L, self, given, &element, inner);
}

/* Metadata as Aurora has it, { {key =, value =}, ... }, into a plain table in
 * place of what stands at `index`. */
static void unfold_pairs(lua_State *L, int index)
{
    lua_Integer size = luaL_len(L, index);
    lua_newtable(L);
    for (lua_Integer i = 1; i <= size; i++) {
        lua_geti(L, index, i);
        if (lua_istable(L, -1) || value_at(L, -1) != NULL) {
            lua_getfield(L, -1, "key");
            lua_getfield(L, -2, "value");
            if (!lua_isnil(L, -2))
                lua_rawset(L, -4);
            else
                lua_pop(L, 2);
        }
        lua_pop(L, 1);
    }
    lua_replace(L, index);
}

static bool is_list(lua_State *L, int index)
{
    const struct value *value = value_at(L, index);
    return value != NULL ? value->kind == VALUE_LIST
                         : lua_istable(L, index) && lua_rawlen(L, index) > 0;
}

static bool convert_map(lua_State *L, struct value *self, int index,
                        const struct schema_field *field, const char *path)
{
    struct buf expected = {0};
    if (is_element(field, "Metadata") && is_list(L, index))
        unfold_pairs(L, index);
    const struct value *value = value_at(L, index);
    if (value != NULL && value->kind == VALUE_MAP)
        lua_getiuservalue(L, index, 1);
    else if (lua_istable(L, index))
        lua_pushvalue(L, index);
    else
        return wrong(L, self, index, field, path);
    int from = lua_gettop(L), to = from + 1;
    size_t count = 0;
    bool has_mark = false;
    lua_newtable(L);
    lua_pushnil(L);
    while (lua_next(L, from) != 0) {
        has_mark |= !convert_entry(L, self, field, path);
        lua_remove(L, -2); /* the value as given */
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, to);
        count++;
    }
    lua_remove(L, from);
    if (!schema_check_count(field, count, &expected)) {
        lua_pop(L, 1);
        return refuse(L, self, path, "too many names", &expected);
    }
    value_wrap_map(L)->has_mark = has_mark;
    return true;
}

/* --- one value of a kind --- */

static bool convert_refused(lua_State *L, struct value *self, int index,
                            const struct schema_field *field, const char *path)
{
    char message[MESSAGE_MAX];
    const struct value *value = value_at(L, index);
    if (value == NULL || value->kind != VALUE_REFUSED) {
        snprintf(message, sizeof message, REFUSED_TEXT("%s"), field->name);
        value_problem(L, self, path, message, NULL, NULL);
    }
    self->has_mark = true;
    value_push_mark(L);
    return false;
}

static bool convert_boolean(lua_State *L, struct value *self, int index,
                            const struct schema_field *field, const char *path)
{
    if (!lua_isboolean(L, index))
        return wrong(L, self, index, field, path);
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
        [FIELD_MAP] = convert_map,         [FIELD_REFUSED] = convert_refused};
    luaL_checkstack(L, 12, "job file");
    if (value_is_mark(L, index)) { /* an element that was reported before */
        self->has_mark = true;
        value_push_mark(L);
        return false;
    }
    return convert[field->type](L, self, lua_absindex(L, index), field, path);
}
