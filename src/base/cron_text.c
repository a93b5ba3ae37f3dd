#include "base/calendar.h"
#include "base/cron_parts.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

static uint64_t every(const struct cron_field *field, unsigned step)
{
    uint64_t bits = 0;

    for (unsigned i = field->first; i <= field->last; i += step)
        bits |= (uint64_t)1 << i;
    return bits;
}

/* "*", or the smallest step whose values are all there; they leave `bits`. */
static size_t print_star(const struct cron_field *field, uint64_t *bits,
                         char *out, size_t size)
{
    unsigned step = 1;

    while (step < field->last - field->first &&
           (every(field, step) & ~*bits) != 0)
        step++;
    *bits &= ~every(field, step);
    return step == 1 ? (size_t)snprintf(out, size, "*")
                     : (size_t)snprintf(out, size, "*/%u", step);
}

static size_t print_ranges(const struct cron_field *field, uint64_t bits,
                           bool has_star, char *out, size_t size)
{
    size_t used = 0;

    for (unsigned i = field->first; i <= field->last; i++) {
        unsigned last = i;
        if (!(bits >> i & 1))
            continue;
        while (last < field->last && bits >> (last + 1) & 1)
            last++;
        used += (size_t)snprintf(out + used, size - used,
                                 last > i ? "%s%u-%u" : "%s%u",
                                 has_star || used > 0 ? "," : "", i, last);
        i = last;
    }
    return used;
}

/* Where a leading star means something it is kept, and none is put. */
static size_t print_field(unsigned which, const struct cron_fields *f,
                          uint64_t bits, char *out, size_t size)
{
    const struct cron_field *field = &CRON_FIELD[which];
    bool has_star = bits == cron_field_all(field);
    size_t used = 0;

    if (which == 0)
        has_star = f->minute_is_starred;
    if (which == 1)
        has_star = f->hour_is_starred;
    if (has_star)
        used = print_star(field, &bits, out, size);
    return used + print_ranges(field, bits, has_star, out + used, size - used);
}

static void print_fields(const struct cron_fields *f, char *out)
{
    const uint64_t bits[CRON_FIELD_COUNT] = {f->minutes, f->hours, f->days,
                                             f->months, f->weekdays};
    size_t used = 0;

    for (unsigned i = 0; i < CRON_FIELD_COUNT; i++) {
        if (i > 0)
            out[used++] = ' ';
        used += print_field(i, f, bits[i], out + used, CRON_TEXT_MAX - used);
        assert(used < CRON_TEXT_MAX);
    }
    out[used] = '\0';
}

static size_t print_start(const struct cron_interval *interval, char *out,
                          size_t size)
{
    struct date date = calendar_date(floor_div(interval->start_secs, DAY_SECS));
    int rest = (int)floor_mod(interval->start_secs, DAY_SECS);
    char fraction[8] = "";

    if (interval->start_ms > 0)
        (void)snprintf(fraction, sizeof fraction, ".%03d",
                       (int)interval->start_ms % 1000);
    return (size_t)snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d%s%s",
                            date.year, date.month, date.day, rest / HOUR_SECS,
                            rest / MINUTE_SECS % 60, rest % MINUTE_SECS,
                            fraction, interval->is_local ? "" : "Z");
}

/* In hours, minutes and seconds, or numbers would be too large to be read. */
static void print_clock(long seconds, char *out, size_t size)
{
    const struct {
        long amount;
        char letter;
    } part[] = {{seconds / HOUR_SECS, 'H'},
                {seconds / MINUTE_SECS % 60, 'M'},
                {seconds % MINUTE_SECS, 'S'}};
    size_t used = (size_t)snprintf(out, size, seconds > 0 ? "T" : "");

    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        if (part[i].amount > 0)
            used += (size_t)snprintf(out + used, size - used, "%ld%c",
                                     part[i].amount, part[i].letter);
}

/* "P1MT36H" is "P1M1DT12H": both follow the wall clock. "PT24H" is not "P1D".
 */
static void print_interval(const struct cron_interval *interval, char *out)
{
    size_t used = 0, size = CRON_TEXT_MAX;
    long days = interval->is_wall ? (long)(interval->seconds / DAY_SECS) : 0;
    long rest = (long)(interval->seconds - (int64_t)days * DAY_SECS);

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
    if (days > 0 || (interval->is_wall && interval->months == 0))
        used += (size_t)snprintf(out + used, size - used, "%ldD", days);
    print_clock(rest, out + used, size - used);
}

char *cron_text(const struct cron_schedule *schedule, char out[CRON_TEXT_MAX])
{
    if (schedule->kind == CRON_INTERVAL)
        print_interval(&schedule->interval, out);
    else
        print_fields(&schedule->fields, out);
    return out;
}

int32_t cron_due_ms(const struct cron_schedule *schedule)
{
    return schedule->kind == CRON_INTERVAL ? schedule->interval.start_ms : 0;
}

bool cron_equal(const struct cron_schedule *a, const struct cron_schedule *b)
{
    char one[CRON_TEXT_MAX], two[CRON_TEXT_MAX];

    return strcmp(cron_text(a, one), cron_text(b, two)) == 0;
}
