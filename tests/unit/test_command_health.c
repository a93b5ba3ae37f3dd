/* The health of plain commands: Mesos' counting as a table, and what an
 * executor tells of it. */
#include "executor_scene.h"

/* --- the counting --- */

struct row {
    const char *name;
    struct command_health_rule rule;
    const char *checks; /* '+' good, '-' bad, one an interval after the other */
    const char *news;   /* '.' none, '+' good, '-' bad, 'x' hopeless */
};

static const struct row rows[] = {
    {"the first success is told, no other", {0, 1000, 0, 3}, "+++", "+.."},
    {"every failure is told", {0, 1000, 0, 4}, "+---", "+---"},
    {"the third in a row ends it", {0, 1000, 0, 3}, "---", "--x"},
    {"a success begins a new row", {0, 1000, 0, 2}, "-+-+--", "-+-+-x"},
    {"zero counts as one", {0, 1000, 0, 0}, "-", "x"},
    {"failures in grace are ignored", {0, 1000, 2000, 1}, "---+", "...+"},
    {"behind grace they count", {0, 1000, 2000, 2}, "-----", "...-x"},
    {"grace is over with the first success",
     {0, 1000, 9000, 2},
     "-+--",
     ".+-x"},
    {"grace counts from the beginning, not behind the delay",
     {3000, 1000, 2000, 1},
     "-",
     "x"},
};

static char letter(enum command_health_news news)
{
    return ".+-x"[news];
}

static void test_counting(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        struct command_health h;
        int64_t now_ms = 5000;
        char news[16] = "";
        command_health_init(&h, &row->rule);
        command_health_begin(&h, now_ms);
        for (size_t at = 0; row->checks[at] != '\0'; at++) {
            assert_false(command_health_take(&h, h.next_ms - 1));
            now_ms = h.next_ms;
            assert_true(command_health_take(&h, now_ms));
            assert_false(command_health_take(&h, now_ms)); /* one at a time */
            news[at] = letter(
                command_health_result(&h, row->checks[at] == '+', now_ms));
            command_health_check(&h);
        }
        if (strcmp(news, row->news) != 0)
            fail_msg("%s: want %s, got %s", row->name, row->news, news);
    }
}

static void test_times(void **unused)
{
    static const struct command_health_rule rule = {-5, 0, -5, 1};
    struct command_health h;
    (void)unused;
    command_health_init(&h, &rule);
    assert_int_equal(h.next_ms, INT64_MAX);
    command_health_begin(&h, 7);
    assert_int_equal(h.next_ms, 7);
    assert_true(command_health_take(&h, 7));
    assert_int_equal(command_health_result(&h, true, 9), COMMAND_HEALTH_GOOD);
    assert_int_equal(h.next_ms, 9 + COMMAND_HEALTH_INTERVAL_MIN_MS);
    command_health_stop(&h);
    assert_int_equal(h.next_ms, INT64_MAX);
    assert_int_equal(command_health_result(&h, false, 10),
                     COMMAND_HEALTH_NO_NEWS);
}

/* --- the executor --- */

static void begin(struct rig *r, uint32_t failures_max)
{
    const struct thermos_care care = {
        .has_command_health = true,
        .command_health = {
            .delay_ms = 0, .interval_ms = 1000, .failures_max = failures_max}};
    rig_launch(r, &care, 3000);
    put(r, (struct thermos_input){.kind = THERMOS_IN_TASK_RUNNING,
                                  .grace_ms = 3000});
}

/* The next check, and what comes of it. */
static void checked(struct rig *r, bool ok)
{
    if (!r->t.command_health.is_checking) {
        r->now_ms = r->t.command_health.next_ms;
        put(r, (struct thermos_input){.kind = THERMOS_IN_TIME});
        assert_non_null(find(r, THERMOS_CHECK));
    }
    put(r, (struct thermos_input){.kind = THERMOS_IN_CHECKED,
                                  .number = r->t.command_health.attempts + 1,
                                  .ok = ok,
                                  .text = ok ? "" : "no"});
}

static void acknowledge(struct rig *r)
{
    while (r->t.updates.count > 0)
        put(r, (struct thermos_input){.kind = THERMOS_IN_ACKNOWLEDGED,
                                      .uuid = r->t.updates.item[0].uuid});
}

static void expect(const struct rig *r, enum thermos_state state, int healthy,
                   bool because_of_health)
{
    assert_int_equal(newest(r)->state, state);
    assert_int_equal(newest(r)->healthy, healthy);
    assert_int_equal(newest(r)->reason, because_of_health ? 29 : -1);
}

static void test_unhealthy_is_killed(void **unused)
{
    struct rig r;
    (void)unused;
    begin(&r, 2);
    expect(&r, THERMOS_RUNNING, -1, false); /* at once */
    acknowledge(&r);
    checked(&r, true); /* under way already */
    expect(&r, THERMOS_RUNNING, 1, true);
    acknowledge(&r);
    checked(&r, true);
    assert_int_equal(r.t.updates.count, 0);
    checked(&r, false);
    expect(&r, THERMOS_RUNNING, 0, true);
    assert_null(find(&r, THERMOS_KILL_TASK));
    checked(&r, false);
    assert_int_equal(find(&r, THERMOS_KILL_TASK)->grace_ms, 3000);
    expect(&r, THERMOS_KILLING, -1, false);
    assert_int_equal(r.t.updates.item[r.t.updates.count - 2].healthy, 0);
    put(&r, (struct thermos_input){.kind = THERMOS_IN_TASK_ENDED,
                                   .state = THERMOS_FINISHED,
                                   .text = "Command exited with status 0"});
    expect(&r, THERMOS_KILLED, 0, false);
    assert_string_equal(newest(&r)->message, "Command exited with status 0");
    rig_release(&r);
}

/* Who is killed otherwise was not unhealthy, and is not checked any more. */
static void test_a_kill_stops_checks(void **unused)
{
    struct rig r;
    (void)unused;
    begin(&r, 1);
    assert_non_null(find(&r, THERMOS_CHECK));
    put(&r, (struct thermos_input){
                .kind = THERMOS_IN_KILL, .task_id = "t", .grace_ms = -1});
    assert_non_null(find(&r, THERMOS_STOP_CHECKS));
    put(&r, (struct thermos_input){.kind = THERMOS_IN_CHECKED, .number = 1});
    expect(&r, THERMOS_KILLING, -1, false);
    put(&r, (struct thermos_input){.kind = THERMOS_IN_TASK_ENDED,
                                   .state = THERMOS_KILLED});
    expect(&r, THERMOS_KILLED, -1, false);
    rig_release(&r);
}

/* The end is told however often the health changed before. */
static void test_flapping_while_the_agent_is_away(void **unused)
{
    struct rig r;
    (void)unused;
    begin(&r, 3);
    for (int i = 0; i < 200; i++)
        checked(&r, i % 2 == 0);
    assert_int_equal(r.t.updates.count, THERMOS_HEALTH_UPDATES_MAX);
    expect(&r, THERMOS_RUNNING, 0, true);
    put(&r, (struct thermos_input){.kind = THERMOS_IN_TASK_ENDED,
                                   .state = THERMOS_FAILED});
    expect(&r, THERMOS_FAILED, -1, false);
    rig_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counting),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_unhealthy_is_killed),
        cmocka_unit_test(test_a_kill_stops_checks),
        cmocka_unit_test(test_flapping_while_the_agent_is_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
