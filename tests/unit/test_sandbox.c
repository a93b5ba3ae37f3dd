/* The door into Lua: what a run may use, and how its end is told. */
#include "script/sandbox.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

enum { MEMORY_MAX = 8 << 20 };

struct run {
    int rc;
    struct sandbox_failure failure;
};

static struct run run(const char *text, uint64_t steps)
{
    struct sandbox sandbox;
    struct run out = {0};
    struct err err = {0};
    assert_int_equal(sandbox_open(&sandbox, MEMORY_MAX, &err), 0);
    if (steps > 0)
        sandbox_limit_steps(&sandbox, steps);
    sandbox_push_environment(sandbox.L);
    out.rc =
        sandbox_load(&sandbox, "dir/f.lua", text, strlen(text), &out.failure);
    if (out.rc == 0)
        out.rc = sandbox_call(&sandbox, 0, 0, &out.failure);
    sandbox_close(&sandbox);
    assert_int_equal(sandbox.used_bytes, 0);
    return out;
}

static void expect(const char *text, int line, const char *message)
{
    struct run out = run(text, 10000000);
    assert_true(out.rc < 0);
    assert_string_equal(out.failure.text, message);
    assert_string_equal(out.failure.file, "dir/f.lua");
    assert_int_equal(out.failure.line, line);
}

static void test_good_text_runs(void **unused)
{
    (void)unused;
    assert_int_equal(run("x = 1 y = x + 1 assert(y == 2)", 0).rc, 0);
}

static void test_failures_have_file_and_line(void **unused)
{
    (void)unused;
    expect("\nerror('broken')", 2, "broken");
    expect("\nerror('broken', 0)", 2, "broken");
    expect("local x = nil\nreturn x.y", 2,
           "attempt to index a nil value (local 'x')");
    expect("error({})", 1, "error with a table instead of a text");
    expect("error()", 1, "error without a text: want error('what is wrong')");
    expect("x = = 1", 1, "unexpected symbol near '='");
    expect("string.rep()", 1,
           "bad argument #1 to 'rep' (string expected, got no value)");
}

static void test_names_are_checked(void **unused)
{
    (void)unused;
    expect("x = pirs", 1, "undefined name 'pirs', did you mean 'pairs'?");
    expect("pairs = 1", 1,
           "'pairs' belongs to the language, choose another name");
    expect("_ENV.x = 1\nreturn _ENV[5], io", 2, "undefined name 'io'");
}

static void test_memory_is_bounded(void **unused)
{
    (void)unused;
    expect("local s = 'x'\nwhile true do s = s .. s end", 2,
           "uses more than 8 MiB of memory");
    expect("while true do pcall(string.rep, 'x', 1e8) end", 1,
           "uses more than 8 MiB of memory");
}

static void test_steps_are_bounded(void **unused)
{
    (void)unused;
    expect("while true do end", 1, "runs too long");
    expect("while true do pcall(function() while true do end end) end", 1,
           "runs too long");
}

static void test_bytecode_is_refused(void **unused)
{
    (void)unused;
    expect("\x1bLua\x54", 1, "is compiled Lua: want its source text");
}

static void test_each_environment_is_its_own(void **unused)
{
    (void)unused;
    struct sandbox sandbox;
    struct sandbox_failure failure;
    assert_int_equal(sandbox_open(&sandbox, MEMORY_MAX, NULL), 0);
    const char *text[] = {"x = 1", "return x"};
    int rc[2];
    for (int i = 0; i < 2; i++) {
        sandbox_push_environment(sandbox.L);
        rc[i] =
            sandbox_load(&sandbox, "f.lua", text[i], strlen(text[i]), &failure);
        if (rc[i] == 0)
            rc[i] = sandbox_call(&sandbox, 0, 0, &failure);
    }
    assert_int_equal(rc[0], 0);
    assert_true(rc[1] < 0);
    assert_string_equal(failure.text, "undefined name 'x'");
    sandbox_close(&sandbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_text_runs),
        cmocka_unit_test(test_failures_have_file_and_line),
        cmocka_unit_test(test_names_are_checked),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_steps_are_bounded),
        cmocka_unit_test(test_bytecode_is_refused),
        cmocka_unit_test(test_each_environment_is_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
