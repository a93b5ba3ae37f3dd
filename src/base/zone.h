/* A time zone: how far its wall clocks are ahead of UTC, at any instant. Made
 * once from the bytes of a TZif file (RFC 8536), never changed after that, so
 * that cores may hold one.
 *
 * A zone is a line of spans: within one, the offset is the same. Behind the
 * last one listed, the file's footer (a POSIX TZ rule, RFC 8536 3.3) goes on
 * for ever. Neighbours differ: a change of name alone is no span. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    ZONE_FILE_MAX = 64 << 10,
    ZONE_CHANGES_MAX = 4000,
    ZONE_OFFSET_MAX = 26 * 3600 /* either way; more is refused */
};
#define ZONE_ALWAYS INT64_MAX
#define ZONE_EVER INT64_MIN

struct zone;

/* ERR_INVALID says what is wrong with the file; zones that count leap seconds
 * are refused. *out is freed by zone_free. */
int zone_parse(struct bytes file, struct zone **out, struct err *err);
/* The same offset for ever; 0 is UTC. */
struct zone *zone_fixed(int32_t offset_secs);
void zone_free(struct zone *zone); /* accepts NULL */

struct zone_span {
    int64_t begin, end; /* seconds since 1970, UTC: [begin, end) */
    int32_t offset;     /* wall clock = UTC + offset */
};
/* Instants and walls are within 10^13 of 1970, some 300,000 years. */

/* The span that holds `at`; ZONE_EVER and ZONE_ALWAYS where it has no end. */
struct zone_span zone_span(const struct zone *zone, int64_t at);

/* The earliest instant at which the wall shows `wall`; *is_skipped: the clocks
 * were put over it, and the answer is the instant of that (also where they were
 * put back soon after, and the wall did show it). */
int64_t zone_instant(const struct zone *zone, int64_t wall, bool *is_skipped);
