/* Cron jobs in the scheduler's core: what becomes of each scheduled time. */
#include "tests/unit/core_scene.h"

#define FINISHED TASK_FINISHED
#define FAILED TASK_FAILED

static struct zone *utc;

static const struct job_key *key_of(const char *name)
{
    static struct job_key key;

    (void)job_key_parse("c/www/prod/x", &key, NULL);
    (void)snprintf(key.name, sizeof key.name, "%s", name);
    return &key;
}

struct plan {
    const char *name, *schedule, *after, *after2;
    enum collision collision;
    enum catch_up catch_up;
    uint32_t retries;
};

static int try_schedule(struct scene *s, const struct plan *plan,
                        uint32_t instances, struct err *err)
{
    char bytes[64];
    (void)snprintf(bytes, sizeof bytes, "%s %s", plan->name,
                   plan->schedule ? plan->schedule : plan->after);
    struct job_config *config =
        job_config_new(key_of(plan->name), bytes_of_text(bytes));
    struct cron_rule *rule = cron_rule_new();
    uint64_t sequence;

    config->failures_max = 1;
    config->need = config->task = (struct amounts){100, 1000, 1000, 0};
    if (plan->schedule) {
        assert_int_equal(cron_parse(plan->schedule, &rule->schedule, err), 0);
        rule->zone = utc;
    }
    rule->collision = plan->collision;
    rule->catch_up = plan->catch_up;
    rule->retries = plan->retries;
    if (plan->after)
        cron_rule_add_parent(rule, plan->after);
    if (plan->after2)
        cron_rule_add_parent(rule, plan->after2);
    job_config_set_cron_take(config, rule);
    return aurora_create_take(&s->a, config, instances, s->now_ms, &sequence,
                              err);
}

static struct job *schedule(struct scene *s, struct plan plan)
{
    struct err err = {0};

    if (try_schedule(s, &plan, 1, &err) < 0)
        fail_msg("%s", err.text);
    return aurora_job(&s->a, key_of(plan.name));
}

static const struct firing *newest(const struct job *job)
{
    assert_true(job->cron->firings.count > 0);
    return job->cron->firings.item[job->cron->firings.count - 1];
}

static void expect_newest(const struct job *job, enum firing_state state,
                          uint32_t tasks)
{
    assert_int_equal(newest(job)->state, state);
    assert_int_equal(job->active.count, tasks);
}

/* The oldest task of the job ends. */
static void ends(struct scene *s, struct job *job, enum task_state state)
{
    struct task *task = job->active.first;

    if (task->state == TASK_PENDING)
        place(s);
    report(s, task, state);
}

/* A scene with one job, "a", which is due each minute; what else its plan says
 * is given. */
static struct job *begin_each_minute(struct scene *s, struct plan plan)
{
    begin(s);
    plan.name = "a";
    plan.schedule = "* * * * *";
    return schedule(s, plan);
}

/* The scene begins at 22:13:20. */
enum { TO_2214 = 40 * SECOND };

static void test_a_time_becomes_a_run(void **unused)
{
    struct scene s;
    (void)unused;
    struct job *job = begin_each_minute(&s, (struct plan){0});
    assert_int_equal(job->active.count, 0);
    pass(&s, TO_2214 - 1);
    assert_int_equal(job->cron->firings.count, 0);
    pass(&s, 1);
    expect_newest(job, FIRING_ACTIVE, 1);
    assert_int_equal(newest(job)->at * 1000, s.now_ms);
    assert_int_equal(job->active.first->firing, newest(job)->id);
    ends(&s, job, FINISHED);
    expect_newest(job, FIRING_SUCCEEDED, 0);
    assert_int_equal(job->cron->stats.successes, 1);
    pass(&s, MINUTE);
    expect_newest(job, FIRING_ACTIVE, 1);
    assert_int_equal(job->cron->firings.count, 2);
    end(&s);
}

/* The run of a second is due so far into it, as the interval began. */
static void test_an_interval_may_begin_within_a_second(void **unused)
{
    struct scene s;
    (void)unused;
    begin(&s);
    struct job *job = schedule(
        &s, (struct plan){.name = "a",
                          .schedule = "R/2023-11-14T22:14:00.250Z/PT1M"});
    pass(&s, TO_2214 + 249);
    assert_int_equal(job->cron->firings.count, 0);
    pass(&s, 1);
    expect_newest(job, FIRING_ACTIVE, 1);
    assert_int_equal(newest(job)->at * 1000 + 250, s.now_ms);
    ends(&s, job, FINISHED);
    assert_int_equal(job->cron->stats.lateness_max_ms, 0);
    pass(&s, MINUTE - 1);
    assert_int_equal(job->cron->firings.count, 1);
    pass(&s, 1);
    assert_int_equal(job->cron->firings.count, 2);
    end(&s);
}

/* The record of a run and its tasks are saved by the same input; it says all
 * that changed of the job. */
static void test_a_run_is_saved_with_its_tasks(void **unused)
{
    struct scene s;
    (void)unused;
    struct job *job = begin_each_minute(&s, (struct plan){0});
    forget_work(&s);
    pass(&s, TO_2214);
    assert_int_equal(s.a.work.firings.count, 1);
    assert_ptr_equal(s.a.work.firings.item[0], newest(job));
    assert_int_equal(s.a.work.tasks.count, 1);
    assert_int_equal(s.a.work.jobs.count, 0);
    forget_work(&s);
    ends(&s, job, FINISHED);
    assert_int_equal(s.a.work.firings.count, 1);
    assert_int_equal(s.a.work.jobs.count, 1); /* its figures */
    end(&s);
}

static void test_kill_existing_ends_the_old_run_first(void **unused)
{
    struct scene s;
    (void)unused;
    struct job *job = begin_each_minute(&s, (struct plan){0});
    pass(&s, TO_2214);
    place(&s);
    struct task *old = job->active.first;
    report(&s, old, TASK_RUNNING);
    pass(&s, MINUTE);
    expect_newest(job, FIRING_WAITING, 1);
    assert_int_equal(old->state, TASK_KILLING);
    pass(&s, MINUTE); /* it takes its time: runs do not pile up */
    expect_newest(job, FIRING_CANCELLED, 1);
    report(&s, old, TASK_KILLED);
    assert_int_equal(job->active.count, 1);
    assert_int_equal(job->cron->firings.item[0]->state, FIRING_KILLED);
    assert_int_equal(job->cron->firings.item[1]->state, FIRING_ACTIVE);
    assert_int_equal(job->cron->stats.errors, 0);
    end(&s);
}

static void test_cancel_new_leaves_the_old_run(void **unused)
{
    struct scene s;
    (void)unused;
    struct job *job =
        begin_each_minute(&s, (struct plan){.collision = COLLISION_CANCEL_NEW});
    pass(&s, TO_2214 + MINUTE);
    expect_newest(job, FIRING_CANCELLED, 1);
    assert_int_equal(job->active.first->state, TASK_PENDING);
    ends(&s, job, FINISHED);
    pass(&s, MINUTE);
    expect_newest(job, FIRING_ACTIVE, 1);
    end(&s);
}

static void test_overlapping_runs_have_instances_of_their_own(void **unused)
{
    struct scene s;
    (void)unused;
    struct job *job = begin_each_minute(
        &s, (struct plan){.collision = COLLISION_RUN_OVERLAP});
    pass(&s, TO_2214 + 2 * MINUTE);
    expect_newest(job, FIRING_ACTIVE, 3);
    assert_int_equal(job->active.last->instance, 2);
    ends(&s, job, FINISHED);
    assert_int_equal(job->cron->firings.item[0]->state, FIRING_SUCCEEDED);
    pass(&s, MINUTE);
    assert_int_equal(job->active.last->instance, 0);
    pass(&s, 200 * MINUTE); /* there is an end to it */
    expect_newest(job, FIRING_CANCELLED, OVERLAPS_MAX);
    end(&s);
}

static void test_a_failed_run_is_tried_again(void **unused)
{
    struct scene s;
    (void)unused;
    begin(&s);
    struct job *job = schedule(
        &s, (struct plan){.name = "a", .schedule = "0 23 * * *", .retries = 1});
    pass(&s, HOUR);
    ends(&s, job, FAILED);
    expect_newest(job, FIRING_ACTIVE, 1);
    assert_int_equal(newest(job)->tries, 2);
    ends(&s, job, FAILED);
    expect_newest(job, FIRING_FAILED, 0);
    assert_int_equal(job->cron->stats.errors, 1);
    assert_int_equal(job->cron->stats.retried, 1);
    assert_int_equal(job->cron->stats.errors_since_success, 1);
    assert_int_equal(job->cron->firings.count, 1);
    end(&s);
}

static void test_a_killed_run_is_not_tried_again(void **unused)
{
    struct scene s;
    struct instance_list touched = {0};
    uint64_t sequence;
    (void)unused;
    begin(&s);
    struct job *job = schedule(
        &s, (struct plan){.name = "a", .schedule = "0 23 * * *", .retries = 5});
    pass(&s, HOUR);
    assert_int_equal(aurora_kill(&s.a, key_of("a"), NULL, NULL, s.now_ms,
                                 &touched, &sequence, NULL),
                     0); /* it waits for a host: it is deleted */
    aurora_check(&s.a);
    expect_newest(job, FIRING_KILLED, 0);
    pass(&s, 24 * HOUR);
    expect_newest(job, FIRING_ACTIVE, 1); /* the schedule goes on */
    ends(&s, job, TASK_RUNNING);
    assert_int_equal(aurora_kill(&s.a, key_of("a"), NULL, NULL, s.now_ms,
                                 &touched, &sequence, NULL),
                     0);
    ends(&s, job, TASK_KILLED);
    expect_newest(job, FIRING_KILLED, 0);
    assert_false(job->is_removed);
    vec_free(&touched);
    end(&s);
}

static void test_times_of_a_pause_are_nobodys(void **unused)
{
    struct scene s;
    uint64_t sequence;
    const struct firing *f;
    (void)unused;
    begin(&s);
    struct job *job =
        schedule(&s, (struct plan){.name = "a", .schedule = "* * * * *"});
    assert_int_equal(
        aurora_cron_pause(&s.a, key_of("a"), true, s.now_ms, &sequence, NULL),
        0);
    assert_int_equal(
        aurora_cron_pause(&s.a, key_of("a"), true, s.now_ms, &sequence, NULL),
        -ERR_CONFLICT);
    pass(&s, HOUR);
    assert_int_equal(job->cron->firings.count, 0);
    assert_int_equal(
        aurora_cron_start(&s.a, key_of("a"), s.now_ms, &f, &sequence, NULL),
        0); /* people may start it all the same */
    assert_int_equal(f->state, FIRING_ACTIVE);
    ends(&s, job, FINISHED);
    assert_int_equal(
        aurora_cron_pause(&s.a, key_of("a"), false, s.now_ms, &sequence, NULL),
        0);
    pass(&s, MINUTE);
    assert_int_equal(job->cron->firings.count, 2);
    assert_int_equal(job->cron->stats.missed, 0);
    end(&s);
}

static void test_after_downtime(void **unused)
{
    struct scene s;
    (void)unused;
    begin(&s);
    struct job *none =
        schedule(&s, (struct plan){.name = "n", .schedule = "* * * * *"});
    struct job *all = schedule(&s, (struct plan){.name = "a",
                                                 .schedule = "*/10 * * * *",
                                                 .catch_up = CATCH_UP_ALL});
    s.now_ms += 30 * MINUTE; /* nobody looked */
    aurora_time(&s.a, s.now_ms);
    aurora_check(&s.a);
    assert_int_equal(none->cron->firings.count, 2);
    assert_int_equal(none->cron->firings.item[0]->state, FIRING_MISSED);
    assert_int_equal(newest(none)->state, FIRING_ACTIVE);
    assert_int_equal(all->cron->firings.count, 3); /* 22:20, 22:30, 22:40 */
    for (uint32_t i = 0; i < 3; i++) {             /* one after the other */
        assert_int_equal(all->cron->firings.item[i]->state, FIRING_ACTIVE);
        assert_int_equal(all->active.count, 1);
        ends(&s, all, FINISHED);
        assert_int_equal(all->cron->firings.item[i]->state, FIRING_SUCCEEDED);
    }
    end(&s);
}

static void test_a_changed_file_changes_what_comes(void **unused)
{
    struct scene s;
    (void)unused;
    struct job *job = begin_each_minute(&s, (struct plan){0});
    pass(&s, TO_2214);
    (void)schedule(&s, (struct plan){.name = "a", .schedule = "0 * * * *"});
    assert_int_equal(job->active.count, 1); /* what runs goes on */
    pass(&s, 30 * MINUTE);
    assert_int_equal(job->cron->firings.count, 1);
    pass(&s, 30 * MINUTE);
    assert_int_equal(job->cron->firings.count, 2);
    end(&s);
}

static void test_descheduled_it_goes_with_its_last_run(void **unused)
{
    struct scene s;
    uint64_t sequence;
    (void)unused;
    begin(&s);
    struct job *job = schedule(
        &s, (struct plan){.name = "a", .schedule = "* * * * *", .retries = 9});
    pass(&s, TO_2214);
    ends(&s, job, TASK_RUNNING);
    assert_int_equal(
        aurora_cron_deschedule(&s.a, key_of("a"), s.now_ms, &sequence, NULL),
        0);
    assert_false(job->is_removed);
    pass(&s, HOUR);
    assert_int_equal(job->cron->firings.count, 1);
    ends(&s, job, FAILED);
    assert_true(job->is_removed);
    expect_newest(job, FIRING_FAILED, 0);
    assert_int_equal(
        aurora_cron_deschedule(&s.a, key_of("a"), s.now_ms, &sequence, NULL),
        -ERR_NOT_FOUND);
    end(&s);
}

static void test_a_child_runs_after_every_parent(void **unused)
{
    struct scene s;
    (void)unused;
    begin(&s);
    struct job *a =
        schedule(&s, (struct plan){.name = "a", .schedule = "0 23 * * *"});
    struct job *b =
        schedule(&s, (struct plan){.name = "b", .schedule = "30 23 * * *"});
    struct job *c = schedule(&s, (struct plan){.name = "c",
                                               .after = "c/www/prod/a",
                                               .after2 = "c/www/prod/b"});
    pass(&s, HOUR);
    ends(&s, a, FINISHED);
    assert_int_equal(c->cron->firings.count, 0); /* b had no success yet */
    pass(&s, HOUR);
    ends(&s, b, FAILED);
    assert_int_equal(c->cron->firings.count, 0); /* nor has it now */
    pass(&s, 24 * HOUR);
    ends(&s, a, FINISHED);
    ends(&s, b, FINISHED);
    expect_newest(c, FIRING_ACTIVE, 1);
    assert_int_equal(c->cron->firings.count, 1);
    pass(&s, 24 * HOUR); /* both again, while the child still runs */
    ends(&s, a, FINISHED);
    ends(&s, b, FINISHED);
    expect_newest(c, FIRING_WAITING, 1);
    ends(&s, c, FINISHED);
    expect_newest(c, FIRING_ACTIVE, 1);
    ends(&s, c, FINISHED);
    assert_int_equal(c->cron->firings.count, 2);
    end(&s);
}

static void test_circles_and_strangers_are_refused(void **unused)
{
    struct scene s;
    struct err err = {0};
    uint64_t sequence;
    (void)unused;
    begin(&s);
    (void)schedule(&s, (struct plan){.name = "a", .schedule = "0 23 * * *"});
    (void)schedule(&s, (struct plan){.name = "b", .after = "c/www/prod/a"});
    (void)schedule(&s, (struct plan){.name = "c", .after = "c/www/prod/b"});
    struct plan circle = {.name = "a", .after = "c/www/prod/c"};
    assert_int_equal(try_schedule(&s, &circle, 1, &err), -ERR_INVALID);
    assert_string_equal(err.text, "after: a circle: c/www/prod/a after "
                                  "c/www/prod/c after c/www/prod/b after "
                                  "c/www/prod/a");
    struct plan itself = {.name = "a", .after = "c/www/prod/a"};
    assert_int_equal(try_schedule(&s, &itself, 1, &err), -ERR_INVALID);
    struct plan stranger = {.name = "d", .after = "c/www/prod/nobody"};
    assert_int_equal(try_schedule(&s, &stranger, 1, &err), -ERR_NOT_FOUND);
    assert_int_equal(
        aurora_cron_deschedule(&s.a, key_of("a"), s.now_ms, &sequence, &err),
        -ERR_CONFLICT);
    assert_non_null(strstr(err.text, "'c/www/prod/b' runs after it"));
    end(&s);
}

static void test_only_so_many_firings_are_kept(void **unused)
{
    struct scene s;
    (void)unused;
    struct job *job = begin_each_minute(&s, (struct plan){0});
    pass(&s, 150 * MINUTE); /* the first waits for a host all the time */
    assert_int_equal(job->cron->firings.count, FIRINGS_KEPT + 1);
    end(&s);
}

static int set_up(void **state)
{
    (void)state;
    utc = zone_fixed(0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    zone_free(utc);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_time_becomes_a_run),
        cmocka_unit_test(test_an_interval_may_begin_within_a_second),
        cmocka_unit_test(test_a_run_is_saved_with_its_tasks),
        cmocka_unit_test(test_kill_existing_ends_the_old_run_first),
        cmocka_unit_test(test_cancel_new_leaves_the_old_run),
        cmocka_unit_test(test_overlapping_runs_have_instances_of_their_own),
        cmocka_unit_test(test_a_failed_run_is_tried_again),
        cmocka_unit_test(test_a_killed_run_is_not_tried_again),
        cmocka_unit_test(test_times_of_a_pause_are_nobodys),
        cmocka_unit_test(test_after_downtime),
        cmocka_unit_test(test_a_changed_file_changes_what_comes),
        cmocka_unit_test(test_descheduled_it_goes_with_its_last_run),
        cmocka_unit_test(test_a_child_runs_after_every_parent),
        cmocka_unit_test(test_circles_and_strangers_are_refused),
        cmocka_unit_test(test_only_so_many_firings_are_kept),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
