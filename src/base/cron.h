/* When a cron job runs: as text, as a value, and as times. Pure arithmetic.
 *
 * Two languages. Five fields, "15 3 * * MON-FRI": minute, hour, day of month,
 * month (1-12 or JAN-DEC), day of week (0-6 or SUN-SAT), each '*', a number, a
 * range, a comma list of these, and "/step" behind '*' or a range; "@hourly",
 * "@daily" and the like stand for five. What other crons read in different ways
 * is refused: 7 for Sunday, a step behind a number, a step that takes only one
 * value, ranges that wrap around, and both days restricted at once.
 *
 * ISO 8601 repeating intervals, "R5/2026-11-20T22:00:00Z/P1M": runs in all
 * ("R": endless), start (empty: when the job is made; without a zone: in the
 * job's), period. Month steps count from the start's day, clamped to the
 * month's. Where the start lies within a second, every run is due so many
 * milliseconds into its own: a run is known by its second.
 *
 * When clocks are changed (the rule of Vixie's cron). Fields whose hour or
 * minute begins with '*' follow elapsed time: they run at every instant at
 * which the wall shows what they ask for, however often it does. All others
 * follow the wall clock: a time that occurs twice runs the first time; the
 * times that one change of clocks skips make one run together, at the change,
 * which is known by the last of them. Intervals of hours or less follow elapsed
 * time, those with days, weeks, months or years the wall clock. */
#pragma once
#include "base/err.h"
#include "base/zone.h"
#include <stdbool.h>
#include <stdint.h>

enum cron_kind { CRON_FIELDS, CRON_INTERVAL };

/* Bit n is set when the job runs at n. */
struct cron_fields {
    uint64_t minutes;
    uint32_t hours, days, months, weekdays;  /* days and months from bit 1 */
    bool minute_is_starred, hour_is_starred; /* the text began with '*' */
};

struct cron_interval {
    int64_t runs; /* in all; 0: endless */
    bool has_start;
    bool is_local;      /* start_secs is the job's own wall clock */
    int64_t start_secs; /* since 1970 */
    int32_t start_ms;   /* into that second: 0 to 999 */
    int32_t months;     /* of the period; years are twelve */
    int64_t seconds;    /* of the period, beside the months */
    bool is_wall;       /* the period has days or more */
};

struct cron_schedule {
    enum cron_kind kind;
    struct cron_fields fields;
    struct cron_interval interval;
};

enum { CRON_TEXT_MAX = 768 };

/* ERR_INVALID says which field is wrong and what it wants. */
int cron_parse(const char *text, struct cron_schedule *out, struct err *err);
/* The one spelling of all that mean the same: "1,2-57,58" gives "1-58". */
char *cron_text(const struct cron_schedule *schedule, char out[CRON_TEXT_MAX]);
bool cron_equal(const struct cron_schedule *a, const struct cron_schedule *b);
/* How far into its second each run is due: 0 to 999 ms. */
int32_t cron_due_ms(const struct cron_schedule *schedule);

/* "2026-11-20T22:00:00Z", as the start of an interval; *is_local: it names no
 * zone, and *secs is a wall clock. */
int cron_parse_time(const char *text, int64_t *secs, bool *is_local,
                    struct err *err);

struct cron_run {
    int64_t at;   /* seconds since 1970 */
    int64_t wall; /* what the wall showed, or would have, had it not been put
                     over this time */
    bool is_skipped;
};
/* The first run after the instant `after`; false: there is none. `made`: when
 * the job was, the start of intervals that name none. Runs come in strictly
 * rising order of `at`. Instants within a thousand years of 1970. */
bool cron_next(const struct cron_schedule *schedule, const struct zone *zone,
               int64_t made, int64_t after, struct cron_run *out);
