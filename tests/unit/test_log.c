#include "sys/log.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* Run `say` with standard error in a pipe; what came out, without the time. */
static const char *said(void (*say)(void))
{
    static char out[16384];
    int ends[2], before = dup(STDERR_FILENO);

    assert_int_equal(pipe(ends), 0);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    dup2(ends[1], STDERR_FILENO);
    say();
    dup2(before, STDERR_FILENO);
    close(before);
    ssize_t size = read(ends[0], out, sizeof out - 1);
    close(ends[0]);
    close(ends[1]);
    out[size > 0 ? size : 0] = 0;
    return size > 24 ? out + 25 : out;
}

static void say_plain(void)
{
    log_line(LOG_LEVEL_INFO, "offer_sent agent=%s offers=%d", "a-17", 3);
}

static void test_a_line_is_one_event(void **state)
{
    (void)state;
    log_open("master", LOG_LEVEL_INFO);
    assert_string_equal(said(say_plain),
                        "info master offer_sent agent=a-17 offers=3\n");
}

static void say_debug(void)
{
    log_line(LOG_LEVEL_DEBUG, "detail");
}

static void test_levels_are_kept(void **state)
{
    enum log_level level;

    (void)state;
    log_open("agent", LOG_LEVEL_INFO);
    assert_string_equal(said(say_debug), "");
    log_open("agent", LOG_LEVEL_DEBUG);
    assert_string_equal(said(say_debug), "debug agent detail\n");
    assert_int_equal(log_level(), LOG_LEVEL_DEBUG);
    assert_int_equal(log_level_parse("WARN", &level), 0);
    assert_int_equal(level, LOG_LEVEL_WARN);
    assert_true(log_level_parse("loud", &level) < 0);
}

static void say_values(void)
{
    log_line(LOG_LEVEL_ERROR, "x a=%s b=%s c=%s d=%s", log_value("plain"),
             log_value("two words"), log_value("q\"\\\n\x01"), log_value(""));
}

static void test_values_are_quoted_when_needed(void **state)
{
    (void)state;
    log_open("x", LOG_LEVEL_INFO);
    assert_string_equal(
        said(say_values),
        "error x x a=plain b=\"two words\" c=\"q\\\"\\\\\\n\\x01\" d=\"\"\n");
}

static void say_long(void)
{
    char *text = malloc(100000);
    memset(text, 'y', 100000);
    text[50] = '\n';
    text[99999] = 0;
    log_line(LOG_LEVEL_INFO, "%s", text);
    log_line(LOG_LEVEL_INFO, "%s", log_value(text));
    free(text);
}

static void test_no_line_is_long_or_broken(void **state)
{
    int lines = 0;

    (void)state;
    log_open("x", LOG_LEVEL_INFO);
    const char *out = said(say_long);
    assert_non_null(strstr(out, "yy...\"\n"));
    for (; *out; out++)
        lines += *out == '\n';
    assert_int_equal(lines, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_is_one_event),
        cmocka_unit_test(test_levels_are_kept),
        cmocka_unit_test(test_values_are_quoted_when_needed),
        cmocka_unit_test(test_no_line_is_long_or_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
