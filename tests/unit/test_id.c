#include "base/id.h"
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void expect(const char *id, const char *problem)
{
    struct err err = {0};

    assert_int_equal(id_check(id, &err), -ERR_INVALID);
    assert_string_equal(err.text, problem);
    assert_non_null(id_problem(id));
}

static void test_ids_follow_mesos(void **unused)
{
    (void)unused;
    char longest[ID_MAX + 1];

    memset(longest, 'x', sizeof longest);
    longest[ID_MAX - 1] = '\0';
    assert_null(id_problem("a"));
    assert_null(id_problem("..."));
    assert_null(id_problem("with space"));
    assert_null(id_problem(longest));
    assert_int_equal(id_check("a", NULL), 0);
    longest[ID_MAX - 1] = 'x';
    longest[ID_MAX] = '\0';
    expect(longest, "ID must not be greater than 255 characters");
    expect("", "ID must not be empty");
    expect(".", "'.' is disallowed");
    expect("..", "'..' is disallowed");
    expect("a/b", "'a/b' contains invalid characters");
    expect("a\\b", "'a\\b' contains invalid characters");
    expect("a\tb", "'a\tb' contains invalid characters");
    expect("a\x7f", "'a?' contains invalid characters");
}

static void refuse(const char *role, const char *problem)
{
    struct err err = {0};

    assert_int_equal(role_check(role, &err), -ERR_INVALID);
    assert_string_equal(err.text, problem);
}

static void test_roles_follow_mesos(void **unused)
{
    (void)unused;
    assert_int_equal(role_check("*", NULL), 0);
    assert_int_equal(role_check("www-data", NULL), 0);
    assert_int_equal(role_check("eng/web/.x", NULL), 0);
    refuse("", "Role names cannot be the empty string");
    refuse("/a", "Role '/a' cannot start with a slash");
    refuse("/", "Role '/' cannot start with a slash");
    refuse("a/", "Role 'a/' cannot end with a slash");
    refuse("a//b", "Role 'a//b' cannot contain two adjacent slashes");
    refuse("a/./b", "Role 'a/./b' cannot include '.' as a component");
    refuse("a/..", "Role 'a/..' cannot include '..' as a component");
    refuse("a/*", "Role 'a/*' cannot include '*' as a component");
    refuse("a/-b", "Role component '-b' is invalid because it starts with a "
                   "dash");
    refuse("a b/c", "Role component 'a b' is invalid because it contains "
                    "backspace or whitespace");
    char longest[ID_MAX + 1];
    memset(longest, 'x', ID_MAX);
    longest[ID_MAX] = '\0';
    assert_int_equal(role_check(longest, NULL), -ERR_INVALID);
    longest[ID_MAX - 1] = '\0';
    assert_int_equal(role_check(longest, NULL), 0);
}

static void test_uuids_are_version_4_and_replayed_by_the_seed(void **unused)
{
    (void)unused;
    struct rng rng;
    char text[UUID_TEXT_MAX], again[UUID_TEXT_MAX];

    rng_seed(&rng, 5);
    struct uuid first = uuid_random(&rng);
    uuid_text(&first, text);
    assert_int_equal(strlen(text), 36);
    assert_int_equal(text[14], '4');
    assert_non_null(strchr("89ab", text[19]));
    struct uuid second = uuid_random(&rng);
    assert_false(uuid_equal(&first, &second));
    rng_seed(&rng, 5);
    second = uuid_random(&rng);
    assert_true(uuid_equal(&first, &second));
    assert_string_equal(uuid_text(&second, again), text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_follow_mesos),
        cmocka_unit_test(test_roles_follow_mesos),
        cmocka_unit_test(test_uuids_are_version_4_and_replayed_by_the_seed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
