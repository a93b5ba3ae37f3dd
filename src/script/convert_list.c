/* Lists and maps: copied, each element converted, and frozen. */
#include "script/convert.h"
#include <stdio.h>
#include <string.h>

/* --- lists --- */

static bool is_element(const struct schema_field *field, const char *object)
{
    return field->of != NULL && strcmp(field->of->name, object) == 0;
}

static bool has_own_name(const struct schema_object *object)
{
    static const char *const named[] = {"Process", "Job", "Group"};
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (strcmp(object->name, named[i]) == 0)
            return true;
    return false;
}

/* Where a name is wanted, what has one stands for it. */
static bool convert_name(lua_State *L, struct value *self, int index,
                         const struct schema_field *element, const char *path)
{
    const struct value *value = value_at(L, index);
    if (value == NULL || value->kind != VALUE_OBJECT ||
        !has_own_name(value->object))
        return value_convert(L, self, index, element, path);
    if (value_push_name(L, index))
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
    char message[CONVERT_MESSAGE_MAX];
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_pop(L, 1);
        if (lua_isinteger(L, -1) && lua_tointeger(L, -1) >= 1 &&
            lua_tointeger(L, -1) <= size)
            continue;
        if (lua_type(L, -1) == LUA_TSTRING)
            snprintf(message, sizeof message, "'%s' has a name '%.*s'", path,
                     CONVERT_SHOWN_MAX, lua_tostring(L, -1));
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
                             lua_Integer size, bool is_alone)
{
    struct schema_field element = schema_element(field);
    struct value *list = value_push_list(L, (size_t)size);
    int at = lua_gettop(L);
    for (lua_Integer i = 1; i <= size; i++) {
        char inner[CONVERT_PATH_MAX];
        lua_geti(L, index, i);
        int given = lua_gettop(L);
        const struct value *good = value_of(L, given, element.of);
        if (good != NULL && element.of != NULL) { /* no path is needed */
            self->has_mark |= good->has_mark;
            list->has_mark |= good->has_mark;
            lua_setiuservalue(L, at, (int)i);
            continue;
        }
        if (is_alone)
            snprintf(inner, sizeof inner, "%s", path);
        else
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

/* A plain table that is an object: its fields have names, and it no elements.
 * An empty one is an empty list. */
static bool is_plain_one(lua_State *L, int index)
{
    if (lua_rawlen(L, index) > 0)
        return false;
    lua_pushnil(L);
    if (lua_next(L, index) == 0)
        return false;
    bool is_named = lua_type(L, -2) == LUA_TSTRING;
    lua_pop(L, 2);
    return is_named;
}

/* One element that may stand for a list of it. */
static bool is_one(lua_State *L, int index, const struct schema_field *field)
{
    const struct value *value = value_at(L, index);
    if (field->element == FIELD_STRING && lua_type(L, index) == LUA_TSTRING)
        return true;
    if (field->element == FIELD_OBJECT && (field->flags & IS_PLAIN) &&
        lua_istable(L, index))
        return is_plain_one(L, index);
    return value != NULL && value->kind == VALUE_OBJECT;
}

bool convert_list(lua_State *L, struct value *self, int index,
                  const struct schema_field *field, const char *path)
{
    struct buf expected = {0};
    const struct value *value = value_at(L, index);
    bool is_alone = false; /* a table whose fields stand in the field itself */
    if ((field->flags & IS_ONE) && is_one(L, index, field)) {
        is_alone = lua_istable(L, index);
        lua_createtable(L, 1, 0);
        lua_pushvalue(L, index);
        lua_rawseti(L, -2, 1);
        lua_replace(L, index);
    } else if (!lua_istable(L, index) &&
               (value == NULL || value->kind != VALUE_LIST)) {
        return convert_wrong(L, self, index, field, path);
    }
    lua_Integer size = luaL_len(L, index);
    if (lua_istable(L, index) && !check_sequence(L, self, index, size, path)) {
        value_push_mark(L);
        return false;
    }
    int64_t max = field->max < LIST_MAX ? field->max : LIST_MAX;
    if (size > max || !schema_check_count(field, (size_t)size, &expected)) {
        char message[CONVERT_MESSAGE_MAX];
        snprintf(message, sizeof message, "'%s' has %lld elements", path,
                 (long long)size);
        if (expected.size == 0)
            buf_addf(&expected, "want at most %lld", (long long)max);
        return convert_refuse(L, self, path, message, &expected);
    }
    return convert_elements(L, self, index, field, path, size, is_alone);
}

/* --- maps --- */

static bool is_secret(lua_State *L, int index)
{
    const struct value *value = value_at(L, index);
    return value != NULL && value->kind == VALUE_SECRET;
}

/* key and value are on top of the stack; leave the converted value there. */
static bool convert_entry(lua_State *L, struct value *self,
                          const struct schema_field *field, const char *path)
{
    struct buf expected = {0};
    char message[CONVERT_MESSAGE_MAX], inner[CONVERT_PATH_MAX];
    struct schema_field element = schema_element(field);
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
    snprintf(inner, sizeof inner, "%s.%.*s", path, CONVERT_SHOWN_MAX, name);
    if (!schema_check_key(field, name, size, &expected)) {
        snprintf(message, sizeof message, "'%s' has the name '%.*s'", path,
                 CONVERT_SHOWN_MAX, name);
        return convert_refuse(L, self, inner, message, &expected);
    }
    if (is_secret(L, given) && is_element(field, "EnvVar")) {
        lua_pushvalue(L, given);
        return true;
    }
    if (field->of->value != NULL)
        return value_convert(L, self, given,
                             schema_field(field->of, field->of->value), inner);
    return value_convert(L, self, given, &element, inner);
}

/* Metadata as Aurora has it, { {key =, value =}, ... }: it stays a list, since
 * one key may have two values there. */
static bool convert_pairs(lua_State *L, struct value *self, int index,
                          const struct schema_field *field, const char *path)
{
    struct schema_field pairs = *field;
    pairs.type = FIELD_LIST;
    pairs.element = FIELD_OBJECT;
    pairs.rule = RULE_NONE;
    pairs.flags |= IS_PLAIN;
    return convert_list(L, self, index, &pairs, path);
}

static bool is_list(lua_State *L, int index)
{
    const struct value *value = value_at(L, index);
    return value != NULL ? value->kind == VALUE_LIST
                         : lua_istable(L, index) && lua_rawlen(L, index) > 0;
}

bool convert_map(lua_State *L, struct value *self, int index,
                 const struct schema_field *field, const char *path)
{
    struct buf expected = {0};
    if (is_element(field, "Metadata") && is_list(L, index))
        return convert_pairs(L, self, index, field, path);
    const struct value *value = value_at(L, index);
    if (value != NULL && value->kind == VALUE_MAP)
        lua_getiuservalue(L, index, 1);
    else if (lua_istable(L, index))
        lua_pushvalue(L, index);
    else
        return convert_wrong(L, self, index, field, path);
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
        return convert_refuse(L, self, path, "too many names", &expected);
    }
    value_wrap_map(L)->has_mark = has_mark;
    return true;
}
