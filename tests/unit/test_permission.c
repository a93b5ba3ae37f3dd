/* Users, roles, permissions: who may do what. */
#include "base/permission.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct rule rule_of(const char *actions, const char *role,
                           const char *env, const char *name)
{
    struct rule rule = {0};

    assert_int_equal(action_set_parse(&rule.actions, actions, NULL), 0);
    assert_int_equal(pattern_parse(&rule.part[0], "*", NULL), 0);
    assert_int_equal(pattern_parse(&rule.part[1], role, NULL), 0);
    assert_int_equal(pattern_parse(&rule.part[2], env, NULL), 0);
    assert_int_equal(pattern_parse(&rule.part[3], name, NULL), 0);
    return rule;
}

static struct user *add(struct users *users, const char *name)
{
    struct user *user;

    assert_int_equal(users_add(users, name, &user, NULL), 0);
    return user;
}

static void grant(struct user *user, const char *actions, const char *role,
                  const char *env, const char *name)
{
    struct rule rule = rule_of(actions, role, env, name);

    assert_int_equal(user_add_rule(user, &rule, NULL), 0);
}

static void test_actions_have_names_and_globs(void **unused)
{
    struct action_set set = {0};
    struct err err = {0};

    (void)unused;
    for (int i = 1; i < ACTION_COUNT; i++)
        for (int k = i + 1; k < ACTION_COUNT; k++)
            assert_string_not_equal(action_name((enum action)i),
                                    action_name((enum action)k));
    assert_int_equal(action_set_parse(&set, "job.*", NULL), 0);
    assert_true(action_set_has(&set, ACTION_JOB_KILL));
    assert_false(action_set_has(&set, ACTION_UPDATE_START));
    assert_int_equal(action_set_parse(&set, "job.kil", &err), -ERR_INVALID);
    assert_non_null(strstr(err.text, "job.kill"));
    assert_int_equal(action_set_parse(&set, "*", NULL), 0);
    for (int i = 1; i < ACTION_COUNT; i++)
        assert_true(action_set_has(&set, (enum action)i));
    assert_false(action_set_has(&set, ACTION_NONE));
}

static void test_nothing_is_allowed_that_nobody_granted(void **unused)
{
    struct users *users = users_new();

    (void)unused;
    struct user *bob = add(users, "bob");
    grant(bob, "job.*", "bob", NULL, NULL);
    grant(bob, "job.read", "web-*", "pro?", "front*");
    assert_int_equal(users_seal(users, NULL), 0);
    static const struct {
        enum action action;
        struct object object;
        bool may;
    } cases[] = {
        {ACTION_JOB_KILL, {"c", "bob", "devel", "x"}, true},
        {ACTION_JOB_KILL, {"c", "bobby", "devel", "x"}, false},
        {ACTION_JOB_KILL, {"c", "alice", "devel", "x"}, false},
        {ACTION_UPDATE_START, {"c", "bob", "devel", "x"}, false},
        {ACTION_JOB_READ, {"c", "web-1", "prod", "frontend"}, true},
        {ACTION_JOB_READ, {"c", "web-1", "prodd", "frontend"}, false},
        {ACTION_JOB_READ, {"c", "web-1", "prod", "back"}, false},
        {ACTION_JOB_KILL, {"c", "web-1", "prod", "frontend"}, false},
        /* a role is more than a job; a cluster is more than a role */
        {ACTION_JOB_READ, {"c", "bob", NULL, NULL}, true},
        {ACTION_JOB_READ, {"c", "web-1", NULL, NULL}, false},
        {ACTION_JOB_READ, {"c", NULL, NULL, NULL}, false},
        {ACTION_NONE, {NULL, NULL, NULL, NULL}, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (user_may(bob, cases[i].action, &cases[i].object) != cases[i].may)
            fail_msg("case %zu: want %d", i, cases[i].may);
    assert_true(user_may_somewhere(bob, ACTION_JOB_CREATE));
    assert_false(user_may_somewhere(bob, ACTION_QUOTA_SET));
    users_unref(users);
}

static void test_users_are_found(void **unused)
{
    struct users *users = users_new();
    struct err err = {0};
    struct user *none;

    (void)unused;
    struct user *carol = add(users, "carol");
    struct user *alice = add(users, "alice");
    assert_int_equal(user_add_secret(carol, SECRET_TOKEN, "t1", NULL), 0);
    assert_int_equal(user_add_secret(alice, SECRET_CERTIFICATE, "t1", NULL), 0);
    assert_int_equal(users_add(users, "a b", &none, &err), -ERR_INVALID);
    assert_int_equal(users_add(users, "a:b", &none, &err), -ERR_INVALID);
    assert_int_equal(users_add(users, "", &none, &err), -ERR_INVALID);
    assert_int_equal(users_seal(users, NULL), 0);
    assert_ptr_equal(users_find(users, "alice"), alice);
    assert_ptr_equal(users_find(users, "carol"), carol);
    assert_null(users_find(users, "bob"));
    assert_ptr_equal(users_by_secret(users, SECRET_TOKEN, "t1"), carol);
    assert_ptr_equal(users_by_secret(users, SECRET_CERTIFICATE, "t1"), alice);
    assert_null(users_by_secret(users, SECRET_TOKEN, "t2"));
    /* Carol has no permission at all. */
    assert_false(user_may(carol, ACTION_JOB_READ, &(struct object){0}));
    users_unref(users);
}

static void test_no_two_users_share_a_secret_or_a_name(void **unused)
{
    struct users *users = users_new();
    struct err err = {0};

    (void)unused;
    assert_int_equal(user_add_secret(add(users, "a"), SECRET_TOKEN, "t", NULL),
                     0);
    assert_int_equal(user_add_secret(add(users, "b"), SECRET_TOKEN, "t", NULL),
                     0);
    assert_int_equal(users_seal(users, &err), -ERR_EXISTS);
    assert_null(strstr(err.text, "'t'"));
    users_unref(users);
    users = users_new();
    (void)add(users, "a");
    (void)add(users, "a");
    assert_int_equal(users_seal(users, &err), -ERR_EXISTS);
    users_unref(users);
}

static void test_patterns_have_limits(void **unused)
{
    struct pattern pattern;
    struct err err = {0};
    char text[PATTERN_MAX + 1];

    (void)unused;
    memset(text, 'a', PATTERN_MAX);
    text[PATTERN_MAX] = '\0';
    assert_int_equal(pattern_parse(&pattern, text, &err), -ERR_INVALID);
    assert_int_equal(pattern_parse(&pattern, "a/b", &err), -ERR_INVALID);
    assert_int_equal(pattern_parse(&pattern, "", &err), 0);
    assert_int_equal(pattern.kind, PATTERN_ANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_actions_have_names_and_globs),
        cmocka_unit_test(test_nothing_is_allowed_that_nobody_granted),
        cmocka_unit_test(test_users_are_found),
        cmocka_unit_test(test_no_two_users_share_a_secret_or_a_name),
        cmocka_unit_test(test_patterns_have_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
