/* The file of --announcer_zookeeper_auth_config. */
#include "executor/thermos/announcer_access.h"
#include "executor/thermos/sha1.h"

#include "sys/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void assert_sha1(const char *text, size_t repeat, const char *want)
{
    uint8_t hash[SHA1_BYTES];
    char hex[2 * SHA1_BYTES + 1];
    struct buf in = {0};
    for (size_t i = 0; i < repeat; i++)
        buf_add_text(&in, text);
    sha1(buf_bytes(&in), hash);
    for (size_t i = 0; i < SHA1_BYTES; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    assert_string_equal(hex, want);
    buf_release(&in);
}

/* The vectors of FIPS 180, and lengths about the end of a block. */
static void test_sha1_is_what_the_standard_says(void **unused)
{
    (void)unused;
    assert_sha1("", 0, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    assert_sha1("abc", 1, "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_sha1("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
                "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    assert_sha1("a", 1000000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
    assert_sha1("a", 55, "c1c8bbdc22796e28c0e15163d20899b65621d65a");
    assert_sha1("a", 56, "c2db330f6083854c99d4b5bfb6e8f29f201be699");
    assert_sha1("a", 64, "0098ba824b5c16427bd7a1122a5a442a25ec644d");
}

/* ZooKeeper's own example: super:admin. */
static void test_a_digest_is_what_zookeeper_makes_of_it(void **unused)
{
    (void)unused;
    struct arena arena;
    arena_init(&arena);
    assert_string_equal(announcer_access_digest("super:admin", &arena),
                        "super:xQJmxLMiHGwaqBvst5y6rkB6HQs=");
    assert_null(announcer_access_digest("nocolon", &arena));
    arena_release(&arena);
}

static int read_text(const char *text, struct arena *arena,
                     struct zk_access *out, struct err *err)
{
    char path[] = "/tmp/test_access.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    int rc = announcer_access_read(path, arena, out, err);
    (void)unlink(path);
    return rc;
}

static void test_a_file_is_read(void **unused)
{
    (void)unused;
    struct arena arena;
    struct zk_access access = {0};
    struct err err = {0};
    arena_init(&arena);
    assert_int_equal(
        read_text("{\"auth\": [{\"scheme\": \"digest\","
                  "  \"credential\": \"super:admin\"}],"
                  " \"acl\": [{\"scheme\": \"digest\","
                  "  \"credential\": \"super:admin\","
                  "  \"permissions\": {\"read\": true, \"write\": true,"
                  "   \"create\": true, \"delete\": true, \"admin\": true}},"
                  "  {\"scheme\": \"world\", \"credential\": \"anyone\","
                  "   \"permissions\": {\"read\": true}}]}",
                  &arena, &access, &err),
        0);
    assert_int_equal(access.auth_count, 1);
    assert_string_equal(access.auth[0].id, "super:admin");
    assert_int_equal(access.acl_count, 2);
    assert_string_equal(access.acl[0].id, "super:xQJmxLMiHGwaqBvst5y6rkB6HQs=");
    assert_int_equal(access.acl[0].may, 31);
    assert_string_equal(access.acl[1].id, "anyone");
    assert_int_equal(access.acl[1].may, ZK_MAY_READ);
    arena_release(&arena);
}

static void test_what_is_wrong_is_named_without_the_secret(void **unused)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"{\"auth\": [{\"scheme\": \"digest\", \"credential\": secret",
         "want JSON"},
        {"{\"auht\": []}", "want JSON"},
        {"{\"auth\": [{\"credential\": \"a:secret\"}]}", "auth[0].scheme"},
        {"{\"auth\": [{\"scheme\": \"digest\"}]}", "auth[0].credential"},
        {"{\"auth\": [{\"scheme\": \"digest\","
         " \"credential\": \"secret\"}]}",
         "want \"user:password\""},
        {"{\"acl\": [{\"scheme\": \"digest\","
         " \"credential\": \"a:secret\"}]}",
         "acl[0].permissions: nothing is allowed"},
        {"{\"acl\": [{\"scheme\": \"world\"}]}", "acl[0].credential"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena arena;
        struct zk_access access = {0};
        struct err err = {0};
        arena_init(&arena);
        assert_true(read_text(rows[i].text, &arena, &access, &err) < 0);
        assert_non_null(strstr(err.text, rows[i].want));
        assert_non_null(strstr(err.text, "/tmp/test_access."));
        assert_null(strstr(err.text, "secret"));
        arena_release(&arena);
    }
}

static void test_a_file_that_is_not_there_is_named(void **unused)
{
    (void)unused;
    struct arena arena;
    struct zk_access access;
    struct err err = {0};
    arena_init(&arena);
    assert_true(announcer_access_read("/no/such/file", &arena, &access, &err) <
                0);
    assert_non_null(strstr(err.text, "/no/such/file"));
    assert_non_null(strstr(err.hint, "announcer_zookeeper_auth_config"));
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha1_is_what_the_standard_says),
        cmocka_unit_test(test_a_digest_is_what_zookeeper_makes_of_it),
        cmocka_unit_test(test_a_file_is_read),
        cmocka_unit_test(test_what_is_wrong_is_named_without_the_secret),
        cmocka_unit_test(test_a_file_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
