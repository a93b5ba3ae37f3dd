/* Blocks are chained newest first and double in size, so that an arena of n
 * bytes has O(log n) blocks. */
#include "base/arena.h"
#include "base/alloc.h"
#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_MIN = 4096, BLOCK_GROWTH_MAX = 1 << 20 };

struct arena_block {
    struct arena_block *older; /* owned */
    size_t size;               /* of data */
    max_align_t data[];
};

void arena_init(struct arena *arena)
{
    *arena = (struct arena){0};
}

void arena_release(struct arena *arena)
{
    while (arena->block) {
        struct arena_block *older = arena->block->older;
        free(arena->block);
        arena->block = older;
    }
    arena_init(arena);
}

void arena_clear(struct arena *arena)
{
    struct arena_block *largest = NULL, *older;

    for (struct arena_block *block = arena->block; block; block = older) {
        older = block->older;
        if (!largest || block->size > largest->size) {
            free(largest);
            largest = block;
        } else {
            free(block);
        }
    }
    if (largest)
        largest->older = NULL;
    *arena = (struct arena){.block = largest};
}

static void add_block(struct arena *arena, size_t need)
{
    size_t size = BLOCK_MIN;

    if (arena->block) {
        size = arena->block->size;
        if (size < BLOCK_GROWTH_MAX)
            size *= 2;
        else
            size = BLOCK_GROWTH_MAX; /* a huge request stays an exception */
    }
    if (size < need)
        size = need;
    struct arena_block *block = xmalloc(sizeof *block + size);
    block->older = arena->block;
    block->size = size;
    arena->block = block;
    arena->used = 0;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    const size_t align = alignof(max_align_t);

    if (size > SIZE_MAX / 4)
        abort(); /* no caller may ask for this; the sum would wrap */
    size_t need = (size + align - 1) / align * align;
    if (need == 0)
        need = align;
    if (!arena->block || arena->block->size - arena->used < need)
        add_block(arena, need);
    assert(arena->used % align == 0);
    void *at = (uint8_t *)arena->block->data + arena->used;
    arena->used += need;
    arena->total += need;
    return at;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
    return memset(arena_alloc(arena, size), 0, size);
}

void *arena_memdup(struct arena *arena, const void *from, size_t size)
{
    void *to = arena_alloc(arena, size);

    if (size)
        memcpy(to, from, size);
    return to;
}

char *arena_strndup(struct arena *arena, const char *text, size_t size)
{
    size_t length = strnlen(text, size);
    char *to = arena_alloc(arena, length + 1);

    memcpy(to, text, length);
    to[length] = '\0';
    return to;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_strndup(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(length >= 0);
    char *to = arena_alloc(arena, (size_t)length + 1);
    va_start(args, format);
    (void)vsnprintf(to, (size_t)length + 1, format, args);
    va_end(args);
    return to;
}
