/* The schema of the language and the messages of the wire name the same
 * fields, with types that fit. */
#include "script/schema.h"
#include "perigee/job.pb-c.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static bool fits(const struct schema_field *field,
                 const ProtobufCFieldDescriptor *wire)
{
    bool is_repeated = wire->label == PROTOBUF_C_LABEL_REPEATED;
    switch (field->type) {
    case FIELD_STRING:
    case FIELD_TEMPLATE:
        return wire->type == PROTOBUF_C_TYPE_STRING && !is_repeated;
    case FIELD_BOOLEAN:
        return wire->type == PROTOBUF_C_TYPE_BOOL && !is_repeated;
    case FIELD_INTEGER:
    case FIELD_MILLI:
    case FIELD_MEBIBYTES:
        return !is_repeated && (wire->type == PROTOBUF_C_TYPE_UINT32 ||
                                wire->type == PROTOBUF_C_TYPE_INT32 ||
                                wire->type == PROTOBUF_C_TYPE_UINT64 ||
                                wire->type == PROTOBUF_C_TYPE_ENUM);
    case FIELD_OBJECT:
        return wire->type == PROTOBUF_C_TYPE_MESSAGE && !is_repeated &&
               wire->descriptor == field->of->message;
    case FIELD_LIST:
    case FIELD_MAP:
        if (field->of == NULL && field->element == FIELD_INTEGER)
            return wire->type == PROTOBUF_C_TYPE_UINT32 && is_repeated;
        if (field->of == NULL)
            return wire->type == PROTOBUF_C_TYPE_STRING && is_repeated;
        return is_repeated && wire->descriptor == field->of->message;
    case FIELD_FUNCTION:
        return wire->descriptor == &perigee__function__descriptor;
    case FIELD_TAG:
        return wire->type == PROTOBUF_C_TYPE_ENUM;
    case FIELD_INTO:
    case FIELD_REFUSED:
        break;
    }
    return false;
}

static void test_every_field_has_a_place_on_the_wire(void **unused)
{
    (void)unused;
    for (const struct schema_object *object = SCHEMA; object->name; object++)
        for (size_t i = 0; i < object->stored_count; i++) {
            const struct schema_field *field = &object->field[i];
            if (strcmp(object->name, "SimpleTask") == 0)
                continue; /* becomes a Task, which has its own row */
            if (object->message == NULL)
                continue; /* of an operator's file */
            if (strcmp(field->wire, "-") == 0)
                continue; /* says how the others are read */
            if (strcmp(field->wire, "*") == 0) {
                assert_ptr_equal(field->of->message, object->message);
                continue;
            }
            const ProtobufCFieldDescriptor *wire = schema_wire(object, field);
            if (wire == NULL || !fits(field, wire))
                fail_msg("%s.%s", object->name, field->name);
        }
}

/* What evaluation fills in by itself. */
static bool is_derived(const char *message, const char *field)
{
    static const char *const derived[] = {"Job.port_names",
                                          "Job.bundle_hash",
                                          "Process.raw",
                                          "Fetch.asset",
                                          "Fetch.size_bytes",
                                          "Logger.log_size",
                                          "Logger.backups",
                                          "EnvVar.name",
                                          "ShellCheck.raw",
                                          "Metadata.key",
                                          "HostConstraint.attribute",
                                          "Group.jobs",
                                          "Group.groups"};
    char name[128];
    snprintf(name, sizeof name, "%s.%s", message, field);
    for (size_t i = 0; i < sizeof derived / sizeof *derived; i++)
        if (strcmp(derived[i], name) == 0)
            return true;
    return false;
}

static bool is_written(const ProtobufCMessageDescriptor *message,
                       const ProtobufCFieldDescriptor *wire)
{
    for (const struct schema_object *object = SCHEMA; object->name; object++)
        for (size_t i = 0;
             object->message == message && i < object->stored_count; i++)
            if (schema_wire(object, &object->field[i]) == wire)
                return true;
    return is_derived(message->short_name, wire->name);
}

static void test_every_field_of_the_wire_can_be_written(void **unused)
{
    (void)unused;
    for (const struct schema_object *object = SCHEMA; object->name; object++)
        for (unsigned i = 0;
             object->message != NULL && i < object->message->n_fields; i++)
            if (!is_written(object->message, &object->message->fields[i]))
                fail_msg("%s.%s", object->message->short_name,
                         object->message->fields[i].name);
}

static void test_defaults_obey_their_own_rules(void **unused)
{
    (void)unused;
    struct buf expected = {0};
    for (const struct schema_object *object = SCHEMA; object->name; object++)
        for (size_t i = 0; i < object->stored_count; i++) {
            const struct schema_field *field = &object->field[i];
            if (field->initial == DEFAULT_TEXT)
                assert_true(schema_check_text(field, field->initial_text,
                                              strlen(field->initial_text),
                                              &expected));
            else if (field->initial == DEFAULT_NUMBER &&
                     field->type != FIELD_BOOLEAN)
                assert_true(schema_check_number(field, field->initial_number,
                                                &expected));
        }
    buf_release(&expected);
}

static void test_every_field_is_explained(void **unused)
{
    (void)unused;
    for (const struct schema_object *object = SCHEMA; object->name; object++) {
        assert_true(object->help[0] != '\0');
        for (size_t i = 0; i < object->field_count; i++)
            assert_true(object->field[i].help != NULL &&
                        object->field[i].help[0] != '\0');
    }
}

static void expect_text(const char *object, const char *name, const char *good,
                        const char *bad)
{
    struct buf expected = {0};
    const struct schema_field *field =
        schema_field(schema_object(object), name);
    assert_non_null(field);
    assert_true(schema_check_text(field, good, strlen(good), &expected));
    assert_false(schema_check_text(field, bad, strlen(bad), &expected));
    assert_true(expected.size > 5);
    buf_release(&expected);
}

static void test_texts_have_rules(void **unused)
{
    (void)unused;
    expect_text("Job", "role", "www-data", "www data");
    expect_text("Job", "environment", "staging42", "staging4x");
    expect_text("Job", "environment", "prod", "production");
    expect_text("Process", "name", "a b", ".a");
    expect_text("Process", "name", "a..", "a/b");
    expect_text("EnvVar", "name", "A_1", "1A");
    expect_text("EnvVar", "value", "{x}", "{{x}}");
    expect_text("Fetch", "uri", "a/b.tgz", "a/../../b.tgz");
    expect_text("Fetch", "uri", "https://x/y", "https://");
    expect_text("Fetch", "uri", "file:///x", "file://x");
    expect_text("Fetch", "output", "x", "a\nb");
    expect_text("Job", "contact", "\xc3\xa9", "\xc3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_field_has_a_place_on_the_wire),
        cmocka_unit_test(test_every_field_of_the_wire_can_be_written),
        cmocka_unit_test(test_defaults_obey_their_own_rules),
        cmocka_unit_test(test_every_field_is_explained),
        cmocka_unit_test(test_texts_have_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
