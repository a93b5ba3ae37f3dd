/* What a job goes through, from its request to the end of its tasks. */
#include "aurora_kit.h"

#include "aurora/state.h"
#include "base/id.h"

static void test_a_job_becomes_tasks_on_an_offer(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, SERVICE("3"));
    expect_status(w, 200);
    assert_true(w->answer->has_sequence && w->answer->sequence > 0);
    assert_int_equal(w->answer->n_jobs, 1);
    assert_int_equal(w->answer->jobs[0]->pending, 3);
    offer(w, "m-S0", 4);
    assert_int_equal(count_calls(w, CALL(ACCEPT)), 1);
    MasterCall *accept = find_call(w, CALL(ACCEPT), 0);
    assert_int_equal(accept->accept->n_offer_ids, 1);
    assert_true(accept->accept->filters->refuse_seconds == 0);
    assert_non_null(launched(w, 2));
    assert_null(launched(w, 3));
    Mesos__V1__TaskInfo *info = launched(w, 0);
    /* The time, the key, the instance, and a part that nobody has twice. */
    assert_memory_equal(info->task_id->value, "1700000000000-www-prod-web-0-",
                        29);
    assert_int_equal(strlen(info->task_id->value), 29 + 36);
    assert_string_equal(info->executor->command->user, "www");
    assert_false(info->executor->command->shell);
    char id[300];
    snprintf(id, sizeof id, "thermos-%s", info->task_id->value);
    assert_string_equal(info->executor->executor_id->value, id);
    Perigee__AssignedTask *data =
        decode(w, &perigee__assigned_task__descriptor, MEDIA_PROTOBUF,
               bytes_of(info->data.data, info->data.len));
    assert_string_equal(data->job->task->processes[0]->cmdline, "sleep 1");
    assert_string_equal(data->asset_url, "http://10.0.0.1:8081/assets/");
    assert_string_equal(data->hostname, "m-S0.host");
    world_free(w);
}

static void test_an_executor_id_is_never_too_long(void **unused)
{
    char text[ID_MAX];
    struct arena arena;

    (void)unused;
    arena_init(&arena);
    memset(text, 'x', sizeof text);
    text[0] = 'a';
    text[ID_MAX - 2] = 'z';
    struct blob *id = blob_new(bytes_of(text, ID_MAX - 1));
    char *executor = view_executor_id(id, &arena);
    assert_int_equal(strlen(executor), ID_MAX - 1);
    assert_memory_equal(executor, "thermos-x", 9);
    assert_int_equal(executor[ID_MAX - 2], 'z');
    blob_unref(id);
    arena_release(&arena);
}

static void test_a_held_offer_is_used_at_once(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    offer(w, "m-S0", 4);
    assert_int_equal(w->calls.count, 0);
    int64_t before = w->now_ms;
    post(w, SERVICE("1"));
    assert_int_equal(count_calls(w, CALL(ACCEPT)), 1);
    assert_true(w->now_ms == before);
    world_free(w);
}

static void test_an_unused_offer_goes_back_after_a_while(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    offer(w, "m-S0", 4);
    pass(w, 60 * 1000);
    assert_int_equal(count_calls(w, CALL(DECLINE)), 0);
    accept_calls(w); /* it asked after its tasks */
    /* Heartbeats keep the link alive meanwhile. */
    for (int i = 0; i < 10; i++) {
        MasterEvent event = MESOS__V1__SCHEDULER__EVENT__INIT;
        event.has_type = true;
        event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__HEARTBEAT;
        event_in(w, &event);
        pass(w, 60 * 1000);
    }
    assert_int_equal(count_calls(w, CALL(DECLINE)), 1);
    accept_calls(w);
    post(w, SERVICE("1")); /* nothing is held now: ask for offers */
    assert_int_equal(count_calls(w, CALL(REVIVE)), 1);
    world_free(w);
}

static void test_updates_are_shown_and_acknowledged(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, SERVICE("2"));
    offer(w, "m-S0", 4);
    char *id = launched(w, 0)->task_id->value;
    accept_calls(w);
    update(w, id, "m-S0", STATE(STARTING), NULL);
    assert_int_equal(count_calls(w, CALL(ACKNOWLEDGE)), 1);
    assert_string_equal(
        find_call(w, CALL(ACKNOWLEDGE), 0)->acknowledge->task_id->value, id);
    update(w, id, "m-S0", STATE(RUNNING), "here we go");
    update(w, id, "m-S0", STATE(RUNNING), "again"); /* a duplicate */
    assert_int_equal(count_calls(w, CALL(ACKNOWLEDGE)), 3);
    Answer *a = get_job(w);
    assert_int_equal(count_state(a, SHOWN(RUNNING)), 1);
    assert_int_equal(count_state(a, SHOWN(ASSIGNED)), 1);
    const Perigee__Aurora__TaskView *task = a->tasks[0];
    assert_string_equal(task->task_id, id);
    assert_int_equal(task->n_events, 4);
    assert_string_equal(task->events[3]->message, "here we go");
    assert_string_equal(task->agent_endpoint, "10.0.0.9:5051");
    assert_non_null(strstr(task->sandbox, id));
    world_free(w);
}

static void test_a_service_is_restarted_and_then_throttled(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, SERVICE("1"));
    for (int flap = 0; flap < 2; flap++) {
        offer(w, "m-S0", 4);
        char *id = launched(w, 0)->task_id->value;
        accept_calls(w);
        update(w, id, "m-S0", STATE(RUNNING), NULL);
        update(w, id, "m-S0", STATE(FAILED), "exit 1");
        accept_calls(w);
        w->calls.count = 0;
    }
    Answer *a = get_job(w);
    assert_int_equal(count_state(a, SHOWN(FAILED)), 2);
    assert_int_equal(count_state(a, SHOWN(THROTTLED)), 1);
    offer(w, "m-S0", 4);
    assert_int_equal(count_calls(w, CALL(ACCEPT)), 0);
    pass(w, 30 * 1000);
    assert_int_equal(count_calls(w, CALL(ACCEPT)), 1);
    world_free(w);
}

static void test_a_batch_job_finishes_and_may_be_created_again(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, BATCH("2"));
    offer(w, "m-S0", 4);
    char *first = launched(w, 0)->task_id->value;
    char *second = launched(w, 1)->task_id->value;
    accept_calls(w);
    update(w, first, "m-S0", STATE(FINISHED), NULL);
    post(w, BATCH("2"));
    expect_status(w, 409);
    assert_string_equal(w->answer->error->code, "EXISTS");
    update(w, second, "m-S0", STATE(FAILED), "exit 3");
    Answer *a = get_job(w);
    assert_int_equal(count_state(a, SHOWN(FINISHED)), 1);
    assert_int_equal(count_state(a, SHOWN(FAILED)), 1);
    assert_int_equal(a->jobs[0]->active + a->jobs[0]->pending, 0);
    post(w, BATCH("1"));
    expect_status(w, 200);
    world_free(w);
}

/* Minutes of a master that says nothing but that it is there. */
static void link_alive(struct world *w, int minutes)
{
    for (int i = 0; i < 2 * minutes; i++) {
        MasterEvent event = MESOS__V1__SCHEDULER__EVENT__INIT;
        event.has_type = true;
        event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__HEARTBEAT;
        event_in(w, &event);
        pass(w, 30 * 1000);
        accept_calls(w);
        w->calls.count = 0;
    }
}

static void test_a_killed_job_goes_away(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, SERVICE("2"));
    offer(w, "m-S0", 1); /* room for one */
    char *id = launched(w, 0)->task_id->value;
    run_all(w, "m-S0");
    post(w, ABOUT("KILL_JOB"));
    expect_status(w, 200);
    assert_int_equal(w->answer->n_instances, 2);
    assert_int_equal(count_calls(w, CALL(KILL)), 1);
    assert_string_equal(find_call(w, CALL(KILL), 0)->kill->task_id->value, id);
    assert_int_equal(count_state(get_job(w), SHOWN(KILLING)), 1);
    post(w, SERVICE("2"));
    expect_status(w, 409);
    accept_calls(w);
    pass(w, 15 * 1000); /* nobody answered: again */
    assert_int_equal(count_calls(w, CALL(KILL)), 2);
    update(w, id, "m-S0", STATE(KILLED), NULL);
    get_job(w);
    expect_status(w, 404);
    post(w, SERVICE("2"));
    expect_status(w, 200);
    world_free(w);
}

static void test_scale_add_and_kill_instances(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, SERVICE("2"));
    post(w, "{\"type\":\"SCALE_JOB\",\"scale\":{" KEY ",\"instances\":4}}");
    expect_status(w, 200);
    assert_int_equal(w->answer->n_instances, 2);
    assert_int_equal(get_job(w)->jobs[0]->job->instances, 4);
    post(w, "{\"type\":\"KILL_JOB\",\"target\":{" KEY
            ",\"instances\":[{\"first\":1,\"last\":1}]}}");
    expect_status(w, 200);
    assert_int_equal(get_job(w)->jobs[0]->job->instances, 3);
    post(w, "{\"type\":\"SCALE_JOB\",\"scale\":{" KEY ",\"instances\":4}}");
    assert_int_equal(w->answer->n_instances, 1);
    assert_int_equal(w->answer->instances[0], 1);
    post(w, "{\"type\":\"ADD_INSTANCES\",\"scale\":{" KEY ",\"instances\":1}}");
    assert_int_equal(w->answer->instances[0], 4);
    post(w, "{\"type\":\"SCALE_JOB\",\"scale\":{" KEY ",\"instances\":1}}");
    assert_int_equal(w->answer->n_instances, 4);
    assert_int_equal(get_job(w)->n_tasks, 1);
    post(w, "{\"type\":\"SCALE_JOB\",\"scale\":{" KEY ",\"instances\":4001}}");
    expect_status(w, 400);
    assert_string_equal(w->answer->error->field, "scale.instances");
    world_free(w);
}

static void test_a_rolling_restart_goes_batch_by_batch(void **unused)
{
    struct world *w = world_new();
    char id[3][300];

    (void)unused;
    post(w, SERVICE("3"));
    offer(w, "m-S0", 8);
    for (int i = 0; i < 3; i++)
        snprintf(id[i], 300, "%s", launched(w, i)->task_id->value);
    run_all(w, "m-S0");
    post(w, "{\"type\":\"RESTART_JOB\",\"target\":{" KEY ",\"batch_size\":1}}");
    expect_status(w, 200);
    assert_int_equal(w->answer->n_instances, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(count_calls(w, CALL(KILL)), 1);
        assert_string_equal(find_call(w, CALL(KILL), 0)->kill->task_id->value,
                            id[i]);
        accept_calls(w);
        w->calls.count = 0;
        update(w, id[i], "m-S0", STATE(KILLED), NULL);
        assert_int_equal(count_calls(w, CALL(KILL)), 0);
        accept_calls(w);
        if (i == 1) { /* a restart survives the scheduler */
            reborn(w);
            subscribed(w, "fw-1");
            accept_calls(w);
            w->calls.count = 0;
        }
        offer(w, "m-S0", 8);
        Mesos__V1__TaskInfo *info = launched(w, 0);
        assert_non_null(info);
        accept_calls(w);
        w->calls.count = 0;
        update(w, info->task_id->value, "m-S0", STATE(RUNNING), NULL);
    }
    assert_int_equal(count_calls(w, CALL(KILL)), 0);
    assert_int_equal(count_state(get_job(w), SHOWN(RUNNING)), 3);
    world_free(w);
}

static void test_everything_survives_a_new_life(void **unused)
{
    struct world *w = world_new();
    char running[300], starting[300];

    (void)unused;
    post(w, SERVICE("3"));
    offer(w, "m-S0", 1); /* room for one */
    snprintf(running, 300, "%s", launched(w, 0)->task_id->value);
    run_all(w, "m-S0");
    offer(w, "m-S1", 1);
    snprintf(starting, 300, "%s", launched(w, 0)->task_id->value);
    reborn(w);
    Answer *a = get_job(w);
    assert_int_equal(a->n_tasks, 3);
    assert_int_equal(count_state(a, SHOWN(RUNNING)), 1);
    assert_int_equal(count_state(a, SHOWN(ASSIGNED)), 1);
    assert_int_equal(count_state(a, SHOWN(PENDING)), 1);
    subscribed(w, "fw-1");
    MasterCall *reconcile = find_call(w, CALL(RECONCILE), 0);
    assert_int_equal(reconcile->reconcile->n_tasks, 2);
    accept_calls(w);
    /* The launch never arrived. */
    w->calls.count = 0;
    update(w, starting, "m-S1", STATE(GONE), "Reconciliation: unknown");
    assert_string_equal(find_call(w, CALL(KILL), 0)->kill->task_id->value,
                        starting);
    accept_calls(w);
    a = get_job(w);
    assert_int_equal(count_state(a, SHOWN(PENDING)), 2);
    assert_int_equal(count_state(a, SHOWN(LOST)), 1);
    world_free(w);
}

static void test_a_broken_accept_is_asked_after(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, SERVICE("1"));
    offer(w, "m-S0", 4);
    char *id = launched(w, 0)->task_id->value;
    AURORA_PROGRAM.on_broken(w->p, w->calls.exchange[0], "reset", w->now_ms,
                             &w->fx);
    look(w);
    MasterCall *reconcile = find_call(w, CALL(RECONCILE), 0);
    assert_non_null(reconcile);
    assert_string_equal(reconcile->reconcile->tasks[0]->task_id->value, id);
    world_free(w);
}

static void test_strangers_are_killed(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    update(w, "who-is-this", "m-S0", STATE(RUNNING), NULL);
    assert_int_equal(count_calls(w, CALL(KILL)), 1);
    assert_int_equal(count_calls(w, CALL(ACKNOWLEDGE)), 1);
    accept_calls(w);
    w->calls.count = 0;
    update(w, "who-is-this", "m-S0", STATE(KILLED), NULL);
    assert_int_equal(count_calls(w, CALL(KILL)), 0);
    assert_int_equal(count_calls(w, CALL(ACKNOWLEDGE)), 1);
    world_free(w);
}

static void test_an_unreachable_task_is_replaced(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, SERVICE("1"));
    offer(w, "m-S0", 4);
    char *id = launched(w, 0)->task_id->value;
    run_all(w, "m-S0");
    update(w, id, "m-S0", STATE(UNREACHABLE), "health check timed out");
    Answer *a = get_job(w);
    assert_int_equal(count_state(a, SHOWN(LOST)), 1);
    assert_int_equal(count_state(a, SHOWN(PENDING)), 1);
    assert_int_equal(count_calls(w, CALL(KILL)), 1);
    accept_calls(w);
    w->calls.count = 0;
    update(w, id, "m-S0", STATE(RUNNING), "the agent is back");
    assert_int_equal(count_calls(w, CALL(KILL)), 1);
    world_free(w);
}

static void test_a_service_is_suspended_and_woken(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, SERVICE("2"));
    offer(w, "m-S0", 4);
    char *id[] = {launched(w, 0)->task_id->value,
                  launched(w, 1)->task_id->value};
    run_all(w, "m-S0");
    post(w, "{\"type\":\"SCALE_JOB\",\"scale\":{" KEY ",\"instances\":0}}");
    expect_status(w, 200);
    for (int i = 0; i < 2; i++)
        update(w, id[i], "m-S0", STATE(KILLED), NULL);
    accept_calls(w);
    link_alive(w, 3 * 24 * 60); /* longer than history is kept */
    reborn(w);
    subscribed(w, "fw-1");
    Answer *a = get_job(w);
    expect_status(w, 200);
    assert_int_equal(a->jobs[0]->job->instances, 0);
    assert_int_equal(a->n_tasks, 0);
    post(w, SERVICE("2"));
    expect_status(w, 409);
    post(w, "{\"type\":\"SCALE_JOB\",\"scale\":{" KEY ",\"instances\":3}}");
    expect_status(w, 200);
    assert_int_equal(w->answer->n_instances, 3);
    assert_int_equal(count_state(get_job(w), SHOWN(PENDING)), 3);
    post(w, ABOUT("KILL_JOB"));
    post(w, BATCH("2"));
    expect_status(w, 200);
    post(w, "{\"type\":\"SCALE_JOB\",\"scale\":{" KEY ",\"instances\":0}}");
    expect_status(w, 400); /* what has run cannot be taken back */
    world_free(w);
}

/* Partitioned for 5 of 10 seconds when the scheduler dies: 5 are left. */
static void test_111_a_delay_goes_on_after_failover(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, CREATE("\"service\":true,\"instances\":1,\"partition_policy\":"
                   "{\"reschedule\":true,\"delay_secs\":10}"));
    offer(w, "m-S0", 4);
    char *id = launched(w, 0)->task_id->value;
    run_all(w, "m-S0");
    update(w, id, "m-S0", STATE(UNREACHABLE), "health check timed out");
    pass(w, 5000);
    assert_int_equal(count_state(get_job(w), SHOWN(PARTITIONED)), 1);
    reborn(w);
    pass(w, 4999);
    assert_int_equal(count_state(get_job(w), SHOWN(PARTITIONED)), 1);
    pass(w, 1);
    assert_int_equal(count_state(get_job(w), SHOWN(LOST)), 1);
    assert_int_equal(count_state(get_job(w), SHOWN(PENDING)), 1);
    world_free(w);
}

static void test_a_task_that_says_nothing_is_lost(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, SERVICE("1"));
    offer(w, "m-S0", 4);
    accept_calls(w);
    link_alive(w, 5);
    Answer *a = get_job(w);
    assert_int_equal(count_state(a, SHOWN(LOST)), 1);
    assert_int_equal(count_state(a, SHOWN(PENDING)), 1);
    world_free(w);
}

/* What must not come back out of a backup is killed before a master is there.
 */
static void test_114_a_restored_job_is_killed_before_it_comes_back(
    void **unused)
{
    struct world *w = world_new();
    char id[300];

    (void)unused;
    post(w, SERVICE("2"));
    offer(w, "m-S0", 1);
    snprintf(id, sizeof id, "%s", launched(w, 0)->task_id->value);
    run_all(w, "m-S0");
    reborn(w);
    w->is_mute = true;
    post(w, ABOUT("KILL_JOB"));
    expect_status(w, 200);
    assert_null(find_call(w, CALL(ACCEPT), 0));
    subscribed(w, "fw-1");
    accept_calls(w);
    update(w, id, "m-S0", STATE(UNKNOWN), "the master does not know it");
    offer(w, "m-S1", 4);
    assert_null(launched(w, 0));
    assert_int_equal(get_job(w)->n_jobs, 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_job_becomes_tasks_on_an_offer),
        cmocka_unit_test(
            test_114_a_restored_job_is_killed_before_it_comes_back),
        cmocka_unit_test(test_an_executor_id_is_never_too_long),
        cmocka_unit_test(test_a_held_offer_is_used_at_once),
        cmocka_unit_test(test_an_unused_offer_goes_back_after_a_while),
        cmocka_unit_test(test_updates_are_shown_and_acknowledged),
        cmocka_unit_test(test_a_service_is_restarted_and_then_throttled),
        cmocka_unit_test(test_a_batch_job_finishes_and_may_be_created_again),
        cmocka_unit_test(test_a_killed_job_goes_away),
        cmocka_unit_test(test_scale_add_and_kill_instances),
        cmocka_unit_test(test_a_rolling_restart_goes_batch_by_batch),
        cmocka_unit_test(test_everything_survives_a_new_life),
        cmocka_unit_test(test_a_broken_accept_is_asked_after),
        cmocka_unit_test(test_strangers_are_killed),
        cmocka_unit_test(test_an_unreachable_task_is_replaced),
        cmocka_unit_test(test_a_service_is_suspended_and_woken),
        cmocka_unit_test(test_111_a_delay_goes_on_after_failover),
        cmocka_unit_test(test_a_task_that_says_nothing_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
