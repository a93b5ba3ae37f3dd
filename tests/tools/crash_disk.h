/* A disk at a moment of what crash_record.h wrote down: what is durable, and
 * what was written and may be there or not. */
#pragma once
#include "base/bytes.h"
#include "base/vec.h"
#include "tests/tools/crash_record.h"
#include <stdint.h>

enum { CRASH_PAGE = 4096 };

struct crash_unit { /* bytes that were written and not synced */
    uint64_t file, offset;
    struct bytes data;
};

struct crash_file {
    uint64_t inode;
    struct buf durable;
};

struct crash_name {
    char name[64];
    uint64_t inode;
};

struct crash_disk {
    VEC(struct crash_file) files;
    VEC(struct crash_name) names;          /* durable */
    VEC(const struct crash_event *) moves; /* of names, not durable */
    VEC(struct crash_unit) units;
};

/* What is durable of a file; made when it is not known, yet. */
struct buf *crash_disk_file(struct crash_disk *disk, uint64_t inode);
/* Write into it; a gap is filled with zeroes. */
void crash_put(struct buf *to, uint64_t offset, struct bytes data);
void crash_disk_name(struct crash_disk *disk, const char *name, uint64_t inode);
/* A name comes, goes or becomes another one. */
void crash_disk_move(struct crash_disk *disk, const struct crash_event *event);
/* What a file's sync makes durable. */
void crash_disk_sync(struct crash_disk *disk, uint64_t inode);
/* In units of a page; of a large write, of an eighth. */
void crash_disk_write(struct crash_disk *disk, const struct crash_event *event);
