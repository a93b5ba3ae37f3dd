/* Backups of the scheduler: when one is made, and what clients are told. */
#include "tests/unit/aurora_kit.h"

enum { HOUR = 3600 * 1000 };

static struct world *begin(int64_t interval_ms, int64_t last_ms)
{
    struct world *w = world_new();

    aurora_program_free(w->p);
    struct aurora_options options = AURORA_OPTIONS;
    options.seed = 7;
    options.endpoint = "10.0.0.1:8081";
    options.can_back_up = true;
    options.backup_interval_ms = interval_ms;
    options.backup_last_ms = last_ms;
    w->p = aurora_program_new(&options);
    AURORA_PROGRAM.on_start(w->p, w->now_ms, &w->fx);
    look(w);
    return w;
}

static void made(struct world *w, const char *why)
{
    struct aurora_backup_fact fact = {.failed = why != NULL, .bytes = 5};

    fact.result = bytes_of_text(why ? why : "");
    AURORA_PROGRAM.on_fact(w->p, AURORA_FACT_BACKED_UP, &fact, w->now_ms,
                           &w->fx);
    look(w);
}

static void listed(struct world *w)
{
    struct aurora_backup_fact fact = {.ticket = w->backup_ticket};
    Answer answer = PERIGEE__AURORA__ANSWER__INIT;
    Perigee__Aurora__BackupView view = PERIGEE__AURORA__BACKUP_VIEW__INIT;
    Perigee__Aurora__BackupView *views[] = {&view};
    uint8_t packed[256];

    view.backup_id = "one";
    answer.n_backups = 1;
    answer.backups = views;
    size_t size = perigee__aurora__answer__pack(&answer, packed);
    fact.result = bytes_of(packed, size);
    AURORA_PROGRAM.on_fact(w->p, AURORA_FACT_BACKUPS, &fact, w->now_ms, &w->fx);
    look(w);
}

static void test_one_per_interval(void **state)
{
    struct world *w = begin(HOUR, 0);

    (void)state;
    pass(w, 2 * 60 * 1000); /* there was none: soon */
    assert_int_equal(w->backup_acts, 1);
    assert_int_equal(w->backup_act, AURORA_ACT_BACKUP);
    pass(w, 2 * HOUR); /* still being made: no second one */
    assert_int_equal(w->backup_acts, 1);
    made(w, NULL);
    pass(w, HOUR - 1000);
    assert_int_equal(w->backup_acts, 1);
    pass(w, 2000);
    assert_int_equal(w->backup_acts, 2);
    world_free(w);
}

static void test_a_restart_neither_adds_nor_skips_one(void **state)
{
    (void)state;
    struct world *w = world_new();
    int64_t now = w->now_ms;
    world_free(w);
    w = begin(HOUR, now - HOUR / 2);
    pass(w, HOUR / 2 - 1000);
    assert_int_equal(w->backup_acts, 0);
    pass(w, 2000);
    assert_int_equal(w->backup_acts, 1);
    world_free(w);
    /* A backup from the future (the clock was wrong) puts off none for long. */
    w = begin(HOUR, now + 100 * (int64_t)HOUR);
    pass(w, HOUR + 1000);
    assert_int_equal(w->backup_acts, 1);
    world_free(w);
}

static void test_without_an_interval_there_are_none(void **state)
{
    struct world *w = begin(0, 0);

    (void)state;
    pass(w, 100 * (int64_t)HOUR);
    assert_int_equal(w->backup_acts, 0);
    world_free(w);
}

static void test_a_failed_one_is_tried_again_soon_and_told(void **state)
{
    struct world *w = begin(HOUR, 0);

    (void)state;
    pass(w, 2 * 60 * 1000);
    made(w, "the disk is full");
    pass(w, 61 * 1000);
    assert_int_equal(w->backup_acts, 2);
    post(w, "{\"type\":\"LIST_BACKUPS\"}");
    assert_int_equal(w->backup_act, AURORA_ACT_LIST_BACKUPS);
    listed(w);
    assert_int_equal(w->reply.status, 200);
    assert_int_equal(w->answer->n_backups, 1);
    assert_string_equal(w->answer->note, "the disk is full");
    assert_non_null(w->answer->backup_failed);
    assert_non_null(w->answer->backup_running);
    world_free(w);
}

static void test_a_client_may_ask_for_one(void **state)
{
    struct world *w = begin(0, 0);

    (void)state;
    post(w, "{\"type\":\"BACKUP_CREATE\"}");
    assert_int_equal(w->reply.status, 200);
    assert_non_null(w->answer->backup_running);
    assert_int_equal(w->backup_acts, 1);
    post(w, "{\"type\":\"BACKUP_CREATE\"}");
    assert_int_equal(w->reply.status, 429);
    assert_non_null(strstr(w->answer->error->message, "under way"));
    made(w, NULL);
    post(w, "{\"type\":\"BACKUP_CREATE\"}");
    assert_int_equal(w->reply.status, 200);
    world_free(w);
}

static void test_a_client_that_leaves_gets_no_list(void **state)
{
    struct world *w = begin(0, 0);

    (void)state;
    post(w, "{\"type\":\"LIST_BACKUPS\"}");
    uint64_t ticket = w->backup_ticket;
    AURORA_PROGRAM.on_gone(w->p, w->next_exchange, w->now_ms, &w->fx);
    look(w);
    post(w, "{\"type\":\"LIST_BACKUPS\"}");
    assert_int_not_equal(w->backup_ticket, ticket);
    listed(w);
    assert_int_equal(w->answer->n_backups, 1);
    world_free(w);
}

static void test_many_lists_at_once_are_refused(void **state)
{
    struct world *w = begin(0, 0);

    (void)state;
    for (int i = 0; i < 16; i++)
        post(w, "{\"type\":\"LIST_BACKUPS\"}");
    assert_int_equal(w->backup_acts, 16);
    post(w, "{\"type\":\"LIST_BACKUPS\"}");
    assert_int_equal(w->reply.status, 429);
    world_free(w);
}

static void test_without_a_directory_it_is_refused(void **state)
{
    struct world *w = world_new();

    (void)state;
    post(w, "{\"type\":\"BACKUP_CREATE\"}");
    assert_int_equal(w->reply.status, 400);
    assert_string_equal(w->answer->error->code, "UNSUPPORTED");
    post(w, "{\"type\":\"LIST_BACKUPS\"}");
    assert_int_equal(w->reply.status, 400);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_per_interval),
        cmocka_unit_test(test_a_restart_neither_adds_nor_skips_one),
        cmocka_unit_test(test_without_an_interval_there_are_none),
        cmocka_unit_test(test_a_failed_one_is_tried_again_soon_and_told),
        cmocka_unit_test(test_a_client_may_ask_for_one),
        cmocka_unit_test(test_a_client_that_leaves_gets_no_list),
        cmocka_unit_test(test_many_lists_at_once_are_refused),
        cmocka_unit_test(test_without_a_directory_it_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
