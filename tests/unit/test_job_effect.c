/* Every field of a job, one after the other: what another value of it means to
 * instances that run. */
#include "script/job_effect.h"
#include "script/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Written down once more, independently of the schema. */
static const char *const QUIET[] = {
    "instances", "contact", "max_task_failures", "priority",   "production",
    "metadata",  "update",  "partition_policy",  "sla_policy", "place",
    "rank",      "notify",  "bundle_hash",       NULL};
static const char *const MOVES[] = {"constraints", NULL};
static const char *const RESTARTS[] = {
    "cluster",   "role",     "environment", "name",       "service",
    "tier",      "task",     "env",         "port_names", "health_check",
    "lifecycle", "announce", "container",   "cron",       "executor_config",
    NULL};

static bool has(const char *const *list, const char *name)
{
    for (; *list; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

static enum job_effect expected(const char *field)
{
    if (has(QUIET, field))
        return JOB_EFFECT_NOTHING;
    if (has(MOVES, field))
        return JOB_EFFECT_MOVE;
    if (!has(RESTARTS, field))
        fail_msg("what does a change of '%s' mean?", field);
    return JOB_EFFECT_RESTART;
}

/* Set the field of an empty job to something. */
static void set(Perigee__Job *job, const ProtobufCFieldDescriptor *field)
{
    static char text[] = "x";
    static void *list[1];
    static ProtobufCMessage *message;
    char *value = (char *)job + field->offset;
    char *quantifier = (char *)job + field->quantifier_offset;
    void *element = text;

    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        const ProtobufCMessageDescriptor *d = field->descriptor;
        free(message);
        message = calloc(1, d->sizeof_message);
        assert_non_null(message);
        protobuf_c_message_init(d, message);
        element = message;
    }
    list[0] = element;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        *(size_t *)(void *)quantifier = 1;
        *(void **)(void *)value = list;
    } else if (field->type == PROTOBUF_C_TYPE_STRING ||
               field->type == PROTOBUF_C_TYPE_MESSAGE) {
        *(void **)(void *)value = element;
    } else {
        *(protobuf_c_boolean *)(void *)quantifier = 1;
        *(uint32_t *)(void *)value = 1; /* no field is longer than that */
    }
}

static bool differs(const Perigee__Job *a, const Perigee__Job *b,
                    enum job_effect least)
{
    struct buf x = {0}, y = {0};

    job_effect_pack(a, least, &x);
    job_effect_pack(b, least, &y);
    bool is_equal = x.size == y.size &&
                    (x.size == 0 || memcmp(x.data, y.data, x.size) == 0);
    buf_release(&x);
    buf_release(&y);
    return !is_equal;
}

static void test_every_field_of_the_message(void **unused)
{
    const ProtobufCMessageDescriptor *d = &perigee__job__descriptor;

    (void)unused;
    for (unsigned i = 0; i < d->n_fields; i++) {
        Perigee__Job plain = PERIGEE__JOB__INIT, other = PERIGEE__JOB__INIT;
        enum job_effect effect = expected(d->fields[i].name);
        set(&other, &d->fields[i]);
        if (job_effect(d->fields[i].name) != effect ||
            differs(&plain, &other, JOB_EFFECT_RESTART) !=
                (effect == JOB_EFFECT_RESTART) ||
            differs(&plain, &other, JOB_EFFECT_MOVE) !=
                (effect >= JOB_EFFECT_MOVE))
            fail_msg("%s: want %d", d->fields[i].name, effect);
    }
}

/* Nothing is marked in the schema that the message does not have. */
static void test_every_field_of_the_schema(void **unused)
{
    const struct schema_object *job = schema_object("Job");

    (void)unused;
    for (size_t i = 0; i < job->stored_count; i++) {
        const struct schema_field *field = &job->field[i];
        if (!(field->flags & (IS_QUIET | IS_MOVES)))
            continue;
        assert_non_null(protobuf_c_message_descriptor_get_field_by_name(
            job->message, field->wire));
        assert_int_equal(job_effect(field->wire), expected(field->wire));
    }
}

static void test_paths_are_those_of_their_field(void **unused)
{
    (void)unused;
    assert_int_equal(job_effect("task.processes[1].cmdline"),
                     JOB_EFFECT_RESTART);
    assert_int_equal(job_effect("metadata[2].key"), JOB_EFFECT_NOTHING);
    assert_int_equal(job_effect("constraints[1].values"), JOB_EFFECT_MOVE);
    assert_int_equal(job_effect("bundle_hash (its functions)"),
                     JOB_EFFECT_NOTHING);
    assert_int_equal(job_effect("no_such_field"), JOB_EFFECT_RESTART);
    assert_int_equal(job_effect(""), JOB_EFFECT_RESTART);
}

/* A health function runs with the task: another file is another task. */
static void test_a_health_function_brings_its_file(void **unused)
{
    Perigee__Job a = PERIGEE__JOB__INIT, b = PERIGEE__JOB__INIT;
    Perigee__HealthCheck check = PERIGEE__HEALTH_CHECK__INIT;
    Perigee__Function function = PERIGEE__FUNCTION__INIT;

    (void)unused;
    a.bundle_hash = (char *)"one";
    b.bundle_hash = (char *)"two";
    assert_false(differs(&a, &b, JOB_EFFECT_MOVE));
    check.lua = &function;
    a.health_check = b.health_check = &check;
    assert_true(differs(&a, &b, JOB_EFFECT_RESTART));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_field_of_the_message),
        cmocka_unit_test(test_every_field_of_the_schema),
        cmocka_unit_test(test_paths_are_those_of_their_field),
        cmocka_unit_test(test_a_health_function_brings_its_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
