/* A Lua state in which a file can compute but not act: allow-listed libraries
 * (DSL.md rule 6), a memory budget, no bytecode, no way to an address, a clock
 * or randomness. What is left out or replaced, and why: script/library.c.
 *
 * Every file gets an environment of its own that falls through to the
 * `language`, the names all files share. Names of the language cannot be
 * assigned; reading a name that nothing defined is an error with a suggestion.
 *
 * Time is not limited here: a job file runs in a child with a CPU timer
 * (script/worker.h), an operator's configuration under a step limit. */
#pragma once
#include "base/err.h"
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    SANDBOX_FILE_MAX = 256,
    SANDBOX_TEXT_MAX = 512,
    SANDBOX_TRACE_MAX = 2048
};

/* Why a run ended: a Lua error with the place in the user's files. */
struct sandbox_failure {
    char file[SANDBOX_FILE_MAX]; /* "" when no file is to blame */
    int line;
    char text[SANDBOX_TEXT_MAX];
    char trace[SANDBOX_TRACE_MAX]; /* the calls that led there; "" unknown */
    bool is_syntax;
};

struct sandbox {
    lua_State *L;
    size_t used_bytes, max_bytes;
    uint64_t steps, steps_max; /* in thousands of instructions; 0: no limit */
    bool is_spent;             /* a budget was exceeded: pcall lets it pass */
    struct sandbox_failure refused; /* where memory was refused last */
    void *owner;                    /* of whoever opened it */
};

int sandbox_open(struct sandbox *s, size_t max_bytes, struct err *err);
void sandbox_close(struct sandbox *s); /* accepts a zeroed one */
struct sandbox *sandbox_of(lua_State *L);
/* Give up after so many instructions. */
void sandbox_limit_steps(struct sandbox *s, uint64_t steps);

/* Push the language table; while setting up, add names to it. */
void sandbox_push_language(lua_State *L);
/* Push a new environment for one file. */
void sandbox_push_environment(lua_State *L);

/* Load text (never bytecode) named `file` with the environment on top of the
 * stack; the environment stays, the function is pushed. A byte order mark at
 * the start is passed over. */
int sandbox_load(struct sandbox *s, const char *file, const char *text,
                 size_t size, struct sandbox_failure *failure);
/* The one protected call: function and arguments are popped, `results` are
 * pushed on success (0); on failure nothing, and *failure says why. */
int sandbox_call(struct sandbox *s, int arguments, int results,
                 struct sandbox_failure *failure);

/* The innermost line of a user's file that is running; false if none is.
 * Allocates nothing, so that an allocator or a signal handler may ask. */
bool sandbox_where(lua_State *L, char file[SANDBOX_FILE_MAX], int *line);
