#include "script/job_effect.h"

#include "script/schema.h"

#include <string.h>

static const struct schema_field *find(const char *name, size_t size)
{
    const struct schema_object *job = schema_object("Job");

    for (size_t i = 0; i < job->field_count; i++) {
        const struct schema_field *field = &job->field[i];
        if (field->type != FIELD_INTO && field->type != FIELD_REFUSED &&
            strlen(field->wire) == size && memcmp(field->wire, name, size) == 0)
            return field;
    }
    return NULL;
}

/* The bundle of a job is what its functions are in: its hash says nothing by
 * itself. */
enum job_effect job_effect(const char *path)
{
    size_t size = strcspn(path, ".[ ");
    const struct schema_field *field = find(path, size);

    if (strncmp(path, "bundle_hash", size) == 0 && size > 0)
        return JOB_EFFECT_NOTHING;
    if (field == NULL)
        return JOB_EFFECT_RESTART;
    if (field->flags & IS_MOVES)
        return JOB_EFFECT_MOVE;
    return field->flags & IS_QUIET ? JOB_EFFECT_NOTHING : JOB_EFFECT_RESTART;
}

/* As if it had never been set. */
static void clear(Perigee__Job *job, const ProtobufCFieldDescriptor *field)
{
    char *value = (char *)job + field->offset;
    char *quantifier = (char *)job + field->quantifier_offset;

    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        *(size_t *)(void *)quantifier = 0;
    else if (field->type == PROTOBUF_C_TYPE_STRING ||
             field->type == PROTOBUF_C_TYPE_MESSAGE)
        *(void **)(void *)value = NULL;
    else
        *(protobuf_c_boolean *)(void *)quantifier = 0;
}

void job_effect_pack(const Perigee__Job *job, enum job_effect least,
                     struct buf *out)
{
    const ProtobufCMessageDescriptor *d = &perigee__job__descriptor;
    Perigee__Job copy = *job;

    for (unsigned i = 0; i < d->n_fields; i++)
        if (job_effect(d->fields[i].name) < least)
            clear(&copy, &d->fields[i]);
    if (job->health_check != NULL && job->health_check->lua != NULL)
        copy.bundle_hash = job->bundle_hash;
    size_t size = perigee__job__get_packed_size(&copy);
    buf_reserve(out, size);
    out->size = perigee__job__pack(&copy, out->data);
}
