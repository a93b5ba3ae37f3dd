/* Updates whose kills ask the job's policy first, over the API. */
#include "update_kit.h"

/* START of `n` instances with a policy: "count":2 and so on. */
static void start(struct world *w, const char *cmd, const char *n,
                  const char *policy, const char *update)
{
    char *body = arena_printf(
        &w->arena,
        "{\"type\":\"START_UPDATE\",\"create_job\":{\"job\":{\"cluster\":"
        "\"devcluster\",\"role\":\"www\",\"environment\":\"prod\",\"name\":"
        "\"web\",\"service\":true,\"production\":true,\"tier\":\"preferred\","
        "\"instances\":%s,\"sla_policy\":{%s},\"update\":{\"watch_secs\":0,"
        "\"sla_aware\":true,%s},\"task\":{\"name\":\"web\",\"processes\":[{"
        "\"name\":\"p\",\"cmdline\":\"%s\"}],\"resources\":{\"cpu_milli\":500,"
        "\"ram_bytes\":134217728,\"disk_bytes\":134217728}}}}}",
        n, policy, update, cmd);

    post(w, body);
}

#define COUNT_2 "\"count\":2,\"duration_secs\":30"
#define COORDINATOR "\"coordinator_url\":\"http://10.0.0.7:80/go?x=1#top\""

static struct world *with_policy(const char *n, const char *policy)
{
    struct world *w = world_new();

    give_quota(w, "www");
    start(w, "old", n, policy, "\"batch_size\":9");
    expect_status(w, 200);
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    pass(w, 31000);
    return w;
}

/* So long that the link to the master breaks in the silence. */
static void later(struct world *w, int64_t ms)
{
    pass(w, ms);
    subscribed(w, "fw-1");
    settle(w);
}

/* All at once is wanted; two of three have to stay. Those that wait are tried
 * again after a minute. */
static void test_a_policy_holds_kills_back(void **unused)
{
    struct world *w = with_policy("3", COUNT_2);

    (void)unused;
    start(w, "new", "3", COUNT_2, "\"batch_size\":9");
    settle(w);
    assert_string_equal(runs(w), "0:new 1:old 2:old");
    const View *view = get_update(w);
    assert_int_equal(view->changes[1]->wait,
                     PERIGEE__AURORA__UPDATE_INSTANCE_VIEW__WAIT__POLICY);
    assert_true(view->changes[1]->again_ms > (uint64_t)w->now_ms);
    pass(w, 59000);
    settle(w);
    assert_string_equal(runs(w), "0:new 1:old 2:old");
    pass(w, 1000);
    settle(w);
    assert_string_equal(runs(w), "0:new 1:new 2:old");
    later(w, 120000);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    assert_string_equal(runs(w), "0:new 1:new 2:new");
    world_free(w);
}

/* A pause stops retries; a new life asks anew. */
static void test_a_new_life_asks_anew(void **unused)
{
    struct world *w = with_policy("3", COUNT_2);

    (void)unused;
    start(w, "new", "3", COUNT_2, "\"batch_size\":9");
    settle(w);
    pass(w, 31000);
    reborn(w);
    subscribed(w, "fw-1");
    settle(w);
    assert_string_equal(runs(w), "0:new 1:new 2:old");
    post(w, ACT("PAUSE_UPDATE"));
    later(w, 600000);
    assert_string_equal(runs(w), "0:new 1:new 2:old");
    post(w, ACT("RESUME_UPDATE"));
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    world_free(w);
}

/* What a surge ends asks as well: the new one does not count before its time.
 */
static void test_a_surge_asks_too(void **unused)
{
    struct world *w = with_policy("3", COUNT_2);

    (void)unused;
    start(w, "new", "3", COUNT_2, "\"strategy\":\"SURGE\"");
    settle(w);
    assert_string_equal(runs(w), "0:new 1:old 1:new 2:old 2:new");
    pass(w, 61000);
    settle(w);
    assert_string_equal(runs(w), "0:new 1:new 2:new");
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    world_free(w);
}

/* --- coordinators: case 108 --- */

static void answer(struct world *w, uint32_t status, const char *body)
{
    struct aurora_coordinated_fact fact = {.ticket = w->coordinate.ticket,
                                           .status = status,
                                           .result = bytes_of_text(body)};

    AURORA_PROGRAM.on_fact(w->p, AURORA_FACT_COORDINATED, &fact, w->now_ms,
                           &w->fx);
    look(w);
    settle(w);
}

static struct world *with_coordinator(const char *n)
{
    struct world *w = with_policy(n, COORDINATOR);

    start(w, "new", n, COORDINATOR, "\"batch_size\":1");
    expect_status(w, 200);
    settle(w);
    return w;
}

static void test_108_true_lets_it_go(void **unused)
{
    struct world *w = with_coordinator("2");

    (void)unused;
    assert_string_equal(runs(w), "0:old 1:old");
    assert_int_equal(w->coordinate.count, 1);
    assert_string_equal(w->coordinate.url, "http://10.0.0.7:80/go?x=1&task="
                                           "devcluster%2Fwww%2Fprod%2Fweb%2F0");
    const char *body =
        arena_strndup(&w->arena, (const char *)w->coordinate.body.data,
                      w->coordinate.body.size);
    assert_non_null(strstr(body, "{\"task\":\"devcluster/www/prod/web/0\","));
    assert_non_null(strstr(body, "\"taskConfig\":{\"cluster\":\"devcluster\""));
    assert_int_equal(get_update(w)->changes[0]->wait,
                     PERIGEE__AURORA__UPDATE_INSTANCE_VIEW__WAIT__ANSWER);
    answer(w, 200, "{\"drain\":true}");
    assert_string_equal(runs(w), "0:new 1:old");
    assert_int_equal(w->coordinate.count, 2);
    answer(w, 200, "{\"drain\":true}");
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    world_free(w);
}

static void test_108_everything_else_does_not(void **unused)
{
    static const struct {
        uint32_t status;
        const char *body;
    } no[] = {{200, "{\"drain\":false}"},
              {500, "{\"drain\":true}"},
              {0, "Connection refused"},
              {200, "{\"drain\":1}"},
              {200, "yes"},
              {204, ""}};
    int64_t wait_ms = 60000;
    struct world *w = with_coordinator("2");

    (void)unused;
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        answer(w, no[i].status, no[i].body);
        assert_string_equal(runs(w), "0:old 1:old");
        assert_int_equal(w->coordinate.count, (int)i + 1);
        pass(w, wait_ms - 1);
        assert_int_equal(w->coordinate.count, (int)i + 1);
        pass(w, 1);
        assert_int_equal(w->coordinate.count, (int)i + 2);
        wait_ms = wait_ms * 2 < 300000 ? wait_ms * 2 : 300000;
        subscribed(w, "fw-1"); /* the link broke in the long silence */
        settle(w);
    }
    answer(w, 200, "{\"drain\":true}");
    assert_string_equal(runs(w), "0:new 1:old");
    world_free(w);
}

/* One question at a time; the second instance waits for its turn. */
static void test_108_one_at_a_time(void **unused)
{
    struct world *w = with_policy("2", COORDINATOR);

    (void)unused;
    start(w, "new", "2", COORDINATOR, "\"batch_size\":2");
    settle(w);
    assert_int_equal(w->coordinate.count, 1);
    const View *view = get_update(w);
    assert_int_equal(view->changes[0]->wait + view->changes[1]->wait,
                     PERIGEE__AURORA__UPDATE_INSTANCE_VIEW__WAIT__ANSWER +
                         PERIGEE__AURORA__UPDATE_INSTANCE_VIEW__WAIT__TURN);
    answer(w, 200, "{\"drain\":true}");
    pass(w, 60000);
    assert_int_equal(w->coordinate.count, 2);
    answer(w, 200, "{\"drain\":true}");
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    world_free(w);
}

static void test_108_a_key_of_its_own(void **unused)
{
    const char *policy = COORDINATOR ",\"status_key\":\"go\"";
    struct world *w = with_policy("1", policy);

    (void)unused;
    start(w, "new", "1", policy, "\"batch_size\":1");
    settle(w);
    answer(w, 200, "{\"drain\":true}");
    assert_string_equal(runs(w), "0:old");
    pass(w, 60000);
    answer(w, 200, "{\"go\":true,\"drain\":false}");
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    world_free(w);
}

/* An answer that comes too late does nothing. */
static void test_an_answer_after_the_end(void **unused)
{
    struct world *w = with_coordinator("1");

    (void)unused;
    post(w, ACT("ABORT_UPDATE"));
    answer(w, 200, "{\"drain\":true}");
    assert_string_equal(runs(w), "0:old");
    answer(w, 200, "{\"drain\":true}"); /* and twice */
    start(w, "new", "1", COORDINATOR, "\"batch_size\":1");
    settle(w);
    assert_int_equal(w->coordinate.count, 2);
    post(w, ACT("PAUSE_UPDATE"));
    answer(w, 200, "{\"drain\":true}");
    assert_string_equal(runs(w), "0:old");
    post(w, ACT("RESUME_UPDATE"));
    settle(w);
    assert_int_equal(w->coordinate.count, 3);
    answer(w, 200, "{\"drain\":true}");
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    world_free(w);
}

/* --- what is refused: case 113 --- */

static void refuses(struct world *w, const char *n, const char *policy,
                    const char *field, const char *want)
{
    start(w, "old", n, policy, "\"batch_size\":9");
    expect_status(w, 400);
    assert_string_equal(w->answer->error->field,
                        arena_printf(&w->arena, "create_job.job.%s", field));
    if (!strstr(w->answer->error->message, want))
        fail_msg("%s", w->answer->error->message);
}

static void test_113_policies_that_protect_nothing(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    refuses(w, "2", "\"count\":1,\"duration_secs\":30", "sla_policy",
            "2 instances are not protected: want at least 3");
    refuses(w, "3", "\"count\":1,\"duration_secs\":7201",
            "sla_policy.duration_secs", "want at most 7200 s");
    refuses(w, "3", "\"count\":3,\"duration_secs\":1", "sla_policy.count",
            "'count' keeps 3 of 3 instances running");
    post(w, START("old", "3", "\"sla_aware\":true"));
    expect_status(w, 400);
    assert_string_equal(w->answer->error->field,
                        "create_job.job.update.sla_aware");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_policy_holds_kills_back),
        cmocka_unit_test(test_a_new_life_asks_anew),
        cmocka_unit_test(test_a_surge_asks_too),
        cmocka_unit_test(test_108_true_lets_it_go),
        cmocka_unit_test(test_108_everything_else_does_not),
        cmocka_unit_test(test_108_one_at_a_time),
        cmocka_unit_test(test_108_a_key_of_its_own),
        cmocka_unit_test(test_an_answer_after_the_end),
        cmocka_unit_test(test_113_policies_that_protect_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
