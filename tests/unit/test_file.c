#include "sys/file.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char root[64];

static const char *at(const char *name)
{
    static char path[4][512];
    static int next;
    char *out = path[next++ % 4];
    snprintf(out, sizeof path[0], "%s/%s", root, name);
    return out;
}

static int setup(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/perigee-file.XXXXXX");
    return mkdtemp(root) == NULL;
}

static int teardown(void **state)
{
    (void)state;
    return dir_remove(root, NULL);
}

static void test_write_then_read(void **state)
{
    struct buf text = {0};
    struct stat st;

    (void)state;
    assert_int_equal(
        file_write(at("a"), bytes_of_text("one"), 0640, true, NULL), 0);
    assert_int_equal(
        file_write(at("a"), bytes_of_text("two"), 0600, false, NULL), 0);
    buf_add_text(&text, "<");
    assert_int_equal(file_read(at("a"), 3, &text, NULL), 0);
    assert_string_equal(buf_text(&text), "<two");
    assert_int_equal(stat(at("a"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    buf_release(&text);
}

static void test_read_refuses_with_the_cause(void **state)
{
    struct buf text = {0};
    struct err err = {0};

    (void)state;
    assert_int_equal(file_read(at("none"), 10, &text, &err), -ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "No such file or directory"));
    assert_int_equal(
        file_write(at("long"), bytes_of_text("12345"), 0600, false, NULL), 0);
    assert_int_equal(file_read(at("long"), 4, &text, &err), -ERR_LIMIT);
    assert_int_equal(file_read(root, 4, &text, &err), -ERR_IO);
    assert_int_equal(text.size, 0);
    buf_release(&text);
}

static void test_write_leaves_no_temporary_file(void **state)
{
    struct err err = {0};

    (void)state;
    assert_int_equal(
        file_write(at("no/such/dir"), bytes_of_text("x"), 0600, true, &err),
        -ERR_NOT_FOUND);
    assert_int_equal(mkdir(at("taken"), 0700), 0);
    assert_int_equal(
        file_write(at("taken"), bytes_of_text("x"), 0600, true, &err), -ERR_IO);
    assert_int_equal(rmdir(at("taken")), 0);
    assert_int_equal(rmdir(root), 0); /* so it is empty */
    assert_int_equal(mkdir(root, 0700), 0);
}

static void test_directories_are_made_in_depth(void **state)
{
    struct stat st;
    struct err err = {0};
    char want[256];

    (void)state;
    assert_int_equal(dir_make(at("a/b//c/"), 0750, NULL), 0);
    assert_int_equal(dir_make(at("a/b/c"), 0750, NULL), 0);
    assert_int_equal(stat(at("a/b/c"), &st), 0);
    assert_int_equal(
        file_write(at("a/file"), bytes_of_text("x"), 0600, false, NULL), 0);
    assert_int_equal(dir_make(at("a/file/d"), 0750, &err), -ERR_IO);
    snprintf(want, sizeof want,
             "cannot make directory '%s/a/file': Not a directory", root);
    assert_string_equal(err.text, want);
}

static void test_remove_does_not_follow_links(void **state)
{
    struct buf text = {0};

    (void)state;
    assert_int_equal(dir_make(at("tree/x/y"), 0700, NULL), 0);
    assert_int_equal(dir_make(at("kept"), 0700, NULL), 0);
    assert_int_equal(
        file_write(at("kept/f"), bytes_of_text("x"), 0600, false, NULL), 0);
    assert_int_equal(symlink(at("kept"), at("tree/x/link")), 0);
    assert_int_equal(symlink("../..", at("tree/x/y/up")), 0);
    assert_int_equal(
        file_write(at("tree/x/y/f"), bytes_of_text("x"), 0600, false, NULL), 0);
    assert_int_equal(dir_remove(at("tree"), NULL), 0);
    assert_int_equal(access(at("tree"), F_OK), -1);
    assert_int_equal(file_read(at("kept/f"), 10, &text, NULL), 0);
    assert_int_equal(symlink(at("kept"), at("link")), 0);
    assert_int_equal(dir_remove(at("link"), NULL), 0);
    assert_int_equal(access(at("kept"), F_OK), 0);
    assert_int_equal(dir_remove(at("none"), NULL), -ERR_NOT_FOUND);
    buf_release(&text);
}

static void test_a_deep_tree_can_be_removed(void **state)
{
    int fd = open(root, O_RDONLY | O_DIRECTORY);

    (void)state;
    for (int i = 0; i < 900; i++) {
        assert_int_equal(mkdirat(fd, "deeper-and-deeper", 0700), 0);
        int next = openat(fd, "deeper-and-deeper", O_RDONLY | O_DIRECTORY);
        assert_true(next >= 0);
        close(fd);
        fd = next;
    }
    close(fd);
    assert_int_equal(dir_remove(at("deeper-and-deeper"), NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_write_then_read),
        TEST(test_read_refuses_with_the_cause),
        TEST(test_write_leaves_no_temporary_file),
        TEST(test_directories_are_made_in_depth),
        TEST(test_remove_does_not_follow_links),
        TEST(test_a_deep_tree_can_be_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
