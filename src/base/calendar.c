#include "base/calendar.h"
#include <assert.h>
#include <stdbool.h>

enum { ERA_YEARS = 400, ERA_DAYS = 146097, DAYS_TO_1970 = 719468 };

int64_t floor_div(int64_t a, int64_t b)
{
    int64_t quotient = a / b;

    return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

int64_t floor_mod(int64_t a, int64_t b)
{
    return a - floor_div(a, b) * b;
}

/* Years are counted from March, so that the leap day is the last of its year;
 * then month m begins (153 m + 2) / 5 days into it. */
int64_t calendar_days(int64_t year, int64_t month, int64_t day)
{
    int64_t from_march = floor_mod(month - 3, 12);
    int64_t y = year + floor_div(month - 3, 12);
    int64_t era = floor_div(y, ERA_YEARS);
    int64_t of_era = y - era * ERA_YEARS;
    int64_t of_year = (153 * from_march + 2) / 5 + day - 1;

    return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
           DAYS_TO_1970;
}

struct date calendar_date(int64_t days)
{
    int64_t all = days + DAYS_TO_1970;
    int64_t era = floor_div(all, ERA_DAYS);
    int64_t of_era = all - era * ERA_DAYS;
    int64_t year =
        (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t from_march = (5 * of_year + 2) / 153;
    int64_t month = from_march < 10 ? from_march + 3 : from_march - 9;

    year += era * ERA_YEARS + (month <= 2);
    return (struct date){(int32_t)year, (int32_t)month,
                         (int32_t)(of_year - (153 * from_march + 2) / 5 + 1)};
}

int calendar_days_in(int64_t year, int month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30,
                                  31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    assert(month >= 1 && month <= 12);
    return days[month - 1] + (month == 2 && is_leap);
}

int calendar_weekday(int64_t days)
{
    enum { THURSDAY = 4 }; /* was 1970-01-01 */
    return (int)floor_mod(days + THURSDAY, 7);
}
