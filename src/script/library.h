/* The libraries of the sandbox. Base Lua minus all that acts or tells one run
 * from another: no os, io, debug, load, coroutine, metatables, raw access,
 * randomness. `pairs`, `next` and `table.sort` have one order everywhere,
 * `tostring` and `format` show no address. */
#pragma once
#include <lua.h>

/* Fill the table on top of the stack with the libraries. */
void library_open(lua_State *L);

/* Replace the table on top by a read-only view of it; `what` names it in the
 * error of a write ("table 'string'"). */
void library_freeze(lua_State *L, const char *what);

/* The same for one whose names are known: reading another is an error with the
 * nearest one; `what` is "a host". */
void library_freeze_record(lua_State *L, const char *what);

/* Push a sorted array of the keys of the table at `index`: numbers ascending,
 * strings by byte, false, true. Raises on keys of other types. */
void library_push_keys(lua_State *L, int index);
/* Push what a `__pairs` returns: an iterator over the table at `index` in that
 * order. It does not give the table away. */
void library_push_iterator(lua_State *L, int index);
/* tostring() as files see it; pushes a string. */
const char *library_push_text(lua_State *L, int index);
