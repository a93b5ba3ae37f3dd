/* Updates of jobs: a new life of the scheduler, pulses, requests, events. */
#include "update_kit.h"

/* --- a new life --- */

static void test_it_goes_on_where_it_was(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("new", "3", "\"watch_secs\":10"));
    settle(w);
    for (int i = 0; i < 3; i++) {
        reborn(w);
        subscribed(w, "fw-1");
        accept_calls(w);
        w->calls.count = 0;
        assert_int_equal(begun(w), i + 1);
        pass(w, 10000);
        settle(w);
    }
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    assert_string_equal(runs(w), "0:new 1:new 2:new");
    reborn(w);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    world_free(w);
}

/* Between the kill and the successor, at every step of the way back. */
static void test_a_new_life_in_the_middle_of_a_rollback(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("bad", "3", "\"watch_secs\":0"));
    for (int round = 0; round < 40; round++) {
        reborn(w);
        subscribed(w, "fw-1");
        accept_calls(w);
        w->calls.count = 0;
        const Answer *a = get_job(w);
        for (size_t i = 0; i < a->n_tasks; i++)
            if (a->tasks[i]->state == SHOWN(RESTARTING))
                update(w, a->tasks[i]->task_id, "m-S0", STATE(KILLED), NULL);
        offer(w, "m-S0", 16);
        (void)one_round(w);
    }
    expect_state(w, UPDATE_STATE(ROLLED_BACK));
    assert_string_equal(runs(w), "0:old 1:old 2:old");
    world_free(w);
}

/* --- pulses --- */

#define PULSED "\"watch_secs\":0,\"pulse_interval_secs\":60"

static void expect_pulse(struct world *w, const char *body,
                         Perigee__Aurora__Answer__PulseStatus status)
{
    post(w, body);
    expect_status(w, 200);
    assert_int_equal(w->answer->pulse, status);
}

#define PULSE(name) PERIGEE__AURORA__ANSWER__PULSE_STATUS__##name

static void test_pulses_let_it_go_on(void **unused)
{
    struct world *w = with("2", "old");

    (void)unused;
    post(w, START("new", "2", PULSED));
    settle(w);
    expect_state(w, UPDATE_STATE(ROLL_FORWARD_AWAITING_PULSE));
    assert_string_equal(runs(w), "0:old 1:old");
    expect_pulse(w, ACT("PULSE_UPDATE"), PULSE(OK));
    expect_state(w, UPDATE_STATE(ROLLING_FORWARD));
    pass(w, 60000);
    expect_state(w, UPDATE_STATE(ROLL_FORWARD_AWAITING_PULSE));
    settle(w);
    expect_pulse(w, ACT("PULSE_UPDATE"), PULSE(OK));
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    world_free(w);
}

/* Case 101: pulses are not stored. */
static void test_101_a_new_life_waits_for_a_pulse(void **unused)
{
    struct world *w = with("2", "old");

    (void)unused;
    post(w, START("new", "2", PULSED));
    expect_pulse(w, ACT("PULSE_UPDATE"), PULSE(OK));
    expect_state(w, UPDATE_STATE(ROLLING_FORWARD));
    reborn(w);
    expect_state(w, UPDATE_STATE(ROLL_FORWARD_AWAITING_PULSE));
    reborn(w);
    expect_state(w, UPDATE_STATE(ROLL_FORWARD_AWAITING_PULSE));
    world_free(w);
}

/* Case 102. */
static void test_102_pulses_that_do_nothing(void **unused)
{
    struct world *w = with("1", "old");

    (void)unused;
    post(w, START("new", "1", PULSED));
    post(w, ACT("PAUSE_UPDATE"));
    expect_status(w, 200);
    expect_pulse(w, ACT("PULSE_UPDATE"), PULSE(OK));
    expect_state(w, UPDATE_STATE(ROLL_FORWARD_PAUSED));
    expect_pulse(w,
                 "{\"type\":\"PULSE_UPDATE\",\"update\":{" KEY
                 ",\"update_id\":\"nobody\"}}",
                 PULSE(FINISHED));
    post(w, ACT("RESUME_UPDATE"));
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    expect_pulse(w, ACT("PULSE_UPDATE"), PULSE(FINISHED));
    world_free(w);
}

/* --- requests --- */

static void test_nothing_else_changes_the_job_meanwhile(void **unused)
{
    static const char *const bodies[] = {
        ABOUT("KILL_JOB"),
        ABOUT("RESTART_JOB"),
        SERVICE("3"),
        "{\"type\":\"SCALE_JOB\",\"scale\":{" KEY ",\"instances\":2}}",
        "{\"type\":\"ADD_INSTANCES\",\"scale\":{" KEY ",\"instances\":2}}",
        START("newer", "3", "\"watch_secs\":0"),
    };
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("new", "3", "\"watch_secs\":10"));
    char id[64];
    snprintf(id, sizeof id, "%s", w->answer->updates[0]->update_id);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        post(w, bodies[i]);
        expect_status(w, 409);
        assert_string_equal(w->answer->error->code, "JOB_UPDATING");
        assert_non_null(strstr(w->answer->error->message, id));
    }
    world_free(w);
}

static void test_only_services_are_updated(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, BATCH("1"));
    post(w, START("x", "1", "\"watch_secs\":0"));
    expect_status(w, 409);
    assert_string_equal(w->answer->error->field, "create_job.job.service");
    post(w, START("x", "4001", "\"watch_secs\":0"));
    expect_status(w, 400);
    assert_string_equal(w->answer->error->field, "create_job.job.instances");
    post(w, ACT("GET_UPDATE"));
    expect_status(w, 404);
    world_free(w);
}

static void test_pause_and_rollback_by_hand(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("new", "3", "\"watch_secs\":10"));
    settle(w);
    post(w, ACT("RESUME_UPDATE"));
    expect_status(w, 409);
    post(w, ACT("PAUSE_UPDATE"));
    expect_status(w, 200);
    post(w, ACT("PAUSE_UPDATE"));
    expect_status(w, 409);
    pass(w, 30000);
    settle(w);
    assert_string_equal(runs(w), "0:new 1:old 2:old");
    post(w, ACT("ROLLBACK_UPDATE"));
    expect_status(w, 200);
    settle(w);
    pass(w, 20000);
    expect_state(w, UPDATE_STATE(ROLLED_BACK));
    assert_string_equal(runs(w), "0:old 1:old 2:old");
    world_free(w);
}

static void test_lists_and_history(void **unused)
{
    struct world *w = with("1", "old");

    (void)unused;
    for (int i = 0; i < 12; i++) {
        pass(w, 1000);
        post(w, i % 2 ? START("old", "1", "\"watch_secs\":0")
                      : START("new", "1", "\"watch_secs\":0"));
        expect_status(w, 200);
        settle(w);
        expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    }
    post(w, "{\"type\":\"LIST_UPDATES\",\"update\":{" KEY "}}");
    expect_status(w, 200);
    assert_int_equal(w->answer->n_updates, 10);
    assert_true(w->answer->updates[0]->created_ms <
                w->answer->updates[9]->created_ms);
    post(w, "{\"type\":\"LIST_UPDATES\",\"update\":{\"active_only\":true}}");
    assert_int_equal(w->answer->n_updates, 0);
    post(w, "{\"type\":\"LIST_UPDATES\",\"update\":{\"role\":\"nobody\"}}");
    assert_int_equal(w->answer->n_updates, 0);
    reborn(w);
    post(w, "{\"type\":\"LIST_UPDATES\"}");
    assert_int_equal(w->answer->n_updates, 10);
    world_free(w);
}

static void test_events_tell_of_it(void **unused)
{
    struct world *w = with("2", "old");
    int states = 0, instances = 0;

    (void)unused;
    post(w, "{\"type\":\"SUBSCRIBE\",\"subscribe\":{" KEY "}}");
    w->events.count = 0;
    post(w, START("new", "2", "\"watch_secs\":0"));
    settle(w);
    for (int i = 0; i < w->events.count; i++) {
        const Perigee__Aurora__Event *event = w->events.item[i];
        if (event->type != PERIGEE__AURORA__EVENT__TYPE__UPDATE_CHANGED)
            continue;
        assert_non_null(event->update->update_id);
        states += event->update->n_events == 1;
        instances += event->update->n_changes == 1;
    }
    assert_int_equal(states, 2);    /* rolling, rolled */
    assert_int_equal(instances, 4); /* two begun, two done */
    world_free(w);
}

/* What became of an update is known for a month, also of a job that is gone and
 * whose tasks are forgotten. */
static void test_history_outlives_its_job(void **unused)
{
    enum { DAY_MS = 24 * 60 * 60 * 1000 };
    struct world *w = with("1", "old");

    (void)unused;
    post(w, ABOUT("KILL_JOB"));
    settle(w);
    pass(w, (int64_t)3 * DAY_MS);
    get_job(w);
    expect_status(w, 404);
    post(w, "{\"type\":\"GET_TASKS\",\"tasks\":{" KEY "}}");
    expect_status(w, 200);
    assert_int_equal(w->answer->n_tasks, 0);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    reborn(w);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    pass(w, (int64_t)28 * DAY_MS);
    post(w, ACT("GET_UPDATE"));
    expect_status(w, 404);
    world_free(w);
}

#define SCALE_TO(n) \
    "{\"type\":\"SCALE_JOB\",\"scale\":{" KEY ",\"instances\":" n "}}"

/* A service that was scaled to 0 is not gone because an update of it failed, or
 * was aborted. */
static void test_a_suspended_job_outlives_an_update(void **unused)
{
    struct world *w = with("2", "old");

    (void)unused;
    post(w, SCALE_TO("0"));
    settle(w);
    for (int life = 0; life < 2; life++) {
        post(w, START("bad", "2", "\"watch_secs\":0"));
        expect_status(w, 200);
        if (life == 1)
            post(w, ACT("ROLLBACK_UPDATE"));
        settle(w);
        expect_state(w, UPDATE_STATE(ROLLED_BACK));
        assert_int_equal(get_job(w)->jobs[0]->job->instances, 0);
        assert_string_equal(runs(w), "");
        reborn(w);
        subscribed(w, "fw-1");
    }
    post(w, SCALE_TO("1"));
    expect_status(w, 200);
    settle(w);
    assert_string_equal(runs(w), "0:old");
    world_free(w);
}

/* What an update brings, and not what the job says, is what waits. */
static void test_why_is_about_what_waits(void **unused)
{
    struct world *w = with("1", "old");
    static const char body[] = START("new", "1", "\"watch_secs\":0");
    const char *cpu = strstr(body, "500,");

    (void)unused;
    post(w, arena_printf(&w->arena, "%.*s900%s", (int)(cpu - body), body, cpu));
    expect_status(w, 200);
    settle(w);
    post(w, "{\"type\":\"WHY\",\"why\":{" KEY "}}");
    expect_status(w, 200);
    const Perigee__Aurora__Answer__Why *why = w->answer->why;
    assert_int_equal(why->pending, 1);
    assert_int_equal(why->fits, 0);
    assert_int_equal(why->n_reasons, 1);
    assert_string_equal(why->reasons[0]->veto, "not enough cpu");
    assert_non_null(strstr(why->advice, "ask for less"));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_goes_on_where_it_was),
        cmocka_unit_test(test_a_new_life_in_the_middle_of_a_rollback),
        cmocka_unit_test(test_pulses_let_it_go_on),
        cmocka_unit_test(test_101_a_new_life_waits_for_a_pulse),
        cmocka_unit_test(test_102_pulses_that_do_nothing),
        cmocka_unit_test(test_nothing_else_changes_the_job_meanwhile),
        cmocka_unit_test(test_only_services_are_updated),
        cmocka_unit_test(test_pause_and_rollback_by_hand),
        cmocka_unit_test(test_lists_and_history),
        cmocka_unit_test(test_events_tell_of_it),
        cmocka_unit_test(test_history_outlives_its_job),
        cmocka_unit_test(test_a_suspended_job_outlives_an_update),
        cmocka_unit_test(test_why_is_about_what_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
