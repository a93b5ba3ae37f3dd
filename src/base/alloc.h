/* Memory that cannot be had ends the program: nothing here returns NULL.
 * Sizes are checked for overflow. */
#pragma once
#include <stddef.h>

void *xmalloc(size_t size)
    __attribute__((returns_nonnull, malloc, alloc_size(1)));
void *xcalloc(size_t count, size_t size)
    __attribute__((returns_nonnull, malloc, alloc_size(1, 2)));
/* Zeroed; the alignment is a power of two, the size a multiple of it. */
void *xcalloc_aligned(size_t alignment, size_t size)
    __attribute__((returns_nonnull, malloc, alloc_align(1), alloc_size(2)));
void *xrealloc(void *old, size_t size)
    __attribute__((returns_nonnull, alloc_size(2)));
void *xreallocarray(void *old, size_t count, size_t size)
    __attribute__((returns_nonnull, alloc_size(2, 3)));
char *xstrdup(const char *text) __attribute__((returns_nonnull, malloc));
char *xstrndup(const char *text, size_t size)
    __attribute__((returns_nonnull, malloc));
void *xmemdup(const void *from, size_t size)
    __attribute__((returns_nonnull, malloc));
