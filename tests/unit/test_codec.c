/* One schema, two encodings: what Mesos accepts, refuses and prints. */
#include "wire/codec.h"

#include "mesos/v1/executor.pb-c.h"
#include "mesos/v1/scheduler.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const ProtobufCMessageDescriptor *const CALL =
    &mesos__v1__scheduler__call__descriptor;

static int decode(enum media_type media, struct bytes in, struct arena *arena,
                  Mesos__V1__Scheduler__Call **out, struct err *err)
{
    ProtobufCMessage *message = NULL;
    int rc = codec_decode(CALL, "Call", media, in, arena, &message, err);

    *out = (Mesos__V1__Scheduler__Call *)message;
    return rc;
}

static void refuses(const char *json, const char *text)
{
    struct arena arena;
    struct err err = {0};
    Mesos__V1__Scheduler__Call *call;

    arena_init(&arena);
    assert_true(decode(MEDIA_JSON, bytes_of_text(json), &arena, &call, &err) <
                0);
    assert_string_equal(err.text, text);
    arena_release(&arena);
}

static void test_refusals_have_mesos_words(void **state)
{
#define TEXT "Failed to parse body into JSON: "
#define SHAPE "Failed to convert JSON into Call protobuf: "
    (void)state;
    refuses("", TEXT "syntax error at line 1 near: ");
    refuses("{\"type\": ", TEXT "syntax error at line 1 near: ");
    refuses("{\"type\":\"REVIVE\"/*x*/}",
            TEXT "syntax error at line 1 near: /*x*/}");
    refuses("{\"type\":\"REVIVE\",}", TEXT "syntax error at line 1 near: }");
    refuses("{\"type\":\"REVIVE\"} x",
            TEXT "Parsed JSON included non-whitespace trailing characters:  x");
    refuses("{\"x\":NaN}", TEXT "syntax error at line 1 near: NaN}");
    refuses("[]", SHAPE "Expecting a JSON object");
    refuses("\"x\"", SHAPE "Expecting a JSON object");
    refuses("{\"type\":1}",
            SHAPE "Not expecting a JSON number for field 'type'");
    refuses("{\"subscribe\":{}}",
            SHAPE "Missing required fields: subscribe.framework_info");
    refuses("{\"subscribe\":{\"framework_info\":{\"user\":\"root\"}}}",
            SHAPE "Missing required fields: subscribe.framework_info.name");
    refuses("{\"subscribe\":{\"framework_info\":{}}}",
            SHAPE "Missing required fields: subscribe.framework_info.user, "
                  "subscribe.framework_info.name");
    refuses("{\"subscribe\":{\"framework_info\":\"x\"}}",
            SHAPE "Not expecting a JSON string for field 'framework_info'");
    refuses("{\"subscribe\":{\"framework_info\":[{}]}}",
            SHAPE "Not expecting a JSON array for field 'framework_info'");
    refuses("{\"subscribe\":{\"force\":1,\"framework_info\":{\"user\":5}}}",
            SHAPE "Not expecting a JSON number for field 'user'");
}

static void lacks(const ProtobufCMessageDescriptor *type, const char *json,
                  const char *paths)
{
    struct arena arena;
    struct err err = {0};
    struct buf want = {0};
    ProtobufCMessage *message;

    arena_init(&arena);
    buf_addf(&want, SHAPE "Missing required fields: %s", paths);
    assert_int_equal(codec_decode(type, "Call", MEDIA_JSON, bytes_of_text(json),
                                  &arena, &message, &err),
                     -ERR_INVALID);
    assert_string_equal(err.text, buf_text(&want));
    buf_release(&want);
    arena_release(&arena);
}

/* Numbers, enums and bytes as well as texts and messages; a message's own
 * fields come first. */
static void test_all_missing_fields_are_told_with_their_paths(void **state)
{
    const ProtobufCMessageDescriptor *executor =
        &mesos__v1__executor__call__descriptor;

    (void)state;
    lacks(executor, "{}", "executor_id, framework_id");
    lacks(executor, "{\"update\":{\"status\":{\"task_id\":{\"value\":\"t\"}}}}",
          "executor_id, framework_id, update.status.state");
    lacks(executor,
          "{\"executor_id\":{},\"framework_id\":{\"value\":\"f\"},"
          "\"update\":{\"status\":{}}}",
          "executor_id.value, update.status.task_id, update.status.state");
    lacks(CALL, "{\"acknowledge\":{\"task_id\":{\"value\":\"t\"}}}",
          "acknowledge.agent_id, acknowledge.uuid");
    lacks(CALL,
          "{\"acknowledge\":{\"task_id\":{\"value\":\"t\"},"
          "\"agent_id\":{\"value\":\"a\"},\"uuid\":null}}",
          "acknowledge.uuid");
    /* Inside arrays; an unknown name of a required enum is none. */
    lacks(&mesos__v1__task_info__descriptor,
          "{\"name\":\"n\",\"task_id\":{\"value\":\"t\"},"
          "\"agent_id\":{\"value\":\"a\"},\"resources\":["
          "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{}},"
          "{\"name\":\"ports\",\"type\":\"NO_SUCH\",\"ranges\":"
          "{\"range\":[{\"begin\":1,\"end\":2},{\"begin\":3}]}}]}",
          "resources[0].scalar.value, resources[1].type, "
          "resources[1].ranges.range[1].end");
}

/* A body of nothing but holes is answered with a list that ends. */
static void test_the_list_of_missing_fields_is_limited(void **state)
{
    struct buf json = {0};
    struct arena arena;
    struct err err = {0};
    ProtobufCMessage *message;

    (void)state;
    buf_add_text(&json, "{\"range\":[{}");
    for (int i = 0; i < 10000; i++)
        buf_add_text(&json, ",{}");
    buf_add_text(&json, "]}");
    arena_init(&arena);
    assert_int_equal(codec_decode(&mesos__v1__value__ranges__descriptor,
                                  "Ranges", MEDIA_JSON, buf_bytes(&json),
                                  &arena, &message, &err),
                     -ERR_INVALID);
    assert_non_null(strstr(err.text, "range[0].begin, range[0].end, "));
    assert_null(strstr(err.text, "range[20]"));
    buf_release(&json);
    arena_release(&arena);
}

static void test_reads_leniently_what_mesos_reads(void **state)
{
    static const char json[] =
        "{\"type\":\"DECLINE\",\"type\":\"SUBSCRIBE\",\"zzz\":{\"a\":[1]},"
        "\"framework_id\":null,\"subscribe\":{\"suppressed_roles\":\"one\","
        "\"framework_info\":{\"user\":\"u\",\"name\":\"n\","
        "\"failover_timeout\":\"30\",\"checkpoint\":\"true\","
        "\"capabilities\":{\"type\":\"MULTI_ROLE\"}}}}";
    struct arena arena;
    struct err err = {0};
    Mesos__V1__Scheduler__Call *call;

    (void)state;
    arena_init(&arena);
    assert_int_equal(
        decode(MEDIA_JSON, bytes_of_text(json), &arena, &call, &err), 0);
    assert_int_equal(call->type, MESOS__V1__SCHEDULER__CALL__TYPE__SUBSCRIBE);
    assert_null(call->framework_id);
    const Mesos__V1__FrameworkInfo *info = call->subscribe->framework_info;
    assert_true(info->failover_timeout == 30.0);
    assert_true(info->has_checkpoint && info->checkpoint);
    assert_int_equal(info->n_capabilities, 1);
    assert_int_equal(call->subscribe->n_suppressed_roles, 1);
    assert_string_equal(call->subscribe->suppressed_roles[0], "one");
    arena_release(&arena);
}

/* Unsigned numbers keep all of their 64 bits, however they are written. */
static void test_whole_numbers_keep_their_bits(void **state)
{
    static const struct {
        const char *text;
        uint64_t value;
    } row[] = {
        {"18446744073709551615", UINT64_MAX},
        {"\"18446744073709551615\"", UINT64_MAX},
        {"1e30", UINT64_MAX},
        {"9223372036854775808", UINT64_C(1) << 63},
        {"9223372036854775807", INT64_MAX},
        {"\"9223372036854775809\"", (UINT64_C(1) << 63) + 1},
        {"9007199254740993", UINT64_C(9007199254740993)},
        {"3.9", 3},
        {"\"1e3\"", 1000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct arena arena;
        struct err err = {0};
        ProtobufCMessage *message;

        arena_init(&arena);
        const char *json =
            arena_printf(&arena, "{\"begin\":0,\"end\":%s}", row[i].text);
        assert_int_equal(codec_decode(&mesos__v1__value__range__descriptor,
                                      "Range", MEDIA_JSON, bytes_of_text(json),
                                      &arena, &message, &err),
                         0);
        assert_true(((Mesos__V1__Value__Range *)message)->end == row[i].value);
        arena_release(&arena);
    }
}

static void test_unknown_enum_names_and_numbers_count_as_unset(void **state)
{
    static const uint8_t number[] = {0x10, 0x63}; /* type: 99 */
    struct arena arena;
    struct err err = {0};
    Mesos__V1__Scheduler__Call *call;

    (void)state;
    arena_init(&arena);
    assert_int_equal(decode(MEDIA_JSON, bytes_of_text("{\"type\":\"NO_SUCH\"}"),
                            &arena, &call, &err),
                     0);
    assert_false(call->has_type);
    assert_int_equal(decode(MEDIA_PROTOBUF, bytes_of(number, sizeof number),
                            &arena, &call, &err),
                     0);
    assert_false(call->has_type);
    arena_release(&arena);
}

/* Deep nesting of length-delimited fields, and of JSON, is refused early. */
static void test_depth_and_lengths_are_limited(void **state)
{
    struct arena arena;
    struct err err = {0};
    struct buf deep = {0};
    Mesos__V1__Scheduler__Call *call;
    static const uint8_t claims[] = {0x0a, 0xff, 0xff, 0xff, 0x2f};

    (void)state;
    arena_init(&arena);
    for (int i = 0; i < 10000; i++)
        buf_add_text(&deep, "{\"a\":");
    assert_true(decode(MEDIA_JSON, buf_bytes(&deep), &arena, &call, &err) < 0);
    assert_non_null(strstr(err.text, "Failed to parse body into JSON: "));
    assert_true(decode(MEDIA_PROTOBUF, bytes_of(claims, sizeof claims), &arena,
                       &call, &err) < 0);
    assert_string_equal(err.text, "Failed to parse body into Call protobuf");
    buf_release(&deep);

    /* ContainerID.parent holds a ContainerID. */
    struct buf nested = {0};
    buf_add_text(&nested, "\x0a\x01x");
    for (int i = 0; i < 40; i++) {
        struct buf outer = {0};
        buf_add_text(&outer, "\x0a\x01x\x12");
        if (nested.size > 127)
            buf_add_char(&outer, (char)(0x80 | (nested.size & 0x7f)));
        buf_add_char(
            &outer, (char)(nested.size > 127 ? nested.size >> 7 : nested.size));
        buf_add_bytes(&outer, buf_bytes(&nested));
        buf_release(&nested);
        nested = outer;
    }
    ProtobufCMessage *message;
    assert_int_equal(codec_decode(&mesos__v1__container_id__descriptor, "X",
                                  MEDIA_PROTOBUF, buf_bytes(&nested), &arena,
                                  &message, &err),
                     -ERR_LIMIT);
    buf_release(&nested);
    arena_release(&arena);
}

static void test_prints_in_order_with_defaults(void **state)
{
    Mesos__V1__CommandInfo command = MESOS__V1__COMMAND_INFO__INIT;
    Mesos__V1__TaskStatus status = MESOS__V1__TASK_STATUS__INIT;
    Mesos__V1__TaskID id = MESOS__V1__TASK_ID__INIT;
    struct buf out = {0};

    (void)state;
    command.value = "true \xc3\xa9";
    codec_encode(&command.base, MEDIA_JSON, &out);
    assert_string_equal(buf_text(&out),
                        "{\"shell\":true,\"value\":\"true \xc3\xa9\"}");
    buf_clear(&out);
    id.value = "t1";
    status.task_id = &id;
    status.state = MESOS__V1__TASK_STATE__TASK_RUNNING;
    status.has_timestamp = true;
    status.timestamp = 15.0;
    status.has_uuid = true;
    status.uuid = (ProtobufCBinaryData){3, (uint8_t *)"abc"};
    codec_encode(&status.base, MEDIA_JSON, &out);
    assert_string_equal(buf_text(&out),
                        "{\"task_id\":{\"value\":\"t1\"},"
                        "\"state\":\"TASK_RUNNING\",\"timestamp\":15.0,"
                        "\"uuid\":\"YWJj\"}");
    buf_release(&out);
}

static void test_both_encodings_carry_the_same_message(void **state)
{
    static const char json[] =
        "{\"framework_id\":{\"value\":\"f\"},\"type\":\"SUBSCRIBE\","
        "\"subscribe\":{\"framework_info\":{\"user\":\"u\",\"name\":\"n\","
        "\"failover_timeout\":1.5,\"roles\":[\"a\",\"b\"],\"labels\":{"
        "\"labels\":[{\"key\":\"k\",\"value\":\"\\u20ac\"}]},"
        "\"offer_filters\":{\"a\":{\"min_allocatable_resources\":{"
        "\"quantities\":[{\"quantities\":{\"cpus\":{\"value\":1.0}}}]}}}}}}";
    struct arena arena;
    struct err err = {0};
    struct buf packed = {0}, again = {0}, first = {0};
    Mesos__V1__Scheduler__Call *call;

    (void)state;
    arena_init(&arena);
    assert_int_equal(
        decode(MEDIA_JSON, bytes_of_text(json), &arena, &call, &err), 0);
    codec_encode(&call->base, MEDIA_JSON, &first);
    codec_encode(&call->base, MEDIA_PROTOBUF, &packed);
    assert_int_equal(
        decode(MEDIA_PROTOBUF, buf_bytes(&packed), &arena, &call, &err), 0);
    codec_encode(&call->base, MEDIA_JSON, &again);
    assert_string_equal(buf_text(&first), buf_text(&again));
    assert_non_null(strstr(buf_text(&first), "\"offer_filters\":{\"a\":{"));
    buf_release(&packed);
    buf_release(&again);
    buf_release(&first);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals_have_mesos_words),
        cmocka_unit_test(test_all_missing_fields_are_told_with_their_paths),
        cmocka_unit_test(test_the_list_of_missing_fields_is_limited),
        cmocka_unit_test(test_reads_leniently_what_mesos_reads),
        cmocka_unit_test(test_whole_numbers_keep_their_bits),
        cmocka_unit_test(test_unknown_enum_names_and_numbers_count_as_unset),
        cmocka_unit_test(test_depth_and_lengths_are_limited),
        cmocka_unit_test(test_prints_in_order_with_defaults),
        cmocka_unit_test(test_both_encodings_carry_the_same_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
