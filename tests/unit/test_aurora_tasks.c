/* What becomes of tasks in time, on the bare core: effects in their order,
 * partitions, kills that are not answered, penalties, history. */
#include "tests/unit/core_scene.h"

#define KEY (*KEY_OF_SCENE)

/* --- effects --- */

/* Save, reschedule, go on to LOST, kill: what each tells comes in this order.
 */
static void test_effects_come_in_their_order(void **unused)
{
    struct scene s;

    (void)unused;
    begin(&s);
    struct job *job = create_take(&s, config_new(true, 1), 1);
    struct task *task = running(&s, job);
    task->config->partition_ms = -1;
    report(&s, task, TASK_PARTITIONED);
    forget_work(&s);
    uint64_t at = s.a.events.next, sequence;
    struct instance_list touched = {0};
    struct task *old = job_active(job, 0);
    assert_int_equal(old->state, TASK_PARTITIONED);
    assert_int_equal(aurora_restart(&s.a, &KEY, NULL, 0, NULL, s.now_ms,
                                    &touched, &sequence, NULL),
                     0);
    static const enum task_state want[] = {TASK_RESTARTING, TASK_LOST,
                                           TASK_PENDING};
    int seen = 0;
    for (; at < s.a.events.next; at++) {
        const struct event *e = event_log_get(&s.a.events, at);
        if (e->kind != EVENT_TASK_CHANGED)
            continue;
        if (seen < 3)
            assert_int_equal(e->state, want[seen]);
        seen++;
    }
    assert_int_equal(seen, 3);
    assert_int_equal(s.a.work.kills.count, 1);
    vec_free(&touched);
    end(&s);
}

/* The active tasks of www, as a reader of the events counts them. */
static int follow(const struct event_log *log, uint64_t *at, int active)
{
    for (; *at < log->next; ++*at) {
        const struct event *e = event_log_get(log, *at);
        if (e->kind != EVENT_TASK_CHANGED)
            continue;
        active += (e->state == TASK_PENDING && !e->placement) ||
                  e->state == TASK_THROTTLED;
        active -=
            task_machine_is_terminal(e->state) || e->state == TASK_DELETED;
    }
    return active;
}

/* Dropped ones are told of once, by whatever they are dropped; what ended is
 * not told of again when it is forgotten. */
static void test_who_counts_by_events_counts_right(void **unused)
{
    struct scene s;
    uint64_t at, sequence;
    struct instance_list touched = {0};
    struct instances last = {&(struct instance_pair){3, 3}, 1};

    (void)unused;
    begin(&s);
    at = s.a.events.next;
    struct job *job = create_take(&s, config_new(true, 1), 5);
    int active = follow(&s.a.events, &at, 0);
    assert_int_equal(active, 5);
    place_room(&s, 2);
    report(&s, job_active(job, 0), TASK_RUNNING);
    report(&s, job_active(job, 1), TASK_RUNNING);
    assert_int_equal(aurora_scale(&s.a, KEY_OF_SCENE, 4, s.now_ms, &touched,
                                  &sequence, NULL),
                     0);
    active = follow(&s.a.events, &at, active);
    assert_int_equal(active, 4);
    assert_int_equal(aurora_kill(&s.a, KEY_OF_SCENE, &last, NULL, s.now_ms,
                                 &touched, &sequence, NULL),
                     0);
    assert_int_equal(event_log_get(&s.a.events, s.a.events.next - 1)->state,
                     TASK_DELETED);
    active = follow(&s.a.events, &at, active);
    assert_int_equal(active, (int)job->active.count);
    report(&s, job_active(job, 0), TASK_FAILED); /* another one waits */
    assert_int_equal(aurora_kill(&s.a, KEY_OF_SCENE, NULL, NULL, s.now_ms,
                                 &touched, &sequence, NULL),
                     0);
    active = follow(&s.a.events, &at, active);
    assert_int_equal(active, 1);
    report(&s, job_active(job, 1), TASK_KILLED);
    active = follow(&s.a.events, &at, active);
    assert_int_equal(active, 0);
    forget_work(&s);
    pass(&s, 72 * HOUR); /* the history goes */
    assert_int_equal(follow(&s.a.events, &at, active), 0);
    vec_free(&touched);
    end(&s);
}

static void test_76_failures_are_counted_along_the_ancestors(void **unused)
{
    struct scene s;

    (void)unused;
    begin(&s);
    struct job *job = create_take(&s, config_new(false, 3), 1);
    for (uint32_t failures = 1; failures <= 3; failures++) {
        struct task *task = job_active(job, 0);
        if (task->state == TASK_THROTTLED)
            pass(&s, 5 * MINUTE);
        task = running(&s, job);
        report(&s, task, TASK_FAILED);
        assert_int_equal(job->active.count, failures < 3);
        if (failures < 3)
            assert_int_equal(job_active(job, 0)->failures, failures);
    }
    end(&s);
}

/* --- partitions --- */

static struct task *partitioned(struct scene *s, int64_t partition_ms)
{
    struct job_config *config = config_new(true, 1);

    begin(s);
    config->partition_ms = partition_ms;
    struct task *task = running(s, create_take(s, config, 1));
    report(s, task, TASK_PARTITIONED);
    return task;
}

static void test_119_out_of_reach_is_lost_at_once_by_default(void **unused)
{
    struct scene s;
    struct task *task = partitioned(&s, 0);

    (void)unused;
    pass(&s, 0);
    assert_int_equal(task->state, TASK_LOST);
    assert_int_equal(job_active(task->job, 0)->state, TASK_PENDING);
    end(&s);
}

static void test_119_out_of_reach_may_be_waited_for(void **unused)
{
    struct scene s;
    struct task *task = partitioned(&s, 24 * HOUR);

    (void)unused;
    pass(&s, 24 * HOUR - 1);
    assert_int_equal(task->state, TASK_PARTITIONED);
    report(&s, task, TASK_RUNNING);
    pass(&s, 48 * HOUR);
    assert_int_equal(task->state, TASK_RUNNING);
    report(&s, task, TASK_PARTITIONED);
    pass(&s, 24 * HOUR);
    assert_int_equal(task->state, TASK_LOST);
    end(&s);
}

static void test_119_out_of_reach_may_be_waited_for_for_ever(void **unused)
{
    struct scene s;
    struct task *task = partitioned(&s, -1);

    (void)unused;
    pass(&s, INT64_C(400) * 24 * HOUR);
    assert_int_equal(task->state, TASK_PARTITIONED);
    report(&s, task, TASK_RUNNING);
    assert_int_equal(task->state, TASK_RUNNING);
    end(&s);
}

static void test_77_what_was_killed_does_not_come_back(void **unused)
{
    struct scene s;
    struct instance_list touched = {0};
    struct task *task = partitioned(&s, -1);
    uint64_t sequence;

    (void)unused;
    (void)aurora_kill(&s.a, &KEY, NULL, NULL, s.now_ms, &touched, &sequence,
                      NULL);
    assert_int_equal(task->state, TASK_LOST);
    assert_int_equal(task->job->active.count, 0);
    assert_true(task->job->is_removed);
    vec_free(&touched);
    end(&s);
}

static void test_a_history_of_partitions_stays_short(void **unused)
{
    struct scene s;
    struct task *task = partitioned(&s, -1);

    (void)unused;
    for (int i = 0; i < 1000; i++) {
        report(&s, task, TASK_RUNNING);
        pass(&s, SECOND);
        report(&s, task, TASK_PARTITIONED);
    }
    assert_true(task->events.count <= 5);
    assert_int_equal(task->events.item[0].state, TASK_PENDING);
    assert_int_equal(task_since_ms(task), s.now_ms);
    end(&s);
}

/* --- kills and silence --- */

static void test_112_a_kill_is_sent_again_ever_later(void **unused)
{
    static const int at_s[] = {0, 15, 45, 105, 225};
    struct scene s;
    struct instance_list touched = {0};
    uint64_t sequence;
    int sent = 0;

    (void)unused;
    begin(&s);
    struct job *job = create_take(&s, config_new(true, 1), 1);
    struct task *task = running(&s, job);
    forget_work(&s);
    int64_t begun_ms = s.now_ms;
    (void)aurora_kill(&s.a, &KEY, NULL, NULL, s.now_ms, &touched, &sequence,
                      NULL);
    while (task->state == TASK_KILLING) {
        if (s.a.work.kills.count > 0) {
            assert_true(sent < 5);
            assert_int_equal((s.now_ms - begun_ms) / SECOND, at_s[sent++]);
            forget_work(&s);
        }
        pass(&s, SECOND);
    }
    assert_int_equal(sent, 5);
    assert_int_equal(task->state, TASK_LOST);
    assert_int_equal(s.now_ms - begun_ms, 5 * MINUTE);
    assert_int_equal(s.a.counters.timeouts, 1);
    assert_int_equal(s.a.counters.kill_retries, 4);
    vec_free(&touched);
    end(&s);
}

static void test_112_what_must_not_last_is_lost(void **unused)
{
    static const enum task_state lasting[] = {TASK_STARTING, TASK_RUNNING};
    struct scene s;

    (void)unused;
    begin(&s);
    struct job *job = create_take(&s, config_new(true, 1), 1);
    place(&s);
    struct task *task = job_active(job, 0);
    assert_int_equal(task->state, TASK_ASSIGNED);
    pass(&s, 5 * MINUTE - 1);
    assert_int_equal(task->state, TASK_ASSIGNED);
    pass(&s, 1);
    assert_int_equal(task->state, TASK_LOST);
    for (int i = 0; i < 2; i++) {
        task = job_active(job, 0);
        if (task->state == TASK_PENDING)
            place(&s);
        report(&s, task, lasting[i]);
        pass(&s, 30 * HOUR);
        assert_int_equal(task->state, lasting[i]);
    }
    end(&s);
}

/* --- penalties --- */

/* Instance 0 runs for a while, fails, and waits for so long. */
static int64_t fails_after(struct scene *s, struct job *job, int64_t ms)
{
    struct task *task = job_active(job, 0);

    if (task->state == TASK_THROTTLED)
        pass(s, task->deadline_ms - s->now_ms);
    task = running(s, job);
    pass(s, ms);
    report(s, task, TASK_FAILED);
    task = job_active(job, 0);
    return task->state == TASK_THROTTLED
               ? (task->deadline_ms - s->now_ms) / SECOND
               : 0;
}

static void test_78_flaps_wait_ever_longer(void **unused)
{
    static const int want_s[] = {0, 30, 60, 120, 240, 300, 300, 300};
    struct scene s;

    (void)unused;
    begin(&s);
    struct job *job = create_take(&s, config_new(true, 1), 1);
    for (int i = 0; i < 8; i++)
        assert_int_equal(fails_after(&s, job, MINUTE), want_s[i]);
    assert_int_equal(fails_after(&s, job, 5 * MINUTE), 0);
    assert_int_equal(fails_after(&s, job, 5 * MINUTE - 1), 0);
    assert_int_equal(fails_after(&s, job, 5 * MINUTE - 1), 30);
    end(&s);
}

static void test_78_an_interruption_is_no_flap(void **unused)
{
    struct scene s;
    struct instance_list touched = {0};
    uint64_t sequence;

    (void)unused;
    begin(&s);
    struct job *job = create_take(&s, config_new(true, 1), 1);
    for (int i = 0; i < 4; i++) {
        struct task *task = running(&s, job);
        (void)aurora_restart(&s.a, &KEY, NULL, 0, NULL, s.now_ms, &touched,
                             &sequence, NULL);
        report(&s, task, TASK_FAILED);
        assert_int_equal(job_active(job, 0)->state, TASK_PENDING);
    }
    vec_free(&touched);
    end(&s);
}

/* The chain ends where the history does. */
static void test_78_a_forgotten_ancestor_counts_for_nothing(void **unused)
{
    struct scene s;

    (void)unused;
    begin(&s);
    struct job *job = create_take(&s, config_new(true, 1), 1);
    assert_int_equal(fails_after(&s, job, MINUTE), 0);
    pass(&s, 3 * 24 * HOUR); /* it finds no host for so long */
    assert_int_equal(job->ended.count, 0);
    assert_int_equal(fails_after(&s, job, MINUTE), 0);
    assert_int_equal(fails_after(&s, job, MINUTE), 30);
    end(&s);
}

/* --- turns --- */

/* One job wants more than a turn gives it, another one task: that one does not
 * wait until the first has all. */
static void test_79_a_large_job_does_not_starve_a_small_one(void **unused)
{
    struct job_key small = {"c", "www", "prod", "small"};
    struct scene s;
    uint64_t sequence;

    (void)unused;
    begin(&s);
    struct job *large = create_take(&s, config_new(true, 1), 150);
    struct job_config *config = job_config_new(&small, bytes_of_text("small"));
    config->is_service = true;
    config->task = config->need = (struct amounts){100, 1000, 1000, 0};
    assert_int_equal(
        aurora_create_take(&s.a, config, 1, s.now_ms, &sequence, NULL), 0);
    place_room(&s, GROUP_QUANTUM + 1);
    assert_int_equal(job_active(aurora_job(&s.a, &small), 0)->state,
                     TASK_ASSIGNED);
    uint32_t assigned = 0;
    for (const struct task *t = large->active.first; t; t = t->next)
        assigned += t->state == TASK_ASSIGNED;
    assert_int_equal(assigned, GROUP_QUANTUM);
    end(&s);
}

/* --- history --- */

static void test_history_is_kept_for_two_days(void **unused)
{
    struct scene s;

    (void)unused;
    begin(&s);
    struct job *job = create_take(&s, config_new(true, 1), 1);
    (void)fails_after(&s, job, HOUR);
    pass(&s, 48 * HOUR - 15 * MINUTE);
    assert_int_equal(job->ended.count, 1);
    pass(&s, 30 * MINUTE);
    assert_int_equal(job->ended.count, 0);
    end(&s);
}

static void test_history_has_a_hundred_tasks_of_a_job(void **unused)
{
    struct scene s;

    (void)unused;
    begin(&s);
    struct job *job = create_take(&s, config_new(true, 1), 300);
    while (s.a.waiting_count > 0)
        place(&s);
    for (uint32_t i = 0; i < 300; i++)
        report(&s, job_active(job, i), TASK_FAILED);
    pass(&s, HOUR - 15 * MINUTE);
    assert_int_equal(job->ended.count, 300); /* never in the first hour */
    pass(&s, 30 * MINUTE);
    assert_int_equal(job->ended.count, 100);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_effects_come_in_their_order),
        cmocka_unit_test(test_who_counts_by_events_counts_right),
        cmocka_unit_test(test_76_failures_are_counted_along_the_ancestors),
        cmocka_unit_test(test_119_out_of_reach_is_lost_at_once_by_default),
        cmocka_unit_test(test_119_out_of_reach_may_be_waited_for),
        cmocka_unit_test(test_119_out_of_reach_may_be_waited_for_for_ever),
        cmocka_unit_test(test_77_what_was_killed_does_not_come_back),
        cmocka_unit_test(test_a_history_of_partitions_stays_short),
        cmocka_unit_test(test_112_a_kill_is_sent_again_ever_later),
        cmocka_unit_test(test_112_what_must_not_last_is_lost),
        cmocka_unit_test(test_78_flaps_wait_ever_longer),
        cmocka_unit_test(test_78_an_interruption_is_no_flap),
        cmocka_unit_test(test_78_a_forgotten_ancestor_counts_for_nothing),
        cmocka_unit_test(test_79_a_large_job_does_not_starve_a_small_one),
        cmocka_unit_test(test_history_is_kept_for_two_days),
        cmocka_unit_test(test_history_has_a_hundred_tasks_of_a_job),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
