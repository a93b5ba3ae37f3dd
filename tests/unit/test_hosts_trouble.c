/* Hosts that fail what others run, and places kept for instances that come
 * back: the bare core with several agents. */
#include "aurora/core/aurora.h"
#include "aurora/core/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { HOSTS = 6, SECOND = 1000, MINUTE = 60 * SECOND };

struct world {
    struct aurora a;
    int64_t now_ms;
    int offers;
};

static void begin(struct world *w)
{
    struct aurora_limits_config limits = {.tasks_per_job_max = 100,
                                          .offer_hold_ms = 60 * MINUTE,
                                          .placement = PLACEMENT_SPREAD,
                                          .keeps_places = true};

    *w = (struct world){.now_ms = 1700000000000};
    aurora_init(&w->a, &limits, 1);
    aurora_restored(&w->a, 0, w->now_ms);
    aurora_connected(&w->a, w->now_ms);
}

static void end(struct world *w)
{
    aurora_check(&w->a);
    aurora_release(&w->a);
}

static void pass(struct world *w, int64_t ms)
{
    w->now_ms += ms;
    aurora_time(&w->a, w->now_ms);
    aurora_place(&w->a, w->now_ms);
    aurora_check(&w->a);
}

static void offer(struct world *w, int host, int64_t cpus)
{
    struct attributes none = {0};
    struct amounts room = {cpus, 100000, 100000, 0};
    struct ranges ports = {0};
    char id[16], agent[16], name[16];

    snprintf(id, sizeof id, "o-%d", ++w->offers);
    snprintf(agent, sizeof agent, "m-S%d", host);
    snprintf(name, sizeof name, "host%d", host);
    aurora_offer(&w->a, bytes_of_text(id), bytes_of_text(agent), name, "",
                 &none, &room, &ports, w->now_ms);
}

static void offer_all(struct world *w, int64_t cpus)
{
    for (int i = 0; i < HOSTS; i++) {
        char agent[16];
        snprintf(agent, sizeof agent, "m-S%d", i);
        if (!hosts_find(&w->a.hosts, bytes_of_text(agent)) ||
            !hosts_find(&w->a.hosts, bytes_of_text(agent))->offers)
            offer(w, i, cpus);
    }
    aurora_place(&w->a, w->now_ms);
    aurora_work_clear(&w->a);
}

static struct job *create(struct world *w, const char *name, uint32_t instances)
{
    struct job_key key = {"c", "www", "prod", ""};
    uint64_t sequence;
    struct err err = {0};

    snprintf(key.name, sizeof key.name, "%s", name);
    struct job_config *config = job_config_new(&key, bytes_of_text(name));
    config->is_service = true;
    config->failures_max = -1;
    config->task = config->need = (struct amounts){100, 1000, 1000, 0};
    if (aurora_create_take(&w->a, config, instances, w->now_ms, &sequence,
                           &err) < 0)
        fail_msg("%s", err.text);
    return aurora_job(&w->a, &key);
}

static struct host *host_at(struct world *w, int number)
{
    char agent[16];

    snprintf(agent, sizeof agent, "m-S%d", number);
    return hosts_find(&w->a.hosts, bytes_of_text(agent));
}

static void report(struct world *w, const struct task *task,
                   enum task_state state)
{
    struct blob *id = blob_ref(task->id);
    struct blob *agent = blob_ref(task->placement->agent_id);

    aurora_report(&w->a, blob_bytes(id), blob_bytes(agent), state, NULL,
                  w->now_ms);
    aurora_check(&w->a);
    aurora_work_clear(&w->a);
    blob_unref(id);
    blob_unref(agent);
}

/* Every task on the host of this number fails, those elsewhere run. */
static int fail_on(struct world *w, int number)
{
    const struct host *bad = host_at(w, number);
    int failed = 0;

    for (uint32_t i = 0; i < w->a.jobs.count; i++)
        for (struct task *t = w->a.jobs.item[i]->active.first, *next; t;
             t = next) {
            next = t->next;
            if (t->state != TASK_ASSIGNED)
                continue;
            failed += t->host == bad;
            report(w, t, t->host == bad ? TASK_FAILED : TASK_RUNNING);
        }
    return failed;
}

static uint32_t tasks_on(struct world *w, int number)
{
    return host_at(w, number)->tasks;
}

/* Rounds of offers until the host is avoided. */
static void break_host(struct world *w, int number)
{
    for (int i = 0; i < 60 && !host_at(w, number)->is_avoided; i++) {
        offer_all(w, 10000);
        (void)fail_on(w, number);
        pass(w, 20 * SECOND);
    }
    assert_true(host_at(w, number)->is_avoided);
}

/* How many events of the host say this. */
static uint32_t told(const struct world *w, const struct host *host,
                     enum host_change change)
{
    uint32_t count = 0;

    for (uint64_t i = event_log_first(&w->a.events); i < w->a.events.next;
         i++) {
        const struct event *e = event_log_get(&w->a.events, i);
        count +=
            e->kind == EVENT_HOST_CHANGED && e->host_change == change &&
            bytes_equal(blob_bytes(e->agent_id), blob_bytes(host->agent_id));
    }
    return count;
}

static void test_a_black_hole_is_left_out_and_probed(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w);
    offer_all(&w, 10000);
    struct job *job = create(&w, "a", 12);
    (void)create(&w, "b", 12);
    break_host(&w, 3);
    struct host *host = host_at(&w, 3);
    assert_int_equal(w.a.hosts_in_trouble, 1);
    assert_int_equal(host->trouble.delay_ms, TROUBLE_FIRST_MS);
    offer_all(&w, 10000);
    assert_int_equal(tasks_on(&w, 3), 0);
    /* The reason is told. */
    struct limit_counts none = {0};
    struct why why;
    placer_why(&w.a.hosts, job->config, &none, &why);
    assert_int_equal(why.vetoed[VETO_TROUBLE], 1);
    /* One probe, however many tasks wait; it fails: twice the rest. */
    pass(&w, TROUBLE_FIRST_MS);
    assert_int_equal(host->trouble.state, TROUBLE_PROBING);
    (void)create(&w, "c", 30);
    offer_all(&w, 10000);
    assert_int_equal(tasks_on(&w, 3), 1);
    assert_int_equal(fail_on(&w, 3), 1);
    assert_int_equal(host->trouble.state, TROUBLE_AVOIDED);
    assert_int_equal(host->trouble.delay_ms, 2 * TROUBLE_FIRST_MS);
    /* The next probe runs for a minute: forgiven. */
    pass(&w, 2 * TROUBLE_FIRST_MS);
    (void)create(&w, "d", 30);
    offer_all(&w, 10000);
    assert_int_equal(tasks_on(&w, 3), 1);
    assert_int_equal(fail_on(&w, -1), 0);
    pass(&w, QUICK_MS);
    assert_int_equal(host->trouble.state, TROUBLE_NONE);
    assert_false(host->is_avoided);
    assert_int_equal(w.a.hosts_in_trouble, 0);
    assert_int_equal(told(&w, host, HOST_IN_TROUBLE), 2);
    assert_int_equal(told(&w, host, HOST_RECOVERED), 1);
    end(&w);
}

static void test_bad_jobs_do_not_take_the_cluster(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w);
    offer_all(&w, 10000);
    (void)create(&w, "a", 12);
    (void)create(&w, "b", 12);
    for (int round = 0; round < 40; round++) {
        offer_all(&w, 10000);
        for (int host = 0; host < HOSTS; host++)
            for (uint32_t i = 0; i < w.a.jobs.count; i++)
                for (struct task *t = w.a.jobs.item[i]->active.first, *next; t;
                     t = next) {
                    next = t->next;
                    if (t->state == TASK_ASSIGNED)
                        report(&w, t, TASK_FAILED);
                }
        pass(&w, 30 * SECOND);
        assert_true(w.a.hosts_in_trouble * TROUBLE_SHARE <= HOSTS);
    }
    end(&w);
}

static void test_one_bad_job_alone_blames_no_host(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w);
    offer(&w, 0, 10000);
    offer(&w, 1, 10000);
    offer(&w, 2, 10000);
    struct job *job = create(&w, "a", 3);
    for (int round = 0; round < 20; round++) {
        offer_all(&w, 10000);
        for (struct task *t = job->active.first, *next; t; t = next) {
            next = t->next;
            if (t->state == TASK_ASSIGNED)
                report(&w, t, TASK_FAILED);
        }
        pass(&w, 60 * SECOND);
        assert_int_equal(w.a.hosts_in_trouble, 0);
    }
    end(&w);
}

/* --- places that are kept --- */

static struct job *one_running_on_0(struct world *w)
{
    offer(w, 0, 200);
    struct job *job = create(w, "a", 1);
    aurora_place(&w->a, w->now_ms);
    struct task *task = job_active(job, 0);
    assert_int_equal(task->state, TASK_ASSIGNED);
    report(w, task, TASK_RUNNING);
    return job;
}

/* Restarted, and ended: the next task waits. */
static struct task *restart(struct world *w, struct job *job)
{
    assert_true(
        task_go(&w->a, job_active(job, 0), TASK_RESTARTING, NULL, w->now_ms));
    report(w, job_active(job, 0), TASK_KILLED);
    struct task *task = job_active(job, 0);
    assert_int_equal(task->state, TASK_PENDING);
    assert_true(task->is_kept);
    return task;
}

static void test_a_restarted_task_comes_back_to_its_host(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w);
    struct job *job = one_running_on_0(&w);
    struct task *task = restart(&w, job);
    /* Others have room, and somebody else wants its place. */
    struct job *other = create(&w, "other", 1);
    for (int i = 1; i < HOSTS; i++)
        offer(&w, i, 50);
    offer(&w, 0, 100);
    aurora_place(&w.a, w.now_ms);
    aurora_check(&w.a);
    assert_int_equal(task->state, TASK_ASSIGNED);
    assert_ptr_equal(task->host, host_at(&w, 0));
    assert_int_equal(job_active(other, 0)->state, TASK_PENDING);
    assert_int_equal(w.a.keeps.count, 0);
    end(&w);
}

static void test_nobody_takes_a_kept_place(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w);
    struct job *job = one_running_on_0(&w);
    struct task *task = restart(&w, job);
    struct job *other = create(&w, "other", 1);
    offer(&w, 0, 60); /* not enough for the task, and none of it is free */
    aurora_place(&w.a, w.now_ms);
    assert_int_equal(task->state, TASK_PENDING);
    offer(&w, 0, 60); /* 120: enough for one */
    aurora_place(&w.a, w.now_ms);
    assert_int_equal(task->state, TASK_ASSIGNED);
    assert_int_equal(job_active(other, 0)->state, TASK_PENDING);
    end(&w);
}

static void test_a_kept_task_goes_elsewhere_in_time(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w);
    struct job *job = one_running_on_0(&w);
    struct task *task = restart(&w, job);
    offer(&w, 1, 1000);
    aurora_place(&w.a, w.now_ms);
    assert_int_equal(task->state, TASK_PENDING);
    pass(&w, KEEP_MS - 1);
    assert_int_equal(task->state, TASK_PENDING);
    pass(&w, 1);
    assert_int_equal(task->state, TASK_ASSIGNED);
    assert_ptr_equal(task->host, host_at(&w, 1));
    end(&w);
}

static void test_a_lost_host_keeps_nothing(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w);
    struct job *job = one_running_on_0(&w);
    struct task *task = restart(&w, job);
    offer(&w, 1, 1000);
    aurora_agent_lost(&w.a, bytes_of_text("m-S0"), w.now_ms);
    aurora_place(&w.a, w.now_ms);
    assert_int_equal(task->state, TASK_ASSIGNED);
    assert_ptr_equal(task->host, host_at(&w, 1));
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_black_hole_is_left_out_and_probed),
        cmocka_unit_test(test_bad_jobs_do_not_take_the_cluster),
        cmocka_unit_test(test_one_bad_job_alone_blames_no_host),
        cmocka_unit_test(test_a_restarted_task_comes_back_to_its_host),
        cmocka_unit_test(test_nobody_takes_a_kept_place),
        cmocka_unit_test(test_a_kept_task_goes_elsewhere_in_time),
        cmocka_unit_test(test_a_lost_host_keeps_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
