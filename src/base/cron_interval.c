#include "base/calendar.h"
#include "base/cron_parts.h"
#include <ctype.h>
#include <string.h>

enum { YEARS_MAX = 10000 };

static int refuse_part(const char *part, struct span s, const char *want,
                       struct err *err)
{
    int size = (int)(s.end - s.at);
    return err_set(err, ERR_INVALID, "%s '%.*s': want %s", part,
                   size < CRON_SHOWN_MAX ? size : CRON_SHOWN_MAX, s.at, want);
}

/* "R", "R5" */
static int parse_runs(struct span s, int64_t *out, struct err *err)
{
    struct span whole = s;
    unsigned runs = 0;
    if (!span_take(&s, 'R') ||
        (s.at != s.end && (!span_take_number(&s, &runs) || s.at != s.end)))
        return refuse_part("repetition", whole, "R, or R and a number", err);
    if (runs == 0 && whole.end - whole.at > 1)
        return refuse_part("repetition", whole,
                           "at least R1; R alone is endless", err);
    *out = runs;
    return 0;
}

/* Exactly `digits` of them. */
static bool take_digits(struct span *s, int digits, int *out)
{
    int value = 0;
    for (; digits > 0; digits--, s->at++) {
        if (s->at == s->end || !isdigit((unsigned char)*s->at))
            return false;
        value = value * 10 + (*s->at - '0');
    }
    *out = value;
    return true;
}

/* "Z", "+02:00", "-0530", or nothing */
static bool take_zone(struct span *s, bool *is_local, int64_t *offset_secs)
{
    int hours, minutes;
    *offset_secs = 0;
    *is_local = s->at == s->end;
    if (*is_local || span_take(s, 'Z'))
        return true;
    bool is_west = *s->at == '-';
    if ((!span_take(s, '+') && !span_take(s, '-')) ||
        !take_digits(s, 2, &hours))
        return false;
    (void)span_take(s, ':');
    if (!take_digits(s, 2, &minutes) || hours > 14 || minutes > 59)
        return false;
    *offset_secs = (int64_t)(hours * 3600 + minutes * 60) * (is_west ? -1 : 1);
    return true;
}

/* Digits of a second; what is less than a millisecond is dropped. */
static bool take_fraction(struct span *s, int *ms)
{
    int digit;
    if (s->at == s->end || !isdigit((unsigned char)*s->at))
        return false;
    for (int unit = 100; s->at < s->end && take_digits(s, 1, &digit);
         unit /= 10)
        *ms += digit * unit;
    return true;
}

static bool take_clock(struct span *s, int *seconds, int *ms)
{
    int hours, minutes, secs = 0;
    if (!take_digits(s, 2, &hours) || !span_take(s, ':') ||
        !take_digits(s, 2, &minutes))
        return false;
    if (span_take(s, ':') && !take_digits(s, 2, &secs))
        return false;
    *ms = 0;
    if (span_take(s, '.') && !take_fraction(s, ms))
        return false;
    *seconds = hours * 3600 + minutes * 60 + secs;
    return hours < 24 && minutes < 60 && secs < 60;
}

static int parse_time(struct span s, const char *part, int64_t *secs, int *ms,
                      bool *is_local, struct err *err)
{
    struct span whole = s;
    int year, month, day, seconds = 0;
    int64_t offset;
    if (!take_digits(&s, 4, &year) || !span_take(&s, '-') ||
        !take_digits(&s, 2, &month) || !span_take(&s, '-') ||
        !take_digits(&s, 2, &day) || year < 1969 || month < 1 || month > 12 ||
        day < 1 || day > calendar_days_in(year, month) || !span_take(&s, 'T') ||
        !take_clock(&s, &seconds, ms) || !take_zone(&s, is_local, &offset) ||
        s.at != s.end)
        return refuse_part(part, whole, "a time as in 2026-11-20T22:00:00Z",
                           err);
    *secs = calendar_days(year, month, day) * DAY_SECS + seconds - offset;
    if (*secs < 0 || *secs >= calendar_days(YEARS_MAX, 1, 1) * DAY_SECS)
        return refuse_part(part, whole, "a year from 1970 to 9999", err);
    return 0;
}

int cron_parse_time(const char *text, int64_t *secs, bool *is_local,
                    struct err *err)
{
    int ms;
    return parse_time((struct span){text, text + strlen(text)}, "time", secs,
                      &ms, is_local, err);
}

static int parse_start(struct span s, struct cron_interval *out,
                       struct err *err)
{
    if (s.at == s.end)
        return 0; /* now */
    out->has_start = true;
    return parse_time(s, "start", &out->start_secs, &out->start_ms,
                      &out->is_local, err);
}

/* Designators of a period in their order; a date's, then a time's. */
static const struct {
    char letter;
    bool is_time;
    int32_t months;
    int32_t seconds;
} UNITS[] = {{'Y', false, 12, 0},     {'M', false, 1, 0},
             {'W', false, 0, 604800}, {'D', false, 0, DAY_SECS},
             {'H', true, 0, 3600},    {'M', true, 0, 60},
             {'S', true, 0, 1}};

/* One "5D"; *unit is the first designator still allowed. */
static bool take_unit(struct span *s, bool is_time, size_t *unit,
                      struct cron_interval *out)
{
    unsigned amount;
    if (!span_take_number(s, &amount) || s->at == s->end)
        return false;
    size_t count = sizeof UNITS / sizeof *UNITS;
    while (*unit < count &&
           (UNITS[*unit].letter != *s->at || UNITS[*unit].is_time != is_time))
        ++*unit;
    if (*unit == count)
        return false;
    s->at++;
    out->months += UNITS[*unit].months * (int32_t)amount;
    out->seconds += (int64_t)UNITS[*unit].seconds * amount;
    out->is_wall |= !is_time;
    ++*unit;
    return true;
}

static int parse_period(struct span s, struct cron_interval *out,
                        struct err *err)
{
    enum { MONTHS_MAX = 12 * 100 };
    static const int64_t SECONDS_MAX = (int64_t)100 * 366 * DAY_SECS;
    struct span whole = s;
    size_t unit = 0;
    bool is_good = span_take(&s, 'P') && s.at != s.end, is_time = false;
    while (is_good && s.at != s.end) {
        if (span_take(&s, 'T'))
            is_good = !is_time && (is_time = true) && s.at != s.end;
        is_good = is_good && take_unit(&s, is_time, &unit, out);
    }
    if (!is_good)
        return refuse_part("period", whole, "as in PT10M, P1D or P1Y2M3DT4H",
                           err);
    if (out->months == 0 && out->seconds == 0)
        return refuse_part("period", whole, "more than nothing", err);
    if (out->months > MONTHS_MAX || out->seconds > SECONDS_MAX)
        return refuse_part("period", whole, "at most a hundred years", err);
    return 0;
}

int cron_parse_interval(const char *text, struct cron_interval *out,
                        struct err *err)
{
    const char *first = strchr(text, '/');
    const char *second = first != NULL ? strchr(first + 1, '/') : NULL;
    *out = (struct cron_interval){0};
    if (second == NULL)
        return err_set(err, ERR_INVALID,
                       "'%.*s': want R/START/PERIOD, as in R//PT10M",
                       CRON_SHOWN_MAX, text);
    int rc = parse_runs((struct span){text, first}, &out->runs, err);
    if (rc == 0)
        rc = parse_start((struct span){first + 1, second}, out, err);
    if (rc == 0)
        rc = parse_period((struct span){second + 1, second + strlen(second)},
                          out, err);
    return rc;
}
