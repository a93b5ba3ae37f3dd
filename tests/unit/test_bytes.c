#include "base/alloc.h"
#include "base/bytes.h"
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void test_views_compare_by_content(void **unused)
{
    (void)unused;
    assert_true(bytes_equal(bytes_of("abc", 3), bytes_of_text("abc")));
    assert_false(bytes_equal(bytes_of("abc", 2), bytes_of_text("abc")));
    assert_true(bytes_equal(bytes_of(NULL, 0), bytes_of_text("")));
    assert_true(bytes_equal_text(bytes_of("a\0b", 1), "a"));
    assert_false(bytes_equal_text(bytes_of("a\0b", 3), "a"));
    assert_true(bytes_starts_with(bytes_of_text("abc"), "ab"));
    assert_true(bytes_starts_with(bytes_of(NULL, 0), ""));
    assert_false(bytes_starts_with(bytes_of_text("a"), "ab"));
}

static void test_an_empty_buffer_is_an_empty_text(void **unused)
{
    (void)unused;
    struct buf buf = {0};

    assert_string_equal(buf_text(&buf), "");
    assert_int_equal(buf_bytes(&buf).size, 0);
    buf_clear(&buf);
    buf_drop(&buf, 0);
    char *text = buf_take(&buf);
    assert_string_equal(text, "");
    free(text);
    buf_release(&buf);
}

static void test_a_buffer_is_always_terminated(void **unused)
{
    (void)unused;
    struct buf buf;

    buf_init(&buf);
    for (int i = 0; i < 1000; i++) {
        buf_add_char(&buf, (char)('a' + i % 26));
        assert_int_equal(strlen(buf_text(&buf)), i + 1);
    }
    buf_drop(&buf, 998);
    assert_string_equal(buf_text(&buf), "kl");
    buf_add_bytes(&buf, bytes_of_text("mn"));
    buf_add(&buf, NULL, 0);
    buf_addf(&buf, "%s-%d", "op", 7);
    buf_add_text(&buf, "!");
    assert_string_equal(buf_text(&buf), "klmnop-7!");
    buf_clear(&buf);
    assert_string_equal(buf_text(&buf), "");
    buf_release(&buf);
    buf_release(&buf);
}

static void test_formatting_grows_as_needed(void **unused)
{
    (void)unused;
    struct buf buf = {0};
    char text[5000];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    buf_add_text(&buf, "<");
    buf_addf(&buf, "%s>", text);
    assert_int_equal(buf.size, sizeof text + 1);
    assert_int_equal(buf.text[buf.size - 1], '>');
    buf_release(&buf);
}

static void test_taking_empties_the_buffer(void **unused)
{
    (void)unused;
    struct buf buf = {0};

    buf_add_text(&buf, "kept");
    char *text = buf_take(&buf);
    assert_string_equal(text, "kept");
    assert_string_equal(buf_text(&buf), "");
    free(text);
}

static void test_a_blob_lives_until_its_last_reference(void **unused)
{
    (void)unused;
    struct blob *blob = blob_new(bytes_of_text("body"));
    struct blob *again = blob_ref(blob);

    blob_unref(blob);
    assert_true(bytes_equal_text(blob_bytes(again), "body"));
    blob_unref(again);
    assert_null(blob_ref(NULL));
    blob_unref(NULL);
    assert_int_equal(blob_bytes(NULL).size, 0);
    blob = blob_new(bytes_of(NULL, 0));
    assert_int_equal(blob_bytes(blob).size, 0);
    blob_unref(blob);
}

static void test_allocation_never_returns_null(void **unused)
{
    (void)unused;
    void *memory[] = {xmalloc(0),        xcalloc(0, 0),
                      xrealloc(NULL, 0), xreallocarray(NULL, 0, 8),
                      xmemdup("", 0),    xstrndup("abc", 2),
                      xstrdup("abc")};

    assert_string_equal(memory[5], "ab");
    assert_string_equal(memory[6], "abc");
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) {
        assert_non_null(memory[i]);
        free(memory[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_views_compare_by_content),
        cmocka_unit_test(test_an_empty_buffer_is_an_empty_text),
        cmocka_unit_test(test_a_buffer_is_always_terminated),
        cmocka_unit_test(test_formatting_grows_as_needed),
        cmocka_unit_test(test_taking_empties_the_buffer),
        cmocka_unit_test(test_a_blob_lives_until_its_last_reference),
        cmocka_unit_test(test_allocation_never_returns_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
