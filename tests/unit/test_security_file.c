/* security.lua, roles.lua and Aurora's security.ini. */
#include "aurora/security_ini.h"
#include "script/evaluation.h"
#include "script/security_file.h"
#include "sys/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HASH "\"$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$c29tZWhhc2g\""
#define TOKEN                                                      \
    "\"blake2b$0123456789abcdef0123456789abcdef0123456789abcdef01" \
    "23456789abcdef\""

static char path[] = "/tmp/perigee-security-XXXXXX";

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static struct users *load(const char *text)
{
    struct users *users = NULL;
    struct err err = {0};

    write_file(text);
    if (security_file_load(path, &users, &err) < 0)
        fail_msg("%s", err.text);
    return users;
}

static bool may(const struct users *users, const char *name, enum action action,
                const char *role)
{
    struct object object = {"c", role, "devel", "x"};

    return user_may(users_find(users, name), action, &object);
}

static void test_users_get_what_their_roles_have(void **unused)
{
    struct users *users = load(
        "local web = { actions = { 'job.*', 'asset.put' }, role = 'www' }\n"
        "roles = { admin = { actions = '*' }, web = { web },\n"
        "          empty = {} }\n"
        "users = {\n"
        "  ada = { password = " HASH ", roles = 'web' },\n"
        "  ci = { token = " TOKEN ", roles = { 'web', 'empty' },\n"
        "         permissions = { actions = 'host.read' },\n"
        "         limits = { requests_per_second = 5, bundle_bytes = '4MB' } "
        "},\n"
        "  root = { certificate = { 'ops.example.org' }, roles = 'admin' },\n"
        "  carol = {},\n"
        "}\n");

    (void)unused;
    assert_int_equal(users->all.count, 4);
    assert_true(may(users, "ada", ACTION_JOB_KILL, "www"));
    assert_false(may(users, "ada", ACTION_JOB_KILL, "other"));
    assert_false(may(users, "ada", ACTION_HOST_READ, "www"));
    assert_true(may(users, "ci", ACTION_HOST_READ, NULL));
    assert_true(may(users, "root", ACTION_QUOTA_SET, NULL));
    assert_false(may(users, "carol", ACTION_JOB_READ, "www"));
    assert_int_equal(users_find(users, "ci")->limits.bundle_bytes, 4 << 20);
    assert_ptr_equal(
        users_by_secret(users, SECRET_CERTIFICATE, "ops.example.org"),
        users_find(users, "root"));
    users_unref(users);
}

static void test_mistakes_are_refused_by_name(void **unused)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", ": missing field 'users': want a table of names"},
        {"user = {} users = {}",
         ":1: unknown field 'user', did you mean 'users'?"},
        {"users = 1", ":1: 'users' is 1: want a table of names"},
        {"users = {\n a = { passwd = 'secret' } }",
         ":2: unknown field 'passwd', did you mean 'password'? "
         "(users.a.passwd)"},
        {"users = { a = { password = 'secret' } }",
         "'password' is no hash: want a hash, as `clusterctl user hash`"},
        {"users = { a = { password = { x = 1 } } }", "'password' has a name"},
        {"users = { a = { token = 'secret' } }",
         "'token' is no hash: want the hash of a token"},
        {"users = { a = { token = 77123 } }", "'token' is a number: want"},
        {"roles = { web = {} }\nusers = { a = { roles = 'wep' } }",
         ":2: 'wep' is no role of this file, did you mean 'web'?"},
        {"roles = { r = { { action = 'x' } } } users = {}",
         "missing field 'actions': want a list of strings "
         "(roles.r[1].actions)"},
        {"roles = { r = { actions = '*', rol = 'x' } } users = {}",
         "unknown field 'rol', did you mean 'role'? (roles.r.rol)"},
        {"roles = { r = { actions = 'job.kil' } } users = {}",
         "did you mean 'job.kill'?"},
        {"roles = { r = { actions = {} } } users = {}",
         "'actions' has 0 elements: want at least one"},
        {"roles = { r = { actions = '*', role = 'a/b' } } users = {}",
         "'role' is 'a/b': want letters, digits"},
        {"roles = { r = { actions = '*', role = '' } } users = {}",
         "want at least one character"},
        {"users = { a = { limits = { tasks = -1 } } }",
         "'tasks' is -1: want an integer from 1 to"},
        {"users = { a = { limits = { bundle_bytes = '4XB' } } }",
         "want an integer, or a text like '4MB'"},
        {"users = { ['a:b'] = {} }",
         "'users' has the name 'a:b': want 1 to 63"},
        {"users = { a = {},\n a = {} }", ":2: 'a' stands twice in one table"},
        {"users = { a = {certificate='c'}, b = {certificate='c'} }",
         "users 'a' and 'b' have the same certificate"},
        {"users = { a = {} ", "'}' expected"},
        {"users = { a = 'secret\n }", ":1: unfinished string"},
        {"while true do end users = {}", ""},
    };
    struct users *users = NULL;

    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        write_file(cases[i].text);
        assert_true(security_file_load(path, &users, &err) < 0);
        if (!strstr(err.text, cases[i].want))
            fail_msg("%s\ngot  %s\nwant %s", cases[i].text, err.text,
                     cases[i].want);
        assert_null(strstr(err.text, "secret"));
    }
}

/* All at once, each with its line and its mark; nothing that is quoted. */
static void test_every_mistake_is_told(void **unused)
{
    Perigee__Evaluation told = PERIGEE__EVALUATION__INIT;
    struct users *users = NULL;
    struct evaluation e;
    struct err err = {0};

    (void)unused;
    write_file("roles = { web = { 1, { rol = 'x' } } }\n"
               "users = {\n"
               "  a = {passwd = 'secret', roles = 'web'},\n"
               "}\n");
    evaluation_init(&e);
    assert_true(security_file_look(&e, path, &users, &err) < 0);
    problems_pack(&e, &told);
    assert_true(told.n_problems >= 3);
    for (size_t i = 0; i < told.n_problems; i++)
        if (told.problems[i]->source)
            assert_null(strstr(told.problems[i]->source, "secret"));
    const Perigee__Problem *last = told.problems[told.n_problems - 1];
    assert_int_equal(last->line, 3);
    assert_int_equal(last->mark, 8);
    assert_string_equal(last->nearest, "password");
    assert_string_equal(last->field, "users.a.passwd");
    evaluation_release(&e);
}

static void test_a_file_that_others_write_is_refused(void **unused)
{
    struct users *users = NULL;
    struct err err = {0};

    (void)unused;
    write_file("users = {}");
    assert_int_equal(chmod(path, 0664), 0);
    assert_int_equal(security_file_load(path, &users, &err), -ERR_DENIED);
    assert_non_null(strstr(err.hint, "chmod go-w"));
    struct buf note = {0};
    assert_int_equal(security_ini_load(path, &users, &note, &err), -ERR_DENIED);
    assert_non_null(strstr(err.hint, "chmod go-w"));
    assert_int_equal(chmod(path, 0644), 0);
    users = load("users = {}");
    users_unref(users);
}

static void test_roles_run_as_somebody_else(void **unused)
{
    struct os_users users;
    struct err err = {0};

    (void)unused;
    write_file("roles = { ['www-data'] = { user = 'web' },"
               " batch = { user = 'nobody' } }");
    assert_int_equal(roles_file_load(path, &users, &err), 0);
    assert_string_equal(os_user_of(&users, "www-data"), "web");
    assert_string_equal(os_user_of(&users, "batch"), "nobody");
    assert_null(os_user_of(&users, "other"));
    vec_free(&users.by_role);
    write_file("roles = { a = { user = 'x y' } }");
    assert_true(roles_file_load(path, &users, &err) < 0);
    assert_non_null(strstr(err.text, "'user' is 'x y': want the name"));
    assert_non_null(strstr(err.text, "(roles.a.user)"));
    assert_null(os_user_of(&users, "a"));
}

static struct users *read_ini(const char *text, struct buf *note)
{
    struct buf in = {0};
    struct users *users = NULL;
    struct err err = {0};

    buf_add_text(&in, text);
    if (security_ini_read(&in, &users, note, &err) < 0)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < in.size; i++)
        assert_int_equal(in.data[i], 0);
    buf_release(&in);
    return users;
}

static void test_auroras_file_is_read_as_it_is(void **unused)
{
    struct buf note = {0};
    struct users *users = read_ini(
        "# as the book has it\n"
        "[users]\n"
        "alice = apple, admin\n"
        "bob = \"s3cr,et\", eng, accounting\n"
        "carol = cherry\n"
        "[roles]\n"
        "admin = *\n"
        "accounting = thrift.AuroraAdmin:setQuota\n"
        "eng = \"thrift.AuroraSchedulerManager:killTasks,createJob:www:*:*\", "
        "thrift.AuroraSchedulerManager:startJobUpdate:ads\n",
        &note);

    (void)unused;
    assert_true(may(users, "alice", ACTION_HOST_DRAIN, NULL));
    assert_true(may(users, "bob", ACTION_QUOTA_SET, "any"));
    assert_true(may(users, "bob", ACTION_JOB_KILL, "www"));
    assert_true(may(users, "bob", ACTION_JOB_CREATE, "www"));
    assert_false(may(users, "bob", ACTION_JOB_KILL, "ads"));
    assert_true(may(users, "bob", ACTION_UPDATE_START, "ads"));
    /* Carol has no role, and may look, as everybody may. */
    assert_true(may(users, "carol", ACTION_JOB_READ, "www"));
    assert_false(may(users, "carol", ACTION_JOB_CREATE, "carol"));
    assert_false(may(users, "carol", ACTION_AUDIT_READ, NULL));
    const struct user *carol = users_find(users, "carol");
    assert_null(strstr(carol->secrets.item[0].text, "cherry"));
    assert_true(secret_password_is(carol->secrets.item[0].text, "cherry"));
    users_unref(users);
    buf_release(&note);
}

/* Aurora asks by the service that declares a method, so all methods of one are
 * none of another. */
static void test_auroras_services_stand_apart(void **unused)
{
    struct buf note = {0};
    struct users *users =
        read_ini("[users]\n"
                 "reader = a, reads\nadmin = b, admins\nmanager = c, managers\n"
                 "wrong = d, wrongs\n"
                 "[roles]\n"
                 "reads = thrift.ReadOnlyScheduler:*, "
                 "thrift.ReadOnlyScheduler:getJobs:www\n"
                 "admins = thrift.AuroraAdmin:*\n"
                 "managers = thrift.AuroraSchedulerManager\n"
                 "wrongs = thrift.AuroraAdmin:killTasks\n",
                 &note);

    (void)unused;
    for (int i = 1; i < ACTION_COUNT; i++) {
        const char *name = action_name((enum action)i);
        if (!strstr(name, ".read"))
            assert_false(user_may_somewhere(users_find(users, "reader"),
                                            (enum action)i));
    }
    assert_true(may(users, "reader", ACTION_JOB_READ, "www"));
    assert_true(may(users, "admin", ACTION_QUOTA_SET, NULL));
    assert_true(may(users, "admin", ACTION_HOST_DRAIN, NULL));
    assert_false(may(users, "admin", ACTION_JOB_CREATE, "www"));
    assert_false(may(users, "admin", ACTION_JOB_KILL, "www"));
    assert_true(may(users, "manager", ACTION_JOB_KILL, "www"));
    assert_false(may(users, "manager", ACTION_QUOTA_SET, "www"));
    assert_false(may(users, "wrong", ACTION_JOB_KILL, "www"));
    assert_non_null(
        strstr(buf_text(&note), "'killTasks' is no method of that service"));
    users_unref(users);
    buf_release(&note);
}

static void test_parts_may_be_several(void **unused)
{
    struct buf note = {0};
    struct users *users = read_ini(
        "[users]\nu = a, r\n[roles]\n"
        "r = \"thrift.AuroraSchedulerManager:killTasks,createJob:www,ads:"
        "devel,test\"\n",
        &note);
    const struct user *u = users_find(users, "u");

    (void)unused;
    assert_true(user_may(u, ACTION_JOB_KILL,
                         &(struct object){"c", "www", "test", "x"}));
    assert_true(user_may(u, ACTION_JOB_CREATE,
                         &(struct object){"c", "ads", "devel", "x"}));
    assert_false(user_may(u, ACTION_JOB_CREATE,
                          &(struct object){"c", "ads", "prod", "x"}));
    assert_false(user_may(u, ACTION_JOB_CREATE,
                          &(struct object){"c", "web", "devel", "x"}));
    users_unref(users);
    buf_release(&note);
}

static void test_lines_may_go_on(void **unused)
{
    struct buf note = {0};
    struct users *users =
        read_ini("[users]\n"
                 "u : a, \\\n"
                 "  r\n"
                 "# no end \\\n"
                 "v = b\\\\\n"
                 "[roles]\n"
                 "r = thrift.AuroraSchedulerManager:killTasks:www, \\\r\n"
                 "    thrift.AuroraSchedulerManager:createJob:ads\r\n",
                 &note);

    (void)unused;
    assert_true(may(users, "u", ACTION_JOB_KILL, "www"));
    assert_true(may(users, "u", ACTION_JOB_CREATE, "ads"));
    assert_true(secret_password_is(users_find(users, "v")->secrets.item[0].text,
                                   "b\\\\"));
    users_unref(users);
    buf_release(&note);
}

static void test_mistakes_of_auroras_file(void **unused)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"a = b\n", "line 1: want a [section] first"},
        {"[users]\ngeheim\n", "line 2: want name = ... in section 'users'"},
        {"[users]\na =\n", "line 2: no password for user 'a'"},
        {"[roles]\nr = x:y\n", "line 2: no such service: 'x'"},
        {"[roles]\nr = thrift.AuroraAdmin:frob\n", "no such method: 'frob'"},
        {"[roles]\nr = thrift.*:createJob\n", "no such service: 'thrift.*'"},
        {"[roles]\nr = *:*:a:b:c:d\n", "want service:method:role"},
        {"[users]\na = geheim\na = geheim\n", "user 'a': given twice"},
        {"[users\n", "line 1: want [section]"},
        {"[users]\na = \\\n b\nc =\n", "line 4: no password for user 'c'"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct users *users = NULL;
        struct buf in = {0}, note = {0};
        struct err err = {0};
        buf_add_text(&in, cases[i].text);
        assert_true(security_ini_read(&in, &users, &note, &err) < 0);
        if (!strstr(err.text, cases[i].want))
            fail_msg("%s\ngot  %s\nwant %s", cases[i].text, err.text,
                     cases[i].want);
        assert_null(strstr(err.text, "geheim"));
        buf_release(&in);
        buf_release(&note);
    }
}

static int make_file(void **unused)
{
    int fd = mkstemp(path);

    (void)unused;
    assert_true(fd >= 0);
    return close(fd);
}

static int remove_file(void **unused)
{
    (void)unused;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_users_get_what_their_roles_have),
        cmocka_unit_test(test_mistakes_are_refused_by_name),
        cmocka_unit_test(test_every_mistake_is_told),
        cmocka_unit_test(test_a_file_that_others_write_is_refused),
        cmocka_unit_test(test_roles_run_as_somebody_else),
        cmocka_unit_test(test_auroras_file_is_read_as_it_is),
        cmocka_unit_test(test_auroras_services_stand_apart),
        cmocka_unit_test(test_parts_may_be_several),
        cmocka_unit_test(test_lines_may_go_on),
        cmocka_unit_test(test_mistakes_of_auroras_file),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
