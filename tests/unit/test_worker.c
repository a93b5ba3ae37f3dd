/* A daemon's script workers: results by callback, a bounded queue, a cache. */
#include "script_kit.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static char folder[] = "/tmp/perigee-worker-XXXXXX";

enum { TICKETS_MAX = 128 };

struct results {
    struct event_base *base;
    uint32_t wanted, got;
    uint32_t jobs[TICKETS_MAX], problems[TICKETS_MAX];
    char message[256]; /* of the last problem */
};

static void on_done(void *context, uint64_t ticket, struct bytes result)
{
    struct results *r = context;
    Perigee__Evaluation *out =
        perigee__evaluation__unpack(NULL, result.size, result.data);
    assert_non_null(out);
    assert_true(ticket < TICKETS_MAX);
    r->jobs[ticket] = (uint32_t)out->n_jobs;
    r->problems[ticket] = (uint32_t)out->n_problems;
    if (out->n_problems > 0)
        snprintf(r->message, sizeof r->message, "%s",
                 out->problems[0]->message);
    perigee__evaluation__free_unpacked(out, NULL);
    if (++r->got == r->wanted)
        event_base_loopbreak(r->base);
}

static struct buf make_bundle(const char *text)
{
    char path[64];
    struct err err = {0};
    struct buf bytes = {0};
    Perigee__Evaluation *out = NULL;
    snprintf(path, sizeof path, "%s/f.lua", folder);
    assert_int_equal(file_write(path, bytes_of_text(text), 0644, false, &err),
                     0);
    assert_int_equal(
        script_evaluate_file(path, NULL, NULL, 0, NULL, &out, &err), 0);
    buf_add(&bytes, out->bundle.data, out->bundle.len);
    perigee__evaluation__free_unpacked(out, NULL);
    return bytes;
}

static void wait_for(struct results *r, uint32_t wanted)
{
    struct timeval end = {20, 0};
    r->wanted = wanted;
    event_base_loopexit(r->base, &end);
    event_base_dispatch(r->base);
    assert_int_equal(r->got, wanted);
}

static struct worker_pool *open_pool(struct results *r,
                                     const struct script_limits *limits)
{
    struct worker_pool *pool = NULL;
    *r = (struct results){.base = event_base_new()};
    assert_int_equal(worker_pool_open(&pool, r->base, limits, on_done, r, NULL),
                     0);
    return pool;
}

static void close_pool(struct results *r, struct worker_pool *pool)
{
    worker_pool_close(pool);
    event_base_free(r->base);
}

static const char GOOD[] =
    "return { Job { cluster = 'c', role = 'r', environment = 'test',\n"
    "  task = SimpleTask('a', 'b') } }";

static void test_bundles_become_jobs_by_callback(void **unused)
{
    (void)unused;
    struct results r;
    struct worker_pool *pool = open_pool(&r, NULL);
    struct buf bundle = make_bundle(GOOD);
    for (uint64_t i = 0; i < 6; i++)
        assert_int_equal(
            worker_pool_evaluate(pool, i, buf_bytes(&bundle), NULL, NULL), 0);
    assert_int_equal(r.got, 0); /* never from inside the call */
    wait_for(&r, 6);
    for (int i = 0; i < 6; i++)
        assert_int_equal(r.jobs[i], 1);
    /* now from the cache */
    assert_int_equal(
        worker_pool_evaluate(pool, 7, buf_bytes(&bundle), NULL, NULL), 0);
    assert_int_equal(r.got, 6);
    wait_for(&r, 7);
    assert_int_equal(r.jobs[7], 1);
    buf_release(&bundle);
    close_pool(&r, pool);
}

static void test_one_job_may_be_picked(void **unused)
{
    (void)unused;
    struct results r;
    struct worker_pool *pool = open_pool(&r, NULL);
    struct buf bundle = make_bundle(
        "local jobs = {} for i = 1, 5000 do\n"
        "jobs[i] = Job { cluster = 'c', role = 'r', environment = 'test',\n"
        " name = 'j' .. i, contact = ('x'):rep(250),\n"
        " task = SimpleTask('a', 'b') } end return jobs");
    static const char *const pick[] = {NULL, "c/r/test/j77", "c/r/test/none"};
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(
            worker_pool_evaluate(pool, i, buf_bytes(&bundle), pick[i], NULL),
            0);
    wait_for(&r, 3);
    assert_int_equal(r.problems[0], 1);
    assert_non_null(strstr(r.message, "want at most 1024 KiB"));
    assert_int_equal(r.jobs[1], 1);
    assert_int_equal(r.jobs[2], 50);
    buf_release(&bundle);
    close_pool(&r, pool);
}

static void test_nonsense_is_a_problem(void **unused)
{
    (void)unused;
    struct results r;
    struct worker_pool *pool = open_pool(&r, NULL);
    assert_int_equal(
        worker_pool_evaluate(pool, 1, bytes_of_text("nonsense"), NULL, NULL),
        0);
    wait_for(&r, 1);
    assert_int_equal(r.problems[1], 1);
    assert_string_equal(r.message, "bundle: not a perigee.Bundle");
    close_pool(&r, pool);
}

static void test_a_full_queue_refuses(void **unused)
{
    (void)unused;
    struct results r;
    struct err err = {0};
    struct worker_pool *pool = open_pool(&r, NULL);
    struct buf bundle = make_bundle(GOOD);
    uint32_t taken = 0;
    while (taken < TICKETS_MAX &&
           worker_pool_evaluate(pool, taken, buf_bytes(&bundle), NULL, &err) ==
               0)
        taken++;
    assert_int_equal(taken, WORKERS_MAX + WORKER_QUEUE_MAX);
    assert_int_equal(err.code, ERR_BUSY);
    wait_for(&r, taken);
    buf_release(&bundle);
    close_pool(&r, pool);
}

static void test_time_is_bounded_and_the_pool_goes_on(void **unused)
{
    (void)unused;
    struct results r;
    struct script_limits limits = SCRIPT_LIMITS;
    limits.cpu_ms = 100;
    struct worker_pool *pool = open_pool(&r, &limits);
    struct buf loop = make_bundle("local n = 0 while true do n = n + 1 end");
    struct buf good = make_bundle(GOOD);
    assert_int_equal(
        worker_pool_evaluate(pool, 1, buf_bytes(&loop), NULL, NULL), 0);
    assert_int_equal(
        worker_pool_evaluate(pool, 2, buf_bytes(&good), NULL, NULL), 0);
    wait_for(&r, 2);
    assert_int_equal(r.problems[1], 1);
    assert_string_equal(r.message, "runs longer than 100 ms of CPU time");
    assert_int_equal(r.jobs[2], 1);
    buf_release(&loop);
    buf_release(&good);
    close_pool(&r, pool);
}

/* The only child that this process has. */
static pid_t nursery_of_this_process(void)
{
    char path[64];
    int pid = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &pid), 1);
    fclose(file);
    return pid;
}

/* Both workers are at work when it dies, and one more waits. */
static void test_work_survives_its_nursery(void **unused)
{
    (void)unused;
    struct results r;
    struct script_limits limits = SCRIPT_LIMITS;
    limits.cpu_ms = 100;
    struct worker_pool *pool = open_pool(&r, &limits);
    struct buf loop = make_bundle("while true do end");
    struct buf good = make_bundle(GOOD);
    for (uint64_t i = 1; i <= 2; i++)
        assert_int_equal(
            worker_pool_evaluate(pool, i, buf_bytes(&loop), NULL, NULL), 0);
    assert_int_equal(
        worker_pool_evaluate(pool, 3, buf_bytes(&good), NULL, NULL), 0);
    assert_int_equal(kill(nursery_of_this_process(), SIGKILL), 0);
    wait_for(&r, 3);
    assert_int_equal(r.problems[1], 1);
    assert_int_equal(r.problems[2], 1);
    assert_string_equal(r.message, "runs longer than 100 ms of CPU time");
    assert_int_equal(r.jobs[3], 1);
    /* dead before anything is asked */
    pid_t nursery = nursery_of_this_process();
    assert_int_equal(kill(nursery, SIGKILL), 0);
    assert_int_equal(
        worker_pool_evaluate(pool, 4, buf_bytes(&loop), NULL, NULL), 0);
    wait_for(&r, 4);
    assert_string_equal(r.message, "runs longer than 100 ms of CPU time");
    buf_release(&loop);
    buf_release(&good);
    close_pool(&r, pool);
}

static void test_closing_ends_what_runs(void **unused)
{
    (void)unused;
    struct results r;
    struct worker_pool *pool = open_pool(&r, NULL);
    struct buf good = make_bundle(GOOD);
    for (uint64_t i = 0; i < 5; i++)
        assert_int_equal(
            worker_pool_evaluate(pool, i, buf_bytes(&good), NULL, NULL), 0);
    buf_release(&good);
    close_pool(&r, pool);
    assert_int_equal(r.got, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bundles_become_jobs_by_callback),
        cmocka_unit_test(test_one_job_may_be_picked),
        cmocka_unit_test(test_nonsense_is_a_problem),
        cmocka_unit_test(test_a_full_queue_refuses),
        cmocka_unit_test(test_time_is_bounded_and_the_pool_goes_on),
        cmocka_unit_test(test_work_survives_its_nursery),
        cmocka_unit_test(test_closing_ends_what_runs),
    };
    return SCRIPT_TESTS(folder, tests, argc, argv);
}
