/* Hosts that are taken out of use, over the API. */
#include "maintenance_kit.h"

#include "aurora/core/aurora.h"
#include "aurora/core/settle.h"

/* --- modes --- */

static void test_109_an_empty_host_is_drained_at_once(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    offer(w, "a", OFFERED);
    offer(w, "b", OFFERED);
    post(w, DRAIN(A_HOST ",\"nobody.host\",\"b\"", ",\"reason\":\"disks\""));
    expect_status(w, 200);
    assert_int_equal(w->answer->n_maintenance, 2);
    assert_string_equal(w->answer->maintenance[0]->name, "a.host");
    assert_int_equal(w->answer->maintenance[0]->mode, MODE(DRAINED));
    assert_string_equal(w->answer->maintenance[0]->reason, "disks");
    assert_string_equal(w->answer->maintenance[1]->name, "b");
    assert_int_equal(w->answer->n_unknown_hosts, 1);
    assert_string_equal(w->answer->unknown_hosts[0], "nobody.host");
    /* b was named by its agent: that is another name. */
    expect_mode(w, "b", MODE(DRAINED));
    assert_int_equal(status(w, "b.host")->mode, MODE(NONE));
    assert_int_equal(w->answer->maintenance[0]->hosts[0]->mode, MODE(DRAINED));
    world_free(w);
}

static void test_109_ended_early_it_is_as_before(void **unused)
{
    struct world *w = with("3");

    (void)unused;
    post(w, DRAIN(A_HOST, ""));
    expect_mode(w, "a.host", MODE(DRAINING));
    post(w, HOSTS("END_MAINTENANCE", A_HOST, ""));
    expect_status(w, 200);
    assert_int_equal(w->answer->maintenance[0]->mode, MODE(NONE));
    settle(w, "a");
    assert_string_equal(where(w), "aaa");
    post(w, "{\"type\":\"MAINTENANCE_STATUS\"}");
    expect_status(w, 200);
    assert_int_equal(w->answer->n_maintenance, 0);
    world_free(w);
}

static void test_a_drain_moves_everything(void **unused)
{
    struct world *w = with("4");

    (void)unused;
    assert_string_equal(where(w), "aaaa");
    post(w, DRAIN(A_HOST, ",\"reason\":\"new disks\""));
    expect_status(w, 200);
    pass(w, 1);
    assert_int_equal(count_state(get_job(w), SHOWN(DRAINING)), 4);
    assert_int_equal(status(w, "a.host")->n_tasks, 4);
    assert_int_equal(status(w, "a.host")->tasks[0]->wait, WAIT(END));
    settle(w, "a"); /* it offers, and gets nothing */
    assert_string_equal(where(w), "----");
    expect_mode(w, "a.host", MODE(DRAINED));
    settle(w, "b");
    assert_string_equal(where(w), "bbbb");
    const Answer *job = get_job(w);
    for (size_t i = 0; i < job->n_tasks; i++)
        if (job->tasks[i]->state == SHOWN(KILLED))
            assert_string_equal(
                job->tasks[i]->events[job->tasks[i]->n_events - 2]->message,
                "its host is drained: new disks");
    post(w, HOSTS("END_MAINTENANCE", A_HOST, ""));
    expect_mode(w, "a.host", MODE(NONE));
    world_free(w);
}

static void test_scheduled_hosts_are_taken_last(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    offer(w, "a", OFFERED);
    offer(w, "b", 1);
    post(w, HOSTS("START_MAINTENANCE", A_HOST, ""));
    expect_mode(w, "a.host", MODE(SCHEDULED));
    post(w, SERVICE("3"));
    pass(w, 1);
    /* 510 thousandths each: one finds room on b, where a would suit as well. */
    accept_calls(w);
    settle(w, "");
    const char *places = where(w);
    assert_int_equal(strlen(places), 3);
    int on_b = 0;
    for (const char *c = places; *c; c++)
        on_b += *c == 'b';
    assert_int_equal(on_b, 1);
    world_free(w);
}

static void test_a_scheduled_host_that_drains_stays_so(void **unused)
{
    struct world *w = with_policy("3", COUNT_2);

    (void)unused;
    post(w, DRAIN(A_HOST, ""));
    post(w, HOSTS("START_MAINTENANCE", A_HOST, ""));
    expect_status(w, 200);
    expect_mode(w, "a.host", MODE(DRAINING));
    world_free(w);
}

static void test_why_names_the_maintenance(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    offer(w, "a", OFFERED);
    post(w, DRAIN(A_HOST, ""));
    post(w, SERVICE("1"));
    pass(w, 1);
    post(w, "{\"type\":\"WHY\",\"why\":{" KEY "}}");
    expect_status(w, 200);
    assert_int_equal(w->answer->why->nearest_veto,
                     PERIGEE__AURORA__ANSWER__VETO__MAINTENANCE);
    assert_string_equal(w->answer->why->reasons[0]->veto,
                        "host in maintenance");
    world_free(w);
}

/* --- what survives --- */

static void test_a_drain_survives_the_scheduler(void **unused)
{
    struct world *w = with_policy("4", COUNT_2);

    (void)unused;
    later(w, 31000);
    post(w, DRAIN(A_HOST, ",\"reason\":\"disks\",\"timeout_secs\":3600"));
    pass(w, 1);
    reborn(w);
    subscribed(w, "fw-1");
    const View *view = status(w, "a.host");
    assert_int_equal(view->mode, MODE(DRAINING));
    assert_string_equal(view->reason, "disks");
    assert_int_equal(view->deadline_ms - view->began_ms, 3600 * 1000);
    for (int minutes = 0; minutes < 10; minutes++) {
        settle(w, "ab");
        later(w, 60 * 1000);
    }
    settle(w, "ab");
    assert_string_equal(where(w), "bbbb");
    expect_mode(w, "a.host", MODE(DRAINED));
    reborn(w);
    subscribed(w, "fw-1");
    expect_mode(w, "a.host", MODE(DRAINED));
    post(w, HOSTS("END_MAINTENANCE", A_HOST, ""));
    reborn(w);
    expect_mode(w, "a.host", MODE(NONE));
    world_free(w);
}

/* --- what is only remembered --- */

/* Four of which two have to stay, all on a, for long enough; then a new life
 * that has heard of none of them. */
static struct world *without_news(void)
{
    struct world *w = with_policy("4", COUNT_2);

    later(w, 31000);
    reborn(w);
    w->is_mute = true;
    post(w, DRAIN(A_HOST, ""));
    expect_status(w, 200);
    pass(w, 10000);
    return w;
}

static void expect_draining(struct world *w, int count)
{
    assert_int_equal(count_state(get_job(w), SHOWN(DRAINING)), count);
}

static void test_a_new_life_counts_on_nobody_before_it_heard(void **unused)
{
    struct world *w = without_news();

    (void)unused;
    expect_draining(w, 0);
    assert_int_equal(status(w, "a.host")->tasks[0]->wait, WAIT(NEWS));
    subscribed(w, "fw-1");
    pass(w, 50000);
    expect_draining(w, 0);
    answer_running(w);
    pass(w, 1); /* at once, not with the next poll */
    expect_draining(w, 2);
    assert_int_equal(status(w, "a.host")->tasks[3]->wait, WAIT(POLICY));
    world_free(w);
}

static void test_what_ended_meanwhile_does_not_count(void **unused)
{
    struct world *w = without_news();
    char id[2][300];

    (void)unused;
    subscribed(w, "fw-1");
    for (size_t i = 0; i < 2; i++)
        snprintf(id[i], sizeof id[i], "%s", get_job(w)->tasks[i]->task_id);
    for (size_t i = 0; i < 2; i++)
        update(w, id[i], "a", STATE(FAILED), NULL);
    answer_running(w);
    pass(w, 120000);
    expect_draining(w, 0);
    world_free(w);
}

static void test_who_says_nothing_does_not_hold_up_a_drain(void **unused)
{
    struct world *w = without_news();

    (void)unused;
    subscribed(w, "fw-1");
    pass(w, SETTLE_MS - 1000);
    expect_draining(w, 0);
    pass(w, 2000);
    expect_draining(w, 2);
    world_free(w);
}

/* --- policies --- */

static void test_a_policy_lets_them_go_one_by_one(void **unused)
{
    struct world *w = with_policy("4", COUNT_2);

    (void)unused;
    later(w, 31000);
    post(w, DRAIN(A_HOST, ""));
    settle(w, "ab");
    /* Two of four have to stay. */
    assert_string_equal(where(w) + 2, "bb");
    const View *view = status(w, "a.host");
    assert_int_equal(view->n_tasks, 2);
    assert_int_equal(view->tasks[0]->wait, WAIT(POLICY));
    assert_true(view->tasks[0]->again_ms > (uint64_t)w->now_ms);
    later(w, 60 * 1000);
    settle(w, "ab");
    assert_string_equal(where(w), "bbbb");
    world_free(w);
}

static void test_the_policy_of_the_drain(void **unused)
{
    struct world *w = with("4");

    (void)unused;
    later(w, 31000);
    post(w, DRAIN(A_HOST, ",\"default_policy\":{\"percentage_milli\":75000,"
                          "\"duration_secs\":10}"));
    expect_status(w, 200);
    settle(w, "ab");
    int on_a = 0;
    for (const char *c = where(w); *c; c++)
        on_a += *c == 'a';
    assert_int_equal(on_a, 3);
    assert_int_equal(status(w, "a.host")->default_policy->percentage_milli,
                     75000);
    world_free(w);
}

static void test_109_behind_its_timeout_nobody_is_asked(void **unused)
{
    struct world *w = with_policy(
        "3", ",\"sla_policy\":{\"count\":2,\"duration_secs\":7200}");

    (void)unused;
    post(w, DRAIN(A_HOST, ",\"timeout_secs\":90"));
    settle(w, "a");
    assert_string_equal(where(w), "aaa"); /* none runs for two hours yet */
    later(w, 60 * 1000);
    settle(w, "a");
    assert_string_equal(where(w), "aaa");
    later(w, 30 * 1000);
    settle(w, "b");
    assert_string_equal(where(w), "bbb");
    expect_mode(w, "a.host", MODE(DRAINED));
    assert_int_equal(aurora_program_core(w->p)->maintenances.forced, 3);
    world_free(w);
}

static void test_an_old_request_ends_tasks_after_a_restart(void **unused)
{
    struct world *w = with_policy(
        "3", ",\"sla_policy\":{\"count\":2,\"duration_secs\":7200}");

    (void)unused;
    post(w, DRAIN(A_HOST, ",\"timeout_secs\":90"));
    settle(w, "a");
    w->now_ms += 100 * 1000;
    reborn(w);
    subscribed(w, "fw-1");
    settle(w, "b");
    assert_string_equal(where(w), "bbb");
    world_free(w);
}

/* --- coordinators --- */

static void coordinated(struct world *w, const char *body)
{
    struct aurora_coordinated_fact fact = {.ticket = w->coordinate.ticket,
                                           .status = 200,
                                           .result = bytes_of_text(body)};

    AURORA_PROGRAM.on_fact(w->p, AURORA_FACT_COORDINATED, &fact, w->now_ms,
                           &w->fx);
    look(w);
    pass(w, 0);
}

static void test_108_a_coordinator_is_asked_by_a_drain(void **unused)
{
    struct world *w = with_policy("3", COORDINATOR);

    (void)unused;
    post(w, DRAIN(A_HOST, ""));
    pass(w, 1);
    assert_int_equal(w->coordinate.count, 1);
    assert_non_null(memmem(w->coordinate.body.data, w->coordinate.body.size,
                           "maintenanceCountdownMs", 22));
    coordinated(w, "{\"drain\":false}");
    assert_int_equal(w->coordinate.count, 2); /* the next one's turn */
    const View *view = status(w, "a.host");
    int refused = 0, asked = 0, turn = 0;
    for (size_t i = 0; i < view->n_tasks; i++) {
        refused += view->tasks[i]->wait == WAIT(COORDINATOR);
        asked += view->tasks[i]->wait == WAIT(ANSWER);
        turn += view->tasks[i]->wait == WAIT(TURN);
    }
    assert_int_equal(refused, 1);
    assert_int_equal(asked, 1);
    assert_int_equal(turn, 1);
    coordinated(w, "{\"drain\":true}");
    coordinated(w, "{\"drain\":true}");
    settle(w, "b");
    assert_int_equal(w->coordinate.count, 3);
    int on_a = 0;
    for (const char *c = where(w); *c; c++)
        on_a += *c == 'a';
    assert_int_equal(on_a, 1);
    later(w, 60 * 1000);
    assert_int_equal(w->coordinate.count, 4);
    coordinated(w, "{\"drain\":true}");
    settle(w, "b");
    assert_string_equal(where(w), "bbb");
    world_free(w);
}

static void test_108_by_force(void **unused)
{
    struct world *w = with_policy("3", COORDINATOR);

    (void)unused;
    post(w, DRAIN(A_HOST, ",\"timeout_secs\":0"));
    settle(w, "b");
    assert_int_equal(w->coordinate.count, 0);
    assert_string_equal(where(w), "bbb");
    world_free(w);
}

/* A yes that comes when the drain is over is nobody's. */
static void test_an_answer_that_comes_too_late(void **unused)
{
    struct world *w = with_policy("3", COORDINATOR);

    (void)unused;
    post(w, DRAIN(A_HOST, ""));
    pass(w, 1);
    post(w, HOSTS("END_MAINTENANCE", A_HOST, ""));
    coordinated(w, "{\"drain\":true}");
    settle(w, "b");
    assert_string_equal(where(w), "aaa");
    world_free(w);
}

/* --- refusals --- */

static void test_refusals(void **unused)
{
    static const struct {
        const char *body, *field;
    } bad[] = {
        {HOSTS("DRAIN_HOSTS", "", ""), "maintenance.hosts"},
        {DRAIN("\"\"", ""), "maintenance.hosts"},
        {DRAIN(A_HOST, ",\"timeout_secs\":99999999999"),
         "maintenance.timeout_secs"},
        {DRAIN(A_HOST, ",\"default_policy\":{}"), "maintenance.default_policy"},
        {DRAIN(A_HOST, ",\"default_policy\":{\"count\":1,"
                       "\"percentage_milli\":1}"),
         "maintenance.default_policy"},
        {DRAIN(A_HOST, ",\"default_policy\":{\"percentage_milli\":100001}"),
         "maintenance.default_policy.percentage_milli"},
        {DRAIN(A_HOST, ",\"default_policy\":{\"count\":1,"
                       "\"duration_secs\":7201}"),
         "maintenance.default_policy.duration_secs"},
        {DRAIN(A_HOST,
               ",\"default_policy\":{\"coordinator_url\":\"http://x\"}"),
         "maintenance.default_policy.coordinator_url"},
    };
    struct world *w = world_new();

    (void)unused;
    offer(w, "a", OFFERED);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        post(w, bad[i].body);
        expect_status(w, 400);
        assert_string_equal(w->answer->error->field, bad[i].field);
        expect_mode(w, "a.host", MODE(NONE));
    }
    world_free(w);
}

static void test_a_damaged_record_is_refused(void **unused)
{
    struct aurora_program *p = new_program(1);
    struct err err = {0};

    (void)unused;
    assert_true(AURORA_PROGRAM.on_stored(p, "maintenance",
                                         bytes_of_text("a.host"),
                                         bytes_of_text("nonsense"), &err) < 0);
    aurora_program_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_109_an_empty_host_is_drained_at_once),
        cmocka_unit_test(test_109_ended_early_it_is_as_before),
        cmocka_unit_test(test_a_drain_moves_everything),
        cmocka_unit_test(test_scheduled_hosts_are_taken_last),
        cmocka_unit_test(test_a_scheduled_host_that_drains_stays_so),
        cmocka_unit_test(test_why_names_the_maintenance),
        cmocka_unit_test(test_a_drain_survives_the_scheduler),
        cmocka_unit_test(test_a_new_life_counts_on_nobody_before_it_heard),
        cmocka_unit_test(test_what_ended_meanwhile_does_not_count),
        cmocka_unit_test(test_who_says_nothing_does_not_hold_up_a_drain),
        cmocka_unit_test(test_a_policy_lets_them_go_one_by_one),
        cmocka_unit_test(test_the_policy_of_the_drain),
        cmocka_unit_test(test_109_behind_its_timeout_nobody_is_asked),
        cmocka_unit_test(test_an_old_request_ends_tasks_after_a_restart),
        cmocka_unit_test(test_108_a_coordinator_is_asked_by_a_drain),
        cmocka_unit_test(test_108_by_force),
        cmocka_unit_test(test_an_answer_that_comes_too_late),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_a_damaged_record_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
