#include "base/zone.h"
#include "base/alloc.h"
#include "base/calendar.h"
#include "base/vec.h"
#include "base/zone_rule.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEADER_SIZE = 44,
    TYPE_SIZE = 6,
    TYPES_MAX = 256,
    RULE_TEXT_MAX = 128,
    RULE_EVENTS = 6 /* two a year: last year's, this one's, the next one's */
};

struct change {
    int64_t at;
    int32_t offset; /* from then on */
};

struct zone {
    int32_t first; /* offset before every change */
    struct {
        struct change *item;
        uint32_t count, capacity;
    } changes; /* by time; each differs from the one before */
    bool has_rule;
    struct zone_rule rule; /* behind the last change */
};

/* --- the file --- */

struct reader {
    const uint8_t *at, *end;
};

/* The counts of one block, in the order of the header. */
struct header {
    uint32_t is_utc, is_standard, leaps, changes, types, names;
};

static int32_t read_be32(const uint8_t *p)
{
    return (int32_t)((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
                     (uint32_t)p[2] << 8 | p[3]);
}

static int64_t read_be64(const uint8_t *p)
{
    return (int64_t)((uint64_t)(uint32_t)read_be32(p) << 32 |
                     (uint32_t)read_be32(p + 4));
}

static bool is_offset(int32_t secs)
{
    return secs >= -ZONE_OFFSET_MAX && secs <= ZONE_OFFSET_MAX;
}

static int refuse(struct err *err, const char *what)
{
    return err_set(err, ERR_INVALID, "time zone file: %s", what);
}

static int read_header(struct reader *r, struct header *out, char *version,
                       struct err *err)
{
    enum { COUNTS_AT = 20 };
    const uint8_t *p = r->at;

    if (r->end - p < HEADER_SIZE || memcmp(p, "TZif", 4) != 0)
        return refuse(err, "want TZif and a header");
    *version = (char)p[4];
    *out = (struct header){(uint32_t)read_be32(p + COUNTS_AT),
                           (uint32_t)read_be32(p + COUNTS_AT + 4),
                           (uint32_t)read_be32(p + COUNTS_AT + 8),
                           (uint32_t)read_be32(p + COUNTS_AT + 12),
                           (uint32_t)read_be32(p + COUNTS_AT + 16),
                           (uint32_t)read_be32(p + COUNTS_AT + 20)};
    r->at += HEADER_SIZE;
    if (out->types == 0 || out->types > TYPES_MAX)
        return refuse(err, "want 1 to 256 kinds of local time");
    if (out->changes > ZONE_CHANGES_MAX || out->names > ZONE_FILE_MAX ||
        out->leaps > ZONE_FILE_MAX || out->is_standard > TYPES_MAX ||
        out->is_utc > TYPES_MAX)
        return refuse(err, "more entries than a zone has");
    return 0;
}

static size_t block_size(const struct header *h, size_t time_size)
{
    return h->changes * (time_size + 1) + h->types * (size_t)TYPE_SIZE +
           h->names + h->leaps * (time_size + 4) + h->is_standard + h->is_utc;
}

static void add_change(struct zone *zone, int64_t at, int32_t offset)
{
    uint32_t count = zone->changes.count;
    int32_t before =
        count > 0 ? zone->changes.item[count - 1].offset : zone->first;

    if (offset != before)
        *vec_add(&zone->changes) = (struct change){at, offset};
}

static int read_block(struct reader *r, const struct header *h,
                      size_t time_size, struct zone *zone, struct err *err)
{
    if ((size_t)(r->end - r->at) < block_size(h, time_size))
        return refuse(err, "it ends too early");
    if (h->leaps > 0)
        return refuse(err, "it counts leap seconds: want a POSIX one");
    const uint8_t *times = r->at;
    const uint8_t *kinds = times + h->changes * time_size;
    const uint8_t *types = kinds + h->changes;

    zone->first = read_be32(types);
    for (uint32_t i = 0; i < h->types; i++)
        if (!is_offset(read_be32(types + (size_t)i * TYPE_SIZE)))
            return refuse(err, "an offset of more than 26 hours");
    for (uint32_t i = 0; i < h->changes; i++) {
        const uint8_t *p = times + i * time_size;
        int64_t at = time_size == 8 ? read_be64(p) : read_be32(p);
        if (i > 0 && at <= (time_size == 8 ? read_be64(p - 8)
                                           : (int64_t)read_be32(p - 4)))
            return refuse(err, "its changes are not in order");
        if (kinds[i] >= h->types)
            return refuse(err, "a kind of local time that it does not have");
        add_change(zone, at, read_be32(types + (size_t)kinds[i] * TYPE_SIZE));
    }
    r->at += block_size(h, time_size);
    return 0;
}

/* "\n<rule>\n"; an empty one says nothing. */
static int read_footer(struct reader *r, struct zone *zone, struct err *err)
{
    char text[RULE_TEXT_MAX];
    const uint8_t *start = r->at + 1;

    if (r->at == r->end || *r->at != '\n')
        return refuse(err, "want a footer");
    const uint8_t *end = memchr(start, '\n', (size_t)(r->end - start));
    if (!end || end - start >= RULE_TEXT_MAX ||
        memchr(start, 0, (size_t)(end - start)))
        return refuse(err, "want a footer of one short line");
    if (end == start)
        return 0;
    memcpy(text, start, (size_t)(end - start));
    text[end - start] = '\0';
    int rc = zone_rule_parse(text, &zone->rule, err);
    if (rc < 0)
        return err_wrap(err, "time zone file");
    if (!is_offset(zone->rule.standard) || !is_offset(zone->rule.summer))
        return refuse(err, "an offset of more than 26 hours");
    zone->has_rule = true;
    return 0;
}

/* Version 2 and up: a block of 32 bits for old readers, then one of 64. */
static int read_file(struct reader *r, struct zone *zone, struct err *err)
{
    struct header header;
    char version;
    int rc = read_header(r, &header, &version, err);

    if (rc < 0 || version == '\0')
        return rc < 0 ? rc : read_block(r, &header, 4, zone, err);
    if ((size_t)(r->end - r->at) < block_size(&header, 4))
        return refuse(err, "it ends too early");
    r->at += block_size(&header, 4);
    rc = read_header(r, &header, &version, err);
    if (rc == 0)
        rc = read_block(r, &header, 8, zone, err);
    return rc < 0 ? rc : read_footer(r, zone, err);
}

int zone_parse(struct bytes file, struct zone **out, struct err *err)
{
    struct reader r = {file.data, file.data + file.size};

    if (file.size > ZONE_FILE_MAX)
        return refuse(err, "larger than 64 KiB");
    struct zone *zone = xcalloc(1, sizeof *zone);
    int rc = read_file(&r, zone, err);
    if (rc < 0)
        zone_free(zone);
    else
        *out = zone;
    return rc;
}

struct zone *zone_fixed(int32_t offset_secs)
{
    struct zone *zone = xcalloc(1, sizeof *zone);

    zone->first = offset_secs;
    return zone;
}

void zone_free(struct zone *zone)
{
    if (!zone)
        return;
    vec_free(&zone->changes);
    free(zone);
}

/* --- spans --- */

/* The changes of three years by the rule, in order. */
static void rule_events(const struct zone_rule *rule, int64_t year,
                        struct change event[RULE_EVENTS])
{
    for (int i = 0; i < RULE_EVENTS; i++) {
        int64_t y = year - 1 + i / 2;
        struct change next =
            i % 2 == 0
                ? (struct change){zone_rule_begin(rule, y), rule->summer}
                : (struct change){zone_rule_end(rule, y), rule->standard};
        int at = i;
        for (; at > 0 && event[at - 1].at > next.at; at--)
            event[at] = event[at - 1];
        event[at] = next;
    }
}

/* `from` is where the rule takes over. */
static struct zone_span rule_span(const struct zone_rule *rule, int64_t from,
                                  int64_t at)
{
    struct zone_span span = {from, ZONE_ALWAYS, rule->standard};
    struct change event[RULE_EVENTS];

    if (!rule->has_summer)
        return span;
    int64_t days = floor_div(at + rule->standard, DAY_SECS);
    rule_events(rule, calendar_date(days).year, event);
    for (int i = 0; i < RULE_EVENTS; i++) {
        if (event[i].at > at) {
            span.end = event[i].at;
            break;
        }
        span.offset = event[i].offset;
        if (event[i].at > from)
            span.begin = event[i].at;
    }
    return span;
}

struct zone_span zone_span(const struct zone *zone, int64_t at)
{
    const struct change *change = zone->changes.item;
    uint32_t low = 0, high = zone->changes.count; /* first change > at */

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (change[middle].at <= at)
            low = middle + 1;
        else
            high = middle;
    }
    struct zone_span span = {low > 0 ? change[low - 1].at : ZONE_EVER,
                             low < zone->changes.count ? change[low].at
                                                       : ZONE_ALWAYS,
                             low > 0 ? change[low - 1].offset : zone->first};
    if (low == zone->changes.count && zone->has_rule)
        return rule_span(&zone->rule, span.begin, at);
    return span;
}

int64_t zone_instant(const struct zone *zone, int64_t wall, bool *is_skipped)
{
    struct zone_span span = zone_span(zone, wall - ZONE_OFFSET_MAX);

    for (;; span = zone_span(zone, span.end)) {
        int64_t at = wall - span.offset;
        *is_skipped = at < span.begin;
        if (*is_skipped)
            return span.begin;
        if (at < span.end)
            return at;
    }
}
