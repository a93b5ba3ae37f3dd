/* uthash as we want it: memory that cannot be had ends the program in xmalloc,
 * not in exit(), and keys are hashed by a function instead of 50 lines of
 * macro. Include this, never <uthash.h> itself. Iteration is in the order of
 * insertion. */
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
#include <utlist.h>
