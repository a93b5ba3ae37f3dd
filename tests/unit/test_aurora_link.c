/* The link to the master: silence, redirection, removal. */
#include "aurora_kit.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_silent_master_is_left_and_found_again),
        cmocka_unit_test(test_a_redirect_is_followed),
        cmocka_unit_test(test_a_removed_framework_begins_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
