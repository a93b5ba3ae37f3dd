/* uthash without exit(): memory that cannot be had ends the program in xmalloc.
 * Include this, never <uthash.h> itself, and only from .c files and core.h. */
#pragma once
#include "base/alloc.h"
#include <stdlib.h>
#define uthash_malloc(size) xmalloc(size)
#define uthash_free(pointer, size) free(pointer)
#define uthash_fatal(text) abort()
#include <uthash.h>
#include <utlist.h>
