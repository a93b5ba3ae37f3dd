/* Functions of a job file get numbers that every run gives them again. */
#include "script/function.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static struct evaluation e;

/* Leaves what the text returns on the stack. */
static void run(const char *text)
{
    struct sandbox_failure failure;
    sandbox_push_environment(e.sandbox.L);
    assert_int_equal(
        sandbox_load(&e.sandbox, "f.lua", text, strlen(text), &failure), 0);
    assert_int_equal(sandbox_call(&e.sandbox, 0, LUA_MULTRET, &failure), 0);
}

static int set_up(void **unused)
{
    (void)unused;
    struct err err = {0};
    evaluation_init(&e);
    assert_int_equal(sandbox_open(&e.sandbox, 64 << 20, &err), 0);
    e.sandbox.owner = &e;
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    evaluation_release(&e);
    return 0;
}

static void test_a_function_has_one_ordinal_and_its_line(void **unused)
{
    (void)unused;
    lua_State *L = e.sandbox.L;
    run("local function a() end\nlocal function b() end\nreturn a, b, a");
    const Perigee__Function *a = function_message(L, -3, &e.arena);
    const Perigee__Function *b = function_message(L, -2, &e.arena);
    assert_int_equal(a->ordinal, 1);
    assert_int_equal(b->ordinal, 2);
    assert_int_equal(function_message(L, -1, &e.arena)->ordinal, 1);
    assert_string_equal(b->file, "f.lua");
    assert_int_equal(b->line, 2);
    assert_true(function_push(L, 2));
    assert_true(lua_rawequal(L, -1, -3));
    assert_false(function_push(L, 3));
    assert_false(function_push(L, 0));
}

static void test_closures_of_one_text_are_two_functions(void **unused)
{
    (void)unused;
    lua_State *L = e.sandbox.L;
    run("local function f(n) return function() return n end end\n"
        "return f(1), f(2)");
    assert_int_equal(function_message(L, -2, &e.arena)->ordinal, 1);
    assert_int_equal(function_message(L, -1, &e.arena)->ordinal, 2);
}

static void test_a_function_of_c_is_none(void **unused)
{
    (void)unused;
    run("return tostring, function() end, 1");
    assert_false(function_is_lua(e.sandbox.L, -3));
    assert_true(function_is_lua(e.sandbox.L, -2));
    assert_false(function_is_lua(e.sandbox.L, -1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_a_function_has_one_ordinal_and_its_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_closures_of_one_text_are_two_functions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_function_of_c_is_none, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
