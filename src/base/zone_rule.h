/* The rule for years to come at the end of a TZif file: a POSIX TZ string such
 * as "CET-1CEST,M3.5.0,M10.5.0/3", with the hours of RFC 8536 (-167 to 167). */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

enum zone_day_kind {
    ZONE_DAY_JULIAN, /* "J60": 1 to 365, 29 February never counts */
    ZONE_DAY_ZERO,   /* "59": 0 to 365 */
    ZONE_DAY_WEEK    /* "M3.5.0": last Sunday of March */
};

struct zone_day {
    enum zone_day_kind kind;
    int32_t day, week, month; /* day: of the year, or of the week */
    int32_t secs;             /* on the wall, from that day's midnight */
};

struct zone_rule {
    int32_t standard, summer; /* offsets; seconds ahead of UTC */
    bool has_summer;
    struct zone_day begin, end; /* of summer time */
};

int zone_rule_parse(const char *text, struct zone_rule *out, struct err *err);
/* When summer time begins (ends) in that year: UTC seconds. */
int64_t zone_rule_begin(const struct zone_rule *rule, int64_t year);
int64_t zone_rule_end(const struct zone_rule *rule, int64_t year);
