/* What our own API takes: nothing that it does not know, in both encodings,
 * with the place of what is wrong. And what the schema says of it. */
#include "perigee/aurora.pb-c.h"
#include "wire/codec.h"
#include "wire/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static int decode(enum media_type media, struct bytes in, struct err *err)
{
    ProtobufCMessage *message = NULL;
    struct arena arena;

    *err = (struct err){0};
    arena_init(&arena);
    int rc = codec_decode_strictly(&perigee__aurora__call__descriptor, "Call",
                                   media, in, &arena, &message, err);
    arena_release(&arena);
    return rc;
}

static void test_json_is_refused_with_its_path(void **unused)
{
    static const struct {
        const char *json, *field, *text; /* text NULL: taken */
    } rows[] = {
        {"{}", NULL, NULL},
        {"{\"type\":null,\"target\":null}", NULL, NULL},
        {"{\"target\":{\"instances\":{\"first\":\"3\"}}}", NULL, NULL},
        {"{\"target\":{\"instances\":[{},{\"first\":1},{\"frist\":1}]}}",
         "target.instances[3].frist", "nearest known name: 'first'"},
        {"{\"tarket\":{}}", "tarket", "nearest known name: 'target'"},
        {"{\"zzzzzzzzzzz\":1}", "zzzzzzzzzzz", "no such field"},
        {"{\"type\":\"KILL_JOBS\"}", "type", "nearest known name: 'KILL_JOB'"},
        {"{\"type\":7}", "type", "Not expecting a JSON number"},
        {"{\"scale\":{\"instances\":4294967295}}", NULL, NULL},
        {"{\"scale\":{\"instances\":4294967296}}", "scale.instances",
         "want a whole number"},
        {"{\"scale\":{\"instances\":-1}}", "scale.instances", "-1: want"},
        {"{\"scale\":{\"instances\":2.5}}", "scale.instances", "2.5: want"},
        {"{\"scale\":{\"instances\":2.0}}", NULL, NULL},
        {"{\"scale\":{\"instances\":1e99}}", "scale.instances", "1e+99: want"},
        {"{\"create_job\":{\"job\":{\"priority\":-2147483649}}}",
         "create_job.job.priority", "want a whole number"},
        {"{\"subscribe\":{\"from_sequence\":9223372036854775807}}", NULL, NULL},
        {"{\"subscribe\":{\"from_sequence\":\"18446744073709551615\"}}", NULL,
         NULL},
        {"{\"subscribe\":{\"from_sequence\":\"18446744073709551616\"}}",
         "subscribe.from_sequence", "want a whole number"},
        {"{\"subscribe\":{\"from_sequence\":18446744073709551616}}",
         "subscribe.from_sequence", "want a whole number"},
        {"{\"target\":{\"message\":\"a\\u0000b\"}}", "target.message",
         "zero byte"},
        {"{\"create_job\":{\"bundle\":\"!\"}}", "create_job.bundle", "base64"},
        {"[]", NULL, "Expecting a JSON object"},
        {"{", NULL, "Failed to parse body into JSON"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err;
        int rc = decode(MEDIA_JSON, bytes_of_text(rows[i].json), &err);
        if ((rc == 0) != (rows[i].text == NULL) ||
            (rc < 0 &&
             (!strstr(err.text, rows[i].text) ||
              strcmp(err.field, rows[i].field ? rows[i].field : "") != 0)))
            fail_msg("%s: %d, '%s' at '%s'", rows[i].json, rc, err.text,
                     err.field);
    }
}

static void test_protobuf_is_refused_with_its_path(void **unused)
{
    /* {target: {instances: [{}, {999: 1}]}} */
    static const uint8_t number[] = {0x1a, 0x07, 0x12, 0x00, 0x12,
                                     0x03, 0xb8, 0x3e, 0x01};
    /* {type: 999} */
    static const uint8_t value[] = {0x08, 0xe7, 0x07};
    static const uint8_t broken[] = {0x1a, 0x7f, 0x00};
    struct err err;

    (void)unused;
    assert_int_equal(
        decode(MEDIA_PROTOBUF, bytes_of(number, sizeof number), &err),
        -ERR_INVALID);
    assert_string_equal(err.field, "target.instances[2]");
    assert_non_null(strstr(err.text, "number 999"));
    assert_int_equal(
        decode(MEDIA_PROTOBUF, bytes_of(value, sizeof value), &err),
        -ERR_INVALID);
    assert_string_equal(err.field, "type");
    assert_non_null(strstr(err.text, "want one of CREATE_JOB"));
    assert_int_equal(
        decode(MEDIA_PROTOBUF, bytes_of(broken, sizeof broken), &err),
        -ERR_INVALID);
    assert_int_equal(decode(MEDIA_PROTOBUF, bytes_of("", 0), &err), 0);
}

static void test_comments_are_found_by_name(void **unused)
{
    (void)unused;
    assert_string_equal(schema_comment("perigee.aurora.JobView.killed"),
                        "goes when its last task has ended");
    assert_null(schema_comment("perigee.aurora.JobView"));
    assert_null(schema_comment(""));
    for (uint32_t i = 1; i < SCHEMA_COMMENT_COUNT; i++)
        assert_true(
            strcmp(SCHEMA_COMMENTS[i - 1].name, SCHEMA_COMMENTS[i].name) < 0);
}

static void test_a_variant_has_only_its_fields(void **unused)
{
    struct buf out = {0};
    struct json_writer w;

    (void)unused;
    json_init(&w, &out, 0);
    schema_write_variant(&w, &(struct schema_variant){
                                 .message = &perigee__aurora__call__descriptor,
                                 .type = "SCALE_JOB",
                                 .fields = "scale ",
                                 .required = "scale "});
    assert_string_equal(
        buf_text(&out),
        "{\"type\":\"object\",\"properties\":{\"type\":{\"const\":"
        "\"SCALE_JOB\"},\"scale\":{\"description\":\"SCALE_JOB, "
        "ADD_INSTANCES\",\"$ref\":\"#/$defs/perigee.aurora.Call.Scale\"}},"
        "\"required\":[\"type\",\"scale\"],\"additionalProperties\":false}");
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_is_refused_with_its_path),
        cmocka_unit_test(test_protobuf_is_refused_with_its_path),
        cmocka_unit_test(test_comments_are_found_by_name),
        cmocka_unit_test(test_a_variant_has_only_its_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
