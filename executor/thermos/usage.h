/* What processes use, read from /proc when somebody asks: nothing here runs by
 * itself, and nothing is kept. Who may be another user than the processes sees
 * what the kernel lets him see; what is hidden counts as -1. */
#pragma once
#include "base/bytes.h"
#include <stdint.h>
#include <sys/types.h>

enum {
    USAGE_PROCESSES_MAX = 4096, /* of one tree; more are not looked at */
    USAGE_DEPTH_MAX = 200       /* directories below each other */
};

struct usage {
    int64_t cpu_ms;       /* user and system, children that were reaped too */
    int64_t memory_bytes; /* resident, what is shared counted in each; of a
                             young process it lags behind */
    int64_t processes, threads;
    int64_t descriptors; /* -1: not to be seen */
};

/* A process with all that descend from it; all zeroes when it is gone. */
void usage_of_tree(pid_t root, struct usage *out);
void usage_add(struct usage *to, const struct usage *more);
/* {"cpu_ms":..,"memory_bytes":..,"processes":..,"threads":..,
 * "descriptors":..}, descriptors null when not to be seen. */
void usage_json(const struct usage *usage, struct buf *out);

/* Bytes on the disk below a directory, as du counts: blocks, links of one file
 * once, nothing of other file systems. -1: it cannot be read. Blocks for as
 * long as it takes. */
int64_t usage_of_disk(const char *directory);
