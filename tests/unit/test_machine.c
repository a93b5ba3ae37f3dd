/* The tasks of a machine: which are found, what that may cost, and where a
 * sandbox leads to. */
#include "executor/thermos/observer/machine.h"

#include "sys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATH_LEN = 400 };

static char root[64];
static struct machine machine;

static int set_up(void **unused)
{
    struct err err = {0};
    (void)unused;
    (void)snprintf(root, sizeof root, "/tmp/test_machine.XXXXXX");
    assert_non_null(mkdtemp(root));
    machine = (struct machine){0};
    return machine_add_root(&machine, root, &err);
}

static int tear_down(void **unused)
{
    (void)unused;
    machine_release(&machine);
    return dir_remove(root, NULL);
}

static void add(struct buf *file, const Perigee__Thermos__Record *record)
{
    struct buf bytes = {0};
    size_t size = perigee__thermos__record__get_packed_size(record);
    buf_reserve(&bytes, size);
    bytes.size = perigee__thermos__record__pack(record, bytes.data);
    stream_frame(buf_bytes(&bytes), file);
    buf_release(&bytes);
}

static void add_header(struct buf *file, const char *id)
{
    Perigee__Thermos__Record record = PERIGEE__THERMOS__RECORD__INIT;
    Perigee__Thermos__Header header = PERIGEE__THERMOS__HEADER__INIT;
    char *name = (char *)(uintptr_t) "p";
    header.task_id = (char *)(uintptr_t)id;
    header.processes = &name;
    header.n_processes = 1;
    record.header = &header;
    add(file, &record);
}

static void add_run(struct buf *file, uint32_t run)
{
    Perigee__Thermos__Record record = PERIGEE__THERMOS__RECORD__INIT;
    Perigee__Thermos__Process step = PERIGEE__THERMOS__PROCESS__INIT;
    step.has_process = step.has_run = step.has_state = 1;
    step.run = run;
    step.state = PERIGEE__THERMOS__PROCESS__STATE__FAILED;
    step.reason = (char *)(uintptr_t) "a reason that is told once more";
    record.process = &step;
    add(file, &record);
}

/* A sandbox with a checkpoint, `path` below the root. */
static void make_task(const char *path, struct bytes checkpoint)
{
    char name[PATH_LEN];
    (void)snprintf(name, sizeof name, "%s/%s/.thermos", root, path);
    assert_int_equal(dir_make(name, 0755, NULL), 0);
    (void)snprintf(name, sizeof name, "%s/%s/.thermos/stream", root, path);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, checkpoint.data, checkpoint.size),
                     checkpoint.size);
    (void)close(fd);
}

static void make_named(const char *path, const char *id)
{
    struct buf file = {0};
    add_header(&file, id);
    make_task(path, buf_bytes(&file));
    buf_release(&file);
}

static const struct machine_task *find(const char *id)
{
    const struct machine_task *task = NULL;
    return machine_find(&machine, id, &task, NULL) == 0 ? task : NULL;
}

static void test_a_folder_above_a_sandbox_becomes_a_link(void **unused)
{
    static const char inner[] =
        "agent/slaves/a/frameworks/f/executors/e/runs/r";
    char from[PATH_LEN], to[PATH_LEN];
    (void)unused;

    make_named(inner, "the-task");
    make_named("elsewhere/runs/r", "the-task");
    machine_look(&machine);
    const struct machine_task *task = find("the-task");
    assert_non_null(task);
    int fd = machine_open_sandbox(task);
    assert_true(fd >= 0);
    (void)close(fd);

    (void)snprintf(from, sizeof from,
                   "%s/agent/slaves/a/frameworks/f/executors/e", root);
    (void)snprintf(to, sizeof to, "%s/agent/moved", root);
    assert_int_equal(rename(from, to), 0);
    (void)snprintf(to, sizeof to, "%s/elsewhere", root);
    assert_int_equal(symlink(to, from), 0);
    assert_int_equal(machine_open_sandbox(task), -ELOOP);
    machine_look(&machine);
    assert_null(find("the-task"));
}

static void test_what_runs_comes_before_what_has_ended(void **unused)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    char name[PATH_LEN];
    (void)unused;

    for (int i = 0; i <= MACHINE_TASKS_MAX; i++) {
        char path[16], id[16];
        (void)snprintf(path, sizeof path, "t%d", i);
        (void)snprintf(id, sizeof id, "id-%d.", i);
        make_named(path, id);
    }
    (void)snprintf(name, sizeof name, "%s/t7/.thermos/stream", root);
    assert_int_equal(utimensat(AT_FDCWD, name, old, 0), 0);
    machine_look(&machine);
    assert_int_equal(machine.tasks.count, MACHINE_TASKS_MAX);
    assert_int_equal(machine.left_out, 1);
    assert_null(find("id-7."));
    struct buf gaps = {0};
    machine_add_gaps(&machine, &gaps);
    assert_non_null(strstr(buf_text(&gaps), "1 tasks are left out"));
    buf_release(&gaps);

    int fd = open(name, O_RDWR | O_CLOEXEC);
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &whole), 0);
    machine_look(&machine);
    assert_int_equal(machine.left_out, 1);
    assert_non_null(find("id-7."));
    (void)close(fd);
}

/* Memory follows what there is to show, not what the file repeats. */
static void test_a_checkpoint_that_repeats_itself_costs_nothing(void **unused)
{
    enum { REPEATED = 200000, BYTES_MAX = 64 << 10 };
    struct buf file = {0};
    (void)unused;

    add_header(&file, "the-task");
    for (uint32_t i = 0; i < REPEATED; i++)
        add_run(&file, i % 3);
    assert_true(file.size > REPEATED * 20);
    make_task("t", buf_bytes(&file));
    buf_release(&file);
    machine_look(&machine);
    const struct machine_task *task = find("the-task");
    assert_non_null(task);
    assert_int_equal(task->history.process[0].runs.count, 3);
    assert_in_range(history_memory(&task->history), 1, BYTES_MAX);
}

/* One look reads so much and no more; the next goes on where it may. */
static void test_large_checkpoints_are_read_one_after_another(void **unused)
{
    enum { TASKS = 3, EACH = 30 << 20 };
    struct buf file = {0}, frame = {0};
    (void)unused;

    add_run(&frame, 0);
    add_header(&file, "large");
    while (file.size < EACH)
        buf_add_bytes(&file, buf_bytes(&frame));
    for (int i = 0; i < TASKS; i++) {
        char path[16];
        (void)snprintf(path, sizeof path, "t%d", i);
        make_task(path, buf_bytes(&file));
    }
    buf_release(&file);
    buf_release(&frame);
    machine_look(&machine);
    assert_int_equal(machine.tasks.count, 2);
    assert_int_equal(machine.left_out, 1);
    machine_look(&machine);
    assert_int_equal(machine.tasks.count, TASKS);
    assert_int_equal(machine.left_out, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_a_folder_above_a_sandbox_becomes_a_link, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_what_runs_comes_before_what_has_ended, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_checkpoint_that_repeats_itself_costs_nothing, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            test_large_checkpoints_are_read_one_after_another, set_up,
            tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
