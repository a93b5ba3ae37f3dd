#include "base/ranges.h"
#include "base/rng.h"
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static struct ranges parsed(const char *text)
{
    struct ranges ranges;
    struct err err = {0};

    if (ranges_parse(text, &ranges, &err) < 0)
        fail_msg("'%s': %s", text, err.text);
    ranges_check(&ranges);
    return ranges;
}

/* Compare with a text and release. */
static void expect(struct ranges ranges, const char *text)
{
    struct buf buf = {0};

    ranges_check(&ranges);
    ranges_print(&ranges, &buf);
    assert_string_equal(buf_text(&buf), text);
    buf_release(&buf);
    ranges_release(&ranges);
}

static void test_text_is_coalesced(void **unused)
{
    (void)unused;
    expect(parsed("[]"), "[]");
    expect(parsed("[1-5]"), "[1-5]");
    expect(parsed(" [ 5 - 9 , 1 - 2 ] "), "[1-2, 5-9]");
    expect(parsed("[1-2,3-4]"), "[1-4]");
    expect(parsed("[1-9,3-4,2-12]"), "[1-12]");
    expect(parsed("[31000-32000,0-18446744073709551615]"),
           "[0-18446744073709551615]");
    expect(parsed("[9-9,7-7,5-5,3-3,1-1]"), "[1-1, 3-3, 5-5, 7-7, 9-9]");
    expect(parsed("[9-9,7-7,5-5,3-3,1-1,2-8]"), "[1-9]");
}

static void test_bad_text_is_refused(void **unused)
{
    (void)unused;
    struct ranges ranges = {.count = 77};
    struct err err = {0};
    static const char *const bad[] = {
        "",          "1-2",     "[",
        "[1",        "[1-",     "[1-2",
        "[1-2]x",    "[1]",     "[-1-2]",
        "[a-b]",     "[1-2-3]", "[1-18446744073709551616]",
        "[1-2 3-4]", "[,]",     "[1-2,5-6,9-10,12-]",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(ranges_parse(bad[i], &ranges, &err), -ERR_INVALID);
    assert_int_equal(ranges_parse("[5-4]", &ranges, &err), -ERR_INVALID);
    assert_string_equal(err.text, "Invalid ranges resource: begin > end");
    assert_int_equal(ranges.count, 77);
}

static void test_too_many_intervals_are_refused(void **unused)
{
    (void)unused;
    struct buf buf = {0};
    struct ranges ranges = {0};

    buf_add_char(&buf, '[');
    for (int i = 0; i < RANGES_MAX; i++)
        buf_addf(&buf, "%s%d-%d", i ? "," : "", 3 * i, 3 * i + 1);
    size_t size = buf.size;
    buf_add_char(&buf, ']');
    assert_int_equal(ranges_parse(buf_text(&buf), &ranges, NULL), 0);
    assert_int_equal(ranges.count, RANGES_MAX);
    ranges_release(&ranges);
    buf.size = size;
    buf_add_text(&buf, ",1000000-1000000]");
    assert_int_equal(ranges_parse(buf_text(&buf), &ranges, NULL), -ERR_LIMIT);
    buf_release(&buf);
}

static void test_the_middle_is_taken_out(void **unused)
{
    (void)unused;
    struct ranges ranges = parsed("[1-10]");

    ranges_subtract(&ranges, (struct range){3, 5});
    assert_int_equal(ranges_size(&ranges), 7);
    expect(ranges, "[1-2, 6-10]");
}

static void test_the_ends_of_the_numbers_hold(void **unused)
{
    (void)unused;
    struct ranges ranges = parsed("[0-18446744073709551615]");

    assert_true(ranges_size(&ranges) == UINT64_MAX); /* one too many for it */
    ranges_subtract(&ranges, (struct range){0, 0});
    ranges_subtract(&ranges, (struct range){UINT64_MAX, UINT64_MAX});
    assert_true(ranges_size(&ranges) == UINT64_MAX - 1);
    ranges_add(&ranges, (struct range){UINT64_MAX, UINT64_MAX});
    ranges_add(&ranges, (struct range){0, 0});
    expect(ranges, "[0-18446744073709551615]");
}

static void test_taking_gives_the_lowest(void **unused)
{
    (void)unused;
    struct ranges ranges = parsed("[5-6,10-19,30-30]"), taken;

    assert_false(ranges_take(&ranges, 14, &taken));
    assert_true(ranges_take(&ranges, 0, &taken));
    expect(taken, "[]");
    assert_true(ranges_take(&ranges, 5, &taken));
    expect(taken, "[5-6, 10-12]");
    assert_true(ranges_take(&ranges, 8, &taken));
    expect(taken, "[13-19, 30-30]");
    expect(ranges, "[]");
}

/* A plain model: one bit for each of 64 numbers. */
static uint64_t bits(const struct range *range)
{
    uint64_t result = 0;

    for (uint64_t i = range->first; i <= range->last; i++)
        result |= UINT64_C(1) << i;
    return result;
}

static uint64_t all_bits(const struct ranges *ranges)
{
    uint64_t result = 0;

    ranges_check(ranges);
    for (uint32_t i = 0; i < ranges->count; i++)
        result |= bits(&ranges_items(ranges)[i]);
    return result;
}

static struct range random_range(struct rng *rng)
{
    uint64_t first = rng_below(rng, 64), size = rng_below(rng, 6);

    return (struct range){first, first + size > 63 ? 63 : first + size};
}

static void test_random_changes_agree_with_a_model(void **unused)
{
    (void)unused;
    struct rng rng;
    struct ranges ranges = {0};
    uint64_t model = 0;

    rng_seed(&rng, 11);
    for (int i = 0; i < 20000; i++) {
        struct range range = random_range(&rng);
        if (rng_below(&rng, 2)) {
            ranges_add(&ranges, range);
            model |= bits(&range);
        } else {
            ranges_subtract(&ranges, range);
            model &= ~bits(&range);
        }
        assert_true(all_bits(&ranges) == model);
        assert_int_equal(ranges_size(&ranges), __builtin_popcountll(model));
    }
    ranges_release(&ranges);
}

static struct ranges random_ranges(struct rng *rng)
{
    struct ranges ranges = {0};

    for (uint64_t left = rng_below(rng, 12); left > 0; left--)
        ranges_add(&ranges, random_range(rng));
    return ranges;
}

static void test_whole_collections_agree_with_a_model(void **unused)
{
    (void)unused;
    struct rng rng;

    rng_seed(&rng, 12);
    for (int i = 0; i < 5000; i++) {
        struct ranges a = random_ranges(&rng), b = random_ranges(&rng), c;
        uint64_t in_a = all_bits(&a), in_b = all_bits(&b);
        assert_int_equal(ranges_contain(&a, &b), (in_b & ~in_a) == 0);
        assert_int_equal(ranges_equal(&a, &b), in_a == in_b);
        ranges_copy(&c, &a);
        assert_true(ranges_equal(&a, &c));
        ranges_add_all(&c, &b);
        assert_true(all_bits(&c) == (in_a | in_b));
        assert_true(ranges_contain(&c, &a) && ranges_contain(&c, &b));
        ranges_subtract_all(&c, &b);
        assert_true(all_bits(&c) == (in_a & ~in_b));
        ranges_release(&a);
        ranges_release(&b);
        ranges_release(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_coalesced),
        cmocka_unit_test(test_bad_text_is_refused),
        cmocka_unit_test(test_too_many_intervals_are_refused),
        cmocka_unit_test(test_the_middle_is_taken_out),
        cmocka_unit_test(test_the_ends_of_the_numbers_hold),
        cmocka_unit_test(test_taking_gives_the_lowest),
        cmocka_unit_test(test_random_changes_agree_with_a_model),
        cmocka_unit_test(test_whole_collections_agree_with_a_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
