/* Time zones for tests, made from a rule alone. */
#pragma once
#include "base/zone.h"
#include <stdio.h>
#include <string.h>

enum { ZONE_KIT_MAX = 512 };

struct zone_kit_change {
    int64_t at;
    int32_t offset;
};

static inline void zone_kit_put(uint8_t **at, uint64_t value, int size)
{
    for (int i = size - 1; i >= 0; i--)
        *(*at)++ = (uint8_t)(value >> (8 * i));
}

static inline void zone_kit_header(uint8_t **at, uint32_t changes,
                                   uint32_t types)
{
    memcpy(*at, "TZif2", 5);
    memset(*at + 5, 0, 15 + 12);
    *at += 5 + 15 + 12;
    zone_kit_put(at, changes, 4);
    zone_kit_put(at, types, 4);
    zone_kit_put(at, 1, 4);
}

/* A file of version 2: local time `first`, then the changes, then the rule. */
static inline struct bytes zone_kit_file(uint8_t out[ZONE_KIT_MAX],
                                         int32_t first,
                                         const struct zone_kit_change *change,
                                         uint32_t count, const char *rule)
{
    uint8_t *at = out;

    zone_kit_header(&at, 0, 1);
    memset(at, 0, 7);
    at += 7;
    zone_kit_header(&at, count, count + 1);
    for (uint32_t i = 0; i < count; i++)
        zone_kit_put(&at, (uint64_t)change[i].at, 8);
    for (uint32_t i = 0; i < count; i++)
        *at++ = (uint8_t)(i + 1);
    for (uint32_t i = 0; i <= count; i++) {
        zone_kit_put(&at, (uint32_t)(i ? change[i - 1].offset : first), 4);
        zone_kit_put(&at, 0, 2);
    }
    *at++ = 0;
    at += sprintf((char *)at, "\n%s\n", rule);
    return bytes_of(out, (size_t)(at - out));
}

/* A zone that is nothing but a rule. */
static inline struct zone *zone_kit_rule(const char *rule)
{
    uint8_t file[ZONE_KIT_MAX];
    struct zone *zone = NULL;
    struct err err = {0};

    if (zone_parse(zone_kit_file(file, 0, NULL, 0, rule), &zone, &err) < 0)
        fail_msg("%s: %s", rule, err.text);
    return zone;
}
