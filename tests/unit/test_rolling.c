/* Restarts and kills in batches, on the bare core. */
#include "tests/unit/core_scene.h"

static const struct instances ALL = {0};

struct roll {
    struct scene s;
    struct job *job;
    struct instance_list touched;
};

/* A service whose instances all run. */
static void begin_roll(struct roll *r, uint32_t instances)
{
    *r = (struct roll){0};
    begin(&r->s);
    r->job = create_take(&r->s, config_new(true, 1), instances);
    while (r->s.a.waiting_count > 0)
        place(&r->s);
    for (uint32_t i = 0; i < instances; i++)
        report(&r->s, job_active(r->job, i), TASK_RUNNING);
}

static void end_roll(struct roll *r)
{
    vec_free(&r->touched);
    end(&r->s);
}

static int ask(struct roll *r, const struct rolling_request *request,
               struct err *err)
{
    uint64_t sequence;

    r->touched.count = 0;
    int rc = aurora_roll(&r->s.a, KEY_OF_SCENE, request, r->s.now_ms,
                         &r->touched, &sequence, err);
    aurora_check(&r->s.a);
    return rc;
}

static void must(struct roll *r, const struct rolling_request *request)
{
    struct err err = {0};

    if (ask(r, request, &err) < 0)
        fail_msg("%s", err.text);
}

static struct rolling_request restart_of(uint32_t batch_size, int64_t watch_ms)
{
    return (struct rolling_request){
        .kind = ROLLING_RESTART,
        .settings = {.batch_size = batch_size, .watch_ms = watch_ms}};
}

static void begin_restart(struct roll *r, uint32_t instances,
                          uint32_t batch_size, int64_t watch_ms)
{
    struct rolling_request request = restart_of(batch_size, watch_ms);

    begin_roll(r, instances);
    must(r, &request);
}

static struct rolling_request kill_of(uint32_t batch_size,
                                      const struct instances *instances)
{
    return (struct rolling_request){.kind = ROLLING_KILL,
                                    .instances = instances,
                                    .settings = {.batch_size = batch_size}};
}

static uint32_t count_in(const struct roll *r, enum task_state state)
{
    uint32_t count = 0;

    for (const struct task *t = r->job->active.first; t; t = t->next)
        count += t->state == state;
    return count;
}

/* Every task that was asked to end so far does, and its successor runs. */
static void obey(struct roll *r)
{
    struct task *asked[100];
    uint32_t count = 0;

    for (struct task *t = r->job->active.first; t && count < 100; t = t->next)
        if (t->state == TASK_RESTARTING || t->state == TASK_KILLING)
            asked[count++] = t;
    for (uint32_t i = 0; i < count; i++)
        report(&r->s, asked[i], TASK_KILLED);
    while (r->s.a.waiting_count > 0)
        place(&r->s);
    for (uint32_t i = 0; i < 100; i++) {
        struct task *task = job_active(r->job, i);
        if (task && task->state == TASK_ASSIGNED)
            report(&r->s, task, TASK_RUNNING);
    }
}

/* --- restarts --- */

static void test_a_batch_waits_until_the_one_before_runs(void **unused)
{
    struct roll r;

    (void)unused;
    begin_restart(&r, 5, 2, 0);
    assert_int_equal(r.touched.count, 5);
    for (uint32_t left = 5; left > 0; left -= left > 1 ? 2 : 1) {
        assert_int_equal(rolling_left(r.job->rolling), left);
        assert_int_equal(count_in(&r, TASK_RESTARTING), left > 1 ? 2 : 1);
        obey(&r);
    }
    assert_int_equal(r.job->rolling->state, ROLLING_DONE);
    assert_int_equal(r.job->rolling->count[PART_DONE], 5);
    assert_int_equal(count_in(&r, TASK_RUNNING), 5);
    end_roll(&r);
}

static void test_an_instance_is_watched_before_the_next(void **unused)
{
    struct roll r;

    (void)unused;
    begin_restart(&r, 2, 1, 30 * SECOND);
    obey(&r);
    pass(&r.s, 30 * SECOND - 1);
    assert_int_equal(count_in(&r, TASK_RESTARTING), 0);
    pass(&r.s, 1);
    assert_int_equal(count_in(&r, TASK_RESTARTING), 1);
    obey(&r);
    pass(&r.s, 30 * SECOND);
    assert_int_equal(r.job->rolling->state, ROLLING_DONE);
    end_roll(&r);
}

/* What ended in the silence is told when the stream is back, not before the
 * watch is over. */
static void test_nobody_is_judged_in_silence(void **unused)
{
    struct roll r;
    struct rolling_request request = restart_of(1, 30 * SECOND);

    (void)unused;
    request.settings.instance_failures_max = 1;
    begin_roll(&r, 2);
    must(&r, &request);
    obey(&r);
    aurora_disconnected(&r.s.a);
    pass(&r.s, 2 * MINUTE);
    assert_int_equal(count_in(&r, TASK_RESTARTING), 0);
    aurora_connected(&r.s.a, r.s.now_ms);
    report(&r.s, job_active(r.job, 1), TASK_RUNNING); /* not this one */
    pass(&r.s, SECOND);
    assert_int_equal(count_in(&r, TASK_RESTARTING), 0);
    report(&r.s, job_active(r.job, 0), TASK_FAILED);
    assert_int_equal(rolling_part(r.job->rolling, 0)->failures, 1);
    assert_int_equal(count_in(&r, TASK_RESTARTING), 0);
    place(&r.s);
    report(&r.s, job_active(r.job, 0), TASK_RUNNING);
    pass(&r.s, 30 * SECOND);
    assert_int_equal(count_in(&r, TASK_RESTARTING), 1);
    end_roll(&r);
}

/* A master that does not answer does not hold up work for ever; who somebody
 * waits for is asked after again until then. */
static void test_an_answer_is_waited_for_a_while(void **unused)
{
    struct roll r;

    (void)unused;
    begin_restart(&r, 2, 1, 30 * SECOND);
    obey(&r);
    aurora_disconnected(&r.s.a);
    pass(&r.s, MINUTE);
    aurora_connected(&r.s.a, r.s.now_ms);
    forget_work(&r.s);
    pass(&r.s, SETTLE_AGAIN_MS);
    assert_int_equal(r.s.a.work.ask_again.count, 2);
    forget_work(&r.s);
    pass(&r.s, SETTLE_MS - SETTLE_AGAIN_MS - 1);
    assert_int_equal(count_in(&r, TASK_RESTARTING), 0);
    pass(&r.s, 1);
    assert_int_equal(count_in(&r, TASK_RESTARTING), 1);
    end_roll(&r);
}

/* Out of reach in between, it has to run for the whole time again. */
static void test_a_watch_begins_anew_with_running(void **unused)
{
    struct roll r;
    struct rolling_request request = restart_of(1, 30 * SECOND);

    (void)unused;
    begin_roll(&r, 1);
    job_active(r.job, 0)->config->partition_ms = -1;
    must(&r, &request);
    obey(&r);
    pass(&r.s, 20 * SECOND);
    report(&r.s, job_active(r.job, 0), TASK_PARTITIONED);
    pass(&r.s, 20 * SECOND);
    assert_non_null(job_rolling(r.job));
    report(&r.s, job_active(r.job, 0), TASK_RUNNING);
    pass(&r.s, 30 * SECOND - 1);
    assert_non_null(job_rolling(r.job));
    pass(&r.s, 1);
    assert_null(job_rolling(r.job));
    end_roll(&r);
}

static void fail_again(struct roll *r, uint32_t instance)
{
    struct task *task = job_active(r->job, instance);

    if (task->state == TASK_THROTTLED)
        pass(&r->s, task->deadline_ms - r->s.now_ms);
    while (r->s.a.waiting_count > 0)
        place(&r->s);
    task = job_active(r->job, instance);
    if (task->state == TASK_ASSIGNED)
        report(&r->s, task, TASK_RUNNING);
    report(&r->s, task, TASK_FAILED);
}

static void test_a_restart_that_fails_stops(void **unused)
{
    struct roll r;

    (void)unused;
    begin_restart(&r, 3, 1, 30 * SECOND);
    obey(&r);
    fail_again(&r, 0);
    assert_int_equal(r.job->rolling->state, ROLLING_FAILED);
    assert_int_equal(r.job->rolling->failed.item[0], 0);
    assert_non_null(r.job->rolling->note);
    pass(&r.s, HOUR);
    assert_int_equal(count_in(&r, TASK_RUNNING), 2); /* the old ones */
    end_roll(&r);
}

static void test_failures_are_borne(void **unused)
{
    struct roll r;
    struct rolling_request request = restart_of(1, 30 * SECOND);

    (void)unused;
    request.settings.instance_failures_max = 1;
    request.settings.failures_max = 1;
    begin_roll(&r, 3);
    must(&r, &request);
    obey(&r);
    fail_again(&r, 0); /* borne */
    assert_int_equal(rolling_part(r.job->rolling, 0)->failures, 1);
    fail_again(&r, 0); /* it has failed, and that is borne */
    assert_int_equal(r.job->rolling->count[PART_FAILED], 1);
    assert_int_equal(count_in(&r, TASK_RESTARTING), 1);
    obey(&r);
    pass(&r.s, 30 * SECOND);
    obey(&r);
    pass(&r.s, 30 * SECOND);
    assert_int_equal(r.job->rolling->state, ROLLING_DONE);
    assert_int_equal(r.job->rolling->count[PART_DONE], 2);
    end_roll(&r);
}

static void test_what_is_killed_meanwhile_is_no_failure(void **unused)
{
    struct roll r;
    const struct instance_pair one = {1, 1};
    const struct instances some = {&one, 1};
    uint64_t sequence;

    (void)unused;
    begin_restart(&r, 3, 0, 30 * SECOND);
    obey(&r);
    assert_int_equal(aurora_kill(&r.s.a, KEY_OF_SCENE, &some, NULL, r.s.now_ms,
                                 &r.touched, &sequence, NULL),
                     0);
    report(&r.s, job_active(r.job, 1), TASK_FAILED);
    pass(&r.s, 30 * SECOND);
    assert_int_equal(r.job->rolling->state, ROLLING_DONE);
    assert_int_equal(r.job->rolling->count[PART_FAILED], 0);
    assert_int_equal(r.job->instances, 2);
    end_roll(&r);
}

/* Four thousand at once must not cost the square of that. */
static void test_a_large_job_is_restarted_at_once(void **unused)
{
    enum { MANY = 4000 };
    struct roll r;

    (void)unused;
    begin_restart(&r, MANY, 0, 0);
    assert_int_equal(count_in(&r, TASK_RESTARTING), MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        struct blob *id = blob_ref(job_active(r.job, i)->id);
        aurora_report(&r.s.a, blob_bytes(id), bytes_of_text("m-S0"),
                      TASK_KILLED, NULL, r.s.now_ms);
        blob_unref(id);
    }
    while (r.s.a.waiting_count > 0)
        place(&r.s);
    for (uint32_t i = 0; i < MANY; i++) {
        struct blob *id = blob_ref(job_active(r.job, i)->id);
        aurora_report(&r.s.a, blob_bytes(id), bytes_of_text("m-S0"),
                      TASK_RUNNING, NULL, r.s.now_ms);
        blob_unref(id);
    }
    assert_int_equal(r.job->rolling->state, ROLLING_DONE);
    end_roll(&r);
}

/* --- kills --- */

static void test_a_job_is_killed_in_batches(void **unused)
{
    struct roll r;
    struct rolling_request request = kill_of(2, &ALL);

    (void)unused;
    begin_roll(&r, 5);
    must(&r, &request);
    assert_true(r.job->is_killed);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(count_in(&r, TASK_KILLING), i < 2 ? 2 : 1);
        obey(&r);
    }
    assert_true(r.job->is_removed);
    assert_int_equal(r.job->rolling->state, ROLLING_DONE);
    end_roll(&r);
}

static void test_some_instances_are_killed_in_batches(void **unused)
{
    struct roll r;
    const struct instance_pair range[] = {{0, 0}, {2, 4}};
    const struct instances some = {range, 2};
    struct rolling_request request = kill_of(1, &some);

    (void)unused;
    begin_roll(&r, 6);
    must(&r, &request);
    assert_int_equal(r.job->instances, 2);
    for (int i = 0; i < 4; i++)
        obey(&r);
    assert_int_equal(r.job->rolling->state, ROLLING_DONE);
    assert_int_equal(r.job->active.count, 2);
    assert_non_null(job_active(r.job, 1));
    assert_non_null(job_active(r.job, 5));
    end_roll(&r);
}

/* 0, 2 and 4 to 13 in batches of 5, one of which may fail: nothing ever dies,
 * so two batches are given up, and the rest is left. */
static void test_67_a_kill_that_nothing_answers_gives_up(void **unused)
{
    struct roll r;
    const struct instance_pair range[] = {{0, 0}, {2, 2}, {4, 13}};
    const struct instances some = {range, 3};
    struct rolling_request request = kill_of(5, &some);

    (void)unused;
    request.settings.failures_max = 1;
    begin_roll(&r, 20);
    must(&r, &request);
    assert_int_equal(r.touched.count, 12);
    assert_int_equal(r.job->instances, 8);
    pass(&r.s, 5 * MINUTE);
    assert_int_equal(count_in(&r, TASK_KILLING), 5);
    assert_int_equal(r.job->rolling->state, ROLLING_UNDER_WAY);
    pass(&r.s, 5 * MINUTE);
    assert_int_equal(r.job->rolling->state, ROLLING_FAILED);
    assert_int_equal(r.job->rolling->batches_failed, 2);
    assert_int_equal(r.job->rolling->failed.count, 10);
    assert_int_equal(count_in(&r, TASK_KILLING), 0);
    assert_int_equal(count_in(&r, TASK_RUNNING), 10);
    assert_int_equal(r.job->instances, 10);
    end_roll(&r);
}

static void test_a_cancelled_kill_spares_the_rest(void **unused)
{
    struct roll r;
    struct rolling_request request = kill_of(2, &ALL);
    uint64_t sequence;

    (void)unused;
    begin_roll(&r, 5);
    must(&r, &request);
    assert_int_equal(aurora_roll_cancel(&r.s.a, KEY_OF_SCENE, "enough",
                                        r.s.now_ms, &sequence, NULL),
                     0);
    aurora_check(&r.s.a);
    assert_int_equal(r.job->rolling->state, ROLLING_CANCELLED);
    assert_false(r.job->is_killed);
    assert_int_equal(r.job->instances, 3);
    obey(&r);
    assert_int_equal(r.job->active.count, 3);
    report(&r.s, job_active(r.job, 4), TASK_FAILED); /* a service again */
    assert_non_null(job_active(r.job, 4));
    end_roll(&r);
}

static void test_killall_takes_the_place_of_anything(void **unused)
{
    struct roll r;
    struct rolling_request request = kill_of(1, &ALL);
    uint64_t sequence;

    (void)unused;
    begin_roll(&r, 4);
    must(&r, &request);
    assert_int_equal(aurora_kill(&r.s.a, KEY_OF_SCENE, NULL, NULL, r.s.now_ms,
                                 &r.touched, &sequence, NULL),
                     0);
    assert_int_equal(count_in(&r, TASK_KILLING), 4);
    assert_int_equal(r.job->rolling->state, ROLLING_CANCELLED);
    obey(&r);
    assert_true(r.job->is_removed);
    end_roll(&r);
}

/* --- refusals --- */

static void expect_conflict(int rc)
{
    assert_int_equal(rc, -ERR_CONFLICT);
}

static void test_one_at_a_time(void **unused)
{
    struct roll r;
    const struct instance_pair first = {0, 1};
    const struct instances some = {&first, 1};
    struct rolling_request kill = kill_of(1, &some), again = restart_of(1, 0);
    struct err err = {0};
    uint64_t sequence;

    (void)unused;
    begin_roll(&r, 4);
    must(&r, &kill);
    expect_conflict(ask(&r, &kill, &err));
    expect_conflict(ask(&r, &again, &err));
    assert_non_null(strstr(err.text, "a kill is under way"));
    expect_conflict(aurora_scale(&r.s.a, KEY_OF_SCENE, 9, r.s.now_ms,
                                 &r.touched, &sequence, &err));
    expect_conflict(aurora_kill(&r.s.a, KEY_OF_SCENE, &some, NULL, r.s.now_ms,
                                &r.touched, &sequence, &err));
    obey(&r);
    obey(&r);
    must(&r, &again);
    expect_conflict(ask(&r, &again, &err));
    kill = kill_of(1, &ALL);
    must(&r, &kill); /* a kill of all ends a restart */
    assert_int_equal(r.job->rolling->kind, ROLLING_KILL);
    end_roll(&r);
}

static void test_68_strictness(void **unused)
{
    struct roll r;
    const struct instance_pair range[] = {{1, 1}, {7, UINT32_MAX}};
    const struct instances some = {range, 2}, none = {&range[1], 1};
    struct rolling_request request = kill_of(1, &some);
    struct err err = {0};

    (void)unused;
    begin_roll(&r, 3);
    request.is_strict = true;
    assert_int_equal(ask(&r, &request, &err), -ERR_NOT_FOUND);
    assert_string_equal(err.field, "instances");
    assert_null(r.job->rolling);
    request.instances = &none;
    request.is_strict = false;
    assert_int_equal(ask(&r, &request, &err), -ERR_NOT_FOUND);
    request.instances = &some;
    must(&r, &request);
    assert_int_equal(r.touched.count, 1);
    end_roll(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_batch_waits_until_the_one_before_runs),
        cmocka_unit_test(test_an_instance_is_watched_before_the_next),
        cmocka_unit_test(test_nobody_is_judged_in_silence),
        cmocka_unit_test(test_an_answer_is_waited_for_a_while),
        cmocka_unit_test(test_a_watch_begins_anew_with_running),
        cmocka_unit_test(test_a_restart_that_fails_stops),
        cmocka_unit_test(test_failures_are_borne),
        cmocka_unit_test(test_what_is_killed_meanwhile_is_no_failure),
        cmocka_unit_test(test_a_large_job_is_restarted_at_once),
        cmocka_unit_test(test_a_job_is_killed_in_batches),
        cmocka_unit_test(test_some_instances_are_killed_in_batches),
        cmocka_unit_test(test_67_a_kill_that_nothing_answers_gives_up),
        cmocka_unit_test(test_a_cancelled_kill_spares_the_rest),
        cmocka_unit_test(test_killall_takes_the_place_of_anything),
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_68_strictness),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
