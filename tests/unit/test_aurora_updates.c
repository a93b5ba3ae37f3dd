/* Updates of jobs over the API, with the cases of Aurora's updater under their
 * numbers: forward, and what fails. */
#include "update_kit.h"

/* --- forward --- */

static void test_an_update_creates_a_job(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    assert_string_equal(runs(w), "0:old 1:old 2:old");
    assert_int_equal(get_job(w)->jobs[0]->job->instances, 3);
    world_free(w);
}

/* Case 116: only adds, then only kills. */
static void test_116_adds_only_kills_only(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("old", "1", "\"watch_secs\":0"));
    expect_status(w, 200);
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    assert_string_equal(runs(w), "0:old");
    post(w, START("old", "3", "\"watch_secs\":0"));
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    assert_string_equal(runs(w), "0:old 1:old 2:old");
    world_free(w);
}

static void test_a_queue_watches_each_instance(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("new", "3", "\"watch_secs\":10"));
    settle(w);
    assert_string_equal(runs(w), "0:new 1:old 2:old");
    pass(w, 9999);
    settle(w);
    assert_string_equal(runs(w), "0:new 1:old 2:old");
    pass(w, 1);
    settle(w);
    assert_string_equal(runs(w), "0:new 1:new 2:old");
    pass(w, 20000);
    settle(w);
    pass(w, 10000);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    const View *view = get_update(w);
    assert_int_equal(view->done, 3);
    assert_int_equal(view->n_events, 2);
    assert_int_equal(view->changes[2]->n_events, 2);
    assert_int_equal(get_job(w)->n_configs, 0);
    world_free(w);
}

static void test_no_change_is_said(void **unused)
{
    struct world *w = with("2", "old");

    (void)unused;
    post(w, START("old", "2", "\"watch_secs\":0,\"batch_size\":9"));
    expect_status(w, 200);
    assert_int_equal(w->answer->n_updates, 0);
    assert_string_equal(w->answer->note, "no instance has to change");
    /* How to update is what only the scheduler reads. */
    post(w, START("old", "2", "\"watch_secs\":7"));
    expect_status(w, 200);
    assert_int_equal(w->answer->n_updates, 0);
    const Answer *a = get_job(w);
    assert_int_equal(a->jobs[0]->job->update->watch_secs, 7);
    assert_int_equal(a->n_configs, 0);
    reborn(w);
    assert_int_equal(get_job(w)->jobs[0]->job->update->watch_secs, 7);
    world_free(w);
}

static void test_ranges_change_only_those(void **unused)
{
    struct world *w = with("4", "old");

    (void)unused;
    char *body = arena_strdup(&w->arena, START("new", "4", "\"watch_secs\":0"));
    body[strlen(body) - 2] = '\0';
    post(w,
         arena_printf(&w->arena,
                      "%s,\"instances\":[{\"first\":1,\"last\":2}]}}", body));
    expect_status(w, 200);
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    assert_string_equal(runs(w), "0:old 1:new 2:new 3:old");
    assert_true(get_job(w)->jobs[0]->mixed);
    /* What fails comes back as what it was. */
    world_free(w);
}

#define SCOPE "%s,\"instances\":[{\"first\":%d,\"last\":%d}]}}"

/* 3.15: ids outside the range are refused; nothing is created for them. */
static void test_ranges_that_nothing_has(void **unused)
{
    struct world *w = with("3", "old");
    char *body = arena_strdup(&w->arena, START("new", "2", "\"watch_secs\":0"));

    (void)unused;
    body[strlen(body) - 2] = '\0';
    post(w, arena_printf(&w->arena, SCOPE, body, 1, 3));
    expect_status(w, 400);
    assert_string_equal(w->answer->error->message,
                        "instances 2-3: the job neither has them all nor is to "
                        "have them");
    post(w, arena_printf(&w->arena, SCOPE, body, 2, 2)); /* it is to go */
    expect_status(w, 200);
    settle(w);
    assert_string_equal(runs(w), "0:old 1:old");
    world_free(w);
}

/* Case 103. */
static void test_103_autopause_after_each_batch(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("new", "3",
                  "\"watch_secs\":0,\"strategy\":\"BATCH\",\"batch_size\":2,"
                  "\"autopause_after_batch\":true"));
    settle(w);
    expect_state(w, UPDATE_STATE(ROLL_FORWARD_PAUSED));
    assert_string_equal(runs(w), "0:new 1:new 2:old");
    reborn(w);
    subscribed(w, "fw-1");
    settle(w);
    expect_state(w, UPDATE_STATE(ROLL_FORWARD_PAUSED));
    post(w, ACT("RESUME_UPDATE"));
    expect_status(w, 200);
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    assert_string_equal(runs(w), "0:new 1:new 2:new");
    world_free(w);
}

/* --- failures --- */

/* Case 98. */
static void test_98_a_bad_version_is_rolled_back(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("bad", "3", "\"watch_secs\":0"));
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_BACK));
    assert_string_equal(runs(w), "0:old 1:old 2:old");
    const View *view = get_update(w);
    assert_int_equal(view->n_events, 3);
    assert_non_null(view->events[1]->message);
    world_free(w);
}

static void test_98_without_rollback_it_fails(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w,
         START("bad", "3", "\"watch_secs\":0,\"rollback_on_failure\":false"));
    settle(w);
    expect_state(w, UPDATE_STATE(UPDATE_FAILED));
    assert_memory_equal(runs(w) + strlen(runs(w)) - 11, "1:old 2:old", 11);
    /* The next version cures it. */
    post(w, START("good", "3", "\"watch_secs\":0"));
    expect_status(w, 200);
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    assert_string_equal(runs(w), "0:good 1:good 2:good");
    world_free(w);
}

static void test_98_an_abort_leaves_a_mixture(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("new", "3", "\"watch_secs\":10"));
    settle(w);
    post(w, ACT("ABORT_UPDATE"));
    expect_status(w, 200);
    pass(w, 60000);
    settle(w);
    expect_state(w, UPDATE_STATE(ABORTED));
    assert_string_equal(runs(w), "0:new 1:old 2:old");
    post(w, ACT("ABORT_UPDATE"));
    expect_status(w, 409);
    world_free(w);
}

/* Case 104. */
static void test_104_batches_roll_back_as_they_came(void **unused)
{
    struct world *w = with("2", "old");

    (void)unused;
    post(w, START("new", "3",
                  "\"watch_secs\":10,\"strategy\":\"VARIABLE_BATCH\","
                  "\"batch_sizes\":[1,2],\"autopause_after_batch\":true"));
    settle(w);
    assert_string_equal(runs(w), "0:old 1:old 2:new");
    pass(w, 10000);
    expect_state(w, UPDATE_STATE(ROLL_FORWARD_PAUSED));
    post(w, ACT("RESUME_UPDATE"));
    settle(w);
    assert_string_equal(runs(w), "0:new 1:new 2:new");
    fail_instance(w, 1);
    expect_state(w, UPDATE_STATE(ROLLING_BACK));
    settle(w);
    assert_string_equal(runs(w), "0:old 1:old 2:new");
    pass(w, 10000);
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_BACK));
    assert_string_equal(runs(w), "0:old 1:old");
    world_free(w);
}

/* A new life, and the watch is over before the master has said anything: the
 * instance failed meanwhile, so the next one must not begin. */
static void test_a_new_life_hears_before_it_judges(void **unused)
{
    struct world *w = with("2", "old");

    (void)unused;
    post(w,
         START("new", "2", "\"watch_secs\":30,\"max_per_shard_failures\":1"));
    settle(w);
    reborn(w);
    w->is_mute = true;
    pass(w, 40000); /* no master */
    assert_int_equal(begun(w), 1);
    subscribed(w, "fw-1");
    pass(w, 1000);
    assert_int_equal(begun(w), 1);
    fail_instance(w, 0);
    assert_int_equal(get_update(w)->changes[0]->failures, 1);
    assert_int_equal(begun(w), 1);
    answer_running(w);
    settle(w);
    assert_int_equal(begun(w), 1); /* it is watched anew */
    pass(w, 30000);
    assert_int_equal(begun(w), 2);
    world_free(w);
}

static void test_a_new_life_goes_on_when_it_has_heard(void **unused)
{
    struct world *w = with("2", "old");

    (void)unused;
    post(w, START("new", "2", "\"watch_secs\":30"));
    settle(w);
    reborn(w);
    w->is_mute = true;
    pass(w, 40000);
    subscribed(w, "fw-1");
    assert_int_equal(begun(w), 1);
    answer_running(w);
    assert_int_equal(begun(w), 2);
    world_free(w);
}

/* Case 97: instance 1 fails on the way forward, then on the way back. */
static void test_97_a_rollback_that_fails(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("new", "3", "\"watch_secs\":10"));
    settle(w);
    pass(w, 10000);
    settle(w);
    for (int time = 0; time < 2; time++) {
        fail_instance(w, 1);
        settle(w);
    }
    expect_state(w, UPDATE_STATE(UPDATE_FAILED));
    assert_string_equal(runs(w), "0:new 1:old 2:old");
    world_free(w);
}

/* Case 99: the update waits for ever; abort works. */
static void test_99_what_finds_no_host_is_waited_for(void **unused)
{
    struct world *w = with("2", "old");

    (void)unused;
    pass(w, 600000); /* the link breaks, and no offer is held any more */
    subscribed(w, "fw-1");
    accept_calls(w);
    w->calls.count = 0;
    post(w, START("new", "2", "\"watch_secs\":0"));
    accept_calls(w);
    MasterCall *kill = find_call(w, CALL(KILL), 0);
    update(w, kill->kill->task_id->value, "m-S0", STATE(KILLED), NULL);
    for (int hour = 0; hour < 3; hour++)
        pass(w, 60 * 60 * 1000);
    expect_state(w, UPDATE_STATE(ROLLING_FORWARD));
    post(w, ACT("ABORT_UPDATE"));
    expect_state(w, UPDATE_STATE(ABORTED));
    world_free(w);
}

/* Case 106: the old task ends by itself; one new task, not two. */
static void test_106_the_old_task_dies_meanwhile(void **unused)
{
    struct world *w = with("1", "old");

    (void)unused;
    post(w, START("new", "1", "\"watch_secs\":0"));
    accept_calls(w);
    char id[300];
    snprintf(id, sizeof id, "%s",
             find_call(w, CALL(KILL), 0)->kill->task_id->value);
    w->calls.count = 0;
    update(w, id, "m-S0", STATE(FINISHED), NULL);
    assert_string_equal(runs(w), "0:new");
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    assert_string_equal(runs(w), "0:new");
    world_free(w);
}

/* An instance that is not changed yet and ends comes back as what it was. */
static void test_what_waits_keeps_its_version(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("new", "3", "\"watch_secs\":10"));
    settle(w);
    fail_instance(w, 2);
    settle(w);
    assert_string_equal(runs(w), "0:new 1:old 2:old");
    expect_state(w, UPDATE_STATE(ROLLING_FORWARD));
    assert_int_equal(get_update(w)->failed, 0);
    world_free(w);
}

static void test_some_failures_are_borne(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("new", "3",
                  "\"watch_secs\":10,\"max_per_shard_failures\":1,"
                  "\"max_total_failures\":1"));
    settle(w);
    for (int time = 0; time < 2; time++) {
        expect_state(w, UPDATE_STATE(ROLLING_FORWARD));
        fail_instance(w, 0);
        settle(w);
    }
    assert_int_equal(get_update(w)->failed, 1);
    for (int i = 0; i < 10; i++) {
        pass(w, 30000);
        settle(w);
    }
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    assert_string_equal(runs(w), "0:new 1:new 2:new");
    world_free(w);
}

/* The body with so many millis of a CPU instead of 500. */
static const char *with_cpu(struct world *w, const char *body, int milli)
{
    const char *cpu = strstr(body, "500,");

    return arena_printf(&w->arena, "%.*s%d%s", (int)(cpu - body), body, milli,
                        cpu + 3);
}

#define TOGETHER(n) \
    n ",\"constraints\":[{\"attribute\":\"rack\",\"kind\":\"CLUSTER\"}]"

/* All on one rack: that of the old ones while one of them is there. When the
 * last of them has gone, the new ones, which want more, go to a machine that
 * was there all the time. */
static void test_limits_count_for_what_an_update_brings(void **unused)
{
    struct world *w = world_new();
    char id[2][300];

    (void)unused;
    offer(w, "m-S0", 2);
    post(w, START("old", TOGETHER("2"), "\"watch_secs\":0,\"batch_size\":2"));
    expect_status(w, 200);
    for (int i = 0; i < 2; i++)
        snprintf(id[i], sizeof id[i], "%s", launched(w, i)->task_id->value);
    run_all(w, "m-S0");
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    offer(w, "m-S1", 16);
    post(w, with_cpu(w,
                     START("new", TOGETHER("2"),
                           "\"watch_secs\":0,\"batch_size\":2"),
                     3000));
    expect_status(w, 200);
    for (int i = 0; i < 2; i++) {
        assert_null(launched(w, 0));
        update(w, id[i], "m-S0", STATE(KILLED), NULL);
        accept_calls(w);
    }
    assert_non_null(launched(w, 0));
    assert_non_null(launched(w, 1));
    assert_string_equal(launched(w, 0)->agent_id->value, "m-S1");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_update_creates_a_job),
        cmocka_unit_test(test_116_adds_only_kills_only),
        cmocka_unit_test(test_a_queue_watches_each_instance),
        cmocka_unit_test(test_no_change_is_said),
        cmocka_unit_test(test_ranges_change_only_those),
        cmocka_unit_test(test_ranges_that_nothing_has),
        cmocka_unit_test(test_103_autopause_after_each_batch),
        cmocka_unit_test(test_98_a_bad_version_is_rolled_back),
        cmocka_unit_test(test_98_without_rollback_it_fails),
        cmocka_unit_test(test_98_an_abort_leaves_a_mixture),
        cmocka_unit_test(test_104_batches_roll_back_as_they_came),
        cmocka_unit_test(test_a_new_life_hears_before_it_judges),
        cmocka_unit_test(test_a_new_life_goes_on_when_it_has_heard),
        cmocka_unit_test(test_97_a_rollback_that_fails),
        cmocka_unit_test(test_99_what_finds_no_host_is_waited_for),
        cmocka_unit_test(test_106_the_old_task_dies_meanwhile),
        cmocka_unit_test(test_what_waits_keeps_its_version),
        cmocka_unit_test(test_some_failures_are_borne),
        cmocka_unit_test(test_limits_count_for_what_an_update_brings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
