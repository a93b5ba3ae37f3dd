/* Memory that grows by a lot at once: it is there, it is the caller's, and the
 * heap is advised only when there is a lot of it. */
#include "sys/heap_growth.h"
#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { THING = 400, MANY = HEAP_GROWTH_AFTER + 60000 };

static void test_few_things_change_nothing(void **unused)
{
    struct heap_growth growth = {0};
    (void)unused;
    for (int i = 0; i + 1 < HEAP_GROWTH_AFTER; i++)
        heap_growth_add(&growth);
    assert_int_equal(growth.begun, 0);
    heap_growth_end(&growth);
    assert_int_equal(growth.things, 0);
}

static void test_many_things_are_there(void **unused)
{
    struct heap_growth growth = {0};
    char **thing = xcalloc(MANY, sizeof *thing);
    (void)unused;
    for (int i = 0; i < MANY; i++) {
        heap_growth_add(&growth);
        thing[i] = xmalloc(THING);
        memset(thing[i], i, THING);
    }
    assert_true(growth.begun != 0);
    assert_true(growth.advised >= growth.begun);
    assert_non_null(growth.clearing);
    heap_growth_end(&growth);
    heap_growth_end(&growth); /* nothing is left to end */
    assert_null(growth.clearing);
    assert_int_equal(growth.begun, 0);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(thing[i][0], (char)i);
        assert_int_equal(thing[i][THING - 1], (char)i);
        free(thing[i]);
    }
    free(thing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_things_change_nothing),
        cmocka_unit_test(test_many_things_are_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
