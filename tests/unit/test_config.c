/* Daemon configuration: four sources, one table, errors with place and the
 * nearest name. */
#include "script/config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after the above */
#include <cmocka.h>

struct probe_config {
    char *work_dir, *resources;
    int64_t port, ping_timeout, buffer;
    bool strict;
};

#define AT(field) offsetof(struct probe_config, field)
static const struct config_option OPTIONS[] = {
    {"work_dir", CONFIG_STRING, AT(work_dir), NULL, "where it works", 0, 0,
     true},
    {"resources", CONFIG_STRING, AT(resources), NULL, "what it has", 0, 0,
     false},
    {"port", CONFIG_INT, AT(port), "5050", "where it listens", 0, 65535, false},
    {"ping_timeout", CONFIG_DURATION, AT(ping_timeout), "15secs", "patience", 0,
     0, false},
    {"buffer", CONFIG_SIZE, AT(buffer), "4MB", "how much", 0, 0, false},
    {"strict", CONFIG_BOOL, AT(strict), "true", "how", 0, 0, false},
};
static const struct config_schema SCHEMA = {"perigee-probe",
                                            "probes",
                                            "config",
                                            NULL,
                                            OPTIONS,
                                            sizeof OPTIONS / sizeof OPTIONS[0],
                                            NULL};

static char path[] = "/tmp/perigee-config-XXXXXX";

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int load(struct probe_config *config, struct err *err, const char *a,
                const char *b, const char *c)
{
    char *argv[] = {"perigee-probe", (char *)a, (char *)b, (char *)c, NULL};
    int argc = 1;
    while (argv[argc] != NULL)
        argc++;
    *config = (struct probe_config){0};
    *err = (struct err){0};
    return config_load(&SCHEMA, argc, argv, config, err);
}

static int load_file(struct probe_config *config, struct err *err,
                     const char *text)
{
    char flag[64];
    snprintf(flag, sizeof flag, "--config=%s", path);
    write_file(text);
    return load(config, err, flag, NULL, NULL);
}

static void test_defaults_are_read_as_text(void **state)
{
    (void)state;
    struct probe_config config;
    struct err err;
    assert_int_equal(load(&config, &err, "--work-dir=/x", NULL, NULL), 0);
    assert_string_equal(config.work_dir, "/x");
    assert_null(config.resources);
    assert_int_equal(config.port, 5050);
    assert_int_equal(config.ping_timeout, 15000);
    assert_int_equal(config.buffer, 4 << 20);
    assert_true(config.strict);
    config_release(&SCHEMA, &config);
}

static void test_a_flag_wins_over_variable_and_file(void **state)
{
    (void)state;
    struct probe_config config;
    struct err err;
    char flag[64];
    snprintf(flag, sizeof flag, "--config=%s", path);
    write_file("port = 1; work_dir = '/file'; strict = false\n"
               "ping_timeout = 3\n");
    setenv("PERIGEE_PORT", "2", 1);
    setenv("PERIGEE_STRICT", "true", 1);
    assert_int_equal(load(&config, &err, flag, "--port", "3"), 0);
    assert_int_equal(config.port, 3);
    assert_true(config.strict);
    assert_string_equal(config.work_dir, "/file");
    assert_int_equal(config.ping_timeout, 3000);
    unsetenv("PERIGEE_PORT");
    unsetenv("PERIGEE_STRICT");
    config_release(&SCHEMA, &config);
}

static void test_booleans_take_no(void **state)
{
    (void)state;
    struct probe_config config;
    struct err err;
    assert_int_equal(load(&config, &err, "--no-strict", "--work_dir", "/x"), 0);
    assert_false(config.strict);
    config_release(&SCHEMA, &config);
}

static void test_tables_become_resource_text(void **state)
{
    (void)state;
    struct probe_config config;
    struct err err;
    assert_int_equal(
        load_file(&config, &err,
                  "work_dir = env('NO_SUCH') or '/' .. host.hostname:sub(1,0)\n"
                  "resources = { mem = 4096, cpus = 0.5, "
                  "ports = '[1-2]', rack = {'a', 'b'} }"),
        0);
    assert_string_equal(config.work_dir, "/");
    assert_string_equal(config.resources,
                        "cpus:0.5;mem:4096;ports:[1-2];rack:a;rack:b");
    config_release(&SCHEMA, &config);
}

static void expect_file_error(const char *text, const char *want)
{
    struct probe_config config;
    struct err err;
    char whole[256];
    assert_true(load_file(&config, &err, text) < 0);
    snprintf(whole, sizeof whole, "%s%s", path, want);
    assert_string_equal(err.text, whole);
    assert_null(config.work_dir);
}

static void test_file_errors_have_file_and_line(void **state)
{
    (void)state;
    expect_file_error("\n\nprot = 5051",
                      ":3: unknown option 'prot', did you mean 'port'?");
    expect_file_error("work_dir = '/x'\nport = 'many'",
                      ":2: option 'port': 'many': want an integer between 0 "
                      "and 65535");
    expect_file_error("port = {{}}",
                      ":1: option 'port': want a string, number or boolean, "
                      "got a table");
    expect_file_error("port = = 1", ":1: unexpected symbol near '='");
    expect_file_error("local a\nport = a.b",
                      ":2: attempt to index a nil value (local 'a')");
    expect_file_error("port = prot", ":1: undefined name 'prot'");
    expect_file_error("env = 1",
                      ":1: 'env' belongs to the language, choose another "
                      "name");
    expect_file_error("os.exit(1)", ":1: undefined name 'os'");
    expect_file_error("\nwhile true do pcall(error) end", ":2: runs too long");
    expect_file_error("\x1bLua", ":1: is compiled Lua: want its source text");
}

static void expect_flag_error(const char *flag, const char *want)
{
    struct probe_config config;
    struct err err;
    assert_true(load(&config, &err, "--work_dir=/x", flag, NULL) < 0);
    assert_string_equal(err.text, want);
}

static void test_flag_errors_say_what_to_write(void **state)
{
    (void)state;
    expect_flag_error("--prot=1",
                      "unknown option '--prot', did you mean '--port'?");
    expect_flag_error("--no-port", "unknown option '--no_port'");
    expect_flag_error("--port", "option '--port': want a value");
    expect_flag_error("port=1",
                      "unexpected argument 'port=1': want --option=value");
    expect_flag_error("--strict=maybe",
                      "option '--strict': 'maybe': want true or false");
    expect_flag_error("--port=70000", "option '--port': '70000': want an "
                                      "integer between 0 and 65535");
    expect_flag_error("--config=/no/such",
                      "configuration: cannot open '/no/such': No such file or "
                      "directory");
}

static void test_a_missing_option_is_named(void **state)
{
    (void)state;
    struct probe_config config;
    struct err err;
    assert_true(load(&config, &err, NULL, NULL, NULL) < 0);
    assert_string_equal(err.text,
                        "option '--work_dir' is missing: where it works");
    assert_string_equal(err.field, "work_dir");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_are_read_as_text),
        cmocka_unit_test(test_a_flag_wins_over_variable_and_file),
        cmocka_unit_test(test_booleans_take_no),
        cmocka_unit_test(test_tables_become_resource_text),
        cmocka_unit_test(test_file_errors_have_file_and_line),
        cmocka_unit_test(test_flag_errors_say_what_to_write),
        cmocka_unit_test(test_a_missing_option_is_named),
    };
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
