/* Restarts and kills in batches through the API, and through the deaths of the
 * scheduler. */
#include "tests/unit/aurora_kit.h"

#include "perigee/aurora_store.pb-c.h"

#define ROLLING(name) PERIGEE__AURORA__ROLLING_VIEW__STATE__##name
#define TARGET(type, more) \
    "{\"type\":\"" type "\",\"target\":{" KEY "," more "}}"

static void die(struct world *w)
{
    reborn(w);
    subscribed(w, "fw-1");
    accept_calls(w);
    w->calls.count = 0;
}

/* Three instances that run; their ids. */
static struct world *three(char id[3][300])
{
    struct world *w = world_new();

    post(w, SERVICE("3"));
    offer(w, "m-S0", 8);
    for (int i = 0; i < 3; i++)
        snprintf(id[i], 300, "%s", launched(w, i)->task_id->value);
    run_all(w, "m-S0");
    return w;
}

/* The one kill that was sent is obeyed. */
static void obey(struct world *w, const char *id)
{
    assert_int_equal(count_calls(w, CALL(KILL)), 1);
    assert_string_equal(find_call(w, CALL(KILL), 0)->kill->task_id->value, id);
    accept_calls(w);
    w->calls.count = 0;
    update(w, id, "m-S0", STATE(KILLED), NULL);
    accept_calls(w);
}

static Perigee__Aurora__RollingView *rolling_now(struct world *w)
{
    Answer *a = get_job(w);

    expect_status(w, 200);
    assert_non_null(a->jobs[0]->rolling);
    return a->jobs[0]->rolling;
}

static void test_a_kill_goes_on_after_the_scheduler_died(void **unused)
{
    char id[3][300];
    struct world *w = three(id);

    (void)unused;
    post(w, TARGET("KILL_JOB",
                   "\"batch_size\":1,\"message\":\"make room\","
                   "\"max_total_failures\":0,\"instances\":[{\"first\":0,"
                   "\"last\":1}]"));
    expect_status(w, 200);
    assert_int_equal(w->answer->n_instances, 2);
    assert_int_equal(w->answer->rolling->working, 1);
    assert_string_equal(w->answer->rolling->message, "make room");
    uint64_t number = w->answer->rolling->number;
    accept_calls(w);
    die(w);
    update(w, id[0], "m-S0", STATE(KILLED), NULL);
    obey(w, id[1]);
    Perigee__Aurora__RollingView *view = rolling_now(w);
    assert_int_equal(view->state, ROLLING(DONE));
    assert_int_equal(view->number, number);
    assert_int_equal(view->done, 2);
    assert_int_equal(w->answer->jobs[0]->job->instances, 1);
    die(w);
    assert_int_equal(rolling_now(w)->state, ROLLING(DONE));
    world_free(w);
}

static void test_a_restart_goes_on_after_the_scheduler_died(void **unused)
{
    char id[3][300];
    struct world *w = three(id);

    (void)unused;
    post(w, TARGET("RESTART_JOB", "\"batch_size\":1,\"watch_secs\":10,"
                                  "\"max_instance_failures\":1"));
    expect_status(w, 200);
    for (int i = 0; i < 3; i++) {
        obey(w, id[i]);
        w->calls.count = 0;
        offer(w, "m-S0", 8);
        char *next = launched(w, 0)->task_id->value;
        accept_calls(w);
        w->calls.count = 0;
        update(w, next, "m-S0", STATE(RUNNING), NULL);
        accept_calls(w);
        die(w); /* in the middle of the watch */
        update(w, next, "m-S0", STATE(RUNNING), NULL);
        accept_calls(w);
        w->calls.count = 0;
        assert_int_equal(rolling_now(w)->working, 1);
        pass(w, 9999);
        assert_int_equal(rolling_now(w)->done, i);
        pass(w, 1);
    }
    assert_int_equal(rolling_now(w)->state, ROLLING(DONE));
    assert_int_equal(rolling_now(w)->max_instance_failures, 1);
    assert_int_equal(rolling_now(w)->max_total_failures, -1);
    world_free(w);
}

static void test_it_is_cancelled(void **unused)
{
    char id[3][300];
    struct world *w = three(id);

    (void)unused;
    post(w, TARGET("CANCEL_ROLLING", "\"message\":\"x\""));
    expect_status(w, 404);
    post(w, TARGET("KILL_JOB", "\"batch_size\":1"));
    expect_status(w, 200);
    obey(w, id[0]);
    post(w, TARGET("CANCEL_ROLLING", "\"message\":\"keep the last one\""));
    expect_status(w, 200);
    assert_int_equal(w->answer->rolling->state, ROLLING(CANCELLED));
    assert_string_equal(w->answer->rolling->note, "keep the last one");
    accept_calls(w);
    update(w, id[1], "m-S0", STATE(KILLED), NULL);
    Answer *a = get_job(w);
    assert_false(a->jobs[0]->killed);
    assert_int_equal(a->jobs[0]->job->instances, 1);
    assert_int_equal(count_state(a, SHOWN(RUNNING)), 1);
    world_free(w);
}

static void test_what_is_asked_is_checked(void **unused)
{
    static const char *const wrong[] = {
        "\"max_total_failures\":-2",
        "\"max_instance_failures\":-2",
        "\"watch_secs\":86401",
    };
    char id[3][300];
    struct world *w = three(id);

    (void)unused;
    for (int i = 0; i < 3; i++) {
        char *body =
            arena_printf(&w->arena, TARGET("RESTART_JOB", "%s"), wrong[i]);
        post(w, body);
        expect_status(w, 400);
        assert_memory_equal(w->answer->error->field, "target.", 7);
    }
    post(w, TARGET("KILL_JOB", "\"watch_secs\":1"));
    expect_status(w, 400);
    post(w, TARGET("RESTART_JOB", "\"strict\":true,\"instances\":[{\"first\":1,"
                                  "\"last\":3}]"));
    expect_status(w, 404);
    post(w,
         TARGET("KILL_JOB", "\"strict\":true,\"instances\":[{\"first\":3}]"));
    expect_status(w, 404);
    struct buf many = {0};
    buf_add_text(&many,
                 "{\"type\":\"KILL_JOB\",\"target\":{" KEY ",\"instances\":[");
    for (int i = 0; i < 1001; i++)
        buf_addf(&many, "%s{\"first\":%d}", i > 0 ? "," : "", i);
    buf_add_text(&many, "]}}");
    post(w, buf_text(&many));
    expect_status(w, 400);
    buf_release(&many);
    assert_int_equal(count_state(get_job(w), SHOWN(RUNNING)), 3);
    world_free(w);
}

static void test_events_tell_of_each_instance(void **unused)
{
    char id[3][300];
    struct world *w = three(id);
    int parts = 0, whole = 0;

    (void)unused;
    post(w, "{\"type\":\"SUBSCRIBE\",\"subscribe\":{" KEY "}}");
    w->events.count = 0;
    post(w, TARGET("KILL_JOB", "\"batch_size\":3,\"instances\":[{\"first\":0,"
                               "\"last\":1}]"));
    accept_calls(w);
    update(w, id[0], "m-S0", STATE(KILLED), NULL);
    update(w, id[1], "m-S0", STATE(KILLED), NULL);
    for (int i = 0; i < w->events.count; i++) {
        Perigee__Aurora__RollingView *view = w->events.item[i]->rolling;
        if (!view)
            continue;
        parts += view->has_instance;
        whole += !view->has_instance;
    }
    assert_int_equal(parts, 4); /* begun and done, twice */
    assert_int_equal(whole, 2);
    world_free(w);
}

/* A store of the first release: instances in the order of their age. */
static void test_an_older_store_is_understood(void **unused)
{
    static uint32_t left[] = {2, 1}, under_way[] = {0};
    Perigee__Aurora__JobRecord__Restart old =
        PERIGEE__AURORA__JOB_RECORD__RESTART__INIT;
    char id[3][300];
    struct world *w = three(id);

    (void)unused;
    post(w, TARGET("RESTART_JOB", "\"batch_size\":1"));
    old.has_batch_size = true;
    old.batch_size = 1;
    old.left = left;
    old.n_left = 2;
    old.under_way = under_way;
    old.n_under_way = 1;
    for (int i = 0; i < RECORDS_MAX; i++) {
        if (!w->record[i].is_used || strcmp(w->record[i].table, "job") != 0)
            continue;
        Perigee__Aurora__JobRecord *r = perigee__aurora__job_record__unpack(
            NULL, w->record[i].value.size, w->record[i].value.data);
        Perigee__Aurora__JobRecord copy = *r;
        assert_non_null(r->rolling);
        copy.rolling = NULL;
        copy.restart = &old;
        buf_clear(&w->record[i].value);
        codec_encode(&copy.base, MEDIA_PROTOBUF, &w->record[i].value);
        perigee__aurora__job_record__free_unpacked(r, NULL);
    }
    die(w);
    Perigee__Aurora__RollingView *view = rolling_now(w);
    assert_int_equal(view->state, ROLLING(UNDER_WAY));
    assert_int_equal(view->waiting, 2);
    assert_int_equal(view->working, 1);
    world_free(w);
}

/* What was restarted under this key before it was killed says nothing about
 * who comes next. */
static void test_a_new_job_has_a_clean_slate(void **unused)
{
    char id[3][300];
    struct world *w = three(id);

    (void)unused;
    post(w, TARGET("RESTART_JOB", "\"batch_size\":1"));
    expect_status(w, 200);
    post(w, ABOUT("KILL_JOB"));
    accept_calls(w);
    for (int i = 0; i < 3; i++)
        update(w, id[i], "m-S0", STATE(KILLED), NULL);
    get_job(w);
    expect_status(w, 404);
    post(w, SERVICE("1"));
    expect_status(w, 200);
    assert_null(get_job(w)->jobs[0]->rolling);
    die(w);
    assert_null(get_job(w)->jobs[0]->rolling);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_kill_goes_on_after_the_scheduler_died),
        cmocka_unit_test(test_a_restart_goes_on_after_the_scheduler_died),
        cmocka_unit_test(test_it_is_cancelled),
        cmocka_unit_test(test_what_is_asked_is_checked),
        cmocka_unit_test(test_events_tell_of_each_instance),
        cmocka_unit_test(test_an_older_store_is_understood),
        cmocka_unit_test(test_a_new_job_has_a_clean_slate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
