/* cron next: when a schedule runs, with no cluster at all. */
#include "base/calendar.h"
#include "base/cron.h"
#include "cli/command.h"
#include "sys/clock.h"
#include "sys/zones.h"
#include "wire/json.h"
#include <stdlib.h>
#include <string.h>

enum { COUNT_DEFAULT = 5, COUNT_MAX = 100000 };

struct question {
    struct cron_schedule schedule;
    struct zone *zone; /* owned */
    int64_t from;      /* runs after this instant are asked for */
    int64_t count;
};

/* Epoch seconds, or a time; one without a zone is on the schedule's wall. */
static int parse_from(const char *text, const struct zone *zone, int64_t *out,
                      struct err *err)
{
    enum { DIGITS_MAX = 11 };
    size_t digits = strspn(text, "0123456789");
    bool is_local = false, unused;

    if (digits > 0 && digits <= DIGITS_MAX && text[digits] == '\0') {
        *out = strtoll(text, NULL, 10);
        return 0;
    }
    int rc = cron_parse_time(text, out, &is_local, err);
    if (rc == 0 && is_local)
        *out = zone_instant(zone, *out, &unused);
    return rc;
}

/* 0, or the exit code after a refusal was reported. */
static int parse_question(struct cli *cli, struct question *q)
{
    struct err err = {0};

    q->count = COUNT_DEFAULT;
    if (cron_parse(cli->arg[0], &q->schedule, &err) < 0)
        return cli_fail(cli, EXIT_BAD_PARAMETER, &err);
    int rc = cli->count ? cli_number(cli, "--count", cli->count, 1, COUNT_MAX,
                                     &q->count)
                        : 0;
    if (rc != 0)
        return rc;
    if (zone_load(cli->zone ? cli->zone : "UTC", &q->zone, &err) < 0)
        return cli_fail(cli, EXIT_BAD_PARAMETER, &err);
    q->from = clock_wall_ms() / 1000;
    if (cli->from && parse_from(cli->from, q->zone, &q->from, &err) < 0) {
        (void)err_wrap(&err, "--from");
        return cli_fail(cli, EXIT_BAD_PARAMETER, &err);
    }
    return EXIT_OK;
}

static void print_wall(struct cli *cli, int64_t wall)
{
    struct date date = calendar_date(floor_div(wall, DAY_SECS));
    int secs = (int)floor_mod(wall, DAY_SECS);

    buf_addf(&cli->out, "%04d-%02d-%02d %02d:%02d:%02d", date.year, date.month,
             date.day, secs / HOUR_SECS, secs / MINUTE_SECS % 60,
             secs % MINUTE_SECS);
}

/* "2026-03-29 03:00:00 +02:00  instead of 02:30, which the clocks skip" */
static void print_run(struct cli *cli, const struct question *q,
                      const struct cron_run *run)
{
    int32_t offset = zone_span(q->zone, run->at).offset;
    int minutes = abs(offset) / MINUTE_SECS;

    print_wall(cli, run->at + offset);
    buf_addf(&cli->out, " %c%02d:%02d", offset < 0 ? '-' : '+', minutes / 60,
             minutes % 60);
    if (run->is_skipped) {
        buf_addf(&cli->out, "  %sinstead of ", cli_colour(cli, CLI_YELLOW));
        print_wall(cli, run->wall);
        buf_addf(&cli->out, ", which the clocks skip%s",
                 cli_colour(cli, CLI_PLAIN));
    }
    buf_add_char(&cli->out, '\n');
}

/* An interval that names no start starts with a run. */
static int64_t print_runs(struct cli *cli, const struct question *q,
                          struct json_writer *w)
{
    const struct cron_interval *interval = &q->schedule.interval;
    bool starts_now = q->schedule.kind == CRON_INTERVAL && !interval->has_start;
    struct cron_run run = {.at = q->from - starts_now};
    int64_t done = 0;

    for (; done < q->count &&
           cron_next(&q->schedule, q->zone, q->from, run.at, &run);
         done++) {
        if (w)
            json_int(w, run.at);
        else
            print_run(cli, q, &run);
    }
    return done;
}

int cron_next_run(struct cli *cli)
{
    struct question q = {0};
    struct json_writer w;
    int rc = parse_question(cli, &q);

    if (rc == EXIT_OK && cli->json) {
        json_init(&w, &cli->out, 0);
        json_begin_object(&w);
        json_key(&w, "next");
        json_begin_array(&w);
        (void)print_runs(cli, &q, &w);
        json_end_array(&w);
        json_end_object(&w);
        buf_add_char(&cli->out, '\n');
    } else if (rc == EXIT_OK && print_runs(cli, &q, NULL) < q.count) {
        cli_say(cli, "%s never runs again after that", cli->arg[0]);
    }
    zone_free(q.zone);
    return rc;
}
