/* What a power cut and a flipped bit may leave of a store's log alone: states
 * of the segment while a frame is written, read as a log. */
#pragma once
#include "base/bytes.h"
#include "tests/tools/crash_disk.h"
#include <stdint.h>

enum {
    CRASH_SECTOR = 512,
    CRASH_DEPTH = 8 /* unsynced pages or sectors chosen from */
};

struct crash_log {
    const struct buf *payload; /* of each commit, from 1; borrowed */
    uint64_t commits;
    /* Says what is wrong, and ends. */
    void (*wrong)(const char *what, uint64_t number, uint64_t state);
    uint64_t states, flips, refused, repaired, harmless; /* so far */
};

/* The event writes the frame of commit `number` into a segment. */
void crash_log_try(struct crash_log *log, struct crash_disk *disk,
                   const struct crash_event *event, uint64_t number);
