/* The scheduler API's front door: checks in front of a call, subscribing,
 * failing over, tearing down. Facts from recordings of a real Mesos. */
#include "master_kit.h"

#define SUBSCRIBE                                                          \
    "{\"type\":\"SUBSCRIBE\",\"subscribe\":{\"framework_info\":{\"user\":" \
    "\"root\",\"name\":\"rec\"}}}"
#define MULTI_ROLE ",\"capabilities\":[{\"type\":\"MULTI_ROLE\"}]"

/* --- checks in front of a call --- */

struct refusal_case {
    const char *method, *content_type, *accept, *body;
    int status;
    const char *text;
};

static const struct refusal_case REFUSED[] = {
    {"POST", "text/plain", "application/json", SUBSCRIBE, 415,
     "Expecting 'Content-Type' of application/json or "
     "application/x-protobuf"},
    {"POST", "application/recordio", "application/json", SUBSCRIBE, 415,
     "Expecting 'Content-Type' of application/json or "
     "application/x-protobuf"},
    {"POST", NULL, "application/json", SUBSCRIBE, 400,
     "Expecting 'Content-Type' to be present"},
    {"POST", "application/json", "text/html", SUBSCRIBE, 406,
     "Expecting 'Accept' to allow 'application/x-protobuf' or "
     "'application/json'"},
    {"GET", "application/json", "application/json", "", 405,
     "405 Method Not Allowed. Expecting one of { 'POST' }, but received "
     "'GET'."},
    {"DELETE", NULL, "application/json", "", 405,
     "405 Method Not Allowed. Expecting one of { 'POST' }, but received "
     "'DELETE'."},
    {"POST", "application/json", "application/json", "[]", 400,
     "Failed to convert JSON into Call protobuf: Expecting a JSON object"},
    {"POST", "application/json", "application/json", "{}", 400,
     "Failed to validate scheduler::Call: Expecting 'type' to be present"},
    {"POST", "application/json", "application/json", "{\"type\":\"UNKNOWN\"}",
     400,
     "Failed to validate scheduler::Call: Expecting 'framework_id' to be "
     "present"},
    {"POST", "application/json", "application/json", "{\"type\":\"NO_SUCH\"}",
     400, "Failed to validate scheduler::Call: Expecting 'type' to be present"},
    {"POST", "application/json", "application/json", "{\"type\":1}", 400,
     "Failed to convert JSON into Call protobuf: Not expecting a JSON number "
     "for field 'type'"},
    {"POST", "application/json", "application/json", "{\"type\":\"SUBSCRIBE\"}",
     400,
     "Failed to validate scheduler::Call: Expecting 'subscribe' to be "
     "present"},
    {"POST", "application/json", "application/json",
     "{\"type\":\"SUBSCRIBE\",\"subscribe\":{}}", 400,
     "Failed to convert JSON into Call protobuf: Missing required fields: "
     "subscribe.framework_info"},
    {"POST", "application/json", "application/json",
     "{\"type\":\"SUBSCRIBE\",\"subscribe\":{\"framework_info\":{\"user\":"
     "\"root\"}}}",
     400,
     "Failed to convert JSON into Call protobuf: Missing required fields: "
     "subscribe.framework_info.name"},
    {"POST", "application/json", "application/json", "{\"type\":\"REVIVE\"}",
     400,
     "Failed to validate scheduler::Call: Expecting 'framework_id' to be "
     "present"},
    {"POST", "application/json", "application/json",
     "{\"type\":\"REVIVE\",\"framework_id\":{\"value\":\"nope\"}}", 400,
     "Framework cannot be found"},
    {"POST", "application/x-protobuf", "application/json", "\xff\xfe", 400,
     "Failed to parse body into Call protobuf"},
};

static void test_checks_in_front_of_a_call(void **state)
{
    struct kit *k = *state;
    char content[128], accept[128];
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        const struct refusal_case *c = &REFUSED[i];
        const char *header[3] = {accept, NULL, NULL};
        snprintf(accept, sizeof accept, "Accept: %s", c->accept);
        if (c->content_type) {
            snprintf(content, sizeof content, "Content-Type: %s",
                     c->content_type);
            header[1] = content;
        }
        (void)kit_request(k, c->method, "/api/v1/scheduler", c->body, header);
        assert_int_equal(k->status, c->status);
        assert_string_equal(k->body, c->text);
        if (c->status == 405)
            assert_string_equal(k->allow, "POST");
    }
}

static void test_not_json_says_so(void **state)
{
    struct kit *k = *state;
    (void)kit_post(k, "/api/v1/scheduler", NULL, "{\"type\": ");
    assert_int_equal(k->status, 400);
    assert_non_null(strstr(k->body, "Failed to parse body into JSON: "));
}

static void test_subscribe_brings_no_stream_id(void **state)
{
    struct kit *k = *state;
    (void)kit_post(k, "/api/v1/scheduler", "x", SUBSCRIBE);
    assert_int_equal(k->status, 400);
    assert_string_equal(
        k->body,
        "Subscribe calls should not include the 'Mesos-Stream-Id' header");
}

/* --- refused with 200, one ERROR, and the end --- */

struct semantic_case {
    const char *info, *more, *message;
};

static const struct semantic_case SEMANTIC[] = {
    {",\"role\":\"a b\"", "",
     "'FrameworkInfo.role' is not a valid role: Role component 'a b' is "
     "invalid because it contains backspace or whitespace"},
    {",\"role\":\"/x\"", "",
     "'FrameworkInfo.role' is not a valid role: Role '/x' cannot start with a "
     "slash"},
    {",\"role\":\"..\"", "",
     "'FrameworkInfo.role' is not a valid role: Role '..' cannot include '..' "
     "as a component"},
    {",\"roles\":[\"dev\"]", "",
     "'FrameworkInfo.roles' must not be set when the framework is not "
     "MULTI_ROLE capable"},
    {",\"role\":\"x\",\"roles\":[\"dev\"]" MULTI_ROLE, "",
     "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE "
     "capable"},
    {",\"role\":\"x\"" MULTI_ROLE, "",
     "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE "
     "capable"},
    {",\"roles\":[\"dev\",\"dev\"]" MULTI_ROLE, "",
     "'FrameworkInfo.roles' contains duplicate items: { dev }"},
    {",\"failover_timeout\":1e12", "",
     "The framework failover_timeout (1e+12) is invalid"},
    {",\"roles\":[\"dev\"]" MULTI_ROLE, ",\"suppressed_roles\":[\"other\"]",
     "Suppressed roles { other } are not contained in the set of roles"},
    {",\"roles\":[\"dev\"]" MULTI_ROLE,
     ",\"offer_constraints\":{\"role_constraints\":{\"other\":{\"groups\":[]}"
     "}}",
     "Offer constraints specify `role_constraints` for a role 'other'not "
     "contained in the set of roles"},
    {",\"roles\":[\"dev\"]" MULTI_ROLE,
     ",\"offer_constraints\":{\"role_constraints\":{\"dev\":{\"groups\":[]}}}",
     "Offer constraints are not supported by this master"},
};

static void test_semantic_refusals_are_streams_of_one_error(void **state)
{
    struct kit *k = *state;
    for (size_t i = 0; i < sizeof SEMANTIC / sizeof *SEMANTIC; i++) {
        struct buf body = {0}, want = {0};
        buf_addf(&body,
                 "{\"type\":\"SUBSCRIBE\",\"subscribe\":{\"framework_info\":{"
                 "\"user\":\"root\",\"name\":\"rec\"%s}%s}}",
                 SEMANTIC[i].info, SEMANTIC[i].more);
        exchange_id stream =
            kit_post(k, "/api/v1/scheduler", NULL, buf_text(&body));
        assert_int_equal(k->status, 200);
        assert_int_equal(strlen(k->stream_id), 36);
        buf_addf(&want, "{\"type\":\"ERROR\",\"error\":{\"message\":\"%s\"}}",
                 SEMANTIC[i].message);
        assert_string_equal(kit_next(k, stream, "ERROR"), buf_text(&want));
        assert_true(kit_is_closed(k, stream));
        buf_release(&body);
        buf_release(&want);
    }
    assert_int_equal(HASH_COUNT(master_program_core(k->p)->frameworks), 0);
}

static void test_odd_infos_are_accepted(void **state)
{
    struct kit *k = *state;
    static const char *const INFO[] = {
        ",\"failover_timeout\":-1",
        ",\"failover_timeout\":\"30\"",
        ",\"id\":{\"value\":\"\"}",
        ",\"capabilities\":[{\"type\":\"NO_SUCH_CAPABILITY\"}]",
        ",\"roles\":[]" MULTI_ROLE,
        ",\"offer_filters\":{\"nope\":{\"min_allocatable_resources\":{"
        "\"quantities\":[{\"quantities\":{\"cpus\":{\"value\":1}}}]}}}",
    };
    for (size_t i = 0; i < sizeof INFO / sizeof *INFO; i++) {
        struct kit_framework f = kit_subscribe(k, INFO[i], "");
        kit_hang_up(k, f.stream);
    }
}

/* --- subscribing --- */

static void test_subscribed_says_who_we_are(void **state)
{
    struct kit *k = *state;
    exchange_id stream = kit_post(k, "/api/v1/scheduler", NULL, SUBSCRIBE);
    const char *id = master_program_core(k->p)->id;
    char want[1024];
    snprintf(want, sizeof want,
             "{\"type\":\"SUBSCRIBED\",\"subscribed\":{\"framework_id\":{"
             "\"value\":\"%s-0000\"},\"heartbeat_interval_seconds\":15.0,"
             "\"master_info\":{\"id\":\"%s\",\"ip\":16777343,\"port\":5050,"
             "\"pid\":\"master@127.0.0.1:5050\",\"hostname\":\"localhost\","
             "\"version\":\"1.12.0\",\"address\":{\"hostname\":\"localhost\","
             "\"ip\":\"127.0.0.1\",\"port\":5050},\"capabilities\":[{\"type\":"
             "\"AGENT_UPDATE\"}]}}}",
             id, id);
    assert_int_equal(k->status, 200);
    assert_int_equal(strlen(k->stream_id), 36);
    assert_string_equal(kit_next(k, stream, "SUBSCRIBED"), want);
    assert_int_equal(kit_count(k, stream, "{\"type\":\"HEARTBEAT\"}"), 1);
    kit_wait(k, 31000);
    assert_int_equal(kit_count(k, stream, "{\"type\":\"HEARTBEAT\"}"), 3);
}

/* The head of a stream carries what the shell sends a reader too slow. */
static void test_a_reader_too_slow_is_told(void **state)
{
    struct kit *k = *state;
    kit_post(k, "/api/v1/scheduler", NULL, SUBSCRIBE);
    assert_string_equal(
        k->last_words,
        "{\"type\":\"ERROR\",\"error\":{\"message\":\"Events wait that this "
        "subscriber does not read: subscribe again\"}}");
}

static void test_both_ids_must_agree(void **state)
{
    struct kit *k = *state;
    static const char *const BODY[] = {
        "{\"type\":\"SUBSCRIBE\",\"subscribe\":{\"framework_info\":{\"user\":"
        "\"root\",\"name\":\"rec\",\"id\":{\"value\":\"a\"}}}}",
        "{\"type\":\"SUBSCRIBE\",\"framework_id\":{\"value\":\"a\"},"
        "\"subscribe\":{\"framework_info\":{\"user\":\"root\",\"name\":"
        "\"rec\"}}}",
        "{\"type\":\"SUBSCRIBE\",\"framework_id\":{\"value\":\"b\"},"
        "\"subscribe\":{\"framework_info\":{\"user\":\"root\",\"name\":"
        "\"rec\",\"id\":{\"value\":\"a\"}}}}",
    };
    for (size_t i = 0; i < sizeof BODY / sizeof *BODY; i++) {
        (void)kit_post(k, "/api/v1/scheduler", NULL, BODY[i]);
        assert_int_equal(k->status, 400);
        assert_string_equal(k->body, "Failed to validate scheduler::Call: "
                                     "'framework_id' differs from "
                                     "'subscribe.framework_info.id'");
    }
}

static void test_a_made_up_id_is_taken_as_it_is(void **state)
{
    struct kit *k = *state;
    struct kit_framework made_up = {.id = "made-up-id"};
    struct kit_framework f = kit_resubscribe(k, &made_up, "");
    kit_next(k, f.stream, "\"framework_id\":{\"value\":\"made-up-id\"}");
}

static void test_the_second_subscription_wins(void **state)
{
    struct kit *k = *state;
    (void)kit_new_agent(k, 5051);
    struct kit_framework old = kit_subscribe(k, ",\"failover_timeout\":60", "");
    kit_next(k, old.stream, "\"type\":\"OFFERS\"");
    struct kit_framework f =
        kit_resubscribe(k, &old, ",\"failover_timeout\":60");
    kit_next(k, old.stream,
             "{\"type\":\"ERROR\",\"error\":{\"message\":\"Framework failed "
             "over\"}}");
    assert_true(kit_is_closed(k, old.stream));
    kit_next(k, f.stream, "\"type\":\"SUBSCRIBED\"");
    kit_next(k, f.stream, "\"type\":\"OFFERS\"");

    struct kit_framework wrong = f;
    memcpy(wrong.stream_id, old.stream_id, sizeof wrong.stream_id);
    char want[512];
    snprintf(want, sizeof want,
             "The stream ID '%s' included in this request didn't match the "
             "stream ID currently associated with framework ID %s",
             old.stream_id, f.id);
    kit_call(k, &wrong, "REVIVE", "");
    assert_int_equal(k->status, 400);
    assert_string_equal(k->body, want);
    kit_call(k, &f, "REVIVE", "");
    assert_int_equal(k->status, 202);
    assert_string_equal(k->body, "");
    snprintf(want, sizeof want,
             "{\"framework_id\":{\"value\":\"%s\"},\"type\":\"REVIVE\"}", f.id);
    (void)kit_post(k, "/api/v1/scheduler", NULL, want);
    assert_int_equal(k->status, 400);
    assert_string_equal(
        k->body,
        "All non-subscribe calls should include the 'Mesos-Stream-Id' header");
    kit_hang_up(k, f.stream);
    kit_call(k, &f, "REVIVE", "");
    assert_int_equal(k->status, 403);
    assert_string_equal(k->body, "Framework is not subscribed");
}

static void test_a_changed_principal_is_refused(void **state)
{
    struct kit *k = *state;
    struct kit_framework f = kit_subscribe(
        k, ",\"failover_timeout\":60,\"principal\":\"alice\"", "");
    struct kit_framework other =
        kit_resubscribe(k, &f, ",\"principal\":\"bob\"");
    kit_next(k, other.stream, "Changing framework's principal is not allowed.");
    assert_true(kit_is_closed(k, other.stream));
    assert_false(kit_is_closed(k, f.stream));
}

static void test_user_and_checkpointing_stay_as_they_were(void **state)
{
    struct kit *k = *state;
    struct kit_framework f =
        kit_subscribe(k, ",\"failover_timeout\":60,\"checkpoint\":true", "");
    kit_hang_up(k, f.stream);
    (void)kit_resubscribe(k, &f, ",\"checkpoint\":false");
    assert_true(master_framework(master_program_core(k->p), f.id)->flags &
                FRAMEWORK_CHECKPOINT);
}

/* --- leaving --- */

static void test_teardown_ends_the_stream_and_the_id(void **state)
{
    struct kit *k = *state;
    struct kit_framework f = kit_subscribe(k, ",\"failover_timeout\":60", "");
    kit_call(k, &f, "TEARDOWN", "");
    assert_int_equal(k->status, 202);
    assert_true(kit_is_closed(k, f.stream));
    kit_nothing(k, f.stream);
    kit_call(k, &f, "REVIVE", "");
    assert_int_equal(k->status, 400);
    assert_string_equal(k->body, "Framework cannot be found");
    struct kit_framework again = kit_resubscribe(k, &f, "");
    kit_next(k, again.stream, "Framework has been removed");
    assert_true(kit_is_closed(k, again.stream));
    kit_restart(k); /* and it stays removed */
    again = kit_resubscribe(k, &f, "");
    kit_next(k, again.stream, "Framework has been removed");
}

static void test_without_failover_timeout_leaving_is_for_good(void **state)
{
    struct kit *k = *state;
    struct kit_framework f = kit_subscribe(k, "", "");
    kit_hang_up(k, f.stream);
    struct kit_framework again = kit_resubscribe(k, &f, "");
    kit_next(k, again.stream, "Framework has been removed");
}

static void test_failover_timeout_runs_from_the_disconnection(void **state)
{
    struct kit *k = *state;
    struct kit_framework f = kit_subscribe(k, ",\"failover_timeout\":60", "");
    kit_wait(k, 100000);
    kit_hang_up(k, f.stream);
    kit_wait(k, 59000);
    f = kit_resubscribe(k, &f, ",\"failover_timeout\":60");
    kit_next(k, f.stream, "SUBSCRIBED");
    kit_wait(k, 100000);
    kit_hang_up(k, f.stream);
    kit_wait(k, 60000);
    f = kit_resubscribe(k, &f, "");
    kit_next(k, f.stream, "Framework has been removed");
}

static void test_completed_frameworks_are_bounded(void **state)
{
    struct kit *k = *state;
    for (int i = 0; i < 60; i++) {
        struct kit_framework f = kit_subscribe(k, "", "");
        kit_call(k, &f, "TEARDOWN", "");
    }
    assert_int_equal(HASH_COUNT(master_program_core(k->p)->completed), 50);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < k->stored.count; i++)
        kept += strcmp(k->stored.item[i].table, "completed") == 0;
    assert_int_equal(kept, 50);
}

static void test_calls_out_of_scope_are_refused_by_name(void **state)
{
    struct kit *k = *state;
    struct kit_framework f = kit_subscribe(k, "", "");
    char rest[512];
    snprintf(rest, sizeof rest,
             ",\"update_framework\":{\"framework_info\":{\"user\":\"root\","
             "\"name\":\"rec\",\"id\":{\"value\":\"%s\"}}}",
             f.id);
    kit_call(k, &f, "UPDATE_FRAMEWORK", rest);
    assert_int_equal(k->status, 501);
    assert_string_equal(k->body,
                        "UPDATE_FRAMEWORK is not supported by this master");
    kit_call(k, &f, "UNKNOWN", "");
    assert_int_equal(k->status, 501);
    assert_string_equal(k->body, "501 Not Implemented.");
}

int main(void)
{
#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, kit_set_up, kit_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_checks_in_front_of_a_call),
        TEST(test_not_json_says_so),
        TEST(test_subscribe_brings_no_stream_id),
        TEST(test_semantic_refusals_are_streams_of_one_error),
        TEST(test_odd_infos_are_accepted),
        TEST(test_subscribed_says_who_we_are),
        TEST(test_a_reader_too_slow_is_told),
        TEST(test_both_ids_must_agree),
        TEST(test_a_made_up_id_is_taken_as_it_is),
        TEST(test_the_second_subscription_wins),
        TEST(test_a_changed_principal_is_refused),
        TEST(test_user_and_checkpointing_stay_as_they_were),
        TEST(test_teardown_ends_the_stream_and_the_id),
        TEST(test_without_failover_timeout_leaving_is_for_good),
        TEST(test_failover_timeout_runs_from_the_disconnection),
        TEST(test_completed_frameworks_are_bounded),
        TEST(test_calls_out_of_scope_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
