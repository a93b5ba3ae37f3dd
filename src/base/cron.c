#include "base/cron_parts.h"
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* --- five fields --- */

static const char *const MONTHS[] = {"JAN", "FEB", "MAR", "APR", "MAY",
                                     "JUN", "JUL", "AUG", "SEP", "OCT",
                                     "NOV", "DEC", NULL};
static const char *const DAYS[] = {"SUN", "MON", "TUE", "WED",
                                   "THU", "FRI", "SAT", NULL};

const struct cron_field CRON_FIELD[CRON_FIELD_COUNT] = {
    {"minute", 0, 59, NULL},       {"hour", 0, 23, NULL},
    {"day of month", 1, 31, NULL}, {"month", 1, 12, MONTHS},
    {"day of week", 0, 6, DAYS},
};

static int refuse(const struct cron_field *field, struct span whole,
                  const char *want, struct err *err)
{
    int size = (int)(whole.end - whole.at);
    return err_set(err, ERR_INVALID, "%s '%.*s': want %s", field->name,
                   size < CRON_SHOWN_MAX ? size : CRON_SHOWN_MAX, whole.at,
                   want);
}

bool span_take(struct span *s, char c)
{
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

bool span_take_number(struct span *s, unsigned *out)
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
static bool take_value(const struct cron_field *field, struct span *s,
                       unsigned *out)
{
    enum { WORD_SIZE = 3 };
    if (s->at < s->end && isdigit((unsigned char)*s->at))
        return span_take_number(s, out);
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

static int out_of_range(const struct cron_field *field, struct span whole,
                        struct err *err)
{
    char want[32];
    snprintf(want, sizeof want, "%u to %u", field->first, field->last);
    return refuse(field, whole, want, err);
}

static int add_values(const struct cron_field *field, struct span whole,
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
static int parse_part(const struct cron_field *field, struct span part,
                      uint64_t *bits, struct err *err)
{
    static const char FORMS[] = "*, a number, a range, or a step: */15, 1-5/2";
    struct span s = part;
    unsigned range[3] = {field->first, field->last, 1};
    bool is_range = true;
    if (!span_take(&s, '*')) {
        if (!take_value(field, &s, &range[0]))
            return refuse(field, part, FORMS, err);
        range[1] = range[0];
        is_range = span_take(&s, '-');
        if (is_range && !take_value(field, &s, &range[1]))
            return refuse(field, part, FORMS, err);
    }
    if (span_take(&s, '/')) {
        if (!is_range)
            return refuse(field, part, "a step behind * or a range only", err);
        if (!span_take_number(&s, &range[2]))
            return refuse(field, part, FORMS, err);
    }
    if (s.at != s.end)
        return refuse(field, part, FORMS, err);
    if (is_range && range[0] == range[1] && range[2] != 1)
        return refuse(field, part, "a step within the range", err);
    return add_values(field, part, range, bits, err);
}

static int parse_field(const struct cron_field *field, struct span whole,
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

uint64_t cron_field_all(const struct cron_field *field)
{
    return ((uint64_t)2 << field->last) - ((uint64_t)1 << field->first);
}

static int parse_fields(const char *text, struct cron_fields *out,
                        struct err *err)
{
    static const char SPACE[] = " \t";
    struct span field[CRON_FIELD_COUNT];
    uint64_t bits[CRON_FIELD_COUNT];
    const char *at = text + strspn(text, SPACE);
    size_t count = 0;
    for (; *at != '\0'; at += strspn(at, SPACE), count++) {
        size_t size = strcspn(at, SPACE);
        if (count < CRON_FIELD_COUNT)
            field[count] = (struct span){at, at + size};
        at += size;
    }
    if (count != CRON_FIELD_COUNT)
        return err_set(err, ERR_INVALID,
                       "%zu fields: want five: minute hour day month weekday",
                       count);
    for (size_t i = 0; i < CRON_FIELD_COUNT; i++) {
        int rc = parse_field(&CRON_FIELD[i], field[i], &bits[i], err);
        if (rc < 0)
            return rc;
    }
    if (bits[2] != cron_field_all(&CRON_FIELD[2]) &&
        bits[4] != cron_field_all(&CRON_FIELD[4]))
        return err_set(err, ERR_INVALID,
                       "day of month and day of week: want * for one of them");
    *out = (struct cron_fields){bits[0],
                                (uint32_t)bits[1],
                                (uint32_t)bits[2],
                                (uint32_t)bits[3],
                                (uint32_t)bits[4],
                                *field[0].at == '*',
                                *field[1].at == '*'};
    return 0;
}

/* Vixie's names, and what they stand for. */
static const struct {
    const char *name, *text;
} NAMES[] = {
    {"@yearly", "0 0 1 1 *"},  {"@annually", "0 0 1 1 *"},
    {"@monthly", "0 0 1 * *"}, {"@weekly", "0 0 * * 0"},
    {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
};

static int parse_name(const char *text, struct cron_fields *out,
                      struct err *err)
{
    static const char ALL[] =
        "@yearly, @annually, @monthly, @weekly, @daily, @midnight or @hourly";

    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (strcasecmp(text, NAMES[i].name) == 0)
            return parse_fields(NAMES[i].text, out, err);
    if (strcasecmp(text, "@reboot") == 0)
        return err_set(err, ERR_INVALID,
                       "'@reboot': a cluster does not boot: want %s", ALL);
    return err_set(err, ERR_INVALID, "'%.*s': want %s", CRON_SHOWN_MAX, text,
                   ALL);
}

int cron_parse(const char *text, struct cron_schedule *out, struct err *err)
{
    struct cron_schedule schedule = {.kind = CRON_FIELDS};
    int rc;
    if (text[0] == 'R') {
        schedule.kind = CRON_INTERVAL;
        rc = cron_parse_interval(text, &schedule.interval, err);
    } else if (text[0] == '@') {
        rc = parse_name(text, &schedule.fields, err);
    } else {
        rc = parse_fields(text, &schedule.fields, err);
    }
    if (rc == 0)
        *out = schedule;
    return rc;
}
