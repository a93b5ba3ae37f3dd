#include "base/cron.h"
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { SHOWN_MAX = 40, FIELD_COUNT = 5, DAY_SECS = 86400, YEARS_MAX = 10000 };

/* --- five fields --- */

static const char *const MONTHS[] = {"JAN", "FEB", "MAR", "APR", "MAY",
                                     "JUN", "JUL", "AUG", "SEP", "OCT",
                                     "NOV", "DEC", NULL};
static const char *const DAYS[] = {"SUN", "MON", "TUE", "WED",
                                   "THU", "FRI", "SAT", NULL};

struct field {
    const char *name;
    unsigned first, last;
    const char *const *words; /* the first stands for `first` */
};

static const struct field FIELDS[FIELD_COUNT] = {
    {"minute", 0, 59, NULL},       {"hour", 0, 23, NULL},
    {"day of month", 1, 31, NULL}, {"month", 1, 12, MONTHS},
    {"day of week", 0, 6, DAYS},
};

/* Text without its ends. */
struct span {
    const char *at, *end;
};

static int refuse(const struct field *field, struct span whole,
                  const char *want, struct err *err)
{
    int size = (int)(whole.end - whole.at);
    return err_set(err, ERR_INVALID, "%s '%.*s': want %s", field->name,
                   size < SHOWN_MAX ? size : SHOWN_MAX, whole.at, want);
}

static bool take(struct span *s, char c)
{
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

/* Digits; at most six, which is more than anything here needs. */
static bool take_number(struct span *s, unsigned *out)
{
    enum { DIGITS_MAX = 6 };
    unsigned value = 0, digits = 0;
    while (s->at < s->end && isdigit((unsigned char)*s->at)) {
        if (++digits > DIGITS_MAX)
            return false;
        value = value * 10 + (unsigned)(*s->at++ - '0');
    }
    *out = value;
    return digits > 0;
}

/* A number, or a name of three letters. */
static bool take_value(const struct field *field, struct span *s, unsigned *out)
{
    enum { WORD_SIZE = 3 };
    if (s->at < s->end && isdigit((unsigned char)*s->at))
        return take_number(s, out);
    if (field->words == NULL || s->end - s->at < WORD_SIZE)
        return false;
    for (unsigned i = 0; field->words[i] != NULL; i++)
        if (strncasecmp(s->at, field->words[i], WORD_SIZE) == 0) {
            *out = field->first + i;
            s->at += WORD_SIZE;
            return true;
        }
    return false;
}

static int out_of_range(const struct field *field, struct span whole,
                        struct err *err)
{
    char want[32];
    snprintf(want, sizeof want, "%u to %u", field->first, field->last);
    return refuse(field, whole, want, err);
}

static int add_values(const struct field *field, struct span whole,
                      const unsigned range[3], uint64_t *bits, struct err *err)
{
    unsigned first = range[0], last = range[1], step = range[2];
    char want[64];
    if (first < field->first || last > field->last)
        return out_of_range(field, whole, err);
    if (first > last)
        return refuse(field, whole, "a range that does not wrap around", err);
    if (first < last && (step == 0 || step > last - first)) {
        snprintf(want, sizeof want, "a step from 1 to %u", last - first);
        return refuse(field, whole, want, err);
    }
    for (unsigned i = first; i <= last; i += step)
        *bits |= (uint64_t)1 << i;
    return 0;
}

/* "*", "5", "1-5", "*" and "1-5" with "/2" */
static int parse_part(const struct field *field, struct span part,
                      uint64_t *bits, struct err *err)
{
    static const char FORMS[] = "*, a number, a range, or a step: */15, 1-5/2";
    struct span s = part;
    unsigned range[3] = {field->first, field->last, 1};
    bool is_range = true;
    if (!take(&s, '*')) {
        if (!take_value(field, &s, &range[0]))
            return refuse(field, part, FORMS, err);
        range[1] = range[0];
        is_range = take(&s, '-');
        if (is_range && !take_value(field, &s, &range[1]))
            return refuse(field, part, FORMS, err);
    }
    if (take(&s, '/')) {
        if (!is_range)
            return refuse(field, part, "a step behind * or a range only", err);
        if (!take_number(&s, &range[2]))
            return refuse(field, part, FORMS, err);
    }
    if (s.at != s.end)
        return refuse(field, part, FORMS, err);
    if (is_range && range[0] == range[1] && range[2] != 1)
        return refuse(field, part, "a step within the range", err);
    return add_values(field, part, range, bits, err);
}

static int parse_field(const struct field *field, struct span whole,
                       uint64_t *out, struct err *err)
{
    uint64_t bits = 0;
    for (struct span part = whole;; part.at = part.end + 1) {
        const char *comma = memchr(part.at, ',', (size_t)(whole.end - part.at));
        part.end = comma != NULL ? comma : whole.end;
        if (part.at == part.end)
            return refuse(field, whole, "values between the commas", err);
        int rc = parse_part(field, part, &bits, err);
        if (rc < 0)
            return rc;
        if (comma == NULL)
            break;
    }
    *out = bits;
    return 0;
}

static uint64_t all_of(const struct field *field)
{
    return ((uint64_t)2 << field->last) - ((uint64_t)1 << field->first);
}

static int parse_fields(const char *text, struct cron_fields *out,
                        struct err *err)
{
    static const char SPACE[] = " \t";
    struct span field[FIELD_COUNT];
    uint64_t bits[FIELD_COUNT];
    const char *at = text + strspn(text, SPACE);
    size_t count = 0;
    for (; *at != '\0'; at += strspn(at, SPACE), count++) {
        size_t size = strcspn(at, SPACE);
        if (count < FIELD_COUNT)
            field[count] = (struct span){at, at + size};
        at += size;
    }
    if (count != FIELD_COUNT)
        return err_set(err, ERR_INVALID,
                       "%zu fields: want five: minute hour day month weekday",
                       count);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        int rc = parse_field(&FIELDS[i], field[i], &bits[i], err);
        if (rc < 0)
            return rc;
    }
    if (bits[2] != all_of(&FIELDS[2]) && bits[4] != all_of(&FIELDS[4]))
        return err_set(err, ERR_INVALID,
                       "day of month and day of week: want * for one of them");
    *out = (struct cron_fields){bits[0], (uint32_t)bits[1], (uint32_t)bits[2],
                                (uint32_t)bits[3], (uint32_t)bits[4]};
    return 0;
}

/* --- repeating intervals --- */

static int refuse_part(const char *part, struct span s, const char *want,
                       struct err *err)
{
    int size = (int)(s.end - s.at);
    return err_set(err, ERR_INVALID, "%s '%.*s': want %s", part,
                   size < SHOWN_MAX ? size : SHOWN_MAX, s.at, want);
}

/* "R", "R5" */
static int parse_runs(struct span s, int64_t *out, struct err *err)
{
    struct span whole = s;
    unsigned runs = 0;
    if (!take(&s, 'R') ||
        (s.at != s.end && (!take_number(&s, &runs) || s.at != s.end)))
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

static int days_in(int year, int month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30,
                                   31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && is_leap);
}

/* Days from 1970-01-01, by counting the leap days of the years before. */
static int64_t days_before(int year, int month, int day)
{
    int64_t past = year - 1;
    int64_t days = past * 365 + past / 4 - past / 100 + past / 400 - 719162;
    for (int i = 1; i < month; i++)
        days += days_in(year, i);
    return days + day - 1;
}

/* "Z", "+02:00", "-0530", or nothing */
static bool take_zone(struct span *s, bool *is_local, int64_t *offset_secs)
{
    int hours, minutes;
    *offset_secs = 0;
    *is_local = s->at == s->end;
    if (*is_local || take(s, 'Z'))
        return true;
    bool is_west = *s->at == '-';
    if ((!take(s, '+') && !take(s, '-')) || !take_digits(s, 2, &hours))
        return false;
    (void)take(s, ':');
    if (!take_digits(s, 2, &minutes) || hours > 14 || minutes > 59)
        return false;
    *offset_secs = (int64_t)(hours * 3600 + minutes * 60) * (is_west ? -1 : 1);
    return true;
}

static bool take_clock(struct span *s, int *seconds)
{
    int hours, minutes, secs = 0, unused;
    if (!take_digits(s, 2, &hours) || !take(s, ':') ||
        !take_digits(s, 2, &minutes))
        return false;
    if (take(s, ':') && !take_digits(s, 2, &secs))
        return false;
    if (take(s, '.')) { /* milliseconds are read and dropped */
        if (!take_digits(s, 1, &unused))
            return false;
        while (s->at < s->end && isdigit((unsigned char)*s->at))
            s->at++;
    }
    *seconds = hours * 3600 + minutes * 60 + secs;
    return hours < 24 && minutes < 60 && secs < 60;
}

static int parse_start(struct span s, struct cron_interval *out,
                       struct err *err)
{
    struct span whole = s;
    int year, month, day, seconds = 0;
    int64_t offset;
    if (s.at == s.end)
        return 0; /* now */
    if (!take_digits(&s, 4, &year) || !take(&s, '-') ||
        !take_digits(&s, 2, &month) || !take(&s, '-') ||
        !take_digits(&s, 2, &day) || year < 1969 || month < 1 || month > 12 ||
        day < 1 || day > days_in(year, month) || !take(&s, 'T') ||
        !take_clock(&s, &seconds) || !take_zone(&s, &out->is_local, &offset) ||
        s.at != s.end)
        return refuse_part("start", whole,
                           "a time: 2026-11-20T22:00:00Z, or nothing", err);
    out->has_start = true;
    out->start_secs =
        days_before(year, month, day) * DAY_SECS + seconds - offset;
    if (out->start_secs < 0 ||
        out->start_secs >= days_before(YEARS_MAX, 1, 1) * DAY_SECS)
        return refuse_part("start", whole, "a year from 1970 to 9999", err);
    return 0;
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
    if (!take_number(s, &amount) || s->at == s->end)
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
    bool is_good = take(&s, 'P') && s.at != s.end, is_time = false;
    while (is_good && s.at != s.end) {
        if (take(&s, 'T'))
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

static int parse_interval(const char *text, struct cron_interval *out,
                          struct err *err)
{
    const char *first = strchr(text, '/');
    const char *second = first != NULL ? strchr(first + 1, '/') : NULL;
    *out = (struct cron_interval){0};
    if (second == NULL)
        return err_set(err, ERR_INVALID,
                       "'%.*s': want R/START/PERIOD, as in R//PT10M", SHOWN_MAX,
                       text);
    int rc = parse_runs((struct span){text, first}, &out->runs, err);
    if (rc == 0)
        rc = parse_start((struct span){first + 1, second}, out, err);
    if (rc == 0)
        rc = parse_period((struct span){second + 1, second + strlen(second)},
                          out, err);
    return rc;
}

int cron_parse(const char *text, struct cron_schedule *out, struct err *err)
{
    struct cron_schedule schedule = {.kind = CRON_FIELDS};
    int rc;
    if (text[0] == 'R') {
        schedule.kind = CRON_INTERVAL;
        rc = parse_interval(text, &schedule.interval, err);
    } else {
        rc = parse_fields(text, &schedule.fields, err);
    }
    if (rc == 0)
        *out = schedule;
    return rc;
}

/* --- text --- */

static size_t print_field(const struct field *field, uint64_t bits, char *out,
                          size_t size)
{
    size_t used = 0;
    if (bits == all_of(field))
        return (size_t)snprintf(out, size, "*");
    for (unsigned i = field->first; i <= field->last; i++) {
        unsigned last = i;
        if (!(bits >> i & 1))
            continue;
        while (last < field->last && bits >> (last + 1) & 1)
            last++;
        used += (size_t)snprintf(out + used, size - used,
                                 last > i ? "%s%u-%u" : "%s%u",
                                 used > 0 ? "," : "", i, last);
        i = last;
    }
    return used;
}

static void print_fields(const struct cron_fields *f, char *out)
{
    const uint64_t bits[FIELD_COUNT] = {f->minutes, f->hours, f->days,
                                        f->months, f->weekdays};
    size_t used = 0;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (i > 0)
            out[used++] = ' ';
        used +=
            print_field(&FIELDS[i], bits[i], out + used, CRON_TEXT_MAX - used);
        assert(used < CRON_TEXT_MAX);
    }
}

static size_t print_start(const struct cron_interval *interval, char *out,
                          size_t size)
{
    int64_t days = interval->start_secs / DAY_SECS;
    int64_t rest = interval->start_secs % DAY_SECS;
    int year = 1970, month = 1;
    while (days_before(year + 1, 1, 1) <= days)
        year++;
    while (month < 12 && days_before(year, month + 1, 1) <= days)
        month++;
    int day = (int)(days - days_before(year, month, 1)) + 1;
    return (size_t)snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d%s", year,
                            month, day, (int)(rest / 3600),
                            (int)(rest / 60 % 60), (int)(rest % 60),
                            interval->is_local ? "" : "Z");
}

static void print_interval(const struct cron_interval *interval, char *out)
{
    size_t used = 0, size = CRON_TEXT_MAX;
    out[used++] = 'R';
    if (interval->runs > 0)
        used += (size_t)snprintf(out + used, size - used, "%lld",
                                 (long long)interval->runs);
    out[used++] = '/';
    if (interval->has_start)
        used += print_start(interval, out + used, size - used);
    used += (size_t)snprintf(out + used, size - used, "/P");
    if (interval->months > 0)
        used +=
            (size_t)snprintf(out + used, size - used, "%dM", interval->months);
    long days = (long)(interval->seconds / DAY_SECS);
    long rest = (long)(interval->seconds % DAY_SECS);
    if (days > 0)
        used += (size_t)snprintf(out + used, size - used, "%ldD", days);
    if (rest > 0)
        snprintf(out + used, size - used, "T%ldS", rest);
}

char *cron_text(const struct cron_schedule *schedule, char out[CRON_TEXT_MAX])
{
    if (schedule->kind == CRON_INTERVAL)
        print_interval(&schedule->interval, out);
    else
        print_fields(&schedule->fields, out);
    return out;
}

bool cron_equal(const struct cron_schedule *a, const struct cron_schedule *b)
{
    char one[CRON_TEXT_MAX], two[CRON_TEXT_MAX];
    return strcmp(cron_text(a, one), cron_text(b, two)) == 0;
}
