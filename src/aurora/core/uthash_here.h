/* uthash, set up for a core: memory that cannot be had aborts. Include this
 * instead of uthash.h. Tables iterate in the order of insertion.
 *
 * To clang-tidy a table is two functions it knows nothing of: the macros in
 * full are longer than any function may be, and the analyzer loses its way in
 * their pointers. */
#pragma once
#include "base/alloc.h"
#include <stdlib.h>

#define uthash_fatal(message) abort()
#define uthash_malloc(size) xmalloc(size)
#include <uthash.h>

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
