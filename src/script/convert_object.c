/* Where an object is wanted: one of its kind, what may stand for it alone, or a
 * plain table of its fields. */
#include "script/convert.h"
#include <string.h>

/* --- what stands for an object --- */

/* Can the field hold the value at `index` as it is, by its type alone? */
static bool fits(lua_State *L, int index, const struct schema_field *field)
{
    const struct value *value = value_at(L, index);
    switch (field->type) {
    case FIELD_STRING:
        return lua_type(L, index) == LUA_TSTRING;
    case FIELD_TEMPLATE:
        return lua_type(L, index) == LUA_TSTRING ||
               (value != NULL && value->kind == VALUE_RAW);
    case FIELD_INTEGER:
        return lua_type(L, index) == LUA_TNUMBER;
    case FIELD_FUNCTION:
        return lua_isfunction(L, index);
    case FIELD_OBJECT:
        return value != NULL && value->kind == VALUE_OBJECT &&
               schema_takes(field, value->object);
    default:
        return false;
    }
}

static const struct schema_field *find_alone(lua_State *L, int index,
                                             const struct schema_object *object)
{
    for (size_t i = 0; i < object->stored_count; i++)
        if ((object->field[i].flags & IS_ALONE) &&
            fits(L, index, &object->field[i]))
            return &object->field[i];
    return NULL;
}

/* The new object on top is complete; false when it has problems. */
static bool settle(lua_State *L, struct value *inner)
{
    inner->outer = NULL;
    if (!inner->has_mark)
        return true;
    lua_pop(L, 1);
    value_push_mark(L);
    return false;
}

static struct value *push_inner(lua_State *L, struct value *self,
                                const struct schema_object *object,
                                const char *path)
{
    struct value *inner = value_push(L, object, self->site);
    inner->outer = self;
    inner->outer_path = path;
    return inner;
}

static bool convert_alone(lua_State *L, struct value *self, int index,
                          const struct schema_field *field,
                          const struct schema_field *alone, const char *path)
{
    struct value *inner = push_inner(L, self, field->of, path);
    int at = lua_gettop(L);
    inner->is_alone = true;
    (void)value_convert(L, inner, index, alone, path);
    lua_setiuservalue(L, at, value_slot(field->of, alone->name));
    if (!inner->has_mark)
        value_check(L, inner, at);
    return settle(L, inner);
}

static bool convert_plain(lua_State *L, struct value *self, int index,
                          const struct schema_field *field, const char *path)
{
    struct value *inner = push_inner(L, self, field->of, path);
    value_construct(L, index, NULL);
    return settle(L, inner);
}

bool convert_object(lua_State *L, struct value *self, int index,
                    const struct schema_field *field, const char *path)
{
    const struct value *value = value_at(L, index);
    if (value != NULL && value->kind == VALUE_OBJECT &&
        schema_takes(field, value->object)) {
        self->has_mark |= value->has_mark;
        lua_pushvalue(L, index);
        return true;
    }
    if (lua_type(L, index) == LUA_TSTRING &&
        strcmp(field->of->name, "HostConstraint") == 0)
        return convert_constraint(L, self, index, path);
    const struct schema_field *alone = find_alone(L, index, field->of);
    if (alone != NULL)
        return convert_alone(L, self, index, field, alone, path);
    if (lua_istable(L, index) && (field->flags & IS_PLAIN))
        return convert_plain(L, self, index, field, path);
    return convert_wrong(L, self, index, field, path);
}
