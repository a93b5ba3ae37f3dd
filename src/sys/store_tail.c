#include "sys/store_tail.h"
#include "base/vec.h"
#include "sys/store_batch.h"
#include "sys/store_log.h"
#include <stdlib.h>
#include <string.h>

static struct bytes copy_of(struct bytes bytes)
{
    uint8_t *copy = xmalloc(bytes.size + 1);

    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return bytes_of(copy, bytes.size);
}

static void op_free(struct store_tail_op *op)
{
    free(op->table);
    free((void *)(uintptr_t)op->key.data);
    free((void *)(uintptr_t)op->value.data);
}

static int keep(void *context, const struct store_op *op, struct err *err)
{
    struct store_tail *tail = context;
    uint32_t number = tail->count;

    (void)err;
    *vec_add(tail) = (struct store_tail_op){.table = xstrdup(op->table),
                                            .key = copy_of(op->key),
                                            .value = copy_of(op->value),
                                            .is_put = op->value.data != NULL,
                                            .number = number};
    return 0;
}

static int keep_batch(void *context, uint64_t sequence, struct bytes payload,
                      struct err *err)
{
    (void)sequence;
    return store_batch_decode(payload, keep, context, err);
}

/* As LMDB orders tables and keys. */
static int compare(const struct store_tail_op *op, const char *table,
                   struct bytes key)
{
    int order = bytes_compare(bytes_of_text(op->table), bytes_of_text(table));

    return order != 0 ? order : bytes_compare(op->key, key);
}

static int by_place(const void *a, const void *b)
{
    const struct store_tail_op *x = a, *y = b;
    int order = compare(x, y->table, y->key);

    return order != 0 ? order
                      : (x->number > y->number) - (x->number < y->number);
}

/* Of several words on one record the last one counts. */
static void drop_overtaken(struct store_tail *tail)
{
    uint32_t left = 0;

    for (uint32_t i = 0; i < tail->count; i++) {
        struct store_tail_op *op = &tail->item[i];
        if (i + 1 < tail->count &&
            compare(op, tail->item[i + 1].table, tail->item[i + 1].key) == 0)
            op_free(op);
        else
            tail->item[left++] = *op;
    }
    tail->count = left;
}

int store_tail_read(struct store_tail *tail, const char *dir, uint64_t applied,
                    struct err *err)
{
    uint64_t last;
    uint32_t repaired;
    int status =
        store_log_replay(dir, applied, keep_batch, tail, &last, &repaired, err);

    if (status < 0)
        return status;
    if (tail->count > 1)
        qsort(tail->item, tail->count, sizeof *tail->item, by_place);
    drop_overtaken(tail);
    return 0;
}

int store_tail_merge(struct store_tail *tail, const char *table,
                     struct bytes key, struct bytes value, store_visit *visit,
                     void *context, struct err *err)
{
    int order = -1, status = 0;

    while (status == 0 && tail->at < tail->count) {
        const struct store_tail_op *op = &tail->item[tail->at];
        if (table != NULL && (order = compare(op, table, key)) > 0)
            break;
        tail->at++;
        if (op->is_put)
            status = visit(context, op->table, op->key, op->value, err);
        if (table != NULL && order == 0)
            return status; /* instead of the record */
    }
    if (status == 0 && table != NULL)
        status = visit(context, table, key, value, err);
    return status;
}

void store_tail_release(struct store_tail *tail)
{
    for (uint32_t i = 0; i < tail->count; i++)
        op_free(&tail->item[i]);
    vec_free(tail);
}
