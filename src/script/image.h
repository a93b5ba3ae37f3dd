/* What a file left in memory when it had run, so that functions can be called
 * one after the other without one call seeing what another one wrote: each
 * starts from the same tables, globals and upvalues.
 *
 * The image holds every table and closure that the functions can reach, once,
 * with their contents. Values of the language are immutable; only what they
 * hold is looked at. Libraries cannot be written and are not reached. */
#pragma once
#include "script/sandbox.h"

enum { IMAGE_ENTRIES_MAX = 1000000 }; /* of all tables together */

struct image {
    lua_Integer tables, upvalues; /* how many */
    size_t entries;
};

/* From what the value on top reaches; it stays. Raises beyond the maximum. */
void image_take(lua_State *L, struct image *out);
/* Make everything as it was; true when something had changed. */
bool image_restore(lua_State *L, const struct image *image);
