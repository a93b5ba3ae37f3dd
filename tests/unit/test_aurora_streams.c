/* Event streams: filters, hosts, where they begin, and how they end. */
#include "aurora_kit.h"

#include "aurora/state.h"

#define EVENT(name) PERIGEE__AURORA__EVENT__TYPE__##name

static void subscribe(struct world *w, const char *fields)
{
    w->events.count = 0;
    post(w,
         arena_printf(&w->arena, "{\"type\":\"SUBSCRIBE\",\"subscribe\":{%s}}",
                      fields));
}

static int count_type(const struct world *w, Perigee__Aurora__Event__Type type)
{
    int count = 0;

    for (int i = 0; i < w->events.count; i++)
        count += w->events.item[i]->type == type;
    return count;
}

static void create(struct world *w, const char *role, const char *name)
{
    post(w, arena_printf(
                &w->arena,
                "{\"type\":\"CREATE_JOB\",\"create_job\":{\"job\":{\"cluster\":"
                "\"devcluster\",\"environment\":\"prod\",\"service\":true,"
                "\"role\":\"%s\",\"name\":\"%s\",\"task\":{\"name\":\"web\","
                "\"processes\":[{\"name\":\"p\",\"cmdline\":\"sleep 1\"}],"
                "\"resources\":{\"cpu_milli\":500,\"ram_bytes\":134217728,"
                "\"disk_bytes\":134217728}}}}}",
                role, name));
    expect_status(w, 200);
}

static void test_a_role_sees_its_own_jobs(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    subscribe(w, "\"role\":\"www\"");
    create(w, "ops", "web");
    create(w, "www2", "web");
    assert_int_equal(count_type(w, EVENT(JOB_CREATED)), 0);
    create(w, "www", "web");
    assert_int_equal(count_type(w, EVENT(JOB_CREATED)), 1);
    assert_int_equal(count_type(w, EVENT(TASK_CHANGED)), 1);
    offer(w, "m-S0", 4);
    assert_int_equal(count_type(w, EVENT(HOST_CHANGED)), 0);
    world_free(w);
}

static void test_a_job_sees_only_itself(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    subscribe(w, KEY);
    create(w, "www", "web2");
    create(w, "www", "we");
    assert_int_equal(w->events.count, 1); /* SUBSCRIBED */
    create(w, "www", "web");
    assert_int_equal(count_type(w, EVENT(JOB_CREATED)), 1);
    world_free(w);
}

static void test_types_can_be_chosen(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    subscribe(w, "\"types\":[\"HOST_CHANGED\",\"JOB_REMOVED\"]");
    create(w, "www", "web");
    offer(w, "m-S0", 4);
    assert_int_equal(w->events.count, 2);
    assert_int_equal(w->events.item[1]->type, EVENT(HOST_CHANGED));
    subscribe(w, "\"types\":[\"DANCE\"]");
    expect_status(w, 400);
    assert_string_equal(w->answer->error->field, "subscribe.types[1]");
    subscribe(w, KEY ",\"role\":\"www\"");
    expect_status(w, 400);
    assert_string_equal(w->answer->error->field, "subscribe.role");
    subscribe(w, "\"environment\":\"prod\"");
    expect_status(w, 400);
    world_free(w);
}

static void agent_failed(struct world *w, const char *agent)
{
    MasterEvent event = MESOS__V1__SCHEDULER__EVENT__INIT;
    Mesos__V1__Scheduler__Event__Failure failure =
        MESOS__V1__SCHEDULER__EVENT__FAILURE__INIT;
    Mesos__V1__AgentID id = MESOS__V1__AGENT_ID__INIT;

    id.value = (char *)agent;
    failure.agent_id = &id;
    event.has_type = true;
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__FAILURE;
    event.failure = &failure;
    event_in(w, &event);
}

static void expect_host(struct world *w, int nth,
                        Perigee__Aurora__HostEvent__Change change)
{
    assert_int_equal(w->events.count, nth + 1);
    assert_int_equal(w->events.item[nth]->type, EVENT(HOST_CHANGED));
    assert_int_equal(w->events.item[nth]->host->change, change);
    assert_string_equal(w->events.item[nth]->host->agent_id, "m-S0");
    assert_string_equal(w->events.item[nth]->host->hostname, "m-S0.host");
}

#define CHANGE(name) PERIGEE__AURORA__HOST_EVENT__CHANGE__##name

static void test_hosts_are_seen_change_are_lost_and_return(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    subscribe(w, "\"types\":[\"HOST_CHANGED\"]");
    offer(w, "m-S0", 4);
    expect_host(w, 1, CHANGE(SEEN));
    assert_true(w->events.item[1]->host->total->cpu_milli == 4000);
    offer(w, "m-S0", 4); /* it has more than was known */
    expect_host(w, 2, CHANGE(CHANGED));
    agent_failed(w, "m-S0");
    expect_host(w, 3, CHANGE(LOST));
    agent_failed(w, "m-S0"); /* told twice */
    agent_failed(w, "m-S9"); /* nobody knows it */
    assert_int_equal(w->events.count, 4);
    get(w, "/api/v1/hosts/m-S0");
    assert_true(w->answer->hosts[0]->lost);
    offer(w, "m-S0", 4);
    expect_host(w, 4, CHANGE(SEEN));
    world_free(w);
}

static void test_numbers_that_are_not_here_are_gone(void **unused)
{
    struct world *w = world_new();
    struct event_log *log;

    (void)unused;
    create(w, "www", "web");
    log = &w->p->core.events;
    uint64_t next = log->next;
    subscribe(w, arena_printf(&w->arena, "\"from_sequence\":%llu",
                              (unsigned long long)next));
    assert_int_equal(w->events.count, 1);
    subscribe(w, arena_printf(&w->arena, "\"from_sequence\":%llu",
                              (unsigned long long)next + 1));
    expect_status(w, 410);
    assert_string_equal(w->answer->error->code, "GONE");
    assert_string_equal(w->answer->error->field, "subscribe.from_sequence");
    assert_true(w->answer->error->has_first_sequence);
    reborn(w);
    subscribed(w, "fw-1");
    subscribe(w, arena_printf(&w->arena, "\"from_sequence\":%llu",
                              (unsigned long long)next - 1));
    expect_status(w, 410);
    /* Numbers go on behind those of the last life. */
    assert_true(w->answer->error->first_sequence > next);
    world_free(w);
}

static void test_a_stream_with_a_hole_ends(void **unused)
{
    struct world *w = world_new();
    bool is_closed = false;

    (void)unused;
    create(w, "www", "web");
    subscribe(w, "");
    struct aurora *core = &w->p->core;
    for (int i = 0; i < EVENTS_MAX + 10; i++)
        (void)event_log_job(&core->events, EVENT_JOB_CHANGED,
                            core->jobs.item[0], w->now_ms);
    AURORA_PROGRAM.on_time(w->p, w->now_ms, &w->fx);
    for (uint32_t i = 0; i < w->fx.count; i++)
        is_closed |= w->fx.item[i].kind == EFFECT_CLOSE;
    look(w);
    assert_true(is_closed);
    assert_int_equal(w->events.count, 2);
    assert_int_equal(w->events.item[1]->type, EVENT(ERROR));
    assert_string_equal(w->events.item[1]->error->code, "GONE");
    assert_true(w->events.item[1]->error->first_sequence ==
                event_log_first(&core->events));
    assert_int_equal(w->p->subscribers.count, 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_role_sees_its_own_jobs),
        cmocka_unit_test(test_a_job_sees_only_itself),
        cmocka_unit_test(test_types_can_be_chosen),
        cmocka_unit_test(test_hosts_are_seen_change_are_lost_and_return),
        cmocka_unit_test(test_numbers_that_are_not_here_are_gone),
        cmocka_unit_test(test_a_stream_with_a_hole_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
