/* uthash as we want it, for every table that is found by a key. Include this,
 * never <uthash.h> itself. Memory that cannot be had ends the program in
 * xmalloc, keys are hashed by a function instead of 50 lines of macro, and
 * iteration is in the order of insertion.
 *
 * To clang-tidy a table is two functions it knows nothing of: the macros in
 * full are longer than any function may be, and the analyzer loses its way in
 * their pointers. */
#pragma once
#include "base/alloc.h"
#include "base/hash.h"
#include <stdlib.h>

#define uthash_malloc(size) xmalloc(size)
#define uthash_free(pointer, size) free(pointer)
#define uthash_fatal(text) abort()
#define HASH_FUNCTION(key, size, out) \
    ((out) = (unsigned)hash64(bytes_of(key, size), 0))
#include <uthash.h>

/* There are as many tables as jobs, most with one thing in them. */
#undef HASH_INITIAL_NUM_BUCKETS
#undef HASH_INITIAL_NUM_BUCKETS_LOG2
#define HASH_INITIAL_NUM_BUCKETS 4U
#define HASH_INITIAL_NUM_BUCKETS_LOG2 2U

/* Make room for `count` items when they are about to come: a table that grows
 * meanwhile goes through all of its items at every doubling. A table begins
 * with its first item. */
#ifdef __clang_analyzer__
void table_reserve(UT_hash_table *table, uint32_t count);
#else
static inline void table_reserve(UT_hash_table *table, uint32_t count)
{
    while (table->num_buckets < count / 2)
        HASH_EXPAND_BUCKETS(hh, table, oomed);
}
#endif
/* Soon an item of this hash is added: bring its bucket, and later what stands
 * in the bucket, which the new item will be linked to. */
static inline void table_bring(const UT_hash_table *table, unsigned hash)
{
    __builtin_prefetch(&table->buckets[hash & (table->num_buckets - 1)], 1);
}
static inline void table_bring_first(const UT_hash_table *table, unsigned hash)
{
    const UT_hash_handle *first =
        table->buckets[hash & (table->num_buckets - 1)].hh_head;

    __builtin_prefetch(first ? &first->hh_prev : NULL, 1);
}

#ifdef __clang_analyzer__
void *table_find(const void *head, const void *key, size_t size);
void *table_with(void *head, const void *item);
#undef HASH_FIND
#undef HASH_ADD_KEYPTR
#undef HASH_ADD_KEYPTR_BYHASHVALUE
#undef HASH_ADD
#undef HASH_DELETE
#define HASH_FIND(hh, head, key, size, out) \
    ((out) = table_find(head, key, (size_t)(size)))
#define HASH_ADD_KEYPTR(hh, head, key, size, item) \
    ((head) = table_with(head, item))
#define HASH_ADD_KEYPTR_BYHASHVALUE(hh, head, key, size, hash, item) \
    ((head) = table_with(head, item))
#define HASH_ADD(hh, head, field, size, item) ((head) = table_with(head, item))
#define HASH_DELETE(hh, head, item) ((head) = table_with(head, item))
#endif
