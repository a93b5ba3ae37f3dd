/* Cron by itself: how many next runs a core computes a second, of schedules and
 * zones as a large cluster has them. Beside it: the C library turning as many
 * instants into local time, which any computation of this kind has to do. */
#include "base/cron.h"
#include "base/rng.h"
#include "bench/kit.h"
#include "sys/zones.h"
#include <stdlib.h>
#include <time.h>

enum { ENTRIES = 1000000, ZONES = 8, SCHEDULES = 12, FROM = 1795212000 };

static const char *const ZONE_NAMES[ZONES] = {
    "UTC",        "Europe/Paris",  "America/New_York", "Asia/Kolkata",
    "Asia/Tokyo", "Europe/London", "Australia/Sydney", "America/Sao_Paulo"};

static const char *const TEXTS[SCHEDULES] = {"* * * * *",
                                             "*/5 * * * *",
                                             "0 * * * *",
                                             "15 3 * * *",
                                             "30 2 * * 1-5",
                                             "0 0 1 * *",
                                             "*/15 9-17 * * 1-5",
                                             "45 23 31 12 *",
                                             "R/2026-01-31T22:00:00Z/PT10M",
                                             "R/2026-01-31T22:00:00/P1D",
                                             "R/2026-01-31T22:00:00/P1M",
                                             "0,10,20 1-5/2 * 3,6,9,12 *"};

struct world {
    struct zone *zone[ZONES];
    struct cron_schedule schedule[SCHEDULES];
    struct rng rng;
};

static void build(struct world *w)
{
    struct err err = {0};

    rng_seed(&w->rng, 1);
    for (int i = 0; i < ZONES; i++)
        if (zone_load(ZONE_NAMES[i], &w->zone[i], &err) < 0)
            bench_fail("%s", err.text);
    for (int i = 0; i < SCHEDULES; i++)
        if (cron_parse(TEXTS[i], &w->schedule[i], &err) < 0)
            bench_fail("%s: %s", TEXTS[i], err.text);
}

/* Every entry asks for its next run, as after the start of a scheduler. */
static double next_ns(struct world *w, int64_t entries)
{
    int64_t began = bench_ns(), sum = 0;

    for (int64_t i = 0; i < entries; i++) {
        struct cron_run run;
        int64_t after = FROM + (int64_t)rng_below(&w->rng, 366 * 86400);
        if (!cron_next(&w->schedule[i % SCHEDULES], w->zone[i % ZONES], FROM,
                       after, &run) ||
            run.at <= after)
            bench_fail("no next run of %s", TEXTS[i % SCHEDULES]);
        sum += run.at;
    }
    if (sum == 0)
        bench_fail("nothing was computed");
    return (double)(bench_ns() - began) / (double)entries;
}

static double localtime_ns(struct world *w, int64_t entries)
{
    int64_t sum = 0;

    setenv("TZ", "Europe/Paris", 1);
    tzset();
    int64_t began = bench_ns();
    for (int64_t i = 0; i < entries; i++) {
        time_t at = FROM + (time_t)rng_below(&w->rng, 366 * 86400);
        struct tm tm;
        sum += localtime_r(&at, &tm) ? tm.tm_min : 0;
    }
    if (sum == 0)
        bench_fail("nothing was computed");
    return (double)(bench_ns() - began) / (double)entries;
}

int main(int argc, char **argv)
{
    struct world w = {0};

    bench_open(argc, argv, "cron");
    bench_leans_on(BENCH_MEMORY);
    build(&w);
    int64_t entries = bench_is_quick() ? ENTRIES / 10 : ENTRIES;
    double local = localtime_ns(&w, entries);
    double next = next_ns(&w, entries);
    bench_figure("next_run", next, "ns", next / local, "localtime_r");
    bench_figure("next_runs", 1e9 / next, "runs/s", 0, NULL);
    for (int i = 0; i < ZONES; i++)
        zone_free(w.zone[i]);
    return bench_close();
}
