#include "sys/store_changes.h"
#include "base/hash.h"
#include "base/vec.h"
#include "sys/store_batch.h"
#include <stdlib.h>
#include <string.h>

enum { SLOTS_MIN = 1024 };

/* --- the last word --- */

/* Where the record of this key is, or would come. */
static uint32_t *find(const struct store_changes *changes,
                      const struct store_change *wanted)
{
    uint32_t at = wanted->hash & (changes->slots - 1);

    while (changes->slot[at] != 0) {
        const struct store_change *known =
            &changes->item[changes->slot[at] - 1];
        if (known->hash == wanted->hash && known->table == wanted->table &&
            bytes_equal(known->key, wanted->key))
            break;
        at = (at + 1) & (changes->slots - 1);
    }
    return &changes->slot[at];
}

/* Half of the slots stay free at least. */
static void make_room(struct store_changes *changes)
{
    if (changes->count < changes->slots / 2)
        return;
    free(changes->slot);
    changes->slots = changes->slots > 0 ? changes->slots * 2 : SLOTS_MIN;
    changes->slot = xcalloc(changes->slots, sizeof *changes->slot);
    for (uint32_t i = 0; i < changes->count; i++)
        *find(changes, &changes->item[i]) = i + 1;
}

/* The same table as the op before, nearly always. */
static int number_of(struct store_changes *changes, const char *table,
                     uint32_t *out, struct err *err)
{
    uint32_t last = changes->last_table;

    for (uint32_t i = 0; i < changes->table_count; i++) {
        *out = (last + i) % changes->table_count;
        if (strcmp(changes->table[*out], table) == 0) {
            changes->last_table = *out;
            return 0;
        }
    }
    if (changes->table_count == STORE_TABLES_MAX)
        return err_set(err, ERR_LIMIT, "batches of more than %d tables",
                       STORE_TABLES_MAX);
    *out = changes->last_table = changes->table_count++;
    memcpy(changes->table[*out], table, strlen(table) + 1);
    return 0;
}

static int keep(void *context, const struct store_op *op, struct err *err)
{
    struct store_changes *changes = context;
    struct store_change change = {.key = op->key, .value = op->value};
    int status = number_of(changes, op->table, &change.table, err);

    if (status < 0)
        return status;
    change.hash = (uint32_t)hash64(op->key, change.table);
    make_room(changes);
    uint32_t *slot = find(changes, &change);
    if (*slot != 0) {
        changes->item[*slot - 1] = change;
        return 0;
    }
    *vec_add(changes) = change;
    *slot = changes->count;
    return 0;
}

/* --- their order --- */

static int by_place(const void *a, const void *b)
{
    const struct store_change *x = a, *y = b;

    if (x->table != y->table)
        return x->table < y->table ? -1 : 1;
    return bytes_compare(x->key, y->key);
}

int store_changes_read(struct store_changes *out, struct bytes batches,
                       struct err *err)
{
    uint32_t size;
    int status = 0;

    *out = (struct store_changes){0};
    while (batches.size > 0 && status == 0) {
        memcpy(&size, batches.data, sizeof size);
        status = store_batch_decode(bytes_of(batches.data + sizeof size, size),
                                    keep, out, err);
        batches.data += sizeof size + size;
        batches.size -= sizeof size + size;
    }
    if (status == 0 && out->count > 1)
        qsort(out->item, out->count, sizeof *out->item, by_place);
    return status;
}

void store_changes_release(struct store_changes *changes)
{
    free(changes->slot);
    vec_free(changes);
}
