/* The agent's program: requests and records in, effects out. */
#include "agent_kit.h"

/* --- tests --- */

static void test_it_subscribes_with_what_it_has(void **state)
{
    struct fixture *f = *state;
    AGENT_PROGRAM.on_start(f->program, NOW, &f->fx);
    Perigee__Agent__Call *call = call_in(f, first(f, EFFECT_FOLLOW));
    assert_int_equal(call->type, PERIGEE__AGENT__CALL__TYPE__SUBSCRIBE);
    assert_null(call->subscribe->agent_info->id);
    assert_int_equal(call->subscribe->agent_info->n_resources, 4);
    assert_int_equal(call->subscribe->agent_info->n_attributes, 2);
    assert_string_equal(call->subscribe->endpoint, "127.0.0.1:5051");
    next_turn(f);
}

static void test_the_first_id_is_saved(void **state)
{
    struct fixture *f = *state;
    AGENT_PROGRAM.on_start(f->program, NOW, &f->fx);
    exchange_id stream = stream_of(f);
    subscribed(f, stream);
    assert_string_equal(first(f, EFFECT_PERSIST)->persist.table, "agent");
    assert_string_equal(agent_program_id(f->program), "M-S0");
    next_turn(f);
}

static void test_a_broken_link_is_opened_again_with_backoff(void **state)
{
    struct fixture *f = *state;
    exchange_id stream = link_up(f);
    AGENT_PROGRAM.on_broken(f->program, stream, "reset", NOW, &f->fx);
    assert_null(first(f, EFFECT_FOLLOW));
    next_turn(f);
    int64_t at = AGENT_PROGRAM.next_ms(f->program);
    assert_in_range(at, NOW + 50, NOW + 100);
    AGENT_PROGRAM.on_time(f->program, at, &f->fx);
    Perigee__Agent__Call *call = call_in(f, first(f, EFFECT_FOLLOW));
    assert_string_equal(call->subscribe->agent_info->id->value, "M-S0");
    exchange_id again = stream_of(f);
    next_turn(f);
    order(f, stream, "{\"type\":\"PING\"}"); /* of the stream that is no more */
    assert_null(first(f, EFFECT_CALL));
    AGENT_PROGRAM.on_broken(f->program, again, "refused", at, &f->fx);
    next_turn(f);
    assert_in_range(AGENT_PROGRAM.next_ms(f->program), at + 100, at + 200);
}

static void test_a_silent_master_is_left(void **state)
{
    struct fixture *f = *state;
    exchange_id stream = link_up(f);
    order(f, stream, "{\"type\":\"PING\"}");
    assert_int_equal(call_in(f, first(f, EFFECT_CALL))->type,
                     PERIGEE__AGENT__CALL__TYPE__PONG);
    next_turn(f);
    AGENT_PROGRAM.on_time(f->program, NOW + 74999, &f->fx);
    assert_null(first(f, EFFECT_HANGUP));
    next_turn(f);
    AGENT_PROGRAM.on_time(f->program, NOW + 75000, &f->fx);
    assert_int_equal(first(f, EFFECT_HANGUP)->exchange, stream);
    next_turn(f);
}

static const char *variable(const struct agent_launch *launch, const char *name)
{
    size_t size = strlen(name);
    for (const char *const *entry = launch->envp; *entry != NULL; entry++)
        if (strncmp(*entry, name, size) == 0 && (*entry)[size] == '=')
            return *entry + size + 1;
    return NULL;
}

static void test_a_command_task_starts_our_executor(void **state)
{
    struct fixture *f = *state;
    exchange_id stream = link_up(f);
    run_command(f, stream);
    const struct agent_launch *launch = act(f, AGENT_ACT_LAUNCH);
    assert_non_null(launch);
    assert_string_equal(launch->path, "/bin/thermos");
    assert_string_equal(launch->argv[1], "executor");
    assert_string_equal(launch->user, "www");
    assert_int_equal(launch->cpu_milli, 600);      /* + 0.1 */
    assert_int_equal(launch->mem_bytes, 96 << 20); /* + 32 MB */
    char wanted[256];
    snprintf(wanted, sizeof wanted,
             "/w/slaves/M-S0/frameworks/F/executors/t1/runs/%s",
             launch->container_id);
    assert_string_equal(launch->sandbox, wanted);
    assert_string_equal(variable(launch, "MESOS_SANDBOX"), wanted);
    assert_string_equal(variable(launch, "MESOS_DIRECTORY"), wanted);
    assert_string_equal(variable(launch, "MESOS_EXECUTOR_ID"), "t1");
    assert_string_equal(variable(launch, "MESOS_FRAMEWORK_ID"), "F");
    assert_string_equal(variable(launch, "MESOS_SLAVE_ID"), "M-S0");
    assert_string_equal(variable(launch, "MESOS_SLAVE_PID"),
                        "slave(1)@127.0.0.1:5051");
    assert_string_equal(variable(launch, "MESOS_AGENT_ENDPOINT"),
                        "127.0.0.1:5051");
    assert_string_equal(variable(launch, "MESOS_CHECKPOINT"), "1");
    assert_string_equal(variable(launch, "MESOS_RECOVERY_TIMEOUT"), "15mins");
    assert_string_equal(
        variable(launch, "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD"), "5secs");
    assert_non_null(variable(launch, "PATH"));
    /* saved before it starts */
    assert_true(first(f, EFFECT_PERSIST) < first(f, EFFECT_ACT));
    next_turn(f);
}

static void test_the_life_of_a_command_task(void **state)
{
    struct fixture *f = *state;
    char container[64];
    exchange_id stream = link_up(f);
    exchange_id executor = run_to_subscribed(f, stream, container);
    has_text(nth(f, EFFECT_RECORD, 0)->bytes, "\"type\":\"SUBSCRIBED\"");
    has_text(nth(f, EFFECT_RECORD, 0)->bytes,
             "\"name\":\"Command Executor (Task: t1) (Command: sh -c 'echo "
             "hello w...')\"");
    has_text(nth(f, EFFECT_RECORD, 1)->bytes, "\"type\":\"LAUNCH\"");
    has_text(nth(f, EFFECT_RECORD, 1)->bytes,
             "\"value\":\"echo hello world, it is me\"");
    next_turn(f);

    exchange_id update = post(f, update_body(f, "TASK_RUNNING", UUID1));
    assert_int_equal(first(f, EFFECT_REPLY)->exchange, update);
    assert_int_equal(first(f, EFFECT_REPLY)->response.status, 202);
    assert_int_equal(first(f, EFFECT_RECORD)->exchange, executor);
    has_text(first(f, EFFECT_RECORD)->bytes, "\"type\":\"ACKNOWLEDGED\"");
    Perigee__Agent__Call *call = call_in(f, first(f, EFFECT_CALL));
    assert_int_equal(call->type, PERIGEE__AGENT__CALL__TYPE__UPDATE);
    assert_int_equal(call->epoch, 1);
    const Mesos__V1__TaskStatus *status = call->update->status;
    assert_string_equal(status->agent_id->value, "M-S0");
    assert_string_equal(status->executor_id->value, "t1");
    assert_string_equal(status->container_status->container_id->value,
                        container);
    assert_int_equal(status->container_status->executor_pid, 4242);
    assert_string_equal(
        status->container_status->network_infos[0]->ip_addresses[0]->ip_address,
        "127.0.0.1");
    exchange_id made = first(f, EFFECT_CALL)->exchange;
    next_turn(f);
    struct http_response accepted = {.status = 202};
    AGENT_PROGRAM.on_answer(f->program, made, &accepted, NOW, &f->fx);

    post(f, update_body(f, "TASK_FINISHED", UUID2));
    assert_null(first(f, EFFECT_CALL)); /* one at a time */
    next_turn(f);
    order(f, stream,
          "{\"type\":\"ACKNOWLEDGE\",\"acknowledge\":{\"framework_id\":{"
          "\"value\":\"F\"},\"task_id\":{\"value\":\"t1\"},\"uuid\":\"" UUID1
          "\"}}");
    assert_int_equal(call_in(f, first(f, EFFECT_CALL))->update->status->state,
                     MESOS__V1__TASK_STATE__TASK_FINISHED);
    next_turn(f);
    struct agent_exited exited = {.has_status = true};
    snprintf(exited.container_id, sizeof exited.container_id, "%s", container);
    AGENT_PROGRAM.on_fact(f->program, AGENT_FACT_EXITED, &exited, NOW, &f->fx);
    assert_int_equal(first(f, EFFECT_CLOSE)->exchange, executor);
    call = call_in(f, first(f, EFFECT_CALL));
    assert_int_equal(call->type, PERIGEE__AGENT__CALL__TYPE__EXITED_EXECUTOR);
    assert_true(call->exited_executor->command_executor);
    next_turn(f);
    order(f, stream,
          "{\"type\":\"ACKNOWLEDGE\",\"acknowledge\":{\"framework_id\":{"
          "\"value\":\"F\"},\"task_id\":{\"value\":\"t1\"},\"uuid\":\"" UUID2
          "\"}}");
    next_turn(f);
    assert_int_equal(f->stored_count, 1); /* the agent's own record */
}

/* kill -9, and a new life on the same store. */
static void restart(struct fixture *f)
{
    agent_program_free(f->program);
    f->program = new_program(f);
    static const char *const tables[] = {"agent", "executors", "frameworks",
                                         "tasks", "updates"};
    struct err err = {0};
    for (size_t t = 0; t < 5; t++)
        for (int i = 0; i < f->stored_count; i++)
            if (strcmp(f->stored[i].table, tables[t]) == 0)
                assert_int_equal(AGENT_PROGRAM.on_stored(
                                     f->program, f->stored[i].table,
                                     bytes_of_text(f->stored[i].key),
                                     buf_bytes(&f->stored[i].value), &err),
                                 0);
    AGENT_PROGRAM.on_start(f->program, NOW, &f->fx);
}

static void test_after_a_crash_the_task_goes_on(void **state)
{
    struct fixture *f = *state;
    char container[64];
    exchange_id stream = link_up(f);
    run_to_subscribed(f, stream, container);
    next_turn(f);
    post(f, update_body(f, "TASK_RUNNING", UUID1));
    next_turn(f);

    restart(f);
    const struct agent_recover *recover = act(f, AGENT_ACT_RECOVER);
    assert_string_equal(recover->container_id, container);
    assert_int_equal(recover->pid, 4242);
    assert_int_equal(recover->born, 99);
    assert_false(recover->rebooted);
    assert_null(first(f, EFFECT_FOLLOW)); /* not before all are back */
    next_turn(f);
    post(f, SUBSCRIBE);
    assert_null(nth(f, EFFECT_RECORD, 1)); /* no second LAUNCH */
    Perigee__Agent__Call *call = call_in(f, first(f, EFFECT_FOLLOW));
    assert_string_equal(call->subscribe->agent_info->id->value, "M-S0");
    assert_int_equal(call->subscribe->n_tasks, 1);
    assert_int_equal(call->subscribe->n_executors, 0); /* a command executor */
    assert_int_equal(call->subscribe->tasks[0]->state,
                     MESOS__V1__TASK_STATE__TASK_RUNNING);
    exchange_id again = stream_of(f);
    next_turn(f);
    subscribed(f, again); /* the update nobody acknowledged goes out again */
    assert_int_equal(call_in(f, first(f, EFFECT_CALL))->update->status->state,
                     MESOS__V1__TASK_STATE__TASK_RUNNING);
    next_turn(f);
}

static void test_damaged_records_are_refused(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    assert_int_equal(AGENT_PROGRAM.on_stored(f->program, "executors",
                                             bytes_of_text("c"),
                                             bytes_of_text("\xff\xff"), &err),
                     -ERR_DAMAGED);
    assert_int_equal(AGENT_PROGRAM.on_stored(f->program, "tasks",
                                             bytes_of_text("c"),
                                             bytes_of_text(""), &err),
                     -ERR_DAMAGED);
    assert_int_equal(AGENT_PROGRAM.on_stored(f->program, "later",
                                             bytes_of_text("c"),
                                             bytes_of_text("?"), &err),
                     0);
}

static void test_a_removed_agent_ends_everything_then_stops(void **state)
{
    struct fixture *f = *state;
    char container[64];
    exchange_id stream = link_up(f);
    run_to_subscribed(f, stream, container);
    next_turn(f);
    order(f, stream, "{\"type\":\"SHUTDOWN\"}");
    has_text(first(f, EFFECT_RECORD)->bytes, "\"type\":\"SHUTDOWN\"");
    assert_null(first(f, EFFECT_STOP));
    next_turn(f);
    struct agent_exited exited = {.has_status = true};
    snprintf(exited.container_id, sizeof exited.container_id, "%s", container);
    AGENT_PROGRAM.on_fact(f->program, AGENT_FACT_EXITED, &exited, NOW, &f->fx);
    assert_int_equal(first(f, EFFECT_STOP)->status, 0);
    next_turn(f);
    assert_int_equal(f->stored_count, 0);
}

static void test_an_agent_that_leaves_says_so_first(void **state)
{
    struct fixture *f = *state;
    char container[64];
    exchange_id stream = link_up(f);
    run_to_subscribed(f, stream, container);
    next_turn(f);
    AGENT_PROGRAM.on_fact(f->program, AGENT_FACT_LEAVE, "", NOW, &f->fx);
    const struct effect *goodbye = first(f, EFFECT_CALL);
    assert_int_equal(call_in(f, goodbye)->type,
                     PERIGEE__AGENT__CALL__TYPE__UNSUBSCRIBE);
    exchange_id call = goodbye->exchange;
    has_text(first(f, EFFECT_RECORD)->bytes, "\"type\":\"SHUTDOWN\"");
    next_turn(f);
    AGENT_PROGRAM.on_fact(f->program, AGENT_FACT_LEAVE, "", NOW, &f->fx);
    assert_int_equal(f->fx.count, 0); /* once is enough */
    struct agent_exited exited = {.has_status = true};
    snprintf(exited.container_id, sizeof exited.container_id, "%s", container);
    AGENT_PROGRAM.on_fact(f->program, AGENT_FACT_EXITED, &exited, NOW, &f->fx);
    assert_null(first(f, EFFECT_STOP)); /* the goodbye is not heard yet */
    next_turn(f);
    AGENT_PROGRAM.on_answer(
        f->program, call, &(struct http_response){.status = 202}, NOW, &f->fx);
    assert_int_equal(first(f, EFFECT_STOP)->status, 0);
    next_turn(f);
    assert_int_equal(f->stored_count, 0);
}

/* Killed in the middle of leaving: what is kept belongs to an agent that is no
 * more, and no other one would ever be thanked for it. */
static void test_who_died_while_leaving_goes_on_leaving(void **state)
{
    struct fixture *f = *state;
    char container[64];
    exchange_id stream = link_up(f);
    run_to_subscribed(f, stream, container);
    next_turn(f);
    order(f, stream, "{\"type\":\"SHUTDOWN\"}");
    next_turn(f);
    restart(f);
    assert_false(((const struct agent_recover *)act(f, AGENT_ACT_RECOVER))
                     ->rebooted); /* what runs is looked for, and ended */
    assert_null(first(f, EFFECT_FOLLOW));
    next_turn(f);
    struct agent_exited exited = {.has_status = true};
    snprintf(exited.container_id, sizeof exited.container_id, "%s", container);
    AGENT_PROGRAM.on_fact(f->program, AGENT_FACT_EXITED, &exited, NOW, &f->fx);
    assert_null(first(f, EFFECT_FOLLOW));
    assert_int_equal(first(f, EFFECT_STOP)->status, 0);
    next_turn(f);
    assert_int_equal(f->stored_count, 0);
    restart(f); /* now it is a new one */
    assert_non_null(first(f, EFFECT_FOLLOW));
    next_turn(f);
}

static void test_an_agent_leaves_without_a_master_too(void **state)
{
    struct fixture *f = *state;
    exchange_id stream = link_up(f);
    AGENT_PROGRAM.on_broken(f->program, stream, "reset", NOW, &f->fx);
    next_turn(f);
    AGENT_PROGRAM.on_fact(f->program, AGENT_FACT_LEAVE, "", NOW, &f->fx);
    assert_null(first(f, EFFECT_CALL));
    assert_int_equal(first(f, EFFECT_STOP)->status, 0);
    next_turn(f);
    /* It does not come back meanwhile. */
    AGENT_PROGRAM.on_time(f->program, NOW + 3600000, &f->fx);
    assert_null(first(f, EFFECT_FOLLOW));
}

static void test_another_id_ends_what_ran_under_the_old_one(void **state)
{
    struct fixture *f = *state;
    char container[64];
    exchange_id stream = link_up(f);
    run_to_subscribed(f, stream, container);
    next_turn(f);
    AGENT_PROGRAM.on_broken(f->program, stream, "reset", NOW, &f->fx);
    next_turn(f);
    AGENT_PROGRAM.on_time(f->program, NOW + 1000, &f->fx);
    exchange_id again = stream_of(f);
    next_turn(f);
    subscribed_as(f, again, "N-S5"); /* a master that never heard of us */
    has_text(first(f, EFFECT_RECORD)->bytes, "\"type\":\"SHUTDOWN\"");
    assert_string_equal(agent_program_id(f->program), "N-S5");
    next_turn(f);
}

static void test_malformed_orders_are_ignored(void **state)
{
    struct fixture *f = *state;
    exchange_id stream = link_up(f);
    static const char *const orders[] = {"{\"type\":\"RUN\"}",
                                         "{\"type\":\"KILL\"}",
                                         "{\"type\":\"ACKNOWLEDGE\"}",
                                         "{\"type\":\"MESSAGE\"}",
                                         "{\"type\":\"RECONCILE\"}",
                                         "{\"type\":\"SHUTDOWN_EXECUTOR\"}",
                                         "{\"type\":\"RUN\",\"run\":{" FRAMEWORK
                                         ",\"tasks\":[" TASK("a/b") "]}}",
                                         "{}"};
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        order(f, stream, orders[i]);
        assert_null(act(f, AGENT_ACT_LAUNCH));
        assert_null(first(f, EFFECT_HANGUP));
        next_turn(f);
    }
    AGENT_PROGRAM.on_record(f->program, stream, bytes_of_text("\xff"), NOW,
                            &f->fx);
    assert_non_null(first(f, EFFECT_HANGUP)); /* not even a message */
    next_turn(f);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_it_subscribes_with_what_it_has),
        TEST(test_the_first_id_is_saved),
        TEST(test_a_broken_link_is_opened_again_with_backoff),
        TEST(test_a_silent_master_is_left),
        TEST(test_a_command_task_starts_our_executor),
        TEST(test_the_life_of_a_command_task),
        TEST(test_after_a_crash_the_task_goes_on),
        TEST(test_damaged_records_are_refused),
        TEST(test_a_removed_agent_ends_everything_then_stops),
        TEST(test_an_agent_that_leaves_says_so_first),
        TEST(test_who_died_while_leaving_goes_on_leaving),
        TEST(test_an_agent_leaves_without_a_master_too),
        TEST(test_another_id_ends_what_ran_under_the_old_one),
        TEST(test_malformed_orders_are_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
