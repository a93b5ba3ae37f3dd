/* Sandboxes: whose they are, how old ones go, and what of them can be read; and
 * groups of version 2 as the plain files they are. */
#include "agent_stage.h"
#include "agent/files.h"
#include "agent/sandbox.h"
#include "sys/clock.h"
#include <errno.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>

static void test_an_unknown_user_names_the_remedy(void **state)
{
    struct sandbox_user user;
    struct err err = {0};
    (void)state;
    assert_true(sandbox_user_find("no-such-user", &user, &err) < 0);
    assert_string_equal(
        err.text, "user 'no-such-user' does not exist on this agent; create "
                  "it (useradd no-such-user) or choose another role");
}

/* The folder of the executors asks the file system to spread what is in it,
 * where that knows the wish (ext2 to ext4). */
static void assert_spread(struct stage *stage)
{
    char path[600];
    struct statfs fs;
    int flags = 0;
    snprintf(path, sizeof path, "%s/../../..", sandbox(stage));
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fstatfs(fd, &fs), 0);
    if (fs.f_type == EXT4_SUPER_MAGIC &&
        ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0)
        assert_true(flags & FS_TOPDIR_FL);
    close(fd);
}

static void test_a_sweep_removes_what_is_old_and_not_alive(void **state)
{
    struct stage *stage = *state;
    struct sandbox_user self;
    char path[600];
    char *none[] = {NULL}, *live[] = {(char *)"c1", NULL};
    int64_t later = clock_wall_ms() + 3600 * 1000;
    sandbox_user_self(&self);
    assert_int_equal(sandbox_make(sandbox(stage), &self, NULL), 0);
    assert_spread(stage);
    assert_int_equal(sandbox_set_owner(sandbox(stage), "role x", NULL), 0);
    assert_int_equal(sandbox_sweep(stage->work_dir, 1000, none), 0);
    assert_int_equal(sandbox_sweep(stage->work_dir, later, live), 0);
    assert_int_equal(access(sandbox(stage), F_OK), 0);
    assert_int_equal(sandbox_sweep(stage->work_dir, later, none), 1);
    snprintf(path, sizeof path, "%s/slaves/A", stage->work_dir);
    assert_int_not_equal(access(path, F_OK), 0); /* nothing empty stays */
}

static void test_whose_it_is_stands_beside_it(void **state)
{
    struct stage *stage = *state;
    struct sandbox_user self;
    char path[600], owner[16] = "";
    sandbox_user_self(&self);
    assert_int_equal(sandbox_make(sandbox(stage), &self, NULL), 0);
    assert_false(sandbox_owner(sandbox(stage), owner, sizeof owner));
    assert_int_equal(sandbox_set_owner(sandbox(stage), "role x", NULL), 0);
    assert_true(sandbox_owner(sandbox(stage), owner, sizeof owner));
    assert_string_equal(owner, "role x");
    assert_int_equal(sandbox_set_owner(sandbox(stage), "job a/b/c/d", NULL), 0);
    snprintf(path, sizeof path, "%s/../latest", sandbox(stage));
    assert_true(sandbox_owner(path, owner, sizeof owner));
    assert_string_equal(owner, "job a/b/c/d");
    assert_false(sandbox_owner(path, owner, 11)); /* too long */
}

static void touch(struct stage *stage, const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", sandbox(stage), name);
    assert_int_equal(file_write(path, bytes_of_text("x"), 0644, false, NULL),
                     0);
}

static int resolve(struct stage *stage, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int resolve(struct stage *stage, const char *format, ...)
{
    char path[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(path, sizeof path, format, args);
    va_end(args);
    int fd = files_resolve(stage->work_dir, "A", path);
    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}

static void test_only_sandboxes_can_be_read(void **state)
{
    struct stage *stage = *state;
    struct sandbox_user self;
    char outside[600], link[600];
    const char *box = sandbox(stage);
    sandbox_user_self(&self);
    assert_int_equal(sandbox_make(box, &self, NULL), 0);
    touch(stage, "stdout");
    snprintf(outside, sizeof outside, "%s/secret", stage->work_dir);
    assert_int_equal(file_write(outside, bytes_of_text("s"), 0644, false, NULL),
                     0);
    snprintf(link, sizeof link, "%s/out", box);
    assert_int_equal(symlink(outside, link), 0);
    snprintf(link, sizeof link, "%s/in", box);
    assert_int_equal(symlink("stdout", link), 0);
    assert_int_equal(resolve(stage, "%s", box), 0);
    assert_int_equal(resolve(stage, "%s/stdout", box), 0);
    assert_int_equal(resolve(stage, "%s/in", box), 0);
    assert_int_equal(
        resolve(stage, "/frameworks/F/executors/E/runs/latest/stdout"), 0);
    assert_int_equal(resolve(stage, "%s/nope", box), -ENOENT);
    assert_int_equal(resolve(stage, "%s/stdout/x", box), -ENOENT);
    assert_int_equal(resolve(stage, "%s/out", box), -EXDEV);
    assert_int_equal(resolve(stage, "%s/..", box), -EXDEV);
    assert_int_equal(resolve(stage, "%s/../c1/../../../../secret", box),
                     -EXDEV);
    assert_int_equal(resolve(stage, "%s", outside), -ENOENT);
    assert_int_equal(resolve(stage, "%s/meta/version", stage->work_dir),
                     -ENOENT);
    assert_int_equal(resolve(stage,
                             "%s/slaves/A/frameworks/../executors/E/runs/c1",
                             stage->work_dir),
                     -ENOENT);
    assert_int_equal(resolve(stage, "/etc/passwd"), -ENOENT);
    assert_int_equal(resolve(stage, "%s", ""), -ENOENT);
}

static void test_v2_groups_are_plain_files_too(void **state)
{
    struct stage *stage = *state;
    struct cgroups c;
    struct buf text = {0};
    struct err err = {0};
    char path[600], mounts[600], line[1300];
    snprintf(path, sizeof path, "%s/cgroup.controllers", stage->work_dir);
    assert_int_equal(
        file_write(path, bytes_of_text("cpu memory pids\n"), 0644, false, NULL),
        0);
    snprintf(mounts, sizeof mounts, "%s/mounts", stage->work_dir);
    snprintf(line, sizeof line, "none %s cgroup2 rw 0 0\n", stage->work_dir);
    assert_int_equal(file_write(mounts, bytes_of_text(line), 0644, false, NULL),
                     0);
    assert_int_equal(cgroups_open(&c, mounts, "root", &err), 0);
    assert_int_equal(c.version, 2);
    assert_int_equal(cgroup_make(&c, "c1", &err), 0);
    snprintf(path, sizeof path, "%s/root/c1/memory.max", stage->work_dir);
    assert_int_equal(
        file_write(path, bytes_of_text("max\n"), 0644, false, NULL), 0);
    assert_int_equal(cgroup_limit(&c, "c1", 500, 64 << 20, &err), 0);
    assert_true(file_read(path, 64, &text, NULL) >= 0);
    assert_int_equal(strtoll(buf_text(&text), NULL, 10), 64 << 20);
    buf_clear(&text);
    assert_int_equal(cgroup_limit(&c, "c1", 500, 32 << 20, &err), 0);
    assert_true(file_read(path, 64, &text, NULL) >= 0);
    assert_int_equal(strtoll(buf_text(&text), NULL, 10), 64 << 20);
    buf_release(&text);
    assert_int_equal(cgroups_open(&c, "/dev/null", "root", &err),
                     -ERR_UNSUPPORTED);
}

int main(void)
{
#define ONE(name) \
    cmocka_unit_test_setup_teardown(name, set_up_cgroups, tear_down)
    const struct CMUnitTest tests[] = {
        ONE(test_an_unknown_user_names_the_remedy),
        ONE(test_a_sweep_removes_what_is_old_and_not_alive),
        ONE(test_whose_it_is_stands_beside_it),
        ONE(test_only_sandboxes_can_be_read),
        ONE(test_v2_groups_are_plain_files_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
