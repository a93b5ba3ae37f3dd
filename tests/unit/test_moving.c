/* A changed job restarts only what must be: what is quiet, what moves. */
#include "moving_kit.h"

static void test_quiet_fields_restart_nothing(void **unused)
{
    char id[4][300];
    struct world *w = four(id);

    (void)unused;
    post(w, UPDATE("4", "\"contact\":\"x@y\",\"priority\":3,"
                        "\"partition_policy\":{\"delay_secs\":60},"
                        "\"metadata\":[{\"key\":\"a\",\"value\":\"b\"}],"));
    expect_status(w, 200);
    assert_int_equal(w->answer->n_updates, 0);
    assert_string_equal(get_job(w)->jobs[0]->job->contact, "x@y");
    assert_string_equal(stayed(w, id), "0 1 2 3");
    /* Those that run have it: a new policy counts for them too. */
    update(w, id[0], "m-S0", STATE(UNREACHABLE), NULL);
    assert_int_equal(count_state(get_job(w), SHOWN(PARTITIONED)), 1);
    world_free(w);
}

static void test_constraints_move_only_who_must(void **unused)
{
    char id[4][300];
    struct world *w = four(id);

    (void)unused;
    post(w, PREVIEW("5", RACK("ONE_OF", VALUES("\"r-m-S0\""))));
    expect_status(w, 200);
    const Perigee__Aurora__Preview *p = w->answer->preview;
    expect_ranges(p->keep, p->n_keep, "0-1");
    expect_ranges(p->move, p->n_move, "2-3");
    expect_ranges(p->add, p->n_add, "4-4");
    expect_ranges(p->restart, p->n_restart, "");
    assert_string_equal(stayed(w, id), "0 1 2 3");
    post(w, UPDATE("4", RACK("ONE_OF", VALUES("\"r-m-S0\""))));
    expect_status(w, 200);
    assert_int_equal(w->answer->updates[0]->working, 2);
    settle_on(w, "m-S0");
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    assert_string_equal(stayed(w, id), "0 1 - -");
    const Answer *a = get_job(w);
    assert_int_equal(count_state(a, SHOWN(RUNNING)), 4);
    assert_false(a->jobs[0]->mixed);
    world_free(w);
}

static void test_constraints_that_suit_restart_nothing(void **unused)
{
    char id[4][300];
    struct world *w = four(id);

    (void)unused;
    post(w, UPDATE("4", RACK("ONE_OF", VALUES("\"r-m-S0\",\"r-m-S1\""))));
    expect_status(w, 200);
    assert_int_equal(w->answer->n_updates, 0);
    post(w, UPDATE("4", RACK("LIMIT", LIMIT("2"))));
    expect_status(w, 200);
    assert_int_equal(w->answer->n_updates, 0);
    post(w, UPDATE("4", RACK("GROUP_BY", LIMIT("2"))));
    expect_status(w, 200);
    assert_int_equal(w->answer->n_updates, 0);
    assert_string_equal(stayed(w, id), "0 1 2 3");
    world_free(w);
}

static void test_a_limit_keeps_as_many_as_it_can(void **unused)
{
    char id[4][300];
    struct world *w = four(id);

    (void)unused;
    post(w, PREVIEW("4", RACK("MAX_PER", LIMIT("1"))));
    expect_ranges(w->answer->preview->keep, w->answer->preview->n_keep,
                  "0-0 2-2");
    post(w, PREVIEW("4", RACK("CLUSTER", "")));
    expect_ranges(w->answer->preview->keep, w->answer->preview->n_keep, "0-1");
    post(w, PREVIEW("4", RACK("CLUSTER", VALUES("\"r-m-S1\""))));
    expect_ranges(w->answer->preview->keep, w->answer->preview->n_keep, "2-3");
    world_free(w);
}

/* What still waits is placed by the new constraints at once. */
static void test_who_waits_has_the_new_constraints(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, UPDATE("2", RACK("ONE_OF", VALUES("\"r-m-S9\""))));
    expect_status(w, 200);
    offer(w, "m-S0", 4);
    assert_null(launched(w, 0));
    post(w, ACT("ABORT_UPDATE"));
    expect_status(w, 200);
    post(w, UPDATE("2", RACK("ONE_OF", VALUES("\"r-m-S0\""))));
    expect_status(w, 200);
    assert_int_equal(w->answer->n_updates, 0);
    pass(w, 0);
    assert_non_null(launched(w, 1));
    world_free(w);
}

/* Back again, who stayed has the old constraints as before. */
static void test_a_rollback_brings_the_constraints_back(void **unused)
{
    char id[4][300];
    struct world *w = four(id);

    (void)unused;
    post(w, UPDATE("4", RACK("ONE_OF", VALUES("\"r-m-S0\""))));
    expect_status(w, 200);
    (void)one_round(w);
    post(w, ACT("ROLLBACK_UPDATE"));
    expect_status(w, 200);
    settle_on(w, "m-S1");
    expect_state(w, UPDATE_STATE(ROLLED_BACK));
    assert_string_equal(stayed(w, id), "0 1 - -");
    const Answer *a = get_job(w);
    assert_int_equal(a->jobs[0]->job->n_constraints, 0);
    assert_int_equal(a->n_configs, 0);
    assert_false(a->jobs[0]->mixed);
    world_free(w);
}

static void test_a_preview_is_refused_as_the_update_would_be(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, PREVIEW("5000", ""));
    expect_status(w, 400);
    post(w, "{\"type\":\"PREVIEW_UPDATE\",\"create_job\":{" KEY "}}");
    expect_status(w, 400);
    assert_string_equal(w->answer->error->field, "create_job.job");
    post(w, BATCH("2"));
    post(w, PREVIEW("2", ""));
    expect_status(w, 409);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quiet_fields_restart_nothing),
        cmocka_unit_test(test_constraints_move_only_who_must),
        cmocka_unit_test(test_constraints_that_suit_restart_nothing),
        cmocka_unit_test(test_a_limit_keeps_as_many_as_it_can),
        cmocka_unit_test(test_who_waits_has_the_new_constraints),
        cmocka_unit_test(test_a_rollback_brings_the_constraints_back),
        cmocka_unit_test(test_a_preview_is_refused_as_the_update_would_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
