/* Groups over the API: how they start, what is refused, how they end. */
#include "group_kit.h"

/* --- starting --- */

static void test_members_start_in_order(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, SHOP, ORDER, "");
    expect_status(w, 200);
    assert_string_equal(members(w),
                        "db:0/2(WORKING) web:0/3(WAITING) admin:0/1(WAITING)");
    assert_string_equal(waits_of(w, "web"), "waits for db/db (0 of 2 running)");
    assert_string_equal(waits_of(w, "admin"),
                        "waits for web/web (0 of 3 running)");
    offer(w, "m-S0", 16);
    (void)round_of(w);
    /* What was RUNNING once lets the next begin. */
    assert_string_equal(members(w),
                        "db:2/2 web:0/3(WORKING) admin:0/1(WAITING)");
    rest_of_it(w);
    assert_string_equal(members(w), "db:2/2 web:3/3 admin:1/1");
    assert_string_equal(state_of(w), "RUNNING");
    const Group *g = get_group(w);
    assert_int_equal(g->n_events, 2);
    assert_int_equal(g->done, 3);
    assert_string_equal(g->tree->groups[1]->depends_on[0], "db");
    world_free(w);
}

static void test_who_waits_says_for_what(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, "db:2:stuck web:3:sleep", "web>db", "");
    rest_of_it(w);
    const Answer *a = ask_job(w, "GET_JOB", "web");
    assert_int_equal(a->jobs[0]->pending + a->jobs[0]->active, 0);
    assert_string_equal(a->jobs[0]->waits_for,
                        "waits for db/db (0 of 2 running)");
    assert_string_equal(a->jobs[0]->group->name, "shop");
    a = ask_job(w, "WHY", "web");
    assert_int_equal(a->why->pending, 3);
    assert_string_equal(a->why->advice,
                        "waits for db/db (0 of 2 running): it begins with its "
                        "group 'shop'");
    world_free(w);
}

static void test_what_ends_by_itself_is_up_when_it_finished(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, "load:2:done! web:1:sleep", "web>load", "");
    assert_string_equal(waits_of(w, "web"),
                        "waits for load/load (it has not finished)");
    rest_of_it(w);
    assert_string_equal(state_of(w), "RUNNING");
    /* Applied again, it is not run again. */
    deploy(w, "load:2:done! web:2:sleep", "web>load", "");
    rest_of_it(w);
    assert_string_equal(members(w), "load:0/2 web:2/2");
    assert_int_equal(ask_job(w, "GET_JOB", "load")->n_tasks, 2);
    world_free(w);
}

static void test_a_job_that_fails_ends_the_deployment(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, "load:1:bad! web:1:sleep", "web>load", "");
    rest_of_it(w);
    assert_string_equal(state_of(w), "FAILED");
    assert_string_equal(get_group(w)->message,
                        "load: an instance ended and did not finish");
    assert_string_equal(waits_of(w, "web"),
                        "waits for load/load (it failed); its group FAILED");
    /* Mended, it goes on where it stopped. */
    deploy(w, "load:1:done! web:1:sleep", "web>load", "");
    expect_status(w, 200);
    rest_of_it(w);
    assert_string_equal(state_of(w), "RUNNING");
    assert_string_equal(members(w), "load:0/1 web:1/1");
    world_free(w);
}

static void test_it_goes_on_after_a_crash(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, SHOP, ORDER, "");
    reborn(w);
    subscribed(w, "fw-1");
    offer(w, "m-S0", 16);
    (void)round_of(w);
    reborn(w);
    subscribed(w, "fw-1");
    assert_string_equal(members(w),
                        "db:2/2 web:0/3(WORKING) admin:0/1(WAITING)");
    rest_of_it(w);
    reborn(w);
    assert_string_equal(members(w), "db:2/2 web:3/3 admin:1/1");
    assert_string_equal(state_of(w), "RUNNING");
    assert_int_equal(get_group(w)->n_events, 2);
    world_free(w);
}

/* One of db runs for all that is remembered, the other one for sure. */
static void test_health_is_heard_of_after_a_crash(void **unused)
{
    struct world *w = world_new();
    char id[2][300];

    (void)unused;
    deploy(w, "db:2:sleep web:1:sleep", "web>db", "");
    offer(w, "m-S0", 16);
    accept_calls(w);
    for (int i = 0; i < 2; i++)
        snprintf(id[i], 300, "%s", launched(w, i)->task_id->value);
    update(w, id[0], "m-S0", STATE(RUNNING), NULL);
    reborn(w);
    w->is_mute = true;
    subscribed(w, "fw-1");
    update(w, id[1], "m-S0", STATE(RUNNING), NULL);
    assert_string_equal(members(w), "db:2/2(WORKING) web:0/1(WAITING)");
    update(w, id[0], "m-S0", STATE(FAILED), NULL);
    assert_string_equal(members(w), "db:1/2(WORKING) web:0/1(WAITING)");
    rest_of_it(w);
    assert_string_equal(members(w), "db:2/2 web:1/1");
    world_free(w);
}

/* --- all or nothing --- */

static void test_nothing_is_stored_when_something_is_wrong(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, "db:1:sleep web:0:sleep", "web>db", "");
    expect_status(w, 400);
    deploy(w, "db:1:sleep web:5000:sleep", "web>db", "");
    expect_refusal(w, 400, "want 1 to 4000");
    deploy(w, "db:1:sleep web:1:sleep", "web>db db>web", "");
    expect_refusal(w, 400, "a circle: db -> web -> db");
    assert_string_equal(w->answer->error->field, "deploy_group.depends_on");
    deploy(w, "db:1:sleep web:1:sleep", "web>nobody", "");
    expect_refusal(w, 400, "nothing beside it is named 'nobody'");
    deploy(w, "db:1:sleep db:1:sleep", "", "");
    expect_refusal(w, 400, "stands beside another of that name");
    post(w, "{\"type\":\"DEPLOY_GROUP\",\"deploy_group\":{" KEY_OF(
                "shop") ",\"group\":{\"name\":\"shop\"}}}");
    expect_refusal(w, 400, "has no job");
    post(w, "{\"type\":\"DEPLOY_GROUP\",\"deploy_group\":{" KEY_OF(
                "shop") ",\"group\":{\"name\":\"shop\",\"jobs\":[\"" PATH
                        "x\"]}}}");
    expect_refusal(w, 400, "is not here");
    post(w, "{\"type\":\"DEPLOY_GROUP\",\"deploy_group\":{" KEY_OF(
                "cart") ",\"group\":{\"name\":\"shop\"}}}");
    expect_refusal(w, 400, "want the name 'cart'");
    post(w,
         arena_printf(&w->arena,
                      "{\"type\":\"DEPLOY_GROUP\",\"deploy_group\":{"
                      "\"key\":{\"cluster\":\"devcluster\",\"role\":"
                      "\"other\",\"environment\":\"prod\",\"name\":"
                      "\"shop\"},\"group\":{\"name\":\"shop\",\"jobs\":[\"" PATH
                      "x\"]},\"jobs\":[%s]}}",
                      job_text(w, "x:1:sleep")));
    expect_refusal(w, 400, "want all jobs of one role");
    assert_string_equal(state_of(w), "GONE");
    ask_job(w, "GET_JOB", "db");
    expect_status(w, 404);
    post(w, "{\"type\":\"LIST_JOBS\"}");
    assert_int_equal(w->answer->n_jobs, 0);
    world_free(w);
}

static void test_jobs_belong_to_one_group(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, SHOP, ORDER, "");
    post(w, arena_printf(
                &w->arena,
                "{\"type\":\"DEPLOY_GROUP\",\"deploy_group\":{" KEY_OF(
                    "cart") ",\"group\":{\"name\":\"cart\",\"jobs\":[\"" PATH
                            "x\",\"" PATH "db\"]},\"jobs\":[%s,%s]}}",
                job_text(w, "x:1:sleep"), job_text(w, "db:1:sleep")));
    expect_refusal(w, 409, "is in group 'devcluster/www/prod/shop'");
    ask_job(w, "GET_JOB", "x");
    expect_status(w, 404);
    world_free(w);
}

static void test_create_wants_new_ones(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, SERVICE("1"));
    deploy(w, SHOP, ORDER, ",\"must_be_new\":true");
    expect_refusal(w, 409, "job 'devcluster/www/prod/web' exists already");
    assert_string_equal(state_of(w), "GONE");
    deploy(w, "db:1:sleep", "", ",\"must_be_new\":true");
    expect_status(w, 200);
    deploy(w, "db:1:sleep", "", ",\"must_be_new\":true");
    expect_refusal(w, 409, "exists already");
    world_free(w);
}

static void test_who_waits_is_not_touched_by_others(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, "db:1:stuck web:2:sleep", "web>db", "");
    post(w, SERVICE("1"));
    expect_refusal(w, 409, "begins with its group 'shop': it waits for db/db");
    post(w, START("new", "2", "\"watch_secs\":0"));
    expect_refusal(w, 409, "begins with its group");
    post(w, "{\"type\":\"SCALE_JOB\",\"scale\":{" KEY ",\"instances\":5}}");
    expect_refusal(w, 409, "begins with its group");
    ask_job(w, "RESTART_JOB", "web");
    expect_refusal(w, 409, "begins with its group");
    /* But it may be killed, which ends the deployment. */
    ask_job(w, "KILL_JOB", "web");
    expect_status(w, 200);
    assert_string_equal(state_of(w), "FAILED");
    assert_string_equal(get_group(w)->message, "web: it was killed");
    pass(w, 3 * 60 * 60 * 1000);
    assert_string_equal(state_of(w), "FAILED");
    world_free(w);
}

/* What is held is not pruned, however long it waits. */
static void test_waiting_outlives_pruning(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, "db:1:stuck web:2:sleep load:1:done!", "web>db", "");
    rest_of_it(w);
    pass(w, (int64_t)3 * 24 * 60 * 60 * 1000);
    assert_string_equal(waits_of(w, "web"), "waits for db/db (0 of 1 running)");
    assert_int_equal(ask_job(w, "GET_JOB", "load")->n_tasks, 0);
    expect_status(w, 200);
    world_free(w);
}

/* --- removing --- */

#define REMOVE "{\"type\":\"REMOVE_GROUP\",\"groups\":{" KEY_OF("shop") "}}"

/* What an earlier change dropped needed what stayed: it ends first, though the
 * tree does not know it any more. One whose update is under way has ended when
 * its last task has. */
static void test_members_end_in_reverse_amid_a_change(void **unused)
{
    struct world *w = world_new();
    char id[300];

    (void)unused;
    deploy(w, "db:1:sleep web:1:sleep admin:1:sleep", ORDER, "");
    rest_of_it(w);
    deploy(w, "db:1:sleep web:1:newer", "web>db", ",\"prune\":true");
    expect_status(w, 200);
    assert_string_equal(members(w),
                        "db:1/1 web:0/1(WORKING) admin:1/1(WAITING)");
    snprintf(id, sizeof id, "%s",
             find_call(w, CALL(KILL), 0)->kill->task_id->value);
    accept_calls(w);
    w->calls.count = 0;
    post(w, REMOVE);
    assert_string_equal(members(w),
                        "db:1/1(WAITING) web:0/1(WAITING) admin:0/1(WORKING)");
    (void)round_of(w);
    assert_string_equal(members(w), "db:1/1(WAITING) web:0/1(WORKING)");
    accept_calls(w);
    update(w, id, "m-S0", STATE(RUNNING), NULL); /* it takes its time */
    assert_string_equal(members(w), "db:1/1(WAITING) web:0/1(WORKING)");
    update(w, id, "m-S0", STATE(KILLED), NULL);
    assert_string_equal(members(w), "db:0/1(WORKING) web:0/0");
    (void)round_of(w);
    assert_string_equal(state_of(w), "GONE");
    world_free(w);
}

/* The record of the group says how many members there are. */
static void test_a_member_that_left_is_forgotten_by_its_group(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, "db:1:sleep web:1:sleep admin:1:sleep", ORDER, "");
    rest_of_it(w);
    deploy(w, "db:1:sleep web:1:newer", "web>db", ",\"prune\":true");
    post(w, REMOVE);
    (void)round_of(w);
    assert_string_equal(members(w), "db:1/1(WAITING) web:0/1(WORKING)");
    reborn(w);
    subscribed(w, "fw-1");
    assert_string_equal(state_of(w), "REMOVING");
    rest_of_it(w);
    assert_string_equal(state_of(w), "GONE");
    world_free(w);
}

static void test_members_end_in_reverse(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, SHOP, ORDER, "");
    rest_of_it(w);
    post(w, REMOVE);
    expect_status(w, 200);
    assert_string_equal(members(w),
                        "db:2/2(WAITING) web:3/3(WAITING) admin:0/1(WORKING)");
    (void)round_of(w);
    reborn(w);
    subscribed(w, "fw-1");
    assert_string_equal(state_of(w), "REMOVING");
    deploy(w, SHOP, ORDER, "");
    expect_refusal(w, 409, "is being removed");
    post(w, REMOVE);
    expect_refusal(w, 409, "is being removed");
    pass(w, 60 * 1000); /* the kills of the last life are sent again */
    rest_of_it(w);
    assert_string_equal(state_of(w), "GONE");
    ask_job(w, "GET_JOB", "db");
    expect_status(w, 404);
    post(w, REMOVE);
    expect_refusal(w, 404, "does not exist");
    deploy(w, SHOP, ORDER, ",\"must_be_new\":true");
    expect_status(w, 200);
    world_free(w);
}

static void test_what_never_started_goes_at_once(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, "db:1:stuck web:2:sleep", "web>db", "");
    post(w, REMOVE);
    expect_status(w, 200);
    ask_job(w, "GET_JOB", "web");
    expect_status(w, 404);
    rest_of_it(w);
    assert_string_equal(state_of(w), "GONE");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_start_in_order),
        cmocka_unit_test(test_who_waits_says_for_what),
        cmocka_unit_test(test_what_ends_by_itself_is_up_when_it_finished),
        cmocka_unit_test(test_a_job_that_fails_ends_the_deployment),
        cmocka_unit_test(test_it_goes_on_after_a_crash),
        cmocka_unit_test(test_health_is_heard_of_after_a_crash),
        cmocka_unit_test(test_nothing_is_stored_when_something_is_wrong),
        cmocka_unit_test(test_jobs_belong_to_one_group),
        cmocka_unit_test(test_create_wants_new_ones),
        cmocka_unit_test(test_who_waits_is_not_touched_by_others),
        cmocka_unit_test(test_waiting_outlives_pruning),
        cmocka_unit_test(test_members_end_in_reverse_amid_a_change),
        cmocka_unit_test(test_a_member_that_left_is_forgotten_by_its_group),
        cmocka_unit_test(test_members_end_in_reverse),
        cmocka_unit_test(test_what_never_started_goes_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
