/* The link to the master: silence, redirection, removal. */
#include "aurora_kit.h"

#include "aurora/state.h"

static void test_a_silent_master_is_left_and_found_again(void **unused)
{
    struct world *w = world_new();
    exchange_id first = w->stream;

    (void)unused;
    pass(w, 74 * 1000);
    assert_true(w->stream == first);
    pass(w, 2 * 1000);
    assert_true(w->stream != first);
    subscribed(w, "fw-1");
    post(w, SERVICE("1"));
    offer(w, "m-S0", 4);
    assert_int_equal(count_calls(w, CALL(ACCEPT)), 1);
    world_free(w);
}

static void test_a_redirect_is_followed(void **unused)
{
    struct world *w = world_new();
    static const struct http_header header = {"Location",
                                              "//10.1.1.1:5050/api"};
    struct http_response head = {
        .status = 307, .header = &header, .header_count = 1};

    (void)unused;
    AURORA_PROGRAM.on_broken(w->p, w->stream, "gone", w->now_ms, &w->fx);
    look(w);
    pass(w, 1000);
    AURORA_PROGRAM.on_answer(w->p, w->stream, &head, w->now_ms, &w->fx);
    bool found = false;
    for (uint32_t i = 0; i < w->fx.count; i++)
        found = found || (w->fx.item[i].kind == EFFECT_FOLLOW &&
                          strstr(w->fx.item[i].call.url, "10.1.1.1:5050"));
    assert_true(found);
    look(w);
    world_free(w);
}

static void test_a_removed_framework_begins_anew(void **unused)
{
    struct world *w = world_new();
    MasterEvent event = MESOS__V1__SCHEDULER__EVENT__INIT;
    Mesos__V1__Scheduler__Event__Error error =
        MESOS__V1__SCHEDULER__EVENT__ERROR__INIT;

    (void)unused;
    error.message = "Framework has been removed";
    event.has_type = true;
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__ERROR;
    event.error = &error;
    event_in(w, &event);
    pass(w, 20 * 1000);
    subscribed(w, "fw-2");
    get(w, "/state");
    assert_non_null(strstr((const char *)w->reply.body.data, "fw-2"));
    world_free(w);
}

static void heartbeats(struct world *w, int64_t ms)
{
    MasterEvent event = MESOS__V1__SCHEDULER__EVENT__INIT;

    event.has_type = true;
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__HEARTBEAT;
    for (int64_t step = 15 * 1000; ms > 0; ms -= step) {
        step = ms < step ? ms : step;
        pass(w, step);
        event_in(w, &event);
        accept_calls(w);
    }
}

static Mesos__V1__Scheduler__Call__Reconcile *asked(struct world *w, int nth)
{
    MasterCall *call = find_call(w, CALL(RECONCILE), nth);

    return call ? call->reconcile : NULL;
}

static void come_back(struct world *w)
{
    AURORA_PROGRAM.on_broken(w->p, w->stream, "gone", w->now_ms, &w->fx);
    look(w);
    pass(w, 1000);
    w->calls.count = 0;
    subscribed(w, "fw-1");
    accept_calls(w);
}

static void test_tasks_are_asked_after_in_batches(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    w->p->options.reconcile_batch = 2;
    post(w, SERVICE("5"));
    offer(w, "m-S0", 8);
    run_all(w, "m-S0");
    come_back(w);
    assert_int_equal(count_calls(w, CALL(RECONCILE)), 1);
    assert_int_equal(asked(w, 0)->n_tasks, 2);
    assert_string_equal(asked(w, 0)->tasks[0]->agent_id->value, "m-S0");
    heartbeats(w, 4999);
    assert_int_equal(count_calls(w, CALL(RECONCILE)), 1);
    heartbeats(w, 2);
    assert_int_equal(asked(w, 1)->n_tasks, 2);
    assert_string_not_equal(asked(w, 0)->tasks[1]->task_id->value,
                            asked(w, 1)->tasks[0]->task_id->value);
    heartbeats(w, 5000);
    assert_int_equal(asked(w, 2)->n_tasks, 1);
    heartbeats(w, 40 * 1000);
    assert_int_equal(count_calls(w, CALL(RECONCILE)), 3);
    world_free(w);
}

/* Everything that the master knows: after a minute, then half way between the
 * hourly questions after our own. */
static void test_everything_is_asked_after_now_and_then(void **unused)
{
    static const struct {
        int minute; /* shortly before it nothing happens */
        bool is_implicit;
    } plan[] = {{1, true},    {30, true},  {60, false}, {90, true},
                {120, false}, {150, true}, {180, false}};
    struct world *w = world_new();
    int64_t start_ms;

    (void)unused;
    post(w, SERVICE("1"));
    offer(w, "m-S0", 8);
    run_all(w, "m-S0");
    come_back(w);
    start_ms = w->now_ms;
    assert_int_equal(count_calls(w, CALL(RECONCILE)), 1);
    for (size_t i = 0; i < sizeof plan / sizeof *plan; i++) {
        w->calls.count = 0;
        heartbeats(w, start_ms + plan[i].minute * 60000 - 1 - w->now_ms);
        assert_int_equal(count_calls(w, CALL(RECONCILE)), 0);
        heartbeats(w, 2);
        assert_int_equal(count_calls(w, CALL(RECONCILE)), 1);
        assert_int_equal(asked(w, 0)->n_tasks, plan[i].is_implicit ? 0 : 1);
    }
    world_free(w);
}

static void test_a_new_life_subscribes_as_the_old_one(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    assert_null(w->subscribe->framework_id);
    reborn(w);
    assert_string_equal(w->subscribe->framework_id->value, "fw-1");
    assert_string_equal(w->subscribe->subscribe->framework_info->id->value,
                        "fw-1");
    assert_true(w->subscribe->subscribe->framework_info->failover_timeout ==
                21 * 24 * 60 * 60);
    world_free(w);
}

/* Effects of one turn leave when what it persists is durable (wire/program.h),
 * so the acknowledgement must not come in an earlier one. */
static void test_what_is_acknowledged_is_written_first(void **unused)
{
    struct world *w = world_new();
    MasterEvent event = MESOS__V1__SCHEDULER__EVENT__INIT;
    Mesos__V1__Scheduler__Event__Update update =
        MESOS__V1__SCHEDULER__EVENT__UPDATE__INIT;
    int written = -1, acknowledged = -1;

    (void)unused;
    post(w, SERVICE("1"));
    offer(w, "m-S0", 8);
    char *id = launched(w, 0)->task_id->value;
    accept_calls(w);
    update.status = decode(
        w, &mesos__v1__task_status__descriptor, MEDIA_JSON,
        bytes_of_text(arena_printf(
            &w->arena,
            "{\"task_id\":{\"value\":\"%s\"},\"agent_id\":{\"value\":"
            "\"m-S0\"},\"state\":\"TASK_RUNNING\",\"uuid\":\"QUJDRA==\"}",
            id)));
    event.has_type = true;
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__UPDATE;
    event.update = &update;
    struct buf out = {0};
    codec_encode(&event.base, MEDIA_PROTOBUF, &out);
    AURORA_PROGRAM.on_record(w->p, w->stream, buf_bytes(&out), w->now_ms,
                             &w->fx);
    buf_release(&out);
    for (uint32_t i = 0; i < w->fx.count; i++) {
        const struct effect *e = &w->fx.item[i];
        if (e->kind == EFFECT_PERSIST &&
            strcmp(e->persist.table, "task") == 0 &&
            bytes_equal_text(e->persist.key, id))
            written = (int)i;
        if (e->kind == EFFECT_CALL)
            acknowledged = (int)i;
    }
    look(w);
    assert_int_equal(count_calls(w, CALL(ACKNOWLEDGE)), 1);
    assert_memory_equal(
        find_call(w, CALL(ACKNOWLEDGE), 0)->acknowledge->uuid.data, "ABCD", 4);
    assert_true(written >= 0 && acknowledged > written);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_silent_master_is_left_and_found_again),
        cmocka_unit_test(test_a_redirect_is_followed),
        cmocka_unit_test(test_a_removed_framework_begins_anew),
        cmocka_unit_test(test_tasks_are_asked_after_in_batches),
        cmocka_unit_test(test_everything_is_asked_after_now_and_then),
        cmocka_unit_test(test_a_new_life_subscribes_as_the_old_one),
        cmocka_unit_test(test_what_is_acknowledged_is_written_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
