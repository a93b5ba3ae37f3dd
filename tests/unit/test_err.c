#include "base/err.h"
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void test_set_returns_the_negative_code(void **unused)
{
    (void)unused;
    struct err err = {0};

    assert_int_equal(err_set(&err, ERR_INVALID, "job '%s'", "a"), -ERR_INVALID);
    assert_int_equal(err.code, ERR_INVALID);
    assert_string_equal(err.text, "job 'a'");
    assert_int_equal(err_set(NULL, ERR_LIMIT, "unseen"), -ERR_LIMIT);
}

static void test_set_replaces_all_that_was_recorded(void **unused)
{
    (void)unused;
    struct err err = {0};

    (void)err_set(&err, ERR_INVALID, "first");
    err_hint(&err, "do %d", 1);
    err_field(&err, "tasks[%d]", 2);
    err_place(&err, "web.lua:%d", 3);
    assert_string_equal(err.hint, "do 1");
    assert_string_equal(err.field, "tasks[2]");
    assert_string_equal(err.place, "web.lua:3");
    (void)err_set(&err, ERR_IO, "second");
    assert_string_equal(err.text, "second");
    assert_string_equal(err.hint, "");
    assert_string_equal(err.field, "");
    assert_string_equal(err.place, "");
}

static void test_set_accepts_its_own_text_as_argument(void **unused)
{
    (void)unused;
    struct err err = {0};

    (void)err_set(&err, ERR_INVALID, "bad");
    (void)err_set(&err, err.code, "%s in '%s'", err.text, "a:b");
    assert_string_equal(err.text, "bad in 'a:b'");
}

static void test_wrap_puts_the_object_first_and_keeps_the_rest(void **unused)
{
    (void)unused;
    struct err err = {0};

    (void)err_set(&err, ERR_NOT_FOUND, "no such file");
    err_hint(&err, "create it");
    assert_int_equal(err_wrap(&err, "config '%s'", "x"), -ERR_NOT_FOUND);
    assert_string_equal(err.text, "config 'x': no such file");
    assert_string_equal(err.hint, "create it");
    assert_true(err_wrap(NULL, "nobody reads this") < 0);
}

static void test_long_texts_are_cut_at_a_character(void **unused)
{
    (void)unused;
    struct err err = {0};
    char text[2 * ERR_TEXT_MAX + 1];

    /* The limit falls into the middle of a two-byte character. */
    for (size_t i = 0; i < sizeof text - 1; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    text[sizeof text - 1] = '\0';
    (void)err_set(&err, ERR_INVALID, "%s", text);
    assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
    assert_int_equal(err.text[ERR_TEXT_MAX - 2], '?');
    (void)err_wrap(&err, "%s", text);
    assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
    assert_int_equal(err.text[ERR_TEXT_MAX - 2], '?');
}

static void test_what_is_not_text_becomes_question_marks(void **unused)
{
    (void)unused;
    struct err err = {0};

    (void)err_set(&err, ERR_INVALID, "%s",
                  "a\x01"
                  "b\xff"
                  "c\x1b[2J\n\t\xe2\x82");
    assert_string_equal(err.text, "a?b?c?[2J\n\t??");
    (void)err_set(&err, ERR_INVALID, "%s", "\xe2\x82\xac \xf0\x9f\x98\x80");
    assert_string_equal(err.text, "\xe2\x82\xac \xf0\x9f\x98\x80");
}

static void test_every_code_has_a_name(void **unused)
{
    (void)unused;
    for (int code = 0; code < ERR_CODE_COUNT; code++)
        assert_non_null(err_code_name((enum err_code)code));
    assert_string_equal(err_code_name(ERR_NO_SPACE), "NO_SPACE");
    assert_string_equal(err_code_name(ERR_INTERNAL), "INTERNAL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_returns_the_negative_code),
        cmocka_unit_test(test_set_replaces_all_that_was_recorded),
        cmocka_unit_test(test_set_accepts_its_own_text_as_argument),
        cmocka_unit_test(test_wrap_puts_the_object_first_and_keeps_the_rest),
        cmocka_unit_test(test_long_texts_are_cut_at_a_character),
        cmocka_unit_test(test_what_is_not_text_becomes_question_marks),
        cmocka_unit_test(test_every_code_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
