/* Functions of a job file as values: `place`, `rank`, `health`, scripts of
 * `notify`. A function is named for ever by the hash of its bundle and an
 * ordinal: whoever evaluates the bundle again finds the same function under the
 * same number, since an evaluation is the same on every run.
 *
 * Ordinals count from 1 in the order in which functions become messages: jobs
 * as the file gives them, their fields as the schema has them. They are never
 * given while a constructor goes through its table, which Lua does in another
 * order on every run. One function used twice has one ordinal; two closures of
 * one text are two functions. */
#pragma once
#include "base/arena.h"
#include "perigee/job.pb-c.h"
#include "script/evaluation.h"

enum { FUNCTIONS_MAX = 10000 };

/* Is the value at `index` a function written in Lua? Those of C (tostring, a
 * constructor) have no line to tell when they fail, and are refused. */
bool function_is_lua(lua_State *L, int index);
/* Name the function at `index`: its ordinal, file and line, in the arena.
 * Beyond FUNCTIONS_MAX it records a problem, and the ordinal is 0. */
Perigee__Function *function_message(lua_State *L, int index,
                                    struct arena *arena);
/* Push the function of that ordinal; false, and nothing, when there is none. */
bool function_push(lua_State *L, uint32_t ordinal);
