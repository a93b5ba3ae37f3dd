/* Logs whose files cannot be made once their process runs: nothing that it
 * writes is lost in silence. A directory in the place of a file stands for a
 * file system that makes none. */
#include "runner_kit.h"

/* `b` writes into what `a` has spoiled. */
#define SPOIL                                               \
    {                                                       \
        .name = "a", .cmdline = "mkdir -p .logs/b/0/stdout" \
    }
#define UNTIL(condition) "until " condition "; do sleep 0.01; done; "

/* What the runner says of itself, beside its sandbox. */
static void listen_to(struct rig *r, char path[96])
{
    (void)snprintf(path, 96, "%s.console", r->dir);
    assert_int_equal(setenv("TEST_CONSOLE", path, 1), 0);
}

static void begin(struct rig *r, const struct script *script, size_t count,
                  char console[96])
{
    rig_init(r);
    listen_to(r, console);
    give(r, write_task(script, count, true));
    start(r);
}

static void end(struct rig *r, const char *console)
{
    (void)unlink(console);
    assert_int_equal(unsetenv("TEST_CONSOLE"), 0);
    rig_release(r);
}

static void until_said(struct rig *r, const char *console, const char *word)
{
    int64_t until_ms = clock_wall_ms() + DEADLINE_MS;
    struct buf text = {0};
    do {
        turn(r, 5);
        buf_clear(&text);
        if (file_read(console, 1 << 20, &text, NULL) != 0)
            buf_clear(&text);
        assert_true(clock_wall_ms() < until_ms);
    } while (strstr(buf_text(&text), word) == NULL);
    buf_release(&text);
}

static void touch(const struct rig *r, const char *name)
{
    char path[400];
    (void)snprintf(path, sizeof path, "%s/%s", r->dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    (void)close(fd);
}

/* The runner has tried before the way is free, and tries again. */
static void test_output_waits_until_there_is_a_file(void **unused)
{
    (void)unused;
    const struct script script[] = {
        SPOIL,
        {.name = "b",
         .cmdline = "echo first; " UNTIL(
             "test -e go") "rmdir .logs/b/0/stdout; echo second"}};
    struct rig r;
    char console[96];
    begin(&r, script, 2, console);
    until_said(&r, console, "log_not_made process=b run=0");
    touch(&r, "go");
    finish(&r);
    assert_int_equal(r.state, THERMOS_FINISHED);
    assert_string_equal(r.text, "");
    assert_content(&r, ".logs/b/0/stdout", "first\nsecond\n");
    end(&r, console);
}

/* Neither end nor death of its runner takes away what a process wrote. */
static void after_its_end(bool is_killed)
{
    const struct script script[] = {
        SPOIL,
        {.name = "b", .cmdline = "echo says"},
        {.name = "c",
         .cmdline =
             "touch c; " UNTIL("test -e go") "rmdir .logs/b/0/stdout; " UNTIL(
                 "test -s .logs/b/0/stdout") "true"}};
    struct rig r;
    char console[96];
    begin(&r, script, 3, console);
    until_exists(&r, "c");
    if (is_killed)
        assert_int_equal(kill(r.runner, SIGKILL), 0);
    touch(&r, "go");
    finish(&r);
    assert_int_equal(r.state, THERMOS_FINISHED);
    assert_int_equal(r.runners, is_killed ? 2 : 1);
    assert_string_equal(r.text, "");
    assert_content(&r, ".logs/b/0/stdout", "says\n");
    end(&r, console);
}

static void test_output_outlives_its_process(void **unused)
{
    (void)unused;
    after_its_end(false);
}

static void test_output_outlives_its_runner(void **unused)
{
    (void)unused;
    after_its_end(true);
}

static void test_what_is_lost_in_the_end_is_told(void **unused)
{
    (void)unused;
    const struct script script[] = {
        SPOIL, {.name = "b", .cmdline = "echo says; echo no >&2"}};
    struct rig r;
    char console[96];
    begin(&r, script, 2, console);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FINISHED);
    assert_string_equal(r.text, "5 bytes that process 'b' wrote are lost: log "
                                "'.logs/b/0/stdout': Is a directory");
    assert_content(&r, ".logs/b/0/stderr", "no\n");
    end(&r, console);
}

static void test_without_a_place_for_output_a_process_fails(void **unused)
{
    (void)unused;
    const struct script script[] = {
        SPOIL, {.name = "b", .cmdline = "while echo more; do :; done"}};
    struct rig r;
    char console[96];
    begin(&r, script, 2, console);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FAILED);
    assert_string_equal(r.text,
                        "process 'b' failed: it was ended, its output had no "
                        "place: log '.logs/b/0/stdout': Is a directory");
    end(&r, console);
}

/* Directories that a process removed are made again. */
static void test_removed_directories_come_back(void **unused)
{
    (void)unused;
    const struct script script = {.name = "a",
                                  .cmdline = "rm -rf .logs; touch gone; " UNTIL(
                                      "test -e go") "echo says"};
    struct rig r;
    char console[96];
    begin(&r, &script, 1, console);
    until_exists(&r, "gone");
    assert_int_equal(kill(r.runner, SIGKILL), 0);
    touch(&r, "go");
    finish(&r);
    assert_int_equal(r.state, THERMOS_FINISHED);
    assert_content(&r, ".logs/a/0/stdout", "says\n");
    end(&r, console);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_waits_until_there_is_a_file),
        cmocka_unit_test(test_output_outlives_its_process),
        cmocka_unit_test(test_output_outlives_its_runner),
        cmocka_unit_test(test_what_is_lost_in_the_end_is_told),
        cmocka_unit_test(test_without_a_place_for_output_a_process_fails),
        cmocka_unit_test(test_removed_directories_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
