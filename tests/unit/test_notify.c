/* Notifications: made with what happens, told until they are taken, through
 * deaths of the scheduler. */
#include "tests/unit/aurora_kit.h"
#include "aurora/core/aurora.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

#define HOOK(on) "\"notify\":[{\"on\":[" on "],\"url\":\"http://a/hook\"}]"
#define HOOKED(on, more) \
    CREATE("\"service\":false,\"instances\":1," HOOK(on) more)

/* What became of telling number `nth`; 0: nobody answered. */
static void answer(struct world *w, int nth, uint32_t status)
{
    struct aurora_notified_fact fact = {.ticket = w->told[nth].ticket,
                                        .status = status};

    fact.result = bytes_of_text(status ? "" : "nobody listens");
    AURORA_PROGRAM.on_fact(w->p, AURORA_FACT_NOTIFIED, &fact, w->now_ms,
                           &w->fx);
    look(w);
    pass(w, 0);
}

static const struct notices *notices(const struct world *w)
{
    return &aurora_program_core(w->p)->notices;
}

static int stored(const struct world *w)
{
    int count = 0;

    for (int i = 0; i < RECORDS_MAX; i++)
        count +=
            w->record[i].is_used && strcmp(w->record[i].table, "notice") == 0;
    return count;
}

static bool says(const struct world *w, int nth, const char *what)
{
    struct bytes body = w->told[nth].body;

    return memmem(body.data, body.size, what, strlen(what)) != NULL;
}

/* The job's task runs, and ends. */
static void run_out(struct world *w, Mesos__V1__TaskState state)
{
    Mesos__V1__TaskInfo *info;

    offer(w, "a-1", 8);
    accept_calls(w);
    assert_non_null(info = launched(w, 0));
    update(w, info->task_id->value, "a-1", STATE(RUNNING), NULL);
    update(w, info->task_id->value, "a-1", state, "it broke\nbadly");
    accept_calls(w);
    w->calls.count = 0;
}

static struct world *failed(const char *create)
{
    struct world *w = world_new();

    post(w, create);
    expect_status(w, 200);
    run_out(w, STATE(FAILED));
    return w;
}

static void test_a_failure_is_told_once_and_forgotten(void **unused)
{
    struct world *w = failed(HOOKED("\"failed\"", ""));

    (void)unused;
    assert_int_equal(w->told_count, 1);
    assert_string_equal(w->told[0].to, "http://a/hook");
    assert_true(says(w, 0, "\"event\":\"failed\""));
    assert_true(says(w, 0,
                     "job 'devcluster/www/prod/web' failed! "
                     "'2023-11-14T22:13:20.000Z'. Retries attempted: "
                     "0. Task id: "));
    assert_true(says(w, 0,
                     " The scheduler provided this message: it broke "
                     "badly\""));
    assert_true(says(w, 0, "\"oldState\":{\"state\":\"RUNNING\"}"));
    assert_int_equal(stored(w), 1);
    answer(w, 0, 204);
    assert_int_equal(stored(w), 0);
    pass(w, HOUR);
    assert_int_equal(w->told_count, 1);
    assert_int_equal(notices(w)->delivered, 1);
    world_free(w);
}

static void test_what_nobody_asked_for_is_not_told(void **unused)
{
    struct world *w = failed(HOOKED("\"killed\",\"updated\"", ""));

    (void)unused;
    assert_int_equal(w->told_count, 0);
    assert_int_equal(stored(w), 0);
    world_free(w);
}

static void test_what_is_not_taken_is_tried_again_less_and_less(void **unused)
{
    struct world *w = failed(HOOKED("\"failed\"", ""));
    int64_t before_ms = w->now_ms;

    (void)unused;
    for (int i = 0; i < 12; i++) {
        assert_int_equal(w->told_count, i + 1);
        answer(w, i, i % 2 != 0 ? 500 : 0);
        assert_int_equal(w->told_count, i + 1);
        int64_t most_ms = NOTICE_RETRY_FIRST_MS << i;
        if (most_ms > NOTICE_RETRY_MAX_MS)
            most_ms = NOTICE_RETRY_MAX_MS;
        pass(w, most_ms - most_ms / 4 - 1);
        assert_int_equal(w->told_count, i + 1);
        pass(w, most_ms / 4 + 1);
    }
    assert_true(w->now_ms - before_ms > HOUR / 2);
    assert_int_equal(stored(w), 1);
    answer(w, 12, 200);
    assert_int_equal(stored(w), 0);
    assert_int_equal(notices(w)->failed, 12);
    world_free(w);
}

static void test_it_is_given_up_with_an_event(void **unused)
{
    struct world *w = failed(HOOKED("\"failed\"", ""));
    int last = -1;

    (void)unused;
    post(w, "{\"type\":\"SUBSCRIBE\"}");
    while (w->told_count - 1 > last) {
        last = w->told_count - 1;
        w->events.count = 0;
        answer(w, last, 500);
        pass(w, NOTICE_RETRY_MAX_MS);
    }
    assert_true(last > 30 && last < 80); /* within six hours */
    assert_int_equal(stored(w), 0);
    assert_int_equal(notices(w)->given_up, 1);
    Perigee__Aurora__Event *event = NULL;
    for (int i = 0; i < w->events.count; i++)
        if (w->events.item[i]->type ==
            PERIGEE__AURORA__EVENT__TYPE__NOTIFICATION_GIVEN_UP)
            event = w->events.item[i];
    if (event == NULL) {
        fail_msg("nobody is told that it was given up");
        return;
    }
    assert_string_equal(event->notification->what, "failed");
    assert_string_equal(event->notification->receiver, "http://a/hook");
    assert_int_equal(event->notification->tries, last + 1);
    assert_string_equal(event->notification->why,
                        "status 500: want 200 to 299");
    world_free(w);
}

static void test_it_is_told_again_after_a_death(void **unused)
{
    struct world *w = failed(HOOKED("\"failed\"", ""));
    struct bytes first = w->told[0].body;

    (void)unused;
    reborn(w);
    assert_int_equal(w->told_count, 2);
    assert_true(w->told[1].body.size > 0 &&
                memcmp(first.data, w->told[1].body.data, 100) == 0);
    answer(w, 1, 200);
    assert_int_equal(stored(w), 0);
    reborn(w);
    pass(w, HOUR);
    assert_int_equal(w->told_count, 2);
    world_free(w);
}

static void test_its_job_may_be_gone_by_then(void **unused)
{
    struct world *w = failed(HOOKED("\"failed\"", ""));

    (void)unused;
    answer(w, 0, 0);
    for (int i = 1; i < 9 && w->told_count < 40; i++) {
        pass(w, 20 * MINUTE);
        answer(w, w->told_count - 1, 0);
    }
    post(w, ABOUT("KILL_JOB"));
    reborn(w);
    assert_true(says(w, w->told_count - 1, "devcluster/www/prod/web"));
    answer(w, w->told_count - 1, 200);
    assert_int_equal(stored(w), 0);
    world_free(w);
}

/* --- lines --- */

/* A service whose task fails again and again. */
static void flap(struct world *w, int times)
{
    for (int i = 0; i < times; i++) {
        run_out(w, STATE(FAILED));
        pass(w, 10 * MINUTE); /* longer than any penalty; the master hung up */
        subscribed(w, "fw-1");
        accept_calls(w);
        w->calls.count = 0;
    }
}

static struct world *flapping(const char *notify)
{
    struct world *w = world_new();
    char *create = arena_printf(
        &w->arena, CREATE("\"service\":true,\"instances\":1,%s"), notify);

    post(w, create);
    expect_status(w, 200);
    return w;
}

static void test_notices_of_a_receiver_keep_their_order(void **unused)
{
    struct world *w = flapping(HOOK("\"failed\",\"started\""));

    (void)unused;
    flap(w, 2);
    assert_int_equal(w->told_count, 1); /* the others wait behind it */
    assert_int_equal(stored(w), 4);
    for (int i = 0; i < 4; i++)
        answer(w, i, 200);
    assert_int_equal(w->told_count, 4);
    assert_true(says(w, 0, "\"event\":\"started\""));
    assert_true(says(w, 1, "\"event\":\"failed\""));
    assert_true(says(w, 2, "\"event\":\"started\""));
    assert_true(says(w, 3, "\"event\":\"failed\""));
    assert_int_equal(stored(w), 0);
    world_free(w);
}

static void test_a_dead_receiver_keeps_nobody_waiting(void **unused)
{
    struct world *w = flapping(
        "\"notify\":[{\"on\":[\"failed\"],\"url\":\"http://dead/\"},{\"on\":["
        "\"failed\"],\"url\":\"http://fine/\"}]");

    (void)unused;
    flap(w, 1);
    assert_int_equal(w->told_count, 2);
    answer(w, 1, 200);
    flap(w, 1); /* dead/ has not even answered */
    assert_int_equal(w->told_count, 3);
    assert_string_equal(w->told[2].to, "http://fine/");
    world_free(w);
}

static void test_more_than_there_is_room_for_is_counted(void **unused)
{
    struct world *w = flapping(HOOK("\"failed\""));

    (void)unused;
    flap(w, NOTICES_PER_LINE_MAX + 3);
    assert_int_equal(stored(w), NOTICES_PER_LINE_MAX);
    assert_int_equal(notices(w)->dropped, 3);
    w->told_count = 1;
    reborn(w);
    while (notices(w)->count > 1) {
        w->told_count = 1;
        answer(w, 0, 200);
        w->told[0] = w->told[1];
    }
    assert_true(says(w, 0, "(3 more found no room.)"));
    assert_true(says(w, 0, "\"more\":3"));
    world_free(w);
}

/* --- cron jobs --- */

#define TICKING(on, cron)                             \
    CREATE("\"service\":false,\"instances\":1," HOOK( \
        on) ",\"cron\":{"                             \
            "\"schedule\":\"* * * * *\"" cron "}")

static void test_a_run_is_told_when_no_retry_is_left(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, TICKING("\"failed\",\"started\"", ",\"retries\":1"));
    pass(w, 40 * SECOND);
    assert_int_equal(w->told_count, 1);
    assert_true(says(w, 0, "\"event\":\"started\""));
    answer(w, 0, 200);
    run_out(w, STATE(FAILED));
    assert_int_equal(w->told_count, 1);
    run_out(w, STATE(FAILED));
    assert_int_equal(w->told_count, 2);
    assert_true(says(w, 1,
                     "failed! '2023-11-14T22:14:00.000Z'. Retries "
                     "attempted: 1. Scheduled: "
                     "'2023-11-14T22:14:00.000Z'. Task id: "));
    assert_true(says(w, 1,
                     "\"run\":{\"scheduled_secs\":1700000040,"
                     "\"state\":\"FAILED\"}"));
    world_free(w);
}

static void test_lateness_is_told(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, TICKING("\"sla\"", ",\"collision_policy\":\"CANCEL_NEW\""));
    pass(w, 40 * SECOND + 59 * SECOND);
    assert_int_equal(w->told_count, 0);
    pass(w, SECOND); /* no machine for a minute; and the next run is not made */
    answer(w, 0, 200);
    assert_int_equal(w->told_count, 2);
    assert_true(says(w, 0, "has waited 60 s for a machine!") ||
                says(w, 1, "has waited 60 s for a machine!"));
    assert_true(says(w, 0, "left a scheduled time out!") ||
                says(w, 1, "left a scheduled time out!"));
    answer(w, 1, 200);
    w->now_ms += HOUR; /* nobody was there */
    w->told_count = 0;
    reborn(w);
    pass(w, 0);
    for (int i = 0; i < w->told_count; i++)
        answer(w, i, 200);
    bool is_missed = false;
    for (int i = 0; i < w->told_count; i++)
        is_missed |= says(w, i, "missed a scheduled time!");
    assert_true(is_missed);
    world_free(w);
}

/* --- mails --- */

static void test_a_mail_has_its_headers_and_no_others(void **unused)
{
    struct world *w = world_with_mail("perigee@here");

    (void)unused;
    post(w, CREATE("\"service\":false,\"instances\":1,\"notify\":[{\"on\":["
                   "\"failed\"],\"email\":\"web@there\"}]"));
    expect_status(w, 200);
    run_out(w, STATE(FAILED));
    assert_int_equal(w->told_count, 1);
    assert_string_equal(w->told[0].to, "web@there");
    assert_true(says(w, 0,
                     "From: perigee@here\r\nTo: web@there\r\nSubject: "
                     "[Perigee] devcluster/www/prod/web: failed\r\n"
                     "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
                     "Message-ID: <"));
    assert_true(says(w, 0, "\r\n\r\n[Perigee] job "));
    w->mail_from = NULL; /* another life cannot send it: it stays */
    reborn(w);
    assert_int_equal(w->told_count, 1);
    assert_int_equal(stored(w), 1);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_failure_is_told_once_and_forgotten),
        cmocka_unit_test(test_what_nobody_asked_for_is_not_told),
        cmocka_unit_test(test_what_is_not_taken_is_tried_again_less_and_less),
        cmocka_unit_test(test_it_is_given_up_with_an_event),
        cmocka_unit_test(test_it_is_told_again_after_a_death),
        cmocka_unit_test(test_its_job_may_be_gone_by_then),
        cmocka_unit_test(test_notices_of_a_receiver_keep_their_order),
        cmocka_unit_test(test_a_dead_receiver_keeps_nobody_waiting),
        cmocka_unit_test(test_more_than_there_is_room_for_is_counted),
        cmocka_unit_test(test_a_run_is_told_when_no_retry_is_left),
        cmocka_unit_test(test_lateness_is_told),
        cmocka_unit_test(test_a_mail_has_its_headers_and_no_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
