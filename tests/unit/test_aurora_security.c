/* Who asks, and what they may do: every call of the API as nobody, with a
 * wrong secret, and as somebody else. */
#include "security_kit.h"

static void test_nobody_gets_anything(void **unused)
{
    struct world *w = secure_world();
    uint32_t count;
    const struct api_route *route = api_routes(&count);
    static const char *const paths[] = {"/api/v1/jobs",
                                        "/api/v1/schema",
                                        "/api/v1/nothing",
                                        "/metrics",
                                        "/metrics/snapshot",
                                        "/state",
                                        "/version",
                                        "/offers",
                                        "/api/v1/events",
                                        "/assets/00",
                                        "/mname/alice/devel/hello/0",
                                        "/scheduler/alice",
                                        "/"};
    static const char *const wrong[] = {
        NULL,           "",
        "Bearer",       "Bearer ",
        "Bearer wrong", "Basic",
        "Basic !!!!",   "Basic d29yZA==",
        "Digest x",     "bearer token-of-alicf"};

    (void)unused;
    as(w, "alice", job("alice", "hello"));
    expect(200, "\"hello\"");
    for (uint32_t i = 0; i < count; i++)
        for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
            send(w, HTTP_POST, "/api/v1", wrong[k], NULL,
                 call_of(&route[i], "hello"));
            expect(401, "\"DENIED\"");
            assert_true(*got.challenge != '\0');
            assert_null(strstr(got.text, "alice"));
        }
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        send(w, HTTP_GET, paths[i], NULL, NULL, "");
        expect(401, "");
        send(w, HTTP_DELETE, paths[i], NULL, NULL, "");
        expect(401, "");
        pass(w, 1000);
    }
    send(w, HTTP_GET, "/health", NULL, NULL, "");
    expect(200, "");
    /* Somebody else's certificate; one that was not verified is none. */
    send(w, HTTP_POST, "/api/v1", NULL, "eve.cn", "{\"type\":\"LIST_JOBS\"}");
    expect(401, "");
    assert_true(audited(w, ",\"result\":\"UNAUTHENTICATED\"") > 10);
    world_free(w);
}

static void test_another_role_gets_nothing_of_it(void **unused)
{
    struct world *w = secure_world();
    static char existing[TEXT_MAX];
    uint32_t count;
    const struct api_route *route = api_routes(&count);

    (void)unused;
    as(w, "alice", job("alice", "hello"));
    expect(200, "");
    for (uint32_t i = 0; i < count; i++) {
        if (route[i].object != ON_JOB && route[i].object != ON_CLUSTER &&
            route[i].object != ON_ROLE)
            continue;
        int before = audited(w, ",\"user\":\"bob\"");
        as(w, "bob", call_of(&route[i], "hello"));
        bool looks = !(route[i].flags & API_CHANGES);
        if (got.status != (looks && route[i].object == ON_JOB ? 404 : 403))
            fail_msg("%s: %d %s", call_of(&route[i], "hello"), got.status,
                     got.text);
        memcpy(existing, got.text, sizeof existing);
        assert_int_equal(audited(w, ",\"user\":\"bob\""), before + 1);
        /* Whether it exists makes no difference. */
        as(w, "bob", call_of(&route[i], "nothing"));
        replace(got.text, "nothing", "hello");
        assert_string_equal(got.text, existing);
        pass(w, 61000);
    }
    as(w, "alice", "{\"type\":\"LIST_JOBS\"}");
    expect(200, "hello");
    world_free(w);
}

/* Lists, and paths of all kinds, are the same before there was a job. */
static void test_lists_leave_out_what_may_not_be_seen(void **unused)
{
    static const char *const paths[] = {
        "/api/v1/jobs",
        "/api/v1/jobs/alice",
        "/api/v1/jobs/alice/devel",
        "/api/v1/jobs/alice/devel/hello",
        "/api/v1/jobs/alice/devel/hello/tasks",
        "/api/v1/jobs/alice/devel/hello/instances/0",
        "/api/v1/jobs/alice/devel/hello/configs",
        "/api/v1/jobs/alice/devel/hello/updates",
        "/api/v1/jobs/alice/devel/hello/why",
        "/api/v1/tasks",
        "/api/v1/updates",
        "/api/v1/groups",
        "/api/v1/cron",
        "/api/v1/cron/alice/devel/hello",
        "/api/v1/pending",
        "/pending",
        "/api/v1/roles",
        "/api/v1/roles/alice",
        "/api/v1/hosts",
        "/api/v1/offers",
        "/api/v1/state",
        "/api/v1/backups",
        "/state",
        "/metrics",
        "/mname/alice/devel/hello/0"};
    enum { PATHS = sizeof paths / sizeof *paths };
    static char before[PATHS][TEXT_MAX];
    int status[PATHS];
    struct world *w = secure_world();

    (void)unused;
    for (int i = 0; i < PATHS; i++) {
        get_as(w, "bob", paths[i]);
        status[i] = got.status;
        memcpy(before[i], got.text, TEXT_MAX);
        pass(w, 61000);
    }
    as(w, "alice", job("alice", "hello"));
    expect(200, "");
    for (int i = 0; i < PATHS; i++) {
        get_as(w, "bob", paths[i]);
        /* Numbers of events are the cluster's. */
        char *sequence = strstr(got.text, "\"sequence\":");
        char *had = strstr(before[i], "\"sequence\":");
        if (sequence && had) {
            memmove(had, had + strcspn(had, "0123456789"),
                    strlen(had + strcspn(had, "0123456789")) + 1);
            memmove(had, had + strspn(had, "0123456789"),
                    strlen(had + strspn(had, "0123456789")) + 1);
            memmove(sequence, sequence + strcspn(sequence, "0123456789"),
                    strlen(sequence + strcspn(sequence, "0123456789")) + 1);
            memmove(sequence, sequence + strspn(sequence, "0123456789"),
                    strlen(sequence + strspn(sequence, "0123456789")) + 1);
        }
        if (got.status != status[i] || strcmp(got.text, before[i]) != 0)
            fail_msg("%s: %d %s\nbefore: %d %s", paths[i], got.status, got.text,
                     status[i], before[i]);
        pass(w, 61000);
    }
    get_as(w, "alice", "/api/v1/jobs");
    expect(200, "hello");
    get_as(w, "alice", "/api/v1/roles");
    expect(200, "alice");
    world_free(w);
}

static void test_events_of_others_are_not_told(void **unused)
{
    struct world *w = secure_world();

    (void)unused;
    as(w, "bob", "{\"type\":\"SUBSCRIBE\"}");
    assert_true(got.is_stream);
    int had = w->events.count;
    as(w, "alice", job("alice", "hello"));
    assert_int_equal(w->events.count, had);
    as(w, "bob", job("bob", "mine"));
    assert_true(w->events.count > had);
    /* Nor when they are told again. */
    had = w->events.count;
    as(w, "bob",
       "{\"type\":\"SUBSCRIBE\",\"subscribe\":{\"from_sequence\":1}}");
    for (int i = had; i < w->events.count; i++)
        if (w->events.item[i]->job)
            assert_string_equal(w->events.item[i]->job->role, "bob");
    world_free(w);
}

static void verify(struct world *w)
{
    struct aurora_verified fact = {.ticket = got.ticket};

    assert_non_null(got.verify);
    assert_int_equal(got.status, 0);
    aurora_verify_run(got.verify);
    AURORA_PROGRAM.on_fact(w->p, AURORA_FACT_VERIFIED, &fact, w->now_ms,
                           &w->fx);
    take_answer(w);
    look(w);
}

static void test_passwords_are_checked_once(void **unused)
{
    struct world *w = secure_world();

    (void)unused;
    send(w, HTTP_GET, "/api/v1/version", "Basic cGFzczp3b3Jk", NULL, "");
    verify(w);
    expect(200, "version");
    send(w, HTTP_GET, "/api/v1/version", "Basic cGFzczp3b3Jk", NULL, "");
    expect(200, "version");
    /* pass:worx and nobody:word look alike, and both are worked on. */
    send(w, HTTP_GET, "/api/v1/version", "Basic cGFzczp3b3J4", NULL, "");
    verify(w);
    expect(401, "not known here");
    static char text[TEXT_MAX];
    memcpy(text, got.text, sizeof text);
    send(w, HTTP_GET, "/api/v1/version", "Basic bm9ib2R5OndvcmQ=", NULL, "");
    verify(w);
    expect(401, "");
    assert_string_equal(got.text, text);
    /* A certificate that the listener verified. */
    send(w, HTTP_GET, "/api/v1/version", NULL, "pass.cn", "");
    expect(200, "version");
    /* Users without any permission look like those of an empty cluster. */
    get_as(w, "idle", "/api/v1/jobs");
    expect(200, "sequence");
    as(w, "idle", job("idle", "x"));
    expect(403, "user 'idle' may not job.create");
    world_free(w);
}

static void test_new_rules_are_in_force_at_once(void **unused)
{
    struct world *w = secure_world();
    struct aurora_security_fact bad = {.why = "security.lua:3: no"};
    struct aurora_security_fact good = {.users = users_new()};

    (void)unused;
    as(w, "bob", "{\"type\":\"SUBSCRIBE\"}");
    AURORA_PROGRAM.on_fact(w->p, AURORA_FACT_SECURITY, &bad, w->now_ms, &w->fx);
    look(w);
    get_as(w, "root", "/api/v1/security");
    expect(200, "security.lua:3: no");
    get_as(w, "bob", "/api/v1/security");
    expect(200, "\"user\":\"bob\"");
    assert_null(strstr(got.text, "security.lua:3"));
    assert_int_equal(users_seal(good.users, NULL), 0);
    int events = w->events.count;
    AURORA_PROGRAM.on_fact(w->p, AURORA_FACT_SECURITY, &good, w->now_ms,
                           &w->fx);
    bool is_closed = false;
    for (uint32_t i = 0; i < w->fx.count; i++)
        is_closed |= w->fx.item[i].kind == EFFECT_CLOSE;
    look(w);
    assert_true(is_closed);
    assert_string_equal(w->events.item[events]->error->code, "DENIED");
    get_as(w, "root", "/api/v1/security");
    expect(401, "");
    world_free(w);
}

/* A cron job that runs after another one's: as if that did not exist. */
static void test_jobs_of_others_are_no_parents(void **unused)
{
    static const char form[] =
        "{\"type\":\"CREATE_JOB\",\"create_job\":{\"job\":{"
        "\"cluster\":\"devcluster\",\"role\":\"%s\","
        "\"environment\":\"devel\",\"name\":\"clock\",\"cron\":{%s},"
        "\"task\":{\"name\":\"t\",\"processes\":[{\"name\":\"p\","
        "\"cmdline\":\"true\"}],\"resources\":{\"cpu_milli\":1000,"
        "\"ram_bytes\":67108864,\"disk_bytes\":67108864}}}}}";
    struct world *w = secure_world();
    char body[1024];
    static char existing[TEXT_MAX];

    (void)unused;
    snprintf(body, sizeof body, form, "alice", "\"schedule\":\"0 3 * * *\"");
    as(w, "alice", body);
    expect(200, "");
    snprintf(body, sizeof body, form, "bob",
             "\"after\":[\"devcluster/alice/devel/clock\"]");
    as(w, "bob", body);
    expect(404, "is no cron job here");
    memcpy(existing, got.text, sizeof existing);
    snprintf(body, sizeof body, form, "bob",
             "\"after\":[\"devcluster/alice/devel/other\"]");
    as(w, "bob", body);
    replace(got.text, "other", "clock");
    assert_string_equal(got.text, existing);
    /* Who may see both relates them; alice does not learn of it. */
    snprintf(body, sizeof body, form, "bob",
             "\"after\":[\"devcluster/alice/devel/clock\"]");
    as(w, "root", body);
    expect(200, "");
    get_as(w, "root", "/api/v1/cron/alice/devel/clock");
    expect(200, "\"bob\"");
    get_as(w, "alice", "/api/v1/cron/alice/devel/clock");
    expect(200, "\"alice\"");
    assert_null(strstr(got.text, "\"bob\""));
    get_as(w, "alice", "/api/v1/jobs/alice/devel/clock");
    expect(200, "\"alice\"");
    assert_null(strstr(got.text, "\"bob\""));
    get_as(w, "bob", "/api/v1/cron/bob/devel/clock");
    expect(200, "\"bob\"");
    world_free(w);
}

/* One user's key is nobody else's answer. */
static void test_users_do_not_share_idempotency_keys(void **unused)
{
    struct world *w = secure_world();
    struct http_header header[4] = {{"Accept", "application/json"},
                                    {"Content-Type", "application/json"},
                                    {"Authorization", NULL},
                                    {"Idempotency-Key", "k"}};
    static const char *const who[] = {"Bearer token-of-root",
                                      "Bearer token-of-alice"};

    (void)unused;
    for (int i = 0; i < 2; i++) {
        header[2].value = who[i];
        struct http_request http = {
            .method = HTTP_POST,
            .method_name = "POST",
            .path = "/api/v1",
            .query = "",
            .header = header,
            .header_count = 4,
            .body = bytes_of_text(job("alice", i == 0 ? "one" : "two")),
            .peer = "10.0.0.9:1234"};
        memset(&got, 0, sizeof got);
        w->is_api = false;
        AURORA_PROGRAM.on_request(w->p, ++w->next_exchange, &http, w->now_ms,
                                  &w->fx);
        take_answer(w);
        look(w);
        expect(200, i == 0 ? "one" : "two");
    }
    world_free(w);
}

/* Tasks are no users: they fetch from an address that only they were told. */
static void test_assets_have_addresses_that_cannot_be_guessed(void **unused)
{
    struct world *w = secure_world();
    static const char sha[] =
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    char path[200];

    (void)unused;
    send(w, HTTP_GET, "/assets/alice/0123/e3b0", NULL, NULL, "");
    expect(401, "");
    snprintf(path, sizeof path, "/assets/%s", sha);
    send(w, HTTP_GET, path, NULL, NULL, "");
    expect(401, "");
    get_as(w, "bob", path);
    expect(404, "");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_gets_anything),
        cmocka_unit_test(test_another_role_gets_nothing_of_it),
        cmocka_unit_test(test_lists_leave_out_what_may_not_be_seen),
        cmocka_unit_test(test_events_of_others_are_not_told),
        cmocka_unit_test(test_passwords_are_checked_once),
        cmocka_unit_test(test_new_rules_are_in_force_at_once),
        cmocka_unit_test(test_jobs_of_others_are_no_parents),
        cmocka_unit_test(test_users_do_not_share_idempotency_keys),
        cmocka_unit_test(test_assets_have_addresses_that_cannot_be_guessed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
