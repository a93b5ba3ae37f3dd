/* Large bodies: read beside the loop, by aurora_decode_run(). */
#include "aurora_kit.h"

static void tell_decoded(struct world *w)
{
    struct aurora_decoded fact = {.ticket = w->decode.ticket};

    assert_non_null(w->decode.work);
    aurora_decode_run(w->decode.work);
    AURORA_PROGRAM.on_fact(w->p, AURORA_FACT_DECODED, &fact, w->now_ms, &w->fx);
    w->decode = (struct aurora_decode){0};
    look(w);
    pass(w, 0);
}

/* PUT_ASSET of 96 KiB of zeroes. */
static char *large_asset(struct world *w, const char *more)
{
    enum { LETTERS = 128 << 10 };
    struct buf out = {0};

    buf_addf(&out, "{\"type\":\"PUT_ASSET\",\"put_asset\":{%s\"content\":\"",
             more);
    for (int i = 0; i < LETTERS; i++)
        buf_add_char(&out, 'A');
    buf_add_text(&out, "\"}}");
    char *body = arena_strndup(&w->arena, buf_text(&out), out.size);
    buf_release(&out);
    return body;
}

static void test_a_large_asset_is_kept_under_its_hash(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, large_asset(w, ""));
    assert_int_equal(w->replied, 0);
    tell_decoded(w);
    expect_status(w, 200);
    get(w, "/assets/"
           "3a3ed164e42500a1c5b2d0093f0a813d27dc50d038f330cc100a7e70ece2e6e4");
    expect_status(w, 200);
    assert_int_equal(w->reply.body.size, 96 << 10);
    reborn(w);
    get(w, "/assets/"
           "3a3ed164e42500a1c5b2d0093f0a813d27dc50d038f330cc100a7e70ece2e6e4");
    expect_status(w, 200);
    world_free(w);
}

static void test_another_hash_than_said_is_refused(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, large_asset(w, "\"sha256\":\"abc\","));
    tell_decoded(w);
    expect_status(w, 400);
    assert_non_null(strstr(w->answer->error->message, "not abc as said"));
    world_free(w);
}

static void test_who_left_is_not_served(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, large_asset(w, ""));
    AURORA_PROGRAM.on_gone(w->p, w->next_exchange, w->now_ms, &w->fx);
    tell_decoded(w);
    assert_int_equal(w->replied, 0);
    get(w, "/assets/"
           "3a3ed164e42500a1c5b2d0093f0a813d27dc50d038f330cc100a7e70ece2e6e4");
    expect_status(w, 404);
    world_free(w);
}

/* One under way when the scheduler ends. */
static void test_the_end_forgets_what_is_read(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, large_asset(w, ""));
    world_free(w);
}

static void test_too_many_at_once_are_429(void **unused)
{
    struct world *w = world_new();
    int taken = 0;

    (void)unused;
    do {
        w->decode.work = NULL;
        post(w, large_asset(w, ""));
    } while (w->decode.work != NULL && ++taken < 1000);
    assert_int_equal(taken, 64);
    expect_status(w, 429);
    world_free(w);
}

/* `size` bytes of a KILL_JOB with many ranges. */
static char *many_ranges(struct world *w, size_t size)
{
    struct buf out = {0};

    buf_add_text(&out,
                 "{\"type\":\"KILL_JOB\",\"target\":{" KEY ",\"instances\":[");
    while (out.size < size)
        buf_add_text(&out, "{\"first\":1},");
    buf_add_text(&out, "{\"first\":1}]}}");
    char *body = arena_strndup(&w->arena, buf_text(&out), out.size);
    buf_release(&out);
    return body;
}

static void expect_limit(struct world *w, const char *said)
{
    expect_status(w, 413);
    assert_string_equal(w->answer->error->code, "LIMIT");
    if (!strstr(w->answer->error->message, said))
        fail_msg("'%s' is not in: %s", said, w->answer->error->message);
}

static void test_what_costs_the_loop_is_refused(void **unused)
{
    struct world *w = world_new();
    struct buf out = {0};

    (void)unused;
    post(w, many_ranges(w, 4 << 20));
    tell_decoded(w);
    expect_limit(w, "values: want at most 100000");
    buf_addf(&out,
             "{\"type\":\"KILL_JOB\",\"target\":{" KEY
             ",\"message\":\"%0*d\"}}",
             2 << 20, 0);
    post(w, buf_text(&out));
    tell_decoded(w);
    expect_limit(w, "KiB beside an asset or bundle: want at most 1024 KiB");
    buf_release(&out);
    world_free(w);
}

static void test_broken_json_is_told(void **unused)
{
    struct world *w = world_new();
    char *body = large_asset(w, "");

    (void)unused;
    body[strlen(body) - 1] = '\0';
    post(w, body);
    tell_decoded(w);
    expect_status(w, 400);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_large_asset_is_kept_under_its_hash),
        cmocka_unit_test(test_another_hash_than_said_is_refused),
        cmocka_unit_test(test_who_left_is_not_served),
        cmocka_unit_test(test_the_end_forgets_what_is_read),
        cmocka_unit_test(test_too_many_at_once_are_429),
        cmocka_unit_test(test_what_costs_the_loop_is_refused),
        cmocka_unit_test(test_broken_json_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
