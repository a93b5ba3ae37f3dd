/* Passwords, tokens, and what is remembered of them. */
#include "sys/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sys/clock.h"

static void test_a_password_is_known_by_its_hash(void **unused)
{
    char hash[SECRET_HASH_MAX], again[SECRET_HASH_MAX];
    struct err err = {0};

    (void)unused;
    assert_int_equal(secret_hash_password("open sesame", hash, &err), 0);
    assert_int_equal(secret_hash_password("open sesame", again, &err), 0);
    assert_string_not_equal(hash, again);
    assert_true(secret_hash_is_ours(hash));
    assert_true(secret_password_is(hash, "open sesame"));
    assert_false(secret_password_is(hash, "open sesam"));
    assert_false(secret_password_is(hash, ""));
    assert_false(secret_password_is(NULL, "open sesame"));
    assert_false(secret_password_is(NULL, ""));
    assert_false(secret_password_is("nonsense", "open sesame"));
}

static void test_a_plain_password_is_known_too(void **unused)
{
    char hash[SECRET_HASH_MAX];

    (void)unused;
    secret_hash_plain("apple", hash);
    assert_null(strstr(hash, "apple"));
    assert_true(secret_password_is(hash, "apple"));
    assert_false(secret_password_is(hash, "apples"));
    assert_false(secret_hash_is_ours(hash));
}

static void test_costs_beyond_our_means_are_refused(void **unused)
{
    static const char *const bad[] = {"",
                                      "plain",
                                      "$argon2id$v=19$m=1048576,t=2,p=1$a$b",
                                      "$argon2id$v=19$m=19456,t=1000,p=1$a$b",
                                      "$argon2i$v=19$m=19,t=2,p=1$",
                                      "$2y$10$abcdefghijklmnopqrstuv"};

    (void)unused;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(secret_hash_is_ours(bad[i]));
}

static void test_tokens_are_random_and_hashed(void **unused)
{
    char a[SECRET_HASH_MAX], b[SECRET_HASH_MAX];
    char hash[SECRET_HASH_MAX], other[SECRET_HASH_MAX];

    (void)unused;
    secret_token_new(a);
    secret_token_new(b);
    assert_true(strlen(a) >= 43);
    assert_string_not_equal(a, b);
    secret_token_hash(a, hash);
    secret_token_hash(a, other);
    assert_string_equal(hash, other);
    secret_token_hash(b, other);
    assert_string_not_equal(hash, other);
    assert_true(secret_token_hash_is_ours(hash));
    assert_false(secret_token_hash_is_ours(a));
}

static void test_the_cache_knows_pairs(void **unused)
{
    struct secret_cache *cache = secret_cache_new();
    char name[32];

    (void)unused;
    secret_cache_add(cache, "ada", "love");
    secret_cache_add(cache, "ada", "love");
    assert_true(secret_cache_has(cache, "ada", "love"));
    assert_false(secret_cache_has(cache, "adal", "ove"));
    assert_false(secret_cache_has(cache, "ada", "lovelace"));
    for (int i = 0; i < SECRET_CACHE_MAX; i++) {
        snprintf(name, sizeof name, "user%d", i);
        secret_cache_add(cache, name, "x");
    }
    assert_false(secret_cache_has(cache, "ada", "love"));
    assert_true(secret_cache_has(cache, name, "x"));
    secret_cache_clear(cache);
    assert_false(secret_cache_has(cache, name, "x"));
    secret_cache_free(cache);
}

/* Nobody's password takes as long to refuse as somebody's, of either kind. */
static void test_who_does_not_exist_takes_as_long(void **unused)
{
    char slow[SECRET_HASH_MAX], plain[SECRET_HASH_MAX];
    const char *hash[] = {slow, NULL, plain};
    int64_t least[3] = {INT64_MAX, INT64_MAX, INT64_MAX};

    (void)unused;
    assert_int_equal(secret_hash_password("a", slow, NULL), 0);
    secret_hash_plain("a", plain);
    for (int round = 0; round < 5; round++)
        for (int i = 0; i < 3; i++) {
            int64_t began = clock_monotonic_ns();
            assert_false(secret_password_is(hash[i], "b"));
            int64_t took = clock_monotonic_ns() - began;
            if (took < least[i])
                least[i] = took;
        }
    for (int i = 1; i < 3; i++)
        if (least[i] < least[0] / 2 || least[i] > least[0] * 2)
            fail_msg("kind %d took %lld ns, the first %lld", i,
                     (long long)least[i], (long long)least[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_password_is_known_by_its_hash),
        cmocka_unit_test(test_a_plain_password_is_known_too),
        cmocka_unit_test(test_costs_beyond_our_means_are_refused),
        cmocka_unit_test(test_tokens_are_random_and_hashed),
        cmocka_unit_test(test_the_cache_knows_pairs),
        cmocka_unit_test(test_who_does_not_exist_takes_as_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
