/* Where a field stands, found without Lua's help. */
#include "script/locator.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

/* "line:mark+size" */
static const char *find(const char *text, uint32_t line,
                        const char *constructor, const char *field)
{
    static char out[64];
    struct locator locator;
    struct location at;
    locator_init(&locator, bytes_of_text(text));
    locator_find(&locator, line, constructor, field, &at);
    snprintf(out, sizeof out, "%u:%u+%u", at.line, at.mark, at.mark_size);
    locator_release(&locator);
    return out;
}

static const char *find_lack(const char *text, const char *field)
{
    static char out[64];
    struct locator locator;
    struct location at;
    locator_init(&locator, bytes_of_text(text));
    locator_find_lack(&locator, 1, "P", field, &at);
    snprintf(out, sizeof out, "%u:%u+%u", at.line, at.mark, at.mark_size);
    locator_release(&locator);
    return out;
}

static void test_a_field_is_found_on_its_own_line(void **unused)
{
    (void)unused;
    const char *text = "local x = Task {\n  name = 'a',\n  ram = 1,\n}";
    assert_string_equal(find(text, 1, "Task", "ram"), "3:3+3");
    assert_string_equal(find(text, 1, "Task", "processes[2].name"), "1:11+4");
}

static void test_a_path_is_followed_through_tables(void **unused)
{
    (void)unused;
    const char *text = "Job { a = { b = { 1, X { c = 2 }, n = 3, [4] = 5 } },\n"
                       "d = f(x), ['e'] = { { g = 1 } } }";
    assert_string_equal(find(text, 1, "Job", "a.b"), "1:13+1");
    assert_string_equal(find(text, 1, "Job", "a.b[1]"), "1:19+1");
    assert_string_equal(find(text, 1, "Job", "a.b[2].c"), "1:26+1");
    assert_string_equal(find(text, 1, "Job", "a.b[9]"), "1:13+1");
    assert_string_equal(find(text, 1, "Job", "a.b.n"), "1:35+1");
    assert_string_equal(find(text, 1, "Job", "d.x"), "2:1+1");
    assert_string_equal(find(text, 1, "Job", "e[1].g"), "2:23+1");
    assert_string_equal(find(text, 1, "Job", "a[0]"), "1:7+1");
    assert_string_equal(find(text, 1, "Job", "."), "1:1+3");
}

static void test_a_lack_is_found_beside_a_call_that_has_the_field(void **unused)
{
    (void)unused;
    const char *text =
        "{ P { a = 1 }, P { a = 1, b = 2 }, P { b = 3, c = 4 } }";
    assert_string_equal(find_lack(text, "a"), "1:36+1");
    assert_string_equal(find_lack(text, "b"), "1:3+1");
    assert_string_equal(find_lack(text, "c"), "1:0+0");
    assert_string_equal(find_lack("x = P {}", "a"), "1:5+1");
    assert_string_equal(find_lack("x = P", "a"), "1:0+0");
}

static void test_a_call_of_what_a_call_gives_is_found(void **unused)
{
    (void)unused;
    const char *text = "return {\n  job \"a\" { x = 1 },\n"
                       "  job('b', { y = 2 }) {\n  y = 1 },\n"
                       "  Job { a = 1 } { b = 2 },\n}";
    assert_string_equal(find(text, 2, "", "x"), "2:13+1");
    assert_string_equal(find(text, 3, "", "y"), "4:3+1");
    assert_string_equal(find(text, 5, "", "b"), "5:19+1");
    assert_string_equal(find(text, 5, "Job", "a"), "5:9+1");
    assert_string_equal(find("))) {x=1}", 1, "", "x"), "1:0+0");
}

static void test_only_the_constructors_own_fields_count(void **unused)
{
    (void)unused;
    const char *text = "Task { p = { Process { name = 1 } }, name = 2 }";
    assert_string_equal(find(text, 1, "Task", "name"), "1:38+4");
    assert_string_equal(find(text, 1, "Process", "name"), "1:24+4");
}

static void test_keys_may_be_strings(void **unused)
{
    (void)unused;
    assert_string_equal(find("Env { ['A B'] = 1 }", 1, "Env", "A B"), "1:8+5");
}

static void test_comments_and_strings_hide_nothing(void **unused)
{
    (void)unused;
    const char *text = "Task { -- { name = 1\n --[==[ name = ]] ]==]\n"
                       "  x = [[ name = 2 ]], y = \"name = \\\"\", name = 3 }";
    assert_string_equal(find(text, 1, "Task", "name"), "3:40+4");
}

static void test_equality_is_no_field(void **unused)
{
    (void)unused;
    assert_string_equal(find("T { name == 1, name = 2 }", 1, "T", "name"),
                        "1:16+4");
}

static void test_two_candidates_mark_only_the_line(void **unused)
{
    (void)unused;
    const char *text = "x = { P { name = 1 }, P { name = 2 } }";
    assert_string_equal(find(text, 1, "P", "name"), "1:0+0");
    assert_string_equal(find(text, 1, "P", "cmdline"), "1:0+0");
    /* but one that has the field is the one */
    text = "x = { P { name = 1 }, P { nam = 2 } }";
    assert_string_equal(find(text, 1, "P", "nam"), "1:27+3");
}

static void test_another_name_for_a_constructor_is_found(void **unused)
{
    (void)unused;
    const char *text = "local P = Process\nlocal a = P { nam = 1 }";
    assert_string_equal(find(text, 2, "Process", "nam"), "2:15+3");
    assert_string_equal(find("web.task({ nam = 1 })", 1, "", "nam"), "1:12+3");
}

static void test_nonsense_marks_nothing(void **unused)
{
    (void)unused;
    assert_string_equal(find("", 7, "P", "name"), "7:0+0");
    assert_string_equal(find("P { name = ", 1, "P", "name"), "1:5+4");
    assert_string_equal(find("P { [[ name", 1, "P", "name"), "1:1+1");
    assert_string_equal(find("}}}((((", 1, "P", "name"), "1:0+0");
}

static void on_twice(void *context, const char *key,
                     const struct location *second, uint32_t first_line)
{
    struct buf *out = context;
    buf_addf(out, "%s %u:%u<%u ", key, second->line, second->mark, first_line);
}

static void expect_twice(const char *text, const char *want)
{
    struct locator locator;
    struct buf out = {0};
    locator_init(&locator, bytes_of_text(text));
    locator_duplicates(&locator, on_twice, &out);
    assert_string_equal(buf_text(&out), want);
    locator_release(&locator);
    buf_release(&out);
}

static void test_a_key_that_stands_twice_is_told(void **unused)
{
    (void)unused;
    expect_twice("T { a = 1,\n b = 2;\n a = 3 }", "a 3:2<1 ");
    expect_twice("T { a = { a = 1 }, b = { a = 2 } }", "");
    expect_twice("T { a = 1, ['a'] = 2 }", "a 1:13<1 ");
    expect_twice(
        "T { a = f(a, a == 1), b = function() local a = 1; a = 2 end }", "");
    expect_twice("f(a = 1, a = 2)", ""); /* no table */
    expect_twice("T { f = function() if x then y = 1; y = 2 end; y = 3 end,\n"
                 "a = 1, a = 2 }",
                 "a 2:8<2 ");
}

static void test_a_line_is_found_by_its_number(void **unused)
{
    (void)unused;
    struct bytes text = bytes_of_text("one\r\ntwo\n\nfour");
    assert_true(bytes_equal_text(locator_line(text, 1), "one"));
    assert_true(bytes_equal_text(locator_line(text, 2), "two"));
    assert_true(bytes_equal_text(locator_line(text, 3), ""));
    assert_true(bytes_equal_text(locator_line(text, 4), "four"));
    assert_true(bytes_equal_text(locator_line(text, 5), ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_field_is_found_on_its_own_line),
        cmocka_unit_test(test_a_path_is_followed_through_tables),
        cmocka_unit_test(test_a_lack_is_found_beside_a_call_that_has_the_field),
        cmocka_unit_test(test_a_call_of_what_a_call_gives_is_found),
        cmocka_unit_test(test_only_the_constructors_own_fields_count),
        cmocka_unit_test(test_keys_may_be_strings),
        cmocka_unit_test(test_comments_and_strings_hide_nothing),
        cmocka_unit_test(test_equality_is_no_field),
        cmocka_unit_test(test_two_candidates_mark_only_the_line),
        cmocka_unit_test(test_another_name_for_a_constructor_is_found),
        cmocka_unit_test(test_nonsense_marks_nothing),
        cmocka_unit_test(test_a_key_that_stands_twice_is_told),
        cmocka_unit_test(test_a_line_is_found_by_its_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
