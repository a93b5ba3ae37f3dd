#include "base/heap.h"
#include "base/rng.h"
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static void test_an_empty_queue_has_nothing_due(void **unused)
{
    (void)unused;
    struct heap heap = {0};
    struct heap_entry entry;

    assert_true(heap_next_ms(&heap) == INT64_MAX);
    assert_false(heap_pop(&heap, INT64_MAX, &entry));
    heap_release(&heap);
}

static void test_equal_deadlines_leave_in_the_order_they_came(void **unused)
{
    (void)unused;
    struct heap heap = {0};
    struct heap_entry entry;

    for (uint64_t i = 0; i < 100; i++)
        heap_push(&heap, i % 2 ? 5 : 7, (uint32_t)(i % 2), i);
    for (uint64_t i = 0; i < 50; i++) {
        assert_true(heap_pop(&heap, 5, &entry));
        assert_int_equal(entry.id, 2 * i + 1);
        assert_int_equal(entry.kind, 1);
    }
    assert_false(heap_pop(&heap, 6, &entry));
    assert_int_equal(heap_next_ms(&heap), 7);
    for (uint64_t i = 0; i < 50; i++) {
        assert_true(heap_pop(&heap, 7, &entry));
        assert_int_equal(entry.id, 2 * i);
    }
    heap_release(&heap);
}

static void test_random_pushes_and_pops_stay_sorted(void **unused)
{
    (void)unused;
    struct heap heap = {0};
    struct heap_entry entry, last = {.at_ms = -1};
    struct rng rng;
    int64_t now = 0;
    uint64_t pushed = 0, popped = 0;

    rng_seed(&rng, 7);
    for (int i = 0; i < 20000; i++) {
        /* Only the future is added, so what leaves is sorted as a whole. */
        if (rng_below(&rng, 2)) {
            heap_push(&heap, now + 1 + (int64_t)rng_below(&rng, 50), 0,
                      pushed++);
            continue;
        }
        now += (int64_t)rng_below(&rng, 3);
        while (heap_pop(&heap, now, &entry)) {
            assert_true(entry.at_ms <= now);
            assert_true(
                entry.at_ms > last.at_ms ||
                (entry.at_ms == last.at_ms && entry.order > last.order));
            last = entry;
            popped++;
        }
        assert_true(heap_next_ms(&heap) > now);
    }
    while (heap_pop(&heap, INT64_MAX, &entry))
        popped++;
    assert_int_equal(pushed, popped);
    heap_release(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_queue_has_nothing_due),
        cmocka_unit_test(test_equal_deadlines_leave_in_the_order_they_came),
        cmocka_unit_test(test_random_pushes_and_pops_stay_sorted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
