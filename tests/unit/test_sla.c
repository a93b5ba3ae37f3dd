/* How many instances may be missing: a table, with Aurora's cases. */
#include "aurora/core/sla.h"
#include "wire/json_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(n)                                             \
    {                                                        \
        .kind = SLA_COUNT, .count = n, .is_production = true \
    }
#define PERCENT(n)                                                           \
    {                                                                        \
        .kind = SLA_PERCENTAGE, .percentage_milli = n, .is_production = true \
    }

static const struct {
    const char *what;
    struct sla_policy policy;
    uint32_t active, there; /* there: of the others */
    enum sla_verdict want;
} ROWS[] = {
    {"107: 3 of 3 run, 3 are to stay: one may go", COUNT(3), 3, 2, SLA_ALLOW},
    {"107: 2 run, 1 waits: none", COUNT(3), 3, 1, SLA_REFUSE},
    {"18 of 20 stay: the first", COUNT(18), 20, 19, SLA_ALLOW},
    {"18 of 20 stay: the second", COUNT(18), 20, 18, SLA_ALLOW},
    {"18 of 20 stay: not the third", COUNT(18), 20, 17, SLA_REFUSE},
    {"more than there are: one at a time", COUNT(99), 20, 19, SLA_ALLOW},
    {"more than there are: and no more", COUNT(99), 20, 18, SLA_REFUSE},
    {"95 % of 20 stay: one", PERCENT(95000), 20, 19, SLA_ALLOW},
    {"95 % of 20 stay: not two", PERCENT(95000), 20, 18, SLA_REFUSE},
    {"95 % of 39: trunc(1.95) is one", PERCENT(95000), 39, 37, SLA_REFUSE},
    {"95 % of 40: two", PERCENT(95000), 40, 38, SLA_ALLOW},
    {"100 %: one, or nothing could move", PERCENT(100000), 20, 19, SLA_ALLOW},
    {"100 %: and no more", PERCENT(100000), 20, 18, SLA_REFUSE},
    {"0 %: all", PERCENT(0), 20, 0, SLA_ALLOW},
    {"99.999 % of 100000: one", PERCENT(99999), 100000, 99998, SLA_REFUSE},
    {"90.5 % of 1000: 95", PERCENT(90500), 1000, 905, SLA_ALLOW},
    {"90.5 % of 1000: not 96", PERCENT(90500), 1000, 904, SLA_REFUSE},
    {"nothing else is there", COUNT(1), 3, 0, SLA_REFUSE},
    {"no policy", {.kind = SLA_NONE, .is_production = true}, 20, 0, SLA_ALLOW},
    {"not of production", {.kind = SLA_COUNT, .count = 20}, 20, 0, SLA_ALLOW},
    {"too few to protect", COUNT(2), 2, 0, SLA_ALLOW},
    {"a coordinator, whatever the size",
     {.kind = SLA_COORDINATOR, .is_production = true},
     1,
     0,
     SLA_ASK},
    {"a coordinator of a job that is not of production",
     {.kind = SLA_COORDINATOR},
     20,
     0,
     SLA_ALLOW},
};

static void test_the_table(void **unused)
{
    const struct sla_rules rules = {.instances_min = 3};

    (void)unused;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct sla_facts facts = {ROWS[i].active, ROWS[i].there};
        if (sla_judge(&ROWS[i].policy, &rules, &facts) != ROWS[i].want)
            fail_msg("%s", ROWS[i].what);
    }
}

/* Fewer than 20 are not protected, unless the scheduler says otherwise. */
static void test_the_rules(void **unused)
{
    const struct sla_policy policy = COUNT(10);
    const struct sla_policy devel = {.kind = SLA_COUNT, .count = 30};
    const struct sla_rules usual = {.instances_min = 20};
    const struct sla_rules all = {.instances_min = 20, .protects_all = true};
    struct sla_facts few = {19, 0}, many = {30, 0};

    (void)unused;
    assert_int_equal(sla_judge(&policy, &usual, &few), SLA_ALLOW);
    assert_int_equal(sla_judge(&policy, &usual, &many), SLA_REFUSE);
    assert_int_equal(sla_judge(&devel, &usual, &many), SLA_ALLOW);
    assert_int_equal(sla_judge(&devel, &all, &many), SLA_REFUSE);
}

static void test_later_and_later(void **unused)
{
    static const int64_t want[] = {60, 60, 120, 240, 300, 300};

    (void)unused;
    for (uint32_t tries = 0; tries < 6; tries++)
        assert_int_equal(sla_again_ms(tries), want[tries] * 1000);
    assert_int_equal(sla_again_ms(UINT32_MAX), 300000);
}

static const struct {
    const char *text, *why; /* NULL: it is read */
    bool value;
} ANSWERS[] = {
    {"{\"drain\": true}", NULL, true},
    {" {\"a\":[],\"drain\":false} ", NULL, false},
    {"{}", "it has no 'drain'", false},
    {"{\"drain\":1}", "'drain' is a number: want true or false", false},
    {"{\"drain\":\"true\"}", "'drain' is text: want true or false", false},
    {"[true]", "it is a list: want an object", false},
    {"true", "it is true: want an object", false},
};

static void test_what_coordinators_answer(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof ANSWERS / sizeof *ANSWERS; i++) {
        struct err err = {0};
        bool value = false;
        int rc = json_read_bool(bytes_of_text(ANSWERS[i].text), "drain", &value,
                                &err);
        if (ANSWERS[i].why) {
            assert_int_equal(rc, -ERR_INVALID);
            assert_string_equal(err.text, ANSWERS[i].why);
        } else {
            assert_int_equal(rc, 0);
            assert_int_equal(value, ANSWERS[i].value);
        }
    }
}

static void test_what_is_no_json(void **unused)
{
    char deep[4000];
    bool value;
    struct err err = {0};

    (void)unused;
    assert_int_equal(
        json_read_bool(bytes_of_text("{\"drain\":"), "drain", &value, &err),
        -ERR_INVALID);
    assert_int_equal(json_read_bool(bytes_of("", 0), "drain", &value, &err),
                     -ERR_INVALID);
    memset(deep, '[', sizeof deep);
    assert_int_equal(
        json_read_bool(bytes_of(deep, sizeof deep), "drain", &value, &err),
        -ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_table),
        cmocka_unit_test(test_the_rules),
        cmocka_unit_test(test_later_and_later),
        cmocka_unit_test(test_what_coordinators_answer),
        cmocka_unit_test(test_what_is_no_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
