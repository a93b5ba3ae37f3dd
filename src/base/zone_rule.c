#include "base/zone_rule.h"
#include "base/calendar.h"
#include <ctype.h>
#include <string.h>

enum { HOURS_MAX = 167, SHOWN_MAX = 60, NAME_MIN = 3 };

/* "CET", "<+0330>" */
static bool take_name(const char **at)
{
    const char *start = *at;

    if (*start == '<') {
        *at += strcspn(*at, ">");
        if (**at != '>')
            return false;
        ++*at;
        return *at - start - 2 >= NAME_MIN;
    }
    while (isalpha((unsigned char)**at))
        ++*at;
    return *at - start >= NAME_MIN;
}

static bool take_number(const char **at, int32_t most, int32_t *out)
{
    int32_t value = 0;
    const char *start = *at;

    for (; isdigit((unsigned char)**at); ++*at) {
        value = value * 10 + (**at - '0');
        if (value > most)
            return false;
    }
    *out = value;
    return *at > start;
}

static bool take(const char **at, char c)
{
    if (**at != c)
        return false;
    ++*at;
    return true;
}

/* "-1", "3:30", "+12:34:56" */
static bool take_clock(const char **at, int32_t *out)
{
    bool is_negative = **at == '-';
    int32_t hours, minutes = 0, seconds = 0;

    if (**at == '-' || **at == '+')
        ++*at;
    if (!take_number(at, HOURS_MAX, &hours))
        return false;
    if (take(at, ':')) {
        if (!take_number(at, 59, &minutes))
            return false;
        if (take(at, ':') && !take_number(at, 59, &seconds))
            return false;
    }
    *out = (hours * HOUR_SECS + minutes * MINUTE_SECS + seconds) *
           (is_negative ? -1 : 1);
    return true;
}

static bool take_week_day(const char **at, struct zone_day *out)
{
    out->kind = ZONE_DAY_WEEK;
    return take_number(at, 12, &out->month) && out->month >= 1 &&
           take(at, '.') && take_number(at, 5, &out->week) && out->week >= 1 &&
           take(at, '.') && take_number(at, 6, &out->day);
}

static bool take_day(const char **at, struct zone_day *out)
{
    bool is_good;

    if (take(at, 'M')) {
        is_good = take_week_day(at, out);
    } else if (take(at, 'J')) {
        out->kind = ZONE_DAY_JULIAN;
        is_good = take_number(at, 365, &out->day) && out->day >= 1;
    } else {
        out->kind = ZONE_DAY_ZERO;
        is_good = take_number(at, 365, &out->day);
    }
    out->secs = 2 * HOUR_SECS;
    return is_good && (!take(at, '/') || take_clock(at, &out->secs));
}

/* In POSIX, west is positive. */
static bool take_rule(const char **at, struct zone_rule *rule)
{
    int32_t west;

    if (!take_name(at) || !take_clock(at, &west))
        return false;
    rule->standard = -west;
    if (**at == '\0')
        return true;
    rule->has_summer = true;
    rule->summer = rule->standard + HOUR_SECS;
    if (!take_name(at))
        return false;
    if (**at != ',') {
        if (!take_clock(at, &west))
            return false;
        rule->summer = -west;
    }
    return take(at, ',') && take_day(at, &rule->begin) && take(at, ',') &&
           take_day(at, &rule->end) && **at == '\0';
}

int zone_rule_parse(const char *text, struct zone_rule *out, struct err *err)
{
    struct zone_rule rule = {0};
    const char *at = text;

    if (!take_rule(&at, &rule))
        return err_set(err, ERR_INVALID,
                       "rule '%.*s': want one as in CET-1CEST,M3.5.0,M10.5.0/3",
                       SHOWN_MAX, text);
    *out = rule;
    return 0;
}

/* That day of the year, as days from 1970. */
static int64_t day_of(const struct zone_day *day, int64_t year)
{
    int64_t first = calendar_days(year, 1, 1);

    if (day->kind == ZONE_DAY_ZERO)
        return first + day->day;
    if (day->kind == ZONE_DAY_JULIAN)
        return first + day->day - 1 +
               (day->day >= 60 && calendar_days_in(year, 2) == 29);
    first = calendar_days(year, day->month, 1);
    int64_t last = first + calendar_days_in(year, day->month) - 1;
    int64_t found = first + floor_mod(day->day - calendar_weekday(first), 7) +
                    (int64_t)(day->week - 1) * 7;
    return found > last ? found - 7 : found; /* week 5 is the last one */
}

int64_t zone_rule_begin(const struct zone_rule *rule, int64_t year)
{
    return day_of(&rule->begin, year) * DAY_SECS + rule->begin.secs -
           rule->standard;
}

int64_t zone_rule_end(const struct zone_rule *rule, int64_t year)
{
    return day_of(&rule->end, year) * DAY_SECS + rule->end.secs - rule->summer;
}
