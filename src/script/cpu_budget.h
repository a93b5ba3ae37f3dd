/* The CPU time that Lua may take in this process, which is a child that may
 * end. One budget runs at a time.
 *
 *   budget             the time is up: Lua is asked at its next instruction
 *   + 20 ms of CPU     it sits in C (a pattern, a long string): its process
 *                      ends from the signal handler, wherever it was
 *   + 50 ms            SIGKILL, in case even that did not work
 *
 * An instruction hook alone stops neither pattern matching nor a loop around
 * pcall, and RLIMIT_CPU counts whole seconds. */
#pragma once
#include "script/sandbox.h"
#include <stdint.h>

struct cpu_budget {
    struct sandbox *sandbox; /* its state may still be NULL */
    int64_t cpu_ms;
    /* In Lua, where everything may be called. Does not return: it answers and
     * exits, or raises an error after setting sandbox->is_spent. */
    void (*in_lua)(lua_State *L, void *context);
    /* In a signal handler: write(2) and nothing else, then the process ends. */
    void (*in_c)(void *context);
    void *context;
};

/* Once per process, before the first budget. False: no timers to be had. */
bool cpu_budget_open(void);
/* *budget stays the caller's, and alive until the stop. */
void cpu_budget_start(const struct cpu_budget *budget);
void cpu_budget_stop(void);
/* From in_lua(): a last second to say what was found so far. */
void cpu_budget_extend(void);
