/* Time zones from TZif bytes: spans, rules for years to come, wrong files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/calendar.h"
#include "base/zone_rule.h"
#include "zone_kit.h"

static int64_t utc(int64_t year, int month, int day, int hour, int minute)
{
    return calendar_days(year, month, day) * DAY_SECS + hour * HOUR_SECS +
           minute * MINUTE_SECS;
}

static void test_days_and_dates_are_inverse(void **unused)
{
    (void)unused;
    for (int64_t days = -800000; days < 800000; days += 17) {
        struct date d = calendar_date(days);
        assert_int_equal(calendar_days(d.year, d.month, d.day), days);
        assert_in_range(d.day, 1, calendar_days_in(d.year, d.month));
    }
    assert_int_equal(calendar_days(1970, 1, 1), 0);
    assert_int_equal(calendar_days(2000, 2, 29), 11016);
    assert_int_equal(calendar_days(2025, 14, 1), calendar_days(2026, 2, 1));
    assert_int_equal(calendar_days(2025, 0, 1), calendar_days(2024, 12, 1));
    assert_int_equal(calendar_weekday(calendar_days(2026, 11, 21)), 6);
    assert_int_equal(calendar_weekday(-1), 3);
}

static void expect_span(const struct zone *zone, int64_t at, int64_t begin,
                        int64_t end, int32_t offset)
{
    struct zone_span span = zone_span(zone, at);
    assert_int_equal(span.begin, begin);
    assert_int_equal(span.end, end);
    assert_int_equal(span.offset, offset);
}

static void test_a_rule_goes_on_for_ever(void **unused)
{
    (void)unused;
    struct zone *paris = zone_kit_rule("CET-1CEST,M3.5.0,M10.5.0/3");
    int64_t spring = utc(2026, 3, 29, 1, 0), autumn = utc(2026, 10, 25, 1, 0);
    expect_span(paris, spring - 1, utc(2025, 10, 26, 1, 0), spring, 3600);
    expect_span(paris, spring, spring, autumn, 7200);
    expect_span(paris, autumn - 1, spring, autumn, 7200);
    expect_span(paris, autumn, autumn, utc(2027, 3, 28, 1, 0), 3600);
    expect_span(paris, utc(2500, 7, 1, 0, 0), utc(2500, 3, 28, 1, 0),
                utc(2500, 10, 31, 1, 0), 7200);
    zone_free(paris);
}

static void test_rules_of_every_form(void **unused)
{
    (void)unused;
    struct zone *zone = zone_kit_rule("<-03>3<-02>,M3.5.0/-2,M10.5.0/-1");
    /* Nuuk changes on Saturday evening. */
    assert_int_equal(zone_span(zone, utc(2026, 3, 29, 0, 59)).offset, -10800);
    assert_int_equal(zone_span(zone, utc(2026, 3, 29, 1, 0)).offset, -7200);
    zone_free(zone);
    /* Dublin: summer is standard time, winter is "summer", an hour less. */
    zone = zone_kit_rule("IST-1GMT0,M10.5.0,M3.5.0/1");
    assert_int_equal(zone_span(zone, utc(2026, 7, 1, 0, 0)).offset, 3600);
    assert_int_equal(zone_span(zone, utc(2026, 12, 31, 23, 59)).offset, 0);
    zone_free(zone);
    zone = zone_kit_rule("AAA0BBB,J60/0,300/25:30:15");
    assert_int_equal(zone_span(zone, utc(2024, 3, 1, 0, 0)).begin,
                     utc(2024, 3, 1, 0, 0)); /* J60 is never 29 February */
    assert_int_equal(zone_span(zone, utc(2024, 3, 1, 0, 0)).end,
                     utc(2024, 10, 28, 0, 30) + 15); /* day 300 from zero */
    zone_free(zone);
    zone = zone_kit_rule("EST5");
    expect_span(zone, 0, ZONE_EVER, ZONE_ALWAYS, -18000);
    zone_free(zone);
    zone = zone_fixed(0);
    expect_span(zone, 12345, ZONE_EVER, ZONE_ALWAYS, 0);
    zone_free(zone);
}

static void test_wrong_rules_are_refused(void **unused)
{
    (void)unused;
    static const char *const wrong[] = {
        "",        "X",          "CET",           "CET-1CEST",
        "CET-168", "CET1:60",    "<+03-3",        "CET-1CEST,M13.1.0,M1.1.0",
        "CET1:",   "CET-1 CEST", "A1B2,J0,J1",    "AAA1BBB,J366,J1",
        "CET1:1:", "AAA1BBB,1",  "AAA1BBB,1,2,3", "AAA1BBB,M1.6.0,M2.1.0",
    };
    struct zone_rule rule;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (zone_rule_parse(wrong[i], &rule, NULL) != -ERR_INVALID)
            fail_msg("taken: %s", wrong[i]);
}

/* Changes, then the rule; a change that changes nothing is none. */
static void test_listed_changes_come_first(void **unused)
{
    (void)unused;
    uint8_t file[ZONE_KIT_MAX];
    static const struct zone_kit_change changes[] = {
        {-1000, 60}, {500, 60}, {1000, 3600}};
    struct zone *zone;
    struct bytes bytes = zone_kit_file(file, -2670, changes, 3, "CET-1");
    assert_int_equal(zone_parse(bytes, &zone, NULL), 0);
    expect_span(zone, -5000, ZONE_EVER, -1000, -2670);
    expect_span(zone, 700, -1000, 1000, 60);
    expect_span(zone, 1000, 1000, ZONE_ALWAYS, 3600);
    zone_free(zone);
}

static void test_walls_become_instants(void **unused)
{
    (void)unused;
    struct zone *paris = zone_kit_rule("CET-1CEST,M3.5.0,M10.5.0/3");
    bool is_skipped;
    assert_int_equal(zone_instant(paris, utc(2026, 7, 1, 12, 0), &is_skipped),
                     utc(2026, 7, 1, 10, 0));
    assert_false(is_skipped);
    assert_int_equal(zone_instant(paris, utc(2026, 3, 29, 2, 30), &is_skipped),
                     utc(2026, 3, 29, 1, 0));
    assert_true(is_skipped);
    assert_int_equal(zone_instant(paris, utc(2026, 3, 29, 3, 0), &is_skipped),
                     utc(2026, 3, 29, 1, 0));
    assert_false(is_skipped);
    /* It occurs twice: the first one. */
    assert_int_equal(zone_instant(paris, utc(2026, 10, 25, 2, 30), &is_skipped),
                     utc(2026, 10, 25, 0, 30));
    assert_false(is_skipped);
    zone_free(paris);
}

/* Every file that is cut short, or wrong in one byte, is refused or is some
 * zone; never more than that. */
static void test_damaged_files_do_no_harm(void **unused)
{
    (void)unused;
    uint8_t file[ZONE_KIT_MAX];
    static const struct zone_kit_change changes[] = {{0, 3600}, {9999, 0}};
    struct bytes whole =
        zone_kit_file(file, 0, changes, 2, "CET-1CEST,M3.5.0,M10.5.0/3");
    struct zone *zone;
    for (size_t size = 0; size < whole.size; size++)
        assert_int_equal(zone_parse(bytes_of(file, size), &zone, NULL),
                         -ERR_INVALID);
    for (size_t i = 0; i < whole.size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            file[i] ^= (uint8_t)(1 << bit);
            if (zone_parse(whole, &zone, NULL) == 0) {
                (void)zone_span(zone, 5000);
                zone_free(zone);
            }
            file[i] ^= (uint8_t)(1 << bit);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days_and_dates_are_inverse),
        cmocka_unit_test(test_a_rule_goes_on_for_ever),
        cmocka_unit_test(test_rules_of_every_form),
        cmocka_unit_test(test_wrong_rules_are_refused),
        cmocka_unit_test(test_listed_changes_come_first),
        cmocka_unit_test(test_walls_become_instants),
        cmocka_unit_test(test_damaged_files_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
