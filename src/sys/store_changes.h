/* What several batches come to: the last word on each record, by table, then
 * key. Who applies them all at once need not say what was true in between, and
 * goes through a table from its one end to the other. */
#pragma once
#include "sys/store.h"

struct store_change {
    uint32_t table; /* its place in the names below */
    uint32_t hash;  /* of table and key */
    struct bytes key;
    struct bytes value; /* data == NULL deletes */
};

struct store_changes { /* views into the batches */
    struct store_change *item;
    uint32_t count, capacity;
    uint32_t *slot; /* owned; by hash: item + 1, or 0 */
    uint32_t slots; /* a power of two */
    char table[STORE_TABLES_MAX][STORE_TABLE_MAX + 1];
    uint32_t table_count, last_table;
};

/* `batches`: encoded ones (sys/store_batch.h), each behind its u32 size. They
 * must live as long as *out. ERR_DAMAGED, ERR_LIMIT (too many tables). */
int store_changes_read(struct store_changes *out, struct bytes batches,
                       struct err *err);
void store_changes_release(struct store_changes *changes);
