#include "base/hash.h"
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

/* The values that xxHash publishes for XXH64. */
static void test_hash_is_xxh64(void **unused)
{
    (void)unused;
    assert_true(hash64(bytes_of(NULL, 0), 0) == 0xef46db3751d8e999u);
    assert_true(hash64(bytes_of_text("a"), 0) == 0xd24ec4f1a98c6e5bu);
    assert_true(hash64(bytes_of_text("abc"), 0) == 0x44bc2cf5ad770999u);
}

static void test_the_seed_and_every_byte_matter(void **unused)
{
    (void)unused;
    uint8_t data[100] = {0};
    uint64_t plain = hash64(bytes_of(data, sizeof data), 0);

    assert_true(hash64(bytes_of(data, sizeof data), 1) != plain);
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = 1;
        assert_true(hash64(bytes_of(data, sizeof data), 0) != plain);
        data[i] = 0;
    }
    assert_true(hash64(bytes_of(data, sizeof data), 0) == plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_is_xxh64),
        cmocka_unit_test(test_the_seed_and_every_byte_matter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
