#include "base/calendar.h"
#include "base/cron.h"
#include <assert.h>

/* "0 0 29 2 *" waits eight years around 2100; more than this is never. */
#define HORIZON_SECS (INT64_C(13) * 366 * DAY_SECS)

/* No change of clocks repeats more than this. */
#define REPEAT_SECS (INT64_C(2) * DAY_SECS)

/* --- five fields on one wall --- */

/* The lowest bit of `bits` from `first` on; -1: none. */
static int next_bit(uint64_t bits, int64_t first)
{
    uint64_t rest = first < 64 ? bits >> first << first : 0;

    return rest != 0 ? __builtin_ctzll(rest) : -1;
}

/* The first minute of the day >= `minute` that the fields ask for; -1: none. */
static int64_t next_minute(const struct cron_fields *f, int64_t minute)
{
    int64_t hour = minute / 60;

    if (f->hours >> hour & 1) {
        int found = next_bit(f->minutes, minute % 60);
        if (found >= 0)
            return hour * 60 + found;
    }
    int later = next_bit(f->hours, hour + 1);
    return later < 0 ? -1 : (int64_t)later * 60 + next_bit(f->minutes, 0);
}

static bool day_matches(const struct cron_fields *f, struct date date,
                        int64_t days)
{
    return f->days >> date.day & 1 && f->weekdays >> calendar_weekday(days) & 1;
}

/* The first wall time in [wall, end) that the fields ask for. */
static bool next_match(const struct cron_fields *f, int64_t wall, int64_t end,
                       int64_t *out)
{
    int64_t whole = floor_div(wall + MINUTE_SECS - 1, MINUTE_SECS);
    int64_t days = floor_div(whole, DAY_SECS / MINUTE_SECS);
    int64_t minute = floor_mod(whole, DAY_SECS / MINUTE_SECS);

    for (; days * DAY_SECS < end; minute = 0) {
        struct date date = calendar_date(days);
        if (!(f->months >> date.month & 1)) {
            days = calendar_days(date.year, date.month + 1, 1);
            continue;
        }
        int64_t found =
            day_matches(f, date, days) ? next_minute(f, minute) : -1;
        if (found >= 0) {
            *out = days * DAY_SECS + found * MINUTE_SECS;
            return *out < end;
        }
        days++;
    }
    return false;
}

/* --- five fields in a zone --- */

/* What the wall had reached before this span began, as a wall time: times
 * before that ran already, times between that and the span's first one were
 * skipped. */
static int64_t wall_reached(const struct zone *zone, int64_t begin)
{
    struct zone_span span = zone_span(zone, begin - 1);
    int64_t reached = begin + span.offset;

    while (span.begin != ZONE_EVER && span.begin > begin - REPEAT_SECS) {
        span = zone_span(zone, span.begin - 1);
        if (span.end + span.offset > reached)
            reached = span.end + span.offset;
    }
    return reached;
}

/* Did the clocks skip a time that the fields ask for when this span began? */
static bool skipped_run(const struct cron_fields *f, struct zone_span span,
                        int64_t reached, struct cron_run *out)
{
    int64_t first = span.begin + span.offset, wall;
    bool is_any = false;

    for (; reached < first && next_match(f, reached, first, &wall);
         reached = wall + 1) {
        *out = (struct cron_run){span.begin, wall, true};
        is_any = true;
    }
    return is_any;
}

/* The first run in [at, end of the span). */
static bool next_in_span(const struct cron_fields *f, const struct zone *zone,
                         struct zone_span span, int64_t at,
                         struct cron_run *out)
{
    bool is_elapsed = f->minute_is_starred || f->hour_is_starred;
    int64_t wall = at + span.offset;

    if (!is_elapsed && span.begin != ZONE_EVER &&
        at < span.begin + REPEAT_SECS) {
        int64_t reached = wall_reached(zone, span.begin);
        struct cron_run skipped;
        if (at == span.begin && skipped_run(f, span, reached, &skipped)) {
            *out = skipped;
            int64_t now;
            if (next_match(f, wall, wall + 1, &now)) /* and it is time anyway */
                *out = (struct cron_run){at, now, false};
            return true;
        }
        if (wall < reached)
            wall = reached;
    }
    if (!next_match(f, wall, span.end + span.offset, &wall))
        return false;
    *out = (struct cron_run){wall - span.offset, wall, false};
    return true;
}

static bool next_of_fields(const struct cron_fields *f, const struct zone *zone,
                           int64_t after, struct cron_run *out)
{
    int64_t end = after + HORIZON_SECS;

    for (int64_t at = after + 1; at < end;) {
        struct zone_span span = zone_span(zone, at);
        if (span.end > end)
            span.end = end;
        if (next_in_span(f, zone, span, at, out))
            return true;
        at = span.end;
    }
    return false;
}

/* --- repeating intervals --- */

static int64_t wall_of(const struct zone *zone, int64_t at)
{
    return at + zone_span(zone, at).offset;
}

static int64_t start_of(const struct cron_interval *i, const struct zone *zone,
                        int64_t made)
{
    bool unused;

    if (!i->has_start)
        return made;
    return i->is_local ? zone_instant(zone, i->start_secs, &unused)
                       : i->start_secs;
}

/* Months count from the start's day, clamped to the month's last. */
static int64_t add_months(int64_t wall, int64_t months)
{
    int64_t days = floor_div(wall, DAY_SECS);
    struct date date = calendar_date(days);
    int64_t first = calendar_days(date.year, date.month + months, 1);
    struct date there = calendar_date(first);
    int in_month = calendar_days_in(there.year, there.month);
    int day = date.day < in_month ? date.day : in_month;

    return (first + day - 1) * DAY_SECS + floor_mod(wall, DAY_SECS);
}

/* Run number k, counted from 0, of an interval that starts at `start`. */
static struct cron_run run_at(const struct cron_interval *i,
                              const struct zone *zone, int64_t start, int64_t k)
{
    struct cron_run run = {0};

    if (!i->is_wall) {
        run.at = start + k * i->seconds;
        run.wall = wall_of(zone, run.at);
        return run;
    }
    int64_t first =
        i->has_start && i->is_local ? i->start_secs : wall_of(zone, start);
    run.wall = add_months(first, k * i->months) + k * i->seconds;
    run.at = zone_instant(zone, run.wall, &run.is_skipped);
    return run;
}

/* A number near that of the first run after `after`; never far above it. */
static int64_t near_run(const struct cron_interval *i, int64_t start,
                        int64_t after)
{
    static const int64_t MONTH_SECS = 2629746; /* of a year of 365.2425 days */
    int64_t period = i->months * MONTH_SECS + i->seconds;

    return after < start ? 0 : (after - start) / period;
}

static bool next_of_interval(const struct cron_interval *i,
                             const struct zone *zone, int64_t made,
                             int64_t after, struct cron_run *out)
{
    int64_t start = start_of(i, zone, made);
    int64_t k = near_run(i, start, after);

    while (k > 0 && run_at(i, zone, start, k - 1).at > after)
        k--;
    while (run_at(i, zone, start, k).at <= after)
        k++;
    if (i->runs > 0 && k >= i->runs)
        return false;
    *out = run_at(i, zone, start, k);
    /* One change of clocks may skip several: the last of them names the run. */
    while (out->is_skipped && (i->runs == 0 || k + 1 < i->runs)) {
        struct cron_run more = run_at(i, zone, start, ++k);
        if (more.at != out->at)
            break;
        *out = more;
    }
    return true;
}

bool cron_next(const struct cron_schedule *schedule, const struct zone *zone,
               int64_t made, int64_t after, struct cron_run *out)
{
    if (schedule->kind == CRON_INTERVAL)
        return next_of_interval(&schedule->interval, zone, made, after, out);
    return next_of_fields(&schedule->fields, zone, after, out);
}
