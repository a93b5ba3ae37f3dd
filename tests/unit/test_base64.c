/* Base64: what RFC 4648 gives as examples, any bytes there and back, and what
 * is no base64. */
#include "base/rng.h"
#include "wire/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void test_the_examples_of_the_standard(void **state)
{
    static const char *const row[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xff", "+/8="},
    };
    struct arena arena;
    struct bytes back;

    (void)state;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct buf out = {0};
        base64_encode(bytes_of_text(row[i][0]), &out);
        assert_string_equal(buf_text(&out), row[i][1]);
        assert_true(base64_decode(bytes_of_text(row[i][1]), &arena, &back));
        assert_true(bytes_equal_text(back, row[i][0]));
        buf_release(&out);
    }
    arena_release(&arena);
}

static void test_any_bytes_come_back(void **state)
{
    struct rng rng;
    uint8_t data[100];

    (void)state;
    rng_seed(&rng, 7);
    for (int round = 0; round < 2000; round++) {
        struct buf text = {0};
        struct arena arena;
        struct bytes back;
        size_t size = rng_below(&rng, sizeof data + 1);

        for (size_t i = 0; i < size; i++)
            data[i] = (uint8_t)rng_next(&rng);
        arena_init(&arena);
        base64_encode(bytes_of(data, size), &text);
        assert_int_equal(text.size, (size + 2) / 3 * 4);
        assert_true(base64_decode(buf_bytes(&text), &arena, &back));
        assert_true(bytes_equal(back, bytes_of(data, size)));
        arena_release(&arena);
        buf_release(&text);
    }
}

static void test_what_is_not_base64_is_refused(void **state)
{
    static const char *const bad[] = {
        "Z",    "Zg",   "Zg=",      "=",          "==",    "===",
        "====", "Z===", "Zg==Zg==", "Zm9v\n",     "Zm9\n", "Zm 9",
        "Z=g=", "Zm-_", "Zm9v====", "\xc3\xa9Zg",
    };
    struct arena arena;
    struct bytes out;

    (void)state;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (base64_decode(bytes_of_text(bad[i]), &arena, &out))
            fail_msg("'%s' was decoded", bad[i]);
    assert_false(base64_decode(bytes_of("Zm9\0", 4), &arena, &out));
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_examples_of_the_standard),
        cmocka_unit_test(test_any_bytes_come_back),
        cmocka_unit_test(test_what_is_not_base64_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
