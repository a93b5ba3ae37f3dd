/* Days and wall clocks of the Gregorian calendar, extended both ways, as
 * numbers. No zones: a wall clock is what the clock on the wall shows, counted
 * in seconds since 1970-01-01T00:00:00 on that same wall. */
#pragma once
#include <stdint.h>

enum { MINUTE_SECS = 60, HOUR_SECS = 3600, DAY_SECS = 86400 };

struct date {
    int32_t year;
    int32_t month; /* 1 to 12 */
    int32_t day;   /* 1 to 31 */
};

/* Days from 1970-01-01. `month` may be any number: 13 is January of the next
 * year. Years within +-100,000. */
int64_t calendar_days(int64_t year, int64_t month, int64_t day);
struct date calendar_date(int64_t days);
int calendar_days_in(int64_t year, int month);
/* 0 (Sunday) to 6. */
int calendar_weekday(int64_t days);

/* Division that rounds down, and what is left of it: never negative. */
int64_t floor_div(int64_t a, int64_t b);
int64_t floor_mod(int64_t a, int64_t b);
