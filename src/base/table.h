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

#ifdef __clang_analyzer__
void *table_find(const void *head, const void *key, size_t size);
void *table_with(void *head, const void *item);
#undef HASH_FIND
#undef HASH_ADD_KEYPTR
#undef HASH_ADD
#undef HASH_DELETE
#define HASH_FIND(hh, head, key, size, out) \
    ((out) = table_find(head, key, (size_t)(size)))
#define HASH_ADD_KEYPTR(hh, head, key, size, item) \
    ((head) = table_with(head, item))
#define HASH_ADD(hh, head, field, size, item) ((head) = table_with(head, item))
#define HASH_DELETE(hh, head, item) ((head) = table_with(head, item))
#endif
