#include "base/text.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { QUOTE_MAX = 100, DECIMAL_DIGITS = 9, NANOS = 1000000000 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Add one digit; false when the value leaves int64. */
static bool add_digit(int64_t *value, char digit)
{
    return !__builtin_mul_overflow(*value, 10, value) &&
           !__builtin_add_overflow(*value, digit - '0', value);
}

int text_int(const char *text, int64_t min, int64_t max, int64_t *out,
             struct err *err)
{
    bool is_negative = text[0] == '-', fits = true;
    const char *at = text + (is_negative || text[0] == '+');
    int64_t value = 0;

    if (!is_digit(*at))
        goto fail;
    for (; is_digit(*at); at++)
        /* Downwards when negative: INT64_MIN has no positive twin. */
        fits = fits && !__builtin_mul_overflow(value, 10, &value) &&
               !__builtin_add_overflow(
                   value, is_negative ? '0' - *at : *at - '0', &value);
    if (*at != '\0' || !fits || value < min || value > max)
        goto fail;
    *out = value;
    return 0;
fail:
    return err_set(err, ERR_INVALID,
                   "'%.*s': want an integer between %lld and %lld", QUOTE_MAX,
                   text, (long long)min, (long long)max);
}

/* A decimal number taken apart: whole + nanos / 10^9, exactly unless `has_more`
 * says that digits other than 0 were cut off behind the ninth decimal. */
struct decimal {
    bool is_negative, has_more;
    int64_t whole;
    int64_t nanos;
};

/* Read [+-]digits[.digits], at least one digit; the place behind it, or NULL
 * when there is no number or it is too large. */
static const char *decimal_read(const char *text, struct decimal *out)
{
    struct decimal d = {.is_negative = text[0] == '-'};
    const char *at = text + (d.is_negative || text[0] == '+');
    int digits = 0, decimals = 0;

    for (; is_digit(*at); at++, digits = 1)
        if (!add_digit(&d.whole, *at))
            return NULL;
    if (*at == '.') {
        at++;
        for (; is_digit(*at); at++, digits = 1) {
            if (decimals < DECIMAL_DIGITS) {
                d.nanos = d.nanos * 10 + (*at - '0');
                decimals++;
            } else if (*at != '0') {
                d.has_more = true;
            }
        }
    }
    for (; decimals < DECIMAL_DIGITS; decimals++)
        d.nanos *= 10;
    *out = d;
    return digits ? at : NULL;
}

struct unit {
    const char *name;
    int64_t size;
};

static const struct unit *unit_find(const struct unit *units, const char *name)
{
    for (; units->name; units++)
        if (strcmp(units->name, name) == 0)
            return units;
    return NULL;
}

/* In nanoseconds, from the smallest. */
static const struct unit time_units[] = {
    {"ns", 1},
    {"us", 1000},
    {"ms", 1000000},
    {"secs", INT64_C(1000000000)},
    {"mins", INT64_C(60000000000)},
    {"hrs", INT64_C(3600000000000)},
    {"days", INT64_C(86400000000000)},
    {"weeks", INT64_C(604800000000000)},
    {"", INT64_C(1000000000)}, /* a bare number: seconds */
    {NULL, 0},
};

/* d * unit nanoseconds, rounded up; false on overflow. */
static bool scale_nanos(const struct decimal *d, int64_t unit, int64_t *out)
{
    int64_t whole, part;

    if (__builtin_mul_overflow(d->whole, unit, &whole))
        return false;
    if (unit >= NANOS) /* a multiple of a second: exact */
        part = d->nanos * (unit / NANOS);
    else
        part = (d->nanos * unit + NANOS - 1) / NANOS;
    return !__builtin_add_overflow(part, d->has_more, &part) &&
           !__builtin_add_overflow(whole, part, out);
}

int text_duration_ms(const char *text, int64_t *out, struct err *err)
{
    struct decimal d = {0};
    const char *name = decimal_read(text, &d);
    const struct unit *unit = name ? unit_find(time_units, name) : NULL;
    int64_t nanos = 0;

    if (!unit || d.is_negative)
        return err_set(err, ERR_INVALID,
                       "duration '%.*s': want a number and ns, us, ms, secs, "
                       "mins, hrs, days or weeks",
                       QUOTE_MAX, text);
    if (!scale_nanos(&d, unit->size, &nanos))
        return err_set(err, ERR_INVALID,
                       "duration '%.*s': want at most 292 years", QUOTE_MAX,
                       text);
    *out = nanos / 1000000 + (nanos % 1000000 > 0);
    return 0;
}

char *text_duration(int64_t ms, char *out, size_t size)
{
    enum { MS = 2, WEEKS = 7 };
    int unit = MS;

    assert(size > 0);
    for (int i = MS; ms != 0 && i <= WEEKS; i++)
        if (ms % (time_units[i].size / 1000000) == 0)
            unit = i;
    int64_t count = ms / (time_units[unit].size / 1000000);
    (void)snprintf(out, size, "%lld%s", (long long)count,
                   ms == 0 ? "ns" : time_units[unit].name);
    return out;
}

int text_size_bytes(const char *text, int64_t *out, struct err *err)
{
    static const struct unit size_units[] = {
        {"B", 1},
        {"", 1},
        {"KB", INT64_C(1) << 10},
        {"MB", INT64_C(1) << 20},
        {"GB", INT64_C(1) << 30},
        {"TB", INT64_C(1) << 40},
        {NULL, 0},
    };
    int64_t value = 0;
    const char *at = text;
    bool fits = true;

    for (; is_digit(*at); at++)
        fits = fits && add_digit(&value, *at);
    const struct unit *unit = unit_find(size_units, at);
    if (at == text || !unit)
        return err_set(err, ERR_INVALID,
                       "size '%.*s': want an integer and B, KB, MB, GB or TB",
                       QUOTE_MAX, text);
    if (!fits || __builtin_mul_overflow(value, unit->size, &value))
        return err_set(err, ERR_INVALID, "size '%.*s': want less than 8 EB",
                       QUOTE_MAX, text);
    *out = value;
    return 0;
}

int text_milli(const char *text, int64_t *out, struct err *err)
{
    enum { NANOS_PER_MILLI = NANOS / 1000 };
    struct decimal d = {0};
    const char *end = decimal_read(text, &d);
    int64_t milli = 0, part = (d.nanos + NANOS_PER_MILLI / 2) / NANOS_PER_MILLI;

    if (!end || *end || __builtin_mul_overflow(d.whole, 1000, &milli) ||
        __builtin_add_overflow(milli, part, &milli))
        return err_set(err, ERR_INVALID, "'%.*s': want a decimal number",
                       QUOTE_MAX, text);
    *out = d.is_negative ? -milli : milli;
    return 0;
}

char *text_from_milli(int64_t milli, char *out, size_t size)
{
    uint64_t value = milli < 0 ? 0 - (uint64_t)milli : (uint64_t)milli;
    unsigned part = (unsigned)(value % 1000), width = 3;

    assert(size > 0);
    for (; width > 0 && part % 10 == 0; width--)
        part /= 10;
    const char *sign = milli < 0 ? "-" : "";
    unsigned long long whole = value / 1000;
    if (width == 0)
        (void)snprintf(out, size, "%s%llu", sign, whole);
    else
        (void)snprintf(out, size, "%s%llu.%0*u", sign, whole, (int)width, part);
    return out;
}

char *text_put_int(char *to, int64_t value)
{
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char digit[TEXT_INT_MAX];
    int count = 0;

    do
        digit[count++] = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (value < 0)
        *to++ = '-';
    while (count > 0)
        *to++ = digit[--count];
    *to = 0;
    return to;
}

/* Names longer than this are never near to anything. */
enum { NEAREST_MAX = 64 };

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned low = a < b ? a : b;

    return low < c ? low : c;
}

/* Optimal string alignment: insert, delete, replace and swap of neighbours
 * cost 1 each. Three rows of the usual table are enough. */
static unsigned edit_distance(const char *a, size_t a_size, const char *b,
                              size_t b_size)
{
    unsigned row[3][NEAREST_MAX + 1];

    assert(a_size <= NEAREST_MAX && b_size <= NEAREST_MAX);
    for (unsigned j = 0; j <= b_size; j++)
        row[0][j] = j;
    for (unsigned i = 1; i <= a_size; i++) {
        unsigned *now = row[i % 3], *last = row[(i + 2) % 3];
        const unsigned *before = row[(i + 1) % 3];
        now[0] = i;
        for (unsigned j = 1; j <= b_size; j++) {
            now[j] = min3(last[j] + 1, now[j - 1] + 1,
                          last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
                a[i - 2] == b[j - 1] && before[j - 2] + 1 < now[j])
                now[j] = before[j - 2] + 1;
        }
    }
    return row[a_size % 3][b_size];
}

const char *text_nearest(const char *name, const char *const *candidates)
{
    size_t size = strnlen(name, NEAREST_MAX + 1);
    unsigned best_distance = NEAREST_MAX + 1;
    const char *best = NULL;

    if (size > NEAREST_MAX)
        return NULL;
    for (; *candidates; candidates++) {
        size_t length = strnlen(*candidates, NEAREST_MAX + 1);
        if (length > NEAREST_MAX)
            continue;
        unsigned distance = edit_distance(name, size, *candidates, length);
        if (distance * 3 <= length && distance < best_distance) {
            best_distance = distance;
            best = *candidates;
        }
    }
    return best;
}

bool text_glob(const char *pattern, const char *text)
{
    /* Where to try again with the last '*' one byte longer. Earlier stars
     * need no second look: the last one can take over whatever they gave. */
    const char *star = NULL, *retry = NULL;

    while (*text) {
        if (*pattern == '*') {
            star = ++pattern;
            retry = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

/* Size of the well-formed sequence at `at` (RFC 3629: shortest form, no
 * surrogates, at most U+10FFFF), or 0. */
static size_t sequence_size(const uint8_t *at, size_t left)
{
    size_t size = at[0] < 0x80                     ? 1
                  : at[0] >= 0xc2 && at[0] <= 0xdf ? 2
                  : at[0] >= 0xe0 && at[0] <= 0xef ? 3
                  : at[0] >= 0xf0 && at[0] <= 0xf4 ? 4
                                                   : 0;

    if (size == 0 || size > left)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
        return 0;
    return size;
}

const char *text_age(int64_t ms, char out[TEXT_AGE_MAX])
{
    static const struct {
        int64_t below, seconds; /* shown in this unit up to here */
        char unit;
    } steps[] = {{120, 1, 's'},
                 {7200, 60, 'm'},
                 {48 * 3600, 3600, 'h'},
                 {INT64_MAX, 86400, 'd'}};
    int64_t seconds = ms > 0 ? ms / 1000 : 0;
    int i = 0;

    while (seconds >= steps[i].below)
        i++;
    (void)snprintf(out, TEXT_AGE_MAX, "%lld%c",
                   (long long)(seconds / steps[i].seconds), steps[i].unit);
    return out;
}

size_t text_whole_characters(const uint8_t *data, size_t size)
{
    for (size_t back = 1; back <= 3 && back < size; back++) {
        uint8_t byte = data[size - back];
        if ((byte & 0xc0) == 0x80)
            continue;
        size_t needed = byte >= 0xf0   ? 4
                        : byte >= 0xe0 ? 3
                        : byte >= 0xc0 ? 2
                                       : 1;
        return needed > back ? size - back : size;
    }
    return size;
}

bool text_is_utf8(const uint8_t *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t step = sequence_size(data + at, size - at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}
