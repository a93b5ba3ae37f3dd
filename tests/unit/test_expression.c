/* Expressions of like and unlike. */
#include "script/expression.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static int match(const char *text, const char *value)
{
    struct expression *expression;
    struct err err = {0};
    assert_int_equal(expression_new(text, &expression, &err), 0);
    int rc = expression_match(expression, bytes_of_text(value), &err);
    expression_free(expression);
    return rc;
}

static void test_the_whole_value_is_meant(void **unused)
{
    (void)unused;
    assert_int_equal(match("rack-[1-3]", "rack-2"), 1);
    assert_int_equal(match("rack-[1-3]", "rack-22"), 0);
    assert_int_equal(match("rack-[1-3]", "a rack-2"), 0);
    assert_int_equal(match("a|ab", "ab"), 1);
    assert_int_equal(match("", ""), 1);
    assert_int_equal(match("\\p{L}+", "\xc3\xa9t\xc3\xa9"), 1);
}

static void test_backtracking_ends(void **unused)
{
    (void)unused;
    char value[64];
    memset(value, 'a', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    assert_int_equal(match("(a+)+[bc]", value), -ERR_LIMIT);
}

static void test_a_wrong_expression_says_where(void **unused)
{
    (void)unused;
    struct err err = {0};
    char large[EXPRESSION_MAX + 2];
    assert_int_equal(expression_check("a(b", &err), -ERR_INVALID);
    assert_string_equal(err.text, "at 4: missing closing parenthesis");
    assert_int_equal(expression_check("a\\Cb", &err), -ERR_INVALID);
    memset(large, 'a', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    assert_int_equal(expression_check(large, &err), -ERR_LIMIT);
    assert_int_equal(expression_check("a.*", &err), 0);
}

static void test_a_value_that_is_no_text_is_told(void **unused)
{
    (void)unused;
    assert_int_equal(match("a.*", "a\xff"), -ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_whole_value_is_meant),
        cmocka_unit_test(test_backtracking_ends),
        cmocka_unit_test(test_a_wrong_expression_says_where),
        cmocka_unit_test(test_a_value_that_is_no_text_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
