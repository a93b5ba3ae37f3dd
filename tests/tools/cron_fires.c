/* cron-fires ZONE: for lines "FROM UNTIL SCHEDULE" on stdin, how many runs
 * there are in (FROM, UNTIL] and a hash of their times; with --list, the times
 * themselves. What tests/tools/cron_oracle.lua compares with its own. */
#include "base/cron.h"
#include "sys/zones.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_SIZE = 1024 };

static void answer(const struct zone *zone, const char *line, bool list)
{
    struct cron_schedule schedule;
    struct err err = {0};
    int64_t from, until;
    int skipped = 0;
    uint64_t count = 0, hash = 0;

    if (sscanf(line, "%" SCNd64 " %" SCNd64 " %n", &from, &until, &skipped) !=
            2 ||
        cron_parse(line + skipped, &schedule, &err) < 0) {
        fprintf(stderr, "cron-fires: '%s': %s\n", line, err.text);
        exit(1);
    }
    struct cron_run run = {.at = from};
    while (cron_next(&schedule, zone, from, run.at, &run) && run.at <= until) {
        count++;
        hash = hash * 31 + (uint64_t)run.at;
        if (list)
            printf("%" PRId64 " ", run.at);
    }
    printf("%" PRIu64 " %" PRId64 "\n", count, (int64_t)hash);
}

int main(int argc, char **argv)
{
    char line[LINE_MAX_SIZE];
    struct zone *zone;
    struct err err = {0};

    if (argc < 2 || zone_load(argv[1], &zone, &err) < 0) {
        fprintf(stderr, "cron-fires: %s\n",
                argc < 2 ? "want a zone" : err.text);
        return 1;
    }
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        answer(zone, line, argc > 2 && strcmp(argv[2], "--list") == 0);
    }
    zone_free(zone);
    return 0;
}
