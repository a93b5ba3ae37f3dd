#include "sys/store_batch.h"
#include "base/hash.h"
#include <endian.h>
#include <string.h>

enum { KIND_PUT = 1, KIND_DELETE = 2, OP_BYTES = 8 };

static int check_op(const struct store_op *op, struct err *err)
{
    size_t table_size = strlen(op->table);

    if (table_size == 0 || table_size > STORE_TABLE_MAX)
        return err_set(err, ERR_INVALID, "table '%s': want 1 to %d bytes",
                       op->table, STORE_TABLE_MAX);
    if (op->key.size == 0 || op->key.size > STORE_KEY_MAX)
        return err_set(err, ERR_LIMIT,
                       "table %s: a key of %zu bytes, want 1 "
                       "to %d",
                       op->table, op->key.size, STORE_KEY_MAX);
    if (op->value.size > STORE_VALUE_MAX)
        return err_set(err, ERR_LIMIT,
                       "table %s: a value of %zu bytes, want "
                       "at most %d",
                       op->table, op->value.size, STORE_VALUE_MAX);
    return 0;
}

static uint8_t *put(uint8_t *to, const void *data, size_t size)
{
    if (data != NULL && size > 0) /* nothing may be nowhere */
        memcpy(to, data, size);
    return to + size;
}

static size_t value_size_of(const struct store_op *op)
{
    return op->value.data != NULL ? op->value.size : 0;
}

static uint8_t *put_op(uint8_t *to, const struct store_op *op)
{
    size_t table_size = strlen(op->table);
    uint8_t head[2] = {op->value.data ? KIND_PUT : KIND_DELETE,
                       (uint8_t)table_size};
    uint16_t key_size = htole16((uint16_t)op->key.size);
    uint32_t value_size = htole32((uint32_t)value_size_of(op));

    to = put(to, head, sizeof head);
    to = put(to, &key_size, sizeof key_size);
    to = put(to, &value_size, sizeof value_size);
    to = put(to, op->table, table_size);
    to = put(to, op->key.data, op->key.size);
    return put(to, op->value.data, value_size_of(op));
}

/* All are looked at before anything is written: room is made once. */
int store_batch_encode(const struct store_op *op, size_t count, struct buf *out,
                       struct err *err)
{
    size_t room = 0;

    for (size_t i = 0; i < count; i++) {
        int status = check_op(&op[i], err);
        if (status < 0)
            return status;
        room +=
            OP_BYTES + strlen(op[i].table) + op[i].key.size + op[i].value.size;
    }
    buf_reserve(out, room);
    uint8_t *end = out->data + out->size;
    for (size_t i = 0; i < count; i++)
        end = put_op(end, &op[i]);
    out->size = (size_t)(end - out->data);
    *end = 0; /* as buffers end */
    return 0;
}

static struct bytes take(struct bytes *from, size_t size)
{
    struct bytes taken = {from->data, size};

    from->data += size;
    from->size -= size;
    return taken;
}

int store_batch_decode(struct bytes batch, store_batch_visit *visit,
                       void *context, struct err *err)
{
    char table[STORE_TABLE_MAX + 1];

    while (batch.size >= OP_BYTES) {
        struct bytes head = take(&batch, OP_BYTES);
        uint16_t key_size;
        uint32_t value_size;
        memcpy(&key_size, head.data + 2, sizeof key_size);
        memcpy(&value_size, head.data + 4, sizeof value_size);
        size_t table_size = head.data[1], k = le16toh(key_size),
               v = le32toh(value_size);
        bool is_put = head.data[0] == KIND_PUT;
        if ((!is_put && head.data[0] != KIND_DELETE) || table_size == 0 ||
            table_size > STORE_TABLE_MAX || k == 0 || k > STORE_KEY_MAX ||
            v > STORE_VALUE_MAX || (!is_put && v > 0) ||
            batch.size < table_size + k + v ||
            memchr(batch.data, 0, table_size) != NULL)
            return err_set(err, ERR_DAMAGED, "a batch of the log is malformed");
        memcpy(table, take(&batch, table_size).data, table_size);
        table[table_size] = 0;
        struct store_op op = {.table = table, .key = take(&batch, k)};
        struct bytes value = take(&batch, v);
        if (is_put)
            op.value = value;
        int status = visit(context, &op, err);
        if (status < 0)
            return status;
    }
    if (batch.size > 0)
        return err_set(err, ERR_DAMAGED, "a batch of the log is malformed");
    return 0;
}

uint32_t store_batch_count(struct bytes batch)
{
    uint32_t count = 0, value_size;
    uint16_t key_size;
    size_t size;

    for (; batch.size >= OP_BYTES; count++) {
        memcpy(&key_size, batch.data + 2, sizeof key_size);
        memcpy(&value_size, batch.data + 4, sizeof value_size);
        size = (size_t)OP_BYTES + batch.data[1] + le16toh(key_size) +
               le32toh(value_size);
        if (size > batch.size)
            break;
        (void)take(&batch, size);
    }
    return count;
}

uint64_t store_value_checksum(struct bytes key, struct bytes value)
{
    return hash64(value, hash64(key, 0));
}

bool store_value_open(struct bytes key, struct bytes stored,
                      struct bytes *value)
{
    uint64_t sum;

    if (stored.size < sizeof sum)
        return false;
    memcpy(&sum, stored.data, sizeof sum);
    *value = (struct bytes){stored.data + sizeof sum, stored.size - sizeof sum};
    return store_value_checksum(key, *value) == sum;
}

uint64_t store_record_sum(const char *table, struct bytes stored)
{
    uint64_t checksum = 0; /* of key and value, in front of it */

    if (stored.size >= sizeof checksum)
        memcpy(&checksum, stored.data, sizeof checksum);
    return hash64(bytes_of_text(table), checksum);
}
