#include "tests/sim/disk.h"

#include "base/alloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void disk_init(struct disk *disk)
{
    *disk = (struct disk){0};
    disk->last = &disk->first;
}

static void record_release(struct disk_record *record)
{
    free(record->table);
    buf_release(&record->key);
    buf_release(&record->value);
}

void disk_release(struct disk *disk)
{
    disk_lose(disk, 0);
    for (uint32_t i = 0; i < disk->count; i++)
        record_release(&disk->record[i]);
    free(disk->record);
}

static int compare(const struct disk_record *record, const char *table,
                   struct bytes key)
{
    int order = strcmp(record->table, table);
    size_t least = record->key.size < key.size ? record->key.size : key.size;

    if (order == 0 && least > 0)
        order = memcmp(record->key.data, key.data, least);
    if (order != 0)
        return order;
    return (record->key.size > key.size) - (record->key.size < key.size);
}

/* Where the record is, or where it belongs. */
static uint32_t find(const struct disk *disk, const char *table,
                     struct bytes key, bool *is_there)
{
    uint32_t low = 0, high = disk->count;

    *is_there = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare(&disk->record[middle], table, key);
        if (order == 0) {
            *is_there = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void insert(struct disk *disk, uint32_t at, const char *table,
                   struct bytes key)
{
    if (disk->count == disk->capacity) {
        disk->capacity = disk->capacity ? disk->capacity * 2 : 64;
        disk->record =
            xreallocarray(disk->record, disk->capacity, sizeof *disk->record);
    }
    memmove(&disk->record[at + 1], &disk->record[at],
            (disk->count - at) * sizeof *disk->record);
    disk->count++;
    disk->record[at] = (struct disk_record){.table = xstrdup(table)};
    buf_add_bytes(&disk->record[at].key, key);
}

static void apply(struct disk *disk, const struct effect *effect)
{
    bool is_there;
    uint32_t at =
        find(disk, effect->persist.table, effect->persist.key, &is_there);

    if (effect->bytes.data == NULL) {
        if (!is_there)
            return;
        record_release(&disk->record[at]);
        disk->count--;
        memmove(&disk->record[at], &disk->record[at + 1],
                (disk->count - at) * sizeof *disk->record);
        return;
    }
    if (!is_there)
        insert(disk, at, effect->persist.table, effect->persist.key);
    buf_clear(&disk->record[at].value);
    buf_add_bytes(&disk->record[at].value, effect->bytes);
}

uint64_t disk_push(struct disk *disk, uint64_t number, const struct effects *fx)
{
    struct disk_batch *batch = xcalloc(1, sizeof *batch);

    batch->number = number;
    effects_init(&batch->fx);
    for (uint32_t i = 0; i < fx->count; i++) {
        const struct effect *effect = &fx->item[i];
        if (effect->kind != EFFECT_PERSIST)
            continue;
        if (effect->bytes.data == NULL)
            effect_forget(&batch->fx, effect->persist.table,
                          effect->persist.key);
        else
            effect_persist(&batch->fx, effect->persist.table,
                           effect->persist.key, effect->bytes);
    }
    *disk->last = batch;
    disk->last = &batch->next;
    return number;
}

static void pop(struct disk *disk)
{
    struct disk_batch *batch = disk->first;

    disk->first = batch->next;
    if (disk->first == NULL)
        disk->last = &disk->first;
    effects_release(&batch->fx);
    free(batch);
}

void disk_commit(struct disk *disk)
{
    assert(disk->first != NULL);
    if (disk->on_batch != NULL)
        disk->on_batch(disk->context, &disk->first->fx);
    for (uint32_t i = 0; i < disk->first->fx.count; i++)
        apply(disk, &disk->first->fx.item[i]);
    disk->durable = disk->first->number;
    pop(disk);
}

void disk_lose(struct disk *disk, uint32_t kept)
{
    while (disk->first != NULL && kept-- > 0)
        disk_commit(disk);
    while (disk->first != NULL)
        pop(disk);
}

uint32_t disk_pending(const struct disk *disk)
{
    uint32_t count = 0;

    for (const struct disk_batch *b = disk->first; b != NULL; b = b->next)
        count++;
    return count;
}

uint32_t disk_count(const struct disk *disk, const char *table)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < disk->count; i++)
        count += strcmp(disk->record[i].table, table) == 0;
    return count;
}

struct bytes disk_get(const struct disk *disk, const char *table,
                      struct bytes key)
{
    bool is_there;
    uint32_t at = find(disk, table, key, &is_there);

    return is_there ? buf_bytes(&disk->record[at].value) : bytes_of("", 0);
}

bool disk_has(const struct disk *disk, const char *table, const char *key)
{
    bool is_there;

    (void)find(disk, table, bytes_of_text(key), &is_there);
    return is_there;
}
