/* From numbers to things: a hash table with open addressing. Keys are not 0;
 * the things belong to whoever put them in. Zero-initialised is empty. */
#pragma once
#include <stdint.h>

struct id_map {
    struct id_slot *slot; /* owned */
    uint32_t capacity;    /* a power of two, or 0 */
    uint32_t count;
};

void id_map_release(struct id_map *map);
/* The key must not be there yet. */
void id_map_put(struct id_map *map, uint64_t key, void *thing);
void *id_map_get(const struct id_map *map, uint64_t key); /* NULL: none */
void *id_map_remove(struct id_map *map, uint64_t key);    /* NULL: none */
/* Walk: start with *at = 0, end with NULL. Nothing may be put or removed
 * meanwhile; the order means nothing. */
void *id_map_next(const struct id_map *map, uint32_t *at);
/* Some entry, taken out; NULL when empty. */
void *id_map_take(struct id_map *map);
