/* The assertions of a job file: FILE_test.lua beside FILE.lua, run in the same
 * child with the same budgets. It sees the jobs of the file as values by their
 * names, and besides the language
 *
 *   expect(value):equals(v) :differs(v) :matches(pattern) :contains(v)
 *                 :lacks(v) :is_nil() :is_true() :is_false() :is_error(text)
 *   test("name", function() ... end)    what fails inside carries its name
 *   evaluate { parameter = value }      the jobs that the file gives then
 *   jobs["nightly-report"]              names that Lua cannot write, and keys
 *
 * An expectation that does not hold is recorded and the file goes on; a Lua
 * error ends the test it is in. expect(value) without a method is a mistake. */
#pragma once
#include "script/evaluation.h"

enum { TEST_FAILURES_MAX = 200, TEST_MESSAGE_MAX = 1000 };

/* After evaluation_run(): run the file at `path` below the root. NULL when the
 * job file could not even be read. In e->arena. */
Perigee__TestReport *tests_run(struct evaluation *e, const char *path);

/* --- shared by tests.c and expect.c --- */

/* Count an expectation; `message` says why it failed, NULL when it held. */
void tests_count(lua_State *L, const char *message);
/* expect() was called: one of its methods must follow. A number for it. */
int64_t tests_promise(lua_State *L);
void tests_settle(lua_State *L, int64_t number);
/* expect() into the table on top. */
void expect_open(lua_State *L);
/* Is the value at `index` a result of evaluate()? Its problems as one text are
 * pushed, nil when there are none. */
bool tests_push_problems(lua_State *L, int index);
/* Call the function at `index` without arguments; push the text of its error
 * and of the problems it recorded, nil when there are none. */
void tests_push_failure(lua_State *L, int index);
