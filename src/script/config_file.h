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
