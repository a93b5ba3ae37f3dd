/* Realms that ask, and what their users may do. */
#include "access_kit.h"

static const struct access_user USERS[] = {{"root", "*", NULL},
                                           {"bob", "job.*", "bob"}};

static void test_nobody_is_asked_without_users(void **state)
{
    struct access access = {0};
    struct object cluster = {0};
    (void)state;
    assert_true(access_is_open(&access));
    for (int realm = 0; realm < REALM_COUNT; realm++) {
        assert_true(access_may(&access, (enum realm)realm, NULL,
                               ACTION_AGENT_REGISTER, &cluster));
        assert_true(access_may_somewhere(&access, (enum realm)realm, NULL,
                                         ACTION_AGENT_REGISTER));
        assert_non_null(realm_name((enum realm)realm));
    }
}

static void test_a_realm_asks_by_itself(void **state)
{
    struct access access = {.users = access_users(USERS, 2),
                            .asks = {[REALM_READWRITE] = true}};
    struct object cluster = {0};
    (void)state;
    assert_false(access_is_open(&access));
    assert_true(access_may(&access, REALM_READONLY, NULL, ACTION_CLUSTER_READ,
                           &cluster));
    assert_false(access_may(&access, REALM_READWRITE, NULL, ACTION_HOST_DRAIN,
                            &cluster));
    assert_false(
        access_may(&access, REALM_READWRITE, NULL, ACTION_NONE, &cluster));
    access_take(&access, NULL);
}

static void test_users_do_what_they_may(void **state)
{
    struct access access = access_all(access_users(USERS, 2));
    struct object cluster = {0}, bob = {.role = "bob"}, eve = {.role = "eve"};
    (void)state;
    assert_true(access_may(&access, REALM_READONLY, "root", ACTION_CLUSTER_READ,
                           &cluster));
    assert_true(
        access_may(&access, REALM_READONLY, "bob", ACTION_JOB_READ, &bob));
    assert_false(
        access_may(&access, REALM_READONLY, "bob", ACTION_JOB_READ, &eve));
    assert_false(
        access_may(&access, REALM_READONLY, "bob", ACTION_JOB_READ, &cluster));
    assert_true(
        access_may_somewhere(&access, REALM_READONLY, "bob", ACTION_JOB_READ));
    assert_false(access_may_somewhere(&access, REALM_SCHEDULER, "bob",
                                      ACTION_FRAMEWORK_REGISTER));
    assert_true(
        access_may(&access, REALM_READWRITE, "bob", ACTION_NONE, &cluster));
    /* Somebody who is no more. */
    access_take(&access, access_users(USERS, 1));
    assert_false(
        access_may(&access, REALM_READWRITE, "bob", ACTION_NONE, &cluster));
    access_take(&access, NULL);
    assert_false(
        access_may(&access, REALM_READWRITE, "root", ACTION_NONE, &cluster));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_is_asked_without_users),
        cmocka_unit_test(test_a_realm_asks_by_itself),
        cmocka_unit_test(test_users_do_what_they_may),
    };
    return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
