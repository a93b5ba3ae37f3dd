/* What an executor decides about a task's health, teardown, disk and
 * announcement, with an agent and a runner played by the test. */
#include "executor_scene.h"

static const struct thermos_care full = {.has_health = true,
                                         .health = {.initial_ms = 0,
                                                    .interval_ms = 10000,
                                                    .failures_max = 1,
                                                    .successes_min = 1},
                                         .teardown = {.is_announced = true,
                                                      .has_endpoints = true,
                                                      .quit_wait_ms = 5000,
                                                      .abort_wait_ms = 4000},
                                         .announce_ms = 15000,
                                         .disk_bytes = 10 << 20,
                                         .disk_interval_ms = 60000};

static void at(struct rig *r, int64_t ms)
{
    r->now_ms = ms;
    put(r, (struct thermos_input){.kind = THERMOS_IN_TIME});
}

static void running(struct rig *r)
{
    put(r, (struct thermos_input){.kind = THERMOS_IN_TASK_RUNNING,
                                  .grace_ms = 30000});
}

static void checked(struct rig *r, uint64_t number, bool ok, const char *text)
{
    put(r, (struct thermos_input){.kind = THERMOS_IN_CHECKED,
                                  .number = number,
                                  .ok = ok,
                                  .text = text});
}

static void torn(struct rig *r, enum teardown_step step, bool ok)
{
    put(r, (struct thermos_input){
               .kind = THERMOS_IN_TORN, .step = step, .ok = ok});
}

static void kill_it(struct rig *r, int64_t grace_ms)
{
    put(r, (struct thermos_input){
               .kind = THERMOS_IN_KILL, .task_id = "t", .grace_ms = grace_ms});
}

static void ended(struct rig *r, enum thermos_state state)
{
    put(r,
        (struct thermos_input){.kind = THERMOS_IN_TASK_ENDED, .state = state});
}

/* The states reported so far, newest last; and the newest update. */
static void expect_states(const struct rig *r, const char *want)
{
    char got[32] = "";
    for (uint32_t i = 0; i < r->t.updates.count; i++)
        got[i] = "SRFXK---k"[r->t.updates.item[i].state];
    assert_string_equal(got, want);
}

/* Up to RUNNING, announced, at 1000 ms. */
static void run_healthy(struct rig *r)
{
    rig_launch(r, &full, -1);
    running(r);
    checked(r, 1, true, "");
    put(r, (struct thermos_input){.kind = THERMOS_IN_ANNOUNCED});
}

static void test_41_running_only_when_healthy(void **unused)
{
    (void)unused;
    struct rig r;
    rig_launch(&r, &full, -1);
    assert_null(find(&r, THERMOS_CHECK));
    running(&r);
    assert_int_equal(find(&r, THERMOS_CHECK)->number, 1);
    expect_states(&r, "S");
    checked(&r, 1, true, "");
    expect_states(&r, "SR");
    assert_int_equal(newest(&r)->healthy, 1);
    assert_non_null(find(&r, THERMOS_ANNOUNCE));
    ended(&r, THERMOS_FINISHED);
    expect_states(&r, "SRF");
    rig_release(&r);
}

static void test_41_never_running_when_never_healthy(void **unused)
{
    (void)unused;
    struct rig r;
    rig_launch(&r, &full, -1);
    running(&r);
    checked(&r, 1, false, "connection refused");
    assert_null(find(&r, THERMOS_CHECK));
    at(&r, 11000);
    assert_int_equal(find(&r, THERMOS_CHECK)->number, 2);
    checked(&r, 2, false, "not ok");
    assert_int_equal(find(&r, THERMOS_TEAR)->step, TEARDOWN_QUITTING);
    torn(&r, TEARDOWN_QUITTING, false);
    assert_int_equal(find(&r, THERMOS_TEAR)->step, TEARDOWN_ABORTING);
    torn(&r, TEARDOWN_ABORTING, false);
    assert_int_equal(find(&r, THERMOS_KILL_TASK)->grace_ms, 30000);
    ended(&r, THERMOS_KILLED);
    expect_states(&r, "SX");
    assert_string_equal(newest(&r)->message, "Failed health check! not ok");
    assert_int_equal(newest(&r)->healthy, 0);
    rig_release(&r);
}

static void test_a_task_without_a_check_is_running_at_once(void **unused)
{
    (void)unused;
    struct rig r;
    rig_launch(&r, NULL, -1);
    running(&r);
    expect_states(&r, "SR");
    assert_int_equal(newest(&r)->healthy, -1);
    assert_null(find(&r, THERMOS_CHECK));
    r.t.updates.item[0].is_sent = r.t.updates.item[1].is_sent = true;
    r.t.updates.item[0].resend_ms = r.t.updates.item[1].resend_ms = INT64_MAX;
    r.t.in_flight = 0;
    assert_int_equal(thermos_next_ms(&r.t), INT64_MAX); /* no wake-ups */
    rig_release(&r);
}

static void test_43_checks_stop_before_the_runner(void **unused)
{
    (void)unused;
    struct rig r;
    run_healthy(&r);
    at(&r, 11000);
    assert_non_null(find(&r, THERMOS_CHECK));
    put(&r, (struct thermos_input){.kind = THERMOS_IN_SHUTDOWN});
    assert_int_equal(r.fx.list.item[0].act, THERMOS_STOP_CHECKS);
    assert_null(find(&r, THERMOS_KILL_TASK));
    checked(&r, 2, false, "too late");
    at(&r, 13000); /* half of the agent's grace */
    assert_int_equal(find(&r, THERMOS_KILL_TASK)->grace_ms, 2000);
    ended(&r, THERMOS_KILLED);
    assert_int_equal(r.t.state, THERMOS_KILLED);
    rig_release(&r);
}

static void test_52_quit_then_abort_each_with_its_wait(void **unused)
{
    (void)unused;
    struct rig r;
    run_healthy(&r);
    kill_it(&r, -1);
    expect_states(&r, "SRk");
    assert_int_equal(find(&r, THERMOS_TEAR)->step, TEARDOWN_LEAVING);
    torn(&r, TEARDOWN_LEAVING, true);
    assert_int_equal(find(&r, THERMOS_TEAR)->step, TEARDOWN_QUITTING);
    assert_non_null(find(&r, THERMOS_DRAIN));
    torn(&r, TEARDOWN_QUITTING, true);
    assert_null(find(&r, THERMOS_TEAR));
    put(&r, (struct thermos_input){.kind = THERMOS_IN_RUNNER_DIED,
                                   .text = "was terminated by signal 9"});
    assert_non_null(find(&r, THERMOS_DRAIN)); /* the next one hears it too */
    at(&r, 5999);
    assert_null(find(&r, THERMOS_TEAR));
    at(&r, 6000);
    assert_int_equal(find(&r, THERMOS_TEAR)->step, TEARDOWN_ABORTING);
    torn(&r, TEARDOWN_ABORTING, true);
    at(&r, 9999);
    assert_null(find(&r, THERMOS_KILL_TASK));
    at(&r, 10000);
    assert_int_equal(find(&r, THERMOS_KILL_TASK)->grace_ms, 30000);
    rig_release(&r);
}

static void test_52_without_a_port_nobody_is_asked(void **unused)
{
    (void)unused;
    struct rig r;
    struct thermos_care care = full;
    care.teardown = (struct teardown_rule){0};
    rig_launch(&r, &care, -1);
    running(&r);
    checked(&r, 1, true, "");
    kill_it(&r, 7000);
    assert_null(find(&r, THERMOS_TEAR));
    assert_int_equal(find(&r, THERMOS_KILL_TASK)->grace_ms, 7000);
    rig_release(&r);
}

static void test_an_unanswered_step_costs_a_second(void **unused)
{
    (void)unused;
    struct rig r;
    run_healthy(&r);
    kill_it(&r, -1);
    at(&r, 1000 + TEARDOWN_LEAVE_MS);
    assert_int_equal(find(&r, THERMOS_TEAR)->step, TEARDOWN_QUITTING);
    at(&r, 2000 + TEARDOWN_POST_MS);
    assert_int_equal(find(&r, THERMOS_TEAR)->step, TEARDOWN_ABORTING);
    torn(&r, TEARDOWN_QUITTING, true); /* too late */
    at(&r, 3000 + TEARDOWN_POST_MS);
    assert_non_null(find(&r, THERMOS_KILL_TASK));
    rig_release(&r);
}

static void test_38_two_kills_give_one_end(void **unused)
{
    (void)unused;
    struct rig r;
    run_healthy(&r);
    kill_it(&r, -1);
    kill_it(&r, 3000);
    assert_null(find(&r, THERMOS_TEAR));
    torn(&r, TEARDOWN_LEAVING, true);
    torn(&r, TEARDOWN_QUITTING, false);
    torn(&r, TEARDOWN_ABORTING, false);
    assert_int_equal(find(&r, THERMOS_KILL_TASK)->grace_ms, 3000);
    kill_it(&r, 1000);
    assert_int_equal(find(&r, THERMOS_KILL_TASK)->grace_ms, 1000);
    kill_it(&r, 5000);
    assert_null(find(&r, THERMOS_KILL_TASK));
    ended(&r, THERMOS_KILLED);
    kill_it(&r, 0);
    expect_states(&r, "SRkK");
    rig_release(&r);
}

static void test_39_a_kill_before_anything_runs_asks_nobody(void **unused)
{
    (void)unused;
    struct rig r;
    rig_launch(&r, &full, -1);
    kill_it(&r, -1);
    assert_null(find(&r, THERMOS_TEAR));
    assert_non_null(find(&r, THERMOS_KILL_TASK));
    running(&r); /* crossed the kill */
    assert_null(find(&r, THERMOS_CHECK));
    ended(&r, THERMOS_KILLED);
    assert_int_equal(r.t.state, THERMOS_KILLED);
    rig_release(&r);
}

static void test_the_first_cause_is_told(void **unused)
{
    (void)unused;
    struct rig r;
    run_healthy(&r);
    at(&r, 11000);
    checked(&r, 2, false, "bad");
    at(&r, 21000);
    checked(&r, 3, false, "worse");
    kill_it(&r, 0);
    ended(&r, THERMOS_KILLED);
    expect_states(&r, "SRX");
    assert_string_equal(newest(&r)->message, "Failed health check! worse");
    rig_release(&r);
}

static void test_an_end_during_the_teardown_is_the_end(void **unused)
{
    (void)unused;
    struct rig r;
    run_healthy(&r);
    kill_it(&r, -1);
    torn(&r, TEARDOWN_LEAVING, true);
    torn(&r, TEARDOWN_QUITTING, true);
    ended(&r, THERMOS_FINISHED); /* it obeyed */
    assert_int_equal(r.t.state, THERMOS_KILLED);
    at(&r, 60000);
    assert_null(find(&r, THERMOS_TEAR));
    assert_null(find(&r, THERMOS_KILL_TASK));
    rig_release(&r);
}

static void test_a_task_that_ends_takes_its_announcement_back(void **unused)
{
    (void)unused;
    struct rig r;
    run_healthy(&r);
    ended(&r, THERMOS_FINISHED);
    assert_int_equal(find(&r, THERMOS_TEAR)->step, TEARDOWN_LEAVING);
    assert_int_equal(r.t.state, THERMOS_FINISHED);
    rig_release(&r);
}

static void test_who_cannot_be_announced_fails(void **unused)
{
    (void)unused;
    struct rig r;
    rig_launch(&r, &full, -1);
    running(&r);
    checked(&r, 1, true, "");
    at(&r, 15999);
    checked(&r, 2, true, "");
    assert_int_equal(r.t.cause, THERMOS_CAUSE_NONE);
    at(&r, 16000);
    assert_int_equal(r.t.cause, THERMOS_CAUSE_FAILURE);
    assert_string_equal(r.t.cause_text,
                        "the task could not be announced within 15 s: "
                        "ZooKeeper did not answer");
    rig_release(&r);
}

static void test_a_full_disk_ends_it_with_both_sizes(void **unused)
{
    (void)unused;
    struct rig r;
    struct thermos_care care = {.disk_bytes = 10 << 20,
                                .disk_interval_ms = 60000};
    rig_launch(&r, &care, -1);
    running(&r);
    expect_states(&r, "SR");
    at(&r, 60999);
    assert_null(find(&r, THERMOS_MEASURE));
    at(&r, 61000);
    assert_non_null(find(&r, THERMOS_MEASURE));
    put(&r, (struct thermos_input){.kind = THERMOS_IN_MEASURED,
                                   .bytes = 10 << 20}); /* just so */
    at(&r, 120999);
    assert_null(find(&r, THERMOS_MEASURE));
    at(&r, 121000);
    assert_non_null(find(&r, THERMOS_MEASURE));
    put(&r, (struct thermos_input){.kind = THERMOS_IN_MEASURED,
                                   .bytes = (12 << 20) + (1 << 19)});
    assert_non_null(find(&r, THERMOS_KILL_TASK));
    ended(&r, THERMOS_KILLED);
    expect_states(&r, "SRX");
    assert_string_equal(newest(&r)->message,
                        "disk limit exceeded: the sandbox holds 12.5 MB, "
                        "10.0 MB are allowed");
    assert_int_equal(newest(&r)->reason, 20);
    rig_release(&r);
}

static void test_checks_go_on_while_a_runner_is_replaced(void **unused)
{
    (void)unused;
    struct rig r;
    run_healthy(&r);
    put(&r, (struct thermos_input){.kind = THERMOS_IN_RUNNER_DIED,
                                   .text = "was terminated by signal 9"});
    assert_true(find(&r, THERMOS_START_RUNNER)->take_over);
    running(&r);
    assert_null(find(&r, THERMOS_CHECK));
    at(&r, 11000);
    assert_int_equal(find(&r, THERMOS_CHECK)->number, 2);
    expect_states(&r, "SR");
    rig_release(&r);
}

static void test_a_runner_that_dies_in_the_teardown_hears_of_the_kill(
    void **unused)
{
    (void)unused;
    struct rig r;
    run_healthy(&r);
    kill_it(&r, 2000);
    put(&r, (struct thermos_input){.kind = THERMOS_IN_RUNNER_DIED,
                                   .text = "was terminated by signal 9"});
    assert_non_null(find(&r, THERMOS_START_RUNNER));
    assert_null(find(&r, THERMOS_KILL_TASK));
    torn(&r, TEARDOWN_LEAVING, true);
    torn(&r, TEARDOWN_QUITTING, false);
    torn(&r, TEARDOWN_ABORTING, false);
    assert_int_equal(find(&r, THERMOS_KILL_TASK)->grace_ms, 2000);
    rig_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_41_running_only_when_healthy),
        cmocka_unit_test(test_41_never_running_when_never_healthy),
        cmocka_unit_test(test_a_task_without_a_check_is_running_at_once),
        cmocka_unit_test(test_43_checks_stop_before_the_runner),
        cmocka_unit_test(test_52_quit_then_abort_each_with_its_wait),
        cmocka_unit_test(test_52_without_a_port_nobody_is_asked),
        cmocka_unit_test(test_an_unanswered_step_costs_a_second),
        cmocka_unit_test(test_38_two_kills_give_one_end),
        cmocka_unit_test(test_39_a_kill_before_anything_runs_asks_nobody),
        cmocka_unit_test(test_the_first_cause_is_told),
        cmocka_unit_test(test_an_end_during_the_teardown_is_the_end),
        cmocka_unit_test(test_a_task_that_ends_takes_its_announcement_back),
        cmocka_unit_test(test_who_cannot_be_announced_fails),
        cmocka_unit_test(test_a_full_disk_ends_it_with_both_sizes),
        cmocka_unit_test(test_checks_go_on_while_a_runner_is_replaced),
        cmocka_unit_test(
            test_a_runner_that_dies_in_the_teardown_hears_of_the_kill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
