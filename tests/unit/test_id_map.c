#include "sys/id_map.h"
#include "base/rng.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

enum { KEYS = 500, STEPS = 100000 };

/* Against an array that cannot be wrong. */
static void test_does_what_an_array_does(void **state)
{
    static char thing[KEYS + 1];
    bool is_in[KEYS + 1] = {false};
    struct id_map map = {0};
    struct rng rng;
    uint32_t count = 0;

    (void)state;
    rng_seed(&rng, 1);
    for (int i = 0; i < STEPS; i++) {
        uint64_t key = rng_below(&rng, KEYS) + 1;
        assert_ptr_equal(id_map_get(&map, key),
                         is_in[key] ? &thing[key] : NULL);
        if (is_in[key]) {
            assert_ptr_equal(id_map_remove(&map, key), &thing[key]);
            count--;
        } else {
            id_map_put(&map, key, &thing[key]);
            count++;
        }
        is_in[key] = !is_in[key];
        assert_int_equal(map.count, count);
    }
    uint32_t at = 0, seen = 0;
    for (char *one; (one = id_map_next(&map, &at)) != NULL; seen++)
        assert_true(is_in[one - thing]);
    assert_int_equal(seen, count);
    while (id_map_take(&map) != NULL)
        count--;
    assert_int_equal(count, 0);
    assert_null(id_map_remove(&map, 7));
    id_map_release(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_does_what_an_array_does)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
