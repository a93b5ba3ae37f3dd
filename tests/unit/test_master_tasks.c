/* Launching, task errors, updates, kills and reconciliation over the scheduler
 * API. Facts from recordings of a real Mesos. */
#include "master_scene.h"

/* --- a task's life --- */

static void test_a_task_from_launch_to_acknowledged_end(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, ROLE_DEV);
    char task[1024];
    kit_launch(k, &s.f, s.offer,
               kit_task(task, sizeof task, "t1", s.agent.id,
                        TRUE ",\"data\":\"ZGF0YQ==\""),
               NOT_SOON);
    const char *run = kit_next(k, s.agent.stream, "\"type\":\"RUN\"");
    assert_non_null(strstr(run, "\"data\":\"ZGF0YQ==\""));
    assert_non_null(strstr(run, "\"scalar\":{\"value\":0.1},"
                                "\"allocation_info\":{\"role\":\"dev\"}"));
    assert_non_null(strstr(run, "\"framework\":{\"user\":\"root\""));
    assert_null(strstr(run, "\"executor\""));
    kit_update(k, &s.agent, &s.f, "t1", "TASK_STARTING", 'a');
    const char *update = kit_next(k, s.f.stream, "\"type\":\"UPDATE\"");
    assert_non_null(strstr(update, "\"state\":\"TASK_STARTING\""));
    assert_non_null(strstr(update, "\"uuid\":\"YWFhYWFhYWFhYWFhYWFhYQ==\""));
    kit_acknowledge(k, &s.f, &s.agent, "t1", 'a');
    kit_next(k, s.agent.stream, "\"type\":\"ACKNOWLEDGE\"");
    kit_update(k, &s.agent, &s.f, "t1", "TASK_FINISHED", 'b');
    /* What it used is offered at once, with what was refused: it is more. */
    kit_next(k, s.f.stream, "TASK_FINISHED");
    kit_next(k, s.f.stream, "\"scalar\":{\"value\":4.0}");
    const struct framework *f =
        master_framework(master_program_core(k->p), s.f.id);
    assert_int_equal(HASH_COUNT(f->tasks), 1);
    kit_acknowledge(k, &s.f, &s.agent, "t1", 'b');
    kit_next(k, s.agent.stream, "\"type\":\"ACKNOWLEDGE\"");
    assert_int_equal(HASH_COUNT(f->tasks), 0);
    assert_int_equal(HASH_COUNT(f->completed), 1);
}

static void test_the_rest_of_an_offer_comes_at_once_when_wanted(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, ROLE_DEV);
    launch_one(k, &s, "t1", AT_ONCE);
    kit_next(k, s.f.stream, "\"scalar\":{\"value\":3.9}");
}

static void test_the_latest_state_frees_resources_early(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, ROLE_DEV);
    launch_one(k, &s, "t1", NOT_SOON);
    char rest[1024], uuid[32];
    snprintf(rest, sizeof rest,
             ",\"update\":{\"framework_id\":{\"value\":\"%s\"},\"status\":{"
             "\"task_id\":{\"value\":\"t1\"},\"state\":\"TASK_RUNNING\","
             "\"uuid\":\"%s\"},\"latest_state\":\"TASK_FINISHED\"}",
             s.f.id, kit_uuid('a', uuid));
    kit_report(k, &s.agent, "UPDATE", rest);
    kit_next(k, s.f.stream, "TASK_RUNNING");
    kit_next(k, s.f.stream, "\"scalar\":{\"value\":4.0}");
    kit_acknowledge(k, &s.f, &s.agent, "t1", 'a');
    kit_update(k, &s.agent, &s.f, "t1", "TASK_FINISHED", 'b');
    kit_next(k, s.f.stream, "TASK_FINISHED");
}

static void test_an_update_sent_again_is_told_again(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, ROLE_DEV);
    launch_one(k, &s, "t1", NOT_SOON);
    kit_update(k, &s.agent, &s.f, "t1", "TASK_RUNNING", 'a');
    kit_next(k, s.f.stream, "TASK_RUNNING");
    kit_update(k, &s.agent, &s.f, "t1", "TASK_RUNNING", 'a');
    kit_next(k, s.f.stream, "TASK_RUNNING");
    /* One of an acknowledged end is taken off the agent's hands. */
    kit_update(k, &s.agent, &s.f, "t1", "TASK_FAILED", 'b');
    kit_acknowledge(k, &s.f, &s.agent, "t1", 'b');
    kit_next(k, s.agent.stream, "ACKNOWLEDGE");
    kit_next(k, s.f.stream, "TASK_FAILED");
    kit_next(k, s.f.stream, "OFFERS");
    kit_update(k, &s.agent, &s.f, "t1", "TASK_FAILED", 'b');
    kit_next(k, s.agent.stream, "ACKNOWLEDGE");
    kit_nothing(k, s.f.stream);
}

static void test_updates_of_a_removed_framework_are_acknowledged(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, ROLE_DEV);
    launch_one(k, &s, "t1", NOT_SOON);
    kit_call(k, &s.f, "TEARDOWN", "");
    kit_next(k, s.agent.stream, "\"type\":\"SHUTDOWN_FRAMEWORK\"");
    kit_update(k, &s.agent, &s.f, "t1", "TASK_KILLED", 'a');
    kit_next(k, s.agent.stream, "\"type\":\"ACKNOWLEDGE\"");
}

static void test_an_agent_waits_while_the_framework_is_away(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, ROLE_DEV);
    launch_one(k, &s, "t1", NOT_SOON);
    kit_hang_up(k, s.f.stream);
    kit_update(k, &s.agent, &s.f, "t1", "TASK_RUNNING", 'a');
    kit_nothing(k, s.agent.stream);
    s.f = kit_resubscribe(k, &s.f, ROLE_DEV);
    kit_next(k, s.agent.stream, "\"type\":\"UPDATE_FRAMEWORK\"");
    kit_next(k, s.f.stream, "SUBSCRIBED");
    kit_next(k, s.f.stream, "OFFERS");
    kit_update(k, &s.agent, &s.f, "t1", "TASK_RUNNING", 'a');
    kit_next(k, s.f.stream, "TASK_RUNNING");
}

static void test_completed_tasks_are_bounded(void **state)
{
    struct kit *k = *state;
    master_program_free(k->p);
    k->options.core.max_completed_tasks_per_framework = 3;
    kit_start(k);
    struct scene s = begin(k, ROLE_DEV);
    for (int i = 0; i < 5; i++) {
        char id[8];
        snprintf(id, sizeof id, "t%d", i);
        launch_one(k, &s, id, NOT_SOON);
        kit_update(k, &s.agent, &s.f, id, "TASK_FINISHED", (char)('a' + i));
        kit_next(k, s.f.stream, "TASK_FINISHED");
        kit_acknowledge(k, &s.f, &s.agent, id, (char)('a' + i));
        kit_next(k, s.agent.stream, "ACKNOWLEDGE");
        kit_offer(k, &s.f, s.offer, sizeof s.offer);
    }
    const struct framework *f =
        master_framework(master_program_core(k->p), s.f.id);
    assert_int_equal(HASH_COUNT(f->completed), 3);
    assert_string_equal(f->completed->id, "t2");
}

/* --- task errors --- */

struct error_case {
    const char *id;
    const char *tail; /* of the TaskInfo, resources included */
    const char *message;
};

#define SMALL                                                            \
    "\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{" \
    "\"value\":0.1}},{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{" \
    "\"value\":32}}]"

static const struct error_case ERRORS[] = {
    {"a/b", SMALL "," TRUE, "'a/b' contains invalid characters"},
    {"both",
     SMALL "," TRUE ",\"executor\":{\"executor_id\":{\"value\":\"e\"},"
           "\"command\":{\"value\":\"true\"}}",
     "Task should have at least one (but not both) of CommandInfo or "
     "ExecutorInfo present"},
    {"nocmd", SMALL,
     "Task should have at least one (but not both) of CommandInfo or "
     "ExecutorInfo present"},
    {"ex",
     SMALL ",\"executor\":{\"type\":\"DEFAULT\",\"executor_id\":{"
           "\"value\":\"e\"},\"command\":{\"value\":\"true\"}}",
     "'ExecutorInfo.command' must not be set for 'DEFAULT' executor"},
    {"kp",
     SMALL "," TRUE ",\"kill_policy\":{\"grace_period\":{"
           "\"nanoseconds\":-1}}",
     "Task's 'kill_policy.grace_period' must be non-negative"},
    {"mc", SMALL "," TRUE ",\"max_completion_time\":{\"nanoseconds\":-1}",
     "Task's `max_completion_time` must be non-negative"},
    {"nores", "\"resources\":[]," TRUE, "Task uses no resources"},
    {"neg",
     "\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":"
     "{\"value\":-1}}]," TRUE,
     "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0"},
    {"big",
     "\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":"
     "{\"value\":100}},{\"name\":\"mem\",\"type\":\"SCALAR\","
     "\"scalar\":{\"value\":32}}]," TRUE,
     "Total resources cpus(allocated: dev):100; mem(allocated: dev):32 "
     "required by task and its executor is more than available "},
    {"exbig",
     SMALL ",\"executor\":{\"type\":\"CUSTOM\",\"executor_id\":{"
           "\"value\":\"e\"},\"command\":{\"value\":\"true\"},"
           "\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\","
           "\"scalar\":{\"value\":100}}]}",
     "Total resources cpus(allocated: dev):100.1; mem(allocated: dev):32 "
     "required by task and its executor is more than available "},
    {"env",
     SMALL ",\"command\":{\"value\":\"true\",\"environment\":{"
           "\"variables\":[{\"name\":\"A\"}]}}",
     "Task's `CommandInfo` is invalid: Environment variable 'A' of type "
     "'VALUE' must have a value set"},
    {"hc", SMALL "," TRUE ",\"health_check\":{\"type\":\"HTTP\"}",
     "Task uses invalid health check: Expecting 'http' to be set for HTTP "
     "health check"},
};

static void test_invalid_tasks_are_told_why(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, ROLE_DEV);
    for (size_t i = 0; i < sizeof ERRORS / sizeof *ERRORS; i++) {
        const struct error_case *c = &ERRORS[i];
        struct buf task = {0};
        buf_addf(&task,
                 "{\"name\":\"%s\",\"task_id\":{\"value\":\"%s\"},"
                 "\"agent_id\":{\"value\":\"%s\"},%s}",
                 c->id, c->id, s.agent.id, c->tail);
        kit_launch(k, &s.f, s.offer, buf_text(&task), AT_ONCE);
        const char *update =
            kit_next(k, s.f.stream, "\"state\":\"TASK_ERROR\",\"message\":\"");
        if (!strstr(update, c->message))
            fail_msg("want %s\nhave %s", c->message, update);
        assert_non_null(strstr(update, "\"source\":\"SOURCE_MASTER\","
                                       "\"reason\":\"REASON_TASK_INVALID\""));
        assert_null(strstr(update, "\"uuid\""));
        assert_null(strstr(update, "\"executor_id\""));
        buf_release(&task);
        expect_back(k, &s, 0, 1000);
    }
    kit_nothing(k, s.agent.stream);
}

static void test_a_task_for_another_agent_is_an_error(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, ROLE_DEV);
    char task[1024], want[512];
    kit_launch(k, &s.f, s.offer,
               kit_task(task, sizeof task, "wrong", "other-S0", TRUE), "");
    snprintf(want, sizeof want,
             "Task uses invalid agent other-S0 while agent %s is expected",
             s.agent.id);
    assert_non_null(strstr(kit_next(k, s.f.stream, "other-S0"), want));
}

static void test_of_two_equal_ids_the_first_runs(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, ROLE_DEV);
    char task[1024];
    struct buf both = {0};
    kit_task(task, sizeof task, "dup", s.agent.id, TRUE);
    buf_addf(&both, "%s,%s", task, task);
    kit_launch(k, &s.f, s.offer, buf_text(&both), AT_ONCE);
    kit_next(k, s.agent.stream, "\"type\":\"RUN\"");
    kit_nothing(k, s.agent.stream);
    kit_next(k, s.f.stream, "Task has duplicate ID: dup");
    kit_next(k, s.f.stream, "\"scalar\":{\"value\":3.9}");
    buf_release(&both);
}

static void test_groups_and_operations_are_refused_by_name(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, ROLE_DEV);
    char task[1024];
    struct buf rest = {0};
    buf_addf(&rest,
             ",\"accept\":{\"offer_ids\":[{\"value\":\"%s\"}],\"operations\":["
             "{\"type\":\"LAUNCH_GROUP\",\"launch_group\":{\"executor\":{"
             "\"type\":\"DEFAULT\",\"executor_id\":{\"value\":\"e\"}},"
             "\"task_group\":{\"tasks\":[%s]}}},{\"type\":\"RESERVE\",\"id\":{"
             "\"value\":\"op1\"},\"reserve\":{\"resources\":[]}},{\"type\":"
             "\"CREATE\",\"create\":{\"volumes\":[]}},{\"type\":\"LAUNCH\","
             "\"id\":{\"value\":\"op2\"},\"launch\":{\"task_infos\":[%s]}},"
             "{\"type\":\"LAUNCH\"},{}]}",
             s.offer, kit_task(task, sizeof task, "g1", s.agent.id, TRUE),
             task);
    kit_call(k, &s.f, "ACCEPT", buf_text(&rest));
    assert_int_equal(k->status, 202);
    const char *update = kit_next(k, s.f.stream, "TASK_ERROR");
    assert_non_null(strstr(update, "REASON_TASK_GROUP_INVALID"));
    assert_non_null(
        strstr(update, "LAUNCH_GROUP is not supported by this master"));
    assert_string_equal(
        kit_next(k, s.f.stream, "UPDATE_OPERATION_STATUS"),
        "{\"type\":\"UPDATE_OPERATION_STATUS\",\"update_operation_status\":{"
        "\"status\":{\"operation_id\":{\"value\":\"op1\"},\"state\":"
        "\"OPERATION_ERROR\",\"message\":\"RESERVE is not supported by this "
        "master\"}}}");
    kit_next(k, s.f.stream,
             "The `id` field cannot be set on LAUNCH operations");
    kit_nothing(k, s.agent.stream);
    buf_release(&rest);
}

/* --- executors --- */

#define EXECUTOR                                                             \
    "\"executor\":{\"type\":\"CUSTOM\",\"executor_id\":{\"value\":\"ce1\"}," \
    "\"command\":{\"value\":\"run\"},\"resources\":[{\"name\":\"cpus\","     \
    "\"type\":\"SCALAR\",\"scalar\":{\"value\":1}}]}"

static void test_an_executor_is_charged_once_and_until_it_exits(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, ROLE_DEV);
    char c1[1024], c2[1024], rest[1024];
    struct buf both = {0};
    buf_addf(&both, "%s,%s",
             kit_task(c1, sizeof c1, "c1", s.agent.id, EXECUTOR),
             kit_task(c2, sizeof c2, "c2", s.agent.id, EXECUTOR));
    kit_launch(k, &s.f, s.offer, buf_text(&both), AT_ONCE);
    buf_release(&both);
    const char *run = kit_next(k, s.agent.stream, "\"type\":\"RUN\"");
    assert_non_null(strstr(run, "\"executor_id\":{\"value\":\"ce1\"},"
                                "\"framework_id\":{\"value\":\""));
    kit_next(k, s.agent.stream, "\"type\":\"RUN\"");
    const char *offers = kit_next(k, s.f.stream, "\"scalar\":{\"value\":2.8}");
    assert_non_null(strstr(offers, "\"executor_ids\":[{\"value\":\"ce1\"}]"));
    snprintf(rest, sizeof rest,
             ",\"message\":{\"agent_id\":{\"value\":\"%s\"},\"executor_id\":{"
             "\"value\":\"ce1\"},\"data\":\"aGVsbG8=\"}",
             s.agent.id);
    kit_call(k, &s.f, "MESSAGE", rest);
    assert_non_null(strstr(kit_next(k, s.agent.stream, "\"type\":\"MESSAGE\""),
                           "aGVsbG8="));
    snprintf(rest, sizeof rest,
             ",\"message\":{\"framework_id\":{\"value\":\"%s\"},"
             "\"executor_id\":{\"value\":\"ce1\"},\"data\":\"aGVsbG8=\"}",
             s.f.id);
    kit_report(k, &s.agent, "MESSAGE", rest);
    kit_next(k, s.f.stream,
             "\"executor_id\":{\"value\":\"ce1\"},\"data\":\"aGVsbG8=\"");
    snprintf(rest, sizeof rest,
             ",\"shutdown\":{\"agent_id\":{\"value\":\"%s\"},\"executor_id\":{"
             "\"value\":\"ce1\"}}",
             s.agent.id);
    kit_call(k, &s.f, "SHUTDOWN", rest);
    kit_next(k, s.agent.stream, "\"type\":\"SHUTDOWN_EXECUTOR\"");
    snprintf(rest, sizeof rest,
             ",\"exited_executor\":{\"framework_id\":{\"value\":\"%s\"},"
             "\"executor_id\":{\"value\":\"ce1\"},\"status\":0}",
             s.f.id);
    kit_report(k, &s.agent, "EXITED_EXECUTOR", rest);
    char want[512];
    snprintf(want, sizeof want,
             "{\"type\":\"FAILURE\",\"failure\":{\"agent_id\":{\"value\":"
             "\"%s\"},\"executor_id\":{\"value\":\"ce1\"},\"status\":0}}",
             s.agent.id);
    assert_string_equal(kit_next(k, s.f.stream, "FAILURE"), want);
    kit_next(k, s.f.stream, "\"scalar\":{\"value\":1.0}");
}

static void test_a_different_executor_of_the_same_id_is_an_error(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, ROLE_DEV);
    char task[1024];
    kit_launch(k, &s.f, s.offer,
               kit_task(task, sizeof task, "c1", s.agent.id, EXECUTOR),
               AT_ONCE);
    kit_offer(k, &s.f, s.offer, sizeof s.offer);
    kit_launch(k, &s.f, s.offer,
               kit_task(task, sizeof task, "c2", s.agent.id,
                        "\"executor\":{\"type\":\"CUSTOM\",\"executor_id\":{"
                        "\"value\":\"ce1\"},\"command\":{\"value\":\"other\"}"
                        "}"),
               AT_ONCE);
    kit_next(k, s.f.stream,
             "ExecutorInfo is not compatible with existing "
             "ExecutorInfo with same ExecutorID.");
}

/* --- kill and reconcile --- */

static void expect_answer(struct kit *k, struct scene *s, const char *id,
                          const char *state, const char *text,
                          const char *agent_id)
{
    char want[1024], got[2048];
    char agent[256] = "";
    if (agent_id)
        snprintf(agent, sizeof agent, ",\"agent_id\":{\"value\":\"%s\"}",
                 agent_id);
    snprintf(want, sizeof want,
             "{\"type\":\"UPDATE\",\"update\":{\"status\":{\"task_id\":{"
             "\"value\":\"%s\"},\"state\":\"%s\",\"message\":"
             "\"Reconciliation: %s\",\"source\":\"SOURCE_MASTER\",\"reason\":"
             "\"REASON_RECONCILIATION\"%s,\"timestamp\":",
             id, state, text, agent);
    snprintf(got, sizeof got, "%s", kit_next(k, s->f.stream, "UPDATE"));
    got[strlen(want)] = '\0';
    assert_string_equal(got, want);
}

static void kill_task(struct kit *k, struct scene *s, const char *id,
                      const char *agent_id)
{
    char rest[512], agent[256] = "";
    if (agent_id)
        snprintf(agent, sizeof agent, ",\"agent_id\":{\"value\":\"%s\"}",
                 agent_id);
    snprintf(rest, sizeof rest, ",\"kill\":{\"task_id\":{\"value\":\"%s\"}%s}",
             id, agent);
    kit_call(k, &s->f, "KILL", rest);
    assert_int_equal(k->status, 202);
}

static void test_a_kill_of_an_unknown_task_is_answered(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, "");
    launch_one(k, &s, "t1", NOT_SOON);
    kill_task(k, &s, "nope", NULL);
    expect_answer(k, &s, "nope", "TASK_LOST", "Task is unknown", NULL);
    kill_task(k, &s, "nope", s.agent.id);
    expect_answer(k, &s, "nope", "TASK_LOST", "Task is unknown to the agent",
                  s.agent.id);
    kill_task(k, &s, "nope", "x-S9");
    expect_answer(k, &s, "nope", "TASK_LOST", "Task is unknown", "x-S9");
    kill_task(k, &s, "t1", "x-S9");
    kit_nothing(k, s.f.stream);
    kit_nothing(k, s.agent.stream);
    kit_call(k, &s.f, "KILL",
             ",\"kill\":{\"task_id\":{\"value\":\"t1\"},\"kill_policy\":{"
             "\"grace_period\":{\"nanoseconds\":1000000000}}}");
    const char *kill = kit_next(k, s.agent.stream, "\"type\":\"KILL\"");
    assert_non_null(strstr(kill, "\"nanoseconds\":1000000000"));
}

static void test_reconciliation_explicit_and_implicit(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, "");
    launch_one(k, &s, "t1", NOT_SOON);
    kit_update(k, &s.agent, &s.f, "t1", "TASK_RUNNING", 'a');
    kit_next(k, s.f.stream, "TASK_RUNNING");
    char rest[1024];
    snprintf(rest, sizeof rest,
             ",\"reconcile\":{\"tasks\":[{\"task_id\":{\"value\":\"t1\"}},{"
             "\"task_id\":{\"value\":\"u1\"}},{\"task_id\":{\"value\":\"u2\"},"
             "\"agent_id\":{\"value\":\"%s\"}},{\"task_id\":{\"value\":"
             "\"u3\"},\"agent_id\":{\"value\":\"x-S9\"}}]}",
             s.agent.id);
    kit_call(k, &s.f, "RECONCILE", rest);
    expect_answer(k, &s, "t1", "TASK_RUNNING", "Latest task state", s.agent.id);
    expect_answer(k, &s, "u1", "TASK_LOST", "Task is unknown", NULL);
    expect_answer(k, &s, "u2", "TASK_LOST", "Task is unknown to the agent",
                  s.agent.id);
    expect_answer(k, &s, "u3", "TASK_LOST", "Task is unknown", "x-S9");
    kit_call(k, &s.f, "RECONCILE", ",\"reconcile\":{\"tasks\":[]}");
    expect_answer(k, &s, "t1", "TASK_RUNNING", "Latest task state", s.agent.id);
    kit_call(k, &s.f, "RECONCILE", "");
    assert_int_equal(k->status, 400);
    assert_string_equal(k->body,
                        "Failed to validate scheduler::Call: Expecting "
                        "'reconcile' to be present");
}

static void test_malformed_acknowledgements_are_refused(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, "");
    char rest[512];
    snprintf(rest, sizeof rest,
             ",\"acknowledge\":{\"agent_id\":{\"value\":\"%s\"},\"task_id\":{"
             "\"value\":\"t1\"},\"uuid\":\"AAAA\"}",
             s.agent.id);
    kit_call(k, &s.f, "ACKNOWLEDGE", rest);
    assert_int_equal(k->status, 400);
    assert_string_equal(k->body,
                        "Failed to validate scheduler::Call: Not a valid UUID");
    snprintf(rest, sizeof rest,
             ",\"acknowledge\":{\"agent_id\":{\"value\":\"%s\"},\"task_id\":{"
             "\"value\":\"t1\"}}",
             s.agent.id);
    kit_call(k, &s.f, "ACKNOWLEDGE", rest);
    assert_int_equal(k->status, 400);
    assert_string_equal(k->body,
                        "Failed to convert JSON into Call protobuf: Missing "
                        "required fields: acknowledge.uuid");
}

static void test_messages_to_nobody_are_silent(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, "");
    kit_call(k, &s.f, "MESSAGE",
             ",\"message\":{\"agent_id\":{\"value\":\"x\"},\"executor_id\":{"
             "\"value\":\"nope\"},\"data\":\"aGVsbG8=\"}");
    assert_int_equal(k->status, 202);
    kit_call(k, &s.f, "SHUTDOWN",
             ",\"shutdown\":{\"agent_id\":{\"value\":\"x\"},\"executor_id\":{"
             "\"value\":\"nope\"}}");
    assert_int_equal(k->status, 202);
    kit_nothing(k, s.f.stream);
}

int main(void)
{
#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, kit_set_up, kit_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_task_from_launch_to_acknowledged_end),
        TEST(test_the_rest_of_an_offer_comes_at_once_when_wanted),
        TEST(test_the_latest_state_frees_resources_early),
        TEST(test_an_update_sent_again_is_told_again),
        TEST(test_updates_of_a_removed_framework_are_acknowledged),
        TEST(test_an_agent_waits_while_the_framework_is_away),
        TEST(test_completed_tasks_are_bounded),
        TEST(test_invalid_tasks_are_told_why),
        TEST(test_a_task_for_another_agent_is_an_error),
        TEST(test_of_two_equal_ids_the_first_runs),
        TEST(test_groups_and_operations_are_refused_by_name),
        TEST(test_an_executor_is_charged_once_and_until_it_exits),
        TEST(test_a_different_executor_of_the_same_id_is_an_error),
        TEST(test_a_kill_of_an_unknown_task_is_answered),
        TEST(test_reconciliation_explicit_and_implicit),
        TEST(test_malformed_acknowledgements_are_refused),
        TEST(test_messages_to_nobody_are_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
