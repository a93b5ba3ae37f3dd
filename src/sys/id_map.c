#include "sys/id_map.h"
#include "base/alloc.h"
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

enum { CAPACITY_MIN = 16 };

struct id_slot {
    uint64_t key; /* 0: empty */
    void *thing;
};

void id_map_release(struct id_map *map)
{
    free(map->slot);
    *map = (struct id_map){0};
}

/* Keys count up: multiplying spreads them. */
static uint32_t home(const struct id_map *map, uint64_t key)
{
    return (uint32_t)((key * 0x9e3779b97f4a7c15u) >> 32) & (map->capacity - 1);
}

/* Where the key is, or the empty slot where it would go. */
static uint32_t probe(const struct id_map *map, uint64_t key)
{
    uint32_t at = home(map, key);

    while (map->slot[at].key != 0 && map->slot[at].key != key)
        at = (at + 1) & (map->capacity - 1);
    return at;
}

static void grow(struct id_map *map)
{
    struct id_map larger = {.capacity = map->capacity ? map->capacity * 2
                                                      : CAPACITY_MIN};

    larger.slot = xcalloc(larger.capacity, sizeof *larger.slot);
    for (uint32_t i = 0; i < map->capacity; i++)
        if (map->slot[i].key != 0)
            larger.slot[probe(&larger, map->slot[i].key)] = map->slot[i];
    larger.count = map->count;
    free(map->slot);
    *map = larger;
}

void id_map_put(struct id_map *map, uint64_t key, void *thing)
{
    assert(key != 0);
    if (map->count >= map->capacity / 2)
        grow(map);
    struct id_slot *slot = &map->slot[probe(map, key)];
    assert(slot->key == 0);
    *slot = (struct id_slot){key, thing};
    map->count++;
}

void *id_map_get(const struct id_map *map, uint64_t key)
{
    if (map->count == 0 || key == 0)
        return NULL;
    return map->slot[probe(map, key)].thing;
}

/* Empty a slot and move up what probed past it. */
static void close_gap(struct id_map *map, uint32_t gap)
{
    uint32_t mask = map->capacity - 1;

    for (uint32_t at = (gap + 1) & mask; map->slot[at].key != 0;
         at = (at + 1) & mask) {
        uint32_t from_home = (at - home(map, map->slot[at].key)) & mask;
        if (from_home >= ((at - gap) & mask)) {
            map->slot[gap] = map->slot[at];
            gap = at;
        }
    }
    map->slot[gap] = (struct id_slot){0};
}

void *id_map_remove(struct id_map *map, uint64_t key)
{
    void *thing = id_map_get(map, key);

    if (thing == NULL)
        return NULL;
    close_gap(map, probe(map, key));
    map->count--;
    return thing;
}

void *id_map_next(const struct id_map *map, uint32_t *at)
{
    while (*at < map->capacity) {
        const struct id_slot *slot = &map->slot[(*at)++];
        if (slot->key != 0)
            return slot->thing;
    }
    return NULL;
}

void *id_map_take(struct id_map *map)
{
    for (uint32_t i = 0; i < map->capacity && map->count > 0; i++)
        if (map->slot[i].key != 0)
            return id_map_remove(map, map->slot[i].key);
    return NULL;
}
