/* uthash, set up for a core: memory that cannot be had aborts. Include this
 * instead of uthash.h. Tables iterate in the order of insertion. */
#pragma once
#include "base/alloc.h"
#include <stdlib.h>

#define uthash_fatal(message) abort()
#define uthash_malloc(size) xmalloc(size)
#include <uthash.h>
