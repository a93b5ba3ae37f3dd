/* A task in a made-up world: processes last as long, and end as, a script
 * says; time is a number. The cases are Thermos' runner tests. */
#include "executor/thermos/core/task_run.h"

#include "base/rng.h"
#include "tests/support/task_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void finish(struct world *w, enum task_run_state state)
{
    go(w, INT64_MAX - 1);
    assert_int_equal(w->run.state, state);
    assert_int_equal(w->alive, 0);
    task_run_release(&w->run);
}

static const struct task_rule ordinary = {.max_failures = 1,
                                          .finalization_ms = 30000};
static const struct actor good = {.lasts_ms = 1000, .ends = "s"};
static const struct actor bad = {.lasts_ms = 1000, .ends = "f"};

static void test_a_diamond_runs_in_its_order(void **unused)
{
    (void)unused;
    struct process_rule rule[6];
    struct actor actor[6];
    struct world w;
    for (int i = 0; i < 6; i++) {
        rule[i] = (struct process_rule){.max_failures = 1};
        actor[i] = good;
    }
    world_init(&w, &ordinary, rule, actor, 6);
    static const uint32_t pairs[][2] = {{0, 2}, {0, 3}, {1, 2}, {1, 3},
                                        {2, 4}, {2, 5}, {3, 4}, {3, 5}};
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(task_run_order(&w.run, pairs[i][0], pairs[i][1], NULL),
                         0);
    finish(&w, TASK_RUN_SUCCESS);
    assert_string_equal(w.log, "012345");
    assert_int_equal(w.now_ms, 4000);
}

static void test_max_concurrency_is_kept(void **unused)
{
    (void)unused;
    struct process_rule rule[3] = {
        {.max_failures = 1}, {.max_failures = 1}, {.max_failures = 1}};
    struct actor actor[3] = {good, good, good};
    struct task_rule one = ordinary;
    struct world w;
    one.max_concurrency = 1;
    world_init(&w, &one, rule, actor, 3);
    finish(&w, TASK_RUN_SUCCESS);
    assert_int_equal(w.most_at_once, 1);
    assert_int_equal(w.now_ms, 4000);
}

static void test_final_processes_do_not_change_the_result(void **unused)
{
    (void)unused;
    struct process_rule rule[3] = {{.max_failures = 1},
                                   {.max_failures = 1, .is_final = true},
                                   {.max_failures = 1, .is_final = true}};
    struct actor actor[3] = {good, bad, good};
    struct world w;
    world_init(&w, &ordinary, rule, actor, 3);
    assert_int_equal(task_run_order(&w.run, 1, 2, NULL), 0);
    finish(&w, TASK_RUN_SUCCESS);
    assert_string_equal(w.log, "01"); /* 2 never ran */
    assert_int_equal(w.outcomes[1][RUN_FAILED], 1);
}

static void test_a_final_process_may_fail_twice(void **unused)
{
    (void)unused;
    struct process_rule rule[3] = {{.max_failures = 1},
                                   {.max_failures = 2, .is_final = true},
                                   {.max_failures = 1, .is_final = true}};
    struct actor actor[3] = {good, bad, good};
    struct world w;
    world_init(&w, &ordinary, rule, actor, 3);
    finish(&w, TASK_RUN_SUCCESS);
    assert_int_equal(w.outcomes[1][RUN_FAILED], 2);
    assert_int_equal(w.outcomes[2][RUN_SUCCESS], 1);
}

static void test_final_processes_run_despite_a_failure(void **unused)
{
    (void)unused;
    struct process_rule rule[2] = {{.max_failures = 1},
                                   {.max_failures = 1, .is_final = true}};
    struct actor actor[2] = {bad, good};
    struct world w;
    world_init(&w, &ordinary, rule, actor, 2);
    finish(&w, TASK_RUN_FAILED);
    assert_int_equal(w.run.count, 0);
    assert_int_equal(w.outcomes[1][RUN_SUCCESS], 1);
}

static void test_failing_processes_run_again(void **unused)
{
    (void)unused;
    struct process_rule rule[3] = {
        {.max_failures = 5}, {.max_failures = 5}, {.max_failures = 5}};
    struct actor actor[3] = {
        {10, "s", false}, {10, "fs", false}, {10, "ffs", false}};
    struct world w;
    world_init(&w, &ordinary, rule, actor, 3);
    finish(&w, TASK_RUN_SUCCESS);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(w.starts[i], i + 1);
        assert_int_equal(w.outcomes[i][RUN_FAILED], i);
    }
}

static void test_no_max_failures_means_success(void **unused)
{
    (void)unused;
    struct process_rule rule[6];
    struct actor actor[6];
    struct task_rule any = ordinary;
    struct world w;
    any.max_failures = 0;
    for (int i = 0; i < 6; i++) {
        rule[i] = (struct process_rule){.max_failures = 1};
        actor[i] = i % 2 ? good : bad;
    }
    world_init(&w, &any, rule, actor, 6);
    finish(&w, TASK_RUN_SUCCESS);
}

static void test_a_failure_names_the_culprit(void **unused)
{
    (void)unused;
    struct process_rule rule[2] = {{.max_failures = 1}, {.max_failures = 1}};
    struct actor actor[2] = {{5000, "s", false}, {100, "f", false}};
    struct world w;
    world_init(&w, &ordinary, rule, actor, 2);
    go(&w, INT64_MAX - 1);
    assert_int_equal(w.run.state, TASK_RUN_FAILED);
    assert_int_equal(w.run.culprit, 1);
    assert_int_equal(w.outcomes[0][RUN_KILLED], 1);
    assert_int_equal(w.now_ms, 1100);
    task_run_release(&w.run);
}

static void test_a_stuck_plan_fails(void **unused)
{
    (void)unused;
    struct process_rule rule[3] = {{.max_failures = 1},
                                   {.max_failures = 1},
                                   {.max_failures = 1, .is_ephemeral = true}};
    struct actor actor[3] = {bad, good, {1000000, "s", false}};
    struct task_rule any = ordinary;
    struct world w;
    any.max_failures = 0;
    world_init(&w, &any, rule, actor, 3);
    assert_int_equal(task_run_order(&w.run, 0, 1, NULL), 0);
    finish(&w, TASK_RUN_FAILED);
    assert_int_equal(w.now_ms, 2000);
}

static void test_an_ephemeral_process_is_killed_at_the_end(void **unused)
{
    (void)unused;
    struct process_rule rule[2] = {{.max_failures = 1, .is_ephemeral = true},
                                   {.max_failures = 1}};
    struct actor actor[2] = {{10000, "s", false}, good};
    struct world w;
    world_init(&w, &ordinary, rule, actor, 2);
    finish(&w, TASK_RUN_SUCCESS);
    assert_int_equal(w.now_ms, 2000);
    assert_int_equal(w.outcomes[0][RUN_KILLED], 1);
}

static void test_a_killed_process_runs_again(void **unused)
{
    (void)unused;
    struct process_rule rule = {.max_failures = 1};
    struct actor actor = {10, "ks", false};
    struct world w;
    world_init(&w, &ordinary, &rule, &actor, 1);
    finish(&w, TASK_RUN_SUCCESS);
    assert_int_equal(w.starts[0], 2);

    actor.ends = "ls";
    world_init(&w, &ordinary, &rule, &actor, 1);
    finish(&w, TASK_RUN_SUCCESS);
    assert_int_equal(w.outcomes[0][RUN_LOST], 1);
}

static void test_a_kill_waits_for_its_grace_only(void **unused)
{
    (void)unused;
    struct process_rule rule = {.max_failures = 1};
    struct actor actor = {1000000, "s", true};
    struct world w;
    world_init(&w, &ordinary, &rule, &actor, 1);
    go(&w, 5000);
    w.now_ms = 5000;
    task_run_kill(&w.run, 1000, w.now_ms);
    go(&w, INT64_MAX - 1);
    assert_int_equal(w.run.state, TASK_RUN_KILLED);
    assert_int_equal(w.now_ms, 6000);
    task_run_release(&w.run);
}

/* What would begin later does not, and the end of the last process is the end,
 * but for what is final. */
static void test_a_draining_task_starts_nothing_more(void **unused)
{
    (void)unused;
    struct process_rule rule[3] = {{.max_failures = 1},
                                   {.max_failures = 1},
                                   {.max_failures = 1, .is_final = true}};
    struct actor actor[3] = {good, good, good};
    struct world w;
    world_init(&w, &ordinary, rule, actor, 3);
    assert_int_equal(task_run_order(&w.run, 0, 1, NULL), 0);
    go(&w, 500);
    task_run_drain(&w.run);
    finish(&w, TASK_RUN_KILLED);
    assert_string_equal(w.log, "02");
    assert_int_equal(w.now_ms, 3000);
}

static void test_a_second_kill_only_shortens(void **unused)
{
    (void)unused;
    static const int64_t rows[][3] = {/* first, second, ends at */
                                      {20000, 30000, 25000},
                                      {20000, 5000, 13000}};
    for (size_t i = 0; i < 2; i++) {
        struct process_rule rule = {.max_failures = 1};
        struct actor actor = {1000000, "s", true};
        struct world w;
        world_init(&w, &ordinary, &rule, &actor, 1);
        go(&w, 5000);
        w.now_ms = 5000;
        task_run_kill(&w.run, rows[i][0], w.now_ms);
        go(&w, 8000);
        w.now_ms = 8000;
        task_run_kill(&w.run, rows[i][1], w.now_ms);
        go(&w, INT64_MAX - 1);
        assert_int_equal(w.now_ms, rows[i][2]);
        task_run_release(&w.run);
    }
}

static void test_a_kill_runs_final_processes_within_the_grace(void **unused)
{
    (void)unused;
    struct process_rule rule[2] = {{.max_failures = 1},
                                   {.max_failures = 1, .is_final = true}};
    struct actor actor[2] = {{1000000, "s", false}, good};
    struct world w;
    world_init(&w, &ordinary, rule, actor, 2);
    go(&w, 5000);
    task_run_kill(&w.run, 3000, w.now_ms);
    finish(&w, TASK_RUN_KILLED);
    assert_int_equal(w.outcomes[1][RUN_SUCCESS], 1);

    actor[1].lasts_ms = 100000;
    actor[1].ignores_term = true;
    world_init(&w, &ordinary, rule, actor, 2);
    go(&w, 5000);
    w.now_ms = 5000;
    task_run_kill(&w.run, 3000, w.now_ms);
    go(&w, INT64_MAX - 1);
    assert_int_equal(w.now_ms, 8000);
    assert_int_equal(w.outcomes[1][RUN_KILLED], 1);
    task_run_release(&w.run);
}

static void test_past_the_deadline_nothing_final_starts(void **unused)
{
    (void)unused;
    struct process_rule rule[3] = {{.max_failures = 1},
                                   {.max_failures = 1},
                                   {.max_failures = 1, .is_final = true}};
    struct actor actor[3] = {bad, {1000000, "s", true}, good};
    struct world w;
    world_init(&w, &ordinary, rule, actor, 3);
    go(&w, INT64_MAX - 1);
    assert_int_equal(w.run.state, TASK_RUN_FAILED);
    assert_int_equal(w.starts[2], 0);
    assert_int_equal(w.now_ms, 2000 + 30000);
    task_run_release(&w.run);
}

static void test_orphans_are_waited_for_and_then_killed(void **unused)
{
    (void)unused;
    struct process_rule rule = {.max_failures = 1};
    struct world w;
    world_init(&w, &ordinary, &rule, &good, 1);
    w.orphans = 2;
    finish(&w, TASK_RUN_SUCCESS);
    assert_int_equal(w.now_ms, 2000);

    world_init(&w, &ordinary, &rule, &good, 1);
    w.orphans = 2;
    w.orphans_ignore_term = true;
    finish(&w, TASK_RUN_SUCCESS);
    assert_int_equal(w.now_ms, 32000);
    assert_int_equal(w.orphans, 0);
}

static void test_orders_that_cannot_be(void **unused)
{
    (void)unused;
    struct process_rule rule[] = {{.max_failures = 1},
                                  {.is_final = true},
                                  {.is_daemon = true},
                                  {.is_ephemeral = true},
                                  {.is_ephemeral = true}};
    static const struct {
        uint32_t before, after;
        const char *text;
    } rows[] = {{0, 1, "a final process and an ordinary one"},
                {2, 0, "nothing can wait for a daemon"},
                {2, 3, "nothing can wait for a daemon"},
                {3, 0, "only an ephemeral process can wait"}};
    struct world w;
    world_init(&w, &ordinary, rule, NULL, 5);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err = {0};
        assert_int_equal(
            task_run_order(&w.run, rows[i].before, rows[i].after, &err),
            -ERR_INVALID);
        assert_non_null(strstr(err.text, rows[i].text));
    }
    assert_int_equal(task_run_order(&w.run, 0, 2, NULL), 0);
    assert_int_equal(task_run_order(&w.run, 3, 4, NULL), 0);
    task_run_release(&w.run);
}

/* --- replay --- */

/* Any history, cut anywhere and replayed, goes on to the same end. */
struct record {
    char kind; /* 's'tarted, 'e'nded, 't'ask state */
    uint32_t process, run;
    enum run_outcome outcome;
    enum task_run_state state;
    int64_t at_ms, deadline_ms;
};

struct history {
    struct record item[1000];
    uint32_t count;
};

static void replay(struct task_run *run, const struct history *h,
                   uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct record *r = &h->item[i];
        if (r->kind == 's')
            task_run_replay_started(run, r->process, r->run);
        else if (r->kind == 'e')
            task_run_ended(run, r->process, r->outcome, r->at_ms);
        else
            task_run_replay_state(run, r->state, r->deadline_ms);
        task_run_check(run);
    }
}

static void note(struct history *h, struct record record)
{
    assert_true(h->count < 1000);
    h->item[h->count++] = record;
}

static void drive(struct task_run *run, struct history *h, struct rng *rng,
                  int64_t *now_ms)
{
    struct task_run_effects fx = {0};
    for (int guard = 0; !task_run_is_over(run) && guard < 100000; guard++) {
        fx.list.count = 0;
        task_run_step(run, *now_ms, &fx);
        for (uint32_t i = 0; i < fx.list.count; i++) {
            const struct task_run_effect *e = &fx.list.item[i];
            if (e->act == TASK_RUN_START) {
                task_run_started(run, e->process);
                note(h, (struct record){.kind = 's',
                                        .process = e->process,
                                        .run = run->process[e->process].run});
            } else if (e->act == TASK_RUN_SWEEP) {
                task_run_swept(run, 0);
            } else if (e->act == TASK_RUN_ENTER &&
                       e->state != TASK_RUN_ENDING) {
                note(h, (struct record){.kind = 't',
                                        .state = e->state,
                                        .deadline_ms = run->deadline_ms});
            }
        }
        for (uint32_t i = 0; i < run->count; i++) {
            if (!run->process[i].is_alive || rng_below(rng, 3) != 0)
                continue;
            enum run_outcome outcome = (enum run_outcome)rng_below(rng, 4);
            task_run_ended(run, i, outcome, *now_ms);
            note(h, (struct record){.kind = 'e',
                                    .process = i,
                                    .outcome = outcome,
                                    .at_ms = *now_ms});
        }
        *now_ms += (int64_t)rng_below(rng, 100);
        task_run_check(run);
    }
    vec_free(&fx.list);
}

static void random_task(struct task_run *run, struct rng *rng, uint64_t seed)
{
    struct process_rule rule[5];
    rng_seed(rng, seed);
    for (int i = 0; i < 5; i++)
        rule[i] = (struct process_rule){
            .max_failures = 1 + (uint32_t)rng_below(rng, 3),
            .min_duration_ms = (int64_t)rng_below(rng, 50),
            .is_ephemeral = i == 3,
            .is_final = i == 4};
    task_run_init(run, &ordinary, rule, 5);
    for (uint32_t b = 0; b < 3; b++)
        for (uint32_t a = b + 1; a < 3; a++)
            if (rng_below(rng, 2) == 0)
                assert_int_equal(task_run_order(run, b, a, NULL), 0);
}

static void test_a_cut_history_goes_on(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct task_run run;
        struct rng rng;
        static struct history h;
        int64_t now_ms = 1000;
        h.count = 0;
        random_task(&run, &rng, seed);
        drive(&run, &h, &rng, &now_ms);
        assert_true(task_run_is_over(&run));
        enum task_run_state state = run.state;
        task_run_release(&run);

        /* all of it gives the same end */
        random_task(&run, &rng, seed);
        replay(&run, &h, h.count);
        assert_int_equal(run.state, state);
        task_run_release(&run);

        /* part of it gives some end */
        uint32_t cut = (uint32_t)(seed * 7919 % (h.count + 1));
        random_task(&run, &rng, seed);
        replay(&run, &h, cut);
        h.count = cut;
        drive(&run, &h, &rng, &now_ms);
        assert_true(task_run_is_over(&run));
        task_run_release(&run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_diamond_runs_in_its_order),
        cmocka_unit_test(test_max_concurrency_is_kept),
        cmocka_unit_test(test_final_processes_do_not_change_the_result),
        cmocka_unit_test(test_a_final_process_may_fail_twice),
        cmocka_unit_test(test_final_processes_run_despite_a_failure),
        cmocka_unit_test(test_failing_processes_run_again),
        cmocka_unit_test(test_no_max_failures_means_success),
        cmocka_unit_test(test_a_failure_names_the_culprit),
        cmocka_unit_test(test_a_stuck_plan_fails),
        cmocka_unit_test(test_an_ephemeral_process_is_killed_at_the_end),
        cmocka_unit_test(test_a_killed_process_runs_again),
        cmocka_unit_test(test_a_kill_waits_for_its_grace_only),
        cmocka_unit_test(test_a_draining_task_starts_nothing_more),
        cmocka_unit_test(test_a_second_kill_only_shortens),
        cmocka_unit_test(test_a_kill_runs_final_processes_within_the_grace),
        cmocka_unit_test(test_past_the_deadline_nothing_final_starts),
        cmocka_unit_test(test_orphans_are_waited_for_and_then_killed),
        cmocka_unit_test(test_orders_that_cannot_be),
        cmocka_unit_test(test_a_cut_history_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
