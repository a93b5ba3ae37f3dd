/* Preemption in the bare core with agents: what becomes of victims and of the
 * one that waits. */
#include "aurora/core/aurora.h"
#include "aurora/core/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND };

struct world {
    struct aurora a;
    int64_t now_ms;
    int offers;
};

static void begin(struct world *w)
{
    struct aurora_limits_config limits = {
        .tasks_per_job_max = 100,
        .offer_hold_ms = 600 * MINUTE,
        .preempt = {true, 3 * MINUTE, 3 * MINUTE, MINUTE, 5 * MINUTE, 5}};

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
    int64_t end_ms = w->now_ms + ms;

    for (;;) {
        int64_t next_ms = aurora_next_ms(&w->a);
        w->now_ms = next_ms < end_ms ? next_ms : end_ms;
        aurora_time(&w->a, w->now_ms);
        aurora_place(&w->a, w->now_ms);
        aurora_check(&w->a);
        if (next_ms >= end_ms)
            break;
    }
}

static void offer(struct world *w, int host, int64_t cpus, int64_t mem)
{
    struct attributes attributes = {0};
    struct amounts room = {cpus, mem, 100000, 0};
    struct ranges ports = {0};
    char id[16], agent[16], name[16];

    snprintf(id, sizeof id, "o-%d", ++w->offers);
    snprintf(agent, sizeof agent, "m-S%d", host);
    snprintf(name, sizeof name, "host%d", host);
    attributes_add_text(&attributes, "rack", host % 2 ? "odd" : "even");
    aurora_offer(&w->a, bytes_of_text(id), bytes_of_text(agent), name, "",
                 &attributes, &room, &ports, w->now_ms);
    attributes_release(&attributes);
    aurora_place(&w->a, w->now_ms);
    aurora_check(&w->a);
}

struct spec {
    const char *role, *name;
    bool is_preemptible;
    int32_t priority;
    int64_t cpus, mem;
    const char *rack; /* NULL: any */
    uint32_t instances;
};

static struct job *create(struct world *w, const struct spec *spec)
{
    struct job_key key = {"c", "", "prod", ""};
    uint64_t sequence;
    struct err err = {0};

    snprintf(key.role, sizeof key.role, "%s", spec->role);
    snprintf(key.name, sizeof key.name, "%s", spec->name);
    struct buf bytes = {0};
    buf_addf(&bytes, "%s/%s", spec->role, spec->name);
    struct job_config *config = job_config_new(&key, buf_bytes(&bytes));
    buf_release(&bytes);
    config->is_service = true;
    config->failures_max = -1;
    config->is_preemptible = spec->is_preemptible;
    config->priority = spec->priority;
    config->task = config->need = (struct amounts){spec->cpus, spec->mem, 1, 0};
    if (spec->rack)
        job_config_add_constraint(config, "rack", CONSTRAINT_ONE_OF,
                                  &spec->rack, 1, 0);
    if (aurora_create_take(&w->a, config, spec->instances ? spec->instances : 1,
                           w->now_ms, &sequence, &err) < 0)
        fail_msg("%s", err.text);
    aurora_place(&w->a, w->now_ms);
    return aurora_job(&w->a, &key);
}

static void report(struct world *w, const struct task *task,
                   enum task_state state)
{
    struct blob *id = blob_ref(task->id);
    struct blob *agent = blob_ref(task->placement->agent_id);

    aurora_report(&w->a, blob_bytes(id), blob_bytes(agent), state, NULL,
                  w->now_ms);
    aurora_check(&w->a);
    blob_unref(id);
    blob_unref(agent);
}

/* Everything that was placed runs. */
static void run_all(struct world *w)
{
    for (uint32_t i = 0; i < w->a.jobs.count; i++)
        for (struct task *t = w->a.jobs.item[i]->active.first; t; t = t->next)
            if (t->state == TASK_ASSIGNED)
                report(w, t, TASK_RUNNING);
}

static struct job *start(struct world *w, const struct spec *spec)
{
    struct job *job = create(w, spec);

    run_all(w);
    return job;
}

static uint32_t count(const struct job *job, enum task_state state)
{
    uint32_t n = 0;

    for (const struct task *t = job->active.first; t; t = t->next)
        n += t->state == state;
    return n;
}

static struct task *the(const struct job *job)
{
    return job->active.first;
}

static const char *message_of(const struct task *task)
{
    static char text[TASK_MESSAGE_MAX + 1];
    const struct blob *blob = task->events.item[task->events.count - 1].message;

    snprintf(text, sizeof text, "%.*s", blob ? (int)blob->size : 0,
             blob ? (const char *)blob->data : "");
    return text;
}

static void test_the_whole_way(void **unused)
{
    const struct spec batch = {"bob", "batch", true, 0, 600, 600, NULL, 2};
    const struct spec web = {"alice", "web", false, 0, 1000, 1000, NULL, 1};
    struct world w;
    char expected[300];

    (void)unused;
    begin(&w);
    offer(&w, 0, 1000, 1000);
    offer(&w, 1, 1000, 1000);
    struct job *low = start(&w, &batch);
    assert_int_equal(count(low, TASK_RUNNING), 2);
    offer(&w, 0, 400, 400);
    offer(&w, 1, 400, 400);
    struct job *high = start(&w, &web);
    /* Not before three minutes. */
    pass(&w, 3 * MINUTE - 1);
    assert_int_equal(count(low, TASK_RUNNING), 2);
    pass(&w, MINUTE);
    assert_int_equal(count(low, TASK_RUNNING), 1);
    assert_int_equal(count(low, TASK_PREEMPTING), 1);
    struct task *victim =
        the(low)->state == TASK_PREEMPTING ? the(low) : the(low)->next;
    snprintf(expected, sizeof expected,
             "gives way to task %.*s of role 'alice'", (int)the(high)->id->size,
             (const char *)the(high)->id->data);
    assert_string_equal(message_of(victim), expected);
    assert_true(w.a.work.kills.count >= 1);
    /* The room is kept for the winner: the victim's successor gets none. */
    int host = blob_bytes(victim->placement->agent_id).data[3] - '0';
    aurora_reserve_sequence(&w.a);
    aurora_work_clear(&w.a);
    report(&w, victim, TASK_KILLED);
    assert_int_equal(count(low, TASK_PENDING), 1);
    offer(&w, host, 600, 600);
    assert_int_equal(count(high, TASK_ASSIGNED), 1);
    assert_int_equal(count(low, TASK_PENDING), 1);
    run_all(&w);
    /* And nobody else is pushed. */
    pass(&w, 10 * MINUTE);
    assert_int_equal(count(low, TASK_RUNNING), 1);
    assert_int_equal(w.a.preempt.counters.preempted[0], 1);
    assert_int_equal(w.a.preempt.counters.preempted[1], 0);
    end(&w);
}

/* The rows of case 84 through the core: what waits, what runs. */
static void test_84_production_and_priorities(void **unused)
{
    static const struct {
        struct spec runs, waits;
        bool pushes;
    } row[] = {
        {{"b", "x", true, 100, 1000, 1000, NULL, 1},
         {"a", "y", false, -1000, 1000, 1000, NULL, 1},
         true},
        {{"b", "x", false, 0, 1000, 1000, NULL, 1},
         {"a", "y", false, 1000, 1000, 1000, NULL, 1},
         false},
        {{"a", "x", true, 10, 1000, 1000, NULL, 1},
         {"a", "y", true, 5, 1000, 1000, NULL, 1},
         false},
        {{"a", "x", true, 5, 1000, 1000, NULL, 1},
         {"a", "y", true, 10, 1000, 1000, NULL, 1},
         true},
        {{"b", "x", true, 5, 1000, 1000, NULL, 1},
         {"a", "y", true, 10, 1000, 1000, NULL, 1},
         false},
        {{"a", "x", false, 5, 1000, 1000, NULL, 1},
         {"a", "y", false, 10, 1000, 1000, NULL, 1},
         true},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct world w;
        begin(&w);
        offer(&w, 0, 1000, 1000);
        struct job *runs = start(&w, &row[i].runs);
        (void)start(&w, &row[i].waits);
        pass(&w, 5 * MINUTE);
        if ((count(runs, TASK_PREEMPTING) == 1) != row[i].pushes)
            fail_msg("row %zu", i);
        end(&w);
    }
}

/* Case 86: testPreemptWithOfferAndTask; what is free on the host counts. */
static void test_86_what_is_free_counts(void **unused)
{
    const struct spec small = {"bob", "small", true, 0, 1000, 1000, NULL, 1};
    const struct spec large = {"bob", "large", true, 0, 1900, 1900, NULL, 1};
    const struct spec web = {"alice", "web", false, 0, 2000, 2000, NULL, 1};
    struct world w;

    (void)unused;
    begin(&w);
    offer(&w, 0, 2000, 2000);
    struct job *victim = start(&w, &small);
    offer(&w, 0, 1000, 1000);
    (void)start(&w, &web);
    pass(&w, 5 * MINUTE);
    assert_int_equal(count(victim, TASK_PREEMPTING), 1);
    end(&w);
    /* It is not offered to us: pushing would not help. */
    begin(&w);
    offer(&w, 0, 2000, 2000);
    victim = start(&w, &small);
    (void)start(&w, &web);
    pass(&w, 5 * MINUTE);
    assert_int_equal(count(victim, TASK_RUNNING), 1);
    end(&w);
    /* Of two hosts the one that costs less. */
    begin(&w);
    offer(&w, 0, 2000, 2000);
    struct job *big = start(&w, &large);
    offer(&w, 0, 100, 100);
    offer(&w, 1, 2000, 2000);
    victim = start(&w, &small);
    offer(&w, 1, 1000, 1000);
    (void)start(&w, &web);
    pass(&w, 5 * MINUTE);
    assert_int_equal(count(victim, TASK_PREEMPTING), 1);
    assert_int_equal(count(big, TASK_RUNNING), 1);
    end(&w);
}

static void test_constraints_hold(void **unused)
{
    const struct spec batch = {"bob", "batch", true, 0, 1000, 1000, NULL, 4};
    const struct spec web = {"alice", "web", false, 0, 1000, 1000, "odd", 3};
    struct world w;

    (void)unused;
    begin(&w);
    for (int i = 0; i < 4; i++)
        offer(&w, i, 1000, 1000);
    struct job *low = start(&w, &batch);
    (void)start(&w, &web);
    pass(&w, 4 * MINUTE);
    assert_int_equal(count(low, TASK_PREEMPTING), 2);
    for (const struct task *t = low->active.first; t; t = t->next)
        if (t->state == TASK_PREEMPTING)
            assert_int_equal(t->placement->hostname[4] % 2, 1);
    end(&w);
}

/* Five of a group in one pass, the rest a minute later. */
static void test_groups_take_turns(void **unused)
{
    const struct spec batch = {"bob", "batch", true, 0, 1000, 1000, NULL, 14};
    const struct spec web = {"alice", "web", false, 0, 1000, 1000, NULL, 7};
    const struct spec api = {"carol", "api", false, 0, 1000, 1000, NULL, 3};
    struct world w;

    (void)unused;
    begin(&w);
    for (int i = 0; i < 14; i++)
        offer(&w, i, 1000, 1000);
    struct job *low = start(&w, &batch);
    struct job *high = create(&w, &web), *other = create(&w, &api);
    pass(&w, 3 * MINUTE);
    assert_int_equal(count(low, TASK_PREEMPTING), 8);
    pass(&w, MINUTE);
    assert_int_equal(count(low, TASK_PREEMPTING), 10);
    assert_int_equal(high->config->kept_count, 7);
    assert_int_equal(other->config->kept_count, 3);
    end(&w);
}

/* Room that comes free by itself is waited for. */
static void test_who_leaves_anyway_is_enough(void **unused)
{
    const struct spec batch = {"bob", "batch", true, 0, 500, 500, NULL, 2};
    const struct spec web = {"alice", "web", false, 0, 500, 500, NULL, 1};
    const struct instances zero = {&(const struct instance_pair){0, 0}, 1};
    struct world w;
    struct instance_list touched = {0};
    uint64_t sequence;
    struct err err = {0};

    (void)unused;
    begin(&w);
    offer(&w, 0, 1000, 1000);
    struct job *low = start(&w, &batch);
    (void)start(&w, &web);
    pass(&w, 2 * MINUTE);
    assert_int_equal(aurora_kill(&w.a, &low->key, &zero, NULL, w.now_ms,
                                 &touched, &sequence, &err),
                     0);
    vec_free(&touched);
    assert_int_equal(count(low, TASK_KILLING), 1);
    pass(&w, 2 * MINUTE);
    assert_int_equal(count(low, TASK_PREEMPTING), 0);
    assert_int_equal(count(low, TASK_RUNNING), 1);
    end(&w);
}

/* The winner goes: the room is anybody's. */
static void test_a_winner_that_goes_keeps_nothing(void **unused)
{
    const struct spec batch = {"bob", "batch", true, 0, 1000, 1000, NULL, 1};
    const struct spec web = {"alice", "web", false, 0, 1000, 1000, NULL, 1};
    struct world w;
    struct instance_list touched = {0};
    uint64_t sequence;
    struct err err = {0};

    (void)unused;
    begin(&w);
    offer(&w, 0, 1000, 1000);
    struct job *low = start(&w, &batch);
    struct job *high = start(&w, &web);
    pass(&w, 4 * MINUTE);
    assert_int_equal(w.a.keeps.count, 1);
    assert_int_equal(aurora_kill(&w.a, &high->key, NULL, NULL, w.now_ms,
                                 &touched, &sequence, &err),
                     0);
    vec_free(&touched);
    assert_int_equal(w.a.keeps.count, 0);
    report(&w, the(low), TASK_KILLED);
    offer(&w, 0, 1000, 1000);
    assert_int_equal(count(low, TASK_ASSIGNED), 1);
    end(&w);
}

/* Kept for three minutes; then, with the victim still there, it is waited for
 * without pushing others. */
static void test_a_victim_that_lingers(void **unused)
{
    const struct spec batch = {"bob", "batch", true, 0, 500, 500, NULL, 2};
    const struct spec web = {"alice", "web", false, 0, 500, 500, NULL, 1};
    struct world w;

    (void)unused;
    begin(&w);
    offer(&w, 0, 1000, 1000);
    struct job *low = start(&w, &batch);
    (void)start(&w, &web);
    pass(&w, 3 * MINUTE);
    assert_int_equal(count(low, TASK_PREEMPTING), 1);
    pass(&w, 4 * MINUTE);
    assert_int_equal(w.a.keeps.count, 0);
    assert_int_equal(w.a.preempt.counters.preempted[0], 1);
    /* Lost after five: its place is taken. */
    pass(&w, 2 * MINUTE);
    assert_int_equal(w.a.counters.timeouts, 1);
    end(&w);
}

static void test_off_is_off(void **unused)
{
    const struct spec batch = {"bob", "batch", true, 0, 1000, 1000, NULL, 1};
    const struct spec web = {"alice", "web", false, 0, 1000, 1000, NULL, 1};
    struct world w;

    (void)unused;
    begin(&w);
    w.a.limits.preempt.is_on = false;
    offer(&w, 0, 1000, 1000);
    struct job *low = start(&w, &batch);
    (void)start(&w, &web);
    pass(&w, 30 * MINUTE);
    assert_int_equal(count(low, TASK_RUNNING), 1);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_whole_way),
        cmocka_unit_test(test_84_production_and_priorities),
        cmocka_unit_test(test_86_what_is_free_counts),
        cmocka_unit_test(test_constraints_hold),
        cmocka_unit_test(test_groups_take_turns),
        cmocka_unit_test(test_who_leaves_anyway_is_enough),
        cmocka_unit_test(test_a_winner_that_goes_keeps_nothing),
        cmocka_unit_test(test_a_victim_that_lingers),
        cmocka_unit_test(test_off_is_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
