#include "script/job_build.h"
#include "perigee/job.pb-c.h"
#include "script/convert.h"
#include "script/function.h"
#include "script/library.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* --- fields by descriptor --- */

static void *member(ProtobufCMessage *message, unsigned offset)
{
    return (uint8_t *)message + offset;
}

static const void *member_of(const ProtobufCMessage *message, unsigned offset)
{
    return (const uint8_t *)message + offset;
}

static void set_has(ProtobufCMessage *message,
                    const ProtobufCFieldDescriptor *field)
{
    if (field->quantifier_offset != 0)
        *(protobuf_c_boolean *)member(message, field->quantifier_offset) = 1;
}

void build_set_text(ProtobufCMessage *message,
                    const ProtobufCFieldDescriptor *field, char *text)
{
    assert(field->type == PROTOBUF_C_TYPE_STRING);
    *(char **)member(message, field->offset) = text;
}

void build_set_number(ProtobufCMessage *message,
                      const ProtobufCFieldDescriptor *field, int64_t number)
{
    void *at = member(message, field->offset);
    set_has(message, field);
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)at = number != 0;
        break;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_ENUM:
        *(uint32_t *)at = (uint32_t)number;
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        *(uint64_t *)at = (uint64_t)number;
        break;
    default:
        assert(false && "a number in the schema, none on the wire");
    }
}

bool build_is_set(const ProtobufCMessage *message,
                  const ProtobufCFieldDescriptor *field)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return *(const size_t *)member_of(message, field->quantifier_offset) >
               0;
    if (field->quantifier_offset != 0)
        return *(const protobuf_c_boolean *)member_of(message,
                                                      field->quantifier_offset);
    return *(void *const *)member_of(message, field->offset) != NULL;
}

int64_t build_number(const ProtobufCMessage *message,
                     const ProtobufCFieldDescriptor *field)
{
    const void *at = member_of(message, field->offset);
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        return *(const protobuf_c_boolean *)at;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        return *(const int32_t *)at;
    case PROTOBUF_C_TYPE_UINT32:
        return *(const uint32_t *)at;
    case PROTOBUF_C_TYPE_UINT64:
        return *(const uint64_t *)at > INT64_MAX
                   ? INT64_MAX
                   : (int64_t) * (const uint64_t *)at;
    default:
        return *(const int64_t *)at;
    }
}

static ProtobufCMessage *new_message(const ProtobufCMessageDescriptor *type,
                                     struct arena *arena)
{
    ProtobufCMessage *message = arena_alloc(arena, type->sizeof_message);
    protobuf_c_message_init(type, message);
    return message;
}

/* An array of `count` pointers as a repeated field. */
static void **set_array(ProtobufCMessage *message,
                        const ProtobufCFieldDescriptor *field, size_t count,
                        struct arena *arena)
{
    void **array = arena_alloc(arena, (count + 1) * sizeof *array);
    *(void ***)member(message, field->offset) = array;
    *(size_t *)member(message, field->quantifier_offset) = count;
    return array;
}

/* --- defaults --- */

static void set_default(const struct schema_field *field,
                        const ProtobufCFieldDescriptor *wire,
                        ProtobufCMessage *message, struct arena *arena)
{
    if (field->initial == DEFAULT_TEXT) {
        build_set_text(message, wire, (char *)(uintptr_t)field->initial_text);
    } else if (field->initial == DEFAULT_NUMBER) {
        build_set_number(message, wire, field->initial_number);
    } else if (field->type == FIELD_OBJECT && (field->flags & IS_ALWAYS)) {
        ProtobufCMessage *inner = new_message(field->of->message, arena);
        build_defaults(field->of, inner, arena);
        *(ProtobufCMessage **)member(message, wire->offset) = inner;
    }
}

void build_defaults(const struct schema_object *object,
                    ProtobufCMessage *message, struct arena *arena)
{
    for (size_t i = 0; i < object->stored_count; i++) {
        const struct schema_field *field = &object->field[i];
        if (field->initial == DEFAULT_NONE && !(field->flags & IS_ALWAYS))
            continue;
        const ProtobufCFieldDescriptor *wire = schema_wire(object, field);
        if (schema_is_flat(field))
            build_defaults(field->of, message, arena);
        else if (wire != NULL && !build_is_set(message, wire))
            set_default(field, wire, message, arena);
    }
}

/* --- values --- */

static char *keep_text(lua_State *L, int index, struct arena *arena)
{
    size_t size;
    const char *text = lua_tolstring(L, index, &size);
    return arena_strndup(arena, text, size);
}

static void fill(lua_State *L, int index, const struct schema_object *object,
                 ProtobufCMessage *message, struct arena *arena);

static void set_list(lua_State *L, int index, const struct schema_field *field,
                     const ProtobufCFieldDescriptor *wire,
                     ProtobufCMessage *message, struct arena *arena)
{
    const struct value *list = value_at(L, index);
    void **array = set_array(message, wire, list->count, arena);
    size_t count = 0;
    for (uint32_t i = 1; i <= list->count; i++) {
        lua_getiuservalue(L, index, (int)i);
        if (value_is_mark(L, -1))
            ; /* was reported */
        else if (field->element == FIELD_STRING)
            array[count++] = keep_text(L, -1, arena);
        else
            array[count++] =
                build_message(L, -1, value_at(L, -1)->object, arena);
        lua_pop(L, 1);
    }
    *(size_t *)member(message, wire->quantifier_offset) = count;
}

static void set_numbers(lua_State *L, int index,
                        const ProtobufCFieldDescriptor *wire,
                        ProtobufCMessage *message, struct arena *arena)
{
    const struct value *list = value_at(L, index);
    uint32_t *number = arena_alloc(arena, (list->count + 1) * sizeof *number);
    size_t count = 0;
    assert(wire->type == PROTOBUF_C_TYPE_UINT32);
    for (uint32_t i = 1; i <= list->count; i++) {
        lua_getiuservalue(L, index, (int)i);
        if (!value_is_mark(L, -1))
            number[count++] = (uint32_t)lua_tointeger(L, -1);
        lua_pop(L, 1);
    }
    *(uint32_t **)member(message, wire->offset) = number;
    *(size_t *)member(message, wire->quantifier_offset) = count;
}

/* One entry of a map: the element's message with its key inside. */
static ProtobufCMessage *build_entry(lua_State *L, int value, const char *key,
                                     const struct schema_object *of,
                                     struct arena *arena)
{
    ProtobufCMessage *out;
    const struct value *secret = value_at(L, value);
    if (of->value != NULL) {
        const char *name = secret != NULL ? "secret" : of->value;
        if (secret != NULL)
            lua_getiuservalue(L, value, 1);
        else
            lua_pushvalue(L, value);
        out = new_message(of->message, arena);
        build_set_text(
            out,
            protobuf_c_message_descriptor_get_field_by_name(of->message, name),
            keep_text(L, -1, arena));
        lua_pop(L, 1);
    } else {
        out = build_message(L, value, of, arena);
    }
    build_set_text(
        out,
        protobuf_c_message_descriptor_get_field_by_name(of->message, of->key),
        arena_strdup(arena, key));
    return out;
}

static int compare_pairs(const void *a, const void *b)
{
    const Perigee__Metadata *one = *(Perigee__Metadata *const *)a;
    const Perigee__Metadata *two = *(Perigee__Metadata *const *)b;
    int order = strcmp(one->key, two->key);
    return order != 0 ? order : strcmp(one->value, two->value);
}

/* Labels given as a list: in the order of a map's, equal ones once. */
static void set_pairs(lua_State *L, int index, const struct schema_field *field,
                      const ProtobufCFieldDescriptor *wire,
                      ProtobufCMessage *message, struct arena *arena)
{
    set_list(L, index, field, wire, message, arena);
    void **pair = *(void ***)member(message, wire->offset);
    size_t *count = member(message, wire->quantifier_offset), kept = 0;
    if (value_at(L, index)->has_mark || *count == 0)
        return;
    qsort(pair, *count, sizeof *pair, compare_pairs);
    for (size_t i = 0; i < *count; i++)
        if (kept == 0 || compare_pairs(&pair[kept - 1], &pair[i]) != 0)
            pair[kept++] = pair[i];
    *count = kept;
}

static void set_map(lua_State *L, int index, const struct schema_field *field,
                    const ProtobufCFieldDescriptor *wire,
                    ProtobufCMessage *message, struct arena *arena)
{
    lua_getiuservalue(L, index, 1);
    int table = lua_gettop(L);
    library_push_keys(L, table);
    lua_Integer size = (lua_Integer)lua_rawlen(L, -1);
    void **array = set_array(message, wire, (size_t)size, arena);
    size_t count = 0;
    for (lua_Integer i = 1; i <= size; i++) {
        lua_rawgeti(L, table + 1, i);
        lua_pushvalue(L, -1);
        lua_rawget(L, table);
        if (!value_is_mark(L, -1) && lua_type(L, -2) == LUA_TSTRING)
            array[count++] = build_entry(L, lua_gettop(L), lua_tostring(L, -2),
                                         field->of, arena);
        lua_pop(L, 2);
    }
    *(size_t *)member(message, wire->quantifier_offset) = count;
    lua_settop(L, table - 1);
}

static void set_template(lua_State *L, int index,
                         const ProtobufCFieldDescriptor *wire,
                         ProtobufCMessage *message, struct arena *arena)
{
    const struct value *raw = value_at(L, index);
    const ProtobufCFieldDescriptor *flag =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor,
                                                        "raw");
    if (raw != NULL)
        lua_getiuservalue(L, index, 1);
    else
        lua_pushvalue(L, index);
    build_set_text(message, wire, keep_text(L, -1, arena));
    build_set_number(message, flag, raw != NULL);
    lua_pop(L, 1);
}

/* The value on top of the stack into a field. */
static void set_field(lua_State *L, const struct schema_field *field,
                      const ProtobufCFieldDescriptor *wire,
                      ProtobufCMessage *message, struct arena *arena)
{
    int index = lua_gettop(L);
    int64_t number;
    switch (field->type) {
    case FIELD_STRING:
        build_set_text(message, wire, keep_text(L, index, arena));
        break;
    case FIELD_TEMPLATE:
        set_template(L, index, wire, message, arena);
        break;
    case FIELD_BOOLEAN:
        build_set_number(message, wire, lua_toboolean(L, index));
        break;
    case FIELD_INTEGER:
    case FIELD_MEBIBYTES:
        build_set_number(message, wire, lua_tointeger(L, index));
        break;
    case FIELD_MILLI:
        if (value_milli(L, index, &number))
            build_set_number(message, wire, number);
        break;
    case FIELD_OBJECT:
        *(ProtobufCMessage **)member(message, wire->offset) =
            build_message(L, index, value_at(L, index)->object, arena);
        break;
    case FIELD_FUNCTION:
        *(ProtobufCMessage **)member(message, wire->offset) =
            (ProtobufCMessage *)function_message(L, index, arena);
        break;
    case FIELD_LIST:
        if (field->element == FIELD_INTEGER)
            set_numbers(L, index, wire, message, arena);
        else
            set_list(L, index, field, wire, message, arena);
        break;
    case FIELD_MAP:
        if (value_at(L, index)->kind == VALUE_LIST) {
            set_pairs(L, index, field, wire, message, arena);
            break;
        }
        set_map(L, index, field, wire, message, arena);
        break;
    case FIELD_TAG:
    case FIELD_INTO:
    case FIELD_REFUSED:
        break;
    }
}

/* An object whose fields are fields of the message around it. */
static void fill_flat(lua_State *L, const struct schema_field *field,
                      ProtobufCMessage *message, struct arena *arena)
{
    const struct value *value = value_at(L, -1);
    if (!schema_is_flat(field))
        return; /* nowhere on the wire */
    fill(L, lua_gettop(L), value->object, message, arena);
    build_defaults(value->object, message, arena);
}

static void fill(lua_State *L, int index, const struct schema_object *object,
                 ProtobufCMessage *message, struct arena *arena)
{
    luaL_checkstack(L, 12, "job file");
    for (size_t i = 0; i < object->stored_count; i++) {
        const struct schema_field *field = &object->field[i];
        bool is_set = lua_getiuservalue(L, index, (int)i + 1) != LUA_TNIL;
        if (is_set && !value_is_mark(L, -1)) {
            const ProtobufCFieldDescriptor *wire = schema_wire(object, field);
            if (wire == NULL)
                fill_flat(L, field, message, arena);
            else
                set_field(L, field, wire, message, arena);
        }
        lua_pop(L, 1);
    }
}

static bool waits_for_batches(lua_State *L, int index,
                              const struct schema_object *object)
{
    if (index == 0)
        return false;
    lua_getiuservalue(L, index,
                      value_slot(object, "wait_for_batch_completion"));
    bool waits = lua_isboolean(L, -1) && lua_toboolean(L, -1);
    lua_pop(L, 1);
    return waits;
}

/* Without a strategy object it is a queue, or batches. */
static void set_strategy(lua_State *L, int index,
                         const struct schema_object *object,
                         ProtobufCMessage *message, struct arena *arena)
{
    const char *strategy = waits_for_batches(L, index, object)
                               ? "BatchUpdateStrategy"
                               : "QueueUpdateStrategy";
    if (!((const Perigee__UpdateConfig *)message)->has_strategy)
        build_defaults(schema_object(strategy), message, arena);
}

ProtobufCMessage *build_message(lua_State *L, int index,
                                const struct schema_object *object,
                                struct arena *arena)
{
    const struct value *value = index != 0 ? value_at(L, index) : NULL;
    if (value != NULL && value->built != NULL)
        return value->built;
    ProtobufCMessage *message = new_message(object->message, arena);
    if (index != 0)
        fill(L, lua_absindex(L, index), object, message, arena);
    if (object->check == CHECK_UPDATE)
        set_strategy(L, index, object, message, arena);
    build_defaults(object, message, arena);
    return message;
}
