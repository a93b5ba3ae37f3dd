/* What is written down of who changes something, and how much a user may
 * ask for. */
#include "security_kit.h"

static void test_changes_are_written_down(void **unused)
{
    struct world *w = secure_world();

    (void)unused;
    as(w, "alice", job("alice", "hello"));
    as(w, "alice",
       "{\"type\":\"KILL_JOB\",\"target\":{\"key\":{\"cluster\":\"devcluster\","
       "\"role\":\"alice\",\"environment\":\"devel\",\"name\":\"hello\"},"
       "\"message\":\"done with it\"}}");
    expect(200, "");
    assert_int_equal(audited(w, ""), 2);
    expect(200, "done with it");
    expect(200, "\"devcluster/alice/devel/hello\"");
    expect(200, "10.0.0.9:1234");
    assert_int_equal(audited(w, ",\"action\":\"job.kill\""), 1);
    assert_int_equal(audited(w, ",\"action\":\"job.*\""), 2);
    assert_int_equal(audited(w, ",\"user\":\"bob\""), 0);
    assert_int_equal(audited(w, ",\"key\":\"*/alice/*/*\""), 2);
    assert_int_equal(audited(w, ",\"result\":\"REFUSED\""), 0);
    /* Alike within a minute: one, with a count. */
    for (int i = 0; i < 5; i++)
        as(w, "bob", job("alice", "hello"));
    expect(403, "may not job.create on devcluster/alice/devel/hello");
    assert_int_equal(audited(w, ",\"result\":\"DENIED\""), 1);
    pass(w, 2000);
    assert_int_equal(audited(w, ",\"result\":\"DENIED\""), 1);
    expect(200, "\"count\":5");
    /* A page at a time. */
    as(w, "root", "{\"type\":\"LIST_AUDIT\",\"audit\":{\"limit\":2}}");
    expect(200, "\"cursor\":\"2\"");
    as(w, "root",
       "{\"type\":\"LIST_AUDIT\",\"audit\":{\"limit\":2,\"cursor\":\"2\"}}");
    expect(200, "job.create");
    assert_null(strstr(got.text, "cursor"));
    /* Of alice's jobs alice may know; of bob's attempts only by hers. */
    as(w, "bob", "{\"type\":\"LIST_AUDIT\"}");
    expect(200, "");
    assert_null(strstr(got.text, "alice"));
    as(w, "alice", "{\"type\":\"LIST_AUDIT\"}");
    expect(200, "\"bob\"");
    world_free(w);
}

/* Who knocks without a secret first hides nothing behind that. */
static void test_wrong_secrets_stand_apart(void **unused)
{
    struct world *w = secure_world();

    (void)unused;
    for (int i = 0; i < 3; i++)
        send(w, HTTP_POST, "/api/v1", NULL, NULL, "{}");
    for (int i = 0; i < 3; i++)
        send(w, HTTP_POST, "/api/v1", "Bearer wrong", NULL, "{}");
    pass(w, 2000);
    assert_int_equal(audited(w, ",\"result\":\"UNAUTHENTICATED\""), 2);
    expect(200, "\"no secret\"");
    expect(200, "\"unknown user or secret\"");
    /* What is misspelt is no empty log. */
    as(w, "root",
       "{\"type\":\"LIST_AUDIT\",\"audit\":{\"result\":\"denied\"}}");
    expect(400, "result 'denied': want one of OK, REFUSED");
    world_free(w);
}

static void test_the_audit_survives(void **unused)
{
    struct world *w = secure_world();
    struct os_users none = {0};

    (void)unused;
    as(w, "alice", job("alice", "hello"));
    as(w, "bob", job("alice", "hello"));
    assert_int_equal(audited(w, ""), 2);
    aurora_program_free(w->p);
    w->p = new_program(++w->seed);
    aurora_program_set_security(w->p, users_of_test(), &none, "security.lua",
                                w->now_ms);
    static const char *const order[] = {"audit", "config",    "host",
                                        "job",   "scheduler", "task"};
    for (size_t t = 0; t < sizeof order / sizeof *order; t++)
        for (int i = 0; i < RECORDS_MAX; i++)
            if (w->record[i].is_used &&
                strcmp(w->record[i].table, order[t]) == 0)
                assert_int_equal(AURORA_PROGRAM.on_stored(
                                     w->p, w->record[i].table,
                                     bytes_of_text(w->record[i].key),
                                     buf_bytes(&w->record[i].value), NULL),
                                 0);
    AURORA_PROGRAM.on_start(w->p, w->now_ms, &w->fx);
    look(w);
    assert_int_equal(audited(w, ""), 2);
    expect(200, "DENIED");
    world_free(w);
}

static void scale(struct world *w, const char *user, const char *type,
                  unsigned n)
{
    char body[400];

    snprintf(body, sizeof body,
             "{\"type\":\"%s\",\"scale\":{\"key\":{\"cluster\":\"devcluster\","
             "\"role\":\"small\",\"environment\":\"devel\",\"name\":\"a\"},"
             "\"instances\":%u}}",
             type, n);
    as(w, user, body);
}

static void test_users_have_limits_of_their_own(void **unused)
{
    struct world *w = secure_world();
    struct aurora_security_fact rules = {.users = users_new()};
    char hash[SECRET_HASH_MAX];
    struct user *small;
    struct rule rule = {0};

    (void)unused;
    assert_int_equal(users_add(rules.users, "small", &small, NULL), 0);
    secret_token_hash("token-of-small", hash);
    assert_int_equal(user_add_secret(small, SECRET_TOKEN, hash, NULL), 0);
    assert_int_equal(action_set_parse(&rule.actions, "*", NULL), 0);
    assert_int_equal(user_add_rule(small, &rule, NULL), 0);
    small->limits = (struct user_limits){.jobs = 2, .tasks = 6};
    assert_int_equal(users_seal(rules.users, NULL), 0);
    AURORA_PROGRAM.on_fact(w->p, AURORA_FACT_SECURITY, &rules, w->now_ms,
                           &w->fx);
    look(w);
    as(w, "small", job("small", "a")); /* 2 tasks */
    expect(200, "");
    as(w, "small", job("small", "b"));
    expect(200, "");
    as(w, "small", job("small", "c"));
    expect(413, "user 'small': 2 jobs and 1 of this change are 3: want at "
                "most 2");
    scale(w, "small", "SCALE_JOB", 5);
    expect(413, "user 'small': 2 tasks and 5 of this change are 7: want at "
                "most 6");
    scale(w, "small", "ADD_INSTANCES", 3);
    expect(413, "2 tasks and 5 of this change are 7");
    scale(w, "small", "ADD_INSTANCES", 4294967295u);
    expect(413, "");
    scale(w, "small", "SCALE_JOB", 4);
    expect(200, "");
    scale(w, "small", "SCALE_JOB", 1);
    expect(200, "");
    small->limits.bundle_bytes = 10;
    as(w, "small",
       "{\"type\":\"PUT_ASSET\",\"put_asset\":{\"content\":"
       "\"QUFBQUFBQUFBQUFBQUFB\"}}");
    expect(413, "a bundle or asset of 15 bytes: want at most 10");
    world_free(w);
}

/* Everything that was launched runs, and comes to its end. */
static void finish_all(struct world *w)
{
    Mesos__V1__TaskInfo *info;

    accept_calls(w);
    for (int i = 0; (info = launched(w, i)); i++) {
        update(w, info->task_id->value, "a-1", STATE(STARTING), NULL);
        update(w, info->task_id->value, "a-1", STATE(RUNNING), NULL);
        update(w, info->task_id->value, "a-1", STATE(FINISHED), NULL);
        accept_calls(w);
    }
    w->calls.count = 0;
}

static void test_what_has_ended_counts_as_no_task(void **unused)
{
    struct world *w = secure_world();
    struct user *alice =
        (struct user *)(uintptr_t)users_find(w->p->sign_in.users, "alice");

    (void)unused;
    alice->limits = (struct user_limits){.tasks = 3};
    as(w, "alice", job("alice", "a")); /* 2 tasks, not a service */
    expect(200, "");
    as(w, "alice", job("alice", "b"));
    expect(413, "2 tasks and 2 of this change are 4");
    offer(w, "a-1", 8);
    finish_all(w);
    get_as(w, "alice", "/api/v1/jobs/alice/devel/a");
    expect(200, "\"finished\":2");
    as(w, "alice", job("alice", "b"));
    expect(200, "");
    /* To run the first one again is more than there is. */
    as(w, "alice", job("alice", "a"));
    expect(413, "2 tasks and 2 of this change are 4");
    world_free(w);
}

static void refuse_handshake(struct world *w, const char *peer,
                             const char *subject)
{
    struct aurora_handshake_fact fact = {0};

    snprintf(fact.peer, sizeof fact.peer, "%s", peer);
    snprintf(fact.subject, sizeof fact.subject, "%s", subject);
    snprintf(fact.why, sizeof fact.why, "certificate has expired");
    AURORA_PROGRAM.on_fact(w->p, AURORA_FACT_HANDSHAKE, &fact, w->now_ms,
                           &w->fx);
    look(w);
}

static void test_refused_certificates_are_written_down(void **unused)
{
    struct world *w = secure_world();

    (void)unused;
    refuse_handshake(w, "10.0.0.9:1234", "late");
    assert_int_equal(audited(w, ",\"result\":\"REFUSED\""), 1);
    expect(200, "certificate of 'late': certificate has expired");
    expect(200, "\"TLS handshake\"");
    expect(200, "10.0.0.9:1234");
    /* What a certificate says of itself makes nobody a user. */
    assert_int_equal(audited(w, ",\"user\":\"late\""), 0);
    for (int i = 0; i < 5; i++)
        refuse_handshake(w, "10.0.0.9:1240", "late");
    refuse_handshake(w, "10.0.0.9:1241", "");
    refuse_handshake(w, "10.0.0.9:1242", "b\xff\xfe");
    pass(w, 2000);
    assert_int_equal(audited(w, ",\"result\":\"REFUSED\""), 2);
    expect(200, "\"count\":6");
    expect(200, "\"certificate: certificate has expired\"");
    world_free(w);
}

static void test_nobody_fills_the_log_with_certificates(void **unused)
{
    struct world *w = secure_world();
    char subject[32];

    (void)unused;
    for (int i = 0; i < 1000; i++) {
        snprintf(subject, sizeof subject, "knock-%d", i);
        refuse_handshake(w, "10.0.0.9:1234", subject);
    }
    assert_int_equal(audited(w, ",\"result\":\"REFUSED\""),
                     AUDIT_HANDSHAKES_MAX);
    pass(w, AUDIT_HANDSHAKE_MS);
    refuse_handshake(w, "10.0.0.9:1234", "one-more");
    refuse_handshake(w, "10.0.0.9:1234", "two-more");
    assert_int_equal(audited(w, ",\"result\":\"REFUSED\""),
                     AUDIT_HANDSHAKES_MAX + 1);
    expect(200, "'one-more': certificate has expired; 990 others before it");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes_are_written_down),
        cmocka_unit_test(test_wrong_secrets_stand_apart),
        cmocka_unit_test(test_the_audit_survives),
        cmocka_unit_test(test_users_have_limits_of_their_own),
        cmocka_unit_test(test_what_has_ended_counts_as_no_task),
        cmocka_unit_test(test_refused_certificates_are_written_down),
        cmocka_unit_test(test_nobody_fills_the_log_with_certificates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
