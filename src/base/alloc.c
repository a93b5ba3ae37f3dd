/* Allocation that never returns NULL. A process without memory cannot keep its
 * promises, so it stops at once and is restarted from its log. */
#include "base/alloc.h"
#include <stdlib.h>
#include <string.h>

/* malloc(0) may return NULL; one byte keeps "never NULL" true. */
static size_t at_least_one(size_t size)
{
    return size ? size : 1;
}

static void *checked(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

void *xmalloc(size_t size)
{
    return checked(malloc(at_least_one(size)));
}

void *xcalloc(size_t count, size_t size)
{
    return checked(calloc(at_least_one(count), at_least_one(size)));
}

void *xcalloc_aligned(size_t alignment, size_t size)
{
    return memset(checked(aligned_alloc(alignment, size)), 0, size);
}

void *xrealloc(void *old, size_t size)
{
    return checked(realloc(old, at_least_one(size)));
}

void *xreallocarray(void *old, size_t count, size_t size)
{
    return checked(reallocarray(old, at_least_one(count), at_least_one(size)));
}

char *xstrdup(const char *text)
{
    return checked(strdup(text));
}

char *xstrndup(const char *text, size_t size)
{
    return checked(strndup(text, size));
}

void *xmemdup(const void *from, size_t size)
{
    void *to = xmalloc(size);

    if (size)
        memcpy(to, from, size);
    return to;
}
