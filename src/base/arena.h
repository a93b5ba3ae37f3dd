/* An arena: things that die together. Allocation is a pointer bump; everything
 * goes at once with arena_release() or arena_clear(). Not for anything that
 * must be freed alone. Alignment is that of max_align_t. */
#pragma once
#include <stddef.h>

struct arena_block;
struct arena {
    struct arena_block *block; /* newest first; owned */
    size_t used;               /* bytes used in the newest block */
    size_t total;              /* bytes handed out since the last clear */
};

void arena_init(struct arena *arena);
void arena_release(struct arena *arena);
/* Forget everything but keep the largest block for the next use. */
void arena_clear(struct arena *arena);

void *arena_alloc(struct arena *arena, size_t size); /* not zeroed */
void *arena_zalloc(struct arena *arena, size_t size);
void *arena_memdup(struct arena *arena, const void *from, size_t size);
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t size);
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
