/* The agent's core after a restart: what its records say, and what is alive. */
#include "agent_core_kit.h"

static void restore(struct fixture *f, const char *container, const char *id,
                    bool has_started)
{
    struct agent_framework_head framework = {
        .id = "f", .user = "u", .info = bytes_of_text("F")};
    struct agent_stored_executor executor = {
        .framework_id = "f",
        .container_id = container,
        .head = {.id = id,
                 .is_command = true,
                 .info = bytes_of_text("E"),
                 .resources = &f->resources,
                 .grace_ms = -1},
        .pid = has_started ? 100 : 0,
        .born = 1};
    struct agent_stored_task task = {.container_id = container,
                                     .head = {.id = id,
                                              .info = bytes_of_text("T"),
                                              .resources = &f->resources},
                                     .grace_ms = -1};
    struct agent_stored_update update = {.container_id = container,
                                         .task_id = id,
                                         .sequence = 1,
                                         .uuid = uuid(1),
                                         .state = AGENT_TASK_RUNNING,
                                         .is_acknowledged = true,
                                         .status = bytes_of_text("S")};
    assert_int_equal(agent_core_restore_executor(f->core, &executor, NULL), 0);
    agent_core_restore_framework(f->core, &framework);
    assert_int_equal(agent_core_restore_task(f->core, &task, NULL), 0);
    if (has_started)
        assert_int_equal(agent_core_restore_update(f->core, &update, NULL), 0);
}

static void test_executors_that_live_come_back_with_their_tasks(void **state)
{
    struct fixture *f = *state;
    restore(f, "c1", "t1", true);
    agent_core_start(f->core, 0, &f->fx);
    assert_non_null(effect(f, AGENT_RECOVER));
    assert_null(effect(f, AGENT_RECOVERED));
    done(f);
    agent_core_alive(f->core, "c1", 100, 1, &f->fx);
    assert_int_equal(f->fx.count, 0);
    subscribe(f, "t1", 5);
    assert_null(effect(f, AGENT_LAUNCH_TASK));
    assert_non_null(effect(f, AGENT_RECOVERED));
    assert_int_equal(task(f, "t1")->state, AGENT_TASK_RUNNING);
    done(f);
}

static void test_executors_that_stay_away_are_destroyed(void **state)
{
    struct fixture *f = *state;
    restore(f, "c1", "t1", true);
    agent_core_start(f->core, 0, &f->fx);
    agent_core_alive(f->core, "c1", 100, 1, &f->fx);
    done(f);
    agent_core_tick(f->core, 2 * SECOND, &f->fx);
    assert_non_null(effect(f, AGENT_DESTROY));
    done(f);
    agent_core_exited(f->core, "c1", -1, 2 * SECOND, &f->fx);
    assert_non_null(effect(f, AGENT_RECOVERED));
    assert_string_equal(effect(f, AGENT_SAVE_UPDATE)->update->message,
                        "Executor did not re-register within 2secs");
    done(f);
}

static void test_what_died_meanwhile_is_told(void **state)
{
    struct fixture *f = *state;
    restore(f, "c1", "t1", true);
    restore(f, "c2", "t2", false); /* never got as far as starting */
    agent_core_start(f->core, 0, &f->fx);
    done(f);
    agent_core_exited(f->core, "c1", -1, 0, &f->fx);
    assert_int_equal(effect(f, AGENT_SAVE_UPDATE)->update->state,
                     AGENT_TASK_FAILED);
    assert_null(effect(f, AGENT_RECOVERED));
    done(f);
    agent_core_exited(f->core, "c2", -1, 0, &f->fx);
    const struct agent_update *last = effect(f, AGENT_SAVE_UPDATE)->update;
    assert_int_equal(last->state, AGENT_TASK_LOST);
    assert_int_equal(last->reason, AGENT_REASON_AGENT_RESTARTED);
    assert_non_null(effect(f, AGENT_RECOVERED));
    done(f);
}

static void test_records_that_belong_to_nothing_are_damage(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct agent_stored_task task = {.container_id = "c9",
                                     .head = {.id = "t",
                                              .info = bytes_of_text("T"),
                                              .resources = &f->resources}};
    struct agent_stored_update update = {.container_id = "c9",
                                         .task_id = "t",
                                         .sequence = 1,
                                         .status = bytes_of_text("S")};
    assert_int_equal(agent_core_restore_task(f->core, &task, &err),
                     -ERR_DAMAGED);
    assert_string_equal(err.text, "task record 'c9/t': no such container");
    assert_int_equal(agent_core_restore_update(f->core, &update, &err),
                     -ERR_DAMAGED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_executors_that_live_come_back_with_their_tasks),
        TEST(test_executors_that_stay_away_are_destroyed),
        TEST(test_what_died_meanwhile_is_told),
        TEST(test_records_that_belong_to_nothing_are_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
