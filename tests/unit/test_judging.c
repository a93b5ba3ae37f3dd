/* A new expression moves only who must: hosts of tasks that run are judged
 * before the update begins. */
#include "moving_kit.h"

#define LIKE(text) RACK("LIKE", VALUES("\"" text "\""))
#define BOTH(values, kind, rest)                                             \
    "\"constraints\":[{\"attribute\":\"rack\",\"kind\":\"LIKE\",\"values\":" \
    "[\"" values "\"]},{\"attribute\":\"host\",\"kind\":\"" kind "\"" rest   \
    "}],"

static bool is_waiting(const struct world *w)
{
    return w->replied != w->next_exchange;
}

/* Answer the newest question: hosts whose name begins so suit. */
static void judge(struct world *w, const char *begin)
{
    const Perigee__Judgement *q = w->question.judgement;
    Perigee__Verdicts verdicts = PERIGEE__VERDICTS__INIT;
    Perigee__Verdict verdict[8], *list[8];

    assert_true(q->n_hosts <= 8);
    for (size_t i = 0; i < q->n_hosts; i++) {
        perigee__verdict__init(&verdict[i]);
        verdict[i].has_value = true;
        verdict[i].value =
            strncmp(q->hosts[i]->hostname, begin, strlen(begin)) == 0;
        list[i] = &verdict[i];
    }
    verdicts.n_verdicts = q->n_hosts;
    verdicts.verdicts = list;
    answer_verdicts(w, &verdicts);
}

/* Until all is quiet; every host that is asked about is judged so. */
static void settle_judged(struct world *w, const char *agent, const char *begin)
{
    int judged = w->question.count;

    for (int quiet = 0, rounds = 0; quiet < 2; rounds++) {
        assert_true(rounds < 200);
        offer(w, agent, 4);
        bool has_moved = judged != w->question.count;
        for (; judged != w->question.count; judged++)
            judge(w, begin);
        has_moved |= one_round(w);
        quiet = has_moved ? 0 : quiet + 1;
    }
}

/* --- one job --- */

static void test_a_preview_asks(void **unused)
{
    char id[4][300];
    struct world *w = four(id);

    (void)unused;
    post(w, PREVIEW("5", LIKE("r-.*0")));
    assert_true(is_waiting(w));
    assert_int_equal(w->question.count, 1);
    assert_string_equal(w->question.judgement->expression, "r-.*0");
    assert_int_equal(w->question.judgement->n_hosts, 2);
    judge(w, "m-S0");
    expect_status(w, 200);
    const Perigee__Aurora__Preview *p = w->answer->preview;
    expect_ranges(p->keep, p->n_keep, "0-1");
    expect_ranges(p->move, p->n_move, "2-3");
    expect_ranges(p->add, p->n_add, "4-4");
    assert_string_equal(stayed(w, id), "0 1 2 3");
    post(w, PREVIEW("4", RACK("UNLIKE", VALUES("\"r-.*1\""))));
    judge(w, "m-S1");
    expect_ranges(w->answer->preview->keep, w->answer->preview->n_keep, "0-1");
    expect_ranges(w->answer->preview->move, w->answer->preview->n_move, "2-3");
    world_free(w);
}

static void test_an_update_moves_only_who_must(void **unused)
{
    char id[4][300];
    struct world *w = four(id);

    (void)unused;
    post(w, UPDATE("4", LIKE("r-.*0")));
    assert_true(is_waiting(w));
    judge(w, "m-S0");
    expect_status(w, 200);
    assert_int_equal(w->answer->updates[0]->working, 2);
    settle_judged(w, "m-S0", "m-S0");
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    assert_string_equal(stayed(w, id), "0 1 - -");
    const Answer *a = get_job(w);
    assert_int_equal(count_state(a, SHOWN(RUNNING)), 4);
    assert_false(a->jobs[0]->mixed);
    world_free(w);
}

static void test_what_suits_all_restarts_nothing(void **unused)
{
    char id[4][300];
    struct world *w = four(id);

    (void)unused;
    post(w, UPDATE("4", LIKE("r-.*")));
    judge(w, "m-");
    expect_status(w, 200);
    assert_int_equal(w->answer->n_updates, 0);
    assert_string_equal(stayed(w, id), "0 1 2 3");
    assert_string_equal(get_job(w)->jobs[0]->job->constraints[0]->values[0],
                        "r-.*");
    /* Judged already. */
    post(w, UPDATE("4", BOTH("r-.*", "LIMIT", LIMIT("2"))));
    expect_status(w, 200);
    assert_int_equal(w->answer->n_updates, 0);
    assert_int_equal(w->question.count, 1);
    world_free(w);
}

/* Other constraints say no without a script; those that count go on. */
static void test_beside_other_constraints(void **unused)
{
    char id[4][300];
    struct world *w = four(id);

    (void)unused;
    post(w, PREVIEW("4", BOTH("r-.*", "ONE_OF", VALUES("\"m-S1.host\""))));
    assert_int_equal(w->question.judgement->n_hosts, 1);
    judge(w, "m-");
    expect_ranges(w->answer->preview->keep, w->answer->preview->n_keep, "2-3");
    post(w, PREVIEW("4", BOTH("r-.*", "MAX_PER", LIMIT("1"))));
    judge(w, "m-");
    expect_ranges(w->answer->preview->keep, w->answer->preview->n_keep,
                  "0-0 2-2");
    post(w, PREVIEW("4", BOTH("r-.*", "ONE_OF", VALUES("\"none\""))));
    expect_status(w, 200); /* nobody has to be asked */
    expect_ranges(w->answer->preview->move, w->answer->preview->n_move, "0-3");
    world_free(w);
}

static void test_nobody_waits_for_ever(void **unused)
{
    char id[4][300];
    struct world *w = four(id);

    (void)unused;
    post(w, UPDATE("4", LIKE("r-.*")));
    pass(w, UPDATE_JUDGED_MS - 1);
    assert_true(is_waiting(w));
    pass(w, 1);
    expect_status(w, 200);
    assert_int_equal(w->answer->updates[0]->working, 4);
    judge(w, "m-"); /* too late: nobody waits for it */
    assert_string_equal(get_update(w)->message ? "some" : "none", "none");
    world_free(w);
}

static void test_busy_workers_are_asked_again(void **unused)
{
    char id[4][300];
    struct world *w = four(id);

    (void)unused;
    post(w, UPDATE("4", LIKE("r-.*")));
    answer_busy(w);
    assert_int_equal(w->question.count, 1);
    pass(w, QUESTION_BUSY_MS);
    assert_int_equal(w->question.count, 2);
    judge(w, "m-");
    expect_status(w, 200);
    assert_int_equal(w->answer->n_updates, 0);
    assert_string_equal(stayed(w, id), "0 1 2 3");
    world_free(w);
}

/* --- who waits --- */

static void test_who_left_has_the_update_all_the_same(void **unused)
{
    char id[4][300];
    struct world *w = four(id);

    (void)unused;
    post(w, UPDATE("4", LIKE("r-.*0")));
    AURORA_PROGRAM.on_gone(w->p, w->next_exchange, w->now_ms, &w->fx);
    look(w);
    judge(w, "m-S0");
    assert_true(is_waiting(w));
    assert_int_equal(get_update(w)->working, 2);
    world_free(w);
}

/* Who waits may have lost meanwhile what they might. */
static void test_who_waits_goes_by_the_new_rules(void **unused)
{
    char id[4][300];
    struct world *w = four(id);
    struct aurora_security_fact fact = {.users = users_new()};

    (void)unused;
    post(w, UPDATE("4", LIKE("r-.*0")));
    assert_true(is_waiting(w));
    assert_int_equal(users_seal(fact.users, NULL), 0);
    AURORA_PROGRAM.on_fact(w->p, AURORA_FACT_SECURITY, &fact, w->now_ms,
                           &w->fx);
    look(w);
    judge(w, "m-S0");
    expect_status(w, 429);
    world_free(w);
}

static void test_a_crash_leaves_nothing_behind(void **unused)
{
    char id[4][300];
    struct world *w = four(id);

    (void)unused;
    request(w, HTTP_POST, "/api/v1", "", "once", UPDATE("4", LIKE("r-.*0")));
    assert_true(is_waiting(w));
    request(w, HTTP_POST, "/api/v1", "", "once", UPDATE("4", LIKE("r-.*0")));
    expect_status(w, 503); /* the first one is under way */
    reborn(w);
    subscribed(w, "fw-1");
    assert_string_equal(stayed(w, id), "0 1 2 3");
    assert_int_equal(get_job(w)->jobs[0]->job->n_constraints, 0);
    request(w, HTTP_POST, "/api/v1", "", "once", UPDATE("4", LIKE("r-.*0")));
    judge(w, "m-S0"); /* hosts without offers are known from the store */
    expect_status(w, 200);
    assert_int_equal(w->answer->updates[0]->working, 2);
    world_free(w);
}

static void test_the_first_of_two_wins(void **unused)
{
    char id[4][300];
    struct world *w = four(id);

    (void)unused;
    post(w, UPDATE("4", LIKE("r-.*0")));
    post(w, UPDATE("4", LIKE("r-.*0")));
    assert_int_equal(w->question.count, 1); /* one question, for both */
    judge(w, "m-S0");
    expect_status(w, 409);
    assert_int_equal(get_update(w)->working, 2);
    world_free(w);
}

static void test_looking_leaves_room_for_changes(void **unused)
{
    char id[4][300];
    struct world *w = four(id);

    (void)unused;
    for (int i = 0; i < 32; i++)
        post(w, PREVIEW("4", LIKE("r-.*0")));
    assert_true(is_waiting(w));
    post(w, PREVIEW("4", LIKE("r-.*0")));
    expect_status(w, 429);
    post(w, UPDATE("4", LIKE("r-.*0")));
    assert_true(is_waiting(w));
    judge(w, "m-S0");
    expect_status(w, 200);
    world_free(w);
}

/* --- the way back --- */

/* In another life, which has not judged the old expression. */
static void test_a_rollback_brings_the_old_one_back(void **unused)
{
    char id[4][300];
    struct world *w = four(id);

    (void)unused;
    post(w, UPDATE("4", LIKE("r-.*")));
    judge(w, "m-");
    pass(w, 1000);
    post(w, UPDATE("4", LIKE("r-.*0")));
    judge(w, "m-S0");
    (void)one_round(w);
    reborn(w);
    subscribed(w, "fw-1");
    post(w, ACT("ROLLBACK_UPDATE"));
    expect_status(w, 200);
    settle_judged(w, "m-S1", "m-");
    expect_state(w, UPDATE_STATE(ROLLED_BACK));
    assert_string_equal(stayed(w, id), "0 1 - -");
    const Answer *a = get_job(w);
    assert_string_equal(a->jobs[0]->job->constraints[0]->values[0], "r-.*");
    assert_int_equal(a->n_configs, 0);
    assert_false(a->jobs[0]->mixed);
    world_free(w);
}

/* --- groups --- */

#define SHOP_KEY                                                            \
    "\"key\":{\"cluster\":\"devcluster\",\"role\":\"www\",\"environment\":" \
    "\"prod\",\"name\":\"shop\"}"
#define DEPLOY(n, more)                                                 \
    "{\"type\":\"DEPLOY_GROUP\",\"deploy_group\":{" SHOP_KEY ",\"group" \
    "\":{\"name\":\"shop\",\"jobs\":[\"devcluster/www/prod/web\"]},"    \
    "\"jobs\":[{\"cluster\":\"devcluster\",\"role\":\"www\","           \
    "\"environment\":\"prod\",\"name\":\"web\",\"service\":true,"       \
    "\"instances\":" n "," more                                         \
    "\"update\":{\"watch_secs\":0,\"batch_size\":9},\"task\":{"         \
    "\"name\":\"web\",\"processes\":[{\"name\":\"p\",\"cmdline\":"      \
    "\"run\"}],\"resources\":{\"cpu_milli\":900,\"ram_bytes\":"         \
    "134217728,\"disk_bytes\":134217728}}}]}}"

static const Perigee__Aurora__GroupView *get_group(struct world *w)
{
    post(w, "{\"type\":\"GET_GROUP\",\"groups\":{" SHOP_KEY "}}");
    return w->answer->groups[0];
}

static void test_a_member_waits(void **unused)
{
    char id[4][300];
    struct world *w = four(id);

    (void)unused;
    post(w, DEPLOY("4", ""));
    expect_status(w, 200);
    post(w, DEPLOY("4", LIKE("r-.*0")));
    expect_status(w, 200); /* stored: it is the member that waits */
    assert_int_equal(w->question.count, 1);
    assert_string_equal(get_group(w)->members[0]->waits_for,
                        "waits for scripts to judge its hosts");
    reborn(w);
    subscribed(w, "fw-1");
    assert_int_equal(w->question.count, 2);
    judge(w, "m-S0");
    assert_int_equal(get_update(w)->working, 2);
    settle_judged(w, "m-S0", "m-S0");
    assert_string_equal(stayed(w, id), "0 1 - -");
    assert_int_equal(get_group(w)->state,
                     PERIGEE__AURORA__GROUP_STATE__GROUP_RUNNING);
    /* Not for ever. */
    post(w, DEPLOY("4", LIKE("r-m.*0")));
    pass(w, UPDATE_JUDGED_MS - 1);
    assert_int_equal(get_group(w)->members[0]->phase,
                     PERIGEE__AURORA__GROUP_MEMBER_VIEW__PHASE__WAITING);
    pass(w, 1);
    assert_int_equal(get_update(w)->working, 4);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_preview_asks),
        cmocka_unit_test(test_an_update_moves_only_who_must),
        cmocka_unit_test(test_what_suits_all_restarts_nothing),
        cmocka_unit_test(test_beside_other_constraints),
        cmocka_unit_test(test_nobody_waits_for_ever),
        cmocka_unit_test(test_busy_workers_are_asked_again),
        cmocka_unit_test(test_who_left_has_the_update_all_the_same),
        cmocka_unit_test(test_who_waits_goes_by_the_new_rules),
        cmocka_unit_test(test_a_crash_leaves_nothing_behind),
        cmocka_unit_test(test_the_first_of_two_wins),
        cmocka_unit_test(test_looking_leaves_room_for_changes),
        cmocka_unit_test(test_a_rollback_brings_the_old_one_back),
        cmocka_unit_test(test_a_member_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
