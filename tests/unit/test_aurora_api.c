/* What the API answers: events, keys of requests, refusals, reads. */
#include "aurora_kit.h"

#include "aurora/state.h"

static void test_events_follow_and_replay(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, "{\"type\":\"SUBSCRIBE\",\"subscribe\":{" KEY "}}");
    assert_int_equal(w->events.count, 1);
    assert_int_equal(w->events.item[0]->type,
                     PERIGEE__AURORA__EVENT__TYPE__SUBSCRIBED);
    assert_int_equal(w->last_words->type, PERIGEE__AURORA__EVENT__TYPE__ERROR);
    assert_string_equal(w->last_words->error->code, "LIMIT");
    post(w, SERVICE("1"));
    uint64_t created = w->answer->sequence;
    assert_int_equal(w->events.count, 3);
    assert_int_equal(w->events.item[1]->type,
                     PERIGEE__AURORA__EVENT__TYPE__JOB_CREATED);
    assert_true(w->events.item[1]->sequence == created);
    assert_int_equal(w->events.item[2]->task->state, SHOWN(PENDING));
    post(w, ABOUT("KILL_JOB"));
    int last = w->events.count - 1;
    assert_int_equal(w->events.item[last]->type,
                     PERIGEE__AURORA__EVENT__TYPE__JOB_REMOVED);
    for (int i = 2; i <= last; i++)
        assert_true(w->events.item[i]->sequence ==
                    w->events.item[i - 1]->sequence + 1);
    /* Replay from the creation on. */
    int before = w->events.count;
    char *body = arena_printf(&w->arena,
                              "{\"type\":\"SUBSCRIBE\",\"subscribe\":{"
                              "\"from_sequence\":%llu}}",
                              (unsigned long long)created);
    post(w, body);
    assert_int_equal(w->events.count - before, 1 + before - 1);
    /* What was before this life is gone. */
    reborn(w);
    post(w, body);
    expect_status(w, 410);
    assert_true(w->answer->error->first_sequence > created);
    world_free(w);
}

static void test_jobs_are_listed_whole_or_by_key(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, SERVICE("2"));
    post(w, "{\"type\":\"LIST_JOBS\",\"list\":{\"role\":\"www\"}}");
    expect_status(w, 200);
    assert_int_equal(w->answer->n_jobs, 1);
    assert_int_equal(w->answer->jobs[0]->pending, 2);
    assert_non_null(w->answer->jobs[0]->job->task);
    post(w, "{\"type\":\"LIST_JOBS\",\"list\":{\"keys_only\":true}}");
    assert_int_equal(w->answer->n_jobs, 1);
    assert_string_equal(w->answer->jobs[0]->job->name, "web");
    assert_null(w->answer->jobs[0]->job->task);
    post(w, "{\"type\":\"LIST_JOBS\",\"list\":{\"role\":\"db\"}}");
    assert_int_equal(w->answer->n_jobs, 0);
    world_free(w);
}

static void test_an_idempotency_key_makes_a_change_once(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    request(w, HTTP_POST, "/api/v1", "", "k1", SERVICE("1"));
    expect_status(w, 200);
    uint64_t sequence = w->answer->sequence;
    request(w, HTTP_POST, "/api/v1", "", "k1", SERVICE("1"));
    expect_status(w, 200);
    assert_true(w->answer->sequence == sequence);
    request(w, HTTP_POST, "/api/v1", "", "k1", SERVICE("2"));
    expect_status(w, 409);
    reborn(w);
    request(w, HTTP_POST, "/api/v1", "", "k1", SERVICE("1"));
    expect_status(w, 200);
    assert_true(w->answer->sequence == sequence);
    request(w, HTTP_POST, "/api/v1", "", "k2", SERVICE("1"));
    expect_status(w, 409);
    request(w, HTTP_POST, "/api/v1", "", "k2", ABOUT("KILL_JOB"));
    expect_status(w, 200); /* refusals are not remembered */
    pass(w, (int64_t)25 * 60 * 60 * 1000);
    request(w, HTTP_POST, "/api/v1", "", "k1", SERVICE("1"));
    expect_status(w, 200);
    assert_true(w->answer->sequence > sequence);
    world_free(w);
}

/* So many changes that all keys are taken: those of a while ago give way. */
static void test_a_crowd_of_keys_does_not_lock_others_out(void **unused)
{
    struct world *w = world_new();
    char key[32];

    (void)unused;
    request(w, HTTP_POST, "/api/v1", "", "k1", SERVICE("1"));
    for (int i = 1; i < REQUESTS_MAX; i++) {
        Perigee__Aurora__RequestRecord record =
            PERIGEE__AURORA__REQUEST_RECORD__INIT;
        (void)snprintf(key, sizeof key, "crowd-%d", i);
        record.key = key;
        record.at_ms = (uint64_t)w->now_ms;
        keys_restore(w->p, &record);
    }
    request(w, HTTP_POST, "/api/v1", "", "k2", ABOUT("KILL_JOB"));
    expect_status(w, 429);
    request(w, HTTP_POST, "/api/v1", "", "k1", SERVICE("1"));
    expect_status(w, 200);
    pass(w, REQUEST_CROWDED_MS);
    request(w, HTTP_POST, "/api/v1", "", "k2", ABOUT("KILL_JOB"));
    expect_status(w, 200);
    world_free(w);
}

/* A job under another key. */
#define AT(role, environment)                                                \
    "{\"type\":\"CREATE_JOB\",\"create_job\":{\"job\":{\"cluster\":"         \
    "\"devcluster\",\"role\":\"" role "\",\"environment\":\"" environment    \
    "\",\"name\":\"web\",\"task\":{\"name\":\"web\",\"processes\":[{"        \
    "\"name\":\"p\",\"cmdline\":\"sleep 1\"}],\"resources\":{\"cpu_milli\":" \
    "500,\"ram_bytes\":134217728,\"disk_bytes\":134217728}}}}}"

static const struct refusal {
    const char *body;
    int status;
    const char *code, *text;
    const char *field; /* its path; NULL: no field is to blame */
} REFUSALS[] = {
    {"", 400, "INVALID", "JSON", NULL},
    {"not json", 400, "INVALID", "Failed to parse body into JSON", NULL},
    {"[1]", 400, "INVALID", "", NULL},
    {"{}", 400, "INVALID", "type", "type"},
    {"{\"type\":\"DANCE\"}", 400, "INVALID", "type", "type"},
    {"{\"type\":\"CREATE_JOB\"}", 400, "INVALID", "create_job", "create_job"},
    {"{\"type\":\"KILL_JOB\"}", 400, "INVALID", "target", "target"},
    {ABOUT("KILL_JOB"), 404, "NOT_FOUND", "devcluster/www/prod/web",
     "target.key"},
    {ABOUT("RESTART_JOB"), 404, "NOT_FOUND", "does not exist", "target.key"},
    {"{\"type\":\"GET_JOB\",\"tasks\":{" KEY "}}", 404, "NOT_FOUND", "exist",
     "tasks.key"},
    {"{\"type\":\"WHY\",\"why\":{" KEY "}}", 404, "NOT_FOUND", "exist",
     "why.key"},
    {"{\"type\":\"WHY\",\"why\":{\"key\":{\"cluster\":\"devcluster\","
     "\"role\":\"../x\",\"environment\":\"prod\",\"name\":\"web\"}}}",
     400, "INVALID", "role '../x'", "why.key.role"},
    {"{\"type\":\"GET_UPDATE\",\"update\":{" KEY ",\"update_id\":\"u\"}}", 404,
     "NOT_FOUND", "no update u", "update.update_id"},
    {"{\"type\":\"ABORT_UPDATE\",\"update\":{" KEY ",\"update_id\":\"u\"}}",
     404, "NOT_FOUND", "no update u", "update.update_id"},
    {"{\"type\":\"GET_JOB\",\"tasks\":{\"key\":{\"cluster\":\"other\"}}}", 400,
     "INVALID", "this scheduler is 'devcluster'", "tasks.key.cluster"},
    {SERVICE("0"), 400, "INVALID", "instances", "create_job.job.instances"},
    {SERVICE("4001"), 400, "INVALID", "4000", "create_job.job.instances"},
    {AT("www", "moon"), 400, "INVALID", "moon", "create_job.job.environment"},
    {AT("a b", "prod"), 400, "INVALID", "role", "create_job.job.role"},
    {CREATE("\"max_task_failures\":0"), 400, "INVALID", "max_task_failures",
     "create_job.job.max_task_failures"},
    {CREATE("\"constraints\":[{\"attribute\":\"rack\",\"kind\":\"LIMIT\"}]"),
     400, "INVALID", "limit", "create_job.job.constraints"},
    {CREATE("\"constraints\":[{\"attribute\":\"dedicated\",\"kind\":"
            "\"ONE_OF\",\"values\":[\"mail/x\"]}]"),
     400, "INVALID", "dedicated", "create_job.job.constraints.dedicated"},
    {CREATE("\"notify\":[{\"on\":[\"failed\"],\"email\":\"a@b\"}]"), 400,
     "INVALID", "notify[1].email: this cluster sends no mail",
     "create_job.job.notify[1].email"},
    {CREATE("\"container\":{\"docker\":{\"image\":\"nginx\"}}"), 400, "INVALID",
     "container.docker: no agent runs Docker containers yet",
     "create_job.job.container.docker"},
    {"{\"type\":\"CREATE_JOB\",\"create_job\":{\"bundle\":\"////\"," KEY "}}",
     400, "INVALID", "bundle", "create_job.bundle"},
    {"{\"type\":\"GET_BUNDLE\",\"get_bundle\":{\"sha256\":\"00\"}}", 404,
     "NOT_FOUND", "bundle", "get_bundle.sha256"},
    {"{\"type\":\"PUT_ASSET\",\"put_asset\":{}}", 400, "INVALID", "missing",
     "put_asset.content"},
    {"{\"type\":\"LIST_TASKS\",\"find_tasks\":{\"cursor\":"
     "\"www/prod/web/99999999999\"}}",
     400, "INVALID", "not one of ours", "find_tasks.cursor"},
    {"{\"type\":\"PUT_ASSET\",\"put_asset\":{\"sha256\":\"00\",\"content\":"
     "\"aGk=\"}}",
     400, "INVALID", "SHA-256", "put_asset.sha256"},
    {"{\"type\":\"KILL_JOB\",\"target\":{" KEY ",\"instanses\":[]}}", 400,
     "INVALID", "nearest known name: 'instances'", "target.instanses"},
    {"{\"type\":\"KILL_JOB\",\"target\":{" KEY ",\"instances\":[{\"first\":0},"
     "{\"first\":-1}]}}",
     400, "INVALID", "want a whole number", "target.instances[2].first"},
    {"{\"type\":\"KILL_JOB\",\"target\":{" KEY ",\"batch_size\":1.5}}", 400,
     "INVALID", "want a whole number", "target.batch_size"},
    {"{\"type\":\"SCALE_JOB\",\"scale\":{" KEY ",\"instances\":4294967297}}",
     400, "INVALID", "want a whole number", "scale.instances"},
    {"{\"type\":\"SCALE_JOB\",\"scale\":{" KEY ",\"instances\":\"x\"}}", 400,
     "INVALID", "into a number", "scale.instances"},
    {"{\"type\":\"GET_TASK\",\"get_task\":{\"task_id\":\"a\\u0000b\"}}", 400,
     "INVALID", "zero byte", "get_task.task_id"},
    {"{\"type\":\"KILL_JOB\",\"target\":{\"key\":\"a/b\"}}", 400, "INVALID",
     "Not expecting", "target.key"},
    {"{\"type\":\"KILL_JOB\",\"target\":{" KEY "},\"list\":{}}", 400, "INVALID",
     "not about it", "list"},
    {"{\"type\":\"SCALE_JOB\",\"scale\":{" KEY ",\"instances\":1}}", 404,
     "NOT_FOUND", "exist", "scale.key"},
    {"{\"type\":\"ADD_INSTANCES\",\"scale\":{" KEY ",\"instances\":1}}", 404,
     "NOT_FOUND", "exist", "scale.key"},
    {"{\"type\":\"SCALE_JOB\",\"scale\":{" KEY "}}", 400, "INVALID",
     "instances: missing", "scale.instances"},
    {"{\"type\":\"SCALE_JOB\",\"scale\":{" KEY ",\"instances\":null}}", 400,
     "INVALID", "instances: missing", "scale.instances"},
    {"{\"type\":\"SCALE_JOB\",\"scale\":{" KEY
     ",\"instances\":3,\"instances\":0}}",
     400, "INVALID", "duplicate object key", NULL},
    {"{\"type\":\"ADD_INSTANCES\",\"scale\":{" KEY "}}", 400, "INVALID",
     "instances: missing", "scale.instances"},
    {"{\"type\":\"KILL_JOB\",\"target\":{" KEY ",\"instances\":[{}]}}", 400,
     "INVALID", "missing", "target.instances[1].first"},
    {"{\"type\":\"RESTART_JOB\",\"target\":{" KEY
     ",\"instances\":[{\"first\":1},{\"first\":5,\"last\":1}]}}",
     400, "INVALID", "1 is before 5", "target.instances[2].last"},
    {"{\"type\":\"GET_TASKS\",\"tasks\":{" KEY "}}", 404, "NOT_FOUND", "exist",
     "tasks.key"},
    {"{\"type\":\"GET_TASK\",\"get_task\":{}}", 404, "NOT_FOUND", "exist",
     "get_task.task_id"},
    {"{\"type\":\"LIST_CONFIGS\",\"tasks\":{" KEY "}}", 404, "NOT_FOUND",
     "exist", "tasks.key"},
    {"{\"type\":\"LIST_JOBS\",\"list\":{\"cursor\":\"?\"}}", 400, "INVALID",
     "not one of ours", "list.cursor"},
    {"{\"type\":\"LIST_TASKS\",\"find_tasks\":{\"cursor\":\"?\"}}", 400,
     "INVALID", "not one of ours", "find_tasks.cursor"},
    {"{\"type\":\"LIST_TASKS\",\"find_tasks\":{\"states\":[\"RUNING\"]}}", 400,
     "INVALID", "'RUNNING'", "find_tasks.states[1]"},
    {"{\"type\":\"LIST_PENDING\",\"roles\":{\"cursor\":\"?\"}}", 400, "INVALID",
     "not one of ours", "roles.cursor"},
    {"{\"type\":\"LIST_HOSTS\",\"hosts\":{\"agent_id\":\"x\"}}", 404,
     "NOT_FOUND", "no such host", "hosts.agent_id"},
    {"{\"type\":\"LIST_UPDATES\",\"update\":{\"cursor\":\"?\"}}", 400,
     "INVALID", "not one of ours", "update.cursor"},
    {"{\"type\":\"GET_UPDATE\",\"update\":{" KEY "}}", 404, "NOT_FOUND",
     "no update", "update.key"},
    {"{\"type\":\"PAUSE_UPDATE\",\"update\":{" KEY "}}", 404, "NOT_FOUND",
     "job", "update.key"},
    {"{\"type\":\"PULSE_UPDATE\",\"update\":{}}", 400, "INVALID", "key",
     "update.key"},
    {"{\"type\":\"EVALUATE\",\"create_job\":{}}", 400, "INVALID", "missing",
     "create_job.bundle"},
    {"{\"type\":\"PUT_ASSET\",\"put_asset\":{\"content\":\"?\"}}", 400,
     "INVALID", "base64", "put_asset.content"},
};

static void test_refusals_say_what_and_change_nothing(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    for (size_t i = 0; i < sizeof REFUSALS / sizeof *REFUSALS; i++) {
        const struct refusal *r = &REFUSALS[i];
        post(w, r->body);
        expect_status(w, r->status);
        assert_non_null(w->answer->error);
        const char *field = w->answer->error->field;
        if (field && r->field ? strcmp(field, r->field) != 0
                              : field != r->field)
            fail_msg("%s: the field is %s", r->body, field ? field : "none");
        if (strcmp(w->answer->error->code, r->code) != 0 ||
            !strstr(w->answer->error->message, r->text))
            fail_msg("%s: got %s, %s", r->body, w->answer->error->code,
                     w->answer->error->message);
    }
    for (int i = 0; i < RECORDS_MAX; i++)
        assert_false(w->record[i].is_used &&
                     strcmp(w->record[i].table, "scheduler") != 0 &&
                     strcmp(w->record[i].table, "audit") != 0);
    world_free(w);
}

static void test_reads_over_get(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, SERVICE("3"));
    get(w, "/api/v1/jobs");
    expect_status(w, 200);
    assert_int_equal(w->answer->n_jobs, 1);
    get(w, "/api/v1/jobs/nobody");
    assert_int_equal(w->answer->n_jobs, 0);
    get(w, "/api/v1/jobs/www/prod/web");
    expect_status(w, 200);
    assert_int_equal(w->answer->n_tasks, 3);
    char *id = w->answer->tasks[0]->task_id;
    get(w, arena_printf(&w->arena, "/api/v1/tasks/%s", id));
    assert_string_equal(w->answer->tasks[0]->task_id, id);
    request(w, HTTP_GET, "/api/v1/jobs/www/prod/web/tasks", "limit=2", NULL,
            "");
    assert_int_equal(w->answer->n_tasks, 2);
    char *query =
        arena_printf(&w->arena, "limit=2&cursor=%s", w->answer->cursor);
    request(w, HTTP_GET, "/api/v1/jobs/www/prod/web/tasks", query, NULL, "");
    assert_int_equal(w->answer->n_tasks, 1);
    assert_int_equal(w->answer->tasks[0]->instance, 2);
    assert_null(w->answer->cursor);
    request(w, HTTP_GET, "/api/v1/jobs", "limit=x", NULL, "");
    expect_status(w, 400);
    get(w, "/api/v1/jobs/www/prod/other");
    expect_status(w, 404);
    get(w, "/health");
    expect_status(w, 200);
    get(w, "/nowhere");
    expect_status(w, 404);
    get(w, "/assets/00");
    expect_status(w, 404);
    request(w, HTTP_DELETE, "/api/v1/jobs", "", NULL, "");
    expect_status(w, 405);
    request(w, HTTP_GET, "/api/v1", "", NULL, "");
    expect_status(w, 405);
    world_free(w);
}

static void test_why_says_what_is_missing(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, CREATE("\"service\":true,\"instances\":2,\"constraints\":[{"
                   "\"attribute\":\"rack\",\"kind\":\"ONE_OF\",\"values\":["
                   "\"r-m-S1\"]}]"));
    post(w, "{\"type\":\"WHY\",\"why\":{" KEY "}}");
    assert_int_equal(w->answer->why->pending, 2);
    assert_int_equal(w->answer->why->hosts, 0);
    assert_non_null(strstr(w->answer->why->advice, "no host"));
    offer(w, "m-S0", 4);
    post(w, "{\"type\":\"WHY\",\"why\":{" KEY "}}");
    assert_int_equal(w->answer->why->hosts, 1);
    assert_string_equal(w->answer->why->reasons[0]->veto, "constraint rack");
    assert_string_equal(w->answer->why->nearest_host, "m-S0.host");
    assert_non_null(strstr(w->answer->why->nearest_lacks, "'r-m-S1'"));
    offer(w, "m-S1", 4);
    assert_non_null(launched(w, 1));
    post(w, "{\"type\":\"WHY\",\"why\":{" KEY "}}");
    assert_int_equal(w->answer->why->pending, 0);
    world_free(w);
}

/* Each call that changes something, in an order in which each succeeds: asked
 * twice with one key, it happens once. */
static void test_every_change_is_made_once_per_key(void **unused)
{
#define CHANGED                                                            \
    "{\"job\":" JOB("\"service\":true,\"instances\":3,\"env\":[{\"name\":" \
                    "\"A\",\"value\":\"1\"}],"                             \
                    "\"update\":{\"pulse_interval_secs\":60}") "}"
    static const char *const body[] = {
        SERVICE("2"),
        "{\"type\":\"SCALE_JOB\",\"scale\":{" KEY ",\"instances\":4}}",
        "{\"type\":\"ADD_INSTANCES\",\"scale\":{" KEY ",\"instances\":2}}",
        ABOUT("RESTART_JOB"),
        "{\"type\":\"PUT_ASSET\",\"put_asset\":{\"content\":\"aGk=\"}}",
        "{\"type\":\"RECONCILE\"}",
        "{\"type\":\"START_UPDATE\",\"create_job\":" CHANGED "}",
        "{\"type\":\"PULSE_UPDATE\",\"update\":{" KEY "}}",
        "{\"type\":\"PAUSE_UPDATE\",\"update\":{" KEY "}}",
        "{\"type\":\"RESUME_UPDATE\",\"update\":{" KEY "}}",
        "{\"type\":\"ABORT_UPDATE\",\"update\":{" KEY "}}",
        ABOUT("KILL_JOB"),
    };
    struct world *w = world_new();

    (void)unused;
    for (size_t i = 0; i < sizeof body / sizeof *body; i++) {
        char *key = arena_printf(&w->arena, "key-%zu", i);
        request(w, HTTP_POST, "/api/v1", "", key, body[i]);
        expect_status(w, 200);
        uint64_t sequence = w->answer->sequence;
        uint64_t next = w->p->core.events.next;
        accept_calls(w);
        w->calls.count = 0;
        request(w, HTTP_POST, "/api/v1", "", key, body[i]);
        expect_status(w, 200);
        assert_true(w->answer->sequence == sequence);
        assert_true(w->p->core.events.next == next);
        assert_int_equal(w->calls.count, 0);
    }
    world_free(w);
}

/* As `peer`; the status of the answer. */
static int ask_as(struct world *w, const char *peer, const char *path)
{
    struct http_request http = {.method = HTTP_GET,
                                .method_name = "GET",
                                .path = path,
                                .query = "",
                                .peer = peer};
    int later = 0;

    AURORA_PROGRAM.on_request(w->p, ++w->next_exchange, &http, w->now_ms,
                              &w->fx);
    w->is_api = false;
    for (uint32_t i = 0; i < w->fx.count; i++)
        if (w->fx.item[i].kind == EFFECT_REPLY)
            later = w->fx.item[i].response.header_count > 0 &&
                    strcmp(w->fx.item[i].response.header[0].name,
                           "Retry-After") == 0;
    look(w);
    assert_int_equal(later, w->reply.status == 429);
    return w->reply.status;
}

static void test_who_asks_too_often_waits(void **unused)
{
    struct world *w = world_new();
    int64_t rate = AURORA_OPTIONS.requests_per_second;

    (void)unused;
    for (int64_t i = 0; i < 2 * rate; i++)
        assert_int_equal(ask_as(w, "10.0.0.1:4711", "/state"), 200);
    assert_int_equal(ask_as(w, "10.0.0.1:4712", "/api/v1/roles"), 429);
    assert_non_null(strstr((const char *)w->reply.body.data, "10.0.0.1: want"));
    /* Others, and what is not counted, go on. */
    assert_int_equal(ask_as(w, "10.0.0.2:4711", "/api/v1/roles"), 200);
    assert_int_equal(ask_as(w, "[::1]:4711", "/api/v1/roles"), 200);
    assert_int_equal(ask_as(w, "10.0.0.1:1", "/health"), 200);
    /* A tenth of a second brings a tenth of the rate. */
    w->now_ms += 100;
    for (int64_t i = 0; i < rate / 10; i++)
        assert_int_equal(ask_as(w, "10.0.0.1:4711", "/api/v1/roles"), 200);
    assert_int_equal(ask_as(w, "10.0.0.1:4711", "/api/v1/roles"), 429);
    /* A clock that was set back gives nothing and takes nothing. */
    w->now_ms -= 60000;
    assert_int_equal(ask_as(w, "10.0.0.1:4711", "/api/v1/roles"), 429);
    /* More addresses than are remembered. */
    for (int i = 0; i < 5000; i++)
        assert_int_equal(
            ask_as(w, arena_printf(&w->arena, "10.1.%d.%d:1", i / 250, i % 250),
                   "/api/v1/version"),
            200);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_follow_and_replay),
        cmocka_unit_test(test_jobs_are_listed_whole_or_by_key),
        cmocka_unit_test(test_an_idempotency_key_makes_a_change_once),
        cmocka_unit_test(test_refusals_say_what_and_change_nothing),
        cmocka_unit_test(test_a_crowd_of_keys_does_not_lock_others_out),
        cmocka_unit_test(test_every_change_is_made_once_per_key),
        cmocka_unit_test(test_who_asks_too_often_waits),
        cmocka_unit_test(test_reads_over_get),
        cmocka_unit_test(test_why_says_what_is_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
