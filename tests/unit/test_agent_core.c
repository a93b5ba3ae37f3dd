/* The agent's core: what it decides, told by its effects. */
#include "agent_core_kit.h"

static void test_a_task_is_saved_before_its_container_starts(void **state)
{
    struct fixture *f = *state;
    run_in(f, "t", NULL);
    assert_int_equal(f->fx.count, 4);
    assert_int_equal(f->fx.item[0].kind, AGENT_SAVE_FRAMEWORK);
    assert_int_equal(f->fx.item[1].kind, AGENT_SAVE_EXECUTOR);
    assert_int_equal(f->fx.item[2].kind, AGENT_SAVE_TASK);
    assert_int_equal(f->fx.item[3].kind, AGENT_START);
    done(f);
    run_in(f, "t", NULL); /* the same order twice */
    assert_int_equal(f->fx.count, 0);
    done(f);
}

static void test_tasks_wait_for_their_executor_then_launch_in_order(
    void **state)
{
    struct fixture *f = *state;
    run_in(f, "t1", "e");
    run_in(f, "t2", "e");
    assert_int_equal(count(f, AGENT_START), 1);
    assert_null(effect(f, AGENT_LAUNCH_TASK));
    done(f);
    subscribe(f, "e", 5);
    assert_int_equal(count(f, AGENT_LAUNCH_TASK), 2);
    assert_string_equal(effect(f, AGENT_LAUNCH_TASK)->task->id, "t1");
    done(f);
    run_in(f, "t3", "e"); /* limits grow before it is handed over */
    assert_int_equal(f->fx.item[f->fx.count - 2].kind, AGENT_LIMIT);
    assert_int_equal(f->fx.item[f->fx.count - 1].kind, AGENT_LAUNCH_TASK);
    done(f);
}

static void test_updates_go_out_one_at_a_time(void **state)
{
    struct fixture *f = *state;
    agent_core_linked(f->core, 0, &f->fx);
    start(f, "t", 5);
    update(f, "t", 1, AGENT_TASK_STARTING);
    assert_int_equal(count(f, AGENT_FORWARD), 1);
    assert_int_equal(count(f, AGENT_ACKNOWLEDGED), 1);
    assert_int_equal(f->fx.item[0].kind, AGENT_SAVE_UPDATE);
    done(f);
    update(f, "t", 2, AGENT_TASK_RUNNING);
    assert_null(effect(f, AGENT_FORWARD));
    assert_non_null(effect(f, AGENT_ACKNOWLEDGED));
    done(f);
    acknowledge(f, "t", uuid(9)); /* another uuid changes nothing */
    acknowledge(f, "t", uuid(2));
    assert_int_equal(f->fx.count, 0);
    acknowledge(f, "t", uuid(1));
    assert_int_equal(effect(f, AGENT_FORWARD)->update->state,
                     AGENT_TASK_RUNNING);
    done(f);
    acknowledge(f, "t", uuid(1)); /* again */
    assert_int_equal(f->fx.count, 0);
}

static void test_a_repeated_update_is_acknowledged_but_not_kept(void **state)
{
    struct fixture *f = *state;
    start(f, "t", 5);
    update(f, "t", 1, AGENT_TASK_RUNNING);
    done(f);
    update(f, "t", 1, AGENT_TASK_RUNNING);
    assert_int_equal(f->fx.count, 1);
    assert_int_equal(f->fx.item[0].kind, AGENT_ACKNOWLEDGED);
    assert_int_equal(task(f, "t")->updates.count, 1);
}

static void test_a_terminal_state_never_changes(void **state)
{
    struct fixture *f = *state;
    start(f, "t", 5);
    update(f, "t", 1, AGENT_TASK_FINISHED);
    update(f, "t", 2, AGENT_TASK_FAILED);
    assert_int_equal(task(f, "t")->state, AGENT_TASK_FINISHED);
    done(f);
    agent_core_exited(f->core, executor(f, "t")->container_id, 9, 0, &f->fx);
    assert_int_equal(task(f, "t")->state, AGENT_TASK_FINISHED);
    assert_int_equal(task(f, "t")->updates.count, 1);
    done(f);
    acknowledge(f, "t", uuid(1));
    assert_non_null(effect(f, AGENT_FORGET_TASK));
    assert_non_null(effect(f, AGENT_FORGET_EXECUTOR));
    assert_non_null(effect(f, AGENT_FORGET_FRAMEWORK));
    assert_null(agent_core_framework(f->core, "f"));
    done(f);
}

static void test_an_update_is_sent_again_after_10_s_doubling(void **state)
{
    struct fixture *f = *state;
    agent_core_linked(f->core, 0, &f->fx);
    start(f, "t", 5);
    update(f, "t", 1, AGENT_TASK_RUNNING);
    done(f);
    agent_core_tick(f->core, 10 * SECOND - 1, &f->fx);
    assert_int_equal(f->fx.count, 0);
    int64_t at = 0, delay = 10 * SECOND;
    for (int i = 0; i < 9; i++) {
        at += delay;
        agent_core_tick(f->core, at, &f->fx);
        assert_int_equal(count(f, AGENT_FORWARD), 1);
        done(f);
        delay = delay * 2 < 10 * MINUTE ? delay * 2 : 10 * MINUTE;
    }
    agent_core_unlinked(f->core);
    agent_core_tick(f->core, at + delay, &f->fx);
    assert_null(effect(f, AGENT_FORWARD));
    agent_core_linked(f->core, at + delay, &f->fx);
    assert_int_equal(count(f, AGENT_FORWARD), 1);
}

static void test_an_executor_that_dies_fails_its_tasks(void **state)
{
    struct fixture *f = *state;
    agent_core_linked(f->core, 0, &f->fx);
    start(f, "t", 5);
    agent_core_exited(f->core, executor(f, "t")->container_id, 1792, 0, &f->fx);
    const struct agent_effect *exited = effect(f, AGENT_EXITED);
    const struct agent_effect *forward = effect(f, AGENT_FORWARD);
    assert_int_equal(exited->status, 1792);
    assert_true(exited < forward); /* FAILURE precedes the update */
    assert_int_equal(forward->update->state, AGENT_TASK_FAILED);
    assert_int_equal(forward->update->reason, AGENT_REASON_EXECUTOR_TERMINATED);
    assert_string_equal(forward->update->message, "Executor terminated");
    assert_int_equal(effect(f, AGENT_HANG_UP)->stream, 5);
    done(f);
}

static void test_an_executor_must_subscribe_in_time(void **state)
{
    struct fixture *f = *state;
    run_in(f, "t", "e");
    agent_core_started(f->core, executor(f, "e")->container_id, 100, 1, 0,
                       &f->fx);
    done(f);
    agent_core_tick(f->core, MINUTE, &f->fx);
    assert_non_null(effect(f, AGENT_DESTROY));
    done(f);
    agent_core_exited(f->core, executor(f, "e")->container_id, 9, MINUTE,
                      &f->fx);
    const struct agent_update *last = effect(f, AGENT_SAVE_UPDATE)->update;
    assert_int_equal(last->reason, AGENT_REASON_REGISTRATION_TIMEOUT);
    assert_string_equal(last->message,
                        "Executor did not register within 1mins");
    done(f);
}

static void test_a_failed_launch_is_told_with_its_text(void **state)
{
    struct fixture *f = *state;
    run_in(f, "t", NULL);
    done(f);
    agent_core_failed(f->core, executor(f, "t")->container_id,
                      "Failed to launch container: no such user", 0, &f->fx);
    const struct agent_update *last = effect(f, AGENT_SAVE_UPDATE)->update;
    assert_int_equal(last->state, AGENT_TASK_FAILED);
    assert_int_equal(last->reason, AGENT_REASON_LAUNCH_FAILED);
    assert_string_equal(last->message,
                        "Failed to launch container: no such user");
    done(f);
}

static void test_out_of_memory_overrules_the_executors_word(void **state)
{
    struct fixture *f = *state;
    start(f, "t", 5);
    const char *container = executor(f, "t")->container_id;
    agent_core_limited(f->core, container, 64 << 20, "Memory limit exceeded",
                       &f->fx);
    assert_non_null(effect(f, AGENT_DESTROY));
    done(f);
    update(f, "t", 1, AGENT_TASK_FAILED); /* "signal Killed" */
    assert_null(effect(f, AGENT_SAVE_UPDATE));
    done(f);
    agent_core_exited(f->core, container, 9, 0, &f->fx);
    const struct agent_update *last = effect(f, AGENT_SAVE_UPDATE)->update;
    assert_int_equal(last->reason, AGENT_REASON_MEMORY);
    assert_int_equal(last->limit_mem_bytes, 64 << 20);
    done(f);
}

static void test_kill_of_a_queued_task_never_starts_it(void **state)
{
    struct fixture *f = *state;
    run_in(f, "t1", "e");
    run_in(f, "t2", "e");
    done(f);
    agent_core_kill(f->core, "f", "t1", -1, 0, &f->fx);
    const struct agent_update *last = effect(f, AGENT_SAVE_UPDATE)->update;
    assert_int_equal(last->state, AGENT_TASK_KILLED);
    assert_int_equal(last->reason, AGENT_REASON_KILLED_DURING_LAUNCH);
    assert_null(effect(f, AGENT_DESTROY));
    done(f);
    agent_core_kill(f->core, "f", "t2", -1, 0, &f->fx);
    assert_non_null(effect(f, AGENT_DESTROY)); /* nothing left to run */
    done(f);
}

static void test_kill_reaches_a_running_task_with_its_grace(void **state)
{
    struct fixture *f = *state;
    start(f, "t", 5);
    agent_core_kill(f->core, "f", "t", 500, 0, &f->fx);
    assert_int_equal(effect(f, AGENT_KILL_TASK)->task->grace_ms, 500);
    done(f);
    agent_core_stream_gone(f->core, 5, 0);
    subscribe(f, "t", 6); /* it is told again */
    assert_non_null(effect(f, AGENT_KILL_TASK));
    done(f);
}

static void test_kill_and_reconcile_of_the_unknown_are_answered(void **state)
{
    struct fixture *f = *state;
    agent_core_kill(f->core, "f", "nope", -1, 0, &f->fx);
    assert_int_equal(effect(f, AGENT_NOTICE)->notice.state, AGENT_TASK_LOST);
    done(f);
    agent_core_reconcile(f->core, "f", "nope", &f->fx);
    assert_int_equal(effect(f, AGENT_NOTICE)->notice.reason,
                     AGENT_REASON_RECONCILIATION);
    done(f);
    start(f, "t", 5);
    agent_core_reconcile(f->core, "f", "t", &f->fx);
    assert_int_equal(f->fx.count, 0);
}

static void test_shutdown_waits_its_grace_then_destroys(void **state)
{
    struct fixture *f = *state;
    start(f, "t", 5);
    agent_core_shutdown_executor(f->core, "f", "t", 0, &f->fx);
    assert_non_null(effect(f, AGENT_SHUTDOWN));
    assert_null(effect(f, AGENT_DESTROY));
    done(f);
    agent_core_tick(f->core, 5 * SECOND, &f->fx);
    assert_non_null(effect(f, AGENT_DESTROY));
    done(f);
}

static void test_a_framework_shut_down_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    start(f, "t1", 5);
    start(f, "t2", 6);
    update(f, "t2", 1, AGENT_TASK_FINISHED);
    agent_core_exited(f->core, executor(f, "t2")->container_id, 0, 0, &f->fx);
    done(f);
    agent_core_shutdown_framework(f->core, "f", 0, &f->fx);
    assert_null(task(f, "t2")); /* it only waited for its acknowledgement */
    done(f);
    agent_core_exited(f->core, executor(f, "t1")->container_id, 9, 0, &f->fx);
    assert_null(effect(f, AGENT_SAVE_UPDATE));
    assert_null(agent_core_framework(f->core, "f"));
    assert_int_equal(f->core->task_count, 0);
    done(f);
}

static void test_a_launch_lost_with_the_stream_is_repeated(void **state)
{
    struct fixture *f = *state;
    start(f, "t", 5);
    subscribe(f, "t", 6); /* without naming the task */
    assert_int_equal(effect(f, AGENT_HANG_UP)->stream, 5);
    assert_non_null(effect(f, AGENT_LAUNCH_TASK));
    done(f);
    const char *has = "t";
    struct agent_subscribe again = {.executor = executor(f, "t"),
                                    .stream = 7,
                                    .task_id = &has,
                                    .task_count = 1};
    agent_core_subscribe(f->core, &again, 0, &f->fx);
    assert_null(effect(f, AGENT_LAUNCH_TASK));
    done(f);
}

static void test_a_refused_task_ends_without_a_container(void **state)
{
    struct fixture *f = *state;
    struct agent_run run = {
        .framework = {.id = "f", .user = "u", .info = bytes_of_text("F")},
        .executor = {.is_command = true,
                     .info = bytes_of_text("E"),
                     .resources = &f->resources,
                     .grace_ms = -1},
        .task = {.id = "t",
                 .info = bytes_of_text("T"),
                 .resources = &f->resources},
        .problem = "no images here",
        .problem_state = AGENT_TASK_FAILED,
        .problem_reason = AGENT_REASON_LAUNCH_FAILED};
    agent_core_run(f->core, &run, 0, &f->fx);
    assert_null(effect(f, AGENT_START));
    assert_string_equal(effect(f, AGENT_SAVE_UPDATE)->update->message,
                        "no images here");
    done(f);
}

static void test_history_keeps_one_update_of_a_state(void **state)
{
    struct fixture *f = *state;
    start(f, "t", 5);
    for (uint8_t n = 1; n <= 100; n++) {
        update(f, "t", n, n % 2 ? AGENT_TASK_RUNNING : AGENT_TASK_STARTING);
        acknowledge(f, "t", uuid(n));
        assert_true(task(f, "t")->updates.count <= AGENT_HISTORY_MAX);
        done(f);
    }
    for (uint8_t n = 101; n <= 110; n++) {
        update(f, "t", n, AGENT_TASK_RUNNING);
        acknowledge(f, "t", uuid(n));
        done(f);
    }
}

static void test_too_many_unacknowledged_updates_are_refused(void **state)
{
    struct fixture *f = *state;
    start(f, "t", 5);
    int refused = 0;
    for (int i = 0; i < AGENT_UPDATES_MAX + 10; i++) {
        struct agent_status status = {
            .task_id = "t",
            .uuid = {.byte = {(uint8_t)i, (uint8_t)(i >> 8), 1}},
            .state = AGENT_TASK_RUNNING,
            .status = bytes_of_text("S")};
        refused += agent_core_update(f->core, executor(f, "t"), &status, 0,
                                     &f->fx) < 0;
        f->fx.count = 0;
    }
    assert_int_equal(refused, 10);
    agent_core_check(f->core);
}

/* --- recovery --- */

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_task_is_saved_before_its_container_starts),
        TEST(test_tasks_wait_for_their_executor_then_launch_in_order),
        TEST(test_updates_go_out_one_at_a_time),
        TEST(test_a_repeated_update_is_acknowledged_but_not_kept),
        TEST(test_a_terminal_state_never_changes),
        TEST(test_an_update_is_sent_again_after_10_s_doubling),
        TEST(test_an_executor_that_dies_fails_its_tasks),
        TEST(test_an_executor_must_subscribe_in_time),
        TEST(test_a_failed_launch_is_told_with_its_text),
        TEST(test_out_of_memory_overrules_the_executors_word),
        TEST(test_kill_of_a_queued_task_never_starts_it),
        TEST(test_kill_reaches_a_running_task_with_its_grace),
        TEST(test_kill_and_reconcile_of_the_unknown_are_answered),
        TEST(test_shutdown_waits_its_grace_then_destroys),
        TEST(test_a_framework_shut_down_leaves_nothing),
        TEST(test_a_launch_lost_with_the_stream_is_repeated),
        TEST(test_a_refused_task_ends_without_a_container),
        TEST(test_history_keeps_one_update_of_a_state),
        TEST(test_too_many_unacknowledged_updates_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
