/* The Lua file of a daemon's configuration, as a list of names with their
 * values as text and the lines that set them. What the values mean is the
 * business of script/config.c. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

enum { CONFIG_FILE_BYTES_MAX = 1 << 20, CONFIG_FILE_STEPS_MAX = 50000000 };

typedef int config_assigned(void *context, const char *name, const char *value,
                            int line, struct err *err);

/* Run the file at `path`; then, in the order of names, tell every global name
 * it assigned. Stops at the first error. */
int config_file_run(const char *path, config_assigned *assigned, void *context,
                    struct err *err);

/* Run the file at `path`; then call `read` in protected mode with a table from
 * each assigned name to its line, the table of the names themselves, and
 * `context` as light userdata. What it raises becomes ERR_INVALID. */
struct lua_State;
int config_file_read(const char *path, int (*read)(struct lua_State *L),
                     void *context, struct err *err);
