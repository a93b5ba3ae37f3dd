/* A growing array as two macros. Declare any struct with `item`, `count` and
 * `capacity`, zero-initialised:
 *
 *     struct { struct offer *item; uint32_t count, capacity; } offers;
 *     *vec_add(&offers) = (struct offer){...};
 *
 * Items are owned by the array's owner; vec_free() frees the array only. */
#pragma once
#include "base/alloc.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define VEC(type)                 \
    struct {                      \
        type *item;               \
        uint32_t count, capacity; \
    }

/* Grow by one and give the address of the new, unset item. */
#define vec_add(v)                                                       \
    ((v)->count == (v)->capacity                                         \
         ? (void)((v)->capacity = (v)->capacity ? (v)->capacity * 2 : 8, \
                  (v)->item = xreallocarray((v)->item, (v)->capacity,    \
                                            sizeof *(v)->item))          \
         : (void)0,                                                      \
     &(v)->item[(v)->count++])

/* Remove item `at`, keeping the order. */
#define vec_remove(v, at)                                \
    (memmove(&(v)->item[at], &(v)->item[(at) + 1],       \
             ((v)->count - (at)-1) * sizeof *(v)->item), \
     (v)->count--)

#define vec_free(v) \
    (free((v)->item), (v)->item = NULL, (v)->count = (v)->capacity = 0)
