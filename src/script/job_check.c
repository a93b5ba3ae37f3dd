#include "script/job_check.h"
#include "script/job_build.h"
#include "script/template.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_TEXT_MAX = 200, MESSAGE_TEXT_MAX = 300 };

const char *job_tier_problem(bool production, const char *tier)
{
    if (production && tier != NULL && tier[0] != '\0' &&
        strcmp(tier, "preferred") != 0)
        return "'production' and 'tier' contradict each other";
    return NULL;
}

/* --- fields, by the schema --- */

struct check {
    job_problem *problem;
    void *context;
};

static void refuse(const struct check *c, const char *path, const char *what,
                   const struct buf *expected)
{
    char message[MESSAGE_TEXT_MAX];
    snprintf(message, sizeof message, "'%s' %s", path, what);
    c->problem(c->context, path, message, buf_text(expected), NULL);
}

static void check_text(const struct check *c, const struct schema_field *field,
                       const char *path, const char *text)
{
    struct buf expected = {0};
    char what[80];
    snprintf(what, sizeof what, "is '%.60s'", text);
    if (!schema_check_text(field, text, strlen(text), &expected))
        refuse(c, path, what, &expected);
    buf_release(&expected);
}

static void check_template(const struct check *c, const char *path,
                           const char *text)
{
    struct buf message = {0}, expected = {0};
    struct template_ref ref;
    struct bytes left = bytes_of_text(text);
    for (int found; (found = template_next(&left, &ref, &message, &expected));)
        if (found < 0)
            c->problem(c->context, path, buf_text(&message),
                       buf_text(&expected), NULL);
    buf_release(&message);
    buf_release(&expected);
}

static void check_number(const struct check *c,
                         const struct schema_field *field, const char *path,
                         int64_t number)
{
    enum { MEBIBYTE = 1 << 20 };
    struct buf expected = {0};
    char what[40];
    snprintf(what, sizeof what, "is %lld", (long long)number);
    if (!schema_check_number(field, number, &expected)) {
        refuse(c, path, what, &expected);
    } else if (field->type == FIELD_MEBIBYTES && number % MEBIBYTE != 0) {
        buf_add_text(&expected, "want whole MiB");
        refuse(c, path, what, &expected);
    }
    buf_release(&expected);
}

static void check_message(const struct check *c,
                          const struct schema_object *object, const char *path,
                          const ProtobufCMessage *message);

static const void *field_at(const ProtobufCMessage *message,
                            const ProtobufCFieldDescriptor *wire)
{
    return (const uint8_t *)message + wire->offset;
}

static size_t count_at(const ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *wire)
{
    return *(const size_t *)(const void *)((const uint8_t *)message +
                                           wire->quantifier_offset);
}

/* The key of a map's element, or NULL. */
static const char *key_of(const struct schema_object *of,
                          const ProtobufCMessage *element)
{
    const ProtobufCFieldDescriptor *wire =
        protobuf_c_message_descriptor_get_field_by_name(of->message, of->key);
    return *(char *const *)field_at(element, wire);
}

/* Labels are pairs: one key may have two values. */
static bool may_repeat(const struct schema_object *of)
{
    return of->message == &perigee__metadata__descriptor;
}

static void check_keys(const struct check *c, const struct schema_field *field,
                       const char *path, ProtobufCMessage *const *element,
                       size_t count)
{
    struct buf expected = {0};
    for (size_t i = 0; i < count; i++) {
        const char *key = key_of(field->of, element[i]);
        if (key == NULL ||
            !schema_check_key(field, key, strlen(key), &expected))
            refuse(c, path, "has a wrong name", &expected);
        for (size_t j = 0; key != NULL && j < i && !may_repeat(field->of);
             j++) {
            const char *other = key_of(field->of, element[j]);
            if (other != NULL && strcmp(key, other) == 0)
                refuse(c, path, "has one name twice", &expected);
        }
    }
    buf_release(&expected);
}

static void check_array(const struct check *c, const struct schema_field *field,
                        const char *path, const ProtobufCMessage *message,
                        const ProtobufCFieldDescriptor *wire)
{
    struct buf expected = {0};
    size_t count = count_at(message, wire);
    void *const *item = *(void *const *const *)field_at(message, wire);
    static_assert(sizeof(void *) >= sizeof(uint32_t), "one array for both");
    if (!schema_check_count(field, count, &expected)) {
        refuse(c, path, "has too few or too many elements", &expected);
        count = 0;
    }
    buf_release(&expected);
    if (field->type == FIELD_MAP)
        check_keys(c, field, path, (ProtobufCMessage *const *)item, count);
    for (size_t i = 0; i < count; i++) {
        char inner[PATH_TEXT_MAX];
        snprintf(inner, sizeof inner, "%.150s[%zu]", path, i + 1);
        struct schema_field element = schema_element(field);
        if (element.type == FIELD_OBJECT)
            check_message(c, schema_variant(field, item[i]), inner, item[i]);
        else if (element.type == FIELD_STRING)
            check_text(c, &element, inner, item[i]);
        else
            check_number(c, &element, inner, ((const uint32_t *)item)[i]);
    }
}

static bool is_array(const struct schema_field *field)
{
    return field->type == FIELD_LIST || field->type == FIELD_MAP;
}

static void check_object(const struct check *c,
                         const struct schema_field *field, const char *path,
                         const ProtobufCMessage *message)
{
    const struct schema_object *object = schema_variant(field, message);
    const struct schema_field *tag = schema_tag(object);
    struct buf expected = {0};
    if (tag != NULL && build_number(message, schema_wire(object, tag)) !=
                           tag->initial_number) {
        schema_describe(field, &expected);
        refuse(c, path, "is of no known kind", &expected);
        buf_release(&expected);
        return;
    }
    check_message(c, object, path, message);
}

static void check_function(const struct check *c, const char *path,
                           const Perigee__Function *function)
{
    struct buf expected = {0};
    if (!function->has_ordinal || function->ordinal == 0) {
        buf_add_text(&expected, "want the ordinal of a function of the bundle");
        refuse(c, path, "names no function", &expected);
    }
    buf_release(&expected);
}

static void check_field(const struct check *c, const struct schema_field *field,
                        const char *path, const ProtobufCMessage *message,
                        const ProtobufCFieldDescriptor *wire)
{
    struct buf expected = {0};
    if (!is_array(field) && !build_is_set(message, wire)) {
        if ((field->flags & IS_REQUIRED) || field->initial != DEFAULT_NONE) {
            schema_describe(field, &expected);
            refuse(c, path, "is missing", &expected);
        }
        buf_release(&expected);
        return;
    }
    switch (field->type) {
    case FIELD_TEMPLATE:
    case FIELD_STRING:
        check_text(c, field, path, *(char *const *)field_at(message, wire));
        break;
    case FIELD_INTEGER:
    case FIELD_MILLI:
    case FIELD_MEBIBYTES:
        check_number(c, field, path, build_number(message, wire));
        break;
    case FIELD_OBJECT:
        check_object(c, field, path,
                     *(ProtobufCMessage *const *)field_at(message, wire));
        break;
    case FIELD_LIST:
    case FIELD_MAP:
        check_array(c, field, path, message, wire);
        break;
    case FIELD_FUNCTION:
        check_function(c, path,
                       *(Perigee__Function *const *)field_at(message, wire));
        break;
    case FIELD_BOOLEAN:
    case FIELD_TAG:
    case FIELD_INTO:
    case FIELD_REFUSED:
        break;
    }
}

/* Is there anything of an object whose fields stand in the message? */
static bool has_flat(const struct schema_object *object,
                     const ProtobufCMessage *message)
{
    for (size_t i = 0; i < object->stored_count; i++) {
        const ProtobufCFieldDescriptor *wire =
            schema_wire(object, &object->field[i]);
        if (wire != NULL && build_is_set(message, wire))
            return true;
    }
    return false;
}

/* Bounded: the schema's objects do not contain themselves. */
static void check_message(const struct check *c,
                          const struct schema_object *object, const char *path,
                          const ProtobufCMessage *message)
{
    for (size_t i = 0; i < object->stored_count; i++) {
        const struct schema_field *field = &object->field[i];
        const ProtobufCFieldDescriptor *wire = schema_wire(object, field);
        char inner[PATH_TEXT_MAX];
        if (wire == NULL) {
            const struct schema_object *flat =
                schema_is_flat(field) ? schema_variant(field, message) : NULL;
            if (flat != NULL && has_flat(flat, message))
                check_message(c, flat, path, message);
            continue;
        }
        snprintf(inner, sizeof inner, "%s%s%s", path, *path ? "." : "",
                 field->name);
        check_field(c, field, inner, message, wire);
    }
}

/* --- what the schema does not say --- */

static bool is_asset(const char *uri)
{
    return strstr(uri, "://") == NULL;
}

/* What an operator works on. */
static void check_operand(const struct check *c,
                          const Perigee__HostConstraint *one)
{
    enum { NUMBER = 1, VALUES = 2, ONE_VALUE = 4, NONE = 8 };
    static const uint8_t takes[] = {
        [PERIGEE__HOST_CONSTRAINT__KIND__ONE_OF] = VALUES,
        [PERIGEE__HOST_CONSTRAINT__KIND__NONE_OF] = VALUES,
        [PERIGEE__HOST_CONSTRAINT__KIND__LIMIT] = NUMBER,
        [PERIGEE__HOST_CONSTRAINT__KIND__UNIQUE] = NONE,
        [PERIGEE__HOST_CONSTRAINT__KIND__CLUSTER] = ONE_VALUE | NONE,
        [PERIGEE__HOST_CONSTRAINT__KIND__GROUP_BY] = NUMBER | NONE,
        [PERIGEE__HOST_CONSTRAINT__KIND__LIKE] = ONE_VALUE,
        [PERIGEE__HOST_CONSTRAINT__KIND__UNLIKE] = ONE_VALUE,
        [PERIGEE__HOST_CONSTRAINT__KIND__MAX_PER] = NUMBER};
    uint8_t is = one->has_limit && one->n_values > 0 ? 0
                 : one->has_limit                    ? NUMBER
                 : one->n_values == 0                ? NONE
                 : one->n_values == 1                ? VALUES | ONE_VALUE
                                                     : VALUES;
    if (!(takes[one->kind] & is))
        c->problem(c->context, "constraints",
                   "a constraint has a wrong operand",
                   "want values for ONE_OF and NONE_OF, one value for LIKE "
                   "and UNLIKE, limit for LIMIT and MAX_PER",
                   NULL);
}

/* A variable is a text or a secret. */
static void check_variables(const struct check *c, const char *field,
                            Perigee__EnvVar *const *variable, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if ((variable[i]->value == NULL) == (variable[i]->secret == NULL))
            c->problem(c->context, field, "a variable without one value",
                       "want value or secret", NULL);
}

static void check_details(const struct check *c, const Perigee__Job *job)
{
    const Perigee__TaskConfig *task = job->task;
    assert(task != NULL); /* required by the schema, checked before */
    const char *tier = job_tier_problem(job->production, job->tier);
    if (tier != NULL)
        c->problem(c->context, "tier", tier, "want one of them", NULL);
    for (size_t i = 0; i < job->n_constraints; i++)
        check_operand(c, job->constraints[i]);
    for (size_t i = 0; i < task->n_fetch; i++) {
        const Perigee__Fetch *fetch = task->fetch[i];
        if (is_asset(fetch->uri) != fetch->asset)
            c->problem(c->context, "task.fetch",
                       "'asset' and 'uri' contradict each other",
                       "want asset for a path and no asset for an address",
                       NULL);
        if (fetch->asset && fetch->sha256 == NULL)
            c->problem(c->context, "task.fetch", "an asset has no sha256",
                       "want the hash of its bytes", NULL);
    }
    check_variables(c, "env", job->env, job->n_env);
    for (size_t i = 0; i < task->n_processes; i++)
        check_variables(c, "task.processes", task->processes[i]->env,
                        task->processes[i]->n_env);
    for (size_t i = 0; i < task->n_processes; i++)
        if (!task->processes[i]->raw)
            check_template(c, "task.processes", task->processes[i]->cmdline);
}

struct first {
    struct err *err;
    const char *prefix;
    bool is_found;
};

static void on_problem(void *context, const char *field, const char *message,
                       const char *expected, const char *nearest)
{
    struct first *first = context;
    if (first->is_found)
        return;
    first->is_found = true;
    bool has_hint = expected != NULL && *expected != '\0';
    err_set(first->err, ERR_INVALID, "job: %s%s%s", message,
            has_hint ? ": " : "", has_hint ? expected : "");
    err_field(first->err, "%s%s", first->prefix, field);
    if (nearest != NULL)
        err_hint(first->err, "did you mean '%s'?", nearest);
}

int job_check(const Perigee__Job *job, struct err *err)
{
    struct first first = {.err = err, .prefix = ""};
    struct check c = {on_problem, &first};
    check_message(&c, schema_object("Job"), "", &job->base);
    if (!first.is_found && job->name == NULL)
        on_problem(&first, "name", "'name' is missing", NULL, NULL);
    if (!first.is_found)
        check_details(&c, job);
    if (!first.is_found)
        job_choices(job, on_problem, &first);
    if (!first.is_found)
        job_rules(job, on_problem, &first);
    first.prefix = "task.";
    if (!first.is_found)
        task_check(job->task, on_problem, &first);
    return first.is_found ? -ERR_INVALID : 0;
}

/* --- defaults --- */

static char *copy_text(const char *text, struct arena *arena)
{
    return text != NULL ? arena_strdup(arena, text) : NULL;
}

static void complete(const struct schema_object *object,
                     ProtobufCMessage *message, struct arena *arena);

/* Defaults of the objects that are there. */
static void complete_field(const struct schema_field *field,
                           const ProtobufCFieldDescriptor *wire,
                           ProtobufCMessage *message, struct arena *arena)
{
    if (field->type == FIELD_OBJECT) {
        ProtobufCMessage *inner =
            *(ProtobufCMessage *const *)field_at(message, wire);
        if (inner != NULL)
            complete(schema_variant(field, inner), inner, arena);
    } else if (is_array(field) && field->element == FIELD_OBJECT) {
        void *const *item = *(void *const *const *)field_at(message, wire);
        for (size_t i = 0; i < count_at(message, wire); i++)
            complete(schema_variant(field, item[i]), item[i], arena);
    }
}

/* Bounded: the schema's objects do not contain themselves. */
static void complete(const struct schema_object *object,
                     ProtobufCMessage *message, struct arena *arena)
{
    build_defaults(object, message, arena);
    for (size_t i = 0; i < object->stored_count; i++) {
        const struct schema_field *field = &object->field[i];
        const ProtobufCFieldDescriptor *wire = schema_wire(object, field);
        if (wire != NULL)
            complete_field(field, wire, message, arena);
        else if (schema_is_flat(field) &&
                 has_flat(schema_variant(field, message), message))
            build_defaults(schema_variant(field, message), message, arena);
    }
}

static void complete_task(Perigee__TaskConfig *task, struct arena *arena)
{
    for (size_t i = 0; i < task->n_processes; i++)
        task->processes[i]->has_raw = true;
    if (task->name == NULL && task->n_processes > 0)
        task->name = copy_text(task->processes[0]->name, arena);
}

int job_complete(Perigee__Job *job, struct arena *arena, struct err *err)
{
    struct first first = {.err = err, .prefix = ""};
    complete(schema_object("Job"), &job->base, arena);
    if (job->task != NULL)
        complete_task(job->task, arena);
    if (job->name == NULL && job->task != NULL)
        job->name = copy_text(job->task->name, arena);
    if (job->tier == NULL)
        job->tier =
            arena_strdup(arena, job->production ? "preferred" : "preemptible");
    if (!job_resolve(job, arena, on_problem, &first))
        return -ERR_INVALID;
    return job_check(job, err);
}
