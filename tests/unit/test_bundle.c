/* Bundles: paths that stay below, identity, and what is refused. */
#include "script/bundle.h"
#include "sys/file.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char folder[] = "/tmp/perigee-bundle-XXXXXX";

static void write_file(const char *name, const char *text)
{
    char path[128];
    struct err err = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(file_write(path, bytes_of_text(text), 0644, false, &err),
                     0);
}

static const char *join(const char *file, const char *relative)
{
    static char out[BUNDLE_PATH_MAX];
    return bundle_path_join(file, relative, out, NULL) == 0 ? out : "refused";
}

static void test_paths_stay_below_the_root(void **unused)
{
    (void)unused;
    assert_string_equal(join("f.lua", "a/b.lua"), "a/b.lua");
    assert_string_equal(join("x/f.lua", "b.lua"), "x/b.lua");
    assert_string_equal(join("x/y/f.lua", "../b.lua"), "x/b.lua");
    assert_string_equal(join("x/f.lua", "./a//b.lua"), "x/a/b.lua");
    assert_string_equal(join("x/f.lua", "../../b.lua"), "refused");
    assert_string_equal(join("f.lua", "/etc/passwd"), "refused");
    assert_string_equal(join("f.lua", ""), "refused");
    assert_string_equal(join("f.lua", "."), "refused");
    assert_string_equal(join("f.lua", "a/.."), "refused");
}

static Perigee__Bundle *make(struct buf *bytes)
{
    static const struct script_parameter parameter[] = {{"b", "2"}, {"a", "1"}};
    struct bundle_files files = {.root = strdup(folder),
                                 .limits = &SCRIPT_LIMITS};
    struct err err = {0};
    assert_non_null(bundle_files_read(&files, "z.lua", false, &err));
    assert_non_null(bundle_files_read(&files, "data", true, &err));
    assert_non_null(bundle_files_read(&files, "a.lua", false, &err));
    bundle_pack(&files, "z.lua", parameter, 2, bytes);
    bundle_files_release(&files);
    return perigee__bundle__unpack(NULL, bytes->size, bytes->data);
}

static void test_bytes_are_canonical(void **unused)
{
    (void)unused;
    struct buf bytes = {0};
    Perigee__Bundle *bundle = make(&bytes);
    assert_non_null(bundle);
    assert_int_equal(bundle->format, 1);
    assert_string_equal(bundle->entry, "z.lua");
    assert_string_equal(bundle->stdlib_hash, script_stdlib_hash());
    assert_int_equal(bundle->n_files, 3);
    assert_string_equal(bundle->files[0]->path, "a.lua");
    assert_string_equal(bundle->files[1]->path, "data");
    assert_true(bundle->files[1]->asset);
    assert_int_equal(bundle->files[1]->size_bytes, 3);
    assert_string_equal(bundle->files[2]->path, "z.lua");
    assert_string_equal(bundle->parameters[0]->name, "a");
    assert_int_equal(bundle_check(bundle, &SCRIPT_LIMITS, NULL), 0);
    perigee__bundle__free_unpacked(bundle, NULL);
    buf_release(&bytes);
}

static void test_the_hash_leaves_out_what_assets_hold(void **unused)
{
    (void)unused;
    char whole[65], without[65], other[65];
    struct buf bytes = {0};
    Perigee__Bundle *bundle = make(&bytes);
    bundle_hash(bundle, whole);
    bundle->files[1]->has_content = false;
    assert_int_equal(bundle_check(bundle, &SCRIPT_LIMITS, NULL), 0);
    assert_string_equal(bundle_hash(bundle, without), whole);
    bundle->files[1]->sha256[0] ^= 1;
    assert_string_not_equal(bundle_hash(bundle, other), whole);
    perigee__bundle__free_unpacked(bundle, NULL);
    buf_release(&bytes);
}

static void expect_refusal(const Perigee__Bundle *bundle, const char *want)
{
    struct err err = {0};
    assert_true(bundle_check(bundle, &SCRIPT_LIMITS, &err) < 0);
    assert_string_equal(err.text, want);
}

static void test_what_is_not_canonical_is_refused(void **unused)
{
    (void)unused;
    struct buf bytes = {0};
    Perigee__Bundle *bundle = make(&bytes);
    Perigee__BundleFile *first = bundle->files[0];
    bundle->format = 2;
    expect_refusal(bundle, "bundle: format 2: want 1");
    bundle->format = 1;
    bundle->files[0] = bundle->files[2];
    bundle->files[2] = first;
    expect_refusal(bundle, "bundle: files: want paths in order, once");
    bundle->files[2] = bundle->files[0];
    bundle->files[0] = first;
    first->path[0] = '/';
    expect_refusal(bundle, "bundle: files[0].path: want a path below the root");
    first->path[0] = 'a';
    first->content.data[0] ^= 1;
    expect_refusal(bundle, "bundle: 'a.lua' is not what its hash says");
    first->content.data[0] ^= 1;
    bundle->entry[0] = 'y';
    expect_refusal(bundle, "bundle: 'y.lua' is not in it");
    bundle->entry[0] = 'z';
    bundle->parameters[0]->name[0] = 'c';
    expect_refusal(bundle, "bundle: parameters: want names in order, once");
    perigee__bundle__free_unpacked(bundle, NULL);
    buf_release(&bytes);
}

static void test_files_have_limits(void **unused)
{
    (void)unused;
    struct script_limits limits = {
        .bundle_bytes = 4, .files = 1, .asset_bytes = 2};
    struct bundle_files files = {.root = strdup(folder), .limits = &limits};
    struct err err = {0};
    assert_null(bundle_files_read(&files, "z.lua", false, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_null(bundle_files_read(&files, "data", true, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    limits.asset_bytes = 3;
    assert_non_null(bundle_files_read(&files, "data", true, &err));
    assert_null(bundle_files_read(&files, "a.lua", false, &err));
    assert_string_equal(err.text, "'a.lua': want at most 1 files");
    assert_null(bundle_files_read(&files, "missing", true, &err));
    bundle_files_release(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_stay_below_the_root),
        cmocka_unit_test(test_bytes_are_canonical),
        cmocka_unit_test(test_the_hash_leaves_out_what_assets_hold),
        cmocka_unit_test(test_what_is_not_canonical_is_refused),
        cmocka_unit_test(test_files_have_limits),
    };
    assert_non_null(mkdtemp(folder));
    write_file("z.lua", "return {}");
    write_file("a.lua", "x=1");
    write_file("data", "abc");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)dir_remove(folder, NULL);
    return failed;
}
