/* Quotas over the API: every path that takes more, and Aurora's cases under
 * their numbers. */
#include "quota_kit.h"

/* --- without and with --- */

static void test_production_needs_a_quota(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    create(w, "a", 1, 2, PROD);
    expect_quota(w, "quota of role 'www': cpu of production: 0 in use + 2 "
                    "asked = 2, more than 0; so with ram, disk, tasks");
    create(w, "a", 1, 2, OTHER);
    expect_status(w, 200);
    assert_int_equal(view(w, "www")->other->cpu_milli, 2000);
    assert_int_equal(used(w), 0);
    assert_null(view(w, "www")->quota);
    world_free(w);
}

static void test_the_sum_is_told(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    quota(w, "www", 6, "");
    create(w, "a", 1, 3, PROD);
    expect_status(w, 200);
    create(w, "b", 1, 5, PROD);
    expect_quota(w, "quota of role 'www': cpu of production: 3 in use + 5 "
                    "asked = 8, more than 6; so with ram, disk");
    assert_string_equal(w->answer->error->hint,
                        "3 instances would fit; see: clusterctl quota get "
                        "devcluster/www");
    assert_true(has_line(w, "cpu of production, role 'www':"));
    assert_true(has_line(w, "            3  devcluster/www/prod/a (3 tasks)"));
    assert_true(has_line(
        w, "  +         5  job devcluster/www/prod/b with 5 instances"));
    assert_true(has_line(w, "  =         8  in all"));
    assert_true(has_line(w, "            6  is the quota"));
    assert_true(has_line(w, "            2  is missing"));
    assert_true(has_line(w, "3 instances would fit"));
    get(w, "/api/v1/jobs/www/prod/b"); /* nothing was stored */
    expect_status(w, 404);
    create(w, "b", 1, 3, PROD);
    expect_status(w, 200);
    assert_int_equal(used(w), 6);
    world_free(w);
}

static void test_scaling_and_adding(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    quota(w, "www", 4, "");
    create(w, "a", 1, 2, PROD);
    post(w, SCALE_TO("a", "5"));
    expect_quota(w, NULL);
    assert_string_equal(w->answer->error->hint,
                        "4 instances would fit; see: clusterctl quota get "
                        "devcluster/www");
    post(w, ADD_TO("a", "3"));
    expect_quota(w, NULL);
    post(w, ADD_TO("a", "1"));
    expect_status(w, 200);
    post(w, SCALE_TO("a", "4"));
    expect_status(w, 200);
    assert_int_equal(used(w), 4);
    post(w, SCALE_TO("a", "1"));
    expect_status(w, 200);
    settle(w);
    assert_int_equal(used(w), 1);
    world_free(w);
}

/* --- updates --- */

static void test_88_an_update_counts_as_its_most(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    quota(w, "www", 5, "");
    create(w, "foo", 1, 2, PROD);
    create(w, "bar", 1, 1, PROD QUICK);
    settle(w);
    start(w, "bar", 2, 1, PROD QUICK);
    expect_status(w, 200);
    assert_int_equal(used(w), 4);
    create(w, "new", 1, 1, PROD);
    expect_status(w, 200);
    create(w, "more", 1, 1, PROD);
    expect_quota(w, NULL);
    settle(w);
    assert_int_equal(used(w), 5);
    world_free(w);
}

static void test_89_the_old_version_counts_too(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    quota(w, "www", 6, "");
    create(w, "foo", 1, 4, PROD);
    create(w, "bar", 2, 1, PROD QUICK);
    settle(w);
    start(w, "bar", 1, 1, PROD QUICK);
    expect_status(w, 200);
    assert_int_equal(used(w), 6);
    create(w, "new", 1, 1, PROD);
    expect_quota(w, NULL);
    settle(w); /* over: what is left counts */
    assert_int_equal(used(w), 5);
    create(w, "new", 1, 1, PROD);
    expect_status(w, 200);
    world_free(w);
}

static void test_90_the_new_version_counts_too(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    quota(w, "www", 6, "");
    create(w, "foo", 1, 4, PROD);
    create(w, "bar", 1, 1, PROD QUICK);
    settle(w);
    start(w, "bar", 3, 1, PROD QUICK);
    expect_quota(w, NULL);
    start(w, "bar", 1, 3, PROD QUICK);
    expect_quota(w, NULL);
    assert_string_equal(w->answer->error->hint,
                        "2 instances would fit; see: clusterctl quota get "
                        "devcluster/www");
    call(w, "PREVIEW_UPDATE", job(w, "bar", 3, 1, PROD QUICK));
    expect_quota(w, NULL);
    start(w, "bar", 2, 1, PROD QUICK);
    expect_status(w, 200);
    assert_int_equal(used(w), 6);
    world_free(w);
}

static void test_91_out_of_production(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    quota(w, "www", 5, "");
    create(w, "foo", 1, 2, PROD);
    create(w, "bar", 1, 1, PROD QUICK);
    settle(w);
    start(w, "bar", 7, 1, OTHER QUICK);
    expect_status(w, 200);
    assert_int_equal(used(w), 3);
    create(w, "new", 1, 1, PROD);
    expect_status(w, 200);
    assert_int_equal(used(w), 4);
    settle(w);
    assert_int_equal(used(w), 3);
    assert_int_equal(view(w, "www")->other->cpu_milli, 7000);
    world_free(w);
}

static void test_into_production(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    quota(w, "www", 2, "");
    create(w, "a", 1, 3, OTHER);
    settle(w);
    start(w, "a", 1, 3, PROD);
    expect_quota(w, NULL);
    quota(w, "www", 3, "");
    start(w, "a", 1, 3, PROD);
    expect_status(w, 200);
    assert_int_equal(used(w), 3);
    settle(w);
    pass(w, 3600000);
    assert_int_equal(used(w), 3);
    world_free(w);
}

/* What is to go is still there while others grow: the most at any time counts,
 * where Aurora takes the greater of the two sums. */
static void test_growing_and_shrinking_at_once(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    quota(w, "www", 5, "");
    create(w, "a", 1, 4, PROD QUICK);
    settle(w);
    start(w, "a", 2, 2, PROD QUICK);
    expect_quota(w, NULL);
    quota(w, "www", 6, "");
    start(w, "a", 2, 2, PROD QUICK);
    expect_status(w, 200);
    assert_int_equal(used(w), 6);
    settle(w);
    assert_int_equal(used(w), 4);
    world_free(w);
}

static void test_a_surge_has_more_at_once(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    quota(w, "www", 5, "");
    create(w, "a", 1, 4, PROD SURGE);
    settle(w);
    start(w, "a", 1, 4, PROD SURGE ",\"priority\":3"); /* nothing restarts */
    expect_quota(w, NULL);
    start(w, "a", 2, 2, PROD SURGE);
    expect_quota(w, NULL);
    quota(w, "www", 14, "");
    start(w, "a", 2, 4, PROD SURGE);
    expect_status(w, 200);
    assert_int_equal(used(w), 12);
    post(w, FINISH("ROLLBACK_UPDATE", "a"));
    expect_status(w, 200);
    assert_int_equal(used(w), 12);
    settle(w);
    assert_int_equal(used(w), 4);
    world_free(w);
}

#define TIGHT                                                 \
    ",\"update\":{\"watch_secs\":600,\"strategy\":\"SURGE\"," \
    "\"minimum_health_capacity_milli\":250,"                  \
    "\"maximum_over_capacity_milli\":250}"

/* Both tasks of instance 0 live, none of instance 1: it is not begun anew while
 * the one too many of instance 0 is still being killed. */
static void test_an_aborted_surge_keeps_to_the_quota(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    quota(w, "www", 8, "");
    create(w, "a", 4, 2, PROD);
    offer(w, "m-S0", 5);
    assert_true(one_round(w));
    start(w, "a", 3, 2, PROD TIGHT);
    expect_status(w, 200);
    offer(w, "m-S0", 4);
    assert_true(one_round(w));
    assert_int_equal(used(w), 8);
    post(w, FINISH("ABORT_UPDATE", "a"));
    expect_status(w, 200);
    assert_int_equal(used(w), 7);
    world_free(w);
}

static void test_an_abort_leaves_what_runs(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    quota(w, "www", 8, "");
    create(w, "a", 1, 4, PROD QUICK);
    settle(w);
    start(w, "a", 2, 4, PROD ",\"update\":{\"watch_secs\":60}");
    expect_status(w, 200);
    settle(w);
    assert_int_equal(used(w), 8);
    reborn(w);
    subscribed(w, "fw-1");
    assert_int_equal(used(w), 8);
    post(w, FINISH("ABORT_UPDATE", "a"));
    expect_status(w, 200);
    settle(w);
    assert_int_equal(used(w), 5);
    world_free(w);
}

/* --- cron --- */

static void test_87_a_cron_job_counts_as_a_run(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    quota(w, "www", 5, "");
    create(w, "nightly", 1, 4, CRON);
    expect_status(w, 200);
    assert_int_equal(used(w), 4);
    create(w, "a", 1, 2, PROD);
    expect_quota(w, NULL);
    create(w, "nightly", 1, 6, CRON); /* another schedule: the difference */
    expect_quota(w, NULL);
    create(w, "nightly", 1, 5, CRON);
    expect_status(w, 200);
    post(w, "{\"type\":\"DESCHEDULE_CRON\",\"cron\":{" NAMED("nightly") "}}");
    expect_status(w, 200);
    assert_int_equal(used(w), 0);
    world_free(w);
}

static void test_a_run_beside_another(void **unused)
{
    struct world *w = world_new();
    static const char run[] =
        "{\"type\":\"START_CRON\",\"cron\":{" NAMED("nightly") "}}";

    (void)unused;
    quota(w, "www", 5, "");
    create(w, "nightly", 1, 2, CRON);
    post(w, run);
    expect_status(w, 200);
    assert_int_equal(used(w), 2);
    post(w, run);
    expect_status(w, 200);
    assert_int_equal(used(w), 4);
    post(w, run);
    expect_quota(w, NULL);
    reborn(w);
    assert_int_equal(used(w), 4);
    world_free(w);
}

/* --- setting --- */

static void test_92_no_quota_below_what_is_used(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    quota(w, "www", 4, "");
    create(w, "a", 1, 3, PROD);
    quota(w, "www", 2, "");
    expect_quota(w, "quota of role 'www': cpu of production: 3 is in use, more "
                    "than 2");
    assert_string_equal(w->answer->error->field,
                        "set_quota.quotas[1].production.cpu");
    assert_int_equal(view(w, "www")->quota->production->cpu_milli, 4000);
    post(w, "{\"type\":\"SET_QUOTA\",\"set_quota\":{\"quotas\":[{\"role\":"
            "\"www\",\"production\":{\"cpu_milli\":-1}}]}}");
    expect_status(w, 400);
    post(w, "{\"type\":\"SET_QUOTA\",\"set_quota\":{\"force\":true,\"quotas\":"
            "[{\"role\":\"www\"}]}}");
    expect_status(w, 200);
    assert_null(view(w, "www")->quota);
    post(w, ADD_TO("a", "1")); /* it may not grow, but shrink */
    expect_quota(w, NULL);
    post(w, SCALE_TO("a", "1"));
    expect_status(w, 200);
    world_free(w);
}

static void test_all_roles_or_none(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    quota(w, "www", 4, "");
    create(w, "a", 1, 3, PROD);
    post(w, "{\"type\":\"SET_QUOTA\",\"set_quota\":{\"quotas\":[{\"role\":"
            "\"db\",\"production\":{\"cpu_milli\":1}},{\"role\":\"www\","
            "\"production\":{\"cpu_milli\":1}}]}}");
    expect_quota(w, NULL);
    assert_null(view(w, "db")->quota);
    post(w, "{\"type\":\"SET_QUOTA\",\"set_quota\":{\"add\":true,\"quotas\":[{"
            "\"role\":\"www\",\"production\":{\"cpu_milli\":500}}]}}");
    expect_status(w, 200);
    assert_int_equal(view(w, "www")->quota->production->cpu_milli, 4500);
    reborn(w);
    assert_int_equal(view(w, "www")->quota->production->cpu_milli, 4500);
    assert_int_equal(used(w), 3);
    world_free(w);
}

static void test_a_tree_of_roles(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    quota(w, "www", 9, ",\"parent\":\"shop\"");
    expect_status(w, 400);
    assert_string_equal(w->answer->error->message,
                        "quota of role 'www': its parent 'shop' has no quota");
    quota(w, "shop", 4, "");
    expect_status(w, 200);
    quota(w, "www", 9, ",\"parent\":\"shop\"");
    expect_status(w, 200);
    quota(w, "shop", 4, ",\"parent\":\"www\"");
    expect_status(w, 400); /* a circle */
    create(w, "a", 1, 5, PROD);
    expect_quota(w, "quota of role 'shop': cpu of production: 0 in use + 5 "
                    "asked = 5, more than 4; so with ram, disk");
    create(w, "a", 1, 4, PROD);
    expect_status(w, 200);
    assert_int_equal(view(w, "shop")->production->cpu_milli, 4000);
    assert_int_equal(view(w, "shop")->own_production->cpu_milli, 0);
    assert_string_equal(view(w, "shop")->children[0], "www");
    reborn(w);
    assert_int_equal(view(w, "shop")->production->cpu_milli, 4000);
    world_free(w);
}

static void test_all_work_has_a_bound_of_its_own(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    quota(w, "www", 2, ",\"all\":{\"tasks\":3}");
    create(w, "a", 1, 2, OTHER);
    expect_status(w, 200);
    create(w, "b", 1, 2, OTHER);
    expect_quota(w, "quota of role 'www': tasks of all work: 2 in use + 2 "
                    "asked = 4, more than 3");
    create(w, "b", 1, 1, PROD);
    expect_status(w, 200);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_production_needs_a_quota),
        cmocka_unit_test(test_the_sum_is_told),
        cmocka_unit_test(test_scaling_and_adding),
        cmocka_unit_test(test_88_an_update_counts_as_its_most),
        cmocka_unit_test(test_89_the_old_version_counts_too),
        cmocka_unit_test(test_90_the_new_version_counts_too),
        cmocka_unit_test(test_91_out_of_production),
        cmocka_unit_test(test_into_production),
        cmocka_unit_test(test_growing_and_shrinking_at_once),
        cmocka_unit_test(test_a_surge_has_more_at_once),
        cmocka_unit_test(test_an_aborted_surge_keeps_to_the_quota),
        cmocka_unit_test(test_an_abort_leaves_what_runs),
        cmocka_unit_test(test_87_a_cron_job_counts_as_a_run),
        cmocka_unit_test(test_a_run_beside_another),
        cmocka_unit_test(test_92_no_quota_below_what_is_used),
        cmocka_unit_test(test_all_roles_or_none),
        cmocka_unit_test(test_a_tree_of_roles),
        cmocka_unit_test(test_all_work_has_a_bound_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
