/* Cron jobs over the API, and through deaths of the scheduler. */
#include "tests/unit/aurora_kit.h"

typedef Perigee__Aurora__CronView Cron;

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

#define CRON_OF(fields)                                               \
    CREATE("\"service\":false,\"instances\":1,\"cron\":{\"schedule\"" \
           ":\"* * * * *\"" fields "}")
#define ASK(type) "{\"type\":\"" type "\",\"cron\":{" KEY "}}"
#define IS(name) PERIGEE__AURORA__FIRING_VIEW__STATE__##name

static const Cron *get_cron(struct world *w)
{
    post(w, ASK("GET_CRON"));
    expect_status(w, 200);
    assert_int_equal(w->answer->n_crons, 1);
    return w->answer->crons[0];
}

/* The newest firing is in that state; of so many. */
static void expect(struct world *w, size_t count,
                   Perigee__Aurora__FiringView__State state)
{
    const Cron *cron = get_cron(w);

    assert_int_equal(cron->n_firings, count);
    assert_int_equal(cron->firings[count - 1]->state, state);
    for (size_t i = 1; i < count; i++)
        assert_true(cron->firings[i - 1]->scheduled_secs <
                    cron->firings[i]->scheduled_secs);
}

static void run_out(struct world *w, Mesos__V1__TaskState state)
{
    Mesos__V1__TaskInfo *info;

    offer(w, "a-1", 8);
    accept_calls(w);
    assert_non_null(info = launched(w, 0));
    update(w, info->task_id->value, "a-1", STATE(RUNNING), NULL);
    update(w, info->task_id->value, "a-1", state, NULL);
    accept_calls(w);
    w->calls.count = 0;
}

/* The world begins at 22:13:20. */
enum { TO_2214 = 40 * SECOND };

static void test_a_run_is_made_once_whenever_it_dies(void **unused)
{
    struct world *w = world_new();
    (void)unused;
    post(w, CRON_OF(""));
    expect_status(w, 200);
    reborn(w);
    subscribed(w, "fw-1");
    pass(w, TO_2214);
    expect(w, 1, IS(ACTIVE));
    reborn(w); /* it is decided upon, and has its task */
    subscribed(w, "fw-1");
    expect(w, 1, IS(ACTIVE));
    assert_int_equal(get_job(w)->n_tasks, 1);
    run_out(w, STATE(FINISHED));
    expect(w, 1, IS(SUCCEEDED));
    reborn(w);
    subscribed(w, "fw-1");
    expect(w, 1, IS(SUCCEEDED));
    assert_int_equal(get_cron(w)->successes, 1);
    assert_int_equal(get_cron(w)->duration_max_ms, 0);
    pass(w, MINUTE);
    expect(w, 2, IS(ACTIVE));
    world_free(w);
}

/* Ten minutes without a scheduler. */
static void sleeps(struct world *w)
{
    w->now_ms += 10 * MINUTE;
    reborn(w);
    subscribed(w, "fw-1");
    pass(w, 0);
}

static void test_downtime_is_caught_up_with_by_policy(void **unused)
{
    struct world *w = world_new();
    (void)unused;
    post(w, CRON_OF(""));
    pass(w, TO_2214 - 1);
    sleeps(w); /* to 22:23:59.999 */
    const Cron *cron = get_cron(w);
    assert_int_equal(cron->n_firings, 2);
    assert_int_equal(cron->firings[0]->state, IS(MISSED));
    assert_int_equal(cron->firings[0]->scheduled_secs -
                         cron->firings[0]->first_secs,
                     8 * 60);
    assert_int_equal(cron->firings[1]->state, IS(ACTIVE));
    assert_int_equal(cron->missed, 1);
    post(w, CRON_OF(",\"catch_up\":\"ALL\""));
    expect_status(w, 200);
    sleeps(w); /* the old run is there: all wait for their turn */
    cron = get_cron(w);
    assert_int_equal(cron->n_firings, 12);
    for (int i = 2; i < 12; i++)
        assert_int_equal(cron->firings[i]->state, IS(WAITING));
    for (int i = 0; i < 11; i++) {
        reborn(w);
        subscribed(w, "fw-1");
        run_out(w, STATE(FINISHED));
    }
    assert_int_equal(get_cron(w)->successes, 11);
    expect(w, 12, IS(SUCCEEDED));
    world_free(w);
}

static void test_pause_and_retries_survive(void **unused)
{
    struct world *w = world_new();
    (void)unused;
    post(w, CRON_OF(",\"retries\":1"));
    pass(w, TO_2214);
    run_out(w, STATE(FAILED));
    post(w, ASK("PAUSE_CRON"));
    expect_status(w, 200);
    reborn(w);
    subscribed(w, "fw-1");
    expect(w, 1, IS(ACTIVE));
    assert_int_equal(get_cron(w)->firings[0]->tries, 2);
    run_out(w, STATE(FAILED));
    expect(w, 1, IS(FAILED));
    assert_true(get_cron(w)->paused);
    sleeps(w);
    expect(w, 1, IS(FAILED));
    post(w, ASK("PAUSE_CRON"));
    expect_status(w, 409);
    post(w, ASK("RESUME_CRON"));
    pass(w, MINUTE);
    expect(w, 2, IS(ACTIVE));
    assert_int_equal(get_cron(w)->errors_since_success, 1);
    world_free(w);
}

/* The scheduler was stopped over 22:14: the request is read before its clock
 * is. */
static void test_a_change_forgets_no_time_that_has_come(void **unused)
{
    static const char *const change[] = {
        CRON_OF(",\"retries\":1"), ASK("PAUSE_CRON"),
        CREATE("\"service\":false,\"instances\":1,\"cron\":{\"schedule\":"
               "\"*/5 * * * *\"}")};
    (void)unused;
    for (size_t i = 0; i < sizeof change / sizeof *change; i++) {
        struct world *w = world_new();
        post(w, CRON_OF(""));
        pass(w, TO_2214 - 1);
        w->now_ms += 2 * SECOND;
        post(w, change[i]);
        expect_status(w, 200);
        expect(w, 1, IS(ACTIVE));
        pass(w, MINUTE);
        assert_int_equal(get_cron(w)->n_firings, i == 1 ? 1 : 2);
        world_free(w);
    }
}

/* What names no start starts with a run, also right behind a time of before. */
static void test_a_change_starts_with_a_run(void **unused)
{
    struct world *w = world_new();
    (void)unused;
    post(w, CREATE("\"service\":false,\"instances\":1,\"cron\":{\"schedule\":"
                   "\"R/2023-11-14T22:14:01Z/PT1M\"}"));
    expect_status(w, 200);
    pass(w, TO_2214 + SECOND - 1);
    w->now_ms += SECOND + 2;
    post(w, CREATE("\"service\":false,\"instances\":1,\"cron\":{\"schedule\":"
                   "\"R//PT1H\",\"collision_policy\":\"RUN_OVERLAP\"}"));
    expect_status(w, 200);
    pass(w, SECOND);
    expect(w, 2, IS(ACTIVE));
    world_free(w);
}

static void test_it_goes_when_its_last_run_has_ended(void **unused)
{
    struct world *w = world_new();
    (void)unused;
    post(w, CRON_OF(""));
    post(w, ASK("START_CRON"));
    expect_status(w, 200);
    assert_true(w->answer->firing->manual);
    post(w, ASK("DESCHEDULE_CRON"));
    expect_status(w, 200);
    reborn(w);
    subscribed(w, "fw-1");
    assert_true(get_cron(w)->descheduled);
    post(w, ASK("START_CRON"));
    expect_status(w, 409);
    run_out(w, STATE(FINISHED));
    pass(w, SECOND);
    post(w, ASK("START_CRON"));
    expect_status(w, 404);
    assert_true(get_cron(w)->descheduled); /* for those who look back */
    post(w, "{\"type\":\"LIST_CRON\"}");
    assert_int_equal(w->answer->n_crons, 0);
    reborn(w);
    world_free(w);
}

static void test_it_is_read_as_a_get_too(void **unused)
{
    struct world *w = world_new();
    (void)unused;
    post(w, CRON_OF(""));
    pass(w, TO_2214);
    get(w, "/api/v1/cron");
    expect_status(w, 200);
    assert_int_equal(w->answer->n_crons, 1);
    assert_int_equal(w->answer->crons[0]->n_firings, 0);
    assert_int_equal(w->answer->crons[0]->last->state, IS(ACTIVE));
    get(w, "/api/v1/jobs/www/prod/web/firings");
    expect_status(w, 200);
    assert_int_equal(w->answer->crons[0]->n_firings, 1);
    request(w, HTTP_GET, "/api/v1/cron", "role=db", NULL, "");
    expect_status(w, 200);
    assert_int_equal(w->answer->n_crons, 0);
    request(w, HTTP_GET, "/api/v1/cron", "rule=db", NULL, "");
    expect_status(w, 400);
    get(w, "/api/v1/jobs/www/prod/db/firings");
    expect_status(w, 404);
    assert_non_null(get_job(w)->jobs[0]->cron);
    assert_true(w->answer->jobs[0]->cron->has_next_secs);
    world_free(w);
}

#define GROUP_OF(job)                                                         \
    "{\"type\":\"DEPLOY_GROUP\",\"deploy_group\":{\"key\":{\"cluster\":"      \
    "\"devcluster\",\"role\":\"www\",\"environment\":\"prod\",\"name\":"      \
    "\"g\"},\"group\":{\"name\":\"g\",\"jobs\":[\"devcluster/www/prod/web\"]" \
    "},\"jobs\":[" job "]}}"

static void test_no_group_holds_one(void **unused)
{
    struct world *w = world_new();
    (void)unused;
    post(w, GROUP_OF(JOB("\"cron\":{\"schedule\":\"@daily\"}")));
    expect_status(w, 400);
    assert_non_null(
        strstr(w->answer->error->message, "is a cron job: no group"));
    post(w, CRON_OF(""));
    post(w, GROUP_OF(JOB("\"service\":true")));
    expect_status(w, 400);
    assert_non_null(
        strstr(w->answer->error->message, "has a schedule: no group"));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_run_is_made_once_whenever_it_dies),
        cmocka_unit_test(test_downtime_is_caught_up_with_by_policy),
        cmocka_unit_test(test_pause_and_retries_survive),
        cmocka_unit_test(test_a_change_forgets_no_time_that_has_come),
        cmocka_unit_test(test_a_change_starts_with_a_run),
        cmocka_unit_test(test_it_goes_when_its_last_run_has_ended),
        cmocka_unit_test(test_it_is_read_as_a_get_too),
        cmocka_unit_test(test_no_group_holds_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
