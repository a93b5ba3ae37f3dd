#include "aurora/core/placer_classes.h"
#include "aurora/core/hosts.h"

#include <stdlib.h>
#include <string.h>

void class_verdicts_free(struct class_verdicts *verdicts)
{
    if (!verdicts)
        return;
    free(verdicts->may);
    vec_free(&verdicts->few);
    free(verdicts);
}

bool constraint_allows(const struct constraint *c, const struct host *host)
{
    for (uint32_t i = 0; i < c->value_count; i++)
        if (host_has_value(host, c->attribute, c->value[i]))
            return c->kind == CONSTRAINT_ONE_OF;
    return c->kind == CONSTRAINT_NONE_OF;
}

/* Every host of a class has the same values. */
static bool may_be(const struct job_config *config,
                   const struct host_class *class)
{
    for (uint32_t i = 0; i < config->constraint_count; i++) {
        const struct constraint *c = &config->constraint[i];
        if (constraint_is_of_class(c) && !constraint_allows(c, class->first))
            return false;
    }
    return !class->is_dedicated || config->is_dedicated;
}

static void make_room(struct class_verdicts *v, uint32_t slots)
{
    if (slots <= v->capacity)
        return;
    while (v->capacity < slots)
        v->capacity = v->capacity ? v->capacity * 2 : 16;
    v->may = xreallocarray(v->may, v->capacity, sizeof *v->may);
}

static void look_at(struct class_verdicts *v, const struct job_config *config,
                    const struct host_class *class, uint32_t slot)
{
    v->may[slot] = class && may_be(config, class);
    if (!v->may[slot] || v->are_many)
        return;
    if (v->few.count == FEW_CLASSES)
        v->are_many = true;
    else
        *vec_add(&v->few) = slot;
}

const struct class_verdicts *class_verdicts_of(
    struct job_config *config, const struct host_classes *classes)
{
    struct class_verdicts *v = config->classes;

    if (!config->has_values)
        return NULL;
    if (!v)
        v = config->classes = xcalloc(1, sizeof *v);
    if (v->epoch != classes->epoch) {
        v->epoch = classes->epoch;
        v->known = v->few.count = 0;
        v->are_many = false;
    }
    make_room(v, classes->by_slot.count);
    for (; v->known < classes->by_slot.count; v->known++)
        look_at(v, config, classes->by_slot.item[v->known], v->known);
    return v;
}
