#include "base/attributes.h"
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static struct attributes parsed(const char *text)
{
    struct attributes a;
    struct err err = {0};

    if (attributes_parse(text, &a, &err) < 0)
        fail_msg("'%s': %s", text, err.text);
    return a;
}

static void test_values_are_typed_as_mesos_types_them(void **unused)
{
    (void)unused;
    struct attributes a =
        parsed("rack:r1; zone : a ;gen:7;slots:[1-4,9-9];\nurl:http://x/;"
               "cold:-3;rack:r2;;half:0.5;id:0x1f");

    assert_int_equal(a.count, 9);
    assert_int_equal(a.item[0].type, ATTRIBUTE_TEXT);
    assert_string_equal(a.item[0].text, "r1");
    assert_string_equal(a.item[1].name, "zone");
    assert_string_equal(a.item[1].text, "a");
    assert_int_equal(a.item[2].type, ATTRIBUTE_SCALAR);
    assert_int_equal(a.item[2].milli, 7000);
    assert_string_equal(a.item[2].text, "7");
    assert_int_equal(a.item[3].type, ATTRIBUTE_RANGES);
    assert_int_equal(ranges_size(&a.item[3].ranges), 5);
    assert_string_equal(a.item[3].text, "[1-4,9-9]");
    assert_string_equal(a.item[4].text, "http://x/");
    assert_int_equal(a.item[5].type, ATTRIBUTE_TEXT);
    assert_int_equal(a.item[7].milli, 500);
    assert_int_equal(a.item[8].type, ATTRIBUTE_TEXT);
    assert_string_equal(attributes_value(&a, "rack"), "r1");
    assert_null(attributes_value(&a, "host"));
    attributes_release(&a);
    assert_int_equal(a.count, 0);
}

static void test_bad_pairs_are_refused_by_name(void **unused)
{
    (void)unused;
    struct attributes a = {.count = 77};
    struct err err = {0};
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"rack", "Invalid attribute key:value pair 'rack'"},
        {"zone:a;:r1", "Invalid attribute key:value pair ':r1'"},
        {"rack:", "Invalid attribute key:value pair 'rack:'"},
        {"rack: ;a:b", "Invalid attribute key:value pair 'rack: '"},
        {"x:{a,b}", "Bad type for attribute 'x:{a,b}': want a number, "
                    "[ranges] or text, not a set"},
        {"x:[1-", "Bad ranges for attribute 'x:[1-': want [1-5,8-8]"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(attributes_parse(bad[i].text, &a, &err), -ERR_INVALID);
        assert_string_equal(err.text, bad[i].message);
    }
    assert_int_equal(a.count, 77);
}

static void test_there_is_a_limit(void **unused)
{
    (void)unused;
    struct buf buf = {0};
    struct attributes a = {0};

    for (int i = 0; i < ATTRIBUTES_MAX; i++)
        buf_addf(&buf, "a%d:%d;", i, i);
    a = parsed(buf_text(&buf));
    assert_int_equal(a.count, ATTRIBUTES_MAX);
    attributes_release(&a);
    buf_add_text(&buf, "b:1");
    assert_int_equal(attributes_parse(buf_text(&buf), &a, NULL), -ERR_LIMIT);
    buf_release(&buf);
}

static void test_equality_does_not_ask_for_order(void **unused)
{
    (void)unused;
    static const struct {
        const char *a, *b;
        bool are_equal;
    } cases[] = {
        {"", "", true},
        {"a:1;b:2", "b:2;a:1", true},
        {"a:1.0", "a:1", true},
        {"a:[1-2,3-4]", "a:[1-4]", true},
        {"a:x", "a:y", false},
        {"a:x;a:x;a:y", "a:x;a:y;a:y", false},
        {"a:x", "a:x;a:x", false},
        {"a:x", "b:x", false},
        {"a:1", "a:[1-1]", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct attributes a = parsed(cases[i].a), b = parsed(cases[i].b);
        assert_int_equal(attributes_equal(&a, &b), cases[i].are_equal);
        attributes_release(&a);
        attributes_release(&b);
    }
}

static void test_a_copy_stands_alone(void **unused)
{
    (void)unused;
    struct attributes a = parsed("rack:r1;slots:[1-2,5-6,9-10]"), b;

    attributes_copy(&b, &a);
    assert_true(attributes_equal(&a, &b));
    attributes_release(&a);
    assert_string_equal(attributes_value(&b, "rack"), "r1");
    assert_int_equal(ranges_size(&b.item[1].ranges), 6);
    attributes_add_text(&b, "odd", "[1-");
    attributes_add_text(&b, "set", "{a}");
    assert_int_equal(b.item[2].type, ATTRIBUTE_TEXT);
    assert_int_equal(b.item[3].type, ATTRIBUTE_TEXT);
    attributes_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_typed_as_mesos_types_them),
        cmocka_unit_test(test_bad_pairs_are_refused_by_name),
        cmocka_unit_test(test_there_is_a_limit),
        cmocka_unit_test(test_equality_does_not_ask_for_order),
        cmocka_unit_test(test_a_copy_stands_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
