#include "script/help.h"
#include "script/schema.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_every_object_has_a_page(void **unused)
{
    (void)unused;
    for (const struct schema_object *o = SCHEMA; o->name != NULL; o++) {
        const char *page = help_page(o->name);
        assert_non_null(page);
        assert_int_equal(strncmp(page, o->name, strlen(o->name)), 0);
        for (size_t i = 0; i < o->field_count; i++)
            if (o->field[i].type != FIELD_TAG) /* which no file writes */
                assert_non_null(strstr(page, o->field[i].name));
    }
}

static void test_every_constructor_has_a_page(void **unused)
{
    (void)unused;
    for (const struct schema_constructor *c = SCHEMA_CONSTRUCTORS; c->name; c++)
        assert_non_null(help_page(c->name));
}

static void test_functions_have_pages(void **unused)
{
    (void)unused;
    static const char *const name[] = {
        "order",         "limit", "param", "raw",
        "Tasks.combine", "MB",    "unset", "templates.web_service"};
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        assert_non_null(help_page(name[i]));
        assert_non_null(strstr(HELP_INDEX, name[i]));
    }
}

static void test_lines_fit_a_terminal(void **unused)
{
    (void)unused;
    for (const struct help_page *page = HELP; page->name != NULL; page++)
        for (const char *line = page->text; *line != '\0';
             line += strcspn(line, "\n") + 1)
            assert_in_range(strcspn(line, "\n"), 0, 80);
}

static void test_a_wrong_name_finds_the_nearest(void **unused)
{
    (void)unused;
    assert_null(help_page("Proces"));
    assert_string_equal(help_nearest("Proces"), "Process");
    assert_string_equal(help_nearest("process"), "Process");
    assert_string_equal(help_nearest("SIMPLETASK"), "SimpleTask");
    assert_null(help_nearest("zzzzzzzzzzzz"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_object_has_a_page),
        cmocka_unit_test(test_every_constructor_has_a_page),
        cmocka_unit_test(test_functions_have_pages),
        cmocka_unit_test(test_lines_fit_a_terminal),
        cmocka_unit_test(test_a_wrong_name_finds_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
