/* cluster/role/env/name, e.g. "devcluster/www-data/prod/hello". A plain value:
 * copy it freely, it owns nothing. Every part matches [A-Za-z0-9_.-]+, is not
 * "." or "..", and has at most JOB_KEY_PART_MAX - 1 bytes (Aurora's identifier
 * rule; the directory names made from it stay legal). */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

enum { JOB_KEY_PART_MAX = 64, JOB_KEY_TEXT_MAX = 4 * JOB_KEY_PART_MAX };

struct job_key {
    char cluster[JOB_KEY_PART_MAX];
    char role[JOB_KEY_PART_MAX];
    char env[JOB_KEY_PART_MAX];
    char name[JOB_KEY_PART_MAX];
};

/* Is it a legal part of a key? */
bool job_key_part_ok(const char *part);
/* Parse text into *out; *out is untouched on failure (ERR_INVALID). */
int job_key_parse(const char *text, struct job_key *out, struct err *err);
/* Build from four parts, each checked; the field at fault is named. */
int job_key_make(const char *cluster, const char *role, const char *env,
                 const char *name, struct job_key *out, struct err *err);
/* Writes into the caller's buffer and returns it. */
char *job_key_text(const struct job_key *key, char out[JOB_KEY_TEXT_MAX]);
bool job_key_equal(const struct job_key *a, const struct job_key *b);
int job_key_compare(const struct job_key *a, const struct job_key *b);

/* A set of instance numbers: "0-2,5,7-9" (Aurora's shard syntax), sorted and
 * disjoint. count == 0 means "all instances". */
enum { INSTANCE_RANGES_MAX = 64 };
struct instance_set {
    uint32_t count;
    struct instance_range {
        uint32_t first, last; /* inclusive */
    } range[INSTANCE_RANGES_MAX];
};
/* Numbers and ranges in any order, overlapping or not; more than
 * INSTANCE_RANGES_MAX after merging are ERR_LIMIT. */
int instance_set_parse(const char *text, struct instance_set *out,
                       struct err *err);
bool instance_set_has(const struct instance_set *set, uint32_t instance);
/* "KEY" or "KEY/INSTANCES". */
int job_key_parse_with_instances(const char *text, struct job_key *key,
                                 struct instance_set *set, struct err *err);
