/* The maintenance schedule of the master: windows, inverse offers, machines
 * that are down. Facts from a recording of a real Mesos (scheduler-maintenance)
 * and of its own tests (anchor 5.76). */
#include "master_scene.h"

#define WHEN(start)                                         \
    "\"unavailability\":{\"start\":{\"nanoseconds\":" start \
    "},\"duration\":{\"nanoseconds\":3600000000000}}"
#define WINDOW(machines, start) \
    "{\"machine_ids\":[" machines "]," WHEN(start) "}"
#define HOST "{\"hostname\":\"localhost\"}"
#define IP "{\"ip\":\"127.0.0.1\"}"
#define BOTH "{\"hostname\":\"localhost\",\"ip\":\"127.0.0.1\"}"
#define SOON "1700000600000000000"
#define LATER "1700009000000000000"

static void post(struct kit *k, const char *path, const char *body)
{
    (void)kit_post(k, path, NULL, body);
}

/* `windows`: a list without brackets. */
static int schedule(struct kit *k, const char *windows)
{
    char body[2048];
    snprintf(body, sizeof body, "{\"windows\":[%s]}", windows);
    post(k, "/maintenance/schedule", body);
    return k->status;
}

static int machines(struct kit *k, const char *path, const char *list)
{
    char body[512];
    snprintf(body, sizeof body, "[%s]", list);
    post(k, path, body);
    return k->status;
}

static void has(const struct kit *k, const char *part)
{
    if (!strstr(k->body, part))
        fail_msg("want %s\nin %s", part, k->body);
}

static void expect_schedule(struct kit *k, const char *want)
{
    kit_get(k, "/maintenance/schedule");
    assert_int_equal(k->status, 200);
    assert_string_equal(k->body, want);
}

static void expect_status(struct kit *k, const char *want)
{
    kit_get(k, "/maintenance/status");
    assert_int_equal(k->status, 200);
    assert_string_equal(k->body, want);
}

/* --- the schedule ----------------------------------------------------------
 */

static void test_without_a_schedule_answers_are_empty(void **state)
{
    struct kit *k = *state;
    expect_schedule(k, "{}");
    expect_status(k, "{}");
    post(k, "/api/v1", "{\"type\":\"GET_MAINTENANCE_SCHEDULE\"}");
    assert_string_equal(k->body, "{\"type\":\"GET_MAINTENANCE_SCHEDULE\","
                                 "\"get_maintenance_schedule\":{\"schedule\":"
                                 "{}}}");
    post(k, "/api/v1", "{\"type\":\"GET_MAINTENANCE_STATUS\"}");
    assert_string_equal(k->body, "{\"type\":\"GET_MAINTENANCE_STATUS\","
                                 "\"get_maintenance_status\":{\"status\":{}}}");
}

static void test_a_schedule_is_kept_and_replaced(void **state)
{
    struct kit *k = *state;
    post(k, "/api/v1",
         "{\"type\":\"UPDATE_MAINTENANCE_SCHEDULE\","
         "\"update_maintenance_schedule\":{\"schedule\":{\"windows\":[" WINDOW(
             "{\"hostname\":\"a\"},{\"hostname\":\"b\",\"ip\":\"10.0.0.1\"}",
             SOON) ",{\"machine_ids\":[{\"ip\":\"10.0.0.2\"}],"
                   "\"unavailability\":{\"start\":{\"nanoseconds\":0}}}]}}}");
    assert_int_equal(k->status, 200);
    assert_string_equal(k->body, "");
    static const char WANT[] =
        "{\"windows\":[" WINDOW("{\"hostname\":\"a\"},{\"hostname\":\"b\","
                                "\"ip\":\"10.0.0.1\"}",
                                SOON) ",{\"machine_ids\":[{\"ip\":"
                                      "\"10.0.0.2\"}],\"unavailability\":{"
                                      "\"start\":{\"nanoseconds\":0}}}]}";
    expect_schedule(k, WANT);
    kit_restart(k);
    expect_schedule(k, WANT);
    expect_status(k, "{\"draining_machines\":[{\"id\":{\"hostname\":\"a\"}},"
                     "{\"id\":{\"hostname\":\"b\",\"ip\":\"10.0.0.1\"}},{"
                     "\"id\":{\"ip\":\"10.0.0.2\"}}]}");
    assert_int_equal(schedule(k, WINDOW("{\"hostname\":\"A\"}", LATER)), 200);
    expect_schedule(
        k, "{\"windows\":[" WINDOW("{\"hostname\":\"A\"}", LATER) "]}");
    assert_int_equal(schedule(k, ""), 200);
    kit_restart(k);
    expect_schedule(k, "{}");
}

static void test_what_cannot_be_changes_nothing(void **state)
{
    static const struct {
        const char *windows, *why;
    } BAD[] = {
        {WINDOW("", SOON), "A window has no machines"},
        {WINDOW(HOST "," HOST, SOON),
         "Machine 'localhost' appears more than once in the schedule"},
        {WINDOW(HOST, SOON) "," WINDOW("{\"hostname\":\"LocalHost\"}", LATER),
         "Machine 'LocalHost' appears more than once in the schedule"},
        {WINDOW(BOTH, SOON) "," WINDOW(BOTH, LATER),
         "Machine 'localhost' at 127.0.0.1 appears more than once in the "
         "schedule"},
        {WINDOW("{}", SOON), "A machine has neither a 'hostname' nor an 'ip'"},
        {WINDOW("{\"ip\":\"10.0.0\"}", SOON), "'10.0.0' is no IP address"},
        {WINDOW("{\"hostname\":\"a b\"}", SOON),
         "A machine's name is longer than 255 bytes or has blanks or control "
         "characters"},
        {WINDOW(HOST, "-1"), "Unavailability 'start' is before 1970"},
        {"{\"machine_ids\":[" HOST "],\"unavailability\":{\"start\":{"
         "\"nanoseconds\":1},\"duration\":{\"nanoseconds\":-1}}}",
         "Unavailability 'duration' is negative"},
    };
    struct kit *k = *state;
    assert_int_equal(schedule(k, WINDOW(IP, SOON)), 200);
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        assert_int_equal(schedule(k, BAD[i].windows), 400);
        assert_string_equal(k->body, BAD[i].why);
    }
    assert_int_equal(schedule(k, "{\"machine_ids\":[" HOST "]}"), 400);
    has(k, "Missing required fields: windows[0].unavailability");
    expect_schedule(k, "{\"windows\":[" WINDOW(IP, SOON) "]}");
}

static void test_calls_without_their_member_are_refused(void **state)
{
    struct kit *k = *state;
    post(k, "/api/v1", "{\"type\":\"UPDATE_MAINTENANCE_SCHEDULE\"}");
    assert_int_equal(k->status, 400);
    has(k, "Expecting 'update_maintenance_schedule' to be present");
    post(k, "/api/v1", "{\"type\":\"START_MAINTENANCE\"}");
    has(k, "Expecting 'start_maintenance' to be present");
    post(k, "/api/v1", "{\"type\":\"STOP_MAINTENANCE\"}");
    has(k, "Expecting 'stop_maintenance' to be present");
    kit_get(k, "/machine/down");
    assert_int_equal(k->status, 405);
    assert_string_equal(k->allow, "POST");
    post(k, "/maintenance/status", "{}");
    assert_int_equal(k->status, 405);
    const char *const none[] = {NULL};
    (void)kit_request(k, "PUT", "/maintenance/schedule", "", none);
    assert_int_equal(k->status, 405);
    assert_string_equal(k->allow, "GET, POST");
    has(k, "Expecting one of { 'GET', 'POST' }, but received 'PUT'.");
    post(k, "/machine/down", "{\"hostname\":");
    assert_int_equal(k->status, 400);
}

/* --- windows and inverse offers --------------------------------------------
 */

/* A task runs; its framework holds an offer of what is left. */
static struct scene busy(struct kit *k)
{
    struct scene s = begin(k, ROLE_DEV);
    launch_one(k, &s, "t1", AT_ONCE);
    kit_offer(k, &s.f, s.offer, sizeof s.offer);
    return s;
}

static char *expect_inverse(struct kit *k, const struct scene *s, char out[128])
{
    const char *text = kit_next(k, s->f.stream, "\"type\":\"INVERSE_OFFERS\"");
    assert_non_null(strstr(text, WHEN(SOON)));
    assert_non_null(strstr(text, s->agent.id));
    return kit_pick(text, "\"inverse_offers\":[{\"id\":{\"value\":\"", out,
                    128);
}

static void answer(struct kit *k, const struct scene *s, bool is_accepted,
                   const char *id, const char *filters)
{
    char rest[512];
    snprintf(rest, sizeof rest,
             ",\"%s_inverse_offers\":{\"inverse_offer_ids\":[{\"value\":"
             "\"%s\"}]%s}",
             is_accepted ? "accept" : "decline", id, filters);
    kit_call(k, &s->f,
             is_accepted ? "ACCEPT_INVERSE_OFFERS" : "DECLINE_INVERSE_OFFERS",
             rest);
    assert_int_equal(k->status, 202);
}

static void test_offers_say_when_and_users_are_asked(void **state)
{
    struct kit *k = *state;
    struct scene s = busy(k);
    char inverse[128], want[512];
    assert_int_equal(schedule(k, WINDOW(BOTH, SOON)), 200);
    kit_next(k, s.f.stream, "\"type\":\"RESCIND\"");
    const char *text = kit_next(k, s.f.stream, "\"type\":\"OFFERS\"");
    assert_non_null(
        strstr(text, WHEN(SOON) ",\"allocation_info\":{\"role\":\"dev\"}"));
    expect_inverse(k, &s, inverse);
    kit_wait(k, 60000);
    kit_nothing(k, s.f.stream); /* one at a time */
    expect_status(k, "{\"draining_machines\":[{\"id\":" BOTH "}]}");
    answer(k, &s, true, "nope", "");
    answer(k, &s, true, inverse, "");
    snprintf(want, sizeof want,
             "{\"draining_machines\":[{\"id\":" BOTH ",\"statuses\":[{"
             "\"status\":\"ACCEPT\",\"framework_id\":{\"value\":\"%s\"},"
             "\"timestamp\":{\"nanoseconds\":%lld000000}}]}]}",
             s.f.id, (long long)k->now_ms);
    expect_status(k, want);
    assert_int_equal(schedule(k, ""), 200);
    kit_next(k, s.f.stream, "\"type\":\"RESCIND\"");
    text = kit_next(k, s.f.stream, "\"type\":\"OFFERS\"");
    assert_null(strstr(text, "unavailability"));
    kit_nothing(k, s.f.stream);
}

static void test_answers_last_as_long_as_their_filter(void **state)
{
    struct kit *k = *state;
    struct scene s = busy(k);
    char inverse[128];
    assert_int_equal(schedule(k, WINDOW(HOST, SOON)), 200);
    kit_next(k, s.f.stream, "\"type\":\"RESCIND\"");
    kit_next(k, s.f.stream, "\"type\":\"OFFERS\"");
    expect_inverse(k, &s, inverse);
    answer(k, &s, false, inverse, ",\"filters\":{\"refuse_seconds\":60}");
    kit_get(k, "/maintenance/status");
    has(k, "\"status\":\"DECLINE\"");
    kit_wait(k, 59000);
    kit_nothing(k, s.f.stream);
    kit_wait(k, 1000);
    expect_inverse(k, &s, inverse);
    answer(k, &s, true, inverse, "");
    kit_wait(k, 4999);
    kit_nothing(k, s.f.stream);
    kit_wait(k, 1);
    expect_inverse(k, &s, inverse);
    answer(k, &s, true, inverse, NOT_SOON);
    kit_call(k, &s.f, "REVIVE", ""); /* clears these filters, too */
    expect_inverse(k, &s, inverse);
    /* What is out is taken back when the window changes. */
    assert_int_equal(schedule(k, WINDOW(HOST, LATER)), 200);
    char want[256];
    snprintf(want, sizeof want,
             "\"type\":\"RESCIND_INVERSE_OFFER\",\"rescind_inverse_offer\":{"
             "\"inverse_offer_id\":{\"value\":\"%s\"}}",
             inverse);
    kit_next(k, s.f.stream, want);
    kit_next(k, s.f.stream, "\"type\":\"RESCIND\"");
    kit_next(k, s.f.stream, WHEN(LATER));
    kit_next(k, s.f.stream, "\"type\":\"INVERSE_OFFERS\"");
}

static void test_who_uses_nothing_is_not_asked(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, ROLE_DEV);
    assert_int_equal(schedule(k, WINDOW(IP, SOON)), 200);
    kit_next(k, s.f.stream, "\"type\":\"RESCIND\"");
    kit_offer(k, &s.f, s.offer, sizeof s.offer);
    kit_nothing(k, s.f.stream);
    launch_one(k, &s, "t1", NOT_SOON); /* now it does */
    char inverse[128];
    expect_inverse(k, &s, inverse);
    /* Another window elsewhere concerns nobody here. */
    assert_int_equal(
        schedule(k, WINDOW(IP, SOON) "," WINDOW("{\"hostname\":\"b\"}", SOON)),
        200);
    kit_nothing(k, s.f.stream);
}

static void test_who_comes_back_is_asked_again(void **state)
{
    struct kit *k = *state;
    struct scene s = busy(k);
    char inverse[128];
    assert_int_equal(schedule(k, WINDOW(HOST, SOON)), 200);
    kit_next(k, s.f.stream, "\"type\":\"RESCIND\"");
    kit_next(k, s.f.stream, "\"type\":\"OFFERS\"");
    expect_inverse(k, &s, inverse);
    s.f = kit_resubscribe(k, &s.f, ROLE_DEV);
    kit_next(k, s.f.stream, "\"type\":\"SUBSCRIBED\"");
    kit_next(k, s.f.stream, "\"type\":\"OFFERS\"");
    expect_inverse(k, &s, inverse);
    kit_hang_up(k, s.agent.stream);
    kit_next(k, s.f.stream, "\"type\":\"RESCIND\"");
    kit_next(k, s.f.stream, "\"type\":\"RESCIND_INVERSE_OFFER\"");
    kit_nothing(k, s.f.stream);
}

/* --- down and up -----------------------------------------------------------
 */

static void test_a_machine_goes_down_and_comes_up(void **state)
{
    struct kit *k = *state;
    struct scene s = busy(k);
    assert_int_equal(machines(k, "/machine/down", HOST), 400);
    assert_string_equal(k->body, "Machine 'localhost' is not part of the "
                                 "maintenance schedule");
    assert_int_equal(
        schedule(k, WINDOW(HOST ",{\"hostname\":\"other\"}", SOON)), 200);
    assert_int_equal(machines(k, "/machine/up", HOST), 400);
    assert_string_equal(k->body, "Machine 'localhost' is not in DOWN mode and "
                                 "cannot be brought up");
    assert_int_equal(machines(k, "/machine/down", HOST "," HOST), 400);
    assert_int_equal(machines(k, "/machine/down", ""), 400);
    for (int i = 0; i < 3; i++)
        kit_next(k, s.f.stream, ""); /* RESCIND, OFFERS, INVERSE_OFFERS */
    assert_int_equal(machines(k, "/machine/down", HOST), 200);
    kit_next(k, s.agent.stream, "\"type\":\"SHUTDOWN\"");
    assert_true(kit_is_closed(k, s.agent.stream));
    kit_next(k, s.f.stream, "\"state\":\"TASK_LOST\"");
    kit_next(k, s.f.stream, "\"type\":\"RESCIND\"");
    kit_next(k, s.f.stream, "\"type\":\"RESCIND_INVERSE_OFFER\"");
    kit_next(k, s.f.stream, "\"type\":\"FAILURE\"");
    expect_status(k, "{\"draining_machines\":[{\"id\":{\"hostname\":"
                     "\"other\"}}],\"down_machines\":[" HOST "]}");
    assert_int_equal(machines(k, "/machine/down", HOST), 400);
    assert_int_equal(schedule(k, ""), 400);
    assert_string_equal(k->body, "Machine 'localhost' is down and cannot leave "
                                 "the schedule: bring it up first");
    assert_int_equal(schedule(k, WINDOW(HOST, LATER)), 200); /* still down */
    kit_restart(k);
    expect_status(k, "{\"down_machines\":[" HOST "]}");
    assert_int_equal(machines(k, "/machine/up", HOST), 200);
    expect_schedule(k, "{}");
    expect_status(k, "{}");
    s.agent.id[0] = '\0';
    kit_agent_subscribe(k, &s.agent, "");
}

#define NEW_AGENT                                                  \
    "{\"type\":\"SUBSCRIBE\",\"subscribe\":{\"agent_info\":{"      \
    "\"hostname\":\"LOCALHOST\",\"resources\":[]},\"endpoint\":\"" \
    "127.0.0.1:5051\"}}"

static void test_no_agent_of_a_machine_that_is_down_is_let_in(void **state)
{
    struct kit *k = *state;
    struct scene s = busy(k);
    kit_hang_up(k, s.agent.stream);
    kit_wait(k, 80000); /* unreachable, and its task with it */
    assert_int_equal(schedule(k, WINDOW(BOTH, SOON)), 200);
    post(k, "/api/v1",
         "{\"type\":\"START_MAINTENANCE\",\"start_maintenance\":{\"machines\":"
         "[" BOTH "]}}");
    assert_int_equal(k->status, 200);
    post(k, "/api/v1/agent", NEW_AGENT);
    assert_int_equal(k->status, 503);
    assert_string_equal(k->body, "The machine 'LOCALHOST' at 127.0.0.1 is down "
                                 "for maintenance");
    /* One that still runs something is told to end it. */
    struct kit_agent back = s.agent;
    kit_agent_subscribe(k, &back, "");
    kit_next(k, back.stream, "\"type\":\"SHUTDOWN\"");
    assert_true(kit_is_closed(k, back.stream));
    kit_report(k, &back, "PONG", "");
    assert_int_equal(k->status, 409);
    post(k, "/api/v1",
         "{\"type\":\"STOP_MAINTENANCE\",\"stop_maintenance\":{\"machines\":"
         "[" BOTH "]}}");
    assert_int_equal(k->status, 200);
    back.id[0] = '\0';
    kit_agent_subscribe(k, &back, "");
}

/* Whichever of its names the operator used, and down counts first. */
static void test_a_machine_has_all_agents_that_it_names(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, ROLE_DEV);
    assert_int_equal(schedule(k, WINDOW("{\"hostname\":\"LOCALHOST\"}",
                                        SOON) "," WINDOW(IP, LATER)),
                     200);
    kit_next(k, s.f.stream, "\"type\":\"RESCIND\"");
    kit_next(k, s.f.stream, WHEN(SOON));
    assert_int_equal(machines(k, "/machine/down", IP), 200);
    kit_next(k, s.agent.stream, "\"type\":\"SHUTDOWN\"");
    post(k, "/api/v1/agent", NEW_AGENT);
    assert_int_equal(k->status, 503);
}

int main(void)
{
#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, kit_set_up, kit_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_without_a_schedule_answers_are_empty),
        TEST(test_a_schedule_is_kept_and_replaced),
        TEST(test_what_cannot_be_changes_nothing),
        TEST(test_calls_without_their_member_are_refused),
        TEST(test_offers_say_when_and_users_are_asked),
        TEST(test_answers_last_as_long_as_their_filter),
        TEST(test_who_uses_nothing_is_not_asked),
        TEST(test_who_comes_back_is_asked_again),
        TEST(test_a_machine_goes_down_and_comes_up),
        TEST(test_no_agent_of_a_machine_that_is_down_is_let_in),
        TEST(test_a_machine_has_all_agents_that_it_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
