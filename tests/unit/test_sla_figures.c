/* How long instances are up, and what jobs would be left with, over the API. */
#include "aurora_kit.h"

#include "aurora/core/aurora.h"
#include "wire/metrics.h"

#define SLA(type, more) "{\"type\":\"" type "\",\"sla\":{" more "}}"

/* Everything that was launched runs, where it was launched. */
static void run_launched(struct world *w)
{
    char id[64][300], agent[64][16];
    Mesos__V1__TaskInfo *info;
    int count = 0;

    accept_calls(w);
    for (; count < 64 && (info = launched(w, count)); count++) {
        snprintf(id[count], sizeof id[count], "%s", info->task_id->value);
        snprintf(agent[count], sizeof agent[count], "%s",
                 info->agent_id->value);
    }
    w->calls.count = 0;
    for (int i = 0; i < count; i++)
        update(w, id[i], agent[i], STATE(RUNNING), NULL);
    accept_calls(w);
    w->calls.count = 0;
}

/* Four instances of production: three on a, then, 20 s later, one on b. */
static struct world *three_and_one(void)
{
    struct world *w = world_new();

    give_quota(w, "www");
    offer(w, "a", 16);
    post(w, CREATE("\"service\":true,\"production\":true,\"instances\":3"));
    expect_status(w, 200);
    pass(w, 0);
    run_launched(w);
    pass(w, 20 * 1000);
    post(w, "{\"type\":\"DRAIN_HOSTS\",\"maintenance\":{\"hosts\":[\"a\"],"
            "\"default_policy\":{\"count\":3,\"duration_secs\":7200}}}");
    post(w, "{\"type\":\"ADD_INSTANCES\",\"scale\":{" KEY ",\"instances\":1}}");
    expect_status(w, 200);
    offer(w, "b", 16);
    run_launched(w);
    post(w, "{\"type\":\"END_MAINTENANCE\",\"maintenance\":{\"hosts\":[\"a\"]"
            "}}");
    pass(w, 10 * 1000);
    return w;
}

static void test_how_many_are_up_for_so_long(void **unused)
{
    struct world *w = three_and_one();

    (void)unused;
    post(w, SLA("GET_SLA", KEY ",\"durations_secs\":[10,30,31,3600],"
                               "\"percentiles_milli\":[99000,75000,50000]"));
    expect_status(w, 200);
    const Perigee__Aurora__SlaView *v = w->answer->sla;
    assert_int_equal(v->instances, 4);
    assert_int_equal(v->up[0]->percentage_milli, 100000);
    assert_int_equal(v->up[1]->instances, 3);
    assert_int_equal(v->up[1]->percentage_milli, 75000);
    assert_int_equal(v->up[2]->percentage_milli, 0);
    /* 3 of 4 are the 99th percentile rounded down. */
    assert_int_equal(v->uptimes[0]->uptime_secs, 10);
    assert_int_equal(v->uptimes[1]->uptime_secs, 10);
    assert_int_equal(v->uptimes[2]->uptime_secs, 30);
    world_free(w);
}

static void test_73_a_hundred_per_cent_is_refused(void **unused)
{
    struct world *w = three_and_one();

    (void)unused;
    post(w, SLA("GET_SLA", KEY ",\"percentiles_milli\":[100000]"));
    expect_status(w, 400);
    assert_string_equal(w->answer->error->field, "sla.percentiles_milli");
    post(w, SLA("GET_SLA", KEY ",\"percentiles_milli\":[0]"));
    expect_status(w, 400);
    post(w, SLA("GET_SLA", "\"key\":{\"cluster\":\"devcluster\",\"role\":"
                           "\"www\",\"environment\":\"prod\",\"name\":\"x\"}"));
    expect_status(w, 404);
    world_free(w);
}

static void test_what_if_a_host_went(void **unused)
{
    struct world *w = three_and_one();

    (void)unused;
    post(w, SLA("PROBE_HOSTS", "\"hosts\":[\"b.host\",\"nobody\"],"
                               "\"percentage_milli\":75000,"
                               "\"duration_secs\":30"));
    expect_status(w, 200);
    assert_int_equal(w->answer->n_unknown_hosts, 1);
    const Perigee__Aurora__HostProbe *p = w->answer->probes[0];
    assert_true(p->safe);
    assert_int_equal(p->jobs[0]->instances, 4);
    assert_int_equal(p->jobs[0]->here, 1);
    assert_int_equal(p->jobs[0]->percentage_milli, 75000);
    post(w, SLA("PROBE_HOSTS", "\"hosts\":[\"a\"],\"percentage_milli\":25000,"
                               "\"duration_secs\":30"));
    p = w->answer->probes[0];
    assert_false(p->safe);
    assert_int_equal(p->jobs[0]->here, 3);
    assert_int_equal(p->jobs[0]->percentage_milli, 0);
    assert_true(p->jobs[0]->has_safe_in_secs);
    assert_int_equal(p->jobs[0]->safe_in_secs, 20);
    /* Both at once: nobody is left. */
    post(w, SLA("PROBE_HOSTS", "\"hosts\":[\"a\",\"b\"],"
                               "\"percentage_milli\":25000"));
    p = w->answer->probes[0];
    assert_int_equal(p->jobs[0]->here, 4);
    assert_false(p->jobs[0]->has_safe_in_secs);
    world_free(w);
}

static void test_hosts_that_nobody_would_miss(void **unused)
{
    struct world *w = three_and_one();

    (void)unused;
    post(w, SLA("LIST_SAFE_HOSTS", "\"percentage_milli\":75000,"
                                   "\"duration_secs\":30,\"instances_min\":2"));
    expect_status(w, 200);
    assert_int_equal(w->answer->n_probes, 1);
    assert_string_equal(w->answer->probes[0]->name, "b.host");
    /* Small jobs do not count. */
    post(w, SLA("LIST_SAFE_HOSTS", "\"percentage_milli\":75000,"
                                   "\"duration_secs\":30,\"instances_min\":5,"
                                   "\"limit\":1"));
    assert_int_equal(w->answer->n_probes, 1);
    assert_string_equal(w->answer->probes[0]->name, "a.host");
    assert_string_equal(w->answer->cursor, "a");
    post(w, SLA("LIST_SAFE_HOSTS", "\"percentage_milli\":75000,"
                                   "\"duration_secs\":30,\"instances_min\":5,"
                                   "\"cursor\":\"a\""));
    assert_int_equal(w->answer->n_probes, 1);
    assert_string_equal(w->answer->probes[0]->name, "b.host");
    world_free(w);
}

static void test_refusals(void **unused)
{
    static const struct {
        const char *body, *field;
    } bad[] = {
        {SLA("PROBE_HOSTS", ""), "sla.hosts"},
        {SLA("PROBE_HOSTS", "\"hosts\":[\"a\"],\"percentage_milli\":100001"),
         "sla.percentage_milli"},
        {SLA("LIST_SAFE_HOSTS", "\"duration_secs\":18446744073709551615"),
         "sla.duration_secs"},
        {SLA("GET_SLA", KEY ",\"durations_secs\":[999999999999]"),
         "sla.durations_secs"},
    };
    struct world *w = three_and_one();

    (void)unused;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        post(w, bad[i].body);
        expect_status(w, 400);
        assert_string_equal(w->answer->error->field, bad[i].field);
    }
    world_free(w);
}

/* --- figures of each minute --- */

static const struct sla_stats *stats(struct world *w)
{
    return &aurora_program_core(w->p)->sla_stats;
}

static void test_the_figures_of_a_minute(void **unused)
{
    struct world *w = three_and_one();

    (void)unused;
    pass(w, 30 * 1000 + 100);
    const struct sla_figures *f = &stats(w)->done;
    assert_int_equal(stats(w)->passes, 1);
    assert_int_equal(f->jobs.count, 1);
    assert_int_equal(f->jobs.item[0].uptime_milli, 100000);
    /* Three ran for the whole minute, one for 40 s of it. */
    assert_int_equal(f->up_ms, 3 * 60 * 1000 + 40 * 1000);
    assert_int_equal(f->down_ms, 0);
    assert_int_equal(f->jobs.item[0].job_uptime_ms[0], 60 * 1000);
    assert_int_equal(f->jobs.item[0].job_uptime_ms[4], 40 * 1000);
    /* All of them started at once. */
    assert_int_equal(f->median_ms[SLA_CLUSTER][SLA_RUNNING], 0);
    world_free(w);
}

/* What a drain takes is down until it runs again; a kill by its user is not. */
static void test_a_drain_is_down_time(void **unused)
{
    struct world *w = three_and_one();
    MasterCall *kill;

    (void)unused;
    post(w, "{\"type\":\"DRAIN_HOSTS\",\"maintenance\":{\"hosts\":"
            "[\"b.host\"]}}");
    pass(w, 0);
    accept_calls(w);
    kill = find_call(w, CALL(KILL), 0);
    assert_non_null(kill);
    update(w, kill->kill->task_id->value, "b", STATE(KILLED), NULL);
    w->calls.count = 0;
    pass(w, 10 * 1000);
    offer(w, "a", 16);
    run_launched(w);
    pass(w, 20 * 1000 + 100);
    const struct sla_figures *f = &stats(w)->done;
    assert_int_equal(stats(w)->passes, 1);
    assert_int_equal(f->down_ms, 10 * 1000);
    assert_int_equal(f->up_ms, 3 * 60 * 1000 + 30 * 1000);
    assert_int_equal(f->jobs.item[0].uptime_milli, 95454);
    /* Five waits: four of nothing, one of ten seconds. */
    assert_int_equal(f->median_ms[SLA_CLUSTER][SLA_ASSIGNED], 0);
    post(w, ABOUT("KILL_JOB"));
    pass(w, 60 * 1000);
    assert_int_equal(stats(w)->passes, 2);
    assert_int_equal(stats(w)->done.down_ms, 0);
    world_free(w);
}

static void test_the_metrics(void **unused)
{
    struct world *w = three_and_one();
    struct metrics m;
    struct buf text = {0};

    (void)unused;
    pass(w, 30 * 1000 + 100);
    metrics_init(&m);
    AURORA_PROGRAM.metrics(w->p, &m);
    metrics_print_text(&m, &text);
    assert_non_null(
        strstr(buf_text(&text), "sla_cluster_platform_uptime_percent 100\n"));
    assert_non_null(
        strstr(buf_text(&text),
               "sla_job_uptime_seconds{job=\"devcluster/www/prod/web\","
               "percentile=\"50.00\"} 60\n"));
    assert_non_null(strstr(buf_text(&text), "sla_cpu_small_mtta_seconds 0\n"));
    assert_non_null(
        strstr(buf_text(&text), "aurora_maintenance_hosts{mode=\"NONE\"} 2"));
    buf_release(&text);
    metrics_release(&m);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_how_many_are_up_for_so_long),
        cmocka_unit_test(test_73_a_hundred_per_cent_is_refused),
        cmocka_unit_test(test_what_if_a_host_went),
        cmocka_unit_test(test_hosts_that_nobody_would_miss),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_the_figures_of_a_minute),
        cmocka_unit_test(test_a_drain_is_down_time),
        cmocka_unit_test(test_the_metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
