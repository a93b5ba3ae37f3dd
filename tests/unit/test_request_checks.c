/* What the scheduler refuses before it stores anything, each with the field at
 * fault: Aurora's checks of requests, and case 113 of its tests. */
#include "tests/unit/aurora_kit.h"

/* A body that is refused with this status and field, and changes nothing. */
static void refused(struct world *w, const char *body, int status,
                    const char *field)
{
    uint64_t before = get_job(w)->sequence;

    post(w, body);
    expect_status(w, status);
    if (field && strcmp(w->answer->error->field ? w->answer->error->field : "",
                        field) != 0)
        fail_msg("want field %s, got %s: %s", field,
                 w->answer->error->field ? w->answer->error->field : "none",
                 w->answer->error->message);
    get_job(w);
    assert_true(w->answer->error || w->answer->sequence == before);
}

#define TASK_WITH(resources)                                     \
    "\"task\":{\"name\":\"web\",\"processes\":[{\"name\":\"p\"," \
    "\"cmdline\":\"x\"}],\"resources\":{" resources "}}"
#define JOB_WITH(environment, more)                                        \
    "{\"type\":\"CREATE_JOB\",\"create_job\":{\"job\":{\"cluster\":"       \
    "\"devcluster\",\"role\":\"www\",\"environment\":\"" environment "\"," \
    "\"name\":\"web\"," more "}}}"
#define FINE \
    "\"cpu_milli\":500,\"ram_bytes\":134217728,\"disk_bytes\":134217728"

static void test_113_a_job_is_checked_before_it_is_stored(void **unused)
{
    static const struct {
        const char *body, *field;
    } wrong[] = {
        {JOB_WITH("prod", "\"tier\":\"gold\"," TASK_WITH(FINE)),
         "create_job.job.tier"},
        {JOB_WITH("foo", TASK_WITH(FINE)), "create_job.job.environment"},
        {JOB_WITH("prod", "\"service\":true,\"cron\":{\"schedule\":\"* * * * *"
                          "\"}," TASK_WITH(FINE)),
         NULL},
        {JOB_WITH("prod",
                  "\"container\":{\"docker\":{\"image\":\"a\",\"parameters\":"
                  "[{\"name\":\"p\",\"value\":\"v\"}]}}," TASK_WITH(FINE)),
         NULL},
        {JOB_WITH("prod", TASK_WITH("\"cpu_milli\":0,\"ram_bytes\":1048576,"
                                    "\"disk_bytes\":1048576")),
         NULL},
        {JOB_WITH("prod", TASK_WITH("\"cpu_milli\":1,\"ram_bytes\":1048575,"
                                    "\"disk_bytes\":1048576")),
         NULL},
        {JOB_WITH("prod", TASK_WITH("\"cpu_milli\":1,\"ram_bytes\":1048576")),
         NULL},
        {JOB_WITH("prod", "\"instances\":0," TASK_WITH(FINE)), NULL},
        {JOB_WITH("prod", "\"instances\":4001," TASK_WITH(FINE)),
         "create_job.job.instances"},
        {JOB_WITH("prod", "\"sla_policy\":{\"count\":1,\"duration_secs\":"
                          "7201},\"instances\":1," TASK_WITH(FINE)),
         NULL},
        {JOB_WITH("prod", "\"max_task_failures\":0," TASK_WITH(FINE)), NULL},
        {JOB_WITH("prod", "\"task\":{\"name\":\"web\",\"processes\":[],"
                          "\"resources\":{" FINE "}}"),
         NULL},
    };
    struct world *w = world_new();

    (void)unused;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        refused(w, wrong[i].body, 400, wrong[i].field);
        get_job(w);
        expect_status(w, 404);
    }
    world_free(w);
}

static void test_56_a_collision_policy_has_a_known_name(void **unused)
{
    static const char wrong[] = JOB_WITH(
        "prod", "\"cron\":{\"schedule\":\"* * * * *\",\"collision_policy\":"
                "\"GARBAGE\"}," TASK_WITH(FINE));
    struct world *w = world_new();

    (void)unused;
    refused(w, wrong, 400, "create_job.job.cron.collision_policy");
    post(w, wrong);
    assert_non_null(strstr(w->answer->error->message, "GARBAGE"));
    get_job(w);
    expect_status(w, 404);
    world_free(w);
}

static void test_a_job_exists_once(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, SERVICE("1"));
    expect_status(w, 200);
    refused(w, SERVICE("1"), 409, NULL);
    refused(w, BATCH("1"), 409, NULL);
    world_free(w);
}

static void test_restarts_name_active_instances(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, SERVICE("2"));
    offer(w, "m-S0", 4);
    run_all(w, "m-S0");
    refused(w,
            "{\"type\":\"RESTART_JOB\",\"target\":{" KEY
            ",\"strict\":true,\"instances\":[{\"first\":0,\"last\":2}]}}",
            404, "target.instances");
    refused(w,
            "{\"type\":\"RESTART_JOB\",\"target\":{" KEY
            ",\"instances\":[{\"first\":2}]}}",
            404, "target.instances");
    world_free(w);
}

static void test_instances_are_added_like_an_active_one(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, SERVICE("1"));
    refused(w, "{\"type\":\"ADD_INSTANCES\",\"scale\":{" KEY "}}", 400,
            "scale.instances");
    refused(w,
            "{\"type\":\"ADD_INSTANCES\",\"scale\":{" KEY
            ",\"instances\":1,\"template_instance\":1}}",
            404, "scale.template_instance");
    refused(w,
            "{\"type\":\"ADD_INSTANCES\",\"scale\":{" KEY
            ",\"instances\":4000}}",
            400, "scale.instances");
    post(w, "{\"type\":\"ADD_INSTANCES\",\"scale\":{" KEY
            ",\"instances\":2,\"template_instance\":0}}");
    expect_status(w, 200);
    assert_int_equal(w->answer->instances[1], 2);
    post(w, "{\"type\":\"KILL_JOB\",\"target\":{" KEY "}}");
    refused(w,
            "{\"type\":\"ADD_INSTANCES\",\"scale\":{" KEY ",\"instances\":1}}",
            404, NULL);
    world_free(w);
}

static void test_an_sla_aware_update_needs_a_policy(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    refused(w,
            JOB_WITH("prod", "\"service\":true,\"update\":{\"sla_aware\":"
                             "true}," TASK_WITH(FINE)),
            400, NULL);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_113_a_job_is_checked_before_it_is_stored),
        cmocka_unit_test(test_56_a_collision_policy_has_a_known_name),
        cmocka_unit_test(test_a_job_exists_once),
        cmocka_unit_test(test_restarts_name_active_instances),
        cmocka_unit_test(test_instances_are_added_like_an_active_one),
        cmocka_unit_test(test_an_sla_aware_update_needs_a_policy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
