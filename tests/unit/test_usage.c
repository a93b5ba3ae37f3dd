/* What processes and directories use, against a process and a directory of the
 * test's own. */
#include "executor/thermos/usage.h"

#include "executor/thermos/process_tree.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static pid_t start_sleeper(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)setpgid(0, 0);
        if (fork() == 0) {
            (void)pause();
            _exit(0);
        }
        (void)pause();
        _exit(0);
    }
    return pid;
}

static void test_a_tree_is_summed_up(void **unused)
{
    (void)unused;
    struct usage usage = {0}, own;
    pid_t pid = start_sleeper();

    for (int i = 0; i < 2000 && usage.processes < 2; i++) {
        (void)usleep(1000); /* until it has forked */
        usage_of_tree(pid, &usage);
    }
    assert_int_equal(usage.processes, 2);
    assert_int_equal(usage.threads, 2);
    assert_true(usage.descriptors >= 6);
    usage_of_tree(getpid(), &own);
    assert_int_equal(own.processes, 3);
    assert_true(own.memory_bytes > 0);
    assert_int_equal(kill(-pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    usage_of_tree(pid, &usage);
    assert_int_equal(usage.processes, 0);
}

static void test_json_says_null_for_what_is_hidden(void **unused)
{
    (void)unused;
    struct usage sum = {.cpu_ms = 10,
                        .memory_bytes = 4096,
                        .processes = 1,
                        .threads = 2,
                        .descriptors = 3};
    struct usage hidden = {.processes = 1, .descriptors = -1};
    struct buf text = {0};

    usage_json(&sum, &text);
    assert_string_equal(buf_text(&text),
                        "{\"cpu_ms\":10,\"memory_bytes\":4096,\"processes\":1,"
                        "\"threads\":2,\"descriptors\":3}");
    usage_add(&sum, &hidden);
    buf_clear(&text);
    usage_json(&sum, &text);
    assert_string_equal(buf_text(&text),
                        "{\"cpu_ms\":10,\"memory_bytes\":4096,\"processes\":2,"
                        "\"threads\":2,\"descriptors\":null}");
    buf_release(&text);
}

static void run(const char *dir, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void run(const char *dir, const char *format, ...)
{
    char command[512];
    va_list args;
    int used = snprintf(command, sizeof command, "cd %s && ", dir);
    va_start(args, format);
    (void)vsnprintf(command + used, sizeof command - (size_t)used, format,
                    args);
    va_end(args);
    assert_int_equal(system(command), 0);
}

static void test_a_directory_counts_as_du_does(void **unused)
{
    (void)unused;
    char dir[] = "/tmp/test_usage.XXXXXX";
    assert_non_null(mkdtemp(dir));
    int64_t empty = usage_of_disk(dir);
    assert_true(empty >= 0);
    run(dir, "dd if=/dev/urandom of=a bs=1024 count=1000 2>/dev/null");
    int64_t one = usage_of_disk(dir) - empty;
    assert_in_range(one, 1000 * 1024, 1100 * 1024);
    run(dir, "ln a b && mkdir -p x/y && ln a x/y/c && ln -s / out");
    int64_t linked = usage_of_disk(dir) - empty;
    assert_in_range(linked, one - 4096, one + 64 * 1024);
    run(dir, "p=.; for i in $(seq 300); do p=$p/d; done; mkdir -p $p");
    assert_true(usage_of_disk(dir) >= linked); /* too deep is not endless */
    assert_int_equal(usage_of_disk("/nonexistent"), -1);
    run("/", "rm -rf %s", dir);
}

/* A birth between two looks at the clock that show one tick was in that tick:
 * the kernel says the same. */
static void test_who_is_born_now_is_known_without_asking(void **unused)
{
    enum { BIRTHS = 300 };
    int sure = 0;
    (void)unused;
    for (int i = 0; i < BIRTHS; i++) {
        uint64_t before = tree_ticks_now();
        pid_t pid = fork();
        if (pid == 0) {
            (void)pause();
            _exit(0);
        }
        uint64_t behind = tree_ticks_now();
        assert_true(before > 0 && behind >= before);
        uint64_t ticks = tree_start_ticks(pid);
        assert_in_range(ticks, before, behind);
        sure += before == behind;
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
    }
    assert_true(sure > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_tree_is_summed_up),
        cmocka_unit_test(test_json_says_null_for_what_is_hidden),
        cmocka_unit_test(test_a_directory_counts_as_du_does),
        cmocka_unit_test(test_who_is_born_now_is_known_without_asking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
