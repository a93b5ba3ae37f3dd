#include "base/arena.h"
#include "base/vec.h"
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void test_everything_is_aligned_and_apart(void **unused)
{
    (void)unused;
    struct arena arena;
    unsigned char *at[1000];

    arena_init(&arena);
    for (size_t i = 0; i < 1000; i++) {
        at[i] = arena_alloc(&arena, i);
        assert_int_equal((uintptr_t)at[i] % 16, 0);
        memset(at[i], (int)(i & 0xff), i);
    }
    for (size_t i = 0; i < 1000; i++)
        for (size_t j = 0; j < i; j++)
            assert_int_equal(at[i][j], i & 0xff);
    assert_true(arena.total >= 999 * 1000 / 2);
    arena_release(&arena);
    assert_null(arena.block);
    arena_release(&arena);
}

static void test_clearing_keeps_memory_for_the_next_use(void **unused)
{
    (void)unused;
    struct arena arena = {0};

    for (int i = 0; i < 100; i++)
        (void)arena_alloc(&arena, 1000);
    arena_clear(&arena);
    assert_int_equal(arena.total, 0);
    assert_non_null(arena.block);
    void *kept = arena.block;
    for (int i = 0; i < 30; i++)
        (void)arena_alloc(&arena, 1000);
    assert_ptr_equal(arena.block, kept);
    arena_release(&arena);
    arena_clear(&arena);
}

static void test_a_request_larger_than_a_block_is_served(void **unused)
{
    (void)unused;
    struct arena arena = {0};
    char *small = arena_strdup(&arena, "small");
    char *large = arena_zalloc(&arena, 10 << 20);

    assert_int_equal(large[(10 << 20) - 1], 0);
    large[0] = 'x';
    assert_string_equal(small, "small");
    arena_release(&arena);
}

static void test_texts_are_copied(void **unused)
{
    (void)unused;
    struct arena arena = {0};

    assert_string_equal(arena_strndup(&arena, "abcdef", 3), "abc");
    assert_string_equal(arena_strndup(&arena, "ab", 3), "ab");
    assert_string_equal(arena_printf(&arena, "%s-%d", "a", 7), "a-7");
    assert_memory_equal(arena_memdup(&arena, "xyz", 3), "xyz", 3);
    assert_non_null(arena_memdup(&arena, NULL, 0));
    arena_release(&arena);
}

static void test_a_growing_array_keeps_its_items_in_order(void **unused)
{
    (void)unused;
    VEC(int) numbers = {0};

    for (int i = 0; i < 100; i++)
        *vec_add(&numbers) = i;
    vec_remove(&numbers, 99);
    vec_remove(&numbers, 0);
    vec_remove(&numbers, 49);
    assert_int_equal(numbers.count, 97);
    assert_int_equal(numbers.item[0], 1);
    assert_int_equal(numbers.item[48], 49);
    assert_int_equal(numbers.item[49], 51);
    assert_int_equal(numbers.item[96], 98);
    vec_free(&numbers);
    assert_int_equal(numbers.capacity, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_is_aligned_and_apart),
        cmocka_unit_test(test_clearing_keeps_memory_for_the_next_use),
        cmocka_unit_test(test_a_request_larger_than_a_block_is_served),
        cmocka_unit_test(test_texts_are_copied),
        cmocka_unit_test(test_a_growing_array_keeps_its_items_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
