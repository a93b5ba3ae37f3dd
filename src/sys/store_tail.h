/* The end of the log as a layer over a checkpoint: records that were put or
 * deleted since, by table, then key. With it the records of a store can be read
 * before the checkpoint has taken them in. */
#pragma once
#include "sys/store.h"

struct store_tail_op {
    char *table;      /* owned */
    struct bytes key; /* owned; as the value */
    struct bytes value;
    bool is_put;
    uint32_t number; /* the later one counts */
};

struct store_tail {
    struct store_tail_op *item;
    uint32_t count, capacity;
    uint32_t at; /* the next one that was not visited */
};

/* Read the log in `dir` behind `applied`. */
int store_tail_read(struct store_tail *tail, const char *dir, uint64_t applied,
                    struct err *err);
/* A record of the checkpoint comes, or (table NULL) all have come: visit what
 * stands before it, and it, unless the log has another word on it. */
int store_tail_merge(struct store_tail *tail, const char *table,
                     struct bytes key, struct bytes value, store_visit *visit,
                     void *context, struct err *err);
void store_tail_release(struct store_tail *tail);
