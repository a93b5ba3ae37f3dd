/* Marathon's capacities: the arithmetic as a table, then whole rollouts of 100
 * instances, counting what runs at every moment. Rows M-70 to M-75. */
#include "aurora/core/aurora.h"
#include "aurora/core/surge.h"
#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* --- the arithmetic --- */

static const struct {
    uint32_t instances, minimum, over; /* thousandths */
    uint32_t healthy_min, tasks_max;
} LIMITS[] = {
    /* M-70: the default. All of the new version beside all of the old one. */
    {100, 1000, 1000, 100, 200},
    {1, 1000, 1000, 1, 2},
    {10, 1000, 1000, 10, 20},
    /* M-71: 1.0 keeps all, 0.9 lets 10 of 100 end first. */
    {100, 900, 1000, 90, 200},
    {100, 0, 1000, 0, 200},
    /* M-72: 0.2 starts 20 of 100 more. */
    {100, 1000, 200, 100, 120},
    {10, 1000, 200, 10, 12},
    /* M-73: 10 at a time, never more than there are. */
    {100, 900, 0, 90, 100},
    /* The minimum is rounded up, the maximum down. */
    {3, 500, 500, 2, 4},
    {7, 334, 334, 3, 9},
    {1, 1, 0, 1, 2},
    {999, 999, 1, 999, 1000},
    /* Where both are equal nothing could move: one more. */
    {100, 1000, 0, 100, 101},
    {4, 900, 200, 4, 5},
    {1, 500, 500, 1, 2},
    {0, 1000, 1000, 0, 1},
    /* Shares above 1 are 1, and nothing overflows. */
    {100, 2000, 5000, 100, 200},
    {UINT32_MAX / 2, 1000, 1000, UINT32_MAX / 2, UINT32_MAX - 1},
};

static void test_limits(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof LIMITS / sizeof *LIMITS; i++) {
        struct surge_limits limits = surge_limits_of(
            LIMITS[i].instances, LIMITS[i].minimum, LIMITS[i].over);
        if (limits.healthy_min != LIMITS[i].healthy_min ||
            limits.tasks_max != LIMITS[i].tasks_max)
            fail_msg("row %zu: %u, %u", i, limits.healthy_min,
                     limits.tasks_max);
    }
}

static void test_what_may_start_and_stop(void **unused)
{
    static const struct {
        struct surge_facts facts;
        uint32_t start, stop; /* of 100: minimum 0.9, over 0.2 */
    } row[] = {
        {{.tasks = 100, .healthy = 100}, 20, 10},
        {{.tasks = 120, .healthy = 100}, 0, 10},
        {{.tasks = 119, .healthy = 90}, 1, 0},
        {{.tasks = 125, .healthy = 85}, 0, 0},
        {{.tasks = 120, .healthy = 110, .on_way = 1}, 0, 0},
        {{.tasks = 120, .healthy = 110}, 0, 20},
        {{.tasks = 0, .healthy = 0}, 120, 0},
    };
    struct surge_limits limits = surge_limits_of(100, 900, 200);

    (void)unused;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        assert_int_equal(surge_may_start(&limits, &row[i].facts), row[i].start);
        assert_int_equal(surge_may_stop(&limits, &row[i].facts), row[i].stop);
    }
}

/* --- whole rollouts --- */

struct world {
    struct aurora a;
    struct job_key key;
    struct job_config *before, *after;
    uint32_t offers;
    int64_t now_ms;
    /* Over the whole rollout: */
    uint32_t healthy_min, tasks_max;
    uint32_t first_wave; /* new ones healthy when the first old one went */
    uint32_t stopped_at_first; /* old ones that went in the first moment */
    bool has_stopped;
};

static struct job_config *config_of(const struct job_key *key,
                                    const char *version, uint32_t minimum,
                                    uint32_t over)
{
    struct job_config *config = job_config_new(key, bytes_of_text(version));
    const uint32_t one = 1;
    struct update_settings settings = {.strategy = UPDATE_SURGE,
                                       .size = &one,
                                       .size_count = 1,
                                       .rolls_back = true,
                                       .watch_ms = 1000,
                                       .minimum_health_milli = minimum,
                                       .maximum_over_milli = over};

    job_config_set_update(config, &settings);
    job_config_id(bytes_of_text(version), config->runs_id);
    job_config_id(bytes_of_text(version), config->stands_id);
    config->is_service = true;
    config->task = config->need = (struct amounts){1, 1, 1, 0};
    return config;
}

static uint32_t count(const struct world *w, const struct job_config *config,
                      enum task_state state)
{
    const struct job *job = aurora_job(&w->a, &w->key);
    uint32_t n = 0;

    for (const struct task *t = job->active.first; t; t = t->next)
        n += (!config || t->config == config) &&
             (state == TASK_NONE || t->state == state);
    return n;
}

static void look(struct world *w)
{
    uint32_t healthy = count(w, NULL, TASK_RUNNING);
    uint32_t tasks = count(w, NULL, TASK_NONE);
    uint32_t old = count(w, w->before, TASK_RUNNING);

    aurora_check(&w->a);
    if (healthy < w->healthy_min)
        w->healthy_min = healthy;
    if (tasks > w->tasks_max)
        w->tasks_max = tasks;
    if (!w->has_stopped && old < 100) {
        w->has_stopped = true;
        w->first_wave = count(w, w->after, TASK_RUNNING);
        w->stopped_at_first = 100 - old;
    }
}

static void offer(struct world *w)
{
    struct attributes none = {0};
    struct amounts all = {1000000, 1000000, 1000000, 0};
    struct ranges ports = {0};
    char id[32];

    snprintf(id, sizeof id, "o-%u", ++w->offers);
    aurora_offer(&w->a, bytes_of_text(id), bytes_of_text("m-S0"), "host", "",
                 &none, &all, &ports, w->now_ms);
    aurora_place(&w->a, w->now_ms);
}

/* What is placed runs, what is killed ends; a moment later. `bad` ones fail. */
static void turn(struct world *w, const struct job_config *bad)
{
    struct job *job = aurora_job(&w->a, &w->key);
    struct task *next;

    offer(w);
    aurora_work_clear(&w->a);
    w->now_ms += 100;
    for (struct task *t = job->active.first; t; t = next) {
        struct bytes id = blob_bytes(t->id);
        next = t->next;
        if (t->state == TASK_ASSIGNED)
            aurora_report(&w->a, id, bytes_of_text("m-S0"),
                          t->config == bad ? TASK_FAILED : TASK_RUNNING, NULL,
                          w->now_ms);
        else if (t->state == TASK_KILLING || t->state == TASK_RESTARTING)
            aurora_report(&w->a, id, bytes_of_text("m-S0"), TASK_KILLED, NULL,
                          w->now_ms);
        else
            continue;
        look(w);
        aurora_work_clear(&w->a);
        next = job->active.first; /* the list changed */
    }
    aurora_time(&w->a, w->now_ms);
    look(w);
    aurora_work_clear(&w->a);
}

static struct update *roll_out(struct world *w, struct job_config *config,
                               uint32_t instances)
{
    struct update_request request = {.instances = instances};
    struct update *u;
    uint64_t sequence;

    w->healthy_min = UINT32_MAX;
    w->tasks_max = 0;
    w->has_stopped = false;
    assert_int_equal(aurora_update_start_take(&w->a, job_config_ref(config),
                                              &request, w->now_ms, &u,
                                              &sequence, NULL),
                     0);
    look(w);
    return u;
}

static void until_over(struct world *w, const struct update *u,
                       const struct job_config *bad)
{
    for (int i = 0; update_is_active(u->state); i++) {
        assert_true(i < 5000);
        turn(w, bad);
    }
}

static struct world *with_100(uint32_t minimum, uint32_t over)
{
    struct aurora_limits_config limits = {.tasks_per_job_max = 1000,
                                          .offer_hold_ms = 60000};
    struct world *w = xcalloc(1, sizeof *w);

    w->now_ms = 1000000;
    assert_int_equal(job_key_parse("c/www/prod/web", &w->key, NULL), 0);
    w->before = config_of(&w->key, "old", minimum, over);
    w->after = config_of(&w->key, "new", minimum, over);
    aurora_init(&w->a, &limits, 1);
    aurora_restored(&w->a, 0, w->now_ms);
    aurora_connected(&w->a, w->now_ms);
    until_over(w, roll_out(w, w->before, 100), NULL);
    assert_int_equal(count(w, w->before, TASK_RUNNING), 100);
    return w;
}

static void world_free(struct world *w)
{
    aurora_release(&w->a);
    job_config_unref(w->before);
    job_config_unref(w->after);
    free(w);
}

struct row {
    uint32_t minimum, over, healthy_min, tasks_max, first_wave, stopped;
};

static void expect_row(const struct row *row)
{
    struct world *w = with_100(row->minimum, row->over);
    struct update *u = roll_out(w, w->after, 100);

    until_over(w, u, NULL);
    assert_int_equal(u->state, UPDATE_ROLLED_FORWARD);
    assert_int_equal(count(w, w->after, TASK_RUNNING), 100);
    assert_int_equal(count(w, NULL, TASK_NONE), 100);
    assert_int_equal(w->healthy_min, row->healthy_min);
    assert_int_equal(w->tasks_max, row->tasks_max);
    assert_int_equal(w->first_wave, row->first_wave);
    assert_int_equal(w->stopped_at_first, row->stopped);
    world_free(w);
}

/* All new ones are healthy before any old one goes. */
static void test_m70_all_of_the_new_version_first(void **unused)
{
    (void)unused;
    expect_row(&(struct row){1000, 1000, 100, 200, 100, 100});
}

static void test_m71_ten_end_first(void **unused)
{
    (void)unused;
    expect_row(&(struct row){900, 1000, 90, 190, 0, 10});
}

static void test_m72_twenty_start_first(void **unused)
{
    (void)unused;
    expect_row(&(struct row){1000, 200, 100, 120, 20, 20});
}

static void test_m73_ten_at_a_time(void **unused)
{
    (void)unused;
    expect_row(&(struct row){900, 0, 90, 100, 0, 10});
}

static void test_nothing_to_spare_takes_one_more(void **unused)
{
    (void)unused;
    expect_row(&(struct row){1000, 0, 100, 101, 1, 1});
}

static void test_all_at_once(void **unused)
{
    (void)unused;
    expect_row(&(struct row){0, 0, 0, 100, 0, 100});
}

/* M-75: bad ones never replace what runs; a rollback ends only them. */
static void test_a_bad_version_costs_nothing(void **unused)
{
    struct world *w = with_100(1000, 200);
    struct update *u = roll_out(w, w->after, 100);

    (void)unused;
    until_over(w, u, w->after);
    assert_int_equal(u->state, UPDATE_ROLLED_BACK);
    assert_int_equal(count(w, w->before, TASK_RUNNING), 100);
    assert_int_equal(w->healthy_min, 100);
    assert_int_equal(w->tasks_max, 120);
    for (int i = 0; i < 10; i++)
        turn(w, NULL);
    assert_int_equal(count(w, NULL, TASK_NONE), 100);
    world_free(w);
}

/* Half way, then back: what was replaced is brought back by a surge. */
static void test_a_rollback_surges_too(void **unused)
{
    struct world *w = with_100(1000, 200);
    struct update *u = roll_out(w, w->after, 100), *same;
    uint64_t sequence;

    (void)unused;
    while (count(w, w->after, TASK_RUNNING) < 50)
        turn(w, NULL);
    assert_int_equal(aurora_update_act(&w->a, &w->key, NULL, UPDATE_ROLLBACK,
                                       NULL, w->now_ms, &same, &sequence, NULL),
                     0);
    until_over(w, u, NULL);
    assert_int_equal(u->state, UPDATE_ROLLED_BACK);
    assert_int_equal(count(w, w->before, TASK_RUNNING), 100);
    assert_true(w->healthy_min >= 100 && w->tasks_max <= 120);
    world_free(w);
}

static void test_more_and_fewer_instances(void **unused)
{
    struct world *w = with_100(1000, 200);
    struct update *u = roll_out(w, w->after, 130);

    (void)unused;
    until_over(w, u, NULL);
    assert_int_equal(count(w, w->after, TASK_RUNNING), 130);
    assert_true(w->tasks_max <= 156);
    u = roll_out(w, w->before, 30);
    until_over(w, u, NULL);
    assert_int_equal(count(w, w->before, TASK_RUNNING), 30);
    assert_true(w->healthy_min >= 30);
    world_free(w);
}

/* An abort leaves one task of each instance: the one that is known to be good.
 */
static void test_an_abort_leaves_one_of_each(void **unused)
{
    struct world *w = with_100(1000, 200);
    struct update *u = roll_out(w, w->after, 100), *same;
    uint64_t sequence;

    (void)unused;
    for (int i = 0; i < 3; i++)
        turn(w, NULL);
    assert_int_equal(count(w, w->after, TASK_RUNNING), 20);
    assert_int_equal(aurora_update_act(&w->a, &w->key, NULL, UPDATE_ABORT, NULL,
                                       w->now_ms, &same, &sequence, NULL),
                     0);
    look(w);
    assert_int_equal(u->state, UPDATE_ABORTED);
    assert_int_equal(count(w, w->before, TASK_RUNNING), 100);
    assert_int_equal(count(w, w->after, TASK_KILLING), 20);
    for (int i = 0; i < 5; i++)
        turn(w, NULL);
    assert_int_equal(count(w, NULL, TASK_NONE), 100);
    world_free(w);
}

/* Some instances have two tasks then, of which one is being killed: to a kill
 * in batches each is one part all the same. */
static void test_an_instance_with_two_tasks_is_one_part(void **unused)
{
    struct world *w = with_100(1000, 200);
    struct rolling_request request = {.kind = ROLLING_KILL,
                                      .settings = {.batch_size = 10}};
    struct instance_list touched = {0};
    struct update *same;
    struct err err = {0};
    uint64_t sequence;

    (void)unused;
    (void)roll_out(w, w->after, 100);
    for (int i = 0; i < 3; i++)
        turn(w, NULL);
    if (aurora_update_act(&w->a, &w->key, NULL, UPDATE_ABORT, NULL, w->now_ms,
                          &same, &sequence, &err) < 0 ||
        aurora_roll(&w->a, &w->key, &request, w->now_ms, &touched, &sequence,
                    &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(touched.count, 100);
    for (uint32_t i = 0; i < touched.count; i++)
        assert_int_equal(touched.item[i], i);
    aurora_check(&w->a);
    vec_free(&touched);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_what_may_start_and_stop),
        cmocka_unit_test(test_m70_all_of_the_new_version_first),
        cmocka_unit_test(test_m71_ten_end_first),
        cmocka_unit_test(test_m72_twenty_start_first),
        cmocka_unit_test(test_m73_ten_at_a_time),
        cmocka_unit_test(test_nothing_to_spare_takes_one_more),
        cmocka_unit_test(test_all_at_once),
        cmocka_unit_test(test_a_bad_version_costs_nothing),
        cmocka_unit_test(test_a_rollback_surges_too),
        cmocka_unit_test(test_more_and_fewer_instances),
        cmocka_unit_test(test_an_abort_leaves_one_of_each),
        cmocka_unit_test(test_an_instance_with_two_tasks_is_one_part),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
