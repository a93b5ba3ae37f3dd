#include "base/rng.h"
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static void test_a_seed_replays_the_same_numbers(void **unused)
{
    (void)unused;
    struct rng a, b;

    rng_seed(&a, 42);
    rng_seed(&b, 42);
    for (int i = 0; i < 100; i++)
        assert_true(rng_next(&a) == rng_next(&b));
    rng_seed(&b, 43);
    assert_true(rng_next(&a) != rng_next(&b));
}

/* The published test values of splitmix64 (seed 0) and of xoshiro256** (state
 * 1, 2, 3, 4). */
static void test_the_algorithms_are_the_published_ones(void **unused)
{
    (void)unused;
    struct rng rng;

    rng_seed(&rng, 0);
    assert_true(rng.state[0] == 0xe220a8397b1dcdafu);
    assert_true(rng.state[1] == 0x6e789e6aa1b965f4u);
    rng = (struct rng){{1, 2, 3, 4}};
    assert_true(rng_next(&rng) == 11520);
    assert_true(rng_next(&rng) == 0);
    assert_true(rng_next(&rng) == 1509978240);
    assert_true(rng_next(&rng) == 1215971899390074240);
}

static void test_below_stays_below_and_reaches_everything(void **unused)
{
    (void)unused;
    struct rng rng;
    int seen[10] = {0};

    rng_seed(&rng, 1);
    for (int i = 0; i < 10000; i++)
        seen[rng_below(&rng, 10)]++;
    for (int i = 0; i < 10; i++) {
        assert_true(seen[i] > 850);
        assert_true(seen[i] < 1150);
    }
    assert_true(rng_below(&rng, 1) == 0);
    for (int i = 0; i < 100; i++)
        assert_true(rng_below(&rng, UINT64_MAX) < UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_seed_replays_the_same_numbers),
        cmocka_unit_test(test_the_algorithms_are_the_published_ones),
        cmocka_unit_test(test_below_stays_below_and_reaches_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
