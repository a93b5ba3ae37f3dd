/* How a batch looks in the log, and a value in the checkpoint.
 *
 *   batch:  op...      op: kind u8 (1 put, 2 delete) | table size u8 | key size
 *                          u16 | value size u32 | table | key | value
 *   value:  checksum u64 of key and value | value
 *
 * Little-endian. */
#pragma once
#include "sys/store.h"

/* Append to *out. ERR_INVALID, ERR_LIMIT for ops the store does not take. */
int store_batch_encode(const struct store_op *op, size_t count, struct buf *out,
                       struct err *err);
typedef int store_batch_visit(void *context, const struct store_op *op,
                              struct err *err);
/* Visit the ops of a batch; ERR_DAMAGED when it is not one. */
int store_batch_decode(struct bytes batch, store_batch_visit *visit,
                       void *context, struct err *err);

/* How many ops an encoded batch has. */
uint32_t store_batch_count(struct bytes batch);

uint64_t store_value_checksum(struct bytes key, struct bytes value);
/* Take a stored value apart; false when it fails its checksum. */
bool store_value_open(struct bytes key, struct bytes stored,
                      struct bytes *value);

/* What one stored value adds to the sum over all records of a checkpoint. */
uint64_t store_record_sum(const char *table, struct bytes stored);
