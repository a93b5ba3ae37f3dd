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

/* --- ports --- */

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t add_ports(const Perigee__Process *process, char **port,
                        size_t count, struct arena *arena)
{
    struct buf message = {0}, expected = {0};
    struct template_ref ref;
    struct bytes text = bytes_of_text(process->cmdline);
    for (int found;
         count <= JOB_PORTS_MAX &&
         (found = template_next(&text, &ref, &message, &expected));) {
        bool is_new = found > 0 && ref.port.size > 0;
        for (size_t i = 0; is_new && i < count; i++)
            is_new = !bytes_equal_text(ref.port, port[i]);
        if (is_new)
            port[count++] = arena_strndup(arena, (const char *)ref.port.data,
                                          ref.port.size);
    }
    buf_release(&message);
    buf_release(&expected);
    return count;
}

bool job_set_ports(Perigee__Job *job, struct arena *arena)
{
    char *port[JOB_PORTS_MAX + 1];
    size_t count = 0;
    const Perigee__TaskConfig *task = job->task;
    for (size_t i = 0; task != NULL && i < task->n_processes; i++)
        if (task->processes[i]->cmdline != NULL && !task->processes[i]->raw)
            count = add_ports(task->processes[i], port, count, arena);
    job->n_port_names = 0;
    if (count == 0 || count > JOB_PORTS_MAX)
        return count == 0;
    qsort(port, count, sizeof *port, compare_text);
    job->port_names = arena_memdup(arena, port, count * sizeof *port);
    job->n_port_names = count;
    return true;
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
        for (size_t j = 0; key != NULL && j < i; j++) {
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
        if (field->of != NULL) {
            check_message(c, field->of, inner, item[i]);
        } else {
            struct schema_field element = *field;
            element.type = FIELD_STRING;
            element.min = 1;
            check_text(c, &element, inner, item[i]);
        }
    }
}

static bool is_array(const struct schema_field *field)
{
    return field->type == FIELD_LIST || field->type == FIELD_MAP;
}

static void check_field(const struct check *c, const struct schema_field *field,
                        const char *path, const ProtobufCMessage *message,
                        const ProtobufCFieldDescriptor *wire)
{
    struct buf expected = {0};
    if (!is_array(field) && !build_is_set(message, wire)) {
        if (field->is_required || field->initial != DEFAULT_NONE) {
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
        check_message(c, field->of, path,
                      *(ProtobufCMessage *const *)field_at(message, wire));
        break;
    case FIELD_LIST:
    case FIELD_MAP:
        check_array(c, field, path, message, wire);
        break;
    case FIELD_BOOLEAN:
    case FIELD_REFUSED:
        break;
    }
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
            check_message(c, field->of, path, message);
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

static void check_details(const struct check *c, const Perigee__Job *job)
{
    const Perigee__TaskConfig *task = job->task;
    assert(task != NULL); /* required by the schema, checked before */
    const char *tier = job_tier_problem(job->production, job->tier);
    if (tier != NULL)
        c->problem(c->context, "tier", tier, "want one of them", NULL);
    for (size_t i = 0; i < job->n_constraints; i++) {
        const Perigee__HostConstraint *one = job->constraints[i];
        bool is_limit = one->kind == PERIGEE__HOST_CONSTRAINT__KIND__LIMIT;
        if (is_limit ? !one->has_limit || one->n_values > 0
                     : one->has_limit || one->n_values == 0)
            c->problem(
                c->context, "constraints", "a constraint has a wrong operand",
                "want values for ONE_OF and NONE_OF, limit for LIMIT", NULL);
    }
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

static void complete_task(Perigee__TaskConfig *task, struct arena *arena)
{
    const struct schema_object *process = schema_object("Process");
    const struct schema_object *fetch = schema_object("Fetch");
    build_defaults(schema_object("Task"), &task->base, arena);
    for (size_t i = 0; i < task->n_processes; i++) {
        Perigee__Process *one = task->processes[i];
        build_defaults(process, &one->base, arena);
        build_defaults(schema_object("Logger"), &one->logger->base, arena);
        one->has_raw = true;
    }
    for (size_t i = 0; i < task->n_fetch; i++)
        build_defaults(fetch, &task->fetch[i]->base, arena);
    if (task->resources != NULL)
        build_defaults(schema_object("Resources"), &task->resources->base,
                       arena);
    if (task->name == NULL && task->n_processes > 0)
        task->name = copy_text(task->processes[0]->name, arena);
}

int job_complete(Perigee__Job *job, struct arena *arena, struct err *err)
{
    build_defaults(schema_object("Job"), &job->base, arena);
    if (job->task != NULL)
        complete_task(job->task, arena);
    if (job->name == NULL && job->task != NULL)
        job->name = copy_text(job->task->name, arena);
    if (job->tier == NULL)
        job->tier =
            arena_strdup(arena, job->production ? "preferred" : "preemptible");
    if (!job_set_ports(job, arena))
        return err_set(err, ERR_INVALID, "job: want at most %d named ports",
                       JOB_PORTS_MAX);
    return job_check(job, err);
}
