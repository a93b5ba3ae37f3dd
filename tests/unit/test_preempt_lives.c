/* A push outlives the scheduler: a victim on its way out is stored as such, is
 * killed in the next life, too, and runs again. */
#include "aurora_kit.h"

#include "aurora/state.h"

#define BATCH_TIER CREATE("\"service\":true,\"instances\":1")
#define PRODUCTION                                                           \
    "{\"type\":\"CREATE_JOB\",\"create_job\":{\"job\":{\"cluster\":"         \
    "\"devcluster\",\"role\":\"other\",\"environment\":\"prod\",\"name\":"   \
    "\"api\",\"production\":true,\"task\":{\"name\":\"api\",\"processes\":"  \
    "[{\"name\":\"p\",\"cmdline\":\"x\"}],\"resources\":{\"cpu_milli\":500," \
    "\"ram_bytes\":134217728,\"disk_bytes\":134217728}}}}}"

/* The master is heard of meanwhile. */
static void live(struct world *w, int64_t ms)
{
    MasterEvent event = MESOS__V1__SCHEDULER__EVENT__INIT;

    event.has_type = true;
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__HEARTBEAT;
    for (; ms > 0; ms -= 15 * 1000) {
        pass(w, 15 * 1000);
        event_in(w, &event);
        accept_calls(w);
    }
}

static int states(struct world *w, Perigee__Aurora__TaskState state)
{
    return count_state(get_job(w), state);
}

#define SHOWN_AS(name) PERIGEE__AURORA__TASK_STATE__##name

static struct world *pushed(char task[300])
{
    struct world *w = world_new();

    post(w, BATCH_TIER);
    offer(w, "m-S0", 1);
    (void)snprintf(task, 300, "%s", launched(w, 0)->task_id->value);
    update(w, task, "m-S0", STATE(RUNNING), NULL);
    accept_calls(w);
    give_quota(w, "other");
    post(w, PRODUCTION);
    expect_status(w, 200);
    live(w, 3 * 60 * 1000 - 15 * 1000);
    assert_int_equal(states(w, SHOWN_AS(RUNNING)), 1);
    post(w, "{\"type\":\"WHY\",\"why\":{\"key\":{\"cluster\":\"devcluster\","
            "\"role\":\"other\",\"environment\":\"prod\",\"name\":\"api\"}}}");
    assert_non_null(strstr(w->answer->why->preemption,
                           "others that give way may be pushed aside"));
    live(w, 2 * 60 * 1000);
    return w;
}

static void test_a_push_outlives_the_scheduler(void **unused)
{
    char task[300];
    struct world *w = pushed(task);

    (void)unused;
    assert_int_equal(states(w, SHOWN_AS(PREEMPTING)), 1);
    assert_non_null(find_call(w, CALL(KILL), 0));
    assert_string_equal(find_call(w, CALL(KILL), 0)->kill->task_id->value,
                        task);
    reborn(w);
    subscribed(w, "fw-1");
    assert_int_equal(states(w, SHOWN_AS(PREEMPTING)), 1);
    live(w, 30 * 1000);
    assert_non_null(find_call(w, CALL(KILL), 0));
    update(w, task, "m-S0", STATE(KILLED), NULL);
    assert_int_equal(states(w, SHOWN_AS(KILLED)), 1);
    assert_int_equal(states(w, SHOWN_AS(PENDING)), 1);
    world_free(w);
}

/* The room comes back as an offer: it is the winner's. */
static void test_the_winner_gets_the_room(void **unused)
{
    char task[300];
    struct world *w = pushed(task);

    (void)unused;
    w->calls.count = 0;
    post(w, "{\"type\":\"WHY\",\"why\":{\"key\":{\"cluster\":\"devcluster\","
            "\"role\":\"other\",\"environment\":\"prod\",\"name\":\"api\"}}}");
    assert_string_equal(w->answer->why->preemption,
                        "1 task on m-S0.host gives way to it, and is ending");
    update(w, task, "m-S0", STATE(KILLED), NULL);
    offer(w, "m-S0", 1);
    assert_non_null(launched(w, 0));
    assert_string_equal(launched(w, 0)->name, "api");
    assert_null(launched(w, 1));
    assert_int_equal(states(w, SHOWN_AS(PENDING)), 1);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_push_outlives_the_scheduler),
        cmocka_unit_test(test_the_winner_gets_the_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
