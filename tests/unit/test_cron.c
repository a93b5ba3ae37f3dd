/* Cron expressions and repeating intervals: what is taken, what is refused and
 * how, and the one spelling of what means the same. */
#include "base/cron.h"
#include "base/timezone.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void same(const char *text, const char *canonical)
{
    struct cron_schedule schedule, again;
    struct err err = {0};
    char out[CRON_TEXT_MAX];
    if (cron_parse(text, &schedule, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    assert_string_equal(cron_text(&schedule, out), canonical);
    assert_int_equal(cron_parse(canonical, &again, &err), 0);
    assert_true(cron_equal(&schedule, &again));
}

static void refused(const char *text, const char *why)
{
    struct cron_schedule schedule = {.kind = CRON_INTERVAL};
    struct err err = {0};
    assert_int_equal(cron_parse(text, &schedule, &err), -ERR_INVALID);
    assert_int_equal(schedule.kind, CRON_INTERVAL); /* untouched */
    if (strstr(err.text, why) == NULL)
        fail_msg("%s: '%s' without '%s'", text, err.text, why);
}

static void test_five_fields_have_one_spelling(void **unused)
{
    (void)unused;
    same("* * * * *", "* * * * *");
    same("15 3 * * *", "15 3 * * *");
    same("*/15 * * * *", "*/15 * * * *");
    same("*/30,15,45 * * * *", "*/15 * * * *");
    same("*/15,7 */1 * * *", "*/15,7 * * * *");
    same("*/59 * * * *", "*/59 * * * *");
    same("0,15,30,45 * * * *", "0,15,30,45 * * * *");
    same("0,1-57,58 * * * *", "0-58 * * * *");
    /* A leading star says how it follows a change of clocks. */
    same("0-57,58,59 3 * * *", "0-59 3 * * *");
    same("0 0-23 */2 * *", "0 0-23 1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31 "
                           "* *");
    same("0 0 1,15 * *", "0 0 1,15 * *");
    same("1-10/3 * * * *", "1,4,7,10 * * * *");
    same("\t5  4 *  JAN-mar,12 *", "5 4 * 1-3,12 *");
    same("0 22 * * Mon-Fri", "0 22 * * 1-5");
    same("0 22 * * 0-6", "0 22 * * *");
    same("0 22 1-31 * SUN", "0 22 * * 0");
    same("59 23 31 12 *", "59 23 31 12 *");
}

/* Case 93 of the reference, and its neighbours. */
static void test_what_other_crons_disagree_about_is_refused(void **unused)
{
    (void)unused;
    refused("* * * * MON-SUN", "day of week 'MON-SUN': want a range that does "
                               "not wrap around");
    refused("5 5 * MAR-JAN *", "month 'MAR-JAN': want a range that does not "
                               "wrap around");
    refused("* * **", "3 fields: want five");
    refused("* * ** * *", "day of month '**': want");
    refused("", "0 fields: want five");
    refused("* * * * * *", "6 fields: want five");
    refused("0-59 0-59 * * *", "hour '0-59': want 0 to 23");
    refused("1/1 * * * *", "minute '1/1': want a step behind * or a range");
    refused("*/0 * * * *", "minute '*/0': want a step from 1 to 59");
    refused("*/60 * * * *", "minute '*/60': want a step from 1 to 59");
    refused("0-59/60 * * * *", "minute '0-59/60': want a step from 1 to 59");
    refused("5-5/2 * * * *", "minute '5-5/2': want a step within the range");
    refused("* * 1 * 1", "day of month and day of week: want * for one");
    refused("* * * * 7", "day of week '7': want 0 to 6");
    refused("60 * * * *", "minute '60': want 0 to 59");
    refused("* 24 * * *", "hour '24': want 0 to 23");
    refused("* * 0 * *", "day of month '0': want 1 to 31");
    refused("* * * 13 *", "month '13': want 1 to 12");
    refused("* * * JANUARY *", "month 'JANUARY': want");
    refused("MON * * * *", "minute 'MON': want");
    refused("1,,2 * * * *", "minute '1,,2': want values between the commas");
    refused("1, * * * *", "minute '1,': want values between the commas");
    refused("-1 * * * *", "minute '-1': want");
    refused("1- * * * *", "minute '1-': want");
    refused("1- 2 * * *", "minute '1-': want");
    refused("99999999999999999999 * * * *", "minute '9999");
    refused("@reboot", "a cluster does not boot: want @yearly");
    refused("@every 5m", "'@every 5m': want @yearly");
}

static void test_names_stand_for_fields(void **unused)
{
    (void)unused;
    same("@yearly", "0 0 1 1 *");
    same("@Annually", "0 0 1 1 *");
    same("@monthly", "0 0 1 * *");
    same("@weekly", "0 0 * * 0");
    same("@daily", "0 0 * * *");
    same("@midnight", "0 0 * * *");
    same("@hourly", "0 * * * *");
}

static void test_bits_stand_for_values(void **unused)
{
    (void)unused;
    struct cron_schedule schedule;
    assert_int_equal(cron_parse("0,59 23 31 JAN *", &schedule, NULL), 0);
    assert_int_equal(schedule.kind, CRON_FIELDS);
    assert_true(schedule.fields.minutes == ((uint64_t)1 | (uint64_t)1 << 59));
    assert_int_equal(schedule.fields.hours, 1u << 23);
    assert_true(schedule.fields.days == (uint32_t)1 << 31);
    assert_int_equal(schedule.fields.months, 1u << 1);
    assert_int_equal(schedule.fields.weekdays, 0x7f);
}

static void test_intervals_have_one_spelling(void **unused)
{
    (void)unused;
    same("R/2026-11-20T22:00:00Z/PT10M", "R/2026-11-20T22:00:00Z/PT10M");
    same("R5//P1D", "R5//P1D");
    same("R5//PT24H", "R5//PT24H"); /* follows elapsed time */
    same("R5//P2WT25H", "R5//P15DT1H");
    same("R//P1Y2M", "R//P14M");
    same("R1/2026-11-20T22:00/P1W", "R1/2026-11-20T22:00:00/P7D");
    same("R/2024-02-29T00:00:00.000+02:00/PT1H30M5S",
         "R/2024-02-28T22:00:00Z/PT1H30M5S");
    same("R/2026-11-20T22:00:00.25Z/PT1S", "R/2026-11-20T22:00:00.250Z/PT1S");
    same("R/2026-11-20T22:00:07.0019/PT1S", "R/2026-11-20T22:00:07.001/PT1S");
    /* Numbers have six digits at most, so seconds alone would not be read. */
    same("R//PT120260M", "R//PT2004H20M");
    same("R//P0DT1H", "R//P0DT1H"); /* the wall clock, by its date part */
    same("R/1970-01-01T01:00:00+01:00/P1M", "R/1970-01-01T00:00:00Z/P1M");
    same("R/9999-12-31T23:59:59Z/P1M", "R/9999-12-31T23:59:59Z/P1M");
    same("R/2100-12-31T23:59:59-0530/P1M1D", "R/2101-01-01T05:29:59Z/P1M1D");
}

static void test_an_interval_says_when_it_starts(void **unused)
{
    (void)unused;
    struct cron_schedule s;
    assert_int_equal(cron_parse("R3/2026-11-20T22:00:00Z/P1M", &s, NULL), 0);
    assert_int_equal(s.kind, CRON_INTERVAL);
    assert_int_equal(s.interval.runs, 3);
    assert_true(s.interval.has_start && !s.interval.is_local);
    assert_int_equal(s.interval.start_secs, 1795212000);
    assert_int_equal(cron_due_ms(&s), 0);
    assert_int_equal(s.interval.months, 1);
    assert_int_equal(s.interval.seconds, 0);
    assert_int_equal(cron_parse("R//PT1S", &s, NULL), 0);
    assert_int_equal(s.interval.runs, 0);
    assert_false(s.interval.has_start);
    assert_int_equal(cron_parse("R/2026-11-20T22:00:00/PT1S", &s, NULL), 0);
    assert_true(s.interval.is_local);
    assert_int_equal(cron_parse("R/2026-11-20T22:00:00.999Z/P1D", &s, NULL), 0);
    assert_int_equal(s.interval.start_secs, 1795212000);
    assert_int_equal(cron_due_ms(&s), 999);
}

static void test_wrong_intervals_are_refused(void **unused)
{
    (void)unused;
    refused("R", "want R/START/PERIOD");
    refused("R/PT10M", "want R/START/PERIOD");
    refused("R0//P1D", "repetition 'R0': want at least R1");
    refused("R-1//P1D", "repetition 'R-1': want R, or R and a number");
    refused("Rx//P1D", "repetition 'Rx'");
    refused("R/tomorrow/P1D", "start 'tomorrow': want a time");
    refused("R/2026-02-29T00:00:00Z/P1D", "start '2026-02-29");
    refused("R/2026-11-20T24:00:00Z/P1D", "start '2026-11-20T24");
    refused("R/2026-11-20/P1D", "start '2026-11-20'");
    refused("R/2026-11-20T22:00:00+15:00/P1D", "start '2026");
    refused("R/1970-01-01T00:30:00+01:00/P1D", "want a year from 1970");
    refused("R/9999-12-31T23:30:00-01:00/P1D", "want a year from 1970");
    refused("R//P", "period 'P': want");
    refused("R//PT", "period 'PT': want");
    refused("R//10M", "period '10M': want");
    refused("R//PT1D", "period 'PT1D': want");
    refused("R//P1H", "period 'P1H': want");
    refused("R//P1D1Y", "period 'P1D1Y': want");
    refused("R//P1M2M", "period 'P1M2M': want");
    refused("R//P1.5D", "period 'P1.5D': want");
    refused("R//P0D", "period 'P0D': want more than nothing");
    refused("R//P999999Y", "period 'P999999Y': want at most a hundred years");
    refused("R//P1D/", "period 'P1D/': want");
}

static void test_time_zones_are_known_by_name(void **unused)
{
    (void)unused;
    assert_true(timezone_is_known("Europe/Paris"));
    assert_true(timezone_is_known("UTC"));
    assert_true(timezone_is_known("Etc/GMT+5"));
    assert_false(timezone_is_known("Paris"));
    assert_false(timezone_is_known(""));
    assert_false(timezone_is_known("europe/paris"));
    assert_string_equal(timezone_nearest("Europe/Pariss"), "Europe/Paris");
    assert_string_equal(timezone_nearest("Paris"), "Europe/Paris");
    for (size_t i = 1; TIMEZONES[i] != NULL; i++)
        assert_true(strcmp(TIMEZONES[i - 1], TIMEZONES[i]) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_five_fields_have_one_spelling),
        cmocka_unit_test(test_what_other_crons_disagree_about_is_refused),
        cmocka_unit_test(test_names_stand_for_fields),
        cmocka_unit_test(test_bits_stand_for_values),
        cmocka_unit_test(test_intervals_have_one_spelling),
        cmocka_unit_test(test_an_interval_says_when_it_starts),
        cmocka_unit_test(test_wrong_intervals_are_refused),
        cmocka_unit_test(test_time_zones_are_known_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
