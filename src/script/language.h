/* The names a job file sees besides the libraries: constructors, functions,
 * units, and what is understood but refused. */
#pragma once
#include "script/evaluation.h"

/* Into the table on top of the stack. */
void language_open(lua_State *L);
/* require() and import(): other files, each run once (script/module.c). */
void module_open(lua_State *L);
/* Run files anew when they are wanted next; the stdlib stays. */
void module_forget(lua_State *L);
/* Push what a module of the stdlib returns; false, and nothing, when there is
 * no such module. */
bool module_push_stdlib(lua_State *L, const char *name);
/* param() (script/parameter.c). */
void parameter_open(lua_State *L);
/* After the run: parameters that were given and never declared. */
void parameter_check_given(struct evaluation *e);
/* All that were declared, in the order in which they were met. */
void parameter_pack(struct evaluation *e, Perigee__Evaluation *out);

/* limit(), one_of(), ... into the table on top (script/operators.c). */
void operators_open(lua_State *L);
/* The first `count` values of the stack, or the one list among them, as a plain
 * table on top. */
void language_push_arguments(lua_State *L, int count);

/* Record a problem of a call that makes no value yet. */
void language_problem(lua_State *L, const char *function, const char *message,
                      const char *expected, const char *nearest);
/* Push a new environment and the chunk of a file of the user. A syntax error
 * is recorded and ends the run. */
void module_load(lua_State *L, struct bundle_file *file);
