/* Groups over the API: how they are changed and scaled, and what is seen of
 * that. */
#include "group_kit.h"

/* --- changing --- */

static void test_changes_wait_for_what_is_needed(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, SHOP, ORDER, "");
    rest_of_it(w);
    deploy(w, SHOP, ORDER, "");
    expect_status(w, 200);
    assert_string_equal(w->answer->note, "nothing had to change");
    assert_int_equal(get_group(w)->n_events, 2);
    /* db is updated, a cache comes between, web is scaled. */
    deploy(w, "db:2:newer cache:1:sleep web:4:sleep admin:1:sleep",
           "cache>db web>cache admin>web", "");
    expect_status(w, 200);
    assert_string_equal(get_group(w)->members[0]->update->key->name, "db");
    assert_string_equal(waits_of(w, "cache"),
                        "waits for db/db (0 of 2 running, is updated)");
    reborn(w);
    subscribed(w, "fw-1");
    pass(w, 20 * 1000); /* kills of the last life are sent again */
    rest_of_it(w);
    {
        const Group *g = get_group(w);
        printf("%s | %s\n", members(w),
               g->members[0]->update ? g->members[0]->update->message
                                           ? g->members[0]->update->message
                                           : "upd"
                                     : "no upd");
        printf("%s\n", waits_of(w, "cache"));
        const Answer *q = ask_job(w, "GET_JOB", "db");
        for (size_t i = 0; i < q->n_tasks; i++)
            printf("%d %d\n", q->tasks[i]->instance, q->tasks[i]->state);
    }
    assert_string_equal(state_of(w), "RUNNING");
    assert_string_equal(members(w), "db:2/2 cache:1/1 web:4/4 admin:1/1");
    world_free(w);
}

static void test_what_is_dropped_goes_last(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, SHOP, ORDER, "");
    rest_of_it(w);
    deploy(w, "store:1:sleep web:3:newer", "web>store", ",\"prune\":true");
    expect_status(w, 200);
    assert_string_equal(members(w), "store:0/1(WORKING) web:3/3(WAITING) "
                                    "db:2/2(WAITING) admin:1/1(WAITING)");
    (void)round_of(w);
    reborn(w);
    subscribed(w, "fw-1");
    rest_of_it(w);
    assert_string_equal(members(w), "store:1/1 web:3/3");
    assert_string_equal(state_of(w), "RUNNING");
    ask_job(w, "GET_JOB", "db");
    expect_status(w, 404);
    world_free(w);
}

static void test_without_pruning_they_run_on(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, SHOP, ORDER, "");
    rest_of_it(w);
    deploy(w, "web:3:sleep", "", "");
    assert_string_equal(members(w), "web:3/3");
    const Answer *a = ask_job(w, "GET_JOB", "db");
    assert_int_equal(a->jobs[0]->active, 2);
    assert_null(a->jobs[0]->group);
    reborn(w);
    assert_string_equal(members(w), "web:3/3");
    world_free(w);
}

static void test_an_update_that_fails_ends_the_deployment(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, SHOP, ORDER, "");
    rest_of_it(w);
    deploy(w, "db:2:bad web:3:newer admin:1:sleep", ORDER, "");
    rest_of_it(w);
    assert_string_equal(state_of(w), "FAILED");
    assert_string_equal(get_group(w)->message,
                        "db: its update is ROLLED_BACK: 1 of 2 instances "
                        "failed: 0 may");
    /* web was not begun, and keeps what it runs. */
    assert_string_equal(runs(w), "0:sleep 1:sleep 2:sleep");
    deploy(w, "db:2:good web:3:newer admin:1:sleep", ORDER, "");
    rest_of_it(w);
    assert_string_equal(state_of(w), "RUNNING");
    assert_string_equal(runs(w), "0:newer 1:newer 2:newer");
    world_free(w);
}

static void test_a_deployment_may_follow_another(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, "db:1:stuck web:2:sleep", "web>db", "");
    rest_of_it(w);
    /* web no longer waits: it starts, db goes. */
    deploy(w, "web:2:sleep", "", ",\"prune\":true");
    expect_status(w, 200);
    rest_of_it(w);
    assert_string_equal(members(w), "web:2/2");
    assert_string_equal(state_of(w), "RUNNING");
    world_free(w);
}

/* --- scaling --- */

#define SCALE(factor)                                     \
    "{\"type\":\"SCALE_GROUP\",\"scale_group\":{" KEY_OF( \
        "shop") ",\"factor_milli\":" factor "}}"

static void test_a_group_is_scaled(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, SHOP, ORDER, "");
    post(w, SCALE("2000"));
    expect_refusal(w, 409, "is DEPLOYING: want a RUNNING one");
    rest_of_it(w);
    post(w, SCALE("1500"));
    expect_status(w, 200);
    assert_string_equal(members(w),
                        "db:2/3(WORKING) web:3/3(WAITING) admin:1/1(WAITING)");
    rest_of_it(w);
    assert_string_equal(members(w), "db:3/3 web:5/5 admin:2/2");
    /* Back: who waits for others shrinks first. */
    post(w, SCALE("500"));
    rest_of_it(w);
    assert_string_equal(members(w), "db:2/2 web:3/3 admin:1/1");
    assert_string_equal(state_of(w), "RUNNING");
    post(w, SCALE("900"));
    assert_string_equal(w->answer->note, "nothing had to change");
    post(w, SCALE("0"));
    expect_refusal(w, 400, "want more than 0");
    post(w, SCALE("4000000000"));
    expect_refusal(w, 400, "want 1 to 4000");
    assert_string_equal(members(w), "db:2/2 web:3/3 admin:1/1");
    world_free(w);
}

/* --- looking --- */

static void test_groups_are_listed_in_pages(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    for (int i = 0; i < 3; i++)
        post(w, arena_printf(
                    &w->arena,
                    "{\"type\":\"DEPLOY_GROUP\",\"deploy_group\":{\"key\":{"
                    "\"cluster\":\"devcluster\",\"role\":\"www\","
                    "\"environment\":\"prod\",\"name\":\"g%d\"},\"group\":{"
                    "\"name\":\"g%d\",\"jobs\":[\"" PATH "j%d\"]},\"jobs\":"
                    "[%s]}}",
                    i, i, i,
                    job_text(w, arena_printf(&w->arena, "j%d:1:sleep", i))));
    post(w, "{\"type\":\"LIST_GROUPS\",\"groups\":{\"limit\":2}}");
    assert_int_equal(w->answer->n_groups, 2);
    assert_int_equal(w->answer->groups[0]->n_members, 0);
    assert_string_equal(w->answer->cursor, "www/prod/g1");
    post(w, "{\"type\":\"LIST_GROUPS\",\"groups\":{\"cursor\":"
            "\"www/prod/g1\"}}");
    assert_int_equal(w->answer->n_groups, 1);
    assert_string_equal(w->answer->groups[0]->key->name, "g2");
    post(w, "{\"type\":\"LIST_GROUPS\",\"groups\":{\"role\":\"nobody\"}}");
    assert_int_equal(w->answer->n_groups, 0);
    post(w, "{\"type\":\"LIST_GROUPS\",\"groups\":{\"cursor\":\"!\"}}");
    expect_refusal(w, 400, "not one of ours");
    get(w, "/api/v1/groups/www");
    assert_int_equal(w->answer->n_groups, 3);
    get(w, "/api/v1/groups/www/prod/g2");
    assert_int_equal(w->answer->groups[0]->n_members, 1);
    get(w, "/api/v1/groups/www/prod/g3");
    expect_status(w, 404);
    world_free(w);
}

static void test_events_tell_of_groups_and_members(void **unused)
{
    struct world *w = world_new();
    int whole = 0, of_member = 0;

    (void)unused;
    post(w, "{\"type\":\"SUBSCRIBE\",\"subscribe\":{" KEY_OF("shop") "}}");
    deploy(w, "db:1:sleep web:1:sleep", "web>db", ",\"message\":\"why not\"");
    rest_of_it(w);
    for (int i = 0; i < w->events.count; i++) {
        const Perigee__Aurora__Event *e = w->events.item[i];
        if (e->type != PERIGEE__AURORA__EVENT__TYPE__GROUP_CHANGED)
            continue;
        assert_string_equal(e->key->name, "shop");
        whole += e->group->n_members == 0;
        of_member += e->group->n_members == 1;
        if (whole == 1 && e->group->n_members == 0)
            assert_string_equal(e->group->message, "why not");
    }
    assert_int_equal(whole, 2);
    assert_int_equal(of_member, 4); /* two begin, two are up */
    world_free(w);
}

static void test_a_repeated_request_is_answered_once(void **unused)
{
    struct world *w = world_new();
    static const char scale[] = SCALE("2000");

    (void)unused;
    deploy(w, "db:1:sleep", "", "");
    rest_of_it(w);
    for (int i = 0; i < 2; i++) {
        request(w, HTTP_POST, "/api/v1", "", "once", scale);
        expect_status(w, 200);
        rest_of_it(w);
        assert_string_equal(members(w), "db:2/2");
    }
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes_wait_for_what_is_needed),
        cmocka_unit_test(test_what_is_dropped_goes_last),
        cmocka_unit_test(test_without_pruning_they_run_on),
        cmocka_unit_test(test_an_update_that_fails_ends_the_deployment),
        cmocka_unit_test(test_a_deployment_may_follow_another),
        cmocka_unit_test(test_a_group_is_scaled),
        cmocka_unit_test(test_groups_are_listed_in_pages),
        cmocka_unit_test(test_events_tell_of_groups_and_members),
        cmocka_unit_test(test_a_repeated_request_is_answered_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
