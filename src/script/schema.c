#include "script/schema.h"
#include "base/text.h"
#include <assert.h>
#include <string.h>

const struct schema_object *schema_object(const char *name)
{
    for (const struct schema_object *object = SCHEMA; object->name; object++)
        if (strcmp(object->name, name) == 0)
            return object;
    return NULL;
}

const struct schema_field *schema_field(const struct schema_object *object,
                                        const char *name)
{
    for (size_t i = 0; i < object->field_count; i++) {
        const struct schema_field *field = &object->field[i];
        const char *const *alias = field->aliases;
        if (strcmp(field->name, name) == 0)
            return field;
        for (; alias != NULL && *alias != NULL; alias++)
            if (strcmp(*alias, name) == 0)
                return field;
    }
    return NULL;
}

bool schema_takes(const struct schema_field *field,
                  const struct schema_object *object)
{
    const struct schema_object *const *one = field->variants;
    for (; one != NULL && *one != NULL; one++)
        if (*one == object)
            return true;
    return field->of == object;
}

bool schema_is_flat(const struct schema_field *field)
{
    return field->wire[0] == '*';
}

struct schema_field schema_element(const struct schema_field *list)
{
    bool is_lists = list->flags & IS_LISTS;
    unsigned kept = IS_PLAIN | IS_SECRET;
    return (struct schema_field){.name = list->name,
                                 .wire = "",
                                 .type = is_lists ? FIELD_LIST : list->element,
                                 .element = list->element,
                                 .rule = list->rule,
                                 .of = list->of,
                                 .variants = list->variants,
                                 .choices = list->choices,
                                 .min = list->each_min,
                                 .max = list->each_max,
                                 .flags = (list->flags & kept) |
                                          (is_lists ? IS_ONE : 0)};
}

const struct schema_field *schema_tag(const struct schema_object *object)
{
    for (size_t i = 0; i < object->stored_count; i++)
        if (object->field[i].type == FIELD_TAG)
            return &object->field[i];
    return NULL;
}

const struct schema_object *schema_variant(const struct schema_field *field,
                                           const ProtobufCMessage *message)
{
    const struct schema_object *const *one = field->variants;
    for (; one != NULL && *one != NULL; one++) {
        const struct schema_field *tag = schema_tag(*one);
        if (tag == NULL)
            continue;
        const ProtobufCFieldDescriptor *wire = schema_wire(*one, tag);
        int number;
        memcpy(&number, (const uint8_t *)message + wire->offset, sizeof number);
        if (number == tag->initial_number)
            return *one;
    }
    return field->of;
}

/* Looked up once: it is asked for every field of every job. */
static struct {
    bool is_filled;
    const ProtobufCFieldDescriptor *field[SCHEMA_FIELDS_MAX];
} wires[SCHEMA_OBJECTS_MAX];

static void fill_wires(const struct schema_object *object)
{
    size_t at = (size_t)(object - SCHEMA);
    assert(at < SCHEMA_OBJECTS_MAX && object->field_count <= SCHEMA_FIELDS_MAX);
    for (size_t i = 0; i < object->stored_count; i++)
        if (strchr("*-", object->field[i].wire[0]) == NULL)
            wires[at].field[i] =
                protobuf_c_message_descriptor_get_field_by_name(
                    object->message, object->field[i].wire);
    wires[at].is_filled = true;
}

const ProtobufCFieldDescriptor *schema_wire(const struct schema_object *object,
                                            const struct schema_field *field)
{
    size_t at = (size_t)(object - SCHEMA);
    if (!wires[at].is_filled)
        fill_wires(object);
    return wires[at].field[field - object->field];
}

const char *schema_nearest(const struct schema_object *object, const char *name)
{
    enum { NAMES_MAX = SCHEMA_FIELDS_MAX * 2 };
    const char *names[NAMES_MAX + 1];
    size_t count = 0;
    for (size_t i = 0; i < object->field_count; i++) {
        const struct schema_field *field = &object->field[i];
        const char *const *alias = field->aliases;
        if (field->type == FIELD_TAG)
            continue;
        if (count < NAMES_MAX)
            names[count++] = field->name;
        for (; alias != NULL && *alias != NULL && count < NAMES_MAX; alias++)
            names[count++] = *alias;
    }
    names[count] = NULL;
    return text_nearest(name, names);
}
