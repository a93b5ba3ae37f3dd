/* Files of principals and secrets, as Mesos and Aurora have them. */
#include "sys/credentials_file.h"
#include "base/alloc.h"
#include "sys/file.h"
#include "sys/secret.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/perigee-credentials-XXXXXX", path[64];

static void put(const char *text, mode_t mode)
{
    assert_int_equal(file_write(path, bytes_of_text(text), mode, false, NULL),
                     0);
    assert_int_equal(chmod(path, mode), 0);
}

static bool is_secret_of(const struct users *users, const char *name,
                         const char *secret)
{
    const struct user *user = users_find(users, name);
    return user && user->secrets.count == 1 &&
           secret_password_is(user->secrets.item[0].text, secret);
}

static void test_many(void **state)
{
    static const char *const TEXT[] = {
        ("{\"credentials\":[{\"principal\":\"a\",\"secret\":\"s3 cret\"},"
         "{\"principal\":\"b\",\"secret\":\"t\"}]}"),
        "# of the cluster\n\na s3 cret\r\nb\tt",
    };
    struct object anything = {0};
    (void)state;
    for (size_t i = 0; i < sizeof TEXT / sizeof *TEXT; i++) {
        struct users *users = NULL;
        struct err err = {0};
        put(TEXT[i], 0600);
        if (credentials_file_load(path, &users, &err) < 0)
            fail_msg("%s", err.text);
        assert_int_equal(users->all.count, 2);
        assert_true(is_secret_of(users, "a", "s3 cret"));
        assert_true(is_secret_of(users, "b", "t"));
        assert_false(is_secret_of(users, "b", "s3 cret"));
        assert_true(
            user_may(users_find(users, "b"), ACTION_AGENT_REGISTER, &anything));
        users_unref(users);
    }
}

static void test_one(void **state)
{
    static const char *const TEXT[] = {
        "{\"principal\":\"aurora\",\"secret\":\"xyz\"}",
        "aurora xyz\n",
        ("# mine\naurora_authentication_principal=aurora\n"
         "aurora_authentication_secret=xyz\n"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof TEXT / sizeof *TEXT; i++) {
        struct credential one = {0};
        struct err err = {0};
        put(TEXT[i], 0400);
        if (credential_file_load(path, &one, &err) < 0)
            fail_msg("%s", err.text);
        assert_string_equal(one.principal, "aurora");
        assert_string_equal(one.authorization, "Basic YXVyb3JhOnh5eg==");
        credential_release(&one);
    }
}

static void test_mistakes(void **state)
{
    static const struct {
        const char *text, *said;
    } CASE[] = {
        {"", "want a principal and its secret"},
        {"a hidden1\nb hidden2\n", "want one principal, not several"},
        {"hidden1\n", "line 1: want 'PRINCIPAL SECRET' on a line"},
        {"a:b hidden1\n", "want a principal of at most"},
        {"{\"principal\":\"a\"}", "want a secret of 1 to"},
        {"{\"principal\":\"a\",\"secret\":\"hidden1\"",
         "want {\"credentials\""},
        {"{\"principal\":7,\"secret\":\"hidden1\"}", "want {\"credentials\""},
        {"aurora_authentication_secret=hidden1\n",
         "want a principal of at most"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        struct credential one = {0};
        struct err err = {0};
        put(CASE[i].text, 0600);
        assert_true(credential_file_load(path, &one, &err) < 0);
        if (!strstr(err.text, CASE[i].said) || strstr(err.text, "hidden"))
            fail_msg("%s\nwant %s", err.text, CASE[i].said);
        assert_null(one.principal);
        assert_string_equal(err.place, path);
    }
}

static void test_others_may_not_use_it(void **state)
{
    static const mode_t MODE[] = {0644, 0604, 0620, 0601};
    struct users *users = NULL;
    struct err err = {0};
    (void)state;
    for (size_t i = 0; i < sizeof MODE / sizeof *MODE; i++) {
        put("a b\n", MODE[i]);
        assert_int_equal(credentials_file_load(path, &users, &err),
                         -ERR_DENIED);
        assert_non_null(strstr(err.hint, "chmod 600"));
    }
    put("a b\n", 0640);
    assert_int_equal(credentials_file_load(path, &users, &err), 0);
    users_unref(users);
    (void)unlink(path);
    assert_int_equal(credentials_file_load(path, &users, &err), -ERR_NOT_FOUND);
    put("a b\na c\n", 0600);
    assert_int_equal(credentials_file_load(path, &users, &err), -ERR_EXISTS);
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof path, "%s/credentials", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return dir_remove(folder, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_others_may_not_use_it),
    };
    return cmocka_run_group_tests_name("credentials_file", tests, set_up,
                                       tear_down);
}
