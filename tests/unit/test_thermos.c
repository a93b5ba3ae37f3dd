/* The executor's decisions, with an agent and a runner played by the test. */
#include "executor_scene.h"

static void launch(struct rig *r, const char *id, int64_t grace_ms)
{
    put(r, (struct thermos_input){.kind = THERMOS_IN_LAUNCH,
                                  .task_id = id,
                                  .task = r->task,
                                  .grace_ms = grace_ms});
}

/* The agent takes the update in flight and acknowledges it. */
static struct thermos_update take(struct rig *r, enum thermos_state state)
{
    const struct thermos_effect *report = find(r, THERMOS_REPORT);
    assert_non_null(report);
    assert_int_equal(report->update->state, state);
    struct thermos_update copy = *report->update;
    copy.message =
        report->update->message ? xstrdup(report->update->message) : NULL;
    put(r, (struct thermos_input){.kind = THERMOS_IN_UPDATE_DONE,
                                  .number = copy.number,
                                  .ok = true});
    struct thermos_effects after = r->fx;
    r->fx = (struct thermos_effects){0};
    put(r, (struct thermos_input){.kind = THERMOS_IN_ACKNOWLEDGED,
                                  .uuid = copy.uuid});
    for (uint32_t i = 0; i < after.list.count; i++)
        *vec_add(&r->fx.list) = after.list.item[i];
    vec_free(&after.list);
    return copy;
}

static void expect(struct rig *r, enum thermos_state state, const char *message)
{
    struct thermos_update update = take(r, state);
    if (message != NULL)
        assert_string_equal(update.message, message);
    else
        assert_null(update.message);
    free(update.message);
}

static void running(struct rig *r)
{
    put(r, (struct thermos_input){.kind = THERMOS_IN_TASK_RUNNING,
                                  .grace_ms = 30000});
}

static void ended(struct rig *r, enum thermos_state state, const char *text)
{
    put(r, (struct thermos_input){
               .kind = THERMOS_IN_TASK_ENDED, .state = state, .text = text});
}

static void died(struct rig *r)
{
    put(r, (struct thermos_input){.kind = THERMOS_IN_RUNNER_DIED,
                                  .text = "was terminated by signal 9"});
}

static void test_a_task_gives_three_updates_and_the_end(void **unused)
{
    (void)unused;
    struct rig r;
    rig_init(&r, &checkpointing);
    subscribed(&r, true);
    launch(&r, "t", 3000);
    assert_non_null(find(&r, THERMOS_START_RUNNER));
    assert_false(find(&r, THERMOS_START_RUNNER)->take_over);
    expect(&r, THERMOS_STARTING, NULL);
    running(&r);
    expect(&r, THERMOS_RUNNING, NULL);
    ended(&r, THERMOS_FINISHED, "Command exited with status 0");
    expect(&r, THERMOS_FINISHED, "Command exited with status 0");
    assert_null(find(&r, THERMOS_STOP));
    died(&r);
    assert_non_null(find(&r, THERMOS_STOP));
    assert_int_equal(find(&r, THERMOS_STOP)->status, 0);
    rig_release(&r);
}

static void test_updates_go_one_at_a_time_in_order(void **unused)
{
    (void)unused;
    struct rig r;
    rig_init(&r, &checkpointing);
    subscribed(&r, true);
    launch(&r, "t", 3000);
    const struct thermos_effect *first = find(&r, THERMOS_REPORT);
    uint64_t number = first->update->number;
    running(&r);
    assert_null(find(&r, THERMOS_REPORT));
    ended(&r, THERMOS_FINISHED, "");
    assert_null(find(&r, THERMOS_REPORT));
    put(&r, (struct thermos_input){
                .kind = THERMOS_IN_UPDATE_DONE, .number = number, .ok = true});
    assert_int_equal(find(&r, THERMOS_REPORT)->update->state, THERMOS_RUNNING);
    rig_release(&r);
}

static void test_a_kill_ends_killed_whatever_the_exit(void **unused)
{
    (void)unused;
    for (int killing = 0; killing < 2; killing++) {
        struct rig r;
        rig_init(&r, &checkpointing);
        subscribed(&r, killing);
        launch(&r, "t", 3000);
        expect(&r, THERMOS_STARTING, NULL);
        running(&r);
        expect(&r, THERMOS_RUNNING, NULL);
        for (int i = 0; i < 2; i++) { /* asked twice */
            put(&r, (struct thermos_input){.kind = THERMOS_IN_KILL,
                                           .task_id = "t",
                                           .grace_ms = -1});
            assert_int_equal(find(&r, THERMOS_KILL_TASK) != NULL, i == 0);
            if (i == 0)
                assert_int_equal(find(&r, THERMOS_KILL_TASK)->grace_ms, 3000);
            if (i == 0 && killing)
                expect(&r, THERMOS_KILLING, NULL);
        }
        ended(&r, THERMOS_FINISHED, "Command exited with status 0");
        expect(&r, THERMOS_KILLED, "Command exited with status 0");
        died(&r);
        assert_non_null(find(&r, THERMOS_STOP));
        rig_release(&r);
    }
}

static void test_a_later_kill_only_shortens(void **unused)
{
    (void)unused;
    struct rig r;
    rig_init(&r, &checkpointing);
    subscribed(&r, true);
    launch(&r, "t", 20000);
    struct thermos_input kill = {
        .kind = THERMOS_IN_KILL, .task_id = "t", .grace_ms = 20000};
    put(&r, kill);
    assert_non_null(find(&r, THERMOS_KILL_TASK));
    kill.grace_ms = 30000;
    put(&r, kill);
    assert_null(find(&r, THERMOS_KILL_TASK));
    kill.grace_ms = 5000;
    put(&r, kill);
    assert_int_equal(find(&r, THERMOS_KILL_TASK)->grace_ms, 5000);
    rig_release(&r);
}

static void test_a_dead_runner_is_replaced(void **unused)
{
    (void)unused;
    struct rig r;
    rig_init(&r, &checkpointing);
    subscribed(&r, true);
    launch(&r, "t", 3000);
    running(&r);
    for (int i = 0; i < 20; i++) {
        died(&r);
        assert_non_null(find(&r, THERMOS_START_RUNNER));
        assert_true(find(&r, THERMOS_START_RUNNER)->take_over);
        running(&r);
    }
    assert_int_equal(r.t.state, THERMOS_RUNNING);
    rig_release(&r);
}

static void test_three_failed_takeovers_end_killed(void **unused)
{
    (void)unused;
    struct rig r;
    rig_init(&r, &checkpointing);
    subscribed(&r, true);
    launch(&r, "t", 3000);
    expect(&r, THERMOS_STARTING, NULL);
    running(&r);
    expect(&r, THERMOS_RUNNING, NULL);
    died(&r); /* this one had run: its replacement is the first attempt */
    for (int i = 0; i < THERMOS_TAKEOVERS_MAX; i++) {
        assert_non_null(find(&r, THERMOS_START_RUNNER));
        died(&r);
    }
    assert_non_null(find(&r, THERMOS_DESTROY));
    struct thermos_update update = take(&r, THERMOS_KILLED);
    assert_non_null(strstr(update.message, "was terminated by signal 9"));
    free(update.message);
    assert_non_null(find(&r, THERMOS_STOP));
    rig_release(&r);
}

static void test_a_replaced_runner_hears_of_the_kill(void **unused)
{
    (void)unused;
    struct rig r;
    rig_init(&r, &checkpointing);
    subscribed(&r, true);
    launch(&r, "t", 3000);
    running(&r);
    put(&r, (struct thermos_input){
                .kind = THERMOS_IN_KILL, .task_id = "t", .grace_ms = -1});
    r.now_ms += 1000;
    died(&r);
    assert_int_equal(find(&r, THERMOS_KILL_TASK)->grace_ms, 2000);
    rig_release(&r);
}

static void test_a_silent_runner_is_destroyed_after_the_grace(void **unused)
{
    (void)unused;
    struct rig r;
    rig_init(&r, &checkpointing);
    subscribed(&r, false);
    launch(&r, "t", 3000);
    expect(&r, THERMOS_STARTING, NULL);
    put(&r, (struct thermos_input){
                .kind = THERMOS_IN_KILL, .task_id = "t", .grace_ms = -1});
    assert_int_equal(thermos_next_ms(&r.t),
                     r.now_ms + 3000 + THERMOS_KILL_SLACK_MS);
    r.now_ms = thermos_next_ms(&r.t);
    put(&r, (struct thermos_input){.kind = THERMOS_IN_TIME});
    assert_non_null(find(&r, THERMOS_DESTROY));
    assert_int_equal(find(&r, THERMOS_REPORT)->update->state, THERMOS_KILLED);
    rig_release(&r);
}

static void test_unacknowledged_updates_go_with_the_subscription(void **unused)
{
    (void)unused;
    struct rig r;
    rig_init(&r, &checkpointing);
    subscribed(&r, true);
    launch(&r, "t", 3000);
    running(&r);
    put(&r,
        (struct thermos_input){.kind = THERMOS_IN_LINK_LOST, .text = "gone"});
    assert_int_equal(r.t.link, THERMOS_DOWN);
    assert_int_equal(find(&r, THERMOS_TELL_LINK)->until_ms, r.now_ms + 60000);
    int64_t retry_ms = thermos_next_ms(&r.t);
    assert_true(retry_ms > r.now_ms && retry_ms <= r.now_ms + 2001);
    r.now_ms = retry_ms;
    put(&r, (struct thermos_input){.kind = THERMOS_IN_TIME});
    assert_non_null(find(&r, THERMOS_SUBSCRIBE));
    assert_int_equal(r.t.updates.count, 2);
    assert_false(r.t.is_task_known);
    subscribed(&r, true);
    assert_null(find(&r, THERMOS_REPORT)); /* they went with it */
    assert_int_equal(find(&r, THERMOS_TELL_LINK)->until_ms, 0);
    r.now_ms = thermos_next_ms(&r.t); /* and are told again if not heard */
    put(&r, (struct thermos_input){.kind = THERMOS_IN_TIME});
    assert_int_equal(find(&r, THERMOS_REPORT)->update->state, THERMOS_STARTING);
    rig_release(&r);
}

static void run_out(struct rig *r, int64_t until_ms)
{
    while (thermos_next_ms(&r->t) <= until_ms && !r->t.is_stopped) {
        r->now_ms = thermos_next_ms(&r->t);
        put(r, (struct thermos_input){.kind = THERMOS_IN_TIME});
        if (r->t.link == THERMOS_OPENING)
            put(r, (struct thermos_input){.kind = THERMOS_IN_LINK_LOST,
                                          .text = "refused"});
        if (r->t.kill_ms != INT64_MAX)
            return;
    }
}

static void test_the_task_ends_when_the_agent_stays_away(void **unused)
{
    (void)unused;
    struct rig r;
    rig_init(&r, &checkpointing);
    subscribed(&r, true);
    launch(&r, "t", 3000);
    running(&r);
    int64_t lost_ms = r.now_ms;
    put(&r,
        (struct thermos_input){.kind = THERMOS_IN_LINK_LOST, .text = "gone"});
    run_out(&r, INT64_MAX - 1);
    assert_true(r.now_ms >= lost_ms + 60000 && r.now_ms < lost_ms + 63000);
    ended(&r, THERMOS_KILLED, "");
    assert_non_null(find(&r, THERMOS_STOP));
    assert_int_equal(find(&r, THERMOS_STOP)->status, 1);
    rig_release(&r);
}

static void test_without_checkpoint_the_task_ends_at_once(void **unused)
{
    (void)unused;
    struct rig r;
    struct thermos_options options = checkpointing;
    options.recovery_timeout_ms = 0;
    rig_init(&r, &options);
    subscribed(&r, true);
    launch(&r, "t", 3000);
    running(&r);
    put(&r,
        (struct thermos_input){.kind = THERMOS_IN_LINK_LOST, .text = "gone"});
    assert_int_equal(find(&r, THERMOS_KILL_TASK)->grace_ms, 3000);
    rig_release(&r);
}

static void test_no_agent_at_all_ends_after_a_minute(void **unused)
{
    (void)unused;
    struct rig r;
    rig_init(&r, &checkpointing);
    put(&r, (struct thermos_input){.kind = THERMOS_IN_LINK_LOST,
                                   .text = "refused"});
    run_out(&r, INT64_MAX - 1);
    assert_true(r.t.is_stopped);
    assert_true(r.now_ms >= 1000 + THERMOS_REGISTER_MS);
    rig_release(&r);
}

static void test_a_shutdown_without_task_stops(void **unused)
{
    (void)unused;
    struct rig r;
    rig_init(&r, &checkpointing);
    subscribed(&r, true);
    put(&r, (struct thermos_input){.kind = THERMOS_IN_SHUTDOWN});
    assert_int_equal(find(&r, THERMOS_STOP)->status, 0);
    rig_release(&r);
}

static void test_a_second_task_is_refused_by_name(void **unused)
{
    (void)unused;
    struct rig r;
    rig_init(&r, &checkpointing);
    subscribed(&r, true);
    launch(&r, "t", 3000);
    expect(&r, THERMOS_STARTING, NULL);
    launch(&r, "other", 3000);
    assert_null(find(&r, THERMOS_START_RUNNER));
    assert_string_equal(find(&r, THERMOS_REPORT)->update->task_id, "other");
    expect(&r, THERMOS_FAILED,
           "this executor runs one task, and has 't' already");
    assert_int_equal(r.t.state, THERMOS_STARTING);
    rig_release(&r);
}

static void test_max_completion_time_fails_with_its_reason(void **unused)
{
    (void)unused;
    struct rig r;
    rig_init(&r, &checkpointing);
    subscribed(&r, false);
    put(&r, (struct thermos_input){.kind = THERMOS_IN_LAUNCH,
                                   .task_id = "t",
                                   .task = r.task,
                                   .grace_ms = 3000,
                                   .limit_ms = 1000});
    expect(&r, THERMOS_STARTING, NULL);
    running(&r);
    expect(&r, THERMOS_RUNNING, NULL);
    assert_int_equal(thermos_next_ms(&r.t), r.now_ms + 1000);
    r.now_ms += 1000;
    put(&r, (struct thermos_input){.kind = THERMOS_IN_TIME});
    assert_non_null(find(&r, THERMOS_KILL_TASK));
    ended(&r, THERMOS_KILLED, "Command terminated with signal Terminated");
    assert_int_equal(find(&r, THERMOS_REPORT)->update->reason, 33);
    expect(&r, THERMOS_FAILED, "Command terminated with signal Terminated");
    rig_release(&r);
}

static void test_a_failed_update_is_sent_again(void **unused)
{
    (void)unused;
    struct rig r;
    rig_init(&r, &checkpointing);
    subscribed(&r, false);
    launch(&r, "t", 3000);
    uint64_t number = find(&r, THERMOS_REPORT)->update->number;
    put(&r, (struct thermos_input){
                .kind = THERMOS_IN_UPDATE_DONE, .number = number, .ok = false});
    assert_null(find(&r, THERMOS_REPORT));
    r.now_ms = thermos_next_ms(&r.t);
    put(&r, (struct thermos_input){.kind = THERMOS_IN_TIME});
    assert_int_equal(find(&r, THERMOS_REPORT)->update->number, number);
    rig_release(&r);
}

static void test_after_the_end_it_lingers_a_minute(void **unused)
{
    (void)unused;
    struct rig r;
    rig_init(&r, &checkpointing);
    subscribed(&r, false);
    launch(&r, "t", 3000);
    running(&r);
    ended(&r, THERMOS_FINISHED, "");
    died(&r);
    int64_t over_ms = r.now_ms;
    while (!r.t.is_stopped) {
        const struct thermos_effect *report = find(&r, THERMOS_REPORT);
        if (report != NULL)
            put(&r, (struct thermos_input){.kind = THERMOS_IN_UPDATE_DONE,
                                           .number = report->update->number,
                                           .ok = true});
        if (find(&r, THERMOS_REPORT) != NULL)
            continue;
        r.now_ms = thermos_next_ms(&r.t);
        put(&r, (struct thermos_input){.kind = THERMOS_IN_TIME});
    }
    assert_int_equal(r.now_ms, over_ms + THERMOS_LINGER_MS);
    rig_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_task_gives_three_updates_and_the_end),
        cmocka_unit_test(test_updates_go_one_at_a_time_in_order),
        cmocka_unit_test(test_a_kill_ends_killed_whatever_the_exit),
        cmocka_unit_test(test_a_later_kill_only_shortens),
        cmocka_unit_test(test_a_dead_runner_is_replaced),
        cmocka_unit_test(test_three_failed_takeovers_end_killed),
        cmocka_unit_test(test_a_replaced_runner_hears_of_the_kill),
        cmocka_unit_test(test_a_silent_runner_is_destroyed_after_the_grace),
        cmocka_unit_test(test_unacknowledged_updates_go_with_the_subscription),
        cmocka_unit_test(test_the_task_ends_when_the_agent_stays_away),
        cmocka_unit_test(test_without_checkpoint_the_task_ends_at_once),
        cmocka_unit_test(test_no_agent_at_all_ends_after_a_minute),
        cmocka_unit_test(test_a_shutdown_without_task_stops),
        cmocka_unit_test(test_a_second_task_is_refused_by_name),
        cmocka_unit_test(test_max_completion_time_fails_with_its_reason),
        cmocka_unit_test(test_a_failed_update_is_sent_again),
        cmocka_unit_test(test_after_the_end_it_lingers_a_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
