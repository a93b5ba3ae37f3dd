/* Windows of maintenance that the master announces (Mesos: inverse offers). */
#include "maintenance_kit.h"

#include "aurora/core/aurora.h"
#include "aurora/core/settle.h"

static void unavailable(struct world *w, int64_t from_ms)
{
    MasterEvent event = MESOS__V1__SCHEDULER__EVENT__INIT;
    Mesos__V1__Scheduler__Event__InverseOffers offers =
        MESOS__V1__SCHEDULER__EVENT__INVERSE_OFFERS__INIT;
    static const char json[] =
        "{\"id\":{\"value\":\"i-1\"},\"framework_id\":{\"value\":\"fw-1\"},"
        "\"agent_id\":{\"value\":\"a\"},\"unavailability\":{\"start\":{"
        "\"nanoseconds\":%lld000000},\"duration\":{\"nanoseconds\":"
        "3600000000000}}}";
    char *text = arena_printf(&w->arena, json, (long long)from_ms);
    Mesos__V1__InverseOffer *one =
        decode(w, &mesos__v1__inverse_offer__descriptor, MEDIA_JSON,
               bytes_of_text(text));

    offers.n_inverse_offers = 1;
    offers.inverse_offers = &one;
    event.has_type = true;
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__INVERSE_OFFERS;
    event.inverse_offers = &offers;
    event_in(w, &event);
    pass(w, 0);
}

static void rescinded(struct world *w)
{
    MasterEvent event = MESOS__V1__SCHEDULER__EVENT__INIT;
    Mesos__V1__Scheduler__Event__RescindInverseOffer rescind =
        MESOS__V1__SCHEDULER__EVENT__RESCIND_INVERSE_OFFER__INIT;
    Mesos__V1__OfferID id = MESOS__V1__OFFER_ID__INIT;

    id.value = "i-1";
    rescind.inverse_offer_id = &id;
    event.has_type = true;
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__RESCIND_INVERSE_OFFER;
    event.rescind_inverse_offer = &rescind;
    event_in(w, &event);
    pass(w, 0);
}

static void test_128_a_window_of_the_master(void **unused)
{
    struct world *w = with("2");
    int64_t from_ms = w->now_ms + 10 * 60 * 1000;

    (void)unused;
    unavailable(w, from_ms);
    accept_calls(w);
    assert_non_null(find_call(w, CALL(ACCEPT_INVERSE_OFFERS), 0));
    assert_string_equal(find_call(w, CALL(ACCEPT_INVERSE_OFFERS), 0)
                            ->accept_inverse_offers->inverse_offer_ids[0]
                            ->value,
                        "i-1");
    assert_true(find_call(w, CALL(ACCEPT_INVERSE_OFFERS), 0)
                    ->accept_inverse_offers->filters->refuse_seconds == 30);
    w->calls.count = 0;
    assert_int_equal(status(w, "a.host")->hosts[0]->away_from_ms, from_ms);
    later(w, 3 * 60 * 1000);
    unavailable(w, from_ms); /* the master repeats it */
    settle(w, "");
    assert_string_equal(where(w), "aa");
    later(w, 60 * 1000); /* 6 minutes before it: they go */
    settle(w, "");
    assert_string_equal(where(w), "--");
    rescinded(w);
    settle(w, "a");
    assert_string_equal(where(w), "aa");
    world_free(w);
}

/* Half minutes on a link that lives. */
static void half_minutes(struct world *w, int count, int64_t repeated_ms)
{
    MasterEvent event = MESOS__V1__SCHEDULER__EVENT__INIT;

    event.has_type = true;
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__HEARTBEAT;
    for (int i = 0; i < count; i++) {
        pass(w, 30 * 1000);
        event_in(w, &event);
        if (repeated_ms > 0)
            unavailable(w, repeated_ms);
        accept_calls(w);
        w->calls.count = 0;
    }
}

static int64_t away_from_ms(struct world *w)
{
    return (int64_t)status(w, "a.host")->hosts[0]->away_from_ms;
}

/* Who has accepted is not told when the window is taken back. */
static void test_a_window_that_is_not_repeated_is_over(void **unused)
{
    struct world *w = with("2");
    int64_t from_ms = w->now_ms + 24 * 3600 * 1000;

    (void)unused;
    offer(w, "b", OFFERED);
    post(w, HOSTS("START_MAINTENANCE", A_HOST, "")); /* so that it is shown */
    unavailable(w, from_ms);
    half_minutes(w, 20, from_ms);
    assert_true(away_from_ms(w) == from_ms);
    half_minutes(w, 3, 0);
    assert_true(away_from_ms(w) == from_ms);
    half_minutes(w, 2, 0);
    assert_true(away_from_ms(w) == 0);
    unavailable(w, from_ms);
    assert_true(away_from_ms(w) == from_ms);
    world_free(w);
}

/* Nobody can repeat anything while the master is away, nor need it while an
 * offer says so. */
static void test_a_window_stands_while_nobody_can_repeat_it(void **unused)
{
    struct world *w = with("2");
    int64_t from_ms = w->now_ms + 24 * 3600 * 1000;

    (void)unused;
    post(w, HOSTS("START_MAINTENANCE", A_HOST, ""));
    unavailable(w, from_ms);
    pass(w, 10 * 60 * 1000);
    assert_true(away_from_ms(w) == from_ms);
    subscribed(w, "fw-1");
    half_minutes(w, 3, 0);
    assert_true(away_from_ms(w) == from_ms);
    half_minutes(w, 2, 0);
    assert_true(away_from_ms(w) == 0);
    world_free(w);
}

/* Several are answered in one call; an agent that nobody knows is not ours. */
static void test_many_are_answered_in_one_call(void **unused)
{
    struct world *w = with("1");
    MasterEvent event = MESOS__V1__SCHEDULER__EVENT__INIT;
    Mesos__V1__Scheduler__Event__InverseOffers offers =
        MESOS__V1__SCHEDULER__EVENT__INVERSE_OFFERS__INIT;
    static const char *const agent[] = {"a", "z", "b"};
    Mesos__V1__InverseOffer *list[3];
    MasterCall *call;

    (void)unused;
    offer(w, "b", OFFERED);
    for (size_t i = 0; i < 3; i++)
        list[i] =
            decode(w, &mesos__v1__inverse_offer__descriptor, MEDIA_JSON,
                   bytes_of_text(arena_printf(
                       &w->arena,
                       "{\"id\":{\"value\":\"i-%zu\"},\"framework_id\":{"
                       "\"value\":\"fw-1\"},\"agent_id\":{\"value\":\"%s\"},"
                       "\"unavailability\":{\"start\":{\"nanoseconds\":"
                       "1900000000000000000}}}",
                       i, agent[i])));
    offers.n_inverse_offers = 3;
    offers.inverse_offers = list;
    event.has_type = true;
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__INVERSE_OFFERS;
    event.inverse_offers = &offers;
    event_in(w, &event);
    accept_calls(w);
    call = find_call(w, CALL(ACCEPT_INVERSE_OFFERS), 0);
    assert_int_equal(call->accept_inverse_offers->n_inverse_offer_ids, 2);
    assert_string_equal(
        call->accept_inverse_offers->inverse_offer_ids[1]->value, "i-2");
    assert_null(find_call(w, CALL(ACCEPT_INVERSE_OFFERS), 1));
    call = find_call(w, CALL(DECLINE_INVERSE_OFFERS), 0);
    assert_int_equal(call->decline_inverse_offers->n_inverse_offer_ids, 1);
    assert_string_equal(
        call->decline_inverse_offers->inverse_offer_ids[0]->value, "i-1");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_128_a_window_of_the_master),
        cmocka_unit_test(test_a_window_that_is_not_repeated_is_over),
        cmocka_unit_test(test_a_window_stands_while_nobody_can_repeat_it),
        cmocka_unit_test(test_many_are_answered_in_one_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
