/* The checkpoint: frames, torn tails, damage, locks. */
#include "executor/thermos/stream.h"

#include "sys/file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct seen {
    uint32_t count;
    uint32_t run[100];
    bool fail;
};

static int note(void *context, const Perigee__Thermos__Record *record,
                struct err *err)
{
    struct seen *seen = context;
    if (seen->fail)
        return err_set(err, ERR_CONFLICT, "no");
    assert_true(seen->count < 100);
    seen->run[seen->count++] = record->process ? record->process->run : 9999;
    return 0;
}

static void append(struct stream *stream, uint32_t run)
{
    Perigee__Thermos__Record record = PERIGEE__THERMOS__RECORD__INIT;
    Perigee__Thermos__Process process = PERIGEE__THERMOS__PROCESS__INIT;
    process.has_run = 1;
    process.run = run;
    record.process = &process;
    assert_int_equal(stream_append(stream, &record, NULL), 0);
}

static char path[100];

static int set_up(void **unused)
{
    (void)unused;
    (void)snprintf(path, sizeof path, "/tmp/test_stream.XXXXXX");
    int fd = mkstemp(path);
    (void)close(fd);
    return unlink(path);
}

static int tear_down(void **unused)
{
    (void)unused;
    (void)unlink(path);
    return 0;
}

static void write_three(void)
{
    struct stream stream;
    struct seen seen = {0};
    assert_int_equal(stream_open(&stream, path, note, &seen, NULL), 0);
    assert_int_equal(seen.count, 0);
    for (uint32_t i = 0; i < 3; i++)
        append(&stream, i);
    stream_close(&stream, true);
}

static void expect_runs(uint32_t count)
{
    struct stream stream;
    struct seen seen = {0};
    struct err err = {0};
    assert_int_equal(stream_open(&stream, path, note, &seen, &err), 0);
    assert_int_equal(seen.count, count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(seen.run[i], i);
    assert_int_equal(stream.sequence, count);
    stream_close(&stream, false);
}

static void test_what_is_written_is_read(void **unused)
{
    (void)unused;
    write_three();
    expect_runs(3);
}

static void test_a_torn_tail_is_dropped_wherever_it_is_torn(void **unused)
{
    (void)unused;
    struct stat st;
    write_three();
    assert_int_equal(stat(path, &st), 0);
    off_t frame = st.st_size / 3;
    for (off_t cut = st.st_size - 1; cut > st.st_size - frame; cut--) {
        assert_int_equal(truncate(path, cut), 0);
        expect_runs(2);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_size, 2 * frame); /* the tail is cut off */
        st.st_size = 3 * frame;
        struct stream stream;
        struct seen seen = {0};
        assert_int_equal(stream_open(&stream, path, note, &seen, NULL), 0);
        append(&stream, 2);
        stream_close(&stream, false);
        expect_runs(3);
    }
}

static void test_a_tail_of_zeroes_is_a_torn_tail(void **unused)
{
    (void)unused;
    write_three();
    int fd = open(path, O_WRONLY | O_APPEND);
    static const char zeroes[4096];
    assert_int_equal(write(fd, zeroes, sizeof zeroes), sizeof zeroes);
    (void)close(fd);
    expect_runs(3);
}

static void flip(off_t at)
{
    uint8_t byte;
    int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    (void)close(fd);
}

static void test_damage_in_the_middle_is_reported(void **unused)
{
    (void)unused;
    struct stat st;
    write_three();
    assert_int_equal(stat(path, &st), 0);
    off_t frame = st.st_size / 3;
    for (off_t at = frame; at < 2 * frame; at++) {
        struct stream stream;
        struct seen seen = {0};
        struct err err = {0};
        flip(at);
        assert_int_equal(stream_open(&stream, path, note, &seen, &err),
                         -ERR_DAMAGED);
        assert_non_null(strstr(err.text, "checkpoint: byte "));
        flip(at);
    }
    expect_runs(3);
}

/* A full disk, as a limit on the size of files makes it. */
static void limit_file(rlim_t size)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size < limit.rlim_max ? size : limit.rlim_max;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static int append_run(struct stream *stream, uint32_t run, bool is_fact)
{
    Perigee__Thermos__Record record = PERIGEE__THERMOS__RECORD__INIT;
    Perigee__Thermos__Process process = PERIGEE__THERMOS__PROCESS__INIT;
    process.has_run = 1;
    process.run = run;
    record.process = &process;
    return is_fact ? stream_append_fact(stream, &record, NULL)
                   : stream_append(stream, &record, NULL);
}

static void test_facts_wait_for_room_on_the_disk(void **unused)
{
    (void)unused;
    for (int late = 0; late < 2; late++) {
        struct stream stream;
        struct seen seen = {0};
        (void)unlink(path);
        write_three();
        assert_int_equal(stream_open(&stream, path, note, &seen, NULL), 0);
        limit_file((rlim_t)lseek(stream.fd, 0, SEEK_END) + 3);
        assert_int_equal(append_run(&stream, 99, false), -ERR_NO_SPACE);
        assert_int_equal(append_run(&stream, 3, true), -ERR_NO_SPACE);
        assert_int_equal(append_run(&stream, 4, true), -ERR_NO_SPACE);
        assert_int_equal(append_run(&stream, 99, false), -ERR_NO_SPACE);
        limit_file(RLIM_INFINITY);
        if (!late)
            assert_int_equal(append_run(&stream, 5, false), 0);
        stream_close(&stream, true);
        expect_runs(late ? 5 : 6);
    }
}

static void test_what_waits_is_bounded(void **unused)
{
    (void)unused;
    struct stream stream;
    struct seen seen = {0};
    assert_int_equal(stream_open(&stream, path, note, &seen, NULL), 0);
    limit_file(0);
    for (uint32_t i = 0; i < 100 * 1000; i++)
        assert_int_equal(append_run(&stream, i, true), -ERR_IO);
    assert_true(stream.unwritten.size <= STREAM_UNWRITTEN_MAX);
    limit_file(RLIM_INFINITY);
    stream_close(&stream, false);
}

static void test_a_second_writer_is_refused(void **unused)
{
    (void)unused;
    struct stream first, second;
    struct seen seen = {0};
    struct err err = {0};
    assert_int_equal(stream_open(&first, path, note, &seen, NULL), 0);
    assert_int_equal(stream_open(&second, path, note, &seen, &err), -ERR_BUSY);
    stream_close(&first, false);
    assert_int_equal(stream_open(&second, path, note, &seen, &err), 0);
    stream_close(&second, false);
}

static void test_a_refusal_of_the_reader_is_passed_on(void **unused)
{
    (void)unused;
    struct stream stream;
    struct seen seen = {.fail = true};
    struct err err = {0};
    write_three();
    assert_int_equal(stream_open(&stream, path, note, &seen, &err),
                     -ERR_CONFLICT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_written_is_read, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_torn_tail_is_dropped_wherever_it_is_torn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_tail_of_zeroes_is_a_torn_tail,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage_in_the_middle_is_reported,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_facts_wait_for_room_on_the_disk,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_waits_is_bounded, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_second_writer_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_refusal_of_the_reader_is_passed_on, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
