/* What users learn of what they may not see: nothing, neither from a refusal
 * nor from an id that they guessed; and what they may set beside what is
 * theirs. */
#include "security_kit.h"

/* --- users --- */

static void grant(struct users *users, const char *name, const char *actions,
                  const char *role, const char *env)
{
    char token[64], hash[SECRET_HASH_MAX];
    struct rule rule = {0};
    struct user *user;

    assert_int_equal(users_add(users, name, &user, NULL), 0);
    snprintf(token, sizeof token, "token-of-%s", name);
    secret_token_hash(token, hash);
    assert_int_equal(user_add_secret(user, SECRET_TOKEN, hash, NULL), 0);
    assert_int_equal(action_set_parse(&rule.actions, actions, NULL), 0);
    assert_int_equal(pattern_parse(&rule.part[1], role, NULL), 0);
    assert_int_equal(pattern_parse(&rule.part[2], env, NULL), 0);
    assert_int_equal(user_add_rule(user, &rule, NULL), 0);
}

static void take_rules(struct world *w)
{
    struct aurora_security_fact fact = {.users = users_new()};

    grant(fact.users, "root", "*", "*", "*");
    grant(fact.users, "alice", "*", "alice", "*");
    grant(fact.users, "bob", "*", "bob", "*");
    grant(fact.users, "guest", "*", "alice", "test");
    grant(fact.users, "lead", "quota.*", "web", "*");
    grant(fact.users, "boss", "quota.read", "shop", "*");
    grant(fact.users, "clerk", "audit.read", "web", "*");
    grant(fact.users, "reader", "job.read", "alice", "*");
    assert_int_equal(users_seal(fact.users, NULL), 0);
    AURORA_PROGRAM.on_fact(w->p, AURORA_FACT_SECURITY, &fact, w->now_ms,
                           &w->fx);
    look(w);
}

static struct world *world_of_roles(void)
{
    struct world *w = secure_world();

    take_rules(w);
    return w;
}

/* --- rules that change --- */

/* While a file is evaluated, who sent it may have lost what they might. */
static void test_what_waits_goes_by_the_new_rules(void **unused)
{
    struct world *w = world_of_roles();
    struct aurora_evaluated fact = {0};

    (void)unused;
    as(w, "alice",
       "{\"type\":\"CREATE_JOB\",\"create_job\":{\"bundle\":\"EgFh\",\"key\":"
       "{\"cluster\":\"devcluster\",\"role\":\"alice\",\"environment\":"
       "\"devel\",\"name\":\"x\"}}}");
    assert_int_equal(got.status, 0);
    assert_int_equal(w->p->evaluating.count, 1);
    fact.ticket = w->p->evaluating.item[0]->ticket;
    take_rules(w);
    memset(&got, 0, sizeof got);
    AURORA_PROGRAM.on_fact(w->p, AURORA_FACT_EVALUATED, &fact, w->now_ms,
                           &w->fx);
    take_answer(w);
    look(w);
    expect(429, "the rules of security.lua have changed");
    world_free(w);
}

/* --- quotas --- */

static void set_quota(struct world *w, const char *user, const char *quota,
                      const char *more)
{
    char body[600];

    snprintf(body, sizeof body,
             "{\"type\":\"SET_QUOTA\",\"set_quota\":{\"quotas\":[%s]%s}}",
             quota, more);
    as(w, user, body);
}

static void test_a_refusal_names_no_job_unseen(void **unused)
{
    static char body[TEXT_MAX];
    struct world *w = world_of_roles();

    (void)unused;
    set_quota(w, "root", "{\"role\":\"alice\",\"all\":{\"tasks\":3}}", "");
    expect(200, "");
    as(w, "alice", job("alice", "secret"));
    expect(200, "");
    snprintf(body, sizeof body, "%s", job("alice", "mine"));
    replace(body, "\"devel\"", "\"test\"");
    as(w, "guest", body);
    expect(409, "other jobs of 'alice'");
    assert_null(strstr(got.text, "secret"));
    /* Who sees it is told. */
    as(w, "alice", body);
    expect(409, "devcluster/alice/devel/secret (2 tasks)");
    world_free(w);
}

/* The sum of somebody else's refusal stands behind no other one. */
static void test_a_sum_is_told_once(void **unused)
{
    struct world *w = world_of_roles();

    (void)unused;
    set_quota(w, "root",
              "{\"role\":\"alice\",\"all\":{\"tasks\":3}},"
              "{\"role\":\"web\",\"all\":{\"tasks\":5}}",
              "");
    as(w, "root", job("web", "mine"));
    expect(200, "");
    as(w, "alice", job("alice", "secret"));
    as(w, "alice", job("alice", "more"));
    expect(409, "alice/devel/secret");
    set_quota(w, "lead", "{\"role\":\"web\",\"all\":{\"tasks\":1}}", "");
    expect(409, "tasks of all work: 2 is in use, more than 1");
    assert_null(strstr(got.text, "secret"));
    assert_null(strstr(got.text, "alice"));
    world_free(w);
}

static void test_leaving_a_parent_is_the_parents_affair(void **unused)
{
    static const char web[] =
        "{\"role\":\"web\",\"parent\":\"shop\",\"production\":{\"cpu_milli\":"
        "%d}}";
    struct world *w = world_of_roles();
    char text[200];

    (void)unused;
    set_quota(w, "root",
              "{\"role\":\"shop\",\"production\":{\"cpu_milli\":9000}},"
              "{\"role\":\"ads\",\"all\":{\"tasks\":9}}",
              "");
    expect(200, "");
    snprintf(text, sizeof text, web, 4000);
    set_quota(w, "root", text, "");
    expect(200, "");
    snprintf(text, sizeof text, web, 6000);
    set_quota(w, "lead", text, "");
    expect(200, "6000");
    /* It would be bounded by nothing then. */
    set_quota(w, "lead",
              "{\"role\":\"web\",\"production\":{\"cpu_milli\":99000}}", "");
    expect(403, "may not quota.set on devcluster/shop/*/*");
    set_quota(w, "lead", "{\"role\":\"web\"}", "");
    expect(403, "");
    set_quota(w, "root",
              "{\"role\":\"web\",\"production\":{\"cpu_milli\":1000}}", "");
    expect(200, "");
    /* Nor may it come to take of what is another's. */
    set_quota(w, "lead", "{\"role\":\"web\",\"parent\":\"ads\"}", "");
    expect(403, "may not quota.set on devcluster/ads/*/*");
    set_quota(w, "root", "{\"role\":\"web\",\"parent\":\"ads\"}", "");
    expect(200, "");
    set_quota(w, "lead", "{\"role\":\"web\",\"all\":{\"tasks\":1}}",
              ",\"add\":true");
    expect(400, "no bound that could be raised");
    world_free(w);
}

/* Whether a role has a quota, and what is in it, is told to who may read it. */
static void test_quotas_of_others_are_not_told(void **unused)
{
    static char known[TEXT_MAX];
    struct world *w = world_of_roles();

    (void)unused;
    set_quota(w, "root",
              "{\"role\":\"shop\",\"production\":{\"cpu_milli\":9000}},"
              "{\"role\":\"web\",\"parent\":\"shop\",\"all\":{\"tasks\":9}}",
              "");
    expect(200, "");
    set_quota(w, "lead", "{\"role\":\"shop\",\"all\":{\"tasks\":1}}",
              ",\"add\":true");
    expect(403, "");
    memcpy(known, got.text, sizeof known);
    set_quota(w, "lead", "{\"role\":\"shed\",\"all\":{\"tasks\":1}}",
              ",\"add\":true");
    replace(got.text, "shed", "shop");
    assert_string_equal(got.text, known);
    as(w, "boss", "{\"type\":\"LIST_QUOTAS\"}");
    expect(200, "\"shop\"");
    assert_null(strstr(got.text, "web"));
    as(w, "root", "{\"type\":\"LIST_QUOTAS\"}");
    expect(200, "\"children\":[\"web\"]");
    world_free(w);
}

static void test_who_set_which_quota_is_written_down(void **unused)
{
    struct world *w = world_of_roles();

    (void)unused;
    set_quota(w, "root",
              "{\"role\":\"web\",\"production\":{\"cpu_milli\":9000}}", "");
    expect(200, "");
    set_quota(w, "root",
              "{\"role\":\"web\",\"production\":{\"cpu_milli\":8000}},"
              "{\"role\":\"ads\",\"all\":{\"tasks\":9}}",
              "");
    expect(200, "");
    assert_int_equal(audited(w, ",\"action\":\"quota.set\",\"key\":\"web\""),
                     1);
    expect(200, "\"web: production.cpu=9\"");
    assert_int_equal(audited(w, ",\"key\":\"web,ads\""), 1);
    expect(200, "\"web: production.cpu=8; ads: all.tasks=9\"");
    /* What was done to its role, and not to others. */
    as(w, "clerk", "{\"type\":\"LIST_AUDIT\"}");
    expect(200, "\"key\":\"web\"");
    assert_null(strstr(got.text, "ads"));
    world_free(w);
}

/* --- jobs that run after others --- */

static void cron(struct world *w, const char *user, const char *role,
                 const char *name, const char *when)
{
    char body[1024];

    snprintf(body, sizeof body,
             "{\"type\":\"CREATE_JOB\",\"create_job\":{\"job\":{"
             "\"cluster\":\"devcluster\",\"role\":\"%s\","
             "\"environment\":\"devel\",\"name\":\"%s\",\"cron\":{%s},"
             "\"task\":{\"name\":\"t\",\"processes\":[{\"name\":\"p\","
             "\"cmdline\":\"true\"}],\"resources\":{\"cpu_milli\":1000,"
             "\"ram_bytes\":67108864,\"disk_bytes\":67108864}}}}}",
             role, name, when);
    as(w, user, body);
}

static void test_who_runs_after_is_not_told(void **unused)
{
    static const char deschedule[] =
        "{\"type\":\"DESCHEDULE_CRON\",\"cron\":{\"key\":{\"cluster\":"
        "\"devcluster\",\"role\":\"alice\",\"environment\":\"devel\","
        "\"name\":\"clock\"}}}";
    struct world *w = world_of_roles();

    (void)unused;
    cron(w, "alice", "alice", "clock", "\"schedule\":\"0 3 * * *\"");
    expect(200, "");
    cron(w, "root", "bob", "hidden",
         "\"after\":[\"devcluster/alice/devel/clock\"]");
    expect(200, "");
    as(w, "alice", deschedule);
    expect(409, "one that you may not see runs after it");
    assert_null(strstr(got.text, "bob"));
    as(w, "root", deschedule);
    expect(409, "'devcluster/bob/devel/hidden' runs after it");
    /* Nor is the way of a circle. */
    cron(w, "root", "alice", "late",
         "\"after\":[\"devcluster/bob/devel/hidden\"]");
    expect(200, "");
    cron(w, "alice", "alice", "clock",
         "\"after\":[\"devcluster/alice/devel/late\"]");
    expect(400, "a circle: devcluster/alice/devel/clock");
    assert_null(strstr(got.text, "bob"));
    cron(w, "alice", "alice", "other",
         "\"after\":[\"devcluster/alice/devel/clock\"]");
    expect(200, "");
    as(w, "alice", deschedule);
    expect(409, "'devcluster/alice/devel/other' runs after it");
    world_free(w);
}

/* --- ids --- */

static void test_a_guess_is_written_down(void **unused)
{
    static char known[TEXT_MAX];
    struct world *w = world_of_roles();
    char id[200], body[400];

    (void)unused;
    as(w, "alice", job("alice", "hello"));
    as(w, "alice", "{\"type\":\"LIST_TASKS\"}");
    const char *at = strstr(got.text, "\"task_id\":\"");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "\"task_id\":\"%199[^\"]", id), 1);
    snprintf(body, sizeof body,
             "{\"type\":\"GET_TASK\",\"get_task\":{\"task_id\":\"%s\"}}", id);
    as(w, "bob", body);
    expect(404, "does not exist");
    memcpy(known, got.text, sizeof known);
    assert_int_equal(audited(w, ",\"user\":\"bob\""), 1);
    expect(200, id);
    as(w, "bob",
       "{\"type\":\"GET_TASK\",\"get_task\":{\"task_id\":\"nothing\"}}");
    replace(got.text, "nothing", id);
    assert_string_equal(got.text, known);
    assert_int_equal(audited(w, ",\"user\":\"bob\""), 1);
    world_free(w);
}

/* Who sees a job is told what else is wanted of them. */
static void test_what_is_seen_is_refused_by_name(void **unused)
{
    static const char sla[] =
        "{\"type\":\"GET_SLA\",\"sla\":{\"key\":{\"cluster\":\"devcluster\","
        "\"role\":\"alice\",\"environment\":\"devel\",\"name\":\"hello\"}}}";
    struct world *w = world_of_roles();

    (void)unused;
    as(w, "alice", job("alice", "hello"));
    as(w, "reader", sla);
    expect(403, "'reader' may not sla.read on devcluster/alice/devel/hello");
    as(w, "bob", sla);
    expect(404, "does not exist");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_waits_goes_by_the_new_rules),
        cmocka_unit_test(test_a_refusal_names_no_job_unseen),
        cmocka_unit_test(test_a_sum_is_told_once),
        cmocka_unit_test(test_leaving_a_parent_is_the_parents_affair),
        cmocka_unit_test(test_quotas_of_others_are_not_told),
        cmocka_unit_test(test_who_set_which_quota_is_written_down),
        cmocka_unit_test(test_who_runs_after_is_not_told),
        cmocka_unit_test(test_a_guess_is_written_down),
        cmocka_unit_test(test_what_is_seen_is_refused_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
