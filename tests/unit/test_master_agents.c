/* Agents that come, go silent, return, say goodbye; masters that restart.
 * Facts from recordings of a real Mesos. */
#include "master_kit.h"

#define KEPT                                                            \
    ",\"roles\":[\"dev\"],\"checkpoint\":true,\"failover_timeout\":60," \
    "\"capabilities\":[{\"type\":\"MULTI_ROLE\"},{\"type\":"            \
    "\"PARTITION_AWARE\"}]"
#define UNKEPT                                                         \
    ",\"roles\":[\"dev\"],\"failover_timeout\":60,\"capabilities\":[{" \
    "\"type\":\"MULTI_ROLE\"},{\"type\":\"PARTITION_AWARE\"}]"
#define NOT_AWARE ",\"checkpoint\":true,\"failover_timeout\":60"
#define AT_ONCE ",\"filters\":{\"refuse_seconds\":0}"
#define TRUE "\"command\":{\"value\":\"true\"}"

struct scene { /* one running task t1 */
    struct kit_agent agent;
    struct kit_framework f;
    char offer[128]; /* of the rest */
};

static struct scene begin(struct kit *k, const char *info)
{
    struct scene s = {.agent = kit_new_agent(k, 5051)};
    char task[1024];
    s.f = kit_subscribe(k, info, "");
    kit_offer(k, &s.f, s.offer, sizeof s.offer);
    kit_launch(k, &s.f, s.offer,
               kit_task(task, sizeof task, "t1", s.agent.id, TRUE), AT_ONCE);
    kit_next(k, s.agent.stream, "\"type\":\"RUN\"");
    kit_offer(k, &s.f, s.offer, sizeof s.offer);
    kit_update(k, &s.agent, &s.f, "t1", "TASK_RUNNING", 'a');
    kit_next(k, s.f.stream, "TASK_RUNNING");
    kit_acknowledge(k, &s.f, &s.agent, "t1", 'a');
    kit_next(k, s.agent.stream, "ACKNOWLEDGE");
    return s;
}

/* The agent subscribes again and says that it runs these tasks. */
static void come_back(struct kit *k, struct scene *s, const char *task_id,
                      const char *task_state)
{
    struct buf more = {0};
    char uuid[32];
    if (task_id)
        buf_addf(&more,
                 ",\"frameworks\":[{\"user\":\"root\",\"name\":\"rec\",\"id\":"
                 "{\"value\":\"%s\"}" KEPT "}],\"tasks\":[{\"name\":\"%s\","
                 "\"task_id\":{\"value\":\"%s\"},\"framework_id\":{\"value\":"
                 "\"%s\"},\"agent_id\":{\"value\":\"%s\"},\"state\":\"%s\","
                 "\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\","
                 "\"scalar\":{\"value\":0.1},\"allocation_info\":{\"role\":"
                 "\"dev\"}},{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{"
                 "\"value\":32},\"allocation_info\":{\"role\":\"dev\"}}],"
                 "\"statuses\":[{\"task_id\":{\"value\":\"%s\"},\"state\":"
                 "\"%s\",\"uuid\":\"%s\",\"container_status\":{"
                 "\"executor_pid\":7}}]}]",
                 s->f.id, task_id, task_id, s->f.id, s->agent.id, task_state,
                 task_id, task_state, kit_uuid('a', uuid));
    kit_agent_subscribe(k, &s->agent, buf_text(&more));
    buf_release(&more);
}

/* --- first contact --- */

static void test_agents_get_ids_and_epochs(void **state)
{
    struct kit *k = *state;
    struct kit_agent a = kit_new_agent(k, 5051), b = kit_new_agent(k, 5052);
    char want[128];
    snprintf(want, sizeof want, "%s-S0", master_program_core(k->p)->id);
    assert_string_equal(a.id, want);
    snprintf(want, sizeof want, "%s-S1", master_program_core(k->p)->id);
    assert_string_equal(b.id, want);
    assert_string_not_equal(a.epoch, b.epoch);
}

static void test_an_answer_lost_on_the_way_costs_no_second_id(void **state)
{
    struct kit *k = *state;
    struct kit_agent a = kit_new_agent(k, 5051);
    kit_hang_up(k, a.stream);
    struct kit_agent again = kit_new_agent(k, 5051);
    assert_string_equal(a.id, again.id);
    assert_int_equal(HASH_COUNT(master_program_core(k->p)->agents), 1);
}

static void test_a_new_agent_replaces_the_old_one_at_its_address(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, KEPT);
    struct kit_agent fresh = kit_new_agent(k, 5051);
    assert_string_not_equal(fresh.id, s.agent.id);
    kit_next(k, s.f.stream,
             "Agent localhost removed: a new agent registered at the same "
             "address");
    kit_next(k, s.f.stream, "\"type\":\"RESCIND\"");
    kit_next(k, s.f.stream, "\"type\":\"FAILURE\"");
    kit_next(k, s.f.stream, "\"type\":\"OFFERS\"");
    assert_true(kit_is_closed(k, s.agent.stream));
}

static void test_stale_epochs_are_refused(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, KEPT);
    struct kit_agent old = s.agent;
    come_back(k, &s, "t1", "TASK_RUNNING");
    kit_report(k, &old, "PONG", "");
    assert_int_equal(k->status, 409);
    kit_report(k, &s.agent, "PONG", "");
    assert_int_equal(k->status, 202);
    old.epoch[0] = '\0';
    kit_report(k, &old, "PONG", ",\"epoch\":null");
    assert_true(k->status == 409 || k->status == 400);
}

static void test_malformed_reports_are_refused(void **state)
{
    struct kit *k = *state;
    struct kit_agent a = kit_new_agent(k, 5051);
    kit_report(k, &a, "UPDATE", "");
    assert_int_equal(k->status, 400);
    kit_report(k, &a, "EXITED_EXECUTOR", "");
    assert_int_equal(k->status, 400);
    kit_report(k, &a, "MESSAGE", "");
    assert_int_equal(k->status, 400);
    (void)kit_post(k, "/api/v1/agent", NULL, "{\"type\":\"SUBSCRIBE\"}");
    assert_int_equal(k->status, 400);
    (void)kit_post(k, "/api/v1/agent", NULL,
                   "{\"type\":\"SUBSCRIBE\",\"subscribe\":{\"agent_info\":{"
                   "\"hostname\":\"h\"},\"endpoint\":\"nonsense\"}}");
    assert_int_equal(k->status, 400);
    assert_non_null(strstr(k->body, "ip:port"));
}

static void test_an_agent_cannot_use_more_than_it_has(void **state)
{
    struct kit *k = *state;
    (void)kit_post(
        k, "/api/v1/agent", NULL,
        "{\"type\":\"SUBSCRIBE\",\"subscribe\":{\"agent_info\":{\"hostname\":"
        "\"h\",\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\","
        "\"scalar\":{\"value\":1}}]},\"endpoint\":\"127.0.0.1:5051\","
        "\"tasks\":[{\"name\":\"t\",\"task_id\":{\"value\":\"t\"},"
        "\"framework_id\":{\"value\":\"f\"},\"agent_id\":{\"value\":\"x\"},"
        "\"state\":\"TASK_RUNNING\",\"resources\":[{\"name\":\"cpus\","
        "\"type\":\"SCALAR\",\"scalar\":{\"value\":2}}]}]}}");
    assert_int_equal(k->status, 409);
    assert_non_null(strstr(k->body, "more than it has"));
}

/* --- losing the link, going silent --- */

static void test_a_lost_link_rescinds_offers_and_nothing_more(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, KEPT);
    char want[256];
    snprintf(want, sizeof want,
             "{\"type\":\"RESCIND\",\"rescind\":{\"offer_id\":{\"value\":"
             "\"%s\"}}}",
             s.offer);
    kit_hang_up(k, s.agent.stream);
    assert_string_equal(kit_next(k, s.f.stream, "RESCIND"), want);
    kit_wait(k, 30000);
    kit_nothing(k, s.f.stream);
    come_back(k, &s, "t1", "TASK_RUNNING");
    assert_non_null(strstr(kit_next(k, s.f.stream, "OFFERS"),
                           "\"scalar\":{\"value\":3.9}"));
    kit_nothing(k, s.agent.stream);
}

static void test_a_silent_agent_becomes_unreachable(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, KEPT);
    k->is_deaf = true;
    kit_wait(k, 74999);
    kit_nothing(k, s.f.stream);
    kit_wait(k, 1);
    kit_next(k, s.f.stream, "RESCIND");
    const char *update = kit_next(k, s.f.stream, "TASK_UNREACHABLE");
    assert_non_null(strstr(update, "\"message\":\"health check timed out\","
                                   "\"source\":\"SOURCE_MASTER\",\"reason\":"
                                   "\"REASON_AGENT_REMOVED\""));
    assert_non_null(strstr(update, "\"unreachable_time\":{\"nanoseconds\":"));
    assert_null(strstr(update, "\"uuid\""));
    char want[256];
    snprintf(want, sizeof want,
             "{\"type\":\"FAILURE\",\"failure\":{\"agent_id\":{\"value\":"
             "\"%s\"}}}",
             s.agent.id);
    assert_string_equal(kit_next(k, s.f.stream, "FAILURE"), want);
    assert_true(kit_is_closed(k, s.agent.stream));

    char rest[512];
    snprintf(rest, sizeof rest,
             ",\"reconcile\":{\"tasks\":[{\"task_id\":{\"value\":\"t1\"},"
             "\"agent_id\":{\"value\":\"%s\"}}]}",
             s.agent.id);
    kit_call(k, &s.f, "RECONCILE", rest);
    update = kit_next(k, s.f.stream, "Reconciliation: Task is unreachable");
    assert_non_null(strstr(update, "unreachable_time"));

    k->is_deaf = false;
    come_back(k, &s, "t1", "TASK_RUNNING");
    update = kit_next(k, s.f.stream, "TASK_RUNNING");
    assert_non_null(strstr(update,
                           "\"message\":\"Unreachable agent re-reregistered\","
                           "\"source\":\"SOURCE_MASTER\",\"reason\":"
                           "\"REASON_AGENT_REREGISTERED\""));
    assert_non_null(
        strstr(update, "\"container_status\":{\"executor_pid\":7}"));
    kit_next(k, s.f.stream, "OFFERS");
}

static void test_frameworks_that_know_no_partitions_hear_of_losses(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, NOT_AWARE);
    k->is_deaf = true;
    kit_wait(k, 75000);
    kit_next(k, s.f.stream, "RESCIND");
    const char *update = kit_next(k, s.f.stream, "TASK_LOST");
    assert_null(strstr(update, "unreachable_time"));
}

static void test_pongs_keep_an_agent(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, KEPT);
    kit_wait(k, 1000000);
    kit_nothing(k, s.f.stream);
    assert_false(kit_is_closed(k, s.agent.stream));
}

static void test_a_disconnected_agent_has_the_time_of_its_pings(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, KEPT);
    kit_wait(k, 100000);
    kit_hang_up(k, s.agent.stream);
    kit_next(k, s.f.stream, "RESCIND");
    kit_wait(k, 60000);
    kit_nothing(k, s.f.stream);
    kit_wait(k, 30000);
    kit_next(k, s.f.stream, "TASK_UNREACHABLE");
    kit_next(k, s.f.stream, "FAILURE");
}

static void test_tasks_that_are_not_kept_end_with_the_link(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, UNKEPT);
    kit_hang_up(k, s.agent.stream);
    kit_next(k, s.f.stream, "RESCIND");
    const char *update = kit_next(k, s.f.stream, "TASK_LOST");
    assert_non_null(strstr(update, "\"message\":\"Agent localhost "
                                   "disconnected\",\"source\":"
                                   "\"SOURCE_MASTER\",\"reason\":"
                                   "\"REASON_AGENT_DISCONNECTED\""));
    kit_nothing(k, s.f.stream);
    /* It comes back with the task alive: what is over stays over. */
    come_back(k, &s, "t1", "TASK_RUNNING");
    kit_next(k, s.agent.stream, "\"type\":\"KILL\"");
    kit_next(k, s.f.stream, "OFFERS");
    kit_update(k, &s.agent, &s.f, "t1", "TASK_KILLED", 'z');
    kit_next(k, s.agent.stream, "\"type\":\"ACKNOWLEDGE\"");
    kit_nothing(k, s.f.stream);
}

static void test_goodbye_loses_tasks_at_once(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, KEPT);
    kit_report(k, &s.agent, "UNSUBSCRIBE", "");
    assert_int_equal(k->status, 202);
    const char *update = kit_next(k, s.f.stream, "TASK_LOST");
    assert_non_null(strstr(update, "Agent localhost removed: the agent "
                                   "unregistered"));
    kit_next(k, s.f.stream, "RESCIND");
    kit_next(k, s.f.stream, "FAILURE");
    assert_int_equal(HASH_COUNT(master_program_core(k->p)->agents), 0);
    kit_restart(k);
    assert_int_equal(HASH_COUNT(master_program_core(k->p)->agents), 0);
}

/* --- what both sides remember --- */

static void test_a_task_the_agent_does_not_have_is_asked_for(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, KEPT);
    come_back(k, &s, NULL, NULL);
    kit_next(k, s.f.stream, "RESCIND");
    char want[512];
    snprintf(want, sizeof want,
             "{\"type\":\"RECONCILE\",\"reconcile\":{\"framework_id\":{"
             "\"value\":\"%s\"},\"task_ids\":[{\"value\":\"t1\"}]}}",
             s.f.id);
    assert_string_equal(kit_next(k, s.agent.stream, "RECONCILE"), want);
    /* Until the answer its resources are not promised to anybody. */
    kit_next(k, s.f.stream, "\"scalar\":{\"value\":3.9}");
    kit_update(k, &s.agent, &s.f, "t1", "TASK_DROPPED", 'd');
    kit_next(k, s.f.stream, "TASK_DROPPED");
    kit_next(k, s.f.stream, "\"scalar\":{\"value\":0.1}");
}

static void test_a_kill_is_sent_again_to_an_agent_that_was_away(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, KEPT);
    kit_hang_up(k, s.agent.stream);
    kit_call(k, &s.f, "KILL", ",\"kill\":{\"task_id\":{\"value\":\"t1\"}}");
    assert_int_equal(k->status, 202);
    come_back(k, &s, "t1", "TASK_RUNNING");
    kit_next(k, s.agent.stream, "\"type\":\"KILL\"");
}

static void test_an_agent_of_a_removed_framework_shuts_it_down(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, KEPT);
    kit_hang_up(k, s.agent.stream);
    kit_call(k, &s.f, "TEARDOWN", "");
    come_back(k, &s, "t1", "TASK_RUNNING");
    char want[256];
    snprintf(want, sizeof want,
             "{\"type\":\"SHUTDOWN_FRAMEWORK\",\"shutdown_framework\":{"
             "\"framework_id\":{\"value\":\"%s\"}}}",
             s.f.id);
    assert_string_equal(kit_next(k, s.agent.stream, "SHUTDOWN"), want);
}

static void test_an_unreachable_task_that_does_not_return_is_gone(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, KEPT);
    k->is_deaf = true;
    kit_wait(k, 75000);
    kit_next(k, s.f.stream, "RESCIND");
    kit_next(k, s.f.stream, "TASK_UNREACHABLE");
    kit_next(k, s.f.stream, "FAILURE");
    come_back(k, &s, NULL, NULL);
    kit_next(k, s.f.stream, "TASK_GONE");
}

/* --- a master that restarts --- */

static void reconcile_four(struct kit *k, struct scene *s)
{
    char rest[1024];
    snprintf(rest, sizeof rest,
             ",\"reconcile\":{\"tasks\":[{\"task_id\":{\"value\":\"t1\"},"
             "\"agent_id\":{\"value\":\"%s\"}},{\"task_id\":{\"value\":"
             "\"unk\"},\"agent_id\":{\"value\":\"%s\"}},{\"task_id\":{"
             "\"value\":\"unk2\"}},{\"task_id\":{\"value\":\"unk3\"},"
             "\"agent_id\":{\"value\":\"nope-S0\"}}]}",
             s->agent.id, s->agent.id);
    kit_call(k, &s->f, "RECONCILE", rest);
}

static void test_everything_comes_back_after_a_restart(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, KEPT);
    char old_id[64], agent_id[128];
    snprintf(old_id, sizeof old_id, "%s", master_program_core(k->p)->id);
    snprintf(agent_id, sizeof agent_id, "%s", s.agent.id);
    kit_restart(k);
    assert_string_not_equal(old_id, master_program_core(k->p)->id);
    assert_int_equal(master_program_core(k->p)->recovered_agents, 1);

    s.f = kit_resubscribe(k, &s.f, KEPT);
    kit_next(k, s.f.stream, "SUBSCRIBED");
    reconcile_four(k, &s); /* silent about what may come back */
    kit_next(k, s.f.stream,
             "\"task_id\":{\"value\":\"unk3\"},\"state\":"
             "\"TASK_UNKNOWN\"");
    kit_nothing(k, s.f.stream);

    come_back(k, &s, "t1", "TASK_RUNNING");
    assert_string_equal(s.agent.id, agent_id);
    assert_non_null(strstr(kit_next(k, s.f.stream, "OFFERS"),
                           "\"scalar\":{\"value\":3.9}"));
    reconcile_four(k, &s);
    const char *update = kit_next(k, s.f.stream, "TASK_RUNNING");
    assert_non_null(strstr(update, "Reconciliation: Latest task state"));
    assert_non_null(strstr(update, "container_status"));
    kit_next(k, s.f.stream, "\"unk\"},\"state\":\"TASK_GONE\"");
    kit_next(k, s.f.stream, "\"unk2\"},\"state\":\"TASK_UNKNOWN\"");
    kit_next(k, s.f.stream, "\"unk3\"},\"state\":\"TASK_UNKNOWN\"");
}

static void test_agents_that_do_not_return_become_unreachable(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, KEPT);
    kit_restart(k);
    s.f = kit_resubscribe(k, &s.f, KEPT);
    kit_next(k, s.f.stream, "SUBSCRIBED");
    kit_wait(k, 599999);
    kit_nothing(k, s.f.stream);
    kit_wait(k, 1);
    kit_next(k, s.f.stream, "FAILURE");
    kit_restart(k); /* remembered */
    assert_int_equal(master_program_core(k->p)->recovered_agents, 0);
    s.f = kit_resubscribe(k, &s.f, KEPT);
    kit_next(k, s.f.stream, "SUBSCRIBED");
    char rest[512];
    snprintf(rest, sizeof rest,
             ",\"reconcile\":{\"tasks\":[{\"task_id\":{\"value\":\"t1\"},"
             "\"agent_id\":{\"value\":\"%s\"}}]}",
             s.agent.id);
    kit_call(k, &s.f, "RECONCILE", rest);
    kit_next(k, s.f.stream, "TASK_UNREACHABLE");
}

static void test_a_framework_that_does_not_return_is_removed(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, KEPT);
    kit_restart(k);
    come_back(k, &s, "t1", "TASK_RUNNING");
    kit_wait(k, 599999);
    kit_nothing(k, s.agent.stream);
    kit_wait(k, 1);
    kit_next(k, s.agent.stream, "\"type\":\"SHUTDOWN_FRAMEWORK\"");
}

static void test_a_lost_store_is_rebuilt_from_agents(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, KEPT);
    for (uint32_t i = 0; i < k->stored.count; i++) {
        free(k->stored.item[i].table);
        free(k->stored.item[i].key);
        blob_unref(k->stored.item[i].value);
    }
    k->stored.count = 0;
    k->options.core.seed++;
    kit_restart(k);
    come_back(k, &s, "t1", "TASK_RUNNING");
    const struct framework *f =
        master_framework(master_program_core(k->p), s.f.id);
    assert_non_null(f);
    assert_true(f->is_recovered);
    assert_int_equal(HASH_COUNT(f->tasks), 1);
    s.f = kit_resubscribe(k, &s.f, KEPT);
    kit_next(k, s.f.stream, "SUBSCRIBED");
    kit_next(k, s.f.stream, "\"scalar\":{\"value\":3.9}");
}

int main(void)
{
#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, kit_set_up, kit_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_agents_get_ids_and_epochs),
        TEST(test_an_answer_lost_on_the_way_costs_no_second_id),
        TEST(test_a_new_agent_replaces_the_old_one_at_its_address),
        TEST(test_stale_epochs_are_refused),
        TEST(test_malformed_reports_are_refused),
        TEST(test_an_agent_cannot_use_more_than_it_has),
        TEST(test_a_lost_link_rescinds_offers_and_nothing_more),
        TEST(test_a_silent_agent_becomes_unreachable),
        TEST(test_frameworks_that_know_no_partitions_hear_of_losses),
        TEST(test_pongs_keep_an_agent),
        TEST(test_a_disconnected_agent_has_the_time_of_its_pings),
        TEST(test_tasks_that_are_not_kept_end_with_the_link),
        TEST(test_goodbye_loses_tasks_at_once),
        TEST(test_a_task_the_agent_does_not_have_is_asked_for),
        TEST(test_a_kill_is_sent_again_to_an_agent_that_was_away),
        TEST(test_an_agent_of_a_removed_framework_shuts_it_down),
        TEST(test_an_unreachable_task_that_does_not_return_is_gone),
        TEST(test_everything_comes_back_after_a_restart),
        TEST(test_agents_that_do_not_return_become_unreachable),
        TEST(test_a_framework_that_does_not_return_is_removed),
        TEST(test_a_lost_store_is_rebuilt_from_agents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
