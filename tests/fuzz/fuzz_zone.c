/* A time zone file from outside: refused, or a zone whose spans follow each
 * other without a hole and in which every schedule goes on. */
#include "base/cron.h"
#include "base/zone.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct zone *zone)
{
    enum { SPANS_MAX = 40, DAY = 86400 };
    int64_t at = -30 * 365 * (int64_t)DAY;

    for (int i = 0; i < SPANS_MAX && at < 200 * 365 * (int64_t)DAY; i++) {
        struct zone_span span = zone_span(zone, at);
        bool is_skipped;
        assert(span.begin <= at && at < span.end);
        int64_t back = zone_instant(zone, at + span.offset, &is_skipped);
        assert(back <= at);
        at = span.end;
    }
}

static void run(const struct zone *zone, const char *text)
{
    struct cron_schedule schedule;
    struct cron_run run = {.at = 0};

    assert(cron_parse(text, &schedule, NULL) == 0);
    for (int i = 0; i < 20; i++) {
        int64_t before = run.at;
        if (!cron_next(&schedule, zone, 0, before, &run))
            break;
        assert(run.at > before);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct zone *zone;
    struct err err = {0};

    if (zone_parse(bytes_of(data, size), &zone, &err) < 0) {
        assert(err.code == ERR_INVALID && err.text[0] != '\0');
        return 0;
    }
    walk(zone);
    run(zone, "30 2 * * *");
    run(zone, "*/7 * * * *");
    run(zone, "R//P1D");
    zone_free(zone);
    return 0;
}
