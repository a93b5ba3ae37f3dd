/* Updates that start new instances first, and canaries, over the API: across
 * new lives of the scheduler, pauses, rollbacks and failures. */
#include "update_kit.h"

#define SURGE                                                           \
    "\"strategy\":\"SURGE\",\"watch_secs\":10,\"maximum_over_capacity_" \
    "milli\":"

static void test_old_and_new_live_side_by_side(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("new", "3", SURGE "1000"));
    expect_status(w, 200);
    settle(w);
    assert_string_equal(runs(w), "0:old 0:new 1:old 1:new 2:old 2:new");
    pass(w, 9999);
    settle(w);
    assert_string_equal(runs(w), "0:old 0:new 1:old 1:new 2:old 2:new");
    pass(w, 1);
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    assert_string_equal(runs(w), "0:new 1:new 2:new");
    world_free(w);
}

static void test_one_more_at_a_time(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("new", "3", SURGE "0"));
    settle(w);
    assert_string_equal(runs(w), "0:old 0:new 1:old 2:old");
    pass(w, 10000);
    settle(w);
    assert_string_equal(runs(w), "0:new 1:old 1:new 2:old");
    world_free(w);
}

/* Every instant of a surge survives a new life; with what is paused, too. */
static void test_it_goes_on_where_it_was(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("new", "3", SURGE "500"));
    settle(w);
    assert_string_equal(runs(w), "0:old 0:new 1:old 2:old");
    reborn(w);
    subscribed(w, "fw-1");
    settle(w);
    assert_string_equal(runs(w), "0:old 0:new 1:old 2:old");
    pass(w, 10000);
    reborn(w);
    subscribed(w, "fw-1");
    post(w, ACT("PAUSE_UPDATE"));
    settle(w);
    reborn(w);
    subscribed(w, "fw-1");
    pass(w, 60000);
    settle(w);
    expect_state(w, UPDATE_STATE(ROLL_FORWARD_PAUSED));
    post(w, ACT("RESUME_UPDATE"));
    for (int i = 0; i < 5; i++) {
        settle(w);
        pass(w, 10000);
    }
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    assert_string_equal(runs(w), "0:new 1:new 2:new");
    world_free(w);
}

static void test_a_bad_version_leaves_the_old_tasks(void **unused)
{
    struct world *w = with("2", "old");
    char before[2][300];

    (void)unused;
    const Answer *a = get_job(w);
    for (size_t i = 0; i < 2; i++)
        snprintf(before[i], 300, "%s", a->tasks[i]->task_id);
    post(w, START("bad", "2", SURGE "1000"));
    settle(w);
    pass(w, 10000);
    expect_state(w, UPDATE_STATE(ROLLED_BACK));
    assert_string_equal(runs(w), "0:old 1:old");
    a = get_job(w);
    for (size_t i = 0; i < 2; i++)
        for (size_t t = 0; t < a->n_tasks; t++)
            if (strcmp(a->tasks[t]->task_id, before[i]) == 0)
                assert_int_equal(a->tasks[t]->state, SHOWN(RUNNING));
    world_free(w);
}

static void test_what_fails_and_is_borne_keeps_the_old_one(void **unused)
{
    struct world *w = with("2", "old");

    (void)unused;
    post(w, START("new", "2", SURGE "1000,\"max_total_failures\":1"));
    settle(w);
    const Answer *a = get_job(w);
    for (size_t i = 0; i < a->n_tasks; i++)
        if (a->tasks[i]->instance == 1 && a->tasks[i]->state == SHOWN(RUNNING))
            update(w, a->tasks[i]->task_id, "m-S0",
                   strcmp(a->tasks[i]->config_id, a->jobs[0]->config_id) == 0
                       ? STATE(RUNNING)
                       : STATE(FAILED),
                   NULL);
    for (int i = 0; i < 4; i++) {
        pass(w, 10000);
        settle(w);
    }
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    assert_int_equal(get_update(w)->failed, 1);
    assert_string_equal(runs(w), "0:new 1:old");
    assert_true(get_job(w)->jobs[0]->mixed);
    world_free(w);
}

/* Case 106, of a surge: the old one ends by itself and needs no successor. */
static void test_106_the_old_one_ends_meanwhile(void **unused)
{
    struct world *w = with("1", "old");

    (void)unused;
    post(w, START("new", "1", SURGE "1000"));
    settle(w);
    assert_string_equal(runs(w), "0:old 0:new");
    const Answer *a = get_job(w);
    for (size_t i = 0; i < a->n_tasks; i++)
        if (strcmp(a->tasks[i]->config_id, a->jobs[0]->config_id) == 0 &&
            a->tasks[i]->state == SHOWN(RUNNING)) {
            update(w, a->tasks[i]->task_id, "m-S0", STATE(FAILED), NULL);
            break;
        }
    settle(w);
    assert_string_equal(runs(w), "0:new");
    pass(w, 10000);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    world_free(w);
}

/* The next update need not wait until all of the last one is gone. */
static void test_an_abort_and_another_one(void **unused)
{
    struct world *w = with("2", "old");

    (void)unused;
    post(w, START("new", "2", SURGE "1000"));
    settle(w);
    post(w, ACT("ABORT_UPDATE"));
    expect_status(w, 200);
    post(w, START("newer", "2", SURGE "1000"));
    expect_status(w, 200);
    reborn(w);
    subscribed(w, "fw-1");
    pass(w, 20000); /* the kills are sent again */
    for (int i = 0; i < 4; i++) {
        settle(w);
        pass(w, 20000);
    }
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    settle(w);
    assert_string_equal(runs(w), "0:newer 1:newer");
    world_free(w);
}

/* --- canaries --- */

#define CANARY(n, more)                                              \
    "\"watch_secs\":5,\"batch_size\":9,\"canary\":{\"instances\":" n \
    ",\"watch_secs\":60" more "}"

static const char *message_of(struct world *w, Perigee__Aurora__UpdateState of)
{
    const View *view = get_update(w);

    for (size_t i = view->n_events; i-- > 0;)
        if (view->events[i]->state == of && view->events[i]->message)
            return view->events[i]->message;
    return "";
}

static void test_a_good_canary_leads_on(void **unused)
{
    struct world *w = with("4", "old");

    (void)unused;
    post(w, START("new", "4", CANARY("2", "")));
    settle(w);
    assert_string_equal(runs(w), "0:new 1:new 2:old 3:old");
    pass(w, 59000);
    settle(w);
    assert_string_equal(runs(w), "0:new 1:new 2:old 3:old");
    pass(w, 1000);
    settle(w);
    assert_string_equal(runs(w), "0:new 1:new 2:new 3:new");
    assert_string_equal(message_of(w, UPDATE_STATE(ROLLING_FORWARD)),
                        "the canary is good: 2 of 2 instances ran for 60 s, "
                        "0 failed: going on");
    reborn(w); /* the verdict is not asked for again */
    subscribed(w, "fw-1");
    pass(w, 5000);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    world_free(w);
}

static void test_a_bad_canary_leads_back(void **unused)
{
    struct world *w = with("4", "old");

    (void)unused;
    post(w, START("new", "4", CANARY("2", "")));
    settle(w);
    pass(w, 30000); /* long after watch_secs */
    fail_instance(w, 1);
    settle(w);
    assert_string_equal(message_of(w, UPDATE_STATE(ROLLING_BACK)),
                        "the canary is bad: 1 of 2 instances failed: 0 may");
    pass(w, 5000);
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_BACK));
    assert_string_equal(runs(w), "0:old 1:old 2:old 3:old");
    world_free(w);
}

static void test_some_of_a_canary_may_fail(void **unused)
{
    struct world *w = with("4", "old");

    (void)unused;
    post(w, START("new", "4", CANARY("2", ",\"max_failures\":1")));
    settle(w);
    fail_instance(w, 0);
    pass(w, 60000);
    settle(w);
    pass(w, 60000);
    settle(w);
    pass(w, 10000);
    settle(w);
    /* What the canary bore is not held against the others. */
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    assert_int_equal(get_update(w)->failed, 1);
    world_free(w);
}

static void test_a_canary_is_paused_and_lives_on(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("new", "3", CANARY("1", "")));
    settle(w);
    post(w, ACT("PAUSE_UPDATE"));
    pass(w, 600000);
    reborn(w);
    subscribed(w, "fw-1");
    settle(w);
    assert_string_equal(runs(w), "0:new 1:old 2:old");
    expect_state(w, UPDATE_STATE(ROLL_FORWARD_PAUSED));
    post(w, ACT("RESUME_UPDATE"));
    settle(w);
    assert_string_equal(runs(w), "0:new 1:new 2:new");
    world_free(w);
}

static void test_what_makes_no_sense_is_refused(void **unused)
{
    static const struct {
        const char *update, *field;
    } row[] = {
        {"\"canary\":{\"instances\":0}", "update.canary.instances"},
        {"\"canary\":{\"instances\":3}", "update.canary.instances"},
        {"\"canary\":{\"instances\":2,\"max_failures\":2}",
         "update.canary.max_failures"},
        {"\"minimum_health_capacity_milli\":1001",
         "update.minimum_health_capacity_milli"},
        {"\"maximum_over_capacity_milli\":4000000000",
         "update.maximum_over_capacity_milli"},
    };
    struct world *w = with("2", "old");

    (void)unused;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char *body = arena_strdup(&w->arena, START("new", "2", "@"));
        char *at = strchr(body, '@');
        *at = '\0';
        post(w, arena_printf(&w->arena, "%s%s%s", body, row[i].update, at + 1));
        expect_status(w, 400);
        if (!strstr(w->answer->error->field, row[i].field))
            fail_msg("%s: %s", row[i].update, w->answer->error->field);
    }
    world_free(w);
}

/* The canary begins beside the old ones; a bad one costs none of them. */
static void test_a_canary_of_a_surge(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("new", "3",
                  SURGE "1000,\"canary\":{\"instances\":1,"
                        "\"watch_secs\":60}"));
    settle(w);
    assert_string_equal(runs(w), "0:old 0:new 1:old 2:old");
    pass(w, 60000);
    settle(w);
    assert_string_equal(runs(w), "0:new 1:old 1:new 2:old 2:new");
    pass(w, 10000);
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    assert_string_equal(runs(w), "0:new 1:new 2:new");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_old_and_new_live_side_by_side),
        cmocka_unit_test(test_one_more_at_a_time),
        cmocka_unit_test(test_it_goes_on_where_it_was),
        cmocka_unit_test(test_a_bad_version_leaves_the_old_tasks),
        cmocka_unit_test(test_what_fails_and_is_borne_keeps_the_old_one),
        cmocka_unit_test(test_106_the_old_one_ends_meanwhile),
        cmocka_unit_test(test_an_abort_and_another_one),
        cmocka_unit_test(test_a_good_canary_leads_on),
        cmocka_unit_test(test_a_bad_canary_leads_back),
        cmocka_unit_test(test_some_of_a_canary_may_fail),
        cmocka_unit_test(test_a_canary_is_paused_and_lives_on),
        cmocka_unit_test(test_a_canary_of_a_surge),
        cmocka_unit_test(test_what_makes_no_sense_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
