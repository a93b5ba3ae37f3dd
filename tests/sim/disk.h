/* An imagined disk with one store: records by table and key, in byte order,
 * and batches on their way to it. A batch becomes durable as a whole. */
#pragma once
#include "base/bytes.h"
#include "wire/program.h"
#include <stdbool.h>
#include <stdint.h>

struct disk_record {
    char *table;    /* owned */
    struct buf key; /* owned */
    struct buf value;
};

struct disk_batch {
    struct disk_batch *next;
    uint64_t number;
    struct effects fx; /* only its PERSIST effects matter */
};

struct disk {
    struct disk_record *record; /* by table, then key */
    uint32_t count, capacity;
    struct disk_batch *first, **last; /* being written, oldest first */
    uint64_t durable;                 /* number of the last durable batch */
    int64_t free_at_ms;               /* when the batch before is written */
    /* Is shown every batch that is about to become durable; may be NULL. */
    void (*on_batch)(void *context, const struct effects *batch);
    void *context;
};

void disk_init(struct disk *disk);
void disk_release(struct disk *disk);
/* Copy the PERSIST effects as the next batch; its number. */
uint64_t disk_push(struct disk *disk, uint64_t number,
                   const struct effects *fx);
/* The oldest batch is durable now. */
void disk_commit(struct disk *disk);
/* Power fails, or the process dies: the oldest `kept` batches made it. */
void disk_lose(struct disk *disk, uint32_t kept);
uint32_t disk_pending(const struct disk *disk);
/* The value of a record; empty when there is none. */
struct bytes disk_get(const struct disk *disk, const char *table,
                      struct bytes key);
bool disk_has(const struct disk *disk, const char *table, const char *key);
/* How many records a table has. */
uint32_t disk_count(const struct disk *disk, const char *table);
